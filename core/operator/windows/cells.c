// The cells of a key: found, put in, taken out. Ordered by (end, start), so that what is worked on
// most, the newest windows, stands last.
#include "core/operator/windows/windows.h"

int tm__windows_open_key(const struct tm__windows *self, const struct tm_key *key,
                         struct tm__windows_record *record, struct tm__windows_key *k)
{
    *k = (struct tm__windows_key){
        .key = key,
        .key_group = tm_state_key_group(self->state, key->hash),
        .record = record,
        .cells = record->cell,
        .count = 1,
    };
    if (record->alone != 0)
        return 0;
    k->count = record->cells.length / self->cell_bytes;
    if (k->count == 0)
        return 0;
    k->cells = tm_state_blob_edit(self->state, k->key_group, &record->cells);
    return k->cells == NULL ? TM_E_MEMORY : 0;
}

static int count_cell(void *arg, const struct tm_key *key, const struct tm__windows_cell *cell)
{
    uint64_t *count = arg;
    (void)key;
    *count += (cell->flags & TM__CELL_FILLED) != 0;
    return 0;
}

uint64_t tm__windows_count(const struct tm__windows *self)
{
    uint32_t max, first, last;
    uint64_t count = 0;
    tm_state_key_groups(self->state, &max, &first, &last);
    for (uint32_t group = first; group <= last; group++)
        (void)tm__windows_each_cell(self, group, count_cell, &count);
    return count;
}

struct some_cells {
    uint64_t keys, filled, hash;
};

static int count_some(void *arg, const struct tm_key *key, const struct tm__windows_cell *cell)
{
    struct some_cells *some = arg;
    if (some->keys == 0 || key->hash != some->hash) {
        if (some->keys == TM_KEPT_KEYS)
            return 1;
        some->keys++;
        some->hash = key->hash;
    }
    some->filled += (cell->flags & TM__CELL_FILLED) != 0;
    return 0;
}

uint64_t tm__windows_estimate(const struct tm__windows *self, bool *is_rough)
{
    uint64_t all = tm_state_namespace_size(self->ns);
    struct some_cells some = {0};
    uint32_t max, first, last;
    if (all <= TM_KEPT_KEYS)
        return tm__windows_count(self);
    *is_rough = true;
    tm_state_key_groups(self->state, &max, &first, &last);
    for (uint32_t group = first; group <= last; group++)
        if (tm__windows_each_cell(self, group, count_some, &some) != 0)
            break;
    return some.keys == 0 ? 0 : (uint64_t)((double)some.filled * (double)all / (double)some.keys);
}

uint32_t tm__windows_seek(const struct tm__windows *self, const struct tm__windows_key *k,
                          int64_t start, int64_t end)
{
    uint32_t low = 0, high = k->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct tm__windows_cell *cell = tm__windows_at(self, k, middle);
        if (cell->end < end || (cell->end == end && cell->start < start))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int tm__windows_insert(struct tm__windows *self, struct tm__windows_key *k, uint32_t i,
                       int64_t start, int64_t end)
{
    size_t length = ((size_t)k->count + 1) * self->cell_bytes;
    if (length > INT32_MAX)
        return TM_E_LIMIT;
    struct tm__windows_record *record = k->record;
    if (k->count == 0 && self->keeps_alone) {
        record->alone = 1;
        k->cells = record->cell;
    } else {
        uint8_t *cells = tm_state_blob_extend(self->state, self->ns, k->key_group, &record->cells,
                                              (uint32_t)length);
        if (cells == NULL)
            return TM_E_MEMORY;
        if (record->alone != 0) { // nothing refers to blobs twice
            memcpy(cells, record->cell, self->cell_bytes);
            memset(record->cell, 0, self->cell_bytes);
        }
        record->alone = 0;
        k->cells = cells;
    }
    struct tm__windows_cell *cell = tm__windows_at(self, k, i);
    memmove((uint8_t *)cell + self->cell_bytes, cell, (size_t)(k->count - i) * self->cell_bytes);
    memset(cell, 0, self->cell_bytes);
    cell->start = start;
    cell->end = end;
    k->count++;
    return 0;
}

int tm__windows_remove(struct tm__windows *self, struct tm__windows_key *k, uint32_t i, uint32_t n)
{
    if (n == 0)
        return 0;
    for (uint32_t c = i; c < i + n; c++) {
        int rc = tm__windows_purge(self, k, tm__windows_at(self, k, c));
        if (rc == 0)
            rc = tm__windows_forget(self, k, tm__windows_at(self, k, c));
        if (rc != 0)
            return rc;
    }
    size_t bytes = (size_t)n * self->cell_bytes, left = (size_t)(k->count - n) * self->cell_bytes;
    uint8_t *gone = (uint8_t *)tm__windows_at(self, k, i);
    memmove(gone, gone + bytes, (size_t)(k->count - i - n) * self->cell_bytes);
    k->count -= n;
    if (k->record->alone != 0 || (k->count == 1 && self->keeps_alone)) {
        k->record->alone = k->count;
        if (k->count == 0 || k->record->cells.length == 0)
            return 0;
        memcpy(k->record->cell, k->cells, self->cell_bytes);
        k->cells = k->record->cell;
        return tm_state_blob_set(self->state, self->ns, k->key_group, &k->record->cells, "", 0);
    }
    int rc = tm_state_blob_set(self->state, self->ns, k->key_group, &k->record->cells, k->cells,
                               (uint32_t)left);
    if (rc != 0)
        return rc;
    k->cells = left == 0 ? NULL : tm_state_blob_edit(self->state, k->key_group, &k->record->cells);
    return left != 0 && k->cells == NULL ? TM_E_MEMORY : 0;
}
