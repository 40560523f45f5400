// Unsigned arithmetic beyond 128 bits for core/batch/decimal.c: a product and a division by 128
// bits. Private to the directory.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 tm__batch_u128;

struct tm__batch_u256 {
    tm__batch_u128 high, low;
};

static inline struct tm__batch_u256 tm__batch_u256_mul(tm__batch_u128 a, tm__batch_u128 b)
{
    tm__batch_u128 mask = UINT64_MAX;
    tm__batch_u128 a0 = a & mask, a1 = a >> 64, b0 = b & mask, b1 = b >> 64;
    tm__batch_u128 low = a0 * b0, m1 = a1 * b0, m2 = a0 * b1;
    // each term is below 2^64, so the sum cannot wrap
    tm__batch_u128 middle = (low >> 64) + (m1 & mask) + (m2 & mask);
    return (struct tm__batch_u256){a1 * b1 + (m1 >> 64) + (m2 >> 64) + (middle >> 64),
                                   (middle << 64) | (low & mask)};
}

// n times m; false when that needs more than 256 bits.
static inline bool tm__batch_u256_scale(struct tm__batch_u256 *n, tm__batch_u128 m)
{
    struct tm__batch_u256 low = tm__batch_u256_mul(n->low, m);
    struct tm__batch_u256 high = tm__batch_u256_mul(n->high, m);
    *n = (struct tm__batch_u256){low.high + high.low, low.low};
    return high.high == 0 && n->high >= high.low;
}

// Quotient and remainder; false when the quotient needs more than 128 bits (or d is 0).
static inline bool tm__batch_u256_div(struct tm__batch_u256 n, tm__batch_u128 d,
                                      tm__batch_u128 *quotient, tm__batch_u128 *remainder)
{
    if (n.high >= d)
        return false;
    if (n.high == 0) {
        *quotient = n.low / d;
        *remainder = n.low % d;
        return true;
    }
    // Bit by bit: the remainder stays below d, so one bit beyond 128 is all that a shift can make.
    tm__batch_u128 q = 0, r = n.high;
    for (int i = 127; i >= 0; i--) {
        bool carry = r >> 127 != 0;
        r = r << 1 | (n.low >> i & 1);
        q <<= 1;
        if (carry || r >= d) {
            r -= d;
            q |= 1;
        }
    }
    *quotient = q;
    *remainder = r;
    return true;
}

static inline int tm__batch_u256_compare(struct tm__batch_u256 a, struct tm__batch_u256 b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return a.low < b.low ? -1 : a.low > b.low;
}
