// Is a tree of timers that came from an image one that can be worked on? Each node lies in its
// pages and holds what it says, timers ascend from the first to the last, and all are of the tree's
// key group.
#include "core/state/internal.h"
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
};

static bool fail(struct check *c, const char *what)
{
    if (c->wrong == NULL)
        c->wrong = what;
    return false;
}

// A node that is inside a page of the tree's blobs. NULL: it is not.
static const struct tm__node *node_at(struct check *c, const struct tm_blob *blob)
{
    const struct tm_state *state = c->site->timers->state;
    const struct tm__state_group *group =
        &state->groups[c->site->key_group - state->first_key_group];
    uint32_t number = blob->reference >> TM__OFFSET_BITS;
    uint64_t at = (uint64_t)(blob->reference & ((1u << TM__OFFSET_BITS) - 1)) * TM__UNIT_BYTES;
    if (group->pages == NULL || number == 0 || number >= group->pages->used ||
        group->at[number] == 0)
        return NULL;
    const struct tm__state_head *head =
        (const void *)tm__state_address(group, number << TM__OFFSET_BITS);
    if (head->kind != (blob->length > TM__SIZE_MAX ? TM__PAGE_LARGE : TM__PAGE_BLOBS) ||
        head->owner != tm_state_namespace_id(c->site->domain->ns) || at < sizeof *head ||
        at + blob->length > tm__state_page_infos(group->pages)[number].used_bytes)
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
    if (node == NULL || node->level != level || blob->length > c->kept->node_bytes)
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
                    struct tm_error *err)
{
    struct check c = {.site = site, .kept = kept};
    bool good =
        kept->node_bytes >= TM__NODE_BYTES &&
        kept->node_bytes <= tm__timer_node_bytes(TM_TIMER_KEY_BYTES + TM_TIMER_NAME_BYTES +
                                                 TM__ITEM_CHILD_BYTES + TM__ITEM_LENGTH_BYTES) &&
        (kept->node_bytes & (kept->node_bytes - 1)) == 0;
    if (!good && kept->node_bytes != 0)
        fail(&c, "nodes of timers have no such size");
    if (c.wrong == NULL && kept->root.length != 0) {
        const struct tm__node *root = node_at(&c, &kept->root);
        if (root == NULL || root->level >= TM__TIMER_LEVELS)
            fail(&c, "a node of timers is damaged");
        else
            (void)check_node(&c, &kept->root, root->level);
    }
    if (c.wrong == NULL && c.count != kept->count)
        fail(&c, "there are not as many timers as it says");
    return c.wrong == NULL
               ? 0
               : tm_error_set(err, TM_E_CHECKPOINT, "the timers of key group %u are damaged: %s",
                              site->key_group, c.wrong);
}
