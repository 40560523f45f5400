// The parts of a state, shared by the files of this directory.
//
// state -> group[] -> pages        a page table per key group, shared by all namespaces
//       -> namespace (by id) -> block[] -> table[16] -> slots
//
// A reference is (page number, offset in units of 8 bytes); 0 is none. An entry is {high half of
// the hash, key length, value, key bytes padded to 8}; the low half of its hash is its slot's tag.
#pragma once

#include "core/state/pool.h"
#include "core/state/state.h"

enum {
    TM__UNIT_BYTES = 8,
    TM__OFFSET_BITS = 11,
    TM__PAGE_BYTES_MIN = 512, // a table's first page; each next one is twice as large
    TM__PAGE_BYTES_MAX = TM__UNIT_BYTES << TM__OFFSET_BITS, // 16 KiB; more only for one large item
    TM__PAGES_MAX = 1 << (32 - TM__OFFSET_BITS),
    TM__BLOCK_TABLES = 16, // key groups of a namespace that come into being together
    TM__TABLE_SLOTS_MIN = 16,
    TM__SENTINELS = 4, // always empty slots at the end of a table, so that searches need no bound
    TM__BLOB_CLASSES = 40,
};

// A slot is tag << 32 | reference. The empty slot is above all others: a search for "the first slot
// not below" ends there by itself.
#define TM__EMPTY UINT64_MAX

struct tm__state_page {
    uint32_t size_bytes;
    uint32_t next; // page number: of the table that owns it, or of the group's free numbers
};

struct tm__state_group {
    uint8_t **pages; // [page number]; number 0 is never used
    struct tm__state_page *infos;
    uint32_t capacity;
    uint32_t used;      // numbers below have been given out
    uint32_t free_page; // a number given back, or 0
    uint32_t expected;  // entries of the last table that was cleared: the next one starts with
                        // room for as many
};

// The entries of one key group in one namespace.
struct tm__state_table {
    uint64_t *slots;
    uint32_t capacity; // an entry's home is tag * capacity >> 32
    uint32_t end;      // slots below can be used: capacity and slack, then the sentinels
    uint32_t count, limit;
    uint32_t next;       // reference of the free space in the newest page
    uint32_t left_bytes; // how much there is
    uint32_t page;       // the newest page, head of the list; 0: none
    uint32_t page_bytes; // size of the next one
    uint32_t *blob_free; // [TM__BLOB_CLASSES] references, or NULL
    uint64_t reserved[2];
};
_Static_assert(sizeof(struct tm__state_table) == 64, "a table is one cache line");

struct tm__state_block {
    struct tm__state_table tables[TM__BLOCK_TABLES];
};

struct tm_namespace {
    struct tm_namespace *previous, *next; // ascending by id
    int64_t id;
    uint64_t size;
    struct tm__state_block *blocks[]; // by key group; tm__state_empty_block until the first entry
};

struct tm_state {
    struct tm__state_pool pool;
    uint32_t max_parallelism, first_key_group, group_count, block_count;
    uint32_t value_bytes;
    uint32_t namespace_count, namespace_capacity;
    struct tm_namespace **namespaces; // ascending by id
    struct tm__state_group groups[];
};

struct tm__state_entry {
    uint32_t hash_high, key_length; // little-endian: read as one word
    // value, key
};

extern const struct tm__state_block tm__state_empty_block; // 16 empty tables; never written

static inline size_t tm__state_padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static inline uint8_t *tm__state_address(const struct tm__state_group *group, uint32_t reference)
{
    return group->pages[reference >> TM__OFFSET_BITS] +
           (size_t)(reference & ((1u << TM__OFFSET_BITS) - 1)) * TM__UNIT_BYTES;
}

static inline uint32_t tm__state_group_index(const struct tm_state *state, uint64_t hash)
{
    return tm_hash_key_group(hash, state->max_parallelism) - state->first_key_group;
}

static inline struct tm__state_table *tm__state_table_of(struct tm_namespace *ns, uint32_t index)
{
    return &ns->blocks[index / TM__BLOCK_TABLES]->tables[index % TM__BLOCK_TABLES];
}

