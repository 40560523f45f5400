// A large plain file as pieces that can be read side by side, each beginning with a record.
#pragma once

#include "core/base/effects.h"
#include "core/graph/graph.h"

struct tm_file_ranges {
    struct tm_mem *mem;
    int64_t *begins; // ascending; the first is 0. A range ends where the next begins
    uint32_t count, capacity;
    uint8_t *head; // what is in front of the file's first record (the header), with 64 bytes behind
    size_t head_bytes;
};

// The format must be one that can be split: json, text or csv.
bool tm__file_ranges_can(const char *format);
// Cut the file of `size_bytes` after each `split_bytes` at the next record; `threads` may help. A
// file that cannot be cut (an array of JSON) is one range. Undo with fini, also after a failure.
int tm__file_ranges_find(struct tm_file_ranges *ranges, const struct tm_fx *fx, struct tm_mem *mem,
                         const struct tm_node *node, const char *path, int64_t size_bytes,
                         int64_t split_bytes, uint32_t threads,
                         struct tm_error *err) TM_WARN_UNUSED;
void tm__file_ranges_fini(struct tm_file_ranges *ranges);
