// Decimals: parsing, formatting, arithmetic against vectors and against 128-bit brute force.
#include <math.h>

#include "core/batch/decimal.ffi.h"
#include "core/batch/decimal.h"
#include "tests/unit/batch/decimal_vectors.h"
#include "tests/unit/batch/support.h"

static struct tm_decimal any(const char *text)
{
    struct tm_decimal d = {0};
    ck_assert_msg(tm_decimal_parse_any(text, strlen(text), &d) == 0, "%s", text);
    return d;
}

static void same_text(struct tm_decimal d, const char *expected)
{
    char text[48];
    size_t len = tm_decimal_format(d.unscaled, d.scale, text);
    ck_assert_uint_eq(len, strlen(text));
    ck_assert_str_eq(text, expected);
}

START_TEST(text_keeps_its_scale)
{
    same_text(any("12.50"), "12.50");
    same_text(any("-0.001"), "-0.001");
    same_text(any("+7"), "7");
    same_text(any(".5"), "0.5");
    same_text(any("5."), "5");
    same_text(any("1e3"), "1000");
    same_text(any("1.5e-3"), "0.0015");
    same_text(any("1.5E+1"), "15");
    same_text(any("-0"), "0");
    same_text(any("0e-400"), "0.00000000000000000000000000000000000000");
    same_text(any("0e999999999999"), "0");
    same_text(any("000123.4"), "123.4");
    same_text(any("99999999999999999999999999999999999999"),
              "99999999999999999999999999999999999999");
    // zeros that say nothing do not make a number too long
    same_text(any("1.000000000000000000000000000000000000000000000"),
              "1.0000000000000000000000000000000000000");
}
END_TEST

START_TEST(text_that_is_no_number_is_refused)
{
    static const char *const texts[] = {"",    "-",     "+",    ".",   "e5",   "1e",
                                        "1e+", "1.2.3", "1 ",   " 1",  "--1",  "0x10",
                                        "nan", "inf",   "1e5x", "1,5", "1e1.5"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tm_decimal d;
        tm_int128 v;
        ck_assert_int_eq(tm_decimal_parse_any(texts[i], strlen(texts[i]), &d), TM_E_BAD_TYPE);
        ck_assert_int_eq(tm_decimal_parse(texts[i], strlen(texts[i]), 10, 2, &v), TM_E_BAD_TYPE);
    }
}
END_TEST

START_TEST(text_beyond_38_digits_overflows)
{
    static const char *const texts[] = {"100000000000000000000000000000000000000",
                                        "1e38",
                                        "1e-39",
                                        "1e999999999999999999999",
                                        "-1e38",
                                        "0.123456789012345678901234567890123456789",
                                        "12345678901234567890.1234567890123456789"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tm_decimal d;
        ck_assert_msg(tm_decimal_parse_any(texts[i], strlen(texts[i]), &d) == TM_E_OVERFLOW, "%s",
                      texts[i]);
    }
}
END_TEST

static const char loses[] = "digits";

static void parses_to(const char *text, uint8_t precision, uint8_t scale, const char *expected)
{
    struct tm_decimal d = {0, scale};
    int rc = tm_decimal_parse(text, strlen(text), precision, scale, &d.unscaled);
    if (expected == NULL) {
        ck_assert_msg(rc == TM_E_OVERFLOW, "%s", text);
    } else if (expected == loses) {
        ck_assert_msg(rc == TM_E_BAD_NUMBER, "%s", text);
    } else {
        ck_assert_msg(rc == 0, "%s", text);
        same_text(d, expected);
    }
}

START_TEST(a_column_takes_a_text_exactly_and_bounds_digits)
{
    parses_to("12.5", 10, 2, "12.50");
    parses_to("12.34000", 10, 2, "12.34");
    parses_to("12.345", 10, 2, loses);
    parses_to("-12.3400000000000000000000000000000000000000000000000001", 10, 2, loses);
    parses_to("0.005", 10, 2, loses);
    parses_to("-0.004", 10, 2, loses);
    parses_to("0.000000", 10, 2, "0.00");
    parses_to("1500e-3", 10, 2, "1.50");
    parses_to("9.990", 3, 2, "9.99");
    parses_to("9.995", 3, 2, NULL);
    parses_to("10", 3, 2, NULL);
    parses_to("1e-400", 3, 2, loses);
    parses_to("1e400", 3, 2, NULL);
    parses_to("123456789.99", 11, 2, "123456789.99");
    parses_to("5e-1", 38, 0, loses);
    parses_to("0.00000000000000000000000000000000000000000000001e46", 3, 1, "0.1");
    parses_to("99999999999999999999999999999999999999.4", 38, 0, loses);
    parses_to("99999999999999999999999999999999999999.5", 38, 0, NULL);
}
END_TEST

