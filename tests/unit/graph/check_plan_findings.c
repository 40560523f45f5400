// Warnings about plans: where rows that mix make a watermark run ahead of some of them.
#include "fixture.h"

static struct tm_plan *plan;
static char said[4096];
static const char *files_of; // the source that reads several files, or NULL

static void setup(void)
{
    fixture_setup();
    plan = NULL;
    files_of = NULL;
}

static void teardown(void)
{
    tm_plan_free(plan);
    fixture_teardown();
}

static bool several_files(void *arg, const struct tm_node *source)
{
    (void)arg;
    return files_of != NULL && strcmp(source->name, files_of) == 0;
}

static void each(void *arg, const struct tm_finding *finding)
{
    size_t used = strlen(said);
    (void)arg;
    snprintf(said + used, sizeof said - used, "%s %s: %s | %s\n", finding->severity, finding->where,
             finding->message, finding->hint);
}

static const char *found(uint32_t parallelism)
{
    tm_plan_free(plan);
    ck_assert_int_eq(tm_plan_new(&mem, graph, parallelism, NULL, NULL, &plan, &err), 0);
    said[0] = '\0';
    tm_plan_find(
        &(struct tm_plan_findings){.plan = plan, .several_files = several_files, .each = each});
    return said;
}

START_TEST(a_watermark_in_the_chain_of_its_source_is_as_it_should_be)
{
    uint32_t f = function("f", source("a")), w = watermark("w", f), k = key_by("k", w);
    sink("o", (int)window("s", k));
    files_of = "a";
    ck_assert_str_eq(found(1), "");
    ck_assert_str_eq(found(4), "");
}
END_TEST

START_TEST(after_a_union_rows_of_the_slower_branch_can_be_late)
{
    uint32_t a = source("a"), b = source("b"), u = add(TM_NODE_UNION, "union", "u", (int)a);
    ok(tm_graph_input(graph, u, b));
    sink("o", (int)watermark("w", function("f", u)));
    const char *text = "warning job.lua:5: watermark after a union (job.lua:3): rows of the slower "
                       "branch can be late | put :watermark(...) on each branch, before :union\n";
    ck_assert_str_eq(found(1), text);
    ck_assert_str_eq(found(3), text);
}
END_TEST

START_TEST(watermarks_on_each_branch_of_a_union_lose_nothing)
{
    uint32_t a = watermark("v", source("a")), b = watermark("w", source("b"));
    uint32_t u = add(TM_NODE_UNION, "union", "u", (int)a);
    ok(tm_graph_input(graph, u, b));
    sink("o", (int)u);
    ck_assert_str_eq(found(2), "");
}
END_TEST

START_TEST(where_the_parallelism_changes_rows_of_several_subtasks_mix)
{
    uint32_t f = function("f", source("a")), w = watermark("w", function("g", f));
    sink("o", (int)w);
    ok(tm_graph_parallelism(graph, 2, 2));
    ck_assert_str_eq(found(2), "");
    ck_assert_str_eq(found(3),
                     "warning job.lua:4: watermark behind an exchange: rows of 3 subtasks mix on "
                     "the way to map 'g' (job.lua:3), and those of the slower one can be late | "
                     "put :watermark(...) right behind the source\n");
    ok(tm_graph_parallelism(graph, 2, 0));
    ok(tm_graph_parallelism(graph, w, 1));
    ck_assert_ptr_nonnull(strstr(found(2), "on the way to it, and"));
}
END_TEST

START_TEST(one_subtask_whose_rows_are_spread_keeps_their_order)
{
    uint32_t f = function("f", source("a"));
    sink("o", (int)watermark("w", f));
    ok(tm_graph_parallelism(graph, 0, 1));
    ck_assert_str_eq(found(3), "");
    files_of = "a"; // but its files are told apart in its own chain only
    ck_assert_str_eq(found(3),
                     "warning job.lua:3: watermark apart from its source (job.lua:1): rows of "
                     "several files mix on the way to map 'f' (job.lua:2), and those of the slower "
                     "file can be late | put :watermark(...) right behind the source\n");
}
END_TEST

START_TEST(a_stream_that_is_used_twice_leaves_its_source)
{
    uint32_t a = source("a"), w = watermark("w", a);
    sink("o1", (int)w);
    sink("o2", (int)a);
    ck_assert_str_eq(found(1), "");
    files_of = "a";
    ck_assert_str_eq(found(1),
                     "warning job.lua:2: watermark apart from its source (job.lua:1): "
                     "rows of several files mix on the way to it, and those of the slower "
                     "file can be late | put :watermark(...) right behind the source, "
                     "before its stream is used twice\n");
}
END_TEST

START_TEST(what_a_window_gives_comes_in_the_order_of_time)
{
    uint32_t k = key_by("k", watermark("w", source("a")));
    uint32_t again = add(TM_NODE_WATERMARK, "watermark", "again", (int)window("s", k));
    ok(tm_graph_watermark(graph, again, 2, 0, 30000));
    columns(again, "user string; window_start timestamp; window_end timestamp; total decimal(38,2)",
            2);
    sink("o", (int)again);
    ck_assert_str_eq(found(3), "");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan_findings");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_watermark_in_the_chain_of_its_source_is_as_it_should_be);
    tcase_add_test(t, after_a_union_rows_of_the_slower_branch_can_be_late);
    tcase_add_test(t, watermarks_on_each_branch_of_a_union_lose_nothing);
    tcase_add_test(t, where_the_parallelism_changes_rows_of_several_subtasks_mix);
    tcase_add_test(t, one_subtask_whose_rows_are_spread_keeps_their_order);
    tcase_add_test(t, a_stream_that_is_used_twice_leaves_its_source);
    tcase_add_test(t, what_a_window_gives_comes_in_the_order_of_time);
    suite_add_tcase(s, t);
    return run_suite(s);
}
