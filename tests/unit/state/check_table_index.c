// Slots that are made for entries which are there: in the same order as those that were inserted,
// whatever the tags, and of each entry that was looked at on the way.
#include "core/state/image.h"
#include "tests/unit/state/support.h"

enum { VALUE_BYTES = 8, SLOT_PAGE = 512 }; // more slots than a slot page has

// How hashes of keys are made, so that many come to be in one place.
enum spread { EVEN, FEW_TAGS, ONE_TAG, ONE_HASH, NEAR, SPREADS };

static uint64_t spread_hash(enum spread spread, uint64_t number)
{
    uint64_t hash = tm_hash_bytes(&number, sizeof number);
    switch (spread) {
    case FEW_TAGS:
        return (hash & 0xffffffff00000000u) | (number % 40 * 0x06000000u);
    case ONE_TAG:
        return (hash & 0xffffffff00000000u) | 0x12345678u;
    case ONE_HASH:
        return 0xabcdef0112345678u;
    case NEAR: // in one slot page of many
        return (hash & 0xffffffff00000fffu) | 0x7ff00000u;
    default:
        return hash;
    }
}

struct word_key {
    uint64_t word;
    struct tm_key key;
};

static void make_key(struct word_key *key, enum spread spread, uint64_t number)
{
    key->word = number;
    key->key = (struct tm_key){spread_hash(spread, number), &key->word, sizeof key->word};
}

static struct tm_state *new_state(void)
{
    struct tm_state_args args = {&mem, 1, 0, 0, VALUE_BYTES};
    struct tm_state *state;
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    return state;
}

static struct tm_namespace *only(struct tm_state *state)
{
    return tm_state_namespace_first(state);
}

static void change(struct tm_state *state, enum spread spread, uint64_t number, bool remove)
{
    struct word_key key;
    make_key(&key, spread, number);
    if (remove) {
        ck_assert_int_ge(tm_state_remove(state, only(state), &key.key), 0);
        return;
    }
    uint64_t *value = tm_state_upsert(state, only(state), &key.key, NULL);
    ck_assert_ptr_nonnull(value);
    *value = ~number;
}

static struct tm_state *state_of(enum spread spread, uint32_t count)
{
    struct tm_state *state = new_state();
    ck_assert_ptr_nonnull(tm_state_namespace_create(state, 0));
    for (uint32_t i = 0; i < count; i++)
        change(state, spread, i, false);
    for (uint32_t i = 0; i < count / 8; i++) // holes
        change(state, spread, draw(count), true);
    return state;
}

// With the same entries, and without slots so far.
static struct tm_state *fork_of(struct tm_state *state)
{
    struct tm_snapshot *snapshot = tm_state_freeze(state);
    ck_assert_ptr_nonnull(snapshot);
    struct tm_state *fork = tm_state_fork(snapshot);
    ck_assert_ptr_nonnull(fork);
    tm_snapshot_free(snapshot);
    return fork;
}

static void check_equal(struct tm_state *a, struct tm_state *b)
{
    struct tm_state_cursor x, y;
    struct tm_key key, other;
    const void *value, *same;
    uint64_t count = 0;
    tm_state_iterate(a, only(a), 0, &x);
    tm_state_iterate(b, only(b), 0, &y);
    for (; tm_state_next(&x, &key, &value); count++) {
        ck_assert(tm_state_next(&y, &other, &same));
        ck_assert(key.hash == other.hash && memcmp(key.bytes, other.bytes, key.length) == 0);
        ck_assert_uint_eq(*(const uint64_t *)value, *(const uint64_t *)same);
        ck_assert_ptr_eq(tm_state_find(b, only(b), &key), same);
    }
    ck_assert(!tm_state_next(&y, &other, &same));
    ck_assert_uint_eq(count, tm_state_namespace_size(only(a)));
    ck_assert_uint_eq(count, tm_state_namespace_size(only(b)));
}

static const uint32_t sizes[] = {1, 2, 3, 17, 100, 340, SLOT_PAGE - 20, SLOT_PAGE + 200, 3000};
enum { SIZES = sizeof sizes / sizeof *sizes };

START_TEST(made_slots_are_as_inserted_ones_and_go_on)
{
    seed_from("made slots");
    for (enum spread spread = EVEN; spread < SPREADS; spread++)
        for (uint32_t i = 0; i < SIZES; i++) {
            struct tm_state *state = state_of(spread, sizes[i]);
            struct tm_state *fork = fork_of(state);
            check_equal(state, fork);
            for (uint32_t k = 0; k < sizes[i]; k++) {
                uint64_t number = draw((uint64_t)2 * sizes[i]);
                bool remove = draw(3) == 0;
                change(state, spread, number, remove);
                change(fork, spread, number, remove);
            }
            check_equal(state, fork);
            tm_state_free(state);
            tm_state_free(fork);
        }
}
END_TEST

START_TEST(a_large_table_is_as_inserted)
{
    seed_from("large");
    struct tm_state *state = state_of(EVEN, 300000);
    struct tm_state *fork = fork_of(state);
    check_equal(state, fork);
    tm_state_free(state);
    tm_state_free(fork);
}
END_TEST

// --- who looks -----------------------------------------------------------------------------------

struct seen {
    uint32_t times[4000];
    uint64_t count;
    uint64_t most; // then it is an error
};