START_TEST(arithmetic_equals_the_vectors)
{
    size_t count = sizeof decimal_vectors / sizeof decimal_vectors[0];
    for (size_t i = 0; i < count; i++) {
        const struct decimal_vector *v = &decimal_vectors[i];
        struct tm_decimal a = any(v->a), b = any(v->b), r = {0};
        int rc = v->operation == '+'   ? tm_decimal_add(a, b, &r)
                 : v->operation == '-' ? tm_decimal_sub(a, b, &r)
                 : v->operation == '*' ? tm_decimal_mul(a, b, &r)
                                       : tm_decimal_div(a, b, &r);
        ck_assert_msg(rc == (v->result == NULL ? TM_E_OVERFLOW : 0), "%s %c %s", v->a, v->operation,
                      v->b);
        if (rc == 0)
            same_text(r, v->result);
    }
}
END_TEST

static __int128 power(int n)
{
    __int128 v = 1;
    while (n-- > 0)
        v *= 10;
    return v;
}

START_TEST(arithmetic_of_small_values_equals_128_bit_integers)
{
    struct support_random rnd = support_seed("decimal arithmetic");
    for (int i = 0; i < 300000; i++) {
        struct tm_decimal a = {(int64_t)support_next(&rnd) >> (20 + support_below(&rnd, 44)),
                               (uint8_t)support_below(&rnd, 6)};
        struct tm_decimal b = {(int64_t)support_next(&rnd) >> (20 + support_below(&rnd, 44)),
                               (uint8_t)support_below(&rnd, 6)};
        int scale = a.scale > b.scale ? a.scale : b.scale;
        __int128 wa = a.unscaled * power(scale - a.scale), wb = b.unscaled * power(scale - b.scale);
        struct tm_decimal r;
        ck_assert_int_eq(tm_decimal_add(a, b, &r), 0);
        ck_assert(r.unscaled == wa + wb && r.scale == scale);
        ck_assert_int_eq(tm_decimal_sub(a, b, &r), 0);
        ck_assert(r.unscaled == wa - wb && r.scale == scale);
        ck_assert_int_eq(tm_decimal_mul(a, b, &r), 0);
        ck_assert(r.unscaled == a.unscaled * b.unscaled && r.scale == a.scale + b.scale);
        ck_assert_int_eq(tm_decimal_compare(a, b), wa < wb ? -1 : wa > wb);
        if (b.unscaled == 0) {
            ck_assert_int_eq(tm_decimal_div(a, b, &r), TM_E_OVERFLOW);
            continue;
        }
        ck_assert_int_eq(tm_decimal_div(a, b, &r), 0);
        ck_assert_int_eq(r.scale, 6);
        // |q| is the quotient exactly when 2|n| lies in [(2|q|-1)|d|, (2|q|+1)|d|)
        __int128 n = a.unscaled * power(6 - a.scale + b.scale), d = b.unscaled, q = r.unscaled;
        ck_assert(q == 0 || (q < 0) == ((n < 0) != (d < 0)));
        n = n < 0 ? -n : n, d = d < 0 ? -d : d, q = q < 0 ? -q : q;
        ck_assert((2 * q - 1) * d <= 2 * n && 2 * n < (2 * q + 1) * d);
    }
}
END_TEST

START_TEST(comparison_does_not_overflow)
{
    struct tm_decimal big = any("99999999999999999999999999999999999999");
    struct tm_decimal small = any("0.00000000000000000000000000000000000001");
    struct tm_decimal minus = {-big.unscaled, 0}, small_minus = {-1, 38};
    ck_assert_int_gt(tm_decimal_compare(big, small), 0);
    ck_assert_int_lt(tm_decimal_compare(small, big), 0);
    ck_assert_int_lt(tm_decimal_compare(minus, small_minus), 0);
    ck_assert_int_lt(tm_decimal_compare(minus, big), 0);
    ck_assert_int_gt(tm_decimal_compare(small, small_minus), 0);
    ck_assert_int_eq(tm_decimal_compare(any("1.50"), any("1.5")), 0);
    ck_assert_int_eq(tm_decimal_compare(any("0"), any("0.00")), 0);
}
END_TEST

