// The table of one key group: slots in ascending order of (tag, hash, key bytes), each at its home
// or behind it. The home grows with the tag, so the order of the slots is the order of the entries
// at every size: iteration needs no sorting, and a page is rebuilt in one pass that looks at no
// entry. Nothing wraps: what is pushed past the last home of a page stands in the slack at its end.
//
// Slots stand in pages of at most 4 KiB, reached through a directory by the top bits of the tag
// (extendible hashing). A full page is split, so that no insertion moves more slots than a page
// has.
#include "core/state/table_slots.h"

// --- the table without entries -------------------------------------------------------------------

// Read through the same code as any table: it has no slot, and no room either.
static const struct {
    uint8_t page[sizeof(struct tm__state_slots)]; // its own type ends in an array without a size
    uint64_t slots[TM__SENTINELS];
} __attribute__((aligned(64))) no_slots = {{0}, {TM__EMPTY, TM__EMPTY, TM__EMPTY, TM__EMPTY}};
static const uintptr_t no_directory[] = {(uintptr_t)no_slots.slots};

#define EMPTY_TABLE                                       \
    {                                                     \
        .directory = (uintptr_t *)(uintptr_t)no_directory \
    }
#define EMPTY_TABLE_4 EMPTY_TABLE, EMPTY_TABLE, EMPTY_TABLE, EMPTY_TABLE
const struct tm__state_block tm__state_empty_block = {
    .tables = {EMPTY_TABLE_4, EMPTY_TABLE_4, EMPTY_TABLE_4, EMPTY_TABLE_4}};

// --- slot pages ----------------------------------------------------------------------------------

static uint32_t slots_in(uint32_t size_bytes)
{
    return (uint32_t)((size_bytes - sizeof(struct tm__state_slots)) / sizeof(uint64_t)) -
           TM__SENTINELS;
}

// Homes of a page of this size: the rest is slack.
static uint32_t homes_in(uint32_t size_bytes)
{
    uint32_t slots = slots_in(size_bytes), slack = slots / 20;
    return slots - (slack < 2 ? 2 : slack);
}

static struct tm__state_slots *new_slots(struct tm_state *state, uint32_t size_bytes,
                                         uint32_t homes)
{
    struct tm__state_slots *page = tm__state_pool_alloc(state->pool, size_bytes);
    if (page == NULL)
        return NULL;
    memset(page->slot, 0xff, size_bytes - sizeof *page);
    uint32_t end = slots_in(size_bytes);
    // A page whose slack is larger than usual holds tags that are too close to be split.
    uint32_t limit = size_bytes > TM__SLOTS_BYTES ? end / 5 * 4 : homes / 5 * 4;
    *page = (struct tm__state_slots){.end = end, .limit = limit, .size_bytes = size_bytes};
    return page;
}

static void free_slots(struct tm__state_pool *pool, struct tm__state_slots *page)
{
    tm__state_pool_free(pool, page, page->size_bytes);
}

bool tm__state_slots_fill(struct tm__state_slots *page, uint32_t homes, uint32_t depth,
                          const uint64_t *from, const uint64_t *end)
{
    uint32_t next = 0;
    for (; from != end; from++) {
        if (*from == TM__EMPTY)
            continue;
        uint32_t rest = (uint32_t)(*from >> 32) << depth;
        uint32_t home = (uint32_t)(((uint64_t)rest * homes) >> 32);
        next = home > next ? home : next;
        if (next >= page->end)
            return false;
        page->slot[next++] = *from;
        page->count++;
    }
    return true;
}

// A new page with the slots, as large as they need. NULL: out of memory.
static struct tm__state_slots *make_page(struct tm_state *state, uint32_t size_bytes,
                                         uint32_t homes, uint32_t depth, const uint64_t *from,
                                         const uint64_t *end)
{
    for (; size_bytes < UINT32_MAX / 2; size_bytes *= 2) {
        struct tm__state_slots *page = new_slots(state, size_bytes, homes);
        if (page == NULL || tm__state_slots_fill(page, homes, depth, from, end))
            return page;
        free_slots(state->pool, page);
    }
    return NULL;
}

