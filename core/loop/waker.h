// Waking a thread that may sleep, at the cost of one fence when it does not: the producer publishes
// its work, fences and looks at `sleeping`; the sleeper sets `sleeping`, fences, looks once more
// for work and only then parks.
#pragma once

#include <stdatomic.h>

#include "core/base/effects.h"

struct tm_waker {
    const struct tm_fx *fx;
    struct tm_parker *parker;
    _Atomic int sleeping; // partner: tm_waker_notify's load after its fence
};

int tm_waker_init(struct tm_waker *waker, const struct tm_fx *fx,
                  struct tm_error *err) TM_WARN_UNUSED;
void tm_waker_fini(struct tm_waker *waker);

// Any thread, after publishing work for the waker's owner.
static inline void tm_waker_notify(struct tm_waker *waker)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&waker->sleeping, memory_order_relaxed))
        waker->fx->threads->parker_wake(waker->fx->ctx, waker->parker);
}

// The owner: say that it is about to sleep, then look for work once more; then wait (or cancel).
static inline void tm_waker_prepare(struct tm_waker *waker)
{
    atomic_store_explicit(&waker->sleeping, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}
static inline void tm_waker_cancel(struct tm_waker *waker)
{
    atomic_store_explicit(&waker->sleeping, 0, memory_order_relaxed);
}
// Sleep until notified or the deadline (mono ns); ends the prepared state.
void tm_waker_wait(struct tm_waker *waker, int64_t deadline_ns);
