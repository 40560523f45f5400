// Plans of what says how rows go on: routes, chain, side outputs; and of changelogs, which must
// keep their order.
#include "fixture.h"

static struct tm_plan *plan;

static void setup(void)
{
    fixture_setup();
    plan = NULL;
}

static void teardown(void)
{
    tm_plan_free(plan);
    fixture_teardown();
}

static void make_plan(uint32_t parallelism)
{
    tm_plan_free(plan);
    plan = NULL;
    if (tm_plan_new(&mem, graph, parallelism, NULL, NULL, &plan, &err) != 0)
        ck_abort_msg("%s", err.message);
}

static void refused(uint32_t parallelism, const char *where, const char *message, const char *hint)
{
    struct tm_plan *none = NULL;
    tm_error_clear(&err);
    ck_assert_int_eq(tm_plan_new(&mem, graph, parallelism, NULL, NULL, &none, &err), TM_E_GRAPH);
    ck_assert_str_eq(err.where, where);
    if (strstr(err.message, message) == NULL)
        ck_abort_msg("'%s' does not say '%s'", err.message, message);
    if (strstr(err.hint, hint) == NULL)
        ck_abort_msg("hint '%s' does not say '%s'", err.hint, hint);
}

static void invalid(const char *where, const char *message, const char *hint)
{
    tm_error_clear(&err);
    ck_assert_int_lt(tm_graph_validate(graph, &err), 0);
    ck_assert_str_eq(err.where, where);
    if (strstr(err.message, message) == NULL)
        ck_abort_msg("'%s' does not say '%s'", err.message, message);
    if (strstr(err.hint, hint) == NULL)
        ck_abort_msg("hint '%s' does not say '%s'", err.hint, hint);
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

// The kind of the edge between two nodes; -1: there is none.
static int edge_kind(uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < plan->edge_count; i++)
        if (plan->edges[i].from_node == from && plan->edges[i].to_node == to)
            return plan->edges[i].partition;
    return -1;
}

static uint32_t route(const char *verb, uint32_t input, int partition)
{
    uint32_t id = add(TM_NODE_ROUTE, verb, verb, (int)input);
    columns(id, rows, -1);
    ok(tm_graph_route(graph, id, partition, partition == TM_PARTITION_COLUMN ? 0 : -1));
    return id;
}

static uint32_t top(uint32_t input)
{
    uint32_t id = add(TM_NODE_TOP, "top", "top", (int)input);
    ok(tm_graph_changelog(graph, id, 1));
    ok(tm_graph_key(graph, id, 0));
    ok(tm_graph_ranking(graph, id, 1, 1, 3, -1));
    columns(id, rows, -1);
    return id;
}

START_TEST(a_route_spreads_what_follows_it)
{
    static const int kinds[] = {TM_PARTITION_REBALANCE, TM_PARTITION_BROADCAST,
                                TM_PARTITION_COLUMN};
    uint32_t a = source("a"), routes[3], outs[3];
    static const char *const names[] = {"rebalance", "broadcast", "partition"};
    static const char *const sinks[] = {"x", "y", "z"};
    for (int i = 0; i < 3; i++) {
        routes[i] = route(names[i], a, kinds[i]);
        outs[i] = sink(sinks[i], (int)routes[i]);
    }
    make_plan(2);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(edge_kind(routes[i], outs[i]), kinds[i]);
    for (int i = 0; i < 3; i++)
        ok(tm_graph_parallelism(graph, outs[i], 1));
    make_plan(1); // one subtask on both sides: nothing to spread
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_eq(chain_of(routes[i]), chain_of(outs[i]));
}
END_TEST

START_TEST(a_key_behind_a_route_is_read_by_as_many_subtasks_as_the_job_has)
{
    uint32_t a = source("a");
    ok(tm_graph_parallelism(graph, a, 1));
    uint32_t r = route("rebalance", a, TM_PARTITION_REBALANCE), k = key_by("k", r);
    sink("o", (int)count("c", k));
    make_plan(3);
    ck_assert_uint_eq(chain_of(r)->parallelism, 1);
    ck_assert_uint_eq(chain_of(k)->parallelism, 3);
    ck_assert_int_eq(edge_kind(r, k), TM_PARTITION_REBALANCE);
}
END_TEST

