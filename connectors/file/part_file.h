// The helper thread's side of a folder of part files: opens, writes, closes and names files in the
// order in which it is told to, so that no task waits for a disk.
#pragma once

#include "connectors/file/pack.h"
#include "core/base/effects.h"
#include "core/base/hash.h"

// One file. The helper thread's while a work of it is under way.
struct tm__part_file {
    char *path;        // where it is published
    char *in_progress; // where it is written
    int fd;            // -1: not open
    bool created;
    XXH64_state_t hash;         // of all that was written
    int64_t head_bytes;         // of a piece of one file: what comes before its rows
    _Atomic int64_t size_bytes; // of whole buffers; others may look at it (relaxed: a measure)
};

struct tm__part_writer {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    struct tm_executor *executor;
    const char *output; // what the user calls it
    enum tm_file_packing packing;
    struct tm_file_packer *packer;
    struct tm_buf packed;
    bool waits;       // no space is no failure: works are stalled until they are tried again
    bool stalled;     // one was
    const char *root; // of folders: what is made below it is made durable
    int code;         // the first failure; nothing is written after it
    struct tm_error err;
};

struct tm__part_work {
    struct tm_work work; // first
    struct tm__part_writer *writer;
    struct tm__part_file *file;
    struct tm_buf bytes; // whole records to append; may be empty
    bool close, publish; // then
    bool sync;           // in front of that, and the folder's names behind it
    bool is_head;        // the bytes are what files of the format begin with
    bool again;          // it is tried again, where there was no space: the first of those
    bool written;        // the helper thread's: the bytes are in the file
    bool stalled;        // it found no space, or came after one that did not
    uint64_t number;     // in the order of submission
    bool under_way;      // the task's
    uint64_t rows;       // in bytes
    int64_t read_ns;     // of the oldest
    int code;            // set by the helper thread
    int64_t done_ns;
};

int tm__part_writer_init(struct tm__part_writer *writer, const struct tm_fx *fx, struct tm_mem *mem,
                         enum tm_file_packing packing, const char *output,
                         struct tm_error *err) TM_WARN_UNUSED;
// Waits for what was submitted. Safe on zeroed memory, and twice.
void tm__part_writer_stop(struct tm__part_writer *writer);
void tm__part_writer_fini(struct tm__part_writer *writer);
void tm__part_submit(struct tm__part_work *work, struct tm_waker *waker);
// The same at once, after the writer was stopped.
void tm__part_run(struct tm__part_work *work);

// "FOLDER/NAME", in progress ".NAME.inprogress" beside it. NULL: out of memory.
struct tm__part_file *tm__part_file_new(struct tm_mem *mem, const char *folder,
                                        const char *name) TM_WARN_UNUSED;
// The same for a job that takes checkpoints: in progress ".NAME.TOKEN.inprogress".
struct tm__part_file *tm__part_file_new_staged(struct tm_mem *mem, const char *folder,
                                               const char *name, const char *token) TM_WARN_UNUSED;
// A piece of the file `path`, beside it: ".NAME.TOKEN-SUBTASK-NUMBER.inprogress". Its own path is
// "".
struct tm__part_file *tm__part_file_new_piece(struct tm_mem *mem, const char *path,
                                              const char *token, uint32_t subtask,
                                              unsigned number) TM_WARN_UNUSED;
// Closes, too. NULL is fine.
void tm__part_file_free(const struct tm_fx *fx, struct tm_mem *mem, struct tm__part_file *file);
