// Masks of CSV text, with the vectors that every x86-64 has, and with those that most have.
#include "core/format/csv_masks.h"

#include "core/format/csv_block.h"

void tm__csv_masks_plain(struct tm__csv_masks *masks, const uint8_t *p, uint32_t count,
                         uint8_t delimiter, uint8_t quote)
{
    uint32_t high = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct tm__csv_block block = tm__csv_load(p + (size_t)i * TM__CSV_BLOCK);
        high |= tm__csv_high(&block);
        masks->lines[i] = tm__csv_match(&block, '\n');
        masks->edges[i] = masks->lines[i] | tm__csv_match(&block, delimiter);
        masks->quotes[i] = quote == 0 ? 0 : tm__csv_match(&block, quote);
        masks->parities[i] = tm__csv_parities(masks->quotes[i]);
    }
    masks->is_ascii = high == 0;
}

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define WIDE __attribute__((target("avx2,pclmul")))

WIDE static inline __attribute__((always_inline)) uint64_t joined(__m256i low, __m256i high)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32 |
           (uint32_t)_mm256_movemask_epi8(low);
}

WIDE static void run_wide(struct tm__csv_masks *masks, const uint8_t *p, uint32_t count,
                          uint8_t delimiter, uint8_t quote)
{
    const __m256i line = _mm256_set1_epi8('\n'), field = _mm256_set1_epi8((char)delimiter);
    const __m256i mark = _mm256_set1_epi8((char)quote);
    const __m128i ones = _mm_set1_epi8((char)0xFF);
    const uint64_t has_quotes = quote == 0 ? 0 : ~UINT64_C(0);
    __m256i all = _mm256_setzero_si256();
    for (uint32_t i = 0; i < count; i++, p += TM__CSV_BLOCK) {
        __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)p);
        __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
        all = _mm256_or_si256(all, _mm256_or_si256(low, high));
        __m256i low_line = _mm256_cmpeq_epi8(low, line), high_line = _mm256_cmpeq_epi8(high, line);
        masks->lines[i] = joined(low_line, high_line);
        masks->edges[i] = joined(_mm256_or_si256(low_line, _mm256_cmpeq_epi8(low, field)),
                                 _mm256_or_si256(high_line, _mm256_cmpeq_epi8(high, field)));
        uint64_t quotes =
            joined(_mm256_cmpeq_epi8(low, mark), _mm256_cmpeq_epi8(high, mark)) & has_quotes;
        masks->quotes[i] = quotes;
        // Multiplying by ones without carrying adds, in each place, all bits below: their parity.
        masks->parities[i] = (uint64_t)_mm_cvtsi128_si64(
            _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)quotes), ones, 0));
    }
    masks->is_ascii = _mm256_movemask_epi8(all) == 0;
}

void tm__csv_masks_run(struct tm__csv_masks *masks, const uint8_t *p, uint32_t count,
                       uint8_t delimiter, uint8_t quote)
{
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul"))
        run_wide(masks, p, count, delimiter, quote);
    else
        tm__csv_masks_plain(masks, p, count, delimiter, quote);
}

#else

void tm__csv_masks_run(struct tm__csv_masks *masks, const uint8_t *p, uint32_t count,
                       uint8_t delimiter, uint8_t quote)
{
    tm__csv_masks_plain(masks, p, count, delimiter, quote);
}

#endif
