// Reading splits. Where event time is, side by side: at most TM_SPLITS_OPEN are open, the others
// hold the watermark, and each batch is of one split: of those that have something to read, the one
// whose watermark is lowest. Where nothing depends on it, one after the other: buffers and what
// decompressors look back at stay in the core's cache (eight .zst files side by side take 1.6 times
// the CPU time).
#include "connectors/file/records.h"

#include <stdio.h>

#include "connectors/file/records_private.h"

#include "core/base/limits.h"

enum {
    // All open splits together: the bound of what reading ahead costs.
    READ_AHEAD_BYTES = 8 * 1024 * 1024,
    BUFFER_MIN = 16 * 1024,
    BUFFER_MAX = 512 * 1024,
    // One after the other: that nobody waits for the next small file, some are open in advance.
    IN_TURN_OPEN = 8,
    IN_TURN_BYTES = 256 * 1024,
    FOLLOW_BUFFER = 64 * 1024, // what a file grows by between two looks
    // Buffers without a good record that one call goes through before it lets others have a turn.
    PASSES_MAX = 16,
};

static void notice(void *arg, bool warns, const char *message)
{
    struct tm__records *self = arg;
    char text[1024];
    snprintf(text, sizeof text, "%.300s: %s", self->current->input.path, message);
    if (warns)
        tm_task_warn_once(self->base.ctx, self->base.node, text);
    else
        tm_task_inform_once(self->base.ctx, self->base.node, text);
}

int tm__records_decoder(struct tm__records *self, struct tm__split *split, struct tm_error *err)
{
    struct tm_decoder_args args = {.mem = self->mem,
                                   .schema = self->schema,
                                   .used = self->base.node->used,
                                   .max_record = self->max_record,
                                   .options = &self->base.node->format_options,
                                   .cut_at_lines = split->input.begin != 0 || split->input.end != 0,
                                   .notice = notice,
                                   .notice_arg = self,
                                   .strangers =
                                       self->base.node->inferred ? &self->strangers : NULL};
    return self->format->decoder_new(&args, &split->decoder, err);
}

int tm__records_open(struct tm__records *self, uint32_t index, struct tm_error *err)
{
    struct tm__split *split = &self->splits[index];
    int rc = tm__records_decoder(self, split, err);
    if (rc == 0 && split->input.resume != NULL)
        rc = tm__records_resume(self, split, err);
    if (rc == 0 &&
        tm_file_reader_init(&split->reader, self->base.ctx->fx, self->mem, self->executor,
                            self->base.ctx->waker, &split->input, self->buffer_bytes) != 0)
        rc = tm_error_set(err, TM_E_MEMORY, "out of memory for reading %s", split->input.path);
    return rc;
}

static bool may_open(const struct tm__records *self)
{
    uint32_t open = self->opened - self->finished;
    if (self->opened == self->count || open == self->open_max)
        return false;
    return !self->in_turn || open == 0 ||
           self->open_bytes + self->splits[self->opened].input.size_bytes <= IN_TURN_BYTES;
}

static int open_splits(struct tm__records *self, struct tm_error *err)
{
    int rc = 0;
    while (rc == 0 && may_open(self)) {
        uint32_t index = self->opened++;
        self->open_bytes += self->splits[index].input.size_bytes;
        rc = tm__records_open(self, index, err);
        if (rc == 0)
            tm_splits_set_status(self->base.ctx->splits, index, TM_SPLIT_ACTIVE);
    }
    return rc;
}

static int finish_split(struct tm__records *self, uint32_t index, struct tm_error *err)
{
    struct tm__split *split = &self->splits[index];
    int rc = self->base.ctx->checkpoints ? tm__records_note_read(self, split, err) : 0;
    tm_file_reader_fini(&split->reader);
    split->decoder->ops->free(split->decoder);
    split->decoder = NULL;
    split->pending = false;
    if (self->look != NULL) {
        tm__records_let_go(self, index);
        return rc;
    }
    self->finished++;
    self->open_bytes -= split->input.size_bytes;
    tm_splits_set_status(self->base.ctx->splits, index, TM_SPLIT_FINISHED);
    return rc;
}

