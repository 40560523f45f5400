// Sets of timers: a B+ tree per domain and key group, and over the trees a tournament of their
// earliest timers. A change takes all memory that it needs before it changes anything.
#include "core/state/timers.h"

#include "core/state/timer_node.h"

enum { LEVELS_MAX = 16, SPARES_MAX = LEVELS_MAX + 1 };

// Where a leaf lies that may be written, so that it need not be looked up.
struct end {
    struct tm__node *node; // NULL: not known
    uint64_t freezes;      // as many had been: since the last one pages are shared
};
enum { FIRST, LAST };

struct tree {
    struct tm_blob root;        // empty: no timers
    struct tm_blob first, last; // the leaves at its ends; empty where it is
    uint64_t count;
    uint32_t node_bytes; // of new nodes: at least four of its largest items
    bool changed;        // since it was last written to its entry
    struct end ends[2];  // first, last
};

// What most comparisons of the earliest timers of trees need, as one number: the time, in the order
// of unsigned numbers, and the prefix of a slot.
typedef unsigned __int128 head;
static const head no_head = ~(head)0; // of an empty tree

// The value of a tree's entry in the state.
struct kept_tree {
    struct tm_blob root;
    uint64_t count;
    uint64_t node_bytes;
};

struct domain {
    struct tm_namespace *ns;
    struct tree *trees;
    head *heads; // of the trees; as many as there are places
    // The tournament: [1] is the number of the tree that wins; [i] wins of [2i] and [2i + 1]; from
    // `places` on, a power of two, stand the trees themselves.
    uint32_t *winners;
    uint32_t places;
    uint64_t count;
};

struct tm_timers {
    struct tm_mem *mem;
    struct tm_state *state;
    uint32_t max_parallelism, first_key_group, group_count;
    struct domain domains[TM_TIMER_DOMAINS];
    uint64_t freezes;
    void *scratch; // as large as a node
    uint32_t scratch_bytes;
};

// A way from a root to a leaf: node[0] is the leaf, at[i] is where it goes on in node[i].
struct path {
    uint32_t height;
    struct tm_blob node[LEVELS_MAX];
    uint32_t at[LEVELS_MAX];
    struct tm__node *edit[LEVELS_MAX];
};

// One tree and what it takes to work on it.
struct site {
    struct tm_timers *timers;
    struct domain *domain;
    struct tree *tree;
    uint32_t key_group;
    struct tm_blob spare[SPARES_MAX];
    uint32_t spares;
    bool reshaped; // nodes came or went
};

// --- the tournament of trees ---------------------------------------------------------------------

static head head_of(const struct tm__node_slot *slot)
{
    return (head)((uint64_t)slot->time ^ (uint64_t)1 << 63) << 64 | slot->prefix;
}

static int64_t time_of(head head)
{
    return (int64_t)((uint64_t)(head >> 64) ^ (uint64_t)1 << 63);
}

// One tree and what it takes to work on it: of the one with the earliest timer.
static struct site winner_of(struct tm_timers *timers, struct domain *d)
{
    uint32_t number = d->winners[1];
    return (struct site){.timers = timers,
                         .domain = d,
                         .tree = &d->trees[number],
                         .key_group = timers->first_key_group + number};
}

static struct tm_timer earliest_of(const struct tm_timers *timers, const struct domain *d,
                                   uint32_t number)
{
    const struct tm__node *first =
        tm_state_blob_get(timers->state, timers->first_key_group + number, &d->trees[number].first);
    return tm__node_get(first, 0).timer;
}

// Of trees whose heads are equal.
static bool is_earlier_slow(const struct tm_timers *timers, const struct domain *d, uint32_t a,
                            uint32_t b)
{
    uint32_t count = timers->group_count;
    if (a >= count || b >= count || d->trees[a].count == 0 || d->trees[b].count == 0)
        return a < count && d->trees[a].count != 0;
    struct tm_timer x = earliest_of(timers, d, a), y = earliest_of(timers, d, b);
    return tm__timer_compare(&x, &y) < 0;
}

