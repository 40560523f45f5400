// Pages of a key group: numbered, reached through the group's page table, owned by the table that
// allocated them. Within the newest page space is cut from the front.
#include "core/state/internal.h"

enum { PAGE_TABLE_FIRST = 8 };

static void *page_memory(struct tm_state *state, uint32_t size_bytes)
{
    if (size_bytes > TM__PAGE_BYTES_MAX)
        return tm__state_pool_alloc_exact(&state->pool, size_bytes);
    return tm__state_pool_alloc(&state->pool, size_bytes);
}

static bool grow_page_table(struct tm_state *state, struct tm__state_group *group)
{
    uint32_t capacity = group->capacity == 0 ? PAGE_TABLE_FIRST : group->capacity * 2;
    uint8_t **pages = tm__state_pool_alloc(&state->pool, capacity * sizeof *pages);
    struct tm__state_page *infos = tm__state_pool_alloc(&state->pool, capacity * sizeof *infos);
    if (pages == NULL || infos == NULL) {
        tm__state_pool_free(&state->pool, pages, capacity * sizeof *pages);
        tm__state_pool_free(&state->pool, infos, capacity * sizeof *infos);
        return false;
    }
    if (group->capacity != 0) {
        memcpy(pages, group->pages, group->capacity * sizeof *pages);
        memcpy(infos, group->infos, group->capacity * sizeof *infos);
        tm__state_pool_free(&state->pool, group->pages, group->capacity * sizeof *pages);
        tm__state_pool_free(&state->pool, group->infos, group->capacity * sizeof *infos);
    } else {
        group->used = 1; // number 0 is never used: reference 0 is none
    }
    group->pages = pages;
    group->infos = infos;
    group->capacity = capacity;
    return true;
}

// A page number with its memory, in front of the table's list. 0: none to be had.
static uint32_t new_page(struct tm_state *state, struct tm__state_group *group,
                         struct tm__state_table *table, uint32_t size_bytes)
{
    uint32_t number = group->free_page;
    if (number == 0 && group->used == group->capacity) {
        if (group->used == TM__PAGES_MAX || !grow_page_table(state, group))
            return 0;
    }
    uint8_t *memory = page_memory(state, size_bytes);
    if (memory == NULL)
        return 0;
    if (number != 0)
        group->free_page = group->infos[number].next;
    else
        number = group->used++;
    group->pages[number] = memory;
    group->infos[number] = (struct tm__state_page){.size_bytes = size_bytes, .next = table->page};
    table->page = number;
    return number;
}

static void release_page(struct tm_state *state, struct tm__state_group *group, uint32_t number)
{
    uint32_t size_bytes = group->infos[number].size_bytes;
    if (size_bytes > TM__PAGE_BYTES_MAX)
        tm__state_pool_free_exact(&state->pool, group->pages[number], size_bytes);
    else
        tm__state_pool_free(&state->pool, group->pages[number], size_bytes);
    group->pages[number] = NULL;
    group->infos[number].next = group->free_page;
    group->free_page = number;
}

// No room in the newest page: a new one. Of the two remainders the larger is kept for what follows.
static uint32_t allocate_in_new_page(struct tm_state *state, struct tm__state_group *group,
                                     struct tm__state_table *table, uint32_t size)
{
    uint32_t page_bytes =
        table->page_bytes < TM__PAGE_BYTES_MIN ? TM__PAGE_BYTES_MIN : table->page_bytes;
    while (page_bytes < size)
        page_bytes *= 2;
    uint32_t number = new_page(state, group, table, page_bytes);
    if (number == 0)
        return 0;
    table->page_bytes = page_bytes < TM__PAGE_BYTES_MAX ? page_bytes * 2 : TM__PAGE_BYTES_MAX;
    uint32_t reference = number << TM__OFFSET_BITS;
    if (page_bytes - size > table->left_bytes) {
        table->left_bytes = page_bytes - size;
        table->next = reference + size / TM__UNIT_BYTES;
    }
    return reference;
}

uint32_t tm__state_page_allocate_more(struct tm_state *state, struct tm__state_group *group,
                                      struct tm__state_table *table, size_t size)
{
    if (size <= TM__PAGE_BYTES_MAX)
        return allocate_in_new_page(state, group, table, (uint32_t)size);
    if (size > UINT32_MAX)
        return 0;
    return new_page(state, group, table, (uint32_t)size) << TM__OFFSET_BITS;
}

void tm__state_page_free_single(struct tm_state *state, struct tm__state_group *group,
                                struct tm__state_table *table, uint32_t reference)
{
    uint32_t number = reference >> TM__OFFSET_BITS;
    uint32_t *link = &table->page;
    while (*link != number)
        link = &group->infos[*link].next;
    *link = group->infos[number].next;
    release_page(state, group, number);
}

void tm__state_page_free_all(struct tm_state *state, struct tm__state_group *group,
                             struct tm__state_table *table)
{
    for (uint32_t number = table->page; number != 0;) {
        uint32_t next = group->infos[number].next;
        release_page(state, group, number);
        number = next;
    }
}