static int bad_record(void *arg, const struct tm_bad_record *record)
{
    struct tm__records *self = arg;
    const struct tm_file_input *input = &self->current->input;
    size_t shown = record->code == TM_E_TOO_LARGE && record->len > 1024 ? 1024 : record->len;
    struct tm_row_failure failure = {.node = self->base.node,
                                     .code = record->code,
                                     .message = record->message,
                                     .message_length = strlen(record->message),
                                     .source = self->current->input.path,
                                     .offset =
                                         record->offset + input->begin - (int64_t)input->head_bytes,
                                     .line = input->begin == 0 ? record->line : -1,
                                     .raw = record->bytes,
                                     .raw_length = shown};
    int rc = tm_task_row_failed(self->base.ctx, &failure, self->err);
    self->record_failed = rc != 0;
    return rc;
}

// Lets the decoder of a range read what its file begins with: the names of columns. It gives no
// rows.
static int decode_head(struct tm__records *self, struct tm__split *split, struct tm_batch *batch)
{
    const struct tm_file_input *input = &split->input;
    size_t used = 0;
    if (split->head_read || input->head_bytes == 0)
        return 0;
    split->head_read = true;
    return split->decoder->ops->decode(split->decoder, input->head, input->head_bytes, false, batch,
                                       &used, bad_record, self);
}

// Some records have fields that the schema, which was inferred, lacks: said once, then counted.
static void report_strangers(struct tm__records *self)
{
    char names[TM_STRANGERS_NAMES * TM_STRANGERS_NAME_BYTES], text[1024];
    tm_metric_add(&self->base.metrics->strange, self->strangers.records - self->strange);
    self->strange = self->strangers.records;
    snprintf(text, sizeof text,
             "%.300s: records have fields that are not in the inferred schema, and are left out: "
             "%s; declare the schema with them",
             self->current->input.path, tm_strangers_list(&self->strangers, names, sizeof names));
    tm_task_warn_once(self->base.ctx, self->base.node, text);
}

static int decode(struct tm__records *self, struct tm__split *split, struct tm_batch *batch,
                  struct tm_error *err)
{
    struct tm_file_reader *reader = &split->reader;
    size_t used = 0;
    self->current = split;
    self->err = err;
    self->record_failed = false;
    self->strangers.last = NULL;
    int rc = decode_head(self, split, batch);
    if (rc == 0)
        rc = split->decoder->ops->decode(split->decoder, reader->data, reader->size_bytes,
                                         reader->at_end, batch, &used, bad_record, self);
    tm_file_reader_consume(reader, used);
    tm_metric_add(&self->base.metrics->bytes_in, used);
    split->pending = tm_batch_is_full(batch);
    if (TM_UNLIKELY(self->strangers.records != self->strange))
        report_strangers(self);
    if (rc != 0 && !self->record_failed)
        return tm_error_set(err, rc, "source '%s': %s cannot be decoded", self->base.node->name,
                            split->input.path);
    return rc;
}

// The rest of a compressed file cannot be read: one failure of the source, and its end if the job
// goes on. What it had left of a record is the beginning of nothing.
static int bad_archive(struct tm__records *self, uint32_t index, struct tm_error *err)
{
    struct tm__split *split = &self->splits[index];
    struct tm_error why = *err;
    struct tm_row_failure failure = {.node = self->base.node,
                                     .code = why.code,
                                     .message = why.message,
                                     .message_length = strlen(why.message),
                                     .source = split->input.path,
                                     .offset = split->reader.offset,
                                     .line = -1};
    int rc = tm_task_row_failed(self->base.ctx, &failure, err);
    if (rc != 0)
        return rc;
    rc = finish_split(self, index, err);
    return rc != 0 ? rc : open_splits(self, err);
}

// Rows of one split until the batch is full or nothing more has been read.
static int read_split(struct tm__records *self, uint32_t index, struct tm_batch *batch,
                      struct tm_error *err)
{
    struct tm__split *split = &self->splits[index];
    batch->split = (int32_t)index;
    batch->read_ns = tm_fx_mono_ns(self->base.ctx->fx);
    for (;;) {
        if (!split->pending) {
            if (!tm_file_reader_is_ready(&split->reader))
                return 0;
            int rc = tm_file_reader_take(&split->reader, err);
            if (rc == TM_E_BAD_ARCHIVE)
                return bad_archive(self, index, err);
            if (rc != 0) {
                tm_error_where(err, "%s", self->base.node->where);
                return rc;
            }
            if (split->reader.cut_from != 0 && (rc = tm__records_cut(self, split, err)) != 0)
                return rc;
            if (split->reader.caught_up)
                return 0;
        }
        // What waits for its turn in memory was read earlier; a stream's rows count from there.
        if ((split->input.poll || split->input.follow) && split->reader.read_ns != 0 &&
            split->reader.read_ns < batch->read_ns)
            batch->read_ns = split->reader.read_ns;
        int rc = decode(self, split, batch, err);
        if (rc != 0)
            return rc;
        if (split->pending)
            return 0;
        if (split->reader.at_end) {
            rc = finish_split(self, index, err);
            return rc != 0 || self->look != NULL ? rc : open_splits(self, err);
        }
    }
}

