// See match.h.
#include "core/cli/match_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "core/task/flight.h"

const char *const tm_outcomes[TM_OUTCOMES] = {"kept", "migrated", "new", "dropped", "incompatible"};

// Parts that every operator has, and those that are made anew without loss: not state that anybody
// would miss.
static bool is_bookkeeping(const char *part)
{
    static const char *const names[] = {
        "counters",       "metrics",         "watermark", "task",  "opened", "generator",
        "split times",    "draws",           "streams",   "times", "inputs", "function times",
        "function draws", "function streams"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(part, names[i]) == 0)
            return true;
    return strcmp(part, TM_FLIGHT_ARRIVED) == 0 || strcmp(part, TM_FLIGHT_UNSENT) == 0 ||
           strncmp(part, "counters of part ", 17) == 0 ||
           strncmp(part, "watermark of part ", 18) == 0 ||
           strncmp(part, "opened of part ", 15) == 0;
}

static bool keeps_state(const struct tm_manifest_operator *op)
{
    for (uint32_t p = 0; p < op->part_count; p++)
        if (!is_bookkeeping(op->parts[p].name))
            return true;
    return false;
}

const char *tm__match_kind(const struct tm_node *node)
{
    return node->kind == TM_NODE_SOURCE ? "source"
           : node->kind == TM_NODE_SINK ? "sink"
                                        : node->verb;
}

static const struct tm_node *find_node(const struct tm_graph *graph, const char *name)
{
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (strcmp(graph->nodes[n].name, name) == 0)
            return &graph->nodes[n];
    return NULL;
}

// --- entries -------------------------------------------------------------------------------------

const char *tm__match_print(struct tm_match *m, const char *format, ...)
{
    char text[TM_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *copy = tm_arena_strndup(&m->arena, text, strlen(text));
    m->no_memory = m->no_memory || copy == NULL;
    return copy == NULL ? "" : copy;
}

void tm__match_add(struct tm_match *m, const struct tm_match_entry *entry)
{
    struct tm_match_entry new = *entry;
    new.difference = new.difference == NULL ? "" : new.difference;
    new.fix = new.fix == NULL ? "" : new.fix;
    new.drop = new.drop == NULL ? "" : new.drop;
    new.held = new.held == NULL ? "" : new.held;
    if (new.refused &&new.code == 0)
        new.code = new.outcome == TM_OUTCOME_INCOMPATIBLE &&new.state[0] != '\0' ? TM_E_STATE_TYPE
                                                                                 : TM_E_STATE_LEFT;
    m->no_memory = m->no_memory || tm_buf_append(&m->entries, &new, sizeof new) != 0;
}

const struct tm_match_entry *tm_match_entries(const struct tm_match *match, uint32_t *count)
{
    *count = (uint32_t)(match->entries.size_bytes / sizeof(struct tm_match_entry));
    return (const struct tm_match_entry *)(const void *)match->entries.data;
}

bool tm__match_has(const struct tm_match *m, const char *operator_name, const char *state)
{
    uint32_t count;
    const struct tm_match_entry *entries = tm_match_entries(m, &count);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(entries[i].operator_name, operator_name) == 0 &&
            strcmp(entries[i].state, state) == 0)
            return true;
    return false;
}

// --- --drop-state --------------------------------------------------------------------------------

static void add_dropped(struct tm_match *m, const struct tm_manifest_operator *op,
                        const char *state)
{
    const char *held = tm__match_held(m, op);
    if (tm__match_has(m, op->name, state))
        return;
    tm__match_add(
        m, &(struct tm_match_entry){
               .operator_name = op->name,
               .kind = op->kind,
               .state = state,
               .outcome = TM_OUTCOME_DROPPED,
               .held = held,
               .difference = held[0] == '\0'
                                 ? "as --drop-state says"
                                 : tm__match_print(m, "as --drop-state says; %s: %s", held,
                                                   m->is_own ? "a run makes them visible first"
                                                             : "left out")});
}

