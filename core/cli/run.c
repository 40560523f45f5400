// `tidemill run`: what stays over the attempts of a job: signals, the screen, its folder of
// checkpoints, and what is reported at its end.
#include <ev.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "connectors/stdio/stdio.h"
#include "core/cli/attempt.h"
#include "core/cli/restarts.h"
#include "core/cli/supervisor.h"
#include "core/loop/real.h"

struct run {
    struct tm_engine *engine;
    struct tm_saving saving;
    struct tm_control *control; // NULL: not yet, or no more
    struct tm_waker waker;
    struct tm_screen screen;
    bool on_terminal, watches;
    ev_signal interrupted, terminated;
    ev_io told;     // by the supervisor, of signals that it got
    int signals[2]; // signals that came here, and to the supervisor: often the same ones
    struct tm_stops stops;
    struct tm_restarts restarts;
    int64_t begin_ns;
};

// --- signals -------------------------------------------------------------------------------------

// A terminal sends its signals to the supervisor too, which passes on what it gets.
static void want_stops(struct run *run)
{
    int wanted = run->signals[0] > run->signals[1] ? run->signals[0] : run->signals[1];
    run->stops.wanted = wanted > run->stops.wanted ? wanted : run->stops.wanted;
    // A parker waits on through events of its loop that are not for it.
    run->engine->fx.threads->parker_wake(run->engine->fx.ctx, run->waker.parker);
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)loop;
    (void)events;
    struct run *run = watcher->data;
    run->signals[0]++;
    want_stops(run);
}

static void on_told(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    struct run *run = watcher->data;
    run->signals[1] += tm_supervised_stops(run->engine->options->supervised);
    want_stops(run);
}

static void watch_signals(struct run *run)
{
    struct ev_loop *loop = tm_real_parker_loop(run->waker.parker);
    ev_signal_init(&run->interrupted, on_signal, SIGINT);
    ev_signal_init(&run->terminated, on_signal, SIGTERM);
    run->interrupted.data = run->terminated.data = run;
    ev_signal_start(loop, &run->interrupted);
    ev_signal_start(loop, &run->terminated);
    struct tm_supervised *supervised = run->engine->options->supervised;
    if (supervised == NULL)
        return;
    ev_io_init(&run->told, on_told, tm_supervised_stop_fd(supervised), EV_READ);
    run->told.data = run;
    ev_io_start(loop, &run->told);
    tm_supervised_signals(supervised, TM_SIGNALS_ARE_TOLD);
}

