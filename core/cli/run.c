// `tidemill run`: the coordinator's loop in this process, workers on threads of their own.
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connectors/stdio/stdio.h"
#include "core/cli/control.h"
#include "core/cli/engine.h"
#include "core/cli/report.h"
#include "core/cli/saving.h"
#include "core/cli/screen.h"
#include "core/loop/real.h"
#include "core/task/worker.h"

enum {
    LIVE_INTERVAL_MS = 250,
    // After the second Ctrl-C: a worker that has not ended by then is in a function that does not
    // return, and no thread can be ended from outside.
    LEAVE_AFTER_MS = 1000,
};

struct run {
    struct tm_engine *engine;
    struct tm_job *job;
    struct tm_coordinator coordinator;
    struct tm_saving saving;
    struct tm_control *control; // NULL: not yet, or no more
    struct tm_waker waker;
    struct tm_screen screen;
    struct tm_live *live; // NULL: no terminal
    ev_signal interrupted, terminated;
    int stops_wanted, stops_done;
    int64_t leave_ns; // when to go without the workers; INT64_MAX: never
};

// --- the coordinator's environment ---------------------------------------------------------------

static int send_command(void *arg, enum tm_command_kind kind, const char *text, size_t length)
{
    struct run *run = arg;
    return tm_job_command(run->job, kind, text, length);
}

static int settle(void *arg, const char *proposal, size_t length, struct tm_buf *settled,
                  struct tm_error *err)
{
    struct run *run = arg;
    int rc = tm_vm_settle(run->engine->vm, run->engine->graph, proposal, length, settled, err);
    if (rc == 0 && tm_saving_settled(&run->saving, settled) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for settled types");
    return rc;
}

static void save(void *arg, enum tm_checkpoint_purpose purpose)
{
    struct run *run = arg;
    tm_saving_save(&run->saving, purpose);
}

// --- signals -------------------------------------------------------------------------------------

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)loop;
    (void)events;
    struct run *run = watcher->data;
    run->stops_wanted++;
    // A parker waits on through events of its loop that are not for it.
    run->engine->fx.threads->parker_wake(run->engine->fx.ctx, run->waker.parker);
}

static void watch_signals(struct run *run)
{
    struct ev_loop *loop = tm_real_parker_loop(run->waker.parker);
    ev_signal_init(&run->interrupted, on_signal, SIGINT);
    ev_signal_init(&run->terminated, on_signal, SIGTERM);
    run->interrupted.data = run->terminated.data = run;
    ev_signal_start(loop, &run->interrupted);
    ev_signal_start(loop, &run->terminated);
}

static void unwatch_signals(struct run *run)
{
    struct ev_loop *loop = tm_real_parker_loop(run->waker.parker);
    ev_signal_stop(loop, &run->interrupted);
    ev_signal_stop(loop, &run->terminated);
}

// --- wishes of other processes -------------------------------------------------------------------

static void leave_later(struct run *run)
{
    run->leave_ns = tm_fx_mono_ns(&run->engine->fx) + LEAVE_AFTER_MS * 1000000LL;
}

static bool take_wish(struct run *run)
{
    const struct tm_log *log = &run->engine->log;
    switch (tm_control_wish(run->control)) {
    case TM_WISH_NONE:
        return false;
    case TM_WISH_STOP:
        tm_log_write(log, TM_LOG_INFO, "stopping, as `tidemill stop` wants");
        tm_coordinator_stop(&run->coordinator);
        break;
    case TM_WISH_DRAIN:
        tm_log_write(log, TM_LOG_INFO, "draining, as `tidemill stop --drain` wants");
        (void)tm_coordinator_drain(&run->coordinator); // it ends, one way or the other
        break;
    case TM_WISH_CANCEL:
        tm_log_write(log, TM_LOG_INFO, "stopping at once, as `tidemill cancel` wants");
        tm_coordinator_cancel(&run->coordinator);
        leave_later(run);
        break;
    }
    return true;
}

// --- the loop ------------------------------------------------------------------------------------

