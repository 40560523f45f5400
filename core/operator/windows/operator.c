// The operator: made, opened, stepped through elements, woken by the clock.
#include "core/operator/windows/windows.h"

#include "core/base/limits.h"

static struct tm__windows *self_of(struct tm_operator *op)
{
    return (struct tm__windows *)op;
}

// --- opening -------------------------------------------------------------------------------------

static void lay_out(struct tm__windows *self)
{
    uint32_t words = 0;
    for (int word = 0; word < TM__WORDS; word++)
        self->word_at[word] =
            tm__windows_needs(self, (enum tm__windows_word)word) ? words++ : TM__NO_WORD;
    self->record_at = (uint32_t)(sizeof(struct tm__windows_cell) + words * sizeof(int64_t));
    self->contents_at =
        self->record_at + (self->asked == NULL ? 0 : tm__windows_asked_bytes(self->asked));
    self->cell_bytes =
        self->contents_at +
        (tm__windows_buffers(self) ? (uint32_t)TM__LIST_VALUE_BYTES : self->aggregates.value_bytes);
}

static int open_state(struct tm__windows *self, struct tm_error *err)
{
    const struct tm_operator *op = &self->base;
    self->keeps_alone = self->cell_bytes <= TM__CELL_ALONE_BYTES;
    uint32_t bytes =
        (uint32_t)sizeof(struct tm__windows_record) + (self->keeps_alone ? self->cell_bytes : 0);
    int rc = tm__operator_state_new(op, bytes, &self->state, err);
    if (rc != 0)
        return rc;
    rc = tm__windows_wakes_open(self, err);
    if (rc != 0)
        return rc;
    self->ns = tm_state_namespace_create(self->state, 0);
    self->block = tm_mem_alloc(self->mem, sizeof *self->block);
    if (self->custom != NULL)
        self->alone = tm_mem_alloc(self->mem, sizeof *self->alone);
    bool made = self->ns != NULL && self->block != NULL;
    if (!made || (self->custom != NULL && self->alone == NULL))
        return tm__operator_out_of_memory(op, err);
    return 0;
}

static int windows_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    struct tm__windows *self = self_of(op);
    if (self->needs_time && input->time_field < 0)
        return tm_error_set(err, TM_E_NO_WATERMARK, "operator '%s': the rows have no event time",
                            op->node->name);
    if (self->needs_time) {
        self->time_field = (uint32_t)input->time_field;
        self->time_offset = input->fields[self->time_field].offset;
    }
    if (op->node->gap != 0)
        self->gap_offset = input->fields[op->node->gap - 1].offset;
    struct tm_schema *output = tm__operator_output(op, err);
    if (output == NULL)
        return err->code;
    tm__operator_keys_init(&self->keys, self->mem, input, &op->node->key);
    int rc = self->custom != NULL
                 ? tm__operator_custom_open(self->custom, output, &self->aggregates, err)
                 : tm__operator_aggregates_init(&self->aggregates, self->mem, op->node, input,
                                                output, err);
    if (rc == 0)
        rc = tm__operator_result_init(&self->result, op, &self->keys.reader, &self->aggregates,
                                      output, self->bounded, err);
    if (rc != 0)
        return rc;
    lay_out(self);
    self->gone_field = self->firing_field = -1;
    for (uint32_t i = 0; i < output->field_count; i++) {
        if (op->node->tells_end && strcmp(output->fields[i].name, "$gone") == 0)
            self->gone_field = (int32_t)i;
        if (strcmp(output->fields[i].name, "$firing") == 0)
            self->firing_field = (int32_t)i;
    }
    tm__windows_find_function(self);
    self->input = input;
    rc = open_state(self, err);
    if (rc == 0 && tm__windows_buffers(self))
        rc = tm__windows_buffer_open(self, input, err);
    if (rc == 0 && self->asked != NULL)
        rc = tm__windows_asked_open(self, err);
    return rc;
}

// --- stepping ------------------------------------------------------------------------------------

static void look_at_clock(struct tm__windows *self)
{
    if (self->base.ctx->now_ms > self->now_ms)
        self->now_ms = self->base.ctx->now_ms;
}

static void begin_firing(struct tm__windows *self, const struct tm_element *in)
{
    self->firing = true;
    self->output.split = TM_NO_SPLIT;
    self->output.read_ns = in->read_ns;
}

static int step_watermark(struct tm__windows *self, struct tm_element *in, struct tm_element *out,
                          struct tm_error *err)
{
    if (!self->firing) {
        // A watermark comes twice where a job begins with a checkpoint: what was set since waits
        // for the next.
        if (in->watermark <= self->watermark)
            return TM_STEP_DONE;
        self->watermark = in->watermark;
        begin_firing(self, in);
    }
    int rc = tm__windows_fire(self, TM_TIMER_EVENT, self->watermark, out, err);
    if (rc == TM_STEP_DONE) {
        self->firing = false;
        tm__operator_reached_pass(&self->reached, self->watermark);
    }
    return rc;
}

