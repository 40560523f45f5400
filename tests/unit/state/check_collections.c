// List and map state against plain models: every size of keys, values and collections, snapshots,
// forks, a store, memory that runs out, the order of walks, and how much a change moves.
#include "core/state/collection.h"

#include "tests/unit/state/store.h"
#include "tests/unit/state/support.h"

// --- keys and values -----------------------------------------------------------------------------

enum { KEYS = 1500, SETS = 3, LIST_MAX = 9000 };

static uint8_t *key_bytes[KEYS];
static struct tm_key keys[KEYS]; // in the order of walks

static int by_order(const void *a, const void *b)
{
    const struct tm_key *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    uint32_t n = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->bytes, y->bytes, n);
    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

// Of all lengths from nothing on; a third with one hash: XXH3 multiplies parts of what it hashes,
// so that a part which makes a factor zero hides another.
static void make_keys(uint32_t of_one_hash)
{
    for (uint32_t k = 0; k < KEYS; k++) {
        uint32_t kind = (uint32_t)draw(10), length = 8;
        if (k == 0)
            length = 0;
        else if (kind < 3)
            length = 3 + (uint32_t)draw(20);
        else if (kind == 3)
            length = 20 + (uint32_t)draw(600);
        bool hidden = k != 0 && draw(100) < of_one_hash;
        if (hidden)
            length = 32;
        key_bytes[k] = realloc(key_bytes[k], length + 1);
        memset(key_bytes[k], 'k', length);
        memcpy(key_bytes[k], &k, length < 3 ? length : 3);
        if (hidden) {
            memcpy(key_bytes[k], XXH3_kSecret, 8);
            memcpy(key_bytes[k] + 8, &k, sizeof k);
        }
        keys[k] = (struct tm_key){tm_hash_bytes(key_bytes[k], length), key_bytes[k], length};
    }
    qsort(keys, KEYS, sizeof *keys, by_order);
}

struct text { // bytes that follow from a number
    uint32_t length, seed;
};
static uint32_t longest = 20000;
static uint8_t buffer[20000];

static struct text draw_text(void)
{
    uint32_t kind = (uint32_t)draw(100), length = 8;
    if (kind < 20)
        length = (uint32_t)draw(20);
    else if (kind < 30)
        length = (uint32_t)draw(300);
    else if (kind == 30)
        length = (uint32_t)draw(longest);
    return (struct text){length, (uint32_t)draw(1u << 30)};
}

static const void *bytes_of(struct text text)
{
    for (uint32_t i = 0; i < text.length; i++)
        buffer[i] = (uint8_t)(text.seed + i * 7);
    return buffer;
}

static void check_text(struct text text, const void *bytes, uint32_t length)
{
    ck_assert_uint_eq(length, text.length);
    if (length != 0)
        ck_assert_int_eq(memcmp(bytes, bytes_of(text), length), 0);
    ck_assert_uint_eq((uintptr_t)bytes % 8, 0);
}

// --- a state with some maps and lists, and what they must hold -----------------------------------

struct record {
    struct tm_state_map map;
    struct tm_state_list list;
};

struct model {
    struct tm_place place;
    bool there[SETS][KEYS];
    struct text value[SETS][KEYS];
    uint32_t count[SETS];
    struct text item[SETS][LIST_MAX];
    uint32_t items[SETS];
};

static uint64_t looked[3]; // how much was told: enum tm_state_told

static struct tm_key record_key(const uint32_t *set)
{
    return (struct tm_key){tm_hash_bytes(set, sizeof *set), set, sizeof *set};
}

static struct tm_state *new_state(void)
{
    struct tm_state_args args = {&mem, 1, 0, 0, sizeof(struct record)};
    struct tm_state *state;
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    return state;
}

static struct model *new_model(struct tm_state *state)
{
    struct model *m = calloc(1, sizeof *m);
    m->place = (struct tm_place){state, tm_state_namespace_find(state, 0), 0};
    if (m->place.ns == NULL)
        m->place.ns = tm_state_namespace_create(state, 0);
    return m;
}

