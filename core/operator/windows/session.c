// Sessions (SEMANTICS 3): a row brings a window of its own, [time, time + gap), and all windows
// that it touches become one before anything else is asked. A key's windows never touch each other,
// so those that a row merges stand next to each other.
#include "core/operator/windows/windows.h"

// The windows from *low up to *high touch [start, end).
static void find_touched(const struct tm__windows *self, const struct tm__windows_key *k,
                         int64_t start, int64_t end, uint32_t *low, uint32_t *high)
{
    *low = tm__windows_seek(self, k, INT64_MIN, start); // the first that ends at start or later
    *high = *low;
    while (*high < k->count && tm__windows_at(self, k, *high)->start <= end)
        ++*high;
}

// --- merging in place ----------------------------------------------------------------------------

// They become one, at *low, which is [start, end) then. The order of cells stays.
static int merge(struct tm__windows *self, struct tm__windows_key *k, uint32_t low, uint32_t high,
                 int64_t start, int64_t end, struct tm_error *err)
{
    struct tm__windows_cell *cell = tm__windows_at(self, k, low);
    for (uint32_t i = low + 1; i < high; i++) {
        tm__windows_merge_trigger(self, cell, tm__windows_at(self, k, i));
        int rc = tm__windows_merge(self, k, low, i, NULL, err); // no function of the job
        if (rc != 0)
            return rc;
    }
    int64_t last = tm__windows_at(self, k, high - 1)->end;
    cell->start = cell->start < start ? cell->start : start;
    cell->end = last > end ? last : end;
    int rc = tm__windows_remove(self, k, low + 1, high - low - 1);
    if (rc != 0)
        return tm__windows_no_memory(self, rc, err);
    tm__windows_merged(self, tm__windows_at(self, k, low));
    return 0;
}

// Into the one window that it touches, or its own. 1: it failed.
static int enter_one(struct tm__windows *self, struct tm__windows_key *k, uint32_t i, bool created,
                     const struct tm_row *row, int64_t time, int64_t end, struct tm_error *err)
{
    const struct tm__operator_aggregate *culprit;
    if (!created && !tm__windows_buffers(self) &&
        tm__operator_aggregates_refuse(&self->aggregates,
                                       tm__windows_contents(self, tm__windows_at(self, k, i)), row,
                                       &culprit) &&
        tm__windows_at(self, k, i)->spoilt == 0)
        return tm__windows_refused(self, row, culprit, err); // and has not extended it
    const struct tm__windows_cell *cell = tm__windows_at(self, k, i);
    if (!created && (cell->start > time || cell->end < end)) {
        int rc = merge(self, k, i, i + 1, time, end, err);
        if (rc != 0)
            return rc;
    }
    return tm__windows_enter(self, k, i, created, row, time, err);
}

// --- joining -------------------------------------------------------------------------------------

// The windows that a row touches, [low, high), become one that stands behind all until it is known
// that nothing fails: they stay as they are, but for their trigger's states, which the entry keeps.
// A custom trigger is told of the merging with what each remembered, then that each is gone
// (SEMANTICS 3).
static int begin_join(struct tm__windows *self, struct tm__windows_key *k, uint32_t low,
                      uint32_t high, int64_t start, int64_t end, struct tm_error *err)
{
    const struct tm__windows_cell *first = tm__windows_at(self, k, low);
    int64_t last = tm__windows_at(self, k, high - 1)->end;
    uint32_t at = k->count;
    int rc = tm__windows_insert(self, k, at, first->start < start ? first->start : start,
                                last > end ? last : end);
    if (rc != 0)
        return tm__windows_no_memory(self, rc, err);
    rc = tm__windows_entry_open(self, k, at, TM__CELL_JOINED, err);
    struct tm__windows_cell *cell = tm__windows_at(self, k, at);
    first = tm__windows_at(self, k, low);
    if (self->asked == NULL) { // what the engine's triggers remember
        cell->flags = first->flags & ~(uint32_t)(TM__CELL_FILLED | TM__CELL_TOLD);
        memcpy(cell->words, first->words, self->record_at - sizeof *cell);
    }
    for (uint32_t i = low; i < high && rc == 0; i++) {
        if (self->asked != NULL)
            rc = tm__windows_asked_remember(self, k, tm__windows_at(self, k, i), err);
        else if (i != low)
            tm__windows_merge_trigger(self, cell, tm__windows_at(self, k, i));
    }
    return rc;
}

static int ask_join(struct tm__windows *self, struct tm__windows_key *k, uint32_t low,
                    uint32_t high, const struct tm_row *row, struct tm_error *err)
{
    if (self->asked == NULL)
        return 0;
    int rc = tm__windows_asked_merge(self, k, tm__windows_at(self, k, k->count - 1), row, err);
    for (uint32_t i = low; i < high && rc == 0; i++) {
        rc = tm__windows_entry_open(self, k, i, TM__CELL_GOES, err);
        if (rc == 0)
            rc = tm__windows_asked_clear(self, k, tm__windows_at(self, k, i), row, err);
    }
    return rc;
}

