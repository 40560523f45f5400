// Which files a path means: one file, a folder with all that is in it, or a pattern.
#pragma once

#include "connectors/file/packing.h"
#include "core/base/effects.h"
#include "core/base/mem.h"

struct tm_file_listed {
    char *path;
    int64_t size_bytes;
    bool is_regular;
    enum tm_file_packing packing;
    uint64_t device, inode; // both 0: this world cannot tell files apart
};

struct tm_file_list {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    struct tm_file_listed *files; // by the bytes of their paths
    uint32_t count, capacity;
    bool is_open_ended; // a folder or a pattern: other files may come to be meant
    bool forgiving;     // what vanishes while it is listed, and links to nothing, are passed over;
                        // that there is none is said without more
};

void tm__file_list_init(struct tm_file_list *list, const struct tm_fx *fx, struct tm_mem *mem);
void tm__file_list_fini(struct tm_file_list *list);
// Fill a list that has no files. Hidden files (a dot in front, as of outputs in progress) are not
// meant by a folder or pattern. A file under several names (a link "current.jsonl" beside what it
// means) is listed once. None at all: TM_E_NOT_FOUND, with what is near; the list is empty then.
int tm__file_list_fill(struct tm_file_list *list, const char *path,
                       struct tm_error *err) TM_WARN_UNUSED;
