// Nodes and buckets of maps: growing, dividing, and joining again.
#include "core/state/map_tree.h"

static uint32_t node_bytes(uint32_t bits)
{
    return tm__piece_bytes((uint32_t)(sizeof(struct tm__map_node) + (sizeof(uint32_t) << bits)));
}

static void note_moved(struct tm__map_change *change, uint64_t count)
{
    change->pieces.state->items_moved += count;
    change->map->changes++;
}

static struct tm__bucket *make_bucket(struct tm__map_change *change, uint32_t units,
                                      uint32_t stride, uint32_t depth, uint32_t *reference)
{
    uint32_t size = tm__bucket_size(units);
    struct tm__bucket *made = tm__piece_make(&change->pieces, size, reference);
    if (made != NULL)
        tm__bucket_init(made, size, stride, depth);
    return made;
}

void tm__map_drop_bucket(struct tm__map_change *change, uint32_t reference)
{
    const struct tm__bucket *bucket =
        (const struct tm__bucket *)(const void *)tm__state_address(change->pieces.group, reference);
    tm__piece_drop(&change->pieces, reference, bucket->units * (uint32_t)TM__UNIT_BYTES);
}

// --- what leads to a bucket or a node ------------------------------------------------------------

static struct tm__map_node *own_node(const struct tm__map_change *change, uint32_t level)
{
    return tm__piece_own(&change->pieces, change->path.node[level]);
}

bool tm__map_own_link(struct tm__map_change *change)
{
    const struct tm__map_path *path = &change->path;
    if (path->previous != 0)
        return tm__piece_own(&change->pieces, path->previous) != NULL;
    return path->levels == 0 || own_node(change, path->levels - 1) != NULL;
}

// Of a node that is the state's own. The children that share the first `depth` bits with `at`.
static void set_children(struct tm__map_node *node, uint32_t at, uint32_t depth, uint32_t reference)
{
    uint32_t count = 1u << (node->bits - depth), start = at & ~(count - 1);
    for (uint32_t i = start; i < start + count; i++)
        node->child[i] = reference;
}

// A node's reference: a single child of the one above it.
static void set_node_link(struct tm__map_change *change, uint32_t level, uint32_t reference)
{
    if (level == 0)
        change->map->root = reference;
    else
        own_node(change, level - 1)->child[change->path.at[level - 1]] = reference;
    change->map->changes++;
}

void tm__map_set_link(struct tm__map_change *change, uint32_t reference)
{
    struct tm__map_path *path = &change->path;
    change->map->changes++;
    if (path->previous != 0) {
        struct tm__bucket *previous = tm__piece_own(&change->pieces, path->previous);
        previous->next = reference;
    } else if (path->levels == 0) {
        change->map->root = reference;
    } else {
        uint32_t level = path->levels - 1;
        set_children(own_node(change, level), path->at[level], path->prefix - path->used[level],
                     reference);
    }
    path->bucket = reference;
}

// --- growing -------------------------------------------------------------------------------------

bool tm__map_first_bucket(struct tm__map_change *change, uint32_t units, uint32_t stride)
{
    const struct tm__map_path *path = &change->path;
    uint32_t depth = path->levels == 0 ? 0 : path->prefix - path->used[path->levels - 1];
    uint32_t reference;
    if (!tm__map_own_link(change))
        return false;
    change->bucket = make_bucket(change, units, stride, depth, &reference);
    if (change->bucket == NULL)
        return false;
    tm__map_set_link(change, reference);
    return true;
}

bool tm__map_rebuild(struct tm__map_change *change, uint32_t units, uint32_t stride)
{
    uint32_t old = change->path.bucket, reference;
    if (!tm__map_own_link(change))
        return false;
    struct tm__bucket *made = make_bucket(change, units, stride, change->bucket->depth, &reference);
    if (made == NULL)
        return false;
    tm__bucket_append(made, change->bucket, 0, change->bucket->count);
    made->next = change->bucket->next;
    note_moved(change, made->count);
    tm__map_set_link(change, reference);
    tm__map_drop_bucket(change, old);
    change->bucket = made;
    return true;
}

