// A state frozen, forked, and its pages sent away: three uses of one thing, page tables and blocks
// of tables with counts of their holders. Slots are no part of what is held: they follow from the
// entries, stay with the state that was frozen, and a fork makes its own, table by table, when it
// first looks there.
#include "core/state/frozen.h"
#include "core/state/image.h"

static size_t snapshot_bytes(uint32_t group_count)
{
    return sizeof(struct tm_snapshot) + group_count * sizeof(struct tm__state_pages *);
}

static size_t blocks_bytes(const struct tm_snapshot *snapshot)
{
    return snapshot->block_count * sizeof(struct tm__state_block *);
}

static void hold_blocks(struct tm__state_block *const *blocks, uint32_t count)
{
    for (uint32_t b = 0; b < count; b++)
        if (blocks[b] != &tm__state_empty_block)
            blocks[b]->references++;
}

// --- freezing ------------------------------------------------------------------------------------

static void leave_namespaces(struct tm_snapshot *snapshot)
{
    struct tm__state_pool *pool = &snapshot->shared->pool;
    for (uint32_t n = 0; n < snapshot->namespace_count; n++) {
        struct tm__frozen_namespace *frozen = &snapshot->namespaces[n];
        for (uint32_t b = 0; b < snapshot->block_count; b++)
            tm__state_block_leave(pool, frozen->blocks[b]);
        tm__state_pool_free(pool, frozen->blocks, blocks_bytes(snapshot));
    }
    tm__state_pool_free(pool, snapshot->namespaces,
                        snapshot->namespace_capacity * sizeof *snapshot->namespaces);
    snapshot->namespaces = NULL;
    snapshot->namespace_count = snapshot->namespace_capacity = 0;
}

static void begin_leaving(struct tm_snapshot *snapshot)
{
    struct tm_snapshot **last = &snapshot->shared->leaving;
    while (*last != NULL)
        last = &(*last)->next_leaving;
    *last = snapshot;
    snapshot->leaving = true;
    leave_namespaces(snapshot);
}

static void end_leaving(struct tm_snapshot *snapshot)
{
    struct tm_snapshot **at = &snapshot->shared->leaving;
    while (*at != snapshot)
        at = &(*at)->next_leaving;
    *at = snapshot->next_leaving;
}

// False: there are more.
static bool leave_pages(struct tm_snapshot *snapshot, uint32_t budget)
{
    for (uint32_t *i = &snapshot->freed_groups; *i < snapshot->group_count; ++*i)
        if (!tm__state_pages_drop_some(&snapshot->shared->pool, snapshot->pages[*i],
                                       snapshot->store, &snapshot->freed_page, &budget))
            return false;
    return true;
}

// Two for one: however often a state is frozen, what its snapshots hold does not pile up.
void tm__snapshot_give_way(struct tm__state_shared *shared, uint32_t size_bytes)
{
    struct tm_snapshot *snapshot = shared->leaving;
    while (snapshot != NULL && snapshot->freed_groups == snapshot->group_count)
        snapshot = snapshot->next_leaving;
    if (snapshot != NULL)
        (void)leave_pages(snapshot, 2 * tm__state_page_cost(size_bytes));
}

bool tm_snapshot_free_some(struct tm_snapshot *snapshot, uint32_t budget)
{
    if (snapshot == NULL)
        return true;
    struct tm__state_shared *shared = snapshot->shared;
    if (!snapshot->leaving)
        begin_leaving(snapshot);
    if (!leave_pages(snapshot, budget))
        return false;
    end_leaving(snapshot);
    tm__state_pool_free(&shared->pool, snapshot, snapshot_bytes(snapshot->group_count));
    tm__state_shared_leave(shared);
    return true;
}

void tm_snapshot_free(struct tm_snapshot *snapshot)
{
    while (!tm_snapshot_free_some(snapshot, UINT32_MAX))
        ;
}

static bool freeze_namespaces(const struct tm_state *state, struct tm_snapshot *snapshot)
{
    if (state->namespace_count == 0)
        return true;
    size_t size = state->namespace_count * sizeof *snapshot->namespaces;
    snapshot->namespaces = tm__state_pool_alloc(state->pool, size);
    if (snapshot->namespaces == NULL)
        return false;
    snapshot->namespace_capacity = state->namespace_count;
    for (uint32_t n = 0; n < state->namespace_count; n++) {
        const struct tm_namespace *ns = state->namespaces[n];
        struct tm__state_block **blocks = tm__state_pool_alloc(state->pool, blocks_bytes(snapshot));
        if (blocks == NULL)
            return false;
        memcpy(blocks, ns->blocks, blocks_bytes(snapshot));
        hold_blocks(blocks, snapshot->block_count);
        snapshot->namespaces[n] = (struct tm__frozen_namespace){ns->id, ns->size, blocks};
        snapshot->namespace_count++;
    }
    return true;
}