static int see(void *arg, const struct tm_key *keys, const void *const *values, uint32_t count)
{
    struct seen *seen = arg;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number;
        memcpy(&number, keys[i].bytes, sizeof number);
        ck_assert_uint_lt(number, 4000);
        ck_assert_uint_eq(*(const uint64_t *)values[i], ~number);
        seen->times[number]++;
        seen->count++;
    }
    return seen->count > seen->most ? TM_E_LIMIT : 0;
}

START_TEST(each_entry_is_seen_once)
{
    seed_from("seen");
    for (enum spread spread = EVEN; spread < SPREADS; spread++)
        for (int again = 0; again < 3; again++) { // without slots, after an error, and with slots
            struct tm_state *state = state_of(spread, 2000), *fork = fork_of(state);
            struct seen seen = {.most = UINT64_MAX}, little = {.most = 100};
            struct tm_buf scratch;
            tm_buf_init(&scratch, &mem);
            if (again == 1)
                ck_assert_int_eq(tm_state_see_all(fork, only(fork), 0, &scratch, see, &little),
                                 TM_E_LIMIT);
            if (again == 2)
                check_equal(state, fork);
            ck_assert_int_eq(tm_state_see_all(fork, only(fork), 0, &scratch, see, &seen), 0);
            ck_assert_uint_eq(seen.count, tm_state_namespace_size(only(state)));
            for (uint64_t number = 0; number < 2000; number++) {
                struct word_key key;
                make_key(&key, spread, number);
                ck_assert_uint_eq(seen.times[number],
                                  tm_state_find(state, only(state), &key.key) != NULL);
            }
            tm_buf_fini(&scratch);
            check_equal(state, fork);
            tm_state_free(state);
            tm_state_free(fork);
        }
}
END_TEST

// --- what can fail -------------------------------------------------------------------------------

START_TEST(without_memory_it_can_be_tried_again)
{
    seed_from("memory");
    for (enum spread spread = EVEN; spread < SPREADS; spread++) {
        struct tm_state *state = state_of(spread, 3000);
        uint32_t failures = 0;
        bool done = false;
        for (int64_t left = 0; !done; left++) {
            struct tm_state *fork = fork_of(state);
            struct seen seen = {.most = UINT64_MAX};
            struct tm_buf scratch;
            tm_buf_init(&scratch, &mem);
            allocations_left = left;
            int rc = tm_state_see_all(fork, only(fork), 0, &scratch, see, &seen);
            done = allocations_left >= 0;
            failures += !done;
            allocations_left = INT64_MAX;
            ck_assert(rc == 0 || rc == TM_E_MEMORY);
            check_equal(state, fork);
            tm_buf_fini(&scratch);
            tm_state_free(fork);
            ck_assert_int_lt(left, 1000);
        }
        ck_assert_uint_ne(failures, 0);
        tm_state_free(state);
    }
}
END_TEST

static void replace(uint8_t *bytes, size_t size, uint64_t from, uint64_t to)
{
    uint32_t found = 0;
    for (size_t at = 0; at + sizeof from <= size; at++)
        if (memcmp(bytes + at, &from, sizeof from) == 0) {
            memcpy(bytes + at, &to, sizeof to);
            found++;
        }
    ck_assert_uint_ne(found, 0);
}

// The last key becomes the first one's double.
START_TEST(a_key_that_is_there_twice_is_damage)
{
    seed_from("twice");
    static const enum spread spreads[] = {EVEN, ONE_TAG};
    static const uint32_t counts[] = {2, 50, 2 * SLOT_PAGE};
    for (uint32_t i = 0; i < 2; i++)
        for (uint32_t k = 0; k < 3; k++) {
            const uint64_t first = 0x1122334455667788u, last = 0x8877665544332211u;
            struct tm_state *state = new_state();
            ck_assert_ptr_nonnull(tm_state_namespace_create(state, 0));
            change(state, spreads[i], first, false);
            for (uint64_t n = 2; n < counts[k]; n++)
                change(state, spreads[i], n, false);
            change(state, spreads[i], last, false);
            struct tm_snapshot *now = tm_state_freeze_pages(state);
            struct tm_buf image, scratch;
            struct tm_error err = {0};
            tm_buf_init(&image, &mem);
            tm_buf_init(&scratch, &mem);
            ck_assert_int_eq(tm_image_write(now, NULL, 0, &image), 0);
            for (int damaged = 0; damaged < 2; damaged++) {
                struct tm_state *back = new_state();
                if (damaged != 0) {
                    replace(image.data, image.size_bytes, spread_hash(spreads[i], last),
                            spread_hash(spreads[i], first));
                    replace(image.data, image.size_bytes, last, first);
                }
                ck_assert_int_eq(tm_image_apply(back, 0, image.data, image.size_bytes, &err), 0);
                ck_assert_int_eq(tm_image_finish(back, 0, &err), 0);
                ck_assert_int_eq(tm_state_see_all(back, only(back), 0, &scratch, NULL, NULL),
                                 damaged != 0 ? TM_E_CHECKPOINT : 0);
                tm_state_free(back);
            }
            tm_buf_fini(&image);
            tm_buf_fini(&scratch);
            tm_snapshot_free(now);
            tm_state_free(state);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table_index");
    TCase *test = tcase_create("table_index");
    tcase_add_checked_fixture(test, setup, teardown);
    tcase_set_timeout(test, 300);
    tcase_add_test(test, made_slots_are_as_inserted_ones_and_go_on);
    tcase_add_test(test, a_large_table_is_as_inserted);
    tcase_add_test(test, each_entry_is_seen_once);
    tcase_add_test(test, without_memory_it_can_be_tried_again);
    tcase_add_test(test, a_key_that_is_there_twice_is_damage);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
