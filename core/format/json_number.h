// Numbers of JSON text: a fast way for the numbers that records are full of (up to 16 characters,
// digits and perhaps one point), eight digits at a time, and an exact general way behind it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

// The two fast ways below take numbers of up to 16 characters, which end at p + len. 16 bytes must
// be readable behind p and, in front of p + len, `front` bytes: with fewer than 16 they decline.

#ifdef __SSE2__

extern const uint8_t tm__number_keep[32]; // 16 times no bit, 16 times all bits

// 16 digits, the first in the lowest byte, as values.
static inline __attribute__((always_inline)) uint64_t tm__sixteen_digits(__m128i v)
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
static inline __attribute__((always_inline)) __m128i tm__digits_before(const uint8_t *end,
                                                                       size_t len, unsigned *others)
{
    __m128i keep = _mm_loadu_si128((const __m128i *)(const void *)(tm__number_keep + len));
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));
    v = _mm_and_si128(_mm_xor_si128(v, _mm_set1_epi8('0')), keep);
    __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v);
    *others = (unsigned)_mm_movemask_epi8(digit) ^ 0xFFFF;
    return v;
}

// An integer without fraction and exponent that fills [p, p + len): true and its value. False: take
// the general way.
static inline __attribute__((always_inline)) bool tm__fast_integer(const uint8_t *p, size_t len,
                                                                   size_t front, int64_t *value)
{
    int64_t negative = *p == '-';
    unsigned others;
    p += negative;
    len -= (size_t)negative;
    if (len - 1 >= 16 || front < 16 || (*p == '0' && len != 1))
        return false;
    __m128i v = tm__digits_before(p + len, len, &others);
    *value = ((int64_t)tm__sixteen_digits(v) ^ -negative) + negative;
    return others == 0;
}

// Digits with perhaps a point: value = *digits / 10^*fraction. As tm__fast_integer; at most 15
// digits when there is a point, so a double holds them exactly.
static inline __attribute__((always_inline)) bool tm__fast_fixed(const uint8_t *p, size_t len,
                                                                 size_t front, bool *negative,
                                                                 uint64_t *digits, size_t *fraction)
{
    unsigned others;
    *negative = *p == '-';
    p += *negative;
    len -= *negative;
    if (len - 1 >= 16 || front < 16)
        return false;
    __m128i v = tm__digits_before(p + len, len, &others);
    *fraction = 0;
    if (others != 0) { // one point, with a digit on both sides; the gap that it leaves is closed
        size_t point = (size_t)__builtin_ctz(others);
        *fraction = 15 - point;
        if ((others & (others - 1)) != 0 || p[len - 16 + point] != '.' || *p == '.' ||
            *fraction == 0)
            return false;
        __m128i behind =
            _mm_loadu_si128((const __m128i *)(const void *)(tm__number_keep + *fraction));
        v = _mm_or_si128(_mm_and_si128(behind, v), _mm_andnot_si128(behind, _mm_slli_si128(v, 1)));
    }
    if (*p == '0' && len != (*fraction == 0 ? 1 : *fraction + 2))
        return false;
    *digits = tm__sixteen_digits(v);
    return true;
}

#else

static inline __attribute__((always_inline)) uint64_t tm__load8(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static inline __attribute__((always_inline)) bool tm__are_digits(uint64_t word)
{
    const uint64_t high = 0xF0F0F0F0F0F0F0F0, zeros = 0x3030303030303030;
    return (word & high) == zeros && ((word + 0x0606060606060606) & high) == zeros;
}

// Eight ASCII digits, the first in the lowest byte: pairs, then fours, then all.
static inline __attribute__((always_inline)) uint64_t tm__eight_digits(uint64_t word)
{
    word &= 0x0F0F0F0F0F0F0F0F;
    word = word * 10 + (word >> 8); // bytes 0, 2, 4, 6: two digits each
    uint64_t first = (word & 0x000000FF000000FF) * (100 + (UINT64_C(1000000) << 32));
    uint64_t second = ((word >> 16) & 0x000000FF000000FF) * (1 + (UINT64_C(10000) << 32));
    return (first + second) >> 32;
}

// `len` (1 to 8) digits in the low bytes of a word: moved up behind zeros.
static inline __attribute__((always_inline)) bool tm__digits_of_word(uint64_t word, size_t len,
                                                                     uint64_t *value)
{
    if (len < 8)
        word = (word << (64 - 8 * len)) | (UINT64_C(0x3030303030303030) >> (8 * len));
    *value = tm__eight_digits(word);
    return tm__are_digits(word);
}

// `len` (1 to 16) digits in two words.
static inline __attribute__((always_inline)) bool tm__digits_of_words(uint64_t low, uint64_t high,
                                                                      size_t len, uint64_t *value)
{
    if (len <= 8)
        return tm__digits_of_word(low, len, value);
    uint64_t rest;
    bool ok = tm__digits_of_word(high, len - 8, &rest);
    *value = tm__eight_digits(low) * tm__power10_word[len - 8] + rest;
    return ok && tm__are_digits(low);
}

// An integer without fraction and exponent of up to 16 digits that fills [p, p + len): true and its
// value. False: take the general way. 16 bytes must be readable.
static inline __attribute__((always_inline)) bool tm__fast_integer(const uint8_t *p, size_t len,
                                                                   size_t front, int64_t *value)
{
    int64_t negative = *p == '-';
    uint64_t digits;
    (void)front;
    p += negative;
    len -= (size_t)negative;
    if (len - 1 >= 16 || (*p == '0' && len != 1) ||
        !tm__digits_of_words(tm__load8(p), tm__load8(p + 8), len, &digits))
        return false;
    *value = ((int64_t)digits ^ -negative) + negative;
    return true;
}

// Where the point stands in the `len` (up to 16) bytes at p; `len` when there is none.
static inline __attribute__((always_inline)) size_t tm__find_point(const uint8_t *p, size_t len)
{
    size_t i = 0;
    while (i < len && p[i] != '.')
        i++;
    return i;
}

// Digits with perhaps a point, up to 16 characters: value = *digits / 10^*fraction. As
// tm__fast_integer; at most 15 digits when there is a point, so a double holds them exactly.
static inline __attribute__((always_inline)) bool tm__fast_fixed(const uint8_t *p, size_t len,
                                                                 size_t front, bool *negative,
                                                                 uint64_t *digits, size_t *fraction)
{
    (void)front;
    *negative = *p == '-';
    p += *negative;
    len -= *negative;
    if (len - 1 >= 16)
        return false;
    size_t point = tm__find_point(p, len);
    uint64_t low = tm__load8(p), high = tm__load8(p + 8);
    if (point == len) {
        *fraction = 0;
        return (*p != '0' || len == 1) && tm__digits_of_words(low, high, len, digits);
    }
    *fraction = len - 1 - point;
    if (point == 0 || *fraction == 0 || (*p == '0' && point != 1))
        return false;
    if (len <= 8) { // close the gap that the point leaves
        uint64_t before = (UINT64_C(1) << (8 * point)) - 1;
        return tm__digits_of_word((low & before) | ((low >> 8) & ~before), len - 1, digits);
    }
    unsigned __int128 all = ((unsigned __int128)high << 64) | low;
    unsigned __int128 before = ((unsigned __int128)1 << (8 * point)) - 1;
    all = (all & before) | ((all >> 8) & ~before);
    return tm__digits_of_words((uint64_t)all, (uint64_t)(all >> 64), len - 1, digits);
}

#endif
