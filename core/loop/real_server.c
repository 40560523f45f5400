// Requests through libmicrohttpd: its epoll descriptor and our listeners are watched by the loop of
// the thread that parks there.
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/loop/real.h"
#include "core/loop/real_library.h"
#include "core/loop/real_private.h"
#include "core/loop/real_server.h"
#include "core/loop/real_unix.h"

enum {
    LISTENERS = 2,
    BACKLOG = 64,
    PAUSE_NS = 1000000000, // without descriptors nobody is accepted for so long
    PARTING_MS = 500,      // answers are given so long to be read at the end
    METHOD_MAX = 16,
};

#define FUNCTIONS(X)                   \
    X(MHD_start_daemon)                \
    X(MHD_stop_daemon)                 \
    X(MHD_add_connection)              \
    X(MHD_run)                         \
    X(MHD_get_timeout)                 \
    X(MHD_get_daemon_info)             \
    X(MHD_get_connection_info)         \
    X(MHD_lookup_connection_value)     \
    X(MHD_create_response_from_buffer) \
    X(MHD_add_response_header)         \
    X(MHD_queue_response)              \
    X(MHD_destroy_response)            \
    X(MHD_suspend_connection)          \
    X(MHD_resume_connection)

TM__LIBRARY(FUNCTIONS);

static void load(void)
{
    TM__LIBRARY_LOAD("libmicrohttpd.so.12", FUNCTIONS);
}

struct listener {
    struct tm_server *server;
    int fd;
    ev_io io;
    char *path; // of a Unix socket; NULL: a port
};

struct tm_server {
    struct tm_server_args args;
    struct listener listeners[LISTENERS];
    uint32_t listener_count;
    struct MHD_Daemon *daemon; // NULL: nobody has come yet
    ev_io io;                  // of its epoll descriptor
    bool ready;                // it has something to do
    bool knocked;              // somebody may be waiting to be accepted
    bool broken;               // the library is not there, or does not work: said once
    int64_t paused_until_ns;   // 0: not paused
    struct tm_server_request *requests;
};

struct tm_server_request {
    struct tm_server *server;
    struct MHD_Connection *connection;
    char method[METHOD_MAX], path[TM_SERVER_PATH_MAX];
    bool too_long, handled, suspended, answered;
    int status;
    struct MHD_Response *response;
    size_t body_bytes;
    struct tm_server_request *next;
};

// --- watching ------------------------------------------------------------------------------------

static struct ev_loop *loop_of(const struct tm_server *server)
{
    return tm_real_parker_loop(server->args.parker);
}

static void on_knock(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    struct listener *listener = io->data;
    listener->server->knocked = true;
    tm__real_parker_rouse(listener->server->args.parker);
}

static void on_ready(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    struct tm_server *server = io->data;
    server->ready = true;
    tm__real_parker_rouse(server->args.parker);
}

// --- requests ------------------------------------------------------------------------------------

static enum MHD_Result queue(struct tm_server_request *request)
{
    struct MHD_Response *response = request->response;
    request->response = NULL;
    enum MHD_Result result =
        lib.MHD_queue_response(request->connection, (unsigned)request->status, response);
    lib.MHD_destroy_response(response); // the library holds its own
    return result;
}

static struct tm_server_request *request_new(struct tm_server *server,
                                             struct MHD_Connection *connection, const char *url,
                                             const char *method)
{
    struct tm_server_request *request = tm_mem_zalloc(server->args.mem, sizeof *request);
    if (request == NULL)
        return NULL;
    request->server = server;
    request->connection = connection;
    request->too_long = strlen(url) >= sizeof request->path;
    snprintf(request->path, sizeof request->path, "%s", request->too_long ? "" : url);
    snprintf(request->method, sizeof request->method, "%s", method);
    request->next = server->requests;
    server->requests = request;
    return request;
}

// Comes first when the head is there, then for each piece of the body, and behind it; and again
// when the connection goes on after its rest.
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **kept)
{
    (void)version;
    (void)upload;
    struct tm_server *server = arg;
    struct tm_server_request *request = *kept;
    if (request == NULL) {
        *kept = request_new(server, connection, url, method);
        return *kept == NULL ? MHD_NO : MHD_YES;
    }
    if (*upload_size != 0) {
        request->body_bytes += *upload_size;
        *upload_size = 0;
        return request->body_bytes > TM_SERVER_BODY_BYTES ? MHD_NO : MHD_YES;
    }
    if (!request->handled) {
        static const char refusal[] = "the path is too long\n";
        request->handled = true;
        if (request->too_long)
            tm_server_answer(request, 414, "text/plain", refusal, sizeof refusal - 1);
        else
            server->args.handle(server->args.arg, request);
    }
    if (request->answered)
        return request->response == NULL ? MHD_NO : queue(request);
    request->suspended = true;
    lib.MHD_suspend_connection(connection);
    return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **kept,
                         enum MHD_RequestTerminationCode how)
{
    (void)connection;
    (void)how;
    struct tm_server *server = arg;
    struct tm_server_request *request = *kept, **at = &server->requests;
    if (request == NULL)
        return;
    while (*at != request)
        at = &(*at)->next;
    *at = request->next;
    if (request->response != NULL)
        lib.MHD_destroy_response(request->response);
    tm_mem_free(server->args.mem, request, sizeof *request);
    *kept = NULL;
}

