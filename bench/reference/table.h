// Count and sum per key of one window: entries in the order of arrival, found through an
// open-addressing index of (hash tag, entry). Keys of up to 16 bytes lie in the entry.
#pragma once

#include <stdlib.h>

#include "bench/reference/reference.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { TABLE_KEY_BYTES = 16 };

struct table_entry {
    uint64_t hash;
    double sum;
    uint64_t count;
    uint32_t key_length;
    uint32_t far; // longer keys: where their bytes lie in `keys`
    char key[TABLE_KEY_BYTES];
};

struct table {
    uint64_t *index; // high 32 bits: of the hash; low: entry + 1, 0 = free
    uint64_t mask;
    struct table_entry *entries;
    uint32_t count, capacity;
    char *keys;
    uint32_t keys_length, keys_capacity;
};

static inline uint64_t table_hash(const char *key, uint32_t length)
{
    return XXH3_64bits(key, length);
}

static inline void *table_grown(void *p, size_t bytes)
{
    p = realloc(p, bytes);
    if (p == NULL)
        ref_die("no memory for", "a table");
    return p;
}

static inline void table_init(struct table *t, uint64_t slots)
{
    memset(t, 0, sizeof *t);
    t->mask = slots - 1;
    t->index = calloc(slots, sizeof *t->index);
    t->capacity = (uint32_t)(slots / 2);
    t->entries = table_grown(NULL, t->capacity * sizeof *t->entries);
    if (t->index == NULL)
        ref_die("no memory for", "a table");
}

// Empty it and keep its memory: the next window is about as large.
static inline void table_clear(struct table *t)
{
    memset(t->index, 0, (t->mask + 1) * sizeof *t->index);
    t->count = 0;
    t->keys_length = 0;
}

static __attribute__((noinline)) void table_grow(struct table *t)
{
    uint64_t slots = (t->mask + 1) * 2;
    free(t->index);
    t->index = calloc(slots, sizeof *t->index);
    if (t->index == NULL)
        ref_die("no memory for", "a table");
    t->mask = slots - 1;
    t->capacity = (uint32_t)(slots / 2);
    t->entries = table_grown(t->entries, t->capacity * sizeof *t->entries);
    for (uint32_t i = 0; i < t->count; i++) {
        uint64_t slot = t->entries[i].hash & t->mask;
        while (t->index[slot] != 0)
            slot = (slot + 1) & t->mask;
        t->index[slot] = (t->entries[i].hash >> 32 << 32) | (i + 1);
    }
}

static inline const char *table_key(const struct table *t, const struct table_entry *e)
{
    return e->key_length <= TABLE_KEY_BYTES ? e->key : t->keys + e->far;
}

static __attribute__((noinline)) void table_add_far(struct table *t, struct table_entry *e,
                                                    const char *key)
{
    if (t->keys_capacity - t->keys_length < e->key_length) {
        t->keys_capacity = (t->keys_capacity + e->key_length) * 2;
        t->keys = table_grown(t->keys, t->keys_capacity);
    }
    e->far = t->keys_length;
    memcpy(t->keys + t->keys_length, key, e->key_length);
    t->keys_length += e->key_length;
}

static inline void table_prefetch(const struct table *t, uint64_t hash)
{
    __builtin_prefetch(&t->index[hash & t->mask], 1);
}

// Once the index is there: the entry that is probably the key's, asked for. UINT32_MAX: none yet.
static inline uint32_t table_prefetch_entry(const struct table *t, uint64_t hash)
{
    uint32_t at = (uint32_t)t->index[hash & t->mask] - 1;
    if (at != UINT32_MAX)
        __builtin_prefetch(&t->entries[at], 1);
    return at;
}

static inline struct table_entry *table_upsert(struct table *t, uint64_t hash, const char *key,
                                               uint32_t length)
{
    uint64_t slot = hash & t->mask;
    for (;; slot = (slot + 1) & t->mask) {
        uint64_t at = t->index[slot];
        if (at == 0)
            break;
        if (at >> 32 == hash >> 32) {
            struct table_entry *e = &t->entries[(uint32_t)at - 1];
            if (e->key_length == length && memcmp(table_key(t, e), key, length) == 0)
                return e;
        }
    }
    if (t->count == t->capacity) {
        table_grow(t);
        for (slot = hash & t->mask; t->index[slot] != 0;)
            slot = (slot + 1) & t->mask;
    }
    struct table_entry *e = &t->entries[t->count++];
    t->index[slot] = (hash >> 32 << 32) | t->count;
    e->hash = hash;
    e->sum = 0;
    e->count = 0;
    e->key_length = length;
    if (length <= TABLE_KEY_BYTES)
        memcpy(e->key, key, length);
    else
        table_add_far(t, e, key);
    return e;
}
