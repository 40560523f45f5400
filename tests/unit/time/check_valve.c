// The watermark valve: the cases of SEMANTICS 6 and the third status, then random sequences against
// a reference that computes everything anew each time.
#include "core/time/valve.h"
#include "support.h"

static struct tm_valve *valve;

static void setup(void)
{
    world_open();
    valve = NULL;
}

static void teardown(void)
{
    tm_valve_free(valve);
    world_close();
}

static void open_valve(uint32_t channels)
{
    valve = tm_valve_new(&mem, channels);
    ck_assert_ptr_nonnull(valve);
}

static void expect(struct tm_valve_output out, bool moved, int64_t watermark, bool changed,
                   enum tm_channel_status status)
{
    ck_assert_int_eq(out.watermark_moved, moved);
    if (moved)
        ck_assert_int_eq(out.watermark, watermark);
    ck_assert_int_eq(out.status_changed, changed);
    if (changed)
        ck_assert_int_eq(out.status, status);
    if (moved)
        ck_assert_int_eq(tm_valve_current(valve), watermark);
}

static void expect_nothing(struct tm_valve_output out)
{
    expect(out, false, 0, false, 0);
}

static void expect_watermark(struct tm_valve_output out, int64_t watermark)
{
    expect(out, true, watermark, false, 0);
}

static void expect_status(struct tm_valve_output out, enum tm_channel_status status)
{
    expect(out, false, 0, true, status);
}

static struct tm_valve_output wm(uint32_t channel, int64_t watermark)
{
    return tm_valve_watermark(valve, channel, watermark);
}

static struct tm_valve_output idle(uint32_t channel)
{
    return tm_valve_status(valve, channel, TM_CHANNEL_IDLE);
}

static struct tm_valve_output active(uint32_t channel)
{
    return tm_valve_status(valve, channel, TM_CHANNEL_ACTIVE);
}

static struct tm_valve_output finished(uint32_t channel)
{
    return tm_valve_status(valve, channel, TM_CHANNEL_FINISHED);
}

START_TEST(a_single_channels_watermark_passes_when_it_rises)
{
    open_valve(1);
    ck_assert_int_eq(tm_valve_current(valve), TM_WATERMARK_MIN);
    expect_watermark(wm(0, 0), 0);
    expect_watermark(wm(0, 25), 25);
    expect_nothing(wm(0, 25));
    expect_nothing(wm(0, 18));
    expect_watermark(wm(0, 27), 27);
    expect_watermark(wm(0, INT64_MAX), INT64_MAX);
}
END_TEST

START_TEST(a_single_channels_status_passes_once)
{
    open_valve(1);
    expect_nothing(active(0));
    expect_status(idle(0), TM_CHANNEL_IDLE);
    expect_nothing(idle(0));
    expect_status(active(0), TM_CHANNEL_ACTIVE);
    expect_nothing(active(0));
}
END_TEST

START_TEST(a_single_idle_channels_watermark_is_ignored)
{
    open_valve(1);
    expect_watermark(wm(0, 25), 25);
    expect_status(idle(0), TM_CHANNEL_IDLE);
    expect_nothing(wm(0, 50));
    expect_status(active(0), TM_CHANNEL_ACTIVE);
    expect_watermark(wm(0, 40), 40);
}
END_TEST

START_TEST(the_output_is_the_minimum_of_several_channels)
{
    open_valve(3);
    expect_nothing(wm(0, 0));
    expect_nothing(wm(1, 0));
    expect_watermark(wm(2, 0), 0);
    expect_nothing(wm(0, 12));
    expect_nothing(wm(2, 8));
    expect_nothing(wm(2, 10));
    expect_nothing(wm(1, 5 - 6)); // a fall is ignored
    expect_watermark(wm(1, 15), 10);
    expect_nothing(wm(0, 17));
    expect_nothing(wm(0, 22));
    expect_watermark(wm(2, 20), 15);
    expect_nothing(wm(0, 20));
    expect_watermark(wm(1, 30), 20);
}
END_TEST

START_TEST(an_idle_channel_no_longer_holds_the_output_back)
{
    open_valve(3);
    wm(0, 15);
    wm(1, 10);
    expect_watermark(wm(2, 10), 10);
    expect_nothing(idle(1)); // channel 2 still stands at 10
    expect_watermark(wm(2, 17), 15);
    expect_watermark(idle(0), 17);
}
END_TEST

