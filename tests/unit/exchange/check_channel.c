// A channel: order, credit, accounts, wake-ups; two threads that pass many elements.
#include "core/base/limits.h"
#include "fixture.h"

static struct tm_channel *channel;
static int wakes;

static void setup(void)
{
    fixture_setup();
    channel = tm_channel_new(&mem);
    ck_assert_ptr_nonnull(channel);
}

static void teardown(void)
{
    tm_channel_free(channel);
    fixture_teardown();
}

static void send_rows(int64_t first, uint32_t rows)
{
    struct tm_batch *batch = make_batch(first, rows);
    ck_assert(tm_channel_can_send_batch(channel, batch->size_bytes));
    tm_channel_send(channel, batch_element(batch));
}

static uint32_t receive_rows(int64_t now_ns)
{
    struct tm_element e;
    ck_assert(tm_channel_receive(channel, now_ns, &e));
    ck_assert_int_eq(e.kind, TM_ELEMENT_BATCH);
    uint32_t rows = e.batch->row_count;
    tm_batch_release(e.batch);
    return rows;
}

START_TEST(elements_arrive_in_the_order_they_were_sent)
{
    struct tm_element e;
    ck_assert(tm_channel_is_empty(channel));
    ck_assert(!tm_channel_receive(channel, 0, &e));
    send_rows(0, 3);
    ck_assert(tm_channel_can_send_control(channel));
    tm_channel_send(channel, (struct tm_element){.kind = TM_ELEMENT_WATERMARK,
                                                 .watermark = INT64_MIN + 1,
                                                 .read_ns = 42});
    tm_channel_send(channel, status_element(TM_CHANNEL_IDLE));
    tm_channel_send(channel, end_element());
    ck_assert(!tm_channel_is_empty(channel));
    ck_assert_uint_eq(receive_rows(0), 3);
    ck_assert(tm_channel_receive(channel, 0, &e));
    ck_assert_int_eq(e.kind, TM_ELEMENT_WATERMARK);
    ck_assert_int_eq(e.watermark, INT64_MIN + 1);
    ck_assert_int_eq(e.read_ns, 42);
    ck_assert(tm_channel_receive(channel, 0, &e));
    ck_assert_int_eq(e.kind, TM_ELEMENT_STATUS);
    ck_assert_int_eq(e.status, TM_CHANNEL_IDLE);
    ck_assert(tm_channel_receive(channel, 0, &e));
    ck_assert_int_eq(e.kind, TM_ELEMENT_END);
    ck_assert(!tm_channel_receive(channel, 0, &e));
}
END_TEST

START_TEST(a_new_channel_takes_two_batches)
{
    send_rows(0, 10);
    send_rows(10, 10);
    ck_assert(!tm_channel_can_send_batch(channel, 1));
    ck_assert_uint_eq(receive_rows(0), 10);
    ck_assert(tm_channel_can_send_batch(channel, 1));
}
END_TEST

START_TEST(two_batches_fit_whatever_their_size)
{
    ck_assert(tm_channel_can_send_batch(channel, (size_t)TM_BATCH_BYTES_MAX));
    send_rows(0, 1);
    ck_assert(tm_channel_can_send_batch(channel, (size_t)TM_BATCH_BYTES_MAX));
}
END_TEST

// Make the consumer look fast: batches of about 64 kB, each used up in 10 us.
static int64_t warm_up(int64_t now_ns)
{
    for (int i = 0; i < 1000; i++, now_ns += 10000) {
        send_rows(0, 1024);
        receive_rows(now_ns);
    }
    struct tm_element e;
    ck_assert(!tm_channel_receive(channel, now_ns, &e));
    return now_ns;
}

