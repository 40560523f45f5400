// Output exactly once: whatever a job is killed at, whatever the machine forgets, and whichever
// operation of a disk fails, each row is in the output once, and none before its checkpoint is.
#include "tests/unit/connector_file/commit_job.h"

START_TEST(an_unbroken_run)
{
    for (parallelism = 1; parallelism <= SUBTASKS_MAX; parallelism++) {
        shape_job(&shapes[_i], 1);
        ck_assert_msg(run_job() == 0, "%s", S.err.message);
        expect_end(&shapes[_i]);
    }
}
END_TEST

// Killed at each operation in turn (and again while it begins anew), then to the end, at another
// parallelism. With or without loss of power.
static uint64_t states;

START_TEST(a_job_that_is_killed_at_any_operation)
{
    const struct shape *shape = &shapes[_i / 2];
    bool power = _i % 2 == 1;
    if (strcmp(shape->path, "one.csv") == 0 && shape->option != NULL && shape->value[0] == 'a')
        checkpoint_rows = 0; // row 900 is in front of all: see expect_end
    for (int round = 0; round < (power ? 3 : 1); round++) {
        bool over = false;
        for (int64_t kill_at = 1; !over; kill_at++) {
            parallelism = 1 + (uint32_t)(kill_at % SUBTASKS_MAX);
            shape_job(shape, (uint64_t)kill_at * 1000 + (uint64_t)round);
            if (disk_find(&D.now, "one.csv") >= 0)
                put("one.csv", "id,value,name\n"); // 900 would not be committed
            D.operations = 0;
            D.kill_at = kill_at;
            int rc = run_job();
            over = rc == 0 && !D.is_dead;
            bool to_the_end = over;
            states++;
            for (int again = 0; rc != 0; again++) {
                ck_assert_msg(D.is_dead, "%d %s", rc, S.err.message);
                ck_assert_int_lt(again, 20);
                disk_restart(power);
                expect(committed_rows, checkpoint_rows);
                parallelism = 1 + disk_draw(SUBTASKS_MAX);
                D.kill_at = again < 3 ? 1 + disk_draw(40) : 0;
                states++;
                rc = run_job();
                to_the_end = !D.is_dead;
            }
            struct shape plain = *shape;
            plain.option = NULL;
            if (to_the_end)
                expect_end(&plain);
            else // killed when all was done
                expect(EPOCHS * ROWS, EPOCHS * ROWS);
            D.is_dead = false;
        }
    }
    ck_assert_uint_gt(states, 20);
    if (getenv("TM_SHOW_STATES") != NULL)
        printf("%s %s %s: %llu states\n", shape->path, shape->value == NULL ? "" : shape->value,
               power ? "power" : "kill", (unsigned long long)states);
}
END_TEST

START_TEST(an_error_of_any_operation_ends_the_job_and_the_next_attempt_goes_on)
{
    const struct shape *shape = &shapes[_i];
    bool over = false;
    for (int64_t fail_at = 1; !over; fail_at++) {
        parallelism = 1 + (uint32_t)(fail_at % SUBTASKS_MAX);
        shape_job(shape, (uint64_t)fail_at);
        if (disk_find(&D.now, "one.csv") >= 0)
            put("one.csv", "id,value,name\n");
        D.operations = 0;
        D.fail_at = fail_at;
        int rc = run_job();
        over = D.operations < fail_at;
        for (int again = 0; rc != 0; again++) {
            ck_assert_int_lt(again, 3);
            D.fail_at = 0;
            rc = run_job();
        }
        look();
        for (int i = 0; i < IDS; i++)
            ck_assert_msg(seen[i] == (i < EPOCHS * ROWS), "operation %d, row %d: %d", (int)fail_at,
                          i, seen[i]);
    }
}
END_TEST

// --- old checkpoints -----------------------------------------------------------------------------

static struct tm_restored *first_checkpoint;

