// Elements in flight into a cut and out of a checkpoint. An item is a head, the names of the edge's
// ends and, of rows, their schema and the rows in the wire's form.
#include "core/task/flight.h"

#include "core/base/planted.h"
#include "core/batch/key_group.h"
#include "core/batch/wire.h"
#include "core/checkpoint/restored.h"
#include "core/task/stood.h"
#include "core/task/task.h"

#include <stdlib.h>

struct flight_head {
    int64_t watermark;            // of WATERMARK; of what is timed, where its operator is to stand
    uint32_t producer, producers; // of the edge: which, of how many
    uint32_t consumer, consumers; // the same; TM_ANY_CONSUMER: not decided
    uint32_t first;               // of an element for several consumers: from this one on
    uint32_t groups;              // max parallelism
    uint32_t timed; // 1: it goes to its operator at `watermark`; a WATERMARK says no more than that
    uint32_t partial;              // what tails of partial rows are made of; 0: not known
    uint16_t from_bytes, to_bytes; // of the names behind it
    uint8_t kind, status;          // of the element
    uint8_t input, dead_letter;    // of the edge
};
_Static_assert(sizeof(struct flight_head) == 48, "it has no padding");

bool tm_edge_overtakes(const struct tm_graph *graph, const struct tm_edge *edge)
{
    return edge->partition == TM_PARTITION_HASH || edge->partition == TM_PARTITION_COLUMN ||
           (edge->partition == TM_PARTITION_REBALANCE &&
            (edge->dead_letter || !graph->nodes[edge->from_node].changelog));
}

// --- into a cut ----------------------------------------------------------------------------------

// What partial rows that an operator takes, or gives, are made of.
static uint32_t partial_of(const struct tm_operator *op, struct tm_wire_partial *wire)
{
    return op->ops->partial == NULL ? 0 : op->ops->partial(op, wire);
}

static int put_batch(struct tm_buf *out, const struct tm_batch *batch)
{
    int rc = tm_wire_put_schema(out, batch->schema);
    return rc == 0 ? tm_wire_put_batch(out, batch) : rc;
}

static int cut_flight(struct tm_task *task, struct tm_cut *cut, const char *part,
                      struct flight_head *head, const struct tm_node *from,
                      const struct tm_node *to, const struct tm_element *element)
{
    const struct tm_node *owner = strcmp(part, TM_FLIGHT_UNSENT) == 0 ? from : to;
    struct tm_buf item;
    head->kind = element->kind;
    head->status = element->status;
    if (head->timed == 0)
        head->watermark = element->kind == TM_ELEMENT_WATERMARK ? element->watermark : 0;
    head->from_bytes = (uint16_t)strlen(from->name);
    head->to_bytes = (uint16_t)strlen(to->name);
    tm_buf_init(&item, &task->mem);
    int rc = tm_buf_append(&item, head, sizeof *head);
    if (rc == 0)
        rc = tm_buf_append(&item, from->name, head->from_bytes);
    if (rc == 0)
        rc = tm_buf_append(&item, to->name, head->to_bytes);
    if (rc == 0 && element->kind == TM_ELEMENT_BATCH)
        rc = put_batch(&item, element->batch);
    if (rc == 0)
        rc = tm_cut_item(cut, owner->name, part, TM_ITEM_FLIGHT, item.data, item.size_bytes);
    tm_buf_fini(&item);
    return rc;
}

static uint32_t producers_of(const struct tm_task *task, const struct tm_edge *edge)
{
    return task->ctx.plan->chains[edge->from_chain].parallelism;
}

static uint32_t channels_of(const struct tm_task *task, const struct tm_edge *edge)
{
    return edge->partition == TM_PARTITION_FORWARD ? 1 : producers_of(task, edge);
}

// The edge that a channel of the gate belongs to, and which of its producers sends there.
static const struct tm_edge *edge_of(const struct tm_task *task, uint32_t channel,
                                     uint32_t *producer)
{
    const struct tm_chain *chain = task->ctx.chain;
    for (uint32_t i = 0; i < chain->input_count; i++) {
        const struct tm_edge *edge = &task->ctx.plan->edges[chain->inputs[i]];
        if (channel < channels_of(task, edge)) {
            *producer = channel;
            return edge;
        }
        channel -= channels_of(task, edge);
    }
    TM_CHECK(false && "a channel without an edge");
    return NULL;
}

