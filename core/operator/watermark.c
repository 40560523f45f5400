// watermark: bounded disorder per split of the source (or of the stream, where there are no
// splits), with idleness. SEMANTICS 5: rows first, then the watermark they allow; only increases
// are sent; upstream watermarks end here except MAX.
#include <stdio.h>

#include "core/task/operator.h"

enum {
    PROBE_MS = 200
}; // after this much silence the idle clock starts (SEMANTICS 5, periodic probe)

struct watermark {
    struct tm_operator base;
    struct tm_mem *mem;
    struct tm_watermark_generator generator;
    struct tm_schema *output; // as the input, with the time column named; a reference
    uint32_t field, offset;
    int64_t idle_since_ns; // the first probe without rows, 0: not silent
    int64_t read_ns;       // of the newest batch
    bool batch_passed;     // the batch under way has gone on, its watermark not yet
    bool max_sent;
    bool has_looked; // at the first times
};

static int watermark_open(struct tm_operator *op, struct tm_schema *input, struct tm_error *err)
{
    (void)err;
    struct watermark *self = (struct watermark *)op;
    self->field = (uint32_t)op->node->time_field;
    self->offset = input->fields[self->field].offset;
    struct tm_schema *output = tm_node_schema(op->node);
    TM_CHECK(output != NULL); // its types are the input's
    self->output = tm_schema_ref(output);
    return 0;
}

static int report(struct watermark *self, const struct tm_batch *batch, const struct tm_row *row,
                  struct tm_error *err)
{
    char message[320];
    int length = snprintf(message, sizeof message, "the timestamp %s is null",
                          batch->schema->fields[self->field].name);
    struct tm_row_failure failure = {
        .node = self->base.node,
        .code = TM_E_NULL_TIMESTAMP,
        .message = message,
        .message_length = (size_t)length,
        .schema = batch->schema,
        .row = row,
        .offset = -1,
        .line = -1,
    };
    return tm_task_row_failed(self->base.ctx, &failure, err);
}

static int drop_null_times(struct watermark *self, struct tm_batch *batch, struct tm_error *err)
{
    uint8_t *read = batch->data, *write = batch->data, *end = batch->data + batch->size_bytes;
    uint32_t kept = 0;
    while (read < end) {
        const struct tm_row *row = (const struct tm_row *)(const void *)read;
        uint32_t size = row->size_bytes;
        if (tm_row_is_null(row, self->field)) {
            int rc = report(self, batch, row, err);
            if (rc != 0)
                return rc;
        } else {
            if (write != read)
                memmove(write, read, size);
            write += size;
            kept++;
        }
        read += size;
    }
    batch->size_bytes = (size_t)(write - batch->data);
    batch->row_count = kept;
    return 0;
}

// Whole seconds since 1970, of our days, are in January 1970 when they are taken for milliseconds.
// What is windowed then is not what anybody meant, and nothing else would say so.
static void look_at_first_time(struct watermark *self, int64_t max_time)
{
    enum { FROM = 1000000000, TO = 2147483647 }; // of 2001 to 2038, in seconds
    char message[512];
    self->has_looked = true;
    if (max_time < FROM || max_time > TO)
        return;
    const char *name = self->output->fields[self->field].name;
    snprintf(message, sizeof message,
             "times in %.80s are of January 1970: seconds, it seems, where milliseconds are meant; "
             ":assign { %.80s = function(e) return e.%.80s * 1000 end }:returns { %.80s = "
             "\"timestamp\" } in front makes them so",
             name, name, name, name);
    tm_task_warn_once(self->base.ctx, self->base.node, message);
}

