// Two stacks per key. A window is a queue of slices: new ones come at its end, old ones leave at
// its begin. Some accumulators can only be added to (an extreme, a sketch, a sum of doubles, whose
// digits would cancel), so what leaves is not subtracted. Instead the older cells of a key are its
// *front*: each has a suffix, the sum of itself and of all cells of the front behind it. The others
// are the *back*, which has one sum. The result is the first suffix and the back. A slice that
// enters is added to the back. One that leaves takes its suffix along. When it was of the back, the
// front being used up, the cells that remain become a new front. So each cell is added twice in its
// life, however many windows it is in; and a key of which nothing enters or leaves is not touched.
//
//     cells   [first ...                            first + count)
//              <--- flipped: a suffix each --><------- back ------>
//
// Accumulators that can become large have suffixes in a few places only; between them a result
// takes the cells one by one. What cannot be summed (an overflow of the back, say) spoils the key
// until the next front is made: its results are made from the cells alone, the oldest first, sums
// that are checked in an order in which only a sum of all that is out of range goes out.
#include "core/operator/accumulator.h"
#include "core/operator/running_record.h"

enum { CELLS_MIN = 2, SUFFIXES_MAX = 8 };

static int no_memory(const running_t *self, struct tm_error *err)
{
    return tm__operator_out_of_memory(self->op, err);
}

static struct tm__operator_home home_of(const running_t *self, uint32_t key_group)
{
    return (struct tm__operator_home){self->state, self->ns, key_group};
}

// --- accumulators --------------------------------------------------------------------------------

// Merges that were gathered for custom aggregates: before what they made is copied.
static int flush(const running_t *self, struct tm_error *err)
{
    return self->custom == NULL ? 0 : tm__operator_custom_flush(self->custom, err);
}

static void set_homes(const running_t *self, const struct tm__operator_home *into,
                      const struct tm__operator_home *from)
{
    if (self->custom == NULL)
        return;
    self->custom->into = *into;
    self->custom->from = *from;
}

// How merging ended. An overflow spoils the sum.
static inline int merged(const running_t *self, int rc,
                         const struct tm__operator_aggregate *culprit, uint64_t *spoilt,
                         struct tm_error *err)
{
    if (rc == TM_E_OVERFLOW) {
        *spoilt = 1 + (uint64_t)(culprit - self->aggregates->items);
        return 0;
    }
    return rc == 0 ? 0 : no_memory(self, err);
}

// `from` (later), of the same key group of `source`, into `to` (earlier). *spoilt: it could not be
// done, then or before. Custom aggregates: `source` is self->state.
static inline int merge_from(const running_t *self, uint32_t key_group, void *to,
                             struct tm_state *source, const void *from, uint64_t *spoilt,
                             struct tm_error *err)
{
    if (TM_UNLIKELY(*spoilt != 0))
        return 0;
    if (TM_LIKELY(self->simple)) {
        merge_simple(self->aggregates, to, from);
        return 0;
    }
    if (self->custom != NULL) {
        // A new one takes in at once what the other may still wait for.
        int rc = tm__operator_custom_is_new(to) ? flush(self, err) : 0;
        return rc != 0 ? rc : tm__operator_custom_merge(self->custom, to, from, spoilt, err);
    }
    const struct tm__operator_aggregate *culprit;
    struct tm__operator_home home = home_of(self, key_group), from_home = {source, NULL, key_group};
    int rc = tm__operator_aggregates_merge(self->aggregates, &home, to, &from_home, from, &culprit);
    return merged(self, rc, culprit, spoilt, err);
}

static inline int merge(const running_t *self, uint32_t key_group, void *to, const void *from,
                        uint64_t *spoilt, struct tm_error *err)
{
    return merge_from(self, key_group, to, self->state, from, spoilt, err);
}

// A count and a sum are most common.
static inline void copy_bytes(const running_t *self, void *to, const void *from)
{
    if (TM_LIKELY(self->value_bytes == 16))
        memcpy(to, from, 16);
    else
        memcpy(to, from, self->value_bytes);
}

