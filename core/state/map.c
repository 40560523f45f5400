// Maps: finding, putting, removing, walking, sifting. map_tree.c has the directory, map_bucket.c
// the buckets.
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
        if (!tm__bucket_entry(state, group, bucket, bucket->slot[middle], &entry))
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

// 1: entry *i of the bucket is the key's; 0: it would stand there; TM_E_MEMORY.
static inline int find(const struct tm_state *state, const struct tm__state_group *group,
                       const struct tm__bucket *bucket, uint32_t prefix, const struct tm_key *key,
                       uint32_t *i)
{
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

// What most calls find: an entry that stands in its bucket, first among those of its tag. NULL: it
// may be elsewhere or nowhere. With the flags of its page in *page.
static inline uint8_t *find_fast(const struct tm__state_group *group,
                                 const struct tm_state_map *map, const struct tm_key *key,
                                 uint64_t *slot, uintptr_t *page)
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
    uint32_t i = tm__bucket_seek(bucket, key->hash >> 32 << 32,
                                 tm__map_rest(key->hash, above + bucket->depth));
    if (TM_UNLIKELY(i == bucket->count))
        return NULL;
    *slot = bucket->slot[i];
    uint8_t *item = tm__bucket_item(bucket, *slot);
    if (TM_LIKELY((*slot ^ key->hash) >> 32 == 0 && tm__slot_key_length(*slot) == key->length &&
                  !tm__slot_is_far(*slot)) &&
        TM_LIKELY(tm__state_key_bytes_equal(item + tm__state_padded(tm__slot_value_length(*slot)),
                                            key->bytes, key->length)))
        return item;
    return NULL;
}

