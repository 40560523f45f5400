// The state entered, the script planned or evaluated in it. Every entry runs protected twice: the
// Lua function by lua_pcall with a handler that makes a fault of any error, and the handling of its
// arguments and results by lua_cpcall, since each of them may allocate.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "core/base/limits.h"
#include "core/vm/vm_private.h"

// --- entering Lua

static void copy_field(lua_State *lua, int table, const char *name, char *out, size_t size)
{
    size_t length;

    lua_getfield(lua, table, name);
    const char *text = lua_tolstring(lua, -1, &length);
    out[0] = '\0';
    if (text != NULL) {
        if (length >= size) { // cut between characters
            length = size - 1;
            while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
                length--;
        }
        memcpy(out, text, length);
        out[length] = '\0';
    }
    lua_pop(lua, 1);
}

struct take_error {
    struct tm_vm *vm;
    struct tm_error *err;
    int code;
};

// Stack on entry: the light userdata given to lua_cpcall. The fault lies in the registry.
static int take_fault(lua_State *lua)
{
    struct take_error *t = lua_touserdata(lua, 1);
    char code[64];

    lua_rawgeti(lua, LUA_REGISTRYINDEX, t->vm->error_slot);
    if (lua_istable(lua, -1)) {
        int table = lua_gettop(lua);
        copy_field(lua, table, "code", code, sizeof code);
        t->code = tm_error_by_name(code);
        t->err->code = t->code;
        copy_field(lua, table, "message", t->err->message, sizeof t->err->message);
        copy_field(lua, table, "hint", t->err->hint, sizeof t->err->hint);
        // The Lua side knows neither the limit nor whose it is.
        if (t->code == TM_E_USER_MEMORY && t->vm->shortage != TM__VM_SHORT_NOT)
            t->code = tm__vm_memory_error(t->vm, t->err);
        copy_field(lua, table, "where", t->err->where, sizeof t->err->where);
    } else {
        const char *text = lua_tostring(lua, -1);
        t->code = tm_error_set(t->err, TM_E_INTERNAL, "%s",
                               text == NULL ? "an error without a text" : text);
    }
    lua_pushboolean(lua, 0);
    lua_rawseti(lua, LUA_REGISTRYINDEX, t->vm->error_slot);
    return 0;
}

int tm__vm_memory_error_of(struct tm_vm *vm, struct tm_error *err)
{
    int rc = tm__vm_memory_error(vm, err);

    tm_error_where(err, "%s", vm->path);
    return rc;
}

int tm__vm_take_error(struct tm_vm *vm, int status, struct tm_error *err)
{
    struct tm_error local;
    struct take_error take = {.vm = vm, .err = err != NULL ? err : &local};
    lua_State *lua = vm->lua;

    if (status == LUA_ERRMEM || (status == LUA_ERRERR && vm->shortage != TM__VM_SHORT_NOT)) {
        lua_pop(lua, 1);
        return tm__vm_memory_error_of(vm, err);
    }
    tm_error_clear(take.err);
    // Within lua_cpcall the stack is another: hand the error over in a slot of the registry, which
    // was made with the state, so that storing there allocates nothing.
    lua_rawseti(lua, LUA_REGISTRYINDEX, vm->error_slot);
    status = lua_cpcall(lua, take_fault, &take);
    if (status != 0) {
        lua_pop(lua, 1);
        return tm__vm_memory_error_of(vm, err);
    }
    return take.code;
}

struct entering {
    struct tm_vm *vm;
    const struct tm__vm_entry *entry;
    struct tm_error *err;
    int rc;
    bool failed; // the error is on top of the stack, status in rc
};

static int enter_protected(lua_State *lua)
{
    struct entering *e = lua_touserdata(lua, 1);
    const struct tm__vm_entry *entry = e->entry;

    luaL_checkstack(lua, 32, "entry");
    lua_rawgeti(lua, LUA_REGISTRYINDEX, e->vm->handler);
    int handler = lua_gettop(lua);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, e->vm->host);
    lua_getfield(lua, -1, "enter");
    lua_remove(lua, -2);
    lua_pushstring(lua, entry->name);
    int arguments = 1 + (entry->push == NULL ? 0 : entry->push(e->vm, entry->arg));
    int status = lua_pcall(lua, arguments, entry->results, handler);
    if (status != 0)
        e->rc = tm__vm_take_error(e->vm, status, e->err);
    else if (entry->take != NULL)
        e->rc = entry->take(e->vm, entry->arg, e->err);
    return 0;
}

int tm__vm_enter(struct tm_vm *vm, const struct tm__vm_entry *entry, struct tm_error *err)
{
    struct entering e = {.vm = vm, .entry = entry, .err = err};
    int status = lua_cpcall(vm->lua, enter_protected, &e);

    if (status != 0)
        e.rc = tm__vm_take_error(vm, status, err);
    return tm__vm_relieve(vm, e.rc, err);
}

// --- the script

