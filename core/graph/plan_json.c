// The plan as JSON for programs (`tidemill plan --json`). Keys are stable; a new one may be added.
#include <inttypes.h>
#include <stdio.h>

#include "core/base/json_make.h"
#include "core/graph/graph_private.h"
#include "core/graph/plan.h"

struct writer {
    struct tm_json_maker json;
    const struct tm_plan *plan;
};

// Names are UTF-8 (tm_graph_add), places and the like come as the script has them.
static json_t *text_of(const char *text)
{
    json_t *value = json_string(text);

    if (value != NULL)
        return value;
    char plain[256];
    size_t n = 0;
    for (; text[n] != '\0' && n + 1 < sizeof plain; n++)
        plain[n] = (unsigned char)text[n] < 0x80 ? text[n] : '?';
    plain[n] = '\0';
    return json_string(plain);
}

static json_t *number_of(int64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *type_of(struct writer *w, struct tm_type type)
{
    struct tm_buf text;
    tm_buf_init(&text, w->json.mem);
    json_t *value = NULL;
    if (tm_type_put_text(&text, type) == 0)
        value = json_stringn((const char *)text.data, text.size_bytes);
    tm_buf_fini(&text);
    return value;
}

static json_t *columns_of(struct writer *w, const struct tm_declared *columns)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < columns->count; i++) {
        const struct tm_field_def *field = &columns->fields[i];
        json_t *column = json_object();
        tm_json_set(&w->json, column, "name", text_of(field->name));
        tm_json_set(&w->json, column, "type", type_of(w, field->type));
        tm_json_set(&w->json, column, "required", json_boolean(field->flags & TM_FIELD_REQUIRED));
        tm_json_set(&w->json, column, "hidden", json_boolean(field->flags & TM_FIELD_HIDDEN));
        tm_json_add(&w->json, list, column);
    }
    return list;
}

static json_t *column_of(const struct tm_declared *columns, uint32_t field)
{
    return columns != NULL && field < columns->count ? text_of(columns->fields[field].name)
                                                     : json_null();
}

static json_t *key_of(struct writer *w, const struct tm_declared *columns,
                      const struct tm_key_spec *key)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < key->count; i++)
        tm_json_add(&w->json, list, column_of(columns, key->fields[i]));
    return list;
}

static json_t *aggregates_of(struct writer *w, const struct tm_node *node)
{
    static const char *const kinds[] = {"count",
                                        "sum",
                                        "min",
                                        "max",
                                        "avg",
                                        "first",
                                        "last",
                                        "count_distinct",
                                        "count_distinct (approximate)",
                                        "quantile",
                                        "variance",
                                        "variance (population)",
                                        "stddev",
                                        "stddev (population)",
                                        "min_by",
                                        "max_by",
                                        "list",
                                        "rows",
                                        "custom"};
    const struct tm_declared *input = tm__graph_declared_input(w->plan->graph, node);
    const struct tm_declared *output = tm__graph_declared(w->plan->graph, node->id);
    json_t *list = json_array();

    for (uint32_t i = 0; i < node->aggregate_count; i++) {
        const struct tm_aggregate *g = &node->aggregates[i];
        json_t *aggregate = json_object();
        tm_json_set(&w->json, aggregate, "kind", text_of(kinds[g->kind]));
        tm_json_set(&w->json, aggregate, "input",
                    g->input_field < 0 ? json_null() : column_of(input, (uint32_t)g->input_field));
        tm_json_set(&w->json, aggregate, "output", column_of(output, g->output_field));
        if (g->kind == TM_AGGREGATE_MIN_BY || g->kind == TM_AGGREGATE_MAX_BY)
            tm_json_set(&w->json, aggregate, "by", column_of(input, g->by_field));
        if (g->kind == TM_AGGREGATE_QUANTILE)
            tm_json_set(&w->json, aggregate, "q", json_real(g->q));
        if (g->limit != 0)
            tm_json_set(&w->json, aggregate, "limit", json_integer(g->limit));
        tm_json_add(&w->json, list, aggregate);
    }
    return list;
}