// Runs to the end, and keeps the first checkpoint; then begins with that.
static int begin_with_an_old_one(const struct shape *shape)
{
    shape_job(shape, 3);
    parallelism = 2;
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    ck_assert_int_eq(write_rows(0, 0, 6), 0);
    ck_assert_int_eq(take_checkpoint(6), 0);
    ck_assert_int_eq(commit(), 0);
    first_checkpoint = checkpoint;
    checkpoint = NULL;
    ck_assert_int_eq(write_rows(1, 6, 6), 0);
    ck_assert_int_eq(take_checkpoint(12), 0);
    bool committed = true;
    ck_assert_int_eq(tm_connector_file.sink_committed(S.shared, number, &committed, &S.err), 0);
    ck_assert(!committed);
    ck_assert_int_eq(commit(), 0);
    ck_assert_int_eq(tm_connector_file.sink_committed(S.shared, number, &committed, &S.err), 0);
    ck_assert(committed);
    ck_assert_int_eq(end(false), 0);
    tm_restored_free(checkpoint);
    checkpoint = first_checkpoint;
    checkpoint_rows = 6;
    return begin();
}

START_TEST(a_checkpoint_that_is_older_than_the_output_is_refused)
{
    const struct shape *shape = &shapes[_i == 0 ? 0 : 3];
    ck_assert_int_eq(begin_with_an_old_one(shape), TM_E_CHECKPOINT_OLD);
    ck_assert_ptr_nonnull(strstr(S.err.message, shape->path));
    ck_assert_ptr_nonnull(strstr(S.err.hint, "if_exists"));
    end(false);
    expect(12, 12);
}
END_TEST

START_TEST(or_the_output_is_appended_to_with_rows_twice_or_replaced)
{
    static const struct shape four[] = {{"one.jsonl", "json", "if_exists", "append"},
                                        {"out", "json", "if_exists", "append"},
                                        {"one.jsonl", "json", "if_exists", "replace"},
                                        {"out", "json", "if_exists", "replace"}};
    bool append = _i < 2;
    ck_assert_msg(begin_with_an_old_one(&four[_i]) == 0, "%s", S.err.message);
    ck_assert(append == (strstr(support_text(&S.failures), "come twice") != NULL));
    ck_assert_int_eq(write_rows(0, 6, 6), 0);
    number = 10;
    ck_assert_int_eq(take_checkpoint(12), 0);
    ck_assert_int_eq(commit(), 0);
    ck_assert_int_eq(end(true), 0);
    look();
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(seen[i], append ? (i < 6 ? 1 : 2) : (i < 6 ? 0 : 1));
}
END_TEST

START_TEST(a_checkpoint_of_another_life_is_refused)
{
    shape_job(&shapes[3], 3);
    ck_assert_int_eq(run_job(), 0);
    first_checkpoint = checkpoint;
    checkpoint = NULL;
    disk_unlink(NULL, "one.jsonl", NULL);
    checkpoint_rows = committed_rows = 0;
    ck_assert_int_eq(run_job(), 0); // --fresh
    tm_restored_free(checkpoint);
    checkpoint = first_checkpoint;
    ck_assert_int_eq(begin(), TM_E_CHECKPOINT_OLD);
    ck_assert_ptr_nonnull(strstr(S.err.message, "another run"));
    end(false);
}
END_TEST

START_TEST(what_was_prepared_for_a_failed_checkpoint_comes_with_the_next)
{
    shape_job(&shapes[_i == 0 ? 0 : 3], 3);
    ck_assert_int_eq(begin(), 0);
    ck_assert_int_eq(write_rows(0, 0, 3), 0);
    ck_assert_int_eq(take_checkpoint(3), 0); // it is given up
    ck_assert_int_eq(write_rows(0, 3, 3), 0);
    ck_assert_int_eq(take_checkpoint(6), 0);
    if (_i == 0) {
        ck_assert_int_eq(commit(), 0);
        expect(6, 6);
    }
    end(false); // or the job goes on from it without a commit
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    ck_assert_int_eq(end(true), 0);
}
END_TEST

START_TEST(a_part_that_a_reader_took_away_is_not_missed_and_a_prepared_one_is)
{
    shape_job(&shapes[0], 3);
    ck_assert_int_eq(begin(), 0);
    ck_assert_int_eq(write_rows(0, 0, 3), 0);
    ck_assert_int_eq(take_checkpoint(3), 0);
    ck_assert_int_eq(commit(), 0);
    disk_unlink(NULL, "out/part-0-0.jsonl", NULL);
    end(false);
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    ck_assert_int_eq(write_rows(0, 3, 3), 0);
    ck_assert_int_eq(take_checkpoint(6), 0);
    end(false);
    for (int i = 0; i < D.now.count; i++)
        if (strstr(D.now.entries[i].path, "part-0-1") != NULL) // the number was not used again
            disk_unlink(NULL, D.now.entries[i--].path, NULL);
    ck_assert_int_eq(begin(), TM_E_OUTPUT_CHANGED);
    ck_assert_ptr_nonnull(strstr(S.err.message, "part-0-1"));
    end(false);
}
END_TEST

