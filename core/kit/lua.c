// The module "kit.engine": what lua/kit calls. A test is a userdata; arguments have been checked by
// lua/kit, so wrong ones raise here without ceremony.
#include "core/kit/lua.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/kit/lua_private.h"

#define KIT_TYPE "tidemill.kit"

enum { SETS_MAX = 256 };

struct tm_kit *tm__kit_lua_kit(lua_State *lua)
{
    struct tm_kit **slot = luaL_checkudata(lua, 1, KIT_TYPE);
    if (*slot == NULL)
        luaL_error(lua, "the test is closed");
    return *slot;
}

static void put_text(lua_State *lua, const char *name, const char *text)
{
    lua_pushstring(lua, text);
    lua_setfield(lua, -2, name);
}

// nil and the error as a table.
static int give_error(lua_State *lua, const struct tm_error *err)
{
    char code[8];
    lua_pushnil(lua);
    lua_createtable(lua, 0, 4);
    put_text(lua, "code", tm_error_code_text(err->code, code));
    put_text(lua, "name", tm_error_name(err->code));
    put_text(lua, "message", err->message);
    put_text(lua, "where", err->where);
    put_text(lua, "hint", err->hint);
    return 2;
}

static int give_result(lua_State *lua, int rc, const struct tm_error *err)
{
    if (rc != 0)
        return give_error(lua, err);
    lua_pushboolean(lua, 1);
    return 1;
}

static int64_t number_field(lua_State *lua, int table, const char *name)
{
    lua_getfield(lua, table, name);
    lua_Number value = lua_tonumber(lua, -1);
    lua_pop(lua, 1);
    return (int64_t)value;
}

static const char *text_field(lua_State *lua, int table, const char *name, size_t *length)
{
    lua_getfield(lua, table, name);
    const char *text = lua_tolstring(lua, -1, length);
    lua_pop(lua, 1); // the table keeps it
    return text;
}

// Of a test that is made under the host's seed: it follows from where that is, so that the others
// of a run may be left out. Hashed: what is drawn from neighbouring numbers is the same, but for
// the first draw.
static uint64_t seed_of(lua_State *lua, const struct tm_kit_host *host)
{
    size_t length;
    const char *place = text_field(lua, 1, "place", &length);
    const uint64_t of[] = {host->seed, place == NULL ? 0 : tm_hash_bytes(place, length)};
    return tm_hash_bytes(of, sizeof of);
}

// new { path =, text =, parallelism =, seed =, now =, job_watermarks =, job_clock =, place =,
// names = {}, values = {} }
static int kit_new(lua_State *lua)
{
    struct tm_kit_host *host = lua_touserdata(lua, lua_upvalueindex(1));
    const char *names[SETS_MAX], *values[SETS_MAX];
    struct tm_error err = {0};
    size_t length;
    luaL_checktype(lua, 1, LUA_TTABLE);
    struct tm_kit_args args = {.real = host->real,
                               .connectors = host->connectors,
                               .set_names = names,
                               .set_values = values,
                               .trial = host->trial,
                               .heaps = host->heaps,
                               .watch = host->watch};
    if (host->trial != NULL)
        host->trial->seed = seed_of(lua, host);
    args.path = text_field(lua, 1, "path", &length);
    args.text = text_field(lua, 1, "text", &args.length);
    args.parallelism = (uint32_t)number_field(lua, 1, "parallelism");
    args.seed = (uint64_t)number_field(lua, 1, "seed");
    args.now_ms = number_field(lua, 1, "now");
    lua_getfield(lua, 1, "job_watermarks");
    args.job_watermarks = lua_toboolean(lua, -1);
    lua_getfield(lua, 1, "job_clock");
    args.job_clock = lua_toboolean(lua, -1);
    lua_pop(lua, 2);
    lua_getfield(lua, 1, "program");
    args.program = lua_toboolean(lua, -1);
    lua_getfield(lua, 1, "names");
    lua_getfield(lua, 1, "values");
    for (int i = 1; i <= (int)lua_objlen(lua, -2) && i <= SETS_MAX; i++) {
        lua_rawgeti(lua, -2, i);
        names[i - 1] = lua_tostring(lua, -1);
        lua_rawgeti(lua, -2, i);
        values[i - 1] = lua_tostring(lua, -1);
        lua_pop(lua, 2); // the tables keep them
        args.set_count++;
    }
    struct tm_kit **slot = lua_newuserdata(lua, sizeof *slot);
    *slot = NULL;
    luaL_getmetatable(lua, KIT_TYPE);
    lua_setmetatable(lua, -2);
    if (host->watch != NULL) // no operator is under way before there are some
        atomic_store(&host->watch->watch.worker_count, 0);
    tm_kit_watch_begin(host->watch, TM_BATCH_TIMEOUT_MS, lua);
    int rc = tm_kit_new(&args, slot, &err);
    tm_kit_watch_end(host->watch);
    host->open += rc == 0;
    return rc != 0 ? give_error(lua, &err) : 1;
}

