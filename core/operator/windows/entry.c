// A row goes into all of its windows or into none. First functions of the trigger are asked for
// each window, then it is added to each, and only then anything is said: so what has been done can
// be taken back when a function of the job fails on the way. The journal of a custom trigger's
// calls
// (../keyed.h) goes on from call to call of a row; its record in a cell is put aside before the
// first of them, as are accumulators of functions of the job where a row goes into several.
#include "core/operator/windows/windows.h"

static struct tm__windows_entry *entries(const struct tm__windows *self, uint32_t *count)
{
    *count = (uint32_t)(self->entries.size_bytes / sizeof(struct tm__windows_entry));
    return (struct tm__windows_entry *)(void *)self->entries.data;
}

static uint32_t cell_of(const struct tm__windows *self, const struct tm__windows_key *k,
                        const struct tm__windows_entry *entry)
{
    if (entry->made == TM__CELL_JOINED)
        return k->count - 1;
    return tm__windows_seek(self, k, entry->start, entry->end);
}

void tm__windows_entry_begin(struct tm__windows *self, const struct tm__windows_key *k)
{
    self->entries.size_bytes = 0;
    self->put_aside.size_bytes = 0;
    if (self->asked != NULL)
        tm__windows_asked_begin(self, k);
}

// --- asking --------------------------------------------------------------------------------------

