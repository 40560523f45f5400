// Executors that are queues, in a world of one thread.
#include "core/loop/single.h"

#include "core/loop/waker.h"

struct tm_executor {
    struct tm_work *first, *last;
    struct tm_executor *next;
};

struct tm_parker {
    int unused;
};

uint64_t tm_single_random(struct tm_single *single)
{
    uint64_t z = (single->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int thread_start(void *ctx, const char *name, void (*run)(void *arg), void *arg,
                        struct tm_thread **thread, struct tm_error *err)
{
    (void)ctx;
    (void)run;
    (void)arg;
    (void)thread;
    return tm_error_set(err, TM_E_INTERNAL, "a test has one thread, and no other for %s", name);
}

static void thread_join(void *ctx, struct tm_thread *thread)
{
    (void)ctx;
    (void)thread;
}

static struct tm_executor *executor_new(void *ctx, const char *name, struct tm_error *err)
{
    struct tm_single *single = ctx;
    struct tm_executor *executor = single->memory->alloc(ctx, sizeof *executor);
    if (executor == NULL) {
        tm_error_set(err, TM_E_MEMORY, "out of memory for %s", name);
        return NULL;
    }
    *executor = (struct tm_executor){.next = single->executors};
    single->executors = executor;
    return executor;
}

static void executor_submit(void *ctx, struct tm_executor *executor, struct tm_work *work)
{
    (void)ctx;
    work->done = 0;
    work->next = NULL;
    if (executor->last != NULL)
        executor->last->next = work;
    else
        executor->first = work;
    executor->last = work;
}

static void run_first(struct tm_executor *executor)
{
    struct tm_work *work = executor->first;
    struct tm_waker *waker = work->waker; // the work may be gone once it has run
    executor->first = work->next;
    if (executor->first == NULL)
        executor->last = NULL;
    work->run(work);
    work->done = 1;
    if (waker != NULL)
        tm_waker_notify(waker);
}

bool tm_single_run(struct tm_single *single, uint64_t pick)
{
    uint64_t ready = 0;
    for (struct tm_executor *e = single->executors; e != NULL; e = e->next)
        ready += e->first != NULL;
    if (ready == 0)
        return false;
    pick %= ready;
    struct tm_executor *e = single->executors;
    while (e->first == NULL || pick-- != 0)
        e = e->next;
    run_first(e);
    return true;
}

static void executor_free(void *ctx, struct tm_executor *executor)
{
    struct tm_single *single = ctx;
    while (executor->first != NULL)
        run_first(executor);
    struct tm_executor **link = &single->executors;
    while (*link != executor)
        link = &(*link)->next;
    *link = executor->next;
    single->memory->free(ctx, executor, sizeof *executor);
}

// Nobody sleeps: who drives the world knows when there is something to do.
static struct tm_parker *parker_new(void *ctx, struct tm_error *err)
{
    struct tm_single *single = ctx;
    struct tm_parker *parker = single->memory->alloc(ctx, sizeof *parker);
    if (parker == NULL)
        tm_error_set(err, TM_E_MEMORY, "out of memory for a parker");
    return parker;
}

static void parker_wait(void *ctx, struct tm_parker *parker, int64_t deadline_ns)
{
    (void)ctx;
    (void)parker;
    (void)deadline_ns;
}

static void parker_wake(void *ctx, struct tm_parker *parker)
{
    (void)ctx;
    (void)parker;
}

static void parker_free(void *ctx, struct tm_parker *parker)
{
    struct tm_single *single = ctx;
    single->memory->free(ctx, parker, sizeof *parker);
}

const struct tm_fx_threads tm_single_threads = {
    .thread_start = thread_start,
    .thread_join = thread_join,
    .executor_new = executor_new,
    .executor_submit = executor_submit,
    .executor_free = executor_free,
    .parker_new = parker_new,
    .parker_wait = parker_wait,
    .parker_wake = parker_wake,
    .parker_free = parker_free,
};
