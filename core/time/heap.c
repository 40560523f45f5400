// The indexed min-heap of core/time, and the best-first walk that finds the lowest acceptable
// member without taking the heap apart.
#include "core/time/heap.h"

#include "core/base/check.h"

int tm__time_heap_init(struct tm_heap *heap, struct tm_mem *mem, uint32_t capacity)
{
    size_t n = capacity == 0 ? 1 : capacity;

    *heap = (struct tm_heap){.mem = mem, .capacity = capacity};
    heap->entries = tm_mem_alloc(mem, n * sizeof *heap->entries);
    heap->slots = tm_mem_alloc(mem, n * sizeof *heap->slots);
    heap->frontier = tm_mem_alloc(mem, n * sizeof *heap->frontier);
    if (heap->entries == NULL || heap->slots == NULL || heap->frontier == NULL) {
        tm__time_heap_fini(heap);
        return TM_E_MEMORY;
    }
    for (uint32_t i = 0; i < capacity; i++)
        heap->slots[i] = TM_HEAP_ABSENT;
    return 0;
}

void tm__time_heap_fini(struct tm_heap *heap)
{
    size_t n = heap->capacity == 0 ? 1 : heap->capacity;

    if (heap->mem == NULL)
        return;
    tm_mem_free(heap->mem, heap->entries, n * sizeof *heap->entries);
    tm_mem_free(heap->mem, heap->slots, n * sizeof *heap->slots);
    tm_mem_free(heap->mem, heap->frontier, n * sizeof *heap->frontier);
    *heap = (struct tm_heap){0};
}

static bool entry_less(const struct tm_heap_entry *a, const struct tm_heap_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    if (a->turn != b->turn)
        return a->turn < b->turn;
    return a->id < b->id;
}

static void place(struct tm_heap *heap, uint32_t slot, struct tm_heap_entry entry)
{
    heap->entries[slot] = entry;
    heap->slots[entry.id] = slot;
}

static void sift_up(struct tm_heap *heap, uint32_t slot, struct tm_heap_entry entry)
{
    while (slot > 0) {
        uint32_t parent = (slot - 1) / 2;
        if (!entry_less(&entry, &heap->entries[parent]))
            break;
        place(heap, slot, heap->entries[parent]);
        slot = parent;
    }
    place(heap, slot, entry);
}

static void sift_down(struct tm_heap *heap, uint32_t slot, struct tm_heap_entry entry)
{
    for (;;) {
        uint32_t child = 2 * slot + 1;
        if (child >= heap->size)
            break;
        if (child + 1 < heap->size && entry_less(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!entry_less(&heap->entries[child], &entry))
            break;
        place(heap, slot, heap->entries[child]);
        slot = child;
    }
    place(heap, slot, entry);
}

static void settle(struct tm_heap *heap, uint32_t slot, struct tm_heap_entry entry)
{
    if (slot > 0 && entry_less(&entry, &heap->entries[(slot - 1) / 2]))
        sift_up(heap, slot, entry);
    else
        sift_down(heap, slot, entry);
}

void tm__time_heap_put(struct tm_heap *heap, uint32_t id, int64_t key, uint64_t turn)
{
    TM_CHECK(id < heap->capacity);
    uint32_t slot = heap->slots[id];
    struct tm_heap_entry entry = {.key = key, .turn = turn, .id = id};

    if (slot == TM_HEAP_ABSENT)
        sift_up(heap, heap->size++, entry);
    else
        settle(heap, slot, entry);
}

void tm__time_heap_remove(struct tm_heap *heap, uint32_t id)
{
    TM_CHECK(id < heap->capacity);
    uint32_t slot = heap->slots[id];

    if (slot == TM_HEAP_ABSENT)
        return;
    heap->slots[id] = TM_HEAP_ABSENT;
    heap->size--;
    if (slot < heap->size)
        settle(heap, slot, heap->entries[heap->size]);
}

// The frontier is a min-heap of slots whose parents were refused: the next candidates in order.
static void frontier_push(struct tm_heap *heap, uint32_t *size, uint32_t slot)
{
    uint32_t *f = heap->frontier;
    uint32_t i = (*size)++;

    while (i > 0) {
        uint32_t parent = (i - 1) / 2;
        if (!entry_less(&heap->entries[slot], &heap->entries[f[parent]]))
            break;
        f[i] = f[parent];
        i = parent;
    }
    f[i] = slot;
}

static uint32_t frontier_pop(struct tm_heap *heap, uint32_t *size)
{
    uint32_t *f = heap->frontier;
    uint32_t front = f[0];
    uint32_t last = f[--*size];
    uint32_t i = 0;

    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= *size)
            break;
        if (child + 1 < *size && entry_less(&heap->entries[f[child + 1]], &heap->entries[f[child]]))
            child++;
        if (!entry_less(&heap->entries[f[child]], &heap->entries[last]))
            break;
        f[i] = f[child];
        i = child;
    }
    f[i] = last;
    return front;
}

int64_t tm__time_heap_first(struct tm_heap *heap, bool (*accept)(void *arg, uint32_t id), void *arg)
{
    uint32_t frontier_size = 0;

    if (heap->size == 0)
        return -1;
    if (accept == NULL || accept(arg, heap->entries[0].id))
        return heap->entries[0].id;
    for (uint32_t refused = 0;;) {
        for (uint32_t child = 2 * refused + 1; child <= 2 * refused + 2; child++)
            if (child < heap->size)
                frontier_push(heap, &frontier_size, child);
        if (frontier_size == 0)
            return -1;
        refused = frontier_pop(heap, &frontier_size);
        if (accept(arg, heap->entries[refused].id))
            return heap->entries[refused].id;
    }
}
