// The state as C uses it: a script becomes a graph, its errors become tm_errors with their place,
// and a second evaluation must agree with the first.
#include "tests/unit/vm/support.h"

static struct fixture f;

static void setup(void)
{
    fixture_init(&f);
}

static void teardown(void)
{
    fixture_fini(&f);
}

static const char WINDOW[] =
    HEAD "return rows\n"
         "  :watermark('ts', { out_of_order = '2s' })\n"
         "  :key_by('user')\n"
         "  :window(tm.sliding('10m', '1m', { offset = '5s' }))\n"
         "  :aggregate('spend', { n = tm.count(), total = tm.sum('amount') })\n"
         "  :to(tm.discard { name = 'out' })\n";

START_TEST(a_script_becomes_a_graph)
{
    char text[TM_TYPE_TEXT];

    ck_assert_msg(fixture_plan(&f, WINDOW) == 0, "%s: %s", f.err.where, f.err.message);
    ck_assert_str_eq(f.graph->name, "job");
    ck_assert_uint_eq(f.graph->node_count, 5);
    const struct tm_node *source = &f.graph->nodes[0], *mark = &f.graph->nodes[1];
    ck_assert_str_eq(source->name, "rows");
    ck_assert_str_eq(source->connector, "generate");
    ck_assert_int_eq(tm_options_integer(&source->options, "count", 0), 10);
    ck_assert_str_eq(tm_options_text(&source->options, "field.1.name"), "amount");
    ck_assert_str_eq(tm_options_text(&source->options, "field.1.type"), "decimal(10,2)");
    // columns in the order of the text; `n` is read by nobody
    ck_assert_str_eq(tm_node_schema(source)->fields[2].name, "n");
    ck_assert_uint_eq(source->used[0], 1 | 2 | 8);
    ck_assert_int_eq(mark->kind, TM_NODE_WATERMARK);
    ck_assert_int_eq(mark->time_field, 3);
    ck_assert_int_eq(mark->disorder_ms, 2000);
    ck_assert_int_eq(mark->idle_ms, 30000);
    ck_assert_int_eq(tm_node_schema(mark)->time_field, 3);
    const struct tm_node *window = &f.graph->nodes[3];
    ck_assert_str_eq(window->name, "spend");
    ck_assert_str_eq(window->where, "job.lua:9");
    ck_assert_int_eq(window->size_ms, 600000);
    ck_assert_int_eq(window->slide_ms, 60000);
    ck_assert_int_eq(window->offset_ms, 5000);
    ck_assert_uint_eq(window->key.count, 1);
    ck_assert_uint_eq(window->key.fields[0], 0);
    ck_assert_uint_eq(window->aggregate_count, 2);
    ck_assert_int_eq(window->aggregates[0].input_field, -1);
    ck_assert_int_eq(window->aggregates[1].input_field, 1);
    ck_assert_uint_eq(window->aggregates[1].output_field, 4);
    struct tm_schema *schema = tm_node_schema(window);
    ck_assert_uint_eq(schema->field_count, 6);
    ck_assert_str_eq(tm_type_text(schema->fields[4].type, text), "decimal(38,2)");
    ck_assert_str_eq(schema->fields[5].name, "$time");
    ck_assert_uint_eq(schema->fields[5].flags, TM_FIELD_HIDDEN);
    ck_assert_int_eq(schema->time_field, 5);
}
END_TEST

START_TEST(evaluating_again_gives_the_same_fingerprint)
{
    ck_assert_int_eq(fixture_plan(&f, WINDOW), 0);
    uint64_t fingerprint = f.graph->fingerprint;
    fixture_reset(&f);
    ck_assert_int_eq(fixture_state(&f, WINDOW, 0), 0);
    ck_assert_int_eq(tm_vm_evaluate(f.vm, fingerprint, &f.err), 0);
}
END_TEST

