// Opening a task on its worker: its input, its operators, its senders. And closing it.
#include "core/task/task.h"

static const struct tm_node *node_of(const struct tm_task *task, uint32_t position)
{
    return &task->job->graph->nodes[task->ctx.chain->nodes[position]];
}

static int out_of_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for a task");
}

// --- input ---------------------------------------------------------------------------------------

static int open_source(struct tm_task *task, const struct tm_node *node, struct tm_error *err)
{
    struct tm_job *job = task->job;
    const struct tm_connector *connector = tm_connector_find(job->connectors, node->connector);
    void *shared = job->shared[node->id];
    uint32_t splits =
        connector->split_count == NULL
            ? 1
            : connector->split_count(shared, task->ctx.subtask, task->ctx.chain->parallelism);
    task->ctx.splits = tm_splits_new(&task->mem, splits);
    if (task->ctx.splits == NULL)
        return out_of_memory(err);
    tm_splits_tell_time(task->ctx.splits, task->ctx.now_ns);
    task->ctx.never_idle = connector->never_idle;
    int rc = connector->source_new(&task->ctx, node, shared, &task->source, err);
    if (rc != 0)
        return rc;
    task->source->ctx = &task->ctx;
    task->source->node = node;
    task->source->metrics = tm_job_metrics(job, node->id, task->ctx.subtask);
    return 0;
}

static void let_overtake(struct tm_task *task)
{
    const struct tm_chain *chain = task->ctx.chain;
    uint32_t channel = 0;
    for (uint32_t i = 0; i < chain->input_count; i++) {
        const struct tm_edge *edge = &task->ctx.plan->edges[chain->inputs[i]];
        uint32_t count = edge->partition == TM_PARTITION_FORWARD
                             ? 1
                             : task->ctx.plan->chains[edge->from_chain].parallelism;
        for (uint32_t p = 0; p < count; p++, channel++)
            if (tm_edge_overtakes(task->job->graph, edge))
                tm_gate_let_overtake(task->gate, channel);
    }
}

static int open_gate(struct tm_task *task, struct tm_error *err)
{
    const struct tm_chain *chain = task->ctx.chain;
    const struct tm_plan *plan = task->ctx.plan;
    uint32_t count = 0;
    for (uint32_t i = 0; i < chain->input_count; i++) {
        const struct tm_edge *edge = &plan->edges[chain->inputs[i]];
        count += edge->partition == TM_PARTITION_FORWARD
                     ? 1
                     : plan->chains[edge->from_chain].parallelism;
    }
    struct tm_channel **channels = tm_mem_alloc(&task->mem, count * sizeof *channels);
    if (channels == NULL)
        return out_of_memory(err);
    const struct tm_node *first = node_of(task, 0);
    uint32_t used = 0, counts[TM_GATE_INPUTS_MAX] = {0};
    for (uint32_t i = 0; i < chain->input_count; i++) { // those of the first input come first
        const struct tm_edge *edge = &plan->edges[chain->inputs[i]];
        uint32_t before = used;
        uint32_t producers = plan->chains[edge->from_chain].parallelism;
        for (uint32_t p = 0; p < producers; p++)
            if (edge->partition != TM_PARTITION_FORWARD || p == task->ctx.subtask)
                channels[used++] = tm_job_channel(task->job, edge->id, p, task->ctx.subtask);
        counts[edge->input] += used - before;
    }
    task->gate = tm_gate_new(&task->mem, channels, counts, tm_node_has_two_inputs(first) ? 2 : 1);
    tm_mem_free(&task->mem, channels, count * sizeof *channels);
    if (task->gate == NULL)
        return out_of_memory(err);
    let_overtake(task);
    if (tm_node_has_two_inputs(first) && first->second_timeless)
        tm_gate_ignore_time(task->gate, 1);
    return 0;
}

// --- operators -----------------------------------------------------------------------------------

