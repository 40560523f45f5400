// What those who watch the tests of a thread see: the call under way, and which operator its job is
// in (core/task/watch.h). Nothing in the thread itself can end a loop in a function of the job:
// hooks do not fire in compiled code. core/cli/test_watch.c ends the tests then.
#pragma once

#include "core/task/watch.h"

struct tm_kit;

struct tm_kit_watch {
    struct tm_watch watch;
    const struct tm_kit *names_of; // whose operators `watch` names; of the tests' thread
    void *caller;               // of the call under way: a lua_State, which stands still meanwhile
    _Atomic uint64_t calls;     // begun so far
    _Atomic int64_t timeout_ms; // of each step of the call under way; 0: none is, or any time
};

// By the tests' thread. `self` NULL: nobody watches.
static inline void tm_kit_watch_begin(struct tm_kit_watch *self, int64_t timeout_ms, void *caller)
{
    if (self == NULL)
        return;
    self->caller = caller;
    atomic_fetch_add_explicit(&self->calls, 1, memory_order_relaxed);
    // Partner: the watcher's acquire, which then sees the caller and the names of operators.
    atomic_store_explicit(&self->timeout_ms, timeout_ms, memory_order_release);
}
static inline void tm_kit_watch_end(struct tm_kit_watch *self)
{
    if (self != NULL)
        atomic_store_explicit(&self->timeout_ms, 0, memory_order_release);
}
