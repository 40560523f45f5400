// What can be asked of a running job, and how a request says it. Pure: method, path and arguments
// in, a request or an error out.
//
//   GET  /v1/job        what it is and how far it is
//   GET  /v1/report     the report, as it would be now
//   GET  /metrics       the same for Prometheus
//   GET  /v1/states     names of states
//   GET  /v1/state      ?name=OPERATOR.STATE&key=JSON, or &limit=N, or &keyless=true
//   POST /v1/savepoint  [?path=FOLDER]
//   POST /v1/stop       [?drain=true]
//   POST /v1/cancel
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

enum tm_request_kind {
    TM_REQUEST_JOB,
    TM_REQUEST_REPORT,
    TM_REQUEST_METRICS,
    TM_REQUEST_STATES,
    TM_REQUEST_STATE_GET,
    TM_REQUEST_STATE_SCAN,
    TM_REQUEST_SAVEPOINT,
    TM_REQUEST_STOP,
    TM_REQUEST_DRAIN,
    TM_REQUEST_CANCEL,
};

enum { TM_REQUEST_LIMIT = 100, TM_REQUEST_LIMIT_MAX = 100000, TM_REQUEST_VALUE_MAX = 4096 };

// Texts are the caller's.
struct tm_request {
    enum tm_request_kind kind;
    const char *path; // of SAVEPOINT; NULL: the job's own place
    const char *name; // of STATE_*
    const char *key;  // of STATE_GET
    uint32_t limit;   // of STATE_SCAN
    bool keyless;     // of STATE_SCAN: the state is of no key, which one that has keys refuses
};

struct tm_request_text {
    const char *method, *path; // "GET", "/v1/job"
    // Of the query, decoded; NULL: it has none of this name.
    const char *(*argument)(void *arg, const char *name);
    void *arg;
};

// 0, or an HTTP status that says why not: 400, 404, 405, with err filled.
int tm_request_parse(const struct tm_request_text *text, struct tm_request *request,
                     struct tm_error *err) TM_WARN_UNUSED;
