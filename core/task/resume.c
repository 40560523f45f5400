// What a task has in a checkpoint whatever its operators are, and how it begins from one: counters
// and metrics of users go on, so that accounts hold over restarts; what time it is, for its gate,
// its operators and those behind it; whether its input had ended.
#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/checkpoint/restored.h"
#include "core/task/checkpoint.h"
#include "core/task/stood.h"
#include "core/task/task.h"
#include "core/vm/chain.ffi.h"

#include <stdio.h>

// In the order of the record; never reordered, new ones at the end.
enum { COUNTERS = 13 };

static void list_counters(struct tm_node_metrics *m, _Atomic uint64_t *list[COUNTERS])
{
    _Atomic uint64_t *counters[COUNTERS] = {
        &m->rows_in,  &m->rows_out,      &m->used,          &m->filtered,       &m->late,
        &m->skipped,  &m->dead_lettered, &m->failed_timers, &m->failed_firings, &m->failed_keys,
        &m->bytes_in, &m->bytes_out,     &m->strange};
    memcpy(list, counters, sizeof counters);
}

const char *tm__task_part(const struct tm_task *task, const struct tm_node *node, const char *part,
                          char text[TM_TASK_PART_MAX])
{
    const struct tm_node *nodes = task->job->graph->nodes;
    uint32_t number = 0;
    for (uint32_t n = node->whole; n < node->id; n++)
        number += nodes[n].whole == node->whole;
    if (number == 0)
        return part;
    snprintf(text, TM_TASK_PART_MAX, "%s of part %u", part, number);
    return text;
}

// --- into a cut ----------------------------------------------------------------------------------

static int cut_counters(struct tm_task *task, const struct tm_node *node, struct tm_cut *cut)
{
    _Atomic uint64_t *list[COUNTERS];
    char text[TM_TASK_PART_MAX];
    uint64_t record[COUNTERS], any = 0;
    list_counters(tm_job_metrics(task->job, node->id, task->ctx.subtask), list);
    for (int i = 0; i < COUNTERS; i++) {
        record[i] = atomic_load_explicit(list[i], memory_order_relaxed);
        any |= record[i];
    }
    return any == 0 ? 0
                    : tm_cut_item(cut, node->name, tm__task_part(task, node, "counters", text),
                                  TM_ITEM_SPLIT, record, sizeof record);
}

// A metric of the user: its kind, value, whether it is set, its buckets, its name.
static int cut_metric(const struct tm_node *node, const struct tm_user_metric *metric,
                      const struct tm_metric_slot *slot, struct tm_mem *mem, struct tm_cut *cut)
{
    bool set = metric->kind == TM_METRIC_COUNTER ? slot->value != 0 : slot->is_set != 0;
    if (!set)
        return 0;
    struct tm_buf record;
    tm_buf_init(&record, mem);
    uint64_t kind = metric->kind;
    int rc = tm_buf_append(&record, &kind, sizeof kind);
    if (rc == 0)
        rc = tm_buf_append(&record, &slot->value, sizeof slot->value);
    if (rc == 0 && metric->kind == TM_METRIC_HISTOGRAM)
        rc = tm_buf_append(&record, slot->buckets, TM_HISTOGRAM_BUCKETS * sizeof(uint64_t));
    if (rc == 0)
        rc = tm_buf_append(&record, metric->name, strlen(metric->name));
    if (rc == 0)
        rc = tm_cut_item(cut, node->name, "metrics", TM_ITEM_SPLIT, record.data, record.size_bytes);
    tm_buf_fini(&record);
    return rc;
}

static int cut_metrics(struct tm_task *task, const struct tm_node *node, struct tm_cut *cut)
{
    const struct tm_graph *graph = task->job->graph;
    const struct tm_metric_slot *slots = tm_task_slots(&task->ctx, node->id);
    int rc = 0;
    if (slots == NULL || node->whole != node->id)
        return 0;
    for (uint32_t m = 0; m < graph->metric_count && rc == 0; m++)
        rc = cut_metric(node, &graph->metrics[m], &slots[m], &task->mem, cut);
    return rc;
}

// What an operator that goes on from a checkpoint does at its end it has done before.
bool tm__task_node_had_ended(const struct tm_task *task, const struct tm_node *node)
{
    for (uint32_t i = 0; i < task->ended_nodes; i++)
        if (task->ctx.chain->nodes[i] == node->id)
            return true;
    return false;
}