static void set_entries(struct tm__state_table *table, uint32_t first, uint32_t count,
                        struct tm__state_slots *page, uint32_t depth)
{
    for (uint32_t i = 0; i < count; i++)
        table->directory[first + i] = (uintptr_t)page->slot | depth;
}

// --- growth --------------------------------------------------------------------------------------

static bool double_directory(struct tm_state *state, struct tm__state_table *table)
{
    uint32_t size = tm__state_directory_size(table);
    uintptr_t *made = tm__state_pool_alloc(state->pool, 2 * size * sizeof *made);
    if (made == NULL)
        return false;
    for (uint32_t i = 0; i < size; i++)
        made[2 * i] = made[2 * i + 1] = table->directory[i];
    if (table->directory_bits != 0)
        tm__state_pool_free(state->pool, table->directory, size * sizeof *made);
    table->directory = made;
    table->directory_bits++;
    return true;
}

// The directory's entry of a tag.
static uint32_t entry_of(const struct tm__state_table *table, uint32_t tag)
{
    return (uint32_t)((uint64_t)tag >> (32 - table->directory_bits));
}

// Twice the room for a page whose tags are too close to each other for a split to help.
static bool enlarge(struct tm_state *state, struct tm__state_table *table, uint32_t tag)
{
    uint32_t i = entry_of(table, tag);
    uintptr_t entry = table->directory[i];
    struct tm__state_slots *old = tm__state_slots_of(entry);
    uint32_t depth = entry & TM__DEPTH_MASK, span = tm__state_slots_span(table, entry);
    struct tm__state_slots *page =
        make_page(state, 2 * old->size_bytes, table->homes, depth, old->slot, old->slot + old->end);
    if (page == NULL)
        return false;
    set_entries(table, i / span * span, span, page, depth);
    free_slots(state->pool, old);
    return true;
}

// A split must part the slots, and the directory must stay small beside them: keys that were made
// to collide would else make it grow without end.
static bool can_split(const struct tm__state_table *table, uintptr_t entry, uint32_t lower)
{
    uint32_t count = tm__state_slots_of(entry)->count, depth = entry & TM__DEPTH_MASK;
    if (lower < count / 8 || count - lower < count / 8 || depth >= TM__DEPTH_MASK - 1)
        return false;
    return depth < table->directory_bits || tm__state_directory_size(table) <= table->count / 16;
}

static bool split(struct tm_state *state, struct tm__state_table *table, uint32_t tag)
{
    uintptr_t entry = table->directory[entry_of(table, tag)];
    struct tm__state_slots *old = tm__state_slots_of(entry);
    uint32_t depth = entry & TM__DEPTH_MASK, middle = 0, lower = 0;
    for (uint32_t i = 0; i < old->end; i++) {
        if (old->slot[i] == TM__EMPTY || (old->slot[i] >> (63 - depth) & 1) != 0)
            continue;
        lower++;
        middle = i + 1;
    }
    if (!can_split(table, entry, lower))
        return enlarge(state, table, tag);
    if (depth == table->directory_bits && !double_directory(state, table))
        return false;
    const uint64_t *at = old->slot + middle, *end = old->slot + old->end;
    struct tm__state_slots *low =
        make_page(state, TM__SLOTS_BYTES, table->homes, depth + 1, old->slot, at);
    if (low == NULL)
        return false;
    struct tm__state_slots *high =
        make_page(state, TM__SLOTS_BYTES, table->homes, depth + 1, at, end);
    if (high == NULL) {
        free_slots(state->pool, low);
        return false;
    }
    uint32_t span = tm__state_slots_span(table, entry), first = entry_of(table, tag) / span * span;
    set_entries(table, first, span / 2, low, depth + 1);
    set_entries(table, first + span / 2, span / 2, high, depth + 1);
    free_slots(state->pool, old);
    return true;
}

