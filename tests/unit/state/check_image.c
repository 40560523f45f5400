// Images of states: whole ones and differences give back what was frozen, whatever was changed
// meanwhile, and what is given back goes on as the original does.
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
        change(state, NULL, 2000);
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

int main(void)
{
    Suite *suite = suite_create("image");
    TCase *test = tcase_create("image");
    tcase_add_checked_fixture(test, setup, teardown);
    tcase_set_timeout(test, 300);
    tcase_add_test(test, chains_of_images_give_back_what_was_frozen_and_go_on);
    tcase_add_test(test, nothing_changed_gives_no_byte);
    tcase_add_test(test, restarts_do_not_make_a_state_grow);
    suite_add_tcase(suite, test);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
