// Watermarks of splits: holding, idling, finishing, which to read next; saturation; the heap under
// it against a scan.
#include "core/time/watermark.h"
#include "support.h"

static struct tm_splits *splits;

static void setup(void)
{
    world_open();
    splits = NULL;
}

static void teardown(void)
{
    tm_splits_free(splits);
    world_close();
}

static void open_splits(uint32_t count)
{
    splits = tm_splits_new(&mem, count);
    ck_assert_ptr_nonnull(splits);
    ck_assert_uint_eq(tm_splits_count(splits), count);
}

static void expect_combined(int64_t watermark, enum tm_channel_status status)
{
    enum tm_channel_status got;
    ck_assert_int_eq(tm_splits_combined(splits, &got), watermark);
    ck_assert_int_eq(got, status);
}

START_TEST(the_watermark_is_just_below_the_latest_time_less_the_disorder)
{
    ck_assert_int_eq(tm_watermark_of(1000, 0), 999);
    ck_assert_int_eq(tm_watermark_of(1000, 300), 699);
    ck_assert_int_eq(tm_watermark_of(-5, 10), -16);
}
END_TEST

START_TEST(the_watermark_saturates_at_the_beginning_of_time)
{
    ck_assert_int_eq(tm_watermark_of(INT64_MIN, 0), TM_WATERMARK_MIN);
    ck_assert_int_eq(tm_watermark_of(INT64_MIN + 5, 5), TM_WATERMARK_MIN);
    ck_assert_int_eq(tm_watermark_of(INT64_MIN + 7, 5), INT64_MIN + 1);
    ck_assert_int_eq(tm_watermark_of(INT64_MIN + 1, INT64_MAX), TM_WATERMARK_MIN);
    ck_assert_int_eq(tm_watermark_of(INT64_MAX, 0), INT64_MAX - 1);
}
END_TEST

START_TEST(an_unopened_split_holds_the_watermark)
{
    open_splits(2);
    expect_combined(TM_WATERMARK_MIN, TM_CHANNEL_ACTIVE);
    tm_splits_set_status(splits, 0, TM_SPLIT_ACTIVE);
    tm_splits_advance(splits, 0, 100, 0);
    expect_combined(TM_WATERMARK_MIN, TM_CHANNEL_ACTIVE);
    tm_splits_set_status(splits, 0, TM_SPLIT_FINISHED);
    expect_combined(TM_WATERMARK_MIN, TM_CHANNEL_ACTIVE);
    tm_splits_set_status(splits, 1, TM_SPLIT_ACTIVE);
    tm_splits_advance(splits, 1, 50, 0);
    expect_combined(49, TM_CHANNEL_ACTIVE);
}
END_TEST

START_TEST(the_combined_watermark_is_the_lowest_active_one)
{
    open_splits(3);
    for (uint32_t i = 0; i < 3; i++)
        tm_splits_set_status(splits, i, TM_SPLIT_ACTIVE);
    tm_splits_advance(splits, 0, 101, 0);
    tm_splits_advance(splits, 1, 201, 0);
    expect_combined(TM_WATERMARK_MIN, TM_CHANNEL_ACTIVE);
    tm_splits_advance(splits, 2, 301, 0);
    expect_combined(100, TM_CHANNEL_ACTIVE);
    tm_splits_advance(splits, 0, 50, 0); // never falls
    ck_assert_int_eq(tm_splits_watermark(splits, 0), 100);
    tm_splits_advance(splits, 0, 401, 0);
    expect_combined(200, TM_CHANNEL_ACTIVE);
}
END_TEST

START_TEST(an_idle_split_holds_nothing_back)
{
    open_splits(2);
    tm_splits_set_status(splits, 0, TM_SPLIT_ACTIVE);
    tm_splits_set_status(splits, 1, TM_SPLIT_ACTIVE);
    tm_splits_advance(splits, 0, 11, 0);
    tm_splits_advance(splits, 1, 21, 0);
    tm_splits_set_status(splits, 0, TM_SPLIT_IDLE);
    expect_combined(20, TM_CHANNEL_ACTIVE);
    tm_splits_set_status(splits, 0, TM_SPLIT_ACTIVE);
    expect_combined(10, TM_CHANNEL_ACTIVE);
}
END_TEST

