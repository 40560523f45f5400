// The report at the end of a run.
#include "core/cli/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/engine.h"
#include "core/task/task.h"

const char *tm_report_cell(const char *name, int width, char cell[TM_CELL_MAX])
{
    size_t used = 0;
    int shown = 0;
    while (*name != '\0' && shown < width) {
        size_t n = 1;
        while (((unsigned char)name[n] & 0xc0) == 0x80)
            n++;
        if (used + n + (size_t)(width - shown) >= TM_CELL_MAX)
            break;
        memcpy(cell + used, name, n);
        used += n;
        name += n;
        shown++;
    }
    for (; shown < width; shown++)
        cell[used++] = ' ';
    cell[used] = '\0';
    return cell;
}

const char *tm_report_outcome(enum tm_job_outcome outcome)
{
    return outcome == TM_JOB_FINISHED ? "finished"
           : outcome == TM_JOB_FAILED ? "failed"
                                      : "stopped";
}

void tm_report_edge_rows(struct tm_job *job, uint32_t edge, uint64_t *sent, uint64_t *received)
{
    const struct tm_edge *e = &job->plan->edges[edge];
    *sent = *received = 0;
    for (uint32_t p = 0; p < job->plan->chains[e->from_chain].parallelism; p++)
        for (uint32_t c = 0; c < job->plan->chains[e->to_chain].parallelism; c++) {
            struct tm_channel *channel = tm_job_channel(job, edge, p, c);
            if (channel != NULL) {
                *sent += tm_channel_rows_sent(channel);
                *received += tm_channel_rows_received(channel);
            }
        }
}

// --- for people ----------------------------------------------------------------------------------

static void print_operators(struct tm_job *job, double seconds)
{
    char cell[TM_CELL_MAX], in[32], out[32], rate[32];
    fprintf(stderr, "  %-32s %15s %15s %13s %9s %9s %9s %9s\n", "operator", "rows in", "rows out",
            "in/s", "filtered", "late", "skipped", "dead");
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        struct tm_operator_sums s;
        if (!tm_job_sums(job, n, &s))
            continue;
        tm_text_count((int64_t)s.rows_in, in);
        tm_text_count((int64_t)s.rows_out, out);
        tm_text_count(seconds > 0 ? (int64_t)((double)s.rows_in / seconds) : 0, rate);
        fprintf(stderr, "  %s %15s %15s %13s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n",
                tm_report_cell(job->graph->nodes[n].name, 32, cell), in, out, rate, s.filtered,
                s.late, s.skipped, s.dead_lettered);
    }
}

static void print_failed(const char *cell, uint64_t count, const char *what)
{
    if (count != 0)
        fprintf(stderr, "  %s %" PRIu64 " %s%s failed\n", cell, count, what, count == 1 ? "" : "s");
}

// What has failed and is no row, which the table has nothing of.
static void print_other_failures(struct tm_job *job)
{
    char cell[TM_CELL_MAX];
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        struct tm_operator_sums s;
        if (!tm_job_sums(job, n, &s))
            continue;
        tm_report_cell(job->graph->nodes[n].name, 32, cell);
        print_failed(cell, s.failed_timers, "timer");
        print_failed(cell, s.failed_firings, "firing");
        print_failed(cell, s.failed_keys, "each_key call");
    }
}

// A record may hold anything; a terminal gets nothing that it would obey.
static void print_line_of(const char *label, const char *text)
{
    fprintf(stderr, "%s", label);
    for (; *text != '\0' && *text != '\n'; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, stderr);
    fputc('\n', stderr);
}

static void print_error(const char *label, const struct tm_error *err)
{
    const char *record = strstr(err->message, "\nrecord: ");
    print_line_of(label, err->message);
    print_line_of("    at ", err->where);
    if (record != NULL)
        print_line_of("    ", record + 1);
}

