// A reader: the bytes of one file or of standard input, read ahead by a helper thread into one of
// two buffers while the other is decoded. What a decoder left of one buffer is put in front of the
// next, so that records are always whole in memory. It may be a compressed file, a range of a large
// one, or one that still grows.
#pragma once

#include "connectors/file/position.h"
#include "connectors/file/unpack.h"

#include "core/base/buf.h"

// What to read.
struct tm_file_input {
    const char *path; // also what error messages call it; outlives the reader
    int fd;           // -1: open the path
    bool poll;        // may be silent for long (not a plain file)
    bool follow;      // grows: its end is where it ends for now
    enum tm_file_packing packing;
    int64_t size_bytes;  // as it was listed, compressed if it is; 0: not known
    int64_t begin, end;  // the bytes to read; end 0: all that follow. Not of compressed files
    const uint8_t *head; // of a range, what its file begins with; outlives the reader; or NULL
    size_t head_bytes;
    const uint8_t *first; // what was read of it already, and comes before all else; outlives the
    size_t first_bytes;   // reader; or NULL
    const struct tm_file_resume
        *resume;                      // where it is read on; outlives the reader. NULL: it begins
    bool identify;                    // which file it is is asked for
    struct tm_file_identity identity; // of a range that is not begun, where it is
};

struct tm_file_reader_buffer {
    uint8_t *data; // room in front for what was left, then the bytes, then slack
};

struct tm_file_reader {
    struct tm_work work; // first: the helper thread gets this
    const struct tm_fx *fx;
    struct tm_mem *mem;
    struct tm_executor *executor;
    struct tm_file_input input;
    struct tm_file_unpacker *unpacker; // of a compressed file, made when reading begins; else NULL
    int fd;                            // opened when reading begins, unless it is given
    bool own_fd;
    bool begun;
    int64_t start;     // where reading begins: of what is in it, where it is compressed
    size_t first_used; // of input.first
    int64_t offset;    // of the file that was read so far; the helper thread's while it is busy
    size_t buffer_bytes;
    struct tm_file_reader_buffer buffers[2];
    int filling;           // the one that is read into
    bool busy;             // a read is under way, or done and not taken
    bool now;              // the last bytes were in memory: read on without the helper thread
    uint32_t helper_reads; // since they were not
    bool at_end;           // there is no more
    struct tm_file_identity identity; // hashed 0: not known
    bool caught_up;                   // a file that grows: all there was has been read
    uint8_t *data;                    // what is to be decoded: followed by 64 readable bytes
    size_t size_bytes;                // of it
    int64_t read_ns;                  // when it was read (mono)
    struct tm_buf joined;             // holds data when a record is longer than the room in front
    _Atomic int stop;                 // partner: the helper thread's look at it between slices
    // Set by the helper thread before the work is done:
    int64_t result;   // bytes, 0 at the end, or a code
    int64_t cut_from; // a file that grows has become shorter than what was read of it: how much
                      // that was. Reading begins anew. 0: no
    int64_t done_ns;
    struct tm_file_identity identified;
    struct tm_error err;
};

// Starts reading. TM_E_MEMORY.
int tm_file_reader_init(struct tm_file_reader *reader, const struct tm_fx *fx, struct tm_mem *mem,
                        struct tm_executor *executor, struct tm_waker *waker,
                        const struct tm_file_input *input, size_t buffer_bytes) TM_WARN_UNUSED;
// No read is under way (the executor is gone, or the reader is at its end).
void tm_file_reader_fini(struct tm_file_reader *reader);
// Ask a read that waits for input to end. Any thread.
void tm_file_reader_stop(struct tm_file_reader *reader);
// Has more been read than was taken (or the end, or an error)?
bool tm_file_reader_is_ready(const struct tm_file_reader *reader);
// After is_ready: add it to `data` and read on. Negative: the read failed. A file that grows and
// has no more for now is caught up: nothing was added, and `again` looks once more. One that was
// cut has nothing left in `data`.
int tm_file_reader_take(struct tm_file_reader *reader, struct tm_error *err) TM_WARN_UNUSED;
// A reader that has caught up: is there more by now?
void tm_file_reader_again(struct tm_file_reader *reader);
// Did its last look, which is done, find nothing new?
bool tm_file_reader_found_nothing(const struct tm_file_reader *reader);
// The first `used` bytes of `data` are decoded.
static inline void tm_file_reader_consume(struct tm_file_reader *reader, size_t used)
{
    reader->data += used;
    reader->size_bytes -= used;
}
