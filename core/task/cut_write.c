// Cuts on their way to a file and after: written by the worker's helper thread, told to the
// coordinator, kept as long as something is written against them, freed by the task.
#include "core/task/checkpoint.h"

#include <stdio.h>

#include "core/base/planted.h"
#include "core/task/task.h"

// Pages in a turn of the worker, for some tens of microseconds; twice as many for each cut that
// waits behind the first. With each page that a state copies it gives back two, so
// that they cannot pile up however short the time between checkpoints.
enum { FREE_PAGES = 512, FREE_FASTER_MAX = 1 };

static const struct tm_fx_threads *threads_of(const struct tm_task *task)
{
    return task->ctx.fx->threads;
}

struct tm_task_cut *tm__task_cut_new(struct tm_task *task, uint64_t checkpoint)
{
    struct tm_task_cut *cut = tm_mem_zalloc(&task->mem, sizeof *cut);
    if (cut == NULL)
        return NULL;
    uint32_t chain = (uint32_t)(task->ctx.chain - task->job->plan->chains);
    cut->task = task;
    cut->checkpoint = checkpoint;
    if (tm_cut_new(&task->mem, checkpoint, chain, task->ctx.subtask, &cut->cut) != 0) {
        tm_mem_free(&task->mem, cut, sizeof *cut);
        return NULL;
    }
    struct tm_task_cut **last = &task->checkpoints.cuts; // the oldest come first
    while (*last != NULL)
        last = &(*last)->next;
    *last = cut;
    return cut;
}

static void free_cut(struct tm_task *task, struct tm_task_cut *cut)
{
    tm_part_unref(cut->part);
    tm_cut_free(cut->cut);
    if (cut->place != NULL)
        tm_mem_free(&task->mem, cut->place, cut->place_size);
    tm_mem_free(&task->mem, cut, sizeof *cut);
}

void tm__task_sweep_cuts(struct tm_task *task)
{
    for (struct tm_task_cut *cut = task->checkpoints.cuts; cut != NULL; cut = cut->next)
        if (cut->dropped && !cut->writing && cut->users == 0)
            task->checkpoints.frees = cut->freeing = true;
}

static uint32_t count_waiting(const struct tm_task_cut *cut)
{
    uint32_t count = 0;
    for (; cut != NULL; cut = cut->next)
        count += cut->freeing;
    return count;
}

// Of a state of which most was written since, a cut holds as many pages as the state has.
bool tm__task_free_some(struct tm_task *task)
{
    if (!task->checkpoints.frees)
        return false;
    struct tm_task_cut **at = &task->checkpoints.cuts;
    while (*at != NULL && !(*at)->freeing)
        at = &(*at)->next;
    struct tm_task_cut *cut = *at;
    task->checkpoints.frees = cut != NULL;
    if (cut == NULL)
        return true;
    uint32_t waiting = count_waiting(cut->next);
    waiting = waiting < FREE_FASTER_MAX ? waiting : FREE_FASTER_MAX;
    if (tm_cut_free_some(cut->cut, (uint32_t)FREE_PAGES << waiting)) {
        cut->cut = NULL;
        *at = cut->next;
        free_cut(task, cut);
    }
    return true;
}

// --- the helper thread ---------------------------------------------------------------------------

static void write_cut(struct tm_work *work)
{
    struct tm_task_cut *cut = (struct tm_task_cut *)work;
    const struct tm_job *job = cut->task->job;
    const struct tm_checkpoint_place place = {.folder = cut->place,
                                              .name = cut->place + strlen(cut->place) + 1};
    const struct tm_write_args args = {
        .mem = job->mem,
        .fx = job->fx,
        .place = &place,
        .cut = cut->cut,
        .base_cut = cut->base == NULL ? NULL : cut->base->cut,
        .base = cut->base == NULL ? NULL : cut->base->part->written,
        .cancel = &cut->cancel,
    };
    struct tm_written *written = NULL;
    cut->code = job->writer == NULL
                    ? tm_cut_write(&args, &written, &cut->err)
                    : job->writer->write(job->writer->arg, &args, &written, &cut->err);
    if (cut->code != 0)
        return;
    cut->part = tm_part_new(job->mem, written);
    if (cut->part == NULL) {
        tm_written_free(written);
        cut->code = tm_error_set(&cut->err, TM_E_MEMORY, "out of memory for a checkpoint");
    }
}

static int tell(struct tm_task *task, struct tm_task_cut *cut)
{
    struct tm_event *event =
        tm_event_new(task->job->mem, cut->code == 0 ? TM_EVENT_WRITTEN : TM_EVENT_DECLINED,
                     task->worker->index, NULL, 0);
    if (event == NULL)
        return TM_E_MEMORY;
    event->checkpoint = cut->checkpoint;
    event->task = (uint32_t)(task - task->job->tasks);
    if (cut->code == 0)
        event->part = cut->part == NULL ? NULL : tm_part_ref(cut->part);
    else
        event->error = cut->err;
    tm_mailbox_post(&task->job->events, &event->message);
    return 0;
}

int tm__task_write_cut(struct tm_task *task, struct tm_task_cut *cut, struct tm_error *err)
{
    struct tm_worker *worker = task->worker;
    if (cut->dropped)
        return 0;
    if (cut->purpose == TM_PURPOSE_CLOSE) { // what counts is that sinks have prepared
        int rc = tell(task, cut);
        return rc == 0 ? 0 : tm_error_set(err, rc, "out of memory for an event");
    }
    if (worker->executor == NULL) {
        char name[24];
        snprintf(name, sizeof name, "checkpoint-%u", worker->index);
        worker->executor = threads_of(task)->executor_new(task->ctx.fx->ctx, name, err);
        if (worker->executor == NULL)
            return err->code;
    }
    struct tm_task_cut *base = task->checkpoints.base;
    if (base != NULL && cut->purpose != TM_PURPOSE_SAVEPOINT) {
        cut->base = base;
        base->users++;
    }
    cut->work.run = write_cut;
    cut->work.waker = &worker->waker;
    cut->writing = true;
    threads_of(task)->executor_submit(task->ctx.fx->ctx, worker->executor, &cut->work);
    return 0;
}

// --- afterwards ----------------------------------------------------------------------------------

int tm__task_tell_written(struct tm_task *task)
{
    int told = 0;
    for (struct tm_task_cut *cut = task->checkpoints.cuts; cut != NULL; cut = cut->next) {
        if (!cut->writing || !tm_work_is_done(&cut->work))
            continue;
        cut->writing = false;
        if (cut->base != NULL)
            cut->base->users--;
        cut->base = NULL;
        told = 1;
        bool unwanted = cut->dropped && !(TM_PLANTED(late_ack_counts) && cut->code == 0);
        int rc = unwanted ? 0 : tell(task, cut);
        if (rc != 0)
            return rc;
        cut->dropped = cut->dropped || cut->code != 0;
    }
    if (told != 0)
        tm__task_sweep_cuts(task);
    return told;
}
