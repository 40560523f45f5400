// The report of a running job as Prometheus reads it.
#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/cli/report.h"
#include "core/cli/restarts.h"
#include "core/cli/supervisor.h"
#include "core/cluster/prometheus.h"
#include "core/task/task.h"
#include "core/task/user_metrics.h"

struct family {
    const char *name, *type, *help;
    double (*value)(const struct tm_operator_sums *sums);
};

#define COUNTER(field)                                         \
    static double field##_of(const struct tm_operator_sums *s) \
    {                                                          \
        return (double)s->field;                               \
    }
COUNTER(rows_in)
COUNTER(rows_out)
COUNTER(used)
COUNTER(filtered)
COUNTER(late)
COUNTER(skipped)
COUNTER(dead_lettered)
COUNTER(failed_timers)
COUNTER(failed_firings)
COUNTER(failed_keys)
COUNTER(bytes_in)
COUNTER(bytes_out)
COUNTER(strange)
#undef COUNTER

static double busy_of(const struct tm_operator_sums *s)
{
    return (double)s->busy_ns / 1e9;
}

static double watermark_of(const struct tm_operator_sums *s)
{
    return s->watermark <= -TM_INT_MAX || s->watermark >= TM_INT_MAX ? NAN
                                                                     : (double)s->watermark / 1e3;
}

static const struct family families[] = {
    {"tidemill_operator_rows_in_total", "counter", "Rows that came in; of a source, records read.",
     rows_in_of},
    {"tidemill_operator_rows_out_total", "counter", "Rows that went out.", rows_out_of},
    {"tidemill_operator_rows_used_total", "counter", "Rows that the operator has worked on.",
     used_of},
    {"tidemill_operator_rows_filtered_total", "counter", "Rows that a filter left out.",
     filtered_of},
    {"tidemill_operator_rows_late_total", "counter", "Rows that came too late for their window.",
     late_of},
    {"tidemill_operator_rows_skipped_total", "counter", "Rows that failed and were skipped.",
     skipped_of},
    {"tidemill_operator_rows_dead_lettered_total", "counter",
     "Rows that failed and went to the dead letters.", dead_lettered_of},
    {"tidemill_operator_failed_timers_total", "counter", "Timers whose function failed.",
     failed_timers_of},
    {"tidemill_operator_failed_firings_total", "counter",
     "Firings of windows that gave no row because a function failed.", failed_firings_of},
    {"tidemill_operator_failed_keys_total", "counter",
     "Keys for which the function of a pass over all keys failed.", failed_keys_of},
    {"tidemill_operator_bytes_in_total", "counter", "Bytes that a source has read.", bytes_in_of},
    {"tidemill_operator_bytes_out_total", "counter", "Bytes that a sink has written.",
     bytes_out_of},
    {"tidemill_operator_unknown_fields_total", "counter",
     "Records of a source with fields that its inferred schema does not have.", strange_of},
    {"tidemill_operator_busy_seconds_total", "counter", "Time spent in the operator.", busy_of},
    {"tidemill_operator_watermark_seconds", "gauge",
     "The least watermark of the subtasks, in seconds since 1970; NaN: none.", watermark_of},
};

static void put_operators(struct tm_prometheus *p, struct tm_job *job)
{
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        tm_prometheus_family(p, families[f].name, families[f].type, families[f].help);
        for (uint32_t n = 0; n < job->graph->node_count; n++) {
            struct tm_operator_sums sums;
            if (!tm_job_sums(job, n, &sums))
                continue;
            const struct tm_prometheus_label labels[] = {{"job", job->graph->name},
                                                         {"operator", job->graph->nodes[n].name}};
            tm_prometheus_sample(p, families[f].name, "", labels, 2, families[f].value(&sums));
        }
    }
    static const char parallelism[] = "tidemill_operator_parallelism";
    tm_prometheus_family(p, parallelism, "gauge", "Subtasks of the operator.");
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_prometheus_label labels[] = {{"job", job->graph->name},
                                                     {"operator", job->graph->nodes[n].name}};
        if (job->graph->nodes[n].whole == n)
            tm_prometheus_sample(p, parallelism, "", labels, 2, tm_job_node_parallelism(job, n));
    }
}

