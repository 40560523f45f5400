// Checkpoints of a job that runs in this process: its folder, what it begins with, and the keeper.
#pragma once

#include "core/cli/life.h"
#include "core/cli/match.h"
#include "core/cluster/coordinator.h"
#include "core/cluster/keeper.h"

struct tm_saving {
    struct tm_engine *engine;
    struct tm_life life;              // life.store NULL: the job takes none
    struct tm_match match;            // of what it begins with; engine NULL: anew
    const char *settled;              // types of the checkpoint, as `match` has them
    char *script;                     // of the job, with a NUL behind it
    struct tm_job *job;               // while the keeper is there
    struct tm_buf schemas;            // inferred ones, with a NUL behind them
    struct tm_keeper *keeper;         // NULL before the job is there, and after its end
    uint64_t told;                    // checkpoints that the supervisor knows of
    struct tm_keeper_figures figures; // of the attempts that are over
    uint32_t attempt;                 // from 0
    bool skips;                       // the last checkpoint is not needed
};

// Opens the folder of a job that takes checkpoints, and the newest one unless that was taken at the
// end of the input; fills what the job has to know. On failure it must still be closed.
int tm_saving_open(struct tm_saving *saving, struct tm_engine *engine, struct tm_job_args *args,
                   struct tm_error *err) TM_WARN_UNUSED;
// The same for another attempt: the job of the last one has gone, the script was planned again.
int tm_saving_again(struct tm_saving *saving, struct tm_job_args *args,
                    struct tm_error *err) TM_WARN_UNUSED;
// The job is there.
int tm_saving_attach(struct tm_saving *saving, struct tm_job *job, struct tm_waker *waker,
                     struct tm_error *err) TM_WARN_UNUSED;
// Before its sinks begin: is the folder still this process's?
int tm_saving_check(const struct tm_saving *saving, struct tm_error *err) TM_WARN_UNUSED;
// All its tasks have been restored, its sinks have begun: so does its folder.
int tm_saving_begin(struct tm_saving *saving, struct tm_error *err) TM_WARN_UNUSED;
// Sources are about to be told to end as if they had no more to read.
void tm_saving_drain(struct tm_saving *saving);
// The last checkpoint of the coordinator's.
void tm_saving_save(struct tm_saving *saving, enum tm_checkpoint_purpose purpose);
// The workers have ended; all output of a job that finished is visible; the job is gone.
// Of this attempt, if there is one, and all before it.
struct tm_keeper_figures tm_saving_figures(const struct tm_saving *saving);
void tm_saving_end(struct tm_saving *saving);
void tm_saving_finished(struct tm_saving *saving, struct tm_job *job);
void tm_saving_close(struct tm_saving *saving);

// Types have been settled.
int tm_saving_settled(struct tm_saving *saving, const struct tm_buf *text) TM_WARN_UNUSED;
void tm_saving_event(struct tm_saving *saving, struct tm_event *event);
// What the keeper has to do, given how the job stands. True: there was something.
bool tm_saving_turn(struct tm_saving *saving, struct tm_coordinator *coordinator);
int64_t tm_saving_deadline_ns(const struct tm_saving *saving);
