// Sixteen bytes of text at a time: what the fast ways through JSON ask of them. Everything else
// that is particular to a processor's vectors is in json_number.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/check.h"

#define TM__ALWAYS_INLINE inline __attribute__((always_inline))

enum { TM__CHUNK_BYTES = 16 };

#ifdef __SSE2__

#include <emmintrin.h>

typedef __m128i tm__chunk;

static TM__ALWAYS_INLINE tm__chunk tm__chunk_load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static TM__ALWAYS_INLINE void tm__chunk_store(uint8_t *p, tm__chunk c)
{
    _mm_storeu_si128((__m128i *)(void *)p, c);
}

static TM__ALWAYS_INLINE tm__chunk tm__chunk_fill(uint8_t byte)
{
    return _mm_set1_epi8((char)byte);
}

static TM__ALWAYS_INLINE tm__chunk tm__chunk_or(tm__chunk a, tm__chunk b)
{
    return _mm_or_si128(a, b);
}

// Each of these gives a bit for each byte.

static TM__ALWAYS_INLINE uint32_t tm__chunk_equal(tm__chunk a, tm__chunk b)
{
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
}

// Outside ASCII.
static TM__ALWAYS_INLINE uint32_t tm__chunk_high(tm__chunk c)
{
    return (uint32_t)_mm_movemask_epi8(c);
}

// What does not stand for itself in a string: a quote, a backslash, a control character.
static TM__ALWAYS_INLINE uint32_t tm__chunk_special(tm__chunk c)
{
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(c, _mm_set1_epi8(0x1F)), c);
    __m128i quote = _mm_cmpeq_epi8(c, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(c, _mm_set1_epi8('\\'));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash)));
}

static TM__ALWAYS_INLINE uint32_t tm__chunk_bracket(tm__chunk c)
{
    __m128i folded = _mm_or_si128(c, _mm_set1_epi8(0x20)); // [ to {, ] to }
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')),
                                                    _mm_cmpeq_epi8(folded, _mm_set1_epi8('}'))));
}

// From `first` to `last`, which are less than 128 apart.
static TM__ALWAYS_INLINE uint32_t tm__chunk_between(tm__chunk c, uint8_t first, uint8_t last)
{
    __m128i moved = _mm_sub_epi8(c, _mm_set1_epi8((char)(first - 128)));
    __m128i beyond = _mm_set1_epi8((char)(last - first + 1 - 128));
    return (uint32_t)_mm_movemask_epi8(_mm_cmplt_epi8(moved, beyond));
}

#else

typedef struct {
    uint8_t bytes[TM__CHUNK_BYTES];
} tm__chunk;

#define TM__CHUNK_MASK(c, test)                      \
    uint32_t mask = 0;                               \
    for (unsigned i = 0; i < TM__CHUNK_BYTES; i++) { \
        uint8_t byte = (c).bytes[i];                 \
        mask |= (uint32_t)((test) != 0) << i;        \
    }                                                \
    return mask

static TM__ALWAYS_INLINE tm__chunk tm__chunk_load(const uint8_t *p)
{
    tm__chunk c;
    memcpy(c.bytes, p, sizeof c.bytes);
    return c;
}

static TM__ALWAYS_INLINE void tm__chunk_store(uint8_t *p, tm__chunk c)
{
    memcpy(p, c.bytes, sizeof c.bytes);
}

static TM__ALWAYS_INLINE tm__chunk tm__chunk_fill(uint8_t byte)
{
    tm__chunk c;
    memset(c.bytes, byte, sizeof c.bytes);
    return c;
}

static TM__ALWAYS_INLINE tm__chunk tm__chunk_or(tm__chunk a, tm__chunk b)
{
    for (unsigned i = 0; i < TM__CHUNK_BYTES; i++)
        a.bytes[i] |= b.bytes[i];
    return a;
}

static TM__ALWAYS_INLINE uint32_t tm__chunk_equal(tm__chunk a, tm__chunk b)
{
    TM__CHUNK_MASK(a, byte == b.bytes[i]);
}

static TM__ALWAYS_INLINE uint32_t tm__chunk_high(tm__chunk c)
{
    TM__CHUNK_MASK(c, byte & 0x80);
}

static TM__ALWAYS_INLINE uint32_t tm__chunk_special(tm__chunk c)
{
    TM__CHUNK_MASK(c, byte < 0x20 || byte == '"' || byte == '\\');
}

static TM__ALWAYS_INLINE uint32_t tm__chunk_bracket(tm__chunk c)
{
    TM__CHUNK_MASK(c, (byte | 0x20) == '{' || (byte | 0x20) == '}');
}

static TM__ALWAYS_INLINE uint32_t tm__chunk_between(tm__chunk c, uint8_t first, uint8_t last)
{
    TM__CHUNK_MASK(c, byte >= first && byte <= last);
}

#undef TM__CHUNK_MASK

#endif

// Of [p, p + len), behind which 16 bytes are readable.
static TM__ALWAYS_INLINE bool tm__is_ascii(const uint8_t *p, size_t len)
{
    size_t at = 0;
    uint32_t high = 0;
    for (; at + TM__CHUNK_BYTES < len; at += TM__CHUNK_BYTES)
        high |= tm__chunk_high(tm__chunk_load(p + at));
    return (high | (tm__chunk_high(tm__chunk_load(p + at)) & ((UINT32_C(1) << (len - at)) - 1))) ==
           0;
}
