// What the tests of operators share: an operator alone, without a task: its context, its node, its
// schemas, rows, and what it puts out. The task's functions that operators call are doubles that
// record.
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/batch/key_group.h"
#include "core/operator/block.h"
#include "core/vm/chain.ffi.h"
#include "tests/memory.h"
#ifndef SUPPORT_OWN_CHAINS
#include "chains.h"
#endif

// --- memory and randomness -----------------------------------------------------------------------

static const struct tm_fx support_fx = {.memory = &plain_memory};

static uint64_t random_state;
static inline uint64_t draw(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % below;
}
static inline void seed_from(const char *test)
{
    const char *given = getenv("TM_SEED");
    random_state = given != NULL ? strtoull(given, NULL, 0) : 88172645463325252u;
    printf("%s: TM_SEED=%llu\n", test, (unsigned long long)random_state);
}

// --- the rows: one schema for all tests ----------------------------------------------------------

enum { USER, ITEM, TS, AMOUNT, CENTS, BIG, PRICE, NOTE, FLAG, FIELDS };

static const struct tm_field_def input_fields[FIELDS] = {
    {"user", {TM_TYPE_STRING, 0, 0, 0}, 0},    {"item", {TM_TYPE_INT, 0, 0, 0}, 0},
    {"ts", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0},   {"amount", {TM_TYPE_DOUBLE, 0, 0, 0}, 0},
    {"cents", {TM_TYPE_INT, 0, 0, 0}, 0},      {"big", {TM_TYPE_INT64, 0, 0, 0}, 0},
    {"price", {TM_TYPE_DECIMAL, 10, 2, 0}, 0}, {"note", {TM_TYPE_STRING, 0, 0, 0}, 0},
    {"flag", {TM_TYPE_BOOL, 0, 0, 0}, 0},
};

struct row {
    const char *user;
    int64_t item, ts;
    double amount;
    int64_t cents, big;
    int64_t price; // unscaled
    const char *note;
    bool flag;
    uint32_t nulls; // bit f: field f is null
};

// --- the operator under test ---------------------------------------------------------------------

enum { FAILURES = 4096 };

static struct {
    struct tm_mem mem;
    struct tm_task_context ctx;
    struct tm_plan plan;
    struct tm_chain chain;
    struct tm_graph graph;
    struct tm_node node;
    struct tm_aggregate aggregates[32];
    struct tm_node_metrics metrics;
    struct tm_schema *input, *output;
    struct tm_type lists[FIELDS]; // types of lists of each column, where they are used
    struct tm_operator *op;
    int failures;
    int failure_codes[FAILURES];
    char failure_text[768];
    int fail_with; // what tm_task_row_failed returns
    struct tm_error err;
} world;

int tm_task_row_failed(struct tm_task_context *ctx, const struct tm_row_failure *failure,
                       struct tm_error *err)
{
    ck_assert_ptr_eq(ctx->fx, world.ctx.fx); // one of several may be of it
    ck_assert_ptr_eq(failure->node, &world.node);
    if (world.failures < FAILURES)
        world.failure_codes[world.failures] = failure->code;
    world.failures++;
    snprintf(world.failure_text, sizeof world.failure_text, "%.*s", (int)failure->message_length,
             failure->message);
    tm_metric_add(failure->failed == TM_FAILED_ROW     ? &world.metrics.skipped
                  : failure->failed == TM_FAILED_TIMER ? &world.metrics.failed_timers
                  : failure->failed == TM_FAILED_KEY   ? &world.metrics.failed_keys
                                                       : &world.metrics.failed_firings,
                  1);
    if (world.fail_with != 0)
        return tm_error_set(err, world.fail_with, "%s", world.failure_text);
    return 0;
}

static struct tm_metric_slot metric_slot;
// An operator stands alone.
struct tm_operator *tm_task_operator(struct tm_task *task, uint32_t node)
{
    (void)task;
    (void)node;
    return NULL;
}

struct tm_metric_slot *tm_task_slots(struct tm_task_context *ctx, uint32_t node)
{
    (void)ctx;
    (void)node;
    return &metric_slot;
}
int tm_task_buckets(struct tm_task_context *ctx, struct tm_metric_slot *slot)
{
    (void)ctx;
    slot->is_set = 1;
    return 0;
}

#ifndef TAKES_SIDE_ROWS // a program that looks at them says so, and takes them itself
void tm_task_put_side(struct tm_task *task, uint32_t node, uint32_t side, struct tm_batch *batch)
{
    (void)task;
    (void)node;
    (void)side;
    tm_batch_release(batch);
}
#endif

