// Decimal arithmetic: exact on magnitudes of 128 bits, with 256 bits between a product and its
// division. Every result has at most 38 digits or is TM_E_OVERFLOW.
#include "core/batch/decimal.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/batch/decimal_private.h"
#include "core/batch/int256.h"

typedef tm__batch_u128 u128;

enum { DIVISION_SCALE_MIN = 6 };

#define TEN19 ((u128)10000000000000000000u)
#define E(n, zeros) ((u128)n##zeros##u)
const tm__batch_u128 tm__batch_pow10[TM_DECIMAL_DIGITS + 1] = {
    E(1, ),
    E(1, 0),
    E(1, 00),
    E(1, 000),
    E(1, 0000),
    E(1, 00000),
    E(1, 000000),
    E(1, 0000000),
    E(1, 00000000),
    E(1, 000000000),
    E(1, 0000000000),
    E(1, 00000000000),
    E(1, 000000000000),
    E(1, 0000000000000),
    E(1, 00000000000000),
    E(1, 000000000000000),
    E(1, 0000000000000000),
    E(1, 00000000000000000),
    E(1, 000000000000000000),
    TEN19,
    TEN19 * 10u,
    TEN19 * 100u,
    TEN19 * 1000u,
    TEN19 * 10000u,
    TEN19 * 100000u,
    TEN19 * 1000000u,
    TEN19 * 10000000u,
    TEN19 * 100000000u,
    TEN19 * 1000000000u,
    TEN19 * 10000000000u,
    TEN19 * 100000000000u,
    TEN19 * 1000000000000u,
    TEN19 * 10000000000000u,
    TEN19 * 100000000000000u,
    TEN19 * 1000000000000000u,
    TEN19 * 10000000000000000u,
    TEN19 * 100000000000000000u,
    TEN19 * 1000000000000000000u,
    TEN19 *TEN19,
};

static u128 magnitude(tm_int128 v)
{
    return v < 0 ? -(u128)v : (u128)v;
}

int tm__batch_decimal_signed(tm__batch_u128 size, bool negative, uint8_t precision, tm_int128 *out)
{
    if (size >= tm__batch_pow10[precision])
        return TM_E_OVERFLOW;
    *out = negative ? -(tm_int128)size : (tm_int128)size;
    return 0;
}

// Divide magnitudes, half away from zero.
static u128 divide_half_up(u128 n, u128 d)
{
    u128 q = n / d, r = n % d;
    return q + (r >= d - r);
}

int tm_decimal_rescale(tm_int128 in, uint8_t from, uint8_t precision, uint8_t to, tm_int128 *out)
{
    if (precision < 1 || precision > TM_DECIMAL_DIGITS || from > TM_DECIMAL_DIGITS ||
        to > TM_DECIMAL_DIGITS)
        return TM_E_OVERFLOW;
    u128 size = magnitude(in);
    if (to >= from) {
        struct tm__batch_u256 wide = tm__batch_u256_mul(size, tm__batch_pow10[to - from]);
        if (wide.high != 0)
            return TM_E_OVERFLOW;
        size = wide.low;
    } else {
        size = divide_half_up(size, tm__batch_pow10[from - to]);
    }
    return tm__batch_decimal_signed(size, in < 0, precision, out);
}

// a + b, or a - b with `subtract`, at the larger scale.
static int add(struct tm_decimal a, struct tm_decimal b, bool subtract, struct tm_decimal *out)
{
    if (a.scale > TM_DECIMAL_DIGITS || b.scale > TM_DECIMAL_DIGITS)
        return TM_E_OVERFLOW;
    uint8_t scale = a.scale > b.scale ? a.scale : b.scale;
    struct tm__batch_u256 wa =
        tm__batch_u256_mul(magnitude(a.unscaled), tm__batch_pow10[scale - a.scale]);
    struct tm__batch_u256 wb =
        tm__batch_u256_mul(magnitude(b.unscaled), tm__batch_pow10[scale - b.scale]);
    // Beyond 2^128 the other operand, below 10^38 at a larger scale, cannot bring it back.
    if (wa.high != 0 || wb.high != 0)
        return TM_E_OVERFLOW;
    bool na = a.unscaled < 0, nb = (b.unscaled < 0) != subtract;
    u128 size;
    bool negative = na;
    if (na == nb) {
        if (__builtin_add_overflow(wa.low, wb.low, &size))
            return TM_E_OVERFLOW;
    } else if (wa.low >= wb.low) {
        size = wa.low - wb.low;
    } else {
        size = wb.low - wa.low;
        negative = nb;
    }
    out->scale = scale;
    return tm__batch_decimal_signed(size, negative, TM_DECIMAL_DIGITS, &out->unscaled);
}

