// Adding up what the subtasks of an operator have counted; a window's functions are a part of it.
#include "core/task/sums.h"

#include "core/task/task.h"

static void add_node(struct tm_job *job, uint32_t node, struct tm_operator_sums *sums)
{
    uint32_t parallelism = tm_job_node_parallelism(job, node);
    *sums = (struct tm_operator_sums){.watermark = TM_WATERMARK_MAX};
    for (uint32_t s = 0; s < parallelism; s++) {
        struct tm_node_metrics *m = tm_job_metrics(job, node, s);
#define ADD(field) sums->field += atomic_load_explicit(&m->field, memory_order_relaxed)
        ADD(rows_in);
        ADD(rows_out);
        ADD(used);
        ADD(filtered);
        ADD(late);
        ADD(skipped);
        ADD(dead_lettered);
        ADD(failed_timers);
        ADD(failed_firings);
        ADD(failed_keys);
        ADD(bytes_in);
        ADD(bytes_out);
        ADD(strange);
        ADD(busy_ns);
#undef ADD
        int64_t watermark = atomic_load_explicit(&m->watermark, memory_order_relaxed);
        if (watermark < sums->watermark)
            sums->watermark = watermark;
    }
    if (parallelism == 0)
        sums->watermark = TM_WATERMARK_MIN;
}

static void add_part(const struct tm_operator_sums *part, struct tm_operator_sums *sums)
{
    sums->rows_out = part->rows_out;
    sums->bytes_out = part->bytes_out;
    sums->failed_timers += part->failed_timers;
    sums->failed_firings += part->failed_firings + part->skipped + part->dead_lettered;
    sums->failed_keys += part->failed_keys;
    sums->busy_ns += part->busy_ns;
}

bool tm_job_sums(struct tm_job *job, uint32_t node, struct tm_operator_sums *sums)
{
    const struct tm_node *nodes = job->graph->nodes;
    *sums = (struct tm_operator_sums){.watermark = TM_WATERMARK_MIN};
    if (nodes[node].whole != node)
        return false;
    add_node(job, node, sums);
    if (nodes[node].kind != TM_NODE_WINDOW)
        return true;
    for (uint32_t n = node + 1; n < job->graph->node_count; n++) { // parts come behind their window
        struct tm_operator_sums part;
        if (nodes[n].whole != node)
            continue;
        add_node(job, n, &part);
        add_part(&part, sums);
    }
    return true;
}
