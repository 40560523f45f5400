// The printed plan: for people, exactly; for programs, what can be read back from it.
#include <jansson.h>

#include "fixture.h"

static struct tm_plan *plan;
static struct tm_buf out;

static void setup(void)
{
    fixture_setup();
    plan = NULL;
    tm_buf_init(&out, &mem);
}

static void teardown(void)
{
    tm_buf_fini(&out);
    tm_plan_free(plan);
    fixture_teardown();
}

static void fraud_job(uint32_t parallelism)
{
    uint32_t a = source("transactions"), w = watermark("watermark(job.lua:2)", a);
    uint32_t k = key_by("key_by(user)", w), spend = window("spend", k);
    uint32_t f = add(TM_NODE_FUNCTION, "map", "score", (int)spend);
    columns(f, "user string; total decimal(38,2); risk ?; $time timestamp~", 3);
    uint32_t o = sink("alerts", (int)f), dead = sink("dead", -1);
    ok(tm_graph_connector(graph, a, "file", "json"));
    ok(tm_graph_on_error(graph, a, TM_ON_ERROR_DEAD_LETTER, (int)dead));
    ok(tm_graph_on_error(graph, f, TM_ON_ERROR_SKIP, -1));
    ok(tm_graph_parallelism(graph, o, 1));
    ok(tm_graph_job(graph, "fraud-detection", 0, 0, 5, 0));
    ok(tm_graph_fingerprint(graph, 0xabc));
    ck_assert_int_eq(tm_plan_new(&mem, graph, parallelism, NULL, NULL, &plan, &err), 0);
}

START_TEST(the_plan_for_people_is_aligned_and_shows_all)
{
    fraud_job(4);
    ck_assert_int_eq(tm_plan_print(plan, &out), 0);
    ck_assert_int_eq(tm_buf_append(&out, "", 1), 0);
    ck_assert_str_eq(
        (const char *)out.data,
        "job fraud-detection: parallelism 4, 128 key groups, latency 5ms\n"
        "\n"
        "chain 0, 4 subtasks\n"
        "  from       transactions          job.lua:1  file, json\n"
        "             user string required, amount decimal(10,2), ts timestamp\n"
        "  watermark  watermark(job.lua:2)  job.lua:2  on ts, out of order 5s, idle after 30s\n"
        "  key_by     key_by(user)          job.lua:3  by user\n"
        "  -> chain 1, hash by user, pre-aggregated\n"
        "  -> chain 3, forward, dead letters of from 'transactions'\n"
        "\n"
        "chain 1, 4 subtasks\n"
        "  aggregate  spend                 job.lua:4  sliding 10m every 1m\n"
        "             user string, window_start timestamp, window_end timestamp, total "
        "decimal(38,2)\n"
        "  map        score                 job.lua:5  errors skipped\n"
        "             user string, total decimal(38,2), risk ?\n"
        "  -> chain 2, rebalance\n"
        "\n"
        "chain 2, 1 subtask\n"
        "  to         alerts                job.lua:6  file\n"
        "\n"
        "chain 3, 4 subtasks\n"
        "  to         dead                  job.lua:7  file\n");
}
END_TEST

START_TEST(long_schemas_are_broken_between_columns)
{
    uint32_t a = add(TM_NODE_SOURCE, "from", "a", -1);
    ok(tm_graph_connector(graph, a, "file", ""));
    ok(tm_graph_schema_begin(graph, a, 40, -1));
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "column_%d", i);
        ok(tm_graph_schema_field(graph, a, name, "timestamp", 0));
    }
    ok(tm_graph_schema_end(graph, a));
    sink("o", (int)a);
    ck_assert_int_eq(tm_plan_new(&mem, graph, 1, NULL, NULL, &plan, &err), 0);
    ck_assert_int_eq(tm_plan_print(plan, &out), 0);
    size_t line = 0, longest = 0;
    for (size_t i = 0; i < out.size_bytes; i++) {
        line = out.data[i] == '\n' ? 0 : line + 1;
        longest = line > longest ? line : longest;
    }
    ck_assert_uint_le(longest, 101);
    ck_assert_uint_gt(longest, 80);
}
END_TEST

START_TEST(the_json_plan_reads_back)
{
    fraud_job(2);
    ck_assert_int_eq(tm_plan_print_json(plan, &out), 0);
    json_error_t json_err;
    json_t *root = json_loadb((const char *)out.data, out.size_bytes, 0, &json_err);
    ck_assert_ptr_nonnull(root);
    ck_assert_str_eq(json_string_value(json_object_get(root, "job")), "fraud-detection");
    ck_assert_str_eq(json_string_value(json_object_get(root, "fingerprint")), "0000000000000abc");
    json_t *chains = json_object_get(root, "chains"), *edges = json_object_get(root, "edges");
    ck_assert_uint_eq(json_array_size(chains), plan->chain_count);
    ck_assert_uint_eq(json_array_size(edges), plan->edge_count);
    const char *partition, *key, *type, *kind;
    int dead;
    ck_assert_int_eq(
        json_unpack(json_array_get(edges, 0), "{s:s, s:[s]}", "partition", &partition, "key", &key),
        0);
    ck_assert_str_eq(partition, "hash");
    ck_assert_str_eq(key, "user");
    ck_assert_int_eq(json_unpack(json_array_get(edges, 2), "{s:b}", "dead_letters", &dead), 0);
    ck_assert(dead);
    json_t *operators = json_object_get(json_array_get(chains, 1), "operators");
    json_t *map = json_array_get(operators, 1);
    ck_assert_int_eq(
        json_unpack(map, "{s:s, s:[{}, {}, {s:s}, {}]}", "kind", &kind, "schema", "type", &type),
        0);
    ck_assert_str_eq(kind, "function");
    ck_assert_str_eq(type, "?");
    json_decref(root);
}
END_TEST

START_TEST(texts_that_are_not_utf8_do_not_break_the_json)
{
    ck_assert_int_eq(tm_graph_add(graph, TM_NODE_SOURCE, "from", "a", "\xff.lua:1"), 0);
    ok(tm_graph_connector(graph, 0, "file", ""));
    sink("o", 0);
    ck_assert_int_eq(tm_plan_new(&mem, graph, 1, NULL, NULL, &plan, &err), 0);
    ck_assert_int_eq(tm_plan_print_json(plan, &out), 0);
    json_t *root = json_loadb((const char *)out.data, out.size_bytes, 0, NULL);
    ck_assert_ptr_nonnull(root);
    json_decref(root);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan_print");
    TCase *t = tcase_create("plan_print");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_plan_for_people_is_aligned_and_shows_all);
    tcase_add_test(t, long_schemas_are_broken_between_columns);
    tcase_add_test(t, the_json_plan_reads_back);
    tcase_add_test(t, texts_that_are_not_utf8_do_not_break_the_json);
    suite_add_tcase(s, t);
    return run_suite(s);
}
