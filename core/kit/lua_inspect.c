// What a test can look at: states of a key, timers, watermarks and counters of an operator.
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch/decimal.h"
#include "core/batch/key.h"
#include "core/kit/lua_private.h"
#include "core/task/inspect.h"
#include "core/task/sums.h"
#include "core/task/task.h"

// --- operators -----------------------------------------------------------------------------------

// Calls `each` with the operators that stand for a node, in the order of their subtasks.
static uint32_t each_operator(struct tm_kit *kit, uint32_t node,
                              void (*each)(void *arg, struct tm_operator *op), void *arg)
{
    struct tm_job *job = tm_kit_job(kit);
    uint32_t count = 0;
    for (uint32_t t = 0; t < job->task_count; t++)
        for (uint32_t i = 0; i < job->tasks[t].operator_count; i++)
            if (job->tasks[t].operators[i]->node->id == node) {
                each(arg, job->tasks[t].operators[i]);
                count++;
                break; // what stands behind it for its edge is not it
            }
    return count;
}

static const struct tm_node *operator_of(lua_State *lua, const struct tm_kit *kit)
{
    const struct tm_graph *graph = tm_kit_graph(kit);
    const char *name = luaL_checkstring(lua, 2);
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (strcmp(graph->nodes[n].name, name) == 0)
            return &graph->nodes[n];
    luaL_argerror(lua, 2, "no such name");
    return NULL;
}

static const struct tm_schema *input_of(const struct tm_kit *kit, const struct tm_node *node)
{
    return node->input_count == 0 ? NULL
                                  : tm_node_schema(&tm_kit_graph(kit)->nodes[node->inputs[0]]);
}

// --- keys ----------------------------------------------------------------------------------------

static int put_word(struct tm_buf *out, int64_t word)
{
    return tm_buf_append(out, &word, sizeof word);
}

static int put_text(struct tm_buf *out, const char *text, size_t length, bool alone)
{
    uint32_t size = (uint32_t)length;
    int rc = alone ? 0 : tm_buf_append(out, &size, sizeof size);
    return rc != 0 ? rc : tm_buf_append(out, text, length);
}

// The value on top of the stack as a column of a key. NULL, or what should stand there instead.
static const char *put_column(lua_State *lua, struct tm_type type, bool alone, struct tm_buf *out)
{
    size_t length;
    tm_int128 decimal;
    int rc;
    const int given = lua_type(lua, -1);
    const char *text = given == LUA_TSTRING || given == LUA_TNUMBER
                           ? lua_tolstring(lua, -1, &length) // a number becomes a text there
                           : NULL;
    switch (type.kind) {
    case TM_TYPE_STRING:
    case TM_TYPE_BYTES:
        if (given != LUA_TSTRING)
            return "a text";
        rc = put_text(out, text, length, alone);
        break;
    case TM_TYPE_BOOL:
        if (!lua_isboolean(lua, -1))
            return "true or false";
        rc = put_word(out, lua_toboolean(lua, -1));
        break;
    case TM_TYPE_DECIMAL:
        if (text == NULL ||
            tm_decimal_parse(text, length, type.precision, type.scale, &decimal) != 0)
            return "a decimal, given as a number or a text";
        rc = tm_buf_append(out, &decimal, sizeof decimal);
        break;
    case TM_TYPE_DOUBLE: {
        double number = lua_tonumber(lua, -1);
        int64_t word;
        if (text == NULL || !lua_isnumber(lua, -1))
            return "a number";
        number = number == 0 ? 0 : number; // no minus zero
        memcpy(&word, &number, sizeof word);
        rc = put_word(out, word);
        break;
    }
    default: // an int64 beyond 2^53 is a text of digits
        if (text == NULL || !lua_isnumber(lua, -1))
            return "a number";
        rc = put_word(out, given == LUA_TSTRING ? strtoll(text, NULL, 10)
                                                : (int64_t)lua_tonumber(lua, -1));
    }
    return rc == 0 ? NULL : "memory";
}

