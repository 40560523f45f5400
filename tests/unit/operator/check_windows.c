// The general window operator: which rows are in which window, when each fires, what is late. Case
// by case; triggers and the clock: check_triggers.c; against a model: check_sessions.c.
#define TAKES_SIDE_ROWS
#include "windows.h"

// --- windows of fixed bounds ---------------------------------------------------------------------

START_TEST(a_window_with_lateness_fires_at_its_last_ms_and_again_for_each_row_that_is_allowed)
{
    tumbling(10, .lateness_ms = 5);
    ROWS_AT("a", 0, 9);
    feed_watermark(8, lines_take);
    expect_lines(1);
    feed_watermark(9, lines_take);
    expect_line(1, "a|0|10|2|9");
    ROWS_AT("a", 3, 4); // late and allowed: each fires at once
    expect_line(3, "a|0|10|3|9");
    expect_line(4, "a|0|10|4|9");
    feed_watermark(13, lines_take);
    ROWS_AT("a", 5);
    expect_line(6, "a|0|10|5|9");
    feed_watermark(14, lines_take); // its life ends at 9 + 5
    ROWS_AT("a", 6);
    expect_lines(8);
    ck_assert_uint_eq(world.metrics.late, 1);
    teardown();
}
END_TEST

START_TEST(the_bounds_are_those_of_the_rules_before_1970_and_with_offsets_too)
{
    expect_bounds(1);
}
END_TEST

START_TEST(a_row_is_in_every_sliding_window_that_covers_it_and_late_only_if_all_are)
{
    open_windows(.size_ms = 10, .slide_ms = 5, .lateness_ms = 2);
    ROWS_AT("a", 7, 12);
    feed_watermark(11, lines_take); // [0, 10) ends its life
    expect_line(0, "a|0|10|1|9");
    ROWS_AT("a", 8); // too late for [0, 10), not for [5, 15)
    ck_assert_uint_eq(world.metrics.late, 0);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(2, "a|5|15|3|14");
    expect_line(3, "a|10|20|1|19");
    expect_lines(5);
    teardown();
}
END_TEST

START_TEST(a_row_between_windows_is_filtered_or_behind_the_lateness_late)
{
    open_windows(.size_ms = 4, .slide_ms = 10, .lateness_ms = 1);
    feed_watermark(100, NULL);
    ROWS_AT("a", 99, 105);
    ck_assert_uint_eq(world.metrics.filtered, 1);
    ck_assert_uint_eq(world.metrics.late, 1); // 99 + 1 <= 100
    feed_watermark(106, NULL);
    ROWS_AT("a", 106, 105);
    ck_assert_uint_eq(world.metrics.filtered, 2);
    ck_assert_uint_eq(world.metrics.late, 2);
    ROWS_AT("a", 3);
    ck_assert_uint_eq(world.metrics.late, 3);
    ck_assert_uint_eq(tm_state_namespace_size(windows_of()->ns), 0); // nothing is kept of them
    teardown();
}
END_TEST

START_TEST(cumulating_windows_begin_together_and_end_a_step_apart)
{
    open_windows(.window = TM_WINDOW_CUMULATE, .size_ms = 30, .slide_ms = 10, .lateness_ms = 1);
    ROWS_AT("a", 5, 15, 29, 30);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(0, "a|0|10|1|9");
    expect_line(1, "a|0|20|2|19");
    expect_line(2, "a|0|30|3|29");
    expect_line(3, "a|30|40|1|39");
    expect_line(4, "a|30|50|1|49");
    expect_line(5, "a|30|60|1|59");
    expect_lines(7);
    teardown();
}
END_TEST

START_TEST(windows_fire_in_the_order_of_time_then_key_bytes_then_window)
{
    open_windows(.window = TM_WINDOW_CUMULATE, .size_ms = 20, .slide_ms = 10, .lateness_ms = 1);
    ROWS_AT("b", 5);
    ROWS_AT("a", 15);
    ROWS_AT("ab", 1);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(0, "ab|0|10|1|9");
    expect_line(1, "b|0|10|1|9");
    expect_line(2, "a|0|20|1|19");
    expect_line(3, "ab|0|20|1|19");
    expect_line(4, "b|0|20|1|19");
    teardown();
}
END_TEST

