// The builder functions that the planning Lua state calls through the FFI (graph.ffi.h). Each
// checks what it is given against the graph so far, copies it, and leaves the text of a failure in
// the graph, since a tm_error does not cross the FFI.
#include <math.h>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/graph/graph_builder.h"

const char *tm_graph_error_text(struct tm_graph *graph)
{
    return private_of(graph)->error.message;
}

int tm_graph_job(struct tm_graph *graph, const char *name, uint32_t parallelism,
                 uint32_t max_parallelism, int64_t latency_ms, int64_t lua_memory_bytes)
{
    int rc = check_name(graph, "the job", name);
    if (rc != 0)
        return rc;
    if (parallelism > TM_PARALLELISM_MAX)
        return FAIL(graph, TM_E_LIMIT, "parallelism is %u; allowed are 1 to %d", parallelism,
                    TM_PARALLELISM_MAX);
    if (max_parallelism > TM_MAX_PARALLELISM)
        return FAIL(graph, TM_E_LIMIT, "max_parallelism is %u; allowed are 1 to %d",
                    max_parallelism, TM_MAX_PARALLELISM);
    if (latency_ms < 0 || latency_ms > 86400000)
        return FAIL(graph, TM_E_LIMIT, "latency is %lld ms; allowed are 0 to 1 day",
                    (long long)latency_ms);
    if (lua_memory_bytes != 0 && lua_memory_bytes < TM_LUA_MEMORY_BYTES_MIN)
        return FAIL(graph, TM_E_LIMIT, "lua_memory is %lld bytes; at least %d are needed",
                    (long long)lua_memory_bytes, TM_LUA_MEMORY_BYTES_MIN);
    char *copy = tm_arena_strndup(&private_of(graph)->arena, name, strlen(name));
    if (copy == NULL)
        return no_memory(graph);
    graph->name = copy;
    graph->parallelism = parallelism;
    graph->max_parallelism = max_parallelism;
    graph->latency_ms = latency_ms;
    graph->lua_memory_bytes = lua_memory_bytes != 0 ? lua_memory_bytes : TM_LUA_MEMORY_BYTES;
    return 0;
}

static int grow_nodes(struct tm_graph *graph)
{
    struct tm_graph_private *g = private_of(graph);
    uint32_t old = graph->node_capacity;
    uint32_t capacity = old == 0 ? 16 : old * 2;

    struct tm_declared *declared = tm_mem_alloc(graph->mem, capacity * sizeof *declared);
    struct tm_node *nodes = tm_mem_alloc(graph->mem, capacity * sizeof *nodes);
    if (declared == NULL || nodes == NULL) {
        tm_mem_free(graph->mem, declared, capacity * sizeof *declared);
        tm_mem_free(graph->mem, nodes, capacity * sizeof *nodes);
        return no_memory(graph);
    }
    if (old != 0) {
        memcpy(declared, g->declared, old * sizeof *declared);
        memcpy(nodes, graph->nodes, old * sizeof *nodes);
    }
    tm_mem_free(graph->mem, g->declared, old * sizeof *declared);
    tm_mem_free(graph->mem, graph->nodes, old * sizeof *nodes);
    g->declared = declared;
    graph->nodes = nodes;
    graph->node_capacity = capacity;
    return 0;
}

int tm_graph_add(struct tm_graph *graph, int kind, const char *verb, const char *name,
                 const char *where)
{
    int rc = check_name(graph, verb, name);
    if (rc != 0)
        return rc;
    if (kind < TM_NODE_SOURCE || kind >= TM_NODE_KINDS)
        return FAIL(graph, TM_E_INTERNAL, "%s '%s' has kind %d, which does not exist", verb, name,
                    kind);
    if (graph->node_count == TM_NODES_MAX)
        return FAIL(graph, TM_E_LIMIT, "the job has more than %d operators", TM_NODES_MAX);
    if (graph->node_count == graph->node_capacity) {
        rc = grow_nodes(graph);
        if (rc != 0)
            return rc;
    }
    struct tm_node node = {
        .id = graph->node_count,
        .whole = graph->node_count,
        .kind = (uint8_t)kind,
        .verb = copy_text(graph, verb),
        .name = copy_text(graph, name),
        .where = copy_text(graph, where),
        .dead_letter = -1,
        .connector = "",
        .format = "",
        .time_field = -1,
        .field = -1,
        .rank_field = -1,
    };
    if (node.verb == NULL || node.name == NULL || node.where == NULL)
        return no_memory(graph);
    tm_options_init(&node.options, graph->mem);
    tm_options_init(&node.format_options, graph->mem);
    memcpy(&graph->nodes[node.id], &node, sizeof node);
    private_of(graph)->declared[node.id] = (struct tm_declared){.time_field = -1};
    graph->node_count++;
    return (int)node.id;
}