// The tree's head is another: who wins on its way. The others on the way are known beforehand, and
// there is no branch on who wins: it cannot be predicted.
static void play(const struct tm_timers *timers, struct domain *d, uint32_t number)
{
    uint32_t winner = number;
    head best = d->heads[number];
    for (uint32_t i = d->places + number; i > 1; i /= 2) {
        uint32_t other = d->winners[i ^ 1];
        head opposed = d->heads[other];
        bool loses = opposed < best;
        if (TM_UNLIKELY(opposed == best))
            loses = is_earlier_slow(timers, d, other, winner);
        best = loses ? opposed : best;
        winner = loses ? other : winner;
        d->winners[i / 2] = winner;
    }
}

// --- nodes ---------------------------------------------------------------------------------------

static const struct tm__node *node_read(const struct site *site, const struct tm_blob *blob)
{
    return tm_state_blob_get(site->timers->state, site->key_group, blob);
}

// The slots of the node on the way to the cache, all at once: a search would wait for one after the
// other.
static const struct tm__node *node_ask(const struct site *site, const struct tm_blob *blob)
{
    const char *node = (const char *)node_read(site, blob);
    for (uint32_t i = 0; i < TM__NODE_BYTES * 3 / 4; i += 64)
        __builtin_prefetch(node + i, 1);
    return (const struct tm__node *)(const void *)node;
}

// All of the node that is emptied next, long before its first timer comes: other trees have theirs
// in between, too many of them for the machine to see that each goes on where it was.
static void ask_for_first(const struct site *site)
{
    const char *node = (const char *)node_read(site, &site->tree->first);
    for (uint32_t i = 0; i < TM__NODE_BYTES; i += 64)
        __builtin_prefetch(node + i, 1, 2);
}

static struct tm__node *node_edit(const struct site *site, const struct tm_blob *blob)
{
    return tm_state_blob_edit(site->timers->state, site->key_group, blob);
}

// The leaf at an end, to be read.
static const struct tm__node *end_read(const struct site *site, int which)
{
    const struct end *end = &site->tree->ends[which];
    if (TM_LIKELY(end->node != NULL && end->freezes == site->timers->freezes))
        return end->node;
    return node_read(site, which == FIRST ? &site->tree->first : &site->tree->last);
}

// To be written. NULL: out of memory.
static struct tm__node *end_edit(const struct site *site, int which)
{
    struct end *end = &site->tree->ends[which];
    if (TM_LIKELY(end->node != NULL && end->freezes == site->timers->freezes))
        return end->node;
    end->node = node_edit(site, which == FIRST ? &site->tree->first : &site->tree->last);
    end->freezes = site->timers->freezes;
    return end->node;
}

static void node_free(const struct site *site, struct tm_blob *blob)
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
static bool reserve_spares(struct site *site, uint32_t count)
{
    while (site->spares < count) {
        struct tm_blob *blob = &site->spare[site->spares];
        *blob = (struct tm_blob){0};
        if (tm_state_blob_zalloc(site->timers->state, site->domain->ns, site->key_group, blob,
                                 site->tree->node_bytes) == NULL)
            return false;
        site->spares++;
    }
    return true;
}

static void free_spares(struct site *site)
{
    while (site->spares > 0)
        node_free(site, &site->spare[--site->spares]);
}

// An empty node of the spares.
static struct tm__node *take_spare(struct site *site, uint32_t level, struct tm_blob *blob)
{
    TM_CHECK(site->spares > 0);
    site->reshaped = true;
    *blob = site->spare[--site->spares];
    struct tm__node *node = node_edit(site, blob);
    TM_CHECK(node != NULL); // it is new: nobody shares its page
    tm__node_init(node, site->tree->node_bytes, level);
    return node;
}

static struct site site_of(struct tm_timers *timers, enum tm_timer_domain domain, uint64_t hash)
{
    uint32_t group = tm_hash_key_group(hash, timers->max_parallelism);
    TM_CHECK(group - timers->first_key_group < timers->group_count);
    struct domain *d = &timers->domains[domain];
    return (struct site){.timers = timers,
                         .domain = d,
                         .tree = &d->trees[group - timers->first_key_group],
                         .key_group = group};
}

// Most timers belong to the last leaf: times ascend. False: not this one, or that has no room.
static bool look_in_last(const struct site *site, const struct tm_timer *timer, struct path *path,
                         bool *equal)
{
    if (site->tree->last.length == 0)
        return false;
    const struct tm__node *node = end_read(site, LAST);
    if (!tm__node_reaches(node, timer))
        return false;
    path->at[0] = tm__node_find(node, timer, equal);
    path->node[0] = site->tree->last;
    return *equal || tm__node_has_room(node, tm__node_item_bytes(timer, 1));
}

