// The options of tm.webhook, typed and checked.
#pragma once

#include "core/task/connector.h"

enum tm__webhook_body {
    TM__WEBHOOK_LINES,  // JSON Lines
    TM__WEBHOOK_ARRAY,  // one JSON array
    TM__WEBHOOK_RECORD, // one record in each request
};

struct tm__webhook_options {
    struct tm_mem *mem;
    struct tm_options values;       // owns the texts
    struct tm_http_request request; // all but its body
    struct tm_buf headers;          // those given and what is added
    char shown_url[256];            // without credentials and the query's values
    enum tm__webhook_body body;
    uint32_t batch; // rows of a request, at most
    size_t batch_bytes;
    int64_t every_ns; // a row waits for others at most this long
    uint32_t in_flight;
    uint32_t attempts;
    int64_t retry_min_ms, retry_max_ms;
    bool omit_nulls, timestamps_as_ms;
};

extern const struct tm_option_def tm__webhook_option_defs[];

int tm__webhook_options_read(struct tm__webhook_options *o, struct tm_mem *mem,
                             const struct tm_node *node, struct tm_error *err) TM_WARN_UNUSED;
void tm__webhook_options_fini(struct tm__webhook_options *o);
// `url` for messages and logs: without user and password, without what stands behind '?'.
void tm__webhook_show_url(const char *url, char *text, size_t size);
