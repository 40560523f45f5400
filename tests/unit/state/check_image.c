// Images of states: whole ones and differences give back what was frozen, whatever was changed
// meanwhile, and what is given back goes on as the original does.
#include "core/state/frozen.h"
#include "core/state/trust.h"
#include "tests/unit/state/image_version_1.h"
#include "tests/unit/state/pieces.h"
#include "tests/unit/state/store.h"
#include "tests/unit/state/world.h"

enum { GROUPS = 7, KEYS = 400, NAMESPACES = 4, CHAIN = 6 };

// --- images of all key groups --------------------------------------------------------------------

struct images {
    struct tm_buf of[GROUPS];
};

static void write_images(struct images *images, const struct tm_snapshot *now,
                         const struct tm_snapshot *before)
{
    for (uint32_t group = 0; group < GROUPS; group++) {
        tm_buf_init(&images->of[group], &mem);
        ck_assert_int_eq(tm_image_write(now, before, group, &images->of[group]), 0);
        // Memory that was never written would show here, under valgrind.
        ck_assert(tm_hash_bytes(images->of[group].data, (uint32_t)images->of[group].size_bytes) !=
                  1);
    }
}

static void free_images(struct images *images, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t group = 0; group < GROUPS; group++)
            tm_buf_fini(&images[i].of[group]);
}

static struct tm_state *restore(const struct images *images, uint32_t count)
{
    struct tm_error err = {0};
    struct tm_state *state = world_state(GROUPS);
    for (uint32_t group = 0; group < GROUPS; group++) {
        for (uint32_t i = 0; i < count; i++) {
            const struct tm_buf *image = &images[i].of[group];
            int rc = tm_image_apply(state, group, image->data, image->size_bytes, &err);
            ck_assert_msg(rc == 0, "%s", err.message);
        }
        int rc = tm_image_finish(state, group, &err);
        ck_assert_msg(rc == 0, "%s", err.message);
    }
    return state;
}

static void change(struct tm_state *state, struct tm_state *also, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct world_change c = world_draw(KEYS, NAMESPACES);
        world_apply(state, &c);
        if (also != NULL)
            world_apply(also, &c);
    }
}

START_TEST(chains_of_images_give_back_what_was_frozen_and_go_on)
{
    seed_from("chains");
    struct tm_state *state = world_state(GROUPS);
    for (int round = 0; round < 12; round++) {
        struct images images[CHAIN];
        struct tm_snapshot *before = NULL;
        uint32_t count = 1 + (uint32_t)draw(CHAIN);
        struct tm_state *was = NULL;
        for (uint32_t i = 0; i < count; i++) {
            change(state, NULL, (uint32_t)draw(600));
            struct tm_snapshot *full = tm_state_freeze(state);
            struct tm_snapshot *now = tm_state_freeze_pages(state);
            ck_assert(full != NULL && now != NULL);
            if (was != NULL)
                tm_state_free(was);
            was = tm_state_fork(full);
            tm_snapshot_free(full);
            change(state, NULL, (uint32_t)draw(300)); // written to copies
            write_images(&images[i], now, before);
            while (!tm_snapshot_free_some(before, 1 + (uint32_t)draw(5)))
                change(state, NULL, 3);
            before = now;
        }
        tm_snapshot_free(before);
        struct tm_state *back = restore(images, count);
        world_equal(was, back);
        change(was, back, 1500);
        world_equal(was, back);
        free_images(images, count);
        tm_state_free(was);
        if (draw(2) == 0) { // what came from images is written again
            tm_state_free(state);
            state = back;
        } else {
            tm_state_free(back);
        }
    }
    tm_state_free(state);
}
END_TEST

