// Images that are damaged, at random and at every length: an error, or a state that can be worked
// on; never a crash, never without end.
#include "core/state/image_format.h"
#include "tests/unit/state/pieces.h"
#include "tests/unit/state/world.h"

enum { GROUP = 0, KEYS = 60, NAMESPACES = 3 };

static int corruptions(int usual)
{
    const char *given = getenv("TM_CORRUPTIONS");
    return given != NULL ? atoi(given) : usual;
}

// What came through is used: every entry is read, keys come and go, blobs are taken and given back,
// it is frozen and written again.
static void work_with(struct tm_state *state)
{
    struct tm_snapshot *before = tm_state_freeze_pages(state);
    struct tm_namespace *ns = tm_state_namespace_first(state);
    for (; ns != NULL; ns = tm_state_namespace_next(ns)) {
        struct tm_state_cursor cursor;
        struct tm_key key;
        const void *value;
        uint64_t sum = 0;
        tm_state_iterate(state, ns, GROUP, &cursor);
        while (tm_state_next(&cursor, &key, &value))
            sum += tm_hash_bytes(key.bytes, key.length) + *(const uint8_t *)value;
        ck_assert(sum != 1);
        for (uint64_t k = 0; k < KEYS; k++) {
            uint8_t bytes[400];
            key = world_key(k, bytes);
            if (draw(2) == 0) {
                int rc = tm_state_remove(state, ns, &key);
                ck_assert(rc <= 1);
                continue;
            }
            struct world_value *made = tm_state_upsert(state, ns, &key, NULL);
            struct tm_blob blob = {0};
            if (made == NULL) // a key that is there twice
                continue;
            int rc = tm_state_blob_set(state, ns, GROUP, &blob, world_bytes(k, 300),
                                       (uint32_t)draw(300));
            ck_assert_int_eq(rc, 0);
            if (draw(2) == 0)
                ck_assert_int_eq(tm_state_blob_set(state, ns, GROUP, &blob, "", 0), 0);
        }
    }
    struct tm_snapshot *now = tm_state_freeze_pages(state);
    struct tm_buf out;
    tm_buf_init(&out, &mem);
    ck_assert_int_eq(tm_image_write(now, before, GROUP, &out), 0);
    ck_assert_int_eq(tm_image_write(now, NULL, GROUP, &out), 0);
    tm_buf_fini(&out);
    tm_snapshot_free(before);
    tm_snapshot_free(now);
    while (draw(3) != 0 && tm_state_namespace_first(state) != NULL)
        tm_state_namespace_drop(state, tm_state_namespace_first(state));
}

// At once, or in pieces.
static int apply(struct tm_state *state, const void *bytes, size_t size, struct tm_error *err)
{
    size_t most = draw(2) == 0 ? 1 + draw(40) : 1 + draw(3000);
    return draw(2) == 0 ? tm_image_apply(state, GROUP, bytes, size, err)
                        : pieces_apply(state, GROUP, bytes, size, most, NULL, err);
}

// Both images, then whatever is left to do.
static bool comes_through(const void *whole, size_t whole_size, const void *difference,
                          size_t difference_size)
{
    struct tm_error err = {0};
    struct tm_state *state = world_state(1);
    int rc = apply(state, whole, whole_size, &err);
    if (rc == 0)
        rc = apply(state, difference, difference_size, &err);
    if (rc == 0)
        rc = tm_image_finish(state, GROUP, &err);
    if (rc == 0)
        work_with(state);
    else
        ck_assert_msg(rc == TM_E_CHECKPOINT || rc == TM_E_MEMORY, "%d %s", rc, err.message);
    tm_state_free(state);
    return rc == 0;
}

static void damage(uint8_t *bytes, size_t size)
{
    for (uint64_t i = 0, count = 1 + draw(3); i < count; i++) {
        uint64_t at = draw(size), word = draw(4) == 0 ? UINT64_MAX : draw(1 << 20);
        switch (draw(3)) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << draw(8));
            break;
        case 1:
            bytes[at] = (uint8_t)draw(256);
            break;
        default:
            memcpy(bytes + at, &word, size - at < 4 ? size - at : 4);
        }
    }
}

