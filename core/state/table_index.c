// The slots of a table whose entries lie in pages and nowhere else, as those of a state that came
// from a checkpoint. All of them are known, so they are sorted and not inserted one by one: dealt
// to slot pages by the first bits of their tags, then put in order page by page, within the cache.
// An insertion would miss it with every slot. Where a page has no room for its share, which takes
// keys that were made to collide, they are inserted after all.
//
// Entries are read once, in the order in which they lie; who has to look at each does so on the
// way.
#include "core/state/table_slots.h"

enum { SOME = 64 }; // entries at a time

struct some {
    const struct tm__state_entry *entries[SOME];
    uint32_t references[SOME];
    struct tm_key keys[SOME];
    const void *values[SOME];
    uint32_t count;
};

// False: the end, or what the walk's code says.
static bool next_entries(const struct tm_state *state, const struct tm__state_group *group,
                         struct tm__state_walk *walk, struct some *some)
{
    some->count =
        tm__state_page_walk_some(state, group, walk, some->entries, some->references, SOME);
    for (uint32_t i = 0; i < some->count; i++) {
        const struct tm__state_entry *entry = some->entries[i];
        const uint8_t *value = (const uint8_t *)(entry + 1);
        some->keys[i] = (struct tm_key){entry->hash, value + state->value_bytes, entry->key_length};
        some->values[i] = value;
    }
    return some->count != 0;
}

// --- sorted --------------------------------------------------------------------------------------

enum { NO_ROOM = 1 };

struct dealing {
    uint64_t *slots;      // as they came
    uint64_t *sorted;     // by page
    uint32_t *ends;       // [page] in `sorted`; until then, how many the page has
    uint32_t count, most; // of slots
    uint32_t page_shift;  // of a tag
};

// False: there is no memory to sort them.
static bool begin_dealing(struct dealing *d, struct tm_buf *scratch,
                          const struct tm__state_table *table)
{
    size_t count = table->count, pages = tm__state_directory_size(table);
    scratch->size_bytes = 0;
    if (tm_buf_reserve(scratch, 2 * count * sizeof *d->slots + pages * sizeof *d->ends) != 0)
        return false;
    d->slots = (uint64_t *)(void *)scratch->data;
    d->sorted = d->slots + count;
    d->ends = (uint32_t *)(void *)(d->sorted + count);
    d->most = table->count;
    d->page_shift = 32 - table->directory_bits;
    memset(d->ends, 0, pages * sizeof *d->ends);
    return true;
}

static uint32_t page_of(const struct dealing *d, uint64_t slot)
{
    return (uint32_t)((slot >> 32) >> d->page_shift);
}

static void deal(struct dealing *d, const struct some *some)
{
    uint32_t room = d->count < d->most ? d->most - d->count : 0;
    uint32_t count = some->count < room ? some->count : room;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t slot = some->keys[i].hash << 32 | some->references[i];
        d->slots[d->count + i] = slot;
        d->ends[page_of(d, slot)]++;
    }
    d->count += some->count;
}

static void sort_by_page(struct dealing *d, uint32_t pages)
{
    uint32_t begin = 0;
    for (uint32_t i = 0; i < pages; i++) {
        uint32_t count = d->ends[i];
        d->ends[i] = begin;
        begin += count;
    }
    for (uint32_t i = 0; i < d->count; i++)
        d->sorted[d->ends[page_of(d, d->slots[i])]++] = d->slots[i];
}

// By tag and reference: by home first, where few share one, so that little is left to be moved.
static void sort_page(const uint64_t *from, uint32_t count, uint32_t homes, uint32_t depth,
                      uint64_t *to)
{
    uint16_t home[TM__SLOTS_MAX], next[TM__SLOTS_MAX + 1] = {0};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t rest = (uint32_t)(from[i] >> 32) << depth;
        home[i] = (uint16_t)(((uint64_t)rest * homes) >> 32);
        next[home[i] + 1]++;
    }
    for (uint32_t i = 1; i < homes; i++)
        next[i] = (uint16_t)(next[i] + next[i - 1]);
    for (uint32_t i = 0; i < count; i++)
        to[next[home[i]]++] = from[i];
    for (uint32_t i = 1; i < count; i++) {
        uint64_t slot = to[i];
        uint32_t at = i;
        for (; at != 0 && to[at - 1] > slot; at--)
            to[at] = to[at - 1];
        to[at] = slot;
    }
}

// Those of one tag by hash and bytes. TM_E_CHECKPOINT: a key is there twice.
static int order_tag(const struct tm_state *state, const struct tm__state_group *group,
                     uint64_t *slots, uint32_t at)
{
    uint64_t slot = slots[at];
    const uint8_t *mine = tm__state_read(state, group, (uint32_t)slot);
    if (mine == NULL)
        return TM_E_MEMORY;
    const struct tm__state_entry *entry = (const void *)mine;
    const uint8_t *bytes = (const uint8_t *)(entry + 1) + state->value_bytes;
    struct tm_key key = {entry->hash, bytes, entry->key_length};
    for (; at != 0 && slots[at - 1] >> 32 == slot >> 32; at--) {
        const uint8_t *other = tm__state_read(state, group, (uint32_t)slots[at - 1]);
        if (other == NULL)
            return TM_E_MEMORY;
        entry = (const void *)other;
        bytes = (const uint8_t *)(entry + 1) + state->value_bytes;
        int order = tm__state_compare_keys(entry, bytes, &key);
        if (order == 0)
            return TM_E_CHECKPOINT;
        if (order < 0)
            break;
        slots[at] = slots[at - 1];
    }
    slots[at] = slot;
    return 0;
}

