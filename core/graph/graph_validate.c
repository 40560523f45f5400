// Rules over the whole graph, checked once after the script has built it. A message names the
// operator, says what is allowed and what to write; `where` is the operator's place in the script.
#include <stdio.h>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/format/format.h"
#include "core/graph/graph_private.h"

struct check {
    const struct tm_graph *graph;
    const uint32_t *order;
    uint32_t *consumers;    // by node: how many take its rows
    uint32_t *dead_letters; // by node: how many send it dead letters
    bool *has_watermark;    // by node: every way from a source to its output passes a watermark
    struct tm_error *err;
};

// The text of one operator in a message; one message names at most three.
struct names {
    char a[TM_NODE_TEXT_MAX], b[TM_NODE_TEXT_MAX];
};

#define NODE(node, buf) tm__graph_node_text((node), (buf))

static int at(struct check *c, const struct tm_node *node)
{
    tm_error_where(c->err, "%s", node->where);
    return c->err->code;
}

// --- one node alone

static int check_inputs(struct check *c, const struct tm_node *node)
{
    char a[TM_NODE_TEXT_MAX];
    bool many = node->kind == TM_NODE_UNION || node->kind == TM_NODE_SINK;

    if (node->kind == TM_NODE_SOURCE && node->input_count != 0) {
        tm_error_set(c->err, TM_E_GRAPH, "%s is a source and takes rows from another operator",
                     NODE(node, a));
        return at(c, node);
    }
    many = many || tm_node_has_two_inputs(node);
    if (node->kind != TM_NODE_SOURCE && !many && node->input_count != 1) {
        tm_error_set(c->err, TM_E_GRAPH, "%s has %u input streams; it takes one", NODE(node, a),
                     node->input_count);
        if (node->input_count > 1)
            tm_error_hint(c->err, "make one stream of them first: a:union(b)");
        return at(c, node);
    }
    if (node->kind == TM_NODE_UNION && node->input_count == 0) {
        tm_error_set(c->err, TM_E_GRAPH, "%s has no input stream", NODE(node, a));
        return at(c, node);
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct tm_node *input = &c->graph->nodes[node->inputs[i]];
        if (input->kind == TM_NODE_SINK) {
            struct names n;
            tm_error_set(c->err, TM_E_GRAPH, "%s takes rows from %s; a sink passes nothing on",
                         NODE(node, n.a), NODE(input, n.b));
            return at(c, node);
        }
    }
    return 0;
}

static int check_ends(struct check *c, const struct tm_node *node)
{
    char a[TM_NODE_TEXT_MAX];
    uint32_t dead_letters = c->dead_letters[node->id];

    if (node->kind != TM_NODE_SINK) {
        if (c->consumers[node->id] > 0)
            return 0;
        tm_error_set(c->err, TM_E_GRAPH, "the rows of %s go nowhere", NODE(node, a));
        tm_error_hint(c->err, "end the stream with :to(sink), or leave it out of the job");
        return at(c, node);
    }
    if (node->input_count > 0 && dead_letters > 0) {
        tm_error_set(c->err, TM_E_GRAPH,
                     "%s gets both rows and dead letters, which have different columns",
                     NODE(node, a));
        tm_error_hint(c->err, "give on_error a sink of its own");
        return at(c, node);
    }
    if (node->input_count == 0 && dead_letters == 0) {
        tm_error_set(c->err, TM_E_GRAPH, "%s gets no rows: no stream and no on_error leads to it",
                     NODE(node, a));
        return at(c, node);
    }
    return 0;
}