static bool is_ready(void *arg, uint32_t index)
{
    const struct tm__split *split = &((struct tm__records *)arg)->splits[index];
    return split->pending || tm_file_reader_is_ready(&split->reader);
}

static int records_read(struct tm_source *source, struct tm_batch **out, struct tm_error *err)
{
    struct tm__records *self = (struct tm__records *)source;
    struct tm_task_context *ctx = source->ctx;
    int begun = self->look != NULL  ? tm__records_tend(self, err)
                : self->opened == 0 ? open_splits(self, err)
                                    : 0;
    if (begun != 0)
        return begun;
    struct tm_batch *batch = NULL;
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        int32_t split = tm_splits_lowest(ctx->splits, is_ready, self);
        if (split < 0)
            break;
        if (batch == NULL && (batch = tm_batch_acquire(ctx->pool, self->schema)) == NULL)
            return tm_error_set(err, TM_E_MEMORY, "out of memory for rows of '%s'",
                                source->node->name);
        int rc = read_split(self, (uint32_t)split, batch, err);
        if (rc != 0) {
            tm_batch_release(batch);
            return rc;
        }
        if (batch->row_count != 0) {
            *out = batch;
            return TM_READ_BATCH;
        }
        if (pass == PASSES_MAX - 1) { // there may be more at once: a wait would not end
            batch->split = TM_NO_SPLIT;
            *out = batch;
            return TM_READ_BATCH;
        }
    }
    if (batch != NULL)
        tm_batch_release(batch);
    return self->look == NULL && self->finished == self->count ? TM_READ_END : TM_READ_WAIT;
}

static void records_free(struct tm_source *source)
{
    struct tm__records *self = (struct tm__records *)source;
    const struct tm_fx *fx = source->ctx->fx;
    uint32_t used = self->look != NULL ? self->count : self->opened;
    for (uint32_t i = 0; self->splits != NULL && i < used; i++)
        tm_file_reader_stop(&self->splits[i].reader);
    if (self->executor != NULL)
        fx->threads->executor_free(fx->ctx, self->executor); // ends the reads under way
    for (uint32_t i = 0; self->splits != NULL && i < used; i++) {
        tm_file_reader_fini(&self->splits[i].reader);
        if (self->splits[i].decoder != NULL)
            self->splits[i].decoder->ops->free(self->splits[i].decoder);
    }
    if (self->splits != NULL)
        tm_mem_free(self->mem, self->splits, self->count * sizeof *self->splits);
    tm__names_fini(&self->read);
    tm_schema_unref(self->schema);
    tm_mem_free(self->mem, self, sizeof *self);
}

static int64_t records_deadline_ns(const struct tm_source *source)
{
    const struct tm__records *self = (const struct tm__records *)source;
    return self->look != NULL ? self->look_at_ns : INT64_MAX;
}

static void records_split_name(const struct tm_source *source, uint32_t index, char *name,
                               size_t size)
{
    const struct tm__records *self = (const struct tm__records *)source;
    if (index >= self->count) { // a subtask without a split is asked for its first
        name[0] = '\0';
        return;
    }
    const struct tm_file_input *input = &self->splits[index].input;
    const char *path = input->path == NULL ? "" : input->path;
    char range[48] = "";
    if (input->begin != 0 || input->end != 0)
        snprintf(range, sizeof range, " from byte %lld", (long long)input->begin);
    size_t length = strlen(path), room = size - strlen(range) - 1;
    snprintf(name, size, "%s%s", length > room ? path + (length - room) : path, range);
}

static const struct tm_source_ops records_ops = {.split_name = records_split_name,
                                                 .read = records_read,
                                                 .deadline_ns = records_deadline_ns,
                                                 .free = records_free};
static const struct tm_source_ops positioned_ops = {.split_name = records_split_name,
                                                    .read = records_read,
                                                    .deadline_ns = records_deadline_ns,
                                                    .snapshot = tm__records_snapshot,
                                                    .free = records_free};

static size_t buffer_size(uint32_t count, uint32_t open_max)
{
    uint32_t open = count < open_max ? count : open_max;
    size_t bytes = READ_AHEAD_BYTES / 2 / (open == 0 ? 1 : open);
    return bytes < BUFFER_MIN ? BUFFER_MIN : bytes > BUFFER_MAX ? BUFFER_MAX : bytes;
}

