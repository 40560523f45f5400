// Outputs that a job goes on without: what its checkpoint holds for them becomes visible, whatever
// the process was killed at, and where it cannot be nothing of it is half there.
#include "tests/unit/connector_file/commit_job.h"

#include "connectors/file/commit_private.h"

static int settle(void)
{
    const struct tm_sink_left left = {.fx = &S.fx,
                                      .mem = &S.mem,
                                      .job = "test",
                                      .sink = S.node.name,
                                      .restored = checkpoint,
                                      .key = S.node.name};
    memset(&S.err, 0, sizeof S.err);
    return tm_connector_file.sink_settle(&left, &S.err);
}

static const char *left_name(const char *part)
{
    for (int i = 0; i < D.now.count; i++)
        if (strstr(D.now.entries[i].path, part) != NULL)
            return D.now.entries[i].path;
    return NULL;
}

static bool is_left(const char *part)
{
    return left_name(part) != NULL;
}

// The job is killed at each operation in turn, and so is what settles the output, once. With or
// without loss of power.
START_TEST(what_a_checkpoint_owes_is_there_whatever_the_job_was_killed_at)
{
    const struct shape *shape = &shapes[_i / 2];
    bool power = _i % 2 == 1, over = false;
    uint64_t settled = 0, owed = 0, cut_short = 0;
    for (int64_t kill_at = 1; !over; kill_at++) {
        parallelism = 1 + (uint32_t)(kill_at % SUBTASKS_MAX);
        shape_job(shape, (uint64_t)kill_at);
        if (disk_find(&D.now, "one.csv") >= 0)
            put("one.csv", "id,value,name\n"); // 900 would not be committed
        D.operations = 0;
        D.kill_at = kill_at;
        int rc = run_job();
        over = rc == 0 && !D.is_dead;
        disk_restart(power);
        expect(committed_rows, checkpoint_rows);
        if (checkpoint == NULL)
            continue;
        D.kill_at = 1 + disk_draw(30);
        rc = settle();
        bool died = D.is_dead;
        cut_short += died;
        disk_restart(power && died);
        expect(committed_rows, checkpoint_rows);
        int again = settle();
        ck_assert_msg(again >= 0, "operation %d: %d %s", (int)kill_at, again, S.err.message);
        ck_assert(died || again == 0); // it was done
        ck_assert(died || rc >= 0);
        owed += rc > 0 || again > 0;
        may_be_torn = false;
        expect(checkpoint_rows, checkpoint_rows);
        ck_assert_msg(!is_left("inprogress"), "operation %d: %s is left", (int)kill_at,
                      left_name("inprogress"));
        settled++;
    }
    ck_assert_uint_gt(settled, owed);
    ck_assert_uint_gt(owed, 3);
    ck_assert_uint_gt(cut_short, 3);
}
END_TEST

// A checkpoint of `rows` in all, six more than there were.
static void prepare_six(int rows)
{
    ck_assert_int_eq(write_rows(0, rows - 6, 3), 0);
    ck_assert_int_eq(write_rows(1, rows - 3, 3), 0);
    ck_assert_int_eq(take_checkpoint(rows), 0);
}

// Six rows, which a commit that is killed at this operation has made visible or not. False: it was
// not killed.
static bool commit_is_killed(const struct shape *shape, int64_t kill_at)
{
    shape_job(shape, 3);
    parallelism = 2;
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    prepare_six(6);
    D.operations = 0;
    D.kill_at = kill_at;
    (void)commit();
    bool killed = D.is_dead;
    end(false);
    disk_restart(false);
    return killed;
}

static int rows_there(void)
{
    int count = 0;
    may_be_torn = false;
    look();
    for (int i = 0; i < 900; i++)
        count += seen[i];
    return count;
}