static int fill_page(const struct tm_state *state, const struct tm__state_group *group,
                     const struct tm__state_table *table, uint32_t number, const uint64_t *from,
                     uint32_t count)
{
    uint64_t slots[TM__SLOTS_MAX];
    uint32_t depth = table->directory[number] & TM__DEPTH_MASK;
    struct tm__state_slots *page = tm__state_slots_of(table->directory[number]);
    if (count > page->end)
        return NO_ROOM;
    sort_page(from, count, table->homes, depth, slots);
    for (uint32_t i = 1; i < count; i++) {
        int rc = slots[i] >> 32 == slots[i - 1] >> 32 ? order_tag(state, group, slots, i) : 0;
        if (rc != 0)
            return rc;
    }
    return tm__state_slots_fill(page, table->homes, depth, slots, slots + count) ? 0 : NO_ROOM;
}

static int fill_pages(const struct tm_state *state, const struct tm__state_group *group,
                      const struct tm__state_table *table, struct dealing *d)
{
    uint32_t pages = tm__state_directory_size(table), begin = 0;
    int rc = 0;
    if (d->count != table->count)
        return NO_ROOM;
    sort_by_page(d, pages);
    for (uint32_t i = 0; i < pages && rc == 0; i++) {
        rc = fill_page(state, group, table, i, d->sorted + begin, d->ends[i] - begin);
        begin = d->ends[i];
    }
    return rc;
}

// --- one by one ----------------------------------------------------------------------------------

// Slots lie anywhere, so those of the next entries are asked for.
static void ask_for_slots(const struct tm__state_table *table, const struct some *some)
{
    for (uint32_t i = 0; i < some->count; i++) {
        const uint64_t *home = tm__state_home(table, (uint32_t)some->keys[i].hash);
        __builtin_prefetch(home, 1);
        __builtin_prefetch(home + 7, 1); // what is moved up may cross into the next line
    }
}

static int insert_all(struct tm_state *state, const struct tm__state_group *group,
                      struct tm__state_table *table, uint32_t expected)
{
    struct tm__state_walk walk = {.page = table->page};
    struct some some;
    table->count = 0;
    // Entries may lie in the order of their slots: they would fill one page after the other.
    if (!tm__state_table_first_slots(state, table, expected, TM__ALL_PAGES_BITS))
        return TM_E_MEMORY;
    while (next_entries(state, group, &walk, &some)) {
        ask_for_slots(table, &some);
        for (uint32_t i = 0; i < some.count; i++) {
            int rc = tm__state_table_add_slot(state, group, table, &some.keys[i],
                                              some.references[i], expected);
            if (rc != 0)
                return rc < 0 ? rc : TM_E_CHECKPOINT;
        }
    }
    return walk.code;
}

// --- all of them ---------------------------------------------------------------------------------

static void without_slots(struct tm_state *state, struct tm__state_table *table)
{
    tm__state_table_drop_slots(state->pool, table);
    tm__state_table_forget_slots(table);
}

static int see_all(const struct tm_state *state, const struct tm__state_group *group,
                   const struct tm__state_table *table, tm_state_see *see, void *arg,
                   struct dealing *d)
{
    struct tm__state_walk walk = {.page = table->page};
    struct some some;
    int rc = 0;
    while (rc == 0 && next_entries(state, group, &walk, &some)) {
        deal(d, &some);
        rc = see == NULL ? 0 : see(arg, some.keys, some.values, some.count);
    }
    return rc != 0 ? rc : walk.code;
}

static int make_slots(struct tm_state *state, const struct tm__state_group *group,
                      struct tm__state_table *table, struct tm_buf *scratch, tm_state_see *see,
                      void *arg)
{
    uint32_t expected = table->count;
    struct dealing d = {0};
    TM_CHECK(!tm__state_has_slots(table));
    if (!tm__state_table_first_slots(state, table, expected, TM__ALL_PAGES_BITS))
        return TM_E_MEMORY;
    bool sorts = begin_dealing(&d, scratch, table);
    int rc = see_all(state, group, table, see, arg, &d);
    if (rc == 0)
        rc = sorts ? fill_pages(state, group, table, &d) : NO_ROOM;
    if (rc == NO_ROOM) {
        without_slots(state, table);
        rc = insert_all(state, group, table, expected);
    }
    table->unindexed = false;
    if (rc == 0)
        return 0;
    without_slots(state, table);
    table->count = expected;
    table->unindexed = true;
    return rc;
}

int tm__state_table_see(struct tm_state *state, struct tm_namespace *ns, uint32_t index,
                        struct tm_buf *scratch, tm_state_see *see, void *arg)
{
    if (!tm__state_table_materialise(state, ns, index))
        return TM_E_MEMORY;
    const struct tm__state_group *group = &state->groups[index];
    struct tm__state_table *table = tm__state_table_of(ns, index);
    if (table->unindexed)
        return make_slots(state, group, table, scratch, see, arg);
    struct dealing none = {0};
    return see == NULL ? 0 : see_all(state, group, table, see, arg, &none);
}

bool tm__state_table_index(struct tm_state *state, struct tm_namespace *ns, uint32_t index)
{
    struct tm_buf scratch;
    tm_buf_init(&scratch, state->pool->mem);
    int rc = tm__state_table_see(state, ns, index, &scratch, NULL, NULL);
    tm_buf_fini(&scratch);
    return rc == 0;
}
