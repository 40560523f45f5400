// The coordinator's decisions, event by event.
#include "core/cluster/coordinator.h"

void tm_coordinator_init(struct tm_coordinator *c, const struct tm_coordinator_env *env,
                         struct tm_mem *mem, uint32_t workers, uint32_t tasks)
{
    *c = (struct tm_coordinator){.env = *env,
                                 .mem = mem,
                                 .state = TM_JOB_STARTING,
                                 .workers = workers,
                                 .starting = workers,
                                 .tasks = tasks};
}

static void command(struct tm_coordinator *c, enum tm_command_kind kind, const char *text,
                    size_t length);

// The first failure is the job's; what follows from it is noise.
static void cancel(struct tm_coordinator *c, const struct tm_error *err)
{
    if (c->state >= TM_JOB_CANCELLING)
        return;
    if (err != NULL && err->code == TM_E_CLOSED_PIPE)
        c->pipe_closed = true;
    else if (err != NULL)
        c->error = *err;
    c->state = TM_JOB_CANCELLING;
    command(c, TM_COMMAND_CANCEL, NULL, 0);
}

static void command(struct tm_coordinator *c, enum tm_command_kind kind, const char *text,
                    size_t length)
{
    if (c->env.command(c->env.arg, kind, text, length) == 0)
        return;
    struct tm_error err = {0};
    tm_error_set(&err, TM_E_MEMORY, "out of memory for a command to the workers");
    cancel(c, &err);
}

static void settle(struct tm_coordinator *c, const struct tm_event *event)
{
    if (c->state >= TM_JOB_CANCELLING)
        return;
    struct tm_error err = {0};
    struct tm_buf settled;
    tm_buf_init(&settled, c->mem);
    int rc = c->env.settle(c->env.arg, event->text, event->length, &settled, &err);
    // The answer goes out even when it holds nothing new: the task that asked waits for it. It must
    // wait on where the answer depends on what other tasks have yet to say.
    if (rc == 0)
        command(c, TM_COMMAND_SETTLED, (const char *)settled.data, settled.size_bytes);
    else if (rc < 0)
        cancel(c, &err);
    tm_buf_fini(&settled);
}

static void leave(struct tm_coordinator *c)
{
    c->state = TM_JOB_EXITING;
    command(c, TM_COMMAND_EXIT, NULL, 0);
}

static void task_finished(struct tm_coordinator *c)
{
    c->tasks--;
    if (c->tasks != 0 || c->saving || c->state >= TM_JOB_CANCELLING)
        return;
    if (c->env.save == NULL || c->state == TM_JOB_STOPPING) {
        leave(c);
        return;
    }
    c->state = TM_JOB_SAVING;
    c->env.save(c->env.arg, TM_PURPOSE_END);
}

void tm_coordinator_saved(struct tm_coordinator *c)
{
    bool stopping = c->saving;
    c->saving = false;
    if (c->state == TM_JOB_SAVING || (c->state == TM_JOB_STOPPING && c->tasks == 0))
        leave(c);
    else if (stopping && c->state == TM_JOB_STOPPING)
        command(c, TM_COMMAND_STOP, NULL, 0);
}

static void stop_in_order(struct tm_coordinator *c)
{
    c->saving = c->env.save != NULL;
    c->state = TM_JOB_STOPPING;
    if (c->saving)
        c->env.save(c->env.arg, TM_PURPOSE_STOP);
    else
        command(c, TM_COMMAND_STOP, NULL, 0);
}

// Nothing that other beginnings of the job need is changed before every task has what it begins
// with.
static bool begin(struct tm_coordinator *c)
{
    struct tm_error err = {0};
    c->ran = c->env.begin == NULL || c->env.begin(c->env.arg, &err) == 0;
    if (c->ran)
        command(c, TM_COMMAND_BEGIN, NULL, 0);
    else
        cancel(c, &err);
    return c->ran;
}

static void worker_ready(struct tm_coordinator *c)
{
    if (--c->starting != 0 || c->state >= TM_JOB_CANCELLING || !begin(c))
        return;
    if (c->state != TM_JOB_STARTING)
        return;
    c->state = TM_JOB_RUNNING;
    if (c->stop_asked)
        stop_in_order(c);
}

void tm_coordinator_event(struct tm_coordinator *c, const struct tm_event *event)
{
    switch (event->kind) {
    case TM_EVENT_READY:
        worker_ready(c);
        break;
    case TM_EVENT_TASK_FINISHED:
        task_finished(c);
        break;
    case TM_EVENT_FAILED:
        if (c->state < TM_JOB_CANCELLING)
            c->culprit = event->culprit;
        cancel(c, &event->error);
        break;
    case TM_EVENT_PROPOSAL:
        settle(c, event);
        break;
    case TM_EVENT_EXITED:
        if (--c->workers == 0)
            c->state = TM_JOB_DONE;
        break;
    case TM_EVENT_WRITTEN: // of the keeper
    case TM_EVENT_DECLINED:
    case TM_EVENT_ANSWER: // of who asked
    case TM_EVENT_TOLD:
        break;
    }
}

void tm_coordinator_stop(struct tm_coordinator *c)
{
    if (c->stop_asked) {
        cancel(c, NULL);
        return;
    }
    c->stop_asked = true;
    // Where some workers run rows may be out already, and the last checkpoint is of all of them.
    bool waits = c->state == TM_JOB_STARTING && c->env.save != NULL;
    if (c->state <= TM_JOB_RUNNING && !waits)
        stop_in_order(c);
}

void tm_coordinator_cancel(struct tm_coordinator *c)
{
    c->stop_asked = true;
    cancel(c, NULL);
}

bool tm_coordinator_drain(struct tm_coordinator *c)
{
    if (c->stop_asked || c->state > TM_JOB_RUNNING)
        return false;
    if (!c->draining && c->env.drain != NULL)
        c->env.drain(c->env.arg);
    if (!c->draining)
        command(c, TM_COMMAND_DRAIN, NULL, 0);
    c->draining = true;
    return true;
}

enum tm_job_outcome tm_coordinator_outcome(const struct tm_coordinator *c)
{
    if (c->error.code != 0)
        return TM_JOB_FAILED;
    if (c->pipe_closed)
        return TM_JOB_FINISHED;
    return c->stop_asked ? TM_JOB_STOPPED : TM_JOB_FINISHED;
}
