// The graph's life, and the small questions that validation, planning and printing all ask of it.
#include <stdio.h>

#include "core/base/limits.h"
#include "core/graph/graph_private.h"

int tm_graph_new(struct tm_mem *mem, struct tm_graph **graph, struct tm_error *err)
{
    struct tm_graph_private *g = tm_mem_zalloc(mem, sizeof *g);

    if (g == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for the job graph");
    g->graph.mem = mem;
    g->graph.latency_ms = TM_LATENCY_MS;
    g->graph.batch_timeout_ms = TM_BATCH_TIMEOUT_MS;
    g->graph.lua_memory_bytes = TM_LUA_MEMORY_BYTES;
    tm_arena_init(&g->arena, mem);
    g->graph.name = tm_arena_strndup(&g->arena, "job", 3);
    if (g->graph.name == NULL) {
        tm_graph_free(&g->graph);
        return tm_error_set(err, TM_E_MEMORY, "no memory for the job graph");
    }
    *graph = &g->graph;
    return 0;
}

void tm_graph_free(struct tm_graph *graph)
{
    struct tm_graph_private *g = (struct tm_graph_private *)graph;

    if (graph == NULL)
        return;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        tm_schema_unref(tm_node_schema(&graph->nodes[i]));
        tm_options_fini(&graph->nodes[i].options);
        tm_options_fini(&graph->nodes[i].format_options);
        tm__graph_forget_types(&g->declared[i]);
        for (uint32_t k = 0; k < graph->nodes[i].state_count; k++)
            tm_type_fini(&graph->nodes[i].states[k].type);
    }
    tm_mem_free(graph->mem, graph->nodes, graph->node_capacity * sizeof *graph->nodes);
    tm_mem_free(graph->mem, g->declared, graph->node_capacity * sizeof *g->declared);
    tm_arena_fini(&g->arena);
    tm_mem_free(graph->mem, g, sizeof *g);
}

void tm__graph_forget_types(struct tm_declared *declared)
{
    for (uint32_t i = 0; i < declared->count; i++)
        tm_type_fini(&declared->fields[i].type);
    declared->count = 0;
}

const struct tm_declared *tm__graph_declared(const struct tm_graph *graph, uint32_t node)
{
    const struct tm_graph_private *g = (const struct tm_graph_private *)graph;
    const struct tm_declared *declared = &g->declared[node];

    return declared->complete ? declared : NULL;
}

const struct tm_declared *tm__graph_declared_input(const struct tm_graph *graph,
                                                   const struct tm_node *node)
{
    return node->input_count == 0 ? NULL : tm__graph_declared(graph, node->inputs[0]);
}

const char *tm__graph_node_text(const struct tm_node *node, char *buf)
{
    snprintf(buf, TM_NODE_TEXT_MAX, "%s '%s'", node->verb, node->name);
    return buf;
}

bool tm__graph_is_keyed(const struct tm_node *node)
{
    switch (node->kind) {
    case TM_NODE_ROLLING:
    case TM_NODE_REDUCE:
    case TM_NODE_WINDOW:
    case TM_NODE_DISTINCT:
    case TM_NODE_EXTREME:
    case TM_NODE_TOP:
        return true;
    case TM_NODE_PROCESS: // over rows without a key it keeps state of its own
        return node->key.count != 0;
    default:
        return false;
    }
}

const char *tm__graph_kind_text(int kind)
{
    static const char *const texts[] = {
        "source", "sink",  "function", "key_by", "watermark", "rolling", "reduce", "window",
        "union",  "route", "peek",     "side",   "distinct",  "extreme", "top",    "process"};
    _Static_assert(sizeof texts / sizeof texts[0] == TM_NODE_KINDS, "a text for every kind");

    TM_CHECK(kind >= 0 && (size_t)kind < sizeof texts / sizeof texts[0]);
    return texts[kind];
}

struct walk {
    const struct tm_graph *graph;
    uint8_t *state; // by node: 0 not seen, 1 its inputs are being placed, 2 placed
    uint32_t *stack, *next_input;
    uint32_t *order, placed;
    struct tm_error *err;
};