// To the leaf where the timer is or belongs. False: there is no tree yet, or (no memory) its nodes
// cannot be had.
static bool descend(const struct site *site, const struct tm_timer *timer, struct path *path,
                    bool *equal)
{
    *equal = false;
    path->height = 0;
    if (site->tree->root.length == 0)
        return false;
    struct tm_blob blob = site->tree->root;
    const struct tm__node *node = node_read(site, &blob);
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

static bool is_leftmost(const struct path *path)
{
    for (uint32_t level = 1; level < path->height; level++)
        if (path->at[level] != 0)
            return false;
    return true;
}

// The earliest timer of the tree may be another.
static void renew_head(struct site *site)
{
    uint32_t number = (uint32_t)(site->tree - site->domain->trees);
    head *head = &site->domain->heads[number];
    *head = no_head;
    if (site->tree->root.length != 0) {
        const struct tm__node_slot *slot = tm__node_slot_at(node_read(site, &site->tree->first), 0);
        *head = head_of(slot);
    }
    play(site->timers, site->domain, number);
}

static void find_ends(struct site *site)
{
    struct tree *tree = site->tree;
    uint32_t first = tree->first.reference;
    tree->first = tree->last = tree->root;
    tree->ends[FIRST].node = tree->ends[LAST].node = NULL;
    if (tree->root.length == 0)
        return;
    const struct tm__node *node;
    for (node = node_read(site, &tree->first); node->level != 0;
         node = node_read(site, &tree->first))
        tree->first = tm__node_child(node, 0);
    for (node = node_read(site, &tree->last); node->level != 0; node = node_read(site, &tree->last))
        tree->last = tm__node_child(node, tm__node_count(node) - 1);
    if (tree->first.reference != first)
        ask_for_first(site);
}

// A change is over. `earliest`: it was of the tree's earliest timer.
static void leave(struct site *site, bool earliest)
{
    free_spares(site);
    if (site->reshaped)
        find_ends(site);
    if (earliest)
        renew_head(site);
}

// --- adding --------------------------------------------------------------------------------------

// What leads to the node at this level now leads to `blob`.
static void lead_to(struct site *site, struct path *path, uint32_t level, struct tm_blob blob)
{
    path->node[level] = blob;
    if (level + 1 == path->height)
        site->tree->root = blob;
    else
        tm__node_set_child(path->edit[level + 1], path->at[level + 1], &blob);
}

// A larger node in its place: it holds items too large for it.
static void enlarge(struct site *site, struct path *path, uint32_t level)
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

static void new_root(struct site *site, struct path *path, struct tm_blob right,
                     const struct tm_timer *separator)
{
    struct tm_blob blob;
    struct tm__node *root = take_spare(site, path->height, &blob);
    struct tm__node_item item = {.timer = {.time = INT64_MIN}, .child = site->tree->root};
    tm__node_insert(root, 0, &item, site->timers->scratch);
    item = (struct tm__node_item){*separator, right};
    tm__node_insert(root, 1, &item, site->timers->scratch);
    site->tree->root = blob;
}

// Everything is reserved: memory cannot run out.
static void insert(struct site *site, struct path *path, const struct tm__node_item *what)
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
        if (level + 1 == path->height) {
            new_root(site, path, blob, &separator);
            return;
        }
        item = (struct tm__node_item){separator, blob};
    }
}

static uint32_t node_bytes_for(uint32_t item_bytes)
{
    uint32_t bytes = TM__NODE_BYTES;
    while (bytes < 4 * (item_bytes + 64))
        bytes *= 2;
    return bytes;
}

