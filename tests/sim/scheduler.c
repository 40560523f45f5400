// The seeded scheduler.
#include "tests/sim/scheduler.h"

#include <stdio.h>
#include <stdlib.h>

#include "connectors/discard/discard.h"
#include "connectors/file/file.h"
#include "connectors/generator/generator.h"
#include "connectors/socket/socket.h"
#include "connectors/stdio/stdio.h"
#include "connectors/webhook/webhook.h"
#include "core/cluster/coordinator.h"
#include "core/task/task.h"

static const struct tm_connector *const connectors[] = {
    &tm_connector_file,    &tm_connector_stdin,  &tm_connector_print,   &tm_connector_generator,
    &tm_connector_discard, &tm_connector_socket, &tm_connector_webhook, NULL,
};

struct sim {
    struct world *world;
    struct tm_mem mem;
    struct tm_log log;
    struct tm_vm *vm;
    struct tm_graph *graph;
    struct tm_plan *plan;
    struct tm_job *job;
    struct tm_waker waker;
    struct tm_coordinator coordinator;
};

static int send_command(void *arg, enum tm_command_kind kind, const char *text, size_t length)
{
    struct sim *sim = arg;
    for (uint32_t w = 0; w < sim->job->worker_count; w++) {
        struct tm_command *command = tm_command_new(sim->job->mem, kind, text, length);
        if (command == NULL)
            return TM_E_MEMORY;
        tm_mailbox_post(&sim->job->workers[w].commands, &command->message);
    }
    return 0;
}

static int settle(void *arg, const char *proposal, size_t length, struct tm_buf *settled,
                  struct tm_error *err)
{
    struct sim *sim = arg;
    return tm_vm_settle(sim->vm, sim->graph, proposal, length, settled, err);
}

static uint32_t source_limit(void *arg, const struct tm_node *node)
{
    (void)arg;
    return tm_connector_find(connectors, node->connector)->source_limit;
}

static bool turn_coordinator(struct sim *sim)
{
    struct tm_event *event = (struct tm_event *)tm_mailbox_take(&sim->job->events);
    if (event == NULL)
        return false;
    tm_coordinator_event(&sim->coordinator, event);
    tm_event_free(event);
    return true;
}

static bool turn_worker(struct sim *sim, uint32_t index, uint32_t pick)
{
    struct tm_worker *worker = &sim->job->workers[index];
    if (worker->exited)
        return false;
    enum tm_turn turn = tm_worker_turn(worker, pick);
    if (turn == TM_TURN_EXIT)
        tm_worker_stop(worker);
    return turn != TM_TURN_IDLE;
}

static bool turn_each(struct sim *sim)
{
    bool any = turn_coordinator(sim);
    while (world_run_executor(sim->world, 0))
        any = true;
    for (uint32_t w = 0; w < sim->job->worker_count; w++)
        any = turn_worker(sim, w, UINT32_MAX) || any;
    return any;
}

// Nothing happened by chance for a while: try everybody. Twice, since who found nothing to do may
// have asked another for it (a read of a helper thread, an answer of the coordinator).
static bool turn_all(struct sim *sim)
{
    return turn_each(sim) || turn_each(sim);
}

