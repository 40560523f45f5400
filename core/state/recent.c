// Where entries were found last. A namespace of few keys that batches of rows look up again and
// again gets an array of the addresses of its values, by bits of the hash, two for each place. The
// way through key group, table, directory, slots and page table is then taken once a key and not
// once a row. Whatever can make an entry move or go (freezing, copying a page, eviction, dropping)
// counts `state->unsettled` up, and the array begins anew; a removal takes its own out.
//
// Keys of 8 bytes, which are most, have a hash each of their own (XXH3 of so many is a bijection):
// equal hashes are equal keys, and nothing of the entry is looked at. Other keys are compared.
#include "core/state/internal.h"

enum { WAYS = 2 };

struct place {
    uint64_t hash;
    uintptr_t word; // address of the value, | 1: of a key of 8 bytes; 0: nothing is known
};

struct tm__state_recent {
    uint32_t unsettled; // the state's, when it began
    struct place at[TM__RECENT_PLACES][WAYS];
};

static inline struct place *place_of(struct tm__state_recent *recent, uint64_t hash)
{
    return recent->at[hash & (TM__RECENT_PLACES - 1)];
}

static void begin(const struct tm_state *state, struct tm__state_recent *recent)
{
    recent->unsettled = state->unsettled;
    memset(recent->at, 0, sizeof recent->at);
}

bool tm__state_recent_make(struct tm_state *state, struct tm_namespace *ns)
{
    if (ns->recent == NULL) {
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
    struct place *place = place_of(ns->recent, hash);
    for (uint32_t way = 0; way < WAYS; way++)
        if ((place[way].word & ~(uintptr_t)1) ==
            (uintptr_t)((const struct tm__state_entry *)entry + 1))
            place[way].word = 0;
}

// Found the long way: the older of the two at its place makes room.
static void *look_up(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *key,
                     bool *created)
{
    void *value =
        tm__state_table_upsert(state, ns, tm__state_group_index(state, key->hash), key, created);
    if (TM_UNLIKELY(value == NULL))
        return NULL;
    if (TM_UNLIKELY(ns->recent->unsettled != state->unsettled)) // a page was copied just now
        begin(state, ns->recent);
    struct place *place = place_of(ns->recent, key->hash);
    place[1] = place[0];
    place[0] = (struct place){key->hash, (uintptr_t)value | (key->length == sizeof(uint64_t))};
    return value;
}

static inline bool is_of(const struct place *place, uint32_t value_bytes, const struct tm_key *key)
{
    const struct tm__state_entry *entry =
        (const struct tm__state_entry *)(place->word & ~(uintptr_t)1);
    return entry != NULL && tm__state_entry_is(entry - 1, value_bytes, key);
}

// `created` is NULL or not: a constant where this is called.
static inline __attribute__((always_inline)) int upsert(struct tm_state *state,
                                                        struct tm_namespace *ns,
                                                        const struct tm_key *keys, uint32_t count,
                                                        void **values, bool *created)
{
    struct tm__state_recent *recent = ns->recent;
    for (uint32_t k = 0; k < count; k++) {
        const struct tm_key *key = &keys[k];
        const struct place *place = place_of(recent, key->hash);
        place += place->hash != key->hash; // no branch
        bool is_word = (place->word & (key->length == sizeof(uint64_t))) != 0;
        if (TM_LIKELY(place->hash == key->hash && is_word)) {
            values[k] = (void *)(place->word - 1);
        } else if (is_of(place, state->value_bytes, key)) {
            values[k] = (void *)(place->word & ~(uintptr_t)1);
        } else {
            values[k] = look_up(state, ns, key, created == NULL ? NULL : &created[k]);
            if (TM_UNLIKELY(values[k] == NULL))
                return TM_E_MEMORY;
            continue;
        }
        if (created != NULL)
            created[k] = false;
    }
    return 0;
}

int tm__state_recent_upsert(struct tm_state *state, struct tm_namespace *ns,
                            const struct tm_key *keys, uint32_t count, void **values, bool *created)
{
    return created == NULL ? upsert(state, ns, keys, count, values, NULL)
                           : upsert(state, ns, keys, count, values, created);
}
