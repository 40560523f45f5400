// What operators keep in memory, by state too: for people, when the job has ended, and for
// machines.
#include "core/cli/report.h"

#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include "core/base/text.h"

// The operator's, and of the functions behind a window that are a part of it; keys are counted
// once.
struct tm_kept tm_report_kept_whole(const struct tm_report *report, uint32_t node)
{
    const struct tm_graph *graph = report->job->graph;
    struct tm_kept sum = {0};
    for (uint32_t n = node; n < graph->node_count; n++) {
        if (graph->nodes[n].whole != node)
            continue;
        const struct tm_kept one = tm_report_kept(report, n);
        sum.keys = one.keys > sum.keys ? one.keys : sum.keys;
        sum.timers += one.timers;
        sum.state_bytes += one.state_bytes;
        sum.timer_bytes += one.timer_bytes;
        sum.is_rough = sum.is_rough || one.is_rough;
    }
    return sum;
}

bool tm_report_next_state(const struct tm_report *report, uint32_t whole,
                          struct tm_report_place *at, const char **name, int64_t *bytes)
{
    const struct tm_graph *graph = report->job->graph;
    for (; at->node < graph->node_count; at->node++, at->state = 0) {
        const struct tm_node *node = &graph->nodes[at->node];
        if (node->whole != whole || at->state == node->state_count)
            continue;
        *name = node->states[at->state].name;
        *bytes = tm_report_kept_share(report, at->node, at->state++);
        return true;
    }
    return false;
}

static void print_states(const struct tm_report *report, uint32_t node, bool about)
{
    const char *name, *before = " (";
    int64_t bytes;
    char size[32];
    for (struct tm_report_place at = {.node = node};
         tm_report_next_state(report, node, &at, &name, &bytes);) {
        fprintf(stderr, "%s%s %s%s", before, name, about ? "about " : "",
                tm_text_size(bytes, size));
        before = ", ";
    }
    if (before[0] == ',')
        fputc(')', stderr);
}

// "  count: 1,000,000 keys in 61.4 MB (n about 8.0 MB), 20 timers in 4.1 kB"
void tm_report_print_kept(const struct tm_report *report)
{
    const struct tm_job *job = report->job;
    char count[32], size[32];
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        const struct tm_kept sum = tm_report_kept_whole(report, n);
        if (sum.keys == 0 && sum.timers == 0)
            continue;
        fprintf(stderr, "  %s:", node->name);
        if (sum.keys != 0)
            fprintf(stderr, " %s key%s in %s", tm_text_count((int64_t)sum.keys, count),
                    sum.keys == 1 ? "" : "s", tm_text_size(sum.state_bytes, size));
        if (sum.keys != 0)
            print_states(report, n, sum.is_rough);
        if (sum.timers != 0)
            fprintf(stderr, "%s %s timer%s in %s", sum.keys != 0 ? "," : "",
                    tm_text_count((int64_t)sum.timers, count), sum.timers == 1 ? "" : "s",
                    tm_text_size(sum.timer_bytes, size));
        fputc('\n', stderr);
    }
}

void tm_report_put_kept(const struct tm_report *report, uint32_t n, json_t *o)
{
    const struct tm_kept sum = tm_report_kept_whole(report, n);
    if (sum.state_bytes == 0 && sum.timer_bytes == 0)
        return;
    json_t *kept = json_object(), *states = json_array();
    json_object_set_new(kept, "keys", json_integer((json_int_t)sum.keys));
    json_object_set_new(kept, "state_bytes", json_integer(sum.state_bytes));
    json_object_set_new(kept, "timers", json_integer((json_int_t)sum.timers));
    json_object_set_new(kept, "timer_bytes", json_integer(sum.timer_bytes));
    const char *name;
    int64_t bytes;
    for (struct tm_report_place at = {.node = n};
         tm_report_next_state(report, n, &at, &name, &bytes);) {
        json_t *state = json_object();
        json_object_set_new(state, "name", tm_report_json_text(name));
        json_object_set_new(state, "bytes", json_integer(bytes));
        json_array_append_new(states, state);
    }
    json_object_set_new(kept, "states", states);
    if (sum.is_rough)
        json_object_set_new(kept, "states_estimated", json_true());
    json_object_set_new(o, "kept", kept);
}
