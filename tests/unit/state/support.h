// What the tests of core/state share: memory that counts and can run out, draws from a seed.
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/state/state.h"

// How many allocations succeed before all fail. Any thread may take memory.
static _Atomic int64_t allocations_left = INT64_MAX;
// The pool gets no more than it needs: every page is an allocation.
static bool exact_chunks;

static inline void *test_alloc(void *ctx, size_t size)
{
    (void)ctx;
    if (exact_chunks && size > 17000)
        return NULL;
    return allocations_left-- > 0 ? malloc(size) : NULL;
}
static inline void *test_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    return allocations_left-- > 0 ? realloc(p, new_size) : NULL;
}
static inline void test_free(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}
static const struct tm_fx_memory test_memory = {
    .alloc = test_alloc, .realloc = test_realloc, .free = test_free};
static const struct tm_fx test_fx = {.memory = &test_memory};
static struct tm_mem mem;

static inline void setup(void)
{
    allocations_left = INT64_MAX;
    exact_chunks = false;
    tm_mem_init(&mem, &test_fx, NULL, 0);
}

static inline void teardown(void)
{
    ck_assert_int_eq(mem.used_bytes, 0); // every byte came back
}

static uint64_t random_state;
static inline uint64_t draw(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % below;
}

static inline void seed_from(const char *test)
{
    const char *given = getenv("TM_SEED");
    random_state = given != NULL ? strtoull(given, NULL, 0) : 0x9e3779b97f4a7c15u;
    printf("%s: TM_SEED=%llu\n", test, (unsigned long long)random_state);
}