static void unwatch_signals(struct run *run)
{
    struct ev_loop *loop = tm_real_parker_loop(run->waker.parker);
    tm_supervised_signals(run->engine->options->supervised, TM_SIGNALS_ARE_LATE);
    ev_signal_stop(loop, &run->interrupted);
    ev_signal_stop(loop, &run->terminated);
    if (run->engine->options->supervised != NULL)
        ev_io_stop(loop, &run->told);
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

static int exit_code(enum tm_job_outcome outcome, uint64_t resumable)
{
    return outcome == TM_JOB_FINISHED ? TM_EXIT_FINISHED
           : outcome == TM_JOB_FAILED ? TM_EXIT_FAILED
           : resumable != 0           ? TM_EXIT_RESUMABLE
                                      : TM_EXIT_STOPPED;
}

// `attempt` NULL: there is none, because the last one is gone or could not be opened.
static int conclude(struct run *run, struct tm_attempt *attempt, enum tm_job_outcome outcome,
                    struct tm_error *err)
{
    struct tm_engine *engine = run->engine;
    struct tm_live *live = attempt == NULL ? NULL : attempt->live;
    struct tm_error leave_error = {0};
    if (live != NULL && tm_live_leave(live, &leave_error) != 0 && outcome == TM_JOB_FINISHED &&
        leave_error.code != TM_E_CLOSED_PIPE) {
        outcome = TM_JOB_FAILED;
        *err = leave_error;
    }
    if (outcome == TM_JOB_FINISHED)
        tm_saving_finished(&run->saving, attempt->job);
    uint64_t resumable = outcome == TM_JOB_FINISHED ? 0 : tm_life_resumable(&run->saving.life);
    if (outcome == TM_JOB_FAILED)
        tm_cli_say(&engine->log, err);
    if (resumable != 0)
        say_how_to_resume(run, resumable);
    const struct tm_control_end end = {.outcome = outcome,
                                       .exit_code = exit_code(outcome, resumable),
                                       .checkpoint = resumable,
                                       .error = err};
    if (attempt == NULL) {
        if (engine->options->json)
            tm_report_print_end_json(outcome, outcome == TM_JOB_FAILED ? err : NULL);
        tm_control_close(run->control, &end);
        return end.exit_code;
    }
    struct tm_report report = {.job = attempt->job,
                               .outcome = outcome,
                               .wall_ns = tm_fx_mono_ns(&engine->fx) - run->begin_ns,
                               .error = err,
                               .restarts = &run->restarts,
                               .supervised = engine->options->supervised,
                               .checkpoints =
                                   run->saving.life.store == NULL ? NULL : &run->saving.figures};
    if (engine->options->json)
        tm_report_print_json(&report);
    else if (!engine->options->quiet)
        tm_report_print(&report);
    tm_control_close(run->control, &end);
    return end.exit_code;
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

// --- attempts ------------------------------------------------------------------------------------

// What is planned of the script, as this run wants it.
static int plan_again(struct run *run, struct tm_error *err)
{
    int rc = tm_engine_plan_again(run->engine, err);
    return rc == 0 && run->watches ? watch_prints(run->engine, err) : rc;
}

// Nothing runs: there is nothing to drain, and no other way to stop than at once.
static bool is_over(struct run *run)
{
    while (tm_control_turn(run->control)) {
    }
    if (tm_control_wish(run->control) != TM_WISH_NONE)
        run->stops.wanted++;
    return run->stops.wanted != 0;
}

// False: the user does not want to wait for it.
static bool wait_for_restart(struct run *run, int64_t delay_ns)
{
    const struct tm_fx *fx = &run->engine->fx;
    int64_t due_ns = tm_fx_mono_ns(fx) + delay_ns;
    while (!is_over(run) && tm_fx_mono_ns(fx) < due_ns) {
        int64_t asked_ns = tm_control_deadline_ns(run->control);
        tm_waker_prepare(&run->waker);
        if (is_over(run))
            tm_waker_cancel(&run->waker);
        else
            tm_waker_wait(&run->waker, asked_ns < due_ns ? asked_ns : due_ns);
    }
    return run->stops.wanted == 0;
}

// The first attempt is open: from now on others can ask.
static int open_control(struct run *run, struct tm_attempt *attempt, struct tm_error *err)
{
    const char *folder = run->saving.keeper == NULL ? NULL : run->saving.life.folder;
    int rc = tm_control_open(run->engine, folder, &run->waker, &run->control, err);
    if (rc != 0) {
        tm_saving_end(&run->saving);
        tm_attempt_close(attempt);
    }
    return rc;
}

// One after the other until it is over for good. A failed attempt is kept until the next begins: it
// has the figures of the report. Negative: the first one could not begin.
static int attempt_all(struct run *run, struct tm_error *err)
{
    struct tm_engine *engine = run->engine;
    struct tm_attempt attempt;
    enum tm_job_outcome outcome;
    int rc = 0;
    for (bool first = true;; first = false) {
        const struct tm_attempt_args args = {.engine = engine,
                                             .saving = &run->saving,
                                             .waker = &run->waker,
                                             .stops = &run->stops,
                                             .screen = run->on_terminal ? &run->screen : NULL,
                                             .restarts = &run->restarts,
                                             .first = first};
        tm_error_clear(err);
        rc = first ? 0 : plan_again(run, err);
        rc = rc == 0 ? tm_attempt_open(&attempt, &args, err) : rc;
        if (first && rc == 0)
            rc = open_control(run, &attempt, err);
        if (first && rc != 0)
            return rc;
        if (first) {
            tm_restarts_init(&run->restarts, engine, &run->saving.life);
            run->begin_ns = tm_fx_mono_ns(&engine->fx);
        }
        outcome = TM_JOB_FAILED;
        if (rc == 0) {
            tm_attempt_run(&attempt, run->control);
            outcome = tm_attempt_end(&attempt, err);
        }
        if (outcome != TM_JOB_FAILED || (rc == 0 && attempt.coordinator.stop_asked))
            break;
        // Another checkpoint is another beginning, and no restart.
        int64_t delay_ns = tm_life_goes_back(&run->saving.life, err)
                               ? 0
                               : tm_restarts_failed(&run->restarts, engine, &run->saving.life,
                                                    rc == 0 ? &attempt : NULL, err);
        if (delay_ns == TM_FAILOVER_GIVE_UP)
            break;
        if (!wait_for_restart(run, delay_ns)) {
            outcome = TM_JOB_STOPPED;
            tm_error_clear(err);
            break;
        }
        if (rc == 0)
            tm_attempt_close(&attempt);
        malloc_trim(
            0); // what the threads of the attempt had would stay with arenas of other threads
    }
    int code = conclude(run, rc == 0 ? &attempt : NULL, outcome, err);
    if (rc == 0)
        tm_attempt_close(&attempt);
    return code;
}

static int run_job(struct run *run, struct tm_error *err)
{
    struct tm_engine *engine = run->engine;
    const struct tm_fx_files *files = engine->fx.files;
    run->watches = engine->options->watch_table && files->is_terminal(engine->fx.ctx, 1) &&
                   files->is_terminal(engine->fx.ctx, 2) && !engine->options->json;
    run->on_terminal = run->watches || (!engine->options->quiet && !engine->options->json &&
                                        files->is_terminal(engine->fx.ctx, 2));
    int rc = run->watches ? watch_prints(engine, err) : 0;
    if (rc != 0)
        return rc;
    if (run->on_terminal) // before any thread of the job can write
        tm_screen_init(&run->screen, &engine->fx, &engine->mem);
    int code = attempt_all(run, err);
    if (run->on_terminal)
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

int tm_cli_run_here(const struct tm_cli_options *options)
{
    struct tm_engine engine;
    struct run run = {.engine = &engine, .stops = {.leave_ns = INT64_MAX}};
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
            tm_report_print_end_json(TM_JOB_FAILED, &err);
    }
    tm_engine_close(&engine);
    return code;
}
