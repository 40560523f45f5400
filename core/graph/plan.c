// From the job graph to chains and edges, for given parallelism. Passes, each over the nodes with
// inputs first: subtasks of every node; which nodes are chained to their input; the chains; the
// edges between them. Reads the graph only.
#include "core/graph/plan.h"
#include "core/base/limits.h"
#include "core/batch/key_group.h"
#include "core/graph/graph_private.h"

struct planner {
    const struct tm_graph *graph;
    struct tm_plan *plan;
    uint32_t *order;
    uint32_t *parallelism; // by node
    uint32_t *consumers;   // by node, dead letters not counted
    uint32_t *chain_of;    // by node
    bool *chained;         // by node: runs in its input's chain
    struct tm_error *err;
};

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "no memory for the task plan");
}

// --- pass 1: subtasks

// Nodes that are not worth an exchange of their own: a watermark belongs to the task that reads the
// splits, a key and a route cost nothing by themselves.
static bool goes_with_input(const struct planner *p, const struct tm_node *node)
{
    switch (node->kind) {
    case TM_NODE_WATERMARK:
    case TM_NODE_KEY_BY: {
        const struct tm_node *input = &p->graph->nodes[node->inputs[0]];
        return input->kind != TM_NODE_ROUTE || input->partition == TM_PARTITION_FORWARD;
    }
    case TM_NODE_ROUTE:
    case TM_NODE_PEEK:
    case TM_NODE_SIDE:
        return true;
    default:
        return node->chaining == TM_CHAINING_ALWAYS || node->of_window ||
               (p->graph->nodes[node->inputs[0]].kind == TM_NODE_ROUTE &&
                p->graph->nodes[node->inputs[0]].partition == TM_PARTITION_FORWARD);
    }
}

static void decide_parallelism(struct planner *p, const struct tm_node *node,
                               uint32_t (*source_limit)(void *arg, const struct tm_node *node),
                               void *arg)
{
    uint32_t subtasks = node->parallelism != 0 ? node->parallelism : p->plan->parallelism;

    if (node->kind == TM_NODE_SOURCE && source_limit != NULL) {
        uint32_t limit = source_limit(arg, node);
        if (limit != 0 && limit < subtasks)
            subtasks = limit;
    }
    if (node->parallelism == 0 && node->input_count == 1 && goes_with_input(p, node))
        subtasks = p->parallelism[node->inputs[0]];
    p->parallelism[node->id] = subtasks;
}

// --- pass 2: chaining

static bool is_spread(const struct planner *p, const struct tm_node *from, const struct tm_node *to)
{
    bool by_key = from->kind == TM_NODE_KEY_BY && tm__graph_is_keyed(to);
    bool by_route = from->kind == TM_NODE_ROUTE && from->partition != TM_PARTITION_FORWARD;
    return (by_key || by_route) && (p->parallelism[from->id] > 1 || p->parallelism[to->id] > 1);
}

// Is the node, or a window that it is a part of, used more than once?
static bool is_shared(const struct planner *p, const struct tm_node *node)
{
    while (node->of_window && p->consumers[node->id] == 1)
        node = &p->graph->nodes[node->inputs[0]];
    return p->consumers[node->id] != 1;
}

// Why a node does not run in its input's chain; NULL: it does.
static const char *why_apart(const struct planner *p, const struct tm_node *node)
{
    const struct tm_node *input = &p->graph->nodes[node->inputs[0]];
    if (node->of_window)
        return NULL;
    if (node->kind == TM_NODE_UNION || node->input_count != 1)
        return "several streams meet there";
    if (node->kind == TM_NODE_SIDE)
        return "it is a side output";
    if (node->chaining == TM_CHAINING_NEVER)
        return "it says chain(\"never\")";
    // A key and a route are no work that could be kept apart.
    if (input->chaining == TM_CHAINING_NEVER && node->kind != TM_NODE_KEY_BY &&
        node->kind != TM_NODE_ROUTE)
        return "what it follows says chain(\"never\")";
    if (is_shared(p, input))
        return "what it follows is used more than once";
    if (is_spread(p, input, node))
        return "rows are spread over subtasks in front of it";
    if (p->parallelism[input->id] != p->parallelism[node->id])
        return "it has another parallelism than what it follows";
    return NULL;
}

