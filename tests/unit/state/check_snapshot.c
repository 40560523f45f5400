// Keyed state frozen, forked, its pages sent to a store, and keys removed: each against a plain
// model, alone and all of them mixed at random.
#include "tests/unit/state/support.h"

enum { GROUPS = 5 };

// The value of a key: a number, and a text whose length and bytes follow from another.
struct value {
    uint64_t number;
    struct tm_blob text;
};

static struct tm_state *new_state(void)
{
    struct tm_state_args args = {&mem, GROUPS, 0, GROUPS - 1, sizeof(struct value)};
    struct tm_state *state;
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    return state;
}

static struct tm_key key_of(const uint64_t *word)
{
    return (struct tm_key){tm_hash_bytes(word, sizeof *word), word, sizeof *word};
}

// --- a store in memory ---------------------------------------------------------------------------

enum { STORE_PAGES = 65536 };
static struct {
    void *bytes[STORE_PAGES];
    uint32_t size[STORE_PAGES], holders[STORE_PAGES];
    uint32_t used, kept, fetched;
    bool broken;
} disk;

static int disk_put(void *context, const void *bytes, uint32_t size, uint64_t *token)
{
    (void)context;
    if (disk.broken || disk.used == STORE_PAGES)
        return TM_E_IO;
    *token = disk.used++;
    disk.bytes[*token] = malloc(size);
    memcpy(disk.bytes[*token], bytes, size);
    disk.size[*token] = size;
    disk.holders[*token] = 1;
    disk.kept++;
    return 0;
}
static int disk_get(void *context, uint64_t token, void *bytes, uint32_t size)
{
    (void)context;
    if (disk.broken)
        return TM_E_IO;
    ck_assert_uint_ne(disk.holders[token], 0);
    ck_assert_uint_eq(disk.size[token], size);
    memcpy(bytes, disk.bytes[token], size);
    disk.fetched++;
    return 0;
}
static void disk_retain(void *context, uint64_t token)
{
    (void)context;
    ck_assert_uint_ne(disk.holders[token]++, 0);
}
static void disk_release(void *context, uint64_t token)
{
    (void)context;
    ck_assert_uint_ne(disk.holders[token], 0);
    if (--disk.holders[token] != 0)
        return;
    free(disk.bytes[token]);
    disk.kept--;
}
static const struct tm_state_store store = {NULL, disk_put, disk_get, disk_retain, disk_release};

// --- a state and what it must hold ---------------------------------------------------------------

enum { KEYS = 3000, SPACES = 2 };

struct model {
    struct tm_state *state;
    struct tm_namespace *ns[SPACES];
    uint64_t number[SPACES][KEYS]; // 0: not there
    uint32_t length[SPACES][KEYS];
};

static struct model *new_model(void)
{
    struct model *m = calloc(1, sizeof *m);
    m->state = new_state();
    for (int64_t s = 0; s < SPACES; s++)
        m->ns[s] = tm_state_namespace_create(m->state, s);
    return m;
}

static void free_model(struct model *m)
{
    tm_state_free(m->state);
    free(m);
}

static uint8_t byte_of(uint64_t number, uint32_t i)
{
    return (uint8_t)(number * 31 + i * 7);
}

static void put(struct model *m, uint32_t s, uint64_t k, uint64_t number, uint32_t length)
{
    static uint8_t bytes[70000];
    struct tm_key key = key_of(&k);
    void *values[1];
    bool created;
    ck_assert_int_eq(tm_state_upsert_batch(m->state, m->ns[s], &key, 1, values, &created), 0);
    ck_assert(created == (m->number[s][k] == 0));
    struct value *value = values[0];
    ck_assert_uint_eq(value->number, m->number[s][k]);
    ck_assert_uint_eq(value->text.length, m->length[s][k]);
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = byte_of(number, i);
    ck_assert_int_eq(tm_state_blob_set(m->state, m->ns[s], tm_state_key_group(m->state, key.hash),
                                       &value->text, bytes, length),
                     0);
    value->number = m->number[s][k] = number;
    m->length[s][k] = length;
}

