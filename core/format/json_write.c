// The JSON Lines encoder, and single rows as JSON for messages and dead letters.
//
// Everything that does not change from row to row is made once: the text in front of each value,
// the bound of a row's fixed part. A row reserves its room once and is then written without checks.
// Each field's text begins with a comma, and the first comma becomes the opening brace.
#include "core/format/json_write.h"

#include <math.h>
#include <stdio.h>

#include "core/base/arena.h"
#include "core/base/limits.h"
#include "core/batch/decimal.h"
#include "core/format/base64.h"
#include "core/format/formats.h"
#include "core/format/number_write.h"

enum { SHORT_PREFIX = 16, ESCAPED_MAX = 6, ROW_SLACK = 64 /* and the kind of a change */ };

struct field {
    uint8_t prefix[SHORT_PREFIX]; // ,"name":
    const uint8_t *long_prefix;   // when it is longer than that
    uint32_t prefix_length;
    uint32_t index, offset;
    uint8_t kind, scale;
    const char *name;
    struct tm__time_memo memo; // of a timestamp
};

struct json_encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm_arena arena; // fields and prefixes
    struct field *fields;  // visible ones
    uint32_t field_count, reference_count;
    uint32_t *references; // offsets of the visible columns that hold one
    size_t fixed_bound;   // bytes of a row's text without what references point to
    bool omit_nulls, timestamps_as_ms;
    bool is_message; // the row may stand outside a batch; NaN and infinities become strings
    struct tm__date_cache date;
};

static inline uint8_t *put_prefix(uint8_t *out, const struct field *field)
{
    if (TM_LIKELY(field->prefix_length <= SHORT_PREFIX))
        memcpy(out, field->prefix, SHORT_PREFIX);
    else
        memcpy(out, field->long_prefix, field->prefix_length);
    return out + field->prefix_length;
}

static uint8_t *put_text(uint8_t *out, const char *text)
{
    size_t len = strlen(text);
    memcpy(out, text, len);
    return out + len;
}

static inline uint8_t *put_quoted_time(struct json_encoder *e, struct field *field, uint8_t *out,
                                       int64_t ms)
{
    if (e->timestamps_as_ms)
        return tm__put_integer(out, ms);
    *out++ = '"';
    out = tm__put_timestamp(out, ms, &e->date, &field->memo);
    *out++ = '"';
    return out;
}

// NULL: it cannot be written.
static inline uint8_t *put_value(struct json_encoder *e, uint8_t *out, struct field *field,
                                 const struct tm_row *row)
{
    uint32_t len;
    const char *p;
    double number;
    switch (field->kind) {
    case TM_TYPE_BOOL:
        return put_text(out, tm_row_int(row, field->offset) != 0 ? "true" : "false");
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
        return tm__put_integer(out, tm_row_int(row, field->offset));
    case TM_TYPE_DOUBLE:
        number = tm_row_double(row, field->offset);
        if (TM_LIKELY(isfinite(number)))
            return tm__put_double(out, number);
        if (!e->is_message)
            return NULL;
        return put_text(out, isnan(number) ? "\"NaN\""
                             : number < 0  ? "\"-Infinity\""
                                           : "\"Infinity\"");
    case TM_TYPE_DECIMAL:
        return out +
               tm_decimal_format(tm_row_decimal(row, field->offset), field->scale, (char *)out);
    case TM_TYPE_TIMESTAMP:
        return put_quoted_time(e, field, out, tm_row_int(row, field->offset));
    case TM_TYPE_BYTES:
        p = tm_row_string(row, field->offset, &len);
        *out++ = '"';
        out = tm__base64_encode(out, (const uint8_t *)p, len);
        *out++ = '"';
        return out;
    default:
        p = tm_row_string(row, field->offset, &len);
        return e->is_message ? tm__json_put_string(out, (const uint8_t *)p, len)
                             : tm__json_put_batch_string(out, (const uint8_t *)p, len);
    }
}

// The bytes that a row's text has at most.
static inline size_t row_bound(const struct json_encoder *e, const struct tm_row *row)
{
    size_t bound = e->fixed_bound;
    const uint32_t *end = e->references + e->reference_count;
    for (const uint32_t *offset = e->references; offset != end; offset++) {
        uint32_t length; // of a tm_ref
        memcpy(&length, (const uint8_t *)row + *offset + offsetof(struct tm_ref, length), 4);
        bound += (size_t)length * ESCAPED_MAX;
    }
    return bound;
}

// The row as an object; *failed is the field that cannot be written, then NULL is returned.
static inline uint8_t *put_row(struct json_encoder *e, uint8_t *out, const struct tm_row *row,
                               const struct field **failed)
{
    uint8_t *start = out;
    if (e->schema->changelog) {
        out = put_text(out, ",\"op\":\"");
        out = put_text(out, tm_row_kind_text(row->kind));
        *out++ = '"';
    }
    const bool omit_nulls = e->omit_nulls;
    for (struct field *field = e->fields, *end = field + e->field_count; field != end; field++) {
        if (TM_UNLIKELY(tm_row_is_null(row, field->index))) {
            if (!omit_nulls)
                out = put_text(put_prefix(out, field), "null");
            continue;
        }
        out = put_value(e, put_prefix(out, field), field, row);
        if (TM_UNLIKELY(out == NULL)) {
            *failed = field;
            return NULL;
        }
    }
    if (out == start)
        out++;
    *start = '{';
    *out++ = '}';
    return out;
}

