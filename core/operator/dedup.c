// distinct and dedup: the first row of each identity goes on, the others are filtered. An identity
// is the key and some columns, or all of them, null being a value of its own.
//
// With a time to live an identity is forgotten that long (processing time) after its row went on.
// When that was stands in its entry and is looked at with each row, so the time is exact to the
// millisecond. Entries are never searched for what is old: they are made in generations as long as
// the time to live, and what a generation holds is dropped whole once the next but one begins. So
// at most two times to live of identities are kept, and forgetting costs nothing per row: the
// memory of a generation serves the next.
#include "core/operator/cut.h"
#include "core/operator/looking.h"

struct distinct {
    struct tm_operator base;
    struct tm_mem *mem;
    struct tm_key_reader key; // the stream's
    struct tm_buf scratch;    // of one such key
    struct tm_buf bytes;      // identities of a block
    uint32_t *fields;         // key columns and those that tell rows of a key apart
    uint32_t field_count, field_capacity;
    struct tm_state *state; // identity -> when its row went on, ms; 0 bytes without a time to live
    struct tm_namespace *now, *before; // the generations; before: NULL where there is none
    int64_t generation;                // number of `now`
    int64_t clock_ms;                  // the wall clock, which never goes back here
    struct tm__operator_block block;
    bool created[TM__OPERATOR_BLOCK];
    struct tm__operator_layout layout;
};

// --- opening -------------------------------------------------------------------------------------

static int distinct_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    struct distinct *self = (struct distinct *)op;
    const struct tm_node *node = op->node;
    self->field_capacity = input->field_count;
    self->fields = tm_mem_alloc(self->mem, self->field_capacity * sizeof *self->fields);
    if (self->fields == NULL)
        return tm__operator_out_of_memory(op, err);
    tm_key_reader_init(&self->key, input, &node->key);
    self->field_count = tm_node_identity(node, input, self->fields);
    int rc = tm__operator_state_new(op, node->ttl_ms != 0 ? sizeof(int64_t) : 0, &self->state, err);
    if (rc != 0)
        return rc;
    self->now = tm_state_namespace_create(self->state, 0);
    return self->now == NULL ? tm__operator_out_of_memory(op, err) : 0;
}

// --- generations ---------------------------------------------------------------------------------

// Brings the generations up to the clock.
static int turn(struct distinct *self, struct tm_error *err)
{
    const struct tm_task_context *ctx = self->base.ctx;
    int64_t ttl_ms = self->base.node->ttl_ms;
    if (ttl_ms == 0)
        return 0;
    if (ctx->now_ms > self->clock_ms)
        self->clock_ms = ctx->now_ms;
    int64_t generation = self->clock_ms / ttl_ms;
    if (generation == self->generation)
        return 0;
    if (self->before != NULL)
        tm_state_namespace_drop(self->state, self->before);
    self->before = NULL;
    if (generation == self->generation + 1 && tm_state_namespace_size(self->now) != 0)
        self->before = self->now;
    else
        tm_state_namespace_drop(self->state, self->now);
    self->generation = generation;
    self->now = tm_state_namespace_create(self->state, generation);
    return self->now == NULL ? tm__operator_out_of_memory(&self->base, err) : 0;
}

// --- rows ----------------------------------------------------------------------------------------

// Identities have the key group of their key: the high half of the hash is the key's, the low half,
// by which the state tells entries apart, that of the whole identity.
static int read_identities(struct distinct *self, const struct tm_schema *schema)
{
    struct tm__operator_block *block = &self->block;
    self->bytes.size_bytes = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        struct tm_key key;
        size_t start = self->bytes.size_bytes;
        int rc = tm_key_of_row(&self->key, block->rows[i], &self->scratch, &key);
        if (rc == 0)
            rc = tm_key_identity(schema, self->fields, self->field_count, block->rows[i],
                                 &self->bytes);
        if (rc != 0)
            return rc;
        block->keys[i] = (struct tm_key){
            .hash = key.hash,
            .bytes = (const void *)(uintptr_t)start, // while the buffer grows
            .length = (uint32_t)(self->bytes.size_bytes - start),
        };
    }
    for (uint32_t i = 0; i < block->count; i++) {
        struct tm_key *key = &block->keys[i];
        key->bytes = self->bytes.data + (uintptr_t)key->bytes;
        key->hash = tm_key_identity_hash(key->hash, key->bytes, key->length);
    }
    return 0;
}

// Is row i of the block the first of its identity?
static bool is_first(struct distinct *self, uint32_t i)
{
    int64_t ttl_ms = self->base.node->ttl_ms;
    if (ttl_ms == 0)
        return self->created[i];
    int64_t *since = self->block.values[i];
    if (self->created[i]) {
        const int64_t *old = self->before == NULL
                                 ? NULL
                                 : tm_state_find(self->state, self->before, &self->block.keys[i]);
        if (old != NULL && self->clock_ms - *old < ttl_ms) {
            *since = *old;
            return false;
        }
    } else if (self->clock_ms - *since < ttl_ms) {
        return false;
    }
    *since = self->clock_ms;
    return true;
}

