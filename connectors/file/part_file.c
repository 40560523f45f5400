// Writing part files. A file that fails is cut back to its last whole buffer: no half line.
#include "connectors/file/part_file.h"

#include <stdio.h>
#include <string.h>

struct tm__part_file *tm__part_file_new(struct tm_mem *mem, const char *folder, const char *name)
{
    struct tm__part_file *file = tm_mem_zalloc(mem, sizeof *file);
    if (file == NULL)
        return NULL;
    size_t path = strlen(folder) + strlen(name) + 2, hidden = path + sizeof "..inprogress";
    file->fd = -1;
    file->path = tm_mem_alloc(mem, path);
    char text[hidden];
    snprintf(text, hidden, "%s/.%s.inprogress", folder, name);
    file->in_progress = tm_mem_strdup(mem, text);
    if (file->path != NULL)
        snprintf(file->path, path, "%s/%s", folder, name);
    if (file->path != NULL && file->in_progress != NULL)
        return file;
    if (file->path != NULL)
        tm_mem_free(mem, file->path, path);
    if (file->in_progress != NULL)
        tm_mem_free(mem, file->in_progress, strlen(file->in_progress) + 1);
    tm_mem_free(mem, file, sizeof *file);
    return NULL;
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
    return 0;
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
    rc =
        fx->files->write_all(fx->ctx, file->fd, bytes->data, bytes->size_bytes, NULL, &writer->err);
    if (rc == 0)
        file->size_bytes += (int64_t)bytes->size_bytes;
    else if (fx->files->truncate(fx->ctx, file->fd, file->size_bytes, NULL) != 0)
        tm_error_hint(&writer->err, "the file may end in half a line: it could not be cut off");
    return rc;
}

static int close_file(struct tm__part_writer *writer, struct tm__part_file *file)
{
    int fd = file->fd;
    file->fd = -1;
    return fd < 0 ? 0 : writer->fx->files->close(writer->fx->ctx, fd, &writer->err);
}

void tm__part_run(struct tm__part_work *work)
{
    struct tm__part_writer *writer = work->writer;
    struct tm__part_file *file = work->file;
    const struct tm_fx *fx = writer->fx;
    int rc = writer->code;
    if (rc == 0) {
        if (work->bytes.size_bytes != 0)
            rc = write_bytes(work);
        if (rc == 0 && (work->close || work->publish))
            rc = close_file(writer, file);
        if (rc == 0 && work->publish)
            rc = fx->files->rename(fx->ctx, file->in_progress, file->path, &writer->err);
        if (rc != 0) {
            writer->code = rc;
            tm_error_prefix(&writer->err, "the output %s", writer->output);
        }
    }
    work->code = rc;
    work->done_ns = tm_fx_mono_ns(fx);
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
