// Whole jobs in this process on real threads: the accounts add up, the result is that of a
// computation by hand, nothing stays in the memory account however a job ends. The suite that runs
// under ThreadSanitizer.
#include "tests/unit/task/support.h"

enum { ROWS = 60000, PARALLELISM = 3 };

static struct run run;

// --- a sink that adds up what it gets ------------------------------------------------------------
// It goes by the name of `discard`, so that scripts can ask for it.

struct sums {
    _Atomic uint64_t rows, first, second; // of the first two columns of type int, other than time
};
static struct sums sums;

struct sum_sink {
    struct tm_sink base;
    struct tm_mem *mem;
    uint32_t offsets[2], columns;
};

static int sum_write(struct tm_sink *sink, const struct tm_batch *batch, const struct tm_row **row,
                     struct tm_error *err)
{
    (void)err;
    struct sum_sink *self = (struct sum_sink *)sink;
    TM_BATCH_EACH(batch, r)
    {
        atomic_fetch_add(&sums.rows, 1);
        if (self->columns > 0)
            atomic_fetch_add(&sums.first, (uint64_t)tm_row_int(r, self->offsets[0]));
        if (self->columns > 1)
            atomic_fetch_add(&sums.second, (uint64_t)tm_row_int(r, self->offsets[1]));
    }
    tm_metric_add(&sink->metrics->used, batch->row_count);
    *row = (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    return TM_STEP_DONE;
}

static int sum_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    (void)sink, (void)end, (void)err;
    return TM_STEP_DONE;
}

static void sum_free(struct tm_sink *sink)
{
    tm_mem_free(((struct sum_sink *)sink)->mem, sink, sizeof(struct sum_sink));
}

static const struct tm_sink_ops sum_ops = {
    .write = sum_write, .flush = sum_flush, .free = sum_free};

static int sum_new(struct tm_task_context *ctx, const struct tm_node *node,
                   struct tm_schema *schema, void *shared, struct tm_sink **sink,
                   struct tm_error *err)
{
    (void)node, (void)shared, (void)err;
    struct sum_sink *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    ck_assert_ptr_nonnull(self);
    self->base.ops = &sum_ops;
    self->mem = ctx->mem;
    for (uint32_t i = 0; i < schema->field_count && self->columns < 2; i++)
        if (schema->fields[i].type.kind == TM_TYPE_INT)
            self->offsets[self->columns++] = schema->fields[i].offset;
    *sink = &self->base;
    return 0;
}

static const struct tm_option_def no_options[] = {{.name = NULL}};
static const struct tm_connector sum_connector = {
    .name = "discard", .sink_options = no_options, .sink_new = sum_new};
static const struct tm_connector *const summing[] = {&tm_connector_generator, &sum_connector, NULL};
static const struct tm_connector *const real[] = {&tm_connector_generator, &tm_connector_discard,
                                                  NULL};

// --- jobs ----------------------------------------------------------------------------------------

#define SOURCE(count)                                                                 \
    "local tm = require 'tidemill'\n"                                                 \
    "local rows = tm.from(tm.generate {" count " seed = 7, name = 'rows', fields = {" \
    "  n = tm.gen.sequence(), user = tm.gen.pattern('u##'),"                          \
    "  ts = tm.gen.timestamp { step = '1ms', disorder = '50ms' } } })"                \
    "  :watermark('ts', { out_of_order = '50ms' })\n"
#define BOUNDED SOURCE("count = 60000,")
#define ENDLESS SOURCE("")
#define WINDOW                                  \
    ":key_by('user'):window(tm.tumbling('1s'))" \
    ":aggregate('sums', { n = tm.count(), total = tm.sum('n') })"

static void start(const char *script, const struct tm_connector *const *connectors,
                  uint32_t parallelism)
{
    memset(&sums, 0, sizeof sums);
    run_plan(&run, script, parallelism);
    run_build(&run, &run.fx, connectors, &tm_operator_factory, parallelism);
    run_start(&run);
}

static void finish_in_order(void)
{
    enum tm_job_outcome outcome = run_join(&run);
    ck_assert_msg(outcome == TM_JOB_FINISHED, "%s", run.coordinator.error.message);
    run_check_accounts(&run);
}

