// A value as JSON, for people and tools that look into states: not for the data path. Timestamps
// are text as in logs, bytes hexadecimal digits (extensions of msgpack too), maps objects where
// their keys are texts and lists of pairs where not, numbers that JSON has no form for null.
#pragma once

#include "core/base/buf.h"
#include "core/batch/nested.h"

int tm_json_put_value(struct tm_buf *out, struct tm_type type,
                      struct tm_slot slot) TM_WARN_UNUSED; // TM_E_MEMORY
// The columns of an identity (tm_key_identity, of the same columns), as an object.
int tm_json_put_identity(struct tm_buf *out, const struct tm_schema *schema, const uint32_t *fields,
                         uint32_t count, const uint8_t *bytes) TM_WARN_UNUSED; // TM_E_MEMORY
int tm_json_put_text(struct tm_buf *out, const void *text, size_t length) TM_WARN_UNUSED;
