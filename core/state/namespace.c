// Namespaces: found by id in a sorted array, walked in order through links. A namespace is an array
// of pointers until keys come; blocks of tables come into being with their first entry.
#include "core/state/internal.h"

static size_t namespace_bytes(const struct tm_state *state)
{
    return sizeof(struct tm_namespace) + state->block_count * sizeof(struct tm__state_block *);
}

// The first position whose id is not below `id`. New slices are the newest: looks there first.
static uint32_t position_of(const struct tm_state *state, int64_t id)
{
    uint32_t low = 0, high = state->namespace_count;
    if (high != 0 && state->namespaces[high - 1]->id < id)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (state->namespaces[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct tm_namespace *tm_state_namespace_find(struct tm_state *state, int64_t id)
{
    uint32_t i = position_of(state, id);
    return i < state->namespace_count && state->namespaces[i]->id == id ? state->namespaces[i]
                                                                        : NULL;
}

static bool reserve(struct tm_state *state)
{
    if (state->namespace_count < state->namespace_capacity)
        return true;
    uint32_t capacity = state->namespace_capacity == 0 ? 8 : state->namespace_capacity * 2;
    struct tm_namespace **array = tm__state_pool_alloc(state->pool, capacity * sizeof *array);
    if (array == NULL)
        return false;
    if (state->namespace_count != 0)
        memcpy(array, state->namespaces, state->namespace_count * sizeof *array);
    tm__state_pool_free(state->pool, state->namespaces, state->namespace_capacity * sizeof *array);
    state->namespaces = array;
    state->namespace_capacity = capacity;
    return true;
}

struct tm_namespace *tm_state_namespace_create(struct tm_state *state, int64_t id)
{
    uint32_t i = position_of(state, id);
    TM_CHECK(i == state->namespace_count || state->namespaces[i]->id != id);
    if (!reserve(state))
        return NULL;
    struct tm_namespace *ns = tm__state_pool_alloc(state->pool, namespace_bytes(state));
    if (ns == NULL)
        return NULL;
    *ns = (struct tm_namespace){.id = id};
    for (uint32_t b = 0; b < state->block_count; b++)
        ns->blocks[b] =
            (struct tm__state_block *)(uintptr_t)&tm__state_empty_block; // never written
    ns->previous = i == 0 ? NULL : state->namespaces[i - 1];
    ns->next = i == state->namespace_count ? NULL : state->namespaces[i];
    if (ns->previous != NULL)
        ns->previous->next = ns;
    if (ns->next != NULL)
        ns->next->previous = ns;
    memmove(state->namespaces + i + 1, state->namespaces + i,
            (state->namespace_count - i) * sizeof *state->namespaces);
    state->namespaces[i] = ns;
    state->namespace_count++;
    return ns;
}

struct tm_namespace *tm_state_namespace_first(struct tm_state *state)
{
    return state->namespace_count == 0 ? NULL : state->namespaces[0];
}

struct tm_namespace *tm_state_namespace_next(struct tm_namespace *ns)
{
    return ns->next;
}

int64_t tm_state_namespace_id(const struct tm_namespace *ns)
{
    return ns->id;
}

uint64_t tm_state_namespace_size(const struct tm_namespace *ns)
{
    return ns->size;
}

int tm_state_group_drop(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group)
{
    uint32_t index = key_group - state->first_key_group;
    TM_CHECK(index < state->group_count);
    if (ns->blocks[index / TM__BLOCK_TABLES] == &tm__state_empty_block)
        return 0;
    if (!tm__state_table_materialise(state, ns, index))
        return TM_E_MEMORY;
    struct tm__state_table *table = tm__state_table_of(ns, index);
    ns->size -= table->count;
    tm__state_table_clear(state, &state->groups[index], table);
    return 0;
}

static void free_block(struct tm_state *state, struct tm_namespace *ns, uint32_t b)
{
    struct tm__state_block *block = ns->blocks[b];
    if (block == &tm__state_empty_block)
        return;
    uint32_t first = b * TM__BLOCK_TABLES;
    for (uint32_t i = 0; i < TM__BLOCK_TABLES && first + i < state->group_count; i++) {
        state->groups[first + i].expected = block->tables[i].count;
        tm__state_page_free_all(state, &state->groups[first + i], &block->tables[i]);
    }
    tm__state_block_leave(state->pool, block);
}

void tm_state_namespace_drop(struct tm_state *state, struct tm_namespace *ns)
{
    uint32_t i = position_of(state, ns->id);
    TM_CHECK(i < state->namespace_count && state->namespaces[i] == ns);
    for (uint32_t b = 0; b < state->block_count; b++)
        free_block(state, ns, b);
    tm__state_recent_free(state, ns);
    if (ns->previous != NULL)
        ns->previous->next = ns->next;
    if (ns->next != NULL)
        ns->next->previous = ns->previous;
    state->namespace_count--;
    memmove(state->namespaces + i, state->namespaces + i + 1,
            (state->namespace_count - i) * sizeof *state->namespaces);
    tm__state_pool_free(state->pool, ns, namespace_bytes(state));
}
