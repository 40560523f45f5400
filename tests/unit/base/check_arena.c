// Arenas: alignment, no overlap, what reset keeps, all returned at the end.
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/loop/real.h"

static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_arena arena;

static void setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    tm_arena_init(&arena, &mem);
}

static void teardown(void)
{
    tm_arena_fini(&arena);
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
}

START_TEST(allocations_are_aligned_and_apart)
{
    enum { COUNT = 5000 };
    static unsigned char *p[COUNT];
    static size_t size[COUNT];
    uint32_t random = 12345;
    for (size_t i = 0; i < COUNT; i++) {
        random = random * 1664525 + 1013904223;
        size[i] = i % 100 == 0 ? random >> 16 : (random >> 16) % 100;
        p[i] = tm_arena_alloc(&arena, size[i]);
        ck_assert_ptr_nonnull(p[i]);
        ck_assert_uint_eq((uintptr_t)p[i] % 8, 0);
        memset(p[i], (int)(i % 251), size[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t b = 0; b < size[i]; b++)
            if (p[i][b] != i % 251) // an assertion costs a system call: not one a byte
                ck_abort_msg("byte %zu of allocation %zu was overwritten", b, i);
}
END_TEST

START_TEST(reset_keeps_the_largest_chunk)
{
    for (size_t i = 0; i < 1000; i++)
        ck_assert_ptr_nonnull(tm_arena_alloc(&arena, 100));
    ck_assert_ptr_nonnull(tm_arena_alloc(&arena, 500000));
    int64_t before = atomic_load(&mem.used_bytes);
    tm_arena_reset(&arena);
    int64_t kept = atomic_load(&mem.used_bytes);
    ck_assert_int_lt(kept, before);
    ck_assert_int_ge(kept, 500000);
    ck_assert_ptr_nonnull(tm_arena_alloc(&arena, 499000));
    ck_assert_int_eq(atomic_load(&mem.used_bytes), kept);
}
END_TEST

START_TEST(a_reset_of_nothing_is_fine)
{
    tm_arena_reset(&arena);
    ck_assert_ptr_nonnull(tm_arena_alloc(&arena, 0));
    tm_arena_reset(&arena);
}
END_TEST

START_TEST(a_large_request_does_not_waste_the_chunk)
{
    char *a = tm_arena_alloc(&arena, 8);
    ck_assert_ptr_nonnull(tm_arena_alloc(&arena, 1000000));
    char *b = tm_arena_alloc(&arena, 8);
    ck_assert_ptr_eq(b, a + 8);
}
END_TEST

START_TEST(strings_get_their_end)
{
    char *s = tm_arena_strndup(&arena, "hello world", 5);
    ck_assert_str_eq(s, "hello");
    ck_assert_str_eq(tm_arena_strndup(&arena, NULL, 0), "");
}
END_TEST

START_TEST(a_full_account_gives_null_and_the_arena_lives_on)
{
    mem.limit_bytes = 10000;
    char *s = tm_arena_strndup(&arena, "kept", 4);
    ck_assert_ptr_null(tm_arena_alloc(&arena, 20000));
    ck_assert_ptr_null(tm_arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(tm_arena_strndup(&arena, "", SIZE_MAX));
    ck_assert_str_eq(s, "kept");
    ck_assert_ptr_nonnull(tm_arena_alloc(&arena, 16));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, allocations_are_aligned_and_apart);
    tcase_add_test(tcase, reset_keeps_the_largest_chunk);
    tcase_add_test(tcase, a_reset_of_nothing_is_fine);
    tcase_add_test(tcase, a_large_request_does_not_waste_the_chunk);
    tcase_add_test(tcase, strings_get_their_end);
    tcase_add_test(tcase, a_full_account_gives_null_and_the_arena_lives_on);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