// Moves the rows that are the first of their identity together, in place.
static int keep_first(struct distinct *self, struct tm_batch *batch, struct tm_error *err)
{
    struct tm__operator_block *block = &self->block;
    const struct tm_row *row = tm_batch_first(batch);
    const void *end = batch->data + batch->size_bytes;
    uint8_t *write = batch->data;
    uint32_t kept = 0;
    while ((const void *)row != end) {
        for (block->count = 0; (const void *)row != end && block->count < TM__OPERATOR_BLOCK;
             row = tm_row_next(row))
            block->rows[block->count++] = row;
        int rc = read_identities(self, batch->schema);
        if (rc == 0)
            rc = tm_state_upsert_batch(self->state, self->now, block->keys, block->count,
                                       block->values, self->created);
        if (rc != 0)
            return tm__operator_out_of_memory(&self->base, err);
        for (uint32_t i = 0; i < block->count; i++) {
            if (!is_first(self, i))
                continue;
            uint32_t size = block->rows[i]->size_bytes;
            if (write != (const uint8_t *)block->rows[i])
                memmove(write, block->rows[i], size);
            write += size;
            kept++;
        }
    }
    tm_metric_add(&self->base.metrics->filtered, batch->row_count - kept);
    tm_metric_add(&self->base.metrics->used, kept);
    tm_metric_add(&self->base.metrics->rows_out, kept);
    batch->size_bytes = (size_t)(write - batch->data);
    batch->row_count = kept;
    return 0;
}

static int distinct_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                         struct tm_error *err)
{
    struct distinct *self = (struct distinct *)op;
    if (in->kind == TM_ELEMENT_BATCH) {
        tm_metric_add(&op->metrics->rows_in, in->batch->row_count);
        int rc = turn(self, err);
        if (rc == 0)
            rc = keep_first(self, in->batch, err);
        if (rc != 0)
            return rc;
    }
    *out = *in;
    return TM_STEP_DONE;
}

static void distinct_free(struct tm_operator *op)
{
    struct distinct *self = (struct distinct *)op;
    tm__operator_layout_fini(&self->layout);
    tm_state_free(self->state);
    tm_buf_fini(&self->scratch);
    tm_buf_fini(&self->bytes);
    tm_mem_free(self->mem, self->fields, self->field_capacity * sizeof *self->fields);
    tm_mem_free(self->mem, self, sizeof *self);
}

static void distinct_kept(struct tm_operator *op, struct tm_kept *kept)
{
    tm__operator_kept(((struct distinct *)op)->state, kept);
}

// --- checkpoints ---------------------------------------------------------------------------------

// Generations are counted in times to live, so they mean nothing to another one.
static int lay_out(struct distinct *self, struct tm_error *err)
{
    const int64_t ttl_ms = self->base.node->ttl_ms;
    const struct tm_layout_field since = {.bytes = sizeof(int64_t), .present_bit = UINT32_MAX};
    struct tm_buf kind;
    if (tm__operator_layout_is_made(&self->layout))
        return 0;
    tm__operator_layout_begin(&self->layout, self->mem, ttl_ms != 0 ? sizeof(int64_t) : 0);
    tm__operator_layout_say_key(&self->layout, &self->base);
    if (ttl_ms != 0)
        tm__operator_layout_add(&self->layout, &since, "since", "timestamp", NULL);
    tm_buf_init(&kind, self->mem);
    int rc = tm_buf_printf(&kind, "rows told apart by");
    for (uint32_t i = 0; i < self->field_count && rc == 0; i++) {
        const struct tm_field *field = &self->key.schema->fields[self->fields[i]];
        rc = tm_buf_printf(&kind, "%s %s ", i == 0 ? "" : ",", field->name);
        if (rc == 0)
            rc = tm_type_put_text(&kind, field->type);
    }
    if (rc == 0 && ttl_ms != 0)
        rc = tm_buf_printf(&kind, ", for %lld ms", (long long)ttl_ms);
    if (rc == 0)
        rc = tm_buf_append(&kind, "", 1); // a string
    if (rc == 0)
        tm__operator_layout_say(&self->layout, "identity", (const char *)kind.data);
    tm_buf_fini(&kind);
    if (rc == 0)
        rc = tm__operator_layout_end(&self->layout);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

static int distinct_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    struct distinct *self = (struct distinct *)op;
    const int64_t words[] = {self->clock_ms, self->generation};
    if (self->state == NULL)
        return 0;
    int rc = lay_out(self, err);
    if (rc == 0)
        rc = tm__operator_cut_state(op, cut, "identities", self->state, &self->layout, err);
    return rc == 0 ? tm__operator_cut_words(op, cut, "clock", words, 2, err) : rc;
}

