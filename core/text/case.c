// Upper and lower case of all scripts: Unicode's simple mappings, one character to one, so that
// nothing depends on a locale (the German sharp s stays what it is).
#include "core/text/case_table.h"
#include "core/text/text_private.h"
#include "core/text/utf8.h"

struct mapping {
    const struct tm__case_range *ranges;
    size_t count;
    uint8_t first, last; // ASCII letters that change
};

static const struct mapping to_upper = {tm__to_upper, sizeof tm__to_upper / sizeof tm__to_upper[0],
                                        'a', 'z'};
static const struct mapping to_lower = {tm__to_lower, sizeof tm__to_lower / sizeof tm__to_lower[0],
                                        'A', 'Z'};

static int32_t map(const struct mapping *m, int32_t code)
{
    size_t low = 0, high = m->count;

    if (code < 0x80)
        return code >= m->first && code <= m->last ? code ^ 0x20 : code;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct tm__case_range *r = &m->ranges[middle];
        if (code < r->first)
            high = middle;
        else if (code > r->last)
            low = middle + 1;
        else
            return (code - r->first) % r->step == 0 ? code + r->delta : code;
    }
    return code;
}

// The bytes in front that do not change: ASCII other than the letters.
static size_t same_in_front(const struct mapping *m, const uint8_t *p, size_t len)
{
    size_t i = 0;
    while (i < len && p[i] < 0x80 && (p[i] < m->first || p[i] > m->last))
        i++;
    return i;
}

static uint8_t *put_mapped(const struct mapping *m, const uint8_t *p, size_t size, int32_t code,
                           uint8_t *out)
{
    if (code >= 0)
        return tm__utf8_put(out, map(m, code));
    memcpy(out, p, size);
    return out + size;
}

static int32_t change(struct tm_text *t, const struct mapping *m, const char *s, uint32_t len)
{
    const uint8_t *p = (const uint8_t *)s, *end = p + len;
    size_t same = same_in_front(m, p, len);
    if (same == len)
        return TM_TEXT_SAME;
    size_t size = same + 2 * (len - same); // two bytes become at most three
    uint8_t *begin = tm__text_room(t, size), *out = begin;

    if (begin == NULL)
        return tm__text_no_room(size);
    memcpy(out, p, same);
    for (p += same, out += same; p < end;) {
        if (*p < 0x80) {
            bool letter = *p >= m->first && *p <= m->last;
            *out++ = (uint8_t)(*p++ ^ (letter ? 0x20 : 0));
            continue;
        }
        int32_t code;
        size_t n = tm__utf8_next(p, end, &code);
        out = put_mapped(m, p, n, code, out);
        p += n;
    }
    if ((size_t)(out - begin) == len && memcmp(begin, s, len) == 0)
        return TM_TEXT_SAME;
    return tm__text_done(t, out);
}

int32_t tm_text_upper(struct tm_text *t, const char *s, uint32_t len)
{
    return change(t, &to_upper, s, len);
}

int32_t tm_text_lower(struct tm_text *t, const char *s, uint32_t len)
{
    return change(t, &to_lower, s, len);
}

// What stands between words: blanks, and ASCII that is neither letter, digit nor apostrophe.
static bool separates(int32_t code)
{
    if (code < 0 || code >= 0x80)
        return tm__is_blank(code);
    return !((code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') ||
             (code >= '0' && code <= '9') || code == '\'');
}

int32_t tm_text_title(struct tm_text *t, const char *s, uint32_t len)
{
    const uint8_t *p = (const uint8_t *)s, *end = p + len;
    size_t size = 2 * (size_t)len;
    uint8_t *begin = tm__text_room(t, size), *out = begin;
    bool first = true;

    if (begin == NULL)
        return tm__text_no_room(size);
    while (p < end) {
        int32_t code;
        size_t n = tm__utf8_next(p, end, &code);
        bool between = separates(code);
        out = put_mapped(first && !between ? &to_upper : &to_lower, p, n, code, out);
        first = between;
        p += n;
    }
    if ((size_t)(out - begin) == len && memcmp(begin, s, len) == 0)
        return TM_TEXT_SAME;
    return tm__text_done(t, out);
}

int32_t tm_text_capitalize(struct tm_text *t, const char *s, uint32_t len)
{
    const uint8_t *p = (const uint8_t *)s, *end = p + len;
    int32_t code;

    if (len == 0)
        return TM_TEXT_SAME;
    size_t n = tm__utf8_next(p, end, &code), size = (size_t)len + 2; // two bytes may become three
    if (code < 0 || map(&to_upper, code) == code)
        return TM_TEXT_SAME;
    uint8_t *out = tm__text_room(t, size);
    if (out == NULL)
        return tm__text_no_room(size);
    out = tm__utf8_put(out, map(&to_upper, code));
    memcpy(out, p + n, len - n);
    return tm__text_done(t, out + (len - n));
}
