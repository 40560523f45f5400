// Maps and lists of a record, entry after entry: walks of user code, sizes, and the search for what
// is over.
//
// A walk is known by a number. Some can be under way at once, one within the other. Nobody says
// when one is over, as user code may leave it before its end: a new one takes the place of that
// which has stood still the longest, and a walk that has lost its place is an error when it goes
// on. It goes by the order of the state: a map's entries that are put behind its place are seen,
// those removed are not; a list's values that are appended are seen. Clearing ends it.
#include "core/operator/collections_private.h"

#include <math.h>

// --- walks ---------------------------------------------------------------------------------------

// The first that is of no walk of this call, else of the one that was used before all others.
static uint32_t find_place(const struct tm__operator_walks *walks, double call)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < TM__OPERATOR_WALKS; i++) {
        if (walks->walks[i].number == 0 || walks->walks[i].call != call)
            return i;
        if (walks->walks[i].used < walks->walks[oldest].used)
            oldest = i;
    }
    return oldest;
}

double tm__operator_collection_walk(void *arg, uint8_t **slot, uint32_t n)
{
    struct tm__operator_keyed *keyed = arg;
    struct tm__operator_walks *walks = keyed->walks;
    uint32_t place = find_place(walks, keyed->entry->call);
    struct tm__operator_walk *walk = &walks->walks[place];
    walks->last += TM__OPERATOR_WALKS;
    walk->number = walks->last + place;
    walk->used = ++walks->used;
    walk->call = keyed->entry->call;
    walk->n = n;
    walk->index = tm__operator_keyed_index(keyed, slot);
    walk->ended = false;
    walk->cursor = (struct tm_state_map_cursor){0};
    walk->next = walk->value = walk->value_count = 0;
    return walk->number;
}

void tm__operator_collection_lose_walks(struct tm__operator_keyed *keyed, uint32_t index,
                                        uint32_t n, bool ended)
{
    for (uint32_t i = 0; i < TM__OPERATOR_WALKS; i++) {
        struct tm__operator_walk *walk = &keyed->walks->walks[i];
        if (walk->n != n || walk->index != index)
            continue;
        walk->ended = walk->ended || ended;
        walk->cursor.bucket = 0; // found anew by the hash
    }
}

static int next_of_map(struct tm__operator_keyed *keyed,
                       const struct tm__operator_collection_at *at, struct tm__operator_walk *walk,
                       double access, struct tm_span *value)
{
    struct tm_key key;
    int rc;
    do {
        rc = tm_state_map_next(&at->place, &at->head->map, &walk->cursor, &key, value);
        if (rc != 1)
            return rc;
    } while (tm__operator_collection_is_over(keyed, at->spec, value->bytes));
    if (at->spec->refreshes && tm__operator_collection_access(value->bytes) < access) {
        rc = tm__operator_map_access(keyed, at, walk->index, walk->n, &key, access);
        if (rc < 0)
            return rc;
        walk->cursor.bucket = 0; // a page may have been copied
        walk->cursor.passed--;
        rc = tm_state_map_next(&at->place, &at->head->map, &walk->cursor, &key, value);
        if (rc != 1)
            return rc;
    }
    keyed->entry->found_key = key.bytes;
    keyed->entry->found_key_length = (int32_t)key.length;
    return 1;
}

// The next values of the chunk of the list are at hand as long as nothing changes.
static int next_of_list(struct tm__operator_keyed *keyed,
                        const struct tm__operator_collection_at *at, struct tm__operator_walk *walk,
                        double access, struct tm_span *value)
{
    for (;;) {
        if (walk->value == walk->value_count || walk->changes != keyed->mutations) {
            int count = tm_state_list_some(&at->place, &at->head->list, walk->next, walk->values,
                                           TM_STATE_LIST_SOME);
            if (count <= 0)
                return count;
            walk->value = 0;
            walk->value_count = (uint32_t)count;
            walk->changes = keyed->mutations;
        }
        *value = walk->values[walk->value++];
        walk->next++;
        if (!tm__operator_collection_is_over(keyed, at->spec, value->bytes))
            break;
    }
    if (at->spec->refreshes && tm__operator_collection_access(value->bytes) < access) {
        int rc = tm__operator_list_access(keyed, at, walk->index, walk->n, walk->next - 1, access);
        return rc < 0 ? rc : tm_state_list_get(&at->place, &at->head->list, walk->next - 1, value);
    }
    return 1;
}

static struct tm_span without_access(const struct tm__operator_collection_spec *spec,
                                     struct tm_span value)
{
    uint32_t access_bytes = tm__operator_collection_access_bytes(spec);
    return (struct tm_span){(const uint8_t *)value.bytes + access_bytes,
                            value.length - access_bytes};
}

