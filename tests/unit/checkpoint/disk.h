// A file system in memory for the tests of checkpoints: it records every change, can fail at any
// call, and can be put into a state that a crash may leave (crash.h).
//
// Files and folders are inodes, known by number; a name is {folder, name, inode}. Inode 0 is the
// root. A file that is created anew is a new inode, so bytes are only ever appended.
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/effects.h"
#include "tests/memory.h"

enum { DISK_INODES = 2048, DISK_NAMES = 1024, DISK_OPS = 8192, DISK_OPEN = 64, DISK_NAME = 40 };

enum disk_what { DISK_WRITE, DISK_SYNC, DISK_LINK, DISK_UNLINK, DISK_RENAME, DISK_SYNC_FOLDER };

// A change, as it was made.
struct disk_op {
    enum disk_what what;
    int inode;  // written, synced, named; of SYNC_FOLDER the folder
    int folder; // of names
    char name[DISK_NAME], to[DISK_NAME];
    size_t size; // of WRITE: the inode's afterwards
};

struct disk_inode {
    bool folder;
    uint8_t *data;
    size_t size, capacity;
};

struct disk_name {
    int folder, inode;
    char name[DISK_NAME];
};

struct disk_names {
    struct disk_name all[DISK_NAMES];
    int count;
};

struct disk {
    struct disk_inode inodes[DISK_INODES];
    int inode_count;
    struct disk_names names;
    struct disk_op *ops;
    int op_count;
    bool recording;
    struct {
        int inode; // -1: free
        size_t position;
        bool is_lock;
    } open[DISK_OPEN];
    // Calls that can fail, as they are counted; the one of number `fail_at` does, and with
    // fail_always all that follow.
    int64_t calls, fail_at;
    bool fail_always, only_writes; // only calls that change something count
    int fail_code;
    void (*before_rename)(const char *to); // NULL, or who does something just before
    int64_t syncs, skip_sync;              // the sync of this number is not done
    int skipped_at;                        // operations before it
};

static struct disk disk;
static char disk_skipped[256]; // what was not synced

// --- names ---------------------------------------------------------------------------------------

static inline struct disk_name *disk_find_in(struct disk_names *names, int folder, const char *name,
                                             size_t length)
{
    for (int i = 0; i < names->count; i++)
        if (names->all[i].folder == folder && strlen(names->all[i].name) == length &&
            memcmp(names->all[i].name, name, length) == 0)
            return &names->all[i];
    return NULL;
}

static inline void disk_unname(struct disk_names *names, struct disk_name *name)
{
    *name = names->all[--names->count];
}

// A name operation, as it takes effect on names. What it needs may not be there (crash states).
static inline void disk_apply(struct disk_names *names, const struct disk_op *op)
{
    struct disk_name *old = disk_find_in(names, op->folder, op->name, strlen(op->name));
    if (op->what == DISK_UNLINK) {
        if (old != NULL)
            disk_unname(names, old);
        return;
    }
    struct disk_name new = {.folder = op->folder, .inode = op->inode};
    strcpy(new.name, op->what == DISK_RENAME ? op->to : op->name);
    if (op->what == DISK_RENAME) {
        if (old != NULL)
            disk_unname(names, old);
        old = disk_find_in(names, op->folder, op->to, strlen(op->to));
    }
    if (old != NULL)
        disk_unname(names, old);
    ck_assert_int_lt(names->count, DISK_NAMES);
    names->all[names->count++] = new;
}

// The folder of a path and its last name; -1: a folder on the way is missing.
static inline int disk_walk(const char *path, const char **last)
{
    int folder = 0;
    *last = path;
    for (;;) {
        const char *slash = strchr(path, '/');
        if (slash == NULL)
            break;
        const struct disk_name *name =
            disk_find_in(&disk.names, folder, path, (size_t)(slash - path));
        if (name == NULL || !disk.inodes[name->inode].folder)
            return -1;
        folder = name->inode;
        path = slash + strspn(slash, "/");
    }
    *last = path;
    return folder;
}

static inline int disk_inode_of(const char *path)
{
    const char *last;
    if (strcmp(path, ".") == 0)
        return 0;
    int folder = disk_walk(path, &last);
    const struct disk_name *name =
        folder < 0 ? NULL : disk_find_in(&disk.names, folder, last, strlen(last));
    return name == NULL ? -1 : name->inode;
}

// --- changes -------------------------------------------------------------------------------------

