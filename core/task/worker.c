// A worker's turns: commands from the coordinator, then its tasks in turn.
#include "core/task/worker.h"

#include "core/task/question.h"
#include "core/task/task.h"
#include "core/task/told.h"

static void post_event(struct tm_worker *worker, struct tm_event *event)
{
    TM_CHECK(event != NULL); // a few bytes at the end of a job or a failure: nothing sensible is
                             // left to do without them
    tm_mailbox_post(&worker->job->events, &event->message);
}

static void post(struct tm_worker *worker, enum tm_event_kind kind)
{
    post_event(worker, tm_event_new(worker->job->mem, kind, worker->index, NULL, 0));
}

static void post_failure(struct tm_worker *worker, const struct tm_error *err)
{
    struct tm_event *event =
        tm_event_new(worker->job->mem, TM_EVENT_FAILED, worker->index, NULL, 0);
    if (event != NULL) {
        event->error = *err;
        event->culprit = worker->culprit;
    }
    post_event(worker, event);
}

// --- start and stop ------------------------------------------------------------------------------

static bool needs_lua(const struct tm_graph *graph)
{
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (tm_node_has_functions(&graph->nodes[i]))
            return true;
    return false;
}

// Types that the first rows settled before the checkpoint that the job begins with.
static int apply_settled(struct tm_worker *worker, struct tm_error *err)
{
    const struct tm_job *job = worker->job;
    if (job->settled_length == 0)
        return 0;
    worker->settled++;
    return worker->vm == NULL
               ? 0
               : tm_vm_settle(worker->vm, NULL, job->settled, job->settled_length, NULL, err);
}

// What the job itself does before its rows, which may fail; a call of it is bounded as one for a
// batch is.
static int begin(struct tm_worker *worker, struct tm_error *err)
{
    const struct tm_fx *fx = worker->job->fx;
    for (uint32_t i = 0; i < worker->task_count; i++)
        for (uint32_t k = 0; k < worker->tasks[i]->operator_count; k++) {
            struct tm_operator *op = worker->tasks[i]->operators[k];
            if (op->ops->begin == NULL)
                continue;
            tm_watch_begin(worker->watch, TM_WATCH_STEPS, op->node->id, tm_fx_mono_ns(fx));
            int rc = op->ops->begin(op, err);
            tm_watch_end(worker->watch);
            if (rc != 0)
                return rc;
        }
    return 0;
}

static int start(struct tm_worker *worker, struct tm_error *err)
{
    struct tm_job *job = worker->job;
    if (needs_lua(job->graph)) {
        struct tm_vm_args args = job->vm;
        args.mem = &worker->mem;
        args.memory_limit_bytes = job->graph->lua_memory_bytes;
        int rc = tm_vm_new(&args, &worker->vm, err);
        if (rc == 0)
            rc = tm_vm_evaluate(worker->vm, job->graph->fingerprint, err);
        if (rc != 0)
            return rc;
    }
    int applied = apply_settled(worker, err);
    if (applied != 0)
        return applied;
    for (uint32_t i = 0; i < worker->task_count; i++) {
        int rc = tm_task_open(worker->tasks[i], worker, err);
        if (rc != 0)
            return rc;
    }
    return job->rehearses ? 0 : begin(worker, err);
}

void tm_worker_start(struct tm_worker *worker)
{
    struct tm_error err = {0};
    struct tm_watch *watch = worker->job->watch;
    worker->watch = watch == NULL ? &worker->unwatched : &watch->slots[worker->index];
    worker->unfinished = worker->task_count;
    if (start(worker, &err) == 0) {
        worker->started = true;
        post(worker, TM_EVENT_READY);
    } else {
        post_failure(worker, &err);
    }
}

void tm_worker_stop(struct tm_worker *worker)
{
    const struct tm_fx *fx = worker->job->fx;
    if (worker->executor != NULL) // what is being written refers to the tasks
        fx->threads->executor_free(fx->ctx, worker->executor);
    worker->executor = NULL;
    for (uint32_t i = 0; i < worker->task_count; i++)
        tm_task_close(worker->tasks[i]);
    if (worker->vm != NULL)
        tm_vm_free(worker->vm);
    worker->vm = NULL;
    struct tm_message *message;
    while ((message = tm_mailbox_take(&worker->commands)) != NULL)
        tm_command_free((struct tm_command *)message);
    worker->exited = true;
    post(worker, TM_EVENT_EXITED);
}

// --- turns ---------------------------------------------------------------------------------------

static void fail(struct tm_worker *worker, const struct tm_error *err)
{
    worker->started = false; // no task runs any more; the coordinator will cancel
    post_failure(worker, err);
}

static void settle(struct tm_worker *worker, const struct tm_command *command)
{
    struct tm_error err = {0};
    int rc = worker->vm == NULL
                 ? 0
                 : tm_vm_settle(worker->vm, NULL, command->text, command->length, NULL, &err);
    if (rc != 0) {
        fail(worker, &err);
        return;
    }
    worker->settled += command->length != 0;
    for (uint32_t i = 0; i < worker->task_count; i++)
        worker->tasks[i]->settling = false;
}

static void take_checkpoint_command(struct tm_worker *worker, const struct tm_command *command)
{
    struct tm_error err;
    tm_error_clear(&err);
    worker->tends = true;
    for (uint32_t i = 0; i < worker->task_count && worker->started; i++) {
        struct tm_task *task = worker->tasks[i];
        if (command->kind == TM_COMMAND_ABORT)
            tm__task_give_up(task, command->checkpoint);
        else if (command->kind == TM_COMMAND_COMPLETE)
            tm__task_complete(task, command->checkpoint);
        else if (tm__task_ask(task, command, &err) != 0)
            fail(worker, &err);
    }
}

