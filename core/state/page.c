// Pages of a key group: numbered, reached through the group's page table, owned by the table that
// allocated them. Page tables and pages have counts of their holders; one that has several is
// copied before it is written, which is how snapshots and forks cost nothing until then.
#include <stdatomic.h>

#include "core/state/internal.h"

enum { PAGE_TABLE_FIRST = 8 };

// --- page tables ---------------------------------------------------------------------------------

static size_t pages_bytes(uint32_t capacity)
{
    return sizeof(struct tm__state_pages) +
           capacity * (2 * sizeof(uintptr_t) + sizeof(struct tm__state_page));
}

static uintptr_t *addresses(const struct tm__state_pages *pages)
{
    return tm__state_addresses(pages);
}

static struct tm__state_page *info_of(const struct tm__state_group *group, uint32_t number)
{
    return &tm__state_page_infos(group->pages)[number];
}

static struct tm__state_head *head_of(uintptr_t address)
{
    return (struct tm__state_head *)(address & ~(uintptr_t)TM__PAGE_FLAGS);
}

// Heads lie all over memory: those to come are asked for early.
enum { HEADS_AHEAD = 16 };
static inline void ask_for_head(const struct tm__state_pages *pages, uint32_t number)
{
    if (number < pages->used && (addresses(pages)[number] & TM__PAGE_ABSENT) == 0)
        __builtin_prefetch(head_of(tm__state_named(pages, number)), 1);
}

// Beside another one of the key group; NULL: there is none.
static void join_ring(struct tm__state_pages *pages, struct tm__state_pages *other)
{
    pages->next = other == NULL ? pages : other->next;
    pages->previous = other == NULL ? pages : other;
    pages->next->previous = pages->previous->next = pages;
}

static void free_pages(struct tm__state_pool *pool, struct tm__state_pages *pages)
{
    pages->next->previous = pages->previous;
    pages->previous->next = pages->next;
    tm__state_pool_free(pool, pages, pages_bytes(pages->capacity));
}

static void set_pages(struct tm__state_group *group, struct tm__state_pages *pages)
{
    group->pages = pages;
    group->at = addresses(pages);
    group->shared = 0;
}

// A table of `capacity` with the pages of another one of the key group, NULL: of none. Whose they
// are is not told. NULL: out of memory.
static struct tm__state_pages *new_pages(struct tm_state *state, struct tm__state_pages *old,
                                         uint32_t capacity)
{
    struct tm__state_pages *made = tm__state_pool_alloc(state->pool, pages_bytes(capacity));
    if (made == NULL)
        return NULL;
    *made = (struct tm__state_pages){.references = 1, .capacity = capacity, .used = 1, .lived = 1};
    join_ring(made, old);
    addresses(made)[0] = 0; // there is no such page
    memset(tm__state_asides(made), 0, capacity * sizeof(uintptr_t));
    if (old == NULL)
        return made;
    made->used = old->used;
    made->free_number = old->free_number;
    memcpy(addresses(made), addresses(old), old->used * sizeof(uintptr_t));
    for (uint32_t i = 1; old->aside_count != 0 && i < old->used; i++)
        addresses(made)[i] = tm__state_named(old, i);
    memcpy(tm__state_page_infos(made), tm__state_page_infos(old),
           old->used * sizeof(struct tm__state_page));
    return made;
}

// Another table has all of its pages too.
static void hold_all(struct tm_state *state, struct tm__state_pages *made)
{
    for (uint32_t i = 1; i < made->used; i++) {
        uintptr_t *at = &addresses(made)[i];
        ask_for_head(made, i + HEADS_AHEAD);
        if ((*at & TM__PAGE_ABSENT) != 0)
            state->store->retain(state->store->context, *at >> 2);
        else if (*at != 0)
            head_of(*at)->references++;
        *at |= *at != 0 ? TM__PAGE_SHARED : 0;
    }
}

// A page table of `capacity` that holds what the group's does, in its place. The old one goes on
// for its other holders; then both have the pages, or ends.
static bool remake_pages(struct tm_state *state, struct tm__state_group *group, uint32_t capacity)
{
    struct tm__state_pages *old = group->pages;
    struct tm__state_pages *made = new_pages(state, old, capacity);
    if (made == NULL)
        return false;
    if (old != NULL && old->references == 1) {
        free_pages(state->pool, old);
    } else if (old != NULL) {
        old->references--;
        old->lived--;
        hold_all(state, made);
    }
    set_pages(group, made);
    return true;
}

