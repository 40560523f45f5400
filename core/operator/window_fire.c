// Firing windows: when the watermark reaches end - 1, in the order of their ends; within a window
// key groups ascending, within a key group the order of the state. Resumable at every output batch.
//
// A window of one slice is emitted as it lies. Otherwise the slices of one key group at a time are
// merged, the earlier first, into a scratch namespace, so that memory beyond the slices is one key
// group's. A slice is dropped once the last window that covers it has fired.
#include "core/operator/custom.h"
#include "core/operator/window.h"
#include "core/operator/window_time.h"

// Entries merged in one step: a few milliseconds. The task then looks at its other work.
enum { MERGE_BUDGET = 16384, MERGE_LANES = 64 };

// A merged value ends with a word of its own: an aggregate overflowed, the row is an error.
enum { SPOILT_BYTES = 8 };

// --- which window --------------------------------------------------------------------------------

// The end of the first window that covers the earliest slice and has not fired; false: there is no
// slice. Windows without rows are passed over.
static bool next_end(struct tm__operator_window *self, int64_t *end)
{
    struct tm_namespace *slice = tm_state_namespace_first(self->state);
    if (slice == NULL)
        return false;
    int64_t covers_from = tm_state_namespace_id(slice) + self->slice_ms - self->size;
    int64_t start = tm__operator_grid_floor(covers_from, self->offset, self->slide);
    if (start < covers_from)
        start += self->slide;
    if (start + self->size <= self->fired_end)
        start = tm__operator_grid_floor(self->fired_end - self->size, self->offset, self->slide) +
                self->slide;
    *end = start + self->size;
    return true;
}

static struct tm_namespace *first_slice_from(struct tm__operator_window *self, int64_t start)
{
    struct tm_namespace *slice = tm_state_namespace_first(self->state);
    while (slice != NULL && tm_state_namespace_id(slice) < start)
        slice = tm_state_namespace_next(slice);
    return slice;
}

static bool in_window(const struct tm__operator_window *self, const struct tm_namespace *slice)
{
    return slice != NULL && tm_state_namespace_id(slice) < self->end;
}

static void drop_done_slices(struct tm__operator_window *self)
{
    struct tm_namespace *slice;
    while ((slice = tm_state_namespace_first(self->state)) != NULL) {
        int64_t last_start =
            tm__operator_grid_floor(tm_state_namespace_id(slice), self->offset, self->slide);
        if (last_start + self->size > self->fired_end)
            return;
        tm_state_namespace_drop(self->state, slice);
    }
}

static void open_window(struct tm__operator_window *self)
{
    uint32_t last;
    tm__operator_key_groups(&self->base, &self->key_group, &last);
    struct tm_namespace *slice = first_slice_from(self, self->end - self->size);
    bool several = in_window(self, slice) && in_window(self, tm_state_namespace_next(slice));
    self->single = several ? NULL : slice;
    self->merging = several ? slice : NULL;
    self->group_open = false;
    self->window_open = true;
}

// --- merging the slices of a key group -----------------------------------------------------------

static int make_scratch(struct tm__operator_window *self, struct tm_error *err)
{
    if (self->merged != NULL)
        return 0;
    int rc = tm__operator_state_new(&self->base, self->aggregates.value_bytes + SPOILT_BYTES,
                                    &self->merged, err);
    if (rc != 0)
        return rc;
    self->merged_space = tm_state_namespace_create(self->merged, 0);
    return self->merged_space == NULL ? tm__operator_out_of_memory(&self->base, err) : 0;
}

static uint64_t *spoilt_word(const struct tm__operator_window *self, void *value)
{
    return (uint64_t *)(void *)((uint8_t *)value + self->aggregates.value_bytes);
}

