// The count of G2 by the layout of the engine's state, by hand: 128 key groups, each a table of its
// own with open addressing; the 64-bit hash of a key stored with it; entries {hash, length, value,
// bytes of the key} in an arena, reached through a page table, so that pages could be frozen,
// copied and put away one by one. What it leaves out is what the job does not need: other key
// types, removal, iteration in order, pages that have other holders, growth in bounded steps.
#include "bench/reference/rows.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    GROUP_BITS = 7,
    GROUPS = 1 << GROUP_BITS,
    PAGE_ENTRIES_MIN = 4, // of a group's first page; each next one is twice as large
    OFFSET_BITS = 9,      // in units of entries
    PAGE_ENTRIES_MAX = 1 << OFFSET_BITS,
    FIRST_BITS = 4, // of a table's slots
    SEEN = 4,       // slots that are looked at together; so many at the begin stand at the end too
    KEYS_AT_ONCE = 64,
    FEW = 2048, // entries that lie in the second-level cache with their slots
};
#define ARENA_BYTES ((size_t)16 * 1024 * 1024) // with huge pages

struct entry {
    uint64_t hash;
    uint32_t key_length, reserved;
    uint64_t value;
    uint8_t key[8];
};
// A slot is tag << 32 | reference; 0 is free. The tag, the low half of the hash, chooses the home
// by its top bits, so that growing looks at no entry. At most 5/8 full.
struct group {
    uint64_t *slots;
    uint32_t shift, mask;
    uint32_t used, limit;
    struct entry **pages;
    uint32_t next, end; // references in the newest page: of the next entry, and behind the last
    uint32_t page_count, page_entries;
};

struct ref_grouped {
    struct group groups[GROUPS];
    uint8_t *arena;
    size_t left_bytes;
    void *free[32]; // by bits of their slots: what tables have grown out of
    void *arenas;   // the first word of each is the next one
    uint64_t count;
};

// Zeros, in whole cache lines.
static void *allocate(struct ref_grouped *all, size_t size)
{
    if (size > all->left_bytes) {
        size_t wanted = size + 64 > ARENA_BYTES ? size + 64 : ARENA_BYTES;
        void *arena = NULL;
        if (posix_memalign(&arena, 2 * 1024 * 1024, wanted) != 0)
            abort();
        (void)madvise(arena, wanted, MADV_HUGEPAGE);
        memcpy(arena, &all->arenas, sizeof all->arenas);
        all->arenas = arena;
        all->arena = (uint8_t *)arena + 64;
        all->left_bytes = wanted - 64;
    }
    uint8_t *p = all->arena;
    all->arena += size;
    all->left_bytes -= size;
    return memset(p, 0, size);
}

static void set_slot(struct group *g, uint32_t at, uint64_t slot)
{
    g->slots[at] = slot;
    if (at < SEEN)
        g->slots[at + g->mask + 1] = slot;
}

static void resize(struct ref_grouped *all, struct group *g, unsigned bits)
{
    uint64_t *old = g->slots;
    uint32_t old_count = old == NULL ? 0 : g->mask + 1;
    size_t size = (sizeof *g->slots << bits) + 64;
    g->slots = all->free[bits];
    if (g->slots != NULL) {
        memcpy(&all->free[bits], g->slots, sizeof(void *));
        memset(g->slots, 0, size);
    } else {
        g->slots = allocate(all, size);
    }
    g->mask = (1u << bits) - 1;
    g->shift = 32 - bits;
    g->limit = (1u << bits) / 8 * 5;
    for (uint32_t i = 0; i < old_count; i++) {
        if (old[i] == 0)
            continue;
        uint32_t at = (uint32_t)(old[i] >> 32) >> g->shift;
        while (g->slots[at] != 0)
            at = (at + 1) & g->mask;
        set_slot(g, at, old[i]);
    }
    if (old != NULL) {
        memcpy(old, &all->free[bits - 1], sizeof(void *));
        all->free[bits - 1] = old;
    }
}

struct ref_grouped *ref_grouped_new(void)
{
    struct ref_grouped *all = calloc(1, sizeof *all);
    for (int i = 0; all != NULL && i < GROUPS; i++)
        resize(all, &all->groups[i], FIRST_BITS);
    return all;
}