START_TEST(a_windowed_job_without_functions_counts_every_row_once)
{
    for (uint32_t parallelism = 1; parallelism <= PARALLELISM; parallelism++) {
        start(BOUNDED "return rows" WINDOW ":to(tm.discard())", summing, parallelism);
        finish_in_order();
        ck_assert_uint_eq(run_accounts(&run, run_node(&run, "sums")->id).late, 0);
        ck_assert_uint_eq(sums.first, ROWS);
        ck_assert_uint_eq(sums.second, (uint64_t)ROWS * (ROWS - 1) / 2);
        run_fini(&run);
    }
}
END_TEST

START_TEST(a_windowed_job_with_functions_equals_the_sums_by_hand)
{
    uint64_t count = 0, total = 0;
    for (uint64_t n = 0; n < ROWS; n++)
        if (n % 3 != 0) {
            count++;
            total += n;
        }
    start(BOUNDED "return rows:filter(function(e) return e.n % 3 ~= 0 end):named('two_thirds')" //
          WINDOW ":to(tm.discard())",
          summing, PARALLELISM);
    finish_in_order();
    struct accounts filter = run_accounts(&run, run_node(&run, "two_thirds")->id);
    ck_assert_uint_eq(filter.in, ROWS);
    ck_assert_uint_eq(filter.filtered, ROWS - count);
    ck_assert_uint_eq(sums.first, count);
    ck_assert_uint_eq(sums.second, total);
    run_fini(&run);
}
END_TEST

START_TEST(types_that_the_first_row_settles_are_settled_once_for_all_threads)
{
    start(BOUNDED "return rows:map(function(e)\n"
                  "  return { one = load('return 1')(), user = e.user, ts = e.ts } end)"
                  ":map(function(e) return { user = e.user, two = e.one + e.one } end)"
                  ":key_by('user'):count { emit = 'final' }:to(tm.discard())",
          summing, PARALLELISM);
    finish_in_order();
    ck_assert_uint_eq(sums.rows, 100);
    ck_assert_uint_eq(sums.first, ROWS);
    run_fini(&run);
}
END_TEST

START_TEST(two_streams_meet_in_one_sink)
{
    start(BOUNDED "local other = tm.from(tm.generate { count = 5000, name = 'other', fields = {\n"
                  "  n = tm.gen.sequence(), user = tm.gen.pattern('u##'),\n"
                  "  ts = tm.gen.timestamp { step = '1ms' } } }):watermark('ts', {})\n"
                  "return rows:union(other):to(tm.discard())",
          summing, PARALLELISM);
    finish_in_order();
    ck_assert_uint_eq(sums.rows, ROWS + 5000);
    ck_assert_uint_eq(sums.first, (uint64_t)ROWS * (ROWS - 1) / 2 + 5000ull * 4999 / 2);
    run_fini(&run);
}
END_TEST

START_TEST(a_stream_with_two_sinks_gives_each_every_row)
{
    start(BOUNDED "rows:key_by('user'):count():to(tm.discard { name = 'counts' })\n"
                  "return rows:to(tm.discard { name = 'all' })",
          real, PARALLELISM);
    finish_in_order();
    ck_assert_uint_eq(run_accounts(&run, run_node(&run, "counts")->id).used, ROWS);
    ck_assert_uint_eq(run_accounts(&run, run_node(&run, "all")->id).used, ROWS);
    run_fini(&run);
}
END_TEST

START_TEST(rows_that_fail_arrive_as_dead_letters)
{
    start(BOUNDED "return rows:filter(function(e)\n"
                  "  if e.n % 10 == 0 then error('tenth') end return true\n"
                  "end):named('checked'):on_error(tm.discard { name = 'dead' })" //
          WINDOW ":to(tm.discard { name = 'out' })",
          real, PARALLELISM);
    finish_in_order();
    struct accounts checked = run_accounts(&run, run_node(&run, "checked")->id);
    ck_assert_uint_eq(checked.dead_lettered, ROWS / 10);
    ck_assert_uint_eq(checked.used, ROWS - ROWS / 10);
    ck_assert_uint_eq(run_accounts(&run, run_node(&run, "dead")->id).used, ROWS / 10);
    run_fini(&run);
}
END_TEST

