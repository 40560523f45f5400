// The index of a data file: for each part and key group where the segments lie from which it is
// restored, in this file and in older ones. README.md has it to the byte.
#pragma once

#include "core/base/arena.h"
#include "core/checkpoint/cut_parts.h"

enum {
    TM__LINKS_MAX = 17, // of a key group: a whole image, and differences to it
    TM__PARTS_MAX = 1 << 20,
    TM__FILES_MAX = 1 << 24, // of an index: each key group could have its own
    TM__PATH_MAX = 300,      // bytes of "chk-18446744073709551615/c4294967295-4294967295.data"
    TM__FILE_HEAD_BYTES = 8,
};

extern const char tm__file_head[TM__FILE_HEAD_BYTES];

// A segment.
struct tm__link {
    uint32_t file; // of the index's files
    uint64_t offset, length, checksum;
};

// The segments of a key group, in the order in which they are applied.
struct tm__chain {
    struct tm__link *links;
    uint32_t count;
    bool heavy; // not written: the last difference was as large as the whole, and was given up
};

struct tm__index_part {
    const char *operator_name, *part;
    enum tm__part_kind kind;
    // Of STATE and TIMERS; key groups inclusive.
    uint32_t max_parallelism, first, last, value_bytes;
    struct tm__chain *chains; // by key group, from `first` on
    // Of ITEMS.
    enum tm_item_kind item_kind;
    uint64_t item_count;
    struct tm__link items;
};

struct tm__index_file {
    const char *path; // relative to the job's folder
    uint64_t length;
};

struct tm__index {
    struct tm_arena arena; // of all that it points to
    uint64_t checkpoint;
    uint32_t chain, subtask;
    uint32_t file_count, file_capacity;
    struct tm__index_file *files; // the first is the one in which the index lies
    uint32_t part_count;
    struct tm__index_part *parts;
};

// NULL: out of memory.
const struct tm_layout *tm__layout_copy(struct tm_arena *arena, const struct tm_layout *layout);

void tm__index_init(struct tm__index *index, struct tm_mem *mem);
void tm__index_fini(struct tm__index *index);
// Appends a file. Its number, or TM_E_MEMORY.
int64_t tm__index_add_file(struct tm__index *index, const char *path, uint64_t length);
const struct tm__index_part *tm__index_find(const struct tm__index *index,
                                            const char *operator_name, const char *part);

// The length of the first file is not written: the index is a part of it.
int tm__index_encode(const struct tm__index *index, struct tm_buf *out) TM_WARN_UNUSED;
// Into an index that was made by init. The bytes are not trusted. `length`: of the file in which
// they are; `index_offset`: where they begin. TM_E_CHECKPOINT, TM_E_MEMORY.
int tm__index_decode(const void *bytes, size_t size, uint64_t length, uint64_t index_offset,
                     struct tm__index *index, struct tm_error *err) TM_WARN_UNUSED;
