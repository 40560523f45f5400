// Outputs that a job begins without: their sinks are in the checkpoint, and the script has them no
// more, or their state is left out (--drop-state). A checkpoint that is complete has promised its
// rows, and a process may have ended in the middle of making them visible. And those of a job that
// begins anew (--fresh), or with a savepoint: rows that have begun to be visible come to their end,
// so that no output ends in half of one.
#pragma once

#include "core/task/job.h"

// Is there any?
bool tm__job_has_left(const struct tm_job *job);
// Each is settled by its connector. What cannot be is said to the log, and the job goes on, as
// whoever has left it out wants; TM_E_NO_SPACE, TM_E_MEMORY, and of a job that goes on TM_E_IO:
// what can be some time later.
int tm__job_settle(struct tm_job *job, struct tm_error *err) TM_WARN_UNUSED;
