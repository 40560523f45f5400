// A job for check_checkpoint.c whose workers and helpers are turned in an order drawn from a seed:
// sources of numbers, operators that add up, helper threads that are one queue, and a reader of
// what a checkpoint has in flight.
#pragma once

#include "core/batch/wire.h"
#include "core/checkpoint/restored.h"
#include "tests/unit/task/clock.h"
#include "tests/unit/task/support.h"
#include <time.h>

enum { TASKS_MAX = 32, FAIL_EVERY = 7, SOURCES_MAX = 4 };

static struct run run;
static struct tm_fx fake_fx, kept_fx;
static struct tm_mem kept_mem; // of what outlives a job
static uint64_t state;
static uint64_t rows_each; // of a source's subtask

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

// --- the world -----------------------------------------------------------------------------------

// Helper threads are one queue, served when the order drawn says so.
static struct tm_work *works;

static struct tm_executor *fake_executor_new(void *ctx, const char *name, struct tm_error *err)
{
    static int one;
    (void)ctx, (void)name, (void)err;
    return (struct tm_executor *)(void *)&one;
}

static void fake_executor_submit(void *ctx, struct tm_executor *executor, struct tm_work *work)
{
    struct tm_work **last = &works;
    (void)ctx, (void)executor;
    while (*last != NULL)
        last = &(*last)->next;
    work->next = NULL;
    work->done = 0;
    *last = work;
}

static void help(void)
{
    struct tm_work *work = works;
    if (work == NULL)
        return;
    works = work->next;
    work->run(work);
    work->done = 1;
    tm_waker_notify(work->waker);
}

static void fake_executor_free(void *ctx, struct tm_executor *executor)
{
    (void)ctx, (void)executor;
    while (works != NULL)
        help();
}

static struct tm_fx_threads fake_threads;

// --- fakes ---------------------------------------------------------------------------------------

struct sum {
    uint64_t rows, numbers;
};

static int cut_sum(const struct sum *sum, const struct tm_node *node, struct tm_cut *cut)
{
    return tm_cut_item(cut, node->name, "sum", TM_ITEM_SPLIT, sum, sizeof *sum);
}

static int add_sum(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                   struct tm_error *err)
{
    struct sum *sum = arg, one;
    (void)old_subtask, (void)err;
    ck_assert_uint_eq(size, sizeof one);
    memcpy(&one, bytes, sizeof one);
    sum->rows += one.rows;
    sum->numbers += one.numbers;
    return 0;
}

static int read_sum(const struct tm_restored *restored, const struct tm_node *node,
                    const struct tm_task_context *ctx, struct sum *sum, struct tm_error *err)
{
    const struct tm_restored_for who = {.operator_name = node->name,
                                        .subtask = ctx == NULL ? 0 : ctx->subtask,
                                        .parallelism = ctx == NULL ? 1 : ctx->chain->parallelism};
    return tm_restored_items(restored, &who, "sum", add_sum, sum, err);
}

static int64_t number_of(const struct tm_batch *batch, const struct tm_row *row)
{
    return tm_row_int(row, batch->schema->fields[0].offset);
}

// Of jobs that tell time: 'a' says how far its numbers are behind each batch, and 'b' notes where
// it stood when a key had its last row.
enum { GROUPS = 50 };
static bool tells_time;

struct stood {
    int64_t now;        // the watermark: that it has given, that it has seen
    int64_t at[GROUPS]; // by key
};

struct fake {
    struct tm_operator base;
    struct tm_mem *mem;
    bool fails; // every so many rows
    struct sum sum;
    struct stood stood;
};

static int fail_row(struct fake *self, const struct tm_batch *batch, const struct tm_row *row,
                    struct tm_error *err)
{
    struct tm_row_failure failure = {.node = self->base.node,
                                     .code = TM_E_USER_CODE,
                                     .message = "no",
                                     .message_length = 2,
                                     .schema = batch->schema,
                                     .row = row,
                                     .offset = -1,
                                     .line = -1};
    return tm_task_row_failed(self->base.ctx, &failure, err);
}

