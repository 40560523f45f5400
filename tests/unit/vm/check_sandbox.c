// Doors out of the sandbox, each tried by a script of its own in a state as the binary makes it. A
// door is open when its expression gives a true value; then the script raises BREACH.
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

// What each door may use besides the globals.
#define BEFORE                                                                              \
    "local tm = require 'tidemill'\n"                                                       \
    "local rows = tm.from(tm.generate { count = 1, fields = { a = tm.gen.sequence() } })\n" \
    "local sink, schema, window = tm.print(), tm.schema { a = 'int' }, tm.tumbling('1m')\n" \
    "local _, fault = pcall(tm.from, 7)\n"                                                  \
    "local function address(s) return s:find('0x', 1, true) end\n"                          \
    "local open, got = pcall(function()\n"
#define AFTER "\nend)\nif open and got then error('BREACH') end\nreturn rows"

static const char *const doors[] = {
    // libraries that are not there, by name and by require
    "return io",
    "return _G.io",
    "return ffi",
    "return jit",
    "return debug",
    "return package",
    "return coroutine",
    "return getfenv",
    "return setfenv",
    "return loadfile",
    "return dofile",
    "return collectgarbage",
    "return newproxy",
    "return module",
    "return gcinfo",
    "return arg",
    "return os.execute",
    "return os.getenv",
    "return os.exit",
    "return os.remove",
    "return os.tmpname",
    "return os.rename",
    "return os.setlocale",
    "return require('ffi')",
    "return require('ffi.init')",
    "return require('jit')",
    "return require('jit.util')",
    "return require('jit.opt')",
    "return require('string.buffer')",
    "return require('table.new')",
    "return require('debug')",
    "return require('package')",
    "return require('_G')",
    "return require('io')",
    "return require('os')",
    "return require('string')",
    "return require('embedded')",
    "return require('tidemill.host')",
    "return require('tidemill.init')",
    "return require('tidemill.freeze')",
    "return require('tidemill.libraries')",
    "return require('codegen')",
    "return require('../job')",
    "return require('/etc/passwd')",
    "return require('..')",
    "return require('a..b')",
    "return require('.')",
    "return require('a/b')",
    "return require('a\\0b')",
    // strings
    "return string.dump",
    "return ('').dump",
    "return ('').dump(function() end)",
    "return ('x'):dump()",
    "return getmetatable('')",
    "return getmetatable('').__index",
    "return rawget(string, 'dump')",
    "('').rep = 1 return true",
    "string.rep = 1 return true",
    "string.dump = 1 return true",
    "rawset(string, 'rep', 1) return true",
    "setmetatable('', {}) return true",
    "setmetatable(string, {}) return true",
    // addresses
    "return address(tostring({}))",
    "return address(tostring(print))",
    "return address(tostring(function() end))",
    "return address(tostring(tm))",
    "return address(tostring(rows))",
    "return address(tostring(sink))",
    "return address(tostring(tm.null))",
    "return address(tostring(fault))",
    "return address(tostring(_G))",
    "return address(string.format('%s', {}))",
    "return address(string.format('%p', {}))",
    "return address(('%5p'):format({}))",
    "return address(('%-20p'):format(print))",
    "return address(('%s %s %s %s %s'):format(1, 2, 3, 4, {}))",
    "return address(('%%%p'):format({}))",
    "return address(('%s'):format(print))",
    "return address(table.concat({ tostring(rows) }))",
    "local ok, e = pcall(function() return {} .. 'x' end) return address(e)",
    "local ok, e = pcall(error, {}) return address(tostring(e))",
    "local ok, e = pcall(table.concat, { {} }) return address(tostring(e))",
    // metatables of what is ours
    "return getmetatable(tm)",
    "return getmetatable(tm.gen)",
    "return getmetatable(tm.args)",
    "return getmetatable(tm.null)",
    "return getmetatable(rows)",
    "return getmetatable(sink)",
    "return getmetatable(schema)",
    "return getmetatable(window)",
    "return getmetatable(fault)",
    "return getmetatable(_G)",
    "return getmetatable(math)",
    "return getmetatable(print)",
    "return getmetatable(1)",
    "return getmetatable(nil)",
    "return getmetatable(true)",
    "setmetatable(tm, {}) return true",
    "setmetatable(rows, {}) return true",
    "setmetatable(_G, {}) return true",
    "setmetatable(fault, {}) return true",
    "setmetatable({}, tm) return true and getmetatable(setmetatable({}, tm))",
    // writing into what is ours
    "tm.from = 1 return true",
    "tm.new = 1 return true",
    "tm.gen.uniform = 1 return true",
    "tm.args.x = 1 return true",
    "tm.null.x = 1 return true",
    "rows.map = 1 return true",
    "rows[1] = 1 return true",
    "sink.x = 1 return true",
    "schema.fields = 1 return true",
    "math.floor = 1 return true",
    "table.insert = 1 return true",
    "bit.bor = 1 return true",
    "os.time = 1 return true",
    "rawset(tm, 'from', 1) return true",
    "rawset(rows, 'map', 1) return true",
    "rawset(_G, 'print', 1) return true",
    "rawset(tm.null, 1, 1) return true",
    "table.insert(tm, 1) return true",
    "table.insert(rows, 1) return true",
    "table.insert(_G, 1) return true",
    "table.remove(string) return #string > 0",
    "table.sort(tm) return true",
    "table.sort(_G) return true",
    // the contents of what is ours
    "return rows.node",
    "return rows.job",
    "return rows._node",
    "return sink.values",
    "return sink.definition",
    "return schema.fields",
    "return window.size_ms",
    "return rows[1]",
    "for k, v in pairs(rows) do return true end",
    "for k in pairs(sink) do return true end",
    "return next(rows)",
    "return next(sink)",
    "return unpack(rows)",
    "return #rows > 0",
    "return rawget(rows, 'node')",
    "return rawget(tm, 'graph')",
    "return tm.graph",
    "return tm.new",
    "for k, v in ipairs(rows) do return v end",
    // globals
    "x = 1 return true",
    "_G.x = 1 return true",
    "_G['print'] = 1 return true",
    "print = 1 return true",
    "string = 1 return true",
    "_G = 1 return true",
    "return undeclared",
    "return _G.undeclared",
    "return _ENV",
    "function f() end return true",
    // code from text, and bytecode
    "return load('\\27LJ\\2\\0')",
    "return loadstring('\\27LJ\\2\\0')",
    "return load(function() return '\\27LJ\\2' end)",
    "return load('return 1', 'x', 'b')",
    "return load('return io')()",
    "return load('return debug', 'x', 't')()",
    "return load('x = 1')() or true and load('return x')()",
    "return load('return 1', 'x', 't', tm)",
    "return load('return 1', 'x', 't', rows)",
    "return loadstring('return ffi')()",
    "local first = true return load(function() if first then first = false return '\\27LJ' end "
    "end)",
    // what collects garbage at its own time, or walks a table in the order of its hash
    "return setmetatable({}, { __mode = 'k' })",
    "return setmetatable({}, { __gc = print })",
    "return next({ a = 1, b = 2 }, 'a')",
    "for k in next, { a = 1, b = 2 } do if k == 'b' then return true end end",
    "for k in pairs { [{}] = 1 } do return true end",
    "for k in pairs { [print] = 1 } do return true end",
    "for k in pairs { [true] = 1 } do return true end",
    // error objects and protected calls
    "local ok, e = pcall(rows.map, rows, 7) return ok or type(e) ~= 'table' or e.known",
    "return xpcall(function() error('x') end, debug and debug.traceback)",
    "local ok, e = xpcall(function() error('x') end, function(m) return getfenv end) return e == "
    "getfenv",
    "fault.code = function() end return tostring(fault):find('0x', 1, true)",
};

