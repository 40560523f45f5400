// What may be done with a changelog: rows with kinds (+I -U +U -D), where the order of the changes
// of one row counts, and where a row that is deleted has been counted before. Operators that take
// each row for itself pass changes on; those that keep state would count a deletion as a row.
#include <string.h>

#include "core/graph/graph_private.h"

// Is the node's input a stream of changes?
static const struct tm_node *changes_of(const struct tm_graph *graph, const struct tm_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++)
        if (graph->nodes[node->inputs[i]].changelog)
            return &graph->nodes[node->inputs[i]];
    return NULL;
}

static const char fix[] =
    "emit = \"final\" makes :top give its ranking once, at the end of input, as plain rows";

static int refuse(const struct tm_node *node, struct tm_error *err)
{
    tm_error_where(err, "%s", node->where);
    return err->code;
}

static int check_sink(const struct tm_graph *graph, const struct tm_node *node,
                      const struct tm_node *from, struct tm_error *err)
{
    const struct tm_declared *input = tm__graph_declared_input(graph, node);
    char a[TM_NODE_TEXT_MAX], b[TM_NODE_TEXT_MAX];

    bool is_raw = strcmp(node->format, "raw") == 0;
    if (is_raw || strcmp(node->format, "text") == 0) {
        tm_error_set(err, TM_E_GRAPH, "%s writes %s, and the rows of %s are changes",
                     tm__graph_node_text(node, a), is_raw ? "bytes" : "texts",
                     tm__graph_node_text(from, b));
        tm_error_hint(err, "format = \"json\" or \"csv\" writes them with a first field op");
        return refuse(node, err);
    }
    if (strcmp(node->connector, "discard") == 0)
        return 0;
    for (uint32_t i = 0; input != NULL && i < input->count; i++) {
        if (strcmp(input->fields[i].name, "op") != 0)
            continue;
        tm_error_set(err, TM_E_SCHEMA,
                     "%s writes changes with a first field op, and the rows of %s have a column "
                     "op",
                     tm__graph_node_text(node, a), tm__graph_node_text(from, b));
        tm_error_hint(err, "give the column another name before the rows are ranked");
        return refuse(node, err);
    }
    return 0;
}

int tm__graph_check_changelog(const struct tm_graph *graph, const struct tm_node *node,
                              struct tm_error *err)
{
    const struct tm_node *from = changes_of(graph, node);
    char a[TM_NODE_TEXT_MAX], b[TM_NODE_TEXT_MAX];

    if (from == NULL)
        return 0;
    if (node->kind == TM_NODE_SINK)
        return check_sink(graph, node, from, err);
    if (tm__graph_is_keyed(node) || node->kind == TM_NODE_WATERMARK ||
        node->kind == TM_NODE_PROCESS) {
        tm_error_set(err, TM_E_GRAPH,
                     "%s takes plain rows, and those of %s (%s) are changes: it would count a "
                     "deleted row as one more",
                     tm__graph_node_text(node, a), tm__graph_node_text(from, b), from->where);
        tm_error_hint(err, "%s", fix);
        return refuse(node, err);
    }
    bool spreads = node->kind == TM_NODE_ROUTE && (node->partition == TM_PARTITION_REBALANCE ||
                                                   node->partition == TM_PARTITION_COLUMN);
    if (spreads) {
        tm_error_set(err, TM_E_GRAPH,
                     "%s would send changes of the same row of %s (%s) to different subtasks, and "
                     "they would lose their order",
                     tm__graph_node_text(node, a), tm__graph_node_text(from, b), from->where);
        tm_error_hint(err, "leave it out, or %s", fix);
        return refuse(node, err);
    }
    return 0;
}

int tm__graph_changes_reordered(const struct tm_node *from, uint32_t from_subtasks,
                                const struct tm_node *to, uint32_t to_subtasks,
                                struct tm_error *err)
{
    char a[TM_NODE_TEXT_MAX], b[TM_NODE_TEXT_MAX];

    tm_error_set(err, TM_E_GRAPH,
                 "%s has %u subtasks and %s has %u: changes of the same row would go to different "
                 "ones and lose their order",
                 tm__graph_node_text(from, a), from_subtasks, tm__graph_node_text(to, b),
                 to_subtasks);
    tm_error_hint(err, "give both the same parallelism, or the second one :parallelism(1)");
    return refuse(to, err);
}
