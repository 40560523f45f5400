// Lua states of simulated processes. Most of the time of a seed would go into compiling traces of
// code that runs for a few hundred rows, so in most seeds they are interpreted (the linker sends
// the engine's lua_newstate here).
#include "tests/sim/states.h"

#include <lua.h>
#include <luajit.h>

static bool compiles;

void sim_states_compile(bool wanted)
{
    compiles = wanted;
}

bool sim_states_are_compiled(void)
{
    return compiles;
}

lua_State *__real_lua_newstate(lua_Alloc alloc, void *arg);
lua_State *__wrap_lua_newstate(lua_Alloc alloc, void *arg);

lua_State *__wrap_lua_newstate(lua_Alloc alloc, void *arg)
{
    lua_State *lua = __real_lua_newstate(alloc, arg);
    if (lua != NULL && !compiles) {
        luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
        lua_gc(lua, LUA_GCSTOP, 0);
    }
    return lua;
}
