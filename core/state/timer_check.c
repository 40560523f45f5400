// Is a tree of timers that came from an image one that can be worked on? Each node lies in its
// pages and holds what it says, timers ascend from the first to the last, and all are of the tree's
// key group.
#include "core/state/piece.h"
#include "core/state/timer_tree.h"

struct check {
    const struct tm__timer_site *site;
    const struct tm__timer_kept *kept;
    struct tm_timer last; // timer seen last
    bool any;
    struct tm_timer floor; // the next one may not be below it
    bool has_floor;
    uint64_t count;
    const char *wrong;
    uint64_t *taken; // a bit for each word of each page of blobs that a node has
};

enum { PAGE_WORDS = TM__PAGE_BYTES_MAX / TM__UNIT_BYTES, MAP_WORDS = PAGE_WORDS / 64 };

static bool fail(struct check *c, const char *what)
{
    if (c->wrong == NULL)
        c->wrong = what;
    return false;
}

static struct tm__state_group *group_of(const struct check *c)
{
    struct tm_state *state = c->site->timers->state;
    return &state->groups[c->site->key_group - state->first_key_group];
}

// Are none of the words taken? Those of a large node are the first one: it is alone.
static bool is_free(const struct check *c, uint32_t reference, uint32_t length, bool take)
{
    uint32_t at = reference & (PAGE_WORDS - 1), count = 1;
    if (length <= TM__SIZE_MAX)
        count = tm__state_class_bytes(tm__state_class_of(length)) / TM__UNIT_BYTES;
    uint64_t *map = c->taken + (size_t)(reference >> TM__OFFSET_BITS) * MAP_WORDS;
    for (uint32_t i = at; i < at + count; i++) {
        if ((map[i / 64] >> (i % 64) & 1) != 0)
            return false;
        if (take)
            map[i / 64] |= 1ull << (i % 64);
    }
    return true;
}

// No list of free blobs has what a node has. That they lead to blobs of the namespace is known.
static bool lists_are_free(const struct check *c)
{
    const struct tm__state_group *group = group_of(c);
    uint32_t index = c->site->key_group - c->site->timers->state->first_key_group;
    const struct tm__state_table *table = tm__state_table_of(c->site->domain->ns, index);
    if (table->free == 0)
        return true;
    const uint32_t *lists =
        (const void *)(tm__state_address(group, table->free << TM__OFFSET_BITS) +
                       sizeof(struct tm__state_head));
    for (uint32_t class = 0; class < TM__SIZE_CLASSES; class ++)
        for (uint32_t next = lists[TM__SIZE_CLASSES + class]; next != 0;) {
            if (!is_free(c, next, tm__state_class_bytes(class), false))
                return false;
            memcpy(&next, tm__state_address(group, next), sizeof next);
        }
    return true;
}

// A node that is inside a page of the tree's blobs. NULL: it is not.
static const struct tm__node *node_at(struct check *c, const struct tm_blob *blob)
{
    const struct tm__state_group *group = group_of(c);
    uint32_t number = blob->reference >> TM__OFFSET_BITS;
    uint64_t at = (uint64_t)(blob->reference & ((1u << TM__OFFSET_BITS) - 1)) * TM__UNIT_BYTES;
    if (group->pages == NULL || number == 0 || number >= group->pages->used ||
        group->at[number] == 0)
        return NULL;
    const struct tm__state_head *head =
        (const void *)tm__state_address(group, number << TM__OFFSET_BITS);
    if (head->kind != (blob->length > TM__SIZE_MAX ? TM__PAGE_LARGE : TM__PAGE_BLOBS) ||
        (blob->length > TM__SIZE_MAX && at != sizeof *head) ||
        head->owner != tm_state_namespace_id(c->site->domain->ns) || at < sizeof *head ||
        at + tm__piece_bytes(blob->length) > tm__state_page_infos(group->pages)[number].used_bytes)
        return NULL;
    const struct tm__node *node = (const void *)tm__state_address(group, blob->reference);
    return tm__node_is_good(node, blob->length) ? node : NULL;
}

static bool check_timer(struct check *c, const struct tm_timer *timer)
{
    uint64_t hash = tm_hash_bytes(timer->key.bytes, timer->key.length);
    if (c->any && tm__timer_compare(&c->last, timer) >= 0)
        return fail(c, "timers do not ascend");
    if (c->has_floor && tm__timer_compare(&c->floor, timer) > 0)
        return fail(c, "nodes of timers do not ascend");
    if (tm_hash_key_group(hash, c->site->timers->max_parallelism) != c->site->key_group)
        return fail(c, "a timer is of another key group");
    c->last = *timer;
    c->any = true;
    c->has_floor = false;
    c->count++;
    return true;
}

// As deep as levels descend. Timers ascend, so no node is passed twice.
static bool check_node(struct check *c, const struct tm_blob *blob, uint32_t level)
{
    const struct tm__node *node = node_at(c, blob);
    if (node == NULL || node->level != level || blob->length > c->kept->node_bytes ||
        !is_free(c, blob->reference, blob->length, true))
        return fail(c, "a node of timers is damaged");
    for (uint32_t i = 0; i < tm__node_count(node); i++) {
        struct tm__node_item item = tm__node_get(node, i);
        if (tm__timer_node_bytes(tm__node_item_bytes(&item.timer, 1)) > c->kept->node_bytes)
            return fail(c, "a node of timers is too small for one of them");
        if (level == 0) {
            if (!check_timer(c, &item.timer))
                return false;
            continue;
        }
        if (i != 0 && tm__timer_compare(&c->last, &item.timer) >= 0)
            return fail(c, "nodes of timers do not ascend");
        if (i != 0) { // of the first one only the node counts
            c->floor = item.timer;
            c->has_floor = true;
        }
        if (!check_node(c, &item.child, level - 1))
            return false;
    }
    return true;
}

int tm__timer_check(const struct tm__timer_site *site, const struct tm__timer_kept *kept,
                    uint64_t *count, struct tm_error *err)
{
    struct check c = {.site = site, .kept = kept};
    bool good =
        kept->node_bytes >= TM__NODE_BYTES &&
        kept->node_bytes <= tm__timer_node_bytes(TM_TIMER_KEY_BYTES + TM_TIMER_NAME_BYTES +
                                                 TM__ITEM_CHILD_BYTES + TM__ITEM_LENGTH_BYTES) &&
        (kept->node_bytes & (kept->node_bytes - 1)) == 0;
    if (!good && kept->node_bytes != 0)
        fail(&c, "nodes of timers have no such size");
    size_t taken_bytes = 0;
    if (c.wrong == NULL && kept->root.length != 0) {
        struct tm_mem *mem = site->timers->mem;
        taken_bytes = group_of(&c)->pages->used * MAP_WORDS * sizeof *c.taken;
        c.taken = tm_mem_zalloc(mem, taken_bytes);
        if (c.taken == NULL)
            return tm_error_set(err, TM_E_MEMORY, "out of memory for timers");
        const struct tm__node *root = node_at(&c, &kept->root);
        if (root == NULL || root->level >= TM__TIMER_LEVELS)
            fail(&c, "a node of timers is damaged");
        else
            (void)check_node(&c, &kept->root, root->level);
        if (c.wrong == NULL && !lists_are_free(&c))
            fail(&c, "a node of timers is free");
        tm_mem_free(mem, c.taken, taken_bytes);
    }
    *count = c.count;
    return c.wrong == NULL
               ? 0
               : tm_error_set(err, TM_E_CHECKPOINT, "the timers of key group %u are damaged: %s",
                              site->key_group, c.wrong);
}