static void print_errors(const struct tm_report *report)
{
    static struct tm_report_errors errors; // reports are of one thread
    tm_report_merge_errors(report, &errors);
    for (uint32_t i = 0; i < errors.count; i++) {
        const struct tm_report_error *error = &errors.items[i];
        char code[8], label[64];
        struct tm_error last;
        snprintf(label, sizeof label,
                 "  %s x %" PRIu64 ", first: ", tm_error_code_text(error->code, code),
                 error->count);
        print_error(label, error->first);
        if (error->count > 1 && tm_report_last_error(report, error, &last))
            print_error("    last: ", &last);
    }
}

static void print_strangers(struct tm_job *job)
{
    char count[32];
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        struct tm_operator_sums s;
        if (tm_job_sums(job, n, &s) && s.strange != 0)
            fprintf(stderr, "  %s: %s record%s fields that are not in the inferred schema\n",
                    job->graph->nodes[n].name, tm_text_count((int64_t)s.strange, count),
                    s.strange == 1 ? " has" : "s have");
    }
}

void tm_report_print(const struct tm_report *report)
{
    struct tm_job *job = report->job;
    char text[32];
    double seconds = (double)report->wall_ns / 1e9;
    fprintf(stderr, "job '%s' %s after %s\n", job->graph->name, tm_report_outcome(report->outcome),
            tm_text_duration(report->wall_ns / 1000000, text));
    print_operators(job, seconds);
    print_other_failures(job);
    struct tm_histogram *latency = tm_report_latency(report, TM_REPORT_ALL);
    if (latency != NULL && latency->count != 0)
        fprintf(stderr, "  latency from read to written: p50 %.2f ms, p99 %.2f ms\n",
                (double)tm_histogram_quantile(latency, 0.5) / 1e6,
                (double)tm_histogram_quantile(latency, 0.99) / 1e6);
    free(latency);
    for (uint32_t e = 0; e < job->plan->edge_count; e++) {
        uint64_t sent, received;
        tm_report_edge_rows(job, e, &sent, &received);
        if (sent != received)
            fprintf(stderr, "  edge %s -> %s: %" PRIu64 " rows sent, %" PRIu64 " received\n",
                    job->graph->nodes[job->plan->edges[e].from_node].name,
                    job->graph->nodes[job->plan->edges[e].to_node].name, sent, received);
    }
    tm_report_print_metrics(job);
    tm_report_print_kept(report);
    tm_report_print_waiting(report);
    print_strangers(job);
    print_errors(report);
    tm_report_print_checkpoints(report);
    tm_report_print_supervised(report);
    tm_report_print_restarts(report);
}

// --- for machines --------------------------------------------------------------------------------

// A path may be any bytes; JSON is UTF-8.
json_t *tm_report_json_text(const char *text)
{
    char clean[TM_ERROR_TEXT_MAX * 3];
    size_t used = 0;
    for (size_t n; *text != '\0' && used + 4 < sizeof clean; text += n) {
        for (n = 1; n < 4 && text[n] != '\0' && !tm_text_is_utf8(text, n);)
            n++;
        bool whole = tm_text_is_utf8(text, n);
        n = whole ? n : 1;
        memcpy(clean + used, whole ? text : "\xef\xbf\xbd", whole ? n : 3);
        used += whole ? n : 3;
    }
    return json_stringn(clean, used);
}

static void put_operator(const struct tm_report *report, uint32_t n, double seconds,
                         json_t *operators)
{
    struct tm_job *job = report->job;
    struct tm_operator_sums s;
    if (!tm_job_sums(job, n, &s))
        return;
    const struct tm_node *node = &job->graph->nodes[n];
    json_t *o = json_object();
    json_object_set_new(o, "name", tm_report_json_text(node->name));
    json_object_set_new(o, "verb", json_string(node->verb));
    json_object_set_new(o, "where", tm_report_json_text(node->where));
    json_object_set_new(o, "parallelism", json_integer(tm_job_node_parallelism(job, n)));
#define SET(field) json_object_set_new(o, #field, json_integer((json_int_t)s.field))
    SET(rows_in);
    SET(rows_out);
    SET(used);
    SET(filtered);
    SET(late);
    SET(skipped);
    SET(dead_lettered);
    SET(failed_timers);
    SET(failed_firings);
    SET(failed_keys);
    SET(bytes_in);
    SET(bytes_out);
    if (s.strange != 0)
        json_object_set_new(o, "unknown_fields", json_integer((json_int_t)s.strange));
#undef SET
    json_object_set_new(o, "rate_in", json_real(seconds > 0 ? (double)s.rows_in / seconds : 0));
    json_object_set_new(o, "rate_out", json_real(seconds > 0 ? (double)s.rows_out / seconds : 0));
    json_object_set_new(o, "busy_seconds", json_real((double)s.busy_ns / 1e9));
    if (s.watermark > -TM_INT_MAX && s.watermark < TM_INT_MAX)
        json_object_set_new(o, "watermark", json_integer(s.watermark));
    tm_report_put_kept(report, n, o);
    json_array_append_new(operators, o);
}

