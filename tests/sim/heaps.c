// Lua states of simulated processes: in heaps that all seeds of the process share. Under a
// sanitizer they have none, so that it sees each block.
#include "tests/sim/heaps.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "core/base/sanitizer.h"
#include "core/kit/heaps.h"
#include "core/vm/vm.h"

static const size_t HEAP_BYTES = (size_t)128 << 20;
enum { HUGE_BYTES = 2 << 20, WARM = 8 }; // heaps: of one process, and some more

// Large pages for a heap, where there are any: a state touches most of what it has.
static void *take(void *ctx, size_t size)
{
    (void)ctx;
    if (size != HEAP_BYTES)
        return malloc(size);
    uint8_t *all = mmap(NULL, size + HUGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    uint8_t *heap = all + (HUGE_BYTES - (uintptr_t)all % HUGE_BYTES) % HUGE_BYTES;
    (void)madvise(heap, size, MADV_HUGEPAGE); // or small ones
    return heap;                              // for good
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

static const struct tm_fx_memory memory = {take, take_again, give, NULL, NULL};
static const struct tm_fx real = {.memory = &memory};
static struct tm_heaps heaps;
static bool compiling, sharing;

static bool compiles(void *process)
{
    (void)process;
    return compiling;
}

static bool shares(void *process)
{
    (void)process;
    return sharing && !compiling;
}

static const struct tm_fx *open_heap(void *process, uint64_t key)
{
    return TM_SANITIZED ? NULL : tm_heaps_open(&heaps, process, key);
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

const struct tm_fx_states sim_states = {compiles, open_heap, close_heap, recall, keep, shares};

static void set_up(void)
{
    if (heaps.real == NULL)
        tm_heaps_init(&heaps, &real, HEAP_BYTES);
}

// What lies in a heap is put there anew before it is used: it need not be copied for a child.
static void let_go(const struct tm_heap *heap)
{
    if (heap->inner != NULL)
        (void)madvise((void *)heap->inner, HEAP_BYTES, MADV_DONTNEED); // else it is copied
}

void sim_heaps_warm(void)
{
    static bool warm;
    static const struct tm_fx fx = {.ctx = &heaps, .memory = &memory, .states = &sim_states};
    struct tm_vm *vms[WARM] = {NULL};
    struct tm_error err = {0};
    struct tm_mem mem;
    if (warm)
        return;
    warm = true;
    set_up();
    tm_mem_init(&mem, &fx, NULL, 0);
    const struct tm_vm_args args = {
        .fx = &fx, .mem = &mem, .seed = 1, .script_path = "", .script_text = ""};
    for (int i = 0; i < WARM; i++)
        if (tm_vm_new(&args, &vms[i], &err) != 0)
            break; // whoever needs one says so
    for (int i = 0; i < WARM; i++)
        tm_vm_free(vms[i]);
    for (int i = 0; i < WARM; i++)
        let_go(&heaps.all[i]);
}

void sim_heaps_begin(bool compiles_wanted, bool shares_wanted)
{
    compiling = compiles_wanted;
    sharing = shares_wanted;
    set_up();
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
