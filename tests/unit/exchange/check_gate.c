// The gate: turns, watermarks and statuses merged, one end.
#include "core/exchange/gate.h"
#include "fixture.h"

enum { CHANNELS = 3 };
static struct tm_channel *channels[CHANNELS];
static struct tm_gate *gate;

static void setup(void)
{
    fixture_setup();
    for (int i = 0; i < CHANNELS; i++) {
        channels[i] = tm_channel_new(&mem);
        ck_assert_ptr_nonnull(channels[i]);
    }
    gate = NULL;
}

static void teardown(void)
{
    tm_gate_free(gate);
    for (int i = 0; i < CHANNELS; i++)
        tm_channel_free(channels[i]);
    fixture_teardown();
}

static void open_gate(uint32_t count)
{
    gate = tm_gate_new(&mem, channels, &count, 1);
    ck_assert_ptr_nonnull(gate);
}

static void send(int channel, struct tm_element element)
{
    tm_channel_send(channels[channel], element);
}

static void send_read_at(int channel, int64_t watermark, int64_t read_ns)
{
    struct tm_element e = watermark_element(watermark);
    e.read_ns = read_ns;
    send(channel, e);
}

static struct tm_element poll_one(void)
{
    struct tm_element e = {0};
    if (!tm_gate_poll(gate, 0, &e))
        e.kind = TM_ELEMENT_NONE;
    return e;
}

static void expect_watermark(int64_t watermark)
{
    struct tm_element e = poll_one();
    ck_assert_int_eq(e.kind, TM_ELEMENT_WATERMARK);
    ck_assert_int_eq(e.watermark, watermark);
}

static void expect_status(enum tm_channel_status status)
{
    struct tm_element e = poll_one();
    ck_assert_int_eq(e.kind, TM_ELEMENT_STATUS);
    ck_assert_int_eq(e.status, status);
}

static void expect_batch(int64_t first_id)
{
    struct tm_element e = poll_one();
    ck_assert_int_eq(e.kind, TM_ELEMENT_BATCH);
    ck_assert_int_eq(row_id(tm_batch_first(e.batch)), first_id);
    tm_batch_release(e.batch);
}

static void expect_kind(enum tm_element_kind kind)
{
    ck_assert_int_eq(poll_one().kind, kind);
}

START_TEST(channels_are_served_in_turn)
{
    open_gate(3);
    for (int i = 0; i < 2; i++)
        for (int c = 0; c < 3; c++)
            send(c, batch_element(make_batch(10 * c + i, 1)));
    expect_batch(0);
    expect_batch(10);
    expect_batch(20);
    expect_batch(1);
    expect_batch(11);
    expect_batch(21);
    expect_kind(TM_ELEMENT_NONE);
}
END_TEST

START_TEST(a_full_channel_does_not_starve_another)
{
    open_gate(2);
    send(0, batch_element(make_batch(0, 1)));
    send(0, batch_element(make_batch(1, 1)));
    expect_batch(0);
    send(1, batch_element(make_batch(10, 1)));
    expect_batch(10);
    expect_batch(1);
}
END_TEST

START_TEST(the_lowest_watermark_of_all_channels_comes_out)
{
    open_gate(2);
    send(0, watermark_element(10));
    expect_kind(TM_ELEMENT_NONE);
    send(1, watermark_element(7));
    expect_watermark(7);
    send(1, watermark_element(12));
    expect_watermark(10);
    expect_kind(TM_ELEMENT_NONE);
}
END_TEST

START_TEST(a_batch_passes_before_the_watermark_behind_it)
{
    open_gate(1);
    send(0, batch_element(make_batch(5, 1)));
    send(0, watermark_element(5));
    expect_batch(5);
    expect_watermark(5);
}
END_TEST

START_TEST(what_the_valve_swallows_does_not_end_the_poll)
{
    open_gate(2);
    for (int i = 0; i < 20; i++)
        send(0, watermark_element(i));
    send(0, batch_element(make_batch(3, 1)));
    expect_batch(3);
}
END_TEST

