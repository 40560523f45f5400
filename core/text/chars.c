// Characters looked for, counted, exchanged one for one, and what steers a terminal taken out.
#include "core/text/text_private.h"
#include "core/text/utf8.h"

// The place of a byte as a character, from 1.
static int32_t character_at(const char *s, size_t byte)
{
    return tm_text_length(s, (uint32_t)byte) + 1;
}

int32_t tm_text_find(struct tm_text *t, const char *s, uint32_t len, const char *part,
                     uint32_t part_len, int32_t first)
{
    if (first < 0) {
        int32_t length = tm_text_length(s, len);
        first = first < -length ? 1 : length + 1 + first;
    }
    int32_t rc = tm_text_sub(t, s, len, first, INT32_MAX);
    size_t from = rc == TM_TEXT_SAME ? 0 : (size_t)t->from;
    if (part_len == 0) {
        int32_t at = character_at(s, from);
        return at < first ? 0 : at; // behind the end there is nothing, not even that
    }
    const char *at = memmem(s + from, len - from, part, part_len);
    return at == NULL ? 0 : character_at(s, (size_t)(at - s));
}

int32_t tm_text_occurrences(const char *s, uint32_t len, const char *part, uint32_t part_len)
{
    const char *at = s, *end = s + len;
    int32_t count = 0;

    while ((at = memmem(at, (size_t)(end - at), part, part_len)) != NULL) {
        count++;
        at += part_len;
    }
    return count;
}

// --- one character for another

// The number of the character [at, at + size) among those of a set, or -1.
static int32_t index_in(const uint8_t *at, size_t size, const uint8_t *set, const uint8_t *end)
{
    for (int32_t n = 0; set < end; n++) {
        int32_t code;
        size_t own = tm__utf8_next(set, end, &code);
        if (own == size && memcmp(set, at, size) == 0)
            return n;
        set += own;
    }
    return -1;
}

int32_t tm_text_translate(struct tm_text *t, const char *s, uint32_t len, const char *from,
                          uint32_t from_len, const char *to, uint32_t to_len)
{
    const uint8_t *p = (const uint8_t *)s, *end = p + len;
    const uint8_t *old = (const uint8_t *)from, *old_end = old + from_len;
    struct tm_buf *out = tm__text_begin(t);
    int32_t rc = 0, code;

    while (p < end && rc == 0) {
        size_t n = tm__utf8_next(p, end, &code);
        int32_t i = index_in(p, n, old, old_end);
        if (i < 0) {
            rc = tm__text_put(out, p, n);
        } else {
            const uint8_t *with = (const uint8_t *)to, *to_end = with + to_len;
            while (i-- > 0 && with < to_end)
                with += tm__utf8_next(with, to_end, &code);
            if (with < to_end) // without a counterpart it goes
                rc = tm__text_put(out, with, tm__utf8_next(with, to_end, &code));
        }
        p += n;
    }
    return rc != 0 ? rc : tm__text_finish(t);
}

// --- control sequences of terminals (ECMA-48)

// The length of the sequence that begins with the ESC at p, at least 1.
static size_t sequence_length(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *at = p + 1;

    if (at == end)
        return 1;
    if (*at == '[') { // parameters, intermediates, one final byte
        at++;
        while (at < end && *at >= 0x20 && *at <= 0x3F)
            at++;
        return (size_t)(at - p) + (at < end && *at >= 0x40 && *at <= 0x7E);
    }
    if (*at == ']') { // a command of the system, up to BEL or ESC backslash
        for (at++; at < end; at++) {
            if (*at == 7)
                return (size_t)(at - p) + 1;
            if (*at == 0x1B)
                return (size_t)(at - p) + (at + 1 < end && at[1] == '\\' ? 2 : 0);
        }
        return (size_t)(at - p);
    }
    while (at < end && *at >= 0x20 && *at <= 0x2F)
        at++;
    return (size_t)(at - p) + (at < end && *at >= 0x30 && *at <= 0x7E);
}

int32_t tm_text_strip_ansi(struct tm_text *t, const char *s, uint32_t len)
{
    const uint8_t *p = (const uint8_t *)s, *end = p + len;

    if (memchr(p, 0x1B, len) == NULL)
        return TM_TEXT_SAME;
    uint8_t *out = tm__text_room(t, len);
    if (out == NULL)
        return tm__text_no_room(len);
    while (p < end) {
        if (*p == 0x1B)
            p += sequence_length(p, end);
        else
            *out++ = *p++;
    }
    return tm__text_done(t, out);
}
