// What operators kept in memory when the job ended, by state too: for people and for machines.
#include "core/cli/report.h"

#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include "core/base/text.h"

static struct tm_kept sum_of_node(struct tm_job *job, uint32_t node)
{
    struct tm_kept sum = {0};
    for (uint32_t s = 0; s < tm_job_node_parallelism(job, node); s++) {
        const struct tm_kept *one = tm_job_kept(job, node, s);
        sum.keys += one->keys;
        sum.timers += one->timers;
        sum.state_bytes += one->state_bytes;
        sum.timer_bytes += one->timer_bytes;
    }
    return sum;
}

// The operator's, and of the functions behind a window that are a part of it; keys are counted
// once.
static struct tm_kept sum_of(struct tm_job *job, uint32_t node)
{
    struct tm_kept sum = {0};
    for (uint32_t n = node; n < job->graph->node_count; n++) {
        if (job->graph->nodes[n].whole != node)
            continue;
        const struct tm_kept one = sum_of_node(job, n);
        sum.keys = one.keys > sum.keys ? one.keys : sum.keys;
        sum.timers += one.timers;
        sum.state_bytes += one.state_bytes;
        sum.timer_bytes += one.timer_bytes;
    }
    return sum;
}

static int64_t share_of(struct tm_job *job, uint32_t node, uint32_t state)
{
    int64_t bytes = 0;
    for (uint32_t s = 0; s < tm_job_node_parallelism(job, node); s++) {
        const struct tm_kept *one = tm_job_kept(job, node, s);
        bytes += one->states == NULL ? 0 : (int64_t)one->states[state].bytes;
    }
    return bytes;
}

// Goes over the states of an operator and its parts; false: there is no other.
struct place {
    uint32_t node, state;
};
static bool next_state(struct tm_job *job, uint32_t whole, struct place *at, const char **name,
                       int64_t *bytes)
{
    const struct tm_graph *graph = job->graph;
    for (; at->node < graph->node_count; at->node++, at->state = 0) {
        const struct tm_node *node = &graph->nodes[at->node];
        if (node->whole != whole || at->state == node->state_count)
            continue;
        *name = node->states[at->state].name;
        *bytes = share_of(job, at->node, at->state++);
        return true;
    }
    return false;
}

static void print_states(struct tm_job *job, uint32_t node)
{
    const char *name, *before = " (";
    int64_t bytes;
    char size[32];
    for (struct place at = {.node = node}; next_state(job, node, &at, &name, &bytes);) {
        fprintf(stderr, "%s%s %s", before, name, tm_text_size(bytes, size));
        before = ", ";
    }
    if (before[0] == ',')
        fputc(')', stderr);
}

// "  count: 1,000,000 keys in 61.4 MB (n 8.0 MB), 20 timers in 4.1 kB"
void tm_report_print_kept(struct tm_job *job)
{
    char count[32], size[32];
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        const struct tm_node *node = &job->graph->nodes[n];
        const struct tm_kept sum = sum_of(job, n);
        if (sum.keys == 0 && sum.timers == 0)
            continue;
        fprintf(stderr, "  %s:", node->name);
        if (sum.keys != 0)
            fprintf(stderr, " %s key%s in %s", tm_text_count((int64_t)sum.keys, count),
                    sum.keys == 1 ? "" : "s", tm_text_size(sum.state_bytes, size));
        if (sum.keys != 0)
            print_states(job, n);
        if (sum.timers != 0)
            fprintf(stderr, "%s %s timer%s in %s", sum.keys != 0 ? "," : "",
                    tm_text_count((int64_t)sum.timers, count), sum.timers == 1 ? "" : "s",
                    tm_text_size(sum.timer_bytes, size));
        fputc('\n', stderr);
    }
}

void tm_report_put_kept(struct tm_job *job, uint32_t n, json_t *o)
{
    const struct tm_kept sum = sum_of(job, n);
    if (sum.state_bytes == 0 && sum.timer_bytes == 0)
        return;
    json_t *kept = json_object(), *states = json_array();
    json_object_set_new(kept, "keys", json_integer((json_int_t)sum.keys));
    json_object_set_new(kept, "state_bytes", json_integer(sum.state_bytes));
    json_object_set_new(kept, "timers", json_integer((json_int_t)sum.timers));
    json_object_set_new(kept, "timer_bytes", json_integer(sum.timer_bytes));
    const char *name;
    int64_t bytes;
    for (struct place at = {.node = n}; next_state(job, n, &at, &name, &bytes);) {
        json_t *state = json_object();
        json_object_set_new(state, "name", tm_report_json_text(name));
        json_object_set_new(state, "bytes", json_integer(bytes));
        json_array_append_new(states, state);
    }
    json_object_set_new(kept, "states", states);
    json_object_set_new(o, "kept", kept);
}