// No key sees time go back, and no row is behind what its source has said.
static void look_at_time(struct fake *self, int64_t number)
{
    int64_t *at = &self->stood.at[number % GROUPS];
    ck_assert_msg(self->stood.now < number, "row %lld came at %lld", (long long)number,
                  (long long)self->stood.now);
    ck_assert_msg(self->stood.now >= *at, "time was %lld for a key, and is %lld", (long long)*at,
                  (long long)self->stood.now);
    *at = self->stood.now;
}

static int cut_stood(const struct fake *self, struct tm_cut *cut)
{
    return tm_cut_item(cut, self->base.node->name, "stood", TM_ITEM_SUBTASK, &self->stood,
                       sizeof self->stood);
}

struct taking {
    struct stood all; // of keys that are others' now it is never asked
    uint32_t count, subtask;
    int64_t own, least;
};

static int take_stood(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                      struct tm_error *err)
{
    struct taking *taking = arg;
    struct stood one;
    (void)err;
    ck_assert_uint_eq(size, sizeof one);
    memcpy(&one, bytes, sizeof one);
    for (int i = 0; i < GROUPS; i++)
        if (one.at[i] > taking->all.at[i])
            taking->all.at[i] = one.at[i];
    if (taking->count++ == 0 || one.now < taking->least)
        taking->least = one.now;
    if (old_subtask == taking->subtask)
        taking->own = one.now;
    return 0;
}

// As operators do: where it stood itself, or the least of all.
static int restore_stood(struct fake *self, const struct tm_restored *restored,
                         struct tm_error *err)
{
    const struct tm_task_context *ctx = self->base.ctx;
    const struct tm_restored_for who = {.operator_name = self->base.node->name,
                                        .subtask = ctx->subtask,
                                        .parallelism = ctx->chain->parallelism};
    struct taking taking = {.all = self->stood, .subtask = ctx->subtask};
    int rc = tm_restored_items(restored, &who, "stood", take_stood, &taking, err);
    self->stood = taking.all;
    self->stood.now = taking.count == ctx->chain->parallelism ? taking.own : taking.least;
    return rc;
}

static uint32_t drained; // ends of 'b' at which it would give what is final

static int fake_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                     struct tm_error *err)
{
    struct fake *self = (struct fake *)op;
    bool says = tells_time && op->node->kind == TM_NODE_WATERMARK;
    bool sees = tells_time && op->node->kind == TM_NODE_DISTINCT;
    if (in->kind == TM_ELEMENT_BATCH && in->batch == NULL) { // its rows have gone on
        *out = (struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = self->stood.now};
        return TM_STEP_DONE;
    }
    *out = *in;
    if (sees && in->kind == TM_ELEMENT_WATERMARK && in->watermark > self->stood.now)
        self->stood.now = in->watermark;
    drained += op->node->kind == TM_NODE_DISTINCT && in->kind == TM_ELEMENT_END &&
               in->status == TM_END_DRAIN;
    if (in->kind != TM_ELEMENT_BATCH)
        return TM_STEP_DONE;
    struct tm_batch *to = tm_batch_acquire(op->ctx->pool, tm_node_schema(op->node));
    ck_assert_ptr_nonnull(to);
    tm_metric_add(&op->metrics->rows_in, in->batch->row_count);
    TM_BATCH_EACH(in->batch, row)
    {
        self->sum.rows++;
        self->sum.numbers += (uint64_t)number_of(in->batch, row);
        if (sees)
            look_at_time(self, number_of(in->batch, row));
        if (says)
            self->stood.now = number_of(in->batch, row);
        if (!self->fails || number_of(in->batch, row) % FAIL_EVERY != 0)
            ck_assert_int_eq(tm_batch_append_row(to, row), 0);
        else if (fail_row(self, in->batch, row, err) != 0)
            return TM_E_INTERNAL;
    }
    tm_batch_release(in->batch);
    out->batch = to;
    in->batch = says ? NULL : in->batch;
    return says ? TM_STEP_MORE : TM_STEP_DONE;
}

static int fake_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    const struct fake *self = (struct fake *)op;
    (void)err;
    int rc = cut_sum(&self->sum, op->node, cut);
    return rc == 0 && tells_time ? cut_stood(self, cut) : rc;
}

