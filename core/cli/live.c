// Live lines on a terminal: what each operator does right now, drawn over themselves.
#include <inttypes.h>
#include <stdio.h>

#include "core/base/text.h"
#include "core/cli/report.h"
#include "core/task/task.h"

struct tm_live {
    struct tm_job *job;
    struct tm_operator_sums *before;
    uint64_t *blocked_before; // per task, ns
    int64_t drawn_ns;
    uint32_t lines; // on the screen now
};

struct tm_live *tm_live_new(struct tm_job *job)
{
    struct tm_live *live = tm_mem_zalloc(job->mem, sizeof *live);
    if (live == NULL)
        return NULL;
    live->job = job;
    live->before = tm_mem_zalloc(job->mem, job->graph->node_count * sizeof *live->before);
    live->blocked_before = tm_mem_zalloc(job->mem, job->task_count * sizeof *live->blocked_before);
    if (live->before == NULL || live->blocked_before == NULL) {
        tm_live_free(live);
        return NULL;
    }
    return live;
}

void tm_live_free(struct tm_live *live)
{
    struct tm_job *job = live->job;
    tm_mem_free(job->mem, live->before, job->graph->node_count * sizeof *live->before);
    tm_mem_free(job->mem, live->blocked_before, job->task_count * sizeof *live->blocked_before);
    tm_mem_free(job->mem, live, sizeof *live);
}

void tm_live_clear(struct tm_live *live)
{
    if (live->lines != 0)
        fprintf(stderr, "\033[%uA\033[J", live->lines);
    live->lines = 0;
    fflush(stderr);
}

// Share of the interval that the tasks of a node's chain were held back by their outputs, in
// percent.
static double blocked_share(struct tm_live *live, uint32_t node, double interval_ns)
{
    struct tm_job *job = live->job;
    uint64_t blocked = 0;
    uint32_t tasks = 0;
    for (uint32_t t = 0; t < job->task_count; t++) {
        const struct tm_chain *chain = job->tasks[t].ctx.chain;
        bool mine = false;
        for (uint32_t i = 0; i < chain->node_count; i++)
            mine = mine || chain->nodes[i] == node;
        if (!mine)
            continue;
        blocked += atomic_load_explicit(&job->tasks[t].blocked_ns, memory_order_relaxed) -
                   live->blocked_before[t];
        tasks++;
    }
    double share = tasks == 0 ? 0 : 100.0 * (double)blocked / (interval_ns * tasks);
    return share > 100 ? 100 : share;
}

static void draw_operator(struct tm_live *live, uint32_t n, double interval_ns, int64_t now_ms)
{
    struct tm_job *job = live->job;
    struct tm_operator_sums now, *before = &live->before[n];
    tm_report_sums(job, n, &now);
    char in[32], out[32], lag[32] = "-";
    tm_text_count((int64_t)((double)(now.rows_in - before->rows_in) * 1e9 / interval_ns), in);
    tm_text_count((int64_t)((double)(now.rows_out - before->rows_out) * 1e9 / interval_ns), out);
    if (now.watermark > 0 && now.watermark < TM_INT_MAX)
        tm_text_duration(now_ms - now.watermark, lag);
    double busy = 100.0 * (double)(now.busy_ns - before->busy_ns) /
                  (interval_ns * (double)tm_job_node_parallelism(job, n));
    fprintf(stderr,
            "%-28.28s %13s/s in %13s/s out  lag %-9s late %" PRIu64 "  errors %" PRIu64
            "  busy %3.0f%%  held %3.0f%%\n",
            job->graph->nodes[n].name, in, out, lag, now.late, now.skipped + now.dead_lettered,
            busy, blocked_share(live, n, interval_ns));
    *before = now;
}

void tm_live_draw(struct tm_live *live, int64_t now_ns, int64_t now_ms)
{
    struct tm_job *job = live->job;
    tm_live_clear(live);
    double interval_ns = live->drawn_ns == 0 ? 1e9 : (double)(now_ns - live->drawn_ns);
    live->drawn_ns = now_ns;
    for (uint32_t n = 0; n < job->graph->node_count; n++)
        draw_operator(live, n, interval_ns, now_ms);
    for (uint32_t t = 0; t < job->task_count; t++)
        live->blocked_before[t] =
            atomic_load_explicit(&job->tasks[t].blocked_ns, memory_order_relaxed);
    live->lines = job->graph->node_count;
    fflush(stderr);
}