// Nobody but the state lives on its pages: it writes where they lie, and snapshots get the copies.
START_TEST(what_is_frozen_stays_whatever_is_written)
{
    seed_from("stays");
    struct tm_state *state = world_state(GROUPS);
    struct tm_snapshot *before = NULL;
    for (int round = 0; round < 60; round++) {
        struct images first[2], again[2];
        change(state, NULL, (uint32_t)draw(400));
        struct tm_snapshot *now = tm_state_freeze_pages(state);
        ck_assert_ptr_nonnull(now);
        write_images(&first[0], now, NULL);
        write_images(&first[1], now, before);
        for (int part = 0; part < 3; part++) {
            change(state, NULL, (uint32_t)draw(300));
            if (draw(3) == 0)
                tm_snapshot_free(tm_state_freeze_pages(state));
            write_images(&again[0], now, NULL);
            write_images(&again[1], now, before);
            for (int i = 0; i < 2; i++)
                for (uint32_t group = 0; group < GROUPS; group++) {
                    const struct tm_buf *a = &first[i].of[group], *b = &again[i].of[group];
                    ck_assert_uint_eq(a->size_bytes, b->size_bytes);
                    ck_assert_int_eq(
                        a->size_bytes == 0 ? 0 : memcmp(a->data, b->data, a->size_bytes), 0);
                }
            free_images(again, 2);
        }
        free_images(first, 2);
        bool done = before == NULL || draw(2) == 0;
        if (done) {
            tm_snapshot_free(before);
            before = NULL;
        }
        while (!done && before != NULL) { // in steps, while more is written
            done = tm_snapshot_free_some(before, 1 + (uint32_t)draw(5));
            change(state, NULL, 3);
        }
        before = now;
    }
    tm_snapshot_free(before);
    tm_state_free(state);
}
END_TEST

static void *upsert_number(struct tm_state *state, struct tm_namespace *ns, uint64_t number)
{
    const struct tm_key key = {tm_hash_bytes(&number, 8), &number, 8};
    void *value = tm_state_upsert(state, ns, &key, NULL);
    ck_assert_ptr_nonnull(value);
    return value;
}

START_TEST(addresses_stay_unless_a_page_is_read_just_then)
{
    struct tm_state_args args = {&mem, 1, 0, 0, 8};
    struct tm_state *state;
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    uint64_t *value = upsert_number(state, ns, 7);
    *value = 1;
    struct tm_snapshot *older = tm_state_freeze_pages(state);
    struct tm_snapshot *now = tm_state_freeze_pages(state);
    ck_assert_ptr_eq(upsert_number(state, ns, 7), value);
    *value = 2;
    const uintptr_t offset =
        (uintptr_t)value - (state->groups[0].at[1] & ~(uintptr_t)TM__PAGE_FLAGS);
    bool taken;
    const uint8_t *page = tm__state_take_to_read(now->pages[0], 1, &taken);
    ck_assert(!taken); // it was put aside, so nothing of it changes any more
    ck_assert_uint_eq(*(const uint64_t *)(const void *)(page + offset), 1);
    ck_assert_ptr_eq(tm__state_take_to_read(older->pages[0], 1, &taken), page);
    tm_snapshot_free(older);
    tm_snapshot_free(now);

    now = tm_state_freeze_pages(state);
    page = tm__state_take_to_read(now->pages[0], 1, &taken);
    ck_assert(taken);
    ck_assert_ptr_eq(page + offset, value);
    uint32_t copies = tm_state_copies(state);
    uint64_t *moved = upsert_number(state, ns, 7);
    ck_assert_ptr_ne(moved, value);
    ck_assert_uint_ne(tm_state_copies(state), copies); // whoever keeps addresses looks again
    *moved = 3;
    ck_assert_uint_eq(*value, 2);
    tm__state_leave_read(now->pages[0], 1);
    ck_assert_ptr_eq(upsert_number(state, ns, 7), moved);
    tm_snapshot_free(now);
    tm_state_free(state);
}
END_TEST

START_TEST(giving_back_keeps_up_with_copying)
{
    seed_from("giving back");
    enum { KEYS = 50000 };
    struct tm_state_args args = {&mem, 1, 0, 0, 8};
    struct tm_state *state;
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    for (uint64_t i = 0; i < KEYS; i++) {
        const struct tm_key key = {tm_hash_bytes(&i, 8), &i, 8};
        ck_assert_ptr_nonnull(tm_state_upsert(state, ns, &key, NULL));
    }
    struct tm_snapshot *before = NULL;
    for (uint32_t round = 0; round < 4; round++) {
        struct tm_snapshot *now = tm_state_freeze_pages(state);
        ck_assert_ptr_nonnull(now);
        // A page at each step would take hundreds of them.
        uint32_t steps = 0;
        bool done = false;
        while (!done) {
            for (uint32_t k = 0; k < 30; k++) {
                const uint64_t number = draw(KEYS);
                const struct tm_key key = {tm_hash_bytes(&number, 8), &number, 8};
                ck_assert_ptr_nonnull(tm_state_upsert(state, ns, &key, NULL));
            }
            done = tm_snapshot_free_some(before, 1);
            steps++;
        }
        ck_assert_uint_le(steps, 40);
        before = now;
    }
    tm_snapshot_free(before);
    tm_state_free(state);
}
END_TEST

