// Runs a whole job in one thread: which worker, task, helper or message goes next is drawn from the
// world's seed, and time jumps to the next deadline when nothing can be done.
#pragma once

#include "tests/sim/world.h"

struct sim_args {
    const char *script_path; // on the real disk
    const char *const *set_names, *const *set_values;
    uint32_t set_count;
    uint32_t parallelism;
    int64_t steps_max; // a job that needs more hangs: an error
    bool quiet;
};

// 0, or a negative code with the error filled: the job's failure, a deadlock, too many steps.
int sim_run(struct world *world, const struct sim_args *args, struct tm_error *err);