// The nodes of the path for writing, as far up as the change can reach, and nodes to come.
static bool reserve(struct site *site, struct path *path, const struct tm_timer *timer)
{
    uint32_t bytes = tm__node_item_bytes(timer, 1);
    uint32_t node_bytes = node_bytes_for(bytes);
    if (node_bytes > site->tree->node_bytes)
        site->tree->node_bytes = node_bytes;
    if (!reserve_scratch(site->timers, site->tree->node_bytes))
        return false;
    if (path->height == 0)
        return reserve_spares(site, 1);
    path->edit[0] = node_edit(site, &path->node[0]);
    if (path->edit[0] == NULL)
        return false;
    if (tm__node_has_room(path->edit[0], bytes))
        return true;
    for (uint32_t level = 1; level < path->height; level++) {
        path->edit[level] = node_edit(site, &path->node[level]);
        if (path->edit[level] == NULL)
            return false;
    }
    return path->height < LEVELS_MAX && reserve_spares(site, path->height + 1);
}

static void count(struct site *site, int64_t change)
{
    site->tree->count += (uint64_t)change;
    site->tree->changed = true;
    site->domain->count += (uint64_t)change;
}

// Into the last leaf, which has room.
static int add_last(struct site *site, const struct path *path, const struct tm_timer *timer)
{
    bool leftmost = site->tree->last.reference == site->tree->first.reference;
    struct tm__node *node = end_edit(site, LAST);
    if (node != NULL && reserve_scratch(site->timers, node->size_bytes)) {
        struct tm__node_item item = {.timer = *timer};
        tm__node_insert(node, path->at[0], &item, site->timers->scratch);
        count(site, 1);
        leave(site, leftmost && path->at[0] == 0);
        return 1;
    }
    leave(site, false);
    return TM_E_MEMORY;
}

int tm_timers_add(struct tm_timers *timers, enum tm_timer_domain domain,
                  const struct tm_timer *timer)
{
    if (timer->name_length > TM_TIMER_NAME_BYTES || timer->key.length > TM_TIMER_KEY_BYTES)
        return TM_E_LIMIT;
    struct site site = site_of(timers, domain, timer->key.hash);
    struct path path;
    bool equal;
    if (look_in_last(&site, timer, &path, &equal))
        return equal ? 0 : add_last(&site, &path, timer);
    if (descend(&site, timer, &path, &equal) && equal)
        return 0;
    if (!reserve(&site, &path, timer)) {
        leave(&site, false);
        return TM_E_MEMORY;
    }
    if (path.height == 0) {
        path.height = 1;
        path.at[0] = 0;
        path.edit[0] = take_spare(&site, 0, &path.node[0]);
        site.tree->root = path.node[0];
    }
    bool leftmost = is_leftmost(&path), earliest = path.at[0] == 0;
    struct tm__node_item item = {.timer = *timer};
    insert(&site, &path, &item);
    count(&site, 1);
    leave(&site, leftmost && earliest);
    return 1;
}

// --- removing ------------------------------------------------------------------------------------

// A root with one child is not needed.
static void lower_root(struct site *site)
{
    for (;;) {
        const struct tm__node *node = node_read(site, &site->tree->root);
        if (node->level == 0 || tm__node_count(node) != 1)
            return;
        struct tm_blob child = tm__node_child(node, 0);
        node_free(site, &site->tree->root);
        site->tree->root = child;
    }
}

