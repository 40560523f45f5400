// Histograms: the promised error over the whole range, quantiles, merging.
#include <check.h>
#include <string.h>

#include "core/base/histogram.h"

static struct tm_histogram h, other;

static void setup(void)
{
    memset(&h, 0, sizeof(h));
    memset(&other, 0, sizeof(other));
}

START_TEST(an_empty_histogram_has_quantile_zero)
{
    ck_assert_uint_eq(tm_histogram_quantile(&h, 0.5), 0);
}
END_TEST

START_TEST(small_values_are_exact)
{
    for (uint64_t v = 0; v < 64; v++) {
        memset(&h, 0, sizeof(h));
        tm_histogram_add(&h, v, 1);
        tm_histogram_add(&h, UINT64_MAX, 1);
        ck_assert_uint_eq(tm_histogram_quantile(&h, 0.5), v);
    }
}
END_TEST

START_TEST(the_error_is_below_3_2_percent_everywhere)
{
    for (unsigned shift = 0; shift < 64; shift++) {
        for (uint64_t offset = 0; offset < 70; offset++) {
            uint64_t v = (UINT64_C(1) << shift) + offset * ((UINT64_C(1) << shift) / 70);
            memset(&h, 0, sizeof(h));
            tm_histogram_add(&h, v, 1);
            tm_histogram_add(&h, UINT64_MAX, 1);
            uint64_t edge = tm_histogram_quantile(&h, 0.5);
            ck_assert_uint_ge(edge, v);
            ck_assert((double)(edge - v) <= 0.032 * (double)v);
        }
    }
    ck_assert_uint_eq(tm_histogram_quantile(&h, 1), UINT64_MAX);
}
END_TEST

START_TEST(quantiles_follow_the_ranks)
{
    for (uint64_t v = 1; v <= 1000; v++)
        tm_histogram_add(&h, v, 1);
    ck_assert_uint_eq(tm_histogram_quantile(&h, 0), 1);
    ck_assert_uint_eq(tm_histogram_quantile(&h, 0.01), 10);
    uint64_t p50 = tm_histogram_quantile(&h, 0.5), p99 = tm_histogram_quantile(&h, 0.99);
    ck_assert(p50 >= 500 && p50 <= 516);
    ck_assert(p99 >= 990 && p99 <= 1000);
    ck_assert_uint_eq(tm_histogram_quantile(&h, 1), 1000);
    ck_assert_uint_eq(tm_histogram_quantile(&h, 7), 1000);
    ck_assert_uint_eq(tm_histogram_quantile(&h, 0.0 / 0.0), 1);
}
END_TEST

START_TEST(merging_is_adding_everything)
{
    struct tm_histogram all;
    memset(&all, 0, sizeof(all));
    for (uint64_t v = 0; v < 5000; v++) {
        tm_histogram_add(v % 3 == 0 ? &h : &other, v * v, 1 + v % 4);
        tm_histogram_add(&all, v * v, 1 + v % 4);
    }
    tm_histogram_add(&h, 99, 0);
    tm_histogram_merge(&h, &other);
    ck_assert_mem_eq(&h, &all, sizeof(all));
}
END_TEST

START_TEST(test_sums_and_counts_below_powers_of_two_are_exact)
{
    double sum = 0;
    for (uint64_t v = 1; v <= 100000; v += 7) {
        tm_histogram_add(&h, v, 2);
        sum += 2.0 * (double)v;
    }
    ck_assert(h.sum == sum);
    for (unsigned bits = 5; bits <= 20; bits++) {
        uint64_t bound = (uint64_t)1 << bits, below = 0;
        for (uint64_t v = 1; v <= 100000; v += 7)
            below += v < bound ? 2 : 0;
        ck_assert_uint_eq(tm_histogram_count_below(&h, bound), below);
    }
    tm_histogram_add(&other, 1000, 3);
    tm_histogram_merge(&h, &other);
    ck_assert(h.sum == sum + 3000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histogram");
    TCase *tcase = tcase_create("histogram");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, an_empty_histogram_has_quantile_zero);
    tcase_add_test(tcase, test_sums_and_counts_below_powers_of_two_are_exact);
    tcase_add_test(tcase, small_values_are_exact);
    tcase_add_test(tcase, the_error_is_below_3_2_percent_everywhere);
    tcase_add_test(tcase, quantiles_follow_the_ranks);
    tcase_add_test(tcase, merging_is_adding_everything);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