START_TEST(a_sum_that_fits_is_found_although_its_operand_does_not)
{
    struct tm_decimal a = any("1500000000000000000000000000000000000");       // 1.5e36
    struct tm_decimal b = any("-600000000000000000000000000000000000.00"), r; // -0.6e36
    ck_assert_int_eq(tm_decimal_add(a, b, &r), 0);
    same_text(r, "900000000000000000000000000000000000.00");
}
END_TEST

START_TEST(doubles_enter_through_their_shortest_text)
{
    static const struct {
        double value;
        const char *text;
    } vectors[] = {{0.1, "0.1"},
                   {0.1 + 0.2, "0.30000000000000004"},
                   {100, "100"},
                   {-2.5, "-2.5"},
                   {-0.0, "0"},
                   {1e22, "10000000000000000000000"},
                   {1e23, "100000000000000000000000"},
                   {123456789012345680, "123456789012345680"},
                   {5e-7, "0.0000005"},
                   {1e-38, "0.00000000000000000000000000000000000001"},
                   {1.0 / 3, "0.3333333333333333"},
                   {9007199254740992, "9007199254740992"},
                   {4.35, "4.35"},
                   {1e-20, "0.00000000000000000001"}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct tm_decimal d;
        ck_assert_int_eq(tm_decimal_from_double(vectors[i].value, &d), 0);
        same_text(d, vectors[i].text);
    }
    struct tm_decimal d;
    ck_assert_int_eq(tm_decimal_from_double((double)NAN, &d), TM_E_BAD_TYPE);
    ck_assert_int_eq(tm_decimal_from_double((double)INFINITY, &d), TM_E_OVERFLOW);
    ck_assert_int_eq(tm_decimal_from_double(-1e39, &d), TM_E_OVERFLOW);
    // never rounded
    ck_assert_int_eq(tm_decimal_from_double(1e-39, &d), TM_E_OVERFLOW);
    ck_assert_int_eq(tm_decimal_from_double(1.5e-38, &d), TM_E_OVERFLOW);
    ck_assert_int_eq(tm_decimal_from_double(-5e-324, &d), TM_E_OVERFLOW);
}
END_TEST

START_TEST(any_double_and_any_text_compares_by_value)
{
    static const struct {
        const char *a, *b;
        int order;
    } vectors[] = {
        {"0", "0e99", 0},
        {"0", "1e-400", -1},
        {"0", "-1e-400", 1},
        {"-1", "1e-400", -1},
        {"1", "1e400", -1},
        {"-1", "-1e400", 1},
        {"99999999999999999999999999999999999999", "1e38", -1},
        {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999.000", 0},
        {"99999999999999999999999999999999999999",
         "99999999999999999999999999999999999999.0000000000000000000000000000000000000001", -1},
        {"-99999999999999999999999999999999999999",
         "-99999999999999999999999999999999999999.0000000000000000000000000000000000000001", 1},
        {"0.00000000000000000000000000000000000001", "1e-38", 0},
        {"0.00000000000000000000000000000000000001", "1.5e-38", -1},
        {"0.00000000000000000000000000000000000002", "1.5e-38", 1},
        {"0.00000000000000000000000000000000000001", "9.9e-39", 1},
        {"0.00000000000000000000000000000000000001", "9.9e-40", 1},
        {"12.50", "0012.5000", 0},
        {"12.50", "1249999999999999999999999999999999999999999999e-44", 1},
        {"12.50", "1250000000000000000000000000000000000000000001e-44", -1}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct tm_decimal a = any(vectors[i].a);
        int order = 9;
        ck_assert_int_eq(tm_decimal_compare_text(a, vectors[i].b, strlen(vectors[i].b), &order), 0);
        ck_assert_msg(order == vectors[i].order, "%s and %s: %d", vectors[i].a, vectors[i].b,
                      order);
    }
    int order;
    ck_assert_int_eq(tm_decimal_compare_text(any("1"), "1x", 2, &order), TM_E_BAD_TYPE);
    ck_assert_int_eq(tm_decimal_compare_double(any("0.1"), 0.1), 0);
    ck_assert_int_eq(tm_decimal_compare_double(any("0"), -0.0), 0);
    ck_assert_int_eq(tm_decimal_compare_double(any("0"), 5e-324), -1);
    ck_assert_int_eq(tm_decimal_compare_double(any("0"), (double)INFINITY), -1);
    ck_assert_int_eq(tm_decimal_compare_double(any("0"), -(double)INFINITY), 1);
    ck_assert_int_eq(tm_decimal_compare_double(any("-5"), -1e39), 1);
}
END_TEST

START_TEST(comparing_with_the_text_of_a_decimal_is_comparing_with_the_decimal)
{
    struct support_random rnd = support_seed("decimal compare");
    for (int i = 0; i < 100000; i++) {
        struct tm_decimal d[2];
        for (int k = 0; k < 2; k++) {
            __int128 v = (__int128)(int64_t)support_next(&rnd) * (int64_t)(support_next(&rnd) >> 2);
            d[k] = (struct tm_decimal){v >> (66 + support_below(&rnd, 60)),
                                       (uint8_t)support_below(&rnd, 39)};
        }
        if (i % 4 == 0 && d[0].unscaled < power(30)) // equal values of two scales
            d[1] = (struct tm_decimal){d[0].unscaled * 1000, (uint8_t)(d[0].scale % 36 + 3)};
        char text[48];
        tm_decimal_format(d[1].unscaled, d[1].scale, text);
        int order;
        ck_assert_int_eq(tm_decimal_compare_text(d[0], text, strlen(text), &order), 0);
        int expected = tm_decimal_compare(d[0], d[1]);
        ck_assert_int_eq(order, (expected > 0) - (expected < 0));
    }
}
END_TEST

// The shortest text by trying every length.
static void shortest(double v, char *text)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, 40, "%.*e", digits - 1, v);
        if (strtod(text, NULL) == v)
            return;
    }
}

