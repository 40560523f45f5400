// Custom aggregates of windows: the accumulator is a row of its own schema in the key's value,
// which the job's functions change in place (lua/codegen/accumulate.lua). A text or nested column's
// slot is a tm_blob of the state instead of a reference into the row. A value whose size is 0 has
// taken no row yet: of a new key, or of one all of whose rows failed.
#pragma once

#include "core/operator/result.h"
#include "core/vm/vm.h"

struct tm__operator_custom {
    struct tm_metric_slot *user_metrics; // of the node, or NULL
    struct tm_operator *op;
    struct tm_mem *mem;
    struct tm_schema *input;  // of the rows under way
    struct tm_schema *schema; // of accumulators
    uint32_t first;           // their first column in the output
    struct tm_vm_chain *add, *merge;

    // Under way: the accumulators of a run of rows, or pairs of one that takes in and one that is
    // taken; and where each lives.
    uint32_t count;
    uint8_t *slots[2 * TM__OPERATOR_BLOCK];
    struct tm_state *state; // add
    uint32_t key_groups[TM__OPERATOR_BLOCK];
    struct tm_namespace *namespaces[TM__OPERATOR_BLOCK];
    struct tm__operator_home into, from;  // merge: the owner's to set, of all pairs
    uint64_t *spoilt[TM__OPERATOR_BLOCK]; // merge: set when it fails
    bool quiet;                           // merge: its failures are not told
    const struct tm_row *joining; // merge: by which values come together, of `input`: a failure is
                                  // its. NULL: of what is to be made of the values
    uint32_t failed;              // rows of the run
    struct tm_error failure;      // of a row, when it ends the job
    // add: who is told of failures instead, where rows are added to what a firing computes.
    int (*instead)(void *arg, int code, const char *message, size_t length, struct tm_error *why);
    void *instead_arg;
};

static inline bool tm__operator_custom_is_new(const void *value)
{
    return ((const struct tm_row *)value)->size_bytes == 0;
}

// In the last word of a merged value: its failure has been told. Else the number of the aggregate
// that overflowed, from 1.
#define TM__CUSTOM_TOLD UINT64_MAX

// For the operator of a node with a custom aggregate.
int tm__operator_custom_new(struct tm_operator *op, struct tm_mem *mem,
                            struct tm__operator_custom **custom,
                            struct tm_error *err) TM_WARN_UNUSED;
// Once types are settled: what the output schema says of the accumulator. `aggregates` become
// these.
int tm__operator_custom_open(struct tm__operator_custom *custom, const struct tm_schema *output,
                             struct tm__operator_aggregates *aggregates,
                             struct tm_error *err) TM_WARN_UNUSED;
void tm__operator_custom_free(struct tm__operator_custom *custom); // NULL is fine
// Its chunks, which may draw random numbers; NULL where there is none, or no custom aggregate.
enum { TM__CUSTOM_CHUNKS = 2 };
void tm__operator_custom_chunks(const struct tm__operator_custom *custom,
                                struct tm_vm_chain *chunks[TM__CUSTOM_CHUNKS]);
// The rows of a block into their values in `state`; custom->failed of them failed, which has been
// told.
int tm__operator_custom_add(struct tm__operator_custom *custom, struct tm_state *state,
                            const struct tm__operator_block *block,
                            struct tm_error *err) TM_WARN_UNUSED;

// What an accumulator holds behind what there is in `bytes`; and back into it. TM_E_MEMORY.
int tm__operator_custom_put_aside(const struct tm__operator_custom *custom,
                                  const struct tm__operator_home *home, const void *value,
                                  struct tm_buf *bytes) TM_WARN_UNUSED;
int tm__operator_custom_take_back(const struct tm__operator_custom *custom,
                                  const struct tm__operator_home *home, void *value,
                                  const uint8_t *bytes) TM_WARN_UNUSED;

// Merging `from` in custom->from to `to` in custom->into: pairs are gathered and merged by flush,
// or when there are enough. *spoilt becomes TM__CUSTOM_TOLD where the job's function failed; the
// failure has been told, of custom->joining or of a firing.
int tm__operator_custom_merge(struct tm__operator_custom *custom, void *to, const void *from,
                              uint64_t *spoilt, struct tm_error *err) TM_WARN_UNUSED;
int tm__operator_custom_flush(struct tm__operator_custom *custom,
                              struct tm_error *err) TM_WARN_UNUSED;

// Gives back what the accumulator refers to. TM_E_MEMORY.
int tm__operator_custom_release(const struct tm__operator_custom *custom,
                                const struct tm__operator_home *home, void *value) TM_WARN_UNUSED;
// The accumulator as columns of the row being built. TM_E_MEMORY, TM_E_LIMIT.
int tm__operator_custom_put(const struct tm__operator_custom *custom,
                            const struct tm__operator_home *home, const void *value,
                            struct tm_builder *builder) TM_WARN_UNUSED;
