// A chunk of a list: up to 64 values in one piece. Slots stand in front, values at the end. And the
// nodes above chunks.
#pragma once

#include "core/state/piece.h"

enum {
    TM__CHUNK_BITS = 6, // values of a full chunk
    TM__CHUNK_VALUES = 1 << TM__CHUNK_BITS,
    TM__CHUNK_BYTES = 8192,      // at most
    TM__CHUNK_VALUE_BYTES = 512, // a longer value lies in a piece of its own
};
_Static_assert((int)TM__CHUNK_VALUES == (int)TM_STATE_LIST_SOME, "what a step of a walk gives");

struct tm__list_chunk {
    uint16_t count;
    uint16_t units;   // what it takes, in 8 bytes
    uint16_t data;    // units at the end that values have been put into
    uint16_t garbage; // units of them that have no value any more
    uint32_t slot[];  // far (1 bit), length (15), distance of the value from the end in units (16)
};

#define TM__CHUNK_FAR (1u << 31)

// A value takes as much as a blob's reference takes at least: so it can always become one.
static inline uint32_t tm__list_chunk_value_units(uint32_t slot)
{
    uint32_t units = ((slot >> 16 & 0x7fff) + 7) / TM__UNIT_BYTES;
    return units == 0 || (slot & TM__CHUNK_FAR) != 0 ? 1 : units;
}

static inline uint8_t *tm__list_chunk_value(const struct tm__list_chunk *chunk, uint32_t slot)
{
    return (uint8_t *)(uintptr_t)chunk + (size_t)(chunk->units - (slot & 0xffff)) * TM__UNIT_BYTES;
}

static inline bool tm__list_chunk_is_far(const struct tm__list_chunk *chunk, uint32_t i)
{
    return (chunk->slot[i] & TM__CHUNK_FAR) != 0;
}

static inline struct tm_blob tm__list_chunk_far(const struct tm__list_chunk *chunk, uint32_t i)
{
    struct tm_blob blob;
    memcpy(&blob, tm__list_chunk_value(chunk, chunk->slot[i]), sizeof blob);
    return blob;
}

// Bytes of `count` slots with the head, in units.
static inline uint32_t tm__list_chunk_head_units(uint32_t count)
{
    return (uint32_t)tm__state_padded(sizeof(struct tm__list_chunk) + count * sizeof(uint32_t)) /
           TM__UNIT_BYTES;
}

// Slots and values that it has, in units.
static inline uint32_t tm__list_chunk_live_units(const struct tm__list_chunk *chunk)
{
    return tm__list_chunk_head_units(chunk->count) + chunk->data - (uint32_t)chunk->garbage;
}

// May a value of this length stand in the chunk itself (in place of value i, or as one more)? Room
// stays for what is still to come, wherever that stands.
static inline bool tm__list_chunk_takes(const struct tm__list_chunk *chunk, uint32_t length,
                                        bool more, uint32_t i)
{
    if (length > TM__CHUNK_VALUE_BYTES)
        return false;
    uint32_t units = tm__list_chunk_value_units(length << 16);
    uint32_t values = chunk->data + units - chunk->garbage;
    if (!more)
        values -= tm__list_chunk_value_units(chunk->slot[i]);
    uint32_t to_come = (uint32_t)(TM__CHUNK_VALUES - chunk->count - more); // a unit for each
    return tm__list_chunk_head_units(TM__CHUNK_VALUES) + values + to_come <=
           TM__CHUNK_BYTES / TM__UNIT_BYTES;
}

// Is there room for it as the chunk is?
static inline bool tm__list_chunk_has_room(const struct tm__list_chunk *chunk, uint32_t slot,
                                           bool more)
{
    return tm__list_chunk_head_units(chunk->count + (uint32_t)more) + chunk->data +
               tm__list_chunk_value_units(slot) <=
           chunk->units;
}

void tm__list_chunk_init(struct tm__list_chunk *chunk, uint32_t bytes);
// All values to an empty chunk, but not the bytes of value `without` (its slot stays to be set).
void tm__list_chunk_copy(struct tm__list_chunk *chunk, const struct tm__list_chunk *from,
                         uint32_t without);
// A slot between others; its value is to be set.
void tm__list_chunk_insert(struct tm__list_chunk *chunk, uint32_t i);
// Place for a value: the slot's length and kind are given. The slot has no value so far.
static inline void *tm__list_chunk_set(struct tm__list_chunk *chunk, uint32_t i, uint32_t slot)
{
    chunk->data = (uint16_t)(chunk->data + tm__list_chunk_value_units(slot));
    chunk->slot[i] = slot | chunk->data;
    return tm__list_chunk_value(chunk, chunk->slot[i]);
}
// The bytes of value i become garbage; its slot is to be set.
void tm__list_chunk_unset(struct tm__list_chunk *chunk, uint32_t i);
// Slots [i, end) go, with their values.
void tm__list_chunk_remove(struct tm__list_chunk *chunk, uint32_t i, uint32_t end);

// --- nodes ---------------------------------------------------------------------------------------

enum {
    TM__LIST_NODE_BITS = 9,
    TM__LIST_NODE_CHILDREN = 1 << TM__LIST_NODE_BITS,
    TM__LIST_LEVELS_MAX = 3,
    TM__LIST_TOP_CHILDREN = 128, // of a root at that level: 2^31 places, so that they fit 32 bits
};
_Static_assert(TM_STATE_COLLECTION_ENTRIES_MAX <= 1 << 30, "a list covers twice as many places");

// References by place. Only those that cover a value mean anything: others may be left from before.
struct tm__list_node {
    uint32_t capacity;
    uint32_t reserved;
    uint32_t child[];
};

static inline uint32_t tm__list_node_bytes(uint32_t capacity)
{
    return tm__piece_bytes((uint32_t)(sizeof(struct tm__list_node) + capacity * sizeof(uint32_t)));
}

// Places below one child of a node at this level (1: its children are chunks), as a power of two.
static inline uint32_t tm__list_child_bits(uint32_t level)
{
    return TM__CHUNK_BITS + TM__LIST_NODE_BITS * (level - 1);
}

static inline uint32_t tm__list_children_max(uint32_t level) // of the root
{
    return level == TM__LIST_LEVELS_MAX ? TM__LIST_TOP_CHILDREN : TM__LIST_NODE_CHILDREN;
}
