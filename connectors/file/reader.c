// Reading ahead with two buffers.
#include "connectors/file/reader.h"

#include <inttypes.h>
#include <stdatomic.h>

enum {
    HEADROOM = 16 * 1024, // what is left of a buffer is mostly part of one record
    SLACK = 64,           // as decoders need it
    POLL_MS = 50,         // stopping waits at most this long for a silent input
    JOINED_KEPT = 256 * 1024,
    // Read at once in the task's turn: small enough to be decoded while it is in the core's cache.
    NOW_BYTES = 128 * 1024,
    // Reads by the helper thread after one of which the bytes were not in memory.
    HELPER_READS = 8,
};

static size_t allocated(const struct tm_file_reader *reader)
{
    return HEADROOM + reader->buffer_bytes + SLACK;
}

static bool is_stopped(struct tm_file_reader *reader)
{
    return atomic_load_explicit(&reader->stop, memory_order_relaxed) != 0; // it publishes nothing
}

// --- the helper thread ---------------------------------------------------------------------------

// What was read of a compressed file before is unpacked again and passed over.
static int pass_over(struct tm_file_reader *reader)
{
    uint8_t *bytes = reader->buffers[reader->filling].data + HEADROOM;
    for (int64_t left = reader->start; left > 0;) {
        size_t want = left < (int64_t)reader->buffer_bytes ? (size_t)left : reader->buffer_bytes;
        int64_t got = tm__file_unpack(reader->unpacker, reader->fd, bytes, want, &reader->err);
        if (got == 0) {
            tm_error_set(&reader->err, TM_E_INPUT_CHANGED,
                         "%s is shorter than it was: it had been read up to byte %" PRId64
                         " of what is in it, and now has %" PRId64,
                         reader->input.path, reader->start, reader->start - left);
            tm_error_hint(&reader->err, TM_FILE_CHANGED_HINT);
            return TM_E_INPUT_CHANGED;
        }
        if (got < 0)
            return (int)got;
        left -= got;
    }
    return 0;
}

static int begin(struct tm_file_reader *reader)
{
    const struct tm_fx *fx = reader->fx;
    const struct tm_file_input *input = &reader->input;
    int rc = 0;
    if (reader->fd < 0)
        reader->fd = fx->files->open(fx->ctx, input->path, TM_FILE_READ, &reader->err);
    if (reader->fd < 0)
        return reader->fd;
    if (input->identify)
        rc = tm__file_identify(fx, reader->fd, 0, &reader->identified, &reader->err);
    if (rc == 0 && reader->start != 0 && input->packing == TM_FILE_PLAIN)
        rc = fx->files->seek(fx->ctx, reader->fd, reader->start, &reader->err);
    reader->begun = rc == 0;
    if (rc != 0 || input->packing == TM_FILE_PLAIN)
        return rc;
    reader->unpacker = tm__file_unpacker_new(fx, reader->mem, input->packing, input->path);
    if (reader->unpacker == NULL)
        return tm_error_set(&reader->err, TM_E_MEMORY, "out of memory for reading %s", input->path);
    return pass_over(reader);
}

// A file that grows may have been too short to be told from others.
static int identify_better(struct tm_file_reader *reader)
{
    if (!reader->input.identify || reader->identified.hashed == TM_FILE_IDENTITY_BYTES ||
        (int64_t)reader->identified.hashed >= reader->offset)
        return 0;
    return tm__file_identify(reader->fx, reader->fd, reader->offset, &reader->identified,
                             &reader->err);
}

// How many of `size` bytes belong to the range.
static size_t within_range(const struct tm_file_reader *reader, size_t size)
{
    int64_t left = reader->input.end - reader->offset;
    return reader->input.end == 0 || left >= (int64_t)size ? size : left > 0 ? (size_t)left : 0;
}

// At the end of a file that grows: it may have become shorter than it was.
static int64_t look_for_cut(struct tm_file_reader *reader)
{
    const struct tm_fx *fx = reader->fx;
    struct tm_file_info info;
    int rc = fx->files->stat_fd(fx->ctx, reader->fd, &info, &reader->err);
    if (rc != 0 || info.size_bytes >= reader->offset)
        return rc;
    rc = fx->files->seek(fx->ctx, reader->fd, 0, &reader->err);
    reader->cut_from = reader->offset;
    reader->offset = 0;
    reader->identified.hashed = 0;
    return rc;
}

