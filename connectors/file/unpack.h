// Reading a compressed file as if it were not: members of gzip and frames of zstd one behind the
// other, a piece at a time. On the reader's helper thread.
#pragma once

#include "connectors/file/packing.h"
#include "core/base/effects.h"
#include "core/base/mem.h"

struct tm_file_unpacker;

// NULL: out of memory. `path` is for messages and outlives the unpacker.
struct tm_file_unpacker *tm__file_unpacker_new(const struct tm_fx *fx, struct tm_mem *mem,
                                               enum tm_file_packing packing,
                                               const char *path) TM_WARN_UNUSED;
void tm__file_unpacker_free(struct tm_file_unpacker *unpacker); // NULL is fine
// The next bytes of what is in the file `fd`, at most `size` of them and some unless it ends: their
// number, 0 at the end, or a code. TM_E_BAD_ARCHIVE: from here on it cannot be read; `offset` of
// the unpacker says where in the file that is.
int64_t tm__file_unpack(struct tm_file_unpacker *unpacker, int fd, uint8_t *out, size_t size,
                        struct tm_error *err) TM_WARN_UNUSED;
// Bytes of the compressed file that have been taken in.
int64_t tm__file_unpacker_offset(const struct tm_file_unpacker *unpacker);