static bool take_events(struct run *run)
{
    bool any = false;
    struct tm_event *event;
    while ((event = (struct tm_event *)tm_mailbox_take(&run->job->events)) != NULL) {
        tm_saving_event(&run->saving, event);
        tm_coordinator_event(&run->coordinator, event);
        tm_control_event(run->control, event);
        tm_event_free(event);
        any = true;
    }
    any = tm_saving_turn(&run->saving, &run->coordinator) || any;
    any = tm_control_turn(run->control) || any;
    any = take_wish(run) || any;
    for (; run->stops_done < run->stops_wanted; run->stops_done++) {
        tm_log_write(&run->engine->log, TM_LOG_INFO,
                     run->stops_done == 0 ? "stopping; once more to stop at once"
                                          : "stopping at once");
        tm_coordinator_stop(&run->coordinator);
        if (run->stops_done == 1)
            leave_later(run);
        any = true;
    }
    return any;
}

static void leave(struct run *run)
{
    uint64_t checkpoint = tm_life_resumable(&run->saving.life);
    int code = checkpoint != 0 ? TM_EXIT_RESUMABLE : TM_EXIT_STOPPED;
    const struct tm_control_end end = {
        .outcome = TM_JOB_STOPPED, .exit_code = code, .checkpoint = checkpoint};
    tm_log_write(&run->engine->log, TM_LOG_WARN,
                 "a function of the job does not return: leaving without it");
    tm_control_close(run->control, &end);
    _exit(code);
}

static void loop(struct run *run)
{
    const struct tm_fx *fx = &run->engine->fx;
    int64_t next_draw = tm_fx_mono_ns(fx) + LIVE_INTERVAL_MS * 1000000LL;
    while (run->coordinator.state != TM_JOB_DONE) {
        if (take_events(run))
            continue;
        int64_t now = tm_fx_mono_ns(fx);
        if (run->live != NULL && now >= next_draw) {
            tm_live_draw(run->live, now, tm_fx_wall_ms(fx));
            next_draw = now + LIVE_INTERVAL_MS * 1000000LL;
        }
        if (now >= run->leave_ns)
            leave(run);
        int64_t until = run->live != NULL ? next_draw : INT64_MAX;
        until = run->leave_ns < until ? run->leave_ns : until;
        int64_t saving = tm_saving_deadline_ns(&run->saving);
        until = saving < until ? saving : until;
        int64_t asked = tm_control_deadline_ns(run->control);
        until = asked < until ? asked : until;
        tm_waker_prepare(&run->waker);
        if (take_events(run))
            tm_waker_cancel(&run->waker);
        else
            tm_waker_wait(&run->waker, until);
    }
}

static int start_workers(struct run *run, struct tm_error *err)
{
    const struct tm_fx *fx = &run->engine->fx;
    for (uint32_t w = 0; w < run->job->worker_count; w++) {
        struct tm_worker *worker = &run->job->workers[w];
        char name[24];
        snprintf(name, sizeof name, "worker-%u", w);
        int rc =
            fx->threads->thread_start(fx->ctx, name, tm_worker_run, worker, &worker->thread, err);
        if (rc != 0) {
            // The workers that run are told to end; those that never started count as gone.
            run->coordinator.workers = w;
            struct tm_event failed = {.kind = TM_EVENT_FAILED, .error = *err};
            tm_coordinator_event(&run->coordinator, &failed);
            if (w == 0)
                run->coordinator.state = TM_JOB_DONE;
            return rc;
        }
    }
    return 0;
}

static void join_workers(struct run *run)
{
    const struct tm_fx *fx = &run->engine->fx;
    for (uint32_t w = 0; w < run->job->worker_count; w++)
        if (run->job->workers[w].thread != NULL)
            fx->threads->thread_join(fx->ctx, run->job->workers[w].thread);
}

// --- the end -------------------------------------------------------------------------------------

static void say_how_to_resume(const struct run *run, uint64_t checkpoint)
{
    const struct tm_cli_options *options = run->engine->options;
    tm_log_write(&run->engine->log, TM_LOG_INFO,
                 "to go on from checkpoint %llu: tidemill run %s%s%s; to begin anew: --fresh",
                 (unsigned long long)checkpoint, tm_cli_job_name(options),
                 options->dir == NULL ? "" : " --dir ", options->dir == NULL ? "" : options->dir);
}

