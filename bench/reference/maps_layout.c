// Counts by two columns with the engine's idea of a layout: a map for each key, reached by the key.
// 128 key groups with a table and pages of their own; slots lead by a reference of 32 bits to
// records that hold the 64-bit hash, the key and the head of the key's map; a map is a bucket, or a
// directory of buckets of 4 KiB by the first bits of the hash, so that no change moves more than a
// page and a page could be copied before it is written, or stored. Nothing of what a state does
// beside that is here: no journal, no types, keys of 8 bytes only, nothing is ever removed.
#include "bench/reference/rows.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    GROUPS = 128,
    PAGE_UNITS = 2048, // of 8 bytes
    ENTRIES_MAX = 256, // of a bucket
    AT_ONCE = 64,
    CLASSES = 24, // of sizes of pieces, powers of two
    CHUNK_BYTES = 1 << 22,
    CHUNKS_MAX = 1 << 12,
};

// Pages are cut from chunks that wish for huge pages of the machine.
struct chunks {
    uint8_t *next;
    size_t left;
    void *all[CHUNKS_MAX];
    uint32_t count;
};

static void *cut(struct chunks *chunks, size_t bytes)
{
    if (chunks->left < bytes) {
        size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        void *made;
        if (chunks->count == CHUNKS_MAX || posix_memalign(&made, CHUNK_BYTES, size) != 0)
            abort();
        (void)madvise(made, size, MADV_HUGEPAGE);
        chunks->all[chunks->count++] = made;
        chunks->next = made;
        chunks->left = size;
    }
    void *p = chunks->next;
    chunks->next += bytes;
    chunks->left -= bytes;
    return p;
}

// --- memory of a group ---------------------------------------------------------------------------

// References are page << 11 | unit; larger pieces have a page of their own.
struct group {
    struct chunks *chunks;
    uint64_t **pages;
    uint32_t page_count, page_capacity, next, left;
    uint32_t free[CLASSES];
    uint64_t *slots; // tag << 32 | reference, 0: free; linear probing, at most 5/8 full
    uint32_t mask, used, shift;
};

static inline void *at(const struct group *group, uint32_t reference)
{
    return group->pages[reference / PAGE_UNITS] + reference % PAGE_UNITS;
}

static uint32_t new_page(struct group *group, uint32_t units)
{
    if (group->page_count == group->page_capacity) {
        group->page_capacity = group->page_capacity == 0 ? 16 : group->page_capacity * 2;
        group->pages = realloc(group->pages, group->page_capacity * sizeof *group->pages);
    }
    if (group->pages == NULL)
        abort();
    group->pages[group->page_count] = cut(group->chunks, units * sizeof(uint64_t));
    return group->page_count++ * PAGE_UNITS;
}

// `units`: for buckets and directories a power of two.
static uint32_t take(struct group *group, uint32_t units, bool reused)
{
    uint32_t class = 32 - (uint32_t)__builtin_clz(units - 1), reference;
    if (reused && group->free[class] != 0) {
        reference = group->free[class];
        memcpy(&group->free[class], at(group, reference), sizeof reference);
    } else if (units > PAGE_UNITS / 4) {
        reference = new_page(group, units);
    } else {
        if (group->left < units) {
            group->next = new_page(group, PAGE_UNITS);
            group->left = PAGE_UNITS;
            if (group->next == 0) { // no piece has the reference 0
                group->next += 8;
                group->left -= 8;
            }
        }
        reference = group->next;
        group->next += units;
        group->left -= units;
    }
    return reference;
}

static void give_back(struct group *group, uint32_t reference, uint32_t units)
{
    uint32_t class = 32 - (uint32_t)__builtin_clz(units - 1);
    memcpy(at(group, reference), &group->free[class], sizeof reference);
    group->free[class] = reference;
}

// --- maps ----------------------------------------------------------------------------------------

struct entry {
    int64_t key, count; // 0: free
};
struct map {
    uint32_t root;    // of a bucket or, where there are levels, of the directory
    uint32_t used;    // entries of the bucket
    uint8_t bits;     // of the directory; 0: a bucket alone
    uint8_t capacity; // bits, of the bucket alone
    uint8_t reserved[6];
};
struct record {
    uint64_t hash;
    int64_t key;
    struct map map;
};
// Of a directory: the bucket, how many entries it has, and how many bits lead to it.
struct child {
    uint32_t bucket;
    uint16_t used, depth;
};
enum { BUCKET_BITS = 8 };

static inline uint64_t mix(int64_t key)
{
    uint64_t x = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return (x ^ x >> 32) * UINT64_C(0x9e3779b97f4a7c15);
}

// Within a bucket: bits of the hash that no directory uses.
static inline uint32_t home(uint64_t hash, uint32_t capacity)
{
    return (uint32_t)(hash >> 8) & ((1u << capacity) - 1);
}

static inline struct entry *find(struct entry *bucket, uint32_t capacity, uint64_t hash,
                                 int64_t key)
{
    uint32_t mask = (1u << capacity) - 1;
    for (uint32_t i = home(hash, capacity);; i = (i + 1) & mask)
        if (bucket[i].count == 0 || bucket[i].key == key)
            return &bucket[i];
}