static json_t *edges_json(struct tm_job *job)
{
    json_t *edges = json_array();
    for (uint32_t e = 0; e < job->plan->edge_count; e++) {
        const struct tm_edge *edge = &job->plan->edges[e];
        uint64_t sent, received;
        tm_report_edge_rows(job, e, &sent, &received);
        json_t *o = json_object();
        json_object_set_new(o, "from",
                            tm_report_json_text(job->graph->nodes[edge->from_node].name));
        json_object_set_new(o, "to", tm_report_json_text(job->graph->nodes[edge->to_node].name));
        json_object_set_new(o, "dead_letters", json_boolean(edge->dead_letter));
        json_object_set_new(o, "sent", json_integer((json_int_t)sent));
        json_object_set_new(o, "received", json_integer((json_int_t)received));
        json_array_append_new(edges, o);
    }
    return edges;
}

// "job.lua:12:5" as file, line and column, those that it has; nothing of a place that is none.
static void put_place(json_t *o, const char *where)
{
    char place[TM_ERROR_WHERE_MAX];
    long numbers[2] = {0, 0};
    int count = 0;
    snprintf(place, sizeof place, "%.*s", (int)strcspn(where, "\n"), where);
    json_object_set_new(o, "where", tm_report_json_text(place));
    for (char *colon; count < 2 && (colon = strrchr(place, ':')) != NULL && colon[1] != '\0' &&
                      strspn(colon + 1, "0123456789") == strlen(colon + 1);) {
        numbers[count++] = strtol(colon + 1, NULL, 10);
        *colon = '\0';
    }
    if (count == 0)
        return;
    json_object_set_new(o, "file", tm_report_json_text(place));
    json_object_set_new(o, "line", json_integer(numbers[count - 1]));
    if (count == 2)
        json_object_set_new(o, "column", json_integer(numbers[0]));
}

json_t *tm_report_error_json(const struct tm_error *err)
{
    char code[8];
    json_t *o = json_object();
    json_object_set_new(o, "code", json_string(tm_error_code_text(err->code, code)));
    json_object_set_new(o, "name", json_string(tm_error_name(err->code)));
    json_object_set_new(o, "message", tm_report_json_text(err->message));
    put_place(o, err->where);
    json_object_set_new(o, "hint", tm_report_json_text(err->hint));
    return o;
}

json_t *tm_report_finding_json(const struct tm_finding *finding)
{
    char code[8];
    json_t *o = json_object();
    json_object_set_new(o, "severity", json_string(finding->severity));
    json_object_set_new(o, "code", json_string(tm_error_code_text(finding->code, code)));
    json_object_set_new(o, "name", json_string(tm_error_name(finding->code)));
    json_object_set_new(o, "message", tm_report_json_text(finding->message));
    put_place(o, finding->where);
    json_object_set_new(o, "hint", tm_report_json_text(finding->hint));
    return o;
}

