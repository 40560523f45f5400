// Dead letters: the rows that an operator with a dead-letter sink could not take. One fixed schema,
// mirrored by lua/tidemill/dead_letter.lua.
#pragma once

#include "core/batch/builder.h"
#include "core/task/operator.h"

// Columns in order: code string, message string, operator string, subtask int, row string (JSON of
// the input row), source string, offset int, line int, raw string (the record as read when it is
// UTF-8), raw_base64 bytes (when it is not).
enum {
    TM_DEAD_LETTER_CODE,
    TM_DEAD_LETTER_MESSAGE,
    TM_DEAD_LETTER_OPERATOR,
    TM_DEAD_LETTER_SUBTASK,
    TM_DEAD_LETTER_ROW,
    TM_DEAD_LETTER_SOURCE,
    TM_DEAD_LETTER_OFFSET,
    TM_DEAD_LETTER_LINE,
    TM_DEAD_LETTER_RAW,
    TM_DEAD_LETTER_RAW_BASE64,
    TM_DEAD_LETTER_FIELDS
};

int tm_dead_letter_schema(struct tm_mem *mem, struct tm_schema **schema,
                          struct tm_error *err) TM_WARN_UNUSED;
// Append one dead letter; `row_json` may be empty. Texts are cut at 16 MiB.
int tm_dead_letter_append(struct tm_batch *batch, const struct tm_row_failure *failure,
                          uint32_t subtask, const struct tm_buf *row_json) TM_WARN_UNUSED;