START_TEST(a_script_that_changed_is_refused_by_a_worker)
{
    ck_assert_int_eq(fixture_plan(&f, WINDOW), 0);
    uint64_t fingerprint = f.graph->fingerprint;
    fixture_reset(&f);
    ck_assert_int_eq(fixture_state(&f, HEAD "return rows", 0), 0);
    ck_assert_int_eq(tm_vm_evaluate(f.vm, fingerprint, &f.err), TM_E_GRAPH_DIFFERS);
    ck_assert_ptr_nonnull(strstr(f.err.hint, "os.time"));
}
END_TEST

static const struct {
    const char *script;
    int code;
    const char *where, *message, *hint;
} wrong[] = {
    {"return (", TM_E_SCRIPT_SYNTAX, "job.lua:1", "unexpected symbol", ""},
    {"\n\nlocal x = nil\nreturn x.y", TM_E_SCRIPT_RUN, "job.lua:4", "attempt to index", "is nil"},
    {"error('no luck')", TM_E_SCRIPT_RUN, "job.lua:1", "no luck", ""},
    {"error({})", TM_E_SCRIPT_RUN, "job.lua:1", "table", ""},
    {"local function f() return 1 + f() end\nreturn f()", TM_E_SCRIPT_RUN, "job.lua",
     "stack overflow", "without end"},
    {"return 7", TM_E_SCRIPT_RESULT, "job.lua", "returned 7", ""},
    {HEAD "return rows:key_by('usr')", TM_E_UNKNOWN_FIELD, "job.lua:5", "no field \"usr\"", "user"},
    {HEAD "return rows:key_by('user'):window(tm.tumbling('1m')):aggregate { n = tm.count() }",
     TM_E_NO_WATERMARK, "job.lua:5", "no event time", "watermark(\"ts\""},
    {"x = 1", TM_E_UNKNOWN_NAME, "job.lua:1", "not declared", "local x"},
    {"return require('missing')", TM_E_NOT_FOUND, "job.lua:1", "missing.lua", ""},
    {"\x1bLJ\x02", TM_E_SANDBOX, "job.lua", "bytecode", ""},
};

START_TEST(an_error_of_the_script_keeps_its_code_place_and_hint)
{
    int i = _i;
    int rc = fixture_plan(&f, wrong[i].script);
    ck_assert_msg(rc == wrong[i].code, "%s gave %d: %s", wrong[i].script, rc, f.err.message);
    ck_assert_int_eq(f.err.code, rc);
    ck_assert_msg(strncmp(f.err.where, wrong[i].where, strlen(wrong[i].where)) == 0,
                  "where is '%s', not '%s'", f.err.where, wrong[i].where);
    ck_assert_msg(strstr(f.err.message, wrong[i].message) != NULL, "message is '%s'",
                  f.err.message);
    ck_assert_msg(strstr(f.err.hint, wrong[i].hint) != NULL, "hint is '%s'", f.err.hint);
}
END_TEST

START_TEST(a_script_that_does_not_exist_is_not_found)
{
    struct tm_vm_args args = {.fx = &f.fx, .mem = &f.mem, .script_path = "no/such/job.lua"};
    ck_assert_int_eq(tm_vm_new(&args, &f.vm, &f.err), TM_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(f.err.message, "no/such/job.lua"));
    ck_assert_ptr_null(f.vm);
}
END_TEST

static int findings, arguments;

static void each_finding(void *arg, const struct tm_finding *finding)
{
    ck_assert_ptr_eq(arg, &findings);
    ck_assert_str_eq(finding->severity, "advice");
    ck_assert(strncmp(finding->where, "job.lua:6", 9) == 0);
    ck_assert(finding->code == TM_E_IMPLIED_SINK || finding->code == TM_E_UNNAMED_STATE);
    ck_assert(finding->message[0] != '\0' && finding->hint[0] != '\0');
    findings++;
}

static void each_argument(void *arg, const char *name, const char *fallback, const char *doc)
{
    ck_assert_ptr_eq(arg, &arguments);
    ck_assert_str_eq(name, "input");
    ck_assert_str_eq(fallback, "7");
    ck_assert_str_eq(doc, "what to read");
    arguments++;
}

