// The parts of a state, shared by the files of this directory.
//
// state -> group[] -> pages        a page table per key group, shared by all namespaces
//       -> namespace (by id) -> block[] -> table[16] -> directory -> slot pages
//
// A reference is (page number, offset in units of 8 bytes); 0 is none. An entry is {hash, key
// length, value, key bytes padded to 8}; the low half of its hash is its slot's tag.
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
    TM__SLOTS_BYTES_MIN = 128,
    TM__SLOTS_BYTES = 4096, // of a slot page where a table has several
    TM__SENTINELS = 4,      // always empty slots at the end of a slot page: searches need no bound
    TM__SIZE_CLASSES = 56,
    TM__FREE_BYTES = 2 * TM__SIZE_CLASSES * 4, // a table's lists of free items, a page of them
    TM__DEPTH_MASK = 31, // low bits of a directory's entry: how many bits of a tag lead to the page
};

// A slot is tag << 32 | reference. The empty slot is above all others: a search for "the first slot
// not below" ends there by itself.
#define TM__EMPTY UINT64_MAX

// What stands in front of every page's bytes. A page is good by itself: it says whose it is, and
// entries can be walked from the first to the end mark.
struct tm__state_head {
    uint32_t references; // page tables that name it
    uint32_t kind;       // enum tm__state_page_kind
    int64_t owner;       // id of the namespace
};
enum tm__state_page_kind {
    TM__PAGE_ENTRIES, // some, or a large one
    TM__PAGE_BLOBS,
    TM__PAGE_LARGE, // one blob, larger than TM__SIZE_MAX
    TM__PAGE_FREE,  // [2][TM__SIZE_CLASSES] references of free entries and blobs, the first of each
};

// Low bits of a page's address in a page table. SHARED: another page table may name the page too,
// so it is copied before it is written. ABSENT: it lies in the store, the rest is no address.
enum { TM__PAGE_SHARED = 1, TM__PAGE_ABSENT = 2, TM__PAGE_FLAGS = 3 };

struct tm__state_page {
    uint32_t size_bytes; // with its head
    uint32_t next;       // page number: of the table that owns it, or of the free numbers
    uint32_t used_bytes; // with its head: those behind have never been given out. Not of entries,
                         // which say so themselves (0)
};

// The page table of a key group. Shared by snapshots and forks; copied before it is changed, but
// for `aside` (aside.c), which other threads read and count in while a snapshot holds the table.
struct tm__state_pages {
    uint32_t references;
    uint32_t capacity;
    uint32_t used;        // numbers below have been given out; number 0 is never used
    uint32_t free_number; // a number given back, or 0
    uint32_t lived;       // states whose key group it is: none of its pages is put aside
    uint32_t aside_count; // pages that were
    bool leaving;         // its last holder gives it up page by page: nobody reads it any more
    struct tm__state_pages *next, *previous; // the ring of those of the key group
    // uintptr_t at[capacity], _Atomic uintptr_t aside[capacity], struct tm__state_page
    // info[capacity]
};

struct tm__state_group {
    const uintptr_t *at;           // [page number] of `pages`: address and flags
    struct tm__state_pages *pages; // NULL: none yet
    uint32_t shared;               // 1: `pages` has other holders
    uint32_t expected; // entries of the last table that was cleared: the next one starts with
                       // room for as many
};

// A slot page: slots in ascending order, each at its home or behind it.
struct tm__state_slots {
    uint32_t end; // slots below can be used: as many as there are homes, and slack
    uint32_t count, limit;
    uint32_t size_bytes;
    uint64_t reserved[2];
    uint64_t slot[]; // `end`, then the sentinels
};
_Static_assert(sizeof(struct tm__state_slots) == TM__DEPTH_MASK + 1, "slots are aligned to it");

// Where the next item of a table goes.
struct tm__state_space {
    uint32_t next;       // reference of the free space in the newest page
    uint32_t left_bytes; // how much there is
    uint32_t page_bytes; // size of the next page
};

