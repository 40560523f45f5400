// key_by: rows go on as they are; a row whose key has a null is an error of that row.
#include <stdio.h>

#include "core/batch/key.h"
#include "core/task/operator.h"

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

static int report(struct key_by *self, const struct tm_batch *batch, const struct tm_row *row,
                  struct tm_error *err)
{
    char message[512];
    size_t used = 0;
    for (uint32_t i = 0; i < self->reader.spec.count; i++) {
        uint32_t field = self->reader.spec.fields[i];
        if (tm_row_is_null(row, field) && used < sizeof message)
            used += (size_t)snprintf(message + used, sizeof message - used, "%s%s",
                                     used == 0 ? "the key column " : " and ",
                                     batch->schema->fields[field].name);
    }
    used = used < sizeof message ? used : sizeof message - 1;
    used += (size_t)snprintf(message + used, sizeof message - used, " is null");
    struct tm_row_failure failure = {
        .node = self->base.node,
        .code = TM_E_NULL_KEY,
        .message = message,
        .message_length = used < sizeof message ? used : sizeof message - 1,
        .schema = batch->schema,
        .row = row,
        .offset = -1,
        .line = -1,
    };
    return tm_task_row_failed(self->base.ctx, &failure, err);
}

// Moves the rows that have a key together, in place; the others are reported.
static int drop_null_keys(struct key_by *self, struct tm_batch *batch, struct tm_error *err)
{
    uint8_t *read = batch->data, *write = batch->data, *end = batch->data + batch->size_bytes;
    uint32_t kept = 0;
    while (read < end) {
        const struct tm_row *row = (const struct tm_row *)(const void *)read;
        uint32_t size = row->size_bytes;
        if (tm_key_has_null(&self->reader, row)) {
            int rc = report(self, batch, row, err);
            if (rc != 0)
                return rc;
        } else {
            if (write != read)
                memmove(write, read, size);
            write += size;
            kept++;
        }
        read += size;
    }
    batch->size_bytes = (size_t)(write - batch->data);
    batch->row_count = kept;
    return 0;
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
        int rc = has_nulls(self, batch) ? drop_null_keys(self, batch, err) : 0;
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