static int64_t next_deadline(struct sim *sim)
{
    int64_t deadline = INT64_MAX;
    for (uint32_t w = 0; w < sim->job->worker_count; w++) {
        struct tm_worker *worker = &sim->job->workers[w];
        int64_t at = worker->exited ? INT64_MAX : tm_worker_deadline_ns(worker);
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

static int loop(struct sim *sim, int64_t steps_max, struct tm_error *err)
{
    uint32_t actors = sim->job->worker_count + 2;
    uint32_t idle = 0;
    for (int64_t step = 0; step < steps_max; step++) {
        if (sim->coordinator.state == TM_JOB_DONE)
            return 0;
        uint64_t draw = world_random(sim->world);
        uint32_t actor = (uint32_t)(draw % actors);
        bool progress;
        if (actor < sim->job->worker_count)
            progress = turn_worker(sim, actor, (uint32_t)(draw >> 32) % 1024);
        else if (actor == sim->job->worker_count)
            progress = world_run_executor(sim->world, draw >> 32);
        else
            progress = turn_coordinator(sim);
        idle = progress ? 0 : idle + 1;
        if (idle < actors * 8 || turn_all(sim))
            continue;
        int64_t deadline = next_deadline(sim);
        if (deadline == INT64_MAX)
            return tm_error_set(err, TM_E_INTERNAL, "deadlock after %lld steps", (long long)step);
        if (deadline > sim->world->mono_ns)
            sim->world->mono_ns = deadline;
        idle = 0;
    }
    return tm_error_set(err, TM_E_LIMIT, "not done after %lld steps", (long long)steps_max);
}

static int plan(struct sim *sim, const struct sim_args *args, struct tm_vm_args *vm_args,
                struct tm_error *err)
{
    int rc = tm_vm_new(vm_args, &sim->vm, err);
    if (rc == 0)
        rc = tm_graph_new(&sim->mem, &sim->graph, err);
    if (rc == 0)
        rc = tm_vm_plan(sim->vm, sim->graph, err);
    if (rc == 0)
        rc = tm_graph_validate(sim->graph, err);
    if (rc == 0)
        rc = tm_plan_new(&sim->mem, sim->graph, args->parallelism, source_limit, NULL, &sim->plan,
                         err);
    return rc;
}

static int run(struct sim *sim, const struct sim_args *args, const struct tm_vm_args *vm_args,
               struct tm_error *err)
{
    struct tm_job_args job_args = {
        .fx = &sim->world->fx,
        .mem = &sim->mem,
        .log = &sim->log,
        .graph = sim->graph,
        .plan = sim->plan,
        .connectors = connectors,
        .vm = *vm_args,
        .operators = &tm_operator_factory,
        .workers = args->parallelism,
        .coordinator = &sim->waker,
    };
    int rc = tm_job_new(&job_args, &sim->job, err);
    if (rc != 0)
        return rc;
    struct tm_coordinator_env env = {.arg = sim, .command = send_command, .settle = settle};
    tm_coordinator_init(&sim->coordinator, &env, &sim->mem, sim->job->worker_count,
                        sim->job->task_count);
    for (uint32_t w = 0; w < sim->job->worker_count; w++)
        tm_worker_start(&sim->job->workers[w]);
    rc = loop(sim, args->steps_max, err);
    if (rc != 0)
        return rc; // tasks are in the middle of something: this world ends here, unfreed
    bool ok = tm_coordinator_outcome(&sim->coordinator) == TM_JOB_FINISHED;
    if (!ok) {
        *err = sim->coordinator.error;
        rc = err->code;
    }
    struct tm_error finish = {0};
    int finished = tm_job_finish(sim->job, ok, &finish);
    if (rc == 0 && finished != 0) {
        *err = finish;
        rc = finished;
    }
    tm_job_free(sim->job);
    return rc;
}

int sim_run(struct world *world, const struct sim_args *args, struct tm_error *err)
{
    struct sim sim = {.world = world};
    tm_mem_init(&sim.mem, &world->fx, NULL, 0);
    sim.log = (struct tm_log){.fx = &world->fx, .level = TM_LOG_INFO};
    size_t length;
    char path[1024];
    snprintf(path, sizeof path, "%s", args->script_path);
    struct tm_error ignored = {0};
    int fd = world->fx.files->open(world, path, TM_FILE_READ, err);
    if (fd < 0)
        return fd;
    (void)world->fx.files->close(world, fd, &ignored);
    const char *script = world_file_data(world, path, &length);
    struct tm_vm_args vm_args = {
        .fx = &world->fx,
        .mem = &sim.mem,
        .seed = 1,
        .script_path = args->script_path,
        .script_text = script,
        .script_length = length,
        .set_names = args->set_names,
        .set_values = args->set_values,
        .set_count = args->set_count,
    };
    int rc = tm_waker_init(&sim.waker, &world->fx, err);
    if (rc == 0)
        rc = plan(&sim, args, &vm_args, err);
    if (rc == 0)
        rc = run(&sim, args, &vm_args, err);
    if (rc == TM_E_LIMIT || rc == TM_E_INTERNAL)
        return rc;
    if (sim.plan != NULL)
        tm_plan_free(sim.plan);
    if (sim.vm != NULL)
        tm_vm_free(sim.vm);
    if (sim.graph != NULL)
        tm_graph_free(sim.graph);
    tm_waker_fini(&sim.waker);
    return rc;
}