START_TEST(a_row_without_time_or_with_an_impossible_one_is_an_error_of_that_row)
{
    tumbling(10, .lateness_ms = 1);
    struct row rows[] = {
        {.user = "a", .nulls = 1u << TS},
        {.user = "a", .ts = INT64_MAX},
        {.user = "a", .ts = 1},
        {.user = "a", .ts = TM_INT_MAX + 1},
    };
    ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
    ck_assert_int_eq(world.failures, 3);
    ck_assert_int_eq(world.failure_codes[0], TM_E_NULL_TIMESTAMP);
    ck_assert_int_eq(world.failure_codes[1], TM_E_BAD_TIMESTAMP);
    teardown();
}
END_TEST

START_TEST(a_sum_that_overflows_in_one_window_leaves_the_row_out_of_all)
{
    configure((struct tm_node){.size_ms = 10, .slide_ms = 5, .lateness_ms = 1});
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, BIG);
    open_keyed(tm_operator_window_new);
    struct row rows[] = {
        {.user = "a", .ts = 1, .big = INT64_MAX},
        {.user = "a", .ts = 6, .big = 1}, // of [0, 10), which is full, and [5, 15)
        {.user = "a", .ts = 7, .big = -1},
    };
    ck_assert_int_eq(feed_rows(rows, 3, NULL), 0);
    ck_assert_int_eq(world.failures, 1);
    ck_assert_int_eq(world.failure_codes[0], TM_E_OVERFLOW);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(0, "a|-5|5|1|9223372036854775807|4");
    expect_line(1, "a|0|10|2|9223372036854775806|9");
    expect_line(2, "a|5|15|1|-1|14");
    teardown();
}
END_TEST

START_TEST(more_rows_than_a_batch_holds_come_in_several_before_the_watermark)
{
    enum { USERS = 20000 };
    tumbling(10, .lateness_ms = 1);
    char name[20];
    for (int i = 0; i < USERS; i++) {
        snprintf(name, sizeof name, "user-%05d", i);
        ROWS_AT(name, 5);
    }
    feed_watermark(9, lines_take);
    expect_lines(USERS + 1);
    expect_line(0, "user-00000|0|10|1|9");
    expect_line(USERS - 1, "user-19999|0|10|1|9");
    expect_line(USERS, "W 9");
    ck_assert_uint_eq(world.metrics.rows_out, USERS);
    feed_watermark(10, NULL);
    ck_assert_uint_eq(tm_state_namespace_size(windows_of()->ns), 0);
    ck_assert_uint_eq(tm__windows_wakes_count(windows_of(), TM_TIMER_EVENT), 0);
    teardown();
}
END_TEST

START_TEST(a_batch_that_fires_for_every_row_goes_on_where_its_output_was_full)
{
    struct row rows[3000];
    configure((struct tm_node){.window = TM_WINDOW_GLOBAL,
                               .trigger = {.kind = TM_TRIGGER_COUNT, .value = 1}});
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_window_new);
    for (int i = 0; i < 3000; i++)
        rows[i] = (struct row){.user = i % 2 == 0 ? "a" : "b", .ts = i};
    ck_assert_int_eq(feed_rows(rows, 3000, lines_take), 0);
    expect_lines(3000);
    expect_line(2998, "a|1500");
    expect_line(2999, "b|1500");
    teardown();
}
END_TEST

START_TEST(a_stopped_job_fires_nothing)
{
    tumbling(10, .lateness_ms = 1);
    ROWS_AT("a", 1);
    feed_end(TM_END_STOP, lines_take);
    expect_line(0, "END");
    expect_lines(1);
    teardown();
}
END_TEST

static struct tm_element late_rows;
void tm_task_put_side(struct tm_task *task, uint32_t node, uint32_t side, struct tm_batch *batch)
{
    (void)task;
    (void)node;
    ck_assert_uint_eq(side, 0);
    late_rows = (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch};
    lines_take(&late_rows);
    tm_batch_release(batch);
}

