// The waker's protocol: work published at any moment is seen, no wake-up is lost.
#include <check.h>
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
    tcase_add_test(tcase, a_waker_without_a_parker_is_an_error);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