static json_t *errors_json(const struct tm_report *report)
{
    static struct tm_report_errors merged;
    json_t *errors = json_array();
    tm_report_merge_errors(report, &merged);
    for (uint32_t i = 0; i < merged.count; i++) {
        const struct tm_report_error *error = &merged.items[i];
        json_t *o = tm_report_error_json(error->first);
        struct tm_error last;
        json_object_set_new(o, "operator",
                            tm_report_json_text(report->job->graph->nodes[error->node].name));
        json_object_set_new(o, "count", json_integer((json_int_t)error->count));
        if (tm_report_last_error(report, error, &last))
            json_object_set_new(o, "last", tm_report_error_json(&last));
        json_array_append_new(errors, o);
    }
    return errors;
}

// The line, and the end of `root`.
static void print_line(FILE *out, json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT);
    if (text != NULL)
        fprintf(out, "%s\n", text);
    free(text);
    json_decref(root);
}

void tm_report_print_error_json(FILE *out, const struct tm_error *err)
{
    json_t *root = json_object();
    json_object_set_new(root, "ok", json_false());
    json_object_set_new(root, "error", tm_report_error_json(err));
    print_line(out, root);
}

void tm_report_print_end_json(enum tm_job_outcome outcome, const struct tm_error *err)
{
    json_t *root = json_object();
    json_object_set_new(root, "state", json_string(tm_report_outcome(outcome)));
    json_object_set_new(root, "operators", json_array());
    json_object_set_new(root, "edges", json_array());
    json_object_set_new(root, "errors", json_array());
    if (err != NULL)
        json_object_set_new(root, "failure", tm_report_error_json(err));
    print_line(stderr, root);
}

static void put_latency(const struct tm_report *report, json_t *root)
{
    json_t *latency = json_object();
    struct tm_histogram *h = tm_report_latency(report, TM_REPORT_ALL);
    if (h != NULL && h->count != 0) {
        json_object_set_new(latency, "count", json_integer((json_int_t)h->count));
        json_object_set_new(latency, "mean", json_real(h->sum / (double)h->count / 1e6));
        json_object_set_new(latency, "max", json_real((double)h->max / 1e6));
        json_object_set_new(latency, "p50", json_real((double)tm_histogram_quantile(h, 0.5) / 1e6));
        json_object_set_new(latency, "p99",
                            json_real((double)tm_histogram_quantile(h, 0.99) / 1e6));
    }
    free(h);
    json_object_set_new(root, "latency_ms", latency);
}

json_t *tm_report_json(const struct tm_report *report, const char *running)
{
    struct tm_job *job = report->job;
    double seconds = (double)report->wall_ns / 1e9;
    json_t *root = json_object(), *operators = json_array();
    json_object_set_new(root, "job", tm_report_json_text(job->graph->name));
    json_object_set_new(
        root, "state", json_string(running != NULL ? running : tm_report_outcome(report->outcome)));
    json_object_set_new(root, "seconds", json_real(seconds));
    json_object_set_new(root, "parallelism", json_integer(job->plan->parallelism));
    for (uint32_t n = 0; n < job->graph->node_count; n++)
        put_operator(report, n, seconds, operators);
    json_object_set_new(root, "operators", operators);
    json_object_set_new(root, "edges", edges_json(job));
    json_object_set_new(root, "metrics", tm_report_metrics_json(job));
    put_latency(report, root);
    json_object_set_new(root, "waiting", tm_report_waiting_json(report));
    json_object_set_new(root, "errors", errors_json(report));
    if (report->silent_workers != 0)
        json_object_set_new(root, "silent_workers", json_integer(report->silent_workers));
    tm_report_put_checkpoints(report, root);
    tm_report_put_supervised(report, root);
    tm_report_put_restarts(report, root);
    if (report->error != NULL && report->error->code != 0)
        json_object_set_new(root, "failure", tm_report_error_json(report->error));
    return root;
}

void tm_report_print_json(const struct tm_report *report)
{
    print_line(stderr, tm_report_json(report, NULL));
}

int tm_engine_failed(const struct tm_cli_options *options, const struct tm_error *err, int rc)
{
    int code = rc == TM_E_USAGE ? TM_EXIT_USAGE : TM_EXIT_FAILED;
    if (!options->json)
        return tm_cli_fail(options, err, code);
    tm_report_print_error_json(options->out, err);
    return code;
}
