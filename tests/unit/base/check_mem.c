// Memory accounts, and what stands on them: limits, parents, failing allocators.
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/loop/real.h"

static struct tm_fx fx;
static struct tm_fx failing;

static void *no_alloc(void *ctx, size_t size)
{
    (void)ctx;
    (void)size;
    return NULL;
}

static void *no_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)p;
    (void)old_size;
    (void)new_size;
    return NULL;
}

static void setup(void)
{
    static struct tm_fx_memory broken;
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    broken = *fx.memory;
    broken.alloc = no_alloc;
    broken.realloc = no_realloc;
    failing = fx;
    failing.memory = &broken;
}

static int64_t used(struct tm_mem *mem)
{
    return atomic_load(&mem->used_bytes);
}

START_TEST(an_account_counts_exactly_what_is_held)
{
    struct tm_mem parent, mem;
    tm_mem_init(&parent, &fx, NULL, 0);
    tm_mem_init(&mem, &fx, &parent, 0);
    void *a = tm_mem_alloc(&mem, 100);
    char *b = tm_mem_strdup(&mem, "hello");
    unsigned char *z = tm_mem_zalloc(&mem, 50);
    ck_assert_ptr_nonnull(a);
    ck_assert_str_eq(b, "hello");
    for (size_t i = 0; i < 50; i++)
        ck_assert_uint_eq(z[i], 0);
    ck_assert_int_eq(used(&mem), 156);
    ck_assert_int_eq(used(&parent), 156);
    a = tm_mem_realloc(&mem, a, 100, 300);
    ck_assert_int_eq(used(&mem), 356);
    a = tm_mem_realloc(&mem, a, 300, 10);
    ck_assert_int_eq(used(&parent), 66);
    tm_mem_free(&mem, a, 10);
    tm_mem_free(&mem, b, 6);
    tm_mem_free(&mem, z, 50);
    tm_mem_free(&mem, NULL, 77);
    ck_assert_int_eq(used(&mem), 0);
    ck_assert_int_eq(used(&parent), 0);
}
END_TEST

START_TEST(a_limit_of_any_level_refuses_and_charges_nothing)
{
    struct tm_mem root, middle, leaf;
    tm_mem_init(&root, &fx, NULL, 100);
    tm_mem_init(&middle, &fx, &root, 0);
    tm_mem_init(&leaf, &fx, &middle, 80);
    void *p = tm_mem_alloc(&leaf, 80);
    ck_assert_ptr_nonnull(p);
    ck_assert_ptr_null(tm_mem_alloc(&leaf, 1));
    ck_assert_ptr_null(tm_mem_alloc(&middle, 21));
    ck_assert_int_eq(used(&leaf), 80);
    ck_assert_int_eq(used(&middle), 80);
    ck_assert_int_eq(used(&root), 80);
    void *q = tm_mem_alloc(&middle, 20);
    ck_assert_ptr_nonnull(q);
    ck_assert_ptr_null(tm_mem_realloc(&middle, q, 20, 21));
    ck_assert_int_eq(used(&root), 100);
    tm_mem_free(&middle, q, 20);
    tm_mem_free(&leaf, p, 80);
    ck_assert_int_eq(used(&root), 0);
}
END_TEST

START_TEST(a_size_past_reason_is_refused)
{
    struct tm_mem mem;
    tm_mem_init(&mem, &fx, NULL, 100);
    ck_assert_ptr_null(tm_mem_alloc(&mem, SIZE_MAX));
    ck_assert_ptr_null(tm_mem_alloc(&mem, SIZE_MAX / 4));
    void *p = tm_mem_alloc(&mem, 8);
    ck_assert_ptr_null(tm_mem_realloc(&mem, p, 8, SIZE_MAX - 3));
    ck_assert_int_eq(used(&mem), 8);
    tm_mem_free(&mem, p, 8);
}
END_TEST

START_TEST(an_exhausted_machine_is_not_charged)
{
    struct tm_mem mem;
    tm_mem_init(&mem, &failing, NULL, 0);
    ck_assert_ptr_null(tm_mem_alloc(&mem, 10));
    ck_assert_ptr_null(tm_mem_zalloc(&mem, 10));
    ck_assert_ptr_null(tm_mem_strdup(&mem, "x"));
    ck_assert_int_eq(used(&mem), 0);
    mem.fx = &fx;
    char *p = tm_mem_alloc(&mem, 10);
    memcpy(p, "123456789", 10);
    mem.fx = &failing;
    ck_assert_ptr_null(tm_mem_realloc(&mem, p, 10, 20));
    ck_assert_ptr_null(tm_mem_realloc(&mem, p, 10, 5));
    ck_assert_int_eq(used(&mem), 10);
    ck_assert_str_eq(p, "123456789");
    mem.fx = &fx;
    tm_mem_free(&mem, p, 10);
    ck_assert_int_eq(used(&mem), 0);
}
END_TEST

START_TEST(nothing_can_be_allocated_too)
{
    struct tm_mem mem;
    tm_mem_init(&mem, &fx, NULL, 0);
    void *p = tm_mem_alloc(&mem, 0);
    ck_assert_ptr_nonnull(p);
    p = tm_mem_realloc(&mem, p, 0, 40);
    p = tm_mem_realloc(&mem, p, 40, 0);
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(used(&mem), 0);
    tm_mem_free(&mem, p, 0);
}
END_TEST

enum { CHARGERS = 4, CHARGES = 20000 };

static void charge_and_return(void *arg)
{
    struct tm_mem *mem = arg;
    for (size_t i = 0; i < CHARGES; i++) {
        size_t size = 1 + i % 64;
        void *p = tm_mem_alloc(mem, size);
        tm_mem_free(mem, p, size);
    }
}

START_TEST(threads_share_an_account)
{
    struct tm_mem mem;
    struct tm_thread *threads[CHARGERS];
    tm_mem_init(&mem, &fx, NULL, 0);
    for (size_t i = 0; i < CHARGERS; i++)
        ck_assert_int_eq(
            fx.threads->thread_start(fx.ctx, "charger", charge_and_return, &mem, &threads[i], NULL),
            0);
    for (size_t i = 0; i < CHARGERS; i++)
        fx.threads->thread_join(fx.ctx, threads[i]);
    ck_assert_int_eq(used(&mem), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mem");
    TCase *tcase = tcase_create("mem");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, an_account_counts_exactly_what_is_held);
    tcase_add_test(tcase, a_limit_of_any_level_refuses_and_charges_nothing);
    tcase_add_test(tcase, a_size_past_reason_is_refused);
    tcase_add_test(tcase, an_exhausted_machine_is_not_charged);
    tcase_add_test(tcase, nothing_can_be_allocated_too);
    tcase_add_test(tcase, threads_share_an_account);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
