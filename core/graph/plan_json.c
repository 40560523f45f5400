// The plan as JSON for programs (`tidemill plan --json`). Keys are stable; a new one may be added.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "core/graph/graph_private.h"
#include "core/graph/plan.h"

// jansson answers NULL where memory fails and json_object_set_new refuses a NULL value, so one flag
// carries a failure to the end.
struct writer {
    const struct tm_plan *plan;
    bool failed;
};

static void set(struct writer *w, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        w->failed = true;
}

static void add(struct writer *w, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        w->failed = true;
}

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
    tm_buf_init(&text, w->plan->mem);
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
        set(w, column, "name", text_of(field->name));
        set(w, column, "type", type_of(w, field->type));
        set(w, column, "required", json_boolean(field->flags & TM_FIELD_REQUIRED));
        set(w, column, "hidden", json_boolean(field->flags & TM_FIELD_HIDDEN));
        add(w, list, column);
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
        add(w, list, column_of(columns, key->fields[i]));
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
        set(w, aggregate, "kind", text_of(kinds[g->kind]));
        set(w, aggregate, "input",
            g->input_field < 0 ? json_null() : column_of(input, (uint32_t)g->input_field));
        set(w, aggregate, "output", column_of(output, g->output_field));
        if (g->kind == TM_AGGREGATE_MIN_BY || g->kind == TM_AGGREGATE_MAX_BY)
            set(w, aggregate, "by", column_of(input, g->by_field));
        if (g->kind == TM_AGGREGATE_QUANTILE)
            set(w, aggregate, "q", json_real(g->q));
        if (g->limit != 0)
            set(w, aggregate, "limit", json_integer(g->limit));
        add(w, list, aggregate);
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
        set(w, object, "name", text_of(state->name));
        set(w, object, "kind", text_of(tm__graph_state_text(state->kind)));
        if (state->kind == TM_STATE_MAP)
            set(w, object, "key", text_of(tm_type_text(state->key, type)));
        set(w, object, "type", text_of(tm_type_text(state->type, type)));
        if (state->scope != TM_SCOPE_KEY)
            set(w, object, "scope", text_of(tm__graph_scope_text(state->scope)));
        if (state->ttl_ms != 0) {
            set(w, object, "ttl_ms", number_of(state->ttl_ms));
            set(w, object, "clock", text_of(state->clock == TM_TTL_EVENT ? "event" : "processing"));
            set(w, object, "refresh",
                text_of(state->refresh == TM_TTL_ACCESS ? "access" : "write"));
        }
        add(w, list, object);
    }
    return list;
}

static json_t *trigger_of(struct writer *w, const struct tm_trigger *trigger)
{
    json_t *object = json_object();
    set(w, object, "kind", text_of(tm__graph_trigger_text(trigger)));
    if (trigger->value != 0)
        set(w, object, trigger->kind == TM_TRIGGER_COUNT ? "rows" : "interval_ms",
            number_of(trigger->value));
    if (trigger->purges)
        set(w, object, "purging", json_true());
    if (trigger->timeout_ms != 0)
        set(w, object, "timeout_ms", number_of(trigger->timeout_ms));
    return object;
}

