// The builder functions: what they copy, refuse and publish.
#include "core/base/limits.h"
#include "fixture.h"

static void expect_text(const char *part)
{
    if (strstr(tm_graph_error_text(graph), part) == NULL)
        ck_abort_msg("'%s' does not say '%s'", tm_graph_error_text(graph), part);
}

START_TEST(nodes_are_numbered_and_keep_copies_of_their_texts)
{
    char name[] = "first", where[] = "job.lua:1";
    ck_assert_int_eq(tm_graph_add(graph, TM_NODE_SOURCE, "from", name, where), 0);
    name[0] = where[0] = 'X';
    ck_assert_int_eq(tm_graph_add(graph, TM_NODE_SINK, "to", "second", "job.lua:2"), 1);
    ck_assert_str_eq(graph->nodes[0].name, "first");
    ck_assert_str_eq(graph->nodes[0].where, "job.lua:1");
    ck_assert_int_eq(graph->nodes[1].dead_letter, -1);
    ck_assert_str_eq(graph->nodes[1].format, "");
}
END_TEST

START_TEST(a_graph_grows_to_its_limit_and_no_further)
{
    char name[32];
    for (int i = 0; i < TM_NODES_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        ck_assert_int_eq(tm_graph_add(graph, TM_NODE_FUNCTION, "map", name, "x:1"), i);
        if (i > 0)
            ok(tm_graph_input(graph, (uint32_t)i, (uint32_t)i - 1));
    }
    ck_assert_int_eq(tm_graph_add(graph, TM_NODE_FUNCTION, "map", "one more", "x:1"), TM_E_LIMIT);
    expect_text("4096");
    ck_assert_uint_eq(graph->nodes[4095].inputs[0], 4094);
}
END_TEST

START_TEST(metrics_keep_copies_of_their_texts_up_to_a_bound)
{
    char name[] = "m0";
    ok(tm_graph_metric(graph, TM_METRIC_HISTOGRAM, name, "ms", "how long"));
    name[0] = 'X';
    ck_assert_str_eq(graph->metrics[0].name, "m0");
    ck_assert_str_eq(graph->metrics[0].unit, "ms");
    ck_assert_str_eq(graph->metrics[0].description, "how long");
    ck_assert_int_eq(graph->metrics[0].kind, TM_METRIC_HISTOGRAM);
    ck_assert_int_eq(tm_graph_metric(graph, TM_METRIC_GAUGE, "", "", ""), TM_E_LIMIT);
    for (int i = 1; i < TM_USER_METRICS_MAX; i++)
        ok(tm_graph_metric(graph, TM_METRIC_COUNTER, "m", "", ""));
    ck_assert_int_eq(tm_graph_metric(graph, TM_METRIC_COUNTER, "m", "", ""), TM_E_LIMIT);
    expect_text("at most 256 metrics");
    ck_assert_uint_eq(graph->metric_count, TM_USER_METRICS_MAX);
}
END_TEST

START_TEST(a_union_takes_any_number_of_inputs)
{
    uint32_t sources[20];
    char name[32];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "s%d", i);
        sources[i] = add(TM_NODE_SOURCE, "from", name, -1);
    }
    uint32_t u = add(TM_NODE_UNION, "union", "u", -1);
    for (int i = 0; i < 20; i++)
        ok(tm_graph_input(graph, u, sources[i]));
    ck_assert_uint_eq(graph->nodes[u].input_count, 20);
    for (uint32_t i = 0; i < 20; i++)
        ck_assert_uint_eq(graph->nodes[u].inputs[i], sources[i]);
}
END_TEST

START_TEST(what_does_not_exist_is_refused_with_a_text)
{
    ck_assert_int_eq(tm_graph_input(graph, 3, 0), TM_E_GRAPH);
    expect_text("no operator 3");
    uint32_t n = add(TM_NODE_FUNCTION, "map", "m", -1);
    ck_assert_int_eq(tm_graph_input(graph, n, 9), TM_E_GRAPH);
    ck_assert_int_eq(tm_graph_on_error(graph, n, TM_ON_ERROR_DEAD_LETTER, 5), TM_E_GRAPH);
    expect_text("'m'");
    ck_assert_int_lt(tm_graph_on_error(graph, n, 7, -1), 0);
    ck_assert_int_lt(tm_graph_add(graph, 99, "map", "x", "y"), 0);
    ck_assert_int_lt(tm_graph_add(graph, TM_NODE_SINK, "to", "", "y"), 0);
    ck_assert_int_lt(tm_graph_add(graph, TM_NODE_SINK, "to", "\xff\xfe", "y"), 0);
    expect_text("UTF-8");
    ck_assert_int_lt(tm_graph_job(graph, "j", TM_PARALLELISM_MAX + 1, 0, 5, 0), 0);
    ck_assert_int_lt(tm_graph_job(graph, "j", 1, TM_MAX_PARALLELISM + 1, 5, 0), 0);
    ck_assert_int_lt(tm_graph_job(graph, "j", 1, 0, -1, 0), 0);
    ck_assert_int_lt(tm_graph_job(graph, "j", 1, 0, 5, TM_LUA_MEMORY_BYTES_MIN - 1), 0);
    expect_text("lua_memory");
    ck_assert_int_lt(tm_graph_window(graph, n, 0, 1, 0), 0);
    ck_assert_int_lt(tm_graph_window(graph, n, 10, 5, 5), 0);
    ck_assert_int_lt(tm_graph_window(graph, n, INT64_MAX, 1, 0), 0);
    ck_assert_int_lt(tm_graph_watermark(graph, n, 0, -1, 0), 0);
    ck_assert_int_lt(tm_graph_used(graph, n, TM_FIELDS_MAX), 0);
}
END_TEST

