// Texts of CSV with and without their escapes, 16 bytes at a time. As many are read behind the
// source and written behind the target.
#pragma once

#include "core/format/json_chunk.h"

// [p, end) at `out` without escapes: behind each `escape` (0: there are none) a byte stands for
// itself. An escape at the very end does so too. Returns the end.
static TM__ALWAYS_INLINE uint8_t *tm__csv_copy_plain(uint8_t *out, const uint8_t *p,
                                                     const uint8_t *end, uint8_t escape)
{
    const tm__chunk wanted = tm__chunk_fill(escape);
    while (p < end) {
        size_t left = (size_t)(end - p);
        tm__chunk chunk = tm__chunk_load(p);
        tm__chunk_store(out, chunk);
        uint32_t escapes = tm__chunk_equal(chunk, wanted);
        if (left < TM__CHUNK_BYTES)
            escapes &= (UINT32_C(1) << left) - 1;
        const uint8_t *next = p + TM__CHUNK_BYTES;
        uint32_t from = 0; // bytes of the chunk that are done
        while (TM_UNLIKELY(escapes != 0) && escape != 0) {
            uint32_t at = (uint32_t)__builtin_ctz(escapes);
            if (at + 1 == left)
                return out + (at - from) + 1;
            out += at - from;
            from = at + 1;
            escapes &= ~(UINT32_C(3) << at); // it and what it escapes
            tm__chunk_store(out, tm__chunk_load(p + from));
            if (from == TM__CHUNK_BYTES) { // which begins the next chunk
                out++;
                next++;
            }
        }
        out += TM__CHUNK_BYTES - from;
        p = next;
    }
    return out - (p - end); // what was copied from behind the end
}

// [p, end) at `out`, from each pair of quotes one; at `end` is the closing quote. 32 bytes at a
// time, as quotes are mostly further apart than 16. Returns the end.
static TM__ALWAYS_INLINE uint8_t *tm__csv_copy_quoted(uint8_t *out, const uint8_t *p,
                                                      const uint8_t *end, uint8_t quote)
{
    const tm__chunk wanted = tm__chunk_fill(quote);
    for (;;) {
        tm__chunk low = tm__chunk_load(p), high = tm__chunk_load(p + TM__CHUNK_BYTES);
        tm__chunk_store(out, low);
        tm__chunk_store(out + TM__CHUNK_BYTES, high);
        uint32_t quotes = tm__chunk_equal(low, wanted) | tm__chunk_equal(high, wanted)
                                                             << TM__CHUNK_BYTES;
        if (quotes == 0) {
            p += 2 * TM__CHUNK_BYTES;
            out += 2 * TM__CHUNK_BYTES;
            continue;
        }
        uint32_t at = (uint32_t)__builtin_ctz(quotes);
        if (p + at == end)
            return out + at;
        out += at + 1;
        p += at + 2;
    }
}

// [p, p + len) at `out` as it is. Returns the end.
static TM__ALWAYS_INLINE uint8_t *tm__csv_copy_bare(uint8_t *out, const uint8_t *p, size_t len)
{
    uint8_t *end = out + len;
    for (; out < end; out += TM__CHUNK_BYTES, p += TM__CHUNK_BYTES)
        tm__chunk_store(out, tm__chunk_load(p));
    return end;
}

// [p, end) at `out`, `escape` in front of each byte that is `quote` or `escape`. Returns the end.
static TM__ALWAYS_INLINE uint8_t *tm__csv_copy_escaped(uint8_t *out, const uint8_t *p,
                                                       const uint8_t *end, uint8_t quote,
                                                       uint8_t escape)
{
    const tm__chunk quotes = tm__chunk_fill(quote), escapes = tm__chunk_fill(escape);
    for (; p < end; p += TM__CHUNK_BYTES) {
        size_t left = (size_t)(end - p);
        tm__chunk chunk = tm__chunk_load(p);
        tm__chunk_store(out, chunk);
        uint32_t marks = tm__chunk_equal(chunk, quotes) | tm__chunk_equal(chunk, escapes);
        if (left < TM__CHUNK_BYTES)
            marks &= (UINT32_C(1) << left) - 1;
        uint32_t from = 0; // bytes of the chunk that are done
        for (; TM_UNLIKELY(marks != 0); marks &= marks - 1) {
            uint32_t at = (uint32_t)__builtin_ctz(marks);
            out += at - from;
            from = at;
            *out++ = escape;
            tm__chunk_store(out, tm__chunk_load(p + at));
        }
        out += TM__CHUNK_BYTES - from;
    }
    return out - (p - end); // what was copied from behind the end
}