static int fake_restore(struct tm_operator *op, const struct tm_restored *restored,
                        struct tm_error *err)
{
    struct fake *self = (struct fake *)op;
    int rc = read_sum(restored, op->node, op->ctx, &self->sum, err);
    return rc == 0 && tells_time ? restore_stood(self, restored, err) : rc;
}

static void fake_free(struct tm_operator *op)
{
    tm_mem_free(((struct fake *)op)->mem, op, sizeof(struct fake));
}

static const struct tm_operator_ops fake_ops = {
    .step = fake_step, .free = fake_free, .snapshot = fake_snapshot, .restore = fake_restore};

static int fake_new(struct tm_task_context *ctx, const struct tm_node *node,
                    struct tm_operator **op, struct tm_error *err)
{
    struct fake *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    (void)err;
    ck_assert_ptr_nonnull(self);
    self->base.ops = &fake_ops;
    self->mem = ctx->mem;
    self->fails = node->kind == TM_NODE_WATERMARK;
    self->stood.now = INT64_MIN;
    for (int i = 0; i < GROUPS; i++)
        self->stood.at[i] = INT64_MIN;
    *op = &self->base;
    return 0;
}

static const struct tm_operator_factory fakes = {.of_kind = {[TM_NODE_WATERMARK] = fake_new,
                                                             [TM_NODE_KEY_BY] = fake_new,
                                                             [TM_NODE_DISTINCT] = fake_new}};

struct source {
    struct tm_source base;
    uint64_t next;
};

static int source_read(struct tm_source *base, struct tm_batch **out, struct tm_error *err)
{
    struct source *self = (struct source *)base;
    (void)err;
    if (self->next == rows_each)
        return TM_READ_END;
    if (draw(4) == 0)
        return TM_READ_WAIT;
    struct tm_batch *batch = tm_batch_acquire(base->ctx->pool, tm_node_schema(base->node));
    ck_assert_ptr_nonnull(batch);
    for (uint64_t i = 1 + draw(50); i > 0 && self->next < rows_each; i--) {
        struct tm_builder b;
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        tm_builder_put_int(&b, 0, (int64_t)self->next);
        tm_builder_put_int(&b, 1, (int64_t)self->next);
        if (tells_time)
            tm_builder_put_int(&b, 2, (int64_t)(self->next % GROUPS));
        self->next++;
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    *out = batch;
    return TM_READ_BATCH;
}

static int source_snapshot(struct tm_source *base, struct tm_cut *cut, struct tm_error *err)
{
    (void)err;
    const struct source *self = (const struct source *)base;
    return tm_cut_item(cut, base->node->name, "next", TM_ITEM_SUBTASK, &self->next,
                       sizeof self->next);
}

static void source_free(struct tm_source *base)
{
    tm_mem_free(&run.job_mem, base, sizeof(struct source));
}

static int take_next(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                     struct tm_error *err)
{
    uint64_t *nexts = arg;
    (void)err;
    ck_assert_uint_eq(size, sizeof *nexts);
    memcpy(&nexts[old_subtask], bytes, size);
    return 0;
}

static void read_nexts(const struct tm_restored *restored, uint64_t nexts[SOURCES_MAX])
{
    const struct tm_restored_for who = {.operator_name = "rows", .parallelism = 1};
    memset(nexts, 0, SOURCES_MAX * sizeof *nexts);
    ck_assert_int_eq(tm_restored_items(restored, &who, "next", take_next, nexts, NULL), 0);
}

static uint32_t subtasks_before = SOURCES_MAX; // in the checkpoint

static int source_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                      struct tm_source **source, struct tm_error *err)
{
    static const struct tm_source_ops ops = {
        .read = source_read, .snapshot = source_snapshot, .free = source_free};
    struct source *self = tm_mem_zalloc(&run.job_mem, sizeof *self);
    (void)node, (void)shared, (void)err;
    ck_assert_ptr_nonnull(self);
    self->base.ops = &ops;
    if (ctx->restored != NULL) {
        uint64_t nexts[SOURCES_MAX];
        read_nexts(ctx->restored, nexts);
        self->next = ctx->subtask < subtasks_before ? nexts[ctx->subtask] : rows_each;
    }
    *source = &self->base;
    return 0;
}

