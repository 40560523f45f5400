// The table of one key group: slots in ascending order of (tag, hash, key bytes), each at its home
// or behind it. Since the home grows with the tag, the order of the slots is the order of the
// entries at every capacity: rebuilding is one sequential pass over the slots, and iteration needs
// no sorting. Nothing wraps: what is pushed past the last home stands in the slack at the end.
#include "core/state/internal.h"

static const uint64_t no_slots[TM__SENTINELS] = {TM__EMPTY, TM__EMPTY, TM__EMPTY, TM__EMPTY};

// Read through the same code as any table: it has no slot, and no room either.
#define EMPTY_TABLE                              \
    {                                            \
        .slots = (uint64_t *)(uintptr_t)no_slots \
    }
#define EMPTY_TABLE_4 EMPTY_TABLE, EMPTY_TABLE, EMPTY_TABLE, EMPTY_TABLE
const struct tm__state_block tm__state_empty_block = {
    {EMPTY_TABLE_4, EMPTY_TABLE_4, EMPTY_TABLE_4, EMPTY_TABLE_4}};

bool tm__state_table_materialise(struct tm_state *state, struct tm_namespace *ns, uint32_t index)
{
    struct tm__state_block **block = &ns->blocks[index / TM__BLOCK_TABLES];
    if (*block != &tm__state_empty_block)
        return true;
    struct tm__state_block *made = tm__state_pool_alloc(&state->pool, sizeof *made);
    if (made == NULL)
        return false;
    *made = tm__state_empty_block;
    *block = made;
    return true;
}

static size_t slots_bytes(const struct tm__state_table *table)
{
    return ((size_t)table->end + TM__SENTINELS) * sizeof(uint64_t);
}

static void free_slots(struct tm_state *state, struct tm__state_table *table)
{
    if (table->end != 0)
        tm__state_pool_free(&state->pool, table->slots, slots_bytes(table));
}

void tm__state_table_clear(struct tm_state *state, struct tm__state_group *group,
                           struct tm__state_table *table)
{
    group->expected = table->count;
    tm__state_page_free_all(state, group, table);
    tm__state_pool_free(&state->pool, table->blob_free, TM__BLOB_CLASSES * sizeof(uint32_t));
    free_slots(state, table);
    *table = (struct tm__state_table)EMPTY_TABLE;
}

// --- growth --------------------------------------------------------------------------------------

static void resize(struct tm__state_table *table, uint64_t *slots, uint32_t total, uint32_t slack)
{
    table->slots = slots;
    table->end = total - TM__SENTINELS;
    table->capacity = table->end - slack;
    table->limit = (uint32_t)((uint64_t)table->capacity * 4 / 5);
}

// Move the entries, in order, into `total` slots with `slack` behind the last home. False when they
// do not fit (then nothing has changed) or memory is short.
static bool rebuild(struct tm_state *state, struct tm__state_table *table, uint32_t total,
                    uint32_t slack, bool *fits)
{
    *fits = true;
    uint64_t *slots = tm__state_pool_alloc(&state->pool, (size_t)total * sizeof *slots);
    if (slots == NULL)
        return false;
    memset(slots, 0xff, (size_t)total * sizeof *slots);
    struct tm__state_table old = *table;
    resize(table, slots, total, slack);
    uint32_t next = 0;
    for (uint32_t i = 0; i < old.end; i++) {
        if (old.slots[i] == TM__EMPTY)
            continue;
        uint32_t home = tm__state_home(table, (uint32_t)(old.slots[i] >> 32));
        next = home > next ? home : next;
        if (next >= table->end) {
            tm__state_pool_free(&state->pool, slots, (size_t)total * sizeof *slots);
            *table = old;
            *fits = false;
            return false;
        }
        slots[next++] = old.slots[i];
    }
    free_slots(state, &old);
    return true;
}

static uint64_t first_total(uint32_t expected)
{
    uint64_t total = TM__TABLE_SLOTS_MIN;
    while (total / 4 * 3 < expected) // below the limit, slack included
        total *= 2;
    return total;
}

// Twice the slots. `overflow`: the slack ran out. Where that happens far below the limit, or where
// the usual slack is too small, many keys have nearly one tag: half of the slots become slack, else
// such keys would make the table double without end.
static bool grow(struct tm_state *state, const struct tm__state_group *group,
                 struct tm__state_table *table, bool overflow)
{
    uint64_t total =
        table->end == 0 ? first_total(group->expected) : 2 * ((uint64_t)table->end + TM__SENTINELS);
    bool crowded = overflow && table->count < table->limit / 2;
    for (;; total *= 2) {
        if (total > UINT32_MAX / 2)
            return false;
        uint32_t slack = (uint32_t)(total / 32);
        slack = slack < 2 ? 2 : slack > 64 ? 64 : slack;
        bool fits;
        if (rebuild(state, table, (uint32_t)total, crowded ? (uint32_t)(total / 2) : slack, &fits))
            return true;
        if (fits)
            return false; // out of memory
        crowded = true;
    }
}

