// The simulated world's effects.
#include "tests/sim/world.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/memory.h"

struct world_file {
    char *path;
    char *data;
    size_t size, capacity;
    bool written;
    bool is_folder;
    bool is_lock; // not a file: a lock of `path`, in no list of files
    struct world_file *next;
};

uint64_t world_random(struct world *world)
{
    return tm_single_random(&world->single);
}

// --- clock, random, memory -----------------------------------------------------------------------

static int64_t mono_ns(void *ctx)
{
    struct world *world = ctx;
    return world->mono_ns += 50; // time passes with every look at it, never backwards
}

static int64_t wall_ms(void *ctx)
{
    return 1767225600000 + mono_ns(ctx) / 1000000; // 2026-01-01
}

static uint64_t random_next(void *ctx)
{
    return world_random(ctx);
}

// --- files ---------------------------------------------------------------------------------------

static struct world_file *find(struct world *world, const char *path)
{
    for (struct world_file *f = world->files; f != NULL; f = f->next)
        if (strcmp(f->path, path) == 0)
            return f;
    return NULL;
}

static struct world_file *create(struct world *world, const char *path)
{
    struct world_file *f = find(world, path);
    if (f == NULL) {
        f = calloc(1, sizeof *f);
        f->path = strdup(path);
        f->next = world->files;
        world->files = f;
    }
    f->size = 0;
    return f;
}

static void append(struct world_file *f, const void *data, size_t length)
{
    if (f->size + length > f->capacity) {
        f->capacity = (f->size + length) * 2;
        f->data = realloc(f->data, f->capacity);
    }
    memcpy(f->data + f->size, data, length);
    f->size += length;
}

static struct world_file *load(struct world *world, const char *path)
{
    FILE *real = fopen(path, "rb");
    if (real == NULL)
        return NULL;
    struct world_file *f = create(world, path);
    char block[65536];
    size_t got;
    while ((got = fread(block, 1, sizeof block, real)) > 0)
        append(f, block, got);
    fclose(real);
    return f;
}

void world_put_file(struct world *world, const char *path, const void *data, size_t length)
{
    append(create(world, path), data, length);
}

const char *world_file_data(struct world *world, const char *path, size_t *length)
{
    struct world_file *f = find(world, path);
    *length = f == NULL ? 0 : f->size;
    return f == NULL ? NULL : f->data;
}

char *world_files_data(struct world *world, const char *prefix, size_t *length)
{
    char *all = NULL;
    *length = 0;
    for (struct world_file *f = world->files; f != NULL; f = f->next) {
        if (!f->written || strncmp(f->path, prefix, strlen(prefix)) != 0 || f->size == 0)
            continue;
        all = realloc(all, *length + f->size);
        memcpy(all + *length, f->data, f->size);
        *length += f->size;
    }
    return all;
}

static int file_open(void *ctx, const char *path, enum tm_file_mode mode, struct tm_error *err)
{
    struct world *world = ctx;
    struct world_file *f = find(world, path);
    if (f == NULL && mode == TM_FILE_READ)
        f = load(world, path);
    if (f != NULL && f->is_folder)
        return tm_error_set(err, TM_E_IO, "open %s: it is a folder", path);
    if (f == NULL && mode == TM_FILE_READ)
        return tm_error_set(err, TM_E_NOT_FOUND, "open %s: no such file", path);
    if (f != NULL && mode == TM_FILE_CREATE_NEW)
        return tm_error_set(err, TM_E_EXISTS, "open %s: exists", path);
    if (f == NULL || mode == TM_FILE_CREATE)
        f = create(world, path);
    for (int fd = 3; fd < 256; fd++)
        if (world->open[fd] == NULL) {
            world->open[fd] = f;
            world->position[fd] = 0;
            return fd;
        }
    return tm_error_set(err, TM_E_LIMIT, "open %s: too many open files", path);
}

static int64_t file_read(void *ctx, int fd, void *buf, size_t len, struct tm_error *err)
{
    (void)err;
    struct world *world = ctx;
    struct world_file *f = fd == 0 ? find(world, "<stdin>") : world->open[fd];
    if (f == NULL)
        return 0;
    size_t left = f->size - world->position[fd];
    size_t n = len < left ? len : left;
    if (n > 1)
        n = 1 + world_random(world) % n; // short reads are legal, so they happen
    memcpy(buf, f->data + world->position[fd], n);
    world->position[fd] += n;
    return (int64_t)n;
}

static int file_write_all(void *ctx, int fd, const void *buf, size_t len, const _Atomic int *cancel,
                          struct tm_error *err)
{
    (void)cancel;
    (void)err;
    struct world *world = ctx;
    struct world_file *f = fd > 2 ? world->open[fd] : NULL;
    if (fd == 1)
        f = find(world, "<stdout>") != NULL ? find(world, "<stdout>") : create(world, "<stdout>");
    if (fd == 2 && getenv("TM_SIM_LOG") != NULL)
        fwrite(buf, 1, len, stderr);
    if (f != NULL) {
        f->written = true;
        append(f, buf, len);
    }
    return 0;
}