int tm_graph_renamed_from(struct tm_graph *graph, uint32_t node, const char *name)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    int rc = check_name(graph, n->verb, name);
    if (rc != 0)
        return rc;
    n->renamed_from = copy_text(graph, name);
    return n->renamed_from == NULL ? no_memory(graph) : 0;
}

int tm_graph_input(struct tm_graph *graph, uint32_t node, uint32_t input)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL || find_node(graph, input) == NULL)
        return TM_E_GRAPH;
    uint32_t *inputs = array_for_one_more(graph, n->inputs, n->input_count, sizeof *inputs);
    if (inputs == NULL)
        return no_memory(graph);
    n->inputs = inputs;
    n->inputs[n->input_count++] = input;
    return 0;
}

int tm_graph_parallelism(struct tm_graph *graph, uint32_t node, uint32_t parallelism)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (parallelism > TM_PARALLELISM_MAX)
        return FAIL(graph, TM_E_LIMIT, "parallelism of %s '%s' is %u; allowed are 1 to %d", n->verb,
                    n->name, parallelism, TM_PARALLELISM_MAX);
    n->parallelism = parallelism;
    return 0;
}

int tm_graph_on_error(struct tm_graph *graph, uint32_t node, int on_error, int dead_letter)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (on_error < TM_ON_ERROR_FAIL || on_error > TM_ON_ERROR_DEAD_LETTER)
        return FAIL(graph, TM_E_ARGUMENT,
                    "on_error of %s '%s' is %d; allowed are fail, skip and a dead-letter sink",
                    n->verb, n->name, on_error);
    if (on_error == TM_ON_ERROR_DEAD_LETTER &&
        (dead_letter < 0 || find_node(graph, (uint32_t)dead_letter) == NULL))
        return FAIL(graph, TM_E_GRAPH, "on_error of %s '%s' has no dead-letter sink", n->verb,
                    n->name);
    n->on_error = (uint8_t)on_error;
    n->dead_letter = on_error == TM_ON_ERROR_DEAD_LETTER ? dead_letter : -1;
    return 0;
}

int tm_graph_schema_begin(struct tm_graph *graph, uint32_t node, uint32_t field_count,
                          int time_field)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (field_count == 0 || field_count > TM_FIELDS_MAX)
        return FAIL(graph, TM_E_SCHEMA, "%s '%s' has %u columns; allowed are 1 to %d", n->verb,
                    n->name, field_count, TM_FIELDS_MAX);
    if (time_field < -1 || time_field >= (int)field_count)
        return FAIL(graph, TM_E_SCHEMA, "%s '%s' has its event time in column %d of %u", n->verb,
                    n->name, time_field, field_count);
    struct tm_declared *d = &private_of(graph)->declared[node];
    tm__graph_forget_types(d);
    if (d->capacity < field_count) {
        d->fields = tm_arena_alloc(&private_of(graph)->arena, field_count * sizeof *d->fields);
        d->capacity = d->fields == NULL ? 0 : field_count;
        if (d->fields == NULL)
            return no_memory(graph);
    }
    d->announced = field_count;
    d->time_field = time_field;
    d->complete = false;
    return 0;
}

int tm_graph_schema_field(struct tm_graph *graph, uint32_t node, const char *name, const char *type,
                          uint32_t flags)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    struct tm_declared *d = &private_of(graph)->declared[node];
    if (d->complete || d->count >= d->announced)
        return FAIL(graph, TM_E_INTERNAL, "column %s of %s '%s' is outside begin and end", name,
                    n->verb, n->name);
    struct tm_field_def field = {.flags = flags};
    int rc = tm_type_parse(graph->mem, type, &field.type, &private_of(graph)->error);
    if (rc != 0)
        return tm_error_prefix(&private_of(graph)->error, "column %s of %s '%s'", name, n->verb,
                               n->name);
    field.name = copy_text(graph, name);
    if (field.name == NULL) {
        tm_type_fini(&field.type);
        return no_memory(graph);
    }
    d->fields[d->count++] = field;
    return 0;
}

static bool is_settled(const struct tm_declared *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->fields[i].type.kind == TM_TYPE_UNKNOWN)
            return false;
    return true;
}

