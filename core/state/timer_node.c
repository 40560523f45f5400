// Nodes of trees of timers: an array of offsets in order, and items of any size.
#include "core/state/timer_node.h"

#include <string.h>

// An item's head; the child of a level above 0, key and name follow.
struct head {
    int64_t time;
    uint32_t key_length;
    uint16_t name_length;
    uint16_t reserved;
};

int tm__timer_compare(const struct tm_timer *a, const struct tm_timer *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    uint32_t length = a->key.length < b->key.length ? a->key.length : b->key.length;
    int order = length == 0 ? 0 : memcmp(a->key.bytes, b->key.bytes, length);
    if (order != 0 || a->key.length != b->key.length)
        return order != 0 ? order : a->key.length < b->key.length ? -1 : 1;
    length = a->name_length < b->name_length ? a->name_length : b->name_length;
    order = length == 0 ? 0 : memcmp(a->name, b->name, length);
    if (order != 0 || a->name_length == b->name_length)
        return order;
    return a->name_length < b->name_length ? -1 : 1;
}

void tm__node_init(struct tm__node *node, uint32_t size_bytes, uint32_t level)
{
    *node = (struct tm__node){.data = size_bytes, .level = level, .size_bytes = size_bytes};
}

uint32_t tm__node_item_bytes(const struct tm_timer *timer, uint32_t level)
{
    uint32_t child = level == 0 ? 0 : (uint32_t)sizeof(struct tm_blob);
    return (uint32_t)sizeof(struct head) + child + timer->key.length + timer->name_length;
}

static uint32_t gap_bytes(const struct tm__node *node)
{
    return node->data - (uint32_t)(sizeof *node + node->end * sizeof *node->slot);
}

bool tm__node_has_room(const struct tm__node *node, uint32_t item_bytes)
{
    uint64_t gone = node->garbage + node->first * sizeof *node->slot;
    return item_bytes + sizeof *node->slot <= gap_bytes(node) + gone;
}

static uint8_t *item_at(const struct tm__node *node, uint32_t i)
{
    return (uint8_t *)(uintptr_t)node + node->slot[node->first + i];
}

int64_t tm__node_time(const struct tm__node *node, uint32_t i)
{
    int64_t time;
    memcpy(&time, item_at(node, i), sizeof time);
    return time;
}

struct tm__node_item tm__node_get(const struct tm__node *node, uint32_t i)
{
    const uint8_t *at = item_at(node, i);
    struct head head;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    struct tm__node_item item = {
        .timer = {.time = head.time,
                  .key.length = head.key_length,
                  .name_length = head.name_length},
    };
    if (node->level != 0) {
        memcpy(&item.child, at, sizeof item.child);
        at += sizeof item.child;
    }
    item.timer.key.bytes = at;
    item.timer.name = at + head.key_length;
    return item;
}

struct tm_blob tm__node_child(const struct tm__node *node, uint32_t i)
{
    struct tm_blob child;
    memcpy(&child, item_at(node, i) + sizeof(struct head), sizeof child);
    return child;
}

void tm__node_set_child(struct tm__node *node, uint32_t i, const struct tm_blob *child)
{
    memcpy(item_at(node, i) + sizeof(struct head), child, sizeof *child);
}

static uint32_t bytes_of(const struct tm__node *node, uint32_t i)
{
    struct head head;
    memcpy(&head, item_at(node, i), sizeof head);
    uint32_t child = node->level == 0 ? 0 : (uint32_t)sizeof(struct tm_blob);
    return (uint32_t)sizeof head + child + head.key_length + head.name_length;
}

uint32_t tm__node_find(const struct tm__node *node, const struct tm_timer *timer, bool *equal)
{
    uint32_t low = 0, high = tm__node_count(node);
    *equal = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int64_t time = tm__node_time(node, middle);
        int order = time != timer->time ? (time < timer->time ? -1 : 1) : 0;
        if (order == 0) {
            struct tm__node_item item = tm__node_get(node, middle);
            order = tm__timer_compare(&item.timer, timer);
        }
        if (order == 0) {
            *equal = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// Slots to the front, items to the end without gaps.
static void tidy(struct tm__node *node, void *scratch)
{
    struct tm__node *made = scratch;
    tm__node_init(made, node->size_bytes, node->level);
    for (uint32_t i = 0; i < tm__node_count(node); i++) {
        uint32_t bytes = bytes_of(node, i);
        made->data -= bytes;
        memcpy((uint8_t *)made + made->data, item_at(node, i), bytes);
        made->slot[made->end++] = made->data;
    }
    memcpy(node, made, sizeof *made + made->end * sizeof *made->slot);
    memcpy((uint8_t *)node + made->data, (uint8_t *)made + made->data,
           node->size_bytes - made->data);
}

static void write_item(uint8_t *at, const struct tm__node_item *item, uint32_t level)
{
    struct head head = {.time = item->timer.time,
                        .key_length = item->timer.key.length,
                        .name_length = (uint16_t)item->timer.name_length};
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    if (level != 0) {
        memcpy(at, &item->child, sizeof item->child);
        at += sizeof item->child;
    }
    if (head.key_length != 0)
        memcpy(at, item->timer.key.bytes, head.key_length);
    if (head.name_length != 0)
        memcpy(at + head.key_length, item->timer.name, head.name_length);
}

void tm__node_insert(struct tm__node *node, uint32_t i, const struct tm__node_item *item,
                     void *scratch)
{
    uint32_t bytes = tm__node_item_bytes(&item->timer, node->level);
    if (gap_bytes(node) < bytes + sizeof *node->slot)
        tidy(node, scratch);
    node->data -= bytes;
    write_item((uint8_t *)node + node->data, item, node->level);
    uint32_t *slot = node->slot + node->first + i;
    memmove(slot + 1, slot, (tm__node_count(node) - i) * sizeof *slot);
    *slot = node->data;
    node->end++;
}

void tm__node_remove(struct tm__node *node, uint32_t i)
{
    node->garbage += bytes_of(node, i);
    if (i == 0) {
        node->first++;
        return;
    }
    uint32_t *slot = node->slot + node->first + i;
    memmove(slot, slot + 1, (tm__node_count(node) - i - 1) * sizeof *slot);
    node->end--;
}

void tm__node_move(struct tm__node *node, uint32_t i, struct tm__node *to, void *scratch)
{
    for (uint32_t k = i; k < tm__node_count(node); k++) {
        uint32_t bytes = bytes_of(node, k);
        to->data -= bytes;
        memcpy((uint8_t *)to + to->data, item_at(node, k), bytes);
        to->slot[to->end++] = to->data;
        node->garbage += bytes;
    }
    node->end = node->first + i;
    tidy(node, scratch);
}