// Large pages go back to the account, which may take the system's time: fewer of them in a step.
START_TEST(a_step_of_giving_back_has_few_large_pages)
{
    enum { BLOBS = 200, LENGTH = 100000, BUDGET = 512, MOST = BUDGET / 32 + 1 };
    struct tm_state_args args = {&mem, 1, 0, 0, sizeof(struct tm_blob)};
    struct tm_state *state;
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    char *bytes = calloc(1, LENGTH);
    struct tm_snapshot *snapshot = NULL;
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < BLOBS; i++) {
            const struct tm_key key = {tm_hash_bytes(&i, 8), &i, 8};
            struct tm_blob *blob = tm_state_upsert(state, ns, &key, NULL);
            ck_assert_ptr_nonnull(blob);
            ck_assert_int_eq(tm_state_blob_set(state, ns, 0, blob, bytes, LENGTH), 0);
        }
        if (round == 0)
            snapshot = tm_state_freeze_pages(state);
        ck_assert_ptr_nonnull(snapshot);
    }
    int64_t all = mem.used_bytes;
    uint32_t steps = 0;
    bool done = false;
    while (!done) {
        int64_t before = mem.used_bytes;
        done = tm_snapshot_free_some(snapshot, BUDGET);
        ck_assert_int_le(before - mem.used_bytes, (int64_t)MOST * 2 * LENGTH);
        steps++;
    }
    ck_assert_int_ge(all - mem.used_bytes, (int64_t)BLOBS * LENGTH);
    ck_assert_uint_ge(steps, BLOBS / MOST);
    free(bytes);
    tm_state_free(state);
}
END_TEST

START_TEST(nothing_changed_gives_no_byte)
{
    seed_from("nothing changed");
    struct tm_state *state = world_state(GROUPS);
    struct tm_snapshot *empty = tm_state_freeze_pages(state);
    change(state, NULL, 500);
    struct tm_snapshot *a = tm_state_freeze_pages(state), *b = tm_state_freeze_pages(state);
    struct images images[4];
    write_images(&images[0], empty, NULL);
    write_images(&images[1], b, a);
    write_images(&images[2], b, empty);
    write_images(&images[3], b, NULL);
    for (uint32_t group = 0; group < GROUPS; group++) {
        ck_assert_uint_eq(images[0].of[group].size_bytes, 0);
        ck_assert_uint_eq(images[1].of[group].size_bytes, 0);
        ck_assert_uint_ne(images[2].of[group].size_bytes, 0);
        ck_assert_uint_ne(images[3].of[group].size_bytes, 0);
    }
    struct tm_state *back = restore(&images[2], 1);
    world_equal(state, back);
    tm_state_free(back);
    free_images(images, 4);
    tm_snapshot_free(a);
    tm_snapshot_free(b);
    tm_snapshot_free(empty);
    tm_state_free(state);
}
END_TEST

// Keys come and go at the same rate, and the state is written and read again and again.
START_TEST(restarts_do_not_make_a_state_grow)
{
    seed_from("restarts");
    struct tm_state *state = world_state(GROUPS);
    size_t settled = 0, bytes = 0;
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 2000; i++) {
            struct world_change c = world_draw(KEYS, NAMESPACES);
            c.what = c.what == WORLD_DROP ? WORLD_REMOVE : c.what; // would give all back at once
            world_apply(state, &c);
        }
        struct tm_snapshot *now = tm_state_freeze_pages(state);
        struct images images;
        write_images(&images, now, NULL);
        tm_snapshot_free(now);
        bytes = 0;
        for (uint32_t group = 0; group < GROUPS; group++)
            bytes += images.of[group].size_bytes;
        if (round == 20)
            settled = bytes;
        struct tm_state *back = restore(&images, 1);
        free_images(&images, 1);
        tm_state_free(state);
        state = back;
    }
    ck_assert_msg(bytes < settled * 2, "%zu bytes have become %zu", settled, bytes);
    tm_state_free(state);
}
END_TEST

