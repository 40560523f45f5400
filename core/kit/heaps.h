// Heaps for Lua states, and what some states came to, for a world's struct tm_fx_states: a state is
// opened by putting back the bytes of an earlier one, at the same addresses. One thread.
#pragma once

#include "core/base/effects.h"

enum {
    TM_HEAPS = 24,    // at once; a state beyond lives in its world's memory
    TM_HEAP_KEPT = 4, // in each: with its modules loaded, and with the jobs seen last
    TM_HEAP_GRAIN = 16,
    TM_HEAP_SMALL = 1024, // up to here sizes go by grains, then in quarters of powers of two
    TM_HEAP_CLASSES = TM_HEAP_SMALL / TM_HEAP_GRAIN + 1 + 4 * 24,
};

struct tm__heap_inner;
struct tm__heap_outside;

struct tm_heap_kept {
    uint64_t key; // 0: nothing
    void *root;
    void *bytes;
    size_t size, capacity;
};

struct tm_heap {
    struct tm_fx fx; // what the state knows: memory alone
    struct tm_heaps *heaps;
    struct tm__heap_inner *inner;     // its stretch of addresses; NULL: it never had one
    struct tm__heap_outside *outside; // what did not fit
    const void *owner;                // NULL: it is free
    struct tm_heap_kept kept[TM_HEAP_KEPT];
};

struct tm_heaps {
    const struct tm_fx *real; // whose memory it is
    size_t bytes_each;
    uint32_t first; // to be looked at
    struct tm_heap all[TM_HEAPS];
};

void tm_heaps_init(struct tm_heaps *heaps, const struct tm_fx *real, size_t bytes_each);
void tm_heaps_fini(struct tm_heaps *heaps);
// The contents of tm_fx_states; `owner` is not NULL.
const struct tm_fx *tm_heaps_open(struct tm_heaps *heaps, const void *owner, uint64_t key);
void tm_heaps_close(const struct tm_fx *heap);
void *tm_heaps_recall(const struct tm_fx *heap, uint64_t key);
void tm_heaps_keep(const struct tm_fx *heap, uint64_t key, void *root);
// Closes all that are the owner's: it is gone.
void tm_heaps_leave(struct tm_heaps *heaps, const void *owner);
// What was kept of jobs is forgotten.
void tm_heaps_forget(struct tm_heaps *heaps);
