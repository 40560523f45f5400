// Records and the journal of calls: see keyed.h.
#include "core/operator/keyed.h"

#include <math.h>

#include "core/base/planted.h"

// --- the record ----------------------------------------------------------------------------------

static int add_value(struct tm__operator_record *record, struct tm_type type)
{
    uint32_t bit = record->value_count++;
    if (bit >= TM_STATES_MAX)
        return TM_E_LIMIT;
    record->blob_offsets[bit] = tm_type_is_reference(type) ? record->bytes : 0;
    record->bytes += tm_type_slot_bytes(type);
    return 0;
}

static bool is_collection(const struct tm_state_field *state)
{
    return state->kind == TM_STATE_LIST || state->kind == TM_STATE_MAP;
}

static int add_collection(struct tm__operator_record *record, const struct tm_state_field *state)
{
    uint32_t bit = record->value_count++;
    if (bit >= TM_STATES_MAX)
        return TM_E_LIMIT;
    record->collections[record->collection_count++] = (struct tm__operator_collection_spec){
        .is_map = state->kind == TM_STATE_MAP,
        .is_fixed = !tm_type_is_reference(state->type),
        .is_word = !tm_type_is_reference(state->type) && state->ttl_ms == 0 &&
                   tm_type_slot_bytes(state->type) == sizeof(uint64_t),
        .key = state->key,
        .ahead = state->kind == TM_STATE_MAP ? state->ahead : -1,
        .event = state->clock == TM_TTL_EVENT,
        .refreshes = state->refresh == TM_TTL_ACCESS,
        .bit = (uint8_t)bit,
        .ttl_ms = state->ttl_ms,
    };
    record->collections_expire = record->collections_expire || state->ttl_ms != 0;
    return 0;
}

// Heads stand behind all values, which the chunk copies to undo a call.
static void place_collections(struct tm__operator_record *record)
{
    for (uint32_t i = 0; i < record->collection_count; i++) {
        struct tm__operator_collection_spec *spec = &record->collections[i];
        spec->offset = record->bytes;
        record->bytes += spec->ttl_ms != 0 ? (uint32_t)sizeof(struct tm__operator_collection)
                                           : TM__OPERATOR_COLLECTION_BYTES;
    }
}

static int add_state(struct tm__operator_record *record, const struct tm_state_field *state)
{
    uint32_t first = record->value_count;
    int rc = 0;
    if (is_collection(state))
        return add_collection(record, state);
    if (state->kind == TM_STATE_AGGREGATING) {
        // Its own bit, then the accumulator's fields.
        if (record->value_count++ >= TM_STATES_MAX)
            return TM_E_LIMIT;
        const struct tm_schema *fields = state->type.of;
        for (uint32_t i = 0; rc == 0 && i < fields->field_count; i++)
            rc = add_value(record, fields->fields[i].type);
    } else {
        rc = add_value(record, state->type);
    }
    if (rc != 0 || state->ttl_ms == 0)
        return rc;
    uint64_t bits = 0;
    for (uint32_t i = first; i < record->value_count; i++)
        bits |= (uint64_t)1 << i;
    record->ttls[record->ttl_count++] = (struct tm__operator_ttl){
        .bits = bits,
        .access_offset = record->bytes,
        .event = state->clock == TM_TTL_EVENT,
        .ms = state->ttl_ms,
    };
    record->bytes += sizeof(double);
    return 0;
}

enum tm__operator_scope tm__operator_scope_of(const struct tm_state_field *state)
{
    return state->scope == TM_SCOPE_KEY         ? TM__SCOPE_KEY
           : state->scope == TM_SCOPE_BROADCAST ? TM__SCOPE_BROADCAST
           : state->scope == TM_SCOPE_WINDOW    ? TM__SCOPE_WINDOW
                                                : TM__SCOPE_OPERATOR;
}