static int check_dead_letter(struct check *c, const struct tm_node *node)
{
    if (node->on_error != TM_ON_ERROR_DEAD_LETTER)
        return 0;
    const struct tm_node *sink = &c->graph->nodes[node->dead_letter];
    struct names n;

    if (sink->kind != TM_NODE_SINK) {
        tm_error_set(c->err, TM_E_GRAPH, "on_error of %s leads to %s, which is not a sink",
                     NODE(node, n.a), NODE(sink, n.b));
        tm_error_hint(c->err,
                      "allowed are \"fail\", \"skip\" and a sink, as tm.file { path = \"dead\" }");
        return at(c, node);
    }
    if (node->kind == TM_NODE_SINK && c->dead_letters[node->id] > 0) {
        tm_error_set(c->err, TM_E_GRAPH,
                     "%s takes dead letters and has a dead-letter sink itself, %s", NODE(node, n.a),
                     NODE(sink, n.b));
        tm_error_hint(c->err, "allowed here are on_error \"fail\" and \"skip\"");
        return at(c, node);
    }
    return 0;
}

// What is said of a source's columns, as a default of another type: its decoder knows.
static int check_column_options(struct check *c, const struct tm_node *node,
                                const struct tm_format *format)
{
    struct tm_decoder *decoder = NULL;
    struct tm_schema *schema = tm_node_schema(node);
    if (node->kind != TM_NODE_SOURCE || schema == NULL || node->format_options.count == 0)
        return 0;
    const struct tm_decoder_args args = {.mem = c->graph->mem,
                                         .schema = schema,
                                         .max_record = TM_RECORD_BYTES,
                                         .options = &node->format_options};
    int rc = format->decoder_new(&args, &decoder, c->err);
    if (rc == 0)
        decoder->ops->free(decoder);
    return rc;
}

static int check_connector(struct check *c, const struct tm_node *node)
{
    enum { FORMATS_SHOWN = 64 };
    const struct tm_format *const *formats = tm_format_all();
    const char *known[FORMATS_SHOWN];
    char a[TM_NODE_TEXT_MAX], list[512] = "";
    size_t count = 0, used = 0;

    if (node->kind != TM_NODE_SOURCE && node->kind != TM_NODE_SINK)
        return 0;
    if (node->connector[0] == '\0') {
        tm_error_set(c->err, TM_E_GRAPH, "%s has no connector", NODE(node, a));
        return at(c, node);
    }
    const struct tm_format *format = tm_format_find(node->format);
    if (format != NULL) {
        int rc = tm_format_check_options(format, c->graph->mem, &node->format_options, c->err);
        rc = rc == 0 ? check_column_options(c, node, format) : rc;
        return rc == 0 ? 0 : at(c, node);
    }
    if (node->format[0] == '\0')
        return 0;
    for (; count < FORMATS_SHOWN && formats[count] != NULL; count++) {
        known[count] = formats[count]->name;
        int n = snprintf(list + used, sizeof list - used, "%s%s", count == 0 ? "" : ", ",
                         formats[count]->name);
        if (n > 0 && used + (size_t)n < sizeof list)
            used += (size_t)n;
    }
    const char *near = tm_text_nearest(node->format, known, count);
    tm_error_set(c->err, TM_E_UNKNOWN_NAME, "%s has format \"%s\"; allowed are %s", NODE(node, a),
                 node->format, list);
    if (near != NULL)
        tm_error_hint(c->err, "did you mean \"%s\"?", near);
    return at(c, node);
}

// --- a node and the columns it uses