// A part of a key of several columns, by its name or its number.
static void push_part(lua_State *lua, int index, const char *name, uint32_t number)
{
    lua_getfield(lua, index, name);
    if (!lua_isnil(lua, -1))
        return;
    lua_pop(lua, 1);
    lua_rawgeti(lua, index, (int)number + 1);
}

// The key at `index` of the stack: a value, or with several columns a table of them. False: nil and
// what is wrong have been pushed.
static bool read_key(lua_State *lua, struct tm_kit *kit, const struct tm_node *node, int index,
                     struct tm_key *key)
{
    const struct tm_schema *input = input_of(kit, node);
    struct tm_buf *out = tm_kit_buffer(kit, TM_KIT_KEY);
    uint32_t count = node->key.count;
    out->size_bytes = 0;
    if (count > 1 && !lua_istable(lua, index)) {
        lua_pushnil(lua);
        lua_pushfstring(lua, "its key has %d columns: a table of them is needed", (int)count);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct tm_field *field = &input->fields[node->key.fields[i]];
        if (count == 1)
            lua_pushvalue(lua, index);
        else
            push_part(lua, index, field->name, i);
        const char *needed = put_column(lua, field->type, count == 1, out);
        lua_pop(lua, 1);
        if (needed != NULL) {
            lua_pushnil(lua);
            lua_pushfstring(lua, "its key %s: %s is needed", field->name, needed);
            return false;
        }
    }
    *key = (struct tm_key){.hash = tm_hash_bytes(out->data, out->size_bytes),
                           .bytes = out->data,
                           .length = (uint32_t)out->size_bytes};
    return true;
}

// Canonical bytes of a key as read_key takes them.
static void push_key(lua_State *lua, const struct tm_kit *kit, const struct tm_node *node,
                     const struct tm_key *key)
{
    const struct tm_schema *input = input_of(kit, node);
    const uint8_t *p = key->bytes;
    uint32_t count = node->key.count;
    if (count != 1)
        lua_createtable(lua, 0, (int)count);
    for (uint32_t i = 0; i < count; i++) {
        const struct tm_field *field = &input->fields[node->key.fields[i]];
        struct tm_ref ref = {.offset = 0, .length = key->length};
        bool is_text = tm_type_is_reference(field->type);
        if (is_text && count > 1) {
            memcpy(&ref.length, p, sizeof ref.length);
            p += sizeof ref.length;
        }
        tm__kit_lua_value(lua, field->type,
                          (struct tm_slot){p, is_text ? (const uint8_t *)&ref : p});
        p += is_text ? ref.length : tm_type_slot_bytes(field->type);
        if (count != 1)
            lua_setfield(lua, -2, field->name);
    }
}

// --- states --------------------------------------------------------------------------------------

struct seeing {
    lua_State *lua;
    int table;
    const struct tm_key *key;
    int rc;
};

static void push_slot(lua_State *lua, struct tm_type type, struct tm_slot slot)
{
    if (slot.at == NULL)
        lua_getfield(lua, LUA_REGISTRYINDEX, TM__KIT_NULL);
    else
        tm__kit_lua_value(lua, type, slot);
}

static void see_value(void *arg, const char *state, struct tm_type type, struct tm_slot slot)
{
    struct seeing *seeing = arg;
    push_slot(seeing->lua, type, slot);
    lua_setfield(seeing->lua, seeing->table, state);
}

// The table of a state of several values, on top of the stack.
static void push_table(struct seeing *seeing, const char *state)
{
    lua_State *lua = seeing->lua;
    lua_getfield(lua, seeing->table, state);
    if (!lua_isnil(lua, -1))
        return;
    lua_pop(lua, 1);
    lua_newtable(lua);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, seeing->table, state);
}