// No Lua: nothing of these states migrates (tests/functional/test_evolve has those that do).
int tm_vm_migrate(struct tm_vm *vm, const struct tm_vm_migration *migration, struct tm_buf *made,
                  bool *nothing, struct tm_error *err)
{
    (void)vm;
    (void)migration;
    (void)made;
    (void)nothing;
    return tm_error_set(err, TM_E_USER_CODE, "no Lua");
}

void tm_task_migrates(struct tm_task_context *ctx, const struct tm_node *node, bool begins)
{
    (void)ctx;
    (void)node;
    (void)begins;
}

struct tm_node_metrics *tm_task_metrics(struct tm_task_context *ctx, uint32_t node)
{
    (void)ctx;
    (void)node;
    return &world.metrics;
}

static inline struct tm_schema *make_schema(const struct tm_field_def *defs, uint32_t count,
                                            int32_t time)
{
    struct tm_schema *schema;
    struct tm_error err;
    ck_assert_int_eq(tm_schema_new(&world.mem, defs, count, time, &schema, &err), 0);
    return schema;
}

static inline void world_new(uint8_t kind, uint32_t max_parallelism)
{
    memset(&world, 0, sizeof world);
    tm_mem_init(&world.mem, &support_fx, NULL, 0);
    world.graph.nodes = &world.node;
    world.graph.node_count = 1;
    world.plan.graph = &world.graph;
    world.plan.max_parallelism = max_parallelism;
    world.chain.parallelism = 1;
    world.ctx = (struct tm_task_context){
        .fx = &support_fx,
        .mem = &world.mem,
        .shared_mem = &world.mem,
        .pool = tm_batch_pool_new(&world.mem),
        .plan = &world.plan,
        .chain = &world.chain,
    };
    world.node.kind = kind;
    world.node.name = "test";
    world.node.aggregates = world.aggregates;
    world.input = make_schema(input_fields, FIELDS, TS);
}

static inline void use_key(uint32_t field)
{
    world.node.key.fields[world.node.key.count++] = field;
}

// The aggregate's output column; -1: as the input's.
static inline struct tm_type result_type(int kind, int field)
{
    struct tm_type type = field < 0 ? (struct tm_type){0} : input_fields[field].type;
    if (kind == TM_AGGREGATE_LIST && world.lists[field].kind != TM_TYPE_UNKNOWN)
        return world.lists[field];
    bool counts = kind == TM_AGGREGATE_COUNT || kind == TM_AGGREGATE_COUNT_DISTINCT ||
                  kind == TM_AGGREGATE_APPROXIMATE_DISTINCT;
    if (kind >= TM_AGGREGATE_QUANTILE && kind <= TM_AGGREGATE_STDDEV_POPULATION)
        return (struct tm_type){TM_TYPE_DOUBLE, 0, 0, 0};
    if (counts)
        return (struct tm_type){TM_TYPE_INT, 0, 0, 0};
    if (type.kind == TM_TYPE_DECIMAL && kind == TM_AGGREGATE_SUM)
        return (struct tm_type){TM_TYPE_DECIMAL, 38, type.scale, 0};
    if (type.kind == TM_TYPE_DECIMAL && kind == TM_AGGREGATE_AVG)
        return (struct tm_type){TM_TYPE_DECIMAL, 38, 6, 0};
    if (kind == TM_AGGREGATE_AVG)
        return (struct tm_type){TM_TYPE_DOUBLE, 0, 0, 0};
    return type;
}

static inline void use_aggregate(int kind, int field)
{
    world.aggregates[world.node.aggregate_count++] =
        (struct tm_aggregate){.kind = (uint8_t)kind, .input_field = field};
}

static inline void use_aggregate_by(int kind, int field, uint32_t by)
{
    use_aggregate(kind, field);
    world.aggregates[world.node.aggregate_count - 1].by_field = by;
}

static inline void use_list(int field, uint32_t limit)
{
    char of[TM_TYPE_TEXT], text[TM_TYPE_TEXT + 8];
    struct tm_error err;
    snprintf(text, sizeof text, "list(%s)", tm_type_text(input_fields[field].type, of));
    if (world.lists[field].kind == TM_TYPE_UNKNOWN)
        ck_assert_int_eq(tm_type_parse(&world.mem, text, &world.lists[field], &err), 0);
    use_aggregate(TM_AGGREGATE_LIST, field);
    world.aggregates[world.node.aggregate_count - 1].limit = limit;
}

static inline void use_quantile(int field, double q)
{
    use_aggregate(TM_AGGREGATE_QUANTILE, field);
    world.aggregates[world.node.aggregate_count - 1].q = q;
}

// Makes and opens the operator, whose output schema is `output` (taken over).
static inline void open_with(tm_operator_make *make, struct tm_schema *output)
{
    world.output = output;
    world.node.schema = output;
    ck_assert_int_eq(make(&world.ctx, &world.node, &world.op, &world.err), 0);
    world.op->ctx = &world.ctx;
    world.op->node = &world.node;
    world.op->metrics = &world.metrics;
    if (world.op->ops->open != NULL && world.op->ops->open(world.op, world.input, &world.err) != 0)
        ck_abort_msg("open: %s", world.err.message);
}

