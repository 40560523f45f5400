// Into which windows a row goes: those whose bounds follow from its time alone (SEMANTICS 1), in
// the order in which they are worked on: the one that begins last first.
#include "core/base/planted.h"
#include "core/operator/window_time.h"
#include "core/operator/windows/windows.h"

struct span {
    int64_t start, end;
};

static bool is_late(const struct tm__windows *self, int64_t end)
{
    return tm__windows_is_late(self, TM_PLANTED(late_row_accepted) ? end + 2000 : end);
}

static bool first_span(const struct tm__windows *self, int64_t time, struct span *span)
{
    switch (self->kind) {
    case TM_WINDOW_SLIDING:
        span->start = tm__operator_grid_floor(time, self->offset, self->slide);
        span->end = span->start + self->size;
        return time < span->end;
    case TM_WINDOW_CUMULATE:
        span->start = tm__operator_grid_floor(time, self->offset, self->size);
        span->end = tm__operator_grid_floor(time, self->offset, self->slide) + self->slide;
        return true;
    default:
        *span = (struct span){INT64_MIN, INT64_MAX};
        return true;
    }
}

static bool next_span(const struct tm__windows *self, int64_t time, struct span *span)
{
    switch (self->kind) {
    case TM_WINDOW_SLIDING:
        span->start -= self->slide;
        span->end -= self->slide;
        return time < span->end;
    case TM_WINDOW_CUMULATE:
        span->end += self->slide;
        return span->end <= span->start + self->size;
    default:
        return false;
    }
}

static bool find(const struct tm__windows *self, const struct tm__windows_key *k,
                 const struct span *span, uint32_t *i)
{
    *i = tm__windows_seek(self, k, span->start, span->end);
    if (*i == k->count)
        return false;
    const struct tm__windows_cell *cell = tm__windows_at(self, k, *i);
    return cell->start == span->start && cell->end == span->end;
}

static int find_or_insert(struct tm__windows *self, struct tm__windows_key *k,
                          const struct span *span, uint32_t *i, bool *found, struct tm_error *err)
{
    *found = find(self, k, span, i);
    int rc = *found ? 0 : tm__windows_insert(self, k, *i, span->start, span->end);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}

// A row that one of its windows cannot take goes into none; windows that keep rows take all. 1: it
// failed; 0; negative.
static int ask_all(struct tm__windows *self, const struct tm__windows_key *k,
                   const struct tm_row *row, int64_t time, struct tm_error *err)
{
    struct span span;
    uint32_t i;
    if (self->aggregates.failing == 0 || tm__windows_buffers(self) ||
        !first_span(self, time, &span))
        return 0;
    do {
        const struct tm__operator_aggregate *culprit;
        if (find(self, k, &span, &i) && !tm__windows_is_late(self, span.end) &&
            tm__operator_aggregates_refuse(&self->aggregates,
                                           tm__windows_contents(self, tm__windows_at(self, k, i)),
                                           row, &culprit))
            return tm__windows_refused(self, row, culprit, err);
    } while (next_span(self, time, &span));
    return 0;
}

int tm__windows_enter(struct tm__windows *self, struct tm__windows_key *k, uint32_t i, bool created,
                      const struct tm_row *row, int64_t time, struct tm_error *err)
{
    int rc = tm__windows_add(self, k, i, row, err);
    if (rc == 1 && created) {
        rc = tm__windows_remove(self, k, i, 1);
        return rc == 0 ? 1 : tm__windows_no_memory(self, rc, err);
    }
    if (rc != 0)
        return rc;
    struct tm__windows_cell *cell = tm__windows_at(self, k, i);
    rc = tm__windows_act(self, k, cell, tm__windows_on_element(self, cell, time), err);
    if (rc != 0)
        return rc;
    rc = tm__windows_schedule(self, k, cell);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}

// Into all windows of the row, or none where one of them refuses it.
static int enter_all(struct tm__windows *self, struct tm__windows_key *k, const struct tm_row *row,
                     int64_t time, struct span span, enum tm__windows_fate *fate,
                     struct tm_error *err)
{
    int rc = 0;
    tm__windows_entry_begin(self, k);
    do {
        uint32_t i;
        if (is_late(self, span.end))
            continue;
        bool found;
        if ((rc = find_or_insert(self, k, &span, &i, &found, err)) != 0)
            return rc;
        rc = tm__windows_entry_open(self, k, i, found ? TM__CELL_WAS : TM__CELL_MADE, err);
        *fate = TM__ROW_USED;
    } while (rc == 0 && next_span(self, time, &span));
    if (rc == 0)
        rc = tm__windows_entry_ask(self, k, row, err);
    if (rc == 0)
        rc = tm__windows_entry_add(self, k, row, err);
    if (rc == 1) {
        *fate = TM__ROW_FAILED;
        return tm__windows_entry_undo(self, k, err);
    }
    if (rc == 0)
        rc = tm__windows_entry_keep(self, err);
    return rc == 0 ? tm__windows_entry_act(self, k, row, time, err) : rc;
}

static bool is_behind(const struct tm__windows *self, int64_t time)
{
    return self->by_event && time + self->lateness <= self->key_watermark; // within 2^54
}

static int place_in_all(struct tm__windows *self, struct tm__windows_key *k,
                        const struct tm_row *row, int64_t time, enum tm__windows_fate *fate,
                        struct tm_error *err)
{
    struct span span;
    if (!first_span(self, time, &span)) { // in no window, and late all the same (SEMANTICS 2)
        *fate = is_behind(self, time) ? TM__ROW_LATE : TM__ROW_GAP;
        return 0;
    }
    int rc = ask_all(self, k, row, time, err);
    *fate = rc == 1 ? TM__ROW_FAILED : TM__ROW_LATE;
    if (rc != 0)
        return rc == 1 ? 0 : rc;
    if (tm__windows_is_asked(self))
        return enter_all(self, k, row, time, span, fate, err);
    do {
        uint32_t i;
        if (is_late(self, span.end))
            continue;
        bool found;
        if ((rc = find_or_insert(self, k, &span, &i, &found, err)) != 0)
            return rc;
        rc = tm__windows_enter(self, k, i, !found, row, time, err);
        if (rc != 0) {
            TM_CHECK(rc != 1); // all have been asked
            return rc;
        }
        *fate = TM__ROW_USED;
    } while (next_span(self, time, &span));
    return 0;
}

int tm__windows_place(struct tm__windows *self, struct tm__windows_key *k, const struct tm_row *row,
                      int64_t time, enum tm__windows_fate *fate, struct tm_error *err)
{
    if (self->kind == TM_WINDOW_SESSION)
        return tm__windows_place_session(self, k, row, time, fate, err);
    if (self->kind == TM_WINDOW_COUNT)
        return tm__windows_place_count(self, k, row, fate, err);
    return place_in_all(self, k, row, time, fate, err);
}
