// The sink's subtask: rows into a request, requests to helper threads, answers back. Why helper
// threads and not libcurl's multi interface on the worker's loop: TLS and name resolution would
// take the loop's time, and a thread that waits for an answer costs nothing that counts beside a
// request. The task never waits: with all requests under way its `write` says WAIT.
#include "connectors/webhook/webhook.h"

#include <stdatomic.h>
#include <stdio.h>

#include "connectors/webhook/post.h"
#include "core/base/limits.h"

struct webhook_sink {
    struct tm_sink base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm_encoder *encoder;
    const struct tm__webhook_options *options;
    _Atomic int cancel; // partner: the helper threads' look at it
    struct tm__webhook_lane lanes[TM_WEBHOOK_IN_FLIGHT];
    // One more than are under way: it is filled meanwhile.
    struct tm__webhook_post posts[TM_WEBHOOK_IN_FLIGHT + 1];
    struct tm__webhook_post *filling; // or NULL
    // Of the call under way:
    struct tm_error *err;
    bool row_failed; // err is filled by a row's failure
};

// --- rows into a request -------------------------------------------------------------------------

static int row_failed(struct webhook_sink *self, const struct tm_row *row, int code,
                      const char *message)
{
    struct tm_row_failure failure = {.node = self->base.node,
                                     .code = code,
                                     .message = message,
                                     .message_length = strlen(message),
                                     .schema = self->schema,
                                     .row = row,
                                     .offset = -1,
                                     .line = -1};
    int rc = tm_task_row_failed(self->base.ctx, &failure, self->err);
    self->row_failed = rc != 0;
    return rc;
}

static int bad_row(void *arg, const struct tm_row *row, int code, const char *message)
{
    return row_failed(arg, row, code, message);
}

// The line end that the encoder puts behind a row is what divides rows, or ends them.
static void divide(struct tm__webhook_post *post)
{
    if (post->options->body == TM__WEBHOOK_ARRAY)
        post->body.data[post->body.size_bytes - 1] = ',';
    else if (post->options->body == TM__WEBHOOK_RECORD)
        post->body.size_bytes--;
}

// The next row that can be encoded. Rows that cannot be are passed over.
static int add_row(struct webhook_sink *self, const struct tm_batch *batch,
                   const struct tm_row **row)
{
    struct tm__webhook_post *post = self->filling;
    const struct tm_row *last = *row;
    int rc = 0;
    if (post->row_count == 0 && post->options->body == TM__WEBHOOK_ARRAY)
        rc = tm_buf_append(&post->body, "[", 1);
    size_t before = post->body.size_bytes;
    if (rc == 0) // one row: the limit is reached by its first byte
        rc = self->encoder->ops->encode(self->encoder, batch, row, &post->body, before + 1, bad_row,
                                        self);
    if (rc != 0 || post->body.size_bytes == before) {
        post->body.size_bytes = post->row_count == 0 ? 0 : before;
        return rc;
    }
    divide(post);
    while (tm_row_next(last) < *row)
        last = tm_row_next(last);
    rc = tm_buf_append(&post->rows, last, last->size_bytes);
    if (rc == 0)
        rc = tm_buf_append(&post->ends, &post->body.size_bytes, sizeof post->body.size_bytes);
    if (rc != 0)
        return rc;
    if (post->row_count++ == 0) {
        post->first_ns = self->base.ctx->now_ns;
        post->read_ns = batch->read_ns;
    }
    return rc;
}

static void submit(struct webhook_sink *self, struct tm__webhook_lane *lane)
{
    struct tm__webhook_post *post = self->filling;
    if (self->options->body == TM__WEBHOOK_ARRAY)
        post->body.data[post->body.size_bytes - 1] = ']'; // where a comma was
    self->filling = NULL;
    post->submitted = true;
    post->lane = lane;
    lane->busy = true;
    post->fx->threads->executor_submit(post->fx->ctx, lane->executor, &post->work);
}

static struct tm__webhook_lane *free_lane(struct webhook_sink *self)
{
    for (uint32_t i = 0; i < self->options->in_flight; i++) {
        if (!self->lanes[i].busy)
            return &self->lanes[i];
    }
    return NULL;
}

// --- answers -------------------------------------------------------------------------------------

// The rows of a request that were refused are errors of their own.
static int refuse_rows(struct webhook_sink *self, struct tm__webhook_post *post, uint32_t *count)
{
    const struct tm__webhook_refusal *refusal = (const void *)post->refused.data;
    const struct tm__webhook_refusal *end = refusal + post->refused.size_bytes / sizeof *refusal;
    const uint8_t *p = post->rows.data;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && refusal < end; i++) {
        const struct tm_row *row = (const struct tm_row *)(const void *)p;
        if (i >= refusal->begin) {
            (*count)++;
            rc = row_failed(self, row, TM_E_REJECTED, refusal->message);
            refusal += i + 1 == refusal->end;
        }
        p += row->size_bytes;
    }
    return rc;
}

