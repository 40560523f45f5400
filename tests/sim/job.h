// The job of a seed: its script, its input, and what each row of its output must be.
//
// A key's rows stand in one file, so they keep their order whatever the parallelism, and each has
// exactly one output row, which tells what the key's state was: how many rows it had, their sum.
#pragma once

#include "tests/sim/universe.h"

enum { SIM_JOB_FILES_MAX = 8, SIM_JOB_SCRIPT = 4096 };

struct sim_row {
    uint32_t key, nth; // of its key, from 1
    int64_t value, sum; // of its key up to it
    uint32_t file;
    size_t end; // the offset behind it in its file
};

struct sim_job {
    uint32_t file_count, row_count, key_count;
    struct sim_row *rows;                        // by id, file by file
    uint32_t first_row[SIM_JOB_FILES_MAX + 1];   // of a file
    bool one_output;                             // a file, else a folder
    char script[SIM_JOB_SCRIPT];
    char told[400]; // what kind it is, for the story
};

// Draws it, and puts it on the universe's disk, durably.
void sim_job_init(struct sim_job *job, struct sim_universe *universe);
void sim_job_fini(struct sim_job *job);
