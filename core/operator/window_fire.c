// Firing windows: when the watermark reaches end - 1, in the order of their ends; within a window
// key groups ascending, within a key group the order of the state. Resumable at every output batch.
//
// A window that overlaps with no other is emitted as it lies in its slice. Otherwise the slices
// that it is the first to reach enter what runs along, key group by key group, and that is emitted.
#include "core/base/kill_point.h"
#include "core/operator/custom.h"
#include "core/operator/window.h"
#include "core/operator/window_time.h"

// Entries looked at in one step: a few milliseconds. The task then looks at its other work.
enum { FIRE_BUDGET = 16384 };

// --- which window --------------------------------------------------------------------------------

static bool overlap(const struct tm__operator_window *self)
{
    return self->running.state != NULL;
}

static bool grows(const struct tm__operator_window *self)
{
    return self->running.grows;
}

// The first end of a window that is at `time` or later.
static int64_t end_from(const struct tm__operator_window *self, int64_t time)
{
    int64_t grid = grows(self) ? self->offset : self->offset + self->size;
    int64_t end = tm__operator_grid_floor(time, grid, self->slide);
    return end < time ? end + self->slide : end;
}

// The end of the first window that covers something and has not fired; false: there is nothing.
// Windows without rows are passed over.
static bool next_end(struct tm__operator_window *self, int64_t *end)
{
    struct tm_namespace *slice = tm_state_namespace_first(self->state);
    int64_t ahead = self->ahead;
    if (ahead < 4 * TM_INT_MAX) // the first one that those have not fired
        ahead = end_from(self, ahead + 2);
    *end = INT64_MAX;
    if (self->running.lasts) // the next window has it
        *end = end_from(self, self->fired_end + 1);
    else if (slice != NULL)
        *end = end_from(self, tm_state_namespace_id(slice) + self->slice_ms);
    if (ahead < *end)
        *end = ahead;
    if (*end >= 4 * TM_INT_MAX)
        return false;
    if (*end <= self->fired_end)
        *end = end_from(self, self->fired_end + 1);
    return true;
}

uint64_t tm__operator_window_count(const struct tm__operator_window *self)
{
    int64_t counted = self->fired_end; // windows that end by then are
    uint64_t count = 0;
    if (tm__operator_window_lasts(
            self)) { // in how many windows that is, keys know one by one: in the next
        counted = end_from(self, counted + 1);
        count = 1;
    }
    struct tm_namespace *slice = tm_state_namespace_first(self->state);
    for (; slice != NULL; slice = tm_state_namespace_next(slice)) {
        int64_t id = tm_state_namespace_id(slice);
        int64_t last = tm__operator_grid_floor(id, self->offset, self->period) + self->size;
        int64_t first = end_from(self, id + self->slice_ms);
        if (first <= counted)
            first = end_from(self, counted + 1);
        if (tm_state_namespace_size(slice) == 0 || first > last)
            continue;
        count += (uint64_t)((last - first) / self->slide) + 1;
        counted = last;
    }
    return count;
}

static struct tm_namespace *first_slice(const struct tm__operator_window *self)
{
    struct tm_namespace *slice = tm_state_namespace_first(self->state);
    return slice != NULL && tm_state_namespace_id(slice) < self->end ? slice : NULL;
}

static void open_window(struct tm__operator_window *self)
{
    uint32_t last;
    tm__operator_key_groups(&self->base, &self->key_group, &last);
    self->start = grows(self) ? tm__operator_grid_floor(self->end - 1, self->offset, self->size)
                              : self->end - self->size;
    self->next_start = grows(self) ? tm__operator_grid_floor(self->end, self->offset, self->size)
                                   : self->start + self->slide;
    self->single = overlap(self) ? NULL : first_slice(self);
    self->entering = NULL;
    self->entered = self->key_group; // none yet
    self->running.lasts = false;
    self->ahead = INT64_MAX;
    self->group_open = false;
    self->window_open = true;
}

// For the keys of this group, before a checkpoint?
static bool has_fired(const struct tm__operator_window *self, uint32_t key_group)
{
    return tm__operator_reached_of(&self->reached, key_group, TM_WATERMARK_MIN) >= self->end - 1;
}

// --- slices enter --------------------------------------------------------------------------------

// What these accumulators take of the budget.
static int64_t cost_of(const struct tm__operator_window *self, const void *const *values,
                       uint32_t count)
{
    int64_t cost = count;
    for (uint32_t i = 0; self->aggregates.weighty && i < count; i++)
        cost += tm__operator_aggregates_weight(&self->aggregates, values[i]);
    return cost;
}

