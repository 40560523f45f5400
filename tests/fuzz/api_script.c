// A byte chooses at each turn, 0 when there are none left: the first of several is always one that
// ends.
#include "tests/fuzz/api_script.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum type_kind {
    TYPE_ANY,
    TYPE_BOOLEAN,
    TYPE_CHOICE,
    TYPE_CLASS,
    TYPE_DURATION,
    TYPE_FIELD,
    TYPE_FUNCTION,
    TYPE_INTEGER,
    TYPE_KEY,
    TYPE_LIST,
    TYPE_LITERAL,
    TYPE_MAP,
    TYPE_NIL,
    TYPE_NUMBER,
    TYPE_SIZE,
    TYPE_STRING,
    TYPE_TABLE,
    TYPE_TYPE,
};

struct type_node {
    uint8_t kind; // enum type_kind
    const char *text;
    uint16_t first, count; // of type_children
};

// How it is called (":map", "tm.file"), the classes that it is called on and gives, the node of its
// parameters.
struct api_call {
    const char *name, *on, *gives;
    uint16_t parameters;
};

#include "api_types.h" // made by api_types.py

enum { DEPTH_MAX = 6, STATEMENTS_MAX = 24 };

struct maker {
    const uint8_t *p, *end;
    char *out;
    size_t length, room;
    uint32_t streams;
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define ONE_OF(m, list) (list)[pick(m, COUNT(list))]

static const char *const fields[] = {
    "a",   "b", "c", "d", "t", "l", "m", "s", "y", "z", "x", "none", "count", "key", "window_start",
    "a.b", ""};
static const char *const durations[] = {
    "\"1s\"", "10",      "\"5m\"",   "\"250ms\"", "\"1d\"",
    "0",      "\"1x\"",  "-1",       "0.5",       "1/0",
    "\"\"",   "\"-1s\"", "\"1e9d\"", "2 ^ 60",    "\"9999999999999999999ms\""};
static const char *const sizes[] = {
    "\"64KB\"",  "1",       "\"1GB\"", "0",      "-1",
    "\"1.5MB\"", "\"8EB\"", "0/0",     "\"KB\"", "\"99999999999999GB\""};
static const char *const types[] = {"\"int\"",
                                    "\"string\"",
                                    "\"double\"",
                                    "\"decimal(10,2)\"",
                                    "\"timestamp\"",
                                    "\"bool\"",
                                    "\"bytes\"",
                                    "\"int64\"",
                                    "\"any\"",
                                    "\"list(int)\"",
                                    "\"map(string,double)\"",
                                    "\"struct(a int,b list(struct(c any)))\"",
                                    "\"decimal(39,2)\"",
                                    "\"decimal(2,3)\"",
                                    "\"int!\"",
                                    "\"list(\"",
                                    "\"itn\"",
                                    "\"map(double,int)\"",
                                    "tm.list(\"int\")",
                                    "{ u = \"int\", v = \"string\" }",
                                    "tm.map(\"string\", \"any\")",
                                    "{ \"int\", required = true }",
                                    "{ \"string\", default = \"x\", rename = \"q\" }",
                                    "{ \"int\", default = 1.5 }",
                                    "tm.list { w = tm.list \"double\" }"};
static const char *const integers[] = {
    "1",          "2",       "0",     "3",       "100", "-1",
    "1024",       "1025",    "65535", "1000000", "0.5", "2 ^ 53",
    "2 ^ 53 + 2", "-2 ^ 63", "1/0",   "0/0",     "1LL", "18446744073709551615ULL"};
static const char *const numbers[] = {"1",    "0.5", "0",      "-1", "1e308", "-1e308", "1/0",
                                      "-1/0", "0/0", "1e-320", "99", "-0",    "9LL",    "1i"};
static const char *const strings[] = {"\"x\"",
                                      "\"\"",
                                      "\"a\"",
                                      "\"in.jsonl\"",
                                      "\"out.csv\"",
                                      "\"out\"",
                                      "\"out/*.gz\"",
                                      "\"json\"",
                                      "\"csv\"",
                                      "\";\"",
                                      "\"\\t\"",
                                      "\"\\0\"",
                                      "\"\\255\\254\"",
                                      "\"\\240\\159\\152\\128\"",
                                      "(\"x\"):rep(300)",
                                      "(\"x\"):rep(70000)",
                                      "\"http://127.0.0.1:1/a\"",
                                      "\"https://u:p@h/?q=1\"",
                                      "\"127.0.0.1\"",
                                      "\"(?<n>a+)b\"",
                                      "\"((a*)*)*b\"",
                                      "\"(\"",
                                      "\"%s %d %\"",
                                      "\"a b=1 c=\\\"q\\\"\"",
                                      "\"2026-01-01T00:00:00Z\"",
                                      "\"yes/no\"",
                                      "\"u####\"",
                                      "\"{\\\"a\\\":[1,2,{}]}\"",
                                      "\"$time\"",
                                      "\"end\"",
                                      "\"\\n\"",
                                      "\"-\"",
                                      "\"1.50\"",
                                      "\"count\"",
                                      "\"side\""};
static const char *const oddities[] = {"nil",
                                       "true",
                                       "{}",
                                       "tm.null",
                                       "tm",
                                       "s0",
                                       "function() end",
                                       "print",
                                       "tm.array {}",
                                       "setmetatable({}, { __index = error })",
                                       "(function() local t = {} t.t = t return t end)()",
                                       "(function() local t = {} t[1] = t return t end)()",
                                       "{ [1.5] = 1, [true] = 2 }",
                                       "{ 1, nil, 3 }",
                                       "{ [tm.null] = 1 }",
                                       "{ nil }",
                                       "string",
                                       "tm.gen",
                                       "s0.map",
                                       "tm.file",
                                       "_G",
                                       "{ {} }",
                                       "{ a = { b = { c = { d = {} } } } }",
                                       "setmetatable({}, { __tostring = function() return 1 end })",
                                       "tm.schema { u = \"int\" }",
                                       "tm.job(\"other\")",
                                       "tm.re \"a\"",
                                       "tm.count()",
                                       "tm.tumbling(\"1s\")",
                                       "math.huge",
                                       "{ a = \"int\" }",
                                       "(\"x\"):rep(1000000)"};
static const char *const columns[] = {"a",  "u",   "v",  "w",     "count", "b c",
                                      "$x", "key", "op", "\\255", ""};
static const char *const operators[] = {"+",  "..", "*",   "-",  "/",  "%", "^",
                                        "==", "<",  "and", "or", "~=", ">="};
// A whole one, or with expressions of the fields of e.
static const char *const functions[] = {
    "function(e) return e end",
    "function(e) return e.a end",
    "function(e) return { a = e.a, w = e.b } end",
    "function(e) return e.a ~= nil end",
    "function(e) e.u = 1 return e end",
    "function(e, out) out { w = e.b } end",
    "function(e, out) out(\"side\", { w = e.b }) return true end",
    "function(a, e) return { a = a.a, b = e.b } end",
    "function(a, b) a.n = a.n + 1 end",
    "function(e) return { [e.b] = 1 } end",
    "function(...) return ... end",
    "print",
    "tm.count",
    "function(e) return nil end",
    "function(e) for i = 1, #e.l do e.a = e.l[i] end return e end",
    "function(e) error(e) end",
    "function(e) return { l = { 1, e.a }, m = { k = e.b }, n = {} } end",
    "function(e) return { x = tm.array {} } end",
    "function(e) local u = e.u return e end",
    "function(i, random) return { id = i, n = random(6) } end",
    "function(e) return setmetatable({}, {}) end",
    "function(line, out) for w in line:gmatch(\"%a+\") do out { w = w } end end"};

static uint32_t pick(struct maker *m, size_t count)
{
    return m->p == m->end ? 0 : *m->p++ % (uint32_t)count;
}

// Of more than a byte counts.
static uint32_t pick_wide(struct maker *m, size_t count)
{
    uint32_t high = pick(m, 256);
    return (high * 256 + pick(m, 256)) % (uint32_t)count;
}

static void put(struct maker *m, const char *text)
{
    size_t length = strlen(text);
    if (m->length + length + 1 > m->room)
        return;
    memcpy(m->out + m->length, text, length + 1);
    m->length += length;
}

__attribute__((format(printf, 2, 3))) static void putf(struct maker *m, const char *form, ...)
{
    char text[256];
    va_list list;
    va_start(list, form);
    vsnprintf(text, sizeof text, form, list);
    va_end(list);
    put(m, text);
}

static void put_value(struct maker *m, uint32_t node, int depth);
static void put_call(struct maker *m, const struct api_call *call, int depth);

// Bytes of the input as they are.
static void put_raw(struct maker *m)
{
    size_t length = pick(m, 24);
    put(m, "\"");
    while (length-- > 0 && m->p != m->end)
        putf(m, "\\%03u", *m->p++);
    put(m, "\"");
}

// An expression of a function of rows.
static void put_expression(struct maker *m, int depth)
{
    uint32_t kind = depth <= 0 ? pick(m, 2) : pick(m, 8);
    switch (kind) {
    case 0:
        putf(m, "e.%c", "abcdtlmsyzx"[pick(m, 11)]);
        break;
    case 1:
        put(m, pick(m, 2) == 0 ? ONE_OF(m, numbers) : ONE_OF(m, strings));
        break;
    case 2:
    case 3:
        put(m, "(");
        put_expression(m, depth - 1);
        putf(m, " %s ", ONE_OF(m, operators));
        put_expression(m, depth - 1);
        put(m, ")");
        break;
    case 4:
        putf(m, "e.%s",
             (const char *[]){"l[1]", "s.u", "m.k", "x.y.z", "s.v[2]", "nothing", "l.n",
                              "b:upper()"}[pick(m, 8)]);
        break;
    case 5:
        putf(m, "%s(",
             (const char *[]){"#", "-", "not ", "tostring", "tonumber", "math.floor", "tm.copy",
                              "type"}[pick(m, 8)]);
        put_expression(m, depth - 1);
        put(m, ")");
        break;
    default: { // a function of the library, on fields
        const struct api_call *call = &api_calls[pick_wide(m, COUNT(api_calls))];
        for (size_t i = 0; i < COUNT(api_calls) &&
                           (call->on[0] != '\0' || strncmp(call->gives, "tidemill.", 9) == 0);
             i++)
            call = &api_calls[((size_t)(call - api_calls) + 1) % COUNT(api_calls)];
        putf(m, "%s(", call->name);
        for (uint32_t i = 0; i < type_nodes[call->parameters].count; i++) {
            put(m, i == 0 ? "" : ", ");
            put_expression(m, depth - 1);
        }
        put(m, ")");
        break;
    }
    }
}

static void put_function(struct maker *m)
{
    uint32_t kind = pick(m, 3);
    if (kind == 0) {
        put(m, ONE_OF(m, functions));
        return;
    }
    put(m, kind == 1 ? "function(e) return { " : "function(e) ");
    for (uint32_t i = 0, count = 1 + pick(m, 3); i < count; i++) {
        putf(m, kind == 1 ? "%s = " : "e.%s = ", (const char *[]){"u", "a", "v", "w"}[pick(m, 4)]);
        put_expression(m, 3);
        put(m, kind == 1 ? ", " : " ");
    }
    put(m, kind == 1 ? "} end" : "return e end");
}

static void put_any(struct maker *m, int depth)
{
    switch (depth <= 0 ? 0 : pick(m, 5)) {
    case 0:
        put(m, ONE_OF(m, oddities));
        break;
    case 1:
        put(m, ONE_OF(m, strings));
        break;
    case 2:
        put_raw(m);
        break;
    case 3:
        put(m, ONE_OF(m, numbers));
        break;
    default:
        put_value(m, pick_wide(m, COUNT(type_nodes)), depth - 1);
        break;
    }
}

static void put_class(struct maker *m, const char *name, int depth)
{
    size_t found[COUNT(api_calls)], count = 0;
    if (strcmp(name, "tidemill.Stream") == 0 && (depth <= 1 || pick(m, 4) != 0)) {
        putf(m, "s%u", pick(m, m->streams));
        return;
    }
    for (size_t i = 0; depth > 0 && i < COUNT(api_calls); i++)
        if (strcmp(api_calls[i].gives, name) == 0)
            found[count++] = i;
    if (count == 0)
        put(m, ONE_OF(m, oddities));
    else
        put_call(m, &api_calls[found[pick(m, count)]], depth - 1);
}

static void put_fields(struct maker *m, const struct type_node *t, int depth)
{
    put(m, "{ ");
    for (uint32_t i = 0; i < t->count; i++) {
        const struct type_node *key = &type_nodes[type_children[t->first + i]];
        // Few of many options, most of few.
        if (pick(m, t->count > 6 ? 4 : 2) != 0)
            continue;
        if (strcmp(key->text, "1") != 0)
            putf(m, "%s = ", key->text);
        put_value(m, type_children[key->first], depth - 1);
        put(m, ", ");
    }
    if (pick(m, 16) == 1) {
        putf(m, "[%s] = ", ONE_OF(m, strings));
        put_any(m, depth - 1);
    }
    put(m, " }");
}

static void put_entries(struct maker *m, const struct type_node *t, int depth)
{
    put(m, "{ ");
    for (uint32_t count = 1 + pick(m, 3); count > 0; count--) {
        if (t->kind == TYPE_MAP)
            putf(m, "[\"%s\"] = ", ONE_OF(m, columns));
        put_value(m, type_children[t->first + t->count - 1], depth - 1);
        put(m, ", ");
    }
    put(m, "}");
}

static void put_value(struct maker *m, uint32_t node, int depth)
{
    const struct type_node *t = &type_nodes[node];
    if (pick(m, 24) == 1 || depth <= 0) {
        put_any(m, depth - 1);
        return;
    }
    switch ((enum type_kind)t->kind) {
    case TYPE_BOOLEAN:
        put(m, pick(m, 2) == 0 ? "true" : "false");
        break;
    case TYPE_CHOICE:
        put_value(m, type_children[t->first + pick(m, t->count)], depth);
        break;
    case TYPE_CLASS:
        put_class(m, t->text, depth);
        break;
    case TYPE_DURATION:
        put(m, ONE_OF(m, durations));
        break;
    case TYPE_FIELD:
        putf(m, "\"%s\"", ONE_OF(m, fields));
        break;
    case TYPE_FUNCTION:
        put_function(m);
        break;
    case TYPE_INTEGER:
        put(m, ONE_OF(m, integers));
        break;
    case TYPE_LIST:
    case TYPE_MAP:
        put_entries(m, t, depth);
        break;
    case TYPE_LITERAL:
        put(m, t->text);
        break;
    case TYPE_NIL:
        put(m, "nil");
        break;
    case TYPE_NUMBER:
        put(m, ONE_OF(m, numbers));
        break;
    case TYPE_SIZE:
        put(m, ONE_OF(m, sizes));
        break;
    case TYPE_STRING:
        put(m, ONE_OF(m, strings));
        break;
    case TYPE_TABLE:
        put_fields(m, t, depth);
        break;
    case TYPE_TYPE:
        put(m, ONE_OF(m, types));
        break;
    case TYPE_ANY:
    case TYPE_KEY:
        put_any(m, depth - 1);
        break;
    }
}

static void put_call(struct maker *m, const struct api_call *call, int depth)
{
    const struct type_node *parameters = &type_nodes[call->parameters];
    uint32_t count = parameters->count;
    if (call->on[0] != '\0')
        put_class(m, call->on, depth);
    putf(m, "%s(", call->name);
    if (count > 0 && pick(m, 16) == 1)
        count--;
    for (uint32_t i = 0; i < count; i++) {
        put(m, i == 0 ? "" : ", ");
        put_value(m, type_children[parameters->first + i], depth - 1);
    }
    if (pick(m, 24) == 1) {
        put(m, count == 0 ? "" : ", ");
        put_any(m, depth - 1);
    }
    put(m, ")");
}

// What is raised must be a fault with a code, in a line of the script, or a text that begins with
// the line; what the engine itself raised by mistake is neither.
static const char head[] =
    "local tm = require \"tidemill\"\n"
    "local function try(fn)\n"
    "  local ok, v = pcall(fn)\n"
    "  if ok then return v end\n"
    "  local text, where = v, v\n"
    "  if type(v) == \"table\" and v.code then text, where = v.message, v.where .. \": \" end\n"
    "  if type(where) ~= \"string\" or not where:find(\"^job%.lua:%d+: \") or text == \"\" or "
    "type(v) == \"table\" and v.code == \"INTERNAL\" then\n"
    "    error(\"FUZZ: \" .. tostring(where) .. tostring(text))\n"
    "  end\n"
    "end\n"
    "local s0 = tm.from(tm.file { path = \"in.jsonl\", schema = { a = \"int\", b = \"string\", c = "
    "\"double\", d = \"decimal(10,2)\", "
    "t = \"timestamp\", l = \"list(int)\", m = \"map(string,int)\", s = \"struct(u int,v "
    "list(string))\", y = \"bytes\", z = \"bool\", "
    "x = \"any\", i = \"int64\" } })\n";

size_t api_script(const uint8_t *data, size_t size, char *out, size_t room)
{
    struct maker m = {.p = data, .end = data + size, .out = out, .room = room - 64, .streams = 1};
    put(&m, head);
    for (uint32_t i = 0; i < STATEMENTS_MAX && m.p != m.end; i++) {
        // Of the calls on streams, which come first, more than of the others.
        uint32_t number = pick(&m, 256);
        const struct api_call *call =
            &api_calls[number < 160 ? number % 60 : pick_wide(&m, COUNT(api_calls))];
        size_t before = m.length;
        bool stream = strcmp(call->gives, "tidemill.Stream") == 0;
        if (stream)
            putf(&m, "local s%u = ", m.streams);
        put(&m, "try(function() return ("); // in brackets: a tail call has no line
        put_call(&m, call, DEPTH_MAX);
        if (stream)
            putf(&m, ") end) or s%u\n", m.streams - 1);
        else
            put(&m, ") end)\n");
        if (m.length + 1024 > m.room) { // perhaps cut
            m.length = before;
            break;
        }
        m.streams += stream;
    }
    m.room = room;
    // Sometimes as the last thing, what is wrong with nothing around it.
    if (pick(&m, 4) == 1) {
        size_t before = m.length;
        put(&m, "return (");
        put_value(&m, pick_wide(&m, COUNT(type_nodes)), DEPTH_MAX);
        put(&m, ")");
        if (m.length + 2 < room)
            return m.length;
        m.length = before;
    }
    putf(&m, "return s%u\n", m.streams - 1);
    return m.length;
}