START_TEST(forward_gives_its_parallelism_on_or_is_an_error)
{
    uint32_t a = source("a");
    ok(tm_graph_parallelism(graph, a, 2));
    uint32_t f = function("f", route("forward", a, TM_PARTITION_FORWARD));
    sink("o", (int)f);
    make_plan(4);
    ck_assert_uint_eq(chain_of(f)->parallelism, 2);
    ck_assert_ptr_eq(chain_of(a), chain_of(f));
    ok(tm_graph_parallelism(graph, f, 3));
    refused(4, "job.lua:2",
            "forward 'forward' keeps rows in their subtask, 2 of them, and map 'f' has 3",
            ":rebalance()");
}
END_TEST

START_TEST(never_gives_an_operator_a_task_of_its_own)
{
    uint32_t a = source("a"), f = function("f", a), g = function("g", f);
    uint32_t k = key_by("k", g);
    sink("o", (int)count("c", k));
    ok(tm_graph_chaining(graph, f, TM_CHAINING_NEVER));
    make_plan(2);
    ck_assert_int_eq(edge_kind(a, f), TM_PARTITION_FORWARD);
    ck_assert_int_eq(edge_kind(f, g), TM_PARTITION_FORWARD);
    ok(tm_graph_chaining(graph, g, TM_CHAINING_NEVER));
    make_plan(2);
    ck_assert_ptr_eq(chain_of(g), chain_of(k)); // a key is no work
}
END_TEST

START_TEST(always_takes_the_parallelism_of_what_it_follows_or_is_an_error)
{
    uint32_t a = source("a"), f = function("f", a);
    sink("o", (int)f);
    ok(tm_graph_parallelism(graph, a, 1));
    ok(tm_graph_chaining(graph, f, TM_CHAINING_ALWAYS));
    make_plan(4);
    ck_assert_ptr_eq(chain_of(a), chain_of(f));
    ok(tm_graph_parallelism(graph, f, 2));
    refused(4, "job.lua:2", "another parallelism", "tidemill plan");
    ok(tm_graph_parallelism(graph, f, 0));
    sink("second", (int)a);
    refused(4, "job.lua:2", "used more than once", "tidemill plan");
}
END_TEST

START_TEST(a_side_output_is_a_chain_of_its_own_with_its_functions_parallelism)
{
    uint32_t a = source("a"), f = function("f", a), s = add(TM_NODE_SIDE, "side", "s", (int)f);
    ok(tm_graph_side(graph, s, 0));
    columns(s, "why string", -1);
    ok(tm_graph_parallelism(graph, f, 3));
    uint32_t o = sink("main", (int)f), bad = sink("bad", (int)s);
    make_plan(2);
    ck_assert_int_eq(edge_kind(f, s), TM_PARTITION_FORWARD);
    ck_assert_int_eq(edge_kind(f, o), TM_PARTITION_REBALANCE);
    ck_assert_uint_eq(chain_of(s)->parallelism, 3);
    ck_assert_int_eq(edge_kind(s, bad), TM_PARTITION_REBALANCE);
    ck_assert_uint_eq(chain_of(s)->nodes[0], s);
}
END_TEST

START_TEST(operators_that_keep_state_refuse_changes)
{
    uint32_t t = top(key_by("k", source("a")));
    sink("o", (int)t);
    ck_assert_int_eq(tm_graph_validate(graph, &err), 0);
    uint32_t k = add(TM_NODE_KEY_BY, "key_by", "again", (int)t);
    ok(tm_graph_changelog(graph, k, 1));
    ok(tm_graph_key(graph, k, 0));
    columns(k, rows, -1);
    sink("p", (int)count("c", k));
    invalid("job.lua:6", "count 'c' takes plain rows, and those of key_by 'again' (job.lua:5) are",
            "emit = \"final\"");
}
END_TEST

START_TEST(a_sink_that_cannot_write_changes_refuses_them)
{
    uint32_t t = top(key_by("k", source("a"))), o = sink("o", (int)t);
    ok(tm_graph_connector(graph, o, "file", "text"));
    invalid("job.lua:4", "to 'o' writes texts, and the rows of top 'top' are changes", "json");
}
END_TEST

