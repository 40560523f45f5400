// Points at which a process is ended on purpose: the right one, at the right pass, and nothing when
// off.
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/kill_point.h"

static int ended;

static void end(void)
{
    ended++;
}

static void setup(void)
{
    ended = 0;
    (void)tm_kill_points_set("", end);
}

static void pass(void)
{
    TM_KILL_POINT(commit_begins);
}

START_TEST(a_point_that_is_off_ends_nothing_and_counts_nothing)
{
    pass();
    ck_assert_int_eq(ended, 0);
    ck_assert_uint_eq(atomic_load(&tm_kill_switch.passes[TM_KILL_commit_begins]), 0);
}
END_TEST

START_TEST(the_pass_that_was_asked_for_ends_it)
{
    ck_assert(tm_kill_points_set("commit_begins:3", end));
    pass();
    TM_KILL_POINT(commit_ends);
    pass();
    ck_assert_int_eq(ended, 0);
    pass();
    ck_assert_int_eq(ended, 1);
}
END_TEST

START_TEST(counting_ends_nothing)
{
    ck_assert(tm_kill_points_set("count", end));
    pass();
    pass();
    ck_assert_int_eq(ended, 0);
    ck_assert_uint_eq(atomic_load(&tm_kill_switch.passes[TM_KILL_commit_begins]), 2);
}
END_TEST

START_TEST(what_is_no_point_is_refused)
{
    static const char *const wrong[] = {"",
                                        "commit_begins",
                                        "commit_begin:1",
                                        "commit_begins:",
                                        "commit_begins:0",
                                        "commit_begins:2x",
                                        ":1",
                                        "counts",
                                        "count,count",
                                        "workers=",
                                        "workers=count,",
                                        "workers=commit_begins:2,x",
                                        ("workers=count,count,count,count,count,count,count,count,"
                                         "count")};
    ck_assert(!tm_kill_points_set(wrong[_i], end));
    pass();
    ck_assert_int_eq(ended, 0);
}
END_TEST

START_TEST(worker_processes_have_points_of_their_own)
{
    ck_assert(tm_kill_points_set("workers=commit_ends:1,count,commit_begins:2", end));
    pass();
    TM_KILL_POINT(commit_ends);
    ck_assert_int_eq(ended, 0); // the supervisor
    tm_kill_points_worker(0);
    pass();
    pass();
    ck_assert_int_eq(ended, 0);
    TM_KILL_POINT(commit_ends);
    ck_assert_int_eq(ended, 1);
    ck_assert(tm_kill_points_set("workers=commit_ends:1,count,commit_begins:2", end));
    tm_kill_points_worker(1);
    pass();
    pass();
    TM_KILL_POINT(commit_ends);
    ck_assert_int_eq(ended, 1);
    ck_assert(tm_kill_points_set("workers=commit_ends:1,count,commit_begins:2", end));
    tm_kill_points_worker(2);
    pass();
    pass();
    ck_assert_int_eq(ended, 2);
    ck_assert(tm_kill_points_set("workers=commit_ends:1", end));
    tm_kill_points_worker(1); // beyond the list
    TM_KILL_POINT(commit_ends);
    ck_assert_int_eq(ended, 2);
    ck_assert_uint_eq(atomic_load(&tm_kill_switch.passes[TM_KILL_commit_ends]), 1);
}
END_TEST

START_TEST(names_are_those_of_the_table)
{
    ck_assert_str_eq(tm_kill_point_name(TM_KILL_commit_begins), "commit_begins");
    for (int i = 0; i < TM_KILL_COUNT; i++)
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(tm_kill_point_name((enum tm_kill_point)i),
                             tm_kill_point_name((enum tm_kill_point)k));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kill_point");
    TCase *tcase = tcase_create("kill_point");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_point_that_is_off_ends_nothing_and_counts_nothing);
    tcase_add_test(tcase, the_pass_that_was_asked_for_ends_it);
    tcase_add_test(tcase, counting_ends_nothing);
    tcase_add_loop_test(tcase, what_is_no_point_is_refused, 0, 13);
    tcase_add_test(tcase, worker_processes_have_points_of_their_own);
    tcase_add_test(tcase, names_are_those_of_the_table);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
