// process: passes over all keys that a rule asks for, and state outside of keys: each key once
// though calls remove keys, some at a time, each undone by itself; rules that fail.
#include "process.h"

static void many(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char user[16];
        snprintf(user, sizeof user, "k%u", i);
        call(user, "n=1");
    }
}

static uint32_t seen[5000];

static void count_lines(uint32_t count, uint32_t times)
{
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < line_count; i++) {
        uint32_t k;
        ck_assert_int_eq(sscanf(lines[i], "k%u|", &k), 1);
        ck_assert_uint_lt(k, count);
        seen[k]++;
    }
    for (uint32_t k = 0; k < count; k++)
        ck_assert_uint_eq(seen[k], times);
}

START_TEST(a_pass_goes_over_every_key_once_before_the_next_row)
{
    static const uint32_t counts[] = {0, 1, 255, 256, 257, 5000};
    for (uint32_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        open_process(4, true);
        many(counts[c]);
        script.pass_words = "n+ emit";
        script.longest = 0;
        rule("pass");
        count_lines(counts[c], 1);
        ck_assert_uint_le(script.longest, TM__OPERATOR_BLOCK);
        lines_clear();
        call("k0", "n+ emit");
        expect_line(0, counts[c] == 0 ? "k0|n=1 s= each b=0" : "k0|n=3 s= each b=0");
        check_account();
        teardown();
    }
}
END_TEST

START_TEST(a_pass_is_a_step_for_each_slice)
{
    open_process(4, true);
    many(5000);
    script.pass_words = "n+";
    struct row row = {.user = "", .note = "pass"};
    struct tm_element in = {.kind = TM_ELEMENT_BATCH, .batch = batch_of(&row, 1), .input = 1};
    uint32_t steps = 0, before = script.calls;
    for (int rc = TM_STEP_MORE; rc != TM_STEP_DONE; steps++) {
        struct tm_element out = {0};
        rc = world.op->ops->step(world.op, &in, &out, &world.err);
        ck_assert_int_ge(rc, 0);
        ck_assert_int_eq(out.kind, TM_ELEMENT_NONE);
        ck_assert_uint_le(script.calls - before, TM__OPERATOR_BLOCK + 1);
        before = script.calls;
    }
    ck_assert_uint_ge(steps, 5000 / TM__OPERATOR_BLOCK);
    teardown();
}
END_TEST

START_TEST(a_pass_whose_output_is_full_goes_on_where_it_was)
{
    for (uint32_t full_after = 1; full_after < 300; full_after += 83) {
        open_process(4, true);
        many(1000);
        script.pass_words = "n+ emit";
        script.full_after = full_after;
        rule("pass");
        count_lines(1000, 1);
        teardown();
    }
}
END_TEST

START_TEST(keys_that_a_pass_removes_are_gone_and_all_others_are_seen)
{
    open_process(4, true);
    many(3000);
    script.pass_words = "n- emit";
    rule("pass");
    count_lines(3000, 1);
    ck_assert_uint_eq(keys(), 0);
    lines_clear();
    rule("pass");
    expect_lines(0);
    teardown();
}
END_TEST

static const char *every_other(const char *user)
{
    return (user[strlen(user) - 1] - '0') % 2 != 0 ? "n- @50/x fail" : "n=9 @100/y";
}

START_TEST(a_call_of_a_pass_that_fails_is_undone_alone)
{
    open_process(4, true);
    many(1000);
    script.on_pass = every_other;
    rule("pass");
    ck_assert_int_eq(world.failures, 500);
    ck_assert_uint_eq(keys(), 1000);
    ck_assert_uint_eq(timers(TM_TIMER_EVENT), 500);
    feed_watermark(1000, take);
    expect_lines(501);
    for (uint32_t i = 0; i < 500; i++)
        ck_assert_ptr_nonnull(strstr(lines[i], "|n=9 s= 100/y"));
    teardown();
}
END_TEST

START_TEST(a_rule_may_ask_for_several_passes_which_run_one_after_the_other)
{
    open_process(4, true);
    many(600);
    script.pass_words = "n+ emit";
    rule("pass pass pass");
    count_lines(600, 3);
    for (uint32_t i = 0; i < 1800; i++) {
        char what[16];
        snprintf(what, sizeof what, "pass %u ", i / 600);
        ck_assert_ptr_nonnull(strstr(lines[i], what));
    }
    teardown();
}
END_TEST

START_TEST(what_a_rule_sets_outside_of_keys_all_rows_see_and_a_failed_rule_sets_nothing)
{
    open_process(4, true);
    call("a", "n=1 emit");
    rule("b=5");
    call("a", "emit");
    rule("b=6 fail");
    call("b", "emit");
    rule("b=7 emit");
    static const char *const expected[] = {"a|n=1 s= each b=0", "a|n=1 s= each b=5",
                                           "b|n=0 s= each b=5", "|n=0 s= each b=7"};
    for (uint32_t i = 0; i < 4; i++)
        expect_line(i, expected[i]);
    ck_assert_int_eq(world.failures, 1);
    check_account();
    teardown();
}
END_TEST

START_TEST(what_is_kept_is_told_by_state)
{
    struct tm_kept_state shares[4] = {{0}};
    struct tm_kept kept = {.states = shares};
    open_process(4, true);
    many(500);
    call("a", "s=0123456789 @100 @c200");
    rule("b=5");
    world.op->ops->kept(world.op, &kept);
    ck_assert_uint_eq(kept.keys, 501); // not the record outside of keys
    ck_assert_uint_eq(kept.timers, 2);
    ck_assert_int_gt(kept.timer_bytes, 0);
    ck_assert_uint_eq(shares[0].bytes, 501 * 8);
    ck_assert_uint_eq(shares[1].bytes, 501 * 8 + 16); // ten bytes take two words
    ck_assert_uint_eq(shares[2].bytes, 501 * 16);     // with its last access
    ck_assert_uint_eq(shares[3].bytes, 8);
    uint64_t sum = shares[0].bytes + shares[1].bytes + shares[2].bytes + shares[3].bytes;
    ck_assert_int_gt(kept.state_bytes, (int64_t)sum);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("process_passes");
    tcase_add_test(tc, a_pass_goes_over_every_key_once_before_the_next_row);
    tcase_add_test(tc, a_pass_is_a_step_for_each_slice);
    tcase_add_test(tc, a_pass_whose_output_is_full_goes_on_where_it_was);
    tcase_add_test(tc, keys_that_a_pass_removes_are_gone_and_all_others_are_seen);
    tcase_add_test(tc, a_call_of_a_pass_that_fails_is_undone_alone);
    tcase_add_test(tc, a_rule_may_ask_for_several_passes_which_run_one_after_the_other);
    tcase_add_test(tc,
                   what_a_rule_sets_outside_of_keys_all_rows_see_and_a_failed_rule_sets_nothing);
    tcase_add_test(tc, what_is_kept_is_told_by_state);
    return run_operator_case(tc, "process_passes");
}