static bool own_pages(struct tm_state *state, struct tm__state_group *group)
{
    if (TM_LIKELY(group->shared == 0) && group->pages != NULL)
        return true;
    if (group->pages != NULL && group->pages->references == 1) { // the others are gone
        group->shared = 0;
        for (uint32_t i = 1; i < group->pages->used; i++)
            addresses(group->pages)[i] |= group->at[i] != 0 ? TM__PAGE_SHARED : 0;
        return true;
    }
    return remake_pages(state, group,
                        group->pages == NULL ? PAGE_TABLE_FIRST : group->pages->capacity);
}

bool tm__state_group_hold(struct tm_state *state, struct tm__state_group *group,
                          struct tm__state_pages *pages)
{
    if (pages->aside_count != 0) { // its addresses are not where its pages are
        struct tm__state_pages *made = new_pages(state, pages, pages->capacity);
        if (made == NULL)
            return false;
        hold_all(state, made);
        set_pages(group, made);
        return true;
    }
    pages->references++;
    pages->lived++;
    set_pages(group, pages);
    group->shared = 1;
    return true;
}

// --- memory of pages -----------------------------------------------------------------------------

struct tm__state_head *tm__state_page_memory(struct tm__state_pool *pool, uint32_t size_bytes)
{
    struct tm__state_head *head = size_bytes > TM__PAGE_BYTES_MAX
                                      ? tm__state_pool_alloc_exact(pool, size_bytes)
                                      : tm__state_pool_alloc(pool, size_bytes);
    pool->page_bytes += head != NULL ? size_bytes : 0;
    return head;
}

void tm__state_page_memory_free(struct tm__state_pool *pool, struct tm__state_head *head,
                                uint32_t size_bytes)
{
    pool->page_bytes -= size_bytes;
    if (size_bytes > TM__PAGE_BYTES_MAX)
        tm__state_pool_free_exact(pool, head, size_bytes);
    else
        tm__state_pool_free(pool, head, size_bytes);
}

// One page table less names the page.
static void leave_page(struct tm__state_pool *pool, const struct tm_state_store *store,
                       uintptr_t address, uint32_t size_bytes)
{
    if ((address & TM__PAGE_ABSENT) != 0) {
        store->release(store->context, address >> 2);
        return;
    }
    struct tm__state_head *head = head_of(address);
    if (--head->references == 0)
        tm__state_page_memory_free(pool, head, size_bytes);
}

void tm__state_pages_drop(struct tm__state_pool *pool, struct tm__state_pages *pages,
                          const struct tm_state_store *store)
{
    uint32_t page = 0, budget = UINT32_MAX;
    bool all = tm__state_pages_drop_some(pool, pages, store, &page, &budget);
    TM_CHECK(all); // there are fewer pages
}

bool tm__state_pages_drop_some(struct tm__state_pool *pool, struct tm__state_pages *pages,
                               const struct tm_state_store *store, uint32_t *page, uint32_t *budget)
{
    if (pages == NULL)
        return true;
    if (pages->references != 1) { // nobody takes a hold of what a single holder is giving up
        pages->references--;
        return true;
    }
    pages->leaving = true;
    for (uint32_t i = *page == 0 ? 1 : *page; i < pages->used; i++) {
        if (*budget == 0) {
            *page = i;
            return false;
        }
        ask_for_head(pages, i + HEADS_AHEAD);
        uintptr_t address = tm__state_named(pages, i);
        addresses(pages)[i] = 0;
        atomic_store_explicit(&tm__state_asides(pages)[i], 0, memory_order_relaxed);
        int64_t before = pool->page_bytes;
        uint32_t size_bytes = tm__state_page_infos(pages)[i].size_bytes;
        if (address != 0)
            leave_page(pool, store, address, size_bytes);
        before -= pool->page_bytes; // held by nobody else
        pool->held_bytes -= before < pool->held_bytes ? before : pool->held_bytes;
        uint32_t cost = before != 0 ? tm__state_page_cost(size_bytes) : 1;
        *budget -= cost < *budget ? cost : *budget;
    }
    free_pages(pool, pages);
    *page = 0;
    return true;
}