// Builds the output schema from what was used (key, window bounds, aggregates, $time) and opens.
static inline int try_open_keyed(int (*make)(struct tm_task_context *, const struct tm_node *,
                                             struct tm_operator **, struct tm_error *))
{
    struct tm_field_def defs[64];
    static char names[32][16];
    uint32_t n = 0;
    for (uint32_t i = 0; i < world.node.key.count; i++)
        defs[n++] = input_fields[world.node.key.fields[i]];
    bool unbounded = world.node.window == TM_WINDOW_GLOBAL || world.node.window == TM_WINDOW_COUNT;
    if (world.node.kind == TM_NODE_WINDOW && !unbounded) {
        defs[n++] = (struct tm_field_def){"window_start", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0};
        defs[n++] = (struct tm_field_def){"window_end", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0};
    }
    for (uint32_t i = 0; i < world.node.aggregate_count; i++) {
        struct tm_aggregate *a = &world.aggregates[i];
        snprintf(names[i], sizeof names[i], "a%u", i);
        a->output_field = n;
        defs[n++] = (struct tm_field_def){names[i], result_type(a->kind, a->input_field), 0};
    }
    bool time = !world.node.emit_final && !unbounded;
    if (time)
        defs[n++] = (struct tm_field_def){"$time", {TM_TYPE_TIMESTAMP, 0, 0, 0}, TM_FIELD_HIDDEN};
    world.output = make_schema(defs, n, time ? (int32_t)n - 1 : -1);
    world.node.schema = world.output;
    int rc = make(&world.ctx, &world.node, &world.op, &world.err);
    if (rc != 0)
        return rc;
    world.op->ctx = &world.ctx;
    world.op->node = &world.node;
    world.op->metrics = &world.metrics;
    return world.op->ops->open(world.op, world.input, &world.err);
}

static inline void open_keyed(int (*make)(struct tm_task_context *, const struct tm_node *,
                                          struct tm_operator **, struct tm_error *))
{
    int rc = try_open_keyed(make);
    if (rc != 0)
        ck_abort_msg("open: %s", world.err.message);
}

static inline void world_free(void)
{
    if (world.op != NULL)
        world.op->ops->free(world.op);
    for (uint32_t f = 0; f < FIELDS; f++)
        tm_type_fini(&world.lists[f]);
    tm_schema_unref(world.input);
    tm_schema_unref(world.output);
    tm_batch_pool_free(world.ctx.pool);
    ck_assert_int_eq(world.mem.used_bytes, 0);
}

// Every row is in exactly one account.
static inline void check_account(void)
{
    const struct tm_node_metrics *m = &world.metrics;
    ck_assert_uint_eq(m->rows_in, m->used + m->filtered + m->late + m->skipped + m->dead_lettered);
}

// --- rows in, elements out -----------------------------------------------------------------------

static inline void add_row(struct tm_batch *batch, const struct row *row)
{
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    const char *user = row->user == NULL ? "" : row->user,
               *note = row->note == NULL ? "" : row->note;
    ck_assert_int_eq(tm_builder_put_bytes(&b, USER, user, (uint32_t)strlen(user)), 0);
    tm_builder_put_int(&b, ITEM, row->item);
    tm_builder_put_int(&b, TS, row->ts);
    tm_builder_put_double(&b, AMOUNT, row->amount);
    tm_builder_put_int(&b, CENTS, row->cents);
    tm_builder_put_int(&b, BIG, row->big);
    tm_builder_put_decimal(&b, PRICE, row->price);
    ck_assert_int_eq(tm_builder_put_bytes(&b, NOTE, note, (uint32_t)strlen(note)), 0);
    tm_builder_put_int(&b, FLAG, row->flag);
    for (uint32_t f = 0; f < FIELDS; f++)
        if (row->nulls >> f & 1)
            tm_builder_put_null(&b, f);
    ck_assert_int_eq(tm_builder_end(&b), 0);
}

static inline struct tm_batch *batch_of(const struct row *rows, uint32_t count)
{
    struct tm_batch *batch = tm_batch_acquire(world.ctx.pool, world.input);
    ck_assert_ptr_nonnull(batch);
    batch->split = TM_NO_SPLIT;
    for (uint32_t i = 0; i < count; i++)
        add_row(batch, &rows[i]);
    return batch;
}

