// Locks of files and folders: flock, which belongs to an open file and not to a process, so that
// two sinks of one process exclude each other as two processes do, and which a killed process
// leaves.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "core/loop/real_private.h"

enum {
    // Each try that fails means that another process published or removed the file in that moment.
    TRIES_MAX = 100,
    // A process that has been killed holds its locks until its memory is free: a third of a second
    // for each GB.
    ENDING_MS = 10000,
    ENDING_LOOK_MS = 10,
    // Where the list names nobody: one whose last file the kernel closes behind its end (a moment,
    // longer on a machine without a free processor), or a process of another container.
    UNKNOWN_MS = 1000,
    FLAG_EXITING = 4, // PF_EXITING in the kernel's flags of a task
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

// --- whose it is ---------------------------------------------------------------------------------

// Its state, flags and parent, as of /proc/PID/stat. False: it is gone, or nobody can say.
static bool read_stat(int64_t process, char *state, unsigned *flags, int64_t *parent)
{
    char path[48], line[512];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", process);
    FILE *file = fopen(path, "re");
    bool got = file != NULL && fgets(line, sizeof line, file) != NULL;
    if (file != NULL)
        fclose(file);
    const char *rest = got ? strrchr(line, ')') : NULL; // a name may have anything in it
    return rest != NULL &&
           sscanf(rest, ") %c %" SCNd64 " %*d %*d %*d %*d %u", state, parent, flags) == 3;
}

// A signal that ends it is on its way.
static bool is_killed(int64_t process)
{
    char path[48], line[128];
    bool killed = false;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/status", process);
    FILE *file = fopen(path, "re");
    while (file != NULL && !killed && fgets(line, sizeof line, file) != NULL) {
        uint64_t pending;
        if (sscanf(line, "SigPnd: %" SCNx64, &pending) == 1 ||
            sscanf(line, "ShdPnd: %" SCNx64, &pending) == 1)
            killed = (pending >> (SIGKILL - 1) & 1) != 0;
    }
    if (file != NULL)
        fclose(file);
    return killed;
}

static bool is_ending(int64_t process)
{
    char state;
    unsigned flags;
    int64_t parent;
    if (process <= 0)
        return false;
    if (!read_stat(process, &state, &flags, &parent))
        return true;
    return state == 'Z' || state == 'X' || (flags & FLAG_EXITING) != 0 || is_killed(process);
}

// A worker process is its supervisor's, whom a user knows and ends: the parent is the same program.
static int64_t supervisor_of(int64_t process)
{
    char state, path[48], own[512], other[512];
    unsigned flags;
    int64_t parent;
    if (process <= 0 || !read_stat(process, &state, &flags, &parent) || parent <= 1 ||
        parent == getpid())
        return process;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/exe", process);
    ssize_t length = readlink(path, own, sizeof own);
    snprintf(path, sizeof path, "/proc/%" PRId64 "/exe", parent);
    bool same = length > 0 && readlink(path, other, sizeof other) == length &&
                memcmp(own, other, (size_t)length) == 0;
    return same ? parent : process;
}

// --- locking -------------------------------------------------------------------------------------

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

// As flock. One who is ending is waited for; *holder: who has it, when it is EWOULDBLOCK.
static int take(int fd, int64_t *holder)
{
    const struct timespec look = {.tv_nsec = ENDING_LOOK_MS * 1000000L};
    for (int waited_ms = 0;; waited_ms += ENDING_LOOK_MS) {
        int rc;
        do
            rc = flock(fd, LOCK_EX | LOCK_NB);
        while (rc != 0 && errno == EINTR);
        if (rc == 0 || errno != EWOULDBLOCK)
            return rc;
        *holder = holder_of(fd);
        // Nobody: it has just been let go, or nobody can say.
        bool waits = *holder == 0 ? waited_ms < UNKNOWN_MS : is_ending(*holder);
        if (waited_ms >= ENDING_MS || !waits) {
            errno = EWOULDBLOCK;
            return rc;
        }
        (void)nanosleep(&look, NULL);
    }
}

int tm__real_lock(void *ctx, const char *path, bool create, int64_t *holder, struct tm_error *err)
{
    (void)ctx;
    for (int i = 0; i < TRIES_MAX; i++) {
        int fd = open_to_lock(path, create), rc;
        if (fd < 0)
            return tm__real_path_error(err, errno, create ? "create" : "open", path);
        rc = take(fd, holder);
        if (rc != 0 && errno == EWOULDBLOCK) {
            *holder = supervisor_of(*holder);
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
