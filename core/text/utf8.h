// Characters of texts that are mostly ASCII. A byte that is no part of well-formed UTF-8 counts as
// a character of its own: user code can make such texts, and no function may read past them.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

// The length of the ASCII in front.
static inline size_t tm__ascii_length(const uint8_t *p, size_t len)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; i + 16 <= len; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        unsigned high = (unsigned)_mm_movemask_epi8(v);
        if (high != 0)
            return i + (size_t)__builtin_ctz(high);
    }
#endif
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (i < len && p[i] < 0x80)
        i++;
    return i;
}

// The character at p < end: its bytes (1 to 4) are returned, *code is -1 for a byte that is no
// UTF-8.
static inline size_t tm__utf8_next(const uint8_t *p, const uint8_t *end, int32_t *code)
{
    size_t left = (size_t)(end - p);
    uint32_t c = p[0];
    if (c < 0x80) {
        *code = (int32_t)c;
        return 1;
    }
    *code = -1;
    if (c < 0xC2 || c > 0xF4 || left < 2 || (p[1] & 0xC0) != 0x80)
        return 1;
    if (c < 0xE0) {
        *code = (int32_t)((c & 0x1F) << 6 | (p[1] & 0x3Fu));
        return 2;
    }
    if (left < 3 || (p[2] & 0xC0) != 0x80)
        return 1;
    if (c < 0xF0) {
        uint32_t v = (c & 0x0F) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
        if (v < 0x800 || (v >= 0xD800 && v < 0xE000))
            return 1;
        *code = (int32_t)v;
        return 3;
    }
    if (left < 4 || (p[3] & 0xC0) != 0x80)
        return 1;
    uint32_t v = (c & 0x07) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
    if (v < 0x10000 || v > 0x10FFFF)
        return 1;
    *code = (int32_t)v;
    return 4;
}

static inline uint8_t *tm__utf8_put(uint8_t *out, int32_t code)
{
    uint32_t c = (uint32_t)code;
    if (c < 0x80) {
        *out++ = (uint8_t)c;
    } else if (c < 0x800) {
        *out++ = (uint8_t)(0xC0 | c >> 6);
        *out++ = (uint8_t)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (uint8_t)(0xE0 | c >> 12);
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (c & 0x3F));
    } else {
        *out++ = (uint8_t)(0xF0 | c >> 18);
        *out++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (c & 0x3F));
    }
    return out;
}

// The start of the last character before `end` > begin.
static inline const uint8_t *tm__utf8_before(const uint8_t *begin, const uint8_t *end)
{
    const uint8_t *p = end - 1;
    int32_t code;
    for (int i = 0; i < 3 && p > begin && (*p & 0xC0) == 0x80; i++)
        p--;
    return p + tm__utf8_next(p, end, &code) == end ? p : end - 1;
}

// Unicode's White_Space.
static inline int tm__is_blank(int32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}
