// Checkpoints on disk, on the helper thread of a keeper: their places, their manifests, commits of
// sinks. Whatever waits for a disk is here.
#include <stdio.h>

#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/cluster/keeper_parts.h"

enum { NAMES_MAX = 1000 }; // that are tried for a savepoint

static const char *kind_of(const struct tm_node *node)
{
    return node->kind == TM_NODE_SOURCE ? "source"
           : node->kind == TM_NODE_SINK ? "sink"
                                        : node->verb;
}

static int fill_manifest(const struct tm__errand *errand, struct tm_manifest *manifest,
                         struct tm_error *err)
{
    const struct tm_job *job = errand->args->job;
    const struct tm__kept *kept = errand->kept;
    int rc = 0;
    manifest->job = job->graph->name;
    manifest->checkpoint = kept->checkpoint;
    manifest->attempt = errand->args->attempt;
    manifest->created_ms = tm_fx_wall_ms(job->fx);
    manifest->kind = kept->purpose == TM_PURPOSE_PERIODIC    ? TM_CHECKPOINT
                     : kept->purpose == TM_PURPOSE_SAVEPOINT ? TM_SAVEPOINT
                                                             : TM_CHECKPOINT_END;
    manifest->finished = manifest->drained = kept->purpose == TM_PURPOSE_END;
    manifest->max_parallelism = job->plan->max_parallelism;
    manifest->script = errand->args->script;
    manifest->types = errand->settled;
    if (errand->args->schemas != NULL)
        manifest->schemas = errand->args->schemas;
    for (uint32_t n = 0; n < job->graph->node_count && rc == 0; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        bool connects = node->kind == TM_NODE_SOURCE || node->kind == TM_NODE_SINK;
        rc = tm_manifest_add_operator(manifest, node->name, kind_of(node),
                                      connects ? node->connector : "",
                                      tm_job_node_parallelism(job, n));
    }
    if (rc != 0)
        return tm_error_set(err, rc, "out of memory for a manifest");
    bool early = TM_PLANTED(manifest_before_parts) && kept->flight_bytes != 0;
    for (uint32_t t = 0; t + early < job->task_count && rc == 0; t++)
        rc = tm_manifest_add_written(manifest, kept->parts[t]->written, err);
    return rc;
}

// A savepoint has what sinks staged for it in its own folder, too.
static int keep_staged(struct tm__errand *errand)
{
    struct tm_job *job = errand->args->job;
    const struct tm__kept *kept = errand->kept;
    int rc = 0;
    if (kept->purpose != TM_PURPOSE_SAVEPOINT)
        return 0;
    for (uint32_t n = 0; n < job->graph->node_count && rc == 0; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        const struct tm_connector *connector =
            node->kind != TM_NODE_SINK ? NULL : tm_connector_find(job->connectors, node->connector);
        if (connector != NULL && connector->sink_keep != NULL)
            rc = connector->sink_keep(job->shared[n], kept->checkpoint,
                                      tm_pending_place(kept->pending)->folder, &errand->err);
    }
    return rc;
}

static int publish(struct tm__errand *errand)
{
    struct tm_manifest manifest;
    tm_manifest_init(&manifest, errand->args->mem);
    int rc = fill_manifest(errand, &manifest, &errand->err);
    if (rc == 0)
        rc = keep_staged(errand);
    struct tm_pending *pending = errand->kept->pending;
    errand->kept->pending = NULL;
    if (rc == 0)
        rc = tm_store_publish(errand->args->store, pending, &manifest, &errand->err);
    else
        tm_store_discard(errand->args->store, pending);
    tm_manifest_fini(&manifest);
    return rc;
}

// All sinks, whatever the others do; the first failure is told.
static int commit(struct tm__errand *errand)
{
    struct tm_job *job = errand->args->job;
    // Another process that has taken this one for dead has begun with what is owed.
    int result = tm_store_check(errand->args->store, &errand->err);
    if (result != 0)
        return result;
    TM_KILL_POINT(commit_begins);
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        const struct tm_connector *connector =
            node->kind != TM_NODE_SINK ? NULL : tm_connector_find(job->connectors, node->connector);
        struct tm_error one;
        if (connector == NULL || connector->sink_commit == NULL)
            continue;
        tm_error_clear(&one);
        bool once =
            errand->kept->purpose == TM_PURPOSE_CLOSE && connector->sink_commit_once != NULL;
        int rc = (once ? connector->sink_commit_once
                       : connector->sink_commit)(job->shared[n], errand->kept->checkpoint, &one);
        if (rc != 0 && (result == 0 || (result > 0 && rc < 0))) { // an error says more than WAIT
            result = rc;
            errand->err = one;
        }
    }
    TM_KILL_POINT(commit_ends);
    if (result == 0 && errand->kept->purpose != TM_PURPOSE_CLOSE &&
        tm_store_collect(errand->args->store, &errand->err) != 0) {
        tm_log_write(errand->args->log, TM_LOG_WARN, "files of earlier checkpoints are left: %s",
                     errand->err.message);
        tm_error_clear(&errand->err);
    }
    return result;
}

// savepoints/sp-12 of the job; a job that began anew may have left one of that name.
static int place_own(struct tm_store *store, struct tm__kept *kept, struct tm_error *err)
{
    int rc = TM_E_EXISTS;
    for (int i = 1; rc == TM_E_EXISTS && i <= NAMES_MAX; i++) {
        char again[16] = "";
        if (i > 1)
            snprintf(again, sizeof again, "-%d", i);
        int n = snprintf(kept->path, TM__SAVEPOINT_PATH, "%s/savepoints/sp-%llu%s",
                         tm_store_folder(store), (unsigned long long)kept->checkpoint, again);
        if (n < 0 || n >= TM__SAVEPOINT_PATH)
            return tm_error_set(err, TM_E_LIMIT, "the path of a savepoint is too long");
        tm_error_clear(err);
        rc = tm_store_begin_savepoint(store, kept->checkpoint, kept->path, &kept->pending, err);
    }
    return rc;
}

static int place(struct tm_store *store, struct tm__kept *kept, struct tm_error *err)
{
    if (kept->purpose != TM_PURPOSE_SAVEPOINT)
        return tm_store_begin(store, kept->checkpoint, &kept->pending, err);
    return kept->path[0] == '\0'
               ? place_own(store, kept, err)
               : tm_store_begin_savepoint(store, kept->checkpoint, kept->path, &kept->pending, err);
}

void tm__errand_run(struct tm_work *work)
{
    struct tm__errand *errand = (struct tm__errand *)work;
    struct tm_store *store = errand->args->store;
    struct tm__kept *kept = errand->kept;
    switch (errand->kind) {
    case TM__ERRAND_PLACE:
        errand->code = place(store, kept, &errand->err);
        break;
    case TM__ERRAND_PUBLISH:
        errand->code = publish(errand);
        break;
    case TM__ERRAND_DISCARD:
        tm_store_discard(store, kept->pending);
        kept->pending = NULL;
        break;
    case TM__ERRAND_COMMIT:
        errand->code = commit(errand);
        break;
    }
}