enum { STEP_PAGES_BITS = 4 }; // so that making them is no long step

bool tm__state_table_first_slots(struct tm_state *state, struct tm__state_table *table,
                                 uint32_t expected, uint32_t most)
{
    uint32_t size_bytes = TM__SLOTS_BYTES_MIN, bits = 0;
    while (size_bytes < TM__SLOTS_BYTES && homes_in(size_bytes) / 5 * 4 < expected)
        size_bytes *= 2;
    uint32_t homes = homes_in(size_bytes);
    while (bits < most && homes / 3 * 2 < expected >> bits)
        bits++;
    uintptr_t *directory = &table->only;
    if (bits != 0)
        directory = tm__state_pool_alloc(state->pool, sizeof *directory << bits);
    if (directory == NULL)
        return false;
    for (uint32_t i = 0; i < 1u << bits; i++) {
        struct tm__state_slots *page = new_slots(state, size_bytes, homes);
        if (page != NULL) {
            directory[i] = (uintptr_t)page->slot | bits;
            continue;
        }
        while (i > 0)
            free_slots(state->pool, tm__state_slots_of(directory[--i]));
        if (bits != 0)
            tm__state_pool_free(state->pool, directory, sizeof *directory << bits);
        return false;
    }
    table->directory = directory;
    table->directory_bits = bits;
    table->homes = homes;
    return true;
}

// More room for the tag's page.
static bool grow(struct tm_state *state, struct tm__state_table *table, uint32_t expected,
                 uint32_t tag)
{
    state->moves++;
    if (!tm__state_has_slots(table)) // the next namespace of a window is like the last
        return tm__state_table_first_slots(state, table, expected, STEP_PAGES_BITS);
    struct tm__state_slots *page = tm__state_slots_of(table->directory[entry_of(table, tag)]);
    if (table->directory_bits != 0 || page->size_bytes >= TM__SLOTS_BYTES)
        return split(state, table, tag);
    uint32_t size_bytes = 2 * page->size_bytes, homes = homes_in(size_bytes);
    struct tm__state_slots *larger =
        make_page(state, size_bytes, homes, 0, page->slot, page->slot + page->end);
    if (larger == NULL)
        return false;
    table->homes = homes;
    set_entries(table, 0, 1, larger, 0);
    free_slots(state->pool, page);
    return true;
}

void tm__state_table_drop_slots(struct tm__state_pool *pool, const struct tm__state_table *table)
{
    if (!tm__state_has_slots(table))
        return;
    for (uint32_t i = 0; i < tm__state_directory_size(table);) {
        uintptr_t entry = table->directory[i];
        i += tm__state_slots_span(table, entry);
        free_slots(pool, tm__state_slots_of(entry));
    }
    if (table->directory_bits != 0)
        tm__state_pool_free(pool, table->directory,
                            tm__state_directory_size(table) * sizeof *table->directory);
}

void tm__state_table_clear(struct tm_state *state, struct tm__state_group *group,
                           struct tm__state_table *table)
{
    int64_t owner = table->owner;
    state->unsettled++;
    group->expected = table->count;
    tm__state_page_free_all(state, group, table);
    tm__state_table_drop_slots(state->pool, table);
    *table = (struct tm__state_table)EMPTY_TABLE;
    table->owner = owner;
}

// --- walking -------------------------------------------------------------------------------------

bool tm__state_table_next_page(const struct tm__state_table *table, struct tm_state_cursor *cursor)
{
    if (cursor->entry >= tm__state_directory_size(table) || !tm__state_has_slots(table))
        return false;
    uintptr_t entry = table->directory[cursor->entry];
    cursor->entry += tm__state_slots_span(table, entry);
    const struct tm__state_slots *page = tm__state_slots_of(entry);
    cursor->slot = page->slot;
    cursor->end = page->slot + page->end;
    return true;
}

