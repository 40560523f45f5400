// watermark: bounded disorder per split of the source (or of the stream, where there are no
// splits), or a generator of the job, with idleness. SEMANTICS 5: rows first, then the watermark
// they allow; only increases are sent; upstream watermarks end here except MAX.
//
// A watermark goes behind its batch. One that a generator gives for a row goes earlier where it
// makes a later row of the same batch late: the batch leaves in pieces, cut in front of such rows.
#include <stdio.h>

#include "core/base/limits.h"
#include "core/operator/block.h"
#include "core/operator/draws.h"
#include "core/operator/generator.h"

struct watermark {
    struct tm_operator base;
    struct tm_mem *mem;
    struct tm_watermark_generator generator;
    struct tm_splits *splits; // of the source, where this is the first watermark behind it; or NULL
    struct tm_schema *output; // as the input, with the time column named; a reference
    uint32_t field, offset;
    int64_t idle_since_ns; // the first probe without rows, by the clock of idleness
    bool is_silent;        // there was such a probe
    int64_t probe_ns;      // between two of them
    int64_t read_ns;       // of the newest batch
    bool batch_begun;      // the batch under way has been looked at
    bool batch_passed;     // it has gone on, its watermark not yet
    // A generator of the job, or NULL: what it gave for the rows of the batch under way, NULL:
    // nothing; and where the next piece begins.
    struct tm__operator_generator *custom;
    const double *marks;
    const struct tm_row *row;
    uint32_t index;
    int32_t cut_split; // whose batch leaves in pieces; TM_NO_SPLIT: none, or the last has gone
    int64_t pending;   // the highest mark of rows that have gone
    int64_t asked_ns;  // when periodic was asked last
    int64_t given_ns;  // where watermarks are given: when the last one was; 0: never
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

static int look(struct tm_operator *op, const struct tm_batch *batch, const struct tm_row *row,
                struct tm_error *err)
{
    uint32_t field = ((struct watermark *)op)->field;
    if (!tm_row_is_null(row, field))
        return 0;
    int rc = tm__operator_row_failed(op, batch->schema, row, TM_E_NULL_TIMESTAMP, err,
                                     "the timestamp %s is null", batch->schema->fields[field].name);
    return rc != 0 ? rc : 1;
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
        int rc = tm__operator_drop_rows(&self->base, batch, look, err);
        if (rc != 0)
            return rc;
    }
    if (!self->has_looked && batch->row_count != 0)
        look_at_first_time(self, max_time);
    struct tm_splits *splits = self->splits;
    if (self->custom != NULL) {
        int rc = tm__operator_generator_event(self->custom, batch, &self->marks, err);
        if (rc != 0)
            return rc;
    } else if (batch->row_count != 0 && splits != NULL && batch->split != TM_NO_SPLIT)
        tm_splits_advance(splits, (uint32_t)batch->split, max_time, self->generator.disorder_ms);
    else if (batch->row_count != 0 && max_time > self->generator.max_time)
        self->generator.max_time = max_time;
    self->generator.last_row_ns = self->base.ctx->now_ns;
    self->is_silent = false;
    self->read_ns = batch->read_ns;
    tm_metric_add(&self->base.metrics->used, batch->row_count);
    tm_metric_add(&self->base.metrics->rows_out, batch->row_count);
    return 0;
}

// --- a generator of the job ----------------------------------------------------------------------

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

// The watermark of the split, or of the stream where there are none.
static void raise_to(struct watermark *self, int32_t split, int64_t watermark)
{
    struct tm_splits *splits = self->splits;
    if (splits != NULL && split != TM_NO_SPLIT)
        tm_splits_raise(splits, (uint32_t)split, watermark);
    else if (watermark > self->generator.max_time)
        self->generator.max_time = watermark;
}

static int64_t watermark_now(const struct watermark *self, enum tm_channel_status *status)
{
    const struct tm_watermark_generator *g = &self->generator;
    const struct tm_splits *splits = self->splits;
    *status = TM_CHANNEL_ACTIVE;
    if (splits != NULL && self->cut_split != TM_NO_SPLIT)
        return tm_splits_combined_with(splits, (uint32_t)self->cut_split);
    if (splits != NULL)
        return tm_splits_combined(splits, status);
    if (has_no_input(self))
        *status = TM_CHANNEL_IDLE;
    return self->custom != NULL ? g->max_time : tm_watermark_of(g->max_time, g->disorder_ms);
}