void ref_grouped_free(struct ref_grouped *all)
{
    for (int i = 0; i < GROUPS; i++)
        free(all->groups[i].pages);
    while (all->arenas != NULL) {
        void *arena = all->arenas;
        memcpy(&all->arenas, arena, sizeof all->arenas);
        free(arena);
    }
    free(all);
}

// Two halves of a product: group and tag both depend on all bits of the key.
static inline uint64_t hash_of(uint64_t key)
{
    unsigned __int128 product =
        (unsigned __int128)(key ^ UINT64_C(0x2d358dccaa6c78a5)) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = (uint64_t)product ^ (uint64_t)(product >> 64);
    return x * UINT64_C(0xbf58476d1ce4e5b9) ^ x >> 32;
}

static inline struct group *group_of(struct ref_grouped *all, uint64_t hash)
{
    return &all->groups[hash >> (64 - GROUP_BITS)];
}

static inline struct entry *entry_at(const struct group *g, uint32_t reference)
{
    return g->pages[reference >> OFFSET_BITS] + (reference & (PAGE_ENTRIES_MAX - 1));
}

static inline bool is_entry(const struct entry *entry, uint64_t hash, uint64_t key)
{
    uint64_t bytes;
    memcpy(&bytes, entry->key, sizeof bytes);
    return entry->hash == hash && entry->key_length == sizeof key && bytes == key;
}

// References count from 1 on, as page 0 has none.
static void new_page(struct ref_grouped *all, struct group *g)
{
    uint32_t number = g->page_count == 0 ? 1 : g->page_count;
    if ((number & (number - 1)) == 0) {
        g->pages = realloc(g->pages, 2 * number * sizeof(struct entry *));
        if (g->pages == NULL)
            abort();
    }
    g->page_entries = g->page_entries == 0                 ? PAGE_ENTRIES_MIN
                      : g->page_entries < PAGE_ENTRIES_MAX ? 2 * g->page_entries
                                                           : PAGE_ENTRIES_MAX;
    g->pages[number] = allocate(all, g->page_entries * sizeof(struct entry));
    g->next = number << OFFSET_BITS;
    g->end = g->next + g->page_entries;
    g->page_count = number + 1;
}

static struct entry *new_entry(struct ref_grouped *all, struct group *g, uint64_t hash,
                               uint64_t key, uint32_t *reference)
{
    if (g->next == g->end)
        new_page(all, g);
    *reference = g->next++;
    struct entry *entry = entry_at(g, *reference);
    *entry = (struct entry){.hash = hash, .key_length = sizeof key};
    memcpy(entry->key, &key, sizeof key);
    return entry;
}

static struct entry *upsert(struct ref_grouped *all, struct group *g, uint64_t hash, uint64_t key)
{
    uint32_t tag = (uint32_t)hash, at = tag >> g->shift;
    for (; g->slots[at] != 0; at = (at + 1) & g->mask) {
        if (g->slots[at] >> 32 != tag)
            continue;
        struct entry *entry = entry_at(g, (uint32_t)g->slots[at]);
        if (is_entry(entry, hash, key))
            return entry;
    }
    if (g->used == g->limit) {
        resize(all, g, 33 - g->shift);
        for (at = tag >> g->shift; g->slots[at] != 0;)
            at = (at + 1) & g->mask;
    }
    uint32_t reference;
    struct entry *entry = new_entry(all, g, hash, key, &reference);
    set_slot(g, at, (uint64_t)tag << 32 | reference);
    g->used++;
    all->count++;
    return entry;
}

// Word by word: put together as a vector first, with a word of it just written, costs a stalled
// load.
static inline void put(uint8_t *to, uint64_t word)
{
    memcpy(to, &word, sizeof word);
    __asm__ volatile("" ::: "memory");
}
static inline uint8_t *put_row(uint8_t *to, uint64_t key, uint64_t n)
{
    put(to, REF_G2_FIXED);
    put(to + 8, 0);
    put(to + REF_G2_USER, key);
    put(to + REF_G2_N, n);
    return to + REF_G2_FIXED;
}

// The keys under way: some in which slots are being asked for, then entries, then counted.
struct keys {
    uint32_t count;
    uint64_t key[KEYS_AT_ONCE], hash[KEYS_AT_ONCE];
    struct entry *entry[KEYS_AT_ONCE]; // of the first slot with the key's tag; NULL: none
};

