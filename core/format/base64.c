// Base64 both ways.
#include "core/format/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

uint8_t *tm__base64_encode(uint8_t *out, const uint8_t *p, size_t len)
{
    for (; len >= 3; len -= 3, p += 3) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *out++ = (uint8_t)alphabet[v >> 18];
        *out++ = (uint8_t)alphabet[(v >> 12) & 63];
        *out++ = (uint8_t)alphabet[(v >> 6) & 63];
        *out++ = (uint8_t)alphabet[v & 63];
    }
    if (len != 0) {
        uint32_t v = (uint32_t)p[0] << 16 | (len == 2 ? (uint32_t)p[1] << 8 : 0);
        *out++ = (uint8_t)alphabet[v >> 18];
        *out++ = (uint8_t)alphabet[(v >> 12) & 63];
        *out++ = len == 2 ? (uint8_t)alphabet[(v >> 6) & 63] : '=';
        *out++ = '=';
    }
    return out;
}

static uint32_t value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

size_t tm__base64_decode(uint8_t *out, const uint8_t *p, size_t len)
{
    uint8_t *start = out;
    if (len % 4 == 0 && len != 0) {
        len -= p[len - 1] == '=';
        len -= p[len - 1] == '='; // "=" alone is left over and refused below
    }
    if (len % 4 == 1)
        return SIZE_MAX;
    uint32_t bits = 0, v;
    for (size_t i = 0; i < len; i++) {
        if ((v = value_of(p[i])) == 64)
            return SIZE_MAX;
        bits = bits << 6 | v;
        size_t phase = i % 4;
        if (phase != 0)
            *out++ = (uint8_t)(bits >> (6 - 2 * phase));
    }
    // What does not make a byte must be zero, so that each value has one text.
    if ((len % 4 == 2 && (bits & 15) != 0) || (len % 4 == 3 && (bits & 3) != 0))
        return SIZE_MAX;
    return (size_t)(out - start);
}
