// Sources: whether what those that go on have read is what it was, by the code that restores them,
// and whether what all of them are to read is there and begins as it should. It changes nothing;
// connectors open what they are to read, and let it go again.
#include "core/cli/match_parts.h"

#include <string.h>

#include "core/task/connector.h"

// How a source begins.
enum beginning {
    GOES_ON,   // the checkpoint has something of it
    ANEW,      // it has nothing, or that is left out
    NOT_ASKED, // it is refused already
};

static enum beginning beginning_of(const struct tm_match *m, const struct tm_node *node)
{
    uint32_t count;
    const struct tm_match_entry *entries = tm_match_entries(m, &count);
    enum beginning beginning = ANEW;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(entries[i].operator_name, node->name) != 0)
            continue;
        if (entries[i].refused)
            return NOT_ASKED;
        if (entries[i].outcome == TM_OUTCOME_KEPT)
            beginning = GOES_ON;
    }
    return beginning;
}

// What was said of the source is one refusal, instead.
static void refuse(struct tm_match *m, const struct tm_node *node, bool goes_on,
                   const struct tm_error *err)
{
    uint32_t count, kept = 0;
    struct tm_match_entry *entries =
        (struct tm_match_entry *)(uintptr_t)tm_match_entries(m, &count);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(entries[i].operator_name, node->name) != 0)
            entries[kept++] = entries[i];
    m->entries.size_bytes = kept * sizeof *entries;
    tm__match_add(m, &(struct tm_match_entry){
                         .operator_name = node->name,
                         .kind = tm__match_kind(node),
                         .state = "",
                         .outcome = goes_on ? TM_OUTCOME_INCOMPATIBLE : TM_OUTCOME_NEW,
                         .refused = true,
                         .code = err->code,
                         .difference = tm__match_print(m, "%s", err->message),
                         .fix = tm__match_print(
                             m, "%s", err->hint[0] == '\0' ? "put the input right" : err->hint),
                         .drop = goes_on ? node->name : ""});
}

static void match_input(struct tm_match *m, const struct tm_node *node)
{
    const struct tm_connector *connector = tm_connector_find(tm_engine_connectors, node->connector);
    enum beginning beginning = beginning_of(m, node);
    bool goes_on = beginning == GOES_ON;
    struct tm_error err = {0};
    void *shared = NULL;
    if (connector == NULL || connector->source_prepare == NULL || beginning == NOT_ASKED ||
        (connector->source_restore == NULL && goes_on))
        return;
    int rc = connector->source_prepare(&m->engine->fx, &m->engine->mem, node, 1, &shared, &err);
    if (rc == 0 && goes_on)
        rc = connector->source_restore(shared, m->restored, node, &err);
    if (rc == 0 && connector->source_look != NULL)
        rc = connector->source_look(shared, node, &err);
    if (shared != NULL && connector->source_release != NULL)
        connector->source_release(shared);
    if (rc != 0)
        refuse(m, node, goes_on, &err);
}

int tm_match_inputs(struct tm_match *match, struct tm_error *err)
{
    const struct tm_graph *graph = match->engine->graph;
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].kind == TM_NODE_SOURCE)
            match_input(match, &graph->nodes[n]);
    return match->no_memory
               ? tm_error_set(err, TM_E_MEMORY, "out of memory for what becomes of inputs")
               : 0;
}