static void set_kind_details(struct writer *w, json_t *object, const struct tm_node *node)
{
    const struct tm_declared *input = tm__graph_declared_input(w->plan->graph, node);

    if (node->kind == TM_NODE_SOURCE || node->kind == TM_NODE_SINK) {
        set(w, object, "connector", text_of(node->connector));
        set(w, object, "format", node->format[0] == '\0' ? json_null() : text_of(node->format));
    }
    if (node->key.count > 0)
        set(w, object, "key", key_of(w, input, &node->key));
    if (node->kind == TM_NODE_WATERMARK) {
        set(w, object, "time", column_of(input, (uint32_t)node->time_field));
        if (node->generator_bytes == 0)
            set(w, object, "out_of_order_ms", number_of(node->disorder_ms));
        else
            set(w, object, "generator", text_of(node->generator_periodic ? "periodic" : "event"));
        if (node->generator_periodic || node->interval_ms != 0)
            set(w, object, "interval_ms", number_of(tm__graph_interval_ms(node)));
        set(w, object, "idle_ms", number_of(node->idle_ms));
        if (node->align_group != NULL) {
            json_t *align = json_object();
            set(w, align, "group", text_of(node->align_group));
            set(w, align, "drift_ms", number_of(node->align_drift_ms));
            set(w, object, "align", align);
        }
    }
    if (node->kind == TM_NODE_WINDOW) {
        bool counts = node->window == TM_WINDOW_COUNT;
        if (node->gap != 0)
            set(w, object, "gap", column_of(input, node->gap - 1));
        if (node->window != TM_WINDOW_SLIDING)
            set(w, object, "window", text_of(tm__graph_window_text(node->window)));
        set(w, object, counts ? "size" : "size_ms", number_of(node->size_ms));
        set(w, object, counts ? "slide" : "slide_ms", number_of(node->slide_ms));
        set(w, object, "offset_ms", number_of(node->offset_ms));
        if (node->processing)
            set(w, object, "processing", json_true());
        if (node->lateness_ms != 0)
            set(w, object, "allowed_lateness_ms", number_of(node->lateness_ms));
        if (node->trigger.kind != TM_TRIGGER_DEFAULT)
            set(w, object, "trigger", trigger_of(w, &node->trigger));
        if (node->evictor.kind != TM_EVICTOR_NONE)
            set(w, object, "evictor", text_of(tm__graph_evictor_text(&node->evictor)));
    }
    if (node->kind == TM_NODE_ROUTE && node->field >= 0)
        set(w, object, "partition_by", column_of(input, (uint32_t)node->field));
    if (node->kind == TM_NODE_SIDE)
        set(w, object, "side", number_of(node->side));
    if (node->kind == TM_NODE_EXTREME || node->kind == TM_NODE_TOP) {
        set(w, object, "by", column_of(input, (uint32_t)node->field));
        set(w, object, "order", text_of(node->descending ? "descending" : "ascending"));
        set(w, object, "limit", number_of(node->limit));
    }
    if (node->kind == TM_NODE_DISTINCT) {
        json_t *fields = json_array();
        for (uint32_t i = 0; i < node->identity_count; i++)
            add(w, fields, column_of(input, node->identity[i]));
        set(w, object, "fields", fields);
        set(w, object, "ttl_ms", number_of(node->ttl_ms));
    }
    if (node->kind == TM_NODE_PROCESS || node->state_count != 0)
        set(w, object, "states", states_of(w, node));
    if (node->kind == TM_NODE_PROCESS)
        set(w, object, "timers", json_boolean(node->has_timer));
    if (node->chaining != TM_CHAINING_FREE)
        set(w, object, "chain", text_of(node->chaining == TM_CHAINING_ALWAYS ? "always" : "never"));
    if (node->kind == TM_NODE_ROLLING || node->kind == TM_NODE_REDUCE ||
        node->kind == TM_NODE_EXTREME || node->kind == TM_NODE_TOP)
        set(w, object, "emit", text_of(node->emit_final ? "final" : "every"));
    if (node->aggregate_count > 0)
        set(w, object, "aggregates", aggregates_of(w, node));
}

static json_t *node_of(struct writer *w, const struct tm_node *node)
{
    static const char *const on_error[] = {"fail", "skip", "dead_letter"};
    const struct tm_declared *columns = tm__graph_declared(w->plan->graph, node->id);
    json_t *object = json_object();

    set(w, object, "id", number_of(node->id));
    set(w, object, "kind", text_of(tm__graph_kind_text(node->kind)));
    set(w, object, "verb", text_of(node->verb));
    set(w, object, "name", text_of(node->name));
    set(w, object, "where", text_of(node->where));
    set(w, object, "on_error", text_of(on_error[node->on_error]));
    if (node->dead_letter >= 0)
        set(w, object, "dead_letter_sink", number_of(node->dead_letter));
    set_kind_details(w, object, node);
    set(w, object, "schema", columns == NULL ? json_null() : columns_of(w, columns));
    set(w, object, "changelog", json_boolean(node->changelog));
    if (columns != NULL)
        set(w, object, "event_time",
            columns->time_field < 0 ? json_null()
                                    : column_of(columns, (uint32_t)columns->time_field));
    return object;
}

