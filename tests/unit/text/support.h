// What the tests of core/text share: a state's scratch memory in a counted account, texts without a
// byte behind them (so that the address sanitizer sees every byte read past the end), results as
// strings.
#pragma once

#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/loop/real.h"
#include "core/text/text.h"

static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_text *text;

static inline void setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    text = tm_text_new(&mem);
    ck_assert_ptr_nonnull(text);
}

static inline void teardown(void)
{
    tm_text_free(text);
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
}

// A copy that ends where the text ends; freed by the caller.
static inline char *exact(const char *s, size_t len)
{
    char *copy = malloc(len == 0 ? 1 : len);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, s, len);
    return copy;
}

// The string of a result, valid until the next call; NULL: none.
static inline const char *string_of(int32_t rc, const char *s)
{
    static char given[4096];
    if (rc == TM_TEXT_NONE)
        return NULL;
    ck_assert_int_ge(rc, TM_TEXT_PART);
    const char *from = rc >= 0 ? (const char *)text->out : rc == TM_TEXT_SAME ? s : s + text->from;
    size_t len = rc >= 0              ? (size_t)rc
                 : rc == TM_TEXT_SAME ? strlen(s)
                                      : (size_t)(text->to - text->from);
    ck_assert_uint_lt(len, sizeof given);
    if (len > 0)
        memcpy(given, from, len);
    given[len] = '\0';
    return given;
}

// rc: of a call whose argument was the string s.
#define GIVES(expected, rc, s) ck_assert_str_eq(string_of((rc), (s)), (expected))
#define GIVES_NONE(rc) ck_assert_int_eq((rc), TM_TEXT_NONE)
#define S(s) (s), (uint32_t)strlen(s) // a string constant as two arguments

static inline uint64_t take_seed(const char *test)
{
    const char *given = getenv("TM_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20260102;
    printf("%s: TM_SEED=%llu\n", test, (unsigned long long)seed);
    return seed != 0 ? seed : 1;
}

static inline uint32_t draw(uint64_t *seed, uint32_t n)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return (uint32_t)((*seed * 2685821657736338717u) >> 33) % n;
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}

#define RUN(name, ...)                                                 \
    int main(void)                                                     \
    {                                                                  \
        const TTest *const tests[] = {__VA_ARGS__};                    \
        return run_tests(name, tests, sizeof tests / sizeof tests[0]); \
    }