static int take_batch(struct watermark *self, struct tm_batch *batch, struct tm_error *err)
{
    int64_t max_time = INT64_MIN;
    bool nulls = false;
    tm_metric_add(&self->base.metrics->rows_in, batch->row_count);
    TM_BATCH_EACH(batch, row)
    {
        bool null = tm_row_is_null(row, self->field);
        int64_t time = tm_row_int(row, self->offset);
        nulls |= null;
        max_time = !null && time > max_time ? time : max_time;
    }
    if (nulls) {
        int rc = drop_null_times(self, batch, err);
        if (rc != 0)
            return rc;
    }
    if (!self->has_looked && batch->row_count != 0)
        look_at_first_time(self, max_time);
    struct tm_splits *splits = self->base.ctx->splits;
    if (batch->row_count != 0 && splits != NULL && batch->split != TM_NO_SPLIT)
        tm_splits_advance(splits, (uint32_t)batch->split, max_time, self->generator.disorder_ms);
    else if (batch->row_count != 0 && max_time > self->generator.max_time)
        self->generator.max_time = max_time;
    self->generator.last_row_ns = self->base.ctx->now_ns;
    self->idle_since_ns = 0;
    self->read_ns = batch->read_ns;
    tm_schema_ref(self->output);
    tm_schema_unref(batch->schema);
    batch->schema = self->output;
    tm_metric_add(&self->base.metrics->used, batch->row_count);
    tm_metric_add(&self->base.metrics->rows_out, batch->row_count);
    return 0;
}

// The next control element that is due, one at a time. False: none.
static bool next_control(struct watermark *self, bool silent, struct tm_element *out)
{
    struct tm_watermark_generator *g = &self->generator;
    if (self->base.ctx->given_watermarks)
        return false;
    enum tm_channel_status status = silent ? TM_CHANNEL_IDLE : TM_CHANNEL_ACTIVE;
    int64_t watermark = tm_watermark_of(g->max_time, g->disorder_ms);
    struct tm_splits *splits = self->base.ctx->splits;
    if (splits != NULL) {
        enum tm_channel_status combined;
        watermark = tm_splits_combined(splits, &combined);
        if (combined == TM_CHANNEL_IDLE)
            status = TM_CHANNEL_IDLE;
    }
    if (status == TM_CHANNEL_ACTIVE &&
        g->status != TM_CHANNEL_ACTIVE) { // before the watermark, or it would not count
        g->status = status;
        *out = (struct tm_element){.kind = TM_ELEMENT_STATUS, .status = TM_CHANNEL_ACTIVE};
        return true;
    }
    if (watermark > g->emitted && watermark != TM_WATERMARK_MAX) {
        g->emitted = watermark;
        *out = (struct tm_element){
            .kind = TM_ELEMENT_WATERMARK, .watermark = watermark, .read_ns = self->read_ns};
        return true;
    }
    if (status != g->status) {
        g->status = status;
        *out = (struct tm_element){.kind = TM_ELEMENT_STATUS, .status = (uint8_t)status};
        return true;
    }
    return false;
}

static int step_end(struct watermark *self, struct tm_element *in, struct tm_element *out)
{
    if (in->status == TM_END_DRAIN && !self->max_sent) {
        self->max_sent = true;
        *out = (struct tm_element){
            .kind = TM_ELEMENT_WATERMARK, .watermark = TM_WATERMARK_MAX, .read_ns = self->read_ns};
        return TM_STEP_MORE;
    }
    *out = *in;
    return TM_STEP_DONE;
}

static int watermark_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                          struct tm_error *err)
{
    struct watermark *self = (struct watermark *)op;
    switch (in->kind) {
    case TM_ELEMENT_BATCH:
        if (!self->batch_passed) {
            int rc = take_batch(self, in->batch, err);
            if (rc != 0)
                return rc;
            *out = *in;
            self->batch_passed = true;
            in->batch = NULL; // gone on; the element stays until its watermark has followed
            return TM_STEP_MORE;
        }
        if (next_control(self, false, out))
            return TM_STEP_MORE;
        self->batch_passed = false;
        return TM_STEP_DONE;
    case TM_ELEMENT_WATERMARK:
        if (in->watermark == TM_WATERMARK_MAX && !self->max_sent) {
            self->max_sent = true;
            *out = *in;
        } else if (op->ctx->given_watermarks && in->watermark != TM_WATERMARK_MAX) {
            *out = *in;
        }
        return TM_STEP_DONE;
    case TM_ELEMENT_STATUS:
        if (op->ctx->given_watermarks)
            *out = *in;
        return TM_STEP_DONE; // else this operator decides what is idle
    case TM_ELEMENT_END:
        return step_end(self, in, out);
    default:
        return TM_STEP_DONE;
    }
}

