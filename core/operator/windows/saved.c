// The operator in checkpoints. Records go as they are, cells and all; what waits is made anew from
// them (wakes.c), but for timers of a custom trigger. A barrier comes behind what its watermark and
// the clock have caused: firings under way go on from what waits, in the same order.
#include "core/base/planted.h"
#include "core/operator/draws.h"
#include "core/operator/windows/windows.h"
#include "core/state/image.h"

#include <stdio.h>

// --- what records are ----------------------------------------------------------------------------

// Cells of other windows, or of another trigger, mean something else; and so do those that have
// become too large to lie in their record. What may change: a session's gap, lateness, how often or
// after how many rows a trigger fires.
static int put_windows(const struct tm__windows *self, struct tm_buf *text)
{
    static const char *const windows[] = {
        [TM_WINDOW_SLIDING] = "sliding windows", [TM_WINDOW_CUMULATE] = "cumulating windows",
        [TM_WINDOW_SESSION] = "sessions",        [TM_WINDOW_GLOBAL] = "one window",
        [TM_WINDOW_COUNT] = "windows of rows",
    };
    static const char *const triggers[] = {
        [TM_TRIGGER_DEFAULT] = "default",
        [TM_TRIGGER_EVENT_TIME] = "event time",
        [TM_TRIGGER_PROCESSING_TIME] = "processing time",
        [TM_TRIGGER_CONTINUOUS_EVENT_TIME] = "continuous event time",
        [TM_TRIGGER_CONTINUOUS_PROCESSING_TIME] = "continuous processing time",
        [TM_TRIGGER_COUNT] = "count",
        [TM_TRIGGER_END_OF_STREAM] = "end of stream",
        [TM_TRIGGER_NEVER] = "never",
        [TM_TRIGGER_DELTA] = "delta",
        [TM_TRIGGER_CUSTOM] = "functions",
    };
    const bool sized = self->kind != TM_WINDOW_SESSION && self->kind != TM_WINDOW_GLOBAL;
    int rc = tm_buf_printf(text, "%s", windows[self->kind]);
    if (rc == 0 && sized)
        rc = tm_buf_printf(text, " of %lld every %lld from %lld", (long long)self->size,
                           (long long)self->slide, (long long)self->offset);
    if (rc == 0 && self->bounded)
        rc = tm_buf_printf(text, " by %s", self->by_event ? "event time" : "the clock");
    if (rc == 0)
        rc = tm_buf_printf(text, ", trigger %s%s", triggers[self->trigger.kind],
                           self->trigger.timeout_ms != 0 ? " with a timeout" : "");
    return rc == 0 && !self->keeps_alone ? tm_buf_printf(text, ", large") : rc;
}

// What a trigger of the job remembers, each value under the name of its state.
static void add_states(const struct tm__windows *self, const struct tm_layout_field *place,
                       uint32_t at, struct tm__operator_layout *layout)
{
    const struct tm_node *node = self->base.node;
    uint32_t offset = at + (uint32_t)sizeof(uint64_t);
    for (uint32_t i = 0; self->asked != NULL && i < node->state_count; i++) {
        const struct tm_type type = node->states[i].type;
        struct tm_layout_field field = *place;
        char name[TM_NAME_MAX + 1];
        field.kind = tm_type_is_reference(type) ? TM_LAYOUT_BLOB : TM_LAYOUT_BYTES;
        field.offset = offset;
        field.bytes = tm_type_slot_bytes(type);
        field.present_at = at;
        field.present_bit = i;
        snprintf(name, sizeof name, "$trigger.%s", node->states[i].name);
        tm__operator_layout_add(layout, &field, name, "state", &type);
        offset += field.bytes;
    }
}

static void add_words(const struct tm__windows *self, const struct tm_layout_field *place,
                      uint32_t at, struct tm__operator_layout *layout)
{
    static const char *const names[TM__WORDS] = {
        "$wakes", "$wakes by the clock", "$next", "$timeout", "$count", "$last"};
    for (int word = 0; word < TM__WORDS; word++) {
        struct tm_layout_field field = *place;
        if (self->word_at[word] == TM__NO_WORD)
            continue;
        field.kind = word == TM__WORD_LAST ? TM_LAYOUT_BLOB : TM_LAYOUT_BYTES;
        field.offset = at + self->word_at[word] * (uint32_t)sizeof(int64_t);
        field.bytes = sizeof(int64_t);
        tm__operator_layout_add(layout, &field, names[word], "", NULL);
    }
}

