// A job's checkpoints between its folder, its run-time parts and its coordinator.
#include "core/cli/saving.h"

#include <stdio.h>
#include <string.h>

#include "core/checkpoint/restored.h"

// The types that first rows had settled are settled again before anything is made of the graph.
static int apply_types(struct tm_saving *saving, struct tm_error *err)
{
    struct tm_engine *engine = saving->engine;
    struct tm_buf settled;
    size_t length = strlen(saving->settled);
    if (length == 0)
        return 0;
    tm_buf_init(&settled, &engine->mem);
    int rc = tm_vm_settle(engine->vm, engine->graph, saving->settled, length, &settled, err);
    tm_buf_fini(&settled);
    return rc < 0 ? rc : 0;
}

static int begin_from(struct tm_saving *saving, const char *folder, struct tm_error *err)
{
    struct tm_engine *engine = saving->engine;
    const struct tm_restored_args args = {
        .mem = &engine->mem, .fx = &engine->fx, .path = folder, .job = engine->graph->name};
    if (tm_store_latest(saving->store) == 0)
        return 0;
    int rc = tm_restored_open(&args, &saving->restored, err);
    if (rc != 0)
        return rc;
    const struct tm_manifest *manifest = tm_restored_manifest(saving->restored);
    if (manifest->finished) { // nothing to go on with: it begins anew
        tm_restored_free(saving->restored);
        saving->restored = NULL;
        return tm_store_rewind(saving->store, 0, err);
    }
    tm_log_write(&engine->log, TM_LOG_INFO, "going on from checkpoint %llu",
                 (unsigned long long)manifest->checkpoint);
    saving->settled = manifest->types == NULL ? "" : manifest->types;
    rc = tm_store_rewind(saving->store, manifest->checkpoint, err);
    return rc == 0 ? apply_types(saving, err) : rc;
}

int tm_saving_open(struct tm_saving *saving, struct tm_engine *engine, struct tm_job_args *args,
                   struct tm_error *err)
{
    char folder[2 * TM_NAME_MAX + 16];
    *saving = (struct tm_saving){.engine = engine, .settled = ""};
    if (engine->graph->checkpoints.interval_ms == 0)
        return 0;
    snprintf(folder, sizeof folder, ".tidemill/%s", engine->graph->name);
    const struct tm_store_args store = {.mem = &engine->mem,
                                        .fx = &engine->fx,
                                        .folder = folder,
                                        .job = engine->graph->name,
                                        .retain = engine->graph->checkpoints.retain};
    int rc = tm_store_open(&store, &saving->store, err);
    if (rc == 0)
        rc = begin_from(saving, folder, err);
    args->checkpoints = true;
    args->restored = saving->restored;
    args->settled = saving->settled;
    args->settled_length = strlen(saving->settled);
    return rc;
}

int tm_saving_begin(struct tm_saving *saving, struct tm_job *job, struct tm_waker *waker,
                    struct tm_error *err)
{
    struct tm_engine *engine = saving->engine;
    if (saving->store == NULL)
        return 0;
    saving->script = tm_mem_zalloc(&engine->mem, engine->script_length + 1);
    if (saving->script == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the script");
    memcpy(saving->script, engine->script, engine->script_length);
    const struct tm_keeper_args args = {.fx = &engine->fx,
                                        .mem = &engine->mem,
                                        .log = &engine->log,
                                        .job = job,
                                        .store = saving->store,
                                        .script = saving->script,
                                        .settled = saving->settled,
                                        .waker = waker,
                                        .interval_ms = engine->graph->checkpoints.interval_ms,
                                        .timeout_ms = engine->graph->checkpoints.timeout_ms};
    return tm_keeper_new(&args, &saving->keeper, err);
}

void tm_saving_end(struct tm_saving *saving)
{
    if (saving->keeper != NULL)
        tm_keeper_free(saving->keeper);
    saving->keeper = NULL;
}

void tm_saving_close(struct tm_saving *saving)
{
    if (saving->script != NULL)
        tm_mem_free(&saving->engine->mem, saving->script, saving->engine->script_length + 1);
    tm_restored_free(saving->restored);
    tm_store_close(saving->store);
    *saving = (struct tm_saving){.settled = ""};
}

int tm_saving_settled(struct tm_saving *saving, const struct tm_buf *text)
{
    return saving->keeper == NULL || text->size_bytes == 0
               ? 0
               : tm_keeper_settled(saving->keeper, (const char *)text->data, text->size_bytes);
}

void tm_saving_event(struct tm_saving *saving, struct tm_event *event)
{
    if (saving->keeper != NULL)
        tm_keeper_event(saving->keeper, event);
}

bool tm_saving_turn(struct tm_saving *saving, struct tm_coordinator *coordinator)
{
    struct tm_keeper *keeper = saving->keeper;
    if (keeper == NULL)
        return false;
    if (coordinator->state == TM_JOB_RUNNING)
        tm_keeper_start(keeper);
    if (coordinator->state == TM_JOB_CANCELLING)
        tm_keeper_stop(keeper);
    bool any = tm_keeper_turn(keeper);
    bool waits = coordinator->saving || coordinator->state == TM_JOB_SAVING;
    if (!waits || !tm_keeper_is_saved(keeper))
        return any;
    tm_coordinator_saved(coordinator);
    return true;
}

int64_t tm_saving_deadline_ns(const struct tm_saving *saving)
{
    return saving->keeper == NULL ? INT64_MAX : tm_keeper_deadline_ns(saving->keeper);
}
