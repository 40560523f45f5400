// What the builder functions of a graph (graph.ffi.h) share: an operator by its number, copies in
// the graph's arena, and the text of a failure, which stays in the graph. Private to core/graph.
#pragma once

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/graph/graph_private.h"

#define FAIL(graph, ...) tm_error_set(&private_of(graph)->error, __VA_ARGS__)

static inline struct tm_graph_private *private_of(struct tm_graph *graph)
{
    return (struct tm_graph_private *)graph;
}

static inline int no_memory(struct tm_graph *graph)
{
    return FAIL(graph, TM_E_MEMORY, "no memory for the job graph");
}

static inline struct tm_node *find_node(struct tm_graph *graph, uint32_t id)
{
    if (id < graph->node_count)
        return &graph->nodes[id];
    FAIL(graph, TM_E_GRAPH, "there is no operator %u; the graph has %u", id, graph->node_count);
    return NULL;
}

static inline const char *copy_text(struct tm_graph *graph, const char *text)
{
    return tm_arena_strndup(&private_of(graph)->arena, text, strlen(text));
}

static inline int check_name(struct tm_graph *graph, const char *what, const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > TM_NAME_MAX)
        return FAIL(graph, TM_E_LIMIT, "the name of %s has %zu bytes; allowed are 1 to %d", what,
                    len, TM_NAME_MAX);
    if (!tm_text_is_utf8(name, len))
        return FAIL(graph, TM_E_ARGUMENT, "the name of %s is not valid UTF-8", what);
    return 0;
}

// An array in the arena with room for one more; it doubles, what it leaves behind goes with the
// graph.
static inline void *array_for_one_more(struct tm_graph *graph, void *array, uint32_t count,
                                       size_t size)
{
    if ((count & (count - 1)) != 0)
        return array; // not a power of two: there is room
    void *grown =
        tm_arena_alloc(&private_of(graph)->arena, (count == 0 ? 1 : (size_t)count * 2) * size);
    if (grown != NULL && count != 0)
        memcpy(grown, array, count * size);
    return grown;
}
