// The task plan: chains of operators and the edges between them, for given parallelism. Immutable;
// shared by all threads.
#pragma once

#include "core/graph/graph.h"
#include "core/graph/partition_kind.h"

// Rows that leave `from_node` (the last of its chain, or any for dead letters) for the first node
// of `to_chain`.
struct tm_edge {
    uint32_t id;
    uint32_t from_chain, from_node;
    uint32_t to_chain, to_node;
    uint32_t input;         // which of to_node's that have schemas of their own; else 0
    uint8_t partition;      // enum tm_partition_kind
    bool dead_letter;       // carries tm_dead_letter_schema rows of from_node's errors
    bool preaggregated;     // rows of a key and slice of to_node's windows may go as one
    struct tm_key_spec key; // HASH; COLUMN: that column
};

// A chain runs as `parallelism` tasks. A node is chained to its input when it is the input's only
// consumer, the parallelism is equal, and nothing is repartitioned (a hash edge between two single
// subtasks is not). :chain("never") keeps a node apart from both its
// input and what follows; :chain("always") is an error where it cannot be kept.
struct tm_chain {
    uint32_t id;
    uint32_t *nodes; // node ids in order; the first may be a UNION, which costs nothing
    uint32_t node_count;
    uint32_t parallelism;
    uint32_t *inputs; // edge ids; none: the first node is a source
    uint32_t input_count;
    uint32_t *outputs; // edge ids, dead letters included
    uint32_t output_count;
};

struct tm_plan {
    struct tm_mem *mem;
    const struct tm_graph *graph;
    uint32_t parallelism, max_parallelism;
    struct tm_chain *chains;
    uint32_t chain_count;
    struct tm_edge *edges;
    uint32_t edge_count;
};

// `parallelism`: the job's, already decided. `source_limit(arg, node)` says how many subtasks a
// source can use (standard input: 1), 0 = any; what is below it in the chain then gets a REBALANCE
// edge.
int tm_plan_new(struct tm_mem *mem, const struct tm_graph *graph, uint32_t parallelism,
                uint32_t (*source_limit)(void *arg, const struct tm_node *node), void *arg,
                struct tm_plan **plan, struct tm_error *err) TM_WARN_UNUSED;
void tm_plan_free(struct tm_plan *plan);
// Warnings about the plan, in the order of the operators: each goes to `each`, whose texts hold
// during the call. `several_files(arg, node)`: may this source read several splits in one subtask?
struct tm_plan_findings {
    const struct tm_plan *plan;
    bool (*several_files)(void *arg, const struct tm_node *source);
    tm_finding_each *each;
    void *arg;
};
void tm_plan_find(const struct tm_plan_findings *findings);
// The plan for people: chains with operators, parallelism, schemas ("?" where the first row settles
// a type), edges.
int tm_plan_print(const struct tm_plan *plan, struct tm_buf *out) TM_WARN_UNUSED;
int tm_plan_print_json(const struct tm_plan *plan, struct tm_buf *out) TM_WARN_UNUSED;