START_TEST(findings_and_arguments_are_listed)
{
    ck_assert_int_eq(fixture_plan(&f, HEAD "tm.arg('input', 7, 'what to read')\n"
                                           "return rows:key_by('user'):count()"),
                     0);
    ck_assert_int_eq(tm_vm_findings(f.vm, each_finding, &findings, &f.err), 0);
    ck_assert_int_eq(tm_vm_arguments(f.vm, each_argument, &arguments, &f.err), 0);
    ck_assert_int_eq(findings, 2);
    ck_assert_int_eq(arguments, 1);
    ck_assert_str_eq(f.graph->nodes[f.graph->node_count - 1].connector, "print");
}
END_TEST

START_TEST(set_values_reach_the_script)
{
    static const char script[] = "local tm = require 'tidemill'\n"
                                 "return tm.from(tm.file { path = tm.args.input, schema = { a = "
                                 "'int' } }):to(tm.discard())";
    static const char *const names[] = {"input"}, *const values[] = {"x.jsonl"};
    struct tm_vm_args args = {.fx = &f.fx,
                              .mem = &f.mem,
                              .script_path = "dir/job.lua",
                              .script_text = script,
                              .script_length = sizeof script - 1,
                              .set_names = names,
                              .set_values = values,
                              .set_count = 1};
    ck_assert_int_eq(tm_vm_new(&args, &f.vm, &f.err), 0);
    ck_assert_int_eq(tm_graph_new(&f.mem, &f.graph, &f.err), 0);
    ck_assert_msg(tm_vm_plan(f.vm, f.graph, &f.err) == 0, "%s", f.err.message);
    ck_assert_str_eq(f.graph->nodes[0].name, "x.jsonl");
    ck_assert_str_eq(f.graph->nodes[0].where, "dir/job.lua:2");
}
END_TEST

// Ends in string.format in place of the entry's own frame, while LuaJIT records what was hot above.
START_TEST(entries_that_end_in_a_builtin_survive_the_trace_compiler)
{
    for (int state = 0; state < 30; state++) {
        ck_assert_int_eq(fixture_plan(&f, WINDOW), 0);
        for (int i = 0; i < 200; i++) {
            char where[256] = "job.lua:6";
            tm_vm_locate(f.vm, "watermark: out of order", where, sizeof where);
            ck_assert_msg(strncmp(where, "job.lua:6:4\n", 12) == 0, "%s", where);
        }
        fixture_reset(&f);
    }
}
END_TEST

START_TEST(traces_are_counted)
{
    struct tm_vm_traces before, after;

    ck_assert_int_eq(fixture_state(&f,
                                   "local n = 0 for i = 1, 100000 do n = n + i % 7 end\n"
                                   "local t = {} for i = 1, 1e6 do t = function() end end\n"
                                   "error('end')",
                                   0),
                     0);
    tm_vm_traces(f.vm, &before);
    ck_assert_int_lt(tm_vm_evaluate(f.vm, 0, &f.err), 0);
    tm_vm_traces(f.vm, &after);
    ck_assert_uint_gt(after.compiled, before.compiled);
    ck_assert_uint_gt(after.aborted, before.aborted); // making closures cannot be compiled,
    ck_assert_uint_eq(after.blacklisted, before.blacklisted + 1); // and that loop is given up
    ck_assert_uint_ge(after.started, after.compiled + after.aborted - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vm");
    TCase *tc = tcase_create("vm");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_script_becomes_a_graph);
    tcase_add_test(tc, evaluating_again_gives_the_same_fingerprint);
    tcase_add_test(tc, a_script_that_changed_is_refused_by_a_worker);
    tcase_add_loop_test(tc, an_error_of_the_script_keeps_its_code_place_and_hint, 0,
                        (int)(sizeof wrong / sizeof wrong[0]));
    tcase_add_test(tc, a_script_that_does_not_exist_is_not_found);
    tcase_add_test(tc, findings_and_arguments_are_listed);
    tcase_add_test(tc, set_values_reach_the_script);
    tcase_add_test(tc, entries_that_end_in_a_builtin_survive_the_trace_compiler);
    tcase_add_test(tc, traces_are_counted);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