// The input has ended: event time is over, where nobody has said so; and what waits for the clock
// is let go, or fires now: what waits at the beginning, not what that starts anew.
static int step_end(struct tm__windows *self, struct tm_element *in, struct tm_element *out,
                    struct tm_error *err)
{
    if (!self->firing) {
        begin_firing(self, in);
        self->output.read_ns = self->base.ctx->now_ns;
        self->watermark = TM_WATERMARK_MAX;
        self->flushing = false;
    }
    if (!self->flushing) {
        int rc = tm__windows_fire(self, TM_TIMER_EVENT, TM_WATERMARK_MAX, out, err);
        if (rc != TM_STEP_DONE)
            return rc;
        self->flushing = true;
        self->now_ms = self->last_processing > self->now_ms ? self->last_processing : self->now_ms;
    }
    int rc = TM_STEP_DONE;
    if (self->base.ctx->plan->graph->flush_processing)
        rc = tm__windows_fire(self, TM_TIMER_PROCESSING, self->now_ms, out, err);
    if (rc == TM_STEP_DONE)
        self->firing = false;
    return rc;
}

// What a firing gives is seen at the watermark that it was of, before that goes on.
static void mark(const struct tm__windows *self, struct tm_element *out)
{
    if (out->kind == TM_ELEMENT_BATCH)
        out->batch->watermark = self->watermark;
}

static int windows_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                        struct tm_error *err)
{
    struct tm__windows *self = self_of(op);
    int rc = TM_STEP_DONE;
    look_at_clock(self);
    if (tm__windows_is_unsettled(self) && tm__windows_settle(self) != 0)
        return tm__operator_out_of_memory(op, err);
    if (in->kind == TM_ELEMENT_BATCH)
        rc = tm__windows_take(self, in, out, err);
    else if (in->kind == TM_ELEMENT_WATERMARK)
        rc = step_watermark(self, in, out, err);
    else if (in->kind == TM_ELEMENT_END && in->status == TM_END_DRAIN)
        rc = step_end(self, in, out, err);
    if (rc == TM_STEP_DONE && in->kind != TM_ELEMENT_BATCH)
        *out = *in;
    else
        mark(self, out);
    return rc;
}

// --- the clock -----------------------------------------------------------------------------------

// A timer fires when its millisecond is over, so that no row of that time can follow.
static int windows_tick(struct tm_operator *op, struct tm_element *out, struct tm_error *err)
{
    struct tm__windows *self = self_of(op);
    look_at_clock(self);
    if (tm__windows_is_unsettled(self) && tm__windows_settle(self) != 0)
        return tm__operator_out_of_memory(op, err);
    self->output.split = TM_NO_SPLIT;
    self->output.read_ns = op->ctx->now_ns;
    int rc = tm__windows_fire(self, TM_TIMER_PROCESSING, self->now_ms - tm_task_open_ms(op->ctx),
                              out, err);
    mark(self, out);
    return rc;
}

static int64_t windows_deadline_ns(const struct tm_operator *op)
{
    const struct tm__windows *self = (const struct tm__windows *)op;
    const int64_t hour_ms = 3600000; // clocks are set: look again
    if (tm__windows_is_unsettled(self))
        return op->ctx->now_ns;
    int64_t next = tm__windows_wakes_next(self, TM_TIMER_PROCESSING);
    if (next == INT64_MAX)
        return INT64_MAX;
    int64_t now_ms = op->ctx->now_ms > self->now_ms ? op->ctx->now_ms : self->now_ms;
    if (next <= now_ms - tm_task_open_ms(op->ctx))
        return op->ctx->now_ns;
    int64_t wait_ms = next - now_ms < hour_ms ? next - now_ms + tm_task_open_ms(op->ctx) : hour_ms;
    return op->ctx->now_ns + wait_ms * 1000000;
}

// --- the object ----------------------------------------------------------------------------------

static void windows_free(struct tm_operator *op)
{
    struct tm__windows *self = self_of(op);
    tm__operator_output_fini(&self->output);
    tm_batch_release(self->late);
    tm__windows_wakes_free(self);
    tm__operator_layout_fini(&self->layout);
    tm__operator_reached_fini(&self->reached);
    tm_state_free(self->state);
    tm__operator_result_fini(&self->result);
    tm__operator_aggregates_fini(&self->aggregates);
    tm__operator_custom_free(self->custom);
    tm__operator_keys_fini(&self->keys);
    tm_buf_fini(&self->run_bytes);
    tm_buf_fini(&self->fired);
    tm_buf_fini(&self->fired_key);
    tm_buf_fini(&self->entries);
    tm_buf_fini(&self->put_aside);
    tm_buf_fini(&self->fired_keep);
    tm_buf_fini(&self->rows);
    tm_buf_fini(&self->keep);
    tm_schema_unref(self->timer_schema);
    tm__windows_pairs_free(self->trigger_delta);
    tm__windows_pairs_free(self->evictor_delta);
    tm__windows_asked_free(self->asked);
    tm_mem_free(self->mem, self->scratch, self->scratch_bytes);
    if (self->block != NULL)
        tm_mem_free(self->mem, self->block, sizeof *self->block);
    if (self->alone != NULL)
        tm_mem_free(self->mem, self->alone, sizeof *self->alone);
    tm_mem_free(self->mem, self, sizeof *self);
}