static int check_key_column(struct check *c, const struct tm_node *node, uint32_t field,
                            const struct tm_declared *input)
{
    char a[TM_NODE_TEXT_MAX], type[TM_TYPE_TEXT];

    if (input == NULL)
        return 0;
    if (field >= input->count) {
        tm_error_set(c->err, TM_E_UNKNOWN_FIELD, "the key of %s is column %u of %u", NODE(node, a),
                     field, input->count);
        return at(c, node);
    }
    const struct tm_field_def *column = &input->fields[field];
    if (!tm_type_is_nested(column->type) && column->type.kind != TM_TYPE_ANY)
        return 0;
    tm_error_set(c->err, TM_E_TYPE, "the key of %s is \"%s\" of type %s, which is no key",
                 NODE(node, a), column->name, tm_type_text(column->type, type));
    if ((column->flags & TM_FIELD_HIDDEN) != 0)
        tm_error_hint(c->err, "the function gives one text, number, bool or timestamp; several are "
                              "columns, made by :assign, then key_by { \"a\", \"b\" }");
    else
        tm_error_hint(c->err,
                      "a key is a text, a number, a bool or a timestamp: a function takes "
                      "one of it, key_by(function(e) return e.%s%s end, \"%s\")",
                      column->name, column->type.kind == TM_TYPE_LIST ? "[1]" : ".id",
                      column->type.kind == TM_TYPE_LIST ? "first" : "id");
    return at(c, node);
}

// The second of two inputs: it has a key of the same types, or goes to every subtask.
static int check_second_input(struct check *c, const struct tm_node *node)
{
    const struct tm_node *input = &c->graph->nodes[node->inputs[1]];
    const struct tm_declared *first = tm__graph_declared_input(c->graph, node);
    const struct tm_declared *second = tm__graph_declared(c->graph, input->id);
    struct names n;

    if (node->second_key.count == 0) {
        if (input->kind == TM_NODE_ROUTE && input->partition == TM_PARTITION_BROADCAST)
            return 0;
        tm_error_set(c->err, TM_E_INTERNAL, "%s has a second input without a key, %s",
                     NODE(node, n.a), NODE(input, n.b));
        return at(c, node);
    }
    bool same = input->kind == TM_NODE_KEY_BY && node->second_key.count == node->key.count;
    for (uint32_t i = 0; same && i < node->key.count; i++) {
        uint32_t a = node->key.fields[i], b = node->second_key.fields[i];
        same = b == input->key.fields[i] &&
               (first == NULL || second == NULL ||
                (a < first->count && b < second->count &&
                 tm_type_equal(first->fields[a].type, second->fields[b].type)));
    }
    if (same)
        return 0;
    tm_error_set(c->err, TM_E_INTERNAL, "%s and its second input, %s, have different keys",
                 NODE(node, n.a), NODE(input, n.b));
    return at(c, node);
}

// A function of windows: their rows come with the key that the windows have, from one task, perhaps
// through the function that makes the result of a custom aggregate.
static bool is_behind_window(const struct check *c, const struct tm_node *node)
{
    if (node->kind != TM_NODE_PROCESS)
        return false;
    const struct tm_node *above = &c->graph->nodes[node->inputs[0]];
    if (above->kind == TM_NODE_FUNCTION && above->input_count == 1 &&
        above->parallelism == node->parallelism)
        above = &c->graph->nodes[above->inputs[0]];
    return above->kind == TM_NODE_WINDOW && above->parallelism == node->parallelism &&
           above->key.count == node->key.count;
}

static int check_key(struct check *c, const struct tm_node *node)
{
    struct names n;
    bool keyed = tm__graph_is_keyed(node);

    if (!keyed && node->kind != TM_NODE_KEY_BY)
        return 0;
    if (node->kind == TM_NODE_WINDOW && node->key.count == 0 && node->parallelism == 1)
        return 0; // over the whole stream
    bool behind_window = is_behind_window(c, node);
    if (behind_window && node->key.count == 0)
        return 0;
    if (keyed && !behind_window) {
        const struct tm_node *input = &c->graph->nodes[node->inputs[0]];
        if (input->kind != TM_NODE_KEY_BY) {
            tm_error_set(c->err, TM_E_GRAPH, "%s needs a stream with a key and gets that of %s",
                         NODE(node, n.a), NODE(input, n.b));
            tm_error_hint(c->err, "put :key_by(\"column\") right before it");
            return at(c, node);
        }
        if (input->key.count != node->key.count ||
            memcmp(input->key.fields, node->key.fields,
                   node->key.count * sizeof node->key.fields[0]) != 0) {
            tm_error_set(c->err, TM_E_INTERNAL, "%s and %s have different keys", NODE(node, n.a),
                         NODE(input, n.b));
            return at(c, node);
        }
    }
    if (node->key.count == 0) {
        tm_error_set(c->err, TM_E_GRAPH, "%s has no key column", NODE(node, n.a));
        return at(c, node);
    }
    for (uint32_t i = 0; i < node->key.count; i++) {
        int rc = check_key_column(c, node, node->key.fields[i],
                                  tm__graph_declared_input(c->graph, node));
        if (rc != 0)
            return rc;
    }
    return tm_node_has_two_inputs(node) ? check_second_input(c, node) : 0;
}