START_TEST(a_known_schema_is_published_at_its_end)
{
    uint32_t n = add(TM_NODE_FUNCTION, "map", "m", -1);
    ok(tm_graph_schema_begin(graph, n, 2, 1));
    ok(tm_graph_schema_field(graph, n, "a", "decimal(10,2)", TM_FIELD_REQUIRED));
    ok(tm_graph_schema_field(graph, n, "t", "timestamp", 0));
    ck_assert_ptr_null(tm_node_schema(&graph->nodes[n]));
    ok(tm_graph_schema_end(graph, n));
    struct tm_schema *schema = tm_node_schema(&graph->nodes[n]);
    ck_assert_ptr_nonnull(schema);
    ck_assert_uint_eq(schema->field_count, 2);
    ck_assert_int_eq(schema->time_field, 1);
    ck_assert_uint_eq(schema->fields[0].flags, TM_FIELD_REQUIRED);
}
END_TEST

START_TEST(an_unknown_type_keeps_the_schema_back_until_it_is_settled)
{
    uint32_t n = add(TM_NODE_FUNCTION, "map", "m", -1);
    columns(n, "a ?; b string", -1);
    ck_assert_ptr_null(tm_node_schema(&graph->nodes[n]));
    columns(n, "a ?; b string", -1);
    ck_assert_ptr_null(tm_node_schema(&graph->nodes[n]));
    columns(n, "a double; b string", -1);
    struct tm_schema *schema = tm_node_schema(&graph->nodes[n]);
    ck_assert_ptr_nonnull(schema);
    ck_assert_int_eq(schema->fields[0].type.kind, TM_TYPE_DOUBLE);
    columns(n, "a double; b string", -1); // the same again changes nothing
    ck_assert_ptr_eq(tm_node_schema(&graph->nodes[n]), schema);
    ok(tm_graph_schema_begin(graph, n, 1, -1));
    ok(tm_graph_schema_field(graph, n, "a", "string", 0));
    ck_assert_int_eq(tm_graph_schema_end(graph, n), TM_E_SCHEMA);
    expect_text("settled");
    ck_assert_ptr_eq(tm_node_schema(&graph->nodes[n]), schema);
}
END_TEST

START_TEST(a_wrong_type_or_count_of_columns_is_refused)
{
    uint32_t n = add(TM_NODE_FUNCTION, "map", "m", -1);
    ck_assert_int_lt(tm_graph_schema_begin(graph, n, 0, -1), 0);
    ck_assert_int_lt(tm_graph_schema_begin(graph, n, 2, 2), 0);
    ok(tm_graph_schema_begin(graph, n, 2, -1));
    ck_assert_int_lt(tm_graph_schema_field(graph, n, "a", "strin", 0), 0);
    expect_text("column a of map 'm'");
    ok(tm_graph_schema_field(graph, n, "a", "string", 0));
    ck_assert_int_lt(tm_graph_schema_end(graph, n), 0);
    ok(tm_graph_schema_field(graph, n, "a", "string", 0));
    ck_assert_int_lt(tm_graph_schema_field(graph, n, "c", "string", 0), 0);
    ck_assert_int_eq(tm_graph_schema_end(graph, n), TM_E_SCHEMA); // a twice
    ck_assert_ptr_null(tm_node_schema(&graph->nodes[n]));
}
END_TEST