struct sink {
    struct tm_sink base;
    struct sum sum;
    uint64_t preparing; // checkpoint
};

static int sink_write(struct tm_sink *base, const struct tm_batch *batch, const struct tm_row **row,
                      struct tm_error *err)
{
    struct sink *self = (struct sink *)base;
    (void)err;
    if (draw(5) == 0)
        return TM_STEP_WAIT;
    bool dead = strcmp(base->node->name, "dead") == 0;
    TM_BATCH_EACH(batch, each)
    {
        self->sum.rows++;
        self->sum.numbers += dead ? 0 : (uint64_t)number_of(batch, each);
    }
    *row = (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    return TM_STEP_DONE;
}

static int sink_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    (void)sink, (void)end, (void)err;
    return TM_STEP_DONE;
}

// Takes some turns, as one whose writer must come to an end first.
static int sink_prepare(struct tm_sink *base, struct tm_cut *cut, struct tm_error *err)
{
    struct sink *self = (struct sink *)base;
    (void)err;
    if (draw(3) == 0)
        return TM_STEP_WAIT;
    ck_assert_uint_gt(tm_cut_checkpoint(cut), self->preparing);
    self->preparing = tm_cut_checkpoint(cut);
    return cut_sum(&self->sum, base->node, cut);
}

static void sink_free(struct tm_sink *sink)
{
    tm_mem_free(&run.job_mem, sink, sizeof(struct sink));
}

static int sink_new(struct tm_task_context *ctx, const struct tm_node *node,
                    struct tm_schema *schema, void *shared, struct tm_sink **sink,
                    struct tm_error *err)
{
    static const struct tm_sink_ops ops = {
        .write = sink_write, .flush = sink_flush, .prepare = sink_prepare, .free = sink_free};
    struct sink *self = tm_mem_zalloc(&run.job_mem, sizeof *self);
    (void)schema, (void)shared;
    ck_assert_ptr_nonnull(self);
    self->base.ops = &ops;
    *sink = &self->base;
    return ctx->restored == NULL ? 0 : read_sum(ctx->restored, node, ctx, &self->sum, err);
}

// --- rows in flight ------------------------------------------------------------------------------

enum {
    FLIGHT_HEAD = 48,
    FLIGHT_NAMES = 40
}; // core/task/flight.c: the head, lengths of names in it

static uint32_t flights; // batches seen

static int add_flight(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                      struct tm_error *err)
{
    struct sum *sum = arg;
    const uint8_t *at = bytes;
    uint16_t names[2];
    struct tm_schema *schema;
    struct tm_batch *batch;
    size_t used;
    (void)old_subtask;
    memcpy(names, at + FLIGHT_NAMES, sizeof names);
    if (at[FLIGHT_NAMES + sizeof names] != TM_ELEMENT_BATCH)
        return 0;
    size_t skip = FLIGHT_HEAD + (size_t)names[0] + names[1];
    at += skip;
    size -= skip;
    ck_assert_int_eq(tm_wire_get_schema(&kept_mem, at, size, &used, &schema, err), 0);
    struct tm_batch_pool *pool = tm_batch_pool_new(&kept_mem);
    int rc = tm_wire_get_batch(pool, schema, NULL, at + used, size - used, &used, &batch, err);
    ck_assert_msg(rc == 0, "%s", err->message);
    bool numbered = strcmp(schema->fields[0].name, "n") == 0; // else a dead letter
    TM_BATCH_EACH(batch, row)
    {
        sum->rows++;
        sum->numbers += numbered ? (uint64_t)number_of(batch, row) : 0;
    }
    flights++;
    tm_batch_release(batch);
    tm_schema_unref(schema);
    tm_batch_pool_free(pool);
    return 0;
}

static void add_flights(const struct tm_restored *made, const char *from, const char *to,
                        struct sum *sum)
{
    struct tm_error err;
    struct tm_restored_for who = {.operator_name = to, .parallelism = 1};
    ck_assert_int_eq(tm_restored_items(made, &who, "in flight", add_flight, sum, &err), 0);
    who.operator_name = from;
    ck_assert_int_eq(tm_restored_items(made, &who, "unsent", add_flight, sum, &err), 0);
}

