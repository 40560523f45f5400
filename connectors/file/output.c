// Rows into buffers, buffers to the writer, and what comes back from it: errors and latencies.
#include "connectors/file/output.h"

// A buffer that was written: count it, or say why it was not.
static int collect(struct tm_file_output *o, struct tm_file_buffer *buffer, struct tm_error *err)
{
    buffer->submitted = false;
    if (buffer->code != 0) {
        if (err != NULL)
            *err = o->writer->err;
        tm_error_where(err, "%s", o->base.node->where);
        return buffer->code;
    }
    tm_metric_add(&o->base.metrics->bytes_out, buffer->bytes.size_bytes);
    for (uint32_t i = 0; i < buffer->mark_count && o->base.latency != NULL; i++) {
        int64_t ns = buffer->done_ns - buffer->marks[i].read_ns;
        tm_histogram_add(o->base.latency, ns > 0 ? (uint64_t)ns : 0, buffer->marks[i].rows);
    }
    buffer->mark_count = 0;
    buffer->bytes.size_bytes = 0;
    return 0;
}

// A buffer to fill: DONE, or WAIT when all are under way.
static int take_buffer(struct tm_file_output *o, struct tm_error *err)
{
    for (int i = 0; i < TM_FILE_OUTPUT_BUFFERS; i++) {
        struct tm_file_buffer *buffer = o->buffers[i];
        if (buffer->submitted) {
            if (!tm_work_is_done(&buffer->work))
                continue;
            int rc = collect(o, buffer, err);
            if (rc != 0)
                return rc;
        }
        o->filling = buffer;
        return TM_STEP_DONE;
    }
    return TM_STEP_WAIT;
}

static void submit(struct tm_file_output *o)
{
    tm_file_buffer_submit(o->filling);
    o->filling = NULL;
}

static int bad_row(void *arg, const struct tm_row *row, int code, const char *message)
{
    struct tm_file_output *o = arg;
    struct tm_row_failure failure = {.node = o->base.node,
                                     .code = code,
                                     .message = message,
                                     .message_length = strlen(message),
                                     .schema = o->schema,
                                     .row = row,
                                     .offset = -1,
                                     .line = -1};
    o->bad_rows++;
    int rc = tm_task_row_failed(o->base.ctx, &failure, o->err);
    o->row_failed = rc != 0;
    return rc;
}

static void mark(struct tm_file_buffer *buffer, int64_t read_ns, uint64_t rows)
{
    if (read_ns == 0 || rows == 0)
        return;
    if (buffer->mark_count != 0) {
        struct tm_file_mark *last = &buffer->marks[buffer->mark_count - 1];
        if (last->read_ns == read_ns || buffer->mark_count == TM_FILE_BUFFER_MARKS) {
            last->rows += rows; // past the last mark its time stands for all that follow
            return;
        }
    }
    buffer->marks[buffer->mark_count++] = (struct tm_file_mark){.read_ns = read_ns, .rows = rows};
}

static uint64_t count_rows(const struct tm_row *from, const struct tm_row *to)
{
    uint64_t rows = 0;
    for (; from < to; from = tm_row_next(from))
        rows++;
    return rows;
}

// What files of the format begin with, once, in a buffer of its own in front of all rows: whoever
// comes first writes it, the others wait the moment that takes.
static int write_head(struct tm_file_output *o, struct tm_error *err)
{
    int missing = TM_FILE_HEAD_MISSING;
    _Atomic int *state = &o->head->state;
    if ((o->encoder->ops->begin == NULL && o->head->line_end == NULL) ||
        atomic_load_explicit(state, memory_order_acquire) == TM_FILE_HEAD_WRITTEN)
        return 0;
    if (!atomic_compare_exchange_strong_explicit(state, &missing, TM_FILE_HEAD_BEING_WRITTEN,
                                                 memory_order_acquire, memory_order_acquire)) {
        while (atomic_load_explicit(state, memory_order_acquire) != TM_FILE_HEAD_WRITTEN) {
        }
        return 0;
    }
    struct tm_file_buffer *buffer = tm_file_buffer_new(o->writer, NULL);
    int rc = buffer == NULL ? TM_E_MEMORY
             : o->head->line_end != NULL
                 ? tm_buf_append(&buffer->bytes, o->head->line_end, strlen(o->head->line_end))
                 : o->encoder->ops->begin(o->encoder, &buffer->bytes);
    if (rc == 0 && buffer->bytes.size_bytes != 0)
        tm_file_buffer_submit(buffer);
    // Partner: the acquire loads above. Also after a failure, which ends the job.
    atomic_store_explicit(state, TM_FILE_HEAD_WRITTEN, memory_order_release);
    return rc == 0 ? 0
                   : tm_error_set(err, rc, "out of memory for the sink '%s'", o->base.node->name);
}

