// What becomes of a job that failed: whether it is started again, and when. Pure: the caller gives
// the time and a seed, waits and starts. Plain data without pointers: it may be copied, and lie in
// memory that processes share.
#pragma once

#include <stdbool.h>

#include "core/base/culprit.h"
#include "core/base/error.h"
#include "core/graph/restart.h"

enum { TM_FAILOVER_GIVE_UP = -1, TM_FAILOVER_CULPRITS = 32 };

struct tm_failover {
    struct tm_restart_policy policy; // never TM_RESTART_UNSAID
    uint64_t random;
    uint64_t restarts; // granted since the beginning
    uint32_t in_a_row; // restarts since it began or was quiet for policy.reset_ms
    bool has_failed;
    int64_t due_ns; // when the newest restart was to be
    // Of TM_RESTART_RATE: when the newest restarts were granted, a ring.
    int64_t granted_ns[TM_RESTART_FAILURES_MAX];
    struct tm_culprit culprits[TM_FAILOVER_CULPRITS]; // of this row of failures, a ring
    uint32_t culprit_count;                           // that were put into it
};

// `policy`: TM_RESTART_UNSAID counts as TM_RESTART_NONE. The same seed gives the same delays.
void tm_failover_init(struct tm_failover *failover, const struct tm_restart_policy *policy,
                      uint64_t seed);

// It has failed, at this time of a clock that never goes back: ns until it is to be started again,
// 0: at once; or TM_FAILOVER_GIVE_UP, and then always again.
int64_t tm_failover_failed(struct tm_failover *failover, int64_t now_ns);

// User code failed on this. True: on the same as once before, so no restart will mend it. It is
// remembered until the job has been quiet for policy.reset_ms; of more than TM_FAILOVER_CULPRITS
// the newest are. To be called before tm_failover_failed.
bool tm_failover_repeats(struct tm_failover *failover, const struct tm_culprit *culprit,
                         int64_t now_ns);

// Whether another start can come to something else. Wrong use, the script, records that cannot be
// read, permissions, and inputs, outputs and checkpoints that are not what they were stay as they
// are; a disk, a network, memory, and what a function meets may not.
bool tm_failover_may_mend(const struct tm_error *err);
