// Nodes of trees of timers: an array of offsets in order, and items of any size.
#include "core/state/timer_node.h"

#include <string.h>

enum { TAIL = 8 }; // slots at the end, where most searches end

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

struct tm_blob tm__node_child(const struct tm__node *node, uint32_t i)
{
    struct tm_blob child;
    memcpy(&child, tm__node_item_at(node, i), sizeof child);
    return child;
}

void tm__node_set_child(struct tm__node *node, uint32_t i, const struct tm_blob *child)
{
    memcpy(tm__node_item_at(node, i), child, sizeof *child);
}

static inline uint32_t bytes_of(const struct tm__node *node, uint32_t i)
{
    uint32_t child = node->level == 0 ? 0 : TM__ITEM_CHILD_BYTES;
    uint16_t name_length;
    memcpy(&name_length, tm__node_item_at(node, i) + child, sizeof name_length);
    return child + TM__ITEM_LENGTH_BYTES + tm__node_slot_at(node, i)->key_length + name_length;
}

uint32_t tm__node_bytes(const struct tm__node *node, uint32_t i, uint32_t end)
{
    uint32_t bytes = 0;
    for (; i < end; i++)
        bytes += bytes_of(node, i) + (uint32_t)sizeof *node->slot;
    return bytes;
}

static uint64_t prefix_of(const struct tm_key *key)
{
    uint64_t prefix = 0;
    if (key->length >= sizeof prefix) {
        memcpy(&prefix, key->bytes, sizeof prefix);
        return __builtin_bswap64(prefix);
    }
    for (uint32_t i = 0; i < key->length; i++)
        prefix |= (uint64_t)((const uint8_t *)key->bytes)[i] << (56 - 8 * i);
    return prefix;
}

bool tm__node_is_good(const struct tm__node *node, uint32_t size_bytes)
{
    if (size_bytes < sizeof *node || node->size_bytes != size_bytes || node->first >= node->end ||
        node->end > (size_bytes - sizeof *node) / sizeof *node->slot || node->data > size_bytes ||
        node->data < sizeof *node + node->end * sizeof *node->slot)
        return false;
    uint32_t child = node->level == 0 ? 0 : TM__ITEM_CHILD_BYTES;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < tm__node_count(node); i++) {
        const struct tm__node_slot *slot = tm__node_slot_at(node, i);
        uint32_t left = size_bytes - slot->offset;
        if (slot->offset < node->data || slot->offset > size_bytes ||
            left < child + TM__ITEM_LENGTH_BYTES ||
            slot->key_length > left - child - TM__ITEM_LENGTH_BYTES)
            return false;
        struct tm_timer timer = tm__node_get(node, i).timer;
        if (timer.name_length > left - child - TM__ITEM_LENGTH_BYTES - slot->key_length ||
            timer.name_length > TM_TIMER_NAME_BYTES || slot->key_length > TM_TIMER_KEY_BYTES ||
            slot->prefix != prefix_of(&timer.key))
            return false;
        bytes += bytes_of(node, i);
    }
    return bytes + node->garbage == size_bytes - node->data;
}

// Of slot i and a timer whose prefix is known.
static inline int compare(const struct tm__node *node, uint32_t i, const struct tm_timer *timer,
                          uint64_t prefix)
{
    const struct tm__node_slot *slot = tm__node_slot_at(node, i);
    if (slot->time != timer->time)
        return slot->time < timer->time ? -1 : 1;
    if (slot->prefix != prefix)
        return slot->prefix < prefix ? -1 : 1;
    struct tm__node_item item = tm__node_get(node, i);
    return tm__timer_compare(&item.timer, timer);
}

bool tm__node_reaches(const struct tm__node *node, const struct tm_timer *timer)
{
    return compare(node, 0, timer, prefix_of(&timer->key)) <= 0;
}

static inline bool is_above(const struct tm__node_slot *slot, int64_t time, uint64_t prefix)
{
    return (slot->time > time) | ((slot->time == time) & (slot->prefix > prefix));
}

