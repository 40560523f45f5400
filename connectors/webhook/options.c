// Options, and the parts of a request that are always the same.
#include "connectors/webhook/options.h"

#include <stdio.h>

#include "core/base/limits.h"
#include "core/base/text.h"

const struct tm_option_def tm__webhook_option_defs[] = {
    {"url", TM_OPTION_STRING, true, NULL, "where requests go: http:// or https://", NULL},
    {"body", TM_OPTION_STRING, false, "lines",
     "JSON Lines, one JSON array, or one record in each request", "lines|array|record"},
    {"batch", TM_OPTION_INT, false, "100", "rows in a request, at most", NULL},
    {"batch_bytes", TM_OPTION_SIZE, false, "1MB", "bytes of a request: no row is added beyond",
     NULL},
    {"every", TM_OPTION_DURATION, false, "1s", "how long a row waits for others, at most", NULL},
    {"in_flight", TM_OPTION_INT, false, "1",
     "requests under way at once, of each subtask; with more than one, rows can arrive out of "
     "order",
     NULL},
    {"timeout", TM_OPTION_DURATION, false, "30s", "how long one attempt may take", NULL},
    {"headers", TM_OPTION_STRING, false, "", "\"Name: value\" lines", NULL},
    {"retry_attempts", TM_OPTION_INT, false, "10",
     "how often a request is tried before the job fails", NULL},
    {"retry_min", TM_OPTION_DURATION, false, "200ms", "wait before the second attempt; doubles",
     NULL},
    {"retry_max", TM_OPTION_DURATION, false, "30s", "wait between attempts, at most", NULL},
    {"verify", TM_OPTION_BOOL, false, "true", "check the server's certificate", NULL},
    {"ca", TM_OPTION_STRING, false, NULL,
     "file with certificates to trust, instead of the system's", NULL},
    {"nulls", TM_OPTION_STRING, false, "write", "are null columns written", "write|omit"},
    {"timestamp", TM_OPTION_STRING, false, "iso", "how timestamps are written", "iso|ms"},
    {.name = NULL}};

void tm__webhook_show_url(const char *url, char *text, size_t size)
{
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    size_t plain = strcspn(host, "?#");
    const char *from = at == NULL ? host : at + 1;
    snprintf(text, size, "%.*s%s%.*s%s", (int)(host - url), url, at == NULL ? "" : "***@",
             (int)(host + plain - from), from, host[plain] == '\0' ? "" : "?***");
}

static int read_range(const struct tm__webhook_options *o, const char *name, int64_t low,
                      int64_t high, int64_t *value, struct tm_error *err)
{
    *value = tm_options_integer(&o->values, name, low);
    if (*value >= low && *value <= high)
        return 0;
    return tm_error_set(err, TM_E_OPTION, "tm.webhook: %s is %lld; it is from %lld to %lld", name,
                        (long long)*value, (long long)low, (long long)high);
}

static int read_numbers(struct tm__webhook_options *o, struct tm_error *err)
{
    enum { DAY_MS = 86400000 };
    int64_t batch, bytes, every, in_flight, attempts;
    int rc = read_range(o, "batch", 1, 1000000, &batch, err);
    if (rc == 0)
        rc = read_range(o, "batch_bytes", 1, TM_ROW_BYTES_MAX, &bytes, err);
    if (rc == 0)
        rc = read_range(o, "every", 0, DAY_MS, &every, err);
    if (rc == 0)
        rc = read_range(o, "in_flight", 1, TM_WEBHOOK_IN_FLIGHT, &in_flight, err);
    if (rc == 0)
        rc = read_range(o, "timeout", 1, DAY_MS, &o->request.timeout_ms, err);
    if (rc == 0)
        rc = read_range(o, "retry_attempts", 1, 1000000, &attempts, err);
    if (rc == 0)
        rc = read_range(o, "retry_min", 1, DAY_MS, &o->retry_min_ms, err);
    if (rc == 0)
        rc = read_range(o, "retry_max", o->retry_min_ms, DAY_MS, &o->retry_max_ms, err);
    if (rc != 0)
        return rc;
    o->batch = o->body == TM__WEBHOOK_RECORD ? 1 : (uint32_t)batch;
    o->batch_bytes = (size_t)bytes;
    o->every_ns = every * 1000000;
    o->in_flight = (uint32_t)in_flight;
    o->attempts = (uint32_t)attempts;
    return 0;
}

// Is there a header of this name among the lines?
static bool has_header(const char *lines, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = lines; *p != '\0';
         p += p[strcspn(p, "\n")] == '\n' ? strcspn(p, "\n") + 1 : strcspn(p, "\n")) {
        if (strncasecmp(p, name, len) == 0 && p[len] == ':')
            return true;
    }
    return false;
}

static int make_headers(struct tm__webhook_options *o, struct tm_error *err)
{
    const char *given = tm_options_text(&o->values, "headers");
    const char *type = o->body == TM__WEBHOOK_LINES ? "application/x-ndjson" : "application/json";
    int rc = tm_buf_printf(&o->headers, "%s%s", given,
                           given[0] == '\0' || given[strlen(given) - 1] == '\n' ? "" : "\n");
    if (rc == 0 && !has_header(given, "Content-Type"))
        rc = tm_buf_printf(&o->headers, "Content-Type: %s\n", type);
    if (rc == 0)
        rc = tm_buf_append(&o->headers, "", 1);
    o->request.headers = (const char *)o->headers.data;
    return rc == 0 ? 0 : tm_error_set(err, rc, "tm.webhook: out of memory for its headers");
}

int tm__webhook_options_read(struct tm__webhook_options *o, struct tm_mem *mem,
                             const struct tm_node *node, struct tm_error *err)
{
    *o = (struct tm__webhook_options){.mem = mem};
    tm_options_init(&o->values, mem);
    tm_buf_init(&o->headers, mem);
    if (tm_options_copy(&o->values, &node->options) != 0)
        return tm_error_set(err, TM_E_MEMORY, "tm.webhook: out of memory for its options");
    int rc = tm_options_check(&o->values, tm__webhook_option_defs, "tm.webhook", err);
    if (rc != 0)
        return rc;
    const char *body = tm_options_text(&o->values, "body");
    o->body = strcmp(body, "array") == 0    ? TM__WEBHOOK_ARRAY
              : strcmp(body, "record") == 0 ? TM__WEBHOOK_RECORD
                                            : TM__WEBHOOK_LINES;
    o->request.url = tm_options_text(&o->values, "url");
    o->request.insecure = tm_options_integer(&o->values, "verify", 1) == 0;
    o->request.ca_file = tm_options_text(&o->values, "ca");
    o->omit_nulls = strcmp(tm_options_text(&o->values, "nulls"), "omit") == 0;
    o->timestamps_as_ms = strcmp(tm_options_text(&o->values, "timestamp"), "ms") == 0;
    tm__webhook_show_url(o->request.url, o->shown_url, sizeof o->shown_url);
    if (strncasecmp(o->request.url, "http://", 7) != 0 &&
        strncasecmp(o->request.url, "https://", 8) != 0)
        return tm_error_set(err, TM_E_OPTION,
                            "tm.webhook: url is \"%s\"; it begins with http:// or https://",
                            o->shown_url);
    rc = read_numbers(o, err);
    return rc == 0 ? make_headers(o, err) : rc;
}

void tm__webhook_options_fini(struct tm__webhook_options *o)
{
    tm_buf_fini(&o->headers);
    tm_options_fini(&o->values);
}
