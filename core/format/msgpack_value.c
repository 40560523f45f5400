// msgpack values into rows: every type of column, nested ones by recursion over their types.
#include "core/format/msgpack_value.h"

#include <math.h>
#include <stdio.h>

#include "core/base/text.h"
#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"
#include "core/format/any_time.h"
#include "core/format/copy.h"
#include "core/format/json_chunk.h"
#include "core/format/json_index.h"
#include "core/format/number_write.h"

enum { OK = 0, NIL = 1 };

static const char *found(const struct tm_any *v)
{
    static const char *const names[] = {[TM_ANY_END] = "nothing",
                                        [TM_ANY_NIL] = "nil",
                                        [TM_ANY_BOOL] = "a boolean",
                                        [TM_ANY_INT] = "an integer",
                                        [TM_ANY_UINT] = "an integer",
                                        [TM_ANY_DOUBLE] = "a float",
                                        [TM_ANY_STRING] = "a string",
                                        [TM_ANY_BINARY] = "a binary",
                                        [TM_ANY_ARRAY] = "an array",
                                        [TM_ANY_MAP] = "a map",
                                        [TM_ANY_EXTENSION] = "an extension",
                                        [TM_ANY_DECIMAL] = "a decimal"};
    return names[v->kind];
}

static int set(struct tm__msgpack_reader *r, int code)
{
    r->fail.bare = false;
    r->fail.path[0] = 0;
    return r->fail.code = code;
}

__attribute__((cold)) static int fail_type(struct tm__msgpack_reader *r, struct tm_type type,
                                           const struct tm_any *v, const uint8_t *at)
{
    char text[TM_TYPE_TEXT];
    snprintf(r->fail.message, sizeof r->fail.message, ": found %s, needs %s (byte %zu)", found(v),
             tm_type_text(type, text), (size_t)(at - r->start));
    return set(r, TM_E_BAD_TYPE);
}

__attribute__((cold)) static int fail_value(struct tm__msgpack_reader *r, int code, const char *why,
                                            const uint8_t *at)
{
    snprintf(r->fail.message, sizeof r->fail.message, " %s (byte %zu)", why,
             (size_t)(at - r->start));
    return set(r, code);
}

static int fail_room(struct tm__msgpack_reader *r, size_t bytes)
{
    return tm__json_fail_room(
        &r->fail, r->builder.row_size + bytes > TM_ROW_BYTES_MAX ? TM_E_LIMIT : TM_E_MEMORY);
}

// --- scalars: into v[0], v[1] --------------------------------------------------------------------

static int read_whole(struct tm__msgpack_reader *r, struct tm_type type, const struct tm_any *v,
                      const uint8_t *at, uint64_t *word)
{
    int64_t n = v->integer;
    bool fits = v->kind == TM_ANY_INT;
    if (v->kind == TM_ANY_DOUBLE) {
        if (v->number != floor(v->number))
            return fail_value(r, TM_E_BAD_TYPE, "has a fraction, needs a whole number", at);
        fits = v->number >= -9223372036854775808.0 && v->number < 9223372036854775808.0;
        n = fits ? (int64_t)v->number : 0;
    } else if (v->kind != TM_ANY_INT && v->kind != TM_ANY_UINT) {
        return fail_type(r, type, v, at);
    }
    if (type.kind == TM_TYPE_INT64 && !fits)
        return fail_value(r, TM_E_BAD_NUMBER, "does not fit int64", at);
    if (type.kind != TM_TYPE_INT64 && (!fits || n > TM_INT_MAX || n < -TM_INT_MAX))
        return fail_value(r, TM_E_BAD_NUMBER,
                          type.kind == TM_TYPE_INT
                              ? "is beyond 2^53, which int holds exactly; declare it as int64"
                              : "is not a timestamp in milliseconds",
                          at);
    *word = (uint64_t)n;
    return OK;
}

static int read_double(struct tm__msgpack_reader *r, struct tm_type type, const struct tm_any *v,
                       const uint8_t *at, uint64_t *word)
{
    double d = v->kind == TM_ANY_DOUBLE ? v->number
               : v->kind == TM_ANY_INT  ? (double)v->integer
                                        : (double)(uint64_t)v->integer;
    if (v->kind != TM_ANY_DOUBLE && v->kind != TM_ANY_INT && v->kind != TM_ANY_UINT)
        return fail_type(r, type, v, at);
    memcpy(word, &d, sizeof d);
    return OK;
}

