// Values of type any, msgpack, as JSON text. Keys that are whole numbers become texts; binaries are
// base64, the timestamps of msgpack are ISO 8601. What has no counterpart in JSON cannot be
// written: other extension types, keys of other kinds.
#include <math.h>
#include <stdio.h>

#include "core/batch/any.h"
#include "core/format/any_time.h"
#include "core/format/base64.h"
#include "core/format/json_write.h"
#include "core/format/json_writer.h"

static inline uint8_t *put_text(uint8_t *out, const char *text)
{
    size_t len = strlen(text);
    memcpy(out, text, len);
    return out + len;
}

static uint8_t *refuse(struct tm__json_writer *w, uint8_t *out, const char *why)
{
    if (w->is_message)
        return put_text(out, "null");
    w->fail.bare = false;
    w->fail.path[0] = 0;
    snprintf(w->fail.message, sizeof w->fail.message, " %s, which JSON has no form for", why);
    return NULL;
}

static uint8_t *put_extension(struct tm__json_writer *w, uint8_t *out, const struct tm_any *v)
{
    struct tm__time_memo memo = {.length = 0};
    int64_t ms;
    if (!tm__any_time(v, &ms))
        return refuse(w, out, "holds an extension of msgpack that is no timestamp");
    if (w->timestamps_as_ms)
        return tm__put_integer(out, ms);
    *out++ = '"';
    out = tm__put_timestamp(out, ms, &w->date, &memo);
    *out++ = '"';
    return out;
}

// Beyond int64.
static uint8_t *put_unsigned(uint8_t *out, uint64_t v)
{
    out = tm__put_integer(out, (int64_t)(v / 10));
    *out++ = (uint8_t)('0' + v % 10);
    return out;
}

static uint8_t *put_leaf(struct tm__json_writer *w, uint8_t *out, const struct tm_any *v)
{
    switch (v->kind) {
    case TM_ANY_NIL:
        return put_text(out, "null");
    case TM_ANY_BOOL:
        return put_text(out, v->integer != 0 ? "true" : "false");
    case TM_ANY_INT:
        return tm__put_integer(out, v->integer);
    case TM_ANY_UINT:
        return put_unsigned(out, (uint64_t)v->integer);
    case TM_ANY_DOUBLE:
        return isfinite(v->number) ? tm__put_double(out, v->number)
                                   : tm__json_put_no_number(w, out, v->number);
    case TM_ANY_STRING:
        return w->is_message ? tm__json_put_string(out, v->bytes, v->count)
                             : tm__json_put_batch_string(out, v->bytes, v->count);
    case TM_ANY_BINARY:
        *out++ = '"';
        out = tm__base64_encode(out, v->bytes, v->count);
        *out++ = '"';
        return out;
    case TM_ANY_DECIMAL:
        memcpy(out, v->bytes, v->count);
        return out + v->count;
    default:
        return put_extension(w, out, v);
    }
}

static uint8_t *put_key(struct tm__json_writer *w, uint8_t *out, const struct tm_any *v)
{
    if (v->kind == TM_ANY_STRING)
        return put_leaf(w, out, v);
    *out++ = '"';
    if (v->kind == TM_ANY_INT || v->kind == TM_ANY_UINT)
        out = put_leaf(w, out, v);
    else if (refuse(w, out, "has a key that is neither a text nor a whole number") == NULL)
        return NULL;
    *out++ = '"';
    return out;
}

// Values are valid and at most TM_ANY_DEPTH_MAX deep, as all of a row.
uint8_t *tm__json_put_any(struct tm__json_writer *w, uint8_t *out, const uint8_t **p,
                          const uint8_t *end)
{
    struct tm_any v = tm_any_read(*p, end);
    *p = v.next;
    if (v.kind != TM_ANY_ARRAY && v.kind != TM_ANY_MAP)
        return put_leaf(w, out, &v);
    bool is_map = v.kind == TM_ANY_MAP;
    *out++ = is_map ? '{' : '[';
    for (uint32_t i = 0; i < v.count; i++) {
        struct tm_any key = {.kind = TM_ANY_NIL};
        if (i != 0)
            *out++ = ',';
        if (is_map) {
            key = tm_any_read(*p, end);
            *p = key.next;
            if ((out = put_key(w, out, &key)) == NULL)
                return NULL;
            *out++ = ':';
        }
        if ((out = tm__json_put_any(w, out, p, end)) != NULL)
            continue;
        if (key.kind == TM_ANY_STRING)
            tm__json_fail_in_entry(&w->fail, key.bytes, key.count);
        else
            tm__json_fail_in_item(&w->fail, i);
        return NULL;
    }
    *out++ = is_map ? '}' : ']';
    return out;
}
