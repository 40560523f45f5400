// Keyed state by hand, over row-major batches: counts by two columns in one table with everything
// in the slot, and counts with a heap of timers.
#include "bench/reference/rows.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline int64_t get_int(const uint8_t *row, size_t at)
{
    int64_t v;
    memcpy(&v, row + at, sizeof v);
    return v;
}

static inline uint32_t row_bytes(const uint8_t *row)
{
    uint32_t size;
    memcpy(&size, row, sizeof size);
    return size;
}

// A row (user_id, n).
static inline uint8_t *put_row(uint8_t *to, int64_t key, int64_t n)
{
    const uint64_t words[4] = {REF_G2_FIXED, 0, (uint64_t)key, (uint64_t)n};
    memcpy(to, words, sizeof words);
    return to + REF_G2_FIXED;
}

static void finish(struct ref_rows *out, const uint8_t *to)
{
    out->size_bytes = (size_t)(to - out->data);
    out->row_count = (uint32_t)(out->size_bytes / REF_G2_FIXED);
    out->failed = 0;
}

enum { KEYS_AT_ONCE = 64 };

// --- by two columns ------------------------------------------------------------------------------

// Open addressing, linear probing, at most 5/8 full. A count of 0 marks a free slot.
struct pair_slot {
    int64_t key, map_key, count;
};
struct ref_pairs {
    struct pair_slot *slots;
    uint64_t mask, used;
    unsigned shift;
};

static inline uint64_t pair_hash(int64_t key, int64_t map_key)
{
    uint64_t x = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)map_key;
    x = (x ^ x >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return x;
}

static struct pair_slot *pair_slot(const struct ref_pairs *pairs, uint64_t hash, int64_t key,
                                   int64_t map_key)
{
    for (uint64_t at = hash >> pairs->shift;; at = (at + 1) & pairs->mask) {
        struct pair_slot *slot = &pairs->slots[at];
        if (slot->count == 0 || (slot->key == key && slot->map_key == map_key))
            return slot;
    }
}

static bool pairs_resize(struct ref_pairs *pairs, unsigned bits)
{
    struct pair_slot *old = pairs->slots;
    uint64_t old_count = old == NULL ? 0 : pairs->mask + 1;
    pairs->slots = calloc((size_t)1 << bits, sizeof *pairs->slots);
    if (pairs->slots == NULL)
        return false;
    pairs->mask = ((uint64_t)1 << bits) - 1;
    pairs->shift = 64 - bits;
    for (uint64_t i = 0; i < old_count; i++)
        if (old[i].count != 0)
            *pair_slot(pairs, pair_hash(old[i].key, old[i].map_key), old[i].key, old[i].map_key) =
                old[i];
    free(old);
    return true;
}

struct ref_pairs *ref_pairs_new(void)
{
    struct ref_pairs *pairs = calloc(1, sizeof *pairs);
    if (pairs != NULL && !pairs_resize(pairs, 10)) {
        free(pairs);
        return NULL;
    }
    return pairs;
}

void ref_pairs_free(struct ref_pairs *pairs)
{
    free(pairs->slots);
    free(pairs);
}

void ref_pairs_count(struct ref_pairs *pairs, uint32_t key, uint32_t map_key, const uint8_t *in,
                     size_t in_bytes, struct ref_rows *out)
{
    const uint8_t *end = in + in_bytes;
    uint8_t *to = out->data;
    while (in < end) {
        int64_t keys[KEYS_AT_ONCE], map_keys[KEYS_AT_ONCE];
        uint64_t hashes[KEYS_AT_ONCE];
        uint32_t count = 0;
        for (; count < KEYS_AT_ONCE && in < end; in += row_bytes(in), count++) {
            keys[count] = get_int(in, key);
            map_keys[count] = get_int(in, map_key);
            hashes[count] = pair_hash(keys[count], map_keys[count]);
            __builtin_prefetch(&pairs->slots[hashes[count] >> pairs->shift], 1);
        }
        if ((pairs->used + count) * 8 > (pairs->mask + 1) * 5 &&
            !pairs_resize(pairs, 64 - pairs->shift + 1))
            abort();
        for (uint32_t i = 0; i < count; i++) {
            struct pair_slot *slot = pair_slot(pairs, hashes[i], keys[i], map_keys[i]);
            pairs->used += slot->count == 0;
            *slot = (struct pair_slot){keys[i], map_keys[i], slot->count + 1};
            to = put_row(to, keys[i], slot->count);
        }
    }
    finish(out, to);
}

