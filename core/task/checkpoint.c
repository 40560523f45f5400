// Barriers through a task: begun by a source or its gate, cut operator by operator, whole when the
// last stage is left behind. A task whose input has ended is asked directly; the barrier then goes
// through its operators in the same way, and no further.
#include "core/task/checkpoint.h"

#include "core/base/kill_point.h"
#include "core/checkpoint/restored.h"
#include "core/task/task.h"

enum { ASKED_MAX = 64 }; // more than a coordinator ever has under way

static uint32_t number_of(const struct tm_task *task)
{
    return (uint32_t)(task - task->job->tasks);
}

static int out_of_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for a checkpoint");
}

// --- what is asked for ---------------------------------------------------------------------------

static void free_asked(struct tm_task *task, struct tm_task_asked *asked)
{
    if (asked->place != NULL)
        tm_mem_free(&task->mem, asked->place, asked->place_size);
    asked->place = NULL;
}

// Forgets the oldest of them up to this one, or this one alone. Its place goes to `into`, where
// that is given.
static void forget_asked(struct tm_task *task, uint64_t checkpoint, bool older,
                         struct tm_task_cut *into)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->asked_count; i++) {
        struct tm_task_asked *asked = &c->asked[i];
        bool is_it = asked->checkpoint == checkpoint;
        if (!is_it && !(older && asked->checkpoint < checkpoint)) {
            c->asked[kept++] = *asked;
            continue;
        }
        if (is_it && into != NULL) {
            into->place = asked->place;
            into->place_size = asked->place_size;
            into->purpose = asked->purpose;
            into->overtakes_ns = asked->overtakes_ns;
            asked->place = NULL;
        }
        free_asked(task, asked);
    }
    c->asked_count = kept;
}

static struct tm_task_cut *find_cut(const struct tm_task *task, uint64_t checkpoint)
{
    struct tm_task_cut *cut = task->checkpoints.cuts;
    while (cut != NULL && (cut->checkpoint != checkpoint || cut->freeing))
        cut = cut->next;
    return cut;
}

// Only the checkpoints that a job takes by itself: what users ask for is to have nothing on its
// way, so that it fits other scripts and outputs that cannot take rows back.
static int64_t overtakes_ns(const struct tm_task *task, const struct tm_command *command)
{
    int64_t timeout_ms = task->job->graph->checkpoints.aligned_timeout_ms;
    return command->purpose != TM_PURPOSE_PERIODIC || timeout_ms < 0 ||
                   timeout_ms > (INT64_MAX - command->given_ns) / 1000000
               ? INT64_MAX
               : command->given_ns + timeout_ms * 1000000;
}

static int copy_place(struct tm_task *task, const struct tm_command *command, char **place)
{
    *place = tm_mem_alloc(&task->mem, command->length + 1);
    if (*place == NULL)
        return TM_E_MEMORY;
    memcpy(*place, command->text, command->length + 1);
    return 0;
}

static int decline_asked(struct tm_task *task, uint64_t checkpoint, const struct tm_error *why)
{
    struct tm_event *event =
        tm_event_new(task->job->mem, TM_EVENT_DECLINED, task->worker->index, NULL, 0);
    if (event == NULL)
        return TM_E_MEMORY;
    event->checkpoint = checkpoint;
    event->task = number_of(task);
    event->error = *why;
    tm_mailbox_post(&task->job->events, &event->message);
    return 0;
}

// The barrier came first: only the place of the cut was not known.
static int tell_place(struct tm_task *task, struct tm_task_cut *cut,
                      const struct tm_command *command, struct tm_error *err)
{
    if (cut == NULL || cut->place != NULL || cut->dropped)
        return 0;
    int rc = copy_place(task, command, &cut->place);
    if (rc != 0)
        return out_of_memory(err);
    cut->place_size = command->length + 1;
    cut->purpose = command->purpose;
    cut->overtakes_ns = overtakes_ns(task, command);
    if (command->purpose == TM_PURPOSE_STOP)
        task->ctx.stopping = true;
    return cut->whole ? tm__task_write_cut(task, cut, err) : 0;
}

