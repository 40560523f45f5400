// A bucket of a map: entries in the order of the hash, in one piece. Slots stand in front, items
// (values and keys) at the end, so that a bucket can be made larger without touching either. Where
// all entries are of one size it is a plain one (map_plain.h).
#pragma once

#include "core/state/piece.h"

enum {
    TM__BUCKET_BYTES = 512,   // at most
    TM__INLINE_BYTES = 128,   // key and value that are longer lie in a piece of their own
    TM__BUCKET_HEAD = 16 / 8, // units
    TM__BUCKET_UNITS = TM__BUCKET_BYTES / TM__UNIT_BYTES,
};

struct tm__bucket {
    uint8_t bits;  // 0: a bucket; others are nodes (map.c)
    uint8_t depth; // bits of its node's index that lead here
    uint16_t count;
    uint16_t units;   // what it takes, in 8 bytes
    uint16_t data;    // units at the end that items have been put into. Plain: entries at most
    uint16_t garbage; // units of them that have no item any more
    uint16_t stride;  // units of an entry of a plain bucket; 0: it has slots
    uint32_t next;    // a bucket of keys of the same hash that come later; 0: none
    uint64_t slot[];
};
_Static_assert(sizeof(struct tm__bucket) == TM__BUCKET_HEAD * TM__UNIT_BYTES, "head of a bucket");

// A slot is tag (the high half of the hash), far (1 bit), key length (10), value length (10),
// distance of the item from the end in units (11). Item: value, padded to 8; key.
#define TM__SLOT_FAR (1u << 31)
static inline uint32_t tm__slot_tag(uint64_t slot)
{
    return (uint32_t)(slot >> 32);
}
static inline bool tm__slot_is_far(uint64_t slot)
{
    return (slot & TM__SLOT_FAR) != 0;
}
static inline uint32_t tm__slot_key_length(uint64_t slot)
{
    return slot >> 21 & 1023;
}
static inline uint32_t tm__slot_value_length(uint64_t slot)
{
    return slot >> 11 & 1023;
}
static inline uint32_t tm__slot_distance(uint64_t slot)
{
    return slot & 2047;
}
static inline uint64_t tm__slot_of(uint64_t hash, uint32_t key_length, uint32_t value_length,
                                   uint32_t distance)
{
    return (hash >> 32 << 32) | (uint64_t)key_length << 21 | value_length << 11 | distance;
}

// The item of a slot that is far: where key and value are.
struct tm__far {
    uint32_t reference, key_length, value_length, reserved;
};
static inline uint32_t tm__far_bytes(const struct tm__far *far)
{
    return tm__piece_bytes((uint32_t)tm__state_padded(far->value_length) + far->key_length);
}

static inline uint8_t *tm__bucket_item(const struct tm__bucket *bucket, uint64_t slot)
{
    return (uint8_t *)(uintptr_t)bucket +
           (size_t)(bucket->units - tm__slot_distance(slot)) * TM__UNIT_BYTES;
}
static inline uint32_t tm__bucket_item_units(uint64_t slot)
{
    return tm__slot_is_far(slot) ? (uint32_t)sizeof(struct tm__far) / TM__UNIT_BYTES
                                 : (uint32_t)(tm__state_padded(tm__slot_value_length(slot)) +
                                              tm__state_padded(tm__slot_key_length(slot))) /
                                       TM__UNIT_BYTES;
}

// The first slot that is not below `wanted`. `rest` is the hash without the bits that all keys of
// the bucket share: where in the bucket its place is likely.
static inline uint32_t tm__bucket_seek(const struct tm__bucket *bucket, uint64_t wanted,
                                       uint32_t rest)
{
    enum { NEAR = 16 };
    const uint64_t *slot = bucket->slot;
    uint32_t count = bucket->count;
    if (count < NEAR) { // by halves, without branches: which one cannot be predicted
        while (count > 0) {
            uint32_t half = (count + 1) / 2;
            slot += half & (0u - (uint32_t)(slot[half - 1] < wanted));
            count -= half;
        }
        return (uint32_t)(slot - bucket->slot);
    }
    // Hashes are spread evenly: it stands not far from here, seldom among the next ones.
    const uint64_t *last = slot + count - NEAR;
    uint32_t guess = (uint32_t)(((uint64_t)rest * count) >> 32);
    slot += guess < NEAR / 2 ? 0 : guess - NEAR / 2;
    slot = slot < last ? slot : last;
    for (;;) {
        uint32_t below = 0;
        for (uint32_t i = 0; i < NEAR; i++) // independent of each other, no branch to predict
            below += slot[i] < wanted;
        if (TM_UNLIKELY(below == 0 && slot != bucket->slot && slot[-1] >= wanted))
            slot = slot - bucket->slot < NEAR ? bucket->slot : slot - NEAR;
        else if (TM_UNLIKELY(below == NEAR && slot != last))
            slot = last - slot > NEAR ? slot + NEAR : last;
        else
            return (uint32_t)(slot - bucket->slot) + below;
    }
}

// The key of a slot's item and its value; `far` pieces are had from the group. False: out of
// memory.
struct tm__entry {
    const uint8_t *key, *value;
    uint32_t key_length, value_length;
};
static inline bool tm__slot_entry(const struct tm_state *state, const struct tm__state_group *group,
                                  const struct tm__bucket *bucket, uint64_t slot,
                                  struct tm__entry *entry)
{
    const uint8_t *item = tm__bucket_item(bucket, slot);
    if (TM_UNLIKELY(tm__slot_is_far(slot))) {
        struct tm__far far;
        memcpy(&far, item, sizeof far);
        item = tm__state_read(state, group, far.reference);
        if (item == NULL)
            return false;
        *entry = (struct tm__entry){item + tm__state_padded(far.value_length), item, far.key_length,
                                    far.value_length};
        return true;
    }
    uint32_t length = tm__slot_value_length(slot);
    *entry = (struct tm__entry){item + tm__state_padded(length), item, tm__slot_key_length(slot),
                                length};
    return true;
}

// Room for a new item, of so many units; a slot for it at i. There must be room.
void *tm__bucket_insert(struct tm__bucket *bucket, uint32_t i, uint64_t slot, uint32_t units);
// The size to choose for so many units: some to spare.
uint32_t tm__bucket_size(uint32_t units);
