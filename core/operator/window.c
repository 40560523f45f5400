// Tumbling and sliding windows in event time, lateness 0 (SEMANTICS 1 and 2): taking rows in.
#include "core/operator/window.h"
#include "core/operator/custom.h"
#include "core/operator/window_time.h"
#include "core/operator/windows/windows.h"

static struct tm__operator_window *self_of(struct tm_operator *op)
{
    return (struct tm__operator_window *)op;
}

static int window_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    struct tm__operator_window *self = self_of(op);
    if (input->time_field < 0)
        return tm_error_set(err, TM_E_NO_WATERMARK, "operator '%s': the rows have no event time",
                            op->node->name);
    self->time_field = (uint32_t)input->time_field;
    self->time_offset = input->fields[self->time_field].offset;
    struct tm_schema *output = tm__operator_output(op, err);
    if (output == NULL)
        return err->code;
    tm__operator_keys_init(&self->keys, self->mem, input, &op->node->key);
    int rc = self->custom != NULL
                 ? tm__operator_custom_open(self->custom, output, &self->aggregates, err)
                 : tm__operator_aggregates_init(&self->aggregates, self->mem, op->node, input,
                                                output, err);
    if (rc == 0 && tm__operator_partial_init(&self->partial, &self->aggregates, input) != 0)
        rc = tm__operator_out_of_memory(op, err);
    if (rc == 0)
        rc = tm__operator_result_init(&self->result, op, &self->keys.reader, &self->aggregates,
                                      output, true, err);
    if (rc == 0)
        rc = tm__operator_state_new(op, self->aggregates.value_bytes, &self->state, err);
    if (rc == 0 && self->slice_ms != self->size)
        rc = tm__operator_running_open(&self->running, op, &self->aggregates, self->custom,
                                       op->node->window == TM_WINDOW_CUMULATE, err);
    if (rc != 0)
        return rc;
    self->block = tm_mem_alloc(self->mem, sizeof *self->block);
    return self->block == NULL ? tm__operator_out_of_memory(op, err) : 0;
}

// --- which slice ---------------------------------------------------------------------------------

// The pane of a time, made new. Bounds every sum below: a time that a Lua number could not hold is
// nobody's time.
static int find_pane(struct tm__operator_window *self, int64_t time, struct tm__operator_pane *pane,
                     struct tm_error *err)
{
    *pane = (struct tm__operator_pane){.low = time, .width = 1, .kind = TM__PANE_NO_TIME};
    if (time > TM_INT_MAX || time < -TM_INT_MAX)
        return 0;
    int64_t last_start = tm__operator_grid_floor(time, self->offset, self->period);
    if (time >= last_start + self->size) { // in no window, and late all the same (SEMANTICS 2)
        pane->kind = time <= self->watermark ? TM__PANE_LATE : TM__PANE_GAP;
        return 0;
    }
    bool overlap = self->slice_ms != self->size;
    pane->low = overlap ? tm__operator_grid_floor(time, self->offset, self->slice_ms) : last_start;
    pane->width = (uint64_t)self->slice_ms;
    if (last_start + self->size - 1 <= self->watermark) { // its last window has fired
        pane->kind = TM__PANE_LATE;
        return 0;
    }
    pane->kind = TM__PANE_SLICE;
    pane->slice = tm_state_namespace_find(self->state, pane->low);
    if (pane->slice == NULL)
        pane->slice = tm_state_namespace_create(self->state, pane->low);
    return pane->slice == NULL ? tm__operator_out_of_memory(&self->base, err) : 0;
}

// Times come in runs: the last two panes answer for nearly all rows without a division.
static inline int pane_of(struct tm__operator_window *self, int64_t time,
                          struct tm__operator_pane **pane, struct tm_error *err)
{
    *pane = &self->panes[0];
    if (TM_LIKELY((uint64_t)time - (uint64_t)self->panes[0].low < self->panes[0].width))
        return 0;
    struct tm__operator_pane other = self->panes[1];
    self->panes[1] = self->panes[0];
    self->panes[0] = other;
    if ((uint64_t)time - (uint64_t)other.low < other.width)
        return 0;
    return find_pane(self, time, &self->panes[0], err);
}

static void forget_panes(struct tm__operator_window *self)
{
    self->panes[0].width = self->panes[1].width = 0;
}

// --- rows ----------------------------------------------------------------------------------------

