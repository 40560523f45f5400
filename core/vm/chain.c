// Generated chunks in a state: bound to a context of constant address, entered once per batch by
// one protected call through cached references; and the two functions that chunks call back.
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/vm/vm_private.h"

struct tm_vm_chain {
    struct tm_chain_ctx ctx;
    struct tm_vm *vm;
    struct tm_vm_chain_args args; // nodes: our copy
    uint32_t *nodes;
    size_t counts_bytes;
    struct tm_buf proposal;
    int run, finish, text, release, recover, handler, position, open; // registry references
};

// --- called by chunks through the FFI

int tm_chain_grow(struct tm_chain_ctx *ctx, uint64_t more)
{
    struct tm_vm_chain *chain = ctx->owner;
    return chain->args.grow(chain->args.arg, ctx, more);
}

int tm_chain_grow_side(struct tm_chain_ctx *ctx, uint32_t side, uint64_t more)
{
    struct tm_vm_chain *chain = ctx->owner;
    return chain->args.grow_side(chain->args.arg, ctx, side, more);
}

int tm_chain_buckets(struct tm_chain_ctx *ctx, struct tm_metric_slot *slot)
{
    struct tm_vm_chain *chain = ctx->owner;
    return chain->args.buckets(chain->args.arg, slot);
}

const uint8_t *tm_chain_blob(struct tm_chain_ctx *ctx, uint8_t **slot, int side, const uint8_t *ref)
{
    struct tm_vm_chain *chain = ctx->owner;
    return chain->args.blob(chain->args.arg, slot, side, ref);
}

int tm_chain_keep(struct tm_chain_ctx *ctx, uint8_t **slot, uint8_t *ref, const uint8_t *p,
                  uint32_t length)
{
    struct tm_vm_chain *chain = ctx->owner;
    return chain->args.keep(chain->args.arg, slot, ref, p, length);
}

int tm_chain_timer(struct tm_chain_ctx *ctx, uint8_t **slot, int domain, int remove, double at,
                   const char *name, uint32_t length)
{
    struct tm_vm_chain *chain = ctx->owner;
    return chain->args.timer(chain->args.arg, slot, domain, remove != 0, (int64_t)at, name, length);
}

int tm_chain_settle(struct tm_chain_ctx *ctx, int keep)
{
    struct tm_vm_chain *chain = ctx->owner;
    return chain->args.settle(chain->args.arg, keep != 0);
}

int tm_chain_map_find(struct tm_chain_ctx *ctx, uint8_t **slot, int n, const uint8_t *key,
                      uint32_t key_length, double at)
{
    const struct tm_vm_chain_args *args = &((struct tm_vm_chain *)ctx->owner)->args;
    return args->collections->map_find(args->collections_arg, slot, (uint32_t)n, key, key_length,
                                       at);
}

int tm_chain_map_put(struct tm_chain_ctx *ctx, uint8_t **slot, int n, const uint8_t *key,
                     uint32_t key_length, const uint8_t *value, uint32_t length, double at)
{
    const struct tm_vm_chain_args *args = &((struct tm_vm_chain *)ctx->owner)->args;
    return args->collections->map_put(args->collections_arg, slot, (uint32_t)n, key, key_length,
                                      value, length, at);
}

int tm_chain_map_remove(struct tm_chain_ctx *ctx, uint8_t **slot, int n, const uint8_t *key,
                        uint32_t key_length)
{
    const struct tm_vm_chain_args *args = &((struct tm_vm_chain *)ctx->owner)->args;
    return args->collections->map_remove(args->collections_arg, slot, (uint32_t)n, key, key_length);
}

int tm_chain_list_append(struct tm_chain_ctx *ctx, uint8_t **slot, int n, const uint8_t *value,
                         uint32_t length, double at)
{
    const struct tm_vm_chain_args *args = &((struct tm_vm_chain *)ctx->owner)->args;
    return args->collections->list_append(args->collections_arg, slot, (uint32_t)n, value, length,
                                          at);
}

