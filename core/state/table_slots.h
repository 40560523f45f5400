// Slot pages of a table, for who inserts (table.c) and who makes all of them (table_index.c).
#pragma once

#include "core/state/internal.h"

enum {
    TM__SLOTS_MAX = TM__SLOTS_BYTES / 8, // more than stand in any page of a directory made at once
    TM__ALL_PAGES_BITS = 20,             // of a directory, where everything is made at once
};

static inline bool tm__state_has_slots(const struct tm__state_table *table)
{
    return table->homes != 0;
}

static inline struct tm__state_slots *tm__state_slots_of(uintptr_t entry)
{
    return (struct tm__state_slots *)(void *)(tm__state_slots_at(entry)) - 1;
}

static inline uint32_t tm__state_directory_size(const struct tm__state_table *table)
{
    return 1u << table->directory_bits;
}

// How many of the directory's entries lead to the page.
static inline uint32_t tm__state_slots_span(const struct tm__state_table *table, uintptr_t entry)
{
    return 1u << (table->directory_bits - (entry & TM__DEPTH_MASK));
}

// An entry and a key of one tag. `bytes`: the entry's key.
static inline int tm__state_compare_keys(const struct tm__state_entry *entry, const uint8_t *bytes,
                                         const struct tm_key *key)
{
    if (entry->hash != key->hash)
        return entry->hash < key->hash ? -1 : 1; // the tags are equal
    uint32_t length = entry->key_length < key->length ? entry->key_length : key->length;
    int order = length == 0 ? 0 : memcmp(bytes, key->bytes, length);
    if (order != 0 || entry->key_length == key->length)
        return order;
    return entry->key_length < key->length ? -1 : 1;
}

// table.c
// Empty pages for as many keys as are expected, 2 to the `most` at most. False: out of memory.
bool tm__state_table_first_slots(struct tm_state *state, struct tm__state_table *table,
                                 uint32_t expected, uint32_t most);
// Puts slots that are in order into an empty page. False: they do not fit.
bool tm__state_slots_fill(struct tm__state_slots *page, uint32_t homes, uint32_t depth,
                          const uint64_t *from, const uint64_t *end);
// 1: the key has one already. TM_E_MEMORY.
int tm__state_table_add_slot(struct tm_state *state, const struct tm__state_group *group,
                             struct tm__state_table *table, const struct tm_key *key,
                             uint32_t reference, uint32_t expected);
// Frees them all; the table goes on to name them until it forgets them.
void tm__state_table_drop_slots(struct tm__state_pool *pool, const struct tm__state_table *table);
void tm__state_table_forget_slots(struct tm__state_table *table);
