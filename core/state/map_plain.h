// Plain buckets of a map: keys are words of 8 bytes, values are of one length, a few words. They
// have no slots. Behind the head stands a byte for each entry, made of its key, then, from a fixed
// place on, the entries in order: key, value. So a look-up reads the line of the bytes and that of
// the entry, where slots take several; and there is half as much memory to read from. A bucket that
// is to take another entry becomes one with slots, and stays so.
//
// Keys of 8 bytes have each a hash of their own: XXH3 of so many is a bijection.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/hash.h"
#include "core/state/map_bucket.h"

enum { TM__PLAIN_VALUE_UNITS_MAX = 3 };

// Units of an entry of a plain bucket, or 0: it needs a slot.
static inline uint32_t tm__plain_stride(uint32_t key_length, uint32_t value_length)
{
    return key_length == TM__UNIT_BYTES && value_length % TM__UNIT_BYTES == 0 &&
                   value_length - 1 < TM__PLAIN_VALUE_UNITS_MAX * TM__UNIT_BYTES
               ? 1 + value_length / TM__UNIT_BYTES
               : 0;
}

static inline uint32_t tm__plain_value_length(const struct tm__bucket *bucket)
{
    return (bucket->stride - 1u) * TM__UNIT_BYTES;
}

// What so many entries take, with the head.
static inline uint32_t tm__plain_units(uint32_t count, uint32_t stride)
{
    return TM__BUCKET_HEAD + (count + TM__UNIT_BYTES - 1) / TM__UNIT_BYTES + count * stride;
}

// So many entries have room in so many units.
static inline uint32_t tm__plain_capacity(uint32_t units, uint32_t stride)
{
    uint32_t count = (units - TM__BUCKET_HEAD) * TM__UNIT_BYTES / (stride * TM__UNIT_BYTES + 1);
    return count - (tm__plain_units(count, stride) > units);
}

static inline uint8_t *tm__plain_bytes(const struct tm__bucket *bucket)
{
    return (uint8_t *)(uintptr_t)bucket->slot;
}

// Key, then value.
static inline uint64_t *tm__plain_entry(const struct tm__bucket *bucket, uint32_t i)
{
    return (uint64_t *)(uintptr_t)bucket->slot +
           (bucket->data + TM__UNIT_BYTES - 1u) / TM__UNIT_BYTES + (size_t)i * bucket->stride;
}

// Of few bits of a key: what is looked at before the entry.
static inline uint8_t tm__plain_byte(uint64_t word)
{
    return (uint8_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static inline uint64_t tm__plain_hash(const struct tm__bucket *bucket, uint32_t i)
{
    return tm_hash_bytes(tm__plain_entry(bucket, i), TM__UNIT_BYTES);
}

// Which entries have the byte of a key, as bits. The lowest is right; others need not be, and need
// not be entries.
static inline uint32_t tm__plain_equal(const struct tm__bucket *bucket, uint64_t word)
{
#ifdef __SSE2__
    // Behind the bytes there is at least an entry of 16.
    const __m128i *bytes = (const void *)bucket->slot;
    __m128i pattern = _mm_set1_epi8((char)tm__plain_byte(word));
    uint32_t equal = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(bytes), pattern));
    if (bucket->data > sizeof *bytes)
        equal |= (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(bytes + 1), pattern))
                 << sizeof *bytes;
    return equal & ((UINT32_C(1) << bucket->count) - 1);
#else
    const uint64_t ones = UINT64_C(0x0101010101010101), pattern = ones * tm__plain_byte(word);
    uint32_t equal = 0;
    for (uint32_t i = 0; i < bucket->data; i += TM__UNIT_BYTES) {
        uint64_t x = bucket->slot[i / TM__UNIT_BYTES] ^ pattern;
        uint64_t high = (x - ones) & ~x & ones << 7; // of bytes that were equal
        equal |= (uint32_t)(high * UINT64_C(0x0002040810204081) >> 56) << i;
    }
    return equal;
#endif
}
_Static_assert(TM__BUCKET_UNITS / 2 <= 32, "a bit for each entry, and one more");

// The first entry that may be that of the key; where there is none, any.
static inline uint32_t tm__plain_likely(const struct tm__bucket *bucket, uint64_t word)
{
    uint32_t i = (uint32_t)__builtin_ctz(tm__plain_equal(bucket, word) | UINT32_C(1) << 31);
    return i < bucket->count ? i : 0;
}

// The entry of a key; `count` of the bucket: there is none.
static inline uint32_t tm__plain_find(const struct tm__bucket *bucket, uint64_t word)
{
    for (uint32_t equal = tm__plain_equal(bucket, word); equal != 0; equal &= equal - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(equal);
        if (i < bucket->count && *tm__plain_entry(bucket, i) == word)
            return i;
    }
    return bucket->count;
}

// The first entry whose hash is not below.
uint32_t tm__plain_seek(const struct tm__bucket *bucket, uint64_t hash);
// Room for an entry at i, with the key; its value. There must be room.
void *tm__plain_insert(struct tm__bucket *bucket, uint32_t i, uint64_t word);

// --- of both kinds of buckets
// ---------------------------------------------------------------------

// False: out of memory.
static inline bool tm__bucket_entry(const struct tm_state *state,
                                    const struct tm__state_group *group,
                                    const struct tm__bucket *bucket, uint32_t i,
                                    struct tm__entry *entry)
{
    if (TM_UNLIKELY(bucket->stride == 0))
        return tm__slot_entry(state, group, bucket, bucket->slot[i], entry);
    const uint64_t *at = tm__plain_entry(bucket, i);
    *entry = (struct tm__entry){(const uint8_t *)at, (const uint8_t *)(at + 1), TM__UNIT_BYTES,
                                tm__plain_value_length(bucket)};
    return true;
}

// The high half of an entry's hash.
static inline uint32_t tm__bucket_tag(const struct tm__bucket *bucket, uint32_t i)
{
    return bucket->stride != 0 ? (uint32_t)(tm__plain_hash(bucket, i) >> 32)
                               : tm__slot_tag(bucket->slot[i]);
}

// What the entries from i to `end` take, with a head.
uint32_t tm__bucket_units_of(const struct tm__bucket *bucket, uint32_t i, uint32_t end);
// What all of them take, and what they take with slots.
static inline uint32_t tm__bucket_live_units(const struct tm__bucket *bucket)
{
    if (bucket->stride != 0)
        return tm__plain_units(bucket->count, bucket->stride);
    return (uint32_t)(TM__BUCKET_HEAD + bucket->count + bucket->data - bucket->garbage);
}
static inline uint32_t tm__bucket_slot_units(const struct tm__bucket *bucket)
{
    if (bucket->stride != 0)
        return TM__BUCKET_HEAD + bucket->count * (1u + bucket->stride);
    return tm__bucket_live_units(bucket);
}
// Is there room for an entry that takes so many units, its slot included? A plain one's are its
// own.
static inline bool tm__bucket_has_room(const struct tm__bucket *bucket, uint32_t units)
{
    if (bucket->stride != 0)
        return bucket->count < bucket->data;
    return units <= (uint32_t)(bucket->units - TM__BUCKET_HEAD - bucket->count - bucket->data);
}

void tm__bucket_init(struct tm__bucket *bucket, uint32_t bytes, uint32_t stride, uint32_t depth);
// Entries [i, end) to the end of an empty or growing bucket with room for them, which has slots or
// is as plain as `from`.
void tm__bucket_append(struct tm__bucket *bucket, const struct tm__bucket *from, uint32_t i,
                       uint32_t end);
void tm__bucket_remove(struct tm__bucket *bucket, uint32_t i);
