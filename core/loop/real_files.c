// The real world's files, over POSIX. Interrupted calls are repeated, partial writes continued, and
// every error says what was attempted on which path.
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/loop/real_private.h"

enum {
    // A blocking pipe takes at least this much without blocking once poll says that it is writable.
    PIPE_WRITE_BYTES = PIPE_BUF,
    // A terminal may be stopped (Ctrl-S) at any moment: little is written at a time.
    TERMINAL_WRITE_BYTES = 512,
    // A regular file does not wait for anybody; this bounds the time between looks at `cancel`.
    FILE_WRITE_BYTES = 4 * 1024 * 1024,
    // How long a writer waits for its reader before it looks at `cancel` again.
    CANCEL_POLL_MS = 50,
    LINKS_MAX = 40, // the kernel's bound of links in a path
};

static int code_of(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return TM_E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return TM_E_PERMISSION;
    case EEXIST:
        return TM_E_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return TM_E_NO_SPACE;
    case EPIPE:
    case ECONNRESET:
        return TM_E_CLOSED_PIPE;
    case ENOMEM:
        return TM_E_MEMORY;
    case EMFILE:
    case ENFILE:
    case ENAMETOOLONG:
    case ELOOP:
        return TM_E_LIMIT;
    default:
        return TM_E_IO;
    }
}

int tm__real_path_error(struct tm_error *err, int errnum, const char *verb, const char *path)
{
    int rc = tm_error_set_errno(err, code_of(errnum), errnum, "cannot %s %s", verb, path);
    if (errnum == EMFILE)
        tm_error_hint(err, "the process has as many files open as it may: see ulimit -n");
    return rc;
}

// Only a descriptor is known: the kernel remembers the path.
static int fd_error(struct tm_error *err, int errnum, const char *verb, int fd)
{
    static const char *const standard[] = {"standard input", "standard output", "standard error"};
    char link[64], path[PATH_MAX];
    if (err == NULL)
        return code_of(errnum);
    if (fd >= 0 && fd <= 2) {
        if (errnum == EBADF) {
            bool input = fd == STDIN_FILENO;
            int rc = tm_error_set(err, TM_E_IO, "cannot %s %s: it is closed, or not open for %s",
                                  verb, standard[fd], input ? "reading" : "writing");
            tm_error_hint(err,
                          "it was so when tidemill was started (%s&- in a shell closes it): give "
                          "it a file, a pipe or /dev/null",
                          input ? "<" : ">");
            return rc;
        }
        snprintf(path, sizeof(path), "%s", standard[fd]);
    } else {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, path, sizeof(path) - 1);
        if (n > 0)
            path[n] = '\0';
        else
            snprintf(path, sizeof(path), "descriptor %d", fd);
    }
    return tm__real_path_error(err, errnum, verb, path);
}

// A standard descriptor was closed by whoever started the process: its number is left alone, so
// that what is meant for standard output never lands in a file. -1 and errno.
int tm__real_above_standard(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), errnum = errno;
    close(fd);
    errno = errnum;
    return high;
}

// Opened without waiting for the other end of a named pipe; reads and writes of it do wait.
static void set_blocking(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || S_ISREG(st.st_mode))
        return;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK); // else reads are repeated after EAGAIN
}