static bool detects_idleness(const struct watermark *self)
{
    return self->generator.idle_ms > 0 && !self->base.ctx->never_idle && !self->max_sent;
}

// The source itself says that it waits for nothing: a subtask that follows files and has none. That
// is no silence, which may mean rows that are under way, and need not be waited out.
static bool has_no_input(const struct watermark *self)
{
    const struct tm_task_context *ctx = self->base.ctx;
    enum tm_channel_status combined;
    if (ctx->splits == NULL || ctx->never_idle || self->max_sent)
        return false;
    tm_splits_combined(ctx->splits, &combined);
    return combined == TM_CHANNEL_IDLE;
}

static int watermark_tick(struct tm_operator *op, struct tm_element *out, struct tm_error *err)
{
    (void)err;
    struct watermark *self = (struct watermark *)op;
    int64_t now_ns = op->ctx->now_ns;
    if (has_no_input(self)) {
        next_control(self, false, out);
        return TM_STEP_DONE;
    }
    if (self->idle_since_ns == 0) {
        self->idle_since_ns = now_ns;
        return TM_STEP_DONE;
    }
    bool silent = now_ns - self->idle_since_ns > self->generator.idle_ms * 1000000;
    next_control(self, silent, out);
    return TM_STEP_DONE;
}

static int64_t watermark_deadline_ns(const struct tm_operator *op)
{
    const struct watermark *self = (const struct watermark *)op;
    if (self->generator.status == TM_CHANNEL_IDLE || op->ctx->given_watermarks)
        return INT64_MAX;
    bool no_input = has_no_input(self);
    if (!no_input && !detects_idleness(self))
        return INT64_MAX;
    if (no_input || self->idle_since_ns == 0)
        return self->generator.last_row_ns + PROBE_MS * 1000000LL;
    return self->idle_since_ns + self->generator.idle_ms * 1000000 + 1;
}

static void watermark_free(struct tm_operator *op)
{
    struct watermark *self = (struct watermark *)op;
    tm_schema_unref(self->output);
    tm_mem_free(self->mem, self, sizeof *self);
}

static void watermark_held(const struct tm_operator *op, struct tm_held *held, int64_t *since_ns)
{
    const struct watermark *self = (const struct watermark *)op;
    const struct tm_watermark_generator *g = &self->generator;
    const struct tm_splits *splits = op->ctx->splits;
    held->status = (uint8_t)(self->max_sent ? TM_CHANNEL_FINISHED : g->status);
    held->watermark = g->emitted;
    *since_ns = g->last_row_ns;
    if (splits == NULL || held->status != TM_CHANNEL_ACTIVE)
        return;
    held->from = tm_splits_holder(splits, since_ns);
    if (held->from >= 0)
        held->watermark = tm_splits_watermark(splits, (uint32_t)held->from);
}

static const struct tm_operator_ops watermark_ops = {
    .held = watermark_held,
    .open = watermark_open,
    .step = watermark_step,
    .tick = watermark_tick,
    .deadline_ns = watermark_deadline_ns,
    .free = watermark_free,
};

int tm_operator_watermark_new(struct tm_task_context *ctx, const struct tm_node *node,
                              struct tm_operator **op, struct tm_error *err)
{
    struct watermark *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &watermark_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    tm_watermark_init(&self->generator, node->disorder_ms, node->idle_ms, ctx->now_ns);
    *op = &self->base;
    return 0;
}