// For writing; with memory.
static struct record *record_of(struct model *m, uint32_t set)
{
    int64_t left = allocations_left;
    allocations_left = INT64_MAX;
    struct tm_key key = record_key(&set);
    struct record *record = tm_state_upsert(m->place.state, m->place.ns, &key, NULL);
    ck_assert_ptr_nonnull(record);
    allocations_left = left;
    return record;
}

static const struct record *read_record(const struct model *m, uint32_t set)
{
    static const struct record none;
    struct tm_key key = record_key(&set);
    const struct record *record = tm_state_find(m->place.state, m->place.ns, &key);
    return record == NULL ? &none : record;
}

// What is told of many at once is right; of a map's own memory all is told but what shares a tag.
static void check_look(const struct model *m, const struct tm_state_map *map, uint32_t set)
{
    struct tm_state_map_look looks[TM_STATE_LOOK];
    for (uint32_t first = 0; first < KEYS; first += TM_STATE_LOOK) {
        uint32_t count = KEYS - first < TM_STATE_LOOK ? KEYS - first : TM_STATE_LOOK;
        for (uint32_t i = 0; i < count; i++)
            looks[i] = (struct tm_state_map_look){.map = map, .key = keys[first + i]};
        tm_state_map_look_begin(m->place.state, looks, count);
        tm_state_map_look(looks, count);
        for (uint32_t i = 0; i < count; i++) {
            looked[looks[i].told]++;
            if (looks[i].told == TM_STATE_UNTOLD)
                continue;
            ck_assert_int_eq(looks[i].told == TM_STATE_THERE, m->there[set][first + i]);
            if (looks[i].told == TM_STATE_THERE)
                check_text(m->value[set][first + i], looks[i].value, looks[i].length);
        }
    }
}

// A walk gives all entries, in order.
static void check_map(const struct model *m, uint32_t set)
{
    const struct tm_state_map *map = &read_record(m, set)->map;
    struct tm_state_map_cursor cursor = {0};
    struct tm_key key;
    struct tm_span value;
    ck_assert_uint_eq(map->count, m->count[set]);
    check_look(m, map, set);
    for (uint32_t k = 0; k < KEYS; k++) {
        ck_assert_int_eq(tm_state_map_get(&m->place, map, &keys[k], &value), m->there[set][k]);
        if (!m->there[set][k])
            continue;
        check_text(m->value[set][k], value.bytes, value.length);
        ck_assert_int_eq(tm_state_map_next(&m->place, map, &cursor, &key, &value), 1);
        ck_assert_int_eq(by_order(&key, &keys[k]), 0);
        check_text(m->value[set][k], value.bytes, value.length);
    }
    ck_assert_int_eq(tm_state_map_next(&m->place, map, &cursor, &key, &value), 0);
    ck_assert_int_eq(tm_state_map_next(&m->place, map, &cursor, &key, &value), 0);
    ck_assert((map->bytes == 0) == (map->root == 0));
}

static void check_list(const struct model *m, uint32_t set)
{
    const struct tm_state_list *list = &read_record(m, set)->list;
    struct tm_span value, values[TM_STATE_LIST_SOME];
    ck_assert_uint_eq(list->count, m->items[set]);
    for (uint32_t i = 0; i < m->items[set]; i++) {
        ck_assert_int_eq(tm_state_list_get(&m->place, list, i, &value), 1);
        check_text(m->item[set][i], value.bytes, value.length);
    }
    ck_assert_int_eq(tm_state_list_get(&m->place, list, m->items[set], &value), 0);
    for (uint32_t i = 0; i < m->items[set];) {
        int some = tm_state_list_some(&m->place, list, i, values, TM_STATE_LIST_SOME);
        ck_assert_int_gt(some, 0);
        for (int k = 0; k < some; k++, i++)
            check_text(m->item[set][i], values[k].bytes, values[k].length);
    }
    ck_assert((list->bytes == 0) == (list->root == 0));
}

