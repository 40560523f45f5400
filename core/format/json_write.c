// The JSON Lines encoder, and single rows as JSON for messages and dead letters.
#include "core/format/json_write.h"

#include "core/base/limits.h"
#include "core/format/columns.h"
#include "core/format/formats.h"
#include "core/format/json_writer.h"

struct json_encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm__json_writer writer;
    struct tm__json_field *whole; // the column that is written as the record itself, or NULL
};

// The column that is the record itself.
static uint8_t *put_whole(struct json_encoder *e, uint8_t *out, const struct tm_row *row)
{
    if (tm_row_is_null(row, e->whole->index)) {
        memcpy(out, "null", 4);
        return out + 4;
    }
    out = tm__json_put_value(&e->writer, out, e->whole, tm_slot_of_row(row, e->whole->offset));
    if (out == NULL)
        tm__json_fail_in(&e->writer.fail, e->whole->name);
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
        if ((rc = tm__json_reserve_row(&e->writer, out, *row)) != 0)
            break;
        uint8_t *p = out->data + out->size_bytes;
        p = TM_LIKELY(e->whole == NULL) ? tm__json_put_row(&e->writer, p, *row)
                                        : put_whole(e, p, *row);
        if (TM_LIKELY(p != NULL)) {
            *p++ = '\n';
            out->size_bytes = (size_t)(p - out->data);
        } else {
            char message[TM__FAIL_PATH + TM__FAIL_TEXT];
            tm__json_fail_text(&e->writer.fail, message, sizeof message);
            rc = bad(arg, *row, TM_E_NOT_ENCODABLE, message);
        }
        *row = tm_row_next(*row);
    }
    return rc;
}

static void json_free(struct tm_encoder *base)
{
    struct json_encoder *e = (struct json_encoder *)base;
    tm__json_writer_fini(&e->writer);
    tm_schema_unref(e->schema);
    tm_mem_free(e->mem, e, sizeof *e);
}

// A file that begins with a list is read as one list of records, behind which nothing may stand.
static int json_follows(struct tm_encoder *base, const uint8_t *p, size_t len,
                        const char **line_end, struct tm_error *err)
{
    const uint8_t *end = p + len;
    (void)base;
    (void)line_end;
    if (len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
        p += 3;
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    if (p == end || *p != '[')
        return 0;
    int rc = tm_error_set(err, TM_E_SCHEMA,
                          "the file is one JSON array, and rows are appended as lines");
    tm_error_hint(err,
                  "write to another file; tidemill run --quiet -e 'tm.from(tm.file \"old.json\")"
                  ":to(tm.file \"new.jsonl\")' makes lines of an array");
    return rc;
}

static const struct tm_encoder_ops json_ops = {
    .encode = json_encode, .free = json_free, .follows = json_follows};

int tm__json_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                         struct tm_error *err)
{
    const struct tm_schema *schema = args->schema;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].type.kind == TM_TYPE_UNKNOWN)
            return tm_error_set(err, TM_E_SCHEMA, "field %s has no type", schema->fields[i].name);
    }
    int32_t whole;
    int rc = tm__columns_whole(schema, args->options, &whole, err);
    if (rc != 0)
        return rc;
    struct json_encoder *e = tm_mem_zalloc(args->mem, sizeof *e);
    if (e == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a JSON encoder");
    e->base.ops = &json_ops;
    e->mem = args->mem;
    e->schema = tm_schema_ref(args->schema);
    rc = tm__json_writer_init(&e->writer, args->mem, schema, args->left_out);
    e->writer.omit_nulls = args->omit_nulls;
    e->writer.timestamps_as_ms = args->timestamps_as_ms;
    if (rc != 0) {
        json_free(&e->base);
        return tm_error_set(err, TM_E_MEMORY, "no memory for a JSON encoder");
    }
    if (whole >= 0)
        e->whole = e->writer.row->fields; // the only one
    *encoder = &e->base;
    return 0;
}

int tm_format_row_json(struct tm_buf *out, const struct tm_schema *schema, const struct tm_row *row,
                       const uint64_t *left_out)
{
    // For messages and dead letters: making all of it anew each time is fast enough.
    struct tm__json_writer w;
    int rc = tm__json_writer_init(&w, out->mem, schema, left_out);
    w.is_message = true;
    if (rc == 0 && (rc = tm_buf_reserve(out, tm__json_row_bound(&w, row))) == 0)
        out->size_bytes =
            (size_t)(tm__json_put_row(&w, out->data + out->size_bytes, row) - out->data);
    tm__json_writer_fini(&w);
    return rc;
}

int tm_format_json_string(struct tm_buf *out, const char *p, size_t len)
{
    int rc = tm_buf_reserve(out, len * TM__ESCAPED_MAX + TM__ROW_SLACK);
    if (rc == 0)
        out->size_bytes =
            (size_t)(tm__json_put_string(out->data + out->size_bytes, (const uint8_t *)p, len) -
                     out->data);
    return rc;
}