int tm__operator_collection_walk_next(void *arg, double number, double access)
{
    struct tm__operator_keyed *keyed = arg;
    if (!(number >= 1) || number >= keyed->walks->last + TM__OPERATOR_WALKS)
        return TM_E_NOT_FOUND;
    struct tm__operator_walk *walk = &keyed->walks->walks[(uint64_t)number % TM__OPERATOR_WALKS];
    if (walk->number != number || walk->call != keyed->entry->call)
        return TM_E_NOT_FOUND;
    walk->used = ++keyed->walks->used;
    const struct tm__operator_collection_at at =
        tm__operator_collection_of(keyed, walk->index, walk->n);
    if (walk->ended || tm__operator_collection_count(&at) == 0)
        return 0;
    struct tm_span value;
    int rc = at.spec->is_map ? next_of_map(keyed, &at, walk, access, &value)
                             : next_of_list(keyed, &at, walk, access, &value);
    if (rc != 1)
        return rc;
    value = without_access(at.spec, value);
    keyed->entry->found = value.bytes;
    keyed->entry->found_length = (int32_t)value.length;
    return 1;
}

// --- sizes ---------------------------------------------------------------------------------------

// Entries that are not over; *oldest: their earliest access. TM_E_MEMORY.
static int64_t count_of_map(const struct tm__operator_keyed *keyed,
                            const struct tm__operator_collection_at *at, double *oldest)
{
    struct tm_state_map_cursor cursor = {0};
    struct tm_key key;
    struct tm_span value;
    int64_t count = 0;
    int rc;
    while ((rc = tm_state_map_next(&at->place, &at->head->map, &cursor, &key, &value)) == 1) {
        if (tm__operator_collection_is_over(keyed, at->spec, value.bytes))
            continue;
        count++;
        *oldest = fmin(*oldest, tm__operator_collection_access(value.bytes));
    }
    return rc < 0 ? rc : count;
}

static int64_t count_of_list(const struct tm__operator_keyed *keyed,
                             const struct tm__operator_collection_at *at, double *oldest)
{
    struct tm_span values[TM_STATE_LIST_SOME];
    int64_t live = 0;
    int count;
    for (uint32_t i = 0;; i += (uint32_t)count) {
        count = tm_state_list_some(&at->place, &at->head->list, i, values, TM_STATE_LIST_SOME);
        if (count <= 0)
            return count < 0 ? count : live;
        for (int k = 0; k < count; k++) {
            if (tm__operator_collection_is_over(keyed, at->spec, values[k].bytes))
                continue;
            live++;
            *oldest = fmin(*oldest, tm__operator_collection_access(values[k].bytes));
        }
    }
}

int64_t tm__operator_collection_size(void *arg, uint8_t **slot, uint32_t n)
{
    struct tm__operator_keyed *keyed = arg;
    const struct tm__operator_collection_at at =
        tm__operator_collection_of(keyed, tm__operator_keyed_index(keyed, slot), n);
    int64_t count = tm__operator_collection_count(&at);
    if (count == 0 || tm__operator_collection_is_fresh(keyed, &at))
        return count;
    if (!at.spec->is_map && tm__operator_collection_ascends(&at)) {
        int64_t skip = tm__operator_collection_skip(keyed, &at);
        return skip < 0 ? skip : count - skip;
    }
    double oldest = (double)INFINITY;
    int64_t live =
        at.spec->is_map ? count_of_map(keyed, &at, &oldest) : count_of_list(keyed, &at, &oldest);
    if (live == count)
        at.head->oldest = oldest;
    return live;
}

// --- what is over --------------------------------------------------------------------------------

bool tm__operator_collections_expire(const struct tm__operator_keyed *keyed, const void *record)
{
    for (uint32_t n = 0; n < keyed->record.collection_count; n++) {
        const struct tm__operator_collection_at at =
            tm__operator_collection_in(keyed, (uint8_t *)(uintptr_t)record, 0, n);
        if (tm__operator_collection_count(&at) != 0 &&
            !tm__operator_collection_is_fresh(keyed, &at))
            return true;
    }
    return false;
}

struct sift {
    const struct tm__operator_keyed *keyed;
    const struct tm__operator_collection_spec *spec;
    double oldest; // access of what stays
};

static bool goes(void *arg, const struct tm_span *value)
{
    struct sift *sift = arg;
    if (tm__operator_collection_is_over(sift->keyed, sift->spec, value->bytes))
        return true;
    sift->oldest = fmin(sift->oldest, tm__operator_collection_access(value->bytes));
    return false;
}

