// What operators kept in memory when the job ended, by state too: for people and for machines.
#include "core/cli/report.h"

#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include "core/base/text.h"

static struct tm_kept sum_of(struct tm_job *job, uint32_t node)
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

static uint64_t share_of(struct tm_job *job, uint32_t node, uint32_t state)
{
    uint64_t bytes = 0;
    for (uint32_t s = 0; s < tm_job_node_parallelism(job, node); s++) {
        const struct tm_kept *one = tm_job_kept(job, node, s);
        bytes += one->states == NULL ? 0 : one->states[state].bytes;
    }
    return bytes;
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
        for (uint32_t i = 0; sum.keys != 0 && i < node->state_count; i++)
            fprintf(stderr, "%s%s %s%s", i == 0 ? " (" : ", ", node->states[i].name,
                    tm_text_size((int64_t)share_of(job, n, i), size),
                    i + 1 == node->state_count ? ")" : "");
        if (sum.timers != 0)
            fprintf(stderr, "%s %s timer%s in %s", sum.keys != 0 ? "," : "",
                    tm_text_count((int64_t)sum.timers, count), sum.timers == 1 ? "" : "s",
                    tm_text_size(sum.timer_bytes, size));
        fputc('\n', stderr);
    }
}

void tm_report_put_kept(struct tm_job *job, uint32_t n, json_t *o)
{
    const struct tm_node *node = &job->graph->nodes[n];
    const struct tm_kept sum = sum_of(job, n);
    if (sum.state_bytes == 0 && sum.timer_bytes == 0)
        return;
    json_t *kept = json_object(), *states = json_array();
    json_object_set_new(kept, "keys", json_integer((json_int_t)sum.keys));
    json_object_set_new(kept, "state_bytes", json_integer(sum.state_bytes));
    json_object_set_new(kept, "timers", json_integer((json_int_t)sum.timers));
    json_object_set_new(kept, "timer_bytes", json_integer(sum.timer_bytes));
    for (uint32_t i = 0; i < node->state_count; i++) {
        json_t *state = json_object();
        json_object_set_new(state, "name", tm_report_json_text(node->states[i].name));
        json_object_set_new(state, "bytes", json_integer((json_int_t)share_of(job, n, i)));
        json_array_append_new(states, state);
    }
    json_object_set_new(kept, "states", states);
    json_object_set_new(o, "kept", kept);
}
