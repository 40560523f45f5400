// A job driven in one thread, turn by turn: planned, its workers and its coordinator made, then
// given turns by whoever drives it. The test kit lets everybody go on until nobody can (rest); the
// simulator (tests/sim) draws who goes next.
#pragma once

#include "core/cluster/coordinator.h"
#include "core/task/worker.h"

struct tm_drive_args {
    const struct tm_fx *fx; // with a clock that stands still unless the driver moves it
    struct tm_mem *mem;
    const struct tm_log *log;
    struct tm_vm_args vm;
    const struct tm_connector *const *connectors;
    uint32_t parallelism;     // 0: the job's own, else 1
    uint32_t max_parallelism; // 0: the job's own, else by its parallelism
    // The checkpoint that the job begins with, and the types that its rows had settled, as
    // struct tm_job_args has them.
    const struct tm_restored *restored;
    const char *settled;
    size_t settled_length;
    const struct tm_cut_writer *writer; // of what tasks give to checkpoints; NULL: there are none
    bool given_watermarks, given_clock; // see struct tm_job_args
    bool keeps_workers;     // workers that are done keep their tasks until the end, to be looked at
    struct tm_watch *watch; // told what workers do; NULL: nobody asks
    // Run one work of a helper thread. False: there is none. NULL: there never is.
    bool (*help)(void *arg);
    void *arg;
};

struct tm_drive {
    struct tm_drive_args args;
    struct tm_vm *vm; // the planning state
    struct tm_graph *graph;
    struct tm_plan *plan;
    struct tm_job *job;
    struct tm_waker waker;
    struct tm_coordinator coordinator;
    struct tm_buf settled;    // texts, each with a NUL behind it: the types that rows have settled
    struct tm_error declined; // why a task has given nothing to a checkpoint; the last
};

// Evaluates and plans the job, with what rows had settled. On failure the drive must still be
// closed.
int tm_drive_plan(struct tm_drive *drive, const struct tm_drive_args *args,
                  struct tm_error *err) TM_WARN_UNUSED;
// Makes the job's run-time parts and starts its workers, one after the other. What goes wrong in a
// worker is an event for the coordinator.
int tm_drive_start(struct tm_drive *drive, struct tm_error *err) TM_WARN_UNUSED;
// One turn: true when something was done. `pick` chooses a task (tm_worker_turn).
bool tm_drive_turn_coordinator(struct tm_drive *drive);
bool tm_drive_turn_worker(struct tm_drive *drive, uint32_t worker, uint32_t pick);
// A turn for everybody. True: somebody had something to do.
bool tm_drive_turn_all(struct tm_drive *drive);
// Turns for all until nobody can do anything before something outside happens. The failure of the
// job; TM_E_LIMIT: it is not at rest after TM_KIT_TURNS_MAX turns.
int tm_drive_rest(struct tm_drive *drive, struct tm_error *err) TM_WARN_UNUSED;
// When an idle worker has something to do (mono ns); INT64_MAX: never.
int64_t tm_drive_deadline_ns(struct tm_drive *drive);
// Ends the job where it stands, unless it has ended, and frees everything. With `ok` what its sinks
// have written is published, when it finished.
int tm_drive_finish(struct tm_drive *drive, struct tm_error *err) TM_WARN_UNUSED;
void tm_drive_close(struct tm_drive *drive);
