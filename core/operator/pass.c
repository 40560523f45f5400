// Adding a row and giving the result in one go. What is the same for every row stands outside the
// loop; the general way (aggregate.c, result.c) costs four times the instructions.
#include "core/operator/pass.h"

#include "core/operator/accumulator.h"

bool tm__operator_pass_suits(const struct tm__operator_result *result)
{
    for (uint32_t i = 0; i < result->aggregates->count; i++) {
        uint8_t action = result->aggregates->items[i].action;
        if (action != TM__COUNT && action != TM__SUM_DOUBLE)
            return false;
    }
    return result->blank != NULL;
}

static inline void add_and_put(item_t *item, uint8_t *value, const struct tm_row *row, uint8_t *to)
{
    uint8_t *acc = value + item->offset;
    if (item->action == TM__COUNT) {
        int64_t count = get_int(acc) + 1;
        set_int(acc, count);
        put_word(item, to, count);
        return;
    }
    if (TM_LIKELY(!tm_row_is_null(row, item->field)))
        add_double(item, value, tm_row_double(row, item->field_offset) + 0.0);
    if (get_int(acc) != 0)
        put_double(item, to, -get_double(acc));
}

// `string`: what the key is, a constant where this is called.
static inline __attribute__((always_inline)) int pass(const struct tm__operator_result *result,
                                                      const struct tm__operator_block *block,
                                                      const struct tm_schema *input,
                                                      struct tm_batch *batch, uint32_t *at,
                                                      bool string)
{
    const struct tm__operator_aggregate *items = result->aggregates->items;
    uint32_t item_count = result->aggregates->count, key_offset = result->key_offset;
    uint32_t fixed = result->schema->fixed_bytes, i = *at;
    bool timed = result->time && input->time_field >= 0;
    uint32_t from_field = timed ? (uint32_t)input->time_field : 0;
    uint32_t from_offset = input->fields[from_field].offset;
    int rc = 0;
    for (; i < block->count && !tm_batch_is_full(batch); i++) {
        const struct tm_row *row = block->rows[i];
        const struct tm_key *key = &block->keys[i];
        size_t size = string ? fixed + (key->length + (size_t)7) / 8 * 8 : fixed;
        rc = tm_batch_reserve(batch, size);
        if (TM_UNLIKELY(rc != 0))
            break;
        uint8_t *to = batch->data + batch->size_bytes;
        put_blank(to, result->blank, result->blank_bytes, (uint32_t)size);
        if (string)
            put_string(to, key_offset, fixed, key->bytes, key->length);
        else
            memcpy(to + key_offset, key->bytes, 8);
        if (timed && !tm_row_is_null(row, from_field))
            put_time(to, (uint32_t)result->schema->time_field, result->time_offset,
                     tm_row_int(row, from_offset));
        for (uint32_t k = 0; k < item_count; k++)
            add_and_put(&items[k], block->values[i], row, to);
        batch->size_bytes += size;
        batch->row_count++;
    }
    *at = i;
    return rc != 0 ? rc : tm_batch_is_full(batch) ? TM_STEP_MORE : TM_STEP_DONE;
}

int tm__operator_pass(const struct tm__operator_result *result,
                      const struct tm__operator_block *block, const struct tm_schema *input,
                      struct tm_batch *batch, uint32_t *at)
{
    return result->reader->fast == 1 ? pass(result, block, input, batch, at, true)
                                     : pass(result, block, input, batch, at, false);
}