static void take(struct model *m, uint32_t s, uint64_t k)
{
    struct tm_key key = key_of(&k);
    bool there = m->number[s][k] != 0;
    if (there) {
        struct value *value = tm_state_upsert(m->state, m->ns[s], &key, NULL);
        ck_assert_int_eq(tm_state_blob_set(m->state, m->ns[s],
                                           tm_state_key_group(m->state, key.hash), &value->text, "",
                                           0),
                         0);
    }
    ck_assert_int_eq(tm_state_remove(m->state, m->ns[s], &key), there);
    m->number[s][k] = m->length[s][k] = 0;
}

static void check_value(struct model *m, uint32_t s, uint64_t k, const struct tm_key *key,
                        const struct value *value)
{
    ck_assert_uint_eq(value->number, m->number[s][k]);
    ck_assert_uint_eq(value->text.length, m->length[s][k]);
    const uint8_t *bytes =
        tm_state_blob_get(m->state, tm_state_key_group(m->state, key->hash), &value->text);
    for (uint32_t i = 0; i < value->text.length; i++)
        ck_assert_uint_eq(bytes[i], byte_of(value->number, i));
}

// All keys by search, then all by walking, in order.
static void check_model(struct model *m)
{
    for (uint32_t s = 0; s < SPACES; s++) {
        uint64_t there = 0, walked = 0;
        for (uint64_t k = 0; k < KEYS; k++) {
            struct tm_key key = key_of(&k);
            const struct value *value = tm_state_find(m->state, m->ns[s], &key);
            ck_assert((value != NULL) == (m->number[s][k] != 0));
            if (value != NULL)
                check_value(m, s, k, &key, value);
            there += value != NULL;
        }
        ck_assert_uint_eq(tm_state_namespace_size(m->ns[s]), there);
        for (uint32_t g = 0; g < GROUPS; g++) {
            struct tm_state_cursor cursor;
            struct tm_key key, previous = {0};
            const void *value;
            tm_state_iterate(m->state, m->ns[s], g, &cursor);
            for (bool first = true; tm_state_next(&cursor, &key, &value); first = false) {
                uint64_t k;
                memcpy(&k, key.bytes, sizeof k);
                check_value(m, s, k, &key, value);
                ck_assert(first || (uint32_t)previous.hash <= (uint32_t)key.hash);
                previous = key;
                walked++;
            }
            ck_assert_int_eq(cursor.code, 0);
        }
        ck_assert_uint_eq(walked, there);
    }
}

// Many keys in one call, some twice: the page of one may be copied while others are looked for.
static void put_batch(struct model *m, uint32_t limit)
{
    enum { BATCH = 150 };
    uint64_t k[BATCH];
    struct tm_key keys[BATCH];
    void *values[BATCH];
    uint32_t s = (uint32_t)draw(SPACES), n = 1 + (uint32_t)draw(BATCH);
    for (uint32_t i = 0; i < n; i++) {
        k[i] = draw(1 + draw(limit));
        keys[i] = key_of(&k[i]);
    }
    ck_assert_int_eq(tm_state_upsert_batch(m->state, m->ns[s], keys, n, values, NULL), 0);
    for (uint32_t i = 0; i < n; i++) {
        struct value *value = values[i];
        ck_assert_uint_eq(value->number, m->number[s][k[i]]);
        // The text goes by the number: without one it does not change.
        value->number = m->number[s][k[i]] =
            m->length[s][k[i]] == 0 ? 1 + draw(1u << 30) : value->number;
    }
}

static void write_some(struct model *m, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (draw(60) == 0)
            put_batch(m, KEYS);
        uint32_t s = (uint32_t)draw(SPACES);
        uint64_t k = draw(KEYS);
        if (draw(3) == 0)
            take(m, s, k);
        else
            put(m, s, k, 1 + draw(1u << 30), (uint32_t)draw(draw(50) == 0 ? 40000 : 100));
    }
}

static struct model *fork_model(const struct model *m, const struct tm_snapshot *snapshot)
{
    struct model *f = malloc(sizeof *f);
    *f = *m;
    f->state = tm_state_fork(snapshot);
    ck_assert_ptr_nonnull(f->state);
    for (int64_t s = 0; s < SPACES; s++)
        f->ns[s] = tm_state_namespace_find(f->state, s);
    return f;
}

// --- removal -------------------------------------------------------------------------------------

