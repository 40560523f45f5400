// Driving a job in one thread.
#include "core/kit/drive.h"

#include "core/base/limits.h"

// --- the coordinator's environment ---------------------------------------------------------------

static int send_command(void *arg, enum tm_command_kind kind, const char *text, size_t length)
{
    struct tm_drive *drive = arg;
    return tm_job_command(drive->job, kind, text, length);
}

static int begin(void *arg, struct tm_error *err)
{
    struct tm_drive *drive = arg;
    return tm_job_begin(drive->job, err);
}

static int settle(void *arg, const char *proposal, size_t length, struct tm_buf *settled,
                  struct tm_error *err)
{
    struct tm_drive *drive = arg;
    int rc = tm_vm_settle(drive->vm, drive->graph, proposal, length, settled, err);
    if (rc != 0 || settled->size_bytes == 0)
        return rc;
    rc = tm_buf_append(&drive->settled, settled->data, settled->size_bytes);
    if (rc == 0)
        rc = tm_buf_append(&drive->settled, "", 1);
    return rc == 0 ? 0 : tm_error_set(err, rc, "out of memory for settled types");
}

// What the rows before the checkpoint have settled, so that it is known before any task opens.
static int settle_again(struct tm_drive *drive, struct tm_error *err)
{
    const struct tm_drive_args *args = &drive->args;
    struct tm_buf settled;
    int rc = 0;
    tm_buf_init(&settled, args->mem);
    for (size_t at = 0; at < args->settled_length && rc >= 0; at += strlen(args->settled + at) + 1)
        rc = settle(drive, args->settled + at, strlen(args->settled + at), &settled, err);
    tm_buf_fini(&settled);
    return rc < 0 ? rc : 0;
}

// --- beginning -----------------------------------------------------------------------------------

static uint32_t source_limit(void *arg, const struct tm_node *node)
{
    const struct tm_drive *drive = arg;
    const struct tm_connector *connector =
        tm_connector_find(drive->args.connectors, node->connector);
    return connector == NULL ? 0 : connector->source_limit;
}

int tm_drive_plan(struct tm_drive *drive, const struct tm_drive_args *args, struct tm_error *err)
{
    *drive = (struct tm_drive){.args = *args};
    tm_buf_init(&drive->settled, args->mem);
    int rc = tm_vm_new(&drive->args.vm, &drive->vm, err);
    if (rc == 0)
        rc = tm_graph_new(args->mem, &drive->graph, err);
    if (rc == 0)
        rc = tm_vm_plan(drive->vm, drive->graph, err);
    if (rc == 0)
        rc = tm_graph_validate(drive->graph, err);
    if (rc == 0)
        rc = settle_again(drive, err);
    if (rc == 0 && args->max_parallelism != 0)
        drive->graph->max_parallelism = args->max_parallelism;
    if (rc == 0 && drive->args.parallelism == 0)
        drive->args.parallelism = drive->graph->parallelism == 0 ? 1 : drive->graph->parallelism;
    if (rc == 0)
        rc = tm_plan_new(args->mem, drive->graph, drive->args.parallelism, source_limit, drive,
                         &drive->plan, err);
    return rc;
}

static uint32_t widest(const struct tm_plan *plan)
{
    uint32_t workers = 1;
    for (uint32_t c = 0; c < plan->chain_count; c++)
        if (plan->chains[c].parallelism > workers)
            workers = plan->chains[c].parallelism;
    return workers;
}

int tm_drive_start(struct tm_drive *drive, struct tm_error *err)
{
    const struct tm_drive_args *args = &drive->args;
    struct tm_job_args job_args = {
        .fx = args->fx,
        .mem = args->mem,
        .log = args->log,
        .graph = drive->graph,
        .plan = drive->plan,
        .connectors = args->connectors,
        .vm = args->vm,
        .operators = &tm_operator_factory,
        .workers = widest(drive->plan),
        .given_watermarks = args->given_watermarks,
        .given_clock = args->given_clock,
        .checkpoints = args->writer != NULL,
        .restored = args->restored,
        .settled = (const char *)drive->settled.data,
        .settled_length = drive->settled.size_bytes,
        .writer = args->writer,
        .coordinator = &drive->waker,
        .watch = args->watch,
    };
    int rc = tm_waker_init(&drive->waker, args->fx, err);
    if (rc == 0)
        rc = tm_job_new(&job_args, &drive->job, err);
    if (rc != 0)
        return rc;
    struct tm_coordinator_env env = {
        .arg = drive, .command = send_command, .begin = begin, .settle = settle};
    tm_coordinator_init(&drive->coordinator, &env, args->mem, drive->job->worker_count,
                        drive->job->task_count);
    for (uint32_t w = 0; w < drive->job->worker_count; w++)
        tm_worker_start(&drive->job->workers[w]);
    return 0;
}

