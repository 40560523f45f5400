// Triggers of windows, windows by the clock and by count: when they fire, what they remember, what
// they throw away (SEMANTICS 4 and 8).
#include "windows.h"

// --- triggers ------------------------------------------------------------------------------------

START_TEST(a_count_trigger_fires_every_n_rows_and_not_at_the_end)
{
    tumbling(100, .trigger = {.kind = TM_TRIGGER_COUNT, .value = 2});
    ROWS_AT("a", 1, 2, 3, 4, 5);
    expect_line(0, "a|0|100|2|99");
    expect_line(1, "a|0|100|4|99");
    feed_watermark(INT64_MAX, lines_take); // leftovers vanish
    expect_lines(3);
    teardown();
}
END_TEST

START_TEST(the_chunks_of_a_custom_triggers_functions_go_with_the_operator)
{
    enum { FUNCTIONS = 5 };
    tumbling(100, .trigger = {.kind = TM_TRIGGER_CUSTOM, .functions = (1u << FUNCTIONS) - 1});
    ck_assert_uint_eq(chains.count, FUNCTIONS);
    teardown();
    for (uint32_t i = 0; i < FUNCTIONS; i++)
        ck_assert(chains.made[i].freed);
}
END_TEST

START_TEST(a_purging_trigger_throws_the_contents_away_and_an_empty_window_gives_no_row)
{
    tumbling(100,
             .trigger = {.kind = TM_TRIGGER_CONTINUOUS_EVENT_TIME, .value = 10, .purges = true});
    ROWS_AT("a", 1, 2);
    feed_watermark(10, lines_take);
    expect_line(0, "a|0|100|2|99");
    feed_watermark(55, lines_take); // 20, 30, 40, 50: nothing there
    expect_lines(3);
    ROWS_AT("a", 56);
    feed_watermark(60, lines_take);
    expect_line(3, "a|0|100|1|99");
    teardown();
}
END_TEST

START_TEST(a_continuous_trigger_fires_at_whole_intervals_and_at_the_last_ms)
{
    tumbling(25, .trigger = {.kind = TM_TRIGGER_CONTINUOUS_EVENT_TIME, .value = 10},
             .lateness_ms = 5);
    ROWS_AT("a", 3);
    feed_watermark(9, lines_take);
    expect_lines(1);
    feed_watermark(10, lines_take);
    expect_line(1, "a|0|25|1|24");
    ROWS_AT("a", 4);
    feed_watermark(24, lines_take); // 20, 24
    expect_line(3, "a|0|25|2|24");
    expect_line(4, "a|0|25|2|24");
    expect_line(5, "W 24");
    ROWS_AT("a", 5); // late and allowed: at once
    expect_line(6, "a|0|25|3|24");
    feed_watermark(INT64_MAX, lines_take);
    expect_lines(8);
    teardown();
}
END_TEST

START_TEST(an_interval_that_is_over_when_its_row_comes_fires_with_the_next_watermark)
{
    tumbling(100, .trigger = {.kind = TM_TRIGGER_CONTINUOUS_EVENT_TIME, .value = 10});
    feed_watermark(35, NULL);
    ROWS_AT("a", 3);
    expect_lines(0);
    feed_watermark(36, lines_take); // 10, 20, 30
    expect_lines(4);
    expect_line(2, "a|0|100|1|99");
    teardown();
}
END_TEST

START_TEST(merged_sessions_fire_at_the_earlier_of_their_intervals)
{
    session(10,
            (struct tm_node){.trigger = {.kind = TM_TRIGGER_CONTINUOUS_EVENT_TIME, .value = 7}});
    paid("a", 20, 1); // next: 21
    paid("a", 2, 2);  // next: 7
    paid("a", 11, 3); // one session, next: 7
    feed_watermark(7, lines_take);
    expect_line(0, "a|2|30|3|1|29");
    feed_watermark(14, lines_take);
    expect_line(2, "a|2|30|3|1|29");
    feed_watermark(28, lines_take); // 21, 28
    expect_lines(7);
    feed_watermark(INT64_MAX, lines_take);
    expect_lines(9);
    teardown();
}
END_TEST

