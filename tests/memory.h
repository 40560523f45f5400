// The C library's memory, as the engine asks for it: for unit tests and fuzz targets, which run
// without a loop.
#pragma once

#include <stdlib.h>

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

static const struct tm_fx_memory plain_memory = {plain_alloc, plain_realloc, plain_free, NULL,
                                                 NULL};
