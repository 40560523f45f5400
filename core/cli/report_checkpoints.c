// Checkpoints in reports.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "core/base/text.h"
#include "core/cli/report.h"
#include "core/task/flight.h"

void tm_report_checkpoints_line(const struct tm_keeper_figures *figures, int64_t now_ms, char *line,
                                size_t size)
{
    char bytes[32], duration[32], age[32], failed[48] = "", overtaken[80] = "", flight[64] = "";
    line[0] = '\0';
    if (figures->failed != 0)
        snprintf(failed, sizeof failed, ", %" PRIu64 " failed", figures->failed);
    if (figures->overtaken != 0)
        snprintf(overtaken, sizeof overtaken, ", %" PRIu64 " of them unaligned",
                 figures->overtaken);
    if (figures->flight_bytes != 0)
        snprintf(flight, sizeof flight, " (%s of rows in flight)",
                 tm_text_size((int64_t)figures->flight_bytes, bytes));
    if (figures->completed != 0)
        snprintf(line, size, "checkpoints: %" PRIu64 " taken%s%s; last: %s%s in %s, %s ago",
                 figures->completed, overtaken, failed,
                 tm_text_size((int64_t)figures->bytes, bytes), flight,
                 tm_text_duration(figures->duration_ms, duration),
                 tm_text_duration(
                     now_ms > figures->completed_ms ? now_ms - figures->completed_ms : 0, age));
    else if (figures->failed != 0)
        snprintf(line, size, "checkpoints: none taken%s", failed);
}

// Why barriers do not overtake rows on an edge; NULL: they do.
static const char *why_aligned(const struct tm_job *job, const struct tm_edge *edge)
{
    if (tm_edge_overtakes(job->graph, edge))
        return NULL;
    return edge->partition == TM_PARTITION_FORWARD     ? "forward"
           : edge->partition == TM_PARTITION_BROADCAST ? "broadcast"
                                                       : "changes in turn";
}

// Edges on which barriers wait whatever aligned_timeout says: people see where a checkpoint of a
// job that is held back takes its time.
static void print_aligned(const struct tm_job *job)
{
    bool any = false;
    for (uint32_t e = 0; e < job->plan->edge_count; e++) {
        const struct tm_edge *edge = &job->plan->edges[e];
        const char *why = why_aligned(job, edge);
        if (why == NULL)
            continue;
        fprintf(stderr, "%s%s -> %s (%s)",
                any ? ", " : "  edges that stay aligned: ", job->graph->nodes[edge->from_node].name,
                job->graph->nodes[edge->to_node].name, why);
        any = true;
    }
    if (any)
        fprintf(stderr, "\n");
}

static json_t *edges_of(const struct tm_job *job)
{
    json_t *list = json_array();
    for (uint32_t e = 0; e < job->plan->edge_count; e++) {
        const struct tm_edge *edge = &job->plan->edges[e];
        const char *why = why_aligned(job, edge);
        if (why == NULL)
            continue;
        json_t *one = json_object();
        json_object_set_new(one, "from", json_string(job->graph->nodes[edge->from_node].name));
        json_object_set_new(one, "to", json_string(job->graph->nodes[edge->to_node].name));
        json_object_set_new(one, "why", json_string(why));
        json_array_append_new(list, one);
    }
    return list;
}

void tm_report_print_checkpoints(const struct tm_report *report)
{
    char line[400];
    if (report->checkpoints == NULL)
        return;
    tm_report_checkpoints_line(report->checkpoints, tm_fx_wall_ms(report->job->fx), line,
                               sizeof line);
    if (line[0] != '\0')
        fprintf(stderr, "  %s\n", line);
    if (report->checkpoints->overtaken != 0)
        print_aligned(report->job);
}

void tm_report_put_checkpoints(const struct tm_report *report, struct json_t *root)
{
    const struct tm_keeper_figures *figures = report->checkpoints;
    if (figures == NULL)
        return;
    json_t *o = json_object();
    int64_t age_ms = tm_fx_wall_ms(report->job->fx) - figures->completed_ms;
    json_object_set_new(o, "taken", json_integer((json_int_t)figures->completed));
    json_object_set_new(o, "failed", json_integer((json_int_t)figures->failed));
    json_object_set_new(o, "unaligned", json_integer((json_int_t)figures->overtaken));
    json_object_set_new(o, "stay_aligned", edges_of(report->job));
    if (figures->completed != 0) {
        json_t *last = json_object();
        json_object_set_new(last, "checkpoint", json_integer((json_int_t)figures->checkpoint));
        json_object_set_new(last, "bytes", json_integer((json_int_t)figures->bytes));
        json_object_set_new(last, "in_flight_bytes",
                            json_integer((json_int_t)figures->flight_bytes));
        json_object_set_new(last, "unaligned", json_boolean(figures->flight_bytes != 0));
        json_object_set_new(last, "ms", json_integer((json_int_t)figures->duration_ms));
        json_object_set_new(last, "age_ms", json_integer((json_int_t)(age_ms > 0 ? age_ms : 0)));
        json_object_set_new(o, "last", last);
    }
    json_object_set_new(root, "checkpoints", o);
}
