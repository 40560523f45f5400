// Small pieces are gathered, large ones go as they are.
#include "core/checkpoint/out.h"

enum { WRITE_BYTES = 1 << 20 }; // the cost of a call vanishes, and a cancelled one ends soon

void tm__out_init(struct tm__out *out, struct tm_mem *mem, const struct tm_fx *fx, int fd,
                  const _Atomic int *cancel)
{
    *out = (struct tm__out){.fx = fx, .fd = fd, .cancel = cancel};
    tm_buf_init(&out->buf, mem);
}

void tm__out_fini(struct tm__out *out)
{
    tm_buf_fini(&out->buf);
}

static int write_all(struct tm__out *out, const void *p, size_t len, struct tm_error *err)
{
    return out->fx->files->write_all(out->fx->ctx, out->fd, p, len, out->cancel, err);
}

int tm__out_flush(struct tm__out *out, struct tm_error *err)
{
    if (out->fx == NULL || out->buf.size_bytes == 0)
        return 0;
    int rc = write_all(out, out->buf.data, out->buf.size_bytes, err);
    out->buf.size_bytes = 0;
    return rc;
}

int tm__out_put(struct tm__out *out, const void *p, size_t len, struct tm_error *err)
{
    int rc = 0;
    out->offset += len;
    if (out->fx != NULL && out->buf.size_bytes + len > WRITE_BYTES)
        rc = tm__out_flush(out, err);
    if (rc == 0 && out->fx != NULL && len >= WRITE_BYTES)
        return write_all(out, p, len, err);
    if (rc == 0 && tm_buf_append(&out->buf, p, len) != 0)
        rc = tm_error_set(err, TM_E_MEMORY, "out of memory for writing a checkpoint");
    return rc;
}
