// Formats of one column: see single.h.
#include <stdio.h>

#include "core/format/single.h"

#include "core/base/limits.h"
#include "core/batch/builder.h"
#include "core/format/copy.h"
#include "core/format/json_chunk.h"

static int find_column(const struct tm__single_format *format, const struct tm_schema *schema,
                       bool writes, uint32_t *field, struct tm_error *err)
{
    uint32_t visible = 0;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if ((schema->fields[i].flags & TM_FIELD_HIDDEN) == 0) {
            visible++;
            *field = i;
        }
    }
    uint8_t kind = schema->fields[*field].type.kind;
    if (visible == 1 && (kind == format->kind || (writes && kind == format->also_written)))
        return 0;
    if (visible == 1)
        tm_error_set(err, TM_E_SCHEMA,
                     "format \"%s\" needs one %s, and column %s is of another type", format->name,
                     format->needed, schema->fields[*field].name);
    else
        tm_error_set(err, TM_E_SCHEMA, "format \"%s\" needs one %s, there are %u", format->name,
                     format->needed, visible);
    tm_error_hint(err, "use format = \"json\", or map to a single %s first", format->needed);
    return TM_E_SCHEMA;
}

int tm__single_decoder_new(const struct tm__single_format *format, const struct tm_decoder_ops *ops,
                           const struct tm_decoder_args *args, struct tm_decoder **decoder,
                           struct tm_error *err)
{
    uint32_t field = 0;
    int rc = find_column(format, args->schema, false, &field, err);
    if (rc != 0)
        return rc;
    struct tm__single_decoder *d = tm_mem_zalloc(args->mem, sizeof *d);
    if (d == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a %s decoder", format->name);
    d->base.ops = ops;
    d->mem = args->mem;
    d->schema = tm_schema_ref(args->schema);
    d->field = field;
    d->used = args->used == NULL || ((args->used[field >> 6] >> (field & 63)) & 1) != 0;
    d->plain = d->used && args->schema->field_count == 1;
    size_t limit = TM_ROW_BYTES_MAX - 64 - args->schema->fixed_bytes;
    tm__lines_init(&d->lines, args->max_record < limit ? args->max_record : limit);
    *decoder = &d->base;
    return 0;
}

void tm__single_decoder_free(struct tm_decoder *decoder)
{
    struct tm__single_decoder *d = (struct tm__single_decoder *)decoder;
    tm_schema_unref(d->schema);
    tm_mem_free(d->mem, d, sizeof *d);
}

int tm__single_decoder_save(const struct tm_decoder *decoder, int64_t *offset, struct tm_buf *state)
{
    const struct tm__single_decoder *d = (const struct tm__single_decoder *)decoder;
    uint8_t done = d->done;
    *offset = d->lines.offset;
    int rc = tm__lines_save(&d->lines, state);
    return rc == 0 ? tm_buf_append(state, &done, 1) : rc;
}

int tm__single_decoder_load(struct tm_decoder *decoder, int64_t offset, const uint8_t *state,
                            size_t size)
{
    struct tm__single_decoder *d = (struct tm__single_decoder *)decoder;
    int rc = tm__lines_load(&d->lines, offset, state, size);
    if (rc < 0 || size != (size_t)rc + 1 || state[rc] > 1)
        return TM_E_CHECKPOINT;
    d->done = state[rc] != 0;
    return 0;
}

int tm__single_put(struct tm__single_decoder *d, struct tm_batch *batch, const uint8_t *p,
                   size_t len)
{
    struct tm_builder b;
    int rc = tm_builder_begin(&b, batch);
    if (rc == 0 && d->used && (rc = tm_builder_put_bytes(&b, d->field, p, (uint32_t)len)) != 0)
        tm_builder_cancel(&b);
    return rc == 0 ? tm_builder_end(&b) : rc;
}

enum { TAIL_MAX = 4 };

struct encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    uint32_t field, offset;
    uint8_t tail[TAIL_MAX];
    size_t tail_bytes;
    char break_text[TM_NAME_MAX + 160];
};

