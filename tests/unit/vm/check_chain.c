// How C and a chunk meet: the context, the two callbacks, the codes of a run, errors and memory.
// The code generator is replaced by a few lines of Lua that do what each test needs.
#include <lauxlib.h>

#include "core/vm/vm_private.h"
#include "tests/unit/vm/support.h"

static struct fixture f;
static struct tm_vm_chain *chain;
static struct {
    int grown, failed, answer;
    uint64_t more;
    uint32_t node, row_of;
    int code;
    char message[256];
    const void *row;
} seen;

// `behave` of the generator below decides what a run does; `fn` is the job's function.
static const char generator[] =
    "local codes = require 'tidemill.codes'\n"
    "local C = require('ffi.init').C\n"
    "behave = {\n"
    "  done = function(ctx) ctx['in'] = ctx.in_end return 0 end,\n"
    "  full = function(ctx) return 1 end,\n"
    "  stop = function(ctx) return codes.ROW_TYPE end,\n"
    "  grow = function(ctx) return C.tm_chain_grow(ctx, 4096) end,\n"
    "  fail = function(ctx) return C.tm_chain_fail(ctx, 1, ctx['in'], 1, codes.OVERFLOW, 'boom', "
    "4) "
    "end,\n"
    "  memory = function(ctx)\n"
    "    local ok, e = pcall(string.rep, 'x', 1e9)\n"
    "    return C.tm_chain_fail(ctx, 0, nil, 0, codes.USER_CODE, e, #e)\n"
    "  end,\n"
    "  garbage = function(ctx) local t = {} for i = 1, 20000 do t[i] = { i } end return 0 end,\n"
    "  user = function(ctx, nodes) nodes[1].fn(ctx) return 0 end,\n"
    "  engine = function(ctx) local nothing return nothing.field end,\n"
    "  bare = function(ctx, nodes, among) return tonumber(ctx.out_full) == 1024 and #nodes == 2\n"
    "    and nodes[2].verb == 'filter' and among.subtask == 3 and among.count == 5\n"
    "    and among.first and 0 or 1 end,\n"
    "}\n"
    "package.loaded.codegen = {\n"
    "  derive = function(node) node.schema, node.reads, node.passes = node.input, true, {} end,\n"
    "  settle = function(nodes, proposal)\n"
    "    if proposal == '' then return '' end\n"
    "    return #nodes .. ' nodes: ' .. proposal\n"
    "  end,\n"
    "  source = function(nodes) return '-- chunk of ' .. nodes[1].name end,\n"
    "  instance = function(nodes, ctx, among)\n"
    "    return { proposal = 'a=int', finish = function() return 2 end,\n"
    "      run = function() return behave[mode](ctx, nodes, among) end }\n"
    "  end,\n"
    "}\n";

static int on_fail(void *arg, uint32_t node, const struct tm_row *row, uint32_t row_of, int code,
                   const char *message, size_t length)
{
    seen.row_of = row_of;
    ck_assert_ptr_eq(arg, &seen);
    seen.failed++;
    seen.node = node;
    seen.row = row;
    seen.code = code;
    snprintf(seen.message, sizeof seen.message, "%.*s", (int)length, message);
    return seen.answer;
}

static int on_grow(void *arg, struct tm_chain_ctx *ctx, uint64_t more)
{
    ck_assert_ptr_eq(arg, &seen);
    ck_assert_ptr_eq(ctx, tm_vm_chain_ctx(chain));
    seen.grown++;
    seen.more = more;
    return seen.answer;
}

static void start(const char *function, int64_t limit_bytes)
{
    static const uint32_t nodes[] = {1, 2};
    char script[1024];
    struct tm_vm_chain_args args = {.nodes = nodes,
                                    .node_count = 2,
                                    .subtask = 3,
                                    .parallelism = 5,
                                    .reads_source = true,
                                    .fail = on_fail,
                                    .grow = on_grow,
                                    .arg = &seen};

    snprintf(script, sizeof script,
             HEAD "return rows:map(%s):filter(function() end):to(tm.discard())", function);
    ck_assert_int_eq(fixture_state(&f, script, limit_bytes), 0);
    lua_State *lua = f.vm->lua;
    ck_assert_msg(luaL_loadbuffer(lua, generator, strlen(generator), "=tidemill:codegen") == 0 &&
                      lua_pcall(lua, 0, 0, 0) == 0,
                  "%s", lua_tostring(lua, -1));
    ck_assert_int_eq(tm_vm_evaluate(f.vm, 0, &f.err), TM_E_GRAPH_DIFFERS);
    tm_error_clear(&f.err);
    ck_assert_msg(tm_vm_chain_new(f.vm, &args, &chain, &f.err) == 0, "%s", f.err.message);
}

static int run(const char *mode)
{
    lua_pushstring(f.vm->lua, mode);
    lua_setglobal(f.vm->lua, "mode");
    return tm_vm_chain_run(chain, &f.err);
}