// Keys of 16 bytes with values of 32 random bytes, in place or in a blob.
static void set_random(struct tm_state *state, struct tm_namespace *ns, uint64_t k, bool blobs)
{
    uint64_t bytes[2] = {k, k * 7}, random[4];
    struct tm_key key = {tm_hash_bytes(bytes, sizeof bytes), bytes, sizeof bytes};
    void *value = tm_state_upsert(state, ns, &key, NULL);
    for (int i = 0; i < 4; i++)
        random[i] = draw(UINT64_MAX) * 0x9e3779b97f4a7c15u;
    if (!blobs)
        memcpy(value, random, sizeof random);
    else
        ck_assert_int_eq(tm_state_blob_set(state, ns, tm_state_key_group(state, key.hash), value,
                                           random, sizeof random),
                         0);
}

START_TEST(a_difference_is_as_large_as_what_has_changed)
{
    enum { MANY = 100000, BYTES = 16 + 32, WIDE = 128 };
    seed_from("difference");
    for (int blobs = 0; blobs < 2; blobs++) {
        struct tm_state_args args = {&mem, WIDE, 0, WIDE - 1, blobs ? 8 : 32};
        struct tm_state *state;
        ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
        struct tm_namespace *ns = tm_state_namespace_create(state, 0);
        for (uint64_t k = 0; k < MANY; k++)
            set_random(state, ns, k, blobs);
        struct tm_snapshot *before = tm_state_freeze_pages(state);
        for (uint64_t stride = 1000; stride != 0; stride /= 10) {
            for (uint64_t k = draw(stride); k < MANY; k += stride)
                set_random(state, ns, k, blobs);
            struct tm_snapshot *now = tm_state_freeze_pages(state);
            struct tm_buf out;
            tm_buf_init(&out, &mem);
            for (uint32_t group = 0; group < WIDE; group++)
                ck_assert_int_eq(tm_image_write(now, before, group, &out), 0);
            double ratio = (double)out.size_bytes / (double)(MANY / stride * BYTES);
            printf("%g %% changed: %.3f of their keys and values\n", 100.0 / (double)stride, ratio);
            ck_assert(ratio < (stride == 1000 ? 1.0 : 0.8));
            tm_buf_fini(&out);
            tm_snapshot_free(before);
            before = now;
        }
        tm_snapshot_free(before);
        tm_state_free(state);
    }
}
END_TEST

// What lies in the store when it is frozen, or goes there and comes back.
START_TEST(pages_in_the_store_are_in_images)
{
    seed_from("store");
    struct tm_state *state = world_state(GROUPS);
    tm_state_set_store(state, &store);
    change(state, NULL, 1500);
    for (uint32_t group = 0, page = 0; group < GROUPS; group++, page = 0)
        ck_assert_int_gt(tm_state_evict(state, group, &page, 20), 0);
    struct images images[3];
    struct tm_snapshot *a = tm_state_freeze_pages(state);
    write_images(&images[0], a, NULL);
    struct tm_state *first = restore(images, 1);
    world_equal(state, first); // brings pages back that have not changed
    struct tm_snapshot *b = tm_state_freeze_pages(state);
    write_images(&images[1], b, a);
    for (uint32_t group = 0; group < GROUPS; group++)
        ck_assert_uint_eq(images[1].of[group].size_bytes, 0);
    change(state, NULL, 200);
    struct tm_snapshot *c = tm_state_freeze_pages(state);
    write_images(&images[2], c, a);
    struct images both[2] = {images[0], images[2]};
    struct tm_state *second = restore(both, 2);
    world_equal(state, second);
    free_images(images, 3);
    tm_state_free(first);
    tm_state_free(second);
    tm_snapshot_free(a);
    tm_snapshot_free(b);
    tm_snapshot_free(c);
    tm_state_free(state);
    for (uint32_t i = 0; i < disk.used; i++)
        ck_assert_uint_eq(disk.holders[i], 0);
}
END_TEST

// Sets of timers, frozen for images again and again.
// --- earlier versions ----------------------------------------------------------------------------

enum { MAPS_1 = 3 };
static const uint32_t entries_1[MAPS_1] = {9, 24, 3};