START_TEST(a_fast_consumer_opens_the_channel_to_its_byte_bound)
{
    size_t bytes = 0;
    struct tm_element e;
    warm_up(0);
    for (;;) {
        struct tm_batch *batch = make_batch(0, 1024);
        bool fits = tm_channel_can_send_batch(channel, batch->size_bytes);
        ck_assert_int_eq(fits, bytes + batch->size_bytes <= TM_CHANNEL_BYTES);
        if (!fits) {
            tm_batch_release(batch);
            break;
        }
        bytes += batch->size_bytes;
        tm_channel_send(channel, batch_element(batch));
    }
    ck_assert_uint_gt(bytes, TM_CHANNEL_BYTES / 2);
    ck_assert(tm_channel_receive(channel, 0, &e));
    tm_batch_release(e.batch);
    ck_assert(tm_channel_can_send_batch(channel, 1000));
}
END_TEST

START_TEST(a_slow_consumer_keeps_the_channel_short)
{
    int64_t now_ns = warm_up(0);
    uint32_t held = 0;
    for (int second = 0; second < 50; second++, now_ns += 1000000000) { // one batch a second
        while (tm_channel_can_send_batch(channel, 50000)) {
            send_rows(0, 1024);
            held++;
        }
        receive_rows(now_ns);
        held--;
    }
    ck_assert_uint_le(held, 2);
}
END_TEST

START_TEST(control_elements_leave_two_slots_to_batches)
{
    uint32_t sent = 0;
    for (; tm_channel_can_send_control(channel); sent++)
        tm_channel_send(channel, watermark_element(sent));
    ck_assert_uint_eq(sent, TM_RING_ELEMENTS - 2);
    send_rows(0, 1);
    send_rows(1, 1);
    ck_assert(!tm_channel_can_send_batch(channel, 1));
    struct tm_element e;
    ck_assert(tm_channel_receive(channel, 0, &e));
    ck_assert(!tm_channel_can_send_batch(channel, 1)); // two batches are in it
    ck_assert(!tm_channel_can_send_control(channel));
}
END_TEST

START_TEST(small_batches_are_bounded_by_the_ring)
{
    uint32_t sent = 0;
    warm_up(0);
    for (; tm_channel_can_send_batch(channel, 40); sent++)
        send_rows(sent, 1);
    ck_assert_uint_eq(sent, TM_RING_ELEMENTS);
}
END_TEST

START_TEST(rows_are_accounted_on_both_sides)
{
    send_rows(0, 7);
    send_rows(7, 5);
    ck_assert_uint_eq(tm_channel_rows_sent(channel), 12);
    ck_assert_uint_eq(tm_channel_rows_received(channel), 0);
    receive_rows(0);
    ck_assert_uint_eq(tm_channel_rows_received(channel), 7);
    receive_rows(0);
    ck_assert_uint_eq(tm_channel_rows_received(channel), 12);
}
END_TEST

START_TEST(a_freed_channel_releases_what_it_holds)
{
    send_rows(0, 7);
    tm_channel_send(channel, watermark_element(1));
    send_rows(7, 5); // teardown sees that all memory came back
}
END_TEST

static void count_wake(void *ctx, struct tm_parker *parker)
{
    (void)ctx;
    (void)parker;
    wakes++;
}

START_TEST(each_side_wakes_the_other_only_when_it_sleeps)
{
    struct tm_fx_threads threads = *fx.threads;
    struct tm_fx counting = fx;
    threads.parker_wake = count_wake;
    counting.threads = &threads;
    struct tm_waker producer = {.fx = &counting}, consumer = {.fx = &counting};
    wakes = 0;
    tm_channel_set_wakers(channel, &producer, &consumer);
    send_rows(0, 1);
    receive_rows(0);
    ck_assert_int_eq(wakes, 0);
    tm_waker_prepare(&consumer);
    send_rows(0, 1);
    ck_assert_int_eq(wakes, 1);
    tm_waker_cancel(&consumer);
    tm_waker_prepare(&producer);
    receive_rows(0);
    ck_assert_int_eq(wakes, 2);
}
END_TEST

// --- two threads

enum { STRESS_BATCHES = 20000, STRESS_ROWS_MAX = 8 };

struct stress {
    struct tm_waker producer, consumer;
    uint64_t seed;
    int64_t received;
    int64_t last_watermark;
    bool in_order, ended;
};

