// Reading .gz through zlib and .zst through libzstd, a big piece of the file at a time.
#include "bench/reference/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { RAW_BYTES = 128 * 1024, GZIP_WINDOW_BITS = 15 + 16 };

struct ref_inflate {
    int fd;
    const char *path;
    ZSTD_DStream *zstd; // NULL: gzip
    z_stream gzip;
    bool in_member; // more of a gzip member or zstd frame must follow
    size_t used, length;
    unsigned char raw[RAW_BYTES];
};

static bool ends_with(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n >= m && strcmp(path + n - m, suffix) == 0;
}

struct ref_inflate *ref_inflate_new(int fd, const char *path)
{
    bool zstd = ends_with(path, ".zst");
    if (!zstd && !ends_with(path, ".gz"))
        return NULL;
    struct ref_inflate *i = calloc(1, sizeof *i);
    if (i == NULL)
        ref_die("no memory for", path);
    i->fd = fd;
    i->path = path;
    if (zstd)
        i->zstd = ZSTD_createDStream();
    if (zstd ? i->zstd == NULL : inflateInit2(&i->gzip, GZIP_WINDOW_BITS) != Z_OK)
        ref_die("no memory for", path);
    return i;
}

void ref_inflate_free(struct ref_inflate *i)
{
    if (i == NULL)
        return;
    if (i->zstd != NULL)
        ZSTD_freeDStream(i->zstd);
    else
        inflateEnd(&i->gzip);
    free(i);
}

static _Noreturn void damaged(const struct ref_inflate *i)
{
    errno = EBADMSG;
    ref_die("read", i->path);
}

// Bytes of the file, if none are left; false at its end.
static bool fill(struct ref_inflate *i)
{
    while (i->used == i->length) {
        ssize_t n = read(i->fd, i->raw, sizeof i->raw);
        if (n < 0 && errno != EINTR)
            ref_die("read", i->path);
        if (n == 0) {
            if (i->in_member)
                damaged(i);
            return false;
        }
        i->used = 0;
        i->length = n > 0 ? (size_t)n : 0;
    }
    return true;
}

static size_t gzip_some(struct ref_inflate *i, char *out, size_t bytes)
{
    i->gzip.next_in = i->raw + i->used;
    i->gzip.avail_in = (uInt)(i->length - i->used);
    i->gzip.next_out = (unsigned char *)out;
    i->gzip.avail_out = (uInt)bytes;
    int rc = inflate(&i->gzip, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END)
        damaged(i);
    i->used = i->length - i->gzip.avail_in;
    i->in_member = rc == Z_OK;
    if (rc == Z_STREAM_END && inflateReset(&i->gzip) != Z_OK)
        damaged(i);
    return bytes - i->gzip.avail_out;
}

static size_t zstd_some(struct ref_inflate *i, char *out, size_t bytes)
{
    ZSTD_inBuffer in = {i->raw, i->length, i->used};
    ZSTD_outBuffer to = {out, bytes, 0};
    size_t rc = ZSTD_decompressStream(i->zstd, &to, &in);
    if (ZSTD_isError(rc))
        damaged(i);
    i->used = in.pos;
    i->in_member = rc != 0;
    return to.pos;
}

size_t ref_inflate_read(struct ref_inflate *i, char *out, size_t bytes)
{
    for (;;) {
        // zstd may hold output back without more input; gzip's inflate gives all it has
        if (i->used == i->length && i->zstd != NULL && i->in_member) {
            size_t n = zstd_some(i, out, bytes);
            if (n > 0)
                return n;
        }
        if (!fill(i))
            return 0;
        size_t n = i->zstd != NULL ? zstd_some(i, out, bytes) : gzip_some(i, out, bytes);
        if (n > 0)
            return n;
    }
}
