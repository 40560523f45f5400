// Numbers and times as text. Every function writes at `out` and returns the end; what it may write
// at most is TM__NUMBER_MAX bytes.
#pragma once

#include <stdint.h>
#include <string.h>

enum { TM__NUMBER_MAX = 48 };

uint8_t *tm__put_integer(uint8_t *out, int64_t value);
// Finite: the shortest text that reads back the same; whole numbers below 1e15 without exponent.
uint8_t *tm__put_double(uint8_t *out, double value);

// The date of the last time written: times that follow each other mostly share it.
struct tm__date_cache {
    int64_t day;      // since 1970
    uint8_t text[16]; // "2026-01-02T"
};
void tm__date_cache_init(struct tm__date_cache *cache);
// A column's last time: the bounds of a window are the same in many rows. Zero at first.
struct tm__time_memo {
    int64_t ms;
    uint8_t text[24], length;
};
uint8_t *tm__put_other_timestamp(uint8_t *out, int64_t ms, struct tm__date_cache *cache,
                                 struct tm__time_memo *memo);
// "2026-01-02T03:04:05.678Z", without quotes.
static inline uint8_t *tm__put_timestamp(uint8_t *out, int64_t ms, struct tm__date_cache *cache,
                                         struct tm__time_memo *memo)
{
    if (memo->ms != ms || memo->length == 0)
        return tm__put_other_timestamp(out, ms, cache, memo);
    memcpy(out, memo->text, sizeof memo->text);
    return out + memo->length;
}