static int drop_one(struct tm_match *m, const char *name, bool *found, struct tm_error *err)
{
    *found = false;
    for (uint32_t i = 0; i < m->manifest->operator_count; i++) {
        const struct tm_manifest_operator *op = &m->manifest->operators[i];
        size_t length = strlen(op->name);
        int rc = 0;
        if (strcmp(op->name, name) == 0) {
            *found = true;
            rc = tm_restored_drop(m->restored, name, err);
            if (rc > 0)
                add_dropped(m, op, "");
        } else if (strncmp(op->name, name, length) == 0 && name[length] == '.') {
            rc = tm_restored_drop_state(m->restored, op->name, name + length + 1, err);
            *found = *found || rc > 0;
            if (rc > 0)
                add_dropped(m, op, name + length + 1);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

// The name that was meant: an operator's, OPERATOR.STATE, or a state whose operator was not said.
// NULL: none is near.
static const char *nearest_to(struct tm_match *m, const char *given)
{
    const char *names[64];
    uint32_t count = 0, most = sizeof names / sizeof names[0];
    for (uint32_t i = 0; i < m->manifest->operator_count && count < most; i++) {
        const struct tm_manifest_operator *op = &m->manifest->operators[i];
        names[count++] = op->name;
        for (uint32_t p = 0; p < op->part_count; p++) {
            const struct tm_layout *layout = op->parts[p].layout;
            for (uint32_t f = 0; layout != NULL && f < layout->field_count && count < most; f++) {
                const char *field = layout->fields[f].name;
                size_t length = tm_restored_state_length(field);
                if (layout->fields[f].inside != 0 || field[0] == '$')
                    continue;
                names[count] = tm__match_print(m, "%s.%.*s", op->name, (int)length, field);
                if (strlen(given) == length && memcmp(given, field, length) == 0)
                    return names[count];
                count++;
            }
        }
    }
    return tm_text_nearest(given, names, count);
}

static int drop_all(struct tm_match *m, struct tm_error *err)
{
    const struct tm_cli_options *options = m->engine->options;
    for (uint32_t i = 0; i < options->drop_count; i++) {
        bool found;
        int rc = drop_one(m, options->drops[i], &found, err);
        if (rc != 0)
            return rc;
        if (found)
            continue;
        tm_error_set(err, TM_E_USAGE,
                     "--drop-state %s: checkpoint %llu has no such operator or state",
                     options->drops[i], (unsigned long long)m->manifest->checkpoint);
        const char *nearest = nearest_to(m, options->drops[i]);
        tm_error_hint(err, "%s%s%stidemill checkpoint show lists what it has",
                      nearest == NULL ? "" : "did you mean '", nearest == NULL ? "" : nearest,
                      nearest == NULL ? "" : "'? ");
        return TM_E_USAGE;
    }
    return 0;
}

// --- states of an operator -----------------------------------------------------------------------

// What was noted of the fields of one state, or of one part.
struct group {
    const char *state;
    bool of_process; // what its script says of it can have functions
    uint32_t changes[TM_FIELD_CHANGES];
    char text[TM_ERROR_TEXT_MAX / 2]; // of what is not kept
    char why[TM_ERROR_TEXT_MAX / 2];  // of what cannot be
};

static void say(char list[TM_ERROR_TEXT_MAX / 2], const char *format, const char *field,
                const char *text)
{
    size_t used = strlen(list), size = TM_ERROR_TEXT_MAX / 2;
    if (used != 0 && used + 3 < size)
        used += (size_t)snprintf(list + used, size - used, "; ");
    if (used < size)
        snprintf(list + used, size - used, format, field, text);
}

static void count_field(struct group *g, const struct tm_rehearsed *note)
{
    static const char *const says[TM_FIELD_CHANGES] = {
        [TM_FIELD_WIDENED] = "%s: %s",    [TM_FIELD_MIGRATED] = "%s: %s, by migrate",
        [TM_FIELD_NEW] = "%s is new%.0s", [TM_FIELD_GONE] = "%s is gone%.0s",
        [TM_FIELD_DIFFERENT] = "%.0s%s",  [TM_FIELD_UNTOLD] = "%.0s%s"};
    const char *times = strstr(note->field, " (");
    enum tm_field_change change = note->change;
    if (times != NULL && (change == TM_FIELD_NEW || change == TM_FIELD_GONE)) {
        const char *clock =
            strstr(times, "event time") != NULL ? " in event time" : " by the clock";
        if (strncmp(times, " (newest", strlen(" (newest")) != 0)
            say(g->text, change == TM_FIELD_NEW ? "a time to live%s%.0s" : "no time to live%s%.0s",
                clock, "");
        g->changes[TM_FIELD_WIDENED]++; // one that decides nothing
        return;
    }
    g->changes[change]++;
    bool cannot = change == TM_FIELD_DIFFERENT || change == TM_FIELD_UNTOLD;
    if (change != TM_FIELD_KEPT)
        say(cannot ? g->why : g->text, says[change],
            note->field[0] == '\0' ? "the value" : note->field, note->text);
}

static bool is_process_part(const struct tm_graph *graph, const char *operator_name,
                            const char *part)
{
    static const char *const parts[] = {
        "keyed",    "broadcast",          "operator",          "windows",
        "function", "function broadcast", "function operator", "function windows"};
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].kind == TM_NODE_PROCESS &&
            strcmp(graph->nodes[n].name, operator_name) == 0)
            for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
                if (strcmp(part, parts[i]) == 0)
                    return true;
    return false;
}

static void end_group(struct tm_match *m, const struct tm_manifest_operator *op,
                      const struct group *g)
{
    const uint32_t *n = g->changes;
    struct tm_match_entry entry = {.operator_name = op->name,
                                   .kind = op->kind,
                                   .state = g->state,
                                   .difference = tm__match_print(m, "%s", g->text)};
    uint32_t same = n[TM_FIELD_KEPT] + n[TM_FIELD_MIGRATED];
    const char *was = tm_restored_was(m->restored, op->name, g->state);
    if (n[TM_FIELD_DIFFERENT] + n[TM_FIELD_UNTOLD] != 0) {
        bool can_be_told = g->of_process && n[TM_FIELD_DIFFERENT] == 0;
        entry.outcome = TM_OUTCOME_INCOMPATIBLE;
        entry.difference = tm__match_print(m, "%s", g->why);
        entry.fix = can_be_told ? "say what becomes of its values: migrate = function(old) return "
                                  "new end; or give it its old type, or another name"
                                : "give it its old type, or another name";
    } else if (same == 0 && n[TM_FIELD_GONE] != 0) {
        entry.outcome = TM_OUTCOME_DROPPED;
        entry.difference = "the script has no such state";
        entry.fix = "give it its old name, or say of the new one renamed_from";
    } else if (same == 0 && n[TM_FIELD_NEW] != 0) {
        entry.outcome = TM_OUTCOME_NEW;
        entry.difference = "";
    } else if (n[TM_FIELD_WIDENED] + n[TM_FIELD_MIGRATED] + n[TM_FIELD_NEW] + n[TM_FIELD_GONE] !=
               0) {
        entry.outcome = TM_OUTCOME_MIGRATED;
    } else {
        entry.outcome = TM_OUTCOME_KEPT;
    }
    if (strcmp(was, g->state) != 0 && entry.outcome <= TM_OUTCOME_MIGRATED)
        entry.difference =
            tm__match_print(m, "it was '%s'%s%s", was, g->text[0] == '\0' ? "" : "; ", g->text);
    entry.refused = entry.outcome == TM_OUTCOME_DROPPED || entry.outcome == TM_OUTCOME_INCOMPATIBLE;
    if (entry.refused)
        entry.drop = tm__match_print(m, "%s.%s", op->name, g->state);
    if (!tm__match_has(m, op->name, g->state))
        tm__match_add(m, &entry);
}

// Each state of a part: of a process by its name, of others all at once.
static void match_fields(struct tm_match *m, const struct tm_manifest_operator *op,
                         const char *part)
{
    uint32_t count;
    const struct tm_rehearsed *notes = tm_restored_rehearsed(m->restored, &count);
    bool by_state = is_process_part(m->engine->graph, op->name, part);
    for (uint32_t i = 0; i < count; i++) {
        if (notes[i].field == NULL || strcmp(notes[i].operator_name, op->name) != 0 ||
            strcmp(notes[i].part, part) != 0)
            continue;
        size_t length = tm_restored_state_length(notes[i].field);
        struct group g = {
            .state = by_state ? tm__match_print(m, "%.*s", (int)length, notes[i].field) : part,
            .of_process = by_state};
        bool begun = false; // with an earlier note
        for (uint32_t k = 0; k < count; k++) {
            bool mine = notes[k].field != NULL && strcmp(notes[k].operator_name, op->name) == 0 &&
                        strcmp(notes[k].part, part) == 0 &&
                        (!by_state || (tm_restored_state_length(notes[k].field) == length &&
                                       memcmp(notes[k].field, notes[i].field, length) == 0));
            begun = begun || (mine && k < i);
            if (mine && !begun)
                count_field(&g, &notes[k]);
        }
        if (!begun)
            end_group(m, op, &g);
    }
}

static bool was_asked(const struct tm_match *m, const char *operator_name, const char *part)
{
    uint32_t count;
    const struct tm_rehearsed *notes = tm_restored_rehearsed(m->restored, &count);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(notes[i].operator_name, operator_name) == 0 &&
            (part == NULL || strcmp(notes[i].part, part) == 0))
            return true;
    return false;
}

