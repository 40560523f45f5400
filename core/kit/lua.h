// The test kit for Lua: the module "kit.engine" of the state in which specs run.
#pragma once

#include <lua.h>

#include "core/kit/kit.h"

// What tests of this state are made with; lives as long as the state.
struct tm_kit_host {
    const struct tm_fx *real;
    const struct tm_connector *const *connectors;
    struct tm_kit_trial *trial; // NULL: none. Each test has a seed that follows from `seed`
    uint64_t seed;
    uint32_t open;              // tests that are not closed
    struct tm_heaps *heaps;     // of the Lua states of tests; NULL: none
    struct tm_kit_watch *watch; // told of calls; NULL: nobody asks
};

// Pushes the module: functions that give their results, or nil and { code, message, where, hint }.
// Protected by the caller.
void tm_kit_lua_open(lua_State *lua, struct tm_kit_host *host);
// A row as a table: the columns that are not hidden.
void tm_kit_lua_row(lua_State *lua, const struct tm_schema *schema, const struct tm_row *row);
