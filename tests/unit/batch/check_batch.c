// Batches and the pool: reuse, growth, limits, return from other threads, the end of the owner.
#include <pthread.h>

#include "core/base/limits.h"
#include "tests/unit/batch/support.h"

static struct tm_mem mem;
static struct tm_batch_pool *pool;
static struct tm_schema *schema;

static void start(int64_t limit)
{
    tm_mem_init(&mem, &support_fx, NULL, limit);
    pool = tm_batch_pool_new(&mem);
    ck_assert_ptr_nonnull(pool);
    schema = support_schema(&mem);
}

static void finish(void)
{
    tm_batch_pool_free(pool);
    tm_schema_unref(schema);
    ck_assert_int_eq(mem.used_bytes, 0);
}

static struct tm_batch *acquired(void)
{
    struct tm_batch *batch = tm_batch_acquire(pool, schema);
    ck_assert_ptr_nonnull(batch);
    return batch;
}

START_TEST(a_released_batch_comes_back_empty)
{
    start(0);
    struct support_random r = support_seed("batch reuse");
    struct tm_batch *first = acquired();
    support_row(&r, first);
    first->split = 3;
    first->read_ns = 77;
    ck_assert_uint_ge(first->capacity_bytes, TM_BATCH_BYTES);
    tm_batch_release(first);
    struct tm_batch *again = acquired();
    ck_assert_ptr_eq(again, first);
    ck_assert_uint_eq(again->row_count, 0);
    ck_assert_uint_eq(again->size_bytes, 0);
    ck_assert_int_eq(again->split, TM_NO_SPLIT);
    ck_assert_int_eq(again->read_ns, 0);
    tm_batch_release_local(again);
    ck_assert_ptr_eq(acquired(), first);
    tm_batch_release(first);
    tm_batch_release(NULL);
    finish();
}
END_TEST

START_TEST(a_batch_holds_its_schema)
{
    start(0);
    struct tm_field_def def = {"v", support_type("int"), 0};
    struct tm_schema *other;
    ck_assert_int_eq(tm_schema_new(&mem, &def, 1, -1, &other, NULL), 0);
    struct tm_batch *batch = tm_batch_acquire(pool, other);
    tm_schema_unref(other);
    ck_assert_str_eq(batch->schema->fields[0].name, "v");
    tm_batch_release(batch);
    batch = acquired();
    ck_assert_ptr_eq(batch->schema, schema);
    tm_batch_release(batch);
    finish();
}
END_TEST

START_TEST(growth_keeps_the_rows_and_stops_at_the_limit)
{
    start(0);
    struct support_random r = support_seed("batch growth");
    struct tm_batch *batch = acquired(), *copy = acquired();
    while (batch->size_bytes < 300000)
        support_row(&r, batch);
    ck_assert(tm_batch_is_full(batch));
    TM_BATCH_EACH(batch, row)
    {
        ck_assert_int_eq(tm_batch_append_row(copy, row), 0);
    }
    ck_assert_uint_eq(copy->row_count, batch->row_count);
    ck_assert_uint_eq(copy->size_bytes, batch->size_bytes);
    ck_assert_mem_eq(copy->data, batch->data, batch->size_bytes);
    ck_assert_int_eq(tm_batch_grow(batch, TM_BATCH_BYTES_MAX), TM_E_LIMIT);
    ck_assert_int_eq(tm_batch_grow(batch, SIZE_MAX), TM_E_LIMIT);
    tm_batch_release(batch);
    tm_batch_release(copy);
    finish();
}
END_TEST

START_TEST(a_batch_that_one_row_made_huge_shrinks_when_it_is_reused)
{
    start(0);
    struct tm_batch *batch = acquired();
    ck_assert_int_eq(tm_batch_reserve(batch, 8 * 1024 * 1024), 0);
    ck_assert_int_gt(mem.used_bytes, 8 * 1024 * 1024);
    tm_batch_release(batch);
    batch = acquired();
    ck_assert_int_lt(mem.used_bytes, 1024 * 1024);
    tm_batch_release(batch);
    finish();
}
END_TEST