static void match_part(struct tm_match *m, const struct tm_manifest_operator *op,
                       const struct tm_manifest_part *part)
{
    struct tm_match_entry entry = {
        .operator_name = op->name, .kind = op->kind, .state = part->name};
    bool connects = strcmp(op->kind, "source") == 0 || strcmp(op->kind, "sink") == 0;
    if (is_bookkeeping(part->name) || tm__match_has(m, op->name, part->name))
        return;
    if (connects) {
        tm__match_add(m, &entry);
        return;
    }
    if (part->kind == TM_PART_ITEMS)
        return;
    if (was_asked(m, op->name, part->name)) {
        if (part->kind == TM_PART_STATE)
            match_fields(m, op, part->name);
        else
            tm__match_add(m, &entry);
        return;
    }
    if (!was_asked(m, op->name, NULL)) { // it is not open yet
        entry.difference = m->in_flight.code != 0
                               ? "it has not been looked at, because of the rows in flight"
                               : "it is looked at when its first rows have told their types";
        tm__match_add(m, &entry);
        return;
    }
    entry.outcome = TM_OUTCOME_DROPPED;
    entry.refused = true;
    entry.difference = part->kind == TM_PART_TIMERS ? "the script has no function for timers"
                                                    : "the script has nothing that it is for";
    entry.fix = "bring back what it was for";
    entry.drop = tm__match_print(m, "%s.%s", op->name, part->name);
    tm__match_add(m, &entry);
}

