// The accounts of an operator over its subtasks, as users see it: for reports, live lines and
// tests.
#pragma once

#include "core/task/job.h"

struct tm_operator_sums {
    uint64_t failed_timers, failed_firings, failed_keys;
    uint64_t rows_in, rows_out, used, filtered, late, skipped, dead_lettered, bytes_in, bytes_out,
        busy_ns, strange;
    int64_t watermark; // lowest of the subtasks; TM_WATERMARK_MIN: none
};

// Any thread, while the job runs. A window and the functions behind it are one operator: rows in
// are the window's, rows out those of the last function, and a row that one of them failed for is a
// firing of the window that failed. False, and zeros: the node is a part of another, which has its
// sums.
bool tm_job_sums(struct tm_job *job, uint32_t node, struct tm_operator_sums *sums);
