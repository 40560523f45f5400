// A row in, a row out: the loop of rolling counts and sums, for the rows that need no care.
//
// Rows go through in groups. While the slots of one group's keys are on their way to the cache and
// the entries of the group before it too, the rows of the one before that are made: memory and
// arithmetic wait for each other as little as they can.
#pragma once

#include "core/operator/result.h"

struct tm__operator_pass_group {
    uint32_t count;
    const struct tm_row *rows[TM_STATE_LOOK];
    struct tm_key keys[TM_STATE_LOOK];
    struct tm_state_look look;
};

struct tm__operator_pass {
    struct tm_state *state;
    struct tm_namespace *ns;
    const struct tm__operator_result *result;
    struct tm__operator_pass_group groups[3]; // ahead by two looks, by one, and the one under way
    uint32_t now;                             // the one under way
    uint32_t at;                              // its next row
    void *values[TM_STATE_LOOK];              // of it
};

// Can the loop take it: results that cannot fail and hold no strings, counts and sums of doubles.
bool tm__operator_pass_suits(const struct tm__operator_result *result);

// Rows of `in` from *row on: each is added to its key's value, and the result appended to `out`.
// TM_STEP_DONE: the batch is through; TM_STEP_MORE: `out` is full, call again with the same batch;
// negative: TM_E_MEMORY, TM_E_LIMIT.
int tm__operator_pass_batch(struct tm__operator_pass *self, const struct tm_batch *in,
                            const struct tm_row **row, struct tm_batch *out) TM_WARN_UNUSED;
