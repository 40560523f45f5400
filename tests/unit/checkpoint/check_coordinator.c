// When checkpoints begin and what becomes of them, on a clock of the test's and with an environment
// that writes down what it is told; then random orders of everything against what must hold.
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/checkpoint/coordinator.h"
#include "core/loop/real.h"

enum { TASKS = 3, NUMBERS = 4096 };
static const int64_t second = 1000000000;
static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_checkpoints c;
static int64_t now;

// What became of each number.
enum fate { UNKNOWN, BEGUN, PUBLISHING, ENDED };
static enum fate fates[NUMBERS];
static enum tm_checkpoint_end ends[NUMBERS];
static enum tm_checkpoint_purpose purposes[NUMBERS];
static uint32_t acknowledged[NUMBERS]; // tasks that said so in this attempt, a bit each
static uint64_t newest_begun, newest_completed;
static uint32_t under_way, at_once;
static uint64_t publishing[16]; // what is being published, in order
static uint32_t publishing_first, publishing_last;

static void on_begin(void *arg, uint64_t n, enum tm_checkpoint_purpose purpose)
{
    (void)arg;
    ck_assert_uint_gt(n, newest_begun);
    ck_assert_int_eq(fates[n], UNKNOWN);
    newest_begun = n;
    fates[n] = BEGUN;
    purposes[n] = purpose;
    ck_assert_uint_le(++under_way, at_once);
}

static void on_publish(void *arg, uint64_t n, enum tm_checkpoint_purpose purpose)
{
    (void)arg;
    ck_assert_int_eq(fates[n], BEGUN);
    ck_assert_int_eq(purposes[n], purpose);
    ck_assert_uint_eq(acknowledged[n], (1U << TASKS) - 1);
    fates[n] = PUBLISHING;
    publishing[publishing_last++ % 16] = n;
}

static void on_end(void *arg, uint64_t n, enum tm_checkpoint_purpose purpose,
                   enum tm_checkpoint_end end, const struct tm_error *why)
{
    (void)arg;
    (void)why;
    ck_assert_int_eq(purposes[n], purpose);
    bool published = end == TM_CHECKPOINT_COMPLETE || end == TM_CHECKPOINT_UNPUBLISHED;
    ck_assert_int_eq(fates[n], published ? PUBLISHING : BEGUN);
    if (end == TM_CHECKPOINT_COMPLETE && purpose != TM_PURPOSE_SAVEPOINT) {
        ck_assert_uint_gt(n, newest_completed);
        newest_completed = n;
    }
    fates[n] = ENDED;
    ends[n] = end;
    under_way--;
}

static const struct tm_checkpoints_env env = {
    .begin = on_begin, .publish = on_publish, .end = on_end};

static void start(uint32_t many, int64_t pause_ns)
{
    memset(fates, 0, sizeof fates);
    memset(acknowledged, 0, sizeof acknowledged);
    newest_begun = newest_completed = under_way = 0;
    publishing_first = publishing_last = 0;
    at_once = many;
    now = 5 * second;
    struct tm_checkpoints_args args = {.interval_ns = 30 * second,
                                       .timeout_ns = 600 * second,
                                       .pause_ns = pause_ns,
                                       .at_once = many,
                                       .tasks = TASKS,
                                       .attempt = 2,
                                       .next = 7,
                                       .now_ns = now};
    ck_assert_int_eq(tm_checkpoints_init(&c, &env, &args, &mem), 0);
}

static void setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    start(1, 0);
}

static void teardown(void)
{
    tm_checkpoints_fini(&c);
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
    tm_real_fini(&fx);
}

static void pass(int64_t ns)
{
    now += ns;
    tm_checkpoints_tick(&c, now);
}

static bool acknowledge(uint64_t n, uint32_t task)
{
    if (fates[n] == BEGUN)
        acknowledged[n] |= 1U << task;
    return tm_checkpoints_acknowledge(&c, n, task, 2, now);
}

static void acknowledge_all(uint64_t n)
{
    for (uint32_t t = 0; t < TASKS; t++)
        ck_assert(acknowledge(n, t));
}

static void published(uint64_t n, int code)
{
    struct tm_error err = {.code = code};
    tm_checkpoints_published(&c, n, code, &err, now);
}

START_TEST(one_is_taken_each_interval_and_is_complete_when_it_is_published)
{
    ck_assert_int_eq(tm_checkpoints_deadline_ns(&c), 35 * second);
    pass(29 * second);
    ck_assert_uint_eq(newest_begun, 0);
    pass(1 * second);
    ck_assert_uint_eq(newest_begun, 7);
    ck_assert(acknowledge(7, 0));
    ck_assert(acknowledge(7, 2));
    ck_assert_int_eq(fates[7], BEGUN);
    ck_assert(acknowledge(7, 1));
    ck_assert_int_eq(fates[7], PUBLISHING);
    published(7, 0);
    ck_assert_uint_eq(newest_completed, 7);
    pass(30 * second);
    ck_assert_uint_eq(newest_begun, 8);
}
END_TEST

