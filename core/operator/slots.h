// Tables of 64-bit slots in blobs of the state: what the accumulators that vary in size are made of
// (sets of distinct values, buckets of a quantile). Open addressing, a power of two of slots, an
// empty slot is 0; position independent bytes, as all of the state. The table's part in the key's
// value is struct tm__operator_slots; all-zero is the empty table.
//
// What a slot holds is its owner's: `key` of a slot is what it is looked up by.
#pragma once

#include "core/base/limits.h"
#include "core/batch/nest.h"
#include "core/operator/aggregate.h"

struct tm__operator_slots {
    struct tm_blob blob; // 8 bytes a slot
    uint32_t count;      // of slots in use
    uint32_t note;       // the owner's
};

enum tm__operator_slot_kind {
    TM__SLOT_WORD,   // the slot is the value
    TM__SLOT_TEXT,   // a short text, or where a long one is: distinct.c
    TM__SLOT_BUCKET, // bucket << TM__BUCKET_COUNT_BITS | count: quantile.c
};
enum { TM__BUCKET_COUNT_BITS = 44, TM__SLOT_LONG = 0xff };

static inline uint64_t tm__operator_slot_key(enum tm__operator_slot_kind kind, uint64_t slot)
{
    if (kind == TM__SLOT_BUCKET)
        return slot >> TM__BUCKET_COUNT_BITS;
    if (kind == TM__SLOT_TEXT && slot >> 56 == TM__SLOT_LONG)
        return slot >> 32;
    return slot;
}

static inline uint32_t tm__operator_slots_capacity(const struct tm__operator_slots *table)
{
    return table->blob.length / 8;
}

// Values come as they are (multiples, doubles with low bits of zero): every bit must count. Buckets
// come in runs: eight neighbours share a cache line, and the golden ratio spreads the lines evenly.
static inline uint32_t tm__operator_slot_home(enum tm__operator_slot_kind kind, uint64_t key,
                                              uint32_t capacity)
{
    if (kind == TM__SLOT_BUCKET) {
        uint64_t line = (key >> 3) * 0x9e3779b97f4a7c15u >> 32;
        return (uint32_t)((line * capacity >> 32 & ~7u) | (key & 7)) & (capacity - 1);
    }
    key = (key ^ key >> 32) * 0x9e3779b97f4a7c15u;
    key = (key ^ key >> 32) * 0xd6e8feb86659fd93u;
    return (uint32_t)((key >> 32) * capacity >> 32);
}

// The slot of a key, or the empty one where it belongs. The table has an empty slot.
static inline uint32_t tm__operator_slots_seek(enum tm__operator_slot_kind kind,
                                               const uint64_t *slots, uint32_t capacity,
                                               uint64_t key)
{
    uint32_t i = tm__operator_slot_home(kind, key, capacity);
    while (slots[i] != 0 && tm__operator_slot_key(kind, slots[i]) != key)
        i = (i + 1) & (capacity - 1);
    return i;
}

static inline const uint64_t *tm__operator_slots_of(const struct tm__operator_home *home,
                                                    const struct tm__operator_slots *table)
{
    return tm_state_blob_get(home->state, home->key_group, &table->blob);
}

// For writing; of a table that is not empty. NULL: out of memory.
static inline uint64_t *tm__operator_slots_edit(const struct tm__operator_home *home,
                                                const struct tm__operator_slots *table)
{
    return tm_state_blob_edit(home->state, home->key_group, &table->blob);
}

// Adding a block of rows goes through groups of them in two steps, so that memory comes while other
// rows are worked on: where the value of each row will most likely be is found out and asked for;
// then what lies there is looked at, and only if it is not the value the whole search is done.
enum { TM__LOOK_ROWS = 16 };
struct tm__operator_look {
    struct tm__operator_home home;
    struct tm__operator_slots *table; // NULL: the row has no value
    void *at;                         // in the table's blob; NULL: not looked for
    uint32_t reference, note;         // of the table then: `at` holds while they are the same
    uint64_t key;
};

static inline void tm__operator_look_at(struct tm__operator_look *look,
                                        enum tm__operator_slot_kind kind)
{
    uint32_t capacity = tm__operator_slots_capacity(look->table);
    look->at = NULL;
    if (capacity == 0)
        return;
    uint64_t *slots = tm__operator_slots_edit(&look->home, look->table);
    if (TM_UNLIKELY(slots == NULL))
        return;
    look->at = slots + tm__operator_slot_home(kind, look->key, capacity);
    look->reference = look->table->blob.reference;
    look->note = look->table->note;
    __builtin_prefetch(look->at, 1);
}

static inline bool tm__operator_look_holds(const struct tm__operator_look *look)
{
    return look->at != NULL && look->reference == look->table->blob.reference &&
           look->note == look->table->note;
}

// Is there room for one more, with a quarter left empty (a table of two: one)?
static inline bool tm__operator_slots_has_room(const struct tm__operator_slots *table)
{
    return (uint64_t)(table->count + 1) * 4 <= (uint64_t)tm__operator_slots_capacity(table) * 3 ||
           (table->count == 0 && table->blob.length != 0);
}

// Twice as many slots, or the first two. TM_E_MEMORY; TM_E_LIMIT beyond `most` slots; the table is
// then as before.
int tm__operator_slots_grow(struct tm__operator_slots *table, const struct tm__operator_home *home,
                            enum tm__operator_slot_kind kind, uint32_t most) TM_WARN_UNUSED;