// Nothing is written: the test looks at the cuts themselves. Sometimes that fails.
static uint32_t failing; // one in so many; 0: none

static int no_write(void *arg, const struct tm_write_args *args, struct tm_written **written,
                    struct tm_error *err)
{
    (void)arg, (void)args;
    *written = NULL;
    return failing != 0 && draw(failing) == 0 ? tm_error_set(err, TM_E_NO_SPACE, "full") : 0;
}
static const struct tm_cut_writer no_writer = {.write = no_write};

// --- the job -------------------------------------------------------------------------------------

#define JOB                                                                                    \
    "local tm = require 'tidemill'\n"                                                          \
    "local rows = tm.from(tm.generate { name = 'rows', fields = {\n"                           \
    "  n = tm.gen.sequence(), ts = tm.gen.timestamp { step = '1ms' } } })\n"                   \
    "return rows:watermark('ts', {}):named('a')\n"                                             \
    "  :on_error(tm.discard { name = 'dead' })\n"                                              \
    "  :key_by('n'):named('k'):dedup('n', { ttl = '1h', name = 'b' }):to(tm.discard { name = " \
    "'out' })\n"

// The same by keys that have many rows.
#define JOB_OF_GROUPS                                                                           \
    "local tm = require 'tidemill'\n"                                                           \
    "local rows = tm.from(tm.generate { name = 'rows', fields = {\n"                            \
    "  n = tm.gen.sequence(), ts = tm.gen.timestamp { step = '1ms' }, g = tm.gen.sequence() } " \
    "})\n"                                                                                      \
    "return rows:watermark('ts', {}):named('a')\n"                                              \
    "  :on_error(tm.discard { name = 'dead' })\n"                                               \
    "  :key_by('g'):named('k'):dedup('g', { ttl = '1h', name = 'b' }):to(tm.discard { name = "  \
    "'out' })\n"

static struct tm_restored *restored; // what the job begins with
static int64_t aligned_ms = -1;      // aligned_timeout

static void open_job(uint32_t parallelism)
{
    static struct tm_connector source, sink;
    static const struct tm_connector *const connectors[] = {&source, &sink, NULL};
    source = (struct tm_connector){.name = tm_connector_generator.name,
                                   .source_options = tm_connector_generator.source_options,
                                   .source_new = source_new};
    sink = tm_connector_discard;
    sink.sink_new = sink_new;
    run_plan(&run, tells_time ? JOB_OF_GROUPS : JOB, parallelism);
    run.graph->checkpoints.aligned_timeout_ms = aligned_ms;
    fake_fx = run.fx;
    fake_fx.clock = &fake_clock;
    fake_threads = *run.fx.threads;
    fake_threads.executor_new = fake_executor_new;
    fake_threads.executor_submit = fake_executor_submit;
    fake_threads.executor_free = fake_executor_free;
    fake_fx.threads = &fake_threads;
    struct tm_job_args args = {.fx = &fake_fx,
                               .mem = &run.job_mem,
                               .log = &run.log,
                               .graph = run.graph,
                               .plan = run.plan,
                               .connectors = connectors,
                               .vm = run.vm_args,
                               .operators = &fakes,
                               .workers = parallelism,
                               .checkpoints = true,
                               .restored = restored,
                               .settled = "",
                               .writer = &no_writer,
                               .coordinator = &run.waker};
    tm_mem_init(&run.job_mem, &fake_fx, &run.mem, 0);
    int rc = tm_job_new(&args, &run.job, &run.err);
    ck_assert_msg(rc == 0, "%s", run.err.message);
    ck_assert_uint_le(run.job->task_count, TASKS_MAX);
    for (uint32_t w = 0; w < run.job->worker_count; w++) {
        tm_worker_start(&run.job->workers[w]);
        ck_assert(run.job->workers[w].started);
    }
    ck_assert_int_eq(tm_job_command(run.job, TM_COMMAND_BEGIN, NULL, 0), 0);
}

static void close_job(void)
{
    for (uint32_t w = 0; w < run.job->worker_count; w++)
        tm_worker_stop(&run.job->workers[w]);
    run_fini(&run);
}
