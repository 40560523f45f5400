// Writing msgpack: the heads and the small values, each in its shortest form. Every function writes
// at `out`, at most TM_ANY_HEAD_MAX bytes, and returns the end. The bytes of strings, and the
// values of containers, follow their heads.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { TM_ANY_HEAD_MAX = 9 };

static inline uint8_t *tm__any_put_big(uint8_t *out, uint8_t head, uint64_t v, unsigned bytes)
{
    uint64_t big = __builtin_bswap64(v) >> (64 - 8 * bytes);
    out[0] = head;
    memcpy(out + 1, &big, sizeof big);
    return out + 1 + bytes;
}

static inline uint8_t *tm_any_put_nil(uint8_t *out)
{
    *out = 0xc0;
    return out + 1;
}

static inline uint8_t *tm_any_put_bool(uint8_t *out, bool v)
{
    *out = v ? 0xc3 : 0xc2;
    return out + 1;
}

static inline uint8_t *tm_any_put_uint(uint8_t *out, uint64_t v)
{
    if (v < 0x80) {
        *out = (uint8_t)v;
        return out + 1;
    }
    if (v <= UINT8_MAX)
        return tm__any_put_big(out, 0xcc, v, 1);
    if (v <= UINT16_MAX)
        return tm__any_put_big(out, 0xcd, v, 2);
    return v <= UINT32_MAX ? tm__any_put_big(out, 0xce, v, 4) : tm__any_put_big(out, 0xcf, v, 8);
}

static inline uint8_t *tm_any_put_int(uint8_t *out, int64_t v)
{
    if (v >= 0)
        return tm_any_put_uint(out, (uint64_t)v);
    if (v >= -32) {
        *out = (uint8_t)v;
        return out + 1;
    }
    if (v >= INT8_MIN)
        return tm__any_put_big(out, 0xd0, (uint64_t)v, 1);
    if (v >= INT16_MIN)
        return tm__any_put_big(out, 0xd1, (uint64_t)v, 2);
    return v >= INT32_MIN ? tm__any_put_big(out, 0xd2, (uint64_t)v, 4)
                          : tm__any_put_big(out, 0xd3, (uint64_t)v, 8);
}

static inline uint8_t *tm_any_put_double(uint8_t *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return tm__any_put_big(out, 0xcb, bits, 8);
}

static inline uint8_t *tm_any_put_string_head(uint8_t *out, uint32_t len)
{
    if (len < 32) {
        *out = (uint8_t)(0xa0 | len);
        return out + 1;
    }
    if (len <= UINT8_MAX)
        return tm__any_put_big(out, 0xd9, len, 1);
    return len <= UINT16_MAX ? tm__any_put_big(out, 0xda, len, 2)
                             : tm__any_put_big(out, 0xdb, len, 4);
}

static inline uint8_t *tm_any_put_binary_head(uint8_t *out, uint32_t len)
{
    if (len <= UINT8_MAX)
        return tm__any_put_big(out, 0xc4, len, 1);
    return len <= UINT16_MAX ? tm__any_put_big(out, 0xc5, len, 2)
                             : tm__any_put_big(out, 0xc6, len, 4);
}

static inline uint8_t *tm_any_put_array_head(uint8_t *out, uint32_t count)
{
    if (count < 16) {
        *out = (uint8_t)(0x90 | count);
        return out + 1;
    }
    return count <= UINT16_MAX ? tm__any_put_big(out, 0xdc, count, 2)
                               : tm__any_put_big(out, 0xdd, count, 4);
}

static inline uint8_t *tm_any_put_map_head(uint8_t *out, uint32_t count)
{
    if (count < 16) {
        *out = (uint8_t)(0x80 | count);
        return out + 1;
    }
    return count <= UINT16_MAX ? tm__any_put_big(out, 0xde, count, 2)
                               : tm__any_put_big(out, 0xdf, count, 4);
}
