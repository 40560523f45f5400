// Strings of JSON text: unescaping straight into a row, 16 bytes at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/check.h"

enum { TM__STRING_SLACK = 16 }; // bytes read behind the source, written behind the target

extern const uint8_t tm__json_escapes[256]; // what \x stands for; 0: no escape of one letter

// A \u escape at *src (which points at the backslash), with its second half if it has one: its
// UTF-8 to dst, *src behind it; returns the bytes written, 0 when it is wrong.
size_t tm__json_unicode_escape(const uint8_t **src, const uint8_t *end, uint8_t *dst);

#ifdef __SSE2__
// Copy 16 bytes; a bit for each that is a backslash.
static inline __attribute__((always_inline)) uint32_t tm__json_copy16(const uint8_t *src,
                                                                      uint8_t *dst)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)src);
    _mm_storeu_si128((__m128i *)(void *)dst, bytes);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
}
#else
static inline uint32_t tm__json_copy16(const uint8_t *src, uint8_t *dst)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < 16; i++) {
        dst[i] = src[i];
        mask |= (uint32_t)(src[i] == '\\') << i;
    }
    return mask;
}
#endif

// The general way of the next.
size_t tm__json_unescape_long(const uint8_t *src, const uint8_t *end, uint8_t *dst,
                              const uint8_t **at);

// Copy [src, end) to dst without escapes; returns the length, or SIZE_MAX and *at = the bad escape.
// The text in front of and behind it must be readable, dst writable, for TM__STRING_SLACK more.
static inline __attribute__((always_inline)) size_t tm__json_unescape(const uint8_t *src,
                                                                      const uint8_t *end,
                                                                      uint8_t *dst,
                                                                      const uint8_t **at)
{
    size_t left = (size_t)(end - src);
    if (left <= 16) {
        uint32_t mask = tm__json_copy16(src, dst);
        if (TM_LIKELY((mask & ((UINT32_C(1) << left) - 1)) == 0))
            return left;
    }
    return tm__json_unescape_long(src, end, dst, at);
}