static inline uint32_t tm__state_home(const struct tm__state_table *table, uint32_t tag)
{
    return (uint32_t)(((uint64_t)tag * table->capacity) >> 32);
}

// The first slot from `i` on that is not below `wanted`. Four at a time and without branches: how
// far an entry stands from its home cannot be predicted.
static inline uint32_t tm__state_seek(const uint64_t *slots, uint32_t i, uint64_t wanted)
{
    for (;;) {
        uint32_t below = (uint32_t)(slots[i] < wanted) + (uint32_t)(slots[i + 1] < wanted) +
                         (uint32_t)(slots[i + 2] < wanted) + (uint32_t)(slots[i + 3] < wanted);
        i += below;
        if (TM_LIKELY(below < 4))
            return i;
    }
}

// page.c: a page of its own, or a new one for this and the next.
uint32_t tm__state_page_allocate_more(struct tm_state *state, struct tm__state_group *group,
                                      struct tm__state_table *table, size_t size);
// Memory of entries and blobs. A reference, or 0: out of memory or of references.
static inline uint32_t tm__state_page_allocate(struct tm_state *state,
                                               struct tm__state_group *group,
                                               struct tm__state_table *table, size_t size)
{
    size = tm__state_padded(size);
    if (TM_UNLIKELY(size > table->left_bytes))
        return tm__state_page_allocate_more(state, group, table, size);
    uint32_t reference = table->next;
    table->next += (uint32_t)size / TM__UNIT_BYTES;
    table->left_bytes -= (uint32_t)size;
    return reference;
}
// An item larger than TM__PAGE_BYTES_MAX stands alone; give its page back.
void tm__state_page_free_single(struct tm_state *state, struct tm__state_group *group,
                                struct tm__state_table *table, uint32_t reference);
void tm__state_page_free_all(struct tm_state *state, struct tm__state_group *group,
                             struct tm__state_table *table);

// table.c
// Insert a key that is not there or find it: NULL: out of memory.
uint8_t *tm__state_table_upsert(struct tm_state *state, struct tm_namespace *ns, uint32_t index,
                                const struct tm_key *key, bool *created);
void tm__state_table_clear(struct tm_state *state, struct tm__state_group *group,
                           struct tm__state_table *table);
// Makes the table writable: its block comes into being. False: out of memory.
bool tm__state_table_materialise(struct tm_state *state, struct tm_namespace *ns, uint32_t index);

static inline uint64_t tm__state_word(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

// Are the bytes of two keys of one length equal? By words that overlap, so that keys of 8 to 16
// bytes, and those of 4 to 7, each take one path without a branch on the length.
static inline bool tm__state_key_bytes_equal(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    if (TM_LIKELY(length >= 8)) {
        uint64_t difference = tm__state_word(a) ^ tm__state_word(b);
        for (uint32_t i = 8; TM_UNLIKELY(i + 8 < length); i += 8)
            difference |= tm__state_word(a + i) ^ tm__state_word(b + i);
        return (difference | (tm__state_word(a + length - 8) ^ tm__state_word(b + length - 8))) ==
               0;
    }
    if (TM_LIKELY(length >= 4)) {
        uint32_t x, y, u, v;
        memcpy(&x, a, 4);
        memcpy(&y, b, 4);
        memcpy(&u, a + length - 4, 4);
        memcpy(&v, b + length - 4, 4);
        return ((x ^ y) | (u ^ v)) == 0;
    }
    for (uint32_t i = 0; i < length; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

static inline bool tm__state_entry_is(const struct tm__state_entry *entry, uint32_t value_bytes,
                                      const struct tm_key *key)
{
    uint64_t head; // hash_high and key_length at once
    memcpy(&head, entry, sizeof head);
    return head == (key->hash >> 32 | (uint64_t)key->length << 32) &&
           tm__state_key_bytes_equal((const uint8_t *)(entry + 1) + value_bytes, key->bytes,
                                     key->length);
}
