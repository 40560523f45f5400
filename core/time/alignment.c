// Alignment of sources: see alignment.h. A batch costs its source one store, one fence and a look
// at each member; groups are small.
#include "core/time/alignment.h"

#include "core/base/check.h"

enum { LINE_BYTES = 64 };

// A cache line each: members are written by different threads.
struct member {
    _Alignas(LINE_BYTES) _Atomic int64_t watermark; // partner: lowest of the other threads
    _Atomic int64_t rests_until; // the lowest that is waited for. Partner: tm_alignment_report
    struct tm_waker *waker;
};

struct tm_alignment {
    struct tm_mem *mem;
    void *memory;
    size_t memory_bytes;
    uint32_t count;
    struct member *members;
};

struct tm_alignment *tm_alignment_new(struct tm_mem *mem, uint32_t count)
{
    TM_CHECK(count > 0);
    struct tm_alignment *alignment = tm_mem_zalloc(mem, sizeof *alignment);

    if (alignment == NULL)
        return NULL;
    alignment->mem = mem;
    alignment->count = count;
    alignment->memory_bytes = (size_t)count * sizeof(struct member) + LINE_BYTES;
    alignment->memory = tm_mem_zalloc(mem, alignment->memory_bytes);
    if (alignment->memory == NULL) {
        tm_alignment_free(alignment);
        return NULL;
    }
    uintptr_t at = ((uintptr_t)alignment->memory + LINE_BYTES - 1) & ~(uintptr_t)(LINE_BYTES - 1);
    alignment->members = (struct member *)at;
    for (uint32_t i = 0; i < count; i++) {
        atomic_init(&alignment->members[i].watermark, TM_WATERMARK_MIN);
        atomic_init(&alignment->members[i].rests_until, TM_WATERMARK_MAX);
    }
    return alignment;
}

void tm_alignment_free(struct tm_alignment *alignment)
{
    if (alignment == NULL)
        return;
    if (alignment->memory != NULL)
        tm_mem_free(alignment->mem, alignment->memory, alignment->memory_bytes);
    tm_mem_free(alignment->mem, alignment, sizeof *alignment);
}

void tm_alignment_set_waker(struct tm_alignment *alignment, uint32_t member, struct tm_waker *waker)
{
    TM_CHECK(member < alignment->count);
    alignment->members[member].waker = waker;
}

static int64_t lowest(const struct tm_alignment *alignment)
{
    int64_t min = TM_WATERMARK_MAX;
    for (uint32_t i = 0; i < alignment->count; i++) {
        int64_t watermark =
            atomic_load_explicit(&alignment->members[i].watermark, memory_order_acquire);
        min = watermark < min ? watermark : min;
    }
    return min;
}

void tm_alignment_report(struct tm_alignment *alignment, uint32_t member, int64_t watermark)
{
    TM_CHECK(member < alignment->count);
    struct member *own = &alignment->members[member];
    if (atomic_load_explicit(&own->watermark, memory_order_relaxed) == watermark)
        return;
    atomic_store_explicit(&own->watermark, watermark, memory_order_release);
    // Who rests either sees this watermark when it looks once more, or is seen here.
    atomic_thread_fence(memory_order_seq_cst);
    int64_t min = lowest(alignment);
    for (uint32_t i = 0; i < alignment->count; i++) {
        struct member *other = &alignment->members[i];
        if (atomic_load_explicit(&other->rests_until, memory_order_relaxed) > min ||
            other->waker == NULL)
            continue;
        tm_waker_notify(other->waker);
    }
}

int64_t tm_alignment_limit(const struct tm_alignment *alignment, int64_t drift_ms)
{
    int64_t limit;
    if (__builtin_add_overflow(lowest(alignment), drift_ms, &limit))
        return TM_WATERMARK_MAX;
    return limit;
}

void tm_alignment_rest(struct tm_alignment *alignment, uint32_t member, int64_t drift_ms,
                       int64_t limit)
{
    TM_CHECK(member < alignment->count);
    int64_t until = limit;
    if (limit != TM_WATERMARK_MAX && __builtin_sub_overflow(limit, drift_ms, &until))
        until = TM_WATERMARK_MIN;
    atomic_store_explicit(&alignment->members[member].rests_until, until, memory_order_relaxed);
}
