// Functions of the job that say how far two rows are apart: of delta triggers and delta evictors.
// Pairs go to the chunk many at a time (lua/codegen/pairs.lua); their distances come back in the
// place of the first of each.
#include "core/operator/windows/windows.h"

#include "core/vm/vm.h"

struct tm__windows_pairs {
    struct tm__windows *windows;
    struct tm_vm_chain *chain;
    uint32_t failed; // of the pairs under way
    uint8_t *slots[2 * TM__OPERATOR_BLOCK];
};

// --- what failed ---------------------------------------------------------------------------------

static int on_fail(void *arg, uint32_t node, const struct tm_row *row, uint32_t row_of, int code,
                   const char *message, size_t length)
{
    struct tm__windows_pairs *pairs = arg;
    (void)node;
    (void)row;
    (void)row_of;
    return pairs->failed++ == 0
               ? tm__windows_tell(pairs->windows, code, message, length, &pairs->windows->failure)
               : 0;
}

static int on_buckets(void *arg, struct tm_metric_slot *slot)
{
    struct tm__windows_pairs *pairs = arg;
    return tm_task_buckets(pairs->windows->base.ctx, slot);
}

// --- asking --------------------------------------------------------------------------------------

int tm__windows_pairs_ask(struct tm__windows_pairs *pairs, const struct tm_row *const *a,
                          uint32_t count, const struct tm_row *b, double *distances,
                          struct tm_error *err)
{
    struct tm__windows *self = pairs->windows;
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(pairs->chain);
    TM_CHECK(count <= TM__OPERATOR_BLOCK);
    for (uint32_t i = 0; i < count; i++) {
        pairs->slots[2 * i] = (uint8_t *)(uintptr_t)a[i];
        pairs->slots[2 * i + 1] = (uint8_t *)(uintptr_t)b;
    }
    entry->in = entry->in_end = (const uint8_t *)b;
    entry->in_rows = count;
    entry->slots = pairs->slots;
    entry->slot_index = 0;
    entry->now_ms = self->base.ctx->now_ms;
    pairs->failed = 0;
    int rc = tm__operator_run_all(&self->base, pairs->chain, &self->failure, err);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < count; i++)
        memcpy(&distances[i], &pairs->slots[2 * i], sizeof distances[i]);
    return pairs->failed != 0;
}

// --- life ----------------------------------------------------------------------------------------

int tm__windows_pairs_new(struct tm__windows *self, const char *role,
                          struct tm__windows_pairs **made, struct tm_error *err)
{
    struct tm_task_context *ctx = self->base.ctx;
    struct tm__windows_pairs *pairs = tm_mem_zalloc(self->mem, sizeof *pairs);
    if (pairs == NULL)
        return tm__operator_out_of_memory(&self->base, err);
    pairs->windows = self;
    *made = pairs;
    struct tm_vm_chain_args args = {
        .nodes = &self->base.node->id,
        .node_count = 1,
        .subtask = ctx->subtask,
        .parallelism = ctx->chain->parallelism,
        .arg = pairs,
        .role = role,
        .slots_of = self->user_metrics == NULL ? NULL : &self->user_metrics,
        .buckets = on_buckets,
        .fail = on_fail,
    };
    return tm_vm_chain_new(ctx->vm, &args, &pairs->chain, err);
}

struct tm_vm_chain *tm__windows_pairs_chunk(const struct tm__windows_pairs *pairs)
{
    return pairs == NULL ? NULL : pairs->chain;
}

void tm__windows_pairs_free(struct tm__windows_pairs *pairs)
{
    if (pairs == NULL)
        return;
    if (pairs->chain != NULL)
        tm_vm_chain_free(pairs->chain);
    tm_mem_free(pairs->windows->mem, pairs, sizeof *pairs);
}
