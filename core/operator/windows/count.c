// Count windows that overlap or leave gaps: every `slide` rows of a key, the last `size` of them.
//
// The rows are numbered, and cut into panes of gcd(size, slide): a pane is a cell whose bounds are
// its own number. A firing merges the panes of the window into one more cell, and throws that away.
// (A window of as many rows as its slide is a global one that fires and purges by count.)
#include "core/operator/window_time.h"
#include "core/operator/windows/windows.h"

static int fire(struct tm__windows *self, struct tm__windows_key *k, struct tm_error *err)
{
    if (k->count == 1)
        return tm__windows_emit(self, k, tm__windows_at(self, k, 0), err);
    uint32_t all = k->count;
    int rc = tm__windows_insert(self, k, all, INT64_MAX, INT64_MAX);
    if (rc != 0)
        return tm__windows_no_memory(self, rc, err);
    for (uint32_t i = 0; i < all; i++) {
        rc = tm__windows_merge(self, k, all, i, NULL, err);
        if (rc != 0)
            return rc;
    }
    rc = tm__windows_emit(self, k, tm__windows_at(self, k, all), err);
    if (rc != 0)
        return rc;
    rc = tm__windows_remove(self, k, all, 1);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}

// Panes that no later window covers go.
static int drop_old(struct tm__windows *self, struct tm__windows_key *k, int64_t pane_rows)
{
    int64_t next = (int64_t)k->record->total + self->slide; // the next firing
    uint32_t old = 0;
    while (old < k->count &&
           (tm__windows_at(self, k, old)->start + 1) * pane_rows <= next - self->size)
        old++;
    return tm__windows_remove(self, k, 0, old);
}

int tm__windows_place_count(struct tm__windows *self, struct tm__windows_key *k,
                            const struct tm_row *row, enum tm__windows_fate *fate,
                            struct tm_error *err)
{
    int64_t pane_rows = tm__operator_gcd(self->size, self->slide);
    int64_t number = (int64_t)k->record->total;
    int64_t fires_at = number - number % self->slide + self->slide;
    int rc = 0;
    *fate = TM__ROW_USED;
    if (number >= fires_at - self->size) { // else it is none of the last when the window fires
        int64_t pane = number / pane_rows;
        bool created = k->count == 0 || tm__windows_at(self, k, k->count - 1)->start != pane;
        if (created)
            rc = tm__windows_insert(self, k, k->count, pane, pane);
        if (rc != 0)
            return tm__windows_no_memory(self, rc, err);
        rc = tm__windows_add(self, k, k->count - 1, row, err);
        if (rc == 1) {
            *fate = TM__ROW_FAILED;
            rc = created ? tm__windows_remove(self, k, k->count - 1, 1) : 0;
            return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
        }
        if (rc != 0)
            return rc;
    }
    if ((int64_t)++k->record->total != fires_at)
        return 0;
    rc = fire(self, k, err);
    if (rc != 0)
        return rc;
    rc = drop_old(self, k, pane_rows);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}