static json_t *states_of(struct writer *w, const struct tm_node *node)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < node->state_count; i++) {
        const struct tm_state_field *state = &node->states[i];
        json_t *object = json_object();
        char type[TM_TYPE_TEXT];
        tm_json_set(&w->json, object, "name", text_of(state->name));
        tm_json_set(&w->json, object, "kind", text_of(tm__graph_state_text(state->kind)));
        if (state->kind == TM_STATE_MAP)
            tm_json_set(&w->json, object, "key", text_of(tm_type_text(state->key, type)));
        tm_json_set(&w->json, object, "type", text_of(tm_type_text(state->type, type)));
        if (state->scope != TM_SCOPE_KEY)
            tm_json_set(&w->json, object, "scope", text_of(tm__graph_scope_text(state->scope)));
        if (state->ttl_ms != 0) {
            tm_json_set(&w->json, object, "ttl_ms", number_of(state->ttl_ms));
            tm_json_set(&w->json, object, "clock",
                        text_of(state->clock == TM_TTL_EVENT ? "event" : "processing"));
            tm_json_set(&w->json, object, "refresh",
                        text_of(state->refresh == TM_TTL_ACCESS ? "access" : "write"));
        }
        tm_json_add(&w->json, list, object);
    }
    return list;
}

static json_t *trigger_of(struct writer *w, const struct tm_trigger *trigger)
{
    json_t *object = json_object();
    tm_json_set(&w->json, object, "kind", text_of(tm__graph_trigger_text(trigger)));
    if (trigger->value != 0)
        tm_json_set(&w->json, object, trigger->kind == TM_TRIGGER_COUNT ? "rows" : "interval_ms",
                    number_of(trigger->value));
    if (trigger->purges)
        tm_json_set(&w->json, object, "purging", json_true());
    if (trigger->timeout_ms != 0)
        tm_json_set(&w->json, object, "timeout_ms", number_of(trigger->timeout_ms));
    return object;
}

