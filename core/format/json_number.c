// The general way through a number: any length, exact. Reached by numbers with an exponent, more
// than 15 characters or an error, so it is written to be clear and not to be fast.
#include "core/format/json_number.h"

#include "core/format/json_index.h"

const double tm__power10_double[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

const uint64_t tm__power10_word[20] = {1,
                                       10,
                                       100,
                                       1000,
                                       10000,
                                       100000,
                                       1000000,
                                       10000000,
                                       100000000,
                                       1000000000,
                                       10000000000,
                                       100000000000,
                                       1000000000000,
                                       10000000000000,
                                       100000000000000,
                                       1000000000000000,
                                       10000000000000000,
                                       100000000000000000,
                                       1000000000000000000,
                                       UINT64_C(10000000000000000000)};

#ifdef __SSE2__
const uint8_t tm__number_keep[32] = {[16] = 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                     0xFF,        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
#endif

enum { SIGNIFICANT_MAX = 38, EXPONENT_MAX = 1000000000 };

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

// The number's digits so far. Zeros are held back until a digit that counts follows them.
struct scan {
    struct tm__number *number;
    int64_t seen;  // digits read, leading zeros included
    int64_t last;  // of which up to the last one that is not zero
    int64_t zeros; // held back
};

static void take_digit(struct scan *scan, uint8_t c)
{
    struct tm__number *n = scan->number;
    scan->seen++;
    if (c == '0') {
        scan->zeros += n->significant != 0;
        return;
    }
    for (; scan->zeros >= 0 && !n->more; scan->zeros--) {
        if (n->significant == SIGNIFICANT_MAX) {
            n->more = true;
            break;
        }
        n->digits = n->digits * 10 + (scan->zeros == 0 ? (unsigned)(c - '0') : 0u);
        n->significant++;
    }
    scan->zeros = 0;
    scan->last = scan->seen;
}

size_t tm__number_scan(const uint8_t *p, struct tm__number *number)
{
    const uint8_t *start = p;
    struct scan scan = {.number = number};
    *number = (struct tm__number){.negative = *p == '-'};
    p += number->negative;
    if (!is_digit(*p) || (*p == '0' && is_digit(p[1])))
        return 0;
    for (; is_digit(*p); p++)
        take_digit(&scan, *p);
    int64_t before_point = scan.seen;
    if (*p == '.') {
        if (!is_digit(*++p))
            return 0;
        for (; is_digit(*p); p++)
            take_digit(&scan, *p);
    }
    int64_t exponent = 0;
    if (*p == 'e' || *p == 'E') {
        bool negative = *++p == '-';
        p += *p == '-' || *p == '+';
        if (!is_digit(*p))
            return 0;
        for (; is_digit(*p); p++)
            exponent = exponent < EXPONENT_MAX ? exponent * 10 + (*p - '0') : exponent;
        exponent = negative ? -exponent : exponent;
    }
    number->exponent = number->significant == 0 ? 0 : exponent + before_point - scan.last;
    return (size_t)(p - start);
}

enum tm__exact tm__number_to_int64(const struct tm__number *number, int64_t *value)
{
    if (number->exponent < 0)
        return TM__FRACTION;
    if (number->more || number->significant + number->exponent > 19)
        return TM__TOO_LARGE;
    unsigned __int128 v = number->digits * tm__power10_word[number->exponent];
    if (v > (unsigned __int128)INT64_MAX + (number->negative ? 1 : 0))
        return TM__TOO_LARGE;
    *value = (int64_t)(number->negative ? 0 - (uint64_t)v : (uint64_t)v);
    return TM__EXACT;
}

bool tm__number_to_double(const struct tm__number *number, const uint8_t *p, size_t len,
                          double *value)
{
    // Both sides are exact doubles, so one operation rounds once.
    if (!number->more && number->digits <= ((uint64_t)1 << 53) && number->exponent >= -22 &&
        number->exponent <= 22) {
        double digits = (double)(uint64_t)number->digits;
        digits = number->negative ? -digits : digits;
        *value = number->exponent < 0 ? digits / tm__power10_double[-number->exponent]
                                      : digits * tm__power10_double[number->exponent];
        return true;
    }
    return tm__double_nearest((const char *)p, len, value);
}
