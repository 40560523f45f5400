// What every unit test needs: included before each of them by tests/CMakeLists.txt.
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

// All that a test can look at, and not a part of it: `./dev test --long`.
static inline bool test_is_long(void)
{
    return getenv("TM_LONG") != NULL;
}

// What main returns: runs the suite, which goes with it.
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

// The same of one case.
static inline int run_case(TCase *tests, const char *name)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

// Check's assertions without their cost when they hold: each would tell the parent process where it
// stands, a system call, and in a loop of a million rows that is all the time there is. What is
// lost: a crash is reported at the test's first line; the asan suite shows its stack.
#undef ck_assert
#define ck_assert(expr) ((expr) ? (void)0 : ck_abort_msg("Assertion '%s' failed", #expr))
#undef ck_assert_msg // the others are made of it
#define ck_assert_msg(expr, ...) ((expr) ? (void)0 : ck_abort_msg(__VA_ARGS__))