static uint32_t new_bucket(struct group *group, uint32_t capacity)
{
    uint32_t units = 2u << capacity, reference = take(group, units, true);
    memset(at(group, reference), 0, units * sizeof(uint64_t));
    return reference;
}

static void copy(struct entry *to, uint32_t capacity, const struct entry *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (from[i].count != 0)
            *find(to, capacity, mix(from[i].key), from[i].key) = from[i];
}

// A bucket alone becomes twice as large, or the first of a directory.
static void grow(struct group *group, struct map *map)
{
    uint32_t old = map->root, capacity = map->capacity;
    if (capacity < BUCKET_BITS) {
        map->root = new_bucket(group, capacity + 1);
        copy(at(group, map->root), capacity + 1, at(group, old), 1u << capacity);
        give_back(group, old, 2u << capacity);
        map->capacity++;
        return;
    }
    map->root = take(group, 2, true);
    struct child *children = at(group, map->root);
    children[0] = children[1] = (struct child){old, (uint16_t)map->used, 0};
    map->bits = 1;
}

static void split(struct group *group, struct map *map, uint32_t index)
{
    struct child *children = at(group, map->root), full = children[index];
    if (full.depth == map->bits) {
        uint32_t count = 1u << map->bits, root = take(group, 2 * count, true);
        struct child *made = at(group, root);
        for (uint32_t i = 0; i < count; i++)
            made[2 * i] = made[2 * i + 1] = children[i];
        give_back(group, map->root, count);
        map->root = root;
        map->bits++;
        index *= 2;
        children = made;
    }
    uint32_t sides[2] = {new_bucket(group, BUCKET_BITS), new_bucket(group, BUCKET_BITS)};
    uint16_t used[2] = {0, 0};
    const struct entry *from = at(group, full.bucket);
    for (uint32_t i = 0; i < ENTRIES_MAX; i++) {
        uint64_t hash = mix(from[i].key);
        uint32_t side = hash >> (63 - full.depth) & 1;
        if (from[i].count == 0)
            continue;
        *find(at(group, sides[side]), BUCKET_BITS, hash, from[i].key) = from[i];
        used[side]++;
    }
    give_back(group, full.bucket, 2 * ENTRIES_MAX);
    uint32_t half = 1u << (map->bits - full.depth - 1), start = index & ~(2 * half - 1);
    for (uint32_t i = 0; i < 2 * half; i++)
        children[start + i] =
            (struct child){sides[i / half], used[i / half], (uint16_t)(full.depth + 1)};
}

static inline bool is_full(uint32_t used, uint32_t capacity)
{
    return used >= (3u << capacity) / 4;
}

// The entry's place, which is counted; room is made where it is new.
static inline struct entry *place(struct group *group, struct map *map, uint64_t hash, int64_t key)
{
    if (map->bits == 0) {
        struct entry *entry = find(at(group, map->root), map->capacity, hash, key);
        if (__builtin_expect(entry->count != 0, 1))
            return entry;
        if (!is_full(map->used, map->capacity)) {
            map->used++;
            return entry;
        }
        grow(group, map);
        return place(group, map, hash, key);
    }
    uint32_t index = (uint32_t)(hash >> (64 - map->bits));
    struct child *child = (struct child *)at(group, map->root) + index;
    struct entry *entry = find(at(group, child->bucket), BUCKET_BITS, hash, key);
    if (__builtin_expect(entry->count != 0, 1))
        return entry;
    if (is_full(child->used, BUCKET_BITS)) {
        split(group, map, index);
        return place(group, map, hash, key);
    }
    uint32_t half = 1u << (map->bits - child->depth), used = child->used + 1u;
    child = (struct child *)at(group, map->root) + (index & ~(half - 1));
    for (uint32_t i = 0; i < half; i++)
        child[i].used = (uint16_t)used;
    return entry;
}

// --- keys ----------------------------------------------------------------------------------------

struct ref_maps {
    struct group groups[GROUPS];
    struct chunks chunks;
};

struct ref_maps *ref_maps_new(void)
{
    struct ref_maps *maps = calloc(1, sizeof *maps);
    for (uint32_t g = 0; maps != NULL && g < GROUPS; g++) {
        struct group *group = &maps->groups[g];
        group->slots = calloc(16, sizeof *group->slots);
        if (group->slots == NULL)
            abort();
        group->chunks = &maps->chunks;
        group->mask = 15;
        group->shift = 28;
    }
    return maps;
}

void ref_maps_free(struct ref_maps *maps)
{
    for (uint32_t g = 0; g < GROUPS; g++) {
        free(maps->groups[g].pages);
        free(maps->groups[g].slots);
    }
    for (uint32_t i = 0; i < maps->chunks.count; i++)
        free(maps->chunks.all[i]);
    free(maps);
}

static inline struct group *group_of(struct ref_maps *maps, uint64_t hash)
{
    return &maps->groups[hash >> 57];
}