// Keys that enter together: what one waits for in memory, others wait for at the same time.
struct entrants {
    uint32_t count;
    uint32_t key_groups[TM__RUNNING_LANES];
    struct tm_key keys[TM__RUNNING_LANES];
    const void *from[TM__RUNNING_LANES];
};

static int enter_some(struct tm__operator_window *self, struct tm_namespace *slice,
                      struct entrants *some, int64_t *budget, struct tm_error *err)
{
    if (some->count == 0)
        return 0;
    int rc = tm__operator_running_enter(&self->running, self->state, some->key_groups,
                                        tm_state_namespace_id(slice), self->start, some->keys,
                                        some->from, some->count, err);
    if (rc != 0)
        return rc;
    *budget -= cost_of(self, some->from, some->count);
    some->count = 0;
    return 0;
}

// One slice's part of the key groups that are next, some keys at a time. *budget falls by what has
// entered.
static int enter_slice(struct tm__operator_window *self, struct tm_namespace *slice,
                       int64_t *budget, struct tm_error *err)
{
    struct tm_state_cursor cursor;
    struct entrants some;
    int rc = 0;
    some.count = 0;
    for (uint32_t group = self->key_group; rc == 0 && group < self->entered; group++) {
        if (TM_UNLIKELY(has_fired(self, group)))
            continue; // what it has is for a window that is still to come
        tm_state_ask(self->state, slice, group + 2, false);
        tm_state_ask(self->state, slice, group + 1, true);
        tm_state_iterate(self->state, slice, group, &cursor);
        *budget -= 1; // a look at an empty slice is not free
        while (rc == 0 && !tm_state_is_over(&cursor)) {
            uint32_t count = some.count, end = count;
            end += tm_state_next_some(&cursor, some.keys + count, some.from + count);
            if (cursor.code != 0)
                return tm__operator_out_of_memory(&self->base, err);
            for (; some.count < end; some.count++)
                some.key_groups[some.count] = group;
            if (end > TM__RUNNING_LANES - TM_STATE_SOME)
                rc = enter_some(self, slice, &some, budget, err);
        }
    }
    return rc != 0 ? rc : enter_some(self, slice, &some, budget, err);
}

// The slices of these key groups, as far as the budget goes. True in *ready: all have entered.
static int enter_groups(struct tm__operator_window *self, int64_t *budget, bool *ready,
                        struct tm_error *err)
{
    int rc = 0;
    while (rc == 0 && self->entering != NULL && *budget > 0) {
        rc = enter_slice(self, self->entering, budget, err);
        self->entering = tm_state_namespace_next(self->entering);
        if (self->entering != NULL && tm_state_namespace_id(self->entering) >= self->end)
            self->entering = NULL;
    }
    *ready = rc == 0 && self->entering == NULL;
    return rc;
}

// --- emitting ------------------------------------------------------------------------------------

static struct tm__operator_result_row row_of(const struct tm__operator_window *self,
                                             const struct tm_key *key, const void *value)
{
    return (struct tm__operator_result_row){
        .key = key,
        .home = {overlap(self) ? self->running.state : self->state, NULL, self->key_group},
        .value = value,
        .start = self->start,
        .end = self->end,
        .time = self->end - 1,
        .has_time = true,
    };
}

// A result that cannot be told: the firing fails.
static int result_failed(struct tm__operator_window *self,
                         const struct tm__operator_result_row *row, int code,
                         const struct tm__operator_aggregate *culprit, struct tm_error *err)
{
    if (code == TM_E_LIMIT)
        return tm__operator_result_failed(
            &self->result, &self->base, row, TM_E_LIMIT, err,
            "the row of a key in the window from %lld to %lld ms is larger than 64 MB\n"
            "  hint: a list is kept short by { limit = 1000 }",
            (long long)self->start, (long long)self->end);
    return tm__operator_result_failed(
        &self->result, &self->base, row, TM_E_OVERFLOW, err,
        "'%s' of a key in the window from %lld to %lld ms is out of range\n  hint: %s",
        culprit->name, (long long)self->start, (long long)self->end,
        tm__operator_aggregate_range_hint(culprit));
}

