// The real world's threads: pthreads, executors (a thread with a queue of works) and parkers (a
// libev loop, so that file descriptors and signals can wake the same sleeper).
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/loop/real.h"
#include "core/loop/real_private.h"
#include "core/loop/waker.h"

// --- threads ---

enum { THREAD_NAME_MAX = 16 }; // the kernel's, with its NUL

struct tm_thread {
    pthread_t id;
    char name[THREAD_NAME_MAX];
    void (*run)(void *arg);
    void *arg;
};

static void *thread_main(void *arg)
{
    struct tm_thread *thread = arg;
    pthread_setname_np(pthread_self(),
                       thread->name); // only a name: tools show the process's without
    thread->run(thread->arg);
    return NULL;
}

// Signals of the process go to the thread that started it, which turns them into messages. A
// thread's own faults and the profiler's clock stay where they are.
static void process_signals(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF};
    sigfillset(set);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        sigdelset(set, own[i]);
}

static int real_thread_start(void *ctx, const char *name, void (*run)(void *arg), void *arg,
                             struct tm_thread **thread, struct tm_error *err)
{
    (void)ctx;
    struct tm_thread *t = malloc(sizeof(*t));
    if (t == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the thread \"%s\"", name);
    snprintf(t->name, sizeof(t->name), "%s", name);
    t->run = run;
    t->arg = arg;
    sigset_t block, before;
    process_signals(&block);
    pthread_sigmask(SIG_BLOCK, &block, &before);
    int rc = pthread_create(&t->id, NULL, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        free(t);
        return tm_error_set_errno(err, TM_E_LIMIT, rc, "cannot start the thread \"%s\"", name);
    }
    *thread = t;
    return 0;
}

static void real_thread_join(void *ctx, struct tm_thread *thread)
{
    (void)ctx;
    TM_CHECK(pthread_join(thread->id, NULL) == 0);
    free(thread);
}

// --- executors ---

struct tm_executor {
    struct tm_thread *thread;
    pthread_mutex_t lock; // guards what follows
    pthread_cond_t changed;
    struct tm_work *first, *last;
    bool ending;
};

static void finish(struct tm_work *work)
{
    struct tm_waker *waker = work->waker; // the work is its submitter's again once done is set
    __atomic_store_n((int *)&work->done, 1, __ATOMIC_RELEASE); // partner: tm_work_is_done
    if (waker != NULL)
        tm_waker_notify(waker);
}

static void executor_main(void *arg)
{
    struct tm_executor *executor = arg;
    pthread_mutex_lock(&executor->lock);
    for (;;) {
        struct tm_work *work = executor->first;
        if (work != NULL) {
            executor->first = work->next;
            pthread_mutex_unlock(&executor->lock);
            work->run(work);
            finish(work);
            pthread_mutex_lock(&executor->lock);
        } else if (executor->ending) {
            break;
        } else {
            pthread_cond_wait(&executor->changed, &executor->lock);
        }
    }
    pthread_mutex_unlock(&executor->lock);
}

static struct tm_executor *real_executor_new(void *ctx, const char *name, struct tm_error *err)
{
    struct tm_executor *executor = calloc(1, sizeof(*executor));
    if (executor == NULL) {
        tm_error_set(err, TM_E_MEMORY, "out of memory for the helper thread \"%s\"", name);
        return NULL;
    }
    pthread_mutex_init(&executor->lock, NULL);
    pthread_cond_init(&executor->changed, NULL);
    if (real_thread_start(ctx, name, executor_main, executor, &executor->thread, err) != 0) {
        pthread_cond_destroy(&executor->changed);
        pthread_mutex_destroy(&executor->lock);
        free(executor);
        return NULL;
    }
    return executor;
}

static void real_executor_submit(void *ctx, struct tm_executor *executor, struct tm_work *work)
{
    (void)ctx;
    work->next = NULL;
    __atomic_store_n((int *)&work->done, 0, __ATOMIC_RELAXED); // the lock publishes it
    pthread_mutex_lock(&executor->lock);
    if (executor->first == NULL)
        executor->first = work;
    else
        executor->last->next = work;
    executor->last = work;
    pthread_cond_signal(&executor->changed);
    pthread_mutex_unlock(&executor->lock);
}

