// Rows per key at the end of input: see final.h.
#include "core/operator/final.h"

int tm__operator_final_step(struct tm__operator_final *final, struct tm_operator *op,
                            struct tm_state *state, struct tm_namespace *ns,
                            struct tm__operator_output *output, tm__operator_final_fn *append,
                            struct tm_element *out, struct tm_error *err)
{
    uint32_t first, last;
    tm__operator_key_groups(op, &first, &last);
    if (!final->begun) {
        final->begun = true;
        tm__operator_output_fini(output); // what a batch has left: it was not final
        output->split = TM_NO_SPLIT;
        output->read_ns = 0;
        tm_state_iterate(state, ns, first, &final->cursor);
    }
    for (;;) {
        if (final->value == NULL && !tm_state_next(&final->cursor, &final->key, &final->value)) {
            final->value = NULL;
            if (final->cursor.code != 0)
                return tm__operator_out_of_memory(op, err);
            if (final->cursor.key_group == last) {
                final->done = true;
                break;
            }
            tm_state_iterate(state, ns, final->cursor.key_group + 1, &final->cursor);
            continue;
        }
        bool more = false;
        int rc = append(op, &final->key, final->value, &more, err);
        if (rc != 0)
            return rc;
        if (!more)
            final->value = NULL;
        if (output->batch != NULL && tm_batch_is_full(output->batch))
            break;
    }
    return tm__operator_output_take(output, op, out) ? TM_STEP_MORE : TM_STEP_DONE;
}
