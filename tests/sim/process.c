// A process from its begin to its end, a turn at a time: what core/cli/run.c does around attempts.
#include "tests/sim/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/kill_point.h"
#include "core/task/worker.h"
#include "tests/sim/heaps.h"

enum { STARVED_PERMILLE = 50 }; // of its turns that it gets

static struct sim_process *running; // whom a kill point ends

// --- death ---------------------------------------------------------------------------------------

static void end_running(void)
{
    sim_process_die(running);
}

// Only one process has a kill point to die at.
void sim_process_enter(struct sim_process *process)
{
    running = process;
    tm_kill_switch.end = end_running;
}

// --- begin ---------------------------------------------------------------------------------------

static void exit_with(struct sim_process *process, int code, const struct tm_error *err)
{
    process->state = SIM_EXITED;
    process->exit_code = code;
    if (err != NULL)
        process->error = *err;
}

static int open_attempt(struct sim_process *process, bool first, struct tm_error *err)
{
    const struct tm_attempt_args args = {.engine = &process->engine,
                                         .saving = &process->saving,
                                         .waker = &process->waker,
                                         .stops = &process->stops,
                                         .restarts = &process->restarts,
                                         .first = first};
    process->has_saving = true;
    int rc = first ? 0 : tm_engine_plan_again(&process->engine, err);
    if (rc == 0)
        rc = tm_attempt_open(&process->attempt, &args, err);
    process->has_attempt = rc == 0;
    if (rc != 0)
        return rc;
    if (first)
        tm_restarts_init(&process->restarts, &process->engine, &process->saving.life);
    process->state = SIM_RUNS;
    if (tm_attempt_begin(&process->attempt))
        for (uint32_t w = 0; w < process->attempt.job->worker_count; w++)
            tm_worker_start(&process->attempt.job->workers[w]);
    return 0;
}

static void begin(struct sim_process *process)
{
    struct tm_error *err = &process->error;
    process->stops.leave_ns = INT64_MAX;
    process->has_engine = true;
    int rc = tm_engine_open_in(&process->engine, &process->options, &process->fx, err);
    if (rc == 0)
        rc = tm_waker_init(&process->waker, &process->fx, err);
    process->has_waker = rc == 0;
    if (rc == 0)
        rc = open_attempt(process, true, err);
    if (rc != 0)
        exit_with(process, rc == TM_E_USAGE ? TM_EXIT_USAGE : TM_EXIT_FAILED, NULL);
}

void sim_process_begin(struct sim_process *process, struct sim_universe *universe, uint32_t number,
                       const struct tm_cli_options *options, uint64_t dies_at,
                       enum sim_fault dies_by)
{
    process->universe = universe;
    process->number = number;
    process->options = *options;
    process->dies_at = dies_at;
    process->dies_by = dies_by;
    for (int i = SIM_PROCESSES_AT_ONCE - 1; i >= 0; i--)
        if (universe->alive[i] == NULL) {
            universe->alive[i] = process;
            break;
        }
    sim_effects(process, &process->fx);
    sim_process_enter(process);
    if (setjmp(process->death) == 0)
        begin(process);
}

// --- turns ---------------------------------------------------------------------------------------

static bool is_resumable(struct sim_process *process)
{
    return tm_life_resumable(&process->saving.life) != 0;
}

// Until it is started again; TM_FAILOVER_GIVE_UP: it is not.
static int64_t delay_of(struct sim_process *process, const struct tm_attempt *attempt,
                        const struct tm_error *err)
{
    return tm_life_goes_back(&process->saving.life, err)
               ? 0
               : tm_restarts_failed(&process->restarts, &process->engine, &process->saving.life,
                                    attempt, err);
}

static void begin_again(struct sim_process *process)
{
    struct tm_error err = {0};
    if (process->has_attempt)
        tm_attempt_close(&process->attempt);
    process->has_attempt = false;
    int rc = open_attempt(process, false, &err);
    if (rc == 0)
        return;
    int64_t delay_ns = delay_of(process, NULL, &err);
    if (delay_ns == TM_FAILOVER_GIVE_UP) {
        exit_with(process, TM_EXIT_FAILED, &err);
        return;
    }
    process->state = SIM_WAITS;
    process->wakes_ns = process->universe->mono_ns + delay_ns;
}