static bool has_ended(const struct tm_task *task, const struct tm_node *node)
{
    return task->finished || tm__task_node_had_ended(task, node);
}

static int cut_watermark(struct tm_task *task, const struct tm_node *node, struct tm_cut *cut)
{
    const struct tm__task_record record = {
        .watermark =
            atomic_load_explicit(&tm_job_metrics(task->job, node->id, task->ctx.subtask)->watermark,
                                 memory_order_relaxed),
        .ended = has_ended(task, node)};
    char text[TM_TASK_PART_MAX];
    return tm_cut_item(cut, node->name, tm__task_part(task, node, "watermark", text),
                       TM_ITEM_SUBTASK, &record, sizeof record);
}

static const struct tm_node *node_of(const struct tm_task *task, uint32_t position)
{
    return &task->job->graph->nodes[task->ctx.chain->nodes[position]];
}

static uint32_t channels_of(const struct tm_task *task, const struct tm_edge *edge)
{
    return edge->partition == TM_PARTITION_FORWARD
               ? 1
               : task->ctx.plan->chains[edge->from_chain].parallelism;
}

// An item for each edge that leads to the gate: how far its input is, and which of its channels are
// behind that.
static int cut_edge(struct tm_task *task, const struct tm_edge *edge, uint32_t first,
                    struct tm_cut *cut)
{
    const struct tm__task_edge_record head = {.watermark =
                                                  tm_gate_input_watermark(task->gate, edge->input),
                                              .channels = channels_of(task, edge)};
    const char *from = task->job->graph->nodes[edge->from_node].name;
    struct tm_buf record;
    tm_buf_init(&record, &task->mem);
    int rc = tm_buf_append(&record, &head, sizeof head);
    for (uint32_t i = 0; i < head.channels && rc == 0; i++) {
        uint8_t behind = tm_gate_is_behind(task->gate, first + i);
        rc = tm_buf_append(&record, &behind, sizeof behind);
    }
    if (rc == 0)
        rc = tm_buf_append(&record, from, strlen(from));
    if (rc == 0)
        rc = tm_cut_item(cut, node_of(task, 0)->name, "inputs", TM_ITEM_SUBTASK, record.data,
                         record.size_bytes);
    tm_buf_fini(&record);
    return rc;
}

static int cut_gate(struct tm_task *task, struct tm_cut *cut)
{
    const struct tm_chain *chain = task->ctx.chain;
    uint32_t first = 0;
    int rc = 0;
    for (uint32_t i = 0; i < chain->input_count && rc == 0; i++) {
        const struct tm_edge *edge = &task->ctx.plan->edges[chain->inputs[i]];
        rc = cut_edge(task, edge, first, cut);
        first += channels_of(task, edge);
    }
    return rc;
}

int tm__task_cut_self(struct tm_task *task, struct tm_cut *cut)
{
    const struct tm__task_record record = {
        .watermark = task->gate == NULL ? TM_WATERMARK_MIN : tm_gate_watermark(task->gate),
        .ended = has_ended(task, node_of(task, 0))};
    int rc =
        tm_cut_item(cut, node_of(task, 0)->name, "task", TM_ITEM_SUBTASK, &record, sizeof record);
    if (rc == 0 && task->gate != NULL)
        rc = cut_gate(task, cut);
    for (uint32_t i = 0; i < task->ctx.chain->node_count && rc == 0; i++) {
        const struct tm_node *node = node_of(task, i);
        rc = cut_counters(task, node, cut);
        if (rc == 0)
            rc = cut_metrics(task, node, cut);
        if (rc == 0)
            rc = cut_watermark(task, node, cut);
    }
    return rc;
}

// --- out of a checkpoint -------------------------------------------------------------------------

static int damaged(struct tm_error *err, const char *part)
{
    return tm_error_set(err, TM_E_CHECKPOINT, "what it has of a task's %s has a wrong size", part);
}

static int add_counters(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                        struct tm_error *err)
{
    _Atomic uint64_t *list[COUNTERS];
    uint64_t record[COUNTERS] = {0};
    (void)old_subtask;
    if (size % sizeof *record != 0)
        return damaged(err, "counters");
    memcpy(record, bytes, size < sizeof record ? size : sizeof record);
    list_counters(arg, list);
    for (int i = 0; i < COUNTERS; i++)
        tm_metric_add(list[i], TM_PLANTED(counters_restored_twice) ? 2 * record[i] : record[i]);
    return 0;
}

