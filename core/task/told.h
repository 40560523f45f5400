// What a worker tells of its tasks while the job runs: what is known to their thread alone. A
// report asks all workers (TM_COMMAND_TELL), and each answers between two batches with one of
// these (TM_EVENT_TOLD). Of one worker all is of one moment; workers are not at the same one.
#pragma once

#include "core/task/job.h"
#include "core/task/operator.h"

struct tm_told_operator {
    uint32_t node;
    struct tm_waiting waiting;
    struct tm_kept kept; // its `states` are the told's
};
struct tm_told_kind { // errors of one kind
    uint32_t node;
    int code;
    uint64_t count;
    int64_t first_ms, last_ms; // wall clock
    struct tm_error first, last;
};
struct tm_told_latency { // of a sink
    uint32_t node;
    struct tm_histogram histogram;
};

struct tm_told {
    struct tm_mem *mem;
    uint32_t worker;
    int64_t at_ns; // mono
    struct tm_told_operator *operators;
    struct tm_told_kind *kinds;
    struct tm_told_latency *latencies;
    uint32_t operator_count, operator_capacity, kind_count, kind_capacity, latency_count,
        latency_capacity;
};

// From the job's shared account, so that another thread may free it. NULL: out of memory.
struct tm_told *tm_told_new(const struct tm_worker *worker) TM_WARN_UNUSED;
void tm_told_free(struct tm_told *told, const struct tm_graph *graph); // NULL is fine

// The worker's side: posts one TM_EVENT_TOLD of the command's number, without a `told` where there
// was no memory for it.
void tm__worker_tell(struct tm_worker *worker, const struct tm_command *command);
