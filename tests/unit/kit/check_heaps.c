// Heaps that are put back as they were.
#include <string.h>

#include "core/kit/heaps.h"
#include "core/loop/real.h"

enum { BYTES = 1 << 20 };

static struct tm_fx fx;
static struct tm_heaps heaps;
static int owner, other;

static void setup(void)
{
    struct tm_error err = {0};
    ck_assert_int_eq(tm_real_init(&fx, &err), 0);
    tm_heaps_init(&heaps, &fx, BYTES);
}

static void teardown(void)
{
    tm_heaps_fini(&heaps);
    tm_real_fini(&fx);
}

static void *take(const struct tm_fx *heap, size_t size)
{
    void *p = heap->memory->alloc(heap->ctx, size);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((uintptr_t)p % 16, 0);
    return p;
}

static void give(const struct tm_fx *heap, void *p, size_t size)
{
    heap->memory->free(heap->ctx, p, size);
}

START_TEST(a_block_that_is_given_back_is_taken_again)
{
    const struct tm_fx *heap = tm_heaps_open(&heaps, &owner, 0);
    for (size_t size = 1; size < 5000; size += 7) {
        char *p = take(heap, size), *q = take(heap, size);
        memset(p, 1, size);
        memset(q, 2, size);
        ck_assert_int_eq(p[size - 1], 1);
        give(heap, p, size);
        ck_assert_ptr_eq(take(heap, size), p);
        give(heap, p, size);
        give(heap, q, size);
    }
    tm_heaps_close(heap);
}
END_TEST

START_TEST(a_block_that_grows_keeps_its_bytes)
{
    const struct tm_fx *heap = tm_heaps_open(&heaps, &owner, 0);
    uint8_t *p = NULL;
    size_t size = 0;
    for (size_t next = 1; next < 3 * BYTES; next = next * 3 / 2 + 1) { // beyond the heap, too
        p = heap->memory->realloc(heap->ctx, p, size, next);
        ck_assert_ptr_nonnull(p);
        for (size_t i = 0; i < size; i += 97)
            ck_assert_uint_eq(p[i], i % 251);
        for (size_t i = 0; i < next; i++)
            p[i] = (uint8_t)(i % 251);
        size = next;
    }
    p = heap->memory->realloc(heap->ctx, p, size, 100);
    ck_assert_uint_eq(p[97], 97);
    tm_heaps_close(heap); // and all that is left
}
END_TEST

START_TEST(what_was_kept_is_there_again)
{
    const struct tm_fx *heap = tm_heaps_open(&heaps, &owner, 0);
    char *p = take(heap, 100);
    strcpy(p, "first");
    tm_heaps_keep(heap, 7, p);
    char *next = take(heap, 100);
    strcpy(p, "changed");
    tm_heaps_close(heap);

    heap = tm_heaps_open(&heaps, &owner, 7);
    ck_assert_ptr_null(tm_heaps_recall(heap, 8));
    ck_assert_ptr_eq(tm_heaps_recall(heap, 7), p);
    ck_assert_str_eq(p, "first");
    ck_assert_ptr_eq(take(heap, 100), next); // its free blocks as well
    tm_heaps_close(heap);
}
END_TEST

START_TEST(the_heap_that_keeps_it_comes_first)
{
    const struct tm_fx *a = tm_heaps_open(&heaps, &owner, 0);
    const struct tm_fx *b = tm_heaps_open(&heaps, &owner, 0);
    ck_assert_ptr_ne(a, b);
    tm_heaps_keep(b, 7, take(b, 1));
    tm_heaps_leave(&heaps, &other); // has none
    ck_assert_ptr_ne(tm_heaps_open(&heaps, &other, 7), b);
    tm_heaps_leave(&heaps, &owner);
    ck_assert_ptr_eq(tm_heaps_open(&heaps, &owner, 7), b);
    tm_heaps_leave(&heaps, &owner);
    tm_heaps_leave(&heaps, &other);
}
END_TEST

START_TEST(the_first_that_is_kept_stays_and_of_others_the_last)
{
    const struct tm_fx *heap = tm_heaps_open(&heaps, &owner, 0);
    int roots[10];
    for (uint64_t key = 1; key < 10; key++)
        tm_heaps_keep(heap, key, &roots[key]);
    ck_assert_ptr_eq(tm_heaps_recall(heap, 1), &roots[1]);
    ck_assert_ptr_null(tm_heaps_recall(heap, 2));
    ck_assert_ptr_eq(tm_heaps_recall(heap, 8), &roots[8]);
    ck_assert_ptr_eq(tm_heaps_recall(heap, 9), &roots[9]);
    tm_heaps_forget(&heaps);
    ck_assert_ptr_null(tm_heaps_recall(heap, 9));
    ck_assert_ptr_eq(tm_heaps_recall(heap, 1), &roots[1]);
    tm_heaps_close(heap);
}
END_TEST

START_TEST(what_has_blocks_outside_is_not_kept)
{
    const struct tm_fx *heap = tm_heaps_open(&heaps, &owner, 0);
    void *p = take(heap, 2 * BYTES);
    tm_heaps_keep(heap, 7, p);
    ck_assert_ptr_null(tm_heaps_recall(heap, 7));
    give(heap, p, 2 * BYTES);
    tm_heaps_keep(heap, 7, &owner);
    ck_assert_ptr_eq(tm_heaps_recall(heap, 7), &owner);
    tm_heaps_close(heap);
}
END_TEST

START_TEST(there_are_so_many_and_no_more)
{
    for (int i = 0; i < TM_HEAPS; i++)
        ck_assert_ptr_nonnull(tm_heaps_open(&heaps, &owner, 0));
    ck_assert_ptr_null(tm_heaps_open(&heaps, &owner, 0));
    tm_heaps_leave(&heaps, &owner);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("heaps");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_block_that_is_given_back_is_taken_again);
    tcase_add_test(tests, a_block_that_grows_keeps_its_bytes);
    tcase_add_test(tests, what_was_kept_is_there_again);
    tcase_add_test(tests, the_heap_that_keeps_it_comes_first);
    tcase_add_test(tests, the_first_that_is_kept_stays_and_of_others_the_last);
    tcase_add_test(tests, what_has_blocks_outside_is_not_kept);
    tcase_add_test(tests, there_are_so_many_and_no_more);
    return run_case(tests, "kit/heaps");
}
