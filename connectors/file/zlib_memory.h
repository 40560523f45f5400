// What zlib allocates, from the account of whoever uses it.
#pragma once

#include <string.h>
#include <zlib.h>

#include "core/base/mem.h"

enum { TM__ZLIB_ACCOUNT_BYTES = 16 }; // in front of what zlib gets: its size, for the account

static inline void *tm__zlib_alloc(void *arg, unsigned count, unsigned size)
{
    size_t bytes = (size_t)count * size + TM__ZLIB_ACCOUNT_BYTES;
    uint8_t *p = tm_mem_zalloc(arg, bytes);
    if (p == NULL)
        return NULL;
    memcpy(p, &bytes, sizeof bytes);
    return p + TM__ZLIB_ACCOUNT_BYTES;
}

static inline void tm__zlib_free(void *arg, void *address)
{
    uint8_t *p = (uint8_t *)address - TM__ZLIB_ACCOUNT_BYTES;
    size_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    tm_mem_free(arg, p, bytes);
}