static json_t *ids_of(struct writer *w, const uint32_t *ids, uint32_t count)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < count; i++)
        add(w, list, number_of(ids[i]));
    return list;
}

static json_t *chain_of(struct writer *w, const struct tm_chain *chain)
{
    json_t *object = json_object(), *nodes = json_array();

    set(w, object, "id", number_of(chain->id));
    set(w, object, "parallelism", number_of(chain->parallelism));
    set(w, object, "inputs", ids_of(w, chain->inputs, chain->input_count));
    set(w, object, "outputs", ids_of(w, chain->outputs, chain->output_count));
    for (uint32_t i = 0; i < chain->node_count; i++)
        add(w, nodes, node_of(w, &w->plan->graph->nodes[chain->nodes[i]]));
    set(w, object, "operators", nodes);
    return object;
}

static json_t *edge_of(struct writer *w, const struct tm_edge *edge)
{
    static const char *const partitions[] = {"forward", "hash", "rebalance", "broadcast",
                                             "partition"};
    const struct tm_node *from = &w->plan->graph->nodes[edge->from_node];
    json_t *object = json_object();

    set(w, object, "id", number_of(edge->id));
    set(w, object, "from_chain", number_of(edge->from_chain));
    set(w, object, "from_operator", number_of(edge->from_node));
    set(w, object, "to_chain", number_of(edge->to_chain));
    set(w, object, "to_operator", number_of(edge->to_node));
    set(w, object, "partition", text_of(partitions[edge->partition]));
    if (edge->partition == TM_PARTITION_HASH)
        set(w, object, "key",
            key_of(w, tm__graph_declared_input(w->plan->graph, from), &edge->key));
    if (edge->preaggregated)
        set(w, object, "preaggregated", json_true());
    set(w, object, "dead_letters", json_boolean(edge->dead_letter));
    return object;
}

static json_t *plan_of(struct writer *w)
{
    const struct tm_plan *plan = w->plan;
    json_t *root = json_object(), *chains = json_array(), *edges = json_array();
    char fingerprint[24];

    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, plan->graph->fingerprint);
    set(w, root, "job", text_of(plan->graph->name));
    set(w, root, "parallelism", number_of(plan->parallelism));
    set(w, root, "max_parallelism", number_of(plan->max_parallelism));
    set(w, root, "latency_ms", number_of(plan->graph->latency_ms));
    set(w, root, "fingerprint", text_of(fingerprint));
    for (uint32_t i = 0; i < plan->chain_count; i++)
        add(w, chains, chain_of(w, &plan->chains[i]));
    for (uint32_t i = 0; i < plan->edge_count; i++)
        add(w, edges, edge_of(w, &plan->edges[i]));
    set(w, root, "chains", chains);
    set(w, root, "edges", edges);
    return root;
}

static int append(const char *text, size_t len, void *arg)
{
    return tm_buf_append(arg, text, len) == 0 ? 0 : -1;
}

int tm_plan_print_json(const struct tm_plan *plan, struct tm_buf *out)
{
    struct writer w = {.plan = plan};
    json_t *root = plan_of(&w);
    int rc = 0;

    if (root == NULL || w.failed || json_dump_callback(root, append, out, JSON_INDENT(2)) != 0)
        rc = TM_E_MEMORY;
    json_decref(root);
    return rc == 0 ? tm_buf_append(out, "\n", 1) : rc;
}
