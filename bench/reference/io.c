// Reading files in blocks of whole lines, writing standard output in big blocks.
#include "bench/reference/reference.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void ref_die(const char *what, const char *on)
{
    fprintf(stderr, "reference: %s %s: %s\n", what, on, strerror(errno));
    exit(1);
}

bool ref_reader_open(struct ref_reader *reader, const char *path)
{
    memset(reader, 0, sizeof *reader);
    reader->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (reader->fd < 0)
        return false;
    reader->inflate = ref_inflate_new(reader->fd, path);
    posix_fadvise(reader->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    reader->block = malloc(REF_BLOCK_BYTES + REF_PADDING_BYTES);
    if (reader->block == NULL)
        ref_die("no memory for", path);
    memset(reader->block, 0, REF_BLOCK_BYTES + REF_PADDING_BYTES);
    return true;
}

void ref_reader_close(struct ref_reader *reader)
{
    if (reader->fd >= 0)
        close(reader->fd);
    ref_inflate_free(reader->inflate);
    reader->inflate = NULL;
    free(reader->block);
    reader->fd = -1;
    reader->block = NULL;
}

static ssize_t read_some(struct ref_reader *reader, char *out, size_t bytes)
{
    return reader->inflate != NULL ? (ssize_t)ref_inflate_read(reader->inflate, out, bytes)
                                   : read(reader->fd, out, bytes);
}

size_t ref_reader_next(struct ref_reader *reader)
{
    size_t rest = reader->length - reader->used;
    memmove(reader->block, reader->block + reader->used, rest);
    reader->length = rest;
    while (!reader->at_end && reader->length < REF_BLOCK_BYTES) {
        ssize_t n =
            read_some(reader, reader->block + reader->length, REF_BLOCK_BYTES - reader->length);
        if (n < 0 && errno != EINTR)
            ref_die("read", "input");
        if (n == 0)
            reader->at_end = true;
        if (n > 0)
            reader->length += (size_t)n;
    }
    if (reader->at_end) {
        reader->used = reader->length;
    } else {
        const char *newline = memrchr(reader->block, '\n', reader->length);
        if (newline == NULL) {
            errno = EMSGSIZE;
            ref_die("a line is longer than a block in", "input");
        }
        reader->used = (size_t)(newline - reader->block) + 1;
    }
    return reader->used;
}

void ref_writer_flush(struct ref_writer *writer)
{
    size_t done = 0;
    while (done < writer->length) {
        ssize_t n = write(STDOUT_FILENO, writer->bytes + done, writer->length - done);
        if (n < 0 && errno != EINTR)
            ref_die("write", "standard output");
        if (n > 0)
            done += (size_t)n;
    }
    writer->length = 0;
}