static void write_one(struct tm_buf *out, const struct tm_snapshot *now,
                      const struct tm_snapshot *before)
{
    tm_buf_init(out, &mem);
    ck_assert_int_eq(tm_image_write(now, before, GROUP, out), 0);
}

START_TEST(damaged_images_are_errors_or_states)
{
    seed_from("damage");
    uint32_t through = 0;
    int rounds = corruptions(6000);
    struct tm_buf whole = {0}, difference = {0};
    for (int round = 0; round < rounds; round++) {
        if (round % 500 == 0) { // others
            tm_buf_fini(&whole);
            tm_buf_fini(&difference);
            struct tm_state *state = world_state(1);
            struct tm_snapshot *taken[2];
            for (int i = 0; i < 2; i++) {
                for (int k = 0; k < 120; k++) {
                    struct world_change c = world_draw(KEYS, NAMESPACES);
                    c.length %= 1500;
                    world_apply(state, &c);
                }
                taken[i] = tm_state_freeze_pages(state);
            }
            write_one(&whole, taken[0], NULL);
            write_one(&difference, taken[1], taken[0]);
            tm_snapshot_free(taken[0]);
            tm_snapshot_free(taken[1]);
            tm_state_free(state);
            ck_assert(comes_through(whole.data, whole.size_bytes, difference.data,
                                    difference.size_bytes));
        }
        // Heads of pages and lists of what is free are few bytes among many.
        size_t near = draw(2) == 0 ? 64 : SIZE_MAX;
        uint8_t *a = malloc(whole.size_bytes), *b = malloc(difference.size_bytes);
        memcpy(a, whole.data, whole.size_bytes);
        memcpy(b, difference.data, difference.size_bytes);
        if (draw(2) == 0)
            damage(a, whole.size_bytes < near ? whole.size_bytes : near);
        else
            damage(b, difference.size_bytes < near ? difference.size_bytes : near);
        through += comes_through(a, whole.size_bytes, b, difference.size_bytes);
        free(a);
        free(b);
    }
    printf("%u of %d came through: values alone were damaged\n", through, rounds);
    tm_buf_fini(&whole);
    tm_buf_fini(&difference);
}
END_TEST

START_TEST(an_image_that_ends_early_is_an_error)
{
    seed_from("ends early");
    struct tm_state *state = world_state(1);
    for (int k = 0; k < 60; k++) {
        struct world_change c = world_draw(20, 2);
        c.length %= 100;
        world_apply(state, &c);
    }
    struct tm_snapshot *now = tm_state_freeze_pages(state);
    struct tm_buf whole;
    write_one(&whole, now, NULL);
    for (size_t size = 1; size < whole.size_bytes; size++) {
        uint8_t *exact = malloc(size); // so that reading behind it is seen
        memcpy(exact, whole.data, size);
        struct tm_error err = {0};
        struct tm_state *made = world_state(1);
        ck_assert_int_eq(apply(made, exact, size, &err), TM_E_CHECKPOINT);
        tm_state_free(made);
        free(exact);
    }
    tm_buf_fini(&whole);
    tm_snapshot_free(now);
    tm_state_free(state);
}
END_TEST

// --- timers --------------------------------------------------------------------------------------

static struct tm_timers *new_timers(void)
{
    struct tm_timers_args args = {&mem, 1, 0, 0};
    struct tm_timers *timers;
    ck_assert_int_eq(tm_timers_new(&args, &timers, NULL), 0);
    return timers;
}

static struct tm_timer draw_timer(uint64_t *word, uint8_t bytes[400])
{
    *word = draw(300);
    struct tm_key key = world_key(*word, bytes);
    return (struct tm_timer){
        .time = (int64_t)draw(500), .key = key, .name = "a name", .name_length = (uint32_t)draw(7)};
}