static void account(struct webhook_sink *self, const struct tm__webhook_post *post,
                    uint32_t taken_count)
{
    int64_t ns = post->done_ns - post->read_ns;
    tm_metric_add(&self->base.metrics->used, taken_count);
    tm_metric_add(&self->base.metrics->bytes_out, post->taken_bytes);
    if (self->base.latency != NULL && post->read_ns != 0)
        tm_histogram_add(self->base.latency, ns > 0 ? (uint64_t)ns : 0, taken_count);
}

static int collect(struct webhook_sink *self, struct tm__webhook_post *post, struct tm_error *err)
{
    int rc = post->code;
    uint32_t refused_count = 0;
    self->err = err;
    post->submitted = false;
    post->lane->busy = false;
    if (rc == TM_E_REJECTED) {
        rc = refuse_rows(self, post, &refused_count);
    } else if (rc != 0) {
        *err = post->err;
        tm_error_prefix(err, "sink '%s'", self->base.node->name);
        tm_error_where(err, "%s", self->base.node->where);
    }
    if (rc == 0)
        account(self, post, post->row_count - refused_count);
    tm__webhook_post_empty(post);
    return rc;
}

// Takes the answers that have come. *waiting: some have not.
static int collect_all(struct webhook_sink *self, bool *waiting, struct tm_error *err)
{
    *waiting = false;
    for (uint32_t i = 0; i <= self->options->in_flight; i++) {
        struct tm__webhook_post *post = &self->posts[i];
        if (!post->submitted)
            continue;
        if (!tm_work_is_done(&post->work)) {
            *waiting = true;
            continue;
        }
        int rc = collect(self, post, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static bool is_full(const struct tm__webhook_post *post)
{
    return post->row_count >= post->options->batch ||
           post->body.size_bytes >= post->options->batch_bytes;
}

static bool is_due(const struct webhook_sink *self)
{
    const struct tm__webhook_post *post = self->filling;
    return post != NULL && post->row_count != 0 &&
           (is_full(post) || self->base.ctx->now_ns >= post->first_ns + self->options->every_ns);
}

// A request to fill; false: all are under way.
static bool take_post(struct webhook_sink *self)
{
    for (uint32_t i = 0; self->filling == NULL && i <= self->options->in_flight; i++) {
        if (!self->posts[i].submitted)
            self->filling = &self->posts[i];
    }
    return self->filling != NULL;
}

static int webhook_write(struct tm_sink *sink, const struct tm_batch *batch,
                         const struct tm_row **row, struct tm_error *err)
{
    struct webhook_sink *self = (struct webhook_sink *)sink;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    bool waiting;
    int rc = collect_all(self, &waiting, err);
    while (rc == 0 && *row < end) {
        if (self->filling != NULL && is_full(self->filling)) {
            struct tm__webhook_lane *lane = free_lane(self);
            if (lane == NULL && (rc = collect_all(self, &waiting, err)) != 0)
                return rc;
            if (lane == NULL && (lane = free_lane(self)) == NULL)
                return TM_STEP_WAIT;
            submit(self, lane);
        }
        if (!take_post(self)) // never, as there is one more than lanes
            return TM_STEP_WAIT;
        self->err = err;
        self->row_failed = false;
        rc = add_row(self, batch, row);
        if (rc != 0 && !self->row_failed)
            tm_error_set(err, rc, "sink '%s': rows cannot be encoded", sink->node->name);
    }
    struct tm__webhook_lane *lane = rc == 0 && is_due(self) ? free_lane(self) : NULL;
    if (lane != NULL)
        submit(self, lane);
    return rc == 0 ? TM_STEP_DONE : rc;
}

static int webhook_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    struct webhook_sink *self = (struct webhook_sink *)sink;
    bool waiting, more = false;
    int rc = collect_all(self, &waiting, err);
    if (rc != 0)
        return rc;
    if (self->filling != NULL && self->filling->row_count != 0 && (end || is_due(self))) {
        struct tm__webhook_lane *lane = free_lane(self);
        if (lane != NULL)
            submit(self, lane);
        more = true;
    }
    return end && (waiting || more) ? TM_STEP_WAIT : TM_STEP_DONE;
}

static int64_t webhook_deadline_ns(const struct tm_sink *sink)
{
    const struct webhook_sink *self = (const struct webhook_sink *)sink;
    const struct tm__webhook_post *post = self->filling;
    // With all requests under way nothing can be sent: an answer wakes the worker.
    if (post == NULL || post->row_count == 0 || free_lane((struct webhook_sink *)sink) == NULL)
        return INT64_MAX;
    return post->first_ns + self->options->every_ns;
}

// --- life ----------------------------------------------------------------------------------------

static void webhook_free(struct tm_sink *sink)
{
    struct webhook_sink *self = (struct webhook_sink *)sink;
    const struct tm_fx *fx = sink->ctx->fx;
    atomic_store_explicit(&self->cancel, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < self->options->in_flight; i++) {
        struct tm__webhook_lane *lane = &self->lanes[i];
        if (lane->parker != NULL)
            fx->threads->parker_wake(fx->ctx, lane->parker);
        if (lane->executor != NULL)
            fx->threads->executor_free(fx->ctx, lane->executor);
        if (lane->client != NULL)
            fx->http->client_free(fx->ctx, lane->client);
        if (lane->parker != NULL)
            fx->threads->parker_free(fx->ctx, lane->parker);
    }
    for (uint32_t i = 0; i <= self->options->in_flight; i++)
        tm__webhook_post_fini(&self->posts[i]);
    if (self->encoder != NULL)
        self->encoder->ops->free(self->encoder);
    tm_schema_unref(self->schema);
    tm_mem_free(self->mem, self, sizeof *self);
}

static const struct tm_sink_ops webhook_ops = {.write = webhook_write,
                                               .flush = webhook_flush,
                                               .free = webhook_free,
                                               .deadline_ns = webhook_deadline_ns};

static int open_lane(struct webhook_sink *self, struct tm__webhook_lane *lane, struct tm_error *err)
{
    const struct tm_fx *fx = self->base.ctx->fx;
    lane->client = fx->http->client_new(fx->ctx, err);
    if (lane->client != NULL)
        lane->parker = fx->threads->parker_new(fx->ctx, err);
    if (lane->parker != NULL)
        lane->executor = fx->threads->executor_new(fx->ctx, "tm-webhook", err);
    if (lane->executor != NULL)
        return 0;
    return err != NULL && err->code != 0 ? err->code : TM_E_LIMIT;
}

static int open_sink(struct webhook_sink *self, struct tm_error *err)
{
    const struct tm__webhook_options *o = self->options;
    struct tm_encoder_args args = {.mem = self->mem,
                                   .schema = self->schema,
                                   .omit_nulls = o->omit_nulls,
                                   .timestamps_as_ms = o->timestamps_as_ms};
    int rc = tm_format_json.encoder_new(&args, &self->encoder, err);
    for (uint32_t i = 0; rc == 0 && i < o->in_flight; i++)
        rc = open_lane(self, &self->lanes[i], err);
    return rc;
}

static int webhook_new(struct tm_task_context *ctx, const struct tm_node *node,
                       struct tm_schema *schema, void *shared, struct tm_sink **sink,
                       struct tm_error *err)
{
    const struct tm__webhook_options *o = shared;
    struct webhook_sink *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the sink '%s'", node->name);
    self->base = (struct tm_sink){.ops = &webhook_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    self->schema = tm_schema_ref(schema);
    self->options = o;
    for (uint32_t i = 0; i <= o->in_flight; i++)
        tm__webhook_post_init(&self->posts[i], ctx->fx, ctx->mem, o, ctx, node, &self->cancel);
    int rc = open_sink(self, err);
    if (rc != 0) {
        tm_error_where(err, "%s", node->where);
        webhook_free(&self->base);
        return rc;
    }
    if (ctx->subtask == 0) {
        char text[400];
        snprintf(text, sizeof text,
                 "rows go to %s at least once: a request that is not answered is sent again",
                 o->shown_url);
        tm_task_inform(ctx, node, text);
    }
    *sink = &self->base;
    return 0;
}

static void webhook_release(void *shared)
{
    struct tm__webhook_options *o = shared;
    tm__webhook_options_fini(o);
    tm_mem_free(o->mem, o, sizeof *o);
}

static int webhook_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                           uint32_t parallelism, void **shared, struct tm_error *err)
{
    (void)parallelism;
    struct tm__webhook_options *o = tm_mem_zalloc(mem, sizeof *o);
    if (o == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the sink '%s'", node->name);
    int rc = tm__webhook_options_read(o, mem, node, err);
    if (rc == 0 && fx->http == NULL)
        rc = tm_error_set(err, TM_E_NETWORK, "tm.webhook: there is no network here");
    if (rc != 0) {
        tm_error_where(err, "%s", node->where);
        webhook_release(o);
        return rc;
    }
    *shared = o;
    return 0;
}

const struct tm_connector tm_connector_webhook = {
    .name = "webhook",
    .sink_options = tm__webhook_option_defs,
    .sink_prepare = webhook_prepare,
    .sink_new = webhook_new,
    .sink_release = webhook_release,
};
