// The memory of a lua_State: every byte is counted in the state's account and bounded by its limit.
// The bound is soft, because LuaJIT does not survive every refused allocation, least of all in
// compiled code: past the limit (or once the machine has no memory and the reserve was opened) the
// allocator still gives, and has the code that runs stopped at its next instruction. There what is
// no longer used is collected; what then is still too much becomes an ordinary error of Lua.
// Refused is what passes the grace all the same, and a single wish far beyond the limit.
#include <lauxlib.h>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/vm/vm_private.h"

// --- what is held --------------------------------------------------------------------------------

int64_t tm_vm_used_bytes(const struct tm_vm *vm)
{
    // Written by the thread of the state alone; other threads read a recent value.
    return __atomic_load_n((const int64_t *)&vm->mem.used_bytes, __ATOMIC_RELAXED);
}

// A closure whose upvalues could not all be allocated is freed by LuaJIT as one without any, so
// after a refusal a state gives back less than it took, although every block is freed. Correct the
// accounts. A state in a heap of its own goes with that.
void tm__vm_close_account(struct tm_mem *mem)
{
    int64_t left = __atomic_load_n((const int64_t *)&mem->used_bytes, __ATOMIC_RELAXED);

    for (; left != 0 && mem != NULL; mem = mem->parent)
        __atomic_sub_fetch((int64_t *)&mem->used_bytes, left, __ATOMIC_RELAXED);
}

// Never written to, so it takes addresses and no memory; counted in no account for that reason.
bool tm__vm_take_reserve(struct tm_vm *vm)
{
    if (vm->reserve == NULL)
        vm->reserve = tm_mem_alloc(&vm->reserve_mem, TM_LUA_RESERVE_BYTES);
    return vm->reserve != NULL;
}

bool tm__vm_open_reserve(struct tm_vm *vm)
{
    bool held = vm->reserve != NULL;

    tm_mem_free(&vm->reserve_mem, vm->reserve, TM_LUA_RESERVE_BYTES);
    vm->reserve = NULL;
    return held;
}

// --- stopping code that takes too much -----------------------------------------------------------

static bool past_limit(const struct tm_vm *vm)
{
    return vm->limit_bytes != 0 && tm_vm_used_bytes(vm) > vm->limit_bytes;
}

// The heap at which the next look is due. A full collection costs time in proportion to what lives:
// one is made only when enough was added since the last.
static void set_alarm(struct tm_vm *vm)
{
    int64_t used = tm_vm_used_bytes(vm), next = used + vm->limit_bytes / 8;

    if (vm->limit_bytes == 0) {
        vm->alarm_bytes = vm->hard_bytes = INT64_MAX;
        return;
    }
    vm->alarm_bytes = next > vm->limit_bytes ? next : vm->limit_bytes;
    // What lives past the limit is on its way to an error, which takes a little more.
    vm->hard_bytes = (used > vm->limit_bytes ? used : vm->limit_bytes) + vm->grace_bytes;
}

static void stop_watching(struct tm_vm *vm)
{
    if (!vm->watched)
        return;
    lua_sethook(vm->lua, NULL, 0, 0);
    lua_gc(vm->lua, LUA_GCSETSTEPMUL, vm->step_multiplier);
    vm->watched = false;
}

// True when what lives after a full collection is within the bounds.
static bool recovered(struct tm_vm *vm, lua_State *lua)
{
    // A machine without memory is met again and again, with a full collection each time, unless one
    // gives back a good part.
    bool opened = vm->reserve == NULL;
    int64_t before = tm_vm_used_bytes(vm);
    lua_gc(lua, LUA_GCCOLLECT, 0);
    set_alarm(vm);
    if (past_limit(vm)) {
        vm->shortage = TM__VM_SHORT_LIMIT;
        return false;
    }
    if ((opened && before - tm_vm_used_bytes(vm) < before / 8) || !tm__vm_take_reserve(vm)) {
        vm->shortage = TM__VM_SHORT_MACHINE;
        return false;
    }
    return true;
}

// Between two instructions of interpreted code.
static void on_instruction(lua_State *lua, lua_Debug *at)
{
    void *ud;

    lua_getallocf(lua, &ud);
    struct tm_vm *vm = ud;
    if (recovered(vm, lua)) {
        stop_watching(vm);
        return;
    }
    // What handles the error gets some room, so that a row can fail alone and be described. The
    // second half of the grace gives none: who catches errors and takes more is stopped at once.
    int64_t grace = vm->grace_bytes, used = tm_vm_used_bytes(vm);
    if (vm->shortage == TM__VM_SHORT_LIMIT && used < vm->limit_bytes + grace / 2) {
        stop_watching(vm);
        vm->alarm_bytes = used + grace / 16;
        vm->due = true;
    }
    for (int level = 0; level < 50 && lua_getstack(lua, level, at) == 1; level++) {
        lua_getinfo(lua, "Sl", at);
        if (at->source[0] == '@' && at->currentline > 0) // the job's text, not the engine's
            luaL_error(lua, "%s:%d: not enough memory", at->short_src, at->currentline);
    }
    luaL_error(lua, "not enough memory");
}

