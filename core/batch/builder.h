// Writing rows column by column: begin, put in any order, end. What was not put is null. A row is
// visible in the batch only after tm_builder_end; tm_builder_cancel forgets it.
#pragma once

#include "core/batch/batch.h"

struct tm_builder {
    struct tm_batch *batch;
    size_t row_start; // byte offset of the row being written
    size_t row_size;  // bytes written so far, referenced bytes included
};

// Start a row at the batch's end: header, all null, slots zero. TM_E_MEMORY, TM_E_LIMIT.
int tm_builder_begin(struct tm_builder *b, struct tm_batch *batch) TM_WARN_UNUSED;
// Puts clear the null bit and store. The caller has checked the type. Putting twice keeps the last.
void tm_builder_put_int(struct tm_builder *b, uint32_t field,
                        int64_t value); // bool, int, int64, timestamp
void tm_builder_put_double(struct tm_builder *b, uint32_t field, double value);
void tm_builder_put_decimal(struct tm_builder *b, uint32_t field, __int128 unscaled);
int tm_builder_put_bytes(struct tm_builder *b, uint32_t field, const void *p,
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
// Copy one column from a row of another schema; types must be equal.
int tm_builder_copy(struct tm_builder *b, uint32_t field, const struct tm_row *from,
                    const struct tm_schema *schema, uint32_t from_field) TM_WARN_UNUSED;