// Behind its rows the generator is asked for the split of the batch; in silence for all.
static int ask(struct watermark *self, int32_t split, struct tm_error *err)
{
    int64_t mark;
    self->asked_ns = self->base.ctx->now_ns;
    int rc = tm__operator_generator_periodic(
        self->custom, split == TM_NO_SPLIT ? 0 : (uint32_t)split, &mark, err);
    if (rc == 0 && mark != TM_WATERMARK_MIN)
        raise_to(self, split, mark);
    return rc;
}

static int ask_all(struct watermark *self, struct tm_error *err)
{
    const struct tm_splits *splits = self->splits;
    int rc = 0;
    if (splits == NULL)
        return ask(self, TM_NO_SPLIT, err);
    for (uint32_t i = 0; rc == 0 && i < tm_splits_count(splits); i++)
        if (tm_splits_status(splits, i) == TM_SPLIT_ACTIVE)
            rc = ask(self, (int32_t)i, err);
    return rc;
}

// Would a mark of the rows before make the row late?
static bool is_overtaken(struct watermark *self, const struct tm_batch *batch, int64_t time)
{
    enum tm_channel_status status;
    if (self->pending < time)
        return false;
    raise_to(self, batch->split, self->pending);
    int64_t watermark = watermark_now(self, &status);
    return watermark > self->generator.emitted && watermark >= time;
}

static int copy_piece(struct watermark *self, const struct tm_batch *batch,
                      const struct tm_row *end, uint32_t count, struct tm_batch **out,
                      struct tm_error *err)
{
    size_t bytes = (size_t)((const uint8_t *)end - (const uint8_t *)self->row);
    struct tm_batch *piece = tm_batch_acquire(self->base.ctx->pool, self->output);
    if (piece == NULL || tm_batch_reserve(piece, bytes) != 0) {
        tm_batch_release(piece);
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory for a batch",
                            self->base.node->name);
    }
    memcpy(piece->data, self->row, bytes);
    piece->size_bytes = bytes;
    piece->row_count = count;
    piece->split = batch->split;
    piece->read_ns = batch->read_ns;
    *out = piece;
    return 0;
}

// The rows up to one that is overtaken: *out. NULL: all that are left, which stay in the batch.
static int cut_piece(struct watermark *self, struct tm_batch *batch, struct tm_batch **out,
                     struct tm_error *err)
{
    const struct tm_row *row = self->row;
    uint32_t first = self->index;
    *out = NULL;
    for (; self->index < batch->row_count; self->index++, row = tm_row_next(row)) {
        if (self->index > first && is_overtaken(self, batch, tm_row_int(row, self->offset))) {
            int rc = copy_piece(self, batch, row, self->index - first, out, err);
            self->row = row;
            return rc;
        }
        double mark = self->marks[self->index];
        if (mark > (double)self->pending)
            self->pending = (int64_t)mark;
    }
    raise_to(self, batch->split, self->pending);
    size_t gone = (size_t)((const uint8_t *)self->row - batch->data);
    if (gone != 0)
        memmove(batch->data, self->row, batch->size_bytes - gone);
    batch->size_bytes -= gone;
    batch->row_count -= first;
    return 0;
}

// --- control elements ----------------------------------------------------------------------------