START_TEST(what_cannot_be_made_visible_is_not_half_there)
{
    static const struct shape append = {"one.jsonl", "json", "if_exists", "append"};
    uint64_t changed = 0;
    for (int64_t kill_at = 1; commit_is_killed(&append, kill_at); kill_at++) {
        const char *gone = NULL;
        for (int i = 0; gone == NULL && i < D.now.count; i++)
            if (strstr(D.now.entries[i].path, "-1-0.inprogress") != NULL)
                gone = D.now.entries[i].path;
        if (gone != NULL)
            ck_assert_int_eq(disk_unlink(NULL, gone, NULL), 0);
        int rc = settle();
        ck_assert_msg(rc >= 0 || rc == TM_E_OUTPUT_CHANGED, "%d %s", rc, S.err.message);
        ck_assert_msg(rc >= 0 || strstr(S.err.message, "it has rows that checkpoint ") != NULL,
                      "%s", S.err.message);
        changed += rc < 0;
        int there = rows_there();
        ck_assert_msg(there == (rc < 0 ? 0 : 6), "%d rows, code %d", there, rc);
    }
    ck_assert_uint_gt(changed, 3);
}
END_TEST

// The job goes back to the checkpoint before it.
START_TEST(an_append_of_a_checkpoint_that_is_given_up_is_cut_off)
{
    static const struct shape append = {"one.jsonl", "json", "if_exists", "append"};
    bool killed = true;
    uint64_t cut = 0;
    for (int64_t kill_at = 1; killed; kill_at++) {
        shape_job(&append, 3);
        parallelism = 2;
        ck_assert_msg(begin() == 0, "%s", S.err.message);
        prepare_six(6);
        ck_assert_int_eq(commit(), 0);
        struct tm_restored *first = checkpoint;
        checkpoint = NULL;
        prepare_six(12);
        D.operations = 0;
        D.kill_at = kill_at;
        int rc = commit();
        killed = D.is_dead;
        end(false);
        disk_restart(false);
        tm_restored_free(checkpoint);
        checkpoint = first;
        ck_assert_int_eq(settle(), 0);
        int there = rows_there();
        ck_assert_msg(there == 6 || (there == 12 && (rc == 0 || kill_at > 3)), "%d rows", there);
        cut += there == 6;
    }
    ck_assert_uint_gt(cut, 3);
}
END_TEST

START_TEST(what_another_run_has_written_since_is_left_as_it_is)
{
    static const struct shape append = {"one.jsonl", "json", "if_exists", "append"};
    (void)commit_is_killed(&append, 1);
    struct tm_restored *held = checkpoint;
    checkpoint = NULL;
    ck_assert_msg(begin() == 0, "%s", S.err.message); // anew, with --fresh
    prepare_six(12);
    ck_assert_int_eq(commit(), 0);
    end(false);
    tm_restored_free(checkpoint);
    checkpoint = held;
    ck_assert_int_eq(settle(), TM_E_CHECKPOINT_OLD);
    ck_assert_msg(strstr(S.err.message, "by another run since") != NULL, "%s", S.err.message);
    ck_assert_int_eq(rows_there(), 6);
}
END_TEST

// The output is another sink's by then, or the same one's, which begins anew.
START_TEST(a_sink_that_begins_anew_does_so_behind_what_was_settled)
{
    static const struct shape shapes_of[] = {{"one.jsonl", "json", "if_exists", "append"},
                                             {"out", "json", "if_exists", "append"},
                                             {"one.jsonl", "json", NULL, NULL},
                                             {"out", "json", NULL, NULL}};
    const struct shape *shape = &shapes_of[_i];
    ck_assert(commit_is_killed(shape, 1));
    struct tm_restored *held = checkpoint;
    struct tm_node other = S.node; // which the checkpoint does not know
    struct tm_sink_job job = {.name = "test", .restored = held, .settles = true};
    other.name = "other";
    memset(&S.err, 0, sizeof S.err);
    memset(sinks, 0, sizeof sinks);
    ck_assert_int_eq(tm_connector_file.sink_prepare_checkpoints(&S.fx, &S.mem, &other, parallelism,
                                                                &job, &S.shared, &S.err),
                     0);
    ck_assert_int_eq(tm_connector_file.sink_restore(S.shared, held, &other, &S.err), 0);
    ck_assert_int_eq(settle(), 1);
    int rc = tm_connector_file.sink_begin(S.shared, &S.err);
    if (shape->option == NULL) {
        ck_assert_int_eq(rc, TM_E_EXISTS);
        end(false);
        ck_assert_int_eq(rows_there(), 6);
        return;
    }
    ck_assert_msg(rc == 0, "%s", S.err.message);
    for (uint32_t s = 0; s < parallelism; s++) {
        S.ctx[s].checkpoints = true;
        ck_assert_int_eq(
            tm_connector_file.sink_new(&S.ctx[s], &other, schema, S.shared, &sinks[s], &S.err), 0);
        sinks[s]->metrics = &S.metrics;
        sinks[s]->latency = &S.latency;
    }
    prepare_six(12);
    ck_assert_int_eq(commit(), 0);
    end(false);
    ck_assert_int_eq(rows_there(), 12);
}
END_TEST

