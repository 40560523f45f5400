// Rows for side outputs: see side_rows.h.
#include "core/operator/side_rows.h"

int tm__operator_sides_open(struct tm__operator_sides *sides, struct tm_task_context *ctx,
                            uint32_t node)
{
    const struct tm_graph *graph = ctx->plan->graph;
    uint32_t count = 0;
    *sides = (struct tm__operator_sides){.ctx = ctx, .node = node};
    for (uint32_t i = 0; i < graph->node_count; i++)
        count += graph->nodes[i].kind == TM_NODE_SIDE && graph->nodes[i].inputs[0] == node;
    if (count == 0)
        return 0;
    sides->items = tm_mem_zalloc(ctx->mem, count * sizeof *sides->items);
    sides->runs = tm_mem_zalloc(ctx->mem, count * sizeof *sides->runs);
    sides->count = count;
    if (sides->items == NULL || sides->runs == NULL)
        return TM_E_MEMORY;
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == TM_NODE_SIDE && graph->nodes[i].inputs[0] == node) {
            TM_CHECK(graph->nodes[i].side < count);
            sides->items[graph->nodes[i].side].schema = tm_node_schema(&graph->nodes[i]);
        }
    return 0;
}

void tm__operator_sides_fini(struct tm__operator_sides *sides)
{
    if (sides->ctx == NULL)
        return;
    for (uint32_t i = 0; sides->items != NULL && i < sides->count; i++)
        tm_batch_release(sides->items[i].batch);
    tm_mem_free(sides->ctx->mem, sides->items, sides->count * sizeof *sides->items);
    tm_mem_free(sides->ctx->mem, sides->runs, sides->count * sizeof *sides->runs);
}

int tm__operator_sides_prepare(struct tm__operator_sides *sides)
{
    for (uint32_t i = 0; i < sides->count; i++) {
        struct tm__operator_side *side = &sides->items[i];
        if (side->batch == NULL)
            side->batch = tm_batch_acquire(sides->ctx->pool, side->schema);
        if (side->batch == NULL)
            return TM_E_MEMORY;
        sides->runs[i] = (struct tm_chain_side){.out = side->batch->data,
                                                .out_capacity = side->batch->capacity_bytes};
    }
    return 0;
}

bool tm__operator_sides_take(struct tm__operator_sides *sides, int64_t read_ns)
{
    bool some = false;
    for (uint32_t i = 0; i < sides->count; i++) {
        struct tm_batch *batch = sides->items[i].batch;
        if (batch == NULL)
            continue; // the chunk has not run since they were taken last
        batch->size_bytes = sides->runs[i].out_size;
        batch->row_count = sides->runs[i].out_rows;
        if (batch->row_count == 0)
            continue;
        batch->split = TM_NO_SPLIT;
        batch->read_ns = read_ns;
        sides->items[i].batch = NULL;
        tm_task_put_side(sides->ctx->task, sides->node, i, batch);
        some = true;
    }
    return some;
}

int tm__operator_sides_grow(struct tm__operator_sides *sides, uint32_t index, uint64_t more)
{
    struct tm_chain_side *run = &sides->runs[index];
    struct tm_batch *batch = sides->items[index].batch;
    batch->size_bytes = run->out_size;
    int rc = tm_batch_reserve(batch, more);
    run->out = batch->data;
    run->out_capacity = batch->capacity_bytes;
    return rc;
}