static int read_timestamp(struct tm__msgpack_reader *r, struct tm_type type, const struct tm_any *v,
                          const uint8_t *at, uint64_t *word)
{
    int64_t ms;
    if (v->kind == TM_ANY_STRING) {
        if (tm_timestamp_parse((const char *)v->bytes, v->count, &ms) != 0)
            return fail_value(r, TM_E_BAD_TIMESTAMP, "is not a time of ISO 8601", at);
    } else if (v->kind == TM_ANY_EXTENSION) {
        if (!tm__any_time(v, &ms))
            return fail_value(r, TM_E_BAD_TIMESTAMP, "is an extension that is no timestamp", at);
    } else {
        return read_whole(r, type, v, at, word);
    }
    *word = (uint64_t)ms;
    return OK;
}

// A number enters through its shortest decimal text.
static int read_decimal(struct tm__msgpack_reader *r, struct tm_type type, const struct tm_any *v,
                        const uint8_t *at, uint64_t *words)
{
    uint8_t text[TM__NUMBER_MAX + 16];
    const char *p = (const char *)text;
    size_t len;
    tm_int128 value;
    if (v->kind == TM_ANY_STRING) {
        p = (const char *)v->bytes;
        len = v->count;
    } else if (v->kind == TM_ANY_INT) {
        len = (size_t)(tm__put_integer(text, v->integer) - text);
    } else if (v->kind == TM_ANY_UINT) {
        len = (size_t)snprintf((char *)text, sizeof text, "%llu", (unsigned long long)v->integer);
    } else if (v->kind == TM_ANY_DOUBLE && isfinite(v->number)) {
        len = (size_t)(tm__put_double(text, v->number) - text);
    } else {
        return fail_type(r, type, v, at);
    }
    int rc = tm_decimal_parse(p, len, type.precision, type.scale, &value);
    if (rc == TM_E_OVERFLOW || rc == TM_E_BAD_NUMBER) {
        char why[TM_TYPE_TEXT + 16], name[TM_TYPE_TEXT];
        snprintf(why, sizeof why, "does not fit %s", tm_type_text(type, name));
        return fail_value(r, TM_E_BAD_NUMBER, why, at);
    }
    if (rc != 0)
        return fail_value(r, TM_E_BAD_TYPE, "is not a decimal number", at);
    memcpy(words, &value, sizeof value);
    return OK;
}

// Bytes to the row's end; their reference counts from `base`.
static int put_bytes(struct tm__msgpack_reader *r, const uint8_t *p, uint32_t len, uint32_t base,
                     uint64_t *word)
{
    uint8_t *to = tm_nest_room(&r->nest, len);
    if (to == NULL)
        return fail_room(r, len);
    memcpy(to, p, len);
    *word = tm_nest_ref((uint32_t)r->builder.row_size - base, len);
    r->builder.row_size += len;
    return OK;
}

static int read_text(struct tm__msgpack_reader *r, struct tm_type type, const struct tm_any *v,
                     const uint8_t *at, uint32_t base, uint64_t *word)
{
    bool is_bytes = type.kind == TM_TYPE_BYTES; // older writers had one kind for both
    if (v->kind != TM_ANY_STRING && (!is_bytes || v->kind != TM_ANY_BINARY))
        return fail_type(r, type, v, at);
    if (!is_bytes && !tm__utf8_is_valid(v->bytes, v->count))
        return fail_value(r, TM_E_BAD_UTF8, "is not valid UTF-8", at);
    return put_bytes(r, v->bytes, v->count, base, word);
}

static int read_any(struct tm__msgpack_reader *r, const uint8_t **p, uint32_t base, uint64_t *word)
{
    const uint8_t *at = *p;
    *p = tm_any_skip(at, r->end);
    uint32_t len = (uint32_t)(*p - at);
    if (!tm_any_is_valid(at, len))
        return fail_value(r, TM_E_BAD_UTF8, "has a text that is not valid UTF-8", at);
    return put_bytes(r, at, len, base, word);
}

static int read_scalar(struct tm__msgpack_reader *r, struct tm_type type, const struct tm_any *v,
                       const uint8_t *at, uint32_t base, uint64_t *words)
{
    switch (type.kind) {
    case TM_TYPE_BOOL:
        words[0] = (uint64_t)v->integer;
        return v->kind == TM_ANY_BOOL ? OK : fail_type(r, type, v, at);
    case TM_TYPE_DOUBLE:
        return read_double(r, type, v, at, words);
    case TM_TYPE_DECIMAL:
        return read_decimal(r, type, v, at, words);
    case TM_TYPE_STRING:
    case TM_TYPE_BYTES:
        return read_text(r, type, v, at, base, words);
    case TM_TYPE_TIMESTAMP:
        return read_timestamp(r, type, v, at, words);
    default:
        return read_whole(r, type, v, at, words);
    }
}

