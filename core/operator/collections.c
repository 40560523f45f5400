// Maps and lists of a record, one entry at a time, and the inverse of every change.
#include "core/operator/collections_private.h"

#include <math.h>

#include "core/base/hash.h"

static struct tm_key key_of(const uint8_t *bytes, uint32_t length)
{
    return (struct tm_key){.hash = tm_hash_bytes(bytes, length), .bytes = bytes, .length = length};
}

static int found(struct tm__operator_keyed *keyed, const struct tm__operator_collection_at *at,
                 const struct tm_span *value)
{
    uint32_t access_bytes = tm__operator_collection_access_bytes(at->spec);
    keyed->entry->found = (const uint8_t *)value->bytes + access_bytes;
    keyed->entry->found_length = (int32_t)(value->length - access_bytes);
    return 1;
}

// What the access of an entry does to the bounds of its collection.
static void note_access(const struct tm__operator_collection_at *at, double access, bool first)
{
    struct tm__operator_collection *head = at->head;
    if (at->spec->ttl_ms == 0)
        return;
    if (first || access < head->oldest)
        head->oldest = access;
    if (first || access >= head->newest)
        head->newest = access;
    else
        head->newest = (double)INFINITY;
}

// --- maps ----------------------------------------------------------------------------------------

int tm__operator_map_access(struct tm__operator_keyed *keyed,
                            const struct tm__operator_collection_at *at, uint32_t index, uint32_t n,
                            const struct tm_key *key, double access)
{
    struct tm__operator_change change = {
        .kind = TM__CHANGE_MAP_OLD, .n = (uint8_t)n, .index = index};
    void *value;
    uint32_t length;
    int rc = tm_state_map_edit(&at->place, &at->head->map, key, &value, &length);
    if (rc == 1)
        rc = tm__operator_keyed_prepare(keyed, (size_t)key->length + length);
    if (rc < 0)
        return rc;
    change.entry.bytes = tm__operator_keyed_put_aside(keyed, key->bytes, key->length);
    change.entry.key_length = key->length;
    (void)tm__operator_keyed_put_aside(keyed, value, length);
    change.entry.value_length = length;
    tm__operator_keyed_note(keyed, &change);
    memcpy(value, &access, sizeof access);
    return 0;
}

// 1: *value; 0; negative.
static int look_up(struct tm__operator_keyed *keyed, const struct tm__operator_collection_at *at,
                   struct tm_chain_known *known, const struct tm_key *key, struct tm_span *value)
{
    bool own;
    int rc = tm_state_map_find(&at->place, &at->head->map, key, value, &own);
    if (rc == 0)
        *value = (struct tm_span){0};
    if (rc == 0 || (rc == 1 && own)) {
        int failed = tm__operator_know(keyed, at, known, key, (void *)(uintptr_t)value->bytes,
                                       value->length);
        if (failed != 0)
            return failed;
    }
    return rc;
}

static int map_find(void *arg, uint8_t **slot, uint32_t n, const uint8_t *bytes,
                    uint32_t key_length, double access)
{
    struct tm__operator_keyed *keyed = arg;
    uint32_t index = tm__operator_keyed_index(keyed, slot);
    const struct tm__operator_collection_at at = tm__operator_collection_of(keyed, index, n);
    struct tm_chain_known *known = tm__operator_known_of(keyed, index, n);
    struct tm_span value = {known->value, (uint32_t)known->length};
    if (at.head->map.root == 0)
        return 0;
    if (!tm__operator_is_known(known, &at.head->map, bytes, key_length)) {
        const struct tm_key key = key_of(bytes, key_length);
        int rc = look_up(keyed, &at, known, &key, &value);
        if (rc != 1)
            return rc;
    }
    if (value.bytes == NULL || tm__operator_collection_is_over(keyed, at.spec, value.bytes))
        return 0;
    if (at.spec->refreshes && tm__operator_collection_access(value.bytes) < access) {
        const struct tm_key key = key_of(bytes, key_length);
        int rc = tm__operator_map_access(keyed, &at, index, n, &key, access);
        if (rc == 0)
            rc = tm_state_map_get(&at.place, &at.head->map, &key, &value);
        if (rc < 0)
            return rc;
    }
    return found(keyed, &at, &value);
}