// May be called within an allocation, as a debugger's signal handler would: sets flags only.
// Compiled code knows no hook, but it leaves its trace when a cycle of collection has marked
// everything: that cycle begins at once, and is made in one step.
static void watch(struct tm_vm *vm)
{
    if (!vm->running)
        return;
    if (!vm->watched) {
        vm->watched = true;
        lua_sethook(vm->lua, on_instruction, LUA_MASKCOUNT, 1);
        vm->step_multiplier = lua_gc(vm->lua, LUA_GCSETSTEPMUL, 0);
    }
    lua_gc(vm->lua, LUA_GCRESTART, 0);
}

// --- the allocator -------------------------------------------------------------------------------

static void *allocate(struct tm_vm *vm, void *p, size_t old_size, size_t new_size)
{
    return p == NULL ? tm_mem_alloc(&vm->mem, new_size)
                     : tm_mem_realloc(&vm->mem, p, old_size, new_size);
}

// The growth would take the heap past the alarm: may it?
static bool may_pass_alarm(struct tm_vm *vm, int64_t size, int64_t growth)
{
    int64_t used = tm_vm_used_bytes(vm), most = vm->limit_bytes + vm->grace_bytes;

    // What doubles itself gets what it asks for: it was within the bounds before, and is given back
    // at the next instruction. One wish, then the grace again.
    if (used + growth > vm->hard_bytes && used <= most && size <= 2 * most)
        vm->hard_bytes = used + growth + vm->grace_bytes;
    bool granted = used + growth <= vm->hard_bytes;
    if (!granted) {
        vm->shortage = TM__VM_SHORT_LIMIT;
        vm->due = true;
    }
    // A wish that is refused is an error by itself, and what is held may be little.
    if (granted || used > vm->alarm_bytes)
        watch(vm);
    return granted;
}

void *tm__vm_alloc(void *ud, void *p, size_t old_size, size_t new_size)
{
    struct tm_vm *vm = ud;

    if (p == NULL)
        old_size = 0;
    if (new_size == 0) {
        tm_mem_free(&vm->mem, p, old_size);
        return NULL;
    }
    if (TM_UNLIKELY(new_size > old_size &&
                    tm_vm_used_bytes(vm) + (int64_t)(new_size - old_size) > vm->alarm_bytes) &&
        !may_pass_alarm(vm, (int64_t)new_size, (int64_t)(new_size - old_size)))
        return NULL;
    void *moved = allocate(vm, p, old_size, new_size);
    if (TM_LIKELY(moved != NULL))
        return moved;
    if (new_size < old_size)
        return p; // Lua relies on shrinking
    vm->shortage = TM__VM_SHORT_MACHINE;
    watch(vm);
    return tm__vm_open_reserve(vm) ? allocate(vm, p, old_size, new_size) : NULL;
}

void tm__vm_set_limit(struct tm_vm *vm, int64_t limit_bytes)
{
    vm->limit_bytes = limit_bytes;
    vm->grace_bytes = limit_bytes / 4;
    if (vm->grace_bytes < TM_LUA_GRACE_BYTES)
        vm->grace_bytes = TM_LUA_GRACE_BYTES;
    vm->running = true;
    set_alarm(vm);
}

void tm__vm_end_limit(struct tm_vm *vm)
{
    stop_watching(vm);
    vm->running = false;
    vm->limit_bytes = 0;
    set_alarm(vm);
}

// --- after an entry ------------------------------------------------------------------------------

int tm__vm_memory_error(struct tm_vm *vm, struct tm_error *err)
{
    char size[32];

    if (vm->shortage != TM__VM_SHORT_LIMIT) {
        tm_error_set(err, TM_E_MEMORY, "no memory for Lua (%s in use)",
                     tm_text_size(tm_vm_used_bytes(vm), size));
        tm_error_hint(err, "the machine, or a limit set for the process, has no more; a lower "
                           "parallelism needs less");
        return TM_E_MEMORY;
    }
    tm_error_set(err, TM_E_USER_MEMORY, "the job's Lua code needs more than its %s of memory",
                 tm_text_size(vm->limit_bytes, size));
    tm_error_hint(err, "%s", TM__VM_MEMORY_HINT);
    return TM_E_USER_MEMORY;
}

struct relief {
    struct tm_vm *vm;
    bool recovered;
};

static int relieve(lua_State *lua)
{
    struct relief *relief = lua_touserdata(lua, 1);

    relief->recovered = recovered(relief->vm, lua);
    return 0;
}

int tm__vm_relieve(struct tm_vm *vm, int rc, struct tm_error *err)
{
    struct relief relief = {.vm = vm};

    if (TM_LIKELY(!vm->watched && !vm->due)) {
        vm->shortage = TM__VM_SHORT_NOT;
        return rc;
    }
    stop_watching(vm);
    vm->due = false;
    if (lua_cpcall(vm->lua, relieve, &relief) != 0)
        lua_pop(vm->lua, 1);
    if (!relief.recovered && rc >= 0) {
        rc = tm__vm_memory_error(vm, err);
        tm_error_where(err, "%s", vm->path);
    }
    vm->shortage = TM__VM_SHORT_NOT;
    return rc;
}