static int new_operator(struct tm_task *task, const struct tm_node *node, uint32_t position,
                        uint32_t run, struct tm_operator **op, struct tm_error *err)
{
    const struct tm_operator_factory *make = task->job->operators;
    struct tm_task_context *ctx = &task->ctx;
    if (node->kind == TM_NODE_FUNCTION)
        return make->chunk(ctx, ctx->chain->nodes + position, run, op, err);
    if (node->kind == TM_NODE_SINK)
        return tm__task_sink_operator_new(task, node, op, err);
    if (make->of_kind[node->kind] != NULL)
        return make->of_kind[node->kind](ctx, node, op, err);
    return tm_error_set(err, TM_E_INTERNAL, "operator '%s' cannot stand in the middle of a chain",
                        node->name);
}

// The nodes from `position` on that one operator stands for: consecutive functions make one chunk,
// but for those whose rows have to be seen.
static uint32_t run_length(const struct tm_task *task, uint32_t position)
{
    const struct tm_node *first = node_of(task, position);
    uint32_t run = 1;
    if (first->kind == TM_NODE_FUNCTION && !tm__task_stands_alone(task, first->id))
        while (position + run < task->ctx.chain->node_count &&
               node_of(task, position + run)->kind == TM_NODE_FUNCTION &&
               !tm__task_stands_alone(task, node_of(task, position + run)->id) &&
               !tm__task_has_flights(task, node_of(task, position + run))) // they go in between
            run++;
    if (task->job->watch != NULL) // all subtasks say the same
        tm_watch_run(task->job->watch, first->id, node_of(task, position + run - 1)->name);
    return run;
}

// The schema that an input of a node has, where nothing is left to settle.
static struct tm_schema *known_input(const struct tm_task *task, const struct tm_node *node,
                                     uint32_t input)
{
    const struct tm_chain *chain = task->ctx.chain;
    for (uint32_t i = 0; i < chain->input_count; i++)
        if (node->id == chain->nodes[0] && task->ctx.plan->edges[chain->inputs[i]].dead_letter)
            return task->job->dead_letters;
    return node->input_count <= input
               ? NULL
               : tm_node_schema(&task->job->graph->nodes[node->inputs[input]]);
}