int tm__task_ask(struct tm_task *task, const struct tm_command *command, struct tm_error *err)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    c->told = command->checkpoint > c->told ? command->checkpoint : c->told;
    if (command->checkpoint <= c->newest)
        return tell_place(task, find_cut(task, command->checkpoint), command, err);
    if (c->asked == NULL) {
        c->asked = tm_mem_zalloc(&task->mem, ASKED_MAX * sizeof *c->asked);
        if (c->asked == NULL)
            return out_of_memory(err);
    }
    TM_CHECK(c->asked_count < ASKED_MAX);
    struct tm_task_asked *asked = &c->asked[c->asked_count];
    *asked = (struct tm_task_asked){.checkpoint = command->checkpoint,
                                    .purpose = command->purpose,
                                    .overtakes_ns = overtakes_ns(task, command),
                                    .place_size = command->length + 1};
    if (copy_place(task, command, &asked->place) != 0)
        return out_of_memory(err);
    c->asked_count++;
    if (command->purpose == TM_PURPOSE_STOP)
        task->ctx.stopping = true;
    return 0;
}

void tm__task_give_up(struct tm_task *task, uint64_t checkpoint)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    forget_asked(task, checkpoint, false, NULL);
    if (task->gate != NULL)
        tm_gate_abort(task->gate, checkpoint);
    struct tm_task_cut *cut = find_cut(task, checkpoint);
    if (cut == NULL)
        return;
    if (c->collecting == cut)
        c->collecting = NULL; // its barrier goes on, and nobody wants it
    cut->dropped = true;
    atomic_store_explicit(&cut->cancel, 1, memory_order_relaxed);
    tm__task_sweep_cuts(task);
}

void tm__task_complete(struct tm_task *task, uint64_t checkpoint)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    struct tm_task_cut *cut = find_cut(task, checkpoint);
    forget_asked(task, checkpoint, true, NULL);
    if (cut == NULL)
        return;
    cut->completed = true;
    bool replaces = cut->purpose != TM_PURPOSE_SAVEPOINT && cut->purpose != TM_PURPOSE_CLOSE;
    if (replaces)
        c->base = cut;
    for (struct tm_task_cut *other = c->cuts; other != NULL; other = other->next)
        if (other != c->base && other->checkpoint <= checkpoint && !other->dropped) {
            other->dropped = replaces || other == cut;
            if (other->dropped && other->writing)
                atomic_store_explicit(&other->cancel, 1, memory_order_relaxed);
        }
    tm__task_sweep_cuts(task);
}

// --- barriers ------------------------------------------------------------------------------------

int tm__task_decline(struct tm_task *task, const struct tm_error *why)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    if (c->collecting == NULL)
        return 0;
    struct tm_task_cut *cut = c->collecting;
    c->collecting = NULL;
    cut->dropped = true;
    int rc = decline_asked(task, cut->checkpoint, why);
    tm__task_sweep_cuts(task);
    return rc;
}

// What went wrong with the checkpoint alone is no failure of the task.
static int checkpoint_failed(struct tm_task *task, struct tm_error *err)
{
    int rc = tm__task_decline(task, err);
    return rc != 0 ? tm_error_set(err, rc, "out of memory for an event") : 0;
}

static int flights_failed(struct tm_task *task, struct tm_error *err)
{
    (void)out_of_memory(err);
    return checkpoint_failed(task, err);
}

int tm__task_begin_cut(struct tm_task *task, uint64_t checkpoint, struct tm_error *err)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    TM_CHECK(c->collecting == NULL && task->slots[0].kind == TM_ELEMENT_NONE);
    task->slots[0] = (struct tm_element){.kind = TM_ELEMENT_BARRIER, .checkpoint = checkpoint};
    task->worker->tends = true;
    if (checkpoint <= c->newest)
        return 0; // given up: nothing of it is wanted
    c->newest = checkpoint;
    TM_KILL_POINT(barrier_begins);
    if (task->job->restored != NULL)
        TM_KILL_POINT(first_barrier);
    struct tm_task_cut *cut = tm__task_cut_new(task, checkpoint);
    if (cut == NULL)
        return out_of_memory(err);
    cut->overtakes_ns = INT64_MAX; // unless the command has come
    forget_asked(task, checkpoint, true, cut);
    c->collecting = cut;
    return tm__task_cut_flights(task, cut->cut) == 0 ? 0 : flights_failed(task, err);
}

