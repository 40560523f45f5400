// The numbers that CSV files are full of, quickly: up to 16 digits, perhaps with a point or a
// decimal comma. Whatever else there is, errors among it, is declined and left to csv_value.c. 16
// bytes must be readable behind a field and, in front of its end, `front` bytes: with fewer than 16
// numbers are declined.
#pragma once

#include <stdbool.h>
#include <string.h>

#include "core/batch/type.h"
#include "core/format/json_number.h"

// Digits with perhaps one point: value = *digits / 10^*fraction.
struct tm__csv_fixed {
    uint64_t digits;
    uint32_t fraction;
    bool negative;
};

// The same for up to 8 bytes, which most numbers have: all of them in a word, the last one highest.
static inline __attribute__((always_inline)) bool tm__csv_short_fixed(const uint8_t *p, size_t len,
                                                                      uint8_t point,
                                                                      struct tm__csv_fixed *out)
{
    uint64_t word, all = ~UINT64_C(0) << (64 - 8 * len);
    memcpy(&word, p + len - 8, 8);
    word = (word ^ 0x3030303030303030) & all;
    // What is no digit; behind what is not even ASCII, digits may seem to be none either.
    uint64_t others = ((word + 0x7676767676767676) | word) & 0x8080808080808080;
    out->fraction = 0;
    if (others != 0) { // one point, with a digit on both sides; the gap that it leaves is closed
        uint32_t at = (uint32_t)__builtin_ctzll(others) - 7;
        if ((others & (others - 1)) != 0 || (word >> at & 0xFF) != (uint8_t)(point ^ '0') ||
            *p == point || at == 56)
            return false;
        uint64_t behind = ~UINT64_C(0xFF) << at, front = (UINT64_C(1) << at) - 1;
        word = (word & behind) | (word & front) << 8;
        out->fraction = (56 - at) / 8;
    }
    word = word * 10 + (word >> 8); // of each pair of bytes the lower one
    out->digits = ((word & 0x000000FF000000FF) * 0x000F424000000064 +
                   (word >> 16 & 0x000000FF000000FF) * 0x0000271000000001) >>
                  32;
    return true;
}

#ifdef __SSE2__

static inline __attribute__((always_inline)) bool tm__csv_fast_fixed(const uint8_t *p, size_t len,
                                                                     size_t front, uint8_t point,
                                                                     struct tm__csv_fixed *out)
{
    unsigned others;
    out->negative = *p == '-';
    p += out->negative;
    len -= out->negative;
    if (len - 1 >= 16 || front < 16)
        return false;
    if (TM_LIKELY(len <= 8))
        return tm__csv_short_fixed(p, len, point, out);
    __m128i v = tm__digits_before(p + len, len, &others);
    out->fraction = 0;
    if (others != 0) { // one point, with a digit on both sides; the gap that it leaves is closed
        uint32_t at = (uint32_t)__builtin_ctz(others), fraction = 15 - at;
        if ((others & (others - 1)) != 0 || p[len - 16 + at] != point || *p == point ||
            fraction == 0)
            return false;
        __m128i behind =
            _mm_loadu_si128((const __m128i *)(const void *)(tm__number_keep + fraction));
        v = _mm_or_si128(_mm_and_si128(behind, v), _mm_andnot_si128(behind, _mm_slli_si128(v, 1)));
        out->fraction = fraction;
    }
    out->digits = tm__sixteen_digits(v);
    return true;
}

#else

static inline bool tm__csv_fast_fixed(const uint8_t *p, size_t len, size_t front, uint8_t point,
                                      struct tm__csv_fixed *out)
{
    const uint8_t *end = p + len, *mark = NULL;
    (void)front;
    *out = (struct tm__csv_fixed){.negative = *p == '-'};
    p += out->negative;
    if (end - p > 16 || end == p || *p == point)
        return false;
    for (; p < end; p++) {
        if (*p == point && mark == NULL)
            mark = p + 1;
        else if (*p >= '0' && *p <= '9')
            out->digits = out->digits * 10 + (uint64_t)(*p - '0');
        else
            return false;
    }
    out->fraction = mark == NULL ? 0 : (uint32_t)(end - mark);
    return mark != end;
}

#endif

// Within 2^53 either way, as a word.
static inline __attribute__((always_inline)) bool tm__csv_fast_integer(const uint8_t *p, size_t len,
                                                                       size_t front, uint64_t *word)
{
    struct tm__csv_fixed number;
    // There is no point that a line end could stand for.
    if (!tm__csv_fast_fixed(p, len, front, '\n', &number) || number.digits > (uint64_t)TM_INT_MAX)
        return false;
    *word = number.negative ? 0 - number.digits : number.digits;
    return true;
}

static inline __attribute__((always_inline)) bool tm__csv_fast_double(const uint8_t *p, size_t len,
                                                                      size_t front, uint8_t point,
                                                                      uint64_t *word)
{
    struct tm__csv_fixed number;
    // 16 digits may be more than 2^53; both sides of the division are exact, so it rounds once.
    if (!tm__csv_fast_fixed(p, len, front, point, &number) ||
        number.digits > UINT64_C(1000000000000000))
        return false;
    double v = (double)(int64_t)number.digits / tm__power10_double[number.fraction];
    memcpy(word, &v, sizeof *word);
    *word |= (uint64_t)number.negative << 63;
    return true;
}

static inline __attribute__((always_inline)) bool tm__csv_fast_decimal(const uint8_t *p, size_t len,
                                                                       size_t front, uint8_t point,
                                                                       struct tm_type type,
                                                                       uint64_t keep, uint8_t *slot)
{
    struct tm__csv_fixed number;
    // Up to 16 digits and, for the scale, three more stay below 2^64.
    if (!tm__csv_fast_fixed(p, len, front, point, &number) || number.fraction > type.scale ||
        type.scale - number.fraction > 3)
        return false;
    uint64_t unscaled = number.digits * tm__power10_word[type.scale - number.fraction];
    if (type.precision <= 19 && unscaled >= tm__power10_word[type.precision])
        return false;
    __int128 v = number.negative ? -(__int128)unscaled : (__int128)unscaled;
    v = keep != 0 ? v : 0;
    memcpy(slot, &v, sizeof v);
    return true;
}
