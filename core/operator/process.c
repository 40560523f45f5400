// process: functions of the job over keyed state and timers. Rows go to the chunk by blocks: C
// finds the records of all their keys, the chunk reads and writes these in place. A block's records
// stay where they are until the block is done, however often the output is full in between. Of two
// inputs each has a chunk of its own, over the same keyed state.
#include "core/operator/process.h"

#include <math.h>

static struct tm__operator_process *self_of(struct tm_operator *op)
{
    return (struct tm__operator_process *)op;
}

// What belongs to neither of the inputs. `key` is that of the input whose schema is known first;
// that of the other is of the same types.
static int open_both(struct tm__operator_process *self, const struct tm_schema *input,
                     const struct tm_key_spec *key, struct tm_error *err)
{
    struct tm_operator *op = &self->base;
    struct tm_schema *output = tm__operator_output(op, err);
    if (output == NULL)
        return err->code;
    self->schema = tm_schema_ref(output);
    struct tm_key_reader reader;
    tm_key_reader_init(&reader, input, key);
    int rc = tm__operator_keyed_open(&self->keyed, op, TM__SCOPE_KEY,
                                     tm_key_is_word(&reader) ? sizeof(uint64_t) : 0, err);
    if (rc == 0)
        rc = tm__operator_process_open_shared(self, err);
    if (rc != 0)
        return rc;
    if (tm__operator_sides_open(&self->sides, op->ctx, op->node->id) != 0)
        return tm__operator_out_of_memory(op, err);
    tm__operator_process_windows_open(self, input);
    rc = tm__operator_process_due_schemas(self, input, key, err);
    self->opened = rc == 0;
    return rc;
}

static int process_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    struct tm__operator_process *self = self_of(op);
    const struct tm_key_spec *key = &op->node->key;
    int rc = self->opened ? 0 : open_both(self, input, key, err);
    if (rc == 0 && key->count != 0)
        tm__operator_keys_init(&self->keyed.keys, self->mem, input, key);
    return rc;
}

static int process_open_second(struct tm_operator *op, struct tm_schema *input,
                               struct tm_error *err)
{
    struct tm__operator_process *self = self_of(op);
    const struct tm_key_spec *key = &op->node->second_key;
    if (key->count == 0)
        return 0;
    int rc = self->opened ? 0 : open_both(self, input, key, err);
    if (rc == 0)
        tm__operator_keys_init(&self->second_keys, self->mem, input, key);
    return rc;
}

// --- what the chunks call back -------------------------------------------------------------------

// Who was called: a row of the input, a timer, a key of a pass over all, or a window that is gone.
static enum tm_failed called_for(const struct tm__operator_process *self, const struct tm_row *row)
{
    if (self->pass_entered)
        return TM_FAILED_KEY;
    if (self->due_count != 0)
        return TM_FAILED_TIMER;
    bool gone = self->tells_end && row != NULL && !tm_row_is_null(row, self->gone_field);
    return gone ? TM_FAILED_FIRING : TM_FAILED_ROW;
}

static int on_fail(void *arg, uint32_t node_index, const struct tm_row *row, uint32_t row_of,
                   int code, const char *message, size_t length)
{
    struct tm__operator_process *self = arg;
    bool timer = self->due_count != 0;
    (void)node_index;
    (void)row_of;
    struct tm_row_failure failure = {
        .node = self->base.node,
        .code = code,
        .message = message,
        .message_length = length,
        .schema = timer ? self->due->schema : self->input,
        .row = row,
        .input = timer ? TM_NO_INPUT : self->from,
        .failed = called_for(self, row),
        .offset = -1,
        .line = -1,
    };
    tm__operator_process_windows_failed(self, row);
    return tm_task_row_failed(self->base.ctx, &failure, &self->failure);
}

static int on_grow(void *arg, struct tm_chain_ctx *entry, uint64_t more)
{
    return tm__operator_grow(((struct tm__operator_process *)arg)->output.batch, entry, more);
}

static int on_grow_side(void *arg, struct tm_chain_ctx *entry, uint32_t index, uint64_t more)
{
    struct tm__operator_process *self = arg;
    (void)entry;
    return tm__operator_sides_grow(&self->sides, index, more);
}

static int on_buckets(void *arg, struct tm_metric_slot *slot)
{
    struct tm__operator_process *self = arg;
    return tm_task_buckets(self->base.ctx, slot);
}

