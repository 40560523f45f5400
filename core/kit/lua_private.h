// What the Lua side of core/kit shares.
#pragma once

#include "core/batch/nested.h"
#include "core/kit/lua.h"

#define TM__KIT_NULL "tidemill.kit.null" // in the registry: what stands for null in a table

// The value of a slot that is not null.
void tm__kit_lua_value(lua_State *lua, struct tm_type type, struct tm_slot slot);
