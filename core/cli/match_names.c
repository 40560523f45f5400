// What a checkpoint names: operators and states that had other names, and the operators that types
// were settled for.
#include <stdio.h>
#include <string.h>

#include "core/cli/match_parts.h"

// --- names ---------------------------------------------------------------------------------------

// "map(job.lua:12)": a name that comes from the place in the text, and moves with it.
static bool is_place_name(const char *name, const char *kind)
{
    size_t length = strlen(kind);
    const char *colon = strrchr(name, ':');
    if (strncmp(name, kind, length) != 0 || name[length] != '(' || colon == NULL)
        return false;
    colon += 1 + strspn(colon + 1, "0123456789");
    return *colon == ')' && colon[-1] != ':' && (colon[1] == '\0' || colon[1] == '#');
}

static int append_name(struct tm_buf *names, const char *operator_name, const char *state,
                       const char *was)
{
    const struct tm_restored_name name = {
        .operator_name = operator_name, .state = state, .was = was};
    return was == NULL || strcmp(was, state == NULL ? operator_name : state) == 0
               ? 0
               : tm_buf_append(names, &name, sizeof name);
}

// What the script says.
static int add_said(const struct tm_graph *graph, struct tm_buf *names)
{
    int rc = 0;
    for (uint32_t n = 0; n < graph->node_count && rc == 0; n++) {
        const struct tm_node *node = &graph->nodes[n];
        rc = append_name(names, node->name, NULL, node->renamed_from);
        for (uint32_t s = 0; s < node->state_count && rc == 0; s++)
            rc = append_name(names, node->name, node->states[s].name, node->states[s].renamed_from);
    }
    return rc;
}

// Names of places: the first of a kind is the first still, if there are as many.
static int add_moved(const struct tm_graph *graph, const struct tm_manifest *manifest,
                     const char *kind, struct tm_buf *names)
{
    uint32_t then = 0, now = 0;
    int rc = 0;
    for (uint32_t i = 0; i < manifest->operator_count; i++)
        then += strcmp(manifest->operators[i].kind, kind) == 0 &&
                is_place_name(manifest->operators[i].name, kind);
    for (uint32_t n = 0; n < graph->node_count; n++)
        now += strcmp(tm__match_kind(&graph->nodes[n]), kind) == 0 &&
               is_place_name(graph->nodes[n].name, kind);
    for (uint32_t n = 0, i = 0; n < graph->node_count && then == now && rc == 0; n++) {
        if (strcmp(tm__match_kind(&graph->nodes[n]), kind) != 0 ||
            !is_place_name(graph->nodes[n].name, kind))
            continue;
        while (strcmp(manifest->operators[i].kind, kind) != 0 ||
               !is_place_name(manifest->operators[i].name, kind))
            i++;
        if (graph->nodes[n].renamed_from == NULL)
            rc = append_name(names, graph->nodes[n].name, NULL, manifest->operators[i].name);
        i++;
    }
    return rc;
}

// Names of today for what the checkpoint has.
int tm__match_rename(struct tm_match *m, struct tm_error *err)
{
    const struct tm_graph *graph = m->engine->graph;
    struct tm_buf names;
    tm_buf_init(&names, graph->mem);
    int rc = add_said(graph, &names);
    for (uint32_t i = 0; i < m->manifest->operator_count && rc == 0; i++) {
        bool seen = false; // the kind
        for (uint32_t k = 0; k < i && !seen; k++)
            seen = strcmp(m->manifest->operators[k].kind, m->manifest->operators[i].kind) == 0;
        if (!seen)
            rc = add_moved(graph, m->manifest, m->manifest->operators[i].kind, &names);
    }
    uint32_t count = (uint32_t)(names.size_bytes / sizeof(struct tm_restored_name));
    rc = rc != 0 ? tm_error_set(err, TM_E_MEMORY, "out of memory for names")
                 : tm_restored_rename(m->restored,
                                      (const struct tm_restored_name *)(const void *)names.data,
                                      count, err);
    tm_buf_fini(&names);
    return rc;
}

// --- types that rows have settled ----------------------------------------------------------------

// The node that the operator with this number is now: of several of its name, as parts of a window
// are, the one in its place. NULL: none.
static const struct tm_node *node_now(const struct tm_graph *graph,
                                      const struct tm_manifest *manifest, uint32_t index)
{
    const struct tm_manifest_operator *op = &manifest->operators[index];
    uint32_t same_name = 0;
    for (uint32_t i = 0; i < index; i++)
        same_name += strcmp(manifest->operators[i].name, op->name) == 0;
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (strcmp(graph->nodes[n].name, op->name) == 0 && same_name-- == 0)
            return &graph->nodes[n];
    return NULL;
}

// The text names operators by their numbers in the old script. Those that are not found have no
// types yet.
static int translate_types(struct tm_match *m, struct tm_error *err)
{
    const struct tm_manifest *manifest = m->manifest;
    struct tm_buf *settled = &m->settled;
    int rc = 0;
    for (const char *line = manifest->types; line != NULL && *line != '\0' && rc == 0;) {
        unsigned long long index = 0;
        int used = 0;
        size_t length = strcspn(line, "\n");
        const struct tm_node *node = NULL;
        if (sscanf(line, "%20llu%n", &index, &used) == 1 && index < manifest->operator_count)
            node = node_now(m->engine->graph, manifest, (uint32_t)index);
        if (node != NULL)
            rc = tm_buf_printf(settled, "%u%.*s\n", node->id, (int)(length - (size_t)used),
                               line + used);
        line += length + (line[length] == '\n');
    }
    if (rc == 0)
        rc = tm_buf_append(settled, "", 1);
    return rc == 0 ? 0 : tm_error_set(err, TM_E_MEMORY, "out of memory for settled types");
}

// They are settled before anything is made of the graph.
int tm__match_settle(struct tm_match *m, struct tm_error *err)
{
    struct tm_buf settled;
    int rc = translate_types(m, err);
    if (rc != 0 || m->settled.size_bytes <= 1)
        return rc;
    tm_buf_init(&settled, &m->engine->mem);
    rc = tm_vm_settle(m->engine->vm, m->engine->graph, (const char *)m->settled.data,
                      m->settled.size_bytes - 1, &settled, err);
    tm_buf_fini(&settled);
    return rc < 0 ? rc : 0;
}