START_TEST(a_long_one_is_followed_at_once_and_not_overtaken)
{
    pass(30 * second);
    pass(40 * second);
    ck_assert_uint_eq(newest_begun, 7);
    acknowledge_all(7);
    published(7, 0);
    ck_assert_uint_eq(newest_begun, 8);
}
END_TEST

START_TEST(a_pause_lies_between_the_end_of_one_and_the_next)
{
    tm_checkpoints_fini(&c);
    start(1, 10 * second);
    pass(30 * second);
    pass(40 * second);
    acknowledge_all(7);
    published(7, 0);
    ck_assert_uint_eq(newest_begun, 7);
    ck_assert_int_eq(tm_checkpoints_deadline_ns(&c), now + 10 * second);
    pass(10 * second);
    ck_assert_uint_eq(newest_begun, 8);
}
END_TEST

START_TEST(only_each_task_of_this_attempt_counts_and_once)
{
    pass(30 * second);
    ck_assert(acknowledge(7, 0));
    ck_assert(!acknowledge(7, 0));
    ck_assert(!tm_checkpoints_acknowledge(&c, 7, 1, 1, now));
    ck_assert(!tm_checkpoints_acknowledge(&c, 7, TASKS, 2, now));
    ck_assert(!tm_checkpoints_acknowledge(&c, 6, 1, 2, now));
    ck_assert_uint_eq(c.under_way[0].acknowledged, 1);
}
END_TEST

START_TEST(a_declined_one_is_given_up_and_the_next_comes_at_its_time)
{
    struct tm_error why = {.code = TM_E_NO_SPACE};
    pass(30 * second);
    acknowledge(7, 0);
    tm_checkpoints_decline(&c, 7, 1, &why, now); // of an attempt that is over
    ck_assert_int_eq(fates[7], BEGUN);
    tm_checkpoints_decline(&c, 7, 2, &why, now);
    ck_assert_int_eq(ends[7], TM_CHECKPOINT_DECLINED);
    ck_assert_uint_eq(c.failures, 1);
    ck_assert(!acknowledge(7, 1));
    pass(30 * second);
    ck_assert_uint_eq(newest_begun, 8);
    acknowledge_all(8);
    published(8, 0);
    ck_assert_uint_eq(c.failures, 0);
}
END_TEST

START_TEST(one_that_takes_too_long_expires_but_not_while_it_is_published)
{
    pass(30 * second);
    pass(599 * second);
    ck_assert_int_eq(fates[7], BEGUN);
    pass(1 * second);
    ck_assert_int_eq(ends[7], TM_CHECKPOINT_EXPIRED);
    ck_assert_uint_eq(newest_begun, 8);
    acknowledge_all(8);
    pass(10000 * second);
    ck_assert_int_eq(fates[8], PUBLISHING);
    published(8, TM_E_IO);
    ck_assert_int_eq(ends[8], TM_CHECKPOINT_UNPUBLISHED);
    ck_assert_uint_eq(newest_completed, 0);
}
END_TEST

START_TEST(an_older_one_is_given_up_when_a_newer_is_whole)
{
    tm_checkpoints_fini(&c);
    start(2, 0);
    pass(30 * second);
    pass(30 * second);
    pass(30 * second);
    ck_assert_uint_eq(newest_begun, 8);
    acknowledge_all(8);
    published(8, 0);
    ck_assert_int_eq(ends[7], TM_CHECKPOINT_SUBSUMED);
    ck_assert_uint_eq(c.failures, 0);
    ck_assert_uint_eq(newest_begun, 9);
}
END_TEST

START_TEST(a_savepoint_needs_no_interval_and_subsumes_nothing)
{
    tm_checkpoints_fini(&c);
    start(2, 0);
    pass(30 * second);
    tm_checkpoints_savepoint(&c, now);
    ck_assert_int_eq(purposes[8], TM_PURPOSE_SAVEPOINT);
    acknowledge_all(8);
    published(8, 0);
    ck_assert_int_eq(fates[7], BEGUN);
    ck_assert_uint_eq(newest_completed, 0);
    acknowledge_all(7);
    published(7, 0);
    ck_assert_uint_eq(newest_completed, 7);
}
END_TEST

