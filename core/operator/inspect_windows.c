// What can be seen of windows: which of a key are open, what each of them holds and what its
// trigger remembers, when they wake. Windows that overlap and fire once are made of slices that
// they share: of those that no window has reached yet each is shown by itself, and what has been
// reached as what the last window that fired held.
#include "core/operator/looking.h"
#include "core/operator/running_record.h"
#include "core/operator/window.h"
#include "core/operator/windows/windows.h"
#include "core/task/inspect.h"

// --- results -------------------------------------------------------------------------------------

// Columns as states: hidden ones are the engine's, but for the rows that a function is given.
static const char *column_name(const struct tm_field *field)
{
    if (strcmp(field->name, TM_INSPECTED_ROWS) == 0)
        return &TM_INSPECTED_ROWS[1];
    return (field->flags & TM_FIELD_HIDDEN) != 0 ? NULL : field->name;
}

static void see_columns(const struct tm_schema *schema, uint32_t first, const struct tm_row *row,
                        const struct tm_inspector *inspector)
{
    for (uint32_t i = first; i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        const char *name = column_name(field);
        struct tm_slot slot = tm_row_is_null(row, i) ? (struct tm_slot){NULL, NULL}
                                                     : tm_slot_of_row(row, field->offset);
        if (name != NULL && inspector->value != NULL)
            inspector->value(inspector->arg, name, field->type, slot);
    }
}

int tm__operator_see_result(const struct tm__operator_result *result, const struct tm_operator *op,
                            const struct tm__operator_result_row *row,
                            const struct tm_inspector *inspector)
{
    const struct tm__operator_aggregate *culprit;
    if (inspector->value == NULL)
        return 0;
    struct tm_batch *batch = tm_batch_acquire(op->ctx->pool, result->schema);
    if (batch == NULL)
        return TM_E_MEMORY;
    int rc = tm__operator_result_append(result, batch, row, &culprit);
    if (rc == 0)
        see_columns(result->schema, op->node->key.count + (result->window ? 2 : 0),
                    tm_batch_first(batch), inspector);
    tm_batch_release_local(batch);
    return rc == TM_E_MEMORY ? rc : 0;
}

void tm__operator_see_row(const struct tm_inspector *inspector, const char *state,
                          const struct tm_schema *schema, const struct tm_row *row, bool is_item)
{
    struct tm_ref ref = {.offset = 0, .length = row->size_bytes};
    const struct tm_type type = {.kind = TM_TYPE_STRUCT,
                                 .of = (struct tm_schema *)(uintptr_t)schema};
    const struct tm_slot slot = {(const uint8_t *)row, (const uint8_t *)&ref};
    if (is_item && inspector->item != NULL)
        inspector->item(inspector->arg, state, type, slot);
    else if (!is_item && inspector->value != NULL)
        inspector->value(inspector->arg, state, type, slot);
}

// --- windows of every kind -----------------------------------------------------------------------

// The rows that its evictor chooses from.
static int see_buffered(const struct tm__windows *self, const struct tm__operator_home *home,
                        const struct tm__windows_cell *cell, const struct tm_inspector *inspector)
{
    struct tm_buf rows;
    tm_buf_init(&rows, self->mem);
    int rc = tm__operator_list_rows((struct tm__operator_aggregate *)(uintptr_t)&self->buffered,
                                    home, (const uint8_t *)cell + self->contents_at, &rows);
    for (size_t at = 0; rc == 0 && at < rows.size_bytes; at += sizeof(struct tm_row *)) {
        const struct tm_row *row;
        memcpy(&row, rows.data + at, sizeof row);
        tm__operator_see_row(inspector, &TM_INSPECTED_ROWS[1], self->buffered.rows, row, true);
    }
    tm_buf_fini(&rows);
    return rc == TM_E_OVERFLOW ? 0 : rc; // too many, whose firing will fail
}

static int see_cell(const struct tm__windows *self, const struct tm_key *key, uint32_t key_group,
                    const struct tm__windows_cell *cell, const struct tm_inspector *inspector)
{
    const struct tm__operator_home home = {self->state, self->ns, key_group};
    if ((cell->flags & TM__CELL_FILLED) == 0 || cell->spoilt != 0)
        return 0;
    if (tm__windows_buffers(self))
        return see_buffered(self, &home, cell, inspector);
    const void *value = (const uint8_t *)cell + self->contents_at;
    if (self->custom != NULL && tm__operator_custom_is_new(value))
        return 0; // all its rows failed
    const struct tm__operator_result_row row = {
        .key = key,
        .home = home,
        .value = value,
        .start = cell->start,
        .end = cell->end,
        .time = cell->end - 1,
        .has_time = self->bounded,
    };
    return tm__operator_see_result(&self->result, &self->base, &row, inspector);
}

