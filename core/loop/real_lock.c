// Locks of files and folders: flock, which belongs to an open file and not to a process, so that
// two sinks of one process exclude each other as two processes do, and which a killed process
// leaves.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/loop/real_private.h"

enum {
    // Each try that fails means that another process published or removed the file in that moment.
    TRIES_MAX = 100,
};

// The kernel's list has a line per lock: "1: FLOCK  ADVISORY  WRITE 1234 fe:00:131074 0 EOF".
// Processes of other containers are not in it.
static int64_t holder_of(int fd)
{
    struct stat st;
    char line[256];
    int64_t holder = 0;
    FILE *list = fstat(fd, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
    while (list != NULL && fgets(line, sizeof(line), list) != NULL) {
        int64_t process;
        unsigned major, minor;
        uint64_t inode;
        if (sscanf(line, "%*s FLOCK %*s %*s %" SCNd64 " %x:%x:%" SCNu64, &process, &major, &minor,
                   &inode) == 4 &&
            inode == st.st_ino && major == major(st.st_dev) && minor == minor(st.st_dev))
            holder = process;
    }
    if (list != NULL)
        fclose(list);
    return holder == getpid() ? TM_LOCK_OURS : holder;
}

static int open_to_lock(const char *path, bool create)
{
    int fd, flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    do
        fd = open(path, flags | (create ? O_RDWR | O_CREAT : O_RDWR), 0666);
    while (fd < 0 && errno == EINTR);
    if (fd < 0 && (errno == EISDIR || (!create && errno != ENOENT)))
        fd = open(path, flags | O_RDONLY); // which is enough, but for network file systems
    return tm__real_above_standard(fd);
}

// Is the open file still the one that the path names?
static bool is_current(int fd, const char *path)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

static int in_use(const char *path, int64_t holder, struct tm_error *err)
{
    if (holder > 0)
        return tm_error_set(err, TM_E_IN_USE, "%s is held by process %" PRId64, path, holder);
    return tm_error_set(err, TM_E_IN_USE, "%s is held by %s process", path,
                        holder == TM_LOCK_OURS ? "this" : "another");
}

int tm__real_lock(void *ctx, const char *path, bool create, int64_t *holder, struct tm_error *err)
{
    (void)ctx;
    for (int i = 0; i < TRIES_MAX; i++) {
        int fd = open_to_lock(path, create), rc;
        if (fd < 0)
            return tm__real_path_error(err, errno, create ? "create" : "open", path);
        do
            rc = flock(fd, LOCK_EX | LOCK_NB);
        while (rc != 0 && errno == EINTR);
        if (rc != 0 && errno == EWOULDBLOCK) {
            *holder = holder_of(fd);
            close(fd);
            return in_use(path, *holder, err);
        }
        if (rc != 0 || is_current(fd, path)) // other failures: this file system knows no locks
            return fd;
        close(fd);
    }
    *holder = 0;
    return in_use(path, 0, err);
}
