// One connection: bytes that have come and the decoder that makes records of them.
#pragma once

#include "core/base/buf.h"
#include "core/format/format.h"

struct tm__socket_connection {
    const struct tm_fx *fx;
    struct tm_socket *socket;
    char peer[TM_ADDRESS_TEXT];
    struct tm_decoder *decoder;
    struct tm_buf bytes; // what has come; all before `begin` is decoded
    size_t begin;
    bool at_end;  // the peer has ended
    bool pending; // the decoder stopped because the batch was full: there may be more in `bytes`
};

enum tm__socket_got {
    TM__SOCKET_NOTHING = 0, // nothing has come: watch it
    TM__SOCKET_SOME = 1,    // bytes, or the end: decode
};

// Takes over the socket, also after a failure.
int tm__socket_connection_init(struct tm__socket_connection *c, const struct tm_fx *fx,
                               struct tm_mem *mem, struct tm_socket *socket,
                               const struct tm_address *peer, const struct tm_format *format,
                               const struct tm_decoder_args *args,
                               struct tm_error *err) TM_WARN_UNUSED;
void tm__socket_connection_fini(struct tm__socket_connection *c);
// Reads once. enum tm__socket_got, or negative: the connection is lost (err says how) or
// TM_E_MEMORY.
int tm__socket_connection_read(struct tm__socket_connection *c,
                               struct tm_error *err) TM_WARN_UNUSED;
// Records into the batch until it is full or there is no whole one. *used: bytes. What `bad` gives.
int tm__socket_connection_decode(struct tm__socket_connection *c, struct tm_batch *batch,
                                 size_t *used,
                                 int (*bad)(void *arg, const struct tm_bad_record *record),
                                 void *arg) TM_WARN_UNUSED;
// Is nothing left to do with it?
static inline bool tm__socket_connection_is_done(const struct tm__socket_connection *c)
{
    return c->at_end && !c->pending;
}