static void check_all(const struct model *m)
{
    for (uint32_t set = 0; set < SETS; set++) {
        check_map(m, set);
        check_list(m, set);
    }
}

// --- changes -------------------------------------------------------------------------------------

static void edit_entry(struct model *m, uint32_t set, uint32_t k, struct tm_state_map *map)
{
    void *value;
    uint32_t length;
    int rc = tm_state_map_edit(&m->place, map, &keys[k], &value, &length);
    if (rc == TM_E_MEMORY)
        return;
    ck_assert_int_eq(rc, m->there[set][k]);
    if (rc == 0)
        return;
    check_text(m->value[set][k], value, length);
    m->value[set][k].seed = (uint32_t)draw(1u << 30);
    memcpy(value, bytes_of(m->value[set][k]), length);
}

static void upsert_entry(struct model *m, uint32_t set, uint32_t k, struct tm_state_map *map)
{
    struct text text = draw_text();
    void *value;
    bool there = m->there[set][k], same = there && m->value[set][k].length == text.length;
    int rc = tm_state_map_upsert(&m->place, map, &keys[k], text.length, &value);
    if (rc == TM_E_MEMORY)
        return;
    ck_assert_int_eq(rc, !there);
    if (same)
        check_text(m->value[set][k], value, text.length);
    for (uint32_t i = 0; !same && i < text.length; i++)
        ck_assert_int_eq(((uint8_t *)value)[i], 0);
    memcpy(value, bytes_of(text), text.length);
    m->count[set] += !there;
    m->there[set][k] = true;
    m->value[set][k] = text;
}

// Mostly puts, or mostly removals.
static void change_map(struct model *m, uint32_t set, uint32_t puts_of_ten)
{
    struct tm_state_map *map = &record_of(m, set)->map;
    uint32_t k = (uint32_t)draw(KEYS), what = (uint32_t)draw(20);
    bool there = m->there[set][k];
    if (what == 0) {
        edit_entry(m, set, k, map);
    } else if (what < 3) {
        upsert_entry(m, set, k, map);
    } else if (draw(10) < puts_of_ten) {
        struct text text = draw_text();
        int rc = tm_state_map_put(&m->place, map, &keys[k], bytes_of(text), text.length);
        if (rc == TM_E_MEMORY)
            return;
        ck_assert_int_eq(rc, !there);
        m->count[set] += !there;
        m->there[set][k] = true;
        m->value[set][k] = text;
    } else {
        int rc = tm_state_map_remove(&m->place, map, &keys[k]);
        if (rc == TM_E_MEMORY)
            return;
        ck_assert_int_eq(rc, there);
        m->count[set] -= there;
        m->there[set][k] = false;
    }
}

// One value of `of` goes, the empty ones never.
struct choice {
    uint32_t of, asked;
};
static bool goes(struct text text, uint32_t of)
{
    return text.length != 0 && (uint8_t)text.seed % of == 0;
}
static bool is_chosen(void *arg, const struct tm_span *value)
{
    struct choice *choice = arg;
    choice->asked++;
    return value->length != 0 && *(const uint8_t *)value->bytes % choice->of == 0;
}

// What a sift took out of the map goes from the model. How many.
static uint32_t take_chosen(struct model *m, uint32_t set, uint32_t of)
{
    const struct tm_state_map *map = &record_of(m, set)->map;
    int64_t left = allocations_left;
    allocations_left = INT64_MAX;
    uint32_t before = m->count[set];
    for (uint32_t k = 0; k < KEYS; k++) {
        struct tm_span value;
        if (!m->there[set][k] || !goes(m->value[set][k], of) ||
            tm_state_map_get(&m->place, map, &keys[k], &value) == 1)
            continue;
        m->there[set][k] = false;
        m->count[set]--;
    }
    allocations_left = left;
    return before - m->count[set];
}