// --- space ---------------------------------------------------------------------------------------

static int count_text(const char *text)
{
    int count = 0;
    for (const char *p = support_text(&S.failures); (p = strstr(p, text)) != NULL; p++)
        count++;
    return count;
}

START_TEST(without_space_all_wait_and_go_on_when_there_is_some)
{
    const struct shape *shape = &shapes[_i == 0 ? 0 : 3];
    shape_job(shape, 3);
    parallelism = 2;
    struct tm_cut *cuts[2];
    ck_assert_int_eq(begin(), 0);
    ck_assert_int_eq(write_rows(0, 0, 3), 0);
    ck_assert_int_eq(write_rows(1, 3, 3), 0);
    D.space = 20;
    number++;
    for (uint32_t s = 0; s < 2; s++)
        ck_assert_int_eq(tm_cut_new(&S.mem, number, 0, s, &cuts[s]), 0);
    for (int i = 0; i < 5; i++) {
        for (uint32_t s = 0; s < 2; s++)
            ck_assert_int_eq(sinks[s]->ops->prepare(sinks[s], cuts[s], &S.err), TM_STEP_WAIT);
        ck_assert_int_le(sinks[0]->ops->deadline_ns(sinks[0]), now_ns + 1000000000);
        now_ns += 1000000001;
    }
    ck_assert_int_eq(count_text("waits for space"), 1);
    ck_assert_int_eq(count_text("has space again"), 0);
    D.space = 1000000;
    int waits = 0;
    for (uint32_t s = 0; s < 2; s++)
        while (sinks[s]->ops->prepare(sinks[s], cuts[s], &S.err) == TM_STEP_WAIT) {
            ck_assert_int_lt(waits++, 20);
            now_ns += 1000000001;
        }
    ck_assert_int_eq(count_text("has space again"), 1);
    tm_restored_free(checkpoint);
    checkpoint = NULL;
    ck_assert_int_eq(
        tm_restored_from_cuts(&S.mem, (const struct tm_cut *const *)cuts, 2, &checkpoint, &S.err),
        0);
    for (uint32_t s = 0; s < 2; s++)
        tm_cut_free(cuts[s]);
    checkpoint_number = number;
    // The commit has none, either: rows are held back meanwhile.
    D.space = _i == 0 ? 10 : 100;
    ck_assert_int_eq(commit(), TM_STEP_WAIT);
    ck_assert_int_eq(S.err.code, TM_E_NO_SPACE);
    expect(0, 6);
    struct tm_batch *batch = support_batch(schema, 6, 1, "a");
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_int_eq(sinks[0]->ops->write(sinks[0], batch, &row, &S.err), TM_STEP_WAIT);
    ck_assert_int_eq(count_text("waits for space"), 2);
    D.space = -1;
    ck_assert_int_eq(commit(), 0);
    expect(6, 6);
    now_ns += 1000000001;
    ck_assert_int_eq(sinks[0]->ops->write(sinks[0], batch, &row, &S.err), TM_STEP_DONE);
    tm_batch_release(batch);
    ck_assert_int_eq(count_text("has space again"), 2);
    end(false);
    expect(6, 6);
}
END_TEST

static int truncate_fails(void *ctx, int fd, int64_t size, struct tm_error *err)
{
    (void)ctx, (void)fd, (void)size;
    return tm_error_set(err, TM_E_IO, "truncate: Input/output error");
}

START_TEST(without_space_rows_are_not_written_behind_some_that_could_not_be_taken_back)
{
    struct tm_cut *cut;
    shape_job(&shapes[_i == 0 ? 0 : 3], 1);
    ck_assert_int_eq(begin(), 0);
    ck_assert_int_eq(write_rows(0, 0, 3), 0);
    int (*truncate)(void *, int, int64_t, struct tm_error *) = S.files.truncate;
    S.files.truncate = truncate_fails;
    D.space = 20; // a row and a half
    ck_assert_int_eq(tm_cut_new(&S.mem, ++number, 0, 0, &cut), 0);
    int rc, turns = 0;
    while ((rc = sinks[0]->ops->prepare(sinks[0], cut, &S.err)) == TM_STEP_WAIT) {
        ck_assert_int_lt(turns++, 20);
        now_ns += 1000000001;
        D.space = -1; // too late
        S.files.truncate = truncate;
    }
    ck_assert_int_eq(rc, TM_E_IO);
    ck_assert_ptr_nonnull(strstr(S.err.message, "truncate: Input/output error"));
    ck_assert_ptr_nonnull(strstr(S.err.hint, "could not be cut off"));
    ck_assert_int_eq(count_text("waits for space"), 0);
    tm_cut_free(cut);
    end(false);
}
END_TEST

