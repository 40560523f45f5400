// Blobs, maps and lists looked at from end to end.
#include "core/state/trust.h"
#include "core/state/list_chunk.h"
#include "core/state/map_tree.h"

static const struct tm__state_group *group_of(const struct tm_state_trust *trust)
{
    return &trust->state->groups[trust->key_group - trust->state->first_key_group];
}

void tm_state_trust_begin(struct tm_state *state, uint32_t key_group, struct tm_state_trust *trust)
{
    *trust = (struct tm_state_trust){state, key_group, 0, NULL};
    TM_CHECK(key_group - state->first_key_group < state->group_count);
    const struct tm__state_pages *pages = group_of(trust)->pages;
    for (uint32_t i = 1; pages != NULL && i < pages->used; i++)
        trust->left_bytes += tm__state_page_infos(pages)[i].size_bytes;
}

// A piece of `size` bytes, which is of tm__piece_bytes. NULL: there is none.
static const void *piece_at(struct tm_state_trust *trust, const struct tm_namespace *ns,
                            uint32_t reference, uint32_t size)
{
    const struct tm__state_group *group = group_of(trust);
    uint32_t number = reference >> TM__OFFSET_BITS;
    uint64_t at = (uint64_t)(reference & ((1u << TM__OFFSET_BITS) - 1)) * TM__UNIT_BYTES;
    if (size == 0 || size > trust->left_bytes || group->pages == NULL || number == 0 ||
        number >= group->pages->used || group->at[number] == 0)
        return NULL;
    const struct tm__state_head *head =
        (const void *)tm__state_read(trust->state, group, number << TM__OFFSET_BITS);
    if (head == NULL || head->kind != (size > TM__SIZE_MAX ? TM__PAGE_LARGE : TM__PAGE_BLOBS) ||
        head->owner != ns->id || at < sizeof *head ||
        at + size > tm__state_page_infos(group->pages)[number].used_bytes)
        return NULL;
    if (size > TM__SIZE_MAX && at != sizeof *head)
        return NULL;
    const struct tm_blob blob = {reference, size};
    if (trust->claims != NULL && !tm_state_claim(trust->claims, ns, &blob))
        return NULL;
    trust->left_bytes -= size;
    return (const uint8_t *)head + at;
}

// One whose size stands in it: the bytes that say so, first.
static bool has_head(const struct tm_state_trust *trust, const struct tm_namespace *ns,
                     uint32_t reference, uint32_t size)
{
    struct tm_state_trust once = *trust;
    once.claims = NULL;
    return piece_at(&once, ns, reference, size) != NULL;
}

bool tm_state_trust_blob(struct tm_state_trust *trust, const struct tm_namespace *ns,
                         const struct tm_blob *blob)
{
    if (blob->length == 0)
        return true;
    return blob->length <= UINT32_MAX / 2 &&
           piece_at(trust, ns, blob->reference, tm__piece_bytes(blob->length)) != NULL;
}

// --- maps ----------------------------------------------------------------------------------------

struct map_walk {
    struct tm_state_trust *trust;
    const struct tm_namespace *ns;
    uint64_t bytes; // of pieces seen
    uint64_t count; // of entries seen
    uint64_t hash;  // of the last one, and its key
    const uint8_t *key;
    uint32_t key_length;
};

static const void *map_piece(struct map_walk *w, uint32_t reference, uint32_t size)
{
    w->bytes += size;
    return piece_at(w->trust, w->ns, reference, size);
}

// Behind the last entry, in the order of maps?
static bool ascends(const struct map_walk *w, uint64_t hash, const uint8_t *key, uint32_t length)
{
    if (w->count == 0 || hash != w->hash)
        return w->count == 0 || hash > w->hash;
    uint32_t common = length < w->key_length ? length : w->key_length;
    int order = common == 0 ? 0 : memcmp(key, w->key, common);
    return order > 0 || (order == 0 && length > w->key_length);
}

static bool key_is_next(struct map_walk *w, uint64_t hash, const uint8_t *key, uint32_t length,
                        uint64_t path, uint32_t prefix)
{
    if (!ascends(w, hash, key, length) ||
        (prefix != 0 && (hash ^ path) >> (TM__HASH_BITS - prefix) != 0))
        return false;
    w->hash = hash;
    w->key = key;
    w->key_length = length;
    w->count++;
    return true;
}