static inline void disk_record(struct disk_op op)
{
    if (!disk.recording)
        return;
    ck_assert_int_lt(disk.op_count, DISK_OPS);
    disk.ops[disk.op_count++] = op;
}

static inline int disk_new_inode(bool folder)
{
    ck_assert_int_lt(disk.inode_count, DISK_INODES);
    disk.inodes[disk.inode_count].folder = folder;
    return disk.inode_count++;
}

static inline void disk_name_op(enum disk_what what, int folder, const char *name, const char *to,
                                int inode)
{
    struct disk_op op = {.what = what, .inode = inode, .folder = folder};
    ck_assert_uint_lt(strlen(name), sizeof op.name);
    strcpy(op.name, name);
    strcpy(op.to, to);
    disk_apply(&disk.names, &op);
    disk_record(op);
}

// Does this call fail?
static inline int disk_call(bool writes, const char *what, const char *path, struct tm_error *err)
{
    if (disk.only_writes && !writes)
        return 0;
    int64_t call = disk.calls++;
    if (call != disk.fail_at && !(disk.fail_always && disk.fail_at >= 0 && call > disk.fail_at))
        return 0;
    return tm_error_set(err, disk.fail_code, "cannot %s %s", what, path);
}

static inline bool disk_is_locked(int inode)
{
    for (int fd = 0; fd < DISK_OPEN; fd++)
        if (disk.open[fd].inode == inode && disk.open[fd].is_lock)
            return true;
    return false;
}

static inline int disk_open(void *ctx, const char *path, enum tm_file_mode mode,
                            struct tm_error *err)
{
    (void)ctx;
    const char *last;
    int rc = disk_call(mode != TM_FILE_READ, "open", path, err);
    int folder = disk_walk(path, &last), inode = disk_inode_of(path);
    if (rc != 0)
        return rc;
    if (folder < 0 || (mode == TM_FILE_READ && inode < 0))
        return tm_error_set(err, TM_E_NOT_FOUND, "open %s: no such file", path);
    if (mode == TM_FILE_CREATE_NEW && inode >= 0)
        return tm_error_set(err, TM_E_EXISTS, "open %s: exists", path);
    bool locked = mode == TM_FILE_CREATE && inode >= 0 && disk_is_locked(inode);
    if (locked) { // it stays the same file
        disk.inodes[inode].size = 0;
    } else if (mode != TM_FILE_READ) {
        inode = disk_new_inode(false);
        disk_name_op(DISK_LINK, folder, last, "", inode);
    }
    for (int fd = 3; fd < DISK_OPEN; fd++)
        if (disk.open[fd].inode < 0) {
            disk.open[fd].inode = inode;
            disk.open[fd].position = 0;
            disk.open[fd].is_lock = false;
            return fd;
        }
    ck_abort_msg("too many open files");
}

static inline int64_t disk_read(void *ctx, int fd, void *buf, size_t len, struct tm_error *err)
{
    (void)ctx;
    const struct disk_inode *inode = &disk.inodes[disk.open[fd].inode];
    int rc = disk_call(false, "read", "it", err);
    if (rc != 0)
        return rc;
    size_t left = inode->size > disk.open[fd].position ? inode->size - disk.open[fd].position : 0;
    size_t n = len < left ? len : left;
    if (n > 3000)
        n = 3000; // less than was asked for is fine
    if (n != 0)
        memcpy(buf, inode->data + disk.open[fd].position, n);
    disk.open[fd].position += n;
    return (int64_t)n;
}

static inline int disk_seek(void *ctx, int fd, int64_t offset, struct tm_error *err)
{
    (void)ctx;
    (void)err;
    disk.open[fd].position = (size_t)offset;
    return 0;
}

static inline void disk_append(int inode, const void *bytes, size_t len)
{
    struct disk_inode *file = &disk.inodes[inode];
    if (file->size + len > file->capacity) {
        file->capacity = 2 * (file->size + len);
        file->data = realloc(file->data, file->capacity);
    }
    if (len != 0)
        memcpy(file->data + file->size, bytes, len);
    file->size += len;
    disk_record((struct disk_op){.what = DISK_WRITE, .inode = inode, .size = file->size});
}

static inline int disk_write_all(void *ctx, int fd, const void *buf, size_t len,
                                 const _Atomic int *cancel, struct tm_error *err)
{
    (void)ctx;
    (void)cancel;
    int rc = disk_call(true, "write to", "it", err);
    disk_append(disk.open[fd].inode, buf, rc != 0 ? len / 2 : len); // what fits is written
    return rc;
}