// The page's bytes from the store into memory of their own.
static bool bring_back(const struct tm_state *state, const struct tm__state_group *group,
                       uint32_t number)
{
    uint32_t size_bytes = info_of(group, number)->size_bytes;
    struct tm__state_head *head = tm__state_page_memory(state->pool, size_bytes);
    uint64_t token = group->at[number] >> 2;
    if (head == NULL)
        return false;
    if (state->store->get(state->store->context, token, head, size_bytes) != 0) {
        tm__state_page_memory_free(state->pool, head, size_bytes);
        return false;
    }
    head->references = 1;
    state->store->release(state->store->context, token);
    addresses(group->pages)[number] = (uintptr_t)head;
    return true;
}

const uint8_t *tm__state_fetch(const struct tm_state *state, const struct tm__state_group *group,
                               uint32_t reference)
{
    struct tm__state_group *own = (struct tm__state_group *)(uintptr_t)group;
    if (!own_pages((struct tm_state *)(uintptr_t)state, own) ||
        !bring_back(state, group, reference >> TM__OFFSET_BITS))
        return NULL;
    return tm__state_address(group, reference);
}

uint8_t *tm__state_own_slow(struct tm_state *state, struct tm__state_group *group,
                            uint32_t reference)
{
    uint32_t number = reference >> TM__OFFSET_BITS;
    if (!own_pages(state, group))
        return NULL;
    if ((group->at[number] & TM__PAGE_ABSENT) != 0 && !bring_back(state, group, number))
        return NULL;
    struct tm__state_head *head = head_of(group->at[number]);
    if (head->references != 1 && !tm__state_put_aside(state, group, number)) {
        uint32_t size_bytes = info_of(group, number)->size_bytes;
        struct tm__state_head *copy = tm__state_page_memory(state->pool, size_bytes);
        if (copy == NULL)
            return NULL;
        memcpy(copy, head, size_bytes);
        state->copies++;
        state->unsettled++;
        head->references--;
        head = copy;
        head->references = 1;
        addresses(group->pages)[number] = (uintptr_t)head;
        tm__state_note_copy(state, size_bytes);
    }
    addresses(group->pages)[number] = (uintptr_t)head;
    return tm__state_address(group, reference);
}

int64_t tm__state_page_evict(struct tm_state *state, struct tm__state_group *group, uint32_t number)
{
    if (number == 0 || group->at[number] == 0 || (group->at[number] & TM__PAGE_ABSENT) != 0)
        return 0;
    struct tm__state_head *head = head_of(group->at[number]);
    if (head->references != 1 || group->pages->references != 1)
        return 0; // its memory would not become free
    if (!own_pages(state, group))
        return TM_E_MEMORY;
    uint32_t size_bytes = info_of(group, number)->size_bytes;
    uint64_t token;
    int rc = state->store->put(state->store->context, head, size_bytes, &token);
    if (rc != 0)
        return rc;
    leave_page(state->pool, state->store, group->at[number], size_bytes);
    addresses(group->pages)[number] = (uintptr_t)token << 2 | TM__PAGE_ABSENT;
    return size_bytes;
}

// A page number with its memory, in front of the table's list. 0: none to be had.
static uint32_t new_page(struct tm_state *state, struct tm__state_group *group,
                         struct tm__state_table *table, enum tm__state_page_kind kind,
                         uint32_t size_bytes)
{
    if (!own_pages(state, group))
        return 0;
    struct tm__state_pages *pages = group->pages;
    uint32_t number = pages->free_number;
    if (number == 0 && pages->used == pages->capacity) {
        if (pages->used == TM__PAGES_MAX || !remake_pages(state, group, 2 * pages->capacity))
            return 0;
        pages = group->pages;
    }
    struct tm__state_head *head = tm__state_page_memory(state->pool, size_bytes);
    if (head == NULL)
        return 0;
    if (number != 0)
        pages->free_number = info_of(group, number)->next;
    else
        number = pages->used++;
    *head = (struct tm__state_head){.references = 1, .kind = kind, .owner = table->owner};
    addresses(pages)[number] = (uintptr_t)head;
    *info_of(group, number) = (struct tm__state_page){size_bytes, table->page, 0};
    table->page = number;
    return number;
}

static void release_page(struct tm_state *state, struct tm__state_group *group, uint32_t number)
{
    leave_page(state->pool, state->store, group->at[number], info_of(group, number)->size_bytes);
    addresses(group->pages)[number] = 0;
    info_of(group, number)->next = group->pages->free_number;
    group->pages->free_number = number;
}

