// The world of a micro benchmark: memory as the engine has it, and the CPU time of the thread.
#pragma once

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "core/base/effects.h"

enum { WORLD_HUGE_BYTES = 2 * 1024 * 1024 }; // as core/loop has it
static inline void *plain_alloc(void *ctx, size_t size)
{
    (void)ctx;
    if (size < WORLD_HUGE_BYTES)
        return malloc(size);
    void *p = NULL;
    if (posix_memalign(&p, WORLD_HUGE_BYTES, size) != 0)
        return NULL;
    (void)madvise(p, size, MADV_HUGEPAGE);
    return p;
}
static inline void *plain_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    (void)ctx;
    if (new_size < WORLD_HUGE_BYTES)
        return realloc(p, new_size);
    void *q = plain_alloc(ctx, new_size);
    if (q != NULL && p != NULL)
        memcpy(q, p, old_size < new_size ? old_size : new_size);
    if (q != NULL)
        free(p);
    return q;
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
