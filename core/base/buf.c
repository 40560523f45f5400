// A byte buffer's growth: by doubling, so that appending costs constant time per byte.
#include "core/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

enum { BUF_FIRST = 256 };

void tm_buf_init(struct tm_buf *buf, struct tm_mem *mem)
{
    *buf = (struct tm_buf){.mem = mem};
}

void tm_buf_fini(struct tm_buf *buf)
{
    tm_mem_free(buf->mem, buf->data, buf->capacity_bytes);
    tm_buf_init(buf, buf->mem);
}

int tm_buf_grow(struct tm_buf *buf, size_t more)
{
    if (more > SIZE_MAX / 4 - buf->size_bytes)
        return TM_E_MEMORY;
    size_t need = buf->size_bytes + more;
    size_t capacity = buf->capacity_bytes != 0 ? buf->capacity_bytes : BUF_FIRST;
    while (capacity < need)
        capacity *= 2;
    uint8_t *data = tm_mem_realloc(buf->mem, buf->data, buf->capacity_bytes, capacity);
    if (data == NULL && capacity > need) { // near a limit: exactly what is needed may still fit
        capacity = need;
        data = tm_mem_realloc(buf->mem, buf->data, buf->capacity_bytes, capacity);
    }
    if (data == NULL)
        return TM_E_MEMORY;
    buf->data = data;
    buf->capacity_bytes = capacity;
    return 0;
}

int tm_buf_printf(struct tm_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        return TM_E_INTERNAL;
    int rc = tm_buf_reserve(buf, (size_t)n + 1);
    if (rc != 0)
        return rc;
    va_start(args, fmt);
    vsnprintf((char *)buf->data + buf->size_bytes, (size_t)n + 1, fmt, args);
    va_end(args);
    buf->size_bytes += (size_t)n;
    return 0;
}
