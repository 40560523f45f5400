// The job of a seed: its script, its input, and what each row of its outputs must be.
//
// First rows are counted by key: a key's rows stand in one file, so they keep their order whatever
// the parallelism, and each has exactly one row in the output "out", which tells what the key's
// state was: how many rows it had, their sum. Behind that come stages, of the kinds that kinds.h
// has, each with outputs of its own. Times are out of order by less than the watermark allows, but
// for some rows that are late: where there are any, the only windows are tumbling ones, and what
// they leave out has an output of its own.
#pragma once

#include "tests/sim/universe.h"

enum {
    SIM_JOB_FILES_MAX = 8,
    SIM_JOB_SCRIPT = 24576,
    SIM_STAGES_MAX = 9,
    SIM_OUTPUTS_MAX = 3 * SIM_STAGES_MAX + 1,
    SIM_SLOT_MS = 10000,
    SIM_SINK = 100,
    SIM_STAGE_TEXT = 240,
    SIM_STAGE_TEXTS = 3
};

struct sim_row {
    uint32_t key, nth; // of its key, from 1
    uint32_t group;
    int64_t ts, value, sum; // of its key up to it
    uint32_t file;
    size_t end; // the offset behind it in its file
    bool late;  // it may come behind its window
};

// Stages that have dead letters refuse it: as in Lua, e.value % 40 == 7.
static inline bool sim_row_is_refused(const struct sim_row *row)
{
    return row->value % 40 == 7;
}

struct sim_kind;
struct sim_judge;
struct sim_lines;

struct sim_output {
    const char *name;
    const struct sim_judge *judge;
    uint32_t stage;          // that gives it; of the first output: none
    bool one_file;           // NAME.jsonl, else a folder NAME
    bool log;                // NAME of the log, instead
    char sink[SIM_SINK];     // of the script
    struct sim_lines *lines; // that must come out, where its judge is that of lines; owned
};

// What a stage gives of a group and a slot; n 0: nothing.
struct sim_total {
    int64_t n, total;
    uint32_t nth; // of its group that have something, from 1
};

enum sim_only { SIM_ALWAYS, SIM_AT_FIRST, SIM_WHEN_CHANGED };

struct sim_stage {
    const struct sim_kind *kind;
    bool renamed, retyped;                       // when the script is changed
    enum sim_only only;                          // it is in both scripts, or in one
    uint32_t output;                             // its first one
    struct sim_total *totals;                    // [group * slot_count + slot]; NULL: it has none
    char texts[SIM_STAGE_TEXTS][SIM_STAGE_TEXT]; // $A, $B and $C of its script
    uint64_t *behind; // by id: what its key keeps behind the row (kept.h); NULL: nobody says
    int64_t number;   // of its kind's own
    bool by_event;    // the same
};

// What stands in front of the stages in a script.
struct sim_head {
    uint32_t retain;
    const char *barrier, *source;
    bool timed, filters;
    bool flushes; // what waits for the clock at the end fires
    bool widens;  // the source has other columns when the script is changed
    bool narrow;  // numbers are of type int where they could be int64, which takes longer
};

struct sim_job {
    enum sim_feed_kind feed;
    uint32_t file_count, row_count, key_count, group_count;
    struct sim_row *rows;                      // by id, file by file
    uint32_t first_row[SIM_JOB_FILES_MAX + 1]; // of a file
    uint32_t *of_keys, *of_groups;             // how many rows those before one have, and all
    uint32_t stage_count;
    struct sim_stage stages[SIM_STAGES_MAX];
    struct sim_output outputs[SIM_OUTPUTS_MAX]; // "out" first
    uint32_t output_count;
    int64_t first_slot_ms; // where slot 0 begins
    uint32_t slot_count;
    bool has_late, has_failed; // rows that are; calls of the timers' stage that do
    bool even;                 // times, so that none is an odd gap behind another
    uint32_t interval_ms;      // of checkpoints
    struct sim_head head;
    uint32_t changes_at; // the script, before so many processes have lived; 0: it does not
    char script[SIM_JOB_SCRIPT];
    char told[2000]; // what kind it is, for the story
};

// Draws it, and puts it on the universe's disk, durably.
void sim_job_init(struct sim_job *job, struct sim_universe *universe);
void sim_job_fini(struct sim_job *job);
// The file of its script.
const char *sim_job_file(bool changed);
// Is it an output, or a file of one, as others see it?
bool sim_job_shows(const struct sim_job *job, const char *path);
// How many totals a stage has.
size_t sim_job_totals(const struct sim_job *job);
// Of keys or groups, whichever are more.
uint32_t sim_job_lanes(const struct sim_job *job);
