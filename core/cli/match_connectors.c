// Sources and sinks: whether what those that go on have read and written is what it was, by the
// code that restores them, whether what is to be read is there and begins as it should, and no new
// output stands in the way of another. It changes nothing; connectors open what they look at, and
// let it go again.
#include "core/cli/match_parts.h"

#include <string.h>

#include "core/task/connector.h"

// How a source or sink begins.
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

// What was said of it is one refusal, instead.
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
    tm__match_add(
        m, &(struct tm_match_entry){
               .operator_name = node->name,
               .kind = tm__match_kind(node),
               .state = "",
               .outcome = goes_on ? TM_OUTCOME_INCOMPATIBLE : TM_OUTCOME_NEW,
               .refused = true,
               .code = err->code,
               .difference = tm__match_print(m, "%s", err->message),
               .fix = tm__match_print(m, "%s", err->hint[0] == '\0' ? "put that right" : err->hint),
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
        !connector->replayable) // whose other end would see that it is opened
        return;
    int rc = connector->source_prepare(&m->engine->fx, &m->engine->mem, node, 1, &shared, &err);
    if (rc == 0 && connector->source_restore != NULL) // what is left out it does not have
        rc = connector->source_restore(shared, m->restored, node, &err);
    if (rc == 0 && connector->source_look != NULL)
        rc = connector->source_look(shared, node, &err);
    if (shared != NULL && connector->source_release != NULL)
        connector->source_release(shared);
    if (rc != 0)
        refuse(m, node, goes_on, &err);
}

static void match_output(struct tm_match *m, const struct tm_node *node)
{
    const struct tm_connector *connector = tm_connector_find(tm_engine_connectors, node->connector);
    enum beginning beginning = beginning_of(m, node);
    const struct tm_sink_job job = {
        .name = m->engine->graph->name, .restored = m->restored, .settles = m->is_own};
    struct tm_error err = {0};
    if (connector != NULL && connector->sink_look != NULL && beginning != NOT_ASKED &&
        connector->sink_look(&m->engine->fx, &m->engine->mem, node, &job, &err) != 0)
        refuse(m, node, beginning == GOES_ON, &err);
}

int tm_match_connectors(struct tm_match *match, struct tm_error *err)
{
    const struct tm_graph *graph = match->engine->graph;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].kind == TM_NODE_SOURCE)
            match_input(match, &graph->nodes[n]);
        else if (graph->nodes[n].kind == TM_NODE_SINK)
            match_output(match, &graph->nodes[n]);
    }
    return match->no_memory
               ? tm_error_set(err, TM_E_MEMORY, "out of memory for what becomes of connectors")
               : 0;
}