uint32_t tm__node_find(const struct tm__node *node, const struct tm_timer *timer, bool *equal)
{
    uint32_t count = tm__node_count(node);
    uint64_t prefix = prefix_of(&timer->key);
    *equal = false;
    if (count == 0)
        return 0;
    // The last slot that is not above, by words alone and without branches: they could not be
    // predicted. Times that ascend come near the end.
    const struct tm__node_slot *low = tm__node_slot_at(node, 0);
    uint32_t left = count;
    if (count > 2 * TAIL && !is_above(low + count - TAIL, timer->time, prefix)) {
        low += count - TAIL;
        left = TAIL;
    }
    while (left > 1) {
        uint32_t half = left / 2;
        low = is_above(low + half, timer->time, prefix) ? low : low + half;
        left -= half;
    }
    uint32_t i = (uint32_t)(low - tm__node_slot_at(node, 0));
    int order = compare(node, i, timer, prefix);
    while (order > 0 && i > 0) // keys of one beginning
        order = compare(node, --i, timer, prefix);
    *equal = order == 0;
    return order < 0 ? i + 1 : i;
}

// Slot and item i of a node to the end of another.
static void append(struct tm__node *to, const struct tm__node *from, uint32_t i)
{
    uint32_t bytes = bytes_of(from, i);
    to->data -= bytes;
    memcpy((uint8_t *)to + to->data, tm__node_item_at(from, i), bytes);
    to->slot[to->end] = *tm__node_slot_at(from, i);
    to->slot[to->end++].offset = to->data;
}

// Slots to the front, items to the end without gaps.
static void tidy(struct tm__node *node, void *scratch)
{
    struct tm__node *made = scratch;
    tm__node_init(made, node->size_bytes, node->level);
    for (uint32_t i = 0; i < tm__node_count(node); i++)
        append(made, node, i);
    memcpy(node, made, sizeof *made + made->end * sizeof *made->slot);
    memcpy((uint8_t *)node + made->data, (uint8_t *)made + made->data,
           node->size_bytes - made->data);
}

static void write_item(uint8_t *at, const struct tm__node_item *item, uint32_t level)
{
    uint16_t name_length = (uint16_t)item->timer.name_length;
    if (level != 0) {
        memcpy(at, &item->child, sizeof item->child);
        at += sizeof item->child;
    }
    memcpy(at, &name_length, sizeof name_length);
    at += sizeof name_length;
    if (item->timer.key.length != 0)
        memcpy(at, item->timer.key.bytes, item->timer.key.length);
    if (name_length != 0)
        memcpy(at + item->timer.key.length, item->timer.name, name_length);
}

void tm__node_insert(struct tm__node *node, uint32_t i, const struct tm__node_item *item,
                     void *scratch)
{
    uint32_t bytes = tm__node_item_bytes(&item->timer, node->level);
    if (tm__node_gap_bytes(node) < bytes + sizeof *node->slot)
        tidy(node, scratch);
    node->data -= bytes;
    write_item((uint8_t *)node + node->data, item, node->level);
    struct tm__node_slot *slot = node->slot + node->first + i;
    memmove(slot + 1, slot, (tm__node_count(node) - i) * sizeof *slot);
    *slot = (struct tm__node_slot){item->timer.time, prefix_of(&item->timer.key),
                                   item->timer.key.length, node->data};
    node->end++;
}

void tm__node_remove(struct tm__node *node, uint32_t i)
{
    node->garbage += bytes_of(node, i);
    if (i == 0) {
        node->first++;
        return;
    }
    struct tm__node_slot *slot = node->slot + node->first + i;
    memmove(slot, slot + 1, (tm__node_count(node) - i - 1) * sizeof *slot);
    node->end--;
}

void tm__node_move(struct tm__node *node, uint32_t i, struct tm__node *to)
{
    for (uint32_t k = i; k < tm__node_count(node); k++) {
        append(to, node, k);
        node->garbage += bytes_of(node, k);
    }
    node->end = node->first + i;
}