static struct flight_head head_of(const struct tm_task *task, const struct tm_edge *edge)
{
    return (struct flight_head){.producers = producers_of(task, edge),
                                .consumers = task->ctx.plan->chains[edge->to_chain].parallelism,
                                .groups = task->ctx.plan->max_parallelism,
                                .input = (uint8_t)edge->input,
                                .dead_letter = edge->dead_letter};
}

int tm__task_cut_arrived(struct tm_task *task, struct tm_cut *cut, uint32_t channel,
                         const struct tm_element *element)
{
    const struct tm_node *nodes = task->job->graph->nodes;
    struct tm_wire_partial wire;
    uint32_t producer;
    const struct tm_edge *edge = edge_of(task, channel, &producer);
    struct flight_head head = head_of(task, edge);
    head.producer = producer;
    head.consumer = head.first = task->ctx.subtask;
    if (edge->preaggregated && task->operator_count != 0)
        head.partial = partial_of(task->operators[0], &wire);
    return cut_flight(task, cut, TM_FLIGHT_ARRIVED, &head, &nodes[edge->from_node],
                      &nodes[edge->to_node], element);
}

struct cutting {
    struct tm_task *task;
    struct tm_cut *cut;
    const struct tm_edge *edge;
};

static int cut_unsent(void *arg, uint32_t consumer, uint32_t first,
                      const struct tm_element *element)
{
    const struct cutting *c = arg;
    const struct tm_node *nodes = c->task->job->graph->nodes;
    struct tm_wire_partial wire;
    struct flight_head head = head_of(c->task, c->edge);
    if (element->kind == TM_ELEMENT_BARRIER || element->kind == TM_ELEMENT_END)
        return 0; // of another checkpoint, which is nobody's now; an end comes again
    head.producer = c->task->ctx.subtask;
    head.consumer = consumer;
    head.first = first;
    if (c->edge->preaggregated && c->task->operator_count != 0)
        head.partial = partial_of(c->task->operators[c->task->operator_count - 1], &wire);
    return cut_flight(c->task, c->cut, TM_FLIGHT_UNSENT, &head, &nodes[c->edge->from_node],
                      &nodes[c->edge->to_node], element);
}

int tm__task_cut_unsent(struct tm_task *task, struct tm_cut *cut,
                        const struct tm_task_output *output)
{
    struct cutting c = {.task = task, .cut = cut, .edge = output->edge};
    int rc = tm_sender_each_held(output->sender, &output->pending, cut_unsent, &c);
    for (uint32_t i = output->queue_first; i < output->queue_count && rc == 0; i++)
        rc = cut_unsent(&c, TM_ANY_CONSUMER, 0, &output->queue[i]);
    return rc;
}

// Rows with the time at which they will be given: another job may begin with this cut before that,
// and then their keys are not behind it either.
int tm__task_cut_flights(struct tm_task *task, struct tm_cut *cut)
{
    const struct tm_task_flights *flights = &task->flights;
    int rc = 0;
    for (uint32_t i = flights->next; i < flights->count && rc == 0; i++) {
        const struct tm_task_flight *flight = &flights->list[i];
        struct tm_element element = flight->element;
        struct tm_wire_partial wire;
        struct flight_head head = {.producer = flight->producer,
                                   .producers = flight->producers,
                                   .consumer = task->ctx.subtask,
                                   .consumers = task->ctx.chain->parallelism,
                                   .first = task->ctx.subtask,
                                   .groups = task->ctx.plan->max_parallelism,
                                   .input = element.input,
                                   .dead_letter = flight->dead_letter};
        bool only_time = element.kind == TM_ELEMENT_NONE;
        if (only_time && !flight->inside)
            continue; // the gate's, which says so
        if (only_time)
            element.kind = TM_ELEMENT_WATERMARK;
        if (only_time || element.kind == TM_ELEMENT_BATCH) {
            bool under_way = flight->section == flights->section && flights->told > flight->time;
            head.timed = 1;
            head.watermark = under_way ? flights->told : flight->time;
        }
        if (flight->stage < task->operator_count)
            head.partial = partial_of(task->operators[flight->stage], &wire);
        rc = cut_flight(task, cut, TM_FLIGHT_ARRIVED, &head, flight->from, flight->to, &element);
    }
    return rc;
}

