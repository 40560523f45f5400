// A sink of files and what its job asks of it: to go on from a checkpoint, to commit, and whether
// it would feed a source.
#include "connectors/file/sink.h"

#include <inttypes.h>

#include "connectors/file/circle.h"
#include "connectors/file/sink_private.h"

int tm__file_sink_restore(void *shared, const struct tm_restored *restored,
                          const struct tm_node *node, struct tm_error *err)
{
    struct tm__outputs *o = shared;
    if (o->commits == NULL || !o->is_resumed)
        return 0;
    int rc = tm__commits_restore(o->commits, restored, node->name, o->old,
                                 o->if_exists == TM__REPLACE ? o->old_count : 0, err);
    if (rc == 0 && !o->looks)
        tm__parts_begin_at(o->parts, tm__commits_next_run(o->commits));
    else if (rc != 0)
        tm_error_where(err, "%s", node->where);
    return rc;
}

// What the job makes visible before this sink begins may be in its way.
static int look_at_settled(const struct tm__outputs *o, const struct tm_sink_job *job,
                           struct tm_error *err)
{
    bool made = false;
    if (o->commits == NULL || o->is_resumed || !job->settles || o->if_exists != TM__FAIL_IF_EXISTS)
        return 0;
    int rc = tm__file_settles(o->fx, o->mem, job, tm__commits_path(o->commits), &made, err);
    if (rc != 0 || !made)
        return rc;
    tm_error_set(err, TM_E_EXISTS,
                 "the output %s exists already when the sink begins: rows that checkpoint %" PRIu64
                 " has for it are made visible before",
                 o->name, tm_restored_checkpoint(job->restored));
    tm_error_hint(err,
                  "say if_exists = \"append\" or if_exists = \"replace\"; or let the sink that "
                  "has them go on, by its name or renamed_from");
    return TM_E_EXISTS;
}

int tm__file_sink_look(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                       const struct tm_sink_job *job, struct tm_error *err)
{
    void *shared = NULL;
    int rc = tm__outputs_prepare(fx, mem, node, 1, job, true, &shared, err);
    if (rc != 0)
        return rc;
    rc = tm__file_sink_restore(shared, job->restored, node, err);
    if (rc == 0)
        rc = look_at_settled(shared, job, err);
    tm__file_sink_release(shared);
    return rc;
}

int tm__file_sink_begin(void *shared, struct tm_error *err)
{
    struct tm__outputs *o = shared;
    int rc = o->commits != NULL && o->looks_again ? tm__outputs_look_again(o, err) : 0;
    return o->commits == NULL || rc != 0 ? rc : tm__commits_open(o->commits, err);
}

int tm__file_sink_commit(void *shared, uint64_t checkpoint, struct tm_error *err)
{
    struct tm__outputs *o = shared;
    return o->commits == NULL ? 0 : tm__commits_run(o->commits, checkpoint, err);
}

// One file that is to be new gets its name by a rename; so does the only part of a folder.
// Appending is left out: killed right after it, the job would begin anew and append once more.
uint32_t tm__file_sink_commit_steps(const void *shared)
{
    const struct tm__outputs *o = shared;
    if (o->commits == NULL)
        return 0;
    if (o->is_resumed || o->if_exists == TM__APPEND)
        return 2;
    if (!o->is_folder)
        return tm__commits_is_new(o->commits) ? 1 : 2;
    bool one_part = o->parallelism == 1 && !tm__outputs_are_many(o) && o->old_count == 0;
    return one_part ? 1 : 2;
}

int tm__file_sink_commit_once(void *shared, uint64_t checkpoint, struct tm_error *err)
{
    struct tm__outputs *o = shared;
    return o->commits == NULL ? 0 : tm__commits_run_once(o->commits, checkpoint, err);
}

int tm__file_sink_keep(void *shared, uint64_t checkpoint, const char *folder, struct tm_error *err)
{
    struct tm__outputs *o = shared;
    return o->commits == NULL ? 0 : tm__commits_keep(o->commits, checkpoint, folder, err);
}

int tm__file_sink_committed(void *shared, uint64_t checkpoint, bool *committed,
                            struct tm_error *err)
{
    struct tm__outputs *o = shared;
    *committed = false;
    return o->commits == NULL ? 0 : tm__commits_committed(o->commits, checkpoint, committed, err);
}

// --- circles -------------------------------------------------------------------------------------

int tm__file_sink_check(const void *shared, const struct tm_node *source, struct tm_error *err)
{
    const struct tm__outputs *o = shared;
    bool meant = false;
    int rc = 0;
    if (o->parts != NULL && o->is_folder) {
        char suffix[32];
        tm__outputs_suffix(o, suffix, sizeof suffix);
        bool rolls = o->if_exists != TM__REPLACE && (o->roll_bytes != 0 || o->roll_ms != 0);
        meant = (rolls || o->commits != NULL) &&
                tm__file_circle_of_folder(o->fx, o->name, o->columns, suffix, source);
    } else if (!o->is_folder && o->targets[0].path != NULL &&
               (o->targets[0].in_progress == NULL ||
                (o->commits != NULL && o->if_exists != TM__REPLACE))) {
        rc = tm__file_circle_of_file(o->fx, o->mem, o->targets[0].path, source, &meant, err);
    }
    if (!meant)
        return rc;
    rc = tm_error_set(err, TM_E_GRAPH,
                      "the output %s is %s while it is written, by '%s' (%s): the job would read "
                      "its own rows, without end",
                      o->name, o->is_folder ? "followed" : "read", source->name, source->where);
    tm_error_hint(err, o->is_folder
                           ? "write to another folder"
                           : "write to another file; or, to have the new rows instead of the old "
                             "ones, say if_exists = \"replace\"");
    return rc;
}