// A node between the bucket of the path and what leads to it: the next bits of the hash.
static bool insert_node(struct tm__map_change *change)
{
    uint32_t reference, bucket = change->path.bucket;
    if (!tm__map_own_link(change))
        return false;
    struct tm__map_node *node = tm__piece_make(&change->pieces, node_bytes(1), &reference);
    if (node == NULL)
        return false;
    *node = (struct tm__map_node){.bits = 1};
    node->child[0] = node->child[1] = bucket;
    change->bucket->depth = 0;
    tm__map_set_link(change, reference);
    return true;
}

static bool double_node(struct tm__map_change *change, const struct tm__map_node *node)
{
    uint32_t level = change->path.levels - 1, reference;
    uint32_t bits = node->bits;
    if (level != 0 && own_node(change, level - 1) == NULL)
        return false;
    struct tm__map_node *made = tm__piece_make(&change->pieces, node_bytes(bits + 1), &reference);
    if (made == NULL)
        return false;
    *made = (struct tm__map_node){.bits = (uint8_t)(bits + 1)};
    for (uint32_t i = 0; i < 1u << bits; i++)
        made->child[2 * i] = made->child[2 * i + 1] = node->child[i];
    note_moved(change, 1u << bits);
    set_node_link(change, level, reference);
    tm__piece_drop(&change->pieces, change->path.node[level], node_bytes(bits));
    return true;
}

// The first entry whose hash has the bit behind `prefix` bits. False: out of memory.
static bool border(const struct tm__map_change *change, uint32_t prefix, uint32_t *at)
{
    const struct tm__bucket *bucket = change->bucket;
    uint32_t i = 0;
    for (; i < bucket->count; i++) {
        uint64_t hash = (uint64_t)tm__bucket_tag(bucket, i) << 32;
        if (prefix >= 32) { // tags are equal
            struct tm__entry entry;
            if (!tm__bucket_entry(change->pieces.state, change->pieces.group, bucket, i, &entry))
                return false;
            hash = tm_hash_bytes(entry.key, entry.key_length);
        }
        if ((hash >> (TM__HASH_BITS - 1 - prefix) & 1) != 0)
            break;
    }
    *at = i;
    return true;
}

// A new bucket with some entries of the one under way.
static struct tm__bucket *make_part(struct tm__map_change *change, uint32_t i, uint32_t end,
                                    uint32_t depth, uint32_t *reference)
{
    const struct tm__bucket *from = change->bucket;
    uint32_t units = tm__bucket_units_of(from, i, end);
    struct tm__bucket *made = make_bucket(change, units, from->stride, depth, reference);
    if (made != NULL)
        tm__bucket_append(made, from, i, end);
    return made;
}

// The bucket's entries before and from `middle` on in two. False: out of memory.
static bool make_parts(struct tm__map_change *change, uint32_t middle, uint32_t depth,
                       struct tm__bucket **made, uint32_t *reference)
{
    made[0] = make_part(change, 0, middle, depth, &reference[0]);
    if (made[0] == NULL)
        return false;
    made[1] = make_part(change, middle, change->bucket->count, depth, &reference[1]);
    if (made[1] == NULL)
        tm__map_drop_bucket(change, reference[0]);
    return made[1] != NULL;
}

// Keys of one hash: half of them to a bucket behind this one.
static bool split_equal(struct tm__map_change *change)
{
    struct tm__bucket *bucket = change->bucket, *made[2];
    uint32_t old = change->path.bucket, reference[2];
    if (!tm__map_own_link(change) ||
        !make_parts(change, bucket->count / 2, bucket->depth, made, reference))
        return false;
    made[0]->next = reference[1];
    made[1]->next = bucket->next;
    note_moved(change, bucket->count);
    tm__map_set_link(change, reference[0]);
    tm__map_drop_bucket(change, old);
    return true;
}

