// The generator's source. Rows are dealt out in blocks: subtask s of p makes blocks s, s + p,
// s + 2p, ... so that all subtasks move through event time together. A block is small enough that p
// of them span no more than the smallest disorder declared, and, under a rate, some milliseconds.
//
// Under a rate row i is due at start + i / rate, whoever makes it. Rows that are due but could not
// be taken (backpressure) follow as fast as they are taken.
#include "connectors/generator/generator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "connectors/generator/strand.h"
#include "connectors/generator/value.h"
#include "core/base/limits.h"
#include "core/base/text.h"

// Under a rate a batch is made this often, unless a full one is due: waking for every row would
// cost more than the rows.
enum { PACE_NS = 1000000, BLOCKS_PER_SECOND = 100 };

// What the subtasks share, made before they start (and at a restore) and not changed after.
struct generator {
    struct tm_mem *mem;
    const struct tm_fx *fx;
    struct tm__generator_field *fields; // those of columns that are read
    uint32_t field_count, field_capacity;
    uint64_t count; // rows; UINT64_MAX: endless
    double rate;    // rows a second; 0: as fast as possible
    uint64_t block; // rows
    uint32_t parallelism;
    int64_t start_ns;                      // when row 0 is due
    struct tm__generator_strands restored; // of all subtasks; none: the job begins anew
};

struct generator_source {
    struct tm_source base;
    const struct generator *shared;
    struct tm_schema *schema;
    struct tm__generator_strands mine;   // in any order; one, but after some restores
    struct tm__generator_strand *lowest; // the one with the next row
    int64_t last_ns;                     // when the last batch was made
    bool ended;
};

// --- options -------------------------------------------------------------------------------------

static const struct tm_option_def generator_options[] = {
    {"rate", TM_OPTION_DOUBLE, false, "0", "rows a second, all subtasks together; 0: no limit",
     NULL},
    {"count", TM_OPTION_INT, false, "0", "rows in all; 0: endless", NULL},
    {"seed", TM_OPTION_INT, false, "0", "rows are a function of it and of their number", NULL},
    {.name = NULL}};

static bool is_name_of(const struct tm_option_def *defs, const char *name)
{
    for (; defs->name != NULL; defs++) {
        if (strcmp(defs->name, name) == 0)
            return true;
    }
    return false;
}

static const char *nearest_of(const struct tm_option_def *defs, const char *name)
{
    const char *names[32];
    size_t count = 0;
    for (; defs->name != NULL && count < 32; defs++)
        names[count++] = defs->name;
    return tm_text_nearest(name, names, count);
}

static int unknown_option(const struct tm_node *node, const char *name, const char *nearest,
                          struct tm_error *err)
{
    tm_error_set(err, TM_E_OPTION, "tm.generate has no option \"%.64s\"", name);
    tm_error_where(err, "%s", node->where);
    if (nearest != NULL)
        tm_error_hint(err, "did you mean \"%s\"?", nearest);
    return TM_E_OPTION;
}

// Every option's name is one of the table, or "field.<i>." and one of the fields' table.
static int check_names(const struct tm_node *node, struct tm_error *err)
{
    for (uint32_t i = 0; i < node->options.count; i++) {
        const char *name = node->options.values[i].name;
        if (strncmp(name, "field.", 6) == 0) {
            const char *part = name + 6;
            size_t digits = strspn(part, "0123456789");
            if (digits == 0 || digits > 4 || part[digits] != '.')
                return unknown_option(node, name, NULL, err);
            part += digits + 1;
            if (!is_name_of(tm__generator_field_options, part))
                return unknown_option(node, name, nearest_of(tm__generator_field_options, part),
                                      err);
        } else if (!is_name_of(generator_options, name)) {
            return unknown_option(node, name, nearest_of(generator_options, name), err);
        }
    }
    return 0;
}

static int wrong_number(const struct tm_node *node, const char *name, const char *what,
                        struct tm_error *err)
{
    tm_error_set(err, TM_E_OPTION, "tm.generate: %s is %s", name, what);
    tm_error_where(err, "%s", node->where);
    return TM_E_OPTION;
}

static int read_unsigned(const struct tm_node *node, const char *name, uint64_t *value,
                         struct tm_error *err)
{
    const struct tm_option_value *v = tm_options_get(&node->options, name);
    *value = 0;
    if (v == NULL)
        return 0;
    if (v->type == TM_OPTION_INT && v->integer >= 0) {
        *value = (uint64_t)v->integer;
        return 0;
    }
    if (v->type != TM_OPTION_DOUBLE || !(v->number >= 0 && v->number <= (double)TM_INT_MAX) ||
        v->number != trunc(v->number))
        return wrong_number(node, name, "a whole number from 0 to 2^53", err);
    *value = (uint64_t)v->number;
    return 0;
}