static const uint8_t *on_blob(void *arg, uint8_t **slot, int side, const uint8_t *ref)
{
    struct tm__operator_process *self = arg;
    (void)side;
    return tm__operator_keyed_blob(tm__operator_process_of_slot(self, slot), slot, ref);
}

static int on_keep(void *arg, uint8_t **slot, uint8_t *ref, const uint8_t *p, uint32_t length)
{
    struct tm__operator_process *self = arg;
    return tm__operator_keyed_keep(tm__operator_process_of_slot(self, slot), slot, ref, p, length);
}

static int on_timer(void *arg, uint8_t **slot, int domain, bool remove, int64_t at,
                    const char *name, uint32_t length)
{
    return tm__operator_process_on_timer(arg, slot, (enum tm_timer_domain)domain, remove, at, name,
                                         length);
}

static int on_draw(void *arg, uint8_t **slot, uint64_t *key_hash, uint64_t *count)
{
    struct tm__operator_process *self = arg;
    uint32_t index = tm__operator_keyed_index(&self->keyed, slot);
    return tm__operator_draws_next(&self->draws, &self->base, &self->keyed.block->keys[index],
                                   key_hash, count);
}

static int on_settle(void *arg, bool keep)
{
    struct tm__operator_process *self = arg;
    int rc = tm__operator_keyed_settle(&self->keyed, keep);
    for (enum tm__operator_scope scope = TM__SCOPE_BROADCAST; scope < TM__SCOPES && rc == 0;
         scope++)
        if (self->shared[scope] != NULL)
            rc = tm__operator_keyed_settle(self->shared[scope], keep);
    return rc;
}

// --- one entry -----------------------------------------------------------------------------------

// Memory that ran out is of no row: say whose function ran.
static void name_operator(const struct tm__operator_process *self, struct tm_error *err)
{
    tm_error_prefix(err, "operator '%s'", self->base.node->name);
    if (strchr(err->where, ':') == NULL) // no line is known
        tm_error_where(err, "%s", self->base.node->where);
}

