// A node of a tree of timers: items in order, in one blob. Position independent.
#pragma once

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

void tm__node_init(struct tm__node *node, uint32_t size_bytes, uint32_t level);
uint32_t tm__node_item_bytes(const struct tm_timer *timer, uint32_t level);
// Room for so many bytes of an item and its slot; it may have to be tidied first.
bool tm__node_has_room(const struct tm__node *node, uint32_t item_bytes);
// What the items from `i` to before `end` take, with their slots.
uint32_t tm__node_bytes(const struct tm__node *node, uint32_t i, uint32_t end);
// Item `i` of 0 .. count - 1.
struct tm__node_item tm__node_get(const struct tm__node *node, uint32_t i);
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
void tm__node_move(struct tm__node *node, uint32_t i, struct tm__node *to, void *scratch);
int tm__timer_compare(const struct tm_timer *a, const struct tm_timer *b);
