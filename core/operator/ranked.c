// top, min_by, max_by: the first rows of each key in the order of a column, kept whole. Of equal
// rows the one that came first stands first, and a row without a value is left out.
//
// A key's value is how many rows it keeps and where they are, in order: in the value itself while
// they may be few, else in a blob that is written anew with every change. Kept rows are in the
// output's layout: what has to be put into them when they go out (place, time, kind) is written
// over the copy.
//
// What an input row causes: min_by and max_by give the row that is first now. top gives the changes
// of its ranking: -D of the row that falls out, then +I of the new one; with places, -U and +U for
// every place that has another row now. These can be many, so a change under way goes on in the
// next step where the output is full.
#include "core/operator/cut.h"
#include "core/operator/final.h"
#include "core/operator/looking.h"
#include "core/operator/order.h"

#include <stdio.h>

enum { INLINE_PLACES = 8 };

struct ranking {
    uint32_t count, reserved;
    struct tm_blob places[]; // `limit` of them; or one, which holds them
};

// A change under way: row `at` of the block has come in at `place`.
struct change {
    struct ranking *ranking;
    uint32_t group;         // key group
    uint32_t place;         // of the new row, from 0
    uint32_t before;        // rows there were
    struct tm_blob evicted; // the row that fell out, kept until it has been told
    uint32_t step, steps;   // what has been told
};

struct ranked {
    struct tm_operator base;
    struct tm_mem *mem;
    bool every, changes; // a row per row, changes per row; else the rankings at the end
    uint32_t limit;
    bool is_inline;
    const struct tm_schema *input; // the task's, as long as the operator
    struct tm_schema *output;      // a reference
    struct tm_type type;           // of the column that orders
    uint32_t in_offset, out_offset, field;
    int32_t *from; // by output column: the input's, -1: none. NULL: rows are copied as they are
    struct tm_batch *scratch; // a row in the output's layout
    struct tm_blob *list;     // places being changed
    struct tm__operator_keys keys;
    struct tm_state *state;
    struct tm_namespace *ns;
    struct tm__operator_block *block;
    struct tm__operator_output out;

    bool begun;               // a batch is under way:
    const struct tm_row *row; // its next row that is not in the block
    uint32_t at;              // next row of the block
    struct change change;     // steps 0: none

    struct tm__operator_final final;
    uint32_t final_place; // next of the ranking whose rows go out
    struct tm__operator_layout layout;
};

// --- opening -------------------------------------------------------------------------------------

static int map_columns(struct ranked *self, const struct tm_schema *input)
{
    const struct tm_schema *output = self->output;
    if (tm_schema_same_rows(input, output))
        return 0;
    self->from = tm_mem_alloc(self->mem, output->field_count * sizeof *self->from);
    self->scratch = tm_batch_acquire(self->base.ctx->pool, self->output);
    if (self->from == NULL || self->scratch == NULL)
        return TM_E_MEMORY;
    for (uint32_t c = 0; c < output->field_count; c++) {
        const char *name = output->fields[c].name;
        int32_t from = tm_schema_find(input, name, strlen(name));
        bool made = (int32_t)c == self->base.node->rank_field ||
                    ((int32_t)c == output->time_field && (int32_t)c != input->time_field);
        self->from[c] = made ? -1 : from;
    }
    return 0;
}

static int ranked_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    struct ranked *self = (struct ranked *)op;
    struct tm_schema *output = tm__operator_output(op, err);
    if (output == NULL)
        return err->code;
    self->input = input;
    self->output = tm_schema_ref(output);
    self->field = (uint32_t)op->node->field;
    self->type = input->fields[self->field].type;
    self->in_offset = input->fields[self->field].offset;
    int32_t field = tm_schema_find(output, input->fields[self->field].name,
                                   strlen(input->fields[self->field].name));
    if (field < 0)
        return tm_error_set(err, TM_E_SCHEMA, "operator '%s': its output has no column '%s'",
                            op->node->name, input->fields[self->field].name);
    self->out_offset = output->fields[field].offset;
    tm__operator_keys_init(&self->keys, self->mem, input, &op->node->key);
    uint32_t places = self->is_inline ? self->limit : 1;
    int rc = tm__operator_state_new(
        op, (uint32_t)(sizeof(struct ranking) + places * sizeof(struct tm_blob)), &self->state,
        err);
    if (rc != 0)
        return rc;
    self->ns = tm_state_namespace_create(self->state, 0);
    self->block = tm_mem_zalloc(self->mem, sizeof *self->block);
    self->list = tm_mem_alloc(self->mem, (self->limit + 1) * sizeof *self->list);
    if (self->ns == NULL || self->block == NULL || self->list == NULL ||
        map_columns(self, input) != 0)
        return tm__operator_out_of_memory(op, err);
    return 0;
}

