// A source or sink node, task contexts, real files in a folder of their own, and helper threads
// that run when the test says so: at once, or when asked.
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/limits.h"
#include "core/loop/real.h"
#include "core/task/connector.h"

enum { SUPPORT_SUBTASKS = 8 };

struct tm_executor {
    struct tm_work *first, *last;
};

static struct support {
    struct tm_fx real, fx;
    struct tm_fx_files files;
    struct tm_fx_threads threads;
    struct tm_mem mem;
    struct tm_batch_pool *pool;
    struct tm_node node;
    struct tm_node watermark; // of the graph, whose only node it is
    struct tm_graph graph;
    struct tm_plan plan;
    struct tm_task_context ctx[SUPPORT_SUBTASKS];
    struct tm_node_metrics metrics;
    struct tm_histogram latency;
    struct tm_error err;
    void *shared;
    char folder[64];
    bool hold; // works wait for support_run
    struct tm_executor *executors[64];
    uint32_t executor_count;
    // What tm_task_row_failed and tm_task_warn_once got:
    struct tm_buf failures;
    uint32_t failure_count;
    int failure_result;
    // Faults and captured standard output:
    int64_t space; // bytes that can be written to files; -1: any number
    bool terminal, reader_gone;
    struct tm_terminal screen; // what the terminal says of itself
    struct tm_buf out;
    uint32_t torn_pieces; // writes to standard output that did not end a line
    size_t largest_piece;
} S;

// Stands in for core/task's: notes the failure.
int tm_task_row_failed(struct tm_task_context *ctx, const struct tm_row_failure *failure,
                       struct tm_error *err)
{
    (void)ctx;
    S.failure_count++;
    ck_assert_int_eq(
        tm_buf_printf(&S.failures, "%s %s:%lld:%lld %.*s [%.*s]\n", tm_error_name(failure->code),
                      failure->source != NULL ? failure->source : "-", (long long)failure->offset,
                      (long long)failure->line, (int)failure->message_length, failure->message,
                      failure->raw_length > 40 ? 40 : (int)failure->raw_length,
                      failure->raw != NULL ? (const char *)failure->raw : ""),
        0);
    if (S.failure_result != 0)
        tm_error_set(err, S.failure_result, "stopped by the test");
    return S.failure_result;
}

void tm_task_warn_once(struct tm_task_context *ctx, const struct tm_node *node, const char *message)
{
    (void)ctx, (void)node;
    ck_assert_int_eq(tm_buf_printf(&S.failures, "warning %s\n", message), 0);
}

void tm_task_inform(struct tm_task_context *ctx, const struct tm_node *node, const char *message)
{
    (void)ctx, (void)node;
    ck_assert_int_eq(tm_buf_printf(&S.failures, "info %s\n", message), 0);
}

void tm_task_inform_once(struct tm_task_context *ctx, const struct tm_node *node,
                         const char *message)
{
    tm_task_inform(ctx, node, message);
}

void tm_task_warn(struct tm_task_context *ctx, const struct tm_node *node, const char *message)
{
    tm_task_warn_once(ctx, node, message);
}

// --- helper threads ---

static struct tm_executor *support_executor_new(void *ctx, const char *name, struct tm_error *err)
{
    (void)ctx, (void)name, (void)err;
    ck_assert_uint_lt(S.executor_count, 64);
    return S.executors[S.executor_count++] = calloc(1, sizeof(struct tm_executor));
}

static bool support_run_one(struct tm_executor *e)
{
    struct tm_work *work = e->first;
    if (work == NULL)
        return false;
    e->first = work->next;
    work->run(work);
    work->done = 1;
    return true;
}

static bool support_run(void)
{
    bool any = false;
    for (uint32_t i = 0; i < S.executor_count; i++)
        while (S.executors[i] != NULL && support_run_one(S.executors[i]))
            any = true;
    return any;
}

static void support_submit(void *ctx, struct tm_executor *e, struct tm_work *work)
{
    (void)ctx;
    work->done = 0;
    work->next = NULL;
    if (e->first == NULL)
        e->first = work;
    else
        e->last->next = work;
    e->last = work;
    if (!S.hold)
        support_run_one(e);
}

static void support_executor_free(void *ctx, struct tm_executor *e)
{
    (void)ctx;
    while (support_run_one(e)) {
    }
    for (uint32_t i = 0; i < S.executor_count; i++)
        S.executors[i] = S.executors[i] == e ? NULL : S.executors[i];
    free(e);
}

// --- files ---

static int support_write_all(void *ctx, int fd, const void *buf, size_t len,
                             const _Atomic int *cancel, struct tm_error *err)
{
    if (fd == 1) {
        if (S.reader_gone)
            return tm_error_set(err, TM_E_CLOSED_PIPE, "cannot write to standard output");
        S.torn_pieces += len == 0 || ((const char *)buf)[len - 1] != '\n';
        S.largest_piece = len > S.largest_piece ? len : S.largest_piece;
        return tm_buf_append(&S.out, buf, len);
    }
    if (S.space >= 0 && (int64_t)len > S.space) {
        int rc = S.real.files->write_all(ctx, fd, buf, (size_t)S.space, cancel, err);
        ck_assert_int_eq(rc, 0);
        S.space = 0;
        return tm_error_set(err, TM_E_NO_SPACE, "cannot write: no space");
    }
    if (S.space >= 0)
        S.space -= (int64_t)len;
    return S.real.files->write_all(ctx, fd, buf, len, cancel, err);
}

static void support_terminal(void *ctx, int fd, struct tm_terminal *terminal)
{
    (void)ctx, (void)fd;
    *terminal = S.screen;
}