static int read_options(struct generator *g, const struct tm_node *node, uint64_t *seed,
                        struct tm_error *err)
{
    int rc = check_names(node, err);
    if (rc == 0)
        rc = read_unsigned(node, "count", &g->count, err);
    if (g->count == 0)
        g->count = UINT64_MAX;
    if (rc == 0)
        rc = read_unsigned(node, "seed", seed, err);
    if (rc != 0)
        return rc;
    const struct tm_option_value *rate = tm_options_get(&node->options, "rate");
    if (rate == NULL)
        return 0;
    if ((rate->type != TM_OPTION_DOUBLE && rate->type != TM_OPTION_INT) ||
        !(rate->number >= 0 && rate->number <= 1e12) || (rate->number > 0 && rate->number < 1e-6))
        return wrong_number(node, "rate", "a number of rows a second, 0 for no limit", err);
    g->rate = rate->number;
    return 0;
}

// --- preparation ---------------------------------------------------------------------------------

static bool is_used(const struct tm_node *node, uint32_t column)
{
    return (node->used[column >> 6] >> (column & 63) & 1) != 0;
}

// All fields are checked; those of columns that nobody reads are dropped.
static int read_fields(struct generator *g, const struct tm_node *node,
                       const struct tm_schema *schema, uint64_t seed, uint64_t *disorder_rows,
                       struct tm_error *err)
{
    uint64_t seen[TM_FIELDS_MAX / 64] = {0};
    for (uint32_t i = 0;; i++) {
        struct tm__generator_field field;
        int rc = tm__generator_field_read(&field, g->mem, node, schema, i, seed, err);
        if (rc == TM_E_NOT_FOUND)
            break;
        if (rc != 0)
            return rc;
        uint32_t column = field.column;
        if (field.rows != 0 && field.rows < g->count)
            g->count = field.rows;
        bool twice = (seen[column >> 6] >> (column & 63) & 1) != 0;
        if (field.disorder != 0 && field.step != 0) {
            uint64_t rows = field.disorder / (uint64_t)field.step;
            *disorder_rows = rows < *disorder_rows ? rows : *disorder_rows;
        }
        if (twice || !is_used(node, column))
            tm__generator_field_fini(&field, g->mem);
        else
            g->fields[g->field_count++] = field;
        if (twice)
            return tm_error_set(err, TM_E_OPTION, "tm.generate: field \"%s\" is given twice",
                                schema->fields[column].name);
        seen[column >> 6] |= (uint64_t)1 << (column & 63);
    }
    for (uint32_t column = 0; column < schema->field_count; column++) {
        if (is_used(node, column) && (seen[column >> 6] >> (column & 63) & 1) == 0)
            return tm_error_set(err, TM_E_OPTION, "tm.generate: no field makes the column \"%s\"",
                                schema->fields[column].name);
    }
    return 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t block_rows(const struct generator *g, uint32_t parallelism, uint64_t disorder_rows)
{
    uint64_t rows = smaller(TM_BATCH_ROWS, disorder_rows / parallelism);
    if (g->rate > 0)
        rows = smaller(rows, (uint64_t)(g->rate / BLOCKS_PER_SECOND));
    if (g->count != UINT64_MAX)
        rows = smaller(rows, (g->count + parallelism - 1) / parallelism);
    return rows != 0 ? rows : 1;
}

static void generator_release(void *shared)
{
    struct generator *g = shared;
    if (g == NULL)
        return;
    for (uint32_t i = 0; i < g->field_count; i++)
        tm__generator_field_fini(&g->fields[i], g->mem);
    tm__generator_strands_fini(&g->restored);
    tm_mem_free(g->mem, g->fields, g->field_capacity * sizeof *g->fields);
    tm_mem_free(g->mem, g, sizeof *g);
}

static int generator_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                             uint32_t parallelism, void **shared, struct tm_error *err)
{
    const struct tm_schema *schema = tm_node_schema(node);
    if (schema == NULL)
        return tm_error_set(err, TM_E_SCHEMA_MISSING, "tm.generate: '%s' has no schema",
                            node->name);
    struct generator *g = tm_mem_zalloc(mem, sizeof *g);
    if (g == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    g->mem = mem;
    g->fx = fx;
    g->parallelism = parallelism;
    tm__generator_strands_init(&g->restored, mem);
    g->fields = tm_mem_alloc(mem, schema->field_count * sizeof *g->fields);
    int rc = 0;
    uint64_t seed = 0, disorder_rows = UINT64_MAX;
    if (g->fields == NULL)
        rc = tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    else
        g->field_capacity = schema->field_count;
    if (rc == 0)
        rc = read_options(g, node, &seed, err);
    if (rc == 0)
        rc = read_fields(g, node, schema, seed, &disorder_rows, err);
    if (rc != 0) {
        generator_release(g);
        return rc;
    }
    g->block = block_rows(g, parallelism, disorder_rows);
    g->start_ns = tm_fx_mono_ns(fx);
    *shared = g;
    return 0;
}

static uint32_t generator_split_count(const void *shared, uint32_t subtask, uint32_t parallelism)
{
    (void)shared;
    (void)subtask;
    (void)parallelism;
    return 1;
}

// --- reading -------------------------------------------------------------------------------------

// Rows that are due by now, of all subtasks: those with a smaller number.
static uint64_t rows_due(const struct generator *g, int64_t now_ns)
{
    if (g->rate == 0)
        return g->count;
    double due = (double)(now_ns - g->start_ns) * g->rate / 1e9;
    if (!(due >= 0))
        return 0;
    return due >= 0x1p63 ? g->count : smaller(g->count, (uint64_t)due + 1);
}

static int64_t row_due_ns(const struct generator *g, uint64_t row)
{
    double after_ns = ceil((double)row * 1e9 / g->rate);
    // one more, as rounding may put the row a hair before its time
    return after_ns >= 0x1p62 ? INT64_MAX : g->start_ns + (int64_t)after_ns + 1;
}

// Rows go out in their order as far as a subtask can tell, a block at a time.
static void find_lowest(struct generator_source *self)
{
    struct tm__generator_strands *mine = &self->mine;
    for (uint32_t i = 0; i < mine->count; i++)
        if (mine->strands[i].row >= mine->strands[i].end)
            mine->strands[i--] = mine->strands[--mine->count];
    self->lowest = &mine->strands[0];
    for (uint32_t i = 1; i < mine->count; i++)
        if (mine->strands[i].row < self->lowest->row)
            self->lowest = &mine->strands[i];
}

static int make_row(const struct generator_source *self, struct tm_batch *batch)
{
    const struct generator *g = self->shared;
    struct tm_builder b;
    int rc = tm_builder_begin(&b, batch);
    for (uint32_t i = 0; rc == 0 && i < g->field_count; i++)
        rc = tm__generator_put(&g->fields[i], self->lowest->row, &b);
    return rc == 0 ? tm_builder_end(&b) : rc;
}

static int check_range(const struct generator_source *self, uint64_t row, struct tm_error *err)
{
    const struct generator *g = self->shared;
    for (uint32_t i = 0; i < g->field_count; i++) {
        if (!tm__generator_fits(&g->fields[i], row))
            return tm_error_set(err, TM_E_OVERFLOW,
                                "tm.generate: field \"%s\" has grown out of its type's range near "
                                "row %llu",
                                self->schema->fields[g->fields[i].column].name,
                                (unsigned long long)row);
    }
    return 0;
}

// The last row of the strand that a batch begun now could hold.
static uint64_t last_row(const struct tm__generator_strand *s, uint64_t due)
{
    uint64_t span = (uint64_t)TM_BATCH_ROWS * s->parallelism * 2;
    return s->row > due - 1 - smaller(span, due - 1) ? due - 1 : s->row + span;
}

static int fill(struct generator_source *self, struct tm_batch *batch, uint64_t due,
                struct tm_error *err)
{
    for (uint32_t i = 0; i < self->mine.count; i++) {
        int rc = check_range(self, last_row(&self->mine.strands[i], due), err);
        if (rc != 0)
            return rc;
    }
    while (self->lowest->row < due && !tm_batch_is_full(batch)) {
        int rc = make_row(self, batch);
        if (rc != 0)
            return tm_error_set(err, rc, "tm.generate: out of memory for a batch of %u rows",
                                batch->row_count);
        struct tm__generator_strand *s = self->lowest;
        tm__generator_strand_next(s);
        if (TM_UNLIKELY(self->mine.count != 1) && s->in_block == s->block)
            find_lowest(self);
    }
    return 0;
}

static int generator_read(struct tm_source *source, struct tm_batch **out, struct tm_error *err)
{
    struct generator_source *self = (struct generator_source *)source;
    const struct generator *g = self->shared;
    struct tm_task_context *ctx = source->ctx;
    if (self->lowest->row >= g->count) {
        if (!self->ended)
            tm_splits_set_status(ctx->splits, 0, TM_SPLIT_FINISHED);
        self->ended = true;
        return TM_READ_END;
    }
    uint64_t due = rows_due(g, ctx->now_ns);
    if (self->lowest->row >= due)
        return TM_READ_WAIT;
    bool backlog = due - self->lowest->row >= (uint64_t)TM_BATCH_ROWS * g->parallelism;
    if (g->rate > 0 && due < g->count && !backlog && ctx->now_ns < self->last_ns + PACE_NS)
        return TM_READ_WAIT;
    struct tm_batch *batch = tm_batch_acquire(ctx->pool, self->schema);
    if (batch == NULL)
        return tm_error_set(err, TM_E_MEMORY, "tm.generate: out of memory for a batch");
    int rc = fill(self, batch, due, err);
    if (rc != 0) {
        tm_batch_release_local(batch);
        return rc;
    }
    self->last_ns = ctx->now_ns;
    batch->split = 0;
    batch->read_ns = ctx->now_ns;
    *out = batch;
    return TM_READ_BATCH;
}

static int64_t generator_deadline_ns(const struct tm_source *source)
{
    const struct generator_source *self = (const struct generator_source *)source;
    const struct generator *g = self->shared;
    if (self->ended || g->rate == 0)
        return INT64_MAX;
    if (self->lowest->row >= g->count)
        return 0; // the end can be said at once
    int64_t due = row_due_ns(g, self->lowest->row), paced = self->last_ns + PACE_NS;
    return due > paced ? due : paced;
}

static void generator_free(struct tm_source *source)
{
    struct generator_source *self = (struct generator_source *)source;
    tm_schema_unref(self->schema);
    tm__generator_strands_fini(&self->mine);
    tm_mem_free(source->ctx->mem, self, sizeof *self);
}

static int generator_snapshot(struct tm_source *source, struct tm_cut *cut, struct tm_error *err)
{
    const struct generator_source *self = (const struct generator_source *)source;
    for (uint32_t i = 0; i < self->mine.count; i++) {
        struct tm__generator_strand s = self->mine.strands[i];
        s.watermark = tm_splits_watermark(source->ctx->splits, 0);
        if (tm__generator_strands_put(&s, cut, source->node->name) != 0)
            return tm_error_set(err, TM_E_MEMORY, "tm.generate: out of memory for its position");
    }
    return 0;
}

static const struct tm_source_ops generator_ops = {.read = generator_read,
                                                   .deadline_ns = generator_deadline_ns,
                                                   .free = generator_free,
                                                   .snapshot = generator_snapshot};

// The strands of a subtask, one behind the other.
static int take_strands(struct generator_source *self, uint32_t subtask)
{
    const struct generator *g = self->shared;
    struct tm__generator_strands *mine = &self->mine;
    int64_t watermark = INT64_MAX;
    tm__generator_strands_init(mine, self->base.ctx->mem);
    mine->capacity = g->restored.count == 0 ? 1 : g->restored.count;
    mine->strands = tm_mem_alloc(mine->mem, mine->capacity * sizeof *mine->strands);
    if (mine->strands == NULL)
        return TM_E_MEMORY;
    for (uint32_t i = 0; i < g->restored.count; i++) {
        const struct tm__generator_strand *s = &g->restored.strands[i];
        if (s->subtask != subtask)
            continue;
        mine->strands[mine->count++] = *s;
        watermark = s->watermark < watermark ? s->watermark : watermark;
    }
    if (mine->count == 0)
        mine->strands[mine->count++] =
            tm__generator_strand_of(0, g->block, subtask, g->parallelism);
    else
        tm_splits_raise(self->base.ctx->splits, 0, watermark);
    find_lowest(self);
    return 0;
}

static int generator_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                         struct tm_source **source, struct tm_error *err)
{
    const struct generator *g = shared;
    struct generator_source *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    self->base.ops = &generator_ops;
    self->base.ctx = ctx;
    self->base.node = node;
    self->shared = g;
    self->schema = tm_schema_ref(tm_node_schema(node));
    self->last_ns = INT64_MIN / 2;
    if (take_strands(self, ctx->subtask) != 0) {
        generator_free(&self->base);
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    }
    tm_splits_set_status(ctx->splits, 0, TM_SPLIT_ACTIVE);
    *source = &self->base;
    return 0;
}

// A rate goes on with the next row, which is due now.
static int generator_restore(void *shared, const struct tm_restored *restored,
                             const struct tm_node *node, struct tm_error *err)
{
    struct generator *g = shared;
    uint64_t row = UINT64_MAX;
    int rc = tm__generator_strands_restore(&g->restored, restored, node->name, g->block,
                                           g->parallelism, err);
    for (uint32_t i = 0; rc == 0 && i < g->restored.count; i++)
        row = smaller(row, g->restored.strands[i].row);
    if (rc == 0 && row != UINT64_MAX && g->rate > 0)
        g->start_ns = tm_fx_mono_ns(g->fx) - (int64_t)((double)row * 1e9 / g->rate);
    return rc;
}

const struct tm_connector tm_connector_generator = {
    .name = "generate",
    .source_options = generator_options,
    .replayable = true,
    .source_prepare = generator_prepare,
    .source_new = generator_new,
    .source_release = generator_release,
    .source_restore = generator_restore,
    .split_count = generator_split_count,
};