// An entry that was there goes to the journal: the same call may fail.
static inline void put_aside(struct tm__operator_keyed *keyed, struct tm__operator_change *change,
                             const struct tm_key *key, const void *old, uint32_t length)
{
    change->entry.bytes = tm__operator_keyed_put_aside(keyed, key->bytes, key->length);
    change->entry.key_length = key->length;
    if (change->kind == TM__CHANGE_MAP_OLD) {
        (void)tm__operator_keyed_put_aside(keyed, old, length);
        change->entry.value_length = length;
    }
    tm__operator_keyed_note(keyed, change);
}

// Of a map whose values are all of one length. 1: new; 0: it was there.
static int upsert_fixed(struct tm__operator_keyed *keyed,
                        const struct tm__operator_collection_at *at,
                        struct tm__operator_change *change, const struct tm_key *key,
                        uint32_t length, uint8_t **to)
{
    struct tm_chain_known *known = tm__operator_known_of(keyed, change->index, change->n);
    int rc = tm__operator_keyed_prepare(keyed, (size_t)key->length + length);
    if (rc != 0)
        return rc;
    *to = NULL;
    if (tm__operator_is_known(known, &at->head->map, key->bytes, key->length))
        *to = (uint8_t *)known->value;
    if (*to == NULL) {
        const struct tm_key whole = key_of(key->bytes, key->length);
        rc = tm_state_map_upsert(&at->place, &at->head->map, &whole, length, (void **)to);
        if (rc < 0)
            return rc;
        int failed = tm__operator_know(keyed, at, known, &whole, *to, length);
        TM_CHECK(failed == 0); // what was written is in the journal already
    }
    known->call = keyed->entry->call;
    known->journaled = 1;
    change->kind = rc == 1 ? TM__CHANGE_MAP_NEW : TM__CHANGE_MAP_OLD;
    put_aside(keyed, change, key, *to, length);
    return rc;
}

// The same where lengths differ: what was there is put aside before it is gone, its access stays.
static int upsert_varying(struct tm__operator_keyed *keyed,
                          const struct tm__operator_collection_at *at,
                          struct tm__operator_change *change, const struct tm_key *key,
                          uint32_t length, uint8_t **to)
{
    const struct tm_key whole = key_of(key->bytes, key->length);
    struct tm_span old = {0};
    int rc = tm_state_map_get(&at->place, &at->head->map, &whole, &old);
    bool there = rc == 1;
    if (rc >= 0)
        rc = tm__operator_keyed_prepare(keyed, (size_t)key->length + old.length);
    if (rc != 0)
        return rc;
    double was = 0;
    uint8_t *kept = keyed->bytes.data + keyed->bytes.size_bytes + key->length;
    if (there)
        memcpy(kept, old.bytes, old.length);
    if (there && at->spec->ttl_ms != 0)
        was = tm__operator_collection_access(kept);
    rc = tm_state_map_upsert(&at->place, &at->head->map, &whole, length, (void **)to);
    if (rc < 0)
        return rc;
    change->kind = there ? TM__CHANGE_MAP_OLD : TM__CHANGE_MAP_NEW;
    change->entry.bytes = tm__operator_keyed_put_aside(keyed, key->bytes, key->length);
    change->entry.key_length = key->length;
    change->entry.value_length = old.length;
    keyed->bytes.size_bytes += old.length;
    tm__operator_keyed_note(keyed, change);
    if (at->spec->ttl_ms != 0)
        memcpy(*to, &was, sizeof was);
    return !there;
}

