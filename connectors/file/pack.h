// Writing compressed: each buffer becomes a member of gzip or a frame of zstd of its own, which any
// reader takes one behind the other. So a file that is cut back to its whole buffers, appended to,
// or left behind by a crash can be read as far as it goes. On the writer's helper thread.
#pragma once

#include "connectors/file/packing.h"
#include "core/base/buf.h"
#include "core/base/error.h"

struct tm_file_packer;

// NULL: out of memory.
struct tm_file_packer *tm__file_packer_new(struct tm_mem *mem,
                                           enum tm_file_packing packing) TM_WARN_UNUSED;
void tm__file_packer_free(struct tm_file_packer *packer); // NULL is fine
// [p, p + len) compressed, whole, in place of what `out` holds. TM_E_MEMORY.
int tm__file_pack(struct tm_file_packer *packer, const void *p, size_t len,
                  struct tm_buf *out) TM_WARN_UNUSED;
