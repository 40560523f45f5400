// The operator interface: a resumable step over one element. Data plane; one thread; never blocks.
#pragma once

#include "core/exchange/element.h"
#include "core/graph/plan.h"
#include "core/task/holder.h"
#include "core/task/metrics.h"
#include "core/time/alignment.h"
#include "core/time/watermark.h"

struct tm_vm;
struct tm_metric_slot;
struct tm_task;
struct tm_operator;
struct tm_inspect;
struct tm_cut;
struct tm_restored;
struct tm_wire_partial;

// What an operator may use of its task. Lives as long as the operator.
struct tm_task_context {
    const struct tm_fx *fx;
    struct tm_mem *mem;        // the task's account
    struct tm_mem *shared_mem; // the job's: for what crosses threads (schemas)
    struct tm_batch_pool *pool;
    const struct tm_plan *plan;
    const struct tm_chain *chain;
    uint32_t subtask;
    struct tm_vm *vm;         // the worker's; NULL where no chunk runs
    struct tm_waker *waker;   // of the worker
    struct tm_splits *splits; // of the source of this chain, or NULL
    bool never_idle; // the source of this chain reads plain files: waiting for a disk is not
                     // idleness
    bool given_watermarks, given_clock; // see struct tm_job_args
    struct tm_task *task;
    struct tm_alignment *alignment; // of the chain's source, or NULL
    uint32_t align_member;
    int64_t align_drift_ms;
    bool silent;          // the chain's watermark is idle: no rows have come for long
    int64_t held_back_ns; // time in which the outputs or the alignment have let nothing be done
    bool stopping;        // the job stops: what would go on for ever ends
    const struct tm_restored *restored; // the checkpoint that the job begins with; NULL: anew
    bool checkpoints; // the job takes them: sinks hold back what no checkpoint has
    int64_t now_ns;   // mono, read once per turn
    int64_t now_ms;   // wall, read once per turn
};

// How much of now_ms is still to come: timers of processing time fire up to now_ms less this.
static inline int64_t tm_task_open_ms(const struct tm_task_context *ctx)
{
    return ctx->given_clock ? 0 : 1;
}

enum tm_step {
    TM_STEP_DONE = 0, // the input is consumed; *out may hold an element
    TM_STEP_MORE = 1, // call again with the same input, after *out was taken
    TM_STEP_WAIT = 2, // nothing can be done until something outside happens (types to settle, a
                      // writer's queue); *out is empty
};

// The clock of idleness (mono ns): it stands while the task is held back.
static inline int64_t tm_task_idle_clock_ns(const struct tm_task_context *ctx)
{
    return ctx->now_ns - ctx->held_back_ns;
}

// What has not fired yet, by the clock that it waits for.
struct tm_waiting {
    uint64_t event_timers, processing_timers;
    uint64_t windows; // of one key each
    // Given: it is wanted while rows wait, so what would take a walk over all keys may be an
    // estimate, and then the second says so.
    bool roughly, is_rough;
};

// What an operator keeps, in memory as it was taken from the account: what has become free within
// it counts too. A state's own share is what its values, entries and their heads take; the rest is
// keys and how they are found. Shares are those of so many keys as were looked at, times all.
struct tm_kept_state {
    uint64_t bytes;
};
struct tm_kept {
    uint64_t keys, timers; // keys: of all windows and slices, where there are such
    int64_t state_bytes, timer_bytes;
    bool is_rough;                // shares are of some keys and not of all
    struct tm_kept_state *states; // by number of the node's states; NULL: it has none
};