static void sift_map(struct model *m, uint32_t set)
{
    struct choice choice = {1 + (uint32_t)draw(5), 0};
    struct tm_state_map_cursor cursor = {0};
    uint32_t before = m->count[set], looked_at = 0, step;
    int rc;
    while ((rc = tm_state_map_sift(&m->place, &record_of(m, set)->map, &cursor, is_chosen, &choice,
                                   &step)) == 1) {
        looked_at += step;
        if (draw(2) == 0)
            cursor = (struct tm_state_map_cursor){.hash = cursor.hash, .passed = cursor.passed};
    }
    (void)take_chosen(m, set, choice.of);
    if (rc != 0)
        return;
    ck_assert_uint_eq(looked_at, before);
    for (uint32_t k = 0; k < KEYS; k++)
        ck_assert(!m->there[set][k] || !goes(m->value[set][k], choice.of));
}

static void set_item(struct model *m, uint32_t set, struct tm_state_list *list)
{
    uint32_t i = (uint32_t)draw(m->items[set] + 1);
    struct text text = draw_text();
    int rc = tm_state_list_set(&m->place, list, i, bytes_of(text), text.length);
    if (rc == TM_E_MEMORY)
        return;
    ck_assert_int_eq(rc, i < m->items[set]);
    if (rc == 1)
        m->item[set][i] = text;
}

static void drop_items(struct model *m, uint32_t set, struct tm_state_list *list, bool front)
{
    uint32_t n = (uint32_t)draw(draw(4) == 0 ? 400 : 4);
    int rc = front ? tm_state_list_remove_first(&m->place, list, n)
                   : tm_state_list_remove_last(&m->place, list, n);
    if (rc == TM_E_MEMORY)
        return;
    ck_assert_int_eq(rc, 0);
    n = n < m->items[set] ? n : m->items[set];
    m->items[set] -= n;
    if (front)
        memmove(m->item[set], m->item[set] + n, m->items[set] * sizeof *m->item[set]);
}

static void add_item(struct model *m, uint32_t set, struct tm_state_list *list, bool front)
{
    struct text text = draw_text();
    if (m->items[set] == LIST_MAX)
        return;
    int rc = front ? tm_state_list_prepend(&m->place, list, bytes_of(text), text.length)
                   : tm_state_list_append(&m->place, list, bytes_of(text), text.length);
    if (rc == TM_E_MEMORY)
        return;
    ck_assert_int_eq(rc, 0);
    if (front)
        memmove(m->item[set] + 1, m->item[set], m->items[set] * sizeof *m->item[set]);
    m->item[set][front ? 0 : m->items[set]] = text;
    m->items[set]++;
}

static void change_list(struct model *m, uint32_t set, uint32_t adds_of_ten)
{
    struct tm_state_list *list = &record_of(m, set)->list;
    uint32_t what = (uint32_t)draw(12);
    // Sets differ in where they grow: at the end, at both, at the begin.
    if (what == 0)
        set_item(m, set, list);
    else if (draw(200) < adds_of_ten * 19)
        add_item(m, set, list, draw(4) < set * 2);
    else
        drop_items(m, set, list, draw(3) != 0);
}

static void change(struct model *m, uint32_t adds_of_ten)
{
    uint32_t set = (uint32_t)draw(SETS);
    if (draw(500) == 0)
        sift_map(m, set);
    else if (draw(2) == 0)
        change_map(m, set, adds_of_ten);
    else
        change_list(m, set, adds_of_ten);
}

static void clear_all(struct model *m)
{
    for (uint32_t set = 0; set < SETS; set++) {
        struct record *record = record_of(m, set);
        tm_state_map_clear(&m->place, &record->map);
        tm_state_list_clear(&m->place, &record->list);
        m->count[set] = m->items[set] = 0;
        memset(m->there[set], 0, sizeof m->there[set]);
    }
}

static bool was_short; // of memory

