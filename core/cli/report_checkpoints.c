// Checkpoints in reports.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "core/base/text.h"
#include "core/cli/report.h"

void tm_report_checkpoints_line(const struct tm_keeper_figures *figures, int64_t now_ms, char *line,
                                size_t size)
{
    char bytes[32], duration[32], age[32], failed[48] = "";
    line[0] = '\0';
    if (figures->failed != 0)
        snprintf(failed, sizeof failed, ", %" PRIu64 " failed", figures->failed);
    if (figures->completed != 0)
        snprintf(line, size, "checkpoints: %" PRIu64 " taken%s; last: %s in %s, %s ago",
                 figures->completed, failed, tm_text_size((int64_t)figures->bytes, bytes),
                 tm_text_duration(figures->duration_ms, duration),
                 tm_text_duration(
                     now_ms > figures->completed_ms ? now_ms - figures->completed_ms : 0, age));
    else if (figures->failed != 0)
        snprintf(line, size, "checkpoints: none taken%s", failed);
}

void tm_report_print_checkpoints(const struct tm_report *report)
{
    char line[256];
    if (report->checkpoints == NULL)
        return;
    tm_report_checkpoints_line(report->checkpoints, tm_fx_wall_ms(report->job->fx), line,
                               sizeof line);
    if (line[0] != '\0')
        fprintf(stderr, "  %s\n", line);
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
    if (figures->completed != 0) {
        json_t *last = json_object();
        json_object_set_new(last, "checkpoint", json_integer((json_int_t)figures->checkpoint));
        json_object_set_new(last, "bytes", json_integer((json_int_t)figures->bytes));
        json_object_set_new(last, "ms", json_integer((json_int_t)figures->duration_ms));
        json_object_set_new(last, "age_ms", json_integer((json_int_t)(age_ms > 0 ? age_ms : 0)));
        json_object_set_new(o, "last", last);
    }
    json_object_set_new(root, "checkpoints", o);
}
