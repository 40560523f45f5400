// What the tests of core/exchange share: an account, a pool, a schema of {id int, key string}, and
// ways to make and read batches of it.
#pragma once

#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/batch/builder.h"
#include "core/exchange/channel.h"
#include "core/loop/real.h"

static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_batch_pool *pool;
static struct tm_schema *schema;

static inline struct tm_schema *make_schema(const char *id_name)
{
    struct tm_field_def fields[] = {
        {.name = id_name, .type = {.kind = TM_TYPE_INT}},
        {.name = "key", .type = {.kind = TM_TYPE_STRING}},
    };
    struct tm_schema *made = NULL;
    ck_assert_int_eq(tm_schema_new(&mem, fields, 2, -1, &made, NULL), 0);
    return made;
}

static inline void fixture_setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    schema = make_schema("id");
    pool = tm_batch_pool_new(&mem);
    ck_assert_ptr_nonnull(pool);
}

// Everything that was taken has been given back.
static inline void fixture_teardown(void)
{
    tm_batch_pool_free(pool);
    tm_schema_unref(schema);
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
    tm_real_fini(&fx);
}

static inline void add_row_of(struct tm_batch *batch, int64_t id, const char *key)
{
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    tm_builder_put_int(&b, 0, id);
    ck_assert_int_eq(tm_builder_put_bytes(&b, 1, key, (uint32_t)strlen(key)), 0);
    ck_assert_int_eq(tm_builder_end(&b), 0);
}

static inline int64_t row_id(const struct tm_row *row)
{
    return tm_row_int(row, schema->fields[0].offset);
}

// Rows with ids first, first + 1, ...; the key is the id as text.
static inline struct tm_batch *make_batch(int64_t first, uint32_t rows)
{
    struct tm_batch *batch = tm_batch_acquire(pool, schema);
    char key[32];
    ck_assert_ptr_nonnull(batch);
    for (uint32_t i = 0; i < rows; i++) {
        snprintf(key, sizeof key, "k%lld", (long long)(first + i));
        add_row_of(batch, first + i, key);
    }
    return batch;
}

static inline struct tm_element batch_element(struct tm_batch *batch)
{
    return (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch};
}

static inline struct tm_element watermark_element(int64_t watermark)
{
    return (struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = watermark};
}

static inline struct tm_element status_element(enum tm_channel_status status)
{
    return (struct tm_element){.kind = TM_ELEMENT_STATUS, .status = (uint8_t)status};
}

static inline struct tm_element end_element(void)
{
    return (struct tm_element){.kind = TM_ELEMENT_END};
}

static inline struct tm_element barrier_element(uint64_t checkpoint)
{
    return (struct tm_element){.kind = TM_ELEMENT_BARRIER, .checkpoint = checkpoint};
}

static inline uint64_t test_seed(const char *what)
{
    uint64_t seed = getenv("TM_SEED") != NULL ? strtoull(getenv("TM_SEED"), NULL, 10)
                                              : (uint64_t)tm_fx_mono_ns(&fx) % 1000000000 + 1;
    printf("%s: TM_SEED=%llu\n", what, (unsigned long long)seed);
    fflush(stdout);
    return seed;
}

static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}
