// A batch for people: aligned columns, nulls as "null", strings quoted and cut at 40 characters.
#pragma once

#include "core/base/buf.h"
#include "core/batch/batch.h"

int tm_dump_batch(struct tm_buf *out, const struct tm_batch *batch,
                  uint32_t max_rows) TM_WARN_UNUSED;
int tm_dump_row(struct tm_buf *out, const struct tm_schema *schema,
                const struct tm_row *row) TM_WARN_UNUSED; // {a = 1, b = "x"}
int tm_dump_schema(struct tm_buf *out,
                   const struct tm_schema *schema) TM_WARN_UNUSED; // Lua: tm.schema { ... }