START_TEST(one_element_may_give_a_watermark_and_then_a_status)
{
    open_gate(3);
    send(0, watermark_element(20));
    send(1, watermark_element(5));
    send(2, watermark_element(12));
    expect_watermark(5);
    send(0, status_element(TM_CHANNEL_IDLE));
    send(2, status_element(TM_CHANNEL_IDLE));
    expect_kind(TM_ELEMENT_NONE);
    send(1, status_element(TM_CHANNEL_IDLE));
    expect_watermark(20);
    expect_status(TM_CHANNEL_IDLE);
    expect_kind(TM_ELEMENT_NONE);
    send(0, status_element(TM_CHANNEL_ACTIVE));
    expect_status(TM_CHANNEL_ACTIVE);
}
END_TEST

START_TEST(the_end_comes_once_after_max_and_after_all_rows)
{
    open_gate(2);
    send(0, end_element());
    expect_kind(TM_ELEMENT_NONE);
    send(1, watermark_element(3));
    expect_watermark(3);
    send(1, batch_element(make_batch(1, 1)));
    send(1, end_element());
    expect_batch(1);
    expect_watermark(TM_WATERMARK_MAX);
    expect_kind(TM_ELEMENT_END);
    expect_kind(TM_ELEMENT_NONE);
}
END_TEST

START_TEST(max_comes_once_when_the_channels_bring_it_themselves)
{
    open_gate(2);
    send(0, watermark_element(TM_WATERMARK_MAX));
    expect_kind(TM_ELEMENT_NONE);
    send(1, watermark_element(TM_WATERMARK_MAX));
    expect_watermark(TM_WATERMARK_MAX);
    send(0, end_element());
    send(1, end_element());
    expect_kind(TM_ELEMENT_END);
    expect_kind(TM_ELEMENT_NONE);
}
END_TEST

START_TEST(rows_between_max_and_the_end_pass)
{
    open_gate(1);
    send(0, watermark_element(TM_WATERMARK_MAX));
    send(0, batch_element(make_batch(9, 1)));
    send(0, end_element());
    expect_watermark(TM_WATERMARK_MAX);
    expect_batch(9);
    expect_kind(TM_ELEMENT_END);
}
END_TEST

START_TEST(the_max_of_one_input_does_not_end_time_while_another_is_idle)
{
    open_gate(2);
    send(0, watermark_element(4));
    send(1, watermark_element(9));
    expect_watermark(4);
    send(0, status_element(TM_CHANNEL_IDLE));
    expect_watermark(9);
    send(1, watermark_element(TM_WATERMARK_MAX));
    send(1, end_element());
    expect_status(TM_CHANNEL_IDLE);
    expect_kind(TM_ELEMENT_NONE);
    send(0, status_element(TM_CHANNEL_ACTIVE));
    send(0, watermark_element(11));
    expect_status(TM_CHANNEL_ACTIVE);
    expect_watermark(11);
    send(0, end_element());
    expect_watermark(TM_WATERMARK_MAX);
    expect_kind(TM_ELEMENT_END);
}
END_TEST

START_TEST(a_watermark_says_when_the_batch_that_moved_it_was_read)
{
    open_gate(2);
    send_read_at(0, 10, 100);
    send_read_at(1, 7, 90);
    struct tm_element e = poll_one();
    ck_assert_int_eq(e.read_ns, 90);
    send_read_at(1, 8, 0); // not known: the newest that is
    e = poll_one();
    ck_assert_int_eq(e.watermark, 8);
    ck_assert_int_eq(e.read_ns, 100);
    send(1, end_element());
    e = poll_one();
    ck_assert_int_eq(e.watermark, 10);
    ck_assert_int_eq(e.read_ns, 100);
}
END_TEST

// --- two inputs: channels 0 and 1 of the first, 2 of the second
// -------------------------------------------------------------------------------------------------

static void open_two(void)
{
    gate = tm_gate_new(&mem, channels, (uint32_t[]){2, 1}, 2);
    ck_assert_ptr_nonnull(gate);
}