const char *tm_server_method(const struct tm_server_request *request)
{
    return request->method;
}

const char *tm_server_path(const struct tm_server_request *request)
{
    return request->path;
}

const char *tm_server_argument(const struct tm_server_request *request, const char *name)
{
    return lib.MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *tm_server_header(const struct tm_server_request *request, const char *name)
{
    return lib.MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

bool tm_server_is_local(const struct tm_server_request *request)
{
    const union MHD_ConnectionInfo *info =
        lib.MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info != NULL && info->client_addr != NULL && info->client_addr->sa_family == AF_UNIX;
}

void tm_server_answer(struct tm_server_request *request, int status, const char *type,
                      const void *body, size_t length)
{
    // The library's own type is not const; the body is copied.
    struct MHD_Response *response =
        lib.MHD_create_response_from_buffer(length, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    request->answered = true;
    request->status = status;
    request->response = response;
    if (response != NULL) {
        (void)lib.MHD_add_response_header(response, "Content-Type", type);
        (void)lib.MHD_add_response_header(response, "Cache-Control", "no-store");
    }
    if (request->suspended) {
        request->suspended = false;
        request->server->ready = true;
        lib.MHD_resume_connection(request->connection);
    }
}

// --- connections ---------------------------------------------------------------------------------

static bool open_daemon(struct tm_server *server)
{
    pthread_once(&lib.once, load);
    if (lib.missing == NULL)
        server->daemon = lib.MHD_start_daemon(
            MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
            on_request, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
            MHD_OPTION_CONNECTION_LIMIT, (unsigned)TM_SERVER_CONNECTIONS,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)TM_SERVER_HEAD_BYTES,
            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TM_SERVER_SILENCE_SECONDS, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        server->daemon == NULL ? NULL
                               : lib.MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info != NULL) {
        ev_io_init(&server->io, on_ready, info->epoll_fd, EV_READ);
        server->io.data = server;
        ev_io_start(loop_of(server), &server->io);
        return true;
    }
    if (!server->broken)
        tm_log_write(server->args.log, TM_LOG_WARN,
                     "the job cannot answer requests: %s%s (on Debian: apt-get install "
                     "libmicrohttpd12)",
                     lib.missing != NULL ? lib.missing : "libmicrohttpd",
                     lib.missing != NULL ? " was not found" : " could not be started");
    server->broken = true;
    return false;
}

static void take_in(struct tm_server *server, int fd, const struct sockaddr *peer, socklen_t length)
{
    if (server->broken || (server->daemon == NULL && !open_daemon(server))) {
        close(fd);
        return;
    }
    (void)lib.MHD_add_connection(server->daemon, fd, peer, length); // closes what it does not take
    server->ready = true;
}

static bool accept_from(struct listener *listener)
{
    struct tm_server *server = listener->server;
    bool any = false;
    for (int i = 0; i < TM_SERVER_CONNECTIONS; i++) {
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        int fd =
            accept4(listener->fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_in(server, fd, (const struct sockaddr *)&peer, length);
            any = true;
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) { // no descriptors, no memory
            ev_io_stop(loop_of(server), &listener->io);
            server->paused_until_ns = tm_fx_mono_ns(server->args.fx) + PAUSE_NS;
        }
        break;
    }
    return any;
}

static bool accept_all(struct tm_server *server)
{
    bool any = false;
    if (server->paused_until_ns != 0 && tm_fx_mono_ns(server->args.fx) >= server->paused_until_ns) {
        server->paused_until_ns = 0;
        server->knocked = true;
        for (uint32_t i = 0; i < server->listener_count; i++)
            ev_io_start(loop_of(server), &server->listeners[i].io);
    }
    if (!server->knocked || server->paused_until_ns != 0)
        return false;
    server->knocked = false;
    for (uint32_t i = 0; i < server->listener_count; i++)
        any = accept_from(&server->listeners[i]) || any;
    return any;
}

static int64_t timeout_ns(const struct tm_server *server)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (server->daemon == NULL || lib.MHD_get_timeout(server->daemon, &ms) != MHD_YES)
        return INT64_MAX;
    return tm_fx_mono_ns(server->args.fx) + (int64_t)ms * 1000000;
}

bool tm_server_turn(struct tm_server *server)
{
    bool any = accept_all(server);
    if (server->daemon == NULL ||
        (!server->ready && timeout_ns(server) > tm_fx_mono_ns(server->args.fx)))
        return any;
    bool was_ready = server->ready;
    server->ready = false;
    (void)lib.MHD_run(server->daemon);
    return any || was_ready;
}

int64_t tm_server_deadline_ns(const struct tm_server *server)
{
    if (server->ready)
        return 0;
    int64_t deadline = timeout_ns(server);
    return server->paused_until_ns != 0 && server->paused_until_ns < deadline
               ? server->paused_until_ns
               : deadline;
}

// --- listening -----------------------------------------------------------------------------------

// Takes over fd and path.
static void add_listener(struct tm_server *server, int fd, char *path)
{
    struct listener *listener = &server->listeners[server->listener_count++];
    *listener = (struct listener){.server = server, .fd = fd, .path = path};
    ev_io_init(&listener->io, on_knock, fd, EV_READ);
    listener->io.data = listener;
    ev_io_start(loop_of(server), &listener->io);
}

// Bound under another name first: nobody finds a socket where nobody listens yet.
static int bind_path(int fd, const char *path, struct tm_error *err)
{
    char fresh[TM__UNIX_PATH];
    struct tm__unix_address address;
    int n = snprintf(fresh, sizeof fresh, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof fresh)
        return tm_error_set(err, TM_E_LIMIT, "the path of a socket is too long: %s", path);
    int rc = tm__unix_open(&address, fresh, err);
    if (rc != 0)
        return rc;
    (void)unlink(fresh);
    bool bound = bind(fd, (const struct sockaddr *)&address.address, sizeof address.address) == 0;
    if (!bound || chmod(fresh, 0600) != 0 || listen(fd, BACKLOG) != 0 || rename(fresh, path) != 0) {
        rc = errno == EACCES || errno == EPERM ? TM_E_PERMISSION : TM_E_IO;
        tm_error_set_errno(err, rc, errno, "cannot make the socket %s", path);
        if (bound)
            (void)unlink(fresh);
    }
    tm__unix_close(&address);
    return rc;
}

int tm_server_listen_path(struct tm_server *server, const char *folder, const char *name,
                          struct tm_error *err)
{
    char path[TM__UNIX_PATH];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path || server->listener_count == LISTENERS)
        return tm_error_set(err, TM_E_LIMIT, "the path of a socket is too long: %s", folder);
    char *copy = tm_mem_strdup(server->args.mem, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc = copy == NULL ? tm_error_set(err, TM_E_MEMORY, "out of memory for a socket")
             : fd < 0     ? tm_error_set_errno(err, TM_E_LIMIT, errno, "cannot make a socket")
                          : bind_path(fd, path, err);
    if (rc == 0) {
        add_listener(server, fd, copy);
        return 0;
    }
    if (fd >= 0)
        close(fd);
    if (copy != NULL)
        tm_mem_free(server->args.mem, copy, strlen(copy) + 1);
    return rc;
}

int tm_server_listen_port(struct tm_server *server, uint16_t *port, struct tm_error *err)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || server->listener_count == LISTENERS ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        tm_error_set_errno(err, TM_E_NETWORK, errno, "cannot listen on port %u of 127.0.0.1",
                           (unsigned)*port);
        if (fd >= 0)
            close(fd);
        return TM_E_NETWORK;
    }
    *port = ntohs(address.sin_port);
    add_listener(server, fd, NULL);
    return 0;
}