static int remove_from(struct site *site, const struct tm_timer *timer)
{
    struct path path;
    bool equal;
    if (!descend(site, timer, &path, &equal) || !equal)
        return 0;
    uint32_t top = 0; // how far up nodes become empty
    for (; top < path.height; top++) {
        path.edit[top] = node_edit(site, &path.node[top]);
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
    count(site, -1);
    leave(site, is_leftmost(&path) && path.at[0] == 0);
    return 1;
}

int tm_timers_remove(struct tm_timers *timers, enum tm_timer_domain domain,
                     const struct tm_timer *timer)
{
    struct site site = site_of(timers, domain, timer->key.hash);
    return remove_from(&site, timer);
}

int tm_timers_pop(struct tm_timers *timers, enum tm_timer_domain domain)
{
    struct domain *d = &timers->domains[domain];
    if (d->count == 0)
        return 0;
    struct site site = winner_of(timers, d);
    struct tm__node *node = end_edit(&site, FIRST);
    if (node == NULL)
        return TM_E_MEMORY;
    if (tm__node_count(node) == 1) {
        struct tm_timer timer = tm__node_get(node, 0).timer;
        return remove_from(&site, &timer);
    }
    tm__node_remove(node, 0);
    __builtin_prefetch(tm__node_item_at(node, 0));
    __builtin_prefetch(tm__node_slot_at(node, 3));
    count(&site, -1);
    renew_head(&site);
    return 1;
}

// --- looking -------------------------------------------------------------------------------------

bool tm_timers_has(struct tm_timers *timers, enum tm_timer_domain domain,
                   const struct tm_timer *timer)
{
    struct site site = site_of(timers, domain, timer->key.hash);
    struct path path;
    bool equal;
    return descend(&site, timer, &path, &equal) && equal;
}

bool tm_timers_first(struct tm_timers *timers, enum tm_timer_domain domain, struct tm_timer *timer)
{
    struct domain *d = &timers->domains[domain];
    if (d->count == 0)
        return false;
    struct site site = winner_of(timers, d);
    *timer = tm__node_get(end_read(&site, FIRST), 0).timer;
    timer->key.hash = tm_hash_bytes(timer->key.bytes, timer->key.length);
    return true;
}

int64_t tm_timers_next_time(const struct tm_timers *timers, enum tm_timer_domain domain)
{
    const struct domain *d = &timers->domains[domain];
    return d->count == 0 ? INT64_MAX : time_of(d->heads[d->winners[1]]);
}

uint64_t tm_timers_count(const struct tm_timers *timers, enum tm_timer_domain domain)
{
    return timers->domains[domain].count;
}

int64_t tm_timers_used_bytes(const struct tm_timers *timers)
{
    return tm_state_used_bytes(timers->state) + timers->scratch_bytes;
}

static bool walk(const struct site *site, const struct tm_blob *blob,
                 bool (*more)(void *arg, const struct tm_timer *timer), void *arg)
{
    const struct tm__node *node = node_read(site, blob);
    for (uint32_t i = 0; i < tm__node_count(node); i++) {
        struct tm__node_item item = tm__node_get(node, i);
        if (node->level != 0) {
            if (!walk(site, &item.child, more, arg)) // as deep as the tree is high
                return false;
            continue;
        }
        item.timer.key.hash = tm_hash_bytes(item.timer.key.bytes, item.timer.key.length);
        if (!more(arg, &item.timer))
            return false;
    }
    return true;
}

void tm_timers_key_groups(const struct tm_timers *timers, uint32_t *first, uint32_t *last)
{
    *first = timers->first_key_group;
    *last = timers->first_key_group + timers->group_count - 1;
}

void tm_timers_walk(struct tm_timers *timers, enum tm_timer_domain domain, uint32_t key_group,
                    bool (*more)(void *arg, const struct tm_timer *timer), void *arg)
{
    TM_CHECK(key_group - timers->first_key_group < timers->group_count);
    struct domain *d = &timers->domains[domain];
    struct site site = {.timers = timers,
                        .domain = d,
                        .tree = &d->trees[key_group - timers->first_key_group],
                        .key_group = key_group};
    if (site.tree->root.length != 0)
        walk(&site, &site.tree->root, more, arg);
}

// --- life ----------------------------------------------------------------------------------------

void tm_timers_free(struct tm_timers *timers)
{
    if (timers == NULL)
        return;
    for (int d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct domain *domain = &timers->domains[d];
        if (domain->trees != NULL)
            tm_mem_free(timers->mem, domain->trees, timers->group_count * sizeof *domain->trees);
        tm_mem_free(timers->mem, domain->heads, domain->places * sizeof *domain->heads);
        tm_mem_free(timers->mem, domain->winners, 2 * domain->places * sizeof *domain->winners);
    }
    tm_state_free(timers->state);
    if (timers->scratch != NULL)
        tm_mem_free(timers->mem, timers->scratch, timers->scratch_bytes);
    tm_mem_free(timers->mem, timers, sizeof *timers);
}

// The key of a tree's entry: it has no bytes, only a hash that leads to the tree's key group.
static struct tm_key key_of_tree(const struct tm_timers *timers, uint32_t number)
{
    uint64_t group = timers->first_key_group + number;
    uint64_t high = ((group << 32) + timers->max_parallelism - 1) / timers->max_parallelism;
    return (struct tm_key){.hash = high << 32, .bytes = "", .length = 0};
}

// The roots into the state, so that it holds all of the set. False: out of memory.
static bool settle(struct tm_timers *timers)
{
    for (int d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct domain *domain = &timers->domains[d];
        for (uint32_t i = 0; i < timers->group_count; i++) {
            struct tree *tree = &domain->trees[i];
            if (!tree->changed)
                continue;
            struct tm_key key = key_of_tree(timers, i);
            struct kept_tree *kept = tm_state_upsert(timers->state, domain->ns, &key, NULL);
            if (kept == NULL)
                return false;
            *kept = (struct kept_tree){tree->root, tree->count, tree->node_bytes};
            tree->changed = false;
        }
    }
    return true;
}

// Trees from the entries of the state.
static void resume(struct tm_timers *timers)
{
    for (int d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct domain *domain = &timers->domains[d];
        for (uint32_t i = 0; i < timers->group_count; i++) {
            struct tm_key key = key_of_tree(timers, i);
            const struct kept_tree *kept = tm_state_find(timers->state, domain->ns, &key);
            if (kept == NULL)
                continue;
            struct site site = {.timers = timers,
                                .domain = domain,
                                .tree = &domain->trees[i],
                                .key_group = timers->first_key_group + i};
            site.tree->root = kept->root;
            site.tree->count = kept->count;
            site.tree->node_bytes = (uint32_t)kept->node_bytes;
            domain->count += kept->count;
            find_ends(&site);
            renew_head(&site);
        }
    }
}

// Takes the state. NULL: out of memory, the state is freed.
static struct tm_timers *make(const struct tm_timers_args *args, struct tm_state *state)
{
    uint32_t count = args->last_key_group - args->first_key_group + 1;
    struct tm_timers *timers = tm_mem_zalloc(args->mem, sizeof *timers);
    if (timers == NULL) {
        tm_state_free(state);
        return NULL;
    }
    timers->mem = args->mem;
    timers->state = state;
    timers->max_parallelism = args->max_parallelism;
    timers->first_key_group = args->first_key_group;
    timers->group_count = count;
    for (int d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct domain *domain = &timers->domains[d];
        domain->ns = tm_state_namespace_find(state, d);
        if (domain->ns == NULL)
            domain->ns = tm_state_namespace_create(state, d);
        domain->places = count == 1 ? 1 : 1u << (32 - __builtin_clz(count - 1));
        domain->trees = tm_mem_zalloc(args->mem, count * sizeof *domain->trees);
        domain->heads = tm_mem_alloc(args->mem, domain->places * sizeof *domain->heads);
        domain->winners = tm_mem_alloc(args->mem, 2 * domain->places * sizeof *domain->winners);
        if (domain->ns == NULL || domain->trees == NULL || domain->heads == NULL ||
            domain->winners == NULL) {
            tm_timers_free(timers);
            return NULL;
        }
        for (uint32_t i = 0; i < domain->places; i++) {
            domain->heads[i] = no_head;
            domain->winners[domain->places + i] = i;
        }
        for (uint32_t i = domain->places - 1; i != 0; i--)
            domain->winners[i] = domain->winners[2 * i];
    }
    return timers;
}

int tm_timers_new(const struct tm_timers_args *args, struct tm_timers **timers,
                  struct tm_error *err)
{
    const struct tm_state_args state_args = {args->mem, args->max_parallelism,
                                             args->first_key_group, args->last_key_group,
                                             sizeof(struct kept_tree)};
    struct tm_state *state;
    int rc = tm_state_new(&state_args, &state, err);
    if (rc != 0)
        return rc;
    *timers = make(args, state);
    return *timers == NULL ? tm_error_set(err, TM_E_MEMORY, "out of memory for timers") : 0;
}

struct tm_snapshot *tm_timers_freeze(struct tm_timers *timers)
{
    timers->freezes++;
    return settle(timers) ? tm_state_freeze(timers->state) : NULL;
}

struct tm_timers *tm_timers_fork(struct tm_mem *mem, const struct tm_snapshot *snapshot)
{
    struct tm_state *state = tm_state_fork(snapshot);
    if (state == NULL)
        return NULL;
    struct tm_timers_args args = {.mem = mem};
    tm_state_key_groups(state, &args.max_parallelism, &args.first_key_group, &args.last_key_group);
    struct tm_timers *timers = make(&args, state);
    if (timers != NULL)
        resume(timers);
    return timers;
}