START_TEST(test_removed_keys_are_gone_and_the_others_stay)
{
    seed_from("removal");
    struct model *m = new_model();
    for (int round = 0; round < 20; round++) {
        write_some(m, 1500);
        check_model(m);
    }
    for (uint64_t k = 0; k < KEYS; k++)
        for (uint32_t s = 0; s < SPACES; s++)
            take(m, s, k);
    check_model(m);
    free_model(m);
}
END_TEST

START_TEST(test_keys_that_come_and_go_for_ever_take_bounded_memory)
{
    struct tm_state *state = new_state();
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    int64_t early = 0;
    for (uint64_t k = 0; k < 400000; k++) {
        struct tm_key key = key_of(&k);
        ck_assert_ptr_nonnull(tm_state_upsert(state, ns, &key, NULL));
        uint64_t old = k - 1000;
        key = key_of(&old);
        if (k >= 1000)
            ck_assert_int_eq(tm_state_remove(state, ns, &key), 1);
        if (k == 20000)
            early = tm_state_used_bytes(state);
    }
    ck_assert_int_le(tm_state_used_bytes(state), early * 2);
    ck_assert_uint_eq(tm_state_namespace_size(ns), 1000);
    tm_state_free(state);
}
END_TEST

// --- freeze and fork -----------------------------------------------------------------------------

START_TEST(test_a_fork_of_a_snapshot_has_what_was_there_and_both_go_their_own_ways)
{
    seed_from("fork");
    struct model *m = new_model();
    write_some(m, 6000);
    struct tm_snapshot *snapshot = tm_state_freeze(m->state);
    ck_assert_ptr_nonnull(snapshot);
    struct model *before = fork_model(m, snapshot);
    check_model(before);
    write_some(m, 3000);
    struct model *late = fork_model(before, snapshot); // the snapshot is as it was
    check_model(late);
    write_some(before, 3000);
    check_model(m);
    check_model(before);
    check_model(late);
    tm_snapshot_free(snapshot);
    write_some(late, 3000);
    write_some(m, 3000);
    free_model(before);
    check_model(m);
    check_model(late);
    free_model(m); // the one that was frozen may go first
    write_some(late, 1000);
    check_model(late);
    free_model(late);
}
END_TEST

START_TEST(test_entries_written_while_they_are_walked_over_are_as_before_in_the_snapshot)
{
    enum { ENTRIES = 5000 };
    struct tm_state *state = new_state();
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    for (uint64_t k = 0; k < ENTRIES; k++) {
        struct tm_key key = key_of(&k);
        ((struct value *)tm_state_upsert(state, ns, &key, NULL))->number = k;
    }
    struct tm_snapshot *snapshot = tm_state_freeze(state);
    for (uint32_t group = 0; group < GROUPS; group++) {
        struct tm_state_cursor cursor;
        struct tm_key keys[TM_STATE_SOME];
        const void *values[TM_STATE_SOME];
        uint32_t count;
        tm_state_iterate(state, ns, group, &cursor);
        while ((count = tm_state_next_some(&cursor, keys, values)) != 0)
            for (uint32_t i = 0; i < count; i++) {
                const struct value *read = values[i];
                struct value *written = tm_state_edit(&cursor, count - i);
                ck_assert_uint_eq(written->number, read->number);
                written->number += ENTRIES;
            }
    }
    struct tm_state *fork = tm_state_fork(snapshot);
    struct tm_namespace *before = tm_state_namespace_find(fork, 0);
    for (uint64_t k = 0; k < ENTRIES; k++) {
        struct tm_key key = key_of(&k);
        ck_assert_uint_eq(((const struct value *)tm_state_find(fork, before, &key))->number, k);
        ck_assert_uint_eq(((const struct value *)tm_state_find(state, ns, &key))->number,
                          k + ENTRIES);
    }
    tm_state_free(fork);
    tm_snapshot_free(snapshot);
    tm_state_free(state);
}
END_TEST

