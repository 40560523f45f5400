// What was written of a cut, for who makes a manifest of it; and writing to where a test or a
// restart in the process wants it.
#pragma once

#include "core/checkpoint/index.h"
#include "core/checkpoint/out.h"
#include "core/checkpoint/written.h"

struct tm_written {
    struct tm_mem *mem;
    struct tm__index index;
    const struct tm_layout **layouts; // by part; NULL: it has none
    uint64_t length;                  // of the data file
    uint64_t index_offset, index_length, index_checksum;
};

// Everything but opening, syncing and closing.
int tm__cut_write_to(const struct tm_write_args *args, struct tm__out *out,
                     struct tm_written **written, struct tm_error *err) TM_WARN_UNUSED;
