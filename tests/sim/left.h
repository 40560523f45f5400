// Files that stay: C3. What no checkpoint that is kept refers to goes when the process has
// collected some times, as long as nothing fails.
#pragma once

#include "tests/sim/oracle.h"

enum { SIM_LEFT_MAX = 256, SIM_LEFT_PATH = 64, SIM_LEFT_FOR = 4 };

struct sim_left_file {
    char path[SIM_LEFT_PATH]; // relative to the job's folder
    uint64_t since;           // collections of the process when it was found
};

struct sim_left {
    bool looks;
    struct sim_left_file files[SIM_LEFT_MAX]; // that nothing refers to
    uint32_t count;
    uint64_t collected, failures; // by the process, how often; calls of it that failed
};

// A process begins: what it knows of files it has to find out anew.
void sim_left_begin(struct sim_left *left, const struct sim_universe *universe);
// Output of a checkpoint has been made visible, and behind that the process has collected: while it
// cannot be, for a log is away, files stay.
void sim_left_look(struct sim_left *left, struct sim_oracle *oracle);