// What is whole already is of before the drain.
START_TEST(while_a_job_is_drained_there_is_none_but_the_last_one)
{
    tm_checkpoints_fini(&c);
    start(3, 0);
    pass(30 * second);
    acknowledge_all(7);
    pass(30 * second);
    tm_checkpoints_savepoint(&c, now);
    tm_checkpoints_drain(&c, now);
    ck_assert_int_eq(fates[7], PUBLISHING);
    ck_assert_int_eq(ends[8], TM_CHECKPOINT_SUBSUMED);
    ck_assert_int_eq(ends[9], TM_CHECKPOINT_DECLINED);
    published(7, 0);
    ck_assert_uint_eq(newest_completed, 7);
    tm_checkpoints_savepoint(&c, now);
    pass(300 * second);
    ck_assert_uint_eq(newest_begun, 9);
    tm_checkpoints_last(&c, TM_PURPOSE_END, now);
    ck_assert_uint_eq(newest_begun, 10);
    acknowledge_all(10);
    published(10, 0);
    ck_assert(tm_checkpoints_is_over(&c));
}
END_TEST

START_TEST(the_last_one_before_a_stop_is_tried_once)
{
    struct tm_error why = {.code = TM_E_NO_SPACE};
    pass(30 * second);
    tm_checkpoints_last(&c, TM_PURPOSE_STOP, now);
    ck_assert_int_eq(ends[7], TM_CHECKPOINT_SUBSUMED);
    ck_assert_int_eq(purposes[8], TM_PURPOSE_STOP);
    ck_assert(!tm_checkpoints_is_over(&c));
    tm_checkpoints_decline(&c, 8, 2, &why, now);
    ck_assert(tm_checkpoints_is_over(&c));
    pass(100 * second);
    ck_assert_uint_eq(newest_begun, 8);
}
END_TEST

START_TEST(the_last_one_at_the_end_is_tried_until_it_succeeds)
{
    struct tm_error why = {.code = TM_E_NO_SPACE};
    pass(30 * second);
    acknowledge_all(7);
    tm_checkpoints_last(&c, TM_PURPOSE_END, now);
    ck_assert_uint_eq(newest_begun, 7); // it is being published: that cannot be given up
    published(7, 0);
    ck_assert_int_eq(purposes[8], TM_PURPOSE_END);
    tm_checkpoints_decline(&c, 8, 2, &why, now);
    ck_assert(!tm_checkpoints_is_over(&c));
    ck_assert_uint_eq(newest_begun, 8);
    pass(tm_checkpoints_deadline_ns(&c) - now);
    ck_assert_int_eq(purposes[9], TM_PURPOSE_END);
    acknowledge_all(9);
    published(9, TM_E_IO);
    ck_assert(!tm_checkpoints_is_over(&c));
    pass(second);
    acknowledge_all(10);
    published(10, 0);
    ck_assert(tm_checkpoints_is_over(&c));
    pass(1000 * second);
    ck_assert_uint_eq(newest_begun, 10);
}
END_TEST

static int64_t retry_answer;
static int retries;

static int64_t answer_retry(void *arg, const struct tm_error *why)
{
    (void)arg;
    ck_assert_int_eq(why->code, TM_E_NO_SPACE);
    retries++;
    return retry_answer;
}

START_TEST(the_last_one_at_the_end_is_tried_again_when_and_as_long_as_it_is_said)
{
    struct tm_error why = {.code = TM_E_NO_SPACE};
    c.env.retry = answer_retry;
    retries = 0;
    retry_answer = 7 * second;
    tm_checkpoints_last(&c, TM_PURPOSE_END, now);
    tm_checkpoints_decline(&c, 7, 2, &why, now);
    ck_assert_int_eq(retries, 1);
    ck_assert_int_eq(tm_checkpoints_deadline_ns(&c), now + 7 * second);
    pass(7 * second - 1);
    ck_assert_uint_eq(newest_begun, 7);
    pass(1);
    ck_assert_uint_eq(newest_begun, 8);
    retry_answer = -1;
    tm_checkpoints_decline(&c, 8, 2, &why, now);
    ck_assert_int_eq(retries, 2);
    ck_assert(!tm_checkpoints_is_over(&c)); // it is not there
    ck_assert_int_eq(tm_checkpoints_deadline_ns(&c), INT64_MAX);
    pass(1000 * second);
    ck_assert_uint_eq(newest_begun, 8);
}
END_TEST

START_TEST(a_job_that_fails_publishes_nothing_more)
{
    pass(30 * second);
    acknowledge(7, 0);
    acknowledge(7, 1);
    tm_checkpoints_stop(&c);
    ck_assert(!acknowledge(7, 2));
    ck_assert_int_eq(fates[7], BEGUN);
    pass(10000 * second);
    ck_assert_uint_eq(newest_begun, 7);
}
END_TEST