int tm_chain_list_find(struct tm_chain_ctx *ctx, uint8_t **slot, int n, double i, double at)
{
    const struct tm_vm_chain_args *args = &((struct tm_vm_chain *)ctx->owner)->args;
    return args->collections->list_find(args->collections_arg, slot, (uint32_t)n, i, at);
}

double tm_chain_size(struct tm_chain_ctx *ctx, uint8_t **slot, int n)
{
    const struct tm_vm_chain_args *args = &((struct tm_vm_chain *)ctx->owner)->args;
    return (double)args->collections->size(args->collections_arg, slot, (uint32_t)n);
}

int tm_chain_clear(struct tm_chain_ctx *ctx, uint8_t **slot, int n)
{
    const struct tm_vm_chain_args *args = &((struct tm_vm_chain *)ctx->owner)->args;
    return args->collections->clear(args->collections_arg, slot, (uint32_t)n);
}

double tm_chain_walk(struct tm_chain_ctx *ctx, uint8_t **slot, int n)
{
    const struct tm_vm_chain_args *args = &((struct tm_vm_chain *)ctx->owner)->args;
    return args->collections->walk(args->collections_arg, slot, (uint32_t)n);
}

int tm_chain_walk_next(struct tm_chain_ctx *ctx, double walk, double at)
{
    const struct tm_vm_chain_args *args = &((struct tm_vm_chain *)ctx->owner)->args;
    return args->collections->walk_next(args->collections_arg, walk, at);
}

int tm_chain_draw(struct tm_chain_ctx *ctx, uint8_t **slot)
{
    const struct tm_vm_chain *chain = ctx->owner;
    uint64_t of[4] = {chain->vm->seed, chain->args.draws_of, 0, 0}, words[2];
    int rc = chain->args.draw(chain->args.arg, slot, &of[2], &of[3]);
    if (rc != 0)
        return rc;
    words[0] = tm_hash_bytes(of, sizeof of);
    of[0] = ~of[0];
    words[1] = tm_hash_bytes(of, sizeof of);
    memcpy(ctx->drawn, words, sizeof words);
    return 0;
}

// The chunk sees only Lua's text of it; a place may stand in front.
static const char out_of_memory[] = "not enough memory";

static uint32_t describe_shortage(struct tm_vm *vm, const char *message, uint32_t length,
                                  char *text, size_t size)
{
    struct tm_error err = {0};
    const char *end = memmem(message, length, out_of_memory, sizeof out_of_memory - 1);
    int place = (int)(end - message) < 200 ? (int)(end - message) : 0;

    (void)tm__vm_memory_error(vm, &err);
    int n = snprintf(text, size, "%.*s%s\n  hint: %s", place, message, err.message, err.hint);
    return n < (int)size ? (uint32_t)n : (uint32_t)size - 1;
}

int tm_chain_fail(struct tm_chain_ctx *ctx, uint32_t node, const uint8_t *row, uint32_t row_of,
                  int code, const char *message, uint32_t length)
{
    struct tm_vm_chain *chain = ctx->owner;

    char text[512];

    if ((code == TM_E_USER_CODE || code == TM_E_USER_MEMORY) &&
        chain->vm->shortage != TM__VM_SHORT_NOT &&
        memmem(message, length, out_of_memory, sizeof out_of_memory - 1) != NULL) {
        // The machine's want is no fault of a row that could be skipped.
        if (chain->vm->shortage == TM__VM_SHORT_MACHINE)
            return TM_E_MEMORY;
        code = TM_E_USER_MEMORY;
        length = describe_shortage(chain->vm, message, length, text, sizeof text);
        message = text;
    }
    return chain->args.fail(chain->args.arg, node, (const struct tm_row *)(const void *)row, row_of,
                            code, message, length);
}

// --- making one

