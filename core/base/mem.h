// Memory with an account: every module allocates through a tm_mem, so that what an operator holds
// can be counted and limited.
#pragma once

#include "core/base/effects.h"

// An account. One thread writes it; `used_bytes` may be read by others (relaxed). `limit_bytes` 0 =
// none.
struct tm_mem {
    const struct tm_fx *fx;
    struct tm_mem *parent; // charged too; same thread; may be NULL
    _Atomic int64_t used_bytes;
    int64_t limit_bytes;
};

void tm_mem_init(struct tm_mem *mem, const struct tm_fx *fx, struct tm_mem *parent,
                 int64_t limit_bytes);
// NULL when the machine or the account is exhausted. Not zeroed. Aligned to 16.
void *tm_mem_alloc(struct tm_mem *mem, size_t size) TM_WARN_UNUSED;
void *tm_mem_zalloc(struct tm_mem *mem, size_t size) TM_WARN_UNUSED;
void *tm_mem_realloc(struct tm_mem *mem, void *p, size_t old_size, size_t new_size) TM_WARN_UNUSED;
void tm_mem_free(struct tm_mem *mem, void *p, size_t size); // `size` as allocated; p may be NULL
char *tm_mem_strdup(struct tm_mem *mem, const char *s) TM_WARN_UNUSED; // freed with strlen + 1
