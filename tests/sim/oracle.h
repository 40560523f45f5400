// What must be true of a job's world, whatever was done to it (docs/internals/simulator.md has the
// rules). The first violation is kept.
#pragma once

#include "tests/sim/job.h"

enum { SIM_VIOLATION = 400 };

struct sim_oracle {
    struct sim_universe *universe;
    const struct sim_job *job;
    uint8_t *seen;       // by row: it is visible
    uint32_t *prefix;    // by file: how many of its rows are visible, where those are a beginning
    uint64_t looks, cuts; // at what is visible, at checkpoints
    uint64_t newest;     // complete checkpoint that was looked at
    char violation[SIM_VIOLATION];
};

void sim_oracle_init(struct sim_oracle *oracle, struct sim_universe *universe,
                     const struct sim_job *job);
void sim_oracle_fini(struct sim_oracle *oracle);
void sim_violate(struct sim_oracle *oracle, const char *format, ...) TM_PRINTF(2, 3);

// At any time: what is visible is of the input, right, nowhere twice, and in order.
void sim_oracle_look(struct sim_oracle *oracle);
// Behind a commit: what is visible is what the newest checkpoint covers, and its state follows from
// that.
void sim_oracle_committed(struct sim_oracle *oracle);
// The job has finished: nothing is missing, nothing is left over.
void sim_oracle_finished(struct sim_oracle *oracle);
