// Keyed state: one key, batches, namespaces, iteration order, memory, blobs, failure of memory.
#include "core/state/internal.h"
#include "tests/unit/state/support.h"

static struct tm_state *new_state(uint32_t groups, uint32_t value_bytes)
{
    struct tm_state_args args = {&mem, groups, 0, groups - 1, value_bytes};
    struct tm_state *state;
    struct tm_error err;
    ck_assert_int_eq(tm_state_new(&args, &state, &err), 0);
    return state;
}

static struct tm_key key_of(const void *bytes, uint32_t length)
{
    return (struct tm_key){tm_hash_bytes(bytes, length), bytes, length};
}

static struct tm_key word_key(const uint64_t *word)
{
    return key_of(word, sizeof *word);
}

// --- one key -------------------------------------------------------------------------------------

START_TEST(test_a_new_value_is_zero_and_is_found_again)
{
    struct tm_state *state = new_state(128, 24);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    struct tm_key key = key_of("user-1", 6);
    bool created = false;
    ck_assert_ptr_null(tm_state_find(state, ns, &key));
    uint64_t *value = tm_state_upsert(state, ns, &key, &created);
    ck_assert(created);
    ck_assert(value[0] == 0 && value[1] == 0 && value[2] == 0);
    value[1] = 42;
    ck_assert_ptr_eq(tm_state_upsert(state, ns, &key, &created), value);
    ck_assert(!created);
    ck_assert_ptr_eq(tm_state_find(state, ns, &key), value);
    ck_assert_uint_eq(tm_state_namespace_size(ns), 1);
    tm_state_free(state);
}
END_TEST

// The largest of the slot pages.
static uint32_t largest_slots(struct tm_namespace *ns)
{
    const struct tm__state_table *table = tm__state_table_of(ns, 0);
    uint32_t largest = 0;
    for (uint32_t i = 0; i < 1u << table->directory_bits; i++) {
        const uint8_t *slots = (const uint8_t *)tm__state_slots_at(table->directory[i]);
        const struct tm__state_slots *page =
            (const void *)(slots - offsetof(struct tm__state_slots, slot));
        largest = page->size_bytes > largest ? page->size_bytes : largest;
    }
    return largest;
}

// Else they are searched along: the time is the square of their number.
START_TEST(test_keys_that_come_in_their_order_take_no_large_slot_pages_where_they_are_expected)
{
    enum { KEYS = 100000 };
    struct tm_state *state = new_state(1, 8), *forked;
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    ck_assert_int_eq(tm_state_expect(state, ns, 0, KEYS), 0);
    for (uint64_t i = 0; i < KEYS; i++) {
        struct tm_key key = {i * (UINT32_MAX / KEYS), &i, sizeof i};
        ck_assert_ptr_nonnull(tm_state_upsert(state, ns, &key, NULL));
    }
    ck_assert_uint_le(largest_slots(ns), TM__SLOTS_BYTES);
    ck_assert_int_eq(tm_state_expect(state, ns, 0, KEYS), 0); // nothing, as it has keys
    // Who makes its slots by walking pages knows the number: entries lie in their order.
    struct tm_snapshot *snapshot = tm_state_freeze(state);
    ck_assert_ptr_nonnull(snapshot);
    forked = tm_state_fork(snapshot);
    ck_assert_ptr_nonnull(forked);
    struct tm_namespace *its = tm_state_namespace_find(forked, 0);
    uint64_t last = KEYS - 1;
    struct tm_key key = {last * (UINT32_MAX / KEYS), &last, sizeof last};
    ck_assert_ptr_nonnull(tm_state_find(forked, its, &key));
    ck_assert_uint_le(largest_slots(its), TM__SLOTS_BYTES);
    tm_state_free(forked);
    tm_snapshot_free(snapshot);
    tm_state_free(state);
}
END_TEST

