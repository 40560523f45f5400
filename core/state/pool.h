// Memory of one state: blocks of powers of two cut from growing chunks, with a free list a size.
// Tables that doubled and namespaces that were dropped give their blocks to those that come after
// them. One thread.
#pragma once

#include "core/base/check.h"
#include "core/base/mem.h"

enum {
    TM__POOL_BLOCK_MIN = 64,          // a cache line
    TM__POOL_BLOCK_MAX = 1024 * 1024, // beyond: from the account at once, and back to it
    TM__POOL_CLASSES = 15,            // 64 .. 1 MiB
    TM__POOL_CHUNK_MIN = 32 * 1024,   // an idle state costs little
    TM__POOL_CHUNK_MAX = 32 * 1024 * 1024,
    TM__POOL_CHUNK_HUGE =
        2 * 1024 * 1024, // a huge page: an allocation of this size and more lies in such
    TM__POOL_RESERVE_LOOK_BITS = 16, // rows between two looks at the reserve
};

struct tm__state_pool_chunk;
struct tm__state_pool_ahead;
struct tm__state_pool_reserve;
struct tm__state_pool {
    struct tm_mem *mem;
    void *free[TM__POOL_CLASSES]; // linked by their first word
    uint32_t free_classes;        // bit c: free[c] has a block
    struct tm__state_pool_chunk *chunks;
    uint8_t *cursor, *limit; // of the newest chunk
    uint8_t *look;           // where the cursor is next looked at: is there touched memory ahead?
    struct tm__state_pool_ahead *ahead;     // pool_ahead.c; NULL: nothing is touched ahead
    struct tm__state_pool_reserve *reserve; // pool_reserve.c; NULL: none so far
    int64_t reserved_bytes;                 // taken from the account
    int64_t free_bytes;                     // in the lists above
    // Free blocks whose memory the system has back, but for their first bytes.
    void *cold[TM__POOL_CLASSES];
    int64_t cold_bytes;
    // What the reserve is measured by. Of pages: all; copied since the last freezing; held by
    // snapshots alone.
    int64_t page_bytes, copied_bytes, held_bytes;
    int64_t expected_bytes; // to be copied when it is frozen next, as far as can be told
    uint64_t looked_up;     // keys, by batches
    bool frozen;            // it was, once
    // Until then: a bit for each piece of the keys' hashes, as many as there are pages, set where a
    // key was found again, of some of them; how many are.
    uint64_t *marks;
    uint32_t mark_bits, marked;
};

void tm__state_pool_init(struct tm__state_pool *pool, struct tm_mem *mem);
void tm__state_pool_fini(
    struct tm__state_pool *pool); // frees all chunks; large blocks must be back
// Aligned to 64. NULL: out of memory. Not zeroed.
void *tm__state_pool_alloc(struct tm__state_pool *pool, size_t size) TM_WARN_UNUSED;
void tm__state_pool_free(struct tm__state_pool *pool, void *block, size_t size); // NULL is fine
// The state was frozen. What was copied since the last time will be again.
void tm__state_pool_frozen(struct tm__state_pool *pool);
// Is there memory for the copies to come? If not some more is made ready, by another thread.
void tm__state_pool_look_at_reserve(struct tm__state_pool *pool);
static inline void tm__state_pool_mark(struct tm__state_pool *pool, uint64_t hash)
{
    if (TM_LIKELY(pool->marks == NULL))
        return;
    uint32_t at = (uint32_t)hash >> (32 - pool->mark_bits);
    pool->marked += (uint32_t)(~pool->marks[at / 64] >> (at % 64) & 1);
    pool->marks[at / 64] |= 1ull << (at % 64);
}
static inline void tm__state_pool_note_keys(struct tm__state_pool *pool, uint32_t count)
{
    uint64_t before = pool->looked_up;
    pool->looked_up += count;
    if (TM_UNLIKELY(((before ^ pool->looked_up) >> TM__POOL_RESERVE_LOOK_BITS) != 0))
        tm__state_pool_look_at_reserve(pool);
}
// For one large item: exactly this size, from the account and back to it.
void *tm__state_pool_alloc_exact(struct tm__state_pool *pool, size_t size) TM_WARN_UNUSED;
void tm__state_pool_free_exact(struct tm__state_pool *pool, void *block, size_t size);
