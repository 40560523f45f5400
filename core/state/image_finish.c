// What follows from pages that came from images: whose they are, how many entries, what is free.
// Nothing that they say is believed before it is checked. Slots are not made here: each table makes
// its own when it is first looked into, as those of forks do.
#include "core/state/image_format.h"

struct finish {
    struct tm_state *state;
    struct tm__state_group *group;
    struct tm__state_page *infos; // of the group's pages
    uint32_t key_group, index;
    uint32_t number; // of the page under way
    struct tm_namespace *ns;
    uint64_t *taken; // a bit for each word of each page that is in a list of free blobs, or NULL
    struct tm_error *err;
};

enum { PAGE_WORDS = TM__PAGE_BYTES_MAX / TM__UNIT_BYTES, MAP_WORDS = PAGE_WORDS / 64 };

static int damaged_page(uint32_t key_group, uint32_t number, const char *what, struct tm_error *err)
{
    return tm_error_set(err, TM_E_CHECKPOINT,
                        "the images of key group %u are damaged at page %u: %s", key_group, number,
                        what);
}

static int damaged(const struct finish *f, const char *what)
{
    return damaged_page(f->key_group, f->number, what, f->err);
}

static int no_memory(const struct finish *f)
{
    return tm_error_set(f->err, TM_E_MEMORY, "out of memory for keyed state");
}

static struct tm__state_head *head_of(const struct finish *f, uint32_t number)
{
    return (struct tm__state_head *)f->group->at[number]; // loaded pages have no flags
}

// --- tables --------------------------------------------------------------------------------------

// The table of the page under way, which comes to be with its first page. NULL: out of memory.
static struct tm__state_table *table_of_page(struct finish *f)
{
    int64_t owner = head_of(f, f->number)->owner;
    if (f->ns == NULL || f->ns->id != owner) {
        f->ns = tm_state_namespace_find(f->state, owner);
        if (f->ns == NULL)
            f->ns = tm_state_namespace_create(f->state, owner);
    }
    if (f->ns == NULL || !tm__state_table_materialise(f->state, f->ns, f->index))
        return NULL;
    return tm__state_table_of(f->ns, f->index);
}

// What is left of a page serves the next items, if it is more than what others have left.
static void note_space(const struct finish *f, struct tm__state_space *space, uint32_t used_bytes)
{
    uint32_t size_bytes = f->infos[f->number].size_bytes;
    if (2 * size_bytes > space->page_bytes)
        space->page_bytes =
            size_bytes < TM__PAGE_BYTES_MAX ? 2 * size_bytes : (uint32_t)TM__PAGE_BYTES_MAX;
    if (size_bytes - used_bytes <= space->left_bytes)
        return;
    space->left_bytes = size_bytes - used_bytes;
    space->next = f->number << TM__OFFSET_BITS | used_bytes / TM__UNIT_BYTES;
}

// --- entries -------------------------------------------------------------------------------------

// What is wrong with an entry that `left_bytes` of a page are left for; NULL: nothing.
static const char *wrong_entry(const struct tm_state *state, uint32_t key_group,
                               const struct tm__state_page *info,
                               const struct tm__state_entry *entry, uint32_t left_bytes,
                               uint32_t *size)
{
    uint32_t least = (uint32_t)sizeof *entry + state->value_bytes;
    if (left_bytes < least || entry->key_length > left_bytes - least)
        return "an entry leaves its page";
    *size = tm__state_entry_bytes(state->value_bytes, entry->key_length);
    if (*size > left_bytes)
        return "an entry leaves its page";
    // One that is removed takes its page along.
    if (*size > TM__SIZE_MAX &&
        (*size != left_bytes || left_bytes != info->used_bytes - sizeof(struct tm__state_head)))
        return "a large entry does not stand alone";
    if (*size <= TM__SIZE_MAX && info->size_bytes > TM__PAGE_BYTES_MAX)
        return "a large entry does not stand alone";
    if (entry->kind == TM__ENTRY_FREE)
        return *size > TM__SIZE_MAX ? "a large entry is free" : NULL;
    if (entry->kind != TM__ENTRY_LIVE)
        return "an entry is neither in use nor free";
    return tm_hash_key_group(entry->hash, state->max_parallelism) != key_group
               ? "a key is of another key group"
               : NULL;
}