START_TEST(test_freezing_copies_nothing_and_writing_copies_only_what_is_written)
{
    struct tm_state *state = new_state();
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    for (uint64_t k = 0; k < 200000; k++) {
        struct tm_key key = key_of(&k);
        ck_assert_ptr_nonnull(tm_state_upsert(state, ns, &key, NULL));
    }
    int64_t full = tm_state_used_bytes(state);
    struct tm_snapshot *snapshot = tm_state_freeze(state);
    ck_assert_int_eq(tm_state_used_bytes(state), full);
    uint64_t k = 77;
    struct tm_key key = key_of(&k);
    ((struct value *)tm_state_upsert(state, ns, &key, NULL))->number = 1;
    struct tm_state *fork = tm_state_fork(snapshot);
    const struct value *value = tm_state_find(fork, tm_state_namespace_find(fork, 0), &key);
    ck_assert_uint_eq(value->number, 0);
    tm_state_free(fork);
    tm_snapshot_free(snapshot);
    ck_assert_int_le(tm_state_used_bytes(state), full + full / 4); // a page table, a page, slots
    tm_state_free(state);
}
END_TEST

START_TEST(test_a_namespace_dropped_behind_a_snapshot_is_still_in_it)
{
    seed_from("dropped");
    struct model *m = new_model();
    write_some(m, 4000);
    struct tm_snapshot *snapshot = tm_state_freeze(m->state);
    struct model *f = fork_model(m, snapshot);
    tm_state_namespace_drop(m->state, m->ns[1]);
    ck_assert_int_eq(tm_state_group_drop(m->state, m->ns[0], 2), 0);
    m->ns[1] = tm_state_namespace_create(m->state, 1);
    memset(m->number[1], 0, sizeof m->number[1]);
    memset(m->length[1], 0, sizeof m->length[1]);
    for (uint64_t k = 0; k < KEYS; k++)
        if (tm_state_key_group(m->state, key_of(&k).hash) == 2)
            m->number[0][k] = m->length[0][k] = 0;
    write_some(m, 4000);
    check_model(m);
    check_model(f);
    tm_snapshot_free(snapshot);
    free_model(m);
    check_model(f);
    free_model(f);
}
END_TEST

// --- the store -----------------------------------------------------------------------------------

static int64_t evict_all(struct tm_state *state)
{
    int64_t bytes = 0;
    for (uint32_t g = 0; g < GROUPS; g++) {
        uint32_t page = 0;
        int64_t freed = tm_state_evict(state, g, &page, UINT32_MAX);
        ck_assert_int_ge(freed, 0);
        ck_assert_uint_eq(page, 0);
        bytes += freed;
    }
    return bytes;
}

START_TEST(test_pages_in_the_store_come_back_when_they_are_used)
{
    seed_from("store");
    struct model *m = new_model();
    tm_state_set_store(m->state, &store);
    for (int round = 0; round < 8; round++) {
        write_some(m, 2000);
        uint32_t fetched = disk.fetched;
        ck_assert_int_gt(evict_all(m->state), 0);
        ck_assert_int_eq(evict_all(m->state), 0); // all are away
        check_model(m);
        ck_assert_uint_gt(disk.fetched, fetched);
        evict_all(m->state);
    }
    free_model(m);
    ck_assert_uint_eq(disk.kept, 0);
}
END_TEST

START_TEST(test_a_store_that_fails_is_an_error_and_nothing_is_lost)
{
    seed_from("broken store");
    struct model *m = new_model();
    tm_state_set_store(m->state, &store);
    write_some(m, 3000);
    evict_all(m->state);
    disk.broken = true;
    uint32_t failed = 0;
    for (uint64_t k = 0; k < KEYS; k++) {
        struct tm_key key = key_of(&k);
        if (m->number[0][k] != 0 && tm_state_upsert(m->state, m->ns[0], &key, NULL) == NULL)
            failed++;
    }
    struct tm_state_cursor cursor;
    struct tm_key key;
    const void *value;
    tm_state_iterate(m->state, m->ns[0], 0, &cursor);
    while (tm_state_next(&cursor, &key, &value))
        continue;
    ck_assert_int_ne(cursor.code, 0);
    ck_assert_uint_gt(failed, 0);
    disk.broken = false;
    check_model(m);
    free_model(m);
    ck_assert_uint_eq(disk.kept, 0);
}
END_TEST

// --- few keys ------------------------------------------------------------------------------------

