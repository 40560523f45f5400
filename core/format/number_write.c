// Numbers and times as text, two digits at a time.
#include "core/format/number_write.h"

#include <math.h>
#include <string.h>

#include "core/batch/timestamp.h"
#include "core/format/format.h"
#include "core/format/json_index.h"
#include "core/format/json_number.h"

static const char pairs[201] = "00010203040506070809101112131415161718192021222324"
                               "25262728293031323334353637383940414243444546474849"
                               "50515253545556575859606162636465666768697071727374"
                               "75767778798081828384858687888990919293949596979899";

static inline uint8_t *put_pair(uint8_t *out, uint32_t v)
{
    memcpy(out, pairs + 2 * (size_t)v, 2);
    return out + 2;
}

static uint32_t digit_count(uint64_t v)
{
    // log10 from log2, corrected by one comparison.
    v |= 1; // 0 has one digit too
    uint32_t guess = (uint32_t)(64 - __builtin_clzll(v)) * 1233 >> 12;
    return guess + (v >= tm__power10_word[guess]);
}

static inline uint8_t *put_small(uint8_t *out, uint32_t v) // below 100
{
    if (v >= 10)
        return put_pair(out, v);
    *out = (uint8_t)('0' + v);
    return out + 1;
}

static inline uint8_t *put_unsigned(uint8_t *out, uint64_t v)
{
    if (v < 100)
        return put_small(out, (uint32_t)v);
    if (v < 10000) {
        uint32_t low = (uint32_t)v, high = low / 100;
        return put_pair(put_small(out, high), low - high * 100);
    }
    uint8_t *end = out + digit_count(v), *p = end;
    while (v >= 100) {
        uint64_t rest = v / 100;
        p -= 2;
        put_pair(p, (uint32_t)(v - rest * 100));
        v = rest;
    }
    if (v >= 10)
        put_pair(p - 2, (uint32_t)v);
    else
        p[-1] = (uint8_t)('0' + v);
    return end;
}

uint8_t *tm__put_integer(uint8_t *out, int64_t value)
{
    uint64_t v = (uint64_t)value;
    if (value < 0) {
        *out++ = '-';
        v = 0 - v;
    }
    return put_unsigned(out, v);
}

uint8_t *tm__put_double(uint8_t *out, double value)
{
    // Most doubles in records are decimals of a few digits. If value * 100 is a whole number w of
    // at most 15 digits and w / 100, rounded once, is the value again, then w / 100 is its text,
    // and no shorter one reads back the same: two decimals of up to 15 digits are never the same
    // double.
    double size = fabs(value);
    if (size < 1e12 && (size >= 0.01 || value == 0)) {
        double scaled = size * 100;
        uint64_t whole = (uint64_t)(scaled + 0.5);
        if ((double)whole / 100 == size) {
            if (signbit(value))
                *out++ = '-';
            uint64_t units = whole / 100;
            uint32_t cents = (uint32_t)(whole - units * 100);
            out = put_unsigned(out, units);
            if (cents != 0) {
                *out++ = '.';
                out = put_pair(out, cents);
                out -= out[-1] == '0';
            }
            return out;
        }
    } else if (size < 1e15 && (double)(int64_t)value == value) {
        return tm__put_integer(out, (int64_t)value);
    }
    return out + tm__double_shortest(value, (char *)out);
}

size_t tm_format_double(double value, char *buf)
{
    if (isnan(value)) {
        memcpy(buf, "nan", 3);
        return 3;
    }
    if (isinf(value)) {
        memcpy(buf, "-inf", 4);
        if (value > 0)
            memcpy(buf, "inf", 3);
        return value > 0 ? 3 : 4;
    }
    return (size_t)(tm__put_double((uint8_t *)buf, value) - (uint8_t *)buf);
}

enum { DAY_MS = 24 * 60 * 60 * 1000, DATE_LENGTH = 11, TEXT_LENGTH = 24 };

void tm__date_cache_init(struct tm__date_cache *cache)
{
    *cache = (struct tm__date_cache){.day = INT64_MIN};
}

static uint8_t *put_time(uint8_t *out, int64_t ms, struct tm__date_cache *cache)
{
    int64_t day = ms / DAY_MS, left = ms % DAY_MS;
    if (left < 0) {
        left += DAY_MS;
        day--;
    }
    if (TM_UNLIKELY(day != cache->day)) {
        char text[64];
        size_t len = tm_timestamp_format(ms, text);
        if (len != TEXT_LENGTH) { // a year that has not four digits
            memcpy(out, text, len);
            return out + len;
        }
        memcpy(cache->text, text, DATE_LENGTH);
        cache->day = day;
    }
    uint32_t rest = (uint32_t)left, millis = rest % 1000, seconds = rest / 1000;
    uint32_t minutes = seconds / 60;
    memcpy(out, cache->text, sizeof cache->text);
    out = put_pair(out + DATE_LENGTH, minutes / 60);
    *out++ = ':';
    out = put_pair(out, minutes % 60);
    *out++ = ':';
    out = put_pair(out, seconds % 60);
    *out++ = '.';
    *out++ = (uint8_t)('0' + millis / 100);
    out = put_pair(out, millis % 100);
    *out++ = 'Z';
    return out;
}

uint8_t *tm__put_other_timestamp(uint8_t *out, int64_t ms, struct tm__date_cache *cache,
                                 struct tm__time_memo *memo)
{
    uint8_t *end = put_time(out, ms, cache);
    if (TM_LIKELY(end == out + TEXT_LENGTH)) {
        memo->ms = ms;
        memo->length = TEXT_LENGTH;
        memcpy(memo->text, out, sizeof memo->text);
    }
    return end;
}
