// What a job wants done when it fails: the option `restart` of tm.job (docs/guide/failures.md).
// core/cluster/failover.h decides by it. Plain data: it may lie in memory that processes share.
#pragma once

#include <stdint.h>

enum tm_restart_strategy {
    TM_RESTART_UNSAID, // as is usual: exponential where the job can go on, else none
    TM_RESTART_NONE,
    TM_RESTART_FIXED,       // each after the same delay
    TM_RESTART_RATE,        // as fixed, unless there are too many in a time
    TM_RESTART_EXPONENTIAL, // the first at once, then after delays that grow
};

enum {
    TM_RESTART_FAILURES_MAX = 256,     // of `rate`: each is remembered
    TM_RESTART_ATTEMPTS_MAX = 1000000, // as good as no bound
    TM_RESTART_FACTOR_MAX = 100,
};
#define TM_RESTART_DELAY_MAX_MS (366LL * 24 * 3600 * 1000)

// Delays are from 0, `max_ms`, `interval_ms` and `reset_ms` from 1, all to TM_RESTART_DELAY_MAX_MS.
struct tm_restart_policy {
    enum tm_restart_strategy strategy;
    uint32_t attempts; // fixed, exponential: restarts before it gives up; 0: no bound
    uint32_t failures; // rate: so many restarts in interval_ms, to TM_RESTART_FAILURES_MAX
    int64_t delay_ms;  // fixed, rate; exponential: of the second restart
    int64_t interval_ms;
    int64_t max_ms;   // exponential: no delay is longer
    int64_t reset_ms; // fixed, exponential: so long without a failure, and all begins anew
    double factor;    // exponential, 1 to TM_RESTART_FACTOR_MAX: of a delay to the one before
    double jitter;    // exponential, 0 to 1: a delay is longer or shorter by up to this share
};

// The first restart at once, then 1 s, each 1.5 times the one before up to a minute, a tenth more
// or less; anew after an hour without failure.
#define TM_RESTART_USUAL                                            \
    ((struct tm_restart_policy){.strategy = TM_RESTART_EXPONENTIAL, \
                                .delay_ms = 1000,                   \
                                .max_ms = 60000,                    \
                                .reset_ms = 3600000,                \
                                .factor = 1.5,                      \
                                .jitter = 0.1})