// Into one that is released.
static inline int copy(const running_t *self, uint32_t key_group, void *to, struct tm_state *source,
                       const void *from, struct tm_error *err)
{
    if (TM_LIKELY(!self->owns_blobs)) {
        copy_bytes(self, to, from);
        return 0;
    }
    struct tm__operator_home into = home_of(self, key_group), out_of = {source, NULL, key_group};
    if (self->custom != NULL) {
        set_homes(self, &into, &out_of);
        uint64_t spoilt = 0; // copying does not fail
        int rc = tm__operator_custom_merge(self->custom, to, from, &spoilt, err);
        set_homes(self, &into, &into);
        return rc;
    }
    const struct tm__operator_aggregate *culprit;
    int rc = tm__operator_aggregates_merge(self->aggregates, &into, to, &out_of, from, &culprit);
    return rc == 0 ? 0 : no_memory(self, err);
}

// Gives back its blobs, if it has any: then it is all zero.
static inline int release(const running_t *self, uint32_t key_group, void *value)
{
    if (TM_LIKELY(!self->owns_blobs))
        return 0;
    struct tm__operator_home home = home_of(self, key_group);
    int rc = tm__operator_aggregates_release(self->aggregates, &home, value);
    if (rc == 0)
        memset(value, 0, self->value_bytes);
    return rc;
}

// --- cells ---------------------------------------------------------------------------------------

static struct past *edit_past(const running_t *self, uint32_t key_group, const struct tm_blob *past)
{
    return tm_state_blob_edit(self->state, key_group, past);
}

static int release_cell(const running_t *self, uint32_t key_group, struct past *past, uint32_t i)
{
    if (!self->owns_blobs)
        return 0;
    struct cell *cell = cell_at(self, past, i);
    int rc = release(self, key_group, cell->value);
    return rc == 0 && has_suffix(past, i) ? release(self, key_group, suffix_of(self, cell)) : rc;
}

// The front ends to be one.
static int unflip(const running_t *self, uint32_t key_group, struct past *past)
{
    int rc = 0;
    for (uint32_t i = 0; self->owns_blobs && i < past->flipped && rc == 0; i++)
        if (has_suffix(past, i))
            rc = release(self, key_group, suffix_of(self, cell_at(self, past, i)));
    past->flipped = 0;
    return rc;
}

// Room for one more cell. NULL: out of memory.
static struct past *make_room(const running_t *self, uint32_t key_group, struct record *record)
{
    struct past *past = NULL;
    uint32_t capacity = 0;
    if (record->past.length != 0) {
        past = edit_past(self, key_group, &record->past);
        if (past == NULL || past->first + past->count < past->capacity)
            return past;
        capacity = past->capacity;
        if (past->first >= (capacity + 1) / 2) {
            struct cell *first = cell_at(self, past, 0);
            past->first = 0;
            memmove(cell_at(self, past, 0), first, (size_t)past->count * self->cell_bytes);
            if (self->owns_blobs) // nothing refers to blobs twice
                memset(cell_at(self, past, past->count), 0,
                       (size_t)(capacity - past->count) * self->cell_bytes);
            return past;
        }
    }
    uint32_t larger = capacity == 0 ? CELLS_MIN : 2 * capacity;
    if (larger > (INT32_MAX - past_bytes(self, 0)) / self->cell_bytes)
        return NULL;
    past = tm_state_blob_extend(self->state, self->ns, key_group, &record->past,
                                past_bytes(self, larger));
    if (past != NULL)
        past->capacity = larger;
    return past;
}

// A cell for the slice, in the order of slices and behind those of the same, with no value yet. It
// may move others.
static struct cell *insert_cell(const running_t *self, struct past *past, int64_t slice)
{
    uint32_t i = past->count++;
    for (; i > 0 && cell_at(self, past, i - 1)->slice > slice; i--)
        memcpy(cell_at(self, past, i), cell_at(self, past, i - 1), self->cell_bytes);
    struct cell *cell = cell_at(self, past, i);
    memset(cell, 0, self->cell_bytes);
    cell->slice = slice;
    return cell;
}

// The record with cells, and room for one more. NULL: out of memory.
static struct past *open_past(const running_t *self, uint32_t key_group, struct record *record,
                              struct tm_error *err)
{
    bool first = record->past.length == 0;
    struct past *past = make_room(self, key_group, record);
    if (past == NULL) {
        (void)no_memory(self, err);
        return NULL;
    }
    if (!first)
        return past;
    struct cell *cell = insert_cell(self, past, record->newest);
    copy_bytes(self, cell->value, record->value); // its blobs too
    if (self->owns_blobs)
        memset(record->value, 0, self->value_bytes);
    if (self->keeps_all)
        return past;
    return copy(self, key_group, past->values, self->state, cell->value, err) == 0 ? past : NULL;
}

// --- entering ------------------------------------------------------------------------------------