int tm__operator_record_init(struct tm__operator_record *record, const struct tm_node *node,
                             enum tm__operator_scope scope, struct tm_error *err)
{
    *record = (struct tm__operator_record){.bytes = sizeof(uint64_t)};
    for (uint32_t i = 0; i < node->state_count; i++)
        if (tm__operator_scope_of(&node->states[i]) == scope &&
            add_state(record, &node->states[i]) != 0)
            return tm_error_set(err, TM_E_LIMIT,
                                "operator '%s': it keeps more than %d values of a key", node->name,
                                TM_STATES_MAX);
    place_collections(record);
    return 0;
}

static bool is_stateless(const struct tm__operator_keyed *keyed)
{
    return keyed->record.value_count == 0;
}

// --- life ----------------------------------------------------------------------------------------

// Every subtask has the same broadcast record, under the same key: that of the first key group.
static int new_state(const struct tm__operator_keyed *keyed, struct tm_state **state,
                     struct tm_error *err)
{
    const struct tm_operator *op = keyed->op;
    const struct tm_state_args args = {.mem = keyed->mem,
                                       .max_parallelism = op->ctx->plan->max_parallelism,
                                       .value_bytes = keyed->record.bytes};
    if (keyed->scope != TM__SCOPE_BROADCAST)
        return tm__operator_state_new(op, keyed->record.bytes, state, err);
    int rc = tm_state_new(&args, state, err);
    return rc == 0 ? 0 : tm_error_prefix(err, "operator '%s'", op->node->name);
}

// Entries {16 bytes, record, key} lie one behind the other in pages that begin with 16 bytes more.
// Where eight bytes are all that is missing to a whole cache line they are added: then a record
// lies in one line, where it would lie in nearly two on the average.
static void fill_line(struct tm__operator_record *record, uint32_t key_bytes)
{
    enum { LINE_BYTES = 64, HEAD_BYTES = 16 };
    uint32_t missing = (0u - (HEAD_BYTES + record->bytes + key_bytes)) % LINE_BYTES;
    if (key_bytes != 0 && record->value_count != 0 && missing == sizeof(uint64_t))
        record->bytes += missing;
}

int tm__operator_keyed_open(struct tm__operator_keyed *keyed, const struct tm_operator *op,
                            enum tm__operator_scope scope, uint32_t key_bytes, struct tm_error *err)
{
    *keyed = (struct tm__operator_keyed){.op = op,
                                         .mem = op->ctx->mem,
                                         .scope = scope,
                                         .watermark = INT64_MIN,
                                         .clock_ms = op->ctx->now_ms};
    tm_buf_init(&keyed->changes, keyed->mem);
    tm_buf_init(&keyed->bytes, keyed->mem);
    tm_buf_init(&keyed->scratch, keyed->mem);
    tm_buf_init(&keyed->gone, keyed->mem);
    int rc = tm__operator_record_init(&keyed->record, op->node, scope, err);
    fill_line(&keyed->record, key_bytes);
    if (rc == 0)
        rc = new_state(keyed, &keyed->state, err);
    if (rc != 0)
        return rc;
    struct tm_timers_args args = {.mem = keyed->mem,
                                  .max_parallelism = op->ctx->plan->max_parallelism};
    tm__operator_key_groups(op, &args.first_key_group, &args.last_key_group);
    uint32_t max, last;
    tm_state_key_groups(keyed->state, &max, &keyed->sweep_group, &last);
    rc = tm_timers_new(&args, &keyed->timers, err);
    if (rc != 0)
        return tm_error_prefix(err, "operator '%s'", op->node->name);
    keyed->ns = tm_state_namespace_create(keyed->state, 0);
    keyed->block = tm_mem_alloc(keyed->mem, sizeof *keyed->block);
    if (keyed->record.collection_count != 0)
        keyed->walks = tm_mem_zalloc(keyed->mem, sizeof *keyed->walks);
    if (keyed->ns == NULL || keyed->block == NULL ||
        (keyed->walks == NULL && keyed->record.collection_count != 0))
        return tm__operator_out_of_memory(op, err);
    keyed->block->count = 0;
    return tm__operator_collections_open(keyed) == 0 ? 0 : tm__operator_out_of_memory(op, err);
}

