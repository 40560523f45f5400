// Validation: what is refused, at which place, with which words.
#include "fixture.h"

static void refused(int code, const char *where, const char *part, const char *hint)
{
    tm_error_clear(&err);
    ck_assert_int_eq(tm_graph_validate(graph, &err), code);
    ck_assert_int_eq(err.code, code);
    ck_assert_str_eq(err.where, where);
    if (strstr(err.message, part) == NULL)
        ck_abort_msg("'%s' does not say '%s'", err.message, part);
    if (hint != NULL && strstr(err.hint, hint) == NULL)
        ck_abort_msg("hint '%s' does not say '%s'", err.hint, hint);
}

static void accepted(void)
{
    tm_error_clear(&err);
    if (tm_graph_validate(graph, &err) != 0)
        ck_abort_msg("%s: %s", err.where, err.message);
}

START_TEST(a_job_of_every_kind_of_operator_is_accepted)
{
    uint32_t a = source("a"), b = source("b"), u = add(TM_NODE_UNION, "union", "u", (int)a);
    ok(tm_graph_input(graph, u, b));
    columns(u, rows, -1);
    uint32_t w = watermark("w", u), f = function("f", w), k = key_by("k", f);
    sink("out", (int)window("spend", k));
    sink("counts", (int)count("c", k));
    ok(tm_graph_on_error(graph, f, TM_ON_ERROR_DEAD_LETTER, (int)sink("dead", -1)));
    accepted();
}
END_TEST

START_TEST(a_job_needs_a_source_and_a_sink)
{
    refused(TM_E_GRAPH, "", "job 'job' has no source", "job:from");
    source("a");
    refused(TM_E_GRAPH, "", "has no sink", ":to(sink)");
}
END_TEST

START_TEST(rows_must_go_somewhere)
{
    uint32_t a = source("a");
    sink("out", (int)a);
    function("lost", a);
    refused(TM_E_GRAPH, "job.lua:3", "the rows of map 'lost' go nowhere", ":to(sink)");
}
END_TEST

START_TEST(a_sink_must_get_something)
{
    sink("out", (int)source("a"));
    sink("useless", -1);
    refused(TM_E_GRAPH, "job.lua:3", "to 'useless' gets no rows", NULL);
}
END_TEST

START_TEST(a_stream_cannot_feed_itself)
{
    uint32_t a = source("a"), u = add(TM_NODE_UNION, "union", "u", (int)a);
    uint32_t f = function("f", u), g = function("g", f);
    ok(tm_graph_input(graph, u, g));
    sink("out", (int)g);
    tm_error_clear(&err);
    ck_assert_int_eq(tm_graph_validate(graph, &err), TM_E_GRAPH);
    ck_assert_ptr_nonnull(strstr(err.message, "cannot feed itself"));
    ck_assert_str_ne(err.where, "");
}
END_TEST

START_TEST(names_are_unique)
{
    uint32_t a = source("a"), f = function("same", a), g = function("same", f);
    sink("out", (int)g);
    refused(TM_E_DUPLICATE_NAME, "job.lua:3",
            "called 'same': map at job.lua:2 and map at job.lua:3", ":named");
}
END_TEST

START_TEST(only_unions_and_sinks_take_several_streams)
{
    uint32_t a = source("a"), b = source("b"), f = function("f", a);
    ok(tm_graph_input(graph, f, b));
    sink("out", (int)f);
    refused(TM_E_GRAPH, "job.lua:3", "map 'f' has 2 input streams", "union");
}
END_TEST

START_TEST(a_function_needs_a_stream)
{
    uint32_t f = add(TM_NODE_FUNCTION, "map", "f", -1);
    sink("a", (int)source("s"));
    sink("out", (int)f);
    refused(TM_E_GRAPH, "job.lua:1", "map 'f' has 0 input streams", NULL);
}
END_TEST

START_TEST(nothing_comes_out_of_a_sink)
{
    uint32_t a = source("a"), out = sink("out", (int)a), f = function("f", out);
    sink("end", (int)f);
    refused(TM_E_GRAPH, "job.lua:3", "to 'out'; a sink passes nothing on", NULL);
}
END_TEST

START_TEST(streams_of_a_union_have_the_same_columns)
{
    uint32_t a = source("a"), b = source("b"), u = add(TM_NODE_UNION, "union", "u", (int)a);
    ok(tm_graph_input(graph, u, b));
    sink("out", (int)u);
    accepted();
}
END_TEST

START_TEST(a_column_of_another_type_is_named)
{
    uint32_t a = source("a"), b = add(TM_NODE_SOURCE, "from", "b", -1);
    ok(tm_graph_connector(graph, b, "file", ""));
    columns(b, "user string; amount double; ts timestamp", -1);
    uint32_t u = add(TM_NODE_UNION, "union", "u", (int)a);
    ok(tm_graph_input(graph, u, b));
    sink("out", (int)u);
    refused(TM_E_SCHEMA, "job.lua:3",
            "column 2 is amount decimal(10,2) in input 1 and amount double in input 2 (from 'b', "
            "job.lua:2)",
            ":select");
}
END_TEST