// --- insertion -----------------------------------------------------------------------------------

static int compare_keys(const struct tm__state_entry *entry, const uint8_t *bytes,
                        const struct tm_key *key)
{
    uint32_t high = (uint32_t)(key->hash >> 32);
    if (entry->hash_high != high)
        return entry->hash_high < high ? -1 : 1;
    uint32_t length = entry->key_length < key->length ? entry->key_length : key->length;
    int order = length == 0 ? 0 : memcmp(bytes, key->bytes, length);
    if (order != 0 || entry->key_length == key->length)
        return order;
    return entry->key_length < key->length ? -1 : 1;
}

// Where the key stands (*found) or belongs.
static inline uint32_t place(const struct tm_state *state, const struct tm__state_group *group,
                             const struct tm__state_table *table, const struct tm_key *key,
                             struct tm__state_entry **found)
{
    uint32_t tag = (uint32_t)key->hash;
    uint32_t i = tm__state_seek(table->slots, tm__state_home(table, tag), (uint64_t)tag << 32);
    *found = NULL;
    while (table->slots[i] >> 32 == tag && table->slots[i] != TM__EMPTY) {
        struct tm__state_entry *entry =
            (struct tm__state_entry *)(void *)tm__state_address(group, (uint32_t)table->slots[i]);
        int order = compare_keys(entry, (const uint8_t *)(entry + 1) + state->value_bytes, key);
        if (order == 0)
            *found = entry;
        if (order >= 0)
            return i;
        i++;
    }
    return i;
}

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

static uint32_t new_entry(struct tm_state *state, struct tm__state_group *group,
                          struct tm__state_table *table, const struct tm_key *key,
                          struct tm__state_entry **entry)
{
    size_t size = tm__state_padded(sizeof **entry + state->value_bytes + (size_t)key->length);
    uint32_t reference = tm__state_page_allocate(state, group, table, size);
    if (reference == 0)
        return 0;
    *entry = (struct tm__state_entry *)(void *)tm__state_address(group, reference);
    uint8_t *value = (uint8_t *)(*entry + 1), *bytes = value + state->value_bytes;
    static const uint64_t zero = 0;
    for (; value != bytes; value += sizeof zero) {
        memcpy(value, &zero, sizeof zero);
        __asm__("" : "+r"(value)); // else a call of memset is made of a word or two
    }
    (*entry)->hash_high = (uint32_t)(key->hash >> 32);
    (*entry)->key_length = key->length;
    put_key(bytes, key->bytes, key->length); // the padding too is the same for the same key
    // The next entry of this table comes after some of every other one: by then its line has come.
    __builtin_prefetch((uint8_t *)*entry + 2 * size, 1);
    return reference;
}

// Make slot i free by moving what stands there and behind it, up to the next gap. False: no gap.
static bool open_slot(struct tm__state_table *table, uint32_t i)
{
    uint64_t *slots = table->slots;
    uint32_t gap = i;
    while (slots[gap] != TM__EMPTY)
        gap++;
    if (TM_UNLIKELY(gap >= table->end))
        return false;
    for (; gap > i; gap--)
        slots[gap] = slots[gap - 1];
    return true;
}

uint8_t *tm__state_table_upsert(struct tm_state *state, struct tm_namespace *ns, uint32_t index,
                                const struct tm_key *key, bool *created)
{
    struct tm__state_group *group = &state->groups[index];
    struct tm__state_table *table = tm__state_table_of(ns, index);
    struct tm__state_entry *entry;
    uint32_t i = place(state, group, table, key, &entry);
    if (created != NULL)
        *created = entry == NULL;
    if (entry != NULL)
        return (uint8_t *)(entry + 1);
    struct tm__state_entry *none;
    if (TM_UNLIKELY(table->count >= table->limit)) { // also where it has no memory of its own yet
        if (!tm__state_table_materialise(state, ns, index))
            return NULL;
        table = tm__state_table_of(ns, index);
        if (!grow(state, group, table, false))
            return NULL;
        i = place(state, group, table, key, &none);
    }
    uint32_t reference = new_entry(state, group, table, key, &entry);
    if (TM_UNLIKELY(reference == 0))
        return NULL;
    while (TM_UNLIKELY(!open_slot(table, i))) {
        if (!grow(state, group, table, true))
            return NULL; // the entry's bytes are lost until the namespace is dropped
        i = place(state, group, table, key, &none);
    }
    table->slots[i] = (uint64_t)key->hash << 32 | reference;
    table->count++;
    ns->size++;
    return (uint8_t *)(entry + 1);
}
