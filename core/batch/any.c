// Walking msgpack, of which the specification is
// https://github.com/msgpack/msgpack/blob/master/spec.md.
#include "core/batch/any.h"

#include <stddef.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/batch/decimal.h"

static uint64_t big(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

static const struct tm_any nothing = {.kind = TM_ANY_END};

static struct tm_any word(enum tm_any_kind kind, int64_t value, const uint8_t *next)
{
    return (struct tm_any){.kind = kind, .integer = value, .next = next};
}

// A string, binary or extension whose bytes begin at p.
static struct tm_any bytes_of(enum tm_any_kind kind, uint64_t len, const uint8_t *p,
                              const uint8_t *end)
{
    if (len > (size_t)(end - p))
        return nothing;
    return (struct tm_any){.kind = kind, .count = (uint32_t)len, .bytes = p, .next = p + len};
}

static struct tm_any container(enum tm_any_kind kind, uint64_t count, const uint8_t *p,
                               const uint8_t *end)
{
    // each value has a byte at least: no count can promise more than is there
    if (count * (kind == TM_ANY_MAP ? 2 : 1) > (size_t)(end - p))
        return nothing;
    return (struct tm_any){.kind = kind, .count = (uint32_t)count, .next = p};
}

static struct tm_any read_float(const uint8_t *p, unsigned bytes)
{
    struct tm_any v = {.kind = TM_ANY_DOUBLE, .next = p + bytes};
    uint64_t bits = big(p, bytes);
    if (bytes == 8) {
        memcpy(&v.number, &bits, sizeof v.number);
    } else {
        uint32_t half = (uint32_t)bits;
        float number;
        memcpy(&number, &half, sizeof number);
        v.number = (double)number;
    }
    return v;
}

static struct tm_any read_int(const uint8_t *p, unsigned bytes, bool is_signed)
{
    uint64_t v = big(p, bytes);
    if (is_signed && bytes < 8 && (v >> (8 * bytes - 1)) != 0)
        v |= ~(uint64_t)0 << (8 * bytes);
    return word(!is_signed && v > INT64_MAX ? TM_ANY_UINT : TM_ANY_INT, (int64_t)v, p + bytes);
}

// Bytes of the number behind a head from 0xc4 to 0xdf: a length, or the value itself.
static const uint8_t number_bytes[] = {1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8, 1, 2,
                                       4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4};

static struct tm_any read_long(uint8_t head, const uint8_t *p, const uint8_t *end)
{
    unsigned n = number_bytes[head - 0xc4];
    if ((size_t)(end - p) < n)
        return nothing;
    const uint8_t *behind = p + n;
    if (head <= 0xc6)
        return bytes_of(TM_ANY_BINARY, big(p, n), behind, end);
    if (head <= 0xc9) // a length, a byte with the extension's type
        return bytes_of(TM_ANY_EXTENSION, big(p, n) + 1, behind, end);
    if (head <= 0xcb)
        return read_float(p, n);
    if (head <= 0xd3)
        return read_int(p, n, head >= 0xd0);
    if (head <= 0xd8)
        return bytes_of(TM_ANY_EXTENSION, 1 + ((uint64_t)1 << (head - 0xd4)), behind, end);
    if (head <= 0xdb)
        return bytes_of(TM_ANY_STRING, big(p, n), behind, end);
    return container(head <= 0xdd ? TM_ANY_ARRAY : TM_ANY_MAP, big(p, n), behind, end);
}

static struct tm_any read_decimal(const uint8_t *p, const uint8_t *end)
{
    if (p == end || *p == 0 || *p > TM_ANY_DECIMAL_MAX)
        return nothing;
    return bytes_of(TM_ANY_DECIMAL, *p, p + 1, end);
}

struct tm_any tm_any_read(const uint8_t *p, const uint8_t *end)
{
    if (p >= end)
        return nothing;
    uint8_t head = *p++;
    if (head <= 0x7f)
        return word(TM_ANY_INT, head, p);
    if (head >= 0xe0)
        return word(TM_ANY_INT, (int8_t)head, p);
    if (head <= 0x8f)
        return container(TM_ANY_MAP, head & 0x0f, p, end);
    if (head <= 0x9f)
        return container(TM_ANY_ARRAY, head & 0x0f, p, end);
    if (head <= 0xbf)
        return bytes_of(TM_ANY_STRING, head & 0x1f, p, end);
    if (head == 0xc0)
        return word(TM_ANY_NIL, 0, p);
    if (head == 0xc2 || head == 0xc3)
        return word(TM_ANY_BOOL, head & 1, p);
    return head == TM_ANY_DECIMAL_HEAD ? read_decimal(p, end) : read_long(head, p, end);
}

// Is this the text that a decimal is written as?
static bool is_decimal(const struct tm_any *v)
{
    const char *text = (const char *)v->bytes;
    struct tm_decimal d;
    char again[48];
    return tm_decimal_parse_any(text, v->count, &d) == 0 &&
           tm_decimal_format(d.unscaled, d.scale, again) == v->count &&
           memcmp(again, text, v->count) == 0;
}

static bool is_sound(const struct tm_any *v)
{
    if (v->kind == TM_ANY_STRING)
        return tm_text_is_utf8((const char *)v->bytes, v->count);
    return v->kind != TM_ANY_DECIMAL || is_decimal(v);
}

// `left` values one after the other; texts and decimals are looked at when `check` says so.
static const uint8_t *walk(const uint8_t *p, const uint8_t *end, bool check)
{
    uint64_t left[TM_ANY_DEPTH_MAX + 1]; // values to come, on each level
    unsigned depth = 0;
    left[0] = 1;
    for (;;) {
        while (left[depth] == 0) {
            if (depth-- == 0)
                return p;
        }
        left[depth]--;
        struct tm_any v = tm_any_read(p, end);
        if (v.kind == TM_ANY_END || (check && !is_sound(&v)))
            return NULL;
        p = v.next;
        if (v.kind == TM_ANY_ARRAY || v.kind == TM_ANY_MAP) {
            if (depth == TM_ANY_DEPTH_MAX)
                return NULL;
            left[++depth] = (uint64_t)v.count * (v.kind == TM_ANY_MAP ? 2 : 1);
        }
    }
}

const uint8_t *tm_any_skip(const uint8_t *p, const uint8_t *end)
{
    return walk(p, end, false);
}

bool tm_any_is_valid(const uint8_t *p, uint32_t len)
{
    return walk(p, p + len, true) == p + len;
}
