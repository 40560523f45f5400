// Whole reads from what gives as much as it likes.
#include "core/checkpoint/reading.h"

#include <stdio.h>

int tm__join(char *path, const char *folder, const char *name, struct tm_error *err)
{
    int n = snprintf(path, TM__FULL_PATH, "%s/%s", folder, name);
    if (n < 0 || n >= TM__FULL_PATH)
        return tm_error_set(err, TM_E_LIMIT, "the path of a checkpoint is too long: %s", path);
    return 0;
}

int tm__read_at(const struct tm_fx *fx, int fd, const char *path, uint64_t offset, void *bytes,
                size_t size, struct tm_error *err)
{
    int rc = fx->files->seek(fx->ctx, fd, (int64_t)offset, err);
    return rc == 0 ? tm__read_on(fx, fd, path, bytes, size, err) : rc;
}

int tm__read_on(const struct tm_fx *fx, int fd, const char *path, void *bytes, size_t size,
                struct tm_error *err)
{
    uint8_t *p = bytes;
    while (size != 0) {
        int64_t got = fx->files->read(fx->ctx, fd, p, size, err);
        if (got < 0)
            return (int)got;
        if (got == 0)
            return tm_error_set(err, TM_E_CHECKPOINT, "%s is damaged: it is too short", path);
        p += got;
        size -= (size_t)got;
    }
    return 0;
}

static int read_open(const struct tm_fx *fx, int fd, const char *path, size_t max,
                     struct tm_buf *out, struct tm_error *err)
{
    struct tm_file_info info;
    int rc = fx->files->stat_fd(fx->ctx, fd, &info, err);
    if (rc != 0)
        return rc;
    if (info.is_directory || info.size_bytes < 0 || (uint64_t)info.size_bytes > max)
        return tm_error_set(err, TM_E_CHECKPOINT, "%s is damaged: it is too long", path);
    size_t size = (size_t)info.size_bytes;
    if (tm_buf_reserve(out, size + 1) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for %s", path);
    rc = tm__read_at(fx, fd, path, 0, out->data, size, err);
    if (rc == 0)
        out->size_bytes = size;
    return rc;
}

int tm__read_file(const struct tm_fx *fx, const char *path, size_t max, struct tm_buf *out,
                  struct tm_error *err)
{
    int fd = fx->files->open(fx->ctx, path, TM_FILE_READ, err);
    if (fd < 0)
        return fd;
    int rc = read_open(fx, fd, path, max, out, err);
    int closed = fx->files->close(fx->ctx, fd, rc == 0 ? err : NULL);
    return rc != 0 ? rc : closed;
}