void tm__operator_keyed_fini(struct tm__operator_keyed *keyed)
{
    if (keyed->op == NULL)
        return;
    tm__operator_keys_fini(&keyed->keys);
    tm_buf_fini(&keyed->changes);
    tm_buf_fini(&keyed->bytes);
    tm_buf_fini(&keyed->scratch);
    tm_buf_fini(&keyed->gone);
    tm_timers_free(keyed->timers);
    tm_state_free(keyed->state);
    if (keyed->block != NULL)
        tm_mem_free(keyed->mem, keyed->block, sizeof *keyed->block);
    tm__operator_collections_fini(keyed);
    tm__operator_keyed_saved_fini(keyed);
    if (keyed->walks != NULL)
        tm_mem_free(keyed->mem, keyed->walks, sizeof *keyed->walks);
}

// --- blocks --------------------------------------------------------------------------------------

void tm__operator_keyed_tell_time(struct tm__operator_keyed *keyed, struct tm_chain_ctx *entry)
{
    int64_t now_ms = keyed->op->ctx->now_ms;
    keyed->entry = entry;
    if (now_ms > keyed->clock_ms || TM_PLANTED(clock_goes_back))
        keyed->clock_ms = now_ms;
    entry->known = keyed->known;
    entry->now_ms = keyed->clock_ms;
    entry->clock_ms = (double)keyed->clock_ms;
    entry->watermark = keyed->watermark == INT64_MIN   ? -(double)INFINITY
                       : keyed->watermark == INT64_MAX ? (double)INFINITY
                                                       : (double)keyed->watermark;
}

int tm__operator_keyed_enter(struct tm__operator_keyed *keyed)
{
    struct tm__operator_block *block = keyed->block;
    if (is_stateless(keyed)) {
        for (uint32_t i = 0; i < block->count; i++)
            keyed->slots[i] = (uint8_t *)&keyed->stateless;
        return 0;
    }
    keyed->entries = tm_state_namespace_size(keyed->ns);
    int rc = tm_state_upsert_batch(keyed->state, keyed->ns, block->keys, block->count,
                                   (void **)keyed->slots, NULL);
    if (rc == 0 && keyed->record.collection_count != 0)
        tm__operator_collections_ask(keyed);
    return rc;
}

// No record is new and none has lost a value: none holds nothing.
static bool are_full(const struct tm__operator_keyed *keyed)
{
    return keyed->record.collection_count == 0 && keyed->entry->emptied == 0 &&
           tm_state_namespace_size(keyed->ns) == keyed->entries;
}