void tm__state_table_enter(const struct tm__state_table *table, uint32_t tag,
                           struct tm_state_cursor *cursor)
{
    if (!tm__state_has_slots(table))
        return;
    uint32_t entry = (uint32_t)((uint64_t)tag >> (32 - table->directory_bits));
    cursor->entry = entry - entry % tm__state_slots_span(table, table->directory[entry]);
    (void)tm__state_table_next_page(table, cursor);
    uint64_t *slot = tm__state_seek(tm__state_home(table, tag), (uint64_t)tag << 32);
    cursor->slot = slot < cursor->end ? slot : cursor->end;
}

// --- searching -----------------------------------------------------------------------------------

int tm__state_table_place(const struct tm_state *state, const struct tm__state_group *group,
                          const struct tm__state_table *table, const struct tm_key *key,
                          uint64_t **slot)
{
    uint32_t tag = (uint32_t)key->hash;
    uint64_t *at = tm__state_seek(tm__state_home(table, tag), (uint64_t)tag << 32);
    int found = 0;
    for (; *at >> 32 == tag && *at != TM__EMPTY; at++) {
        const struct tm__state_entry *entry =
            (const struct tm__state_entry *)(const void *)tm__state_read(state, group,
                                                                         (uint32_t)*at);
        if (entry == NULL)
            return TM_E_MEMORY;
        int order =
            tm__state_compare_keys(entry, (const uint8_t *)(entry + 1) + state->value_bytes, key);
        found = order == 0;
        if (order >= 0)
            break;
    }
    *slot = at;
    return found;
}

// --- slots for entries ---------------------------------------------------------------------------

// Make the slot free by moving what stands there and behind it, up to the next gap. False: no gap.
static bool open_slot(const struct tm__state_slots *page, uint64_t *slot)
{
    uint64_t *gap = slot;
    while (*gap != TM__EMPTY)
        gap++;
    if (TM_UNLIKELY(gap >= page->slot + page->end))
        return false;
    for (; gap > slot; gap--)
        *gap = gap[-1];
    return true;
}

// `slot` is where the key belongs. False: out of memory.
static inline bool put_slot(struct tm_state *state, const struct tm__state_group *group,
                            struct tm__state_table *table, const struct tm_key *key, uint64_t *slot,
                            uint32_t reference, uint32_t expected)
{
    uint32_t tag = (uint32_t)key->hash;
    struct tm__state_slots *page = tm__state_slots_of(table->directory[entry_of(table, tag)]);
    while (TM_UNLIKELY(page->count >= page->limit || !open_slot(page, slot))) {
        if (!grow(state, table, expected, tag) ||
            tm__state_table_place(state, group, table, key, &slot) < 0)
            return false;
        page = tm__state_slots_of(table->directory[entry_of(table, tag)]);
    }
    *slot = (uint64_t)tag << 32 | reference;
    page->count++;
    table->count++;
    return true;
}

int tm__state_table_add_slot(struct tm_state *state, const struct tm__state_group *group,
                             struct tm__state_table *table, const struct tm_key *key,
                             uint32_t reference, uint32_t expected)
{
    uint64_t *slot;
    int found = tm__state_table_place(state, group, table, key, &slot);
    if (found != 0)
        return found;
    return put_slot(state, group, table, key, slot, reference, expected) ? 0 : TM_E_MEMORY;
}

// --- blocks --------------------------------------------------------------------------------------

void tm__state_block_leave(struct tm__state_pool *pool, struct tm__state_block *block)
{
    if (block == &tm__state_empty_block || --block->references != 0)
        return;
    for (int i = 0; i < TM__BLOCK_TABLES; i++) {
        struct tm__state_table *table = &block->tables[i];
        tm__state_table_drop_slots(pool, table);
    }
    tm__state_pool_free(pool, block, sizeof *block);
}

