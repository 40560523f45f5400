// A job at run time: its tasks on their workers, the channels between them, what its connectors
// share, and the metrics. Built by the coordinator's thread from a plan; workers then own their
// tasks. core/cluster/coordinator.h drives it.
#pragma once

#include "core/base/helper.h"
#include "core/base/log.h"
#include "core/task/connector.h"
#include "core/task/control.h"
#include "core/vm/vm.h"

struct tm_worker;
struct tm_task;

struct tm_job_args {
    const struct tm_fx *fx;
    struct tm_mem *mem; // the shared account
    const struct tm_log *log;
    struct tm_graph *graph;
    const struct tm_plan *plan;
    const struct tm_connector *const *connectors; // NULL-terminated
    struct tm_vm_args vm;                         // how a worker makes its Lua state
    const struct tm_operator_factory *operators;
    uint32_t workers;
    // Somebody else says how far event time is and when the clock has moved: watermark operators
    // let the watermarks of their input pass and make none (core/kit).
    bool given_watermarks;
    // The clock stands still while there is something to do: a millisecond is over as soon as the
    // clock shows it, and timers of that time fire in it.
    bool given_clock;
    bool checkpoints; // it may be asked to take them (TM_COMMAND_CHECKPOINT)
    bool rehearses;   // it will not run: functions that come before its rows are not called
    // The checkpoint that it begins with; NULL: anew. `settled`: the types that first rows had
    // settled by then. They have been applied to the graph; each worker applies them too.
    const struct tm_restored *restored;
    bool unverified; // not all of it has been read yet: done before a sink commits what it has
    bool settles;    // it is of the job's own row: its output is to be visible, whoever goes on
    // The newest of that row, where the job begins anew or with one that is not of it: what outputs
    // that it does not go on with have begun to show of it they show to the end. NULL: there is
    // none.
    const struct tm_restored *given_up;
    // A newer checkpoint, which is damaged: where a sink has begun to commit it the older one
    // cannot be begun with, TM_E_CHECKPOINT_OLD. 0: there is none.
    uint64_t damaged;
    const char *settled;
    size_t settled_length;
    const struct tm_cut_writer *writer; // NULL: tm_cut_write
    struct tm_waker *coordinator;       // woken by events
    struct tm_watch *watch;             // told what the workers do (watch.h). NULL: nobody asks
};

// Makes what a task gives to a checkpoint durable, on a helper thread; several at a time.
struct tm_cut_writer {
    void *arg;
    int (*write)(void *arg, const struct tm_write_args *args, struct tm_written **written,
                 struct tm_error *err);
};

struct tm_job {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const struct tm_log *log;
    struct tm_graph *graph;
    const struct tm_plan *plan;
    const struct tm_connector *const *connectors;
    struct tm_vm_args vm;
    const struct tm_operator_factory *operators;
    bool given_watermarks, given_clock;
    struct tm_helper reserves; // makes memory of states ready for what checkpoints copy
    bool checkpoints, rehearses;
    const struct tm_restored *restored, *given_up;
    bool unverified, settles;
    uint64_t damaged;
    const char *settled;
    size_t settled_length;
    const struct tm_cut_writer *writer;
    struct tm_watch *watch;
    struct tm_mailbox events; // to the coordinator

    struct tm_worker *workers;
    uint32_t worker_count;
    void *workers_block; // as allocated; the workers are aligned inside it
    size_t workers_bytes;
    struct tm_task *tasks; // chain by chain, subtask by subtask
    uint32_t task_count;
    uint32_t *first_task; // of a chain
    // By chain: the newest checkpoint that a subtask gives to while its end stands in front of it,
    // and in the highest bit whether one has passed its end on. By compare and exchange, on all
    // sides (checkpoint.c).
    _Atomic uint64_t *ends;

    struct tm_channel **channels; // of edge e: first_channel[e] + producer * consumers + consumer
    uint32_t channel_count;
    uint32_t *first_channel;

    void **shared;                   // per node: what its connector's subtasks share, or NULL
    struct tm_schema *dead_letters;  // their schema
    struct tm_node_metrics *metrics; // [node * metrics_stride + subtask]
    uint32_t metrics_stride;
    // As metrics: a slot for each metric of user code where such code runs, else NULL; the array
    // itself is NULL where the job has none (user_metrics.h).
    struct tm_metric_slot **slots;
    _Atomic uint64_t *said;           // per node: how often it has said something (say.c)
    struct tm_alignment **alignments; // by the number of the first node of a group, or NULL
    struct tm_task_held *held;        // per task: what holds its watermark
    struct tm_waiting *waiting;   // per node and subtask, as metrics: what was left when it ended
    struct tm_kept *kept;         // the same: what it kept then
    struct tm_failures *failures; // per task: errors counted by operator and code
};

// Makes everything but the Lua states; prepares connectors (opens files) and restores them: errors
// of paths come from here. Changes nothing that another beginning of the job needs. On failure
// frees what it made.
int tm_job_new(const struct tm_job_args *args, struct tm_job **job,
               struct tm_error *err) TM_WARN_UNUSED;
// All tasks have what the checkpoint has, or are open: outputs that nobody goes on with are
// settled, sinks begin (tm_connector.sink_begin), and from here on there is no way back. Before any
// task has its turn.
int tm_job_begin(struct tm_job *job, struct tm_error *err) TM_WARN_UNUSED;
// After all workers ended. Publishes or discards the sinks' output: `ok` = the job finished.
int tm_job_finish(struct tm_job *job, bool ok, struct tm_error *err) TM_WARN_UNUSED;
// Of a job that has committed nothing: can all its output become visible in one step, so that a
// crash leaves all of it or nothing?
bool tm_job_commits_at_once(const struct tm_job *job);
// It has finished, and none of its checkpoints is kept.
void tm_job_forget(struct tm_job *job);
void tm_job_free(struct tm_job *job);

// A command to every worker. TM_E_MEMORY.
int tm_job_command(struct tm_job *job, enum tm_command_kind kind, const char *text,
                   size_t length) TM_WARN_UNUSED;
// The same for commands about a checkpoint.
int tm_job_command_checkpoint(struct tm_job *job, enum tm_command_kind kind, uint64_t checkpoint,
                              enum tm_checkpoint_purpose purpose, const char *text,
                              size_t length) TM_WARN_UNUSED;

struct tm_node_metrics *tm_job_metrics(struct tm_job *job, uint32_t node, uint32_t subtask);
// What waited for its time in an operator when its task was closed.
struct tm_waiting *tm_job_waiting(struct tm_job *job, uint32_t node, uint32_t subtask);
// What it kept then, in all subtasks' accounts.
struct tm_kept *tm_job_kept(struct tm_job *job, uint32_t node, uint32_t subtask);
// Parallelism of a node in this plan.
uint32_t tm_job_node_parallelism(const struct tm_job *job, uint32_t node);
struct tm_channel *tm_job_channel(const struct tm_job *job, uint32_t edge, uint32_t producer,
                                  uint32_t consumer);
