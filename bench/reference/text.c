// Numbers, timestamps and strings as JSON text.
#include "bench/reference/reference.h"

#include <math.h>

static const char digit_pairs[201] = "0001020304050607080910111213141516171819202122232425262728293"
                                     "031323334353637383940414243444546474849"
                                     "5051525354555657585960616263646566676869707172737475767778798"
                                     "081828384858687888990919293949596979899";

static inline char *put_unsigned(char *out, uint64_t value)
{
    char tmp[20];
    char *p = tmp + sizeof tmp;
    while (value >= 100) {
        uint64_t rest = value / 100;
        p -= 2;
        memcpy(p, digit_pairs + (value - rest * 100) * 2, 2);
        value = rest;
    }
    if (value >= 10) {
        p -= 2;
        memcpy(p, digit_pairs + value * 2, 2);
    } else {
        *--p = (char)('0' + value);
    }
    size_t n = (size_t)(tmp + sizeof tmp - p);
    memcpy(out, p, n);
    return out + n;
}

char *ref_put_int(char *out, int64_t value)
{
    uint64_t magnitude = (uint64_t)value;
    if (value < 0) {
        *out++ = '-';
        magnitude = 0 - magnitude;
    }
    return put_unsigned(out, magnitude);
}

// Most amounts and sums of amounts are hundredths. A decimal of at most 15 digits that reads back
// as `value` is its shortest text once trailing zeros are gone, since no two such decimals share a
// double; others take the general way.
char *ref_put_double(char *out, double value)
{
    double scaled = nearbyint(value * 100);
    if (fabs(scaled) < 1e15 && scaled / 100 == value && (scaled != 0 || !signbit(value))) {
        int64_t hundredths = (int64_t)scaled;
        uint64_t magnitude = (uint64_t)hundredths;
        if (hundredths < 0) {
            *out++ = '-';
            magnitude = 0 - magnitude;
        }
        uint64_t whole = magnitude / 100;
        uint64_t fraction = magnitude - whole * 100;
        out = put_unsigned(out, whole);
        if (fraction == 0)
            return out;
        *out++ = '.';
        memcpy(out, digit_pairs + fraction * 2, 2);
        return out + (fraction % 10 == 0 ? 1 : 2);
    }
    return out + ref_put_shortest(out, value);
}

static inline char *put_2(char *out, unsigned value)
{
    memcpy(out, digit_pairs + value * 2, 2);
    return out + 2;
}

char *ref_put_timestamp(char *out, int64_t ms)
{
    int64_t day = ms / 86400000, in_day = ms % 86400000;
    if (in_day < 0) {
        in_day += 86400000;
        day--;
    }
    // Days since 1970 to year, month, day in the proleptic Gregorian calendar: count from 1 March
    // of year 0, so that the leap day ends a year.
    int64_t z = day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned of_era = (unsigned)(z - era * 146097);
    unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_index = (5 * of_year + 2) / 153;
    unsigned day_of_month = of_year - (153 * month_index + 2) / 5 + 1;
    unsigned month = month_index < 10 ? month_index + 3 : month_index - 9;
    unsigned year = (unsigned)(era * 400) + year_of_era + (month <= 2);
    unsigned seconds = (unsigned)(in_day / 1000), millis = (unsigned)(in_day % 1000);
    out = put_2(out, year / 100 % 100);
    out = put_2(out, year % 100);
    *out++ = '-';
    out = put_2(out, month);
    *out++ = '-';
    out = put_2(out, day_of_month);
    *out++ = 'T';
    out = put_2(out, seconds / 3600);
    *out++ = ':';
    out = put_2(out, seconds / 60 % 60);
    *out++ = ':';
    out = put_2(out, seconds % 60);
    *out++ = '.';
    *out++ = (char)('0' + millis / 100);
    out = put_2(out, millis % 100);
    *out++ = 'Z';
    return out;
}

static char *put_escape(char *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    *out++ = '\\';
    switch (c) {
    case '"':
    case '\\':
        *out++ = (char)c;
        return out;
    case '\b':
        *out++ = 'b';
        return out;
    case '\f':
        *out++ = 'f';
        return out;
    case '\n':
        *out++ = 'n';
        return out;
    case '\r':
        *out++ = 'r';
        return out;
    case '\t':
        *out++ = 't';
        return out;
    default:
        out = REF_PUT(out, "u00");
        *out++ = hex[c >> 4];
        *out++ = hex[c & 15];
        return out;
    }
}

// 16 bytes at a time: copy, look for what must be escaped, step behind the first of it.
char *ref_put_string(char *out, const char *s, uint32_t length)
{
    typedef unsigned char lanes __attribute__((vector_size(16)));
    const char *end = s + length;
    while (end - s >= 16) {
        lanes chunk;
        memcpy(&chunk, s, 16);
        memcpy(out, &chunk, 16);
        lanes hit = (lanes)((chunk == '"') | (chunk == '\\') | (chunk < 0x20));
        uint64_t half[2];
        memcpy(half, &hit, 16);
        if ((half[0] | half[1]) == 0) {
            s += 16;
            out += 16;
            continue;
        }
        unsigned plain = (unsigned)(half[0] != 0 ? __builtin_ctzll(half[0]) / 8
                                                 : 8 + __builtin_ctzll(half[1]) / 8);
        out = put_escape(out + plain, (unsigned char)s[plain]);
        s += plain + 1;
    }
    for (; s < end; s++) {
        unsigned char c = (unsigned char)*s;
        if (__builtin_expect(c == '"' || c == '\\' || c < 0x20, 0))
            out = put_escape(out, c);
        else
            *out++ = (char)c;
    }
    return out;
}