START_TEST(test_keys_that_are_prefixes_of_each_other_differ)
{
    struct tm_state *state = new_state(4, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    char bytes[64];
    memset(bytes, 0, sizeof bytes);
    for (uint32_t length = 0; length <= sizeof bytes; length++) {
        struct tm_key key = key_of(bytes, length);
        bool created;
        uint64_t *value = tm_state_upsert(state, ns, &key, &created);
        ck_assert(created);
        *value = length + 1;
    }
    for (uint32_t length = 0; length <= sizeof bytes; length++) {
        struct tm_key key = key_of(bytes, length);
        ck_assert_uint_eq(*(const uint64_t *)tm_state_find(state, ns, &key), length + 1);
    }
    tm_state_free(state);
}
END_TEST

START_TEST(test_every_byte_of_a_key_counts)
{
    struct tm_state *state = new_state(1, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    for (uint32_t length = 1; length < 40; length++) {
        char bytes[40];
        memset(bytes, 'x', sizeof bytes);
        struct tm_key key = {7, bytes, length}; // one hash for all: only the bytes tell them apart
        ck_assert_ptr_nonnull(tm_state_upsert(state, ns, &key, NULL));
        for (uint32_t i = 0; i < length; i++) {
            bytes[i] = 'y';
            ck_assert_ptr_null(tm_state_find(state, ns, &key));
            bytes[i] = 'x';
        }
    }
    tm_state_free(state);
}
END_TEST

START_TEST(test_a_key_larger_than_a_page_is_kept)
{
    struct tm_state *state = new_state(128, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    size_t size = 3 * 1024 * 1024;
    char *bytes = calloc(1, size);
    for (uint32_t i = 0; i < 3; i++) {
        bytes[size - 1] = (char)i;
        struct tm_key key = key_of(bytes, (uint32_t)size);
        *(uint64_t *)tm_state_upsert(state, ns, &key, NULL) = i + 10;
    }
    for (uint32_t i = 0; i < 3; i++) {
        bytes[size - 1] = (char)i;
        struct tm_key key = key_of(bytes, (uint32_t)size);
        ck_assert_uint_eq(*(const uint64_t *)tm_state_find(state, ns, &key), i + 10);
    }
    free(bytes);
    tm_state_namespace_drop(state, ns);
    ck_assert_int_lt(tm_state_used_bytes(state), 100000); // large items go back at once
    tm_state_free(state);
}
END_TEST

// --- iteration -----------------------------------------------------------------------------------

static int by_contract(const struct tm_key *a, const struct tm_key *b)
{
    uint32_t low_a = (uint32_t)a->hash, low_b = (uint32_t)b->hash;
    if (low_a != low_b)
        return low_a < low_b ? -1 : 1;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    uint32_t length = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->bytes, b->bytes, length);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

static uint32_t check_order(struct tm_state *state, struct tm_namespace *ns, uint32_t groups)
{
    uint32_t seen = 0;
    for (uint32_t g = 0; g < groups; g++) {
        struct tm_state_cursor cursor;
        struct tm_key key, previous = {0};
        const void *value;
        tm_state_iterate(state, ns, g, &cursor);
        for (bool first = true; tm_state_next(&cursor, &key, &value); first = false) {
            ck_assert_uint_eq(tm_state_key_group(state, key.hash), g);
            if (!first)
                ck_assert_int_lt(by_contract(&previous, &key), 0);
            previous = key;
            seen++;
        }
        ck_assert(!tm_state_next(&cursor, &key, &value)); // and stays at its end
    }
    return seen;
}

START_TEST(test_iteration_runs_in_the_order_of_the_hash_at_every_size)
{
    seed_from("iteration order");
    struct tm_state *state = new_state(2, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    for (uint32_t n = 1; n <= 3000; n++) {
        uint64_t word = draw(UINT64_MAX);
        struct tm_key key = word_key(&word);
        ck_assert_ptr_nonnull(tm_state_upsert(state, ns, &key, NULL));
        if (n < 200 || n % 97 == 0)
            ck_assert_uint_eq(check_order(state, ns, 2), n);
    }
    tm_state_free(state);
}
END_TEST

// A walk that goes on at a hash sees what a whole walk sees from there on, at every size.
START_TEST(test_a_walk_says_that_it_is_over_with_its_last_entry)
{
    for (uint64_t size = 0; size < 600; size += 1 + size / 9) {
        struct tm_state *state = new_state(1, 8);
        struct tm_namespace *ns = tm_state_namespace_create(state, 0);
        for (uint64_t i = 0; i < size; i++) {
            struct tm_key key = word_key(&i);
            ck_assert_ptr_nonnull(tm_state_upsert(state, ns, &key, NULL));
        }
        struct tm_state_cursor cursor;
        struct tm_key keys[TM_STATE_SOME];
        const void *values[TM_STATE_SOME];
        uint64_t seen = 0;
        for (tm_state_iterate(state, ns, 0, &cursor); !tm_state_is_over(&cursor);) {
            uint32_t some = tm_state_next_some(&cursor, keys, values);
            ck_assert_uint_gt(some, 0);
            seen += some;
        }
        ck_assert_uint_eq(seen, size);
        ck_assert_uint_eq(tm_state_next_some(&cursor, keys, values), 0);
        tm_state_free(state);
    }
}
END_TEST

START_TEST(test_iteration_goes_on_at_a_hash)
{
    struct tm_state *state = new_state(1, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    struct tm_state_cursor all, rest;
    tm_state_iterate_from(state, ns, 0, 7, &rest); // of nothing
    ck_assert(!tm_state_next(&rest, &(struct tm_key){0}, &(const void *){NULL}));
    for (uint32_t n = 0; n < 3000; n++) {
        uint64_t id = n;
        struct tm_key key = {tm_hash_bytes(&id, sizeof id), &id, sizeof id};
        ck_assert_ptr_nonnull(tm_state_upsert(state, ns, &key, NULL));
        if (n != 0 && n != 1 && n != 40 && n != 2999)
            continue;
        struct tm_key a, b;
        const void *value;
        tm_state_iterate(state, ns, 0, &all);
        for (uint32_t i = 0; tm_state_next(&all, &a, &value); i++) {
            if (n > 100 && i % 97 != 0)
                continue;
            tm_state_iterate_from(state, ns, 0, (uint32_t)a.hash, &rest);
            ck_assert(tm_state_next(&rest, &b, &value));
            ck_assert_uint_eq(a.hash, b.hash);
            struct tm_state_cursor copy = all;
            while (tm_state_next(&copy, &a, &value)) {
                ck_assert(tm_state_next(&rest, &b, &value));
                ck_assert_uint_eq(a.hash, b.hash);
            }
            ck_assert(!tm_state_next(&rest, &b, &value));
        }
        ck_assert_int_eq(all.code, 0);
    }
    tm_state_free(state);
}
END_TEST

START_TEST(test_iteration_does_not_depend_on_the_order_of_insertion)
{
    enum { N = 1500 };
    struct tm_state *states[2] = {new_state(3, 8), new_state(3, 8)};
    struct tm_namespace *ns[2];
    for (int s = 0; s < 2; s++) {
        ns[s] = tm_state_namespace_create(states[s], 0);
        for (uint64_t i = 0; i < N; i++) {
            uint64_t word = s == 0 ? i : N - 1 - i;
            struct tm_key key = word_key(&word);
            ck_assert_ptr_nonnull(tm_state_upsert(states[s], ns[s], &key, NULL));
        }
    }
    for (uint32_t g = 0; g < 3; g++) {
        struct tm_state_cursor a, b;
        struct tm_key x, y;
        const void *value;
        tm_state_iterate(states[0], ns[0], g, &a);
        tm_state_iterate(states[1], ns[1], g, &b);
        while (tm_state_next(&a, &x, &value)) {
            ck_assert(tm_state_next(&b, &y, &value));
            ck_assert_int_eq(by_contract(&x, &y), 0);
        }
        ck_assert(!tm_state_next(&b, &y, &value));
    }
    tm_state_free(states[0]);
    tm_state_free(states[1]);
}
END_TEST

START_TEST(test_keys_of_equal_and_extreme_hashes_keep_order_and_bounded_memory)
{
    static const uint64_t hashes[] = {0, 0xffffffffu, UINT64_MAX, 0x80000000ffffffffu, 1};
    struct tm_state *state = new_state(2, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    enum { N = 400 };
    for (uint64_t i = 0; i < N; i++)
        for (uint32_t h = 0; h < 5; h++) {
            uint64_t words[2] = {i * 2654435761u, h}; // of 8 bytes no two have the same
            struct tm_key key = {hashes[h], words, sizeof words};
            bool created;
            uint64_t *value = tm_state_upsert(state, ns, &key, &created);
            ck_assert(created);
            *value = i * 5 + h;
        }
    ck_assert_uint_eq(check_order(state, ns, 2), N * 5);
    for (uint64_t i = 0; i < N; i++)
        for (uint32_t h = 0; h < 5; h++) {
            uint64_t words[2] = {i * 2654435761u, h};
            struct tm_key key = {hashes[h], words, sizeof words};
            ck_assert_uint_eq(*(const uint64_t *)tm_state_find(state, ns, &key), i * 5 + h);
        }
    ck_assert_int_lt(tm_state_used_bytes(state), 600 * 1024);
    tm_state_free(state);
}
END_TEST

// --- namespaces and memory -----------------------------------------------------------------------

START_TEST(test_namespaces_stand_in_ascending_order)
{
    struct tm_state *state = new_state(128, 8);
    static const int64_t ids[] = {5, -3, INT64_MAX, 0, INT64_MIN, 4};
    static const int64_t sorted[] = {INT64_MIN, -3, 0, 4, 5, INT64_MAX};
    for (int i = 0; i < 6; i++)
        ck_assert_ptr_nonnull(tm_state_namespace_create(state, ids[i]));
    struct tm_namespace *ns = tm_state_namespace_first(state);
    for (int i = 0; i < 6; i++, ns = tm_state_namespace_next(ns)) {
        ck_assert_int_eq(tm_state_namespace_id(ns), sorted[i]);
        ck_assert_ptr_eq(tm_state_namespace_find(state, sorted[i]), ns);
    }
    ck_assert_ptr_null(ns);
    ck_assert_ptr_null(tm_state_namespace_find(state, 1));
    tm_state_namespace_drop(state, tm_state_namespace_find(state, 0));
    ck_assert_ptr_null(tm_state_namespace_find(state, 0));
    ck_assert_int_eq(
        tm_state_namespace_id(tm_state_namespace_next(tm_state_namespace_find(state, -3))), 4);
    tm_state_namespace_drop(state, tm_state_namespace_first(state));
    ck_assert_int_eq(tm_state_namespace_id(tm_state_namespace_first(state)), -3);
    tm_state_free(state);
}
END_TEST

static void fill(struct tm_state *state, struct tm_namespace *ns, uint64_t from, uint64_t count)
{
    for (uint64_t i = from; i < from + count; i++) {
        struct tm_key key = word_key(&i);
        ck_assert_ptr_nonnull(tm_state_upsert(state, ns, &key, NULL));
    }
}

START_TEST(test_an_idle_state_costs_little)
{
    struct tm_state *state = new_state(128, 16);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    ck_assert_int_lt(tm_state_used_bytes(state), 100 * 1024);
    ck_assert_int_eq(tm_state_used_bytes(state), mem.used_bytes);
    fill(state, ns, 0, 500); // nearly every group has some
    ck_assert_int_lt(tm_state_used_bytes(state), 300 * 1024);
    ck_assert_int_eq(tm_state_used_bytes(state), mem.used_bytes);
    tm_state_free(state);
}
END_TEST

START_TEST(test_a_key_costs_the_order_of_its_size)
{
    struct tm_state *state = new_state(128, 16);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    fill(state, ns, 0, 200000); // 8 bytes of key, 16 of value
    int64_t per_key = tm_state_used_bytes(state) / 200000;
    ck_assert_int_ge(per_key, 24);
    ck_assert_int_le(per_key, 100);
    tm_state_free(state);
}
END_TEST

START_TEST(test_dropped_namespaces_give_their_memory_to_the_next)
{
    struct tm_state *state = new_state(128, 16);
    int64_t settled = 0;
    for (int64_t slice = 0; slice < 50; slice++) {
        struct tm_namespace *ns = tm_state_namespace_create(state, slice);
        fill(state, ns, (uint64_t)slice * 100, 20000);
        if (slice > 0)
            tm_state_namespace_drop(state, tm_state_namespace_first(state));
        if (slice == 10)
            settled = tm_state_used_bytes(state);
    }
    ck_assert_int_le(tm_state_used_bytes(state), settled + settled / 4);
    tm_state_free(state);
}
END_TEST

START_TEST(test_dropping_a_group_leaves_the_others)
{
    struct tm_state *state = new_state(8, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    fill(state, ns, 0, 1000);
    uint64_t left = 0;
    for (uint64_t i = 0; i < 1000; i++)
        left += tm_state_key_group(state, word_key(&i).hash) != 3;
    ck_assert_int_eq(tm_state_group_drop(state, ns, 3), 0);
    ck_assert_uint_eq(tm_state_namespace_size(ns), left);
    ck_assert_uint_eq(check_order(state, ns, 8), left);
    fill(state, ns, 0, 1000);
    ck_assert_uint_eq(check_order(state, ns, 8), 1000);
    tm_state_free(state);
}
END_TEST

START_TEST(test_addresses_hold_while_blobs_are_set)
{
    struct tm_state *state = new_state(2, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    uint64_t words[300];
    struct tm_key keys[300];
    void *values[300];
    for (uint64_t i = 0; i < 300; i++) {
        words[i] = i;
        keys[i] = word_key(&words[i]);
    }
    ck_assert_int_eq(tm_state_upsert_batch(state, ns, keys, 300, values, NULL), 0);
    for (uint32_t i = 0; i < 300; i++)
        ck_assert_int_eq(tm_state_blob_set(state, ns, tm_state_key_group(state, keys[i].hash),
                                           values[i], &i, sizeof i),
                         0);
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t stored;
        ck_assert_ptr_eq(tm_state_find(state, ns, &keys[i]), values[i]);
        memcpy(&stored,
               tm_state_blob_get(state, tm_state_key_group(state, keys[i].hash), values[i]), 4);
        ck_assert_uint_eq(stored, i);
    }
    tm_state_free(state);
}
END_TEST

START_TEST(test_running_out_of_memory_is_reported_and_harms_nothing)
{
    struct tm_mem limited;
    tm_mem_init(&limited, &test_fx, &mem, 300 * 1024);
    struct tm_state_args args = {&limited, 16, 0, 15, 16};
    struct tm_state *state;
    struct tm_error err;
    ck_assert_int_eq(tm_state_new(&args, &state, &err), 0);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    uint64_t stored = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        struct tm_key key = word_key(&i);
        uint64_t *value = tm_state_upsert(state, ns, &key, NULL);
        if (value == NULL)
            break;
        *value = i;
        stored++;
    }
    ck_assert_uint_gt(stored, 1000);
    ck_assert_uint_lt(stored, 100000);
    ck_assert_uint_eq(tm_state_namespace_size(ns), stored);
    ck_assert_uint_eq(check_order(state, ns, 16), stored);
    for (uint64_t i = 0; i < stored; i++) {
        struct tm_key key = word_key(&i);
        ck_assert_uint_eq(*(const uint64_t *)tm_state_find(state, ns, &key), i);
    }
    tm_state_free(state);
    ck_assert_int_eq(limited.used_bytes, 0);
}
END_TEST

// --- against a naive map -------------------------------------------------------------------------

enum { MODEL_KEYS = 700, MODEL_SPACES = 4, MODEL_BATCH = 100 };

struct model {
    char *bytes[MODEL_KEYS];
    uint32_t length[MODEL_KEYS];
    uint64_t count[MODEL_SPACES][MODEL_KEYS]; // 0: not there
    struct tm_state *state;
    struct tm_namespace *ns[MODEL_SPACES];
};

static struct tm_key model_key(const struct model *m, uint32_t k)
{
    return key_of(m->bytes[k], m->length[k]);
}

static void model_check(struct model *m)
{
    for (uint32_t s = 0; s < MODEL_SPACES; s++) {
        uint64_t there = 0;
        for (uint32_t k = 0; k < MODEL_KEYS; k++) {
            struct tm_key key = model_key(m, k);
            const uint64_t *value = tm_state_find(m->state, m->ns[s], &key);
            ck_assert((value != NULL) == (m->count[s][k] != 0));
            if (value != NULL)
                ck_assert_uint_eq(*value, m->count[s][k]);
            there += value != NULL;
        }
        ck_assert_uint_eq(tm_state_namespace_size(m->ns[s]), there);
        ck_assert_uint_eq(check_order(m->state, m->ns[s], 7), there);
    }
}

static void model_batch(struct model *m)
{
    struct tm_key keys[MODEL_BATCH];
    struct tm_namespace *spaces[MODEL_BATCH];
    void *values[MODEL_BATCH];
    bool created[MODEL_BATCH];
    uint32_t k[MODEL_BATCH], s[MODEL_BATCH], n = (uint32_t)draw(MODEL_BATCH + 1);
    bool each = draw(2) == 0;
    for (uint32_t i = 0; i < n; i++) {
        k[i] = (uint32_t)draw(1 + draw(MODEL_KEYS)); // some repeat
        s[i] = i == 0 || each ? (uint32_t)draw(MODEL_SPACES) : s[0];
        keys[i] = model_key(m, k[i]);
        spaces[i] = m->ns[s[i]];
    }
    int rc = each ? tm_state_upsert_each(m->state, spaces, keys, n, values, created)
                  : tm_state_upsert_batch(m->state, n == 0 ? m->ns[0] : spaces[0], keys, n, values,
                                          created);
    ck_assert_int_eq(rc, 0);
    for (uint32_t i = 0; i < n; i++) {
        ck_assert(created[i] == (m->count[s[i]][k[i]] == 0));
        ck_assert_uint_eq(*(uint64_t *)values[i], m->count[s[i]][k[i]]);
        *(uint64_t *)values[i] += 1;
        m->count[s[i]][k[i]]++;
    }
}

static void model_drop(struct model *m)
{
    uint32_t s = (uint32_t)draw(MODEL_SPACES);
    tm_state_namespace_drop(m->state, m->ns[s]);
    m->ns[s] = tm_state_namespace_create(m->state, s);
    memset(m->count[s], 0, sizeof m->count[s]);
}

START_TEST(test_random_operations_agree_with_a_naive_map)
{
    seed_from("model");
    struct model *m = calloc(1, sizeof *m);
    m->state = new_state(7, 8);
    for (uint32_t s = 0; s < MODEL_SPACES; s++)
        m->ns[s] = tm_state_namespace_create(m->state, s);
    for (uint32_t k = 0; k < MODEL_KEYS; k++) {
        m->length[k] = (uint32_t)(draw(20) == 0 ? draw(30000) : draw(24)) + 3;
        m->bytes[k] = malloc(m->length[k]);
        for (uint32_t i = 0; i < m->length[k]; i++)
            m->bytes[k][i] = (char)draw(256);
        memcpy(m->bytes[k], &k, 3);
    }
    for (int step = 0; step < 1500; step++) {
        model_batch(m);
        if (draw(60) == 0)
            model_drop(m);
        if (step % 50 == 0)
            model_check(m);
    }
    model_check(m);
    tm_state_free(m->state);
    for (uint32_t k = 0; k < MODEL_KEYS; k++)
        free(m->bytes[k]);
    free(m);
}
END_TEST

// --- blobs ---------------------------------------------------------------------------------------

START_TEST(test_blobs_of_any_size_are_replaced_and_kept)
{
    seed_from("blobs");
    enum { BLOBS = 60 };
    struct tm_state *state = new_state(3, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    struct tm_blob blobs[BLOBS] = {0};
    uint8_t fillers[BLOBS] = {0};
    static uint8_t buffer[100000];
    for (int step = 0; step < 20000; step++) {
        uint32_t b = (uint32_t)draw(BLOBS);
        uint32_t len = (uint32_t)draw(draw(30) == 0 ? sizeof buffer : 1 + draw(300));
        uint8_t filler = (uint8_t)draw(256);
        memset(buffer, filler, len);
        ck_assert_int_eq(tm_state_blob_set(state, ns, b % 3, &blobs[b], buffer, len), 0);
        fillers[b] = filler;
        ck_assert_uint_eq(blobs[b].length, len);
        uint32_t other = (uint32_t)draw(BLOBS);
        const uint8_t *p = tm_state_blob_get(state, other % 3, &blobs[other]);
        ck_assert_ptr_nonnull(p);
        for (uint32_t i = 0; i < blobs[other].length; i++)
            ck_assert_uint_eq(p[i], fillers[other]);
    }
    tm_state_free(state);
}
END_TEST

START_TEST(test_a_blob_set_to_nothing_is_all_zero)
{
    struct tm_state *state = new_state(1, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    struct tm_blob blob = {0};
    ck_assert_int_eq(tm_state_blob_set(state, ns, 0, &blob, "abc", 3), 0);
    ck_assert_int_eq(tm_state_blob_set(state, ns, 0, &blob, "", 0), 0);
    ck_assert(blob.reference == 0 && blob.length == 0);
    ck_assert_ptr_nonnull(tm_state_blob_get(state, 0, &blob));
    tm_state_free(state);
}
END_TEST

START_TEST(test_a_blob_can_be_set_from_a_blob)
{
    struct tm_state *state = new_state(1, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    struct tm_blob a = {0}, b = {0};
    char text[200];
    memset(text, 'q', sizeof text);
    ck_assert_int_eq(tm_state_blob_set(state, ns, 0, &a, text, sizeof text), 0);
    ck_assert_int_eq(tm_state_blob_set(state, ns, 0, &b, tm_state_blob_get(state, 0, &a), a.length),
                     0);
    // from its own middle, to another size class
    const char *own = tm_state_blob_get(state, 0, &a);
    ck_assert_int_eq(tm_state_blob_set(state, ns, 0, &a, own + 50, 60), 0);
    ck_assert_int_eq(memcmp(tm_state_blob_get(state, 0, &a), text, 60), 0);
    ck_assert_int_eq(memcmp(tm_state_blob_get(state, 0, &b), text, 200), 0);
    tm_state_free(state);
}
END_TEST

START_TEST(test_blobs_that_are_extended_keep_their_bytes_and_the_rest_is_zero)
{
    seed_from("extended blobs");
    enum { BLOBS = 20, LONGEST = 200000 };
    struct tm_state *state = new_state(3, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    struct tm_blob blobs[BLOBS] = {0};
    static uint8_t model[BLOBS][LONGEST];
    memset(model, 0, sizeof model);
    for (int step = 0; step < 20000; step++) {
        uint32_t b = (uint32_t)draw(BLOBS), old = blobs[b].length;
        uint32_t len = old + (uint32_t)draw(draw(10) == 0 ? 1 + old : 20);
        if (len > LONGEST || draw(200) == 0) { // all over again
            ck_assert_int_eq(tm_state_blob_set(state, ns, b % 3, &blobs[b], "", 0), 0);
            memset(model[b], 0, LONGEST);
            continue;
        }
        if (len == 0)
            continue;
        uint8_t *p = old == 0 ? tm_state_blob_zalloc(state, ns, b % 3, &blobs[b], len)
                              : tm_state_blob_extend(state, ns, b % 3, &blobs[b], len);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq(blobs[b].length, len);
        ck_assert_int_eq(memcmp(p, model[b], len), 0);
        for (int i = 0; i < 5; i++) {
            uint32_t at = (uint32_t)draw(len);
            uint8_t *edit = tm_state_blob_edit(state, b % 3, &blobs[b]);
            edit[at] = model[b][at] = (uint8_t)draw(256);
        }
        uint32_t other = (uint32_t)draw(BLOBS);
        ck_assert_int_eq(memcmp(tm_state_blob_get(state, other % 3, &blobs[other]), model[other],
                                blobs[other].length),
                         0);
    }
    tm_state_free(state);
}
END_TEST

START_TEST(test_replacing_blobs_for_ever_takes_bounded_memory)
{
    seed_from("blob reuse");
    struct tm_state *state = new_state(1, 8);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    struct tm_blob blobs[20] = {0};
    static char buffer[40000];
    int64_t settled = 0;
    for (int step = 0; step < 40000; step++) {
        uint32_t len = (uint32_t)draw(draw(100) == 0 ? sizeof buffer : 2000) + 1;
        ck_assert_int_eq(tm_state_blob_set(state, ns, 0, &blobs[draw(20)], buffer, len), 0);
        if (step == 10000)
            settled = tm_state_used_bytes(state);
    }
    ck_assert_int_le(tm_state_used_bytes(state), settled * 2);
    tm_state_namespace_drop(state, ns);
    tm_state_free(state);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("state");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(
        tc, test_keys_that_come_in_their_order_take_no_large_slot_pages_where_they_are_expected);
    tcase_add_test(tc, test_a_new_value_is_zero_and_is_found_again);
    tcase_add_test(tc, test_keys_that_are_prefixes_of_each_other_differ);
    tcase_add_test(tc, test_every_byte_of_a_key_counts);
    tcase_add_test(tc, test_a_key_larger_than_a_page_is_kept);
    tcase_add_test(tc, test_iteration_runs_in_the_order_of_the_hash_at_every_size);
    tcase_add_test(tc, test_a_walk_says_that_it_is_over_with_its_last_entry);
    tcase_add_test(tc, test_iteration_goes_on_at_a_hash);
    tcase_add_test(tc, test_iteration_does_not_depend_on_the_order_of_insertion);
    tcase_add_test(tc, test_keys_of_equal_and_extreme_hashes_keep_order_and_bounded_memory);
    tcase_add_test(tc, test_namespaces_stand_in_ascending_order);
    tcase_add_test(tc, test_an_idle_state_costs_little);
    tcase_add_test(tc, test_a_key_costs_the_order_of_its_size);
    tcase_add_test(tc, test_dropped_namespaces_give_their_memory_to_the_next);
    tcase_add_test(tc, test_dropping_a_group_leaves_the_others);
    tcase_add_test(tc, test_addresses_hold_while_blobs_are_set);
    tcase_add_test(tc, test_running_out_of_memory_is_reported_and_harms_nothing);
    tcase_add_test(tc, test_random_operations_agree_with_a_naive_map);
    tcase_add_test(tc, test_blobs_of_any_size_are_replaced_and_kept);
    tcase_add_test(tc, test_a_blob_set_to_nothing_is_all_zero);
    tcase_add_test(tc, test_a_blob_can_be_set_from_a_blob);
    tcase_add_test(tc, test_blobs_that_are_extended_keep_their_bytes_and_the_rest_is_zero);
    tcase_add_test(tc, test_replacing_blobs_for_ever_takes_bounded_memory);
    Suite *suite = suite_create("state");
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
