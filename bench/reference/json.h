// Scalars and strings of JSON where simdjson's first stage found them: what the walkers over flat
// and over nested records share. Strings without an escape are used where they lie.
#pragma once

#include "bench/reference/reference.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <simdjson.h>
#pragma GCC diagnostic pop

#include <charconv>
#include <memory>
#include <new>

using simdjson_parser = simdjson::internal::dom_parser_implementation;

namespace
{

inline bool is_digit(char c)
{
    return static_cast<unsigned char>(c - '0') < 10;
}

// After a number there is white space or the next structural character.
inline bool ends_scalar(const char *p)
{
    return *p == ',' || *p == '}' || *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n';
}

bool parse_double_slow(const char *p, double *value)
{
    const char *end = p;
    while (!ends_scalar(end))
        end++;
    auto result = std::from_chars(p, end, *value);
    return result.ec == std::errc() && result.ptr == end;
}

// Exact when the digits fit 53 bits and the power of ten is exact too: one rounding, by the
// division.
inline bool parse_double(const char *p, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *start = p;
    bool negative = *p == '-';
    p += negative;
    if (!is_digit(*p) || (*p == '0' && is_digit(p[1])))
        return false;
    uint64_t digits = 0;
    const char *first = p;
    while (is_digit(*p))
        digits = digits * 10 + static_cast<uint64_t>(*p++ - '0');
    ptrdiff_t count = p - first, decimals = 0;
    if (*p == '.') {
        const char *point = p++;
        while (is_digit(*p))
            digits = digits * 10 + static_cast<uint64_t>(*p++ - '0');
        decimals = p - point - 1;
        count += decimals;
        if (decimals == 0)
            return false;
    }
    if (__builtin_expect(count > 15 || !ends_scalar(p), 0))
        return parse_double_slow(start, value);
    double d = static_cast<double>(digits) / powers[decimals];
    *value = negative ? -d : d;
    return true;
}

inline bool parse_int(const char *p, int64_t *value)
{
    bool negative = *p == '-';
    p += negative;
    const char *first = p;
    uint64_t digits = 0;
    while (is_digit(*p))
        digits = digits * 10 + static_cast<uint64_t>(*p++ - '0');
    if (p == first || p - first > 18 || (*first == '0' && p - first > 1) || !ends_scalar(p))
        return false;
    *value = negative ? -static_cast<int64_t>(digits) : static_cast<int64_t>(digits);
    return true;
}

inline bool has_escape(const char *s, uint32_t length)
{
    typedef unsigned char lanes __attribute__((vector_size(16)));
    for (uint32_t at = 0; at < length;
         at += 16) { // up to 15 bytes beyond: what lies there may only cost the slow way
        lanes chunk;
        memcpy(&chunk, s + at, 16);
        lanes hit = reinterpret_cast<lanes>(chunk == '\\');
        uint64_t half[2];
        memcpy(half, &hit, 16);
        if ((half[0] | half[1]) != 0)
            return true;
    }
    return false;
}

// `next` is where the structural character after the string stands.
inline bool parse_string(const simdjson_parser &parser, const char *p, const char *next,
                         char *&arena, const char *&s, uint32_t &length)
{
    if (*p != '"')
        return false;
    while (*--next != '"')
        ;
    s = p + 1;
    length = static_cast<uint32_t>(next - s);
    if (__builtin_expect(has_escape(s, length), 0)) {
        auto *dst = reinterpret_cast<uint8_t *>(arena);
        uint8_t *end = parser.parse_string(reinterpret_cast<const uint8_t *>(s), dst);
        if (end == nullptr)
            return false;
        s = arena;
        length = static_cast<uint32_t>(end - dst);
        arena += length;
    }
    return true;
}

// The bytes of a key and its closing quote, in one comparison of eight bytes where they are eight.
template <size_t N> inline bool is_key(const char *p, const char (&key)[N])
{
    return memcmp(p, key, N - 1) == 0;
}

// The first stage over a block of lines; then `lines(start, bytes)` over what it found. A block
// that it refuses is taken again line by line, so that a bad record costs itself alone.
template <class Lines>
size_t each_block(simdjson_parser &parser, const char *p, size_t length, uint64_t *bad, Lines lines)
{
    auto stage1 = [&](const char *text, size_t bytes) {
        return parser.stage1(reinterpret_cast<const uint8_t *>(text), bytes,
                             simdjson::stage1_mode::regular) == simdjson::SUCCESS;
    };
    if (__builtin_expect(stage1(p, length), 1))
        return lines(p, length, 0);
    size_t count = 0;
    for (const char *end = p + length; p < end;) {
        const char *newline =
            static_cast<const char *>(memchr(p, '\n', static_cast<size_t>(end - p)));
        size_t bytes = static_cast<size_t>((newline == nullptr ? end : newline + 1) - p);
        if (stage1(p, bytes))
            count += lines(p, bytes, count);
        else
            ++*bad;
        p += bytes;
    }
    return count;
}

// The records of a block one after the other: `record(at, end, row)` reads one from the structural
// character *at on and leaves *at behind it. Behind a bad one, on with the next line.
template <class Record>
size_t each_record(const simdjson_parser &parser, const char *text, size_t length, size_t row,
                   uint64_t *bad, Record record)
{
    const uint32_t *at = parser.structural_indexes.get(), *end = at + parser.n_structural_indexes;
    size_t count = 0;
    while (at < end) {
        uint32_t start = *at;
        if (__builtin_expect(record(at, end, row + count), 1)) {
            count++;
            continue;
        }
        ++*bad;
        const void *newline = memchr(text + start, '\n', length - start);
        while (newline != nullptr && at < end && text + *at < newline)
            at++;
        while (newline != nullptr && at[-1] > start && text + at[-1] > newline)
            at--;
        if (newline == nullptr)
            break;
    }
    return count;
}

} // namespace
