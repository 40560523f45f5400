// Taking a batch in, row by row: what becomes of each is said here (accounts, late side output).
#include "core/operator/windows/windows.h"

// --- late rows -----------------------------------------------------------------------------------

static int take_late(struct tm__windows *self, const struct tm_row *row, struct tm_error *err)
{
    if (!self->late_side) {
        tm_metric_add(&self->base.metrics->late, 1);
        return 0;
    }
    if (self->late == NULL)
        self->late = tm_batch_acquire(self->base.ctx->pool, self->input);
    if (self->late == NULL || tm_batch_append_row(self->late, row) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    tm_metric_add(&self->base.metrics->used, 1);
    return 0;
}

static void put_late(struct tm__windows *self)
{
    if (self->late == NULL)
        return;
    self->late->split = self->output.split;
    self->late->read_ns = self->output.read_ns;
    tm_task_put_side(self->base.ctx->task, self->base.node->id, self->late_number, self->late);
    self->late = NULL;
}

// --- rows ----------------------------------------------------------------------------------------

// 0: *time is its time; 1: the row failed; negative.
static int time_of(struct tm__windows *self, const struct tm_row *row, int64_t *time,
                   struct tm_error *err)
{
    *time = self->now_ms;
    if (!self->needs_time)
        return 0;
    const char *name = self->input->fields[self->time_field].name;
    int rc;
    if (tm_row_is_null(row, self->time_field)) {
        rc = tm__operator_row_failed(&self->base, self->input, row, TM_E_NULL_TIMESTAMP, err,
                                     "the event time %s is null", name);
        return rc == 0 ? 1 : rc;
    }
    int64_t event = tm_row_int(row, self->time_offset);
    if (event > TM_INT_MAX || event < -TM_INT_MAX) {
        rc = tm__operator_row_failed(&self->base, self->input, row, TM_E_BAD_TIMESTAMP, err,
                                     "the event time %s is out of range: %lld", name,
                                     (long long)event);
        return rc == 0 ? 1 : rc;
    }
    if (self->by_event || !self->bounded)
        *time = event;
    return 0;
}

static int take_row(struct tm__windows *self, uint32_t b, struct tm_error *err)
{
    struct tm__operator_block *block = self->block;
    const struct tm_row *row = block->rows[b];
    struct tm__windows_key k;
    enum tm__windows_fate fate = TM__ROW_FAILED;
    int64_t time;
    int rc = time_of(self, row, &time, err);
    if (rc != 0)
        return rc == 1 ? 0 : rc;
    if (tm__windows_open_key(self, &block->keys[b], block->values[b], &k) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    self->key_watermark = tm__operator_reached_of(&self->reached, k.key_group, self->watermark);
    rc = tm__windows_place(self, &k, row, time, &fate, err);
    if (rc != 0)
        return rc;
    switch (fate) {
    case TM__ROW_USED:
        tm_metric_add(&self->base.metrics->used, 1);
        return 0;
    case TM__ROW_GAP:
        tm_metric_add(&self->base.metrics->filtered, 1);
        return 0;
    case TM__ROW_LATE:
        return take_late(self, row, err);
    default:
        return 0; // it has been told
    }
}

int tm__windows_sweep(struct tm__windows *self, struct tm_error *err)
{
    struct tm__operator_block *block = self->block;
    uint32_t empty = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        const struct tm__windows_record *record = block->values[i];
        if (record->cells.length == 0 && record->alone == 0 && record->total == 0)
            block->keys[empty++] = block->keys[i];
    }
    for (uint32_t i = 0; i < empty; i++)
        if (tm_state_remove(self->state, self->ns, &block->keys[i]) < 0)
            return tm__operator_out_of_memory(&self->base, err);
    block->count = 0;
    return 0;
}

static int fill_block(struct tm__windows *self, const struct tm_batch *batch, struct tm_error *err)
{
    struct tm__operator_block *block = self->block;
    const void *end = batch->data + batch->size_bytes;
    const struct tm_row *row = self->row;
    block->count = 0;
    for (; (const void *)row != end && block->count < TM__OPERATOR_BLOCK; row = tm_row_next(row))
        block->rows[block->count++] = row;
    int rc = tm__operator_keys_read(&self->keys, block);
    if (rc == 0)
        rc = tm_state_upsert_batch(self->state, self->ns, block->keys, block->count, block->values,
                                   NULL);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

static bool is_full(const struct tm_batch *batch)
{
    return batch != NULL && tm_batch_is_full(batch);
}

// Rows of the block, until there is output to hand over.
static int take_block(struct tm__windows *self, bool *full, struct tm_error *err)
{
    for (uint32_t i = 0; i < self->block->count && !*full; i++) {
        tm__windows_ask_for(self->block, i + TM__WINDOWS_AHEAD);
        int rc = take_row(self, i, err);
        if (rc != 0)
            return rc;
        self->row = tm_row_next(self->block->rows[i]);
        *full =
            is_full(self->output.batch) || is_full(self->late) || tm__windows_is_unsettled(self);
    }
    return 0;
}

int tm__windows_take(struct tm__windows *self, struct tm_element *in, struct tm_element *out,
                     struct tm_error *err)
{
    const struct tm_batch *batch = in->batch;
    const void *end = batch->data + batch->size_bytes;
    if (!self->begun) {
        self->begun = true;
        self->input = batch->schema;
        if (self->custom != NULL)
            self->custom->input = batch->schema;
        self->row = tm_batch_first(batch);
        self->output.split = batch->split;
        self->output.read_ns = batch->read_ns;
        tm_metric_add(&self->base.metrics->rows_in, batch->row_count);
    }
    bool full = false;
    while ((const void *)self->row != end && !full) {
        int rc = fill_block(self, batch, err);
        if (rc == 0)
            rc = take_block(self, &full, err);
        if (rc == 0)
            rc = tm__windows_sweep(self, err);
        if (rc != 0)
            return rc;
    }
    put_late(self);
    (void)tm__operator_output_take(&self->output, &self->base, out);
    if ((const void *)self->row != end)
        return TM_STEP_MORE;
    self->begun = false;
    tm_batch_release(in->batch);
    return TM_STEP_DONE;
}
