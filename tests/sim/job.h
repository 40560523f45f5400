// The job of a seed: its script, its input, and what each row of its outputs must be.
//
// First rows are counted by key: a key's rows stand in one file, so they keep their order whatever
// the parallelism, and each has exactly one row in the output "out", which tells what the key's
// state was: how many rows it had, their sum. Then come stages by another key, its group: windows
// and timers, with an output each, whose rows tell what belongs to a group and a time. Times are
// out of order by less than the watermark allows, but for some rows that are late: where there are
// any, the only windows are tumbling ones, and what they leave out has an output of its own. Calls
// of the timers' stage fail on some rows, which are dead letters. The stage "recent" keeps
// something for a time and writes down when it saw it.
#pragma once

#include "tests/sim/universe.h"

enum {
    SIM_JOB_FILES_MAX = 8,
    SIM_JOB_SCRIPT = 8192,
    SIM_STAGES_MAX = 4,
    SIM_OUTPUTS_MAX = SIM_STAGES_MAX + 3,
    SIM_SLOT_MS = 10000
};

struct sim_row {
    uint32_t key, nth; // of its key, from 1
    uint32_t group;
    int64_t ts, value, sum; // of its key up to it
    uint32_t file;
    size_t end;  // the offset behind it in its file
    bool late;   // it may come behind its window
    bool failed; // the timers' stage refuses it
};

enum sim_stage_kind { SIM_TENS, SIM_SLIDES, SIM_TIMED, SIM_RECENT, SIM_STAGE_KINDS };

// What a stage gives of a group and a slot; n 0: nothing.
struct sim_total {
    int64_t n, total;
    uint32_t nth; // of its group that have something, from 1
};

enum sim_output_kind {
    SIM_OUT_ROWS,   // of the input, with what was counted
    SIM_OUT_TOTALS, // of groups and slots
    SIM_OUT_RECENT, // rows of the input, with what was kept of the one before
    SIM_OUT_LATE,   // rows of the input that windows have left out
    SIM_OUT_DEAD,   // dead letters
};

struct sim_output {
    const char *name;
    enum sim_output_kind kind;
    uint32_t stage; // of TOTALS
    bool one_file;  // NAME.jsonl, else a folder NAME
    bool log;       // NAME of the log, instead
};

struct sim_stage {
    enum sim_stage_kind kind;
    struct sim_total *totals; // [group * slot_count + slot]; NULL: of RECENT
};

struct sim_job {
    enum sim_feed_kind feed;
    uint32_t file_count, row_count, key_count, group_count;
    struct sim_row *rows;                      // by id, file by file
    uint32_t first_row[SIM_JOB_FILES_MAX + 1]; // of a file
    uint32_t stage_count;
    struct sim_stage stages[SIM_STAGES_MAX];
    struct sim_output outputs[SIM_OUTPUTS_MAX]; // "out" first
    uint32_t output_count;
    int64_t first_slot_ms; // where slot 0 begins
    uint32_t slot_count;
    bool has_late, has_failed; // rows
    int64_t ttl_ms;            // of RECENT
    bool ttl_event;            // by the watermark, else by the wall clock
    char script[SIM_JOB_SCRIPT];
    char told[1000]; // what kind it is, for the story
};

extern const char *const sim_stage_names[SIM_STAGE_KINDS];

// Draws it, and puts it on the universe's disk, durably.
void sim_job_init(struct sim_job *job, struct sim_universe *universe);
void sim_job_fini(struct sim_job *job);
// Is it an output, or a file of one, as others see it?
bool sim_job_shows(const struct sim_job *job, const char *path);
