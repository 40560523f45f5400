// The world of a micro benchmark: plain memory, and the CPU time of the thread.
#pragma once

#include <stdlib.h>
#include <time.h>

#include "core/base/effects.h"

static inline void *plain_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}
static inline void *plain_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    return realloc(p, new_size);
}
static inline void plain_free(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}
static const struct tm_fx_memory memory = {
    .alloc = plain_alloc, .realloc = plain_realloc, .free = plain_free};
static const struct tm_fx fx = {.memory = &memory};

static inline double cpu_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}
