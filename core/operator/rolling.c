// Rolling aggregates of keyed streams: one row per input row, or one per key at the end of input.
#include "core/operator/cut.h"
#include "core/operator/final.h"
#include "core/operator/looking.h"
#include "core/operator/pass.h"
#include "core/task/inspect.h"

struct rolling {
    struct tm_operator base;
    struct tm_mem *mem;
    bool every; // a row per input row
    struct tm_schema *input;
    uint32_t time_offset;
    bool has_time;
    struct tm__operator_keys keys;
    struct tm__operator_aggregates aggregates;
    struct tm__operator_result result;
    struct tm_state *state;
    struct tm_namespace *ns;
    struct tm__operator_pass *pass;   // NULL: rows need more care than its loop takes
    struct tm__operator_block *block; // NULL when there is a pass
    struct tm__operator_output output;

    bool begun;               // a batch is under way:
    const struct tm_row *row; // its next row that is not in the block
    uint32_t at;              // next row of the block
    uint64_t used;            // rows of the block that count as used, not in the metrics yet

    struct tm__operator_final final; // the end is under way: rows per key go out
    struct tm__operator_layout layout;
};

static int rolling_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    struct rolling *self = (struct rolling *)op;
    struct tm_schema *output = tm__operator_output(op, err);
    if (output == NULL)
        return err->code;
    self->has_time = input->time_field >= 0;
    if (self->has_time)
        self->time_offset = input->fields[input->time_field].offset;
    tm__operator_keys_init(&self->keys, self->mem, input, &op->node->key);
    int rc =
        tm__operator_aggregates_init(&self->aggregates, self->mem, op->node, input, output, err);
    if (rc == 0)
        rc = tm__operator_result_init(&self->result, op, &self->keys.reader, &self->aggregates,
                                      output, false, err);
    if (rc == 0)
        rc = tm__operator_state_new(op, self->aggregates.value_bytes, &self->state, err);
    if (rc != 0)
        return rc;
    self->ns = tm_state_namespace_create(self->state, 0);
    if (self->every && tm__operator_pass_suits(&self->result))
        self->pass = tm_mem_zalloc(self->mem, sizeof *self->pass);
    else
        self->block = tm_mem_zalloc(self->mem, sizeof *self->block);
    if (self->ns == NULL || (self->pass == NULL && self->block == NULL))
        return tm__operator_out_of_memory(op, err);
    if (self->pass != NULL) {
        self->pass->state = self->state;
        self->pass->ns = self->ns;
        self->pass->result = &self->result;
    }
    return 0;
}

// --- rows ----------------------------------------------------------------------------------------

static int on_overflow(void *arg, const struct tm_row *row,
                       const struct tm__operator_aggregate *culprit, struct tm_error *err)
{
    struct rolling *self = arg;
    return tm__operator_row_failed(&self->base, self->input, row, TM_E_OVERFLOW, err,
                                   "'%s' goes out of range with this row\n  hint: %s",
                                   culprit->name, tm__operator_aggregate_range_hint(culprit));
}

// The next rows of the batch, with their keys and values.
static int fill_block(struct rolling *self, const struct tm_batch *batch, struct tm_error *err)
{
    struct tm__operator_block *block = self->block;
    self->at = 0;
    int rc = tm__operator_block_upsert(&self->base, &self->keys, block, self->state, self->ns,
                                       &self->row, batch->data + batch->size_bytes, err);
    for (uint32_t i = 0; i < block->count; i++)
        block->namespaces[i] = self->ns;
    return rc;
}

// The row that caused it fails; at the end of the input, where none did, the key's result.
static int cannot_tell(struct rolling *self, const struct tm__operator_result_row *row,
                       const struct tm_row *cause, int code,
                       const struct tm__operator_aggregate *culprit, struct tm_error *err)
{
    static const char large[] = "the row of a key is larger than 64 MB\n"
                                "  hint: a list is kept short by { limit = 1000 }";
    self->used -= cause != NULL;
    if (cause == NULL && code == TM_E_OVERFLOW)
        return tm__operator_result_failed(
            &self->result, &self->base, row, code, err, "'%s' of a key is out of range\n  hint: %s",
            culprit->name, tm__operator_aggregate_range_hint(culprit));
    if (cause == NULL)
        return tm__operator_result_failed(&self->result, &self->base, row, code, err, "%s", large);
    if (code == TM_E_OVERFLOW)
        return on_overflow(self, cause, culprit, err);
    return tm__operator_row_failed(&self->base, self->input, cause, TM_E_LIMIT, err, "%s", large);
}