static _Atomic uint64_t *ends_of(const struct tm_task *task)
{
    return &task->job->ends[task->ctx.chain->id];
}

static const uint64_t ENDED = 1ULL << 63; // an end has been passed on

// The cut is of a time before the end, in all subtasks: those that have come to theirs give to the
// checkpoint before they pass it on. False: one has done so already.
static bool is_before_end(struct tm_task *task, uint64_t checkpoint)
{
    uint64_t seen = atomic_load_explicit(ends_of(task), memory_order_acquire);
    while (seen < checkpoint)
        if (atomic_compare_exchange_weak_explicit(ends_of(task), &seen, checkpoint,
                                                  memory_order_acq_rel, memory_order_acquire))
            return true;
    return (seen & ~ENDED) == checkpoint;
}

// Has it given to the checkpoint, or has that been given up?
static bool is_done_with(const struct tm_task *task, uint64_t checkpoint)
{
    const struct tm_task_checkpoints *c = &task->checkpoints;
    bool asked = false;
    for (uint32_t i = 0; i < c->asked_count; i++)
        asked = asked || c->asked[i].checkpoint == checkpoint;
    return checkpoint <= c->newest || (checkpoint <= c->told && !asked);
}

bool tm__task_may_end(struct tm_task *task)
{
    uint64_t seen = atomic_load_explicit(ends_of(task), memory_order_acquire);
    while (is_done_with(task, seen & ~ENDED))
        if (atomic_compare_exchange_weak_explicit(ends_of(task), &seen, seen | ENDED,
                                                  memory_order_acq_rel, memory_order_acquire))
            return true;
    return false;
}

bool tm__task_may_overtake(struct tm_task *task)
{
    const struct tm_task_checkpoints *c = &task->checkpoints;
    int64_t now_ns = task->ctx.now_ns;
    if (c->collecting != NULL)
        return now_ns >= c->collecting->overtakes_ns;
    if (c->asked_count == 0 || now_ns < c->asked[0].overtakes_ns || task->finished || task->ended)
        return false;
    if (task->gate == NULL)
        return !task->source_ended;
    enum tm_gate_can can = tm_gate_can_overtake(task->gate, c->asked[0].checkpoint);
    return can == TM_GATE_CAN ||
           (can == TM_GATE_CAN_IF_NONE_ENDED && is_before_end(task, c->asked[0].checkpoint));
}

int64_t tm__task_overtakes_ns(const struct tm_task *task)
{
    const struct tm_task_checkpoints *c = &task->checkpoints;
    int64_t at = c->collecting != NULL ? c->collecting->overtakes_ns
                 : c->asked_count != 0 ? c->asked[0].overtakes_ns
                                       : INT64_MAX;
    return at > task->ctx.now_ns ? at : INT64_MAX;
}

static int see_overtaken(void *arg, uint32_t channel, const struct tm_element *element)
{
    struct tm_task *task = arg;
    return tm__task_cut_arrived(task, task->checkpoints.collecting->cut, channel, element);
}

int tm__task_overtake(struct tm_task *task, struct tm_error *err)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    uint64_t checkpoint = c->asked[0].checkpoint;
    int rc = tm__task_begin_cut(task, checkpoint, err);
    if (rc != 0)
        return rc;
    rc = tm_gate_overtake(task->gate, checkpoint, c->collecting != NULL ? see_overtaken : NULL,
                          task);
    TM_KILL_POINT(barrier_overtakes);
    return rc == 0 ? 0 : flights_failed(task, err);
}

int tm__task_put_barrier(struct tm_task *task, struct tm_error *err)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    struct tm_task_asked asked = c->asked[0];
    int rc = tm__task_begin_cut(task, asked.checkpoint, err);
    if (rc != 0)
        return rc;
    c->holds = c->holds || asked.purpose == TM_PURPOSE_STOP;
    struct tm_source *source = task->source;
    if (c->collecting == NULL || source == NULL || source->ops->snapshot == NULL)
        return 0;
    rc = source->ops->snapshot(source, c->collecting->cut, err);
    return rc == 0 ? 0 : checkpoint_failed(task, err);
}

