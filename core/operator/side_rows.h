// Rows for side outputs that a chunk gives beside those of its stream: a batch for each that is
// read, handed to the task after every entry into the chunk.
#pragma once

#include "core/task/operator.h"
#include "core/vm/chain.ffi.h"

struct tm__operator_side {
    struct tm_schema *schema; // the node's
    struct tm_batch *batch;   // being filled, or NULL
};

struct tm__operator_sides {
    struct tm_task_context *ctx;
    struct tm__operator_side *items; // by number
    struct tm_chain_side *runs;      // what the chunk sees of them
    uint32_t count, node;
};

// Those of `node` that are read. TM_E_MEMORY.
int tm__operator_sides_open(struct tm__operator_sides *sides, struct tm_task_context *ctx,
                            uint32_t node) TM_WARN_UNUSED;
void tm__operator_sides_fini(struct tm__operator_sides *sides); // also of one that is all zero
// Before an entry: room for rows. TM_E_MEMORY.
int tm__operator_sides_prepare(struct tm__operator_sides *sides) TM_WARN_UNUSED;
// Behind it: what was given goes on, as read at `read_ns`. True: there was something, and the
// operator's step must end before the next entry.
bool tm__operator_sides_take(struct tm__operator_sides *sides, int64_t read_ns);
// What tm_chain_grow_side does.
int tm__operator_sides_grow(struct tm__operator_sides *sides, uint32_t index,
                            uint64_t more) TM_WARN_UNUSED;