// States of today that the checkpoint has no part for.
static void match_new_states(struct tm_match *m, const struct tm_manifest_operator *op)
{
    const struct tm_graph *graph = m->engine->graph;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct tm_node *node = &graph->nodes[n];
        if (node->kind != TM_NODE_PROCESS || strcmp(node->name, op->name) != 0)
            continue;
        for (uint32_t s = 0; s < node->state_count; s++)
            if (!tm__match_has(m, op->name, node->states[s].name))
                tm__match_add(m, &(struct tm_match_entry){.operator_name = op->name,
                                                          .kind = op->kind,
                                                          .state = node->states[s].name,
                                                          .outcome = TM_OUTCOME_NEW});
    }
}

// --- operators -----------------------------------------------------------------------------------

static bool is_stateful(const struct tm_node *node)
{
    switch (node->kind) {
    case TM_NODE_SOURCE:
    case TM_NODE_ROLLING:
    case TM_NODE_REDUCE:
    case TM_NODE_WINDOW:
    case TM_NODE_DISTINCT:
    case TM_NODE_EXTREME:
    case TM_NODE_TOP:
    case TM_NODE_PROCESS:
        return true;
    default:
        return false;
    }
}

// An operator of the same kind that the checkpoint has not: what the missing one may be called now.
static const char *new_one_like(const struct tm_match *m, const struct tm_manifest_operator *op)
{
    const struct tm_graph *graph = m->engine->graph;
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].whole == n && strcmp(tm__match_kind(&graph->nodes[n]), op->kind) == 0 &&
            tm_manifest_find(m->manifest, graph->nodes[n].name) == NULL)
            return graph->nodes[n].name;
    return NULL;
}

// A source that reads elsewhere has no use for positions, nor a sink that writes elsewhere for rows
// that wait for their commit.
static bool is_elsewhere(const struct tm_manifest_operator *op, const struct tm_node *found)
{
    bool connects = found->kind == TM_NODE_SOURCE || found->kind == TM_NODE_SINK;
    return connects && op->connector[0] != '\0' && strcmp(op->connector, found->connector) != 0;
}

