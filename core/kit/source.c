// A source that the test feeds: records are decoded by the schema of the source that it stands for,
// watermarks and statuses come from the test, in the order in which it gave them.
#include <stdio.h>

#include "core/base/limits.h"
#include "core/kit/kit_private.h"

enum { SLACK = 64 };

static struct tm__kit_item *first_of(struct tm__kit_source *self)
{
    return self->first;
}

static void drop_first(struct tm__kit_source *self)
{
    struct tm__kit_item *item = self->first;
    self->first = item->next;
    if (self->first == NULL)
        self->last = NULL;
    if (item->bytes != NULL)
        tm_mem_free(&self->kit->mem, item->bytes, item->size_bytes + SLACK);
    tm_mem_free(&self->kit->mem, item, sizeof *item);
}

static bool kit_control(struct tm_source *source, struct tm_element *element)
{
    struct tm__kit_source *self = (struct tm__kit_source *)source;
    struct tm__kit_item *item = first_of(self);
    if (item == NULL || item->kind != TM__KIT_CONTROL)
        return false;
    *element = item->element;
    element->read_ns = self->base.ctx->now_ns;
    drop_first(self);
    return true;
}

static int bad_record(void *arg, const struct tm_bad_record *record)
{
    struct tm__kit_source *self = arg;
    // In all that was pushed, whichever subtask has got it.
    int64_t offset = record->offset - self->decoded + first_of(self)->offset;
    struct tm_row_failure failure = {.node = self->base.node,
                                     .code = record->code,
                                     .message = record->message,
                                     .message_length = strlen(record->message),
                                     .source = "push",
                                     .offset = offset,
                                     .line = -1,
                                     .raw = record->bytes,
                                     .raw_length = record->len};
    int rc = tm_task_row_failed(self->base.ctx, &failure, self->err);
    self->record_failed = rc != 0;
    return rc;
}

static int decode(struct tm__kit_source *self, struct tm__kit_item *item, struct tm_batch *batch,
                  struct tm_error *err)
{
    size_t used = 0;
    self->err = err;
    self->record_failed = false;
    int rc = self->decoder->ops->decode(self->decoder, item->bytes + item->used_bytes,
                                        item->size_bytes - item->used_bytes, false, batch, &used,
                                        bad_record, self);
    item->used_bytes += used;
    tm_metric_add(&self->base.metrics->bytes_in, used);
    if (rc != 0 && !self->record_failed)
        return tm_error_set(err, rc, "source '%s': what was pushed cannot be decoded",
                            self->base.node->name);
    return rc;
}

static int kit_read(struct tm_source *source, struct tm_batch **out, struct tm_error *err)
{
    struct tm__kit_source *self = (struct tm__kit_source *)source;
    struct tm__kit_item *item = first_of(self);
    if (item == NULL)
        return TM_READ_WAIT;
    if (item->kind == TM__KIT_END) {
        drop_first(self);
        return TM_READ_END;
    }
    struct tm_batch *batch = tm_batch_acquire(source->ctx->pool, self->schema);
    if (batch == NULL)
        return tm_error_set(err, TM_E_MEMORY, "source '%s': out of memory", source->node->name);
    batch->split = 0;
    batch->read_ns = source->ctx->now_ns;
    int rc = decode(self, item, batch, err);
    if (rc != 0) {
        tm_batch_release(batch);
        return rc;
    }
    if (item->used_bytes == item->size_bytes) {
        self->decoded += (int64_t)item->size_bytes;
        drop_first(self);
    }
    *out = batch;
    return TM_READ_BATCH;
}

static void kit_free(struct tm_source *source)
{
    struct tm__kit_source *self = (struct tm__kit_source *)source;
    struct tm__kit_source **link = &self->kit->sources;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    while (self->first != NULL)
        drop_first(self);
    self->decoder->ops->free(self->decoder);
    tm_schema_unref(self->schema);
    tm_mem_free(&self->kit->mem, self, sizeof *self);
}

// The one split of a source whose job makes its own watermarks: its time goes on in whichever
// subtask has it behind a restart.
static void kit_split_name(const struct tm_source *source, uint32_t split, char *name, size_t size)
{
    const struct tm__kit_source *self = (const struct tm__kit_source *)source;
    (void)split;
    snprintf(name, size, "%s", self->kit->args.job_watermarks ? "test" : "");
}

static const struct tm_source_ops kit_ops = {
    .read = kit_read, .free = kit_free, .control = kit_control, .split_name = kit_split_name};

// A source of lines or of bytes takes them as fields; one without a shape keeps the whole record.
static int new_decoder(struct tm__kit_source *self, const struct tm_node *node,
                       struct tm_error *err)
{
    struct tm_options options;
    const char *whole = tm_options_text(&node->format_options, "whole");
    tm_options_init(&options, &self->kit->mem);
    int rc = tm_options_set_string(&options, "layout", "lines");
    if (rc == 0 && whole != NULL)
        rc = tm_options_set_string(&options, "whole", whole);
    struct tm_decoder_args args = {.mem = &self->kit->mem,
                                   .schema = self->schema,
                                   .used = node->used,
                                   .max_record = TM_ROW_BYTES_MAX,
                                   .options = &options};
    rc = rc != 0 ? tm_error_set(err, rc, "source '%s': out of memory", node->name)
                 : tm_format_json.decoder_new(&args, &self->decoder, err);
    tm_options_fini(&options);
    return rc;
}

int tm__kit_source_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                       struct tm_source **source, struct tm_error *err)
{
    (void)shared;
    struct tm_kit *kit = ctx->fx->ctx;
    struct tm__kit_source *self = tm_mem_zalloc(&kit->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "source '%s': out of memory", node->name);
    self->base = (struct tm_source){.ops = &kit_ops, .ctx = ctx, .node = node};
    self->kit = kit;
    self->schema = tm_schema_ref(tm_node_schema(node));
    int rc = new_decoder(self, node, err);
    if (rc != 0) {
        tm_schema_unref(self->schema);
        tm_mem_free(&kit->mem, self, sizeof *self);
        return rc;
    }
    for (uint32_t s = 0; s < tm_splits_count(ctx->splits); s++)
        tm_splits_set_status(ctx->splits, s, TM_SPLIT_ACTIVE);
    self->next = kit->sources;
    kit->sources = self;
    *source = &self->base;
    return 0;
}

int tm__kit_source_give(struct tm_kit *kit, uint32_t node, uint32_t subtask,
                        const struct tm__kit_item *item)
{
    struct tm__kit_source *self = kit->sources;
    while (self->base.node->id != node || self->base.ctx->subtask != subtask)
        self = self->next;
    struct tm__kit_item *own = tm_mem_alloc(&kit->mem, sizeof *own);
    if (own == NULL)
        return TM_E_MEMORY;
    *own = *item;
    own->next = NULL;
    if (self->last != NULL)
        self->last->next = own;
    else
        self->first = own;
    self->last = own;
    return 0;
}
