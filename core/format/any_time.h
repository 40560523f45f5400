// The timestamp extension of msgpack, which has seconds and nanoseconds; ours have milliseconds.
#pragma once

#include "core/batch/any.h"
#include "core/batch/any_write.h"
#include "core/batch/type.h"

// Is this extension a timestamp, of a time that ours can hold? Rounded down.
static inline bool tm__any_time(const struct tm_any *v, int64_t *ms)
{
    uint64_t word = 0;
    uint32_t len = v->kind == TM_ANY_EXTENSION ? v->count - 1 : 0, nanos = 0;
    int64_t seconds;
    if ((len != 4 && len != 8 && len != 12) || v->bytes[0] != 0xff)
        return false;
    const uint8_t *p = v->bytes + 1;
    for (uint32_t i = 0; i < (len == 12 ? 4 : len); i++)
        word = word << 8 | p[i];
    if (len == 4) {
        seconds = (int64_t)word;
    } else if (len == 8) {
        nanos = (uint32_t)(word >> 34);
        seconds = (int64_t)(word & ((UINT64_C(1) << 34) - 1));
    } else {
        nanos = (uint32_t)word;
        word = 0;
        for (uint32_t i = 4; i < 12; i++)
            word = word << 8 | p[i];
        seconds = (int64_t)word;
    }
    const int64_t most = TM_INT_MAX / 1000 - 1;
    if (nanos > 999999999 || seconds > most || seconds < -most)
        return false;
    *ms = seconds * 1000 + nanos / 1000000;
    return true;
}

// At most 15 bytes.
static inline uint8_t *tm__any_put_time(uint8_t *out, int64_t ms)
{
    int64_t seconds = ms / 1000 - (ms % 1000 < 0);
    uint64_t nanos = (uint64_t)(ms - seconds * 1000) * 1000000;
    if (seconds >= 0 && seconds >> 34 == 0) {
        uint64_t word = nanos << 34 | (uint64_t)seconds;
        if (word >> 32 == 0) {
            *out++ = 0xd6;
            return tm__any_put_big(out, 0xff, word, 4);
        }
        *out++ = 0xd7;
        return tm__any_put_big(out, 0xff, word, 8);
    }
    *out++ = 0xc7;
    *out++ = 12;
    out = tm__any_put_big(out, 0xff, nanos, 4);
    uint64_t big = __builtin_bswap64((uint64_t)seconds);
    memcpy(out, &big, sizeof big);
    return out + 8;
}
