// Small blocks from chunks, by size; large ones from malloc. Under a sanitizer all are large, so
// that it sees each of them.
#include "tests/sim/memory.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/sanitizer.h"

enum { SMALL_MAX = TM_SANITIZED ? 0 : SIM_SMALL };

static struct sim_chunk *spare; // chunks of processes that are gone

void sim_memory_init(struct sim_memory *memory)
{
    *memory = (struct sim_memory){0};
    memory->large.next = memory->large.previous = &memory->large;
}

void sim_memory_fini(struct sim_memory *memory)
{
    while (memory->chunks != NULL) {
        struct sim_chunk *chunk = memory->chunks;
        memory->chunks = chunk->next;
        chunk->next = spare;
        spare = chunk;
    }
    while (memory->large.next != &memory->large) {
        struct sim_large *large = memory->large.next;
        memory->large.next = large->next;
        free(large);
    }
}

static void *take(struct sim_memory *memory, size_t size)
{
    if (memory->left < size) {
        struct sim_chunk *chunk = spare;
        if (chunk != NULL)
            spare = chunk->next;
        else
            chunk = malloc(sizeof *chunk + SIM_CHUNK);
        if (chunk == NULL)
            return NULL;
        chunk->next = memory->chunks;
        memory->chunks = chunk;
        memory->left = SIM_CHUNK;
    }
    memory->left -= size;
    return memory->chunks->bytes + memory->left;
}

static void *alloc_large(struct sim_memory *memory, size_t size)
{
    struct sim_large *large = malloc(sizeof *large + size);
    if (large == NULL)
        return NULL;
    large->next = &memory->large;
    large->previous = memory->large.previous;
    large->previous->next = large->next->previous = large;
    return large + 1;
}

void *sim_memory_alloc(struct sim_memory *memory, size_t size)
{
    void *p;
    memory->used_bytes += (int64_t)size;
    if (size > SMALL_MAX || size == 0)
        return alloc_large(memory, size);
    size_t grains = (size + SIM_GRAIN - 1) / SIM_GRAIN;
    if (memory->free[grains] == NULL)
        return take(memory, grains * SIM_GRAIN);
    p = memory->free[grains];
    memcpy(&memory->free[grains], p, sizeof(void *));
    return p;
}

void sim_memory_free(struct sim_memory *memory, void *p, size_t size)
{
    if (p == NULL)
        return;
    memory->used_bytes -= (int64_t)size;
    if (size > SMALL_MAX || size == 0) {
        struct sim_large *large = (struct sim_large *)p - 1;
        large->previous->next = large->next;
        large->next->previous = large->previous;
        free(large);
        return;
    }
    size_t grains = (size + SIM_GRAIN - 1) / SIM_GRAIN;
    memcpy(p, &memory->free[grains], sizeof(void *));
    memory->free[grains] = p;
}

void *sim_memory_realloc(struct sim_memory *memory, void *p, size_t old_size, size_t new_size)
{
    if (p != NULL && old_size > SMALL_MAX && new_size > SMALL_MAX) {
        struct sim_large *large = realloc((struct sim_large *)p - 1, sizeof *large + new_size);
        if (large == NULL)
            return NULL;
        large->previous->next = large->next->previous = large;
        memory->used_bytes += (int64_t)new_size - (int64_t)old_size;
        return large + 1;
    }
    void *moved = sim_memory_alloc(memory, new_size);
    if (moved != NULL && p != NULL)
        memcpy(moved, p, old_size < new_size ? old_size : new_size);
    if (moved != NULL)
        sim_memory_free(memory, p, old_size);
    return moved;
}

// --- jansson -------------------------------------------------------------------------------------

// It does not say how large what it frees is.
static struct sim_memory json;
enum { HEAD = SIM_GRAIN };

static void *take_json(size_t size)
{
    uint8_t *p = sim_memory_alloc(&json, HEAD + size);
    size += HEAD;
    if (p == NULL)
        return NULL;
    memcpy(p, &size, sizeof size);
    return p + HEAD;
}

static void give_json(void *p)
{
    size_t size;
    if (p == NULL)
        return;
    memcpy(&size, (uint8_t *)p - HEAD, sizeof size);
    sim_memory_free(&json, (uint8_t *)p - HEAD, size);
}

void sim_memory_json(void)
{
    static bool begun;
    if (begun)
        sim_memory_fini(&json);
    begun = true;
    sim_memory_init(&json);
    json_set_alloc_funcs(take_json, give_json);
}