static bool entry_is_good(struct map_walk *w, const struct tm__bucket *bucket, uint64_t slot,
                          uint64_t path, uint32_t prefix)
{
    uint32_t distance = tm__slot_distance(slot);
    if (distance > bucket->data || tm__bucket_item_units(slot) > distance)
        return false;
    const uint8_t *item = tm__bucket_item(bucket, slot), *key;
    uint32_t length = tm__slot_key_length(slot);
    if (tm__slot_is_far(slot)) {
        struct tm__far far;
        memcpy(&far, item, sizeof far);
        if (far.key_length > TM_STATE_MAP_KEY_BYTES_MAX ||
            far.value_length > TM_STATE_COLLECTION_VALUE_BYTES_MAX)
            return false;
        item = map_piece(w, far.reference, tm__far_bytes(&far));
        if (item == NULL)
            return false;
        key = item + tm__state_padded(far.value_length);
        length = far.key_length;
    } else {
        key = item + tm__state_padded(tm__slot_value_length(slot));
    }
    uint64_t hash = tm_hash_bytes(key, length);
    return hash >> 32 == tm__slot_tag(slot) && key_is_next(w, hash, key, length, path, prefix);
}

// The entries of a plain bucket, whose bytes are there.
static bool plain_is_good(struct map_walk *w, const struct tm__bucket *bucket, uint64_t path,
                          uint32_t prefix)
{
    if (bucket->stride < 2 || bucket->stride > 1 + TM__PLAIN_VALUE_UNITS_MAX ||
        bucket->count > bucket->data || bucket->data > TM__BUCKET_UNITS ||
        tm__plain_units(bucket->data, bucket->stride) > bucket->units || bucket->garbage != 0 ||
        bucket->next != 0)
        return false;
    for (uint32_t i = 0; i < bucket->count; i++) {
        uint64_t hash = tm__plain_hash(bucket, i);
        const uint8_t *key = (const uint8_t *)tm__plain_entry(bucket, i);
        if (tm__plain_bytes(bucket)[i] != tm__plain_byte(*tm__plain_entry(bucket, i)) ||
            !key_is_next(w, hash, key, TM__UNIT_BYTES, path, prefix))
            return false;
    }
    return true;
}

static bool slots_are_good(struct map_walk *w, const struct tm__bucket *bucket, uint64_t path,
                           uint32_t prefix)
{
    if (TM__BUCKET_HEAD + (uint32_t)bucket->count + bucket->data > bucket->units ||
        bucket->garbage > bucket->data)
        return false;
    uint32_t units = 0;
    for (uint32_t i = 0; i < bucket->count; i++) {
        if (!entry_is_good(w, bucket, bucket->slot[i], path, prefix))
            return false;
        units += tm__bucket_item_units(bucket->slot[i]);
    }
    return units + bucket->garbage == bucket->data;
}

// A bucket, and those of the same hash behind it. `path`: the bits of the hash that lead to it.
static bool bucket_is_good(struct map_walk *w, uint32_t reference, uint64_t path, uint32_t prefix)
{
    while (reference != 0) {
        if (!has_head(w->trust, w->ns, reference, sizeof(struct tm__bucket)))
            return false;
        const struct tm__bucket *bucket =
            (const void *)tm__state_address(group_of(w->trust), reference);
        uint32_t size = bucket->units * (uint32_t)TM__UNIT_BYTES;
        if (size > TM__BUCKET_BYTES || size != tm__piece_bytes(size) ||
            map_piece(w, reference, size) == NULL || bucket->bits != 0 || bucket->count == 0 ||
            !(bucket->stride != 0 ? plain_is_good : slots_are_good)(w, bucket, path, prefix))
            return false;
        reference = bucket->next;
        if (reference != 0 && prefix != TM__HASH_BITS)
            return false;
    }
    return true;
}

// A node or a bucket. As deep as bits of the hash are used up. *span: how many children of the node
// above it, from number `at` of 2^bits on, are to lead to it.
static bool child_is_good(struct map_walk *w, uint32_t reference, uint64_t path, uint32_t used,
                          uint32_t bits, uint32_t at, uint32_t *span)
{
    *span = 1;
    if (reference == 0)
        return true;
    if (!has_head(w->trust, w->ns, reference, sizeof(struct tm__map_node)))
        return false;
    const struct tm__map_node *node =
        (const void *)tm__state_address(group_of(w->trust), reference);
    if (node->bits == 0) {
        if (!has_head(w->trust, w->ns, reference, sizeof(struct tm__bucket)))
            return false;
        uint32_t depth = ((const struct tm__bucket *)(const void *)node)->depth;
        if (depth > bits || (at & ((1u << (bits - depth)) - 1)) != 0)
            return false;
        *span = 1u << (bits - depth);
        return bucket_is_good(w, reference, path, used - bits + depth);
    }
    uint32_t below = node->bits;
    if (below > TM__NODE_BITS_MAX || used + below > TM__HASH_BITS)
        return false;
    uint32_t size = tm__piece_bytes((uint32_t)(sizeof *node + (sizeof(uint32_t) << below)));
    if (map_piece(w, reference, size) == NULL)
        return false;
    for (uint32_t i = 0, next; i < 1u << below; i += next) {
        uint64_t to = path | (uint64_t)i << (TM__HASH_BITS - used - below);
        if (!child_is_good(w, node->child[i], to, used + below, below, i, &next))
            return false;
        for (uint32_t k = 1; k < next; k++)
            if (node->child[i + k] != node->child[i])
                return false;
    }
    return true;
}