struct tm_snapshot *tm_state_freeze_pages(struct tm_state *state)
{
    struct tm_snapshot *snapshot =
        tm__state_pool_alloc(state->pool, snapshot_bytes(state->group_count));
    if (snapshot == NULL)
        return NULL;
    *snapshot = (struct tm_snapshot){
        .shared = state->shared,
        .store = state->store,
        .max_parallelism = state->max_parallelism,
        .first_key_group = state->first_key_group,
        .group_count = state->group_count,
        .block_count = state->block_count,
        .value_bytes = state->value_bytes,
        .pages_alone = true,
    };
    state->shared->holders++;
    state->unsettled++;
    state->copies++;
    tm__state_pool_frozen(state->pool);
    for (uint32_t i = 0; i < state->group_count; i++) {
        struct tm__state_group *group = &state->groups[i];
        snapshot->pages[i] = group->pages;
        if (group->pages == NULL)
            continue;
        group->pages->references++;
        group->shared = 1;
    }
    return snapshot;
}

struct tm_snapshot *tm_state_freeze(struct tm_state *state)
{
    struct tm_snapshot *snapshot = tm_state_freeze_pages(state);
    if (snapshot == NULL)
        return NULL;
    snapshot->pages_alone = false;
    if (freeze_namespaces(state, snapshot))
        return snapshot;
    tm_snapshot_free(snapshot);
    return NULL;
}

void tm_snapshot_key_groups(const struct tm_snapshot *snapshot, uint32_t *max_parallelism,
                            uint32_t *first, uint32_t *last)
{
    *max_parallelism = snapshot->max_parallelism;
    *first = snapshot->first_key_group;
    *last = snapshot->first_key_group + snapshot->group_count - 1;
}

uint32_t tm_snapshot_value_bytes(const struct tm_snapshot *snapshot)
{
    return snapshot->value_bytes;
}

// --- forking -------------------------------------------------------------------------------------

struct tm_state *tm_state_fork(const struct tm_snapshot *snapshot)
{
    TM_CHECK(!snapshot->pages_alone);
    const struct tm_state_args args = {
        .mem = snapshot->shared->pool.mem,
        .max_parallelism = snapshot->max_parallelism,
        .first_key_group = snapshot->first_key_group,
        .last_key_group = snapshot->first_key_group + snapshot->group_count - 1,
        .value_bytes = snapshot->value_bytes,
    };
    struct tm_state *state = tm__state_make(&args, snapshot->shared);
    if (state == NULL)
        return NULL;
    state->store = snapshot->store;
    for (uint32_t i = 0; i < snapshot->group_count; i++)
        if (snapshot->pages[i] != NULL &&
            !tm__state_group_hold(state, &state->groups[i], snapshot->pages[i])) {
            tm_state_free(state);
            return NULL;
        }
    for (uint32_t n = 0; n < snapshot->namespace_count; n++) {
        const struct tm__frozen_namespace *frozen = &snapshot->namespaces[n];
        struct tm_namespace *ns = tm_state_namespace_create(state, frozen->id);
        if (ns == NULL) {
            tm_state_free(state);
            return NULL;
        }
        memcpy(ns->blocks, frozen->blocks, blocks_bytes(snapshot));
        hold_blocks(ns->blocks, snapshot->block_count);
        ns->size = frozen->size;
    }
    return state;
}

// --- the store -----------------------------------------------------------------------------------

void tm_state_set_store(struct tm_state *state, const struct tm_state_store *store)
{
    TM_CHECK(state->store == NULL || state->store == store);
    state->store = store;
}

int64_t tm_state_evict(struct tm_state *state, uint32_t key_group, uint32_t *page, uint32_t count)
{
    uint32_t index = key_group - state->first_key_group;
    TM_CHECK(index < state->group_count && state->store != NULL);
    struct tm__state_group *group = &state->groups[index];
    int64_t bytes = 0;
    state->unsettled++;
    uint32_t end = group->pages == NULL ? 0 : group->pages->used;
    for (; *page < end && count > 0; ++*page) {
        int64_t freed = tm__state_page_evict(state, group, *page);
        if (freed < 0)
            return freed;
        count -= freed != 0;
        bytes += freed;
    }
    if (*page >= end)
        *page = 0;
    return bytes;
}
