// Rolling aggregates: a row per row, a row per key at the end, nulls, overflow, every type.
#include "support.h"

static void teardown(void)
{
    lines_clear();
    check_account();
    world_free();
}

static void rolling(bool emit_final, uint32_t key)
{
    world_new(TM_NODE_ROLLING, 128);
    world.node.emit_final = emit_final;
    use_key(key);
}

START_TEST(each_row_gives_the_aggregate_so_far)
{
    rolling(false, USER);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, AMOUNT);
    open_keyed(tm_operator_rolling_new);
    struct row rows[] = {
        {.user = "a", .ts = 1, .amount = 1.5},
        {.user = "b", .ts = 2, .amount = 10},
        {.user = "a", .ts = 3, .amount = 2},
        {.user = "a", .ts = 4, .nulls = 1u << AMOUNT},
    };
    ck_assert_int_eq(feed_rows(rows, 4, lines_take), 0);
    expect_line(0, "a|1|1.5|1");
    expect_line(1, "b|1|10|2");
    expect_line(2, "a|2|3.5|3");
    expect_line(3, "a|3|3.5|4");
    feed_watermark(9, lines_take);
    feed_end(TM_END_DRAIN, lines_take);
    expect_line(4, "W 9");
    expect_line(5, "END");
    ck_assert_uint_eq(world.metrics.rows_in, 4);
    ck_assert_uint_eq(world.metrics.used, 4);
    ck_assert_uint_eq(world.metrics.rows_out, 4);
    teardown();
}
END_TEST

START_TEST(nothing_but_nulls_is_null_and_a_count_is_not)
{
    rolling(true, USER);
    for (int kind = TM_AGGREGATE_COUNT; kind <= TM_AGGREGATE_LAST; kind++)
        for (int field = AMOUNT; field <= NOTE; field++)
            if (field != NOTE || kind >= TM_AGGREGATE_FIRST || kind == TM_AGGREGATE_MIN ||
                kind == TM_AGGREGATE_MAX)
                if (world.node.aggregate_count < 30)
                    use_aggregate(kind, kind == TM_AGGREGATE_COUNT ? -1 : field);
    open_keyed(tm_operator_rolling_new);
    struct row row = {.user = "a", .nulls = ~1u};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(feed_rows(&row, 1, lines_take), 0);
    expect_lines(0);
    feed_end(TM_END_DRAIN, lines_take);
    char expected[512] = "a";
    for (uint32_t i = 0; i < world.node.aggregate_count; i++)
        strcat(expected, world.aggregates[i].kind == TM_AGGREGATE_COUNT ? "|3" : "|null");
    expect_line(0, expected);
    teardown();
}
END_TEST

START_TEST(a_sum_of_zeros_is_zero_and_not_null)
{
    rolling(true, USER);
    use_aggregate(TM_AGGREGATE_SUM, AMOUNT);
    open_keyed(tm_operator_rolling_new);
    struct row rows[] = {
        {.user = "minus", .amount = -0.0},       {.user = "plus", .amount = 0.0},
        {.user = "both", .amount = -0.0},        {.user = "both", .amount = 0.0},
        {.user = "away", .amount = 3},           {.user = "away", .amount = -3},
        {.user = "none", .nulls = 1u << AMOUNT},
    };
    ck_assert_int_eq(feed_rows(rows, 7, NULL), 0);
    feed_end(TM_END_DRAIN, lines_take);
    expect_lines(6);
    for (uint32_t i = 0; i < 5; i++) {
        const char *value = strchr(lines[i], '|') + 1;
        ck_assert_str_eq(value, strncmp(lines[i], "none", 4) == 0 ? "null" : "0");
    }
    teardown();
}
END_TEST

