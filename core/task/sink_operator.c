// A sink as the last operator of its chain: hands batches to the connector, passes control elements
// on once what was written before is out.
#include "core/base/kill_point.h"
#include "core/task/task.h"

struct sink_operator {
    struct tm_operator base;
    struct tm_task *task;
    struct tm_sink *sink;     // made when the schema of its input is known
    const struct tm_row *row; // cursor in the batch under way, or NULL
};

static const struct tm_operator_ops sink_operator_ops;

static int sink_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    struct sink_operator *self = (struct sink_operator *)op;
    struct tm_job *job = self->task->job;
    const struct tm_connector *connector = tm_connector_find(job->connectors, op->node->connector);
    int rc =
        connector->sink_new(op->ctx, op->node, input, job->shared[op->node->id], &self->sink, err);
    if (rc != 0)
        return rc;
    self->sink->ctx = op->ctx;
    self->sink->node = op->node;
    self->sink->metrics = op->metrics;
    self->sink->latency = self->task->latency;
    return 0;
}

static int write_batch(struct sink_operator *self, struct tm_element *in, struct tm_error *err)
{
    struct tm_batch *batch = in->batch;
    if (batch->row_count == 0) {
        tm_batch_release(batch);
        return TM_STEP_DONE;
    }
    if (self->row == NULL) {
        self->row = tm_batch_first(batch);
        tm_metric_add(&self->base.metrics->rows_in, batch->row_count);
    }
    int rc = self->sink->ops->write(self->sink, batch, &self->row, err);
    TM_KILL_POINT(sink_has_written);
    if (rc != TM_STEP_DONE)
        return rc;
    self->row = NULL;
    tm_batch_release(batch);
    return TM_STEP_DONE;
}

// Rows that have been written are safe before the barrier goes on; of a sink that cannot prepare
// they are out.
static int prepare(struct sink_operator *self, struct tm_error *err)
{
    const struct tm_sink_ops *ops = self->sink->ops;
    struct tm_task_cut *collecting = self->task->checkpoints.collecting;
    if (collecting == NULL) // given up
        return TM_STEP_DONE;
    return ops->prepare != NULL ? ops->prepare(self->sink, collecting->cut, err)
                                : ops->flush(self->sink, false, err);
}

static int sink_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                     struct tm_error *err)
{
    struct sink_operator *self = (struct sink_operator *)op;
    if (in->kind == TM_ELEMENT_BATCH)
        return write_batch(self, in, err);
    if (in->kind == TM_ELEMENT_END || in->kind == TM_ELEMENT_BARRIER) {
        int rc = in->kind == TM_ELEMENT_BARRIER ? prepare(self, err)
                                                : self->sink->ops->flush(self->sink, true, err);
        if (rc != TM_STEP_DONE)
            return rc;
    }
    *out = *in;
    return TM_STEP_DONE;
}

static int sink_tick(struct tm_operator *op, struct tm_element *out, struct tm_error *err)
{
    (void)out;
    return tm__task_sink_idle(op, err);
}

static int64_t sink_deadline_ns(const struct tm_operator *op)
{
    const struct sink_operator *self = (const struct sink_operator *)op;
    return self->sink == NULL || self->sink->ops->deadline_ns == NULL
               ? INT64_MAX
               : self->sink->ops->deadline_ns(self->sink);
}

static int64_t sink_retry_ns(const struct tm_operator *op)
{
    const struct sink_operator *self = (const struct sink_operator *)op;
    return self->sink == NULL || self->sink->ops->retry_ns == NULL
               ? INT64_MAX
               : self->sink->ops->retry_ns(self->sink);
}

static void sink_free(struct tm_operator *op)
{
    struct sink_operator *self = (struct sink_operator *)op;
    if (self->sink != NULL)
        self->sink->ops->free(self->sink);
    tm_mem_free(self->task->job->mem, self, sizeof *self);
}

static const struct tm_operator_ops sink_operator_ops = {.open = sink_open,
                                                         .step = sink_step,
                                                         .tick = sink_tick,
                                                         .deadline_ns = sink_deadline_ns,
                                                         .retry_ns = sink_retry_ns,
                                                         .free = sink_free};

int tm__task_sink_operator_new(struct tm_task *task, const struct tm_node *node,
                               struct tm_operator **op, struct tm_error *err)
{
    (void)node;
    struct sink_operator *self = tm_mem_zalloc(task->job->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a sink");
    self->base.ops = &sink_operator_ops;
    self->task = task;
    *op = &self->base;
    return 0;
}

int tm__task_sink_idle(struct tm_operator *op, struct tm_error *err)
{
    struct sink_operator *self = (struct sink_operator *)op;
    if (op->ops != &sink_operator_ops || self->sink == NULL)
        return 0;
    int rc = self->sink->ops->flush(self->sink, false, err);
    return rc < 0 ? rc : 0;
}