static int check_watermark_column(struct check *c, const struct tm_node *node)
{
    const struct tm_declared *input = tm__graph_declared_input(c->graph, node);
    char a[TM_NODE_TEXT_MAX], type[TM_TYPE_TEXT];

    if (node->kind != TM_NODE_WATERMARK || input == NULL)
        return 0;
    if (node->time_field < 0 || (uint32_t)node->time_field >= input->count) {
        tm_error_set(c->err, TM_E_UNKNOWN_FIELD, "the time of %s is column %d of %u", NODE(node, a),
                     node->time_field, input->count);
        return at(c, node);
    }
    const struct tm_field_def *field = &input->fields[node->time_field];
    if (field->type.kind != TM_TYPE_TIMESTAMP && field->type.kind != TM_TYPE_UNKNOWN) {
        tm_error_set(c->err, TM_E_TYPE, "%s takes the event time from '%s', which is %s",
                     NODE(node, a), field->name, tm_type_text(field->type, type));
        tm_error_hint(c->err, "declare it in the schema as %s = \"timestamp\"", field->name);
        return at(c, node);
    }
    return 0;
}

static int check_aggregates(struct check *c, const struct tm_node *node)
{
    const struct tm_declared *input = tm__graph_declared_input(c->graph, node);
    const struct tm_declared *output = tm__graph_declared(c->graph, node->id);
    char a[TM_NODE_TEXT_MAX];

    for (uint32_t i = 0; i < node->aggregate_count; i++) {
        const struct tm_aggregate *g = &node->aggregates[i];
        bool needs_input = g->kind != TM_AGGREGATE_COUNT && g->kind != TM_AGGREGATE_ROWS &&
                           g->kind != TM_AGGREGATE_CUSTOM;
        bool bad_input =
            needs_input &&
            (g->input_field < 0 || (input != NULL && (uint32_t)g->input_field >= input->count));
        bool compares = g->kind == TM_AGGREGATE_MIN_BY || g->kind == TM_AGGREGATE_MAX_BY;
        if (compares && input != NULL && g->by_field >= input->count)
            bad_input = true;
        if (g->kind == TM_AGGREGATE_QUANTILE && !(g->q >= 0 && g->q <= 1)) {
            tm_error_set(c->err, TM_E_ARGUMENT, "aggregate %u of %s: a quantile is from 0 to 1",
                         i + 1, NODE(node, a));
            return at(c, node);
        }
        if (g->limit > TM_LIST_VALUES_MAX) {
            tm_error_set(c->err, TM_E_ARGUMENT,
                         "aggregate %u of %s: a list keeps at most %d values", i + 1, NODE(node, a),
                         TM_LIST_VALUES_MAX);
            return at(c, node);
        }
        if (bad_input || (output != NULL && g->output_field >= output->count)) {
            tm_error_set(c->err, TM_E_UNKNOWN_FIELD,
                         "aggregate %u of %s goes from column %d to column %u, of %u and %u", i + 1,
                         NODE(node, a), g->input_field, g->output_field,
                         input == NULL ? 0 : input->count, output == NULL ? 0 : output->count);
            return at(c, node);
        }
    }
    if (node->gap != 0 && input != NULL &&
        (node->gap > input->count || input->fields[node->gap - 1].type.kind != TM_TYPE_INT)) {
        tm_error_set(c->err, TM_E_TYPE, "%s has its gap in a column that is none or no int",
                     NODE(node, a));
        return at(c, node);
    }
    if (node->kind == TM_NODE_WINDOW && node->window != TM_WINDOW_GLOBAL && node->size_ms <= 0) {
        tm_error_set(c->err, TM_E_GRAPH, "%s has no size", NODE(node, a));
        return at(c, node);
    }
    return 0;
}