// Of the bytes that somebody read before.
static int64_t take_first(struct tm_file_reader *reader, uint8_t *bytes)
{
    size_t left = reader->input.first_bytes - reader->first_used;
    size_t count = left < reader->buffer_bytes ? left : reader->buffer_bytes;
    memcpy(bytes, reader->input.first + reader->first_used, count);
    reader->first_used += count;
    return (int64_t)count;
}

static int64_t read_some(struct tm_file_reader *reader)
{
    const struct tm_fx *fx = reader->fx;
    uint8_t *bytes = reader->buffers[reader->filling].data + HEADROOM;
    if (reader->first_used < reader->input.first_bytes)
        return take_first(reader, bytes);
    int rc = reader->begun ? 0 : begin(reader);
    if (rc == 0 && reader->input.follow)
        rc = identify_better(reader);
    if (rc != 0)
        return rc;
    while (reader->input.poll && fx->files->wait_readable(fx->ctx, reader->fd, POLL_MS) == 0) {
        if (is_stopped(reader))
            return tm_error_set(&reader->err, TM_E_STOPPED, "stopped while reading");
    }
    if (reader->unpacker != NULL) {
        int64_t got = tm__file_unpack(reader->unpacker, reader->fd, bytes, reader->buffer_bytes,
                                      &reader->err);
        reader->offset = tm__file_unpacker_offset(reader->unpacker);
        return got;
    }
    size_t want = within_range(reader, reader->buffer_bytes);
    int64_t got = want == 0 ? 0 : fx->files->read(fx->ctx, reader->fd, bytes, want, &reader->err);
    if (got > 0)
        reader->offset += got;
    return got == 0 && reader->input.follow ? look_for_cut(reader) : got;
}

static void run(struct tm_work *work)
{
    struct tm_file_reader *reader = (struct tm_file_reader *)work;
    reader->result = read_some(reader);
    reader->done_ns = tm_fx_mono_ns(reader->fx);
    if (reader->result <= 0 && reader->own_fd && reader->fd >= 0 && !reader->input.follow) {
        (void)reader->fx->files->close(reader->fx->ctx, reader->fd, NULL); // it was only read
        reader->fd = -1;
    }
}

// --- the task's thread ---------------------------------------------------------------------------

static void start(struct tm_file_reader *reader)
{
    reader->busy = true;
    reader->fx->threads->executor_submit(reader->fx->ctx, reader->executor, &reader->work);
}

int tm_file_reader_init(struct tm_file_reader *reader, const struct tm_fx *fx, struct tm_mem *mem,
                        struct tm_executor *executor, struct tm_waker *waker,
                        const struct tm_file_input *input, size_t buffer_bytes)
{
    *reader = (struct tm_file_reader){.work = {.run = run, .waker = waker},
                                      .fx = fx,
                                      .mem = mem,
                                      .executor = executor,
                                      .input = *input,
                                      .fd = input->fd,
                                      .own_fd = input->fd < 0,
                                      .offset = input->begin,
                                      .start = input->begin,
                                      .buffer_bytes = buffer_bytes,
                                      .helper_reads = HELPER_READS};
    if (input->resume != NULL) {
        reader->start += input->resume->offset - (int64_t)input->head_bytes;
        reader->identity = reader->identified = input->resume->identity;
    }
    if (input->packing == TM_FILE_PLAIN)
        reader->offset = reader->start;
    tm_buf_init(&reader->joined, mem);
    for (int i = 0; i < 2; i++) {
        if ((reader->buffers[i].data = tm_mem_alloc(mem, allocated(reader))) == NULL)
            return TM_E_MEMORY;
    }
    start(reader);
    return 0;
}

void tm_file_reader_fini(struct tm_file_reader *reader)
{
    if (reader->fx == NULL)
        return;
    for (int i = 0; i < 2; i++)
        tm_mem_free(reader->mem, reader->buffers[i].data, allocated(reader));
    tm_buf_fini(&reader->joined);
    tm__file_unpacker_free(reader->unpacker);
    if (reader->own_fd && reader->fd >= 0)
        (void)reader->fx->files->close(reader->fx->ctx, reader->fd, NULL);
    reader->fx = NULL;
}

void tm_file_reader_stop(struct tm_file_reader *reader)
{
    atomic_store_explicit(&reader->stop, 1, memory_order_relaxed);
}

void tm_file_reader_again(struct tm_file_reader *reader)
{
    reader->caught_up = false;
    reader->cut_from = 0;
    start(reader);
}