START_TEST(merged_sessions_add_their_counts)
{
    session(10,
            (struct tm_node){.trigger = {.kind = TM_TRIGGER_COUNT, .value = 4, .purges = true}});
    paid("a", 0, 1);
    paid("a", 0, 1);
    paid("a", 20, 1);
    expect_lines(0);
    paid("a", 10, 1);
    expect_line(0, "a|0|30|4|1|29");
    paid("a", 10, 9);
    feed_watermark(INT64_MAX, lines_take);
    expect_lines(2);
    teardown();
}
END_TEST

START_TEST(a_global_window_fires_by_its_trigger_alone_and_knows_no_time)
{
    configure((struct tm_node){.window = TM_WINDOW_GLOBAL,
                               .trigger = {.kind = TM_TRIGGER_COUNT, .value = 2, .purges = true}});
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_window_new);
    struct row rows[] = {
        {.user = "a", .nulls = 1u << TS}, {.user = "b"}, {.user = "a"}, {.user = "a"}};
    ck_assert_int_eq(feed_rows(rows, 4, lines_take), 0);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(0, "a|2");
    expect_lines(2);
    teardown();
}
END_TEST

START_TEST(a_regular_trigger_of_a_global_window_ends_with_the_input)
{
    configure((struct tm_node){.window = TM_WINDOW_GLOBAL,
                               .trigger = {.kind = TM_TRIGGER_CONTINUOUS_EVENT_TIME, .value = 10}});
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_window_new);
    ROWS_AT("a", 1, 2);
    feed_watermark(20, lines_take); // 10, 20
    expect_lines(3);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(3, "a|2");
    expect_line(5, "W 9223372036854775807");
    expect_lines(6);
    teardown();
}
END_TEST

START_TEST(end_of_stream_fires_once_when_the_input_ends_with_or_without_a_watermark)
{
    for (int with = 0; with < 2; with++) {
        configure((struct tm_node){.window = TM_WINDOW_GLOBAL,
                                   .trigger = {.kind = TM_TRIGGER_END_OF_STREAM}});
        use_aggregate(TM_AGGREGATE_COUNT, -1);
        open_keyed(tm_operator_window_new);
        ROWS_AT("a", 1, 2);
        feed_watermark(TM_INT_MAX, NULL);
        if (with)
            feed_watermark(INT64_MAX, lines_take);
        feed_end(TM_END_DRAIN, lines_take);
        expect_line(0, "a|2");
        expect_lines(with ? 3 : 2);
        teardown();
    }
}
END_TEST

// --- the clock -----------------------------------------------------------------------------------

static void by_clock(struct tm_node node)
{
    configure(node);
    world.ctx.now_ms = 1000;
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_window_new);
}

START_TEST(a_window_of_the_clock_fires_one_ms_after_its_last)
{
    by_clock((struct tm_node){.size_ms = 100, .slide_ms = 100, .processing = true});
    ROWS_AT("a", 7, 8);                      // times of rows mean nothing
    ck_assert_int_eq(deadline_in_ms(), 100); // 1099 is over at 1100
    tick(1099);
    expect_lines(0);
    tick(1100);
    expect_line(0, "a|1000|1100|2|1099");
    ck_assert_int_eq(deadline_in_ms(), -1);
    ck_assert_uint_eq(tm_state_namespace_size(windows_of()->ns), 0);
    teardown();
}
END_TEST

START_TEST(sessions_of_the_clock_end_a_gap_after_their_last_row)
{
    by_clock((struct tm_node){
        .window = TM_WINDOW_SESSION, .size_ms = 50, .slide_ms = 50, .processing = true});
    ROWS_AT("a", 0);
    tick(1040);
    ROWS_AT("a", 0);
    tick(1050); // the session goes on to 1090
    expect_lines(0);
    tick(1090);
    expect_line(0, "a|1000|1090|2|1089");
    teardown();
}
END_TEST

START_TEST(what_waits_for_the_clock_is_let_go_at_the_end_or_fires_where_the_job_says_so)
{
    for (int flush = 0; flush < 2; flush++) {
        by_clock((struct tm_node){.size_ms = 100, .slide_ms = 50, .processing = true});
        world.graph.flush_processing = flush != 0;
        ROWS_AT("a", 0);
        forget_wakes();
        feed_end(TM_END_DRAIN, lines_take);
        expect_lines(flush ? 3 : 1);
        if (flush)
            expect_line(1, "a|1000|1100|1|1099");
        teardown();
    }
}
END_TEST

