// The coordinator of one job: what to do about each event. Pure (ARCHITECTURE D8): no clock,
// thread, file or random; the environment table carries out what it decides. `tidemill run` embeds
// it; the simulator drives it the same way.
#pragma once

#include "core/base/buf.h"
#include "core/task/control.h"

enum tm_job_state {
    TM_JOB_STARTING, // workers evaluate the script, open tasks, restore them
    TM_JOB_RUNNING,
    TM_JOB_STOPPING,   // asked to stop: sources have ended, rows under way go on to the sinks
    TM_JOB_SAVING,     // all tasks are done, the last checkpoint is being taken
    TM_JOB_CANCELLING, // a failure, or impatience: everything is dropped
    TM_JOB_EXITING,    // all tasks are done, workers end
    TM_JOB_DONE,       // no worker is left
};

enum tm_job_outcome {
    TM_JOB_FINISHED, // to the end of its input, or until nobody read its output any more
    TM_JOB_FAILED,
    TM_JOB_STOPPED,
};

struct tm_coordinator_env {
    void *arg;
    // Tell every worker. 0 or TM_E_MEMORY.
    int (*command)(void *arg, enum tm_command_kind kind, const char *text, size_t length);
    // All workers are ready: what cannot be taken back is done now, before a task has its turn.
    // NULL: there is nothing such.
    int (*begin)(void *arg, struct tm_error *err);
    // Settle types in the planning state; `settled`: what the workers must apply ("" = nothing
    // new). Above 0: it is too early for an answer.
    int (*settle)(void *arg, const char *proposal, size_t length, struct tm_buf *settled,
                  struct tm_error *err);
    // Sources are about to be told to end as if they had no more to read: until the last checkpoint
    // there is none. NULL: the job takes none.
    void (*drain)(void *arg);
    // Take the last checkpoint, for STOP or END: tm_coordinator_saved is called when that is over.
    // NULL: the job takes none.
    void (*save)(void *arg, enum tm_checkpoint_purpose purpose);
};

struct tm_coordinator {
    struct tm_coordinator_env env;
    struct tm_mem *mem;
    enum tm_job_state state;
    uint32_t workers, tasks; // alive, unfinished
    uint32_t starting;       // workers that are not ready
    bool stop_asked;
    bool draining;             // asked to end as if its input had: what waits fires
    bool saving;               // the checkpoint before a stop is being taken: sources wait for it
    bool pipe_closed;          // the reader of the output has gone: an end like any other
    bool ran;                  // all workers have been ready, and what had to begin has
    struct tm_error error;     // the first failure
    struct tm_culprit culprit; // what user code failed on then, if that is it
};

void tm_coordinator_init(struct tm_coordinator *c, const struct tm_coordinator_env *env,
                         struct tm_mem *mem, uint32_t workers, uint32_t tasks);
void tm_coordinator_event(struct tm_coordinator *c, const struct tm_event *event);
// The user wants it to end: the first time in order, the second time at once.
void tm_coordinator_stop(struct tm_coordinator *c);
// At once, whatever has been asked for before.
void tm_coordinator_cancel(struct tm_coordinator *c);
// Sources end as if there were no more to read: all that waits for event time fires, and the last
// checkpoint is that of a job whose input has ended. False: it is too late, the job ends already.
bool tm_coordinator_drain(struct tm_coordinator *c);
// The last checkpoint is there, or given up.
void tm_coordinator_saved(struct tm_coordinator *c);
// Once state is TM_JOB_DONE.
enum tm_job_outcome tm_coordinator_outcome(const struct tm_coordinator *c);