START_TEST(when_all_are_idle_the_highest_counts)
{
    open_splits(3);
    for (uint32_t i = 0; i < 3; i++) {
        tm_splits_set_status(splits, i, TM_SPLIT_ACTIVE);
        tm_splits_advance(splits, i, 10 * i + 11, 0);
    }
    tm_splits_set_status(splits, 2, TM_SPLIT_IDLE);
    tm_splits_set_status(splits, 0, TM_SPLIT_IDLE);
    tm_splits_set_status(splits, 1, TM_SPLIT_FINISHED);
    expect_combined(30, TM_CHANNEL_IDLE);
}
END_TEST

START_TEST(when_all_are_finished_time_is_over)
{
    open_splits(2);
    tm_splits_set_status(splits, 0, TM_SPLIT_FINISHED);
    tm_splits_set_status(splits, 1, TM_SPLIT_IDLE);
    expect_combined(TM_WATERMARK_MIN, TM_CHANNEL_IDLE);
    tm_splits_set_status(splits, 1, TM_SPLIT_FINISHED);
    expect_combined(TM_WATERMARK_MAX, TM_CHANNEL_FINISHED);
}
END_TEST

START_TEST(the_split_that_holds_is_known_and_since_when)
{
    int64_t since;
    open_splits(3);
    tm_splits_tell_time(splits, 5);
    tm_splits_set_status(splits, 0, TM_SPLIT_ACTIVE);
    tm_splits_set_status(splits, 2, TM_SPLIT_ACTIVE);
    ck_assert_int_eq(tm_splits_holder(splits, &since), 1); // not opened yet
    ck_assert_int_eq(since, 0);
    tm_splits_set_status(splits, 1, TM_SPLIT_ACTIVE);
    tm_splits_tell_time(splits, 7);
    tm_splits_advance(splits, 0, 100, 0);
    tm_splits_advance(splits, 1, 300, 0);
    tm_splits_advance(splits, 2, 200, 0);
    tm_splits_tell_time(splits, 9);
    tm_splits_advance(splits, 0, 100, 0); // no progress
    ck_assert_int_eq(tm_splits_holder(splits, &since), 0);
    ck_assert_int_eq(since, 7);
    tm_splits_set_status(splits, 0, TM_SPLIT_IDLE);
    ck_assert_int_eq(tm_splits_holder(splits, &since), 2);
    tm_splits_set_status(splits, 1, TM_SPLIT_FINISHED);
    tm_splits_set_status(splits, 2, TM_SPLIT_FINISHED);
    ck_assert_int_eq(tm_splits_holder(splits, &since), -1);
    ck_assert_int_eq(since, 0);
}
END_TEST

START_TEST(a_subtask_without_splits_is_idle)
{
    open_splits(0);
    expect_combined(TM_WATERMARK_MIN, TM_CHANNEL_IDLE);
    ck_assert_int_eq(tm_splits_lowest(splits, NULL, NULL), -1);
}
END_TEST

START_TEST(splits_at_the_same_watermark_are_read_in_turn)
{
    uint32_t seen[3] = {0};
    open_splits(3);
    for (uint32_t i = 0; i < 3; i++)
        tm_splits_set_status(splits, i, TM_SPLIT_ACTIVE);
    for (int i = 0; i < 30; i++)
        seen[tm_splits_lowest(splits, NULL, NULL)]++;
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_uint_eq(seen[i], 10);
}
END_TEST

START_TEST(only_active_splits_are_read)
{
    open_splits(3);
    ck_assert_int_eq(tm_splits_lowest(splits, NULL, NULL), -1);
    tm_splits_set_status(splits, 1, TM_SPLIT_ACTIVE);
    ck_assert_int_eq(tm_splits_lowest(splits, NULL, NULL), 1);
    tm_splits_set_status(splits, 1, TM_SPLIT_IDLE);
    ck_assert_int_eq(tm_splits_lowest(splits, NULL, NULL), -1);
}
END_TEST

START_TEST(a_split_at_the_limit_of_its_group_is_read)
{
    open_splits(1);
    tm_splits_set_status(splits, 0, TM_SPLIT_ACTIVE);
    tm_splits_raise(splits, 0, 100);
    tm_splits_set_limit(splits, 99);
    ck_assert_int_eq(tm_splits_lowest(splits, NULL, NULL), -1);
    tm_splits_set_limit(splits, 100);
    ck_assert_int_eq(tm_splits_lowest(splits, NULL, NULL), 0);
}
END_TEST

