// A block: some rows of a batch with their keys and values, worked on together. As many as fit the
// first-level cache with their entries: what the upsert fetched is still there when accumulators
// are updated.
#pragma once

#include <stdarg.h>

#include "core/state/state.h"
#include "core/task/operator.h"
#include "core/vm/vm.h"

enum { TM__OPERATOR_BLOCK = 256 };

struct tm__operator_block {
    uint32_t count;
    const struct tm_row *rows[TM__OPERATOR_BLOCK];
    struct tm_namespace *namespaces[TM__OPERATOR_BLOCK];
    struct tm_key keys[TM__OPERATOR_BLOCK];
    void *values[TM__OPERATOR_BLOCK];
};

// Makes the keys of a block's rows.
struct tm__operator_keys {
    struct tm_key_reader reader;
    struct tm_buf scratch; // of one key of several columns
    struct tm_buf bytes;   // such keys of the block
};
void tm__operator_keys_init(struct tm__operator_keys *keys, struct tm_mem *mem,
                            const struct tm_schema *schema, const struct tm_key_spec *spec);
void tm__operator_keys_fini(struct tm__operator_keys *keys); // also of one that is all zero
// Keys hold until the next call. TM_E_MEMORY.
int tm__operator_keys_read(struct tm__operator_keys *keys,
                           struct tm__operator_block *block) TM_WARN_UNUSED;

// Takes the rows from *row on into the block, up to `end` or as many as it holds, with their keys
// (NULL: without); *row is the next one then. TM_E_MEMORY.
int tm__operator_block_fill(struct tm__operator_keys *keys, struct tm__operator_block *block,
                            const struct tm_row **row, const void *end) TM_WARN_UNUSED;
// The same, with the values of the keys in the namespace of the state, made where there are none.
// The operator's error.
int tm__operator_block_upsert(const struct tm_operator *op, struct tm__operator_keys *keys,
                              struct tm__operator_block *block, struct tm_state *state,
                              struct tm_namespace *ns, const struct tm_row **row, const void *end,
                              struct tm_error *err) TM_WARN_UNUSED;

// The state of an operator's subtask: its share of the key groups.
int tm__operator_state_new(const struct tm_operator *op, uint32_t value_bytes,
                           struct tm_state **state, struct tm_error *err) TM_WARN_UNUSED;
// Its only namespace, made where nothing is in it yet. NULL: out of memory.
struct tm_namespace *tm__operator_state_only(struct tm_state *state) TM_WARN_UNUSED;
// Adds the state (NULL is fine) to what the operator keeps.
void tm__operator_kept(struct tm_state *state, struct tm_kept *kept);
void tm__operator_key_groups(const struct tm_operator *op, uint32_t *first, uint32_t *last);

// The settled output schema of the operator's node; an error when there is none yet.
struct tm_schema *tm__operator_output(const struct tm_operator *op,
                                      struct tm_error *err) TM_WARN_UNUSED;
int tm__operator_out_of_memory(const struct tm_operator *op, struct tm_error *err);
// Runs a chunk over all rows of its context, none of which it may leave. `failure` is where its
// failing rows say why the job stops: cleared before, and what `err` is when one has.
int tm__operator_run_all(const struct tm_operator *op, struct tm_vm_chain *chain,
                         struct tm_error *failure, struct tm_error *err) TM_WARN_UNUSED;
// For tm_vm_chain_args.grow: room for so many bytes more behind what a chunk has written into the
// batch. TM_E_MEMORY, TM_E_LIMIT.
int tm__operator_grow(struct tm_batch *batch, struct tm_chain_ctx *entry,
                      uint64_t more) TM_WARN_UNUSED;
// `name`, which begins with $, without that where no column is called so: names that begin with $
// are the engine's.
const char *tm__operator_free_name(const struct tm_field_def *defs, uint32_t count,
                                   const char *name);
// A row (may be NULL) of the operator's node failed; or what the row stands for.
int tm__operator_row_failed(const struct tm_operator *op, const struct tm_schema *schema,
                            const struct tm_row *row, int code, struct tm_error *err,
                            const char *fmt, ...) TM_PRINTF(6, 7) TM_WARN_UNUSED;
int tm__operator_failed(const struct tm_operator *op, enum tm_failed failed,
                        const struct tm_schema *schema, const struct tm_row *row, int code,
                        struct tm_error *err, const char *fmt, va_list args) TM_WARN_UNUSED;
// Takes the rows that fail out of a batch; the others move together, in place. `look` says 1 of a
// row that has failed and been told of, 0 of one that stays; a negative code ends it.
typedef int tm__operator_look(struct tm_operator *op, const struct tm_batch *batch,
                              const struct tm_row *row, struct tm_error *err);
int tm__operator_drop_rows(struct tm_operator *op, struct tm_batch *batch, tm__operator_look *look,
                           struct tm_error *err) TM_WARN_UNUSED;