static void see_item(void *arg, const char *state, struct tm_type type, struct tm_slot slot)
{
    struct seeing *seeing = arg;
    push_table(seeing, state);
    push_slot(seeing->lua, type, slot);
    lua_rawseti(seeing->lua, -2, (int)lua_objlen(seeing->lua, -2) + 1);
    lua_pop(seeing->lua, 1);
}

static void see_entry(void *arg, const char *state, struct tm_type key_type, struct tm_slot key,
                      struct tm_type type, struct tm_slot slot)
{
    struct seeing *seeing = arg;
    push_table(seeing, state);
    push_slot(seeing->lua, key_type, key);
    push_slot(seeing->lua, type, slot);
    lua_rawset(seeing->lua, -3);
    lua_pop(seeing->lua, 1);
}

static void see_states(void *arg, struct tm_operator *op)
{
    struct seeing *seeing = arg;
    const struct tm_inspector inspector = {
        .arg = seeing, .value = see_value, .item = see_item, .entry = see_entry};
    if (seeing->rc == 0)
        seeing->rc = op->ops->inspect->states(op, seeing->key, &inspector);
}

struct finding {
    bool states, timers, windows;
};

static void look_at(void *arg, struct tm_operator *op)
{
    struct finding *finding = arg;
    const struct tm_inspect *inspect = op->ops->inspect;
    finding->states = inspect != NULL && inspect->states != NULL;
    finding->timers = inspect != NULL && inspect->timers != NULL;
    finding->windows = inspect != NULL && inspect->windows != NULL;
}

static struct finding find(struct tm_kit *kit, const struct tm_node *node)
{
    struct finding finding = {0};
    (void)each_operator(kit, node->id, look_at, &finding);
    return finding;
}

// Who keeps the states of an operator: of a window the function behind it, if it has one.
static const struct tm_node *keeper_of(const struct tm_kit *kit, const struct tm_node *node)
{
    const struct tm_graph *graph = tm_kit_graph(kit);
    for (uint32_t n = node->id + 1; n < graph->node_count; n++)
        if (graph->nodes[n].whole == node->id && graph->nodes[n].kind == TM_NODE_PROCESS)
            return &graph->nodes[n];
    return node;
}

// state(kit, operator, key): name -> value of the states that it has; or nil and what is wrong
int tm__kit_lua_state(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    const struct tm_node *node = keeper_of(kit, operator_of(lua, kit));
    struct tm_key key;
    if (!find(kit, node).states) {
        lua_pushnil(lua);
        lua_pushliteral(lua, "it declares no states: those of process and of functions of windows "
                             "can be looked at");
        return 2;
    }
    if (!read_key(lua, kit, node, 3, &key))
        return 2;
    lua_newtable(lua);
    struct seeing seeing = {.lua = lua, .table = lua_gettop(lua), .key = &key};
    (void)each_operator(kit, node->id, see_states, &seeing);
    if (seeing.rc != 0)
        return luaL_error(lua, "no memory to look at states");
    return 1;
}

// states(kit, operator): the names of its states of a key, in their order; and of those of windows
int tm__kit_lua_states(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    const struct tm_node *node = keeper_of(kit, operator_of(lua, kit));
    int counts[2] = {0};
    lua_newtable(lua);
    lua_newtable(lua);
    for (uint32_t i = 0; i < node->state_count; i++) {
        bool of_window = node->states[i].scope == TM_SCOPE_WINDOW;
        if (!of_window && node->states[i].scope != TM_SCOPE_KEY)
            continue;
        lua_pushstring(lua, node->states[i].name);
        lua_rawseti(lua, of_window ? -2 : -3, ++counts[of_window]);
    }
    return 2;
}

// --- windows -------------------------------------------------------------------------------------

struct open_windows {
    struct seeing seeing; // .table: of what the trigger of the last window remembers, or of a
                          // function's states
    const struct tm_node *function; // behind them, or NULL
    struct tm_kit *kit;
    const struct tm_inspected_window *under_way;
    int list;
    bool remembers; // their trigger is the job's own, and has states
};