static int push_nodes(struct tm_vm *vm, const uint32_t *nodes, uint32_t count)
{
    lua_createtable(vm->lua, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        lua_pushnumber(vm->lua, nodes[i]);
        lua_rawseti(vm->lua, -2, (int)i + 1);
    }
    return 1;
}

static int push_chain(struct tm_vm *vm, void *arg)
{
    struct tm_vm_chain *chain = arg;
    push_nodes(vm, chain->nodes, chain->args.node_count);
    lua_pushnumber(vm->lua, (lua_Number)(uintptr_t)&chain->ctx);
    lua_pushnumber(vm->lua, chain->args.subtask);
    lua_pushnumber(vm->lua, chain->args.parallelism);
    lua_pushboolean(vm->lua, chain->args.reads_source);
    if (chain->args.role == NULL)
        return 5;
    lua_pushstring(vm->lua, chain->args.role);
    return 6;
}

static int take_chain(struct tm_vm *vm, void *arg, struct tm_error *err)
{
    struct tm_vm_chain *chain = arg;

    (void)err;
    chain->open = luaL_ref(vm->lua, LUA_REGISTRYINDEX);
    chain->position = luaL_ref(vm->lua, LUA_REGISTRYINDEX);
    chain->handler = luaL_ref(vm->lua, LUA_REGISTRYINDEX);
    chain->recover = luaL_ref(vm->lua, LUA_REGISTRYINDEX);
    chain->release = luaL_ref(vm->lua, LUA_REGISTRYINDEX);
    chain->text = luaL_ref(vm->lua, LUA_REGISTRYINDEX);
    chain->finish = luaL_ref(vm->lua, LUA_REGISTRYINDEX);
    chain->run = luaL_ref(vm->lua, LUA_REGISTRYINDEX);
    return 0;
}

int tm_vm_chain_new(struct tm_vm *vm, const struct tm_vm_chain_args *args, struct tm_vm_chain **out,
                    struct tm_error *err)
{
    struct tm_mem *mem = &vm->mem;
    struct tm_vm_chain *chain = tm_mem_zalloc(mem, sizeof *chain);

