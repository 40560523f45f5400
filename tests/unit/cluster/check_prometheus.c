// Prometheus' text format: what needs escaping, what a value looks like, names.
#include <check.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/cluster/prometheus.h"
#include "core/loop/real.h"

static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_buf out;

static void setup(void)
{
    struct tm_error err = {0};
    ck_assert_int_eq(tm_real_init(&fx, &err), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    tm_buf_init(&out, &mem);
}

static void teardown(void)
{
    tm_buf_fini(&out);
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
    tm_real_fini(&fx);
}

static const char *text(void)
{
    ck_assert_int_eq(tm_buf_append(&out, "", 1), 0);
    return (const char *)out.data;
}

START_TEST(a_family_escapes_its_help)
{
    struct tm_prometheus p = {.out = &out};
    tm_prometheus_family(&p, "a_total", "counter", "one\ntwo \\ \"three\"");
    ck_assert_int_eq(p.rc, 0);
    ck_assert_str_eq(text(), "# HELP a_total one\\ntwo \\\\ \"three\"\n# TYPE a_total counter\n");
}
END_TEST

START_TEST(labels_are_escaped_and_valid)
{
    struct tm_prometheus p = {.out = &out};
    const struct tm_prometheus_label labels[] = {{"job", "a\"b\\c\nd"}, {"to", "\xc3\xa4\xff"}};
    tm_prometheus_sample(&p, "a", "_count", labels, 2, 7);
    ck_assert_str_eq(text(), "a_count{job=\"a\\\"b\\\\c\\nd\",to=\"\xc3\xa4\xef\xbf\xbd\"} 7\n");
}
END_TEST

START_TEST(values_keep_what_they_are)
{
    struct tm_prometheus p = {.out = &out};
    static const double values[] = {0, -1, 0.1, 9007199254740991.0, 1e300};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        tm_prometheus_sample(&p, "v", "", NULL, 0, values[i]);
    tm_prometheus_sample(&p, "v", "", NULL, 0, NAN);
    tm_prometheus_sample(&p, "v", "", NULL, 0, -INFINITY);
    ck_assert_str_eq(text(), "v 0\nv -1\nv 0.10000000000000001\nv 9007199254740991\n"
                             "v 1.0000000000000001e+300\nv NaN\nv -Inf\n");
}
END_TEST

START_TEST(names_become_valid_and_end_once)
{
    char name[TM_PROMETHEUS_NAME_MAX], longest[2000];
    ck_assert_str_eq(tm_prometheus_name("", "9 a.b-c", "", name), "__a_b_c");
    ck_assert_str_eq(tm_prometheus_name("x_", "rows", "_total", name), "x_rows_total");
    ck_assert_str_eq(tm_prometheus_name("x_", "rows_total", "_total", name), "x_rows_total");
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    tm_prometheus_name("x_", longest, "_total", name);
    ck_assert_uint_eq(strlen(name), TM_PROMETHEUS_NAME_MAX - 2);
    ck_assert_str_eq(name + strlen(name) - 6, "_total");
}
END_TEST

START_TEST(without_memory_it_says_so)
{
    struct tm_mem none;
    struct tm_buf small;
    tm_mem_init(&none, &fx, NULL, 1);
    tm_buf_init(&small, &none);
    struct tm_prometheus p = {.out = &small};
    tm_prometheus_family(&p, "a", "gauge", "b");
    tm_prometheus_sample(&p, "a", "", NULL, 0, 1);
    ck_assert_int_eq(p.rc, TM_E_MEMORY);
    tm_buf_fini(&small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prometheus");
    TCase *tests = tcase_create("prometheus");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_family_escapes_its_help);
    tcase_add_test(tests, labels_are_escaped_and_valid);
    tcase_add_test(tests, values_keep_what_they_are);
    tcase_add_test(tests, names_become_valid_and_end_once);
    tcase_add_test(tests, without_memory_it_says_so);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