// True when there was a command.
static bool take_command(struct tm_worker *worker)
{
    struct tm_command *command = (struct tm_command *)tm_mailbox_take(&worker->commands);
    if (command == NULL)
        return false;
    switch (command->kind) {
    case TM_COMMAND_BEGIN:
        worker->has_begun = true;
        break;
    case TM_COMMAND_SETTLED:
        settle(worker, command);
        break;
    case TM_COMMAND_STOP:
        for (uint32_t i = 0; i < worker->task_count; i++)
            tm_task_stop(worker->tasks[i]);
        break;
    case TM_COMMAND_DRAIN:
        for (uint32_t i = 0; i < worker->task_count; i++)
            tm_task_drain(worker->tasks[i]);
        break;
    case TM_COMMAND_CANCEL:
    case TM_COMMAND_EXIT:
        worker->cancelled = true;
        break;
    case TM_COMMAND_CHECKPOINT:
    case TM_COMMAND_ABORT:
    case TM_COMMAND_COMPLETE:
        take_checkpoint_command(worker, command);
        break;
    case TM_COMMAND_ASK:
        tm__worker_answer(worker, command);
        break;
    case TM_COMMAND_TELL:
        tm__worker_tell(worker, command);
        break;
    }
    tm_command_free(command);
    return true;
}

static enum tm_turn turn_task(struct tm_worker *worker, struct tm_task *task)
{
    struct tm_error err;
    tm_error_clear(&err); // not {0}: those are kilobytes, once a turn
    int rc = tm_task_turn(task, &err);
    if (rc < 0) {
        fail(worker, &err);
        return TM_TURN_PROGRESS;
    }
    if (rc == TM_TURN_EXIT) {
        worker->unfinished--;
        post(worker, TM_EVENT_TASK_FINISHED);
        return TM_TURN_PROGRESS;
    }
    return (enum tm_turn)rc;
}

// Tasks that have ended give to checkpoints too, so all are looked at.
static bool tend_tasks(struct tm_worker *worker)
{
    bool any = false;
    struct tm_error err;
    tm_error_clear(&err);
    for (uint32_t i = 0; i < worker->task_count && worker->started; i++) {
        int rc = tm__task_tend(worker->tasks[i], &err);
        if (rc < 0)
            fail(worker, &err);
        any = any || rc != 0;
    }
    return any;
}

// Tasks through which a barrier can go now go before others, whose next batch may take long: on its
// way it waits for what has begun, and not for one batch of every task at every step. The first
// tasks are those further up, so that it comes through all of them that are ready.
static bool hurry_tasks(struct tm_worker *worker)
{
    bool progress = false;
    for (uint32_t i = 0; i < worker->task_count && worker->started; i++)
        if (tm_task_hurries(worker->tasks[i]) &&
            turn_task(worker, worker->tasks[i]) == TM_TURN_PROGRESS)
            progress = true;
    return progress;
}

enum tm_turn tm_worker_turn(struct tm_worker *worker, uint32_t pick)
{
    bool progress = false;
    while (take_command(worker))
        progress = true;
    if (worker->cancelled)
        return TM_TURN_EXIT;
    if (!worker->started || !worker->has_begun)
        return progress ? TM_TURN_PROGRESS : TM_TURN_IDLE;
    if (worker->tends)
        progress = tend_tasks(worker) || progress;
    if (worker->tends && pick == UINT32_MAX)
        progress = hurry_tasks(worker) || progress;
    uint32_t first = pick == UINT32_MAX ? worker->next : pick;
    uint32_t tasks = pick == UINT32_MAX ? worker->task_count : 1;
    for (uint32_t i = 0; i < tasks && worker->started && worker->task_count != 0; i++) {
        struct tm_task *task = worker->tasks[(first + i) % worker->task_count];
        if (!task->finished && turn_task(worker, task) == TM_TURN_PROGRESS)
            progress = true;
    }
    worker->next = worker->task_count == 0 ? 0 : (first + 1) % worker->task_count;
    return progress ? TM_TURN_PROGRESS : TM_TURN_IDLE;
}

int64_t tm_worker_deadline_ns(struct tm_worker *worker)
{
    int64_t deadline = INT64_MAX;
    bool runs = worker->started && worker->has_begun;
    for (uint32_t i = 0; runs && i < worker->task_count; i++) {
        int64_t at = tm_task_deadline_ns(worker->tasks[i]);
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

void tm_worker_run(void *arg)
{
    struct tm_worker *worker = arg;
    tm_worker_start(worker);
    for (;;) {
        enum tm_turn turn = tm_worker_turn(worker, UINT32_MAX);
        if (turn == TM_TURN_PROGRESS)
            continue;
        if (turn == TM_TURN_EXIT)
            break;
        // Nothing found: say so, look once more, and only then sleep (core/loop/waker.h).
        tm_waker_prepare(&worker->waker);
        turn = tm_worker_turn(worker, UINT32_MAX);
        if (turn == TM_TURN_IDLE)
            tm_waker_wait(&worker->waker, tm_worker_deadline_ns(worker));
        else
            tm_waker_cancel(&worker->waker);
        if (turn == TM_TURN_EXIT)
            break;
    }
    tm_worker_stop(worker);
}