int tm__image_see_entries(const struct tm_state *state, const struct tm__state_group *group,
                          uint32_t key_group, uint32_t number, struct tm_error *err)
{
    const uint8_t *bytes = (const uint8_t *)group->at[number]; // loaded pages have no flags
    struct tm__state_page *info = &tm__state_page_infos(group->pages)[number];
    uint32_t in_use = 0, all = 0, size;
    for (uint32_t at = sizeof(struct tm__state_head); at < info->used_bytes; at += size) {
        const struct tm__state_entry *entry = (const void *)(bytes + at);
        const char *what = wrong_entry(state, key_group, info, entry, info->used_bytes - at, &size);
        if (what != NULL)
            return damaged_page(key_group, number, what, err);
        all++;
        in_use += entry->kind == TM__ENTRY_LIVE;
    }
    info->next = in_use << TM__SEEN_BITS | (in_use != all ? TM__SEEN_FREE : 0) | TM__SEEN;
    return 0;
}

static uint32_t *free_lists(const struct finish *f, uint32_t number)
{
    return (uint32_t *)(void *)(head_of(f, number) + 1);
}

// Free entries of a page are put in front of their lists; there are none where nothing was ever
// given back, or where there was no memory for the lists then.
static void add_free_entries(const struct finish *f, const struct tm__state_table *table)
{
    uint8_t *bytes = (uint8_t *)head_of(f, f->number);
    uint32_t end = f->infos[f->number].used_bytes, size;
    if (table->free == 0)
        return;
    for (uint32_t at = sizeof(struct tm__state_head); at < end; at += size) {
        struct tm__state_entry *entry = (void *)(bytes + at);
        size = tm__state_entry_bytes(f->state->value_bytes, entry->key_length);
        if (entry->kind != TM__ENTRY_FREE)
            continue;
        uint32_t *list = &free_lists(f, table->free)[tm__state_class_of(size)];
        memcpy(&entry->hash, list, sizeof *list);
        *list = f->number << TM__OFFSET_BITS | at / TM__UNIT_BYTES;
    }
}

static int add_entries(struct finish *f, struct tm__state_table *table)
{
    struct tm__state_page *info = &f->infos[f->number];
    if ((info->next & TM__SEEN) == 0) {
        int rc = tm__image_see_entries(f->state, f->group, f->key_group, f->number, f->err);
        if (rc != 0)
            return rc;
    }
    uint32_t count = info->next >> TM__SEEN_BITS;
    if ((info->next & TM__SEEN_FREE) != 0)
        add_free_entries(f, table);
    table->count += count;
    table->unindexed = table->count != 0;
    f->ns->size += count;
    // A page of a large entry goes with it: nothing else may be put there.
    if (info->used_bytes <= sizeof(struct tm__state_head) + TM__SIZE_MAX)
        note_space(f, &table->entries, info->used_bytes);
    return 0;
}

// --- pages ---------------------------------------------------------------------------------------

static int add_page(struct finish *f)
{
    struct tm__state_table *table = table_of_page(f);
    if (table == NULL)
        return no_memory(f);
    struct tm__state_page *info = &f->infos[f->number];
    uint32_t kind = head_of(f, f->number)->kind;
    int rc = 0;
    if (kind == TM__PAGE_ENTRIES)
        rc = add_entries(f, table);
    if (kind == TM__PAGE_BLOBS)
        note_space(f, &table->blobs, info->used_bytes);
    info->next = table->page;
    table->page = f->number;
    return rc;
}

// A table's lists of what is free. Free entries are found on the way, and put into lists anew.
static int add_free_lists(struct finish *f)
{
    int rc = add_page(f);
    if (rc != 0)
        return rc;
    struct tm__state_table *table = table_of_page(f);
    if (table->free != 0)
        return damaged(f, "a namespace has two lists of what is free");
    table->free = f->number;
    memset(free_lists(f, f->number), 0, TM__SIZE_CLASSES * sizeof(uint32_t));
    return 0;
}

// --- free blobs ----------------------------------------------------------------------------------