// What they hold. Of one it is lent, so that nothing is copied: either of both has to forget it.
// 1: a function of the job has refused to merge them.
static int fill_join(struct tm__windows *self, struct tm__windows_key *k, uint32_t low,
                     uint32_t high, const struct tm_row *row, struct tm_error *err)
{
    const uint32_t taken = TM__CELL_FILLED | TM__CELL_TOLD;
    struct tm__windows_cell *cell = tm__windows_at(self, k, k->count - 1);
    struct tm__windows_cell *first = tm__windows_at(self, k, low);
    int rc = 0;
    if (high == low + 1) {
        memcpy(tm__windows_contents(self, cell), tm__windows_contents(self, first),
               self->cell_bytes - self->contents_at);
        cell->flags |= first->flags & taken;
        cell->spoilt = first->spoilt;
    } else {
        for (uint32_t i = low; i < high && rc == 0; i++)
            rc = tm__windows_merge(self, k, k->count - 1, i, row, err);
    }
    tm__windows_merged(self, cell);
    return rc;
}

static void forget_contents(struct tm__windows *self, struct tm__windows_cell *cell)
{
    memset(tm__windows_contents(self, cell), 0, self->cell_bytes - self->contents_at);
}

// They go, and what they have become takes their place.
static int end_join(struct tm__windows *self, struct tm__windows_key *k, uint32_t low,
                    uint32_t high)
{
    int rc = 0;
    if (high == low + 1)
        forget_contents(self, tm__windows_at(self, k, low));
    for (uint32_t i = low; i < high && self->asked != NULL && rc == 0; i++)
        rc = tm__windows_asked_unschedule(self, k, tm__windows_at(self, k, i));
    if (rc == 0)
        rc = tm__windows_remove(self, k, low, high - low);
    size_t bytes = self->cell_bytes, behind = (size_t)(k->count - 1 - low) * bytes;
    self->put_aside.size_bytes = 0; // all has gone well
    if (rc == 0)
        rc = tm_buf_append(&self->put_aside, tm__windows_at(self, k, k->count - 1), bytes);
    if (rc != 0)
        return rc;
    uint8_t *place = (uint8_t *)tm__windows_at(self, k, low);
    memmove(place + bytes, place, behind);
    memcpy(place, self->put_aside.data, bytes);
    tm__windows_entry_joined(self);
    return 0;
}

static int undo_join(struct tm__windows *self, struct tm__windows_key *k, bool lent,
                     struct tm_error *err)
{
    if (lent)
        forget_contents(self, tm__windows_at(self, k, k->count - 1));
    return tm__windows_entry_undo(self, k, err);
}

// --- a row ---------------------------------------------------------------------------------------

// Where functions of the job have a say, or several windows may become one that then refuses the
// row: all of it happens, or nothing. 1: the row failed.
static int enter_together(struct tm__windows *self, struct tm__windows_key *k, uint32_t low,
                          uint32_t high, const struct tm_row *row, int64_t time, int64_t end,
                          struct tm_error *err)
{
    bool created = low == high, lent = false;
    const struct tm__windows_cell *cell = created ? NULL : tm__windows_at(self, k, low);
    bool joins = !created && (high > low + 1 || cell->start > time || cell->end < end);
    int rc = created ? tm__windows_insert(self, k, low, time, end) : 0;
    if (rc != 0)
        return tm__windows_no_memory(self, rc, err);
    tm__windows_entry_begin(self, k);
    if (joins)
        rc = begin_join(self, k, low, high, time, end, err);
    else
        rc = tm__windows_entry_open(self, k, low, created ? TM__CELL_MADE : TM__CELL_WAS, err);
    if (rc == 0 && joins)
        rc = ask_join(self, k, low, high, row, err);
    if (rc == 0)
        rc = tm__windows_entry_ask(self, k, row, err);
    if (rc == 0 && joins) {
        lent = high == low + 1;
        rc = fill_join(self, k, low, high, row, err);
    }
    if (rc == 0)
        rc = tm__windows_entry_add(self, k, row, err);
    if (rc == 1) {
        rc = undo_join(self, k, lent, err);
        return rc == 0 ? 1 : rc;
    }
    if (rc == 0)
        rc = tm__windows_entry_keep(self, err);
    if (rc == 0 && joins) {
        rc = end_join(self, k, low, high);
        if (rc != 0)
            return tm__windows_no_memory(self, rc, err);
    }
    return rc == 0 ? tm__windows_entry_act(self, k, row, time, err) : rc;
}

int tm__windows_place_session(struct tm__windows *self, struct tm__windows_key *k,
                              const struct tm_row *row, int64_t time, enum tm__windows_fate *fate,
                              struct tm_error *err)
{
    int64_t gap = self->gap_offset == 0 ? self->size : tm_row_int(row, self->gap_offset);
    int64_t end = time + gap; // its function's operator lets no gap pass that is not above 0
    uint32_t low, high;
    int rc;
    find_touched(self, k, time, end, &low, &high);
    if (low == high && tm__windows_is_late(self, end)) {
        *fate = TM__ROW_LATE;
        return 0;
    }
    bool refuses = self->aggregates.failing != 0 && !tm__windows_buffers(self);
    if (tm__windows_is_asked(self) || (refuses && high > low + 1)) {
        rc = enter_together(self, k, low, high, row, time, end, err);
    } else {
        rc = low == high ? tm__windows_insert(self, k, low, time, end) : 0;
        if (rc != 0)
            return tm__windows_no_memory(self, rc, err);
        bool created = low == high;
        if (high > low + 1)
            rc = merge(self, k, low, high, time, end, err);
        if (rc == 0)
            rc = enter_one(self, k, low, created, row, time, end, err);
    }
    *fate = rc == 1 ? TM__ROW_FAILED : TM__ROW_USED;
    return rc == 1 ? 0 : rc;
}
