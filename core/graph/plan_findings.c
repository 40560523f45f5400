// What a plan does that its author may not think of: watermarks that are made where rows of inputs
// that are read at uneven speed have already mixed. A watermark follows the largest time seen, so
// the rows of the slower input are late there. In the chain of its source it knows the splits apart
// and waits for the slowest; on each branch of a union the gate of the union waits.
#include <stdio.h>
#include <string.h>

#include "core/graph/graph_private.h"
#include "core/graph/plan.h"

static const struct tm_chain *chain_of(const struct tm_plan *plan, uint32_t node)
{
    for (uint32_t i = 0; i < plan->chain_count; i++)
        for (uint32_t k = 0; k < plan->chains[i].node_count; k++)
            if (plan->chains[i].nodes[k] == node)
                return &plan->chains[i];
    return NULL;
}

// Where the rows of a watermark mix: the lowest operator above it, or it itself, at which inputs
// come together.
struct mix {
    const struct tm_node *at;    // a union, or the first operator behind an exchange; NULL: nowhere
    uint32_t subtasks;           // whose rows come together there
    const struct tm_node *files; // the source whose files mix, where that is all
};

// The edge between the node and its input, or NULL: they are of one chain.
static const struct tm_edge *edge_above(const struct tm_plan *plan, const struct tm_node *node)
{
    const struct tm_chain *chain = chain_of(plan, node->id);
    for (uint32_t i = 0; chain != NULL && i < chain->input_count; i++) {
        const struct tm_edge *edge = &plan->edges[chain->inputs[i]];
        if (edge->to_node == node->id && !edge->dead_letter)
            return edge;
    }
    return NULL;
}

static struct mix find_mix(const struct tm_plan_findings *f, const struct tm_node *watermark)
{
    const struct tm_graph *graph = f->plan->graph;
    const struct tm_node *node = watermark, *apart = NULL; // the first in another chain than above

    // What a window gives comes in the order of time, whatever the order of its rows.
    while (node->input_count > 0 && node->kind != TM_NODE_WINDOW) {
        const struct tm_edge *edge = edge_above(f->plan, node);
        uint32_t subtasks = edge == NULL ? 1 : f->plan->chains[edge->from_chain].parallelism;
        if (node->kind == TM_NODE_UNION && node->input_count > 1)
            return (struct mix){.at = node};
        if (edge != NULL && edge->partition != TM_PARTITION_FORWARD && subtasks > 1)
            return (struct mix){.at = node, .subtasks = subtasks};
        apart = edge != NULL ? node : apart;
        node = &graph->nodes[node->inputs[0]];
    }
    if (apart != NULL && node->kind == TM_NODE_SOURCE && f->several_files(f->arg, node))
        return (struct mix){.at = apart, .files = node};
    return (struct mix){.at = NULL};
}

static void say(const struct tm_plan_findings *f, const struct tm_node *watermark,
                const struct mix *mix)
{
    char message[TM_NODE_TEXT_MAX + 200], text[TM_NODE_TEXT_MAX], at[TM_NODE_TEXT_MAX + 64] = "it";
    const char *hint = "put :watermark(...) right behind the source";
    if (mix->at != watermark)
        snprintf(at, sizeof at, "%s (%s)", tm__graph_node_text(mix->at, text), mix->at->where);
    if (mix->at->kind == TM_NODE_UNION) {
        snprintf(message, sizeof message,
                 "watermark after a union (%s): rows of the slower branch can be late",
                 mix->at->where);
        hint = "put :watermark(...) on each branch, before :union";
    } else if (mix->files != NULL) {
        snprintf(message, sizeof message,
                 "watermark apart from its source (%s): rows of several files mix on the way to "
                 "%s, and those of the slower file can be late",
                 mix->files->where, at);
        if (mix->at == watermark)
            hint = "put :watermark(...) right behind the source, before its stream is used twice";
    } else {
        snprintf(message, sizeof message,
                 "watermark behind an exchange: rows of %u subtasks mix on the way to %s, and "
                 "those of the slower one can be late",
                 mix->subtasks, at);
    }
    f->each(f->arg, &(struct tm_finding){.code = TM_E_MIXED_WATERMARK,
                                         .severity = "warning",
                                         .where = watermark->where,
                                         .message = message,
                                         .hint = hint});
}

void tm_plan_find(const struct tm_plan_findings *findings)
{
    const struct tm_graph *graph = findings->plan->graph;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct tm_node *node = &graph->nodes[i];
        if (node->kind != TM_NODE_WATERMARK)
            continue;
        struct mix mix = find_mix(findings, node);
        if (mix.at != NULL)
            say(findings, node, &mix);
    }
}
