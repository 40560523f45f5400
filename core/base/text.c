// Text helpers of messages and options. Pure: no locale, no allocation.
#include "core/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/limits.h"

enum { PREFIX_MIN = 3 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

// Optimal string alignment distance, letters compared without case: capitals are the commonest
// slip.
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    uint16_t rows[3][TM_NAME_MAX + 1];
    uint16_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        last[j] = (uint16_t)j;
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = (uint16_t)i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
            size_t d = min3((size_t)last[j] + 1, (size_t)now[j - 1] + 1, last[j - 1] + change);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]) && (size_t)before[j - 2] + 1 < d)
                d = (size_t)before[j - 2] + 1;
            now[j] = (uint16_t)d;
        }
        uint16_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_len];
}

// The shortest name that begins with what was given, or that what was given begins with: "user" for
// "user_id". From three letters on, below that it says nothing.
static const char *nearest_prefix(const char *given, const char *const *names, size_t count)
{
    size_t given_len = strlen(given);
    const char *best = NULL;
    for (size_t n = 0; n < count; n++) {
        size_t len = strlen(names[n]);
        size_t shorter = len < given_len ? len : given_len;
        size_t same = 0;
        while (same < shorter && lower(names[n][same]) == lower(given[same]))
            same++;
        if (shorter >= PREFIX_MIN && same == shorter && len <= TM_NAME_MAX &&
            (best == NULL || len < strlen(best)))
            best = names[n];
    }
    return best;
}

const char *tm_text_nearest(const char *given, const char *const *names, size_t count)
{
    size_t given_len = strlen(given);
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    if (given_len == 0 || given_len > TM_NAME_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        size_t longer = len > given_len ? len : given_len;
        size_t apart = len > given_len ? len - given_len : given_len - len;
        if (longer > TM_NAME_MAX || apart * 3 > longer)
            continue;
        size_t d = distance(given, given_len, names[i], len);
        if (d * 3 <= longer && d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    return best != NULL ? best : nearest_prefix(given, names, count);
}

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"KB", 1024},
    {"MB", 1024 * 1024},
    {"GB", 1024 * 1024 * 1024},
    {"TB", (int64_t)1024 * 1024 * 1024 * 1024},
    {NULL, 0},
};

static int parse_with_unit(const char *text, const struct unit *units, int64_t *result)
{
    int64_t value = 0;
    const char *p = text;
    if (*p < '0' || *p > '9')
        return TM_E_ARGUMENT;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, (int64_t)(*p - '0'), &value))
            return TM_E_ARGUMENT;
    for (; units->name != NULL; units++) {
        if (strcmp(p, units->name) == 0) {
            if (__builtin_mul_overflow(value, units->factor, &value))
                return TM_E_ARGUMENT;
            *result = value;
            return 0;
        }
    }
    return TM_E_ARGUMENT;
}

int tm_text_duration_ms(const char *text, int64_t *ms)
{
    return parse_with_unit(text, duration_units, ms);
}

int tm_text_size_bytes(const char *text, int64_t *bytes)
{
    return parse_with_unit(text, size_units, bytes);
}

// Length of the well-formed sequence at p, 0 if there is none (Unicode 15, table 3-7).
static size_t sequence(const uint8_t *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    size_t len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (len > left)
        return 0;
    uint8_t low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;  // no overlong form
    uint8_t high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF; // no surrogate, <= U+10FFFF
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

bool tm_text_is_utf8(const void *text, size_t len)
{
    const uint8_t *p = text;
    size_t at = 0;
    while (at < len) {
        uint64_t eight;
        if (len - at >= 8 && (memcpy(&eight, p + at, 8), (eight & 0x8080808080808080u) == 0)) {
            at += 8;
            continue;
        }
        size_t n = sequence(p + at, len - at);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

enum { TEXT_BUF = 32 };

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

const char *tm_text_duration(int64_t ms, char *buf)
{
    const char *sign = ms < 0 ? "-" : "";
    uint64_t v = magnitude(ms);
    uint64_t s = v / 1000;
    if (v < 1000)
        snprintf(buf, TEXT_BUF, "%s%" PRIu64 "ms", sign, v);
    else if (s < 60 && v / 100 % 10 != 0)
        snprintf(buf, TEXT_BUF, "%s%" PRIu64 ".%us", sign, s, (unsigned)(v / 100 % 10));
    else if (s < 60)
        snprintf(buf, TEXT_BUF, "%s%" PRIu64 "s", sign, s);
    else if (s < 3600)
        snprintf(buf, TEXT_BUF, "%s%" PRIu64 "m %" PRIu64 "s", sign, s / 60, s % 60);
    else if (s < 86400)
        snprintf(buf, TEXT_BUF, "%s%" PRIu64 "h %" PRIu64 "m", sign, s / 3600, s / 60 % 60);
    else
        snprintf(buf, TEXT_BUF, "%s%" PRIu64 "d %" PRIu64 "h", sign, s / 86400, s / 3600 % 24);
    return buf;
}

const char *tm_text_signal(int number, char *buf)
{
    const char *name = sigabbrev_np(number);
    if (name == NULL)
        snprintf(buf, TEXT_BUF, "signal %d", number);
    else
        snprintf(buf, TEXT_BUF, "SIG%s", name);
    return buf;
}

const char *tm_text_size(int64_t bytes, char *buf)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    const char *sign = bytes < 0 ? "-" : "";
    uint64_t whole = magnitude(bytes);
    if (whole < 1024) {
        snprintf(buf, TEXT_BUF, "%s%" PRIu64 " B", sign, whole);
        return buf;
    }
    double value = (double)whole;
    size_t unit = 0;
    while (value >= 1023.95 &&
           unit + 1 < sizeof(units) / sizeof(units[0])) { // 1023.95 prints as 1024.0
        value /= 1024;
        unit++;
    }
    snprintf(buf, TEXT_BUF, "%s%.1f %s", sign, value, units[unit]);
    return buf;
}

const char *tm_text_count(int64_t count, char *buf)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, magnitude(count));
    size_t at = 0;
    if (count < 0)
        buf[at++] = '-';
    for (int i = 0; i < len; i++) {
        if (i != 0 && (len - i) % 3 == 0)
            buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = '\0';
    return buf;
}
