// Files in memory that remember what is durable: a process can be killed at any operation, and the
// machine can lose its power, after which writes that were not synced are there in part, and of
// what was done in a folder only the first so many steps; or, of all that may be left then, one
// state after the other (disk_every), with any of those steps. Also errors at any operation, and no
// space.
#pragma once

#include <fnmatch.h>

#include "tests/unit/connector_file/support.h"

enum { DISK_NODES = 768, DISK_FDS = 128, DISK_PATH = 160, DISK_STEPS = 2048 };

struct disk_write {
    size_t at, len; // a write of `bytes`; or, bytes NULL, the size becomes `at`
    uint8_t *bytes;
};
struct disk_node {
    bool is_folder;
    uint8_t *data, *synced;
    size_t size, synced_size;
    struct disk_write *writes; // since the last sync
    uint32_t write_count;
};
struct disk_entry {
    char path[DISK_PATH];
    int node;
};
struct disk_names {
    struct disk_entry entries[DISK_NODES];
    int count;
};
struct disk_step {                                          // in a folder, not durable yet
    char folder[DISK_PATH], from[DISK_PATH], to[DISK_PATH]; // from "": `node` gets the name `to`
    int node;                                               // to "": `from` goes
    bool done;
};

static struct disk {
    struct disk_node nodes[DISK_NODES];
    int node_count;
    struct disk_names now, durable;
    struct disk_step steps[DISK_STEPS];
    int step_count;
    struct disk_fd {
        int node;
        size_t at;
        bool used, append;
    } fds[DISK_FDS];
    int64_t operations, kill_at, fail_at; // 0: never
    bool is_dead;
    int64_t space; // -1: any
    uint64_t seed;
} D;

static uint32_t disk_draw(uint32_t below)
{
    D.seed = D.seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((D.seed >> 33) % below);
}

// What a loss of power may leave, counted through: each choice that is made is a digit.
static struct disk_every {
    bool on;
    uint32_t count, at;
    uint8_t below[256], value[256];
} disk_every;

static uint32_t disk_choose(uint32_t below)
{
    struct disk_every *e = &disk_every;
    if (e->at == e->count) {
        ck_assert_uint_lt(e->count, 256);
        e->below[e->count] = (uint8_t)below;
        e->value[e->count++] = 0;
    }
    ck_assert_uint_eq(e->below[e->at], below); // the run before it was the same
    return e->value[e->at++];
}

// False: there is no other.
static bool disk_choose_next(void)
{
    struct disk_every *e = &disk_every;
    while (e->count != 0 && e->value[e->count - 1] + 1 == e->below[e->count - 1])
        e->count--;
    if (e->count == 0)
        return false;
    e->value[e->count - 1]++;
    e->at = 0;
    return true;
}

static int disk_find(const struct disk_names *names, const char *path)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->entries[i].path, path) == 0)
            return i;
    return -1;
}

static void disk_link(struct disk_names *names, const char *path, int node)
{
    int i = disk_find(names, path);
    if (i < 0) {
        ck_assert_int_lt(names->count, DISK_NODES);
        i = names->count++;
        snprintf(names->entries[i].path, DISK_PATH, "%s", path);
    }
    names->entries[i].node = node;
}

static void disk_unlink_name(struct disk_names *names, const char *path)
{
    int i = disk_find(names, path);
    if (i >= 0)
        names->entries[i] = names->entries[--names->count];
}

static void disk_apply(struct disk_names *names, const struct disk_step *step)
{
    if (step->from[0] != 0)
        disk_unlink_name(names, step->from);
    if (step->to[0] != 0)
        disk_link(names, step->to, step->node);
}