static void set_bound(lua_State *lua, const char *name, int64_t ms)
{
    lua_pushnumber(lua, (lua_Number)ms);
    lua_setfield(lua, -2, name);
}

static void see_window_states(void *arg, struct tm_operator *op)
{
    struct open_windows *windows = arg;
    struct seeing *seeing = &windows->seeing;
    const struct tm_inspector inspector = {
        .arg = seeing, .value = see_value, .item = see_item, .entry = see_entry};
    if (seeing->rc == 0 && op->ops->inspect->window_states != NULL)
        seeing->rc =
            op->ops->inspect->window_states(op, seeing->key, windows->under_way, &inspector);
}

// { window_start =, window_end =, state = { of its function }, trigger = { what it remembers } }
static void see_window(void *arg, const struct tm_inspected_window *window)
{
    struct open_windows *windows = (struct open_windows *)arg;
    lua_State *lua = windows->seeing.lua;
    lua_settop(lua, windows->list);
    lua_createtable(lua, 0, 4);
    lua_pushvalue(lua, -1);
    lua_rawseti(lua, windows->list, (int)lua_objlen(lua, windows->list) + 1);
    if (window->bounded) {
        set_bound(lua, "window_start", window->start);
        set_bound(lua, "window_end", window->end);
    }
    if (windows->function != NULL) {
        lua_newtable(lua);
        lua_pushvalue(lua, -1);
        lua_setfield(lua, -3, "state");
        windows->seeing.table = lua_gettop(lua);
        windows->under_way = window;
        (void)each_operator(windows->kit, windows->function->id, see_window_states, windows);
        lua_pop(lua, 1);
    }
    if (windows->remembers) {
        lua_newtable(lua);
        lua_pushvalue(lua, -1);
        lua_setfield(lua, -3, "trigger");
        windows->seeing.table = lua_gettop(lua);
    }
}

static void see_windows(void *arg, struct tm_operator *op)
{
    struct open_windows *windows = arg;
    const struct tm_inspector inspector = {.arg = windows,
                                           .window = see_window,
                                           .value = see_value,
                                           .item = see_item,
                                           .entry = see_entry};
    if (windows->seeing.rc == 0)
        windows->seeing.rc = op->ops->inspect->windows(op, windows->seeing.key, &inspector);
}

// Why the windows of a node cannot be looked at, or NULL.
static const char *no_windows(struct tm_kit *kit, const struct tm_node *node)
{
    if (node->kind != TM_NODE_WINDOW)
        return "it has no windows";
    if (node->window == TM_WINDOW_COUNT && node->slide_ms != node->size_ms)
        return "its windows overlap: they share what is kept of the rows between two firings, and "
               "none is kept by itself";
    if (!find(kit, node).windows)
        return "its windows overlap and fire once: they share slices of time, and none is kept by "
               "itself";
    return NULL;
}

// windows(kit, operator, key | nil): those of the key that are open; or nil and what is wrong
int tm__kit_lua_windows(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    const struct tm_node *node = operator_of(lua, kit), *keeper = keeper_of(kit, node);
    struct tm_key key;
    const char *why = no_windows(kit, node);
    if (why != NULL) {
        lua_pushnil(lua);
        lua_pushstring(lua, why);
        return 2;
    }
    if (!read_key(lua, kit, node, 3, &key))
        return 2;
    lua_newtable(lua);
    struct open_windows windows = {.seeing = {.lua = lua, .key = &key},
                                   .function = keeper == node ? NULL : keeper,
                                   .kit = kit,
                                   .list = lua_gettop(lua),
                                   .remembers = node->state_count != 0};
    (void)each_operator(kit, node->id, see_windows, &windows);
    if (windows.seeing.rc != 0)
        return luaL_error(lua, "no memory to look at windows");
    lua_settop(lua, windows.list);
    return 1;
}