static void windows_waiting(const struct tm_operator *op, struct tm_waiting *waiting)
{
    const struct tm__windows *self = (const struct tm__windows *)op;
    if (self->ns == NULL)
        return;
    waiting->windows =
        waiting->roughly ? tm__windows_estimate(self, &waiting->is_rough) : tm__windows_count(self);
    waiting->processing_timers = tm__windows_wakes_count(self, TM_TIMER_PROCESSING);
}

static void windows_kept(struct tm_operator *op, struct tm_kept *kept)
{
    const struct tm__windows *self = (const struct tm__windows *)op;
    tm__operator_kept(self->state, kept);
    kept->timers += tm__windows_wakes_count(self, TM_TIMER_EVENT) +
                    tm__windows_wakes_count(self, TM_TIMER_PROCESSING);
    kept->timer_bytes += tm__windows_wakes_bytes(self);
}

static const struct tm_operator_ops windows_ops = {
    .waiting = windows_waiting,
    .kept = windows_kept,
    .open = windows_open,
    .step = windows_step,
    .tick = windows_tick,
    .deadline_ns = windows_deadline_ns,
    .free = windows_free,
    .inspect = &tm__operator_windows_inspect,
    .snapshot = tm__windows_snapshot,
    .restore = tm__windows_restore,
};

static void find_late_side(struct tm__windows *self)
{
    const struct tm_graph *graph = self->base.ctx->plan->graph;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct tm_node *node = &graph->nodes[i];
        if (node->kind != TM_NODE_SIDE || node->inputs[0] != self->base.node->id)
            continue;
        self->late_side = true;
        self->late_number = node->side;
    }
}

// Where functions of the job have a part.
static int make_chains(struct tm__windows *self, struct tm_error *err)
{
    int rc = 0;
    if (tm_node_is_custom(self->base.node))
        rc = tm__operator_custom_new(&self->base, self->mem, &self->custom, err);
    if (rc == 0 && self->trigger.kind == TM_TRIGGER_DELTA)
        rc = tm__windows_pairs_new(self, "trigger", &self->trigger_delta, err);
    if (rc == 0 && self->evictor.kind == TM_EVICTOR_DELTA)
        rc = tm__windows_pairs_new(self, "evict", &self->evictor_delta, err);
    if (rc == 0 && self->trigger.kind == TM_TRIGGER_CUSTOM)
        rc = tm__windows_asked_new(self, err);
    return rc;
}

int tm__windows_new(struct tm_task_context *ctx, const struct tm_node *node,
                    struct tm_operator **op, struct tm_error *err)
{
    bool counts = node->window == TM_WINDOW_COUNT;
    if (node->window != TM_WINDOW_GLOBAL && (node->size_ms <= 0 || node->slide_ms <= 0))
        return tm_error_set(err, TM_E_ARGUMENT, "operator '%s': a window needs a positive size",
                            node->name);
    if (!counts && node->slide_ms != 0 && node->size_ms / node->slide_ms > TM_WINDOW_CELLS_MAX)
        return tm_error_set(err, TM_E_LIMIT,
                            "operator '%s': a row would be in more than %d windows", node->name,
                            TM_WINDOW_CELLS_MAX);
    struct tm__windows *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &windows_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    // Windows of n rows every n rows are a global one that fires and purges.
    self->kind = counts && node->size_ms == node->slide_ms ? TM_WINDOW_GLOBAL
                                                           : (enum tm_window_kind)node->window;
    self->bounded = !counts && node->window != TM_WINDOW_GLOBAL;
    self->by_event = self->bounded && !node->processing;
    self->size = node->size_ms;
    self->slide = node->slide_ms;
    self->offset = node->offset_ms;
    self->lateness = node->lateness_ms;
    self->trigger = tm__windows_trigger_of(node);
    self->needs_time = self->by_event || self->trigger.kind == TM_TRIGGER_CONTINUOUS_EVENT_TIME;
    self->watermark = self->key_watermark = TM_WATERMARK_MIN;
    self->now_ms = self->last_processing = INT64_MIN;
    self->evictor = node->evictor;
    self->user_metrics = tm_task_slots(ctx, node->id);
    tm_buf_init(&self->run_bytes, ctx->mem);
    tm_buf_init(&self->fired, ctx->mem);
    tm_buf_init(&self->fired_key, ctx->mem);
    tm_buf_init(&self->entries, ctx->mem);
    tm_buf_init(&self->put_aside, ctx->mem);
    tm_buf_init(&self->fired_keep, ctx->mem);
    tm_buf_init(&self->rows, ctx->mem);
    tm_buf_init(&self->keep, ctx->mem);
    find_late_side(self);
    int rc = make_chains(self, err);
    if (rc != 0) {
        windows_free(&self->base);
        return rc;
    }
    *op = &self->base;
    return 0;
}