int tm_state_map_find(const struct tm_place *place, const struct tm_state_map *map,
                      const struct tm_key *key, struct tm_span *value, bool *own)
{
    const struct tm__state_group *group = tm__pieces_group(place);
    uint64_t slot;
    uintptr_t page;
    *own = false;
    if (map->root == 0)
        return 0;
    const uint8_t *item = find_fast(group, map, key, &slot, &page);
    if (TM_LIKELY(item != NULL)) {
        *value = (struct tm_span){item, tm__slot_value_length(slot)};
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
    if (!tm__bucket_entry(place->state, group, bucket, bucket->slot[i], &entry))
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
    uint64_t slot;
    uintptr_t page;
    if (map->root == 0)
        return 0;
    uint8_t *item = find_fast(group, map, key, &slot, &page);
    if (TM_LIKELY(item != NULL && tm__state_is_own(group, page))) {
        *value = item;
        *length = tm__slot_value_length(slot);
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

// --- many at once --------------------------------------------------------------------------------

static inline const struct tm__bucket *bucket_of(const struct tm_state_map_look *look)
{
    return look->at;
}

static inline void enter(struct tm_state_map_look *look, uint32_t reference)
{
    const struct tm__state_group *group = look->group;
    look->page = group->at[reference >> TM__OFFSET_BITS];
    look->at = reference == 0 || (look->page & TM__PAGE_ABSENT) != 0
                   ? NULL
                   : (const void *)tm__state_address(group, reference);
    __builtin_prefetch(look->at, 1, 2);
}

void tm_state_map_look_begin(const struct tm_state *state, struct tm_state_map_look *looks,
                             uint32_t count)
{
    TM_CHECK(count <= TM_STATE_LOOK);
    for (uint32_t k = 0; k < count; k++) {
        struct tm_state_map_look *look = &looks[k];
        const struct tm_state_map *map = look->map;
        look->group = &state->groups[tm__state_group_index(state, look->record_hash)];
        look->used = look->above = look->i = 0;
        look->told = TM_STATE_MISSING;
        look->at = NULL;
        if (map->root == 0)
            continue;
        look->told = TM_STATE_UNTOLD;
        enter(look, map->root);
        if (map->bytes > TM__BUCKET_BYTES)
            continue;
        // Its slots; a little beside them is no matter.
        uint64_t end = sizeof(struct tm__bucket) + map->count * sizeof(uint64_t);
        for (uint64_t i = 64; i < end; i += 64)
            __builtin_prefetch((const char *)look->at + i, 1, 2);
    }
}

static inline void tell(struct tm_state_map_look *look, uint8_t *value, uint32_t length)
{
    if (!tm__state_is_own(look->group, look->page))
        return;
    look->told = TM_STATE_THERE;
    look->value = value;
    look->length = length;
}

// Down a level of nodes; all of them a step, which asks for what the next one reads. False: there
// are none.
static bool descend(struct tm_state_map_look *looks, uint32_t count)
{
    uint32_t nodes = 0;
    for (uint32_t k = 0; k < count; k++) {
        struct tm_state_map_look *look = &looks[k];
        const struct tm__map_node *node = look->at;
        if (node == NULL || node->bits == 0)
            continue;
        look->child = (uint32_t)(look->key.hash << look->used >> (TM__HASH_BITS - node->bits));
        __builtin_prefetch(&node->child[look->child], 0, 2);
        nodes++;
    }
    for (uint32_t k = 0; nodes != 0 && k < count; k++) {
        struct tm_state_map_look *look = &looks[k];
        const struct tm__map_node *node = look->at;
        if (node == NULL || node->bits == 0)
            continue;
        uint32_t reference = node->child[look->child];
        look->above = look->used;
        look->used += node->bits;
        if (reference == 0)
            look->told = TM_STATE_MISSING;
        enter(look, reference);
        // The slots stand in the first lines of a bucket.
        __builtin_prefetch((const char *)look->at + 64, 0, 2);
        __builtin_prefetch((const char *)look->at + 128, 0, 2);
    }
    return nodes != 0;
}

static inline uint32_t rest_of(const struct tm_state_map_look *look)
{
    return tm__map_rest(look->key.hash, look->above + bucket_of(look)->depth);
}

// The slot at the place of the key in its bucket decides, unless tags are equal and keys are not.
static inline void compare_slot(struct tm_state_map_look *look)
{
    const struct tm_key *key = &look->key;
    const struct tm__bucket *bucket = bucket_of(look);
    if (look->i == bucket->count || tm__slot_tag(bucket->slot[look->i]) != key->hash >> 32) {
        if (look->i < bucket->count || bucket->next == 0)
            look->told = TM_STATE_MISSING;
        return;
    }
    uint64_t slot = bucket->slot[look->i];
    uint8_t *item = tm__bucket_item(bucket, slot);
    uint32_t length = tm__slot_value_length(slot);
    if (!tm__slot_is_far(slot) && tm__slot_key_length(slot) == key->length &&
        tm__state_key_bytes_equal(item + tm__state_padded(length), key->bytes, key->length))
        tell(look, item, length);
}

void tm_state_map_look(struct tm_state_map_look *looks, uint32_t count)
{
    uint32_t left = 0;
    for (uint32_t k = 0; k < count; k++) {
        struct tm_state_map_look *look = &looks[k];
        if (look->at == NULL)
            continue;
        look->key.hash = tm_hash_bytes(look->key.bytes, look->key.length);
        left++;
    }
    while (left != 0 && descend(looks, count))
        ;
    for (uint32_t k = 0; left != 0 && k < count; k++) {
        struct tm_state_map_look *look = &looks[k];
        const struct tm__bucket *bucket = bucket_of(look);
        if (bucket == NULL || bucket->count == 0)
            continue;
        look->i = tm__bucket_seek(bucket, look->key.hash >> 32 << 32, rest_of(look));
        uint64_t slot = bucket->slot[look->i - (look->i == bucket->count)];
        const uint8_t *item = tm__bucket_item(bucket, slot);
        __builtin_prefetch(item, 1, 2);
        __builtin_prefetch(item + tm__state_padded(tm__slot_value_length(slot)), 0, 2);
    }
    for (uint32_t k = 0; left != 0 && k < count; k++)
        if (looks[k].at != NULL)
            compare_slot(&looks[k]);
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

// Room for an item and its slot in the bucket where the key belongs; the place in *i, as of
// look_up_to_change, is found anew when the bucket is divided. 0; TM_E_MEMORY.
static int make_room(struct tm__map_change *change, const struct tm_key *key, uint32_t units,
                     uint32_t *i)
{
    for (;;) {
        if (change->bucket == NULL) {
            *i = 0;
            return tm__map_first_bucket(change, units) ? 0 : TM_E_MEMORY;
        }
        if (units <= tm__bucket_free_units(change->bucket))
            return 0;
        uint32_t wanted = tm__bucket_live_units(change->bucket) + units;
        if (wanted <= TM__BUCKET_UNITS)
            return tm__map_rebuild(change, wanted) ? 0 : TM_E_MEMORY;
        if (!tm__map_split(change))
            return TM_E_MEMORY;
        int rc = look_up_to_change(change, key, i);
        if (rc < 0)
            return rc;
    }
}

static void drop_far(struct tm__map_change *change, uint64_t slot)
{
    if (!tm__slot_is_far(slot))
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
        drop_far(change, change->bucket->slot[i]);
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
    int rc = make_room(change, key, units + 1, &i);
    if (rc < 0)
        return rc;
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
    int rc = make_room(change, key, units + 1, &i);
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
    uint64_t slot;
    uintptr_t page;
    if (TM_LIKELY(map->root != 0)) {
        uint8_t *item = find_fast(group, map, key, &slot, &page);
        if (TM_LIKELY(item != NULL && tm__slot_value_length(slot) == length &&
                      tm__state_is_own(group, page))) {
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
    drop_far(&change, change.bucket->slot[i]);
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
    uint32_t i = tm__bucket_seek(bucket, hash >> 32 << 32, tm__map_rest(hash, path.prefix));
    for (;; i++) { // past those of the tag that have been seen
        if (i == bucket->count && bucket->next != 0) {
            path.bucket = bucket->next;
            bucket = (const void *)tm__state_read(place->state, group, path.bucket);
            if (bucket == NULL)
                return TM_E_MEMORY;
            i = 0;
        }
        struct tm__entry entry;
        if (i == bucket->count || tm__slot_tag(bucket->slot[i]) != hash >> 32)
            break;
        if (!tm__bucket_entry(place->state, group, bucket, bucket->slot[i], &entry))
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
    if (!tm__bucket_entry(place->state, tm__pieces_group(place), bucket, bucket->slot[cursor->next],
                          &entry))
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
        if (!tm__bucket_entry(place->state, group, bucket, bucket->slot[i], &entry))
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
        drop_far(&change, change.bucket->slot[i]);
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
