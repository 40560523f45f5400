// `tidemill test`: specs in a Lua state of their own, with all of Lua's libraries: they are trusted
// as the shell is. The jobs that they test run in the sandbox, as ever.
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/engine.h"
#include "core/kit/lua.h"
#include "core/loop/real.h"
#include "core/vm/embedded.h"

struct testing {
    const struct tm_cli_options *options;
    struct tm_kit_host host;
    int code;
};

// Modules of lua/kit are what specs can name; "tidemill" is the first of them. NULL: none.
static const struct tm_embedded *module_of(const char *name)
{
    if (strcmp(name, "tidemill") == 0)
        name = "kit";
    for (const struct tm_embedded *e = tm_embedded_files; e->name != NULL; e++)
        if (strcmp(e->name, name) == 0 && strncmp(name, "kit", 3) == 0)
            return e;
    return NULL;
}

static int find_module(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    const struct tm_embedded *module = module_of(name);
    if (module == NULL) {
        lua_pushfstring(lua, "\n\tno module '%s' in tidemill", name);
        return 1;
    }
    const char *chunk = lua_pushfstring(lua, "=tidemill:%s", module->name);
    if (luaL_loadbuffer(lua, module->text, module->length, chunk) != 0)
        return lua_error(lua);
    return 1;
}

// module(name): its text, for another Lua; nil
static int module_text(lua_State *lua)
{
    const struct tm_embedded *module = module_of(luaL_checkstring(lua, 1));
    if (module == NULL)
        return 0;
    lua_pushlstring(lua, module->text, module->length);
    return 1;
}

static int nearest(lua_State *lua)
{
    const char *names[256];
    size_t count = 0;
    const char *name = luaL_checkstring(lua, 1);
    luaL_checktype(lua, 2, LUA_TTABLE);
    for (int i = 1; i <= (int)lua_objlen(lua, 2) && count < 256; i++) {
        lua_rawgeti(lua, 2, i);
        names[count++] = lua_tostring(lua, -1);
        lua_pop(lua, 1); // the table keeps it
    }
    lua_pushstring(lua, tm_text_nearest(name, names, count));
    return 1;
}

// kind_of(path): "file", "folder", or nil
static int kind_of(lua_State *lua)
{
    const struct testing *testing = lua_touserdata(lua, lua_upvalueindex(1));
    const struct tm_fx *fx = testing->host.real;
    struct tm_file_info info;
    struct tm_error ignored = {0};
    if (fx->files->stat(fx->ctx, luaL_checkstring(lua, 1), &info, &ignored) != 0)
        return 0;
    lua_pushstring(lua, info.is_directory ? "folder" : "file");
    return 1;
}

static void open_modules(lua_State *lua, struct testing *testing)
{
    luaL_openlibs(lua);
    lua_getglobal(lua, "package");
    lua_getfield(lua, -1, "loaded");
    tm_kit_lua_open(lua, &testing->host);
    lua_pushlightuserdata(lua, testing);
    lua_pushcclosure(lua, kind_of, 1);
    lua_setfield(lua, -2, "kind_of");
    lua_pushcfunction(lua, nearest);
    lua_setfield(lua, -2, "nearest");
    lua_pushcfunction(lua, module_text);
    lua_setfield(lua, -2, "module");
    lua_setfield(lua, -2, "kit.engine");
    lua_pop(lua, 1);
    // Ours come first, so that "tidemill" is this binary's whatever lies about.
    lua_getfield(lua, -1, "loaders");
    for (int i = (int)lua_objlen(lua, -1); i >= 1; i--) {
        lua_rawgeti(lua, -1, i);
        lua_rawseti(lua, -2, i + 1);
    }
    lua_pushcfunction(lua, find_module);
    lua_rawseti(lua, -2, 1);
    lua_pop(lua, 2);
}

static int run(lua_State *lua)
{
    struct testing *testing = lua_touserdata(lua, 1);
    const struct tm_cli_options *options = testing->options;
    open_modules(lua, testing);
    lua_getglobal(lua, "require");
    lua_pushstring(lua, options->serve == NULL ? "kit.runner" : "kit.server");
    lua_call(lua, 1, 1);
    lua_getfield(lua, -1, "run");
    if (options->serve != NULL) {
        lua_pushstring(lua, options->serve);
        lua_call(lua, 1, 1);
        testing->code = (int)lua_tointeger(lua, -1);
        return 0;
    }
    lua_newtable(lua);
    for (uint32_t i = 0; i < options->rest_count; i++) {
        if (options->rest[i][0] == '-') { // a flag and its value
            lua_pushfstring(lua, "%s=%s", options->rest[i], options->rest[i + 1]);
            i++;
        } else {
            lua_pushstring(lua, options->rest[i]);
        }
        lua_rawseti(lua, -2, (int)lua_objlen(lua, -2) + 1);
    }
    lua_call(lua, 1, 1);
    testing->code = (int)lua_tointeger(lua, -1);
    return 0;
}

int tm_cli_test(const struct tm_cli_options *options)
{
    struct tm_fx fx;
    struct tm_error err = {0};
    struct testing testing = {.options = options, .code = TM_EXIT_USAGE};
    if (tm_real_init(&fx, &err) != 0)
        return tm_cli_fail(options, &err, TM_EXIT_FAILED);
    testing.host = (struct tm_kit_host){.real = &fx, .connectors = tm_engine_connectors};
    lua_State *lua = luaL_newstate();
    int rc = lua == NULL ? tm_error_set(&err, TM_E_MEMORY, "no memory for a Lua state") : 0;
    if (rc == 0 && lua_cpcall(lua, run, &testing) != 0)
        rc = tm_error_set(&err, TM_E_INTERNAL, "%s", lua_tostring(lua, -1));
    if (lua != NULL)
        lua_close(lua);
    if (rc != 0)
        testing.code = tm_cli_fail(options, &err, TM_EXIT_USAGE);
    tm_real_fini(&fx);
    return testing.code;
}
