// What the tests of core/graph share: a graph built as the planning Lua state builds it, in short
// words.
#pragma once

#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph/plan.h"
#include "core/loop/real.h"

static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_graph *graph;
static struct tm_error err;

static inline void fixture_setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    ck_assert_int_eq(tm_graph_new(&mem, &graph, &err), 0);
    tm_error_clear(&err);
}

static inline void fixture_teardown(void)
{
    tm_graph_free(graph);
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
    tm_real_fini(&fx);
}

static inline void ok(int rc)
{
    if (rc < 0)
        ck_abort_msg("%s", tm_graph_error_text(graph));
}

// Columns as "id int, ts timestamp!, $time timestamp~": ! required, ~ hidden.
static inline void columns(uint32_t node, const char *text, int time_field)
{
    char copy[512], *save = NULL;
    const char *parts[64];
    uint32_t count = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *p = strtok_r(copy, ";", &save); p != NULL; p = strtok_r(NULL, ";", &save))
        parts[count++] = p + strspn(p, " ");
    ok(tm_graph_schema_begin(graph, node, count, time_field));
    for (uint32_t i = 0; i < count; i++) {
        char name[128], type[64];
        uint32_t flags = 0;
        ck_assert_int_eq(sscanf(parts[i], "%127s %63s", name, type), 2);
        char *last = type + strlen(type) - 1;
        if (*last == '!')
            flags = TM_FIELD_REQUIRED;
        if (*last == '~')
            flags = TM_FIELD_HIDDEN;
        if (flags != 0)
            *last = '\0';
        ok(tm_graph_schema_field(graph, node, name, type, flags));
    }
    ok(tm_graph_schema_end(graph, node));
}

static inline uint32_t add(int kind, const char *verb, const char *name, int input)
{
    char where[32];
    snprintf(where, sizeof where, "job.lua:%u", graph->node_count + 1);
    int id = tm_graph_add(graph, kind, verb, name, where);
    ok(id);
    if (input >= 0)
        ok(tm_graph_input(graph, (uint32_t)id, (uint32_t)input));
    return (uint32_t)id;
}

static const char rows[] = "user string!; amount decimal(10,2); ts timestamp";

static inline uint32_t source(const char *name)
{
    uint32_t id = add(TM_NODE_SOURCE, "from", name, -1);
    ok(tm_graph_connector(graph, id, "file", ""));
    columns(id, rows, -1);
    return id;
}

static inline uint32_t function(const char *name, uint32_t input)
{
    uint32_t id = add(TM_NODE_FUNCTION, "map", name, (int)input);
    columns(id, rows, 2);
    return id;
}

static inline uint32_t watermark(const char *name, uint32_t input)
{
    uint32_t id = add(TM_NODE_WATERMARK, "watermark", name, (int)input);
    ok(tm_graph_watermark(graph, id, 2, 5000, 30000));
    columns(id, rows, 2);
    return id;
}

static inline uint32_t key_by(const char *name, uint32_t input)
{
    uint32_t id = add(TM_NODE_KEY_BY, "key_by", name, (int)input);
    ok(tm_graph_key(graph, id, 0));
    columns(id, rows, 2);
    return id;
}

static inline uint32_t window(const char *name, uint32_t input)
{
    uint32_t id = add(TM_NODE_WINDOW, "aggregate", name, (int)input);
    ok(tm_graph_key(graph, id, 0));
    ok(tm_graph_window(graph, id, 600000, 60000, 0));
    ok(tm_graph_aggregate(graph, id, TM_AGGREGATE_SUM, 1, 3));
    columns(id, "user string; window_start timestamp; window_end timestamp; total decimal(38,2)",
            2);
    return id;
}

static inline uint32_t count(const char *name, uint32_t input)
{
    uint32_t id = add(TM_NODE_ROLLING, "count", name, (int)input);
    ok(tm_graph_key(graph, id, 0));
    ok(tm_graph_aggregate(graph, id, TM_AGGREGATE_COUNT, -1, 1));
    columns(id, "user string; count int", -1);
    return id;
}

static inline uint32_t sink(const char *name, int input)
{
    uint32_t id = add(TM_NODE_SINK, "to", name, input);
    ok(tm_graph_connector(graph, id, "file", ""));
    return id;
}
