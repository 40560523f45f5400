// The task plan: which operators share a chain, which edges lie between chains.
#include "fixture.h"

static struct tm_plan *plan;
static uint32_t limit; // of every source, 0: none

static void setup(void)
{
    fixture_setup();
    plan = NULL;
    limit = 0;
}

static void teardown(void)
{
    tm_plan_free(plan);
    fixture_teardown();
}

static uint32_t source_limit(void *arg, const struct tm_node *node)
{
    ck_assert_ptr_eq(arg, &limit);
    ck_assert_int_eq(node->kind, TM_NODE_SOURCE);
    return limit;
}

static void make_plan(uint32_t parallelism)
{
    tm_plan_free(plan);
    plan = NULL;
    if (tm_plan_new(&mem, graph, parallelism, source_limit, &limit, &plan, &err) != 0)
        ck_abort_msg("%s", err.message);
}

static const struct tm_chain *chain_of(uint32_t node)
{
    for (uint32_t i = 0; i < plan->chain_count; i++)
        for (uint32_t k = 0; k < plan->chains[i].node_count; k++)
            if (plan->chains[i].nodes[k] == node)
                return &plan->chains[i];
    ck_abort_msg("node %u is in no chain", node);
    return NULL;
}

static const struct tm_edge *edge(uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < plan->edge_count; i++)
        if (plan->edges[i].from_node == from && plan->edges[i].to_node == to) {
            const struct tm_edge *e = &plan->edges[i];
            ck_assert_uint_eq(e->id, i);
            ck_assert_uint_eq(e->from_chain, chain_of(from)->id);
            ck_assert_uint_eq(e->to_chain, chain_of(to)->id);
            return e;
        }
    return NULL;
}

static void expect_edge(uint32_t from, uint32_t to, enum tm_partition_kind kind)
{
    ck_assert_ptr_nonnull(edge(from, to));
    ck_assert_int_eq(edge(from, to)->partition, kind);
}

// Every edge is listed once by both of its chains, and chains say what edges say.
static void check_links(void)
{
    uint32_t inputs = 0, outputs = 0, nodes = 0;
    for (uint32_t i = 0; i < plan->chain_count; i++) {
        const struct tm_chain *c = &plan->chains[i];
        ck_assert_uint_eq(c->id, i);
        nodes += c->node_count;
        inputs += c->input_count;
        outputs += c->output_count;
        for (uint32_t k = 0; k < c->input_count; k++)
            ck_assert_uint_eq(plan->edges[c->inputs[k]].to_chain, i);
        for (uint32_t k = 0; k < c->output_count; k++)
            ck_assert_uint_eq(plan->edges[c->outputs[k]].from_chain, i);
        if (c->input_count == 0)
            ck_assert_int_eq(graph->nodes[c->nodes[0]].kind, TM_NODE_SOURCE);
    }
    ck_assert_uint_eq(inputs, plan->edge_count);
    ck_assert_uint_eq(outputs, plan->edge_count);
    ck_assert_uint_eq(nodes, graph->node_count);
}

