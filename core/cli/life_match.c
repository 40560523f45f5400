// A checkpoint against the script: operators by their names, states of processes by theirs.
#include <stdio.h>
#include <string.h>

#include "core/checkpoint/restored.h"
#include "core/cli/life.h"

// Parts that every operator has, and those that are made anew without loss: not state that anybody
// would miss.
static bool is_bookkeeping(const char *part)
{
    static const char *const names[] = {"counters", "metrics",   "watermark",   "task",
                                        "opened",   "generator", "split times", "draws",
                                        "streams",  "times"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(part, names[i]) == 0)
            return true;
    return false;
}

static bool keeps_state(const struct tm_manifest_operator *op)
{
    for (uint32_t p = 0; p < op->part_count; p++)
        if (!is_bookkeeping(op->parts[p].name))
            return true;
    return false;
}

static const char *kind_of(const struct tm_node *node)
{
    return node->kind == TM_NODE_SOURCE ? "source"
           : node->kind == TM_NODE_SINK ? "sink"
                                        : node->verb;
}

struct matching {
    struct tm_life *life;
    const struct tm_manifest *manifest;
    bool used[TM_CLI_DROPS_MAX]; // by --drop-state
    char list[700];              // what has no place in the script
    char hint[300];
};

static bool is_dropped(struct matching *m, const char *name)
{
    const struct tm_cli_options *options = m->life->engine->options;
    bool found = false;
    for (uint32_t i = 0; i < options->drop_count && !m->life->has_dropped; i++)
        if (strcmp(options->drops[i], name) == 0)
            found = m->used[i] = true;
    return found;
}

static void append(char *text, size_t size, const char *more)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", more);
}

static void miss(struct matching *m, const char *name, const char *why)
{
    char line[2 * TM_NAME_MAX + 200];
    snprintf(line, sizeof line, "%s%s", m->list[0] == '\0' ? "" : "; ", why);
    append(m->list, sizeof m->list, line);
    snprintf(line, sizeof line, " --drop-state '%s'", name);
    append(m->hint, sizeof m->hint, line);
}

static bool has_state(const struct tm_graph *graph, const char *operator_name, const char *state,
                      size_t length)
{
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct tm_node *node = &graph->nodes[n];
        if (strcmp(node->name, operator_name) != 0)
            continue;
        for (uint32_t s = 0; s < node->state_count; s++)
            if (strlen(node->states[s].name) == length &&
                memcmp(node->states[s].name, state, length) == 0)
                return true;
    }
    return false;
}

static void match_states(struct matching *m, const struct tm_manifest_operator *op,
                         const struct tm_manifest_part *part)
{
    const char *last = "";
    size_t last_length = 0;
    for (uint32_t f = 0; part->layout != NULL && f < part->layout->field_count; f++) {
        const char *name = part->layout->fields[f].name;
        size_t length = strcspn(name, ".#");
        bool again = length == last_length && memcmp(last, name, length) == 0;
        if (length == 0 || again || part->layout->fields[f].inside != 0)
            continue;
        last = name;
        last_length = length;
        char whole[2 * TM_NAME_MAX + 2], why[2 * TM_NAME_MAX + 64];
        snprintf(whole, sizeof whole, "%s.%.*s", op->name, (int)length, name);
        if (has_state(m->life->engine->graph, op->name, name, length) || is_dropped(m, whole))
            continue;
        snprintf(why, sizeof why, "state '%.*s' of '%s'", (int)length, name, op->name);
        miss(m, whole, why);
    }
}

static void match_operator(struct matching *m, const struct tm_manifest_operator *op)
{
    const struct tm_graph *graph = m->life->engine->graph;
    const struct tm_node *found = NULL;
    char why[3 * TM_NAME_MAX];
    bool same = false;
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (strcmp(graph->nodes[n].name, op->name) == 0) {
            found = found == NULL ? &graph->nodes[n] : found;
            same = same || strcmp(kind_of(&graph->nodes[n]), op->kind) == 0;
        }
    if (is_dropped(m, op->name)) {
        tm_restored_drop(m->life->restored, op->name);
        return;
    }
    if (found == NULL && keeps_state(op)) {
        snprintf(why, sizeof why, "operator '%s' (%s)", op->name, op->kind);
        miss(m, op->name, why);
    } else if (found != NULL && !same && keeps_state(op)) {
        snprintf(why, sizeof why, "operator '%s', a %s there and a %s here", op->name, op->kind,
                 kind_of(found));
        miss(m, op->name, why);
    }
    for (uint32_t p = 0; same && strcmp(op->kind, "process") == 0 && p < op->part_count; p++)
        if (op->parts[p].kind == TM_PART_STATE && !is_bookkeeping(op->parts[p].name))
            match_states(m, op, &op->parts[p]);
}

int tm_life_match(struct tm_life *life, struct tm_error *err)
{
    const struct tm_cli_options *options = life->engine->options;
    struct matching m = {.life = life, .manifest = tm_restored_manifest(life->restored)};
    for (uint32_t i = 0; i < m.manifest->operator_count; i++)
        match_operator(&m, &m.manifest->operators[i]);
    if (m.list[0] != '\0') {
        tm_error_set(err, TM_E_STATE_LEFT, "checkpoint %llu has state that %s has no place for: %s",
                     (unsigned long long)m.manifest->checkpoint, tm_cli_job_name(options), m.list);
        tm_error_hint(err, "give operator and state their old names, or leave it out:%s", m.hint);
        return TM_E_STATE_LEFT;
    }
    for (uint32_t i = 0; i < options->drop_count && !life->has_dropped; i++)
        if (!m.used[i]) {
            tm_error_set(err, TM_E_USAGE,
                         "--drop-state %s: checkpoint %llu has no such operator or state",
                         options->drops[i], (unsigned long long)m.manifest->checkpoint);
            tm_error_hint(err, "tidemill checkpoint show lists what it has");
            return TM_E_USAGE;
        }
    return 0;
}