static int output_write(struct tm_sink *sink, const struct tm_batch *batch,
                        const struct tm_row **row, struct tm_error *err)
{
    struct tm_file_output *o = (struct tm_file_output *)sink;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    int head = write_head(o, err);
    if (head != 0)
        return head;
    while (*row < end) {
        if (o->filling == NULL) {
            int rc = take_buffer(o, err);
            if (rc != TM_STEP_DONE)
                return rc;
        }
        const struct tm_row *first = *row;
        o->err = err;
        o->bad_rows = 0;
        o->row_failed = false;
        int rc = o->encoder->ops->encode(o->encoder, batch, row, &o->filling->bytes,
                                         TM_FILE_BUFFER_BYTES, bad_row, o);
        if (rc != 0)
            return o->row_failed ? rc
                                 : tm_error_set(err, rc, "sink '%s': rows cannot be encoded",
                                                sink->node->name);
        uint64_t rows = (first == tm_batch_first(batch) && *row == end ? batch->row_count
                                                                       : count_rows(first, *row)) -
                        o->bad_rows;
        tm_metric_add(&sink->metrics->used, rows);
        mark(o->filling, batch->read_ns, rows);
        if (o->filling->bytes.size_bytes >= TM_FILE_BUFFER_BYTES)
            submit(o);
    }
    return TM_STEP_DONE;
}

static int output_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    struct tm_file_output *o = (struct tm_file_output *)sink;
    bool waiting = false;
    // An output without rows has its header, too; one that is appended to stays what it is.
    int head = end && o->head->line_end == NULL ? write_head(o, err) : 0;
    if (head != 0)
        return head;
    // Small pieces compress badly: a pause in the input is no reason for one.
    bool due = end || o->writer->packing == TM_FILE_PLAIN;
    if (due && o->filling != NULL && o->filling->bytes.size_bytes != 0)
        submit(o);
    for (int i = 0; i < TM_FILE_OUTPUT_BUFFERS; i++) {
        struct tm_file_buffer *buffer = o->buffers[i];
        if (!buffer->submitted)
            continue;
        if (!tm_work_is_done(&buffer->work)) {
            waiting = true;
            continue;
        }
        int rc = collect(o, buffer, err);
        if (rc != 0)
            return rc;
    }
    return end && waiting ? TM_STEP_WAIT : TM_STEP_DONE;
}

static void output_free(struct tm_sink *sink)
{
    // Buffers stay with the writer: one may still be under way. What a job that failed had not
    // submitted yet goes out too: people look at the last rows before an error.
    struct tm_file_output *o = (struct tm_file_output *)sink;
    if (o->filling != NULL && o->filling->bytes.size_bytes != 0)
        submit(o);
    o->encoder->ops->free(o->encoder);
    tm_schema_unref(o->schema);
    tm_mem_free(o->mem, o, sizeof *o);
}

static const struct tm_sink_ops output_ops = {
    .write = output_write, .flush = output_flush, .free = output_free};

struct tm_sink *tm_file_output_new(struct tm_task_context *ctx, const struct tm_node *node,
                                   struct tm_schema *schema, struct tm_encoder *encoder,
                                   struct tm_file_writer *writer, struct tm_file_head *head,
                                   struct tm_error *err)
{
    struct tm_file_output *o = tm_mem_zalloc(ctx->mem, sizeof *o);
    bool ok = o != NULL;
    for (int i = 0; ok && i < TM_FILE_OUTPUT_BUFFERS; i++)
        ok = (o->buffers[i] = tm_file_buffer_new(writer, ctx->waker)) != NULL;
    if (!ok) {
        encoder->ops->free(encoder);
        tm_mem_free(ctx->mem, o, sizeof *o);
        tm_error_set(err, TM_E_MEMORY, "out of memory for the sink '%s'", node->name);
        return NULL;
    }
    o->base.ops = &output_ops;
    o->base.ctx = ctx;
    o->base.node = node;
    o->mem = ctx->mem;
    o->schema = tm_schema_ref(schema);
    o->encoder = encoder;
    o->writer = writer;
    o->head = head;
    return &o->base;
}
