// The wire form of schemas and batches: little-endian, versioned, checksummed. Decoding trusts
// nothing: every size, offset, bitmap bit, UTF-8 text and padding is checked before a row can be
// touched.
#pragma once

#include "core/base/buf.h"
#include "core/batch/batch.h"
#include "core/batch/key.h"

// Rows of kind TM_ROW_PARTIAL, on a channel that has them: each ends with a tail that only its two
// ends understand.
struct tm_wire_partial {
    uint32_t tail_bytes; // a multiple of 8
    // What is wrong with the tail of a row that is itself as it should be, and at which of the
    // tail's bytes; NULL: nothing.
    const char *(*wrong)(const void *arg, const struct tm_row *row, const uint8_t *tail,
                         uint32_t *at);
    const void *arg;
};

int tm_wire_put_schema(struct tm_buf *out, const struct tm_schema *schema) TM_WARN_UNUSED;
// Reads a schema from the first bytes; *used says how many. TM_E_CORRUPT with what is wrong and at
// which offset.
int tm_wire_get_schema(struct tm_mem *mem, const uint8_t *p, size_t len, size_t *used,
                       struct tm_schema **schema, struct tm_error *err) TM_WARN_UNUSED;
int tm_wire_put_batch(struct tm_buf *out, const struct tm_batch *batch) TM_WARN_UNUSED;
// `schema` is the one agreed for the channel; its fingerprint must match. `partial` NULL: no
// partial row may be among the rows.
int tm_wire_get_batch(struct tm_batch_pool *pool, struct tm_schema *schema,
                      const struct tm_wire_partial *partial, const uint8_t *p, size_t len,
                      size_t *used, struct tm_batch **batch, struct tm_error *err) TM_WARN_UNUSED;
// Check rows that came from outside against their schema (used by get_batch and by fuzzing).
int tm_wire_check_rows(const struct tm_schema *schema, const struct tm_wire_partial *partial,
                       const uint8_t *rows, size_t len, uint32_t row_count,
                       struct tm_error *err) TM_WARN_UNUSED;

// The same of one value of a field that is not null: its slot, or what its reference leads to
// (aligned to 8); and of the bytes of a key. For values that were kept outside of rows.
int tm_wire_check_value(const struct tm_field *field, const void *bytes, uint32_t len,
                        struct tm_error *err);
int tm_wire_check_key(const struct tm_key_reader *reader, const void *bytes, uint32_t len,
                      struct tm_error *err);
// Of many keys, whose hashes are not looked at.
int tm_wire_check_keys(const struct tm_key_reader *reader, const struct tm_key *keys,
                       uint32_t count, struct tm_error *err);
