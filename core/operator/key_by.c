// key_by: rows go on as they are; a row whose key has a null is an error of that row.
#include <stdio.h>

#include "core/batch/key.h"
#include "core/operator/block.h"

struct key_by {
    struct tm_operator base;
    struct tm_mem *mem;
    struct tm_key_reader reader;
    bool never_null; // all columns of the key are required
};

static int key_by_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    (void)err;
    struct key_by *self = (struct key_by *)op;
    tm_key_reader_init(&self->reader, input, &op->node->key);
    self->never_null = true;
    for (uint32_t i = 0; i < op->node->key.count; i++)
        self->never_null = self->never_null &&
                           (input->fields[op->node->key.fields[i]].flags & TM_FIELD_REQUIRED) != 0;
    return 0;
}

static int look(struct tm_operator *op, const struct tm_batch *batch, const struct tm_row *row,
                struct tm_error *err)
{
    const struct tm_key_reader *reader = &((struct key_by *)op)->reader;
    char names[512] = "";
    size_t used = 0;
    if (!tm_key_has_null(reader, row))
        return 0;
    for (uint32_t i = 0; i < reader->spec.count; i++) {
        uint32_t field = reader->spec.fields[i];
        if (tm_row_is_null(row, field) && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                     used == 0 ? "" : " and ", batch->schema->fields[field].name);
    }
    int rc = tm__operator_row_failed(op, batch->schema, row, TM_E_NULL_KEY, err,
                                     "the key column %s is null", names);
    return rc != 0 ? rc : 1;
}

static bool has_nulls(const struct key_by *self, const struct tm_batch *batch)
{
    if (self->never_null)
        return false;
    bool nulls = false;
    TM_BATCH_EACH(batch, row)
    nulls |= tm_key_has_null(&self->reader, row);
    return nulls;
}

static int key_by_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                       struct tm_error *err)
{
    struct key_by *self = (struct key_by *)op;
    if (in->kind == TM_ELEMENT_BATCH) {
        struct tm_batch *batch = in->batch;
        tm_metric_add(&op->metrics->rows_in, batch->row_count);
        int rc = has_nulls(self, batch) ? tm__operator_drop_rows(op, batch, look, err) : 0;
        if (rc != 0)
            return rc;
        tm_metric_add(&op->metrics->used, batch->row_count);
        tm_metric_add(&op->metrics->rows_out, batch->row_count);
    }
    *out = *in;
    return TM_STEP_DONE;
}

static void key_by_free(struct tm_operator *op)
{
    struct key_by *self = (struct key_by *)op;
    tm_mem_free(self->mem, self, sizeof *self);
}

static const struct tm_operator_ops key_by_ops = {
    .open = key_by_open, .step = key_by_step, .free = key_by_free};

int tm_operator_key_by_new(struct tm_task_context *ctx, const struct tm_node *node,
                           struct tm_operator **op, struct tm_error *err)
{
    struct key_by *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &key_by_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    *op = &self->base;
    return 0;
}
