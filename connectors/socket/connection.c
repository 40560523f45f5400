// Bytes of a connection: read behind what is left of the bytes before, so that records are whole.
#include "connectors/socket/connection.h"

enum {
    READ_BYTES = 64 * 1024,
    SLACK = 64, // as decoders need it
    KEPT_BYTES = 256 * 1024,
};

int tm__socket_connection_init(struct tm__socket_connection *c, const struct tm_fx *fx,
                               struct tm_mem *mem, struct tm_socket *socket,
                               const struct tm_address *peer, const struct tm_format *format,
                               const struct tm_decoder_args *args, struct tm_error *err)
{
    *c = (struct tm__socket_connection){.fx = fx, .socket = socket};
    fx->sockets->describe(fx->ctx, peer, c->peer);
    tm_buf_init(&c->bytes, mem);
    return format->decoder_new(args, &c->decoder, err);
}

void tm__socket_connection_fini(struct tm__socket_connection *c)
{
    c->fx->sockets->close(c->fx->ctx, c->socket);
    if (c->decoder != NULL)
        c->decoder->ops->free(c->decoder);
    tm_buf_fini(&c->bytes);
}

// Room for a read. What is left of a record moves to the front; a record that is longer than
// max_record is skipped by the decoder, so that what is left is bounded by it.
static int make_room(struct tm__socket_connection *c)
{
    size_t left = c->bytes.size_bytes - c->begin;
    if (left == 0 && c->bytes.capacity_bytes > KEPT_BYTES)
        tm_buf_fini(&c->bytes);
    else if (c->begin != 0)
        memmove(c->bytes.data, c->bytes.data + c->begin, left);
    c->bytes.size_bytes = left;
    c->begin = 0;
    return tm_buf_reserve(&c->bytes, READ_BYTES + SLACK);
}

int tm__socket_connection_read(struct tm__socket_connection *c, struct tm_error *err)
{
    if (make_room(c) != 0)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a record from %s", c->peer);
    uint8_t *to = c->bytes.data + c->bytes.size_bytes;
    int64_t n = c->fx->sockets->read(c->fx->ctx, c->socket, to, READ_BYTES, err);
    if (n == -1)
        return TM__SOCKET_NOTHING;
    if (n < 0)
        return (int)n;
    memset(to + n, 0, SLACK);
    c->at_end = n == 0;
    c->bytes.size_bytes += (size_t)n;
    return TM__SOCKET_SOME;
}

int tm__socket_connection_decode(struct tm__socket_connection *c, struct tm_batch *batch,
                                 size_t *used,
                                 int (*bad)(void *arg, const struct tm_bad_record *record),
                                 void *arg)
{
    *used = 0;
    int rc =
        c->decoder->ops->decode(c->decoder, c->bytes.data + c->begin,
                                c->bytes.size_bytes - c->begin, c->at_end, batch, used, bad, arg);
    c->begin += *used;
    c->pending = tm_batch_is_full(batch);
    return rc;
}
