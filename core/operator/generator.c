// Entering the functions of a watermark generator: see generator.h.
#include "core/operator/generator.h"

#include <math.h>

#include "core/operator/block.h"

struct tm__operator_generator {
    struct tm_operator *op;
    struct tm_mem *mem;
    struct tm_metric_slot *user_metrics;  // of the node, or NULL
    struct tm_vm_chain *event, *periodic; // periodic: NULL where there is none
    uint32_t split_count, state_bytes;
    uint8_t *states; // of each split; a size of 0 in front: nothing yet
    uint8_t *slots[TM__OPERATOR_BLOCK];
    struct tm_buf marks; // of the rows of the batch
    double asked;        // what periodic gave

    // The batch under way: rows that have failed, and where the search for the next one goes on.
    const struct tm_batch *batch;
    uint32_t failed, next_index;
    const struct tm_row *next;
    struct tm_error failure; // of a row, when it ends the job
};

static double *marks_of(struct tm__operator_generator *generator)
{
    return (double *)(void *)generator->marks.data;
}

// --- what the chunks call back -------------------------------------------------------------------

static int on_event_failed(void *arg, uint32_t node, const struct tm_row *row, uint32_t row_of,
                           int code, const char *message, size_t length)
{
    struct tm__operator_generator *generator = arg;
    (void)node;
    (void)row_of;
    // Rows fail in their order.
    while (generator->next != row && generator->next_index < generator->batch->row_count) {
        generator->next = tm_row_next(generator->next);
        generator->next_index++;
    }
    if (generator->next_index < generator->batch->row_count)
        marks_of(generator)[generator->next_index] = (double)NAN;
    generator->failed++;
    struct tm_row_failure failure = {
        .node = generator->op->node,
        .code = code,
        .message = message,
        .message_length = length,
        .schema = generator->batch->schema,
        .row = row,
        .offset = -1,
        .line = -1,
    };
    return tm_task_row_failed(generator->op->ctx, &failure, &generator->failure);
}

// There is no row that could be left out: without it time would stand still, and nobody be told.
static int on_periodic_failed(void *arg, uint32_t index, const struct tm_row *row, uint32_t row_of,
                              int code, const char *message, size_t length)
{
    struct tm__operator_generator *generator = arg;
    struct tm_node node = *generator->op->node;
    (void)index;
    (void)row;
    (void)row_of;
    node.on_error = TM_ON_ERROR_FAIL;
    struct tm_row_failure failure = {
        .node = &node,
        .code = code,
        .message = message,
        .message_length = length,
        .offset = -1,
        .line = -1,
    };
    return tm_task_row_failed(generator->op->ctx, &failure, &generator->failure);
}

static int on_buckets(void *arg, struct tm_metric_slot *slot)
{
    struct tm__operator_generator *generator = arg;
    return tm_task_buckets(generator->op->ctx, slot);
}

// --- entering ------------------------------------------------------------------------------------

static int enter(struct tm__operator_generator *generator, struct tm_vm_chain *chain,
                 const uint8_t *in, const uint8_t *in_end, uint32_t rows, double *marks,
                 struct tm_error *err)
{
    const struct tm_operator *op = generator->op;
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(chain);
    entry->in = in;
    entry->in_end = in_end;
    entry->in_rows = rows;
    entry->slots = generator->slots;
    entry->slot_index = 0;
    entry->marks = marks;
    entry->now_ms = op->ctx->now_ms;
    return tm__operator_run_all(op, chain, &generator->failure, err);
}

static uint8_t *state_of(const struct tm__operator_generator *generator, int32_t split)
{
    uint32_t index = split == TM_NO_SPLIT || generator->split_count == 1 ? 0 : (uint32_t)split;
    TM_CHECK(index < generator->split_count);
    return generator->states + (size_t)index * generator->state_bytes;
}

static int run_blocks(struct tm__operator_generator *generator, struct tm_batch *batch,
                      struct tm_error *err)
{
    uint8_t *state = state_of(generator, batch->split);
    const struct tm_row *row = tm_batch_first(batch);
    for (uint32_t i = 0; i < TM__OPERATOR_BLOCK; i++)
        generator->slots[i] = state;
    for (uint32_t done = 0; done < batch->row_count;) {
        const struct tm_row *first = row;
        uint32_t n = 0;
        for (; n < TM__OPERATOR_BLOCK && done + n < batch->row_count; n++)
            row = tm_row_next(row);
        int rc = enter(generator, generator->event, (const uint8_t *)first, (const uint8_t *)row, n,
                       marks_of(generator) + done, err);
        if (rc != 0)
            return rc;
        done += n;
    }
    return 0;
}

