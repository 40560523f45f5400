// The discarding sink: everything is taken at once and counted.
#include "connectors/discard/discard.h"
#include "tests/unit/batch/support.h"

static int64_t fixed_clock(void *ctx)
{
    (void)ctx;
    return 5000;
}

static const struct tm_fx_clock discard_clock = {.mono_ns = fixed_clock};
static const struct tm_fx discard_fx = {.clock = &discard_clock, .memory = &plain_memory};

START_TEST(rows_are_counted_and_dropped)
{
    struct tm_mem mem;
    tm_mem_init(&mem, &discard_fx, NULL, 0);
    struct tm_batch_pool *pool = tm_batch_pool_new(&mem);
    struct tm_schema *schema = support_schema(&mem);
    struct tm_batch *batch = tm_batch_acquire(pool, schema);
    struct support_random r = support_seed("discard");
    for (int i = 0; i < 100; i++)
        support_row(&r, batch);
    batch->read_ns = 2000;

    struct tm_node node = {.name = "nowhere"};
    struct tm_node_metrics metrics = {0};
    static struct tm_histogram latency;
    struct tm_task_context ctx = {.fx = &discard_fx, .mem = &mem};
    struct tm_sink *sink = NULL;
    ck_assert_int_eq(tm_connector_discard.sink_new(&ctx, &node, schema, NULL, &sink, NULL), 0);
    sink->metrics = &metrics;
    sink->latency = &latency;
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_int_eq(sink->ops->write(sink, batch, &row, NULL), TM_STEP_DONE);
    ck_assert_ptr_eq(row, batch->data + batch->size_bytes);
    ck_assert_int_eq(sink->ops->flush(sink, true, NULL), TM_STEP_DONE);
    ck_assert_uint_eq(metrics.used, 100);
    ck_assert_uint_eq(metrics.bytes_out, batch->size_bytes);
    ck_assert_uint_eq(latency.count, 100);
    ck_assert_uint_eq(latency.max, 3000);
    // rows of an unknown age have no latency
    batch->read_ns = 0;
    row = tm_batch_first(batch);
    ck_assert_int_eq(sink->ops->write(sink, batch, &row, NULL), TM_STEP_DONE);
    ck_assert_uint_eq(metrics.used, 200);
    ck_assert_uint_eq(latency.count, 100);
    sink->ops->free(sink);
    tm_batch_release(batch);
    tm_batch_pool_free(pool);
    tm_schema_unref(schema);
    ck_assert_int_eq(mem.used_bytes, 0);
}
END_TEST

START_TEST(it_is_a_sink_and_no_source)
{
    ck_assert_str_eq(tm_connector_discard.name, "discard");
    ck_assert_ptr_null(tm_connector_discard.source_options);
    ck_assert_ptr_nonnull(tm_connector_discard.sink_options);
}
END_TEST

SUPPORT_MAIN("discard", rows_are_counted_and_dropped, it_is_a_sink_and_no_source)
