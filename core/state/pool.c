// The block pool of a state. Blocks are split on demand and not joined again: what doubling tables
// leave behind is cut up for pages, which need more than it.
#include "core/base/check.h"
#include "core/state/pool_ahead.h"
#include "core/state/pool_reserve.h"

void tm__state_pool_init(struct tm__state_pool *pool, struct tm_mem *mem)
{
    *pool = (struct tm__state_pool){.mem = mem};
}

void tm__state_pool_fini(struct tm__state_pool *pool)
{
    tm__state_pool_ahead_free(pool);
    tm__state_pool_reserve_free(pool);
    struct tm__state_pool_chunk *chunk = pool->chunks;
    while (chunk != NULL) {
        struct tm__state_pool_chunk *next = chunk->next;
        tm_mem_free(pool->mem, chunk, chunk->size_bytes);
        chunk = next;
    }
    tm__state_pool_init(pool, pool->mem);
}

static uint32_t class_of(size_t size)
{
    if (size <= TM__POOL_BLOCK_MIN)
        return 0;
    return (uint32_t)(64 - __builtin_clzl(size - 1)) - 6;
}

static void put(struct tm__state_pool *pool, void *block, uint32_t class)
{
    *(void **)block = pool->free[class];
    pool->free[class] = block;
    pool->free_bytes += (int64_t)TM__POOL_BLOCK_MIN << class;
    pool->free_classes |= 1u << class;
}

static void *take(struct tm__state_pool *pool, uint32_t class)
{
    void *block = pool->free[class];
    pool->free[class] = *(void **)block;
    pool->free_bytes -= (int64_t)TM__POOL_BLOCK_MIN << class;
    if (pool->free[class] == NULL)
        pool->free_classes &= ~(1u << class);
    return block;
}

// A larger free block cut down: its first part is used, the rest stands free in halves.
static void *split(struct tm__state_pool *pool, uint32_t class)
{
    uint32_t larger = pool->free_classes >> class << class;
    if (larger == 0)
        return NULL;
    uint32_t from = (uint32_t)__builtin_ctz(larger);
    uint8_t *block = take(pool, from);
    while (from > class) {
        from--;
        put(pool, block + ((size_t)TM__POOL_BLOCK_MIN << from), from);
    }
    return block;
}

// The smallest that is large enough becomes a free block like others.
static bool take_cold(struct tm__state_pool *pool, uint32_t class)
{
    while (class < TM__POOL_CLASSES && pool->cold[class] == NULL)
        class ++;
    if (class == TM__POOL_CLASSES)
        return false;
    void *block = pool->cold[class];
    pool->cold[class] = *(void **)block;
    pool->cold_bytes -= (int64_t)TM__POOL_BLOCK_MIN << class;
    put(pool, block, class);
    return true;
}

// The end of the old chunk becomes free blocks.
static void retire_chunk(struct tm__state_pool *pool)
{
    size_t left = (size_t)(pool->limit - pool->cursor);
    for (uint32_t class = TM__POOL_CLASSES; class -- > 0;) {
        size_t size = (size_t)TM__POOL_BLOCK_MIN << class;
        while (left >= size) {
            put(pool, pool->cursor, class);
            pool->cursor += size;
            left -= size;
        }
    }
}

void *tm__state_pool_chunk_new(struct tm__state_pool *pool, size_t at_least, size_t *size_bytes)
{
    // A quarter of what is there: the unused part stays small beside the used one.
    size_t wanted = (size_t)pool->reserved_bytes / 4;
    wanted = wanted < TM__POOL_CHUNK_MIN ? TM__POOL_CHUNK_MIN : wanted;
    wanted = wanted > TM__POOL_CHUNK_MAX ? TM__POOL_CHUNK_MAX : wanted;
    if (pool->reserved_bytes >= 2 * TM__POOL_CHUNK_HUGE) // rounded up to huge pages
        wanted = (wanted + TM__POOL_CHUNK_HUGE - 1) / TM__POOL_CHUNK_HUGE * TM__POOL_CHUNK_HUGE;
    size_t head = sizeof(struct tm__state_pool_chunk) + TM__POOL_BLOCK_MIN;
    size_t least = at_least + head;
    wanted = wanted < least ? least : (wanted + 4095) & ~(size_t)4095;
    void *chunk = tm_mem_alloc(pool->mem, wanted);
    if (chunk == NULL && wanted > least) { // near the limit
        wanted = least;
        chunk = tm_mem_alloc(pool->mem, wanted);
    }
    if (chunk == NULL)
        return NULL;
    *size_bytes = wanted;
    pool->reserved_bytes += (int64_t)wanted;
    return chunk;
}

static bool new_chunk(struct tm__state_pool *pool, size_t at_least)
{
    size_t size_bytes;
    struct tm__state_pool_chunk *chunk = tm__state_pool_reserve_chunk(pool, at_least, &size_bytes);
    bool touched = chunk != NULL;
    if (chunk == NULL)
        chunk = tm__state_pool_ahead_chunk(pool, at_least, &size_bytes);
    if (chunk == NULL)
        chunk = tm__state_pool_chunk_new(pool, at_least, &size_bytes);
    if (chunk == NULL)
        return false;
    retire_chunk(pool);
    *chunk = (struct tm__state_pool_chunk){pool->chunks, size_bytes};
    pool->chunks = chunk;
    uintptr_t start = (uintptr_t)(chunk + 1);
    start = (start + TM__POOL_BLOCK_MIN - 1) & ~(uintptr_t)(TM__POOL_BLOCK_MIN - 1);
    pool->cursor = (uint8_t *)start;
    pool->limit = (uint8_t *)chunk + chunk->size_bytes;
    if (touched)
        tm__state_pool_ahead_touched(pool);
    tm__state_pool_look_ahead(pool);
    return true;
}

void *tm__state_pool_alloc(struct tm__state_pool *pool, size_t size)
{
    if (size > TM__POOL_BLOCK_MAX)
        return tm__state_pool_alloc_exact(pool, size);
    uint32_t class = class_of(size);
    void *block = pool->free[class] != NULL ? take(pool, class) : split(pool, class);
    if (block != NULL)
        return block;
    if (pool->cold_bytes != 0 && take_cold(pool, class))
        return split(pool, class);
    size = (size_t)TM__POOL_BLOCK_MIN << class;
    if ((size_t)(pool->limit - pool->cursor) < size && !new_chunk(pool, size))
        return NULL;
    block = pool->cursor;
    pool->cursor += size;
    if (TM_UNLIKELY(pool->cursor > pool->look))
        tm__state_pool_look_ahead(pool);
    return block;
}

void tm__state_pool_free(struct tm__state_pool *pool, void *block, size_t size)
{
    if (block == NULL)
        return;
    if (size > TM__POOL_BLOCK_MAX)
        tm__state_pool_free_exact(pool, block, size);
    else
        put(pool, block, class_of(size));
}

void *tm__state_pool_alloc_exact(struct tm__state_pool *pool, size_t size)
{
    void *block = tm_mem_alloc(pool->mem, size);
    if (block != NULL)
        pool->reserved_bytes += (int64_t)size;
    return block;
}

void tm__state_pool_free_exact(struct tm__state_pool *pool, void *block, size_t size)
{
    tm_mem_free(pool->mem, block, size);
    pool->reserved_bytes -= (int64_t)size;
}