// The entries of one key group in one namespace.
struct tm__state_table {
    // What a search reads. The top `directory_bits` of a tag choose a directory's entry, which is
    // the address of the slots of a page | how many of these bits all its tags share.
    uintptr_t *directory;
    uint32_t directory_bits;
    uint32_t homes; // in each slot page; the next bits of a tag choose one
    uint32_t count;
    bool unindexed; // entries lie in the pages, the directory is still to be made
    uintptr_t only; // the directory of one page
    struct tm__state_space entries, blobs;
    uint32_t page; // head of the list of its pages; 0: none
    uint32_t free; // the page of its lists of free items, or 0
    int64_t owner; // id of the namespace
    uint64_t reserved[7];
};
_Static_assert(sizeof(struct tm__state_table) == 128, "a table is two cache lines");

// Held by namespaces of states and by snapshots; copied before it is changed. The slots of its
// tables are its home's: when that copies the block, it takes them along; what stays has none.
struct tm__state_block {
    struct tm__state_table tables[TM__BLOCK_TABLES];
    struct tm_state *home; // never followed: it may be gone
    uint32_t references;
};

struct tm_namespace {
    struct tm_namespace *previous, *next; // ascending by id
    int64_t id;
    uint64_t size;
    uint32_t looked_up;               // keys, by batches; counts as far as TM__RECENT_AFTER
    struct tm__state_recent *recent;  // NULL: none
    struct tm__state_block *blocks[]; // by key group; tm__state_empty_block until the first entry
};

// Memory that a state, its forks and its snapshots share.
struct tm__state_shared {
    struct tm__state_pool pool;
    uint32_t holders;
    struct tm_snapshot *leaving; // what is being freed in steps, the oldest first
};

struct tm_state {
    struct tm__state_shared *shared;
    struct tm__state_pool *pool; // of `shared`
    uint32_t moves;              // how often slots have moved to another page
    uint32_t copies;             // how often a page was copied to be written
    uint32_t unsettled;          // how often addresses of entries were made void
    uint64_t items_moved;        // by collections, from piece to piece
    uint32_t max_parallelism, first_key_group, group_count, block_count;
    uint32_t value_bytes;
    uint32_t namespace_count, namespace_capacity;
    struct tm_namespace **namespaces;   // ascending by id
    const struct tm_state_store *store; // of absent pages; NULL: there are none
    struct tm__state_group groups[];
};

struct tm__state_entry {
    uint64_t hash;
    uint32_t key_length;
    uint32_t kind; // enum tm__state_entry_kind
    // value, key
};
// In the order of the pages: 0 is memory that was never used, so that it ends a walk.
enum tm__state_entry_kind { TM__ENTRY_END, TM__ENTRY_LIVE, TM__ENTRY_FREE };

extern const struct tm__state_block tm__state_empty_block; // 16 empty tables; never written

static inline size_t tm__state_padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

// With the flags of the page.
static inline uintptr_t tm__state_raw_address(const struct tm__state_group *group,
                                              uint32_t reference)
{
    return group->at[reference >> TM__OFFSET_BITS] +
           (uintptr_t)(reference & ((1u << TM__OFFSET_BITS) - 1)) * TM__UNIT_BYTES;
}

// For reading what is not absent.
static inline uint8_t *tm__state_address(const struct tm__state_group *group, uint32_t reference)
{
    return (uint8_t *)(tm__state_raw_address(group, reference) & ~(uintptr_t)TM__PAGE_FLAGS);
}

static inline uint32_t tm__state_group_index(const struct tm_state *state, uint64_t hash)
{
    return tm_hash_key_group(hash, state->max_parallelism) - state->first_key_group;
}

static inline struct tm__state_table *tm__state_table_of(struct tm_namespace *ns, uint32_t index)
{
    return &ns->blocks[index / TM__BLOCK_TABLES]->tables[index % TM__BLOCK_TABLES];
}

static inline uint64_t *tm__state_slots_at(uintptr_t entry)
{
    return (uint64_t *)(entry & ~(uintptr_t)TM__DEPTH_MASK);
}

// The slots that a tag leads to, and its home among them.
static inline uint64_t *tm__state_home(const struct tm__state_table *table, uint32_t tag)
{
    uintptr_t entry = table->directory[(uint64_t)tag >> (32 - table->directory_bits)];
    uint32_t rest = tag << (entry & TM__DEPTH_MASK);
    return tm__state_slots_at(entry) + (((uint64_t)rest * table->homes) >> 32);
}

