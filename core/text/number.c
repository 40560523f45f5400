// Numbers read strictly from text, and rounded at a decimal place of how they are written: 2.675 to
// two places is 2.68, although the double nearest to it is a little less.
#include <math.h>

#include "core/batch/decimal.ffi.h"
#include "core/batch/decimal.h"
#include "core/batch/type.h"
#include "core/format/json_index.h"
#include "core/text/text_private.h"

enum { PLACES_MAX = 22, DIGITS = 38 };

static const double power10[PLACES_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// --- reading

static size_t skip_digits(const char *s, size_t len, size_t i)
{
    while (i < len && s[i] >= '0' && s[i] <= '9')
        i++;
    return i;
}

int32_t tm_number_parse(struct tm_text *t, const char *s, uint32_t len)
{
    size_t start = len > 0 && (s[0] == '+' || s[0] == '-'), i = skip_digits(s, len, start), from;

    if (i == start)
        return TM_TEXT_NONE;
    if (i < len && s[i] == '.') {
        from = i + 1;
        i = skip_digits(s, len, from);
        if (i == from)
            return TM_TEXT_NONE;
    }
    if (i < len && (s[i] == 'e' || s[i] == 'E')) {
        i++;
        from = i < len && (s[i] == '+' || s[i] == '-') ? i + 1 : i;
        i = skip_digits(s, len, from);
        if (i == from)
            return TM_TEXT_NONE;
    }
    if (i != len || !tm__double_nearest(s + start, len - start, &t->number))
        return TM_TEXT_NONE;
    if (s[0] == '-')
        t->number = -t->number;
    return 0;
}

int32_t tm_number_parse_int(struct tm_text *t, const char *s, uint32_t len, int32_t base)
{
    const int64_t exact = TM_INT_MAX;
    size_t i = len > 0 && (s[0] == '+' || s[0] == '-');
    int64_t v = 0;

    if (i == len)
        return TM_TEXT_NONE;
    for (; i < len; i++) {
        char c = s[i];
        int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'z' ? c - 'a' + 10
                        : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                                               : 99;
        if (digit >= base)
            return TM_TEXT_NONE;
        v = v * base + digit;
        if (v > exact)
            return TM_TEXT_NONE;
    }
    t->number = s[0] == '-' ? (double)-v : (double)v;
    return 0;
}

// --- rounding

static tm_int128 whole_power10(int32_t n)
{
    tm_int128 v = 1;
    for (; n > 0; n--)
        v *= 10;
    return v;
}

// unscaled / 10^digits, rounded.
static tm_int128 drop_digits(tm_int128 unscaled, int32_t digits, bool even)
{
    if (digits > DIGITS)
        return 0;
    tm_int128 size = unscaled < 0 ? -unscaled : unscaled, unit = whole_power10(digits);
    tm_int128 kept = size / unit, rest = size % unit, half = unit - rest; // rest >= unit / 2
    if (rest > half || (rest == half && (!even || (kept & 1) != 0)))
        kept++;
    return unscaled < 0 ? -kept : kept;
}

// By the digits of the shortest text.
static double round_exactly(double value, int32_t places, bool even)
{
    struct tm_decimal d;

    if (tm_decimal_from_double(value, &d) != 0 || d.scale <= places)
        return value;
    tm_int128 kept = drop_digits(d.unscaled, d.scale - places, even);
    if (places >= 0)
        return tm_decimal_to_double(kept, (uint8_t)places);
    return (double)kept * power10[-places];
}

double tm_number_round(double value, int32_t places, bool even)
{
    double size = fabs(value);
    double scaled = places >= 0 ? size * power10[places] : size / power10[-places];
    double whole = floor(scaled), rest = scaled - whole;

    if (!(size < INFINITY))
        return value;
    // Multiplying has moved `rest` by less than this. Only near a half does it matter.
    double doubt = scaled * 0x1p-50;
    if (scaled >= 0x1p50 || fabs(rest - 0.5) <= doubt)
        return round_exactly(value, places, even) + 0.0;
    if (rest > 0.5)
        whole += 1;
    double rounded = places >= 0 ? whole / power10[places] : whole * power10[-places];
    return value < 0 ? 0.0 - rounded : rounded; // no negative zero
}

int32_t tm_number_round_decimal(const struct tm_decimal_value *value, int32_t places, bool even,
                                struct tm_decimal_value *out)
{
    tm_int128 unscaled = (tm_int128)((unsigned __int128)(uint64_t)value->high << 64 | value->low);

    if (value->scale < 0 || value->scale > DIGITS)
        return TM_E_BAD_TYPE;
    if (places < value->scale) {
        unscaled = drop_digits(unscaled, value->scale - places, even);
        if (places < 0 && unscaled != 0) {
            tm_int128 limit = whole_power10(DIGITS + places);
            if (unscaled >= limit || unscaled <= -limit)
                return TM_E_OVERFLOW;
            unscaled *= whole_power10(-places);
        }
        out->scale = places < 0 ? 0 : places;
    } else {
        out->scale = value->scale;
    }
    out->low = (uint64_t)unscaled;
    out->high = (int64_t)(unscaled >> 64);
    return 0;
}