// The text [p, p + len) at `to`, and whether it has a line break: looked for in the bytes that are
// being copied anyway, 64 at a time. As many are read behind the source and written behind the
// target.
static TM__ALWAYS_INLINE bool copy_has_break(uint8_t *to, const uint8_t *p, size_t len)
{
    const tm__chunk wanted = tm__chunk_fill('\n');
    uint64_t breaks;
    for (;; p += TM__COPY_SLACK, to += TM__COPY_SLACK, len -= TM__COPY_SLACK) {
        breaks = 0;
        for (uint32_t at = 0; at < TM__COPY_SLACK; at += TM__CHUNK_BYTES) {
            tm__chunk chunk = tm__chunk_load(p + at);
            tm__chunk_store(to + at, chunk);
            breaks |= (uint64_t)tm__chunk_equal(chunk, wanted) << at;
        }
        if (len < TM__COPY_SLACK)
            break;
        if (TM_UNLIKELY(breaks != 0))
            return true;
    }
    return (breaks & ((UINT64_C(1) << len) - 1)) != 0; // without what is behind the text
}

// Rows from *row on, up to `end` or to as many bytes, or up to one with a line break where records
// are lines: it would be read as two. Then *broken is set. TM_E_MEMORY.
static int encode_rows(const struct encoder *e, const struct tm_row **row, const struct tm_row *end,
                       struct tm_buf *out, size_t limit_bytes, bool *broken)
{
    const struct tm_row *at = *row;
    const size_t tail_bytes = e->tail_bytes;
    size_t used = out->size_bytes;
    int rc = 0;
    while (at < end && used < limit_bytes) {
        uint32_t len = 0;
        const uint8_t *p = NULL;
        if (TM_LIKELY(!tm_row_is_null(at, e->field)))
            p = (const uint8_t *)tm_row_string(at, e->offset, &len);
        size_t more = len + TM__COPY_SLACK + TAIL_MAX;
        if (TM_UNLIKELY(out->capacity_bytes - used < more)) {
            out->size_bytes = used;
            if ((rc = tm_buf_reserve(out, more)) != 0)
                break;
        }
        uint8_t *to = out->data + used;
        if (TM_LIKELY(p != NULL) && tail_bytes == 0)
            tm__copy(to, p, len);
        else if (TM_LIKELY(p != NULL) && TM_UNLIKELY(copy_has_break(to, p, len))) {
            *broken = true;
            break;
        }
        memcpy(to + len, e->tail, TAIL_MAX);
        used += len + tail_bytes;
        at = tm_row_next(at);
    }
    out->size_bytes = used;
    *row = at;
    return rc;
}

static int encode(struct tm_encoder *base, const struct tm_batch *batch, const struct tm_row **row,
                  struct tm_buf *out, size_t limit_bytes,
                  int (*bad)(void *arg, const struct tm_row *row, int code, const char *message),
                  void *arg)
{
    const struct encoder *e = (const struct encoder *)base;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    int rc = 0;
    bool broken = true;
    while (rc == 0 && broken) {
        broken = false;
        rc = encode_rows(e, row, end, out, limit_bytes, &broken);
        if (broken) {
            rc = bad(arg, *row, TM_E_NOT_ENCODABLE, e->break_text);
            *row = tm_row_next(*row);
        }
    }
    return rc;
}

static void encoder_free(struct tm_encoder *base)
{
    struct encoder *e = (struct encoder *)base;
    tm_schema_unref(e->schema);
    tm_mem_free(e->mem, e, sizeof *e);
}

static const struct tm_encoder_ops encoder_ops = {.encode = encode, .free = encoder_free};

int tm__single_encoder_new(const struct tm__single_format *format,
                           const struct tm_encoder_args *args, struct tm_encoder **encoder,
                           struct tm_error *err)
{
    uint32_t field = 0;
    int rc = find_column(format, args->schema, true, &field, err);
    if (rc != 0)
        return rc;
    struct encoder *e = tm_mem_zalloc(args->mem, sizeof *e);
    if (e == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a %s encoder", format->name);
    e->base.ops = &encoder_ops;
    e->mem = args->mem;
    e->schema = tm_schema_ref(args->schema);
    e->field = field;
    e->offset = args->schema->fields[field].offset;
    e->tail_bytes = strlen(format->tail);
    TM_CHECK(e->tail_bytes <= TAIL_MAX);
    memcpy(e->tail, format->tail, e->tail_bytes);
    snprintf(e->break_text, sizeof e->break_text,
             "field %s has a line break, and format = \"text\" writes one line per row: "
             "tm.text.replace(s, \"\\n\", \" \"), or flat_map to several rows",
             args->schema->fields[field].name);
    *encoder = &e->base;
    return 0;
}
