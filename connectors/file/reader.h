// A reader: the bytes of one file or of standard input, read ahead by a helper thread into one of
// two buffers while the other is decoded. What a decoder left of one buffer is put in front of the
// next, so that records are always whole in memory.
#pragma once

#include "core/base/buf.h"

struct tm_file_reader_buffer {
    uint8_t *data; // room in front for what was left, then the bytes, then slack
};

struct tm_file_reader {
    struct tm_work work; // first: the helper thread gets this
    const struct tm_fx *fx;
    struct tm_mem *mem;
    struct tm_executor *executor;
    const char *path; // opened when reading begins, unless fd is given
    int fd;
    bool own_fd;
    bool poll; // may have nothing to read for long: wait in slices, so that stopping works
    size_t buffer_bytes;
    struct tm_file_reader_buffer buffers[2];
    int filling;           // the one that is read into
    bool busy;             // a read is under way, or done and not taken
    bool now;              // the last bytes were in memory: read on without the helper thread
    uint32_t helper_reads; // since they were not
    bool at_end;           // there is no more
    uint8_t *data;         // what is to be decoded: followed by 64 readable bytes
    size_t size_bytes;     // of it
    int64_t read_ns;       // when it was read (mono)
    struct tm_buf joined;  // holds data when a record is longer than the room in front
    _Atomic int stop;      // partner: the helper thread's look at it between slices
    // Set by the helper thread before the work is done:
    int64_t result; // bytes, 0 at the end, or a code
    int64_t done_ns;
    struct tm_error err;
};

// Starts reading. `path` must outlive the reader; fd < 0: open the path. TM_E_MEMORY.
int tm_file_reader_init(struct tm_file_reader *reader, const struct tm_fx *fx, struct tm_mem *mem,
                        struct tm_executor *executor, struct tm_waker *waker, const char *path,
                        int fd, bool poll, size_t buffer_bytes) TM_WARN_UNUSED;
// No read is under way (the executor is gone, or the reader is at its end).
void tm_file_reader_fini(struct tm_file_reader *reader);
// Ask a read that waits for input to end. Any thread.
void tm_file_reader_stop(struct tm_file_reader *reader);
// Has more been read than was taken (or the end, or an error)?
bool tm_file_reader_is_ready(const struct tm_file_reader *reader);
// After is_ready: add it to `data` and read on. Negative: the read failed.
int tm_file_reader_take(struct tm_file_reader *reader, struct tm_error *err) TM_WARN_UNUSED;
// The first `used` bytes of `data` are decoded.
static inline void tm_file_reader_consume(struct tm_file_reader *reader, size_t used)
{
    reader->data += used;
    reader->size_bytes -= used;
}
