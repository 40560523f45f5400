// The world of a test: the clock stands still unless the test moves it, nothing is random but by
// seed, helper threads are queues, and there is no network. Files are the real ones, for scripts
// and samples; sources and sinks are replaced.
#pragma once

#include "core/kit/heaps.h"
#include "core/loop/single.h"

struct tm_kit_world {
    struct tm_single single;
    struct tm_fx fx;  // its ctx is this
    int64_t clock_ns; // since the test began
    int64_t wall_ms;  // when it began
    struct tm_heaps *heaps;
};

// `real`: files and memory come from it. Its tables must not need their context.
void tm_kit_world_init(struct tm_kit_world *world, const struct tm_fx *real, uint64_t seed,
                       int64_t wall_ms);
// Its Lua states begin where those of other worlds with these heaps, which outlive it, have come
// to.
void tm_kit_world_keep_states(struct tm_kit_world *world, struct tm_heaps *heaps);
// Run one work of a helper thread; for tm_drive_args. False: there is none.
bool tm_kit_world_help(void *world);
