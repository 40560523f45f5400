// The text format: one line, one record, one string column. Lines end in \n or \r\n; an empty line
// is a record. The other way a row's column is written and a line end; null is an empty line.
#include "core/format/formats.h"
#include "core/format/json_index.h"
#include "core/format/lines.h"

#include "core/base/limits.h"
#include "core/batch/builder.h"

enum { WINDOW = 16 * 1024 }; // bytes checked for UTF-8 at once

struct text_decoder {
    struct tm_decoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm__lines lines;
    uint32_t field;
    bool used;
};

// The one visible column if it is a string, or an error that says what is needed.
static int line_column(const struct tm_schema *schema, uint32_t *field, struct tm_error *err)
{
    uint32_t visible = 0;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if ((schema->fields[i].flags & TM_FIELD_HIDDEN) == 0) {
            visible++;
            *field = i;
        }
    }
    if (visible == 1 && schema->fields[*field].type.kind == TM_TYPE_STRING)
        return 0;
    int rc = visible == 1
                 ? tm_error_set(err, TM_E_SCHEMA,
                                "format \"text\" needs one string column, and column %s "
                                "is of another type",
                                schema->fields[*field].name)
                 : tm_error_set(err, TM_E_SCHEMA,
                                "format \"text\" needs one string column, there are %u", visible);
    tm_error_hint(err, "use format = \"json\", or map to a single string column first");
    return rc;
}

static int bad_utf8(struct text_decoder *d, const uint8_t *line, size_t len, tm__bad_fn *bad,
                    void *arg)
{
    return tm__lines_bad(&d->lines, TM_E_BAD_UTF8, "the line is not valid UTF-8", line, len, bad,
                         arg);
}

static int put_line(struct text_decoder *d, struct tm_batch *batch, const uint8_t *line, size_t len)
{
    struct tm_builder b;
    int rc = tm_builder_begin(&b, batch);
    if (rc == 0 && d->used && (rc = tm_builder_put_bytes(&b, d->field, line, (uint32_t)len)) != 0)
        tm_builder_cancel(&b);
    return rc == 0 ? tm_builder_end(&b) : rc;
}

static int text_decode(struct tm_decoder *base, const uint8_t *p, size_t len, bool at_end,
                       struct tm_batch *batch, size_t *used, tm__bad_fn *bad, void *arg)
{
    struct text_decoder *d = (struct text_decoder *)base;
    size_t pos = 0, window = 0; // the end of what was checked
    bool valid = true;
    int rc = 0;
    bool begun = tm__lines_begin(&d->lines, p, &pos, len, at_end);
    while (rc == 0 && begun && !tm_batch_is_full(batch)) {
        if (d->lines.skipping) {
            rc = tm__lines_skip(&d->lines, p, &pos, len, at_end, bad, arg);
            if (d->lines.skipping)
                break;
            continue;
        }
        if (pos == len)
            break;
        if (pos >= window) {
            window = tm__lines_window(&d->lines, p, pos, len, at_end, WINDOW);
            if (window == pos && d->lines.skipping)
                continue;
            if (window == pos)
                break;
            valid = tm__utf8_is_valid(p + pos, window - pos);
        }
        const uint8_t *line = p + pos, *found = memchr(line, '\n', window - pos);
        size_t length = found != NULL ? (size_t)(found - line) : window - pos;
        size_t text = tm__lines_trim(line, length);
        if (text > d->lines.max_record)
            rc = tm__lines_too_large(&d->lines, line, text, bad, arg);
        else if (!valid && !tm__utf8_is_valid(line, text))
            rc = bad_utf8(d, line, length, bad, arg);
        else
            rc = put_line(d, batch, line, text);
        tm__lines_advance(&d->lines, length + (found != NULL));
        pos += length + (found != NULL);
    }
    *used = pos;
    return rc;
}

static void decoder_free(struct tm_decoder *base)
{
    struct text_decoder *d = (struct text_decoder *)base;
    tm_schema_unref(d->schema);
    tm_mem_free(d->mem, d, sizeof *d);
}

static const struct tm_decoder_ops decoder_ops = {.decode = text_decode, .free = decoder_free};

int tm__text_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                         struct tm_error *err)
{
    uint32_t field = 0;
    int rc = line_column(args->schema, &field, err);
    if (rc != 0)
        return rc;
    struct text_decoder *d = tm_mem_zalloc(args->mem, sizeof *d);
    if (d == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a text decoder");
    d->base.ops = &decoder_ops;
    d->mem = args->mem;
    d->schema = tm_schema_ref(args->schema);
    d->field = field;
    d->used = args->used == NULL || ((args->used[field >> 6] >> (field & 63)) & 1) != 0;
    size_t limit = TM_ROW_BYTES_MAX - 64 - args->schema->fixed_bytes;
    tm__lines_init(&d->lines, args->max_record < limit ? args->max_record : limit);
    *decoder = &d->base;
    return 0;
}

struct text_encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    uint32_t field, offset;
};

static int text_encode(struct tm_encoder *base, const struct tm_batch *batch,
                       const struct tm_row **row, struct tm_buf *out, size_t limit_bytes,
                       int (*bad)(void *arg, const struct tm_row *row, int code,
                                  const char *message),
                       void *arg)
{
    struct text_encoder *e = (struct text_encoder *)base;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    (void)bad; // any string is text
    (void)arg;
    while (*row < end && out->size_bytes < limit_bytes) {
        uint32_t len = 0;
        const char *p = "";
        if (!tm_row_is_null(*row, e->field))
            p = tm_row_string(*row, e->offset, &len);
        int rc = tm_buf_reserve(out, (size_t)len + 1);
        if (rc != 0)
            return rc;
        memcpy(out->data + out->size_bytes, p, len);
        out->data[out->size_bytes + len] = '\n';
        out->size_bytes += (size_t)len + 1;
        *row = tm_row_next(*row);
    }
    return 0;
}

static void encoder_free(struct tm_encoder *base)
{
    struct text_encoder *e = (struct text_encoder *)base;
    tm_schema_unref(e->schema);
    tm_mem_free(e->mem, e, sizeof *e);
}

static const struct tm_encoder_ops encoder_ops = {.encode = text_encode, .free = encoder_free};

int tm__text_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                         struct tm_error *err)
{
    uint32_t field = 0;
    int rc = line_column(args->schema, &field, err);
    if (rc != 0)
        return rc;
    struct text_encoder *e = tm_mem_zalloc(args->mem, sizeof *e);
    if (e == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a text encoder");
    e->base.ops = &encoder_ops;
    e->mem = args->mem;
    e->schema = tm_schema_ref(args->schema);
    e->field = field;
    e->offset = args->schema->fields[field].offset;
    *encoder = &e->base;
    return 0;
}
