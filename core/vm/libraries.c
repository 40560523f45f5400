// What the engine's own Lua finds in a state: the libraries that have no effects, the modules
// embedded in the binary, the codes of the error table, and the few services of C. Job code sees
// none of it (lua/tidemill/sandbox.lua).
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/format/infer.h"
#include "core/vm/embedded.h"
#include "core/vm/vm_private.h"

enum { SCRIPT_BYTES_MAX = 16 * 1024 * 1024, READ_BYTES = 64 * 1024 };

// Of a service: the script asks for something.
static struct tm_vm *vm_of(lua_State *lua)
{
    struct tm_vm *vm = lua_touserdata(lua, lua_upvalueindex(1));

    vm->asked = true;
    return vm;
}

// --- embedded modules

static const struct tm_embedded *find_embedded(const char *name, size_t length)
{
    for (const struct tm_embedded *e = tm_embedded_files; e->name != NULL; e++)
        if (strlen(e->name) == length && memcmp(e->name, name, length) == 0)
            return e;
    return NULL;
}

static bool ends_with(const char *name, size_t length, const char *suffix)
{
    size_t n = strlen(suffix);
    return length >= n && memcmp(name + length - n, suffix, n) == 0;
}

// A shared header or table: no module, its text is found in the module "embedded".
static bool is_text(const struct tm_embedded *e)
{
    size_t length = strlen(e->name);
    return ends_with(e->name, length, ".h") || ends_with(e->name, length, ".def");
}

// "tidemill.init" is the module "tidemill": the only way to name lua/ffi, which LuaJIT's own "ffi"
// hides.
static const struct tm_embedded *find_module(const char *name)
{
    size_t length = strlen(name);
    if (ends_with(name, length, ".init"))
        length -= 5;
    return find_embedded(name, length);
}

// A loader for package.loaders.
static int find_loader(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    const struct tm_embedded *e = find_module(name);

    if (e == NULL || is_text(e)) {
        lua_pushfstring(lua, "\n\tno embedded module '%s'", name);
        return 1;
    }
    const char *chunk = lua_pushfstring(lua, "=tidemill:%s", e->name);
    if (luaL_loadbuffer(lua, e->code, e->code_length, chunk) == 0)
        return 1;
    lua_pop(lua, 1); // another LuaJIT than the build's
    if (luaL_loadbuffer(lua, e->text, e->length, chunk) != 0)
        return lua_error(lua);
    return 1;
}

// The module "embedded": path -> text of the shared headers and tables.
static int load_embedded(lua_State *lua)
{
    lua_newtable(lua);
    for (const struct tm_embedded *e = tm_embedded_files; e->name != NULL; e++) {
        if (!is_text(e))
            continue;
        lua_pushlstring(lua, e->text, e->length);
        lua_setfield(lua, -2, e->name);
    }
    return 1;
}

static int load_codes(lua_State *lua)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = {
#define TM_ERROR(name, number, title) {#name, TM_E_##name},
#include "core/base/errors.def"
#undef TM_ERROR
    };
    lua_createtable(lua, 0, (int)(sizeof codes / sizeof codes[0]));
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        lua_pushinteger(lua, codes[i].code);
        lua_setfield(lua, -2, codes[i].name);
    }
    return 1;
}

static void open_library(lua_State *lua, const char *name, lua_CFunction open)
{
    lua_pushcfunction(lua, open);
    lua_pushstring(lua, name);
    lua_call(lua, 1, 0);
}

