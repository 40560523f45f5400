// Bytes as text and back: base64 (RFC 4648, both alphabets), hexadecimal digits, percent signs
// (RFC 3986), and Latin-1 to UTF-8. Decoding is strict: what no encoder writes is refused.
#include "core/format/base64.h"
#include "core/text/text_private.h"
#include "core/text/utf8.h"

// --- base64: that of URLs has two other digits and no padding

int32_t tm_base64_encode(struct tm_text *t, const char *s, uint32_t len, bool url)
{
    size_t size = ((size_t)len + 2) / 3 * 4;
    uint8_t *begin = tm__text_room(t, size);

    if (begin == NULL)
        return tm__text_no_room(size);
    uint8_t *end = tm__base64_encode(begin, (const uint8_t *)s, len);
    while (url && end > begin && end[-1] == '=')
        end--;
    for (uint8_t *p = begin; url && p < end; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    return tm__text_done(t, end);
}

int32_t tm_base64_decode(struct tm_text *t, const char *s, uint32_t len, bool url)
{
    uint8_t *out = tm__text_room(t, len);

    if (out == NULL)
        return tm__text_no_room(len);
    for (uint32_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)s[i];
        if (url && (c == '+' || c == '/'))
            return TM_TEXT_NONE;
        out[i] = url && c == '-' ? '+' : url && c == '_' ? '/' : c;
    }
    size_t size = tm__base64_decode(out, out, len);
    return size == SIZE_MAX ? TM_TEXT_NONE : tm__text_done(t, out + size);
}

// --- hexadecimal

static const char hex_digits[] = "0123456789abcdef";

int32_t tm_hex_encode(struct tm_text *t, const char *s, uint32_t len)
{
    size_t size = 2 * (size_t)len;
    uint8_t *out = tm__text_room(t, size);

    if (out == NULL)
        return tm__text_no_room(size);
    for (uint32_t i = 0; i < len; i++) {
        *out++ = (uint8_t)hex_digits[(uint8_t)s[i] >> 4];
        *out++ = (uint8_t)hex_digits[(uint8_t)s[i] & 15];
    }
    return tm__text_done(t, out);
}

static int32_t hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int32_t tm_hex_decode(struct tm_text *t, const char *s, uint32_t len)
{
    uint8_t *out = tm__text_room(t, len);

    if (out == NULL)
        return tm__text_no_room(len);
    if (len % 2 != 0)
        return TM_TEXT_NONE;
    for (uint32_t i = 0; i < len; i += 2) {
        int32_t high = hex_value(s[i]), low = hex_value(s[i + 1]);
        if (high < 0 || low < 0)
            return TM_TEXT_NONE;
        *out++ = (uint8_t)(high << 4 | low);
    }
    return tm__text_done(t, out);
}

// --- percent signs

static bool is_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

uint8_t *tm__percent_encode(uint8_t *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)s[i];
        if (is_unreserved(c)) {
            *out++ = c;
            continue;
        }
        *out++ = '%';
        *out++ = (uint8_t) "0123456789ABCDEF"[c >> 4];
        *out++ = (uint8_t) "0123456789ABCDEF"[c & 15];
    }
    return out;
}

int32_t tm_percent_encode(struct tm_text *t, const char *s, uint32_t len)
{
    size_t size = 3 * (size_t)len;
    uint8_t *begin = tm__text_room(t, size);

    if (begin == NULL)
        return tm__text_no_room(size);
    uint8_t *out = tm__percent_encode(begin, s, len);
    return (size_t)(out - begin) == len ? TM_TEXT_SAME : tm__text_done(t, out);
}

uint8_t *tm__percent_decode(uint8_t *out, const char *s, size_t len, bool plus)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '%') {
            int32_t high = len - i > 2 ? hex_value(s[i + 1]) : -1;
            int32_t low = len - i > 2 ? hex_value(s[i + 2]) : -1;
            if (high < 0 || low < 0)
                return NULL;
            *out++ = (uint8_t)(high << 4 | low);
            i += 2;
        } else {
            *out++ = plus && s[i] == '+' ? ' ' : (uint8_t)s[i];
        }
    }
    return out;
}

int32_t tm_percent_decode(struct tm_text *t, const char *s, uint32_t len, bool plus)
{
    uint8_t *out = tm__text_room(t, len);

    if (memchr(s, '%', len) == NULL && (!plus || memchr(s, '+', len) == NULL))
        return TM_TEXT_SAME;
    if (out == NULL)
        return tm__text_no_room(len);
    out = tm__percent_decode(out, s, len, plus);
    return out == NULL ? TM_TEXT_NONE : tm__text_done(t, out);
}

// --- Latin-1

// Windows-1252 from 0x80 to 0x9F; five of its places are empty there and taken for the controls of
// Latin-1.
static const uint16_t windows_1252[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
};

int32_t tm_latin1_decode(struct tm_text *t, const char *s, uint32_t len)
{
    const uint8_t *p = (const uint8_t *)s, *end = p + len;
    size_t size = 3 * (size_t)len;

    if (tm__ascii_length(p, len) == len)
        return TM_TEXT_SAME;
    uint8_t *out = tm__text_room(t, size);
    if (out == NULL)
        return tm__text_no_room(size);
    for (; p < end; p++)
        out = tm__utf8_put(out, *p >= 0x80 && *p < 0xA0 ? windows_1252[*p - 0x80] : *p);
    return tm__text_done(t, out);
}
