// Addresses of Unix sockets, and a request to one.
#include "core/loop/real_unix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/loop/real_server.h"

enum { ANSWER_BYTES_MAX = 256 << 20, PIECE_BYTES = 65536 };

int tm__unix_open(struct tm__unix_address *address, const char *path, struct tm_error *err)
{
    char folder[TM__UNIX_PATH];
    const char *slash = strrchr(path, '/');
    *address = (struct tm__unix_address){.address.sun_family = AF_UNIX, .folder = -1};
    size_t size = sizeof address->address.sun_path, length = strlen(path);
    if (length < size) {
        memcpy(address->address.sun_path, path, length + 1);
        return 0;
    }
    if (slash == NULL || length >= sizeof folder)
        return tm_error_set(err, TM_E_LIMIT, "the path of a socket is too long: %s", path);
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    address->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (address->folder < 0)
        return tm_error_set_errno(err, errno == ENOENT ? TM_E_NOT_FOUND : TM_E_IO, errno,
                                  "cannot open %s", folder);
    int n = snprintf(address->address.sun_path, size, "/proc/self/fd/%d%s", address->folder, slash);
    if (n > 0 && (size_t)n < size)
        return 0;
    tm__unix_close(address);
    return tm_error_set(err, TM_E_LIMIT, "the path of a socket is too long: %s", path);
}

void tm__unix_close(struct tm__unix_address *address)
{
    if (address->folder >= 0)
        close(address->folder);
    address->folder = -1;
}

// --- a request -----------------------------------------------------------------------------------

static int64_t now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int no_answer(const char *path, struct tm_error *err)
{
    return tm_error_set(err, TM_E_STOPPED, "no answer from %s within the time", path);
}

// The process that listens: whoever was connected to is told by the system, even before it answers.
static int64_t listener_of(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.pid : 0;
}

static int connect_to(int fd, const char *path, struct tm_reply *reply, struct tm_error *err)
{
    struct tm__unix_address address;
    int rc = tm__unix_open(&address, path, err);
    if (rc != 0) {
        reply->refused = rc == TM_E_NOT_FOUND;
        return rc;
    }
    // A Unix socket takes the connection at once, or its queue is full: then nobody reads it.
    rc = connect(fd, (const struct sockaddr *)&address.address, sizeof address.address);
    int errnum = errno;
    tm__unix_close(&address);
    if (rc == 0) {
        reply->pid = listener_of(fd);
        return 0;
    }
    reply->refused = errnum == ECONNREFUSED || errnum == ENOENT || errnum == ENOTSOCK;
    if (errnum == EAGAIN)
        return no_answer(path, err);
    return tm_error_set_errno(err, errnum == EACCES ? TM_E_PERMISSION : TM_E_NETWORK, errnum,
                              "cannot connect to %s", path);
}

// Waits for `events`; below 0: the time is over.
static int wait_for(int fd, short events, int64_t until_ms)
{
    int64_t left = until_ms - now_ms();
    struct pollfd ready = {.fd = fd, .events = events};
    int n;
    if (left <= 0)
        return -1;
    do
        n = poll(&ready, 1, left > 60000 ? 60000 : (int)left);
    while ((n < 0 && errno == EINTR) || (n == 0 && (left = until_ms - now_ms()) > 0));
    return n > 0 ? 0 : -1;
}

static int send_all(int fd, const char *path, const char *text, size_t length, int64_t until_ms,
                    struct tm_error *err)
{
    while (length != 0) {
        ssize_t n = send(fd, text, length, MSG_NOSIGNAL);
        if (n > 0) {
            text += n;
            length -= (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (wait_for(fd, POLLOUT, until_ms) != 0)
                return no_answer(path, err);
        } else {
            return tm_error_set_errno(err, TM_E_NETWORK, errno, "cannot write to %s", path);
        }
    }
    return 0;
}

static int read_all(int fd, const char *path, struct tm_buf *out, int64_t until_ms,
                    struct tm_error *err)
{
    for (;;) {
        if (tm_buf_reserve(out, PIECE_BYTES) != 0)
            return tm_error_set(err, TM_E_MEMORY, "out of memory for an answer");
        ssize_t n = recv(fd, out->data + out->size_bytes, PIECE_BYTES, 0);
        if (n > 0)
            out->size_bytes += (size_t)n;
        if (n == 0)
            return 0;
        if (out->size_bytes > ANSWER_BYTES_MAX)
            return tm_error_set(err, TM_E_LIMIT, "the answer of %s is too large", path);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return tm_error_set_errno(err, TM_E_NETWORK, errno, "cannot read from %s", path);
        if (n < 0 && wait_for(fd, POLLIN, until_ms) != 0)
            return no_answer(path, err);
    }
}

// "HTTP/1.1 200 OK", headers, an empty line, and the body up to the end.
static int take_apart(const char *path, struct tm_buf *all, int *status, struct tm_error *err)
{
    const char *text = (const char *)all->data;
    char *end = all->size_bytes == 0 ? NULL : memmem(text, all->size_bytes, "\r\n\r\n", 4);
    if (end == NULL || all->size_bytes < 12 || memcmp(text, "HTTP/1.", 7) != 0 ||
        (*status = atoi(text + 9)) < 100)
        return tm_error_set(err, TM_E_NETWORK, "what listens at %s gave no answer", path);
    size_t head = (size_t)(end + 4 - text);
    memmove(all->data, all->data + head, all->size_bytes - head);
    all->size_bytes -= head;
    return 0;
}

int tm_real_ask(const char *path, const char *method, const char *target, int64_t timeout_ms,
                struct tm_reply *reply, struct tm_buf *body, struct tm_error *err)
{
    int64_t until = now_ms() + timeout_ms;
    *reply = (struct tm_reply){.status = 0};
    body->size_bytes = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return tm_error_set_errno(err, TM_E_LIMIT, errno, "cannot make a socket");
    int rc = connect_to(fd, path, reply, err);
    if (rc == 0) {
        struct tm_buf head;
        tm_buf_init(&head, body->mem);
        rc = tm_buf_printf(&head, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                           method, target);
        if (rc != 0)
            tm_error_set(err, rc, "out of memory for a request");
        else
            rc = send_all(fd, path, (const char *)head.data, head.size_bytes, until, err);
        tm_buf_fini(&head);
    }
    if (rc == 0)
        rc = read_all(fd, path, body, until, err);
    close(fd);
    return rc == 0 ? take_apart(path, body, &reply->status, err) : rc;
}