static int map_put(void *arg, uint8_t **slot, uint32_t n, const uint8_t *bytes, uint32_t key_length,
                   const uint8_t *value, uint32_t length, double access)
{
    struct tm__operator_keyed *keyed = arg;
    struct tm__operator_change change = {.n = (uint8_t)n,
                                         .index = tm__operator_keyed_index(keyed, slot)};
    const struct tm__operator_collection_at at = tm__operator_collection_of(keyed, change.index, n);
    const struct tm_key key = {.bytes = bytes, .length = key_length};
    uint32_t access_bytes = tm__operator_collection_access_bytes(at.spec);
    uint8_t *to = NULL;
    if (key_length > TM_STATE_MAP_KEY_BYTES_MAX || length > TM_STATE_COLLECTION_VALUE_BYTES_MAX)
        return TM_E_LIMIT;
    struct tm_chain_known *known = tm__operator_known_of(keyed, change.index, n);
    if (at.spec->is_word && known->value != NULL &&
        tm__operator_is_known(known, &at.head->map, bytes, key_length)) {
        tm__operator_save_known(keyed, known);
        memcpy(known->value, value, sizeof *known->value);
        return 0;
    }
    int rc = (at.spec->is_fixed ? upsert_fixed : upsert_varying)(keyed, &at, &change, &key,
                                                                 access_bytes + length, &to);
    if (rc < 0)
        return rc;
    if (access_bytes != 0) {
        double was = tm__operator_collection_access(to);
        if (rc == 0 && was > access && !tm__operator_collection_is_over(keyed, at.spec, to))
            access = was;
        memcpy(to, &access, sizeof access);
        note_access(&at, access, rc == 1 && at.head->map.count == 1);
    }
    tm__operator_keyed_copy(to + access_bytes, value, length);
    tm__operator_collection_mark(&at, true);
    return 0;
}

// An empty map has no memory, so that its record can go.
static void shed_map(struct tm__operator_keyed *keyed, const struct tm__operator_collection_at *at,
                     uint32_t index, uint32_t n)
{
    if (at->head->map.count != 0)
        return;
    tm_state_map_clear(&at->place, &at->head->map);
    tm__operator_collection_lose_walks(keyed, index, n, false);
    tm__operator_collection_mark(at, false);
}

static int map_remove(void *arg, uint8_t **slot, uint32_t n, const uint8_t *bytes,
                      uint32_t key_length)
{
    struct tm__operator_keyed *keyed = arg;
    struct tm__operator_change change = {.kind = TM__CHANGE_MAP_OLD,
                                         .n = (uint8_t)n,
                                         .index = tm__operator_keyed_index(keyed, slot)};
    const struct tm__operator_collection_at at = tm__operator_collection_of(keyed, change.index, n);
    if (at.head->map.root == 0)
        return 0;
    const struct tm_key key = key_of(bytes, key_length);
    struct tm_span old;
    int rc = tm_state_map_get(&at.place, &at.head->map, &key, &old);
    if (rc == 1) {
        rc = tm__operator_keyed_prepare(keyed, (size_t)key_length + old.length);
        if (rc == 0) {
            memcpy(keyed->bytes.data + keyed->bytes.size_bytes + key_length, old.bytes, old.length);
            rc = tm_state_map_remove(&at.place, &at.head->map, &key);
        }
    }
    if (rc != 1)
        return rc;
    change.entry.bytes = tm__operator_keyed_put_aside(keyed, key.bytes, key_length);
    change.entry.key_length = key_length;
    change.entry.value_length = old.length;
    keyed->bytes.size_bytes += old.length;
    tm__operator_keyed_note(keyed, &change);
    shed_map(keyed, &at, change.index, n);
    return 0;
}

// --- lists ---------------------------------------------------------------------------------------