static int publish(struct tm_graph *graph, struct tm_node *n, const struct tm_declared *d)
{
    struct tm_schema *schema, *before = tm_node_schema(n);
    int rc = tm_schema_new(graph->mem, d->fields, d->count, d->time_field, &schema,
                           &private_of(graph)->error);
    if (rc != 0)
        return tm_error_prefix(&private_of(graph)->error, "%s '%s'", n->verb, n->name);
    if (n->changelog)
        tm_schema_set_changelog(schema);
    if (before == NULL) {
        // partner: the acquire load of tm_node_schema, in any thread
        __atomic_store_n((struct tm_schema **)&n->schema, schema, __ATOMIC_RELEASE);
        return 0;
    }
    bool same = tm_schema_equal(before, schema);
    tm_schema_unref(schema);
    return same ? 0
                : FAIL(graph, TM_E_SCHEMA, "the columns of %s '%s' are settled and cannot change",
                       n->verb, n->name);
}

int tm_graph_schema_end(struct tm_graph *graph, uint32_t node)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    struct tm_declared *d = &private_of(graph)->declared[node];
    if (d->count != d->announced || d->count == 0)
        return FAIL(graph, TM_E_INTERNAL, "%s '%s' announced %u columns and gave %u", n->verb,
                    n->name, d->announced, d->count);
    d->complete = true;
    return is_settled(d) ? publish(graph, n, d) : 0;
}

static int add_key_field(struct tm_graph *graph, const struct tm_node *n, struct tm_key_spec *key,
                         uint32_t field)
{
    if (key->count == TM_KEY_FIELDS_MAX)
        return FAIL(graph, TM_E_LIMIT, "the key of %s '%s' has more than %d columns", n->verb,
                    n->name, TM_KEY_FIELDS_MAX);
    if (field >= TM_FIELDS_MAX)
        return FAIL(graph, TM_E_UNKNOWN_FIELD, "the key of %s '%s' names column %u", n->verb,
                    n->name, field);
    key->fields[key->count++] = field;
    return 0;
}

int tm_graph_key(struct tm_graph *graph, uint32_t node, uint32_t field)
{
    struct tm_node *n = find_node(graph, node);
    return n == NULL ? TM_E_GRAPH : add_key_field(graph, n, &n->key, field);
}

int tm_graph_second_key(struct tm_graph *graph, uint32_t node, uint32_t field)
{
    struct tm_node *n = find_node(graph, node);
    return n == NULL ? TM_E_GRAPH : add_key_field(graph, n, &n->second_key, field);
}

int tm_graph_connector(struct tm_graph *graph, uint32_t node, const char *connector,
                       const char *format)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    const char *connector_copy = copy_text(graph, connector);
    const char *format_copy = copy_text(graph, format == NULL ? "" : format);
    if (connector_copy == NULL || format_copy == NULL)
        return no_memory(graph);
    n->connector = connector_copy;
    n->format = format_copy;
    return 0;
}

int tm_graph_option_string(struct tm_graph *graph, uint32_t node, const char *name,
                           const char *value)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    return tm_options_set_string(&n->options, name, value) == 0 ? 0 : no_memory(graph);
}

int tm_graph_option_number(struct tm_graph *graph, uint32_t node, const char *name, double value)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    // Lua has one kind of number; what is whole is meant as an integer.
    bool whole =
        value >= -(double)TM_INT_MAX && value <= (double)TM_INT_MAX && value == floor(value);
    int rc = whole ? tm_options_set_int(&n->options, name, (int64_t)value)
                   : tm_options_set_double(&n->options, name, value);
    return rc == 0 ? 0 : no_memory(graph);
}

int tm_graph_option_bool(struct tm_graph *graph, uint32_t node, const char *name, int value)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    return tm_options_set_bool(&n->options, name, value != 0) == 0 ? 0 : no_memory(graph);
}

int tm_graph_format_option(struct tm_graph *graph, uint32_t node, const char *name,
                           const char *value)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    return tm_options_set_string(&n->format_options, name, value) == 0 ? 0 : no_memory(graph);
}

static int mark(struct tm_graph *graph, struct tm_node *n, uint64_t *columns, uint32_t field)
{
    if (field >= TM_FIELDS_MAX)
        return FAIL(graph, TM_E_UNKNOWN_FIELD, "%s '%s' has no column %u", n->verb, n->name, field);
    columns[field >> 6] |= UINT64_C(1) << (field & 63);
    return 0;
}