// The bucket's entries into two, by one bit more.
static bool divide(struct tm__map_change *change, struct tm__map_node *node)
{
    struct tm__map_path *path = &change->path;
    struct tm__bucket *bucket = change->bucket;
    uint32_t level = path->levels - 1, old = path->bucket, middle, side[2];
    uint32_t depth = bucket->depth + 1u, bit = 1u << (node->bits - depth);
    uint32_t start = path->at[level] & ~(2 * bit - 1);
    if (!border(change, path->prefix, &middle))
        return false;
    if (middle == 0 || middle == bucket->count) { // all on one side
        bucket->depth = (uint8_t)depth;
        set_children(node, middle == 0 ? start : start + bit, depth, 0);
        note_moved(change, 0);
        return true;
    }
    struct tm__bucket *made[2];
    if (!make_parts(change, middle, depth, made, side))
        return false;
    note_moved(change, bucket->count);
    set_children(node, start, depth, side[0]);
    set_children(node, start + bit, depth, side[1]);
    tm__map_drop_bucket(change, old);
    return true;
}

bool tm__map_split(struct tm__map_change *change)
{
    const struct tm__map_path *path = &change->path;
    if (path->prefix == TM__HASH_BITS)
        return split_equal(change);
    if (path->levels == 0)
        return insert_node(change);
    struct tm__map_node *node = own_node(change, path->levels - 1);
    if (node == NULL)
        return false;
    if (change->bucket->depth < node->bits)
        return divide(change, node);
    if (node->bits < TM__NODE_BITS_MAX && path->used[path->levels - 1] + node->bits < TM__HASH_BITS)
        return double_node(change, node);
    return insert_node(change);
}

// --- giving back ---------------------------------------------------------------------------------

// Are all of these children `reference`?
static bool is_uniform(const struct tm__map_node *node, uint32_t start, uint32_t count,
                       uint32_t reference)
{
    for (uint32_t i = start; i < start + count; i++)
        if (node->child[i] != reference)
            return false;
    return true;
}

// The node of a level has only pairs of equal children: half of it is enough. One child: none, and
// no memory is needed for that.
static void halve_nodes(struct tm__map_change *change)
{
    struct tm__map_path *path = &change->path;
    for (uint32_t level = path->levels; level-- > 0;) {
        for (;;) {
            struct tm__map_node *node = own_node(change, level);
            uint32_t reference, half = 1u << (node->bits - 1), i = 0;
            while (i < half && node->child[2 * i] == node->child[2 * i + 1])
                i++;
            if (i < half)
                return;
            if (level != 0 && own_node(change, level - 1) == NULL)
                return;
            if (is_uniform(node, 0, 2 * half, node->child[0]))
                break;
            struct tm__map_node *made =
                tm__piece_make(&change->pieces, node_bytes(node->bits - 1u), &reference);
            if (made == NULL)
                return;
            *made = (struct tm__map_node){.bits = (uint8_t)(node->bits - 1)};
            for (i = 0; i < half; i++)
                made->child[i] = node->child[2 * i];
            note_moved(change, half);
            set_node_link(change, level, reference);
            tm__piece_drop(&change->pieces, path->node[level], node_bytes(node->bits));
            path->node[level] = reference;
        }
        uint32_t child = own_node(change, level)->child[0], bits = own_node(change, level)->bits;
        if (child != 0) {
            struct tm__bucket *bucket = tm__piece_own(&change->pieces, child);
            if (bucket == NULL)
                return;
            bucket->depth = (uint8_t)(level == 0 ? 0 : own_node(change, level - 1)->bits);
        }
        set_node_link(change, level, child);
        tm__piece_drop(&change->pieces, path->node[level], node_bytes(bits));
    }
}

