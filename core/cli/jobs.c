// `tidemill list` and `tidemill show`: which jobs of this user run, and what one of them does.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/options.h"
#include "core/cli/report.h"
#include "core/cli/running.h"

enum { NAME_WIDTH = 24 };

// --- list ----------------------------------------------------------------------------------------

static void list_json(const struct tm_cli_options *options, const struct tm_running *running)
{
    json_t *root = json_object(), *jobs = json_array();
    for (uint32_t i = 0; i < running->count; i++) {
        const struct tm_running_job *job = &running->jobs[i];
        json_t *one = job->info != NULL ? json_incref(job->info) : json_object();
        if (job->info == NULL) {
            json_object_set_new(one, "job", tm_report_json_text(job->name));
            json_object_set_new(one, "pid", json_integer((json_int_t)job->pid));
            json_object_set_new(one, "state", json_string("silent"));
        } else {
            (void)json_object_del(one, "ok");
        }
        json_array_append_new(jobs, one);
    }
    json_object_set_new(root, "jobs", jobs);
    tm_running_print(options, root);
    json_decref(root);
}

static void list_one(const struct tm_cli_options *options, const struct tm_running *running,
                     const struct tm_running_job *job)
{
    char cell[TM_CELL_MAX], in[32], out[32], age[32];
    if (job->info == NULL) {
        fprintf(options->out, "%s  %8lld  does not answer\n",
                tm_report_cell(job->name, NAME_WIDTH, cell), (long long)job->pid);
        return;
    }
    int64_t now = running->fx.clock->wall_ms(running->fx.ctx);
    int64_t age_ms = now - tm_running_number(job->info, "started_ms");
    fprintf(options->out, "%s  %8lld  %-10s  %13s  %13s  %12s  %s\n",
            tm_report_cell(job->name, NAME_WIDTH, cell), (long long)job->pid,
            tm_running_text(job->info, "state"),
            tm_text_count(tm_running_number(job->info, "rows_in"), in),
            tm_text_count(tm_running_number(job->info, "rows_out"), out),
            tm_text_duration(age_ms > 0 ? age_ms : 0, age), tm_running_text(job->info, "script"));
}

int tm_cli_list(const struct tm_cli_options *options)
{
    struct tm_running running;
    struct tm_error err = {0};
    int rc = tm_running_find(&running, &err);
    if (rc == 0 && options->json) {
        list_json(options, &running);
    } else if (rc == 0 && running.count == 0) {
        fprintf(options->out, "no job is running\n");
    } else if (rc == 0) {
        fprintf(options->out, "%-*s  %8s  %-10s  %13s  %13s  %12s  %s\n", NAME_WIDTH, "job",
                "process", "state", "rows in", "rows out", "for", "script");
        for (uint32_t i = 0; i < running.count; i++)
            list_one(options, &running, &running.jobs[i]);
    }
    tm_running_fini(&running);
    return rc == 0 ? TM_EXIT_FINISHED : tm_running_fail(options, &err);
}

// --- show ----------------------------------------------------------------------------------------

static void show_operators(FILE *out, const json_t *report)
{
    size_t i;
    const json_t *o;
    char cell[TM_CELL_MAX], in[32], given[32];
    fprintf(out, "  %-32s %15s %15s %9s %9s %9s %9s\n", "operator", "rows in", "rows out",
            "filtered", "late", "skipped", "dead");
    json_array_foreach(json_object_get(report, "operators"), i, o)
    {
        fprintf(out, "  %s %15s %15s %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64 "\n",
                tm_report_cell(tm_running_text(o, "name"), 32, cell),
                tm_text_count(tm_running_number(o, "rows_in"), in),
                tm_text_count(tm_running_number(o, "rows_out"), given),
                tm_running_number(o, "filtered"), tm_running_number(o, "late"),
                tm_running_number(o, "skipped"), tm_running_number(o, "dead_lettered"));
    }
}

static void show_metrics(FILE *out, const json_t *report)
{
    size_t i;
    const json_t *m;
    json_array_foreach(json_object_get(report, "metrics"), i, m)
    {
        bool histogram = strcmp(tm_running_text(m, "kind"), "histogram") == 0;
        const json_t *value = json_object_get(m, histogram ? "p99" : "value");
        fprintf(out, "  %s of %s: %s%.10g%s%s\n", tm_running_text(m, "name"),
                tm_running_text(m, "operator"), histogram ? "p99 " : "", json_number_value(value),
                tm_running_text(m, "unit")[0] == '\0' ? "" : " ", tm_running_text(m, "unit"));
    }
}

static void show_checkpoints(FILE *out, const json_t *info)
{
    const json_t *checkpoints = json_object_get(info, "checkpoints");
    const json_t *last = json_object_get(checkpoints, "last");
    char bytes[32], age[32], duration[32];
    if (checkpoints == NULL) {
        fprintf(out, "  checkpoints: none are taken\n");
        return;
    }
    fprintf(out, "  checkpoints: %" PRId64 " taken, %" PRId64 " failed, in %s\n",
            tm_running_number(checkpoints, "taken"), tm_running_number(checkpoints, "failed"),
            tm_running_text(info, "folder"));
    if (last != NULL)
        fprintf(out, "  the last one, %" PRId64 ": %s in %s, %s ago\n",
                tm_running_number(last, "checkpoint"),
                tm_text_size(tm_running_number(last, "bytes"), bytes),
                tm_text_duration(tm_running_number(last, "ms"), duration),
                tm_text_duration(tm_running_number(last, "age_ms"), age));
}

static void show(FILE *out, const json_t *answer)
{
    const json_t *report = json_object_get(answer, "report");
    char duration[32];
    double seconds = json_number_value(json_object_get(report, "seconds"));
    fprintf(out, "job '%s', process %" PRId64 ", %s for %s: %s\n", tm_running_text(answer, "job"),
            tm_running_number(answer, "pid"), tm_running_text(answer, "state"),
            tm_text_duration((int64_t)(seconds * 1e3), duration),
            tm_running_text(answer, "script"));
    show_operators(out, report);
    show_metrics(out, report);
    show_checkpoints(out, answer);
}

int tm_cli_show(const struct tm_cli_options *options)
{
    struct tm_running running;
    struct tm_running_job *job;
    struct tm_error err = {0};
    json_t *answer = NULL;
    int rc = tm_running_find(&running, &err);
    if (rc == 0)
        rc = tm_running_choose(&running, options->file, &job, &err);
    if (rc == 0)
        rc = tm_running_ask(&running, job, "GET", "/v1/report", TM_RUNNING_LOOK_MS, &answer, NULL,
                            &err);
    if (rc == 0 && options->json)
        tm_running_print(options, answer);
    else if (rc == 0)
        show(options->out, answer);
    json_decref(answer);
    tm_running_fini(&running);
    return rc == 0 ? TM_EXIT_FINISHED : tm_running_fail(options, &err);
}
