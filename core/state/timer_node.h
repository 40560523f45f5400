// A node of a tree of timers: items in order, in one blob. Position independent.
#pragma once

#include <string.h>

#include "core/state/timers.h"

enum { TM__NODE_BYTES = 2048 }; // more only where a few items need it

// A slot: what most comparisons need. Items lie elsewhere in the node.
struct tm__node_slot {
    int64_t time;
    uint64_t prefix; // the first bytes of the key as a number, in the order of the keys
    uint32_t key_length;
    uint32_t offset; // of the item
};

// In front of a node's bytes. Behind it stand the slots, ascending. The items lie at the end, the
// newest in front.
struct tm__node {
    uint32_t first;   // slots before it are gone (the earliest timers go first)
    uint32_t end;     // slots from here on are free
    uint32_t data;    // offset of the newest item
    uint32_t garbage; // bytes of items that are gone
    uint32_t level;   // 0: items are timers; else each leads to a node, and is not above what that
                      // has (of the first one only the node counts)
    uint32_t size_bytes;
    struct tm__node_slot slot[];
};

struct tm__node_item {
    struct tm_timer timer; // key without a hash
    struct tm_blob child;  // of a level above 0
};

static inline uint32_t tm__node_count(const struct tm__node *node)
{
    return node->end - node->first;
}
static inline const struct tm__node_slot *tm__node_slot_at(const struct tm__node *node, uint32_t i)
{
    return &node->slot[node->first + i];
}

// An item: the child of a level above 0, the length of the name, key, name.
enum { TM__ITEM_CHILD_BYTES = sizeof(struct tm_blob), TM__ITEM_LENGTH_BYTES = sizeof(uint16_t) };

static inline uint32_t tm__node_item_bytes(const struct tm_timer *timer, uint32_t level)
{
    uint32_t child = level == 0 ? 0 : TM__ITEM_CHILD_BYTES;
    return child + TM__ITEM_LENGTH_BYTES + timer->key.length + timer->name_length;
}

static inline uint8_t *tm__node_item_at(const struct tm__node *node, uint32_t i)
{
    return (uint8_t *)(uintptr_t)node + tm__node_slot_at(node, i)->offset;
}

// Item `i` of 0 .. count - 1.
static inline struct tm__node_item tm__node_get(const struct tm__node *node, uint32_t i)
{
    const struct tm__node_slot *slot = tm__node_slot_at(node, i);
    const uint8_t *at = tm__node_item_at(node, i);
    struct tm__node_item item = {
        .timer = {.time = slot->time, .key.length = slot->key_length},
    };
    if (node->level != 0) {
        memcpy(&item.child, at, sizeof item.child);
        at += sizeof item.child;
    }
    uint16_t name_length;
    memcpy(&name_length, at, sizeof name_length);
    item.timer.key.bytes = at + TM__ITEM_LENGTH_BYTES;
    item.timer.name = at + TM__ITEM_LENGTH_BYTES + slot->key_length;
    item.timer.name_length = name_length;
    return item;
}

// Between the slots and the newest item.
static inline uint32_t tm__node_gap_bytes(const struct tm__node *node)
{
    return node->data - (uint32_t)(sizeof *node + node->end * sizeof *node->slot);
}

// Room for so many bytes of an item and its slot; it may have to be tidied first.
static inline bool tm__node_has_room(const struct tm__node *node, uint32_t item_bytes)
{
    uint64_t gone = node->garbage + node->first * sizeof *node->slot;
    return item_bytes + sizeof *node->slot <= tm__node_gap_bytes(node) + gone;
}

void tm__node_init(struct tm__node *node, uint32_t size_bytes, uint32_t level);
// What the items from `i` to before `end` take, with their slots.
uint32_t tm__node_bytes(const struct tm__node *node, uint32_t i, uint32_t end);
void tm__node_set_child(struct tm__node *node, uint32_t i, const struct tm_blob *child);
struct tm_blob tm__node_child(const struct tm__node *node, uint32_t i);
// Is the timer not below the node's first item?
bool tm__node_reaches(const struct tm__node *node, const struct tm_timer *timer);
// The first item that is not below the timer; *equal: it is the same.
uint32_t tm__node_find(const struct tm__node *node, const struct tm_timer *timer, bool *equal);
// There must be room. `scratch` has the node's size.
void tm__node_insert(struct tm__node *node, uint32_t i, const struct tm__node_item *item,
                     void *scratch);
void tm__node_remove(struct tm__node *node, uint32_t i);
// Items from `i` on go to `to`, which is empty and as large.
void tm__node_move(struct tm__node *node, uint32_t i, struct tm__node *to);
// Is it one that may be worked on, whoever wrote it? Of `size_bytes` that there are.
bool tm__node_is_good(const struct tm__node *node, uint32_t size_bytes);
int tm__timer_compare(const struct tm_timer *a, const struct tm_timer *b);
