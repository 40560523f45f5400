// A row written in place behind the batch's last one by a decoder that has found room for all of
// it: the fixed part, and strings of at most as many bytes as the record has. It is counted only
// when it is whole, so a record that fails leaves nothing behind.
#pragma once

#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/batch/batch.h"

// The columns of a schema as decoders look at them: a bit for each, in words.
struct tm__row_masks {
    uint64_t all[TM_FIELDS_MAX / 64];
    uint64_t used[TM_FIELDS_MAX / 64];     // that are stored
    uint64_t required[TM_FIELDS_MAX / 64]; // that must not be null
};

// All zero before. `used` as in tm_decoder_args.
static inline void tm__row_masks_init(struct tm__row_masks *masks, const struct tm_schema *schema,
                                      const uint64_t *used)
{
    for (uint32_t i = 0; i < schema->field_count; i++) {
        uint64_t bit = UINT64_C(1) << (i & 63);
        uint32_t flags = schema->fields[i].flags;
        masks->all[i >> 6] |= bit;
        if (used == NULL || (used[i >> 6] & bit) != 0)
            masks->used[i >> 6] |= bit;
        if ((flags & TM_FIELD_REQUIRED) != 0 && (flags & TM_FIELD_HIDDEN) == 0)
            masks->required[i >> 6] |= bit;
    }
}

// The slots of columns that are null are zero.
static inline void tm__row_clear_slots(const struct tm_schema *schema, uint8_t *row, uint32_t word,
                                       uint64_t nulls)
{
    for (; nulls != 0; nulls &= nulls - 1) {
        const struct tm_field *field =
            &schema->fields[word * 64 + (uint32_t)__builtin_ctzll(nulls)];
        memset(row + field->offset, 0, field->type.kind == TM_TYPE_DECIMAL ? 16 : 8);
    }
}

// The row ends with the last byte that a column refers to: where the bytes of
// values that were put over are its last. Returns its heap.
static inline uint8_t *tm__row_close_gap(const struct tm_schema *schema, uint8_t *row,
                                         const uint64_t *present, const uint64_t *used)
{
    uint32_t end = schema->fixed_bytes;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        struct tm_ref ref;
        if (!tm_type_is_reference(schema->fields[i].type) ||
            ((present[i >> 6] & used[i >> 6]) >> (i & 63) & 1) == 0)
            continue;
        memcpy(&ref, row + schema->fields[i].offset, sizeof ref);
        end = ref.offset + ref.length > end ? ref.offset + ref.length : end;
    }
    return row + end;
}

// Count the row at the batch's end, whose strings end at `heap` and whose columns with a value are
// `present`. False: a required one has none, and nothing was counted. `words`: those of the
// schema's bitmaps, for callers that know how many.
static inline __attribute__((always_inline)) bool tm__row_end_of(struct tm_batch *batch,
                                                                 uint8_t *heap,
                                                                 const uint64_t *present,
                                                                 const struct tm__row_masks *masks,
                                                                 uint32_t words)
{
    const struct tm_schema *schema = batch->schema;
    uint8_t *bytes = batch->data + batch->size_bytes;
    struct tm_row *row = (struct tm_row *)(void *)bytes;
    memset(row, 0, offsetof(struct tm_row, nulls));
    for (uint32_t i = 0; i < words; i++) {
        if (TM_UNLIKELY((masks->required[i] & ~present[i]) != 0))
            return false;
        row->nulls[i] = masks->all[i] & ~(present[i] & masks->used[i]);
        if (TM_UNLIKELY((masks->all[i] & ~present[i]) != 0))
            tm__row_clear_slots(schema, bytes, i, masks->all[i] & ~present[i]);
    }
    memset(heap, 0, 8); // the padding; the batch has slack behind it
    row->size_bytes = (uint32_t)(heap - bytes + 7) & ~7u;
    batch->size_bytes += row->size_bytes;
    batch->row_count++;
    return true;
}

static inline __attribute__((always_inline)) bool tm__row_end(struct tm_batch *batch, uint8_t *heap,
                                                              const uint64_t *present,
                                                              const struct tm__row_masks *masks)
{
    return tm__row_end_of(batch, heap, present, masks, batch->schema->null_words);
}