START_TEST(extremes_order_every_double_and_every_type)
{
    rolling(true, USER);
    use_aggregate(TM_AGGREGATE_MIN, AMOUNT);
    use_aggregate(TM_AGGREGATE_MAX, AMOUNT);
    use_aggregate(TM_AGGREGATE_MIN, FLAG);
    use_aggregate(TM_AGGREGATE_MAX, FLAG);
    use_aggregate(TM_AGGREGATE_MIN, NOTE);
    use_aggregate(TM_AGGREGATE_MAX, NOTE);
    use_aggregate(TM_AGGREGATE_MIN, PRICE);
    use_aggregate(TM_AGGREGATE_MAX, TS);
    use_aggregate(TM_AGGREGATE_FIRST, ITEM);
    use_aggregate(TM_AGGREGATE_LAST, PRICE);
    open_keyed(tm_operator_rolling_new);
    struct row rows[] = {
        {.user = "a", .amount = 0.0, .flag = true, .note = "b", .price = -5, .ts = 7, .item = 4},
        {.user = "a",
         .amount = -0.0,
         .flag = false,
         .note = "ba",
         .price = -500,
         .ts = 9,
         .item = 5},
        {.user = "a",
         .amount = __builtin_nan(""),
         .flag = true,
         .note = "",
         .price = 3,
         .ts = -1,
         .item = 6},
    };
    ck_assert_int_eq(feed_rows(rows, 3, NULL), 0);
    feed_end(TM_END_DRAIN, lines_take);
    expect_line(0, "a|-0|nan|0|1||ba|-500E-2|9|4|3E-2");
    teardown();
}
END_TEST

START_TEST(sums_past_their_type_are_errors_of_the_row)
{
    rolling(false, USER);
    use_aggregate(TM_AGGREGATE_SUM, CENTS);
    open_keyed(tm_operator_rolling_new);
    struct row rows[] = {
        {.user = "a", .cents = -TM_INT_MAX},
        {.user = "a", .cents = -1},
        {.user = "a", .cents = 1},
    };
    ck_assert_int_eq(feed_rows(rows, 3, lines_take), 0);
    expect_lines(2);
    expect_line(1, "a|-9007199254740991|0");
    ck_assert_int_eq(world.failures, 1);
    ck_assert_int_eq(world.failure_codes[0], TM_E_OVERFLOW);
    ck_assert_uint_eq(world.metrics.used, 2);
    teardown();
}
END_TEST

START_TEST(averages_of_large_integers_are_exact_before_the_division)
{
    rolling(true, USER);
    use_aggregate(TM_AGGREGATE_AVG, BIG);
    use_aggregate(TM_AGGREGATE_AVG, PRICE);
    open_keyed(tm_operator_rolling_new);
    struct row rows[] = {
        {.user = "a", .big = INT64_MAX, .price = 1},
        {.user = "a", .big = INT64_MAX, .price = 1},
        {.user = "a", .big = INT64_MIN, .price = 0},
        {.user = "a", .big = INT64_MIN + 2, .nulls = 1u << PRICE},
    };
    ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
    feed_end(TM_END_DRAIN, lines_take);
    expect_line(0, "a|0|6667E-6"); // 0.02 / 3, half up
    teardown();
}
END_TEST

START_TEST(keys_of_several_columns_come_back_as_columns)
{
    world_new(TM_NODE_ROLLING, 128);
    use_key(USER);
    use_key(ITEM);
    use_key(PRICE);
    use_key(FLAG);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_rolling_new);
    struct row rows[] = {
        {.user = "a", .item = 1, .price = 250, .flag = true},
        {.user = "a", .item = 2, .price = 250, .flag = true},
        {.user = "", .item = 1, .price = 250, .flag = true},
        {.user = "a", .item = 1, .price = 250, .flag = true},
    };
    ck_assert_int_eq(feed_rows(rows, 4, lines_take), 0);
    expect_line(0, "a|1|250E-2|1|1|0");
    expect_line(1, "a|2|250E-2|1|1|0");
    expect_line(2, "|1|250E-2|1|1|0");
    expect_line(3, "a|1|250E-2|1|2|0");
    teardown();
}
END_TEST

START_TEST(a_key_that_is_a_double_knows_one_zero)
{
    rolling(false, AMOUNT);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_rolling_new);
    struct row rows[] = {{.amount = 0.0}, {.amount = -0.0}, {.amount = 2}};
    ck_assert_int_eq(feed_rows(rows, 3, lines_take), 0);
    expect_line(1, "0|2|0");
    teardown();
}
END_TEST

