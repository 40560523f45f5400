// A batch: rows of one schema back to back, plus what travels with them. Owned by one task at a
// time; passed by pointer.
#pragma once

#include <string.h>

#include "core/base/check.h"
#include "core/batch/row.ffi.h"
#include "core/batch/schema.h"

// Kinds of a row in a changelog; 0 in plain streams.
enum tm_row_kind {
    TM_ROW_INSERT = 0,
    TM_ROW_UPDATE_BEFORE = 1,
    TM_ROW_UPDATE_AFTER = 2,
    TM_ROW_DELETE = 3,
    TM_ROW_PARTIAL = 4 // no change: several rows of a plain stream in one, between a
                       // pre-aggregation and its window only (core/operator/partial.h)
};

// "+I", "-U", "+U", "-D"
const char *tm_row_kind_text(uint8_t kind);

enum { TM_NO_SPLIT = -1 };

struct tm_batch_pool;

struct tm_batch {
    struct tm_schema *schema; // a reference
    uint8_t *data;            // rows, aligned to 8; 64 bytes of slack beyond capacity
    uint32_t row_count;
    size_t size_bytes, capacity_bytes;
    int32_t split;              // index of the source split that the rows came from, or TM_NO_SPLIT
    int64_t read_ns;            // when the oldest row was read (mono), for latency; 0 = unknown
    int64_t watermark;          // of the windows whose firings made the rows; INT64_MIN: of none
    struct tm_batch_pool *pool; // where it goes back to
    struct tm_batch *next;      // the pool's, or the holder's
};

// A pool of batches for one task. Single thread, except tm_batch_release, which any thread may
// call: it puts the batch on a lock-free return list that the owner drains when it has none left.
// Freed when the owner has let go and all batches are back: `mem` must live until then and be safe
// to free to from any thread (accounts are).
struct tm_batch_pool *tm_batch_pool_new(struct tm_mem *mem);
void tm_batch_pool_free(struct tm_batch_pool *pool);
// An empty batch of `schema` (takes a reference), room for TM_BATCH_BYTES. NULL: out of memory.
struct tm_batch *tm_batch_acquire(struct tm_batch_pool *pool,
                                  struct tm_schema *schema) TM_WARN_UNUSED;
// Any thread; the batch is no longer the caller's. NULL is fine.
void tm_batch_release(struct tm_batch *batch);
// The same by the pool's owner: no atomic operation, and the batch is the next one handed out,
// while its bytes are still in the cache. Only on the thread that acquired it.
void tm_batch_release_local(struct tm_batch *batch);
// The same rows, schema, split and time of reading. By the pool's owner. TM_E_MEMORY.
int tm_batch_copy(struct tm_batch_pool *pool, const struct tm_batch *from,
                  struct tm_batch **copy) TM_WARN_UNUSED;
// Room for `more` bytes of rows. TM_E_MEMORY, or TM_E_LIMIT past TM_BATCH_BYTES_MAX.
int tm_batch_grow(struct tm_batch *batch, size_t more) TM_WARN_UNUSED;

static inline int tm_batch_reserve(struct tm_batch *batch, size_t more)
{
    return batch->capacity_bytes - batch->size_bytes >= more ? 0 : tm_batch_grow(batch, more);
}
static inline bool tm_batch_is_full(const struct tm_batch *batch)
{
    return batch->row_count >= 1024 || batch->size_bytes >= 64 * 1024;
}
// How many rows of one size go in until it is full.
static inline uint32_t tm_batch_room(const struct tm_batch *batch, uint32_t row_bytes)
{
    if (tm_batch_is_full(batch))
        return 0;
    size_t by_size = (64 * 1024 - batch->size_bytes + row_bytes - 1) / row_bytes;
    uint32_t by_count = 1024 - batch->row_count;
    return by_size < by_count ? (uint32_t)by_size : by_count;
}

static inline const struct tm_row *tm_batch_first(const struct tm_batch *batch)
{
    return (const struct tm_row *)(const void *)batch->data;
}
static inline const struct tm_row *tm_row_next(const struct tm_row *row)
{
    return (const struct tm_row *)(const void *)((const uint8_t *)row + row->size_bytes);
}
// for (row = first; rows left; row = next)
#define TM_BATCH_EACH(batch, row)                                                           \
    for (const struct tm_row *                                                              \
             row = tm_batch_first(batch),                                                   \
            *row##_end =                                                                    \
                (const struct tm_row *)(const void *)((batch)->data + (batch)->size_bytes); \
         row < row##_end; row = tm_row_next(row))

static inline bool tm_row_is_null(const struct tm_row *row, uint32_t field)
{
    return (row->nulls[field >> 6] >> (field & 63)) & 1;
}
static inline int64_t tm_row_int(const struct tm_row *row, uint32_t offset)
{
    int64_t v;
    memcpy(&v, (const uint8_t *)row + offset, sizeof v);
    return v;
}
static inline double tm_row_double(const struct tm_row *row, uint32_t offset)
{
    double v;
    memcpy(&v, (const uint8_t *)row + offset, sizeof v);
    return v;
}
static inline __int128 tm_row_decimal(const struct tm_row *row, uint32_t offset)
{
    __int128 v;
    memcpy(&v, (const uint8_t *)row + offset, sizeof v);
    return v;
}
static inline const char *tm_row_string(const struct tm_row *row, uint32_t offset, uint32_t *len)
{
    struct tm_ref ref;
    memcpy(&ref, (const uint8_t *)row + offset, sizeof ref);
    *len = ref.length;
    return (const char *)row + ref.offset;
}

// Copy a row to where there is room for it. Sizes are multiples of 8; for the usual small rows
// words beat the call of memcpy (2.8 ns against 4.6 for 64 bytes).
static inline void tm_row_copy(void *to, const struct tm_row *row)
{
    uint32_t size = row->size_bytes, i = 0;
    const uint8_t *s = (const uint8_t *)row;
    uint8_t *d = (uint8_t *)to;
    uint64_t a, b;
    if (TM_UNLIKELY(size > 128)) {
        memcpy(d, s, size);
        return;
    }
    for (; i + 16 <= size; i += 16) {
        memcpy(&a, s + i, 8);
        memcpy(&b, s + i + 8, 8);
        memcpy(d + i, &a, 8);
        memcpy(d + i + 8, &b, 8);
    }
    if (i < size) {
        memcpy(&a, s + i, 8);
        memcpy(d + i, &a, 8);
    }
}

// Append a whole row, which may be of another batch only.
static inline int tm_batch_append_row(struct tm_batch *batch, const struct tm_row *row)
{
    int rc = tm_batch_reserve(batch, row->size_bytes);
    if (TM_LIKELY(rc == 0)) {
        tm_row_copy(batch->data + batch->size_bytes, row);
        batch->size_bytes += row->size_bytes;
        batch->row_count++;
    }
    return rc;
}