static size_t taken_bytes(const struct finish *f)
{
    return (size_t)f->group->pages->used * MAP_WORDS * sizeof *f->taken;
}

// Marks the words of a free blob. False: it is none.
static bool take(const struct finish *f, int64_t owner, uint32_t reference, uint32_t size)
{
    uint32_t number = reference >> TM__OFFSET_BITS;
    uint32_t at = reference & ((1u << TM__OFFSET_BITS) - 1);
    if (number == 0 || number >= f->group->pages->used || f->group->at[number] == 0)
        return false;
    const struct tm__state_head *head = head_of(f, number);
    uint32_t end = f->infos[number].used_bytes / TM__UNIT_BYTES;
    if (head->kind != TM__PAGE_BLOBS || head->owner != owner || at < TM__HEAD_WORDS || at >= end ||
        size / TM__UNIT_BYTES > end - at)
        return false;
    uint64_t *map = f->taken + (size_t)number * MAP_WORDS;
    for (uint32_t i = at; i < at + size / TM__UNIT_BYTES; i++) {
        if ((map[i / 64] >> (i % 64) & 1) != 0)
            return false;
        map[i / 64] |= 1ull << (i % 64);
    }
    return true;
}

// Lists of free blobs: each is in one list, once.
static int check_free_blobs(struct finish *f)
{
    if (f->taken == NULL)
        f->taken = tm_mem_zalloc(f->state->pool->mem, taken_bytes(f));
    if (f->taken == NULL)
        return no_memory(f);
    int64_t owner = head_of(f, f->number)->owner;
    const uint32_t *lists = free_lists(f, f->number);
    for (uint32_t class = 0; class < TM__SIZE_CLASSES; class ++)
        for (uint32_t next = lists[TM__SIZE_CLASSES + class]; next != 0;) {
            if (!take(f, owner, next, tm__state_class_bytes(class)))
                return damaged(f, "what is free is no part of a page");
            memcpy(&next,
                   (uint8_t *)head_of(f, next >> TM__OFFSET_BITS) +
                       (size_t)(next & ((1u << TM__OFFSET_BITS) - 1)) * TM__UNIT_BYTES,
                   sizeof next);
        }
    return 0;
}

// --- all pages -----------------------------------------------------------------------------------

// What `step` does for each page of the kinds in `kinds`.
static int for_each_page(struct finish *f, uint32_t kinds, int (*step)(struct finish *f))
{
    for (f->number = 1; f->number < f->group->pages->used; f->number++) {
        if (f->group->at[f->number] == 0 || (kinds >> head_of(f, f->number)->kind & 1) == 0)
            continue;
        int rc = step(f);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int check_all_free_blobs(struct finish *f)
{
    int rc = for_each_page(f, 1u << TM__PAGE_FREE, check_free_blobs);
    tm_mem_free(f->state->pool->mem, f->taken, taken_bytes(f));
    return rc;
}

static void link_free_numbers(const struct finish *f)
{
    struct tm__state_pages *pages = f->group->pages;
    pages->free_number = 0;
    for (uint32_t number = pages->used; --number > 0;) {
        if (f->group->at[number] != 0)
            continue;
        f->infos[number].next = pages->free_number;
        pages->free_number = number;
    }
}

int tm_image_finish(struct tm_state *state, uint32_t key_group, struct tm_error *err)
{
    enum { ALL = (1u << TM__PAGE_ENTRIES) | (1u << TM__PAGE_BLOBS) | (1u << TM__PAGE_LARGE) };
    uint32_t index = key_group - state->first_key_group;
    TM_CHECK(index < state->group_count);
    struct finish f = {.state = state,
                       .group = &state->groups[index],
                       .key_group = key_group,
                       .index = index,
                       .err = err};
    if (f.group->pages == NULL)
        return 0;
    f.infos = tm__state_page_infos(f.group->pages);
    int rc = for_each_page(&f, 1u << TM__PAGE_FREE, add_free_lists);
    if (rc == 0)
        rc = for_each_page(&f, ALL, add_page);
    if (rc == 0)
        rc = check_all_free_blobs(&f);
    if (rc != 0)
        return rc;
    link_free_numbers(&f);
    return 0;
}
