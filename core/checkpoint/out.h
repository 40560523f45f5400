// Bytes on their way into a file, by large writes, or into memory.
#pragma once

#include "core/base/buf.h"

struct tm__out {
    const struct tm_fx *fx; // NULL: into memory
    int fd;
    const _Atomic int *cancel;
    struct tm_buf buf; // what has not been written; in memory all of it
    uint64_t offset;   // where the next byte goes
};

void tm__out_init(struct tm__out *out, struct tm_mem *mem, const struct tm_fx *fx, int fd,
                  const _Atomic int *cancel);
void tm__out_fini(struct tm__out *out);
int tm__out_put(struct tm__out *out, const void *p, size_t len,
                struct tm_error *err) TM_WARN_UNUSED;
int tm__out_flush(struct tm__out *out, struct tm_error *err) TM_WARN_UNUSED;