static int check_columns(struct check *c, const struct tm_node *node)
{
    const struct tm_declared *input = tm__graph_declared_input(c->graph, node);
    char a[TM_NODE_TEXT_MAX];
    bool side = node->kind == TM_NODE_SIDE;

    const struct tm_node *giver = side ? &c->graph->nodes[node->inputs[0]] : NULL;
    if (side && giver->kind != TM_NODE_FUNCTION && giver->kind != TM_NODE_PROCESS &&
        !giver->late_side) {
        tm_error_set(c->err, TM_E_INTERNAL, "%s is of nothing that has side outputs",
                     NODE(node, a));
        return at(c, node);
    }
    int64_t largest = node->field;
    for (uint32_t i = 0; i < node->identity_count; i++)
        largest = node->identity[i] > largest ? node->identity[i] : largest;
    if (input == NULL || largest < (int64_t)input->count)
        return 0;
    tm_error_set(c->err, TM_E_UNKNOWN_FIELD, "%s goes by column %lld of %u", NODE(node, a),
                 (long long)largest, input->count);
    return at(c, node);
}

static int check_changelog(struct check *c, const struct tm_node *node)
{
    return tm__graph_check_changelog(c->graph, node, c->err);
}

// --- several streams that meet

static int columns_differ(struct check *c, const struct tm_node *node, uint32_t number,
                          const struct tm_declared *first, const struct tm_declared *other)
{
    struct names n;
    char ta[TM_TYPE_TEXT], tb[TM_TYPE_TEXT];
    const struct tm_node *input = &c->graph->nodes[node->inputs[number]];

    for (uint32_t i = 0; i < first->count || i < other->count; i++) {
        const struct tm_field_def *x = i < first->count ? &first->fields[i] : NULL;
        const struct tm_field_def *y = i < other->count ? &other->fields[i] : NULL;
        bool known = x != NULL && y != NULL && x->type.kind != TM_TYPE_UNKNOWN &&
                     y->type.kind != TM_TYPE_UNKNOWN;
        if (x != NULL && y != NULL && strcmp(x->name, y->name) == 0 &&
            (!known || tm_type_equal(x->type, y->type)))
            continue;
        tm_error_set(c->err, TM_E_SCHEMA,
                     "the streams of %s have different columns: column %u is %s%s%s in input 1 and "
                     "%s%s%s in input %u (%s, %s)",
                     NODE(node, n.a), i + 1, x == NULL ? "missing" : x->name, x == NULL ? "" : " ",
                     x == NULL ? "" : tm_type_text(x->type, ta), y == NULL ? "missing" : y->name,
                     y == NULL ? "" : " ", y == NULL ? "" : tm_type_text(y->type, tb), number + 1,
                     NODE(input, n.b), input->where);
        tm_error_hint(c->err, "bring them to the same columns in the same order with :select(...) "
                              "or :map(...)");
        return at(c, node);
    }
    return 0;
}

