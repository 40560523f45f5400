// Texts cut, trimmed, split, replaced and padded: lengths and places are counted in characters.
// Plain ASCII, which nearly all of them are, is not decoded.
#include "core/base/text.h"
#include "core/text/text_private.h"
#include "core/text/utf8.h"

static const uint8_t *bytes_of(const char *s)
{
    return (const uint8_t *)s;
}

int32_t tm_text_length(const char *s, uint32_t len)
{
    const uint8_t *p = bytes_of(s), *end = p + len;
    size_t count = tm__ascii_length(p, len);

    for (p += count; p < end; count++) {
        int32_t code;
        p += tm__utf8_next(p, end, &code);
    }
    return (int32_t)count;
}

// Where the character number `n` (from 0) begins; `len` past the last.
static size_t place_of(const uint8_t *p, uint32_t len, int32_t n)
{
    const uint8_t *at = p, *end = p + len;
    size_t ascii = tm__ascii_length(p, len < (uint32_t)n ? len : (size_t)n);

    for (at += ascii, n -= (int32_t)ascii; n > 0 && at < end; n--) {
        int32_t code;
        at += tm__utf8_next(at, end, &code);
    }
    return (size_t)(at - p);
}

int32_t tm_text_sub(struct tm_text *t, const char *s, uint32_t len, int32_t first, int32_t last)
{
    const uint8_t *p = bytes_of(s);

    if (first < 0 || last < 0) {
        int32_t length = tm_text_length(s, len);
        if (first < 0)
            first = first < -length ? 1 : length + 1 + first;
        if (last < 0)
            last = last < -length ? 0 : length + 1 + last;
    }
    if (first < 1)
        first = 1;
    if (last < first)
        return tm__text_part(t, len, 0, 0);
    size_t from = place_of(p, len, first - 1);
    size_t to = from + place_of(p + from, len - (uint32_t)from, last - first + 1);
    return tm__text_part(t, len, from, to);
}

int32_t tm_text_cut(struct tm_text *t, const char *s, uint32_t len, int32_t bytes)
{
    const uint8_t *p = bytes_of(s), *cut = p + bytes, *end = p + len;

    if ((uint32_t)bytes >= len)
        return TM_TEXT_SAME;
    // A character that reaches over the cut begins at most three bytes before it.
    for (int i = 1; i <= 3 && cut - i >= p; i++) {
        int32_t code;
        if (cut - i + tm__utf8_next(cut - i, end, &code) > cut) {
            cut -= i;
            break;
        }
    }
    return tm__text_part(t, len, 0, (size_t)(cut - p));
}

// --- trimming

static bool in_set(int32_t code, const uint8_t *at, size_t size, const uint8_t *set,
                   const uint8_t *set_end)
{
    if (set == NULL)
        return tm__is_blank(code);
    while (set < set_end) {
        int32_t other;
        size_t n = tm__utf8_next(set, set_end, &other);
        if (n == size && memcmp(set, at, n) == 0)
            return true;
        set += n;
    }
    return false;
}

int32_t tm_text_trim(struct tm_text *t, const char *s, uint32_t len, const char *set,
                     uint32_t set_len, int32_t sides)
{
    const uint8_t *begin = bytes_of(s), *p = begin, *end = p + len;
    const uint8_t *in = bytes_of(set), *in_end = set == NULL ? NULL : in + set_len;
    int32_t code;

    while ((sides & 1) != 0 && p < end) {
        size_t n = tm__utf8_next(p, end, &code);
        if (!in_set(code, p, n, in, in_end))
            break;
        p += n;
    }
    while ((sides & 2) != 0 && end > p) {
        const uint8_t *last = tm__utf8_before(p, end);
        size_t n = tm__utf8_next(last, end, &code);
        if (!in_set(code, last, n, in, in_end))
            break;
        end = last;
    }
    return tm__text_part(t, len, (size_t)(p - begin), (size_t)(end - begin));
}

// --- parts

bool tm_text_starts(const char *s, uint32_t len, const char *part, uint32_t part_len)
{
    return part_len <= len && memcmp(s, part, part_len) == 0;
}

bool tm_text_ends(const char *s, uint32_t len, const char *part, uint32_t part_len)
{
    return part_len <= len && memcmp(s + len - part_len, part, part_len) == 0;
}

bool tm_text_contains(const char *s, uint32_t len, const char *part, uint32_t part_len)
{
    return memmem(s, len, part, part_len) != NULL;
}

// The first `part` in [p, end), or NULL. It is not empty.
static const uint8_t *find(const uint8_t *p, const uint8_t *end, const char *part, size_t part_len)
{
    if (part_len == 1)
        return memchr(p, part[0], (size_t)(end - p));
    return memmem(p, (size_t)(end - p), part, part_len);
}

static const uint8_t *find_last(const uint8_t *p, const uint8_t *end, const char *part,
                                size_t part_len)
{
    if (part_len == 1)
        return memrchr(p, part[0], (size_t)(end - p));
    for (size_t at = (size_t)(end - p); at >= part_len; at--) {
        if (memcmp(p + at - part_len, part, part_len) == 0)
            return p + at - part_len;
    }
    return NULL;
}

