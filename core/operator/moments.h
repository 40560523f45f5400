// Variance and standard deviation: accumulators of numbers, their merge and their result.
//
// Those of whole numbers and decimals are exact: count, sum and sum of squares in as many words as
// any values of theirs need. What they give does not depend on the order of the rows, and is
// rounded once. Those of doubles keep the mean and the squared distances from it. All-zero is the
// state before the first value.
#pragma once

#include "core/operator/aggregate.h"

enum {
    TM__MOMENTS_INT_BYTES = 48,     // count, sum in 2 words, sum of squares in 3
    TM__MOMENTS_DOUBLE_BYTES = 40,  // count, mean in 2 doubles, squared distances
    TM__MOMENTS_DECIMAL_BYTES = 72, // count, sum in 3 words, sum of squares in 5
};

void tm__operator_moments_add_int(uint8_t *acc, int64_t x);
void tm__operator_moments_add_double(uint8_t *acc, double x);
void tm__operator_moments_add_decimal(uint8_t *acc, __int128 x);

// Adds what `other` holds, of the same action.
void tm__operator_moments_merge(const struct tm__operator_aggregate *item, uint8_t *acc,
                                const uint8_t *other);

// The variance or its root; false: too few values.
bool tm__operator_moments_get(const struct tm__operator_aggregate *item, const uint8_t *acc,
                              double *result);
