// Chunks that another thread has touched (pool_reserve.c), for copies of pages that a snapshot
// holds. What copies need no more goes back to the system.
#pragma once

#include "core/state/pool.h"

// One of at least so many bytes. NULL: none is ready.
void *tm__state_pool_reserve_chunk(struct tm__state_pool *pool, size_t at_least,
                                   size_t *size_bytes);
// Waits for what the helper does.
void tm__state_pool_reserve_free(struct tm__state_pool *pool);