// The clock goes on from the latest that anybody saw, and so do generations.
static int take_clock(void *arg, const struct tm__operator_old *old, struct tm_error *err)
{
    struct distinct *self = arg;
    const int64_t clock_ms = old->words[0], generation = old->words[1];
    if (clock_ms > TM_INT_MAX || clock_ms < -TM_INT_MAX || generation > TM_INT_MAX ||
        generation < -TM_INT_MAX)
        return tm__operator_damaged(&self->base, "clock", err, "it shows no time");
    self->clock_ms = clock_ms > self->clock_ms ? clock_ms : self->clock_ms;
    self->generation = generation > self->generation ? generation : self->generation;
    return 0;
}

static const char *wrong(void *arg, struct tm__operator_seen *seen, const void *value)
{
    const int64_t *since = value;
    (void)arg;
    (void)seen;
    return *since > TM_INT_MAX || *since < -TM_INT_MAX ? "a row of no time" : NULL;
}

// What is left of older generations, of subtasks that had seen no row for a while, is over.
static int distinct_restore(struct tm_operator *op, const struct tm_restored *restored,
                            struct tm_error *err)
{
    struct distinct *self = (struct distinct *)op;
    struct tm_namespace *ns, *next;
    int rc = lay_out(self, err);
    if (rc == 0)
        rc = tm__operator_restore_words(op, restored, "clock", 2, take_clock, self, err);
    if (rc == 0)
        rc = tm__operator_restore_state(op, restored, "identities", &self->layout, self->state,
                                        NULL, op->node->ttl_ms != 0 ? wrong : NULL, self, err);
    if (rc != 0)
        return rc;
    self->now = self->before = NULL;
    for (ns = tm_state_namespace_first(self->state); ns != NULL; ns = next) {
        next = tm_state_namespace_next(ns);
        int64_t id = tm_state_namespace_id(ns);
        if (id == self->generation)
            self->now = ns;
        else if (id == self->generation - 1 && op->node->ttl_ms != 0)
            self->before = ns;
        else
            tm_state_namespace_drop(self->state, ns);
    }
    if (self->now == NULL)
        self->now = tm_state_namespace_create(self->state, self->generation);
    return self->now == NULL ? tm__operator_out_of_memory(op, err) : 0;
}

// --- from outside --------------------------------------------------------------------------------

// A key is an identity here: that it was seen, or, where it is forgotten, when.
static int distinct_results(struct tm_operator *op, const struct tm_key *key,
                            const struct tm_inspector *inspector)
{
    const struct distinct *self = (const struct distinct *)op;
    const int64_t ttl_ms = op->node->ttl_ms, seen = 1;
    uint32_t group;
    if (self->now == NULL || !tm__operator_looks_at(self->state, key, &group))
        return 0;
    const int64_t *since = tm_state_find(self->state, self->now, key);
    if (since == NULL && self->before != NULL)
        since = tm_state_find(self->state, self->before, key);
    if (since == NULL || (ttl_ms != 0 && op->ctx->now_ms - *since >= ttl_ms))
        return 0;
    const uint8_t *at = (const uint8_t *)(ttl_ms != 0 ? since : &seen);
    inspector->value(inspector->arg, "seen",
                     tm_type_of_kind(ttl_ms != 0 ? TM_TYPE_TIMESTAMP : TM_TYPE_BOOL),
                     (struct tm_slot){at, at});
    return 0;
}

struct walk {
    const struct distinct *self;
    bool (*each)(void *arg, const struct tm_key *key);
    void *arg;
};

// Those of the generation before that have come again stand in both.
static bool see_older(void *arg, const struct tm_key *key)
{
    const struct walk *walk = arg;
    return tm_state_find(walk->self->state, walk->self->now, key) != NULL ||
           walk->each(walk->arg, key);
}

static int distinct_keys(struct tm_operator *op, bool (*each)(void *arg, const struct tm_key *key),
                         void *arg)
{
    const struct distinct *self = (const struct distinct *)op;
    struct walk walk = {self, each, arg};
    bool enough = false;
    int rc =
        self->now == NULL ? 0 : tm__operator_each_key(self->state, self->now, each, arg, &enough);
    if (rc == 0 && !enough && self->before != NULL)
        rc = tm__operator_each_key(self->state, self->before, see_older, &walk, &enough);
    return rc;
}

static const struct tm_inspect distinct_inspect = {.results = distinct_results,
                                                   .keys = distinct_keys};

static const struct tm_operator_ops distinct_ops = {
    .inspect = &distinct_inspect,
    .open = distinct_open,
    .step = distinct_step,
    .free = distinct_free,
    .kept = distinct_kept,
    .snapshot = distinct_snapshot,
    .restore = distinct_restore,
};

int tm_operator_distinct_new(struct tm_task_context *ctx, const struct tm_node *node,
                             struct tm_operator **op, struct tm_error *err)
{
    struct distinct *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &distinct_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    tm_buf_init(&self->scratch, ctx->mem);
    tm_buf_init(&self->bytes, ctx->mem);
    *op = &self->base;
    return 0;
}
