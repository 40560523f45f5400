// Figures that only an operator's own thread knows: at the end of the job what it has left behind,
// while it runs what the workers have told.
#include "core/cli/report.h"

#include <stdlib.h>

#include "core/task/task.h"

static void add_kept(struct tm_kept *sum, const struct tm_kept *one)
{
    sum->keys += one->keys;
    sum->timers += one->timers;
    sum->state_bytes += one->state_bytes;
    sum->timer_bytes += one->timer_bytes;
    sum->is_rough = sum->is_rough || one->is_rough;
}

static void add_waiting(struct tm_waiting *sum, const struct tm_waiting *one)
{
    sum->windows += one->windows;
    sum->event_timers += one->event_timers;
    sum->processing_timers += one->processing_timers;
    sum->is_rough = sum->is_rough || one->is_rough;
}

// The next that the workers have told of the node, from *worker and *at on; NULL: there is none.
static const struct tm_told_operator *next_told(const struct tm_report *report, uint32_t node,
                                                uint32_t *worker, uint32_t *at)
{
    for (; *worker < report->told_count; (*worker)++, *at = 0) {
        const struct tm_told *told = report->told[*worker];
        while (told != NULL && *at < told->operator_count) {
            const struct tm_told_operator *op = &told->operators[(*at)++];
            if (op->node == node)
                return op;
        }
    }
    return NULL;
}

struct tm_kept tm_report_kept(const struct tm_report *report, uint32_t node)
{
    struct tm_kept sum = {0};
    uint32_t worker = 0, at = 0;
    const struct tm_told_operator *op;
    while ((op = next_told(report, node, &worker, &at)) != NULL)
        add_kept(&sum, &op->kept);
    for (uint32_t s = 0; report->told == NULL && s < tm_job_node_parallelism(report->job, node);
         s++)
        add_kept(&sum, tm_job_kept(report->job, node, s));
    return sum;
}

int64_t tm_report_kept_share(const struct tm_report *report, uint32_t node, uint32_t state)
{
    int64_t bytes = 0;
    uint32_t worker = 0, at = 0;
    const struct tm_told_operator *op;
    while ((op = next_told(report, node, &worker, &at)) != NULL)
        bytes += op->kept.states == NULL ? 0 : (int64_t)op->kept.states[state].bytes;
    for (uint32_t s = 0; report->told == NULL && s < tm_job_node_parallelism(report->job, node);
         s++) {
        const struct tm_kept *one = tm_job_kept(report->job, node, s);
        bytes += one->states == NULL ? 0 : (int64_t)one->states[state].bytes;
    }
    return bytes;
}

struct tm_waiting tm_report_waiting(const struct tm_report *report, uint32_t node)
{
    struct tm_waiting sum = {0};
    uint32_t worker = 0, at = 0;
    const struct tm_told_operator *op;
    while ((op = next_told(report, node, &worker, &at)) != NULL)
        add_waiting(&sum, &op->waiting);
    for (uint32_t s = 0; report->told == NULL && s < tm_job_node_parallelism(report->job, node);
         s++)
        add_waiting(&sum, tm_job_waiting(report->job, node, s));
    return sum;
}

static bool is_sink(const struct tm_task *task, uint32_t node)
{
    const struct tm_chain *chain = task->ctx.chain;
    return node == TM_REPORT_ALL || chain->nodes[chain->node_count - 1] == node;
}

struct tm_histogram *tm_report_latency(const struct tm_report *report, uint32_t node)
{
    struct tm_histogram *all = calloc(1, sizeof *all);
    const struct tm_job *job = report->job;
    for (uint32_t w = 0; all != NULL && w < report->told_count; w++) {
        const struct tm_told *told = report->told[w];
        for (uint32_t i = 0; told != NULL && i < told->latency_count; i++)
            if (node == TM_REPORT_ALL || told->latencies[i].node == node)
                tm_histogram_merge(all, &told->latencies[i].histogram);
    }
    for (uint32_t t = 0; all != NULL && report->told == NULL && t < job->task_count; t++)
        if (job->tasks[t].latency != NULL && is_sink(&job->tasks[t], node))
            tm_histogram_merge(all, job->tasks[t].latency);
    return all;
}

// --- errors --------------------------------------------------------------------------------------

// One kind of errors of one task: merged, the first and the last of all by the clock.
static void add_kind(struct tm_report_errors *errors, const struct tm_report_error *one)
{
    uint32_t i = 0;
    while (i < errors->count &&
           (errors->items[i].node != one->node || errors->items[i].code != one->code))
        i++;
    if (i == TM_REPORT_ERRORS_MAX)
        return;
    struct tm_report_error *sum = &errors->items[i];
    if (i == errors->count) {
        *sum = *one;
        errors->count++;
        return;
    }
    sum->count += one->count;
    if (one->first_ms < sum->first_ms) {
        sum->first_ms = one->first_ms;
        sum->first = one->first;
    }
    if (one->last_ms > sum->last_ms) {
        sum->last_ms = one->last_ms;
        sum->last = one->last;
        sum->last_kind = one->last_kind;
    }
}

void tm_report_merge_errors(const struct tm_report *report, struct tm_report_errors *errors)
{
    const struct tm_job *job = report->job;
    errors->count = 0;
    for (uint32_t w = 0; w < report->told_count; w++) {
        const struct tm_told *told = report->told[w];
        for (uint32_t i = 0; told != NULL && i < told->kind_count; i++) {
            const struct tm_told_kind *k = &told->kinds[i];
            add_kind(errors, &(struct tm_report_error){k->node, k->code, k->count, k->first_ms,
                                                       k->last_ms, &k->first, &k->last, NULL});
        }
    }
    for (uint32_t t = 0; report->told == NULL && t < job->task_count; t++)
        for (uint32_t i = 0; i < job->failures[t].kind_count; i++) {
            const struct tm_failure_kind *k = &job->failures[t].kinds[i];
            add_kind(errors, &(struct tm_report_error){k->node, k->code, k->count, k->first_ms,
                                                       k->last_ms, &k->first, NULL, k});
        }
}

bool tm_report_last_error(const struct tm_report *report, const struct tm_report_error *error,
                          struct tm_error *last)
{
    if (error->last == NULL)
        return tm_task_failure_last(report->job, error->last_kind, last) == 0;
    *last = *error->last;
    return true;
}