START_TEST(damaged_timers_are_errors_or_timers)
{
    seed_from("damaged timers");
    struct tm_timers *timers = new_timers();
    uint64_t word;
    uint8_t bytes[400];
    for (int i = 0; i < 600; i++) {
        struct tm_timer timer = draw_timer(&word, bytes);
        enum tm_timer_domain domain = draw(3) == 0 ? TM_TIMER_PROCESSING : TM_TIMER_EVENT;
        int rc = draw(4) != 0 ? tm_timers_add(timers, domain, &timer)
                              : tm_timers_remove(timers, domain, &timer);
        ck_assert_int_ge(rc, 0);
    }
    struct tm_snapshot *now = tm_timers_freeze_pages(timers);
    struct tm_buf whole;
    write_one(&whole, now, NULL);
    tm_snapshot_free(now);
    uint32_t through = 0;
    int rounds = corruptions(3000);
    for (int round = 0; round <= rounds; round++) {
        struct tm_error err = {0};
        struct tm_timers *made = new_timers();
        uint8_t *copy = malloc(whole.size_bytes);
        memcpy(copy, whole.data, whole.size_bytes);
        if (round != 0)
            damage(copy, whole.size_bytes);
        struct tm_state *state = tm_timers_state(made);
        int rc = tm_image_apply(state, GROUP, copy, whole.size_bytes, &err);
        if (rc == 0)
            rc = tm_image_finish(state, GROUP, &err);
        if (rc == 0)
            rc = tm_timers_resume(made, &err);
        ck_assert_msg(rc == 0 || rc == TM_E_CHECKPOINT || rc == TM_E_MEMORY, "%s", err.message);
        ck_assert_msg(round != 0 || rc == 0, "%s", err.message);
        through += rc == 0;
        for (int i = 0; i < 100 && rc == 0; i++) {
            struct tm_timer timer = draw_timer(&word, bytes);
            ck_assert_int_ge(tm_timers_add(made, TM_TIMER_EVENT, &timer), 0);
            timer = draw_timer(&word, bytes);
            ck_assert_int_ge(tm_timers_remove(made, TM_TIMER_EVENT, &timer), 0);
        }
        for (enum tm_timer_domain d = 0; d < TM_TIMER_DOMAINS && rc == 0; d++) {
            uint64_t count = tm_timers_count(made, d);
            ck_assert(round != 0 || d == TM_TIMER_EVENT || count == tm_timers_count(timers, d));
            for (; count > 0; count--)
                ck_assert_int_eq(tm_timers_pop(made, d), 1);
            ck_assert_int_eq(tm_timers_pop(made, d), 0);
        }
        free(copy);
        tm_timers_free(made);
    }
    printf("%u of %d came through\n", through, rounds);
    tm_buf_fini(&whole);
    tm_timers_free(timers);
}
END_TEST

// --- memory that a damaged image asks for --------------------------------------------------------

static int times_asked, verdict;

static int sure(struct tm_image_source *source, struct tm_error *err)
{
    (void)source;
    times_asked++;
    return verdict == 0 ? 0 : tm_error_set(err, verdict, "it is not what was written");
}

static int apply_unsure(struct tm_state *state, const void *bytes, size_t size, int what,
                        struct tm_error *err)
{
    struct pieces pieces = {
        .source = {.left = size, .more = pieces_more, .sure = sure}, .next = bytes, .most = 100};
    times_asked = 0;
    verdict = what;
    int rc = tm_image_apply_from(state, GROUP, &pieces.source, err);
    free(pieces.held);
    return rc;
}

static void put_varint(struct tm_buf *out, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 127) | (value > 127 ? 128 : 0));
        ck_assert_int_eq(tm_buf_append(out, &byte, 1), 0);
        value >>= 7;
    } while (value != 0);
}