static int plan_door(const char *door)
{
    char script[4096];
    snprintf(script, sizeof script, "%s%s%s", BEFORE, door, AFTER);
    return fixture_plan(&f, script);
}

START_TEST(a_door_out_of_the_sandbox_is_shut)
{
    int rc = plan_door(doors[_i]);
    ck_assert_msg(rc == 0, "%s: %d %s: %s", doors[_i], rc, f.err.where, f.err.message);
}
END_TEST

START_TEST(an_open_door_would_be_seen)
{
    ck_assert_int_eq(plan_door("return print"), TM_E_SCRIPT_RUN);
    ck_assert_ptr_nonnull(strstr(f.err.message, "BREACH"));
}
END_TEST

START_TEST(what_the_sandbox_gives_works)
{
    static const char script[] = BEFORE
        "assert(('abc'):upper() == 'ABC' and ('%d %s'):format(3, 'x') == '3 x')\n"
        "assert(string.format('%s', 'p') == 'p' and ('100%% p %s'):format('q') == '100% p q')\n"
        "assert(tostring(setmetatable({}, { __tostring = function() return 'mine' end })) == "
        "'mine')\n"
        "local keys = {}\n"
        "for k, v in pairs { b = 1, a = 2, [10] = 3, 'x', 'y', [-1] = 4, [0.5] = 5 } do\n"
        "  keys[#keys + 1] = tostring(k)\n"
        "end\n"
        "assert(table.concat(keys, ' ') == '1 2 -1 0.5 10 a b', table.concat(keys, ' '))\n"
        "assert(next({}) == nil and next({ b = 1, a = 2 }) == 'a' and next { 7 } == 1)\n"
        "local t = { a = 1, b = 2 } for k in pairs(t) do t[k] = nil end assert(next(t) == nil)\n"
        "assert(load('return 1 + 1')() == 2 and loadstring('return ...')(5) == 5)\n"
        "local own = {} load('y = 3', 'x', 't', own)() assert(own.y == 3)\n"
        "assert(os.time { year = 2026, month = 1, day = 2, hour = 3 } == 1767322800)\n"
        "assert(os.date('!%Y-%m-%dT%H:%M:%S %a %j', 1767322800) == '2026-01-02T03:00:00 Fri 002')\n"
        "assert(os.date('*t', 951782400).day == 29 and type(os.time()) == 'number')\n"
        "assert(os.time(os.date('*t', 1e9)) == 1e9 and os.time(os.date('*t', -1e9)) == -1e9)\n"
        "local Class = {} Class.__index = Class\n"
        "local o = setmetatable({ v = 1 }, Class) assert(getmetatable(o) == Class)\n"
        "assert(rawget(o, 'v') == 1 and rawset(o, 'v', 2).v == 2 and rawequal(o, o))\n"
        "assert(select('#', unpack({ 1, 2, 3 })) == 3 and bit.bor(1, 2) == 3 and math.floor(1.5) "
        "== 1)\n"
        "local r = math.random() assert(r >= 0 and r < 1)\n" AFTER;
    int rc = fixture_plan(&f, script);
    ck_assert_msg(rc == 0, "%d %s: %s", rc, f.err.where, f.err.message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *tc = tcase_create("sandbox");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_door_out_of_the_sandbox_is_shut, 0,
                        (int)(sizeof doors / sizeof doors[0]));
    tcase_add_test(tc, an_open_door_would_be_seen);
    tcase_add_test(tc, what_the_sandbox_gives_works);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