// Values of one call that are appended one after the other are one change.
static bool is_of_last_append(const struct tm__operator_keyed *keyed, uint32_t index, uint32_t n)
{
    const struct tm__operator_change *last =
        (const void *)(keyed->changes.data + keyed->changes.size_bytes);
    return keyed->call == keyed->entry->call && keyed->changes.size_bytes != 0 &&
           last[-1].kind == TM__CHANGE_LIST_APPENDED && last[-1].index == index && last[-1].n == n;
}

static int list_append(void *arg, uint8_t **slot, uint32_t n, const uint8_t *value, uint32_t length,
                       double access)
{
    struct tm__operator_keyed *keyed = arg;
    struct tm__operator_change change = {.kind = TM__CHANGE_LIST_APPENDED,
                                         .n = (uint8_t)n,
                                         .index = tm__operator_keyed_index(keyed, slot),
                                         .appended.count = 1};
    const struct tm__operator_collection_at at = tm__operator_collection_of(keyed, change.index, n);
    bool joins = is_of_last_append(keyed, change.index, n);
    int rc = length > TM_STATE_COLLECTION_VALUE_BYTES_MAX ? TM_E_LIMIT : 0;
    if (rc == 0 && !joins)
        rc = tm__operator_keyed_prepare(keyed, 0);
    if (rc == 0 && at.spec->ttl_ms != 0) {
        keyed->scratch.size_bytes = 0;
        rc = tm_buf_append(&keyed->scratch, &access, sizeof access);
        if (rc == 0)
            rc = tm_buf_append(&keyed->scratch, value, length);
        value = keyed->scratch.data;
        length = (uint32_t)keyed->scratch.size_bytes;
    }
    if (rc == 0)
        rc = tm_state_list_append(&at.place, &at.head->list, value, length);
    if (rc != 0)
        return rc;
    if (joins) {
        struct tm__operator_change *last =
            (void *)(keyed->changes.data + keyed->changes.size_bytes - sizeof change);
        last->appended.count++;
        keyed->mutations++;
    } else {
        change.appended.newest = at.spec->ttl_ms != 0 ? at.head->newest : 0;
        tm__operator_keyed_note(keyed, &change);
    }
    note_access(&at, access, at.head->list.count == 1);
    tm__operator_collection_mark(&at, true);
    return 0;
}