static int remove_empty(struct tm__operator_keyed *keyed)
{
    struct tm__operator_block *block = keyed->block;
    uint32_t count = 0; // keys to the front: removing one moves the records of others
    for (uint32_t i = 0; i < block->count; i++)
        if (*(const uint64_t *)(const void *)keyed->slots[i] == 0)
            block->keys[count++] = block->keys[i];
    for (uint32_t i = 0; i < count; i++) {
        int rc = tm_state_remove(keyed->state, keyed->ns, &block->keys[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

// --- time to live --------------------------------------------------------------------------------

// The values of a record that are over.
uint64_t tm__operator_keyed_expired(const struct tm__operator_keyed *keyed, const void *value)
{
    uint64_t there, bits = 0;
    memcpy(&there, value, sizeof there);
    for (uint32_t i = 0; i < keyed->record.ttl_count; i++) {
        const struct tm__operator_ttl *ttl = &keyed->record.ttls[i];
        double access, now = (double)(ttl->event ? keyed->watermark : keyed->clock_ms);
        memcpy(&access, (const uint8_t *)value + ttl->access_offset, sizeof access);
        double ms = (double)(TM_PLANTED(ttl_too_short) ? ttl->ms / 2 : ttl->ms);
        if ((there & ttl->bits) != 0 && access + ms <= now)
            bits |= there & ttl->bits;
    }
    return bits;
}

// 1: there is more than *budget allows to look at; 0; TM_E_MEMORY.
static int forget_expired(struct tm__operator_keyed *keyed, const struct tm_key *key,
                          uint32_t *budget)
{
    uint8_t *value = tm_state_upsert(keyed->state, keyed->ns, key, NULL);
    if (value == NULL)
        return TM_E_MEMORY;
    uint64_t *there = (uint64_t *)(void *)value, gone = tm__operator_keyed_expired(keyed, value);
    for (uint32_t bit = 0; bit < keyed->record.value_count; bit++) {
        uint32_t offset = keyed->record.blob_offsets[bit];
        if ((gone >> bit & 1) == 0 || offset == 0)
            continue;
        int rc =
            tm_state_blob_set(keyed->state, keyed->ns, tm_state_key_group(keyed->state, key->hash),
                              (struct tm_blob *)(void *)(value + offset), "", 0);
        if (rc != 0)
            return rc;
    }
    *there &= ~gone;
    int more = keyed->record.collections_expire
                   ? tm__operator_collections_sweep(keyed, key, value, budget)
                   : 0;
    int rc = more == 0 && *there == 0 ? tm_state_remove(keyed->state, keyed->ns, key) : 0;
    return rc < 0 ? rc : more;
}

// Keys of some entries in which something is over, one behind the other in `gone`: hash, length,
// bytes. The search goes on where it ended, round and round.
static int find_expired(struct tm__operator_keyed *keyed)
{
    struct tm_state_cursor cursor;
    uint32_t max, first, last;
    tm_state_key_groups(keyed->state, &max, &first, &last);
    uint64_t count = tm_state_namespace_size(keyed->ns);
    uint32_t left = count < TM_SWEEP_ENTRIES ? (uint32_t)count : TM_SWEEP_ENTRIES;
    keyed->gone.size_bytes = 0;
    for (uint32_t groups = last - first + 1; left != 0 && groups != 0; groups--) {
        struct tm_key key;
        const void *value;
        tm_state_iterate_from(keyed->state, keyed->ns, keyed->sweep_group, keyed->sweep_position,
                              &cursor);
        while (left != 0 && tm_state_next(&cursor, &key, &value)) {
            left--;
            keyed->sweep_position = (uint32_t)key.hash + 1; // 0: the last there can be
            if (tm__operator_keyed_expired(keyed, value) == 0 &&
                !tm__operator_collections_expire(keyed, value))
                continue;
            uint64_t head[2] = {key.hash, key.length};
            int rc = tm_buf_append(&keyed->gone, head, sizeof head);
            if (rc == 0)
                rc = tm_buf_append(&keyed->gone, key.bytes, key.length);
            if (rc != 0)
                return rc;
        }
        if (cursor.code != 0)
            return cursor.code;
        if (left == 0 && keyed->sweep_position != 0)
            return 0;
        keyed->sweep_position = 0;
        keyed->sweep_group = keyed->sweep_group == last ? first : keyed->sweep_group + 1;
    }
    return 0;
}

static int sweep(struct tm__operator_keyed *keyed)
{
    uint32_t budget = TM_SWEEP_VALUES;
    int rc = find_expired(keyed);
    for (size_t at = 0; rc == 0 && at < keyed->gone.size_bytes;) {
        uint64_t head[2];
        memcpy(head, keyed->gone.data + at, sizeof head);
        const struct tm_key key = {.hash = head[0],
                                   .bytes = keyed->gone.data + at + sizeof head,
                                   .length = (uint32_t)head[1]};
        rc = forget_expired(keyed, &key, &budget);
        at += sizeof head + key.length;
        if (rc == 1) { // here it goes on
            keyed->sweep_group = tm_state_key_group(keyed->state, key.hash);
            keyed->sweep_position = (uint32_t)key.hash;
        }
    }
    return rc < 0 ? rc : 0;
}

int tm__operator_keyed_leave(struct tm__operator_keyed *keyed)
{
    int rc = is_stateless(keyed) || are_full(keyed) ? 0 : remove_empty(keyed);
    if (rc == 0 && (keyed->record.ttl_count != 0 || keyed->record.collections_expire))
        rc = sweep(keyed);
    keyed->block->count = 0;
    return rc;
}

// --- the journal ---------------------------------------------------------------------------------

// What a call has left that has returned stays: only few of its changes need a word about that.
int tm__operator_keyed_make_room(struct tm__operator_keyed *keyed, size_t bytes)
{
    if (keyed->call != keyed->entry->call) {
        keyed->call = keyed->entry->call;
        keyed->changes.size_bytes = 0;
        keyed->bytes.size_bytes = 0;
        if (TM_UNLIKELY(keyed->bytes.capacity_bytes > TM_CALL_BYTES_KEPT))
            tm_buf_fini(&keyed->bytes);
    }
    int noted = tm__operator_collections_note_written(keyed);
    if (noted != 0)
        return noted;
    if (keyed->changes.size_bytes / sizeof(struct tm__operator_change) >= TM_CALL_CHANGES_MAX ||
        keyed->bytes.size_bytes + bytes > TM_CALL_CHANGES_BYTES_MAX)
        return TM_E_LIMIT;
    int rc = tm_buf_reserve(&keyed->changes, sizeof(struct tm__operator_change));
    return rc == 0 ? tm_buf_reserve(&keyed->bytes, bytes) : rc;
}

static int set_blob(struct tm__operator_keyed *keyed, uint32_t index, struct tm_blob *blob,
                    const void *p, uint32_t length)
{
    return tm_state_blob_set(keyed->state, keyed->ns, tm__operator_keyed_group(keyed, index), blob,
                             p == NULL ? "" : p, length);
}

const uint8_t *tm__operator_keyed_blob(struct tm__operator_keyed *keyed, uint8_t **slot,
                                       const uint8_t *ref)
{
    uint32_t index = tm__operator_keyed_index(keyed, slot);
    return tm_state_blob_get(keyed->state, tm__operator_keyed_group(keyed, index),
                             (const struct tm_blob *)(const void *)ref);
}

// The old value stays until the call has returned.
int tm__operator_keyed_keep(struct tm__operator_keyed *keyed, uint8_t **slot, uint8_t *ref,
                            const uint8_t *p, uint32_t length)
{
    struct tm_blob *blob = (struct tm_blob *)(void *)ref;
    struct tm__operator_change change = {.kind = TM__CHANGE_VALUE,
                                         .index = tm__operator_keyed_index(keyed, slot),
                                         .value.old = *blob};
    int rc = tm__operator_keyed_prepare(keyed, 0);
    if (rc == 0)
        rc = set_blob(keyed, change.index, &change.value.fresh, p, length);
    if (rc != 0)
        return rc;
    tm__operator_keyed_note(keyed, &change);
    keyed->entry->journal++;
    *blob = change.value.fresh;
    return 0;
}

int tm__operator_keyed_timer(struct tm__operator_keyed *keyed, uint8_t **slot,
                             enum tm_timer_domain domain, bool remove, int64_t at, const char *name,
                             uint32_t length)
{
    struct tm__operator_change change = {.kind = remove ? TM__CHANGE_TIMER_REMOVED
                                                        : TM__CHANGE_TIMER_ADDED,
                                         .domain = (uint8_t)domain,
                                         .index = tm__operator_keyed_index(keyed, slot),
                                         .timer.time = at,
                                         .timer.name_length = length};
    const struct tm_timer timer = {
        .time = at, .key = keyed->block->keys[change.index], .name = name, .name_length = length};
    int rc = tm__operator_keyed_prepare(keyed, length);
    if (rc == 0)
        rc = remove ? tm_timers_remove(keyed->timers, domain, &timer)
                    : tm_timers_add(keyed->timers, domain, &timer);
    if (rc <= 0)
        return rc;
    change.timer.name = tm__operator_keyed_put_aside(keyed, name, length);
    tm__operator_keyed_note(keyed, &change);
    return 1;
}

static int undo_timer(struct tm__operator_keyed *keyed, const struct tm__operator_change *change)
{
    const struct tm_timer timer = {.time = change->timer.time,
                                   .key = keyed->block->keys[change->index],
                                   .name = keyed->bytes.data + change->timer.name,
                                   .name_length = change->timer.name_length};
    int rc = change->kind == TM__CHANGE_TIMER_ADDED
                 ? tm_timers_remove(keyed->timers, change->domain, &timer)
                 : tm_timers_add(keyed->timers, change->domain, &timer);
    return rc < 0 ? rc : 0;
}

static int undo(struct tm__operator_keyed *keyed, struct tm__operator_change *change)
{
    switch (change->kind) {
    case TM__CHANGE_VALUE:
        return set_blob(keyed, change->index, &change->value.fresh, NULL, 0);
    case TM__CHANGE_TIMER_ADDED:
    case TM__CHANGE_TIMER_REMOVED:
        return TM_PLANTED(timers_not_undone) ? 0 : undo_timer(keyed, change);
    case TM__CHANGE_LIST_APPENDED:
        if (TM_PLANTED(lists_not_undone))
            return 0;
        return tm__operator_collection_undo(keyed, change);
    default:
        return TM_PLANTED(maps_not_undone) ? 0 : tm__operator_collection_undo(keyed, change);
    }
}

int tm__operator_keyed_forget(struct tm__operator_keyed *keyed, uint32_t index)
{
    const struct tm__operator_record *record = &keyed->record;
    uint8_t *value = keyed->slots[index];
    uint64_t there;
    int rc = tm__operator_keyed_settle(keyed, true);
    memcpy(&there, value, sizeof there);
    for (uint32_t bit = 0; bit < record->value_count && rc == 0; bit++)
        if ((there >> bit & 1) != 0 && record->blob_offsets[bit] != 0)
            rc = set_blob(keyed, index,
                          (struct tm_blob *)(void *)(value + record->blob_offsets[bit]), NULL, 0);
    for (uint32_t n = 0; n < record->collection_count && rc == 0; n++)
        if ((there >> record->collections[n].bit & 1) != 0)
            rc = tm__operator_collections.clear(keyed, keyed->slots + index + 1, n);
    if (rc == 0)
        rc = tm__operator_keyed_settle(keyed, true);
    if (rc == 0)
        memset(value, 0, record->bytes);
    return rc;
}

static int keep(struct tm__operator_keyed *keyed, struct tm__operator_change *change)
{
    if (change->kind == TM__CHANGE_VALUE)
        return set_blob(keyed, change->index, &change->value.old, NULL, 0);
    if (change->kind == TM__CHANGE_CLEARED)
        tm__operator_collection_drop(keyed, change);
    return 0;
}

// Backwards, where it is undone: the same value or timer may have been changed twice.
int tm__operator_keyed_settle(struct tm__operator_keyed *keyed, bool keeps)
{
    struct tm__operator_change *changes = (void *)keyed->changes.data;
    size_t count = keyed->changes.size_bytes / sizeof *changes;
    int rc = 0;
    if (keyed->call != keyed->entry->call) // the call has changed nothing
        count = 0;
    if (!keeps)
        tm__operator_collections_take_back(keyed);
    for (size_t i = count; i > 0 && rc == 0; i--)
        rc = keeps ? keep(keyed, &changes[i - 1]) : undo(keyed, &changes[i - 1]);
    keyed->changes.size_bytes = 0;
    keyed->bytes.size_bytes = 0;
    keyed->entry->journal = 0;
    keyed->mutations++;
    return rc;
}
