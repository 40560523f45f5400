// Writing part files. A file that fails is cut back to its last whole buffer: no half line.
#include "connectors/file/part_file.h"

#include "connectors/file/commit.h"
#include "core/base/kill_point.h"
#include "core/base/planted.h"

#include <stdio.h>
#include <string.h>

static struct tm__part_file *new_file(struct tm_mem *mem, const char *path, const char *in_progress)
{
    struct tm__part_file *file = tm_mem_zalloc(mem, sizeof *file);
    if (file == NULL)
        return NULL;
    file->fd = -1;
    (void)XXH64_reset(&file->hash, 0);
    file->path = tm_mem_strdup(mem, path);
    file->in_progress = tm_mem_strdup(mem, in_progress);
    if (file->path != NULL && file->in_progress != NULL)
        return file;
    if (file->path != NULL)
        tm_mem_free(mem, file->path, strlen(path) + 1);
    if (file->in_progress != NULL)
        tm_mem_free(mem, file->in_progress, strlen(in_progress) + 1);
    tm_mem_free(mem, file, sizeof *file);
    return NULL;
}

struct tm__part_file *tm__part_file_new(struct tm_mem *mem, const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + sizeof "/..inprogress";
    char path[size], hidden[size];
    snprintf(path, size, "%s/%s", folder, name);
    snprintf(hidden, size, "%s/.%s.inprogress", folder, name);
    return new_file(mem, path, hidden);
}

struct tm__part_file *tm__part_file_new_staged(struct tm_mem *mem, const char *folder,
                                               const char *name, const char *token)
{
    size_t size = strlen(folder) + strlen(name) + strlen(token) + sizeof "/...inprogress";
    char path[size], hidden[size];
    snprintf(path, size, "%s/%s", folder, name);
    snprintf(hidden, size, "%s/.%s.%s.inprogress", folder, name, token);
    return new_file(mem, path, hidden);
}

struct tm__part_file *tm__part_file_new_piece(struct tm_mem *mem, const char *path,
                                              const char *token, uint32_t subtask, unsigned number)
{
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    size_t size = strlen(path) + strlen(token) + 64;
    char hidden[size];
    snprintf(hidden, size, "%.*s.%s.%s-%u-%u.inprogress", (int)(name - path), path, name, token,
             subtask, number);
    return new_file(mem, "", hidden);
}

void tm__part_file_free(const struct tm_fx *fx, struct tm_mem *mem, struct tm__part_file *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        (void)fx->files->close(fx->ctx, file->fd, NULL);
    tm_mem_free(mem, file->path, strlen(file->path) + 1);
    tm_mem_free(mem, file->in_progress, strlen(file->in_progress) + 1);
    tm_mem_free(mem, file, sizeof *file);
}

// --- the helper thread ---------------------------------------------------------------------------

static int make_folder(struct tm__part_writer *writer, const struct tm__part_file *file)
{
    if (file->path[0] == '\0') // beside a file whose folder is there
        return 0;
    size_t len = (size_t)(strrchr(file->path, '/') - file->path);
    char folder[len + 1];
    memcpy(folder, file->path, len);
    folder[len] = '\0';
    return writer->fx->files->mkdirs(writer->fx->ctx, folder, &writer->err);
}

static int open_file(struct tm__part_writer *writer, struct tm__part_file *file)
{
    int rc = file->created ? 0 : make_folder(writer, file);
    if (rc != 0)
        return rc;
    file->fd =
        writer->fx->files->open(writer->fx->ctx, file->in_progress,
                                file->created ? TM_FILE_APPEND : TM_FILE_CREATE, &writer->err);
    if (file->fd < 0)
        return file->fd;
    file->created = true;
    TM_KILL_POINT(part_opened);
    return 0;
}

// A write that failed leaves nothing behind. Where that fails too, what waits for space may not try
// again: it would write behind rows that it has not counted.
static int take_back(struct tm__part_writer *writer, struct tm__part_file *file, int rc)
{
    const struct tm_fx *fx = writer->fx;
    struct tm_error why = {0};
    int cut = fx->files->truncate(fx->ctx, file->fd, file->size_bytes, &why);
    if (cut == 0 && writer->waits)
        cut = fx->files->seek(fx->ctx, file->fd, file->size_bytes, &why);
    if (cut == 0)
        return rc;
    if (rc == TM_E_NO_SPACE && writer->waits) {
        writer->err = why;
        rc = cut;
    }
    tm_error_hint(&writer->err, "the file may end in half a line: it could not be cut off");
    return rc;
}

static int write_bytes(struct tm__part_work *work)
{
    struct tm__part_writer *writer = work->writer;
    struct tm__part_file *file = work->file;
    const struct tm_fx *fx = writer->fx;
    const struct tm_buf *bytes = &work->bytes;
    int rc = file->fd < 0 ? open_file(writer, file) : 0;
    if (rc == 0 && writer->packing != TM_FILE_PLAIN) {
        rc = tm__file_pack(&writer->packer, writer->mem, writer->packing, bytes, &writer->packed,
                           &writer->err);
        bytes = &writer->packed;
    }
    if (rc != 0)
        return rc;
    if (rc == 0 && bytes->size_bytes == 0)
        return 0;
    rc =
        fx->files->write_all(fx->ctx, file->fd, bytes->data, bytes->size_bytes, NULL, &writer->err);
    TM_KILL_POINT(part_written);
    if (rc != 0)
        return take_back(writer, file, rc);
    file->size_bytes += (int64_t)bytes->size_bytes;
    (void)XXH64_update(&file->hash, bytes->data, bytes->size_bytes);
    return 0;
}

