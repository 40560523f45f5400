// Where event time stood in old subtasks, read from what their tasks have in the checkpoint.
#include "core/task/stood.h"

#include "core/base/planted.h"
#include "core/checkpoint/restored.h"
#include "core/task/task.h"

struct reading {
    struct tm_task *task;
    struct tm_task_stood *stood;
};

static int damaged(struct tm_error *err, const char *part)
{
    return tm_error_set(err, TM_E_CHECKPOINT, "what it has of a task's %s has a wrong size", part);
}

static int grow(struct tm_task *task, struct tm_task_stood *stood, uint32_t count,
                struct tm_error *err)
{
    uint32_t capacity = stood->capacity == 0 ? 8 : stood->capacity;
    while (capacity < count)
        capacity *= 2;
    int64_t *at = capacity == stood->capacity
                      ? stood->at
                      : tm_mem_realloc(&task->mem, stood->at, stood->capacity * sizeof *at,
                                       capacity * sizeof *at);
    if (at == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a task");
    stood->at = at;
    stood->capacity = capacity;
    while (stood->count < count)
        stood->at[stood->count++] = TM_WATERMARK_MIN;
    return 0;
}

static int see_task(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                    struct tm_error *err)
{
    struct reading *reading = arg;
    struct tm_task_stood *stood = reading->stood;
    struct tm__task_record record;
    if (size < sizeof record.watermark || old_subtask >= TM_PARALLELISM_MAX)
        return damaged(err, "time");
    int rc = grow(reading->task, stood, old_subtask + 1, err);
    if (rc == 0)
        memcpy(&stood->at[old_subtask], bytes, sizeof record.watermark);
    return rc;
}

static int count_one(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                     struct tm_error *err)
{
    (void)old_subtask, (void)bytes, (void)size, (void)err;
    ++*(uint32_t *)arg;
    return 0;
}

// Edges that led to the node from one other, and whether each subtask had channels from all of that
// one's.
struct edges {
    const char *from;
    size_t from_length;
    uint32_t producers;
    uint32_t seen, known, told_by_all; // edges: all of them, from there, and such ones
};

static int see_edge(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                    struct tm_error *err)
{
    struct edges *edges = arg;
    struct tm__task_edge_record head;
    (void)old_subtask;
    if (size < sizeof head)
        return damaged(err, "inputs");
    memcpy(&head, bytes, sizeof head);
    size -= sizeof head;
    if (size < head.channels)
        return damaged(err, "inputs");
    const uint8_t *name = (const uint8_t *)bytes + sizeof head + head.channels;
    edges->seen++;
    if (size - head.channels != edges->from_length ||
        memcmp(name, edges->from, edges->from_length) != 0)
        return 0;
    edges->known++;
    edges->told_by_all += head.channels >= edges->producers;
    return 0;
}

// Were all subtasks of the node told the same by those in front of it?
static int are_told_alike(struct tm_task *task, const struct tm_node *node, bool *alike,
                          struct tm_error *err)
{
    const struct tm_restored *restored = task->job->restored;
    const struct tm_node *nodes = task->job->graph->nodes;
    struct tm_restored_for who = {.parallelism = task->ctx.chain->parallelism,
                                  .subtask = task->ctx.subtask};
    uint32_t seen = 0, told = 0;
    int rc = 0;
    for (uint32_t i = 0; i < node->input_count && rc == 0; i++) {
        const struct tm_node *from = &nodes[node->inputs[i]];
        const char *name = tm_restored_was(restored, from->name, NULL);
        struct edges edges = {.from = name, .from_length = strlen(name)};
        char text[TM_TASK_PART_MAX];
        bool twice = false; // a union of a stream with itself
        for (uint32_t k = 0; k < i; k++)
            twice = twice || node->inputs[k] == node->inputs[i];
        who.operator_name = from->name;
        rc = tm_restored_items(restored, &who, tm__task_part(task, from, "watermark", text),
                               count_one, &edges.producers, err);
        who.operator_name = node->name;
        if (rc == 0)
            rc = tm_restored_items(restored, &who, "inputs", see_edge, &edges, err);
        seen = edges.seen;
        told += twice ? 0 : edges.told_by_all;
    }
    *alike = seen != 0 && told == seen;
    return rc;
}

int tm__task_stood_read(struct tm_task *task, const struct tm_node *node,
                        struct tm_task_stood *stood, struct tm_error *err)
{
    const struct tm_restored_for who = {.operator_name = node->name,
                                        .subtask = task->ctx.subtask,
                                        .parallelism = task->ctx.chain->parallelism};
    struct reading reading = {.task = task, .stood = stood};
    bool alike = false;
    *stood = (struct tm_task_stood){.least = TM_WATERMARK_MIN, .most = TM_WATERMARK_MIN};
    int rc = TM_PLANTED(time_not_restored)
                 ? 0
                 : tm_restored_items(task->job->restored, &who, "task", see_task, &reading, err);
    if (rc != 0 || stood->count == 0)
        return rc;
    stood->least = stood->most = stood->at[0];
    for (uint32_t i = 1; i < stood->count; i++) {
        stood->least = stood->at[i] < stood->least ? stood->at[i] : stood->least;
        stood->most = stood->at[i] > stood->most ? stood->at[i] : stood->most;
    }
    if (stood->least == stood->most)
        return 0;
    rc = are_told_alike(task, node, &alike, err);
    for (uint32_t i = 0; i < stood->count && !alike; i++)
        stood->at[i] = stood->least;
    stood->most = alike ? stood->most : stood->least;
    return rc;
}

void tm__task_stood_free(struct tm_task *task, struct tm_task_stood *stood)
{
    tm_mem_free(&task->mem, stood->at, stood->capacity * sizeof *stood->at);
    *stood = (struct tm_task_stood){.least = TM_WATERMARK_MIN, .most = TM_WATERMARK_MIN};
}