static int push_address(struct tm_vm *vm, void *arg)
{
    lua_pushnumber(vm->lua, (lua_Number)(uintptr_t)arg); // 47 bits, exact in a Lua number
    return 1;
}

int tm_vm_plan(struct tm_vm *vm, struct tm_graph *graph, struct tm_error *err)
{
    const struct tm__vm_entry entry = {.name = "plan", .push = push_address, .arg = graph};
    int rc = tm__vm_run_script(vm, err);

    if (rc == 0)
        rc = tm__vm_enter(vm, &entry, err);

    return rc != 0 ? rc : tm_graph_validate(graph, err);
}

static int take_fingerprint(struct tm_vm *vm, void *arg, struct tm_error *err)
{
    uint64_t *fingerprint = arg;
    const char *text = lua_tostring(vm->lua, -1);

    if (text == NULL)
        return tm_error_set(err, TM_E_INTERNAL, "the script has no fingerprint");
    *fingerprint = strtoull(text, NULL, 16);
    return 0;
}

int tm_vm_evaluate(struct tm_vm *vm, uint64_t fingerprint, struct tm_error *err)
{
    uint64_t mine = 0;
    const struct tm__vm_entry entry = {
        .name = "evaluate", .results = 1, .take = take_fingerprint, .arg = &mine};
    int rc = tm__vm_run_script(vm, err);

    if (rc == 0)
        rc = tm__vm_enter(vm, &entry, err);
    if (rc != 0 || mine == fingerprint)
        return rc;
    tm_error_set(err, TM_E_GRAPH_DIFFERS, "%s built another graph here than where it was planned",
                 vm->path);
    tm_error_where(err, "%s", vm->path);
    tm_error_hint(err, "a script must build the same graph each time: no os.time() in it, and the "
                       "file must not change while the job starts");
    return err->code;
}

// --- lists of texts

struct each_row {
    tm_finding_each *finding;
    void (*argument)(void *arg, const char *name, const char *fallback, const char *doc);
    void *arg;
};

static int take_rows(struct tm_vm *vm, void *arg, struct tm_error *err)
{
    const struct each_row *each = arg;
    lua_State *lua = vm->lua;
    int list = lua_gettop(lua), columns = each->finding != NULL ? 5 : 3;

    (void)err;
    for (int i = 1; i <= (int)lua_objlen(lua, list); i++) {
        const char *text[5];
        lua_rawgeti(lua, list, i);
        int row = lua_gettop(lua);
        for (int k = 0; k < columns; k++) {
            lua_rawgeti(lua, row, k + 1);
            text[k] = lua_tostring(lua, -1);
            if (text[k] == NULL)
                text[k] = "";
        }
        if (each->finding != NULL)
            each->finding(each->arg, &(struct tm_finding){.code = tm_error_by_name(text[4]),
                                                          .severity = text[0],
                                                          .where = text[1],
                                                          .message = text[2],
                                                          .hint = text[3]});
        else
            each->argument(each->arg, text[0], text[1], text[2]);
        lua_settop(lua, list);
    }
    return 0;
}

int tm_vm_findings(struct tm_vm *vm, tm_finding_each *each, void *arg, struct tm_error *err)
{
    struct each_row rows = {.finding = each, .arg = arg};
    return tm__vm_enter(
        vm,
        &(struct tm__vm_entry){.name = "findings", .results = 1, .take = take_rows, .arg = &rows},
        err);
}

int tm_vm_arguments(struct tm_vm *vm,
                    void (*each)(void *arg, const char *name, const char *fallback,
                                 const char *doc),
                    void *arg, struct tm_error *err)
{
    struct each_row rows = {.argument = each, .arg = arg};
    return tm__vm_enter(
        vm,
        &(struct tm__vm_entry){.name = "arguments", .results = 1, .take = take_rows, .arg = &rows},
        err);
}

// --- schemas

struct describing {
    const char *form;
    struct tm_buf *out;
};

static int push_form(struct tm_vm *vm, void *arg)
{
    lua_pushstring(vm->lua, ((struct describing *)arg)->form);
    return 1;
}

static int take_text(struct tm_vm *vm, void *arg, struct tm_error *err)
{
    size_t length;
    const char *text = lua_tolstring(vm->lua, -1, &length);
    if (text != NULL && tm_buf_append(((struct describing *)arg)->out, text, length) != 0)
        return tm_error_set(err, TM_E_MEMORY, "no memory for the schemas of sources");
    return 0;
}

int tm_vm_schemas(struct tm_vm *vm, const char *form, struct tm_buf *out, struct tm_error *err)
{
    struct describing d = {.form = form, .out = out};
    return tm__vm_enter(
        vm,
        &(struct tm__vm_entry){
            .name = "schemas", .push = push_form, .results = 1, .take = take_text, .arg = &d},
        err);
}

// --- columns of places

struct locating {
    const char *message;
    char *where;
    size_t size;
};