// --- turns ---------------------------------------------------------------------------------------

bool tm_drive_turn_coordinator(struct tm_drive *drive)
{
    struct tm_event *event = (struct tm_event *)tm_mailbox_take(&drive->job->events);
    if (event == NULL)
        return false;
    if (event->kind == TM_EVENT_DECLINED)
        drive->declined = event->error;
    tm_coordinator_event(&drive->coordinator, event);
    tm_event_free(event);
    return true;
}

bool tm_drive_turn_worker(struct tm_drive *drive, uint32_t index, uint32_t pick)
{
    struct tm_worker *worker = &drive->job->workers[index];
    if (worker->exited || (worker->cancelled && drive->args.keeps_workers))
        return false;
    enum tm_turn turn = tm_worker_turn(worker, pick);
    if (turn == TM_TURN_EXIT && !drive->args.keeps_workers)
        tm_worker_stop(worker);
    return turn != TM_TURN_IDLE;
}

bool tm_drive_turn_all(struct tm_drive *drive)
{
    bool any = false;
    while (tm_drive_turn_coordinator(drive))
        any = true;
    while (drive->args.help != NULL && drive->args.help(drive->args.arg))
        any = true;
    for (uint32_t w = 0; w < drive->job->worker_count; w++)
        any = tm_drive_turn_worker(drive, w, UINT32_MAX) || any;
    return any;
}

static bool has_failed(const struct tm_drive *drive)
{
    return drive->coordinator.error.code != 0;
}

int tm_drive_rest(struct tm_drive *drive, struct tm_error *err)
{
    for (int turn = 0; turn < TM_KIT_TURNS_MAX; turn++) {
        bool any = tm_drive_turn_all(drive);
        if (has_failed(drive)) {
            *err = drive->coordinator.error;
            return err->code;
        }
        // Who found nothing to do may have asked another for it.
        if (!any && !tm_drive_turn_all(drive))
            return 0;
    }
    tm_error_set(err, TM_E_LIMIT, "the job does not come to rest: after %d turns there is more",
                 TM_KIT_TURNS_MAX);
    tm_error_hint(err, "does a timer register another one for the same time, again and again?");
    return TM_E_LIMIT;
}

int64_t tm_drive_deadline_ns(struct tm_drive *drive)
{
    int64_t deadline = INT64_MAX;
    for (uint32_t w = 0; w < drive->job->worker_count; w++) {
        struct tm_worker *worker = &drive->job->workers[w];
        int64_t at =
            worker->exited || worker->cancelled ? INT64_MAX : tm_worker_deadline_ns(worker);
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

// --- the end -------------------------------------------------------------------------------------

static void stop_workers(struct tm_drive *drive)
{
    for (uint32_t w = 0; w < drive->job->worker_count; w++)
        if (!drive->job->workers[w].exited)
            tm_worker_stop(&drive->job->workers[w]);
    while (tm_drive_turn_coordinator(drive)) {
    }
}

int tm_drive_finish(struct tm_drive *drive, struct tm_error *err)
{
    stop_workers(drive);
    struct tm_error finish = {0};
    bool ok = drive->coordinator.state == TM_JOB_DONE &&
              tm_coordinator_outcome(&drive->coordinator) == TM_JOB_FINISHED;
    int rc = tm_job_finish(drive->job, ok, &finish);
    if (has_failed(drive)) {
        *err = drive->coordinator.error;
        return err->code;
    }
    if (rc != 0)
        *err = finish;
    return rc;
}

void tm_drive_close(struct tm_drive *drive)
{
    if (drive->job != NULL) {
        stop_workers(drive);
        tm_job_free(drive->job);
    }
    if (drive->plan != NULL)
        tm_plan_free(drive->plan);
    if (drive->vm != NULL)
        tm_vm_free(drive->vm);
    if (drive->graph != NULL)
        tm_graph_free(drive->graph);
    if (drive->waker.parker != NULL)
        tm_waker_fini(&drive->waker);
    if (drive->settled.mem != NULL)
        tm_buf_fini(&drive->settled);
    *drive = (struct tm_drive){0};
}
