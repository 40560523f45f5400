// Numbers as people and other systems read them: with a fixed count of decimal places and marks
// between thousands, and in other bases.
#include <math.h>
#include <stdio.h>

#include "core/batch/decimal.ffi.h"
#include "core/batch/decimal.h"
#include "core/text/text_private.h"

enum { PLACES_MAX = 22, DIGITS_MAX = 340 }; // the largest double has 309 digits before its point

// `plain` is [-]digits[.digits]: its whole part in groups of three, the point exchanged.
static int32_t give_grouped(struct tm_text *t, const char *plain, size_t len, const char *mark,
                            uint32_t mark_len, const char *point, uint32_t point_len)
{
    struct tm_buf *out = tm__text_begin(t);
    const char *dot = memchr(plain, '.', len);
    size_t whole = dot == NULL ? len : (size_t)(dot - plain), i = plain[0] == '-';
    int32_t rc = tm__text_put(out, plain, i);

    for (; i < whole && rc == 0; i++) {
        rc = tm__text_put(out, plain + i, 1);
        if (rc == 0 && i + 1 < whole && (whole - i - 1) % 3 == 0)
            rc = tm__text_put(out, mark, mark_len);
    }
    if (rc == 0 && dot != NULL)
        rc = tm__text_put(out, point, point_len);
    if (rc == 0 && dot != NULL)
        rc = tm__text_put(out, dot + 1, len - whole - 1);
    return rc != 0 ? rc : tm__text_finish(t);
}

int32_t tm_number_format(struct tm_text *t, double value, int32_t places, const char *mark,
                         uint32_t mark_len, const char *point, uint32_t point_len)
{
    char plain[DIGITS_MAX + PLACES_MAX];

    if (!isfinite(value))
        return TM_TEXT_NONE;
    int len =
        snprintf(plain, sizeof plain, "%.*f", (int)places, tm_number_round(value, places, false));
    return give_grouped(t, plain, (size_t)len, mark, mark_len, point, point_len);
}

int32_t tm_number_format_decimal(struct tm_text *t, const struct tm_decimal_value *value,
                                 int32_t places, const char *mark, uint32_t mark_len,
                                 const char *point, uint32_t point_len)
{
    struct tm_decimal_value rounded;
    char plain[64 + PLACES_MAX];
    int32_t rc = tm_number_round_decimal(value, places, false, &rounded);

    if (rc != 0)
        return rc;
    tm_int128 unscaled = (tm_int128)((unsigned __int128)(uint64_t)rounded.high << 64 | rounded.low);
    size_t len = tm_decimal_format(unscaled, (uint8_t)rounded.scale, plain);
    if (rounded.scale == 0 && places > 0)
        plain[len++] = '.';
    for (int32_t i = rounded.scale; i < places; i++)
        plain[len++] = '0';
    return give_grouped(t, plain, len, mark, mark_len, point, point_len);
}

int32_t tm_number_to_base(struct tm_text *t, double value, int32_t base)
{
    uint64_t v = (uint64_t)fabs(value);
    uint8_t digits[64], *out = tm__text_room(t, sizeof digits + 1);
    int n = 0;

    if (out == NULL)
        return TM_E_MEMORY;
    do
        digits[n++] = (uint8_t) "0123456789abcdefghijklmnopqrstuvwxyz"[v % (uint64_t)base];
    while ((v /= (uint64_t)base) != 0);
    if (value < 0)
        *out++ = '-';
    while (n > 0)
        *out++ = digits[--n];
    return tm__text_done(t, out);
}
