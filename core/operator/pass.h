// A row in, a row out: the loop of rolling counts and sums, for the rows that need no care.
#pragma once

#include "core/operator/result.h"

// Can the loop take it: results that cannot fail and hold no strings, counts and sums of doubles.
bool tm__operator_pass_suits(const struct tm__operator_result *result);

// Rows of the block from *at on: each is added to its value, and the result appended to the batch.
// `time_field` of the input, -1: none. TM_STEP_DONE: the block is through; TM_STEP_MORE: the batch
// is full; negative: TM_E_MEMORY, TM_E_LIMIT.
int tm__operator_pass(const struct tm__operator_result *result,
                      const struct tm__operator_block *block, const struct tm_schema *input,
                      struct tm_batch *batch, uint32_t *at) TM_WARN_UNUSED;