START_TEST(what_waits_is_made_anew_from_the_windows_of_each_key_group)
{
    by_clock((struct tm_node){.size_ms = 100,
                              .slide_ms = 100,
                              .trigger = {.kind = TM_TRIGGER_COUNT, .value = 9, .timeout_ms = 40}});
    world.graph.flush_processing = true;
    for (char user[] = "a"; user[0] <= 'z'; user[0]++)
        ROWS_AT(user, 7);
    forget_wakes();
    ck_assert_uint_eq(tm__windows_wakes_count(windows_of(), TM_TIMER_EVENT), 26);
    ck_assert_uint_eq(tm__windows_wakes_count(windows_of(), TM_TIMER_PROCESSING), 26);
    ck_assert_int_eq(deadline_in_ms(), 41);
    feed_end(TM_END_DRAIN, lines_take); // the end of their lives comes first, and lets nothing wait
    expect_lines(27);
    expect_line(0, "a|0|100|1|99");
    expect_line(25, "z|0|100|1|99");
    teardown();
}
END_TEST

START_TEST(flushing_a_window_that_never_ends_fires_it_once)
{
    by_clock(
        (struct tm_node){.window = TM_WINDOW_GLOBAL,
                         .trigger = {.kind = TM_TRIGGER_CONTINUOUS_PROCESSING_TIME, .value = 10}});
    world.graph.flush_processing = true;
    ROWS_AT("a", 0);
    feed_end(TM_END_DRAIN, lines_take);
    expect_line(0, "a|1");
    expect_lines(2);
    teardown();
}
END_TEST

START_TEST(a_clock_that_goes_back_does_not)
{
    by_clock((struct tm_node){.size_ms = 100, .slide_ms = 100, .processing = true});
    ROWS_AT("a", 0);
    world.ctx.now_ms = 500;
    ROWS_AT("a", 0);
    tick(1100);
    expect_line(0, "a|1000|1100|2|1099");
    expect_lines(1);
    teardown();
}
END_TEST

START_TEST(a_continuous_trigger_of_the_clock_fires_at_whole_intervals)
{
    by_clock(
        (struct tm_node){.window = TM_WINDOW_GLOBAL,
                         .trigger = {.kind = TM_TRIGGER_CONTINUOUS_PROCESSING_TIME, .value = 30}});
    ROWS_AT("a", 0); // next: 1020
    tick(1020);
    expect_lines(0);
    tick(1021);
    expect_line(0, "a|1");
    tick(1081); // 1050, 1080
    expect_lines(3);
    teardown();
}
END_TEST

START_TEST(a_timeout_fires_what_the_count_has_not)
{
    by_clock((struct tm_node){.window = TM_WINDOW_GLOBAL,
                              .trigger = {.kind = TM_TRIGGER_COUNT,
                                          .value = 3,
                                          .timeout_ms = 40,
                                          .purges = true,
                                          .timeout_purges = true}});
    ROWS_AT("a", 0, 0, 0); // the count fires, and takes the timeout away
    expect_line(0, "a|3");
    tick(1041);
    expect_lines(1);
    ROWS_AT("a", 0);
    world.ctx.now_ms = 1060;
    ROWS_AT("a", 0);
    tick(1081);
    expect_lines(1);
    tick(1082); // 1041 + 40, and a ms
    expect_line(1, "a|2");
    ROWS_AT("a", 0, 0); // the count begins anew
    expect_lines(2);
    tick(2000);
    expect_line(2, "a|2");
    teardown();
}
END_TEST

START_TEST(a_timeout_that_each_row_puts_off_fires_after_the_last)
{
    by_clock((struct tm_node){
        .window = TM_WINDOW_GLOBAL,
        .trigger = {
            .kind = TM_TRIGGER_COUNT, .value = 9, .timeout_ms = 40, .timeout_resets = true}});
    ROWS_AT("a", 0);
    tick(1030);
    ROWS_AT("a", 0);
    tick(1041);
    expect_lines(0);
    tick(1071);
    expect_line(0, "a|2");
    teardown();
}
END_TEST

