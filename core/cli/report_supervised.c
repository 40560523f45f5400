// Worker processes that crashed or hung, in reports.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "core/cli/report.h"
#include "core/cli/supervisor.h"

void tm_report_print_supervised(const struct tm_report *report)
{
    const struct tm_supervised *supervised = report->supervised;
    if (supervised == NULL || supervised->figures.crashes + supervised->figures.hangs == 0)
        return;
    fprintf(stderr, "  worker processes: %" PRIu64 " crashed, %" PRIu64 " hung; last: %s\n",
            supervised->figures.crashes, supervised->figures.hangs, supervised->figures.last);
}

void tm_report_put_supervised(const struct tm_report *report, struct json_t *root)
{
    const struct tm_supervised *supervised = report->supervised;
    if (supervised == NULL)
        return;
    const struct tm_supervised_figures *figures = &supervised->figures;
    json_t *o = json_object();
    json_object_set_new(o, "crashes", json_integer((json_int_t)figures->crashes));
    json_object_set_new(o, "hangs", json_integer((json_int_t)figures->hangs));
    if (figures->last[0] != '\0')
        json_object_set_new(o, "last", tm_report_json_text(figures->last));
    json_object_set_new(root, "supervisor", o);
}
