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

// Copy [src, end) to dst without escapes; returns the length, or SIZE_MAX and *at = the bad escape.
// The text in front of and behind it must be readable, dst writable, for TM__STRING_SLACK more.
static inline __attribute__((always_inline)) size_t tm__json_unescape(const uint8_t *src,
                                                                      const uint8_t *end,
                                                                      uint8_t *dst,
                                                                      const uint8_t **at)
{
    uint8_t *start = dst;
    while (src < end) {
        size_t left = (size_t)(end - src);
#ifdef __SSE2__
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)src);
        _mm_storeu_si128((__m128i *)(void *)dst, bytes);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        size_t plain = mask == 0 ? 16 : (size_t)__builtin_ctz(mask);
#else
        size_t plain = 0;
        for (; plain < 16 && src[plain] != '\\'; plain++)
            dst[plain] = src[plain];
#endif
        if (plain >= left)
            return (size_t)(dst - start) + left;
        src += plain;
        dst += plain;
        if (TM_LIKELY(plain == 16))
            continue;
        uint8_t letter = tm__json_escapes[src[1]];
        if (TM_LIKELY(letter != 0 && left - plain >= 2)) {
            *dst++ = letter;
            src += 2;
            continue;
        }
        const uint8_t *escape = src;
        size_t written = tm__json_unicode_escape(&escape, end, dst);
        if (TM_UNLIKELY(written == 0)) {
            *at = src;
            return SIZE_MAX;
        }
        src = escape;
        dst += written;
    }
    return (size_t)(dst - start);
}
