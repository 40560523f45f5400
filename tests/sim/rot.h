// A checkpoint that is complete rots on the disk. Whoever begins with it says which it is, and
// takes the one before it only where no sink has begun to make visible what it has; else the job
// stops, which is a right end.
#pragma once

#include "tests/sim/oracle.h"

struct sim_rot {
    uint64_t checkpoint; // that cannot be read any more; 0: none
    bool done;           // once in a world
    bool is_latest;      // it is the file that names it
};

// Between two processes: some bytes of the newest checkpoint change.
void sim_rot(struct sim_rot *rot, struct sim_oracle *oracle);
// A process has failed. True: rightly so, because of that; nothing can go on. One that begins with
// a savepoint reads only which checkpoint is the newest.
bool sim_rot_stops(struct sim_rot *rot, struct sim_oracle *oracle, const struct tm_error *why,
                   bool from_savepoint);
