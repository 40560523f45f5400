// Metrics of user code (tm.counter, tm.gauge, tm.histogram): where their slots are, and their sums.
// Slots are written by generated code (core/vm/chain.ffi.h, lua/tidemill/metrics.lua) and read here
// by any thread while the job runs.
#pragma once

#include "core/task/job.h"

// Slots of a job whose metrics_stride is known; none where the graph has no metrics. TM_E_MEMORY.
int tm__user_metrics_make(struct tm_job *job) TM_WARN_UNUSED;
void tm__user_metrics_free(struct tm_job *job);

struct tm_user_metric_sum {
    double value;       // counter, gauge: of all subtasks together
    double least, most; // gauge: of the subtasks that have set it
    uint32_t subtasks;  // that have used it
    struct tm_histogram histogram;
};
// What a metric of the graph is in an operator, over its subtasks. False: the operator has not used
// it, or is a part of another (node.whole), which has it.
bool tm_job_user_metric(const struct tm_job *job, uint32_t node, uint32_t metric,
                        struct tm_user_metric_sum *sum);
