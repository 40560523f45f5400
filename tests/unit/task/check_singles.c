// What workers tell of themselves in memory that another process may read, rows one by one, and
// rows that are known to end the process.
#include "core/base/hash.h"
#include "tests/unit/task/support.h"

enum { ROWS = 3000, WANTED = 1234 };

static struct run run;
static struct tm_watch *watch;

// --- a sink that looks at what it gets -----------------------------------------------------------

static struct seen {
    uint64_t rows, batches, singles;
    int64_t last;            // of the numbers, which ascend
    uint64_t end_singles_at; // rows go in batches again from this row on; 0: never
    uint64_t noted, unnoted; // rows of batches of one row: is it the one that the worker tells of?
    uint64_t hash;           // of row WANTED
    uint32_t length;
} seen;

struct look_sink {
    struct tm_sink base;
    struct tm_mem *mem;
    struct tm_task_context *ctx;
    uint32_t offset;
};

static void look(struct look_sink *self, const struct tm_batch *batch, const struct tm_row *row)
{
    const struct tm_watch_slot *slot = self->ctx->task->worker->watch;
    int64_t number = tm_row_int(row, self->offset);
    uint64_t hash = tm_hash_bytes(row, row->size_bytes);
    bool noted = slot->row_length == row->size_bytes && slot->row_hash == hash;
    ck_assert_int_gt(number, seen.last);
    seen.last = number;
    seen.rows++;
    seen.singles += batch->row_count == 1;
    seen.noted += noted;
    seen.unnoted += !noted;
    if (number == WANTED) {
        seen.hash = hash;
        seen.length = row->size_bytes;
    }
    if (seen.rows == seen.end_singles_at)
        watch->one_by_one = 0;
}

static int look_write(struct tm_sink *sink, const struct tm_batch *batch, const struct tm_row **row,
                      struct tm_error *err)
{
    (void)err;
    struct look_sink *self = (struct look_sink *)sink;
    seen.batches++;
    ck_assert_int_ne(self->ctx->task->worker->watch->since_ns, 0);
    ck_assert_uint_eq(self->ctx->task->worker->watch->node, run_node(&run, "out")->id);
    TM_BATCH_EACH(batch, r)
    look(self, batch, r);
    tm_metric_add(&sink->metrics->used, batch->row_count);
    *row = (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    return TM_STEP_DONE;
}

static int look_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    (void)sink, (void)end, (void)err;
    return TM_STEP_DONE;
}

static void look_free(struct tm_sink *sink)
{
    tm_mem_free(((struct look_sink *)sink)->mem, sink, sizeof(struct look_sink));
}

static const struct tm_sink_ops look_ops = {
    .write = look_write, .flush = look_flush, .free = look_free};

static int look_new(struct tm_task_context *ctx, const struct tm_node *node,
                    struct tm_schema *schema, void *shared, struct tm_sink **sink,
                    struct tm_error *err)
{
    (void)node, (void)shared, (void)err;
    struct look_sink *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    ck_assert_ptr_nonnull(self);
    self->base.ops = &look_ops;
    self->mem = ctx->mem;
    self->ctx = ctx;
    self->offset = schema->fields[0].offset;
    *sink = &self->base;
    return 0;
}

static const struct tm_option_def no_options[] = {{.name = NULL}};
static const struct tm_connector look_connector = {
    .name = "discard", .sink_options = no_options, .sink_new = look_new};
static const struct tm_connector *const looking[] = {&tm_connector_generator, &look_connector,
                                                     NULL};

// --- jobs ----------------------------------------------------------------------------------------

static void begin(const char *on_error)
{
    static char script[1024]; // workers read it too
    snprintf(script, sizeof script,
             "local tm = require 'tidemill'\n"
             "return tm.from(tm.generate { count = %d, fields = { n = tm.gen.sequence() } })\n"
             "  :map(function(e) return { n = e.n } end)\n"
             "  :filter(function(e) return e.n >= 0 end)\n"
             "  :to(tm.discard { name = 'out', on_error = '%s' })\n",
             ROWS, on_error);
    run_plan(&run, script, 1);
    run_build(&run, &run.fx, looking, &tm_operator_factory, 1);
    run.job->watch = watch;
    tm_watch_job(watch, run.graph, run.job->worker_count);
    memset(&seen, 0, sizeof seen);
    seen.last = -1;
}

static enum tm_job_outcome finish(void)
{
    run_start(&run);
    enum tm_job_outcome outcome = run_join(&run);
    if (outcome == TM_JOB_FAILED && run.coordinator.error.code != TM_E_ROW_CRASHED)
        ck_abort_msg("%s", run.coordinator.error.message);
    return outcome;
}

static void setup(void)
{
    watch = calloc(1, sizeof *watch);
    ck_assert_ptr_nonnull(watch);
}

static void teardown(void)
{
    free(watch);
}

static void know_wanted(const char *on_error)
{
    watch->one_by_one = 1;
    begin(on_error);
    ck_assert_int_eq(finish(), TM_JOB_FINISHED);
    uint32_t node = run_node(&run, "out")->id;
    watch->culprits[watch->culprit_count++] = (struct tm_watch_culprit){
        .node = node, .hash = seen.hash, .length = seen.length, .timeout_ms = 250};
    run_fini(&run);
    watch->one_by_one = 0;
}

