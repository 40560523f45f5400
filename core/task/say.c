// What operators say about rows that have not failed: a warning once, and the rows of peek.
#include "core/format/format.h"
#include "core/task/task.h"

// In the counter of a node, beside how often it has warned: it has informed.
static const uint64_t informed = UINT64_C(1) << 63;

// How often this node has said something before, in all its subtasks.
static uint64_t times_said(const struct tm_job *job, const struct tm_node *node)
{
    // relaxed: only who says it is decided, nothing is handed over
    return atomic_fetch_add_explicit(&job->said[node->id], 1, memory_order_relaxed) & ~informed;
}

void tm_task_warn(struct tm_task_context *ctx, const struct tm_node *node, const char *message)
{
    tm_log_write(ctx->task->job->log, TM_LOG_WARN, "%s '%s': %s",
                 node->kind == TM_NODE_SOURCE ? "source" : "operator", node->name, message);
}

void tm_task_warn_once(struct tm_task_context *ctx, const struct tm_node *node, const char *message)
{
    if (times_said(ctx->task->job, node) == 0)
        tm_task_warn(ctx, node, message);
}

void tm_task_inform(struct tm_task_context *ctx, const struct tm_node *node, const char *message)
{
    tm_log_write(ctx->task->job->log, TM_LOG_INFO, "%s '%s': %s",
                 node->kind == TM_NODE_SOURCE ? "source" : "operator", node->name, message);
}

void tm_task_inform_once(struct tm_task_context *ctx, const struct tm_node *node,
                         const char *message)
{
    _Atomic uint64_t *said = &ctx->task->job->said[node->id];
    // relaxed: only who says it is decided, nothing is handed over
    if ((atomic_fetch_or_explicit(said, informed, memory_order_relaxed) & informed) == 0)
        tm_task_inform(ctx, node, message);
}

int tm_task_show_row(struct tm_task_context *ctx, const struct tm_node *node,
                     const struct tm_schema *schema, const struct tm_row *row, uint64_t limit)
{
    struct tm_job *job = ctx->task->job;
    uint64_t before = times_said(job, node);
    struct tm_buf text;
    if (before == limit)
        tm_log_write(job->log, TM_LOG_INFO, "%s: no more rows are shown (limit = %llu)", node->name,
                     (unsigned long long)limit);
    if (before >= limit)
        return 0;
    tm_buf_init(&text, ctx->mem);
    int rc = tm_format_row_json(&text, schema, row, NULL);
    if (rc == 0)
        tm_log_write(job->log, TM_LOG_INFO, "%s: %.*s", node->name, (int)text.size_bytes,
                     (const char *)text.data);
    tm_buf_fini(&text);
    return rc == 0 ? 1 : rc;
}
