// What collections.c and collection_walk.c share: a collection under way, and what its times mean.
#pragma once

#include <math.h>

#include "core/operator/keyed.h"

struct tm__operator_collection_at {
    const struct tm__operator_collection_spec *spec;
    uint8_t *record;
    struct tm__operator_collection *head;
    struct tm_place place;
};

static inline struct tm__operator_collection_at tm__operator_collection_in(
    const struct tm__operator_keyed *keyed, uint8_t *record, uint32_t key_group, uint32_t n)
{
    const struct tm__operator_collection_spec *spec = &keyed->record.collections[n];
    return (struct tm__operator_collection_at){
        .spec = spec,
        .record = record,
        .head = (struct tm__operator_collection *)(void *)(record + spec->offset),
        .place = {keyed->state, keyed->ns, key_group}};
}

static inline struct tm__operator_collection_at tm__operator_collection_of(
    const struct tm__operator_keyed *keyed, uint32_t index, uint32_t n)
{
    return tm__operator_collection_in(keyed, keyed->slots[index],
                                      tm__operator_keyed_group(keyed, index), n);
}

static inline void tm__operator_collection_mark(const struct tm__operator_collection_at *at,
                                                bool there)
{
    uint64_t *bits = (uint64_t *)(void *)at->record, bit = (uint64_t)1 << at->spec->bit;
    *bits = there ? *bits | bit : *bits & ~bit;
}

static inline uint32_t tm__operator_collection_count(const struct tm__operator_collection_at *at)
{
    return at->spec->is_map ? at->head->map.count : at->head->list.count;
}

// --- what is known of entries

enum { TM__KNOWN_NOTHING = UINT32_MAX }; // as the length of a key

static inline struct tm_chain_known *tm__operator_known_of(const struct tm__operator_keyed *keyed,
                                                           uint32_t index, uint32_t n)
{
    return &keyed->known[(size_t)index * keyed->record.collection_count + n];
}

// Is the entry of this key known, or that there is none?
static inline bool tm__operator_is_known(const struct tm_chain_known *known,
                                         const struct tm_state_map *map, const uint8_t *key,
                                         uint32_t key_length)
{
    if (known->key_length != key_length || (uint32_t)known->as_of != map->changes)
        return false;
    const uint8_t *bytes = key_length <= sizeof known->of.text ? known->of.text : known->of.bytes;
    uint64_t a, b;
    if (TM_UNLIKELY(key_length != sizeof a))
        return memcmp(bytes, key, key_length) == 0;
    memcpy(&a, bytes, sizeof a);
    memcpy(&b, key, sizeof b);
    return a == b;
}

// The call has asked for an entry: *value, which can be written, or NULL: there is none.
// TM_E_MEMORY, TM_E_LIMIT: of the journal.
int tm__operator_know(struct tm__operator_keyed *keyed, const struct tm__operator_collection_at *at,
                      struct tm_chain_known *known, const struct tm_key *key, void *value,
                      uint32_t length) TM_WARN_UNUSED;

// Before the value of a known entry, which is a word, is written.
static inline void tm__operator_save_known(const struct tm__operator_keyed *keyed,
                                           struct tm_chain_known *known)
{
    if (known->call == keyed->entry->call)
        return;
    known->call = keyed->entry->call;
    known->old = *known->value;
    known->journaled = 0;
    keyed->entry->written = known;
}

// --- time to live

static inline uint32_t tm__operator_collection_access_bytes(
    const struct tm__operator_collection_spec *spec)
{
    return spec->ttl_ms != 0 ? (uint32_t)sizeof(double) : 0;
}

static inline double tm__operator_collection_access(const void *value)
{
    double access;
    memcpy(&access, value, sizeof access);
    return access;
}

// An entry accessed at this time or before is over.
static inline double tm__operator_collection_over(const struct tm__operator_keyed *keyed,
                                                  const struct tm__operator_collection_spec *spec)
{
    return (double)(spec->event ? keyed->watermark : keyed->clock_ms) - (double)spec->ttl_ms;
}

static inline bool tm__operator_collection_is_over(const struct tm__operator_keyed *keyed,
                                                   const struct tm__operator_collection_spec *spec,
                                                   const void *value)
{
    return spec->ttl_ms != 0 &&
           tm__operator_collection_access(value) <= tm__operator_collection_over(keyed, spec);
}

// Is nothing of it over, for sure?
static inline bool tm__operator_collection_is_fresh(const struct tm__operator_keyed *keyed,
                                                    const struct tm__operator_collection_at *at)
{
    return at->spec->ttl_ms == 0 ||
           at->head->oldest > tm__operator_collection_over(keyed, at->spec);
}

// Values of a list whose accesses ascend, from the front on, that are over; TM_E_MEMORY.
int64_t tm__operator_collection_skip(const struct tm__operator_keyed *keyed,
                                     const struct tm__operator_collection_at *at) TM_WARN_UNUSED;
static inline bool tm__operator_collection_ascends(const struct tm__operator_collection_at *at)
{
    return at->head->newest < (double)INFINITY;
}

// Walks of the collection know no place in it any more; ended: nor do they go on.
void tm__operator_collection_lose_walks(struct tm__operator_keyed *keyed, uint32_t index,
                                        uint32_t n, bool ended);
// The key of the block was accessed at `access`, a time later than the entry has: its own time.
int tm__operator_map_access(struct tm__operator_keyed *keyed,
                            const struct tm__operator_collection_at *at, uint32_t index, uint32_t n,
                            const struct tm_key *key, double access) TM_WARN_UNUSED;
int tm__operator_list_access(struct tm__operator_keyed *keyed,
                             const struct tm__operator_collection_at *at, uint32_t index,
                             uint32_t n, uint32_t i, double access) TM_WARN_UNUSED;

double tm__operator_collection_walk(void *arg, uint8_t **slot, uint32_t n);
int tm__operator_collection_walk_next(void *arg, double number, double access);
int64_t tm__operator_collection_size(void *arg, uint8_t **slot, uint32_t n);