void tm__state_page_free_all(struct tm_state *state, struct tm__state_group *group,
                             const struct tm__state_table *table)
{
    if (table->page == 0 || !own_pages(state, group))
        return; // without memory for a page table of its own they stay, out of use, until the end
    for (uint32_t number = table->page; number != 0;) {
        uint32_t next = info_of(group, number)->next;
        release_page(state, group, number);
        number = next;
    }
}

struct tm__state_head *tm__state_page_put(struct tm_state *state, struct tm__state_group *group,
                                          uint32_t number, uint32_t size_bytes)
{
    uint32_t capacity = group->pages == NULL ? PAGE_TABLE_FIRST : group->pages->capacity;
    while (capacity <= number)
        capacity *= 2;
    if ((group->pages == NULL || capacity != group->pages->capacity) &&
        !remake_pages(state, group, capacity))
        return NULL;
    struct tm__state_head *head = tm__state_page_memory(state->pool, size_bytes);
    if (head == NULL)
        return NULL;
    memset(head, 0, size_bytes);
    head->references = 1;
    for (uint32_t *used = &group->pages->used; *used <= number; ++*used) {
        addresses(group->pages)[*used] = 0;
        *info_of(group, *used) = (struct tm__state_page){0};
    }
    addresses(group->pages)[number] = (uintptr_t)head;
    *info_of(group, number) = (struct tm__state_page){.size_bytes = size_bytes};
    return head;
}

void tm__state_page_take(struct tm_state *state, struct tm__state_group *group, uint32_t number)
{
    leave_page(state->pool, state->store, group->at[number], info_of(group, number)->size_bytes);
    addresses(group->pages)[number] = 0;
    *info_of(group, number) = (struct tm__state_page){0};
}

static void free_single(struct tm_state *state, struct tm__state_group *group,
                        struct tm__state_table *table, uint32_t reference)
{
    if (!own_pages(state, group))
        return; // as above
    uint32_t number = reference >> TM__OFFSET_BITS;
    uint32_t *link = &table->page;
    while (*link != number)
        link = &info_of(group, *link)->next;
    *link = info_of(group, number)->next;
    release_page(state, group, number);
}

uint32_t tm__state_page_room(const struct tm__state_group *group, uint32_t reference)
{
    return info_of(group, reference >> TM__OFFSET_BITS)->size_bytes -
           (reference & ((1u << TM__OFFSET_BITS) - 1)) * TM__UNIT_BYTES;
}

// --- items ---------------------------------------------------------------------------------------

// Where the walk of a page of entries ends.
static void put_end_mark(uint8_t *behind, const struct tm__state_space *space)
{
    if (space->left_bytes >= sizeof(struct tm__state_entry))
        ((struct tm__state_entry *)(void *)behind)->kind = TM__ENTRY_END;
}

// A blob where none was before. What its owner does not write of it is zero, so that pages can be
// written elsewhere as they are.
static void begin_blob(const struct tm__state_group *group, uint32_t reference, uint8_t *address,
                       uint32_t size)
{
    uint32_t offset = (reference & ((1u << TM__OFFSET_BITS) - 1)) * TM__UNIT_BYTES;
    info_of(group, reference >> TM__OFFSET_BITS)->used_bytes = offset + size;
    memset(address, 0, size);
}

// No room in the newest page: a new one. Of the two remainders the larger is kept for what follows.
static uint8_t *allocate_in_new_page(struct tm_state *state, struct tm__state_group *group,
                                     struct tm__state_table *table, enum tm__state_page_kind kind,
                                     uint32_t size, uint32_t *reference)
{
    struct tm__state_space *space = kind == TM__PAGE_ENTRIES ? &table->entries : &table->blobs;
    enum { HEAD = sizeof(struct tm__state_head) };
    uint32_t page_bytes =
        space->page_bytes < TM__PAGE_BYTES_MIN ? TM__PAGE_BYTES_MIN : space->page_bytes;
    while (page_bytes < size + HEAD)
        page_bytes *= 2;
    uint32_t number = new_page(state, group, table, kind, page_bytes);
    if (number == 0)
        return NULL;
    space->page_bytes = page_bytes < TM__PAGE_BYTES_MAX ? page_bytes * 2 : TM__PAGE_BYTES_MAX;
    *reference = number << TM__OFFSET_BITS | HEAD / TM__UNIT_BYTES;
    uint8_t *address = tm__state_address(group, *reference);
    struct tm__state_space rest = {*reference + size / TM__UNIT_BYTES, page_bytes - size - HEAD,
                                   space->page_bytes};
    if (kind == TM__PAGE_ENTRIES)
        put_end_mark(address + size, &rest);
    else
        begin_blob(group, *reference, address, size);
    if (rest.left_bytes > space->left_bytes)
        *space = rest;
    return address;
}

