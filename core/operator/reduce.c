// reduce: one row per key is kept; each input row and the kept one make the new kept row, by a
// function of the job. The function runs in a generated chunk over many rows at once. Within one
// entry into the chunk no key comes twice, since the second row needs the first one's result: a
// batch is cut where a key repeats.
#include <stdio.h>

#include "core/base/limits.h"
#include "core/operator/cut.h"
#include "core/operator/draws.h"
#include "core/operator/final.h"
#include "core/operator/keyed.h"
#include "core/operator/looking.h"
#include "core/state/image.h"
#include "core/vm/vm.h"

// The value of a key.
struct kept {
    struct tm_blob row; // in the output schema
    uint32_t run;       // the last run that had the key
    uint32_t reserved;
};

struct reduce {
    struct tm_operator base;
    struct tm_mem *mem;
    bool every;                       // a row per input row; else one per key at the end
    struct tm_schema *input, *schema; // of the batch under way; of the output, a reference
    struct tm__operator_keys keys;
    struct tm_state *state;
    struct tm_namespace *ns;
    struct tm__operator_block *block;
    struct tm__operator_output output;
    struct tm_vm_chain *chain;
    struct tm_chain_ctx *entry;          // its context
    struct tm_metric_slot *user_metrics; // of the node, or NULL

    bool begun;               // a batch is under way:
    const struct tm_row *row; // its next row that is not in the block
    uint32_t at, run_end;     // next row of the block, end of its run
    uint32_t run;             // number of the run
    uint8_t *slots[TM__OPERATOR_BLOCK];
    bool failed[TM__OPERATOR_BLOCK]; // by row of the run
    struct tm_error failure;         // of a row, when it ends the job

    struct tm__operator_final final;
    bool finals_out; // the rows at the end have gone on, perhaps before a restart
    struct tm__operator_draws draws;
    struct tm_layout layout;
    struct tm_layout_field *kept_field; // the only one of the layout; NULL: not needed yet
};

static int reduce_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    struct reduce *self = (struct reduce *)op;
    struct tm_schema *output = tm__operator_output(op, err);
    if (output == NULL)
        return err->code;
    self->schema = tm_schema_ref(output);
    tm__operator_keys_init(&self->keys, self->mem, input, &op->node->key);
    int rc = tm__operator_state_new(op, sizeof(struct kept), &self->state, err);
    if (rc != 0)
        return rc;
    self->ns = tm_state_namespace_create(self->state, 0);
    self->block = tm_mem_alloc(self->mem, sizeof *self->block);
    if (self->ns == NULL || self->block == NULL)
        return tm__operator_out_of_memory(op, err);
    self->block->count = 0;
    return 0;
}

// --- what the chunk calls back -------------------------------------------------------------------

static int on_fail(void *arg, uint32_t node_index, const struct tm_row *row, uint32_t row_of,
                   int code, const char *message, size_t length)
{
    struct reduce *self = arg;
    (void)node_index;
    (void)row_of;
    uint32_t i = self->entry->slot_index;
    for (uint32_t k = self->at; row != NULL && k < self->run_end; k++)
        if (self->block->rows[k] == row)
            i = k - self->at;
    if (i < self->run_end - self->at)
        self->failed[i] = true;
    struct tm_row_failure failure = {
        .node = self->base.node,
        .code = code,
        .message = message,
        .message_length = length,
        .schema = self->input,
        .row = row,
        .offset = -1,
        .line = -1,
    };
    return tm_task_row_failed(self->base.ctx, &failure, &self->failure);
}

static int on_grow(void *arg, struct tm_chain_ctx *entry, uint64_t more)
{
    return tm__operator_grow(((struct reduce *)arg)->output.batch, entry, more);
}

static int on_draw(void *arg, uint8_t **slot, uint64_t *key_hash, uint64_t *count)
{
    struct reduce *self = arg;
    uint32_t index = self->at + (uint32_t)(slot - self->slots) - 1;
    return tm__operator_draws_next(&self->draws, &self->base, &self->block->keys[index], key_hash,
                                   count);
}

// --- one run -------------------------------------------------------------------------------------

static int fill_block(struct reduce *self, const struct tm_batch *batch, struct tm_error *err)
{
    self->at = self->run_end = 0;
    return tm__operator_block_upsert(&self->base, &self->keys, self->block, self->state, self->ns,
                                     &self->row, batch->data + batch->size_bytes, err);
}

static uint32_t key_group(const struct reduce *self, uint32_t i)
{
    return tm_state_key_group(self->state, self->block->keys[i].hash);
}

