// B+ trees of timers: finding, adding, removing. A change takes all memory that it needs before it
// changes anything.
#include "core/state/timer_tree.h"

// --- nodes ---------------------------------------------------------------------------------------

// The slots of the node on the way to the cache, all at once: a search would wait for one after the
// other.
static const struct tm__node *node_ask(const struct tm__timer_site *site,
                                       const struct tm_blob *blob)
{
    const char *node = (const char *)tm__timer_node(site, blob);
    for (uint32_t i = 0; i < TM__NODE_BYTES / 2; i += 64)
        __builtin_prefetch(node + i, 1);
    return (const struct tm__node *)(const void *)node;
}

// All of the node that is emptied next, long before its first timer comes: other trees have theirs
// in between, too many of them for the machine to see that each goes on where it was.
static void ask_for_first(const struct tm__timer_site *site)
{
    const char *node = (const char *)tm__timer_node(site, &site->tree->first);
    for (uint32_t i = 0; i < TM__NODE_BYTES; i += 64)
        __builtin_prefetch(node + i, 1, 2);
}

static void node_free(const struct tm__timer_site *site, struct tm_blob *blob)
{
    int rc = tm_state_blob_set(site->timers->state, site->domain->ns, site->key_group, blob, "", 0);
    TM_CHECK(rc == 0); // nothing is allocated for nothing
}

static bool reserve_scratch(struct tm_timers *timers, uint32_t bytes)
{
    if (bytes <= timers->scratch_bytes)
        return true;
    void *made = tm_mem_realloc(timers->mem, timers->scratch, timers->scratch_bytes, bytes);
    if (made == NULL)
        return false;
    timers->scratch = made;
    timers->scratch_bytes = bytes;
    return true;
}

// Nodes for a change that may need one a level, and a root.
static bool reserve_spares(struct tm__timer_site *site, uint32_t count)
{
    struct tm_timers *timers = site->timers;
    while (timers->spares < count) {
        struct tm_blob *blob = &timers->spare[timers->spares];
        *blob = (struct tm_blob){0};
        if (tm_state_blob_zalloc(timers->state, site->domain->ns, site->key_group, blob,
                                 site->tree->node_bytes) == NULL)
            return false;
        timers->spares++;
    }
    return true;
}

static void free_spares(struct tm__timer_site *site)
{
    struct tm_timers *timers = site->timers;
    while (timers->spares > 0)
        node_free(site, &timers->spare[--timers->spares]);
}

// An empty node of the spares.
static struct tm__node *take_spare(struct tm__timer_site *site, uint32_t level,
                                   struct tm_blob *blob)
{
    struct tm_timers *timers = site->timers;
    TM_CHECK(timers->spares > 0);
    site->reshaped = true;
    *blob = timers->spare[--timers->spares];
    struct tm__node *node = tm__timer_node_edit(site, blob);
    TM_CHECK(node != NULL); // it is new: nobody shares its page
    tm__node_init(node, site->tree->node_bytes, level);
    return node;
}

struct tm__timer_site tm__timer_site(struct tm_timers *timers, enum tm_timer_domain domain,
                                     uint64_t hash)
{
    uint32_t group = tm_hash_key_group(hash, timers->max_parallelism);
    TM_CHECK(group - timers->first_key_group < timers->group_count);
    struct tm__timer_forest *d = &timers->domains[domain];
    return (struct tm__timer_site){.timers = timers,
                                   .domain = d,
                                   .tree = &d->trees[group - timers->first_key_group],
                                   .key_group = group};
}

uint32_t tm__timer_node_bytes(uint32_t item_bytes)
{
    uint32_t bytes = TM__NODE_BYTES;
    while (bytes < 4 * (item_bytes + 64))
        bytes *= 2;
    return bytes;
}

// Most timers belong to the last leaf: times ascend. False: not this one, or that has no room, or
// the nodes of the tree have to become larger for it.
static bool look_in_last(const struct tm__timer_site *site, const struct tm_timer *timer,
                         struct tm__timer_path *path, bool *equal)
{
    if (site->tree->last.length == 0)
        return false;
    const struct tm__node *node = tm__timer_end(site, TM__TIMER_LAST);
    if (!tm__node_reaches(node, timer))
        return false;
    path->at[0] = tm__node_find(node, timer, equal);
    path->node[0] = site->tree->last;
    uint32_t bytes = tm__node_item_bytes(timer, 1);
    return *equal || (tm__timer_node_bytes(bytes) <= site->tree->node_bytes &&
                      tm__node_has_room(node, bytes));
}

