// The memory of a lua_State: every byte is counted in the state's account and bounded by its limit.
// Past the limit an allocation is refused and Lua raises "not enough memory" in the code that
// asked.
#include <lauxlib.h>

#include "core/vm/vm_private.h"

void *tm__vm_alloc(void *ud, void *p, size_t old_size, size_t new_size)
{
    struct tm_vm *vm = ud;

    if (p == NULL)
        old_size = 0;
    if (new_size == 0) {
        tm_mem_free(&vm->mem, p, old_size);
        return NULL;
    }
    if (new_size > old_size && vm->limit_bytes != 0 &&
        tm_vm_used_bytes(vm) + (int64_t)(new_size - old_size) > vm->limit_bytes) {
        vm->limit_hit = true;
        return NULL;
    }
    if (p == NULL)
        return tm_mem_alloc(&vm->mem, new_size);
    void *moved = tm_mem_realloc(&vm->mem, p, old_size, new_size);
    return moved == NULL && new_size < old_size ? p : moved; // Lua relies on shrinking
}

int64_t tm_vm_used_bytes(const struct tm_vm *vm)
{
    // Written by the thread of the state alone; other threads read a recent value.
    return __atomic_load_n((const int64_t *)&vm->mem.used_bytes, __ATOMIC_RELAXED);
}

// A closure whose upvalues could not all be allocated is freed by LuaJIT as one without any, so
// after a refusal a state gives back less than it took, although every block is freed. Correct the
// accounts.
void tm__vm_close_account(struct tm_vm *vm)
{
    int64_t left = tm_vm_used_bytes(vm);

    for (struct tm_mem *mem = &vm->mem; left != 0 && mem != NULL; mem = mem->parent)
        __atomic_sub_fetch((int64_t *)&mem->used_bytes, left, __ATOMIC_RELAXED);
}

static int collect(lua_State *lua)
{
    lua_gc(lua, LUA_GCCOLLECT, 0);
    return 0;
}

void tm__vm_relieve(struct tm_vm *vm)
{
    int64_t used = tm_vm_used_bytes(vm);

    if (vm->limit_bytes == 0 || used < vm->limit_bytes / 2) {
        vm->limit_hit = false;
        return;
    }
    // A full collection costs time in proportion to what lives: only when enough was added since.
    int64_t added = used - vm->collected_bytes;
    if (!vm->limit_hit && added < vm->limit_bytes / 8)
        return;
    vm->limit_hit = false;
    if (lua_cpcall(vm->lua, collect, NULL) != 0)
        lua_settop(vm->lua, 0);
    vm->collected_bytes = tm_vm_used_bytes(vm);
}