// The longest run from `at` without a key twice. Numbers of runs may come again after 2^32: that
// cuts a run short, no more, since its first row is always taken.
static void find_run(struct reduce *self)
{
    struct tm__operator_block *block = self->block;
    self->run++;
    self->run_end = self->at;
    do {
        ((struct kept *)block->values[self->run_end++])->run = self->run;
    } while (self->run_end < block->count &&
             ((const struct kept *)block->values[self->run_end])->run != self->run);
}

static void enter_rows(struct reduce *self)
{
    const struct tm__operator_block *block = self->block;
    for (uint32_t i = self->at; i < self->run_end; i++) {
        const struct kept *kept = block->values[i];
        self->slots[i - self->at] = kept->row.length == 0
                                        ? NULL
                                        : (uint8_t *)(uintptr_t)tm_state_blob_get(
                                              self->state, key_group(self, i), &kept->row);
        self->failed[i - self->at] = false;
    }
    struct tm_chain_ctx *entry = self->entry;
    entry->in = (const uint8_t *)block->rows[self->at];
    entry->in_end = (const uint8_t *)tm_row_next(block->rows[self->run_end - 1]);
    entry->in_rows = self->run_end - self->at;
    entry->slots = self->slots;
    entry->slot_index = 0;
    entry->now_ms = self->base.ctx->now_ms;
    struct tm_batch *batch = self->output.batch;
    entry->out = batch->data;
    entry->out_size = batch->size_bytes;
    entry->out_capacity = batch->capacity_bytes;
    entry->out_rows = batch->row_count;
}

// The rows that the chunk appended become the kept rows of their keys.
static int take_results(struct reduce *self, size_t old_size, struct tm_error *err)
{
    struct tm_batch *batch = self->output.batch;
    uint32_t done = self->entry->slot_index, results = self->entry->out_rows - batch->row_count;
    batch->size_bytes = self->entry->out_size;
    batch->row_count = self->entry->out_rows;
    const uint8_t *result = batch->data + old_size;
    uint32_t used = 0;
    for (uint32_t i = 0; i < done; i++) {
        if (self->failed[i])
            continue;
        if (used++ == results)
            break;
        const struct tm_row *row = (const struct tm_row *)(const void *)result;
        struct kept *kept = self->block->values[self->at + i];
        int rc = tm_state_blob_set(self->state, self->ns, key_group(self, self->at + i), &kept->row,
                                   row, row->size_bytes);
        if (rc != 0)
            return tm__operator_out_of_memory(&self->base, err);
        result += row->size_bytes;
    }
    if (used != results || done > self->run_end - self->at)
        return tm_error_set(err, TM_E_INTERNAL, "operator '%s': %u rows from %u input rows",
                            self->base.node->name, results, done);
    tm_metric_add(&self->base.metrics->used, used);
    self->at += done;
    return 0;
}

// Memory that ran out is of no row: say whose function ran.
static void name_operator(const struct reduce *self, struct tm_error *err)
{
    tm_error_prefix(err, "operator '%s'", self->base.node->name);
    if (strchr(err->where, ':') == NULL) // no line is known
        tm_error_where(err, "%s", self->base.node->where);
}