static void drop_group(struct model *m, uint32_t s, uint32_t group)
{
    ck_assert_int_eq(tm_state_group_drop(m->state, m->ns[s], group), 0);
    for (uint64_t k = 0; k < KEYS; k++)
        if (tm_state_key_group(m->state, key_of(&k).hash) == group)
            m->number[s][k] = m->length[s][k] = 0;
}

// What is remembered of where entries lie must not outlive them, nor their page. More and more
// keys, up to where nothing is remembered, and back.
START_TEST(test_few_keys_that_are_looked_up_again_and_again_are_found_where_they_are)
{
    seed_from("few keys");
    struct model *m = new_model();
    struct tm_snapshot *snapshot = NULL;
    struct model *frozen = NULL;
    tm_state_set_store(m->state, &store);
    for (int step = 0; step < 6000; step++) {
        uint32_t limit = 20u << step / 750, s = (uint32_t)draw(SPACES);
        limit = limit < KEYS ? limit : KEYS;
        uint64_t k = draw(limit);
        put_batch(m, limit);
        if (draw(3) == 0) // behind what was remembered
            take(m, s, k);
        if (draw(3) == 0)
            put(m, s, k, 1 + draw(1u << 30), (uint32_t)draw(20));
        switch (draw(400)) {
        case 0:
            drop_group(m, s, (uint32_t)draw(GROUPS));
            break;
        case 1:
            evict_all(m->state);
            break;
        case 2:
            if (snapshot != NULL)
                break;
            snapshot = tm_state_freeze(m->state);
            frozen = malloc(sizeof *frozen);
            *frozen = *m;
            break;
        case 3: {
            if (snapshot == NULL)
                break;
            struct model *f = fork_model(frozen, snapshot);
            check_model(f);
            for (int i = 0; i < 300; i++)
                put_batch(f, 20);
            check_model(f);
            free_model(f);
            tm_snapshot_free(snapshot);
            free(frozen);
            snapshot = NULL;
            break;
        }
        case 4:
            tm_state_namespace_drop(m->state, m->ns[s]);
            m->ns[s] = tm_state_namespace_create(m->state, s);
            memset(m->number[s], 0, sizeof m->number[s]);
            memset(m->length[s], 0, sizeof m->length[s]);
            break;
        case 5:
            check_model(m);
            break;
        default:
            break;
        }
    }
    check_model(m);
    tm_snapshot_free(snapshot);
    free(snapshot != NULL ? frozen : NULL);
    free_model(m);
    ck_assert_uint_eq(disk.kept, 0);
}
END_TEST

// The link of what was given back may be what the key's hash was: then nothing else tells that it
// is gone.
START_TEST(test_a_key_that_was_removed_is_made_anew)
{
    struct tm_state *state = new_state();
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    uint64_t k = 1;
    const struct tm_key key = {.hash = UINT64_C(5) << 32, .bytes = &k, .length = sizeof k};
    void *value;
    bool created;
    for (int i = 0; i < 20000; i++)
        ck_assert_int_eq(tm_state_upsert_batch(state, ns, &key, 1, &value, &created), 0);
    ck_assert(!created);
    ck_assert_int_eq(tm_state_remove(state, ns, &key), 1);
    ck_assert_int_eq(tm_state_upsert_batch(state, ns, &key, 1, &value, &created), 0);
    ck_assert(created);
    ck_assert_uint_eq(tm_state_namespace_size(ns), 1);
    tm_state_free(state);
}
END_TEST

// --- all at once ---------------------------------------------------------------------------------