// --- out of a checkpoint -------------------------------------------------------------------------

struct loading {
    struct tm_task *task;
    const struct tm_node *to, *from;
    const struct tm_edge *edge; // of this plan; NULL: both ends are in this chain
    bool dead_letter;
    uint32_t input;
    uint32_t stage, channel; // of the edge's first producer
    uint64_t seen;           // rows that have no place of their own, dealt in turn
    const struct tm_task_stood *stood;
    int64_t time; // of what is of no certain old subtask, or of this one's own
    struct tm_buf scratch;
};

static int damaged(const struct loading *l, struct tm_error *err)
{
    return tm_error_set(err, TM_E_CHECKPOINT,
                        "what was in flight from '%s' to '%s' is cut short or not an element",
                        l->from->name, l->to->name);
}

#define TM_FLIGHT_HINT                                                                             \
    "go on with the script as it was, stop the job with Ctrl-C, which lets rows arrive, and then " \
    "change it; or leave them out: --drop-state '%.*s'"

static int changed(const struct loading *l, const char *what, struct tm_error *err)
{
    tm_error_set(err, TM_E_IN_FLIGHT,
                 "rows were on their way from '%s' to '%s', and %s in the script as it is now",
                 l->from->name, l->to->name, what);
    tm_error_hint(err, TM_FLIGHT_HINT, (int)strlen(l->to->name), l->to->name);
    return TM_E_IN_FLIGHT;
}

static int add_flight(struct loading *l, const struct tm_task_flight *flight, struct tm_error *err)
{
    struct tm_task_flights *flights = &l->task->flights;
    if (flights->count == flights->capacity) {
        uint32_t capacity = flights->capacity == 0 ? 16 : 2 * flights->capacity;
        struct tm_task_flight *list =
            tm_mem_realloc(&l->task->mem, flights->list, flights->capacity * sizeof *list,
                           capacity * sizeof *list);
        if (list == NULL)
            return tm_error_set(err, TM_E_MEMORY, "out of memory for rows in flight");
        flights->list = list;
        flights->capacity = capacity;
    }
    flights->list[flights->count] = *flight;
    flights->list[flights->count].section = flights->sections;
    flights->list[flights->count].order = flights->count;
    flights->count++;
    return 0;
}

// The subtask that a row belongs to now.
static int owner_of(struct loading *l, const struct tm_key_reader *reader, const struct tm_row *row,
                    uint32_t *owner)
{
    uint32_t parallelism = l->task->ctx.chain->parallelism;
    struct tm_key key;
    if (l->edge->partition == TM_PARTITION_COLUMN) {
        int64_t rest = tm_row_int(row, reader->offset) % (int64_t)parallelism;
        *owner = (uint32_t)(rest < 0 ? rest + (int64_t)parallelism : rest);
        return 0;
    }
    uint32_t groups = l->task->ctx.plan->max_parallelism;
    int rc = tm_key_of_row(reader, row, &l->scratch, &key);
    if (rc == 0)
        *owner = tm_key_group_owner(tm_hash_key_group(key.hash, groups), parallelism, groups);
    return rc;
}

// Leaves the rows in the batch whose keys are this subtask's.
static int keep_own(struct loading *l, struct tm_batch *batch)
{
    struct tm_key_reader reader;
    size_t kept = 0;
    uint32_t rows = 0;
    tm_key_reader_init(&reader, batch->schema, &l->edge->key);
    for (size_t at = 0, size; at < batch->size_bytes; at += size) {
        const struct tm_row *row = (const struct tm_row *)(const void *)(batch->data + at);
        uint32_t owner;
        size = row->size_bytes;
        int rc = owner_of(l, &reader, row, &owner);
        if (rc != 0)
            return rc;
        if (owner != l->task->ctx.subtask)
            continue;
        memmove(batch->data + kept, row, size);
        kept += size;
        rows++;
    }
    batch->size_bytes = kept;
    batch->row_count = rows;
    return 0;
}

// The schema in which the job has such rows: that of the operator that takes them where it is open.
static struct tm_schema *schema_now(const struct loading *l)
{
    const struct tm_task *task = l->task;
    if (l->stage == 0 && task->unite != NULL)
        return l->dead_letter ? task->job->dead_letters : tm_node_schema(l->from);
    if (l->stage == 0 && l->input == 1)
        return task->opened_second;
    return task->opened[l->stage];
}