START_TEST(a_missing_column_is_named)
{
    uint32_t a = source("a"), b = add(TM_NODE_SOURCE, "from", "b", -1);
    ok(tm_graph_connector(graph, b, "file", ""));
    columns(b, "user string; amount decimal(10,2)", -1);
    uint32_t u = add(TM_NODE_UNION, "union", "u", (int)a);
    ok(tm_graph_input(graph, u, b));
    sink("out", (int)u);
    refused(TM_E_SCHEMA, "job.lua:3", "column 3 is ts timestamp in input 1 and missing in input 2",
            NULL);
}
END_TEST

START_TEST(a_type_that_is_not_settled_yet_does_not_differ)
{
    uint32_t a = source("a"), f = add(TM_NODE_FUNCTION, "map", "f", (int)a);
    columns(f, "user string; amount ?; ts timestamp", -1);
    uint32_t u = add(TM_NODE_UNION, "union", "u", (int)a);
    ok(tm_graph_input(graph, u, f));
    sink("out", (int)u);
    accepted();
}
END_TEST

START_TEST(streams_of_a_union_have_the_same_event_time)
{
    uint32_t a = source("a"), w = watermark("w", a), u = add(TM_NODE_UNION, "union", "u", (int)w);
    ok(tm_graph_input(graph, u, source("b")));
    sink("out", (int)u);
    refused(TM_E_SCHEMA, "job.lua:3", "ts in input 1, none in input 2", ":watermark");
}
END_TEST

START_TEST(a_window_needs_a_watermark_on_every_way)
{
    uint32_t a = source("a"), k = key_by("k", a), w = window("spend", k);
    sink("out", (int)w);
    refused(TM_E_NO_WATERMARK, "job.lua:3",
            "aggregate 'spend' works in event time, and no watermark says how far it is: the rows "
            "of from 'a' (job.lua:1) have none",
            ":watermark(\"column\"");
}
END_TEST

START_TEST(one_way_without_a_watermark_is_enough_to_refuse)
{
    uint32_t a = source("a"), w = watermark("w", a), b = source("b");
    uint32_t u = add(TM_NODE_UNION, "union", "u", (int)w);
    ok(tm_graph_input(graph, u,
                      b)); // its columns are not declared, so only the watermark is missing
    uint32_t f = function("f", b);
    sink("f_out", (int)f);
    uint32_t k = key_by("k", u);
    sink("out", (int)window("spend", k));
    ck_assert_int_lt(tm_graph_validate(graph, &err), 0);
    // The event times differ, which is the first cause.
    ck_assert_int_eq(err.code, TM_E_SCHEMA);
}
END_TEST

START_TEST(a_window_after_the_time_column_was_dropped_is_refused)
{
    uint32_t a = source("a"), w = watermark("w", a), f = add(TM_NODE_FUNCTION, "map", "f", (int)w);
    columns(f, "user string; amount decimal(10,2)", -1);
    uint32_t k = add(TM_NODE_KEY_BY, "key_by", "k", (int)f);
    ok(tm_graph_key(graph, k, 0));
    columns(k, "user string; amount decimal(10,2)", -1);
    sink("out", (int)window("spend", k));
    refused(TM_E_NO_WATERMARK, "job.lua:5", "have lost theirs", ":watermark");
}
END_TEST

START_TEST(a_window_behind_a_window_needs_no_second_watermark)
{
    uint32_t k = key_by("k", watermark("w", source("a")));
    uint32_t first = window("first", k), again = add(TM_NODE_KEY_BY, "key_by", "k2", (int)first);
    ok(tm_graph_key(graph, again, 0));
    columns(again, "user string; window_start timestamp; window_end timestamp; total decimal(38,2)",
            2);
    sink("out", (int)window("second", again));
    accepted();
}
END_TEST

START_TEST(a_keyed_operator_needs_a_key_right_before_it)
{
    uint32_t a = source("a"), k = key_by("k", a), f = function("f", k), c = count("c", f);
    sink("out", (int)c);
    refused(TM_E_GRAPH, "job.lua:4", "count 'c' needs a stream with a key and gets that of map 'f'",
            ":key_by");
}
END_TEST

START_TEST(a_key_names_columns_that_exist)
{
    uint32_t a = source("a"), k = add(TM_NODE_KEY_BY, "key_by", "k", (int)a);
    sink("out", (int)k);
    refused(TM_E_GRAPH, "job.lua:2", "key_by 'k' has no key column", NULL);
    ok(tm_graph_key(graph, k, 3));
    refused(TM_E_UNKNOWN_FIELD, "job.lua:2", "column 3 of 3", NULL);
}
END_TEST