START_TEST(random_doubles_have_their_shortest_text_and_come_back)
{
    struct support_random r = support_seed("decimal doubles");
    for (int i = 0; i < 100000; i++) {
        double v = i % 2 == 0
                       ? (double)(int64_t)support_below(&r, 100000000) / 100
                       : ldexp((double)(int64_t)support_next(&r), -(int)support_below(&r, 100));
        char text[40];
        shortest(v, text);
        struct tm_decimal d, expected;
        if (tm_decimal_parse_any(text, strlen(text), &expected) != 0) {
            // more than 38 digits behind the point
            ck_assert_int_eq(tm_decimal_from_double(v, &d), TM_E_OVERFLOW);
            continue;
        }
        ck_assert_int_eq(tm_decimal_from_double(v, &d), 0);
        ck_assert_msg(d.scale == expected.scale && d.unscaled == expected.unscaled, "%s", text);
        ck_assert_msg(tm_decimal_to_double(d.unscaled, d.scale) == v, "%s", text);
    }
}
END_TEST

START_TEST(any_value_survives_its_text)
{
    struct support_random rnd = support_seed("decimal text");
    for (int i = 0; i < 100000; i++) {
        __int128 v = (__int128)(int64_t)support_next(&rnd) * (int64_t)(support_next(&rnd) >> 2);
        v >>= support_below(&rnd, 126);
        if (v >= power(38) || v <= -power(38))
            continue;
        struct tm_decimal d = {v, (uint8_t)support_below(&rnd, 39)};
        char text[48];
        tm_decimal_format(d.unscaled, d.scale, text);
        tm_int128 back;
        ck_assert_int_eq(tm_decimal_parse(text, strlen(text), 38, d.scale, &back), 0);
        ck_assert_msg(back == v, "%s", text);
        ck_assert_msg(tm_decimal_to_double(d.unscaled, d.scale) == strtod(text, NULL), "%s", text);
    }
}
END_TEST

START_TEST(rescale_rounds_half_up_and_checks_digits)
{
    tm_int128 v;
    ck_assert_int_eq(tm_decimal_rescale(12345, 3, 10, 2, &v), 0);
    ck_assert(v == 1235);
    ck_assert_int_eq(tm_decimal_rescale(-12345, 3, 10, 2, &v), 0);
    ck_assert(v == -1235);
    ck_assert_int_eq(tm_decimal_rescale(12344, 3, 10, 2, &v), 0);
    ck_assert(v == 1234);
    ck_assert_int_eq(tm_decimal_rescale(123, 0, 5, 2, &v), 0);
    ck_assert(v == 12300);
    ck_assert_int_eq(tm_decimal_rescale(1234, 0, 5, 2, &v), TM_E_OVERFLOW);
    ck_assert_int_eq(tm_decimal_rescale(9995, 3, 3, 2, &v), TM_E_OVERFLOW);
    ck_assert_int_eq(tm_decimal_rescale(power(38) - 1, 0, 38, 38, &v), TM_E_OVERFLOW);
    ck_assert_int_eq(tm_decimal_rescale(power(38) - 1, 38, 38, 0, &v), 0);
    ck_assert(v == 1);
    ck_assert_int_eq(tm_decimal_rescale(0, 0, 38, 38, &v), 0);
    ck_assert(v == 0);
}
END_TEST