static int decide_chaining(struct planner *p, const struct tm_node *node)
{
    if (node->input_count == 0)
        return 0;
    const char *why = why_apart(p, node);
    char text[TM_NODE_TEXT_MAX];
    p->chained[node->id] = why == NULL;
    if (why == NULL || node->chaining != TM_CHAINING_ALWAYS)
        return 0;
    tm_error_set(p->err, TM_E_GRAPH,
                 "%s says chain(\"always\"), and cannot run in one task with what it follows: %s",
                 tm__graph_node_text(node, text), why);
    tm_error_where(p->err, "%s", node->where);
    tm_error_hint(p->err, "without chain the plan decides; `tidemill plan` shows how");
    return TM_E_GRAPH;
}

// :forward() is a promise that the plan must keep.
static int check_forward(struct planner *p, const struct tm_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct tm_node *input = &p->graph->nodes[node->inputs[i]];
        char a[TM_NODE_TEXT_MAX], b[TM_NODE_TEXT_MAX];
        uint32_t from = p->parallelism[input->id], to = p->parallelism[node->id];
        if (input->kind == TM_NODE_ROUTE && input->partition == TM_PARTITION_FORWARD &&
            from != to) {
            tm_error_set(p->err, TM_E_GRAPH,
                         "%s keeps rows in their subtask, %u of them, and %s has %u",
                         tm__graph_node_text(input, a), from, tm__graph_node_text(node, b), to);
            tm_error_where(p->err, "%s", input->where);
            tm_error_hint(p->err, "give both the same parallelism, or write :rebalance() instead");
            return TM_E_GRAPH;
        }
        if (input->changelog && from != to && to > 1)
            return tm__graph_changes_reordered(input, from, node, to, p->err);
    }
    return 0;
}

// --- pass 3: chains

static int make_chains(struct planner *p)
{
    struct tm_plan *plan = p->plan;
    uint32_t count = 0;

    for (uint32_t i = 0; i < p->graph->node_count; i++)
        count += !p->chained[i];
    plan->chains = tm_mem_zalloc(plan->mem, count * sizeof *plan->chains);
    if (plan->chains == NULL)
        return no_memory(p->err);
    for (uint32_t i = 0; i < p->graph->node_count; i++) {
        const struct tm_node *node = &p->graph->nodes[p->order[i]];
        uint32_t id = p->chained[node->id] ? p->chain_of[node->inputs[0]] : plan->chain_count++;
        struct tm_chain *chain = &plan->chains[id];
        chain->id = id;
        chain->parallelism = p->parallelism[node->id];
        chain->node_count++;
        p->chain_of[node->id] = id;
    }
    for (uint32_t i = 0; i < plan->chain_count; i++) {
        struct tm_chain *chain = &plan->chains[i];
        chain->nodes = tm_mem_alloc(plan->mem, chain->node_count * sizeof *chain->nodes);
        if (chain->nodes == NULL)
            return no_memory(p->err);
    }
    // The order is depth first, so nodes of a chain need not stand together in it; their sequence
    // is right all the same.
    uint32_t *filled = tm_mem_zalloc(plan->mem, plan->chain_count * sizeof *filled);
    if (filled == NULL)
        return no_memory(p->err);
    for (uint32_t i = 0; i < p->graph->node_count; i++) {
        uint32_t id = p->chain_of[p->order[i]];
        plan->chains[id].nodes[filled[id]++] = p->order[i];
    }
    tm_mem_free(plan->mem, filled, plan->chain_count * sizeof *filled);
    return 0;
}

// --- pass 4: edges

// Rows of a key meet behind the edge: by its hash, or because there is no key and one subtask. What
// goes another way too goes as it is.
static bool is_preaggregated(const struct planner *p, const struct tm_edge *edge,
                             const struct tm_node *from, const struct tm_node *to)
{
    bool meet = edge->partition == TM_PARTITION_HASH ||
                (edge->partition == TM_PARTITION_REBALANCE && to->kind == TM_NODE_WINDOW &&
                 to->key.count == 0 && p->parallelism[to->id] == 1);
    return meet && p->consumers[from->id] == 1 && tm__graph_preaggregates(p->graph, to);
}

static void add_edge(struct planner *p, const struct tm_node *from, const struct tm_node *to,
                     uint32_t input, bool dead_letter)
{
    struct tm_plan *plan = p->plan;
    struct tm_edge *edge = &plan->edges[plan->edge_count];

    *edge = (struct tm_edge){
        .id = plan->edge_count++,
        .from_chain = p->chain_of[from->id],
        .from_node = from->id,
        .to_chain = p->chain_of[to->id],
        .to_node = to->id,
        .input = tm_node_has_two_inputs(to) ? input : 0,
        .dead_letter = dead_letter,
        .partition = TM_PARTITION_FORWARD,
    };
    if (!dead_letter && is_spread(p, from, to)) {
        edge->partition = from->kind == TM_NODE_ROUTE ? from->partition : TM_PARTITION_HASH;
        edge->key = from->key;
        if (edge->partition == TM_PARTITION_COLUMN)
            edge->key = (struct tm_key_spec){.count = 1, .fields = {(uint32_t)from->field}};
    } else if (p->parallelism[from->id] != p->parallelism[to->id]) {
        edge->partition = TM_PARTITION_REBALANCE;
    }
    edge->preaggregated = !dead_letter && is_preaggregated(p, edge, from, to);
    plan->chains[edge->from_chain].output_count++;
    plan->chains[edge->to_chain].input_count++;
}

