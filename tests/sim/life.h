// One seed: a world is drawn, its job lives through what goes wrong, then in peace to its end, and
// the oracle looks on.
#pragma once

#include "core/base/kill_point.h"
#include "tests/sim/universe.h"

struct sim_outcome {
    uint64_t seed, trace;
    uint64_t rows, checkpoints, deaths, processes, effects, turns;
    int64_t virtual_ns;
    uint32_t stages; // bits of kinds
    uint64_t faults[SIM_FAULT_COUNT], saw[SIM_SOMETIMES_COUNT];
    uint64_t passes[TM_KILL_COUNT], kills[TM_KILL_COUNT]; // of kill points; deaths at them
    uint64_t cuts;                                        // checkpoints that the oracle read
    char failure[512];                                    // "": all is well
};

// `less`: what is left out, NULL: nothing. `tells`: the story goes to standard output.
void sim_live(uint64_t seed, const struct sim_less *less, bool tells, struct sim_outcome *outcome);
