// A heap is a stretch of addresses, blocks of which are taken from the front and given back by
// size; what does not fit any more is had from outside. The account of free blocks lies in the
// stretch, so it is kept and put back with it.
#include "core/kit/heaps.h"

#include <string.h>

#include "core/base/check.h"

struct tm__heap_inner {
    size_t used;
    void *free[TM_HEAP_CLASSES];
};

struct tm__heap_outside {
    struct tm__heap_outside *next, **link;
    size_t size; // with this
    size_t unused;
};

// --- blocks --------------------------------------------------------------------------------------

// Rounds the size up to that of its class.
static uint32_t class_of(size_t *size)
{
    if (*size <= TM_HEAP_SMALL) {
        uint32_t grains = (uint32_t)((*size + TM_HEAP_GRAIN - 1) / TM_HEAP_GRAIN);
        *size = (size_t)grains * TM_HEAP_GRAIN;
        return grains;
    }
    uint32_t bits = 63 - (uint32_t)__builtin_clzll(*size - 1); // of the power of two below
    size_t quarter = (size_t)1 << (bits - 2);
    uint32_t quarters = (uint32_t)((*size - 1) / quarter + 1); // 5 to 8
    *size = quarters * quarter;
    return TM_HEAP_SMALL / TM_HEAP_GRAIN + 1 + (bits - 10) * 4 + (quarters - 5);
}

static void *alloc_outside(struct tm_heap *heap, size_t size)
{
    const struct tm_fx *real = heap->heaps->real;
    struct tm__heap_outside *outside = real->memory->alloc(real->ctx, sizeof *outside + size);
    if (outside == NULL)
        return NULL;
    *outside = (struct tm__heap_outside){
        .next = heap->outside, .link = &heap->outside, .size = sizeof *outside + size};
    if (heap->outside != NULL)
        heap->outside->link = &outside->next;
    heap->outside = outside;
    return outside + 1;
}

static void free_outside(const struct tm_heap *heap, struct tm__heap_outside *outside)
{
    const struct tm_fx *real = heap->heaps->real;
    *outside->link = outside->next;
    if (outside->next != NULL)
        outside->next->link = outside->link;
    real->memory->free(real->ctx, outside, outside->size);
}

static bool is_inside(const struct tm_heap *heap, const void *p)
{
    uintptr_t at = (uintptr_t)p - (uintptr_t)heap->inner;
    return at < heap->heaps->bytes_each;
}

static void *heap_alloc(void *ctx, size_t size)
{
    struct tm_heap *heap = ctx;
    struct tm__heap_inner *inner = heap->inner;
    size_t rounded = size;
    uint32_t class = class_of(&rounded);
    if (class >= TM_HEAP_CLASSES)
        return alloc_outside(heap, size);
    void *p = inner->free[class];
    if (p != NULL) {
        memcpy(&inner->free[class], p, sizeof(void *));
        return p;
    }
    if (rounded > heap->heaps->bytes_each - inner->used)
        return alloc_outside(heap, size);
    p = (uint8_t *)inner + inner->used;
    inner->used += rounded;
    return p;
}

static void heap_free(void *ctx, void *p, size_t size)
{
    struct tm_heap *heap = ctx;
    if (p == NULL)
        return;
    if (!is_inside(heap, p)) {
        free_outside(heap, (struct tm__heap_outside *)p - 1);
        return;
    }
    uint32_t class = class_of(&size);
    memcpy(p, &heap->inner->free[class], sizeof(void *));
    heap->inner->free[class] = p;
}

static void *heap_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    size_t old = old_size, new = new_size;
    if (p != NULL && is_inside(ctx, p) && class_of(&old) == class_of(&new))
        return p;
    void *moved = heap_alloc(ctx, new_size);
    if (moved != NULL && p != NULL) {
        memcpy(moved, p, old_size < new_size ? old_size : new_size);
        heap_free(ctx, p, old_size);
    }
    return moved;
}

static const struct tm_fx_memory heap_memory = {
    .alloc = heap_alloc, .realloc = heap_realloc, .free = heap_free};

// --- heaps ---------------------------------------------------------------------------------------

static struct tm_heap_kept *find(struct tm_heap *heap, uint64_t key)
{
    for (int i = 0; i < TM_HEAP_KEPT; i++)
        if (heap->kept[i].key == key)
            return &heap->kept[i];
    return NULL;
}

// The first free one, or one that keeps something under the key.
static struct tm_heap *choose(struct tm_heaps *heaps, uint64_t key)
{
    struct tm_heap *found = NULL;
    for (uint32_t i = 0; i < TM_HEAPS; i++) {
        struct tm_heap *heap = &heaps->all[(heaps->first + i) % TM_HEAPS];
        if (heap->owner != NULL)
            continue;
        if (key != 0 && find(heap, key) != NULL)
            return heap;
        found = found == NULL ? heap : found;
    }
    return found;
}