static int conclude(struct run *run, int64_t wall_ns)
{
    struct tm_engine *engine = run->engine;
    enum tm_job_outcome outcome = tm_coordinator_outcome(&run->coordinator);
    struct tm_error err = run->coordinator.error;
    struct tm_error finish_error = {0};
    if (tm_job_finish(run->job, outcome == TM_JOB_FINISHED, &finish_error) != 0 &&
        outcome != TM_JOB_FAILED && finish_error.code != TM_E_CLOSED_PIPE) {
        outcome = TM_JOB_FAILED;
        err = finish_error;
    }
    if (run->live != NULL)
        tm_live_clear(run->live);
    struct tm_error leave_error = {0};
    if (run->live != NULL && tm_live_leave(run->live, &leave_error) != 0 &&
        outcome == TM_JOB_FINISHED && leave_error.code != TM_E_CLOSED_PIPE) {
        outcome = TM_JOB_FAILED;
        err = leave_error;
    }
    if (outcome == TM_JOB_FINISHED)
        tm_saving_finished(&run->saving, run->job);
    uint64_t resumable = outcome == TM_JOB_FINISHED ? 0 : tm_life_resumable(&run->saving.life);
    if (outcome == TM_JOB_FAILED)
        tm_cli_say(&engine->log, &err);
    if (resumable != 0)
        say_how_to_resume(run, resumable);
    struct tm_report report = {.job = run->job,
                               .outcome = outcome,
                               .wall_ns = wall_ns,
                               .error = &err,
                               .checkpoints =
                                   run->saving.life.store == NULL ? NULL : &run->saving.figures};
    if (engine->options->json)
        tm_report_print_json(&report);
    else if (!engine->options->quiet)
        tm_report_print(&report);
    int code = outcome == TM_JOB_FINISHED ? TM_EXIT_FINISHED
               : outcome == TM_JOB_FAILED ? TM_EXIT_FAILED
               : resumable != 0           ? TM_EXIT_RESUMABLE
                                          : TM_EXIT_STOPPED;
    const struct tm_control_end end = {
        .outcome = outcome, .exit_code = code, .checkpoint = resumable, .error = &err};
    tm_control_close(run->control, &end);
    run->control = NULL;
    return code;
}

static int execute(struct run *run, bool on_terminal, struct tm_error *err)
{
    struct tm_engine *engine = run->engine;
    const struct tm_fx *fx = &engine->fx;
    uint32_t workers = 1; // as many as the widest chain has subtasks
    for (uint32_t c = 0; c < engine->plan->chain_count; c++)
        if (engine->plan->chains[c].parallelism > workers)
            workers = engine->plan->chains[c].parallelism;
    struct tm_job_args args = {
        .fx = fx,
        .mem = &engine->mem,
        .log = &engine->log,
        .graph = engine->graph,
        .plan = engine->plan,
        .connectors = tm_engine_connectors,
        .vm = engine->vm_args,
        .operators = &tm_operator_factory,
        .workers = workers,
        .coordinator = &run->waker,
    };
    int rc = tm_saving_open(&run->saving, engine, &args, err);
    if (rc == 0)
        rc = tm_job_new(&args, &run->job, err);
    if (rc != 0)
        return rc;
    rc = tm_saving_begin(&run->saving, run->job, &run->waker, err);
    if (rc == 0)
        rc = tm_control_open(engine, run->saving.keeper == NULL ? NULL : run->saving.life.folder,
                             &run->waker, &run->control, err);
    if (rc != 0) {
        tm_saving_end(&run->saving);
        tm_job_free(run->job);
        return rc;
    }
    struct tm_coordinator_env env = {.arg = run,
                                     .command = send_command,
                                     .settle = settle,
                                     .save = run->saving.keeper == NULL ? NULL : save};
    tm_coordinator_init(&run->coordinator, &env, &engine->mem, run->job->worker_count,
                        run->job->task_count);
    if (on_terminal)
        run->live = tm_live_new(run->job, &run->screen, !engine->options->quiet);
    if (run->live != NULL)
        tm_live_checkpoints(run->live, run->saving.keeper);
    int64_t begin = tm_fx_mono_ns(fx);
    const struct tm_control_target target = {
        .job = run->job, .coordinator = &run->coordinator, .saving = &run->saving, begin};
    tm_control_attach(run->control, &target);
    if (run->saving.life.completes) // its output has been made visible when the job was made
        run->coordinator.state = TM_JOB_DONE;
    else
        (void)start_workers(run, err); // a failure is an event of the coordinator, its outcome
    loop(run);
    join_workers(run);
    if (run->live != NULL)
        tm_live_checkpoints(run->live, NULL);
    tm_saving_end(&run->saving);
    int code = conclude(run, tm_fx_mono_ns(fx) - begin);
    if (run->live != NULL)
        tm_live_free(run->live);
    tm_job_free(run->job);
    return code;
}

