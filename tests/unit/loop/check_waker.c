// The waker's protocol: work published at any moment is seen, no wake-up is lost.
#include <check.h>
#include <sched.h>
#include <stdlib.h>

#include "core/loop/real.h"
#include "core/loop/waker.h"

enum { ROUNDS = 20000 };

static struct tm_fx fx;

static void setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
}

// Two threads hand a number to each other; each sleeps until it is its turn.
struct side {
    struct tm_waker waker;
    _Atomic uint32_t ball; // partner: the other side's release store
};

static struct side sides[2];

static void wait_for_ball(struct side *side, uint32_t number)
{
    while (atomic_load_explicit(&side->ball, memory_order_acquire) != number) {
        tm_waker_prepare(&side->waker);
        if (atomic_load_explicit(&side->ball, memory_order_acquire) == number)
            tm_waker_cancel(&side->waker);
        else
            tm_waker_wait(&side->waker, INT64_MAX);
    }
}

static void give_ball(struct side *side, uint32_t number)
{
    atomic_store_explicit(&side->ball, number, memory_order_release);
    tm_waker_notify(&side->waker);
}

static void play(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        wait_for_ball(&sides[1], i);
        give_ball(&sides[0], i);
    }
}

START_TEST(two_threads_never_miss_each_other)
{
    struct tm_thread *thread;
    for (int i = 0; i < 2; i++) {
        atomic_init(&sides[i].ball, 0);
        ck_assert_int_eq(tm_waker_init(&sides[i].waker, &fx, NULL), 0);
    }
    ck_assert_int_eq(fx.threads->thread_start(fx.ctx, "player", play, NULL, &thread, NULL), 0);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        give_ball(&sides[1], i);
        wait_for_ball(&sides[0], i);
    }
    fx.threads->thread_join(fx.ctx, thread);
    for (int i = 0; i < 2; i++)
        tm_waker_fini(&sides[i].waker);
}
END_TEST

static int wakes;

static void count_wake(void *ctx, struct tm_parker *parker)
{
    (void)ctx;
    (void)parker;
    wakes++;
}

START_TEST(notifying_one_who_is_awake_costs_no_wake)
{
    struct tm_fx_threads threads = *fx.threads;
    threads.parker_wake = count_wake;
    struct tm_fx counted = fx;
    counted.threads = &threads;
    struct tm_waker waker;
    wakes = 0;
    ck_assert_int_eq(tm_waker_init(&waker, &counted, NULL), 0);
    tm_waker_notify(&waker);
    ck_assert_int_eq(wakes, 0);
    tm_waker_prepare(&waker);
    tm_waker_notify(&waker);
    ck_assert_int_eq(wakes, 1);
    tm_waker_cancel(&waker);
    tm_waker_notify(&waker);
    ck_assert_int_eq(wakes, 1);
    tm_waker_prepare(&waker);
    tm_waker_wait(&waker, 0); // a deadline long past
    tm_waker_notify(&waker);
    ck_assert_int_eq(wakes, 1);
    tm_waker_fini(&waker);
}
END_TEST

// The one order of events that must not happen: the sleeper sees no work and the notifier sees no
// sleeper. Both run through it at the same moment, again and again.
#if defined(__SANITIZE_THREAD__)
enum { MEETINGS = 20000 }; // it does not model fences and so finds nothing here but time
#else
enum { MEETINGS = 200000 };
#endif

struct meeting {
    struct tm_waker waker;
    _Atomic uint32_t at_start[2]; // partners: each other's
    _Atomic uint32_t work;
};

static struct meeting meeting;

static void wait_for_start(int who, uint32_t round)
{
    for (int spins = 0; atomic_load_explicit(&meeting.at_start[who], memory_order_acquire) < round;
         spins++)
        if (spins > 20000)
            sched_yield(); // fewer cores than threads
}

static void meet(int me, uint32_t round)
{
    atomic_store_explicit(&meeting.at_start[me], round, memory_order_release);
    wait_for_start(1 - me, round);
    // The last to arrive leaves first: every difference of some tens of nanoseconds is tried.
    for (volatile uint32_t wait = me == 1 ? round % 97 : round % 89; wait > 0; wait--)
        ;
}

static void be_notifier(void *arg)
{
    (void)arg;
    for (uint32_t round = 1; round <= MEETINGS; round++) {
        meet(1, round);
        atomic_store_explicit(&meeting.work, round, memory_order_release);
        tm_waker_notify(&meeting.waker);
    }
}

START_TEST(sleeper_and_notifier_cannot_both_look_too_early)
{
    struct tm_fx_threads threads = *fx.threads;
    threads.parker_wake = count_wake;
    struct tm_fx counted = fx;
    counted.threads = &threads;
    struct tm_thread *thread;
    uint32_t missed = 0;
    ck_assert_int_eq(tm_waker_init(&meeting.waker, &counted, NULL), 0);
    ck_assert_int_eq(fx.threads->thread_start(fx.ctx, "notifier", be_notifier, NULL, &thread, NULL),
                     0);
    int before = 0;
    wakes = 0;
    for (uint32_t round = 1; round <= MEETINGS; round++) {
        meet(0, round);
        tm_waker_prepare(&meeting.waker);
        bool seen = atomic_load_explicit(&meeting.work, memory_order_acquire) == round;
        // The notifier is through its round once it is at the next one's start, or has ended.
        if (round < MEETINGS)
            wait_for_start(1, round + 1);
        else
            fx.threads->thread_join(fx.ctx, thread);
        tm_waker_cancel(&meeting.waker);
        missed += !seen && wakes == before;
        before = wakes;
    }
    ck_assert_uint_eq(missed, 0);
    tm_waker_fini(&meeting.waker);
}
END_TEST

static struct tm_parker *no_parker(void *ctx, struct tm_error *err)
{
    (void)ctx;
    tm_error_set(err, TM_E_LIMIT, "no more");
    return NULL;
}

START_TEST(a_waker_without_a_parker_is_an_error)
{
    struct tm_fx_threads threads = *fx.threads;
    threads.parker_new = no_parker;
    struct tm_fx broken = fx;
    broken.threads = &threads;
    struct tm_waker waker;
    struct tm_error err;
    tm_error_clear(&err);
    ck_assert_int_eq(tm_waker_init(&waker, &broken, &err), TM_E_LIMIT);
    ck_assert_str_eq(err.message, "no more");
    tm_waker_fini(&waker);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waker");
    TCase *tcase = tcase_create("waker");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, two_threads_never_miss_each_other);
    tcase_add_test(tcase, notifying_one_who_is_awake_costs_no_wake);
    tcase_add_test(tcase, sleeper_and_notifier_cannot_both_look_too_early);
    tcase_add_test(tcase, a_waker_without_a_parker_is_an_error);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