static int json_encode(struct tm_encoder *base, const struct tm_batch *batch,
                       const struct tm_row **row, struct tm_buf *out, size_t limit_bytes,
                       int (*bad)(void *arg, const struct tm_row *row, int code,
                                  const char *message),
                       void *arg)
{
    struct json_encoder *e = (struct json_encoder *)base;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    int rc = 0;
    while (rc == 0 && *row < end && out->size_bytes < limit_bytes) {
        const struct field *failed;
        if ((rc = tm_buf_reserve(out, row_bound(e, *row))) != 0)
            break;
        uint8_t *p = put_row(e, out->data + out->size_bytes, *row, &failed);
        if (TM_LIKELY(p != NULL)) {
            *p++ = '\n';
            out->size_bytes = (size_t)(p - out->data);
        } else {
            char message[TM_NAME_MAX + 80];
            snprintf(message, sizeof message, "field %s is %s, which JSON has no number for",
                     failed->name, isnan(tm_row_double(*row, failed->offset)) ? "NaN" : "infinite");
            rc = bad(arg, *row, TM_E_NOT_ENCODABLE, message);
        }
        *row = tm_row_next(*row);
    }
    return rc;
}

static void encoder_fini(struct json_encoder *e)
{
    tm_arena_fini(&e->arena);
    tm_schema_unref(e->schema);
}

static void json_free(struct tm_encoder *base)
{
    struct json_encoder *e = (struct json_encoder *)base;
    encoder_fini(e);
    tm_mem_free(e->mem, e, sizeof *e);
}

static const struct tm_encoder_ops json_ops = {.encode = json_encode, .free = json_free};

static int add_field(struct json_encoder *e, const struct tm_schema *schema, uint32_t index)
{
    const struct tm_field *from = &schema->fields[index];
    struct field *field = &e->fields[e->field_count++];
    size_t len = strlen(from->name);
    uint8_t *prefix = tm_arena_alloc(&e->arena, len * ESCAPED_MAX + 4 + SHORT_PREFIX);
    if (prefix == NULL)
        return TM_E_MEMORY;
    prefix[0] = ',';
    uint8_t *end = tm__json_put_string(prefix + 1, (const uint8_t *)from->name, len);
    *end++ = ':';
    *field = (struct field){.long_prefix = prefix,
                            .prefix_length = (uint32_t)(end - prefix),
                            .index = index,
                            .offset = from->offset,
                            .kind = from->type.kind,
                            .scale = from->type.scale,
                            .name = from->name};
    if (field->prefix_length <= SHORT_PREFIX)
        memcpy(field->prefix, prefix, field->prefix_length);
    if (tm_type_is_reference(from->type))
        e->references[e->reference_count++] = from->offset;
    e->fixed_bound += field->prefix_length + TM__NUMBER_MAX;
    return 0;
}

static int encoder_init(struct json_encoder *e, const struct tm_encoder_args *args)
{
    *e = (struct json_encoder){.base.ops = &json_ops,
                               .mem = args->mem,
                               .schema = tm_schema_ref(args->schema),
                               .fixed_bound = ROW_SLACK,
                               .omit_nulls = args->omit_nulls,
                               .timestamps_as_ms = args->timestamps_as_ms};
    tm_arena_init(&e->arena, args->mem);
    tm__date_cache_init(&e->date);
    e->fields = tm_arena_alloc(&e->arena, args->schema->field_count * sizeof *e->fields);
    e->references = tm_arena_alloc(&e->arena, args->schema->field_count * sizeof *e->references);
    if (e->fields == NULL || e->references == NULL)
        return TM_E_MEMORY;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < args->schema->field_count; i++) {
        bool left_out = args->left_out != NULL && (args->left_out[i >> 6] >> (i & 63) & 1) != 0;
        if (!left_out && (args->schema->fields[i].flags & TM_FIELD_HIDDEN) == 0)
            rc = add_field(e, args->schema, i);
    }
    return rc;
}

int tm__json_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                         struct tm_error *err)
{
    const struct tm_schema *schema = args->schema;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        char text[TM_TYPE_TEXT];
        if (schema->fields[i].type.kind == TM_TYPE_UNKNOWN ||
            schema->fields[i].type.kind > TM_TYPE_TIMESTAMP)
            return tm_error_set(err, TM_E_SCHEMA, "field %s: %s cannot be written as JSON yet",
                                schema->fields[i].name, tm_type_text(schema->fields[i].type, text));
    }
    struct json_encoder *e = tm_mem_zalloc(args->mem, sizeof *e);
    if (e == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a JSON encoder");
    if (encoder_init(e, args) != 0) {
        json_free(&e->base);
        return tm_error_set(err, TM_E_MEMORY, "no memory for a JSON encoder");
    }
    *encoder = &e->base;
    return 0;
}

int tm_format_row_json(struct tm_buf *out, const struct tm_schema *schema, const struct tm_row *row,
                       const uint64_t *left_out)
{
    // For messages and dead letters: setting up an encoder each time is fast enough. The schema is
    // only read; the reference taken and given back leaves it as it was.
    struct tm_encoder_args args = {
        .mem = out->mem, .schema = (struct tm_schema *)schema, .left_out = left_out};
    struct json_encoder e;
    const struct field *failed;
    int rc = encoder_init(&e, &args);
    e.is_message = true;
    if (rc == 0 && (rc = tm_buf_reserve(out, row_bound(&e, row))) == 0)
        out->size_bytes =
            (size_t)(put_row(&e, out->data + out->size_bytes, row, &failed) - out->data);
    encoder_fini(&e);
    return rc;
}

int tm_format_json_string(struct tm_buf *out, const char *p, size_t len)
{
    int rc = tm_buf_reserve(out, len * ESCAPED_MAX + ROW_SLACK);
    if (rc == 0)
        out->size_bytes =
            (size_t)(tm__json_put_string(out->data + out->size_bytes, (const uint8_t *)p, len) -
                     out->data);
    return rc;
}
