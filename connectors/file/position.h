// Where a source of files is, as it stands in a checkpoint: the items of its parts "splits" (what
// is not read to its end) and "files" (names alone, of files that are read or not begun).
#pragma once

#include "core/base/buf.h"
#include "core/base/effects.h"
#include "core/checkpoint/cut.h"
#include "core/checkpoint/restored.h"

// What to do about an input that is not what it was.
#define TM_FILE_CHANGED_HINT \
    "put back the file as it was, or begin anew with all of the input: --fresh"

// Which file it is, whatever it is called: its device and inode, and how it begins, as a copy has
// another inode and an inode may come to be another file's.
enum { TM_FILE_IDENTITY_BYTES = 1024 };
struct tm_file_identity {
    uint64_t device, inode;
    uint64_t hash;   // of the first `hashed` bytes
    uint64_t hashed; // 0: not known
};

// How a split is read on.
struct tm_file_resume {
    int64_t offset; // of its decoder: the next record
    struct tm_file_identity identity;
    int64_t watermark;
    uint32_t status;      // enum tm_split_status
    const uint8_t *state; // of its decoder
    size_t state_bytes;
};

// A split: a file or a range of one.
struct tm__position {
    const char *path;
    int64_t begin, end;           // end 0: the file's
    const uint8_t *head;          // of a range that is not begun: what its decoder reads first
    size_t head_bytes;            // of a range: how much that is, or was
    struct tm_file_resume resume; // state_bytes 0: it is not begun
};

int tm__position_put(struct tm_cut *cut, const char *node, struct tm_mem *mem,
                     const struct tm__position *position) TM_WARN_UNUSED;
// What it refers to lies in `bytes`. TM_E_CHECKPOINT.
int tm__position_get(struct tm__position *position, const uint8_t *bytes,
                     size_t size) TM_WARN_UNUSED;

// A list of names, each with what it shares with the one before it left out.
struct tm__names {
    struct tm_buf bytes;
    struct tm_buf last; // name
};
enum tm__name_kind { TM__NAME_READ, TM__NAME_NOT_BEGUN };

void tm__names_init(struct tm__names *names, struct tm_mem *mem, enum tm__name_kind kind);
void tm__names_fini(struct tm__names *names);
// A file, or the range of it that begins and ends there.
int tm__names_add(struct tm__names *names, const char *path, int64_t begin,
                  int64_t end) TM_WARN_UNUSED;
int tm__names_put(struct tm_cut *cut, const char *node,
                  const struct tm__names *names) TM_WARN_UNUSED;
// `each` returns 0 to go on. TM_E_CHECKPOINT.
int tm__names_each(struct tm_mem *mem, const uint8_t *bytes, size_t size,
                   int (*each)(void *arg, enum tm__name_kind kind, const char *path, int64_t begin,
                               int64_t end),
                   void *arg) TM_WARN_UNUSED;

// Fills `identity` from an open plain file; `fd` is at `offset` again then. One that is empty yet
// has none.
int tm__file_identify(const struct tm_fx *fx, int fd, int64_t offset,
                      struct tm_file_identity *identity, struct tm_error *err) TM_WARN_UNUSED;
// Does the file begin as this one did? `fd` is anywhere then.
int tm__file_is_identical(const struct tm_fx *fx, int fd, const struct tm_file_identity *identity,
                          bool *identical, struct tm_error *err) TM_WARN_UNUSED;