// A record that no window needs becomes as new.
static int reset(const running_t *self, uint32_t key_group, struct record *record)
{
    int rc = release(self, key_group, record->value);
    if (self->grows) {
        record->spoilt = 0;
        return rc;
    }
    if (rc != 0 || record->past.length == 0)
        return rc;
    struct past *past = edit_past(self, key_group, &record->past);
    if (past == NULL)
        return TM_E_MEMORY;
    for (uint32_t i = 0; i < past->count && rc == 0; i++)
        rc = release_cell(self, key_group, past, i);
    if (rc == 0)
        rc = release(self, key_group, past->values);
    return rc != 0 ? rc : tm_state_blob_set(self->state, self->ns, key_group, &record->past, "", 0);
}

// A slice that the key is not in, or the newest (which rows came to when it had entered).
static int enter_newest(const running_t *self, uint32_t key_group, struct record *record,
                        int64_t slice, struct tm_state *slices, const void *from,
                        struct tm_error *err)
{
    struct past *past = open_past(self, key_group, record, err);
    if (past == NULL)
        return err->code;
    struct cell *cell = cell_at(self, past, past->count++);
    cell->slice = record->newest = slice;
    record->leaves_at = LOOK;
    if (self->owns_blobs)
        memset(cell->value, 0, 2 * (size_t)self->value_bytes);
    int rc = copy(self, key_group, cell->value, slices, from, err);
    if (rc != 0 || self->keeps_all)
        return rc;
    if (past->flipped == past->count - 1) // the back's first
        return copy(self, key_group, past->values, self->state, cell->value, err);
    return merge(self, key_group, past->values, cell->value, &past->spoilt, err);
}

// Rows that came when their slice had entered are a cell of their own between the others.
static int enter_between(const running_t *self, uint32_t key_group, struct record *record,
                         int64_t slice, struct tm_state *slices, const void *from,
                         struct tm_error *err)
{
    struct past *past = open_past(self, key_group, record, err);
    if (past == NULL)
        return err->code;
    if (unflip(self, key_group, past) != 0)
        return no_memory(self, err);
    past->stale = 1;
    record->leaves_at = LOOK;
    return copy(self, key_group, insert_cell(self, past, slice)->value, slices, from, err);
}

static inline int enter(const running_t *self, uint32_t key_group, struct record *record,
                        bool created, int64_t slice, int64_t start, struct tm_state *slices,
                        const void *from, struct tm_error *err)
{
    if (!created && record->newest < start) {
        created = true;
        if (reset(self, key_group, record) != 0)
            return no_memory(self, err);
    }
    if (created) {
        record->newest = record->leaves_at = slice;
        return copy(self, key_group, record->value, slices, from, err);
    }
    if (self->grows) {
        record->newest = slice > record->newest ? slice : record->newest;
        return merge_from(self, key_group, record->value, slices, from, &record->spoilt, err);
    }
    return slice >= record->newest
               ? enter_newest(self, key_group, record, slice, slices, from, err)
               : enter_between(self, key_group, record, slice, slices, from, err);
}

// Where these records' next cells go, on the way to the cache.
static void ask_for_pasts(const running_t *self, const uint32_t *key_groups, void *const *records,
                          const bool *created, uint32_t count)
{
    struct past *pasts[TM__RUNNING_LANES];
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct record *record = records[i];
        if (created[i] || record->past.length == 0)
            continue;
        pasts[n] =
            (struct past *)(uintptr_t)tm_state_blob_get(self->state, key_groups[i], &record->past);
        __builtin_prefetch(pasts[n], 1);
        n++;
    }
    for (uint32_t i = 0; i < n; i++) { // and what may leave, for the result comes soon
        __builtin_prefetch(cell_at(self, pasts[i], pasts[i]->count), 1);
        __builtin_prefetch(cell_at(self, pasts[i], 1));
    }
}

int tm__operator_running_enter(running_t *self, struct tm_state *slices, const uint32_t *key_groups,
                               int64_t slice, int64_t start, const struct tm_key *keys,
                               const void *const *from, uint32_t count, struct tm_error *err)
{
    void *records[TM__RUNNING_LANES];
    bool created[TM__RUNNING_LANES];
    if (tm_state_upsert_batch(self->state, self->ns, keys, count, records, created) != 0)
        return no_memory(self, err);
    struct tm__operator_home home = home_of(self, key_groups[0]);
    set_homes(self, &home, &home);
    if (self->custom != NULL)
        self->custom->quiet = true; // nobody has asked for this sum yet
    int rc = 0;
    if (!self->grows)
        ask_for_pasts(self, key_groups, records, created, count);
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = enter(self, key_groups[i], records[i], created[i], slice, start, slices, from[i], err);
    return rc == 0 ? flush(self, err) : rc;
}