static size_t bytes_of_version_1(uint8_t *bytes)
{
    size_t size = (sizeof image_version_1 - 1) / 2;
    for (size_t i = 0; i < size; i++) {
        const char digits[3] = {image_version_1[2 * i], image_version_1[2 * i + 1], 0};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return size;
}

static struct tm_state_map *map_of(struct tm_state *state, uint64_t k)
{
    struct tm_key key = {tm_hash_bytes(&k, 8), &k, 8};
    bool created;
    struct tm_state_map *map =
        tm_state_upsert(state, tm_state_namespace_find(state, 0), &key, &created);
    ck_assert(map != NULL && !created);
    return map;
}

// `more` entries of each were put behind those of the image.
static void check_maps_of_version_1(struct tm_state *state, uint32_t more)
{
    struct tm_place place = {state, tm_state_namespace_find(state, 0), 0};
    struct tm_state_trust trust;
    struct tm_span span;
    ck_assert_ptr_nonnull(place.ns);
    tm_state_trust_begin(state, 0, &trust);
    for (uint64_t k = 0; k < MAPS_1; k++) {
        const struct tm_state_map *map = map_of(state, k);
        ck_assert_uint_eq(map->count, entries_1[k] + more + (k == 2));
        ck_assert(tm_state_trust_map(&trust, place.ns, map));
        for (uint64_t i = 0; i < entries_1[k] + more; i++) {
            uint64_t word = i * 7, value;
            struct tm_key key = {tm_hash_bytes(&word, 8), &word, 8};
            ck_assert_int_eq(tm_state_map_get(&place, map, &key, &span), 1);
            ck_assert_uint_eq(span.length, 8);
            memcpy(&value, span.bytes, 8);
            ck_assert_uint_eq(value, k * 1000 + i);
        }
        if (k != 2)
            continue;
        struct tm_key key = {tm_hash_bytes("a text", 6), "a text", 6};
        ck_assert_int_eq(tm_state_map_get(&place, map, &key, &span), 1);
        ck_assert(span.length == 9 && memcmp(span.bytes, "its value", 9) == 0);
    }
}

START_TEST(an_image_of_version_1_is_read_and_goes_on)
{
    enum { MORE = 40 };
    uint8_t bytes[sizeof image_version_1 / 2];
    struct tm_error err = {0};
    struct tm_state_args args = {&mem, 1, 0, 0, sizeof(struct tm_state_map)};
    struct tm_state *state;
    size_t size = bytes_of_version_1(bytes);
    ck_assert_uint_eq(bytes[0], 1);
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    int rc = tm_image_apply(state, 0, bytes, size, &err);
    if (rc == 0)
        rc = tm_image_finish(state, 0, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    ck_assert_uint_eq(tm_state_namespace_size(tm_state_namespace_find(state, 0)), MAPS_1);
    check_maps_of_version_1(state, 0);
    struct tm_place place = {state, tm_state_namespace_find(state, 0), 0};
    for (uint64_t k = 0; k < MAPS_1; k++)
        for (uint64_t i = entries_1[k]; i < entries_1[k] + MORE; i++) {
            uint64_t word = i * 7, value = k * 1000 + i;
            struct tm_key key = {tm_hash_bytes(&word, 8), &word, 8};
            ck_assert_int_eq(tm_state_map_put(&place, map_of(state, k), &key, &value, 8), 1);
        }
    check_maps_of_version_1(state, MORE);
    tm_state_free(state);
}
END_TEST

// Pieces end anywhere: within numbers, ranges, pages.
START_TEST(an_image_may_come_in_pieces)
{
    seed_from("pieces");
    static const size_t sizes[] = {1, 2, 3, 7, 19, 64, 1000, 20000};
    struct tm_state *state = world_state(GROUPS);
    struct images images[2];
    struct tm_snapshot *before = NULL;
    for (int i = 0; i < 2; i++) {
        change(state, NULL, 700);
        struct tm_snapshot *now = tm_state_freeze_pages(state);
        ck_assert_ptr_nonnull(now);
        write_images(&images[i], now, before);
        tm_snapshot_free(before);
        before = now;
    }
    tm_snapshot_free(before);
    for (uint32_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct tm_state *back = world_state(GROUPS);
        struct tm_error err = {0};
        for (uint32_t group = 0; group < GROUPS; group++) {
            for (int i = 0; i < 2; i++) {
                const struct tm_buf *image = &images[i].of[group];
                uint64_t count;
                int rc = pieces_apply(back, group, image->data, image->size_bytes, sizes[s], &count,
                                      &err);
                ck_assert_msg(rc == 0, "%s", err.message);
                ck_assert_uint_eq(count, (image->size_bytes + sizes[s] - 1) / sizes[s]);
            }
            ck_assert_int_eq(tm_image_finish(back, group, &err), 0);
        }
        world_equal(state, back);
        tm_state_free(back);
    }
    free_images(images, 2);
    tm_state_free(state);
}
END_TEST

START_TEST(images_of_unknown_versions_are_refused)
{
    uint8_t bytes[sizeof image_version_1 / 2];
    size_t size = bytes_of_version_1(bytes);
    static const uint8_t versions[] = {0, 3, 255};
    for (uint32_t i = 0; i < sizeof versions; i++) {
        struct tm_error err = {0};
        struct tm_state_args args = {&mem, 1, 0, 0, sizeof(struct tm_state_map)};
        struct tm_state *state;
        bytes[0] = versions[i];
        ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
        ck_assert_int_eq(tm_image_apply(state, 0, bytes, size, &err), TM_E_CHECKPOINT);
        ck_assert_ptr_nonnull(strstr(err.message, "this program knows 1 to 2"));
        tm_state_free(state);
    }
}
END_TEST

START_TEST(timers_come_back_from_images)
{
    seed_from("timers");
    struct tm_timers_args args = {&mem, GROUPS, 0, GROUPS - 1};
    struct tm_timers *timers, *back;
    struct tm_snapshot *before = NULL;
    struct images images[CHAIN];
    ck_assert_int_eq(tm_timers_new(&args, &timers, NULL), 0);
    ck_assert_int_eq(tm_timers_new(&args, &back, NULL), 0);
    for (uint32_t i = 0; i < CHAIN; i++) {
        for (int n = 0; n < 3000; n++) {
            uint8_t bytes[400];
            struct tm_timer timer = {.time = (int64_t)draw(4000),
                                     .key = world_key(draw(500), bytes)};
            enum tm_timer_domain domain = (enum tm_timer_domain)draw(2);
            int rc = draw(3) == 0 ? tm_timers_remove(timers, domain, &timer)
                                  : tm_timers_add(timers, domain, &timer);
            ck_assert_int_ge(rc, 0);
            if (draw(4) == 0)
                ck_assert_int_ge(tm_timers_pop(timers, domain), 0);
        }
        struct tm_snapshot *now = tm_timers_freeze_pages(timers);
        write_images(&images[i], now, before);
        tm_snapshot_free(before);
        before = now;
    }
    tm_snapshot_free(before);
    struct tm_error err = {0};
    for (uint32_t group = 0; group < GROUPS; group++) {
        for (uint32_t i = 0; i < CHAIN; i++)
            ck_assert_int_eq(tm_image_apply(tm_timers_state(back), group, images[i].of[group].data,
                                            images[i].of[group].size_bytes, &err),
                             0);
        ck_assert_int_eq(tm_image_finish(tm_timers_state(back), group, &err), 0);
    }
    int rc = tm_timers_resume(back, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    free_images(images, CHAIN);
    for (enum tm_timer_domain d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct tm_timer a, b;
        ck_assert_uint_ne(tm_timers_count(timers, d), 0);
        ck_assert_uint_eq(tm_timers_count(timers, d), tm_timers_count(back, d));
        while (tm_timers_first(timers, d, &a)) {
            ck_assert(tm_timers_first(back, d, &b));
            ck_assert(a.time == b.time && a.key.hash == b.key.hash);
            ck_assert_int_eq(tm_timers_pop(timers, d), 1);
            ck_assert_int_eq(tm_timers_pop(back, d), 1);
        }
    }
    tm_timers_free(timers);
    tm_timers_free(back);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image");
    TCase *test = tcase_create("image");
    tcase_add_checked_fixture(test, setup, teardown);
    tcase_set_timeout(test, 300);
    tcase_add_test(test, chains_of_images_give_back_what_was_frozen_and_go_on);
    tcase_add_test(test, what_is_frozen_stays_whatever_is_written);
    tcase_add_test(test, addresses_stay_unless_a_page_is_read_just_then);
    tcase_add_test(test, giving_back_keeps_up_with_copying);
    tcase_add_test(test, a_step_of_giving_back_has_few_large_pages);
    tcase_add_test(test, nothing_changed_gives_no_byte);
    tcase_add_test(test, a_difference_is_as_large_as_what_has_changed);
    tcase_add_test(test, pages_in_the_store_are_in_images);
    tcase_add_test(test, timers_come_back_from_images);
    tcase_add_test(test, an_image_of_version_1_is_read_and_goes_on);
    tcase_add_test(test, an_image_may_come_in_pieces);
    tcase_add_test(test, images_of_unknown_versions_are_refused);
    tcase_add_test(test, restarts_do_not_make_a_state_grow);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