START_TEST(a_late_row_goes_whole_to_the_side_output_that_is_read_and_counts_as_used)
{
    static uint32_t from[] = {0};
    static struct tm_node nodes[2] = {
        {.kind = TM_NODE_WINDOW},
        {.id = 1, .kind = TM_NODE_SIDE, .inputs = from, .input_count = 1}};
    configure((struct tm_node){.size_ms = 10, .slide_ms = 10, .late_side = true});
    world.graph.nodes = nodes;
    world.graph.node_count = 2;
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_window_new);
    feed_watermark(9, NULL);
    struct row row = {.user = "a", .ts = 3, .cents = 77, .note = "hello"};
    ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
    expect_lines(1);
    expect_line(0, "a|0|3|0|77|0|0E-2|hello|0");
    ck_assert_uint_eq(world.metrics.late, 0);
    ck_assert_uint_eq(world.metrics.used, 1);
    teardown();
}
END_TEST

// --- sessions ------------------------------------------------------------------------------------

START_TEST(events_exactly_the_gap_apart_are_one_session_and_one_ms_more_are_two)
{
    session(10, (struct tm_node){0});
    paid("a", 0, 1);
    paid("a", 10, 2);
    paid("a", 21, 3);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(0, "a|0|20|2|1|19");
    expect_line(1, "a|21|31|1|3|30");
    expect_lines(3);
    teardown();
}
END_TEST

START_TEST(a_row_between_two_sessions_makes_them_one_and_the_first_to_arrive_stays_first)
{
    session(10, (struct tm_node){0});
    paid("a", 20, 1);
    paid("a", 0, 2);
    paid("a", 10, 3);
    feed_watermark(28, lines_take);
    expect_lines(1); // the session of 0 had a timer at 9, which is nobody's now
    feed_watermark(29, lines_take);
    expect_line(1, "a|0|30|3|1|29");
    feed_watermark(INT64_MAX, lines_take);
    expect_lines(4);
    ck_assert_uint_eq(tm__windows_wakes_count(windows_of(), TM_TIMER_EVENT), 0);
    teardown();
}
END_TEST

START_TEST(a_late_row_is_rescued_by_a_live_session_that_it_touches)
{
    session(10, (struct tm_node){0});
    paid("a", 20, 1);
    feed_watermark(25, NULL);
    paid("a", 12, 2); // alone it would be late: [12, 22) ends at 21
    ck_assert_uint_eq(world.metrics.late, 0);
    paid("b", 12, 3);
    ck_assert_uint_eq(world.metrics.late, 1);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(0, "a|12|30|2|1|29");
    expect_lines(2);
    teardown();
}
END_TEST

START_TEST(a_late_firing_can_bridge_two_sessions_that_have_fired)
{
    session(10, (struct tm_node){.lateness_ms = 100});
    paid("a", 0, 1);
    paid("a", 20, 2);
    feed_watermark(50, lines_take);
    expect_line(0, "a|0|10|1|1|9");
    expect_line(1, "a|20|30|1|2|29");
    paid("a", 10, 3);
    expect_line(3, "a|0|30|3|1|29");
    feed_watermark(128, NULL);
    paid("a", 5, 4);
    expect_line(4, "a|0|30|4|1|29");
    feed_watermark(129, NULL); // 29 + 100
    paid("a", 5, 5);
    ck_assert_uint_eq(world.metrics.late, 1);
    expect_lines(5);
    teardown();
}
END_TEST

START_TEST(a_session_that_has_fired_and_grows_fires_again_at_its_new_end)
{
    session(10, (struct tm_node){.lateness_ms = 100});
    paid("a", 0, 1);
    feed_watermark(12, lines_take);
    expect_line(0, "a|0|10|1|1|9");
    paid("a", 7, 2); // [0, 17) has not ended
    expect_lines(2);
    feed_watermark(16, lines_take);
    expect_line(2, "a|0|17|2|1|16");
    teardown();
}
END_TEST

START_TEST(purging_a_session_keeps_it_so_that_later_rows_still_merge_with_it)
{
    session(10, (struct tm_node){.lateness_ms = 100,
                                 .trigger = {.kind = TM_TRIGGER_EVENT_TIME, .purges = true}});
    paid("a", 0, 1);
    feed_watermark(9, lines_take);
    expect_line(0, "a|0|10|1|1|9");
    paid("a", 10, 2);
    feed_watermark(19, lines_take);
    expect_line(2, "a|0|20|1|2|19"); // contents went, the window did not
    teardown();
}
END_TEST