// What the cell's trigger remembers is put aside; values of varying size are the journal's. A cell
// that was made for the row remembers nothing.
int tm__windows_entry_open(struct tm__windows *self, const struct tm__windows_key *k, uint32_t i,
                           enum tm__windows_made made, struct tm_error *err)
{
    const struct tm__windows_cell *cell = tm__windows_at(self, k, i);
    struct tm__windows_entry entry = {
        .start = cell->start, .end = cell->end, .made = made, .record = self->put_aside.size_bytes};
    int rc = 0;
    if (self->asked != NULL && (made == TM__CELL_WAS || made == TM__CELL_GOES))
        rc = tm_buf_append(&self->put_aside, (const uint8_t *)cell + self->record_at,
                           tm__windows_asked_bytes(self->asked));
    if (rc == 0)
        rc = tm_buf_append(&self->entries, &entry, sizeof entry);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

int tm__windows_entry_ask(struct tm__windows *self, const struct tm__windows_key *k,
                          const struct tm_row *row, struct tm_error *err)
{
    uint32_t count;
    struct tm__windows_entry *entry = entries(self, &count);
    int rc = 0;
    for (uint32_t e = 0; e < count && rc == 0; e++)
        if (entry[e].made != TM__CELL_GOES)
            rc = tm__windows_ask(self, k, tm__windows_at(self, k, cell_of(self, k, &entry[e])), row,
                                 &entry[e], err);
    return rc;
}

// --- adding --------------------------------------------------------------------------------------

// Only custom aggregates are in question: what the engine's refuse has been asked before.
static int put_contents_aside(struct tm__windows *self, const struct tm__windows_key *k,
                              struct tm__windows_cell *cell, struct tm__windows_entry *entry)
{
    const struct tm__operator_home home = tm__windows_home(self, k);
    entry->contents = self->put_aside.size_bytes;
    entry->flags = cell->flags;
    entry->has_contents = true;
    return tm__operator_custom_put_aside(self->custom, &home, tm__windows_contents(self, cell),
                                         &self->put_aside);
}

int tm__windows_entry_add(struct tm__windows *self, const struct tm__windows_key *k,
                          const struct tm_row *row, struct tm_error *err)
{
    uint32_t count;
    struct tm__windows_entry *entry = entries(self, &count);
    for (uint32_t e = 0; e < count; e++) {
        if (entry[e].made == TM__CELL_GOES)
            continue;
        uint32_t i = cell_of(self, k, &entry[e]);
        int rc = 0;
        if (self->custom != NULL && !tm__windows_buffers(self) && e + 1 < count &&
            entry[e].made == TM__CELL_WAS)
            rc = put_contents_aside(self, k, tm__windows_at(self, k, i), &entry[e]);
        if (rc != 0)
            return tm__operator_out_of_memory(&self->base, err);
        rc = tm__windows_add(self, k, i, row, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

// --- the end -------------------------------------------------------------------------------------

// A cell that was made for the row goes: what its trigger remembered is gone already.
static int unmake(struct tm__windows *self, struct tm__windows_key *k,
                  const struct tm__windows_entry *entry)
{
    uint32_t i = cell_of(self, k, entry);
    if (self->asked != NULL)
        memset((uint8_t *)tm__windows_at(self, k, i) + self->record_at, 0,
               tm__windows_asked_bytes(self->asked));
    return tm__windows_remove(self, k, i, 1);
}

static int take_back(struct tm__windows *self, struct tm__windows_key *k,
                     const struct tm__windows_entry *entry)
{
    const struct tm__operator_home home = tm__windows_home(self, k);
    struct tm__windows_cell *cell = tm__windows_at(self, k, cell_of(self, k, entry));
    if (self->asked != NULL)
        memcpy((uint8_t *)cell + self->record_at, self->put_aside.data + entry->record,
               tm__windows_asked_bytes(self->asked));
    if (!entry->has_contents)
        return 0;
    cell->flags = entry->flags;
    return tm__operator_custom_take_back(self->custom, &home, tm__windows_contents(self, cell),
                                         self->put_aside.data + entry->contents);
}

// Cells that were made go first: the one that others were to become stands out of order.
int tm__windows_entry_undo(struct tm__windows *self, struct tm__windows_key *k,
                           struct tm_error *err)
{
    uint32_t count;
    const struct tm__windows_entry *entry = entries(self, &count);
    int rc = self->asked == NULL ? 0 : tm__windows_asked_end(self, false);
    for (uint32_t e = 0; e < count && rc == 0; e++)
        if (entry[e].made == TM__CELL_MADE || entry[e].made == TM__CELL_JOINED)
            rc = unmake(self, k, &entry[e]);
    for (uint32_t e = 0; e < count && rc == 0; e++)
        if (entry[e].made == TM__CELL_WAS || entry[e].made == TM__CELL_GOES)
            rc = take_back(self, k, &entry[e]);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}

int tm__windows_entry_keep(struct tm__windows *self, struct tm_error *err)
{
    int rc = self->asked == NULL ? 0 : tm__windows_asked_end(self, true);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

static int act(struct tm__windows *self, struct tm__windows_key *k,
               const struct tm__windows_entry *entry, const struct tm_row *row, int64_t time,
               struct tm_error *err)
{
    struct tm__windows_cell *cell = tm__windows_at(self, k, cell_of(self, k, entry));
    int verdict = entry->verdict;
    if (entry->is_last && tm__windows_remember_last(self, k, cell, row) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    self->delta_fires = entry->delta_fires;
    if (self->asked == NULL)
        verdict = tm__windows_on_element(self, cell, time);
    int rc = tm__windows_act(self, k, cell, verdict, err);
    if (rc != 0)
        return rc;
    rc = tm__windows_schedule(self, k, cell);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}

void tm__windows_entry_joined(struct tm__windows *self)
{
    uint32_t count;
    struct tm__windows_entry *entry = entries(self, &count);
    for (uint32_t e = 0; e < count; e++)
        if (entry[e].made == TM__CELL_JOINED)
            entry[e].made = TM__CELL_MADE;
}

int tm__windows_entry_act(struct tm__windows *self, struct tm__windows_key *k,
                          const struct tm_row *row, int64_t time, struct tm_error *err)
{
    uint32_t count;
    const struct tm__windows_entry *entry = entries(self, &count);
    int rc = 0;
    for (uint32_t e = 0; e < count && rc == 0; e++)
        if (entry[e].made != TM__CELL_GOES)
            rc = act(self, k, &entry[e], row, time, err);
    return rc;
}
