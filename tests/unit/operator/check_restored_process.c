// process through checkpoints: a cut in the middle of timers that fire, timers that had been taken
// out of their set, states that have a time to live now and had none, the clock, which never goes
// back, broadcast state and the rest of a pass.
#include "process.h"

static struct tm_restored *checkpoint(void)
{
    struct tm_error err = {0};
    struct tm_restored *restored;
    struct tm_cut *cut;
    ck_assert_int_eq(tm_cut_new(&world.mem, 1, 0, world.ctx.subtask, &cut), 0);
    if (world.op->ops->snapshot(world.op, cut, &err) != 0)
        ck_abort_msg("snapshot: %s", err.message);
    const struct tm_cut *const cuts[] = {cut};
    if (tm_restored_from_cuts(&world.mem, cuts, 1, &restored, &err) != 0)
        ck_abort_msg("checkpoint: %s", err.message);
    tm_cut_free(cut);
    return restored;
}

// The operator ends, and another begins with the checkpoint; `max`: its key groups.
static void begin_again(struct tm_restored *restored, uint32_t max)
{
    world.op->ops->free(world.op);
    world.plan.max_parallelism = max;
    uint32_t first = chains.count;
    ck_assert_int_eq(tm_operator_process_new(&world.ctx, &world.node, &world.op, &world.err), 0);
    world.op->metrics = &world.metrics;
    for (uint32_t i = first; i < chains.count; i++)
        chains.made[i].ctx.counts = process_counts + (size_t)(i - first) * TM_CHAIN_COUNTS;
    ck_assert_int_eq(world.op->ops->open(world.op, world.input, &world.err), 0);
    if (world.op->ops->restore(world.op, restored, &world.err) != 0)
        ck_abort_msg("restore: %s", world.err.message);
    tm_restored_free(restored);
}

static void tick(void)
{
    for (int rc = TM_STEP_MORE; rc == TM_STEP_MORE;) {
        struct tm_element out = {0};
        rc = world.op->ops->tick(world.op, &out, &world.err);
        ck_assert_int_ge(rc, 0);
        if (out.kind != TM_ELEMENT_NONE)
            take(&out);
        if (out.kind == TM_ELEMENT_BATCH)
            tm_batch_release(out.batch);
    }
}

static const char *count_up(const char *user, int64_t at, const char *name)
{
    (void)user, (void)at, (void)name;
    return "n+ emit";
}

// Timers of ten keys at 200 times, each of which counts; the watermark is cut short after `steps`.
static void fire_in_two(int steps, uint32_t max)
{
    process(2);
    script.on_timer = count_up;
    script.full_after = 7; // a run is 64: rows of it wait when it is cut
    for (int k = 0; k < 10; k++)
        for (int at = 0; at < 200; at += 10) {
            char user[8], words[160] = "", *to = words;
            snprintf(user, sizeof user, "k%d", k);
            for (int i = 0; i < 10; i++)
                to += sprintf(to, "@%d/n ", 1000 + at + i);
            call(user, words);
        }
    struct tm_element in = {.kind = TM_ELEMENT_WATERMARK, .watermark = 5000};
    for (int i = 0; i < steps; i++) {
        struct tm_element out = {0};
        int rc = world.op->ops->step(world.op, &in, &out, &world.err);
        if (out.kind != TM_ELEMENT_NONE)
            take(&out);
        if (out.kind == TM_ELEMENT_BATCH)
            tm_batch_release(out.batch);
        ck_assert_int_eq(rc, TM_STEP_MORE);
    }
    if (process_of()->output.batch != NULL) { // leaves in front of a barrier
        struct tm_element rest = {.kind = TM_ELEMENT_BATCH, .batch = process_of()->output.batch};
        take(&rest);
        process_of()->output.batch->row_count = 0;
        process_of()->output.batch->size_bytes = 0;
    }
    begin_again(checkpoint(), max);
    ck_assert_int_eq(world.op->ops->deadline_ns(world.op), world.ctx.now_ns);
    tick();
    expect_lines(2001);
    expect_line(2000, "W 5000");
    for (uint32_t i = 0; i < 2000; i++) {
        char line[64]; // by time, then key: each key's count goes on
        snprintf(line, sizeof line, "k%u|n=%u s= %u/n", i % 10, 1 + i / 10, 1000 + i / 10);
        expect_line(i, line);
    }
    ck_assert_uint_eq(timers(TM_TIMER_EVENT), 0);
    ck_assert_int_eq(world.op->ops->deadline_ns(world.op), INT64_MAX);
    feed_watermark(5000, take); // as a job begins: it is the one that there was
    expect_line(2001, "W 5000");
    teardown();
}

START_TEST(a_pass_of_timers_that_was_cut_goes_on_at_once)
{
    static const int steps[] = {1, 2, 5, 9, 10, 100, 250};
    fire_in_two(steps[_i / 2], _i % 2 == 0 ? 16 : 1024);
}
END_TEST