static int each_window(struct tm_operator *op, const struct tm_key *key,
                       const struct tm_inspector *inspector, bool contents)
{
    const struct tm__windows *self = (const struct tm__windows *)op;
    uint32_t key_group;
    if (self->ns == NULL || !tm__operator_looks_at(self->state, key, &key_group))
        return 0;
    const struct tm__windows_record *record = tm_state_find(self->state, self->ns, key);
    if (record == NULL)
        return 0;
    bool alone = record->alone != 0;
    const uint8_t *cells =
        alone ? record->cell : tm_state_blob_get(self->state, key_group, &record->cells);
    uint32_t bytes = alone ? self->cell_bytes : record->cells.length;
    for (uint32_t at = 0; at < bytes; at += self->cell_bytes) {
        const struct tm__windows_cell *cell = (const void *)(cells + at);
        const struct tm_inspected_window window = {self->bounded, cell->start, cell->end, 0};
        // Windows of rows are a global one inside, which is there when one has been told and
        // purged.
        if (op->node->window == TM_WINDOW_COUNT && (cell->flags & TM__CELL_FILLED) == 0)
            continue;
        inspector->window(inspector->arg, &window);
        int rc =
            self->asked == NULL
                ? 0
                : tm__operator_see_record(op, tm__windows_asked_keyed(self->asked), TM__SCOPE_KEY,
                                          key_group, cells + at + self->record_at, inspector);
        if (rc == 0 && contents)
            rc = see_cell(self, key, key_group, cell, inspector);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int windows_windows(struct tm_operator *op, const struct tm_key *key,
                           const struct tm_inspector *inspector)
{
    return each_window(op, key, inspector, false);
}

static int windows_contents(struct tm_operator *op, const struct tm_key *key,
                            const struct tm_inspector *inspector)
{
    return each_window(op, key, inspector, true);
}

static int windows_keys(struct tm_operator *op, bool (*each)(void *arg, const struct tm_key *key),
                        void *arg)
{
    const struct tm__windows *self = (const struct tm__windows *)op;
    bool enough = false;
    return self->ns == NULL ? 0 : tm__operator_each_key(self->state, self->ns, each, arg, &enough);
}

// --- windows made of slices ----------------------------------------------------------------------

// Of windows that do not overlap, which have a slice each, in the order of their times.
static int slices_windows(struct tm_operator *op, const struct tm_key *key,
                          const struct tm_inspector *inspector)
{
    const struct tm__operator_window *self = (const struct tm__operator_window *)op;
    uint32_t key_group;
    if (self->state == NULL || !tm__operator_looks_at(self->state, key, &key_group))
        return 0;
    for (struct tm_namespace *slice = tm_state_namespace_first(self->state); slice != NULL;
         slice = tm_state_namespace_next(slice)) {
        int64_t start = tm_state_namespace_id(slice);
        const struct tm_inspected_window window = {true, start, start + self->size, 0};
        if (tm_state_find(self->state, slice, key) != NULL)
            inspector->window(inspector->arg, &window);
    }
    return 0;
}

static int see_slice(const struct tm__operator_window *self, struct tm_namespace *slice,
                     const struct tm_key *key, uint32_t key_group, const void *value,
                     const struct tm_inspector *inspector)
{
    int64_t start = tm_state_namespace_id(slice), end = start + self->slice_ms;
    uint8_t part = self->slice_ms == self->size ? 0 : TM_INSPECTED_SLICE;
    const struct tm_inspected_window window = {true, start, end, part};
    const struct tm__operator_result_row row = {
        .key = key,
        .home = {self->state, slice, key_group},
        .value = value,
        .start = start,
        .end = end,
        .time = end - 1,
        .has_time = true,
    };
    inspector->window(inspector->arg, &window);
    if (self->custom != NULL && tm__operator_custom_is_new(value))
        return 0;
    return tm__operator_see_result(&self->result, &self->base, &row, inspector);
}

static bool is_spoilt(const struct tm__operator_running *running, uint32_t key_group,
                      const struct record *record)
{
    if (running->grows)
        return record->spoilt != 0;
    if (record->past.length == 0)
        return false;
    const struct past *past = tm_state_blob_get(running->state, key_group, &record->past);
    return running->keeps_all || past->spoilt != 0; // a list is put together by its firing
}

// What the last window that fired held of the key, as far as it is at hand.
static int see_fired(const struct tm__operator_window *self, const struct tm_key *key,
                     uint32_t key_group, const struct tm_inspector *inspector)
{
    const struct tm__operator_running *running = &self->running;
    const struct tm_inspected_window window = {true, self->start, self->fired_end,
                                               TM_INSPECTED_FIRED};
    if (running->state == NULL || running->ns == NULL || self->firing ||
        self->start >= self->fired_end) // behind a checkpoint no window has fired yet
        return 0;
    const struct record *record = tm_state_find(running->state, running->ns, key);
    if (record == NULL || record->newest < self->start ||
        (!running->grows && record->leaves_at == LOOK) || is_spoilt(running, key_group, record))
        return 0;
    const struct tm__operator_result_row row = {
        .key = key,
        .home = {running->state, running->ns, key_group},
        .value = record->value,
        .start = self->start,
        .end = self->fired_end,
        .time = self->fired_end - 1,
        .has_time = true,
    };
    inspector->window(inspector->arg, &window);
    return tm__operator_see_result(&self->result, &self->base, &row, inspector);
}

static int slices_contents(struct tm_operator *op, const struct tm_key *key,
                           const struct tm_inspector *inspector)
{
    const struct tm__operator_window *self = (const struct tm__operator_window *)op;
    uint32_t key_group;
    if (self->state == NULL || !tm__operator_looks_at(self->state, key, &key_group))
        return 0;
    int rc = see_fired(self, key, key_group, inspector);
    for (struct tm_namespace *slice = tm_state_namespace_first(self->state);
         slice != NULL && rc == 0; slice = tm_state_namespace_next(slice)) {
        const void *value = tm_state_find(self->state, slice, key);
        if (value != NULL)
            rc = see_slice(self, slice, key, key_group, value, inspector);
    }
    return rc;
}

// A key that several slices have is given once, with the first.
struct slices_walk {
    const struct tm__operator_window *self;
    struct tm_namespace *slice; // NULL: what runs along
    bool (*each)(void *arg, const struct tm_key *key);
    void *arg;
};

static bool see_new_key(void *arg, const struct tm_key *key)
{
    const struct slices_walk *walk = arg;
    struct tm_state *state = walk->self->state;
    for (struct tm_namespace *slice = tm_state_namespace_first(state);
         slice != walk->slice && slice != NULL; slice = tm_state_namespace_next(slice))
        if (tm_state_find(state, slice, key) != NULL)
            return true;
    return walk->each(walk->arg, key);
}

static int slices_keys(struct tm_operator *op, bool (*each)(void *arg, const struct tm_key *key),
                       void *arg)
{
    const struct tm__operator_window *self = (const struct tm__operator_window *)op;
    struct slices_walk walk = {.self = self, .each = each, .arg = arg};
    const struct tm__operator_running *running = &self->running;
    bool enough = false;
    int rc = 0;
    if (self->state == NULL)
        return 0;
    for (walk.slice = tm_state_namespace_first(self->state);
         walk.slice != NULL && rc == 0 && !enough; walk.slice = tm_state_namespace_next(walk.slice))
        rc = tm__operator_each_key(self->state, walk.slice, see_new_key, &walk, &enough);
    walk.slice = NULL;
    if (rc == 0 && !enough && running->state != NULL && running->ns != NULL)
        rc = tm__operator_each_key(running->state, running->ns, see_new_key, &walk, &enough);
    return rc;
}

// --- timers --------------------------------------------------------------------------------------

struct wakes {
    const struct tm__windows *windows;
    const struct tm_inspector *inspector;
};

static int see_wakes(void *arg, const struct tm_key *key, const struct tm__windows_cell *cell)
{
    const struct wakes *wakes = arg;
    struct tm_timer timer = {.key = *key};
    for (int i = 0; i < TM_TIMER_DOMAINS; i++) {
        enum tm_timer_domain domain = (enum tm_timer_domain)i;
        if (tm__windows_wake_of(wakes->windows, cell, domain, &timer.time) &&
            !wakes->inspector->timer(wakes->inspector->arg, domain, &timer))
            return 1;
    }
    return 0;
}

static void windows_timers(struct tm_operator *op, const struct tm_inspector *inspector)
{
    const struct tm__windows *self = (const struct tm__windows *)op;
    struct wakes wakes = {self, inspector};
    uint32_t max, first, last;
    tm__operator_walk_timers(self->timers, inspector);
    if (self->timers != NULL || self->ns == NULL || inspector->timer == NULL)
        return;
    tm_state_key_groups(self->state, &max, &first, &last);
    for (uint32_t group = first; group <= last; group++)
        if (tm__windows_each_cell(self, group, see_wakes, &wakes) != 0)
            return;
}

const struct tm_inspect tm__operator_windows_inspect = {.windows = windows_windows,
                                                        .contents = windows_contents,
                                                        .keys = windows_keys,
                                                        .timers = windows_timers};
const struct tm_inspect tm__operator_slices_inspect = {
    .windows = slices_windows, .contents = slices_contents, .keys = slices_keys};
const struct tm_inspect tm__operator_overlapping_inspect = {.contents = slices_contents,
                                                            .keys = slices_keys};
