// How sets of timers come to be and end: made, frozen into their state, made again from it.
#include "core/state/image.h"
#include "core/state/timer_tree.h"

void tm_timers_free(struct tm_timers *timers)
{
    if (timers == NULL)
        return;
    for (int d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct tm__timer_forest *domain = &timers->domains[d];
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

// The roots into the state, so that it holds all of the set, and how many timers each leads to:
// that changes with every timer, a root seldom. False: out of memory.
static bool settle(struct tm_timers *timers, bool with_counts)
{
    for (int d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct tm__timer_forest *domain = &timers->domains[d];
        for (uint32_t i = 0; i < timers->group_count; i++) {
            struct tm__timer_tree *tree = &domain->trees[i];
            if (!(with_counts && tree->changed) &&
                tree->root.reference == tree->kept_root.reference &&
                tree->root.length == tree->kept_root.length &&
                tree->node_bytes == tree->kept_node_bytes)
                continue;
            struct tm_key key = key_of_tree(timers, i);
            struct tm__timer_kept *kept = tm_state_upsert(timers->state, domain->ns, &key, NULL);
            if (kept == NULL)
                return false;
            *kept = (struct tm__timer_kept){tree->root, tree->count, tree->node_bytes};
            tree->changed = false;
            tree->kept_root = tree->root;
            tree->kept_node_bytes = tree->node_bytes;
        }
    }
    return true;
}

// The tree of an entry of the state: there is none so far.
static void take_tree(struct tm__timer_site *site, const struct tm__timer_kept *kept,
                      uint64_t count)
{
    struct tm__timer_tree *tree = site->tree;
    tree->root = tree->kept_root = kept->root;
    tree->count = count;
    tree->changed = count != kept->count;
    tree->node_bytes = tree->kept_node_bytes = (uint32_t)kept->node_bytes;
    site->domain->count += count;
    tm__timer_find_ends(site);
    tm__timer_renew_head(site);
}

// Trees from the entries of the state. `check` says whether an entry leads to a tree that can be
// used; NULL: it does. What it returns; TM_E_MEMORY.
static int resume(struct tm_timers *timers,
                  int (*check)(const struct tm__timer_site *site, const struct tm__timer_kept *kept,
                               uint64_t *count, struct tm_error *err),
                  struct tm_error *err)
{
    for (int d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct tm__timer_forest *domain = &timers->domains[d];
        for (uint32_t i = 0; i < timers->group_count; i++) {
            struct tm_key key = key_of_tree(timers, i);
            const struct tm__timer_kept *kept = tm_state_find(timers->state, domain->ns, &key);
            if (kept == NULL)
                continue;
            struct tm__timer_site site = {.timers = timers,
                                          .domain = domain,
                                          .tree = &domain->trees[i],
                                          .key_group = timers->first_key_group + i};
            uint64_t count = kept->count;
            int rc = check == NULL ? 0 : check(&site, kept, &count, err);
            if (rc != 0)
                return rc;
            take_tree(&site, kept, count);
        }
    }
    return 0;
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
        struct tm__timer_forest *domain = &timers->domains[d];
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
            domain->heads[i] = TM__TIMER_NO_HEAD;
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
                                             sizeof(struct tm__timer_kept)};
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
    return settle(timers, true) ? tm_state_freeze(timers->state) : NULL;
}

struct tm_snapshot *tm_timers_freeze_pages(struct tm_timers *timers)
{
    timers->freezes++;
    return settle(timers, false) ? tm_state_freeze_pages(timers->state) : NULL;
}

struct tm_state *tm_timers_state(struct tm_timers *timers)
{
    return timers->state;
}

int tm_timers_resume(struct tm_timers *timers, struct tm_error *err)
{
    return resume(timers, tm__timer_check, err);
}

struct tm_timers *tm_timers_fork(struct tm_mem *mem, const struct tm_snapshot *snapshot)
{
    struct tm_state *state = tm_state_fork(snapshot);
    if (state == NULL)
        return NULL;
    struct tm_timers_args args = {.mem = mem};
    tm_state_key_groups(state, &args.max_parallelism, &args.first_key_group, &args.last_key_group);
    struct tm_timers *timers = make(&args, state);
    if (timers != NULL && resume(timers, NULL, NULL) != 0) {
        tm_timers_free(timers);
        return NULL;
    }
    return timers;
}
