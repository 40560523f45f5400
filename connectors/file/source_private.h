// What the subtasks of a source of files share: pieces (source.c), made anew where a checkpoint is
// begun with (restore.c).
#pragma once

#include "connectors/file/list.h"
#include "connectors/file/ranges.h"
#include "connectors/file/records.h"

// What one reader reads: a file or a range of one.
struct tm__piece {
    const char *path;
    bool is_regular;
    enum tm_file_packing packing;
    int64_t begin, end; // end 0: the file's
    int64_t size_bytes;
    const uint8_t *head; // of a range, what its file begins with; or NULL
    size_t head_bytes;
    const struct tm_file_resume *resume; // where it is read on; or NULL: it begins
    struct tm_file_identity identity;    // of a range that is restored and not begun
    uint32_t subtask;
};

struct tm__files {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    char *path; // as the script says
    struct tm_file_list list;
    struct tm__piece *pieces; // in the order of their paths, and of their places in a file
    uint32_t count, capacity;
    struct tm_file_ranges *ranges; // of each file, when files are split
    uint64_t max_record;
    uint32_t parallelism;
    struct tm_follow *follow; // files that grow, instead of pieces; or NULL
    // After a restore:
    struct tm_buf restored;         // items that pieces refer to
    struct tm__position *positions; // of those
    uint32_t position_count, position_capacity;
    struct tm__names read; // files that were read before
};

int tm__file_add_piece(struct tm__files *files, const struct tm__piece *piece) TM_WARN_UNUSED;
// Of a checkpoint: can the decoders of today go on there? TM_E_INPUT_CHANGED. (look.c)
int tm__file_positions_load(const struct tm__files *files, const struct tm_node *node,
                            struct tm_error *err) TM_WARN_UNUSED;
// Gives each piece its subtask.
int tm__file_deal(struct tm__files *files, struct tm_error *err) TM_WARN_UNUSED;
