// Memory that runs out in a state, of its own limit and of the machine: at any amount, in
// interpreted and in compiled code, the entry ends with an error.
#include <luajit.h>

#include "core/base/limits.h"
#include "core/vm/vm_private.h"
#include "tests/unit/vm/support.h"

static struct fixture f;

// A machine with `left` bytes.
static const struct tm_fx_memory *whole;
static struct tm_fx_memory small;
static int64_t left;

static void *small_alloc(void *ctx, size_t size)
{
    if ((int64_t)size > left)
        return NULL;
    void *p = whole->alloc(ctx, size);
    left -= p == NULL ? 0 : (int64_t)size;
    return p;
}

static void *small_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    if ((int64_t)new_size - (int64_t)old_size > left)
        return NULL;
    void *moved = whole->realloc(ctx, p, old_size, new_size);
    left -= moved == NULL ? 0 : (int64_t)new_size - (int64_t)old_size;
    return moved;
}

static void small_free(void *ctx, void *p, size_t size)
{
    if (p != NULL)
        left += (int64_t)size;
    whole->free(ctx, p, size);
}

static void setup(void)
{
    fixture_init(&f);
    whole = f.fx.memory;
    small = *whole;
    small.alloc = small_alloc;
    small.realloc = small_realloc;
    small.free = small_free;
    left = INT64_MAX / 2;
    f.fx.memory = &small;
}

static void teardown(void)
{
    fixture_fini(&f);
    ck_assert_int_eq(left, INT64_MAX / 2);
}

static const char *const hogs[] = {
    "local t = {} for i = 1, 1e9 do t[i] = { i } end",
    "local t = {} for i = 1, 1e9 do t[i] = 'x' .. i end",
    "local t = {} for i = 1, 1e9 do t[#t + 1] = ('x'):rep(10000) .. i end",
    "local t = {} for i = 1, 1e9 do t['k' .. i] = i end",
    "local t = {} for i = 1, 1e9 do t[i * 0.37] = true end",
    "local t for i = 1, 1e9 do t = { t, i } end",
    "local t = {} for i = 1, 1e9 do t[i] = function() return i end end",
    "local t = {} local function add(n) t[#t + 1] = { n } return add(n + 1) end add(1)",
    "local s = 'x' while true do s = s .. s end",
    "local t = {} for i = 1, 1e9 do local s = ('x'):rep(i * 5000) t[#t + 1] = s end",
    "return ('x'):rep(1e9)",
};
enum { HOGS = sizeof hogs / sizeof hogs[0] };

// They catch every error and take more.
static const char *const catchers[] = {
    "local t = {} for n = 1, 50 do pcall(function() for i = 1, 1e9 do t[#t + 1] = { i } end end) "
    "end",
    "local t, n = {}, 0 local function row() n = n + 1 t[n] = { n, tostring(n) } return #t end\n"
    "for i = 1, 1e6 do local ok, x = pcall(row) end",
    "local t = {} for n = 1, 50 do pcall(function() for i = 1, 1e9 do t = { t, i } end end) end",
    "local t = {} for n = 1, 50 do pcall(function() for i = 1, 1e9 do t['k' .. i] = i end end) end",
    "local s = 'x' for n = 1, 100 do pcall(function() s = s .. s end) end",
};
enum { CATCHERS = sizeof catchers / sizeof catchers[0] };

static void interpret_only(void)
{
    ck_assert_int_eq(luaJIT_setmode(f.vm->lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF), 1);
}

START_TEST(code_past_the_limit_fails_at_every_limit)
{
    for (int64_t limit = TM_LUA_MEMORY_BYTES_MIN; limit < 32 << 20; limit += limit / 4 * 3 + 4321) {
        for (int interpreted = 0; interpreted < 2; interpreted++) {
            ck_assert_int_eq(fixture_state(&f, hogs[_i], limit), 0);
            if (interpreted)
                interpret_only();
            int rc = tm_vm_evaluate(f.vm, 0, &f.err);
            ck_assert_msg(rc == TM_E_USER_MEMORY, "%s at %lld bytes: %d %s", hogs[_i],
                          (long long)limit, rc, f.err.message);
            ck_assert_int_eq(f.err.code, rc);
            ck_assert_msg(strncmp(f.err.where, "job.lua", 7) == 0, "where is '%s'", f.err.where);
            ck_assert_ptr_nonnull(strstr(f.err.message, " MB of memory"));
            ck_assert_ptr_nonnull(strstr(f.err.hint, "lua_memory"));
            // And the state works.
            struct tm_vm_traces traces;
            tm_vm_traces(f.vm, &traces);
            ck_assert_int_lt(tm_vm_used_bytes(f.vm), 3 * (limit + TM_LUA_GRACE_BYTES));
            ck_assert(traces.compiled > 0 || interpreted || _i == HOGS - 1);
            fixture_reset(&f);
        }
    }
}
END_TEST

