// The wire form of schemas and batches: little-endian, versioned, checksummed. Decoding trusts
// nothing: every size, offset, bitmap bit, UTF-8 text and padding is checked before a row can be
// touched.
#pragma once

#include "core/base/buf.h"
#include "core/batch/batch.h"

int tm_wire_put_schema(struct tm_buf *out, const struct tm_schema *schema) TM_WARN_UNUSED;
// Reads a schema from the first bytes; *used says how many. TM_E_CORRUPT with what is wrong and at
// which offset.
int tm_wire_get_schema(struct tm_mem *mem, const uint8_t *p, size_t len, size_t *used,
                       struct tm_schema **schema, struct tm_error *err) TM_WARN_UNUSED;
int tm_wire_put_batch(struct tm_buf *out, const struct tm_batch *batch) TM_WARN_UNUSED;
// `schema` is the one agreed for the channel; its fingerprint must match.
int tm_wire_get_batch(struct tm_batch_pool *pool, struct tm_schema *schema, const uint8_t *p,
                      size_t len, size_t *used, struct tm_batch **batch,
                      struct tm_error *err) TM_WARN_UNUSED;
// Check rows that came from outside against their schema (used by get_batch and by fuzzing).
int tm_wire_check_rows(const struct tm_schema *schema, const uint8_t *rows, size_t len,
                       uint32_t row_count, struct tm_error *err) TM_WARN_UNUSED;
