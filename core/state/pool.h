// Memory of one state: blocks of powers of two cut from growing chunks, with a free list a size.
// Tables that doubled and namespaces that were dropped give their blocks to those that come after
// them. One thread.
#pragma once

#include "core/base/mem.h"

enum {
    TM__POOL_BLOCK_MIN = 64,          // a cache line
    TM__POOL_BLOCK_MAX = 1024 * 1024, // beyond: from the account at once, and back to it
    TM__POOL_CLASSES = 15,            // 64 .. 1 MiB
    TM__POOL_CHUNK_MIN = 32 * 1024,   // an idle state costs little
    TM__POOL_CHUNK_MAX = 32 * 1024 * 1024,
    TM__POOL_CHUNK_HUGE =
        2 * 1024 * 1024, // a huge page: an allocation of this size and more lies in such
};

struct tm__state_pool_chunk;
struct tm__state_pool_ahead;
struct tm__state_pool {
    struct tm_mem *mem;
    void *free[TM__POOL_CLASSES]; // linked by their first word
    uint32_t free_classes;        // bit c: free[c] has a block
    struct tm__state_pool_chunk *chunks;
    uint8_t *cursor, *limit; // of the newest chunk
    uint8_t *look;           // where the cursor is next looked at: is there touched memory ahead?
    struct tm__state_pool_ahead *ahead; // pool_ahead.c; NULL: nothing is touched ahead
    int64_t reserved_bytes;             // taken from the account
};

void tm__state_pool_init(struct tm__state_pool *pool, struct tm_mem *mem);
void tm__state_pool_fini(
    struct tm__state_pool *pool); // frees all chunks; large blocks must be back
// Aligned to 64. NULL: out of memory. Not zeroed.
void *tm__state_pool_alloc(struct tm__state_pool *pool, size_t size) TM_WARN_UNUSED;
void tm__state_pool_free(struct tm__state_pool *pool, void *block, size_t size); // NULL is fine
// For one large item: exactly this size, from the account and back to it.
void *tm__state_pool_alloc_exact(struct tm__state_pool *pool, size_t size) TM_WARN_UNUSED;
void tm__state_pool_free_exact(struct tm__state_pool *pool, void *block, size_t size);