static int read_batch(struct loading *l, const struct flight_head *head, const uint8_t *bytes,
                      size_t size, struct tm_batch **batch, struct tm_error *err)
{
    struct tm_task *task = l->task;
    struct tm_schema *schema;
    struct tm_wire_partial wire = {0};
    size_t used, rest;
    int rc = tm_wire_get_schema(task->ctx.shared_mem, bytes, size, &used, &schema, err);
    if (rc != 0)
        return rc;
    if (schema_now(l) == NULL && task->operator_count > l->stage &&
        !(l->stage == 0 && task->unite != NULL))
        rc = tm__task_open_late(task, l->stage, l->input, schema, err);
    struct tm_schema *now = schema_now(l);
    if (rc == 0 && now != NULL && !tm_schema_equal(now, schema))
        rc = changed(l, "their columns are others", err);
    uint32_t partial = task->unite != NULL || l->stage >= task->operator_count
                           ? 0
                           : partial_of(task->operators[l->stage], &wire);
    if (rc == 0 && head->partial != 0 && head->partial != partial)
        rc = changed(l, "what they have been added up for is another", err);
    if (rc == 0)
        rc = tm_wire_get_batch(task->ctx.pool, now != NULL ? now : schema,
                               partial != 0 ? &wire : NULL, bytes + used, size - used, &rest, batch,
                               err);
    if (rc == 0 && rest != size - used) {
        tm_batch_release(*batch);
        rc = damaged(l, err);
    }
    tm_schema_unref(schema);
    return rc;
}

static bool is_spread(const struct loading *l)
{
    return l->edge != NULL &&
           (l->edge->partition == TM_PARTITION_HASH || l->edge->partition == TM_PARTITION_COLUMN);
}

// May there be rows of this subtask in the batch? They go to the consumer that they had, where
// there are as many, and for keys as many key groups; else those with keys are looked at one by
// one, and others dealt in turn.
static bool is_mine(struct loading *l, const struct flight_head *head)
{
    uint32_t parallelism = l->task->ctx.chain->parallelism;
    uint64_t turn = l->seen++;
    bool had = head->consumer != TM_ANY_CONSUMER && head->consumers == parallelism;
    if (had && (!is_spread(l) || head->groups == l->task->ctx.plan->max_parallelism))
        return head->consumer == l->task->ctx.subtask;
    return is_spread(l) || turn % parallelism == l->task->ctx.subtask;
}

// Where its operator is to stand when the rows are given: where the old subtask stood that they
// were on their way to. What had not been dealt out was behind all that its producer had said, and
// that is as much as any old subtask knew.
static int64_t time_of(const struct loading *l, const struct flight_head *head)
{
    if (TM_PLANTED(time_not_restored))
        return TM_WATERMARK_MIN;
    if (head->timed != 0)
        return head->watermark;
    return head->consumer == TM_ANY_CONSUMER ? l->time
                                             : tm__task_stood_of(l->stood, head->consumer);
}

static int load_batch(struct loading *l, const struct flight_head *head, const uint8_t *bytes,
                      size_t size, struct tm_error *err)
{
    struct tm_batch *batch;
    if (!is_mine(l, head))
        return 0;
    int rc = read_batch(l, head, bytes, size, &batch, err);
    if (rc != 0)
        return rc;
    batch->split = TM_NO_SPLIT;
    batch->read_ns = 0;
    if (is_spread(l) && keep_own(l, batch) != 0)
        rc = tm_error_set(err, TM_E_MEMORY, "out of memory for rows in flight");
    const struct tm_task_flight flight = {
        .element = {.kind = TM_ELEMENT_BATCH, .input = (uint8_t)l->input, .batch = batch},
        .to = l->to,
        .from = l->from,
        .dead_letter = l->dead_letter,
        .inside = l->edge == NULL,
        .time = time_of(l, head),
        .stage = l->stage};
    if (rc == 0 && batch->row_count != 0) {
        rc = add_flight(l, &flight, err);
        if (rc == 0)
            return 0;
    }
    tm_batch_release(batch);
    return rc;
}

