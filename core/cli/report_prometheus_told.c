// What workers have told of a running job as Prometheus reads it: memory, what has not fired,
// errors, latency.
#include <stdio.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/cli/report.h"
#include "core/cluster/prometheus.h"

static const char *name_of(const struct tm_report *report, uint32_t node)
{
    return report->job->graph->nodes[node].name;
}

// --- memory --------------------------------------------------------------------------------------

struct kept_family {
    const char *name, *help;
    double (*value)(const struct tm_kept *kept);
};

static double state_bytes(const struct tm_kept *kept)
{
    return (double)kept->state_bytes;
}

static double keys(const struct tm_kept *kept)
{
    return (double)kept->keys;
}

static double timer_bytes(const struct tm_kept *kept)
{
    return (double)kept->timer_bytes;
}

static double timers(const struct tm_kept *kept)
{
    return (double)kept->timers;
}

static void put_kept(struct tm_prometheus *p, const struct tm_report *report)
{
    static const struct kept_family families[] = {
        {"tidemill_operator_state_bytes", "Memory that the operator's state takes.", state_bytes},
        {"tidemill_operator_keys", "Keys that the operator keeps something of.", keys},
        {"tidemill_operator_timer_bytes", "Memory that the operator's timers take.", timer_bytes},
        {"tidemill_operator_timers", "Timers of the operator.", timers},
    };
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        tm_prometheus_family(p, families[f].name, "gauge", families[f].help);
        for (uint32_t n = 0; n < report->job->graph->node_count; n++) {
            const struct tm_kept kept = tm_report_kept_whole(report, n);
            const struct tm_prometheus_label labels[] = {{"job", report->job->graph->name},
                                                         {"operator", name_of(report, n)}};
            if (kept.state_bytes != 0 || kept.timer_bytes != 0)
                tm_prometheus_sample(p, families[f].name, "", labels, 2, families[f].value(&kept));
        }
    }
}

static void put_states(struct tm_prometheus *p, const struct tm_report *report)
{
    static const char family[] = "tidemill_state_bytes";
    tm_prometheus_family(p, family, "gauge",
                         "What the values of a state take, from some of its keys.");
    for (uint32_t n = 0; n < report->job->graph->node_count; n++) {
        struct tm_report_place at = {.node = n};
        const char *state;
        int64_t bytes;
        while (tm_report_next_state(report, n, &at, &state, &bytes)) {
            const struct tm_prometheus_label labels[] = {{"job", report->job->graph->name},
                                                         {"operator", name_of(report, n)},
                                                         {"state", state}};
            tm_prometheus_sample(p, family, "", labels, 3, (double)bytes);
        }
    }
}

// --- what has not fired --------------------------------------------------------------------------

static void put_waiting(struct tm_prometheus *p, const struct tm_report *report)
{
    static const char family[] = "tidemill_operator_waiting";
    tm_prometheus_family(p, family, "gauge",
                         "Windows of a key, and timers by what they wait for, that have not "
                         "fired.");
    for (uint32_t n = 0; n < report->job->graph->node_count; n++) {
        const struct tm_waiting w = tm_report_waiting(report, n);
        const struct {
            const char *what;
            uint64_t count;
        } kinds[] = {{"windows", w.windows},
                     {"event_timers", w.event_timers},
                     {"processing_timers", w.processing_timers}};
        for (size_t k = 0; k < 3 && w.windows + w.event_timers + w.processing_timers != 0; k++) {
            const struct tm_prometheus_label labels[] = {{"job", report->job->graph->name},
                                                         {"operator", name_of(report, n)},
                                                         {"what", kinds[k].what}};
            tm_prometheus_sample(p, family, "", labels, 3, (double)kinds[k].count);
        }
    }
}

static void put_estimated(struct tm_prometheus *p, const struct tm_report *report)
{
    static const char family[] = "tidemill_operator_estimated";
    tm_prometheus_family(p, family, "gauge",
                         "1 where windows that have not fired, or what a state takes, are counted "
                         "in some of the operator's keys.");
    for (uint32_t n = 0; n < report->job->graph->node_count; n++) {
        const bool rough[] = {tm_report_waiting(report, n).is_rough,
                              tm_report_kept_whole(report, n).is_rough};
        static const char *const what[] = {"windows", "state_bytes"};
        for (size_t k = 0; k < 2; k++) {
            const struct tm_prometheus_label labels[] = {{"job", report->job->graph->name},
                                                         {"operator", name_of(report, n)},
                                                         {"what", what[k]}};
            if (rough[k] && report->job->graph->nodes[n].whole == n)
                tm_prometheus_sample(p, family, "", labels, 3, 1);
        }
    }
}