static int time_differs(struct check *c, const struct tm_node *node, uint32_t number,
                        const struct tm_declared *first, const struct tm_declared *other)
{
    struct names n;
    const struct tm_node *input = &c->graph->nodes[node->inputs[number]];

    if (first->time_field == other->time_field)
        return 0;
    tm_error_set(c->err, TM_E_SCHEMA,
                 "the streams of %s have different event times: %s in input 1, %s in "
                 "input %u (%s, %s)",
                 NODE(node, n.a),
                 first->time_field < 0 ? "none" : first->fields[first->time_field].name,
                 other->time_field < 0 ? "none" : other->fields[other->time_field].name, number + 1,
                 NODE(input, n.b), input->where);
    tm_error_hint(c->err, "put :watermark(...) on each of them, before :union");
    return at(c, node);
}

static int check_union(struct check *c, const struct tm_node *node)
{
    const struct tm_declared *first = tm__graph_declared_input(c->graph, node);

    if (tm_node_has_two_inputs(node))
        return 0;
    for (uint32_t i = 1; i < node->input_count && first != NULL; i++) {
        const struct tm_declared *other = tm__graph_declared(c->graph, node->inputs[i]);
        if (other == NULL)
            continue;
        int rc = columns_differ(c, node, i, first, other);
        if (rc == 0)
            rc = time_differs(c, node, i, first, other);
        if (rc != 0)
            return rc;
    }
    return 0;
}

// --- event time

static const struct tm_node *find_source_without_watermark(const struct check *c,
                                                           const struct tm_node *node)
{
    for (;;) {
        const struct tm_node *next = NULL;
        for (uint32_t i = 0; i < node->input_count && next == NULL; i++)
            if (!c->has_watermark[node->inputs[i]])
                next = &c->graph->nodes[node->inputs[i]];
        if (next == NULL)
            return node; // a source: all others without a watermark have such an input
        node = next;
    }
}

static int check_event_time(struct check *c, const struct tm_node *node)
{
    const struct tm_declared *input = tm__graph_declared_input(c->graph, node);
    struct names n;

    bool has = node->kind == TM_NODE_WATERMARK;
    if (!has && node->input_count > 0) {
        has = true;
        for (uint32_t i = 0; i < node->input_count; i++)
            has = has && c->has_watermark[node->inputs[i]];
    }
    c->has_watermark[node->id] = has;
    if (!tm_node_needs_watermark(node))
        return 0;
    if (!has) {
        const struct tm_node *source = find_source_without_watermark(c, node);
        tm_error_set(c->err, TM_E_NO_WATERMARK,
                     "%s works in event time, and no watermark says how far it is: the rows of %s "
                     "(%s) have none",
                     NODE(node, n.a), NODE(source, n.b), source->where);
        tm_error_hint(c->err,
                      "after the source put :watermark(\"column\", { out_of_order = \"5s\" })");
        return at(c, node);
    }
    if (input != NULL && input->time_field < 0) {
        tm_error_set(c->err, TM_E_NO_WATERMARK,
                     "%s works in event time, and the rows that reach it have lost theirs",
                     NODE(node, n.a));
        tm_error_hint(c->err, "put :watermark(\"column\", ...) after the operator that drops the "
                              "column of the event time");
        return at(c, node);
    }
    return 0;
}

// --- names

static int check_names(struct check *c)
{
    uint32_t buckets = 16;
    while (buckets < c->graph->node_count * 2)
        buckets *= 2;
    uint32_t *table = tm_mem_zalloc(c->graph->mem, buckets * sizeof *table); // node id + 1
    int rc = 0;

    if (table == NULL)
        return tm_error_set(c->err, TM_E_MEMORY, "no memory to check the job graph");
    for (uint32_t i = 0; i < c->graph->node_count && rc == 0; i++) {
        const struct tm_node *node = &c->graph->nodes[i];
        if (node->whole != i)
            continue;
        uint32_t slot = (uint32_t)tm_hash_bytes(node->name, strlen(node->name)) & (buckets - 1);
        while (table[slot] != 0 && strcmp(c->graph->nodes[table[slot] - 1].name, node->name) != 0)
            slot = (slot + 1) & (buckets - 1);
        if (table[slot] == 0) {
            table[slot] = i + 1;
            continue;
        }
        const struct tm_node *first = &c->graph->nodes[table[slot] - 1];
        tm_error_set(c->err, TM_E_DUPLICATE_NAME,
                     "two operators are called '%s': %s at %s and %s at %s", node->name,
                     first->verb, first->where, node->verb, node->where);
        tm_error_hint(c->err, "rename one with :named(\"...\"); a name is an operator's identity");
        rc = at(c, node);
    }
    tm_mem_free(c->graph->mem, table, buckets * sizeof *table);
    return rc;
}

