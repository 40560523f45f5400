// What others see, as it changes: O2, O5 and C4. Rows may be changed to be visible only when a
// checkpoint that has them is durable, which is looked at when the first of them is about to be.
#pragma once

#include "tests/sim/oracle.h"

struct sim_seen {
    struct sim_oracle *oracle; // NULL: nobody looks
    uint8_t *covered;          // by row: a checkpoint that was durable has it
    uint64_t checkpoint;       // the newest of them
    bool changed;              // since the last look
};

// From here on the universe tells of changes.
void sim_seen_init(struct sim_seen *seen, struct sim_oracle *oracle);
void sim_seen_fini(struct sim_seen *seen);
// The job begins with this savepoint: its rows may be visible.
void sim_seen_began_with(struct sim_seen *seen, const char *savepoint);
// Behind a turn.
void sim_seen_look(struct sim_seen *seen);
