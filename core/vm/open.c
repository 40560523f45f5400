// How a state comes to be. Its modules are loaded, which is the same for every job; it is bound to
// its job; the script builds that. A world may keep what the first step and the last one came to
// (struct tm_fx_states), for the next state to begin there: then all of the state lies in one heap,
// and what knows of the outside, its effects and accounts, is written anew.
#include <string.h>

#include <lauxlib.h>
#include <luajit.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/vm/vm_private.h"

enum { LOADED = 1 }; // the key of a state that knows of no job

// --- loaded

static int set_up(lua_State *lua)
{
    struct tm_vm *vm = lua_touserdata(lua, 1);

    tm__vm_open_libraries(vm);
    if (vm->fx->states != NULL) { // until it has built its job
        luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
        lua_gc(lua, LUA_GCSTOP, 0);
    }
    lua_pushboolean(lua, 0);
    vm->error_slot = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_getglobal(lua, "require");
    lua_pushliteral(lua, "tidemill.host");
    lua_call(lua, 1, 1);
    lua_getfield(lua, -1, "handler");
    vm->handler = luaL_ref(lua, LUA_REGISTRYINDEX);
    if (vm->fx->states != NULL) {
        lua_getfield(lua, -1, "ready");
        lua_call(lua, 0, 0);
    }
    vm->host = luaL_ref(lua, LUA_REGISTRYINDEX);
    if (vm->fx->states != NULL) { // what loading has left behind would be kept, and put back, too
        lua_gc(lua, LUA_GCCOLLECT, 0);
        lua_gc(lua, LUA_GCSTOP, 0);
    }
    return 0;
}

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "no memory for a Lua state");
}

static struct tm_vm *vm_in(const struct tm_fx *heap, const struct tm_vm_args *args)
{
    struct tm_mem own;

    tm_mem_init(&own, heap != NULL ? heap : args->fx, args->mem, 0);
    struct tm_vm *vm = tm_mem_zalloc(&own, sizeof *vm);
    if (vm == NULL)
        return NULL;
    vm->fx = args->fx;
    vm->heap = heap;
    vm->holders = 1;
    tm_mem_init(&vm->own, own.fx, args->mem, 0);
    vm->own.used_bytes = own.used_bytes;
    tm_mem_init(&vm->mem, own.fx, args->mem, 0);
    tm_mem_init(&vm->reserve_mem, args->fx, NULL, 0);
    tm_buf_init(&vm->text, &vm->own);
    tm_buf_init(&vm->read, &vm->own);
    vm->alarm_bytes = vm->hard_bytes = INT64_MAX;
    vm->compiles = args->fx->states == NULL;
    return vm;
}

// Booting is the engine's own code, and LuaJIT survives no refusal in lua_newstate: the limit
// applies from the end of it on, the machine's is met by the reserve.
static int load(struct tm_vm *vm, struct tm_error *err)
{
    vm->path = tm_mem_strdup(&vm->own, "");
    vm->helpers = tm_text_new(&vm->mem);
    if (vm->path == NULL || vm->helpers == NULL || !tm__vm_take_reserve(vm))
        return no_memory(err);
    if (vm->heap != NULL) // their machine code would lie elsewhere, and be gone when they come back
        tm_text_interpret(vm->helpers);
    vm->lua = lua_newstate(tm__vm_alloc, vm);
    if (vm->lua == NULL)
        return no_memory(err);
    int status = lua_cpcall(vm->lua, set_up, vm);
    if (status == LUA_ERRMEM || (status != 0 && vm->reserve == NULL))
        return tm__vm_memory_error_of(vm, err);
    if (status != 0)
        return tm_error_set(err, TM_E_INTERNAL, "the Lua side does not start: %s",
                            lua_tostring(vm->lua, -1));
    return 0;
}

// --- bound to its job