static void setup(void)
{
    fixture_init(&f);
    memset(&seen, 0, sizeof seen);
    chain = NULL;
}

static void teardown(void)
{
    tm_vm_chain_free(chain);
    fixture_fini(&f);
}

START_TEST(a_chunk_sees_its_nodes_its_subtask_and_its_context)
{
    start("function(e) end", 0);
    ck_assert_int_eq(run("bare"), TM_VM_RUN_DONE);
    struct tm_chain_ctx *ctx = tm_vm_chain_ctx(chain);
    for (int i = 0; i < 2 * TM_CHAIN_COUNTS; i++)
        ck_assert_uint_eq(ctx->counts[i], 0);
}
END_TEST

START_TEST(a_run_gives_back_what_the_chunk_says)
{
    uint8_t bytes[64];

    start("function(e) end", 0);
    struct tm_chain_ctx *ctx = tm_vm_chain_ctx(chain);
    ctx->in = bytes;
    ctx->in_end = bytes + sizeof bytes;
    ck_assert_int_eq(run("full"), TM_VM_RUN_FULL);
    ck_assert_ptr_eq(ctx->in, bytes);
    ck_assert_int_eq(run("done"), TM_VM_RUN_DONE);
    ck_assert_ptr_eq(ctx->in, bytes + sizeof bytes);
    ck_assert_int_eq(tm_vm_chain_finish(chain, &f.err), TM_VM_RUN_SETTLE);
    ck_assert_int_eq(f.err.code, 0);
    ck_assert_int_eq(run("stop"), TM_E_ROW_TYPE);
    ck_assert_int_eq(f.err.code, TM_E_ROW_TYPE);
}
END_TEST

START_TEST(a_chunk_reaches_grow_and_fail)
{
    uint8_t row[64] = {0};

    start("function(e) end", 0);
    tm_vm_chain_ctx(chain)->in = row;
    ck_assert_int_eq(run("grow"), 0);
    ck_assert_int_eq(seen.grown, 1);
    ck_assert_uint_eq(seen.more, 4096);
    ck_assert_int_eq(run("fail"), 0);
    ck_assert_int_eq(seen.failed, 1);
    ck_assert_uint_eq(seen.node, 1);
    ck_assert_uint_eq(seen.row_of, 1);
    ck_assert_ptr_eq(seen.row, row);
    ck_assert_int_eq(seen.code, TM_E_OVERFLOW);
    ck_assert_str_eq(seen.message, "boom");
    seen.answer = TM_E_OVERFLOW; // the job stops
    ck_assert_int_eq(run("fail"), TM_E_OVERFLOW);
}
END_TEST

START_TEST(an_error_that_leaves_user_code_keeps_its_line)
{
    start("\n\nfunction(e) local x = nil return x + 1 end", 0);
    ck_assert_int_eq(run("user"), TM_E_USER_CODE);
    ck_assert_str_eq(f.err.where, "job.lua:7");
    ck_assert_ptr_nonnull(strstr(f.err.message, "arithmetic"));
    ck_assert_ptr_null(strstr(f.err.message, "traceback"));
    ck_assert_ptr_nonnull(strstr(f.err.hint, "nil"));
    ck_assert_int_eq(run("done"), TM_VM_RUN_DONE); // and the chunk can run again
    ck_assert_int_eq(lua_gettop(f.vm->lua), 0);
}
END_TEST

START_TEST(a_fault_of_the_engine_comes_with_a_traceback)
{
    start("function(e) end", 0);
    ck_assert_int_eq(run("engine"), TM_E_INTERNAL);
    ck_assert_ptr_nonnull(strstr(f.err.message, "traceback"));
    ck_assert_ptr_nonnull(strstr(f.err.message, "attempt to index"));
    ck_assert_int_eq(lua_gettop(f.vm->lua), 0);
}
END_TEST

START_TEST(a_row_that_needs_too_much_memory_fails_with_user_memory)
{
    start("function(e) end", 32 << 20);
    ck_assert_int_eq(run("memory"), 0);
    ck_assert_int_eq(seen.code, TM_E_USER_MEMORY);
    ck_assert_ptr_nonnull(strstr(seen.message, "32.0 MB"));
    ck_assert_ptr_nonnull(strstr(seen.message, "hint: keep less"));
    ck_assert_int_eq(run("done"), 0);
}
END_TEST

START_TEST(garbage_is_collected_before_the_limit_is_reached)
{
    // What lives is more than half of the limit: by itself LuaJIT would only collect once the heap
    // has doubled, which it cannot.
    start("function(e) end", 24 << 20);
    ck_assert_int_eq(
        luaL_dostring(f.vm->lua, "ballast = {} for i = 1, 110000 do ballast[i] = { i } end"), 0);
    for (int i = 0; i < 200; i++) // about 2 MiB of garbage each
        ck_assert_msg(run("garbage") == 0, "run %d: %s", i, f.err.message);
    ck_assert_int_le(tm_vm_used_bytes(f.vm), 24 << 20);
}
END_TEST

