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

// One escape at *src (which points at the backslash): its UTF-8 to dst, *src behind it; returns the
// bytes written, 0 when it is not an escape of JSON (or half a surrogate pair).
size_t tm__json_escape(const uint8_t **src, const uint8_t *end, uint8_t *dst);

// Copy [src, end) to dst without escapes; returns the length, or SIZE_MAX and *at = the bad escape.
// The text in front of and behind it must be readable, dst writable, for TM__STRING_SLACK more.
static inline size_t tm__json_unescape(const uint8_t *src, const uint8_t *end, uint8_t *dst,
                                       const uint8_t **at)
{
    uint8_t *start = dst;
    while (src < end) {
#ifdef __SSE2__
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)src);
        _mm_storeu_si128((__m128i *)(void *)dst, bytes);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        size_t plain = (size_t)__builtin_ctz(mask | (1u << 16));
#else
        size_t plain = 0;
        while (plain < 16 && src + plain < end && src[plain] != '\\') {
            dst[plain] = src[plain];
            plain++;
        }
        plain = src + plain >= end ? 16 : plain;
#endif
        size_t left = (size_t)(end - src);
        if (plain >= left)
            return (size_t)(dst - start) + left;
        src += plain;
        dst += plain;
        if (plain == 16)
            continue;
        *at = src;
        size_t written = tm__json_escape(&src, end, dst);
        if (TM_UNLIKELY(written == 0))
            return SIZE_MAX;
        dst += written;
    }
    return (size_t)(dst - start);
}
