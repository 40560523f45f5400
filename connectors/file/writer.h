// A writer: one output (a file, standard output) that several subtasks share. Whole records arrive
// in buffers and are written one buffer after the other by the writer's own helper thread, so that
// no task waits for a disk or a pipe, and lines of different subtasks never mix.
//
// Rules of a buffer: it belongs to its subtask until submitted, then to the helper thread until
// tm_work_is_done says otherwise. Buffers are made from and freed with the writer, so a subtask may
// end while one of its buffers is still being written.
#pragma once

#include <stdatomic.h>

#include "connectors/file/pack.h"

enum {
    // A buffer is submitted once it holds this much, or when the latency is over: waking the helper
    // thread for each 192 KiB cost 5 % of a job that copies files.
    TM_FILE_BUFFER_BYTES = 768 * 1024,
    TM_FILE_BUFFER_MARKS = 32, // batches whose latency is measured apart in one buffer
};

struct tm_file_writer;

// When rows of a buffer were read, for their latency.
struct tm_file_mark {
    int64_t read_ns;
    uint64_t rows;
};

struct tm_file_buffer {
    struct tm_work work; // first: the helper thread gets this
    struct tm_file_writer *writer;
    struct tm_file_buffer *next; // of the writer
    struct tm_buf bytes;
    struct tm_file_mark marks[TM_FILE_BUFFER_MARKS];
    uint32_t mark_count;
    bool submitted;
    // Set by the helper thread before the work is done:
    int code;        // 0 or why it was not written; the writer's `err` has the details
    int64_t done_ns; // mono
};

struct tm_file_writer {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    struct tm_executor *executor;
    int fd;
    bool own_fd;
    bool regular; // keeps what is written: a buffer that fails is cut off again
    enum tm_file_packing packing;
    size_t piece_bytes;    // write at most this much at once, in whole lines; 0: whole buffers
    const char *output;    // what users call it, in front of errors; outlives the writer; or NULL
    const char *stat_path; // whose size is the file's, when others may write to it too; or NULL
    _Atomic int cancel;    // partner: write_all's look at it; set when nobody waits for the output
    _Atomic(struct tm_file_buffer *) buffers; // all of them, for freeing; pushed by subtasks
    // Of the helper thread. `code` and `err` are set once; whoever has seen a done buffer with a
    // code may read `err`.
    int64_t size_bytes;            // of whole buffers in the file
    struct tm_file_packer *packer; // of a compressed output, made with its first buffer
    struct tm_buf packed;
    int code;
    struct tm_error err;
};

// Takes over fd when `own_fd`. `size_bytes`: what the file holds already. `name` is the helper
// thread's. 0 or an error.
int tm_file_writer_init(struct tm_file_writer *writer, const struct tm_fx *fx, struct tm_mem *mem,
                        int fd, bool own_fd, const char *name, struct tm_error *err) TM_WARN_UNUSED;
// Waits for the helper thread, frees all buffers, closes. Safe after a failed init. With `cancel`,
// what waits for a reader that has stopped reading is given up after half a second.
void tm_file_writer_fini(struct tm_file_writer *writer, bool cancel);
// Waits until everything submitted was written, and closes an own descriptor: 0 or the first error.
// `whole`: the output is complete; a compressed one without a row is a member of nothing then, as
// an empty file is none.
int tm_file_writer_close(struct tm_file_writer *writer, bool whole,
                         struct tm_error *err) TM_WARN_UNUSED;
// A buffer for a subtask; `waker` is notified when it was written. NULL: out of memory.
struct tm_file_buffer *tm_file_buffer_new(struct tm_file_writer *writer,
                                          struct tm_waker *waker) TM_WARN_UNUSED;
// Any thread; the buffer is the helper thread's until its work is done.
void tm_file_buffer_submit(struct tm_file_buffer *buffer);