// Entry by entry, so that everything shrinks.
static void empty_all(struct model *m)
{
    for (uint32_t set = 0; set < SETS; set++) {
        for (uint32_t i = 0; i < KEYS; i++) {
            uint32_t k = i * 7 % KEYS; // 7 does not divide it
            struct tm_state_map *map = &record_of(m, set)->map;
            ck_assert_int_eq(tm_state_map_remove(&m->place, map, &keys[k]), m->there[set][k]);
            m->count[set] -= m->there[set][k];
            m->there[set][k] = false;
            if (i % 200 == 0)
                check_map(m, set);
        }
        // Where memory was short an empty bucket may have stayed; clearing finds it.
        if (was_short)
            tm_state_map_clear(&m->place, &record_of(m, set)->map);
        ck_assert_uint_eq(record_of(m, set)->map.bytes, 0);
        while (m->items[set] != 0)
            drop_items(m, set, &record_of(m, set)->list, draw(2) == 0);
        ck_assert_uint_eq(record_of(m, set)->list.bytes, 0);
    }
}

// --- tests ---------------------------------------------------------------------------------------

START_TEST(test_random_changes_agree_with_plain_models)
{
    seed_from("model");
    static const uint32_t of_one_hash[] = {0, 30, 95};
    make_keys(of_one_hash[_i]);
    struct model *m = new_model(new_state());
    for (uint32_t step = 0; step < 40000; step++) {
        change(m, step % 10000 < 6000 ? 8 : 4);
        if (step % 4000 == 0)
            check_all(m);
    }
    memset(looked, 0, sizeof looked);
    check_all(m);
    ck_assert_uint_gt(looked[TM_STATE_THERE], 0);
    ck_assert(_i != 0 || looked[TM_STATE_MISSING] > looked[TM_STATE_UNTOLD]);
    empty_all(m);
    check_all(m);
    tm_state_free(m->place.state);
    free(m);
}
END_TEST

START_TEST(test_forks_go_their_own_way_and_pages_come_back_from_a_store)
{
    seed_from("fork");
    make_keys(10);
    memset(&disk, 0, sizeof disk);
    struct model *m = new_model(new_state()), *f = NULL;
    tm_state_set_store(m->place.state, &store);
    for (uint32_t round = 0; round < 12; round++) {
        for (uint32_t step = 0; step < 2000; step++)
            change(m, 7);
        uint32_t page = 0;
        ck_assert_int_ge(tm_state_evict(m->place.state, 0, &page, 40), 0);
        struct tm_snapshot *snapshot = tm_state_freeze(m->place.state);
        ck_assert_ptr_nonnull(snapshot);
        f = malloc(sizeof *f);
        memcpy(f, m, sizeof *f);
        for (uint32_t step = 0; step < 300; step++)
            change(m, 5);
        f->place.state = tm_state_fork(snapshot);
        f->place.ns = tm_state_namespace_find(f->place.state, 0);
        check_all(f);
        tm_snapshot_free(snapshot);
        for (uint32_t step = 0; step < 1500; step++)
            change(step % 2 == 0 ? m : f, 5);
        if (round % 3 == 0)
            clear_all(f);
        check_all(m);
        check_all(f);
        tm_state_free(f->place.state);
        free(f);
    }
    ck_assert_uint_gt(disk.fetched, 100);
    check_all(m);
    tm_state_free(m->place.state);
    free(m);
}
END_TEST

START_TEST(test_running_out_of_memory_changes_nothing)
{
    seed_from("memory");
    was_short = true;
    make_keys(10);
    exact_chunks = true;
    longest = 15000;
    struct model *m = new_model(new_state());
    for (uint32_t round = 0; round < 150; round++) {
        struct tm_snapshot *snapshot = round % 3 == 0 ? tm_state_freeze(m->place.state) : NULL;
        for (uint32_t step = 0; step < 100; step++) {
            allocations_left = (int64_t)draw(4);
            change(m, 8);
        }
        allocations_left = INT64_MAX;
        if (round % 10 == 0)
            check_all(m);
        for (uint32_t step = 0; step < 60; step++)
            change(m, 2);
        tm_snapshot_free(snapshot);
    }
    check_all(m);
    empty_all(m);
    check_all(m);
    longest = sizeof buffer;
    tm_state_free(m->place.state);
    was_short = false;
    free(m);
}
END_TEST