START_TEST(windows_of_event_time_can_fire_by_the_clock)
{
    by_clock(
        (struct tm_node){.size_ms = 100,
                         .slide_ms = 100,
                         .trigger = {.kind = TM_TRIGGER_CONTINUOUS_PROCESSING_TIME, .value = 30}});
    ROWS_AT("a", 7);
    tick(1021);
    expect_line(0, "a|0|100|1|99");
    feed_watermark(99, lines_take); // its life ends, without a firing
    expect_lines(2);
    tick(1051);
    expect_lines(2);
    ck_assert_uint_eq(tm_state_namespace_size(windows_of()->ns), 0);
    teardown();
}
END_TEST

// --- count windows -------------------------------------------------------------------------------

static void counted(int64_t size, int64_t slide)
{
    configure((struct tm_node){.window = TM_WINDOW_COUNT, .size_ms = size, .slide_ms = slide});
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, ITEM);
    open_keyed(tm_operator_window_new);
    for (int64_t i = 1; i <= 10; i++) {
        struct row row = {.user = "a", .item = i};
        ck_assert_int_eq(feed_rows(&row, 1, lines_take), 0);
    }
}

START_TEST(a_count_window_fires_for_every_n_rows_and_a_rest_never)
{
    counted(4, 4);
    expect_line(0, "a|4|10");
    expect_line(1, "a|4|26");
    feed_watermark(INT64_MAX, lines_take);
    feed_end(TM_END_DRAIN, lines_take);
    expect_lines(4);
    teardown();
}
END_TEST

START_TEST(a_sliding_count_window_has_the_last_rows_and_fewer_at_first)
{
    counted(4, 2);
    expect_line(0, "a|2|3");
    expect_line(1, "a|4|10");
    expect_line(2, "a|4|18");
    expect_line(4, "a|4|34");
    expect_lines(5);
    teardown();
    counted(5, 3); // panes of one row
    expect_line(0, "a|3|6");
    expect_line(1, "a|5|20");
    expect_line(2, "a|5|35");
    expect_lines(3);
    teardown();
    counted(2, 5); // of every five the last two
    expect_line(0, "a|2|9");
    expect_line(1, "a|2|19");
    expect_lines(2);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("triggers");
    tcase_add_test(tc, the_chunks_of_a_custom_triggers_functions_go_with_the_operator);
    const TTest *const tests[] = {
        a_count_trigger_fires_every_n_rows_and_not_at_the_end,
        a_purging_trigger_throws_the_contents_away_and_an_empty_window_gives_no_row,
        a_continuous_trigger_fires_at_whole_intervals_and_at_the_last_ms,
        an_interval_that_is_over_when_its_row_comes_fires_with_the_next_watermark,
        merged_sessions_fire_at_the_earlier_of_their_intervals,
        merged_sessions_add_their_counts,
        a_global_window_fires_by_its_trigger_alone_and_knows_no_time,
        a_regular_trigger_of_a_global_window_ends_with_the_input,
        end_of_stream_fires_once_when_the_input_ends_with_or_without_a_watermark,
        a_window_of_the_clock_fires_one_ms_after_its_last,
        sessions_of_the_clock_end_a_gap_after_their_last_row,
        what_waits_for_the_clock_is_let_go_at_the_end_or_fires_where_the_job_says_so,
        what_waits_is_made_anew_from_the_windows_of_each_key_group,
        flushing_a_window_that_never_ends_fires_it_once,
        a_clock_that_goes_back_does_not,
        a_continuous_trigger_of_the_clock_fires_at_whole_intervals,
        a_timeout_fires_what_the_count_has_not,
        a_timeout_that_each_row_puts_off_fires_after_the_last,
        windows_of_event_time_can_fire_by_the_clock,
        a_count_window_fires_for_every_n_rows_and_a_rest_never,
        a_sliding_count_window_has_the_last_rows_and_fewer_at_first,
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(tc, tests[i]);
    return run_operator_case(tc, "operator/triggers");
}
