// Writing rows column by column: begin, put in any order, end. What was not put is null. A row is
// visible in the batch only after tm_builder_end; tm_builder_cancel forgets it.
#pragma once

#include "core/batch/batch.h"

struct tm_builder {
    struct tm_batch *batch;
    size_t row_start; // byte offset of the row being written
    size_t row_size;  // bytes written so far, referenced bytes included
    bool has_gap;     // referenced bytes were replaced: the row's end may have to be found again
};

// Start a row at the batch's end: header, all null, slots zero. TM_E_MEMORY, TM_E_LIMIT.
static inline int tm_builder_begin(struct tm_builder *b, struct tm_batch *batch);
// Puts clear the null bit and store. The caller has checked the type. Putting twice keeps the last.
static inline void tm_builder_put_int(struct tm_builder *b, uint32_t field,
                                      int64_t value); // bool, int, int64, timestamp
static inline void tm_builder_put_double(struct tm_builder *b, uint32_t field, double value);
static inline void tm_builder_put_decimal(struct tm_builder *b, uint32_t field, __int128 unscaled);
// `p` may point into the batch being built (another row of it, or this one).
static inline int tm_builder_put_bytes(struct tm_builder *b, uint32_t field, const void *p,
                                       uint32_t len) TM_WARN_UNUSED;
// Room for up to `max` bytes of a string; write there, then tm_builder_commit_bytes with the real
// length. NULL on failure.
uint8_t *tm_builder_reserve_bytes(struct tm_builder *b, size_t max) TM_WARN_UNUSED;
void tm_builder_commit_bytes(struct tm_builder *b, uint32_t field, uint32_t len);
void tm_builder_put_null(struct tm_builder *b, uint32_t field);
// Finish: pads, sets size_bytes, counts the row. TM_E_LIMIT when the row is past TM_ROW_BYTES_MAX
// (and it is cancelled).
int tm_builder_end(struct tm_builder *b) TM_WARN_UNUSED;
void tm_builder_cancel(struct tm_builder *b);
// A nested value that lies elsewhere, whole: begins at a multiple of 8. As put_bytes.
int tm_builder_put_nested(struct tm_builder *b, uint32_t field, const void *p,
                          uint32_t len) TM_WARN_UNUSED;
// Copy one column from a row of another schema; types must be equal.
int tm_builder_copy(struct tm_builder *b, uint32_t field, const struct tm_row *from,
                    const struct tm_schema *schema, uint32_t from_field) TM_WARN_UNUSED;

// --- per row: inline ---------------------------------------------------------------------------
int tm__batch_builder_replace(struct tm_builder *b, uint32_t field, const void *p, uint32_t len);

static inline struct tm_row *tm__batch_builder_row(const struct tm_builder *b)
{
    return (struct tm_row *)(void *)(b->batch->data + b->row_start);
}

// Clear the null bit and give the slot.
static inline uint8_t *tm__batch_builder_slot(struct tm_builder *b, uint32_t field)
{
    TM_ASSERT(field < b->batch->schema->field_count);
    struct tm_row *row = tm__batch_builder_row(b);
    row->nulls[field >> 6] &= ~((uint64_t)1 << (field & 63));
    return (uint8_t *)row + b->batch->schema->fields[field].offset;
}

static inline int tm_builder_begin(struct tm_builder *b, struct tm_batch *batch)
{
    const struct tm_schema *schema = batch->schema;
    size_t fixed = schema->fixed_bytes;
    int rc = tm_batch_reserve(batch, fixed);
    if (TM_UNLIKELY(rc != 0))
        return rc;
    b->batch = batch;
    b->row_start = batch->size_bytes;
    b->row_size = fixed;
    b->has_gap = false;
    uint8_t *p = batch->data + b->row_start;
    // The slack behind the capacity makes whole steps of 32 bytes safe and spares the call.
    if (fixed <= 256) {
        for (size_t i = 0; i < fixed; i += 32)
            __builtin_memset(p + i, 0, 32);
    } else {
        memset(p, 0, fixed);
    }
    struct tm_row *row = (struct tm_row *)(void *)p;
    uint32_t words = schema->null_words;
    for (uint32_t i = 0; i + 1 < words; i++)
        row->nulls[i] = ~(uint64_t)0;
    uint32_t in_last = schema->field_count - (words - 1) * 64; // 1..64
    row->nulls[words - 1] = ~(uint64_t)0 >> (64 - in_last);
    return 0;
}

static inline void tm_builder_put_int(struct tm_builder *b, uint32_t field, int64_t value)
{
    memcpy(tm__batch_builder_slot(b, field), &value, sizeof value);
}

static inline void tm_builder_put_double(struct tm_builder *b, uint32_t field, double value)
{
    memcpy(tm__batch_builder_slot(b, field), &value, sizeof value);
}

static inline void tm_builder_put_decimal(struct tm_builder *b, uint32_t field, __int128 unscaled)
{
    memcpy(tm__batch_builder_slot(b, field), &unscaled, sizeof unscaled);
}

// Where a value of `len` bytes begins. An empty one has no place of its own that could move.
static inline uint32_t tm__batch_builder_place(const struct tm_builder *b, uint32_t len)
{
    return len != 0 ? (uint32_t)b->row_size : b->batch->schema->fixed_bytes;
}

// Small copies without a call: at most 64 bytes, in words of 8 that overlap at the end.
static inline void tm__batch_copy_small(uint8_t *to, const uint8_t *from, size_t len)
{
    if (len >= 8) {
        uint64_t word;
        size_t i = 0;
        for (; i + 8 < len; i += 8) {
            memcpy(&word, from + i, 8);
            memcpy(to + i, &word, 8);
        }
        memcpy(&word, from + len - 8, 8);
        memcpy(to + len - 8, &word, 8);
    } else if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + len - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + len - 4, &last, 4);
    } else if (len != 0) {
        uint8_t first = from[0], middle = from[len / 2], last = from[len - 1];
        to[0] = first;
        to[len / 2] = middle;
        to[len - 1] = last;
    }
}

static inline int tm_builder_put_bytes(struct tm_builder *b, uint32_t field, const void *p,
                                       uint32_t len)
{
    struct tm_batch *batch = b->batch;
    const struct tm_row *row = tm__batch_builder_row(b);
    // Replacing a value, growing and long values are for the slow path.
    if (TM_UNLIKELY(len > 64 || !tm_row_is_null(row, field) ||
                    batch->capacity_bytes - b->row_start - b->row_size < len))
        return tm__batch_builder_replace(b, field, p, len);
    uint8_t *slot = tm__batch_builder_slot(b, field);
    struct tm_ref ref = {tm__batch_builder_place(b, len), len};
    memcpy(slot, &ref, sizeof ref);
    tm__batch_copy_small(batch->data + b->row_start + b->row_size, p, len);
    b->row_size += len;
    return 0;
}