static void disk_folder_of(const char *path, char *folder)
{
    snprintf(folder, DISK_PATH, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *(slash == folder ? slash + 1 : slash) = 0;
    else
        snprintf(folder, DISK_PATH, ".");
}

static void disk_do(const char *from, const char *to, int node)
{
    ck_assert_int_lt(D.step_count, DISK_STEPS);
    struct disk_step *step = &D.steps[D.step_count++];
    *step = (struct disk_step){.node = node};
    snprintf(step->from, DISK_PATH, "%s", from);
    snprintf(step->to, DISK_PATH, "%s", to);
    disk_folder_of(from[0] != 0 ? from : to, step->folder);
    disk_apply(&D.now, step);
}

// 0: go on; else why not. *torn: the operation happens in part before the end.
static int disk_operate(bool *torn, struct tm_error *err)
{
    if (D.is_dead)
        return tm_error_set(err, TM_E_STOPPED, "killed");
    D.operations++;
    if (D.operations == D.kill_at) {
        D.is_dead = true;
        if (torn != NULL && disk_draw(2) == 0) {
            *torn = true;
            return 0;
        }
        return tm_error_set(err, TM_E_STOPPED, "killed");
    }
    return D.operations == D.fail_at ? tm_error_set(err, TM_E_IO, "an error of the disk") : 0;
}

static int disk_new_node(bool is_folder)
{
    ck_assert_int_lt(D.node_count, DISK_NODES);
    D.nodes[D.node_count] = (struct disk_node){.is_folder = is_folder};
    return D.node_count++;
}

static int disk_mkdirs(void *ctx, const char *path, struct tm_error *err)
{
    char folder[DISK_PATH];
    if (disk_find(&D.now, path) >= 0)
        return 0;
    disk_folder_of(path, folder);
    int rc = disk_mkdirs(ctx, folder, err);
    rc = rc != 0 ? rc : disk_operate(NULL, err);
    if (rc == 0)
        disk_do("", path, disk_new_node(true));
    return rc;
}

static void disk_resize(struct disk_node *node, size_t size)
{
    node->data = realloc(node->data, size + 1);
    if (size > node->size)
        memset(node->data + node->size, 0, size - node->size);
    node->size = size;
}

static void disk_note(struct disk_node *node, size_t at, size_t len, const void *bytes)
{
    node->writes = realloc(node->writes, (node->write_count + 1) * sizeof *node->writes);
    struct disk_write *w = &node->writes[node->write_count++];
    *w = (struct disk_write){.at = at, .len = len};
    if (bytes != NULL) {
        w->bytes = malloc(len + 1);
        memcpy(w->bytes, bytes, len);
    }
}

static int disk_fd_of(int node, bool append)
{
    int fd = 10;
    while (D.fds[fd].used)
        ck_assert_int_lt(++fd, DISK_FDS);
    D.fds[fd] = (struct disk_fd){.node = node, .used = true, .append = append};
    return fd;
}

static int disk_open(void *ctx, const char *path, enum tm_file_mode mode, struct tm_error *err)
{
    (void)ctx;
    char folder[DISK_PATH];
    int i = disk_find(&D.now, path);
    if (D.is_dead)
        return tm_error_set(err, TM_E_STOPPED, "killed");
    if (i < 0 && mode == TM_FILE_READ)
        return tm_error_set(err, TM_E_NOT_FOUND, "there is no %s", path);
    if (mode != TM_FILE_READ && (i < 0 || mode == TM_FILE_CREATE)) {
        int rc = disk_operate(NULL, err);
        if (rc != 0)
            return rc;
        disk_folder_of(path, folder);
        ck_assert_msg(disk_find(&D.now, folder) >= 0, "no folder %s", folder);
    }
    int node = i >= 0 ? D.now.entries[i].node : disk_new_node(false);
    if (i < 0) {
        disk_do("", path, node);
    } else if (mode == TM_FILE_CREATE) {
        disk_resize(&D.nodes[node], 0);
        disk_note(&D.nodes[node], 0, 0, NULL);
    }
    return disk_fd_of(node, mode == TM_FILE_APPEND);
}

static int disk_lock(void *ctx, const char *path, bool create, int64_t *holder,
                     struct tm_error *err)
{
    (void)holder;
    return disk_open(ctx, path, create ? TM_FILE_APPEND : TM_FILE_READ, err);
}

static int64_t disk_read(void *ctx, int fd, void *buf, size_t len, struct tm_error *err)
{
    (void)ctx;
    struct disk_fd *f = &D.fds[fd];
    const struct disk_node *node = &D.nodes[f->node];
    if (D.is_dead)
        return tm_error_set(err, TM_E_STOPPED, "killed");
    size_t there = f->at < node->size ? node->size - f->at : 0;
    len = len < there ? len : there;
    if (len != 0)
        memcpy(buf, node->data + f->at, len);
    f->at += len;
    return (int64_t)len;
}

static int disk_seek(void *ctx, int fd, int64_t offset, struct tm_error *err)
{
    (void)ctx, (void)err;
    D.fds[fd].at = (size_t)offset;
    return 0;
}

static int disk_write_all(void *ctx, int fd, const void *buf, size_t len, const _Atomic int *cancel,
                          struct tm_error *err)
{
    (void)ctx, (void)cancel;
    struct disk_fd *f = &D.fds[fd];
    struct disk_node *node = &D.nodes[f->node];
    bool torn = false;
    int rc = disk_operate(&torn, err);
    if (rc != 0)
        return rc;
    len = torn ? len / 2 : len;
    bool full = D.space >= 0 && (int64_t)len > D.space;
    len = full ? (size_t)D.space : len;
    D.space -= D.space >= 0 ? (int64_t)len : 0;
    f->at = f->append ? node->size : f->at;
    disk_note(node, f->at, len, buf);
    disk_resize(node, f->at + len > node->size ? f->at + len : node->size);
    memcpy(node->data + f->at, buf, len);
    f->at += len;
    if (torn)
        return tm_error_set(err, TM_E_STOPPED, "killed");
    return full ? tm_error_set(err, TM_E_NO_SPACE, "no space") : 0;
}

static void disk_sync_node(struct disk_node *node)
{
    node->synced = realloc(node->synced, node->size + 1);
    if (node->size != 0)
        memcpy(node->synced, node->data, node->size);
    node->synced_size = node->size;
    for (uint32_t i = 0; i < node->write_count; i++)
        free(node->writes[i].bytes);
    node->write_count = 0;
}

static int disk_sync(void *ctx, int fd, struct tm_error *err)
{
    (void)ctx;
    int rc = disk_operate(NULL, err);
    if (rc != 0)
        return rc;
    int node = D.fds[fd].node;
    if (!D.nodes[node].is_folder) {
        disk_sync_node(&D.nodes[node]);
        return 0;
    }
    for (int i = 0; i < D.step_count; i++) {
        struct disk_step *step = &D.steps[i];
        int folder = disk_find(&D.now, step->folder);
        if (!step->done && folder >= 0 && D.now.entries[folder].node == node) {
            disk_apply(&D.durable, step);
            step->done = true;
        }
    }
    return 0;
}

static int disk_close(void *ctx, int fd, struct tm_error *err)
{
    (void)ctx, (void)err;
    ck_assert(D.fds[fd].used);
    D.fds[fd].used = false;
    return 0;
}

static int disk_truncate(void *ctx, int fd, int64_t size, struct tm_error *err)
{
    (void)ctx;
    int rc = disk_operate(NULL, err);
    if (rc != 0)
        return rc;
    struct disk_node *node = &D.nodes[D.fds[fd].node];
    if (D.space >= 0 && (size_t)size < node->size)
        D.space += (int64_t)(node->size - (size_t)size);
    disk_resize(node, (size_t)size);
    disk_note(node, (size_t)size, 0, NULL);
    return 0;
}

static int disk_rename(void *ctx, const char *from, const char *to, struct tm_error *err)
{
    (void)ctx;
    int rc = disk_operate(NULL, err), i = disk_find(&D.now, from);
    if (rc != 0)
        return rc;
    if (i < 0)
        return tm_error_set(err, TM_E_NOT_FOUND, "there is no %s", from);
    disk_do(from, to, D.now.entries[i].node);
    return 0;
}

static int disk_unlink(void *ctx, const char *path, struct tm_error *err)
{
    (void)ctx;
    int rc = disk_operate(NULL, err);
    if (rc != 0)
        return rc;
    if (disk_find(&D.now, path) < 0)
        return tm_error_set(err, TM_E_NOT_FOUND, "there is no %s", path);
    disk_do(path, "", -1);
    return 0;
}

static int disk_stat_node(int node, struct tm_file_info *info)
{
    *info = (struct tm_file_info){.size_bytes = (int64_t)D.nodes[node].size,
                                  .is_directory = D.nodes[node].is_folder,
                                  .is_regular = !D.nodes[node].is_folder,
                                  .device = 1,
                                  .inode = (uint64_t)node + 1};
    return 0;
}

static int disk_stat(void *ctx, const char *path, struct tm_file_info *info, struct tm_error *err)
{
    (void)ctx;
    int i = disk_find(&D.now, path);
    if (i < 0)
        return tm_error_set(err, TM_E_NOT_FOUND, "there is no %s", path);
    return disk_stat_node(D.now.entries[i].node, info);
}

static int disk_stat_fd(void *ctx, int fd, struct tm_file_info *info, struct tm_error *err)
{
    (void)ctx, (void)err;
    return disk_stat_node(D.fds[fd].node, info);
}

static int disk_resolve(void *ctx, const char *path, char *text, size_t size, struct tm_error *err)
{
    (void)ctx, (void)err;
    snprintf(text, size, "%s", path);
    return 0;
}

static int disk_by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int disk_glob(void *ctx, const char *pattern, int (*add)(void *arg, const char *path),
                     void *arg, struct tm_error *err)
{
    (void)ctx, (void)err;
    static char *found[DISK_NODES];
    int count = 0, rc = 0;
    for (int i = 0; i < D.now.count; i++)
        if (fnmatch(pattern, D.now.entries[i].path, FNM_PATHNAME | FNM_PERIOD) == 0)
            found[count++] = strdup(D.now.entries[i].path);
    qsort(found, (size_t)count, sizeof *found, disk_by_path);
    for (int i = 0; i < count; i++) {
        rc = rc != 0 ? rc : add(arg, found[i]);
        free(found[i]);
    }
    return rc;
}

static void disk_free_nodes(void)
{
    for (int i = 0; i < D.node_count; i++) {
        disk_sync_node(&D.nodes[i]);
        free(D.nodes[i].data);
        free(D.nodes[i].synced);
        free(D.nodes[i].writes);
    }
}

static void disk_open_all(uint64_t seed)
{
    disk_free_nodes();
    memset(&D, 0, sizeof D);
    D.space = -1;
    D.seed = seed;
    disk_link(&D.now, ".", disk_new_node(true));
    disk_link(&D.now, "/", disk_new_node(true));
    D.durable = D.now;
    S.files.open = disk_open;
    S.files.read = disk_read;
    S.files.read_now = NULL;
    S.files.seek = disk_seek;
    S.files.write_all = disk_write_all;
    S.files.sync = disk_sync;
    S.files.close = disk_close;
    S.files.truncate = disk_truncate;
    S.files.rename = disk_rename;
    S.files.unlink = disk_unlink;
    S.files.mkdirs = disk_mkdirs;
    S.files.stat = disk_stat;
    S.files.stat_fd = disk_stat_fd;
    S.files.lock = disk_lock;
    S.files.resolve = disk_resolve;
    S.files.glob = disk_glob;
}

// Writes that were not synced: the first so many, the last of them perhaps in part.
static void disk_lose_writes(struct disk_node *node)
{
    size_t size = node->synced_size;
    if (node->write_count == 0)
        return;
    // Counted through: none of them, all but half of the last, all.
    uint32_t way = disk_every.on ? disk_choose(3) : 0;
    uint32_t kept = !disk_every.on ? disk_draw(node->write_count + 1)
                    : way == 0     ? 0
                                   : node->write_count;
    node->data = realloc(node->data, size + 1);
    if (size != 0)
        memcpy(node->data, node->synced, size);
    node->size = size;
    for (uint32_t i = 0; i < kept; i++) {
        const struct disk_write *w = &node->writes[i];
        size_t len = i + 1 != kept   ? w->len
                     : disk_every.on ? w->len / (way == 1 ? 2 : 1)
                                     : disk_draw((uint32_t)w->len + 1);
        if (w->bytes == NULL) {
            disk_resize(node, w->at);
            continue;
        }
        disk_resize(node, w->at + len > node->size ? w->at + len : node->size);
        memcpy(node->data + w->at, w->bytes, len);
    }
    disk_sync_node(node);
}

static bool disk_is_named(int node)
{
    for (int i = 0; i < D.now.count; i++)
        if (D.now.entries[i].node == node)
            return true;
    for (int i = 0; i < D.durable.count; i++)
        if (D.durable.entries[i].node == node)
            return true;
    return false;
}

// Any of the steps that no sync has made durable.
static void disk_keep_any_steps(void)
{
    for (int i = 0; i < D.step_count; i++) {
        if (!D.steps[i].done && disk_choose(2) == 1)
            disk_apply(&D.durable, &D.steps[i]);
        D.steps[i].done = true;
    }
}

// A machine that has lost its power begins again. Of the steps in a folder the first so many count.
static void disk_lose_power(void)
{
    for (int i = 0; i < D.node_count; i++)
        if (!disk_every.on || disk_is_named(i))
            disk_lose_writes(&D.nodes[i]);
    if (disk_every.on)
        disk_keep_any_steps();
    for (int i = 0; i < D.step_count; i++) {
        int open = 0;
        if (D.steps[i].done)
            continue;
        for (int k = i; k < D.step_count; k++)
            open += !D.steps[k].done && strcmp(D.steps[k].folder, D.steps[i].folder) == 0;
        int kept = (int)disk_draw((uint32_t)open + 1);
        for (int k = i, n = 0; k < D.step_count; k++) {
            struct disk_step *step = &D.steps[k];
            if (k != i && (step->done || strcmp(step->folder, D.steps[i].folder) != 0))
                continue;
            if (n++ < kept)
                disk_apply(&D.durable, step);
            step->done = k != i || step->done;
        }
        D.steps[i].done = true;
    }
    D.now.count = 0;
    for (bool more = true; more;) { // what is in a folder that is not there is not there
        more = false;
        for (int i = 0; i < D.durable.count; i++) {
            char folder[DISK_PATH];
            const struct disk_entry *e = &D.durable.entries[i];
            disk_folder_of(e->path, folder);
            bool is_root = strcmp(e->path, ".") == 0 || strcmp(e->path, "/") == 0;
            if (disk_find(&D.now, e->path) < 0 && (is_root || disk_find(&D.now, folder) >= 0)) {
                disk_link(&D.now, e->path, e->node);
                more = true;
            }
        }
    }
    D.durable = D.now;
}

// The process, or with it the machine, begins again.
static void disk_restart(bool power)
{
    if (power)
        disk_lose_power();
    memset(D.fds, 0, sizeof D.fds);
    D.step_count = power ? 0 : D.step_count;
    D.is_dead = false;
    D.operations = D.kill_at = D.fail_at = 0;
}