static void set_kind_details(struct writer *w, json_t *object, const struct tm_node *node)
{
    const struct tm_declared *input = tm__graph_declared_input(w->plan->graph, node);

    if (node->kind == TM_NODE_SOURCE || node->kind == TM_NODE_SINK) {
        tm_json_set(&w->json, object, "connector", text_of(node->connector));
        tm_json_set(&w->json, object, "format",
                    node->format[0] == '\0' ? json_null() : text_of(node->format));
    }
    if (node->key.count > 0)
        tm_json_set(&w->json, object, "key", key_of(w, input, &node->key));
    if (node->kind == TM_NODE_WATERMARK) {
        tm_json_set(&w->json, object, "time", column_of(input, (uint32_t)node->time_field));
        if (node->generator_bytes == 0)
            tm_json_set(&w->json, object, "out_of_order_ms", number_of(node->disorder_ms));
        else
            tm_json_set(&w->json, object, "generator",
                        text_of(node->generator_periodic ? "periodic" : "event"));
        if (node->generator_periodic || node->interval_ms != 0)
            tm_json_set(&w->json, object, "interval_ms", number_of(tm__graph_interval_ms(node)));
        tm_json_set(&w->json, object, "idle_ms", number_of(node->idle_ms));
        if (node->align_group != NULL) {
            json_t *align = json_object();
            tm_json_set(&w->json, align, "group", text_of(node->align_group));
            tm_json_set(&w->json, align, "drift_ms", number_of(node->align_drift_ms));
            tm_json_set(&w->json, object, "align", align);
        }
    }
    if (node->kind == TM_NODE_WINDOW) {
        bool counts = node->window == TM_WINDOW_COUNT;
        if (node->gap != 0)
            tm_json_set(&w->json, object, "gap", column_of(input, node->gap - 1));
        if (node->window != TM_WINDOW_SLIDING)
            tm_json_set(&w->json, object, "window", text_of(tm__graph_window_text(node->window)));
        tm_json_set(&w->json, object, counts ? "size" : "size_ms", number_of(node->size_ms));
        tm_json_set(&w->json, object, counts ? "slide" : "slide_ms", number_of(node->slide_ms));
        tm_json_set(&w->json, object, "offset_ms", number_of(node->offset_ms));
        if (node->processing)
            tm_json_set(&w->json, object, "processing", json_true());
        if (node->lateness_ms != 0)
            tm_json_set(&w->json, object, "allowed_lateness_ms", number_of(node->lateness_ms));
        if (node->trigger.kind != TM_TRIGGER_DEFAULT)
            tm_json_set(&w->json, object, "trigger", trigger_of(w, &node->trigger));
        if (node->evictor.kind != TM_EVICTOR_NONE)
            tm_json_set(&w->json, object, "evictor",
                        text_of(tm__graph_evictor_text(&node->evictor)));
    }
    if (node->kind == TM_NODE_ROUTE && node->field >= 0)
        tm_json_set(&w->json, object, "partition_by", column_of(input, (uint32_t)node->field));
    if (node->kind == TM_NODE_SIDE)
        tm_json_set(&w->json, object, "side", number_of(node->side));
    if (node->kind == TM_NODE_EXTREME || node->kind == TM_NODE_TOP) {
        tm_json_set(&w->json, object, "by", column_of(input, (uint32_t)node->field));
        tm_json_set(&w->json, object, "order",
                    text_of(node->descending ? "descending" : "ascending"));
        tm_json_set(&w->json, object, "limit", number_of(node->limit));
    }
    if (node->kind == TM_NODE_DISTINCT) {
        json_t *fields = json_array();
        for (uint32_t i = 0; i < node->identity_count; i++)
            tm_json_add(&w->json, fields, column_of(input, node->identity[i]));
        tm_json_set(&w->json, object, "fields", fields);
        tm_json_set(&w->json, object, "ttl_ms", number_of(node->ttl_ms));
    }
    if (node->kind == TM_NODE_PROCESS || node->state_count != 0)
        tm_json_set(&w->json, object, "states", states_of(w, node));
    if (node->kind == TM_NODE_PROCESS)
        tm_json_set(&w->json, object, "timers", json_boolean(node->has_timer));
    if (node->chaining != TM_CHAINING_FREE)
        tm_json_set(&w->json, object, "chain",
                    text_of(node->chaining == TM_CHAINING_ALWAYS ? "always" : "never"));
    if (node->kind == TM_NODE_ROLLING || node->kind == TM_NODE_REDUCE ||
        node->kind == TM_NODE_EXTREME || node->kind == TM_NODE_TOP)
        tm_json_set(&w->json, object, "emit", text_of(node->emit_final ? "final" : "every"));
    if (node->aggregate_count > 0)
        tm_json_set(&w->json, object, "aggregates", aggregates_of(w, node));
}

static json_t *node_of(struct writer *w, const struct tm_node *node)
{
    static const char *const on_error[] = {"fail", "skip", "dead_letter"};
    const struct tm_declared *columns = tm__graph_declared(w->plan->graph, node->id);
    json_t *object = json_object();

    tm_json_set(&w->json, object, "id", number_of(node->id));
    tm_json_set(&w->json, object, "kind", text_of(tm__graph_kind_text(node->kind)));
    tm_json_set(&w->json, object, "verb", text_of(node->verb));
    tm_json_set(&w->json, object, "name", text_of(node->name));
    tm_json_set(&w->json, object, "where", text_of(node->where));
    tm_json_set(&w->json, object, "on_error", text_of(on_error[node->on_error]));
    if (node->dead_letter >= 0)
        tm_json_set(&w->json, object, "dead_letter_sink", number_of(node->dead_letter));
    set_kind_details(w, object, node);
    tm_json_set(&w->json, object, "schema", columns == NULL ? json_null() : columns_of(w, columns));
    tm_json_set(&w->json, object, "changelog", json_boolean(node->changelog));
    if (columns != NULL)
        tm_json_set(&w->json, object, "event_time",
                    columns->time_field < 0 ? json_null()
                                            : column_of(columns, (uint32_t)columns->time_field));
    return object;
}

