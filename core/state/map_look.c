// Entries of many maps at once: what one needs is on its way while others are looked at. Keys that
// are words in plain buckets, which most are, go a way of their own: arrays and no branches on the
// kinds of things.
#include "core/state/map_tree.h"

// --- any keys ------------------------------------------------------------------------------------

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
        // What is looked through before an entry; a little beside it is no matter.
        uint64_t end =
            sizeof(struct tm__bucket) + map->count * (look->plain ? 1 : sizeof(uint64_t));
        for (uint64_t i = 64; i < end; i += 64)
            __builtin_prefetch((const char *)look->at + i, 1, 2);
        __builtin_prefetch((const char *)look->at + end - 1, 1, 2);
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
        __builtin_prefetch((const char *)look->at + (look->plain ? 32 : 64), 0, 2);
        if (!look->plain)
            __builtin_prefetch((const char *)look->at + 128, 0, 2);
    }
    return nodes != 0;
}

static inline uint32_t rest_of(const struct tm_state_map_look *look)
{
    return tm__map_rest(look->key.hash, look->above + bucket_of(look)->depth);
}

// Where the key's entry is likely to be, in look->i; asks for it.
static inline void aim(struct tm_state_map_look *look)
{
    const struct tm__bucket *bucket = bucket_of(look);
    const uint8_t *item, *last;
    if (TM_LIKELY(bucket->stride != 0)) {
        // A key of another length may end where memory does.
        uint64_t word = look->key.length == TM__UNIT_BYTES ? tm__state_word(look->key.bytes) : 0;
        look->i = tm__plain_likely(bucket, word);
        item = (const uint8_t *)tm__plain_entry(bucket, look->i);
        last = item + tm__plain_value_length(bucket);
    } else {
        look->i = tm__bucket_seek(bucket, look->key.hash >> 32 << 32, rest_of(look));
        uint64_t slot = bucket->slot[look->i - (look->i == bucket->count)];
        item = tm__bucket_item(bucket, slot);
        last = item + tm__state_padded(tm__slot_value_length(slot));
    }
    __builtin_prefetch(item, 1, 2);
    __builtin_prefetch(last, 1, 2);
}

static inline void compare_plain(struct tm_state_map_look *look)
{
    const struct tm__bucket *bucket = bucket_of(look);
    uint32_t i = look->i;
    if (TM_UNLIKELY(look->key.length != TM__UNIT_BYTES))
        i = bucket->count;
    else if (TM_UNLIKELY(*tm__plain_entry(bucket, i) != tm__state_word(look->key.bytes)))
        i = tm__plain_find(bucket, tm__state_word(look->key.bytes));
    if (TM_LIKELY(i < bucket->count))
        tell(look, (uint8_t *)(tm__plain_entry(bucket, i) + 1), tm__plain_value_length(bucket));
    else
        look->told = TM_STATE_MISSING;
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
    uint32_t nodes = 0;
    for (uint32_t k = 0; k < count; k++) {
        struct tm_state_map_look *look = &looks[k];
        if (look->at == NULL)
            continue;
        look->key.hash = tm_hash_bytes(look->key.bytes, look->key.length);
        nodes += bucket_of(look)->bits != 0;
    }
    while (nodes != 0 && descend(looks, count))
        ;
    for (uint32_t k = 0; k < count; k++)
        if (looks[k].at != NULL)
            aim(&looks[k]);
    for (uint32_t k = 0; k < count; k++) {
        struct tm_state_map_look *look = &looks[k];
        if (look->at == NULL)
            continue;
        if (TM_LIKELY(bucket_of(look)->stride != 0))
            compare_plain(look);
        else
            compare_slot(look);
    }
}

// --- words ---------------------------------------------------------------------------------------

static inline void enter_word(struct tm_state_map_words *words, uint32_t k,
                              const struct tm__state_group *group, uint32_t reference)
{
    uintptr_t page = group->at[reference >> TM__OFFSET_BITS];
    // What others share is found by calls, which make it their own.
    const void *at = tm__state_is_own(group, page)
                         ? (const void *)tm__state_raw_address(group, reference)
                         : NULL;
    words->at[k] = at;
    __builtin_prefetch(at, 1, 2);
    __builtin_prefetch((const char *)at + sizeof(struct tm__bucket) + TM__UNIT_BYTES - 1, 0, 2);
}

