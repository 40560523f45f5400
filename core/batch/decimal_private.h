// Shared by decimal.c and decimal_text.c.
#pragma once

#include <stdbool.h>

#include "core/batch/decimal.h"
#include "core/batch/int256.h"

// 10^0 .. 10^38.
extern const tm__batch_u128 tm__batch_pow10[39];

// A magnitude and a sign to a value of at most `precision` digits, or TM_E_OVERFLOW.
int tm__batch_decimal_signed(tm__batch_u128 size, bool negative, uint8_t precision,
                             tm_int128 *out) TM_WARN_UNUSED;
