// A job from its script's text to its end, on real threads, for the checks of core/task. What the
// binary does in core/cli/run.c, without its process: no signals, no report.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "connectors/discard/discard.h"
#include "connectors/file/file.h"
#include "connectors/generator/generator.h"
#include "core/cluster/coordinator.h"
#include "core/loop/real.h"
#include "core/task/task.h"
#include <check.h>

struct run {
    struct tm_fx fx;
    struct tm_mem mem;
    struct tm_log log;
    struct tm_error err; // of planning or building
    struct tm_vm_args vm_args;
    struct tm_vm *vm;
    struct tm_graph *graph;
    struct tm_plan *plan;
    struct tm_job *job;
    struct tm_waker waker;
    struct tm_coordinator coordinator;
    struct tm_mem
        job_mem; // all that the job takes; planning has its own, which settled types add to
};

// The log goes nowhere: the errors that these jobs have are wished for.
static inline int run_no_write(void *ctx, int fd, const void *buf, size_t len,
                               const _Atomic int *cancel, struct tm_error *err)
{
    (void)ctx, (void)fd, (void)buf, (void)len, (void)cancel, (void)err;
    return 0;
}
static const struct tm_fx_files run_log_files = {.write_all = run_no_write};
static struct tm_fx run_log_fx;

static inline uint32_t run_source_limit(void *arg, const struct tm_node *node)
{
    (void)arg, (void)node;
    return 0;
}

// Script -> plan. `parallelism` of the job.
static inline void run_plan(struct run *run, const char *script, uint32_t parallelism)
{
    memset(run, 0, sizeof *run);
    ck_assert_int_eq(tm_real_init(&run->fx, &run->err), 0);
    tm_mem_init(&run->mem, &run->fx, NULL, 0);
    run_log_fx = run->fx;
    run_log_fx.files = &run_log_files;
    run->log = (struct tm_log){.fx = &run_log_fx, .level = TM_LOG_ERROR};
    run->vm_args = (struct tm_vm_args){
        .fx = &run->fx,
        .mem = &run->mem,
        .seed = 1,
        .script_path = "job.lua",
        .script_text = script,
        .script_length = strlen(script),
    };
    int rc = tm_vm_new(&run->vm_args, &run->vm, &run->err);
    if (rc == 0)
        rc = tm_graph_new(&run->mem, &run->graph, &run->err);
    if (rc == 0)
        rc = tm_vm_plan(run->vm, run->graph, &run->err);
    if (rc == 0)
        rc = tm_graph_validate(run->graph, &run->err);
    if (rc == 0)
        rc = tm_plan_new(&run->mem, run->graph, parallelism, run_source_limit, NULL, &run->plan,
                         &run->err);
    ck_assert_msg(rc == 0, "%s: %s", run->err.where, run->err.message);
    ck_assert_int_eq(tm_waker_init(&run->waker, &run->fx, &run->err), 0);
}

static inline void run_build(struct run *run, const struct tm_fx *fx,
                             const struct tm_connector *const *connectors,
                             const struct tm_operator_factory *operators, uint32_t workers)
{
    struct tm_job_args args = {
        .fx = fx,
        .mem = &run->job_mem,
        .log = &run->log,
        .graph = run->graph,
        .plan = run->plan,
        .connectors = connectors,
        .vm = run->vm_args,
        .operators = operators,
        .workers = workers,
        .coordinator = &run->waker,
    };
    tm_mem_init(&run->job_mem, fx, &run->mem, 0);
    int rc = tm_job_new(&args, &run->job, &run->err);
    ck_assert_msg(rc == 0, "%s", run->err.message);
}

static inline int run_command(void *arg, enum tm_command_kind kind, const char *text, size_t length)
{
    struct run *run = arg;
    for (uint32_t w = 0; w < run->job->worker_count; w++) {
        struct tm_command *command = tm_command_new(run->job->mem, kind, text, length);
        if (command == NULL)
            return TM_E_MEMORY;
        tm_mailbox_post(&run->job->workers[w].commands, &command->message);
    }
    return 0;
}

static inline int run_settle(void *arg, const char *proposal, size_t length, struct tm_buf *settled,
                             struct tm_error *err)
{
    struct run *run = arg;
    return tm_vm_settle(run->vm, run->graph, proposal, length, settled, err);
}