// --- timers --------------------------------------------------------------------------------------

struct timer {
    enum tm_timer_domain domain;
    int64_t time;
    size_t key, name; // in bytes
    uint32_t key_length, name_length;
};

struct timers {
    struct tm_buf *list, *bytes;
    const struct tm_key *key; // NULL: of all keys
    bool names;
    int rc;
};

static bool keep_timer(void *arg, enum tm_timer_domain domain, const struct tm_timer *timer)
{
    struct timers *timers = arg;
    const struct tm_key *key = timers->key;
    if (key != NULL && (key->hash != timer->key.hash || key->length != timer->key.length ||
                        memcmp(key->bytes, timer->key.bytes, key->length) != 0))
        return true;
    const struct timer kept = {.domain = domain,
                               .time = timer->time,
                               .key = timers->bytes->size_bytes,
                               .key_length = timer->key.length,
                               .name = timers->bytes->size_bytes + timer->key.length,
                               .name_length = timers->names ? timer->name_length : 0};
    timers->rc = tm_buf_append(timers->bytes, timer->key.bytes, timer->key.length);
    if (timers->rc == 0)
        timers->rc = tm_buf_append(timers->bytes, timer->name, timer->name_length);
    if (timers->rc == 0)
        timers->rc = tm_buf_append(timers->list, &kept, sizeof kept);
    return timers->rc == 0;
}

static void see_timers(void *arg, struct tm_operator *op)
{
    struct timers *timers = arg;
    const struct tm_inspector inspector = {.arg = timers, .timer = keep_timer};
    timers->names = op->ops->inspect->names_timers;
    op->ops->inspect->timers(op, &inspector);
}

static int compare_bytes(const uint8_t *a, uint32_t a_length, const uint8_t *b, uint32_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_timers(const void *x, const void *y, void *arg)
{
    const struct timer *a = x, *b = y;
    const uint8_t *bytes = arg;
    if (a->time != b->time)
        return a->time > b->time ? 1 : -1;
    if (a->domain != b->domain)
        return a->domain > b->domain ? 1 : -1;
    int order = compare_bytes(bytes + a->key, a->key_length, bytes + b->key, b->key_length);
    return order != 0
               ? order
               : compare_bytes(bytes + a->name, a->name_length, bytes + b->name, b->name_length);
}

static void push_timers(lua_State *lua, const struct tm_kit *kit, const struct tm_node *node,
                        const struct timers *timers)
{
    const struct timer *list = (const struct timer *)(const void *)timers->list->data;
    size_t count = timers->list->size_bytes / sizeof *list;
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        const struct tm_key key = {.bytes = timers->bytes->data + list[i].key,
                                   .length = list[i].key_length};
        lua_createtable(lua, 0, 4);
        lua_pushnumber(lua, (lua_Number)list[i].time);
        lua_setfield(lua, -2, "at");
        lua_pushstring(lua, list[i].domain == TM_TIMER_EVENT ? "event" : "processing");
        lua_setfield(lua, -2, "domain");
        push_key(lua, kit, node, &key);
        lua_setfield(lua, -2, "key");
        if (list[i].name_length != 0) {
            lua_pushlstring(lua, (const char *)timers->bytes->data + list[i].name,
                            list[i].name_length);
            lua_setfield(lua, -2, "name");
        }
        lua_rawseti(lua, -2, (int)i + 1);
    }
}