static inline void disk_skip(const char *what)
{
    disk.skipped_at = disk.op_count;
    snprintf(disk_skipped, sizeof disk_skipped, "%s, after %d operations", what, disk.op_count);
}

static inline int disk_sync(void *ctx, int fd, struct tm_error *err)
{
    (void)ctx;
    int rc = disk_call(true, "sync", "it", err);
    if (rc == 0 && disk.syncs++ != disk.skip_sync)
        disk_record((struct disk_op){.what = DISK_SYNC, .inode = disk.open[fd].inode});
    else
        disk_skip("a file");
    return rc;
}

static inline int disk_close(void *ctx, int fd, struct tm_error *err)
{
    (void)ctx;
    ck_assert_int_ge(disk.open[fd].inode, 0);
    disk.open[fd].inode = -1;
    return err == NULL ? 0 : disk_call(true, "close", "it", err);
}

static inline bool disk_is_empty(int folder)
{
    for (int i = 0; i < disk.names.count; i++)
        if (disk.names.all[i].folder == folder)
            return false;
    return true;
}

static inline int disk_rename(void *ctx, const char *from, const char *to, struct tm_error *err)
{
    (void)ctx;
    const char *name, *new;
    if (disk.before_rename != NULL)
        disk.before_rename(to);
    int rc = disk_call(true, "rename", from, err);
    if (rc != 0)
        return rc;
    int folder = disk_walk(from, &name), inode = disk_inode_of(from), there = disk_inode_of(to);
    if (inode < 0)
        return tm_error_set(err, TM_E_NOT_FOUND, "rename %s: no such file or folder", from);
    if (there >= 0 && disk.inodes[there].folder && !disk_is_empty(there))
        return tm_error_set(err, TM_E_IO, "rename %s: %s is not empty", from, to);
    ck_assert_int_eq(folder, disk_walk(to, &new));
    disk_name_op(DISK_RENAME, folder, name, new, inode);
    return 0;
}

static inline int disk_remove(const char *path, bool is_folder, struct tm_error *err)
{
    const char *last;
    int rc = disk_call(true, "remove", path, err);
    int folder = disk_walk(path, &last), inode = disk_inode_of(path);
    if (rc != 0)
        return rc;
    if (inode < 0)
        return tm_error_set(err, TM_E_NOT_FOUND, "remove %s: no such file", path);
    ck_assert_int_eq(disk.inodes[inode].folder, is_folder);
    if (is_folder && !disk_is_empty(inode))
        return tm_error_set(err, TM_E_IO, "remove %s: it is not empty", path);
    disk_name_op(DISK_UNLINK, folder, last, "", inode);
    return 0;
}

static inline int disk_unlink(void *ctx, const char *path, struct tm_error *err)
{
    (void)ctx;
    return disk_remove(path, false, err);
}

static inline int disk_remove_folder(void *ctx, const char *path, struct tm_error *err)
{
    (void)ctx;
    return disk_remove(path, true, err);
}

static inline int disk_mkdirs(void *ctx, const char *path, struct tm_error *err)
{
    (void)ctx;
    char prefix[256];
    int rc = disk_call(true, "make", path, err);
    for (size_t i = 1; rc == 0 && i <= strlen(path); i++) {
        const char *last;
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(prefix, i + 1, "%s", path);
        int folder = disk_walk(prefix, &last);
        if (disk_inode_of(prefix) < 0)
            disk_name_op(DISK_LINK, folder, last, "", disk_new_inode(true));
    }
    return rc;
}

static inline int disk_list(void *ctx, const char *path, int (*each)(void *arg, const char *name),
                            void *arg, struct tm_error *err)
{
    (void)ctx;
    int rc = disk_call(false, "list", path, err), inode = disk_inode_of(path);
    if (rc != 0)
        return rc;
    if (inode < 0)
        return tm_error_set(err, TM_E_NOT_FOUND, "list %s: no such folder", path);
    for (int i = disk.names.count; i-- > 0 && rc == 0;)
        if (disk.names.all[i].folder == inode)
            rc = each(arg, disk.names.all[i].name);
    return rc;
}

