// Rolling aggregates, rankings and distinct rows through checkpoints: what comes out is what an
// unbroken run gives, at any parallelism and max parallelism.
#include "restored.h"

static void run_all(int i, tm_operator_make *make, bool clock)
{
    run_random(make, runs[i].to, 2, clock);
    expect_same(runs[i].in_order);
    restored_teardown();
}

// --- rolling -------------------------------------------------------------------------------------

START_TEST(rolling_aggregates_go_on)
{
    seed_from("rolling_aggregates_go_on");
    random_state += (uint64_t)_i * 7919;
    world_new(TM_NODE_ROLLING, 128);
    use_key(USER);
    if (_i / RUNS % 2 != 0)
        use_key(ITEM);
    world.node.emit_final = _i / RUNS / 2 % 2 != 0;
    uses[_i / RUNS / 4]();
    open_keyed(tm_operator_rolling_new);
    run_all(_i % RUNS, tm_operator_rolling_new, false);
}
END_TEST

// --- rankings ------------------------------------------------------------------------------------

START_TEST(rankings_go_on)
{
    static const struct {
        uint8_t kind;
        uint32_t field, limit;
        bool descending, final, place;
    } kinds[] = {
        {TM_NODE_EXTREME, CENTS, 1, true, false, false},
        {TM_NODE_EXTREME, NOTE, 1, false, true, false},
        {TM_NODE_TOP, AMOUNT, 3, true, false, true},
        {TM_NODE_TOP, PRICE, 3, false, true, false},
        {TM_NODE_TOP, AMOUNT, 20, true, false, true},
        {TM_NODE_TOP, NOTE, 12, false, true, true},
    };
    seed_from("rankings_go_on");
    random_state += (uint64_t)_i * 7919;
    struct tm_field_def defs[FIELDS + 1];
    memcpy(defs, input_fields, sizeof input_fields);
    defs[FIELDS] = (struct tm_field_def){"place", {TM_TYPE_INT, 0, 0, 0}, 0};
    int k = _i / RUNS;
    world_new(kinds[k].kind, 128);
    use_key(USER);
    world.node.field = (int32_t)kinds[k].field;
    world.node.descending = kinds[k].descending;
    world.node.limit = kinds[k].limit;
    world.node.rank_field = kinds[k].place ? FIELDS : -1;
    world.node.emit_final = kinds[k].final;
    open_with(tm_operator_ranked_new, make_schema(defs, FIELDS + kinds[k].place, -1));
    run_all(_i % RUNS, tm_operator_ranked_new, false);
}
END_TEST

// --- distinct ------------------------------------------------------------------------------------

START_TEST(rows_that_were_seen_stay_seen)
{
    static uint32_t by[] = {ITEM};
    seed_from("rows_that_were_seen_stay_seen");
    random_state += (uint64_t)_i * 7919;
    world_new(TM_NODE_DISTINCT, 128);
    use_key(USER);
    world.node.identity = by;
    world.node.identity_count = 1;
    world.node.ttl_ms = _i / RUNS == 0 ? 0 : 300;
    world.ctx.now_ms = 1767225600000;
    open_with(tm_operator_distinct_new, make_schema(input_fields, FIELDS, TS));
    run_all(_i % RUNS, tm_operator_distinct_new, _i / RUNS != 0);
}
END_TEST

// Of a job whose input has ended rows per key have gone out: nothing is left for another end.
START_TEST(what_has_gone_out_at_the_end_does_not_go_out_again)
{
    world_new(TM_NODE_ROLLING, 128);
    use_key(USER);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    world.node.emit_final = true;
    open_keyed(tm_operator_rolling_new);
    run_random(tm_operator_rolling_new, same, 1, false);
    uint32_t count = other_count;
    ck_assert_uint_ne(count, 0);
    all_restart(2, 128);
    for (uint32_t i = 0; i < task_count; i++)
        step_all(tasks[i].op, (struct tm_element){.kind = TM_ELEMENT_END, .status = TM_END_DRAIN},
                 true);
    ck_assert_uint_eq(other_count, count);
    restored_teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("restored_keys");
    tcase_add_loop_test(tc, rolling_aggregates_go_on, 0, RUNS * 4 * USES);
    tcase_add_loop_test(tc, rankings_go_on, 0, RUNS * 6);
    tcase_add_loop_test(tc, rows_that_were_seen_stay_seen, 0, RUNS * 2);
    tcase_add_test(tc, what_has_gone_out_at_the_end_does_not_go_out_again);
    return run_operator_case(tc, "restored_keys");
}
