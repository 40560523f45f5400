// A job's checkpoints between its folder, its run-time parts and its coordinator.
#include "core/cli/saving.h"

#include <string.h>

#include "core/base/kill_point.h"
#include "core/checkpoint/restored.h"
#include "core/checkpoint/store.h"

// What the checkpoint has is held against the script before anything is made of the graph.
static int match_checkpoint(struct tm_saving *saving, struct tm_error *err)
{
    int rc = tm_match_make(&saving->match, saving->engine, saving->life.restored, err);
    if (rc == 0)
        rc = tm_match_refusal(&saving->match, err);
    if (rc == 0)
        saving->settled = (const char *)saving->match.settled.data;
    TM_KILL_POINT(types_settled);
    return rc;
}

int tm_saving_open(struct tm_saving *saving, struct tm_engine *engine, struct tm_job_args *args,
                   struct tm_error *err)
{
    *saving = (struct tm_saving){.engine = engine, .settled = ""};
    int rc = tm_life_open(&saving->life, engine, err);
    args->graph = engine->graph; // which may have been made anew, as the checkpoint wants it
    args->plan = engine->plan;
    if (rc != 0 || saving->life.store == NULL)
        return rc;
    if (saving->life.restored != NULL)
        rc = match_checkpoint(saving, err);
    args->checkpoints = true;
    args->restored = saving->life.restored;
    args->damaged = saving->life.damaged;
    args->settled = saving->settled;
    args->settled_length = strlen(saving->settled);
    return rc;
}

int tm_saving_begin(struct tm_saving *saving, struct tm_job *job, struct tm_waker *waker,
                    struct tm_error *err)
{
    struct tm_engine *engine = saving->engine;
    if (saving->life.store == NULL)
        return 0;
    int rc = tm_life_begin(&saving->life, err);
    if (rc != 0)
        return rc;
    if (saving->life.restored != NULL)
        TM_KILL_POINT(job_resumes);
    saving->script = tm_mem_zalloc(&engine->mem, engine->script_length + 1);
    if (saving->script == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the script");
    memcpy(saving->script, engine->script, engine->script_length);
    saving->job = job;
    tm_buf_init(&saving->schemas, &engine->mem);
    rc = tm_samples_put(engine->samples, engine->graph, &saving->schemas);
    if (rc != 0 || tm_buf_append(&saving->schemas, "", 1) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for schemas");
    const struct tm_keeper_args args = {.fx = &engine->fx,
                                        .mem = &engine->mem,
                                        .log = &engine->log,
                                        .job = job,
                                        .store = saving->life.store,
                                        .script = saving->script,
                                        .settled = saving->settled,
                                        .schemas = (const char *)saving->schemas.data,
                                        .waker = waker,
                                        .interval_ms = engine->graph->checkpoints.interval_ms,
                                        .timeout_ms = engine->graph->checkpoints.timeout_ms};
    return tm_keeper_new(&args, &saving->keeper, err);
}

// A job that nobody could begin again from its middle, and that has said nothing of checkpoints,
// needs none where a crash at its end leaves either all of its output or nothing.
static bool may_close(const struct tm_saving *saving)
{
    const struct tm_life *life = &saving->life;
    return !life->asked && life->restored == NULL && tm_store_latest(life->store) == 0 &&
           tm_keeper_is_unused(saving->keeper) && tm_job_commits_at_once(saving->job);
}

void tm_saving_save(struct tm_saving *saving, enum tm_checkpoint_purpose purpose)
{
    // Where no output waits for it the end of the input needs none.
    saving->skips = purpose == TM_PURPOSE_END && !saving->life.exact && !saving->life.asked;
    if (saving->skips)
        tm_keeper_stop(saving->keeper);
    else if (purpose == TM_PURPOSE_END && may_close(saving))
        tm_keeper_save(saving->keeper, TM_PURPOSE_CLOSE);
    else
        tm_keeper_save(saving->keeper, purpose);
}

void tm_saving_end(struct tm_saving *saving)
{
    if (saving->keeper == NULL)
        return;
    saving->figures = tm_keeper_figures(saving->keeper);
    tm_keeper_free(saving->keeper);
    saving->keeper = NULL;
}

void tm_saving_finished(struct tm_saving *saving, struct tm_job *job)
{
    tm_life_finish(&saving->life, job, saving->figures.completed);
}

void tm_saving_close(struct tm_saving *saving)
{
    if (saving->script != NULL)
        tm_mem_free(&saving->engine->mem, saving->script, saving->engine->script_length + 1);
    if (saving->schemas.mem != NULL)
        tm_buf_fini(&saving->schemas);
    tm_match_free(&saving->match);
    tm_life_close(&saving->life);
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
    if (!waits || (!saving->skips && !tm_keeper_is_saved(keeper)))
        return any;
    tm_coordinator_saved(coordinator);
    return true;
}

int64_t tm_saving_deadline_ns(const struct tm_saving *saving)
{
    return saving->keeper == NULL ? INT64_MAX : tm_keeper_deadline_ns(saving->keeper);
}
