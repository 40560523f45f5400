// The builder functions of windows (graph.ffi.h): kinds, lateness, triggers, evictors.
#include "core/graph/graph_builder.h"

static struct tm_node *find_window(struct tm_graph *graph, uint32_t node)
{
    if (node < graph->node_count && graph->nodes[node].kind == TM_NODE_WINDOW)
        return &graph->nodes[node];
    (void)FAIL(graph, TM_E_INTERNAL, "operator %u is no window", node);
    return NULL;
}

int tm_graph_window_kind(struct tm_graph *graph, uint32_t node, int kind, int processing)
{
    struct tm_node *n = find_window(graph, node);
    if (n == NULL)
        return TM_E_INTERNAL;
    if (kind < 0 || kind >= TM_WINDOW_KINDS)
        return FAIL(graph, TM_E_INTERNAL, "window '%s' is of kind %d", n->name, kind);
    n->window = (uint8_t)kind;
    n->processing = processing != 0;
    return 0;
}

int tm_graph_window_lateness(struct tm_graph *graph, uint32_t node, int64_t lateness_ms)
{
    struct tm_node *n = find_window(graph, node);
    if (n == NULL)
        return TM_E_INTERNAL;
    if (lateness_ms < 0 || lateness_ms > TM_INT_MAX)
        return FAIL(graph, TM_E_ARGUMENT, "window '%s' allows lateness of %lld ms", n->name,
                    (long long)lateness_ms);
    n->lateness_ms = lateness_ms;
    return 0;
}

int tm_graph_window_gap(struct tm_graph *graph, uint32_t node, uint32_t field)
{
    struct tm_node *n = find_window(graph, node);
    if (n == NULL)
        return TM_E_INTERNAL;
    if (field >= TM_FIELDS_MAX)
        return FAIL(graph, TM_E_INTERNAL, "window '%s' has its gap in column %u", n->name, field);
    n->gap = field + 1;
    return 0;
}

int tm_graph_window_late_side(struct tm_graph *graph, uint32_t node)
{
    struct tm_node *n = find_window(graph, node);
    if (n == NULL)
        return TM_E_INTERNAL;
    n->late_side = true;
    return 0;
}

int tm_graph_window_tells_end(struct tm_graph *graph, uint32_t node)
{
    struct tm_node *n = find_window(graph, node);
    if (n == NULL)
        return TM_E_INTERNAL;
    n->tells_end = true;
    return 0;
}

int tm_graph_window_functions(struct tm_graph *graph, uint32_t node, uint32_t functions)
{
    struct tm_node *n = find_window(graph, node);
    if (n == NULL)
        return TM_E_INTERNAL;
    n->trigger.functions = functions;
    return 0;
}

int tm_graph_window_threshold(struct tm_graph *graph, uint32_t node, double threshold)
{
    struct tm_node *n = find_window(graph, node);
    if (n == NULL)
        return TM_E_INTERNAL;
    n->trigger.threshold = threshold;
    return 0;
}

int tm_graph_window_evictor(struct tm_graph *graph, uint32_t node, int kind, double value,
                            int after)
{
    struct tm_node *n = find_window(graph, node);
    if (n == NULL)
        return TM_E_INTERNAL;
    bool counts = kind == TM_EVICTOR_COUNT || kind == TM_EVICTOR_TIME;
    // Windows of rows that overlap keep the last ones by themselves.
    bool keeps_last = n->window == TM_WINDOW_COUNT && n->slide_ms != n->size_ms;
    if (kind <= TM_EVICTOR_NONE || kind >= TM_EVICTOR_KINDS || keeps_last ||
        (counts && !(value >= 0 && value <= TM_INT_MAX)))
        return FAIL(graph, TM_E_ARGUMENT, "window '%s': evictor %d with %g", n->name, kind, value);
    n->evictor = (struct tm_evictor){.kind = (uint8_t)kind, .after = after != 0, .value = value};
    return 0;
}

int tm_graph_window_trigger(struct tm_graph *graph, uint32_t node, int kind, int64_t value,
                            uint32_t flags)
{
    struct tm_node *n = find_window(graph, node);
    if (n == NULL)
        return TM_E_INTERNAL;
    struct tm_trigger *trigger = &n->trigger;
    bool takes_value = kind == TM_TRIGGER_COUNT || kind == TM_TRIGGER_PROCESSING_TIMEOUT ||
                       kind == TM_TRIGGER_CONTINUOUS_EVENT_TIME ||
                       kind == TM_TRIGGER_CONTINUOUS_PROCESSING_TIME;
    bool wraps = kind == TM_TRIGGER_PURGING || kind == TM_TRIGGER_PROCESSING_TIMEOUT;
    if (kind <= TM_TRIGGER_DEFAULT || kind >= TM_TRIGGER_KINDS || (takes_value && value <= 0) ||
        value > TM_INT_MAX || wraps != (trigger->kind != TM_TRIGGER_DEFAULT) ||
        (kind == TM_TRIGGER_PROCESSING_TIMEOUT && trigger->timeout_ms != 0))
        return FAIL(graph, TM_E_ARGUMENT, "window '%s': trigger %d with %lld after trigger %u",
                    n->name, kind, (long long)value, trigger->kind);
    if (kind == TM_TRIGGER_PURGING) {
        trigger->purges = true;
        trigger->timeout_purges = trigger->timeout_ms != 0;
    } else if (kind == TM_TRIGGER_PROCESSING_TIMEOUT) {
        trigger->timeout_ms = value;
        trigger->timeout_resets = (flags & TM_TIMEOUT_RESET) != 0;
        trigger->timeout_keeps = (flags & TM_TIMEOUT_KEEP) != 0;
    } else {
        trigger->kind = (uint8_t)kind;
        trigger->value = value;
    }
    return 0;
}