static void lose_operator(struct tm_match *m, const struct tm_manifest_operator *op,
                          const struct tm_node *found)
{
    const char *like = found == NULL ? new_one_like(m, op) : NULL;
    struct tm_match_entry entry = {.operator_name = op->name,
                                   .kind = op->kind,
                                   .state = "",
                                   .outcome =
                                       found == NULL ? TM_OUTCOME_DROPPED : TM_OUTCOME_INCOMPATIBLE,
                                   .refused = true,
                                   .held = tm__match_held(m, op),
                                   .drop = op->name};
    entry.difference =
        found == NULL ? "the script has no operator of this name"
        : is_elsewhere(op, found)
            ? tm__match_print(m, "a %s of tm.%s there and of tm.%s here", op->kind, op->connector,
                              found->connector)
            : tm__match_print(m, "a %s there and a %s here", op->kind, tm__match_kind(found));
    entry.fix = found != NULL ? "give the new one another name"
                : like == NULL
                    ? "give the operator its old name"
                    : tm__match_print(m, "say of '%s': renamed_from = \"%s\"", like, op->name);
    if (entry.held[0] != '\0')
        entry.difference =
            tm__match_print(m, "%s; the checkpoint has %s", entry.difference, entry.held);
    tm__match_add(m, &entry);
}

static void match_operator(struct tm_match *m, const struct tm_manifest_operator *op)
{
    const struct tm_graph *graph = m->engine->graph;
    const struct tm_node *found = find_node(graph, op->name);
    bool same = false;
    for (uint32_t n = 0; n < graph->node_count; n++)
        same = same || (strcmp(graph->nodes[n].name, op->name) == 0 &&
                        strcmp(tm__match_kind(&graph->nodes[n]), op->kind) == 0);
    if (tm__match_has(m, op->name, "") || !keeps_state(op))
        return; // left out, or of no interest
    if (!same || is_elsewhere(op, found)) {
        lose_operator(m, op, found);
        return;
    }
    uint32_t before, after;
    tm_match_entries(m, &before);
    for (uint32_t p = 0; p < op->part_count; p++)
        match_part(m, op, &op->parts[p]);
    match_new_states(m, op);
    tm_match_entries(m, &after);
    const char *was = tm_restored_was(m->restored, op->name, NULL);
    struct tm_match_entry *entries = (struct tm_match_entry *)(void *)m->entries.data;
    for (uint32_t i = before; i < after && strcmp(was, op->name) != 0; i++)
        if (entries[i].outcome <= TM_OUTCOME_MIGRATED)
            entries[i].difference = tm__match_print(m, "its operator was '%s'%s%s", was,
                                                    entries[i].difference[0] == '\0' ? "" : "; ",
                                                    entries[i].difference);
}

static void match_new_operators(struct tm_match *m)
{
    const struct tm_graph *graph = m->engine->graph;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct tm_node *node = &graph->nodes[n];
        if (node->whole != n || !is_stateful(node) ||
            tm_manifest_find(m->manifest, node->name) != NULL)
            continue;
        tm__match_add(m,
                      &(struct tm_match_entry){.operator_name = node->name,
                                               .kind = tm__match_kind(node),
                                               .state = "",
                                               .outcome = TM_OUTCOME_NEW,
                                               .difference = node->kind == TM_NODE_SOURCE
                                                                 ? "it is read from its beginning"
                                                                 : ""});
    }
}

// --- all of it -----------------------------------------------------------------------------------

// Rows do not fit: what has been looked at by then is told all the same.
static void add_flight(struct tm_match *m, struct tm_error *err)
{
    m->in_flight = *err;
    tm_error_clear(err);
    tm__match_add(
        m, &(struct tm_match_entry){.operator_name = "rows in flight",
                                    .kind = "edge",
                                    .state = "",
                                    .outcome = TM_OUTCOME_INCOMPATIBLE,
                                    .refused = true,
                                    .code = TM_E_IN_FLIGHT,
                                    .difference = tm__match_print(m, "%s", m->in_flight.message),
                                    .fix = tm__match_print(m, "%s", m->in_flight.hint)});
}