static int make_edges(struct planner *p)
{
    struct tm_plan *plan = p->plan;
    uint32_t capacity = 0;

    for (uint32_t i = 0; i < p->graph->node_count; i++) {
        const struct tm_node *node = &p->graph->nodes[i];
        capacity += (p->chained[i] ? 0 : node->input_count) + (node->dead_letter >= 0);
    }
    if (capacity == 0)
        return 0;
    plan->edges = tm_mem_zalloc(plan->mem, capacity * sizeof *plan->edges);
    if (plan->edges == NULL)
        return no_memory(p->err);
    for (uint32_t i = 0; i < p->graph->node_count; i++) {
        const struct tm_node *node = &p->graph->nodes[p->order[i]];
        for (uint32_t k = 0; k < node->input_count && !p->chained[node->id]; k++)
            add_edge(p, &p->graph->nodes[node->inputs[k]], node, k, false);
    }
    for (uint32_t i = 0; i < p->graph->node_count; i++) {
        const struct tm_node *node = &p->graph->nodes[p->order[i]];
        if (node->dead_letter >= 0)
            add_edge(p, node, &p->graph->nodes[node->dead_letter], 0, true);
    }
    TM_CHECK(plan->edge_count == capacity);
    return 0;
}

static int link_edges(struct planner *p)
{
    struct tm_plan *plan = p->plan;

    for (uint32_t i = 0; i < plan->chain_count; i++) {
        struct tm_chain *chain = &plan->chains[i];
        uint32_t inputs = 0, outputs = 0;
        if (chain->input_count != 0)
            chain->inputs = tm_mem_alloc(plan->mem, chain->input_count * sizeof *chain->inputs);
        if (chain->output_count != 0)
            chain->outputs = tm_mem_alloc(plan->mem, chain->output_count * sizeof *chain->outputs);
        if ((chain->input_count != 0 && chain->inputs == NULL) ||
            (chain->output_count != 0 && chain->outputs == NULL))
            return no_memory(p->err);
        for (uint32_t e = 0; e < plan->edge_count; e++) {
            if (plan->edges[e].to_chain == i)
                chain->inputs[inputs++] = e;
            if (plan->edges[e].from_chain == i)
                chain->outputs[outputs++] = e;
        }
    }
    return 0;
}

// --- key groups

static int decide_max_parallelism(struct planner *p)
{
    const struct tm_node *widest = &p->graph->nodes[0];

    for (uint32_t i = 1; i < p->graph->node_count; i++)
        if (p->parallelism[i] > p->parallelism[widest->id])
            widest = &p->graph->nodes[i];
    p->plan->max_parallelism = p->graph->max_parallelism != 0
                                   ? p->graph->max_parallelism
                                   : tm_key_group_default_max(p->parallelism[widest->id]);
    if (p->plan->max_parallelism >= p->parallelism[widest->id])
        return 0;
    char text[TM_NODE_TEXT_MAX];
    tm_error_set(p->err, TM_E_GRAPH, "%s has %u subtasks, and max_parallelism of the job is %u",
                 tm__graph_node_text(widest, text), p->parallelism[widest->id],
                 p->plan->max_parallelism);
    tm_error_where(p->err, "%s", widest->where);
    tm_error_hint(p->err, "lower the parallelism, or raise max_parallelism (at most %d)",
                  TM_MAX_PARALLELISM);
    return TM_E_GRAPH;
}

// What waits is a source, by the times that its own task finds in its rows.
static int check_alignment(struct planner *p)
{
    for (uint32_t i = 0; i < p->graph->node_count; i++) {
        const struct tm_node *node = &p->graph->nodes[i];
        if (node->kind != TM_NODE_WATERMARK || node->align_group == NULL)
            continue;
        const struct tm_chain *chain = &p->plan->chains[p->chain_of[i]];
        if (p->graph->nodes[chain->nodes[0]].kind == TM_NODE_SOURCE)
            continue;
        tm_error_set(p->err, TM_E_GRAPH,
                     "%s: align makes a source wait, and here rows of several have come together "
                     "or an exchange lies between",
                     node->name);
        tm_error_where(p->err, "%s", node->where);
        tm_error_hint(p->err, "put :watermark(...) right behind the source");
        return TM_E_GRAPH;
    }
    return 0;
}