START_TEST(test_a_store_that_fails_is_an_error_and_changes_nothing)
{
    seed_from("store");
    make_keys(5);
    memset(&disk, 0, sizeof disk);
    struct model *m = new_model(new_state());
    tm_state_set_store(m->place.state, &store);
    for (uint32_t step = 0; step < 5000; step++)
        change(m, 8);
    for (uint32_t round = 0; round < 40; round++) {
        for (uint32_t set = 0; set < SETS; set++) {
            struct record record = *record_of(m, set); // its page comes back before the others go
            uint32_t page = 0;
            ck_assert_int_ge(tm_state_evict(m->place.state, 0, &page, UINT32_MAX), 0);
            disk.broken = true;
            struct tm_span value;
            for (uint32_t k = 0; k < 20; k++) {
                int rc = tm_state_map_get(&m->place, &record.map, &keys[draw(KEYS)], &value);
                ck_assert(rc == TM_E_MEMORY || (rc == 0 && record.map.count == 0));
                rc = tm_state_map_put(&m->place, &record.map, &keys[draw(KEYS)], "", 0);
                ck_assert(rc == TM_E_MEMORY || record.map.count == 1);
                rc = tm_state_list_get(&m->place, &record.list, 0, &value);
                ck_assert(rc == TM_E_MEMORY || (rc == 0 && record.list.count == 0));
                rc = tm_state_list_set(&m->place, &record.list, 0, "a", 1);
                ck_assert(rc == TM_E_MEMORY || (rc == 0 && record.list.count == 0));
            }
            disk.broken = false;
        }
    }
    check_all(m);
    tm_state_free(m->place.state);
    free(m);
}
END_TEST

START_TEST(test_a_walk_sees_what_stays_once_while_others_come_and_go)
{
    seed_from("walk");
    make_keys(0);
    struct model *m = new_model(new_state());
    for (uint32_t round = 0; round < 60; round++) {
        for (uint32_t step = 0; step < 1500; step++)
            change_map(m, 0, 8);
        static bool before[KEYS], seen[KEYS];
        memcpy(before, m->there[0], sizeof before);
        memset(seen, 0, sizeof seen);
        struct tm_state_map_cursor cursor = {0};
        struct tm_key key, last = {0};
        struct tm_span value;
        bool any = false;
        while (tm_state_map_next(&m->place, &record_of(m, 0)->map, &cursor, &key, &value) == 1) {
            struct tm_key *found = bsearch(&key, keys, KEYS, sizeof *keys, by_order);
            uint32_t k = (uint32_t)(found - keys);
            ck_assert(m->there[0][k] && !seen[k]);
            ck_assert(!any || by_order(&last, found) < 0);
            check_text(m->value[0][k], value.bytes, value.length);
            seen[k] = any = true;
            last = *found;
            if (draw(2) == 0) { // a sweep removes what it looks at
                ck_assert_int_eq(tm_state_map_remove(&m->place, &record_of(m, 0)->map, found), 1);
                m->there[0][k] = before[k] = false;
                m->count[0]--;
            }
            for (uint32_t i = (uint32_t)draw(3); i > 0; i--) {
                change_map(m, 0, 3);
                for (uint32_t j = 0; j < KEYS; j++)
                    before[j] = before[j] && m->there[0][j];
            }
        }
        for (uint32_t k = 0; k < KEYS; k++)
            if (before[k] && m->there[0][k])
                ck_assert(seen[k]);
    }
    tm_state_free(m->place.state);
    free(m);
}
END_TEST

