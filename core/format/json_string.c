// Escapes of JSON strings, and writing string literals.
#include "core/format/json_string.h"

#include <stdbool.h>

#include "core/format/json_write.h"

const uint8_t tm__json_escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

static int hex4(const uint8_t *p, uint32_t *value)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;
        if (digit == 16)
            return 0;
        v = v * 16 + digit;
    }
    *value = v;
    return 1;
}

static size_t put_utf8(uint32_t c, uint8_t *dst)
{
    if (c < 0x80) {
        dst[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        dst[0] = (uint8_t)(0xC0 | (c >> 6));
        dst[1] = (uint8_t)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        dst[0] = (uint8_t)(0xE0 | (c >> 12));
        dst[1] = (uint8_t)(0x80 | ((c >> 6) & 0x3F));
        dst[2] = (uint8_t)(0x80 | (c & 0x3F));
        return 3;
    }
    dst[0] = (uint8_t)(0xF0 | (c >> 18));
    dst[1] = (uint8_t)(0x80 | ((c >> 12) & 0x3F));
    dst[2] = (uint8_t)(0x80 | ((c >> 6) & 0x3F));
    dst[3] = (uint8_t)(0x80 | (c & 0x3F));
    return 4;
}

size_t tm__json_unicode_escape(const uint8_t **src, const uint8_t *end, uint8_t *dst)
{
    const uint8_t *p = *src;
    uint32_t c, low;
    if (end - p < 6 || p[1] != 'u' || !hex4(p + 2, &c))
        return 0;
    p += 6;
    if (c >= 0xD800 && c <= 0xDFFF) { // the first half must be high, the second low
        if (c >= 0xDC00 || end - p < 6 || p[0] != '\\' || p[1] != 'u' || !hex4(p + 2, &low) ||
            low < 0xDC00 || low > 0xDFFF)
            return 0;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    *src = p;
    return put_utf8(c, dst);
}

size_t tm__json_unescape(const uint8_t *src, const uint8_t *end, uint8_t *dst, const uint8_t **at)
{
    uint8_t *start = dst;
    while (src < end) {
        size_t left = (size_t)(end - src);
        tm__chunk chunk = tm__chunk_load(src);
        tm__chunk_store(dst, chunk);
        uint32_t mask = tm__chunk_equal(chunk, tm__chunk_fill('\\'));
        size_t plain = mask == 0 ? TM__CHUNK_BYTES : (size_t)__builtin_ctz(mask);
        if (plain >= left)
            return (size_t)(dst - start) + left;
        src += plain;
        dst += plain;
        if (plain == TM__CHUNK_BYTES)
            continue;
        uint8_t letter = tm__json_escapes[src[1]];
        if (letter != 0 && left - plain >= 2) {
            *dst++ = letter;
            src += 2;
            continue;
        }
        const uint8_t *escape = src;
        size_t written = tm__json_unicode_escape(&escape, end, dst);
        if (written == 0) {
            *at = src;
            return SIZE_MAX;
        }
        src = escape;
        dst += written;
    }
    return (size_t)(dst - start);
}

static uint8_t *put_escape(uint8_t *out, uint8_t c)
{
    if (TM_LIKELY(c == '"' || c == '\\')) {
        out[0] = '\\';
        out[1] = c;
        return out + 2;
    }
    static const char digits[] = "0123456789abcdef";
    static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    *out++ = '\\';
    for (const char *l = letters; *l != 0; l += 2) {
        if ((uint8_t)*l == c) {
            *out++ = (uint8_t)l[1];
            return out;
        }
    }
    memcpy(out, "u00", 3);
    out[3] = (uint8_t)digits[c >> 4];
    out[4] = (uint8_t)digits[c & 15];
    return out + 5;
}

// `may_read_on`: 16 bytes behind the string are readable, as in a batch.
static inline __attribute__((always_inline)) uint8_t *put_string(uint8_t *out, const uint8_t *p,
                                                                 size_t len, bool may_read_on)
{
    const uint8_t *end = p + len;
    uint8_t tail[16];
    *out++ = '"';
    while (p < end) {
        size_t left = (size_t)(end - p);
        const uint8_t *from = p;
        if (left < 16 && !may_read_on) {
            memset(tail, 'x', sizeof tail);
            memcpy(tail, p, left);
            from = tail;
        }
        tm__chunk chunk = tm__chunk_load(from);
        tm__chunk_store(out, chunk);
        uint32_t mask = tm__chunk_special(chunk);
        size_t plain = mask == 0 ? 16 : (size_t)__builtin_ctz(mask);
        if (plain >= left) {
            out += left;
            break;
        }
        out += plain;
        p += plain;
        if (TM_UNLIKELY(plain != 16))
            out = put_escape(out, *p++);
    }
    *out++ = '"';
    return out;
}

uint8_t *tm__json_put_string(uint8_t *out, const uint8_t *p, size_t len)
{
    return put_string(out, p, len, false);
}

uint8_t *tm__json_put_batch_string(uint8_t *out, const uint8_t *p, size_t len)
{
    return put_string(out, p, len, true);
}