// --- leaving -------------------------------------------------------------------------------------

// All cells become the front.
static int flip(const running_t *self, uint32_t key_group, struct past *past, struct tm_error *err)
{
    uint32_t count = past->count, stride = 1;
    if (count > self->suffixes_max)
        stride = (count + self->suffixes_max - 1) / self->suffixes_max;
    int rc = release(self, key_group, past->values) == 0 ? 0 : no_memory(self, err);
    past->spoilt = 0;
    past->stale = 0;
    past->stride = stride;
    past->flipped = count;
    for (uint32_t d = stride; d <= count && rc == 0; d += stride) {
        uint32_t i = count - d;
        uint8_t *suffix = suffix_of(self, cell_at(self, past, i));
        rc = copy(self, key_group, suffix, self->state, cell_at(self, past, i)->value, err);
        for (uint32_t k = i + 1; k < i + stride && rc == 0; k++)
            rc = merge(self, key_group, suffix, cell_at(self, past, k)->value, &past->spoilt, err);
        if (rc == 0 && d != stride)
            rc = merge(self, key_group, suffix, suffix_of(self, cell_at(self, past, i + stride)),
                       &past->spoilt, err);
    }
    return rc;
}

// Cells of slices before `start` leave. Some remain: the newest is not one of them.
static int leave(const running_t *self, uint32_t key_group, struct past *past, int64_t start,
                 struct tm_error *err)
{
    bool of_back = past->stale != 0;
    while (cell_at(self, past, 0)->slice < start) {
        if (release_cell(self, key_group, past, 0) != 0)
            return no_memory(self, err);
        past->first++;
        past->count--;
        of_back |= past->flipped == 0;
        past->flipped -= past->flipped != 0;
    }
    return of_back && !self->keeps_all ? flip(self, key_group, past, err) : 0;
}

// --- results -------------------------------------------------------------------------------------

static bool is_negative(const running_t *self, struct past *past, uint32_t number, uint32_t i)
{
    return tm__operator_aggregates_is_negative(self->aggregates, number,
                                               cell_at(self, past, i)->value);
}

// A checked sum of all cells; `sum` has the first. What there is so far takes in one of the other
// sign while there is one, which cannot go out of range. Then those that are left have one sign:
// what goes out does not come back.
static int sum_checked(const running_t *self, struct past *past, uint32_t number, uint8_t *sum,
                       const struct tm__operator_aggregate **culprit)
{
    uint32_t next[2] = {1, 1}; // of those that are not negative, and of those that are
    int rc = 0;
    for (uint32_t left = past->count - 1; left > 0 && rc == 0; left--) {
        bool sign = !tm__operator_aggregates_is_negative(self->aggregates, number, sum);
        for (int tries = 0; tries < 2; tries++) {
            while (next[sign] < past->count && is_negative(self, past, number, next[sign]) != sign)
                next[sign]++;
            if (next[sign] < past->count)
                break;
            sign = !sign;
        }
        rc = tm__operator_aggregates_merge_checked(
            self->aggregates, number, sum, cell_at(self, past, next[sign]++)->value, culprit);
    }
    return rc;
}

// The cells one by one, the oldest first.
static int sum_cells(const running_t *self, uint32_t key_group, struct past *past, uint8_t *sum,
                     uint64_t *spoilt, struct tm_error *err)
{
    const struct tm__operator_aggregates *aggregates = self->aggregates;
    const struct tm__operator_home home = home_of(self, key_group);
    const struct tm__operator_aggregate *culprit = aggregates->items;
    bool apart = self->custom == NULL && aggregates->failing != 0;
    int rc = copy(self, key_group, sum, self->state, cell_at(self, past, 0)->value, err);
    for (uint32_t i = 1; i < past->count && rc == 0 && !apart; i++)
        rc = merge(self, key_group, sum, cell_at(self, past, i)->value, spoilt, err);
    if (!apart || rc != 0)
        return rc;
    for (uint32_t i = 1; i < past->count && rc == 0; i++)
        rc = tm__operator_aggregates_merge_unchecked(aggregates, &home, sum, &home,
                                                     cell_at(self, past, i)->value, &culprit);
    for (uint32_t number = 0; number < aggregates->failing && rc == 0; number++)
        rc = sum_checked(self, past, number, sum, &culprit);
    return merged(self, rc, culprit, spoilt, err);
}

