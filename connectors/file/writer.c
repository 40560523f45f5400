// The helper thread's side of an output: buffers in order, nothing after the first failure.
#include "connectors/file/writer.h"

// How long the end of a job waits for a reader that may have stopped reading: half a second.
enum { GRACE_STEPS = 50, GRACE_STEP_NS = 10 * 1000 * 1000 };

int tm_file_writer_init(struct tm_file_writer *writer, const struct tm_fx *fx, struct tm_mem *mem,
                        int fd, bool own_fd, const char *name, struct tm_error *err)
{
    *writer = (struct tm_file_writer){.fx = fx, .mem = mem, .fd = fd, .own_fd = own_fd};
    tm_buf_init(&writer->packed, mem);
    writer->executor = fx->threads->executor_new(fx->ctx, name, err);
    return writer->executor == NULL ? (err != NULL && err->code != 0 ? err->code : TM_E_LIMIT) : 0;
}

static void stop_executor(struct tm_file_writer *writer)
{
    if (writer->executor != NULL)
        writer->fx->threads->executor_free(writer->fx->ctx, writer->executor);
    writer->executor = NULL;
}

// The machine names the file that it could not write to, which users may not know.
static void name_output(const struct tm_file_writer *writer, struct tm_error *err)
{
    if (writer->output != NULL)
        tm_error_prefix(err, "the output %s", writer->output);
}

static int close_fd(struct tm_file_writer *writer, struct tm_error *err)
{
    int rc = 0;
    if (writer->own_fd && writer->fd >= 0)
        rc = writer->fx->files->close(writer->fx->ctx, writer->fd, err);
    if (rc != 0)
        name_output(writer, err);
    writer->fd = -1;
    return rc;
}

static void write_bytes(struct tm_file_writer *writer, const struct tm_buf *content);

int tm_file_writer_close(struct tm_file_writer *writer, bool whole, struct tm_error *err)
{
    static const struct tm_buf nothing;
    stop_executor(writer);
    if (whole && writer->packing != TM_FILE_PLAIN && writer->code == 0 && writer->size_bytes == 0)
        write_bytes(writer, &nothing);
    int rc = close_fd(writer, err);
    if (writer->code != 0 && err != NULL)
        *err = writer->err;
    return writer->code != 0 ? writer->code : rc;
}

static bool is_all_written(const struct tm_file_writer *writer)
{
    const struct tm_file_buffer *buffer =
        atomic_load_explicit(&writer->buffers, memory_order_acquire);
    while (buffer != NULL && (!buffer->submitted || tm_work_is_done(&buffer->work)))
        buffer = buffer->next;
    return buffer == NULL;
}

// A reader that is there gets what was submitted; one that has stopped reading is not waited for.
static void give_up_slowly(struct tm_file_writer *writer)
{
    const struct tm_fx *fx = writer->fx;
    struct tm_parker *parker = fx->threads->parker_new(fx->ctx, NULL);
    for (int i = 0; parker != NULL && i < GRACE_STEPS && !is_all_written(writer); i++)
        fx->threads->parker_wait(fx->ctx, parker, tm_fx_mono_ns(fx) + GRACE_STEP_NS);
    if (parker != NULL)
        fx->threads->parker_free(fx->ctx, parker);
    atomic_store_explicit(&writer->cancel, 1, memory_order_relaxed); // it publishes nothing
}

void tm_file_writer_fini(struct tm_file_writer *writer, bool cancel)
{
    if (writer->fx == NULL)
        return;
    if (cancel && writer->executor != NULL)
        give_up_slowly(writer);
    stop_executor(writer);
    (void)close_fd(writer, NULL);
    tm__file_packer_free(writer->packer);
    tm_buf_fini(&writer->packed);
    struct tm_file_buffer *buffer = atomic_load_explicit(&writer->buffers, memory_order_acquire);
    while (buffer != NULL) {
        struct tm_file_buffer *next = buffer->next;
        tm_buf_fini(&buffer->bytes);
        tm_mem_free(writer->mem, buffer, sizeof *buffer);
        buffer = next;
    }
    writer->fx = NULL;
}

