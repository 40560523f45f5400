// A state and the ways into it: one key, a batch of keys, iteration. The batch is the hot path of
// keyed operators: it touches all slots, then all entries, so that the misses of many keys overlap.
#include "core/state/state.h"

#include "core/state/internal.h"

// --- life ----------------------------------------------------------------------------------------

static size_t state_bytes(uint32_t group_count)
{
    return sizeof(struct tm_state) + group_count * sizeof(struct tm__state_group);
}

static struct tm__state_shared *make_shared(struct tm_mem *mem)
{
    struct tm__state_shared *shared = tm_mem_alloc(mem, sizeof *shared);
    if (shared == NULL)
        return NULL;
    shared->holders = 0;
    shared->leaving = NULL;
    tm__state_pool_init(&shared->pool, mem);
    return shared;
}

struct tm_state *tm__state_make(const struct tm_state_args *args, struct tm__state_shared *shared)
{
    uint32_t count = args->last_key_group - args->first_key_group + 1;
    struct tm_state *made = tm_mem_zalloc(args->mem, state_bytes(count));
    if (made == NULL)
        return NULL;
    if (shared == NULL)
        shared = make_shared(args->mem);
    if (shared == NULL) {
        tm_mem_free(args->mem, made, state_bytes(count));
        return NULL;
    }
    shared->holders++;
    made->shared = shared;
    made->pool = &shared->pool;
    made->max_parallelism = args->max_parallelism;
    made->first_key_group = args->first_key_group;
    made->group_count = count;
    made->block_count = (count + TM__BLOCK_TABLES - 1) / TM__BLOCK_TABLES;
    made->value_bytes = args->value_bytes;
    return made;
}

int tm_state_new(const struct tm_state_args *args, struct tm_state **state, struct tm_error *err)
{
    TM_CHECK(args->first_key_group <= args->last_key_group);
    TM_CHECK(args->last_key_group < args->max_parallelism);
    TM_CHECK(args->value_bytes % 8 == 0);
    if (args->value_bytes > TM__PAGE_BYTES_MAX / 2)
        return tm_error_set(err, TM_E_ARGUMENT,
                            "a keyed value of %u bytes is too large, at most %d", args->value_bytes,
                            TM__PAGE_BYTES_MAX / 2);
    *state = tm__state_make(args, NULL);
    return *state == NULL ? tm_error_set(err, TM_E_MEMORY, "out of memory for keyed state") : 0;
}

void tm__state_shared_leave(struct tm__state_shared *shared)
{
    if (--shared->holders != 0)
        return;
    struct tm_mem *mem = shared->pool.mem;
    tm__state_pool_fini(&shared->pool);
    tm_mem_free(mem, shared, sizeof *shared);
}

void tm_state_free(struct tm_state *state)
{
    if (state == NULL)
        return;
    while (state->namespace_count != 0)
        tm_state_namespace_drop(state, state->namespaces[state->namespace_count - 1]);
    for (uint32_t i = 0; i < state->group_count; i++) {
        if (state->groups[i].pages != NULL)
            state->groups[i].pages->lived--;
        tm__state_pages_drop(state->pool, state->groups[i].pages, state->store);
    }
    tm__state_pool_free(state->pool, state->namespaces,
                        state->namespace_capacity * sizeof *state->namespaces);
    struct tm__state_shared *shared = state->shared;
    tm_mem_free(shared->pool.mem, state, state_bytes(state->group_count));
    tm__state_shared_leave(shared);
}

int64_t tm_state_used_bytes(const struct tm_state *state)
{
    return state->pool->reserved_bytes - state->pool->cold_bytes +
           (int64_t)(sizeof *state->shared + state_bytes(state->group_count));
}

void tm_state_key_groups(const struct tm_state *state, uint32_t *max_parallelism, uint32_t *first,
                         uint32_t *last)
{
    *max_parallelism = state->max_parallelism;
    *first = state->first_key_group;
    *last = state->first_key_group + state->group_count - 1;
}

uint32_t tm_state_copies(const struct tm_state *state)
{
    return state->copies;
}

uint32_t tm_state_key_group(const struct tm_state *state, uint64_t hash)
{
    return tm_hash_key_group(hash, state->max_parallelism);
}

int tm_state_expect(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                    uint32_t keys)
{
    uint32_t index = key_group - state->first_key_group;
    TM_CHECK(index < state->group_count);
    return tm__state_table_expect(state, ns, index, keys) ? 0 : TM_E_MEMORY;
}