int tm_match_make(struct tm_match *match, const struct tm_life *life, bool drops,
                  struct tm_error *err)
{
    struct tm_engine *engine = life->engine;
    struct tm_restored *restored = life->restored;
    *match = (struct tm_match){.engine = engine,
                               .restored = restored,
                               .manifest = tm_restored_manifest(restored),
                               .is_own = tm_life_is_own(life)};
    tm_arena_init(&match->arena, &engine->mem);
    tm_buf_init(&match->entries, &engine->mem);
    tm_buf_init(&match->settled, &engine->mem);
    int rc = tm__match_rename(match, err);
    if (rc == 0)
        rc = tm__match_settle(match, err);
    if (rc == 0 && drops)
        rc = drop_all(match, err);
    if (rc == 0)
        rc = tm_restored_rehearse(restored, err);
    if (rc != 0)
        return rc;
    rc = tm_rehearse(engine, restored, (const char *)match->settled.data, err);
    if (rc == TM_E_IN_FLIGHT) {
        add_flight(match, err);
        rc = 0;
    }
    for (uint32_t i = 0; rc == 0 && i < match->manifest->operator_count; i++)
        if (tm_manifest_find(match->manifest, match->manifest->operators[i].name) ==
            &match->manifest->operators[i])
            match_operator(match, &match->manifest->operators[i]);
    if (rc == 0)
        match_new_operators(match);
    int noted = tm_restored_end_rehearsal(restored, rc == 0 ? err : NULL);
    rc = rc == 0 ? noted : rc;
    return rc == 0 && match->no_memory
               ? tm_error_set(err, TM_E_MEMORY, "out of memory for what becomes of states")
               : rc;
}

void tm_match_free(struct tm_match *match)
{
    if (match->engine == NULL)
        return;
    tm_buf_fini(&match->entries);
    tm_buf_fini(&match->settled);
    tm_arena_fini(&match->arena);
    match->engine = NULL;
}

static void append(char *text, size_t size, const char *separator, const char *more)
{
    const char *const parts[] = {text[0] == '\0' ? "" : separator, more};
    for (int i = 0; i < 2; i++) { // what has no room is left out
        size_t used = strlen(text), length = strlen(parts[i]);
        length = length < size - used ? length : size - used - 1;
        memcpy(text + used, parts[i], length);
        text[used + length] = '\0';
    }
}

// "state 'count' of 'velocity': what is wrong"; "operator 'out' (sink), which has ..."
static void describe(const struct tm_match_entry *entry, char *text, size_t size)
{
    if (entry->state[0] == '\0')
        snprintf(text, size,
                 entry->outcome == TM_OUTCOME_DROPPED ? "operator '%s' (%s)" : "operator '%s', %s",
                 entry->operator_name,
                 entry->outcome == TM_OUTCOME_DROPPED ? entry->kind : entry->difference);
    else if (entry->outcome == TM_OUTCOME_DROPPED)
        snprintf(text, size, "state '%s' of '%s'", entry->state, entry->operator_name);
    else
        snprintf(text, size, "state '%s' of '%s': %s", entry->state, entry->operator_name,
                 entry->difference);
    if (entry->held[0] != '\0')
        append(text, size, ", with ", entry->held);
}

int tm_match_refusal(const struct tm_match *match, struct tm_error *err)
{
    char list[TM_ERROR_TEXT_MAX - 300] = "", drops[300] = "", fix[300] = "";
    uint32_t count;
    const struct tm_match_entry *entries = tm_match_entries(match, &count);
    int code = 0;
    for (uint32_t i = 0; i < count; i++) {
        char line[600];
        if (!entries[i].refused)
            continue;
        code = code == 0 ? entries[i].code : code;
        describe(&entries[i], line, sizeof line);
        append(list, sizeof list, "; ", line);
        if (strstr(fix, entries[i].fix) == NULL)
            append(fix, sizeof fix, "; ", entries[i].fix);
        snprintf(line, sizeof line, " --drop-state '%s'", entries[i].drop);
        append(drops, sizeof drops, "", line);
    }
    if (match->in_flight.code != 0) {
        *err = match->in_flight;
        return err->code;
    }
    if (code == 0)
        return 0;
    tm_error_set(err, code, "checkpoint %llu has state that %s has no place for: %s",
                 (unsigned long long)match->manifest->checkpoint,
                 tm_cli_job_name(match->engine->options), list);
    tm_error_hint(err, "%s, or leave it out:%s", fix, drops);
    return code;
}
