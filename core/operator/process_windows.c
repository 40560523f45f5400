// State of the windows of a key, of a process that is the function of windows (window_state). Each
// window has a record in a state of its own, under the key's bytes and the window's bounds behind
// them, in the key's key group. The window says when one is gone for good, by a row whose column
// $gone is true: the chunk calls `clear` for it, and then the record goes.
#include "core/base/hash.h"
#include "core/operator/process.h"
#include "core/task/inspect.h"

static int32_t find_field(const struct tm_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (strcmp(schema->fields[i].name, name) == 0)
            return (int32_t)i;
    return -1;
}

void tm__operator_process_windows_open(struct tm__operator_process *self,
                                       const struct tm_schema *input)
{
    int32_t gone = find_field(input, "$gone");
    int32_t start = find_field(input, "window_start"), end = find_field(input, "window_end");
    int32_t firing = find_field(input, "$firing");
    self->tells_end = self->base.node->of_window && gone >= 0;
    self->has_numbers = self->base.node->of_window && firing >= 0;
    self->gone_field = (uint32_t)gone;
    self->firing_field = (uint32_t)firing;
    if (self->has_numbers)
        self->firing_offset = input->fields[firing].offset;
    self->has_bounds = start >= 0 && end >= 0;
    if (self->has_bounds) {
        self->start_offset = input->fields[start].offset;
        self->end_offset = input->fields[end].offset;
    }
}

enum { BOUNDS_BYTES = 2 * sizeof(int64_t) };

// `bytes`: room for the key's and the bounds'. The key group follows from a hash's upper half.
static struct tm_key window_key(struct tm_key key, const int64_t bounds[2], uint8_t *bytes)
{
    memcpy(bytes, key.bytes, key.length);
    memcpy(bytes + key.length, bounds, BOUNDS_BYTES);
    uint64_t mixed = key.hash ^ tm_hash_bytes(bounds, BOUNDS_BYTES);
    return (struct tm_key){.hash = (key.hash & ~(uint64_t)UINT32_MAX) | (mixed & UINT32_MAX),
                           .bytes = bytes,
                           .length = key.length + BOUNDS_BYTES};
}

static struct tm_key window_key_of_row(struct tm__operator_process *self, uint32_t i, size_t *at)
{
    const struct tm_row *row = self->keyed.block->rows[i];
    struct tm_key key = self->keyed.block->keys[i];
    int64_t bounds[2] = {0, 0};
    if (self->has_bounds) {
        bounds[0] = tm_row_int(row, self->start_offset);
        bounds[1] = tm_row_int(row, self->end_offset);
    }
    key = window_key(key, bounds, self->window_keys.data + *at);
    *at += key.length;
    return key;
}

const uint8_t *tm__operator_process_windows_find(struct tm__operator_process *self,
                                                 const struct tm_key *key,
                                                 const struct tm_inspected_window *window)
{
    const struct tm__operator_keyed *keyed = self->shared[TM__SCOPE_WINDOW];
    const int64_t bounds[2] = {self->has_bounds ? window->start : 0,
                               self->has_bounds ? window->end : 0};
    struct tm_buf bytes; // window_keys may be those of a block under way
    tm_buf_init(&bytes, self->window_keys.mem);
    if (tm_buf_reserve(&bytes, key->length + BOUNDS_BYTES) != 0)
        return NULL;
    struct tm_key of = *key;
    if (self->base.node->key.count == 0)
        of.hash = self->window_hash;
    of = window_key(of, bounds, bytes.data);
    const uint8_t *record = tm_state_find(keyed->state, keyed->ns, &of);
    tm_buf_fini(&bytes);
    return record;
}

// --- firings -------------------------------------------------------------------------------------

void tm__operator_process_windows_failed(struct tm__operator_process *self,
                                         const struct tm_row *row)
{
    for (uint32_t i = 0; i < self->window_rows; i++)
        if (self->keyed.block->rows[i] == row)
            self->row_failed[i] = true;
}

static int note_firings(struct tm__operator_process *self)
{
    for (uint32_t i = 0; i < self->window_rows; i++) {
        const struct tm_row *row = self->keyed.block->rows[i];
        if (self->row_failed[i] || tm_row_is_null(row, self->firing_field))
            continue;
        int64_t number = tm_row_int(row, self->firing_offset);
        int rc = tm_buf_append(&self->firings, &number, sizeof number);
        if (rc != 0)
            return rc;
    }
    return 0;
}

bool tm__operator_process_has_fired(const struct tm_operator *op, int64_t firing)
{
    const struct tm__operator_process *self = (const struct tm__operator_process *)op;
    for (size_t at = 0; at < self->firings.size_bytes; at += sizeof firing)
        if (memcmp(self->firings.data + at, &firing, sizeof firing) == 0)
            return true;
    return false;
}

void tm__operator_process_forget_firings(struct tm_operator *op)
{
    ((struct tm__operator_process *)op)->firings.size_bytes = 0;
}

// --- the block -----------------------------------------------------------------------------------

int tm__operator_process_windows_enter(struct tm__operator_process *self)
{
    self->window_rows = self->tells_end || self->has_numbers ? self->keyed.block->count : 0;
    memset(self->row_failed, 0, self->window_rows);
    struct tm__operator_keyed *keyed = self->shared[TM__SCOPE_WINDOW];
    const struct tm__operator_block *block = self->keyed.block;
    size_t bytes = 0, at = 0;
    if (keyed == NULL)
        return 0;
    for (uint32_t i = 0; i < block->count; i++)
        bytes += block->keys[i].length + BOUNDS_BYTES;
    self->window_keys.size_bytes = 0;
    int rc = tm_buf_reserve(&self->window_keys, bytes);
    if (rc != 0)
        return rc;
    keyed->block->count = block->count;
    for (uint32_t i = 0; i < block->count; i++)
        keyed->block->keys[i] = window_key_of_row(self, i, &at);
    return tm__operator_keyed_enter(keyed);
}

// Rows that say that a window is gone are none of the stream's: they count nowhere.
int tm__operator_process_windows_leave(struct tm__operator_process *self)
{
    struct tm__operator_keyed *keyed = self->shared[TM__SCOPE_WINDOW];
    const struct tm__operator_block *block = self->keyed.block;
    int rc = self->has_numbers ? note_firings(self) : 0;
    for (uint32_t i = 0; i < self->window_rows && self->tells_end && rc == 0; i++) {
        if (tm_row_is_null(block->rows[i], self->gone_field))
            continue;
        tm_metric_add(&self->base.metrics->rows_in, (uint64_t)-1);
        if (!self->row_failed[i])
            tm_metric_add(&self->base.metrics->used, (uint64_t)-1);
        if (keyed != NULL)
            rc = tm__operator_keyed_forget(keyed, i);
    }
    if (rc == 0 && keyed != NULL)
        rc = tm__operator_keyed_leave(keyed);
    return rc;
}