static int close_file(struct tm__part_writer *writer, struct tm__part_file *file)
{
    int fd = file->fd;
    file->fd = -1;
    return fd < 0 ? 0 : writer->fx->files->close(writer->fx->ctx, fd, &writer->err);
}

// Bytes, and an empty file that is to be there all the same.
static int put_bytes(struct tm__part_work *work)
{
    struct tm__part_file *file = work->file;
    bool is_needed = work->bytes.size_bytes != 0 || (work->sync && file->size_bytes == 0);
    int rc = is_needed && !work->written ? write_bytes(work) : 0;
    if (rc != 0)
        return rc;
    work->written = true;
    if (work->is_head)
        file->head_bytes = file->size_bytes;
    return 0;
}

// The name is durable, and those of the folders that may have been made for it.
static int sync_folders(struct tm__part_writer *writer, const struct tm__part_file *file)
{
    const struct tm_fx *fx = writer->fx;
    size_t len = strlen(file->in_progress), root = writer->root == NULL ? 0 : strlen(writer->root);
    char path[len + 1];
    memcpy(path, file->in_progress, len + 1);
    for (;;) {
        char *slash = strrchr(path, '/');
        int rc = tm__file_sync_folder(fx, path, &writer->err);
        if (rc != 0 || slash == NULL || slash == path || (size_t)(slash - path) < root)
            return rc;
        *slash = '\0';
    }
}

static int sync_file(struct tm__part_writer *writer, struct tm__part_file *file)
{
    int rc = file->fd < 0 ? open_file(writer, file) : 0;
    return rc != 0 ? rc : writer->fx->files->sync(writer->fx->ctx, file->fd, &writer->err);
}

// What follows the bytes is not tried again: what a failed sync leaves behind is not known.
static int bring_to_end(struct tm__part_work *work)
{
    struct tm__part_writer *writer = work->writer;
    struct tm__part_file *file = work->file;
    const struct tm_fx *fx = writer->fx;
    if (work->sync)
        TM_KILL_POINT(part_unsynced);
    int rc = work->sync ? sync_file(writer, file) : 0;
    if (work->sync)
        TM_KILL_POINT(part_synced);
    if (rc == 0 && (work->close || work->publish))
        rc = close_file(writer, file);
    if (rc == 0 && work->publish)
        rc = fx->files->rename(fx->ctx, file->in_progress, file->path, &writer->err);
    return rc == 0 && work->sync ? sync_folders(writer, file) : rc;
}

void tm__part_run(struct tm__part_work *work)
{
    struct tm__part_writer *writer = work->writer;
    int rc = writer->code;
    writer->stalled = writer->stalled && !work->again;
    work->again = false;
    if (rc == 0 && writer->stalled) {
        rc = TM_E_NO_SPACE;
    } else if (rc == 0) {
        rc = put_bytes(work);
        writer->stalled = rc == TM_E_NO_SPACE && writer->waits;
        if (rc == 0)
            rc = bring_to_end(work);
        if (TM_PLANTED(write_error_swallowed) && !writer->stalled)
            rc = 0;
        if (rc != 0 && !writer->stalled) {
            writer->code = rc;
            tm_error_prefix(&writer->err, "the output %s", writer->output);
        }
    }
    work->stalled = rc != 0 && writer->stalled;
    work->code = rc;
    work->done_ns = tm_fx_mono_ns(writer->fx);
}

static void run(struct tm_work *work)
{
    tm__part_run((struct tm__part_work *)work);
}

// --- the writer ----------------------------------------------------------------------------------

int tm__part_writer_init(struct tm__part_writer *writer, const struct tm_fx *fx, struct tm_mem *mem,
                         enum tm_file_packing packing, const char *output, struct tm_error *err)
{
    *writer = (struct tm__part_writer){.fx = fx, .mem = mem, .packing = packing, .output = output};
    tm_buf_init(&writer->packed, mem);
    writer->executor = fx->threads->executor_new(fx->ctx, "tm-write", err);
    return writer->executor == NULL ? (err != NULL && err->code != 0 ? err->code : TM_E_LIMIT) : 0;
}

void tm__part_writer_stop(struct tm__part_writer *writer)
{
    if (writer->executor != NULL)
        writer->fx->threads->executor_free(writer->fx->ctx, writer->executor);
    writer->executor = NULL;
}

void tm__part_writer_fini(struct tm__part_writer *writer)
{
    if (writer->fx == NULL)
        return;
    tm__part_writer_stop(writer);
    tm__file_packer_free(writer->packer);
    tm_buf_fini(&writer->packed);
    writer->fx = NULL;
}

void tm__part_submit(struct tm__part_work *work, struct tm_waker *waker)
{
    const struct tm_fx *fx = work->writer->fx;
    work->under_way = true;
    work->work.run = run;
    work->work.waker = waker;
    fx->threads->executor_submit(fx->ctx, work->writer->executor, &work->work);
}