int tm_graph_used(struct tm_graph *graph, uint32_t node, uint32_t field)
{
    struct tm_node *n = find_node(graph, node);
    return n == NULL ? TM_E_GRAPH : mark(graph, n, n->used, field);
}

int tm_graph_inferred(struct tm_graph *graph, uint32_t node)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    n->inferred = true;
    return 0;
}

int tm_graph_unread(struct tm_graph *graph, uint32_t node, uint32_t field)
{
    struct tm_node *n = find_node(graph, node);
    return n == NULL ? TM_E_GRAPH : mark(graph, n, n->unread, field);
}

int tm_graph_watermark(struct tm_graph *graph, uint32_t node, int time_field, int64_t disorder_ms,
                       int64_t idle_ms)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (disorder_ms < 0 || idle_ms < 0)
        return FAIL(graph, TM_E_ARGUMENT,
                    "watermark '%s' has out_of_order %lld ms and idle %lld ms; neither can be "
                    "negative",
                    n->name, (long long)disorder_ms, (long long)idle_ms);
    n->time_field = time_field;
    n->disorder_ms = disorder_ms;
    n->idle_ms = idle_ms;
    return 0;
}

int tm_graph_align(struct tm_graph *graph, uint32_t node, const char *group, int64_t drift_ms)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (drift_ms <= 0 || group[0] == '\0')
        return FAIL(
            graph, TM_E_ARGUMENT,
            "watermark '%s' is aligned in group '%s' with a drift of %lld ms; a group has a "
            "name, and the drift is above 0",
            n->name, group, (long long)drift_ms);
    n->align_group = copy_text(graph, group);
    n->align_drift_ms = drift_ms;
    return n->align_group == NULL ? TM_E_MEMORY : 0;
}

int tm_graph_generator(struct tm_graph *graph, uint32_t node, uint32_t state_bytes, int periodic)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    n->generator_bytes = state_bytes;
    n->generator_periodic = periodic != 0;
    return 0;
}

int tm_graph_interval(struct tm_graph *graph, uint32_t node, int64_t interval_ms)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (interval_ms <= 0)
        return FAIL(graph, TM_E_ARGUMENT,
                    "watermark '%s' has an interval of %lld ms; it is above 0", n->name,
                    (long long)interval_ms);
    n->interval_ms = interval_ms;
    return 0;
}

int tm_graph_window(struct tm_graph *graph, uint32_t node, int64_t size_ms, int64_t slide_ms,
                    int64_t offset_ms)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (size_ms <= 0 || slide_ms <= 0)
        return FAIL(graph, TM_E_ARGUMENT,
                    "window '%s' has size %lld ms and slide %lld ms; both must be above 0", n->name,
                    (long long)size_ms, (long long)slide_ms);
    // Where windows repeat: cumulating ones all begin with the longest of them.
    int64_t period_ms = n->window == TM_WINDOW_CUMULATE ? size_ms : slide_ms;
    if (offset_ms <= -period_ms || offset_ms >= period_ms)
        return FAIL(graph, TM_E_ARGUMENT,
                    "window '%s' has offset %lld ms; it must be smaller than %lld ms either way",
                    n->name, (long long)offset_ms, (long long)period_ms);
    if (size_ms / slide_ms > TM_WINDOW_SLICES_MAX)
        return FAIL(graph, TM_E_LIMIT, "a row of window '%s' would be in %lld windows; at most %d",
                    n->name, (long long)(size_ms / slide_ms), TM_WINDOW_SLICES_MAX);
    n->size_ms = size_ms;
    n->slide_ms = slide_ms;
    n->offset_ms = offset_ms;
    return 0;
}

int tm_graph_flush_processing(struct tm_graph *graph, int flush)
{
    graph->flush_processing = flush != 0;
    return 0;
}

int tm_graph_batch_timeout(struct tm_graph *graph, int64_t timeout_ms)
{
    if (timeout_ms < 0)
        return FAIL(graph, TM_E_LIMIT, "batch_timeout is 1 ms or more, or false");
    graph->batch_timeout_ms = timeout_ms;
    return 0;
}

int tm_graph_checkpoints(struct tm_graph *graph, int64_t interval_ms, int64_t timeout_ms,
                         int64_t aligned_timeout_ms, uint32_t retain, int asked)
{
    if (interval_ms < 1 || timeout_ms < 1 || aligned_timeout_ms < -1 || retain < 1)
        return FAIL(graph, TM_E_LIMIT,
                    "checkpoint: interval, timeout and retain are 1 or more, aligned_timeout -1 "
                    "(never) or more");
    graph->checkpoints = (struct tm_graph_checkpoints){.interval_ms = interval_ms,
                                                       .timeout_ms = timeout_ms,
                                                       .aligned_timeout_ms = aligned_timeout_ms,
                                                       .retain = retain,
                                                       .asked = asked != 0};
    return 0;
}

