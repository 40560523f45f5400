// A run of function nodes as one operator: gives batches to the generated chunk, takes its output,
// and the rows for side outputs, which leave after every entry into the chunk.
#include "core/base/limits.h"
#include "core/operator/draws.h"
#include "core/operator/side_rows.h"
#include "core/vm/vm.h"

struct chunk {
    struct tm_operator base;
    struct tm_mem *mem;
    const uint32_t *nodes; // the plan's
    uint32_t node_count;
    struct tm_metric_slot **slots_of; // per node, or NULL
    struct tm_vm_chain *chain;
    struct tm_chain_ctx *run; // its context
    uint64_t *counts;
    struct tm_batch *output;         // being filled, or NULL
    struct tm__operator_sides sides; // of the last node
    bool begun;                      // the batch under way has been given to the chunk
    bool ended;                      // nothing waits for its types any more
    int64_t read_ns;                 // and was read then
    struct tm_error failure;         // of a row, when it ends the job
};

static const struct tm_node *node_at(const struct chunk *self, uint32_t index)
{
    return &self->base.ctx->plan->graph->nodes[self->nodes[index]];
}

// --- what the chunk calls back -------------------------------------------------------------------

static int on_fail(void *arg, uint32_t node_index, const struct tm_row *row, uint32_t row_of,
                   int code, const char *message, size_t length)
{
    struct chunk *self = arg;
    const struct tm_node *given = node_at(self, row_of);
    struct tm_row_failure failure = {
        .node = node_at(self, node_index),
        .code = code,
        .message = message,
        .message_length = length,
        .schema = tm_node_schema(&self->base.ctx->plan->graph->nodes[given->inputs[0]]),
        .row = row,
        .row_of = given,
        .offset = -1,
        .line = -1,
    };
    return tm_task_row_failed(self->base.ctx, &failure, &self->failure);
}

static int on_grow(void *arg, struct tm_chain_ctx *run, uint64_t more)
{
    return tm__operator_grow(((struct chunk *)arg)->output, run, more);
}

static int on_grow_side(void *arg, struct tm_chain_ctx *run, uint32_t index, uint64_t more)
{
    struct chunk *self = arg;
    (void)run;
    return tm__operator_sides_grow(&self->sides, index, more);
}

static int on_buckets(void *arg, struct tm_metric_slot *slot)
{
    struct chunk *self = arg;
    return tm_task_buckets(self->base.ctx, slot);
}

// --- one entry into Lua --------------------------------------------------------------------------

static int prepare_output(struct chunk *self, struct tm_error *err)
{
    struct tm_schema *schema = tm_node_schema(node_at(self, self->node_count - 1));
    if (self->output == NULL && schema != NULL) {
        self->output = tm_batch_acquire(self->base.ctx->pool, schema);
        if (self->output == NULL)
            return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory for a batch",
                                self->base.node->name);
    }
    struct tm_chain_ctx *run = self->run;
    run->out = self->output == NULL ? NULL : self->output->data;
    run->out_size = self->output == NULL ? 0 : self->output->size_bytes;
    run->out_capacity = self->output == NULL ? 0 : self->output->capacity_bytes;
    run->out_rows = self->output == NULL ? 0 : self->output->row_count;
    return 0;
}

static void take_counts(struct chunk *self)
{
    for (uint32_t i = 0; i < self->node_count; i++) {
        uint64_t *counts = self->counts + (size_t)i * TM_CHAIN_COUNTS;
        struct tm_node_metrics *metrics = tm_task_metrics(self->base.ctx, self->nodes[i]);
        tm_metric_add(&metrics->rows_in, counts[TM_CHAIN_IN]);
        tm_metric_add(&metrics->rows_out, counts[TM_CHAIN_OUT]);
        tm_metric_add(&metrics->filtered, counts[TM_CHAIN_FILTERED]);
        tm_metric_add(&metrics->used, counts[TM_CHAIN_USED]);
        memset(counts, 0, TM_CHAIN_COUNTS * sizeof *counts);
    }
}

