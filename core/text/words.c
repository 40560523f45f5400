// Names in another style (snake_case, camelCase) and the distance between two texts.
#include <ctype.h>

#include "core/text/text_private.h"
#include "core/text/utf8.h"

enum { DISTANCE_BYTES_MAX = 4096 };

// --- styles of names. Words end at what is neither letter nor digit, where a capital follows a
// small letter or digit (userId), and before the last of several capitals (HTTPServer). Characters
// beyond ASCII are letters without case.

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || c >= 0x80;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool begins_word(const uint8_t *s, uint32_t i, uint32_t len)
{
    if (i == 0)
        return true;
    uint8_t before = s[i - 1], c = s[i];
    if (!is_upper(before) && !is_lower(before) && !is_digit(before))
        return true;
    if (!is_upper(c))
        return false;
    return !is_upper(before) || (i + 1 < len && is_lower(s[i + 1]));
}

int32_t tm_text_restyle(struct tm_text *t, const char *s, uint32_t len, int32_t style)
{
    const uint8_t *p = (const uint8_t *)s;
    size_t size = (size_t)len * 2;
    uint8_t *out = tm__text_room(t, size), *begin = out;

    if (out == NULL)
        return tm__text_no_room(size);
    for (uint32_t i = 0; i < len; i++) {
        uint8_t c = p[i];
        if (!is_upper(c) && !is_lower(c) && !is_digit(c))
            continue;
        bool begins = begins_word(p, i, len);
        bool capital = begins && (style == 3 || (style == 2 && out != begin));
        if (begins && style < 2 && out != begin)
            *out++ = style == 0 ? '_' : '-';
        if (c < 0x80)
            c = (uint8_t)(capital ? toupper(c) : tolower(c));
        *out++ = c;
    }
    return tm__text_done(t, out);
}

// --- distance

// The characters of a text as numbers; bytes that are no UTF-8 stand for themselves beyond them.
static uint32_t characters(const char *s, uint32_t len, int32_t *codes)
{
    const uint8_t *p = (const uint8_t *)s, *end = p + len;
    uint32_t count = 0;

    while (p < end) {
        size_t n = tm__utf8_next(p, end, &codes[count]);
        if (codes[count] < 0)
            codes[count] = 0x110000 + *p;
        p += n;
        count++;
    }
    return count;
}

int32_t tm_text_distance(struct tm_text *t, const char *a, uint32_t a_len, const char *b,
                         uint32_t b_len)
{
    if (a_len > DISTANCE_BYTES_MAX || b_len > DISTANCE_BYTES_MAX)
        return TM_E_LIMIT;
    // Characters of both, then one row of the table.
    int32_t *x = tm__text_spans(t, 0, a_len + 2 * (size_t)b_len + 1);
    if (x == NULL)
        return TM_E_MEMORY;
    int32_t *y = x + a_len, *row = y + b_len;
    uint32_t x_count = characters(a, a_len, x), y_count = characters(b, b_len, y);

    for (uint32_t j = 0; j <= y_count; j++)
        row[j] = (int32_t)j;
    for (uint32_t i = 0; i < x_count; i++) {
        int32_t corner = row[0];
        row[0] = (int32_t)i + 1;
        for (uint32_t j = 0; j < y_count; j++) {
            int32_t best = corner + (x[i] != y[j]);
            corner = row[j + 1];
            if (corner + 1 < best)
                best = corner + 1;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            row[j + 1] = best;
        }
    }
    return row[y_count];
}
