// What the Lua side of core/kit shares.
#pragma once

#include "core/batch/nested.h"
#include "core/kit/lua.h"

#define TM__KIT_NULL "tidemill.kit.null" // in the registry: what stands for null in a table

// The test that a function was given; raises when it is closed.
struct tm_kit *tm__kit_lua_kit(lua_State *lua);

// lua_inspect.c
int tm__kit_lua_state(lua_State *lua);
int tm__kit_lua_states(lua_State *lua);
int tm__kit_lua_windows(lua_State *lua);
int tm__kit_lua_timers(lua_State *lua);
int tm__kit_lua_metrics(lua_State *lua);
int tm__kit_lua_watermark_of(lua_State *lua);
int tm__kit_lua_operators(lua_State *lua);

// The value of a slot that is not null.
void tm__kit_lua_value(lua_State *lua, struct tm_type type, struct tm_slot slot);
