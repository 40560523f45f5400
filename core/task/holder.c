// Writing down what holds a task's watermark, and following it up to a source.
#include "core/task/holder.h"

#include "core/task/task.h"

// --- writing -------------------------------------------------------------------------------------

static void publish(struct tm_held_cell *cell, const struct tm_held *held)
{
    uint64_t words[sizeof cell->words / sizeof cell->words[0]] = {0};
    uint32_t version = atomic_load_explicit(&cell->version, memory_order_relaxed);
    memcpy(words, held, sizeof *held);
    atomic_store_explicit(&cell->version, version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        atomic_store_explicit(&cell->words[i], words[i], memory_order_relaxed);
    atomic_store_explicit(&cell->version, version + 2, memory_order_release);
}

static int64_t wall_ms(const struct tm_task *task, int64_t since_ns)
{
    if (since_ns == 0)
        since_ns = task->opened_ns;
    return task->ctx.now_ms - (task->ctx.now_ns - since_ns) / 1000000;
}

static const struct tm_operator *maker_of(const struct tm_task *task)
{
    for (uint32_t i = task->operator_count; i > 0; i--)
        if (task->operators[i - 1]->ops->held != NULL)
            return task->operators[i - 1];
    return NULL;
}

static void put_split_name(const struct tm_task *task, struct tm_held *held)
{
    const struct tm_source *source = task->source;
    if (held->from >= 0 && source != NULL && source->ops->split_name != NULL)
        source->ops->split_name(source, (uint32_t)held->from, held->split, sizeof held->split);
}

void tm_task_split_name(struct tm_task *task, uint32_t split, char name[TM_SPLIT_NAME_MAX])
{
    const struct tm_source *source = task->source;
    name[0] = 0;
    if (source != NULL && source->ops->split_name != NULL)
        source->ops->split_name(source, split, name, TM_SPLIT_NAME_MAX);
}

void tm__task_publish_held(struct tm_task *task)
{
    const struct tm_operator *maker = maker_of(task);
    task->held_ns = task->ctx.now_ns;
    if (task->gate != NULL) {
        struct tm_gate_holder by = tm_gate_held_by(task->gate);
        struct tm_held held = {.from = by.channel,
                               .status = (uint8_t)by.status,
                               .watermark = by.watermark,
                               .since_ms = wall_ms(task, by.since_ns)};
        publish(&task->held->gate, &held);
    }
    if (maker != NULL) {
        struct tm_held held = {.from = -1};
        int64_t since_ns = 0;
        maker->ops->held(maker, &held, &since_ns);
        held.since_ms = wall_ms(task, since_ns);
        put_split_name(task, &held);
        publish(&task->held->made, &held);
    }
}

// --- reading -------------------------------------------------------------------------------------

// Ends: the writer writes seldom.
static void read_held(struct tm_held_cell *cell, struct tm_held *held)
{
    uint64_t words[sizeof cell->words / sizeof cell->words[0]];
    for (;;) {
        uint32_t version = atomic_load_explicit(&cell->version, memory_order_acquire);
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            words[i] = atomic_load_explicit(&cell->words[i], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if ((version & 1) == 0 &&
            version == atomic_load_explicit(&cell->version, memory_order_relaxed))
            break;
    }
    memcpy(held, words, sizeof *held);
}

// A place in the plan: an operator in a subtask of its chain.
struct place {
    const struct tm_chain *chain;
    uint32_t position, subtask;
};

static bool find_place(const struct tm_plan *plan, uint32_t node, struct place *place)
{
    for (uint32_t c = 0; c < plan->chain_count; c++)
        for (uint32_t i = 0; i < plan->chains[c].node_count; i++)
            if (plan->chains[c].nodes[i] == node) {
                *place = (struct place){.chain = &plan->chains[c], .position = i};
                return true;
            }
    return false;
}

static const struct tm_node *node_at(const struct tm_plan *plan, const struct place *place,
                                     uint32_t position)
{
    return &plan->graph->nodes[place->chain->nodes[position]];
}

// Functions that follow each other are one operator, counted at the first of them.
static int64_t watermark_of(struct tm_job *job, const struct place *place)
{
    uint32_t at = place->position;
    while (at > 0 && node_at(job->plan, place, at)->kind == TM_NODE_FUNCTION &&
           node_at(job->plan, place, at - 1)->kind == TM_NODE_FUNCTION)
        at--;
    const struct tm_node_metrics *metrics =
        tm_job_metrics(job, place->chain->nodes[at], place->subtask);
    return atomic_load_explicit(&metrics->watermark, memory_order_relaxed);
}

// The watermark operator at or above the place in its chain, or NULL.
static const struct tm_node *maker_above(const struct tm_plan *plan, const struct place *place)
{
    for (uint32_t i = place->position + 1; i > 0; i--)
        if (node_at(plan, place, i - 1)->kind == TM_NODE_WATERMARK)
            return node_at(plan, place, i - 1);
    return NULL;
}

// The edge and the producer that channel `number` of the place's gate comes from: as open_gate of
// task_open.c counts them.
static const struct tm_edge *edge_of(const struct tm_plan *plan, const struct place *place,
                                     uint32_t number, uint32_t *input, uint32_t *producer)
{
    for (uint32_t i = 0; i < place->chain->input_count; i++) {
        const struct tm_edge *edge = &plan->edges[place->chain->inputs[i]];
        bool forward = edge->partition == TM_PARTITION_FORWARD;
        uint32_t count = forward ? 1 : plan->chains[edge->from_chain].parallelism;
        if (number < count) {
            *input = edge->input;
            *producer = forward ? place->subtask : number;
            return edge;
        }
        number -= count;
    }
    return NULL;
}

static void take(struct tm_holder *holder, const struct tm_held *held)
{
    holder->status = held->status;
    holder->held_at = held->watermark;
    holder->since_ms = held->since_ms;
}

// The place is where a watermark is made, or nothing makes one.
static void end_at(struct tm_job *job, const struct place *place, const struct tm_node *maker,
                   struct tm_holder *holder)
{
    const struct tm_node *first = node_at(job->plan, place, 0);
    holder->maker = maker;
    if (first->kind == TM_NODE_SOURCE) {
        holder->source = first;
        holder->source_subtask = place->subtask;
    }
    if (maker == NULL)
        return;
    uint32_t task = job->first_task[place->chain->id] + place->subtask;
    struct tm_held held;
    read_held(&job->held[task].made, &held);
    take(holder, &held);
    if (first->kind == TM_NODE_SOURCE)
        holder->split = held.from;
    memcpy(holder->split_name, held.split, sizeof held.split);
}

static void follow(struct tm_job *job, struct place place, struct tm_holder *holder)
{
    const struct tm_plan *plan = job->plan;
    // Ends: the graph has no cycle.
    for (bool first = true;; first = false) {
        const struct tm_node *maker = maker_above(plan, &place);
        if (maker != NULL || place.chain->input_count == 0) {
            end_at(job, &place, maker, holder);
            return;
        }
        struct tm_held held;
        read_held(&job->held[job->first_task[place.chain->id] + place.subtask].gate, &held);
        take(holder, &held);
        uint32_t input, producer;
        const struct tm_edge *edge =
            held.from < 0 ? NULL : edge_of(plan, &place, (uint32_t)held.from, &input, &producer);
        if (edge == NULL)
            return;
        if (first) {
            holder->input = (int32_t)input;
            holder->channel = producer;
            holder->from = &plan->graph->nodes[edge->from_node];
        }
        if (!find_place(plan, edge->from_node, &place))
            return;
        place.subtask = producer;
    }
}

bool tm_task_holder(struct tm_job *job, uint32_t node, struct tm_holder *holder)
{
    struct place place;
    *holder = (struct tm_holder){.watermark = TM_WATERMARK_MAX, .input = -1, .split = -1};
    if (!find_place(job->plan, node, &place))
        return false;
    for (uint32_t s = 0; s < place.chain->parallelism; s++) {
        place.subtask = s;
        int64_t watermark = watermark_of(job, &place);
        if (s == 0 || watermark < holder->watermark) {
            holder->watermark = watermark;
            holder->subtask = s;
        }
    }
    place.subtask = holder->subtask;
    follow(job, place, holder);
    return true;
}
