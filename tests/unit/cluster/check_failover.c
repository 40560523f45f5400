// The strategies of restarts, on a clock that is a number.
#include <check.h>
#include <stdlib.h>

#include "core/cluster/failover.h"

#define S 1000000000LL
#define MS 1000000LL

static struct tm_failover f;

static void with(struct tm_restart_policy policy)
{
    tm_failover_init(&f, &policy, 42);
}

START_TEST(none_gives_up_at_once)
{
    with((struct tm_restart_policy){.strategy = TM_RESTART_NONE});
    ck_assert_int_eq(tm_failover_failed(&f, 5 * S), TM_FAILOVER_GIVE_UP);
    with((struct tm_restart_policy){.strategy = TM_RESTART_UNSAID});
    ck_assert_int_eq(tm_failover_failed(&f, 5 * S), TM_FAILOVER_GIVE_UP);
}
END_TEST

START_TEST(the_usual_restarts_at_once_then_later_and_later)
{
    struct tm_restart_policy usual = TM_RESTART_USUAL;
    usual.jitter = 0;
    with(usual);
    static const int64_t delays_ms[] = {0,     1000,  1500,  2250,  3375,  5062,  7593, 11390,
                                        17085, 25628, 38443, 57665, 60000, 60000, 60000};
    int64_t now = 7 * S;
    for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
        int64_t delay = tm_failover_failed(&f, now);
        ck_assert_int_eq(delay / MS, delays_ms[i]);
        now += delay + 10 * MS;
    }
    ck_assert_uint_eq(f.restarts, sizeof delays_ms / sizeof *delays_ms);
}
END_TEST

START_TEST(an_hour_without_failure_begins_anew)
{
    struct tm_restart_policy usual = TM_RESTART_USUAL;
    usual.jitter = 0;
    with(usual);
    int64_t now = S;
    for (int i = 0; i < 3; i++)
        now += tm_failover_failed(&f, now);
    // The third restart was due at `now`.
    ck_assert_int_eq(tm_failover_failed(&f, now + 3600 * S - 1), 2250 * MS);
    now += 3600 * S - 1 + 2250 * MS;
    ck_assert_int_eq(tm_failover_failed(&f, now + 3600 * S), 0);
}
END_TEST

START_TEST(jitter_stays_within_its_share_and_varies)
{
    bool longer = false, shorter = false;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct tm_restart_policy usual = TM_RESTART_USUAL;
        tm_failover_init(&f, &usual, seed);
        ck_assert_int_eq(tm_failover_failed(&f, 0), 0);
        int64_t delay = tm_failover_failed(&f, 1);
        ck_assert_int_ge(delay, 900 * MS);
        ck_assert_int_le(delay, 1100 * MS);
        longer = longer || delay > 1050 * MS;
        shorter = shorter || delay < 950 * MS;
        for (int i = 0; i < 40; i++)
            ck_assert_int_le(tm_failover_failed(&f, 2), 60 * S);
    }
    ck_assert(longer && shorter);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_delays)
{
    struct tm_failover other;
    struct tm_restart_policy usual = TM_RESTART_USUAL;
    tm_failover_init(&f, &usual, 7);
    tm_failover_init(&other, &usual, 7);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(tm_failover_failed(&f, i * S), tm_failover_failed(&other, i * S));
}
END_TEST

START_TEST(fixed_gives_up_after_its_attempts)
{
    with((struct tm_restart_policy){
        .strategy = TM_RESTART_FIXED, .delay_ms = 250, .attempts = 3, .reset_ms = 60000});
    int64_t now = S;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(tm_failover_failed(&f, now++), 250 * MS);
    ck_assert_int_eq(tm_failover_failed(&f, now), TM_FAILOVER_GIVE_UP);
    ck_assert_int_eq(tm_failover_failed(&f, now + 3600 * S), TM_FAILOVER_GIVE_UP);
}
END_TEST

START_TEST(attempts_count_anew_after_a_quiet_time)
{
    with((struct tm_restart_policy){
        .strategy = TM_RESTART_FIXED, .delay_ms = 0, .attempts = 1, .reset_ms = 60000});
    int64_t now = 0;
    for (int i = 0; i < 10; i++, now += 60 * S)
        ck_assert_int_eq(tm_failover_failed(&f, now), 0);
    ck_assert_int_eq(tm_failover_failed(&f, now - 1), TM_FAILOVER_GIVE_UP);
}
END_TEST

START_TEST(fixed_without_attempts_never_gives_up)
{
    with((struct tm_restart_policy){.strategy = TM_RESTART_FIXED, .delay_ms = 5, .reset_ms = 1});
    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(tm_failover_failed(&f, 0), 5 * MS);
}
END_TEST

START_TEST(a_rate_gives_up_at_one_more_than_its_failures_in_the_interval)
{
    with((struct tm_restart_policy){
        .strategy = TM_RESTART_RATE, .delay_ms = 100, .failures = 3, .interval_ms = 10000});
    ck_assert_int_eq(tm_failover_failed(&f, 0), 100 * MS);
    ck_assert_int_eq(tm_failover_failed(&f, 4 * S), 100 * MS);
    ck_assert_int_eq(tm_failover_failed(&f, 8 * S), 100 * MS);
    ck_assert_int_eq(tm_failover_failed(&f, 10 * S), 100 * MS); // the first is 10 s ago
    ck_assert_int_eq(tm_failover_failed(&f, 14 * S), 100 * MS);
    ck_assert_int_eq(tm_failover_failed(&f, 18 * S - 1), TM_FAILOVER_GIVE_UP);
}
END_TEST