START_TEST(values_for_lua_compute_the_same)
{
    struct tm_decimal_value a, b, r;
    char text[48];
    ck_assert_int_eq(tm_decimal_value_parse("-12.50", 6, &a), 0);
    ck_assert_int_eq(a.scale, 2);
    ck_assert_int_eq(a.high, -1);
    ck_assert_int_eq((int64_t)a.low, -1250);
    ck_assert_int_eq(tm_decimal_value_from_double(0.5, &b), 0);
    ck_assert_int_eq(tm_decimal_value_add(&a, &b, &r), 0);
    ck_assert_int_eq(tm_decimal_value_format(&r, text), 6);
    ck_assert_str_eq(text, "-12.00");
    ck_assert_int_eq(tm_decimal_value_sub(&a, &b, &r), 0);
    tm_decimal_value_format(&r, text);
    ck_assert_str_eq(text, "-13.00");
    ck_assert_int_eq(tm_decimal_value_mul(&a, &b, &r), 0);
    tm_decimal_value_format(&r, text);
    ck_assert_str_eq(text, "-6.250");
    ck_assert_int_eq(tm_decimal_value_div(&a, &b, &r), 0);
    tm_decimal_value_format(&r, text);
    ck_assert_str_eq(text, "-25.000000");
    ck_assert_int_eq(tm_decimal_value_rescale(&r, 4, 1, &r), 0);
    tm_decimal_value_format(&r, text);
    ck_assert_str_eq(text, "-25.0");
    ck_assert_int_lt(tm_decimal_value_compare(&a, &b), 0);
    ck_assert(tm_decimal_value_to_double(&a) == -12.5);
    ck_assert_int_eq(tm_decimal_value_rescale(&a, 2, 1, &r), TM_E_OVERFLOW);
    ck_assert_int_eq(tm_decimal_value_rescale(&a, 39, 1, &r), TM_E_BAD_TYPE);
    ck_assert_int_eq(tm_decimal_value_rescale(&a, 3, 4, &r), TM_E_BAD_TYPE);
    ck_assert_int_eq(tm_decimal_value_parse("x", 1, &a), TM_E_BAD_TYPE);
}
END_TEST

START_TEST(a_wrong_scale_from_lua_is_refused)
{
    struct tm_decimal_value good = {1, 0, 0}, bad = {1, 0, 39}, worse = {1, 0, -1}, r;
    char text[48];
    ck_assert_int_eq(tm_decimal_value_add(&good, &bad, &r), TM_E_BAD_TYPE);
    ck_assert_int_eq(tm_decimal_value_mul(&worse, &good, &r), TM_E_BAD_TYPE);
    ck_assert_int_eq(tm_decimal_value_format(&bad, text), TM_E_BAD_TYPE);
    ck_assert_int_eq(tm_decimal_value_rescale(&worse, 10, 2, &r), TM_E_BAD_TYPE);
    ck_assert(isnan(tm_decimal_value_to_double(&bad)));
}
END_TEST

SUPPORT_MAIN("decimal", text_keeps_its_scale, text_that_is_no_number_is_refused,
             text_beyond_38_digits_overflows, a_column_takes_a_text_exactly_and_bounds_digits,
             arithmetic_equals_the_vectors, arithmetic_of_small_values_equals_128_bit_integers,
             comparison_does_not_overflow, a_sum_that_fits_is_found_although_its_operand_does_not,
             doubles_enter_through_their_shortest_text, any_double_and_any_text_compares_by_value,
             comparing_with_the_text_of_a_decimal_is_comparing_with_the_decimal,
             random_doubles_have_their_shortest_text_and_come_back, any_value_survives_its_text,
             rescale_rounds_half_up_and_checks_digits, values_for_lua_compute_the_same,
             a_wrong_scale_from_lua_is_refused)
