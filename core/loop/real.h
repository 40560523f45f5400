// The real world: effects over POSIX, pthreads and libev.
#pragma once

#include "core/base/effects.h"

// Fills `fx`. Executors are threads with a queue; a parker is a libev loop with an async watcher.
// Call once per process.
int tm_real_init(struct tm_fx *fx, struct tm_error *err) TM_WARN_UNUSED;
void tm_real_fini(struct tm_fx *fx);
// The first thing that a process does: standard descriptors that whoever started it had closed are
// taken by what can be neither read nor written, so that no file, pipe or event loop gets their
// numbers and using them is an error and no silence.
void tm_real_keep_standard_descriptors(void);
// The libev loop behind a real parker, for file descriptors and signals of its thread. Their
// callbacks run while the thread is parked; one that makes work for it calls tm_waker_notify or
// parker_wake.
struct ev_loop;
struct ev_loop *tm_real_parker_loop(struct tm_parker *parker);