static uint8_t *allocate_single(struct tm_state *state, struct tm__state_group *group,
                                struct tm__state_table *table, enum tm__state_page_kind kind,
                                uint32_t size, uint32_t *reference)
{
    enum { HEAD = sizeof(struct tm__state_head) };
    uint32_t bytes = size + HEAD < TM__PAGE_BYTES_MAX ? TM__PAGE_BYTES_MAX : size + HEAD;
    bool is_entry = kind == TM__PAGE_ENTRIES;
    uint32_t number = new_page(state, group, table, is_entry ? kind : TM__PAGE_LARGE, bytes);
    if (number == 0)
        return NULL;
    *reference = number << TM__OFFSET_BITS | HEAD / TM__UNIT_BYTES;
    uint8_t *address = tm__state_address(group, *reference);
    struct tm__state_space rest = {.left_bytes = bytes - HEAD - size};
    if (is_entry) {
        put_end_mark(address + size, &rest);
    } else {
        // All of the page is the blob's, who may grow; it is padded up to its size.
        info_of(group, number)->used_bytes = bytes;
        memset(address + size - TM__UNIT_BYTES, 0, TM__UNIT_BYTES + rest.left_bytes);
    }
    return address;
}

// The table's lists of free items: where, and which.
static uint32_t free_lists(const struct tm__state_table *table)
{
    return table->free << TM__OFFSET_BITS |
           (uint32_t)sizeof(struct tm__state_head) / TM__UNIT_BYTES;
}
static uint32_t free_list(enum tm__state_page_kind kind, uint32_t size)
{
    return (kind == TM__PAGE_ENTRIES ? 0 : TM__SIZE_CLASSES) + tm__state_class_of(size);
}

// The link of an item that was given back: behind an entry's head, which stays for walks.
static uint8_t *link_in(uint8_t *item, enum tm__state_page_kind kind)
{
    return kind == TM__PAGE_ENTRIES ? (uint8_t *)&((struct tm__state_entry *)(void *)item)->hash
                                    : item;
}

static uint8_t *take_free(struct tm_state *state, struct tm__state_group *group,
                          struct tm__state_table *table, enum tm__state_page_kind kind,
                          uint32_t size, uint32_t *reference)
{
    uint32_t number = free_list(kind, size);
    const uint32_t *lists = (const void *)tm__state_read(state, group, free_lists(table));
    if (lists == NULL || lists[number] == 0)
        return NULL;
    uint32_t *list = (void *)tm__state_own(state, group, free_lists(table));
    if (list == NULL)
        return NULL;
    list += number;
    uint8_t *item = tm__state_own(state, group, *list);
    if (item == NULL)
        return NULL;
    *reference = *list;
    memcpy(list, link_in(item, kind), sizeof *list);
    if (*list != 0) // the next one's link will be wanted
        __builtin_prefetch((const void *)tm__state_raw_address(group, *list), 1, 2);
    return item;
}

uint8_t *tm__state_allocate(struct tm_state *state, struct tm__state_group *group,
                            struct tm__state_table *table, enum tm__state_page_kind kind,
                            size_t size, uint32_t *reference)
{
    if (TM_UNLIKELY(size > TM__SIZE_MAX)) {
        if (size > UINT32_MAX / 2)
            return NULL;
        return allocate_single(state, group, table, kind, (uint32_t)size, reference);
    }
    if (table->free != 0) {
        uint8_t *item = take_free(state, group, table, kind, (uint32_t)size, reference);
        if (item != NULL)
            return item;
    }
    struct tm__state_space *space = kind == TM__PAGE_ENTRIES ? &table->entries : &table->blobs;
    if (size > space->left_bytes)
        return allocate_in_new_page(state, group, table, kind, (uint32_t)size, reference);
    uint8_t *address = tm__state_own(state, group, space->next);
    if (address == NULL)
        return NULL;
    *reference = space->next;
    space->next += (uint32_t)size / TM__UNIT_BYTES;
    space->left_bytes -= (uint32_t)size;
    if (kind == TM__PAGE_ENTRIES)
        put_end_mark(address + size, space);
    else
        begin_blob(group, *reference, address, (uint32_t)size);
    return address;
}

