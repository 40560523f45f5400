// Check's assertions without their cost when they hold: each would tell the parent process where it
// stands, a system call, and in a loop of a million rows that is all the time there is. Included
// before every unit test by tests/CMakeLists.txt. What is lost: a crash is reported at the test's
// first line; the asan suite shows its stack.
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

// All that a test can look at, and not a part of it: `./dev test --long`.
static inline bool test_is_long(void)
{
    return getenv("TM_LONG") != NULL;
}

#undef ck_assert
#define ck_assert(expr) ((expr) ? (void)0 : ck_abort_msg("Assertion '%s' failed", #expr))
#undef ck_assert_msg // the others are made of it
#define ck_assert_msg(expr, ...) ((expr) ? (void)0 : ck_abort_msg(__VA_ARGS__))
