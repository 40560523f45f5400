// One task at a time, turned by hand: how elements move, what holds the source back, how a stream
// ends, what becomes of rows that fail. Real generator and channels; the operators are small fakes,
// the clock stands still unless a test moves it.
#include "core/base/limits.h"
#include "tests/unit/task/clock.h"
#include "tests/unit/task/support.h"

static struct run run;
static struct tm_fx fake_fx;

// What happened, a letter each: r the source read a batch; a b an operator made one; s the sink
// took one, f it was told to finish; A B an operator passed on a watermark, x y an END.
static char trace[256];

static void note(char letter)
{
    size_t length = strlen(trace);
    if (length + 1 < sizeof trace)
        trace[length] = letter;
}

// --- fakes ---------------------------------------------------------------------------------------

// How operator a behaves; b passes everything on.
static struct behaviour {
    uint32_t copies;     // batches out for a batch in, at least 1
    uint64_t fail_every; // this and each further row in so many fails; 0: none
    bool settle;         // ask for types before the first row
    int64_t tick_ns;     // when it has something to do by itself; 0: never
} a_does;
static int64_t last_watermark;
static int end_status;        // enum tm_end, -1: none came
static bool sink_is_stuck;    // its queue is full
static int64_t sink_again_ns; // when it is to be called again then

struct fake {
    struct tm_operator base;
    struct tm_mem *mem;
    char letter;
    uint32_t made; // of the batch under way
    uint64_t rows;
};