static int real_open(void *ctx, const char *path, enum tm_file_mode mode, struct tm_error *err)
{
    (void)ctx;
    int flags = O_CLOEXEC | O_NOCTTY;
    const char *verb = "open";
    switch (mode) {
    case TM_FILE_READ:
        flags |= O_RDONLY | O_NONBLOCK;
        break;
    case TM_FILE_STREAM:
        flags |= O_WRONLY | O_NONBLOCK;
        break;
    case TM_FILE_CREATE:
        flags |= O_WRONLY | O_CREAT | O_TRUNC;
        verb = "create";
        break;
    case TM_FILE_APPEND:
        flags |= O_WRONLY | O_CREAT | O_APPEND;
        verb = "append to";
        break;
    case TM_FILE_CREATE_NEW:
        flags |= O_WRONLY | O_CREAT | O_EXCL;
        verb = "create";
        break;
    }
    int fd;
    do
        fd = open(path, flags, 0666);
    while (fd < 0 && errno == EINTR);
    if (fd < 0 && mode == TM_FILE_STREAM && errno == ENXIO) {
        int rc = tm_error_set(err, TM_E_CLOSED_PIPE, "nobody reads the pipe %s", path);
        tm_error_hint(err, "start its reader first");
        return rc;
    }
    if (fd >= 0 && (flags & O_NONBLOCK) != 0)
        set_blocking(fd);
    fd = tm__real_above_standard(fd);
    return fd >= 0 ? fd : tm__real_path_error(err, errno, verb, path);
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

// 1: ready, in error or at its end; 0: not within timeout_ms (negative: for ever).
static int wait_for(int fd, short events, int timeout_ms)
{
    int64_t deadline = timeout_ms > 0 ? now_ms() + timeout_ms : 0;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, timeout_ms);
        if (n >= 0)
            return n > 0 ? 1 : 0;
        if (errno != EINTR)
            return 1; // let the read or write that follows report it
        if (timeout_ms > 0) {
            int64_t left = deadline - now_ms();
            if (left <= 0)
                return 0;
            timeout_ms = (int)left;
        }
    }
}

static int real_wait_readable(void *ctx, int fd, int timeout_ms)
{
    (void)ctx;
    return wait_for(fd, POLLIN, timeout_ms);
}

static int64_t real_read(void *ctx, int fd, void *buf, size_t len, struct tm_error *err)
{
    (void)ctx;
    for (;;) {
        ssize_t n = read(fd, buf, len);
        if (n >= 0)
            return n;
        if (errno == EAGAIN || errno == EWOULDBLOCK) // someone else made it non-blocking
            wait_for(fd, POLLIN, -1);
        else if (errno != EINTR)
            return fd_error(err, errno, "read", fd);
    }
}

static int real_seek(void *ctx, int fd, int64_t offset, struct tm_error *err)
{
    (void)ctx;
    return lseek(fd, offset, SEEK_SET) >= 0 ? 0 : fd_error(err, errno, "seek in", fd);
}

// RWF_NOWAIT: bytes of a regular file that are in the page cache, of a pipe those that are in it.
// Not all file systems know it.
static int64_t real_read_now(void *ctx, int fd, void *buf, size_t len)
{
    (void)ctx;
    struct iovec part = {.iov_base = buf, .iov_len = len};
    return preadv2(fd, &part, 1, -1, RWF_NOWAIT);
}

enum target { TARGET_FILE, TARGET_SOCKET, TARGET_TERMINAL, TARGET_PIPE };

static enum target target_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return TARGET_FILE; // the write reports it
    if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
        return TARGET_FILE;
    if (S_ISSOCK(st.st_mode))
        return TARGET_SOCKET;
    if (S_ISCHR(st.st_mode))
        return isatty(fd) ? TARGET_TERMINAL : TARGET_FILE;
    return TARGET_PIPE;
}

static ssize_t write_some(enum target target, int fd, const void *p, size_t len)
{
    static const size_t at_most[] = {
        [TARGET_FILE] = FILE_WRITE_BYTES,
        [TARGET_SOCKET] = FILE_WRITE_BYTES,
        [TARGET_TERMINAL] = TERMINAL_WRITE_BYTES,
        [TARGET_PIPE] = PIPE_WRITE_BYTES,
    };
    if (len > at_most[target])
        len = at_most[target];
    if (target == TARGET_SOCKET)
        return send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(fd, p, len);
}

