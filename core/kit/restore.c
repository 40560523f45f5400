// A job that ends in the middle and begins again: a checkpoint is taken as in production, barriers
// and all, but is gathered instead of written to files; read back through its format it is what
// the same job begins with once more, with other numbers of subtasks and key groups if wanted.
#include <stdio.h>

#include "core/kit/kit_private.h"

// --- what a job is made of -----------------------------------------------------------------------

static int keep_text(struct tm_kit *kit, const char *text, size_t length, size_t *at)
{
    *at = kit->kept.size_bytes;
    int rc = tm_buf_append(&kit->kept, text, length);
    return rc == 0 ? tm_buf_append(&kit->kept, "", 1) : rc;
}

int tm__kit_keep_args(struct tm_kit *kit, const struct tm_kit_args *args)
{
    size_t path = 0, text = 0, total = 2 * (size_t)args->set_count;
    kit->args = *args;
    kit->args.set_count = 0;
    tm_buf_init(&kit->kept, &kit->mem);
    size_t *offsets = tm_mem_alloc(&kit->mem, (total + 1) * sizeof *offsets);
    kit->sets = tm_mem_zalloc(&kit->mem, (total + 1) * sizeof *kit->sets);
    kit->args.set_count = args->set_count;
    int rc = offsets == NULL || kit->sets == NULL ? TM_E_MEMORY : 0;
    if (rc == 0)
        rc = keep_text(kit, args->path, strlen(args->path), &path);
    if (rc == 0 && args->text != NULL)
        rc = keep_text(kit, args->text, args->length, &text);
    for (uint32_t i = 0; i < args->set_count && rc == 0; i++) {
        rc = keep_text(kit, args->set_names[i], strlen(args->set_names[i]), &offsets[i]);
        if (rc == 0)
            rc = keep_text(kit, args->set_values[i], strlen(args->set_values[i]),
                           &offsets[args->set_count + i]);
    }
    char *base = (char *)kit->kept.data;
    for (size_t i = 0; i < total && rc == 0; i++)
        kit->sets[i] = base + offsets[i];
    kit->args.path = rc == 0 ? base + path : NULL;
    kit->args.text = rc == 0 && args->text != NULL ? base + text : NULL;
    kit->args.set_names = (const char *const *)kit->sets;
    kit->args.set_values =
        kit->sets == NULL ? NULL : (const char *const *)kit->sets + args->set_count;
    if (offsets != NULL)
        tm_mem_free(&kit->mem, offsets, (total + 1) * sizeof *offsets);
    return rc;
}

void tm__kit_free_args(struct tm_kit *kit)
{
    size_t total = 2 * (size_t)kit->args.set_count;
    if (kit->sets != NULL)
        tm_mem_free(&kit->mem, kit->sets, (total + 1) * sizeof *kit->sets);
    tm_buf_fini(&kit->kept);
}

// --- the checkpoint ------------------------------------------------------------------------------

int tm__kit_take_cut(void *arg, const struct tm_write_args *args, struct tm_written **written,
                     struct tm_error *err)
{
    struct tm_kit *kit = arg;
    if (kit->cuts == NULL) // the job died before it was written
        return tm_error_set(err, TM_E_CHECKPOINT_DECLINED, "nobody gathers the checkpoint");
    if (kit->cut_count == kit->cuts_wanted)
        return tm_error_set(err, TM_E_INTERNAL, "a checkpoint has more parts than tasks");
    kit->cuts[kit->cut_count++] = args->cut;
    *written = NULL;
    return 0;
}

static int command(struct tm_kit *kit, enum tm_command_kind kind, struct tm_error *err)
{
    static const char place[] = "kit\0kit"; // which the writer does not look at
    int rc = tm_job_command_checkpoint(kit->drive.job, kind, kit->checkpoint, TM_PURPOSE_SAVEPOINT,
                                       place, sizeof place - 1);
    return rc == 0 ? tm__kit_rest(kit, err) : tm_error_set(err, rc, "out of memory for a test");
}

// Some task could not take part: the job goes on without.
static int give_up(struct tm_kit *kit, struct tm_error *err)
{
    struct tm_error declined = kit->drive.declined;
    int rc = command(kit, TM_COMMAND_ABORT, err);
    if (rc != 0)
        return rc;
    if (declined.code == 0)
        return tm_error_set(err, TM_E_INTERNAL, "%u of %u tasks have given to the checkpoint",
                            kit->cut_count, kit->cuts_wanted);
    *err = declined;
    return err->code;
}

