// The usual form of a time of ISO 8601, "2026-01-02T03:04:05.678Z" with or without fraction and Z,
// eight bytes at a time. Times that follow each other mostly share their date, which is remembered.
#pragma once

#include <stdbool.h>
#include <string.h>

#include "core/base/check.h"
#include "core/batch/timestamp.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digits are taken from words");

struct tm__timestamp_cache {
    uint64_t date; // "2026-01-"
    uint16_t day;  // "02"
    int64_t ms;    // of its midnight
};

// "03:04:05" in a word, as ms; -1: it is not.
static inline int64_t tm__timestamp_clock(uint64_t text)
{
    const uint64_t colons = 0x0000FF0000FF0000;
    uint64_t v = text ^ 0x30303A30303A3030;
    if ((((v + 0x0606000606000606) | v) & (0xF0F0F0F0F0F0F0F0 | colons)) != 0)
        return -1;
    v = v * 10 + (v >> 8); // below 100 in each byte: those of hours, minutes and seconds count
    // Of each of these 128 minus what it must be less than.
    if (((v & 0x00FF0000FF0000FF) + 0x0044000044000068) & 0x0080000080000080)
        return -1;
    uint32_t hour = (uint32_t)v & 255, minute = (uint32_t)(v >> 24) & 255;
    uint32_t second = (uint32_t)(v >> 48) & 255;
    return (int64_t)(((hour * 60 + minute) * 60 + second) * 1000);
}

// ".678" in a word, as ms; -1: it is not.
static inline int64_t tm__timestamp_fraction(uint32_t text)
{
    uint32_t v = text ^ 0x3030302E; // the comma becomes 2
    if ((((v + 0x06060600) | v) & 0xF0F0F0FD) != 0)
        return -1;
    return (int64_t)((v >> 8 & 15) * 100 + (v >> 16 & 15) * 10 + (v >> 24));
}

// 24 bytes at p must be readable. False: it may be a time of another form.
static inline bool tm__timestamp_read(struct tm__timestamp_cache *cache, const uint8_t *p,
                                      size_t len, int64_t *ms)
{
    uint64_t date, clock;
    uint16_t day;
    len -= len != 0 && p[len - 1] == 'Z';
    if ((len != 19 && len != 23) || (p[10] != 'T' && p[10] != ' '))
        return false;
    memcpy(&date, p, 8);
    memcpy(&day, p + 8, 2);
    memcpy(&clock, p + 11, 8);
    if (TM_UNLIKELY(date != cache->date || day != cache->day)) {
        if (tm_timestamp_parse((const char *)p, 10, &cache->ms) != 0)
            return false;
        cache->date = date;
        cache->day = day;
    }
    int64_t in_day = tm__timestamp_clock(clock);
    if (in_day < 0)
        return false;
    if (len == 23) {
        uint32_t text;
        memcpy(&text, p + 19, 4);
        int64_t fraction = tm__timestamp_fraction(text);
        if (fraction < 0)
            return false;
        in_day += fraction;
    }
    *ms = cache->ms + in_day;
    return true;
}
