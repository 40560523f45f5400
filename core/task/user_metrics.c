// Slots of user metrics: made with the job, filled by generated code, summed for reports.
#include "core/task/user_metrics.h"

#include <string.h>

#include "core/task/task.h"
#include "core/vm/chain.ffi.h"

static size_t slots_bytes(const struct tm_job *job)
{
    return job->graph->metric_count * sizeof(struct tm_metric_slot);
}

// A window and the functions behind it are one operator, and in one task: they have one set.
static struct tm_metric_slot **slots_of(const struct tm_job *job, uint32_t node, uint32_t subtask)
{
    return &job->slots[job->graph->nodes[node].whole * job->metrics_stride + subtask];
}

// Apart for each subtask: a slot is written for every row, and lines that two threads write are
// slow.
int tm__user_metrics_make(struct tm_job *job)
{
    const struct tm_graph *graph = job->graph;
    if (graph->metric_count == 0)
        return 0;
    size_t count = (size_t)graph->node_count * job->metrics_stride;
    job->slots = tm_mem_zalloc(job->mem, count * sizeof *job->slots);
    if (job->slots == NULL)
        return TM_E_MEMORY;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        uint32_t subtasks =
            tm_node_has_functions(&graph->nodes[n]) ? tm_job_node_parallelism(job, n) : 0;
        for (uint32_t s = 0; s < subtasks; s++) {
            struct tm_metric_slot **slots = slots_of(job, n, s);
            if (*slots == NULL && (*slots = tm_mem_zalloc(job->mem, slots_bytes(job))) == NULL)
                return TM_E_MEMORY;
        }
    }
    return 0;
}

enum { BUCKETS_BYTES = TM_HISTOGRAM_BUCKETS * sizeof(uint64_t) };

void tm__user_metrics_free(struct tm_job *job)
{
    if (job->slots == NULL)
        return;
    size_t count = (size_t)job->graph->node_count * job->metrics_stride;
    for (size_t i = 0; i < count; i++) {
        struct tm_metric_slot *slots = job->slots[i];
        if (slots == NULL)
            continue;
        for (uint32_t m = 0; m < job->graph->metric_count; m++)
            if (slots[m].buckets != NULL)
                tm_mem_free(job->mem, slots[m].buckets, BUCKETS_BYTES);
        tm_mem_free(job->mem, slots, slots_bytes(job));
    }
    tm_mem_free(job->mem, job->slots, count * sizeof *job->slots);
}

struct tm_metric_slot *tm_task_slots(struct tm_task_context *ctx, uint32_t node)
{
    const struct tm_job *job = ctx->task->job;
    return job->slots == NULL ? NULL : *slots_of(job, node, ctx->subtask);
}

int tm_task_buckets(struct tm_task_context *ctx, struct tm_metric_slot *slot)
{
    uint64_t *buckets = tm_mem_zalloc(ctx->shared_mem, BUCKETS_BYTES);
    if (buckets == NULL)
        return TM_E_MEMORY;
    // With the acquire in add_buckets: the zeros are there before the pointer.
    __atomic_store_n(&slot->buckets, buckets, __ATOMIC_RELEASE);
    slot->is_set = 1;
    return 0;
}

// --- sums ----------------------------------------------------------------------------------------

// Generated code stores a double whole, and no order with other stores is needed.
static double load(const double *value)
{
    uint64_t bits = __atomic_load_n((const uint64_t *)(const void *)value, __ATOMIC_RELAXED);
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static bool add_buckets(struct tm_histogram *h, const struct tm_metric_slot *slot)
{
    const uint64_t *buckets = __atomic_load_n(&slot->buckets, __ATOMIC_ACQUIRE);
    if (buckets == NULL)
        return false;
    for (uint32_t i = 0; i < TM_HISTOGRAM_BUCKETS; i++) {
        uint64_t n = __atomic_load_n(&buckets[i], __ATOMIC_RELAXED);
        h->buckets[i] += n;
        h->count += n;
    }
    h->sum += load(&slot->sum);
    uint64_t most = (uint64_t)load(&slot->value);
    if (most > h->max)
        h->max = most;
    return h->count != 0;
}

static bool add_slot(int kind, const struct tm_metric_slot *slot, struct tm_user_metric_sum *sum)
{
    if (kind == TM_METRIC_HISTOGRAM)
        return add_buckets(&sum->histogram, slot);
    double value = load(&slot->value);
    if (kind == TM_METRIC_COUNTER ? value == 0
                                  : __atomic_load_n(&slot->is_set, __ATOMIC_RELAXED) == 0)
        return false;
    if (sum->subtasks == 0 || value < sum->least)
        sum->least = value;
    if (sum->subtasks == 0 || value > sum->most)
        sum->most = value;
    sum->value += value;
    return true;
}

bool tm_job_user_metric(const struct tm_job *job, uint32_t node, uint32_t metric,
                        struct tm_user_metric_sum *sum)
{
    memset(sum, 0, sizeof *sum);
    if (job->slots == NULL || job->graph->nodes[node].whole != node)
        return false;
    for (uint32_t s = 0; s < tm_job_node_parallelism(job, node); s++) {
        const struct tm_metric_slot *slots = *slots_of(job, node, s);
        if (slots != NULL && add_slot(job->graph->metrics[metric].kind, &slots[metric], sum))
            sum->subtasks++;
    }
    return sum->subtasks != 0;
}
