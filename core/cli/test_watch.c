// The thread beside the specs. It sleeps, looks whether the tests' thread is in the step that it
// was in, and how long that thread has worked since.
#include "core/cli/test_watch.h"

#include <lua.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/cli/report.h"

enum { LOOK_LEAST_MS = 20, LOOK_MOST_MS = 250, NS_PER_MS = 1000000, LEVELS_MAX = 100 };

struct tm_test_watch {
    const struct tm_cli_options *options;
    struct tm_kit_watch kit;
    clockid_t worked; // how long the tests' thread has worked
    pthread_t thread;
    pthread_mutex_t lock; // guards `ends`
    pthread_cond_t changed;
    bool ends;
    // What the last look has seen.
    uint64_t calls, steps;
    int64_t since_ns; // by `worked`
};

struct tm_kit_watch *tm_test_watch_kit(struct tm_test_watch *self)
{
    return &self->kit;
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (int64_t)at.tv_sec * 1000 * NS_PER_MS + at.tv_nsec;
}

// --- what is told --------------------------------------------------------------------------------

// The line of the spec, whose Lua waits in a call of the engine. "": no file's.
static void find_line(lua_State *lua, char *text, size_t size)
{
    lua_Debug frame;
    text[0] = '\0';
    for (int level = 0; level < LEVELS_MAX && lua_getstack(lua, level, &frame) != 0; level++) {
        if (lua_getinfo(lua, "Sl", &frame) != 0 && frame.source[0] == '@' &&
            frame.currentline > 0) {
            snprintf(text, size, "%s:%d", frame.source + 1, frame.currentline);
            return;
        }
    }
}

// NULL: no operator is in a step.
static const struct tm_watch_node *node_under_way(const struct tm_watch *watch)
{
    uint32_t count = atomic_load_explicit(&watch->worker_count, memory_order_acquire);
    for (uint32_t w = 0; w < count; w++)
        if (atomic_load_explicit(&watch->slots[w].since_ns, memory_order_acquire) != 0)
            return &watch->nodes[atomic_load(&watch->slots[w].node) % TM_NODES_MAX];
    return NULL;
}

static void describe(const struct tm_watch_node *node, char *text, size_t size)
{
    if (node == NULL)
        snprintf(text, size, "the job's script");
    else if (strcmp(node->name, node->last_name) == 0)
        snprintf(text, size, "operator '%s'", node->name);
    else
        snprintf(text, size, "one of the operators '%s' to '%s'", node->name, node->last_name);
}

// Nothing but the end of the process ends the loop.
static void end_tests(struct tm_test_watch *self, int64_t timeout_ms)
{
    const struct tm_watch_node *node = node_under_way(&self->kit.watch);
    char what[2 * TM_WATCH_NAME + 60], line[512], time[32];
    struct tm_error err = {0};
    describe(node, what, sizeof what);
    find_line(self->kit.caller, line, sizeof line);
    tm_error_set(&err, TM_E_BATCH_TIMEOUT,
                 "%s has been busy for more than %s%s%s%s, and the tests end", what,
                 tm_text_duration(timeout_ms, time), line[0] == '\0' ? "" : " (in the call at ",
                 line, line[0] == '\0' ? "" : ")");
    if (node != NULL)
        tm_error_where(&err, "%s", node->where);
    tm_error_hint(&err, node == NULL
                            ? "a loop that does not end, in the script or in a module of it"
                            : "a loop that does not end, as a rule; a function that needs more "
                              "time gets it: tm.job(\"name\", { batch_timeout = \"5m\" })");
    fflush(stdout);
    int code = tm_cli_fail(self->options, &err, TM_EXIT_FAILED);
    fflush(NULL);
    _exit(code);
}

// --- looking -------------------------------------------------------------------------------------

static uint64_t count_steps(const struct tm_watch *watch)
{
    uint64_t steps = 0;
    uint32_t count = atomic_load_explicit(&watch->worker_count, memory_order_acquire);
    for (uint32_t w = 0; w < count; w++)
        steps += atomic_load_explicit(&watch->slots[w].steps, memory_order_relaxed);
    return steps;
}

// When to look again, ms.
static int64_t look(struct tm_test_watch *self)
{
    int64_t timeout_ms = atomic_load_explicit(&self->kit.timeout_ms, memory_order_acquire);
    uint64_t calls = atomic_load_explicit(&self->kit.calls, memory_order_relaxed);
    uint64_t steps = count_steps(&self->kit.watch);
    int64_t now = now_ns(self->worked);
    // The script before there are operators, then steps; what is between them is the engine's.
    bool plans = atomic_load(&self->kit.watch.worker_count) == 0;
    bool bounded = timeout_ms != 0 && (plans || node_under_way(&self->kit.watch) != NULL);
    if (!bounded || calls != self->calls || steps != self->steps)
        self->since_ns = now;
    self->calls = calls;
    self->steps = steps;
    if (bounded && now - self->since_ns > timeout_ms * NS_PER_MS)
        end_tests(self, timeout_ms);
    int64_t next_ms = timeout_ms / 4;
    return timeout_ms == 0 || next_ms > LOOK_MOST_MS ? LOOK_MOST_MS
           : next_ms < LOOK_LEAST_MS                 ? LOOK_LEAST_MS
                                                     : next_ms;
}

static void *watch(void *arg)
{
    struct tm_test_watch *self = arg;
    int64_t next_ms = LOOK_MOST_MS;
    pthread_setname_np(pthread_self(), "test-watch");
    pthread_mutex_lock(&self->lock);
    while (!self->ends) {
        int64_t until_ns = now_ns(CLOCK_MONOTONIC) + next_ms * NS_PER_MS;
        struct timespec until = {.tv_sec = (time_t)(until_ns / (1000 * (int64_t)NS_PER_MS)),
                                 .tv_nsec = (long)(until_ns % (1000 * (int64_t)NS_PER_MS))};
        pthread_cond_timedwait(&self->changed, &self->lock, &until);
        if (!self->ends)
            next_ms = look(self);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

// --- life ----------------------------------------------------------------------------------------

int tm_test_watch_new(const struct tm_cli_options *options, struct tm_test_watch **result,
                      struct tm_error *err)
{
    struct tm_test_watch *self = calloc(1, sizeof *self);
    pthread_condattr_t attributes;
    sigset_t all, before;
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for tests");
    self->options = options;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    sigfillset(&all); // signals are the tests' thread's
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = pthread_getcpuclockid(pthread_self(), &self->worked);
    if (rc == 0)
        rc = pthread_create(&self->thread, NULL, watch, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        pthread_cond_destroy(&self->changed);
        pthread_mutex_destroy(&self->lock);
        free(self);
        return tm_error_set(err, TM_E_IO, "no thread can be made: %s", strerror(rc));
    }
    *result = self;
    return 0;
}

void tm_test_watch_free(struct tm_test_watch *self)
{
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    self->ends = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}
