// An arena: many small allocations freed together. Grows in chunks of its memory account; reset
// keeps the largest chunk.
#pragma once

#include "core/base/mem.h"

struct tm_arena_chunk;
struct tm_arena {
    struct tm_mem *mem;
    struct tm_arena_chunk *chunk;      // newest
    size_t used_bytes, capacity_bytes; // of the newest chunk
};

void tm_arena_init(struct tm_arena *arena, struct tm_mem *mem);
void tm_arena_fini(struct tm_arena *arena);
void tm_arena_reset(struct tm_arena *arena);
void *tm_arena_alloc(struct tm_arena *arena,
                     size_t size) TM_WARN_UNUSED; // aligned to 8; NULL: out of memory
char *tm_arena_strndup(struct tm_arena *arena, const char *s,
                       size_t len) TM_WARN_UNUSED; // NUL-terminated