void tm__vm_open_libraries(struct tm_vm *vm)
{
    lua_State *lua = vm->lua;

    // Not io and os: their effects are outside the tables of effects.h.
    open_library(lua, "", luaopen_base);
    open_library(lua, LUA_LOADLIBNAME, luaopen_package);
    open_library(lua, LUA_TABLIBNAME, luaopen_table);
    open_library(lua, LUA_STRLIBNAME, luaopen_string);
    open_library(lua, LUA_MATHLIBNAME, luaopen_math);
    open_library(lua, LUA_BITLIBNAME, luaopen_bit);
    open_library(lua, LUA_DBLIBNAME, luaopen_debug);
    open_library(lua, LUA_JITLIBNAME, luaopen_jit);

    lua_getglobal(lua, "package");
    lua_pushliteral(lua, "");
    lua_setfield(lua, -2, "path");
    lua_pushliteral(lua, "");
    lua_setfield(lua, -2, "cpath");
    lua_getfield(lua, -1, "loaded");
    lua_pushcfunction(lua, luaopen_ffi);
    lua_call(lua, 0, 1);
    lua_setfield(lua, -2, LUA_FFILIBNAME);
    lua_pop(lua, 1);
    lua_getfield(lua, -1, "preload");
    lua_pushcfunction(lua, load_codes);
    lua_setfield(lua, -2, "tidemill.codes");
    lua_pushcfunction(lua, load_embedded);
    lua_setfield(lua, -2, "embedded");
    lua_pop(lua, 1);
    lua_getfield(lua, -1, "loaders"); // 1 looks into package.preload; the others look for files
    lua_pushcfunction(lua, find_loader);
    lua_rawseti(lua, -2, 2);
    for (int i = 3; i <= 4; i++) {
        lua_pushnil(lua);
        lua_rawseti(lua, -2, i);
    }
    lua_pop(lua, 2);

    // Base functions that read files, for our own Lua as well.
    static const char *const gone[] = {"dofile", "loadfile", "print"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        lua_pushnil(lua);
        lua_setglobal(lua, gone[i]);
    }
}

// --- services

int tm__vm_read_file(const struct tm_fx *fx, const char *path, struct tm_buf *out,
                     struct tm_error *err)
{
    const struct tm_fx_files *files = fx->files;
    struct tm_file_info info;
    int rc = files->stat(fx->ctx, path, &info, err);

    if (rc < 0)
        return rc;
    if (info.is_directory)
        return tm_error_set(err, TM_E_NOT_FOUND, "%s is a folder", path);
    int fd = files->open(fx->ctx, path, TM_FILE_READ, err);
    if (fd < 0)
        return fd;
    out->size_bytes = 0;
    for (;;) {
        rc = tm_buf_reserve(out, READ_BYTES);
        if (rc != 0) {
            tm_error_set(err, rc, "no memory to read %s", path);
            break;
        }
        int64_t n = files->read(fx->ctx, fd, out->data + out->size_bytes, READ_BYTES, err);
        if (n <= 0) {
            rc = (int)n;
            break;
        }
        out->size_bytes += (size_t)n;
        if (out->size_bytes > SCRIPT_BYTES_MAX) {
            rc = tm_error_set(err, TM_E_LIMIT, "%s is longer than %d MiB", path,
                              SCRIPT_BYTES_MAX >> 20);
            break;
        }
    }
    struct tm_error ignored;
    tm_error_clear(&ignored);
    if (files->close(fx->ctx, fd, &ignored) < 0 && rc == 0)
        rc = ignored.code; // nothing was written: the text is whole, but the descriptor is not sane
    return rc;
}

static int service_read(lua_State *lua)
{
    struct tm_vm *vm = vm_of(lua);
    struct tm_error err;

    tm_error_clear(&err);
    int rc = tm__vm_read_file(vm->fx, luaL_checkstring(lua, 1), &vm->read, &err);
    if (rc < 0) {
        lua_pushnil(lua);
        lua_pushstring(lua, err.message);
        lua_pushstring(lua, tm_error_name(rc));
        return 3;
    }
    lua_pushlstring(lua, (const char *)vm->read.data, vm->read.size_bytes);
    return 1;
}

static int service_print(lua_State *lua)
{
    const struct tm_log log = {.fx = vm_of(lua)->fx, .level = TM_LOG_INFO};
    tm_log_write(&log, TM_LOG_INFO, "%s", luaL_checkstring(lua, 1));
    return 0;
}

static int service_now(lua_State *lua)
{
    lua_pushnumber(lua, (lua_Number)tm_fx_wall_ms(vm_of(lua)->fx));
    return 1;
}

// FNV-1a of a text, which the Lua side has too (lua/tidemill/fingerprint.lua): the high half, the
// low half.
static int service_hash(lua_State *lua)
{
    size_t length;
    const uint8_t *text = (const uint8_t *)luaL_checklstring(lua, 1, &length);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ text[i]) * UINT64_C(0x100000001b3);
    lua_pushnumber(lua, (lua_Number)(hash >> 32));
    lua_pushnumber(lua, (lua_Number)(uint32_t)hash);
    return 2;
}

// --- schemas of sources that have none

