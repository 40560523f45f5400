// Windows with an evictor (SEMANTICS 4): the rows themselves are kept, a firing takes some out,
// before or behind what it computes, and the rest stays. What is computed begins anew each time. A
// firing that fails takes nothing out; where a function of the job stands behind, that is known
// when it has returned (settle.c). The evictor is asked first even where it takes rows out behind
// the function: what it says depends on the rows alone, which no function can change, and when its
// own function fails, nothing of the firing has gone out yet.
#include "core/operator/windows/windows.h"

// A row that a custom aggregate refuses now has long been taken in: the firing fails.
static int tell_firing(void *arg, int code, const char *message, size_t length,
                       struct tm_error *why)
{
    return tm__windows_tell(arg, code, message, length, why);
}

int tm__windows_buffer_open(struct tm__windows *self, const struct tm_schema *input,
                            struct tm_error *err)
{
    self->buffered = (struct tm__operator_aggregate){
        .action = TM__LIST_ROWS,
        .homed = true,
        .ordered = self->kind == TM_WINDOW_SESSION, // merged sessions go by arrival
        .limit = TM_LIST_VALUES_MAX,
        .rows = input,
        .name = "evict",
    };
    if (self->evictor.kind == TM_EVICTOR_TIME && input->time_field < 0)
        return tm_error_set(err, TM_E_NO_WATERMARK, "operator '%s': the rows have no event time",
                            self->base.node->name);
    if (self->custom != NULL) {
        self->custom->instead = tell_firing;
        self->custom->instead_arg = self;
    }
    self->scratch_bytes = self->aggregates.value_bytes;
    self->scratch = tm_mem_alloc(self->mem, self->scratch_bytes);
    return self->scratch == NULL ? tm__operator_out_of_memory(&self->base, err) : 0;
}

static const struct tm_row **rows_of(const struct tm__windows *self, uint32_t *count)
{
    *count = (uint32_t)(self->rows.size_bytes / sizeof(struct tm_row *));
    return (const struct tm_row **)(void *)self->rows.data;
}

// --- which rows go -------------------------------------------------------------------------------

static void evict_by_count(struct tm__windows *self)
{
    uint32_t count, kept = 0;
    (void)rows_of(self, &count);
    uint8_t *keep = self->keep.data;
    for (uint32_t i = 0; i < count; i++)
        kept += keep[i];
    for (uint32_t i = 0; i < count && (double)kept > self->evictor.value; i++) {
        kept -= keep[i];
        keep[i] = 0;
    }
}

static bool time_of(const struct tm__windows *self, const struct tm_row *row, int64_t *time)
{
    const struct tm_schema *input = self->buffered.rows;
    *time = tm_row_int(row, input->fields[input->time_field].offset);
    return !tm_row_is_null(row, (uint32_t)input->time_field);
}

// Those that are as old as that before the newest go too.
static void evict_by_time(struct tm__windows *self)
{
    uint32_t count;
    const struct tm_row **rows = rows_of(self, &count);
    uint8_t *keep = self->keep.data;
    int64_t newest = INT64_MIN, time;
    for (uint32_t i = 0; i < count; i++)
        if (keep[i] && time_of(self, rows[i], &time) && time > newest)
            newest = time;
    for (uint32_t i = 0; i < count; i++)
        if (keep[i] && time_of(self, rows[i], &time) &&
            time <= newest - (int64_t)self->evictor.value)
            keep[i] = 0;
}

static int evict_by_delta(struct tm__windows *self, struct tm_error *err)
{
    uint32_t count, n = 0;
    const struct tm_row **rows = rows_of(self, &count), *some[TM__OPERATOR_BLOCK], *last = NULL;
    uint32_t places[TM__OPERATOR_BLOCK];
    double distances[TM__OPERATOR_BLOCK];
    uint8_t *keep = self->keep.data;
    for (uint32_t i = count; i > 0 && last == NULL; i--)
        if (keep[i - 1])
            last = rows[i - 1];
    for (uint32_t i = 0; i < count; i++) {
        if (keep[i]) {
            some[n] = rows[i];
            places[n++] = i;
        }
        if (n == 0 || (n != TM__OPERATOR_BLOCK && i + 1 != count))
            continue;
        int rc = tm__windows_pairs_ask(self->evictor_delta, some, n, last, distances, err);
        if (rc != 0)
            return rc;
        for (uint32_t p = 0; p < n; p++)
            keep[places[p]] = !(distances[p] >= self->evictor.value);
        n = 0;
    }
    return 0;
}

