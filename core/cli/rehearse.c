// See rehearse.h: one worker on this thread, one subtask of each operator, connectors without
// anything behind them.
#include "core/cli/rehearse.h"

#include "core/task/worker.h"

enum { CONNECTORS_MAX = 32 };

struct rehearsal {
    struct tm_engine *engine;
    struct tm_connector connectors[CONNECTORS_MAX];
    const struct tm_connector *list[CONNECTORS_MAX + 1];
    struct tm_plan *plan;
    struct tm_waker waker;
    struct tm_job *job;
};

// --- connectors ----------------------------------------------------------------------------------

static int read_nothing(struct tm_source *source, struct tm_batch **out, struct tm_error *err)
{
    (void)source;
    (void)out;
    (void)err;
    return TM_READ_END;
}

static void free_source(struct tm_source *source)
{
    tm_mem_free(source->ctx->mem, source, sizeof *source);
}

static const struct tm_source_ops source_ops = {.read = read_nothing, .free = free_source};

static int new_source(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                      struct tm_source **source, struct tm_error *err)
{
    (void)node;
    (void)shared;
    *source = tm_mem_zalloc(ctx->mem, sizeof **source);
    if (*source == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a source");
    (*source)->ops = &source_ops;
    return 0;
}

static int write_nothing(struct tm_sink *sink, const struct tm_batch *batch,
                         const struct tm_row **row, struct tm_error *err)
{
    (void)sink;
    (void)batch;
    (void)row;
    (void)err;
    return TM_STEP_DONE;
}

static int flush_nothing(struct tm_sink *sink, bool end, struct tm_error *err)
{
    (void)sink;
    (void)end;
    (void)err;
    return TM_STEP_DONE;
}

static void free_sink(struct tm_sink *sink)
{
    tm_mem_free(sink->ctx->mem, sink, sizeof *sink);
}

static const struct tm_sink_ops sink_ops = {
    .write = write_nothing, .flush = flush_nothing, .free = free_sink};

static int new_sink(struct tm_task_context *ctx, const struct tm_node *node,
                    struct tm_schema *schema, void *shared, struct tm_sink **sink,
                    struct tm_error *err)
{
    (void)node;
    (void)schema;
    (void)shared;
    *sink = tm_mem_zalloc(ctx->mem, sizeof **sink);
    if (*sink == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a sink");
    (*sink)->ops = &sink_ops;
    (*sink)->ctx = ctx;
    return 0;
}

// Those of the job by name: its plan is what it would be.
static void replace_connectors(struct rehearsal *r)
{
    uint32_t count = 0;
    for (; tm_engine_connectors[count] != NULL; count++) {
        TM_CHECK(count < CONNECTORS_MAX);
        r->connectors[count] =
            (struct tm_connector){.name = tm_engine_connectors[count]->name,
                                  .source_limit = tm_engine_connectors[count]->source_limit,
                                  .source_new = new_source,
                                  .sink_new = new_sink};
        r->list[count] = &r->connectors[count];
    }
    r->list[count] = NULL;
}

// --- the job -------------------------------------------------------------------------------------

static uint32_t source_limit(void *arg, const struct tm_node *node)
{
    const struct rehearsal *r = arg;
    const struct tm_connector *connector = tm_connector_find(r->list, node->connector);
    return connector == NULL ? 0 : connector->source_limit;
}

static int take_events(struct rehearsal *r, struct tm_error *err)
{
    struct tm_event *event;
    int rc = 0;
    while ((event = (struct tm_event *)tm_mailbox_take(&r->job->events)) != NULL) {
        if (event->kind == TM_EVENT_FAILED && rc == 0) {
            *err = event->error;
            rc = err->code;
        }
        tm_event_free(event);
    }
    return rc;
}

static int open_job(struct rehearsal *r, const struct tm_restored *restored, const char *settled,
                    struct tm_error *err)
{
    struct tm_engine *engine = r->engine;
    struct tm_job_args args = {.fx = &engine->fx,
                               .mem = &engine->mem,
                               .log = &engine->log,
                               .graph = engine->graph,
                               .plan = r->plan,
                               .connectors = r->list,
                               .vm = engine->vm_args,
                               .operators = &tm_operator_factory,
                               .workers = 1,
                               .checkpoints = true,
                               .rehearses = true,
                               .restored = restored,
                               .settled = settled,
                               .settled_length = strlen(settled),
                               .coordinator = &r->waker};
    args.vm.shared = tm_vm_shared(engine->vm);
    int rc = tm_job_new(&args, &r->job, err);
    if (rc != 0)
        return rc;
    tm_worker_start(&r->job->workers[0]);
    rc = take_events(r, err);
    struct tm_error ignored = {0};
    tm_worker_stop(&r->job->workers[0]);
    (void)!take_events(r, &ignored);
    tm_job_free(r->job);
    return rc;
}

int tm_rehearse(struct tm_engine *engine, const struct tm_restored *restored, const char *settled,
                struct tm_error *err)
{
    struct rehearsal r = {.engine = engine};
    replace_connectors(&r);
    int rc = tm_plan_new(&engine->mem, engine->graph, 1, source_limit, &r, &r.plan, err);
    if (rc != 0)
        return rc;
    rc = tm_waker_init(&r.waker, &engine->fx, err);
    if (rc == 0) {
        rc = open_job(&r, restored, settled, err);
        tm_waker_fini(&r.waker);
    }
    tm_plan_free(r.plan);
    return rc;
}
