// Sets of timers, from within: a B+ tree per domain and key group (timer_tree.c), over the trees of
// a domain a tournament of their earliest timers (timer_first.c). timers.c has the calls of the
// contract, timer_life.c how sets come to be, are frozen and forked.
#pragma once

#include "core/state/timer_node.h"

enum { TM__TIMER_LEVELS = 16, TM__TIMER_SPARES = TM__TIMER_LEVELS + 1 };

// Where a leaf lies that may be written, so that it need not be looked up.
struct tm__timer_end {
    struct tm__node *node; // NULL: not known
    uint64_t freezes;      // as many had been: since the last one pages are shared
};
enum { TM__TIMER_FIRST, TM__TIMER_LAST };

struct tm__timer_tree {
    struct tm_blob root;        // empty: no timers
    struct tm_blob first, last; // the leaves at its ends; empty where it is
    uint64_t count;
    uint32_t node_bytes;      // of new nodes: at least four of its largest items
    bool changed;             // since it was last written to its entry
    struct tm_blob kept_root; // in its entry
    uint32_t kept_node_bytes;
    struct tm__timer_end ends[2]; // first, last
};

// What most comparisons of the earliest timers of trees need, as one number: the time, in the order
// of unsigned numbers, and the prefix of a slot.
typedef unsigned __int128 tm__timer_head;
#define TM__TIMER_NO_HEAD (~(tm__timer_head)0) // of an empty tree

// The value of a tree's entry in the state.
struct tm__timer_kept {
    struct tm_blob root;
    uint64_t count; // not of a set that was frozen for images: there the nodes say it
    uint64_t node_bytes;
};

struct tm__timer_forest {
    struct tm_namespace *ns;
    struct tm__timer_tree *trees;
    tm__timer_head *heads; // of the trees; as many as there are places
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
    struct tm__timer_forest domains[TM_TIMER_DOMAINS];
    uint64_t freezes;
    void *scratch; // as large as a node
    uint32_t scratch_bytes;
};

// A way from a root to a leaf: node[0] is the leaf, at[i] is where it goes on in node[i].
struct tm__timer_path {
    uint32_t height;
    struct tm_blob node[TM__TIMER_LEVELS];
    uint32_t at[TM__TIMER_LEVELS];
    struct tm__node *edit[TM__TIMER_LEVELS];
};

// One tree and what it takes to work on it.
struct tm__timer_site {
    struct tm_timers *timers;
    struct tm__timer_forest *domain;
    struct tm__timer_tree *tree;
    uint32_t key_group;
    struct tm_blob spare[TM__TIMER_SPARES];
    uint32_t spares;
    bool reshaped; // nodes came or went
};

// --- nodes ---------------------------------------------------------------------------------------

static inline const struct tm__node *tm__timer_node(const struct tm__timer_site *site,
                                                    const struct tm_blob *blob)
{
    return tm_state_blob_get(site->timers->state, site->key_group, blob);
}

static inline struct tm__node *tm__timer_node_edit(const struct tm__timer_site *site,
                                                   const struct tm_blob *blob)
{
    return tm_state_blob_edit(site->timers->state, site->key_group, blob);
}

// The leaf at an end, to be read.
static inline const struct tm__node *tm__timer_end(const struct tm__timer_site *site, int which)
{
    const struct tm__timer_end *end = &site->tree->ends[which];
    if (TM_LIKELY(end->node != NULL && end->freezes == site->timers->freezes))
        return end->node;
    return tm__timer_node(site, which == TM__TIMER_FIRST ? &site->tree->first : &site->tree->last);
}

// To be written. NULL: out of memory.
static inline struct tm__node *tm__timer_end_edit(const struct tm__timer_site *site, int which)
{
    struct tm__timer_end *end = &site->tree->ends[which];
    if (TM_LIKELY(end->node != NULL && end->freezes == site->timers->freezes))
        return end->node;
    end->node = tm__timer_node_edit(site, which == TM__TIMER_FIRST ? &site->tree->first
                                                                   : &site->tree->last);
    end->freezes = site->timers->freezes;
    return end->node;
}

// --- timer_tree.c --------------------------------------------------------------------------------

// The tree of a key.
struct tm__timer_site tm__timer_site(struct tm_timers *timers, enum tm_timer_domain domain,
                                     uint64_t hash);
// To the leaf where the timer is or belongs; *equal: it is there. False: there is no tree yet, or
// (no memory) its nodes cannot be had.
bool tm__timer_descend(const struct tm__timer_site *site, const struct tm_timer *timer,
                       struct tm__timer_path *path, bool *equal);
// The leaves at the ends of a tree whose nodes have come or gone.
void tm__timer_find_ends(struct tm__timer_site *site);
// The least size of new nodes for items of so many bytes, as tm__node_item_bytes says at level 1.
uint32_t tm__timer_node_bytes(uint32_t item_bytes);
// As tm_timers_add, tm_timers_remove.
int tm__timer_tree_add(struct tm__timer_site *site, const struct tm_timer *timer);
int tm__timer_tree_remove(struct tm__timer_site *site, const struct tm_timer *timer);
// So many more timers in the tree.
void tm__timer_count(struct tm__timer_site *site, int64_t change);

// --- timer_first.c -------------------------------------------------------------------------------

// The tree with the earliest timer of a domain that has one.
struct tm__timer_site tm__timer_winner(struct tm_timers *timers, struct tm__timer_forest *d);
// The earliest timer of the tree may be another.
void tm__timer_renew_head(struct tm__timer_site *site);

// --- timer_check.c -------------------------------------------------------------------------------

// The tree of an entry that came from elsewhere: 0 and how many timers it has, or TM_E_CHECKPOINT
// says what is wrong with it.
int tm__timer_check(const struct tm__timer_site *site, const struct tm__timer_kept *kept,
                    uint64_t *count, struct tm_error *err);

static inline int64_t tm__timer_head_time(tm__timer_head head)
{
    return (int64_t)((uint64_t)(head >> 64) ^ (uint64_t)1 << 63);
}