// --- other ends ----------------------------------------------------------------------------------

START_TEST(a_failure_in_one_thread_ends_all_and_leaves_nothing)
{
    start(ENDLESS "return rows:filter(function(e)\n"
                  "  if e.n == 30000 then error('enough') end return true\n"
                  "end):named('checked')" //
          WINDOW ":to(tm.discard())",
          summing, PARALLELISM);
    ck_assert_int_eq(run_join(&run), TM_JOB_FAILED);
    const struct tm_error *err = &run.coordinator.error;
    ck_assert_int_eq(err->code, TM_E_USER_CODE);
    ck_assert_msg(strstr(err->message, "enough") != NULL, "%s", err->message);
    ck_assert_msg(strstr(err->message, "checked") != NULL, "%s", err->message);
    run_fini(&run);
}
END_TEST

START_TEST(an_endless_job_that_is_stopped_brings_what_it_read_to_the_sinks)
{
    start(ENDLESS "return rows:key_by('user'):count():to(tm.discard())", summing, PARALLELISM);
    run_until(&run, TM_JOB_RUNNING);
    tm_coordinator_stop(&run.coordinator);
    ck_assert_int_eq(run_join(&run), TM_JOB_STOPPED);
    run_check_accounts(&run);
    ck_assert_uint_eq(run_accounts(&run, run_node(&run, "rows")->id).out, sums.rows);
    run_fini(&run);
}
END_TEST

START_TEST(stopping_before_the_workers_are_ready_is_in_order_too)
{
    start(ENDLESS "return rows" WINDOW ":to(tm.discard())", summing, PARALLELISM);
    tm_coordinator_stop(&run.coordinator);
    ck_assert_int_eq(run_join(&run), TM_JOB_STOPPED);
    run_check_accounts(&run);
    // Some threads may have been reading already; what has not fired by then does not fire.
    ck_assert_uint_le(sums.first, run_accounts(&run, run_node(&run, "rows")->id).out);
    run_fini(&run);
}
END_TEST

START_TEST(stopping_twice_drops_everything_and_leaves_nothing)
{
    start(ENDLESS "return rows:filter(function(e) return e.n % 2 == 0 end)" //
          WINDOW ":to(tm.discard())",
          summing, PARALLELISM);
    run_until(&run, TM_JOB_RUNNING);
    tm_coordinator_stop(&run.coordinator);
    tm_coordinator_stop(&run.coordinator);
    ck_assert_int_eq(run_join(&run), TM_JOB_STOPPED);
    run_fini(&run);
}
END_TEST

START_TEST(a_command_that_comes_when_all_workers_have_ended_goes_with_the_job)
{
    start(ENDLESS "return rows:filter(function(e) return e.n % 2 == 0 end)" //
          WINDOW ":to(tm.discard())",
          summing, PARALLELISM);
    run_until(&run, TM_JOB_RUNNING);
    tm_coordinator_cancel(&run.coordinator);
    ck_assert_int_eq(run_join(&run), TM_JOB_STOPPED);
    ck_assert_int_eq(tm_job_command(run.job, TM_COMMAND_EXIT, NULL, 0), 0);
    run_fini(&run);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_windowed_job_without_functions_counts_every_row_once,
        a_windowed_job_with_functions_equals_the_sums_by_hand,
        a_command_that_comes_when_all_workers_have_ended_goes_with_the_job,
        types_that_the_first_row_settles_are_settled_once_for_all_threads,
        two_streams_meet_in_one_sink,
        a_stream_with_two_sinks_gives_each_every_row,
        rows_that_fail_arrive_as_dead_letters,
        a_failure_in_one_thread_ends_all_and_leaves_nothing,
        an_endless_job_that_is_stopped_brings_what_it_read_to_the_sinks,
        stopping_before_the_workers_are_ready_is_in_order_too,
        stopping_twice_drops_everything_and_leaves_nothing,
    };
    return run_tests("job", tests, sizeof tests / sizeof tests[0]);
}
