// Decimals from text and from doubles, and back.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/batch/decimal_private.h"

typedef tm__batch_u128 u128;

// Exponents beyond this are as good as infinite: a text has fewer digits than that.
enum { EXPONENT_MAX = 1000000000 };

// A number's text taken apart: the value is its significant digits, read as an integer, times
// 10^exponent. `first` to `last` may contain the point.
struct number {
    bool negative;
    const char *first, *last; // from the first nonzero digit to behind the last digit
    int64_t digits;           // digits between them; 0: the value is zero
    int64_t fraction;         // digits behind the point in the text
    int64_t exponent;         // of the last digit
};

static bool is_digit(const char *p, const char *end)
{
    return p != end && *p >= '0' && *p <= '9';
}

static bool scan_exponent(const char *p, const char *end, int64_t *exponent)
{
    bool negative = p != end && *p == '-';
    if (p != end && (*p == '-' || *p == '+'))
        p++;
    if (!is_digit(p, end))
        return false;
    int64_t v = 0;
    for (; is_digit(p, end); p++) {
        if (v < EXPONENT_MAX)
            v = v * 10 + (*p - '0');
    }
    *exponent = negative ? -v : v;
    return p == end;
}

static bool scan(const char *text, size_t len, struct number *n)
{
    const char *p = text, *end = text + len;
    *n = (struct number){0};
    n->negative = p != end && *p == '-';
    if (p != end && (*p == '-' || *p == '+'))
        p++;
    bool any = false, point = false;
    for (; p != end; p++) {
        if (*p == '.') {
            if (point)
                return false;
            point = true;
            continue;
        }
        if (*p < '0' || *p > '9')
            break;
        any = true;
        n->fraction += point;
        if (n->digits == 0) {
            if (*p == '0')
                continue;
            n->first = p;
        }
        n->digits++;
        n->last = p + 1;
    }
    if (!any)
        return false;
    int64_t exponent = 0;
    if (p != end && ((*p != 'e' && *p != 'E') || !scan_exponent(p + 1, end, &exponent)))
        return false;
    n->exponent = exponent - n->fraction;
    return true;
}

// The first `keep` significant digits, whether the next one rounds up, and whether others than
// zeros are cut.
static u128 take_digits(const struct number *n, int64_t keep, bool *up, bool *lost)
{
    u128 v = 0;
    int64_t taken = 0;
    *up = *lost = false;
    for (const char *p = n->first; p != n->last; p++) {
        if (*p == '.')
            continue;
        if (taken < keep) {
            v *= 10;
            v += (unsigned)(*p - '0');
        } else {
            *up |= taken == keep && *p >= '5';
            *lost |= *p != '0';
        }
        taken++;
    }
    return v;
}

// The value at `scale`, half up; *lost: and that is another value.
static int at_scale(const struct number *n, uint8_t precision, uint8_t scale, tm_int128 *out,
                    bool *lost)
{
    *out = 0;
    int64_t shift = n->exponent + scale; // zeros to add behind the digits, or digits to cut
    int64_t width = n->digits + shift;   // digits of the result
    *lost = n->digits != 0 && width < 0;
    if (n->digits == 0 || width < 0)
        return 0;
    if (width > TM_DECIMAL_DIGITS)
        return TM_E_OVERFLOW;
    bool up = false;
    u128 size;
    if (shift >= 0)
        size = take_digits(n, n->digits, &up, lost) * tm__batch_pow10[shift];
    else
        size = take_digits(n, width, &up, lost);
    return tm__batch_decimal_signed(size + (up ? 1 : 0), n->negative, precision, out);
}

int tm_decimal_parse(const char *text, size_t len, uint8_t precision, uint8_t scale, tm_int128 *out)
{
    struct number n;
    if (!scan(text, len, &n))
        return TM_E_BAD_TYPE;
    if (precision < 1 || precision > TM_DECIMAL_DIGITS || scale > TM_DECIMAL_DIGITS)
        return TM_E_OVERFLOW;
    bool lost;
    int rc = at_scale(&n, precision, scale, out, &lost);
    return rc == 0 && lost ? TM_E_BAD_NUMBER : rc;
}

// Zeros at the end of the digits, which a scale beyond 38 may lose.
static int64_t trailing_zeros(const struct number *n)
{
    int64_t zeros = 0;
    for (const char *p = n->last; p != n->first && (p[-1] == '0' || p[-1] == '.'); p--)
        zeros += p[-1] == '0';
    return zeros;
}

int tm_decimal_parse_any(const char *text, size_t len, struct tm_decimal *out)
{
    struct number n;
    if (!scan(text, len, &n))
        return TM_E_BAD_TYPE;
    int64_t scale = n.exponent < 0 ? -n.exponent : 0;
    // a zero, or zeros at the end, say nothing: they do not make a number too long
    if (n.digits == 0) {
        scale = scale < TM_DECIMAL_DIGITS ? scale : TM_DECIMAL_DIGITS;
    } else {
        int64_t excess = scale - TM_DECIMAL_DIGITS;
        if (n.digits - TM_DECIMAL_DIGITS > excess && scale > 0)
            excess = n.digits - TM_DECIMAL_DIGITS;
        if (excess > 0) {
            if (excess > trailing_zeros(&n))
                return TM_E_OVERFLOW;
            scale = scale > excess ? scale - excess : 0;
        }
    }
    out->scale = (uint8_t)scale;
    bool lost; // only zeros were left out
    return at_scale(&n, TM_DECIMAL_DIGITS, out->scale, &out->unscaled, &lost);
}

