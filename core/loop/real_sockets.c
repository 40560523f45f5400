// The real world's TCP sockets: non-blocking descriptors, and watchers in the libev loop of the
// thread that uses them.
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/loop/real.h"
#include "core/loop/real_private.h"

enum { BACKLOG = 128 };

struct tm_socket {
    int fd;
    struct tm_parker *parker; // where `io` is active, or NULL
    ev_io io;
    struct tm_address address; // its own or the peer's: for messages
};

_Static_assert(sizeof(struct sockaddr_in6) <= sizeof(((struct tm_address *)0)->bytes),
               "an address holds any of the two families");

static const struct sockaddr *as_system(const struct tm_address *address)
{
    return (const struct sockaddr *)(const void *)address->bytes;
}

static void real_describe(void *ctx, const struct tm_address *address, char text[TM_ADDRESS_TEXT])
{
    (void)ctx;
    char host[INET6_ADDRSTRLEN] = "?", port[8] = "?";
    (void)getnameinfo(as_system(address), address->length, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV);
    bool six = as_system(address)->sa_family == AF_INET6;
    snprintf(text, TM_ADDRESS_TEXT, six ? "[%s]:%s" : "%s:%s", host, port);
}

static int network_error(struct tm_error *err, int errnum, const char *what,
                         const struct tm_address *address)
{
    char text[TM_ADDRESS_TEXT];
    real_describe(NULL, address, text);
    tm_error_set_errno(err, errnum == ENOMEM ? TM_E_MEMORY : TM_E_NETWORK, errnum, "cannot %s %s",
                       what, text);
    return errnum == ENOMEM ? TM_E_MEMORY : TM_E_NETWORK;
}

static int real_resolve(void *ctx, const char *host, uint16_t port, struct tm_address *addresses,
                        uint32_t max, struct tm_error *err)
{
    (void)ctx;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
    char service[8];
    hints.ai_flags = AI_NUMERICSERV;
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0)
        return tm_error_set(err, TM_E_NETWORK, "the host \"%.255s\" is not known: %s", host,
                            rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    uint32_t count = 0;
    for (struct addrinfo *a = found; a != NULL && count < max; a = a->ai_next) {
        if (a->ai_addrlen > sizeof addresses->bytes)
            continue;
        memcpy(addresses[count].bytes, a->ai_addr, a->ai_addrlen);
        addresses[count++].length = (uint32_t)a->ai_addrlen;
    }
    freeaddrinfo(found);
    return count != 0 ? (int)count
                      : tm_error_set(err, TM_E_NETWORK, "the host \"%.255s\" has no address", host);
}

static bool real_is_loopback(void *ctx, const struct tm_address *address)
{
    (void)ctx;
    const struct sockaddr *sa = as_system(address);
    if (sa->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

static void on_ready(struct ev_loop *loop, ev_io *io, int events)
{
    (void)events;
    struct tm_socket *socket = io->data;
    ev_io_stop(loop, io); // once
    tm__real_parker_rouse(socket->parker);
    socket->parker = NULL;
}

// Takes over fd.
static struct tm_socket *socket_of(int fd, const struct tm_address *address, struct tm_error *err)
{
    struct tm_socket *s = calloc(1, sizeof *s);
    if (s == NULL) {
        tm_error_set(err, TM_E_MEMORY, "out of memory for a socket");
        close(fd);
        return NULL;
    }
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); // notices peers that are gone
    s->fd = fd;
    s->address = *address;
    s->io.data = s;
    return s;
}

static int open_socket(const struct tm_address *address)
{
    return socket(as_system(address)->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static struct tm_socket *real_connect(void *ctx, const struct tm_address *address,
                                      struct tm_error *err)
{
    (void)ctx;
    int fd = open_socket(address);
    if (fd < 0 || (connect(fd, as_system(address), address->length) < 0 && errno != EINPROGRESS)) {
        network_error(err, errno, "connect to", address);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    return socket_of(fd, address, err);
}

static int real_connected(void *ctx, struct tm_socket *socket, struct tm_error *err)
{
    (void)ctx;
    int errnum = 0;
    socklen_t length = sizeof errnum;
    if (getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &errnum, &length) < 0)
        errnum = errno;
    if (errnum != 0)
        return network_error(err, errnum, "connect to", &socket->address);
    struct sockaddr_storage peer;
    length = sizeof peer;
    if (getpeername(socket->fd, (struct sockaddr *)&peer, &length) == 0)
        return 1;
    // A connection that was refused between the two calls shows at the next look.
    return errno == ENOTCONN ? 0 : network_error(err, errno, "connect to", &socket->address);
}

static struct tm_socket *real_listen(void *ctx, struct tm_address *address, struct tm_error *err)
{
    (void)ctx;
    int on = 1, fd = open_socket(address);
    socklen_t length = sizeof address->bytes;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, as_system(address), address->length) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)(void *)address->bytes, &length) < 0) {
        int errnum = errno;
        network_error(err, errnum, "listen on", address);
        if (errnum == EADDRINUSE)
            tm_error_hint(err,
                          "another program listens there; port = 0 lets the system choose one");
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    return socket_of(fd, address, err);
}

// What concerns the connection that was to be accepted, and not the listener.
static bool is_of_peer(int errnum)
{
    return errnum == ECONNABORTED || errnum == EINTR || errnum == EPROTO || errnum == ENETDOWN ||
           errnum == EHOSTDOWN || errnum == EHOSTUNREACH || errnum == ENETUNREACH;
}

static int real_accept(void *ctx, struct tm_socket *listener, struct tm_socket **socket,
                       struct tm_address *peer, struct tm_error *err)
{
    (void)ctx;
    socklen_t length = sizeof peer->bytes;
    int fd;
    do {
        fd = accept4(listener->fd, (struct sockaddr *)(void *)peer->bytes, &length,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && is_of_peer(errno));
    if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (fd < 0)
        return network_error(err, errno, "accept connections on", &listener->address);
    peer->length = length;
    *socket = socket_of(fd, peer, err);
    return *socket != NULL ? 1 : TM_E_MEMORY;
}

static int64_t real_read(void *ctx, struct tm_socket *socket, void *buf, size_t len,
                         struct tm_error *err)
{
    (void)ctx;
    ssize_t n;
    do {
        n = recv(socket->fd, buf, len, 0);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return -1;
    return network_error(err, errno, "read from", &socket->address);
}

static void stop_watching(struct tm_socket *socket)
{
    if (socket->parker != NULL)
        ev_io_stop(tm_real_parker_loop(socket->parker), &socket->io);
    socket->parker = NULL;
}

static void real_watch(void *ctx, struct tm_socket *socket, struct tm_parker *parker,
                       bool connecting)
{
    (void)ctx;
    int events = connecting ? EV_WRITE : EV_READ;
    if (socket->parker == parker && (socket->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    stop_watching(socket);
    ev_io_init(&socket->io, on_ready, socket->fd, events);
    socket->io.data = socket;
    socket->parker = parker;
    ev_io_start(tm_real_parker_loop(parker), &socket->io);
}

static void real_close(void *ctx, struct tm_socket *socket)
{
    (void)ctx;
    stop_watching(socket);
    close(socket->fd);
    free(socket);
}

const struct tm_fx_sockets tm__real_sockets = {
    .resolve = real_resolve,
    .describe = real_describe,
    .is_loopback = real_is_loopback,
    .connect = real_connect,
    .connected = real_connected,
    .listen = real_listen,
    .accept = real_accept,
    .read = real_read,
    .watch = real_watch,
    .close = real_close,
};
