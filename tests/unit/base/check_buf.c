// Buffers: growth, formatting, limits.
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/loop/real.h"

static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_buf buf;

static void setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    tm_buf_init(&buf, &mem);
}

static void teardown(void)
{
    tm_buf_fini(&buf);
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
}

START_TEST(bytes_stay_through_growth)
{
    for (uint32_t i = 0; i < 5000; i++)
        ck_assert_int_eq(tm_buf_append(&buf, &i, sizeof(i)), 0);
    ck_assert_uint_eq(buf.size_bytes, 20000);
    for (uint32_t i = 0; i < 5000; i++)
        ck_assert_mem_eq(buf.data + 4 * i, &i, 4);
    ck_assert_int_eq(tm_buf_append(&buf, NULL, 0), 0);
    ck_assert_uint_eq(buf.size_bytes, 20000);
}
END_TEST

START_TEST(reserve_makes_room_beyond_the_size)
{
    ck_assert_int_eq(tm_buf_append(&buf, "abc", 3), 0);
    ck_assert_int_eq(tm_buf_reserve(&buf, 10000), 0);
    ck_assert_uint_ge(buf.capacity_bytes, 10003);
    ck_assert_uint_eq(buf.size_bytes, 3);
}
END_TEST

START_TEST(printf_appends_any_length_without_its_nul)
{
    ck_assert_int_eq(tm_buf_printf(&buf, "%d-%s", 7, "x"), 0);
    ck_assert_int_eq(tm_buf_printf(&buf, "%5000s|", "y"), 0);
    ck_assert_uint_eq(buf.size_bytes, 3 + 5001);
    ck_assert_mem_eq(buf.data, "7-x ", 4);
    ck_assert_mem_eq(buf.data + buf.size_bytes - 2, "y|", 2);
}
END_TEST

START_TEST(a_full_account_leaves_the_bytes)
{
    mem.limit_bytes = 1000;
    ck_assert_int_eq(tm_buf_append(&buf, "abc", 3), 0);
    ck_assert_int_eq(tm_buf_reserve(&buf, 990), 0); // doubling would be over the limit, this is not
    ck_assert_int_eq(tm_buf_reserve(&buf, 2000), TM_E_MEMORY);
    ck_assert_int_eq(tm_buf_reserve(&buf, SIZE_MAX), TM_E_MEMORY);
    ck_assert_int_eq(tm_buf_printf(&buf, "%5000s", "y"), TM_E_MEMORY);
    ck_assert_uint_eq(buf.size_bytes, 3);
    ck_assert_mem_eq(buf.data, "abc", 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buf");
    TCase *tcase = tcase_create("buf");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, bytes_stay_through_growth);
    tcase_add_test(tcase, reserve_makes_room_beyond_the_size);
    tcase_add_test(tcase, printf_appends_any_length_without_its_nul);
    tcase_add_test(tcase, a_full_account_leaves_the_bytes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
