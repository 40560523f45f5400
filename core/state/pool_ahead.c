// Memory of a pool that is touched before it is used. The system gives a huge page to whoever
// writes there first, for a fifth of a millisecond, or several where a virtual machine asks its
// host: too long for a task's turn. So the helper thread of the account, one for all that
// belong to it, touches the pages in front of the cursor, one at a time for each pool; towards the
// end of a chunk those of the next, which is taken then. A helper that is behind costs what it cost
// without one. Small states have none.
#include "core/state/pool_ahead.h"

#include "core/base/helper.h"
#include "core/base/limits.h"

enum {
    PAGE = TM__POOL_CHUNK_HUGE,
    LOOK_BYTES = 128 * 1024, // from one look to the next
};

struct tm__state_pool_ahead {
    struct tm_work work;
    const struct tm_fx *fx;
    struct tm_helper *helper;
    bool busy;  // `work` was submitted and has not been seen done
    void *page; // what it touches
    size_t page_bytes;
    uint8_t *asked; // of the newest chunk all before is used, was or is being touched
    void *next;     // chunk taken in advance, not written to
    size_t next_bytes;
    size_t next_asked; // of these
    bool refused;      // there is no memory for a next one
};

static void run(struct tm_work *work)
{
    // The work stands first.
    struct tm__state_pool_ahead *ahead = (struct tm__state_pool_ahead *)work;
    ahead->fx->memory->touch(ahead->fx->ctx, ahead->page, ahead->page_bytes);
}

static struct tm__state_pool_ahead *ahead_new(struct tm__state_pool *pool)
{
    const struct tm_fx *fx = pool->mem->fx;
    struct tm_helper *helper = tm_mem_helper(pool->mem);
    if (fx->memory->touch == NULL || helper == NULL)
        return NULL;
    struct tm__state_pool_ahead *ahead = tm_mem_zalloc(pool->mem, sizeof *ahead);
    if (ahead == NULL)
        return NULL;
    ahead->fx = fx;
    ahead->work.run = run;
    ahead->helper = helper;
    return ahead;
}

// A page that is not taken is touched by whoever uses it.
static void submit(struct tm__state_pool_ahead *ahead, uint8_t *at, size_t bytes)
{
    ahead->page = at;
    ahead->page_bytes = bytes;
    ahead->busy = tm_helper_submit(ahead->helper, &ahead->work);
}

// How far ahead of the cursor: a quarter of what there is.
static ptrdiff_t ahead_bytes(const struct tm__state_pool *pool)
{
    int64_t pages = pool->reserved_bytes / 4 / PAGE;
    return (ptrdiff_t)(pages < TM_STATE_AHEAD_PAGES ? pages : TM_STATE_AHEAD_PAGES) * PAGE;
}

static size_t page_from(size_t left)
{
    return left < PAGE ? left : PAGE;
}

// The next page in front of the cursor, in the chunk.
static bool ask_in_chunk(struct tm__state_pool *pool, struct tm__state_pool_ahead *ahead)
{
    uint8_t *used = (uint8_t *)(((uintptr_t)pool->cursor + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    if (ahead->asked < used)
        ahead->asked = used;
    if (ahead->asked >= pool->limit || ahead->asked - pool->cursor >= ahead_bytes(pool))
        return false;
    uint8_t *at = ahead->asked;
    ahead->asked += PAGE;
    submit(ahead, at, page_from((size_t)(pool->limit - at)));
    return true;
}

// Of the chunk that comes after it.
static void ask_in_next(struct tm__state_pool *pool, struct tm__state_pool_ahead *ahead)
{
    if (pool->limit - pool->cursor >= ahead_bytes(pool))
        return;
    if (ahead->next == NULL && !ahead->refused) {
        ahead->next = tm__state_pool_chunk_new(pool, PAGE, &ahead->next_bytes);
        ahead->refused = ahead->next == NULL;
        ahead->next_asked = 0;
    }
    if (ahead->next == NULL || (ptrdiff_t)ahead->next_asked >= ahead_bytes(pool) ||
        ahead->next_asked >= ahead->next_bytes)
        return;
    size_t from = ahead->next_asked;
    ahead->next_asked += PAGE;
    submit(ahead, (uint8_t *)ahead->next + from, page_from(ahead->next_bytes - from));
}

void tm__state_pool_look_ahead(struct tm__state_pool *pool)
{
    size_t left = (size_t)(pool->limit - pool->cursor);
    pool->look = pool->limit;
    if (pool->reserved_bytes < TM_STATE_AHEAD_FROM_BYTES)
        return;
    if (pool->ahead == NULL)
        pool->ahead = ahead_new(pool);
    struct tm__state_pool_ahead *ahead = pool->ahead;
    if (ahead == NULL)
        return;
    if (left > LOOK_BYTES)
        pool->look = pool->cursor + LOOK_BYTES;
    if (ahead->busy && !tm_work_is_done(&ahead->work))
        return;
    ahead->busy = false;
    if (!ask_in_chunk(pool, ahead))
        ask_in_next(pool, ahead);
}

void *tm__state_pool_ahead_chunk(struct tm__state_pool *pool, size_t at_least, size_t *size_bytes)
{
    struct tm__state_pool_ahead *ahead = pool->ahead;
    if (ahead == NULL)
        return NULL;
    ahead->refused = false;
    ahead->asked = NULL; // it was of the chunk before
    void *next = ahead->next;
    size_t head = sizeof(struct tm__state_pool_chunk) + TM__POOL_BLOCK_MIN;
    if (next == NULL || ahead->next_bytes < at_least + head)
        return NULL;
    *size_bytes = ahead->next_bytes;
    ahead->next = NULL;
    ahead->asked = (uint8_t *)next + ahead->next_asked;
    return next;
}

void tm__state_pool_ahead_touched(struct tm__state_pool *pool)
{
    if (pool->ahead != NULL)
        pool->ahead->asked = pool->limit;
}

void tm__state_pool_ahead_free(struct tm__state_pool *pool)
{
    struct tm__state_pool_ahead *ahead = pool->ahead;
    if (ahead == NULL)
        return;
    if (ahead->busy)
        tm_helper_wait(ahead->helper, &ahead->work);
    if (ahead->next != NULL)
        tm_mem_free(pool->mem, ahead->next, ahead->next_bytes);
    tm_mem_free(pool->mem, ahead, sizeof *ahead);
    pool->ahead = NULL;
}