// Depth first from a node down to its sources, without recursion: scripts decide how deep it goes.
// Dead letters are no inputs here: they go to a sink, which has no output, so they close no cycle.
static int place_from(struct walk *w, uint32_t root)
{
    uint32_t depth = 0;
    char text[TM_NODE_TEXT_MAX];

    if (w->state[root] == 2)
        return 0;
    w->stack[depth] = root;
    w->next_input[depth] = 0;
    w->state[root] = 1;
    for (;;) {
        const struct tm_node *node = &w->graph->nodes[w->stack[depth]];
        if (w->next_input[depth] == node->input_count) {
            w->state[node->id] = 2;
            w->order[w->placed++] = node->id;
            if (depth-- == 0)
                return 0;
            continue;
        }
        uint32_t input = node->inputs[w->next_input[depth]++];
        if (input >= w->graph->node_count || w->state[input] == 1) {
            tm_error_set(w->err, TM_E_GRAPH, "%s takes rows from %s; a stream cannot feed itself",
                         tm__graph_node_text(node, text),
                         input >= w->graph->node_count ? "an operator that does not exist"
                                                       : "its own output");
            tm_error_where(w->err, "%s", node->where);
            return TM_E_GRAPH;
        }
        if (w->state[input] == 0) {
            w->state[input] = 1;
            w->stack[++depth] = input; // at most node_count deep: no node is on the stack twice
            w->next_input[depth] = 0;
        }
    }
}

static int place_all(struct walk *w)
{
    int rc = 0;

    for (int sinks = 0; sinks < 2 && rc == 0; sinks++)
        for (uint32_t i = 0; i < w->graph->node_count && rc == 0; i++)
            if ((w->graph->nodes[i].kind == TM_NODE_SINK) == (sinks == 1))
                rc = place_from(w, i);
    return rc;
}

int tm__graph_order(const struct tm_graph *graph, uint32_t *order, struct tm_error *err)
{
    size_t n = graph->node_count == 0 ? 1 : graph->node_count;
    struct walk w = {.graph = graph, .order = order, .err = err};
    int rc;

    w.state = tm_mem_zalloc(graph->mem, n);
    w.stack = tm_mem_alloc(graph->mem, n * sizeof *w.stack);
    w.next_input = tm_mem_alloc(graph->mem, n * sizeof *w.next_input);
    if (w.state == NULL || w.stack == NULL || w.next_input == NULL)
        rc = tm_error_set(err, TM_E_MEMORY, "no memory to order the job graph");
    else
        rc = place_all(&w);
    tm_mem_free(graph->mem, w.state, n);
    tm_mem_free(graph->mem, w.stack, n * sizeof *w.stack);
    tm_mem_free(graph->mem, w.next_input, n * sizeof *w.next_input);
    return rc;
}

const char *tm__graph_window_text(int window)
{
    static const char *const texts[TM_WINDOW_KINDS] = {"sliding", "session", "cumulate", "global",
                                                       "count"};
    return texts[window];
}

const char *tm__graph_evictor_text(const struct tm_evictor *evictor)
{
    static const char *const texts[TM_EVICTOR_KINDS] = {"", "count", "time", "delta"};
    return texts[evictor->kind];
}

const char *tm__graph_state_text(int kind)
{
    static const char *const texts[] = {"value", "reducing", "aggregating", "list", "map"};
    return texts[kind];
}

const char *tm__graph_scope_text(int scope)
{
    static const char *const texts[] = {"key", "broadcast", "even", "union"};
    return texts[scope];
}

int64_t tm__graph_interval_ms(const struct tm_node *node)
{
    return node->interval_ms != 0 ? node->interval_ms : TM_WATERMARK_INTERVAL_MS;
}

const char *tm__graph_trigger_text(const struct tm_trigger *trigger)
{
    static const char *const texts[TM_TRIGGER_KINDS] = {
        "",
        "event_time",
        "processing_time",
        "count",
        "continuous_event_time",
        "continuous_processing_time",
        "never",
        "end_of_stream",
        "delta",
        "custom",
    };
    return texts[trigger->kind];
}

static uint32_t add_field(uint32_t *fields, uint32_t count, uint32_t field)
{
    for (uint32_t i = 0; i < count; i++)
        if (fields[i] == field)
            return count;
    fields[count] = field;
    return count + 1;
}

uint32_t tm_node_identity(const struct tm_node *node, const struct tm_schema *input,
                          uint32_t *fields)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < node->key.count; i++)
        count = add_field(fields, count, node->key.fields[i]);
    for (uint32_t i = 0; i < node->identity_count; i++)
        count = add_field(fields, count, node->identity[i]);
    for (uint32_t i = 0; node->identity_count == 0 && i < input->field_count; i++)
        if ((input->fields[i].flags & TM_FIELD_HIDDEN) == 0)
            count = add_field(fields, count, i);
    return count;
}
