// Maps whose keys are words, of which most lie in plain buckets, against a plain model: values of
// every length, what makes a bucket another kind, snapshots; looked up alone and many at once.
#include "core/state/collection.h"
#include "core/state/trust.h"

#include "tests/unit/state/support.h"

static struct tm_state *new_state(void)
{
    struct tm_state_args args = {&mem, 1, 0, 0, sizeof(uint64_t)};
    struct tm_state *state;
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    return state;
}

static struct tm_key number_key(const uint64_t *number)
{
    return (struct tm_key){tm_hash_bytes(number, 8), number, 8};
}

enum { WORDS = 700 };
struct words {
    struct tm_state *state;
    struct tm_place place;
    struct tm_state_map map;
    uint32_t value_bytes;
    uint32_t length[WORDS]; // of the value; 0: not there
    uint64_t value[WORDS];
    bool has_text;
};

static uint64_t word_of(uint32_t i)
{
    return i % 2 == 0 ? i : i * UINT64_C(0x9e3779b97f4a7c15); // neighbours and what is spread
}

static void put_word(struct words *w, uint32_t i, uint32_t length)
{
    uint64_t word = word_of(i), value[5] = {draw(1u << 30)};
    for (uint32_t k = 1; k < 5; k++)
        value[k] = value[0] + k;
    struct tm_key key = number_key(&word);
    ck_assert_int_eq(tm_state_map_put(&w->place, &w->map, &key, value, length), w->length[i] == 0);
    w->length[i] = length;
    w->value[i] = value[0];
}

static void check_word(const struct words *w, uint32_t i, const void *value, uint32_t length)
{
    uint64_t found[5];
    ck_assert_uint_eq(length, w->length[i]);
    memcpy(found, value, length);
    for (uint32_t k = 0; k < length / 8; k++)
        ck_assert_uint_eq(found[k], w->value[i] + k);
}

// What is told of words by many at once; *untold counts the rest.
static void check_words_told(struct words *w, uint64_t *untold)
{
    static struct tm_state_map_words of;
    static const struct tm_key records[TM_STATE_LOOK]; // of key group 0, as all are
    const struct tm_state_map empty = {0};
    for (uint32_t first = 0; first < WORDS; first += TM_STATE_LOOK) {
        uint32_t count = WORDS - first < TM_STATE_LOOK ? WORDS - first : TM_STATE_LOOK;
        for (uint32_t i = 0; i < count; i++) {
            of.map[i] = i == 5 ? NULL : i == 6 ? &empty : &w->map;
            of.word[i] = word_of(first + i);
        }
        tm_state_map_words_begin(w->state, &of, records, count);
        tm_state_map_words_aim(w->state, &of, records, count);
        tm_state_map_words_look(&of, count);
        for (uint32_t i = 0; i < count; i++) {
            bool told = (of.told >> i & 1) != 0;
            ck_assert(i != 5 || !told);
            ck_assert(i != 6 || (told && of.value[i] == NULL));
            ck_assert(told || of.value[i] == NULL);
            *untold += i != 5 && !told;
            if (i == 5 || i == 6 || !told)
                continue;
            ck_assert_int_eq(of.value[i] != NULL, w->length[first + i] != 0);
            if (of.value[i] != NULL)
                check_word(w, first + i, of.value[i], w->length[first + i]);
        }
    }
}

static void check_words(struct words *w, uint64_t *untold)
{
    uint32_t count = w->has_text, seen = 0;
    struct tm_state_map_cursor cursor = {0};
    struct tm_state_trust trust;
    struct tm_key key;
    struct tm_span span;
    check_words_told(w, untold);
    for (uint32_t i = 0; i < WORDS; i++) {
        uint64_t word = word_of(i);
        key = number_key(&word);
        count += w->length[i] != 0;
        ck_assert_int_eq(tm_state_map_get(&w->place, &w->map, &key, &span), w->length[i] != 0);
        if (w->length[i] != 0)
            check_word(w, i, span.bytes, span.length);
    }
    ck_assert_uint_eq(w->map.count, count);
    uint64_t last = 0;
    while (tm_state_map_next(&w->place, &w->map, &cursor, &key, &span) == 1) {
        ck_assert(seen == 0 || key.hash > last);
        ck_assert_uint_eq(key.hash, tm_hash_bytes(key.bytes, key.length));
        last = key.hash;
        seen++;
    }
    ck_assert_uint_eq(seen, count);
    tm_state_trust_begin(w->state, 0, &trust);
    ck_assert(tm_state_trust_map(&trust, w->place.ns, &w->map));
}

static void change_words(struct words *w, uint32_t phase, uint32_t odd)
{
    uint32_t i = (uint32_t)draw(WORDS);
    uint64_t word = word_of(i);
    struct tm_key key = number_key(&word);
    if (draw(100) < odd) { // what a plain bucket does not hold
        static const char text[] = "a key that is a text";
        struct tm_key other = {tm_hash_bytes(text, sizeof text), text, sizeof text};
        if (draw(3) != 0) {
            put_word(w, i, 8 * (1 + (uint32_t)draw(5)));
        } else if (!w->has_text) {
            ck_assert_int_eq(tm_state_map_put(&w->place, &w->map, &other, "x", 1), 1);
            w->has_text = true;
        } else {
            ck_assert_int_eq(tm_state_map_remove(&w->place, &w->map, &other), 1);
            w->has_text = false;
        }
    } else if (draw(10) < (phase % 2 == 0 ? 8u : 2u)) {
        put_word(w, i, w->value_bytes);
    } else {
        ck_assert_int_eq(tm_state_map_remove(&w->place, &w->map, &key), w->length[i] != 0);
        w->length[i] = 0;
    }
}

START_TEST(test_maps_of_words_agree_with_a_plain_model)
{
    seed_from("words");
    for (uint32_t round = 0; round < 24; round++) {
        struct words w = {.state = new_state(), .value_bytes = 8 * (1 + round % 4)};
        w.place = (struct tm_place){w.state, tm_state_namespace_create(w.state, 0), 0};
        uint32_t odd = round % 3 == 2 ? 3 : 0;
        struct tm_snapshot *snapshot = NULL;
        uint64_t untold = 0;
        for (uint32_t phase = 0; phase < 6; phase++) {
            // Small, large, and small again.
            uint32_t steps = phase < 2 ? 12 : 1500;
            for (uint32_t step = 0; step < steps; step++)
                change_words(&w, phase, odd);
            check_words(&w, &untold);
            // In plain buckets, which nobody else holds, all is told.
            ck_assert(odd != 0 || round % 4 == 3 || phase > 3 || untold == 0);
            if (phase == 3) { // what a snapshot holds is not told, and not written
                snapshot = tm_state_freeze(w.state);
                ck_assert_ptr_nonnull(snapshot);
                check_words(&w, &untold);
            }
        }
        tm_snapshot_free(snapshot);
        tm_state_map_clear(&w.place, &w.map);
        ck_assert_uint_eq(w.map.bytes, 0);
        tm_state_free(w.state);
    }
}
END_TEST

int main(void)
{
    random_state = 1;
    TCase *tc = tcase_create("words");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_maps_of_words_agree_with_a_plain_model);
    return run_case(tc, "words");
}