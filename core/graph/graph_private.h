// What a graph keeps beyond struct tm_graph: its arena, the last error of the builder functions,
// and the columns as declared, types still unknown included. Private to core/graph.
#pragma once

#include "core/base/arena.h"
#include "core/graph/graph.h"

// The output columns of a node as schema_begin/field/end gave them. A type kind of TM_TYPE_UNKNOWN
// ("?") waits for the operator's first real row.
struct tm_declared {
    struct tm_field_def *fields; // own the references of their types
    uint32_t count, capacity;
    uint32_t announced; // by schema_begin
    int32_t time_field;
    bool complete; // schema_end was called
};

struct tm_graph_private {
    struct tm_graph graph; // first: a tm_graph is made by tm_graph_new alone
    struct tm_arena arena; // names, places, arrays of nodes
    struct tm_error error;
    struct tm_declared *declared; // by node id; as many as graph.node_capacity
};

// Back to no columns, giving back what their types hold.
void tm__graph_forget_types(struct tm_declared *declared);
// The declared columns of a node, or NULL when it has none (a sink, or not derived yet).
const struct tm_declared *tm__graph_declared(const struct tm_graph *graph, uint32_t node);
// The declared columns of the rows that enter a node (of its first input), or NULL.
const struct tm_declared *tm__graph_declared_input(const struct tm_graph *graph,
                                                   const struct tm_node *node);
// "window 'spend'", for messages. buf: TM_NODE_TEXT_MAX bytes; returns buf.
enum { TM_NODE_TEXT_MAX = 320 };
const char *tm__graph_node_text(const struct tm_node *node, char *buf);
// Is it an operator on a keyed stream?
bool tm__graph_is_keyed(const struct tm_node *node);
const char *tm__graph_kind_text(int kind);
// "session", and "continuous_event_time"; "" for the default.
const char *tm__graph_window_text(int window);
const char *tm__graph_trigger_text(const struct tm_trigger *trigger);
const char *tm__graph_evictor_text(const struct tm_evictor *evictor);
// "map", and "broadcast".
const char *tm__graph_state_text(int kind);
const char *tm__graph_scope_text(int scope);
// How often a watermark's functions are asked.
int64_t tm__graph_interval_ms(const struct tm_node *node);
// Does the node take the changelog that it gets, if it gets one? graph_changelog.c
int tm__graph_check_changelog(const struct tm_graph *graph, const struct tm_node *node,
                              struct tm_error *err) TM_WARN_UNUSED;
// The error of an edge on which changes would overtake each other.
int tm__graph_changes_reordered(const struct tm_node *from, uint32_t from_subtasks,
                                const struct tm_node *to, uint32_t to_subtasks,
                                struct tm_error *err);
// Is it a window whose rows may be added up in front of the exchange? graph_preaggregate.c
bool tm__graph_preaggregates(const struct tm_graph *graph, const struct tm_node *node);
// Node ids so that every input stands before its consumers, and all sinks last; `order` has room
// for node_count. TM_E_GRAPH when the graph has a cycle or an input that does not exist.
int tm__graph_order(const struct tm_graph *graph, uint32_t *order,
                    struct tm_error *err) TM_WARN_UNUSED;