START_TEST(options_keep_their_kind)
{
    uint32_t n = add(TM_NODE_SOURCE, "from", "s", -1);
    ok(tm_graph_option_string(graph, n, "path", "in/*.json"));
    ok(tm_graph_option_number(graph, n, "rate", 10000));
    ok(tm_graph_option_number(graph, n, "zipf", 0.9));
    ok(tm_graph_option_bool(graph, n, "follow", 1));
    const struct tm_options *o = &graph->nodes[n].options;
    ck_assert_str_eq(tm_options_text(o, "path"), "in/*.json");
    ck_assert_int_eq(tm_options_get(o, "rate")->type, TM_OPTION_INT);
    ck_assert_int_eq(tm_options_integer(o, "rate", 0), 10000);
    ck_assert_int_eq(tm_options_get(o, "zipf")->type, TM_OPTION_DOUBLE);
    ck_assert_int_eq(tm_options_integer(o, "follow", 0), 1);
}
END_TEST

START_TEST(the_rest_of_a_node_is_stored)
{
    uint32_t s = source("s"), w = watermark("w", s), k = key_by("k", w), a = window("a", k);
    uint32_t c = count("c", k);
    ok(tm_graph_job(graph, "fraud", 4, 256, 20, 64 << 20));
    ok(tm_graph_used(graph, s, 70));
    ok(tm_graph_emit_final(graph, c, 1));
    ok(tm_graph_parallelism(graph, a, 3));
    ok(tm_graph_fingerprint(graph, 0xfeedULL));
    ck_assert_str_eq(graph->name, "fraud");
    ck_assert_uint_eq(graph->parallelism, 4);
    ck_assert_uint_eq(graph->max_parallelism, 256);
    ck_assert_int_eq(graph->latency_ms, 20);
    ck_assert_int_eq(graph->lua_memory_bytes, 64 << 20);
    ck_assert_uint_eq(graph->fingerprint, 0xfeed);
    ck_assert_uint_eq(graph->nodes[s].used[1], UINT64_C(1) << 6);
    ck_assert_int_eq(graph->nodes[w].disorder_ms, 5000);
    ck_assert_int_eq(graph->nodes[w].idle_ms, 30000);
    ck_assert_int_eq(graph->nodes[w].time_field, 2);
    ck_assert_uint_eq(graph->nodes[k].key.count, 1);
    ck_assert_int_eq(graph->nodes[a].slide_ms, 60000);
    ck_assert_uint_eq(graph->nodes[a].parallelism, 3);
    ck_assert_uint_eq(graph->nodes[a].aggregates[0].output_field, 3);
    ck_assert(graph->nodes[c].emit_final);
    ck_assert_int_eq(graph->nodes[c].aggregates[0].input_field, -1);
}
END_TEST

START_TEST(running_out_of_memory_is_reported_and_leaks_nothing)
{
    for (int64_t limit = 1; limit < 60000; limit += 500) {
        struct tm_mem small;
        struct tm_graph *g = NULL;
        tm_mem_init(&small, &fx, NULL, limit);
        if (tm_graph_new(&small, &g, &err) == 0) {
            int rc = 0;
            for (int i = 0; i < 40 && rc >= 0; i++) {
                char name[32];
                snprintf(name, sizeof name, "n%d", i);
                rc = tm_graph_add(g, TM_NODE_FUNCTION, "map", name, "x:1");
                if (rc >= 0)
                    rc = tm_graph_schema_begin(g, (uint32_t)i, 1, -1);
                if (rc >= 0)
                    rc = tm_graph_schema_field(g, (uint32_t)i, "a", "int", 0);
                if (rc >= 0)
                    rc = tm_graph_schema_end(g, (uint32_t)i);
                if (rc >= 0)
                    rc = tm_graph_option_string(g, (uint32_t)i, "a", "b");
            }
            ck_assert(rc >= 0 || rc == TM_E_MEMORY);
            tm_graph_free(g);
        }
        ck_assert_int_eq(atomic_load(&small.used_bytes), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph_build");
    TCase *t = tcase_create("graph_build");
    tcase_add_checked_fixture(t, fixture_setup, fixture_teardown);
    tcase_add_test(t, nodes_are_numbered_and_keep_copies_of_their_texts);
    tcase_add_test(t, a_graph_grows_to_its_limit_and_no_further);
    tcase_add_test(t, metrics_keep_copies_of_their_texts_up_to_a_bound);
    tcase_add_test(t, a_union_takes_any_number_of_inputs);
    tcase_add_test(t, what_does_not_exist_is_refused_with_a_text);
    tcase_add_test(t, a_known_schema_is_published_at_its_end);
    tcase_add_test(t, an_unknown_type_keeps_the_schema_back_until_it_is_settled);
    tcase_add_test(t, a_wrong_type_or_count_of_columns_is_refused);
    tcase_add_test(t, options_keep_their_kind);
    tcase_add_test(t, the_rest_of_a_node_is_stored);
    tcase_add_test(t, running_out_of_memory_is_reported_and_leaks_nothing);
    suite_add_tcase(s, t);
    return run_suite(s);
}