// What is wrong with a table from outside, of at most so many slots; NULL: nothing.
const char *tm__operator_slots_wrong(const struct tm__operator_slots *table, const uint64_t *slots,
                                     enum tm__operator_slot_kind kind, uint32_t most);

// --- distinct.c ----------------------------------------------------------------------------------

enum { TM__DISTINCT_VALUE_BYTES = 32 }; // of the accumulator in the value

// Takes a value that is not null. TM_E_MEMORY.
int tm__operator_distinct_add(const struct tm__operator_aggregate *item,
                              const struct tm__operator_home *home, void *acc, const uint8_t *slot,
                              const void *bytes, uint32_t length) TM_WARN_UNUSED;
// The rows of a block, as add would one by one.
int tm__operator_distinct_add_block(const struct tm__operator_aggregate *item,
                                    struct tm_state *state,
                                    const struct tm__operator_block *block) TM_WARN_UNUSED;
int tm__operator_distinct_merge(const struct tm__operator_aggregate *item,
                                const struct tm__operator_home *to_home, void *to,
                                const struct tm__operator_home *from_home,
                                const void *from) TM_WARN_UNUSED;
// Of exact ones; TM_E_OVERFLOW: there were more than the set can hold.
int tm__operator_distinct_count(const void *acc, int64_t *count) TM_WARN_UNUSED;
// Of approximate ones.
int64_t tm__operator_distinct_estimate(const struct tm__operator_home *home, const void *acc);

// The texts of a set, behind its slots.
struct tm_blob *tm__operator_distinct_arena(void *acc);

// --- list.c --------------------------------------------------------------------------------------

enum { TM__LIST_VALUE_BYTES = 24 };

// Appends a value that is not null. TM_E_MEMORY.
int tm__operator_list_add(const struct tm__operator_aggregate *item,
                          const struct tm__operator_home *home, void *acc, const uint8_t *slot,
                          const void *bytes, uint32_t length, uint64_t arrival) TM_WARN_UNUSED;
// By the order of arrival, where that is kept; else `from` follows.
int tm__operator_list_merge(const struct tm__operator_aggregate *item,
                            const struct tm__operator_home *to_home, void *to,
                            const struct tm__operator_home *from_home,
                            const void *from) TM_WARN_UNUSED;
// The list as a column of the row that `nest` writes; null: no values. TM_E_OVERFLOW: there were
// more than it can hold; TM_E_MEMORY, TM_E_LIMIT.
int tm__operator_list_put(const struct tm__operator_aggregate *item,
                          const struct tm__operator_home *home, const void *acc,
                          struct tm_nest *nest) TM_WARN_UNUSED;
uint32_t tm__operator_list_bytes(const void *acc);
// Of rows: their addresses, which hold until the list changes, behind what `rows` holds.
// TM_E_OVERFLOW: there were more than it can hold; TM_E_MEMORY.
int tm__operator_list_rows(const struct tm__operator_aggregate *item,
                           const struct tm__operator_home *home, const void *acc,
                           struct tm_buf *rows) TM_WARN_UNUSED;
// Row i stays where keep[i] is not 0. TM_E_MEMORY.
int tm__operator_list_keep(const struct tm__operator_aggregate *item,
                           const struct tm__operator_home *home, void *acc,
                           const uint8_t *keep) TM_WARN_UNUSED;

// --- quantile.c ----------------------------------------------------------------------------------

enum { TM__QUANTILE_VALUE_BYTES = 40 };
// Buckets that the largest table has room for, see TM_QUANTILE_SLOTS_MAX.
enum { TM__QUANTILE_BUCKETS_MAX = TM_QUANTILE_SLOTS_MAX / 4 * 3 };

int tm__operator_quantile_add(const struct tm__operator_home *home, void *acc,
                              double x) TM_WARN_UNUSED;
int tm__operator_quantile_add_block(const struct tm__operator_aggregate *item,
                                    struct tm_state *state,
                                    const struct tm__operator_block *block) TM_WARN_UNUSED;
int tm__operator_quantile_merge(const struct tm__operator_home *to_home, void *to,
                                const struct tm__operator_home *from_home,
                                const void *from) TM_WARN_UNUSED;
// The value of rank ceil(q * n), within TM__QUANTILE_BUCKETS_MAX slots of scratch. False: no
// values.
bool tm__operator_quantile_get(const struct tm__operator_home *home, const void *value, double q,
                               uint64_t *scratch, double *result);

// Adds so many rows of the block, from `first` on.
typedef int tm__operator_look_group(const struct tm__operator_aggregate *item,
                                    struct tm_state *state, const struct tm__operator_block *block,
                                    uint32_t first, uint32_t count);

static inline int tm__operator_look_groups(const struct tm__operator_aggregate *item,
                                           struct tm_state *state,
                                           const struct tm__operator_block *block,
                                           tm__operator_look_group *add)
{
    int rc = 0;
    for (uint32_t i = 0; i < block->count && rc == 0; i += TM__LOOK_ROWS) {
        uint32_t left = block->count - i;
        rc = add(item, state, block, i, left < TM__LOOK_ROWS ? left : TM__LOOK_ROWS);
    }
    return rc;
}