// --- rankings ------------------------------------------------------------------------------------

static const struct tm_blob *places_of(const struct ranked *self, uint32_t group,
                                       const struct ranking *ranking)
{
    return self->is_inline
               ? ranking->places
               : (const struct tm_blob *)tm_state_blob_get(self->state, group, ranking->places);
}

static const struct tm_row *kept_row(const struct ranked *self, uint32_t group,
                                     const struct tm_blob *blob)
{
    return tm_state_blob_get(self->state, group, blob);
}

// < 0: the row goes before the kept one.
static int order(const struct ranked *self, const struct tm_row *row, const struct tm_row *kept)
{
    int order = tm_operator_order(self->type, row, self->in_offset, kept, self->out_offset);
    return self->base.node->descending ? -order : order;
}

// Where the row comes in: behind all that are not behind it. `count`: it is the last.
static uint32_t find_place(const struct ranked *self, uint32_t group, const struct tm_blob *places,
                           uint32_t count, const struct tm_row *row)
{
    uint32_t low = 0, high = count;
    // Most rows of a long stream are behind the last one kept.
    if (count != 0 && order(self, row, kept_row(self, group, &places[count - 1])) >= 0)
        return count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (order(self, row, kept_row(self, group, &places[middle])) >= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// The row in the output's layout. NULL: it cannot be made, *code says why.
static const struct tm_row *in_layout(struct ranked *self, const struct tm_row *row, int *code)
{
    struct tm_builder b;
    if (self->from == NULL)
        return row;
    self->scratch->size_bytes = 0;
    self->scratch->row_count = 0;
    int rc = tm_builder_begin(&b, self->scratch);
    if (rc == 0) {
        for (uint32_t c = 0; rc == 0 && c < self->output->field_count; c++)
            if (self->from[c] >= 0)
                rc = tm_builder_copy(&b, c, row, self->input, (uint32_t)self->from[c]);
        if (rc == 0)
            rc = tm_builder_end(&b);
        else
            tm_builder_cancel(&b);
    }
    *code = rc;
    return rc == 0 ? tm_batch_first(self->scratch) : NULL;
}

// Puts the row in at its place; what falls out is in change->evicted.
static int insert(struct ranked *self, struct change *change, const struct tm_row *row)
{
    struct ranking *ranking = change->ranking;
    const struct tm_blob *places = places_of(self, change->group, ranking);
    struct tm_blob made = {0};
    uint32_t count = ranking->count;
    int rc = 0;
    const struct tm_row *kept = in_layout(self, row, &rc);
    if (kept == NULL)
        return rc;
    rc = tm_state_blob_set(self->state, self->ns, change->group, &made, kept, kept->size_bytes);
    if (rc != 0)
        return rc;
    memcpy(self->list, places, change->place * sizeof *places);
    self->list[change->place] = made;
    memcpy(self->list + change->place + 1, places + change->place,
           (count - change->place) * sizeof *places);
    if (++count > self->limit)
        change->evicted = self->list[--count];
    if (self->is_inline)
        memcpy(ranking->places, self->list, count * sizeof *places);
    else
        rc = tm_state_blob_set(self->state, self->ns, change->group, ranking->places, self->list,
                               (uint32_t)(count * sizeof *places));
    if (rc == 0)
        ranking->count = count;
    return rc;
}

static int forget_evicted(struct ranked *self, struct change *change)
{
    return change->evicted.length == 0
               ? 0
               : tm_state_blob_set(self->state, self->ns, change->group, &change->evicted, NULL, 0);
}

// --- rows out ------------------------------------------------------------------------------------

static int failed(const struct ranked *self, int rc, struct tm_error *err)
{
    return tm_error_set(err, rc, "operator '%s': a row cannot be kept", self->base.node->name);
}

static void put_int(const struct ranked *self, struct tm_row *row, uint32_t field, int64_t value)
{
    row->nulls[field >> 6] &= ~((uint64_t)1 << (field & 63));
    memcpy((uint8_t *)row + self->output->fields[field].offset, &value, sizeof value);
}

// A kept row as one of this kind at this place (from 0); `cause` is the input row, or NULL.
static int append(struct ranked *self, uint32_t group, const struct tm_blob *blob, uint8_t kind,
                  uint32_t place, const struct tm_row *cause, struct tm_error *err)
{
    if (tm__operator_output_open(&self->out, self->base.ctx, self->output) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    struct tm_batch *batch = self->out.batch;
    size_t start = batch->size_bytes;
    int rc = tm_batch_append_row(batch, kept_row(self, group, blob));
    if (rc != 0)
        return failed(self, rc, err);
    struct tm_row *row = (struct tm_row *)(void *)(batch->data + start);
    row->kind = kind;
    if (self->base.node->rank_field >= 0)
        put_int(self, row, (uint32_t)self->base.node->rank_field, (int64_t)place + 1);
    int32_t in = self->input->time_field, time = self->output->time_field;
    if (cause != NULL && time >= 0 && in >= 0 && !tm_row_is_null(cause, (uint32_t)in) &&
        (self->output->fields[time].flags & TM_FIELD_HIDDEN) != 0)
        put_int(self, row, (uint32_t)time, tm_row_int(cause, self->input->fields[in].offset));
    return 0;
}

// How many rows a change of the ranking is told by.
static uint32_t count_steps(const struct ranked *self, const struct change *change)
{
    uint32_t grown = change->ranking->count - change->before;
    if (self->base.node->rank_field < 0)
        return change->evicted.length == 0 ? 1 : 2;
    return 2 * (change->before - change->place) + grown;
}

// The row at a place before the change.
static const struct tm_blob *old_place(const struct ranked *self, const struct change *change,
                                       const struct tm_blob *places, uint32_t place)
{
    if (place < change->place)
        return &places[place];
    return place + 1 == self->limit ? &change->evicted : &places[place + 1];
}

static int tell_step(struct ranked *self, const struct change *change, const struct tm_row *cause,
                     struct tm_error *err)
{
    const struct tm_blob *places = places_of(self, change->group, change->ranking);
    if (self->base.node->rank_field < 0) {
        bool leaves = change->step + 1 < change->steps;
        return append(self, change->group, leaves ? &change->evicted : &places[change->place],
                      leaves ? TM_ROW_DELETE : TM_ROW_INSERT, 0, cause, err);
    }
    uint32_t place = change->place + change->step / 2;
    if (place >= change->before)
        return append(self, change->group, &places[place], TM_ROW_INSERT, place, cause, err);
    if (change->step % 2 == 0)
        return append(self, change->group, old_place(self, change, places, place),
                      TM_ROW_UPDATE_BEFORE, place, cause, err);
    return append(self, change->group, &places[place], TM_ROW_UPDATE_AFTER, place, cause, err);
}

// Tells the change under way. TM_STEP_MORE: the output is full.
static int tell(struct ranked *self, struct tm_error *err)
{
    struct change *change = &self->change;
    while (change->step < change->steps) {
        int rc = tell_step(self, change, self->block->rows[self->at], err);
        if (rc != 0)
            return rc;
        change->step++;
        if (tm_batch_is_full(self->out.batch))
            return TM_STEP_MORE;
    }
    int rc = forget_evicted(self, change);
    *change = (struct change){0};
    self->at++;
    return rc == 0 ? TM_STEP_DONE : tm__operator_out_of_memory(&self->base, err);
}

// --- rows in -------------------------------------------------------------------------------------

static int fill_block(struct ranked *self, const struct tm_batch *batch, struct tm_error *err)
{
    self->at = 0;
    return tm__operator_block_upsert(&self->base, &self->keys, self->block, self->state, self->ns,
                                     &self->row, batch->data + batch->size_bytes, err);
}

// Ranks row `at` of the block and prepares what is to be told of it.
static int rank_row(struct ranked *self, struct tm_error *err)
{
    const struct tm_row *row = self->block->rows[self->at];
    struct change change = {
        .ranking = self->block->values[self->at],
        .group = tm_state_key_group(self->state, self->block->keys[self->at].hash),
    };
    change.before = change.ranking->count;
    if (tm_row_is_null(row, self->field)) {
        tm_metric_add(&self->base.metrics->filtered, 1);
        self->at++;
        return 0;
    }
    change.place = find_place(self, change.group, places_of(self, change.group, change.ranking),
                              change.before, row);
    bool comes_in = change.place < self->limit;
    int rc = comes_in ? insert(self, &change, row) : 0;
    if (rc == TM_E_LIMIT) {
        self->at++;
        return tm__operator_row_failed(&self->base, self->input, row, rc, err,
                                       "the row is too large to be kept with what is added to it");
    }
    if (rc != 0)
        return failed(self, rc, err);
    tm_metric_add(&self->base.metrics->used, 1);
    if (self->every) {
        rc = append(self, change.group, places_of(self, change.group, change.ranking),
                    TM_ROW_INSERT, 0, row, err);
    } else if (self->changes && comes_in) {
        self->change = change;
        self->change.steps = count_steps(self, &change);
        return 0; // `tell` goes on to the next row
    }
    if (rc == 0)
        rc = forget_evicted(self, &change);
    self->at++;
    return rc;
}

// TM_STEP_MORE: the output is full.
static int rank_block(struct ranked *self, struct tm_error *err)
{
    while (self->at < self->block->count) {
        int rc = self->change.steps != 0 ? tell(self, err) : rank_row(self, err);
        if (rc != 0)
            return rc;
        if (self->change.steps == 0 && self->out.batch != NULL && tm_batch_is_full(self->out.batch))
            return TM_STEP_MORE;
    }
    return TM_STEP_DONE;
}

static int step_batch(struct ranked *self, struct tm_element *in, struct tm_element *out,
                      struct tm_error *err)
{
    const struct tm_batch *batch = in->batch;
    const void *end = batch->data + batch->size_bytes;
    if (!self->begun) {
        self->begun = true;
        self->row = tm_batch_first(batch);
        self->block->count = self->at = 0;
        self->out.split = batch->split;
        self->out.read_ns = batch->read_ns;
        tm_metric_add(&self->base.metrics->rows_in, batch->row_count);
    }
    for (;;) {
        int rc = rank_block(self, err);
        if (rc == TM_STEP_MORE)
            (void)tm__operator_output_take(&self->out, &self->base, out);
        if (rc != TM_STEP_DONE)
            return rc;
        if ((const void *)self->row == end)
            break;
        rc = fill_block(self, batch, err);
        if (rc != 0)
            return rc;
    }
    (void)tm__operator_output_take(&self->out, &self->base, out);
    self->begun = false;
    tm_batch_release(in->batch);
    return TM_STEP_DONE;
}

// --- the end -------------------------------------------------------------------------------------

// The next row of a ranking into the output.
static int append_place(struct tm_operator *op, const struct tm_key *key, const void *value,
                        bool *more, struct tm_error *err)
{
    struct ranked *self = (struct ranked *)op;
    uint32_t group = self->final.cursor.key_group;
    const struct ranking *ranking = value;
    (void)key;
    if (self->final_place == ranking->count) {
        self->final_place = 0;
        return 0;
    }
    *more = true;
    uint32_t place = self->final_place++;
    const struct tm_blob *places = places_of(self, group, ranking);
    return append(self, group, &places[place], TM_ROW_INSERT, place, NULL, err);
}

static int ranked_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                       struct tm_error *err)
{
    struct ranked *self = (struct ranked *)op;
    if (in->kind == TM_ELEMENT_BATCH)
        return step_batch(self, in, out, err);
    if (op->node->emit_final && tm__operator_is_final(in)) {
        int rc = tm__operator_final_step(&self->final, op, self->state, self->ns, &self->out,
                                         append_place, out, err);
        if (rc != TM_STEP_DONE)
            return rc;
    }
    *out = *in;
    return TM_STEP_DONE;
}

static void ranked_free(struct tm_operator *op)
{
    struct ranked *self = (struct ranked *)op;
    tm__operator_output_fini(&self->out);
    tm__operator_layout_fini(&self->layout);
    tm_batch_release(self->scratch);
    tm_state_free(self->state);
    tm__operator_keys_fini(&self->keys);
    if (self->from != NULL)
        tm_mem_free(self->mem, self->from, self->output->field_count * sizeof *self->from);
    tm_mem_free(self->mem, self->list, (self->limit + 1) * sizeof *self->list);
    tm_schema_unref(self->output);
    if (self->block != NULL)
        tm_mem_free(self->mem, self->block, sizeof *self->block);
    tm_mem_free(self->mem, self, sizeof *self);
}

static void ranked_kept(struct tm_operator *op, struct tm_kept *kept)
{
    tm__operator_kept(((struct ranked *)op)->state, kept);
}

// --- checkpoints ---------------------------------------------------------------------------------

// What a ranking is: rows of another column's order, or of another number, are of no use.
static int put_kind(const struct ranked *self, struct tm_buf *text)
{
    const struct tm_type rows = {.kind = TM_TYPE_STRUCT, .of = self->output};
    int rc = tm_buf_printf(text, "the %s %u by %s ", self->base.node->descending ? "last" : "first",
                           self->limit, self->input->fields[self->field].name);
    if (rc == 0)
        rc = tm_type_put_text(text, rows);
    return rc == 0 ? tm_buf_append(text, "", 1) : rc; // a string
}

static void add_places(struct ranked *self, const char *kind)
{
    const uint32_t at = sizeof(struct ranking), bytes = sizeof(struct tm_blob);
    struct tm_layout_field field = tm__operator_in_value;
    tm__operator_layout_begin(&self->layout, self->mem,
                              at + (self->is_inline ? self->limit : 1) * bytes);
    tm__operator_layout_say_key(&self->layout, &self->base);
    field.bytes = at;
    tm__operator_layout_add(&self->layout, &field, "rows", kind, NULL);
    field.offset = at;
    field.bytes = bytes;
    if (!self->is_inline) {
        field.kind = TM_LAYOUT_ITEMS;
        field.value_bytes = bytes;
        tm__operator_layout_add(&self->layout, &field, "places", "", NULL);
        field = tm__operator_in_value;
        field.bytes = bytes;
        field.inside = self->layout.layout.field_count;
    }
    field.kind = TM_LAYOUT_BLOB;
    for (uint32_t i = 0; i < (self->is_inline ? self->limit : 1); i++) {
        char name[24];
        snprintf(name, sizeof name, "place %u", i + 1);
        tm__operator_layout_add(&self->layout, &field, self->is_inline ? name : "place", "row",
                                NULL);
        field.offset += bytes;
    }
}

static int lay_out(struct ranked *self, struct tm_error *err)
{
    struct tm_buf kind;
    if (tm__operator_layout_is_made(&self->layout))
        return 0;
    tm_buf_init(&kind, self->mem);
    int rc = put_kind(self, &kind);
    if (rc == 0)
        add_places(self, (const char *)kind.data);
    tm_buf_fini(&kind);
    if (rc == 0)
        rc = tm__operator_layout_end(&self->layout);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

static int ranked_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    struct ranked *self = (struct ranked *)op;
    if (self->state == NULL || self->final.done)
        return 0;
    int rc = lay_out(self, err);
    return rc == 0 ? tm__operator_cut_state(op, cut, "rankings", self->state, &self->layout, err)
                   : rc;
}

static const char *wrong(void *arg, struct tm__operator_seen *seen, const void *value)
{
    const struct ranked *self = arg;
    const struct ranking *ranking = value;
    const struct tm_blob *places = ranking->places;
    if (ranking->count > self->limit)
        return "a ranking of too many rows";
    if (!self->is_inline) {
        const struct tm_blob *all = ranking->places;
        places = tm__operator_seen_blob(seen, all);
        if (places == NULL || all->length != ranking->count * sizeof *places)
            return "a ranking that is nowhere";
    }
    for (uint32_t i = 0; i < ranking->count; i++) {
        const char *what = tm__operator_row_wrong(seen, self->output, &places[i]);
        if (what != NULL)
            return what;
    }
    return NULL;
}

static int ranked_restore(struct tm_operator *op, const struct tm_restored *restored,
                          struct tm_error *err)
{
    struct ranked *self = (struct ranked *)op;
    int rc = lay_out(self, err);
    return rc == 0 ? tm__operator_restore_state(op, restored, "rankings", &self->layout,
                                                self->state, &self->keys.reader, wrong, self, err)
                   : rc;
}

// --- from outside --------------------------------------------------------------------------------

// In their order, each with its place where the output has one.
static int see_places(struct ranked *self, uint32_t group, const struct ranking *ranking,
                      struct tm_batch *batch, const struct tm_inspector *inspector)
{
    const struct tm_blob *places = places_of(self, group, ranking);
    int rc = 0;
    for (uint32_t i = 0; i < ranking->count && rc == 0; i++) {
        batch->size_bytes = 0;
        batch->row_count = 0;
        rc = tm_batch_append_row(batch, kept_row(self, group, &places[i]));
        struct tm_row *row = (struct tm_row *)(void *)batch->data;
        if (rc == 0 && self->base.node->rank_field >= 0)
            put_int(self, row, (uint32_t)self->base.node->rank_field, (int64_t)i + 1);
        if (rc == 0)
            tm__operator_see_row(inspector, "rows", self->output, row, true);
    }
    return rc == TM_E_MEMORY ? rc : 0;
}

static int ranked_results(struct tm_operator *op, const struct tm_key *key,
                          const struct tm_inspector *inspector)
{
    struct ranked *self = (struct ranked *)op;
    uint32_t group;
    if (self->ns == NULL || !tm__operator_looks_at(self->state, key, &group))
        return 0;
    const struct ranking *ranking = tm_state_find(self->state, self->ns, key);
    if (ranking == NULL)
        return 0;
    struct tm_batch *batch = tm_batch_acquire(op->ctx->pool, self->output);
    if (batch == NULL)
        return TM_E_MEMORY;
    int rc = see_places(self, group, ranking, batch, inspector);
    tm_batch_release_local(batch);
    return rc;
}

static int ranked_keys(struct tm_operator *op, bool (*each)(void *arg, const struct tm_key *key),
                       void *arg)
{
    const struct ranked *self = (const struct ranked *)op;
    bool enough = false;
    return self->ns == NULL ? 0 : tm__operator_each_key(self->state, self->ns, each, arg, &enough);
}

static const struct tm_inspect ranked_inspect = {.results = ranked_results, .keys = ranked_keys};

static const struct tm_operator_ops ranked_ops = {
    .inspect = &ranked_inspect,
    .open = ranked_open,
    .step = ranked_step,
    .free = ranked_free,
    .kept = ranked_kept,
    .snapshot = ranked_snapshot,
    .restore = ranked_restore,
};

int tm_operator_ranked_new(struct tm_task_context *ctx, const struct tm_node *node,
                           struct tm_operator **op, struct tm_error *err)
{
    struct ranked *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &ranked_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    self->limit = node->limit;
    self->is_inline = node->limit <= INLINE_PLACES;
    self->every = node->kind == TM_NODE_EXTREME && !node->emit_final;
    self->changes = node->kind == TM_NODE_TOP && !node->emit_final;
    *op = &self->base;
    return 0;
}
