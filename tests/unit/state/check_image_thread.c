// Images are written by another thread while the state goes on: what they give back is what was
// frozen. Says more in a build for TSan.
#include <pthread.h>

#include "tests/unit/state/world.h"

enum { GROUPS = 4, KEYS = 300, NAMESPACES = 3, ROUNDS = 25 };

struct job {
    const struct tm_snapshot *now, *before;
    struct tm_buf images[GROUPS];
};

static void *write_images(void *arg)
{
    struct job *job = arg;
    for (uint32_t group = 0; group < GROUPS; group++)
        if (tm_image_write(job->now, job->before, group, &job->images[group]) != 0)
            return job;
    return NULL;
}

// Another thread writes the images; pages and page tables are copied, freed, and frozen again from
// under it.
static void write_meanwhile(struct tm_state *state, struct job *job)
{
    pthread_t thread;
    void *failed;
    ck_assert_int_eq(pthread_create(&thread, NULL, write_images, job), 0);
    for (int i = 0; i < 300; i++) {
        struct world_change c = world_draw(KEYS, NAMESPACES);
        world_apply(state, &c);
        if (i % 100 == 50)
            tm_snapshot_free(tm_state_freeze_pages(state));
    }
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_ptr_null(failed);
}

START_TEST(another_thread_writes_while_the_state_goes_on)
{
    seed_from("another thread");
    struct tm_error err = {0};
    struct tm_state *state = world_state(GROUPS), *back = NULL;
    struct tm_snapshot *before = NULL;
    for (int round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0, count = draw(400); i < count; i++) {
            struct world_change c = world_draw(KEYS, NAMESPACES);
            world_apply(state, &c);
        }
        struct tm_snapshot *full = tm_state_freeze(state), *now = tm_state_freeze_pages(state);
        struct tm_state *was = tm_state_fork(full);
        tm_snapshot_free(full);
        struct job job = {.now = now, .before = before};
        for (uint32_t group = 0; group < GROUPS; group++)
            tm_buf_init(&job.images[group], &mem);
        write_meanwhile(state, &job);
        struct tm_state *made = world_state(GROUPS);
        for (uint32_t group = 0; group < GROUPS; group++) {
            struct tm_buf whole;
            tm_buf_init(&whole, &mem);
            if (before != NULL)
                ck_assert_int_eq(tm_image_write(before, NULL, group, &whole), 0);
            int rc = tm_image_apply(made, group, whole.data, whole.size_bytes, &err);
            if (rc == 0)
                rc = tm_image_apply(made, group, job.images[group].data,
                                    job.images[group].size_bytes, &err);
            if (rc == 0)
                rc = tm_image_finish(made, group, &err);
            ck_assert_msg(rc == 0, "%s", err.message);
            tm_buf_fini(&whole);
            tm_buf_fini(&job.images[group]);
        }
        world_equal(was, made);
        tm_state_free(was);
        tm_state_free(back);
        back = made;
        tm_snapshot_free(before);
        before = now;
    }
    tm_snapshot_free(before);
    tm_state_free(back);
    tm_state_free(state);
}
END_TEST

// No fork lives on its pages: they are put aside while the other thread reads them.
START_TEST(another_thread_reads_pages_that_are_put_aside)
{
    seed_from("put aside");
    struct tm_state *state = world_state(GROUPS);
    struct tm_snapshot *before = NULL;
    for (int round = 0; round < 8 * ROUNDS; round++) {
        for (uint64_t i = 0, count = draw(200); i < count; i++) {
            struct world_change c = world_draw(KEYS, NAMESPACES);
            world_apply(state, &c);
        }
        struct tm_snapshot *now = tm_state_freeze_pages(state);
        struct job quiet = {.now = now, .before = before}, job = quiet;
        for (uint32_t group = 0; group < GROUPS; group++) {
            tm_buf_init(&quiet.images[group], &mem);
            tm_buf_init(&job.images[group], &mem);
        }
        ck_assert_ptr_null(write_images(&quiet));
        write_meanwhile(state, &job);
        for (uint32_t group = 0; group < GROUPS; group++) {
            const struct tm_buf *a = &quiet.images[group], *b = &job.images[group];
            ck_assert_uint_eq(a->size_bytes, b->size_bytes);
            ck_assert_int_eq(a->size_bytes == 0 ? 0 : memcmp(a->data, b->data, a->size_bytes), 0);
            tm_buf_fini(&quiet.images[group]);
            tm_buf_fini(&job.images[group]);
        }
        tm_snapshot_free(before);
        before = now;
    }
    tm_snapshot_free(before);
    tm_state_free(state);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image_thread");
    TCase *test = tcase_create("image_thread");
    tcase_add_checked_fixture(test, setup, teardown);
    tcase_set_timeout(test, 300);
    tcase_add_test(test, another_thread_writes_while_the_state_goes_on);
    tcase_add_test(test, another_thread_reads_pages_that_are_put_aside);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