START_TEST(a_batch_says_which_input_it_is_of)
{
    open_two();
    for (int c = 0; c < 3; c++) {
        struct tm_element e = batch_element(make_batch(c, 1));
        e.input = 7; // of another gate, above
        send(c, e);
    }
    for (int c = 0; c < 3; c++) {
        struct tm_element e = poll_one();
        ck_assert_int_eq(e.kind, TM_ELEMENT_BATCH);
        ck_assert_int_eq(e.input, c == 2 ? 1 : 0);
        tm_batch_release(e.batch);
    }
}
END_TEST

START_TEST(the_watermark_of_two_inputs_is_the_lower)
{
    open_two();
    send(0, watermark_element(10));
    send(1, watermark_element(12));
    expect_kind(TM_ELEMENT_NONE);
    send(2, watermark_element(7));
    expect_watermark(7);
    send(2, watermark_element(20));
    expect_watermark(10);
    send(0, watermark_element(30));
    expect_watermark(12);
}
END_TEST

START_TEST(an_idle_input_does_not_hold_the_other)
{
    open_two();
    send(0, watermark_element(10));
    send(1, watermark_element(10));
    send(2, status_element(TM_CHANNEL_IDLE));
    expect_watermark(10);
    expect_kind(TM_ELEMENT_NONE); // the first is active: so is the operator
    send(0, status_element(TM_CHANNEL_IDLE));
    send(1, watermark_element(15));
    expect_watermark(15);
    send(1, status_element(TM_CHANNEL_IDLE));
    expect_status(TM_CHANNEL_IDLE);
}
END_TEST

// Not so a channel of one input: the valve waits for none that is behind.
START_TEST(an_input_that_is_active_again_and_behind_holds_the_watermark)
{
    open_two();
    send(2, watermark_element(5));
    send(2, status_element(TM_CHANNEL_IDLE));
    expect_kind(TM_ELEMENT_NONE);
    send(0, watermark_element(10));
    send(1, watermark_element(10));
    expect_watermark(10);
    send(2, status_element(TM_CHANNEL_ACTIVE));
    expect_kind(TM_ELEMENT_NONE);
    send(0, watermark_element(20));
    send(1, watermark_element(20));
    send(2, watermark_element(9));
    expect_kind(TM_ELEMENT_NONE);
    send(2, watermark_element(12));
    expect_watermark(12);
}
END_TEST

START_TEST(where_all_inputs_are_idle_the_highest_watermark_comes_out)
{
    open_two();
    send(0, watermark_element(10));
    send(1, watermark_element(10));
    send(2, watermark_element(20));
    expect_watermark(10);
    send(0, status_element(TM_CHANNEL_IDLE));
    send(1, status_element(TM_CHANNEL_IDLE));
    expect_watermark(20);
    send(2, status_element(TM_CHANNEL_IDLE));
    expect_status(TM_CHANNEL_IDLE);
    expect_kind(TM_ELEMENT_NONE);
}
END_TEST

START_TEST(an_input_that_is_over_leaves_time_to_the_other)
{
    open_two();
    send(2, watermark_element(3));
    send(2, watermark_element(TM_WATERMARK_MAX));
    send(2, end_element());
    send(0, watermark_element(8));
    expect_kind(TM_ELEMENT_NONE);
    send(1, watermark_element(9));
    expect_watermark(8);
    send(0, end_element());
    expect_watermark(9);
    send(1, end_element());
    expect_watermark(TM_WATERMARK_MAX);
    expect_kind(TM_ELEMENT_END);
}
END_TEST

START_TEST(an_input_without_time_holds_nothing_and_makes_nothing_idle)
{
    open_two();
    tm_gate_ignore_time(gate, 1);
    send(0, watermark_element(4));
    send(1, watermark_element(4));
    expect_watermark(4);
    send(2, status_element(TM_CHANNEL_IDLE));
    send(2, status_element(TM_CHANNEL_ACTIVE));
    send(2, watermark_element(TM_WATERMARK_MAX));
    expect_kind(TM_ELEMENT_NONE);
    send(0, status_element(TM_CHANNEL_IDLE));
    send(1, status_element(TM_CHANNEL_IDLE));
    expect_status(TM_CHANNEL_IDLE);
    send(0, end_element());
    send(1, end_element());
    expect_watermark(TM_WATERMARK_MAX);
    expect_kind(TM_ELEMENT_NONE); // its rows may still come
    send(2, batch_element(make_batch(1, 1)));
    send(2, end_element());
    expect_batch(1);
    expect_kind(TM_ELEMENT_END);
}
END_TEST

