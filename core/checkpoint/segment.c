// Segments of a checkpoint, from files or memory, each compared with its checksum.
#include "core/checkpoint/restored_parts.h"

void tm__reading_init(struct tm__reading *reading, const struct tm_restored *restored)
{
    *reading = (struct tm__reading){.restored = restored};
    tm_buf_init(&reading->buf, restored->mem);
}

static void close_slot(struct tm__reading *reading, uint32_t slot)
{
    const struct tm_fx *fx = reading->restored->fx;
    if (reading->open[slot].path != NULL)
        (void)fx->files->close(fx->ctx, reading->open[slot].fd, NULL);
    reading->open[slot].path = NULL;
}

void tm__reading_fini(struct tm__reading *reading)
{
    for (uint32_t i = 0; i < TM__READING_OPEN; i++)
        close_slot(reading, i);
    tm_buf_fini(&reading->buf);
}

// A descriptor of a file of an index. The text of the path is the index's, so its address is
// enough to know it again.
static int open_file(struct tm__reading *reading, const char *path, struct tm_error *err)
{
    char full[TM__FULL_PATH];
    const struct tm_fx *fx = reading->restored->fx;
    for (uint32_t i = 0; i < TM__READING_OPEN; i++)
        if (reading->open[i].path == path)
            return reading->open[i].fd;
    int rc = tm__join(full, reading->restored->root, path, err);
    if (rc != 0)
        return rc;
    uint32_t slot = reading->next++ % TM__READING_OPEN;
    close_slot(reading, slot);
    int fd = fx->files->open(fx->ctx, full, TM_FILE_READ, err);
    if (fd >= 0) {
        reading->open[slot].path = path;
        reading->open[slot].fd = fd;
    }
    return fd;
}

static int read_file(struct tm__reading *reading, const char *path, const struct tm__link *link,
                     struct tm_error *err)
{
    int fd = open_file(reading, path, err);
    if (fd == TM_E_NOT_FOUND)
        return tm_error_set(err, TM_E_CHECKPOINT, "%s/%s is missing", reading->restored->root,
                            path);
    if (fd < 0)
        return fd;
    return tm__read_at(reading->restored->fx, fd, path, link->offset, reading->buf.data,
                       link->length, err);
}

int tm__read_segment(struct tm__reading *reading, const struct tm__data *data,
                     const struct tm__link *link, struct tm_error *err)
{
    const struct tm_restored *restored = reading->restored;
    const char *path = data->index.files[link->file].path;
    reading->buf.size_bytes = 0;
    if (tm_buf_reserve(&reading->buf, link->length) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for reading a checkpoint");
    int rc = 0;
    if (restored->root != NULL)
        rc = read_file(reading, path, link, err);
    else if (link->length != 0)
        memcpy(reading->buf.data, data->bytes.data + link->offset, link->length);
    if (rc != 0)
        return rc;
    reading->buf.size_bytes = link->length;
    if (tm_hash_bytes(reading->buf.data, link->length) != link->checksum)
        return tm_error_set(err, TM_E_CHECKPOINT,
                            "%s is damaged: its bytes from %llu to %llu are not what was written",
                            path, (unsigned long long)link->offset,
                            (unsigned long long)(link->offset + link->length));
    return 0;
}