// The first slot from `slot` on that is not below `wanted`. Four at a time and without branches:
// how far an entry stands from its home cannot be predicted.
static inline uint64_t *tm__state_seek(uint64_t *slot, uint64_t wanted)
{
    for (;;) {
        uint32_t below = (uint32_t)(slot[0] < wanted) + (uint32_t)(slot[1] < wanted) +
                         (uint32_t)(slot[2] < wanted) + (uint32_t)(slot[3] < wanted);
        slot += below;
        if (TM_LIKELY(below < 4))
            return slot;
    }
}

// state.c
// An empty state with memory of its own, or (a holder more) with the given one. NULL: no memory.
struct tm_state *tm__state_make(const struct tm_state_args *args, struct tm__state_shared *shared);
void tm__state_shared_leave(struct tm__state_shared *shared); // one holder less

// page.c
// Addresses for writing: the page is copied first if others share it. NULL: out of memory, or the
// page is absent and cannot be had.
uint8_t *tm__state_own_slow(struct tm_state *state, struct tm__state_group *group,
                            uint32_t reference);
static inline bool tm__state_is_own(const struct tm__state_group *group, uintptr_t address)
{
    return ((address & TM__PAGE_FLAGS) | group->shared) == 0;
}
static inline uint8_t *tm__state_own(struct tm_state *state, struct tm__state_group *group,
                                     uint32_t reference)
{
    if (TM_UNLIKELY(!tm__state_is_own(group, group->at[reference >> TM__OFFSET_BITS])))
        return tm__state_own_slow(state, group, reference);
    return tm__state_address(group, reference);
}
// For reading a page that may be absent. NULL: it cannot be had.
const uint8_t *tm__state_fetch(const struct tm_state *state, const struct tm__state_group *group,
                               uint32_t reference);
static inline const uint8_t *tm__state_read(const struct tm_state *state,
                                            const struct tm__state_group *group, uint32_t reference)
{
    if (TM_UNLIKELY((group->at[reference >> TM__OFFSET_BITS] & TM__PAGE_ABSENT) != 0))
        return tm__state_fetch(state, group, reference);
    return tm__state_address(group, reference);
}

// The living entries of a table's pages, in no order.
struct tm__state_walk {
    uint32_t page;                  // the next one, 0: none; at first the table's
    uint32_t reference, left_bytes; // in the page under way
    int code;
};
uint32_t tm__state_page_walk_some(const struct tm_state *state, const struct tm__state_group *group,
                                  struct tm__state_walk *walk,
                                  const struct tm__state_entry **entries, uint32_t *references,
                                  uint32_t most); // how many; 0: the end

// Memory of entries and blobs, for writing. NULL: out of memory or of references. `size` is one of
// a class (tm__state_class_bytes), or larger than TM__PAGE_BYTES_MAX less a head: such an item
// stands alone.
uint8_t *tm__state_allocate(struct tm_state *state, struct tm__state_group *group,
                            struct tm__state_table *table, enum tm__state_page_kind kind,
                            size_t size, uint32_t *reference);
// To be used again by items of the class.
void tm__state_give_back(struct tm_state *state, struct tm__state_group *group,
                         struct tm__state_table *table, enum tm__state_page_kind kind,
                         uint32_t reference, size_t size);
// The pages of a table's list.
void tm__state_page_free_all(struct tm_state *state, struct tm__state_group *group,
                             const struct tm__state_table *table);
void tm__state_pages_drop(struct tm__state_pool *pool, struct tm__state_pages *pages,
                          const struct tm_state_store *store); // one holder less; NULL is fine
// The same in steps of *budget pages at most, which it counts down by what each costs; *page, 0 at
// first, is where it is. False: there is more to do.
bool tm__state_pages_drop_some(struct tm__state_pool *pool, struct tm__state_pages *pages,
                               const struct tm_state_store *store, uint32_t *page,
                               uint32_t *budget);
// For loading: a page of a group, all zero behind its head; the table of pages grows to its number.
// There must be none of this number. NULL: out of memory.
struct tm__state_head *tm__state_page_put(struct tm_state *state, struct tm__state_group *group,
                                          uint32_t number, uint32_t size_bytes);
