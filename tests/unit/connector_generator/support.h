// A source node of tm.generate with a fake clock, and one task context per subtask.
#pragma once

#include "connectors/generator/generator.h"
#include "tests/unit/batch/support.h"

static int64_t support_now_ns;

static int64_t support_mono(void *ctx)
{
    (void)ctx;
    return support_now_ns;
}

static const struct tm_fx_clock support_clock = {.mono_ns = support_mono};
static const struct tm_fx generator_fx = {.clock = &support_clock, .memory = &plain_memory};

struct source_test {
    struct tm_mem mem;
    struct tm_batch_pool *pool;
    struct tm_node node;
    void *shared;
    uint32_t parallelism;
    struct tm_task_context ctx[8];
    struct tm_source *sources[8];
    struct tm_restored *restored; // what it begins with, or NULL
};

static inline void source_start(struct source_test *t)
{
    memset(t, 0, sizeof *t);
    support_now_ns = 1000000;
    tm_mem_init(&t->mem, &generator_fx, NULL, 0);
    t->pool = tm_batch_pool_new(&t->mem);
    t->node.name = "rows";
    t->node.where = "job.lua:3";
    memset(t->node.used, 0xff, sizeof t->node.used);
    tm_options_init(&t->node.options, &t->mem);
}

// "name type, name type, ..." as the schema.
static inline void source_schema(struct source_test *t, const char *columns)
{
    struct tm_field_def defs[16];
    char names[16][32], types[16][32];
    uint32_t count = 0;
    for (const char *p = columns; p != NULL; count++) {
        ck_assert_int_eq(sscanf(p, " %31[^ ] %31[^;]", names[count], types[count]), 2);
        defs[count] = (struct tm_field_def){names[count], support_type(types[count]), 0};
        p = strchr(p, ';');
        p = p != NULL ? p + 1 : NULL;
    }
    struct tm_schema *schema = NULL;
    ck_assert_int_eq(tm_schema_new(&t->mem, defs, count, -1, &schema, NULL), 0);
    t->node.schema = schema;
}

static inline void text_option(struct source_test *t, const char *name, const char *value)
{
    ck_assert_int_eq(tm_options_set_string(&t->node.options, name, value), 0);
}

static inline void number_option(struct source_test *t, const char *name, double value)
{
    ck_assert_int_eq(tm_options_set_double(&t->node.options, name, value), 0);
}

static inline void source_open(struct source_test *t, uint32_t parallelism)
{
    struct tm_error err = {0};
    int rc = tm_connector_generator.source_prepare(&generator_fx, &t->mem, &t->node, parallelism,
                                                   &t->shared, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    if (t->restored != NULL)
        ck_assert_int_eq(
            tm_connector_generator.source_restore(t->shared, t->restored, &t->node, &err), 0);
    t->parallelism = parallelism;
    for (uint32_t i = 0; i < parallelism; i++) {
        t->ctx[i] = (struct tm_task_context){.fx = &generator_fx,
                                             .mem = &t->mem,
                                             .pool = t->pool,
                                             .subtask = i,
                                             .now_ns = support_now_ns};
        ck_assert_uint_eq(tm_connector_generator.split_count(t->shared, i, parallelism), 1);
        t->ctx[i].splits = tm_splits_new(&t->mem, 1);
        rc = tm_connector_generator.source_new(&t->ctx[i], &t->node, t->shared, &t->sources[i],
                                               &err);
        ck_assert_msg(rc == 0, "%s", err.message);
    }
}

static inline void source_close(struct source_test *t)
{
    for (uint32_t i = 0; i < t->parallelism; i++) {
        t->sources[i]->ops->free(t->sources[i]);
        tm_splits_free(t->ctx[i].splits);
    }
    t->parallelism = 0;
    tm_connector_generator.source_release(t->shared);
    t->shared = NULL;
}

static inline void source_finish(struct source_test *t)
{
    source_close(t);
    tm_batch_pool_free(t->pool);
    tm_options_fini(&t->node.options);
    tm_schema_unref(t->node.schema);
    ck_assert_int_eq(t->mem.used_bytes, 0);
}

// TM_READ_*; the batch is the caller's.
static inline int source_read(struct source_test *t, uint32_t subtask, struct tm_batch **batch)
{
    struct tm_error err = {0};
    t->ctx[subtask].now_ns = support_now_ns;
    int rc = t->sources[subtask]->ops->read(t->sources[subtask], batch, &err);
    ck_assert_msg(rc >= 0, "%s", err.message);
    return rc;
}

static inline const struct tm_schema *source_columns(const struct source_test *t)
{
    return tm_node_schema(&t->node);
}