START_TEST(operators_of_equal_parallelism_share_a_chain)
{
    uint32_t a = source("a"), w = watermark("w", a), f = function("f", w), o = sink("o", (int)f);
    make_plan(4);
    ck_assert_uint_eq(plan->chain_count, 1);
    ck_assert_uint_eq(plan->edge_count, 0);
    ck_assert_uint_eq(plan->chains[0].parallelism, 4);
    ck_assert_uint_eq(plan->max_parallelism, 128);
    const uint32_t order[] = {a, w, f, o};
    ck_assert_uint_eq(plan->chains[0].node_count, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(plan->chains[0].nodes[i], order[i]);
    check_links();
}
END_TEST

START_TEST(a_keyed_operator_begins_a_chain_behind_a_hash_edge)
{
    uint32_t a = source("a"), k = key_by("k", a), c = count("c", k), o = sink("o", (int)c);
    make_plan(2);
    ck_assert_uint_eq(plan->chain_count, 2);
    ck_assert_ptr_eq(chain_of(a), chain_of(k));
    ck_assert_ptr_eq(chain_of(c), chain_of(o));
    expect_edge(k, c, TM_PARTITION_HASH);
    ck_assert_uint_eq(edge(k, c)->key.count, 1);
    ck_assert_uint_eq(edge(k, c)->key.fields[0], 0);
    check_links();
}
END_TEST

START_TEST(between_single_subtasks_a_keyed_operator_is_chained)
{
    uint32_t a = source("a"), k = key_by("k", a), c = count("c", k);
    sink("o", (int)c);
    make_plan(1);
    ck_assert_uint_eq(plan->chain_count, 1);
    check_links();
}
END_TEST

START_TEST(one_subtask_on_either_side_still_needs_the_hash_edge)
{
    uint32_t a = source("a"), k = key_by("k", a), c = count("c", k);
    sink("o", (int)c);
    ok(tm_graph_parallelism(graph, c, 1));
    make_plan(3);
    expect_edge(k, c, TM_PARTITION_HASH);
    expect_edge(c, 3, TM_PARTITION_REBALANCE);
    ok(tm_graph_parallelism(graph, c, 3));
    ok(tm_graph_parallelism(graph, a, 1));
    make_plan(3);
    ck_assert_uint_eq(chain_of(k)->parallelism, 1); // a key goes with its input
    expect_edge(k, c, TM_PARTITION_HASH);
    check_links();
}
END_TEST

START_TEST(a_key_that_feeds_no_keyed_operator_costs_nothing)
{
    uint32_t a = source("a"), k = key_by("k", a), f = function("f", k);
    sink("o", (int)f);
    make_plan(4);
    ck_assert_uint_eq(plan->chain_count, 1);
}
END_TEST

START_TEST(different_parallelism_is_rebalanced)
{
    uint32_t a = source("a"), f = function("f", a), o = sink("o", (int)f);
    ok(tm_graph_parallelism(graph, f, 2));
    make_plan(4);
    ck_assert_uint_eq(plan->chain_count, 3);
    expect_edge(a, f, TM_PARTITION_REBALANCE);
    expect_edge(f, o, TM_PARTITION_REBALANCE);
    ck_assert_uint_eq(chain_of(f)->parallelism, 2);
    check_links();
}
END_TEST

START_TEST(a_source_that_one_subtask_reads_is_rebalanced_to_the_others)
{
    uint32_t a = source("a"), f = function("f", a);
    sink("o", (int)f);
    limit = 1;
    make_plan(4);
    ck_assert_uint_eq(chain_of(a)->parallelism, 1);
    ck_assert_uint_eq(chain_of(f)->parallelism, 4);
    expect_edge(a, f, TM_PARTITION_REBALANCE);
    limit = 9;
    make_plan(4);
    ck_assert_uint_eq(plan->chain_count, 1);
}
END_TEST

START_TEST(a_watermark_stays_with_the_source_that_has_the_splits)
{
    uint32_t a = source("a"), w = watermark("w", a), k = key_by("k", w), s = window("s", k);
    sink("o", (int)s);
    limit = 1;
    make_plan(4);
    ck_assert_ptr_eq(chain_of(a), chain_of(w));
    ck_assert_ptr_eq(chain_of(a), chain_of(k));
    expect_edge(k, s, TM_PARTITION_HASH);
    ck_assert_uint_eq(plan->chain_count, 2);
    check_links();
}
END_TEST

START_TEST(several_consumers_end_a_chain)
{
    uint32_t a = source("a"), f = function("f", a), g = function("g", a);
    sink("o1", (int)f);
    sink("o2", (int)g);
    make_plan(2);
    ck_assert_uint_eq(plan->chain_count, 3);
    expect_edge(a, f, TM_PARTITION_FORWARD);
    expect_edge(a, g, TM_PARTITION_FORWARD);
    check_links();
}
END_TEST

START_TEST(two_keyed_consumers_of_one_key_get_an_edge_each)
{
    uint32_t k = key_by("k", source("a")), c = count("c", k), d = count("d", k);
    sink("o1", (int)c);
    sink("o2", (int)d);
    make_plan(2);
    expect_edge(k, c, TM_PARTITION_HASH);
    expect_edge(k, d, TM_PARTITION_HASH);
    make_plan(1);
    expect_edge(k, c, TM_PARTITION_FORWARD);
    expect_edge(k, d, TM_PARTITION_FORWARD);
    check_links();
}
END_TEST

START_TEST(a_union_begins_a_chain_with_an_edge_from_each_input)
{
    uint32_t a = source("a"), b = source("b"), u = add(TM_NODE_UNION, "union", "u", (int)a);
    ok(tm_graph_input(graph, u, b));
    uint32_t f = function("f", u);
    sink("o", (int)f);
    ok(tm_graph_parallelism(graph, b, 1));
    make_plan(2);
    ck_assert_uint_eq(plan->chain_count, 3);
    ck_assert_uint_eq(chain_of(u)->nodes[0], u);
    ck_assert_ptr_eq(chain_of(u), chain_of(f));
    expect_edge(a, u, TM_PARTITION_FORWARD);
    expect_edge(b, u, TM_PARTITION_REBALANCE);
    ck_assert_uint_eq(chain_of(u)->input_count, 2);
    check_links();
}
END_TEST

START_TEST(a_union_of_a_stream_with_itself_has_two_edges)
{
    uint32_t a = source("a"), u = add(TM_NODE_UNION, "union", "u", (int)a);
    ok(tm_graph_input(graph, u, a));
    sink("o", (int)u);
    make_plan(1);
    ck_assert_uint_eq(plan->edge_count, 2);
    ck_assert_uint_eq(chain_of(a)->output_count, 2);
    check_links();
}
END_TEST

START_TEST(dead_letters_leave_from_the_middle_of_a_chain)
{
    uint32_t a = source("a"), f = function("f", a), g = function("g", f), o = sink("o", (int)g);
    uint32_t dead = sink("dead", -1);
    ok(tm_graph_on_error(graph, a, TM_ON_ERROR_DEAD_LETTER, (int)dead));
    ok(tm_graph_on_error(graph, f, TM_ON_ERROR_DEAD_LETTER, (int)dead));
    make_plan(2);
    ck_assert_uint_eq(plan->chain_count, 2);
    ck_assert_ptr_eq(chain_of(a), chain_of(o)); // a dead letter is no second consumer
    expect_edge(a, dead, TM_PARTITION_FORWARD);
    expect_edge(f, dead, TM_PARTITION_FORWARD);
    ck_assert(edge(a, dead)->dead_letter);
    ck_assert_uint_eq(chain_of(dead)->input_count, 2);
    ok(tm_graph_parallelism(graph, dead, 1));
    make_plan(2);
    expect_edge(f, dead, TM_PARTITION_REBALANCE);
    ck_assert_uint_eq(plan->edges[0].dead_letter, true);
    check_links();
}
END_TEST

START_TEST(key_groups_follow_the_widest_operator_or_the_jobs_option)
{
    uint32_t k = key_by("k", source("a")), c = count("c", k);
    sink("o", (int)c);
    ok(tm_graph_parallelism(graph, c, 200));
    make_plan(2);
    ck_assert_uint_eq(plan->max_parallelism, 512);
    ok(tm_graph_job(graph, "j", 0, 256, 5, 0));
    make_plan(2);
    ck_assert_uint_eq(plan->max_parallelism, 256);
    ok(tm_graph_job(graph, "j", 0, 100, 5, 0));
    struct tm_plan *none = NULL;
    ck_assert_int_eq(tm_plan_new(&mem, graph, 2, NULL, NULL, &none, &err), TM_E_GRAPH);
    ck_assert_ptr_nonnull(strstr(err.message, "count 'c' has 200 subtasks"));
    ck_assert_str_eq(err.where, "job.lua:3");
}
END_TEST

START_TEST(impossible_parallelism_and_empty_graphs_are_refused)
{
    struct tm_plan *none = NULL;
    ck_assert_int_eq(tm_plan_new(&mem, graph, 1, NULL, NULL, &none, &err), TM_E_GRAPH);
    sink("o", (int)source("a"));
    ck_assert_int_eq(tm_plan_new(&mem, graph, 0, NULL, NULL, &none, &err), TM_E_LIMIT);
    ck_assert_int_eq(tm_plan_new(&mem, graph, 1025, NULL, NULL, &none, &err), TM_E_LIMIT);
}
END_TEST

START_TEST(running_out_of_memory_is_reported_and_leaks_nothing)
{
    uint32_t k = key_by("k", source("a")), c = count("c", k), dead = sink("dead", -1);
    sink("o", (int)c);
    ok(tm_graph_on_error(graph, c, TM_ON_ERROR_DEAD_LETTER, (int)dead));
    bool done = false;
    for (int64_t bytes = 1; bytes < 5000; bytes += 20) {
        struct tm_mem small;
        struct tm_plan *p = NULL;
        tm_mem_init(&small, &fx, NULL, bytes);
        int rc = tm_plan_new(&small, graph, 2, NULL, NULL, &p, &err);
        ck_assert(rc == 0 || rc == TM_E_MEMORY);
        done = rc == 0;
        tm_plan_free(p);
        ck_assert_int_eq(atomic_load(&small.used_bytes), 0);
    }
    ck_assert(done);
}
END_TEST

START_TEST(rows_of_a_window_are_added_up_where_they_go_to_it_alone_and_in_any_order)
{
    uint32_t w = watermark("w", source("a")), k = key_by("k", w), t = window("t", k);
    sink("o", (int)t);
    make_plan(4);
    ck_assert(edge(k, t)->preaggregated);
    ok(tm_graph_parallelism(graph, t, 1)); // by its hash all the same
    make_plan(4);
    ck_assert(edge(k, t)->preaggregated);
    ok(tm_graph_parallelism(graph, t, 0));
    ok(tm_graph_on_error(graph, t, TM_ON_ERROR_SKIP, -1)); // a sum out of range is that row's
    make_plan(4);
    ck_assert(!edge(k, t)->preaggregated);
    ok(tm_graph_on_error(graph, t, TM_ON_ERROR_FAIL, -1));
    ok(tm_graph_aggregate(graph, t, TM_AGGREGATE_FIRST, 1, 3));
    make_plan(4);
    ck_assert(!edge(k, t)->preaggregated);
}
END_TEST

START_TEST(what_goes_two_ways_goes_as_it_is)
{
    uint32_t w = watermark("w", source("a")), k = key_by("k", w);
    uint32_t t = window("t", k), u = window("u", k);
    sink("o", (int)t);
    sink("p", (int)u);
    make_plan(4);
    expect_edge(k, t, TM_PARTITION_HASH);
    ck_assert(!edge(k, t)->preaggregated);
    ck_assert(!edge(k, u)->preaggregated);
}
END_TEST

START_TEST(windows_over_all_rows_are_added_up_in_front_of_their_one_subtask)
{
    uint32_t w = watermark("w", source("a"));
    uint32_t t = add(TM_NODE_WINDOW, "aggregate", "t", (int)w);
    ok(tm_graph_window(graph, t, 1000, 1000, 0));
    ok(tm_graph_aggregate(graph, t, TM_AGGREGATE_COUNT, -1, 2));
    columns(t, "window_start timestamp; window_end timestamp; n int", 1);
    ok(tm_graph_parallelism(graph, t, 1));
    sink("o", (int)t);
    make_plan(3);
    expect_edge(w, t, TM_PARTITION_REBALANCE);
    ck_assert(edge(w, t)->preaggregated);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("plan");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, operators_of_equal_parallelism_share_a_chain);
    tcase_add_test(t, a_keyed_operator_begins_a_chain_behind_a_hash_edge);
    tcase_add_test(t, between_single_subtasks_a_keyed_operator_is_chained);
    tcase_add_test(t, one_subtask_on_either_side_still_needs_the_hash_edge);
    tcase_add_test(t, a_key_that_feeds_no_keyed_operator_costs_nothing);
    tcase_add_test(t, different_parallelism_is_rebalanced);
    tcase_add_test(t, a_source_that_one_subtask_reads_is_rebalanced_to_the_others);
    tcase_add_test(t, a_watermark_stays_with_the_source_that_has_the_splits);
    tcase_add_test(t, several_consumers_end_a_chain);
    tcase_add_test(t, two_keyed_consumers_of_one_key_get_an_edge_each);
    tcase_add_test(t, a_union_begins_a_chain_with_an_edge_from_each_input);
    tcase_add_test(t, a_union_of_a_stream_with_itself_has_two_edges);
    tcase_add_test(t, dead_letters_leave_from_the_middle_of_a_chain);
    tcase_add_test(t, key_groups_follow_the_widest_operator_or_the_jobs_option);
    tcase_add_test(t, impossible_parallelism_and_empty_graphs_are_refused);
    tcase_add_test(t, running_out_of_memory_is_reported_and_leaks_nothing);
    tcase_add_test(t, rows_of_a_window_are_added_up_where_they_go_to_it_alone_and_in_any_order);
    tcase_add_test(t, what_goes_two_ways_goes_as_it_is);
    tcase_add_test(t, windows_over_all_rows_are_added_up_in_front_of_their_one_subtask);
    suite_add_tcase(s, t);
    return run_suite(s);
}
