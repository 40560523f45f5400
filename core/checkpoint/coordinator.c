// The decisions about checkpoints, event by event.
#include "core/checkpoint/coordinator.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/planted.h"

enum { RETRY_NS = 1000000000 }; // between attempts at the last one

int tm_checkpoints_init(struct tm_checkpoints *c, const struct tm_checkpoints_env *env,
                        const struct tm_checkpoints_args *args, struct tm_mem *mem)
{
    TM_CHECK(args->at_once >= 1 && args->at_once <= TM_CHECKPOINTS_AT_ONCE_MAX);
    TM_CHECK(args->next > 0 && args->tasks > 0);
    *c = (struct tm_checkpoints){.env = *env,
                                 .args = *args,
                                 .mem = mem,
                                 .next = args->next,
                                 .last_begun_ns = args->now_ns,
                                 .last_ended_ns = INT64_MIN / 2};
    for (uint32_t i = 0; i < args->at_once; i++) {
        c->under_way[i].tasks = tm_mem_zalloc(mem, args->tasks);
        if (c->under_way[i].tasks == NULL) {
            tm_checkpoints_fini(c);
            return TM_E_MEMORY;
        }
    }
    return 0;
}

void tm_checkpoints_fini(struct tm_checkpoints *c)
{
    for (uint32_t i = 0; i < TM_CHECKPOINTS_AT_ONCE_MAX; i++)
        if (c->under_way[i].tasks != NULL)
            tm_mem_free(c->mem, c->under_way[i].tasks, c->args.tasks);
    *c = (struct tm_checkpoints){0};
}

// --- what is under way ---------------------------------------------------------------------------

static struct tm_checkpoint_under_way *find(struct tm_checkpoints *c, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->under_way[i].checkpoint == checkpoint)
            return &c->under_way[i];
    return NULL;
}

static void begin(struct tm_checkpoints *c, enum tm_checkpoint_purpose purpose, int64_t now_ns)
{
    struct tm_checkpoint_under_way *new = &c->under_way[c->count++];
    *new = (struct tm_checkpoint_under_way){
        .checkpoint = c->next++, .purpose = purpose, .begun_ns = now_ns, .tasks = new->tasks};
    memset(new->tasks, 0, c->args.tasks);
    if (purpose != TM_PURPOSE_SAVEPOINT)
        c->last_begun_ns = now_ns;
    c->env.begin(c->env.arg, new->checkpoint, purpose);
}

// Of the last one: is there nothing left to do?
static void note_last(struct tm_checkpoints *c, enum tm_checkpoint_purpose purpose,
                      enum tm_checkpoint_end how, const struct tm_error *why, int64_t now_ns)
{
    if (!c->last || purpose != c->last_purpose)
        return;
    c->over = how == TM_CHECKPOINT_COMPLETE || purpose == TM_PURPOSE_STOP ||
              TM_PLANTED(last_checkpoint_given_up);
    if (c->over || c->stopped)
        return;
    int64_t delay_ns = c->env.retry == NULL ? RETRY_NS : c->env.retry(c->env.arg, why);
    c->stopped = delay_ns < 0;
    c->retry_ns = now_ns + delay_ns;
}

static void end(struct tm_checkpoints *c, uint64_t checkpoint, enum tm_checkpoint_end how,
                const struct tm_error *why, int64_t now_ns)
{
    struct tm_checkpoint_under_way *it = find(c, checkpoint);
    struct tm_checkpoint_under_way gone = *it;
    uint32_t at = (uint32_t)(it - c->under_way);
    c->count--;
    memmove(it, it + 1, (c->count - at) * sizeof *it);
    c->under_way[c->count] = (struct tm_checkpoint_under_way){.tasks = gone.tasks};
    c->last_ended_ns = now_ns;
    if (how == TM_CHECKPOINT_COMPLETE)
        c->failures = 0;
    else if (how != TM_CHECKPOINT_SUBSUMED)
        c->failures++;
    note_last(c, gone.purpose, how, why, now_ns);
    c->env.end(c->env.arg, checkpoint, gone.purpose, how, why);
}

// Those that only wait for tasks and are older than this one.
static void subsume(struct tm_checkpoints *c, uint64_t before, int64_t now_ns)
{
    for (uint32_t i = 0; i < c->count;) {
        struct tm_checkpoint_under_way *it = &c->under_way[i];
        if (it->checkpoint < before && !it->publishing && it->purpose != TM_PURPOSE_SAVEPOINT)
            end(c, it->checkpoint, TM_CHECKPOINT_SUBSUMED, NULL, now_ns);
        else
            i++;
    }
}

// --- time ----------------------------------------------------------------------------------------

static bool last_is_under_way(const struct tm_checkpoints *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->under_way[i].purpose == c->last_purpose)
            return true;
    return false;
}

// When the next one of the interval is due, where there is room for it.
static int64_t periodic_due_ns(const struct tm_checkpoints *c)
{
    if (c->args.interval_ns == 0 || c->last || c->stopped || c->draining)
        return INT64_MAX;
    int64_t due = c->last_begun_ns + c->args.interval_ns;
    int64_t paused = c->last_ended_ns + c->args.pause_ns;
    return due > paused ? due : paused;
}

static int64_t last_due_ns(const struct tm_checkpoints *c)
{
    return !c->last || c->over || c->stopped || last_is_under_way(c) ? INT64_MAX : c->retry_ns;
}