static int push_place(struct tm_vm *vm, void *arg)
{
    const struct locating *l = arg;
    lua_pushstring(vm->lua, l->where);
    lua_pushstring(vm->lua, l->message);
    return 2;
}

static int take_place(struct tm_vm *vm, void *arg, struct tm_error *err)
{
    struct locating *l = arg;
    const char *text = lua_tostring(vm->lua, -1);
    (void)err;
    if (text != NULL && strlen(text) < l->size)
        memcpy(l->where, text, strlen(text) + 1);
    return 0;
}

void tm_vm_locate(struct tm_vm *vm, const char *message, char *where, size_t size)
{
    struct locating l = {.message = message, .where = where, .size = size};
    struct tm_error ignored = {0};
    const struct tm__vm_entry entry = {
        .name = "locate", .push = push_place, .results = 1, .take = take_place, .arg = &l};
    (void)!tm__vm_enter(vm, &entry, &ignored);
}

// --- types settled by the first row

struct settling {
    struct tm_graph *graph;
    const char *proposal;
    size_t length;
    struct tm_buf *settled;
};

static int push_settle(struct tm_vm *vm, void *arg)
{
    struct settling *s = arg;
    lua_pushnumber(vm->lua, (lua_Number)(uintptr_t)s->graph);
    lua_pushlstring(vm->lua, s->proposal, s->length);
    return 2;
}

static int take_settled(struct tm_vm *vm, void *arg, struct tm_error *err)
{
    struct settling *s = arg;
    size_t length;
    const char *text = lua_tolstring(vm->lua, -2, &length);
    bool waits = lua_toboolean(vm->lua, -1);

    if (s->settled == NULL)
        return 0;
    if (s->graph != NULL && length != 0)
        (void)atomic_fetch_add_explicit(&s->graph->settled, 1, memory_order_release);
    s->settled->size_bytes = 0;
    if (text != NULL && tm_buf_append(s->settled, text, length) != 0)
        return tm_error_set(err, TM_E_MEMORY, "no memory for settled types");
    return waits ? TM_VM_UNDECIDED : 0;
}

int tm_vm_settle(struct tm_vm *vm, struct tm_graph *graph, const char *proposal, size_t length,
                 struct tm_buf *settled, struct tm_error *err)
{
    struct settling s = {
        .graph = graph, .proposal = proposal, .length = length, .settled = settled};
    return tm__vm_enter(
        vm,
        &(struct tm__vm_entry){
            .name = "settle", .push = push_settle, .results = 2, .take = take_settled, .arg = &s},
        err);
}

// --- states of other types

struct migrating {
    const struct tm_vm_migration *migration;
    struct tm_buf *made;
    bool *nothing;
};

static int push_migration(struct tm_vm *vm, void *arg)
{
    const struct tm_vm_migration *m = ((struct migrating *)arg)->migration;
    lua_pushnumber(vm->lua, m->node);
    lua_pushstring(vm->lua, m->state);
    lua_pushstring(vm->lua, m->type);
    lua_pushlstring(vm->lua, m->bytes, m->length);
    return 4;
}

static int take_migrated(struct tm_vm *vm, void *arg, struct tm_error *err)
{
    struct migrating *m = arg;
    size_t length;
    const char *text = lua_tolstring(vm->lua, -1, &length);
    *m->nothing = text == NULL;
    m->made->size_bytes = 0;
    return text == NULL || tm_buf_append(m->made, text, length) == 0
               ? 0
               : tm_error_set(err, TM_E_MEMORY, "no memory for a value of a state");
}

int tm_vm_migrate(struct tm_vm *vm, const struct tm_vm_migration *migration, struct tm_buf *made,
                  bool *nothing, struct tm_error *err)
{
    struct migrating m = {.migration = migration, .made = made, .nothing = nothing};
    return tm__vm_enter(vm,
                        &(struct tm__vm_entry){.name = "migrate",
                                               .push = push_migration,
                                               .results = 1,
                                               .take = take_migrated,
                                               .arg = &m},
                        err);
}

// --- trace statistics

static int take_traces(struct tm_vm *vm, void *arg, struct tm_error *err)
{
    struct tm_vm_traces *t = arg;

    (void)err;
    t->started = (uint64_t)lua_tonumber(vm->lua, -5);
    t->compiled = (uint64_t)lua_tonumber(vm->lua, -4);
    t->aborted = (uint64_t)lua_tonumber(vm->lua, -3);
    t->blacklisted = (uint64_t)lua_tonumber(vm->lua, -2);
    t->flushed = (uint64_t)lua_tonumber(vm->lua, -1);
    return 0;
}

void tm_vm_traces(struct tm_vm *vm, struct tm_vm_traces *traces)
{
    memset(traces, 0, sizeof *traces);
    if (tm__vm_enter(vm,
                     &(struct tm__vm_entry){
                         .name = "traces", .results = 5, .take = take_traces, .arg = traces},
                     NULL) != 0)
        memset(traces, 0, sizeof *traces);
}
