// Checkpoints of whole jobs whose workers and helpers are turned in an order drawn from a seed:
// what each operator had at the cut is what follows from exactly the rows that the sources had read
// by then, whatever was on its way; and a job that begins from it ends as if nothing had happened.
//
// Sources give numbers 0, 1, 2 ... each, operators add up what passes them, some rows become dead
// letters, rows go over hash edges and edges of dead letters. Where barriers overtake rows these
// are in the checkpoint: with them operators have what they would have without.
#include "core/batch/wire.h"
#include "core/checkpoint/restored.h"
#include "tests/unit/task/support.h"
#include <time.h>

enum { TASKS_MAX = 32, FAIL_EVERY = 7, SOURCES_MAX = 4 };

static struct run run;
static struct tm_fx fake_fx, kept_fx;
static struct tm_mem kept_mem; // of what outlives a job
static int64_t now_ns;
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

static int64_t fake_mono_ns(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static int64_t fake_wall_ms(void *ctx)
{
    (void)ctx;
    return now_ns / 1000000;
}

static const struct tm_fx_clock fake_clock = {
    .wall_ms = fake_wall_ms, .mono_ns = fake_mono_ns, .cpu_ns = fake_mono_ns};

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

struct fake {
    struct tm_operator base;
    struct tm_mem *mem;
    bool fails; // every so many rows
    struct sum sum;
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

static uint32_t drained; // ends of 'b' at which it would give what is final

static int fake_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                     struct tm_error *err)
{
    struct fake *self = (struct fake *)op;
    *out = *in;
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
        if (!self->fails || number_of(in->batch, row) % FAIL_EVERY != 0)
            ck_assert_int_eq(tm_batch_append_row(to, row), 0);
        else if (fail_row(self, in->batch, row, err) != 0)
            return TM_E_INTERNAL;
    }
    tm_batch_release(in->batch);
    out->batch = to;
    return TM_STEP_DONE;
}

static int fake_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    (void)err;
    return cut_sum(&((struct fake *)op)->sum, op->node, cut);
}

static int fake_restore(struct tm_operator *op, const struct tm_restored *restored,
                        struct tm_error *err)
{
    return read_sum(restored, op->node, op->ctx, &((struct fake *)op)->sum, err);
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
        tm_builder_put_int(&b, 1, (int64_t)self->next++);
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

enum { FLIGHT_HEAD = 48, FLIGHT_NAMES = 40 }; // core/task/flight.c: the head, lengths of names in it

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
    run_plan(&run, JOB, parallelism);
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
}

static void close_job(void)
{
    for (uint32_t w = 0; w < run.job->worker_count; w++)
        tm_worker_stop(&run.job->workers[w]);
    run_fini(&run);
}

// --- the coordinator of the test -----------------------------------------------------------------

static uint64_t begun;      // number
static uint32_t written_by; // tasks, a bit each
static uint32_t taken;      // sources cut between two of their rows
static bool declined;
static uint32_t finished_tasks;

static void take_events(void)
{
    struct tm_event *event;
    while ((event = (struct tm_event *)tm_mailbox_take(&run.job->events)) != NULL) {
        ck_assert_msg(event->kind != TM_EVENT_FAILED, "%s", event->error.message);
        finished_tasks += event->kind == TM_EVENT_TASK_FINISHED;
        if (event->kind == TM_EVENT_WRITTEN && event->checkpoint == begun) {
            ck_assert_uint_eq(written_by >> event->task & 1, 0);
            written_by |= 1U << event->task;
        }
        if (event->kind == TM_EVENT_DECLINED && event->checkpoint == begun)
            declined = true;
        tm_event_free(event);
    }
}

// One turn of somebody.
static void step(void)
{
    uint64_t actor = draw(run.job->worker_count + 1);
    now_ns += (int64_t)draw(3) * 1000000;
    if (actor < run.job->worker_count)
        (void)tm_worker_turn(&run.job->workers[actor], (uint32_t)draw(1024));
    else
        help();
    take_events();
}

// The workers hear of it one after the other, so a barrier may come before the command.
static void command_by_chance(enum tm_command_kind kind, uint64_t checkpoint)
{
    for (uint32_t w = 0; w < run.job->worker_count; w++) {
        struct tm_command *one = tm_command_new(run.job->mem, kind, "folder\0name", 12);
        ck_assert_ptr_nonnull(one);
        one->checkpoint = checkpoint;
        one->given_ns = now_ns;
        tm_mailbox_post(&run.job->workers[w].commands, &one->message);
        for (uint64_t steps = draw(3) == 0 ? draw(100) : 0; steps > 0; steps--)
            step();
    }
}

