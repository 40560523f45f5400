// Copying texts where 64 bytes may be read behind the source and written behind the target, as
// behind the input of a decoder, a batch and the room for a row. Most texts are short, and of
// lengths that differ from row to row: for those there is neither a call nor a branch to guess.
#pragma once

#include <stdint.h>
#include <string.h>

#include "core/base/check.h"

enum { TM__COPY_SLACK = 64 };

static inline __attribute__((always_inline)) uint8_t *tm__copy(uint8_t *out, const uint8_t *p,
                                                               size_t len)
{
    if (TM_LIKELY(len <= TM__COPY_SLACK))
        memcpy(out, p, TM__COPY_SLACK);
    else
        memcpy(out, p, len);
    return out + len;
}
