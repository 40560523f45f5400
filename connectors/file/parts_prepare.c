// What a subtask gives to a checkpoint: all of its files are closed and durable under hidden names,
// and the cut names them. And waiting for space, which holds the source back.
#include "connectors/file/parts_private.h"
#include "core/base/kill_point.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RETRY_NS = 1000 * 1000 * 1000 };

// --- space ---------------------------------------------------------------------------------------

static void say(struct tm__parts_subtask *s, bool waits)
{
    char text[1024];
    snprintf(text, sizeof text,
             waits ? "the output %.800s waits for space: the disk is full"
                   : "the output %.800s has space again",
             s->parts->output);
    if (waits)
        tm_task_warn(s->base.ctx, s->base.node, text);
    else
        tm_task_inform(s->base.ctx, s->base.node, text);
}

// The first subtask that waits says so, and the last one that no longer does.
static void set_waiting(struct tm__parts_subtask *s, bool waits)
{
    _Atomic int *waiting = &s->parts->waiting;
    if (waits == s->is_waiting)
        return;
    s->is_waiting = waits;
    if (waits && atomic_fetch_add_explicit(waiting, 1, memory_order_relaxed) == 0)
        say(s, true);
    else if (!waits && atomic_fetch_sub_explicit(waiting, 1, memory_order_relaxed) == 1)
        say(s, false);
}

// In the order in which they were given the first time.
static void submit_again(struct tm__parts_subtask *s)
{
    struct tm__part_work *stalled[TM__PARTS_WORKS];
    int count = 0;
    for (int i = 0; i < TM__PARTS_WORKS; i++) {
        if (!s->works[i].stalled)
            continue;
        int at = count++;
        for (; at > 0 && stalled[at - 1]->number > s->works[i].number; at--)
            stalled[at] = stalled[at - 1];
        stalled[at] = &s->works[i];
    }
    for (int i = 0; i < count; i++) {
        stalled[i]->stalled = false;
        stalled[i]->again = i == 0;
        tm__part_submit(stalled[i], s->base.ctx->waker);
    }
}

bool tm__parts_retry(struct tm__parts_subtask *s)
{
    bool stalled = false, under_way = false;
    bool commit = tm__commits_is_waiting(s->parts->args.commits);
    int64_t now_ns = tm_fx_mono_ns(s->parts->args.fx);
    for (int i = 0; i < TM__PARTS_WORKS; i++) {
        stalled = stalled || (!s->works[i].under_way && s->works[i].stalled);
        under_way = under_way || s->works[i].under_way;
    }
    if (!stalled && !commit) { // works that are tried again are awaited
        if (!under_way)
            set_waiting(s, false);
        return s->is_waiting;
    }
    if (!s->is_waiting) {
        set_waiting(s, true);
        s->retry_ns = now_ns + RETRY_NS;
    } else if (now_ns >= s->retry_ns) {
        s->retry_ns = now_ns + RETRY_NS;
        if (stalled && !under_way)
            submit_again(s);
    }
    return stalled;
}

// --- prepare -------------------------------------------------------------------------------------

// All that is open is completed, as long as there are works for it. *more: there is more.
static int complete_all(struct tm__parts_subtask *s, bool *more, struct tm_error *err)
{
    *more = false;
    for (uint32_t b = 0; s->count != 0 && b < TM__PARTS_BUCKETS; b++) {
        for (struct tm__part *part = s->buckets[b], *next; part != NULL; part = next) {
            uint32_t free_works;
            next = part->next;
            if (part->file == NULL)
                continue;
            int rc = tm__parts_collect(s, &free_works, err);
            if (rc != 0)
                return rc;
            if (free_works < TM__PARTS_WORKS_NEEDED) {
                *more = true;
                return 0;
            }
            if ((rc = tm__parts_complete(s, part, err)) != 0)
                return rc;
        }
    }
    return 0;
}

static void forget_committed(struct tm__parts_subtask *s)
{
    uint64_t done = tm__commits_done(s->parts->args.commits);
    while (s->prepared != NULL && s->prepared->checkpoint <= done) {
        struct tm__prepared *next = s->prepared->next;
        tm__prepared_free(s->parts->args.mem, s->prepared);
        s->prepared = next;
    }
}

// The files that are complete become prepared ones. What fails leaves a job that ends.
static int prepare_held(struct tm__parts_subtask *s, uint64_t checkpoint)
{
    const struct tm__parts_args *args = &s->parts->args;
    struct tm__prepared **link = &s->prepared;
    while (*link != NULL)
        link = &(*link)->next;
    for (; s->held_count != 0; s->held_count--) {
        struct tm__part_file *file = s->held[s->held_count - 1];
        struct tm__prepared *p = tm_mem_zalloc(args->mem, sizeof *p);
        if (p == NULL)
            return TM_E_MEMORY;
        *p = (struct tm__prepared){.checkpoint = checkpoint,
                                   .subtask = s->index,
                                   .number = s->number + s->held_count - 1,
                                   .size_bytes = (uint64_t)file->size_bytes,
                                   .head_bytes = (uint64_t)file->head_bytes,
                                   .hash = XXH64_digest(&file->hash),
                                   .staged = tm_mem_strdup(args->mem, file->in_progress),
                                   .path = tm_mem_strdup(args->mem, file->path)};
        if (p->staged == NULL || p->path == NULL || tm__commits_give(args->commits, p) != 0) {
            tm__prepared_free(args->mem, p);
            return TM_E_MEMORY;
        }
        *link = p;
        link = &p->next;
        tm__part_file_free(args->fx, args->mem, file);
    }
    return 0;
}

int tm__parts_prepare(struct tm_sink *sink, struct tm_cut *cut, struct tm_error *err)
{
    struct tm__parts_subtask *s = (struct tm__parts_subtask *)sink;
    const char *node = sink->node->name;
    uint32_t free_works, held;
    bool more;
    TM_KILL_POINT(sink_prepares);
    int rc = complete_all(s, &more, err);
    if (rc == 0)
        rc = tm__parts_collect(s, &free_works, err);
    if (rc != 0)
        return rc;
    for (int i = 0; i < TM__PARTS_WORKS; i++)
        more = more || s->works[i].under_way || s->works[i].stalled;
    if (more)
        return TM_STEP_WAIT;
    forget_committed(s);
    held = s->held_count;
    rc = prepare_held(s, tm_cut_checkpoint(cut));
    s->number += held;
    if (rc == 0)
        rc = tm__commits_put_head(s->parts->args.commits, cut, node, s->index, s->run);
    for (const struct tm__prepared *p = s->prepared; rc == 0 && p != NULL; p = p->next)
        rc = tm__commits_put(cut, node, p);
    TM_KILL_POINT(sink_prepared);
    return rc == 0 ? TM_STEP_DONE : tm__parts_out_of_memory(s, err);
}