// timers(kit, operator, key | nil): those that wait, in the order in which they fire
int tm__kit_lua_timers(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    const struct tm_node *node = operator_of(lua, kit);
    struct tm_key key;
    if (!find(kit, node).timers) {
        lua_pushnil(lua);
        lua_pushliteral(lua, "it has no timers to look at: those of process and of windows with "
                             "triggers, lateness or sessions can be");
        return 2;
    }
    struct timers timers = {.list = tm_kit_buffer(kit, TM_KIT_TIMERS),
                            .bytes = tm_kit_buffer(kit, TM_KIT_TIMER_BYTES)};
    timers.list->size_bytes = timers.bytes->size_bytes = 0;
    if (!lua_isnoneornil(lua, 3)) {
        if (!read_key(lua, kit, node, 3, &key))
            return 2;
        timers.key = &key;
    }
    (void)each_operator(kit, node->id, see_timers, &timers);
    if (timers.rc != 0)
        return luaL_error(lua, "no memory to look at timers");
    if (timers.list->size_bytes != 0)
        qsort_r(timers.list->data, timers.list->size_bytes / sizeof(struct timer),
                sizeof(struct timer), compare_timers, timers.bytes->data);
    push_timers(lua, kit, node, &timers);
    return 1;
}

// --- counters ------------------------------------------------------------------------------------

// metrics(kit, operator): counters of all its subtasks
int tm__kit_lua_metrics(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    struct tm_operator_sums sums;
    (void)tm_job_sums(tm_kit_job(kit), operator_of(lua, kit)->id, &sums);
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {{"records_in", sums.rows_in},
                    {"records_out", sums.rows_out},
                    {"used", sums.used},
                    {"filtered", sums.filtered},
                    {"late", sums.late},
                    {"skipped", sums.skipped},
                    {"dead_lettered", sums.dead_lettered},
                    {"failed_timers", sums.failed_timers},
                    {"failed_firings", sums.failed_firings},
                    {"failed_keys", sums.failed_keys}};
    lua_newtable(lua);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        lua_pushnumber(lua, (lua_Number)counters[i].value);
        lua_setfield(lua, -2, counters[i].name);
    }
    return 1;
}

// A watermark as specs see it: nil before there is one, and after the end of all input huge.
static void push_watermark(lua_State *lua, int64_t watermark)
{
    if (watermark == TM_WATERMARK_MIN)
        lua_pushnil(lua);
    else if (watermark == TM_WATERMARK_MAX)
        lua_pushnumber(lua, HUGE_VAL);
    else
        lua_pushnumber(lua, (lua_Number)watermark);
}

// watermark_of(kit, operator): event time there, and { source =, split =, input =, at =, since = }
// of what holds it back, or nil
int tm__kit_lua_watermark_of(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    const struct tm_node *node = operator_of(lua, kit);
    struct tm_holder holder;
    int64_t watermark = tm_kit_watermark_of(kit, node->id);
    push_watermark(lua, watermark);
    // Behind the last watermark nobody holds it, whatever the splits said before their end.
    if (watermark == TM_WATERMARK_MAX || !tm_task_holder(tm_kit_job(kit), node->id, &holder) ||
        holder.status != TM_CHANNEL_ACTIVE || holder.source == NULL) {
        lua_pushnil(lua);
        return 2;
    }
    lua_createtable(lua, 0, 5);
    lua_pushstring(lua, holder.source->name);
    lua_setfield(lua, -2, "source");
    if (holder.split >= 0) {
        lua_pushinteger(lua, holder.split);
        lua_setfield(lua, -2, "split");
    }
    if (holder.from != NULL) {
        lua_pushstring(lua, holder.from->name);
        lua_setfield(lua, -2, "input");
    }
    push_watermark(lua, holder.maker == NULL ? TM_WATERMARK_MIN : holder.held_at);
    lua_setfield(lua, -2, "at");
    lua_pushnumber(lua, (lua_Number)holder.since_ms);
    lua_setfield(lua, -2, "since");
    return 2;
}

// operators(kit): their names
int tm__kit_lua_operators(lua_State *lua)
{
    const struct tm_graph *graph = tm_kit_graph(tm__kit_lua_kit(lua));
    int count = 0;
    lua_createtable(lua, (int)graph->node_count, 0);
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].whole == n) {
            lua_pushstring(lua, graph->nodes[n].name);
            lua_rawseti(lua, -2, ++count);
        }
    return 1;
}
