// Connectors: what stands behind a SOURCE or SINK node. A connector registers one table; core/task
// drives it.
#pragma once

#include "core/format/format.h"
#include "core/task/operator.h"

enum tm_read {
    TM_READ_BATCH = 0, // *out holds a batch (possibly of no rows, when only bad records were read)
    TM_READ_WAIT = 1,  // nothing yet; the context's waker is notified, or `deadline` passes
    TM_READ_END = 2,   // this subtask has no more
};

struct tm_source;
struct tm_source_ops {
    // Next batch of any split of this subtask, lowest watermark first (ctx->splits). Never blocks:
    // reads go through executors.
    int (*read)(struct tm_source *source, struct tm_batch **out, struct tm_error *err);
    int64_t (*deadline_ns)(const struct tm_source *source); // INT64_MAX: none. NULL-able
    void (*free)(struct tm_source *source);
    // A source with watermarks or statuses of its own: the next one that comes before what `read`
    // gives. False: none. NULL-able
    bool (*control)(struct tm_source *source, struct tm_element *element);
    // Where it reads on, as items of its node's part "splits" (core/checkpoint/cut.h): called
    // between two reads. NULL: it cannot say, so the job takes no checkpoints unless asked to.
    int (*snapshot)(struct tm_source *source, struct tm_cut *cut, struct tm_error *err);
    // The name of a split that is there, for people: a path. NULL: its splits have none.
    void (*split_name)(const struct tm_source *source, uint32_t split, char *name, size_t size);
};
struct tm_source {
    const struct tm_source_ops *ops;
    struct tm_task_context *ctx;
    const struct tm_node *node;
    struct tm_node_metrics *metrics;
};

struct tm_sink;
struct tm_sink_ops {
    // Write rows of the batch from *row on (a cursor, first row at first). DONE: all taken; WAIT:
    // queue full, call again.
    int (*write)(struct tm_sink *sink, const struct tm_batch *batch, const struct tm_row **row,
                 struct tm_error *err);
    // Push out what is buffered (called when the input pauses, and at the end). DONE or WAIT: still
    // being written.
    int (*flush)(struct tm_sink *sink, bool end, struct tm_error *err);
    void (*free)(struct tm_sink *sink);
    // When flush must be called again though no row comes (mono ns); INT64_MAX: never. NULL-able
    int64_t (*deadline_ns)(const struct tm_sink *sink);
    // While it says WAIT and does not wake the task: when to call it again (mono ns); INT64_MAX: it
    // does. NULL-able
    int64_t (*retry_ns)(const struct tm_sink *sink);
    // All rows before a barrier have been written: everything is pushed out so far that `commit`
    // can make it visible whatever happens to this process, and what a commit after a restart needs
    // goes into the cut (part "commits" of its node). DONE, or WAIT: call again. From then on
    // commit(n) must succeed in the end (ARCHITECTURE D7). NULL: it gives what it is given at once:
    // at least once.
    int (*prepare)(struct tm_sink *sink, struct tm_cut *cut, struct tm_error *err);
};
struct tm_sink {
    const struct tm_sink_ops *ops;
    struct tm_task_context *ctx;
    const struct tm_node *node;
    struct tm_node_metrics *metrics;
    struct tm_histogram *latency; // filled by the sink when rows are really written: mono now -
                                  // batch->read_ns, in ns
};

// The job, to a sink that takes part in its checkpoints.
struct tm_sink_job {
    const char *name;
    const struct tm_restored *restored; // what it begins with; NULL: anew
    bool settles;                       // before sinks begin outputs may be settled (sink_settle)
};

// To the connector of a sink whose state is left out, or that the job has no more: what the
// checkpoint that it begins with holds for the output.
struct tm_sink_left {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const char *job, *sink; // names
    const struct tm_restored *restored;
    const char *key; // the operator's name in `restored`
    bool begun;      // only what it has begun to show: the checkpoint is given up
};

struct tm_sampler;