static int fail_rows(struct fake *self, const struct tm_batch *batch, struct tm_error *err)
{
    static const char message[] = "job.lua:9: no good";
    TM_BATCH_EACH(batch, row)
    {
        if (++self->rows % a_does.fail_every != 0)
            continue;
        struct tm_row_failure failure = {
            .node = self->base.node,
            .code = TM_E_USER_CODE,
            .message = message,
            .message_length = strlen(message),
            .schema = batch->schema,
            .row = row,
            .offset = -1,
            .line = -1,
        };
        int rc = tm_task_row_failed(self->base.ctx, &failure, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

// Rows are passed on as they are, under the schema that the operator was planned with.
static void relabel(const struct fake *self, struct tm_batch *batch)
{
    struct tm_schema *schema = tm_schema_ref(tm_node_schema(self->base.node));
    tm_schema_unref(batch->schema);
    batch->schema = schema;
}

static int copy(struct fake *self, const struct tm_batch *batch, struct tm_element *out)
{
    struct tm_batch *to = tm_batch_acquire(self->base.ctx->pool, batch->schema);
    ck_assert_ptr_nonnull(to);
    TM_BATCH_EACH(batch, row)
    ck_assert_int_eq(tm_batch_append_row(to, row), 0);
    relabel(self, to);
    *out = (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = to};
    return TM_STEP_MORE;
}

static int fake_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                     struct tm_error *err)
{
    struct fake *self = (struct fake *)op;
    bool is_a = self->letter == 'a';
    if (in->kind == TM_ELEMENT_BATCH) {
        if (is_a && a_does.settle) {
            a_does.settle = false;
            return tm_task_settle(op->ctx->task, "types", 5) == 0 ? TM_STEP_WAIT : TM_E_MEMORY;
        }
        note(self->letter);
        if (is_a && ++self->made < a_does.copies)
            return copy(self, in->batch, out);
        self->made = 0;
        if (is_a && a_does.fail_every != 0) {
            int rc = fail_rows(self, in->batch, err);
            if (rc != 0)
                return rc;
        }
        relabel(self, in->batch);
    } else {
        note((char)(in->kind == TM_ELEMENT_END ? self->letter - 'a' + 'x'
                                               : self->letter - 'a' + 'A'));
        last_watermark = in->kind == TM_ELEMENT_WATERMARK ? in->watermark : last_watermark;
        end_status = in->kind == TM_ELEMENT_END ? in->status : end_status;
    }
    *out = *in;
    return TM_STEP_DONE;
}

static int fake_tick(struct tm_operator *op, struct tm_element *out, struct tm_error *err)
{
    (void)op, (void)err;
    note('t');
    a_does.tick_ns = 0;
    *out = (struct tm_element){.kind = TM_ELEMENT_STATUS, .status = TM_CHANNEL_IDLE};
    return TM_STEP_DONE;
}

static int64_t fake_deadline_ns(const struct tm_operator *op)
{
    return ((const struct fake *)op)->letter == 'a' && a_does.tick_ns != 0 ? a_does.tick_ns
                                                                           : INT64_MAX;
}

static void fake_free(struct tm_operator *op)
{
    tm_mem_free(((struct fake *)op)->mem, op, sizeof(struct fake));
}

static const struct tm_operator_ops fake_ops = {
    .step = fake_step, .tick = fake_tick, .deadline_ns = fake_deadline_ns, .free = fake_free};

static int fake_new(struct tm_task_context *ctx, char letter, struct tm_operator **op)
{
    struct fake *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    ck_assert_ptr_nonnull(self);
    self->base.ops = &fake_ops;
    self->mem = ctx->mem;
    self->letter = letter;
    *op = &self->base;
    return 0;
}

static int a_new(struct tm_task_context *ctx, const struct tm_node *node, struct tm_operator **op,
                 struct tm_error *err)
{
    (void)node, (void)err;
    return fake_new(ctx, 'a', op);
}

static int b_new(struct tm_task_context *ctx, const struct tm_node *node, struct tm_operator **op,
                 struct tm_error *err)
{
    (void)node, (void)err;
    return fake_new(ctx, 'b', op);
}

// Scripts without functions: no Lua runs in these tasks.
static const struct tm_operator_factory fakes = {
    .of_kind = {[TM_NODE_WATERMARK] = a_new, [TM_NODE_KEY_BY] = b_new, [TM_NODE_ROLLING] = b_new}};

// The generator, seen reading.
static const struct tm_source_ops *generator_ops;

static int traced_read(struct tm_source *source, struct tm_batch **out, struct tm_error *err)
{
    int rc = generator_ops->read(source, out, err);
    if (rc == TM_READ_BATCH)
        note('r');
    return rc;
}

static int traced_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                      struct tm_source **source, struct tm_error *err)
{
    static struct tm_source_ops ops;
    int rc = tm_connector_generator.source_new(ctx, node, shared, source, err);
    if (rc == 0) {
        generator_ops = (*source)->ops;
        ops = *generator_ops;
        ops.read = traced_read;
        (*source)->ops = &ops;
    }
    return rc;
}

static int sink_write(struct tm_sink *sink, const struct tm_batch *batch, const struct tm_row **row,
                      struct tm_error *err)
{
    (void)err;
    if (sink_is_stuck)
        return TM_STEP_WAIT;
    note('s');
    tm_metric_add(&sink->metrics->used, batch->row_count);
    *row = (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    return TM_STEP_DONE;
}

static int sink_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    (void)sink, (void)err;
    if (end)
        note('f');
    return TM_STEP_DONE;
}

static int64_t sink_retry_ns(const struct tm_sink *sink)
{
    (void)sink;
    return sink_is_stuck ? sink_again_ns : INT64_MAX;
}

static void sink_free(struct tm_sink *sink)
{
    tm_mem_free(&run.job_mem, sink, sizeof *sink);
}

static int sink_new(struct tm_task_context *ctx, const struct tm_node *node,
                    struct tm_schema *schema, void *shared, struct tm_sink **sink,
                    struct tm_error *err)
{
    static const struct tm_sink_ops ops = {
        .write = sink_write, .flush = sink_flush, .free = sink_free, .retry_ns = sink_retry_ns};
    (void)ctx, (void)node, (void)schema, (void)shared, (void)err;
    *sink = tm_mem_zalloc(&run.job_mem, sizeof **sink);
    ck_assert_ptr_nonnull(*sink);
    (*sink)->ops = &ops;
    return 0;
}

// --- a job whose tasks are turned by hand --------------------------------------------------------

#define ROWS(count)                                                           \
    "local tm = require 'tidemill'\n"                                         \
    "local rows = tm.from(tm.generate { " count "name = 'rows', fields = {\n" \
    "  n = tm.gen.sequence(), ts = tm.gen.timestamp { step = '1ms' } } })\n"
#define ENDLESS ROWS("")
#define CHAIN "return rows:watermark('ts', {}):named('a'):key_by('n')"

static void open_job(const char *script, uint32_t parallelism)
{
    static struct tm_connector source, sink;
    static const struct tm_connector *const connectors[] = {&source, &sink, NULL};
    source = tm_connector_generator;
    source.source_new = traced_new;
    sink = tm_connector_discard;
    sink.sink_new = sink_new;
    memset(trace, 0, sizeof trace);
    last_watermark = INT64_MIN;
    end_status = -1;
    sink_is_stuck = false;
    sink_again_ns = INT64_MAX;
    now_ns = 1000000000;
    run_plan(&run, script, parallelism);
    fake_fx = run.fx;
    fake_fx.clock = &fake_clock;
    run_build(&run, &fake_fx, connectors, &fakes, 1);
    tm_worker_start(&run.job->workers[0]);
    ck_assert_msg(run.job->workers[0].started, "the worker did not start");
    ck_assert_int_eq(tm_job_command(run.job, TM_COMMAND_BEGIN, NULL, 0), 0);
}

// Whatever is under way is given back too: run_fini looks at the account.
static void close_job(void)
{
    tm_worker_stop(&run.job->workers[0]);
    run_fini(&run);
    memset(&a_does, 0, sizeof a_does);
}

static int turn(struct tm_task *task)
{
    struct tm_error err = {0};
    int rc = tm_task_turn(task, &err);
    ck_assert_msg(rc >= 0, "%s", err.message);
    return rc;
}

static int turn_until_it_rests(struct tm_task *task)
{
    for (int turns = 0; turns < 100000; turns++) {
        int rc = turn(task);
        if (rc != TM_TURN_PROGRESS)
            return rc;
    }
    ck_abort_msg("the task never rests");
}

static struct tm_task *first_task_of(const char *node)
{
    uint32_t id = run_node(&run, node)->id;
    for (uint32_t c = 0; c < run.plan->chain_count; c++)
        for (uint32_t i = 0; i < run.plan->chains[c].node_count; i++)
            if (run.plan->chains[c].nodes[i] == id)
                return &run.job->tasks[run.job->first_task[c]];
    ck_abort_msg("no task of '%s'", node);
}

static uint64_t rows_read(void)
{
    return run_accounts(&run, run_node(&run, "rows")->id).in;
}

// --- how elements move ---------------------------------------------------------------------------

START_TEST(elements_move_one_at_a_time_the_last_stage_first)
{
    a_does.copies = 2;
    open_job(ROWS("count = 2048, ") CHAIN ":to(tm.discard { name = 'out' })", 1);
    ck_assert_uint_eq(run.job->task_count, 1);
    ck_assert_int_eq(turn_until_it_rests(&run.job->tasks[0]), TM_TURN_EXIT);
    ck_assert_str_eq(trace, "rabsabs" // every batch that a makes is through before the next
                            "rabsabs"
                            "AB" // the last watermark, then the end
                            "xyf");
    close_job();
}
END_TEST

START_TEST(the_end_of_the_input_is_the_last_watermark_and_then_a_drain)
{
    open_job(ROWS("count = 10, ") CHAIN ":to(tm.discard { name = 'out' })", 1);
    ck_assert_int_eq(turn_until_it_rests(&run.job->tasks[0]), TM_TURN_EXIT);
    ck_assert_int_eq(last_watermark, TM_WATERMARK_MAX);
    ck_assert_int_eq(end_status, TM_END_DRAIN);
    close_job();
}
END_TEST

START_TEST(a_stop_sends_no_last_watermark)
{
    open_job(ENDLESS CHAIN ":to(tm.discard { name = 'out' })", 1);
    struct tm_task *task = &run.job->tasks[0];
    ck_assert_int_eq(turn(task), TM_TURN_PROGRESS);
    tm_task_stop(task);
    ck_assert_int_eq(turn_until_it_rests(task), TM_TURN_EXIT);
    ck_assert_int_eq(last_watermark, INT64_MIN);
    ck_assert_int_eq(end_status, TM_END_STOP);
    ck_assert_uint_eq(run_accounts(&run, run_node(&run, "out")->id).used, rows_read());
    close_job();
}
END_TEST

START_TEST(an_operator_that_waits_for_types_rests_until_they_are_settled)
{
    a_does.settle = true;
    open_job(ROWS("count = 10, ") CHAIN ":to(tm.discard { name = 'out' })", 1);
    struct tm_worker *worker = &run.job->workers[0];
    struct tm_task *task = &run.job->tasks[0];
    turn_until_it_rests(task);
    ck_assert_str_eq(trace, "r");
    ck_assert_int_eq(tm_task_deadline_ns(task), INT64_MAX);
    ck_assert_int_eq(turn(task), TM_TURN_IDLE);
    bool asked = false;
    struct tm_event *event;
    while ((event = (struct tm_event *)tm_mailbox_take(&run.job->events)) != NULL) {
        if (event->kind == TM_EVENT_PROPOSAL)
            asked = event->length == 5 && memcmp(event->text, "types", 5) == 0;
        tm_event_free(event);
    }
    ck_assert(asked);
    ck_assert_int_eq(run_command(&run, TM_COMMAND_SETTLED, NULL, 0), 0);
    while (tm_worker_turn(worker, 0) == TM_TURN_PROGRESS) {
    }
    ck_assert_str_eq(trace, "rabsABxyf");
    close_job();
}
END_TEST

START_TEST(an_operator_acts_by_itself_at_its_time_and_not_before)
{
    open_job(ROWS("count = 10000, rate = 1000, ") CHAIN ":to(tm.discard { name = 'out' })", 1);
    struct tm_task *task = &run.job->tasks[0];
    turn_until_it_rests(task);
    a_does.tick_ns = now_ns + 100;
    ck_assert_int_eq(tm_task_deadline_ns(task), now_ns + 100);
    now_ns += 99;
    turn_until_it_rests(task);
    ck_assert_ptr_null(strchr(trace, 't'));
    now_ns += 1;
    turn_until_it_rests(task);
    ck_assert_ptr_nonnull(strstr(trace, "tB")); // what it said went to the next one
    close_job();
}
END_TEST

// --- what holds the source back ------------------------------------------------------------------

START_TEST(a_sink_that_takes_nothing_holds_the_source_back_and_the_time_is_counted)
{
    open_job(ENDLESS CHAIN ":to(tm.discard { name = 'out' })", 1);
    struct tm_task *task = &run.job->tasks[0];
    sink_is_stuck = true;
    ck_assert_int_eq(turn_until_it_rests(task), TM_TURN_IDLE);
    ck_assert_str_eq(trace, "rab"); // what is under way, and no more
    ck_assert_int_eq(tm_task_deadline_ns(task), INT64_MAX);
    now_ns += 7000000;
    ck_assert_int_eq(turn(task), TM_TURN_IDLE);
    sink_is_stuck = false;
    ck_assert_int_eq(turn(task), TM_TURN_PROGRESS);
    ck_assert_uint_eq(task->blocked_ns, 7000000);
    ck_assert(strncmp(trace, "rabsrabs", 8) == 0);
    close_job();
}
END_TEST

START_TEST(a_sink_that_nobody_wakes_says_when_it_is_to_be_called_again)
{
    open_job(ENDLESS CHAIN ":to(tm.discard { name = 'out' })", 1);
    struct tm_task *task = &run.job->tasks[0];
    sink_is_stuck = true;
    ck_assert_int_eq(turn_until_it_rests(task), TM_TURN_IDLE);
    sink_again_ns = now_ns + 1000;
    ck_assert_int_eq(tm_task_deadline_ns(task), now_ns + 1000);
    now_ns += 1000;
    sink_is_stuck = false;
    ck_assert_int_eq(turn(task), TM_TURN_PROGRESS);
    close_job();
}
END_TEST

START_TEST(an_output_without_credit_holds_the_source_back_until_it_returns)
{
    open_job(ENDLESS CHAIN ":count():to(tm.discard { name = 'out' })", 2);
    struct tm_task *producer = first_task_of("rows"), *consumer = first_task_of("out");
    ck_assert_ptr_ne(producer, consumer);
    ck_assert_int_eq(turn_until_it_rests(producer), TM_TURN_IDLE);
    uint64_t read = rows_read();
    ck_assert_uint_gt(read, 0);
    ck_assert_uint_le(read, (uint64_t)2 * TM_RING_ELEMENTS * TM_BATCH_ROWS);
    // It waits for credit and not for a time, and reads no more however often it is asked.
    ck_assert_int_eq(tm_task_deadline_ns(producer), INT64_MAX);
    now_ns += 1000000000;
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(turn(producer), TM_TURN_IDLE);
    ck_assert_uint_eq(rows_read(), read);
    // Both consumers take what there is; then it goes on.
    turn_until_it_rests(consumer);
    turn_until_it_rests(consumer + 1);
    ck_assert_int_eq(turn(producer), TM_TURN_PROGRESS);
    turn_until_it_rests(producer);
    ck_assert_uint_gt(rows_read(), read);
    close_job();
}
END_TEST

START_TEST(dead_letters_that_cannot_leave_hold_nothing_back_until_their_batch_is_full)
{
    a_does.fail_every = 100;
    open_job(ENDLESS "return rows:watermark('ts', {}):named('a')"
                     ":on_error(tm.discard { name = 'dead' }):to(tm.discard { name = 'out' })",
             1);
    struct tm_task *task = first_task_of("rows"), *dead = first_task_of("dead");
    struct tm_task_output *output = &task->outputs[0];
    ck_assert(output->edge->dead_letter);
    bool went_on = false;
    int rc = TM_TURN_PROGRESS;
    for (int turns = 0; rc == TM_TURN_PROGRESS; turns++) {
        ck_assert_int_lt(turns, 100000);
        bool stuck = output->blocked;
        uint64_t before = rows_read();
        now_ns += 60000000; // each turn finds them old enough to leave
        rc = turn(task);
        went_on = went_on || (stuck && output->blocked && rows_read() > before);
    }
    ck_assert_int_eq(rc, TM_TURN_IDLE);
    ck_assert(went_on);
    ck_assert(output->blocked);
    ck_assert(tm_batch_is_full(output->dead_letters));
    ck_assert_uint_eq(run_accounts(&run, run_node(&run, "a")->id).dead_lettered, rows_read() / 100);
    uint64_t read = rows_read();
    ck_assert_int_eq(turn(task), TM_TURN_IDLE);
    turn_until_it_rests(dead);
    ck_assert_int_eq(turn(task), TM_TURN_PROGRESS);
    ck_assert_uint_gt(rows_read(), read);
    close_job();
}
END_TEST

START_TEST(the_last_dead_letters_leave_before_the_end)
{
    a_does.fail_every = 100;
    open_job(ROWS("count = 1000, ") "return rows:watermark('ts', {}):named('a')"
                                    ":on_error(tm.discard { name = 'dead' })"
                                    ":to(tm.discard { name = 'out' })",
             1);
    ck_assert_int_eq(turn_until_it_rests(first_task_of("rows")), TM_TURN_EXIT);
    ck_assert_int_eq(turn_until_it_rests(first_task_of("dead")), TM_TURN_EXIT);
    ck_assert_uint_eq(run_accounts(&run, run_node(&run, "dead")->id).used, 10);
    close_job();
}
END_TEST

// --- rows that fail ------------------------------------------------------------------------------

static int fail_one(const char *on_error, struct tm_error *err)
{
    char script[1024];
    a_does.fail_every = 7;
    snprintf(script, sizeof script,
             ROWS("count = 10, ") "return rows:watermark('ts', {}):named('a')"
                                  ":on_error(%s):to(tm.discard { name = 'out' })",
             on_error);
    open_job(script, 1);
    struct tm_task *task = first_task_of("rows");
    int rc = TM_TURN_PROGRESS;
    while (rc == TM_TURN_PROGRESS)
        rc = tm_task_turn(task, err);
    return rc;
}

START_TEST(a_failed_row_fails_the_job_with_its_place_operator_and_record)
{
    struct tm_error err = {0};
    ck_assert_int_eq(fail_one("'fail'", &err), TM_E_USER_CODE);
    ck_assert_int_eq(err.code, TM_E_USER_CODE);
    ck_assert_str_eq(err.where, "job.lua:9");
    ck_assert_ptr_nonnull(strstr(err.message, "'a': no good"));
    ck_assert_ptr_nonnull(strstr(err.message, "\"n\":6"));
    ck_assert(err.hint[0] != '\0');
    close_job();
}
END_TEST

START_TEST(a_failed_row_is_skipped_and_counted)
{
    struct tm_error err = {0};
    ck_assert_int_eq(fail_one("'skip'", &err), TM_TURN_EXIT);
    struct accounts a = run_accounts(&run, run_node(&run, "a")->id);
    ck_assert_uint_eq(a.skipped, 1);
    ck_assert_uint_eq(a.dead_lettered, 0);
    const struct tm_failures *failures = first_task_of("rows")->failures;
    ck_assert_uint_eq(failures->kind_count, 1);
    ck_assert_int_eq(failures->kinds[0].code, TM_E_USER_CODE);
    ck_assert_uint_eq(failures->kinds[0].count, 1);
    ck_assert_str_eq(failures->kinds[0].first.where, "job.lua:9");
    close_job();
}
END_TEST

START_TEST(a_failed_row_becomes_a_dead_letter)
{
    struct tm_error err = {0};
    ck_assert_int_eq(fail_one("tm.discard { name = 'dead' }", &err), TM_TURN_EXIT);
    struct accounts a = run_accounts(&run, run_node(&run, "a")->id);
    ck_assert_uint_eq(a.skipped, 0);
    ck_assert_uint_eq(a.dead_lettered, 1);
    ck_assert_int_eq(turn_until_it_rests(first_task_of("dead")), TM_TURN_EXIT);
    ck_assert_uint_eq(run_accounts(&run, run_node(&run, "dead")->id).used, 1);
    close_job();
}
END_TEST

START_TEST(a_bad_record_of_a_source_counts_as_read)
{
    open_job(ROWS("count = 10, on_error = 'skip', ") CHAIN ":to(tm.discard { name = 'out' })", 1);
    struct tm_task *task = first_task_of("rows");
    struct tm_error err = {0};
    struct tm_row_failure failure = {
        .node = run_node(&run, "rows"),
        .code = TM_E_USER_CODE,
        .message = "cut short",
        .message_length = 9,
        .source = "in.jsonl",
        .offset = 120,
        .line = 3,
        .raw = (const uint8_t *)"{\"n\":",
        .raw_length = 5,
    };
    ck_assert_int_eq(tm_task_row_failed(&task->ctx, &failure, &err), 0);
    ck_assert_int_eq(turn_until_it_rests(task), TM_TURN_EXIT);
    struct accounts a = run_accounts(&run, failure.node->id);
    ck_assert_uint_eq(a.in, 11);
    ck_assert_uint_eq(a.used, 10);
    ck_assert_uint_eq(a.skipped, 1);
    ck_assert_str_eq(task->failures->kinds[0].first.where, "in.jsonl:3 (byte 120)");
    close_job();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        elements_move_one_at_a_time_the_last_stage_first,
        the_end_of_the_input_is_the_last_watermark_and_then_a_drain,
        a_stop_sends_no_last_watermark,
        an_operator_that_waits_for_types_rests_until_they_are_settled,
        an_operator_acts_by_itself_at_its_time_and_not_before,
        a_sink_that_takes_nothing_holds_the_source_back_and_the_time_is_counted,
        a_sink_that_nobody_wakes_says_when_it_is_to_be_called_again,
        an_output_without_credit_holds_the_source_back_until_it_returns,
        dead_letters_that_cannot_leave_hold_nothing_back_until_their_batch_is_full,
        the_last_dead_letters_leave_before_the_end,
        a_failed_row_fails_the_job_with_its_place_operator_and_record,
        a_failed_row_is_skipped_and_counted,
        a_failed_row_becomes_a_dead_letter,
        a_bad_record_of_a_source_counts_as_read,
    };
    return run_tests("task", tests, sizeof tests / sizeof tests[0]);
}