int tm__operator_process_enter(struct tm__operator_process *self, struct tm_vm_chain *chain,
                               struct tm_error *err)
{
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(chain);
    if (tm__operator_output_open(&self->output, self->base.ctx, self->schema) != 0 ||
        tm__operator_sides_prepare(&self->sides) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    struct tm_batch *batch = self->output.batch;
    self->output.split = TM_NO_SPLIT;
    self->output.read_ns = self->read_ns;
    entry->out = batch->data;
    entry->out_size = batch->size_bytes;
    entry->out_capacity = batch->capacity_bytes;
    entry->out_rows = batch->row_count;
    entry->sides = self->sides.runs;
    entry->interrupt = 0;
    entry->call = self->calls; // a number is of one call, whichever of the chunks makes it
    tm__operator_keyed_tell_time(&self->keyed, entry);
    tm_error_clear(&self->failure);
    if (tm__operator_process_lend_shared(self, entry) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    int rc = tm_vm_chain_run(chain, err);
    self->calls = entry->call;
    if (rc >= 0 && tm__operator_process_return_shared(self) != 0)
        rc = tm__operator_out_of_memory(&self->base, err);
    batch->size_bytes = entry->out_size;
    batch->row_count = entry->out_rows;
    if (rc < 0) {
        if (self->failure.code != 0)
            *err = self->failure;
        else if (rc == TM_E_USER_MEMORY || rc == TM_E_MEMORY)
            name_operator(self, err);
    }
    return rc;
}

// --- rows ----------------------------------------------------------------------------------------

static bool has_keys(const struct tm__operator_process *self, uint32_t input)
{
    const struct tm_node *node = self->base.node;
    return (input == 0 ? &node->key : &node->second_key)->count != 0;
}

// Windows of the whole stream have one key, which is empty, and its states.
static bool has_records(const struct tm__operator_process *self)
{
    return self->base.node->of_window || has_keys(self, self->from);
}

// The next rows of the batch, with their keys where they have any.
static int take_rows(struct tm__operator_process *self, const void *end)
{
    struct tm__operator_keys *keys = self->from == 0 ? &self->keyed.keys : &self->second_keys;
    struct tm__operator_block *block = self->keyed.block;
    if (has_keys(self, self->from))
        return tm__operator_block_fill(keys, block, &self->row, end);
    int rc = tm__operator_block_fill(NULL, block, &self->row, end);
    for (uint32_t i = 0; i < block->count && has_records(self); i++)
        block->keys[i] = (struct tm_key){.hash = self->window_hash, .bytes = "", .length = 0};
    return rc;
}

static int find_keys(struct tm__operator_process *self)
{
    if (has_records(self))
        return tm__operator_keyed_enter(&self->keyed);
    tm_vm_chain_ctx(self->rows[self->from])->slots = self->no_slots;
    return 0;
}

static int find_records(struct tm__operator_process *self)
{
    int rc = find_keys(self);
    return rc == 0 ? tm__operator_process_windows_enter(self) : rc;
}

static int leave_records(struct tm__operator_process *self)
{
    self->entered = false;
    int rc = tm__operator_process_windows_leave(self);
    if (rc != 0)
        return rc;
    return has_records(self) ? tm__operator_keyed_leave(&self->keyed) : 0;
}

static int begin_block(struct tm__operator_process *self, const struct tm_batch *batch,
                       struct tm_error *err)
{
    struct tm__operator_block *block = self->keyed.block;
    const void *end = batch->data + batch->size_bytes;
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(self->rows[self->from]);
    entry->in = (const uint8_t *)self->row;
    int rc = take_rows(self, end);
    entry->in_end = (const uint8_t *)self->row;
    entry->in_rows = block->count;
    entry->slots = self->keyed.slots;
    entry->slot_index = 0;
    self->keyed.ahead = self->from == 0 ? batch->schema : NULL;
    entry->emptied = 0;
    if (rc == 0)
        rc = find_records(self);
    self->keyed.ahead = NULL;
    self->entered = rc == 0;
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

// The rest of the block. enum tm_vm_run or negative.
static int run_block(struct tm__operator_process *self, struct tm_error *err)
{
    struct tm_vm_chain *chain = self->rows[self->from];
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(chain);
    uint32_t before = entry->in_rows;
    int rc = tm__operator_process_enter(self, chain, err);
    uint64_t *counts = entry->counts;
    tm_metric_add(&self->base.metrics->used, counts[TM_CHAIN_USED]);
    memset(counts, 0, TM_CHAIN_COUNTS * sizeof *counts);
    if (rc < 0)
        return rc;
    if (rc == TM_VM_RUN_DONE ? entry->in_rows != 0 : entry->in_rows == before)
        return tm_error_set(err, TM_E_INTERNAL,
                            "operator '%s': the chunk stopped before its last row",
                            self->base.node->name);
    if (entry->in_rows == 0 && leave_records(self) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    if (self->pass != NULL && self->from == 1 && entry->interrupt != 0)
        tm__operator_process_want(self, entry->interrupt);
    return rc;
}

// What is to be done next: a slice of a pass that a rule wants, or the rest of the block. *ran:
// what functions gave is to be looked at; *rest: it goes on before there is more.
static int advance(struct tm__operator_process *self, const struct tm_batch *batch, bool *ran,
                   bool *rest, struct tm_error *err)
{
    if (self->pass_count != 0) {
        int rc = tm__operator_process_pass(self, err);
        *ran = *rest = rc == 1;
        return rc;
    }
    int rc = self->entered ? 0 : begin_block(self, batch, err);
    if (rc == 0)
        rc = run_block(self, err);
    *ran = true;
    *rest = rc == TM_VM_RUN_FULL;
    return rc;
}

static int step_batch(struct tm__operator_process *self, struct tm_element *in,
                      struct tm_element *out, struct tm_error *err)
{
    const struct tm_batch *batch = in->batch;
    const void *end = batch->data + batch->size_bytes;
    if (!self->begun) {
        self->begun = true;
        self->from = in->input;
        self->input = batch->schema;
        self->row = tm_batch_first(batch);
        self->read_ns = batch->read_ns;
        if (self->base.node->of_window && batch->watermark > self->keyed.watermark)
            self->keyed.watermark = batch->watermark;
        tm_metric_add(&self->base.metrics->rows_in, batch->row_count);
    }
    while (self->entered || self->pass_count != 0 || (const void *)self->row != end) {
        bool ran = false, rest = false;
        int rc = advance(self, batch, &ran, &rest, err);
        if (rc < 0)
            return rc;
        if (!ran)
            continue;
        bool sides = tm__operator_sides_take(&self->sides, self->read_ns);
        if (rest || sides || tm_batch_is_full(self->output.batch)) {
            (void)tm__operator_output_take(&self->output, &self->base, out);
            return TM_STEP_MORE;
        }
    }
    (void)tm__operator_output_take(&self->output, &self->base, out);
    self->begun = false;
    tm_batch_release(in->batch);
    return TM_STEP_DONE;
}

// --- time ----------------------------------------------------------------------------------------

// What a run of timers gave. True: *out has rows, which go before anything else: many at a time,
// but a pass may be long.
static bool take_run(struct tm__operator_process *self, bool last, struct tm_element *out)
{
    const struct tm_task_context *ctx = self->base.ctx;
    bool sides = tm__operator_sides_take(&self->sides, self->read_ns);
    struct tm_batch *batch = self->output.batch;
    bool due = ctx->now_ns - self->taken_ns >= ctx->plan->graph->latency_ms * 1000000;
    self->untaken = !sides && !last && !due && (batch == NULL || !tm_batch_is_full(batch));
    if (self->untaken)
        return false;
    self->taken_ns = ctx->now_ns;
    return tm__operator_output_take(&self->output, &self->base, out) || sides;
}

// The job stops while timers fire whose calls may register others that are due, for ever: the pass
// ends behind those that there were. The watermark then does not go on.
static bool is_cut(struct tm__operator_process *self)
{
    if (!self->base.ctx->stopping || self->due_count != 0)
        return false;
    if (!self->bounded) {
        self->bounded = true;
        self->stop_at = self->fired + tm_timers_count(self->keyed.timers, TM_TIMER_EVENT);
    }
    return self->fired >= self->stop_at;
}

// All timers up to the watermark fire before it goes on; a step is a run of some.
static int step_watermark(struct tm__operator_process *self, struct tm_element *in,
                          struct tm_element *out, struct tm_error *err)
{
    if (in->watermark > self->keyed.watermark)
        self->keyed.watermark = in->watermark;
    self->read_ns = in->read_ns;
    // A watermark comes twice where a job begins with a checkpoint: what was set since waits for
    // the next one.
    if (self->timer != NULL && in->watermark > self->forwarded) {
        bool cut = is_cut(self);
        int rc =
            cut ? 0 : tm__operator_process_fire(self, TM_TIMER_EVENT, self->keyed.watermark, err);
        if (rc < 0)
            return rc;
        if (take_run(self, rc == 0, out) || rc != 0)
            return TM_STEP_MORE;
        self->bounded = false;
        if (cut)
            return TM_STEP_DONE;
    }
    self->forwarded = self->keyed.watermark;
    self->resumes = false;
    *out = *in;
    return TM_STEP_DONE;
}

// The pass over timers that was under way when a checkpoint was taken goes on.
static int resume(struct tm__operator_process *self, struct tm_element *out, struct tm_error *err)
{
    int rc = tm__operator_process_fire(self, TM_TIMER_EVENT, self->keyed.watermark, err);
    if (rc < 0)
        return rc;
    if (take_run(self, rc == 0, out) || rc != 0)
        return TM_STEP_MORE;
    self->resumes = false;
    self->forwarded = self->keyed.watermark;
    *out = (struct tm_element){
        .kind = TM_ELEMENT_WATERMARK, .watermark = self->forwarded, .read_ns = self->read_ns};
    return TM_STEP_DONE;
}

// The job stops while the clock goes on at the end of the input, which does not come again: what
// waits fires all the same. But of calls that register timers for a time that is over, for ever,
// only those that there were.
static bool flush_is_cut(struct tm__operator_process *self, int64_t next)
{
    if (!self->base.ctx->stopping || next >= self->keyed.clock_ms) {
        self->bounded = false;
        return false;
    }
    if (!self->bounded) {
        self->bounded = true;
        self->stop_at = self->fired + tm_timers_count(self->keyed.timers, TM_TIMER_PROCESSING);
    }
    return self->fired >= self->stop_at;
}

// The clock goes from timer to timer up to the last one that waits now; what calls register beyond
// it waits for ever. 1: there is more to fire; 0; negative.
static int flush(struct tm__operator_process *self, struct tm_error *err)
{
    struct tm__operator_keyed *keyed = &self->keyed;
    if (!self->flushing) {
        self->flushing = true;
        self->flush_until = self->last_processing;
    }
    int64_t next = tm_timers_next_time(keyed->timers, TM_TIMER_PROCESSING);
    if (self->due_count == 0) {
        if (next > self->flush_until || flush_is_cut(self, next))
            return 0;
        if (next >= keyed->clock_ms)
            keyed->clock_ms = next + 1;
    }
    int rc = tm__operator_process_fire(self, TM_TIMER_PROCESSING, next, err);
    return rc < 0 ? rc : 1;
}

static int step_end(struct tm__operator_process *self, struct tm_element *in,
                    struct tm_element *out, struct tm_error *err)
{
    bool flushes = self->base.ctx->plan->graph->flush_processing && in->status == TM_END_DRAIN;
    if (flushes && self->opened && self->timer != NULL && !self->ended) {
        self->read_ns = self->base.ctx->now_ns;
        int more = flush(self, err);
        if (more < 0)
            return more;
        if (take_run(self, more == 0, out) || more != 0)
            return TM_STEP_MORE;
    }
    self->ended = true; // timers of processing time that are left never fire
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(self->rows[0]);
    tm__operator_keyed_tell_time(&self->keyed, entry);
    int rc = tm_vm_chain_finish(self->rows[0], err);
    if (rc < 0)
        return rc;
    *out = *in;
    return TM_STEP_DONE;
}

static int process_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                        struct tm_error *err)
{
    struct tm__operator_process *self = self_of(op);
    switch (in->kind) {
    case TM_ELEMENT_BATCH:
        return step_batch(self, in, out, err);
    case TM_ELEMENT_WATERMARK:
        if (self->opened)
            return step_watermark(self, in, out, err);
        break;
    case TM_ELEMENT_END:
        return step_end(self, in, out, err);
    default:
        break;
    }
    *out = *in;
    return TM_STEP_DONE;
}

// The job stops, and no run of timers is under way: none begins any more.
static bool is_at_rest(const struct tm__operator_process *self)
{
    return self->base.ctx->stopping && self->due_count == 0;
}

// A timer fires once its millisecond is over, so that no row of that time can come after it.
static int process_tick(struct tm_operator *op, struct tm_element *out, struct tm_error *err)
{
    struct tm__operator_process *self = self_of(op);
    if (self->keyed.clock_ms < op->ctx->now_ms)
        self->keyed.clock_ms = op->ctx->now_ms;
    self->read_ns = op->ctx->now_ns;
    if (is_at_rest(
            self)) { // the pass ends here, and what it has given goes before the last barrier
        self->ticking = false;
        return take_run(self, true, out) ? TM_STEP_MORE : TM_STEP_DONE;
    }
    if (self->resumes)
        return resume(self, out, err);
    int64_t over_ms = self->keyed.clock_ms - tm_task_open_ms(op->ctx);
    int rc = tm__operator_process_fire(self, TM_TIMER_PROCESSING, over_ms, err);
    if (rc < 0)
        return rc;
    self->ticking = take_run(self, rc == 0, out) || rc != 0;
    return self->ticking ? TM_STEP_MORE : TM_STEP_DONE;
}

static int64_t process_deadline_ns(const struct tm_operator *op)
{
    const struct tm__operator_process *self = (const struct tm__operator_process *)op;
    if (!self->opened || self->ended || self->flushing || self->timer == NULL)
        return INT64_MAX;
    if (is_at_rest(self))
        return self->untaken ? op->ctx->now_ns : INT64_MAX;
    if (self->ticking || self->resumes)
        return op->ctx->now_ns;
    int64_t at = tm_timers_next_time(self->keyed.timers, TM_TIMER_PROCESSING);
    int64_t now_ms =
        op->ctx->now_ms > self->keyed.clock_ms ? op->ctx->now_ms : self->keyed.clock_ms;
    if (at == INT64_MAX)
        return INT64_MAX;
    if (at <= now_ms - tm_task_open_ms(op->ctx))
        return op->ctx->now_ns;
    int64_t wait_ms = at - now_ms + tm_task_open_ms(op->ctx);
    return wait_ms > INT64_MAX / 4000000 ? INT64_MAX : op->ctx->now_ns + wait_ms * 1000000;
}

// --- life ----------------------------------------------------------------------------------------

static void process_free(struct tm_operator *op)
{
    struct tm__operator_process *self = self_of(op);
    for (uint32_t i = 0; i < 2; i++)
        if (self->rows[i] != NULL)
            tm_vm_chain_free(self->rows[i]);
    if (self->timer != NULL)
        tm_vm_chain_free(self->timer);
    if (self->pass != NULL)
        tm_vm_chain_free(self->pass);
    tm__operator_output_fini(&self->output);
    tm__operator_sides_fini(&self->sides);
    tm__operator_keyed_fini(&self->keyed);
    tm__operator_draws_fini(&self->draws);
    tm__operator_keys_fini(&self->second_keys);
    tm__operator_process_free_shared(self);
    tm_batch_release(self->due);
    tm_buf_fini(&self->due_bytes);
    tm_buf_fini(&self->pass_key);
    tm_buf_fini(&self->window_keys);
    tm_buf_fini(&self->firings);
    tm_schema_unref(self->timer_schema);
    tm_schema_unref(self->pass_schema);
    tm_schema_unref(self->schema);
    tm_mem_free(self->mem, self, sizeof *self);
}

static void process_waiting(const struct tm_operator *op, struct tm_waiting *waiting)
{
    const struct tm__operator_process *self = (const struct tm__operator_process *)op;
    if (!self->opened)
        return;
    waiting->event_timers = tm_timers_count(self->keyed.timers, TM_TIMER_EVENT);
    waiting->processing_timers = tm_timers_count(self->keyed.timers, TM_TIMER_PROCESSING);
}

static int process_begin(struct tm_operator *op, struct tm_error *err)
{
    struct tm__operator_process *self = (struct tm__operator_process *)op;
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(self->rows[0]);
    entry->now_ms = op->ctx->now_ms;
    entry->watermark = -(double)INFINITY;
    if (self->opened) // else there is nothing that it could go on with
        tm__operator_keyed_tell_time(&self->keyed, entry);
    int rc = tm_vm_chain_open(self->rows[0], err);
    if (rc == TM_E_USER_MEMORY || rc == TM_E_MEMORY)
        name_operator(self, err);
    return rc;
}

// close runs in every subtask, also where no row came.
static const struct tm_operator_ops process_ops = {
    .open = process_open,
    .open_second = process_open_second,
    .step = process_step,
    .tick = process_tick,
    .deadline_ns = process_deadline_ns,
    .free = process_free,
    .inspect = &tm__operator_process_inspect,
    .waiting = process_waiting,
    .kept = tm__operator_process_kept,
    .snapshot = tm__operator_process_snapshot,
    .restore = tm__operator_process_restore,
    .begin = process_begin,
    .ends_unopened = true,
};

static int make_chain(struct tm__operator_process *self, const char *role,
                      struct tm_vm_chain **chain, struct tm_error *err)
{
    const struct tm_task_context *ctx = self->base.ctx;
    bool shares = tm__operator_process_shares(self->base.node);
    struct tm_vm_chain_args args = {
        .nodes = &self->base.node->id,
        .node_count = 1,
        .subtask = ctx->subtask,
        .parallelism = ctx->chain->parallelism,
        .arg = self,
        .role = role,
        .slots_of = self->user_metrics == NULL ? NULL : &self->user_metrics,
        .buckets = on_buckets,
        .fail = on_fail,
        .blob = on_blob,
        .keep = on_keep,
        .timer = on_timer,
        .settle = on_settle,
        .draw = on_draw,
        .draws_of = tm__operator_draws_of(self->base.node),
        .collections = shares ? &tm__operator_process_collections : &tm__operator_collections,
        .collections_arg = shares ? (void *)self : &self->keyed,
        .grow = on_grow,
        .grow_side = on_grow_side,
    };
    int rc = tm_vm_chain_new(ctx->vm, &args, chain, err);
    if (rc != 0)
        return rc;
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(*chain);
    entry->out_full = TM_BATCH_ROWS;
    entry->out_full_bytes = TM_BATCH_BYTES;
    return 0;
}

int tm_operator_process_new(struct tm_task_context *ctx, const struct tm_node *node,
                            struct tm_operator **op, struct tm_error *err)
{
    struct tm__operator_process *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &process_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    self->last_processing = self->forwarded = INT64_MIN;
    self->user_metrics = tm_task_slots(ctx, node->id);
    tm_buf_init(&self->due_bytes, ctx->mem);
    tm_buf_init(&self->pass_key, ctx->mem);
    tm_buf_init(&self->window_keys, ctx->mem);
    tm_buf_init(&self->firings, ctx->mem);
    for (uint32_t i = 0; i < TM__OPERATOR_BLOCK; i++)
        self->no_slots[i] = (uint8_t *)&self->keyed.stateless;
    bool two = tm_node_has_two_inputs(node), rules = two && node->second_key.count == 0;
    int rc = make_chain(self, two && !rules ? "left" : "each", &self->rows[0], err);
    if (rc == 0 && two)
        rc = make_chain(self, rules ? "rule" : "right", &self->rows[1], err);
    if (rc == 0 && rules)
        rc = make_chain(self, "pass", &self->pass, err);
    if (rc == 0 && node->has_timer)
        rc = make_chain(self, "timer", &self->timer, err);
    if (rc != 0) {
        process_free(&self->base);
        return rc;
    }
    *op = &self->base;
    return 0;
}
