// The engine's decoder and encoder, called as a source and a sink call them.
#include "bench/codecs/engine.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/format/format.h"
#include "core/loop/real.h"

// PIECE: handed to a decoder at once, as a file is read. KEPT: batches that can be loaded.
enum { PIECE_BYTES = 128 * 1024, OUT_BYTES = 256 * 1024, KEPT = 4096 };

struct bench_engine {
    struct tm_fx fx;
    struct tm_mem mem;
    struct tm_batch_pool *pool;
    struct tm_schema *schema;
    struct tm_decoder *decoder;
    struct tm_encoder *encoder;
    struct tm_options options;
    struct tm_buf out;
    struct tm_batch *kept[KEPT];
    uint32_t kept_count;
    struct tm_error err;
};

static void check(int rc)
{
    if (rc != 0)
        abort();
}

struct bench_engine *bench_engine_new(const char *format, const struct bench_column *columns,
                                      uint32_t count)
{
    bool csv = strcmp(format, "csv") == 0;
    struct bench_engine *e = calloc(1, sizeof *e);
    struct tm_field_def *fields = calloc(count, sizeof *fields);
    check(tm_real_init(&e->fx, &e->err));
    tm_mem_init(&e->mem, &e->fx, NULL, 0);
    e->pool = tm_batch_pool_new(&e->mem);
    for (uint32_t i = 0; i < count; i++) {
        fields[i].name = columns[i].name;
        check(tm_type_parse(&e->mem, columns[i].type, &fields[i].type, &e->err));
    }
    check(tm_schema_new(&e->mem, fields, count, -1, &e->schema, &e->err));
    for (uint32_t i = 0; i < count; i++)
        tm_type_fini(&fields[i].type);
    free(fields);
    tm_buf_init(&e->out, &e->mem);
    tm_options_init(&e->options, &e->mem);
    if (csv)
        check(tm_options_set_bool(&e->options, "header", false));
    struct tm_decoder_args in = {
        .mem = &e->mem, .schema = e->schema, .max_record = TM_RECORD_BYTES, .options = &e->options};
    struct tm_encoder_args out = {
        .mem = &e->mem, .schema = e->schema, .timestamps_as_ms = !csv, .options = &e->options};
    const struct tm_format *f = tm_format_find(format);
    if (f == NULL)
        abort();
    check(f->decoder_new(&in, &e->decoder, &e->err));
    check(f->encoder_new(&out, &e->encoder, &e->err));
    return e;
}

void bench_engine_free(struct bench_engine *e)
{
    for (uint32_t i = 0; i < e->kept_count; i++)
        tm_batch_release(e->kept[i]);
    tm_buf_fini(&e->out);
    e->decoder->ops->free(e->decoder);
    e->encoder->ops->free(e->encoder);
    tm_options_fini(&e->options);
    tm_schema_unref(e->schema);
    tm_batch_pool_free(e->pool);
    tm_real_fini(&e->fx);
    free(e);
}

static int no_bad_records(void *arg, const struct tm_bad_record *record)
{
    (void)arg;
    return record->code;
}

static int no_bad_rows(void *arg, const struct tm_row *row, int code, const char *message)
{
    (void)arg, (void)row, (void)message;
    return code;
}

static size_t decode(struct bench_engine *e, const char *text, size_t len, bool keep)
{
    size_t done = 0, used, rows = 0;
    while (done < len) {
        bool at_end = len - done <= PIECE_BYTES;
        struct tm_batch *batch = tm_batch_acquire(e->pool, e->schema);
        check(e->decoder->ops->decode(e->decoder, (const uint8_t *)text + done,
                                      at_end ? len - done : PIECE_BYTES, at_end, batch, &used,
                                      no_bad_records, NULL));
        rows += batch->row_count;
        done += used;
        if (!keep)
            tm_batch_release(batch);
        else if (e->kept_count == KEPT)
            abort();
        else
            e->kept[e->kept_count++] = batch;
    }
    return rows;
}

size_t bench_engine_decode(struct bench_engine *e, const char *text, size_t len)
{
    return decode(e, text, len, false);
}

size_t bench_engine_load(struct bench_engine *e, const char *text, size_t len)
{
    return decode(e, text, len, true);
}

size_t bench_engine_encode(struct bench_engine *e, char *out)
{
    size_t total = 0;
    for (uint32_t i = 0; i < e->kept_count; i++) {
        const struct tm_batch *batch = e->kept[i];
        const struct tm_row *row = tm_batch_first(batch);
        while ((const uint8_t *)row < batch->data + batch->size_bytes) {
            if (e->out.size_bytes >= OUT_BYTES)
                e->out.size_bytes = 0;
            size_t before = e->out.size_bytes;
            check(e->encoder->ops->encode(e->encoder, batch, &row, &e->out, OUT_BYTES, no_bad_rows,
                                          NULL));
            if (out != NULL)
                memcpy(out + total, e->out.data + before, e->out.size_bytes - before);
            total += e->out.size_bytes - before;
        }
    }
    e->out.size_bytes = 0;
    return total;
}