static int merge_value(struct tm__operator_window *self, void *to, const void *from,
                       struct tm_error *err)
{
    struct tm__operator_home to_home = {self->merged, self->merged_space, self->key_group};
    struct tm__operator_home from_home = {self->state, NULL, self->key_group};
    const struct tm__operator_aggregate *culprit;
    uint64_t *spoilt = spoilt_word(self, to);
    if (*spoilt != 0)
        return 0;
    if (self->custom != NULL)
        return tm__operator_custom_merge(self->custom, to, from, spoilt, err);
    int rc =
        tm__operator_aggregates_merge(&self->aggregates, &to_home, to, &from_home, from, &culprit);
    if (rc == TM_E_OVERFLOW) {
        *spoilt = 1 + (uint64_t)(culprit - self->aggregates.items);
        return 0;
    }
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

// One slice's part of the key group, some keys at a time. *budget falls by what was merged.
static int merge_slice(struct tm__operator_window *self, struct tm_namespace *slice,
                       int64_t *budget, struct tm_error *err)
{
    struct tm_state_cursor cursor;
    struct tm_key keys[MERGE_LANES];
    const void *from[MERGE_LANES];
    void *to[MERGE_LANES];
    tm_state_iterate(self->state, slice, self->key_group, &cursor);
    *budget -= 1; // a look at an empty slice is not free
    for (uint32_t count = MERGE_LANES; count == MERGE_LANES; *budget -= count) {
        count = 0;
        while (count < MERGE_LANES && tm_state_next(&cursor, &keys[count], &from[count]))
            count++;
        if (cursor.code != 0 ||
            tm_state_upsert_batch(self->merged, self->merged_space, keys, count, to, NULL) != 0)
            return tm__operator_out_of_memory(&self->base, err);
        for (uint32_t i = 0; i < count; i++) {
            int rc = merge_value(self, to[i], from[i], err);
            if (rc != 0)
                return rc;
            *budget -= tm__operator_aggregates_weight(&self->aggregates, from[i]);
        }
        int rc = self->custom != NULL ? tm__operator_custom_flush(self->custom, err) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

// The slices of the key group, as far as the budget goes. True in *ready: all are merged.
static int merge_group(struct tm__operator_window *self, int64_t *budget, bool *ready,
                       struct tm_error *err)
{
    int rc = make_scratch(self, err);
    if (rc == 0 && self->custom != NULL) {
        self->custom->into =
            (struct tm__operator_home){self->merged, self->merged_space, self->key_group};
        self->custom->from = (struct tm__operator_home){self->state, NULL, self->key_group};
    }
    while (rc == 0 && in_window(self, self->merging) && *budget > 0) {
        rc = merge_slice(self, self->merging, budget, err);
        self->merging = tm_state_namespace_next(self->merging);
    }
    *ready = rc == 0 && !in_window(self, self->merging);
    return rc;
}

// --- emitting ------------------------------------------------------------------------------------

// A result that cannot be told is an error of the window's row. The account is of input rows: one
// of those that made it counts as failed instead of used.
static int result_failed(struct tm__operator_window *self, int code,
                         const struct tm__operator_aggregate *culprit, struct tm_error *err)
{
    tm_metric_add(&self->base.metrics->used, (uint64_t)-1);
    if (code == TM_E_LIMIT)
        return tm__operator_row_failed(
            &self->base, NULL, NULL, TM_E_LIMIT, err,
            "the row of a key in the window from %lld to %lld ms is larger than 64 MB\n"
            "  hint: a list is kept short by { limit = 1000 }",
            (long long)(self->end - self->size), (long long)self->end);
    return tm__operator_row_failed(
        &self->base, NULL, NULL, TM_E_OVERFLOW, err,
        "'%s' of a key in the window from %lld to %lld ms is out of range\n  hint: %s",
        culprit->name, (long long)(self->end - self->size), (long long)self->end,
        tm__operator_aggregate_range_hint(culprit));
}

static struct tm__operator_result_row row_of(const struct tm__operator_window *self,
                                             const struct tm_key *key, const void *value)
{
    return (struct tm__operator_result_row){
        .key = key,
        .home = {self->single != NULL ? self->state : self->merged, NULL, self->key_group},
        .value = value,
        .start = self->end - self->size,
        .end = self->end,
        .time = self->end - 1,
        .has_time = true,
    };
}

static int emit(struct tm__operator_window *self, const struct tm_key *key, const void *value,
                struct tm_error *err)
{
    struct tm__operator_result_row row = row_of(self, key, value);
    if (self->custom != NULL && tm__operator_custom_is_new(value))
        return 0; // all its rows failed
    uint64_t spoilt = 0;
    if (self->single == NULL)
        memcpy(&spoilt, (const uint8_t *)value + self->aggregates.value_bytes, sizeof spoilt);
    if (spoilt == TM__CUSTOM_TOLD)
        return 0;
    if (spoilt != 0)
        return result_failed(self, TM_E_OVERFLOW, &self->aggregates.items[spoilt - 1], err);
    if (tm__operator_output_open(&self->output, self->base.ctx, self->result.schema) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    const struct tm__operator_aggregate *culprit;
    int rc = tm__operator_result_append(&self->result, self->output.batch, &row, &culprit);
    if (rc == TM_E_OVERFLOW || rc == TM_E_LIMIT)
        return result_failed(self, rc, culprit, err);
    if (rc != 0)
        return tm_error_set(err, rc, "operator '%s': a row cannot be made", self->base.node->name);
    return 0;
}

// The rest of a key group that lies as it is, by rows of the common kind.
static int emit_plain_group(struct tm__operator_window *self, struct tm_error *err)
{
    const struct tm__operator_result_row row = row_of(self, NULL, NULL);
    struct tm_key keys[TM_STATE_SOME];
    const void *values[TM_STATE_SOME];
    for (uint32_t count; (count = tm_state_next_some(&self->cursor, keys, values)) != 0;) {
        const struct tm__operator_aggregate *culprit;
        uint32_t done;
        if (tm__operator_output_open(&self->output, self->base.ctx, self->result.schema) != 0)
            return tm__operator_out_of_memory(&self->base, err);
        int rc = tm__operator_result_append_some(&self->result, self->output.batch, &row, keys,
                                                 values, count, &done, &culprit);
        tm_state_give_back(&self->cursor, count - done);
        if (rc == TM_E_OVERFLOW)
            rc = result_failed(self, rc, culprit, err);
        else if (rc != 0)
            tm_error_set(err, rc, "operator '%s': a row cannot be made", self->base.node->name);
        if (rc != 0)
            return rc;
        if (tm_batch_is_full(self->output.batch))
            return TM_STEP_MORE;
    }
    return TM_STEP_DONE;
}

// The rest of the key group under way. TM_STEP_MORE: the output is full.
static int emit_group(struct tm__operator_window *self, struct tm_error *err)
{
    if (self->single != NULL && self->result.blank != NULL)
        return emit_plain_group(self, err);
    struct tm_key key;
    const void *value;
    while (tm_state_next(&self->cursor, &key, &value)) {
        int rc = emit(self, &key, value, err);
        if (rc != 0)
            return rc;
        if (self->output.batch != NULL && tm_batch_is_full(self->output.batch))
            return TM_STEP_MORE;
    }
    return TM_STEP_DONE;
}

static void close_group(struct tm__operator_window *self)
{
    if (self->single == NULL)
        TM_CHECK(tm_state_group_drop(self->merged, self->merged_space, self->key_group) == 0);
    self->group_open = false;
    self->key_group++;
    self->merging = self->single != NULL ? NULL : first_slice_from(self, self->end - self->size);
}

// TM_STEP_MORE: the output is full or the budget is used up.
static int emit_window(struct tm__operator_window *self, int64_t *budget, struct tm_error *err)
{
    uint32_t first, last;
    tm__operator_key_groups(&self->base, &first, &last);
    while (self->key_group <= last) {
        if (!self->group_open) {
            bool ready = true;
            int rc = self->single != NULL ? 0 : merge_group(self, budget, &ready, err);
            if (rc != 0)
                return rc;
            if (!ready)
                return TM_STEP_MORE;
            if (self->single != NULL)
                tm_state_iterate(self->state, self->single, self->key_group, &self->cursor);
            else
                tm_state_iterate(self->merged, self->merged_space, self->key_group, &self->cursor);
            self->group_open = true;
        }
        int rc = emit_group(self, err);
        if (rc != TM_STEP_DONE)
            return rc;
        close_group(self);
    }
    return TM_STEP_DONE;
}

static void close_window(struct tm__operator_window *self)
{
    self->window_open = false;
    self->fired_end = self->end;
    drop_done_slices(self);
}

int tm__operator_window_fire(struct tm__operator_window *self, int64_t watermark,
                             struct tm_element *out, struct tm_error *err)
{
    int64_t budget = MERGE_BUDGET;
    if (!self->firing) {
        if (watermark <= self->watermark)
            return TM_STEP_DONE;
        // Windows that ended by the last watermark had their turn, whether they had rows or not.
        int64_t passed = self->watermark < 4 * TM_INT_MAX ? self->watermark + 1 : 4 * TM_INT_MAX;
        if (self->watermark != TM_WATERMARK_MIN && passed > self->fired_end)
            self->fired_end = passed; // at most beyond every window's end, and safe to reckon with
        self->watermark = watermark;
        self->firing = true;
    }
    for (;;) {
        if (!self->window_open) {
            if (!next_end(self, &self->end) || self->end - 1 > self->watermark)
                break;
            open_window(self);
        }
        int rc = emit_window(self, &budget, err);
        if (rc == TM_STEP_MORE)
            (void)tm__operator_output_take(&self->output, &self->base, out);
        if (rc != TM_STEP_DONE)
            return rc;
        close_window(self);
    }
    if (tm__operator_output_take(&self->output, &self->base, out))
        return TM_STEP_MORE;
    self->firing = false;
    return TM_STEP_DONE;
}