// Do the subtasks of a chain say of time what they said before? Not those that read splits, which
// are dealt anew, nor those that are fed by one of these alone: what was on its way from one may
// be true of what another reads now.
static bool keeps_time(const struct tm_plan *plan, uint32_t chain)
{
    for (uint32_t i = 0; i < plan->chains[chain].input_count; i++)
        if (plan->edges[plan->chains[chain].inputs[i]].partition == TM_PARTITION_FORWARD)
            return false;
    return plan->chains[chain].input_count != 0;
}

static int load_control(struct loading *l, const struct flight_head *head, struct tm_error *err)
{
    const struct tm_task *task = l->task;
    uint32_t subtask = task->ctx.subtask;
    bool same = l->edge != NULL && tm_edge_overtakes(task->job->graph, l->edge) &&
                keeps_time(task->ctx.plan, l->edge->from_chain) &&
                head->consumers == task->ctx.chain->parallelism &&
                head->producers == producers_of(task, l->edge) &&
                (!is_spread(l) || head->groups == task->ctx.plan->max_parallelism);
    if (!same || head->producer >= head->producers ||
        (head->consumer == TM_ANY_CONSUMER ? subtask < head->first : subtask != head->consumer))
        return 0;
    struct tm_task_flight flight = {.element = {.kind = head->kind,
                                                .status = head->status,
                                                .input = (uint8_t)l->input,
                                                .watermark = head->watermark},
                                    .to = l->to,
                                    .from = l->from,
                                    .dead_letter = l->dead_letter,
                                    .stage = l->stage,
                                    .time = l->time,
                                    .producer = head->producer,
                                    .producers = head->producers};
    flight.channel = l->channel + head->producer;
    return add_flight(l, &flight, err);
}

// The operator comes to stand there, behind all rows of earlier times: an item of an operator that
// was not the first of its task.
static int load_time(struct loading *l, int64_t time, struct tm_error *err)
{
    const struct tm_task_flight flight = {
        .to = l->to, .from = l->from, .inside = l->edge == NULL, .time = time, .stage = l->stage};
    return time == TM_WATERMARK_MIN ? 0 : add_flight(l, &flight, err);
}

// Is it the name that the node had then?
static bool is_name(const struct loading *l, const uint8_t *bytes, size_t length,
                    const struct tm_node *node)
{
    const char *name = tm_restored_was(l->task->job->restored, node->name, NULL);
    return strlen(name) == length && memcmp(bytes, name, length) == 0;
}

// Does an edge of this script lead from the one to the other? Else nobody would load the item.
static bool is_known(const struct loading *l, const struct flight_head *head, const uint8_t *names)
{
    const struct tm_graph *graph = l->task->job->graph;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct tm_node *from = &graph->nodes[n];
        if (!is_name(l, names, head->from_bytes, from))
            continue;
        for (uint32_t m = 0; m < graph->node_count; m++) {
            const struct tm_node *to = &graph->nodes[m];
            if (!is_name(l, names + head->from_bytes, head->to_bytes, to))
                continue;
            if (head->dead_letter != 0 && from->dead_letter == (int32_t)m)
                return true;
            for (uint32_t i = 0; head->dead_letter == 0 && i < to->input_count; i++)
                if (to->inputs[i] == n && (!tm_node_has_two_inputs(to) || head->input == i))
                    return true;
        }
    }
    return false;
}

static int not_known(const struct flight_head *head, const uint8_t *names, struct tm_error *err)
{
    tm_error_set(err, TM_E_IN_FLIGHT,
                 "rows were on their way from '%.*s' to '%.*s', and do not go there in the script "
                 "as it is now",
                 head->from_bytes, (const char *)names, head->to_bytes,
                 (const char *)names + head->from_bytes);
    tm_error_hint(err, TM_FLIGHT_HINT, head->to_bytes, (const char *)names + head->from_bytes);
    return TM_E_IN_FLIGHT;
}