static bool is_whole(void)
{
    return written_by == (1U << run.job->task_count) - 1;
}

static struct tm_restored *restored_now(uint64_t checkpoint)
{
    const struct tm_cut *cuts[TASKS_MAX];
    struct tm_restored *made;
    for (uint32_t t = 0; t < run.job->task_count; t++) {
        const struct tm_task_cut *cut = run.job->tasks[t].checkpoints.cuts;
        while (cut != NULL && cut->checkpoint != checkpoint)
            cut = cut->next;
        ck_assert_ptr_nonnull(cut);
        cuts[t] = cut->cut;
    }
    ck_assert_int_eq(tm_restored_from_cuts(&kept_mem, cuts, run.job->task_count, &made, NULL), 0);
    return made;
}

// What follows from the rows that the sources had read.
static struct sum fold(const uint64_t nexts[SOURCES_MAX], bool failed)
{
    struct sum sum = {0};
    for (int s = 0; s < SOURCES_MAX; s++)
        for (uint64_t n = 0; n < nexts[s]; n++)
            if ((n % FAIL_EVERY == 0) == failed) {
                sum.rows++;
                sum.numbers += n;
            }
    return sum;
}

// With what was on its way to it, or to what is in front of it in the same task, over one edge.
static void expect_sum(const struct tm_restored *made, const char *name, const char *from,
                       const char *to, uint64_t rows, uint64_t numbers)
{
    struct sum sum = {0};
    ck_assert_int_eq(read_sum(made, run_node(&run, name), NULL, &sum, NULL), 0);
    if (from != NULL)
        add_flights(made, from, to, &sum);
    ck_assert_msg(sum.rows == rows && sum.numbers == numbers,
                  "'%s' has %llu rows, %llu; the sources gave %llu, %llu", name,
                  (unsigned long long)sum.rows, (unsigned long long)sum.numbers,
                  (unsigned long long)rows, (unsigned long long)numbers);
}

// Of tasks, a bit each.
static uint64_t bit_of(const struct tm_chain *chain, uint32_t subtask)
{
    return 1ULL << (chain->id * SOURCES_MAX + subtask);
}

struct ends {
    const struct tm_chain *chain;
    uint64_t all;
};

static int take_end(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                    struct tm_error *err)
{
    struct ends *ends = arg;
    uint64_t words[2]; // how far time was, whether the input had ended
    (void)err;
    ck_assert_uint_eq(size, sizeof words);
    memcpy(words, bytes, size);
    ends->all |= words[1] != 0 ? bit_of(ends->chain, old_subtask) : 0;
    return 0;
}

static uint64_t ended_in(const struct tm_restored *made, const struct tm_chain *chain)
{
    const struct tm_restored_for who = {.operator_name = run.graph->nodes[chain->nodes[0]].name,
                                        .parallelism = 1};
    struct ends ends = {.chain = chain};
    ck_assert_int_eq(tm_restored_items(made, &who, "watermark", take_end, &ends, NULL), 0);
    return ends.all;
}

// `wholly`: of chains in which all subtasks have. A restart deals splits anew, so of a source, and
// of what one subtask of it feeds, all must have ended for any to count as ended.
static uint64_t all_ended_in(const struct tm_restored *made, bool wholly)
{
    uint64_t all = 0;
    for (uint32_t c = 0; c < run.plan->chain_count; c++) {
        const struct tm_chain *chain = &run.plan->chains[c];
        uint64_t every = 0, ended = ended_in(made, chain);
        for (uint32_t s = 0; s < chain->parallelism; s++)
            every |= bit_of(chain, s);
        all |= wholly && ended != every ? 0 : ended;
    }
    return all;
}

static uint32_t apart; // cuts in which some subtasks of a source had ended and others not

// Those that are fed by all subtasks in front of them end in front of the same cut: what they give
// at the end is in a checkpoint for all keys, or for none, whoever has them after a restart.
static void check_ends(const struct tm_restored *made)
{
    for (uint32_t c = 0; c < run.plan->chain_count; c++) {
        const struct tm_chain *chain = &run.plan->chains[c];
        uint64_t every = 0, ended = ended_in(made, chain);
        for (uint32_t s = 0; s < chain->parallelism; s++)
            every |= bit_of(chain, s);
        if (chain->input_count == 0)
            apart += ended != 0 && ended != every;
        else if (run.plan->edges[chain->inputs[0]].partition != TM_PARTITION_FORWARD)
            ck_assert(ended == 0 || ended == every);
    }
}