// --- random orders -------------------------------------------------------------------------------

static uint64_t state;

static uint64_t next_random(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static uint64_t some_number(void)
{
    uint64_t newest = newest_begun < 7 ? 7 : newest_begun;
    uint64_t back = next_random(4);
    return newest - (back < newest - 6 ? back : 0);
}

static void something(void)
{
    struct tm_error why = {.code = TM_E_IO};
    uint64_t n = some_number();
    switch (next_random(8)) {
    case 0:
        pass((int64_t)next_random(40) * second);
        break;
    case 1:
        tm_checkpoints_decline(&c, n, (uint32_t)next_random(3), &why, now);
        break;
    case 2:
        if (publishing_first != publishing_last) {
            uint64_t oldest = publishing[publishing_first++ % 16];
            published(oldest, next_random(4) == 0 ? TM_E_IO : 0);
        }
        break;
    case 3:
        if (next_random(10) == 0)
            tm_checkpoints_savepoint(&c, now);
        break;
    case 4: // of an attempt that is over
        (void)tm_checkpoints_acknowledge(&c, n, (uint32_t)next_random(TASKS), 1, now);
        break;
    default:
        (void)acknowledge(n, (uint32_t)next_random(TASKS));
    }
}

// After everything that could go wrong has stopped doing so, the last one succeeds.
static void come_to_the_end(void)
{
    tm_checkpoints_last(&c, TM_PURPOSE_END, now);
    for (int i = 0; i < 100 && !tm_checkpoints_is_over(&c); i++) {
        for (uint64_t n = 7; n <= newest_begun; n++) {
            for (uint32_t t = 0; t < TASKS && fates[n] == BEGUN; t++)
                (void)acknowledge(n, t);
        }
        while (publishing_first != publishing_last)
            published(publishing[publishing_first++ % 16], 0);
        int64_t deadline = tm_checkpoints_deadline_ns(&c);
        if (deadline != INT64_MAX && deadline > now)
            pass(deadline - now);
    }
    ck_assert(tm_checkpoints_is_over(&c));
    ck_assert_uint_eq(newest_completed, newest_begun);
    ck_assert_uint_eq(under_way, 0);
    for (uint64_t n = 7; n <= newest_begun; n++)
        ck_assert_int_eq(fates[n], ENDED);
}

START_TEST(whatever_the_order_numbers_rise_and_only_whole_ones_are_published)
{
    uint64_t seed = getenv("TM_SEED") != NULL ? strtoull(getenv("TM_SEED"), NULL, 10)
                                              : (uint64_t)tm_fx_mono_ns(&fx) % 1000000000 + 1;
    printf("checkpoints: TM_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    uint64_t completed = 0;
    state = seed;
    for (int run = 0; run < 300; run++) {
        tm_checkpoints_fini(&c);
        start(1 + (uint32_t)next_random(3), (int64_t)next_random(20) * second);
        for (int i = 0; i < 400 && newest_begun < NUMBERS - 200; i++)
            something();
        completed += newest_completed;
        come_to_the_end();
    }
    ck_assert_uint_gt(completed, 300);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("coordinator");
    TCase *t = tcase_create("coordinator");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, one_is_taken_each_interval_and_is_complete_when_it_is_published);
    tcase_add_test(t, a_long_one_is_followed_at_once_and_not_overtaken);
    tcase_add_test(t, a_pause_lies_between_the_end_of_one_and_the_next);
    tcase_add_test(t, only_each_task_of_this_attempt_counts_and_once);
    tcase_add_test(t, a_declined_one_is_given_up_and_the_next_comes_at_its_time);
    tcase_add_test(t, one_that_takes_too_long_expires_but_not_while_it_is_published);
    tcase_add_test(t, an_older_one_is_given_up_when_a_newer_is_whole);
    tcase_add_test(t, a_savepoint_needs_no_interval_and_subsumes_nothing);
    tcase_add_test(t, while_a_job_is_drained_there_is_none_but_the_last_one);
    tcase_add_test(t, the_last_one_before_a_stop_is_tried_once);
    tcase_add_test(t, the_last_one_at_the_end_is_tried_until_it_succeeds);
    tcase_add_test(t, the_last_one_at_the_end_is_tried_again_when_and_as_long_as_it_is_said);
    tcase_add_test(t, a_job_that_fails_publishes_nothing_more);
    tcase_add_test(t, whatever_the_order_numbers_rise_and_only_whole_ones_are_published);
    suite_add_tcase(s, t);
    return run_suite(s);
}
