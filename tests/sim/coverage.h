// What seeds have met of all that there is to meet: faults, kill points, what must have been seen.
#pragma once

#include <stdio.h>

#include "tests/sim/life.h"

enum { SIM_MEETINGS = SIM_FAULT_COUNT + TM_KILL_COUNT + SIM_SOMETIMES_COUNT };

struct sim_coverage {
    uint64_t seed;
    uint8_t met[(SIM_MEETINGS + 7) / 8]; // bits
};

void sim_coverage_of(struct sim_coverage *coverage, const struct sim_outcome *outcome);
// Writes lines of a list: few seeds that have met all that these have.
void sim_coverage_choose(const struct sim_coverage *all, uint64_t count, FILE *to);
// Adds up how often each was met.
void sim_coverage_add(struct sim_outcome *sum, const struct sim_outcome *outcome);
// Prints how often each was met; and in one line how many never.
void sim_coverage_print(const struct sim_outcome *sum);
void sim_coverage_summary(const struct sim_outcome *sum);
int sim_coverage_never(const struct sim_outcome *sum); // how many
// Prints what was never met; how much that is.
int sim_coverage_missed(const struct sim_outcome *sum);