// --- the whole -----------------------------------------------------------------------------------

int tm_server_new(const struct tm_server_args *args, struct tm_server **server,
                  struct tm_error *err)
{
    *server = tm_mem_zalloc(args->mem, sizeof **server);
    if (*server == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a server");
    (*server)->args = *args;
    return 0;
}

static void part(struct tm_server *server)
{
    static const char refusal[] = "{\"ok\":false,\"error\":{\"message\":\"the job has ended\"}}\n";
    for (struct tm_server_request *r = server->requests; r != NULL; r = r->next)
        if (!r->answered)
            tm_server_answer(r, 503, "application/json", refusal, sizeof refusal - 1);
    int64_t until = tm_fx_mono_ns(server->args.fx) + (int64_t)PARTING_MS * 1000000;
    (void)lib.MHD_run(server->daemon);
    while (server->requests != NULL && tm_fx_mono_ns(server->args.fx) < until) {
        struct pollfd ready = {.fd = server->io.fd, .events = POLLIN};
        (void)poll(&ready, 1, 10);
        (void)lib.MHD_run(server->daemon);
    }
}

void tm_server_free(struct tm_server *server)
{
    if (server == NULL)
        return;
    for (uint32_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        ev_io_stop(loop_of(server), &listener->io);
        if (listener->path != NULL) {
            (void)unlink(listener->path);
            tm_mem_free(server->args.mem, listener->path, strlen(listener->path) + 1);
        }
        close(listener->fd);
    }
    if (server->daemon != NULL) {
        part(server);
        ev_io_stop(loop_of(server), &server->io);
        lib.MHD_stop_daemon(server->daemon);
    }
    tm_mem_free(server->args.mem, server, sizeof *server);
}