static inline const struct tm__state_group *group_of(const struct tm_state *state,
                                                     const struct tm_key *key)
{
    return &state->groups[tm__state_group_index(state, key->hash)];
}

void tm_state_map_words_begin(const struct tm_state *state, struct tm_state_map_words *words,
                              const struct tm_key *keys, uint32_t count)
{
    TM_CHECK(count <= TM_STATE_LOOK);
    uint32_t missing = 0;
    bool nodes = false;
    for (uint32_t k = 0; k < count; k++) {
        const struct tm_state_map *map = words->map[k];
        if (TM_UNLIKELY(map == NULL) || TM_UNLIKELY(map->root == 0)) {
            words->at[k] = NULL;
            missing |= (uint32_t)(map != NULL) << k;
            continue;
        }
        nodes |= map->bytes > TM__BUCKET_BYTES;
        enter_word(words, k, group_of(state, &keys[k]), map->root);
    }
    words->told = missing;
    words->nodes = nodes;
}

// Down a level of nodes, as above. `used`: bits of the hash.
static bool descend_words(const struct tm_state *state, struct tm_state_map_words *words,
                          const struct tm_key *keys, uint32_t count, const uint64_t *hash,
                          uint8_t *used)
{
    uint32_t nodes = 0;
    uint32_t child[TM_STATE_LOOK];
    for (uint32_t k = 0; k < count; k++) {
        const struct tm__map_node *node = words->at[k];
        child[k] = UINT32_MAX;
        if (node == NULL || node->bits == 0)
            continue;
        child[k] = (uint32_t)(hash[k] << used[k] >> (TM__HASH_BITS - node->bits));
        __builtin_prefetch(&node->child[child[k]], 0, 2);
        nodes++;
    }
    for (uint32_t k = 0; nodes != 0 && k < count; k++) {
        if (child[k] == UINT32_MAX)
            continue;
        const struct tm__map_node *node = words->at[k];
        uint32_t reference = node->child[child[k]];
        used[k] = (uint8_t)(used[k] + node->bits);
        words->at[k] = NULL;
        if (reference == 0)
            words->told |= UINT32_C(1) << k;
        else
            enter_word(words, k, group_of(state, &keys[k]), reference);
    }
    return nodes != 0;
}

// From roots to buckets, where there are nodes.
static void descend_all(const struct tm_state *state, struct tm_state_map_words *words,
                        const struct tm_key *keys, uint32_t count)
{
    uint64_t hash[TM_STATE_LOOK];
    uint8_t used[TM_STATE_LOOK] = {0};
    for (uint32_t k = 0; k < count; k++)
        hash[k] = tm_hash_bytes(&words->word[k], sizeof words->word[k]);
    while (descend_words(state, words, keys, count, hash, used))
        ;
}

void tm_state_map_words_aim(const struct tm_state *state, struct tm_state_map_words *words,
                            const struct tm_key *keys, uint32_t count)
{
    if (words->nodes)
        descend_all(state, words, keys, count);
    for (uint32_t k = 0; k < count; k++) {
        const struct tm__bucket *bucket = words->at[k];
        // A node of a map that has little memory is left to calls, too.
        if (TM_UNLIKELY(bucket == NULL) || TM_UNLIKELY(bucket->bits != 0) ||
            TM_UNLIKELY(bucket->stride == 0)) {
            words->at[k] = NULL;
            continue;
        }
        uint64_t *entry = tm__plain_entry(bucket, tm__plain_likely(bucket, words->word[k]));
        words->value[k] = entry + 1;
        __builtin_prefetch(entry, 1, 2);
        __builtin_prefetch(entry + 1, 1, 2);
    }
}

void tm_state_map_words_look(struct tm_state_map_words *words, uint32_t count)
{
    uint32_t told = words->told;
    for (uint32_t k = 0; k < count; k++) {
        const struct tm__bucket *bucket = words->at[k];
        if (TM_UNLIKELY(bucket == NULL)) {
            words->value[k] = NULL;
            continue;
        }
        told |= UINT32_C(1) << k;
        if (TM_LIKELY(((uint64_t *)words->value[k])[-1] == words->word[k]))
            continue;
        uint32_t i = tm__plain_find(bucket, words->word[k]);
        words->value[k] = i == bucket->count ? NULL : tm__plain_entry(bucket, i) + 1;
    }
    words->told = told;
}