bool tm_file_reader_found_nothing(const struct tm_file_reader *reader)
{
    return reader->busy && tm_work_is_done(&reader->work) && reader->result == 0 &&
           reader->cut_from == 0;
}

bool tm_file_reader_is_ready(const struct tm_file_reader *reader)
{
    return reader->busy ? tm_work_is_done(&reader->work) : reader->now;
}

// Put what is left and `added` bytes together in `joined`. What is left may be in it already.
static int join(struct tm_file_reader *reader, const uint8_t *added, size_t len)
{
    struct tm_buf *joined = &reader->joined;
    size_t left = reader->size_bytes;
    if (joined->size_bytes != 0) {
        memmove(joined->data, reader->data, left);
        joined->size_bytes = left;
    }
    if (tm_buf_reserve(joined, left - joined->size_bytes + len + SLACK) != 0)
        return TM_E_MEMORY;
    if (joined->size_bytes == 0)
        memcpy(joined->data, reader->data, left);
    memcpy(joined->data + left, added, len);
    memset(joined->data + left + len, 0, SLACK);
    joined->size_bytes = left + len;
    reader->data = joined->data;
    reader->size_bytes = left + len;
    return 0;
}

// `len` bytes were read behind the headroom of a buffer: what is left goes in front of them.
static int add(struct tm_file_reader *reader, uint8_t *bytes, size_t len, struct tm_error *err)
{
    size_t left = reader->size_bytes;
    if (left > HEADROOM)
        return join(reader, bytes, len) == 0
                   ? 0
                   : tm_error_set(err, TM_E_MEMORY, "out of memory for a record of %s",
                                  reader->input.path);
    if (left != 0 && reader->data != bytes - left)
        memcpy(bytes - left, reader->data, left);
    memset(bytes + len, 0, SLACK);
    reader->data = bytes - left;
    reader->size_bytes = left + len;
    reader->joined.size_bytes = 0;
    if (reader->joined.capacity_bytes > JOINED_KEPT)
        tm_buf_fini(&reader->joined);
    return 0;
}

// Read what is in memory into the buffer that is being decoded: it is still in the cache, and no
// thread has to be woken.
static int take_now(struct tm_file_reader *reader, struct tm_error *err)
{
    const struct tm_fx *fx = reader->fx;
    size_t left = reader->size_bytes;
    size_t want = reader->buffer_bytes < NOW_BYTES ? reader->buffer_bytes : NOW_BYTES;
    bool fits = left <= HEADROOM;
    uint8_t *bytes = reader->buffers[fits ? 1 - reader->filling : reader->filling].data + HEADROOM;
    if (fits && left != 0) {
        memmove(bytes - left, reader->data, left);
        reader->data = bytes - left;
        reader->joined.size_bytes = 0;
    }
    want = within_range(reader, want);
    int64_t got = want == 0 ? 0 : fx->files->read_now(fx->ctx, reader->fd, bytes, want);
    if (got > 0)
        reader->offset += got;
    if (got < 0 || (got == 0 && reader->input.follow)) { // the helper looks closer at an end
        reader->now = false;
        reader->helper_reads = 0;
        start(reader);
        return 0;
    }
    reader->now = got != 0;
    reader->at_end = got == 0;
    return got == 0 ? 0 : add(reader, bytes, (size_t)got, err);
}

int tm_file_reader_take(struct tm_file_reader *reader, struct tm_error *err)
{
    if (!reader->busy)
        return take_now(reader, err);
    reader->busy = false;
    reader->identity = reader->identified;
    if (reader->result < 0) {
        if (err != NULL)
            *err = reader->err;
        return (int)reader->result;
    }
    if (reader->cut_from != 0) { // what was left of it is the beginning of nothing
        reader->size_bytes = reader->joined.size_bytes = 0;
        reader->data = NULL;
    }
    if (reader->result == 0) {
        reader->at_end = !reader->input.follow;
        reader->caught_up = reader->input.follow;
        return 0;
    }
    int rc =
        add(reader, reader->buffers[reader->filling].data + HEADROOM, (size_t)reader->result, err);
    if (rc != 0)
        return rc;
    reader->read_ns = reader->done_ns;
    reader->filling = 1 - reader->filling; // what was in it has been moved
    reader->now = !reader->input.poll && reader->unpacker == NULL &&
                  reader->fx->files->read_now != NULL && reader->helper_reads++ >= HELPER_READS;
    if (!reader->now)
        start(reader);
    return 0;
}