void tm__state_table_forget_slots(struct tm__state_table *table)
{
    if (!tm__state_has_slots(table))
        return;
    table->directory = (uintptr_t *)(uintptr_t)no_directory;
    table->directory_bits = table->homes = 0;
    table->unindexed = table->count != 0;
}

// A block that others hold too, copied for this state. Who is its home keeps the slots.
static void copy_block(struct tm_state *state, struct tm__state_block *from,
                       struct tm__state_block *to)
{
    *to = *from;
    for (int i = 0; i < TM__BLOCK_TABLES; i++) {
        struct tm__state_table *table = &to->tables[i];
        if (from->home != state) {
            tm__state_table_forget_slots(table);
            continue;
        }
        if (table->directory_bits == 0 && tm__state_has_slots(table))
            table->directory = &table->only;
        tm__state_table_forget_slots(&from->tables[i]);
    }
}

bool tm__state_block_make(struct tm_state *state, struct tm_namespace *ns, uint32_t index)
{
    struct tm__state_block **block = &ns->blocks[index / TM__BLOCK_TABLES], *old = *block;
    struct tm__state_block *made = tm__state_pool_alloc(state->pool, sizeof *made);
    if (made == NULL)
        return false;
    copy_block(state, old, made);
    if (old != &tm__state_empty_block)
        old->references--;
    for (int i = 0; i < TM__BLOCK_TABLES; i++)
        made->tables[i].owner = ns->id;
    made->home = state;
    made->references = 1;
    *block = made;
    return true;
}

bool tm__state_table_expect(struct tm_state *state, struct tm_namespace *ns, uint32_t index,
                            uint32_t expected)
{
    if (!tm__state_table_materialise(state, ns, index))
        return false;
    struct tm__state_table *table = tm__state_table_of(ns, index);
    return tm__state_has_slots(table) || table->unindexed || expected == 0 ||
           tm__state_table_first_slots(state, table, expected, TM__ALL_PAGES_BITS);
}

// --- insertion -----------------------------------------------------------------------------------

// The key's bytes and zeros up to the next word: by words, the last of which overlaps.
static inline void put_key(uint8_t *to, const uint8_t *from, uint32_t length)
{
    uint64_t word = 0;
    if (TM_LIKELY(length >= 8)) {
        memcpy(to + tm__state_padded(length) - 8, &word, sizeof word);
        for (uint32_t i = 0; i + 8 < length; i += 8) {
            memcpy(&word, from + i, sizeof word);
            memcpy(to + i, &word, sizeof word);
        }
        memcpy(&word, from + length - 8, sizeof word);
        memcpy(to + length - 8, &word, sizeof word);
        return;
    }
    if (TM_LIKELY(length >= 4)) {
        uint32_t first, last;
        memcpy(&first, from, sizeof first);
        memcpy(&last, from + length - 4, sizeof last);
        word = first | (uint64_t)last << (8 * (length - 4));
    } else {
        for (uint32_t i = 0; i < length; i++)
            word |= (uint64_t)from[i] << (8 * i);
    }
    if (length != 0)
        memcpy(to, &word, sizeof word);
}

enum { STEP_MAX = 256 }; // sizes above it come in larger steps than words
static struct tm__state_entry *new_entry(struct tm_state *state, struct tm__state_group *group,
                                         struct tm__state_table *table, const struct tm_key *key,
                                         uint32_t *reference)
{
    uint32_t size = tm__state_entry_bytes(state->value_bytes, key->length);
    uint8_t *item = tm__state_allocate(state, group, table, TM__PAGE_ENTRIES, size, reference);
    if (item == NULL)
        return NULL;
    struct tm__state_entry *entry = (struct tm__state_entry *)(void *)item;
    uint8_t *value = (uint8_t *)(entry + 1), *bytes = value + state->value_bytes;
    static const uint64_t zero = 0;
    for (; value != bytes; value += sizeof zero) {
        memcpy(value, &zero, sizeof zero);
        __asm__("" : "+r"(value)); // else a call of memset is made of a word or two
    }
    entry->hash = key->hash;
    entry->key_length = key->length;
    entry->kind = TM__ENTRY_LIVE;
    put_key(bytes, key->bytes, key->length); // the padding too is the same for the same key
    if (TM_UNLIKELY(size > STEP_MAX)) {      // and what the class has more
        size_t used = sizeof *entry + state->value_bytes + tm__state_padded(key->length);
        memset(item + used, 0, size - used);
    }
    // The next entry of this table comes after some of every other one: by then its line has come.
    __builtin_prefetch(item + (size_t)2 * size, 1);
    return entry;
}

