// The credit arithmetic on a clock of its own.
#include <check.h>

#include "core/base/limits.h"
#include "core/exchange/credit.h"

static struct tm_credit credit;
static int64_t now;

static const int64_t ms = 1000000;

static void setup(void)
{
    tm__exchange_credit_init(&credit);
    now = 1000 * ms;
}

// Take batches of `bytes`, each used up after `each_ns`, for about `for_ns`.
static void consume(uint64_t bytes, int64_t each_ns, int64_t for_ns)
{
    for (int64_t end = now + for_ns; now < end; now += each_ns)
        tm__exchange_credit_take(&credit, now, bytes);
    tm__exchange_credit_take(&credit, now, 0);
}

START_TEST(nothing_is_allowed_before_the_rate_is_known)
{
    ck_assert_uint_eq(credit.allowed_bytes, 0);
    tm__exchange_credit_take(&credit, now, 65536);
    ck_assert_uint_eq(credit.allowed_bytes, 0);
}
END_TEST

START_TEST(a_fast_consumer_gets_all_bytes_after_one_sample)
{
    consume(65536, 100000, 3 * ms); // 655 MB/s
    ck_assert_uint_eq(credit.allowed_bytes, TM_CHANNEL_BYTES);
}
END_TEST

START_TEST(a_slow_consumer_gets_what_it_takes_in_the_bounded_time)
{
    consume(1000, 10 * ms, 5000 * ms); // 100 kB/s
    ck_assert_uint_ge(credit.allowed_bytes, 100000 * TM_CHANNEL_TIME_MS / 1000 * 95 / 100);
    ck_assert_uint_le(credit.allowed_bytes, 100000 * TM_CHANNEL_TIME_MS / 1000 * 105 / 100);
}
END_TEST

START_TEST(a_consumer_that_becomes_slow_is_held_back_soon)
{
    consume(65536, 100000, 1000 * ms); // 655 MB/s
    ck_assert_uint_eq(credit.allowed_bytes, TM_CHANNEL_BYTES);
    consume(65536, 100 * ms, 1200 * ms); // 655 kB/s
    ck_assert_uint_lt(credit.allowed_bytes, TM_CHANNEL_BYTES);
    consume(65536, 100 * ms, 4000 * ms);
    ck_assert_uint_lt(credit.allowed_bytes, 655360 * TM_CHANNEL_TIME_MS / 1000 * 110 / 100);
}
END_TEST

START_TEST(one_long_stop_lowers_the_credit_and_is_forgotten_soon)
{
    consume(65536, 100000, 1000 * ms);
    tm__exchange_credit_take(&credit, now, 65536);
    now += 60000 * ms;
    tm__exchange_credit_take(&credit, now, 65536);
    ck_assert_uint_lt(credit.allowed_bytes, TM_CHANNEL_BYTES / 4);
    consume(65536, 100000, 500 * ms);
    ck_assert_uint_eq(credit.allowed_bytes, TM_CHANNEL_BYTES);
}
END_TEST

START_TEST(waiting_for_a_slow_producer_does_not_look_slow)
{
    for (int i = 0; i < 1000; i++) { // a batch a second, used up in 100 us
        tm__exchange_credit_take(&credit, now, 65536);
        now += 100000;
        tm__exchange_credit_empty(&credit, now);
        now += 1000 * ms;
        tm__exchange_credit_empty(&credit, now);
    }
    ck_assert_uint_eq(credit.allowed_bytes, TM_CHANNEL_BYTES);
}
END_TEST

START_TEST(a_clock_that_stands_still_or_goes_back_divides_by_nothing)
{
    for (int i = 0; i < 100; i++)
        tm__exchange_credit_take(&credit, now, 65536);
    for (int i = 0; i < 100; i++)
        tm__exchange_credit_take(&credit, now - i * ms, 65536);
    ck_assert_uint_eq(credit.allowed_bytes, 0);
    now += 3 * ms;
    tm__exchange_credit_take(&credit, now, 65536);
    ck_assert_uint_eq(credit.allowed_bytes, TM_CHANNEL_BYTES);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("credit");
    TCase *t = tcase_create("credit");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, nothing_is_allowed_before_the_rate_is_known);
    tcase_add_test(t, a_fast_consumer_gets_all_bytes_after_one_sample);
    tcase_add_test(t, a_slow_consumer_gets_what_it_takes_in_the_bounded_time);
    tcase_add_test(t, a_consumer_that_becomes_slow_is_held_back_soon);
    tcase_add_test(t, one_long_stop_lowers_the_credit_and_is_forgotten_soon);
    tcase_add_test(t, waiting_for_a_slow_producer_does_not_look_slow);
    tcase_add_test(t, a_clock_that_stands_still_or_goes_back_divides_by_nothing);
    suite_add_tcase(s, t);
    return run_suite(s);
}