// How long the tasks of a chain were held back by their outputs, under its last operator's name.
static void put_blocked(struct tm_prometheus *p, struct tm_job *job)
{
    static const char name[] = "tidemill_chain_blocked_seconds_total";
    tm_prometheus_family(p, name, "counter",
                         "Time in which the outputs of a chain of operators took nothing.");
    for (uint32_t c = 0; c < job->plan->chain_count; c++) {
        const struct tm_chain *chain = &job->plan->chains[c];
        uint64_t blocked = 0;
        for (uint32_t s = 0; s < chain->parallelism; s++)
            blocked += atomic_load_explicit(&job->tasks[job->first_task[c] + s].blocked_ns,
                                            memory_order_relaxed);
        const struct tm_prometheus_label labels[] = {
            {"job", job->graph->name},
            {"operator", job->graph->nodes[chain->nodes[chain->node_count - 1]].name}};
        tm_prometheus_sample(p, name, "", labels, 2, (double)blocked / 1e9);
    }
}

static void put_edges(struct tm_prometheus *p, struct tm_job *job, bool received)
{
    const char *name =
        received ? "tidemill_edge_rows_received_total" : "tidemill_edge_rows_sent_total";
    tm_prometheus_family(p, name, "counter",
                         received ? "Rows that have arrived on an edge between tasks."
                                  : "Rows that were sent on an edge between tasks.");
    for (uint32_t e = 0; e < job->plan->edge_count; e++) {
        const struct tm_edge *edge = &job->plan->edges[e];
        uint64_t sent, arrived;
        char number[16];
        tm_report_edge_rows(job, e, &sent, &arrived);
        snprintf(number, sizeof number, "%u", e);
        const struct tm_prometheus_label labels[] = {
            {"job", job->graph->name},
            {"from", job->graph->nodes[edge->from_node].name},
            {"to", job->graph->nodes[edge->to_node].name},
            {"edge", number},
            {"dead_letters", edge->dead_letter ? "true" : "false"}};
        tm_prometheus_sample(p, name, "", labels, 5, (double)(received ? arrived : sent));
    }
}

static void put_one(struct tm_prometheus *p, const struct tm_job *job, const char *name,
                    const char *type, const char *help, double value)
{
    const struct tm_prometheus_label labels[] = {{"job", job->graph->name}};
    tm_prometheus_family(p, name, type, help);
    tm_prometheus_sample(p, name, "", labels, 1, value);
}

static void put_checkpoints(struct tm_prometheus *p, const struct tm_report *report)
{
    const struct tm_keeper_figures *figures = report->checkpoints;
    const struct tm_job *job = report->job;
    if (figures == NULL)
        return;
    put_one(p, job, "tidemill_checkpoints_completed_total", "counter",
            "Checkpoints that were taken, and savepoints.", (double)figures->completed);
    put_one(p, job, "tidemill_checkpoints_failed_total", "counter",
            "Checkpoints that were begun and not taken.", (double)figures->failed);
    if (figures->completed == 0)
        return;
    int64_t age_ms = tm_fx_wall_ms(job->fx) - figures->completed_ms;
    put_one(p, job, "tidemill_checkpoint_last_number", "gauge", "The newest checkpoint.",
            (double)figures->checkpoint);
    put_one(p, job, "tidemill_checkpoint_last_age_seconds", "gauge",
            "Time since the newest checkpoint was complete.",
            age_ms > 0 ? (double)age_ms / 1e3 : 0);
    put_one(p, job, "tidemill_checkpoint_last_duration_seconds", "gauge",
            "Time from the begin of the newest checkpoint until it was complete.",
            (double)figures->duration_ms / 1e3);
    put_one(p, job, "tidemill_checkpoint_last_bytes", "gauge",
            "Bytes that the newest checkpoint has written.", (double)figures->bytes);
}

// --- metrics of user code ------------------------------------------------------------------------

// Two names may become one; then the later one has its number behind it.
static const char *name_user_metric(const struct tm_graph *graph, uint32_t m,
                                    char text[TM_PROMETHEUS_NAME_MAX])
{
    char other[TM_PROMETHEUS_NAME_MAX], number[24];
    const char *suffix = graph->metrics[m].kind == TM_METRIC_COUNTER ? "_total" : "";
    tm_prometheus_name("tidemill_user_", graph->metrics[m].name, suffix, text);
    for (uint32_t i = 0; i < m; i++) {
        const char *its = graph->metrics[i].kind == TM_METRIC_COUNTER ? "_total" : "";
        tm_prometheus_name("tidemill_user_", graph->metrics[i].name, its, other);
        if (strcmp(text, other) == 0) {
            snprintf(number, sizeof number, "_%u%s", m, suffix);
            tm_prometheus_name("tidemill_user_", graph->metrics[m].name, number, text);
            break;
        }
    }
    return text;
}