static int sum_stacks(const running_t *self, uint32_t key_group, struct past *past, uint8_t *sum,
                      uint64_t *spoilt, struct tm_error *err)
{
    int rc = 0;
    if (past->flipped == 0)
        return copy(self, key_group, sum, self->state, past->values, err);
    for (uint32_t i = 0; rc == 0 && i < past->flipped; i++) {
        struct cell *cell = cell_at(self, past, i);
        bool last = has_suffix(past, i);
        const uint8_t *from = last ? suffix_of(self, cell) : cell->value;
        rc = i == 0 ? copy(self, key_group, sum, self->state, from, err)
                    : merge(self, key_group, sum, from, spoilt, err);
        if (last)
            break;
    }
    if (rc != 0 || past->flipped == past->count)
        return rc;
    return merge(self, key_group, sum, past->values, spoilt, err);
}

void tm__operator_running_begin(running_t *self, uint32_t key_group, struct tm_state_cursor *cursor)
{
    self->seen = self->gone = 0;
    tm_state_iterate(self->state, self->ns, key_group, cursor);
}

// Records whose result is not up to date: first all that leaves them, then the results. Of custom
// aggregates failures of the second are told.
static int bring_up_to_date(const running_t *self, uint32_t key_group, int64_t start,
                            struct record *const *records, uint64_t *const *spoilt, uint32_t count,
                            struct tm_error *err)
{
    struct past *pasts[TM_STATE_SOME];
    struct tm__operator_home home = home_of(self, key_group);
    set_homes(self, &home, &home);
    if (self->custom != NULL)
        self->custom->quiet = true;
    for (uint32_t k = 0; k < count; k++) {
        pasts[k] = edit_past(self, key_group, &records[k]->past);
        if (pasts[k] == NULL)
            return no_memory(self, err);
        __builtin_prefetch(pasts[k], 1);
    }
    for (uint32_t k = 0; k < count; k++) { // what leaves, and the suffix that stays
        const char *oldest = (const char *)cell_at(self, pasts[k], 0);
        __builtin_prefetch(oldest, 1);
        __builtin_prefetch(oldest + self->cell_bytes, 1);
    }
    int rc = 0;
    for (uint32_t k = 0; k < count && rc == 0; k++)
        rc = leave(self, key_group, pasts[k], start, err);
    if (rc == 0)
        rc = flush(self, err);
    if (self->custom != NULL)
        self->custom->quiet = false;
    for (uint32_t k = 0; k < count && rc == 0; k++) {
        struct past *past = pasts[k];
        uint8_t *value = records[k]->value;
        if (release(self, key_group, value) != 0)
            return no_memory(self, err);
        if (past->spoilt != 0 || self->keeps_all) {
            rc = sum_cells(self, key_group, past, value, spoilt[k], err);
            continue;
        }
        rc = sum_stacks(self, key_group, past, value, spoilt[k], err);
        if (rc != 0 || *spoilt[k] == 0 || self->custom != NULL)
            continue;
        *spoilt[k] = 0; // on the way, or for good?
        if (release(self, key_group, value) != 0)
            return no_memory(self, err);
        rc = sum_cells(self, key_group, past, value, spoilt[k], err);
    }
    if (rc == 0)
        rc = flush(self, err);
    for (uint32_t k = 0; k < count && rc == 0; k++) // one that is spoilt is made for each window
        records[k]->leaves_at =
            pasts[k]->spoilt != 0 || *spoilt[k] != 0 ? LOOK : cell_at(self, pasts[k], 0)->slice;
    return rc;
}