// An operator whose schemas are known is opened at once: it then sees control elements that come
// before any row, and what is wrong with it is an error at the start.
static int open_known(struct tm_task *task, const struct tm_node *node, struct tm_error *err)
{
    uint32_t inputs = tm_node_has_two_inputs(node) ? 2 : 1;
    for (uint32_t i = 0; i < inputs; i++) {
        struct tm_schema *input = known_input(task, node, i);
        if (input == NULL || (node->kind != TM_NODE_SINK && tm_node_schema(node) == NULL))
            return 0;
        int rc = tm__task_open_operator(task, task->operator_count - 1, i, input, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

// Behind the chain's nodes, on its way out. It counts with the last of them.
static int add_preaggregation(struct tm_task *task, struct tm_error *err)
{
    const struct tm_chain *chain = task->ctx.chain;
    const struct tm_plan *plan = task->ctx.plan;
    const struct tm_node *last = node_of(task, chain->node_count - 1), *window = NULL;
    for (uint32_t i = 0; i < chain->output_count; i++) {
        const struct tm_edge *edge = &plan->edges[chain->outputs[i]];
        if (edge->preaggregated)
            window = &plan->graph->nodes[edge->to_node];
    }
    if (window == NULL || task->job->operators->preaggregate == NULL)
        return 0;
    struct tm_operator *op = NULL;
    int rc = task->job->operators->preaggregate(&task->ctx, window, &op, err);
    if (rc != 0)
        return rc;
    op->node = last;
    op->metrics = tm_job_metrics(task->job, last->id, task->ctx.subtask);
    task->operators[task->operator_count++] = op;
    struct tm_schema *rows = tm_node_schema(last);
    return rows == NULL || tm_node_schema(window) == NULL
               ? 0
               : tm__task_open_operator(task, task->operator_count - 1, 0, rows, err);
}

// As many as there may be: one for each node, and what the plan puts behind them.
static size_t operators_max(const struct tm_task *task)
{
    return (size_t)task->ctx.chain->node_count + 1;
}

int tm__task_build_operators(struct tm_task *task, struct tm_error *err)
{
    const struct tm_chain *chain = task->ctx.chain;
    size_t count = operators_max(task);
    task->operators = tm_mem_zalloc(&task->mem, count * sizeof(void *));
    task->opened = tm_mem_zalloc(&task->mem, count * sizeof(void *));
    task->slots = tm_mem_zalloc(&task->mem, (count + 1) * sizeof *task->slots);
    if (task->operators == NULL || task->opened == NULL || task->slots == NULL)
        return out_of_memory(err);
    uint32_t first = task->source != NULL || task->unite != NULL ? 1 : 0;
    for (uint32_t position = first; position < chain->node_count;) {
        const struct tm_node *node = node_of(task, position);
        uint32_t run = run_length(task, position);
        struct tm_operator *op = NULL;
        int rc = new_operator(task, node, position, run, &op, err);
        if (rc != 0)
            return rc;
        op->ctx = &task->ctx;
        op->node = node;
        op->metrics = tm_job_metrics(task->job, node->id, task->ctx.subtask);
        task->operators[task->operator_count++] = op;
        rc = open_known(task, node, err);
        if (rc != 0)
            return rc;
        position += run;
    }
    return add_preaggregation(task, err);
}

// --- outputs -------------------------------------------------------------------------------------

static int open_output(struct tm_task *task, const struct tm_edge *edge,
                       struct tm_task_output *output, struct tm_error *err)
{
    const struct tm_plan *plan = task->ctx.plan;
    uint32_t consumers = plan->chains[edge->to_chain].parallelism;
    bool forward = edge->partition == TM_PARTITION_FORWARD;
    uint32_t count = forward ? 1 : consumers;
    struct tm_channel **channels = tm_mem_alloc(&task->mem, count * sizeof *channels);
    if (channels == NULL)
        return out_of_memory(err);
    for (uint32_t i = 0; i < count; i++)
        channels[i] =
            tm_job_channel(task->job, edge->id, task->ctx.subtask, forward ? task->ctx.subtask : i);
    struct tm_sender_args args = {
        .mem = &task->mem,
        .kind = (enum tm_partition_kind)edge->partition,
        .channels = channels,
        .count = count,
        .max_parallelism = plan->max_parallelism,
        .key = &edge->key,
        .latency_ms = task->job->graph->latency_ms,
    };
    const struct tm_node *to = &plan->graph->nodes[edge->to_node];
    output->edge = edge;
    output->side = to->kind == TM_NODE_SIDE && !edge->dead_letter ? (int32_t)to->side : -1;
    int rc = tm_sender_new(&args, &output->sender, err);
    tm_mem_free(&task->mem, channels, count * sizeof *channels);
    return rc;
}

static int open_outputs(struct tm_task *task, struct tm_error *err)
{
    const struct tm_chain *chain = task->ctx.chain;
    if (chain->output_count == 0)
        return 0;
    task->outputs = tm_mem_zalloc(&task->mem, chain->output_count * sizeof *task->outputs);
    if (task->outputs == NULL)
        return out_of_memory(err);
    for (uint32_t i = 0; i < chain->output_count; i++) {
        int rc =
            open_output(task, &task->ctx.plan->edges[chain->outputs[i]], &task->outputs[i], err);
        if (rc != 0)
            return rc;
        task->output_count++;
    }
    return 0;
}

// --- all of it -----------------------------------------------------------------------------------

int tm_task_open(struct tm_task *task, struct tm_worker *worker, struct tm_error *err)
{
    struct tm_job *job = task->job;
    task->worker = worker;
    tm_mem_init(&task->mem, job->fx, job->mem, 0);
    task->mem.reserves = job->checkpoints ? &job->reserves : NULL;
    task->ctx.fx = job->fx;
    task->ctx.mem = &task->mem;
    task->ctx.shared_mem = job->mem;
    task->ctx.plan = job->plan;
    task->ctx.vm = worker->vm;
    task->ctx.waker = &worker->waker;
    task->ctx.task = task;
    task->ctx.given_watermarks = job->given_watermarks;
    task->ctx.given_clock = job->given_clock;
    task->ctx.restored = job->restored;
    task->ctx.checkpoints = job->checkpoints;
    task->ctx.now_ns = tm_fx_mono_ns(job->fx);
    task->ctx.now_ms = tm_fx_wall_ms(job->fx);
    task->opened_ns = task->ctx.now_ns;
    // Batches outlive their task: a consumer may hold them when it ends. Their memory belongs to
    // the job.
    task->ctx.pool = tm_batch_pool_new(job->mem);
    if (task->ctx.pool == NULL)
        return out_of_memory(err);
    const struct tm_node *first = node_of(task, 0);
    if (first->kind == TM_NODE_UNION || first->kind == TM_NODE_SIDE) {
        task->unite = first;
        task->united = tm_job_metrics(job, first->id, task->ctx.subtask);
    }
    int rc = first->kind == TM_NODE_SOURCE ? open_source(task, first, err) : open_gate(task, err);
    if (rc == 0)
        rc = tm__task_build_operators(task, err);
    if (rc == 0)
        rc = open_outputs(task, err);
    if (rc == 0 && tm__task_open_singles(task) != 0)
        rc = out_of_memory(err);
    return rc == 0 ? tm__task_resume(task, err) : rc;
}

static void close_outputs(struct tm_task *task)
{
    for (uint32_t i = 0; i < task->output_count; i++) {
        struct tm_task_output *output = &task->outputs[i];
        if (output->pending.kind == TM_ELEMENT_BATCH)
            tm_batch_release(output->pending.batch);
        tm__task_close_output(task, output);
        tm_batch_release(output->side_rows);
        tm_batch_release(output->dead_letters);
        tm_sender_free(output->sender);
    }
    tm_mem_free(&task->mem, task->outputs, task->ctx.chain->output_count * sizeof *task->outputs);
}

static void close_operators(struct tm_task *task)
{
    size_t count = operators_max(task);
    for (uint32_t i = 0; task->slots != NULL && i <= task->operator_count; i++)
        if (task->slots[i].kind == TM_ELEMENT_BATCH)
            tm_batch_release(task->slots[i].batch);
    for (uint32_t i = 0; i < task->operator_count; i++) {
        task->operators[i]->ops->free(task->operators[i]);
        tm_schema_unref(task->opened[i]);
    }
    tm_schema_unref(task->opened_second);
    tm_mem_free(&task->mem, task->operators, count * sizeof(void *));
    tm_mem_free(&task->mem, task->opened, count * sizeof(void *));
    tm_mem_free(&task->mem, task->slots, (count + 1) * sizeof *task->slots);
}

// Without memory for the shares of states the sums alone are told.
static void tell_kept(struct tm_task *task, struct tm_operator *op)
{
    struct tm_kept *kept = tm_job_kept(task->job, op->node->id, task->ctx.subtask);
    if (op->node->state_count != 0)
        kept->states = tm_mem_zalloc(task->job->mem, op->node->state_count * sizeof *kept->states);
    op->ops->kept(op, kept);
}

// What others may still ask when the task is gone.
static void leave_word(struct tm_task *task)
{
    tm__task_publish_held(task);
    for (uint32_t i = 0; i < task->operator_count; i++) {
        struct tm_operator *op = task->operators[i];
        if (op->ops->kept != NULL && task->opened[i] != NULL)
            tell_kept(task, op);
        if (op->ops->waiting != NULL && task->opened[i] != NULL)
            op->ops->waiting(op, tm_job_waiting(task->job, op->node->id, task->ctx.subtask));
    }
}

void tm_task_close(struct tm_task *task)
{
    if (task->worker == NULL)
        return; // never opened
    leave_word(task);
    tm__task_close_singles(task);
    tm__task_free_flights(task);
    tm__task_free_cuts(task); // before the operators, whose layouts they refer to
    close_operators(task);
    if (task->source != NULL)
        task->source->ops->free(task->source);
    if (task->gate != NULL)
        tm_gate_free(task->gate);
    if (task->outputs != NULL)
        close_outputs(task);
    if (task->ctx.splits != NULL)
        tm_splits_free(task->ctx.splits);
    if (task->ctx.pool != NULL)
        tm_batch_pool_free(task->ctx.pool);
}
