// What a text may be besides a text: a time, and in CSV a number or a bool.
#include <string.h>
#include <strings.h>

#include "core/batch/timestamp.h"
#include "core/batch/type.h"
#include "core/format/infer.h"
#include "core/format/infer_node.h"

enum { DIGITS_MAX = 38, NUMBER_BYTES_MAX = 400 }; // of texts that are taken for numbers

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// A date has its dashes in one place, so that most texts are seen at once not to be one.
bool tm__infer_is_time(const char *p, uint32_t len)
{
    int64_t ms;
    return len >= 10 && len <= 40 && is_digit(p[0]) && p[4] == '-' && p[7] == '-' &&
           tm_timestamp_parse(p, len, &ms) == 0 && ms <= TM_INT_MAX && ms >= -TM_INT_MAX;
}

static uint32_t digits(const char *p, uint32_t at, uint32_t len)
{
    uint32_t start = at;
    while (at < len && is_digit(p[at]))
        at++;
    return at - start;
}

// Is there a fraction or an exponent from `at` to the end, and nothing else?
static bool is_tail(const struct tm_infer_texts *texts, const char *p, uint32_t at, uint32_t len)
{
    if (at < len && p[at] == texts->point) {
        uint32_t fraction = digits(p, at + 1, len);
        if (fraction == 0)
            return false;
        at += 1 + fraction;
    }
    if (at < len && (p[at] == 'e' || p[at] == 'E')) {
        at++;
        if (at < len && (p[at] == '+' || p[at] == '-'))
            at++;
        uint32_t exponent = digits(p, at, len);
        if (exponent == 0 || exponent > 2) // 1e308 may be, 1e400 is beyond a double
            return false;
        at += exponent;
    }
    return at == len;
}

static enum tm__shape whole_shape(const char *p, uint32_t count, bool negative)
{
    if (count > DIGITS_MAX)
        return TM__SHAPE_STRING;
    unsigned __int128 v = 0;
    for (uint32_t i = 0; i < count; i++)
        v = v * 10 + (unsigned)(p[i] - '0');
    if (v <= (unsigned __int128)TM_INT_MAX)
        return TM__SHAPE_INT;
    if (v <= (unsigned __int128)INT64_MAX)
        return TM__SHAPE_LONG;
    return v <= UINT64_MAX && !negative ? TM__SHAPE_UINT : TM__SHAPE_HUGE;
}

static enum tm__shape number_shape(const struct tm_infer_texts *texts, const char *p, uint32_t len)
{
    uint32_t minus = p[0] == '-', count = len > NUMBER_BYTES_MAX ? 0 : digits(p, minus, len);
    bool zeros = count > 1 && p[minus] == '0';
    if (count == 0 || zeros)
        return TM__SHAPE_STRING;
    if (minus + count == len)
        return whole_shape(p + minus, count, minus != 0);
    return is_tail(texts, p, minus + count, len) && count < 300 ? TM__SHAPE_DOUBLE
                                                                : TM__SHAPE_STRING;
}

enum tm__shape tm__infer_text_shape(const struct tm_infer_texts *texts, const char *p, uint32_t len)
{
    for (int i = 0; i < 2; i++)
        if (strlen(texts->bools[i]) == len && strncasecmp(p, texts->bools[i], len) == 0)
            return TM__SHAPE_BOOL;
    if (len != 0 && tm__infer_is_time(p, len))
        return TM__SHAPE_TIME;
    return len == 0 ? TM__SHAPE_STRING : number_shape(texts, p, len);
}
