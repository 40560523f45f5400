// A sink for benchmarks and for jobs that are run for their side outputs or their report: rows are
// counted as written, with their bytes in memory and their latency, and dropped.
#include "connectors/discard/discard.h"

struct discard_sink {
    struct tm_sink base;
    struct tm_mem *mem;
};

static int discard_write(struct tm_sink *sink, const struct tm_batch *batch,
                         const struct tm_row **row, struct tm_error *err)
{
    (void)err;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    // The cursor is at the first row: nothing here ever says WAIT.
    size_t bytes = (size_t)((const uint8_t *)end - (const uint8_t *)*row);
    tm_metric_add(&sink->metrics->used, batch->row_count);
    tm_metric_add(&sink->metrics->bytes_out, bytes);
    if (batch->read_ns != 0 && sink->latency != NULL) {
        int64_t ns = tm_fx_mono_ns(sink->ctx->fx) - batch->read_ns;
        tm_histogram_add(sink->latency, ns > 0 ? (uint64_t)ns : 0, batch->row_count);
    }
    *row = end;
    return TM_STEP_DONE;
}

static int discard_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    (void)sink;
    (void)end;
    (void)err;
    return TM_STEP_DONE;
}

static void discard_free(struct tm_sink *sink)
{
    struct discard_sink *self = (struct discard_sink *)sink;
    tm_mem_free(self->mem, self, sizeof *self);
}

static const struct tm_sink_ops discard_ops = {
    .write = discard_write, .flush = discard_flush, .free = discard_free};

static int discard_new(struct tm_task_context *ctx, const struct tm_node *node,
                       struct tm_schema *schema, void *shared, struct tm_sink **sink,
                       struct tm_error *err)
{
    (void)schema;
    (void)shared;
    struct discard_sink *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the sink '%s'", node->name);
    self->base.ops = &discard_ops;
    self->base.ctx = ctx;
    self->base.node = node;
    self->mem = ctx->mem;
    *sink = &self->base;
    return 0;
}

static const struct tm_option_def discard_options[] = {{.name = NULL}};

const struct tm_connector tm_connector_discard = {
    .name = "discard", .sink_options = discard_options, .sink_new = discard_new};