// Whatever operation fails, or no space: it can be tried again, and then all is there.
START_TEST(what_fails_can_be_settled_later)
{
    static const struct shape of[] = {{"one.jsonl", "json", "if_exists", "append"},
                                      {"one.jsonl", "json", NULL, NULL},
                                      {"out", "json", NULL, NULL},
                                      {"out", "json", "partition_by", "name"}};
    uint64_t failed = 0;
    for (int64_t kill_at = 1; commit_is_killed(&of[_i], kill_at); kill_at += 3) {
        bool over = false;
        for (int64_t fail_at = 1; !over; fail_at++) {
            ck_assert(commit_is_killed(&of[_i], kill_at));
            D.operations = 0;
            D.fail_at = fail_at;
            int rc = settle();
            over = D.operations < fail_at;
            D.fail_at = 0;
            failed += rc < 0;
            rc = settle();
            ck_assert_msg(rc >= 0, "killed at %d, failed at %d: %d %s", (int)kill_at, (int)fail_at,
                          rc, S.err.message);
            ck_assert_int_eq(rows_there(), 6);
        }
    }
    ck_assert_uint_gt(failed, 10);
    ck_assert(commit_is_killed(&of[0], 1));
    D.space = 0;
    ck_assert_int_eq(settle(), TM_E_NO_SPACE);
    D.space = -1;
    ck_assert_int_eq(settle(), 1);
    ck_assert_int_eq(rows_there(), 6);
}
END_TEST

// In a checkpoint that was edited: bytes of its own, so that a look beyond them shows.
static bool is_about(const void *bytes, size_t size)
{
    void *own = malloc(size + (size == 0));
    memcpy(own, bytes, size);
    bool is = tm__commits_is_about(own, size);
    free(own);
    return is;
}

START_TEST(what_a_checkpoint_says_of_an_output_is_looked_at)
{
    struct tm__commit_about about = {
        .kind = 'd', .one_file = 1, .lines = 1, .depth = 2, .line_end = 1, .path_bytes = 9};
    uint8_t bytes[sizeof about + 9 + 7], edited[sizeof bytes];
    memcpy(bytes, &about, sizeof about);
    memcpy(bytes + sizeof about, "one.json\0.jsonl", 16);
    ck_assert(is_about(bytes, sizeof bytes));
    for (size_t size = 0; size < sizeof bytes; size++)
        ck_assert_msg(!is_about(bytes, size), "cut to %zu bytes", size);
    for (size_t number = 0; number < sizeof about / 8; number++) {
        memcpy(edited, bytes, sizeof bytes);
        memset(edited + 8 * number, 0xff, 8);
        ck_assert_msg(!is_about(edited, sizeof edited), "number %zu", number);
    }
    memcpy(edited, bytes, sizeof bytes);
    edited[sizeof about + 8] = 'x'; // where the path ends
    ck_assert(!is_about(edited, sizeof edited));
    memset(edited + sizeof about - 8, 0, 8); // a path without a name
    ck_assert(!is_about(edited, sizeof edited));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commit settle");
    TCase *tcase = tcase_create("commit settle");
    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, what_a_checkpoint_owes_is_there_whatever_the_job_was_killed_at, 0,
                        2 * SHAPES);
    tcase_add_test(tcase, what_cannot_be_made_visible_is_not_half_there);
    tcase_add_test(tcase, an_append_of_a_checkpoint_that_is_given_up_is_cut_off);
    tcase_add_test(tcase, what_another_run_has_written_since_is_left_as_it_is);
    tcase_add_loop_test(tcase, a_sink_that_begins_anew_does_so_behind_what_was_settled, 0, 4);
    tcase_add_loop_test(tcase, what_fails_can_be_settled_later, 0, 4);
    tcase_add_test(tcase, what_a_checkpoint_says_of_an_output_is_looked_at);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
