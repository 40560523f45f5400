// Memory for copies, touched before they are made. What is written behind a freezing is copied page
// by page, for a state that is written everywhere within a part of a second: much faster than the
// system gives memory. So between two freezings a thread, one for all states of a job, touches as
// much as will be copied next, a chunk at a time: as much as was copied last. Before the first
// freezing some of the keys that are found again are noted by their hashes, in as many pieces as
// there are pages: the share of pieces is that of pages that are written. What snapshots hold
// beyond the newest one's copies will be back by then, and counts too.
//
// What is expected becomes less by a quarter with each freezing behind which less was copied. Once
// more than twice that is free the rest goes back to the system, by the same thread, a part at a
// time: chunks that were touched and not used, then free blocks, whose addresses stay the pool's
// (`cold`). Those are touched again before other memory is, when more is expected.
#include "core/state/pool_reserve.h"

#include <stdatomic.h>

#include "core/base/helper.h"
#include "core/base/limits.h"
#include "core/state/internal.h"
#include "core/state/pool_ahead.h"

enum {
    PAGE = TM__POOL_CHUNK_HUGE,
    MARK_BITS_MIN = 9,
    MARK_BITS_MAX = 20, // of 16 GiB, in 128 KiB
    HEAD = 4096,        // of a cold block, which has its link
    COLD_CLASS_MIN = 8, // of 16 KiB: smaller ones have too little behind that
    BLOCKS = 1024,      // at a time
};

enum job { TOUCH_CHUNK, TOUCH_BLOCKS, GIVE_BLOCKS, FREE_CHUNK };

struct tm__state_pool_reserve {
    struct tm_work work;
    const struct tm_fx *fx;
    struct tm_helper *helper;
    struct tm_mem *mem; // the pool's
    bool busy;          // `work` was submitted and has not been seen done
    enum job job;
    _Atomic bool stop; // the pool's thread to the helper; it publishes nothing
    uint8_t *chunk;    // that is being touched or freed
    size_t chunk_bytes;
    void *blocks, *last; // that are being touched or given back, linked by their first word
    uint32_t class, block_count;
    struct tm__state_pool_chunk *ready;
    int64_t ready_bytes; // and of the chunk that is being touched
};

static void touch_chunk(struct tm__state_pool_reserve *reserve)
{
    for (size_t at = 0; at < reserve->chunk_bytes; at += PAGE) {
        if (atomic_load_explicit(&reserve->stop, memory_order_relaxed))
            return;
        size_t left = reserve->chunk_bytes - at;
        reserve->fx->memory->touch(reserve->fx->ctx, reserve->chunk + at,
                                   left < PAGE ? left : PAGE);
    }
}

static size_t block_bytes(uint32_t class)
{
    return (size_t)TM__POOL_BLOCK_MIN << class;
}

static void do_blocks(const struct tm__state_pool_reserve *reserve,
                      void (*what)(void *ctx, void *p, size_t size))
{
    for (uint8_t *block = reserve->blocks; block != NULL; block = *(void **)(void *)block)
        if (!atomic_load_explicit(&reserve->stop, memory_order_relaxed))
            what(reserve->fx->ctx, block + HEAD, block_bytes(reserve->class) - HEAD);
}

static void run(struct tm_work *work)
{
    // The work stands first.
    struct tm__state_pool_reserve *reserve = (struct tm__state_pool_reserve *)work;
    switch (reserve->job) {
    case TOUCH_CHUNK:
        touch_chunk(reserve);
        break;
    case TOUCH_BLOCKS:
        do_blocks(reserve, reserve->fx->memory->touch);
        break;
    case GIVE_BLOCKS:
        do_blocks(reserve, reserve->fx->memory->give_back);
        break;
    case FREE_CHUNK:
        tm_mem_free(reserve->mem, reserve->chunk, reserve->chunk_bytes);
        break;
    }
}

// --- chunks --------------------------------------------------------------------------------------

static struct tm__state_pool_reserve *reserve_new(struct tm__state_pool *pool)
{
    const struct tm_fx *fx = pool->mem->fx;
    struct tm__state_pool_reserve *reserve = tm_mem_zalloc(pool->mem, sizeof *reserve);
    if (reserve == NULL)
        return NULL;
    reserve->fx = fx;
    reserve->mem = pool->mem;
    reserve->work.run = run;
    reserve->helper = pool->mem->reserves;
    return reserve;
}

// Of the chunk, which is no more the helper's.
static void put_ready(struct tm__state_pool_reserve *reserve)
{
    struct tm__state_pool_chunk *chunk = (struct tm__state_pool_chunk *)(void *)reserve->chunk;
    *chunk = (struct tm__state_pool_chunk){reserve->ready, reserve->chunk_bytes};
    reserve->ready = chunk;
    reserve->chunk = NULL;
}