// --- nested --------------------------------------------------------------------------------------

static int read_nested(struct tm__msgpack_reader *r, struct tm__key_node *node,
                       const struct tm_any *v, const uint8_t **p);

// The value at *p of `node`, a field of what is open.
static int read_field(struct tm__msgpack_reader *r, struct tm__key_node *node, const uint8_t **p)
{
    struct tm_nest *n = &r->nest;
    struct tm_nest_frame *f = tm__nest_top(n);
    const uint8_t *at = *p;
    struct tm_any v = tm_any_read(at, r->end);
    uint64_t words[2] = {0, 0};
    int rc;
    if (v.kind == TM_ANY_NIL) {
        *p = v.next;
        if (node->required && f->kind != TM_TYPE_STRUCT)
            return tm__json_fail_required(&r->fail, true);
        return tm_nest_put_null(n, (uint32_t)node->field) == 0 ? OK : fail_room(r, 0);
    }
    if (tm_type_is_nested(node->type)) {
        if ((rc = read_nested(r, node, &v, p)) != 0)
            return rc;
        rc = tm_nest_close(n, (uint32_t)node->field);
        return rc == 0 ? OK : tm__json_fail_room(&r->fail, rc);
    }
    *p = v.next;
    if (node->type.kind == TM_TYPE_ANY) {
        *p = at;
        rc = read_any(r, p, f->start, words);
    } else {
        rc = read_scalar(r, node->type, &v, at, f->start, words);
        if (v.kind == TM_ANY_ARRAY || v.kind == TM_ANY_MAP)
            *p = tm_any_skip(at, r->end);
    }
    if (rc != 0)
        return rc;
    size_t size = tm_type_slot_bytes(node->type);
    uint8_t *slot = tm_nest_slot(n, f, f->kind, (uint32_t)node->field, size);
    if (slot == NULL)
        return fail_room(r, 0);
    memcpy(slot, words, size);
    return OK;
}

static int read_list(struct tm__msgpack_reader *r, const struct tm__key_node *of, uint32_t count,
                     const uint8_t **p)
{
    for (uint32_t i = 0; i < count; i++) {
        int rc = read_field(r, of->keys->nodes, p);
        if (rc != 0) {
            tm__json_fail_in_item(&r->fail, i);
            return rc;
        }
    }
    return OK;
}

struct tm__key_node *tm__msgpack_find(struct tm__keys *keys, struct tm__key_node *before,
                                      const uint8_t *p, uint32_t len)
{
    struct tm__key_node *next = before->next;
    if (TM_LIKELY(next->field >= 0 && next->length == len && memcmp(next->name, p, len) == 0))
        return next;
    next = tm__keys_find_plain(keys, p, len);
    if (next != NULL)
        before->next = next;
    return next;
}

static int check_required(struct tm__msgpack_reader *r, const struct tm__keys *keys)
{
    const struct tm_builder *b = &r->builder;
    const struct tm_nest_frame *f = tm_nest_top(&r->nest);
    const uint8_t *row = b->batch->data + b->row_start + f->start;
    const uint64_t *nulls = ((const struct tm_row *)(const void *)row)->nulls;
    for (uint32_t i = 0; i < keys->field_count; i++) {
        if ((keys->required[i >> 6] & nulls[i >> 6]) >> (i & 63) & 1) {
            int rc = tm__json_fail_required(&r->fail, false);
            tm__json_fail_in(&r->fail, keys->nodes[i].name);
            return rc;
        }
    }
    return OK;
}

static int read_struct(struct tm__msgpack_reader *r, const struct tm__key_node *of, uint32_t count,
                       const uint8_t **p)
{
    struct tm__keys *keys = of->keys;
    struct tm__key_node *last = keys->start;
    for (uint32_t i = 0; i < count; i++) {
        struct tm_any key = tm_any_read(*p, r->end);
        struct tm__key_node *node =
            key.kind == TM_ANY_STRING ? tm__msgpack_find(keys, last, key.bytes, key.count) : NULL;
        *p = tm_any_skip(*p, r->end);
        if (node == NULL) {
            *p = tm_any_skip(*p, r->end);
            continue;
        }
        last = node;
        int rc = read_field(r, node, p);
        if (rc != 0) {
            tm__json_fail_in(&r->fail, node->name);
            return rc;
        }
    }
    return check_required(r, keys);
}

