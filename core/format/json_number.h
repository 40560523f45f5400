// Numbers of JSON text: a fast way for the numbers that records are full of (up to 15 characters,
// digits and perhaps one point), all digits at once, and an exact general way behind it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/format/json_chunk.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digits are taken from words");

extern const double tm__power10_double[23];
extern const uint64_t tm__power10_word[20];

// A number in JSON's grammar as digits * 10^exponent, digits without trailing zeros. `more`: it has
// more than 38 significant digits, of which the first are kept.
struct tm__number {
    unsigned __int128 digits;
    int64_t exponent;
    uint32_t significant; // digits in `digits`
    bool negative, more;
};

// Length of the number at p (any length; ends at the first byte that cannot belong to it), or 0
// when it does not follow the grammar.
size_t tm__number_scan(const uint8_t *p, struct tm__number *number);

enum tm__exact { TM__EXACT, TM__FRACTION, TM__TOO_LARGE };
enum tm__exact tm__number_to_int64(const struct tm__number *number, int64_t *value);
// `p`, `len` is the text that was scanned. False: beyond the range of doubles.
bool tm__number_to_double(const struct tm__number *number, const uint8_t *p, size_t len,
                          double *value);

#ifdef __SSE2__

extern const uint8_t tm__number_keep[32]; // 16 times no bit, 16 times all bits

// 16 digits, the first in the lowest byte, as values.
static TM__ALWAYS_INLINE uint64_t tm__sixteen_digits(__m128i v)
{
    __m128i tens = _mm_and_si128(v, _mm_set1_epi16(0xFF)), ones = _mm_srli_epi16(v, 8);
    __m128i twos = _mm_add_epi16(_mm_mullo_epi16(tens, _mm_set1_epi16(10)), ones);
    __m128i fours = _mm_madd_epi16(twos, _mm_set1_epi32(1 << 16 | 100));
    __m128i eights = _mm_madd_epi16(_mm_packs_epi32(fours, fours), _mm_set1_epi32(1 << 16 | 10000));
    uint64_t both = (uint64_t)_mm_cvtsi128_si64(eights);
    return (both & UINT32_MAX) * 100000000 + (both >> 32);
}

// The last `len` (1 to 16) bytes before `end` as values of digits behind zeros; *others has a bit
// for each that is no digit.
static TM__ALWAYS_INLINE __m128i tm__digits_before(const uint8_t *end, size_t len, unsigned *others)
{
    __m128i keep = _mm_loadu_si128((const __m128i *)(const void *)(tm__number_keep + len));
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));
    v = _mm_and_si128(_mm_xor_si128(v, _mm_set1_epi8('0')), keep);
    __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v);
    *others = (unsigned)_mm_movemask_epi8(digit) ^ 0xFFFF;
    return v;
}

// The value of the `len` digits before `end`.
static TM__ALWAYS_INLINE uint64_t tm__digits(const uint8_t *end, size_t len)
{
    unsigned others;
    return tm__sixteen_digits(tm__digits_before(end, len, &others));
}

// The same with a point among them, which has `fraction` digits behind it.
static TM__ALWAYS_INLINE uint64_t tm__digits_with_point(const uint8_t *end, size_t len,
                                                        size_t fraction)
{
    unsigned others;
    __m128i v = tm__digits_before(end, len, &others);
    __m128i behind = _mm_loadu_si128((const __m128i *)(const void *)(tm__number_keep + fraction));
    return tm__sixteen_digits( // the gap that the point leaves is closed
        _mm_or_si128(_mm_and_si128(behind, v), _mm_andnot_si128(behind, _mm_slli_si128(v, 1))));
}

#else

static TM__ALWAYS_INLINE uint64_t tm__digits_with_point(const uint8_t *end, size_t len,
                                                        size_t fraction)
{
    uint64_t v = 0;
    for (size_t left = len; left > 0; left--) {
        if (left != fraction + 1)
            v = v * 10 + (uint64_t)(end[-(ptrdiff_t)left] - '0');
    }
    return v;
}

static TM__ALWAYS_INLINE uint64_t tm__digits(const uint8_t *end, size_t len)
{
    return tm__digits_with_point(end, len, len);
}

#endif

// The two fast ways: a number of up to 15 characters, digits and perhaps a minus sign. They return
// its length, or 0 when it is another, or not right, and the general way must look at it; what
// follows it is the caller's affair. It is converted when it is `wanted`. 16 bytes must be readable
// in front of and behind p.

// An integer without fraction and exponent.
static TM__ALWAYS_INLINE size_t tm__fast_integer(const uint8_t *p, bool wanted, int64_t *value)
{
    uint32_t minus = *p == '-';
    uint32_t digits = tm__chunk_between(tm__chunk_load(p), '0', '9') | minus;
    uint32_t len = (uint32_t)__builtin_ctz(~digits), count = len - minus;
    if (TM_UNLIKELY(count - 1 >= 15 || (p[minus] == '0' && count != 1)))
        return 0;
    if (wanted) {
        int64_t sign = -(int64_t)minus;
        *value = ((int64_t)tm__digits(p + len, count) ^ sign) - sign;
    }
    return len;
}

// Digits with perhaps a point: value = *digits / 10^*fraction. A double holds the digits exactly.
static TM__ALWAYS_INLINE size_t tm__fast_fixed(const uint8_t *p, bool wanted, bool *negative,
                                               uint64_t *digits, uint32_t *fraction)
{
    tm__chunk chunk = tm__chunk_load(p);
    uint32_t number = tm__chunk_between(chunk, '-', '9'); // the slash is among them
    uint32_t len = (uint32_t)__builtin_ctz(~number), minus = *p == '-', count = len - minus;
    // Of the number: number & ~(number + 1) are its lowest bits up to the first that is not set.
    uint32_t others = (number & ~(number + 1) & ~tm__chunk_between(chunk, '0', '9')) ^ minus;
    if (TM_UNLIKELY(count - 1 >= 15))
        return 0;
    *negative = minus != 0;
    *fraction = 0;
    if (others == 0) {
        if (TM_UNLIKELY(p[minus] == '0' && count != 1))
            return 0;
        *digits = wanted ? tm__digits(p + len, count) : 0;
        return len;
    }
    uint32_t point = (uint32_t)__builtin_ctz(others); // one, with a digit on both sides
    *fraction = len - 1 - point;
    if (TM_UNLIKELY((others & (others - 1)) != 0 || p[point] != '.' || point == minus ||
                    *fraction == 0 || (p[minus] == '0' && point != minus + 1)))
        return 0;
    *digits = wanted ? tm__digits_with_point(p + len, count, *fraction) : 0;
    return len;
}
