// What the tests of core/time share: the machine's effects and memory that is counted, seeds, the
// run of a suite.
#pragma once

#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/loop/real.h"

static struct tm_fx fx;
static struct tm_mem mem;

static inline void world_open(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
}

// Every byte came back.
static inline void world_close(void)
{
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
    tm_real_fini(&fx);
}

// Another one each time, unless TM_SEED says which.
static inline uint64_t seed_of(const char *test)
{
    const char *given = getenv("TM_SEED");
    uint64_t seed =
        given != NULL ? strtoull(given, NULL, 10) : (uint64_t)tm_fx_mono_ns(&fx) % 1000000000 + 1;
    printf("%s: TM_SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}
