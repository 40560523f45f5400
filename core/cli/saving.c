// A job's checkpoints between its folder, its run-time parts and its coordinator.
#include "core/cli/saving.h"

#include <string.h>

#include "core/base/kill_point.h"
#include "core/checkpoint/restored.h"
#include "core/checkpoint/store.h"
#include "core/cli/supervisor.h"

// What the checkpoint has is held against the script before anything is made of the graph.
static int match_checkpoint(struct tm_saving *saving, struct tm_error *err)
{
    int rc = tm_match_make(&saving->match, &saving->life, !saving->life.has_dropped, err);
    if (rc == 0)
        rc = tm_match_refusal(&saving->match, err);
    if (rc == 0)
        saving->settled = (const char *)saving->match.settled.data;
    TM_KILL_POINT(types_settled);
    return rc;
}

// What the job has to know of what it begins with.
static int fill_args(struct tm_saving *saving, struct tm_job_args *args, struct tm_error *err)
{
    const struct tm_engine *engine = saving->engine;
    int rc = 0;
    args->graph = engine->graph; // which may have been made anew, as the checkpoint wants it
    args->plan = engine->plan;
    if (saving->life.store == NULL)
        return 0;
    if (saving->life.restored != NULL)
        rc = match_checkpoint(saving, err);
    args->checkpoints = true;
    args->restored = saving->life.restored;
    args->unverified = saving->life.unverified;
    args->settles = tm_life_is_own(&saving->life);
    args->given_up = saving->life.given_up;
    args->damaged = saving->life.damaged;
    args->settled = saving->settled;
    args->settled_length = strlen(saving->settled);
    return rc;
}

// What the keeper and the job of an attempt were given.
static void forget_last(struct tm_saving *saving)
{
    if (saving->script != NULL)
        tm_mem_free(&saving->engine->mem, saving->script, saving->engine->script_length + 1);
    if (saving->schemas.mem != NULL)
        tm_buf_fini(&saving->schemas);
    tm_match_free(&saving->match);
    saving->script = NULL;
    saving->schemas = (struct tm_buf){0};
    saving->match = (struct tm_match){0};
    saving->settled = "";
    saving->skips = false;
    saving->job = NULL;
}

// What is done when the process ends before the job does.
static void tell_supervisor(const struct tm_saving *saving)
{
    struct tm_engine *engine = saving->engine;
    const struct tm_life *life = &saving->life;
    struct tm_restart_policy policy = engine->graph->restart;
    bool asked = policy.strategy != TM_RESTART_UNSAID;
    const char *why_not = !life->replayable     ? "a source cannot be read again"
                          : life->store == NULL ? "the job takes no checkpoints"
                                                : NULL;
    if (policy.strategy == TM_RESTART_NONE && why_not == NULL)
        why_not = "its restart is \"none\"";
    if (why_not != NULL)
        policy.strategy = TM_RESTART_NONE;
    else if (!asked)
        policy = TM_RESTART_USUAL;
    if (life->store != NULL && life->replayable)
        tm_supervised_folder(engine->options->supervised, life->folder);
    tm_supervised_job(
        engine->options->supervised,
        &(struct tm_supervised_args){.policy = policy,
                                     .seed = (uint64_t)tm_fx_mono_ns(&engine->fx),
                                     .why_not = why_not,
                                     .shows = life->shows && !asked,
                                     .batch_timeout_ms = engine->graph->batch_timeout_ms});
}

int tm_saving_open(struct tm_saving *saving, struct tm_engine *engine, struct tm_job_args *args,
                   struct tm_error *err)
{
    *saving = (struct tm_saving){.engine = engine, .settled = ""};
    int rc = tm_life_open(&saving->life, engine, err);
    if (rc == 0)
        tell_supervisor(saving);
    return rc != 0 ? rc : fill_args(saving, args, err);
}

int tm_saving_again(struct tm_saving *saving, struct tm_job_args *args, struct tm_error *err)
{
    forget_last(saving);
    saving->attempt++;
    int rc = tm_life_again(&saving->life, err);
    return rc != 0 ? rc : fill_args(saving, args, err);
}

// A commit is tried again as the job is, also where that cannot be started again.
static struct tm_restart_policy retries_of(const struct tm_graph *graph)
{
    return graph->restart.strategy == TM_RESTART_UNSAID ? TM_RESTART_USUAL : graph->restart;
}

