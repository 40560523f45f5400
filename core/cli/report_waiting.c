// What has not fired, and who holds its time: for people, when the job has ended, and for machines.
#include "core/cli/report.h"

#include <stdio.h>

#include <jansson.h>

#include "core/base/text.h"
#include "core/batch/timestamp.h"

bool tm_report_is_by_clock(const struct tm_node *node)
{
    return node->kind == TM_NODE_WINDOW && !tm_node_needs_watermark(node);
}

static const char *time_text(int64_t ms, char text[64])
{
    if (ms == TM_WATERMARK_MIN)
        snprintf(text, 64, "none yet");
    else if (ms == TM_WATERMARK_MAX)
        snprintf(text, 64, "at the end of time");
    else
        text[tm_timestamp_format(ms, text)] = '\0';
    return text;
}

// "split in/x.jsonl of source payments", "subtask 2 of source payments", "watermark(ts)"
void tm_report_name_holder(const struct tm_holder *h, char *text, size_t size)
{
    if (h->source == NULL)
        snprintf(text, size, "%s", h->maker == NULL ? "nobody" : h->maker->name);
    else if (h->split_name[0] != '\0')
        snprintf(text, size, "split %s of source %s", h->split_name, h->source->name);
    else
        snprintf(text, size, "subtask %u of source %s", h->source_subtask, h->source->name);
}

static void print_holder(const struct tm_holder *h)
{
    char watermark[64], since[64], name[TM_SPLIT_NAME_BYTES + 300];
    fprintf(stderr, "the watermark is %s", time_text(h->watermark, watermark));
    if (h->status == TM_CHANNEL_ACTIVE) {
        tm_report_name_holder(h, name, sizeof name);
        fprintf(stderr, ", held by %s since %s\n", name, time_text(h->since_ms, since));
    } else {
        fprintf(stderr, ", and all inputs are %s\n",
                h->status == TM_CHANNEL_IDLE ? "idle" : "finished");
    }
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static const char *have(uint64_t count)
{
    return count == 1 ? "has" : "have";
}

void tm_report_print_waiting(const struct tm_report *report)
{
    struct tm_job *job = report->job;
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        struct tm_waiting w = tm_report_waiting(report, n);
        struct tm_holder holder;
        char count[32];
        uint64_t event = w.windows != 0 ? w.windows : w.event_timers;
        if (event != 0 && !tm_report_is_by_clock(node) && tm_task_holder(job, n, &holder)) {
            fprintf(stderr, "  %s: %s %s%s %s not fired: ", node->name,
                    tm_text_count((int64_t)event, count), w.windows != 0 ? "window" : "timer",
                    plural(event), have(event));
            print_holder(&holder);
        } else if (w.windows != 0 && tm_report_is_by_clock(node)) {
            fprintf(stderr, "  %s: %s window%s %s not fired\n", node->name,
                    tm_text_count((int64_t)w.windows, count), plural(w.windows), have(w.windows));
        }
        if (w.processing_timers != 0 && node->kind == TM_NODE_PROCESS)
            fprintf(stderr,
                    "  %s: %s timer%s of processing time %s not fired; at the end of the input "
                    "flush_processing_time_on_end lets them\n",
                    node->name, tm_text_count((int64_t)w.processing_timers, count),
                    plural(w.processing_timers), have(w.processing_timers));
    }
}

static void set_time(json_t *o, const char *name, int64_t ms)
{
    if (ms > -TM_INT_MAX && ms < TM_INT_MAX)
        json_object_set_new(o, name, json_integer(ms));
}

static json_t *holder_json(const struct tm_holder *h)
{
    json_t *o = json_object();
    static const char *const names[] = {"active", "idle", "finished"};
    json_object_set_new(o, "status", json_string(names[h->status]));
    json_object_set_new(o, "subtask", json_integer(h->subtask));
    if (h->status != TM_CHANNEL_ACTIVE)
        return o;
    if (h->from != NULL) {
        json_object_set_new(o, "input", tm_report_json_text(h->from->name));
        json_object_set_new(o, "input_subtask", json_integer(h->channel));
    }
    if (h->source != NULL) {
        json_object_set_new(o, "source", tm_report_json_text(h->source->name));
        json_object_set_new(o, "source_subtask", json_integer(h->source_subtask));
    }
    if (h->maker != NULL)
        json_object_set_new(o, "made_by", tm_report_json_text(h->maker->name));
    if (h->split_name[0] != '\0')
        json_object_set_new(o, "split", tm_report_json_text(h->split_name));
    set_time(o, "watermark", h->held_at);
    set_time(o, "since", h->since_ms);
    return o;
}

json_t *tm_report_waiting_json(const struct tm_report *report)
{
    struct tm_job *job = report->job;
    json_t *list = json_array();
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        struct tm_waiting w = tm_report_waiting(report, n);
        struct tm_holder holder;
        if (w.windows + w.event_timers + w.processing_timers == 0)
            continue;
        json_t *o = json_object();
        json_object_set_new(o, "operator", tm_report_json_text(node->name));
        json_object_set_new(o, "windows", json_integer((json_int_t)w.windows));
        if (w.is_rough)
            json_object_set_new(o, "estimated", json_true());
        json_object_set_new(o, "event_timers", json_integer((json_int_t)w.event_timers));
        json_object_set_new(o, "processing_timers", json_integer((json_int_t)w.processing_timers));
        if (!tm_report_is_by_clock(node) && tm_task_holder(job, n, &holder)) {
            set_time(o, "watermark", holder.watermark);
            json_object_set_new(o, "held_by", holder_json(&holder));
        }
        json_array_append_new(list, o);
    }
    return list;
}
