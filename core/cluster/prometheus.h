// Metrics as Prometheus reads them (text format 0.0.4): a family is its name, type and help, then
// its samples. Names and labels are made valid here, whatever they are given as.
#pragma once

#include "core/base/buf.h"

enum { TM_PROMETHEUS_NAME_MAX = 400 };
#define TM_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct tm_prometheus {
    struct tm_buf *out;
    int rc; // the first error: TM_E_MEMORY; everything after it does nothing
};

struct tm_prometheus_label {
    const char *name, *value;
};

// `type`: "counter", "gauge", "summary", "histogram". Samples of a family follow it without another
// in between.
void tm_prometheus_family(struct tm_prometheus *p, const char *name, const char *type,
                          const char *help);
// `suffix`: what stands behind the name of the family: "", "_sum", "_count", "_bucket".
void tm_prometheus_sample(struct tm_prometheus *p, const char *name, const char *suffix,
                          const struct tm_prometheus_label *labels, uint32_t label_count,
                          double value);
// What is no letter, digit or _ becomes _; with `prefix` in front and `suffix` behind it unless it
// ends so already.
const char *tm_prometheus_name(const char *prefix, const char *name, const char *suffix,
                               char text[TM_PROMETHEUS_NAME_MAX]);
