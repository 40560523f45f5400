// Effects of the test kit's world.
#include "core/kit/world.h"

#include "core/base/check.h"
#include "core/loop/waker.h"

enum { BEGIN_NS = 1000000000 }; // of the monotonic clock: 0 means "not yet" to some

struct tm_executor {
    struct tm_kit_world *world;
    struct tm_work *first, *last;
    struct tm_executor *next;
};

struct tm_parker {
    int unused;
};

// --- clock and random ----------------------------------------------------------------------------

static int64_t mono_ns(void *ctx)
{
    const struct tm_kit_world *world = ctx;
    return BEGIN_NS + world->clock_ns;
}

static int64_t wall_ms(void *ctx)
{
    const struct tm_kit_world *world = ctx;
    return world->wall_ms + world->clock_ns / 1000000;
}

static int64_t cpu_ns(void *ctx)
{
    (void)ctx;
    return 0;
}

static uint64_t random_next(void *ctx)
{
    struct tm_kit_world *world = ctx;
    uint64_t z = (world->random += 0x9e3779b97f4a7c15u); // splitmix64
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// --- threads -------------------------------------------------------------------------------------

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
    struct tm_kit_world *world = ctx;
    struct tm_executor *executor = world->fx.memory->alloc(ctx, sizeof *executor);
    if (executor == NULL) {
        tm_error_set(err, TM_E_MEMORY, "out of memory for %s", name);
        return NULL;
    }
    *executor = (struct tm_executor){.world = world, .next = world->executors};
    world->executors = executor;
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
    struct tm_waker *waker = work->waker;
    executor->first = work->next;
    if (executor->first == NULL)
        executor->last = NULL;
    work->run(work);
    work->done = 1;
    if (waker != NULL)
        tm_waker_notify(waker);
}

bool tm_kit_world_help(void *arg)
{
    struct tm_kit_world *world = arg;
    for (struct tm_executor *e = world->executors; e != NULL; e = e->next)
        if (e->first != NULL) {
            run_first(e);
            return true;
        }
    return false;
}

static void executor_free(void *ctx, struct tm_executor *executor)
{
    struct tm_kit_world *world = ctx;
    while (executor->first != NULL)
        run_first(executor);
    struct tm_executor **link = &world->executors;
    while (*link != executor)
        link = &(*link)->next;
    *link = executor->next;
    world->fx.memory->free(ctx, executor, sizeof *executor);
}

// Nobody sleeps: who drives the job knows when there is something to do.
static struct tm_parker *parker_new(void *ctx, struct tm_error *err)
{
    struct tm_kit_world *world = ctx;
    struct tm_parker *parker = world->fx.memory->alloc(ctx, sizeof *parker);
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
    struct tm_kit_world *world = ctx;
    world->fx.memory->free(ctx, parker, sizeof *parker);
}

static const struct tm_fx_clock clock_table = {
    .wall_ms = wall_ms, .mono_ns = mono_ns, .cpu_ns = cpu_ns};
static const struct tm_fx_random random_table = {.next = random_next};
static const struct tm_fx_threads threads_table = {
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

void tm_kit_world_init(struct tm_kit_world *world, const struct tm_fx *real, uint64_t seed,
                       int64_t start_ms)
{
    TM_CHECK(real->ctx == NULL);
    *world = (struct tm_kit_world){.random = seed, .wall_ms = start_ms};
    world->fx = (struct tm_fx){.ctx = world,
                               .clock = &clock_table,
                               .random = &random_table,
                               .files = real->files,
                               .threads = &threads_table,
                               .memory = real->memory};
}
