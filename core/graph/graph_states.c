// The builder functions for processes: what they keep, and their second input.
#include "core/graph/graph_builder.h"

int tm_graph_second_timeless(struct tm_graph *graph, uint32_t node)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    n->second_timeless = true;
    return 0;
}

int tm_graph_state(struct tm_graph *graph, uint32_t node, const char *name, int kind,
                   const char *type, int64_t ttl_ms, int clock, int refresh)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    int rc = check_name(graph, "a state", name);
    if (rc != 0)
        return rc;
    if (ttl_ms < 0 || kind < TM_STATE_VALUE || kind > TM_STATE_MAP || clock < TM_TTL_PROCESSING ||
        clock > TM_TTL_EVENT || refresh < TM_TTL_WRITE || refresh > TM_TTL_ACCESS)
        return FAIL(graph, TM_E_INTERNAL, "state '%s' of '%s': kind %d, ttl %lld ms, %d, %d", name,
                    n->name, kind, (long long)ttl_ms, clock, refresh);
    if (n->state_count == TM_STATES_MAX)
        return FAIL(graph, TM_E_LIMIT, "%s '%s' has more than %d states", n->verb, n->name,
                    TM_STATES_MAX);
    struct tm_state_field state = {.name = copy_text(graph, name),
                                   .kind = (uint8_t)kind,
                                   .ahead = -1,
                                   .ttl_ms = ttl_ms,
                                   .clock = (uint8_t)clock,
                                   .refresh = (uint8_t)refresh};
    struct tm_state_field *states =
        array_for_one_more(graph, n->states, n->state_count, sizeof *states);
    if (state.name == NULL || states == NULL)
        return no_memory(graph);
    rc = tm_type_parse(graph->mem, type, &state.type, &private_of(graph)->error);
    if (rc != 0)
        return tm_error_prefix(&private_of(graph)->error, "state '%s' of '%s'", name, n->name);
    n->states = states;
    n->states[n->state_count++] = state;
    return 0;
}

int tm_graph_state_scope(struct tm_graph *graph, uint32_t node, int scope)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (n->state_count == 0 || scope < TM_SCOPE_KEY || scope > TM_SCOPE_WINDOW)
        return FAIL(graph, TM_E_INTERNAL, "'%s' has %u states; the last is of scope %d", n->name,
                    n->state_count, scope);
    n->states[n->state_count - 1].scope = (uint8_t)scope;
    return 0;
}

int tm_graph_state_renamed_from(struct tm_graph *graph, uint32_t node, const char *name)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    int rc = check_name(graph, "a state", name);
    if (rc != 0)
        return rc;
    if (n->state_count == 0)
        return FAIL(graph, TM_E_INTERNAL, "the old name of no state of '%s'", n->name);
    const char *copy = copy_text(graph, name);
    n->states[n->state_count - 1].renamed_from = copy;
    return copy == NULL ? no_memory(graph) : 0;
}

int tm_graph_state_migrates(struct tm_graph *graph, uint32_t node)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (n->state_count == 0)
        return FAIL(graph, TM_E_INTERNAL, "no state of '%s' migrates", n->name);
    n->states[n->state_count - 1].migrates = true;
    return 0;
}

int tm_graph_state_ahead(struct tm_graph *graph, uint32_t node, uint32_t field)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (n->state_count == 0 || field > INT32_MAX)
        return FAIL(graph, TM_E_INTERNAL, "field %u of no state of '%s'", field, n->name);
    n->states[n->state_count - 1].ahead = (int32_t)field;
    return 0;
}

int tm_graph_state_key(struct tm_graph *graph, uint32_t node, const char *type)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    struct tm_state_field *state = n->state_count == 0 ? NULL : &n->states[n->state_count - 1];
    if (state == NULL || state->kind != TM_STATE_MAP)
        return FAIL(graph, TM_E_INTERNAL, "the type of keys of no map of '%s'", n->name);
    struct tm_type key;
    int rc = tm_type_parse(graph->mem, type, &key, &private_of(graph)->error);
    if (rc != 0)
        return tm_error_prefix(&private_of(graph)->error, "state '%s' of '%s'", state->name,
                               n->name);
    if (tm_type_is_nested(key) || key.kind == TM_TYPE_ANY) {
        tm_type_fini(&key);
        return FAIL(graph, TM_E_INTERNAL, "state '%s' of '%s': a key of type %s", state->name,
                    n->name, type);
    }
    state->key = key;
    return 0;
}

int tm_graph_of_window(struct tm_graph *graph, uint32_t node)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (n->input_count != 1)
        return FAIL(graph, TM_E_INTERNAL, "%s '%s' has %u inputs and is a part of a window",
                    n->verb, n->name, n->input_count);
    n->of_window = true;
    n->whole = graph->nodes[n->inputs[0]].whole;
    return 0;
}

int tm_graph_has_timer(struct tm_graph *graph, uint32_t node, int has_timer)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    n->has_timer = has_timer != 0;
    return 0;
}