static const char *field_text(lua_State *lua, int table, const char *name)
{
    lua_getfield(lua, table, name);
    const char *text = lua_tostring(lua, -1);
    lua_pop(lua, 1); // the table keeps it
    return text == NULL ? "" : text;
}

// table[field] is a list of { name =, value = }.
static int take_options(lua_State *lua, int table, const char *field, struct tm_options *options)
{
    int rc = 0;
    lua_getfield(lua, table, field);
    int list = lua_gettop(lua);
    for (int i = 1; rc == 0 && i <= (int)lua_objlen(lua, list); i++) {
        lua_rawgeti(lua, list, i);
        const char *name = field_text(lua, lua_gettop(lua), "name");
        lua_getfield(lua, -1, "value");
        if (lua_isboolean(lua, -1))
            rc = tm_options_set_bool(options, name, lua_toboolean(lua, -1));
        else if (lua_type(lua, -1) == LUA_TNUMBER &&
                 lua_tonumber(lua, -1) == (lua_Number)(int64_t)lua_tonumber(lua, -1))
            rc = tm_options_set_int(options, name, (int64_t)lua_tonumber(lua, -1));
        else if (lua_type(lua, -1) == LUA_TNUMBER)
            rc = tm_options_set_double(options, name, lua_tonumber(lua, -1));
        else
            rc = tm_options_set_string(options, name, lua_tostring(lua, -1));
        lua_settop(lua, list);
    }
    lua_pop(lua, 1);
    return rc;
}

static void push_column(lua_State *lua, const struct tm_infer_column *column)
{
    lua_createtable(lua, 0, 4);
    lua_pushstring(lua, column->name);
    lua_setfield(lua, -2, "name");
    lua_pushstring(lua, column->type);
    lua_setfield(lua, -2, "type");
    if (column->source != NULL) {
        lua_pushstring(lua, column->source);
        lua_setfield(lua, -2, "rename");
    }
    if (column->note != NULL) {
        lua_pushstring(lua, column->note);
        lua_setfield(lua, -2, "note");
    }
}

// infer(index, { connector =, format =, name =, where =, options = {...}, format_options = {...} })
// gives a list of columns, or nil, what is wrong, how it is mended, and the number of its code.
// What Lua may throw here leaves nothing behind but options, which are the state's account's.
static int service_infer(lua_State *lua)
{
    struct tm_vm *vm = vm_of(lua);
    struct tm_error err;
    struct tm_node node = {.kind = TM_NODE_SOURCE};
    const struct tm_infer_column *columns = NULL;
    uint32_t count = 0;

    tm_error_clear(&err);
    luaL_checktype(lua, 2, LUA_TTABLE);
    node.connector = field_text(lua, 2, "connector");
    node.format = field_text(lua, 2, "format");
    node.name = field_text(lua, 2, "name");
    node.where = field_text(lua, 2, "where");
    tm_options_init(&node.options, vm->text.mem);
    tm_options_init(&node.format_options, vm->text.mem);
    int rc = take_options(lua, 2, "options", &node.options);
    rc = rc != 0 ? rc : take_options(lua, 2, "format_options", &node.format_options);
    if (rc != 0)
        tm_error_set(&err, rc, "out of memory for a sample");
    else if (vm->infer == NULL)
        rc = tm_error_set(&err, TM_E_SCHEMA_MISSING, "nothing is read while a job is planned here");
    else
        rc = vm->infer(vm->infer_arg, (uint32_t)luaL_checkinteger(lua, 1), &node, &columns, &count,
                       &err);
    tm_options_fini(&node.options);
    tm_options_fini(&node.format_options);
    if (rc != 0) {
        lua_pushnil(lua);
        lua_pushstring(lua, err.message);
        lua_pushstring(lua, err.hint);
        lua_pushinteger(lua, rc);
        return 4;
    }
    lua_createtable(lua, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        push_column(lua, &columns[i]);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    return 1;
}

void tm__vm_push_services(struct tm_vm *vm)
{
    static const struct {
        const char *name;
        lua_CFunction call;
    } services[] = {{"hash", service_hash},
                    {"read", service_read},
                    {"print", service_print},
                    {"now_ms", service_now},
                    {"infer", service_infer}};

    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        lua_pushlightuserdata(vm->lua, vm);
        lua_pushcclosure(vm->lua, services[i].call, 1);
        lua_setfield(vm->lua, -2, services[i].name);
    }
}