// --- the facts -----------------------------------------------------------------------------------

START_TEST(a_worker_tells_what_it_does)
{
    begin("skip");
    const struct tm_node *out = run_node(&run, "out");
    const struct tm_watch_node *told = &watch->nodes[out->id];
    ck_assert_str_eq(told->name, "out");
    ck_assert_str_eq(told->verb, "to");
    ck_assert_ptr_nonnull(strstr(told->where, "job.lua:"));
    ck_assert_uint_eq(watch->worker_count, 1);
    ck_assert_int_eq(finish(), TM_JOB_FINISHED);
    ck_assert_uint_gt(watch->slots[0].steps, 3);
    ck_assert_int_eq(watch->slots[0].since_ns, 0);
    ck_assert_uint_eq(seen.rows, ROWS);
    ck_assert_uint_lt(seen.batches, ROWS / 10);
    ck_assert_uint_eq(seen.noted, 0);
    run_fini(&run);
}
END_TEST

START_TEST(functions_that_are_one_operator_are_told_by_their_ends)
{
    begin("skip");
    ck_assert_int_eq(finish(), TM_JOB_FINISHED);
    uint32_t map = run.graph->nodes[1].id;
    ck_assert_str_eq(watch->nodes[map].name, run.graph->nodes[1].name);
    ck_assert_str_eq(watch->nodes[map].last_name, run.graph->nodes[2].name);
    run_fini(&run);
}
END_TEST

START_TEST(rows_go_one_by_one_and_each_is_told)
{
    watch->one_by_one = 1;
    begin("skip");
    ck_assert_int_eq(finish(), TM_JOB_FINISHED);
    ck_assert_uint_eq(seen.rows, ROWS);
    ck_assert_uint_eq(seen.singles, ROWS);
    ck_assert_uint_eq(seen.noted, ROWS);
    uint32_t map = run.graph->nodes[1].id; // an operator of its own
    ck_assert_str_eq(watch->nodes[map].last_name, run.graph->nodes[1].name);
    run_check_accounts(&run);
    run_fini(&run);
}
END_TEST

START_TEST(one_by_one_ends_with_the_next_checkpoint)
{
    watch->one_by_one = 1;
    begin("skip");
    seen.end_singles_at = 100;
    ck_assert_int_eq(finish(), TM_JOB_FINISHED);
    ck_assert_uint_eq(seen.rows, ROWS);
    ck_assert_uint_ge(seen.singles, 100);
    ck_assert_uint_lt(seen.batches, 100 + ROWS / 10);
    run_check_accounts(&run);
    run_fini(&run);
}
END_TEST

START_TEST(a_known_row_never_enters_its_operator)
{
    know_wanted("skip");
    begin("skip");
    ck_assert_int_eq(finish(), TM_JOB_FINISHED);
    ck_assert_uint_eq(seen.rows, ROWS - 1);
    ck_assert_uint_eq(seen.hash, 0);
    ck_assert_uint_lt(seen.batches, ROWS / 10);
    struct accounts out = run_accounts(&run, run_node(&run, "out")->id);
    ck_assert_uint_eq(out.in, ROWS);
    ck_assert_uint_eq(out.skipped, 1);
    run_check_accounts(&run);
    run_fini(&run);
}
END_TEST

START_TEST(a_known_row_is_an_error_of_its_operator)
{
    know_wanted("skip");
    begin("fail");
    ck_assert_int_eq(finish(), TM_JOB_FAILED);
    const struct tm_error *err = &run.coordinator.error;
    ck_assert_int_eq(err->code, TM_E_ROW_CRASHED);
    ck_assert_ptr_nonnull(strstr(err->message, "operator 'out'"));
    ck_assert_ptr_nonnull(strstr(err->message, "250ms"));
    ck_assert_ptr_nonnull(strstr(err->message, "{\"n\":1234}"));
    ck_assert_int_lt(seen.last, WANTED);
    run_fini(&run);
}
END_TEST

START_TEST(known_is_by_operator_bytes_and_length)
{
    const char row[] = "0123456789abcdef";
    watch->culprits[watch->culprit_count++] =
        (struct tm_watch_culprit){.node = 3, .hash = tm_hash_bytes(row, 16), .length = 16};
    ck_assert_ptr_eq(tm_watch_find(watch, 3, row, 16), &watch->culprits[0]);
    ck_assert_ptr_null(tm_watch_find(watch, 4, row, 16));
    ck_assert_ptr_null(tm_watch_find(watch, 3, row, 8));
    ck_assert_ptr_null(tm_watch_find(watch, 3, row + 1, 16));
    ck_assert_int_eq(tm_watch_suspects(watch, 3), 1);
    ck_assert_int_eq(tm_watch_suspects(watch, 2), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("singles");
    TCase *tcase = tcase_create("singles");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_worker_tells_what_it_does);
    tcase_add_test(tcase, functions_that_are_one_operator_are_told_by_their_ends);
    tcase_add_test(tcase, rows_go_one_by_one_and_each_is_told);
    tcase_add_test(tcase, one_by_one_ends_with_the_next_checkpoint);
    tcase_add_test(tcase, a_known_row_never_enters_its_operator);
    tcase_add_test(tcase, a_known_row_is_an_error_of_its_operator);
    tcase_add_test(tcase, known_is_by_operator_bytes_and_length);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