START_TEST(what_lives_past_the_limit_after_a_run_ends_the_job_whoever_caught_the_error)
{
    start("(function()\n"
          "  local kept = {}\n"
          "  return function(e)\n"
          "    pcall(function() for i = 1, 1e9 do kept[#kept + 1] = { i } end end)\n"
          "  end\n"
          "end)()",
          16 << 20);
    ck_assert_int_eq(run("user"), TM_E_USER_MEMORY);
    ck_assert_int_eq(f.err.code, TM_E_USER_MEMORY);
    ck_assert_msg(strncmp(f.err.where, "job.lua", 7) == 0, "where is '%s'", f.err.where);
    ck_assert_ptr_nonnull(strstr(f.err.message, "16.0 MB"));
    ck_assert_ptr_nonnull(strstr(f.err.hint, "lua_memory"));
    ck_assert_int_eq(lua_gettop(f.vm->lua), 0);
}
END_TEST

START_TEST(code_that_gives_memory_back_after_an_error_runs_on)
{
    start("function(e)\n"
          "  for n = 1, 20 do\n"
          "    local ok, why = pcall(function() local t = {} for i = 1, 1e9 do t[i] = { i } end "
          "end)\n"
          "    assert(not ok and tostring(why):find('not enough memory'), why)\n"
          "  end\n"
          "end",
          32 << 20);
    ck_assert_msg(run("user") == 0, "%s", f.err.message);
}
END_TEST

START_TEST(user_code_sees_the_time_of_its_batch)
{
    start("function(e) assert(os.time() == 1234567 and os.date('%Y') == '1970') end", 0);
    tm_vm_chain_ctx(chain)->now_ms = 1234567890;
    ck_assert_msg(run("user") == 0, "%s", f.err.message);
    tm_vm_chain_ctx(chain)->now_ms = 0;
    ck_assert_int_eq(run("user"), TM_E_USER_CODE);
}
END_TEST

START_TEST(proposals_and_sources_are_handed_over_as_text)
{
    static const uint32_t node = 1;
    struct tm_buf out;
    size_t length;

    start("function(e) end", 0);
    const char *proposal = tm_vm_chain_proposal(chain, &length);
    ck_assert_uint_eq(length, 5);
    ck_assert_mem_eq(proposal, "a=int", 5);
    tm_buf_init(&out, &f.mem);
    ck_assert_int_eq(tm_vm_settle(f.vm, NULL, proposal, length, &out, &f.err), 0);
    ck_assert_uint_eq(out.size_bytes, 14);
    ck_assert_mem_eq(out.data, "4 nodes: a=int", 14);
    ck_assert_int_eq(tm_vm_settle(f.vm, NULL, "", 0, &out, &f.err), 0);
    ck_assert_uint_eq(out.size_bytes, 0);
    ck_assert_int_eq(tm_vm_chain_source(f.vm, &node, 1, &out, &f.err), 0);
    ck_assert_mem_eq(out.data, "-- chunk of map(job.lua:5)", 26);
    tm_buf_fini(&out);
}
END_TEST

START_TEST(operators_that_do_not_exist_are_refused)
{
    static const uint32_t node = 99;
    struct tm_vm_chain_args args = {
        .nodes = &node, .node_count = 1, .fail = on_fail, .grow = on_grow, .arg = &seen};
    struct tm_vm_chain *none;

    start("function(e) end", 0);
    ck_assert_int_eq(tm_vm_chain_new(f.vm, &args, &none, &f.err), TM_E_INTERNAL);
    ck_assert_ptr_null(none);
    ck_assert_ptr_nonnull(strstr(f.err.message, "99"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chain");
    TCase *tc = tcase_create("chain");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_chunk_sees_its_nodes_its_subtask_and_its_context);
    tcase_add_test(tc, a_run_gives_back_what_the_chunk_says);
    tcase_add_test(tc, a_chunk_reaches_grow_and_fail);
    tcase_add_test(tc, an_error_that_leaves_user_code_keeps_its_line);
    tcase_add_test(tc, a_fault_of_the_engine_comes_with_a_traceback);
    tcase_add_test(tc, a_row_that_needs_too_much_memory_fails_with_user_memory);
    tcase_add_test(tc, garbage_is_collected_before_the_limit_is_reached);
    tcase_add_test(tc, what_lives_past_the_limit_after_a_run_ends_the_job_whoever_caught_the_error);
    tcase_add_test(tc, code_that_gives_memory_back_after_an_error_runs_on);
    tcase_add_test(tc, user_code_sees_the_time_of_its_batch);
    tcase_add_test(tc, proposals_and_sources_are_handed_over_as_text);
    tcase_add_test(tc, operators_that_do_not_exist_are_refused);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
