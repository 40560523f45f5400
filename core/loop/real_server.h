// HTTP/1.1 for this machine: a Unix socket of one user and, where asked for, a port of loopback, in
// the loop of the thread that parks there. Nothing waits; a peer that is silent for long is
// dropped, and so is one that sends too much. Everything here is for that one thread.
//
// Requests are read by libmicrohttpd, which is loaded when the first one comes: linking it would
// cost every start some milliseconds.
#pragma once

#include "core/base/log.h"
#include "core/base/mem.h"

struct tm_server;
struct tm_server_request; // from its arrival until tm_server_answer

enum {
    TM_SERVER_PATH_MAX = 256,       // bytes of a request's path
    TM_SERVER_CONNECTIONS = 32,     // at the same time; more are closed as they come
    TM_SERVER_HEAD_BYTES = 32768,   // of all that a connection keeps: a longer head is refused
    TM_SERVER_BODY_BYTES = 65536,   // of a request: nothing here reads one
    TM_SERVER_SILENCE_SECONDS = 10, // then a connection is dropped
};

struct tm_server_args {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const struct tm_log *log;
    struct tm_parker *parker; // of the thread
    // Each request once; it may be answered then or later, and must be once.
    void (*handle)(void *arg, struct tm_server_request *request);
    void *arg;
};

int tm_server_new(const struct tm_server_args *args, struct tm_server **server,
                  struct tm_error *err) TM_WARN_UNUSED;
// At FOLDER/NAME, for this user alone; a socket that is there already is replaced.
int tm_server_listen_path(struct tm_server *server, const char *folder, const char *name,
                          struct tm_error *err) TM_WARN_UNUSED;
// On 127.0.0.1. *port 0: the system chooses one, and it is told.
int tm_server_listen_port(struct tm_server *server, uint16_t *port,
                          struct tm_error *err) TM_WARN_UNUSED;
// What has become possible; handles requests. True: there was something.
bool tm_server_turn(struct tm_server *server);
int64_t tm_server_deadline_ns(const struct tm_server *server);
// Requests without an answer get one (503); answers get half a second to be read. Sockets go.
void tm_server_free(struct tm_server *server); // NULL is fine

// What was asked for: valid until the handler returns.
const char *tm_server_method(const struct tm_server_request *request); // "GET"
const char *tm_server_path(const struct tm_server_request *request);   // "/metrics", decoded
// Of the query, decoded; NULL: it is not there; "" without a value.
const char *tm_server_argument(const struct tm_server_request *request, const char *name);
const char *tm_server_header(const struct tm_server_request *request, const char *name);
// It came through the Unix socket, so from this user.
bool tm_server_is_local(const struct tm_server_request *request);

// Copies `body`. Without memory the peer is dropped.
void tm_server_answer(struct tm_server_request *request, int status, const char *type,
                      const void *body, size_t length);

// The other side.
struct tm_reply {
    bool refused; // nobody listens there
    int64_t pid;  // of the process that does; 0: not known, as of one in another container
    int status;
};

// Asks the socket at `path`, of any length, and waits at most `timeout_ms` for all of the answer,
// whose text goes into `body`. *reply is filled in as far as it came, on failure too. TM_E_NETWORK:
// nobody listens there, or what came is no answer; TM_E_STOPPED: none within the time.
struct tm_buf;
int tm_real_ask(const char *path, const char *method, const char *target, int64_t timeout_ms,
                struct tm_reply *reply, struct tm_buf *body, struct tm_error *err) TM_WARN_UNUSED;
