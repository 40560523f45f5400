// The plan as text for people: chains from the sources on, one line an operator, its columns below
// where they change, and where its rows go.
#include <stdio.h>

#include "core/graph/graph_private.h"
#include "core/graph/plan.h"

enum { LINE_WIDTH = 100, NAME_WIDTH_MAX = 40, DETAIL_MAX = 512 };

struct printer {
    const struct tm_plan *plan;
    struct tm_buf *out;
    int verb_width, name_width, where_width; // of the columns, in characters
};

// Characters of a UTF-8 text: what is not a continuation byte.
static int width_of(const char *text)
{
    int width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static int pad(struct printer *p, const char *text, int width)
{
    int missing = width - width_of(text);
    return tm_buf_printf(p->out, "%s%*s", text, missing > 0 ? missing : 0, "");
}

static int at_least(int a, int b)
{
    return a > b ? a : b;
}

static void measure(struct printer *p)
{
    for (uint32_t i = 0; i < p->plan->graph->node_count; i++) {
        const struct tm_node *node = &p->plan->graph->nodes[i];
        p->verb_width = at_least(p->verb_width, width_of(node->verb));
        p->name_width = at_least(p->name_width, width_of(node->name));
        p->where_width = at_least(p->where_width, width_of(node->where));
    }
    if (p->name_width > NAME_WIDTH_MAX) // one long name does not push all others aside
        p->name_width = NAME_WIDTH_MAX;
}

static const char *column_name(const struct tm_declared *columns, uint32_t field)
{
    return columns != NULL && field < columns->count ? columns->fields[field].name : "?";
}

// A duration as a script writes it: "10m", "90s", "1500ms".
static const char *duration_text(int64_t ms, char buf[32])
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
    size_t i = 0, count = sizeof units / sizeof units[0];

    while (i < count && (ms == 0 || ms % units[i].ms != 0))
        i++;
    snprintf(buf, 32, "%lld%s", (long long)(i < count ? ms / units[i].ms : ms),
             i < count ? units[i].name : "ms");
    return buf;
}

// "a, b" of the key's columns.
static void key_text(const struct tm_graph *graph, const struct tm_node *node,
                     const struct tm_key_spec *key, char *buf, size_t size)
{
    const struct tm_declared *columns = tm__graph_declared_input(graph, node);
    size_t used = 0;

    buf[0] = '\0';
    for (uint32_t i = 0; i < key->count && used < size; i++) {
        int n = snprintf(buf + used, size - used, "%s%s", i == 0 ? "" : ", ",
                         column_name(columns, key->fields[i]));
        used += n > 0 ? (size_t)n : 0;
    }
}

static void window_text(const struct tm_node *node, char *buf, size_t size)
{
    char a[32], b[32], late[64] = "";
    const char *by = node->processing ? ", by the clock" : "";
    const char *trigger = tm__graph_trigger_text(&node->trigger);

    if (node->lateness_ms != 0)
        snprintf(late, sizeof late, ", late by %s", duration_text(node->lateness_ms, a));
    if (node->window == TM_WINDOW_GLOBAL)
        snprintf(buf, size, "global");
    else if (node->window == TM_WINDOW_COUNT && node->slide_ms == node->size_ms)
        snprintf(buf, size, "%lld rows", (long long)node->size_ms);
    else if (node->window == TM_WINDOW_COUNT)
        snprintf(buf, size, "%lld rows every %lld", (long long)node->size_ms,
                 (long long)node->slide_ms);
    else if (node->gap != 0)
        snprintf(buf, size, "session, gap by row");
    else if (node->slide_ms == node->size_ms)
        snprintf(buf, size, "%s %s",
                 node->window == TM_WINDOW_SESSION ? "session, gap" : "tumbling",
                 duration_text(node->size_ms, a));
    else
        snprintf(buf, size, "%s %s every %s",
                 node->window == TM_WINDOW_CUMULATE ? "cumulating" : "sliding",
                 duration_text(node->size_ms, a), duration_text(node->slide_ms, b));
    size_t used = strlen(buf);
    const char *evictor = tm__graph_evictor_text(&node->evictor);
    snprintf(buf + used, size - used, "%s%s%s%s%s%s", by, late, trigger[0] == '\0' ? "" : ", ",
             trigger, evictor[0] == '\0' ? "" : ", evicts by ", evictor);
}