bool tm_state_trust_map(struct tm_state_trust *trust, const struct tm_namespace *ns,
                        const struct tm_state_map *map)
{
    struct map_walk w = {.trust = trust, .ns = ns};
    uint32_t span;
    return child_is_good(&w, map->root, 0, 0, 0, 0, &span) && w.count == map->count &&
           w.bytes == map->bytes;
}

// --- lists ---------------------------------------------------------------------------------------

struct list_walk {
    struct tm_state_trust *trust;
    const struct tm_namespace *ns;
    const struct tm_state_list *list;
    uint64_t bytes; // of pieces seen
};

static const void *list_piece(struct list_walk *w, uint32_t reference, uint32_t size)
{
    w->bytes += size;
    return piece_at(w->trust, w->ns, reference, size);
}

static bool chunk_is_good(struct list_walk *w, uint32_t reference, uint64_t values)
{
    if (!has_head(w->trust, w->ns, reference, sizeof(struct tm__list_chunk)))
        return false;
    const struct tm__list_chunk *chunk =
        (const void *)tm__state_address(group_of(w->trust), reference);
    uint32_t size = chunk->units * (uint32_t)TM__UNIT_BYTES, units = 0;
    if (chunk->count != values || values > TM__CHUNK_VALUES || size > TM__CHUNK_BYTES ||
        size != tm__piece_bytes(size) || list_piece(w, reference, size) == NULL ||
        tm__list_chunk_head_units(chunk->count) + chunk->data > chunk->units)
        return false;
    for (uint32_t i = 0; i < chunk->count; i++) {
        uint32_t slot = chunk->slot[i], item = tm__list_chunk_value_units(slot);
        uint32_t distance = slot & 0xffff;
        if (distance > chunk->data || item > distance)
            return false;
        units += item;
        if (!tm__list_chunk_is_far(chunk, i)) {
            if ((slot >> 16) > TM__CHUNK_VALUE_BYTES)
                return false;
            continue;
        }
        struct tm_blob far = tm__list_chunk_far(chunk, i);
        if (far.length == 0 || far.length > TM_STATE_COLLECTION_VALUE_BYTES_MAX ||
            list_piece(w, far.reference, tm__piece_bytes(far.length)) == NULL)
            return false;
    }
    return units + chunk->garbage == chunk->data;
}

// A node or a chunk whose first place is `start`. As deep as there are levels.
static bool places_are_good(struct list_walk *w, uint32_t reference, uint32_t level, uint64_t start)
{
    const struct tm_state_list *list = w->list;
    uint64_t end = (uint64_t)list->first + list->count;
    uint64_t size = 1ull << (level == 0 ? TM__CHUNK_BITS : tm__list_child_bits(level));
    if (level == 0) {
        uint64_t from = start > list->first ? start : list->first;
        return chunk_is_good(w, reference, (end < start + size ? end : start + size) - from);
    }
    if (!has_head(w->trust, w->ns, reference, sizeof(struct tm__list_node)))
        return false;
    const struct tm__list_node *node =
        (const void *)tm__state_address(group_of(w->trust), reference);
    bool is_root = level == list->levels;
    if (node->capacity > tm__list_children_max(level) ||
        (!is_root && node->capacity != TM__LIST_NODE_CHILDREN) ||
        list_piece(w, reference, tm__list_node_bytes(node->capacity)) == NULL)
        return false;
    uint64_t children = is_root ? node->capacity : TM__LIST_NODE_CHILDREN;
    if (is_root && (end - 1) / size >= children)
        return false;
    for (uint64_t i = 0; i < children; i++) {
        uint64_t at = start + i * size;
        if (at + size <= list->first || at >= end)
            continue;
        if (!places_are_good(w, node->child[i], level - 1, at))
            return false;
    }
    return true;
}

bool tm_state_trust_list(struct tm_state_trust *trust, const struct tm_namespace *ns,
                         const struct tm_state_list *list)
{
    struct list_walk w = {.trust = trust, .ns = ns, .list = list};
    if (list->count == 0)
        return list->root == 0 && list->bytes == 0 && list->levels == 0;
    if (list->count > TM_STATE_COLLECTION_ENTRIES_MAX || list->levels > TM__LIST_LEVELS_MAX ||
        (list->levels == 0 && list->first != 0))
        return false;
    return places_are_good(&w, list->root, list->levels, 0) && w.bytes == list->bytes;
}