// enum tm_vm_run or negative.
static int enter(struct reduce *self, struct tm_error *err)
{
    if (self->at == self->run_end)
        find_run(self);
    if (tm__operator_output_open(&self->output, self->base.ctx, self->schema) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    if (!self->every) { // results are only kept
        self->output.batch->size_bytes = 0;
        self->output.batch->row_count = 0;
    }
    enter_rows(self);
    size_t old_size = self->output.batch->size_bytes;
    uint32_t before = self->at;
    tm_error_clear(&self->failure);
    int rc = tm_vm_chain_run(self->chain, err);
    if (rc < 0) {
        if (self->failure.code != 0)
            *err = self->failure;
        else if (rc == TM_E_USER_MEMORY || rc == TM_E_MEMORY)
            name_operator(self, err);
        return rc;
    }
    int taken = take_results(self, old_size, err);
    if (taken != 0)
        return taken;
    bool stuck = rc == TM_VM_RUN_DONE ? self->at != self->run_end
                                      : rc == TM_VM_RUN_FULL && self->at == before;
    if (stuck)
        return tm_error_set(err, TM_E_INTERNAL,
                            "operator '%s': the chunk stopped before its last row",
                            self->base.node->name);
    return rc;
}

// --- steps ---------------------------------------------------------------------------------------

static int settle(struct reduce *self)
{
    size_t length;
    const char *proposal = tm_vm_chain_proposal(self->chain, &length);
    int rc = tm_task_settle(self->base.ctx->task, proposal, length);
    return rc != 0 ? rc : TM_STEP_WAIT;
}

static int step_batch(struct reduce *self, struct tm_element *in, struct tm_element *out,
                      struct tm_error *err)
{
    const struct tm_batch *batch = in->batch;
    const void *end = batch->data + batch->size_bytes;
    if (!self->begun) {
        self->begun = true;
        self->input = batch->schema;
        self->row = tm_batch_first(batch);
        self->block->count = self->at = self->run_end = 0;
        self->output.split = batch->split;
        self->output.read_ns = batch->read_ns;
        tm_metric_add(&self->base.metrics->rows_in, batch->row_count);
    }
    for (;;) {
        int rc = 0;
        if (self->at == self->block->count) {
            if ((const void *)self->row == end)
                break;
            rc = fill_block(self, batch, err);
            if (rc != 0)
                return rc;
        }
        rc = enter(self, err);
        if (rc < 0)
            return rc;
        if (rc == TM_VM_RUN_SETTLE)
            return settle(self);
        if (self->every && (rc == TM_VM_RUN_FULL || tm_batch_is_full(self->output.batch))) {
            (void)tm__operator_output_take(&self->output, &self->base, out);
            return TM_STEP_MORE;
        }
    }
    if (self->every)
        (void)tm__operator_output_take(&self->output, &self->base, out);
    self->begun = false;
    tm_batch_release(in->batch);
    return TM_STEP_DONE;
}

// A kept row into the output.
static int append_kept(struct tm_operator *op, const struct tm_key *key, const void *value,
                       bool *more, struct tm_error *err)
{
    struct reduce *self = (struct reduce *)op;
    const struct kept *kept = value;
    (void)key;
    (void)more; // one row
    if (kept->row.length == 0)
        return 0; // every row of the key failed
    if (tm__operator_output_open(&self->output, op->ctx, self->schema) != 0)
        return tm__operator_out_of_memory(op, err);
    const struct tm_row *row =
        tm_state_blob_get(self->state, self->final.cursor.key_group, &kept->row);
    return tm_batch_append_row(self->output.batch, row) == 0 ? 0
                                                             : tm__operator_out_of_memory(op, err);
}

static int reduce_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                       struct tm_error *err)
{
    struct reduce *self = (struct reduce *)op;
    if (in->kind == TM_ELEMENT_BATCH)
        return step_batch(self, in, out, err);
    if (!self->every && !self->finals_out && tm__operator_is_final(in)) {
        int rc = tm__operator_final_step(&self->final, op, self->state, self->ns, &self->output,
                                         append_kept, out, err);
        if (rc != TM_STEP_DONE)
            return rc;
        self->finals_out = true;
    }
    *out = *in;
    return TM_STEP_DONE;
}

// --- checkpoints ---------------------------------------------------------------------------------

enum { KEPT_FIELDS = 2 };

// The kept row, whose bytes are those of the output's schema, and of which types its key is.
static int lay_out(struct reduce *self)
{
    if (self->kept_field != NULL)
        return 0;
    struct tm_buf key;
    self->kept_field = tm_mem_zalloc(self->mem, KEPT_FIELDS * sizeof *self->kept_field);
    if (self->kept_field == NULL)
        return TM_E_MEMORY;
    tm_buf_init(&key, self->mem);
    int rc = tm__operator_key_types(&self->base, &key);
    self->kept_field[1] = (struct tm_layout_field){.name = "$key", .present_bit = UINT32_MAX};
    if (rc == 0)
        snprintf(self->kept_field[1].type, sizeof self->kept_field[1].type, "%s",
                 (const char *)key.data);
    tm_buf_fini(&key);
    if (rc != 0)
        return rc;
    *self->kept_field = (struct tm_layout_field){.name = "row",
                                                 .kind = TM_LAYOUT_BLOB,
                                                 .offset = offsetof(struct kept, row),
                                                 .bytes = sizeof(struct tm_blob),
                                                 .present_bit = UINT32_MAX};
    self->layout = (struct tm_layout){
        .value_bytes = sizeof(struct kept), .field_count = KEPT_FIELDS, .fields = self->kept_field};
    return tm__operator_put_type(self->mem, self->kept_field, "", NULL,
                                 (struct tm_type){.kind = TM_TYPE_STRUCT, .of = self->schema});
}

static int reduce_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    struct reduce *self = (struct reduce *)op;
    const char *name = op->node->name;
    int rc = lay_out(self);
    struct tm_snapshot *snapshot = rc == 0 ? tm_state_freeze_pages(self->state) : NULL;
    rc = snapshot == NULL ? TM_E_MEMORY : tm_cut_state(cut, name, "keyed", snapshot, &self->layout);
    if (rc == 0 && self->finals_out)
        rc = tm_cut_item(cut, name, "final", TM_ITEM_COPY, "", 1);
    if (rc != 0)
        return tm__operator_out_of_memory(op, err);
    return tm__operator_draws_snapshot(&self->draws, op, cut, "draws", err);
}