    *out = NULL;
    if (chain == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a chunk");
    TM_CHECK(args->node_count > 0 && args->fail != NULL &&
             (args->grow != NULL || args->role != NULL));
    chain->vm = vm;
    chain->args = *args;
    chain->run = chain->finish = chain->text = LUA_NOREF;
    chain->release = chain->recover = chain->handler = chain->position = chain->open = LUA_NOREF;
    tm_buf_init(&chain->proposal, mem);
    chain->counts_bytes = (size_t)args->node_count * TM_CHAIN_COUNTS * sizeof(uint64_t);
    chain->nodes = tm_mem_alloc(mem, args->node_count * sizeof *chain->nodes);
    chain->ctx.counts = tm_mem_zalloc(mem, chain->counts_bytes);
    chain->ctx.out_full = TM_BATCH_ROWS;
    chain->ctx.out_full_bytes = TM_BATCH_BYTES;
    chain->ctx.slots_of = args->slots_of;
    chain->ctx.owner = chain;
    if (chain->nodes == NULL || chain->ctx.counts == NULL) {
        tm_vm_chain_free(chain);
        return tm_error_set(err, TM_E_MEMORY, "no memory for a chunk");
    }
    memcpy(chain->nodes, args->nodes, args->node_count * sizeof *chain->nodes);
    chain->args.nodes = chain->nodes;
    int rc = tm__vm_enter(
        vm,
        &(struct tm__vm_entry){
            .name = "chain", .push = push_chain, .results = 8, .take = take_chain, .arg = chain},
        err);
    if (rc != 0) {
        tm_vm_chain_free(chain);
        return rc;
    }
    *out = chain;
    return 0;
}

// The error on top of the stack left the function of a node that ran unprotected: accounts for its
// row and calls `function` again for those behind it, until the input is used up or an error is no
// row's. The status of the last call, its result or error on top of the stack. Bounded: each turn
// uses up a row.
static int recover(struct tm_vm_chain *chain, int function, int status)
{
    lua_State *lua = chain->vm->lua;

    while (status != 0 && chain->ctx.under_way != 0) {
        lua_rawgeti(lua, LUA_REGISTRYINDEX, chain->recover);
        lua_insert(lua, -2);
        lua_pushnumber(lua, chain->ctx.under_way);
        chain->ctx.under_way = 0;
        status = lua_pcall(lua, 2, 1, -4);
        if (status != 0 || lua_tointeger(lua, -1) != 0)
            break;
        lua_pop(lua, 1);
        lua_rawgeti(lua, LUA_REGISTRYINDEX, function);
        status = lua_pcall(lua, 0, 1, -2);
    }
    return status;
}

static int call(struct tm_vm_chain *chain, int function, struct tm_error *err)
{
    lua_State *lua = chain->vm->lua;

    lua_rawgeti(lua, LUA_REGISTRYINDEX, chain->handler);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, function);
    int status = lua_pcall(lua, 0, 1, -2);
    if (TM_UNLIKELY(status != 0))
        status = recover(chain, function, status);
    if (status != 0) {
        int rc = tm__vm_take_error(chain->vm, status, err);
        lua_pop(lua, 1); // the handler
        return rc;
    }
    int rc = (int)lua_tointeger(lua, -1);
    lua_pop(lua, 2);
    if (TM_UNLIKELY(rc == TM_E_MEMORY) && err != NULL && err->code == 0)
        return tm__vm_memory_error(chain->vm, err);
    if (TM_UNLIKELY(rc < 0) && err != NULL && err->code == 0)
        tm_error_set(err, rc, "%s", tm_error_title(rc));
    return rc;
}

void tm_vm_chain_free(struct tm_vm_chain *chain)
{
    if (chain == NULL)
        return;
    struct tm_mem *mem = &chain->vm->mem;
    lua_State *lua = chain->vm->lua;
    struct tm_error ignored;

    tm_error_clear(&ignored);
    if (chain->release != LUA_NOREF)
        (void)!call(chain, chain->release, &ignored);
    luaL_unref(lua, LUA_REGISTRYINDEX, chain->run);
    luaL_unref(lua, LUA_REGISTRYINDEX, chain->finish);
    luaL_unref(lua, LUA_REGISTRYINDEX, chain->text);
    luaL_unref(lua, LUA_REGISTRYINDEX, chain->release);
    luaL_unref(lua, LUA_REGISTRYINDEX, chain->recover);
    luaL_unref(lua, LUA_REGISTRYINDEX, chain->handler);
    luaL_unref(lua, LUA_REGISTRYINDEX, chain->position);
    luaL_unref(lua, LUA_REGISTRYINDEX, chain->open);
    tm_buf_fini(&chain->proposal);
    tm_mem_free(mem, chain->ctx.counts, chain->counts_bytes);
    tm_mem_free(mem, chain->nodes, chain->args.node_count * sizeof *chain->nodes);
    tm_mem_free(mem, chain, sizeof *chain);
}

struct tm_chain_ctx *tm_vm_chain_ctx(struct tm_vm_chain *chain)
{
    return &chain->ctx;
}

// --- running

int tm_vm_chain_open(struct tm_vm_chain *chain, struct tm_error *err)
{
    return tm__vm_relieve(chain->vm, call(chain, chain->open, err), err);
}

int tm_vm_chain_run(struct tm_vm_chain *chain, struct tm_error *err)
{
    return tm__vm_relieve(chain->vm, call(chain, chain->run, err), err);
}

int tm_vm_chain_finish(struct tm_vm_chain *chain, struct tm_error *err)
{
    return tm__vm_relieve(chain->vm, call(chain, chain->finish, err), err);
}

