// The worker process's side of what it shares with its supervisor.
#include "core/cli/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/base/sanitizer.h"

// A signal handler is told nothing else. Set once, before there are threads.
static struct tm_supervised *crashing;

// Which worker: its thread is called so (core/cli/run.c).
static int worker_of_thread(void)
{
    char name[16] = "";
    unsigned worker;
    if (prctl(PR_GET_NAME, name) != 0 || strncmp(name, "worker-", 7) != 0)
        return 0;
    worker = 0;
    for (const char *p = name + 7; *p >= '0' && *p <= '9'; p++)
        worker = worker * 10 + (unsigned)(*p - '0');
    return (int)worker + 1;
}

// The default action follows: the process ends as it would have ended. What another process has
// sent says nothing about what was under way.
static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    int expected = 0;
    bool sent = info->si_code <= 0 && info->si_pid != getpid();
    if (atomic_compare_exchange_strong(&crashing->crashed, &expected, number) && !sent)
        atomic_store(&crashing->crashed_worker, worker_of_thread());
    raise(number);
}

void tm_supervised_begin(struct tm_supervised *self)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    const bool catches = !TM_SANITIZED; // sanitizers have handlers of their own
    struct sigaction action = {.sa_sigaction = on_crash,
                               .sa_flags = SA_SIGINFO | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    crashing = self;
    for (size_t i = 0; catches && i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaction(numbers[i], &action, NULL);
}

bool tm_supervised_has_script(const struct tm_supervised *self)
{
    return self != NULL && atomic_load(&self->script_length) != 0;
}

void tm_supervised_script(const struct tm_supervised *self, char *text, size_t *length)
{
    *length = atomic_load(&self->script_length) - 1;
    memcpy(text, self->script, *length);
}

void tm_supervised_keep_script(struct tm_supervised *self, const char *text, size_t length)
{
    if (self == NULL || length > sizeof self->script)
        return;
    memcpy(self->script, text, length);
    atomic_store(&self->script_length, length + 1);
    atomic_store(&self->touched, 0); // nobody has to read it again
}

void tm_supervised_job(struct tm_supervised *self, const struct tm_supervised_args *args)
{
    if (self == NULL)
        return;
    if (!atomic_exchange(&self->knows_strategy, 1))
        tm_failover_init(&self->failover, &args->policy, args->seed);
    snprintf(self->why_not, sizeof self->why_not, "%s", args->why_not == NULL ? "" : args->why_not);
    atomic_store(&self->shows, args->shows);
    atomic_store(&self->batch_timeout_ms, args->batch_timeout_ms);
}

void tm_supervised_folder(struct tm_supervised *self, const char *folder)
{
    if (self != NULL)
        snprintf(self->latest, sizeof self->latest, "%s/LATEST", folder);
}

void tm_supervised_running(struct tm_supervised *self, uint64_t latest)
{
    if (self == NULL)
        return;
    if (atomic_load(&self->has_begun)) // an attempt of this process, or the process before it
        return;
    self->begun_with = latest;
    atomic_store(&self->has_begun, 1);
}

bool tm_supervised_has_begun(const struct tm_supervised *self)
{
    return self != NULL && atomic_load(&self->has_begun) != 0;
}

void tm_supervised_checkpoint(struct tm_supervised *self)
{
    if (self != NULL)
        atomic_store(&self->watch.one_by_one, 0);
}

void tm_supervised_signals(struct tm_supervised *self, enum tm_supervised_signals what)
{
    if (self != NULL)
        atomic_store(&self->signals, what);
}

int tm_supervised_stops(struct tm_supervised *self)
{
    eventfd_t count = 0;
    return self == NULL || eventfd_read(self->stop_fd, &count) != 0 ? 0 : (int)count;
}
