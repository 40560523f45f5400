// Values of generated columns: bounds, shares, and the Zipf distribution against its definition.
#include <math.h>

#include "connectors/generator/random.h"
#include "connectors/generator/value.h"
#include "tests/unit/connector_generator/support.h"

static struct source_test t;

// Makes `count` rows of the one column into a batch.
static struct tm_batch *rows_of(uint64_t count)
{
    struct tm__generator_field field;
    struct tm_error err = {0};
    int rc = tm__generator_field_read(&field, &t.mem, &t.node, source_columns(&t), 0, 42, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    struct tm_batch *batch = tm_batch_acquire(t.pool, tm_node_schema(&t.node));
    for (uint64_t i = 0; i < count; i++) {
        struct tm_builder b;
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        ck_assert_int_eq(tm__generator_put(&field, i, &b), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    tm__generator_field_fini(&field, &t.mem);
    return batch;
}

static void column(const char *type, const char *kind)
{
    char text[64];
    source_start(&t);
    snprintf(text, sizeof text, "v %s", type);
    source_schema(&t, text);
    text_option(&t, "field.0.name", "v");
    text_option(&t, "field.0.kind", kind);
}

static uint32_t slot(void)
{
    return source_columns(&t)->fields[0].offset;
}

static void finish(struct tm_batch *batch)
{
    tm_batch_release(batch);
    tm_connector_generator.source_release(NULL);
    source_finish(&t);
}

START_TEST(uniform_ints_take_every_value_about_equally)
{
    uint32_t counts[7] = {0};
    column("int", "uniform");
    number_option(&t, "field.0.min", -3);
    number_option(&t, "field.0.max", 3);
    struct tm_batch *batch = rows_of(70000);
    TM_BATCH_EACH(batch, row)
    {
        int64_t v = tm_row_int(row, slot());
        ck_assert(v >= -3 && v <= 3);
        counts[v + 3]++;
    }
    for (int i = 0; i < 7; i++)
        ck_assert(counts[i] > 9600 && counts[i] < 10400);
    finish(batch);
}
END_TEST

START_TEST(uniform_doubles_stay_within_their_bounds)
{
    column("double", "uniform");
    number_option(&t, "field.0.min", 1);
    number_option(&t, "field.0.max", 500);
    struct tm_batch *batch = rows_of(50000);
    double sum = 0;
    TM_BATCH_EACH(batch, row)
    {
        double v = tm_row_double(row, slot());
        ck_assert(v >= 1 && v <= 500);
        sum += v;
    }
    ck_assert(fabs(sum / 50000 - 250.5) < 3);
    finish(batch);
}
END_TEST

START_TEST(uniform_decimals_stay_within_bounds_that_fall_between_them)
{
    column("decimal(4,1)", "uniform");
    number_option(&t, "field.0.min", 0.25);
    number_option(&t, "field.0.max", 0.55);
    uint32_t counts[10] = {0};
    struct tm_batch *batch = rows_of(9000);
    TM_BATCH_EACH(batch, row)
    {
        __int128 v = tm_row_decimal(row, slot());
        ck_assert(v >= 3 && v <= 5);
        counts[v]++;
    }
    for (int i = 3; i <= 5; i++)
        ck_assert(counts[i] > 2700 && counts[i] < 3300);
    finish(batch);
}
END_TEST

START_TEST(wide_decimals_spread_over_their_whole_range)
{
    column("decimal(38,0)", "uniform");
    number_option(&t, "field.0.min", -1e37);
    number_option(&t, "field.0.max", 9e37);
    double sum = 0;
    struct tm_batch *batch = rows_of(20000);
    TM_BATCH_EACH(batch, row)
    {
        double v = (double)tm_row_decimal(row, slot());
        ck_assert(v >= -1e37 && v <= 9e37);
        sum += v / 1e37;
    }
    ck_assert(fabs(sum / 20000 - 4) < 0.1);
    finish(batch);
}
END_TEST

START_TEST(choices_come_about_equally)
{
    column("string", "choice");
    text_option(&t, "field.0.choices", "FR\x1f\x1flonger");
    uint32_t counts[7] = {0};
    struct tm_batch *batch = rows_of(30000);
    TM_BATCH_EACH(batch, row)
    {
        uint32_t len;
        tm_row_string(row, slot(), &len);
        ck_assert(len == 2 || len == 0 || len == 6);
        counts[len]++;
    }
    for (int i = 0; i < 7; i += i == 0 ? 2 : 4)
        ck_assert(counts[i] > 9600 && counts[i] < 10400);
    finish(batch);
}
END_TEST

static void constant_is(const char *type, const char *text, int64_t word)
{
    column(type, "constant");
    text_option(&t, "field.0.value", text);
    struct tm_batch *batch = rows_of(2);
    ck_assert_int_eq(tm_row_int(tm_batch_first(batch), slot()), word);
    finish(batch);
}

START_TEST(constants_have_the_type_of_their_column)
{
    constant_is("int", "5e3", 5000);
    constant_is("int64", "9223372036854775807", INT64_MAX);
    constant_is("bool", "true", 1);
    constant_is("decimal(10,2)", "1.5", 150);
    constant_is("timestamp", "1970-01-02", 86400000);
    double half = 0.5;
    int64_t bits;
    memcpy(&bits, &half, 8);
    constant_is("double", "0.5", bits);
    column("double", "constant");
    number_option(&t, "field.0.value", 0.5);
    struct tm_batch *batch = rows_of(1);
    ck_assert(tm_row_double(tm_batch_first(batch), slot()) == 0.5);
    finish(batch);
}
END_TEST

static void choice_refused(const char *type, const char *text)
{
    column(type, "choice");
    text_option(&t, "field.0.choices", text);
    struct tm__generator_field field;
    struct tm_error err = {0};
    ck_assert_int_eq(
        tm__generator_field_read(&field, &t.mem, &t.node, source_columns(&t), 0, 1, &err),
        TM_E_OPTION);
    ck_assert_ptr_nonnull(strstr(err.message, type));
    source_finish(&t);
}

START_TEST(choices_of_another_type_are_refused)
{
    choice_refused("int", "1\x1f"
                          "1.5");
    choice_refused("int", "9007199254740993");
    choice_refused("int64", "9223372036854775808");
    choice_refused("bool", "yes");
    choice_refused("double", "1x");
    choice_refused("decimal(3,1)", "100");
    choice_refused("timestamp", "noon");
}
END_TEST

START_TEST(a_pattern_has_its_digits_and_stays_below_distinct)
{
    column("string", "pattern");
    text_option(&t, "field.0.pattern", "a#-##b");
    number_option(&t, "field.0.distinct", 250);
    bool seen[250] = {false};
    struct tm_batch *batch = rows_of(10000);
    TM_BATCH_EACH(batch, row)
    {
        uint32_t len;
        const char *s = tm_row_string(row, slot(), &len);
        ck_assert_uint_eq(len, 6);
        int high, low;
        ck_assert_int_eq(sscanf(s, "a%1d-%2db", &high, &low), 2);
        ck_assert(s[0] == 'a' && s[2] == '-' && s[5] == 'b');
        ck_assert_int_lt(high * 100 + low, 250);
        seen[high * 100 + low] = true;
    }
    for (int i = 0; i < 250; i++)
        ck_assert(seen[i]);
    finish(batch);
}
END_TEST

// Chi-square of the first ranks and of the rest against the definition.
static void zipf_matches(uint64_t n, double exponent)
{
    enum { DRAWS = 200000, BINS = 50 };
    struct tm__generator_zipf z;
    tm__generator_zipf_init(&z, n, exponent);
    uint64_t counts[BINS + 1] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t rank = tm__generator_zipf_rank(&z, 99, i);
        ck_assert_uint_lt(rank, n);
        counts[rank < BINS ? rank : BINS]++;
    }
    double total = 0, square = 0, tail = 0;
    for (uint64_t k = 1; k <= n; k++)
        total += pow((double)k, -exponent);
    for (uint64_t k = BINS + 1; k <= n; k++)
        tail += pow((double)k, -exponent);
    int bins = 0;
    for (uint64_t k = 1; k <= BINS + 1 && k <= n; k++) {
        double expected = DRAWS * (k <= BINS ? pow((double)k, -exponent) : tail) / total;
        double got = (double)counts[k - 1];
        if (expected < 5)
            continue;
        square += (got - expected) * (got - expected) / expected;
        bins++;
    }
    // far beyond the 99.99th percentile: the draws are fixed, so this is no matter of luck
    ck_assert_msg(square < bins + 5 * sqrt(2.0 * bins) + 5, "n %llu exponent %g: %g of %d bins",
                  (unsigned long long)n, exponent, square, bins);
}

START_TEST(zipf_has_the_probabilities_of_its_definition)
{
    static const double exponents[] = {0, 0.001, 0.5, 0.9, 0.99999, 1, 1.00001, 1.5, 2.5, 10};
    static const uint64_t sizes[] = {1, 2, 3, 10, 1000, 1000000};
    for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
            zipf_matches(sizes[k], exponents[i]);
    }
}
END_TEST

START_TEST(streams_of_columns_and_draws_are_independent)
{
    // correlation of bits between neighbours in each direction: 64 coins, 4000 times
    for (int direction = 0; direction < 3; direction++) {
        uint64_t differ = 0;
        for (uint64_t i = 0; i < 4000; i++) {
            uint64_t a = tm__generator_draw(tm__generator_key(1, 3), i, 0);
            uint64_t b = direction == 0   ? tm__generator_draw(tm__generator_key(1, 3), i + 1, 0)
                         : direction == 1 ? tm__generator_draw(tm__generator_key(1, 4), i, 0)
                                          : tm__generator_draw(tm__generator_key(1, 3), i, 1);
            differ += (uint64_t)__builtin_popcountll(a ^ b);
        }
        ck_assert(fabs((double)differ - 128000) < 5 * 253);
    }
}
END_TEST

START_TEST(weighted_choices_come_as_often_as_their_weights_say)
{
    uint32_t counts[3] = {0};
    column("int", "choice");
    text_option(&t, "field.0.choices",
                "0\x1f"
                "1\x1f"
                "2");
    text_option(&t, "field.0.weights",
                "6\x1f"
                "0\x1f"
                "2");
    struct tm_batch *batch = rows_of(40000);
    TM_BATCH_EACH(batch, row)
    counts[tm_row_int(row, slot())]++;
    ck_assert(counts[0] > 29500 && counts[0] < 30500);
    ck_assert_uint_eq(counts[1], 0);
    finish(batch);
}
END_TEST

START_TEST(nulls_take_their_share_and_leave_other_rows_as_they_are)
{
    column("int", "uniform");
    number_option(&t, "field.0.min", 0);
    number_option(&t, "field.0.max", 1e9);
    struct tm_batch *all = rows_of(20000);
    number_option(&t, "field.0.nulls", 0.25);
    struct tm_batch *some = rows_of(20000);
    uint32_t nulls = 0;
    const struct tm_row *full = tm_batch_first(all);
    TM_BATCH_EACH(some, row)
    {
        if (tm_row_is_null(row, 0))
            nulls++;
        else
            ck_assert_int_eq(tm_row_int(row, slot()), tm_row_int(full, slot()));
        full = tm_row_next(full);
    }
    ck_assert(nulls > 4750 && nulls < 5250);
    tm_batch_release(all);
    finish(some);
}
END_TEST

START_TEST(normal_values_have_their_mean_and_deviation)
{
    double sum = 0, squares = 0;
    column("double", "normal");
    number_option(&t, "field.0.mean", 100);
    number_option(&t, "field.0.stddev", 15);
    struct tm_batch *batch = rows_of(100000);
    uint32_t within = 0;
    TM_BATCH_EACH(batch, row)
    {
        double v = tm_row_double(row, slot());
        sum += v;
        squares += (v - 100) * (v - 100);
        within += v > 85 && v < 115;
    }
    ck_assert(fabs(sum / 100000 - 100) < 0.2);
    ck_assert(fabs(sqrt(squares / 100000) - 15) < 0.15);
    ck_assert(within > 67700 && within < 68850); // 68.27 %
    finish(batch);
}
END_TEST

START_TEST(normal_decimals_are_put_on_their_bounds)
{
    column("decimal(6,2)", "normal");
    number_option(&t, "field.0.mean", 1);
    number_option(&t, "field.0.stddev", 3);
    number_option(&t, "field.0.min", 0.005);
    number_option(&t, "field.0.max", 2.5);
    struct tm_batch *batch = rows_of(10000);
    uint32_t low = 0, high = 0;
    TM_BATCH_EACH(batch, row)
    {
        __int128 v = tm_row_decimal(row, slot());
        ck_assert(v >= 1 && v <= 250);
        low += v == 1;
        high += v == 250;
    }
    ck_assert(low > 3000 && high > 2500);
    finish(batch);
}
END_TEST

START_TEST(a_normal_int_stays_what_an_int_can_hold)
{
    column("int", "normal");
    number_option(&t, "field.0.mean", 9e15);
    number_option(&t, "field.0.stddev", 1e15);
    struct tm_batch *batch = rows_of(1000);
    TM_BATCH_EACH(batch, row)
    ck_assert(tm_row_int(row, slot()) <= TM_INT_MAX);
    finish(batch);
}
END_TEST

START_TEST(strings_have_their_lengths_and_alphabet)
{
    uint32_t lengths[20] = {0}, letters[256] = {0};
    column("string", "string");
    number_option(&t, "field.0.length", 9);
    number_option(&t, "field.0.length_max", 18);
    text_option(&t, "field.0.alphabet", "abc");
    struct tm_batch *batch = rows_of(10000);
    uint32_t total = 0;
    TM_BATCH_EACH(batch, row)
    {
        uint32_t length;
        const char *text = tm_row_string(row, slot(), &length);
        ck_assert(length >= 9 && length <= 18);
        lengths[length]++;
        for (uint32_t i = 0; i < length; i++, total++)
            letters[(uint8_t)text[i]]++;
    }
    for (int i = 9; i <= 18; i++)
        ck_assert(lengths[i] > 850 && lengths[i] < 1150);
    ck_assert_uint_eq(letters['a'] + letters['b'] + letters['c'], total);
    for (int i = 'a'; i <= 'c'; i++)
        ck_assert(letters[i] > total / 3 - 1000 && letters[i] < total / 3 + 1000);
    finish(batch);
}
END_TEST

START_TEST(uuids_have_their_form_and_differ)
{
    column("string", "uuid");
    struct tm_batch *batch = rows_of(1000);
    char before[37] = "";
    TM_BATCH_EACH(batch, row)
    {
        uint32_t length;
        const char *text = tm_row_string(row, slot(), &length);
        ck_assert_uint_eq(length, 36);
        for (uint32_t i = 0; i < 36; i++) {
            if (i == 8 || i == 13 || i == 18 || i == 23)
                ck_assert_int_eq(text[i], '-');
            else
                ck_assert(strchr("0123456789abcdef", text[i]) != NULL);
        }
        ck_assert_int_eq(text[14], '4');
        ck_assert(strchr("89ab", text[19]) != NULL);
        ck_assert(memcmp(before, text, 36) != 0);
        memcpy(before, text, 36);
    }
    finish(batch);
}
END_TEST

START_TEST(zipf_numbers_begin_at_start)
{
    uint32_t counts[5] = {0};
    column("int", "zipf");
    number_option(&t, "field.0.distinct", 5);
    number_option(&t, "field.0.zipf", 1);
    number_option(&t, "field.0.start", 100);
    struct tm_batch *batch = rows_of(13700); // 1 + 1/2 + ... + 1/5 = 2.28
    TM_BATCH_EACH(batch, row)
    {
        int64_t v = tm_row_int(row, slot());
        ck_assert(v >= 100 && v < 105);
        counts[v - 100]++;
    }
    ck_assert(counts[0] > 5750 && counts[0] < 6250);
    ck_assert(counts[4] > 1080 && counts[4] < 1320);
    finish(batch);
}
END_TEST

static void refused(const char *part, const char *wrong)
{
    struct tm__generator_field field;
    struct tm_error err = {0};
    int rc = tm__generator_field_read(&field, &t.mem, &t.node, source_columns(&t), 0, 42, &err);
    ck_assert_int_eq(rc, TM_E_OPTION);
    ck_assert_msg(strstr(err.message, wrong) != NULL, "%s: %s", part, err.message);
    tm_connector_generator.source_release(NULL);
    source_finish(&t);
}

START_TEST(options_that_make_no_sense_are_refused)
{
    column("int", "choice");
    text_option(&t, "field.0.choices",
                "0\x1f"
                "1");
    text_option(&t, "field.0.weights", "1");
    refused("weights", "a weight for each choice");
    column("int", "sequence");
    number_option(&t, "field.0.last", -1);
    refused("last", "never reach -1");
    column("double", "normal");
    number_option(&t, "field.0.stddev", -1);
    refused("stddev", "negative");
    column("string", "string");
    number_option(&t, "field.0.length", 5000);
    refused("length", "0 to 4096");
    column("int", "zipf");
    refused("distinct", "distinct");
    column("int", "uniform");
    number_option(&t, "field.0.nulls", 2);
    refused("nulls", "share");
}
END_TEST

SUPPORT_MAIN("value", weighted_choices_come_as_often_as_their_weights_say,
             nulls_take_their_share_and_leave_other_rows_as_they_are,
             normal_values_have_their_mean_and_deviation, normal_decimals_are_put_on_their_bounds,
             a_normal_int_stays_what_an_int_can_hold, strings_have_their_lengths_and_alphabet,
             uuids_have_their_form_and_differ, zipf_numbers_begin_at_start,
             options_that_make_no_sense_are_refused, uniform_ints_take_every_value_about_equally,
             uniform_doubles_stay_within_their_bounds,
             uniform_decimals_stay_within_bounds_that_fall_between_them,
             wide_decimals_spread_over_their_whole_range, choices_come_about_equally,
             constants_have_the_type_of_their_column, choices_of_another_type_are_refused,
             a_pattern_has_its_digits_and_stays_below_distinct,
             zipf_has_the_probabilities_of_its_definition,
             streams_of_columns_and_draws_are_independent)