static int real_write_all(void *ctx, int fd, const void *buf, size_t len, const _Atomic int *cancel,
                          struct tm_error *err)
{
    (void)ctx;
    const char *p = buf;
    enum target target = target_of(fd);
    while (len > 0) {
        // Partner: whoever stops the job. Relaxed: it publishes nothing.
        if (cancel != NULL &&
            atomic_load_explicit((_Atomic int *)(uintptr_t)cancel, memory_order_relaxed) != 0)
            return tm_error_set(err, TM_E_STOPPED, "stopped while writing");
        if (target != TARGET_FILE && wait_for(fd, POLLOUT, CANCEL_POLL_MS) == 0)
            continue;
        ssize_t n = write_some(target, fd, p, len);
        if (n >= 0) {
            p += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            wait_for(fd, POLLOUT, CANCEL_POLL_MS);
        } else if (errno != EINTR) {
            return fd_error(err, errno, "write to", fd);
        }
    }
    return 0;
}

static int real_sync(void *ctx, int fd, struct tm_error *err)
{
    (void)ctx;
    int rc;
    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    // Pipes, sockets and terminals keep nothing that could be synchronised.
    if (rc != 0 && errno != EINVAL && errno != ENOTSUP)
        return fd_error(err, errno, "sync", fd);
    return 0;
}

static int real_close(void *ctx, int fd, struct tm_error *err)
{
    (void)ctx;
    // On Linux the descriptor is gone also after EINTR: closing again could hit another thread's.
    if (close(fd) == 0 || errno == EINTR)
        return 0;
    int errnum = errno; // of a network file system: a write that failed late
    return tm_error_set_errno(err, code_of(errnum), errnum, "cannot close descriptor %d", fd);
}

static int real_truncate(void *ctx, int fd, int64_t size_bytes, struct tm_error *err)
{
    (void)ctx;
    int rc;
    do
        rc = ftruncate(fd, size_bytes);
    while (rc != 0 && errno == EINTR);
    return rc == 0 ? 0 : fd_error(err, errno, "truncate", fd);
}

static int real_rename(void *ctx, const char *from, const char *to, struct tm_error *err)
{
    (void)ctx;
    if (rename(from, to) == 0)
        return 0;
    return tm_error_set_errno(err, code_of(errno), errno, "cannot rename %s to %s", from, to);
}

static int real_unlink(void *ctx, const char *path, struct tm_error *err)
{
    (void)ctx;
    return unlink(path) == 0 ? 0 : tm__real_path_error(err, errno, "remove", path);
}

static int make_directory(const char *path, struct tm_error *err)
{
    if (mkdir(path, 0777) == 0)
        return 0;
    int errnum = errno;
    struct stat st;
    // Whatever mkdir says (EEXIST, EROFS, EACCES), a directory that is there is fine.
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        return tm_error_set(err, TM_E_EXISTS,
                            "cannot make the directory %s: it exists and is no directory", path);
    }
    return tm__real_path_error(err, errnum, "make the directory", path);
}

static int real_mkdirs(void *ctx, const char *path, struct tm_error *err)
{
    (void)ctx;
    char prefix[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(prefix))
        return tm__real_path_error(err, len == 0 ? ENOENT : ENAMETOOLONG, "make the directory",
                                   path);
    memcpy(prefix, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if ((prefix[i] != '/' && prefix[i] != '\0') || prefix[i - 1] == '/')
            continue;
        prefix[i] = '\0';
        int rc = make_directory(prefix, err);
        if (rc != 0)
            return rc;
        prefix[i] = path[i];
    }
    return 0;
}

static struct tm_file_info info_of(const struct stat *st)
{
    return (struct tm_file_info){
        .size_bytes = st->st_size,
        .is_directory = S_ISDIR(st->st_mode),
        .is_regular = S_ISREG(st->st_mode),
        .device = st->st_dev,
        .inode = st->st_ino,
    };
}

static int real_stat(void *ctx, const char *path, struct tm_file_info *info, struct tm_error *err)
{
    (void)ctx;
    struct stat st;
    if (stat(path, &st) != 0)
        return tm__real_path_error(err, errno, "look at", path);
    *info = info_of(&st);
    return 0;
}

static int real_stat_fd(void *ctx, int fd, struct tm_file_info *info, struct tm_error *err)
{
    (void)ctx;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fd_error(err, errno, "look at", fd);
    *info = info_of(&st);
    return 0;
}