static void conclude(struct sim_process *process)
{
    struct tm_error err = {0};
    tm_attempt_leave(&process->attempt);
    enum tm_job_outcome outcome = tm_attempt_end(&process->attempt, &err);
    if (outcome == TM_JOB_FAILED && !process->attempt.coordinator.stop_asked) {
        int64_t delay_ns = delay_of(process, &process->attempt, &err);
        if (delay_ns != TM_FAILOVER_GIVE_UP) {
            process->state = SIM_WAITS;
            process->wakes_ns = process->universe->mono_ns + delay_ns;
            return;
        }
    }
    if (outcome == TM_JOB_FINISHED)
        tm_saving_finished(&process->saving, process->attempt.job);
    int code = outcome == TM_JOB_FINISHED ? TM_EXIT_FINISHED
               : outcome == TM_JOB_FAILED ? TM_EXIT_FAILED
               : is_resumable(process)    ? TM_EXIT_RESUMABLE
                                          : TM_EXIT_STOPPED;
    exit_with(process, code, &err);
}

static bool turn_worker(struct sim_process *process, uint32_t index, uint32_t pick)
{
    struct tm_worker *worker = &process->attempt.job->workers[index];
    if (worker->exited)
        return false;
    enum tm_turn turn = tm_worker_turn(worker, pick);
    if (turn == TM_TURN_EXIT)
        tm_worker_stop(worker);
    return turn != TM_TURN_IDLE;
}

static bool turn_helper(struct sim_process *process, uint64_t pick)
{
    process->helper = true;
    bool any = tm_single_run(&process->single, pick);
    process->helper = process->publishing = false;
    return any;
}

static bool turn_all(struct sim_process *process)
{
    bool any = tm_attempt_turn(&process->attempt);
    while (turn_helper(process, 0))
        any = true;
    for (uint32_t w = 0; w < process->attempt.job->worker_count; w++)
        any = turn_worker(process, w, UINT32_MAX) || any;
    return any;
}

