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

static int open_link(struct tm__reading *reading, const char *path, struct tm_error *err)
{
    int fd = open_file(reading, path, err);
    return fd == TM_E_NOT_FOUND ? tm_error_set(err, TM_E_CHECKPOINT, "%s/%s is missing",
                                               reading->restored->root, path)
                                : fd;
}

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for reading a checkpoint");
}

static int compare(const struct tm__data *data, const struct tm__link *link, uint64_t checksum,
                   struct tm_error *err)
{
    if (checksum == link->checksum)
        return 0;
    return tm_error_set(err, TM_E_CHECKPOINT,
                        "%s is damaged: its bytes from %llu to %llu are not what was written",
                        data->index.files[link->file].path, (unsigned long long)link->offset,
                        (unsigned long long)(link->offset + link->length));
}

int tm__read_segment(struct tm__reading *reading, const struct tm__data *data,
                     const struct tm__link *link, struct tm_error *err)
{
    const struct tm_restored *restored = reading->restored;
    const char *path = data->index.files[link->file].path;
    reading->buf.size_bytes = 0;
    if (tm_buf_reserve(&reading->buf, link->length) != 0)
        return no_memory(err);
    int fd = restored->root != NULL ? open_link(reading, path, err) : 0;
    if (fd < 0)
        return fd;
    int rc = 0;
    if (restored->root != NULL)
        rc =
            tm__read_at(restored->fx, fd, path, link->offset, reading->buf.data, link->length, err);
    else if (link->length != 0)
        memcpy(reading->buf.data, data->bytes.data + link->offset, link->length);
    if (rc != 0)
        return rc;
    reading->buf.size_bytes = link->length;
    return compare(data, link, tm_hash_bytes(reading->buf.data, link->length), err);
}

// --- piece by piece ------------------------------------------------------------------------------

enum { REST_BYTES = 128 }; // that are here when an image asks for more, at most

// What is here goes to the front of the buffer, the next piece behind it.
static int read_piece(struct tm__segment *segment, struct tm_error *err)
{
    struct tm_image_source *source = &segment->source;
    const struct tm_restored *restored = segment->reading->restored;
    uint8_t *buf = segment->reading->buf.data;
    size_t here = (size_t)(source->end - source->at), piece = restored->piece_bytes;
    size_t size = source->left < piece ? (size_t)source->left : piece;
    TM_CHECK(here <= REST_BYTES);
    memmove(buf, source->at, here);
    source->at = buf;
    source->end = buf + here;
    segment->code =
        tm__read_on(restored->fx, segment->fd, segment->data->index.files[segment->link->file].path,
                    buf + here, size, err);
    if (segment->code != 0)
        return segment->code;
    tm_hash_add(&segment->hash, buf + here, size);
    source->end += size;
    source->left -= size;
    return 0;
}

static int more(struct tm_image_source *source, struct tm_error *err)
{
    return read_piece((struct tm__segment *)(void *)source, err);
}

// All of it is read ahead, for its checksum alone; then it goes on where it was.
static int sure(struct tm_image_source *source, struct tm_error *err)
{
    struct tm__segment *segment = (struct tm__segment *)(void *)source;
    const struct tm_restored *restored = segment->reading->restored;
    const struct tm__link *link = segment->link;
    const struct tm_fx *fx = restored->fx;
    struct tm_hash_pieces hash = segment->hash;
    uint64_t left = source->left;
    int rc = 0;
    uint8_t *piece = tm_mem_alloc(restored->mem, restored->piece_bytes);
    if (piece == NULL)
        return no_memory(err);
    while (left != 0 && rc == 0) {
        size_t size = left < restored->piece_bytes ? (size_t)left : restored->piece_bytes;
        rc = tm__read_on(fx, segment->fd, segment->data->index.files[link->file].path, piece, size,
                         err);
        if (rc == 0)
            tm_hash_add(&hash, piece, size);
        left -= size;
    }
    tm_mem_free(restored->mem, piece, restored->piece_bytes);
    if (rc == 0)
        rc = compare(segment->data, link, tm_hash_end(&hash), err);
    if (rc == 0)
        rc = fx->files->seek(fx->ctx, segment->fd,
                             (int64_t)(link->offset + link->length - source->left), err);
    if (rc != 0)
        segment->code = rc; // which says why: nothing is read on
    return rc;
}

static int begin_file(struct tm__segment *segment, struct tm_error *err)
{
    struct tm__reading *reading = segment->reading;
    const struct tm__link *link = segment->link;
    const struct tm_fx *fx = reading->restored->fx;
    reading->buf.size_bytes = 0;
    if (tm_buf_reserve(&reading->buf, (size_t)reading->restored->piece_bytes + REST_BYTES) != 0)
        return no_memory(err);
    segment->fd = open_link(reading, segment->data->index.files[link->file].path, err);
    if (segment->fd < 0)
        return segment->fd;
    segment->source = (struct tm_image_source){.at = reading->buf.data,
                                               .end = reading->buf.data,
                                               .left = link->length,
                                               .more = more,
                                               .sure = sure};
    int rc = fx->files->seek(fx->ctx, segment->fd, (int64_t)link->offset, err);
    return rc == 0 && link->length != 0 ? read_piece(segment, err) : rc;
}

int tm__segment_begin(struct tm__segment *segment, struct tm__reading *reading,
                      const struct tm__data *data, const struct tm__link *link,
                      struct tm_error *err)
{
    const uint8_t *bytes = data->bytes.data; // of a checkpoint in memory
    segment->reading = reading;
    segment->data = data;
    segment->link = link;
    segment->code = 0;
    tm_hash_begin(&segment->hash);
    if (reading->restored->root != NULL) {
        int rc = begin_file(segment, err);
        if (rc != 0)
            return rc;
    } else {
        segment->source = (struct tm_image_source){.at = bytes + link->offset,
                                                   .end = bytes + link->offset + link->length};
        tm_hash_add(&segment->hash, segment->source.at, link->length);
    }
    if (segment->source.left != 0)
        return 0;
    segment->source.sure = NULL;
    return compare(data, link, tm_hash_end(&segment->hash), err);
}

int tm__segment_end(struct tm__segment *segment, int rc, struct tm_error *err)
{
    if (segment->code != 0) // it cannot be read
        return rc;
    while (segment->source.left != 0) {
        segment->source.at = segment->source.end;
        int code = read_piece(segment, err);
        if (code != 0)
            return code;
    }
    int same = compare(segment->data, segment->link, tm_hash_end(&segment->hash), err);
    return same != 0 ? same : rc;
}
