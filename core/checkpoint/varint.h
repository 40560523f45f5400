// Numbers of 1 to 10 bytes, seven bits each, the lowest first, as in data files; and a reader of
// bytes that are not trusted.
#pragma once

#include <stdbool.h>

#include "core/base/buf.h"

enum { TM__VARINT_BYTES = 10 };

static inline size_t tm__varint_put(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80) {
        p[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    p[n++] = (uint8_t)v;
    return n;
}

static inline int tm__varint_append(struct tm_buf *buf, uint64_t v)
{
    int rc = tm_buf_reserve(buf, TM__VARINT_BYTES);
    if (rc == 0)
        buf->size_bytes += tm__varint_put(buf->data + buf->size_bytes, v);
    return rc;
}

// What is left to read. `bad` stays set once something did not fit; all that is read then is 0.
struct tm__reader {
    const uint8_t *p;
    size_t left;
    bool bad;
};

static inline const uint8_t *tm__read_bytes(struct tm__reader *r, uint64_t n)
{
    if (r->bad || n > r->left) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    r->left -= n;
    return p;
}

// A number up to `max`, in as few bytes as it takes: what was written has one form.
static inline uint64_t tm__read_varint(struct tm__reader *r, uint64_t max)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *p = tm__read_bytes(r, 1);
        if (p == NULL)
            return 0;
        v |= (uint64_t)(*p & 0x7f) << shift;
        if ((*p & 0x80) != 0)
            continue;
        if ((*p == 0 && shift != 0) || v > max || (shift == 63 && *p > 1))
            break;
        return v;
    }
    r->bad = true;
    return 0;
}
