// `tidemill list` and `tidemill show`: which jobs of this user run, and what one of them does.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/batch/timestamp.h"
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

// "  count: 1,000,000 keys in 61.4 MB (n about 8.0 MB), 20 timers in 4.1 kB"
static void show_kept(FILE *out, const json_t *report)
{
    size_t i, k;
    const json_t *o, *state;
    char count[32], size[32];
    json_array_foreach(json_object_get(report, "operators"), i, o)
    {
        const json_t *kept = json_object_get(o, "kept");
        int64_t keys = tm_running_number(kept, "keys"), timers = tm_running_number(kept, "timers");
        const char *before = " (";
        if (keys == 0 && timers == 0)
            continue;
        fprintf(out, "  %s keeps", tm_running_text(o, "name"));
        if (keys != 0)
            fprintf(out, " %s key%s in %s", tm_text_count(keys, count), keys == 1 ? "" : "s",
                    tm_text_size(tm_running_number(kept, "state_bytes"), size));
        json_array_foreach(json_object_get(kept, "states"), k, state)
        {
            fprintf(out, "%s%s %s%s", before, tm_running_text(state, "name"),
                    json_is_true(json_object_get(kept, "states_estimated")) ? "about " : "",
                    tm_text_size(tm_running_number(state, "bytes"), size));
            before = ", ";
        }
        fputs(before[0] == ',' ? ")" : "", out);
        if (timers != 0)
            fprintf(out, "%s %s timer%s in %s", keys != 0 ? "," : "", tm_text_count(timers, count),
                    timers == 1 ? "" : "s",
                    tm_text_size(tm_running_number(kept, "timer_bytes"), size));
        fputc('\n', out);
    }
}

static void show_time(FILE *out, const char *label, const json_t *ms)
{
    char text[64];
    if (ms != NULL) {
        text[tm_timestamp_format(json_integer_value(ms), text)] = '\0';
        fprintf(out, "%s%s", label, text);
    }
}

static void show_count(FILE *out, const json_t *waiting, const char *field, const char *what,
                       const char **before)
{
    char count[32];
    int64_t n = tm_running_number(waiting, field);
    if (n == 0)
        return;
    bool about = strcmp(field, "windows") == 0 && // timers are counted
                 json_is_true(json_object_get(waiting, "estimated"));
    fprintf(out, "%s%s%s %s%s", *before, about ? "about " : "", tm_text_count(n, count), what,
            n == 1 ? "" : "s");
    *before = ", ";
}

// "  win: 3 windows have not fired; the watermark is ..., held by split x of payments since ..."
static void show_waiting(FILE *out, const json_t *report)
{
    size_t i;
    const json_t *w;
    json_array_foreach(json_object_get(report, "waiting"), i, w)
    {
        const json_t *by = json_object_get(w, "held_by");
        const char *before = "";
        fprintf(out, "  %s: not fired: ", tm_running_text(w, "operator"));
        show_count(out, w, "windows", "window", &before);
        show_count(out, w, "event_timers", "timer", &before);
        show_count(out, w, "processing_timers", "timer of processing time", &before);
        show_time(out, "; the watermark is ", json_object_get(w, "watermark"));
        if (json_object_get(by, "source") != NULL) {
            fprintf(out, ", held by %s%s%s", tm_running_text(by, "split"),
                    tm_running_text(by, "split")[0] == '\0' ? "" : " of ",
                    tm_running_text(by, "source"));
            show_time(out, " since ", json_object_get(by, "since"));
        } else if (by != NULL && strcmp(tm_running_text(by, "status"), "active") != 0) {
            fprintf(out, ", all inputs are %s", tm_running_text(by, "status"));
        }
        fputc('\n', out);
    }
}

// One line of each kind, with the first of it.
static void show_errors(FILE *out, const json_t *report)
{
    size_t i;
    const json_t *e;
    json_array_foreach(json_object_get(report, "errors"), i, e)
    {
        const char *message = tm_running_text(e, "message");
        fprintf(out, "  %s in %s x %" PRId64 ", first: ", tm_running_text(e, "code"),
                tm_running_text(e, "operator"), tm_running_number(e, "count"));
        for (; *message != '\0' && *message != '\n'; message++)
            fputc((unsigned char)*message < 0x20 || *message == 0x7f ? '?' : *message, out);
        fputc('\n', out);
    }
}

static void show_latency(FILE *out, const json_t *report)
{
    const json_t *latency = json_object_get(report, "latency_ms");
    if (json_object_get(latency, "p50") == NULL)
        return;
    fprintf(out, "  latency from read to written: p50 %.2f ms, p99 %.2f ms, at most %.2f ms\n",
            json_number_value(json_object_get(latency, "p50")),
            json_number_value(json_object_get(latency, "p99")),
            json_number_value(json_object_get(latency, "max")));
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
    show_latency(out, report);
    show_metrics(out, report);
    show_kept(out, report);
    show_waiting(out, report);
    show_errors(out, report);
    if (tm_running_number(report, "silent_workers") != 0)
        fprintf(out,
                "  %" PRId64 " threads are busy with one batch: what they know is older, or "
                "missing\n",
                tm_running_number(report, "silent_workers"));
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