static enum tm_restart_strategy find_strategy(const char *name)
{
    return strcmp(name, "exponential") == 0 ? TM_RESTART_EXPONENTIAL
           : strcmp(name, "fixed") == 0     ? TM_RESTART_FIXED
           : strcmp(name, "rate") == 0      ? TM_RESTART_RATE
           : strcmp(name, "none") == 0      ? TM_RESTART_NONE
                                            : TM_RESTART_UNSAID;
}

static bool is_delay(int64_t ms)
{
    return ms >= 0 && ms <= TM_RESTART_DELAY_MAX_MS;
}

int tm_graph_restart(struct tm_graph *graph, const char *strategy, uint32_t attempts,
                     uint32_t failures, int64_t delay_ms, int64_t interval_ms, int64_t max_ms,
                     int64_t reset_ms, double factor, double jitter)
{
    enum tm_restart_strategy kind = find_strategy(strategy);
    bool rates = kind != TM_RESTART_RATE ||
                 (failures >= 1 && failures <= TM_RESTART_FAILURES_MAX && interval_ms >= 1);
    if (kind == TM_RESTART_UNSAID || !rates || attempts > TM_RESTART_ATTEMPTS_MAX ||
        !is_delay(delay_ms) || !is_delay(interval_ms) || !is_delay(max_ms) || !is_delay(reset_ms) ||
        !(factor >= 1 && factor <= TM_RESTART_FACTOR_MAX) || !(jitter >= 0 && jitter <= 1))
        return FAIL(graph, TM_E_LIMIT, "restart: a value is out of its bounds");
    graph->restart = (struct tm_restart_policy){.strategy = kind,
                                                .attempts = attempts,
                                                .failures = failures,
                                                .delay_ms = delay_ms,
                                                .interval_ms = interval_ms,
                                                .max_ms = max_ms,
                                                .reset_ms = reset_ms,
                                                .factor = factor,
                                                .jitter = jitter};
    return 0;
}

int tm_graph_aggregate(struct tm_graph *graph, uint32_t node, int kind, int input_field,
                       uint32_t output_field)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (kind < TM_AGGREGATE_COUNT || kind > TM_AGGREGATE_CUSTOM)
        return FAIL(graph, TM_E_INTERNAL, "%s '%s' has an aggregate of kind %d", n->verb, n->name,
                    kind);
    if (n->aggregate_count == TM_FIELDS_MAX)
        return FAIL(graph, TM_E_LIMIT, "%s '%s' has more than %d aggregates", n->verb, n->name,
                    TM_FIELDS_MAX);
    struct tm_aggregate *aggregates =
        array_for_one_more(graph, n->aggregates, n->aggregate_count, sizeof *aggregates);
    if (aggregates == NULL)
        return no_memory(graph);
    n->aggregates = aggregates;
    n->aggregates[n->aggregate_count++] = (struct tm_aggregate){
        .kind = (uint8_t)kind, .input_field = input_field, .output_field = output_field};
    return 0;
}

static struct tm_aggregate *last_aggregate(struct tm_graph *graph, uint32_t node)
{
    struct tm_node *n = find_node(graph, node);
    if (n != NULL && n->aggregate_count != 0)
        return &n->aggregates[n->aggregate_count - 1];
    if (n != NULL)
        (void)FAIL(graph, TM_E_INTERNAL, "%s '%s' has no aggregate", n->verb, n->name);
    return NULL;
}

int tm_graph_aggregate_by(struct tm_graph *graph, uint32_t node, uint32_t by_field)
{
    struct tm_aggregate *aggregate = last_aggregate(graph, node);
    if (aggregate == NULL)
        return TM_E_GRAPH;
    aggregate->by_field = by_field;
    return 0;
}

int tm_graph_aggregate_q(struct tm_graph *graph, uint32_t node, double q)
{
    struct tm_aggregate *aggregate = last_aggregate(graph, node);
    if (aggregate == NULL)
        return TM_E_GRAPH;
    aggregate->q = q;
    return 0;
}

int tm_graph_aggregate_limit(struct tm_graph *graph, uint32_t node, uint32_t limit)
{
    struct tm_aggregate *aggregate = last_aggregate(graph, node);
    if (aggregate == NULL)
        return TM_E_GRAPH;
    aggregate->limit = limit;
    return 0;
}