static void put_user_samples(struct tm_prometheus *p, const char *name,
                             const struct tm_prometheus_label labels[2], uint8_t kind,
                             const struct tm_user_metric_sum *sum)
{
    static const struct {
        const char *text;
        double q;
    } quantiles[] = {{"0.5", 0.5}, {"0.9", 0.9}, {"0.99", 0.99}};
    if (kind != TM_METRIC_HISTOGRAM) {
        tm_prometheus_sample(p, name, "", labels, 2, sum->value);
        return;
    }
    for (size_t q = 0; q < sizeof quantiles / sizeof quantiles[0]; q++) {
        const struct tm_prometheus_label with[] = {
            labels[0], labels[1], {"quantile", quantiles[q].text}};
        uint64_t value = tm_histogram_quantile(&sum->histogram, quantiles[q].q);
        tm_prometheus_sample(p, name, "", with, 3, sum->histogram.count == 0 ? NAN : (double)value);
    }
    tm_prometheus_sample(p, name, "_sum", labels, 2, sum->histogram.sum);
    tm_prometheus_sample(p, name, "_count", labels, 2, (double)sum->histogram.count);
}

static void put_user_metrics(struct tm_prometheus *p, struct tm_job *job)
{
    static struct tm_user_metric_sum sum; // 16 KB; reports are of one thread
    const struct tm_graph *graph = job->graph;
    char name[TM_PROMETHEUS_NAME_MAX], help[600];
    for (uint32_t m = 0; m < graph->metric_count; m++) {
        const struct tm_user_metric *metric = &graph->metrics[m];
        snprintf(help, sizeof help, "%s%s%s%s", metric->description,
                 metric->unit[0] != '\0' ? " [" : "", metric->unit,
                 metric->unit[0] != '\0' ? "]" : "");
        tm_prometheus_family(p, name_user_metric(graph, m, name),
                             metric->kind == TM_METRIC_COUNTER ? "counter"
                             : metric->kind == TM_METRIC_GAUGE ? "gauge"
                                                               : "summary",
                             help[0] != '\0' ? help : metric->name);
        for (uint32_t n = 0; n < graph->node_count; n++) {
            const struct tm_prometheus_label labels[] = {{"job", graph->name},
                                                         {"operator", graph->nodes[n].name}};
            if (tm_job_user_metric(job, n, m, &sum))
                put_user_samples(p, name, labels, metric->kind, &sum);
        }
    }
}

int tm_report_put_prometheus(const struct tm_report *report, const char *state,
                             int64_t memory_bytes, struct tm_buf *out)
{
    struct tm_prometheus p = {.out = out};
    struct tm_job *job = report->job;
    const struct tm_prometheus_label info[] = {
        {"job", job->graph->name}, {"version", TM_VERSION}, {"state", state}};
    tm_prometheus_family(&p, "tidemill_job_info", "gauge",
                         "The job, the version of tidemill and what the job does now; always 1.");
    tm_prometheus_sample(&p, "tidemill_job_info", "", info, 3, 1);
    put_one(&p, job, "tidemill_job_uptime_seconds", "gauge", "Time since the job began.",
            (double)report->wall_ns / 1e9);
    put_one(&p, job, "tidemill_job_memory_bytes", "gauge",
            "Memory that the job has taken from its account.", (double)memory_bytes);
    put_one(&p, job, "tidemill_job_restarts_total", "counter",
            "Attempts that failed and were followed by another.", (double)report->restarts->count);
    if (report->supervised != NULL) {
        put_one(&p, job, "tidemill_job_crashes_total", "counter", "Worker processes that crashed.",
                (double)report->supervised->figures.crashes);
        put_one(&p, job, "tidemill_job_hangs_total", "counter",
                "Worker processes that hung and were ended.",
                (double)report->supervised->figures.hangs);
    }
    put_operators(&p, job);
    put_blocked(&p, job);
    put_edges(&p, job, false);
    put_edges(&p, job, true);
    tm__report_put_told(&p, report);
    put_checkpoints(&p, report);
    put_user_metrics(&p, job);
    return p.rc;
}
