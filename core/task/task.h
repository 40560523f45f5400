// A task: one chain of operators for one subtask. Elements move through it one at a time: each
// stage holds at most one, the stage furthest down goes first, so nothing piles up inside and a
// blocked output holds everything above it back.
#pragma once

#include "core/exchange/gate.h"
#include "core/exchange/partition.h"
#include "core/task/checkpoint.h"
#include "core/task/flight.h"
#include "core/task/worker.h"

// An output edge of a task.
struct tm_task_output {
    const struct tm_edge *edge;
    struct tm_sender *sender;
    int32_t side;                  // which side output of the edge's node; -1: none
    struct tm_batch *side_rows;    // of a side output: rows that have to go first, or NULL
    struct tm_batch *dead_letters; // of a dead-letter edge: the batch being filled, or NULL
    int64_t dead_since_ns;         // when its first row came
    struct tm_element pending;     // on its way; NONE: nothing
    // What had to leave the task for a barrier that overtakes and comes behind `pending`: those
    // from `queue_first` on; none while that is NONE.
    struct tm_element *queue;
    uint32_t queue_first, queue_count, queue_capacity;
    struct tm_element barrier; // goes in front of everything else; NONE: none
    bool ended;                // END was sent
    bool blocked;              // the last attempt found no credit: its return wakes the worker
};

struct tm_task {
    struct tm_job *job;
    struct tm_worker *worker;
    struct tm_task_context ctx;
    struct tm_mem mem;

    struct tm_gate *gate;           // or
    const struct tm_node *unite;    // a union or side, which the gate is all of; else NULL
    struct tm_node_metrics *united; // its metrics
    struct tm_source *source;       // the input
    bool source_stopped;            // not to be read any more: the job stops
    bool source_drained;            // not to be read any more: as if it had ended
    bool resting;                   // not to be read now: others of its group are behind
    int64_t resting_since_ns;
    bool source_max_sent; // its last watermark has been put into the chain
    bool source_ended;    // so has its END

    struct tm_operator **operators;
    struct tm_schema **opened; // per operator: the schema it was opened with, a reference, or NULL
    struct tm_schema *opened_second; // the same of the second input of the first operator
    uint32_t operator_count;
    struct tm_element *slots; // operator_count + 1; the last is for the outputs

    struct tm_task_output *outputs;
    uint32_t output_count;
    uint32_t sides_waiting; // outputs with side_rows: nothing else is done before they are sent

    struct tm_task_single *singles; // per operator; NULL: batches go in as they come (singles.c)

    struct tm_task_checkpoints checkpoints;
    bool overtakes;     // a barrier does not wait any more: outputs take what is in front of it
    size_t queue_bytes; // of rows in the queues of all outputs
    struct tm_task_flights flights;
    bool holds_end;      // the gate has given END, which waits for a barrier to go first,
    uint8_t held_status; // and is of this kind
    // So many nodes of the chain, from the first on, had their end in the checkpoint that the job
    // begins with. Those behind had not where they were another chain then, with rows in flight.
    uint32_t ended_nodes;

    struct tm_failures *failures;
    struct tm_task_held *held;  // the job's
    int64_t opened_ns, held_ns; // held: when it was written last
    struct tm_histogram
        *latency;  // of a chain that ends in a sink; the job's, read after the workers ended
    bool settling; // waits for types
    bool ended;    // END has left the last stage
    bool finished;
    bool blocked; // the last turn ended at an output without credit
    int64_t blocked_since_ns;
    int64_t sink_flushed_ns; // the last time its sink was told to push out what it has buffered
    _Atomic uint64_t blocked_ns, busy_ns, turns;
};

int tm_task_open(struct tm_task *task, struct tm_worker *worker,
                 struct tm_error *err) TM_WARN_UNUSED;