void tm__state_page_take(struct tm_state *state, struct tm__state_group *group, uint32_t number);
// The group holds the page table of a snapshot too, or one that is made from it. False: out of
// memory.
bool tm__state_group_hold(struct tm_state *state, struct tm__state_group *group,
                          struct tm__state_pages *pages);
static inline uintptr_t *tm__state_addresses(const struct tm__state_pages *pages)
{
    return (uintptr_t *)(void *)(uintptr_t)(pages + 1);
}
static inline _Atomic uintptr_t *tm__state_asides(const struct tm__state_pages *pages)
{
    return (_Atomic uintptr_t *)(void *)(tm__state_addresses(pages) + pages->capacity);
}
static inline struct tm__state_page *tm__state_page_infos(const struct tm__state_pages *pages)
{
    return (struct tm__state_page *)(void *)(tm__state_asides(pages) + pages->capacity);
}
// Memory of one page. NULL: out of memory.
struct tm__state_head *tm__state_page_memory(struct tm__state_pool *pool, uint32_t size_bytes);
void tm__state_page_memory_free(struct tm__state_pool *pool, struct tm__state_head *head,
                                uint32_t size_bytes);
// A page to the store: how many bytes of memory that freed, 0 where it cannot go. The store's
// error.
int64_t tm__state_page_evict(struct tm_state *state, struct tm__state_group *group,
                             uint32_t number);
uint32_t tm__state_page_room(const struct tm__state_group *group, uint32_t reference); // behind it

// Sizes of items: up to 256 bytes in steps of 8, then four to a doubling, so that what was given
// back can be used again.
enum { TM__SIZE_MAX = TM__PAGE_BYTES_MAX / 4 * 3 }; // of a class
static inline uint32_t tm__state_class_of(uint32_t size)
{
    if (size <= 256)
        return (size + 7) / TM__UNIT_BYTES - (size != 0);
    uint32_t exponent = 31 - (uint32_t)__builtin_clz(size - 1);
    return 32 + (exponent - 8) * 4 + ((size - 1) >> (exponent - 2) & 3);
}
static inline uint32_t tm__state_class_bytes(uint32_t class)
{
    if (class < 32)
        return (class + 1) * TM__UNIT_BYTES;
    return (5 + (class - 32) % 4) << (8 + (class - 32) / 4 - 2);
}

// What it costs to free a page, in pages: a large one goes back to the account, and maybe to the
// system, at once.
static inline uint32_t tm__state_page_cost(uint32_t size_bytes)
{
    enum { LARGE = 32 };
    return size_bytes <= TM__PAGE_BYTES_MAX ? 1 : LARGE + size_bytes / TM__PAGE_BYTES_MAX;
}

// snapshot.c
// As a page was copied, some that a snapshot holds that is being freed are given back.
void tm__snapshot_give_way(struct tm__state_shared *shared, uint32_t size_bytes);

// A page was copied since others hold it too.
static inline void tm__state_note_copy(struct tm_state *state, uint32_t size_bytes)
{
    enum { LOOK_BYTES = 4 * 1024 * 1024 }; // states that have no batches of keys look here
    int64_t before = state->pool->copied_bytes;
    tm__snapshot_give_way(state->shared, size_bytes);
    state->pool->held_bytes += size_bytes;
    state->pool->copied_bytes += size_bytes;
    if (before / LOOK_BYTES != state->pool->copied_bytes / LOOK_BYTES)
        tm__state_pool_look_at_reserve(state->pool);
}

// aside.c
enum { TM__ASIDE_READERS = 15 }; // of `aside`: up to this, how many read the page where it lies
// The page is about to be written: those that hold it get a copy, and it stays where it is, the
// state's own. False: it does not (somebody reads it, a fork lives on it, or there is no memory).
bool tm__state_put_aside(struct tm_state *state, struct tm__state_group *group, uint32_t number);
// Address (with flags) of a page as a table has it. On any thread, of a snapshot: what lies there
// may be changed at once unless it was put aside, so who reads takes it, and leaves it.
uintptr_t tm__state_named(const struct tm__state_pages *pages, uint32_t number);
const uint8_t *tm__state_take_to_read(const struct tm__state_pages *pages, uint32_t number,
                                      bool *taken);