// To the leaf where the timer is or belongs. False: there is no tree yet, or (no memory) its nodes
// cannot be had.
bool tm__timer_descend(const struct tm__timer_site *site, const struct tm_timer *timer,
                       struct tm__timer_path *path, bool *equal)
{
    *equal = false;
    path->height = 0;
    if (site->tree->root.length == 0)
        return false;
    struct tm_blob blob = site->tree->root;
    const struct tm__node *node = tm__timer_node(site, &blob);
    path->height = node->level + 1;
    for (uint32_t level = node->level;; node = node_ask(site, &blob), level--) {
        uint32_t i = tm__node_find(node, timer, equal);
        path->node[level] = blob;
        if (level == 0) {
            path->at[0] = i;
            return true;
        }
        path->at[level] = *equal || i == 0 ? i : i - 1;
        blob = tm__node_child(node, path->at[level]);
    }
}

static bool is_leftmost(const struct tm__timer_path *path)
{
    for (uint32_t level = 1; level < path->height; level++)
        if (path->at[level] != 0)
            return false;
    return true;
}

void tm__timer_find_ends(struct tm__timer_site *site)
{
    struct tm__timer_tree *tree = site->tree;
    uint32_t first = tree->first.reference;
    tree->first = tree->last = tree->root;
    tree->ends[TM__TIMER_FIRST].node = tree->ends[TM__TIMER_LAST].node = NULL;
    if (tree->root.length == 0)
        return;
    const struct tm__node *node;
    for (node = tm__timer_node(site, &tree->first); node->level != 0;
         node = tm__timer_node(site, &tree->first))
        tree->first = tm__node_child(node, 0);
    for (node = tm__timer_node(site, &tree->last); node->level != 0;
         node = tm__timer_node(site, &tree->last))
        tree->last = tm__node_child(node, tm__node_count(node) - 1);
    if (tree->first.reference != first)
        ask_for_first(site);
}

// A change is over. `earliest`: it was of the tree's earliest timer.
static void leave(struct tm__timer_site *site, bool earliest)
{
    free_spares(site);
    if (site->reshaped)
        tm__timer_find_ends(site);
    if (earliest)
        tm__timer_renew_head(site);
}

// --- adding --------------------------------------------------------------------------------------

// What leads to the node at this level now leads to `blob`.
static void lead_to(struct tm__timer_site *site, struct tm__timer_path *path, uint32_t level,
                    struct tm_blob blob)
{
    path->node[level] = blob;
    if (level + 1 == path->height)
        site->tree->root = blob;
    else
        tm__node_set_child(path->edit[level + 1], path->at[level + 1], &blob);
}

// A larger node in its place: it holds items too large for it.
static void enlarge(struct tm__timer_site *site, struct tm__timer_path *path, uint32_t level)
{
    struct tm_blob blob, old = path->node[level];
    struct tm__node *node = take_spare(site, level, &blob);
    struct tm__node *from = path->edit[level];
    for (uint32_t i = 0; i < tm__node_count(from); i++) {
        struct tm__node_item item = tm__node_get(from, i);
        tm__node_insert(node, i, &item, site->timers->scratch);
    }
    path->edit[level] = node;
    lead_to(site, path, level, blob);
    node_free(site, &old);
}

// Where to part a full node: half of its bytes on each side; at the new item if that comes nearly
// last, as it does when times ascend.
static uint32_t parting(const struct tm__node *node, uint32_t at)
{
    uint32_t count = tm__node_count(node);
    if (at >= count / 4 * 3 && tm__node_bytes(node, at, count) <= node->size_bytes / 2)
        return at;
    uint32_t bytes = 0, i = 0;
    for (; i + 1 < count && bytes < node->size_bytes / 2; i++)
        bytes += tm__node_bytes(node, i, i + 1);
    return i;
}

static void new_root(struct tm__timer_site *site, struct tm__timer_path *path, struct tm_blob right,
                     const struct tm_timer *separator)
{
    struct tm_blob blob;
    struct tm__node *root = take_spare(site, path->height, &blob);
    struct tm__node_item item = {.timer = {.time = separator->time}, .child = site->tree->root};
    tm__node_insert(root, 0, &item, site->timers->scratch);
    item = (struct tm__node_item){*separator, right};
    tm__node_insert(root, 1, &item, site->timers->scratch);
    site->tree->root = blob;
}

// Everything is reserved: memory cannot run out.
static void insert(struct tm__timer_site *site, struct tm__timer_path *path,
                   const struct tm__node_item *what)
{
    void *scratch = site->timers->scratch;
    struct tm__node_item item = *what;
    for (uint32_t level = 0;; level++) {
        uint32_t bytes = tm__node_item_bytes(&item.timer, level), at = path->at[level];
        at += level != 0; // behind the child that was split
        if (!tm__node_has_room(path->edit[level], bytes) &&
            path->edit[level]->size_bytes < site->tree->node_bytes)
            enlarge(site, path, level);
        struct tm__node *node = path->edit[level];
        if (tm__node_has_room(node, bytes)) {
            tm__node_insert(node, at, &item, scratch);
            return;
        }
        struct tm_blob blob;
        struct tm__node *right = take_spare(site, level, &blob);
        uint32_t middle = parting(node, at);
        tm__node_move(node, middle, right);
        if (at < middle)
            tm__node_insert(node, at, &item, scratch);
        else
            tm__node_insert(right, at - middle, &item, scratch);
        struct tm_timer separator = tm__node_get(right, 0).timer;
        tm__node_narrow(node);
        tm__node_narrow(right);
        if (level + 1 == path->height) {
            new_root(site, path, blob, &separator);
            return;
        }
        item = (struct tm__node_item){separator, blob};
    }
}

