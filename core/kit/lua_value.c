// Rows as Lua tables, for specs: numbers as numbers, a decimal and an int64 beyond 2^53 as the text
// of its digits, a timestamp as milliseconds, null as nothing (inside of lists and maps as
// tm.null).
#include <lauxlib.h>
#include <stdio.h>

#include "core/batch/any.h"
#include "core/batch/decimal.h"
#include "core/batch/nested.h"
#include "core/kit/lua_private.h"

static void push_null(lua_State *lua)
{
    lua_getfield(lua, LUA_REGISTRYINDEX, TM__KIT_NULL);
}

static void push_int(lua_State *lua, int64_t value)
{
    char text[32];
    if (value >= -TM_INT_MAX && value <= TM_INT_MAX) {
        lua_pushnumber(lua, (lua_Number)value);
        return;
    }
    snprintf(text, sizeof text, "%lld", (long long)value);
    lua_pushstring(lua, text);
}

static const uint8_t *push_any(lua_State *lua, const uint8_t *p, const uint8_t *end)
{
    char text[32];
    struct tm_any value = tm_any_read(p, end);
    luaL_checkstack(lua, 4, "a deep value");
    p = value.next;
    switch (value.kind) {
    case TM_ANY_BOOL:
        lua_pushboolean(lua, value.integer != 0);
        break;
    case TM_ANY_INT:
        push_int(lua, value.integer);
        break;
    case TM_ANY_UINT:
        snprintf(text, sizeof text, "%llu", (unsigned long long)value.integer);
        lua_pushstring(lua, text);
        break;
    case TM_ANY_DOUBLE:
        lua_pushnumber(lua, value.number);
        break;
    case TM_ANY_STRING:
    case TM_ANY_BINARY:
    case TM_ANY_DECIMAL:
        lua_pushlstring(lua, (const char *)value.bytes, value.count);
        break;
    case TM_ANY_ARRAY:
        lua_createtable(lua, (int)value.count, 0);
        for (uint32_t i = 0; i < value.count; i++) {
            p = push_any(lua, p, end);
            lua_rawseti(lua, -2, (int)i + 1);
        }
        break;
    case TM_ANY_MAP:
        lua_createtable(lua, 0, (int)value.count);
        for (uint32_t i = 0; i < value.count; i++) {
            p = push_any(lua, p, end);
            p = push_any(lua, p, end);
            lua_rawset(lua, -3);
        }
        break;
    default:
        push_null(lua);
    }
    return p;
}

static void push_list(lua_State *lua, const struct tm_list *list, struct tm_type item)
{
    lua_createtable(lua, (int)list->count, 0);
    for (uint32_t i = 0; i < list->count; i++) {
        if (tm_list_is_null(list, i))
            push_null(lua);
        else
            tm__kit_lua_value(lua, item, tm_list_item(list, item, i));
        lua_rawseti(lua, -2, (int)i + 1);
    }
}

static void push_map(lua_State *lua, const struct tm_map *map, const struct tm_schema *of)
{
    lua_createtable(lua, 0, (int)map->count);
    for (uint32_t i = 0; i < map->count; i++) {
        tm__kit_lua_value(lua, of->fields[0].type, tm_map_key(map, i));
        if (tm_map_is_null(map, i))
            push_null(lua);
        else
            tm__kit_lua_value(lua, of->fields[1].type, tm_map_value(map, of->fields[1].type, i));
        lua_rawset(lua, -3);
    }
}

void tm__kit_lua_value(lua_State *lua, struct tm_type type, struct tm_slot slot)
{
    char text[64];
    uint32_t length;
    const uint8_t *bytes;
    luaL_checkstack(lua, 4, "a deep value");
    switch (type.kind) {
    case TM_TYPE_BOOL:
        lua_pushboolean(lua, tm_slot_int(slot) != 0);
        break;
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
    case TM_TYPE_TIMESTAMP:
        push_int(lua, tm_slot_int(slot));
        break;
    case TM_TYPE_DOUBLE:
        lua_pushnumber(lua, tm_slot_double(slot));
        break;
    case TM_TYPE_DECIMAL:
        tm_decimal_format(tm_slot_decimal(slot), type.scale, text);
        lua_pushstring(lua, text);
        break;
    case TM_TYPE_LIST:
        push_list(lua, tm_slot_list(slot), type.of->fields[0].type);
        break;
    case TM_TYPE_MAP:
        push_map(lua, tm_slot_map(slot), type.of);
        break;
    case TM_TYPE_STRUCT:
        tm_kit_lua_row(lua, type.of, tm_slot_struct(slot));
        break;
    case TM_TYPE_ANY:
        bytes = tm_slot_bytes(slot, &length);
        (void)push_any(lua, bytes, bytes + length);
        break;
    default:
        bytes = tm_slot_bytes(slot, &length);
        lua_pushlstring(lua, (const char *)bytes, length);
    }
}

void tm_kit_lua_row(lua_State *lua, const struct tm_schema *schema, const struct tm_row *row)
{
    lua_createtable(lua, 0, (int)schema->field_count);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        if ((field->flags & TM_FIELD_HIDDEN) != 0 || tm_row_is_null(row, i))
            continue;
        tm__kit_lua_value(lua, field->type, tm_slot_of_row(row, field->offset));
        lua_setfield(lua, -2, field->name);
    }
}