// --- timers --------------------------------------------------------------------------------------

struct alarm {
    int64_t time, key;
};
struct ref_alarms {
    struct ref_pairs *counts; // of key and 0
    struct alarm *heap;       // of four children
    uint32_t count, capacity;
};

struct ref_alarms *ref_alarms_new(void)
{
    struct ref_alarms *alarms = calloc(1, sizeof *alarms);
    if (alarms != NULL)
        alarms->counts = ref_pairs_new();
    return alarms;
}

void ref_alarms_free(struct ref_alarms *alarms)
{
    ref_pairs_free(alarms->counts);
    free(alarms->heap);
    free(alarms);
}

// Keys are compared as their bytes are.
static inline bool is_before(const struct alarm *a, const struct alarm *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    return __builtin_bswap64((uint64_t)a->key) < __builtin_bswap64((uint64_t)b->key);
}

static void push(struct ref_alarms *alarms, struct alarm alarm)
{
    if (alarms->count == alarms->capacity) {
        alarms->capacity = alarms->capacity == 0 ? 1024 : alarms->capacity * 2;
        alarms->heap = realloc(alarms->heap, alarms->capacity * sizeof *alarms->heap);
        if (alarms->heap == NULL)
            abort();
    }
    uint32_t i = alarms->count++;
    for (uint32_t above; i != 0 && is_before(&alarm, &alarms->heap[above = (i - 1) / 4]); i = above)
        alarms->heap[i] = alarms->heap[above];
    alarms->heap[i] = alarm;
}

static void pop(struct ref_alarms *alarms)
{
    const struct alarm last = alarms->heap[--alarms->count];
    uint32_t i = 0;
    for (;;) {
        uint32_t first = 4 * i + 1, least = first;
        if (first >= alarms->count)
            break;
        for (uint32_t k = first + 1; k < first + 4 && k < alarms->count; k++)
            if (is_before(&alarms->heap[k], &alarms->heap[least]))
                least = k;
        if (!is_before(&alarms->heap[least], &last))
            break;
        alarms->heap[i] = alarms->heap[least];
        i = least;
    }
    alarms->heap[i] = last;
}

void ref_alarms_rows(struct ref_alarms *alarms, const uint8_t *in, size_t in_bytes,
                     struct ref_rows *out)
{
    struct ref_pairs *pairs = alarms->counts;
    const uint8_t *end = in + in_bytes;
    uint8_t *to = out->data;
    while (in < end) {
        int64_t keys[KEYS_AT_ONCE], times[KEYS_AT_ONCE];
        uint64_t hashes[KEYS_AT_ONCE];
        uint32_t count = 0;
        for (; count < KEYS_AT_ONCE && in < end; in += row_bytes(in), count++) {
            keys[count] = get_int(in, REF_IN_USER);
            times[count] = get_int(in, REF_IN_TS) + 1000 * get_int(in, REF_IN_QUANTITY);
            hashes[count] = pair_hash(keys[count], 0);
            __builtin_prefetch(&pairs->slots[hashes[count] >> pairs->shift], 1);
        }
        if ((pairs->used + count) * 8 > (pairs->mask + 1) * 5 &&
            !pairs_resize(pairs, 64 - pairs->shift + 1))
            abort();
        for (uint32_t i = 0; i < count; i++) {
            struct pair_slot *slot = pair_slot(pairs, hashes[i], keys[i], 0);
            pairs->used += slot->count == 0;
            *slot = (struct pair_slot){keys[i], 0, slot->count + 1};
            push(alarms, (struct alarm){times[i], keys[i]});
            to = put_row(to, keys[i], slot->count);
        }
    }
    finish(out, to);
}

void ref_alarms_watermark(struct ref_alarms *alarms, int64_t watermark, struct ref_rows *out)
{
    uint8_t *to = out->data;
    struct alarm last = {INT64_MIN, 0};
    while (alarms->count != 0 && alarms->heap[0].time <= watermark) {
        const struct alarm first = alarms->heap[0];
        pop(alarms);
        if (first.time == last.time && first.key == last.key) // twice is once
            continue;
        last = first;
        const struct pair_slot *slot =
            pair_slot(alarms->counts, pair_hash(first.key, 0), first.key, 0);
        to = put_row(to, first.key, slot->count);
    }
    finish(out, to);
}
