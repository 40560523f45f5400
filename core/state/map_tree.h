// The directory of a map: nodes of references by some bits of the hash, over buckets. The first
// node takes the top bits, one below it those behind. Two levels hold millions of entries; hashes
// that do not differ early make more of them, at most as many as 64 bits give.
#pragma once

#include "core/state/map_plain.h"

enum {
    TM__NODE_BITS_MAX = 13, // 32 KiB
    TM__MAP_LEVELS = 64 / TM__NODE_BITS_MAX + 1,
    TM__HASH_BITS = 64,
};

// A node: references of nodes and buckets. Neighbours are equal where a bucket needs fewer bits; a
// node stands alone. 0: no entries there.
struct tm__map_node {
    uint8_t bits; // where a bucket has 0
    uint8_t reserved[7];
    uint32_t child[];
};

// The way from the root to a bucket, or to where there is none.
struct tm__map_path {
    uint32_t levels;               // nodes on the way
    uint32_t node[TM__MAP_LEVELS]; // references
    uint32_t at[TM__MAP_LEVELS];   // which child
    uint32_t used[TM__MAP_LEVELS]; // bits of the hash above the node
    uint32_t prefix;   // bits that all hashes of the bucket (or of the empty place) share
    uint32_t bucket;   // reference; 0: none
    uint32_t previous; // the bucket before it, of keys of the same hash; 0: it is the first
};

// A change of a map under way.
struct tm__map_change {
    struct tm__pieces pieces;
    struct tm_state_map *map;
    struct tm__map_path path;
    struct tm__bucket *bucket; // of the path, for writing
};

// From the root to where the hash leads. NULL: no bucket is there (path->bucket 0), or memory is
// missing.
static inline const struct tm__bucket *tm__map_descend(const struct tm_state *state,
                                                       const struct tm__state_group *group,
                                                       uint32_t root, uint64_t hash,
                                                       struct tm__map_path *path)
{
    uint32_t used = 0, level = 0, reference = root;
    path->previous = 0;
    path->prefix = 0;
    while (TM_LIKELY(reference != 0)) {
        const struct tm__bucket *bucket =
            (const struct tm__bucket *)(const void *)tm__state_read(state, group, reference);
        if (TM_UNLIKELY(bucket == NULL) || bucket->bits == 0) {
            path->levels = level;
            path->bucket = reference;
            path->prefix =
                (level == 0 ? 0 : path->used[level - 1]) + (bucket == NULL ? 0u : bucket->depth);
            return bucket;
        }
        const struct tm__map_node *node = (const void *)bucket;
        path->node[level] = reference;
        path->used[level] = used;
        path->at[level] = (uint32_t)(hash << used >> (TM__HASH_BITS - node->bits));
        reference = node->child[path->at[level++]];
        used += node->bits;
        path->prefix = used;
    }
    path->levels = level;
    path->bucket = 0;
    return NULL;
}

// What all hashes of a bucket have behind their common bits.
static inline uint32_t tm__map_rest(uint64_t hash, uint32_t prefix)
{
    return prefix < 32 ? (uint32_t)(hash >> 32) << prefix : 0;
}

// The bucket of the path becomes `reference` there where it is known.
bool tm__map_own_link(struct tm__map_change *change); // for set_link. False: out of memory
void tm__map_set_link(struct tm__map_change *change, uint32_t reference);
// The place of the path gets a bucket of so many units, plain where `stride` is not 0. False: out
// of memory.
bool tm__map_first_bucket(struct tm__map_change *change, uint32_t units, uint32_t stride);
// The bucket of the path becomes larger, loses its garbage, or, with 0 for its stride, gets slots.
bool tm__map_rebuild(struct tm__map_change *change, uint32_t units, uint32_t stride);
// One step of making it smaller by a division: the path must be found anew. False: out of memory.
bool tm__map_split(struct tm__map_change *change);
// After a removal: gives memory back where there is enough to give. Lack of memory only delays it.
void tm__map_shrink(struct tm__map_change *change);
void tm__map_drop_bucket(struct tm__map_change *change, uint32_t reference);
// All pieces from here on.
void tm__map_drop_all(struct tm__map_change *change, uint32_t reference);
