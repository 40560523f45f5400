// The order of two values of a column: NaN stands above all numbers and beside itself, -0.0 beside
// 0.0; texts go by their bytes. Of rows beside each other the one that came first goes first.
#pragma once

#include "core/batch/batch.h"

// Of `a` beside `b`, in rows of their own and at their own offsets; neither is null. < 0, 0, > 0.
int tm_operator_order(struct tm_type type, const struct tm_row *a, uint32_t a_offset,
                      const struct tm_row *b, uint32_t b_offset);
