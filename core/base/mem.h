// Memory with an account: every module allocates through a tm_mem, so that what an operator holds
// can be counted and limited.
#pragma once

#include "core/base/effects.h"

struct tm_helper;

// An account. Any thread may charge it, at the cost of one atomic addition a level. `limit_bytes`
// 0 = none, set once.
struct tm_mem {
    const struct tm_fx *fx;
    struct tm_mem *parent;      // charged too; outlives this one; may be NULL
    _Atomic int64_t used_bytes; // relaxed: a count, it publishes nothing
    int64_t limit_bytes;
    struct tm_helper *helper; // of the holders of this account and those below; NULL: see parent
    // States of this account are frozen now and then: it makes memory ready for what is copied
    // then. NULL: nobody does.
    struct tm_helper *reserves;
};

void tm_mem_init(struct tm_mem *mem, const struct tm_fx *fx, struct tm_mem *parent,
                 int64_t limit_bytes);
// The account and what it holds go to another parent: for one that was put back as it was
// (tm_fx_states), whose parent then is gone. False: the new one's limit refuses it.
bool tm_mem_adopt(struct tm_mem *mem, struct tm_mem *parent) TM_WARN_UNUSED;
// The helper thread of the account or the nearest one above; NULL: there is none.
struct tm_helper *tm_mem_helper(const struct tm_mem *mem);
// NULL when the machine or the account is exhausted. Not zeroed. Aligned to 16.
void *tm_mem_alloc(struct tm_mem *mem, size_t size) TM_WARN_UNUSED;
void *tm_mem_zalloc(struct tm_mem *mem, size_t size) TM_WARN_UNUSED;
void *tm_mem_realloc(struct tm_mem *mem, void *p, size_t old_size, size_t new_size) TM_WARN_UNUSED;
void tm_mem_free(struct tm_mem *mem, void *p, size_t size); // `size` as allocated; p may be NULL
char *tm_mem_strdup(struct tm_mem *mem, const char *s) TM_WARN_UNUSED; // freed with strlen + 1