START_TEST(an_output_without_rows_is_there)
{
    shape_job(&shapes[_i == 0 ? 4 : _i == 1 ? 3 : 8], 3);
    parallelism = 2;
    ck_assert_int_eq(begin(), 0);
    for (uint32_t s = 0; s < 2; s++)
        ck_assert_int_eq(support_flush(sinks[s], true), TM_STEP_DONE);
    ck_assert_int_eq(take_checkpoint(0), 0);
    ck_assert_int_eq(commit(), 0);
    ck_assert_int_eq(end(true), 0);
    int i = disk_find(&D.now, shapes[_i == 0 ? 4 : _i == 1 ? 3 : 8].path);
    ck_assert_int_ge(i, 0);
    look();
    ck_assert_int_eq(headers, _i != 1);
}
END_TEST

// --- short jobs ----------------------------------------------------------------------------------

static int count_rows(void)
{
    int count = 0;
    bool dead = D.is_dead;
    D.is_dead = false;
    look();
    D.is_dead = dead;
    for (int i = 0; i < IDS; i++)
        count += seen[i];
    return count;
}

// All of a job that takes no checkpoint at all: one step makes its output visible. 0, or what it
// stopped with.
static int run_short_job(void)
{
    struct tm_cut *cuts[SUPPORT_SUBTASKS];
    int share = EPOCHS * ROWS / (int)parallelism, before = count_rows(), rc = begin();
    for (uint32_t s = 0; rc == 0 && s < parallelism; s++) {
        rc = write_rows(s, (int)s * share, share);
        rc = rc != 0 ? rc : support_flush(sinks[s], true);
    }
    for (uint32_t s = 0; s < parallelism; s++)
        ck_assert_int_eq(tm_cut_new(&S.mem, 1, 0, s, &cuts[s]), 0);
    rc = rc != 0 ? rc : prepare_all(cuts);
    for (uint32_t s = 0; s < parallelism; s++)
        tm_cut_free(cuts[s]);
    ck_assert_int_eq(count_rows(), before);
    if (rc == 0) {
        ck_assert_uint_eq(tm_connector_file.sink_commit_steps(S.shared), 1);
        rc = tm_connector_file.sink_commit_once(S.shared, 1, &S.err);
    }
    int finished = end(rc == 0);
    return rc != 0 ? rc : finished;
}

static const struct shape short_shapes[] = {
    {"out", "json", NULL, NULL},           {"one.jsonl", "json", NULL, NULL},
    {"one.csv", "csv", NULL, NULL},        {"one.csv", "csv", "if_exists", "replace"},
    {"sub/one.csv.gz", "csv", NULL, NULL},
};
enum { SHORT_SHAPES = sizeof short_shapes / sizeof short_shapes[0] };

static uint32_t short_parallelism(const struct shape *shape, int64_t n)
{
    return strcmp(shape->path, "out") == 0 ? 1 : 1 + (uint32_t)(n % SUBTASKS_MAX);
}

START_TEST(a_short_job_that_is_killed_at_any_operation_shows_all_of_its_output_or_nothing)
{
    const struct shape *shape = &short_shapes[_i / 2];
    bool power = _i % 2 == 1, replaces = shape->option != NULL;
    int none = 0, all = 0;
    for (int round = 0; round < (power ? 10 : 1); round++) {
        bool over = false;
        for (int64_t kill_at = 1; !over; kill_at++) {
            shape_job(shape, (uint64_t)kill_at * 1000 + (uint64_t)round);
            parallelism = short_parallelism(shape, kill_at);
            D.operations = 0;
            D.kill_at = kill_at;
            int rc = run_short_job();
            over = !D.is_dead;
            ck_assert_msg(over ? rc == 0 : true, "%s", S.err.message);
            disk_restart(power);
            int count = count_rows();
            ck_assert_msg(count == 0 || count == EPOCHS * ROWS, "%d rows after a kill at %d", count,
                          (int)kill_at);
            ck_assert(!over || count != 0);
            none += count == 0;
            all += count != 0;
            rc = run_short_job(); // begun anew
            ck_assert_int_eq(rc, count == 0 || replaces ? 0 : TM_E_EXISTS);
            if (rc == 0)
                expect_end(shape);
            ck_assert_int_eq(count_rows(), EPOCHS * ROWS);
        }
    }
    ck_assert_int_gt(none, 0);
    ck_assert_int_gt(all, 0);
}
END_TEST