struct tm_connector {
    const char *name;                                          // "file"
    const struct tm_option_def *source_options, *sink_options; // NULL: cannot be one
    uint32_t source_limit; // subtasks that can read at once; 0: any
    bool replayable;       // can a restart read the same again
    bool never_idle;       // reads plain files: a pause is the disk's, not the stream's;
                           // source_new may say otherwise in its context
    // Sources: what every subtask shares (the list of splits, opened paths): made once per node
    // before tasks start. NULL-able.
    int (*source_prepare)(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                          uint32_t parallelism, void **shared, struct tm_error *err);
    int (*source_new)(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                      struct tm_source **source, struct tm_error *err);
    void (*source_release)(void *shared);
    // The beginning of the inputs, for the sampler (core/task/sample.h), while the job is planned.
    // What is read of one that can be read only once goes to `head` (one that is empty), and comes
    // back in node->head. May wait. Without a sampler (and head) it only says whether there is
    // anything to read, TM_E_NOT_FOUND. NULL: nothing can be read before the job runs.
    int (*source_sample)(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                         struct tm_sampler *sampler, struct tm_buf *head, struct tm_error *err);
    // The number of splits of a subtask, known after prepare.
    uint32_t (*split_count)(const void *shared, uint32_t subtask, uint32_t parallelism);
    // Sinks: what the subtasks share (one writer of a single file). *shared comes in as what the
    // job's first sink of this connector has, NULL for that one itself: sinks of one job may have
    // to share too (standard output is one). It is released before theirs.
    int (*sink_prepare)(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                        uint32_t parallelism, void **shared, struct tm_error *err);
    // The same, instead, in a job that takes checkpoints: what sink_restore is called for may be
    // there already. NULL: sink_prepare.
    int (*sink_prepare_checkpoints)(const struct tm_fx *fx, struct tm_mem *mem,
                                    const struct tm_node *node, uint32_t parallelism,
                                    const struct tm_sink_job *job, void **shared,
                                    struct tm_error *err);
    int (*sink_new)(struct tm_task_context *ctx, const struct tm_node *node,
                    struct tm_schema *schema, void *shared, struct tm_sink **sink,
                    struct tm_error *err);
    // Would the sink feed this source, which has the same connector? Asked of each pair of a job
    // when all are prepared: TM_E_GRAPH says so. NULL-able.
    int (*sink_check)(const void *shared, const struct tm_node *source, struct tm_error *err);
    // All subtasks are done (`ok`: the job finished; else it failed or was stopped): publish or
    // discard. NULL-able.
    int (*sink_finish)(void *shared, bool ok, struct tm_error *err);
    // The job has finished, and none of its checkpoints is kept: what was noted of commits to tell
    // whether one is too old goes. NULL-able.
    void (*sink_forget)(void *shared);
    void (*sink_release)(void *shared);
    // Restarting from a checkpoint: after prepare, before any subtask is made. Sources take the
    // positions of their splits, of all old subtasks; sinks what the checkpoint has of them.
    // TM_E_CHECKPOINT_OLD: what the sink has committed is newer than this checkpoint; err names the
    // first such output. Neither these nor prepare change anything that another beginning of the
    // job needs, for the next connector may refuse. NULL: nothing to do.
    int (*source_restore)(void *shared, const struct tm_restored *restored,
                          const struct tm_node *node, struct tm_error *err);
    int (*sink_restore)(void *shared, const struct tm_restored *restored,
                        const struct tm_node *node, struct tm_error *err);
    // After source_prepare, and source_restore if it goes on: would reading end the job with its
    // first records, by what the inputs begin with? With the code of reading. Asked before anything
    // runs. NULL: nothing can be said.
    int (*source_look)(void *shared, const struct tm_node *node, struct tm_error *err);
    // Would sink_prepare_checkpoints or sink_restore refuse, if nobody else had the output? Nothing
    // is made, claimed or changed. NULL: nothing can be said.
    int (*sink_look)(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                     const struct tm_sink_job *job, struct tm_error *err);
    // All connectors have agreed to how the job begins, all subtasks are there and have what the
    // checkpoint has, and nothing has been written yet: a sink that was restored repeats the
    // commits of its checkpoint and removes what came after it, one that begins anew removes what
    // is left of earlier runs. NULL: nothing to do.
    int (*sink_begin)(void *shared, struct tm_error *err);
    // Before sinks begin: the checkpoint is the job's own, and complete, so that what it holds for
    // an output is to be visible also where nobody goes on with that. 1: what was owed is; 0:
    // nothing was. TM_E_NO_SPACE, TM_E_IO, TM_E_MEMORY: not now; other codes: never, and why.
    // Nothing of it is half visible then, as far as that is in its hands. NULL: never.
    int (*sink_settle)(const struct tm_sink_left *left, struct tm_error *err);
    // What the checkpoint holds for the output, and is not to be seen in it as far as can be told,
    // for people: "1,234 bytes of rows in 2 files for out.jsonl"; "": nothing. It changes nothing.
    // NULL: checkpoints hold nothing for outputs of this connector.
    int (*sink_held)(const struct tm_sink_left *left, char *held, size_t size,
                     struct tm_error *err);
    // The checkpoint is durable: make visible what was prepared for it and for all before it. On a
    // helper thread, one call at a time, in order. Idempotent. TM_STEP_WAIT: it cannot be done now
    // (no space, as err says): call again after a while; the sink says so to the log.
    int (*sink_commit)(void *shared, uint64_t checkpoint, struct tm_error *err);
    // At most how many steps that others can see, each of which is done or not, make all visible
    // that is prepared, where nothing has been committed yet: 0, 1, or 2 for more. NULL: more.
    uint32_t (*sink_commit_steps)(const void *shared);
    // Instead of sink_commit where that is 1 or less: nothing is noted, for the job has no
    // checkpoint to begin with, and needs none once this is done.
    int (*sink_commit_once)(void *shared, uint64_t checkpoint, struct tm_error *err);
    // A savepoint is about to be published: what of it is staged where a later run clears it away
    // goes into its folder as well, durable but for the names. On the thread of commits. NULL:
    // nothing is.
    int (*sink_keep)(void *shared, uint64_t checkpoint, const char *folder, struct tm_error *err);
    // Is all that sinks have put into the folder of a savepoint there, as it was written? Their
    // number and size are added. NULL: they put nothing there.
    int (*kept_verify)(const struct tm_fx *fx, struct tm_mem *mem, const char *folder,
                       uint32_t *files, uint64_t *bytes, struct tm_error *err);
    // Has it committed anything that this restored checkpoint, or a later one, prepared? Asked when
    // a newer checkpoint is damaged: "no" allows the one before it.
    int (*sink_committed)(void *shared, uint64_t checkpoint, bool *committed, struct tm_error *err);
};

// The one of this name in a list that ends with NULL; or NULL.
const struct tm_connector *tm_connector_find(const struct tm_connector *const *connectors,
                                             const char *name);
