// An indexed min-heap over the numbers 0..n-1: the lowest key at the front, any member's key
// changed or removed in O(log n). The valve keeps its aligned channels in one, a source its active
// splits. Private to core/time.
#pragma once

#include <stdbool.h>

#include "core/base/mem.h"

struct tm_heap_entry {
    int64_t key;
    uint64_t turn; // breaks ties: the lower one first
    uint32_t id;
};

struct tm_heap {
    struct tm_mem *mem;
    struct tm_heap_entry *entries; // heap order
    uint32_t *slots;               // by id: index into entries, or TM_HEAP_ABSENT
    uint32_t *frontier;            // scratch of tm__time_heap_first
    uint32_t size, capacity;
};

#define TM_HEAP_ABSENT UINT32_MAX

int tm__time_heap_init(struct tm_heap *heap, struct tm_mem *mem, uint32_t capacity) TM_WARN_UNUSED;
void tm__time_heap_fini(struct tm_heap *heap);
// Insert `id`, or change its key and turn.
void tm__time_heap_put(struct tm_heap *heap, uint32_t id, int64_t key, uint64_t turn);
void tm__time_heap_remove(struct tm_heap *heap, uint32_t id); // no member: no-op
// The lowest member for which `accept` says yes (NULL: any), or -1. Visits k refused members in
// O(k log k), so it costs nothing extra while the front is acceptable.
int64_t tm__time_heap_first(struct tm_heap *heap, bool (*accept)(void *arg, uint32_t id),
                            void *arg);
