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

// What a custom trigger knows of them, for the window that they become; and that they are gone,
// which it is told while it has their states.
static int remember_all(struct tm__windows *self, struct tm__windows_key *k, uint32_t low,
                        uint32_t high, struct tm_error *err)
{
    for (uint32_t i = low; i < high; i++) {
        int rc = tm__windows_asked_remember(self, k, tm__windows_at(self, k, i), err);
        if (rc == 0)
            rc = tm__windows_asked_merged_away(self, k, tm__windows_at(self, k, i), err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

// They become one, at *low, which is [start, end) then. The order of cells stays.
static int merge(struct tm__windows *self, struct tm__windows_key *k, uint32_t low, uint32_t high,
                 int64_t start, int64_t end, const struct tm_row *row, struct tm_error *err)
{
    struct tm__windows_cell *cell = tm__windows_at(self, k, low);
    if (high == low + 1 && cell->start <= start && cell->end >= end)
        return 0; // within
    if (self->asked != NULL) {
        int rc = remember_all(self, k, low, high, err);
        if (rc != 0)
            return rc;
    }
    for (uint32_t i = low + 1; i < high; i++) {
        tm__windows_merge_trigger(self, cell, tm__windows_at(self, k, i));
        int rc = tm__windows_merge(self, k, low, i, err);
        if (rc != 0)
            return rc;
    }
    int64_t last = tm__windows_at(self, k, high - 1)->end;
    cell->start = cell->start < start ? cell->start : start;
    cell->end = last > end ? last : end;
    int rc = tm__windows_remove(self, k, low + 1, high - low - 1);
    if (rc != 0)
        return tm__windows_no_memory(self, rc, err);
    cell = tm__windows_at(self, k, low);
    tm__windows_merged(self, cell);
    if (self->asked == NULL)
        return 0;
    if (tm__windows_forget(self, k, cell) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    cell->flags &= ~(uint32_t)TM__CELL_WAKES;
    rc = tm__windows_schedule(self, k, cell);
    if (rc != 0)
        return tm__windows_no_memory(self, rc, err);
    return tm__windows_asked_merge(self, k, cell, row, err);
}

int tm__windows_place_session(struct tm__windows *self, struct tm__windows_key *k,
                              const struct tm_row *row, int64_t time, enum tm__windows_fate *fate,
                              struct tm_error *err)
{
    int64_t gap = self->gap_offset == 0 ? self->size : tm_row_int(row, self->gap_offset);
    int64_t end = time + gap; // its function's operator lets no gap pass that is not above 0
    uint32_t low, high;
    find_touched(self, k, time, end, &low, &high);
    bool created = low == high;
    if (created && tm__windows_is_late(self, end)) {
        *fate = TM__ROW_LATE;
        return 0;
    }
    int rc = 0;
    if (created) {
        rc = tm__windows_insert(self, k, low, time, end);
        if (rc != 0)
            return tm__windows_no_memory(self, rc, err);
    } else {
        rc = merge(self, k, low, high, time, end, row, err);
        if (rc == 1) { // a function of the trigger has failed
            *fate = TM__ROW_FAILED;
            return 0;
        }
        if (rc != 0)
            return rc;
    }
    rc = tm__windows_enter(self, k, low, created, row, time, err);
    *fate = rc == 1 ? TM__ROW_FAILED : TM__ROW_USED;
    return rc == 1 ? 0 : rc;
}