// Memory that ran out is of no row: say whose functions ran.
static void name_operators(const struct chunk *self, struct tm_error *err)
{
    const char *last = node_at(self, self->node_count - 1)->name;
    if (self->node_count == 1)
        tm_error_prefix(err, "operator '%s'", last);
    else
        tm_error_prefix(err, "operators '%s' to '%s'", node_at(self, 0)->name, last);
    if (strchr(err->where, ':') == NULL) // no line is known
        tm_error_where(err, "%s", node_at(self, 0)->where);
}

static int enter(struct chunk *self, bool finish, struct tm_error *err)
{
    int rc = prepare_output(self, err);
    if (rc != 0)
        return rc;
    if (tm__operator_sides_prepare(&self->sides) != 0)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory for a batch",
                            self->base.node->name);
    self->run->now_ms = self->base.ctx->now_ms;
    tm_error_clear(&self->failure);
    rc = finish ? tm_vm_chain_finish(self->chain, err) : tm_vm_chain_run(self->chain, err);
    if (self->output != NULL) {
        self->output->size_bytes = self->run->out_size;
        self->output->row_count = self->run->out_rows;
    }
    (void)tm__operator_sides_take(&self->sides, self->read_ns);
    take_counts(self);
    if (rc < 0 && self->failure.code != 0)
        *err = self->failure;
    else if (rc == TM_E_USER_MEMORY || rc == TM_E_MEMORY)
        name_operators(self, err);
    return rc;
}

// What a run's result means for the step; fills *out with the output batch where it must go.
static int conclude(struct chunk *self, int rc, bool keep_empty, struct tm_element *out)
{
    if (rc == TM_VM_RUN_SETTLE || rc == TM_VM_RUN_TELL) {
        size_t length;
        const char *proposal = tm_vm_chain_proposal(self->chain, &length);
        struct tm_task *task = self->base.ctx->task;
        bool wait = rc == TM_VM_RUN_SETTLE;
        rc = wait ? tm_task_settle(task, proposal, length) : tm_task_tell(task, proposal, length);
        if (rc != 0 || wait)
            return rc != 0 ? rc : TM_STEP_WAIT;
    }
    if (self->output != NULL && (self->output->row_count != 0 || keep_empty)) {
        *out = (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = self->output};
        self->output = NULL;
    }
    return rc == TM_VM_RUN_FULL ? TM_STEP_MORE : TM_STEP_DONE;
}

static void mark_output(struct chunk *self, const struct tm_batch *in)
{
    if (self->output != NULL) {
        self->output->split = in->split;
        self->output->read_ns = in->read_ns;
        self->output->watermark = in->watermark;
    }
}

static int step_batch(struct chunk *self, struct tm_element *in, struct tm_element *out,
                      struct tm_error *err)
{
    struct tm_batch *batch = in->batch;
    if (!self->begun) {
        self->begun = true;
        self->read_ns = batch->read_ns;
        self->run->in = batch->data;
        self->run->in_end = batch->data + batch->size_bytes;
        self->run->in_rows = batch->row_count;
    }
    int rc = enter(self, false, err);
    if (rc < 0)
        return rc;
    mark_output(self, batch);
    // A source's splits make progress by batches, also by those that lost all their rows.
    bool keep_empty =
        rc == TM_VM_RUN_DONE && self->base.ctx->splits != NULL && self->output != NULL;
    rc = conclude(self, rc, keep_empty, out);
    if (rc == TM_STEP_DONE) {
        self->begun = false;
        tm_batch_release(batch);
    }
    return rc;
}

static int chunk_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                      struct tm_error *err)
{
    struct chunk *self = (struct chunk *)op;
    if (in->kind == TM_ELEMENT_BATCH)
        return step_batch(self, in, out, err);
    // Rows that wait for their types must not be overtaken: watermarks wait with them (a later one
    // says all that an earlier one did), and at the end types are settled with what is known. A
    // barrier ends here: there is no checkpoint without these rows.
    bool last = in->kind == TM_ELEMENT_END ||
                (in->kind == TM_ELEMENT_WATERMARK && in->watermark == TM_WATERMARK_MAX);
    if (last) {
        self->run->in = self->run->in_end = NULL;
        self->run->in_rows = 0;
        int rc = enter(self, true, err);
        if (rc < 0)
            return rc;
        rc = conclude(self, rc, false, out);
        if (rc != TM_STEP_DONE)
            return rc;
        if (out->kind != TM_ELEMENT_NONE)
            return TM_STEP_MORE;
        self->ended = true;
    } else if ((in->kind == TM_ELEMENT_WATERMARK ||
                (in->kind == TM_ELEMENT_BARRIER && !self->ended)) &&
               tm_node_schema(node_at(self, self->node_count - 1)) == NULL) {
        return TM_STEP_DONE;
    }
    *out = *in;
    return TM_STEP_DONE;
}

