// Requests by one table of methods and paths.
#include "core/cluster/request.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

struct route {
    const char *method, *path;
    enum tm_request_kind kind;
};
static const struct route routes[] = {
    {"GET", "/v1/job", TM_REQUEST_JOB},          {"GET", "/v1/report", TM_REQUEST_REPORT},
    {"GET", "/metrics", TM_REQUEST_METRICS},     {"GET", "/v1/states", TM_REQUEST_STATES},
    {"GET", "/v1/state", TM_REQUEST_STATE_SCAN}, {"POST", "/v1/savepoint", TM_REQUEST_SAVEPOINT},
    {"POST", "/v1/stop", TM_REQUEST_STOP},       {"POST", "/v1/cancel", TM_REQUEST_CANCEL},
};
enum { ROUTES = sizeof routes / sizeof routes[0] };

static int bad(struct tm_error *err, int status, const char *what, const char *given)
{
    tm_error_set(err, TM_E_ARGUMENT, "%s: '%.100s'", what, given);
    return status;
}

static int unknown_path(const char *path, struct tm_error *err)
{
    const char *paths[ROUTES];
    for (uint32_t i = 0; i < ROUTES; i++)
        paths[i] = routes[i].path;
    const char *nearest = tm_text_nearest(path, paths, ROUTES);
    (void)bad(err, 404, "nothing is here", path);
    if (nearest != NULL)
        tm_error_hint(err, "did you mean %s?", nearest);
    return 404;
}

// An argument of bounded length.
static int take(const struct tm_request_text *text, const char *name, const char **value,
                struct tm_error *err)
{
    *value = text->argument(text->arg, name);
    if (*value != NULL && strlen(*value) > TM_REQUEST_VALUE_MAX)
        return bad(err, 400, "this argument is too long", name);
    return 0;
}

static int parse_limit(const char *value, uint32_t *limit, struct tm_error *err)
{
    char *end;
    *limit = TM_REQUEST_LIMIT;
    if (value == NULL)
        return 0;
    long n = strtol(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0' || n < 1 || n > TM_REQUEST_LIMIT_MAX)
        return bad(err, 400, "limit is a whole number from 1 to 100000, not", value);
    *limit = (uint32_t)n;
    return 0;
}

static int parse_flag(const char *name, const char *value, bool *flag, struct tm_error *err)
{
    *flag = value != NULL && (value[0] == '\0' || strcmp(value, "true") == 0);
    if (value == NULL || *flag || strcmp(value, "false") == 0)
        return 0;
    tm_error_set(err, TM_E_ARGUMENT, "%s is true or false, not: '%.100s'", name, value);
    return 400;
}

static int parse_state(const struct tm_request_text *text, struct tm_request *request,
                       struct tm_error *err)
{
    const char *limit, *keyless;
    int status = take(text, "name", &request->name, err);
    if (status == 0)
        status = take(text, "key", &request->key, err);
    if (status == 0)
        status = take(text, "limit", &limit, err);
    if (status == 0)
        status = take(text, "keyless", &keyless, err);
    if (status == 0 && (request->name == NULL || request->name[0] == '\0'))
        status = bad(err, 400, "an argument is missing", "name");
    if (status == 0)
        status = parse_limit(limit, &request->limit, err);
    if (status == 0)
        status = parse_flag("keyless", keyless, &request->keyless, err);
    if (status == 0 && request->keyless && request->key != NULL)
        status = bad(err, 400, "keyless, and a key is given", request->key);
    if (request->key != NULL)
        request->kind = TM_REQUEST_STATE_GET;
    return status;
}

static int parse_stop(const struct tm_request_text *text, struct tm_request *request,
                      struct tm_error *err)
{
    const char *drain;
    bool drains = false;
    int status = take(text, "drain", &drain, err);
    if (status == 0)
        status = parse_flag("drain", drain, &drains, err);
    if (drains)
        request->kind = TM_REQUEST_DRAIN;
    return status;
}

static int parse_savepoint(const struct tm_request_text *text, struct tm_request *request,
                           struct tm_error *err)
{
    int status = take(text, "path", &request->path, err);
    if (status == 0 && request->path != NULL && request->path[0] != '/')
        return bad(err, 400, "the path of a savepoint begins with a slash", request->path);
    return status;
}

int tm_request_parse(const struct tm_request_text *text, struct tm_request *request,
                     struct tm_error *err)
{
    const struct route *route = NULL;
    for (uint32_t i = 0; i < ROUTES && route == NULL; i++)
        if (strcmp(text->path, routes[i].path) == 0)
            route = &routes[i];
    *request = (struct tm_request){.limit = TM_REQUEST_LIMIT};
    if (route == NULL)
        return unknown_path(text->path, err);
    if (strcmp(text->method, route->method) != 0) {
        tm_error_set(err, TM_E_ARGUMENT, "%s takes %s, not %.16s", route->path, route->method,
                     text->method);
        return 405;
    }
    request->kind = route->kind;
    switch (route->kind) {
    case TM_REQUEST_STATE_SCAN:
        return parse_state(text, request, err);
    case TM_REQUEST_STOP:
        return parse_stop(text, request, err);
    case TM_REQUEST_SAVEPOINT:
        return parse_savepoint(text, request, err);
    default:
        return 0;
    }
}