int tm__operator_running_next(running_t *self, struct tm_state_cursor *cursor, int64_t start,
                              int64_t next_start, struct tm__operator_running_rows *rows,
                              struct tm_error *err)
{
    const void *records[TM_STATE_SOME];
    struct record *old[TM_STATE_SOME];
    uint64_t *spoilt[TM_STATE_SOME];
    uint32_t old_count = 0, count = 0;
    rows->taken = tm_state_next_some(cursor, rows->keys, records);
    if (cursor->code != 0)
        return no_memory(self, err);
    self->seen += rows->taken;
    for (uint32_t k = 0; k < rows->taken; k++) {
        const struct record *record = records[k];
        if (record->newest >= next_start)
            self->lasts = true;
        else
            self->gone++;
        if (TM_UNLIKELY(record->newest < start))
            continue;
        if (TM_UNLIKELY(count != k))
            rows->keys[count] = rows->keys[k];
        rows->record[count] = k;
        rows->values[count] = record->value;
        rows->spoilt[count] = self->grows ? record->spoilt : 0;
        if (record->leaves_at < start && !self->grows) {
            old[old_count] = tm_state_edit(cursor, rows->taken - k);
            if (old[old_count] == NULL)
                return no_memory(self, err);
            rows->values[count] = old[old_count]->value;
            spoilt[old_count++] = &rows->spoilt[count];
        }
        count++;
    }
    rows->count = count;
    return old_count == 0
               ? 0
               : bring_up_to_date(self, cursor->key_group, start, old, spoilt, old_count, err);
}

// --- what is gone --------------------------------------------------------------------------------

static int drop_group(running_t *self, uint32_t key_group, struct tm_error *err)
{
    return tm_state_group_drop(self->state, self->ns, key_group) == 0 ? 0 : no_memory(self, err);
}

// The key has blobs: they go first.
static int remove_key(const running_t *self, uint32_t key_group, const struct tm_key *key,
                      bool has_past)
{
    if (has_past || self->owns_blobs) {
        bool created;
        struct record *record = tm_state_upsert(self->state, self->ns, key, &created);
        if (record == NULL || reset(self, key_group, record) != 0)
            return TM_E_MEMORY;
    }
    return tm_state_remove(self->state, self->ns, key) < 0 ? TM_E_MEMORY : 0;
}

int tm__operator_running_end(running_t *self, uint32_t key_group, int64_t next_start,
                             struct tm_error *err)
{
    enum { SHARE = 4 };
    if (self->gone * SHARE < self->seen || self->gone == 0)
        return 0;
    if (self->gone == self->seen)
        return drop_group(self, key_group, err);
    struct tm_state_cursor cursor;
    struct tm_key keys[TM_STATE_SOME];
    const void *records[TM_STATE_SOME];
    uint32_t count;
    tm_state_iterate(self->state, self->ns, key_group, &cursor);
    while ((count = tm_state_next_some(&cursor, keys, records)) != 0) {
        uint32_t from = (uint32_t)keys[count - 1].hash, removed = 0;
        for (uint32_t k = 0; k < count; k++) {
            const struct record *record = records[k];
            if (record->newest >= next_start)
                continue;
            removed++;
            if (remove_key(self, key_group, &keys[k], !self->grows && record->past.length != 0) !=
                0)
                return no_memory(self, err);
        }
        if (removed != 0) // slots have moved; those that stay may come again
            tm_state_iterate_from(self->state, self->ns, key_group, from, &cursor);
    }
    return cursor.code == 0 ? 0 : no_memory(self, err);
}

// --- life ----------------------------------------------------------------------------------------

int tm__operator_running_open(running_t *self, struct tm_operator *op,
                              const struct tm__operator_aggregates *aggregates,
                              struct tm__operator_custom *custom, bool grows, struct tm_error *err)
{
    *self = (running_t){.op = op,
                        .aggregates = aggregates,
                        .custom = custom,
                        .grows = grows,
                        .suffixes_max = UINT32_MAX,
                        .value_bytes = aggregates->value_bytes};
    self->cell_bytes = (uint32_t)sizeof(struct cell) + 2 * self->value_bytes;
    self->owns_blobs = custom != NULL && custom->schema->has_references;
    self->simple = custom == NULL;
    for (uint32_t i = 0; i < aggregates->total; i++) {
        const struct tm__operator_aggregate *item = &aggregates->items[i];
        self->owns_blobs |= item->homed;
        self->keeps_all |= is_list(item);
        self->simple &= is_simple(item);
    }
    if (aggregates->weighty || (custom != NULL && self->owns_blobs))
        self->suffixes_max = SUFFIXES_MAX;
    int rc = tm__operator_state_new(op, (uint32_t)sizeof(struct record) + self->value_bytes,
                                    &self->state, err);
    if (rc != 0)
        return rc;
    self->ns = tm_state_namespace_create(self->state, 0);
    return self->ns == NULL ? no_memory(self, err) : 0;
}

void tm__operator_running_fini(running_t *self)
{
    tm__operator_layout_fini(&self->layout);
    tm_state_free(self->state);
}