static json_t *ids_of(struct writer *w, const uint32_t *ids, uint32_t count)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < count; i++)
        tm_json_add(&w->json, list, number_of(ids[i]));
    return list;
}

static json_t *chain_of(struct writer *w, const struct tm_chain *chain)
{
    json_t *object = json_object(), *nodes = json_array();

    tm_json_set(&w->json, object, "id", number_of(chain->id));
    tm_json_set(&w->json, object, "parallelism", number_of(chain->parallelism));
    tm_json_set(&w->json, object, "inputs", ids_of(w, chain->inputs, chain->input_count));
    tm_json_set(&w->json, object, "outputs", ids_of(w, chain->outputs, chain->output_count));
    for (uint32_t i = 0; i < chain->node_count; i++)
        tm_json_add(&w->json, nodes, node_of(w, &w->plan->graph->nodes[chain->nodes[i]]));
    tm_json_set(&w->json, object, "operators", nodes);
    return object;
}

static json_t *edge_of(struct writer *w, const struct tm_edge *edge)
{
    static const char *const partitions[] = {"forward", "hash", "rebalance", "broadcast",
                                             "partition"};
    const struct tm_node *from = &w->plan->graph->nodes[edge->from_node];
    json_t *object = json_object();

    tm_json_set(&w->json, object, "id", number_of(edge->id));
    tm_json_set(&w->json, object, "from_chain", number_of(edge->from_chain));
    tm_json_set(&w->json, object, "from_operator", number_of(edge->from_node));
    tm_json_set(&w->json, object, "to_chain", number_of(edge->to_chain));
    tm_json_set(&w->json, object, "to_operator", number_of(edge->to_node));
    tm_json_set(&w->json, object, "partition", text_of(partitions[edge->partition]));
    if (edge->partition == TM_PARTITION_HASH)
        tm_json_set(&w->json, object, "key",
                    key_of(w, tm__graph_declared_input(w->plan->graph, from), &edge->key));
    if (edge->preaggregated)
        tm_json_set(&w->json, object, "preaggregated", json_true());
    tm_json_set(&w->json, object, "dead_letters", json_boolean(edge->dead_letter));
    return object;
}

static json_t *plan_of(struct writer *w)
{
    const struct tm_plan *plan = w->plan;
    json_t *root = json_object(), *chains = json_array(), *edges = json_array();
    char fingerprint[24];

    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, plan->graph->fingerprint);
    tm_json_set(&w->json, root, "job", text_of(plan->graph->name));
    tm_json_set(&w->json, root, "parallelism", number_of(plan->parallelism));
    tm_json_set(&w->json, root, "max_parallelism", number_of(plan->max_parallelism));
    tm_json_set(&w->json, root, "latency_ms", number_of(plan->graph->latency_ms));
    tm_json_set(&w->json, root, "fingerprint", text_of(fingerprint));
    for (uint32_t i = 0; i < plan->chain_count; i++)
        tm_json_add(&w->json, chains, chain_of(w, &plan->chains[i]));
    for (uint32_t i = 0; i < plan->edge_count; i++)
        tm_json_add(&w->json, edges, edge_of(w, &plan->edges[i]));
    tm_json_set(&w->json, root, "chains", chains);
    tm_json_set(&w->json, root, "edges", edges);
    return root;
}

int tm_plan_print_json(const struct tm_plan *plan, struct tm_buf *out)
{
    struct writer w = {.json.mem = plan->mem, .plan = plan};
    json_t *root = plan_of(&w);
    return tm_json_print(&w.json, root, 2, out);
}
