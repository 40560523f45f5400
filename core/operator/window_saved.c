// Windows made of slices, in checkpoints: slices, what runs along, and how far event time had come.
// Barriers come in order behind watermarks, so no window is half fired.
#include "core/base/planted.h"
#include "core/operator/draws.h"
#include "core/operator/window.h"
#include "core/operator/window_time.h"

static struct tm__operator_window *self_of(struct tm_operator *op)
{
    return (struct tm__operator_window *)op;
}

// Slices of other windows have other bounds.
static int put_windows(const struct tm__operator_window *self, struct tm_buf *text)
{
    const char *kind = self->base.node->window == TM_WINDOW_CUMULATE ? "cumulating windows"
                       : self->slide == self->size                   ? "tumbling windows"
                                                                     : "sliding windows";
    int rc = tm_buf_printf(text, "%s of %lld ms", kind, (long long)self->size);
    if (rc == 0 && self->slide != self->size)
        rc = tm_buf_printf(text, " every %lld ms", (long long)self->slide);
    if (rc == 0 && self->offset != 0)
        rc = tm_buf_printf(text, " from %lld ms", (long long)self->offset);
    return rc;
}

static int lay_out(struct tm__operator_window *self, const char *windows, struct tm_error *err)
{
    if (tm__operator_layout_is_made(&self->layout))
        return 0;
    tm__operator_layout_begin(&self->layout, self->mem, self->aggregates.value_bytes);
    tm__operator_layout_say_key(&self->layout, &self->base);
    tm__operator_layout_say(&self->layout, "$windows", windows);
    tm__operator_aggregates_layout(&self->aggregates, self->keys.reader.schema, "",
                                   &tm__operator_in_value, 0, &self->layout);
    return tm__operator_layout_end(&self->layout) == 0
               ? 0
               : tm__operator_out_of_memory(&self->base, err);
}

// --- going ---------------------------------------------------------------------------------------

enum { WATERMARK, LASTS, ARRIVALS, WORDS = TM__WINDOW_SLICES_WORDS };

int tm__operator_window_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    struct tm__operator_window *self = self_of(op);
    const int64_t words[WORDS] = {self->watermark, tm__operator_window_lasts(self),
                                  (int64_t)self->aggregates.arrivals};
    struct tm_buf windows;
    if (self->state == NULL)
        return 0;
    if (self->firing)
        return tm_error_set(err, TM_E_INTERNAL, "operator '%s': a barrier overtook a watermark",
                            op->node->name);
    tm_buf_init(&windows, self->mem);
    int rc = put_windows(self, &windows);
    if (rc != 0)
        rc = tm__operator_out_of_memory(op, err);
    if (rc == 0)
        rc = lay_out(self, (const char *)windows.data, err);
    if (rc == 0)
        rc = tm__operator_cut_state(op, cut, "slices", self->state, &self->layout, err);
    if (rc == 0 && self->running.state != NULL)
        rc = tm__operator_running_cut(&self->running, (const char *)windows.data,
                                      self->keys.reader.schema, cut, err);
    if (rc == 0)
        rc = tm__operator_cut_words(op, cut, "window time", words, WORDS, err);
    if (rc == 0)
        rc = tm__operator_reached_cut(&self->reached, op, self->watermark, cut, err);
    struct tm_vm_chain *chunks[TM__CUSTOM_CHUNKS];
    tm__operator_custom_chunks(self->custom, chunks);
    if (rc == 0)
        rc = tm__operator_streams_snapshot(op, chunks, TM__CUSTOM_CHUNKS, cut, "window streams",
                                           err);
    tm_buf_fini(&windows);
    return rc;
}

// --- coming back ---------------------------------------------------------------------------------

static int take_words(void *arg, const struct tm__operator_old *old, struct tm_error *err)
{
    struct tm__operator_window *self = arg;
    uint64_t arrivals = (uint64_t)old->words[old->count - 1];
    (void)err;
    tm__operator_reached_note(&self->reached, &self->base, old, old->words[WATERMARK]);
    if (old->count == WORDS)
        self->running.lasts |= self->running.state != NULL && old->words[LASTS] != 0;
    if (arrivals > self->aggregates.arrivals)
        self->aggregates.arrivals = arrivals;
    return 0;
}

static const char *wrong(void *arg, struct tm__operator_seen *seen, const void *value)
{
    const struct tm__operator_window *self = arg;
    return tm__operator_aggregates_wrong(&self->aggregates, self->keys.reader.schema, seen, value);
}

