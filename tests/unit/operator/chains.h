// Doubles of chunks: operators that run functions of the job get these instead of LuaJIT. A test
// sets what a chunk does when it is entered.
#pragma once

#include <check.h>

#include "core/vm/vm.h"

struct chain {
    struct tm_vm_chain_args args;
    struct tm_chain_ctx ctx;
    bool freed;
};
enum { CHAINS_MAX = 64 }; // of all operators of a test
static struct {
    struct chain made[CHAINS_MAX];
    uint32_t count;
    int (*run)(struct chain *chain, struct tm_error *err);
} chains;

int tm_vm_chain_new(struct tm_vm *unused, const struct tm_vm_chain_args *args,
                    struct tm_vm_chain **chain, struct tm_error *err)
{
    (void)unused;
    (void)err;
    ck_assert_uint_lt(chains.count, CHAINS_MAX);
    struct chain *made = &chains.made[chains.count++];
    *made = (struct chain){.args = *args};
    *chain = (struct tm_vm_chain *)(void *)made;
    return 0;
}
void tm_vm_chain_free(struct tm_vm_chain *chain)
{
    struct chain *made = (struct chain *)(void *)chain;
    ck_assert(!made->freed);
    made->freed = true;
}
struct tm_chain_ctx *tm_vm_chain_ctx(struct tm_vm_chain *chain)
{
    return &((struct chain *)(void *)chain)->ctx;
}
int tm_vm_chain_run(struct tm_vm_chain *chain, struct tm_error *err)
{
    ck_assert_ptr_nonnull(chains.run);
    return chains.run((struct chain *)(void *)chain, err);
}
// Nothing is drawn without a key.
int tm_vm_chain_drawn(struct tm_vm_chain *chain, int32_t words[TM_VM_DRAW_WORDS],
                      struct tm_error *err)
{
    (void)chain;
    (void)words;
    (void)err;
    return 0;
}
int tm_vm_chain_draw_on(struct tm_vm_chain *chain, const int32_t words[TM_VM_DRAW_WORDS],
                        struct tm_error *err)
{
    (void)chain;
    (void)words;
    (void)err;
    return 0;
}
const char *tm_vm_chain_proposal(struct tm_vm_chain *chain, size_t *length)
{
    (void)chain;
    *length = 0;
    return "";
}