// --- blocks --------------------------------------------------------------------------------------

// So many blocks at most from the front of a list.
static void take_blocks(struct tm__state_pool_reserve *reserve, void **list, uint32_t class,
                        int64_t most)
{
    void **end = &reserve->blocks;
    reserve->class = class;
    reserve->block_count = 0;
    while (*list != NULL && reserve->block_count < most && reserve->block_count < BLOCKS) {
        *end = reserve->last = *list;
        *list = *(void **)*list;
        end = reserve->last;
        reserve->block_count++;
    }
    *end = NULL;
}

static int64_t taken_bytes(const struct tm__state_pool_reserve *reserve)
{
    return (int64_t)block_bytes(reserve->class) * reserve->block_count;
}

static void put_blocks(struct tm__state_pool *pool, struct tm__state_pool_reserve *reserve,
                       bool cold)
{
    void **list = cold ? &pool->cold[reserve->class] : &pool->free[reserve->class];
    *(void **)reserve->last = *list;
    *list = reserve->blocks;
    *(cold ? &pool->cold_bytes : &pool->free_bytes) += taken_bytes(reserve);
    if (!cold)
        pool->free_classes |= 1u << reserve->class;
    reserve->blocks = NULL;
}

// What the helper has done.
static void take_over(struct tm__state_pool *pool, struct tm__state_pool_reserve *reserve)
{
    reserve->busy = false;
    switch (reserve->job) {
    case TOUCH_CHUNK:
        put_ready(reserve);
        break;
    case TOUCH_BLOCKS:
    case GIVE_BLOCKS:
        put_blocks(pool, reserve, reserve->job == GIVE_BLOCKS);
        break;
    case FREE_CHUNK:
        pool->reserved_bytes -= (int64_t)reserve->chunk_bytes;
        reserve->chunk = NULL;
        break;
    }
}

static bool touch_cold(struct tm__state_pool *pool, struct tm__state_pool_reserve *reserve,
                       int64_t bytes)
{
    for (uint32_t class = TM__POOL_CLASSES; class -- > COLD_CLASS_MIN;) {
        if (pool->cold[class] == NULL)
            continue;
        take_blocks(reserve, &pool->cold[class], class, bytes / (int64_t)block_bytes(class) + 1);
        pool->cold_bytes -= taken_bytes(reserve);
        reserve->job = TOUCH_BLOCKS;
        reserve->busy = tm_helper_submit(reserve->helper, &reserve->work);
        if (!reserve->busy)
            put_blocks(pool, reserve, true);
        return true;
    }
    return false;
}

static void ask_for_more(struct tm__state_pool *pool, struct tm__state_pool_reserve *reserve,
                         int64_t bytes)
{
    if (touch_cold(pool, reserve, bytes))
        return;
    reserve->job = TOUCH_CHUNK;
    reserve->chunk = tm__state_pool_chunk_new(pool, PAGE, &reserve->chunk_bytes);
    if (reserve->chunk == NULL)
        return; // then there is none to copy to either
    reserve->ready_bytes += (int64_t)reserve->chunk_bytes;
    reserve->busy = tm_helper_submit(reserve->helper, &reserve->work);
    if (!reserve->busy) // the thread is being started: it counts as memory all the same
        put_ready(reserve);
}

// --- how much ------------------------------------------------------------------------------------

static size_t marks_bytes(const struct tm__state_pool *pool)
{
    return ((size_t)1 << pool->mark_bits) / 8;
}

static void free_marks(struct tm__state_pool *pool)
{
    if (pool->marks != NULL)
        tm_mem_free(pool->mem, pool->marks, marks_bytes(pool));
    pool->marks = NULL;
}

// Where there are more pages than pieces it begins anew.
static void estimate(struct tm__state_pool *pool)
{
    uint32_t bits = MARK_BITS_MIN;
    while (bits < MARK_BITS_MAX && pool->page_bytes >> bits > TM__PAGE_BYTES_MAX)
        bits++;
    if (pool->marks != NULL) { // the last eighth takes long to come
        int64_t part = pool->page_bytes >> pool->mark_bits, marked = pool->marked;
        int64_t bytes = marked >> (pool->mark_bits - 3) >= 7 ? pool->page_bytes : marked * part;
        if (bytes > pool->expected_bytes)
            pool->expected_bytes = bytes;
    }
    if (pool->marks != NULL && bits <= pool->mark_bits)
        return;
    free_marks(pool);
    pool->mark_bits = bits;
    pool->marked = 0;
    pool->marks = tm_mem_zalloc(pool->mem, marks_bytes(pool)); // NULL: nothing is known
}