// Joins the bucket with the one beside it. False: it stays as it is.
static bool join(struct tm__map_change *change)
{
    struct tm__map_path *path = &change->path;
    uint32_t level = path->levels - 1, reference;
    struct tm__map_node *node = own_node(change, level);
    struct tm__bucket *bucket = change->bucket;
    if (node == NULL || bucket->depth == 0)
        return false;
    uint32_t count = 1u << (node->bits - bucket->depth);
    uint32_t start = path->at[level] & ~(count - 1), other = start ^ count;
    uint32_t beside = node->child[other];
    if (!is_uniform(node, other, count, beside))
        return false;
    if (beside == 0) {
        bucket->depth--;
        path->prefix--;
        tm__map_set_link(change, path->bucket);
        return true;
    }
    struct tm__bucket *buddy = tm__piece_own(&change->pieces, beside);
    if (buddy == NULL || buddy->bits != 0 || buddy->depth != bucket->depth || buddy->next != 0)
        return false;
    uint32_t stride = bucket->stride == buddy->stride ? bucket->stride : 0;
    uint32_t units = stride != 0 ? tm__plain_units((uint32_t)bucket->count + buddy->count, stride)
                                 : tm__bucket_slot_units(bucket) + tm__bucket_slot_units(buddy) -
                                       TM__BUCKET_HEAD;
    if (units > TM__BUCKET_UNITS / 2)
        return false;
    struct tm__bucket *made = make_bucket(change, units, stride, bucket->depth - 1u, &reference);
    if (made == NULL)
        return false;
    const struct tm__bucket *low = start < other ? bucket : buddy;
    const struct tm__bucket *high = start < other ? buddy : bucket;
    tm__bucket_append(made, low, 0, low->count);
    tm__bucket_append(made, high, 0, high->count);
    note_moved(change, made->count);
    uint32_t old = path->bucket;
    path->prefix--;
    tm__map_set_link(change, reference);
    tm__map_drop_bucket(change, old);
    tm__map_drop_bucket(change, beside);
    change->bucket = made;
    return true;
}

void tm__map_shrink(struct tm__map_change *change)
{
    struct tm__map_path *path = &change->path;
    struct tm__bucket *bucket = change->bucket;
    uint32_t live = tm__bucket_live_units(bucket);
    if (live * 2 > bucket->units && bucket->count != 0)
        return;
    if (!tm__map_own_link(change))
        return;
    if (bucket->count == 0) {
        uint32_t old = path->bucket;
        tm__map_set_link(change, bucket->next);
        tm__map_drop_bucket(change, old);
    } else {
        bool joined = false;
        if (path->previous == 0 && bucket->next == 0)
            while (path->levels != 0 && join(change))
                joined = true;
        if (!joined) {
            if (tm__bucket_size(live) < bucket->units * (uint32_t)TM__UNIT_BYTES)
                (void)!tm__map_rebuild(change, live, bucket->stride);
            return;
        }
    }
    if (path->previous == 0)
        halve_nodes(change);
}

// --- all of it -----------------------------------------------------------------------------------

static void drop_far_items(struct tm__map_change *change, const struct tm__bucket *bucket)
{
    for (uint32_t i = 0; bucket->stride == 0 && i < bucket->count; i++) {
        if (!tm__slot_is_far(bucket->slot[i]))
            continue;
        struct tm__far far;
        memcpy(&far, tm__bucket_item(bucket, bucket->slot[i]), sizeof far);
        tm__piece_drop(&change->pieces, far.reference, tm__far_bytes(&far));
    }
}

// As deep as there are levels, and in a loop along buckets of one hash. What is dropped is read
// before: its page does not go, and a copy of it made meanwhile holds the same.
void tm__map_drop_all(struct tm__map_change *change, uint32_t reference)
{
    while (reference != 0) {
        const struct tm__bucket *bucket = tm__piece_own(&change->pieces, reference);
        if (bucket == NULL)
            return;
        if (bucket->bits == 0) {
            uint32_t next = bucket->next;
            drop_far_items(change, bucket);
            tm__map_drop_bucket(change, reference);
            reference = next;
            continue;
        }
        const struct tm__map_node *node = (const void *)bucket;
        uint32_t last = 0;
        for (uint32_t i = 0; i < 1u << node->bits; i++) {
            if (node->child[i] != last)
                tm__map_drop_all(change, node->child[i]);
            last = node->child[i];
        }
        tm__piece_drop(&change->pieces, reference, node_bytes(node->bits));
        return;
    }
}