static int emit(struct tm__operator_window *self, const struct tm_key *key, const void *value,
                uint64_t spoilt, struct tm_error *err)
{
    struct tm__operator_result_row row = row_of(self, key, value);
    if (self->custom != NULL && tm__operator_custom_is_new(value))
        return 0; // all its rows failed
    if (spoilt == TM__CUSTOM_TOLD || (spoilt != 0 && self->aggregates.total == 0))
        return 0;
    if (spoilt != 0) // behind a checkpoint there may be fewer than there were
        return result_failed(self, &row, TM_E_OVERFLOW,
                             &self->aggregates.items[(spoilt - 1) % self->aggregates.total], err);
    if (tm__operator_output_open(&self->output, self->base.ctx, self->result.schema) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    const struct tm__operator_aggregate *culprit;
    int rc = tm__operator_result_append(&self->result, self->output.batch, &row, &culprit);
    if (rc == TM_E_OVERFLOW || rc == TM_E_LIMIT)
        return result_failed(self, &row, rc, culprit, err);
    if (rc != 0)
        return tm_error_set(err, rc, "operator '%s': a row cannot be made", self->base.node->name);
    return 0;
}

static bool is_full(const struct tm__operator_window *self)
{
    return self->output.batch != NULL && tm_batch_is_full(self->output.batch);
}

// Rows of the common kind, until the output is full. *done: so many were taken.
static int emit_plain(struct tm__operator_window *self, const struct tm_key *keys,
                      const void *const *values, uint32_t count, uint32_t *done,
                      struct tm_error *err)
{
    const struct tm__operator_result_row row = row_of(self, NULL, NULL);
    for (*done = 0; *done < count;) {
        const struct tm__operator_aggregate *culprit;
        uint32_t more;
        if (tm__operator_output_open(&self->output, self->base.ctx, self->result.schema) != 0)
            return tm__operator_out_of_memory(&self->base, err);
        int rc =
            tm__operator_result_append_some(&self->result, self->output.batch, &row, keys + *done,
                                            values + *done, count - *done, &more, &culprit);
        *done += more;
        const struct tm__operator_result_row failed = row_of(self, &keys[*done - 1], NULL);
        if (rc == TM_E_OVERFLOW)
            rc = result_failed(self, &failed, rc, culprit, err);
        else if (rc != 0)
            tm_error_set(err, rc, "operator '%s': a row cannot be made", self->base.node->name);
        if (rc != 0 || is_full(self))
            return rc;
    }
    return 0;
}

// The rest of a key group that lies as it is.
static int emit_slice(struct tm__operator_window *self, struct tm_error *err)
{
    struct tm_key keys[TM_STATE_SOME];
    const void *values[TM_STATE_SOME];
    uint32_t count;
    while ((count = tm_state_next_some(&self->cursor, keys, values)) != 0) {
        uint32_t done = 0;
        int rc = 0;
        if (self->result.blank != NULL)
            rc = emit_plain(self, keys, values, count, &done, err);
        else
            while (rc == 0 && done < count && !is_full(self)) {
                rc = emit(self, &keys[done], values[done], 0, err);
                done++;
            }
        tm_state_give_back(&self->cursor, count - done);
        if (rc != 0)
            return rc;
        if (is_full(self))
            return TM_STEP_MORE;
    }
    return self->cursor.code == 0 ? TM_STEP_DONE : tm__operator_out_of_memory(&self->base, err);
}

// Are all of the common kind?
static bool are_plain(const struct tm__operator_window *self,
                      const struct tm__operator_running_rows *rows)
{
    uint64_t spoilt = 0;
    for (uint32_t i = 0; i < rows->count; i++)
        spoilt |= rows->spoilt[i];
    return self->result.blank != NULL && spoilt == 0;
}

// The rest of a key group of what runs along. Rows that are not taken now are made again, except
// those of custom aggregates: their failures have been told.
static int emit_running(struct tm__operator_window *self, int64_t *budget, struct tm_error *err)
{
    struct tm__operator_running_rows rows;
    do {
        uint32_t done = 0;
        int rc = tm__operator_running_next(&self->running, &self->cursor, self->start,
                                           self->next_start, &rows, err);
        if (rc == 0 && are_plain(self, &rows))
            rc = emit_plain(self, rows.keys, rows.values, rows.count, &done, err);
        else
            while (rc == 0 && done < rows.count && (self->custom != NULL || !is_full(self))) {
                rc = emit(self, &rows.keys[done], rows.values[done], rows.spoilt[done], err);
                done++;
            }
        if (rc != 0)
            return rc;
        if (done < rows.count)
            tm_state_give_back(&self->cursor, rows.taken - rows.record[done]);
        *budget -= cost_of(self, rows.values, done) + rows.taken - done;
        if (is_full(self) || *budget <= 0)
            return TM_STEP_MORE;
    } while (!tm_state_is_over(&self->cursor));
    return tm__operator_running_end(&self->running, self->key_group, self->next_start, err);
}

static bool are_few(const struct tm__operator_window *self)
{
    uint64_t most = tm_state_namespace_size(self->running.ns);
    struct tm_namespace *slice = first_slice(self);
    for (; slice != NULL && tm_state_namespace_id(slice) < self->end && most <= FIRE_BUDGET;
         slice = tm_state_namespace_next(slice))
        if (tm_state_namespace_size(slice) > most)
            most = tm_state_namespace_size(slice);
    return most <= FIRE_BUDGET;
}

// Which key groups enter next, at once. Each has tables of its own, which few keys leave nearly
// empty.
static void choose_entering(struct tm__operator_window *self)
{
    enum { TOGETHER = 8 };
    uint32_t first, last;
    tm__operator_key_groups(&self->base, &first, &last);
    bool apart = tm__operator_running_is_apart(&self->running) || !are_few(self);
    self->entered = self->key_group + (apart ? 1 : TOGETHER);
    if (self->entered > last + 1)
        self->entered = last + 1;
    self->entering = first_slice(self);
}

static int open_group(struct tm__operator_window *self, int64_t *budget, struct tm_error *err)
{
    if (overlap(self)) {
        bool ready;
        if (self->key_group == self->entered)
            choose_entering(self);
        int rc = enter_groups(self, budget, &ready, err);
        if (rc != 0 || !ready)
            return rc != 0 ? rc : TM_STEP_MORE;
        const struct tm__operator_running *running = &self->running;
        tm_state_ask(running->state, running->ns, self->key_group + 2, false);
        tm_state_ask(running->state, running->ns, self->key_group + 1, true);
        tm__operator_running_begin(&self->running, self->key_group, &self->cursor);
    } else {
        tm_state_iterate(self->state, self->single, self->key_group, &self->cursor);
    }
    self->group_open = true;
    return TM_STEP_DONE;
}

static void note_ahead(struct tm__operator_window *self)
{
    int64_t reached = tm__operator_reached_of(&self->reached, self->key_group, TM_WATERMARK_MIN);
    if (reached < self->ahead)
        self->ahead = reached;
}

// TM_STEP_MORE: the output is full or the budget is used up.
static int emit_window(struct tm__operator_window *self, int64_t *budget, struct tm_error *err)
{
    uint32_t first, last;
    tm__operator_key_groups(&self->base, &first, &last);
    while (self->key_group <= last) {
        if (TM_UNLIKELY(has_fired(self, self->key_group))) {
            if (overlap(self)) // what it has is for later windows
                note_ahead(self);
            if (self->entered == self->key_group++)
                self->entered = self->key_group;
            continue;
        }
        int rc = self->group_open ? TM_STEP_DONE : open_group(self, budget, err);
        if (rc == TM_STEP_DONE)
            rc = overlap(self) ? emit_running(self, budget, err) : emit_slice(self, err);
        if (rc != TM_STEP_DONE)
            return rc;
        self->group_open = false;
        self->key_group++;
    }
    return TM_STEP_DONE;
}

// What there is of a slice, but for groups that fired before a checkpoint: theirs is for a window
// that is still to come.
static int drop_groups(struct tm__operator_window *self, struct tm_namespace *slice)
{
    uint32_t first, last;
    int rc = 0;
    tm__operator_key_groups(&self->base, &first, &last);
    for (uint32_t group = first; group <= last && rc == 0; group++)
        if (!has_fired(self, group))
            rc = tm_state_group_drop(self->state, slice, group);
    if (rc == 0 && tm_state_namespace_size(slice) == 0)
        tm_state_namespace_drop(self->state, slice);
    return rc;
}

// Its slices have entered, or were emitted as they lay.
static int close_window(struct tm__operator_window *self, struct tm_error *err)
{
    struct tm_namespace *slice = first_slice(self), *next;
    self->window_open = false;
    self->fired_end = self->end;
    for (; slice != NULL && tm_state_namespace_id(slice) < self->end; slice = next) {
        next = tm_state_namespace_next(slice);
        if (TM_LIKELY(self->reached.at == NULL))
            tm_state_namespace_drop(self->state, slice);
        else if (drop_groups(self, slice) != 0)
            return tm__operator_out_of_memory(&self->base, err);
    }
    return 0;
}

int tm__operator_window_fire(struct tm__operator_window *self, int64_t watermark,
                             struct tm_element *out, struct tm_error *err)
{
    int64_t budget = FIRE_BUDGET;
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
        TM_KILL_POINT(window_fires);
        if (rc == TM_STEP_MORE)
            (void)tm__operator_output_take(&self->output, &self->base, out);
        if (rc != TM_STEP_DONE)
            return rc;
        rc = close_window(self, err);
        if (rc != 0)
            return rc;
    }
    if (tm__operator_output_take(&self->output, &self->base, out))
        return TM_STEP_MORE;
    self->firing = false;
    tm__operator_reached_pass(&self->reached, self->watermark);
    return TM_STEP_DONE;
}
