// ISO 8601 text to milliseconds and back.
#include "core/batch/timestamp.h"

#include <stdbool.h>

#include "core/batch/civil.h"

enum { MS_PER_DAY = 86400000 };

struct cursor {
    const char *p, *end;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->p == c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

// Between `min` and `max` digits.
static bool digits(struct cursor *c, int min, int max, int64_t *value)
{
    int64_t v = 0;
    int n = 0;
    while (n < max && c->p != c->end && *c->p >= '0' && *c->p <= '9') {
        v = v * 10 + (*c->p++ - '0');
        n++;
    }
    *value = v;
    return n >= min;
}

static bool two(struct cursor *c, int32_t max, int32_t *value)
{
    int64_t v = 0;
    bool ok = digits(c, 2, 2, &v) && v <= max;
    *value = (int32_t)v;
    return ok;
}

static bool parse_date(struct cursor *c, int64_t *days)
{
    bool negative = take(c, '-');
    bool is_signed = negative || take(c, '+');
    int64_t year = 0;
    int32_t month = 0, day = 0;
    if (!digits(c, 4, is_signed ? 9 : 4, &year) || !take(c, '-') || !two(c, 12, &month) ||
        month < 1 || !take(c, '-') || !two(c, 31, &day))
        return false;
    if (negative)
        year = -year;
    if (day < 1 || day > tm_civil_month_days(year, month))
        return false;
    *days = tm_civil_to_days(year, month, day);
    return true;
}

static bool parse_time(struct cursor *c, int64_t *ms)
{
    int32_t hour = 0, minute = 0, second = 0, fraction = 0;
    if (!two(c, 23, &hour) || !take(c, ':') || !two(c, 59, &minute))
        return false;
    if (take(c, ':')) {
        if (!two(c, 59, &second))
            return false;
        if (take(c, '.') || take(c, ',')) {
            int n = 0;
            for (; c->p != c->end && *c->p >= '0' && *c->p <= '9'; c->p++, n++) {
                if (n < 3)
                    fraction = fraction * 10 + (*c->p - '0');
            }
            if (n == 0)
                return false;
            for (; n < 3; n++)
                fraction *= 10;
        }
    }
    *ms = ((int64_t)(hour * 60 + minute) * 60 + second) * 1000 + fraction;
    return true;
}

// "Z", "+01:00", "+0100", "+01" or nothing.
static bool parse_offset(struct cursor *c, int64_t *offset_ms)
{
    *offset_ms = 0;
    if (c->p == c->end || take(c, 'Z') || take(c, 'z'))
        return true;
    bool negative = take(c, '-');
    if (!negative && !take(c, '+'))
        return false;
    int32_t hour = 0, minute = 0;
    if (!two(c, 23, &hour))
        return false;
    if (c->p != c->end) {
        (void)take(c, ':');
        if (!two(c, 59, &minute))
            return false;
    }
    *offset_ms = (int64_t)(hour * 60 + minute) * 60000;
    if (negative)
        *offset_ms = -*offset_ms;
    return true;
}

int tm_timestamp_parse(const char *text, size_t len, int64_t *ms)
{
    struct cursor c = {text, text + len};
    int64_t days = 0, time_ms = 0, offset_ms = 0;
    if (!parse_date(&c, &days))
        return TM_E_BAD_TIMESTAMP;
    if (c.p != c.end) {
        if (!take(&c, 'T') && !take(&c, 't') && !take(&c, ' '))
            return TM_E_BAD_TIMESTAMP;
        if (!parse_time(&c, &time_ms) || !parse_offset(&c, &offset_ms) || c.p != c.end)
            return TM_E_BAD_TIMESTAMP;
    }
    // 128 bits because the first day of the range begins before INT64_MIN ms
    __int128 total = (__int128)days * MS_PER_DAY + time_ms - offset_ms;
    if (total > INT64_MAX || total < INT64_MIN)
        return TM_E_BAD_TIMESTAMP;
    *ms = (int64_t)total;
    return 0;
}

static char *put_digits(char *p, int64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + width;
}

size_t tm_timestamp_format(int64_t ms, char *buf)
{
    int64_t days = tm_civil_floor_div(ms, MS_PER_DAY);
    int64_t in_day = ms % MS_PER_DAY;
    if (in_day < 0)
        in_day += MS_PER_DAY;
    int64_t year = 0;
    int32_t month = 0, day = 0;
    tm_civil_of_days(days, &year, &month, &day);
    char *p = buf;
    if (year >= 0 && year <= 9999) {
        p = put_digits(p, year, 4);
    } else {
        int64_t size = year < 0 ? -year : year;
        *p++ = year < 0 ? '-' : '+';
        int width = 6;
        for (int64_t limit = 1000000; size >= limit; limit *= 10)
            width++;
        p = put_digits(p, size, width);
    }
    *p++ = '-';
    p = put_digits(p, month, 2);
    *p++ = '-';
    p = put_digits(p, day, 2);
    *p++ = 'T';
    p = put_digits(p, in_day / 3600000, 2);
    *p++ = ':';
    p = put_digits(p, in_day / 60000 % 60, 2);
    *p++ = ':';
    p = put_digits(p, in_day / 1000 % 60, 2);
    *p++ = '.';
    p = put_digits(p, in_day % 1000, 3);
    *p++ = 'Z';
    *p = '\0';
    return (size_t)(p - buf);
}