static int file_wait_readable(void *ctx, int fd, int timeout_ms)
{
    (void)fd;
    struct world *world = ctx;
    if (world_random(world) % 4 == 0) {
        world->mono_ns += (int64_t)timeout_ms * 1000000;
        return 0;
    }
    return 1;
}

static int file_sync(void *ctx, int fd, struct tm_error *err)
{
    (void)ctx;
    (void)fd;
    (void)err;
    return 0;
}

static int file_close(void *ctx, int fd, struct tm_error *err)
{
    (void)err;
    struct world_file **slot = &((struct world *)ctx)->open[fd];
    if (*slot != NULL && (*slot)->is_lock) {
        free((*slot)->path);
        free(*slot);
    }
    *slot = NULL;
    return 0;
}

static int file_truncate(void *ctx, int fd, int64_t size_bytes, struct tm_error *err)
{
    (void)err;
    ((struct world *)ctx)->open[fd]->size = (size_t)size_bytes;
    return 0;
}

static void drop(struct world *world, struct world_file *f)
{
    struct world_file **link = &world->files;
    while (*link != f)
        link = &(*link)->next;
    *link = f->next;
    free(f->path);
    free(f->data);
    free(f);
}

// The rest of a path below a folder; NULL: it lies elsewhere.
static const char *below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

static void set_path(struct world_file *f, const char *path)
{
    char *copy = strdup(path);
    free(f->path);
    f->path = copy;
}

static int file_rename(void *ctx, const char *from, const char *to, struct tm_error *err)
{
    struct world *world = ctx;
    struct world_file *f = find(world, from), *old = find(world, to);
    char moved[4096];
    if (f == NULL)
        return tm_error_set(err, TM_E_NOT_FOUND, "rename %s: no such file", from);
    if (old != NULL)
        drop(world, old);
    set_path(f, to);
    for (f = world->files; f != NULL; f = f->next) {
        const char *rest = below(f->path, from);
        if (rest == NULL)
            continue;
        snprintf(moved, sizeof moved, "%s/%s", to, rest);
        set_path(f, moved);
    }
    return 0;
}

static int file_unlink(void *ctx, const char *path, struct tm_error *err)
{
    struct world_file *f = find(ctx, path);
    if (f == NULL)
        return tm_error_set(err, TM_E_NOT_FOUND, "unlink %s: no such file", path);
    drop(ctx, f);
    return 0;
}

static int file_mkdirs(void *ctx, const char *path, struct tm_error *err)
{
    struct world *world = ctx;
    char prefix[4096];
    for (size_t i = 1; i <= strlen(path) && i < sizeof prefix; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(prefix, i + 1, "%s", path);
        const struct world_file *f = find(world, prefix);
        if (f == NULL)
            create(world, prefix)->is_folder = true;
        else if (!f->is_folder)
            return tm_error_set(err, TM_E_EXISTS, "make %s: it is a file", prefix);
    }
    return 0;
}

static int file_list(void *ctx, const char *path, int (*each)(void *arg, const char *name),
                     void *arg, struct tm_error *err)
{
    struct world *world = ctx;
    char *names[1024];
    size_t count = 0;
    int rc = 0;
    if (find(world, path) == NULL)
        return tm_error_set(err, TM_E_NOT_FOUND, "list %s: no such folder", path);
    for (const struct world_file *f = world->files; f != NULL && count < 1024; f = f->next) {
        const char *rest = below(f->path, path);
        if (rest != NULL && strchr(rest, '/') == NULL)
            names[count++] = strdup(rest);
    }
    for (size_t i = 0; i < count; i++) {
        rc = rc == 0 ? each(arg, names[i]) : rc; // which may remove it
        free(names[i]);
    }
    return rc;
}

static int file_remove_folder(void *ctx, const char *path, struct tm_error *err)
{
    struct world *world = ctx;
    struct world_file *folder = find(world, path);
    if (folder == NULL)
        return tm_error_set(err, TM_E_NOT_FOUND, "remove %s: no such folder", path);
    for (const struct world_file *f = world->files; f != NULL; f = f->next)
        if (below(f->path, path) != NULL)
            return tm_error_set(err, TM_E_IO, "remove %s: it is not empty", path);
    drop(world, folder);
    return 0;
}

static int file_sync_folder(void *ctx, const char *path, struct tm_error *err)
{
    (void)ctx;
    (void)path;
    (void)err;
    return 0;
}

