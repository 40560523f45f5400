// Telling while the job runs what its report has at the end.
#include "core/task/told.h"

#include "core/task/task.h"

void tm_told_free(struct tm_told *told, const struct tm_graph *graph)
{
    if (told == NULL)
        return;
    struct tm_mem *mem = told->mem;
    for (uint32_t i = 0; i < told->operator_count; i++) {
        struct tm_told_operator *op = &told->operators[i];
        if (op->kept.states != NULL)
            tm_mem_free(mem, op->kept.states,
                        graph->nodes[op->node].state_count * sizeof *op->kept.states);
    }
    if (told->operators != NULL)
        tm_mem_free(mem, told->operators, told->operator_capacity * sizeof *told->operators);
    if (told->kinds != NULL)
        tm_mem_free(mem, told->kinds, told->kind_capacity * sizeof *told->kinds);
    if (told->latencies != NULL)
        tm_mem_free(mem, told->latencies, told->latency_capacity * sizeof *told->latencies);
    tm_mem_free(mem, told, sizeof *told);
}

static void tell_operator(struct tm_told *told, const struct tm_task *task, uint32_t index)
{
    struct tm_operator *op = task->operators[index];
    bool keeps = op->ops->kept != NULL, waits = op->ops->waiting != NULL;
    if ((!keeps && !waits) || task->opened[index] == NULL)
        return;
    struct tm_told_operator *to = &told->operators[told->operator_count++];
    *to = (struct tm_told_operator){.node = op->node->id, .waiting = {.roughly = true}};
    if (keeps && op->node->state_count != 0)
        to->kept.states = tm_mem_zalloc(told->mem, op->node->state_count * sizeof *to->kept.states);
    if (keeps)
        op->ops->kept(op, &to->kept);
    if (waits)
        op->ops->waiting(op, &to->waiting);
}

static void tell_kind(struct tm_told *told, const struct tm_task *task,
                      const struct tm_failure_kind *kind)
{
    struct tm_told_kind *to = &told->kinds[told->kind_count++];
    *to = (struct tm_told_kind){.node = kind->node,
                                .code = kind->code,
                                .count = kind->count,
                                .first_ms = kind->first_ms,
                                .last_ms = kind->last_ms,
                                .first = kind->first};
    if (tm_task_failure_last(task->job, kind, &to->last) != 0)
        to->last = kind->first;
}

static void tell_task(struct tm_told *told, const struct tm_task *task)
{
    for (uint32_t i = 0; i < task->operator_count; i++)
        tell_operator(told, task, i);
    for (uint32_t i = 0; i < task->failures->kind_count; i++)
        tell_kind(told, task, &task->failures->kinds[i]);
    if (task->latency == NULL)
        return;
    const struct tm_chain *chain = task->ctx.chain;
    told->latencies[told->latency_count++] =
        (struct tm_told_latency){chain->nodes[chain->node_count - 1], *task->latency};
}

static bool make_room(struct tm_told *told, const struct tm_worker *worker)
{
    for (uint32_t i = 0; i < worker->task_count; i++) {
        const struct tm_task *task = worker->tasks[i];
        told->operator_capacity += task->operator_count;
        told->kind_capacity += task->failures->kind_count;
        told->latency_capacity += task->latency != NULL;
    }
    if (told->operator_capacity != 0)
        told->operators =
            tm_mem_zalloc(told->mem, told->operator_capacity * sizeof *told->operators);
    if (told->kind_capacity != 0)
        told->kinds = tm_mem_zalloc(told->mem, told->kind_capacity * sizeof *told->kinds);
    if (told->latency_capacity != 0)
        told->latencies =
            tm_mem_zalloc(told->mem, told->latency_capacity * sizeof *told->latencies);
    return (told->operators != NULL || told->operator_capacity == 0) &&
           (told->kinds != NULL || told->kind_capacity == 0) &&
           (told->latencies != NULL || told->latency_capacity == 0);
}

struct tm_told *tm_told_new(const struct tm_worker *worker)
{
    struct tm_job *job = worker->job;
    struct tm_told *told = tm_mem_zalloc(job->mem, sizeof *told);
    if (told == NULL)
        return NULL;
    told->mem = job->mem;
    told->worker = worker->index;
    told->at_ns = tm_fx_mono_ns(job->fx);
    if (!make_room(told, worker)) {
        tm_told_free(told, job->graph);
        return NULL;
    }
    for (uint32_t i = 0; i < worker->task_count; i++)
        tell_task(told, worker->tasks[i]);
    return told;
}

void tm__worker_tell(struct tm_worker *worker, const struct tm_command *command)
{
    struct tm_event *event = tm_event_new(worker->job->mem, TM_EVENT_TOLD, worker->index, NULL, 0);
    if (event == NULL) // whoever asked goes without
        return;
    event->checkpoint = command->checkpoint;
    event->graph = worker->job->graph;
    event->told = worker->started ? tm_told_new(worker) : NULL;
    tm_mailbox_post(&worker->job->events, &event->message);
}
