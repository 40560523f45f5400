// The job of a seed: its script, its input, and what each row of its outputs must be.
//
// First rows are counted by key: a key's rows stand in one file, so they keep their order whatever
// the parallelism, and each has exactly one row in the output "out", which tells what the key's
// state was: how many rows it had, their sum. Then come stages by another key, its group: windows
// and timers, with an output each, whose rows tell what belongs to a group and a time. Times are
// out of order by less than the watermark allows, so nothing is late.
#pragma once

#include "tests/sim/universe.h"

enum { SIM_JOB_FILES_MAX = 8, SIM_JOB_SCRIPT = 8192, SIM_STAGES_MAX = 3, SIM_SLOT_MS = 10000 };

struct sim_row {
    uint32_t key, nth; // of its key, from 1
    uint32_t group;
    int64_t ts, value, sum; // of its key up to it
    uint32_t file;
    size_t end; // the offset behind it in its file
};

enum sim_stage_kind { SIM_TENS, SIM_SLIDES, SIM_TIMED, SIM_STAGE_KINDS };

// What a stage gives of a group and a slot; n 0: nothing.
struct sim_total {
    int64_t n, total;
    uint32_t nth; // of its group that have something, from 1
};

struct sim_output {
    const char *name;
    bool one_file; // NAME.jsonl, else a folder NAME
};

struct sim_stage {
    enum sim_stage_kind kind;
    struct sim_total *totals; // [group * slot_count + slot]
};

struct sim_job {
    uint32_t file_count, row_count, key_count, group_count;
    struct sim_row *rows;                      // by id, file by file
    uint32_t first_row[SIM_JOB_FILES_MAX + 1]; // of a file
    uint32_t stage_count;
    struct sim_stage stages[SIM_STAGES_MAX];
    struct sim_output outputs[SIM_STAGES_MAX + 1]; // "out", then each stage's
    int64_t first_slot_ms;                         // where slot 0 begins
    uint32_t slot_count;
    char script[SIM_JOB_SCRIPT];
    char told[600]; // what kind it is, for the story
};

// Draws it, and puts it on the universe's disk, durably.
void sim_job_init(struct sim_job *job, struct sim_universe *universe);
void sim_job_fini(struct sim_job *job);