START_TEST(watermarks_of_an_idle_channel_among_others_are_ignored)
{
    open_valve(3);
    wm(0, 15);
    wm(1, 10);
    wm(2, 10);
    expect_nothing(idle(1));
    expect_nothing(wm(1, 200));
    expect_watermark(wm(2, 12), 12);
}
END_TEST

START_TEST(the_last_channel_to_become_idle_flushes_the_highest_watermark_first)
{
    open_valve(3);
    wm(0, 10);
    wm(1, 14);
    expect_watermark(wm(2, 12), 10);
    expect_watermark(idle(0), 12);
    expect_watermark(idle(2), 14);
    expect_status(idle(1), TM_CHANNEL_IDLE);
}
END_TEST

START_TEST(the_flush_reaches_beyond_the_last_active_channel)
{
    open_valve(3);
    wm(0, 20);
    wm(1, 5);
    expect_watermark(wm(2, 12), 5);
    expect_nothing(idle(0)); // 1 at 5, 2 at 12
    expect_nothing(idle(2)); // 1 at 5
    expect(idle(1), true, 20, true, TM_CHANNEL_IDLE);
}
END_TEST

START_TEST(a_lagging_last_active_channel_flushes_nothing)
{
    open_valve(3);
    wm(0, 10);
    wm(1, 10);
    expect_watermark(wm(2, 10), 10);
    expect_nothing(idle(1));
    expect_nothing(wm(0, 17));
    expect_watermark(wm(2, 15), 15);
    expect_nothing(active(1)); // at 10, behind 15: not aligned
    expect_nothing(wm(2, 15));
    expect_watermark(idle(2), 17);
    expect_nothing(idle(0)); // only the lagging channel is active now
    expect_status(idle(1), TM_CHANNEL_IDLE);
    ck_assert_int_eq(tm_valve_current(valve), 17);
}
END_TEST

START_TEST(a_woken_channel_counts_only_after_it_has_caught_up)
{
    open_valve(2);
    wm(0, 10);
    expect_watermark(wm(1, 8), 8);
    expect_watermark(idle(1), 10);
    expect_watermark(wm(0, 17), 17);
    expect_nothing(active(1)); // at 8
    expect_watermark(wm(0, 20), 20);
    expect_nothing(wm(1, 19));       // still behind
    expect_watermark(wm(0, 22), 22); // not held back by it
    expect_nothing(wm(1, 22));       // caught up: from here on it counts
    expect_nothing(wm(0, 30));
    expect_watermark(wm(1, 28), 28);
}
END_TEST

START_TEST(a_channel_that_wakes_level_with_the_output_counts_at_once)
{
    open_valve(2);
    wm(0, 10);
    expect_watermark(wm(1, 10), 10);
    expect_nothing(idle(1));
    expect_nothing(active(1)); // at 10 = output
    expect_nothing(wm(0, 20)); // 1 holds
    expect_watermark(wm(1, 12), 12);
}
END_TEST

START_TEST(a_channel_that_wakes_ahead_of_the_output_moves_it_where_no_other_counts)
{
    open_valve(3);
    wm(0, 10);
    wm(1, 7);
    expect_watermark(idle(2), 7);
    expect_nothing(active(2)); // far behind
    expect_nothing(idle(0));
    expect_nothing(idle(1)); // nobody that is active counts
    expect_watermark(active(0), 10);
    expect_nothing(idle(2));
}
END_TEST

START_TEST(idle_goes_out_with_the_last_channel_and_active_with_the_first)
{
    open_valve(2);
    expect_nothing(idle(0));
    expect_status(idle(1), TM_CHANNEL_IDLE);
    expect_status(active(0), TM_CHANNEL_ACTIVE);
    expect_nothing(active(1));
    expect_nothing(idle(0));
    expect_nothing(active(0));
    expect_nothing(idle(1));
    expect_status(idle(0), TM_CHANNEL_IDLE);
    expect_status(active(1), TM_CHANNEL_ACTIVE);
}
END_TEST

START_TEST(channels_without_a_watermark_become_idle_without_a_watermark)
{
    open_valve(2);
    expect_nothing(idle(0));
    expect_status(idle(1), TM_CHANNEL_IDLE);
    ck_assert_int_eq(tm_valve_current(valve), TM_WATERMARK_MIN);
}
END_TEST

