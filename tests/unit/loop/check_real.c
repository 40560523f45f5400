// The real clock, randomness, threads, executors and parkers.
#include <check.h>
#include <ev.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/loop/real.h"
#include "core/loop/waker.h"

static struct tm_fx fx;

static void setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
}

static void teardown(void)
{
    tm_real_fini(&fx);
    ck_assert_ptr_null(fx.clock);
}

START_TEST(clocks_do_not_go_back)
{
    int64_t mono = tm_fx_mono_ns(&fx), cpu = fx.clock->cpu_ns(fx.ctx);
    ck_assert_int_gt(tm_fx_wall_ms(&fx), INT64_C(1600000000000));
    for (int i = 0; i < 10000; i++) {
        int64_t mono_now = tm_fx_mono_ns(&fx), cpu_now = fx.clock->cpu_ns(fx.ctx);
        if (mono_now < mono || cpu_now < cpu)
            ck_abort_msg("a clock went back");
        mono = mono_now;
        cpu = cpu_now;
    }
}
END_TEST

START_TEST(random_numbers_differ)
{
    uint64_t all_and = ~UINT64_C(0), all_or = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t v = fx.random->next(fx.ctx);
        all_and &= v;
        all_or |= v;
    }
    ck_assert_uint_eq(all_and, 0); // every bit was 0 once and 1 once; misses at 2^-93
    ck_assert_uint_eq(all_or, ~UINT64_C(0));
}
END_TEST

struct seen {
    char name[16];
    bool interrupt_blocked, fault_blocked;
};

static void look_around(void *arg)
{
    struct seen *seen = arg;
    sigset_t blocked;
    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    seen->interrupt_blocked = sigismember(&blocked, SIGINT) == 1;
    seen->fault_blocked = sigismember(&blocked, SIGSEGV) == 1;
}

START_TEST(a_thread_has_its_name_and_leaves_signals_to_the_process)
{
    struct seen seen;
    struct tm_thread *thread;
    ck_assert_int_eq(fx.threads->thread_start(fx.ctx, "a-name-far-too-long-for-it", look_around,
                                              &seen, &thread, NULL),
                     0);
    fx.threads->thread_join(fx.ctx, thread);
    ck_assert_str_eq(seen.name, "a-name-far-too-");
    ck_assert(seen.interrupt_blocked);
    ck_assert(!seen.fault_blocked);
    sigset_t mine;
    pthread_sigmask(SIG_BLOCK, NULL, &mine);
    ck_assert_int_eq(sigismember(&mine, SIGINT), 0);
}
END_TEST

enum { WORKS = 1000 };

struct job {
    struct tm_work work; // first
    int number;
};

static int order[WORKS];
static int ran;

static void record(struct tm_work *work)
{
    order[ran++] = ((struct job *)work)->number;
}

START_TEST(works_run_in_the_order_of_submission)
{
    static struct job jobs[WORKS];
    ran = 0;
    struct tm_executor *executor = fx.threads->executor_new(fx.ctx, "helper", NULL);
    ck_assert_ptr_nonnull(executor);
    for (int i = 0; i < WORKS; i++) {
        jobs[i].work.run = record;
        jobs[i].number = i;
        fx.threads->executor_submit(fx.ctx, executor, &jobs[i].work);
    }
    fx.threads->executor_free(fx.ctx, executor); // runs what was submitted
    ck_assert_int_eq(ran, WORKS);
    for (int i = 0; i < WORKS; i++) {
        ck_assert_int_eq(order[i], i);
        ck_assert(tm_work_is_done(&jobs[i].work));
    }
}
END_TEST

static void add_one(struct tm_work *work)
{
    ((struct job *)work)->number++;
}

START_TEST(a_done_work_wakes_and_may_be_submitted_again)
{
    struct tm_waker waker;
    struct job job = {.work = {.run = add_one, .waker = &waker}};
    ck_assert_int_eq(tm_waker_init(&waker, &fx, NULL), 0);
    struct tm_executor *executor = fx.threads->executor_new(fx.ctx, "helper", NULL);
    for (int i = 1; i <= 2000; i++) {
        fx.threads->executor_submit(fx.ctx, executor, &job.work);
        while (!tm_work_is_done(&job.work)) {
            tm_waker_prepare(&waker);
            if (tm_work_is_done(&job.work))
                tm_waker_cancel(&waker);
            else
                tm_waker_wait(&waker, INT64_MAX);
        }
        ck_assert_int_eq(job.number, i);
    }
    fx.threads->executor_free(fx.ctx, executor);
    tm_waker_fini(&waker);
}
END_TEST

START_TEST(an_executor_without_work_ends)
{
    fx.threads->executor_free(fx.ctx, fx.threads->executor_new(fx.ctx, "idle", NULL));
}
END_TEST

START_TEST(a_wake_before_the_wait_ends_it_at_once)
{
    struct tm_parker *parker = fx.threads->parker_new(fx.ctx, NULL);
    for (int i = 0; i < 100; i++) {
        fx.threads->parker_wake(fx.ctx, parker);
        fx.threads->parker_wake(fx.ctx, parker);
        fx.threads->parker_wait(fx.ctx, parker, INT64_MAX);
    }
    fx.threads->parker_free(fx.ctx, parker);
}
END_TEST

START_TEST(a_wait_lasts_until_its_deadline)
{
    struct tm_parker *parker = fx.threads->parker_new(fx.ctx, NULL);
    fx.threads->parker_wait(fx.ctx, parker, 0);
    fx.threads->parker_wait(fx.ctx, parker, INT64_MIN);
    fx.threads->parker_wake(fx.ctx, parker); // a wake is good for one wait
    fx.threads->parker_wait(fx.ctx, parker, INT64_MAX);
    for (int64_t ns = 1000; ns < 4000000; ns = ns * 3 / 2) {
        int64_t deadline = tm_fx_mono_ns(&fx) + ns;
        fx.threads->parker_wait(fx.ctx, parker, deadline);
        ck_assert_int_ge(tm_fx_mono_ns(&fx), deadline);
    }
    fx.threads->parker_free(fx.ctx, parker);
}
END_TEST

static struct tm_parker *signalled;
static int signals;

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
    signals++;
    fx.threads->parker_wake(fx.ctx, signalled);
}

START_TEST(a_signal_reaches_the_loop_of_a_parked_thread)
{
    ev_signal watcher;
    signalled = fx.threads->parker_new(fx.ctx, NULL);
    struct ev_loop *loop = tm_real_parker_loop(signalled);
    signals = 0;
    ev_signal_init(&watcher, on_signal, SIGUSR1);
    ev_signal_start(loop, &watcher);
    raise(SIGUSR1);
    fx.threads->parker_wait(fx.ctx, signalled, INT64_MAX);
    ck_assert_int_eq(signals, 1);
    ev_signal_stop(loop, &watcher);
    fx.threads->parker_free(fx.ctx, signalled);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("real");
    TCase *tcase = tcase_create("real");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, clocks_do_not_go_back);
    tcase_add_test(tcase, random_numbers_differ);
    tcase_add_test(tcase, a_thread_has_its_name_and_leaves_signals_to_the_process);
    tcase_add_test(tcase, works_run_in_the_order_of_submission);
    tcase_add_test(tcase, a_done_work_wakes_and_may_be_submitted_again);
    tcase_add_test(tcase, an_executor_without_work_ends);
    tcase_add_test(tcase, a_wake_before_the_wait_ends_it_at_once);
    tcase_add_test(tcase, a_wait_lasts_until_its_deadline);
    tcase_add_test(tcase, a_signal_reaches_the_loop_of_a_parked_thread);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