const struct tm_fx *tm_heaps_open(struct tm_heaps *heaps, const void *owner, uint64_t key)
{
    const struct tm_fx *real = heaps->real;
    struct tm_heap *heap = choose(heaps, key);
    if (heap == NULL)
        return NULL;
    if (heap->inner == NULL)
        heap->inner = real->memory->alloc(real->ctx, heaps->bytes_each);
    if (heap->inner == NULL)
        return NULL;
    size_t begin = (sizeof *heap->inner + TM_HEAP_GRAIN - 1) / TM_HEAP_GRAIN * TM_HEAP_GRAIN;
    *heap->inner = (struct tm__heap_inner){.used = begin};
    heap->owner = owner;
    return &heap->fx;
}

static void release(struct tm_heap *heap)
{
    while (heap->outside != NULL)
        free_outside(heap, heap->outside);
    heap->owner = NULL;
}

void tm_heaps_close(const struct tm_fx *fx)
{
    release(fx->ctx);
}

void tm_heaps_leave(struct tm_heaps *heaps, const void *owner)
{
    for (int i = 0; i < TM_HEAPS; i++)
        if (heaps->all[i].owner == owner)
            release(&heaps->all[i]);
}

// --- kept ----------------------------------------------------------------------------------------

void *tm_heaps_recall(const struct tm_fx *fx, uint64_t key)
{
    struct tm_heap *heap = fx->ctx;
    const struct tm_heap_kept *kept = find(heap, key);
    if (kept == NULL)
        return NULL;
    memcpy(heap->inner, kept->bytes, kept->size);
    return kept->root;
}

// The first is what every job begins with; of the others the oldest makes room.
static struct tm_heap_kept *room_in(struct tm_heap *heap)
{
    struct tm_heap_kept *room = find(heap, 0);
    if (room != NULL)
        return room;
    struct tm_heap_kept oldest = heap->kept[1];
    memmove(&heap->kept[1], &heap->kept[2], (TM_HEAP_KEPT - 2) * sizeof oldest);
    heap->kept[TM_HEAP_KEPT - 1] = oldest;
    return &heap->kept[TM_HEAP_KEPT - 1];
}

static bool reserve(const struct tm_heaps *heaps, struct tm_heap_kept *kept, size_t size)
{
    const struct tm_fx *real = heaps->real;
    if (kept->capacity >= size)
        return true;
    real->memory->free(real->ctx, kept->bytes, kept->capacity);
    *kept = (struct tm_heap_kept){.capacity = size + size / 4};
    kept->bytes = real->memory->alloc(real->ctx, kept->capacity);
    if (kept->bytes == NULL)
        *kept = (struct tm_heap_kept){0};
    return kept->bytes != NULL;
}

void tm_heaps_keep(const struct tm_fx *fx, uint64_t key, void *root)
{
    struct tm_heap *heap = fx->ctx;
    size_t size = heap->inner->used;
    struct tm_heap_kept *kept = heap->outside != NULL ? NULL : room_in(heap);
    if (kept == NULL || !reserve(heap->heaps, kept, size))
        return;
    kept->key = key;
    kept->root = root;
    kept->size = size;
    memcpy(kept->bytes, heap->inner, size);
}

void tm_heaps_forget(struct tm_heaps *heaps)
{
    for (int h = 0; h < TM_HEAPS; h++)
        for (int i = 1; i < TM_HEAP_KEPT; i++)
            heaps->all[h].kept[i].key = 0;
}

// --- the whole -----------------------------------------------------------------------------------

void tm_heaps_init(struct tm_heaps *heaps, const struct tm_fx *real, size_t bytes_each)
{
    *heaps = (struct tm_heaps){.real = real, .bytes_each = bytes_each};
    for (int i = 0; i < TM_HEAPS; i++) {
        heaps->all[i].heaps = heaps;
        heaps->all[i].fx = (struct tm_fx){.ctx = &heaps->all[i], .memory = &heap_memory};
    }
}

void tm_heaps_fini(struct tm_heaps *heaps)
{
    const struct tm_fx *real = heaps->real;
    for (int h = 0; h < TM_HEAPS; h++) {
        struct tm_heap *heap = &heaps->all[h];
        TM_CHECK(heap->owner == NULL);
        for (int i = 0; i < TM_HEAP_KEPT; i++)
            real->memory->free(real->ctx, heap->kept[i].bytes, heap->kept[i].capacity);
        real->memory->free(real->ctx, heap->inner, heap->inner == NULL ? 0 : heaps->bytes_each);
    }
}