void tm_task_close(struct tm_task *task);
// One turn. TM_TURN_PROGRESS, TM_TURN_IDLE, TM_TURN_EXIT (finished), or negative with err filled.
int tm_task_turn(struct tm_task *task, struct tm_error *err) TM_WARN_UNUSED;
// Is there a barrier that waits for nothing more and can go on in a turn now?
bool tm_task_hurries(struct tm_task *task);
int64_t tm_task_deadline_ns(struct tm_task *task);
// No more input (TM_COMMAND_STOP).
void tm_task_stop(struct tm_task *task);
// The same, as if the input had ended (TM_COMMAND_DRAIN).
void tm_task_drain(struct tm_task *task);
// Of a finished task: moves the barrier of a checkpoint on. TM_TURN_EXIT: there is none.
int tm__task_step_finished(struct tm_task *task, struct tm_error *err) TM_WARN_UNUSED;
// core/task/output.c. Hand the element in the last slot to the main edges and send: TM_SENT: the
// slot is free again.
int tm__task_deliver(struct tm_task *task);
// Send dead letters that are due (full, old, or all of them). TM_BLOCKED: no credit; negative:
// failed.
int tm__task_send_dead_letters(struct tm_task *task, bool all);
// Send part-filled batches that are due, or all when `idle`.
int tm__task_flush_outputs(struct tm_task *task, bool idle);
// END to the dead-letter edges; TM_SENT once every edge has it.
int tm__task_end_outputs(struct tm_task *task);
// What is in the output's queue goes, sent or not.
void tm__task_close_output(struct tm_task *task, struct tm_task_output *output);
// When something must be sent (mono ns). Without `blocked_too` only by outputs that a time, not
// credit, holds back.
int64_t tm__task_outputs_deadline_ns(const struct tm_task *task, bool blocked_too);
// A row for the dead letters of `node`.
int tm__task_add_dead_letter(struct tm_task *task, const struct tm_row_failure *failure,
                             const struct tm_buf *row_json, struct tm_error *err) TM_WARN_UNUSED;
// core/task/sink_operator.c: a sink as the last operator of its chain.
int tm__task_sink_operator_new(struct tm_task *task, const struct tm_node *node,
                               struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
// The input pauses: push out what the sink has buffered. Nothing for other operators.
int tm__task_sink_idle(struct tm_operator *op, struct tm_error *err) TM_WARN_UNUSED;
// Tell an operator the schema of its input, once: when it is known from the start, else with its
// first batch. `input`: of the first operator, which of two.
int tm__task_open_operator(struct tm_task *task, uint32_t index, uint32_t input,
                           struct tm_schema *schema, struct tm_error *err) TM_WARN_UNUSED;
// With the first batch: it also begins from the checkpoint and learns of the time.
int tm__task_open_late(struct tm_task *task, uint32_t index, uint32_t input,
                       struct tm_schema *schema, struct tm_error *err) TM_WARN_UNUSED;
// Build the operators of a chain.
int tm__task_build_operators(struct tm_task *task, struct tm_error *err) TM_WARN_UNUSED;

// core/task/singles.c. Does the process look for the row that ends it; must the node be an operator
// of its own, so that what it gets is known?
bool tm__task_is_one_by_one(const struct tm_task *task);
bool tm__task_stands_alone(const struct tm_task *task, uint32_t node);
// TM_E_MEMORY. Nothing is made where nothing is looked for.
int tm__task_open_singles(struct tm_task *task) TM_WARN_UNUSED;
void tm__task_close_singles(struct tm_task *task);
// Before a step, and when it has used up its input: the batch in the operator's slot may become a
// part of what it was, and the next part comes behind it. Where task->singles is not NULL.
int tm__task_single_out(struct tm_task *task, uint32_t index, struct tm_error *err) TM_WARN_UNUSED;
int tm__task_next_single(struct tm_task *task, uint32_t index, struct tm_error *err) TM_WARN_UNUSED;

// Errors of rows, counted by operator and code; the first of each kind is kept. One thread writes,
// the report reads after the workers ended.
enum { TM_FAILURE_KINDS = 32, TM_FAILURE_MESSAGE = 512, TM_FAILURE_RECORD = 1024 };
// A failure as it came, copied because what it points at is gone after the call. Made into text
// only for the report: writing every failed row as JSON would cost more than reading it.
struct tm_failure_copy {
    struct tm_row_failure failure; // its pointers lead into this
    struct tm_schema *schema;      // a reference, or NULL
    char message[TM_FAILURE_MESSAGE], source[TM_ERROR_WHERE_MAX];
    uint64_t record[TM_FAILURE_RECORD / sizeof(uint64_t)]; // the row, or what was read
};
struct tm_failure_kind {
    uint32_t node;
    int code;
    uint64_t count;
    int64_t first_ms, last_ms; // wall clock
    struct tm_error first;
    struct tm_failure_copy last;
};
struct tm_failures {
    uint32_t kind_count;
    uint64_t others; // beyond TM_FAILURE_KINDS
    struct tm_failure_kind kinds[TM_FAILURE_KINDS];
};
// core/task/failure.c. The last failure of its kind, told as the first is; after the workers ended.
int tm_task_failure_last(const struct tm_job *job, const struct tm_failure_kind *kind,
                         struct tm_error *last) TM_WARN_UNUSED;
void tm__failures_fini(struct tm_failures *failures);
