// `tidemill run` is two processes: a supervisor, which does nothing but wait, and below it the
// worker process, which is the job. One that crashes is started again from its newest checkpoint,
// one that hangs is ended first. They share memory that is mapped before the fork.
//
// What is here is for the worker process (supervised.c); the supervisor is all in supervisor.c. The
// functions take NULL where a job has no supervisor, and do nothing then.
#pragma once

#include "core/cli/options.h"
#include "core/cluster/failover.h"
#include "core/task/watch.h"

enum {
    TM_SUPERVISED_CAUSE = 512,
    TM_SUPERVISED_PATH = 4096 + 16,
    TM_SUPERVISED_SCRIPT = 16 * 1024 * 1024
};

// What became of worker processes, for reports.
struct tm_supervised_figures {
    uint64_t crashes, hangs;
    char last[TM_SUPERVISED_CAUSE]; // why the last one ended
};

enum tm_supervised_signals {
    TM_SIGNALS_END_IT,   // it begins
    TM_SIGNALS_ARE_TOLD, // it counts them, its own and those that the supervisor tells it of
    TM_SIGNALS_ARE_LATE, // the job has ended, and says how
};

struct tm_supervised {
    // By the supervisor, while there is no worker process.
    struct tm_supervised_figures figures;
    struct tm_failover failover; // made by the worker process that first knows the job's strategy
    bool moves_on;               // a checkpoint was taken since the first process began
    uint64_t resumable;          // the checkpoint to go on from; 0: none, as far as is known
    int stop_fd;                 // readable: so often the user wants the job to stop
    // By the worker process.
    _Atomic int touched; // it has read what cannot be read again
    _Atomic int signals; // enum tm_supervised_signals: what they do to it
    _Atomic int knows_strategy;
    _Atomic int64_t batch_timeout_ms; // 0: none, or not known yet
    _Atomic int has_begun;            // what a fresh start gives up has been given up
    uint64_t begun_with;              // LATEST when the first process began its first attempt
    char latest[TM_SUPERVISED_PATH];  // where that is; "": the job takes no checkpoints
    char why_not[64];                 // it is never started again; "": it may be
    _Atomic int shows;
    _Atomic int crashed_worker, crashed; // 1 + its number, or 0; the signal, or 0
    // The script as the first worker process has read it: a pipe is read once, and what has been
    // edited since is for the next run.
    _Atomic size_t script_length; // + 1; 0: not read yet
    char script[TM_SUPERVISED_SCRIPT];
    struct tm_watch watch;
};

// A crash is noted in shared memory before the process ends. Once, before there are threads.
void tm_supervised_begin(struct tm_supervised *self);

// The script's text: has an earlier worker process kept it; into text[TM_SUPERVISED_SCRIPT]; to be
// kept for later ones.
bool tm_supervised_has_script(const struct tm_supervised *self);
void tm_supervised_script(const struct tm_supervised *self, char *text, size_t *length);
void tm_supervised_keep_script(struct tm_supervised *self, const char *text, size_t length);

// The job's: what is done when its process ends, why that is nothing or NULL, how long a step may
// take. Of several worker processes the first makes the strategy.
struct tm_supervised_args {
    struct tm_restart_policy policy;
    uint64_t seed;
    const char *why_not;
    bool shows; // outputs show rows at once: to begin anew would show them again, and nobody asks
    int64_t batch_timeout_ms;
};
void tm_supervised_job(struct tm_supervised *self, const struct tm_supervised_args *args);
// Where its checkpoints are. And: it begins with this one, older ones have been given up.
void tm_supervised_folder(struct tm_supervised *self, const char *folder);
void tm_supervised_running(struct tm_supervised *self, uint64_t latest);
// A checkpoint is complete: whoever crashes now begins behind it, so nothing is looked for any
// more.
void tm_supervised_checkpoint(struct tm_supervised *self);

// Has this run begun, in an earlier worker process or this one?
bool tm_supervised_has_begun(const struct tm_supervised *self);
// Where to note that something is read that nobody can read again; NULL: nowhere.
static inline _Atomic int *tm_supervised_touched(struct tm_supervised *self)
{
    return self == NULL ? NULL : &self->touched;
}

// From now on this is what signals do.
void tm_supervised_signals(struct tm_supervised *self, enum tm_supervised_signals what);
// How often the supervisor has been told to stop since the last call.
int tm_supervised_stops(struct tm_supervised *self);
static inline int tm_supervised_stop_fd(const struct tm_supervised *self)
{
    return self == NULL ? -1 : self->stop_fd;
}
static inline struct tm_watch *tm_supervised_watch(struct tm_supervised *self)
{
    return self == NULL ? NULL : &self->watch;
}
