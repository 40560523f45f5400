// Memory for copies, touched before they are made. What is written behind a freezing is copied page
// by page, for a state that is written everywhere within a part of a second: much faster than the
// system gives memory. So between two freezings a thread, one for all states of a job, touches as
// much as will be copied next, a chunk at a time: as much as was copied last. Before the first
// freezing some of the keys that are found again are noted by their hashes, in as many pieces as
// there are pages: the share of pieces is that of pages that are written. What snapshots hold
// beyond the newest one's copies will be back by then, and counts too.
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
};

struct tm__state_pool_reserve {
    struct tm_work work;
    const struct tm_fx *fx;
    struct tm_helper *helper;
    bool busy;         // `work` was submitted and has not been seen done
    _Atomic bool stop; // the pool's thread to the helper; it publishes nothing
    uint8_t *chunk;    // that is being touched
    size_t chunk_bytes;
    struct tm__state_pool_chunk *ready;
    int64_t ready_bytes; // and of the chunk that is being touched
};

static void run(struct tm_work *work)
{
    // The work stands first.
    struct tm__state_pool_reserve *reserve = (struct tm__state_pool_reserve *)work;
    for (size_t at = 0; at < reserve->chunk_bytes; at += PAGE) {
        if (atomic_load_explicit(&reserve->stop, memory_order_relaxed))
            return;
        size_t left = reserve->chunk_bytes - at;
        reserve->fx->memory->touch(reserve->fx->ctx, reserve->chunk + at,
                                   left < PAGE ? left : PAGE);
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
    reserve->work.run = run;
    reserve->helper = pool->mem->reserves;
    return reserve;
}

static void put_ready(struct tm__state_pool_reserve *reserve)
{
    struct tm__state_pool_chunk *chunk = (struct tm__state_pool_chunk *)(void *)reserve->chunk;
    *chunk = (struct tm__state_pool_chunk){reserve->ready, reserve->chunk_bytes};
    reserve->ready = chunk;
    reserve->chunk = NULL;
    reserve->busy = false;
}

static void ask_for_more(struct tm__state_pool *pool, struct tm__state_pool_reserve *reserve)
{
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

void tm__state_pool_frozen(struct tm__state_pool *pool)
{
    free_marks(pool);
    int64_t before = pool->expected_bytes / 4 * 3; // what was copied less is needed no more
    if (pool->frozen)
        pool->expected_bytes = pool->copied_bytes > before ? pool->copied_bytes : before;
    pool->frozen = true;
    pool->copied_bytes = 0;
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
        put_ready(reserve);
    int64_t returned = pool->held_bytes - pool->copied_bytes;
    int64_t there = pool->free_bytes + (pool->limit - pool->cursor) + reserve->ready_bytes +
                    (returned > 0 ? returned : 0);
    if (there < pool->expected_bytes)
        ask_for_more(pool, reserve);
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
    if (reserve->busy)
        tm_helper_wait(reserve->helper, &reserve->work);
    if (reserve->chunk != NULL)
        put_ready(reserve);
    for (struct tm__state_pool_chunk *chunk = reserve->ready, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        tm_mem_free(pool->mem, chunk, chunk->size_bytes);
    }
    tm_mem_free(pool->mem, reserve, sizeof *reserve);
    pool->reserve = NULL;
}