// Slices lie on their grid, at times that rows can have.
static int look_at_slices(struct tm__operator_window *self, struct tm_error *err)
{
    struct tm_namespace *slice = tm_state_namespace_first(self->state);
    int64_t step = self->slice_ms == self->size ? self->period : self->slice_ms;
    for (; slice != NULL; slice = tm_state_namespace_next(slice)) {
        int64_t id = tm_state_namespace_id(slice);
        if (id > TM_INT_MAX || id < -2 * TM_INT_MAX ||
            tm__operator_grid_floor(id, self->offset, step) != id)
            return tm__operator_damaged(&self->base, "slices", err, "one begins at %lld ms",
                                        (long long)id);
    }
    return 0;
}

// Windows that ended by then have fired, whether they had rows or not; see fire.
static void set_time(struct tm__operator_window *self)
{
    tm__operator_reached_end(&self->reached);
    self->watermark = TM_PLANTED(time_not_restored) ? TM_WATERMARK_MIN : self->reached.least;
    if (self->watermark < -4 * TM_INT_MAX) // before all times that rows can have
        self->running.lasts = false;
    else
        self->fired_end = self->watermark < 4 * TM_INT_MAX ? self->watermark + 1 : 4 * TM_INT_MAX;
}

static int restore_parts(struct tm__operator_window *self, const struct tm_restored *restored,
                         const char *windows, struct tm_error *err)
{
    struct tm_operator *op = &self->base;
    const bool looks = tm__operator_aggregates_can_be_wrong(&self->aggregates);
    int rc = lay_out(self, windows, err);
    if (rc == 0)
        rc = tm__operator_reached_begin(&self->reached, op, err);
    if (rc == 0)
        rc = tm__operator_reached_restore(&self->reached, op, restored, err);
    if (rc == 0)
        rc = tm__operator_refuse_windows(op, restored, "windows", &self->layout, self->state, err);
    if (rc == 0)
        rc = tm__operator_restore_words_of(op, restored, "window time", WORDS, TM__WINDOWS_WORDS,
                                           take_words, self, err);
    if (rc != 0)
        return rc;
    set_time(self);
    rc = tm__operator_restore_state(op, restored, "slices", &self->layout, self->state,
                                    &self->keys.reader, looks ? wrong : NULL, self, err);
    if (rc == 0)
        rc = look_at_slices(self, err);
    if (rc == 0 && self->running.state != NULL)
        rc = tm__operator_running_restore(&self->running, windows, &self->keys.reader,
                                          self->reached.most, restored, err);
    struct tm_vm_chain *chunks[TM__CUSTOM_CHUNKS];
    tm__operator_custom_chunks(self->custom, chunks);
    return rc != 0 ? rc
                   : tm__operator_streams_restore(op, chunks, TM__CUSTOM_CHUNKS, restored,
                                                  "window streams", err);
}

int tm__operator_window_restore(struct tm_operator *op, const struct tm_restored *restored,
                                struct tm_error *err)
{
    struct tm__operator_window *self = self_of(op);
    struct tm_buf windows;
    tm_buf_init(&windows, self->mem);
    int rc = put_windows(self, &windows);
    rc = rc == 0 ? restore_parts(self, restored, (const char *)windows.data, err)
                 : tm__operator_out_of_memory(op, err);
    tm_buf_fini(&windows);
    return rc;
}

// --- rows behind it ------------------------------------------------------------------------------

void tm__operator_window_drop_late(struct tm__operator_window *self)
{
    struct tm__operator_block *block = self->block;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        const struct tm_row *row = block->rows[i];
        uint32_t group = tm_state_key_group(self->state, block->keys[i].hash);
        int64_t time = tm_row_int(row, self->time_offset); // it is in a window
        int64_t last = tm__operator_grid_floor(time, self->offset, self->period) + self->size - 1;
        if (last <= tm__operator_reached_of(&self->reached, group, TM_WATERMARK_MIN)) {
            tm_metric_add(&self->base.metrics->late, tm__operator_rows_of(&self->partial, row));
            self->partial_rows -= tm__operator_is_partial(row);
            continue;
        }
        block->rows[kept] = row;
        block->namespaces[kept] = block->namespaces[i];
        block->keys[kept++] = block->keys[i];
    }
    block->count = kept;
}