// --- one key -------------------------------------------------------------------------------------

void *tm_state_upsert(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *key,
                      bool *created)
{
    uint32_t index = tm__state_group_index(state, key->hash);
    TM_CHECK(index < state->group_count);
    return tm__state_table_upsert(state, ns, index, key, created);
}

const void *tm_state_find(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *key)
{
    uint32_t index = tm__state_group_index(state, key->hash);
    TM_CHECK(index < state->group_count);
    const struct tm__state_group *group = &state->groups[index];
    if (TM_UNLIKELY(tm__state_table_of(ns, index)->unindexed) &&
        !tm__state_table_index(state, ns, index))
        return NULL;
    uint64_t *slot;
    if (tm__state_table_place(state, group, tm__state_table_of(ns, index), key, &slot) != 1)
        return NULL;
    return tm__state_address(group, (uint32_t)*slot) + sizeof(struct tm__state_entry);
}

// --- a batch of keys -----------------------------------------------------------------------------

// Keys go through in groups of TM_STATE_LOOK: while the entries of one group are on their way to
// the cache, the slots of the next are asked for. They are asked for in the second level: more are
// under way than the first one's buffers hold, and a full buffer stalls everything.

// `stride` is 0 (one namespace) or 1: a constant where this is called, as in the next ones.
static inline __attribute__((always_inline)) void first_look(
    struct tm_state *state, struct tm_namespace *const *namespaces, size_t stride,
    const struct tm_key *keys, uint32_t count, struct tm_state_look *look)
{
    for (uint32_t k = 0; k < count; k++) {
        uint32_t index = tm__state_group_index(state, keys[k].hash);
        TM_CHECK(index < state->group_count);
        const struct tm__state_table *table = tm__state_table_of(namespaces[k * stride], index);
        look->group[k] = &state->groups[index];
        uint64_t *home = tm__state_home(table, (uint32_t)keys[k].hash);
        look->home[k] = home;
        __builtin_prefetch(home, 0, 2);
        __builtin_prefetch(home + 3, 0,
                           2); // what a search reads at once may cross into the next line
    }
    look->moves = state->moves;
}

// The address of the first entry with the key's tag where it can be written, or 0. Homes are
// computed again if slots have moved since the first look.
static inline __attribute__((always_inline)) void second_look(
    const struct tm_state *state, struct tm_namespace *const *namespaces, size_t stride,
    const struct tm_key *keys, uint32_t count, struct tm_state_look *look)
{
    // The key may lie in the next line; of 8 bytes it is not read.
    uint32_t tail = state->value_bytes + (uint32_t)sizeof(struct tm__state_entry);
    tail -= count != 0 && keys[0].length == sizeof(uint64_t);
    if (TM_UNLIKELY(look->moves != state->moves))
        for (uint32_t k = 0; k < count; k++)
            look->home[k] =
                tm__state_home(tm__state_table_of(namespaces[k * stride],
                                                  tm__state_group_index(state, keys[k].hash)),
                               (uint32_t)keys[k].hash);
    for (uint32_t k = 0; k < count; k++) {
        uint64_t wanted = (uint64_t)(uint32_t)keys[k].hash << 32;
        uint64_t slot = *tm__state_seek(look->home[k], wanted);
        look->entry[k] = 0;
        const struct tm__state_group *group = look->group[k];
        // The same tag, and not the empty slot.
        if (TM_LIKELY((slot ^ wanted) < UINT32_MAX)) {
            uintptr_t address = tm__state_raw_address(group, (uint32_t)slot);
            __builtin_prefetch((const void *)address, 0, 2);
            __builtin_prefetch((const void *)(address + tail), 0, 2);
            // Not of a page that others share, or that is absent: the flags are in the address.
            // Pages are told to be shared when their page table is copied, so before that none of
            // its addresses is kept.
            if (TM_LIKELY(tm__state_is_own(group, address)))
                look->entry[k] = address;
        }
    }
}