static void consume_all(void *arg)
{
    struct stress *s = arg;
    struct tm_element e;
    s->in_order = true;
    while (!s->ended) {
        if (!tm_channel_receive(channel, tm_fx_mono_ns(&fx), &e)) {
            tm_waker_prepare(&s->consumer);
            if (tm_channel_is_empty(channel))
                tm_waker_wait(&s->consumer, INT64_MAX);
            else
                tm_waker_cancel(&s->consumer);
            continue;
        }
        if (e.kind == TM_ELEMENT_BATCH) {
            TM_BATCH_EACH(e.batch, row)
            {
                s->in_order = s->in_order && row_id(row) == s->received;
                s->received++;
            }
            tm_batch_release(e.batch);
        } else if (e.kind == TM_ELEMENT_WATERMARK) {
            // A watermark carries the number of rows sent before it.
            s->in_order = s->in_order && e.watermark == s->received;
            s->last_watermark = e.watermark;
        } else {
            s->ended = true;
        }
    }
}

static void wait_until(struct stress *s, bool (*can)(struct tm_channel *, size_t), size_t bytes)
{
    while (!can(channel, bytes)) {
        tm_waker_prepare(&s->producer);
        if (can(channel, bytes))
            tm_waker_cancel(&s->producer);
        else
            tm_waker_wait(&s->producer, INT64_MAX);
    }
}

static bool can_control(struct tm_channel *c, size_t bytes)
{
    (void)bytes;
    return tm_channel_can_send_control(c);
}

START_TEST(two_threads_lose_nothing_and_keep_the_order)
{
    struct stress s = {.seed = test_seed("channel")};
    struct tm_thread *thread;
    struct tm_error err;
    int64_t sent = 0;
    ck_assert_int_eq(tm_waker_init(&s.producer, &fx, &err), 0);
    ck_assert_int_eq(tm_waker_init(&s.consumer, &fx, &err), 0);
    tm_channel_set_wakers(channel, &s.producer, &s.consumer);
    uint64_t random = s.seed;
    ck_assert_int_eq(fx.threads->thread_start(fx.ctx, "consumer", consume_all, &s, &thread, &err),
                     0);
    for (int i = 0; i < STRESS_BATCHES; i++) {
        uint32_t rows = 1 + (uint32_t)(next_random(&random) % STRESS_ROWS_MAX);
        struct tm_batch *batch = make_batch(sent, rows);
        wait_until(&s, tm_channel_can_send_batch, batch->size_bytes);
        tm_channel_send(channel, batch_element(batch));
        sent += rows;
        if (next_random(&random) % 4 == 0) {
            wait_until(&s, can_control, 0);
            tm_channel_send(channel, watermark_element(sent));
        }
    }
    wait_until(&s, can_control, 0);
    tm_channel_send(channel, end_element());
    fx.threads->thread_join(fx.ctx, thread);
    ck_assert(s.in_order);
    ck_assert_int_eq(s.received, sent);
    ck_assert_uint_eq(tm_channel_rows_sent(channel), (uint64_t)sent);
    ck_assert_uint_eq(tm_channel_rows_received(channel), (uint64_t)sent);
    tm_waker_fini(&s.producer);
    tm_waker_fini(&s.consumer);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channel");
    TCase *t = tcase_create("channel");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, elements_arrive_in_the_order_they_were_sent);
    tcase_add_test(t, a_new_channel_takes_two_batches);
    tcase_add_test(t, two_batches_fit_whatever_their_size);
    tcase_add_test(t, a_fast_consumer_opens_the_channel_to_its_byte_bound);
    tcase_add_test(t, a_slow_consumer_keeps_the_channel_short);
    tcase_add_test(t, control_elements_leave_two_slots_to_batches);
    tcase_add_test(t, small_batches_are_bounded_by_the_ring);
    tcase_add_test(t, rows_are_accounted_on_both_sides);
    tcase_add_test(t, a_freed_channel_releases_what_it_holds);
    tcase_add_test(t, each_side_wakes_the_other_only_when_it_sleeps);
    tcase_add_test(t, two_threads_lose_nothing_and_keep_the_order);
    suite_add_tcase(s, t);
    return run_suite(s);
}
