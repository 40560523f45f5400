// Writing compressed: each buffer becomes a member of gzip or a frame of zstd of its own, which any
// reader takes one behind the other. So a file that is cut back to its whole buffers, appended to,
// or left behind by a crash can be read as far as it goes. On the writer's helper thread.
#pragma once

#include "connectors/file/packing.h"
#include "core/base/buf.h"
#include "core/base/error.h"

struct tm_file_packer;

void tm__file_packer_free(struct tm_file_packer *packer); // NULL is fine
// `bytes` compressed, whole, in place of what `out` holds. *packer is made when it is NULL.
// TM_E_MEMORY.
int tm__file_pack(struct tm_file_packer **packer, struct tm_mem *mem, enum tm_file_packing packing,
                  const struct tm_buf *bytes, struct tm_buf *out,
                  struct tm_error *err) TM_WARN_UNUSED;
