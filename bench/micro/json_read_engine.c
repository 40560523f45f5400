// The engine's decoder and encoder, called as a source and a sink call them.
#include "bench/micro/json_read_engine.h"

#include <stdlib.h>
#include <time.h>

#include "core/base/limits.h"
#include "core/format/format.h"
#include "core/loop/real.h"

struct bench_engine {
    struct tm_fx fx;
    struct tm_mem mem;
    struct tm_batch_pool *pool;
    struct tm_schema *schema;
    struct tm_decoder *decoder;
    struct tm_encoder *encoder;
    struct tm_error err;
};

static void check(int rc)
{
    if (rc != 0)
        abort();
}

struct bench_engine *bench_engine_new(const struct bench_column *columns, uint32_t count)
{
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
    struct tm_decoder_args in = {
        .mem = &e->mem, .schema = e->schema, .max_record = TM_RECORD_BYTES};
    struct tm_encoder_args out = {.mem = &e->mem, .schema = e->schema, .timestamps_as_ms = true};
    check(tm_format_json.decoder_new(&in, &e->decoder, &e->err));
    check(tm_format_json.encoder_new(&out, &e->encoder, &e->err));
    return e;
}

void bench_engine_free(struct bench_engine *e)
{
    e->decoder->ops->free(e->decoder);
    e->encoder->ops->free(e->encoder);
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

size_t bench_engine_decode(struct bench_engine *e, const char *text, size_t len)
{
    size_t done = 0, used, rows = 0;
    while (done < len) {
        struct tm_batch *batch = tm_batch_acquire(e->pool, e->schema);
        check(e->decoder->ops->decode(e->decoder, (const uint8_t *)text + done, len - done, true,
                                      batch, &used, no_bad_records, NULL));
        rows += batch->row_count;
        tm_batch_release(batch);
        done += used;
    }
    return rows;
}

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double bench_engine_encode(struct bench_engine *e, const char *text, size_t len, size_t rounds)
{
    struct tm_batch *batch = tm_batch_acquire(e->pool, e->schema);
    struct tm_buf out;
    size_t used;
    double *times = calloc(rounds, sizeof *times);
    tm_buf_init(&out, &e->mem);
    check(e->decoder->ops->decode(e->decoder, (const uint8_t *)text, len, true, batch, &used,
                                  no_bad_records, NULL));
    for (size_t i = 0; i < rounds; i++) {
        double start = cpu_ns();
        for (int n = 0; n < 50; n++) {
            const struct tm_row *row = tm_batch_first(batch);
            out.size_bytes = 0;
            check(e->encoder->ops->encode(e->encoder, batch, &row, &out, SIZE_MAX, no_bad_rows,
                                          NULL));
        }
        times[i] = (cpu_ns() - start) / 50 / batch->row_count;
    }
    qsort(times, rounds, sizeof *times, by_value);
    double median = times[rounds / 2];
    free(times);
    tm_buf_fini(&out);
    tm_batch_release(batch);
    return median;
}