START_TEST(without_memory_there_is_no_batch_and_nothing_is_lost)
{
    start(100000);
    struct tm_batch *batch = acquired();
    ck_assert_ptr_null(tm_batch_acquire(pool, schema));
    ck_assert_int_eq(tm_batch_reserve(batch, 100000), TM_E_MEMORY);
    ck_assert_uint_ge(batch->capacity_bytes, TM_BATCH_BYTES);
    tm_batch_release(batch);
    ck_assert_ptr_eq(acquired(), batch);
    tm_batch_release(batch);
    finish();
}
END_TEST

START_TEST(a_batch_outlives_the_owner_of_its_pool)
{
    start(0);
    struct tm_batch *a = acquired(), *b = acquired(), *c = acquired();
    tm_batch_release(c);
    tm_batch_pool_free(pool);
    ck_assert_int_gt(mem.used_bytes, 2 * TM_BATCH_BYTES);
    a->data[0] = 1;
    tm_batch_release(a);
    b->data[0] = 1;
    tm_batch_release(b);
    tm_schema_unref(schema);
    ck_assert_int_eq(mem.used_bytes, 0);
}
END_TEST

START_TEST(a_pool_without_batches_is_freed_at_once)
{
    start(0);
    finish();
    tm_batch_pool_free(NULL);
}
END_TEST

// Threads that release what the owner hands them through a slot each.
enum { RELEASERS = 3, HANDED = 20000 };

struct releaser {
    pthread_t thread;
    _Atomic(struct tm_batch *) slot; // partner: the other side's exchange
    _Atomic int stop;
    uint64_t released;
};

static void *release_all(void *arg)
{
    struct releaser *r = arg;
    for (;;) {
        int stop = atomic_load_explicit(&r->stop, memory_order_acquire);
        struct tm_batch *batch = atomic_exchange_explicit(&r->slot, NULL, memory_order_acq_rel);
        if (batch != NULL) {
            ck_assert_uint_eq(batch->data[0], batch->split & 0xff);
            tm_batch_release(batch);
            r->released++;
        } else if (stop) {
            return NULL;
        } else {
            sched_yield();
        }
    }
}

START_TEST(batches_released_by_other_threads_come_back_to_the_owner)
{
    start(0);
    struct releaser releasers[RELEASERS] = {0};
    for (int i = 0; i < RELEASERS; i++)
        ck_assert_int_eq(pthread_create(&releasers[i].thread, NULL, release_all, &releasers[i]), 0);
    for (int i = 0; i < HANDED; i++) {
        struct tm_batch *batch = acquired();
        batch->split = i;
        batch->data[0] = (uint8_t)i;
        struct tm_batch *before =
            atomic_exchange_explicit(&releasers[i % RELEASERS].slot, batch, memory_order_acq_rel);
        if (before != NULL)
            tm_batch_release_local(before);
    }
    // the owner goes while batches are on their way
    tm_batch_pool_free(pool);
    for (int i = 0; i < RELEASERS; i++)
        atomic_store_explicit(&releasers[i].stop, 1, memory_order_release);
    for (int i = 0; i < RELEASERS; i++)
        pthread_join(releasers[i].thread, NULL);
    tm_schema_unref(schema);
    ck_assert_int_eq(mem.used_bytes, 0);
}
END_TEST

START_TEST(the_pool_holds_no_more_batches_than_were_out_at_once)
{
    start(0);
    int64_t before = 0;
    for (int i = 0; i < 1000; i++) {
        struct tm_batch *out[4];
        for (int k = 0; k < 4; k++)
            out[k] = acquired();
        for (int k = 0; k < 4; k++)
            tm_batch_release(out[k]);
        if (i == 0)
            before = mem.used_bytes;
    }
    ck_assert_int_eq(mem.used_bytes, before);
    finish();
}
END_TEST

SUPPORT_MAIN("batch", a_released_batch_comes_back_empty, a_batch_holds_its_schema,
             growth_keeps_the_rows_and_stops_at_the_limit,
             a_batch_that_one_row_made_huge_shrinks_when_it_is_reused,
             without_memory_there_is_no_batch_and_nothing_is_lost,
             a_batch_outlives_the_owner_of_its_pool, a_pool_without_batches_is_freed_at_once,
             batches_released_by_other_threads_come_back_to_the_owner,
             the_pool_holds_no_more_batches_than_were_out_at_once)
