// Lua states of simulated processes: in heaps that all seeds of the process share. Under a
// sanitizer they have none, so that it sees each block.
#include "tests/sim/heaps.h"

#include <stdlib.h>

#include "core/kit/heaps.h"

static const size_t HEAP_BYTES = (size_t)128 << 20;

static void *take(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *take_again(void *ctx, void *p, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    return realloc(p, new_size);
}

static void give(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

static const struct tm_fx_memory memory = {take, take_again, give, NULL};
static const struct tm_fx real = {.memory = &memory};
static struct tm_heaps heaps;
static bool compiling;

static bool compiles(void *process)
{
    (void)process;
    return compiling;
}

static const struct tm_fx *open_heap(void *process, uint64_t key)
{
#if defined(__SANITIZE_ADDRESS__)
    (void)process;
    (void)key;
    return NULL;
#else
    return tm_heaps_open(&heaps, process, key);
#endif
}

static void close_heap(void *process, const struct tm_fx *heap)
{
    (void)process;
    tm_heaps_close(heap);
}

static void *recall(void *process, const struct tm_fx *heap, uint64_t key)
{
    (void)process;
    return tm_heaps_recall(heap, key);
}

static void keep(void *process, const struct tm_fx *heap, uint64_t key, void *root)
{
    (void)process;
    tm_heaps_keep(heap, key, root);
}

const struct tm_fx_states sim_states = {compiles, open_heap, close_heap, recall, keep};

void sim_heaps_begin(bool wanted)
{
    compiling = wanted;
    if (heaps.real == NULL)
        tm_heaps_init(&heaps, &real, HEAP_BYTES);
    tm_heaps_forget(&heaps);
}

bool sim_heaps_compile(void)
{
    return compiling;
}

void sim_heaps_leave(const void *process)
{
    tm_heaps_leave(&heaps, process);
}

void sim_heaps_turn(void)
{
    heaps.first = (heaps.first + 1) % TM_HEAPS;
}
