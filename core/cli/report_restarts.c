// Restarts in reports.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/report.h"
#include "core/cli/restarts.h"

static int64_t age_ms(const struct tm_restarts *restarts, int64_t now_ms)
{
    return now_ms > restarts->last_ms ? now_ms - restarts->last_ms : 0;
}

void tm_report_restarts_line(const struct tm_restarts *restarts, int64_t now_ms, char *line,
                             size_t size)
{
    char age[32], code[8];
    const char *cause = restarts->cause.message;
    line[0] = '\0';
    if (restarts->count == 0)
        return;
    snprintf(line, size, "restarts: %" PRIu64 "; last: %s ago, %s: %.*s", restarts->count,
             tm_text_duration(age_ms(restarts, now_ms), age),
             tm_error_code_text(restarts->cause.code, code), (int)strcspn(cause, "\n"), cause);
    for (char *c = line; *c != '\0'; c++) // a message may quote anything
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c;
}

void tm_report_print_restarts(const struct tm_report *report)
{
    char line[TM_ERROR_TEXT_MAX + 128];
    tm_report_restarts_line(report->restarts, tm_fx_wall_ms(report->job->fx), line, sizeof line);
    if (line[0] != '\0')
        fprintf(stderr, "  %s\n", line);
}

void tm_report_put_restarts(const struct tm_report *report, struct json_t *root)
{
    const struct tm_restarts *restarts = report->restarts;
    json_t *o = json_object();
    json_object_set_new(o, "count", json_integer((json_int_t)restarts->count));
    if (restarts->count != 0) {
        int64_t age = age_ms(restarts, tm_fx_wall_ms(report->job->fx));
        json_t *last = tm_report_error_json(&restarts->cause);
        json_object_set_new(last, "age_ms", json_integer((json_int_t)age));
        json_object_set_new(o, "last", last);
    }
    json_object_set_new(root, "restarts", o);
}