// Of a job that goes on at another parallelism: sources that are none any more have read what they
// had then, those that are new read nothing.
static uint64_t nexts_then[SOURCES_MAX];
static bool rescaled;

static void check_cut(const struct tm_restored *made)
{
    check_ends(made);
    uint64_t nexts[SOURCES_MAX];
    read_nexts(made, nexts);
    for (uint32_t s = 0; rescaled && s < SOURCES_MAX; s++)
        if (s >= subtasks_before || s >= run.job->worker_count)
            nexts[s] = nexts_then[s];
    struct sum good = fold(nexts, false), bad = fold(nexts, true);
    expect_sum(made, "a", NULL, NULL, good.rows + bad.rows, good.numbers + bad.numbers);
    expect_sum(made, "b", "k", "b", good.rows, good.numbers);
    expect_sum(made, "out", "k", "b", good.rows, good.numbers);
    expect_sum(made, "dead", "a", "dead", bad.rows, 0);
    for (int i = 0; i < SOURCES_MAX; i++)
        taken += nexts[i] != 0 && nexts[i] != rows_each; // in the middle of something
}

// Steps until the checkpoint is decided: looked at, declined, or given up at a moment of chance.
// What has been taken of it goes to `keep`, where that is given.
static void take_one(struct tm_restored **keep)
{
    uint64_t patience = draw(6) == 0 ? draw(200) : UINT64_MAX;
    written_by = 0;
    declined = false;
    command_by_chance(TM_COMMAND_CHECKPOINT, ++begun);
    for (uint64_t i = 0; !is_whole() && !declined && i < patience; i++) {
        ck_assert_uint_lt(i, 2000000);
        step();
    }
    if (!is_whole()) {
        command_by_chance(TM_COMMAND_ABORT, begun);
        return;
    }
    struct tm_restored *made = restored_now(begun);
    check_cut(made);
    command_by_chance(TM_COMMAND_COMPLETE, begun);
    if (keep != NULL)
        *keep = made;
    else
        tm_restored_free(made);
}

static void run_for(uint64_t steps)
{
    for (; steps > 0; steps--)
        step();
}

static void start(uint32_t parallelism)
{
    begun = 0;
    finished_tasks = 0;
    rows_each = draw(3000);
    open_job(parallelism);
}

static bool is_finished(void)
{
    return finished_tasks == run.job->task_count;
}

static void setup(void)
{
    ck_assert_int_eq(tm_real_init(&kept_fx, NULL), 0);
    tm_mem_init(&kept_mem, &kept_fx, NULL, 0);
    works = NULL;
}

static void teardown(void)
{
    ck_assert_int_eq(kept_mem.used_bytes, 0);
    tm_real_fini(&kept_fx);
}

static int64_t draw_timeout(void)
{
    static const int64_t timeouts[] = {-1, 0, 0, 20, 200};
    return timeouts[draw(sizeof timeouts / sizeof timeouts[0])];
}

static uint64_t seed_of(const char *what)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    uint64_t seed = getenv("TM_SEED") != NULL ? strtoull(getenv("TM_SEED"), NULL, 10)
                                              : (uint64_t)now.tv_nsec % 1000000000 + 1;
    printf("%s: TM_SEED=%llu\n", what, (unsigned long long)seed);
    fflush(stdout);
    return seed;
}

// --- the tests -----------------------------------------------------------------------------------

START_TEST(what_operators_have_at_the_cut_follows_from_what_the_sources_had_read)
{
    uint64_t seed = seed_of("cuts");
    taken = apart = flights = 0;
    for (uint32_t round = 0; round < 150; round++) {
        state = seed + round * 7919;
        failing = draw(3) == 0 ? 40 : 0;
        aligned_ms = draw_timeout();
        start(1 + round % 4);
        while (!is_finished()) {
            run_for(draw(60));
            take_one(NULL);
        }
        failing = 0;
        take_one(NULL); // all have ended: at once
        close_job();
    }
    ck_assert_uint_gt(taken, 200);
    ck_assert_uint_gt(apart, 5);
    ck_assert_uint_gt(flights, 100);
}
END_TEST