static void free_ready(struct tm__state_pool_reserve *reserve)
{
    struct tm__state_pool_chunk *chunk = reserve->ready;
    reserve->ready = chunk->next;
    reserve->ready_bytes -= (int64_t)chunk->size_bytes;
    reserve->chunk = (uint8_t *)chunk;
    reserve->chunk_bytes = chunk->size_bytes;
    reserve->job = FREE_CHUNK;
    reserve->busy = tm_helper_submit(reserve->helper, &reserve->work);
    if (reserve->busy)
        return;
    reserve->ready_bytes += (int64_t)reserve->chunk_bytes;
    put_ready(reserve);
}

static void give_blocks(struct tm__state_pool *pool, struct tm__state_pool_reserve *reserve,
                        int64_t bytes)
{
    for (uint32_t class = TM__POOL_CLASSES; class -- > COLD_CLASS_MIN;) {
        if (pool->free[class] == NULL || bytes < (int64_t)block_bytes(class))
            continue;
        take_blocks(reserve, &pool->free[class], class, bytes / (int64_t)block_bytes(class));
        pool->free_bytes -= taken_bytes(reserve);
        if (pool->free[class] == NULL)
            pool->free_classes &= ~(1u << class);
        reserve->job = GIVE_BLOCKS;
        reserve->busy = tm_helper_submit(reserve->helper, &reserve->work);
        if (!reserve->busy)
            put_blocks(pool, reserve, false);
        return;
    }
}

// What is free beyond twice of what is expected, and beyond what is little.
static void give_back(struct tm__state_pool *pool)
{
    struct tm__state_pool_reserve *reserve = pool->reserve;
    if (reserve == NULL || !pool->frozen || reserve->fx->memory->give_back == NULL ||
        (reserve->busy && !tm_work_is_done(&reserve->work)))
        return;
    if (reserve->busy)
        take_over(pool, reserve);
    int64_t spare = pool->free_bytes + reserve->ready_bytes - 2 * pool->expected_bytes -
                    TM_STATE_AHEAD_FROM_BYTES;
    if (reserve->ready != NULL && (int64_t)reserve->ready->size_bytes <= spare)
        free_ready(reserve);
    else if (spare > 0)
        give_blocks(pool, reserve, spare);
}

void tm__state_pool_frozen(struct tm__state_pool *pool)
{
    free_marks(pool);
    int64_t before = pool->expected_bytes / 4 * 3; // what was copied less is needed no more
    if (pool->frozen)
        pool->expected_bytes = pool->copied_bytes > before ? pool->copied_bytes : before;
    pool->frozen = true;
    pool->copied_bytes = 0;
    give_back(pool);
}

void tm__state_pool_look_at_reserve(struct tm__state_pool *pool)
{
    if (pool->mem->reserves == NULL || pool->page_bytes < TM_STATE_AHEAD_FROM_BYTES ||
        pool->mem->fx->memory->touch == NULL)
        return;
    if (!pool->frozen)
        estimate(pool);
    struct tm__state_pool_reserve *reserve = pool->reserve;
    if (reserve == NULL)
        reserve = pool->reserve = reserve_new(pool);
    if (reserve == NULL || (reserve->busy && !tm_work_is_done(&reserve->work)))
        return;
    if (reserve->busy)
        take_over(pool, reserve);
    int64_t returned = pool->held_bytes - pool->copied_bytes;
    int64_t there = pool->free_bytes + (pool->limit - pool->cursor) + reserve->ready_bytes +
                    (returned > 0 ? returned : 0);
    if (there < pool->expected_bytes)
        ask_for_more(pool, reserve, pool->expected_bytes - there);
    else
        give_back(pool);
}

void *tm__state_pool_reserve_chunk(struct tm__state_pool *pool, size_t at_least, size_t *size_bytes)
{
    struct tm__state_pool_reserve *reserve = pool->reserve;
    size_t head = sizeof(struct tm__state_pool_chunk) + TM__POOL_BLOCK_MIN;
    if (reserve == NULL || reserve->ready == NULL || reserve->ready->size_bytes < at_least + head)
        return NULL;
    struct tm__state_pool_chunk *chunk = reserve->ready;
    reserve->ready = chunk->next;
    reserve->ready_bytes -= (int64_t)chunk->size_bytes;
    *size_bytes = chunk->size_bytes;
    return chunk;
}

void tm__state_pool_reserve_free(struct tm__state_pool *pool)
{
    struct tm__state_pool_reserve *reserve = pool->reserve;
    free_marks(pool);
    if (reserve == NULL)
        return;
    atomic_store_explicit(&reserve->stop, true, memory_order_relaxed);
    if (reserve->busy) {
        tm_helper_wait(reserve->helper, &reserve->work);
        take_over(pool, reserve);
    }
    for (struct tm__state_pool_chunk *chunk = reserve->ready, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        tm_mem_free(pool->mem, chunk, chunk->size_bytes);
    }
    tm_mem_free(pool->mem, reserve, sizeof *reserve);
    pool->reserve = NULL;
}