static struct tm__records *new_records(struct tm_task_context *ctx, const struct tm_node *node,
                                       uint32_t count, uint64_t max_record, struct tm_error *err)
{
    struct tm__records *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL) {
        tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
        return NULL;
    }
    self->base = (struct tm_source){.ops = &records_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    tm__names_init(&self->read, ctx->mem, TM__NAME_READ);
    self->schema = tm_schema_ref(tm_node_schema(node));
    self->format = tm_format_find(node->format);
    self->max_record = max_record;
    self->count = count;
    int rc = 0;
    if (self->format == NULL)
        rc = tm_error_set(err, TM_E_OPTION, "there is no format \"%s\"", node->format);
    if (rc == 0 && count != 0) {
        self->splits = tm_mem_zalloc(ctx->mem, count * sizeof *self->splits);
        self->executor = ctx->fx->threads->executor_new(ctx->fx->ctx, "tm-read", err);
        if (self->splits == NULL)
            rc = tm_error_set(err, TM_E_MEMORY, "out of memory for %u files", count);
        else if (self->executor == NULL)
            rc = err != NULL && err->code != 0 ? err->code : TM_E_LIMIT;
    }
    if (rc == 0)
        return self;
    records_free(&self->base);
    return NULL;
}

// Does somebody tell time by the rows, or may an input be silent while others are not?
static bool is_in_turn(const struct tm_task_context *ctx, const struct tm_file_input *inputs,
                       uint32_t count)
{
    const struct tm_graph *graph = ctx->plan->graph;
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == TM_NODE_WATERMARK)
            return false;
    for (uint32_t i = 0; i < count; i++)
        if (inputs[i].poll)
            return false;
    return true;
}

int tm_file_records_new(struct tm_task_context *ctx, const struct tm_node *node,
                        const struct tm_file_input *inputs, uint32_t count, uint64_t max_record,
                        struct tm_source **source, struct tm_error *err)
{
    struct tm__records *self = new_records(ctx, node, count, max_record, err);
    if (self == NULL)
        return err->code;
    for (uint32_t i = 0; i < count; i++)
        self->splits[i].input = inputs[i];
    self->in_turn = is_in_turn(ctx, inputs, count);
    self->open_max = self->in_turn ? IN_TURN_OPEN : TM_SPLITS_OPEN;
    self->buffer_bytes = buffer_size(count, self->open_max);
    *source = &self->base;
    return 0;
}

int tm__file_records_positioned(struct tm_task_context *ctx, const struct tm_node *node,
                                const struct tm_file_input *inputs, uint32_t count,
                                uint64_t max_record, const struct tm_buf *read,
                                struct tm_source **source, struct tm_error *err)
{
    int rc = tm_file_records_new(ctx, node, inputs, count, max_record, source, err);
    if (rc != 0)
        return rc;
    struct tm__records *self = (struct tm__records *)*source;
    self->base.ops = &positioned_ops;
    self->read_before = read;
    for (uint32_t i = 0; i < count; i++) {
        self->splits[i].head_read = inputs[i].resume != NULL;
        if (inputs[i].resume != NULL)
            tm_splits_raise(ctx->splits, i, inputs[i].resume->watermark);
    }
    return 0;
}

// How long a stream may be silent before it is idle, if an operator of the source's chain says it.
static int64_t idle_ms_of(const struct tm_task_context *ctx)
{
    int64_t idle_ms = 0;
    for (uint32_t i = 0; ctx->chain != NULL && i < ctx->chain->node_count; i++) {
        const struct tm_node *node = &ctx->plan->graph->nodes[ctx->chain->nodes[i]];
        if (node->kind == TM_NODE_WATERMARK)
            idle_ms = node->idle_ms;
    }
    return idle_ms;
}

int tm__file_records_follow(struct tm_task_context *ctx, const struct tm_node *node,
                            struct tm_follow_look *look, uint64_t max_record,
                            struct tm_source **source, struct tm_error *err)
{
    struct tm__records *self = new_records(ctx, node, tm__follow_slots(), max_record, err);
    if (self == NULL)
        return err->code;
    self->base.ops = &positioned_ops;
    self->look = look;
    self->buffer_bytes = FOLLOW_BUFFER;
    self->idle_ms = idle_ms_of(ctx);
    ctx->never_idle = false; // a pause may last
    tm__records_take_resumed(self);
    *source = &self->base;
    return 0;
}