static int file_stat(void *ctx, const char *path, struct tm_file_info *info, struct tm_error *err)
{
    struct world_file *f = find(ctx, path);
    struct stat real;
    if (f == NULL && stat(path, &real) != 0)
        return tm_error_set(err, TM_E_NOT_FOUND, "%s: no such file", path);
    *info = (struct tm_file_info){.is_regular = true};
    info->is_directory = f != NULL ? f->is_folder : S_ISDIR(real.st_mode);
    info->is_regular = !info->is_directory;
    info->size_bytes = f != NULL ? (int64_t)f->size : (int64_t)real.st_size;
    return 0;
}

static int file_stat_fd(void *ctx, int fd, struct tm_file_info *info, struct tm_error *err)
{
    const struct world_file *f = ((struct world *)ctx)->open[fd];
    if (f == NULL)
        return tm_error_set(err, TM_E_IO, "descriptor %d is not open", fd);
    *info = (struct tm_file_info){.is_regular = true, .size_bytes = (int64_t)f->size};
    return 0;
}

static int file_seek(void *ctx, int fd, int64_t offset, struct tm_error *err)
{
    struct world *world = ctx;
    const struct world_file *f = world->open[fd];
    if (f == NULL || offset < 0 || (size_t)offset > f->size)
        return tm_error_set(err, TM_E_IO, "descriptor %d cannot be read from %lld", fd,
                            (long long)offset);
    world->position[fd] = (size_t)offset;
    return 0;
}

static int file_lock(void *ctx, const char *path, bool create, int64_t *holder,
                     struct tm_error *err)
{
    struct world *world = ctx;
    (void)create; // whoever locks a file opens it next
    for (int fd = 3; fd < 256; fd++)
        if (world->open[fd] != NULL && world->open[fd]->is_lock &&
            strcmp(world->open[fd]->path, path) == 0) {
            *holder = TM_LOCK_OURS;
            return tm_error_set(err, TM_E_IN_USE, "%s is held by this process", path);
        }
    for (int fd = 3; fd < 256; fd++)
        if (world->open[fd] == NULL) {
            world->open[fd] = calloc(1, sizeof *world->open[fd]);
            world->open[fd]->path = strdup(path);
            world->open[fd]->is_lock = true;
            return fd;
        }
    return tm_error_set(err, TM_E_LIMIT, "lock %s: too many open files", path);
}

// There are no links in this world.
static int file_resolve(void *ctx, const char *path, char *text, size_t size, struct tm_error *err)
{
    (void)ctx;
    if ((size_t)snprintf(text, size, "%s", path) >= size)
        return tm_error_set(err, TM_E_LIMIT, "%s: the path is too long", path);
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int file_glob(void *ctx, const char *pattern, int (*add)(void *arg, const char *path),
                     void *arg, struct tm_error *err)
{
    (void)err;
    struct world *world = ctx;
    char *paths[1024];
    size_t count = 0;
    glob_t real;
    for (struct world_file *f = world->files; f != NULL && count < 1024; f = f->next)
        if (fnmatch(pattern, f->path, FNM_PATHNAME) == 0)
            paths[count++] = strdup(f->path);
    if (glob(pattern, 0, NULL, &real) == 0) {
        for (size_t i = 0; i < real.gl_pathc && count < 1024; i++)
            if (find(world, real.gl_pathv[i]) == NULL)
                paths[count++] = strdup(real.gl_pathv[i]);
        globfree(&real);
    }
    qsort(paths, count, sizeof paths[0], compare_paths);
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        rc = rc == 0 ? add(arg, paths[i]) : rc;
        free(paths[i]);
    }
    return rc;
}

static bool file_is_terminal(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
    return false;
}

static const struct tm_fx_clock clock_table = {
    .wall_ms = wall_ms, .mono_ns = mono_ns, .cpu_ns = mono_ns};
static const struct tm_fx_random random_table = {.next = random_next};
static const struct tm_fx_files files_table = {
    .open = file_open,
    .read = file_read,
    .seek = file_seek,
    .write_all = file_write_all,
    .wait_readable = file_wait_readable,
    .sync = file_sync,
    .close = file_close,
    .truncate = file_truncate,
    .rename = file_rename,
    .unlink = file_unlink,
    .mkdirs = file_mkdirs,
    .list = file_list,
    .remove_folder = file_remove_folder,
    .sync_folder = file_sync_folder,
    .stat = file_stat,
    .stat_fd = file_stat_fd,
    .lock = file_lock,
    .resolve = file_resolve,
    .glob = file_glob,
    .is_terminal = file_is_terminal,
};

void world_init(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    world->single = (struct tm_single){.memory = &plain_memory, .random = seed};
    world->mono_ns = 1000000000;
    world->fx = (struct tm_fx){.ctx = world,
                               .clock = &clock_table,
                               .random = &random_table,
                               .files = &files_table,
                               .threads = &tm_single_threads,
                               .memory = &plain_memory};
}

void world_fini(struct world *world)
{
    while (world->files != NULL)
        drop(world, world->files);
}
