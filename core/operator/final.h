// Rows per key at the end of input, of operators that emit "final": key groups ascending, in the
// order of the state, a batch at a time.
#pragma once

#include "core/operator/block.h"
#include "core/operator/result.h"

struct tm__operator_final {
    struct tm_state_cursor cursor; // its key group is that of the value under way
    bool begun,
        done; // done: all rows have gone out; a checkpoint has no use for the state any more
    struct tm_key key;
    const void *value; // under way; NULL: the next one is to be taken
};

// Appends a row of the value to the output; *more: the value has another one. It may append
// nothing.
typedef int tm__operator_final_fn(struct tm_operator *op, const struct tm_key *key,
                                  const void *value, bool *more, struct tm_error *err);

// Is this the end after which all is final? A job that was stopped has not seen the end of its
// input.
static inline bool tm__operator_is_final(const struct tm_element *in)
{
    return in->kind == TM_ELEMENT_END && in->status == TM_END_DRAIN;
}
// TM_STEP_MORE: *out has a batch, call again with the same element; TM_STEP_DONE: there are no more
// rows; negative: what `append` failed with.
int tm__operator_final_step(struct tm__operator_final *final, struct tm_operator *op,
                            struct tm_state *state, struct tm_namespace *ns,
                            struct tm__operator_output *output, tm__operator_final_fn *append,
                            struct tm_element *out, struct tm_error *err) TM_WARN_UNUSED;