void tm__state_leave_read(const struct tm__state_pages *pages, uint32_t number);
void tm__state_page_copy(struct tm__state_head *to, const struct tm__state_head *from,
                         uint32_t size_bytes);

// table.c
// Insert a key that is not there or find it, for writing. NULL: out of memory.
uint8_t *tm__state_table_upsert(struct tm_state *state, struct tm_namespace *ns, uint32_t index,
                                const struct tm_key *key, bool *created);
void tm__state_table_clear(struct tm_state *state, struct tm__state_group *group,
                           struct tm__state_table *table);
// Makes the table writable: its block comes into being, or is copied. False: out of memory.
bool tm__state_block_make(struct tm_state *state, struct tm_namespace *ns, uint32_t index);
static inline bool tm__state_table_materialise(struct tm_state *state, struct tm_namespace *ns,
                                               uint32_t index)
{
    return TM_LIKELY(ns->blocks[index / TM__BLOCK_TABLES]->references == 1) ||
           tm__state_block_make(state, ns, index);
}
// One holder less. The pages of its tables are not freed.
void tm__state_block_leave(struct tm__state_pool *pool, struct tm__state_block *block);
// Slots for so many keys, where the table has none yet. False: out of memory.
bool tm__state_table_expect(struct tm_state *state, struct tm_namespace *ns, uint32_t index,
                            uint32_t expected);
// table_index.c
// The slots of a table that came from a snapshot. False: out of memory, or a page is not to be had.
bool tm__state_table_index(struct tm_state *state, struct tm_namespace *ns, uint32_t index);
// The same of any table, with a look at its entries: as tm_state_see_all.
int tm__state_table_see(struct tm_state *state, struct tm_namespace *ns, uint32_t index,
                        struct tm_buf *scratch, tm_state_see *see, void *arg);

// table.c
// The slots of the next page, or the first. False: the end.
// Where entries of this tag and above begin.
void tm__state_table_enter(const struct tm__state_table *table, uint32_t tag,
                           struct tm_state_cursor *cursor);
bool tm__state_table_next_page(const struct tm__state_table *table, struct tm_state_cursor *cursor);
// 1: *slot is the key's; 0: it belongs there; TM_E_MEMORY: a page could not be had.
int tm__state_table_place(const struct tm_state *state, const struct tm__state_group *group,
                          const struct tm__state_table *table, const struct tm_key *key,
                          uint64_t **slot);

// recent.c
enum {
    TM__RECENT_PLACES = 4096,
    TM__RECENT_KEYS = 2048,  // a namespace of more has no use for it
    TM__RECENT_AFTER = 8192, // keys looked up: one that lives shortly does not need it
};
// False: there is none. Then the other functions are not called, but for free.
bool tm__state_recent_make(struct tm_state *state, struct tm_namespace *ns);
void tm__state_recent_free(struct tm_state *state, struct tm_namespace *ns); // NULL is fine
int tm__state_recent_upsert(struct tm_state *state, struct tm_namespace *ns,
                            const struct tm_key *keys, uint32_t count, void **values,
                            bool *created);
// The entry of this hash is about to go.
void tm__state_recent_remove(struct tm_namespace *ns, uint64_t hash, const void *entry);

// What an entry takes.
static inline uint32_t tm__state_entry_bytes(uint32_t value_bytes, uint32_t key_length)
{
    size_t size =
        tm__state_padded(sizeof(struct tm__state_entry) + value_bytes + (size_t)key_length);
    return size > TM__SIZE_MAX ? (uint32_t)size
                               : tm__state_class_bytes(tm__state_class_of((uint32_t)size));
}

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

// Keys of 8 bytes have a hash each of their own (XXH3 of so many is a bijection): equal hashes are
// equal keys, and their bytes, which may lie in another cache line, are not read.
static inline bool tm__state_entry_is(const struct tm__state_entry *entry, uint32_t value_bytes,
                                      const struct tm_key *key)
{
    if (TM_LIKELY(key->length == sizeof(uint64_t)))
        return entry->hash == key->hash && entry->key_length == sizeof(uint64_t);
    return entry->hash == key->hash && entry->key_length == key->length &&
           tm__state_key_bytes_equal((const uint8_t *)(entry + 1) + value_bytes, key->bytes,
                                     key->length);
}
