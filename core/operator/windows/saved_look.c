// Windows that came from a checkpoint, looked at before they are worked on: whatever is in them,
// nothing is read that is not there, and no time is out of what can be reckoned with.
#include "core/batch/wire.h"
#include "core/operator/window_time.h"
#include "core/operator/windows/windows.h"

#define TIME_MAX ((int64_t)1 << 55)

static bool is_time(int64_t time)
{
    return time <= TIME_MAX && time >= -TIME_MAX;
}

static bool has_word(const struct tm__windows *self, enum tm__windows_word word)
{
    return self->word_at[word] != TM__NO_WORD;
}

static const char *wrong_bounds(const struct tm__windows *self, const struct tm__windows_cell *cell)
{
    bool good = cell->start == INT64_MIN && cell->end == INT64_MAX;
    if (self->bounded)
        good = is_time(cell->start) && is_time(cell->end) && cell->start < cell->end;
    else if (self->kind == TM_WINDOW_COUNT)
        good = cell->start >= 0 && cell->end == cell->start &&
               cell->start <= TM_INT_MAX / tm__operator_gcd(self->size, self->slide);
    return good ? NULL : "a window from nowhere to nowhere";
}

// A flag that speaks of a word means that there is one.
static const char *wrong_flags(const struct tm__windows *self, const struct tm__windows_cell *cell)
{
    const uint32_t known = 2 * TM__CELL_NO_LAST - 1, flags = cell->flags;
    bool good = (flags & ~known) == 0;
    if (self->asked == NULL)
        good =
            good && ((flags & TM__CELL_WAKES) == 0 || has_word(self, TM__WORD_WAKE)) &&
            ((flags & TM__CELL_WAKES_PROCESSING) == 0 || has_word(self, TM__WORD_WAKE_PROCESSING));
    good = good && ((flags & TM__CELL_HAS_NEXT) == 0 || has_word(self, TM__WORD_NEXT)) &&
           ((flags & (TM__CELL_HAS_TIMEOUT | TM__CELL_TIMEOUT_ARMED)) == 0 ||
            has_word(self, TM__WORD_TIMEOUT));
    bool told = cell->spoilt == 0 || (flags & TM__CELL_TOLD) != 0; // or there is who to blame
    return good && (told || (cell->spoilt != UINT32_MAX && self->aggregates.total != 0))
               ? NULL
               : "a window that remembers what it cannot";
}

static const char *wrong_words(const struct tm__windows *self, struct tm__operator_seen *seen,
                               const struct tm__windows_cell *cell)
{
    if (has_word(self, TM__WORD_NEXT)) {
        int64_t next = cell->words[self->word_at[TM__WORD_NEXT]];
        bool early = self->bounded && self->by_event && next < cell->start - self->trigger.value;
        bool used = (cell->flags & TM__CELL_HAS_NEXT) != 0;
        if (used && ((!is_time(next) && next != INT64_MAX) || early))
            return "a window that fires at no time";
    }
    if (has_word(self, TM__WORD_COUNT)) {
        int64_t count = cell->words[self->word_at[TM__WORD_COUNT]];
        if (count < 0 || count > TM_INT_MAX)
            return "a window of a wrong number of rows";
    }
    if (!has_word(self, TM__WORD_LAST))
        return NULL;
    const struct tm_blob *last = (const void *)&cell->words[self->word_at[TM__WORD_LAST]];
    if (last->length != 0)
        return tm__operator_row_wrong(seen, self->keys.reader.schema, last);
    return tm__operator_seen_blob(seen, last) == NULL ? "a row that is nowhere" : NULL;
}

// What a custom trigger remembers: values in the order of its states, which are of fixed places.
static const char *wrong_states(const struct tm__windows *self, struct tm__operator_seen *seen,
                                const struct tm__windows_cell *cell)
{
    const uint8_t *record = (const uint8_t *)cell + self->record_at, *at = record;
    const struct tm_node *node = self->base.node;
    uint64_t there;
    if (self->asked == NULL)
        return NULL;
    memcpy(&there, at, sizeof there);
    at += sizeof there;
    if (node->state_count < 64 && there >> node->state_count != 0)
        return "a trigger that remembers what it has no state for";
    for (uint32_t bit = 0; bit < node->state_count; bit++) {
        const struct tm_type type = node->states[bit].type;
        const struct tm_field field = {.name = node->states[bit].name, .type = type};
        const char *wrong = NULL;
        if ((there >> bit & 1) == 0)
            wrong = NULL;
        else if (tm_type_is_reference(type))
            wrong = tm__operator_bytes_wrong(seen, &field, (const void *)at);
        else if (tm_wire_check_value(&field, at, tm_type_slot_bytes(type), &seen->why) != 0)
            wrong = seen->why.message;
        if (wrong != NULL)
            return wrong;
        at += tm_type_slot_bytes(type);
    }
    return NULL;
}

static const char *wrong_cell(const struct tm__windows *self, struct tm__operator_seen *seen,
                              const struct tm__windows_cell *cell)
{
    const uint8_t *contents = (const uint8_t *)cell + self->contents_at;
    const char *wrong = wrong_bounds(self, cell);
    if (wrong == NULL)
        wrong = wrong_flags(self, cell);
    if (wrong == NULL)
        wrong = wrong_words(self, seen, cell);
    if (wrong == NULL)
        wrong = wrong_states(self, seen, cell);
    if (wrong != NULL)
        return wrong;
    return tm__windows_buffers(self)
               ? tm__operator_list_wrong(&self->buffered, NULL, seen, contents)
               : tm__operator_aggregates_wrong(&self->aggregates, self->keys.reader.schema, seen,
                                               contents);
}

const char *tm__windows_wrong(void *arg, struct tm__operator_seen *seen, const void *value)
{
    const struct tm__windows *self = arg;
    const struct tm__windows_record *record = value;
    const uint8_t *cells = tm__operator_seen_blob(seen, &record->cells);
    uint32_t length = record->cells.length;
    if (cells == NULL || record->alone > 1 || record->total > (uint64_t)TM_INT_MAX ||
        length % self->cell_bytes != 0 ||
        (record->alone != 0 && (length != 0 || !self->keeps_alone)))
        return "windows that are nowhere";
    if (record->alone != 0) {
        cells = record->cell;
        length = self->cell_bytes;
    }
    for (uint32_t at = 0; at < length; at += self->cell_bytes) {
        const char *wrong = wrong_cell(self, seen, (const void *)(cells + at));
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}