struct position {
    struct tm_vm_chain *chain;
    int32_t words[TM_VM_DRAW_WORDS];
    bool sets, drawn;
};

static int call_position(lua_State *lua)
{
    struct position *p = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, p->chain->position);
    for (int i = 0; i < TM_VM_DRAW_WORDS && p->sets; i++)
        lua_pushinteger(lua, p->words[i]);
    lua_call(lua, p->sets ? TM_VM_DRAW_WORDS : 0, TM_VM_DRAW_WORDS);
    p->drawn = !lua_isnil(lua, -TM_VM_DRAW_WORDS);
    for (int i = 0; i < TM_VM_DRAW_WORDS && p->drawn; i++)
        p->words[i] = (int32_t)lua_tointeger(lua, i - TM_VM_DRAW_WORDS);
    return 0;
}

static int use_position(struct position *p, struct tm_error *err)
{
    int status = lua_cpcall(p->chain->vm->lua, call_position, p);
    return status == 0 ? 0 : tm__vm_take_error(p->chain->vm, status, err);
}

int tm_vm_chain_drawn(struct tm_vm_chain *chain, int32_t words[TM_VM_DRAW_WORDS],
                      struct tm_error *err)
{
    struct position p = {.chain = chain};
    int rc = use_position(&p, err);
    memcpy(words, p.words, sizeof p.words);
    return rc != 0 ? rc : p.drawn;
}

int tm_vm_chain_draw_on(struct tm_vm_chain *chain, const int32_t words[TM_VM_DRAW_WORDS],
                        struct tm_error *err)
{
    struct position p = {.chain = chain, .sets = true};
    memcpy(p.words, words, sizeof p.words);
    return use_position(&p, err);
}

static int copy_proposal(lua_State *lua)
{
    struct tm_vm_chain *chain = lua_touserdata(lua, 1);
    size_t length;

    lua_rawgeti(lua, LUA_REGISTRYINDEX, chain->text);
    lua_call(lua, 0, 1);
    const char *text = lua_tolstring(lua, -1, &length);
    chain->proposal.size_bytes = 0;
    if (text != NULL && tm_buf_append(&chain->proposal, text, length) != 0)
        chain->proposal.size_bytes = 0;
    return 0;
}

const char *tm_vm_chain_proposal(struct tm_vm_chain *chain, size_t *length)
{
    if (lua_cpcall(chain->vm->lua, copy_proposal, chain) != 0) {
        lua_pop(chain->vm->lua, 1);
        chain->proposal.size_bytes = 0;
    }
    *length = chain->proposal.size_bytes;
    return chain->proposal.size_bytes == 0 ? "" : (const char *)chain->proposal.data;
}

// --- the generated text

struct source {
    const uint32_t *nodes;
    uint32_t count;
    struct tm_buf *out;
};

static int push_source(struct tm_vm *vm, void *arg)
{
    struct source *s = arg;
    return push_nodes(vm, s->nodes, s->count);
}

static int take_source(struct tm_vm *vm, void *arg, struct tm_error *err)
{
    struct source *s = arg;
    size_t length;
    const char *text = lua_tolstring(vm->lua, -1, &length);

    if (text == NULL)
        return tm_error_set(err, TM_E_INTERNAL, "a chunk has no text");
    if (tm_buf_append(s->out, text, length) != 0)
        return tm_error_set(err, TM_E_MEMORY, "no memory for the text of a chunk");
    return 0;
}

int tm_vm_chain_source(struct tm_vm *vm, const uint32_t *nodes, uint32_t node_count,
                       struct tm_buf *out, struct tm_error *err)
{
    struct source s = {.nodes = nodes, .count = node_count, .out = out};
    return tm__vm_enter(
        vm,
        &(struct tm__vm_entry){
            .name = "source", .push = push_source, .results = 1, .take = take_source, .arg = &s},
        err);
}