START_TEST(code_that_catches_every_error_does_not_grow_for_ever)
{
    for (int64_t limit = TM_LUA_MEMORY_BYTES_MIN; limit < 32 << 20; limit += limit / 4 * 3 + 4321) {
        ck_assert_int_eq(fixture_state(&f, catchers[_i], limit), 0);
        int rc = tm_vm_evaluate(f.vm, 0, &f.err);
        ck_assert_msg(rc < 0 && rc != TM_E_INTERNAL, "%s at %lld bytes: %d %s", catchers[_i],
                      (long long)limit, rc, f.err.message);
        ck_assert_int_le(tm_vm_used_bytes(f.vm), 3 * (limit + TM_LUA_GRACE_BYTES));
        fixture_reset(&f);
    }
}
END_TEST

// The last three ask for more at once than the reserve has.
START_TEST(code_on_a_machine_without_memory_fails_at_every_amount)
{
    for (int64_t amount = 1 << 20; amount < 16 << 20; amount += 2 * amount + 4321) {
        for (int interpreted = 0; interpreted < 2; interpreted++) {
            ck_assert_int_eq(fixture_state(&f, hogs[_i], 0), 0);
            if (interpreted)
                interpret_only();
            int64_t before = left;
            left = amount;
            int rc = tm_vm_evaluate(f.vm, 0, &f.err);
            left = before - (amount - left);
            ck_assert_msg(rc == TM_E_MEMORY, "%s with %lld bytes: %d %s", hogs[_i],
                          (long long)amount, rc, f.err.message);
            ck_assert_int_eq(f.err.code, rc);
            fixture_reset(&f);
        }
    }
}
END_TEST

START_TEST(a_state_on_a_machine_without_memory_is_made_or_fails)
{
    static const char script[] =
        HEAD "return rows:map(function(e) return { a = e.n } end):to(tm.discard())";
    int failed = 0, worked = 0;

    for (int64_t amount = 100; amount < 64 << 20; amount += amount / 11 + 50) {
        int64_t before = left;
        left = amount;
        int rc = fixture_state(&f, script, 0);
        if (rc == 0)
            rc = tm_vm_evaluate(f.vm, 0, &f.err);
        left = before - (amount - left);
        ck_assert_msg(rc == TM_E_MEMORY || rc == TM_E_GRAPH_DIFFERS, "with %lld bytes: %d %s",
                      (long long)amount, rc, f.err.message);
        failed += rc == TM_E_MEMORY;
        worked += rc == TM_E_GRAPH_DIFFERS;
        fixture_reset(&f);
    }
    ck_assert_int_gt(failed, 3);
    ck_assert_int_gt(worked, 3);
}
END_TEST

START_TEST(a_state_that_collected_its_garbage_goes_on_where_memory_was_short)
{
    static const char script[] =
        "for i = 1, 200000 do local t = {} for k = 1, 20 do t[k] = { i } end end\n"
        "error('end')";

    ck_assert_int_eq(fixture_state(&f, script, 0), 0);
    // LuaJIT lets garbage grow to what is kept before it collects, and collects while more comes.
    const int64_t amount = 2 * tm_vm_used_bytes(f.vm);
    int64_t before = left;
    left = amount;
    int rc = tm_vm_evaluate(f.vm, 0, &f.err);
    left = before - (amount - left);
    ck_assert_msg(rc == TM_E_SCRIPT_RUN, "%d %s", rc, f.err.message);
}
END_TEST

START_TEST(a_limit_that_no_state_could_keep_is_refused)
{
    ck_assert_int_eq(fixture_state(&f, "return 1", TM_LUA_MEMORY_BYTES_MIN - 1), TM_E_LIMIT);
    ck_assert_ptr_null(f.vm);
    ck_assert_int_eq(fixture_state(&f, "return 1", TM_LUA_MEMORY_BYTES_MIN), 0);
    ck_assert_int_lt(tm_vm_used_bytes(f.vm), TM_LUA_MEMORY_BYTES_MIN / 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tc = tcase_create("memory");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, code_past_the_limit_fails_at_every_limit, 0, HOGS);
    tcase_add_loop_test(tc, code_on_a_machine_without_memory_fails_at_every_amount, 0, HOGS - 3);
    tcase_add_loop_test(tc, code_that_catches_every_error_does_not_grow_for_ever, 0, CATCHERS);
    tcase_add_test(tc, a_state_on_a_machine_without_memory_is_made_or_fails);
    tcase_add_test(tc, a_state_that_collected_its_garbage_goes_on_where_memory_was_short);
    tcase_add_test(tc, a_limit_that_no_state_could_keep_is_refused);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