// restore(kit, parallelism, max_parallelism): 0: as it was
static int kit_restore(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    struct tm_error err = {0};
    uint32_t parallelism = (uint32_t)luaL_checknumber(lua, 2);
    uint32_t max_parallelism = (uint32_t)luaL_checknumber(lua, 3);
    struct tm_kit_watch *watch = tm_kit_call_begin(kit, lua);
    int rc = tm_kit_restore(kit, parallelism, max_parallelism, &err);
    tm_kit_watch_end(watch);
    return give_result(lua, rc, &err);
}

static int kit_close(lua_State *lua)
{
    struct tm_kit_host *host = lua_touserdata(lua, lua_upvalueindex(1));
    struct tm_kit **slot = luaL_checkudata(lua, 1, KIT_TYPE);
    struct tm_kit_watch *watch = *slot == NULL ? NULL : tm_kit_call_begin(*slot, lua);
    tm_kit_free(*slot);
    tm_kit_watch_end(watch);
    host->open -= *slot != NULL;
    *slot = NULL;
    return 0;
}

// names(kit, "source" | "sink"): a list of them
static int kit_names(lua_State *lua)
{
    const struct tm_graph *graph = tm_kit_graph(tm__kit_lua_kit(lua));
    bool sources = strcmp(luaL_checkstring(lua, 2), "source") == 0;
    int count = 0;
    lua_newtable(lua);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].kind != (sources ? TM_NODE_SOURCE : TM_NODE_SINK))
            continue;
        lua_pushstring(lua, graph->nodes[n].name);
        lua_rawseti(lua, -2, ++count);
    }
    return 1;
}

static const struct tm_node *node_of(lua_State *lua, struct tm_kit *kit, uint8_t kind)
{
    int32_t id = tm_kit_find(kit, kind, luaL_checkstring(lua, 2));
    luaL_argcheck(lua, id >= 0, 2, "no such name");
    return &tm_kit_graph(kit)->nodes[id];
}

static int32_t source_of(lua_State *lua, struct tm_kit *kit)
{
    return lua_isnoneornil(lua, 2) ? -1 : (int32_t)node_of(lua, kit, TM_NODE_SOURCE)->id;
}

static void push_shape(lua_State *lua, struct tm_type type);

static void push_shapes(lua_State *lua, const struct tm_schema *schema)
{
    lua_newtable(lua);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        push_shape(lua, schema->fields[i].type);
        lua_setfield(lua, -2, schema->fields[i].name);
    }
}

// What a value of a type is written as where that does not follow from the value: "int64", whose
// digits may be a text; { list = true, of = of the items }, { map = true, of = of the values },
// { struct = by field };
// nil: of all others.
static void push_shape(lua_State *lua, struct tm_type type)
{
    luaL_checkstack(lua, 4, "types nested too deeply");
    if (type.kind == TM_TYPE_INT64) {
        lua_pushliteral(lua, "int64");
    } else if (type.kind == TM_TYPE_STRUCT) {
        lua_createtable(lua, 0, 1);
        push_shapes(lua, type.of);
        lua_setfield(lua, -2, "struct");
    } else if (type.kind == TM_TYPE_LIST || type.kind == TM_TYPE_MAP) {
        bool list = type.kind == TM_TYPE_LIST;
        lua_createtable(lua, 0, 2);
        lua_pushboolean(lua, 1);
        lua_setfield(lua, -2, list ? "list" : "map");
        push_shape(lua, type.of->fields[list ? 0 : 1].type);
        lua_setfield(lua, -2, "of");
    } else {
        lua_pushnil(lua);
    }
}

// columns(kit, source): names of its columns, whether it keeps whole records in one, and the shapes
// of their values by name
static int kit_columns(lua_State *lua)
{
    const struct tm_node *node = node_of(lua, tm__kit_lua_kit(lua), TM_NODE_SOURCE);
    const struct tm_schema *schema = tm_node_schema(node);
    int count = 0;
    lua_newtable(lua);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if ((schema->fields[i].flags & TM_FIELD_HIDDEN) != 0)
            continue;
        lua_pushstring(lua, schema->fields[i].name);
        lua_rawseti(lua, -2, ++count);
    }
    lua_pushboolean(lua, tm_options_text(&node->format_options, "whole") != NULL);
    push_shapes(lua, schema);
    return 3;
}

// push(kit, source, json lines)
static int kit_push(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    struct tm_error err = {0};
    size_t length;
    const struct tm_node *node = node_of(lua, kit, TM_NODE_SOURCE);
    const char *json = luaL_checklstring(lua, 3, &length);
    struct tm_kit_watch *watch = tm_kit_call_begin(kit, lua);
    int rc = tm_kit_push(kit, node->id, json, length, &err);
    tm_kit_watch_end(watch);
    return give_result(lua, rc, &err);
}

