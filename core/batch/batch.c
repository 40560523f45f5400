// Batches and their pool.
//
// A batch is acquired by its pool's owner, filled, sent through a channel and released by whichever
// thread has used it up. Releases go to a Treiber stack. It has no ABA problem: nobody pops single
// elements, the owner takes the whole list by one exchange, and it does so only when its own list
// is empty, so that the stack is touched once per many batches.
#include "core/batch/batch.h"

#include <stdatomic.h>

#include "core/base/limits.h"

// Room for the row that crosses TM_BATCH_BYTES, so that most batches never grow.
enum { BATCH_ROOM = TM_BATCH_BYTES + 4096, BATCH_SLACK = 64, BATCH_KEEP = 8 * TM_BATCH_BYTES };

struct tm_batch_pool {
    struct tm_mem *mem;
    struct tm_batch *free; // the owner's
    int64_t batch_count;   // in existence; the owner's
    // Batches released. Partner of the pushes' release is the owner's acquire exchange. Holds
    // `closed` once the owner has let go.
    _Atomic(struct tm_batch *) returned;
    // After closing: batches not back yet. Those that come back before the owner has counted make
    // it negative for a moment; who makes it zero frees the pool.
    _Atomic int64_t outstanding;
};

// The end mark of a pool without an owner. Its address alone counts.
static struct tm_batch closed;

const char *tm_row_kind_text(uint8_t kind)
{
    static const char *const texts[] = {"+I", "-U", "+U", "-D"};
    return texts[kind & 3];
}

struct tm_batch_pool *tm_batch_pool_new(struct tm_mem *mem)
{
    struct tm_batch_pool *pool = tm_mem_zalloc(mem, sizeof *pool);
    if (pool != NULL)
        pool->mem = mem;
    return pool;
}

static void batch_free(struct tm_batch_pool *pool, struct tm_batch *batch)
{
    tm_schema_unref(batch->schema);
    tm_mem_free(pool->mem, batch->data, batch->capacity_bytes + BATCH_SLACK);
    tm_mem_free(pool->mem, batch, sizeof *batch);
}

static int64_t free_list(struct tm_batch_pool *pool, struct tm_batch *list)
{
    int64_t count = 0;
    while (list != NULL) {
        struct tm_batch *next = list->next;
        batch_free(pool, list);
        list = next;
        count++;
    }
    return count;
}

// `delta` of a closed pool's outstanding batches; frees the pool when none is left.
static void settle(struct tm_batch_pool *pool, int64_t delta)
{
    int64_t before = atomic_fetch_add_explicit(&pool->outstanding, delta, memory_order_acq_rel);
    if (before + delta == 0)
        tm_mem_free(pool->mem, pool, sizeof *pool);
}

void tm_batch_pool_free(struct tm_batch_pool *pool)
{
    if (pool == NULL)
        return;
    int64_t back = free_list(pool, pool->free);
    back +=
        free_list(pool, atomic_exchange_explicit(&pool->returned, &closed, memory_order_acq_rel));
    // A release that saw `closed` counts itself down, before or after this line. With everything
    // back, the sum is zero already and nobody else will come.
    settle(pool, pool->batch_count - back);
}

static struct tm_batch *batch_new(struct tm_batch_pool *pool)
{
    struct tm_batch *batch = tm_mem_zalloc(pool->mem, sizeof *batch);
    if (batch == NULL)
        return NULL;
    batch->pool = pool;
    batch->capacity_bytes = BATCH_ROOM;
    batch->data = tm_mem_alloc(pool->mem, BATCH_ROOM + BATCH_SLACK);
    if (batch->data == NULL) {
        tm_mem_free(pool->mem, batch, sizeof *batch);
        return NULL;
    }
    pool->batch_count++;
    return batch;
}

// A batch that one huge row made large does not stay so. Failure to shrink costs memory only.
static void shrink(struct tm_batch_pool *pool, struct tm_batch *batch)
{
    uint8_t *data = tm_mem_realloc(pool->mem, batch->data, batch->capacity_bytes + BATCH_SLACK,
                                   BATCH_ROOM + BATCH_SLACK);
    if (data != NULL) {
        batch->data = data;
        batch->capacity_bytes = BATCH_ROOM;
    }
}

struct tm_batch *tm_batch_acquire(struct tm_batch_pool *pool, struct tm_schema *schema)
{
    if (pool->free == NULL)
        pool->free = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
    struct tm_batch *batch = pool->free;
    if (batch != NULL)
        pool->free = batch->next;
    else if ((batch = batch_new(pool)) == NULL)
        return NULL;
    if (TM_UNLIKELY(batch->capacity_bytes > BATCH_KEEP))
        shrink(pool, batch);
    // A pooled batch keeps its reference: the next user's schema is nearly always the same one, and
    // then no counter that other cores share is touched.
    if (batch->schema != schema) {
        tm_schema_unref(batch->schema);
        batch->schema = tm_schema_ref(schema);
    }
    batch->row_count = 0;
    batch->size_bytes = 0;
    batch->split = TM_NO_SPLIT;
    batch->read_ns = 0;
    batch->watermark = INT64_MIN;
    batch->next = NULL;
    return batch;
}

void tm_batch_release(struct tm_batch *batch)
{
    if (batch == NULL)
        return;
    struct tm_batch_pool *pool = batch->pool;
    struct tm_batch *head = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    do {
        if (TM_UNLIKELY(head == &closed)) {
            batch_free(pool, batch);
            settle(pool, -1);
            return;
        }
        batch->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&pool->returned, &head, batch,
                                                    memory_order_release, memory_order_relaxed));
}

void tm_batch_release_local(struct tm_batch *batch)
{
    if (batch == NULL)
        return;
    batch->next = batch->pool->free;
    batch->pool->free = batch;
}

int tm_batch_grow(struct tm_batch *batch, size_t more)
{
    if (more > TM_BATCH_BYTES_MAX - batch->size_bytes)
        return TM_E_LIMIT;
    size_t needed = batch->size_bytes + more;
    size_t capacity = batch->capacity_bytes * 2;
    if (capacity < needed)
        capacity = needed;
    if (capacity > TM_BATCH_BYTES_MAX)
        capacity = TM_BATCH_BYTES_MAX;
    // beyond size_bytes there may be a row being built: all of the old capacity is kept
    uint8_t *data = tm_mem_realloc(batch->pool->mem, batch->data,
                                   batch->capacity_bytes + BATCH_SLACK, capacity + BATCH_SLACK);
    if (data == NULL)
        return TM_E_MEMORY;
    batch->data = data;
    batch->capacity_bytes = capacity;
    return 0;
}

int tm_batch_copy(struct tm_batch_pool *pool, const struct tm_batch *from, struct tm_batch **copy)
{
    struct tm_batch *to = tm_batch_acquire(pool, from->schema);
    if (to == NULL)
        return TM_E_MEMORY;
    int rc = tm_batch_reserve(to, from->size_bytes);
    if (rc != 0) {
        tm_batch_release(to);
        return rc;
    }
    memcpy(to->data, from->data, from->size_bytes);
    to->size_bytes = from->size_bytes;
    to->row_count = from->row_count;
    to->split = from->split;
    to->read_ns = from->read_ns;
    to->watermark = from->watermark;
    *copy = to;
    return 0;
}