static inline void run_start(struct run *run)
{
    struct tm_coordinator_env env = {.arg = run, .command = run_command, .settle = run_settle};
    tm_coordinator_init(&run->coordinator, &env, &run->job_mem, run->job->worker_count,
                        run->job->task_count);
    for (uint32_t w = 0; w < run->job->worker_count; w++) {
        struct tm_worker *worker = &run->job->workers[w];
        ck_assert_int_eq(run->fx.threads->thread_start(run->fx.ctx, "worker", tm_worker_run, worker,
                                                       &worker->thread, &run->err),
                         0);
    }
}

static inline bool run_take_event(struct run *run)
{
    struct tm_event *event = (struct tm_event *)tm_mailbox_take(&run->job->events);
    if (event == NULL)
        return false;
    tm_coordinator_event(&run->coordinator, event);
    tm_event_free(event);
    return true;
}

// The coordinator's loop, until the state is at least `until`.
static inline void run_until(struct run *run, enum tm_job_state until)
{
    while (run->coordinator.state < until) {
        if (run_take_event(run))
            continue;
        tm_waker_prepare(&run->waker);
        if (run_take_event(run))
            tm_waker_cancel(&run->waker);
        else
            tm_waker_wait(&run->waker, INT64_MAX);
    }
}

// To the last thread's end.
static inline enum tm_job_outcome run_join(struct run *run)
{
    run_until(run, TM_JOB_DONE);
    for (uint32_t w = 0; w < run->job->worker_count; w++)
        run->fx.threads->thread_join(run->fx.ctx, run->job->workers[w].thread);
    enum tm_job_outcome outcome = tm_coordinator_outcome(&run->coordinator);
    struct tm_error err = {0};
    int rc = tm_job_finish(run->job, outcome == TM_JOB_FINISHED, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return outcome;
}

// Everything that the job took from the account came back; then everything that planning took.
static inline void run_fini(struct run *run)
{
    tm_job_free(run->job);
    ck_assert_int_eq(run->job_mem.used_bytes, 0);
    tm_waker_fini(&run->waker);
    tm_plan_free(run->plan);
    tm_vm_free(run->vm);
    tm_graph_free(run->graph);
    ck_assert_int_eq(run->mem.used_bytes, 0);
    tm_real_fini(&run->fx);
}

static inline const struct tm_node *run_node(const struct run *run, const char *name)
{
    for (uint32_t i = 0; i < run->graph->node_count; i++)
        if (strcmp(run->graph->nodes[i].name, name) == 0)
            return &run->graph->nodes[i];
    ck_abort_msg("no operator '%s'", name);
}

// The counters of a node over all its subtasks.
struct accounts {
    uint64_t in, out, used, filtered, late, skipped, dead_lettered;
};

static inline struct accounts run_accounts(struct run *run, uint32_t node)
{
    struct accounts a = {0};
    for (uint32_t s = 0; s < tm_job_node_parallelism(run->job, node); s++) {
        const struct tm_node_metrics *m = tm_job_metrics(run->job, node, s);
        a.in += m->rows_in;
        a.out += m->rows_out;
        a.used += m->used;
        a.filtered += m->filtered;
        a.late += m->late;
        a.skipped += m->skipped;
        a.dead_lettered += m->dead_lettered;
    }
    return a;
}

// in = used + filtered + late + skipped + dead-lettered at every operator; sent = received on every
// channel. Of a job that came to its end in order.
static inline void run_check_accounts(struct run *run)
{
    for (uint32_t n = 0; n < run->graph->node_count; n++) {
        struct accounts a = run_accounts(run, n);
        ck_assert_msg(a.in == a.used + a.filtered + a.late + a.skipped + a.dead_lettered,
                      "%s: in %llu, used %llu, filtered %llu, late %llu", run->graph->nodes[n].name,
                      (unsigned long long)a.in, (unsigned long long)a.used,
                      (unsigned long long)a.filtered, (unsigned long long)a.late);
    }
    for (uint32_t i = 0; i < run->job->channel_count; i++)
        if (run->job->channels[i] != NULL)
            ck_assert_uint_eq(tm_channel_rows_sent(run->job->channels[i]),
                              tm_channel_rows_received(run->job->channels[i]));
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 120);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
