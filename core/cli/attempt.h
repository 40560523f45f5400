// One attempt at a job: from what it begins with to the end of its workers. What stays over the
// attempts of a run (signals, screen, the folder of checkpoints) is run.c's.
#pragma once

#include "core/cli/control.h"
#include "core/cli/report.h"
#include "core/cli/saving.h"
#include "core/cli/screen.h"

// What the user wants: counted by handlers of signals, carried out in an attempt's loop.
struct tm_stops {
    int wanted, done;
    int64_t leave_ns; // when to go without the workers; INT64_MAX: never
};

struct tm_attempt_args {
    struct tm_engine *engine; // planned; anew for each attempt
    struct tm_saving *saving; // open after the first attempt
    struct tm_waker *waker;   // of this thread: its loop has the watchers of signals
    struct tm_stops *stops;
    struct tm_screen *screen; // NULL: no terminal
    const struct tm_restarts *restarts;
    bool first;
};

struct tm_attempt {
    struct tm_attempt_args args;
    struct tm_job *job;
    struct tm_coordinator coordinator;
    struct tm_live *live;       // NULL: no terminal
    struct tm_control *control; // what others ask; NULL: nobody can
    bool may_come; // it was not opened because the output of the end cannot be made visible yet
};

// Opens what the job begins with and makes it, without a thread. On failure there is nothing to
// end or close.
int tm_attempt_open(struct tm_attempt *attempt, const struct tm_attempt_args *args,
                    struct tm_error *err) TM_WARN_UNUSED;
// Until no worker is left. `control`: open, told of this attempt as long as it runs.
void tm_attempt_run(struct tm_attempt *attempt, struct tm_control *control);
// What tm_attempt_run does, for who gives the workers their turns in one thread, and nobody asks
// (tests/sim). Begin: true: workers are to be started; else all is done. Turn: what the coordinator
// has to do now, true: there was something; at the latest again at its deadline. Leave: no worker
// is left.
bool tm_attempt_begin(struct tm_attempt *attempt);
bool tm_attempt_turn(struct tm_attempt *attempt);
int64_t tm_attempt_deadline_ns(const struct tm_attempt *attempt);
void tm_attempt_leave(struct tm_attempt *attempt);
// Its output is published or dropped. `err`: why it failed, where that is the outcome.
enum tm_job_outcome tm_attempt_end(struct tm_attempt *attempt, struct tm_error *err);
// Everything of it goes; after that the engine may be planned again.
void tm_attempt_close(struct tm_attempt *attempt);