// A key all of whose rows failed has none.
static const char *wrong(void *arg, struct tm__operator_seen *seen, const void *value)
{
    const struct reduce *self = arg;
    const struct kept *kept = value;
    return kept->row.length == 0 ? NULL : tm__operator_row_wrong(seen, self->schema, &kept->row);
}

static int reduce_restore(struct tm_operator *op, const struct tm_restored *restored,
                          struct tm_error *err)
{
    struct reduce *self = (struct reduce *)op;
    const char *name = op->node->name;
    if (!tm_restored_has(restored, name, "keyed"))
        return 0;
    if (lay_out(self) != 0)
        return tm__operator_out_of_memory(op, err);
    int rc = tm_restored_state(restored, name, "keyed", &self->layout, self->state, err);
    if (rc != 0)
        return tm_error_prefix(err, "operator '%s'", name);
    rc = tm__operator_look_at_state(op, "keyed", self->state, &self->keys.reader, wrong, self, err);
    if (rc != 0)
        return rc;
    self->ns = tm__operator_state_only(self->state);
    if (self->ns == NULL)
        return tm__operator_out_of_memory(op, err);
    self->finals_out = tm_restored_has(restored, name, "final");
    return tm__operator_draws_restore(&self->draws, op, restored, "draws", err);
}

static void reduce_free(struct tm_operator *op)
{
    struct reduce *self = (struct reduce *)op;
    if (self->chain != NULL)
        tm_vm_chain_free(self->chain);
    tm__operator_output_fini(&self->output);
    tm_state_free(self->state);
    tm__operator_draws_fini(&self->draws);
    if (self->kept_field != NULL)
        tm_mem_free(self->mem, self->kept_field, KEPT_FIELDS * sizeof *self->kept_field);
    tm_schema_unref(self->schema);
    tm__operator_keys_fini(&self->keys);
    if (self->block != NULL)
        tm_mem_free(self->mem, self->block, sizeof *self->block);
    tm_mem_free(self->mem, self, sizeof *self);
}

static void reduce_kept(struct tm_operator *op, struct tm_kept *kept)
{
    tm__operator_kept(((struct reduce *)op)->state, kept);
}

// --- from outside --------------------------------------------------------------------------------

static int reduce_results(struct tm_operator *op, const struct tm_key *key,
                          const struct tm_inspector *inspector)
{
    const struct reduce *self = (const struct reduce *)op;
    uint32_t group;
    if (self->ns == NULL || !tm__operator_looks_at(self->state, key, &group))
        return 0;
    const struct kept *kept = tm_state_find(self->state, self->ns, key);
    if (kept != NULL && kept->row.length != 0)
        tm__operator_see_row(inspector, "row", self->schema,
                             tm_state_blob_get(self->state, group, &kept->row), false);
    return 0;
}

static int reduce_keys(struct tm_operator *op, bool (*each)(void *arg, const struct tm_key *key),
                       void *arg)
{
    const struct reduce *self = (const struct reduce *)op;
    bool enough = false;
    return self->ns == NULL ? 0 : tm__operator_each_key(self->state, self->ns, each, arg, &enough);
}

static const struct tm_inspect reduce_inspect = {.results = reduce_results, .keys = reduce_keys};

static const struct tm_operator_ops reduce_ops = {.inspect = &reduce_inspect,
                                                  .open = reduce_open,
                                                  .step = reduce_step,
                                                  .free = reduce_free,
                                                  .kept = reduce_kept,
                                                  .snapshot = reduce_snapshot,
                                                  .restore = reduce_restore};

static int on_buckets(void *arg, struct tm_metric_slot *slot)
{
    struct reduce *self = arg;
    return tm_task_buckets(self->base.ctx, slot);
}

int tm_operator_reduce_new(struct tm_task_context *ctx, const struct tm_node *node,
                           struct tm_operator **op, struct tm_error *err)
{
    struct reduce *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &reduce_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    self->every = !node->emit_final;
    self->user_metrics = tm_task_slots(ctx, node->id);
    struct tm_vm_chain_args args = {
        .nodes = &node->id,
        .node_count = 1,
        .subtask = ctx->subtask,
        .fail = on_fail,
        .slots_of = self->user_metrics == NULL ? NULL : &self->user_metrics,
        .buckets = on_buckets,
        .arg = self,
        .draw = on_draw,
        .draws_of = tm__operator_draws_of(node),
        .grow = on_grow,
    };
    int rc = tm_vm_chain_new(ctx->vm, &args, &self->chain, err);
    if (rc != 0) {
        reduce_free(&self->base);
        return rc;
    }
    self->entry = tm_vm_chain_ctx(self->chain);
    self->entry->out_full = TM_BATCH_ROWS;
    self->entry->out_full_bytes = TM_BATCH_BYTES;
    *op = &self->base;
    return 0;
}