// Against a list of all failures so far.
START_TEST(a_rate_counts_as_a_list_of_all_failures_does)
{
    enum { STEPS = 20000 };
    static int64_t granted[STEPS];
    srand(3);
    for (int run = 0; run < 20; run++) {
        uint32_t failures = 1 + (uint32_t)rand() % TM_RESTART_FAILURES_MAX;
        with((struct tm_restart_policy){
            .strategy = TM_RESTART_RATE, .failures = failures, .interval_ms = 1000});
        int64_t now = 0;
        uint32_t count = 0;
        for (int i = 0; i < 1000; i++) {
            now += rand() % (int)(2000 * MS / failures);
            uint32_t recent = 0;
            for (uint32_t k = 0; k < count; k++)
                recent += now - granted[k] < S;
            bool allowed = recent < failures;
            ck_assert_int_eq(tm_failover_failed(&f, now), allowed ? 0 : TM_FAILOVER_GIVE_UP);
            if (!allowed)
                break;
            granted[count++] = now;
        }
    }
}
END_TEST

static struct tm_culprit culprit(uint64_t number)
{
    return (struct tm_culprit){{number, ~number}};
}

START_TEST(what_failed_before_is_known_again)
{
    with(TM_RESTART_USUAL);
    struct tm_culprit a = culprit(1), b = culprit(2), none = {{0, 0}};
    ck_assert(!tm_failover_repeats(&f, &a, 0));
    tm_failover_failed(&f, 0);
    ck_assert(!tm_failover_repeats(&f, &b, S)); // another row in turn
    tm_failover_failed(&f, S);
    ck_assert(tm_failover_repeats(&f, &a, 2 * S));
    ck_assert(!tm_failover_repeats(&f, &none, 2 * S));
    ck_assert(!tm_failover_repeats(&f, &none, 2 * S));
}
END_TEST

START_TEST(what_failed_is_forgotten_after_a_quiet_time)
{
    struct tm_restart_policy usual = TM_RESTART_USUAL;
    with(usual);
    struct tm_culprit a = culprit(1);
    ck_assert(!tm_failover_repeats(&f, &a, 0));
    tm_failover_failed(&f, 0);
    ck_assert(!tm_failover_repeats(&f, &a, 3600 * S));
    tm_failover_failed(&f, 3600 * S);
    ck_assert(tm_failover_repeats(&f, &a, 3601 * S));
}
END_TEST

START_TEST(of_many_the_newest_are_known)
{
    with(TM_RESTART_USUAL);
    for (uint64_t i = 1; i <= 100; i++) {
        struct tm_culprit one = culprit(i);
        ck_assert(!tm_failover_repeats(&f, &one, 0));
        tm_failover_failed(&f, 0);
    }
    for (uint64_t i = 100; i > 100 - TM_FAILOVER_CULPRITS; i--) {
        struct tm_culprit one = culprit(i);
        ck_assert(tm_failover_repeats(&f, &one, 0));
    }
    struct tm_culprit first = culprit(1);
    ck_assert(!tm_failover_repeats(&f, &first, 0));
}
END_TEST

START_TEST(only_what_may_change_is_tried_again)
{
    static const int mend[] = {TM_E_IO,       TM_E_NO_SPACE,  TM_E_NETWORK, TM_E_MEMORY,
                               TM_E_INTERNAL, TM_E_USER_CODE, TM_E_ROW_TYPE};
    static const int stay[] = {TM_E_USAGE,     TM_E_SCRIPT_RUN, TM_E_PERMISSION,     TM_E_BAD_JSON,
                               TM_E_EXISTS,    TM_E_CHECKPOINT, TM_E_CHECKPOINT_OLD, TM_E_NULL_KEY,
                               TM_E_NOT_FOUND, TM_E_UNSAVED,    TM_E_INPUT_CHANGED};
    for (size_t i = 0; i < sizeof mend / sizeof *mend; i++) {
        struct tm_error err = {.code = mend[i]};
        ck_assert_msg(tm_failover_may_mend(&err), "%s", tm_error_name(mend[i]));
    }
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++) {
        struct tm_error err = {.code = stay[i]};
        ck_assert_msg(!tm_failover_may_mend(&err), "%s", tm_error_name(stay[i]));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("failover");
    TCase *tc = tcase_create("strategies");
    tcase_add_test(tc, none_gives_up_at_once);
    tcase_add_test(tc, the_usual_restarts_at_once_then_later_and_later);
    tcase_add_test(tc, an_hour_without_failure_begins_anew);
    tcase_add_test(tc, jitter_stays_within_its_share_and_varies);
    tcase_add_test(tc, the_same_seed_gives_the_same_delays);
    tcase_add_test(tc, fixed_gives_up_after_its_attempts);
    tcase_add_test(tc, attempts_count_anew_after_a_quiet_time);
    tcase_add_test(tc, fixed_without_attempts_never_gives_up);
    tcase_add_test(tc, a_rate_gives_up_at_one_more_than_its_failures_in_the_interval);
    tcase_add_test(tc, a_rate_counts_as_a_list_of_all_failures_does);
    suite_add_tcase(suite, tc);
    tc = tcase_create("causes");
    tcase_add_test(tc, what_failed_before_is_known_again);
    tcase_add_test(tc, what_failed_is_forgotten_after_a_quiet_time);
    tcase_add_test(tc, of_many_the_newest_are_known);
    tcase_add_test(tc, only_what_may_change_is_tried_again);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