// 1: its function has failed, which has been told, and nothing is taken out.
static int evict(struct tm__windows *self, struct tm_error *err)
{
    switch (self->evictor.kind) {
    case TM_EVICTOR_COUNT:
        evict_by_count(self);
        return 0;
    case TM_EVICTOR_TIME:
        evict_by_time(self);
        return 0;
    default:
        return evict_by_delta(self, err);
    }
}

// --- a firing ------------------------------------------------------------------------------------

// Adds a row to `scratch`. 1: its function has failed, which has been told.
static int add(struct tm__windows *self, const struct tm__windows_key *k, const struct tm_row *row,
               const struct tm__operator_aggregate **culprit, struct tm_error *err)
{
    const struct tm__operator_home home = tm__windows_home(self, k);
    if (self->custom == NULL)
        return tm__operator_aggregates_add(&self->aggregates, &home, self->scratch, row,
                                           self->aggregates.arrivals++, culprit);
    struct tm__operator_block *alone = self->alone;
    alone->count = 1;
    alone->rows[0] = row;
    alone->keys[0] = *k->key;
    alone->namespaces[0] = self->ns;
    alone->values[0] = self->scratch;
    int rc = tm__operator_custom_add(self->custom, self->state, alone, err);
    return rc == 0 && self->custom->failed != 0 ? 1 : rc;
}

// What is computed of the rows that are kept, or of all where the evictor takes them out behind it,
// as a row of the output. 1: the firing has failed.
static int compute(struct tm__windows *self, const struct tm__windows_key *k,
                   struct tm__windows_cell *cell, struct tm_error *err)
{
    const struct tm__operator_home home = tm__windows_home(self, k);
    const struct tm__operator_aggregate *culprit;
    uint32_t count, added = 0;
    const struct tm_row **rows = rows_of(self, &count);
    const uint8_t *keep = self->keep.data;
    const bool all = self->evictor.after;
    int rc = 0;
    memset(self->scratch, 0, self->aggregates.value_bytes);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        if (!all && !keep[i])
            continue;
        rc = add(self, k, rows[i], &culprit, err);
        added++;
    }
    if (rc == TM_E_OVERFLOW && self->custom == NULL) {
        rc = tm__windows_result_failed(self, k, cell, rc, culprit, err);
        rc = rc == 0 ? 1 : rc;
    } else if (rc < 0) {
        rc = err->code != 0 ? rc : tm__operator_out_of_memory(&self->base, err);
    } else if (rc == 0 && added != 0) {
        rc = tm__windows_put(self, k, cell, self->scratch, err);
    }
    if (tm__operator_aggregates_release(&self->aggregates, &home, self->scratch) != 0 && rc >= 0)
        rc = tm__operator_out_of_memory(&self->base, err);
    return rc;
}

// Only those stay that `keep` says.
int tm__windows_keep_rows(struct tm__windows *self, const struct tm__windows_key *k,
                          struct tm__windows_cell *cell, const uint8_t *keep, uint32_t count)
{
    const struct tm__operator_home home = tm__windows_home(self, k);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        kept += keep[i];
    if (kept == count)
        return 0;
    if (kept == 0)
        cell->flags &= ~(uint32_t)TM__CELL_FILLED;
    return tm__operator_list_keep(&self->buffered, &home, tm__windows_contents(self, cell), keep);
}

int tm__windows_emit_buffered(struct tm__windows *self, const struct tm__windows_key *k,
                              struct tm__windows_cell *cell, struct tm_error *err)
{
    const struct tm__operator_home home = tm__windows_home(self, k);
    uint32_t count;
    self->rows.size_bytes = self->keep.size_bytes = 0;
    int rc = tm__operator_list_rows(&self->buffered, &home, tm__windows_contents(self, cell),
                                    &self->rows);
    if (rc == TM_E_OVERFLOW) {
        rc = tm__windows_result_failed(self, k, cell, rc, &self->buffered, err);
        return rc == 0 ? 1 : rc;
    }
    (void)rows_of(self, &count);
    if (rc == 0)
        rc = tm_buf_reserve(&self->keep, count);
    if (rc != 0)
        return tm__operator_out_of_memory(&self->base, err);
    memset(self->keep.data, 1, count);
    self->keep.size_bytes = count;
    tm__windows_about(self, k, cell, NULL);
    rc = evict(self, err);
    if (rc == 0)
        rc = compute(self, k, cell, err);
    if (rc != 0 || self->numbered) // what has failed, or may fail still, takes nothing out
        return rc;
    rc = tm__windows_keep_rows(self, k, cell, self->keep.data, count);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}