static int load_item(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                     struct tm_error *err)
{
    struct loading *l = arg;
    struct flight_head head;
    const uint8_t *names = (const uint8_t *)bytes + sizeof head;
    (void)old_subtask;
    if (TM_PLANTED(in_flight_dropped))
        return 0;
    if (size < sizeof head)
        return damaged(l, err);
    memcpy(&head, bytes, sizeof head);
    size -= sizeof head;
    if (size < (size_t)head.from_bytes + head.to_bytes)
        return damaged(l, err);
    if (!is_name(l, names, head.from_bytes, l->from) ||
        !is_name(l, names + head.from_bytes, head.to_bytes, l->to) || head.input != l->input ||
        (head.dead_letter != 0) != l->dead_letter) // of another edge
        return is_known(l, &head, names) ? 0 : not_known(&head, names, err);
    size_t skip = (size_t)head.from_bytes + head.to_bytes;
    switch (head.kind) {
    case TM_ELEMENT_BATCH:
        return load_batch(l, &head, names + skip, size - skip, err);
    case TM_ELEMENT_STATUS:
        return head.status > TM_CHANNEL_IDLE ? damaged(l, err) : load_control(l, &head, err);
    case TM_ELEMENT_WATERMARK:
        return head.timed != 0 ? load_time(l, head.watermark, err) : load_control(l, &head, err);
    default:
        return damaged(l, err);
    }
}

// The edge between two nodes in this plan, and the first of its channels.
static void find_edge(struct loading *l)
{
    const struct tm_chain *chain = l->task->ctx.chain;
    uint32_t channel = 0;
    for (uint32_t i = 0; i < chain->input_count; i++) {
        const struct tm_edge *edge = &l->task->ctx.plan->edges[chain->inputs[i]];
        if (edge->to_node == l->to->id && edge->from_node == l->from->id &&
            edge->input == l->input && edge->dead_letter == l->dead_letter) {
            l->edge = edge;
            l->channel = channel;
        }
        channel += channels_of(l->task, edge);
    }
}

static int load_between(struct loading *l, const struct tm_node *from, uint32_t input,
                        bool dead_letter, struct tm_error *err)
{
    const struct tm_task *task = l->task;
    const struct tm_restored *restored = task->job->restored;
    struct tm_restored_for who = {.operator_name = l->to->name,
                                  .subtask = task->ctx.subtask,
                                  .parallelism = task->ctx.chain->parallelism};
    l->from = from;
    l->dead_letter = dead_letter;
    l->input = input;
    l->edge = NULL;
    l->channel = 0;
    l->seen = 0;
    find_edge(l);
    bool turned = TM_PLANTED(in_flight_turned_round);
    who.operator_name = turned ? from->name : l->to->name;
    int rc = tm_restored_items(restored, &who, turned ? TM_FLIGHT_UNSENT : TM_FLIGHT_ARRIVED,
                               load_item, l, err);
    who.operator_name = turned ? l->to->name : from->name;
    if (rc == 0)
        rc = tm_restored_items(restored, &who, turned ? TM_FLIGHT_ARRIVED : TM_FLIGHT_UNSENT,
                               load_item, l, err);
    return rc;
}

static int load_node(struct loading *l, struct tm_error *err)
{
    const struct tm_graph *graph = l->task->job->graph;
    const struct tm_node *node = l->to;
    int rc = 0;
    for (uint32_t i = 0; i < node->input_count && rc == 0; i++) {
        bool twice = false; // a union of a stream with itself has one name for both
        for (uint32_t k = 0; k < i && !tm_node_has_two_inputs(node); k++)
            twice = twice || node->inputs[k] == node->inputs[i];
        if (!twice)
            rc = load_between(l, &graph->nodes[node->inputs[i]],
                              tm_node_has_two_inputs(node) ? i : 0, false, err);
    }
    for (uint32_t n = 0; n < graph->node_count && rc == 0; n++)
        if (graph->nodes[n].dead_letter == (int32_t)node->id)
            rc = load_between(l, &graph->nodes[n], 0, true, err);
    return rc;
}

// The gate knows how far they bring its operator: it says nothing less then, and another checkpoint
// has it.
static int64_t gate_time(const struct loading *l, uint32_t first)
{
    const struct tm_task_flights *flights = &l->task->flights;
    int64_t time = tm_gate_watermark(l->task->gate);
    for (uint32_t i = first; i < flights->count; i++)
        time = flights->list[i].time > time ? flights->list[i].time : time;
    tm_gate_begin_at(l->task->gate, time);
    return time;
}

