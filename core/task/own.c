// What a subtask may go on with as its own, of what was saved by the one of its number before.
#include "core/checkpoint/restored.h"
#include "core/graph/plan.h"
#include "core/task/operator.h"

// Splits are dealt anew: what a subtask reads now, or is sent by one that reads, another may have
// read before, and not as far. So what it had come to by itself says nothing of it.
bool tm_task_has_own_input(const struct tm_task_context *ctx)
{
    for (uint32_t i = 0; i < ctx->chain->input_count; i++)
        if (ctx->plan->edges[ctx->chain->inputs[i]].partition == TM_PARTITION_FORWARD)
            return false;
    return ctx->chain->input_count != 0;
}

bool tm_task_has_own_keys(const struct tm_task_context *ctx, const struct tm_restored *restored,
                          uint32_t parallelism)
{
    uint32_t groups = tm_restored_max_parallelism(restored);
    return parallelism == ctx->chain->parallelism &&
           (groups == 0 || groups == ctx->plan->max_parallelism);
}

bool tm_task_has_own_past(const struct tm_task_context *ctx, const struct tm_restored *restored,
                          uint32_t parallelism)
{
    return tm_task_has_own_keys(ctx, restored, parallelism) && tm_task_has_own_input(ctx);
}