// The next control element that is due, one at a time. False: none.
static bool next_control(struct watermark *self, bool silent, struct tm_element *out)
{
    struct tm_watermark_generator *g = &self->generator;
    if (self->base.ctx->given_watermarks)
        return false;
    enum tm_channel_status status = silent ? TM_CHANNEL_IDLE : TM_CHANNEL_ACTIVE;
    enum tm_channel_status combined;
    int64_t watermark = watermark_now(self, &combined);
    if (combined == TM_CHANNEL_IDLE)
        status = TM_CHANNEL_IDLE;
    if (status == TM_CHANNEL_ACTIVE &&
        g->status != TM_CHANNEL_ACTIVE) { // before the watermark, or it would not count
        g->status = status;
        self->base.ctx->silent = false;
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
        self->base.ctx->silent = status == TM_CHANNEL_IDLE;
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

static int step_batch(struct watermark *self, struct tm_element *in, struct tm_element *out,
                      struct tm_error *err)
{
    struct tm_batch *batch = in->batch, *piece = NULL;
    int rc = 0;
    if (!self->batch_begun) {
        self->marks = NULL;
        self->pending = TM_WATERMARK_MIN;
        rc = take_batch(self, batch, err);
        self->row = tm_batch_first(batch);
        self->index = 0;
        self->batch_begun = rc == 0;
    } else if (next_control(self, false, out)) { // of the piece before
        return TM_STEP_MORE;
    }
    if (rc == 0 && self->marks != NULL && !self->base.ctx->given_watermarks) {
        self->cut_split = batch->split;
        rc = cut_piece(self, batch, &piece, err);
    }
    if (rc == 0 && piece == NULL && self->custom != NULL)
        rc = ask(self, batch->split, err);
    if (rc != 0)
        return rc;
    *out = (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = piece};
    if (piece == NULL) {
        tm_schema_ref(self->output);
        tm_schema_unref(batch->schema);
        batch->schema = self->output;
        self->cut_split = TM_NO_SPLIT;
        out->batch = batch;
        in->batch = NULL; // gone on; the element stays until its watermark has followed
        self->batch_passed = true;
    }
    return TM_STEP_MORE;
}

static int watermark_step(struct tm_operator *op, struct tm_element *in, struct tm_element *out,
                          struct tm_error *err)
{
    struct watermark *self = (struct watermark *)op;
    switch (in->kind) {
    case TM_ELEMENT_BATCH:
        if (!self->batch_passed)
            return step_batch(self, in, out, err);
        if (next_control(self, false, out))
            return TM_STEP_MORE;
        self->batch_passed = self->batch_begun = false;
        return TM_STEP_DONE;
    case TM_ELEMENT_WATERMARK:
        if (in->watermark == TM_WATERMARK_MAX && !self->max_sent) {
            self->max_sent = true;
            *out = *in;
        } else if (op->ctx->given_watermarks && in->watermark != TM_WATERMARK_MAX) {
            self->generator.emitted = in->watermark;
            self->given_ns = op->ctx->now_ns;
            *out = *in;
        }
        return TM_STEP_DONE;
    case TM_ELEMENT_STATUS:
        if (op->ctx->given_watermarks) {
            self->generator.status = (enum tm_channel_status)in->status;
            self->given_ns = op->ctx->now_ns;
            *out = *in;
        }
        return TM_STEP_DONE; // else this operator decides what is idle
    case TM_ELEMENT_END:
        return step_end(self, in, out);
    case TM_ELEMENT_BARRIER:
        *out = *in;
        return TM_STEP_DONE;
    default:
        return TM_STEP_DONE;
    }
}

static bool detects_idleness(const struct watermark *self)
{
    return self->generator.idle_ms > 0 && !self->base.ctx->never_idle && !self->max_sent;
}

static bool is_idle(const struct watermark *self)
{
    return tm_task_idle_clock_ns(self->base.ctx) - self->idle_since_ns >
           self->generator.idle_ms * 1000000;
}

// Is the generator to be asked in silence, and when?
static int64_t ask_at_ns(const struct watermark *self)
{
    bool asks = self->custom != NULL && !self->base.ctx->given_watermarks &&
                self->base.node->generator_periodic && !self->max_sent &&
                self->generator.status == TM_CHANNEL_ACTIVE;
    return asks ? self->asked_ns + self->probe_ns : INT64_MAX;
}

static int watermark_tick(struct tm_operator *op, struct tm_element *out, struct tm_error *err)
{
    struct watermark *self = (struct watermark *)op;
    bool silent = detects_idleness(self) && self->is_silent && is_idle(self);
    if (ask_at_ns(self) <= op->ctx->now_ns && !silent) {
        int rc = ask_all(self, err);
        if (rc != 0)
            return rc;
    }
    if (!self->is_silent && self->generator.last_row_ns + self->probe_ns <= op->ctx->now_ns) {
        self->is_silent = true;
        self->idle_since_ns = tm_task_idle_clock_ns(op->ctx);
    }
    if (self->custom != NULL || has_no_input(self) || silent)
        next_control(self, silent, out);
    return TM_STEP_DONE;
}

static int64_t idle_at_ns(const struct watermark *self)
{
    const struct tm_task_context *ctx = self->base.ctx;
    if (self->generator.status == TM_CHANNEL_IDLE || ctx->given_watermarks)
        return INT64_MAX;
    bool no_input = has_no_input(self);
    if (!no_input && !detects_idleness(self))
        return INT64_MAX;
    if (no_input || !self->is_silent)
        return self->generator.last_row_ns + self->probe_ns;
    return ctx->now_ns + self->idle_since_ns + self->generator.idle_ms * 1000000 + 1 -
           tm_task_idle_clock_ns(ctx);
}

static int64_t watermark_deadline_ns(const struct tm_operator *op)
{
    const struct watermark *self = (const struct watermark *)op;
    int64_t idle_at = idle_at_ns(self), ask_at = ask_at_ns(self);
    return ask_at < idle_at ? ask_at : idle_at;
}

static void watermark_free(struct tm_operator *op)
{
    struct watermark *self = (struct watermark *)op;
    tm__operator_generator_free(self->custom);
    tm_schema_unref(self->output);
    tm_mem_free(self->mem, self, sizeof *self);
}

static void watermark_held(const struct tm_operator *op, struct tm_held *held, int64_t *since_ns)
{
    const struct watermark *self = (const struct watermark *)op;
    const struct tm_watermark_generator *g = &self->generator;
    const struct tm_splits *splits = self->splits;
    held->status = (uint8_t)(self->max_sent ? TM_CHANNEL_FINISHED : g->status);
    held->watermark = g->emitted;
    *since_ns = op->ctx->given_watermarks ? self->given_ns : g->last_row_ns;
    if (splits == NULL || held->status != TM_CHANNEL_ACTIVE || op->ctx->given_watermarks)
        return;
    held->from = tm_splits_holder(splits, since_ns);
    if (held->from >= 0)
        held->watermark = tm_splits_watermark(splits, (uint32_t)held->from);
}

// --- checkpoints ---------------------------------------------------------------------------------
//
// Event time never goes back: what has been sent is a floor, and each split goes on where it was. A
// split is known by its name, whichever subtask reads it then; one that has none by its number in
// its subtask, where there are as many of those as were. Of pieces that have one name the least
// counts.

struct saved_time { // an item of each subtask, little-endian
    int64_t emitted, max_time;
    uint32_t parallelism;
    uint32_t idle;
};

struct saved_split { // in front of its name, and what a generator keeps of it
    int64_t watermark;
    uint32_t status; // enum tm_split_status
    uint32_t name_length;
};

static int put_split(struct watermark *self, struct tm_cut *cut, uint32_t split, struct tm_buf *buf)
{
    const struct tm_splits *splits = self->splits;
    char name[TM_SPLIT_NAME_MAX] = "";
    struct saved_split saved = {.watermark = TM_WATERMARK_MIN, .status = TM_SPLIT_ACTIVE};
    struct tm__generator_state state = {0};
    if (splits != NULL) {
        saved.watermark = tm_splits_watermark(splits, split);
        saved.status = tm_splits_status(splits, split);
        tm_task_split_name(self->base.ctx->task, split, name);
    }
    if (self->custom != NULL)
        state = tm__operator_generator_state(self->custom, split);
    saved.name_length = (uint32_t)strlen(name);
    buf->size_bytes = 0;
    int rc = tm_buf_append(buf, &saved, sizeof saved);
    if (rc == 0)
        rc = tm_buf_append(buf, name, saved.name_length);
    if (rc == 0)
        rc = tm_buf_append(buf, state.bytes, state.size);
    return rc != 0 ? rc
                   : tm_cut_item(cut, self->base.node->name, "split times", TM_ITEM_SUBTASK,
                                 buf->data, buf->size_bytes);
}

static int put_splits(struct watermark *self, struct tm_cut *cut)
{
    uint32_t count = self->splits != NULL   ? tm_splits_count(self->splits)
                     : self->custom != NULL ? 1
                                            : 0;
    struct tm_buf buf;
    int rc = 0;
    tm_buf_init(&buf, self->mem);
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = put_split(self, cut, i, &buf);
    tm_buf_fini(&buf);
    return rc;
}

static int watermark_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    struct watermark *self = (struct watermark *)op;
    const struct tm_watermark_generator *g = &self->generator;
    const struct saved_time saved = {.emitted = g->emitted,
                                     .max_time = g->max_time,
                                     .parallelism = op->ctx->chain->parallelism,
                                     .idle = g->status == TM_CHANNEL_IDLE};
    struct tm_vm_chain *chunks[TM__GENERATOR_CHUNKS] = {NULL, NULL};
    if (tm_cut_item(cut, op->node->name, "generator", TM_ITEM_SUBTASK, &saved, sizeof saved) != 0 ||
        put_splits(self, cut) != 0)
        return tm__operator_out_of_memory(op, err);
    if (self->custom != NULL)
        tm__operator_generator_chunks(self->custom, chunks);
    int rc = 0;
    for (uint32_t i = 0; i < TM__GENERATOR_CHUNKS && rc == 0; i++)
        rc = tm__operator_stream_snapshot(op, chunks[i], i, cut, "streams", err);
    return rc;
}

struct restoring {
    struct watermark *self;
    struct saved_time own, least;
    bool any, has_own;
    uint32_t unnamed; // splits of this subtask that had no name
    int64_t *lowest;  // by split of now: of those that were it; TM_WATERMARK_MAX: none
    uint32_t splits;
};

static int bad_item(const struct watermark *self, struct tm_error *err)
{
    return tm_error_set(err, TM_E_CHECKPOINT, "operator '%s': its times are cut short",
                        self->base.node->name);
}

static int take_time(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                     struct tm_error *err)
{
    struct restoring *r = arg;
    struct saved_time saved;
    if (size != sizeof saved)
        return bad_item(r->self, err);
    memcpy(&saved, bytes, sizeof saved);
    if (old_subtask == r->self->base.ctx->subtask) {
        r->own = saved;
        r->has_own = true;
    }
    if (!r->any)
        r->least = saved;
    r->any = true;
    if (saved.emitted < r->least.emitted)
        r->least.emitted = saved.emitted;
    if (saved.max_time < r->least.max_time)
        r->least.max_time = saved.max_time;
    r->least.idle &= saved.idle;
    return 0;
}

static void take_split_as(struct restoring *r, uint32_t split, const struct saved_split *saved,
                          const uint8_t *state, size_t state_size)
{
    struct watermark *self = r->self;
    if (r->lowest != NULL && saved->status != TM_SPLIT_FINISHED &&
        saved->watermark < r->lowest[split])
        r->lowest[split] = saved->watermark;
    if (self->custom == NULL)
        return;
    struct tm__generator_state to = tm__operator_generator_state(self->custom, split);
    if (to.size == state_size) // else the functions keep something else now
        memcpy(to.bytes, state, to.size);
}

static int take_split(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                      struct tm_error *err)
{
    struct restoring *r = arg;
    const struct tm_task_context *ctx = r->self->base.ctx;
    struct saved_split saved;
    char name[TM_SPLIT_NAME_MAX];
    if (size < sizeof saved)
        return bad_item(r->self, err);
    memcpy(&saved, bytes, sizeof saved);
    const uint8_t *old_name = (const uint8_t *)bytes + sizeof saved;
    size -= sizeof saved;
    if (saved.name_length > size)
        return bad_item(r->self, err);
    const uint8_t *state = old_name + saved.name_length;
    if (saved.name_length == 0) { // it is known by its place, among as many subtasks
        if (old_subtask == ctx->subtask && r->own.parallelism == ctx->chain->parallelism &&
            r->unnamed < r->splits)
            take_split_as(r, r->unnamed++, &saved, state, size);
        return 0;
    }
    for (uint32_t i = 0; i < r->splits; i++) {
        tm_task_split_name(ctx->task, i, name);
        if (strlen(name) == saved.name_length && memcmp(name, old_name, saved.name_length) == 0)
            take_split_as(r, i, &saved, state, size - saved.name_length);
    }
    return 0;
}

static int restore_splits(struct restoring *r, const struct tm_restored *restored,
                          struct tm_error *err)
{
    struct watermark *self = r->self;
    const struct tm_restored_for who = tm__operator_restored_for(&self->base);
    uint32_t count = self->splits == NULL ? 0 : tm_splits_count(self->splits);
    r->splits = count == 0 ? 1 : count;
    if (count != 0) {
        r->lowest = tm_mem_alloc(self->mem, count * sizeof *r->lowest);
        if (r->lowest == NULL)
            return tm__operator_out_of_memory(&self->base, err);
    }
    for (uint32_t i = 0; i < count; i++)
        r->lowest[i] = TM_WATERMARK_MAX;
    int rc = tm_restored_items(restored, &who, "split times", take_split, r, err);
    for (uint32_t i = 0; i < count; i++)
        if (rc == 0 && r->lowest[i] != TM_WATERMARK_MAX)
            tm_splits_raise(self->splits, i, r->lowest[i]);
    if (count != 0)
        tm_mem_free(self->mem, r->lowest, count * sizeof *r->lowest);
    return rc;
}

static int watermark_restore(struct tm_operator *op, const struct tm_restored *restored,
                             struct tm_error *err)
{
    struct watermark *self = (struct watermark *)op;
    const struct tm_restored_for who = tm__operator_restored_for(op);
    struct restoring r = {.self = self};
    struct tm_vm_chain *chunks[TM__GENERATOR_CHUNKS] = {NULL, NULL};
    int rc = tm_restored_items(restored, &who, "generator", take_time, &r, err);
    if (rc == 0 && r.any)
        rc = restore_splits(&r, restored, err);
    if (rc != 0 || !r.any)
        return rc;
    bool same = r.has_own && tm_task_has_own_past(op->ctx, restored, r.own.parallelism);
    const struct saved_time *saved = same ? &r.own : &r.least;
    self->generator.emitted = saved->emitted;
    self->generator.max_time = saved->max_time;
    if (saved->idle != 0 && detects_idleness(self)) { // others learn of it with the first tick
        self->is_silent = true;
        self->idle_since_ns =
            tm_task_idle_clock_ns(op->ctx) - self->generator.idle_ms * 1000000 - 1;
    }
    if (self->custom != NULL)
        tm__operator_generator_chunks(self->custom, chunks);
    return tm__operator_streams_restore(op, chunks, TM__GENERATOR_CHUNKS, restored, "streams", err);
}

static const struct tm_operator_ops watermark_ops = {
    .held = watermark_held,
    .open = watermark_open,
    .step = watermark_step,
    .tick = watermark_tick,
    .deadline_ns = watermark_deadline_ns,
    .free = watermark_free,
    .snapshot = watermark_snapshot,
    .restore = watermark_restore,
};

// Splits are the source's, and their watermarks the first's: what comes behind it in its chain sees
// one stream.
static bool is_first(const struct tm_task_context *ctx, const struct tm_node *node)
{
    const struct tm_chain *chain = ctx->chain;
    for (uint32_t i = 0; i < chain->node_count && chain->nodes[i] != node->id; i++)
        if (ctx->plan->graph->nodes[chain->nodes[i]].kind == TM_NODE_WATERMARK)
            return false;
    return true;
}

int tm_operator_watermark_new(struct tm_task_context *ctx, const struct tm_node *node,
                              struct tm_operator **op, struct tm_error *err)
{
    struct watermark *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory", node->name);
    self->base = (struct tm_operator){.ops = &watermark_ops, .ctx = ctx, .node = node};
    self->mem = ctx->mem;
    self->splits = is_first(ctx, node) ? ctx->splits : NULL;
    self->probe_ns =
        (node->interval_ms != 0 ? node->interval_ms : TM_WATERMARK_INTERVAL_MS) * 1000000;
    tm_watermark_init(&self->generator, node->disorder_ms, node->idle_ms, ctx->now_ns);
    self->asked_ns = ctx->now_ns;
    self->cut_split = TM_NO_SPLIT;
    int rc = node->generator_bytes == 0
                 ? 0
                 : tm__operator_generator_new(&self->base, self->splits, &self->custom, err);
    if (rc != 0) {
        watermark_free(&self->base);
        return rc;
    }
    *op = &self->base;
    return 0;
}