START_TEST(a_column_op_beside_changes_is_refused)
{
    uint32_t k = key_by("k", source("a")), t = add(TM_NODE_TOP, "top", "top", (int)k);
    ok(tm_graph_changelog(graph, t, 1));
    ok(tm_graph_key(graph, t, 0));
    ok(tm_graph_ranking(graph, t, 1, 1, 3, -1));
    columns(t, "user string; op string", -1);
    uint32_t o = sink("o", (int)t);
    invalid("job.lua:4", "the rows of top 'top' have a column op", "another name");
    ok(tm_graph_connector(graph, o, "discard", ""));
    ck_assert_int_eq(tm_graph_validate(graph, &err), 0);
}
END_TEST

START_TEST(changes_are_not_spread_over_subtasks)
{
    uint32_t t = top(key_by("k", source("a"))), o = sink("o", (int)t);
    ok(tm_graph_parallelism(graph, t, 2));
    ok(tm_graph_parallelism(graph, o, 3));
    refused(4, "job.lua:4", "top 'top' has 2 subtasks and to 'o' has 3", ":parallelism(1)");
    ok(tm_graph_parallelism(graph, o, 1));
    make_plan(4);
    ok(tm_graph_parallelism(graph, o, 2));
    make_plan(4);
    uint32_t r = route("rebalance", t, TM_PARTITION_REBALANCE);
    sink("p", (int)r);
    invalid("job.lua:5", "rebalance 'rebalance' would send changes of the same row",
            "leave it out");
}
END_TEST

START_TEST(wrong_numbers_are_refused_by_the_builder)
{
    uint32_t a = source("a");
    ck_assert_int_eq(tm_graph_ranking(graph, a, 0, 0, 0, -1), TM_E_LIMIT);
    ck_assert_int_eq(tm_graph_ranking(graph, a, 0, 0, TM_RANKING_MAX + 1, -1), TM_E_LIMIT);
    ck_assert_int_eq(tm_graph_ttl(graph, a, -1), TM_E_ARGUMENT);
    ck_assert_int_eq(tm_graph_route(graph, a, TM_PARTITION_HASH, -1), TM_E_INTERNAL);
    ck_assert_int_eq(tm_graph_route(graph, a, TM_PARTITION_COLUMN, -1), TM_E_INTERNAL);
    ck_assert_int_eq(tm_graph_chaining(graph, a, 3), TM_E_INTERNAL);
    ck_assert_int_eq(tm_graph_changelog(graph, a, 1), TM_E_INTERNAL); // its columns are there
    ck_assert_int_eq(tm_graph_side(graph, 77, 0), TM_E_GRAPH);
    uint32_t d = add(TM_NODE_DISTINCT, "dedup", "d", (int)key_by("k", a));
    ok(tm_graph_key(graph, d, 0));
    ok(tm_graph_identity(graph, d, 7));
    columns(d, rows, -1);
    sink("o", (int)d);
    invalid("job.lua:3", "dedup 'd' goes by column 7 of 3", "");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan_routes");
    TCase *t = tcase_create("plan_routes");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_route_spreads_what_follows_it);
    tcase_add_test(t, a_key_behind_a_route_is_read_by_as_many_subtasks_as_the_job_has);
    tcase_add_test(t, forward_gives_its_parallelism_on_or_is_an_error);
    tcase_add_test(t, never_gives_an_operator_a_task_of_its_own);
    tcase_add_test(t, always_takes_the_parallelism_of_what_it_follows_or_is_an_error);
    tcase_add_test(t, a_side_output_is_a_chain_of_its_own_with_its_functions_parallelism);
    tcase_add_test(t, operators_that_keep_state_refuse_changes);
    tcase_add_test(t, a_sink_that_cannot_write_changes_refuses_them);
    tcase_add_test(t, a_column_op_beside_changes_is_refused);
    tcase_add_test(t, changes_are_not_spread_over_subtasks);
    tcase_add_test(t, wrong_numbers_are_refused_by_the_builder);
    suite_add_tcase(s, t);
    return run_suite(s);
}
