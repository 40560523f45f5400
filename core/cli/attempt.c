// An attempt: the coordinator's loop on this thread, workers on threads of their own.
#include "core/cli/attempt.h"

#include <stdio.h>
#include <unistd.h>

#include "core/cli/supervisor.h"
#include "core/task/worker.h"

enum {
    LIVE_INTERVAL_MS = 250,
    // After the second Ctrl-C: a worker that has not ended by then is in a function that does not
    // return, and no thread can be ended from outside.
    LEAVE_AFTER_MS = 1000,
};

// --- the coordinator's environment ---------------------------------------------------------------

static int send_command(void *arg, enum tm_command_kind kind, const char *text, size_t length)
{
    struct tm_attempt *attempt = arg;
    return tm_job_command(attempt->job, kind, text, length);
}

static int begin(void *arg, struct tm_error *err)
{
    struct tm_attempt *attempt = arg;
    int rc = tm_saving_check(attempt->args.saving, err);
    if (rc == 0)
        rc = tm_job_begin(attempt->job, err);
    return rc == 0 ? tm_saving_begin(attempt->args.saving, err) : rc;
}

static int settle(void *arg, const char *proposal, size_t length, struct tm_buf *settled,
                  struct tm_error *err)
{
    struct tm_attempt *attempt = arg;
    struct tm_engine *engine = attempt->args.engine;
    int rc = tm_vm_settle(engine->vm, engine->graph, proposal, length, settled, err);
    if (rc == 0 && tm_saving_settled(attempt->args.saving, settled) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for settled types");
    return rc;
}

static void drain(void *arg)
{
    struct tm_attempt *attempt = arg;
    tm_saving_drain(attempt->args.saving);
}

static void save(void *arg, enum tm_checkpoint_purpose purpose)
{
    struct tm_attempt *attempt = arg;
    tm_saving_save(attempt->args.saving, purpose);
}

// --- begin ---------------------------------------------------------------------------------------

// As many as the widest chain has subtasks.
static uint32_t count_workers(const struct tm_plan *plan)
{
    uint32_t workers = 1;
    for (uint32_t c = 0; c < plan->chain_count; c++)
        if (plan->chains[c].parallelism > workers)
            workers = plan->chains[c].parallelism;
    return workers;
}

static int new_job(struct tm_attempt *attempt, struct tm_job_args *args, struct tm_error *err)
{
    const struct tm_engine *engine = attempt->args.engine;
    args->plan = engine->plan; // what it begins with may have made another
    args->vm.shared = tm_vm_shared(engine->vm);
    args->workers = count_workers(engine->plan);
    return tm_job_new(args, &attempt->job, err);
}

static int make_job(struct tm_attempt *attempt, struct tm_error *err)
{
    struct tm_engine *engine = attempt->args.engine;
    struct tm_saving *saving = attempt->args.saving;
    struct tm_job_args args = {
        .fx = &engine->fx,
        .mem = &engine->mem,
        .log = &engine->log,
        .graph = engine->graph,
        .connectors = tm_engine_connectors,
        .vm = engine->vm_args,
        .operators = &tm_operator_factory,
        .coordinator = attempt->args.waker,
        .watch = tm_supervised_watch(engine->options->supervised),
    };
    int rc = attempt->args.first ? tm_saving_open(saving, engine, &args, err)
                                 : tm_saving_again(saving, &args, err);
    if (rc != 0)
        return rc;
    rc = new_job(attempt, &args, err);
    if (rc != TM_E_CHECKPOINT || !tm_life_goes_back(&saving->life, err))
        return rc;
    // No sink has done anything yet: the checkpoint before that one is begun with, as if there were
    // no newer.
    rc = tm_engine_plan_again(engine, err);
    rc = rc == 0 ? tm_saving_again(saving, &args, err) : rc;
    return rc == 0 ? new_job(attempt, &args, err) : rc;
}

int tm_attempt_open(struct tm_attempt *attempt, const struct tm_attempt_args *args,
                    struct tm_error *err)
{
    struct tm_engine *engine = args->engine;
    *attempt = (struct tm_attempt){.args = *args};
    int rc = make_job(attempt, err);
    if (rc != 0)
        return rc;
    rc = tm_saving_attach(args->saving, attempt->job, args->waker, err);
    // Where all input had been read before there is nothing but its output to be made visible.
    attempt->may_come = rc == 0 && args->saving->life.completes;
    if (attempt->may_come)
        rc = begin(attempt, err);
    if (rc != 0) {
        tm_saving_end(args->saving);
        tm_job_free(attempt->job);
        return rc;
    }
    struct tm_coordinator_env env = {.arg = attempt,
                                     .command = send_command,
                                     .begin = begin,
                                     .settle = settle,
                                     .save = args->saving->keeper == NULL ? NULL : save,
                                     .drain = drain};
    tm_coordinator_init(&attempt->coordinator, &env, &engine->mem, attempt->job->worker_count,
                        attempt->job->task_count);
    if (args->screen != NULL)
        attempt->live = tm_live_new(attempt->job, args->screen, !engine->options->quiet);
    if (attempt->live != NULL)
        tm_live_saving(attempt->live, args->saving, args->restarts);
    return 0;
}

// --- the loop ------------------------------------------------------------------------------------

static void leave_later(struct tm_attempt *attempt)
{
    attempt->args.stops->leave_ns =
        tm_fx_mono_ns(&attempt->args.engine->fx) + LEAVE_AFTER_MS * 1000000LL;
}

static void take_stops(struct tm_attempt *attempt)
{
    struct tm_engine *engine = attempt->args.engine;
    struct tm_stops *stops = attempt->args.stops;
    tm_log_write(&engine->log, TM_LOG_INFO,
                 stops->done == 0 ? "stopping; once more to stop at once" : "stopping at once");
    tm_coordinator_stop(&attempt->coordinator);
    if (++stops->done == 2)
        leave_later(attempt);
}

// What other processes want of the job.
static bool take_wish(struct tm_attempt *attempt)
{
    const struct tm_log *log = &attempt->args.engine->log;
    switch (tm_control_wish(attempt->control)) {
    case TM_WISH_NONE:
        return false;
    case TM_WISH_STOP:
        tm_log_write(log, TM_LOG_INFO, "stopping, as `tidemill stop` wants");
        tm_coordinator_stop(&attempt->coordinator);
        break;
    case TM_WISH_DRAIN:
        tm_log_write(log, TM_LOG_INFO, "draining, as `tidemill stop --drain` wants");
        (void)tm_coordinator_drain(&attempt->coordinator); // it ends, one way or the other
        break;
    case TM_WISH_CANCEL:
        tm_log_write(log, TM_LOG_INFO, "stopping at once, as `tidemill cancel` wants");
        tm_coordinator_cancel(&attempt->coordinator);
        leave_later(attempt);
        break;
    }
    return true;
}

bool tm_attempt_turn(struct tm_attempt *attempt)
{
    struct tm_saving *saving = attempt->args.saving;
    bool any = false;
    struct tm_event *event;
    while ((event = (struct tm_event *)tm_mailbox_take(&attempt->job->events)) != NULL) {
        tm_saving_event(saving, event);
        tm_coordinator_event(&attempt->coordinator, event);
        if (attempt->control != NULL)
            tm_control_event(attempt->control, event);
        tm_event_free(event);
        any = true;
    }
    any = tm_saving_turn(saving, &attempt->coordinator) || any;
    if (attempt->control != NULL) {
        any = tm_control_turn(attempt->control) || any;
        any = take_wish(attempt) || any;
    }
    for (; attempt->args.stops->done < attempt->args.stops->wanted; any = true)
        take_stops(attempt);
    return any;
}

static void leave(const struct tm_attempt *attempt)
{
    uint64_t checkpoint = tm_life_resumable(&attempt->args.saving->life);
    int code = checkpoint != 0 ? TM_EXIT_RESUMABLE : TM_EXIT_STOPPED;
    const struct tm_control_end end = {
        .outcome = TM_JOB_STOPPED, .exit_code = code, .checkpoint = checkpoint};
    tm_log_write(&attempt->args.engine->log, TM_LOG_WARN,
                 "a function of the job does not return: leaving without it");
    if (attempt->args.engine->options->json)
        tm_report_print_end_json(TM_JOB_STOPPED, NULL);
    tm_control_close(attempt->control, &end);
    _exit(code);
}

int64_t tm_attempt_deadline_ns(const struct tm_attempt *attempt)
{
    int64_t saving = tm_saving_deadline_ns(attempt->args.saving);
    int64_t asked = attempt->control == NULL ? INT64_MAX : tm_control_deadline_ns(attempt->control);
    return asked < saving ? asked : saving;
}

static void loop(struct tm_attempt *attempt)
{
    const struct tm_fx *fx = &attempt->args.engine->fx;
    struct tm_waker *waker = attempt->args.waker;
    int64_t next_draw = tm_fx_mono_ns(fx) + LIVE_INTERVAL_MS * 1000000LL;
    while (attempt->coordinator.state != TM_JOB_DONE) {
        if (tm_attempt_turn(attempt))
            continue;
        int64_t now = tm_fx_mono_ns(fx), leave_ns = attempt->args.stops->leave_ns;
        if (attempt->live != NULL && now >= next_draw) {
            tm_live_draw(attempt->live, now, tm_fx_wall_ms(fx));
            next_draw = now + LIVE_INTERVAL_MS * 1000000LL;
        }
        if (now >= leave_ns)
            leave(attempt);
        int64_t until = attempt->live != NULL ? next_draw : INT64_MAX;
        until = leave_ns < until ? leave_ns : until;
        int64_t own = tm_attempt_deadline_ns(attempt);
        until = own < until ? own : until;
        tm_waker_prepare(waker);
        if (tm_attempt_turn(attempt))
            tm_waker_cancel(waker);
        else
            tm_waker_wait(waker, until);
    }
}

// A failure is an event of the coordinator, its outcome.
static void start_workers(struct tm_attempt *attempt)
{
    const struct tm_fx *fx = &attempt->args.engine->fx;
    struct tm_job *job = attempt->job;
    for (uint32_t w = 0; w < job->worker_count; w++) {
        struct tm_worker *worker = &job->workers[w];
        struct tm_error err = {0};
        char name[24];
        snprintf(name, sizeof name, "worker-%u", w);
        if (fx->threads->thread_start(fx->ctx, name, tm_worker_run, worker, &worker->thread,
                                      &err) == 0)
            continue;
        // The workers that run are told to end; those that never started count as gone.
        attempt->coordinator.workers = w;
        struct tm_event failed = {.kind = TM_EVENT_FAILED, .error = err};
        tm_coordinator_event(&attempt->coordinator, &failed);
        if (w == 0)
            attempt->coordinator.state = TM_JOB_DONE;
        return;
    }
}

static void join_workers(struct tm_attempt *attempt)
{
    const struct tm_fx *fx = &attempt->args.engine->fx;
    struct tm_job *job = attempt->job;
    for (uint32_t w = 0; w < job->worker_count; w++)
        if (job->workers[w].thread != NULL)
            fx->threads->thread_join(fx->ctx, job->workers[w].thread);
}

// Where all input had been read before, its output was made visible when the job was made.
bool tm_attempt_begin(struct tm_attempt *attempt)
{
    bool completes = attempt->args.saving->life.completes;
    if (completes)
        attempt->coordinator.state = TM_JOB_DONE;
    return !completes;
}

void tm_attempt_leave(struct tm_attempt *attempt)
{
    tm_saving_end(attempt->args.saving);
}

void tm_attempt_run(struct tm_attempt *attempt, struct tm_control *control)
{
    const struct tm_control_target target = {.job = attempt->job,
                                             .coordinator = &attempt->coordinator,
                                             .saving = attempt->args.saving,
                                             .restarts = attempt->args.restarts,
                                             .begun_ns = tm_fx_mono_ns(&attempt->args.engine->fx)};
    attempt->control = control;
    tm_control_attach(control, &target);
    if (tm_attempt_begin(attempt))
        start_workers(attempt);
    loop(attempt);
    join_workers(attempt);
    tm_attempt_leave(attempt);
    tm_control_attach(control, NULL);
}

// --- the end -------------------------------------------------------------------------------------

enum tm_job_outcome tm_attempt_end(struct tm_attempt *attempt, struct tm_error *err)
{
    enum tm_job_outcome outcome = tm_coordinator_outcome(&attempt->coordinator);
    struct tm_error finish = {0};
    *err = attempt->coordinator.error;
    if (tm_job_finish(attempt->job, outcome == TM_JOB_FINISHED, &finish) != 0 &&
        outcome != TM_JOB_FAILED && finish.code != TM_E_CLOSED_PIPE) {
        outcome = TM_JOB_FAILED;
        *err = finish;
    }
    if (attempt->live != NULL)
        tm_live_clear(attempt->live);
    return outcome;
}

void tm_attempt_close(struct tm_attempt *attempt)
{
    if (attempt->live != NULL)
        tm_live_free(attempt->live);
    tm_job_free(attempt->job);
    attempt->live = NULL;
    attempt->job = NULL;
}
