// Formats of one column: see single.h.
#include <stdio.h>

#include "core/format/single.h"

#include "core/base/limits.h"
#include "core/batch/builder.h"
#include "core/format/copy.h"

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

// Line ends in the bytes. 64 at a time, in counters that hold up to 255.
static size_t count_breaks(const uint8_t *p, size_t n)
{
    typedef uint8_t lanes __attribute__((vector_size(16), aligned(1), may_alias));
    enum { LANES = sizeof(lanes), STEP = 4 * LANES, STEPS = 63 };
    const lanes wanted = {10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10};
    size_t total = 0;
    while (n >= STEP) {
        lanes sum = {0};
        size_t steps = n / STEP < STEPS ? n / STEP : STEPS;
        for (const uint8_t *end = p + steps * STEP; p != end; p += STEP) {
            const lanes *at = (const lanes *)(const void *)p;
            sum -= (lanes)(at[0] == wanted) + (lanes)(at[1] == wanted) + // true is -1
                   (lanes)(at[2] == wanted) + (lanes)(at[3] == wanted);
        }
        for (int i = 0; i < LANES; i++)
            total += sum[i];
        n -= steps * STEP;
    }
    for (; n != 0; n--)
        total += *p++ == '\n';
    return total;
}

// Rows from *row on, up to `end` or to as many bytes; *rows counts them. TM_E_MEMORY.
static int encode_rows(const struct encoder *e, const struct tm_row **row, const struct tm_row *end,
                       struct tm_buf *out, size_t limit_bytes, size_t *rows)
{
    const struct tm_row *at = *row;
    size_t count = 0;
    int rc = 0;
    while (at < end && out->size_bytes < limit_bytes) {
        uint32_t len = 0;
        const char *p = NULL;
        if (TM_LIKELY(!tm_row_is_null(at, e->field)))
            p = tm_row_string(at, e->offset, &len);
        if ((rc = tm_buf_reserve(out, len + TM__COPY_SLACK + TAIL_MAX)) != 0)
            break;
        uint8_t *to = out->data + out->size_bytes;
        if (TM_LIKELY(p != NULL))
            to = tm__copy(to, (const uint8_t *)p, len);
        memcpy(to, e->tail, TAIL_MAX);
        out->size_bytes += len + e->tail_bytes;
        count++;
        at = tm_row_next(at);
    }
    *row = at;
    *rows = count;
    return rc;
}

// The same, one by one: those that have a line break are told. Where records are lines, one with a
// line end in it would be read as two.
static int encode_careful(const struct encoder *e, const struct tm_row **row,
                          const struct tm_row *end, struct tm_buf *out, size_t limit_bytes,
                          int (*bad)(void *arg, const struct tm_row *row, int code,
                                     const char *message),
                          void *arg)
{
    int rc = 0;
    while (rc == 0 && *row < end && out->size_bytes < limit_bytes) {
        const struct tm_row *next = tm_row_next(*row);
        uint32_t len = 0;
        const char *p =
            tm_row_is_null(*row, e->field) ? NULL : tm_row_string(*row, e->offset, &len);
        size_t one = 0;
        if (len != 0 && memchr(p, '\n', len) != NULL) {
            rc = bad(arg, *row, TM_E_NOT_ENCODABLE, e->break_text);
            *row = next;
        } else {
            rc = encode_rows(e, row, next, out, limit_bytes, &one);
        }
    }
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
    const struct tm_row *first = *row;
    size_t before = out->size_bytes, rows = 0;
    int rc = encode_rows(e, row, end, out, limit_bytes, &rows);
    // Lines are looked at together, which costs less than a look at each: one that has a break is
    // rare.
    if (rc != 0 || e->tail_bytes == 0 ||
        TM_LIKELY(count_breaks(out->data + before, out->size_bytes - before) == rows))
        return rc;
    out->size_bytes = before;
    *row = first;
    return encode_careful(e, row, end, out, limit_bytes, bad, arg);
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