static int push_boot(struct tm_vm *vm, void *arg)
{
    lua_State *lua = vm->lua;

    (void)arg;
    lua_createtable(lua, 0, 8);
    lua_pushstring(lua, vm->path);
    lua_setfield(lua, -2, "path");
    lua_pushlstring(lua, (const char *)vm->text.data, vm->text.size_bytes);
    lua_setfield(lua, -2, "text");
    lua_pushnumber(lua, (lua_Number)(vm->seed >> 11)); // 53 bits: what a Lua number holds
    lua_setfield(lua, -2, "seed");
    lua_pushnumber(lua, (lua_Number)(uintptr_t)vm->helpers);
    lua_setfield(lua, -2, "helpers");
    lua_createtable(lua, 0, (int)vm->set_count);
    for (uint32_t i = 0; i < vm->set_count; i++) {
        lua_pushstring(lua, vm->set_values[i]);
        lua_setfield(lua, -2, vm->set_names[i]);
    }
    lua_setfield(lua, -2, "set");
    lua_pushboolean(lua, vm->one_liner);
    lua_setfield(lua, -2, "one_liner");
    lua_pushboolean(lua, vm->test);
    lua_setfield(lua, -2, "test");
    lua_pushboolean(lua, vm->program);
    lua_setfield(lua, -2, "program");
    tm__vm_push_services(vm);
    return 1;
}

static int take_script(struct tm_vm *vm, const struct tm_vm_args *args, struct tm_error *err)
{
    char *path = tm_mem_strdup(&vm->own, args->script_path);

    if (path == NULL)
        return no_memory(err);
    tm_mem_free(&vm->own, vm->path, strlen(vm->path) + 1);
    vm->path = path;
    int rc = tm_buf_append(&vm->text, args->script_text, args->script_length);
    return rc == 0 ? 0 : no_memory(err);
}

static int bind(struct tm_vm *vm, const struct tm_vm_args *args, struct tm_error *err)
{
    vm->seed = args->seed;
    vm->one_liner = args->one_liner;
    vm->test = args->test;
    vm->program = args->program;
    int rc = take_script(vm, args, err);
    if (rc != 0)
        return rc;
    vm->set_names = args->set_names;
    vm->set_values = args->set_values;
    vm->set_count = args->set_count;
    rc = tm__vm_enter(vm, &(struct tm__vm_entry){.name = "boot", .push = push_boot}, err);
    vm->set_names = vm->set_values = NULL;
    vm->set_count = 0;
    return rc == 0 && vm->reserve == NULL ? tm__vm_memory_error_of(vm, err) : rc;
}

// --- kept

static uint64_t mix(uint64_t key, const void *bytes, size_t size)
{
    return (key + size) * UINT64_C(0x9E3779B97F4A7C15) ^ tm_hash_bytes(bytes, size);
}

// Of all that a script can build its job from, unless it asks for more.
static uint64_t key_of(const struct tm_vm_args *args)
{
    const uint8_t flags[] = {args->one_liner, args->test, args->program};
    uint64_t key = mix(args->seed, flags, sizeof flags);

    key = mix(key, args->script_path, strlen(args->script_path));
    key = mix(key, args->script_text, args->script_length);
    for (uint32_t i = 0; i < args->set_count; i++) {
        key = mix(key, args->set_names[i], strlen(args->set_names[i]));
        key = mix(key, args->set_values[i], strlen(args->set_values[i]));
    }
    return key <= LOADED ? LOADED + 1 : key;
}

static struct tm_vm *recall(const struct tm_vm_args *args, const struct tm_fx *heap, uint64_t key)
{
    const struct tm_fx *fx = args->fx;
    struct tm_vm *vm = fx->states->recall(fx->ctx, heap, key);

    if (vm == NULL)
        return NULL;
    vm->fx = fx;
    tm_mem_init(&vm->reserve_mem, fx, NULL, 0);
    vm->reserve = NULL;
    return vm;
}

static void keep(struct tm_vm *vm, uint64_t key)
{
    if (vm->heap != NULL)
        vm->fx->states->keep(vm->fx->ctx, vm->heap, key, vm);
}