// A cell that begins at `at`.
static void add_cell(const struct tm__windows *self, const struct tm_layout_field *place,
                     uint32_t at, struct tm__operator_layout *layout)
{
    const struct tm_schema *input = self->keys.reader.schema;
    const struct tm_type rows = {.kind = TM_TYPE_STRUCT,
                                 .of = (struct tm_schema *)(uintptr_t)input};
    const uint32_t head = sizeof(struct tm__windows_cell);
    struct tm_layout_field field = *place;
    field.offset = at;
    field.bytes = head;
    tm__operator_layout_add(layout, &field, "$window", "", NULL);
    add_words(self, place, at + head, layout);
    add_states(self, place, at + self->record_at, layout);
    if (!tm__windows_buffers(self)) {
        tm__operator_aggregates_layout(&self->aggregates, input, "", place, at + self->contents_at,
                                       layout);
        return;
    }
    field.kind = TM_LAYOUT_BLOB;
    field.offset = at + self->contents_at;
    field.bytes = sizeof(struct tm_blob);
    tm__operator_layout_add(layout, &field, "$rows",
                            self->buffered.ordered ? "rows by arrival" : "rows", &rows);
    field.kind = TM_LAYOUT_BYTES;
    field.offset += field.bytes;
    field.bytes = TM__LIST_VALUE_BYTES - field.bytes;
    tm__operator_layout_add(layout, &field, "$rows, count", "", NULL);
}

static void add_fields(struct tm__windows *self, const char *text)
{
    const uint32_t head = sizeof(struct tm__windows_record);
    struct tm__operator_layout *layout = &self->layout;
    struct tm_layout_field field = tm__operator_in_value;
    tm__operator_layout_begin(layout, self->mem, head + (self->keeps_alone ? self->cell_bytes : 0));
    tm__operator_layout_say_key(layout, &self->base);
    tm__operator_layout_say(layout, "$windows", text);
    field.offset = offsetof(struct tm__windows_record, total);
    field.bytes = head - field.offset;
    tm__operator_layout_add(layout, &field, "$rows of the key", "", NULL);
    if (self->keeps_alone)
        add_cell(self, &tm__operator_in_value, head, layout);
    field = tm__operator_in_value;
    field.kind = TM_LAYOUT_ITEMS;
    field.offset = offsetof(struct tm__windows_record, cells);
    field.bytes = sizeof(struct tm_blob);
    field.value_bytes = self->cell_bytes;
    tm__operator_layout_add(layout, &field, "$cells", "", NULL);
    field = tm__operator_in_value;
    field.inside = layout->layout.field_count;
    add_cell(self, &field, 0, layout);
}

static int lay_out(struct tm__windows *self, struct tm_error *err)
{
    struct tm_buf text;
    if (tm__operator_layout_is_made(&self->layout))
        return 0;
    tm_buf_init(&text, self->mem);
    int rc = put_windows(self, &text);
    if (rc == 0)
        add_fields(self, (const char *)text.data);
    tm_buf_fini(&text);
    if (rc == 0)
        rc = tm__operator_layout_end(&self->layout);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

// --- going ---------------------------------------------------------------------------------------

enum { WATERMARK, NOW_MS, LAST_PROCESSING, ARRIVALS, WORDS = TM__WINDOWS_WORDS };

// Functions that draw random numbers, each from a stream of its own.
enum { STREAMS = TM__CUSTOM_CHUNKS + TM__ASKED_CHUNKS + 2 };
static void find_streams(const struct tm__windows *self, struct tm_vm_chain *chunks[STREAMS])
{
    tm__operator_custom_chunks(self->custom, chunks);
    tm__windows_asked_chunks(self->asked, chunks + TM__CUSTOM_CHUNKS);
    chunks[STREAMS - 2] = tm__windows_pairs_chunk(self->trigger_delta);
    chunks[STREAMS - 1] = tm__windows_pairs_chunk(self->evictor_delta);
}

// A clock that has run ahead to the end of the input is nobody else's.
int tm__windows_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    struct tm__windows *self = (struct tm__windows *)op;
    if (self->ns == NULL)
        return 0;
    if (tm__windows_is_unsettled(self) && tm__windows_settle(self) != 0)
        return tm__operator_out_of_memory(op, err);
    const int64_t words[WORDS] = {self->watermark, self->flushing ? INT64_MIN : self->now_ms,
                                  self->flushing ? INT64_MIN : self->last_processing,
                                  (int64_t)self->aggregates.arrivals};
    int rc = lay_out(self, err);
    if (rc == 0)
        rc = tm__operator_cut_state(op, cut, "windows", self->state, &self->layout, err);
    if (rc == 0 && self->timers != NULL) {
        struct tm_snapshot *timers = tm_timers_freeze_pages(self->timers);
        if (timers == NULL || tm_cut_timers(cut, op->node->name, "trigger timers", timers) != 0)
            rc = tm__operator_out_of_memory(op, err);
    }
    if (rc == 0)
        rc = tm__operator_cut_words(op, cut, "window time", words, WORDS, err);
    struct tm_vm_chain *chunks[STREAMS];
    find_streams(self, chunks);
    return rc == 0 ? tm__operator_streams_snapshot(op, chunks, STREAMS, cut, "window streams", err)
                   : rc;
}