START_TEST(a_finished_channel_leaves_the_minimum_to_the_active_ones)
{
    open_valve(3);
    wm(0, 5);
    wm(1, 10);
    expect_watermark(wm(2, 20), 5);
    expect_watermark(finished(0), 10);
    expect_watermark(finished(1), 20);
    expect_watermark(wm(2, 21), 21);
}
END_TEST

START_TEST(a_finished_channel_beside_idle_ones_does_not_end_event_time)
{
    open_valve(2);
    wm(0, 5);
    expect_watermark(wm(1, 10), 5);
    expect_watermark(idle(0), 10);
    expect_status(finished(1), TM_CHANNEL_IDLE);
    ck_assert_int_eq(tm_valve_current(valve), 10);
    expect_status(active(0), TM_CHANNEL_ACTIVE);
    expect_nothing(wm(0, 9));
    expect_watermark(wm(0, 11), 11);
}
END_TEST

START_TEST(the_last_active_channel_that_finishes_flushes_the_best_idle_one)
{
    open_valve(3);
    wm(0, 50);
    wm(1, 10);
    expect_watermark(wm(2, 30), 10);
    expect_nothing(idle(0));
    expect_nothing(idle(2));
    expect(finished(1), true, 50, true, TM_CHANNEL_IDLE);
}
END_TEST

START_TEST(the_end_of_all_channels_is_max_and_finished)
{
    open_valve(2);
    wm(0, 3);
    expect_watermark(wm(1, 4), 3);
    expect_watermark(finished(0), 4);
    expect(finished(1), true, TM_WATERMARK_MAX, true, TM_CHANNEL_FINISHED);
    expect_nothing(finished(1));
}
END_TEST

START_TEST(an_idle_channel_that_finishes_last_ends_event_time)
{
    open_valve(2);
    expect_nothing(idle(0));
    expect_status(finished(1), TM_CHANNEL_IDLE);
    expect(finished(0), true, TM_WATERMARK_MAX, true, TM_CHANNEL_FINISHED);
}
END_TEST

START_TEST(a_finished_channel_stays_finished)
{
    open_valve(2);
    wm(0, 1);
    wm(1, 1);
    expect_nothing(finished(0));
    expect_nothing(active(0));
    expect_nothing(idle(0));
    expect_nothing(wm(0, 100));
    expect_watermark(wm(1, 2), 2);
}
END_TEST

START_TEST(the_lowest_aligned_channel_holds_the_output)
{
    open_valve(3);
    ck_assert_int_eq(tm_valve_holder(valve), 0); // all at the beginning: any
    wm(0, 30);
    wm(1, 10);
    wm(2, 20);
    ck_assert_int_eq(tm_valve_holder(valve), 1);
    ck_assert_int_eq(tm_valve_watermark_of(valve, 1), 10);
    idle(1);
    ck_assert_int_eq(tm_valve_holder(valve), 2);
    finished(2);
    ck_assert_int_eq(tm_valve_holder(valve), 0);
    active(1); // lags behind 30
    ck_assert_int_eq(tm_valve_holder(valve), 0);
    idle(0);
    ck_assert_int_eq(tm_valve_holder(valve), 1); // nobody counts: the one that may soon
    idle(1);
    ck_assert_int_eq(tm_valve_holder(valve), -1);
    ck_assert_int_eq(tm_valve_output_status(valve), TM_CHANNEL_IDLE);
    finished(0);
    finished(1);
    ck_assert_int_eq(tm_valve_output_status(valve), TM_CHANNEL_FINISHED);
}
END_TEST

// --- the reference: no heap, no counts, every answer from the whole state

enum { MODEL_MAX = 12 };
struct model {
    uint32_t count;
    int64_t watermark[MODEL_MAX];
    enum tm_channel_status status[MODEL_MAX];
    bool aligned[MODEL_MAX];
    int64_t current;
    enum tm_channel_status output;
};

static uint32_t model_count(const struct model *m, enum tm_channel_status status)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->count; i++)
        n += m->status[i] == status;
    return n;
}

static bool model_min(const struct model *m, int64_t *min)
{
    bool any = false;
    for (uint32_t i = 0; i < m->count; i++)
        if (m->status[i] == TM_CHANNEL_ACTIVE && m->aligned[i] &&
            (!any || m->watermark[i] < *min)) {
            *min = m->watermark[i];
            any = true;
        }
    return any;
}