// An image of pages of nothing but zeros, so short that it may be of any size.
static void put_empty_pages(struct tm_buf *out, uint32_t count, uint32_t distance, uint64_t words,
                            uint64_t used, uint8_t kind)
{
    const uint8_t head[] = {TM__IMAGE_VERSION, TM__IMAGE_WHOLE};
    tm_buf_init(out, &mem);
    ck_assert_int_eq(tm_buf_append(out, head, sizeof head), 0);
    put_varint(out, sizeof(struct world_value));
    for (uint32_t i = 0; i < count; i++) {
        put_varint(out, distance << TM__IMAGE_PAGE_BITS | TM__IMAGE_MADE);
        put_varint(out, words);
        put_varint(out, used);
        ck_assert_int_eq(tm_buf_append(out, &kind, 1), 0);
        put_varint(out, 0); // owner
        put_varint(out, 0); // the ranges' end
        put_varint(out, 0);
    }
    put_varint(out, 0);
}

// Whoever says a length that the image does not account for is asked for its checksum first.
START_TEST(a_damaged_length_asks_for_no_memory)
{
    static const struct {
        uint32_t count, distance;
        uint64_t words, used;
        uint8_t kind;
    } all[] = {{1, 1, 1 << 26, 1 << 26, TM__PAGE_LARGE},
               {10000, 1, TM__PAGE_BYTES_MAX / 8, TM__HEAD_WORDS + 1, TM__PAGE_BLOBS},
               {1, TM__PAGES_MAX - 8, TM__PAGE_BYTES_MIN / 8, TM__HEAD_WORDS + 1, TM__PAGE_BLOBS}};
    mem.limit_bytes = 8 << 20;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct tm_error err = {0};
        struct tm_state *state = world_state(1);
        struct tm_buf image;
        put_empty_pages(&image, all[i].count, all[i].distance, all[i].words, all[i].used,
                        all[i].kind);
        int rc = apply_unsure(state, image.data, image.size_bytes, TM_E_CHECKPOINT, &err);
        ck_assert_msg(rc == TM_E_CHECKPOINT, "%zu: %d %s", i, rc, err.message);
        ck_assert_str_eq(err.message, "it is not what was written");
        ck_assert_int_eq(times_asked, 1);
        tm_buf_fini(&image);
        tm_state_free(state);
    }
}
END_TEST

// A text of zeros is written in some bytes: asked for its checksum, it comes back.
START_TEST(a_sparse_image_comes_back_all_the_same)
{
    enum { BYTES = 3 << 20 };
    struct tm_error err = {0};
    struct tm_state *state = world_state(1), *back = world_state(1);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    const uint64_t word = 7;
    const struct tm_key key = {.hash = 1, .bytes = &word, .length = sizeof word};
    uint8_t *zeros = calloc(1, BYTES);
    struct world_value *value = tm_state_upsert(state, ns, &key, NULL);
    ck_assert_ptr_nonnull(value);
    ck_assert_int_eq(tm_state_blob_set(state, ns, GROUP, &value->text, zeros, BYTES), 0);
    struct tm_snapshot *now = tm_state_freeze_pages(state);
    struct tm_buf image;
    write_one(&image, now, NULL);
    tm_snapshot_free(now);
    ck_assert_uint_lt(image.size_bytes, 4096);
    ck_assert_int_eq(apply_unsure(back, image.data, image.size_bytes, 0, &err), 0);
    ck_assert_int_eq(times_asked, 1);
    ck_assert_int_eq(tm_image_finish(back, GROUP, &err), 0);
    const struct world_value *found = tm_state_find(back, tm_state_namespace_first(back), &key);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->text.length, BYTES);
    ck_assert_mem_eq(tm_state_blob_get(back, GROUP, &found->text), zeros, BYTES);
    free(zeros);
    tm_buf_fini(&image);
    tm_state_free(state);
    tm_state_free(back);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image_damage");
    TCase *test = tcase_create("image_damage");
    tcase_add_checked_fixture(test, setup, teardown);
    tcase_set_timeout(test, 600);
    tcase_add_test(test, damaged_images_are_errors_or_states);
    tcase_add_test(test, an_image_that_ends_early_is_an_error);
    tcase_add_test(test, damaged_timers_are_errors_or_timers);
    tcase_add_test(test, a_damaged_length_asks_for_no_memory);
    tcase_add_test(test, a_sparse_image_comes_back_all_the_same);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