int64_t tm__operator_collection_skip(const struct tm__operator_keyed *keyed,
                                     const struct tm__operator_collection_at *at)
{
    uint32_t low = 0, high = 0, count = at->head->list.count, step = 1;
    if (tm__operator_collection_is_fresh(keyed, at))
        return 0;
    while (low < count) { // those over are few, as a rule: by steps that grow, then by halves
        uint32_t i = low + step <= count ? low + step - 1 : count - 1;
        struct tm_span value;
        int rc = tm_state_list_get(&at->place, &at->head->list, i, &value);
        if (rc < 0)
            return rc;
        if (!tm__operator_collection_is_over(keyed, at->spec, value.bytes)) {
            high = i;
            break;
        }
        low = high = i + 1;
        step *= 2;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct tm_span value;
        int rc = tm_state_list_get(&at->place, &at->head->list, middle, &value);
        if (rc < 0)
            return rc;
        if (tm__operator_collection_is_over(keyed, at->spec, value.bytes))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int tm__operator_list_access(struct tm__operator_keyed *keyed,
                             const struct tm__operator_collection_at *at, uint32_t index,
                             uint32_t n, uint32_t i, double access)
{
    struct tm__operator_change change = {
        .kind = TM__CHANGE_LIST_ACCESSED, .n = (uint8_t)n, .index = index, .accessed.i = i};
    void *value;
    uint32_t length;
    int rc = tm__operator_keyed_prepare(keyed, 0);
    if (rc == 0)
        rc = tm_state_list_edit(&at->place, &at->head->list, i, &value, &length);
    if (rc < 0)
        return rc;
    change.accessed.access = tm__operator_collection_access(value);
    tm__operator_keyed_note(keyed, &change);
    memcpy(value, &access, sizeof access);
    if (i + 1 != at->head->list.count) // those behind it are older now
        at->head->newest = (double)INFINITY;
    else if (at->head->newest < access)
        at->head->newest = access;
    return 0;
}

// Value `i` of those that are not over, where they do not go from the front: 1, *at_i; 0.
static int find_among_all(const struct tm__operator_keyed *keyed,
                          const struct tm__operator_collection_at *at, uint32_t i, uint32_t *at_i)
{
    struct tm_span values[TM_STATE_LIST_SOME];
    int count;
    for (uint32_t first = 0;; first += (uint32_t)count) {
        count = tm_state_list_some(&at->place, &at->head->list, first, values, TM_STATE_LIST_SOME);
        if (count <= 0)
            return count;
        for (uint32_t k = 0; k < (uint32_t)count; k++) {
            if (tm__operator_collection_is_over(keyed, at->spec, values[k].bytes) || i-- != 0)
                continue;
            *at_i = first + k;
            return 1;
        }
    }
}

static int list_find(void *arg, uint8_t **slot, uint32_t n, double number, double access)
{
    struct tm__operator_keyed *keyed = arg;
    uint32_t index = tm__operator_keyed_index(keyed, slot);
    const struct tm__operator_collection_at at = tm__operator_collection_of(keyed, index, n);
    if (!(number >= 1 && number <= at.head->list.count) || number != floor(number))
        return 0;
    uint32_t i = (uint32_t)number - 1;
    struct tm_span value;
    int rc = 1;
    if (!tm__operator_collection_is_fresh(keyed, &at)) {
        if (tm__operator_collection_ascends(&at)) {
            int64_t skip = tm__operator_collection_skip(keyed, &at);
            if (skip < 0)
                return (int)skip;
            i += (uint32_t)skip;
        } else {
            rc = find_among_all(keyed, &at, i, &i);
        }
    }
    if (rc == 1)
        rc = tm_state_list_get(&at.place, &at.head->list, i, &value);
    if (rc != 1)
        return rc;
    if (at.spec->refreshes && tm__operator_collection_access(value.bytes) < access) {
        rc = tm__operator_list_access(keyed, &at, index, n, i, access);
        if (rc == 0)
            rc = tm_state_list_get(&at.place, &at.head->list, i, &value);
        if (rc < 0)
            return rc;
    }
    return found(keyed, &at, &value);
}

// --- all of one ----------------------------------------------------------------------------------

static size_t head_bytes(const struct tm__operator_collection_spec *spec)
{
    return spec->ttl_ms != 0 ? sizeof(struct tm__operator_collection)
                             : TM__OPERATOR_COLLECTION_BYTES;
}

// Its memory stays until the call has returned.
static int clear(void *arg, uint8_t **slot, uint32_t n)
{
    struct tm__operator_keyed *keyed = arg;
    struct tm__operator_change change = {.kind = TM__CHANGE_CLEARED,
                                         .n = (uint8_t)n,
                                         .index = tm__operator_keyed_index(keyed, slot)};
    const struct tm__operator_collection_at at = tm__operator_collection_of(keyed, change.index, n);
    size_t size = head_bytes(at.spec);
    if (tm__operator_collection_count(&at) == 0)
        return 0;
    int rc = tm__operator_keyed_prepare(keyed, size);
    if (rc != 0)
        return rc;
    change.cleared = tm__operator_keyed_put_aside(keyed, at.head, size);
    tm__operator_keyed_note(keyed, &change);
    keyed->entry->journal++;
    uint32_t changes = at.head->map.changes + 1;
    memset(at.head, 0, size);
    if (at.spec->is_map)
        at.head->map.changes = changes;
    tm__operator_collection_mark(&at, false);
    tm__operator_collection_lose_walks(keyed, change.index, n, true);
    return 0;
}

static void free_entries(const struct tm__operator_collection_at *at,
                         struct tm__operator_collection *head)
{
    if (at->spec->is_map)
        tm_state_map_clear(&at->place, &head->map);
    else
        tm_state_list_clear(&at->place, &head->list);
}

void tm__operator_collection_drop(struct tm__operator_keyed *keyed,
                                  const struct tm__operator_change *change)
{
    const struct tm__operator_collection_at at =
        tm__operator_collection_of(keyed, change->index, change->n);
    struct tm__operator_collection old;
    memcpy(&old, keyed->bytes.data + change->cleared, head_bytes(at.spec));
    free_entries(&at, &old);
}

// --- back ----------------------------------------------------------------------------------------

static int undo_old_entry(struct tm__operator_keyed *keyed,
                          const struct tm__operator_collection_at *at,
                          const struct tm__operator_change *change)
{
    const uint8_t *bytes = keyed->bytes.data + change->entry.bytes;
    const struct tm_key key = key_of(bytes, change->entry.key_length);
    const uint8_t *value = bytes + key.length;
    int rc = tm_state_map_put(&at->place, &at->head->map, &key, value, change->entry.value_length);
    if (rc >= 0 && at->spec->ttl_ms != 0)
        note_access(at, tm__operator_collection_access(value), at->head->map.count == 1);
    return rc;
}

static int undo_access(const struct tm__operator_collection_at *at,
                       const struct tm__operator_change *change)
{
    void *value;
    uint32_t length;
    int rc = tm_state_list_edit(&at->place, &at->head->list, change->accessed.i, &value, &length);
    if (rc == 1) {
        memcpy(value, &change->accessed.access, sizeof(double));
        at->head->oldest = fmin(at->head->oldest, change->accessed.access);
    }
    return rc;
}

// No number of its structure comes twice.
static void undo_clear(const struct tm__operator_keyed *keyed,
                       const struct tm__operator_collection_at *at,
                       const struct tm__operator_change *change)
{
    free_entries(at, at->head);
    uint32_t changes = at->head->map.changes + 1;
    memcpy(at->head, keyed->bytes.data + change->cleared, head_bytes(at->spec));
    if (at->spec->is_map)
        at->head->map.changes = changes;
}

int tm__operator_collection_undo(struct tm__operator_keyed *keyed,
                                 const struct tm__operator_change *change)
{
    const struct tm__operator_collection_at at =
        tm__operator_collection_of(keyed, change->index, change->n);
    int rc = 0;
    switch (change->kind) {
    case TM__CHANGE_MAP_NEW: {
        const struct tm_key key =
            key_of(keyed->bytes.data + change->entry.bytes, change->entry.key_length);
        rc = tm_state_map_remove(&at.place, &at.head->map, &key);
        break;
    }
    case TM__CHANGE_MAP_OLD:
        rc = undo_old_entry(keyed, &at, change);
        break;
    case TM__CHANGE_LIST_APPENDED:
        rc = tm_state_list_remove_last(&at.place, &at.head->list, change->appended.count);
        if (at.spec->ttl_ms != 0)
            at.head->newest = change->appended.newest;
        break;
    case TM__CHANGE_LIST_ACCESSED:
        rc = undo_access(&at, change);
        break;
    default: // TM__CHANGE_CLEARED
        undo_clear(keyed, &at, change);
    }
    if (rc < 0)
        return rc;
    if (tm__operator_collection_count(&at) == 0)
        free_entries(&at, at.head);
    tm__operator_collection_mark(&at, tm__operator_collection_count(&at) != 0);
    return 0;
}

const struct tm_vm_collections tm__operator_collections = {
    .map_find = map_find,
    .map_put = map_put,
    .map_remove = map_remove,
    .list_append = list_append,
    .list_find = list_find,
    .size = tm__operator_collection_size,
    .clear = clear,
    .walk = tm__operator_collection_walk,
    .walk_next = tm__operator_collection_walk_next,
};