static void chunk_free(struct tm_operator *op)
{
    struct chunk *self = (struct chunk *)op;
    if (self->chain != NULL)
        tm_vm_chain_free(self->chain);
    tm_batch_release(self->output);
    tm__operator_sides_fini(&self->sides);
    tm_mem_free(self->mem, self->slots_of, self->node_count * sizeof(struct tm_metric_slot *));
    tm_mem_free(self->mem, self, sizeof *self);
}

static int chunk_begin(struct tm_operator *op, struct tm_error *err)
{
    struct chunk *self = (struct chunk *)op;
    self->run->now_ms = op->ctx->now_ms;
    int rc = tm_vm_chain_open(self->chain, err);
    if (rc == TM_E_USER_MEMORY || rc == TM_E_MEMORY)
        name_operators(self, err);
    return rc;
}

// All subtasks say when they see no more values of columns whose types are not known.
// Functions keep nothing but where their random numbers are. The part's name is of chunks alone:
// one that stands behind a window is called as that is.
static int chunk_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    struct chunk *self = (struct chunk *)op;
    return tm__operator_stream_snapshot(op, self->chain, 0, cut, "chunk streams", err);
}

static int chunk_restore(struct tm_operator *op, const struct tm_restored *restored,
                         struct tm_error *err)
{
    struct chunk *self = (struct chunk *)op;
    return tm__operator_streams_restore(op, &self->chain, 1, restored, "chunk streams", err);
}

static const struct tm_operator_ops chunk_ops = {.step = chunk_step,
                                                 .free = chunk_free,
                                                 .snapshot = chunk_snapshot,
                                                 .restore = chunk_restore,
                                                 .begin = chunk_begin,
                                                 .ends_unopened = true};

int tm_operator_chunk_new(struct tm_task_context *ctx, const uint32_t *nodes, uint32_t count,
                          struct tm_operator **op, struct tm_error *err)
{
    struct chunk *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for an operator");
    self->base = (struct tm_operator){
        .ops = &chunk_ops, .ctx = ctx, .node = &ctx->plan->graph->nodes[nodes[0]]};
    self->mem = ctx->mem;
    self->nodes = nodes;
    self->node_count = count;
    if (ctx->plan->graph->metric_count != 0) {
        self->slots_of = tm_mem_alloc(self->mem, count * sizeof *self->slots_of);
        if (self->slots_of == NULL) {
            chunk_free(&self->base);
            return tm_error_set(err, TM_E_MEMORY, "out of memory for an operator");
        }
        for (uint32_t i = 0; i < count; i++)
            self->slots_of[i] = tm_task_slots(ctx, nodes[i]);
    }
    struct tm_vm_chain_args args = {
        .nodes = nodes,
        .node_count = count,
        .subtask = ctx->subtask,
        .parallelism = ctx->chain->parallelism,
        .reads_source = ctx->splits != NULL,
        .fail = on_fail,
        .slots_of = self->slots_of,
        .buckets = on_buckets,
        .arg = self,
        .grow = on_grow,
        .grow_side = on_grow_side,
    };
    int rc = tm__operator_sides_open(&self->sides, ctx, nodes[count - 1]);
    if (rc != 0) {
        chunk_free(&self->base);
        return tm_error_set(err, rc, "out of memory for an operator");
    }
    rc = tm_vm_chain_new(ctx->vm, &args, &self->chain, err);
    if (rc != 0) {
        chunk_free(&self->base);
        return rc;
    }
    self->run = tm_vm_chain_ctx(self->chain);
    self->run->sides = self->sides.runs;
    self->run->out_full = TM_BATCH_ROWS;
    // Rows may get wider: what one batch gives stays one batch, and no tiny one follows it.
    self->run->out_full_bytes = 2 * TM_BATCH_BYTES;
    self->counts = self->run->counts;
    *op = &self->base;
    return 0;
}