// --- the helper thread ---------------------------------------------------------------------------

// The end of the next piece of whole lines, or of one line that is longer than a piece.
static size_t piece_end(const uint8_t *p, size_t len, size_t piece)
{
    if (piece == 0 || len <= piece)
        return len;
    const uint8_t *end = memrchr(p, '\n', piece);
    if (end == NULL)
        end = memchr(p + piece, '\n', len - piece);
    return end == NULL ? len : (size_t)(end - p) + 1;
}

static int64_t size_now(const struct tm_file_writer *writer)
{
    struct tm_file_info info;
    if (writer->stat_path == NULL ||
        writer->fx->files->stat(writer->fx->ctx, writer->stat_path, &info, NULL) != 0)
        return writer->size_bytes;
    return info.size_bytes;
}

static void fail(struct tm_file_writer *writer, int code, int64_t size_bytes)
{
    writer->code = code;
    name_output(writer, &writer->err);
    if (!writer->regular || code == TM_E_STOPPED)
        return;
    // Half a buffer may end in half a line: the file keeps whole buffers only.
    if (writer->fx->files->truncate(writer->fx->ctx, writer->fd, size_bytes, NULL) != 0)
        tm_error_hint(&writer->err, "the file may end in half a line: it could not be cut off");
}

static void write_bytes(struct tm_file_writer *writer, const struct tm_buf *content)
{
    const struct tm_fx *fx = writer->fx;
    const struct tm_buf *bytes = writer->packing == TM_FILE_PLAIN ? content : &writer->packed;
    int64_t size_bytes = size_now(writer);
    int rc = writer->packing == TM_FILE_PLAIN
                 ? 0
                 : tm__file_pack(&writer->packer, writer->mem, writer->packing, content,
                                 &writer->packed, &writer->err);
    if (rc != 0)
        fail(writer, rc, size_bytes);
    const uint8_t *p = bytes->data;
    size_t left = bytes->size_bytes;
    while (writer->code == 0 && left != 0) {
        size_t len = piece_end(p, left, writer->piece_bytes);
        rc = fx->files->write_all(fx->ctx, writer->fd, p, len, &writer->cancel, &writer->err);
        if (rc != 0)
            fail(writer, rc, size_bytes);
        p += len;
        left -= len;
    }
    if (writer->code == 0)
        writer->size_bytes = size_bytes + (int64_t)bytes->size_bytes;
}

static void write_buffer(struct tm_work *work)
{
    struct tm_file_buffer *buffer = (struct tm_file_buffer *)work;
    struct tm_file_writer *writer = buffer->writer;
    if (writer->code == 0)
        write_bytes(writer, &buffer->bytes);
    buffer->code = writer->code;
    buffer->done_ns = tm_fx_mono_ns(writer->fx);
}

// --- buffers -------------------------------------------------------------------------------------

struct tm_file_buffer *tm_file_buffer_new(struct tm_file_writer *writer, struct tm_waker *waker)
{
    struct tm_file_buffer *buffer = tm_mem_zalloc(writer->mem, sizeof *buffer);
    if (buffer == NULL)
        return NULL;
    buffer->work.run = write_buffer;
    buffer->work.waker = waker;
    buffer->writer = writer;
    tm_buf_init(&buffer->bytes, writer->mem);
    buffer->next = atomic_load_explicit(&writer->buffers, memory_order_relaxed);
    // Partner: the acquire load of tm_file_writer_fini.
    while (!atomic_compare_exchange_weak_explicit(&writer->buffers, &buffer->next, buffer,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    return buffer;
}

void tm_file_buffer_submit(struct tm_file_buffer *buffer)
{
    const struct tm_fx *fx = buffer->writer->fx;
    buffer->submitted = true;
    fx->threads->executor_submit(fx->ctx, buffer->writer->executor, &buffer->work);
}