START_TEST(test_a_sift_takes_out_what_is_chosen_while_others_come_and_go)
{
    seed_from("sift");
    for (uint32_t round = 0; round < 60; round++) {
        make_keys(round % 3 == 0 ? 33 : 0);
        struct model *m = new_model(new_state());
        for (uint32_t step = 0; step < 2500; step++)
            change_map(m, 0, 8);
        static bool before[KEYS];
        static struct text value[KEYS];
        memcpy(before, m->there[0], sizeof before);
        memcpy(value, m->value[0], sizeof value);
        struct choice choice = {1 + (uint32_t)draw(3), 0};
        struct tm_state_map_cursor cursor = {0};
        uint32_t looked_at = 0, step, taken = 0;
        while (tm_state_map_sift(&m->place, &record_of(m, 0)->map, &cursor, is_chosen, &choice,
                                 &step) == 1) {
            ck_assert(step > 0 && step <= TM_STATE_MAP_SIFT);
            looked_at += step;
            taken += take_chosen(m, 0, choice.of);
            // One key in a hash's place: see what the header says of walks.
            for (uint32_t i = round % 3 == 0 ? 0 : (uint32_t)draw(3); i > 0; i--)
                change_map(m, 0, 5);
            for (uint32_t k = 0; k < KEYS; k++)
                before[k] = before[k] && m->there[0][k] && m->value[0][k].seed == value[k].seed;
        }
        ck_assert_uint_eq(choice.asked, looked_at);
        ck_assert_uint_gt(taken, 0);
        for (uint32_t k = 0; k < KEYS; k++)
            ck_assert(!before[k] || !goes(value[k], choice.of));
        check_all(m);
        tm_state_free(m->place.state);
        free(m);
    }
}
END_TEST

static struct tm_key number_key(const uint64_t *number)
{
    return (struct tm_key){tm_hash_bytes(number, 8), number, 8};
}

START_TEST(test_no_change_moves_more_than_a_bounded_number_of_entries)
{
    enum { COUNT = 400000, BOUND = 512 / 8 + 2 * 8192, LIST_BOUND = 512 + 64 };
    struct tm_state *state = new_state();
    struct tm_place place = {state, tm_state_namespace_create(state, 0), 0};
    struct tm_state_map map = {0};
    struct tm_state_list list = {0};
    uint64_t most = 0, most_list = 0, before;
    for (uint64_t i = 0; i < COUNT; i++) {
        struct tm_key key = number_key(&i);
        before = tm_collections_moved(state);
        ck_assert_int_eq(tm_state_map_put(&place, &map, &key, &i, 8), 1);
        most = tm_collections_moved(state) - before > most ? tm_collections_moved(state) - before
                                                           : most;
        before = tm_collections_moved(state);
        ck_assert_int_eq(tm_state_list_append(&place, &list, &i, 8), 0);
        if (tm_collections_moved(state) - before > most_list)
            most_list = tm_collections_moved(state) - before;
    }
    // 16 bytes of an entry, and no more than 24 besides; of a value of a list 8.
    ck_assert_uint_lt(map.bytes / COUNT, 16 + 24);
    ck_assert_uint_lt(list.bytes / COUNT, 8 + 8);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct tm_key key = number_key(&i);
        before = tm_collections_moved(state);
        ck_assert_int_eq(tm_state_map_remove(&place, &map, &key), 1);
        most = tm_collections_moved(state) - before > most ? tm_collections_moved(state) - before
                                                           : most;
        before = tm_collections_moved(state);
        ck_assert_int_eq(tm_state_list_remove_first(&place, &list, 1), 0);
        if (tm_collections_moved(state) - before > most_list)
            most_list = tm_collections_moved(state) - before;
        if (i % 50000 == 0) // memory goes with the entries, but for a factor
            ck_assert_uint_le(map.bytes / (COUNT - i), 100);
    }
    printf("moved at most %llu in a map, %llu in a list\n", (unsigned long long)most,
           (unsigned long long)most_list);
    ck_assert_uint_le(most, BOUND);
    ck_assert_uint_le(most_list, LIST_BOUND);
    ck_assert_uint_eq(map.bytes, 0);
    ck_assert_uint_eq(list.bytes, 0);
    tm_state_free(state);
}
END_TEST