// "on ts, out of order 5s, idle after 30s, aligned with payments within 10s".
static void watermark_text(const struct tm_graph *graph, const struct tm_node *node, char *buf,
                           size_t size)
{
    char a[32], b[32], c[32], made[96], asked[64] = "";

    if (node->generator_bytes != 0)
        snprintf(made, sizeof made, "by functions of the job");
    else
        snprintf(made, sizeof made, "out of order %s", duration_text(node->disorder_ms, a));
    if (node->generator_periodic)
        snprintf(asked, sizeof asked, " every %s", duration_text(tm__graph_interval_ms(node), a));
    const struct tm_declared *columns = tm__graph_declared_input(graph, node);
    const char *column = column_name(columns, (uint32_t)node->time_field);
    snprintf(buf, size, "on %s, %s%s%s%s%s%s%s%s",
             column[0] == '$' ? "what a function gives" : column, made, asked,
             node->idle_ms == 0 ? "" : ", idle after ",
             node->idle_ms == 0 ? "" : duration_text(node->idle_ms, b),
             node->align_group == NULL ? "" : ", aligned with ",
             node->align_group == NULL ? "" : node->align_group,
             node->align_group == NULL ? "" : " within ",
             node->align_group == NULL ? "" : duration_text(node->align_drift_ms, c));
}

static void detail_text(const struct tm_graph *graph, const struct tm_node *node, char *buf,
                        size_t size)
{
    char a[32], key[DETAIL_MAX - 8];

    buf[0] = '\0';
    switch (node->kind) {
    case TM_NODE_SOURCE:
    case TM_NODE_SINK:
        snprintf(buf, size, "%s%s%s", node->connector, node->format[0] == '\0' ? "" : ", ",
                 node->format);
        break;
    case TM_NODE_KEY_BY:
        key_text(graph, node, &node->key, key, sizeof key);
        snprintf(buf, size, "by %s", key);
        break;
    case TM_NODE_WATERMARK:
        watermark_text(graph, node, buf, size);
        break;
    case TM_NODE_WINDOW:
        window_text(node, buf, size);
        break;
    case TM_NODE_ROLLING:
    case TM_NODE_REDUCE:
    case TM_NODE_EXTREME:
        snprintf(buf, size, "%s", node->emit_final ? "at the end of input" : "every row");
        break;
    case TM_NODE_TOP:
        snprintf(buf, size, "%u by %s, %s first, %s", node->limit,
                 column_name(tm__graph_declared_input(graph, node), (uint32_t)node->field),
                 node->descending ? "largest" : "smallest",
                 node->emit_final ? "at the end of input" : "changes");
        break;
    case TM_NODE_DISTINCT:
        if (node->ttl_ms != 0)
            snprintf(buf, size, "for %s", duration_text(node->ttl_ms, a));
        break;
    case TM_NODE_PROCESS:
        if (node->state_count != 0)
            snprintf(buf, size, "%u state%s", node->state_count, node->state_count == 1 ? "" : "s");
        if (node->has_timer)
            snprintf(buf + strlen(buf), size - strlen(buf), "%stimers", buf[0] == '\0' ? "" : ", ");
        break;
    default:
        break;
    }
}