struct tm_operator_ops {
    // The element's schema (of batches to come) is known now. NULL-able.
    int (*open)(struct tm_operator *op, struct tm_schema *input, struct tm_error *err);
    // The same of the second of two inputs, whose batches have element.input 1. Both schemas are
    // known before the first element. NULL-able where there is one input.
    int (*open_second)(struct tm_operator *op, struct tm_schema *input, struct tm_error *err);
    // One step on `in`. Takes ownership of in->batch when it returns DONE (pass it on in *out, or
    // release it); one that passes the batch on earlier sets in->batch to NULL. Control elements
    // must be passed on, after all output that they cause. At most one element goes to *out.
    int (*step)(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                struct tm_error *err);
    // Processing-time work (idle detection, flush): may put an element into *out. Returns DONE,
    // MORE or negative. NULL-able.
    int (*tick)(struct tm_operator *op, struct tm_element *out, struct tm_error *err);
    // Next time (mono ns) when tick has something to do; INT64_MAX: never. NULL-able.
    int64_t (*deadline_ns)(const struct tm_operator *op);
    // While a step of it waits for what nobody tells the worker of (a disk that is full): when to
    // step again (mono ns); INT64_MAX: it is told. NULL-able.
    int64_t (*retry_ns)(const struct tm_operator *op);
    // Nothing is under way in the task and its input has nothing to give: what waits for company
    // may go into *out. Returns DONE (nothing waits), MORE or negative. NULL-able.
    int (*rest)(struct tm_operator *op, struct tm_element *out, struct tm_error *err);
    void (*free)(struct tm_operator *op);
    const struct tm_inspect *inspect; // what can be looked at (inspect.h). NULL-able
    // Of one that makes the watermark: what holds it, from a split of ctx->splits or not, and since
    // when (mono ns; 0: since the task was opened). NULL: it makes none.
    void (*held)(const struct tm_operator *op, struct tm_held *held, int64_t *since_ns);
    // Windows and timers that wait for their time. NULL-able.
    void (*waiting)(const struct tm_operator *op, struct tm_waiting *waiting);
    // Adds what it keeps to *kept. NULL-able.
    void (*kept)(struct tm_operator *op, struct tm_kept *kept);
    // What it has goes into the cut of a checkpoint: called when the barrier has left it, so after
    // all rows before it. Freezes and copies a few bytes, nothing more (a millisecond at most).
    // NULL: it keeps nothing.
    int (*snapshot)(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err);
    // Begins as the checkpoint says: once, after open, before the first element. NULL: as snapshot.
    int (*restore)(struct tm_operator *op, const struct tm_restored *restored,
                   struct tm_error *err);
    // Calls functions of the job that come before its rows (`open`): once, when it has all that it
    // begins with and nothing has been given up for it yet, so that it may fail. NULL-able.
    int (*begin)(struct tm_operator *op, struct tm_error *err);
    // How partial rows are checked that it takes or gives, once it is open, and a number that
    // differs where they are made of something else; 0, and *wire untouched: it has none.
    // NULL-able.
    uint32_t (*partial)(const struct tm_operator *op, struct tm_wire_partial *wire);
    // It gets the last watermark and END also where no row came and no schema is known.
    bool ends_unopened;
};

struct tm_operator {
    const struct tm_operator_ops *ops;
    struct tm_task_context *ctx;
    const struct tm_node *node;      // the first node it stands for
    struct tm_node_metrics *metrics; // of `node` in this subtask
};

// A row of `node` failed: count it and do what on_error says. `row` (in `schema`) may be NULL;
// `raw` are source bytes or NULL; offset and line -1 where they mean nothing. 0: go on; negative
// (and err filled): the job fails.
#define TM_NO_INPUT UINT32_MAX
// What has failed: a row of the input, or something else that a function was called for, which the
// account of rows has nothing of.
enum tm_failed { TM_FAILED_ROW, TM_FAILED_TIMER, TM_FAILED_FIRING, TM_FAILED_KEY };
struct tm_row_failure {
    const struct tm_node *node;
    int code;
    const char *message;
    size_t message_length;
    const struct tm_schema *schema;
    const struct tm_row *row;
    const struct tm_node *row_of; // the node whose input `row` is; NULL: `node`
    uint32_t input;               // which of its inputs; TM_NO_INPUT: a row of none, as of a timer
    enum tm_failed failed;
    const char *source; // file name
    int64_t offset, line;
    const uint8_t *raw;
    size_t raw_length;
};
int tm_task_row_failed(struct tm_task_context *ctx, const struct tm_row_failure *failure,
                       struct tm_error *err) TM_WARN_UNUSED;

// Where the process looks for what ends it (singles.c): are the operator's functions to be called
// for one thing at a time; which row one is called with now (NULL: none); is that known to end the
// process; what becomes of one that is: as tm_task_row_failed, whose failure has node, schema, row
// and what has failed. All but the first only where that says so.
struct tm_watch_culprit;
bool tm_task_stands_alone(const struct tm_task_context *ctx, const struct tm_node *node);
void tm_task_note_row(struct tm_task_context *ctx, const struct tm_row *row, bool is_timer);
const struct tm_watch_culprit *tm_task_find_culprit(const struct tm_task_context *ctx,
                                                    const struct tm_node *node,
                                                    const struct tm_row *row);
int tm_task_fail_culprit(struct tm_task_context *ctx, const struct tm_watch_culprit *culprit,
                         struct tm_row_failure *failure, struct tm_error *err) TM_WARN_UNUSED;
// While an operator is restored, around each call of a function that migrates a value: whoever
// watches the job bounds such a call, and not all of the restoring.
void tm_task_migrates(struct tm_task_context *ctx, const struct tm_node *node, bool begins);

// A warning about `node` to the log: the first only, of all its subtasks.
void tm_task_warn_once(struct tm_task_context *ctx, const struct tm_node *node,
                       const char *message);

// News about `node` to the log.
void tm_task_inform(struct tm_task_context *ctx, const struct tm_node *node, const char *message);
// The first of `node` only, of all its subtasks.
void tm_task_inform_once(struct tm_task_context *ctx, const struct tm_node *node,
                         const char *message);