static int append(struct rolling *self, const struct tm__operator_result_row *row,
                  const struct tm_row *cause, struct tm_error *err)
{
    const struct tm__operator_aggregate *culprit;
    if (tm__operator_output_open(&self->output, self->base.ctx, self->result.schema) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    int rc = tm__operator_result_append(&self->result, self->output.batch, row, &culprit);
    if (rc == TM_E_OVERFLOW || rc == TM_E_LIMIT) // an average that 38 digits do not hold
        return cannot_tell(self, row, cause, rc, culprit, err);
    if (rc != 0)
        return tm_error_set(err, rc, "operator '%s': a row cannot be made", self->base.node->name);
    return 0;
}

// One row of the block in, one out.
static int pass_row(struct rolling *self, uint32_t i, struct tm_error *err)
{
    const struct tm_row *row = self->block->rows[i];
    const struct tm_key *key = &self->block->keys[i];
    const struct tm__operator_aggregate *culprit;
    struct tm__operator_result_row result = {
        .key = key,
        .home = {self->state, self->ns, tm_state_key_group(self->state, key->hash)},
        .value = self->block->values[i],
    };
    int rc = tm__operator_aggregates_add(&self->aggregates, &result.home, self->block->values[i],
                                         row, 0, &culprit);
    if (rc == TM_E_OVERFLOW)
        return on_overflow(self, row, culprit, err);
    if (rc != 0)
        return tm__operator_out_of_memory(&self->base, err);
    self->used++;
    if (self->has_time && !tm_row_is_null(row, (uint32_t)self->input->time_field)) {
        result.time = tm_row_int(row, self->time_offset);
        result.has_time = true;
    }
    return append(self, &result, row, err);
}

// TM_STEP_MORE: the output is full.
static int pass_block(struct rolling *self, struct tm_error *err)
{
    int rc = TM_STEP_DONE;
    self->used = 0;
    while (rc == TM_STEP_DONE && self->at < self->block->count) {
        rc = pass_row(self, self->at++, err);
        if (rc == 0 && self->output.batch != NULL && tm_batch_is_full(self->output.batch))
            rc = TM_STEP_MORE;
    }
    tm_metric_add(&self->base.metrics->used, self->used);
    return rc;
}

// The batch, by the loop for rows that need no care.
static int pass_batch(struct rolling *self, const struct tm_batch *batch, struct tm_element *out,
                      struct tm_error *err)
{
    if (tm__operator_output_open(&self->output, self->base.ctx, self->result.schema) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    uint32_t before = self->output.batch->row_count;
    int rc = tm__operator_pass_batch(self->pass, batch, &self->row, self->output.batch);
    tm_metric_add(&self->base.metrics->used, self->output.batch->row_count - before);
    if (rc < 0)
        return tm_error_set(err, rc, "operator '%s': a row cannot be made", self->base.node->name);
    if (rc == TM_STEP_MORE)
        (void)tm__operator_output_take(&self->output, &self->base, out);
    return rc;
}

static int add_block(struct rolling *self, struct tm_error *err)
{
    int rc = tm__operator_aggregates_add_block(&self->aggregates, self->state, self->block,
                                               on_overflow, self, err);
    if (rc == 0)
        tm_metric_add(&self->base.metrics->used, self->block->count);
    self->at = self->block->count;
    return rc;
}

// The batch, block by block.
static int block_batch(struct rolling *self, const struct tm_batch *batch, struct tm_element *out,
                       struct tm_error *err)
{
    const void *end = batch->data + batch->size_bytes;
    for (;;) {
        int rc = self->every ? pass_block(self, err) : add_block(self, err);
        if (rc == TM_STEP_MORE)
            (void)tm__operator_output_take(&self->output, &self->base, out);
        if (rc != TM_STEP_DONE)
            return rc;
        if ((const void *)self->row == end)
            break;
        rc = fill_block(self, batch, err);
        if (rc != 0)
            return rc;
    }
    self->block->count = self->at = 0;
    return TM_STEP_DONE;
}

static int step_batch(struct rolling *self, struct tm_element *in, struct tm_element *out,
                      struct tm_error *err)
{
    const struct tm_batch *batch = in->batch;
    if (!self->begun) {
        self->begun = true;
        self->input = batch->schema;
        self->row = tm_batch_first(batch);
        self->output.split = batch->split;
        self->output.read_ns = batch->read_ns;
        tm_metric_add(&self->base.metrics->rows_in, batch->row_count);
    }
    int rc =
        self->pass != NULL ? pass_batch(self, batch, out, err) : block_batch(self, batch, out, err);
    if (rc != TM_STEP_DONE)
        return rc;
    (void)tm__operator_output_take(&self->output, &self->base, out);
    self->begun = false;
    tm_batch_release(in->batch);
    return TM_STEP_DONE;
}

// --- the end -------------------------------------------------------------------------------------

static int append_entry(struct tm_operator *op, const struct tm_key *key, const void *value,
                        bool *more, struct tm_error *err)
{
    struct rolling *self = (struct rolling *)op;
    (void)more; // one row
    struct tm__operator_result_row result = {
        .key = key,
        .home = {self->state, self->ns, self->final.cursor.key_group},
        .value = value,
    };
    return append(self, &result, NULL, err);
}

static int rolling_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                        struct tm_error *err)
{
    struct rolling *self = (struct rolling *)op;
    if (in->kind == TM_ELEMENT_BATCH)
        return step_batch(self, in, out, err);
    if (!self->every && tm__operator_is_final(in)) {
        int rc = tm__operator_final_step(&self->final, op, self->state, self->ns, &self->output,
                                         append_entry, out, err);
        if (rc != TM_STEP_DONE)
            return rc;
    }
    *out = *in;
    return TM_STEP_DONE;
}

static void rolling_free(struct tm_operator *op)
{
    struct rolling *self = (struct rolling *)op;
    tm__operator_output_fini(&self->output);
    tm__operator_layout_fini(&self->layout);
    tm_state_free(self->state);
    tm__operator_result_fini(&self->result);
    tm__operator_aggregates_fini(&self->aggregates);
    tm__operator_keys_fini(&self->keys);
    if (self->pass != NULL)
        tm_mem_free(self->mem, self->pass, sizeof *self->pass);
    if (self->block != NULL)
        tm_mem_free(self->mem, self->block, sizeof *self->block);
    tm_mem_free(self->mem, self, sizeof *self);
}

static void rolling_kept(struct tm_operator *op, struct tm_kept *kept)
{
    tm__operator_kept(((struct rolling *)op)->state, kept);
}

// --- checkpoints ---------------------------------------------------------------------------------

static int lay_out(struct rolling *self, struct tm_error *err)
{
    if (tm__operator_layout_is_made(&self->layout))
        return 0;
    tm__operator_layout_begin(&self->layout, self->mem, self->aggregates.value_bytes);
    tm__operator_layout_say_key(&self->layout, &self->base);
    tm__operator_aggregates_layout(&self->aggregates, self->keys.reader.schema, "",
                                   &tm__operator_in_value, 0, &self->layout);
    return tm__operator_layout_end(&self->layout) == 0
               ? 0
               : tm__operator_out_of_memory(&self->base, err);
}

static int rolling_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    struct rolling *self = (struct rolling *)op;
    if (self->state == NULL || self->final.done)
        return 0;
    int rc = lay_out(self, err);
    return rc == 0 ? tm__operator_cut_state(op, cut, "aggregates", self->state, &self->layout, err)
                   : rc;
}