START_TEST(a_short_job_whose_step_fails_can_try_it_again)
{
    const struct shape *shape = &short_shapes[_i];
    bool over = false;
    for (int64_t fail_at = 1; !over; fail_at++) {
        struct tm_cut *cut;
        shape_job(shape, 5);
        parallelism = 1;
        ck_assert_int_eq(begin(), 0);
        ck_assert_int_eq(write_rows(0, 0, EPOCHS * ROWS), 0);
        ck_assert_int_eq(support_flush(sinks[0], true), 0);
        ck_assert_int_eq(tm_cut_new(&S.mem, 1, 0, 0, &cut), 0);
        ck_assert_int_eq(prepare_all(&cut), 0);
        tm_cut_free(cut);
        D.operations = 0;
        D.fail_at = fail_at;
        int rc = tm_connector_file.sink_commit_once(S.shared, 1, &S.err);
        over = D.operations < fail_at;
        D.fail_at = 0;
        memset(&S.err, 0, sizeof S.err);
        if (rc != 0)
            rc = tm_connector_file.sink_commit_once(S.shared, 1, &S.err);
        ck_assert_msg(rc == 0, "%s", S.err.message);
        ck_assert_int_eq(end(true), 0);
        expect_end(shape);
    }
}
END_TEST

START_TEST(an_output_that_needs_more_than_one_step_says_so)
{
    static const struct shape more[] = {
        {"out", "json", NULL, NULL}, // of two subtasks
        {"out", "json", "partition_by", "name"},
        {"out", "csv", "roll_size", "30B"},
        {"out", "json", "if_exists", "replace"}, // the old parts go
        {"out", "json", "if_exists", "append"},
        {"one.csv", "csv", "if_exists", "append"},
        {"new.csv", "csv", "if_exists", "append"},
    };
    shape_job(&more[_i], 3);
    parallelism = _i == 0 ? 2 : 1;
    ck_assert_int_eq(begin(), 0);
    ck_assert_uint_eq(tm_connector_file.sink_commit_steps(S.shared), 2);
    end(false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commit");
    TCase *tcase = tcase_create("commit");
    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, an_unbroken_run, 0, SHAPES);
    tcase_add_loop_test(tcase, a_job_that_is_killed_at_any_operation, 0, 2 * SHAPES);
    tcase_add_loop_test(tcase, an_error_of_any_operation_ends_the_job_and_the_next_attempt_goes_on,
                        0, SHAPES);
    tcase_add_loop_test(tcase, a_checkpoint_that_is_older_than_the_output_is_refused, 0, 2);
    tcase_add_loop_test(tcase, or_the_output_is_appended_to_with_rows_twice_or_replaced, 0, 4);
    tcase_add_test(tcase, a_checkpoint_of_another_life_is_refused);
    tcase_add_loop_test(tcase, what_was_prepared_for_a_failed_checkpoint_comes_with_the_next, 0, 2);
    tcase_add_test(tcase, a_part_that_a_reader_took_away_is_not_missed_and_a_prepared_one_is);
    tcase_add_loop_test(tcase, without_space_all_wait_and_go_on_when_there_is_some, 0, 2);
    tcase_add_loop_test(
        tcase, without_space_rows_are_not_written_behind_some_that_could_not_be_taken_back, 0, 2);
    tcase_add_loop_test(tcase, an_output_without_rows_is_there, 0, 3);
    tcase_add_loop_test(
        tcase, a_short_job_that_is_killed_at_any_operation_shows_all_of_its_output_or_nothing, 0,
        2 * SHORT_SHAPES);
    tcase_add_loop_test(tcase, a_short_job_whose_step_fails_can_try_it_again, 0, SHORT_SHAPES);
    tcase_add_loop_test(tcase, an_output_that_needs_more_than_one_step_says_so, 0, 7);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