static int64_t deadline_ns(struct sim_process *process)
{
    int64_t deadline = tm_attempt_deadline_ns(&process->attempt);
    for (uint32_t w = 0; w < process->attempt.job->worker_count; w++) {
        struct tm_worker *worker = &process->attempt.job->workers[w];
        int64_t at = worker->exited ? INT64_MAX : tm_worker_deadline_ns(worker);
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

// Nobody drawn had anything to do for a while: all are asked, twice, since who has nothing to do
// may have asked another for it; then time goes on to what is due.
static void rest(struct sim_process *process)
{
    struct sim_universe *universe = process->universe;
    process->idle = 0;
    if (turn_all(process) || turn_all(process))
        return;
    int64_t due_ns = deadline_ns(process);
    if (due_ns == INT64_MAX) {
        struct tm_error err = {0};
        tm_error_set(&err, TM_E_INTERNAL, "deadlock: nobody has anything to do or to wait for");
        exit_with(process, TM_EXIT_FAILED, &err);
    } else if (due_ns > universe->mono_ns) {
        universe->mono_ns = due_ns;
    }
}

// What stands in front of it piles up.
static bool is_starved(struct sim_universe *universe, uint32_t actor, uint32_t workers)
{
    uint32_t starved = universe->weather.starved;
    return starved != 0 && actor == (starved - 1) % (workers + 2) &&
           !sim_chance(&universe->turns, STARVED_PERMILLE);
}

static void turn(struct sim_process *process)
{
    struct sim_universe *universe = process->universe;
    if (process->state == SIM_WAITS) {
        if (process->wakes_ns > universe->mono_ns)
            universe->mono_ns = process->wakes_ns;
        begin_again(process);
        return;
    }
    if (process->attempt.coordinator.state == TM_JOB_DONE) {
        conclude(process);
        return;
    }
    uint32_t workers = process->attempt.job->worker_count;
    uint64_t draw = sim_draw(&universe->turns);
    if (process->idle == 0 && sim_chance(&universe->turns, universe->weather.again_permille))
        draw = process->draw;
    process->draw = draw;
    uint32_t actor = (uint32_t)(draw % (workers + 2));
    if (is_starved(universe, actor, workers))
        actor = (actor + 1) % (workers + 2);
    bool any = actor < workers    ? turn_worker(process, actor, (uint32_t)(draw >> 32) % 1024)
               : actor == workers ? turn_helper(process, draw >> 32)
                                  : tm_attempt_turn(&process->attempt);
    sim_trace(universe, actor * 2 + any);
    universe->mono_ns += (int64_t)((draw >> 40) % (uint64_t)universe->weather.tick_ns);
    process->idle = any ? 0 : process->idle + 1;
    if (process->idle >= (workers + 2) * 4)
        rest(process);
}

bool sim_process_turn(struct sim_process *process)
{
    sim_process_enter(process);
    if (setjmp(process->death) == 0)
        turn(process);
    return process->state == SIM_RUNS || process->state == SIM_WAITS;
}

// --- users ---------------------------------------------------------------------------------------

static void on_savepoint(void *arg, uint64_t checkpoint, const char *path,
                         const struct tm_error *err)
{
    struct sim_process *process = arg;
    (void)checkpoint;
    if (err == NULL)
        snprintf(process->savepoint, sizeof process->savepoint, "%s", path);
}

static bool ask(struct sim_process *process, enum sim_fault wish)
{
    struct tm_coordinator *coordinator = &process->attempt.coordinator;
    struct tm_error err = {0};
    if (process->state != SIM_RUNS || coordinator->state > TM_JOB_RUNNING)
        return false;
    if (wish == SIM_stopped)
        process->stops.wanted++;
    else if (wish == SIM_cancelled)
        tm_coordinator_cancel(coordinator);
    else if (wish == SIM_drained)
        return tm_coordinator_drain(coordinator);
    else
        return process->saving.keeper != NULL &&
               tm_keeper_savepoint(process->saving.keeper, NULL, on_savepoint, process, &err) == 0;
    return true;
}

bool sim_process_ask(struct sim_process *process, enum sim_fault wish)
{
    sim_process_enter(process);
    return setjmp(process->death) == 0 && ask(process, wish);
}

struct tm_keeper_figures sim_process_figures(const struct sim_process *process)
{
    return process->has_saving ? tm_saving_figures(&process->saving)
                               : (struct tm_keeper_figures){0};
}

// --- end -----------------------------------------------------------------------------------------

// What it has closed in order is all that it had.
static const char *close_all(struct sim_process *process)
{
    static char left[200];
    if (process->has_attempt)
        tm_attempt_close(&process->attempt);
    if (process->has_saving)
        tm_saving_close(&process->saving);
    if (process->has_waker)
        tm_waker_fini(&process->waker);
    if (process->has_engine)
        tm_engine_close(&process->engine);
    uint32_t open = 0;
    for (int fd = 0; fd < SIM_OPEN_MAX; fd++)
        open += process->open[fd].used;
    if (process->memory.used_bytes == 0 && open == 0)
        return NULL;
    snprintf(left, sizeof left,
             "R1: process %u ended and left %lld bytes of memory and %u open files",
             process->number, (long long)process->memory.used_bytes, open);
    return left;
}

// A Lua state has compiled code beside its memory, and may be closed wherever it stood.
static void close_states(struct sim_process *process)
{
    if (process->has_attempt)
        for (uint32_t w = 0; w < process->attempt.job->worker_count; w++)
            if (process->attempt.job->workers[w].vm != NULL)
                tm_vm_free(process->attempt.job->workers[w].vm);
    if (process->has_engine && process->engine.vm != NULL)
        tm_vm_free(process->engine.vm);
}

const char *sim_process_end(struct sim_process *process, bool closes)
{
    const char *left = NULL;
    process->dies_at = 0; // nobody dies in it
    tm_kill_switch.of.at = TM_KILL_COUNT;
    if (process->state == SIM_EXITED && closes)
        left = close_all(process);
    else if (sim_heaps_compile())
        close_states(process);
    sim_effects_end(process);
    for (int i = 0; i < SIM_PROCESSES_AT_ONCE; i++)
        if (process->universe->alive[i] == process)
            process->universe->alive[i] = NULL;
    return left;
}