static int sweep_map(const struct tm__operator_keyed *keyed,
                     const struct tm__operator_collection_at *at,
                     struct tm_state_map_cursor *cursor, uint32_t *budget)
{
    struct sift sift = {keyed, at->spec, (double)INFINITY};
    bool whole = cursor->hash == 0 && cursor->passed == 0;
    while (*budget >= TM_STATE_MAP_SIFT) {
        uint32_t seen;
        int rc = tm_state_map_sift(&at->place, &at->head->map, cursor, goes, &sift, &seen);
        if (rc < 0)
            return rc;
        if (rc == 0) {
            if (whole)
                at->head->oldest = sift.oldest;
            return 0;
        }
        *budget -= seen;
        if (at->head->map.count == 0) {
            tm_state_map_clear(&at->place, &at->head->map);
            return 0;
        }
    }
    return 1;
}

// Small lists are written anew without what is over.
static int rewrite_list(const struct tm__operator_keyed *keyed,
                        const struct tm__operator_collection_at *at)
{
    struct tm_state_list made = {0};
    double oldest = (double)INFINITY, newest = -(double)INFINITY;
    struct tm_span values[TM_STATE_LIST_SOME];
    int count, rc = 0;
    for (uint32_t i = 0; rc == 0; i += (uint32_t)count) {
        // Appending may move what the values lie in.
        count = tm_state_list_some(&at->place, &at->head->list, i, values, 1);
        if (count <= 0) {
            rc = count;
            break;
        }
        if (tm__operator_collection_is_over(keyed, at->spec, values[0].bytes))
            continue;
        double access = tm__operator_collection_access(values[0].bytes);
        oldest = fmin(oldest, access);
        newest = access >= newest ? access : (double)INFINITY;
        rc = tm_state_list_append(&at->place, &made, values[0].bytes, values[0].length);
    }
    struct tm_state_list *gone = rc == 0 ? &at->head->list : &made;
    tm_state_list_clear(&at->place, gone);
    if (rc != 0)
        return rc;
    *at->head = (struct tm__operator_collection){.list = made, .oldest = oldest, .newest = newest};
    return 0;
}

static int sweep_list(struct tm__operator_keyed *keyed, const struct tm__operator_collection_at *at,
                      uint32_t *budget)
{
    uint32_t count = at->head->list.count;
    if (!tm__operator_collection_ascends(at) && count <= TM_SWEEP_VALUES) {
        if (count > *budget)
            return 1;
        *budget -= count;
        return rewrite_list(keyed, at);
    }
    int64_t skip = 0;
    struct tm_span value;
    if (tm__operator_collection_ascends(at))
        skip = tm__operator_collection_skip(keyed, at);
    else
        while (skip < *budget &&
               tm_state_list_get(&at->place, &at->head->list, (uint32_t)skip, &value) == 1 &&
               tm__operator_collection_is_over(keyed, at->spec, value.bytes))
            skip++;
    if (skip < 0)
        return (int)skip;
    uint32_t goes = skip > *budget ? *budget : (uint32_t)skip;
    int rc = tm_state_list_remove_first(&at->place, &at->head->list, goes);
    *budget -= goes;
    if (rc != 0)
        return rc;
    if (goes != skip)
        return 1;
    if (at->head->list.count == 0)
        tm_state_list_clear(&at->place, &at->head->list);
    else if (tm__operator_collection_ascends(at) &&
             tm_state_list_get(&at->place, &at->head->list, 0, &value) == 1)
        at->head->oldest = tm__operator_collection_access(value.bytes);
    return 0;
}

int tm__operator_collections_sweep(struct tm__operator_keyed *keyed, const struct tm_key *key,
                                   void *record, uint32_t *budget)
{
    struct tm__operator_sweep *sweep = &keyed->sweep;
    bool resumes = sweep->key_hash == key->hash && sweep->goes_on;
    struct tm_state_map_cursor cursor = {0};
    int rc = 0;
    if (resumes)
        cursor = (struct tm_state_map_cursor){.hash = sweep->hash, .passed = sweep->passed};
    for (uint32_t n = resumes ? sweep->n : 0; rc == 0 && n < keyed->record.collection_count; n++) {
        const struct tm__operator_collection_at at = tm__operator_collection_in(
            keyed, record, tm_state_key_group(keyed->state, key->hash), n);
        if (tm__operator_collection_count(&at) != 0 &&
            !tm__operator_collection_is_fresh(keyed, &at))
            rc = at.spec->is_map ? sweep_map(keyed, &at, &cursor, budget)
                                 : sweep_list(keyed, &at, budget);
        tm__operator_collection_mark(&at, tm__operator_collection_count(&at) != 0);
        sweep->n = n;
        sweep->hash = cursor.hash;
        sweep->passed = cursor.passed;
        cursor = (struct tm_state_map_cursor){0};
    }
    sweep->key_hash = key->hash;
    sweep->goes_on = rc == 1;
    return rc;
}
