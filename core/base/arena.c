// Arena chunks. A request that is large for its time gets a chunk of its own behind the newest, so
// that it does not waste what is left of the newest.
#include "core/base/arena.h"

#include <string.h>

struct tm_arena_chunk {
    struct tm_arena_chunk *older;
    size_t capacity_bytes; // of the bytes that follow
};

enum {
    CHUNK_FIRST = 4096 - sizeof(struct tm_arena_chunk),
    CHUNK_MAX = 1024 * 1024, // growth by doubling ends here: half of it at most is unused
};

static struct tm_arena_chunk *chunk_new(struct tm_arena *arena, size_t capacity)
{
    if (capacity > SIZE_MAX - sizeof(struct tm_arena_chunk))
        return NULL;
    struct tm_arena_chunk *chunk = tm_mem_alloc(arena->mem, sizeof(*chunk) + capacity);
    if (chunk != NULL)
        chunk->capacity_bytes = capacity;
    return chunk;
}

static void chunk_free(struct tm_arena *arena, struct tm_arena_chunk *chunk)
{
    tm_mem_free(arena->mem, chunk, sizeof(*chunk) + chunk->capacity_bytes);
}

void tm_arena_init(struct tm_arena *arena, struct tm_mem *mem)
{
    *arena = (struct tm_arena){.mem = mem};
}

void tm_arena_fini(struct tm_arena *arena)
{
    struct tm_arena_chunk *chunk = arena->chunk;
    while (chunk != NULL) {
        struct tm_arena_chunk *older = chunk->older;
        chunk_free(arena, chunk);
        chunk = older;
    }
    tm_arena_init(arena, arena->mem);
}

void tm_arena_reset(struct tm_arena *arena)
{
    struct tm_arena_chunk *largest = arena->chunk;
    for (struct tm_arena_chunk *c = arena->chunk; c != NULL; c = c->older)
        if (c->capacity_bytes > largest->capacity_bytes)
            largest = c;
    struct tm_arena_chunk *chunk = arena->chunk;
    while (chunk != NULL) {
        struct tm_arena_chunk *older = chunk->older;
        if (chunk != largest)
            chunk_free(arena, chunk);
        chunk = older;
    }
    arena->chunk = largest;
    arena->used_bytes = 0;
    arena->capacity_bytes = 0;
    if (largest != NULL) {
        largest->older = NULL;
        arena->capacity_bytes = largest->capacity_bytes;
    }
}

static void *alloc_slow(struct tm_arena *arena, size_t size)
{
    size_t next = arena->chunk == NULL ? (size_t)CHUNK_FIRST : arena->capacity_bytes * 2;
    if (next > CHUNK_MAX)
        next = CHUNK_MAX;
    if (arena->chunk != NULL && size > next / 4) {
        struct tm_arena_chunk *own = chunk_new(arena, size);
        if (own == NULL)
            return NULL;
        own->older = arena->chunk->older;
        arena->chunk->older = own;
        return own + 1;
    }
    struct tm_arena_chunk *chunk = chunk_new(arena, size > next ? size : next);
    if (chunk == NULL)
        return NULL;
    chunk->older = arena->chunk;
    arena->chunk = chunk;
    arena->capacity_bytes = chunk->capacity_bytes;
    arena->used_bytes = size;
    return chunk + 1;
}

void *tm_arena_alloc(struct tm_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 4)
        return NULL;
    size = size == 0 ? 8 : (size + 7) & ~(size_t)7;
    if (size > arena->capacity_bytes - arena->used_bytes)
        return alloc_slow(arena, size);
    void *p = (char *)(arena->chunk + 1) + arena->used_bytes;
    arena->used_bytes += size;
    return p;
}

char *tm_arena_strndup(struct tm_arena *arena, const char *s, size_t len)
{
    if (len > SIZE_MAX / 4)
        return NULL;
    char *copy = tm_arena_alloc(arena, len + 1);
    if (copy != NULL) {
        if (len != 0)
            memcpy(copy, s, len);
        copy[len] = '\0';
    }
    return copy;
}