START_TEST(the_front_is_where_no_split_that_is_read_is_behind)
{
    open_splits(2);
    tm_splits_set_status(splits, 0, TM_SPLIT_IDLE);
    ck_assert_int_eq(tm_splits_front(splits), TM_WATERMARK_MIN); // the other is to be opened
    tm_splits_set_status(splits, 1, TM_SPLIT_ACTIVE);
    tm_splits_raise(splits, 1, 100);
    ck_assert_int_eq(tm_splits_front(splits), 100);
    tm_splits_set_status(splits, 1, TM_SPLIT_FINISHED);
    ck_assert_int_eq(tm_splits_front(splits), TM_WATERMARK_MAX);
}
END_TEST

static bool is_in(void *arg, uint32_t split)
{
    return ((const bool *)arg)[split];
}

START_TEST(the_lowest_ready_split_agrees_with_a_scan)
{
    enum { N = 100 };
    uint64_t seed = seed_of("splits");
    uint64_t turns[N] = {0}, turn = 0, s = seed;
    bool ready[N];
    open_splits(N);
    for (int step = 0; step < 20000; step++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        uint32_t split = (uint32_t)(s >> 40) % N;
        uint32_t what = (uint32_t)(s >> 33) % 100;
        if (what < 10)
            tm_splits_set_status(splits, split, (enum tm_split_status)(s >> 60) & 3);
        else if (what < 50)
            tm_splits_advance(splits, split, (int64_t)(s >> 20) % 1000, (int64_t)what);
        for (uint32_t i = 0; i < N; i++)
            ready[i] = (s >> (i % 50)) % 3 == 0;
        int32_t expect = -1;
        for (int32_t i = 0; i < N; i++) {
            if (!ready[i] || tm_splits_status(splits, (uint32_t)i) != TM_SPLIT_ACTIVE)
                continue;
            if (expect >= 0) {
                int64_t a = tm_splits_watermark(splits, (uint32_t)i);
                int64_t b = tm_splits_watermark(splits, (uint32_t)expect);
                if (a > b || (a == b && turns[i] >= turns[expect]))
                    continue;
            }
            expect = i;
        }
        ck_assert_int_eq(tm_splits_lowest(splits, is_in, ready), expect);
        if (expect >= 0)
            turns[expect] = ++turn;
    }
}
END_TEST

START_TEST(a_generator_starts_at_the_beginning_of_time)
{
    struct tm_watermark_generator g;
    tm_watermark_init(&g, 5000, 30000, 77);
    ck_assert_int_eq(g.emitted, TM_WATERMARK_MIN);
    ck_assert_int_eq(tm_watermark_of(g.max_time, g.disorder_ms), TM_WATERMARK_MIN);
    ck_assert_int_eq(g.last_row_ns, 77);
    ck_assert_int_eq(g.status, TM_CHANNEL_ACTIVE);
    ck_assert_int_eq(g.idle_ms, 30000);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("watermark");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_watermark_is_just_below_the_latest_time_less_the_disorder);
    tcase_add_test(t, the_watermark_saturates_at_the_beginning_of_time);
    tcase_add_test(t, an_unopened_split_holds_the_watermark);
    tcase_add_test(t, the_combined_watermark_is_the_lowest_active_one);
    tcase_add_test(t, an_idle_split_holds_nothing_back);
    tcase_add_test(t, when_all_are_idle_the_highest_counts);
    tcase_add_test(t, when_all_are_finished_time_is_over);
    tcase_add_test(t, the_split_that_holds_is_known_and_since_when);
    tcase_add_test(t, a_subtask_without_splits_is_idle);
    tcase_add_test(t, splits_at_the_same_watermark_are_read_in_turn);
    tcase_add_test(t, only_active_splits_are_read);
    tcase_add_test(t, a_split_at_the_limit_of_its_group_is_read);
    tcase_add_test(t, the_front_is_where_no_split_that_is_read_is_behind);
    tcase_add_test(t, the_lowest_ready_split_agrees_with_a_scan);
    tcase_add_test(t, a_generator_starts_at_the_beginning_of_time);
    return run_case(t, "watermark");
}