int tm_graph_emit_final(struct tm_graph *graph, uint32_t node, int emit_final)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    n->emit_final = emit_final != 0;
    return 0;
}

int tm_graph_changelog(struct tm_graph *graph, uint32_t node, int changelog)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (tm_node_schema(n) != NULL)
        return FAIL(graph, TM_E_INTERNAL, "%s '%s' has columns before it is said to be a changelog",
                    n->verb, n->name);
    n->changelog = changelog != 0;
    return 0;
}

int tm_graph_chaining(struct tm_graph *graph, uint32_t node, int chaining)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (chaining < TM_CHAINING_FREE || chaining > TM_CHAINING_NEVER)
        return FAIL(graph, TM_E_INTERNAL, "%s '%s' has chaining %d", n->verb, n->name, chaining);
    n->chaining = (uint8_t)chaining;
    return 0;
}

int tm_graph_route(struct tm_graph *graph, uint32_t node, int partition, int field)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (partition < TM_PARTITION_FORWARD || partition > TM_PARTITION_COLUMN ||
        partition == TM_PARTITION_HASH || (partition == TM_PARTITION_COLUMN) != (field >= 0))
        return FAIL(graph, TM_E_INTERNAL, "%s '%s' has partition %d by column %d", n->verb, n->name,
                    partition, field);
    n->partition = (uint8_t)partition;
    n->field = field;
    return 0;
}

int tm_graph_side(struct tm_graph *graph, uint32_t node, uint32_t side)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    n->side = side;
    return 0;
}

int tm_graph_identity(struct tm_graph *graph, uint32_t node, uint32_t field)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (n->identity_count == TM_FIELDS_MAX)
        return FAIL(graph, TM_E_LIMIT, "%s '%s' has more than %d fields", n->verb, n->name,
                    TM_FIELDS_MAX);
    uint32_t *fields = array_for_one_more(graph, n->identity, n->identity_count, sizeof *fields);
    if (fields == NULL)
        return no_memory(graph);
    n->identity = fields;
    n->identity[n->identity_count++] = field;
    return 0;
}

int tm_graph_ttl(struct tm_graph *graph, uint32_t node, int64_t ttl_ms)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (ttl_ms < 0)
        return FAIL(graph, TM_E_ARGUMENT, "%s '%s' has ttl %lld ms; it cannot be negative", n->verb,
                    n->name, (long long)ttl_ms);
    n->ttl_ms = ttl_ms;
    return 0;
}

int tm_graph_ranking(struct tm_graph *graph, uint32_t node, uint32_t field, int descending,
                     uint32_t limit, int rank_field)
{
    struct tm_node *n = find_node(graph, node);
    if (n == NULL)
        return TM_E_GRAPH;
    if (limit == 0 || limit > TM_RANKING_MAX)
        return FAIL(graph, TM_E_LIMIT, "%s '%s' keeps %u rows of a key; allowed are 1 to %d",
                    n->verb, n->name, limit, TM_RANKING_MAX);
    n->field = (int32_t)field;
    n->descending = descending != 0;
    n->limit = limit;
    n->rank_field = rank_field;
    return 0;
}

int tm_graph_metric(struct tm_graph *graph, int kind, const char *name, const char *unit,
                    const char *description)
{
    int rc = check_name(graph, "a metric", name);
    if (rc != 0)
        return rc;
    if (graph->metric_count == TM_USER_METRICS_MAX)
        return FAIL(graph, TM_E_LIMIT, "a job has at most %d metrics", TM_USER_METRICS_MAX);
    if (graph->metrics == NULL)
        graph->metrics =
            tm_arena_alloc(&private_of(graph)->arena, TM_USER_METRICS_MAX * sizeof *graph->metrics);
    if (graph->metrics == NULL)
        return no_memory(graph);
    struct tm_user_metric *metric = &graph->metrics[graph->metric_count];
    metric->kind = (uint8_t)kind;
    metric->name = copy_text(graph, name);
    metric->unit = copy_text(graph, unit);
    metric->description = copy_text(graph, description);
    if (metric->name == NULL || metric->unit == NULL || metric->description == NULL)
        return no_memory(graph);
    graph->metric_count++;
    return 0;
}

int tm_graph_fingerprint(struct tm_graph *graph, uint64_t fingerprint)
{
    graph->fingerprint = fingerprint;
    return 0;
}
