// Compression, buffer by buffer. A buffer holds most of a megabyte, so that beginning anew with
// each costs less than one byte in a hundred.
#include "connectors/file/pack.h"

#include <zstd.h>

#include "connectors/file/zlib_memory.h"

enum {
    // A job writes through one helper thread, which is not to be slower than what feeds it: level 4
    // of gzip takes half the time of its default 6, for files 5 % larger.
    GZIP_LEVEL = 4,
    GZIP_MEMORY = 8,
    ZSTD_LEVEL = 3,
};

struct tm_file_packer {
    struct tm_mem *mem;
    z_stream gzip;
    bool has_gzip;
    ZSTD_CCtx *zstd;
};

static struct tm_file_packer *packer_new(struct tm_mem *mem, enum tm_file_packing packing)
{
    struct tm_file_packer *packer = tm_mem_zalloc(mem, sizeof *packer);
    if (packer == NULL)
        return NULL;
    packer->mem = mem;
    bool ok;
    if (packing == TM_FILE_GZIP) {
        packer->gzip.zalloc = tm__zlib_alloc;
        packer->gzip.zfree = tm__zlib_free;
        packer->gzip.opaque = mem;
        ok = packer->has_gzip = deflateInit2(&packer->gzip, GZIP_LEVEL, Z_DEFLATED, 16 + MAX_WBITS,
                                             GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
    } else {
        packer->zstd = ZSTD_createCCtx();
        ok = packer->zstd != NULL &&
             !ZSTD_isError(
                 ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
             !ZSTD_isError(ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_checksumFlag, 1));
    }
    if (ok)
        return packer;
    tm__file_packer_free(packer);
    return NULL;
}

void tm__file_packer_free(struct tm_file_packer *packer)
{
    if (packer == NULL)
        return;
    if (packer->has_gzip)
        (void)deflateEnd(&packer->gzip);
    (void)ZSTD_freeCCtx(packer->zstd); // NULL is fine
    tm_mem_free(packer->mem, packer, sizeof *packer);
}

static int pack_gzip(z_stream *z, const void *p, size_t len, struct tm_buf *out)
{
    if (deflateReset(z) != Z_OK || tm_buf_reserve(out, deflateBound(z, len)) != 0)
        return TM_E_MEMORY;
    z->next_in = (Bytef *)(uintptr_t)p; // zlib only reads it
    z->avail_in = (unsigned)len;
    z->next_out = out->data;
    z->avail_out = (unsigned)out->capacity_bytes;
    if (deflate(z, Z_FINISH) != Z_STREAM_END)
        return TM_E_MEMORY;
    out->size_bytes = out->capacity_bytes - z->avail_out;
    return 0;
}

static int pack(struct tm_file_packer *packer, const void *p, size_t len, struct tm_buf *out)
{
    out->size_bytes = 0;
    if (packer->has_gzip)
        return pack_gzip(&packer->gzip, p, len, out);
    if (tm_buf_reserve(out, ZSTD_compressBound(len)) != 0)
        return TM_E_MEMORY;
    size_t rc = ZSTD_compress2(packer->zstd, out->data, out->capacity_bytes, p, len);
    if (ZSTD_isError(rc))
        return TM_E_MEMORY; // with room for the result nothing else can fail
    out->size_bytes = rc;
    return 0;
}

int tm__file_pack(struct tm_file_packer **packer, struct tm_mem *mem, enum tm_file_packing packing,
                  const struct tm_buf *bytes, struct tm_buf *out, struct tm_error *err)
{
    if (*packer == NULL)
        *packer = packer_new(mem, packing);
    int rc = *packer == NULL ? TM_E_MEMORY : pack(*packer, bytes->data, bytes->size_bytes, out);
    return rc == 0 ? 0 : tm_error_set(err, rc, "out of memory for compressing");
}