static void put_holders(struct tm_prometheus *p, const struct tm_report *report)
{
    static const char family[] = "tidemill_operator_watermark_held_seconds";
    struct tm_job *job = report->job;
    int64_t now_ms = tm_fx_wall_ms(job->fx);
    tm_prometheus_family(p, family, "gauge",
                         "For how long what holds the operator's watermark has not moved.");
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_waiting w = tm_report_waiting(report, n);
        struct tm_holder holder;
        char name[TM_SPLIT_NAME_BYTES + 300];
        if (w.windows + w.event_timers == 0 || tm_report_is_by_clock(&job->graph->nodes[n]) ||
            !tm_task_holder(job, n, &holder) || holder.status != TM_CHANNEL_ACTIVE)
            continue;
        tm_report_name_holder(&holder, name, sizeof name);
        const struct tm_prometheus_label labels[] = {
            {"job", job->graph->name}, {"operator", name_of(report, n)}, {"held_by", name}};
        double seconds = (double)(now_ms - holder.since_ms) / 1e3;
        tm_prometheus_sample(p, family, "", labels, 3, seconds > 0 ? seconds : 0);
    }
}

// --- errors --------------------------------------------------------------------------------------

static void put_errors(struct tm_prometheus *p, const struct tm_report *report)
{
    static struct tm_report_errors errors; // reports are of one thread
    static const char family[] = "tidemill_operator_errors_total";
    tm_report_merge_errors(report, &errors);
    tm_prometheus_family(p, family, "counter",
                         "Records, rows and calls that failed, by the code of the error.");
    for (uint32_t i = 0; i < errors.count; i++) {
        char code[8];
        const struct tm_prometheus_label labels[] = {
            {"job", report->job->graph->name},
            {"operator", name_of(report, errors.items[i].node)},
            {"code", tm_error_code_text(errors.items[i].code, code)}};
        tm_prometheus_sample(p, family, "", labels, 3, (double)errors.items[i].count);
    }
}

// --- latency -------------------------------------------------------------------------------------

// Bounds are powers of two nanoseconds, which no bucket of the histogram crosses: 65 us to 69 s.
enum { FIRST_BOUND = 16, LAST_BOUND = 36 };

static void put_latency_of(struct tm_prometheus *p, const struct tm_report *report, uint32_t node,
                           const char *family)
{
    struct tm_histogram *h = tm_report_latency(report, node);
    struct tm_prometheus_label labels[] = {
        {"job", report->job->graph->name}, {"operator", name_of(report, node)}, {"le", "+Inf"}};
    if (h == NULL)
        return;
    for (uint32_t bound = FIRST_BOUND; bound <= LAST_BOUND; bound++) {
        char le[32];
        uint64_t ns = (uint64_t)1 << bound;
        snprintf(le, sizeof le, "%.9f", (double)ns / 1e9);
        labels[2].value = le;
        tm_prometheus_sample(p, family, "_bucket", labels, 3,
                             (double)tm_histogram_count_below(h, ns));
    }
    labels[2].value = "+Inf";
    tm_prometheus_sample(p, family, "_bucket", labels, 3, (double)h->count);
    tm_prometheus_sample(p, family, "_sum", labels, 2, h->sum / 1e9);
    tm_prometheus_sample(p, family, "_count", labels, 2, (double)h->count);
    free(h);
}

static void put_latency(struct tm_prometheus *p, const struct tm_report *report)
{
    static const char family[] = "tidemill_sink_latency_seconds";
    const struct tm_graph *graph = report->job->graph;
    tm_prometheus_family(p, family, "histogram",
                         "Time of a row from where it was read to where the sink has written it.");
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].kind == TM_NODE_SINK)
            put_latency_of(p, report, n, family);
}

void tm__report_put_told(struct tm_prometheus *p, const struct tm_report *report)
{
    const struct tm_prometheus_label labels[] = {{"job", report->job->graph->name}};
    tm_prometheus_family(p, "tidemill_job_silent_workers", "gauge",
                         "Threads that were busy with one batch when these figures were asked "
                         "for: theirs are older, or missing.");
    tm_prometheus_sample(p, "tidemill_job_silent_workers", "", labels, 1, report->silent_workers);
    put_kept(p, report);
    put_states(p, report);
    put_waiting(p, report);
    put_estimated(p, report);
    put_holders(p, report);
    put_errors(p, report);
    put_latency(p, report);
}