START_TEST(a_timer_below_the_watermark_waits_for_the_next_one_also_behind_a_restart)
{
    process(2);
    feed_watermark(500, take);
    call("a", "n=3 s=three @100/late @501/next @c700/clock");
    begin_again(checkpoint(), 16);
    feed_watermark(500, take);
    expect_lines(2); // the watermark, twice
    feed_watermark(501, take);
    expect_line(2, "a|n=3 s=three 100/late");
    expect_line(3, "a|n=3 s=three 501/next");
    ck_assert_uint_eq(timers(TM_TIMER_PROCESSING), 1);
    world.ctx.now_ms = 5000; // it was due while nobody ran
    tick();
    expect_line(5, "a|n=3 s=three 700/clock");
    teardown();
}
END_TEST

START_TEST(the_clock_of_a_call_never_goes_back)
{
    process(2);
    world.ctx.now_ms = 9000;
    call("a", "n=1");
    world.ctx.now_ms = 100;
    begin_again(checkpoint(), 16);
    call("a", "n=2");
    ck_assert_double_eq(chains.made[chains.count - 2].ctx.clock_ms, 9000);
    teardown();
}
END_TEST

START_TEST(a_value_that_has_a_time_to_live_now_begins_it_when_it_is_restored)
{
    process(2);
    world.ctx.now_ms = 5000;
    call("a", "n=1 s=stays");
    struct tm_restored *restored = checkpoint();
    process_states[0].ttl_ms = 100;
    begin_again(restored, 16);
    double access;
    struct tm_state_cursor cursor;
    struct tm_key key;
    const void *value = NULL;
    for (uint32_t group = 0; group < 16 && value == NULL; group++) {
        tm_state_iterate(process_of()->keyed.state, process_of()->keyed.ns, group, &cursor);
        (void)tm_state_next(&cursor, &key, &value);
    }
    ck_assert_ptr_nonnull(value);
    ck_assert_uint_eq(tm__operator_keyed_expired(&process_of()->keyed, value), 0);
    memcpy(&access, (const uint8_t *)value + process_of()->keyed.record.ttls[0].access_offset,
           sizeof access);
    ck_assert_double_eq(access, 5000);
    process_of()->keyed.clock_ms = 5100;
    ck_assert_uint_eq(tm__operator_keyed_expired(&process_of()->keyed, value), 1);
    // Again, with its time: it does not begin anew.
    process_of()->keyed.clock_ms = 5050;
    world.ctx.now_ms = 5050;
    restored = checkpoint();
    begin_again(restored, 16);
    value = NULL;
    for (uint32_t group = 0; group < 16 && value == NULL; group++) {
        tm_state_iterate(process_of()->keyed.state, process_of()->keyed.ns, group, &cursor);
        (void)tm_state_next(&cursor, &key, &value);
    }
    memcpy(&access, (const uint8_t *)value + process_of()->keyed.record.ttls[0].access_offset,
           sizeof access);
    ck_assert_double_eq(access, 5000);
    process_states[0].ttl_ms = 0;
    teardown();
}
END_TEST

START_TEST(a_state_that_is_added_is_empty_and_one_that_has_gone_is_dropped)
{
    process(2);
    call("a", "n=4 s=four");
    struct tm_restored *restored = checkpoint();
    world.node.state_count = 3; // and `old`
    begin_again(restored, 16);
    call("a", "n+ emit");
    expect_line(0, "a|n=5 s=four each");
    restored = checkpoint();
    world.node.state_count = 1; // n alone
    begin_again(restored, 16);
    call("a", "n+");
    ck_assert_uint_eq(keys(), 1);
    teardown();
}
END_TEST

START_TEST(a_state_of_another_type_is_refused)
{
    process(2);
    call("a", "n=4 s=four");
    struct tm_restored *restored = checkpoint();
    process_states[1].type.kind = TM_TYPE_ANY;
    world.op->ops->free(world.op);
    ck_assert_int_eq(tm_operator_process_new(&world.ctx, &world.node, &world.op, &world.err), 0);
    ck_assert_int_eq(world.op->ops->open(world.op, world.input, &world.err), 0);
    ck_assert_int_eq(world.op->ops->restore(world.op, restored, &world.err), TM_E_STATE_TYPE);
    ck_assert_ptr_nonnull(strstr(world.err.message, "any now"));
    process_states[1].type.kind = TM_TYPE_STRING;
    tm_restored_free(restored);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("process");
    tcase_add_loop_test(tc, a_pass_of_timers_that_was_cut_goes_on_at_once, 0, 14);
    tcase_add_test(tc, a_timer_below_the_watermark_waits_for_the_next_one_also_behind_a_restart);
    tcase_add_test(tc, the_clock_of_a_call_never_goes_back);
    tcase_add_test(tc, a_value_that_has_a_time_to_live_now_begins_it_when_it_is_restored);
    tcase_add_test(tc, a_state_that_is_added_is_empty_and_one_that_has_gone_is_dropped);
    tcase_add_test(tc, a_state_of_another_type_is_refused);
    return run_operator_case(tc, "restored process");
}