static inline const uint8_t *read_keys(struct ref_grouped *all, struct keys *keys,
                                       const uint8_t *in, const uint8_t *end, struct ref_rows *out)
{
    keys->count = 0;
    while (keys->count < KEYS_AT_ONCE && in < end) {
        struct tm_row head;
        memcpy(&head, in, sizeof head);
        if (__builtin_expect((head.nulls[0] & 1) != 0, 0)) {
            out->failed++;
        } else {
            uint64_t key;
            memcpy(&key, in + REF_IN_USER, sizeof key);
            uint64_t hash = hash_of(key);
            const struct group *g = group_of(all, hash);
            const uint64_t *home = &g->slots[(uint32_t)hash >> g->shift];
            __builtin_prefetch(home, 0, 2);
            __builtin_prefetch(home + SEEN - 1, 0, 2);
            keys->key[keys->count] = key;
            keys->hash[keys->count++] = hash;
        }
        in += head.size_bytes;
    }
    return in;
}

// The first entry with the key's tag, without branches: which slot it is cannot be predicted. NULL:
// none near the home.
static inline struct entry *look(const struct group *g, uint64_t hash)
{
    uint32_t tag = (uint32_t)hash, equal = 1u << SEEN;
    const uint64_t *home = &g->slots[tag >> g->shift];
    for (uint32_t k = 0; k < SEEN; k++)
        equal |= (uint32_t)(home[k] >> 32 == tag) << k;
    uint64_t slot = home[__builtin_ctz(equal)];
    if (__builtin_expect(equal == 1u << SEEN || (uint32_t)slot == 0, 0))
        return NULL;
    return entry_at(g, (uint32_t)slot);
}

static inline void find_entries(struct ref_grouped *all, struct keys *keys)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        keys->entry[i] = look(group_of(all, keys->hash[i]), keys->hash[i]);
        __builtin_prefetch(keys->entry[i], 1, 2);
    }
}

static inline uint8_t *count_keys(struct ref_grouped *all, const struct keys *keys, uint8_t *to)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        struct entry *entry = keys->entry[i];
        if (__builtin_expect(entry == NULL || !is_entry(entry, keys->hash[i], keys->key[i]), 0))
            entry = upsert(all, group_of(all, keys->hash[i]), keys->hash[i], keys->key[i]);
        to = put_row(to, keys->key[i], ++entry->value);
    }
    return to;
}

// All of it lies in the cache: one key after the other.
static void count_few(struct ref_grouped *all, const uint8_t *in, const uint8_t *end,
                      struct ref_rows *out)
{
    uint8_t *to = out->data;
    uint32_t size;
    for (; in < end; in += size) {
        uint64_t nulls, key;
        memcpy(&size, in, sizeof size);
        memcpy(&nulls, in + 8, sizeof nulls);
        memcpy(&key, in + REF_IN_USER, sizeof key);
        if (__builtin_expect((nulls & 1) != 0, 0)) {
            out->failed++;
            continue;
        }
        uint64_t hash = hash_of(key);
        struct group *g = group_of(all, hash);
        struct entry *entry = look(g, hash);
        if (__builtin_expect(entry == NULL || !is_entry(entry, hash, key), 0))
            entry = upsert(all, g, hash, key);
        to = put_row(to, key, ++entry->value);
    }
    out->size_bytes = (size_t)(to - out->data);
    out->row_count = (uint32_t)(out->size_bytes / REF_G2_FIXED);
}

void ref_grouped_count(struct ref_grouped *all, const uint8_t *in, size_t in_bytes,
                       struct ref_rows *out)
{
    if (all->count < FEW) {
        out->failed = 0;
        count_few(all, in, in + in_bytes, out);
        return;
    }
    const uint8_t *end = in + in_bytes;
    uint8_t *to = out->data;
    struct keys keys[2];
    uint32_t now = 0;
    out->failed = 0;
    in = read_keys(all, &keys[now], in, end, out);
    while (keys[now].count != 0) {
        find_entries(all, &keys[now]);
        in = read_keys(all, &keys[now ^ 1], in, end, out);
        to = count_keys(all, &keys[now], to);
        now ^= 1;
    }
    out->size_bytes = (size_t)(to - out->data);
    out->row_count = (uint32_t)(out->size_bytes / REF_G2_FIXED);
}