// How far its operator comes behind all of them: as far as its gate, or what was one, which was
// there before the last of them had been given.
static int load_last_time(struct loading *l, uint32_t first, bool inside, struct tm_error *err)
{
    int64_t time = inside ? l->stood->most : gate_time(l, first);
    const struct tm_task_flight flight = {
        .to = l->to, .from = l->from, .inside = inside, .time = time, .stage = l->stage};
    return time == TM_WATERMARK_MIN || TM_PLANTED(time_not_restored) ? 0
                                                                     : add_flight(l, &flight, err);
}

// Those of old subtasks that were behind first; the time alone before what comes at it.
static int by_time(const void *a, const void *b)
{
    const struct tm_task_flight *x = a, *y = b;
    bool x_is_time = x->element.kind == TM_ELEMENT_NONE;
    bool y_is_time = y->element.kind == TM_ELEMENT_NONE;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x_is_time != y_is_time)
        return x_is_time ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

// A section of the list: all that goes into a stage from the edges of one node.
static int load_section(struct tm_task *task, uint32_t stage, const struct tm_node *node,
                        bool inside, struct tm_error *err)
{
    struct tm_task_flights *flights = &task->flights;
    struct tm_task_stood stood;
    uint32_t first = flights->count;
    struct loading l = {.task = task, .to = node, .stage = stage, .stood = &stood};
    flights->sections++;
    int rc = tm__task_stood_read(task, node, &stood, err);
    bool own = !inside && tm_task_has_own_past(&task->ctx, task->job->restored, stood.count);
    l.time = own ? tm__task_stood_of(&stood, task->ctx.subtask) : stood.most;
    tm_buf_init(&l.scratch, &task->mem);
    if (rc == 0)
        rc = load_node(&l, err);
    tm_buf_fini(&l.scratch);
    if (rc == 0)
        rc = load_last_time(&l, first, inside, err);
    tm__task_stood_free(task, &stood);
    if (rc == 0 && flights->count > first + 1)
        qsort(flights->list + first, flights->count - first, sizeof *flights->list, by_time);
    return rc;
}

bool tm__task_has_flights(const struct tm_task *task, const struct tm_node *node)
{
    const struct tm_restored *restored = task->job->restored;
    if (restored == NULL)
        return false;
    bool has = tm_restored_has(restored, node->name, TM_FLIGHT_ARRIVED);
    for (uint32_t i = 0; i < node->input_count; i++)
        has = has || tm_restored_has(restored, task->job->graph->nodes[node->inputs[i]].name,
                                     TM_FLIGHT_UNSENT);
    return has;
}

int tm__task_load_flights(struct tm_task *task, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = task->operator_count; i-- > 0 && rc == 0;) {
        const struct tm_node *node = task->operators[i]->node;
        bool again = i > 0 && task->operators[i - 1]->node == node; // a pre-aggregation
        bool inside = i > 0 || task->gate == NULL || task->unite != NULL;
        if (!again)
            rc = load_section(task, i, node, inside, err);
    }
    if (rc == 0 && task->unite != NULL)
        rc = load_section(task, 0, task->unite, false, err);
    return rc;
}

void tm__task_put_flight(struct tm_task *task)
{
    struct tm_task_flights *flights = &task->flights;
    struct tm_task_flight *flight = &flights->list[flights->next];
    if (flight->section != flights->section) {
        flights->section = flight->section;
        flights->told = TM_WATERMARK_MIN;
    }
    if (flight->time > flights->told) {
        flights->told = flight->time;
        task->slots[flight->stage] =
            (struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = flight->time};
        return;
    }
    flights->next++;
    if (flight->element.kind == TM_ELEMENT_NONE)
        return;
    if (flight->element.kind == TM_ELEMENT_BATCH) {
        task->slots[flight->stage] = flight->element;
        return;
    }
    struct tm_element element = flight->element;
    if (!tm_gate_replay(task->gate, flight->channel, task->ctx.now_ns, &element))
        return;
    task->slots[0] = element;
    if (element.kind == TM_ELEMENT_WATERMARK && element.watermark > flights->told)
        flights->told = element.watermark;
}

void tm__task_free_flights(struct tm_task *task)
{
    struct tm_task_flights *flights = &task->flights;
    for (uint32_t i = flights->next; i < flights->count; i++)
        if (flights->list[i].element.kind == TM_ELEMENT_BATCH)
            tm_batch_release(flights->list[i].element.batch);
    tm_mem_free(&task->mem, flights->list, flights->capacity * sizeof *flights->list);
    *flights = (struct tm_task_flights){0};
}