// --- coming back ---------------------------------------------------------------------------------

static int take_words(void *arg, const struct tm__operator_old *old, struct tm_error *err)
{
    struct tm__windows *self = arg;
    const int64_t *words = old->words;
    uint64_t arrivals = (uint64_t)words[old->count - 1];
    tm__operator_reached_note(&self->reached, &self->base, old, words[WATERMARK]);
    if (arrivals > self->aggregates.arrivals)
        self->aggregates.arrivals = arrivals;
    if (old->count != WORDS) // windows of slices have no clock
        return 0;
    if (words[NOW_MS] != INT64_MIN && (words[NOW_MS] > TM_INT_MAX || words[NOW_MS] < -TM_INT_MAX))
        return tm__operator_damaged(&self->base, "window time", err, "the clock shows %lld ms",
                                    (long long)words[NOW_MS]);
    if (words[NOW_MS] > self->now_ms)
        self->now_ms = words[NOW_MS];
    if (words[LAST_PROCESSING] > self->last_processing)
        self->last_processing = words[LAST_PROCESSING];
    return 0;
}

// A timer of a custom trigger is named as its window.
static bool is_named(void *arg, const struct tm_timer *timer)
{
    bool *good = arg;
    *good = timer->name_length == 2 * sizeof(uint64_t);
    return *good;
}

static int restore_timers(struct tm__windows *self, const struct tm_restored *restored,
                          struct tm_error *err)
{
    uint32_t first, last;
    int rc =
        tm_restored_timers(restored, self->base.node->name, "trigger timers", self->timers, err);
    tm__operator_key_groups(&self->base, &first, &last);
    for (uint32_t group = first; group <= last && rc == 0; group++)
        for (int domain = 0; domain < TM_TIMER_DOMAINS; domain++) {
            bool good = true;
            tm_timers_walk(self->timers, (enum tm_timer_domain)domain, group, is_named, &good);
            if (!good)
                return tm__operator_damaged(&self->base, "trigger timers", err,
                                            "one is of no window");
        }
    return rc;
}

static const char *take_record(void *arg, struct tm__operator_seen *seen, const void *value)
{
    if (TM_PLANTED(row_counts_not_restored))
        ((struct tm__windows_record *)(uintptr_t)value)->total = 0;
    return tm__windows_wrong(arg, seen, value);
}

int tm__windows_restore(struct tm_operator *op, const struct tm_restored *restored,
                        struct tm_error *err)
{
    struct tm__windows *self = (struct tm__windows *)op;
    uint32_t first, last;
    int rc = lay_out(self, err);
    if (rc == 0)
        rc = tm__operator_reached_begin(&self->reached, op, err);
    if (rc == 0)
        rc = tm__operator_refuse_windows(op, restored, "slices", &self->layout, self->state, err);
    if (rc == 0)
        rc = tm__operator_restore_words_of(op, restored, "window time", WORDS,
                                           TM__WINDOW_SLICES_WORDS, take_words, self, err);
    if (rc != 0)
        return rc;
    tm__operator_reached_end(&self->reached);
    self->watermark = self->key_watermark = self->reached.least;
    rc = tm__operator_restore_state(op, restored, "windows", &self->layout, self->state,
                                    &self->keys.reader, take_record, self, err);
    if (rc != 0)
        return rc;
    struct tm_vm_chain *chunks[STREAMS];
    find_streams(self, chunks);
    rc = tm__operator_streams_restore(op, chunks, STREAMS, restored, "window streams", err);
    if (rc != 0)
        return rc;
    tm__operator_key_groups(op, &first, &last);
    if (self->asked != NULL) {
        tm__windows_asked_set_clock(self, self->now_ms);
        return restore_timers(self, restored, err);
    }
    rc = TM_PLANTED(windows_not_woken) ? 0 : tm__windows_wakes_enter(self, first, last);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}