static inline int disk_sync_folder(void *ctx, const char *path, struct tm_error *err)
{
    (void)ctx;
    int rc = disk_call(true, "sync", path, err), inode = disk_inode_of(path);
    if (rc != 0)
        return rc;
    if (inode < 0)
        return tm_error_set(err, TM_E_NOT_FOUND, "sync %s: no such folder", path);
    if (disk.syncs++ != disk.skip_sync)
        disk_record((struct disk_op){.what = DISK_SYNC_FOLDER, .inode = inode});
    else
        disk_skip(path);
    return 0;
}

static inline int disk_info(int inode, struct tm_file_info *info)
{
    *info = (struct tm_file_info){.size_bytes = (int64_t)disk.inodes[inode].size,
                                  .is_directory = disk.inodes[inode].folder,
                                  .is_regular = !disk.inodes[inode].folder};
    return 0;
}

static inline int disk_stat(void *ctx, const char *path, struct tm_file_info *info,
                            struct tm_error *err)
{
    (void)ctx;
    int inode = disk_inode_of(path);
    return inode < 0 ? tm_error_set(err, TM_E_NOT_FOUND, "%s: no such file", path)
                     : disk_info(inode, info);
}

static inline int disk_stat_fd(void *ctx, int fd, struct tm_file_info *info, struct tm_error *err)
{
    (void)ctx;
    (void)err;
    return disk_info(disk.open[fd].inode, info);
}

static inline uint64_t disk_random(void *ctx)
{
    static uint64_t drawn;
    (void)ctx;
    return drawn += 0x9e3779b97f4a7c15u;
}

static inline int disk_lock(void *ctx, const char *path, bool create, int64_t *holder,
                            struct tm_error *err)
{
    int inode = disk_inode_of(path);
    for (int fd = 3; fd < DISK_OPEN && inode >= 0; fd++)
        if (disk.open[fd].inode == inode && disk.open[fd].is_lock) {
            *holder = TM_LOCK_OURS;
            return tm_error_set(err, TM_E_IN_USE, "%s is held by this process", path);
        }
    ck_assert(create);
    int fd = disk_open(ctx, path, inode < 0 ? TM_FILE_CREATE_NEW : TM_FILE_READ, err);
    if (fd >= 0)
        disk.open[fd].is_lock = true;
    return fd;
}

static const struct tm_fx_files disk_files = {
    .open = disk_open,
    .read = disk_read,
    .seek = disk_seek,
    .write_all = disk_write_all,
    .sync = disk_sync,
    .close = disk_close,
    .rename = disk_rename,
    .unlink = disk_unlink,
    .mkdirs = disk_mkdirs,
    .list = disk_list,
    .remove_folder = disk_remove_folder,
    .sync_folder = disk_sync_folder,
    .stat = disk_stat,
    .stat_fd = disk_stat_fd,
    .lock = disk_lock,
};
static const struct tm_fx_random disk_draws = {disk_random};
static const struct tm_fx disk_fx = {
    .random = &disk_draws, .files = &disk_files, .memory = &plain_memory};

// --- its life ------------------------------------------------------------------------------------

static inline void disk_init(void)
{
    memset(&disk, 0, sizeof disk);
    disk.ops = calloc(DISK_OPS, sizeof *disk.ops);
    disk.recording = true;
    disk.fail_at = -1;
    disk.skip_sync = -1;
    for (int fd = 0; fd < DISK_OPEN; fd++)
        disk.open[fd].inode = -1;
    disk_new_inode(true);
}

static inline void disk_fini(void)
{
    for (int i = 0; i < disk.inode_count; i++)
        free(disk.inodes[i].data);
    free(disk.ops);
}

static inline int disk_open_count(void)
{
    int count = 0;
    for (int fd = 0; fd < DISK_OPEN; fd++)
        count += disk.open[fd].inode >= 0;
    return count;
}

// A checkpoint under way, of whatever process.
static inline bool disk_has_attempt(int checkpoint)
{
    char begin[DISK_NAME];
    snprintf(begin, sizeof begin, "chk-%d.", checkpoint);
    for (int i = 0; i < disk.names.count; i++)
        if (strncmp(disk.names.all[i].name, begin, strlen(begin)) == 0)
            return true;
    return false;
}

// Locks hold nothing any more.
static inline void disk_lose_locks(void)
{
    for (int fd = 0; fd < DISK_OPEN; fd++)
        disk.open[fd].is_lock = false;
}

static inline bool disk_has(const char *path)
{
    return disk_inode_of(path) >= 0;
}
