// What a running job answers to its user's other processes: a socket in the folder of its
// checkpoints, or beside its entry where running jobs are found (places.h), and with --metrics a
// port. On the coordinator's thread, between its events.
#pragma once

#include "core/cli/saving.h"
#include "core/loop/waker.h"

struct tm_control;

// What somebody wants of the job; the coordinator's loop carries it out.
enum tm_wish { TM_WISH_NONE, TM_WISH_STOP, TM_WISH_DRAIN, TM_WISH_CANCEL };

// The attempt that runs.
struct tm_control_target {
    struct tm_job *job;
    struct tm_coordinator *coordinator;
    struct tm_saving *saving;
    const struct tm_restarts *restarts; // attempts before this one
    int64_t begun_ns;
};

// How the run ended, for those who wait for that.
struct tm_control_end {
    enum tm_job_outcome outcome;
    int exit_code;
    uint64_t checkpoint;          // to go on from; 0: there is none
    const struct tm_error *error; // of a failed one
};

// `folder`: of the job's checkpoints, held by this process; NULL: it has none. A job that cannot be
// reached says so in the log and runs; a port of --metrics that cannot be had is an error.
int tm_control_open(struct tm_engine *engine, const char *folder, struct tm_waker *waker,
                    struct tm_control **control, struct tm_error *err) TM_WARN_UNUSED;
// Between two attempts there is no target: NULL.
void tm_control_attach(struct tm_control *control, const struct tm_control_target *target);
// Answers of workers are its, and it takes what they have told; others are nothing to it.
void tm_control_event(struct tm_control *control, struct tm_event *event);
// True: there was something.
bool tm_control_turn(struct tm_control *control);
int64_t tm_control_deadline_ns(const struct tm_control *control);
// What is wanted, once.
enum tm_wish tm_control_wish(struct tm_control *control);
// All is over: those who wait are told, and nobody finds the job any more.
void tm_control_close(struct tm_control *control,
                      const struct tm_control_end *end); // NULL: neither