static void real_executor_free(void *ctx, struct tm_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    executor->ending = true;
    pthread_cond_signal(&executor->changed);
    pthread_mutex_unlock(&executor->lock);
    real_thread_join(ctx, executor->thread);
    pthread_cond_destroy(&executor->changed);
    pthread_mutex_destroy(&executor->lock);
    free(executor);
}

// --- parkers ---

struct tm_parker {
    struct ev_loop *loop;
    ev_async async;
    ev_timer timer;
    bool woken; // the owner's: set in its loop, by the watcher of `async`
};

void tm__real_parker_rouse(struct tm_parker *parker)
{
    parker->woken = true;
    ev_break(parker->loop, EVBREAK_ONE);
}

static void on_wake(struct ev_loop *loop, ev_async *watcher, int events)
{
    (void)events;
    (void)loop;
    tm__real_parker_rouse(watcher->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)watcher;
    (void)events;
    ev_break(loop, EVBREAK_ONE);
}

// What libev makes at the first watcher of another thread: without it, it ends the process.
static bool has_descriptors(void)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) != 0)
        return false;
    close(pair[0]);
    close(pair[1]);
    return true;
}

static struct tm_parker *real_parker_new(void *ctx, struct tm_error *err)
{
    (void)ctx;
    struct tm_parker *parker = calloc(1, sizeof(*parker));
    if (parker == NULL) {
        tm_error_set(err, TM_E_MEMORY, "out of memory for an event loop");
        return NULL;
    }
    parker->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (parker->loop == NULL || !has_descriptors()) {
        tm_error_set_errno(err, TM_E_LIMIT, errno, "cannot make an event loop");
        if (parker->loop != NULL)
            ev_loop_destroy(parker->loop);
        tm_error_hint(err, "the process may be out of file descriptors: see ulimit -n");
        free(parker);
        return NULL;
    }
    ev_async_init(&parker->async, on_wake);
    parker->async.data = parker;
    ev_async_start(parker->loop, &parker->async);
    ev_timer_init(&parker->timer, on_timer, 0., 0.);
    return parker;
}

static int64_t mono_ns(void)
{
    struct timespec ts;
    TM_CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void real_parker_wait(void *ctx, struct tm_parker *parker, int64_t deadline_ns)
{
    (void)ctx;
    // The loop may end early (another watcher, a timer a little before its time): look again.
    while (!parker->woken) {
        if (deadline_ns != INT64_MAX) {
            int64_t now = mono_ns();
            if (now >= deadline_ns) {
                ev_run(parker->loop, EVRUN_NOWAIT); // descriptors and wakes get their turn
                break;
            }
            ev_now_update(parker->loop); // the timer counts from the loop's idea of now
            ev_timer_set(&parker->timer, (double)(deadline_ns - now) / 1e9, 0.);
            ev_timer_start(parker->loop, &parker->timer);
        }
        ev_run(parker->loop, EVRUN_ONCE);
        ev_timer_stop(parker->loop, &parker->timer);
    }
    parker->woken = false;
}

static void real_parker_wake(void *ctx, struct tm_parker *parker)
{
    (void)ctx;
    ev_async_send(parker->loop, &parker->async);
}

static void real_parker_free(void *ctx, struct tm_parker *parker)
{
    (void)ctx;
    ev_async_stop(parker->loop, &parker->async);
    ev_loop_destroy(parker->loop);
    free(parker);
}

struct ev_loop *tm_real_parker_loop(struct tm_parker *parker)
{
    return parker->loop;
}

const struct tm_fx_threads tm__real_threads = {
    .thread_start = real_thread_start,
    .thread_join = real_thread_join,
    .executor_new = real_executor_new,
    .executor_submit = real_executor_submit,
    .executor_free = real_executor_free,
    .parker_new = real_parker_new,
    .parker_wait = real_parker_wait,
    .parker_wake = real_parker_wake,
    .parker_free = real_parker_free,
};