static const char *wrong(void *arg, struct tm__operator_seen *seen, const void *value)
{
    const struct rolling *self = arg;
    return tm__operator_aggregates_wrong(&self->aggregates, self->keys.reader.schema, seen, value);
}

static int rolling_restore(struct tm_operator *op, const struct tm_restored *restored,
                           struct tm_error *err)
{
    struct rolling *self = (struct rolling *)op;
    bool looks = tm__operator_aggregates_can_be_wrong(&self->aggregates);
    int rc = lay_out(self, err);
    if (rc == 0)
        rc = tm__operator_restore_state(op, restored, "aggregates", &self->layout, self->state,
                                        &self->keys.reader, looks ? wrong : NULL, self, err);
    return rc;
}

// --- from outside --------------------------------------------------------------------------------

static int rolling_results(struct tm_operator *op, const struct tm_key *key,
                           const struct tm_inspector *inspector)
{
    struct rolling *self = (struct rolling *)op;
    uint32_t key_group;
    if (self->state == NULL || self->ns == NULL ||
        !tm__operator_looks_at(self->state, key, &key_group))
        return 0;
    struct tm__operator_result_row row = {
        .key = key,
        .home = {self->state, self->ns, key_group},
        .value = tm_state_find(self->state, self->ns, key),
    };
    return row.value == NULL ? 0 : tm__operator_see_result(&self->result, op, &row, inspector);
}

static int rolling_keys(struct tm_operator *op, bool (*each)(void *arg, const struct tm_key *key),
                        void *arg)
{
    struct rolling *self = (struct rolling *)op;
    bool enough = false;
    return self->state == NULL || self->ns == NULL
               ? 0
               : tm__operator_each_key(self->state, self->ns, each, arg, &enough);
}

static const struct tm_inspect rolling_inspect = {.results = rolling_results, .keys = rolling_keys};

static const struct tm_operator_ops rolling_ops = {
    .inspect = &rolling_inspect,
    .open = rolling_open,
    .step = rolling_step,
    .free = rolling_free,
    .kept = rolling_kept,
    .snapshot = rolling_snapshot,
    .restore = rolling_restore,
};

int tm_operator_rolling_new(struct tm_task_context *ctx, const struct tm_node *node,
                            struct tm_operator **op, struct tm_error *err)
{
    struct rolling *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &rolling_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    self->every = !node->emit_final;
    *op = &self->base;
    return 0;
}