int tm_decimal_add(struct tm_decimal a, struct tm_decimal b, struct tm_decimal *out)
{
    tm_int128 sum;
    // nearly always: one scale, and no operand near the limit
    if (TM_LIKELY(a.scale == b.scale && a.scale <= TM_DECIMAL_DIGITS &&
                  !__builtin_add_overflow(a.unscaled, b.unscaled, &sum))) {
        out->scale = a.scale;
        return tm__batch_decimal_signed(magnitude(sum), sum < 0, TM_DECIMAL_DIGITS, &out->unscaled);
    }
    return add(a, b, false, out);
}

int tm_decimal_sub(struct tm_decimal a, struct tm_decimal b, struct tm_decimal *out)
{
    return add(a, b, true, out);
}

int tm_decimal_mul(struct tm_decimal a, struct tm_decimal b, struct tm_decimal *out)
{
    if (a.scale + b.scale > TM_DECIMAL_DIGITS)
        return TM_E_OVERFLOW;
    struct tm__batch_u256 wide = tm__batch_u256_mul(magnitude(a.unscaled), magnitude(b.unscaled));
    if (wide.high != 0)
        return TM_E_OVERFLOW;
    out->scale = (uint8_t)(a.scale + b.scale);
    return tm__batch_decimal_signed(wide.low, (a.unscaled < 0) != (b.unscaled < 0),
                                    TM_DECIMAL_DIGITS, &out->unscaled);
}

int tm_decimal_div(struct tm_decimal a, struct tm_decimal b, struct tm_decimal *out)
{
    if (b.unscaled == 0 || a.scale > TM_DECIMAL_DIGITS || b.scale > TM_DECIMAL_DIGITS)
        return TM_E_OVERFLOW;
    uint8_t scale = a.scale > DIVISION_SCALE_MIN ? a.scale : DIVISION_SCALE_MIN;
    // a / 10^sa / (b / 10^sb) at `scale` digits is a * 10^shift / b
    int shift = scale - a.scale + b.scale;
    int first = shift < TM_DECIMAL_DIGITS ? shift : TM_DECIMAL_DIGITS;
    struct tm__batch_u256 n = tm__batch_u256_mul(magnitude(a.unscaled), tm__batch_pow10[first]);
    u128 d = magnitude(b.unscaled), q, r;
    // what does not fit 256 bits here has a quotient beyond 10^38
    if (!tm__batch_u256_scale(&n, tm__batch_pow10[shift - first]) ||
        !tm__batch_u256_div(n, d, &q, &r))
        return TM_E_OVERFLOW;
    if (r >= d - r && ++q == 0)
        return TM_E_OVERFLOW;
    out->scale = scale;
    return tm__batch_decimal_signed(q, (a.unscaled < 0) != (b.unscaled < 0), TM_DECIMAL_DIGITS,
                                    &out->unscaled);
}

int tm_decimal_compare(struct tm_decimal a, struct tm_decimal b)
{
    TM_CHECK(a.scale <= TM_DECIMAL_DIGITS && b.scale <= TM_DECIMAL_DIGITS);
    bool na = a.unscaled < 0, nb = b.unscaled < 0;
    if (na != nb)
        return na ? -1 : 1;
    uint8_t scale = a.scale > b.scale ? a.scale : b.scale;
    int order = tm__batch_u256_compare(
        tm__batch_u256_mul(magnitude(a.unscaled), tm__batch_pow10[scale - a.scale]),
        tm__batch_u256_mul(magnitude(b.unscaled), tm__batch_pow10[scale - b.scale]));
    return na ? -order : order;
}