static void resize(struct group *group)
{
    uint64_t *old = group->slots;
    uint32_t count = group->mask + 1;
    group->slots = calloc(count * (size_t)2, sizeof *group->slots);
    if (group->slots == NULL)
        abort();
    group->mask = 2 * count - 1;
    group->shift--;
    for (uint32_t i = 0; i < count; i++) {
        if (old[i] == 0)
            continue;
        uint32_t to = (uint32_t)(old[i] >> 32) >> group->shift;
        while (group->slots[to] != 0)
            to = (to + 1) & group->mask;
        group->slots[to] = old[i];
    }
    free(old);
}

// The slot of the tag's first record, or the free one where it would be.
static inline uint32_t seek(const struct group *group, uint32_t tag, uint32_t from)
{
    while (group->slots[from] != 0 && group->slots[from] >> 32 != tag)
        from = (from + 1) & group->mask;
    return from;
}

static struct record *record_of(struct group *group, uint64_t hash, int64_t key)
{
    uint32_t tag = (uint32_t)hash, slot = seek(group, tag, tag >> group->shift);
    for (; group->slots[slot] != 0; slot = seek(group, tag, (slot + 1) & group->mask)) {
        struct record *record = at(group, (uint32_t)group->slots[slot]);
        if (__builtin_expect(record->hash == hash && record->key == key, 1))
            return record;
    }
    if ((group->used + 1) * 8 > (group->mask + 1) * 5) {
        resize(group);
        return record_of(group, hash, key);
    }
    uint32_t reference = take(group, sizeof(struct record) / sizeof(uint64_t), false);
    struct record *record = at(group, reference);
    *record = (struct record){.hash = hash, .key = key, .map = {.capacity = 2}};
    record->map.root = new_bucket(group, 2);
    group->slots[slot] = (uint64_t)tag << 32 | reference;
    group->used++;
    return record;
}

static uint8_t *put_row(uint8_t *to, int64_t key, int64_t n)
{
    const uint64_t words[4] = {REF_G2_FIXED, 0, (uint64_t)key, (uint64_t)n};
    memcpy(to, words, sizeof words);
    return to + REF_G2_FIXED;
}

struct block {
    int64_t keys[AT_ONCE], map_keys[AT_ONCE];
    uint64_t hashes[AT_ONCE], map_hashes[AT_ONCE];
    struct group *groups[AT_ONCE];
    struct record *records[AT_ONCE];
};

// Each loop asks for what the next one reads.
static uint8_t *count_block(struct block *b, uint32_t count, uint8_t *to)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct group *group = b->groups[i];
        uint32_t tag = (uint32_t)b->hashes[i], slot = seek(group, tag, tag >> group->shift);
        if (group->slots[slot] != 0)
            __builtin_prefetch(at(group, (uint32_t)group->slots[slot]));
    }
    for (uint32_t i = 0; i < count; i++) {
        struct group *group = b->groups[i];
        struct record *record = b->records[i] = record_of(group, b->hashes[i], b->keys[i]);
        uint64_t hash = b->map_hashes[i];
        if (record->map.bits == 0)
            __builtin_prefetch(
                (struct entry *)at(group, record->map.root) + home(hash, record->map.capacity), 1);
        else
            __builtin_prefetch((struct child *)at(group, record->map.root) +
                               (hash >> (64 - record->map.bits)));
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct map *map = &b->records[i]->map;
        uint64_t hash = b->map_hashes[i];
        if (map->bits == 0)
            continue;
        const struct child *child =
            (struct child *)at(b->groups[i], map->root) + (hash >> (64 - map->bits));
        __builtin_prefetch(
            (struct entry *)at(b->groups[i], child->bucket) + home(hash, BUCKET_BITS), 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct entry *entry =
            place(b->groups[i], &b->records[i]->map, b->map_hashes[i], b->map_keys[i]);
        *entry = (struct entry){b->map_keys[i], entry->count + 1};
        to = put_row(to, b->keys[i], entry->count);
    }
    return to;
}

static inline int64_t get_int(const uint8_t *row, size_t offset)
{
    int64_t v;
    memcpy(&v, row + offset, sizeof v);
    return v;
}

void ref_maps_count(struct ref_maps *maps, uint32_t key, uint32_t map_key, const uint8_t *in,
                    size_t in_bytes, struct ref_rows *out)
{
    const uint8_t *end = in + in_bytes;
    uint8_t *to = out->data;
    struct block b;
    while (in < end) {
        uint32_t count = 0;
        for (; count < AT_ONCE && in < end; count++) {
            uint32_t size;
            memcpy(&size, in, sizeof size);
            b.keys[count] = get_int(in, key);
            b.map_keys[count] = get_int(in, map_key);
            b.hashes[count] = mix(b.keys[count]);
            b.map_hashes[count] = mix(b.map_keys[count]);
            const struct group *group = b.groups[count] = group_of(maps, b.hashes[count]);
            __builtin_prefetch(&group->slots[(uint32_t)b.hashes[count] >> group->shift]);
            in += size;
        }
        to = count_block(&b, count, to);
    }
    out->size_bytes = (size_t)(to - out->data);
    out->row_count = (uint32_t)(out->size_bytes / REF_G2_FIXED);
    out->failed = 0;
}
