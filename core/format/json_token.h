// Tokens of JSON text as the fast ways take them, sixteen bytes at a time and without an index:
// shared by the records (json_fields.c), nested values (json_nested.c) and values of type any
// (json_any.c).
//
// The text ends at r->end. In a window of lines its last byte is a line end, which no part of a
// record takes; a record that stands alone (r->framed) may have line ends between its tokens, and
// nothing may be taken from behind its end, though 64 bytes there may be read.
#pragma once

#include "core/format/json_number.h"
#include "core/format/json_string.h"
#include "core/format/json_value.h"

_Static_assert(offsetof(struct tm_ref, length) == 4 && sizeof(struct tm_ref) == 8, "one word");

// --- out of line: rare, so that it costs a predicted branch and no arithmetic on the way

const uint8_t *tm__json_skip_space(const struct tm__json_record *r, const uint8_t *p);
// Behind a string whose opening quote is in front of p, or NULL. Escapes are not looked at.
const uint8_t *tm__json_skip_string(struct tm__json_record *r, const uint8_t *p);
// Behind a number, or a word that may be true, false or null; no further than r->end.
const uint8_t *tm__json_skip_word(const struct tm__json_record *r, const uint8_t *p);
// An object or array that no column takes: its brackets nest, and what is in it is not looked at,
// but for strings, in which brackets do not count. NULL: it does not end as it should; *at is
// where.
const uint8_t *tm__json_skip_nested(struct tm__json_record *r, const uint8_t *p,
                                    const uint8_t **at);

// --- strings

// Strings are gone through from chunk to chunk and not from escape to escape: where the next chunk
// begins is known before this one was looked at.

// From behind the opening quote to the closing one. NULL: it is not closed in this line, or holds a
// control character. Escapes are not looked at.
static TM__ALWAYS_INLINE const uint8_t *tm__json_find_quote(const uint8_t *p, tm__chunk *seen)
{
    for (;; p += TM__CHUNK_BYTES) {
        tm__chunk chunk = tm__chunk_load(p);
        *seen = tm__chunk_or(*seen, chunk);
        uint32_t special = tm__chunk_special(chunk);
        while (special != 0) {
            uint32_t at = (uint32_t)__builtin_ctz(special);
            if (TM_LIKELY(p[at] == '"'))
                return p + at;
            if (TM_UNLIKELY(p[at] != '\\' || p[at + 1] < ' '))
                return NULL;
            special &= ~(UINT32_C(3) << at); // it and what it escapes
            p += at == TM__CHUNK_BYTES - 1;
        }
    }
}

// The same, the bytes without escapes to *heap, which is moved behind them; NULL as well for an
// escape that is none.
static TM__ALWAYS_INLINE const uint8_t *tm__json_copy_string(const struct tm__json_record *r,
                                                             const uint8_t *p, uint8_t **heap,
                                                             tm__chunk *seen)
{
    uint8_t *out = *heap;
    for (;;) {
        tm__chunk chunk = tm__chunk_load(p);
        tm__chunk_store(out, chunk);
        *seen = tm__chunk_or(*seen, chunk);
        uint32_t special = tm__chunk_special(chunk);
        if (special == 0) {
            p += TM__CHUNK_BYTES;
            out += TM__CHUNK_BYTES;
            continue;
        }
        const uint8_t *next = p + TM__CHUNK_BYTES;
        uint32_t from = 0; // bytes of the chunk that are done
        do {
            uint32_t at = (uint32_t)__builtin_ctz(special);
            out += at - from;
            if (TM_LIKELY(p[at] == '"')) {
                *heap = out;
                return p + at;
            }
            uint8_t letter = tm__json_escapes[p[at + 1]];
            from = at + 2;
            special &= ~(UINT32_C(3) << at); // it and what it escapes
            if (TM_UNLIKELY(p[at] != '\\' || letter == 0)) {
                next = p + at;
                size_t written = *next == '\\' ? tm__json_unicode_escape(&next, r->end, out) : 0;
                if (written == 0)
                    return NULL;
                out += written;
                from = TM__CHUNK_BYTES;
                break;
            }
            *out++ = letter;
            tm__chunk_store(out, tm__chunk_load(p + from));
            if (TM_UNLIKELY(from > TM__CHUNK_BYTES)) {
                next++;
                from--;
            }
        } while (special != 0);
        out += TM__CHUNK_BYTES - from;
        p = next;
    }
}

// --- values, the fast ways: the length, or 0: the general ways must look at it, if it is right at
// all. Of columns that are not used nothing is stored

static TM__ALWAYS_INLINE size_t tm__json_fast_int(const struct tm__key_node *node, uint8_t *slot,
                                                  const uint8_t *p)
{
    int64_t v = 0;
    size_t len = tm__fast_integer(p, node->used, &v);
    memcpy(slot, &v, sizeof v);
    return len;
}

static TM__ALWAYS_INLINE size_t tm__json_fast_double(const struct tm__key_node *node, uint8_t *slot,
                                                     const uint8_t *p)
{
    bool negative;
    uint32_t fraction;
    uint64_t digits, word = 0;
    size_t len = tm__fast_fixed(p, node->used, &negative, &digits, &fraction);
    if (TM_LIKELY(len != 0) && node->used) {
        double v = (double)(int64_t)digits / tm__power10_double[fraction];
        memcpy(&word, &v, sizeof word);
        word |= (uint64_t)negative << 63;
    }
    memcpy(slot, &word, sizeof word);
    return len;
}

static TM__ALWAYS_INLINE size_t tm__json_fast_decimal(const struct tm__key_node *node,
                                                      uint8_t *slot, const uint8_t *p)
{
    bool negative;
    uint64_t digits;
    uint8_t precision = node->type.precision, scale = node->type.scale;
    uint32_t fraction;
    size_t len = tm__fast_fixed(p, true, &negative, &digits, &fraction);
    // Up to 15 digits and, for the scale, four more stay below 2^64.
    if (len == 0 || fraction > scale || scale - fraction > 4)
        return 0;
    uint64_t unscaled = digits * tm__power10_word[scale - fraction];
    if (precision <= 19 && unscaled >= tm__power10_word[precision])
        return 0;
    __int128 v = negative ? -(__int128)unscaled : (__int128)unscaled;
    v = node->used ? v : 0;
    memcpy(slot, &v, sizeof v);
    return len;
}

static TM__ALWAYS_INLINE size_t tm__json_fast_bool(const struct tm__key_node *node, uint8_t *slot,
                                                   const uint8_t *p)
{
    bool is_true = memcmp(p, "true", 4) == 0;
    if (!is_true && memcmp(p, "false", 5) != 0)
        return 0;
    uint64_t v = is_true && node->used;
    memcpy(slot, &v, sizeof v);
    return is_true ? 4 : 5;
}

// --- lengths

void tm__json_guess_anew(struct tm__key_node *node, size_t len);

// The length of a value: `len`, but where it is the usual one the processor need not have found it
// out to go on behind the value. (The compiler must not know that both are the same.)
static TM__ALWAYS_INLINE size_t tm__json_guess(struct tm__key_node *node, size_t len)
{
    size_t usual = node->usual;
    if (TM_LIKELY(len == usual)) {
        __asm__ volatile("" : "=r"(usual) : "0"(node->usual));
        return usual;
    }
    if (TM_UNLIKELY(usual != TM__KEYS_UNUSUAL))
        tm__json_guess_anew(node, len);
    return len;
}