static int run_passes(struct planner *p,
                      uint32_t (*source_limit)(void *arg, const struct tm_node *node), void *arg)
{
    int rc = tm__graph_order(p->graph, p->order, p->err);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < p->graph->node_count; i++) {
        const struct tm_node *node = &p->graph->nodes[p->order[i]];
        decide_parallelism(p, node, source_limit, arg);
        for (uint32_t k = 0; k < node->input_count; k++)
            p->consumers[node->inputs[k]]++;
    }
    for (uint32_t i = 0; i < p->graph->node_count && rc == 0; i++) {
        rc = decide_chaining(p, &p->graph->nodes[i]);
        if (rc == 0)
            rc = check_forward(p, &p->graph->nodes[i]);
    }
    if (rc == 0)
        rc = decide_max_parallelism(p);
    if (rc == 0)
        rc = make_chains(p);
    if (rc == 0)
        rc = make_edges(p);
    if (rc == 0)
        rc = link_edges(p);
    if (rc == 0)
        rc = check_alignment(p);
    return rc;
}

static int plan_with_memory(struct planner *p,
                            uint32_t (*source_limit)(void *arg, const struct tm_node *node),
                            void *arg)
{
    struct tm_mem *mem = p->plan->mem;
    size_t n = p->graph->node_count;
    int rc;

    p->order = tm_mem_alloc(mem, n * sizeof *p->order);
    p->parallelism = tm_mem_zalloc(mem, n * sizeof *p->parallelism);
    p->consumers = tm_mem_zalloc(mem, n * sizeof *p->consumers);
    p->chain_of = tm_mem_zalloc(mem, n * sizeof *p->chain_of);
    p->chained = tm_mem_zalloc(mem, n * sizeof *p->chained);
    if (p->order == NULL || p->parallelism == NULL || p->consumers == NULL || p->chain_of == NULL ||
        p->chained == NULL)
        rc = no_memory(p->err);
    else
        rc = run_passes(p, source_limit, arg);
    tm_mem_free(mem, p->order, n * sizeof *p->order);
    tm_mem_free(mem, p->parallelism, n * sizeof *p->parallelism);
    tm_mem_free(mem, p->consumers, n * sizeof *p->consumers);
    tm_mem_free(mem, p->chain_of, n * sizeof *p->chain_of);
    tm_mem_free(mem, p->chained, n * sizeof *p->chained);
    return rc;
}

int tm_plan_new(struct tm_mem *mem, const struct tm_graph *graph, uint32_t parallelism,
                uint32_t (*source_limit)(void *arg, const struct tm_node *node), void *arg,
                struct tm_plan **out, struct tm_error *err)
{
    if (graph->node_count == 0)
        return tm_error_set(err, TM_E_GRAPH, "job '%s' has no operators", graph->name);
    if (parallelism == 0 || parallelism > TM_PARALLELISM_MAX)
        return tm_error_set(err, TM_E_LIMIT, "parallelism is %u; allowed are 1 to %d", parallelism,
                            TM_PARALLELISM_MAX);
    struct tm_plan *plan = tm_mem_zalloc(mem, sizeof *plan);
    if (plan == NULL)
        return no_memory(err);
    plan->mem = mem;
    plan->graph = graph;
    plan->parallelism = parallelism;
    struct planner p = {.graph = graph, .plan = plan, .err = err};
    int rc = plan_with_memory(&p, source_limit, arg);
    if (rc != 0) {
        tm_plan_free(plan);
        return rc;
    }
    *out = plan;
    return 0;
}

void tm_plan_free(struct tm_plan *plan)
{
    if (plan == NULL)
        return;
    for (uint32_t i = 0; plan->chains != NULL && i < plan->chain_count; i++) {
        struct tm_chain *chain = &plan->chains[i];
        tm_mem_free(plan->mem, chain->nodes, chain->node_count * sizeof *chain->nodes);
        tm_mem_free(plan->mem, chain->inputs, chain->input_count * sizeof *chain->inputs);
        tm_mem_free(plan->mem, chain->outputs, chain->output_count * sizeof *chain->outputs);
    }
    tm_mem_free(plan->mem, plan->chains, plan->chain_count * sizeof *plan->chains);
    tm_mem_free(plan->mem, plan->edges, plan->edge_count * sizeof *plan->edges);
    tm_mem_free(plan->mem, plan, sizeof *plan);
}