START_TEST(test_what_is_removed_serves_what_comes)
{
    seed_from("reuse");
    make_keys(5);
    struct model *m = new_model(new_state());
    int64_t used = 0;
    uint64_t seed = random_state;
    for (uint32_t round = 0; round < 12; round++) {
        random_state = seed;
        for (uint32_t step = 0; step < 6000; step++)
            change(m, 8);
        if (round % 2 == 0)
            clear_all(m);
        else
            empty_all(m);
        if (round == 3)
            used = tm_state_used_bytes(m->place.state);
    }
    ck_assert_int_le(tm_state_used_bytes(m->place.state), used);
    tm_state_free(m->place.state);
    free(m);
}
END_TEST

START_TEST(test_small_maps_have_little_beside_their_entries)
{
    struct tm_state *state = new_state();
    struct tm_place place = {state, tm_state_namespace_create(state, 0), 0};
    for (uint64_t count = 3; count <= 30; count++) {
        struct tm_state_map map = {0};
        for (uint64_t i = 0; i < count; i++) {
            struct tm_key key = number_key(&i);
            ck_assert_int_eq(tm_state_map_put(&place, &map, &key, &i, 8), 1);
        }
        // Small buckets are whole cache lines: of three entries two.
        ck_assert_uint_le(map.bytes, count == 3 ? 128 : count * (16 + 24));
        tm_state_map_clear(&place, &map);
        ck_assert_uint_eq(map.bytes, 0);
    }
    tm_state_free(state);
}
END_TEST

START_TEST(test_what_is_too_long_is_refused)
{
    struct tm_state *state = new_state();
    struct tm_place place = {state, tm_state_namespace_create(state, 0), 0};
    struct tm_state_map map = {0};
    struct tm_state_list list = {0};
    static uint8_t bytes[TM_STATE_MAP_KEY_BYTES_MAX + 1];
    struct tm_key key = {tm_hash_bytes(bytes, sizeof bytes), bytes, sizeof bytes};
    ck_assert_int_eq(tm_state_map_put(&place, &map, &key, "", 0), TM_E_LIMIT);
    key = (struct tm_key){tm_hash_bytes(bytes, sizeof bytes - 1), bytes, sizeof bytes - 1};
    ck_assert_int_eq(
        tm_state_map_put(&place, &map, &key, "", TM_STATE_COLLECTION_VALUE_BYTES_MAX + 1),
        TM_E_LIMIT);
    ck_assert_int_eq(
        tm_state_list_append(&place, &list, "", TM_STATE_COLLECTION_VALUE_BYTES_MAX + 1),
        TM_E_LIMIT);
    ck_assert_uint_eq(map.root + list.root, 0);
    ck_assert_int_eq(tm_state_map_put(&place, &map, &key, bytes, sizeof bytes), 1);
    tm_state_map_clear(&place, &map);
    tm_state_free(state);
}
END_TEST

int main(void)
{
    random_state = 1;
    Suite *suite = suite_create("collections");
    TCase *tc = tcase_create("collections");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, test_random_changes_agree_with_plain_models, 0, 3);
    tcase_add_test(tc, test_forks_go_their_own_way_and_pages_come_back_from_a_store);
    tcase_add_test(tc, test_running_out_of_memory_changes_nothing);
    tcase_add_test(tc, test_a_store_that_fails_is_an_error_and_changes_nothing);
    tcase_add_test(tc, test_a_walk_sees_what_stays_once_while_others_come_and_go);
    tcase_add_test(tc, test_a_sift_takes_out_what_is_chosen_while_others_come_and_go);
    tcase_add_test(tc, test_no_change_moves_more_than_a_bounded_number_of_entries);
    tcase_add_test(tc, test_what_is_removed_serves_what_comes);
    tcase_add_test(tc, test_small_maps_have_little_beside_their_entries);
    tcase_add_test(tc, test_what_is_too_long_is_refused);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
