// What a world in one thread has in place of threads: executors are queues whose work runs when
// whoever drives the world says so, nobody sleeps, and random numbers follow from a seed. The test
// kit and the simulator are such worlds.
#pragma once

#include "core/base/effects.h"

// The first member of the world that is the effects' ctx.
struct tm_single {
    const struct tm_fx_memory *memory; // called with the world
    struct tm_executor *executors;
    uint64_t random; // state
};

extern const struct tm_fx_threads tm_single_threads; // a thread cannot be started: TM_E_INTERNAL
// Runs one work of one executor, chosen by `pick` among those with work. False: none has any.
bool tm_single_run(struct tm_single *single, uint64_t pick);
uint64_t tm_single_random(struct tm_single *single); // splitmix64
