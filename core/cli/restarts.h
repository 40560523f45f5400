// Whether a job that failed is started again in this process, and when: core/cluster/failover
// decides by the job's strategy, here is what it does not know of a run.
#pragma once

#include "core/cli/attempt.h"
#include "core/cluster/failover.h"

struct tm_restarts {
    struct tm_failover failover;
    bool asked;            // the script says what is done
    bool has_begun;        // an earlier worker process has been further than the start
    uint64_t count;        // that were made
    struct tm_error cause; // of the last one
    int64_t last_ms;       // when it was
};

// After the first attempt was opened: the job's strategy, where it can go on at all. Says so when
// what the script asks for cannot be.
void tm_restarts_init(struct tm_restarts *restarts, struct tm_engine *engine,
                      const struct tm_life *life);
// An attempt failed by `err`, which is said here if it is made again: ns until then, or
// TM_FAILOVER_GIVE_UP, and then the log has why where that is not plain. `attempt` NULL: it could
// not be opened.
int64_t tm_restarts_failed(struct tm_restarts *restarts, struct tm_engine *engine,
                           const struct tm_life *life, const struct tm_attempt *attempt,
                           const struct tm_error *err);
