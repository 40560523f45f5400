// Aggregates that keep more than one thing, through the window operator: min_by, max_by, variance,
// stddev; sharing of accumulators; all of them in sliding windows against their definition.
#include "accumulators.h"

#include <math.h>

static void teardown(void)
{
    lines_clear();
    check_account();
    world_free();
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void window(int64_t size, int64_t slide)
{
    world_new(TM_NODE_WINDOW, 128);
    world.node.size_ms = size;
    world.node.slide_ms = slide;
    use_key(USER);
}

static void open_window(void)
{
    open_keyed(tm_operator_window_new);
}

START_TEST(the_value_comes_from_the_row_where_the_other_is_extreme)
{
    window(10, 10);
    use_aggregate_by(TM_AGGREGATE_MIN_BY, NOTE, CENTS);
    use_aggregate_by(TM_AGGREGATE_MAX_BY, NOTE, CENTS);
    use_aggregate_by(TM_AGGREGATE_MAX_BY, PRICE, NOTE);
    use_aggregate_by(TM_AGGREGATE_MIN_BY, CENTS, AMOUNT);
    open_window();
    struct row rows[] = {
        {.user = "a", .ts = 1, .note = "five", .cents = 5, .price = 500, .amount = 2},
        {.user = "a", .ts = 2, .note = "minus two", .cents = -2, .price = -200, .amount = -0.5},
        {.user = "a", .ts = 3, .note = "nine", .cents = 9, .price = 900, .amount = 7},
    };
    ck_assert_int_eq(feed_rows(rows, 3, NULL), 0);
    feed_watermark(9, lines_take);
    expect_line(0, "a|0|10|minus two|nine|900E-2|-2|9");
    teardown();
}
END_TEST

START_TEST(of_equal_rows_the_first_to_arrive_wins_also_across_slices)
{
    window(10, 5);
    use_aggregate_by(TM_AGGREGATE_MIN_BY, NOTE, CENTS);
    use_aggregate_by(TM_AGGREGATE_MAX_BY, NOTE, CENTS);
    open_window();
    struct row rows[] = {
        {.user = "a", .ts = 7, .note = "first to come", .cents = 1}, // the later slice
        {.user = "a", .ts = 2, .note = "earlier in time", .cents = 1},
        {.user = "a", .ts = 8, .note = "last", .cents = 1},
    };
    ck_assert_int_eq(feed_rows(rows, 3, NULL), 0);
    feed_watermark(9, lines_take);
    expect_line(0, "a|-5|5|earlier in time|earlier in time|4");
    expect_line(1, "a|0|10|first to come|first to come|9");
    teardown();
}
END_TEST

START_TEST(a_zero_and_a_negative_one_are_equal_and_the_first_stays)
{
    window(10, 10);
    use_aggregate_by(TM_AGGREGATE_MIN_BY, NOTE, AMOUNT);
    use_aggregate_by(TM_AGGREGATE_MAX_BY, NOTE, AMOUNT);
    open_window();
    struct row rows[] = {
        {.user = "a", .ts = 1, .note = "first", .amount = 0.0},
        {.user = "a", .ts = 2, .note = "second", .amount = -0.0},
        {.user = "b", .ts = 1, .note = "first", .amount = -0.0},
        {.user = "b", .ts = 2, .note = "second", .amount = 0.0},
    };
    ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
    feed_watermark(9, lines_take);
    qsort(lines, 2, sizeof lines[0], compare_lines);
    expect_line(0, "a|0|10|first|first|9");
    expect_line(1, "b|0|10|first|first|9");
    teardown();
}
END_TEST

START_TEST(a_null_that_is_compared_leaves_its_row_out_and_a_null_value_is_the_result)
{
    window(10, 5);
    use_aggregate_by(TM_AGGREGATE_MIN_BY, NOTE, CENTS);
    use_aggregate_by(TM_AGGREGATE_MIN_BY, BIG, CENTS);
    open_window();
    struct row rows[] = {
        {.user = "a", .ts = 1, .note = "kept", .cents = 5, .big = 50},
        {.user = "a", .ts = 6, .nulls = 1u << NOTE, .cents = 3, .big = 30},
        {.user = "a", .ts = 7, .nulls = 1u << CENTS, .note = "not compared", .big = 1},
        {.user = "b", .ts = 7, .nulls = 1u << CENTS, .note = "not compared"},
    };
    ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(0, "a|-5|5|kept|50|4");
    qsort(lines + 1, 2, sizeof lines[0], compare_lines);
    expect_line(1, "a|0|10|null|30|9");
    expect_line(2, "b|0|10|null|null|9");
    teardown();
}
END_TEST

START_TEST(a_spread_needs_two_values_and_that_of_a_population_one)
{
    window(10, 10);
    use_aggregate(TM_AGGREGATE_VARIANCE, CENTS);
    use_aggregate(TM_AGGREGATE_VARIANCE_POPULATION, CENTS);
    use_aggregate(TM_AGGREGATE_STDDEV, CENTS);
    use_aggregate(TM_AGGREGATE_STDDEV_POPULATION, PRICE);
    open_window();
    struct row rows[] = {
        {.user = "a", .ts = 1, .cents = 2, .price = 200},
        {.user = "b", .ts = 1, .cents = 2, .price = 200},
        {.user = "b", .ts = 1, .cents = 6, .price = 800},
        {.user = "c", .ts = 1, .nulls = 1u << CENTS | 1u << PRICE},
    };
    ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
    feed_watermark(9, lines_take);
    qsort(lines, 3, sizeof lines[0], compare_lines);
    expect_line(0, "a|0|10|null|0|null|0|9");
    expect_line(1, "b|0|10|8|4|2.8284271247461903|3|9");
    expect_line(2, "c|0|10|null|null|null|null|9");
    teardown();
}
END_TEST

START_TEST(a_small_spread_of_large_values_is_not_lost)
{
    window(100, 10); // ten slices
    use_aggregate(TM_AGGREGATE_VARIANCE_POPULATION, AMOUNT);
    open_window();
    struct row rows[60];
    for (int i = 0; i < 60; i++)
        rows[i] = (struct row){.user = "a", .ts = i, .amount = 1e9 + (i % 3 - 1)};
    ck_assert_int_eq(feed_rows(rows, 60, NULL), 0);
    feed_watermark(99, lines_take);
    double found = 0;
    ck_assert_int_eq(sscanf(strstr(lines[line_count - 2], "|0|100|"), "|0|100|%lf|", &found), 1);
    ck_assert_msg(fabs(found - 2.0 / 3) < 1e-6, "%.17g", found);
    teardown();
}
END_TEST

START_TEST(aggregates_that_keep_the_same_share_one_accumulator)
{
    window(10, 10);
    use_quantile(AMOUNT, 0.5);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_quantile(AMOUNT, 0.9);
    use_quantile(CENTS, 0.9);
    use_aggregate(TM_AGGREGATE_STDDEV, AMOUNT);
    use_quantile(AMOUNT, 0);
    use_aggregate(TM_AGGREGATE_VARIANCE_POPULATION, AMOUNT);
    open_window();
    struct tm__operator_aggregates aggregates;
    ck_assert_int_eq(tm__operator_aggregates_init(&aggregates, &world.mem, &world.node, world.input,
                                                  world.output, &world.err),
                     0);
    ck_assert_uint_eq(aggregates.count, 7);
    ck_assert_uint_eq(aggregates.total, 7);
    ck_assert_uint_eq(aggregates.first, 3); // results only
    ck_assert_uint_eq(aggregates.value_bytes,
                      2 * TM__QUANTILE_VALUE_BYTES + 8 + TM__MOMENTS_DOUBLE_BYTES);
    tm__operator_aggregates_fini(&aggregates);
    struct row rows[100];
    for (int i = 0; i < 10; i++)
        rows[i] = (struct row){.user = "a", .ts = i, .amount = 0, .cents = i % 2};
    rows[9].amount = 1;
    ck_assert_int_eq(feed_rows(rows, 10, NULL), 0);
    feed_watermark(9, lines_take);
    expect_line(0, "a|0|10|0|10|0|1|0.31622776601683794|0|0.089999999999999997|9");
    teardown();
}
END_TEST

START_TEST(a_quantile_of_whole_numbers_is_whole_and_exact_to_128)
{
    static const double qs[] = {0.01, 0.1, 0.37, 0.5, 0.77, 0.9, 0.99};
    window(1000, 1000);
    for (size_t i = 0; i < 7; i++)
        use_quantile(CENTS, qs[i]);
    open_window();
    for (int64_t i = 0; i < 200; i++) {
        struct row row = {.user = "a", .ts = i, .cents = i - 100};
        ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
    }
    feed_watermark(999, lines_take);
    expect_line(0, "a|0|1000|-99|-81|-27|-1|53|79|97|999");
    teardown();
}
END_TEST

START_TEST(a_type_that_an_aggregate_does_not_take_is_an_error_when_it_is_bound)
{
    static const struct {
        int kind;
        int field;
        uint32_t by;
    } wrong[] = {
        {TM_AGGREGATE_QUANTILE, NOTE, 0}, {TM_AGGREGATE_QUANTILE, TS, 0},
        {TM_AGGREGATE_STDDEV, FLAG, 0},   {TM_AGGREGATE_VARIANCE_POPULATION, NOTE, 0},
        {TM_AGGREGATE_MIN_BY, NOTE, 999},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        window(10, 10);
        use_aggregate_by(wrong[i].kind, wrong[i].field, wrong[i].by);
        int rc = try_open_keyed(tm_operator_window_new);
        ck_assert(rc == TM_E_TYPE || (wrong[i].by != 0 && rc == TM_E_INTERNAL));
        world_free();
    }
}
END_TEST

// --- against the definition ----------------------------------------------------------------------

enum { EVENTS = 3000, USERS = 5 };

static struct row events[EVENTS];
static char event_users[EVENTS][8], event_notes[EVENTS][24];

static void make_events(void)
{
    for (int i = 0; i < EVENTS; i++) {
        snprintf(event_users[i], sizeof event_users[i], "u%d", (int)draw(USERS));
        snprintf(event_notes[i], sizeof event_notes[i], draw(2) ? "%d" : "a longer note %d",
                 (int)draw(40));
        events[i] = (struct row){
            .user = event_users[i],
            .note = event_notes[i],
            .ts = (int64_t)draw(200),
            .amount = (double)draw(100) / 7,
            .cents = (int64_t)draw(30) - 15,
            .nulls = (draw(10) == 0 ? 1u << NOTE : 0) | (draw(10) == 0 ? 1u << CENTS : 0) |
                     (draw(10) == 0 ? 1u << AMOUNT : 0),
        };
    }
}

static bool is_in(const struct row *row, const char *user, int64_t start, int64_t end)
{
    return strcmp(row->user, user) == 0 && row->ts >= start && row->ts < end;
}

static int64_t count_distinct_notes(const char *user, int64_t start, int64_t end)
{
    static const char *seen[EVENTS];
    int64_t count = 0;
    for (int i = 0; i < EVENTS; i++) {
        if (!is_in(&events[i], user, start, end) || (events[i].nulls >> NOTE & 1))
            continue;
        int64_t k = 0;
        while (k < count && strcmp(seen[k], events[i].note) != 0)
            k++;
        if (k == count)
            seen[count++] = events[i].note;
    }
    return count;
}

static const struct row *greatest(const char *user, int64_t start, int64_t end)
{
    const struct row *best = NULL;
    for (int i = 0; i < EVENTS; i++)
        if (is_in(&events[i], user, start, end) && !(events[i].nulls >> CENTS & 1) &&
            (best == NULL || events[i].cents > best->cents))
            best = &events[i];
    return best;
}

static double median_amount(const char *user, int64_t start, int64_t end, bool *any)
{
    double sorted[EVENTS];
    int count = 0;
    for (int i = 0; i < EVENTS; i++) {
        if (!is_in(&events[i], user, start, end) || (events[i].nulls >> AMOUNT & 1))
            continue;
        int at = count++;
        for (; at > 0 && sorted[at - 1] > events[i].amount; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = events[i].amount;
    }
    *any = count != 0;
    return count == 0 ? 0 : sorted[(count + 1) / 2 - 1];
}

static void check_result(const char *line)
{
    char user[8], note[64];
    long long start, end, distinct, estimate;
    double median;
    ck_assert_msg(sscanf(line, "%7[^|]|%lld|%lld|%lld|%lld|%63[^|]|%lf|", user, &start, &end,
                         &distinct, &estimate, note, &median) >= 6,
                  "%s", line);
    int64_t expected = count_distinct_notes(user, start, end);
    ck_assert_int_eq(distinct, expected);
    ck_assert_int_eq(estimate, expected);
    const struct row *best = greatest(user, start, end);
    bool none = best == NULL || (best->nulls >> NOTE & 1);
    ck_assert_str_eq(note, none ? "null" : best->note);
    bool any;
    double x = median_amount(user, start, end, &any);
    if (any)
        ck_assert_msg(fabs(median - x) <= x / 129 + 1e-12, "%s: %g", line, x);
}

START_TEST(sliding_windows_give_what_the_definition_says)
{
    seed_from("sliding aggregates");
    static const int64_t settings[][2] = {{10, 10}, {20, 5}, {30, 7}, {5, 9}};
    for (size_t s = 0; s < 4; s++) {
        make_events();
        window(settings[s][0], settings[s][1]);
        use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, NOTE);
        use_aggregate(TM_AGGREGATE_APPROXIMATE_DISTINCT, NOTE);
        use_aggregate_by(TM_AGGREGATE_MAX_BY, NOTE, CENTS);
        use_quantile(AMOUNT, 0.5);
        open_window();
        for (int i = 0; i < EVENTS; i += 500)
            ck_assert_int_eq(feed_rows(events + i, 500, NULL), 0);
        feed_watermark(INT64_MAX, lines_take);
        ck_assert_uint_gt(line_count, 20 * USERS);
        for (uint32_t i = 0; i + 1 < line_count; i++)
            check_result(lines[i]);
        teardown();
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("aggregates");
    tcase_add_test(tc, the_value_comes_from_the_row_where_the_other_is_extreme);
    tcase_add_test(tc, of_equal_rows_the_first_to_arrive_wins_also_across_slices);
    tcase_add_test(tc, a_zero_and_a_negative_one_are_equal_and_the_first_stays);
    tcase_add_test(tc, a_null_that_is_compared_leaves_its_row_out_and_a_null_value_is_the_result);
    tcase_add_test(tc, a_spread_needs_two_values_and_that_of_a_population_one);
    tcase_add_test(tc, a_small_spread_of_large_values_is_not_lost);
    tcase_add_test(tc, aggregates_that_keep_the_same_share_one_accumulator);
    tcase_add_test(tc, a_quantile_of_whole_numbers_is_whole_and_exact_to_128);
    tcase_add_test(tc, a_type_that_an_aggregate_does_not_take_is_an_error_when_it_is_bound);
    tcase_add_test(tc, sliding_windows_give_what_the_definition_says);
    return run_operator_case(tc, "aggregates");
}