int tm_saving_attach(struct tm_saving *saving, struct tm_job *job, struct tm_waker *waker,
                     struct tm_error *err)
{
    struct tm_engine *engine = saving->engine;
    if (saving->life.store == NULL)
        return 0;
    tm_life_say(&saving->life);
    saving->script = tm_mem_zalloc(&engine->mem, engine->script_length + 1);
    if (saving->script == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the script");
    memcpy(saving->script, engine->script, engine->script_length);
    saving->job = job;
    tm_buf_init(&saving->schemas, &engine->mem);
    int rc = tm_samples_put(engine->samples, engine->graph, &saving->schemas);
    if (rc != 0 || tm_buf_append(&saving->schemas, "", 1) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for schemas");
    const struct tm_keeper_args args = {.fx = &engine->fx,
                                        .mem = &engine->mem,
                                        .log = &engine->log,
                                        .job = job,
                                        .store = saving->life.store,
                                        .script = saving->script,
                                        .settled = saving->settled,
                                        .attempt = saving->attempt,
                                        .schemas = (const char *)saving->schemas.data,
                                        .waker = waker,
                                        .interval_ms = engine->graph->checkpoints.interval_ms,
                                        .timeout_ms = engine->graph->checkpoints.timeout_ms,
                                        .retry = retries_of(engine->graph)};
    return tm_keeper_new(&args, &saving->keeper, err);
}

int tm_saving_check(const struct tm_saving *saving, struct tm_error *err)
{
    return saving->life.store == NULL ? 0 : tm_store_check(saving->life.store, err);
}

int tm_saving_begin(struct tm_saving *saving, struct tm_error *err)
{
    const struct tm_engine *engine = saving->engine;
    if (saving->life.store == NULL)
        return 0;
    int rc = tm_life_begin(&saving->life, err);
    if (rc != 0)
        return rc;
    tm_supervised_running(engine->options->supervised, tm_store_latest(saving->life.store));
    if (saving->life.restored != NULL)
        TM_KILL_POINT(job_resumes);
    return 0;
}

// A job that nobody could begin again from its middle, and that has said nothing of checkpoints,
// needs none where a crash at its end leaves either all of its output or nothing.
static bool may_close(const struct tm_saving *saving)
{
    const struct tm_life *life = &saving->life;
    return !life->asked && life->restored == NULL && tm_store_latest(life->store) == 0 &&
           tm_keeper_is_unused(saving->keeper) && tm_job_commits_at_once(saving->job);
}

void tm_saving_drain(struct tm_saving *saving)
{
    if (saving->keeper != NULL)
        tm_keeper_drain(saving->keeper);
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

struct tm_keeper_figures tm_saving_figures(const struct tm_saving *saving)
{
    struct tm_keeper_figures figures = saving->figures;
    if (saving->keeper == NULL)
        return figures;
    struct tm_keeper_figures now = tm_keeper_figures(saving->keeper);
    now.completed += figures.completed;
    now.failed += figures.failed;
    now.overtaken += figures.overtaken;
    if (now.committed == 0)
        now.committed = figures.committed;
    if (now.checkpoint == 0) { // the last one is of an earlier attempt
        now.checkpoint = figures.checkpoint;
        now.completed_ms = figures.completed_ms;
        now.duration_ms = figures.duration_ms;
        now.bytes = figures.bytes;
        now.flight_bytes = figures.flight_bytes;
    }
    return now;
}

void tm_saving_end(struct tm_saving *saving)
{
    if (saving->keeper == NULL)
        return;
    saving->figures = tm_saving_figures(saving);
    tm_keeper_free(saving->keeper);
    saving->keeper = NULL;
}

void tm_saving_finished(struct tm_saving *saving, struct tm_job *job)
{
    tm_life_finish(&saving->life, job, saving->figures.completed);
}

void tm_saving_close(struct tm_saving *saving)
{
    forget_last(saving);
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

static void tell_checkpoint(struct tm_saving *saving)
{
    struct tm_keeper_figures figures = tm_saving_figures(saving);
    if (figures.completed == saving->told)
        return;
    saving->told = figures.completed;
    tm_supervised_checkpoint(saving->engine->options->supervised);
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
    tell_checkpoint(saving);
    const struct tm_error *failure = tm_keeper_failure(keeper);
    if (failure != NULL && coordinator->state < TM_JOB_CANCELLING) {
        const struct tm_event event = {.kind = TM_EVENT_FAILED, .error = *failure};
        tm_coordinator_event(coordinator, &event);
        return true;
    }
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