static void begin_due(struct tm_checkpoints *c, int64_t now_ns)
{
    while (!c->stopped && c->count < c->args.at_once) {
        if (last_due_ns(c) <= now_ns)
            begin(c, c->last_purpose, now_ns);
        else if (c->savepoint && !c->last && !c->draining) {
            c->savepoint = false;
            begin(c, TM_PURPOSE_SAVEPOINT, now_ns);
        } else if (periodic_due_ns(c) <= now_ns)
            begin(c, TM_PURPOSE_PERIODIC, now_ns);
        else
            return;
    }
}

void tm_checkpoints_tick(struct tm_checkpoints *c, int64_t now_ns)
{
    for (uint32_t i = 0; i < c->count;) {
        struct tm_checkpoint_under_way *it = &c->under_way[i];
        if (!it->publishing && now_ns - it->begun_ns >= c->args.timeout_ns)
            end(c, it->checkpoint, TM_CHECKPOINT_EXPIRED, NULL, now_ns);
        else
            i++;
    }
    begin_due(c, now_ns);
}

int64_t tm_checkpoints_deadline_ns(const struct tm_checkpoints *c)
{
    int64_t deadline = INT64_MAX;
    if (c->count < c->args.at_once) {
        int64_t last = last_due_ns(c);
        deadline = periodic_due_ns(c);
        deadline = last < deadline ? last : deadline;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        int64_t expires = c->under_way[i].begun_ns + c->args.timeout_ns;
        if (!c->under_way[i].publishing && expires < deadline)
            deadline = expires;
    }
    return deadline;
}

// --- wishes --------------------------------------------------------------------------------------

void tm_checkpoints_savepoint(struct tm_checkpoints *c, int64_t now_ns)
{
    c->savepoint = true;
    begin_due(c, now_ns);
}

bool tm_checkpoints_savepoint_is_under_way(const struct tm_checkpoints *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->under_way[i].purpose == TM_PURPOSE_SAVEPOINT)
            return true;
    return false;
}

void tm_checkpoints_last(struct tm_checkpoints *c, enum tm_checkpoint_purpose purpose,
                         int64_t now_ns)
{
    c->last = true;
    c->over = false;
    c->last_purpose = purpose;
    c->retry_ns = now_ns;
    subsume(c, UINT64_MAX, now_ns);
    begin_due(c, now_ns);
}

void tm_checkpoints_drain(struct tm_checkpoints *c, int64_t now_ns)
{
    struct tm_error why = {0};
    tm_error_set(&why, TM_E_SAVEPOINT, "no savepoint was taken: the job is being drained");
    tm_error_hint(&why, "take it before, or stop the job without --drain");
    c->draining = !TM_PLANTED(checkpoint_within_drain);
    subsume(c, UINT64_MAX, now_ns);
    for (uint32_t i = 0; c->draining && i < c->count;) {
        if (c->under_way[i].publishing)
            i++;
        else
            end(c, c->under_way[i].checkpoint, TM_CHECKPOINT_DECLINED, &why, now_ns);
    }
}

bool tm_checkpoints_is_over(const struct tm_checkpoints *c)
{
    return c->over;
}

void tm_checkpoints_stop(struct tm_checkpoints *c)
{
    c->stopped = true;
}

// --- tasks and the publisher ---------------------------------------------------------------------

bool tm_checkpoints_acknowledge(struct tm_checkpoints *c, uint64_t checkpoint, uint32_t task,
                                uint32_t attempt, int64_t now_ns)
{
    struct tm_checkpoint_under_way *it = find(c, checkpoint);
    if (it == NULL || attempt != c->args.attempt || task >= c->args.tasks || it->tasks[task] != 0 ||
        c->stopped)
        return false;
    it->tasks[task] = 1;
    if (++it->acknowledged == c->args.tasks) {
        enum tm_checkpoint_purpose purpose = it->purpose;
        it->publishing = true;
        if (purpose != TM_PURPOSE_SAVEPOINT) // they are published in order, or not at all
            subsume(c, checkpoint, now_ns);
        c->env.publish(c->env.arg, checkpoint, purpose);
    }
    return true;
}

void tm_checkpoints_decline(struct tm_checkpoints *c, uint64_t checkpoint, uint32_t attempt,
                            const struct tm_error *why, int64_t now_ns)
{
    const struct tm_checkpoint_under_way *it = find(c, checkpoint);
    if (it == NULL || attempt != c->args.attempt || it->publishing)
        return;
    end(c, checkpoint, TM_CHECKPOINT_DECLINED, why, now_ns);
    begin_due(c, now_ns);
}

void tm_checkpoints_published(struct tm_checkpoints *c, uint64_t checkpoint, int code,
                              const struct tm_error *why, int64_t now_ns)
{
    const struct tm_checkpoint_under_way *it = find(c, checkpoint);
    TM_CHECK(it != NULL && it->publishing);
    bool row = it->purpose != TM_PURPOSE_SAVEPOINT;
    if (code != 0) {
        end(c, checkpoint, TM_CHECKPOINT_UNPUBLISHED, why, now_ns);
    } else {
        if (row)
            c->completed = checkpoint;
        end(c, checkpoint, TM_CHECKPOINT_COMPLETE, NULL, now_ns);
    }
    begin_due(c, now_ns);
}
