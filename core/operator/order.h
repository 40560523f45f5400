// The order of two values of a column: a place for each, so that what comes first never depends on
// chance. -0.0 stands below 0.0, NaN above all numbers and beside itself; texts go by their bytes.
#pragma once

#include "core/batch/batch.h"

// Of `a` beside `b`, in rows of their own and at their own offsets; neither is null. < 0, 0, > 0.
int tm__operator_order(struct tm_type type, const struct tm_row *a, uint32_t a_offset,
                       const struct tm_row *b, uint32_t b_offset);