START_TEST(a_job_that_begins_from_a_checkpoint_ends_as_one_that_was_not_disturbed)
{
    uint64_t seed = seed_of("restarts");
    uint32_t ended_twice = 0;
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t parallelism = 1 + round % 4;
        state = seed + round * 104729;
        failing = 0;
        aligned_ms = draw_timeout();
        start(parallelism);
        struct tm_restored *kept = NULL;
        run_for(draw(draw(3) == 0 ? 20000 : 300));
        while (kept == NULL)
            take_one(&kept);
        run_for(draw(100)); // work that is lost
        uint64_t rows = rows_each * parallelism;
        close_job();
        restored = kept;
        begun = finished_tasks = 0;
        open_job(parallelism);
        struct tm_restored *last = NULL;
        run_for(draw(30));
        take_one(&last);
        if (last != NULL) { // what had ended has
            ck_assert_uint_eq(all_ended_in(kept, true) & ~all_ended_in(last, false), 0);
            ended_twice += all_ended_in(kept, true) != 0;
            tm_restored_free(last);
            last = NULL;
        }
        while (!is_finished())
            step();
        take_one(&last);
        while (last == NULL)
            take_one(&last);
        ck_assert_uint_eq(run_accounts(&run, run_node(&run, "a")->id).in, rows);
        close_job();
        restored = NULL;
        tm_restored_free(last);
        tm_restored_free(kept);
    }
    ck_assert_uint_gt(ended_twice, 2);
}
END_TEST

START_TEST(rows_in_flight_go_on_at_any_parallelism)
{
    uint64_t seed = seed_of("rescaling");
    uint32_t flew = 0;
    for (uint32_t round = 0; round < 96; round++) {
        state = seed + round * 15485863;
        failing = 0;
        aligned_ms = 0;
        subtasks_before = 1 + round % 4;
        start(subtasks_before);
        rows_each += 2000;
        struct tm_restored *kept = NULL;
        while (kept == NULL) {
            run_for(draw(200));
            flights = 0;
            take_one(&kept);
        }
        flew += flights != 0;
        read_nexts(kept, nexts_then);
        close_job();
        restored = kept;
        rescaled = true;
        begun = finished_tasks = 0;
        open_job(1 + round / 4 % 4); // at 1 all is one task
        struct tm_restored *last = NULL;
        for (int i = 0; i < 3; i++) { // what is still in flight is in flight again
            run_for(draw(30));
            take_one(NULL);
        }
        while (!is_finished())
            step();
        while (last == NULL)
            take_one(&last);
        close_job();
        restored = NULL;
        rescaled = false;
        tm_restored_free(last);
        tm_restored_free(kept);
    }
    ck_assert_uint_gt(flew, 30);
    subtasks_before = SOURCES_MAX;
}
END_TEST

START_TEST(what_is_final_is_not_given_again_at_any_parallelism)
{
    for (uint32_t round = 0; round < 16; round++) {
        struct tm_restored *kept = NULL;
        subtasks_before = 1 + round % 4;
        state = 7 + round * 31;
        failing = drained = 0;
        start(subtasks_before);
        while (!is_finished())
            step();
        ck_assert_uint_eq(drained, subtasks_before);
        while (kept == NULL)
            take_one(&kept);
        close_job();
        restored = kept;
        finished_tasks = 0;
        open_job(1 + round / 4); // at 1 all is one task
        while (!is_finished())
            step();
        ck_assert_uint_eq(drained, subtasks_before);
        close_job();
        restored = NULL;
        tm_restored_free(kept);
    }
    subtasks_before = SOURCES_MAX;
}
END_TEST

START_TEST(sources_read_no_more_behind_the_last_barrier)
{
    state = 99;
    failing = 0;
    start(2);
    rows_each = 1000000;
    run_for(500);
    written_by = 0;
    begun = 1;
    ck_assert_int_eq(tm_job_command_checkpoint(run.job, TM_COMMAND_CHECKPOINT, 1, TM_PURPOSE_STOP,
                                               "folder\0name", 12),
                     0);
    while (!is_whole())
        step();
    uint64_t nexts[SOURCES_MAX];
    struct tm_restored *made = restored_now(1);
    check_cut(made);
    read_nexts(made, nexts);
    tm_restored_free(made);
    run_for(2000);
    struct accounts a = run_accounts(&run, run_node(&run, "a")->id);
    ck_assert_uint_eq(a.in, nexts[0] + nexts[1]);
    close_job();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("checkpoint");
    TCase *t = tcase_create("checkpoint");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_operators_have_at_the_cut_follows_from_what_the_sources_had_read);
    tcase_add_test(t, a_job_that_begins_from_a_checkpoint_ends_as_one_that_was_not_disturbed);
    tcase_add_test(t, rows_in_flight_go_on_at_any_parallelism);
    tcase_add_test(t, what_is_final_is_not_given_again_at_any_parallelism);
    tcase_add_test(t, sources_read_no_more_behind_the_last_barrier);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
