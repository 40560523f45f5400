// Quantiles: the error against sorting, on several distributions; merging; the limits of doubles.
#include "accumulators.h"

#include <math.h>

enum { VALUES = 20000, WHOLE = 1000 };

static const double QS[] = {0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1};
enum { Q_COUNT = sizeof QS / sizeof QS[0] };

static double values[VALUES], sorted[VALUES];
static uint64_t scratch[TM__QUANTILE_BUCKETS_MAX];

static void add(struct accumulator acc, double x)
{
    ck_assert_int_eq(tm__operator_quantile_add(&acc.home, acc.value, x), 0);
}

static void merge(struct accumulator to, struct accumulator from)
{
    ck_assert_int_eq(tm__operator_quantile_merge(&to.home, to.value, &from.home, from.value), 0);
}

static double get(struct accumulator acc, double q)
{
    double x = 0;
    ck_assert(tm__operator_quantile_get(&acc.home, acc.value, q, scratch, &x));
    return x;
}

static double uniform(void)
{
    return ((double)draw((uint64_t)1 << 52) + 0.5) * 0x1p-52;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

static double draw_uniform(void)
{
    return uniform() * 1000;
}
static double draw_normal(void)
{
    return normal() * 3 + 1;
} // both signs
static double draw_negative(void)
{
    return -exp(normal());
}
static double draw_lognormal(void)
{
    return exp(normal() * 3);
}
static double draw_pareto(void)
{
    return pow(uniform(), -2);
}
static double draw_zipf(void)
{
    return floor(pow(uniform(), -1.2));
} // whole numbers, heavy tail
static double draw_constant(void)
{
    return 0.1;
}
static double draw_two(void)
{
    return draw(10) == 0 ? 1e9 : -1e-9;
}
static double draw_small_whole(void)
{
    return (double)draw(7) - 3;
}
static double draw_subnormal(void)
{
    return (double)draw(1000000) * 0x1p-1060;
}
static double draw_huge(void)
{
    return (draw(2) == 0 ? -1 : 1) * uniform() * 1.7e308;
}

static const struct {
    const char *name;
    double (*draw)(void);
} distributions[] = {
    {"uniform", draw_uniform},     {"normal", draw_normal}, {"negative", draw_negative},
    {"lognormal", draw_lognormal}, {"pareto", draw_pareto}, {"zipf", draw_zipf},
    {"constant", draw_constant},   {"two", draw_two},       {"small whole", draw_small_whole},
    {"subnormal", draw_subnormal}, {"huge", draw_huge},
};
enum { DISTRIBUTIONS = sizeof distributions / sizeof distributions[0] };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double exact(uint32_t count, double q)
{
    int64_t rank = (int64_t)ceil(q * count - 1e-9);
    return sorted[rank < 1 ? 0 : rank - 1];
}

static void sort_values(uint32_t count)
{
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
}

START_TEST(every_quantile_is_within_eight_tenths_of_a_percent_of_its_value)
{
    seed_from("quantiles");
    for (int d = 0; d < DISTRIBUTIONS; d++) {
        static const uint32_t counts[] = {1, 2, 3, 10, 1000, VALUES};
        double worst = 0;
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            accumulators_new(TM__QUANTILE_VALUE_BYTES, 0);
            for (uint32_t i = 0; i < counts[c]; i++)
                add(accumulator(0), values[i] = distributions[d].draw());
            sort_values(counts[c]);
            for (int i = 0; i < Q_COUNT; i++) {
                double x = exact(counts[c], QS[i]), y = get(accumulator(0), QS[i]);
                double error = x == y ? 0 : fabs(y - x) / fabs(x);
                if (error > 1.0 / 129 + 1e-9)
                    ck_abort_msg("%s, %u values, q %g: %.17g, exactly %.17g", distributions[d].name,
                                 counts[c], QS[i], y, x);
                worst = error > worst ? error : worst;
            }
            ck_assert(get(accumulator(0), 0) == sorted[0]);
            ck_assert(get(accumulator(0), 1) == sorted[counts[c] - 1]);
            accumulators_free();
        }
        printf("%s: worst error %.3f %%\n", distributions[d].name, worst * 100);
    }
}
END_TEST