START_TEST(sums_that_overflow_when_sessions_merge_are_one_error_of_the_result)
{
    configure((struct tm_node){.window = TM_WINDOW_SESSION, .size_ms = 10, .slide_ms = 10});
    use_aggregate(TM_AGGREGATE_SUM, BIG);
    open_keyed(tm_operator_window_new);
    struct row rows[] = {
        {.user = "a", .ts = 0, .big = INT64_MAX},
        {.user = "a", .ts = 20, .big = 1},
        {.user = "a", .ts = 10, .big = 1},
        {.user = "b", .ts = 10, .big = 1},
    };
    ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
    feed_watermark(INT64_MAX, lines_take);
    ck_assert_int_eq(world.failures, 1);
    ck_assert_ptr_nonnull(strstr(world.failure_text, "from 0 to 30"));
    expect_line(0, "b|10|20|1|19");
    expect_lines(2);
    teardown();
}
END_TEST

START_TEST(accumulators_of_all_kinds_merge_and_give_their_memory_back)
{
    configure((struct tm_node){.window = TM_WINDOW_SESSION, .size_ms = 10, .slide_ms = 10});
    use_aggregate(TM_AGGREGATE_MIN, NOTE);
    use_aggregate(TM_AGGREGATE_LAST, NOTE);
    use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, NOTE);
    use_aggregate_by(TM_AGGREGATE_MAX_BY, NOTE, CENTS);
    open_keyed(tm_operator_window_new);
    int64_t used = 0;
    for (int round = 0; round < 200; round++) {
        char text[80], line[300];
        int64_t at = round * 1000;
        snprintf(text, sizeof text, "a text that is longer than a slot holds, of round %d", round);
        struct row rows[] = {
            {.user = "a", .ts = at, .note = "b", .cents = 3},
            {.user = "a", .ts = at + 20, .note = text, .cents = 9},
            {.user = "a", .ts = at + 10, .note = "c", .cents = 1},
            {.user = "a", .ts = at + 10, .note = "c", .cents = 2},
        };
        ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
        feed_watermark(at + 500, lines_take);
        snprintf(line, sizeof line, "a|%lld|%lld|%s|c|3|%s|%lld", (long long)at, (long long)at + 30,
                 text, text, (long long)at + 29);
        expect_line((uint32_t)round * 2, line);
        if (round == 20)
            used = tm_state_used_bytes(windows_of()->state);
    }
    ck_assert_int_le(tm_state_used_bytes(windows_of()->state), used);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("windows");
    const TTest *const tests[] = {
        a_window_with_lateness_fires_at_its_last_ms_and_again_for_each_row_that_is_allowed,
        the_bounds_are_those_of_the_rules_before_1970_and_with_offsets_too,
        a_row_is_in_every_sliding_window_that_covers_it_and_late_only_if_all_are,
        a_row_between_windows_is_filtered_or_behind_the_lateness_late,
        cumulating_windows_begin_together_and_end_a_step_apart,
        windows_fire_in_the_order_of_time_then_key_bytes_then_window,
        a_row_without_time_or_with_an_impossible_one_is_an_error_of_that_row,
        a_sum_that_overflows_in_one_window_leaves_the_row_out_of_all,
        more_rows_than_a_batch_holds_come_in_several_before_the_watermark,
        a_batch_that_fires_for_every_row_goes_on_where_its_output_was_full,
        a_stopped_job_fires_nothing,
        a_late_row_goes_whole_to_the_side_output_that_is_read_and_counts_as_used,
        events_exactly_the_gap_apart_are_one_session_and_one_ms_more_are_two,
        a_row_between_two_sessions_makes_them_one_and_the_first_to_arrive_stays_first,
        a_late_row_is_rescued_by_a_live_session_that_it_touches,
        a_late_firing_can_bridge_two_sessions_that_have_fired,
        a_session_that_has_fired_and_grows_fires_again_at_its_new_end,
        purging_a_session_keeps_it_so_that_later_rows_still_merge_with_it,
        sums_that_overflow_when_sessions_merge_are_one_error_of_the_result,
        accumulators_of_all_kinds_merge_and_give_their_memory_back,
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(tc, tests[i]);
    return run_operator_case(tc, "operator/windows");
}