// --- all

static int check_presence(struct check *c)
{
    bool source = false, sink = false;

    for (uint32_t i = 0; i < c->graph->node_count; i++) {
        source = source || c->graph->nodes[i].kind == TM_NODE_SOURCE;
        sink = sink || c->graph->nodes[i].kind == TM_NODE_SINK;
    }
    if (!source) {
        tm_error_set(c->err, TM_E_GRAPH, "job '%s' has no source", c->graph->name);
        tm_error_hint(c->err, "begin a stream with job:from(source), as tm.lines()");
        return TM_E_GRAPH;
    }
    if (!sink) {
        tm_error_set(c->err, TM_E_GRAPH, "job '%s' has no sink", c->graph->name);
        tm_error_hint(c->err, "end a stream with :to(sink), as tm.print()");
        return TM_E_GRAPH;
    }
    return 0;
}

static void count_uses(struct check *c)
{
    for (uint32_t i = 0; i < c->graph->node_count; i++) {
        const struct tm_node *node = &c->graph->nodes[i];
        for (uint32_t k = 0; k < node->input_count; k++)
            c->consumers[node->inputs[k]]++;
        if (node->on_error == TM_ON_ERROR_DEAD_LETTER)
            c->dead_letters[node->dead_letter]++;
    }
}

static int check_node(struct check *c, const struct tm_node *node)
{
    static int (*const rules[])(struct check *, const struct tm_node *) = {
        check_inputs, check_dead_letter,      check_ends,      check_connector,
        check_key,    check_watermark_column, check_columns,   check_aggregates,
        check_union,  check_event_time,       check_changelog,
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && rc == 0; i++)
        rc = rules[i](c, node);
    return rc;
}

static int check_graph(struct check *c)
{
    int rc = check_presence(c);

    if (rc == 0)
        rc = check_names(c);
    count_uses(c);
    // Upstream first: of several faults the first cause is reported.
    for (uint32_t i = 0; i < c->graph->node_count && rc == 0; i++)
        rc = check_node(c, &c->graph->nodes[c->order[i]]);
    return rc;
}

int tm_graph_validate(const struct tm_graph *graph, struct tm_error *err)
{
    size_t n = graph->node_count == 0 ? 1 : graph->node_count;
    uint32_t *order = tm_mem_alloc(graph->mem, n * sizeof *order);
    uint32_t *uses = tm_mem_zalloc(graph->mem, 2 * n * sizeof *uses);
    bool *has_watermark = tm_mem_zalloc(graph->mem, n * sizeof *has_watermark);
    struct tm_error ignored;
    struct check c = {.graph = graph,
                      .order = order,
                      .consumers = uses,
                      .dead_letters = uses == NULL ? NULL : uses + n,
                      .has_watermark = has_watermark,
                      .err = err == NULL ? &ignored : err};
    int rc;

    if (order == NULL || uses == NULL || has_watermark == NULL)
        rc = tm_error_set(err, TM_E_MEMORY, "no memory to check the job graph");
    else
        rc = tm__graph_order(graph, order, c.err);
    if (rc == 0)
        rc = check_graph(&c);
    tm_mem_free(graph->mem, order, n * sizeof *order);
    tm_mem_free(graph->mem, uses, 2 * n * sizeof *uses);
    tm_mem_free(graph->mem, has_watermark, n * sizeof *has_watermark);
    return rc;
}