static int64_t model_idle_max(const struct model *m)
{
    int64_t max = TM_WATERMARK_MIN;
    for (uint32_t i = 0; i < m->count; i++)
        if (m->status[i] == TM_CHANNEL_IDLE && m->watermark[i] > max)
            max = m->watermark[i];
    return max;
}

static struct tm_valve_output model_out(struct model *m, int64_t to, enum tm_channel_status status)
{
    struct tm_valve_output out = {.watermark_moved = to > m->current,
                                  .status_changed = status != m->output};
    if (to > m->current)
        m->current = to;
    m->output = status;
    out.watermark = m->current;
    out.status = status;
    return out;
}

static struct tm_valve_output model_watermark(struct model *m, uint32_t c, int64_t watermark)
{
    int64_t min = m->current;
    if (m->status[c] != TM_CHANNEL_ACTIVE || watermark <= m->watermark[c])
        return model_out(m, m->current, m->output);
    m->watermark[c] = watermark;
    m->aligned[c] = m->aligned[c] || watermark >= m->current;
    if (!model_min(m, &min))
        min = m->current;
    return model_out(m, min, m->output);
}

static struct tm_valve_output model_status(struct model *m, uint32_t c,
                                           enum tm_channel_status status)
{
    enum tm_channel_status before = m->status[c];
    int64_t to = m->current;
    if (before == status || before == TM_CHANNEL_FINISHED)
        return model_out(m, m->current, m->output);
    m->status[c] = status;
    m->aligned[c] = status == TM_CHANNEL_ACTIVE && m->watermark[c] >= m->current;
    if (model_count(m, TM_CHANNEL_ACTIVE) > 0) {
        if (!model_min(m, &to))
            to = m->current;
        return model_out(m, to, TM_CHANNEL_ACTIVE);
    }
    if (model_count(m, TM_CHANNEL_IDLE) == 0)
        return model_out(m, TM_WATERMARK_MAX, TM_CHANNEL_FINISHED);
    bool flush = before == TM_CHANNEL_ACTIVE &&
                 (status == TM_CHANNEL_FINISHED || m->watermark[c] == m->current);
    return model_out(m, flush ? model_idle_max(m) : m->current, TM_CHANNEL_IDLE);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

START_TEST(a_valve_that_begins_later_waits_for_every_channel_that_was_not_behind)
{
    open_valve(3);
    tm_valve_begin_at(valve, 10);
    ck_assert_int_eq(tm_valve_current(valve), 10);
    expect_nothing(wm(0, 10));
    expect_nothing(wm(0, 30));
    expect_nothing(wm(1, 20));
    expect_watermark(wm(2, 15), 15);
}
END_TEST

START_TEST(a_channel_that_was_behind_holds_nothing_in_a_later_valve)
{
    open_valve(3);
    wm(0, 10);
    wm(1, 10);
    idle(2);
    active(2);
    ck_assert(!tm_valve_is_behind(valve, 0) && tm_valve_is_behind(valve, 2));
    tm_valve_free(valve);
    open_valve(3);
    tm_valve_begin_at(valve, 10);
    tm_valve_begin_behind(valve, 2);
    ck_assert(!tm_valve_is_behind(valve, 1) && tm_valve_is_behind(valve, 2));
    expect_nothing(wm(2, 5));
    expect_nothing(wm(0, 30));
    expect_watermark(wm(1, 20), 20);
    expect_nothing(wm(2, 25)); // it counts again
    expect_watermark(wm(1, 40), 25);
    expect_nothing(finished(1));
    ck_assert(!tm_valve_is_behind(valve, 1));
}
END_TEST

START_TEST(nobody_is_behind_where_there_is_no_watermark)
{
    open_valve(2);
    tm_valve_begin_at(valve, TM_WATERMARK_MIN);
    tm_valve_begin_behind(valve, 1);
    ck_assert(!tm_valve_is_behind(valve, 1));
    expect_nothing(wm(0, 30));
    expect_watermark(wm(1, 20), 20);
}
END_TEST

START_TEST(random_sequences_agree_with_the_reference)
{
    uint64_t seed = seed_of("valve");
    for (uint32_t round = 0; round < 400; round++) {
        uint32_t channels = 1 + (uint32_t)(next_random(&seed) % MODEL_MAX);
        struct model m = {.count = channels, .current = TM_WATERMARK_MIN};
        for (uint32_t i = 0; i < channels; i++) {
            m.watermark[i] = TM_WATERMARK_MIN;
            m.aligned[i] = true;
        }
        open_valve(channels);
        for (uint32_t step = 0; step < 300; step++) {
            uint32_t c = (uint32_t)(next_random(&seed) % channels);
            uint64_t what = next_random(&seed) % 100;
            struct tm_valve_output a, b;
            if (what < 60) {
                int64_t t = (int64_t)step / 3 + (int64_t)(next_random(&seed) % 20) - 10;
                a = tm_valve_watermark(valve, c, t);
                b = model_watermark(&m, c, t);
            } else {
                enum tm_channel_status s = what < 80   ? TM_CHANNEL_ACTIVE
                                           : what < 99 ? TM_CHANNEL_IDLE
                                                       : TM_CHANNEL_FINISHED;
                a = tm_valve_status(valve, c, s);
                b = model_status(&m, c, s);
            }
            ck_assert_int_eq(a.watermark_moved, b.watermark_moved);
            ck_assert_int_eq(a.watermark, b.watermark);
            ck_assert_int_eq(a.status_changed, b.status_changed);
            ck_assert_int_eq(a.status, b.status);
        }
        tm_valve_free(valve);
        valve = NULL;
    }
}
END_TEST

START_TEST(running_out_of_memory_is_reported_and_leaks_nothing)
{
    struct tm_mem small;
    for (int64_t limit = 1; limit < 4000; limit += 50) {
        tm_mem_init(&small, &fx, NULL, limit);
        struct tm_valve *v = tm_valve_new(&small, 16);
        if (limit == 1)
            ck_assert_ptr_null(v);
        tm_valve_free(v);
        ck_assert_int_eq(atomic_load(&small.used_bytes), 0);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("valve");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_single_channels_watermark_passes_when_it_rises);
    tcase_add_test(t, a_single_channels_status_passes_once);
    tcase_add_test(t, a_single_idle_channels_watermark_is_ignored);
    tcase_add_test(t, the_output_is_the_minimum_of_several_channels);
    tcase_add_test(t, an_idle_channel_no_longer_holds_the_output_back);
    tcase_add_test(t, watermarks_of_an_idle_channel_among_others_are_ignored);
    tcase_add_test(t, the_last_channel_to_become_idle_flushes_the_highest_watermark_first);
    tcase_add_test(t, the_flush_reaches_beyond_the_last_active_channel);
    tcase_add_test(t, a_lagging_last_active_channel_flushes_nothing);
    tcase_add_test(t, a_woken_channel_counts_only_after_it_has_caught_up);
    tcase_add_test(t, a_channel_that_wakes_level_with_the_output_counts_at_once);
    tcase_add_test(t, a_channel_that_wakes_ahead_of_the_output_moves_it_where_no_other_counts);
    tcase_add_test(t, idle_goes_out_with_the_last_channel_and_active_with_the_first);
    tcase_add_test(t, channels_without_a_watermark_become_idle_without_a_watermark);
    tcase_add_test(t, a_finished_channel_leaves_the_minimum_to_the_active_ones);
    tcase_add_test(t, a_finished_channel_beside_idle_ones_does_not_end_event_time);
    tcase_add_test(t, the_last_active_channel_that_finishes_flushes_the_best_idle_one);
    tcase_add_test(t, the_end_of_all_channels_is_max_and_finished);
    tcase_add_test(t, an_idle_channel_that_finishes_last_ends_event_time);
    tcase_add_test(t, a_finished_channel_stays_finished);
    tcase_add_test(t, the_lowest_aligned_channel_holds_the_output);
    tcase_add_test(t, a_valve_that_begins_later_waits_for_every_channel_that_was_not_behind);
    tcase_add_test(t, a_channel_that_was_behind_holds_nothing_in_a_later_valve);
    tcase_add_test(t, nobody_is_behind_where_there_is_no_watermark);
    tcase_add_test(t, random_sequences_agree_with_the_reference);
    tcase_add_test(t, running_out_of_memory_is_reported_and_leaks_nothing);
    return run_case(t, "valve");
}