size_t tm_decimal_format(tm_int128 unscaled, uint8_t scale, char *buf)
{
    TM_CHECK(scale <= TM_DECIMAL_DIGITS);
    char digits[40]; // 2^127 has 39
    int n = 0;
    u128 left = unscaled < 0 ? -(u128)unscaled : (u128)unscaled;
    while (left > UINT64_MAX) {
        // 128-bit division is slow: 18 digits at a time
        u128 q = left / tm__batch_pow10[18];
        uint64_t low = (uint64_t)(left - q * tm__batch_pow10[18]);
        for (int i = 0; i < 18; i++, low /= 10)
            digits[n++] = (char)('0' + low % 10);
        left = q;
    }
    for (uint64_t v = (uint64_t)left; v != 0; v /= 10)
        digits[n++] = (char)('0' + v % 10);
    while (n <= scale)
        digits[n++] = '0';
    char *p = buf;
    if (unscaled < 0)
        *p++ = '-';
    while (n > scale)
        *p++ = digits[--n];
    if (scale > 0) {
        *p++ = '.';
        while (n > 0)
            *p++ = digits[--n];
    }
    *p = '\0';
    return (size_t)(p - buf);
}

// Powers of ten that a double holds exactly.
static const double exact_pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

enum { DOUBLE_TEXT = 40 };

// For doubles whose shortest text may have 15 digits or more: others get zeros at the end.
static size_t shortest_text(double value, char *text)
{
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, DOUBLE_TEXT, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return (size_t)len;
}

int tm_decimal_from_double(double value, struct tm_decimal *out)
{
    if (value != value)
        return TM_E_BAD_TYPE;
    // A decimal of at most 15 digits is the only such one near its double, and dividing by an exact
    // power of ten rounds once: if that gives the value back, these are its shortest digits.
    for (uint8_t scale = 0; scale <= 15; scale++) {
        double scaled = value * exact_pow10[scale];
        if (!(scaled < 1e15 && scaled > -1e15))
            break;
        double whole = nearbyint(scaled);
        if (whole / exact_pow10[scale] == value) {
            *out = (struct tm_decimal){(tm_int128)whole, scale};
            return 0;
        }
    }
    char text[DOUBLE_TEXT];
    struct number n;
    if (!scan(text, shortest_text(value, text), &n)) // infinity
        return TM_E_OVERFLOW;
    int64_t scale = -(n.exponent + trailing_zeros(&n));
    if (scale > TM_DECIMAL_DIGITS)
        return TM_E_OVERFLOW;
    out->scale = (uint8_t)(scale < 0 ? 0 : scale);
    bool lost; // only zeros were left out
    return at_scale(&n, TM_DECIMAL_DIGITS, out->scale, &out->unscaled, &lost);
}

double tm_decimal_to_double(tm_int128 unscaled, uint8_t scale)
{
    const tm_int128 exact = (tm_int128)1 << 53;
    if (scale <= 22 && unscaled <= exact && unscaled >= -exact)
        return (double)(int64_t)unscaled / exact_pow10[scale];
    char text[48];
    tm_decimal_format(unscaled, scale, text);
    return strtod(text, NULL);
}

// A magnitude against that of the text: both as 38 digits before the point and 38 behind it, which
// 256 bits hold; digits of the text behind those can only tell when the others are equal.
static int compare_magnitudes(struct tm_decimal a, const struct number *n)
{
    u128 size = a.unscaled < 0 ? -(u128)a.unscaled : (u128)a.unscaled;
    int64_t width = n->digits == 0 ? 0 : n->digits + n->exponent; // of the whole part; or below 0
    if (width > TM_DECIMAL_DIGITS)
        return -1;
    u128 part[2] = {0, 0}; // of the text: 38 digits before the point, 38 behind it
    bool lost = n->digits != 0 && width <= -TM_DECIMAL_DIGITS;
    int64_t place = TM_DECIMAL_DIGITS - width; // of a digit, counted from 10^37
    for (const char *p = n->first; p != n->last && !lost; p++) {
        if (*p == '.')
            continue;
        if (place < 2 * TM_DECIMAL_DIGITS)
            part[place / TM_DECIMAL_DIGITS] +=
                (unsigned)(*p - '0') *
                tm__batch_pow10[TM_DECIMAL_DIGITS - 1 - place % TM_DECIMAL_DIGITS];
        else
            lost = *p != '0';
        place++;
    }
    struct tm__batch_u256 text = tm__batch_u256_mul(part[0], tm__batch_pow10[TM_DECIMAL_DIGITS]);
    text.low += part[1];
    text.high += text.low < part[1];
    int order = tm__batch_u256_compare(
        tm__batch_u256_mul(size, tm__batch_pow10[TM_DECIMAL_DIGITS - a.scale]), text);
    return order == 0 && lost ? -1 : order;
}

int tm_decimal_compare_text(struct tm_decimal a, const char *text, size_t len, int *order)
{
    struct number n;
    if (!scan(text, len, &n))
        return TM_E_BAD_TYPE;
    TM_CHECK(a.scale <= TM_DECIMAL_DIGITS);
    int sign_a = (a.unscaled > 0) - (a.unscaled < 0);
    int sign_n = n.digits == 0 ? 0 : n.negative ? -1 : 1;
    if (sign_a != sign_n || sign_a == 0)
        *order = (sign_a > sign_n) - (sign_a < sign_n);
    else
        *order = sign_a * compare_magnitudes(a, &n);
    return 0;
}

int tm_decimal_compare_double(struct tm_decimal a, double b)
{
    TM_CHECK(b == b);
    if (isinf(b))
        return b < 0 ? 1 : -1;
    char text[DOUBLE_TEXT];
    int order = 0;
    int rc = tm_decimal_compare_text(a, text, shortest_text(b, text), &order);
    TM_CHECK(rc == 0);
    return order;
}
