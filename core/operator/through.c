// Operators that rows pass untouched: a route, which the edge behind it acts on, and peek, which
// shows the first rows that it sees.
#include "core/task/operator.h"

enum { PEEK_ROWS = 10 }; // unless the option says otherwise

struct through {
    struct tm_operator base;
    struct tm_mem *mem;
    uint64_t limit; // peek: rows to show, of all subtasks
    bool done;      // they have been shown
};

static int show(struct through *self, const struct tm_batch *batch, struct tm_error *err)
{
    TM_BATCH_EACH(batch, row)
    {
        int rc = tm_task_show_row(self->base.ctx, self->base.node, batch->schema, row, self->limit);
        if (rc < 0)
            return tm_error_set(err, rc, "operator '%s': a row cannot be shown",
                                self->base.node->name);
        self->done = rc == 0;
        if (self->done)
            break;
    }
    return 0;
}

static int through_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                        struct tm_error *err)
{
    struct through *self = (struct through *)op;
    if (in->kind == TM_ELEMENT_BATCH) {
        tm_metric_add(&op->metrics->rows_in, in->batch->row_count);
        int rc = self->done ? 0 : show(self, in->batch, err);
        if (rc != 0)
            return rc;
        tm_metric_add(&op->metrics->used, in->batch->row_count);
        tm_metric_add(&op->metrics->rows_out, in->batch->row_count);
    }
    *out = *in;
    return TM_STEP_DONE;
}

static void through_free(struct tm_operator *op)
{
    struct through *self = (struct through *)op;
    tm_mem_free(self->mem, self, sizeof *self);
}

static const struct tm_operator_ops through_ops = {.step = through_step, .free = through_free};

int tm_operator_through_new(struct tm_task_context *ctx, const struct tm_node *node,
                            struct tm_operator **op, struct tm_error *err)
{
    struct through *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &through_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    self->limit = (uint64_t)tm_options_integer(&node->options, "limit", PEEK_ROWS);
    self->done = node->kind != TM_NODE_PEEK;
    *op = &self->base;
    return 0;
}