static void drop_failed(struct tm__operator_generator *generator, struct tm_batch *batch)
{
    double *marks = marks_of(generator);
    uint8_t *read = batch->data, *write = batch->data;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < batch->row_count; i++) {
        uint32_t size = ((const struct tm_row *)(const void *)read)->size_bytes;
        if (!isnan(marks[i])) {
            if (write != read)
                memmove(write, read, size);
            write += size;
            marks[kept++] = marks[i];
        }
        read += size;
    }
    batch->size_bytes = (size_t)(write - batch->data);
    batch->row_count = kept;
}

int tm__operator_generator_event(struct tm__operator_generator *generator, struct tm_batch *batch,
                                 const double **marks, struct tm_error *err)
{
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(generator->event);
    *marks = NULL;
    if (batch->row_count == 0)
        return 0;
    if (tm_buf_reserve(&generator->marks, batch->row_count * sizeof(double)) != 0)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory",
                            generator->op->node->name);
    for (uint32_t i = 0; i < batch->row_count; i++)
        marks_of(generator)[i] = TM__OPERATOR_NO_MARK;
    generator->batch = batch;
    generator->next = tm_batch_first(batch);
    generator->failed = generator->next_index = entry->mark_count = 0;
    int rc = run_blocks(generator, batch, err);
    if (rc != 0)
        return rc;
    if (generator->failed != 0)
        drop_failed(generator, batch);
    if (entry->mark_count != 0)
        *marks = marks_of(generator);
    return 0;
}

int tm__operator_generator_periodic(struct tm__operator_generator *generator, uint32_t split,
                                    int64_t *mark, struct tm_error *err)
{
    *mark = TM_WATERMARK_MIN;
    if (generator->periodic == NULL)
        return 0;
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(generator->periodic);
    uint8_t *state = state_of(generator, (int32_t)split);
    generator->slots[0] = state;
    entry->mark_count = 0;
    int rc = enter(generator, generator->periodic, state, state + generator->state_bytes, 1,
                   &generator->asked, err);
    if (rc == 0 && entry->mark_count != 0)
        *mark = (int64_t)generator->asked;
    return rc;
}

// --- checkpoints ---------------------------------------------------------------------------------

struct tm__generator_state tm__operator_generator_state(struct tm__operator_generator *generator,
                                                        uint32_t split)
{
    return (struct tm__generator_state){.bytes = state_of(generator, (int32_t)split),
                                        .size = generator->state_bytes};
}

void tm__operator_generator_chunks(struct tm__operator_generator *generator,
                                   struct tm_vm_chain *chunks[TM__GENERATOR_CHUNKS])
{
    chunks[0] = generator->event;
    chunks[1] = generator->periodic;
}

// --- life ----------------------------------------------------------------------------------------

void tm__operator_generator_free(struct tm__operator_generator *generator)
{
    if (generator == NULL)
        return;
    if (generator->event != NULL)
        tm_vm_chain_free(generator->event);
    if (generator->periodic != NULL)
        tm_vm_chain_free(generator->periodic);
    if (generator->states != NULL)
        tm_mem_free(generator->mem, generator->states,
                    (size_t)generator->split_count * generator->state_bytes);
    tm_buf_fini(&generator->marks);
    tm_mem_free(generator->mem, generator, sizeof *generator);
}

int tm__operator_generator_new(struct tm_operator *op, const struct tm_splits *splits_of,
                               struct tm__operator_generator **made, struct tm_error *err)
{
    struct tm_task_context *ctx = op->ctx;
    struct tm_mem *mem = ctx->mem;
    const struct tm_node *node = op->node;
    struct tm__operator_generator *generator = tm_mem_zalloc(mem, sizeof *generator);
    if (generator == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    *made = generator;
    generator->op = op;
    generator->mem = mem;
    tm_buf_init(&generator->marks, mem);
    uint32_t splits = splits_of == NULL ? 0 : tm_splits_count(splits_of);
    generator->split_count = splits == 0 ? 1 : splits;
    generator->state_bytes = node->generator_bytes;
    generator->states = tm_mem_zalloc(mem, (size_t)generator->split_count * generator->state_bytes);
    if (generator->states == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    generator->user_metrics = tm_task_slots(ctx, node->id);
    struct tm_vm_chain_args args = {
        .nodes = &node->id,
        .node_count = 1,
        .subtask = ctx->subtask,
        .parallelism = ctx->chain->parallelism,
        .arg = generator,
        .role = "event",
        .slots_of = generator->user_metrics == NULL ? NULL : &generator->user_metrics,
        .buckets = on_buckets,
        .fail = on_event_failed,
    };
    int rc = tm_vm_chain_new(ctx->vm, &args, &generator->event, err);
    if (rc != 0 || !node->generator_periodic)
        return rc;
    args.role = "periodic";
    args.fail = on_periodic_failed;
    return tm_vm_chain_new(ctx->vm, &args, &generator->periodic, err);
}