START_TEST(parts_merged_in_any_order_and_shape_are_the_whole)
{
    seed_from("merging");
    for (int round = 0; round < 200; round++) {
        accumulators_new(TM__QUANTILE_VALUE_BYTES, 0);
        uint32_t parts = 1 + (uint32_t)draw(12), count = 1 + (uint32_t)draw(3000);
        for (uint32_t i = 0; i < count; i++) {
            double x =
                distributions[draw(3) == 0 ? (int)draw(DISTRIBUTIONS) : round % DISTRIBUTIONS]
                    .draw();
            add(accumulator(draw(parts)), x);
            add(accumulator(WHOLE), x);
        }
        for (uint32_t i = 0; i < parts; i++)
            (void)accumulator(i);
        struct accumulator merged = accumulator(merge_all(parts, merge));
        for (int i = 0; i < Q_COUNT; i++)
            ck_assert(get(merged, QS[i]) == get(accumulator(WHOLE), QS[i]));
        accumulators_free();
    }
}
END_TEST

// Any double there is, by its bits.
static double draw_bits(void)
{
    uint64_t bits = draw((uint64_t)1 << 52) << 12 ^ draw((uint64_t)1 << 52);
    double x;
    memcpy(&x, &bits, sizeof x);
    return x == x && x - x == 0 ? x : 1;
}

START_TEST(values_of_all_magnitudes_have_the_same_error_in_bounded_memory)
{
    enum { MANY = 600000 };
    seed_from("all doubles");
    accumulators_new(TM__QUANTILE_VALUE_BYTES, 0);
    double *all = malloc(MANY * sizeof *all);
    for (uint32_t i = 0; i < MANY; i++) {
        all[i] = draw_bits();
        add(accumulator(draw(6)), all[i]);
        add(accumulator(WHOLE), all[i]);
    }
    struct accumulator merged = accumulator(merge_all(6, merge));
    qsort(all, MANY, sizeof *all, compare);
    for (int i = 0; i < Q_COUNT; i++) {
        double q = QS[i], x = all[i == 0 ? 0 : (uint32_t)ceil(q * MANY - 1e-9) - 1];
        double y = get(merged, q);
        ck_assert(y == get(accumulator(WHOLE), q));
        ck_assert_msg(fabs(y - x) <= fabs(x) / 129 * (1 + 1e-9), "%g: %g, %g", q, x, y);
        ck_assert(i == 0 || y >= get(merged, QS[i - 1]));
    }
    ck_assert_int_lt(accumulators_mem.used_bytes, 8 * 2 * TM_QUANTILE_SLOTS_MAX * sizeof(uint64_t));
    free(all);
    accumulators_free();
}
END_TEST

START_TEST(infinities_and_nan_have_their_places)
{
    accumulators_new(TM__QUANTILE_VALUE_BYTES, 0);
    struct accumulator acc = accumulator(0);
    double unused;
    ck_assert(!tm__operator_quantile_get(&acc.home, acc.value, 0.5, scratch, &unused));
    add(acc, NAN);
    ck_assert(isnan(get(acc, 0)) && isnan(get(acc, 1)));
    add(acc, INFINITY);
    add(acc, -INFINITY);
    add(acc, -0.0);
    ck_assert(get(acc, 0.25) == -INFINITY);
    ck_assert(get(acc, 0.5) == 0);
    ck_assert(get(acc, 0.75) == INFINITY);
    ck_assert(isnan(get(acc, 1)));
    accumulators_free();
}
END_TEST

START_TEST(ranks_are_those_of_sql)
{
    accumulators_new(TM__QUANTILE_VALUE_BYTES, 0);
    for (int i = 1; i <= 100; i++)
        add(accumulator(0), i);
    for (int i = 1; i <= 100; i++) { // percentile_disc: the first value that q does not exceed
        double x = get(accumulator(0), i / 100.0);
        ck_assert_msg(fabs(x - i) <= i / 129.0 + 1e-9, "%d: %g", i, x);
    }
    accumulators_free();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("quantile");
    tcase_add_test(tc, every_quantile_is_within_eight_tenths_of_a_percent_of_its_value);
    tcase_add_test(tc, parts_merged_in_any_order_and_shape_are_the_whole);
    tcase_add_test(tc, values_of_all_magnitudes_have_the_same_error_in_bounded_memory);
    tcase_add_test(tc, infinities_and_nan_have_their_places);
    tcase_add_test(tc, ranks_are_those_of_sql);
    return run_operator_case(tc, "quantile");
}