static int on_overflow(void *arg, const struct tm_row *row,
                       const struct tm__operator_aggregate *culprit, struct tm_error *err)
{
    struct tm__operator_window *self = arg;
    if (tm__operator_is_partial(row))
        return tm__operator_row_failed(
            &self->base, self->input, row, TM_E_OVERFLOW, err,
            "'%s' of its window goes out of range with one of the %llu rows of its key that came "
            "together, of which this is the first\n  hint: %s",
            culprit->name, (unsigned long long)tm__operator_rows_of(&self->partial, row),
            tm__operator_aggregate_range_hint(culprit));
    return tm__operator_row_failed(&self->base, self->input, row, TM_E_OVERFLOW, err,
                                   "'%s' of its window goes out of range with this row\n  hint: %s",
                                   culprit->name, tm__operator_aggregate_range_hint(culprit));
}

// A block that has partial rows.
static int add_mixed(struct tm__operator_window *self, struct tm_error *err)
{
    const struct tm__operator_block *block = self->block;
    for (uint32_t i = 0; i < block->count; i++) {
        const struct tm__operator_aggregate *culprit;
        const struct tm_row *row = block->rows[i];
        int rc = tm__operator_is_partial(row)
                     ? tm__operator_partial_merge(&self->partial, block->values[i], row, &culprit)
                     : tm__operator_aggregates_add(&self->aggregates, NULL, block->values[i], row,
                                                   0, &culprit);
        if (rc == 0)
            tm_metric_add(&self->base.metrics->used, tm__operator_rows_of(&self->partial, row));
        else
            rc = on_overflow(self, row, culprit, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int add_block(struct tm__operator_window *self, struct tm_error *err)
{
    struct tm__operator_block *block = self->block;
    int rc = tm__operator_keys_read(&self->keys, block);
    if (rc == 0 && TM_UNLIKELY(self->reached.at != NULL))
        tm__operator_window_drop_late(self);
    if (rc == 0)
        rc = tm_state_upsert_each(self->state, block->namespaces, block->keys, block->count,
                                  block->values, NULL);
    if (rc != 0)
        return tm__operator_out_of_memory(&self->base, err);
    if (self->custom != NULL) {
        rc = tm__operator_custom_add(self->custom, self->state, block, err);
        if (rc == 0)
            tm_metric_add(&self->base.metrics->used, block->count - self->custom->failed);
        block->count = 0;
        return rc;
    }
    if (self->partial_rows != 0) {
        rc = add_mixed(self, err);
        block->count = 0;
        self->partial_rows = 0;
        return rc;
    }
    rc = tm__operator_aggregates_add_block(&self->aggregates, self->state, block, on_overflow, self,
                                           err);
    if (rc == 0)
        tm_metric_add(&self->base.metrics->used, block->count);
    block->count = 0;
    return rc;
}

// `pane` NULL: the row has no time at all.
static int reject(struct tm__operator_window *self, const struct tm_row *row,
                  const struct tm__operator_pane *pane, struct tm_error *err)
{
    const char *name = self->input->fields[self->time_field].name;
    if (pane == NULL)
        return tm__operator_row_failed(&self->base, self->input, row, TM_E_NULL_TIMESTAMP, err,
                                       "the event time %s is null", name);
    switch (pane->kind) {
    case TM__PANE_LATE:
        tm_metric_add(&self->base.metrics->late, tm__operator_rows_of(&self->partial, row));
        return 0;
    case TM__PANE_GAP:
        tm_metric_add(&self->base.metrics->filtered, 1);
        return 0;
    default:
        return tm__operator_row_failed(&self->base, self->input, row, TM_E_BAD_TIMESTAMP, err,
                                       "the event time %s is out of range: %lld", name,
                                       (long long)tm_row_int(row, self->time_offset));
    }
}

static int take_batch(struct tm__operator_window *self, const struct tm_batch *batch,
                      struct tm_error *err)
{
    struct tm__operator_block *block = self->block;
    self->input = batch->schema;
    if (self->custom != NULL)
        self->custom->input = batch->schema;
    block->count = 0;
    tm_metric_add(&self->base.metrics->rows_in, batch->row_count);
    TM_BATCH_EACH(batch, row)
    {
        struct tm__operator_pane *pane = NULL;
        int rc = 0;
        if (tm__operator_is_partial(row)) {
            tm_metric_add(&self->base.metrics->rows_in,
                          tm__operator_rows_of(&self->partial, row) - 1);
            self->partial_rows++;
        }
        if (TM_LIKELY(!tm_row_is_null(row, self->time_field)))
            rc = pane_of(self, tm_row_int(row, self->time_offset), &pane, err);
        if (rc != 0)
            return rc;
        if (TM_UNLIKELY(pane == NULL || pane->kind != TM__PANE_SLICE)) {
            rc = reject(self, row, pane, err);
            if (rc != 0)
                return rc;
            continue;
        }
        block->rows[block->count] = row;
        block->namespaces[block->count++] = pane->slice;
        if (block->count == TM__OPERATOR_BLOCK && (rc = add_block(self, err)) != 0)
            return rc;
    }
    return block->count == 0 ? 0 : add_block(self, err);
}

// --- the operator --------------------------------------------------------------------------------

static int window_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                       struct tm_error *err)
{
    struct tm__operator_window *self = self_of(op);
    if (in->kind == TM_ELEMENT_BATCH) {
        int rc = take_batch(self, in->batch, err);
        if (rc != 0)
            return rc;
        tm_batch_release(in->batch);
        return TM_STEP_DONE;
    }
    if (in->kind == TM_ELEMENT_WATERMARK) {
        self->output.split = TM_NO_SPLIT;
        self->output.read_ns = in->read_ns;
        forget_panes(self);
        int rc = tm__operator_window_fire(self, in->watermark, out, err);
        if (out->kind == TM_ELEMENT_BATCH)
            out->batch->watermark = in->watermark;
        if (rc != TM_STEP_DONE)
            return rc;
    }
    *out = *in;
    return TM_STEP_DONE;
}

static void window_free(struct tm_operator *op)
{
    struct tm__operator_window *self = self_of(op);
    tm__operator_output_fini(&self->output);
    tm__operator_layout_fini(&self->layout);
    tm__operator_reached_fini(&self->reached);
    tm__operator_running_fini(&self->running);
    tm_state_free(self->state);
    tm__operator_result_fini(&self->result);
    tm__operator_partial_fini(&self->partial);
    tm__operator_aggregates_fini(&self->aggregates);
    tm__operator_custom_free(self->custom);
    tm__operator_keys_fini(&self->keys);
    if (self->block != NULL)
        tm_mem_free(self->mem, self->block, sizeof *self->block);
    tm_mem_free(self->mem, self, sizeof *self);
}

static void window_waiting(const struct tm_operator *op, struct tm_waiting *waiting)
{
    const struct tm__operator_window *self = (const struct tm__operator_window *)op;
    if (self->state != NULL)
        waiting->windows = tm__operator_window_count(self);
}

static void window_kept(struct tm_operator *op, struct tm_kept *kept)
{
    tm__operator_kept(self_of(op)->state, kept);
    tm__operator_kept(self_of(op)->running.state, kept);
}

static uint32_t window_partial(const struct tm_operator *op, struct tm_wire_partial *wire)
{
    return tm__operator_partial_says(&((const struct tm__operator_window *)op)->partial, wire);
}

#define WINDOW_OPS                                                                            \
    .waiting = window_waiting, .open = window_open, .step = window_step, .free = window_free, \
    .kept = window_kept, .snapshot = tm__operator_window_snapshot,                            \
    .restore = tm__operator_window_restore, .partial = window_partial
static const struct tm_operator_ops window_ops = {WINDOW_OPS,
                                                  .inspect = &tm__operator_overlapping_inspect};
static const struct tm_operator_ops single_ops = {WINDOW_OPS,
                                                  .inspect = &tm__operator_slices_inspect};

int tm_operator_window_new(struct tm_task_context *ctx, const struct tm_node *node,
                           struct tm_operator **op, struct tm_error *err)
{
    if (!tm_node_is_sliced(node))
        return tm__windows_new(ctx, node, op, err);
    int64_t period = node->window == TM_WINDOW_CUMULATE ? node->size_ms : node->slide_ms;
    if (node->size_ms < 1 || node->slide_ms < 1 || node->size_ms > TM_INT_MAX ||
        node->slide_ms > TM_INT_MAX || node->offset_ms >= period || node->offset_ms <= -period)
        return tm_error_set(
            err, TM_E_ARGUMENT,
            "operator '%s': a window needs a positive size and slide, and an offset "
            "shorter than the time after which windows repeat",
            node->name);
    struct tm__operator_window *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &window_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    self->size = node->size_ms;
    self->slide = node->slide_ms;
    self->offset = node->offset_ms;
    self->period = period;
    self->slice_ms =
        self->slide >= self->size ? self->size : tm__operator_gcd(self->size, self->slide);
    self->base.ops = self->slice_ms == self->size ? &single_ops : &window_ops;
    self->watermark = self->fired_end = TM_WATERMARK_MIN;
    self->ahead = INT64_MAX;
    if (tm_node_is_custom(node)) {
        int rc = tm__operator_custom_new(&self->base, self->mem, &self->custom, err);
        if (rc != 0) {
            window_free(&self->base);
            return rc;
        }
    }
    *op = &self->base;
    return 0;
}