struct metric_reader {
    struct tm_task *task;
    struct tm_metric_slot *slots;
};

static int add_buckets(struct metric_reader *reader, struct tm_metric_slot *slot,
                       const uint8_t *bytes, struct tm_error *err)
{
    if (slot->buckets == NULL && tm_task_buckets(&reader->task->ctx, slot) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a metric");
    for (uint32_t i = 0; i < TM_HISTOGRAM_BUCKETS; i++) {
        uint64_t n;
        memcpy(&n, bytes + i * sizeof n, sizeof n);
        slot->buckets[i] += n;
    }
    return 0;
}

// One that the script has no more, or has as another kind, is dropped.
static int add_metric(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                      struct tm_error *err)
{
    struct metric_reader *reader = arg;
    const struct tm_graph *graph = reader->task->job->graph;
    const uint8_t *at = bytes;
    uint64_t kind;
    double value;
    (void)old_subtask;
    if (size < sizeof kind + sizeof value)
        return damaged(err, "metrics");
    memcpy(&kind, at, sizeof kind);
    memcpy(&value, at + sizeof kind, sizeof value);
    at += sizeof kind + sizeof value;
    const uint8_t *buckets = at;
    at += kind == TM_METRIC_HISTOGRAM ? TM_HISTOGRAM_BUCKETS * sizeof(uint64_t) : 0;
    if (size < (size_t)(at - (const uint8_t *)bytes))
        return damaged(err, "metrics");
    size_t length = size - (size_t)(at - (const uint8_t *)bytes);
    for (uint32_t m = 0; m < graph->metric_count; m++) {
        struct tm_metric_slot *slot = &reader->slots[m];
        if (graph->metrics[m].kind != kind || strlen(graph->metrics[m].name) != length ||
            memcmp(graph->metrics[m].name, at, length) != 0)
            continue;
        if (kind == TM_METRIC_COUNTER)
            slot->value += value;
        else if (kind == TM_METRIC_GAUGE || value > slot->value)
            slot->value = value;
        slot->is_set = kind != TM_METRIC_COUNTER;
        return kind == TM_METRIC_HISTOGRAM ? add_buckets(reader, slot, buckets, err) : 0;
    }
    return 0;
}

// Records of all old subtasks: this one's own where it is what it was, else the least watermark,
// and an end where all have ended.
struct record_reader {
    struct tm__task_record own, all;
    uint32_t count, subtask;
};

static int see_record(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                      struct tm_error *err)
{
    struct record_reader *reader = arg;
    struct tm__task_record record = {0};
    if (size > sizeof record || size < sizeof record.watermark)
        return damaged(err, "time");
    memcpy(&record, bytes, size);
    if (reader->count++ == 0)
        reader->all = record;
    if (record.watermark < reader->all.watermark)
        reader->all.watermark = record.watermark;
    reader->all.ended = reader->all.ended != 0 && record.ended != 0;
    if (old_subtask == reader->subtask)
        reader->own = record;
    return 0;
}

static int read_records(struct tm_task *task, const struct tm_node *node, const char *part,
                        struct tm__task_record *record, bool *own, struct tm_error *err)
{
    const struct tm_restored_for who = {.operator_name = node->name,
                                        .subtask = task->ctx.subtask,
                                        .parallelism = task->ctx.chain->parallelism};
    struct record_reader reader = {.subtask = who.subtask};
    int rc = tm_restored_items(task->job->restored, &who, part, see_record, &reader, err);
    *own = tm_task_has_own_past(&task->ctx, task->job->restored, reader.count);
    *record = *own ? reader.own : reader.all;
    if (reader.count == 0)
        *record = (struct tm__task_record){.watermark = TM_WATERMARK_MIN};
    return rc;
}

static int resume_node(struct tm_task *task, const struct tm_node *node, bool *ended,
                       struct tm_error *err)
{
    const struct tm_restored *restored = task->job->restored;
    const struct tm_restored_for who = {.operator_name = node->name,
                                        .subtask = task->ctx.subtask,
                                        .parallelism = task->ctx.chain->parallelism};
    struct tm_node_metrics *metrics = tm_job_metrics(task->job, node->id, who.subtask);
    struct metric_reader reader = {.task = task, .slots = tm_task_slots(&task->ctx, node->id)};
    struct tm__task_record record;
    bool own;
    char text[TM_TASK_PART_MAX];
    int rc = tm_restored_items(restored, &who, tm__task_part(task, node, "counters", text),
                               add_counters, metrics, err);
    if (rc == 0 && reader.slots != NULL && node->whole == node->id)
        rc = tm_restored_items(restored, &who, "metrics", add_metric, &reader, err);
    if (rc == 0)
        rc = read_records(task, node, tm__task_part(task, node, "watermark", text), &record, &own,
                          err);
    if (rc == 0)
        atomic_store_explicit(&metrics->watermark, record.watermark, memory_order_relaxed);
    *ended = rc == 0 && record.ended != 0;
    return rc;
}

int tm__task_resume_operator(struct tm_task *task, uint32_t index, struct tm_error *err)
{
    struct tm_operator *op = task->operators[index];
    if (task->job->restored == NULL || op->ops->restore == NULL)
        return 0;
    TM_KILL_POINT(operator_resumes);
    tm_watch_begin(task->worker->watch, TM_WATCH_RESTORES, op->node->id,
                   tm_fx_mono_ns(task->ctx.fx));
    int rc = op->ops->restore(op, task->job->restored, err);
    tm_watch_end(task->worker->watch);
    TM_KILL_POINT(operator_resumed);
    return rc;
}

void tm_task_migrates(struct tm_task_context *ctx, const struct tm_node *node, bool begins)
{
    tm_watch_begin(ctx->task->worker->watch, begins ? TM_WATCH_MIGRATES : TM_WATCH_RESTORES,
                   node->id, tm_fx_mono_ns(ctx->fx));
}

// How a task that is not what it was goes on with the time of old subtasks.
enum time_of { TIME_OWN, TIME_LEAST, TIME_MOST };

// Records of one edge. Where there were as many channels it is known of each whether it was behind;
// else, and of several old subtasks, they all must have been: what is not known holds time back.
struct edge_reader {
    const char *from;
    size_t from_length;
    enum time_of of; // OWN: only what this subtask said counts
    uint32_t subtask, channels;
    uint32_t seen;
    int64_t watermark; // the least, or the most
    uint8_t *behind;
};

static int see_edge(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                    struct tm_error *err)
{
    struct edge_reader *reader = arg;
    struct tm__task_edge_record head;
    if (size < sizeof head)
        return damaged(err, "inputs");
    memcpy(&head, bytes, sizeof head);
    if (size - sizeof head < head.channels)
        return damaged(err, "inputs");
    const uint8_t *behind = (const uint8_t *)bytes + sizeof head;
    if (size - sizeof head - head.channels != reader->from_length ||
        memcmp(behind + head.channels, reader->from, reader->from_length) != 0 ||
        (reader->of == TIME_OWN && old_subtask != reader->subtask))
        return 0;
    bool same = head.channels == reader->channels, all = true;
    bool further = reader->seen != 0 && head.watermark > reader->watermark;
    if (reader->of == TIME_MOST && reader->seen != 0 && head.watermark < reader->watermark)
        return 0; // who was behind there says nothing of time now
    bool first = reader->seen++ == 0 || (further && reader->of == TIME_MOST);
    for (uint64_t i = 0; i < head.channels; i++)
        all = all && behind[i] != 0;
    for (uint32_t i = 0; i < reader->channels; i++)
        reader->behind[i] = (first || reader->behind[i]) && (same ? behind[i] : all);
    if (first || head.watermark < reader->watermark)
        reader->watermark = head.watermark;
    return 0;
}

// By channel of the gate whether it was behind; by input how far it was.
static int read_edges(struct tm_task *task, enum time_of of, uint8_t *behind,
                      int64_t watermarks[TM_GATE_INPUTS_MAX], struct tm_error *err)
{
    const struct tm_chain *chain = task->ctx.chain;
    const struct tm_restored_for who = {.operator_name = node_of(task, 0)->name,
                                        .subtask = task->ctx.subtask,
                                        .parallelism = chain->parallelism};
    int rc = 0;
    for (uint32_t i = 0; i < chain->input_count && rc == 0; i++) {
        const struct tm_edge *edge = &task->ctx.plan->edges[chain->inputs[i]];
        const char *from = tm_restored_was(task->job->restored,
                                           task->job->graph->nodes[edge->from_node].name, NULL);
        struct edge_reader reader = {.from = from,
                                     .from_length = strlen(from),
                                     .of = of,
                                     .subtask = who.subtask,
                                     .channels = channels_of(task, edge),
                                     .behind = behind};
        rc = tm_restored_items(task->job->restored, &who, "inputs", see_edge, &reader, err);
        if (reader.seen != 0 && reader.watermark < watermarks[edge->input])
            watermarks[edge->input] = reader.watermark;
        behind += reader.channels;
    }
    return rc;
}

static int resume_gate(struct tm_task *task, enum time_of of, struct tm_error *err)
{
    const struct tm_chain *chain = task->ctx.chain;
    int64_t watermarks[TM_GATE_INPUTS_MAX] = {TM_WATERMARK_MAX, TM_WATERMARK_MAX};
    uint32_t count = 0;
    for (uint32_t i = 0; i < chain->input_count; i++)
        count += channels_of(task, &task->ctx.plan->edges[chain->inputs[i]]);
    uint8_t *behind = tm_mem_zalloc(&task->mem, count);
    if (behind == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a task");
    int rc = read_edges(task, of, behind, watermarks, err);
    for (uint32_t i = 0; i < TM_GATE_INPUTS_MAX && rc == 0; i++)
        if (watermarks[i] != TM_WATERMARK_MAX &&
            !TM_PLANTED(time_not_restored)) // MAX: it comes again, or there is no such input
            tm_gate_begin_input_at(task->gate, i, watermarks[i]);
    for (uint32_t i = 0; i < count && rc == 0; i++)
        if (behind[i] != 0)
            tm_gate_begin_behind(task->gate, i);
    tm_mem_free(&task->mem, behind, count);
    return rc;
}

// Those behind a source learn how far time is; of a gate through all operators, behind the rows in
// flight (flight.c).
static void tell_time(struct tm_task *task)
{
    uint32_t count = task->operator_count;
    if (count == 0 || TM_PLANTED(time_not_restored))
        return;
    const struct tm_element time = {
        .kind = TM_ELEMENT_WATERMARK,
        .watermark = atomic_load_explicit(&task->operators[count - 1]->metrics->watermark,
                                          memory_order_relaxed)};
    if (time.watermark != TM_WATERMARK_MIN)
        task->slots[count] = time;
}

// The subtask goes on where it was, or its gate begins where the old subtasks stand when all that
// was in flight has been given.
static int resume_time(struct tm_task *task, struct tm_error *err)
{
    struct tm__task_record record;
    struct tm_task_stood stood;
    bool own;
    int rc = read_records(task, node_of(task, 0), "task", &record, &own, err);
    if (rc == 0 && task->gate == NULL)
        tell_time(task);
    if (rc != 0 || task->gate == NULL)
        return rc;
    rc = tm__task_stood_read(task, node_of(task, 0), &stood, err);
    bool most = !own && stood.most > record.watermark;
    int64_t at = most ? stood.most : record.watermark;
    tm__task_stood_free(task, &stood);
    if (rc == 0)
        rc = resume_gate(task, own ? TIME_OWN : most ? TIME_MOST : TIME_LEAST, err);
    if (rc == 0)
        tm_gate_begin_at(task->gate, at);
    return rc;
}

int tm__task_resume(struct tm_task *task, struct tm_error *err)
{
    if (task->job->restored == NULL)
        return 0;
    int rc = 0;
    for (uint32_t i = 0; i < task->ctx.chain->node_count && rc == 0; i++) {
        bool ended;
        rc = resume_node(task, node_of(task, i), &ended, err);
        if (ended && task->ended_nodes == i)
            task->ended_nodes++;
    }
    for (uint32_t i = 0; i < task->operator_count && rc == 0; i++)
        if (task->opened[i] != NULL || (i == 0 && task->opened_second != NULL))
            rc = tm__task_resume_operator(task, i, err);
    if (rc == 0)
        rc = resume_time(task, err);
    if (rc == 0)
        rc = tm__task_load_flights(task, err);
    if (rc != 0)
        return rc;
    TM_KILL_POINT(task_resumed);
    return 0;
}
