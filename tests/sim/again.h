// S3: that a job was disturbed cannot be seen. The same job is run again without faults, and its
// output must have the same bytes where these follow from the input; a disk that was copied when a
// checkpoint was complete is run on alone, to an end that is right.
#pragma once

#include "tests/sim/oracle.h"

struct sim_again {
    struct sim_disk first, copy; // as the job found it; as it was at a checkpoint
    bool has_first, has_copy;
    uint64_t checkpoint;      // of the copy
    uint64_t at;              // the checkpoint at which it is made
    int64_t mono_ns, wall_ms; // when it was made
    uint32_t parallelism;
};

// The job is drawn, nothing has happened yet.
void sim_again_init(struct sim_again *again, struct sim_universe *universe);
void sim_again_fini(struct sim_again *again);
// A checkpoint is complete.
void sim_again_completed(struct sim_again *again, const struct sim_oracle *oracle,
                         uint32_t parallelism);
// The job has finished, and its world is as it should be.
void sim_again_look(struct sim_again *again, struct sim_oracle *oracle);