// Step until the element is consumed; `each` sees every element that comes out (and batches are
// released after it). Returns the step's error, or 0.
static inline int feed(struct tm_element in, void (*each)(const struct tm_element *))
{
    for (;;) {
        struct tm_element out = {0};
        int rc = world.op->ops->step(world.op, &in, &out, &world.err);
        if (rc < 0) {
            if (in.kind == TM_ELEMENT_BATCH)
                tm_batch_release(in.batch);
            return rc;
        }
        ck_assert_int_ne(rc, TM_STEP_WAIT);
        if (out.kind != TM_ELEMENT_NONE) {
            if (each != NULL)
                each(&out);
            if (out.kind == TM_ELEMENT_BATCH)
                tm_batch_release(out.batch);
        }
        if (rc == TM_STEP_DONE)
            return 0;
    }
}

static inline int feed_rows(const struct row *rows, uint32_t count,
                            void (*each)(const struct tm_element *))
{
    return feed((struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch_of(rows, count)},
                each);
}

static inline void feed_watermark(int64_t watermark, void (*each)(const struct tm_element *))
{
    ck_assert_int_eq(feed((struct tm_element){.kind = TM_ELEMENT_WATERMARK,
                                              .watermark = watermark,
                                              .read_ns = 77},
                          each),
                     0);
}

static inline void feed_end(enum tm_end end, void (*each)(const struct tm_element *))
{
    ck_assert_int_eq(
        feed((struct tm_element){.kind = TM_ELEMENT_END, .status = (uint8_t)end}, each), 0);
}

// A row of the output as text, columns separated by |.
static inline void row_text(const struct tm_schema *schema, const struct tm_row *row, char *text,
                            size_t size)
{
    size_t at = 0;
    for (uint32_t f = 0; f < schema->field_count && at < size; f++) {
        const struct tm_field *field = &schema->fields[f];
        const char *bar = f == 0 ? "" : "|";
        if (tm_row_is_null(row, f)) {
            at += (size_t)snprintf(text + at, size - at, "%snull", bar);
        } else if (tm_type_is_reference(field->type)) {
            uint32_t len;
            const char *s = tm_row_string(row, field->offset, &len);
            if (tm_type_is_nested(field->type))
                at += (size_t)snprintf(text + at, size - at, "%s#%u:%016llx", bar, len,
                                       (unsigned long long)tm_hash_bytes(s, len));
            else
                at += (size_t)snprintf(text + at, size - at, "%s%.*s", bar, (int)len, s);
        } else if (field->type.kind == TM_TYPE_DOUBLE) {
            at += (size_t)snprintf(text + at, size - at, "%s%.17g", bar,
                                   tm_row_double(row, field->offset));
        } else if (field->type.kind == TM_TYPE_DECIMAL) {
            at +=
                (size_t)snprintf(text + at, size - at, "%s%lldE-%d", bar,
                                 (long long)tm_row_decimal(row, field->offset), field->type.scale);
        } else {
            at += (size_t)snprintf(text + at, size - at, "%s%lld", bar,
                                   (long long)tm_row_int(row, field->offset));
        }
    }
}

// --- what came out, as lines ---------------------------------------------------------------------

static char *lines[200000];
static uint32_t line_count;

static inline void lines_clear(void)
{
    for (uint32_t i = 0; i < line_count; i++)
        free(lines[i]);
    line_count = 0;
}

static inline void lines_add(const char *text)
{
    ck_assert_uint_lt(line_count, sizeof lines / sizeof lines[0]);
    lines[line_count++] = strdup(text);
}

// Rows as themselves, a watermark as "W 100", the end as "END".
static inline void lines_take(const struct tm_element *element)
{
    char text[512];
    if (element->kind == TM_ELEMENT_WATERMARK) {
        snprintf(text, sizeof text, "W %lld", (long long)element->watermark);
        lines_add(text);
    } else if (element->kind == TM_ELEMENT_END) {
        lines_add("END");
    } else if (element->kind == TM_ELEMENT_BATCH) {
        ck_assert_uint_gt(element->batch->row_count, 0);
        TM_BATCH_EACH(element->batch, row)
        {
            size_t at = 0;
            if (element->batch->schema->changelog)
                at = (size_t)snprintf(text, sizeof text, "%s ", tm_row_kind_text(row->kind));
            row_text(element->batch->schema, row, text + at, sizeof text - at);
            lines_add(text);
        }
    }
}

static inline void expect_line(uint32_t i, const char *text)
{
    if (i >= line_count)
        ck_abort_msg("line %u is missing, expected %s", i, text);
    ck_assert_str_eq(lines[i], text);
}

static inline void expect_lines(uint32_t count)
{
    if (line_count != count)
        ck_abort_msg("%u lines, expected %u; the last: %s", line_count, count,
                     line_count == 0 ? "none" : lines[line_count - 1]);
}

static inline int run_operator_case(TCase *tc, const char *name)
{
    tcase_set_timeout(tc, 120);
    return run_case(tc, name);
}