// --- barriers

static void expect_barrier(uint64_t checkpoint)
{
    struct tm_element e = poll_one();
    ck_assert_int_eq(e.kind, TM_ELEMENT_BARRIER);
    ck_assert_uint_eq(e.checkpoint, checkpoint);
}

START_TEST(nothing_behind_a_barrier_comes_out_before_all_barriers_are_there)
{
    int64_t since_ns;
    open_gate(3);
    send(0, barrier_element(1));
    send(0, batch_element(make_batch(9, 1)));
    send(1, batch_element(make_batch(1, 1)));
    expect_batch(1);
    expect_kind(TM_ELEMENT_NONE);
    ck_assert_uint_eq(tm_gate_aligning(gate, &since_ns), 1);
    send(1, barrier_element(1));
    send(1, batch_element(make_batch(10, 1)));
    send(2, batch_element(make_batch(2, 1)));
    send(2, barrier_element(1));
    expect_batch(2);
    expect_barrier(1);
    ck_assert_uint_eq(tm_gate_aligning(gate, &since_ns), 0);
    expect_batch(9);
    expect_batch(10);
    expect_kind(TM_ELEMENT_NONE);
}
END_TEST

START_TEST(a_barrier_waits_for_the_channels_of_both_inputs)
{
    open_two();
    send(0, barrier_element(1));
    send(1, barrier_element(1));
    expect_kind(TM_ELEMENT_NONE);
    send(2, batch_element(make_batch(3, 1)));
    send(2, barrier_element(1));
    expect_batch(3);
    expect_barrier(1);
}
END_TEST

START_TEST(an_end_completes_a_barrier_and_what_it_means_comes_after)
{
    open_gate(3);
    send(0, watermark_element(10));
    send(1, watermark_element(20));
    send(0, barrier_element(1));
    send(1, barrier_element(1));
    send(2, watermark_element(5));
    expect_watermark(5);
    send(2, end_element());
    expect_barrier(1);
    expect_watermark(10);
    send(0, barrier_element(2));
    send(1, end_element());
    expect_barrier(2);
    send(0, end_element());
    expect_watermark(TM_WATERMARK_MAX);
    expect_kind(TM_ELEMENT_END);
}
END_TEST

START_TEST(a_checkpoint_that_is_given_up_lets_its_channels_go_on)
{
    open_gate(2);
    send(0, barrier_element(1));
    send(0, batch_element(make_batch(4, 1)));
    expect_kind(TM_ELEMENT_NONE);
    tm_gate_abort(gate, 1);
    expect_batch(4);
    send(1, barrier_element(1));
    send(1, batch_element(make_batch(5, 1)));
    expect_batch(5);
}
END_TEST

START_TEST(a_gate_that_begins_later_gives_no_watermark_twice)
{
    open_gate(2);
    tm_gate_begin_at(gate, 15);
    ck_assert_int_eq(tm_gate_watermark(gate), 15);
    send(0, watermark_element(10));
    send(1, watermark_element(15));
    expect_kind(TM_ELEMENT_NONE);
    ck_assert_int_eq(tm_gate_watermark(gate), 15);
    send(0, watermark_element(30));
    expect_kind(TM_ELEMENT_NONE);
    send(1, watermark_element(16));
    expect_watermark(16);
}
END_TEST

START_TEST(a_gate_that_begins_later_waits_for_no_channel_that_was_behind)
{
    open_gate(3);
    tm_gate_begin_at(gate, 15);
    tm_gate_begin_input_at(gate, 0, 15);
    tm_gate_begin_behind(gate, 2);
    ck_assert(tm_gate_is_behind(gate, 2) && !tm_gate_is_behind(gate, 1));
    ck_assert_int_eq(tm_gate_input_watermark(gate, 0), 15);
    send(0, watermark_element(15));
    send(1, watermark_element(15));
    send(2, watermark_element(3));
    expect_kind(TM_ELEMENT_NONE);
    send(0, watermark_element(30));
    expect_kind(TM_ELEMENT_NONE);
    send(1, watermark_element(16));
    expect_watermark(16);
}
END_TEST

