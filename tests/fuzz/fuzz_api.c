// Fuzz target of what job scripts hand to tm.* and to streams: the answer is a fault with a code
// that stands in a line of the script, or a graph that can be planned, described and generated code
// for, and that is the same when the script is evaluated again. Never a crash, never an error of
// the engine's own Lua. TM_FUZZ_SHOW in the environment prints the scripts.
//
// The lines of the engine's Lua that ran count as coverage.
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/graph/plan.h"
#include "core/loop/real.h"
#include "core/vm/vm_private.h"
#include "tests/fuzz/api_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

// A state is some ten thousand small allocations of LuaJIT's own.
const char *__asan_default_options(void)
{
    return "malloc_context_size=2:max_malloc_fill_size=0:quarantine_size_mb=16";
}

enum { SCRIPT_BYTES = 16 * 1024, LINES = 1 << 15 };

__attribute__((used, section("__libfuzzer_extra_counters"))) static uint8_t lines_run[LINES];

static char script[SCRIPT_BYTES];

static void fail(const char *what, const struct tm_error *err)
{
    fprintf(stderr, "%s\n--- %s\ncode %d, where '%s'\n%s\n", script, what,
            err == NULL ? 0 : err->code, err == NULL ? "" : err->where,
            err == NULL ? "" : err->message);
    abort();
}

static void line_hook(lua_State *lua, lua_Debug *ar)
{
    if (lua_getinfo(lua, "S", ar) == 0 || ar->source[0] != '=')
        return; // the script's own lines
    uint32_t hash = (uint32_t)ar->currentline * 2654435761u;
    for (const char *c = ar->source; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    lines_run[(hash >> 8) % LINES] = 1;
}

// A person's error: they can find it and it says something.
static void check_error(const struct tm_error *err)
{
    if (err->code == 0 || err->code == TM_E_INTERNAL || err->code == TM_E_GRAPH_DIFFERS ||
        err->message[0] == '\0')
        fail("not an error of the script", err);
    if (strncmp(err->where, "job.lua", 7) != 0)
        fail("an error without a place", err);
    if (strstr(err->message, "FUZZ: ") != NULL)
        fail("raised by a call, and no fault", err);
}

static uint32_t source_limit(void *arg, const struct tm_node *node)
{
    (void)arg;
    return node->id % 2;
}

static void check_finding(void *arg, const struct tm_finding *finding)
{
    (void)arg;
    if (finding->message[0] == '\0' || finding->severity[0] == '\0')
        fail("an empty finding", NULL);
}

// What C finds gets its column from Lua.
static void check_located(void *arg, const struct tm_finding *finding)
{
    char where[TM_ERROR_WHERE_MAX];
    snprintf(where, sizeof where, "%s", finding->where);
    tm_vm_locate(arg, finding->message, where, sizeof where);
    if (strncmp(where, finding->where, strlen(finding->where)) != 0)
        fail("another place", NULL);
    check_finding(NULL, finding);
}

static int generate_code(struct tm_vm *vm, const struct tm_plan *plan, struct tm_buf *out,
                         struct tm_error *err)
{
    const struct tm_node *nodes = plan->graph->nodes;
    for (uint32_t c = 0; c < plan->chain_count; c++) {
        const struct tm_chain *chain = &plan->chains[c];
        for (uint32_t i = 0, run; i < chain->node_count; i += run) {
            run = 1;
            while (nodes[chain->nodes[i]].kind == TM_NODE_FUNCTION && i + run < chain->node_count &&
                   nodes[chain->nodes[i + run]].kind == TM_NODE_FUNCTION)
                run++;
            int rc = tm_node_has_functions(&nodes[chain->nodes[i]])
                         ? tm_vm_chain_source(vm, chain->nodes + i, run, out, err)
                         : 0;
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

// All that `plan` and `schema` say about a graph.
static void describe(struct tm_mem *mem, struct tm_vm *vm, const struct tm_graph *graph)
{
    struct tm_plan *plan = NULL;
    struct tm_error err = {0};
    struct tm_buf out;
    tm_buf_init(&out, mem);
    for (uint32_t parallelism = 1; parallelism <= 3; parallelism += 2) {
        if (tm_plan_new(mem, graph, parallelism, source_limit, NULL, &plan, &err) != 0) {
            check_error(&err);
            continue;
        }
        if (tm_plan_print(plan, &out) != 0 || tm_plan_print_json(plan, &out) != 0)
            fail("the plan has no text", NULL);
        if (generate_code(vm, plan, &out, &err) != 0)
            fail("no code for the graph", &err);
        tm_plan_find(&(struct tm_plan_findings){.plan = plan, .each = check_located, .arg = vm});
        tm_plan_free(plan);
    }
    static const char *const forms[] = {"lua", "json", "luals"};
    for (size_t i = 0; i < 3; i++)
        if (tm_vm_schemas(vm, forms[i], &out, &err) != 0)
            fail("the sources have no schemas", &err);
    tm_buf_fini(&out);
}

// The script in another state, as workers evaluate it.
static void evaluate_again(const struct tm_vm_args *args, uint64_t fingerprint)
{
    struct tm_error err = {0};
    struct tm_vm *vm = NULL;
    if (tm_vm_new(args, &vm, &err) != 0 || tm_vm_evaluate(vm, fingerprint, &err) != 0)
        fail("another graph in another state", &err);
    tm_vm_free(vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tm_fx fx;
    struct tm_mem mem;
    struct tm_error err = {0};
    struct tm_vm *vm = NULL;
    struct tm_graph *graph = NULL;
    if (fx.memory == NULL && tm_real_init(&fx, &err) != 0)
        fail("no effects", &err);
    size_t length = api_script(data, size, script, sizeof script);
    if (getenv("TM_FUZZ_SHOW") != NULL)
        fprintf(stderr, "%s---\n", script);
    tm_mem_init(&mem, &fx, NULL, 0);
    struct tm_vm_args args = {.fx = &fx,
                              .mem = &mem,
                              .memory_limit_bytes = 64 << 20,
                              .seed = 1,
                              .script_path = "job.lua",
                              .script_text = script,
                              .script_length = length};
    if (tm_vm_new(&args, &vm, &err) != 0 || tm_graph_new(&mem, &graph, &err) != 0)
        fail("no state", &err);
    lua_sethook(vm->lua, line_hook, LUA_MASKLINE, 0);
    int rc = tm_vm_plan(vm, graph, &err);
    if (rc != 0) {
        check_error(&err);
    } else {
        describe(&mem, vm, graph);
        if (size % 4 == 0)
            evaluate_again(&args, graph->fingerprint);
    }
    if (tm_vm_findings(vm, check_finding, NULL, &err) != 0)
        fail("no findings", &err);
    tm_graph_free(graph);
    tm_vm_free(vm);
    if (mem.used_bytes != 0)
        fail("memory is left", NULL);
    return 0;
}
