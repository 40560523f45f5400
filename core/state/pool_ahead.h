// Memory of a pool that is touched before it is used (pool_ahead.c), and the chunks of both.
#pragma once

#include "core/state/pool.h"

struct tm__state_pool_chunk {
    struct tm__state_pool_chunk *next;
    size_t size_bytes;
};

// Memory for a chunk of at least so many bytes, counted in the account and the pool; nothing is
// written there. NULL: out of memory.
void *tm__state_pool_chunk_new(struct tm__state_pool *pool, size_t at_least, size_t *size_bytes);

// The cursor has passed `look`, or stands in another chunk.
void tm__state_pool_look_ahead(struct tm__state_pool *pool);
// The same of what was taken in advance. NULL: there is none, or it is too small.
void *tm__state_pool_ahead_chunk(struct tm__state_pool *pool, size_t at_least, size_t *size_bytes);
// All of the newest chunk has been touched.
void tm__state_pool_ahead_touched(struct tm__state_pool *pool);
// Waits for what is being touched.
void tm__state_pool_ahead_free(struct tm__state_pool *pool);
