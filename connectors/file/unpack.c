// Decompression. Both formats are streams of independent pieces (members, frames), each with its
// own checksum: a file is whole when it ends between two of them. What was decompressed in front of
// damage is given out before the damage is told.
#include "connectors/file/unpack.h"

#include <inttypes.h>
#include <string.h>
#include <zstd.h>

#include "connectors/file/zlib_memory.h"

enum {
    PACKED_BYTES = 128 * 1024,
    // A frame may ask for this many bytes of earlier text, as a power of two: what the zstd program
    // itself takes without being told to. It bounds memory.
    WINDOW_LOG_MAX = 27,
};

struct tm_file_unpacker {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const char *path;
    enum tm_file_packing packing;
    uint8_t *packed;
    size_t position, size_bytes; // in `packed`
    int64_t offset;              // of packed[0] in the file
    bool within;                 // inside a member or frame
    bool ended;                  // the file has no more bytes
    bool padding;                // behind a member: zeros that fill up a block of a tape
    z_stream gzip;
    bool has_gzip;
    ZSTD_DCtx *zstd;
    struct tm_error damage; // to be told next
};

// --- making one

struct tm_file_unpacker *tm__file_unpacker_new(const struct tm_fx *fx, struct tm_mem *mem,
                                               enum tm_file_packing packing, const char *path)
{
    struct tm_file_unpacker *u = tm_mem_zalloc(mem, sizeof *u);
    if (u == NULL)
        return NULL;
    u->fx = fx;
    u->mem = mem;
    u->path = path;
    u->packing = packing;
    u->packed = tm_mem_alloc(mem, PACKED_BYTES);
    bool ok = u->packed != NULL;
    if (ok && packing == TM_FILE_GZIP) {
        u->gzip.zalloc = tm__zlib_alloc;
        u->gzip.zfree = tm__zlib_free;
        u->gzip.opaque = mem;
        ok = u->has_gzip = inflateInit2(&u->gzip, 16 + MAX_WBITS) == Z_OK;
    } else if (ok) {
        u->zstd = ZSTD_createDCtx();
        ok = u->zstd != NULL &&
             !ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX));
    }
    if (ok)
        return u;
    tm__file_unpacker_free(u);
    return NULL;
}

void tm__file_unpacker_free(struct tm_file_unpacker *u)
{
    if (u == NULL)
        return;
    if (u->has_gzip)
        (void)inflateEnd(&u->gzip);
    (void)ZSTD_freeDCtx(u->zstd); // NULL is fine
    tm_mem_free(u->mem, u->packed, PACKED_BYTES);
    tm_mem_free(u->mem, u, sizeof *u);
}

int64_t tm__file_unpacker_offset(const struct tm_file_unpacker *u)
{
    return u->offset + (int64_t)u->position;
}

// --- reading

static int fill(struct tm_file_unpacker *u, int fd, struct tm_error *err)
{
    u->offset += (int64_t)u->size_bytes;
    u->position = u->size_bytes = 0;
    int64_t got = u->fx->files->read(u->fx->ctx, fd, u->packed, PACKED_BYTES, err);
    if (got < 0)
        return (int)got;
    u->size_bytes = (size_t)got;
    u->ended = got == 0;
    return 0;
}

static int damaged(struct tm_file_unpacker *u, const char *why)
{
    int rc =
        tm_error_set(&u->damage, TM_E_BAD_ARCHIVE, "%s is not whole %s: at byte %" PRId64 " %s",
                     u->path, tm__file_packing_name(u->packing), tm__file_unpacker_offset(u), why);
    tm_error_hint(&u->damage, "compress or fetch it again; what stands in front of the damage can "
                              "be read");
    return rc;
}

static int out_of_memory(struct tm_file_unpacker *u)
{
    return tm_error_set(&u->damage, TM_E_MEMORY, "out of memory for reading %s", u->path);
}

// One call of inflate. Adds to *out what it wrote.
static int step_gzip(struct tm_file_unpacker *u, uint8_t *out, size_t size, size_t *done)
{
    z_stream *z = &u->gzip;
    size_t there = u->size_bytes - u->position;
    while (u->padding && there != 0 && u->packed[u->position] == 0) {
        u->position++;
        there--;
    }
    if (there == 0 && !u->within)
        return 0;
    if (u->padding && u->packed[u->position] != 0x1f)
        return damaged(u, "there is something else behind the compressed text");
    u->padding = false;
    z->next_in = u->packed + u->position;
    z->avail_in = (unsigned)there;
    z->next_out = out;
    z->avail_out = (unsigned)size;
    int rc = inflate(z, Z_NO_FLUSH);
    u->position += there - z->avail_in;
    *done = size - z->avail_out;
    u->within = u->within || there != z->avail_in;
    if (rc == Z_STREAM_END) {
        u->within = false;
        u->padding = true;
        return inflateReset(z) == Z_OK ? 0 : out_of_memory(u);
    }
    if (rc == Z_OK || rc == Z_BUF_ERROR)
        return 0;
    if (rc == Z_MEM_ERROR)
        return out_of_memory(u);
    return damaged(u, z->msg != NULL ? z->msg : "the text makes no sense");
}

static int step_zstd(struct tm_file_unpacker *u, uint8_t *out, size_t size, size_t *done)
{
    ZSTD_inBuffer in = {.src = u->packed, .size = u->size_bytes, .pos = u->position};
    ZSTD_outBuffer to = {.dst = out, .size = size};
    if (in.pos == in.size && !u->within)
        return 0;
    size_t rc = ZSTD_decompressStream(u->zstd, &to, &in);
    u->position = in.pos;
    *done = to.pos;
    if (!ZSTD_isError(rc)) {
        u->within = rc != 0;
        return 0;
    }
    const char *why = ZSTD_getErrorName(rc);
    if (strstr(why, "Allocation") != NULL)
        return out_of_memory(u);
    return damaged(u,
                   strstr(why, "too much memory") != NULL
                       ? "it needs more than 128 MB of memory: it was made with --long, compress "
                         "it again without"
                       : why);
}

int64_t tm__file_unpack(struct tm_file_unpacker *u, int fd, uint8_t *out, size_t size,
                        struct tm_error *err)
{
    size_t total = 0;
    while (u->damage.code == 0 && total < size) {
        size_t done = 0;
        if (u->position == u->size_bytes && !u->ended) {
            int rc = fill(u, fd, err);
            if (rc != 0)
                return rc;
        }
        int rc = u->packing == TM_FILE_GZIP ? step_gzip(u, out + total, size - total, &done)
                                            : step_zstd(u, out + total, size - total, &done);
        total += done;
        if (rc != 0 || !u->ended || done != 0)
            continue;
        if (u->within)
            damaged(u, "it ends in the middle: it was cut short");
        break;
    }
    if (total != 0 || u->damage.code == 0)
        return (int64_t)total;
    if (err != NULL)
        *err = u->damage;
    return u->damage.code;
}