START_TEST(final_rows_come_in_batches_at_the_end_and_not_when_stopped)
{
    for (int stop = 0; stop < 2; stop++) {
        rolling(true, ITEM);
        use_aggregate(TM_AGGREGATE_SUM, CENTS);
        open_keyed(tm_operator_rolling_new);
        for (int64_t i = 0; i < 7000; i++) {
            struct row row = {.item = i % 3500, .cents = i};
            ck_assert_int_eq(feed_rows(&row, 1, lines_take), 0);
        }
        feed_end(stop ? TM_END_STOP : TM_END_DRAIN, lines_take);
        expect_lines(stop ? 1 : 3501);
        expect_line(stop ? 0 : 3500, "END");
        int64_t total = 0;
        for (uint32_t i = 0; i + 1 < line_count; i++)
            total += atoll(strchr(lines[i], '|') + 1);
        ck_assert_int_eq(total, stop ? 0 : 7000 * 6999 / 2);
        teardown();
    }
}
END_TEST

START_TEST(a_batch_larger_than_its_output_is_resumed)
{
    rolling(false, ITEM);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_rolling_new);
    static struct row rows[5000];
    for (int64_t i = 0; i < 5000; i++)
        rows[i] = (struct row){.item = i % 10, .ts = i};
    ck_assert_int_eq(feed_rows(rows, 5000, lines_take), 0);
    expect_lines(5000);
    for (int64_t i = 0; i < 5000; i++) {
        char text[64];
        snprintf(text, sizeof text, "%lld|%lld|%lld", (long long)(i % 10), (long long)(i / 10 + 1),
                 (long long)i);
        expect_line((uint32_t)i, text);
    }
    teardown();
}
END_TEST

START_TEST(long_strings_are_kept_as_the_last_value)
{
    rolling(true, USER);
    use_aggregate(TM_AGGREGATE_LAST, NOTE);
    use_aggregate(TM_AGGREGATE_MAX, NOTE);
    open_keyed(tm_operator_rolling_new);
    static char note[100000];
    for (int i = 0; i < 50; i++) {
        size_t length = (size_t)draw(i % 10 == 0 ? sizeof note - 1 : 100);
        memset(note, 'x', length);
        note[length] = 0;
        struct row row = {.user = "a", .note = note};
        ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
    }
    struct row row = {.user = "a", .note = "end"};
    ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
    feed_end(TM_END_DRAIN, lines_take);
    ck_assert_int_eq(strncmp(lines[0], "a|end|xxx", 9), 0);
    teardown();
}
END_TEST

START_TEST(an_output_column_of_another_type_is_refused)
{
    rolling(false, USER);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_rolling_new);
    static const struct tm_field_def wrong[] = {{"user", {TM_TYPE_STRING, 0, 0, 0}, 0},
                                                {"n", {TM_TYPE_DOUBLE, 0, 0, 0}, 0}};
    struct tm_schema *schema = make_schema(wrong, 2, -1);
    world.op->ops->free(world.op);
    world.node.schema = schema;
    ck_assert_int_eq(tm_operator_rolling_new(&world.ctx, &world.node, &world.op, &world.err), 0);
    ck_assert_int_eq(world.op->ops->open(world.op, world.input, &world.err), TM_E_SCHEMA);
    tm_schema_unref(schema);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("rolling");
    random_state = 7;
    tcase_add_test(tc, each_row_gives_the_aggregate_so_far);
    tcase_add_test(tc, nothing_but_nulls_is_null_and_a_count_is_not);
    tcase_add_test(tc, a_sum_of_zeros_is_zero_and_not_null);
    tcase_add_test(tc, extremes_order_every_double_and_every_type);
    tcase_add_test(tc, sums_past_their_type_are_errors_of_the_row);
    tcase_add_test(tc, averages_of_large_integers_are_exact_before_the_division);
    tcase_add_test(tc, keys_of_several_columns_come_back_as_columns);
    tcase_add_test(tc, a_key_that_is_a_double_knows_one_zero);
    tcase_add_test(tc, final_rows_come_in_batches_at_the_end_and_not_when_stopped);
    tcase_add_test(tc, a_batch_larger_than_its_output_is_resumed);
    tcase_add_test(tc, long_strings_are_kept_as_the_last_value);
    tcase_add_test(tc, an_output_column_of_another_type_is_refused);
    return run_operator_case(tc, "rolling");
}