int32_t tm_text_part(struct tm_text *t, const char *s, uint32_t len, const char *between,
                     uint32_t between_len, int32_t n)
{
    const uint8_t *begin = bytes_of(s), *p = begin, *end = begin + len, *at;

    for (; n > 1; n--) {
        at = find(p, end, between, between_len);
        if (at == NULL)
            return TM_TEXT_NONE;
        p = at + between_len;
    }
    for (; n < -1; n++) {
        end = find_last(p, end, between, between_len);
        if (end == NULL)
            return TM_TEXT_NONE;
    }
    if (n > 0) {
        at = find(p, end, between, between_len);
        end = at == NULL ? end : at;
    } else {
        at = find_last(p, end, between, between_len);
        p = at == NULL ? p : at + between_len;
    }
    return tm__text_part(t, len, (size_t)(p - begin), (size_t)(end - begin));
}

int32_t tm_text_replace(struct tm_text *t, const char *s, uint32_t len, const char *old,
                        uint32_t old_len, const char *with, uint32_t with_len, int32_t max)
{
    const uint8_t *p = bytes_of(s), *end = p + len;
    const uint8_t *at = max == 0 ? NULL : find(p, end, old, old_len);
    struct tm_buf *out = tm__text_begin(t);
    int32_t rc = 0;

    if (at == NULL)
        return TM_TEXT_SAME;
    for (; at != NULL && rc == 0; max--) {
        rc = tm__text_put(out, p, (size_t)(at - p));
        if (rc == 0)
            rc = tm__text_put(out, with, with_len);
        p = at + old_len;
        at = max == 1 ? NULL : find(p, end, old, old_len);
    }
    if (rc == 0)
        rc = tm__text_put(out, p, (size_t)(end - p));
    return rc != 0 ? rc : tm__text_finish(t);
}

// --- whole texts

// `count` characters of `fill`, over and over.
static int32_t put_fill(struct tm_buf *out, const uint8_t *fill, uint32_t fill_len, int32_t count)
{
    const uint8_t *p = fill, *end = fill + fill_len;

    for (int32_t rc; count > 0; count--) {
        int32_t code;
        size_t n = tm__utf8_next(p, end, &code);
        if ((rc = tm__text_put(out, p, n)) != 0)
            return rc;
        p += n;
        if (p == end)
            p = fill;
    }
    return 0;
}

int32_t tm_text_pad(struct tm_text *t, const char *s, uint32_t len, int32_t width, const char *fill,
                    uint32_t fill_len, bool left)
{
    int32_t missing = width - tm_text_length(s, len);
    struct tm_buf *out = tm__text_begin(t);
    int32_t rc = 0;

    if (missing <= 0)
        return TM_TEXT_SAME;
    if (missing > TM_ROW_BYTES_MAX)
        return TM_E_LIMIT;
    if (left)
        rc = put_fill(out, bytes_of(fill), fill_len, missing);
    if (rc == 0)
        rc = tm__text_put(out, s, len);
    if (rc == 0 && !left)
        rc = put_fill(out, bytes_of(fill), fill_len, missing);
    return rc != 0 ? rc : tm__text_finish(t);
}

int32_t tm_text_reverse(struct tm_text *t, const char *s, uint32_t len)
{
    const uint8_t *begin = bytes_of(s), *p = begin + len;
    uint8_t *out = tm__text_room(t, len);

    if (len < 2)
        return TM_TEXT_SAME;
    if (out == NULL)
        return tm__text_no_room(len);
    while (p > begin) {
        const uint8_t *last = tm__utf8_before(begin, p);
        memcpy(out, last, (size_t)(p - last));
        out += p - last;
        p = last;
    }
    return tm__text_done(t, out);
}

int32_t tm_text_bad_byte(const char *s, uint32_t len)
{
    const uint8_t *p = bytes_of(s), *end = p + len;

    p += tm__ascii_length(p, len);
    if (p == end || tm_text_is_utf8(p, (size_t)(end - p)))
        return -1;
    for (int32_t code = 0; p < end;) {
        size_t n = tm__utf8_next(p, end, &code);
        if (code < 0)
            break;
        p += n;
    }
    return (int32_t)(p - bytes_of(s));
}

// How many bytes stand for one U+FFFD: the beginning of a character that is cut short, else one.
static size_t broken_bytes(const uint8_t *p, const uint8_t *end)
{
    static const struct {
        uint8_t first, last, second_first, second_last, size;
    } forms[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last)
            continue;
        if (p + 1 == end || p[1] < forms[i].second_first || p[1] > forms[i].second_last)
            return 1;
        size_t n = 2;
        while (n < forms[i].size && p + n < end && (p[n] & 0xC0) == 0x80)
            n++;
        return n;
    }
    return 1;
}

int32_t tm_text_scrub(struct tm_text *t, const char *s, uint32_t len)
{
    int32_t bad = tm_text_bad_byte(s, len);
    if (bad < 0)
        return TM_TEXT_SAME;
    size_t size = (size_t)len * 3; // U+FFFD takes three bytes
    uint8_t *out = tm__text_room(t, size);
    const uint8_t *p = bytes_of(s), *end = p + len;

    if (out == NULL)
        return tm__text_no_room(size);
    while (p < end) {
        int32_t code;
        size_t n = tm__utf8_next(p, end, &code);
        if (code < 0) {
            out = tm__utf8_put(out, 0xFFFD);
            p += broken_bytes(p, end);
        } else {
            memcpy(out, p, n);
            out += n;
            p += n;
        }
    }
    return tm__text_done(t, out);
}
