// The characters that HTML and XML give a meaning, as references and back.
#include "core/text/text_private.h"
#include "core/text/utf8.h"

static const struct {
    char name[8];
    uint16_t code;
} names[] = {
    {"amp", '&'},       {"lt", '<'},       {"gt", '>'},       {"quot", '"'},     {"apos", '\''},
    {"nbsp", 0xA0},     {"copy", 0xA9},    {"reg", 0xAE},     {"laquo", 0xAB},   {"raquo", 0xBB},
    {"hellip", 0x2026}, {"mdash", 0x2014}, {"ndash", 0x2013}, {"lsquo", 0x2018}, {"rsquo", 0x2019},
    {"ldquo", 0x201C},  {"rdquo", 0x201D}, {"bull", 0x2022},  {"middot", 0xB7},  {"euro", 0x20AC},
    {"pound", 0xA3},    {"yen", 0xA5},     {"cent", 0xA2},    {"sect", 0xA7},    {"deg", 0xB0},
    {"times", 0xD7},    {"trade", 0x2122},
};

static const char *reference_of(uint8_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

int32_t tm_html_encode(struct tm_text *t, const char *s, uint32_t len)
{
    size_t size = 6 * (size_t)len, same = 0;

    while (same < len && reference_of((uint8_t)s[same]) == NULL)
        same++;
    if (same == len)
        return TM_TEXT_SAME;
    uint8_t *out = tm__text_room(t, size);
    if (out == NULL)
        return tm__text_no_room(size);
    for (uint32_t i = 0; i < len; i++) {
        const char *reference = reference_of((uint8_t)s[i]);
        if (reference == NULL) {
            *out++ = (uint8_t)s[i];
            continue;
        }
        size_t n = strlen(reference);
        memcpy(out, reference, n);
        out += n;
    }
    return tm__text_done(t, out);
}

// --- back

// &#233; and &#xE9;: the digits [p, end). -1 for what is no character.
static int32_t code_of_digits(const char *p, const char *end)
{
    int32_t base = p < end && (*p == 'x' || *p == 'X') ? 16 : 10, code = 0;

    p += base == 16;
    if (p == end)
        return -1;
    for (; p < end; p++) {
        char c = *p >= 'A' && *p <= 'F' ? (char)(*p + 32) : *p;
        int32_t digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
        if (digit >= base)
            return -1;
        code = code * base + digit;
        if (code > 0x10FFFF)
            return -1;
    }
    return code == 0 || (code >= 0xD800 && code < 0xE000) ? -1 : code;
}

static int32_t code_of(const char *p, const char *end)
{
    size_t len = (size_t)(end - p);

    if (len > 1 && *p == '#')
        return code_of_digits(p + 1, end);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) == len && memcmp(names[i].name, p, len) == 0)
            return names[i].code;
    }
    return -1;
}

// What is no reference stays as it stands. No reference is shorter than its character in UTF-8.
int32_t tm_html_decode(struct tm_text *t, const char *s, uint32_t len)
{
    const char *p = s, *end = s + len;

    if (memchr(s, '&', len) == NULL)
        return TM_TEXT_SAME;
    uint8_t *out = tm__text_room(t, len);
    if (out == NULL)
        return tm__text_no_room(len);
    while (p < end) {
        size_t left = (size_t)(end - p);
        const char *semicolon = *p == '&' ? memchr(p, ';', left < 12 ? left : 12) : NULL;
        int32_t code = semicolon == NULL ? -1 : code_of(p + 1, semicolon);
        if (code < 0) {
            *out++ = (uint8_t)*p++;
            continue;
        }
        out = tm__utf8_put(out, code);
        p = semicolon + 1;
    }
    return tm__text_done(t, out);
}
