// The raw format: the whole input is one record, one column of bytes. The other way the column's
// bytes are written one after the other, with nothing between them.
#include "core/base/limits.h"
#include "core/batch/builder.h"
#include "core/format/formats.h"
#include "core/format/lines.h"

struct raw_decoder {
    struct tm_decoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm__lines lines;
    uint32_t field;
    bool used, done;
};

// The one visible column if it is bytes, or a string where it is written.
static int data_column(const struct tm_schema *schema, bool or_string, uint32_t *field,
                       struct tm_error *err)
{
    uint32_t visible = 0;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if ((schema->fields[i].flags & TM_FIELD_HIDDEN) == 0) {
            visible++;
            *field = i;
        }
    }
    uint8_t kind = schema->fields[*field].type.kind;
    if (visible == 1 && (kind == TM_TYPE_BYTES || (or_string && kind == TM_TYPE_STRING)))
        return 0;
    if (visible == 1)
        return tm_error_set(err, TM_E_SCHEMA,
                            "format \"raw\" needs one column of bytes, and column %s is of another "
                            "type",
                            schema->fields[*field].name);
    return tm_error_set(err, TM_E_SCHEMA, "format \"raw\" needs one column of bytes, there are %u",
                        visible);
}

static int put_record(struct raw_decoder *d, struct tm_batch *batch, const uint8_t *p, size_t len)
{
    struct tm_builder b;
    int rc = tm_builder_begin(&b, batch);
    if (rc == 0 && d->used && (rc = tm_builder_put_bytes(&b, d->field, p, (uint32_t)len)) != 0)
        tm_builder_cancel(&b);
    return rc == 0 ? tm_builder_end(&b) : rc;
}

// The input is longer than max_record: its first bytes are kept, to be shown.
static void skip(struct tm__lines *lines, const uint8_t *p, size_t len)
{
    size_t show = TM__LINES_HEAD - lines->head_length;
    show = show < len ? show : len;
    memcpy(lines->head + lines->head_length, p, show);
    lines->head_length += show;
    lines->skipped += len;
    lines->skipping = true;
}

static int raw_decode(struct tm_decoder *base, const uint8_t *p, size_t len, bool at_end,
                      struct tm_batch *batch, size_t *used, tm__bad_fn *bad, void *arg)
{
    struct raw_decoder *d = (struct raw_decoder *)base;
    struct tm__lines *lines = &d->lines;
    int rc = 0;
    *used = 0;
    if (d->done || tm_batch_is_full(batch))
        return 0;
    if ((lines->skipping || len > lines->max_record) && len != 0) {
        skip(lines, p, len);
        *used = len;
    }
    if (!at_end)
        return 0;
    d->done = true;
    if (lines->skipping)
        return tm__lines_too_large(lines, lines->head, lines->skipped, bad, arg);
    rc = put_record(d, batch, p, len);
    *used = len;
    return rc;
}

static void decoder_free(struct tm_decoder *base)
{
    struct raw_decoder *d = (struct raw_decoder *)base;
    tm_schema_unref(d->schema);
    tm_mem_free(d->mem, d, sizeof *d);
}

static const struct tm_decoder_ops decoder_ops = {.decode = raw_decode, .free = decoder_free};

int tm__raw_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                        struct tm_error *err)
{
    uint32_t field = 0;
    int rc = data_column(args->schema, false, &field, err);
    if (rc != 0)
        return rc;
    struct raw_decoder *d = tm_mem_zalloc(args->mem, sizeof *d);
    if (d == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a raw decoder");
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

struct raw_encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    uint32_t field, offset;
};

static int raw_encode(struct tm_encoder *base, const struct tm_batch *batch,
                      const struct tm_row **row, struct tm_buf *out, size_t limit_bytes,
                      int (*bad)(void *arg, const struct tm_row *row, int code,
                                 const char *message),
                      void *arg)
{
    struct raw_encoder *e = (struct raw_encoder *)base;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    (void)bad; // any bytes are raw
    (void)arg;
    while (*row < end && out->size_bytes < limit_bytes) {
        uint32_t len = 0;
        const char *p = "";
        if (!tm_row_is_null(*row, e->field))
            p = tm_row_string(*row, e->offset, &len);
        int rc = tm_buf_append(out, p, len);
        if (rc != 0)
            return rc;
        *row = tm_row_next(*row);
    }
    return 0;
}

static void encoder_free(struct tm_encoder *base)
{
    struct raw_encoder *e = (struct raw_encoder *)base;
    tm_schema_unref(e->schema);
    tm_mem_free(e->mem, e, sizeof *e);
}

static const struct tm_encoder_ops encoder_ops = {.encode = raw_encode, .free = encoder_free};

int tm__raw_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                        struct tm_error *err)
{
    uint32_t field = 0;
    int rc = data_column(args->schema, true, &field, err);
    if (rc != 0)
        return rc;
    struct raw_encoder *e = tm_mem_zalloc(args->mem, sizeof *e);
    if (e == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a raw encoder");
    e->base.ops = &encoder_ops;
    e->mem = args->mem;
    e->schema = tm_schema_ref(args->schema);
    e->field = field;
    e->offset = args->schema->fields[field].offset;
    *encoder = &e->base;
    return 0;
}
