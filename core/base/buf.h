// A growing byte buffer.
#pragma once

#include <string.h>

#include "core/base/mem.h"

struct tm_buf {
    struct tm_mem *mem;
    uint8_t *data;
    size_t size_bytes, capacity_bytes;
};

void tm_buf_init(struct tm_buf *buf, struct tm_mem *mem);
void tm_buf_fini(struct tm_buf *buf);
int tm_buf_grow(struct tm_buf *buf, size_t more)
    TM_WARN_UNUSED; // room for `more` bytes beyond size_bytes, or TM_E_MEMORY

// Room for `more` bytes: 0 or TM_E_MEMORY. The caller may then write at data + size_bytes and add
// to size_bytes.
static inline int tm_buf_reserve(struct tm_buf *buf, size_t more)
{
    return buf->capacity_bytes - buf->size_bytes >= more ? 0 : tm_buf_grow(buf, more);
}

static inline int tm_buf_append(struct tm_buf *buf, const void *p, size_t len)
{
    int rc = tm_buf_reserve(buf, len);
    if (rc == 0 && len != 0) {
        memcpy(buf->data + buf->size_bytes, p, len);
        buf->size_bytes += len;
    }
    return rc;
}

int tm_buf_printf(struct tm_buf *buf, const char *fmt, ...) TM_PRINTF(2, 3);