// The page of a table's lists of free items. False: out of memory.
static bool make_free_lists(struct tm_state *state, struct tm__state_group *group,
                            struct tm__state_table *table)
{
    enum { BYTES = sizeof(struct tm__state_head) + TM__FREE_BYTES };
    _Static_assert((int)BYTES <= (int)TM__PAGE_BYTES_MIN, "lists fill a page of the smallest size");
    uint32_t number = new_page(state, group, table, TM__PAGE_FREE, TM__PAGE_BYTES_MIN);
    if (number == 0)
        return false;
    table->free = number;
    info_of(group, number)->used_bytes = BYTES;
    memset(tm__state_address(group, free_lists(table)), 0, TM__FREE_BYTES);
    return true;
}

void tm__state_give_back(struct tm_state *state, struct tm__state_group *group,
                         struct tm__state_table *table, enum tm__state_page_kind kind,
                         uint32_t reference, size_t size)
{
    if (size > TM__SIZE_MAX) {
        free_single(state, group, table, reference);
        return;
    }
    uint8_t *item = tm__state_own(state, group, reference);
    if (item == NULL)
        return; // its space is lost until the namespace is dropped
    if (kind == TM__PAGE_ENTRIES)
        ((struct tm__state_entry *)(void *)item)->kind = TM__ENTRY_FREE;
    if (table->free == 0 && !make_free_lists(state, group, table))
        return; // as above
    uint32_t *lists = (void *)tm__state_own(state, group, free_lists(table));
    if (lists == NULL)
        return; // as above
    uint32_t *list = lists + free_list(kind, (uint32_t)size);
    memcpy(link_in(item, kind), list, sizeof *list);
    *list = reference;
}

// --- walking -------------------------------------------------------------------------------------

// The first entry of the next page of entries. False: there is none, or it cannot be had.
static bool next_walked_page(const struct tm_state *state, const struct tm__state_group *group,
                             struct tm__state_walk *walk)
{
    while (walk->page != 0) {
        uint32_t number = walk->page;
        uint32_t first =
            number << TM__OFFSET_BITS | (uint32_t)sizeof(struct tm__state_head) / TM__UNIT_BYTES;
        const uint8_t *at = tm__state_read(state, group, first);
        if (at == NULL) {
            walk->code = TM_E_MEMORY;
            return false;
        }
        walk->page = info_of(group, number)->next;
        if (((const struct tm__state_head *)(const void *)at - 1)->kind != TM__PAGE_ENTRIES)
            continue;
        walk->reference = first;
        walk->left_bytes = tm__state_page_room(group, first);
        return true;
    }
    return false;
}

static const struct tm__state_entry *next_walked(const struct tm_state *state,
                                                 const struct tm__state_group *group,
                                                 struct tm__state_walk *walk, uint32_t *reference)
{
    for (;;) {
        if (walk->left_bytes < sizeof(struct tm__state_entry) &&
            !next_walked_page(state, group, walk))
            return NULL;
        const struct tm__state_entry *entry =
            (const struct tm__state_entry *)(const void *)tm__state_address(group, walk->reference);
        if (entry->kind == TM__ENTRY_END) {
            walk->left_bytes = 0;
            continue;
        }
        uint32_t size = tm__state_entry_bytes(state->value_bytes, entry->key_length);
        *reference = walk->reference;
        walk->left_bytes -= size;
        walk->reference += size / TM__UNIT_BYTES;
        if (entry->kind == TM__ENTRY_LIVE)
            return entry;
    }
}

uint32_t tm__state_page_walk_some(const struct tm_state *state, const struct tm__state_group *group,
                                  struct tm__state_walk *walk,
                                  const struct tm__state_entry **entries, uint32_t *references,
                                  uint32_t most)
{
    uint32_t count = 0;
    while (count < most &&
           (entries[count] = next_walked(state, group, walk, &references[count])) != NULL)
        count++;
    return count;
}