// The nodes of the path for writing, as far up as the change can reach, and nodes to come.
static bool reserve(struct tm__timer_site *site, struct tm__timer_path *path,
                    const struct tm_timer *timer)
{
    uint32_t bytes = tm__node_item_bytes(timer, 1);
    uint32_t node_bytes = tm__timer_node_bytes(bytes);
    if (node_bytes > site->tree->node_bytes)
        site->tree->node_bytes = node_bytes;
    if (!reserve_scratch(site->timers, site->tree->node_bytes))
        return false;
    if (path->height == 0)
        return reserve_spares(site, 1);
    path->edit[0] = tm__timer_node_edit(site, &path->node[0]);
    if (path->edit[0] == NULL)
        return false;
    if (tm__node_has_room(path->edit[0], bytes))
        return true;
    for (uint32_t level = 1; level < path->height; level++) {
        path->edit[level] = tm__timer_node_edit(site, &path->node[level]);
        if (path->edit[level] == NULL)
            return false;
    }
    return path->height < TM__TIMER_LEVELS && reserve_spares(site, path->height + 1);
}

void tm__timer_count(struct tm__timer_site *site, int64_t change)
{
    site->tree->count += (uint64_t)change;
    site->tree->changed = true;
    site->domain->count += (uint64_t)change;
}

// Into the last leaf, which has room.
static int add_last(struct tm__timer_site *site, const struct tm__timer_path *path,
                    const struct tm_timer *timer)
{
    bool leftmost = site->tree->last.reference == site->tree->first.reference;
    struct tm__node *node = tm__timer_end_edit(site, TM__TIMER_LAST);
    if (node != NULL && reserve_scratch(site->timers, node->size_bytes)) {
        struct tm__node_item item = {.timer = *timer};
        tm__node_insert(node, path->at[0], &item, site->timers->scratch);
        tm__timer_count(site, 1);
        leave(site, leftmost && path->at[0] == 0);
        return 1;
    }
    leave(site, false);
    return TM_E_MEMORY;
}

int tm__timer_tree_add(struct tm__timer_site *site, const struct tm_timer *timer)
{
    struct tm__timer_path path;
    bool equal;
    if (look_in_last(site, timer, &path, &equal))
        return equal ? 0 : add_last(site, &path, timer);
    if (tm__timer_descend(site, timer, &path, &equal) && equal)
        return 0;
    if (!reserve(site, &path, timer)) {
        leave(site, false);
        return TM_E_MEMORY;
    }
    if (path.height == 0) {
        path.height = 1;
        path.at[0] = 0;
        path.edit[0] = take_spare(site, 0, &path.node[0]);
        site->tree->root = path.node[0];
    }
    bool leftmost = is_leftmost(&path), earliest = path.at[0] == 0;
    struct tm__node_item item = {.timer = *timer};
    insert(site, &path, &item);
    tm__timer_count(site, 1);
    leave(site, leftmost && earliest);
    return 1;
}

// --- removing ------------------------------------------------------------------------------------

// A root with one child is not needed.
static void lower_root(struct tm__timer_site *site)
{
    for (;;) {
        const struct tm__node *node = tm__timer_node(site, &site->tree->root);
        if (node->level == 0 || tm__node_count(node) != 1)
            return;
        struct tm_blob child = tm__node_child(node, 0);
        node_free(site, &site->tree->root);
        site->tree->root = child;
    }
}

int tm__timer_tree_remove(struct tm__timer_site *site, const struct tm_timer *timer)
{
    struct tm__timer_path path;
    bool equal;
    if (!tm__timer_descend(site, timer, &path, &equal) || !equal)
        return 0;
    uint32_t top = 0; // how far up nodes become empty
    for (; top < path.height; top++) {
        path.edit[top] = tm__timer_node_edit(site, &path.node[top]);
        if (path.edit[top] == NULL) {
            leave(site, false);
            return TM_E_MEMORY;
        }
        if (tm__node_count(path.edit[top]) > 1)
            break;
    }
    site->reshaped = top != 0;
    for (uint32_t level = 0; level < top; level++)
        node_free(site, &path.node[level]);
    if (top < path.height)
        tm__node_remove(path.edit[top], path.at[top]);
    else
        site->tree->root = (struct tm_blob){0};
    if (top != 0 && site->tree->root.length != 0)
        lower_root(site);
    tm__timer_count(site, -1);
    leave(site, is_leftmost(&path) && path.at[0] == 0);
    return 1;
}