static int read_map(struct tm__msgpack_reader *r, const struct tm__key_node *of, uint32_t count,
                    const uint8_t **p)
{
    struct tm_nest *n = &r->nest;
    struct tm__key_node *nodes = of->keys->nodes;
    struct tm_nest_frame *f = tm__nest_top(n);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = *p;
        struct tm_any key = tm_any_read(at, r->end);
        uint64_t word[2];
        int rc = read_scalar(r, nodes->type, &key, at, f->start, word);
        if (rc != 0)
            return rc;
        uint8_t *slot = tm_nest_slot(n, f, TM_TYPE_MAP, 0, 8);
        if (slot == NULL)
            return fail_room(r, 0);
        memcpy(slot, word, 8);
        *p = key.next;
        if ((rc = read_field(r, nodes + 1, p)) == 0)
            continue;
        if (key.kind == TM_ANY_STRING)
            tm__json_fail_in_entry(&r->fail, key.bytes, key.count);
        else
            tm__json_fail_in_item(&r->fail, i);
        return rc;
    }
    return OK;
}

// Opens the value; the caller closes it.
static int read_nested(struct tm__msgpack_reader *r, struct tm__key_node *node,
                       const struct tm_any *v, const uint8_t **p)
{
    bool is_list = node->type.kind == TM_TYPE_LIST;
    if (v->kind != (is_list ? TM_ANY_ARRAY : TM_ANY_MAP))
        return fail_type(r, node->type, v, *p);
    int rc = tm_nest_open(&r->nest, node->type);
    if (rc != 0)
        return tm__json_fail_room(&r->fail, rc);
    *p = v->next;
    return is_list                             ? read_list(r, node, v->count, p)
           : node->type.kind == TM_TYPE_STRUCT ? read_struct(r, node, v->count, p)
                                               : read_map(r, node, v->count, p);
}

// The values that records are full of: doubles, and texts of up to 255 ASCII bytes. The record is
// known to be whole. False: another way.
static inline bool read_usual(struct tm__msgpack_reader *r, const struct tm__key_node *node,
                              const uint8_t **p, uint64_t *word)
{
    const uint8_t *at = *p;
    if (node->type.kind == TM_TYPE_DOUBLE) {
        memcpy(word, at + 1, sizeof *word);
        *word = __builtin_bswap64(*word);
        *p = at + 9;
        return *at == 0xcb;
    }
    bool is_short = (*at & 0xe0) == 0xa0;
    uint32_t len = is_short ? *at & 0x1f : at[1];
    if (node->type.kind != TM_TYPE_STRING || (!is_short && *at != 0xd9))
        return false;
    at += is_short ? 1 : 2;
    uint8_t *to = tm_nest_room(&r->nest, len);
    if (TM_UNLIKELY(to == NULL || !tm__is_ascii(at, len)))
        return false;
    tm__copy(to, at, len);
    *word = tm_nest_ref((uint32_t)r->builder.row_size, len);
    r->builder.row_size += len;
    *p = at + len;
    return true;
}

int tm__msgpack_read_column(struct tm__msgpack_reader *r, struct tm__key_node *node,
                            const uint8_t **p)
{
    struct tm_builder *b = &r->builder;
    const uint8_t *at = *p;
    uint64_t words[2] = {0, 0};
    if (TM_LIKELY(read_usual(r, node, p, words))) {
        memcpy(b->batch->data + b->row_start + node->offset, words, sizeof *words);
        return OK;
    }
    *p = at;
    struct tm_any v = tm_any_read(at, r->end);
    int rc;
    if (v.kind == TM_ANY_NIL) {
        *p = v.next;
        return NIL;
    }
    if (tm_type_is_nested(node->type)) {
        if ((rc = read_nested(r, node, &v, p)) == 0 &&
            (rc = tm_nest_close(&r->nest, (uint32_t)node->field)) != 0)
            tm__json_fail_room(&r->fail, rc);
    } else if (node->type.kind == TM_TYPE_ANY) {
        rc = read_any(r, p, 0, words);
    } else {
        rc = read_scalar(r, node->type, &v, at, 0, words);
        *p = v.next;
    }
    if (rc != 0) {
        tm__json_fail_in(&r->fail, node->name);
        return r->fail.code;
    }
    if (!tm_type_is_nested(node->type))
        memcpy(b->batch->data + b->row_start + node->offset, words, tm_type_slot_bytes(node->type));
    return OK;
}