static void let_compile(struct tm_vm *vm)
{
    const struct tm_fx *fx = vm->fx;

    if (vm->compiles || !fx->states->compiles(fx->ctx))
        return;
    vm->compiles = true;
    luaJIT_setmode(vm->lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
    lua_gc(vm->lua, LUA_GCRESTART, -1); // once there is twice as much
}

static bool is_shared(const struct tm_vm *vm)
{
    const struct tm_fx *fx = vm->fx;

    return fx->states != NULL && fx->states->shares != NULL && fx->states->shares(fx->ctx);
}

struct tm_vm *tm_vm_shared(struct tm_vm *vm)
{
    return vm != NULL && is_shared(vm) ? vm : NULL;
}

int tm__vm_run_script(struct tm_vm *vm, struct tm_error *err)
{
    if (vm->has_run && vm->holders > 1) // when it planned
        return 0;
    int rc = vm->is_built ? 0 : tm__vm_enter(vm, &(struct tm__vm_entry){.name = "script"}, err);
    bool keeps = rc == 0 && vm->heap != NULL && !vm->is_built && !vm->asked;

    if (keeps) // also for the states that run the job, where this one only plans it
        rc = tm__vm_enter(vm, &(struct tm__vm_entry){.name = "prepare"}, err);
    if (keeps && rc == 0) {
        vm->is_built = true;
        keep(vm, vm->key);
    }
    vm->is_built = false;
    vm->has_run = rc == 0;
    let_compile(vm);
    return rc;
}

// --- the whole

// As far as an earlier one has come, or anew. The script's text is there. On failure *out is what
// there is of it.
static int begin(const struct tm_vm_args *args, struct tm_vm **out, struct tm_error *err)
{
    const struct tm_fx *fx = args->fx;
    uint64_t key = fx->states == NULL ? 0 : key_of(args);
    const struct tm_fx *heap = key == 0 ? NULL : fx->states->open(fx->ctx, key);
    struct tm_vm *vm = heap == NULL ? NULL : recall(args, heap, key);
    bool bound = vm != NULL;

    if (heap != NULL && !bound)
        vm = recall(args, heap, LOADED);
    bool loaded = vm != NULL;
    if (!loaded)
        vm = vm_in(heap, args);
    *out = vm;
    if (vm == NULL) {
        if (heap != NULL)
            fx->states->close(fx->ctx, heap);
        return no_memory(err);
    }
    vm->infer = args->infer;
    vm->infer_arg = args->infer_arg;
    if (loaded && (!tm_mem_adopt(&vm->own, args->mem) || !tm_mem_adopt(&vm->mem, args->mem) ||
                   !tm__vm_take_reserve(vm)))
        return no_memory(err);
    int rc = loaded ? 0 : load(vm, err);
    if (rc == 0 && !loaded)
        keep(vm, LOADED);
    vm->key = key;
    return rc != 0 || bound ? rc : bind(vm, args, err);
}

int tm_vm_new(const struct tm_vm_args *args, struct tm_vm **out, struct tm_error *err)
{
    *out = args->shared;
    if (args->shared != NULL) {
        args->shared->holders++;
        return 0;
    }
    if (args->memory_limit_bytes != 0 && args->memory_limit_bytes < TM_LUA_MEMORY_BYTES_MIN)
        return tm_error_set(err, TM_E_LIMIT,
                            "the memory of Lua is %lld bytes; at least %d are needed",
                            (long long)args->memory_limit_bytes, TM_LUA_MEMORY_BYTES_MIN);
    struct tm_vm *vm = NULL;
    struct tm_vm_args own = *args;
    struct tm_buf read;
    int rc = 0;
    tm_buf_init(&read, args->mem);
    if (args->script_text == NULL) {
        rc = tm__vm_read_file(args->fx, args->script_path, &read, err);
        own.script_text = (const char *)read.data;
        own.script_length = read.size_bytes;
    }
    rc = rc != 0 ? rc : begin(&own, &vm, err);
    tm_buf_fini(&read);
    if (rc != 0) {
        tm_vm_free(vm);
        return rc;
    }
    tm__vm_set_limit(vm, args->memory_limit_bytes);
    *out = vm;
    return 0;
}

void tm_vm_free(struct tm_vm *vm)
{
    if (vm == NULL || --vm->holders != 0)
        return;
    const struct tm_fx *fx = vm->fx, *heap = vm->heap;
    tm__vm_end_limit(vm);
    if (vm->lua != NULL && heap == NULL)
        lua_close(vm->lua);
    else if (vm->lua != NULL && vm->compiles) // compiled code lies in no heap
        luaJIT_setmode(vm->lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_FLUSH);
    tm_text_free(vm->helpers); // after the collector freed its regular expressions
    (void)tm__vm_open_reserve(vm);
    tm__vm_close_account(&vm->mem);
    if (heap != NULL) {
        tm__vm_close_account(&vm->own);
        fx->states->close(fx->ctx, heap);
        return;
    }
    tm_buf_fini(&vm->text);
    tm_buf_fini(&vm->read);
    if (vm->path != NULL)
        tm_mem_free(&vm->own, vm->path, strlen(vm->path) + 1);
    struct tm_mem own = vm->own; // the state counts in it
    tm_mem_free(&own, vm, sizeof *vm);
}
