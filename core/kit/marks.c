// How far event time is at an operator, also where no row has come yet.
#include "core/kit/kit_private.h"
#include "core/task/task.h"

// The position of the operator's node in the chain; UINT32_MAX: it is not there.
static uint32_t position(const struct tm_chain *chain, uint32_t node)
{
    for (uint32_t i = 0; i < chain->node_count; i++)
        if (chain->nodes[i] == node)
            return i;
    return UINT32_MAX;
}

// In a chain that begins with a source: what the last watermark operator up to there has sent on.
static int64_t behind_source(const struct tm_kit *kit, const struct tm_task *task, uint32_t at)
{
    const struct tm_chain *chain = task->ctx.chain;
    for (uint32_t i = at + 1; i > 0; i--) {
        const struct tm_node *node = &kit->drive.graph->nodes[chain->nodes[i - 1]];
        if (node->kind != TM_NODE_WATERMARK)
            continue;
        if (!kit->args.job_watermarks)
            return kit->ends[chain->nodes[0]].watermark;
        return tm_job_metrics(kit->drive.job, node->id, task->ctx.subtask)->watermark;
    }
    return task->source_max_sent ? TM_WATERMARK_MAX : TM_WATERMARK_MIN;
}

int64_t tm_kit_watermark_of(const struct tm_kit *kit, uint32_t node)
{
    int64_t watermark = TM_WATERMARK_MAX;
    const struct tm_job *job = kit->drive.job;
    for (uint32_t t = 0; t < job->task_count; t++) {
        const struct tm_task *task = &job->tasks[t];
        uint32_t at = position(task->ctx.chain, node);
        if (at == UINT32_MAX)
            continue;
        int64_t own = task->source != NULL ? behind_source(kit, task, at)
                      : task->gate != NULL ? tm_gate_watermark(task->gate)
                                           : TM_WATERMARK_MIN;
        watermark = own < watermark ? own : watermark;
    }
    return watermark;
}