static inline __attribute__((always_inline)) int last_look(struct tm_state *state,
                                                           struct tm_namespace *const *namespaces,
                                                           size_t stride, const struct tm_key *keys,
                                                           uint32_t count,
                                                           const struct tm_state_look *look,
                                                           void **values, bool *created)
{
    uint32_t value_bytes = state->value_bytes;
    if (count != 0 && look->entry[0] != 0) // most likely it is found again
        tm__state_pool_mark(state->pool, keys[0].hash);
    for (uint32_t k = 0; k < count; k++) {
        const struct tm__state_group *group = look->group[k];
        struct tm__state_entry *entry = (struct tm__state_entry *)look->entry[k];
        // It may have been frozen since.
        if (TM_LIKELY(entry != NULL) && TM_LIKELY(group->shared == 0) &&
            TM_LIKELY(tm__state_entry_is(entry, value_bytes, &keys[k]))) {
            values[k] = entry + 1;
            if (created != NULL)
                created[k] = false;
            continue;
        }
        values[k] =
            tm__state_table_upsert(state, namespaces[k * stride], (uint32_t)(group - state->groups),
                                   &keys[k], created == NULL ? NULL : &created[k]);
        if (TM_UNLIKELY(values[k] == NULL))
            return TM_E_MEMORY;
    }
    return 0;
}

static inline __attribute__((always_inline)) int upsert_all(
    struct tm_state *state, struct tm_namespace *const *namespaces, size_t stride,
    const struct tm_key *keys, uint32_t count, void **values, bool *created)
{
    struct tm_state_look looks[2];
    tm__state_pool_note_keys(state->pool, count);
    uint32_t next = count < TM_STATE_LOOK ? count : TM_STATE_LOOK, at = 0;
    first_look(state, namespaces, stride, keys, next, &looks[0]);
    for (uint32_t base = 0; base < count; at ^= 1) {
        uint32_t now = next, then = count - base - now;
        next = then < TM_STATE_LOOK ? then : TM_STATE_LOOK;
        second_look(state, namespaces + base * stride, stride, keys + base, now, &looks[at]);
        first_look(state, namespaces + (base + now) * stride, stride, keys + base + now, next,
                   &looks[at ^ 1]);
        int rc = last_look(state, namespaces + base * stride, stride, keys + base, now, &looks[at],
                           values + base, created == NULL ? NULL : created + base);
        if (rc != 0)
            return rc;
        base += now;
    }
    return 0;
}

void tm_state_look(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *keys,
                   uint32_t count, struct tm_state_look *look)
{
    first_look(state, &ns, 0, keys, count, look);
}

void tm_state_look_again(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *keys,
                         uint32_t count, struct tm_state_look *look)
{
    second_look(state, &ns, 0, keys, count, look);
}

int tm_state_upsert_looked(struct tm_state *state, struct tm_namespace *ns,
                           const struct tm_key *keys, uint32_t count,
                           const struct tm_state_look *look, void **values)
{
    tm__state_pool_note_keys(state->pool, count);
    return last_look(state, &ns, 0, keys, count, look, values, NULL);
}

int tm_state_upsert_batch(struct tm_state *state, struct tm_namespace *ns,
                          const struct tm_key *keys, uint32_t count, void **values, bool *created)
{
    if (ns->size <= TM__RECENT_KEYS) {
        if (ns->looked_up < TM__RECENT_AFTER)
            ns->looked_up += count;
        else if (tm__state_recent_make(state, ns))
            return tm__state_recent_upsert(state, ns, keys, count, values, created);
    }
    if (created == NULL) // one question less for each key
        return upsert_all(state, &ns, 0, keys, count, values, NULL);
    return upsert_all(state, &ns, 0, keys, count, values, created);
}

int tm_state_upsert_each(struct tm_state *state, struct tm_namespace *const *namespaces,
                         const struct tm_key *keys, uint32_t count, void **values, bool *created)
{
    return upsert_all(state, namespaces, 1, keys, count, values, created);
}

// --- iteration -----------------------------------------------------------------------------------

void tm_state_iterate(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                      struct tm_state_cursor *cursor)
{
    uint32_t index = key_group - state->first_key_group;
    TM_CHECK(index < state->group_count);
    struct tm__state_table *table = tm__state_table_of(ns, index);
    cursor->state = state;
    cursor->ns = ns;
    cursor->key_group = key_group;
    cursor->code = 0;
    cursor->entry = cursor->ahead_count = cursor->ahead_next = 0;
    cursor->slot = cursor->end = NULL;
    if (TM_UNLIKELY(table->unindexed) && !tm__state_table_index(state, ns, index))
        cursor->code = TM_E_MEMORY;
    cursor->left = table->count; // or it ends with what the code says
}

int tm_state_see_all(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                     struct tm_buf *scratch, tm_state_see *see, void *arg)
{
    uint32_t index = key_group - state->first_key_group;
    TM_CHECK(index < state->group_count);
    return tm__state_table_of(ns, index)->count == 0
               ? 0
               : tm__state_table_see(state, ns, index, scratch, see, arg);
}

