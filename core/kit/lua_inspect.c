// What a test can look at: states of a key, timers, watermarks and counters of an operator.
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch/decimal.h"
#include "core/batch/key.h"
#include "core/kit/lua_private.h"
#include "core/task/inspect.h"
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
    bool states, timers, any;
};

static void look_at(void *arg, struct tm_operator *op)
{
    struct finding *finding = arg;
    finding->any = true;
    finding->states = op->ops->inspect != NULL && op->ops->inspect->states != NULL;
    finding->timers = op->ops->inspect != NULL && op->ops->inspect->timers != NULL;
}

static struct finding find(struct tm_kit *kit, const struct tm_node *node)
{
    struct finding finding = {0};
    (void)each_operator(kit, node->id, look_at, &finding);
    return finding;
}

// state(kit, operator, key): name -> value of the states that it has; or nil and what is wrong
int tm__kit_lua_state(lua_State *lua)
{
    struct tm_kit *kit = tm__kit_lua_kit(lua);
    const struct tm_node *node = operator_of(lua, kit);
    struct tm_key key;
    if (!find(kit, node).states) {
        lua_pushnil(lua);
        lua_pushliteral(lua, "it declares no states: those of process can be looked at");
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

// states(kit, operator): the names of its states, in their order
int tm__kit_lua_states(lua_State *lua)
{
    const struct tm_node *node = operator_of(lua, tm__kit_lua_kit(lua));
    lua_createtable(lua, (int)node->state_count, 0);
    for (uint32_t i = 0; i < node->state_count; i++) {
        lua_pushstring(lua, node->states[i].name);
        lua_rawseti(lua, -2, (int)i + 1);
    }
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
    struct tm_job *job = tm_kit_job(kit);
    const struct tm_node *node = operator_of(lua, kit);
    uint64_t in = 0, out = 0, used = 0, filtered = 0, late = 0, skipped = 0, dead = 0;
    for (uint32_t s = 0; s < tm_job_node_parallelism(job, node->id); s++) {
        const struct tm_node_metrics *m = tm_job_metrics(job, node->id, s);
        in += m->rows_in;
        out += m->rows_out;
        used += m->used;
        filtered += m->filtered;
        late += m->late;
        skipped += m->skipped;
        dead += m->dead_lettered;
    }
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {{"records_in", in},     {"records_out", out}, {"used", used},
                    {"filtered", filtered}, {"late", late},       {"skipped", skipped},
                    {"dead_lettered", dead}};
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
    push_watermark(lua, tm_kit_watermark_of(kit, node->id));
    if (!tm_task_holder(tm_kit_job(kit), node->id, &holder) || holder.status != TM_CHANNEL_ACTIVE ||
        holder.source == NULL) {
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
    lua_createtable(lua, (int)graph->node_count, 0);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        lua_pushstring(lua, graph->nodes[n].name);
        lua_rawseti(lua, -2, (int)n + 1);
    }
    return 1;
}
