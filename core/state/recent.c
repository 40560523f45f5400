// Where entries were found last. A namespace of few keys that batches of rows look up again and
// again gets an array of the addresses of its entries, by bits of the hash, two for each place. The
// way through key group, table, directory, slots and page table is then taken once a key and not
// once a row. What is found is compared as ever, so the array may hold anything that is an entry of
// the namespace; whatever can make an entry move or go (freezing, copying a page, eviction,
// dropping) counts `state->unsettled` up, and the array begins anew; a removal takes its own out.
#include "core/state/internal.h"

// A word: the address in units of 8 bytes, and 16 bits of the hash that do not choose the place.
enum { ADDRESS_BITS = 48, WAYS = 2 };

struct tm__state_recent {
    uint32_t unsettled; // the state's, when it began
    uint64_t at[TM__RECENT_PLACES][WAYS];
};

// What is never asked for: no key is that long.
static const struct tm__state_entry nothing = {.key_length = UINT32_MAX};

static inline uint64_t word_of(const void *address, uint64_t hash)
{
    return (uint64_t)(uintptr_t)address / TM__UNIT_BYTES | hash >> ADDRESS_BITS << ADDRESS_BITS;
}

static inline uint64_t *place_of(struct tm__state_recent *recent, uint64_t hash)
{
    return recent->at[hash & (TM__RECENT_PLACES - 1)];
}

static void begin(const struct tm_state *state, struct tm__state_recent *recent)
{
    recent->unsettled = state->unsettled;
    for (uint32_t i = 0; i < TM__RECENT_PLACES; i++)
        for (uint32_t way = 0; way < WAYS; way++)
            recent->at[i][way] = word_of(&nothing, 0);
}

bool tm__state_recent_make(struct tm_state *state, struct tm_namespace *ns)
{
    if (ns->recent == NULL) {
        // Addresses take fewer bits on every machine that we know.
        if ((uintptr_t)&nothing / TM__UNIT_BYTES >> ADDRESS_BITS != 0)
            return false;
        ns->recent = tm__state_pool_alloc(state->pool, sizeof *ns->recent);
        if (ns->recent == NULL)
            return false; // it is of use, and nothing more
        begin(state, ns->recent);
    }
    if (ns->recent->unsettled != state->unsettled)
        begin(state, ns->recent);
    return true;
}

void tm__state_recent_free(struct tm_state *state, struct tm_namespace *ns)
{
    tm__state_pool_free(state->pool, ns->recent, sizeof *ns->recent);
    ns->recent = NULL;
}

void tm__state_recent_remove(struct tm_namespace *ns, uint64_t hash, const void *entry)
{
    if (ns->recent == NULL)
        return;
    uint64_t *place = place_of(ns->recent, hash);
    for (uint32_t way = 0; way < WAYS; way++)
        if (place[way] == word_of(entry, hash))
            place[way] = word_of(&nothing, 0);
}

// Found the long way: the older of the two at its place makes room.
static void *look_up(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *key,
                     bool *created)
{
    uint8_t *value =
        tm__state_table_upsert(state, ns, tm__state_group_index(state, key->hash), key, created);
    if (TM_UNLIKELY(value == NULL))
        return NULL;
    const void *entry = value - sizeof(struct tm__state_entry);
    if (TM_UNLIKELY(ns->recent->unsettled != state->unsettled)) // a page was copied just now
        begin(state, ns->recent);
    if (TM_LIKELY((uintptr_t)entry / TM__UNIT_BYTES >> ADDRESS_BITS == 0)) {
        uint64_t *place = place_of(ns->recent, key->hash);
        place[1] = place[0];
        place[0] = word_of(entry, key->hash);
    }
    return value;
}

// The entry that was found last for a hash, if any was.
static inline struct tm__state_entry *entry_of(const struct tm__state_recent *recent, uint64_t hash)
{
    const uint64_t *place = recent->at[hash & (TM__RECENT_PLACES - 1)];
    uint64_t word = place[(place[0] ^ hash) >> ADDRESS_BITS != 0]; // no branch
    return (struct tm__state_entry *)(uintptr_t)(word << (64 - ADDRESS_BITS) >>
                                                 (64 - ADDRESS_BITS - 3));
}

// Some keys at a time: places of the next ones and entries are asked for before they are read.
static inline void ask(const struct tm__state_recent *recent, const struct tm_key *keys,
                       uint32_t count, uint32_t next, struct tm__state_entry **entries)
{
    for (uint32_t k = 0; k < count; k++) {
        entries[k] = entry_of(recent, keys[k].hash);
        __builtin_prefetch(entries[k], 1);
    }
    for (uint32_t k = count; k < count + next; k++)
        __builtin_prefetch(recent->at[keys[k].hash & (TM__RECENT_PLACES - 1)]);
}

int tm__state_recent_upsert(struct tm_state *state, struct tm_namespace *ns,
                            const struct tm_key *keys, uint32_t count, void **values, bool *created)
{
    enum { AT_ONCE = 16 };
    uint32_t value_bytes = state->value_bytes;
    struct tm__state_recent *recent = ns->recent;
    struct tm__state_entry *entries[AT_ONCE];
    uint32_t unsettled = recent->unsettled;
    for (uint32_t k = 0; k < count; k++) {
        const struct tm_key *key = &keys[k];
        if (k % AT_ONCE == 0 || TM_UNLIKELY(recent->unsettled != unsettled)) {
            unsettled = recent->unsettled;
            uint32_t left = count - k, now = AT_ONCE - k % AT_ONCE;
            now = left < now ? left : now;
            ask(recent, key, now, left - now < AT_ONCE ? left - now : AT_ONCE,
                &entries[k % AT_ONCE]);
        }
        struct tm__state_entry *entry = entries[k % AT_ONCE];
        const uint8_t *bytes = (const uint8_t *)(entry + 1) + value_bytes;
        bool same =
            key->length == 8 && entry->key_length == 8
                ? entry->hash == key->hash && tm__state_word(bytes) == tm__state_word(key->bytes)
                : tm__state_entry_is(entry, value_bytes, key);
        if (TM_LIKELY(same)) {
            values[k] = entry + 1;
            if (created != NULL)
                created[k] = false;
            continue;
        }
        values[k] = look_up(state, ns, key, created == NULL ? NULL : &created[k]);
        if (TM_UNLIKELY(values[k] == NULL))
            return TM_E_MEMORY;
    }
    return 0;
}
