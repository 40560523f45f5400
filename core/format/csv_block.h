// 64 bytes of CSV text at once: masks with a bit for each byte.
#pragma once

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { TM__CSV_BLOCK = 64 };

#define TM__CSV_INLINE inline __attribute__((always_inline))

#ifdef __SSE2__

struct tm__csv_block {
    __m128i part[4];
};

static TM__CSV_INLINE struct tm__csv_block tm__csv_load(const uint8_t *p)
{
    struct tm__csv_block block;
    for (int i = 0; i < 4; i++)
        block.part[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
    return block;
}

// A bit for each byte that is `c`.
static TM__CSV_INLINE uint64_t tm__csv_match(const struct tm__csv_block *block, uint8_t c)
{
    __m128i wanted = _mm_set1_epi8((char)c);
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i equal = _mm_cmpeq_epi8(block->part[i], wanted);
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(equal) << (16 * i);
    }
    return mask;
}

// Not 0: some byte is not ASCII.
static TM__CSV_INLINE uint32_t tm__csv_high(const struct tm__csv_block *block)
{
    const __m128i *part = block->part;
    return (uint32_t)_mm_movemask_epi8(
        _mm_or_si128(_mm_or_si128(part[0], part[1]), _mm_or_si128(part[2], part[3])));
}

#else

struct tm__csv_block {
    const uint8_t *bytes;
};

static TM__CSV_INLINE uint32_t tm__csv_high(const struct tm__csv_block *block)
{
    uint8_t bits = 0;
    for (int i = 0; i < TM__CSV_BLOCK; i++)
        bits |= block->bytes[i];
    return bits & 0x80;
}

static TM__CSV_INLINE struct tm__csv_block tm__csv_load(const uint8_t *p)
{
    return (struct tm__csv_block){p};
}

static TM__CSV_INLINE uint64_t tm__csv_match(const struct tm__csv_block *block, uint8_t c)
{
    uint64_t mask = 0;
    for (int i = 0; i < TM__CSV_BLOCK; i++)
        mask |= (uint64_t)(block->bytes[i] == c) << i;
    return mask;
}

#endif

// Bit i: the parity of bits 0 to i.
static TM__CSV_INLINE uint64_t tm__csv_parities(uint64_t bits)
{
    for (int shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}
