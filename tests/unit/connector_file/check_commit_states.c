// Beginnings: with each state that a loss of power leaves of a job and its output, all of them
// counted, and with what somebody has changed meanwhile.
#include "tests/unit/connector_file/commit_job.h"

// The power is lost at each operation in turn, and each state that this may leave is begun with:
// any of the steps in folders that no sync stands behind, none, a part or all of the bytes of
// files. At one operation at most so many states; those that were left out are counted.
START_TEST(every_state_that_a_loss_of_power_leaves)
{
    const struct shape *shape = &shapes[_i];
    const uint32_t most = getenv("TM_TEST_LONG") != NULL ? 1000000 : 3000;
    uint64_t begun = 0, operations = 0, cut_short = 0;
    bool over = false;
    for (int64_t kill_at = 1; !over; kill_at++, operations++) {
        uint32_t here = 0;
        disk_every = (struct disk_every){0};
        do {
            parallelism = 1 + (uint32_t)(kill_at % SUBTASKS_MAX);
            shape_job(shape, (uint64_t)kill_at);
            if (disk_find(&D.now, "one.csv") >= 0)
                put("one.csv", "id,value,name\n"); // 900 would not be committed
            D.operations = 0;
            D.kill_at = kill_at;
            int rc = run_job();
            over = rc == 0 && !D.is_dead;
            if (over)
                break;
            disk_every.on = true;
            disk_restart(true);
            disk_every.on = false;
            begun++;
            if (++here == most) {
                cut_short++;
                break;
            }
            expect(committed_rows, checkpoint_rows);
            parallelism = 1 + (uint32_t)((kill_at + 1) % SUBTASKS_MAX);
            bool was_all = rc == 0;
            rc = run_job();
            ck_assert_msg(rc == 0, "operation %d: %d %s", (int)kill_at, rc, S.err.message);
            if (was_all)
                expect(EPOCHS * ROWS, EPOCHS * ROWS);
            else
                expect_end(&(struct shape){.path = shape->path, .format = shape->format});
        } while (disk_choose_next());
    }
    printf("commit: %s %s: %llu states after %llu operations were begun with, %llu operations have "
           "more\n",
           shape->path, shape->value == NULL ? "" : shape->value, (unsigned long long)begun,
           (unsigned long long)operations, (unsigned long long)cut_short);
    ck_assert_uint_gt(begun, operations);
}
END_TEST

// --- what is there is not what the checkpoint was taken with -------------------------------------

// A checkpoint of six rows that is durable and not committed.
static void prepared_only(const struct shape *shape)
{
    shape_job(shape, 3);
    parallelism = 2;
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    ck_assert_int_eq(write_rows(0, 0, 3), 0);
    ck_assert_int_eq(write_rows(1, 3, 3), 0);
    ck_assert_int_eq(take_checkpoint(6), 0);
}

static const char *a_staged_file(void)
{
    for (int i = 0; i < D.now.count; i++)
        if (strstr(D.now.entries[i].path, "-0-0") != NULL &&
            strstr(D.now.entries[i].path, "inprogress") != NULL)
            return D.now.entries[i].path;
    ck_abort_msg("nothing is staged");
}

// Then it goes on once that is mended.
static void refused(const char *what)
{
    ck_assert_int_eq(begin(), TM_E_OUTPUT_CHANGED);
    ck_assert_msg(strstr(S.err.message, what) != NULL, "%s", S.err.message);
    ck_assert_ptr_nonnull(strstr(S.err.hint, "--fresh"));
    end(false);
}

START_TEST(what_is_staged_and_has_another_length_is_refused)
{
    prepared_only(&shapes[_i == 0 ? 0 : 3]);
    end(false);
    struct disk_node *node = &D.nodes[D.now.entries[disk_find(&D.now, a_staged_file())].node];
    node->size--;
    refused("not as long as it was");
    expect(0, 0);
    node->size++;
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    end(false);
}
END_TEST

START_TEST(what_is_staged_and_has_been_edited_is_refused)
{
    prepared_only(&shapes[_i == 0 ? 0 : _i == 1 ? 3 : 8]);
    end(false);
    struct disk_node *node = &D.nodes[D.now.entries[disk_find(&D.now, a_staged_file())].node];
    for (size_t at = 0; at < node->size; at++) {
        node->data[at] ^= 4;
        refused("not what was written");
        node->data[at] ^= 4;
    }
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    end(false);
}
END_TEST

START_TEST(an_output_that_somebody_else_has_made_is_refused)
{
    const char *path = _i == 0 ? "out/part-0-0.jsonl" : "one.jsonl";
    prepared_only(&shapes[_i == 0 ? 0 : 3]);
    end(false);
    put(path, "#another's\n");
    refused("the job has not written it");
    ck_assert_int_eq(disk_unlink(NULL, path, NULL), 0);
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    end(false);
}
END_TEST

// The job has another path now: what the old one has got does not come again, and what it has not
// got is not lost.
START_TEST(an_output_with_another_path_goes_on_behind_what_the_old_one_has)
{
    static const char *const paths[][2] = {
        {"one.jsonl", "two.jsonl"}, {"one.jsonl", "out"}, {"out", "one.jsonl"}};
    const struct shape from = {paths[_i][0], "json", NULL, NULL};
    prepared_only(&from);
    end(false);
    support_option("path", paths[_i][1]);
    refused("not in the output that the job had then");
    expect(0, 0);
    support_option("path", paths[_i][0]);
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    end(false);
    support_option("path", paths[_i][1]);
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    ck_assert_int_eq(write_rows(0, 6, 3), 0);
    ck_assert_int_eq(take_checkpoint(9), 0);
    ck_assert_int_eq(commit(), 0);
    expect(9, 9);
    end(false);
}
END_TEST

// Another connector may refuse after this one has agreed.
START_TEST(nothing_is_changed_before_the_job_begins)
{
    const struct shape *shape = &shapes[_i % 2 == 0 ? 0 : 3];
    struct tm_restored *held;
    prepared_only(shape);
    end(false);
    held = checkpoint;
    struct tm_sink_job job = {.name = "test", .restored = _i < 2 ? NULL : held};
    memset(&S.err, 0, sizeof S.err);
    D.operations = 0;
    D.fail_at = 0;
    struct disk_names before = D.now;
    ck_assert_int_eq(tm_connector_file.sink_prepare_checkpoints(&S.fx, &S.mem, &S.node, parallelism,
                                                                &job, &S.shared, &S.err),
                     0);
    if (_i >= 2)
        ck_assert_int_eq(tm_connector_file.sink_restore(S.shared, held, &S.node, &S.err), 0);
    for (int i = 0; i < before.count; i++) {
        int now = disk_find(&D.now, before.entries[i].path);
        ck_assert_msg(now >= 0 && D.now.entries[now].node == before.entries[i].node, "%s",
                      before.entries[i].path);
    }
    memset(sinks, 0, sizeof sinks);
    end(false);
    checkpoint = held;
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    end(false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commit states");
    TCase *tcase = tcase_create("commit states");
    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, every_state_that_a_loss_of_power_leaves, 0, SHAPES);
    tcase_add_loop_test(tcase, what_is_staged_and_has_another_length_is_refused, 0, 2);
    tcase_add_loop_test(tcase, what_is_staged_and_has_been_edited_is_refused, 0, 3);
    tcase_add_loop_test(tcase, an_output_that_somebody_else_has_made_is_refused, 0, 2);
    tcase_add_loop_test(tcase, an_output_with_another_path_goes_on_behind_what_the_old_one_has, 0,
                        3);
    tcase_add_loop_test(tcase, nothing_is_changed_before_the_job_begins, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