START_TEST(event_time_comes_from_a_timestamp)
{
    uint32_t a = source("a"), w = add(TM_NODE_WATERMARK, "watermark", "w", (int)a);
    ok(tm_graph_watermark(graph, w, 1, 0, 0));
    sink("out", (int)w);
    refused(TM_E_TYPE, "job.lua:2", "event time from 'amount', which is decimal(10,2)",
            "amount = \"timestamp\"");
    ok(tm_graph_watermark(graph, w, 8, 0, 0));
    refused(TM_E_UNKNOWN_FIELD, "job.lua:2", "column 8 of 3", NULL);
}
END_TEST

START_TEST(aggregates_name_columns_that_exist)
{
    uint32_t k = key_by("k", watermark("w", source("a"))), a = window("spend", k);
    sink("out", (int)a);
    ok(tm_graph_aggregate(graph, a, TM_AGGREGATE_SUM, 7, 3));
    refused(TM_E_UNKNOWN_FIELD, "job.lua:4", "aggregate 2 of aggregate 'spend'", NULL);
}
END_TEST

START_TEST(dead_letters_go_to_a_sink_of_their_own)
{
    uint32_t a = source("a"), f = function("f", a), out = sink("out", (int)f);
    ok(tm_graph_on_error(graph, a, TM_ON_ERROR_DEAD_LETTER, (int)f));
    refused(TM_E_GRAPH, "job.lua:1", "leads to map 'f', which is not a sink", "\"skip\"");
    ok(tm_graph_on_error(graph, a, TM_ON_ERROR_DEAD_LETTER, (int)out));
    refused(TM_E_GRAPH, "job.lua:3", "both rows and dead letters", "a sink of its own");
    uint32_t dead = sink("dead", -1);
    ok(tm_graph_on_error(graph, a, TM_ON_ERROR_DEAD_LETTER, (int)dead));
    accepted();
    ok(tm_graph_on_error(graph, dead, TM_ON_ERROR_DEAD_LETTER, (int)dead));
    refused(TM_E_GRAPH, "job.lua:4", "has a dead-letter sink itself", NULL);
}
END_TEST

START_TEST(a_format_that_does_not_exist_is_refused_with_the_nearest)
{
    uint32_t a = source("a");
    sink("out", (int)a);
    ok(tm_graph_connector(graph, a, "file", "jsn"));
    refused(TM_E_UNKNOWN_NAME, "job.lua:1", "from 'a' has format \"jsn\"; allowed are", "\"json\"");
    ok(tm_graph_connector(graph, a, "file", "json"));
    accepted();
    ok(tm_graph_connector(graph, a, "", ""));
    refused(TM_E_GRAPH, "job.lua:1", "has no connector", NULL);
}
END_TEST

START_TEST(a_chain_of_thousands_of_operators_is_checked)
{
    uint32_t last = source("a");
    char name[32];
    for (int i = 0; i < 4000; i++) {
        snprintf(name, sizeof name, "f%d", i);
        last = add(TM_NODE_FUNCTION, "map", name, (int)last);
    }
    sink("out", (int)last);
    accepted();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph_validate");
    TCase *t = tcase_create("graph_validate");
    tcase_add_checked_fixture(t, fixture_setup, fixture_teardown);
    tcase_add_test(t, a_job_of_every_kind_of_operator_is_accepted);
    tcase_add_test(t, a_job_needs_a_source_and_a_sink);
    tcase_add_test(t, rows_must_go_somewhere);
    tcase_add_test(t, a_sink_must_get_something);
    tcase_add_test(t, a_stream_cannot_feed_itself);
    tcase_add_test(t, names_are_unique);
    tcase_add_test(t, only_unions_and_sinks_take_several_streams);
    tcase_add_test(t, a_function_needs_a_stream);
    tcase_add_test(t, nothing_comes_out_of_a_sink);
    tcase_add_test(t, streams_of_a_union_have_the_same_columns);
    tcase_add_test(t, a_column_of_another_type_is_named);
    tcase_add_test(t, a_missing_column_is_named);
    tcase_add_test(t, a_type_that_is_not_settled_yet_does_not_differ);
    tcase_add_test(t, streams_of_a_union_have_the_same_event_time);
    tcase_add_test(t, a_window_needs_a_watermark_on_every_way);
    tcase_add_test(t, one_way_without_a_watermark_is_enough_to_refuse);
    tcase_add_test(t, a_window_after_the_time_column_was_dropped_is_refused);
    tcase_add_test(t, a_window_behind_a_window_needs_no_second_watermark);
    tcase_add_test(t, a_keyed_operator_needs_a_key_right_before_it);
    tcase_add_test(t, a_key_names_columns_that_exist);
    tcase_add_test(t, event_time_comes_from_a_timestamp);
    tcase_add_test(t, aggregates_name_columns_that_exist);
    tcase_add_test(t, dead_letters_go_to_a_sink_of_their_own);
    tcase_add_test(t, a_format_that_does_not_exist_is_refused_with_the_nearest);
    tcase_add_test(t, a_chain_of_thousands_of_operators_is_checked);
    suite_add_tcase(s, t);
    return run_suite(s);
}
