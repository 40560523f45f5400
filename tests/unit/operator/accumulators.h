// What the tests of accumulators that vary in size share: accumulators alone, each the value of a
// key of its own, and merging them in any order.
#pragma once

#include "support.h"

#include "core/operator/accumulator.h"

static struct tm_mem accumulators_mem;
static struct tm_state *accumulators;
static struct tm_namespace *accumulators_space;

static inline void accumulators_new(uint32_t value_bytes, int64_t limit_bytes)
{
    struct tm_error err;
    tm_mem_init(&accumulators_mem, &support_fx, NULL, limit_bytes);
    struct tm_state_args args = {.mem = &accumulators_mem,
                                 .max_parallelism = 4,
                                 .last_key_group = 3,
                                 .value_bytes = value_bytes};
    ck_assert_int_eq(tm_state_new(&args, &accumulators, &err), 0);
    accumulators_space = tm_state_namespace_create(accumulators, 0);
    ck_assert_ptr_nonnull(accumulators_space);
}

static inline void accumulators_free(void)
{
    tm_state_free(accumulators);
    ck_assert_int_eq(accumulators_mem.used_bytes, 0);
}

// The accumulator of that number, and where it lives; one that is new is all zero.
struct accumulator {
    void *value;
    struct tm__operator_home home;
};
static inline struct accumulator accumulator(uint64_t number)
{
    struct tm_key key = {.bytes = (const uint8_t *)&number, .length = 8};
    key.hash = tm_hash_bytes(&number, sizeof number);
    void *value = tm_state_upsert(accumulators, accumulators_space, &key, NULL);
    ck_assert_ptr_nonnull(value);
    return (struct accumulator){
        value, {accumulators, accumulators_space, tm_state_key_group(accumulators, key.hash)}};
}

// Merges accumulators 0 .. count-1 two at a time, in a random order and shape; gives the last one's
// number. `merge` adds the second to the first.
static inline uint64_t merge_all(uint32_t count,
                                 void (*merge)(struct accumulator, struct accumulator))
{
    uint64_t left[64];
    ck_assert_uint_le(count, 64);
    for (uint32_t i = 0; i < count; i++)
        left[i] = i;
    for (; count > 1; count--) {
        uint32_t to = (uint32_t)draw(count), from = (uint32_t)draw(count - 1);
        from += from >= to;
        merge(accumulator(left[to]), accumulator(left[from]));
        left[from] = left[count - 1];
    }
    return left[0];
}