// Prints keep a table up to date, which the live lines draw.
static int watch_prints(struct tm_engine *engine, struct tm_error *err)
{
    for (uint32_t n = 0; n < engine->graph->node_count; n++) {
        struct tm_node *node = &engine->graph->nodes[n];
        if (node->kind != TM_NODE_SINK || strcmp(node->connector, "print") != 0)
            continue;
        int rc = tm_options_set_bool(&node->options, TM_PRINT_WATCH, true);
        if (rc != 0)
            return tm_error_set(err, rc, "out of memory for the options of '%s'", node->name);
    }
    return 0;
}

static int run_job(struct run *run, struct tm_error *err)
{
    struct tm_engine *engine = run->engine;
    const struct tm_fx_files *files = engine->fx.files;
    bool watches = engine->options->watch_table && files->is_terminal(engine->fx.ctx, 1) &&
                   files->is_terminal(engine->fx.ctx, 2) && !engine->options->json;
    bool on_terminal = watches || (!engine->options->quiet && !engine->options->json &&
                                   files->is_terminal(engine->fx.ctx, 2));
    int rc = watches ? watch_prints(engine, err) : 0;
    if (rc != 0)
        return rc;
    if (on_terminal) // before any thread of the job can write
        tm_screen_init(&run->screen, &engine->fx, &engine->mem);
    int code = execute(run, on_terminal, err);
    if (on_terminal)
        tm_screen_fini(&run->screen, &engine->fx);
    return code;
}

static void print_argument(void *arg, const char *name, const char *fallback, const char *doc)
{
    fprintf(arg, "  --set %s=...%s%s%s%s%s\n", name, fallback[0] ? " (default: " : "", fallback,
            fallback[0] ? ")" : "", doc[0] ? "  " : "", doc);
}

static int print_job_help(struct tm_engine *engine, struct tm_error *err)
{
    FILE *out = engine->options->out;
    tm_cli_print_help(out, tm_cli_find("run"));
    fprintf(out, "\nArguments of %s:\n", tm_cli_job_name(engine->options));
    return tm_vm_arguments(engine->vm, print_argument, out, err);
}

int tm_cli_run_job(const struct tm_cli_options *options)
{
    struct tm_engine engine;
    struct run run = {.engine = &engine, .leave_ns = INT64_MAX};
    struct tm_error err = {0};
    int code = TM_EXIT_FAILED;
    int rc = tm_engine_open(&engine, options, &err);
    if (rc == 0 && options->help) {
        rc = print_job_help(&engine, &err);
        code = TM_EXIT_FINISHED;
    } else if (rc == 0) {
        rc = tm_engine_log_findings(&engine, !options->quiet, &err);
        rc = rc < 0 ? rc : tm_waker_init(&run.waker, &engine.fx, &err);
        if (rc == 0) {
            watch_signals(&run);
            rc = run_job(&run, &err);
            tm_saving_close(&run.saving);
            code = rc;
            unwatch_signals(&run);
            tm_waker_fini(&run.waker);
        }
    }
    if (rc < 0) {
        code = tm_cli_fail(options, &err, rc == TM_E_USAGE ? TM_EXIT_USAGE : TM_EXIT_FAILED);
        if (options->json)
            tm_report_print_failure_json(&err);
    }
    tm_engine_close(&engine);
    return code;
}