// One link: `text` becomes what it means. 1: it was one, 0: it was none, or a code.
static int follow(char *text, size_t size, struct tm_error *err)
{
    char target[PATH_MAX];
    const char *slash = strrchr(text, '/');
    size_t folder = slash == NULL ? 0 : (size_t)(slash - text) + 1;
    ssize_t n = readlink(text, target, sizeof(target));
    if (n < 0) // no link, or not there: whoever opens it says what is wrong
        return 0;
    if (target[0] == '/')
        folder = 0;
    if ((size_t)n == sizeof(target) || folder + (size_t)n + 1 > size)
        return tm__real_path_error(err, ENAMETOOLONG, "follow", text);
    memcpy(text + folder, target, (size_t)n);
    text[folder + (size_t)n] = '\0';
    return 1;
}

static int real_resolve(void *ctx, const char *path, char *text, size_t size, struct tm_error *err)
{
    (void)ctx;
    size_t len = strlen(path);
    if (len >= size)
        return tm__real_path_error(err, ENAMETOOLONG, "follow", path);
    memcpy(text, path, len + 1);
    int rc = 1;
    for (int links = 0; rc == 1; links++) {
        if (links == LINKS_MAX)
            return tm__real_path_error(err, ELOOP, "follow", path);
        rc = follow(text, size, err);
    }
    return rc;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// glob() calls this for a directory that it cannot read; nonzero ends it with GLOB_ABORTED and
// errno of the directory. What is not there does not match; what may not be read is an error.
static int on_unreadable(const char *path, int errnum)
{
    (void)path;
    errno = errnum;
    return errnum != ENOENT && errnum != ENOTDIR;
}

static int real_glob(void *ctx, const char *pattern, int (*add)(void *arg, const char *path),
                     void *arg, struct tm_error *err)
{
    (void)ctx;
    glob_t found;
    int rc = glob(pattern, GLOB_NOSORT, on_unreadable, &found); // the locale would sort
    if (rc == GLOB_NOMATCH) {
        globfree(&found);
        return 0;
    }
    if (rc != 0) {
        int errnum = errno;
        globfree(&found);
        if (rc == GLOB_NOSPACE)
            return tm_error_set(err, TM_E_MEMORY, "out of memory for the paths of %s", pattern);
        return tm__real_path_error(err, errnum, "list", pattern);
    }
    qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv), by_bytes);
    rc = 0;
    for (size_t i = 0; i < found.gl_pathc && rc == 0; i++)
        rc = add(arg, found.gl_pathv[i]);
    globfree(&found);
    if (rc < 0 && err != NULL && err->code == 0)
        tm_error_set(err, rc, "cannot take the paths of %s", pattern);
    return rc < 0 ? rc : 0;
}

static bool real_is_terminal(void *ctx, int fd)
{
    (void)ctx;
    return isatty(fd) != 0;
}

static void real_terminal(void *ctx, int fd, struct tm_terminal *terminal)
{
    (void)ctx;
    struct winsize size;
    const char *no_color = getenv("NO_COLOR"), *kind = getenv("TERM");
    if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
        terminal->columns = size.ws_col;
        terminal->rows = size.ws_row;
    }
    terminal->color =
        (no_color == NULL || no_color[0] == '\0') && (kind == NULL || strcmp(kind, "dumb") != 0);
}

const struct tm_fx_files tm__real_files = {
    .open = real_open,
    .read = real_read,
    .seek = real_seek,
    .read_now = real_read_now,
    .write_all = real_write_all,
    .wait_readable = real_wait_readable,
    .sync = real_sync,
    .close = real_close,
    .truncate = real_truncate,
    .rename = real_rename,
    .unlink = real_unlink,
    .mkdirs = real_mkdirs,
    .list = tm__real_list,
    .remove_folder = tm__real_remove_folder,
    .sync_folder = tm__real_sync_folder,
    .stat = real_stat,
    .stat_fd = real_stat_fd,
    .lock = tm__real_lock,
    .resolve = real_resolve,
    .glob = real_glob,
    .is_terminal = real_is_terminal,
    .terminal = real_terminal,
};
