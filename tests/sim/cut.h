// A checkpoint as it lies on the simulated disk, read with nothing of the engine but what reads
// checkpoints: where its sources stand, and what it keeps of each key.
#pragma once

#include "tests/sim/job.h"
#include "tests/sim/process.h"

struct sim_kept {
    int64_t n, sum;
};

enum { SIM_OPS_MAX = 24 };

// Of a state of a stage: a value, an entry, an item; or a timer.
struct sim_value {
    uint32_t stage;
    bool of_operator;  // in a list of that; else of a key
    uint32_t key;      // or group, where the stage goes by that
    char state[24];    // as the script calls it; what the engine knows of it begins with $
    int64_t at;        // where its slice or window begins, when a timer is due; else 0
    int64_t of, value; // place in a list, number of the key in a map; what is there
};

// Counters of an operator, in the order in which checkpoints have them.
enum sim_counter {
    SIM_ROWS_IN,
    SIM_ROWS_OUT,
    SIM_USED,
    SIM_FILTERED,
    SIM_LATE,
    SIM_SKIPPED,
    SIM_DEAD_LETTERED,
    SIM_COUNTERS
};

struct sim_op {
    char name[40];
    int64_t watermark;               // the least of its subtasks
    bool timed;                      // it has one
    uint64_t counters[SIM_COUNTERS]; // of all subtasks
};

struct sim_cut {
    uint64_t checkpoint;
    bool finished;
    uint64_t flight_bytes; // rows on their way that it has
    uint32_t *read;        // by file: its rows that had been read
    struct sim_kept *kept; // by key
    bool is_savepoint;
    struct sim_op ops[SIM_OPS_MAX];
    uint32_t op_count;
    uint32_t stages; // bits: those of which there is something, whose kinds judge it (kept.h)
    int64_t furthest[SIM_STAGES_MAX]; // of the event time of their subtasks
    struct sim_value *values;
    uint32_t value_count, value_capacity;
};

// `path`: of a checkpoint or a savepoint; `checkpoint`: 0: the newest of a job's folder. Nothing
// goes wrong while it is read. 0, or what is wrong with it; TM_E_CHECKPOINT_MISSING: there is none.
// To be freed in any case.
int sim_cut_read(struct sim_cut *cut, struct sim_universe *universe, const struct sim_job *job,
                 const char *path, uint64_t checkpoint, struct tm_error *err);
void sim_cut_fini(struct sim_cut *cut);
// Has it read this row, and is the row not on its way?
bool sim_cut_has(const struct sim_cut *cut, const struct sim_job *job, uint32_t id);
// The checkpoint that is the newest if power is lost now; 0: there is none.
uint64_t sim_cut_durable(const struct sim_disk *disk);
// Data files that manifests of the job's checkpoints name, relative to its folder.
void sim_cut_files(struct sim_universe *universe, void (*each)(void *arg, const char *path),
                   void *arg);