void tm_state_ask(const struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                  bool near)
{
    uint32_t index = key_group - state->first_key_group;
    if (index >= state->group_count)
        return;
    const struct tm__state_table *table = tm__state_table_of(ns, index);
    if (!near)
        __builtin_prefetch(table);
    else if (table->count != 0 && !table->unindexed && table->directory_bits == 0)
        for (const uint64_t *slot = tm__state_slots_at(table->only), *end = slot + table->homes;
             slot < end; slot += 8)
            __builtin_prefetch(slot);
}

void tm_state_iterate_from(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                           uint32_t from, struct tm_state_cursor *cursor)
{
    tm_state_iterate(state, ns, key_group, cursor);
    if (cursor->code == 0)
        tm__state_table_enter(tm__state_table_of(ns, key_group - state->first_key_group), from,
                              cursor);
}

// Pick out the full slots among the next ones, without a branch on which are; their entries lie in
// the order of arrival, so all are asked for at once. False: the end.
static bool look_ahead(struct tm_state_cursor *cursor, const struct tm__state_group *group,
                       const struct tm__state_table *table)
{
    enum { STRIDE = 4 }; // as many empty ones stand behind the last slot
    uint32_t count = 0;
    while (count <= TM_STATE_SOME - STRIDE && count < cursor->left && cursor->code == 0) {
        if (cursor->slot >= cursor->end && !tm__state_table_next_page(table, cursor)) {
            cursor->left = count;
            break;
        }
        const uint64_t *slot = cursor->slot;
        for (uint32_t k = 0; k < STRIDE; k++) {
            cursor->ahead[count] = slot[k];
            count += slot[k] != TM__EMPTY;
        }
        cursor->slot = slot + STRIDE;
    }
    cursor->left -= count;
    for (uint32_t k = 0; k < count; k++)
        __builtin_prefetch(tm__state_address(group, (uint32_t)cursor->ahead[k]), 1);
    cursor->ahead_count = count;
    cursor->ahead_next = 0;
    return count != 0;
}

// False: the entry's page is absent and cannot be had.
static inline bool read_entry(struct tm_state_cursor *cursor, const struct tm__state_group *group,
                              uint64_t slot, struct tm_key *key, const void **value)
{
    const uint8_t *at = tm__state_read(cursor->state, group, (uint32_t)slot);
    if (TM_UNLIKELY(at == NULL)) {
        cursor->code = TM_E_MEMORY;
        return false;
    }
    const struct tm__state_entry *entry = (const struct tm__state_entry *)(const void *)at;
    key->hash = entry->hash;
    key->length = entry->key_length;
    key->bytes = at + sizeof *entry + cursor->state->value_bytes;
    *value = at + sizeof *entry;
    return true;
}

bool tm_state_next(struct tm_state_cursor *cursor, struct tm_key *key, const void **value)
{
    const struct tm_state *state = cursor->state;
    uint32_t index = cursor->key_group - state->first_key_group;
    const struct tm__state_group *group = &state->groups[index];
    if (cursor->ahead_next == cursor->ahead_count &&
        !look_ahead(cursor, group, tm__state_table_of(cursor->ns, index)))
        return false;
    return read_entry(cursor, group, cursor->ahead[cursor->ahead_next++], key, value);
}

uint32_t tm_state_next_some(struct tm_state_cursor *cursor, struct tm_key *keys,
                            const void **values)
{
    const struct tm_state *state = cursor->state;
    uint32_t index = cursor->key_group - state->first_key_group, count = 0;
    const struct tm__state_group *group = &state->groups[index];
    if (cursor->ahead_next == cursor->ahead_count &&
        !look_ahead(cursor, group, tm__state_table_of(cursor->ns, index)))
        return 0;
    for (uint32_t i = cursor->ahead_next; i < cursor->ahead_count; i++, count++)
        if (!read_entry(cursor, group, cursor->ahead[i], &keys[count], &values[count]))
            return 0;
    cursor->ahead_next = cursor->ahead_count;
    return count;
}

void *tm_state_edit(struct tm_state_cursor *cursor, uint32_t back)
{
    struct tm_state *state = cursor->state;
    TM_CHECK(back != 0 && back <= cursor->ahead_next);
    uint32_t reference = (uint32_t)cursor->ahead[cursor->ahead_next - back];
    uint8_t *at =
        tm__state_own(state, &state->groups[cursor->key_group - state->first_key_group], reference);
    return at == NULL ? NULL : at + sizeof(struct tm__state_entry);
}
