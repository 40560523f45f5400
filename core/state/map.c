// Maps: finding, putting, removing, walking, sifting. map_look.c finds entries of many maps at
// once, map_tree.c has the directory, map_bucket.c the buckets.
#include "core/state/map_tree.h"

// --- finding -------------------------------------------------------------------------------------

// Of keys with one tag: the order of an entry and a key by hash, bytes, length.
static int compare(const struct tm__entry *entry, const struct tm_key *key)
{
    uint64_t hash = tm_hash_bytes(entry->key, entry->key_length);
    if (hash != key->hash)
        return hash < key->hash ? -1 : 1;
    uint32_t length = entry->key_length < key->length ? entry->key_length : key->length;
    int order = length == 0 ? 0 : memcmp(entry->key, key->bytes, length);
    return order != 0 ? order
                      : (entry->key_length > key->length) - (entry->key_length < key->length);
}

// From slot *i on, the first of those with the key's tag: its place. 1: it is there; 0: it would
// stand at *i; TM_E_MEMORY.
static int find_among_equal_tags(const struct tm_state *state, const struct tm__state_group *group,
                                 const struct tm__bucket *bucket, const struct tm_key *key,
                                 uint32_t *i)
{
    uint32_t low = *i, high = low;
    while (high < bucket->count && tm__slot_tag(bucket->slot[high]) == key->hash >> 32)
        high++;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct tm__entry entry;
        if (!tm__bucket_entry(state, group, bucket, middle, &entry))
            return TM_E_MEMORY;
        int order = compare(&entry, key);
        if (order == 0) {
            *i = middle;
            return 1;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *i = low;
    return 0;
}

static inline int find_plain(const struct tm__bucket *bucket, const struct tm_key *key, uint32_t *i)
{
    *i = bucket->count;
    if (TM_LIKELY(key->length == TM__UNIT_BYTES))
        *i = tm__plain_find(bucket, tm__state_word(key->bytes));
    if (TM_LIKELY(*i < bucket->count))
        return 1;
    *i = tm__plain_seek(bucket, key->hash);
    if (*i < bucket->count) { // of a longer key with the same hash?
        struct tm__entry entry;
        (void)tm__bucket_entry(NULL, NULL, bucket, *i, &entry);
        *i += compare(&entry, key) < 0;
    }
    return 0;
}

// 1: entry *i of the bucket is the key's; 0: it would stand there; TM_E_MEMORY.
static inline int find(const struct tm_state *state, const struct tm__state_group *group,
                       const struct tm__bucket *bucket, uint32_t prefix, const struct tm_key *key,
                       uint32_t *i)
{
    if (TM_LIKELY(bucket->stride != 0))
        return find_plain(bucket, key, i);
    *i = tm__bucket_seek(bucket, key->hash >> 32 << 32, tm__map_rest(key->hash, prefix));
    if (*i == bucket->count)
        return 0;
    uint64_t slot = bucket->slot[*i];
    if (tm__slot_tag(slot) != key->hash >> 32)
        return 0;
    if (TM_LIKELY(tm__slot_key_length(slot) == key->length && !tm__slot_is_far(slot)) &&
        TM_LIKELY(tm__state_key_bytes_equal(tm__bucket_item(bucket, slot) +
                                                tm__state_padded(tm__slot_value_length(slot)),
                                            key->bytes, key->length)))
        return 1;
    return find_among_equal_tags(state, group, bucket, key, i);
}

// Along buckets of one hash to the one where the key is or belongs. Results as of find.
static int find_in_chain(const struct tm_state *state, const struct tm__state_group *group,
                         const struct tm__bucket **bucket, struct tm__map_path *path,
                         const struct tm_key *key, uint32_t *i)
{
    for (;;) {
        int rc = find(state, group, *bucket, path->prefix, key, i);
        if (rc != 0 || TM_LIKELY((*bucket)->next == 0) || *i < (*bucket)->count)
            return rc;
        path->previous = path->bucket;
        path->bucket = (*bucket)->next;
        *bucket = (const void *)tm__state_read(state, group, path->bucket);
        if (*bucket == NULL)
            return TM_E_MEMORY;
    }
}

// 1: *bucket, *i; 0: not there (*bucket NULL where there is no bucket); TM_E_MEMORY.
static inline int look_up(const struct tm_state *state, const struct tm__state_group *group,
                          const struct tm_state_map *map, const struct tm_key *key,
                          struct tm__map_path *path, const struct tm__bucket **bucket, uint32_t *i)
{
    *bucket = tm__map_descend(state, group, map->root, key->hash, path);
    if (TM_UNLIKELY(*bucket == NULL))
        return path->bucket == 0 ? 0 : TM_E_MEMORY;
    return find_in_chain(state, group, bucket, path, key, i);
}

// What most calls find: the value of an entry that stands in its bucket, first among those of its
// tag. NULL: it may be elsewhere or nowhere. With the flags of its page in *page.
static inline uint8_t *find_fast(const struct tm__state_group *group,
                                 const struct tm_state_map *map, const struct tm_key *key,
                                 uint32_t *length, uintptr_t *page)
{
    uint32_t used = 0, above = 0, reference = map->root;
    const struct tm__bucket *bucket;
    for (;;) {
        *page = group->at[reference >> TM__OFFSET_BITS];
        if (TM_UNLIKELY(reference == 0) || TM_UNLIKELY((*page & TM__PAGE_ABSENT) != 0))
            return NULL;
        bucket = (const void *)tm__state_address(group, reference);
        if (bucket->bits == 0)
            break;
        const struct tm__map_node *node = (const void *)bucket;
        reference = node->child[key->hash << used >> (TM__HASH_BITS - node->bits)];
        above = used;
        used += node->bits;
    }
    if (TM_LIKELY(bucket->stride != 0)) {
        uint32_t i = bucket->count;
        if (TM_LIKELY(key->length == TM__UNIT_BYTES))
            i = tm__plain_find(bucket, tm__state_word(key->bytes));
        *length = tm__plain_value_length(bucket);
        return i == bucket->count ? NULL : (uint8_t *)(tm__plain_entry(bucket, i) + 1);
    }
    uint32_t i = tm__bucket_seek(bucket, key->hash >> 32 << 32,
                                 tm__map_rest(key->hash, above + bucket->depth));
    if (TM_UNLIKELY(i == bucket->count))
        return NULL;
    uint64_t slot = bucket->slot[i];
    *length = tm__slot_value_length(slot);
    uint8_t *item = tm__bucket_item(bucket, slot);
    if (TM_LIKELY((slot ^ key->hash) >> 32 == 0 && tm__slot_key_length(slot) == key->length &&
                  !tm__slot_is_far(slot)) &&
        TM_LIKELY(
            tm__state_key_bytes_equal(item + tm__state_padded(*length), key->bytes, key->length)))
        return item;
    return NULL;
}

int tm_state_map_find(const struct tm_place *place, const struct tm_state_map *map,
                      const struct tm_key *key, struct tm_span *value, bool *own)
{
    const struct tm__state_group *group = tm__pieces_group(place);
    uint32_t length;
    uintptr_t page;
    *own = false;
    if (map->root == 0)
        return 0;
    const uint8_t *item = find_fast(group, map, key, &length, &page);
    if (TM_LIKELY(item != NULL)) {
        *value = (struct tm_span){item, length};
        *own = tm__state_is_own(group, page);
        return 1;
    }
    struct tm__map_path path;
    const struct tm__bucket *bucket;
    uint32_t i;
    int rc = look_up(place->state, group, map, key, &path, &bucket, &i);
    if (rc != 1)
        return rc;
    struct tm__entry entry;
    if (!tm__bucket_entry(place->state, group, bucket, i, &entry))
        return TM_E_MEMORY;
    *value = (struct tm_span){entry.value, entry.value_length};
    return 1;
}

int tm_state_map_get(const struct tm_place *place, const struct tm_state_map *map,
                     const struct tm_key *key, struct tm_span *value)
{
    bool own;
    return tm_state_map_find(place, map, key, value, &own);
}

// The value of an entry, for writing. NULL: out of memory.
static inline void *own_value(const struct tm_place *place, struct tm__state_group *group,
                              uint32_t reference, uint32_t i, uint32_t *length)
{
    const struct tm__bucket *bucket = (const void *)tm__state_own(place->state, group, reference);
    if (TM_UNLIKELY(bucket == NULL))
        return NULL;
    if (TM_LIKELY(bucket->stride != 0)) {
        *length = tm__plain_value_length(bucket);
        return tm__plain_entry(bucket, i) + 1;
    }
    uint8_t *item = tm__bucket_item(bucket, bucket->slot[i]);
    if (TM_UNLIKELY(tm__slot_is_far(bucket->slot[i]))) {
        struct tm__far far;
        memcpy(&far, item, sizeof far);
        *length = far.value_length;
        return tm__state_own(place->state, group, far.reference);
    }
    *length = tm__slot_value_length(bucket->slot[i]);
    return item;
}

int tm_state_map_edit(const struct tm_place *place, struct tm_state_map *map,
                      const struct tm_key *key, void **value, uint32_t *length)
{
    struct tm__state_group *group = tm__pieces_group(place);
    uintptr_t page;
    if (map->root == 0)
        return 0;
    uint8_t *item = find_fast(group, map, key, length, &page);
    if (TM_LIKELY(item != NULL && tm__state_is_own(group, page))) {
        *value = item;
        return 1;
    }
    struct tm__map_path path;
    const struct tm__bucket *bucket;
    uint32_t i;
    int rc = look_up(place->state, group, map, key, &path, &bucket, &i);
    if (rc != 1)
        return rc;
    *value = own_value(place, group, path.bucket, i, length);
    return *value == NULL ? TM_E_MEMORY : 1;
}

// What is asked for with a map itself.
enum { ASKED_BYTES = 256 };

void tm_state_map_ask(const struct tm_place *place, const struct tm_state_map *map)
{
    if (map->root == 0)
        return;
    const char *at = (const char *)(tm__state_raw_address(tm__pieces_group(place), map->root) &
                                    ~(uintptr_t)TM__PAGE_FLAGS);
    __builtin_prefetch(at, 1, 2);
    // A small map is all of it soon: its lines are asked for at once.
    for (uint64_t i = 64; i < map->bytes && i < ASKED_BYTES; i += 64)
        __builtin_prefetch(at + i, 1, 2);
}

// --- putting -------------------------------------------------------------------------------------

static int begin(struct tm__map_change *change, const struct tm_place *place,
                 struct tm_state_map *map)
{
    change->map = map;
    return TM_LIKELY(tm__pieces_begin(&change->pieces, place, &map->bytes)) ? 0 : TM_E_MEMORY;
}

// As look_up; a bucket that is found can be written.
static int look_up_to_change(struct tm__map_change *change, const struct tm_key *key, uint32_t *i)
{
    const struct tm__bucket *bucket;
    int rc = look_up(change->pieces.state, change->pieces.group, change->map, key, &change->path,
                     &bucket, i);
    change->bucket = NULL;
    if (rc < 0 || bucket == NULL)
        return rc;
    change->bucket = tm__piece_own(&change->pieces, change->path.bucket);
    return change->bucket == NULL ? TM_E_MEMORY : rc;
}

// What an entry takes: its item and slot, or, of a plain bucket, itself (0: it cannot stand there).
struct size {
    uint32_t units, stride;
};

// Room for an entry in the bucket where the key belongs; the place in *i, as of look_up_to_change,
// is found anew when the bucket is divided. 0; TM_E_MEMORY.
static int make_room(struct tm__map_change *change, const struct tm_key *key, struct size size,
                     uint32_t *i)
{
    for (;;) {
        const struct tm__bucket *bucket = change->bucket;
        if (bucket == NULL) {
            uint32_t units =
                size.stride != 0 ? tm__plain_units(1, size.stride) : TM__BUCKET_HEAD + size.units;
            *i = 0;
            return tm__map_first_bucket(change, units, size.stride) ? 0 : TM_E_MEMORY;
        }
        bool is_alike = bucket->stride == 0 || bucket->stride == size.stride;
        if (is_alike && tm__bucket_has_room(bucket, size.units))
            return 0;
        uint32_t stride = is_alike ? bucket->stride : 0;
        uint32_t wanted = stride != 0 ? tm__plain_units(bucket->count + 1u, stride)
                                      : tm__bucket_slot_units(bucket) + size.units;
        if (wanted <= TM__BUCKET_UNITS)
            return tm__map_rebuild(change, wanted, stride) ? 0 : TM_E_MEMORY;
        if (!tm__map_split(change))
            return TM_E_MEMORY;
        int rc = look_up_to_change(change, key, i);
        if (rc < 0)
            return rc;
    }
}

// What the entry at i has beside its bucket.
static void drop_far(struct tm__map_change *change, uint32_t i)
{
    uint64_t slot = change->bucket->slot[i];
    if (change->bucket->stride != 0 || !tm__slot_is_far(slot))
        return;
    struct tm__far far;
    memcpy(&far, tm__bucket_item(change->bucket, slot), sizeof far);
    tm__piece_drop(&change->pieces, far.reference, tm__far_bytes(&far));
}

// The item into the bucket, which has room, in place of the one that is `there` or between others.
static uint8_t *write_item(struct tm__map_change *change, uint32_t i, bool there, uint64_t slot,
                           uint32_t units)
{
    if (there) {
        drop_far(change, i);
        tm__bucket_remove(change->bucket, i);
    }
    change->map->count += !there;
    change->map->changes++;
    return tm__bucket_insert(change->bucket, i, slot, units);
}

static int put_near(struct tm__map_change *change, const struct tm_key *key, uint32_t length,
                    bool there, uint32_t i, void **value)
{
    uint64_t slot = tm__slot_of(key->hash, key->length, length, 0);
    uint32_t units = tm__bucket_item_units(slot);
    struct size size = {units + 1, tm__plain_stride(key->length, length)};
    int rc = make_room(change, key, size, &i);
    if (rc < 0)
        return rc;
    if (change->bucket->stride != 0) { // new: what is there has another length
        change->map->count++;
        change->map->changes++;
        *value = tm__plain_insert(change->bucket, i, tm__state_word(key->bytes));
        memset(*value, 0, length);
        return 1;
    }
    uint8_t *item = write_item(change, i, there, slot, units);
    *value = item;
    memset(item, 0, (size_t)units * TM__UNIT_BYTES);
    if (key->length != 0)
        memcpy(item + tm__state_padded(length), key->bytes, key->length);
    return !there;
}

// Key and value in a piece of their own.
static int put_far(struct tm__map_change *change, const struct tm_key *key, uint32_t length,
                   bool there, uint32_t i, void **value)
{
    struct tm__far far = {.key_length = key->length, .value_length = length};
    uint8_t *made = tm__piece_make(&change->pieces, tm__far_bytes(&far), &far.reference);
    if (made == NULL)
        return TM_E_MEMORY;
    uint64_t slot = tm__slot_of(key->hash, 0, 0, 0) | TM__SLOT_FAR;
    uint32_t units = tm__bucket_item_units(slot);
    int rc = make_room(change, key, (struct size){.units = units + 1}, &i);
    if (rc < 0) {
        tm__piece_drop(&change->pieces, far.reference, tm__far_bytes(&far));
        return rc;
    }
    memcpy(write_item(change, i, there, slot, units), &far, sizeof far);
    *value = made;
    memset(made, 0, tm__state_padded(length));
    if (key->length != 0)
        memcpy(made + tm__state_padded(length), key->bytes, key->length);
    return !there;
}

// Where the entry is not there as it is to be, or not found at once.
static __attribute__((noinline)) int upsert_slow(const struct tm_place *place,
                                                 struct tm_state_map *map, const struct tm_key *key,
                                                 uint32_t length, void **value)
{
    struct tm__map_change change;
    const struct tm__bucket *bucket;
    uint32_t i = 0, old_length;
    int rc = begin(&change, place, map);
    if (TM_UNLIKELY(rc != 0))
        return rc;
    rc = look_up(place->state, change.pieces.group, map, key, &change.path, &bucket, &i);
    if (rc < 0)
        return rc;
    change.bucket = NULL;
    if (rc == 1) {
        *value = own_value(place, change.pieces.group, change.path.bucket, i, &old_length);
        if (TM_UNLIKELY(*value == NULL))
            return TM_E_MEMORY;
        if (TM_LIKELY(old_length == length))
            return 0;
    }
    if (key->length > TM_STATE_MAP_KEY_BYTES_MAX || length > TM_STATE_COLLECTION_VALUE_BYTES_MAX ||
        map->count >= TM_STATE_COLLECTION_ENTRIES_MAX)
        return TM_E_LIMIT;
    if (bucket != NULL) {
        change.bucket = tm__piece_own(&change.pieces, change.path.bucket);
        if (change.bucket == NULL)
            return TM_E_MEMORY;
    }
    if (tm__state_padded(length) + key->length <= TM__INLINE_BYTES)
        return put_near(&change, key, length, rc == 1, i, value);
    return put_far(&change, key, length, rc == 1, i, value);
}

int tm_state_map_upsert(const struct tm_place *place, struct tm_state_map *map,
                        const struct tm_key *key, uint32_t length, void **value)
{
    struct tm__state_group *group = tm__pieces_group(place);
    uint32_t there;
    uintptr_t page;
    if (TM_LIKELY(map->root != 0)) {
        uint8_t *item = find_fast(group, map, key, &there, &page);
        if (TM_LIKELY(item != NULL && there == length && tm__state_is_own(group, page))) {
            *value = item;
            return 0;
        }
    }
    return upsert_slow(place, map, key, length, value);
}

int tm_state_map_put(const struct tm_place *place, struct tm_state_map *map,
                     const struct tm_key *key, const void *value, uint32_t length)
{
    void *to;
    int rc = tm_state_map_upsert(place, map, key, length, &to);
    if (rc >= 0 && length != 0)
        memcpy(to, value, length);
    return rc;
}

// --- removing ------------------------------------------------------------------------------------

int tm_state_map_remove(const struct tm_place *place, struct tm_state_map *map,
                        const struct tm_key *key)
{
    struct tm__map_change change;
    uint32_t i;
    int rc = begin(&change, place, map);
    if (rc == 0)
        rc = look_up_to_change(&change, key, &i);
    if (rc != 1)
        return rc;
    drop_far(&change, i);
    tm__bucket_remove(change.bucket, i);
    map->count--;
    map->changes++;
    tm__map_shrink(&change);
    return 1;
}

void tm_state_map_clear(const struct tm_place *place, struct tm_state_map *map)
{
    struct tm__map_change change;
    if (map->root != 0 && begin(&change, place, map) == 0)
        tm__map_drop_all(&change, map->root);
    *map = (struct tm_state_map){.changes = map->changes + 1};
}

// --- walking -------------------------------------------------------------------------------------

// The bucket where the walk goes on, and the entry in it, from the hash of the last one. 1; 0: the
// end; TM_E_MEMORY.
static int resume(const struct tm_place *place, const struct tm_state_map *map,
                  struct tm_state_map_cursor *cursor)
{
    const struct tm__state_group *group = tm__pieces_group(place);
    struct tm__map_path path;
    const struct tm__bucket *bucket;
    uint64_t hash = cursor->hash;
    uint32_t passed = cursor->passed;
    cursor->changes = map->changes;
    for (;;) {
        bucket = tm__map_descend(place->state, group, map->root, hash, &path);
        if (bucket != NULL)
            break;
        if (path.bucket != 0)
            return TM_E_MEMORY;
        cursor->last = path.prefix == TM__HASH_BITS ? hash : hash | UINT64_MAX >> path.prefix;
        if (cursor->last == UINT64_MAX || map->root == 0)
            return 0;
        hash = cursor->last + 1;
        passed = 0;
    }
    cursor->last = path.prefix == TM__HASH_BITS ? hash : hash | UINT64_MAX >> path.prefix;
    uint32_t i = bucket->stride != 0
                     ? tm__plain_seek(bucket, hash)
                     : tm__bucket_seek(bucket, hash >> 32 << 32, tm__map_rest(hash, path.prefix));
    for (;; i++) { // past those of the tag that have been seen
        if (i == bucket->count && bucket->next != 0) {
            path.bucket = bucket->next;
            bucket = (const void *)tm__state_read(place->state, group, path.bucket);
            if (bucket == NULL)
                return TM_E_MEMORY;
            i = 0;
        }
        struct tm__entry entry;
        if (i == bucket->count || tm__bucket_tag(bucket, i) != hash >> 32)
            break;
        if (!tm__bucket_entry(place->state, group, bucket, i, &entry))
            return TM_E_MEMORY;
        uint64_t at = tm_hash_bytes(entry.key, entry.key_length);
        if (at > hash || (at == hash && passed-- == 0))
            break;
    }
    cursor->bucket = path.bucket;
    cursor->next = i;
    return 1;
}

// The bucket that has the cursor's next entry. 1; 0: the end; TM_E_MEMORY.
static inline int next_bucket(const struct tm_place *place, const struct tm_state_map *map,
                              struct tm_state_map_cursor *cursor, const struct tm__bucket **bucket)
{
    const struct tm__state_group *group = tm__pieces_group(place);
    for (;;) {
        if (cursor->bucket == 0 || cursor->changes != map->changes) {
            int rc = resume(place, map, cursor);
            if (rc != 1)
                return rc;
        }
        *bucket = (const void *)tm__state_read(place->state, group, cursor->bucket);
        if (*bucket == NULL)
            return TM_E_MEMORY;
        if (TM_LIKELY(cursor->next < (*bucket)->count))
            return 1;
        if ((*bucket)->next == 0 && cursor->last == UINT64_MAX)
            return 0;
        if ((*bucket)->next == 0) { // on to the next hash that can be elsewhere
            cursor->hash = cursor->last + 1;
            cursor->passed = 0;
        }
        cursor->bucket = (*bucket)->next;
        cursor->next = 0;
    }
}

int tm_state_map_next(const struct tm_place *place, const struct tm_state_map *map,
                      struct tm_state_map_cursor *cursor, struct tm_key *key, struct tm_span *value)
{
    const struct tm__bucket *bucket;
    int rc = next_bucket(place, map, cursor, &bucket);
    if (rc != 1)
        return rc;
    struct tm__entry entry;
    if (!tm__bucket_entry(place->state, tm__pieces_group(place), bucket, cursor->next, &entry))
        return TM_E_MEMORY;
    uint64_t hash = tm_hash_bytes(entry.key, entry.key_length);
    cursor->passed = hash == cursor->hash ? cursor->passed + 1 : 1;
    cursor->hash = hash;
    cursor->next++;
    *key = (struct tm_key){hash, entry.key, entry.key_length};
    *value = (struct tm_span){entry.value, entry.value_length};
    return 1;
}

// --- sifting -------------------------------------------------------------------------------------

_Static_assert((int)TM__BUCKET_UNITS <= (int)TM_STATE_MAP_SIFT && TM_STATE_MAP_SIFT <= 64,
               "a bit for each entry");

// What goes of the entries from `from` on, as bits. False: out of memory.
static bool choose(const struct tm_place *place, const struct tm__bucket *bucket, uint32_t from,
                   tm_state_map_goes *goes, void *arg, uint64_t *chosen)
{
    const struct tm__state_group *group = tm__pieces_group(place);
    *chosen = 0;
    for (uint32_t i = from; i < bucket->count; i++) {
        struct tm__entry entry;
        if (!tm__bucket_entry(place->state, group, bucket, i, &entry))
            return false;
        const struct tm_span value = {entry.value, entry.value_length};
        *chosen |= (uint64_t)goes(arg, &value) << i;
    }
    return true;
}

// Takes the chosen entries out of the bucket of the cursor. TM_E_MEMORY: all are there still.
static int remove_chosen(const struct tm_place *place, struct tm_state_map *map,
                         const struct tm_state_map_cursor *cursor, uint64_t chosen)
{
    struct tm__map_change change;
    int rc = begin(&change, place, map);
    if (rc != 0)
        return rc;
    const struct tm__bucket *bucket =
        tm__map_descend(place->state, change.pieces.group, map->root, cursor->last, &change.path);
    while (bucket != NULL && change.path.bucket != cursor->bucket) { // along those of one hash
        change.path.previous = change.path.bucket;
        change.path.bucket = bucket->next;
        bucket = (const void *)tm__state_read(place->state, change.pieces.group, bucket->next);
    }
    change.bucket = bucket == NULL ? NULL : tm__piece_own(&change.pieces, change.path.bucket);
    if (change.bucket == NULL)
        return TM_E_MEMORY;
    for (uint32_t i = change.bucket->count; i-- > 0;) {
        if ((chosen >> i & 1) == 0)
            continue;
        drop_far(&change, i);
        tm__bucket_remove(change.bucket, i);
        map->count--;
    }
    map->changes++;
    tm__map_shrink(&change);
    return 0;
}

int tm_state_map_sift(const struct tm_place *place, struct tm_state_map *map,
                      struct tm_state_map_cursor *cursor, tm_state_map_goes *goes, void *arg,
                      uint32_t *looked_at)
{
    const struct tm__bucket *bucket;
    uint64_t chosen;
    int rc = next_bucket(place, map, cursor, &bucket);
    if (rc != 1)
        return rc;
    if (!choose(place, bucket, cursor->next, goes, arg, &chosen))
        return TM_E_MEMORY;
    uint32_t seen = bucket->count - cursor->next;
    bool has_next = bucket->next != 0;
    if (chosen != 0 && remove_chosen(place, map, cursor, chosen) != 0)
        return TM_E_MEMORY;
    *looked_at = seen;
    cursor->bucket = 0; // found anew by the hash
    if (has_next) {     // of the same hash
        uint32_t stays = seen - (uint32_t)__builtin_popcountll(chosen);
        cursor->passed = (cursor->hash == cursor->last ? cursor->passed : 0) + stays;
        cursor->hash = cursor->last;
    } else {
        bool ends = cursor->last == UINT64_MAX;
        cursor->hash = ends ? UINT64_MAX : cursor->last + 1;
        cursor->passed = ends ? UINT32_MAX : 0;
    }
    return 1;
}

uint64_t tm_collections_moved(const struct tm_state *state)
{
    return state->items_moved;
}