static bool same_columns(const struct tm_declared *a, const struct tm_declared *b)
{
    if (a == NULL || b == NULL || a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (strcmp(a->fields[i].name, b->fields[i].name) != 0 ||
            !tm_type_equal(a->fields[i].type, b->fields[i].type))
            return false;
    return true;
}

// "user_id string, amount decimal(10,2)", broken between columns; those of the engine are left out.
static int print_columns(struct printer *p, const struct tm_declared *columns)
{
    int indent = 2 + p->verb_width + 2, column = indent, rc;
    bool first = true;

    rc = tm_buf_printf(p->out, "%*s", indent, "");
    for (uint32_t i = 0; i < columns->count && rc >= 0; i++) {
        const struct tm_field_def *field = &columns->fields[i];
        char type[TM_TYPE_TEXT], text[400];
        if (field->flags & TM_FIELD_HIDDEN)
            continue;
        bool unknown = field->type.kind == TM_TYPE_UNKNOWN;
        snprintf(text, sizeof text, "%s %s%s", field->name,
                 unknown ? "?" : tm_type_text(field->type, type),
                 field->flags & TM_FIELD_REQUIRED ? " required" : "");
        int width = width_of(text);
        if (!first && column + 2 + width > LINE_WIDTH) {
            rc = tm_buf_printf(p->out, ",\n%*s%s", indent, "", text);
            column = indent + width;
        } else {
            rc = tm_buf_printf(p->out, "%s%s", first ? "" : ", ", text);
            column += width + (first ? 0 : 2);
        }
        first = false;
    }
    return rc < 0 ? rc : tm_buf_printf(p->out, "\n");
}

// "state seen: map of string to timestamp, ttl 1d from the last write by the clock".
static int print_state(struct printer *p, const struct tm_state_field *state)
{
    static const char *const scopes[] = {"", ", broadcast", ", of each subtask",
                                         ", of all subtasks"};
    char type[TM_TYPE_TEXT], key[TM_TYPE_TEXT], ttl[32];
    bool map = state->kind == TM_STATE_MAP;
    int rc =
        tm_buf_printf(p->out, "%*sstate %s: %s of %s%s%s%s", 2 + p->verb_width + 2, "", state->name,
                      tm__graph_state_text(state->kind), map ? tm_type_text(state->key, key) : "",
                      map ? " to " : "", tm_type_text(state->type, type), scopes[state->scope]);
    if (rc >= 0 && state->ttl_ms != 0)
        rc = tm_buf_printf(p->out, ", ttl %s from the last %s by the %s",
                           duration_text(state->ttl_ms, ttl),
                           state->refresh == TM_TTL_ACCESS ? "access" : "write",
                           state->clock == TM_TTL_EVENT ? "watermark" : "clock");
    return rc < 0 ? rc : tm_buf_printf(p->out, "\n");
}

static int print_node(struct printer *p, const struct tm_node *node, bool first_of_chain)
{
    const struct tm_graph *graph = p->plan->graph;
    const struct tm_declared *columns = tm__graph_declared(graph, node->id);
    char detail[DETAIL_MAX];
    int rc = tm_buf_printf(p->out, "  ");

    if (rc >= 0)
        rc = pad(p, node->verb, p->verb_width + 2);
    if (rc >= 0)
        rc = pad(p, node->name, p->name_width + 2);
    detail_text(graph, node, detail, sizeof detail);
    if (node->on_error == TM_ON_ERROR_SKIP) {
        size_t used = strlen(detail);
        snprintf(detail + used, sizeof detail - used, "%serrors skipped", used == 0 ? "" : ", ");
    }
    if (rc >= 0)
        rc = detail[0] == '\0' ? tm_buf_printf(p->out, "%s", node->where)
                               : pad(p, node->where, p->where_width + 2);
    if (rc >= 0)
        rc = tm_buf_printf(p->out, "%s\n", detail);
    for (uint32_t i = 0; i < node->state_count && rc >= 0; i++)
        rc = print_state(p, &node->states[i]);
    if (rc < 0 || columns == NULL ||
        (!first_of_chain && same_columns(columns, tm__graph_declared_input(graph, node))))
        return rc;
    return print_columns(p, columns);
}

static int print_output(struct printer *p, const struct tm_edge *edge)
{
    const struct tm_node *from = &p->plan->graph->nodes[edge->from_node];
    char key[DETAIL_MAX], name[TM_NODE_TEXT_MAX];
    int rc = tm_buf_printf(p->out, "  -> chain %u", edge->to_chain);

    if (rc >= 0 && edge->partition == TM_PARTITION_HASH) {
        key_text(p->plan->graph, from, &edge->key, key, sizeof key);
        rc = tm_buf_printf(p->out, ", hash by %s", key);
    } else if (rc >= 0) {
        static const char *const texts[] = {", forward", "", ", rebalance", ", broadcast",
                                            ", partition"};
        rc = tm_buf_printf(p->out, "%s", texts[edge->partition]);
    }
    if (rc >= 0 && edge->preaggregated)
        rc = tm_buf_printf(p->out, ", pre-aggregated");
    if (rc >= 0 && edge->dead_letter)
        rc = tm_buf_printf(p->out, ", dead letters of %s", tm__graph_node_text(from, name));
    return rc < 0 ? rc : tm_buf_printf(p->out, "\n");
}

static int print_chain(struct printer *p, const struct tm_chain *chain)
{
    int rc = tm_buf_printf(p->out, "\nchain %u, %u %s\n", chain->id, chain->parallelism,
                           chain->parallelism == 1 ? "subtask" : "subtasks");

    for (uint32_t i = 0; i < chain->node_count && rc >= 0; i++)
        rc = print_node(p, &p->plan->graph->nodes[chain->nodes[i]], i == 0);
    for (uint32_t i = 0; i < chain->output_count && rc >= 0; i++)
        rc = print_output(p, &p->plan->edges[chain->outputs[i]]);
    return rc;
}

int tm_plan_print(const struct tm_plan *plan, struct tm_buf *out)
{
    struct printer p = {.plan = plan, .out = out};
    char latency[32];
    int rc;

    measure(&p);
    rc = tm_buf_printf(out, "job %s: parallelism %u, %u key groups, latency %s\n",
                       plan->graph->name, plan->parallelism, plan->max_parallelism,
                       duration_text(plan->graph->latency_ms, latency));
    for (uint32_t i = 0; i < plan->chain_count && rc >= 0; i++)
        rc = print_chain(&p, &plan->chains[i]);
    return rc < 0 ? rc : 0;
}
