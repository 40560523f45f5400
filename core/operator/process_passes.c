// Passes over all keys of a subtask, which a rule's call asks for (ctx:each_key). They run when
// that call has returned, before anything else of the input: some keys at a time, in the order of
// the state (low half of the hash, hash, bytes), each a call of its own that is undone by itself. A
// slice is a step, so other tasks have their turn between two. The keys go to the chunk as rows, as
// timers do.
#include <math.h>

#include "core/operator/process.h"

// Has this entry had its turn? The walk begins at the low half of the last one's hash.
static bool is_behind(const struct tm__operator_process *self, const struct tm_key *key)
{
    uint32_t low = (uint32_t)key->hash, low_before = (uint32_t)self->pass_hash;
    if (low != low_before)
        return low > low_before;
    if (key->hash != self->pass_hash)
        return key->hash > self->pass_hash;
    size_t length = self->pass_key.size_bytes;
    size_t shared = key->length < length ? key->length : length;
    int order = shared == 0 ? 0 : memcmp(key->bytes, self->pass_key.data, shared);
    return order > 0 || (order == 0 && key->length > length);
}

// The next keys of the group under way into the block; their bytes lie in due_bytes.
static int take_some(struct tm__operator_process *self)
{
    struct tm__operator_keyed *keyed = &self->keyed;
    struct tm__operator_block *block = keyed->block;
    struct tm_state_cursor cursor;
    struct tm_key key;
    const void *value;
    uint32_t from = self->pass_begun ? (uint32_t)self->pass_hash : 0;
    tm_state_iterate_from(keyed->state, keyed->ns, self->pass_group, from, &cursor);
    while (block->count < TM__OPERATOR_BLOCK && tm_state_next(&cursor, &key, &value)) {
        if (self->pass_begun && !is_behind(self, &key))
            continue;
        size_t at = self->due_bytes.size_bytes;
        int rc = tm_buf_append(&self->due_bytes, key.bytes, key.length);
        if (rc != 0)
            return rc;
        block->keys[block->count++] = (struct tm_key){
            .hash = key.hash, .bytes = (const void *)(uintptr_t)at, .length = key.length};
    }
    return cursor.code;
}

static int remember_last(struct tm__operator_process *self, const struct tm_key *last)
{
    self->pass_begun = true;
    self->pass_hash = last->hash;
    self->pass_key.size_bytes = 0;
    return tm_buf_append(&self->pass_key, last->bytes, last->length);
}

// The next slice: keys of one group. None: the pass is over.
static int take_keys(struct tm__operator_process *self)
{
    struct tm__operator_block *block = self->keyed.block;
    uint32_t max, first, last;
    tm_state_key_groups(self->keyed.state, &max, &first, &last);
    self->due_bytes.size_bytes = 0;
    block->count = 0;
    for (; self->pass_group <= last; self->pass_group++) {
        int rc = take_some(self);
        if (rc != 0)
            return rc;
        if (block->count != 0)
            break;
        self->pass_begun = false;
    }
    for (uint32_t i = 0; i < block->count; i++) // the buffer grows no more
        block->keys[i].bytes = self->due_bytes.data + (uintptr_t)block->keys[i].bytes;
    return block->count == 0 ? 0 : remember_last(self, &block->keys[block->count - 1]);
}

static int begin_slice(struct tm__operator_process *self)
{
    struct tm__operator_block *block = self->keyed.block;
    double time = tm_vm_chain_ctx(self->rows[1])->pass_time;
    int64_t event_time = isnan(time) ? 0 : (int64_t)time;
    int rc = take_keys(self);
    if (rc != 0 || block->count == 0)
        return rc;
    rc = tm__operator_process_due_begin(self, self->pass_schema);
    for (uint32_t i = 0; i < block->count && rc == 0; i++)
        rc = tm__operator_process_due_row(self, i, NULL, isnan(time) ? NULL : &event_time);
    if (rc == 0)
        rc = tm__operator_keyed_enter(&self->keyed);
    if (rc != 0)
        return rc;
    self->due_count = block->count;
    self->pass_entered = true;
    tm__operator_process_due_lend(self, self->pass);
    return 0;
}

static int end_slice(struct tm__operator_process *self)
{
    self->pass_entered = false;
    self->due_count = 0;
    return tm__operator_keyed_leave(&self->keyed);
}

// From the first key on.
static void begin_pass(struct tm__operator_process *self)
{
    uint32_t max, last;
    tm_state_key_groups(self->keyed.state, &max, &self->pass_group, &last);
    self->pass_begun = false;
}

void tm__operator_process_want(struct tm__operator_process *self, uint32_t count)
{
    self->pass_count = count;
    tm_vm_chain_ctx(self->pass)->pass = 0;
    begin_pass(self);
}

int tm__operator_process_pass(struct tm__operator_process *self, struct tm_error *err)
{
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(self->pass);
    if (!self->pass_entered && begin_slice(self) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    if (!self->pass_entered) {
        entry->pass++;
        self->pass_count--;
        begin_pass(self);
        return 0;
    }
    int rc = tm__operator_process_enter(self, self->pass, err);
    memset(entry->counts, 0, TM_CHAIN_COUNTS * sizeof *entry->counts);
    if (rc < 0)
        return rc;
    if (entry->in_rows == 0 && end_slice(self) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    return 1;
}