START_TEST(each_of_two_inputs_begins_where_it_was)
{
    open_two();
    tm_gate_begin_at(gate, 8);
    tm_gate_begin_input_at(gate, 0, 20);
    tm_gate_begin_behind(gate, 1);
    tm_gate_begin_input_at(gate, 1, 8);
    ck_assert_int_eq(tm_gate_watermark(gate), 8);
    ck_assert(tm_gate_is_behind(gate, 1) && !tm_gate_is_behind(gate, 2));
    send(1, watermark_element(9)); // the first input is at 20 without it
    send(2, watermark_element(12));
    expect_watermark(12);
    send(2, watermark_element(40));
    expect_watermark(20);
    send(0, watermark_element(25));
    expect_watermark(25);
}
END_TEST

START_TEST(running_out_of_memory_leaks_nothing)
{
    for (int64_t limit = 1; limit < 1500; limit += 20) {
        struct tm_mem small;
        tm_mem_init(&small, &fx, NULL, limit);
        tm_gate_free(tm_gate_new(&small, channels, (uint32_t[]){CHANNELS}, 1));
        ck_assert_int_eq(atomic_load(&small.used_bytes), 0);
        tm_gate_free(tm_gate_new(&small, channels, (uint32_t[]){1, CHANNELS - 1}, 2));
        ck_assert_int_eq(atomic_load(&small.used_bytes), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gate");
    TCase *t = tcase_create("gate");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, channels_are_served_in_turn);
    tcase_add_test(t, a_full_channel_does_not_starve_another);
    tcase_add_test(t, the_lowest_watermark_of_all_channels_comes_out);
    tcase_add_test(t, a_batch_passes_before_the_watermark_behind_it);
    tcase_add_test(t, what_the_valve_swallows_does_not_end_the_poll);
    tcase_add_test(t, one_element_may_give_a_watermark_and_then_a_status);
    tcase_add_test(t, the_end_comes_once_after_max_and_after_all_rows);
    tcase_add_test(t, max_comes_once_when_the_channels_bring_it_themselves);
    tcase_add_test(t, rows_between_max_and_the_end_pass);
    tcase_add_test(t, the_max_of_one_input_does_not_end_time_while_another_is_idle);
    tcase_add_test(t, a_watermark_says_when_the_batch_that_moved_it_was_read);
    tcase_add_test(t, a_batch_says_which_input_it_is_of);
    tcase_add_test(t, the_watermark_of_two_inputs_is_the_lower);
    tcase_add_test(t, an_idle_input_does_not_hold_the_other);
    tcase_add_test(t, an_input_that_is_active_again_and_behind_holds_the_watermark);
    tcase_add_test(t, where_all_inputs_are_idle_the_highest_watermark_comes_out);
    tcase_add_test(t, an_input_that_is_over_leaves_time_to_the_other);
    tcase_add_test(t, an_input_without_time_holds_nothing_and_makes_nothing_idle);
    tcase_add_test(t, nothing_behind_a_barrier_comes_out_before_all_barriers_are_there);
    tcase_add_test(t, a_barrier_waits_for_the_channels_of_both_inputs);
    tcase_add_test(t, an_end_completes_a_barrier_and_what_it_means_comes_after);
    tcase_add_test(t, a_checkpoint_that_is_given_up_lets_its_channels_go_on);
    tcase_add_test(t, a_gate_that_begins_later_gives_no_watermark_twice);
    tcase_add_test(t, a_gate_that_begins_later_waits_for_no_channel_that_was_behind);
    tcase_add_test(t, each_of_two_inputs_begins_where_it_was);
    tcase_add_test(t, running_out_of_memory_leaks_nothing);
    suite_add_tcase(s, t);
    return run_suite(s);
}
