// Rows that a checkpoint holds for the commit of an output which the job has no more, or begins
// anew: what exactly, by the connector that wrote it.
#include "core/cli/match_parts.h"

#include <string.h>

#include "core/checkpoint/changed.h"
#include "core/task/connector.h"

static const char *key_of(const struct tm_match *m, const char *sink)
{
    const char *left_out = tm_restored_left_out(m->restored, sink, "commits");
    return left_out != NULL || !tm_restored_has(m->restored, sink, "commits") ? left_out : sink;
}

const char *tm__match_held(struct tm_match *m, const struct tm_manifest_operator *op)
{
    const struct tm_connector *connector = tm_connector_find(tm_engine_connectors, op->connector);
    const struct tm_sink_left left = {.fx = &m->engine->fx,
                                      .mem = &m->engine->mem,
                                      .job = m->engine->graph->name,
                                      .sink = op->name,
                                      .restored = m->restored,
                                      .key = key_of(m, op->name)};
    struct tm_error err = {0};
    char held[TM_ERROR_TEXT_MAX / 2];
    if (strcmp(op->kind, "sink") != 0 || left.key == NULL || connector == NULL ||
        connector->sink_held == NULL)
        return "";
    if (connector->sink_held(&left, held, sizeof held, &err) != 0)
        return tm__match_print(m, "rows of which nothing can be said: %s", err.message);
    return tm__match_print(m, "%s", held);
}