START_TEST(test_freezes_forks_and_evictions_mixed_at_random_agree_with_their_models)
{
    enum { SIDES = 5 };
    seed_from("mixed");
    struct model *sides[SIDES] = {new_model()};
    struct tm_snapshot *snapshots[SIDES] = {0};
    struct model *frozen[SIDES] = {0}; // what snapshots[i] holds; its state is not used
    tm_state_set_store(sides[0]->state, &store);
    for (int step = 0; step < 600; step++) {
        uint32_t i = (uint32_t)draw(SIDES);
        switch (draw(7)) {
        case 0: // freeze
            if (sides[i] == NULL || snapshots[i] != NULL)
                break;
            snapshots[i] = tm_state_freeze(sides[i]->state);
            frozen[i] = malloc(sizeof *frozen[i]);
            *frozen[i] = *sides[i];
            break;
        case 1: { // fork
            uint32_t to = (uint32_t)draw(SIDES);
            if (snapshots[i] == NULL || sides[to] != NULL)
                break;
            sides[to] = fork_model(frozen[i], snapshots[i]);
            break;
        }
        case 2: // the snapshot ends
            if (draw(2) == 0)
                break;
            tm_snapshot_free(snapshots[i]);
            free(frozen[i]);
            snapshots[i] = NULL;
            frozen[i] = NULL;
            break;
        case 3: // a side ends, never the last
            for (uint32_t k = 0; k < SIDES; k++)
                if (k != i && sides[k] != NULL && sides[i] != NULL && draw(3) == 0) {
                    free_model(sides[i]);
                    sides[i] = NULL;
                }
            break;
        case 4:
            if (sides[i] != NULL)
                evict_all(sides[i]->state);
            break;
        default:
            if (sides[i] != NULL)
                write_some(sides[i], 1 + (uint32_t)draw(600));
        }
        if (sides[i] != NULL && draw(4) == 0)
            check_model(sides[i]);
    }
    for (uint32_t i = 0; i < SIDES; i++) {
        if (snapshots[i] != NULL) {
            struct model *last = fork_model(frozen[i], snapshots[i]);
            check_model(last);
            free_model(last);
            tm_snapshot_free(snapshots[i]);
            free(frozen[i]);
        }
        if (sides[i] != NULL) {
            check_model(sides[i]);
            free_model(sides[i]);
        }
    }
    ck_assert_uint_eq(disk.kept, 0);
}
END_TEST

START_TEST(test_running_out_of_memory_behind_a_snapshot_harms_neither_side)
{
    seed_from("memory");
    struct model *m = new_model();
    write_some(m, 3000);
    for (int round = 0; round < 30; round++) {
        struct tm_snapshot *snapshot = tm_state_freeze(m->state);
        ck_assert_ptr_nonnull(snapshot);
        struct model *f = fork_model(m, snapshot);
        allocations_left = (int64_t)draw(4);
        uint64_t other = KEYS + 1;
        for (int i = 0; i < 200; i++) { // writes that may fail, of values that are there
            uint64_t k = draw(KEYS);
            struct tm_key key = key_of(&k);
            struct value *value =
                m->number[0][k] == 0 ? NULL : tm_state_upsert(m->state, m->ns[0], &key, NULL);
            if (value != NULL)
                value->number = m->number[0][k];
        }
        struct tm_key key = key_of(&other);
        if (tm_state_upsert(m->state, m->ns[0], &key, NULL) != NULL)
            ck_assert_int_eq(tm_state_remove(m->state, m->ns[0], &key), 1);
        allocations_left = INT64_MAX;
        check_model(f);
        check_model(m);
        free_model(f);
        tm_snapshot_free(snapshot);
        write_some(m, 100);
    }
    check_model(m);
    free_model(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *tc = tcase_create("snapshot");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_removed_keys_are_gone_and_the_others_stay);
    tcase_add_test(tc, test_keys_that_come_and_go_for_ever_take_bounded_memory);
    tcase_add_test(tc,
                   test_entries_written_while_they_are_walked_over_are_as_before_in_the_snapshot);
    tcase_add_test(tc, test_a_fork_of_a_snapshot_has_what_was_there_and_both_go_their_own_ways);
    tcase_add_test(tc, test_freezing_copies_nothing_and_writing_copies_only_what_is_written);
    tcase_add_test(tc, test_a_namespace_dropped_behind_a_snapshot_is_still_in_it);
    tcase_add_test(tc, test_pages_in_the_store_come_back_when_they_are_used);
    tcase_add_test(tc, test_a_store_that_fails_is_an_error_and_nothing_is_lost);
    tcase_add_test(tc, test_few_keys_that_are_looked_up_again_and_again_are_found_where_they_are);
    tcase_add_test(tc, test_a_key_that_was_removed_is_made_anew);
    tcase_add_test(tc, test_freezes_forks_and_evictions_mixed_at_random_agree_with_their_models);
    tcase_add_test(tc, test_running_out_of_memory_behind_a_snapshot_harms_neither_side);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