// State that an operator had in the checkpoint that the job began with and that it has not read
// yet, because it does not know its types: without it the new checkpoint would have lost it.
static bool owes(const struct tm_task *task, const struct tm_operator *op)
{
    char text[TM_TASK_PART_MAX];
    return task->job->restored != NULL && op->ops->restore != NULL &&
           tm_restored_has(task->job->restored, op->node->name,
                           tm__task_part(task, op->node, "opened", text));
}

int tm__task_cut_operator(struct tm_task *task, uint32_t index, bool passed, struct tm_error *err)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    struct tm_operator *op = task->operators[index];
    if (c->collecting == NULL)
        return 0;
    bool opened = task->opened[index] != NULL || (index == 0 && task->opened_second != NULL);
    char text[TM_TASK_PART_MAX];
    int rc = 0;
    if (!passed || (!opened && owes(task, op))) {
        tm_error_set(err, TM_E_CHECKPOINT_DECLINED,
                     "operator '%s': the types of rows that it holds are not known yet",
                     op->node->name);
        return checkpoint_failed(task, err);
    }
    if (opened && op->ops->snapshot != NULL) {
        rc = op->ops->snapshot(op, c->collecting->cut, err);
        if (rc == 0)
            rc = tm_cut_item(c->collecting->cut, op->node->name,
                             tm__task_part(task, op->node, "opened", text), TM_ITEM_COPY, "", 1);
        if (rc != 0 && err->code == 0)
            tm_error_set(err, rc, "operator '%s': out of memory for a checkpoint", op->node->name);
    }
    TM_KILL_POINT(operator_cut);
    return rc == 0 ? 0 : checkpoint_failed(task, err);
}

int tm__task_end_cut(struct tm_task *task, struct tm_error *err)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    struct tm_task_cut *cut = c->collecting;
    if (cut == NULL)
        return 0;
    if (tm__task_cut_self(task, cut->cut) != 0) {
        (void)out_of_memory(err);
        return checkpoint_failed(task, err);
    }
    c->collecting = NULL;
    cut->whole = true;
    TM_KILL_POINT(cut_whole);
    return cut->place == NULL ? 0 : tm__task_write_cut(task, cut, err);
}

// --- in between ----------------------------------------------------------------------------------

// A task that has ended has nobody who sends it barriers, and sends them to nobody. 1: there was
// something to do.
static int tend_finished(struct tm_task *task, struct tm_error *err)
{
    for (int any = 0;; any = 1) {
        int rc = tm__task_step_finished(task, err);
        if (rc < 0 || rc == TM_TURN_IDLE)
            return rc < 0 ? rc : any;
        if (rc == TM_TURN_PROGRESS)
            continue;
        if (!tm__task_is_asked(&task->checkpoints))
            return any;
        rc = tm__task_put_barrier(task, err);
        if (rc != 0)
            return rc;
    }
}

int tm__task_tend(struct tm_task *task, struct tm_error *err)
{
    int told = tm__task_tell_written(task);
    if (told < 0)
        return tm_error_set(err, told, "out of memory for an event");
    if (tm__task_free_some(task))
        told = 1;
    int any = task->finished ? tend_finished(task, err) : 0;
    return any < 0 ? any : any | told;
}

void tm__task_free_cuts(struct tm_task *task)
{
    struct tm_task_checkpoints *c = &task->checkpoints;
    for (struct tm_task_cut *cut = c->cuts; cut != NULL; cut = cut->next) {
        cut->writing = false;
        cut->dropped = true;
        cut->users = 0;
    }
    c->base = c->collecting = NULL;
    tm__task_sweep_cuts(task);
    while (tm__task_free_some(task)) {
    }
    for (uint32_t i = 0; i < c->asked_count; i++)
        free_asked(task, &c->asked[i]);
    if (c->asked != NULL)
        tm_mem_free(&task->mem, c->asked, ASKED_MAX * sizeof *c->asked);
}