static int take_checkpoint(struct tm_kit *kit, struct tm_restored **restored, struct tm_error *err)
{
    kit->checkpoint++;
    kit->cut_count = 0;
    kit->drive.declined.code = 0;
    int rc = command(kit, TM_COMMAND_CHECKPOINT, err);
    if (rc != 0)
        return rc;
    if (kit->cut_count != kit->cuts_wanted)
        return give_up(kit, err);
    return tm_restored_from_cuts(&kit->mem, kit->cuts, kit->cut_count, restored, err);
}

// --- once more -----------------------------------------------------------------------------------

// What the test has said of a source holds. Event time is in the checkpoint.
static int tell_sources(struct tm_kit *kit, struct tm_error *err)
{
    const struct tm_graph *graph = kit->drive.graph;
    int rc = 0;
    for (uint32_t n = 0; n < graph->node_count && rc == 0; n++) {
        const struct tm__kit_item end = {.kind = TM__KIT_END};
        kit->ends[n].key_known = false;
        if (graph->nodes[n].kind != TM_NODE_SOURCE)
            continue;
        if (kit->ends[n].has_ended)
            rc = tm__kit_give_all(kit, n, &end, err);
        else if (kit->ends[n].is_idle)
            rc = tm__kit_give_status(kit, n, true, err);
    }
    return rc;
}

bool tm__kit_has_ended(const struct tm_kit *kit)
{
    return kit->drive.coordinator.state >= TM_JOB_SAVING;
}

int tm__kit_begin_again(struct tm_kit *kit, uint32_t parallelism, uint32_t max_parallelism,
                        const char *settled, size_t settled_length, struct tm_error *err)
{
    const struct tm_plan *plan = kit->drive.plan;
    if (parallelism == 0)
        parallelism = kit->drive.args.parallelism;
    if (max_parallelism == 0)
        max_parallelism = plan->max_parallelism;
    struct tm_buf before = kit->drive.settled;   // which `settled` may be
    tm_buf_init(&kit->drive.settled, &kit->mem); // events that are still there go into it
    tm_drive_close(&kit->drive);
    int rc = tm__kit_start(kit, parallelism, max_parallelism, settled, settled_length, err);
    tm_buf_fini(&before);
    if (rc == 0)
        rc = tell_sources(kit, err);
    return rc;
}

static int gather(struct tm_kit *kit, struct tm_restored **restored, struct tm_error *err)
{
    kit->cuts_wanted = kit->drive.job->task_count;
    size_t size = kit->cuts_wanted * sizeof *kit->cuts;
    kit->cuts = tm_mem_alloc(&kit->mem, size);
    if (kit->cuts == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a test");
    int rc = take_checkpoint(kit, restored, err);
    tm_mem_free(&kit->mem, kit->cuts, size);
    kit->cuts = NULL;
    return rc;
}

int tm__kit_checkpoint(struct tm_kit *kit, struct tm_restored **restored, struct tm_error *err)
{
    int rc = gather(kit, restored, err);
    return rc != 0 ? rc : command(kit, TM_COMMAND_COMPLETE, err);
}

int tm_kit_restore(struct tm_kit *kit, uint32_t parallelism, uint32_t max_parallelism,
                   struct tm_error *err)
{
    struct tm_restored *restored = NULL;
    int rc = tm__kit_begin(kit, err);
    if (rc != 0 || tm__kit_has_ended(kit))
        return rc;
    kit->several = true;
    if (kit->trial != NULL)
        tm__kit_trial_hold(kit);
    rc = gather(kit, &restored, err);
    if (rc != 0)
        return rc;
    struct tm_restored *before = kit->restored;
    const struct tm_buf *settled = &kit->drive.settled;
    kit->restored = restored;
    rc = tm__kit_begin_again(kit, parallelism, max_parallelism, (const char *)settled->data,
                             settled->size_bytes, err);
    tm_restored_free(before);
    if (rc == 0)
        rc = tm__kit_rest(kit, err);
    if (rc == 0 && kit->trial != NULL)
        rc = tm__kit_trial_restored(kit, err);
    if (rc < 0)
        kit->failure = *err;
    return rc;
}