static bool support_is_terminal(void *ctx, int fd)
{
    (void)ctx;
    return fd == 1 && S.terminal;
}

static inline const char *support_path(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", S.folder, name);
    return path;
}

static inline void support_put(const char *name, const void *bytes, size_t len)
{
    FILE *f = fopen(support_path(name), "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

// The text of a file, "" when it is empty, NULL when it is not there. Valid until the next call.
static inline const char *support_get(const char *name)
{
    static char *text;
    FILE *f = fopen(support_path(name), "rb");
    if (f == NULL)
        return NULL;
    fseek(f, 0, SEEK_END);
    size_t len = (size_t)ftell(f);
    rewind(f);
    free(text);
    text = malloc(len + 1);
    ck_assert_uint_eq(fread(text, 1, len, f), len);
    text[len] = 0;
    fclose(f);
    return text;
}

static inline const char *support_text(struct tm_buf *buf)
{
    ck_assert_int_eq(tm_buf_reserve(buf, 1), 0);
    buf->data[buf->size_bytes] = 0;
    return (const char *)buf->data;
}

// --- set up ---

static inline void support_open(void)
{
    memset(&S, 0, sizeof S);
    S.space = -1;
    ck_assert_int_eq(tm_real_init(&S.real, &S.err), 0);
    S.fx = S.real;
    S.files = *S.real.files;
    S.files.write_all = support_write_all;
    S.files.is_terminal = support_is_terminal;
    S.files.terminal = support_terminal;
    S.threads = *S.real.threads;
    S.threads.executor_new = support_executor_new;
    S.threads.executor_submit = support_submit;
    S.threads.executor_free = support_executor_free;
    S.fx.files = &S.files;
    S.fx.threads = &S.threads;
    tm_mem_init(&S.mem, &S.fx, NULL, 0);
    S.pool = tm_batch_pool_new(&S.mem);
    tm_buf_init(&S.failures, &S.mem);
    tm_buf_init(&S.out, &S.mem);
    S.node.name = "node";
    S.node.where = "job.lua:3";
    S.node.format = "json";
    memset(S.node.used, 0xff, sizeof S.node.used);
    tm_options_init(&S.node.options, &S.mem);
    S.watermark.kind = TM_NODE_WATERMARK;
    S.graph = (struct tm_graph){.nodes = &S.watermark, .node_count = 1};
    S.plan.graph = &S.graph;
    for (uint32_t i = 0; i < SUPPORT_SUBTASKS; i++)
        S.ctx[i] = (struct tm_task_context){.fx = &S.fx,
                                            .mem = &S.mem,
                                            .shared_mem = &S.mem,
                                            .pool = S.pool,
                                            .plan = &S.plan,
                                            .subtask = i};
    snprintf(S.folder, sizeof S.folder, "/tmp/tm_check_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(S.folder));
}

static inline void support_close(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", S.folder);
    ck_assert_int_eq(system(command), 0);
    tm_buf_fini(&S.failures);
    tm_buf_fini(&S.out);
    tm_options_fini(&S.node.options);
    tm_schema_unref(S.node.schema);
    tm_batch_pool_free(S.pool);
    ck_assert_int_eq(S.mem.used_bytes, 0);
    tm_real_fini(&S.real);
}

static inline void support_option(const char *name, const char *value)
{
    ck_assert_int_eq(tm_options_set_string(&S.node.options, name, value), 0);
}

static inline struct tm_schema *support_schema(void)
{
    const struct tm_field_def fields[] = {{"id", {.kind = TM_TYPE_INT}, 0},
                                          {"value", {.kind = TM_TYPE_DOUBLE}, 0},
                                          {"name", {.kind = TM_TYPE_STRING}, 0}};
    struct tm_schema *schema = NULL;
    ck_assert_int_eq(tm_schema_new(&S.mem, fields, 3, -1, &schema, &S.err), 0);
    return schema;
}

// A batch of rows first .. first + count - 1 as a sink gets it.
static inline struct tm_batch *support_batch(struct tm_schema *schema, int64_t first, int count,
                                             const char *name)
{
    struct tm_batch *batch = tm_batch_acquire(S.pool, schema);
    batch->read_ns = 1;
    for (int i = 0; i < count; i++) {
        struct tm_builder b;
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        tm_builder_put_int(&b, 0, first + i);
        tm_builder_put_double(&b, 1, (double)(first + i) / 4);
        ck_assert_int_eq(tm_builder_put_bytes(&b, 2, name, (uint32_t)strlen(name)), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    return batch;
}

static inline struct tm_sink *support_sink(const struct tm_connector *connector, uint32_t subtask,
                                           struct tm_schema *schema)
{
    struct tm_sink *sink = NULL;
    ck_assert_msg(connector->sink_new(&S.ctx[subtask], &S.node, schema, S.shared, &sink, &S.err) ==
                      0,
                  "%s", S.err.message);
    sink->metrics = &S.metrics;
    sink->latency = &S.latency;
    return sink;
}

// Write a batch and release it; works are run when the sink waits.
static inline int support_write(struct tm_sink *sink, struct tm_batch *batch)
{
    const struct tm_row *row = tm_batch_first(batch);
    int rc;
    while ((rc = sink->ops->write(sink, batch, &row, &S.err)) == TM_STEP_WAIT)
        ck_assert(support_run());
    tm_batch_release(batch);
    return rc;
}

static inline int support_flush(struct tm_sink *sink, bool end)
{
    int rc;
    while ((rc = sink->ops->flush(sink, end, &S.err)) == TM_STEP_WAIT)
        ck_assert(support_run());
    return rc;
}