uint8_t *tm__state_table_upsert(struct tm_state *state, struct tm_namespace *ns, uint32_t index,
                                const struct tm_key *key, bool *created)
{
    if (!tm__state_table_materialise(state, ns, index))
        return NULL;
    struct tm__state_group *group = &state->groups[index];
    struct tm__state_table *table = tm__state_table_of(ns, index);
    if (TM_UNLIKELY(table->unindexed) && !tm__state_table_index(state, ns, index))
        return NULL;
    uint64_t *slot;
    int found = tm__state_table_place(state, group, table, key, &slot);
    if (TM_UNLIKELY(found < 0))
        return NULL;
    if (created != NULL)
        *created = found == 0;
    if (found != 0) {
        uint8_t *item = tm__state_own(state, group, (uint32_t)*slot);
        return item == NULL ? NULL : item + sizeof(struct tm__state_entry);
    }
    uint32_t reference;
    struct tm__state_entry *entry = new_entry(state, group, table, key, &reference);
    if (TM_UNLIKELY(entry == NULL))
        return NULL;
    if (TM_UNLIKELY(!put_slot(state, group, table, key, slot, reference, group->expected))) {
        tm__state_give_back(state, group, table, TM__PAGE_ENTRIES, reference,
                            tm__state_entry_bytes(state->value_bytes, key->length));
        return NULL;
    }
    ns->size++;
    return (uint8_t *)(entry + 1);
}

// --- removal -------------------------------------------------------------------------------------

// Close the gap: slots behind it that are not at their home move up.
static void close_slot(const struct tm__state_table *table, uint64_t *slot)
{
    for (; slot[1] != TM__EMPTY; slot++) {
        if (tm__state_home(table, (uint32_t)(slot[1] >> 32)) == slot + 1)
            break;
        slot[0] = slot[1];
    }
    *slot = TM__EMPTY;
}

int tm_state_remove(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *key)
{
    uint32_t index = tm__state_group_index(state, key->hash);
    TM_CHECK(index < state->group_count);
    if (ns->blocks[index / TM__BLOCK_TABLES] == &tm__state_empty_block)
        return 0;
    if (!tm__state_table_materialise(state, ns, index))
        return TM_E_MEMORY;
    struct tm__state_group *group = &state->groups[index];
    struct tm__state_table *table = tm__state_table_of(ns, index);
    if (TM_UNLIKELY(table->unindexed) && !tm__state_table_index(state, ns, index))
        return TM_E_MEMORY;
    uint64_t *slot;
    int found = tm__state_table_place(state, group, table, key, &slot);
    if (found <= 0)
        return found;
    uint32_t reference = (uint32_t)*slot;
    const uint8_t *item = tm__state_own(state, group, reference);
    if (item == NULL)
        return TM_E_MEMORY;
    tm__state_recent_remove(ns, key->hash, item);
    uint32_t size = tm__state_entry_bytes(state->value_bytes, key->length);
    tm__state_slots_of(table->directory[entry_of(table, (uint32_t)key->hash)])->count--;
    close_slot(table, slot);
    tm__state_give_back(state, group, table, TM__PAGE_ENTRIES, reference, size);
    table->count--;
    ns->size--;
    return 1;
}