// The same, each time it is called: for what happens seldom.
void tm_task_warn(struct tm_task_context *ctx, const struct tm_node *node, const char *message);
// Rows for a side output of `node`, the chain's last one or a window that the last is a part of;
// takes the batch. Between two steps of the operator at most one for each side output: the task
// sends them before the next one.
void tm_task_put_side(struct tm_task *task, uint32_t node, uint32_t side, struct tm_batch *batch);

// The name of a split of the task's source: "" where splits have none, or there is no source.
enum { TM_SPLIT_NAME_MAX = 256 };
void tm_task_split_name(struct tm_task *task, uint32_t split, char name[TM_SPLIT_NAME_MAX]);

// Is its input of a job that goes on with as many subtasks what it was? Not where it follows from
// how splits are dealt: from a source in the same task, or by a forward edge.
bool tm_task_has_own_input(const struct tm_task_context *ctx);
// Has a subtask of a job that had `parallelism` of them when the checkpoint was taken the keys that
// it had? And, with them, the same input, so that what it had come to is its own past.
bool tm_task_has_own_keys(const struct tm_task_context *ctx, const struct tm_restored *restored,
                          uint32_t parallelism);
bool tm_task_has_own_past(const struct tm_task_context *ctx, const struct tm_restored *restored,
                          uint32_t parallelism);

// The operator of a node in the same task; NULL: there is none.
struct tm_operator *tm_task_operator(struct tm_task *task, uint32_t node);

// A row that passes `node`, to the log: the first `limit` of all its subtasks. 1: shown; 0: it is
// beyond the limit, as all later ones are; TM_E_MEMORY.
int tm_task_show_row(struct tm_task_context *ctx, const struct tm_node *node,
                     const struct tm_schema *schema, const struct tm_row *row,
                     uint64_t limit) TM_WARN_UNUSED;

// Counters of any node in this subtask (of a chunk's nodes; an operator's own are in `metrics`).
struct tm_node_metrics *tm_task_metrics(struct tm_task_context *ctx, uint32_t node);

// Slots of the node's user metrics in this subtask, or NULL; and the buckets of one, at its first
// value: TM_E_MEMORY.
struct tm_metric_slot *tm_task_slots(struct tm_task_context *ctx, uint32_t node);
int tm_task_buckets(struct tm_task_context *ctx, struct tm_metric_slot *slot) TM_WARN_UNUSED;

// Types must be settled before the chunk can go on: ask the coordinator. The task rests until the
// answer was applied to the worker's Lua state; then step is called again. TM_E_MEMORY.
int tm_task_settle(struct tm_task *task, const char *proposal, size_t length) TM_WARN_UNUSED;
// The same for what only others wait for: the task goes on.
int tm_task_tell(struct tm_task *task, const char *proposal, size_t length) TM_WARN_UNUSED;

// Constructors of the C operators by node kind (core/operator, core/task); `nodes` are the
// consecutive nodes it stands for.
int tm_operator_chunk_new(struct tm_task_context *ctx, const uint32_t *nodes, uint32_t count,
                          struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
int tm_operator_key_by_new(struct tm_task_context *ctx, const struct tm_node *node,
                           struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
int tm_operator_watermark_new(struct tm_task_context *ctx, const struct tm_node *node,
                              struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
int tm_operator_rolling_new(struct tm_task_context *ctx, const struct tm_node *node,
                            struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
int tm_operator_reduce_new(struct tm_task_context *ctx, const struct tm_node *node,
                           struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
int tm_operator_window_new(struct tm_task_context *ctx, const struct tm_node *node,
                           struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
int tm_operator_through_new(struct tm_task_context *ctx, const struct tm_node *node,
                            struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
int tm_operator_distinct_new(struct tm_task_context *ctx, const struct tm_node *node,
                             struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
int tm_operator_ranked_new(struct tm_task_context *ctx, const struct tm_node *node,
                           struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;

int tm_operator_preaggregate_new(struct tm_task_context *ctx, const struct tm_node *window,
                                 struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
int tm_operator_process_new(struct tm_task_context *ctx, const struct tm_node *node,
                            struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;

// The constructors as a table: core/operator fills it, so that core/task needs nothing above
// itself.
typedef int tm_operator_make(struct tm_task_context *ctx, const struct tm_node *node,
                             struct tm_operator **op, struct tm_error *err);
struct tm_operator_factory {
    int (*chunk)(struct tm_task_context *ctx, const uint32_t *nodes, uint32_t count,
                 struct tm_operator **op, struct tm_error *err);
    tm_operator_make *of_kind[TM_NODE_KINDS]; // NULL: it has no operator of its own
    // For the chain in front of this window, whose edge is pre-aggregated. NULL: none is.
    tm_operator_make *preaggregate;
};
extern const struct tm_operator_factory tm_operator_factory; // in core/operator/factory.c