// watermark(kit, source | nil, at)
static int kit_watermark(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    struct tm_error err = {0};
    int64_t at = (int64_t)luaL_checknumber(lua, 3);
    int32_t source = source_of(lua, kit);
    struct tm_kit_watch *watch = tm_kit_call_begin(kit, lua);
    int rc = tm_kit_watermark(kit, source, at, &err);
    tm_kit_watch_end(watch);
    return give_result(lua, rc, &err);
}

static int kit_advance(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    struct tm_error err = {0};
    int64_t ms = (int64_t)luaL_checknumber(lua, 2);
    struct tm_kit_watch *watch = tm_kit_call_begin(kit, lua);
    int rc = tm_kit_advance(kit, ms, &err);
    tm_kit_watch_end(watch);
    return give_result(lua, rc, &err);
}

static int kit_now(lua_State *lua)
{
    lua_pushnumber(lua, (lua_Number)tm_kit_now_ms(tm__kit_lua_kit(lua)));
    return 1;
}

static int kit_idle(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    struct tm_error err = {0};
    const struct tm_node *node = node_of(lua, kit, TM_NODE_SOURCE);
    struct tm_kit_watch *watch = tm_kit_call_begin(kit, lua);
    int rc = tm_kit_idle(kit, node->id, &err);
    tm_kit_watch_end(watch);
    return give_result(lua, rc, &err);
}

static int kit_finish(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    struct tm_error err = {0};
    int32_t source = source_of(lua, kit);
    struct tm_kit_watch *watch = tm_kit_call_begin(kit, lua);
    int rc = tm_kit_finish(kit, source, &err);
    tm_kit_watch_end(watch);
    return give_result(lua, rc, &err);
}

// take(kit, sink, by arrival): rows, then their causes
static int kit_take(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    struct tm_error err = {0};
    const struct tm_kit_row *rows;
    uint32_t count;
    const struct tm_node *node = node_of(lua, kit, TM_NODE_SINK);
    int rc = tm_kit_take(kit, node->id, lua_toboolean(lua, 3), &rows, &count, &err);
    if (rc != 0)
        return give_error(lua, &err);
    lua_createtable(lua, (int)count, 0);
    lua_createtable(lua, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        tm_kit_lua_row(lua, rows[i].schema, (const struct tm_row *)(const void *)rows[i].bytes);
        if (rows[i].schema->changelog)
            put_text(lua, "op", tm_row_kind_text(rows[i].kind));
        lua_rawseti(lua, -3, (int)i + 1);
        lua_pushnumber(lua, (lua_Number)rows[i].cause);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    return 2;
}

// story(kit): what a trial did to its job
static int kit_story(lua_State *lua)
{
    lua_pushstring(lua, tm_kit_story(tm__kit_lua_kit(lua)));
    return 1;
}

// tries(): whether tests run under a seed
static int kit_tries(lua_State *lua)
{
    const struct tm_kit_host *host = lua_touserdata(lua, lua_upvalueindex(1));
    lua_pushboolean(lua, host->trial != NULL);
    return 1;
}

// open(): how many tests are not closed
static int kit_open(lua_State *lua)
{
    const struct tm_kit_host *host = lua_touserdata(lua, lua_upvalueindex(1));
    lua_pushinteger(lua, (lua_Integer)host->open);
    return 1;
}

// set_null(value): what stands for null in tables
static int kit_set_null(lua_State *lua)
{
    lua_settop(lua, 1);
    lua_setfield(lua, LUA_REGISTRYINDEX, TM__KIT_NULL);
    return 0;
}

void tm_kit_lua_open(lua_State *lua, struct tm_kit_host *host)
{
    static const struct {
        const char *name;
        lua_CFunction call;
    } functions[] = {
        {"new", kit_new},
        {"close", kit_close},
        {"names", kit_names},
        {"columns", kit_columns},
        {"push", kit_push},
        {"watermark", kit_watermark},
        {"advance", kit_advance},
        {"now", kit_now},
        {"idle", kit_idle},
        {"finish", kit_finish},
        {"restore", kit_restore},
        {"take", kit_take},
        {"story", kit_story},
        {"tries", kit_tries},
        {"open", kit_open},
        {"set_null", kit_set_null},
        {"state", tm__kit_lua_state},
        {"states", tm__kit_lua_states},
        {"windows", tm__kit_lua_windows},
        {"timers", tm__kit_lua_timers},
        {"metrics", tm__kit_lua_metrics},
        {"operators", tm__kit_lua_operators},
        {"watermark_of", tm__kit_lua_watermark_of},
    };
    luaL_newmetatable(lua, KIT_TYPE);
    lua_pushlightuserdata(lua, host);
    lua_pushcclosure(lua, kit_close, 1);
    lua_setfield(lua, -2, "__gc");
    lua_pop(lua, 1);
    lua_createtable(lua, 0, (int)(sizeof functions / sizeof functions[0]));
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        lua_pushlightuserdata(lua, host);
        lua_pushcclosure(lua, functions[i].call, 1);
        lua_setfield(lua, -2, functions[i].name);
    }
}
