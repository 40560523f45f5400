// The effects of a simulated process. Each call counts: at one of them it may die, and what fails
// is drawn by the weather of its universe.
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/kill_point.h"
#include "tests/sim/heaps.h"
#include "tests/sim/planted.h"
#include "tests/sim/process.h"

enum { LOOK_NS = 50, FULL_MS = 4000, NAMES_MAX = 1024, SOON_MAX = 3000 };

// --- every call ----------------------------------------------------------------------------------

void sim_process_die(struct sim_process *process)
{
    process->state = SIM_DEAD;
    longjmp(process->death, 1);
}

// Calls begin with it, before anything is known of what there is: another process may change that.
static void step(struct sim_process *process, uint64_t what)
{
    struct sim_universe *universe = process->universe;
    if (process->looks)
        return;
    if (process->publishing && --process->nap_calls == 0) {
        process->publishing = false;
        if (!universe->bed.nap(universe->bed.arg, process))
            sim_process_die(process);
    }
    universe->effects++;
    sim_trace(universe, what * 31 + process->number);
    if (++process->calls != process->dies_at)
        return;
    if (process->dies_by == SIM_torn_write) // it waits for one
        process->dies_at++;
    else
        sim_process_die(process);
}

void sim_process_step(struct sim_process *process, uint64_t what)
{
    step(process, what);
}

static void step_path(struct sim_process *process, uint64_t what, const char *path)
{
    struct sim_universe *universe = process->universe;
    if (process->looks)
        return;
    sim_trace_text(universe, path);
    step(process, what);
    if (sim_happens(universe, SIM_slow)) {
        universe->mono_ns +=
            (int64_t)sim_below(&universe->calls, universe->weather.slow_ms) * 1000000;
        universe->faults[SIM_slow]++;
    }
}

// Scripts are read as they are: a job that cannot be read never was.
static bool fails(struct sim_process *process, enum sim_fault fault, const char *path)
{
    if (strstr(path, ".lua") != NULL || !sim_happens(process->universe, fault))
        return false;
    sim_fault(process->universe, fault, path);
    return true;
}

static int io_error(struct tm_error *err, const char *what, const char *path)
{
    return tm_error_set(err, TM_E_IO, "%s %s: Input/output error", what, path);
}

// --- clock, random, memory -----------------------------------------------------------------------

static int64_t mono_ns(void *ctx)
{
    struct sim_process *process = ctx;
    step(process, 1);
    return process->universe->mono_ns += LOOK_NS;
}

static int64_t wall_ms(void *ctx)
{
    struct sim_process *process = ctx;
    step(process, 2);
    return process->universe->wall_ms + process->universe->mono_ns / 1000000;
}

static int64_t cpu_ns(void *ctx)
{
    struct sim_process *process = ctx;
    return process->universe->mono_ns;
}

static uint64_t random_next(void *ctx)
{
    struct sim_process *process = ctx;
    return tm_single_random(&process->single);
}

static void *memory_alloc(void *ctx, size_t size)
{
    return sim_memory_alloc(&((struct sim_process *)ctx)->memory, size);
}

static void memory_free(void *ctx, void *p, size_t size)
{
    sim_memory_free(&((struct sim_process *)ctx)->memory, p, size);
}

static void *memory_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    return sim_memory_realloc(&((struct sim_process *)ctx)->memory, p, old_size, new_size);
}

static const struct tm_fx_clock clock_table = {wall_ms, mono_ns, cpu_ns};
static const struct tm_fx_random random_table = {random_next};
static const struct tm_fx_memory memory_table = {memory_alloc, memory_realloc, memory_free, NULL,
                                                 NULL};

// --- threads -------------------------------------------------------------------------------------

static struct tm_fx_threads threads_table; // tm_single_threads, but for waiting

// Somebody waits for a helper.
static void parker_wait(void *ctx, struct tm_parker *parker, int64_t deadline_ns)
{
    struct sim_process *process = ctx;
    (void)parker;
    step(process, 3);
    if (!tm_single_run(&process->single, sim_draw(&process->universe->turns)) &&
        deadline_ns != INT64_MAX && deadline_ns > process->universe->mono_ns)
        process->universe->mono_ns = deadline_ns;
}

static void executor_submit(void *ctx, struct tm_executor *executor, struct tm_work *work)
{
    step(ctx, 4);
    tm_single_threads.executor_submit(ctx, executor, work);
}

// --- files ---------------------------------------------------------------------------------------

static struct sim_disk *disk_of(struct sim_process *process)
{
    return &process->universe->disk;
}

static struct sim_open *open_of(struct sim_process *process, int fd)
{
    return fd > 2 && fd < SIM_OPEN_MAX && process->open[fd].used ? &process->open[fd] : NULL;
}

static int new_open(struct sim_process *process, const char *path, struct sim_open open,
                    struct tm_error *err)
{
    open.used = true;
    for (int fd = 3; fd < SIM_OPEN_MAX; fd++)
        if (!process->open[fd].used) {
            process->open[fd] = open;
            return fd;
        }
    return tm_error_set(err, TM_E_LIMIT, "open %s: too many open files", path);
}

static bool is_full(struct sim_process *process)
{
    struct sim_universe *universe = process->universe;
    if (universe->calm)
        return false;
    if (universe->mono_ns < universe->weather.full_until_ns) // until then
        return true;
    if (!sim_happens(universe, SIM_full))
        return false;
    universe->weather.full_until_ns =
        universe->mono_ns + (int64_t)sim_below(&universe->calls, FULL_MS) * 1000000;
    sim_fault(universe, SIM_full, "");
    return true;
}

static int file_open(void *ctx, const char *path, enum tm_file_mode mode, struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct sim_disk *disk = disk_of(process);
    step_path(process, 10 + mode, path);
    int inode = sim_disk_find(disk, path);
    bool creates = mode == TM_FILE_CREATE || mode == TM_FILE_CREATE_NEW || inode < 0;
    if (inode >= 0 && disk->inodes[inode].folder && mode != TM_FILE_READ)
        return tm_error_set(err, TM_E_IO, "open %s: it is a folder", path);
    if (inode < 0 && mode == TM_FILE_READ)
        return tm_error_set(err, TM_E_NOT_FOUND, "open %s: no such file", path);
    if (inode >= 0 && mode == TM_FILE_CREATE_NEW)
        return tm_error_set(err, TM_E_EXISTS, "open %s: exists", path);
    if (fails(process, SIM_open_fails, path))
        return io_error(err, "open", path);
    if (creates && is_full(process))
        return tm_error_set(err, TM_E_NO_SPACE, "open %s: No space left on device", path);
    if (creates)
        sim_shows(process->universe, path);
    if (inode >= 0 && mode == TM_FILE_CREATE) // the same file, emptied
        sim_disk_truncate(disk, inode, 0);
    else if (creates)
        inode = sim_disk_create(disk, path);
    if (inode < 0)
        return tm_error_set(err, TM_E_NOT_FOUND, "open %s: no such folder", path);
    bool reads = mode == TM_FILE_READ;
    struct sim_open open = {
        .inode = inode, .reads = reads, .shown = !reads && sim_is_shown(process->universe, path)};
    return new_open(process, path, open, err);
}

static int64_t file_read(void *ctx, int fd, void *buf, size_t len, struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct sim_universe *universe = process->universe;
    struct sim_open *open = open_of(process, fd);
    step(process, 20);
    if (open == NULL)
        return 0;
    if (sim_happens(universe, SIM_read_fails)) {
        sim_fault(universe, SIM_read_fails, "");
        return io_error(err, "read", "a file");
    }
    const struct sim_bytes *bytes = &disk_of(process)->inodes[open->inode].now;
    size_t left = open->position < bytes->size ? bytes->size - open->position : 0;
    size_t n = len < left ? len : left;
    if (!process->looks) {
        n = n < universe->weather.read_bytes ? n : universe->weather.read_bytes;
        if (n > 1) // less than was asked for is legal, so it happens
            n = 1 + sim_below(&universe->calls, n);
        sim_trace(universe, n);
    }
    if (n != 0)
        memcpy(buf, bytes->data + open->position, n);
    open->position += n;
    return (int64_t)n;
}

static int file_seek(void *ctx, int fd, int64_t offset, struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct sim_open *open = open_of(process, fd);
    step(process, 21);
    if (open == NULL || offset < 0)
        return tm_error_set(err, TM_E_IO, "descriptor %d cannot be read from %lld", fd,
                            (long long)offset);
    open->position = (size_t)offset;
    return 0;
}

// What the engine says to people.
static void say(struct sim_process *process, const char *text, size_t length)
{
    while (length > 0) {
        size_t line = 0;
        while (line < length && text[line] != '\n')
            line++;
        sim_heard(process->universe, text, line);
        sim_tell(process->universe, "  %u says %.*s", process->number, (int)line, text);
        line += line < length;
        text += line;
        length -= line;
    }
}

static void append(struct sim_process *process, const struct sim_open *open, const void *buf,
                   size_t len)
{
    struct sim_disk *disk = disk_of(process);
    if (open->shown)
        sim_shows(process->universe, NULL);
    sim_disk_write(disk, open->inode, disk->inodes[open->inode].now.size, buf, len);
}

static int file_write_all(void *ctx, int fd, const void *buf, size_t len, const _Atomic int *cancel,
                          struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct sim_universe *universe = process->universe;
    struct sim_open *open = open_of(process, fd);
    (void)cancel;
    step_path(process, 30, "");
    sim_trace(universe, len);
    if (fd == 1 || fd == 2) {
        say(process, buf, len);
        return 0;
    }
    if (open == NULL)
        return tm_error_set(err, TM_E_IO, "descriptor %d is not open", fd);
    if (process->dies_by == SIM_torn_write && process->calls + 1 == process->dies_at) {
        append(process, open, buf, sim_below(&universe->calls, len + 1));
        sim_process_die(process);
    }
    bool full = is_full(process), broken = !full && sim_happens(universe, SIM_write_fails);
    if (!full && !broken) {
        append(process, open, buf, len);
        return 0;
    }
    append(process, open, buf, sim_below(&universe->calls, len + 1));
    if (full)
        return tm_error_set(err, TM_E_NO_SPACE, "write: No space left on device");
    sim_fault(universe, SIM_write_fails, "");
    return tm_error_set(err, TM_E_IO, "write: Input/output error");
}

static int file_wait_readable(void *ctx, int fd, int timeout_ms)
{
    struct sim_process *process = ctx;
    (void)fd;
    (void)timeout_ms;
    step(process, 22);
    return 1;
}

// One that is not to die, or that another has taken the place of, does not.
static bool may_lose_power(const struct sim_process *process)
{
    bool dies = process->dies_at != 0 || tm_kill_switch.of.at != TM_KILL_COUNT ||
                (process->universe->wider.loses_behind && !process->universe->calm);
    return dies && !process->locks_lost && !process->universe->less.faults[SIM_power];
}

void sim_process_lose_power(struct sim_process *process, uint64_t calls)
{
    if (!may_lose_power(process))
        return;
    tm_kill_switch.of.at = TM_KILL_COUNT;
    process->dies_at = process->calls + 1 + calls;
    process->dies_by = SIM_power;
}

static void sync_names(struct sim_process *process, int folder)
{
    if (!TM_PLANTED(folder_sync_is_nothing))
        sim_disk_sync_folder(disk_of(process), folder);
}

static int file_sync(void *ctx, int fd, struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct sim_universe *universe = process->universe;
    struct sim_open *open = open_of(process, fd);
    step_path(process, 31, "");
    if (open == NULL)
        return tm_error_set(err, TM_E_IO, "descriptor %d is not open", fd);
    if (sim_happens(universe, SIM_sync_fails)) {
        sim_fault(universe, SIM_sync_fails, "");
        sim_disk_sync_badly(disk_of(process), open->inode, &universe->calls);
        process->sync_failed = universe->wider.loses_behind;
        if (may_lose_power(process) &&
            sim_chance(&universe->calls, universe->weather.lost_permille))
            sim_process_lose_power(process, sim_magnitude(&universe->calls, SOON_MAX));
        if (TM_PLANTED(sync_error_is_hidden))
            return 0;
        return tm_error_set(err, TM_E_IO, "sync: Input/output error");
    }
    if (disk_of(process)->inodes[open->inode].folder)
        sync_names(process, open->inode);
    else if (!TM_PLANTED(sync_is_nothing))
        sim_disk_sync(disk_of(process), open->inode);
    return 0;
}

static int file_close(void *ctx, int fd, struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct sim_open *open = open_of(process, fd);
    (void)err;
    step(process, 32);
    if (open != NULL)
        *open = (struct sim_open){0};
    return 0;
}

static int file_truncate(void *ctx, int fd, int64_t size_bytes, struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct sim_open *open = open_of(process, fd);
    step(process, 33);
    if (open == NULL || size_bytes < 0)
        return tm_error_set(err, TM_E_IO, "descriptor %d cannot be cut", fd);
    if (sim_happens(process->universe, SIM_write_fails)) {
        sim_fault(process->universe, SIM_write_fails, "truncate");
        return tm_error_set(err, TM_E_IO, "truncate: Input/output error");
    }
    if (open->shown)
        sim_shows(process->universe, NULL);
    if (!TM_PLANTED(truncate_is_nothing))
        sim_disk_truncate(disk_of(process), open->inode, (size_t)size_bytes);
    return 0;
}

static int no_such(struct tm_error *err, const char *what, const char *path)
{
    return tm_error_set(err, TM_E_NOT_FOUND, "%s %s: no such file or folder", what, path);
}

// A checkpoint gets its name, and then LATEST does.
static void look_at_publishing(struct sim_process *process, const char *to)
{
    bool names = strstr(to, "/chk-") != NULL;
    if (process->helper && names && process->naps_at != 0 && --process->naps_at == 0)
        process->publishing = true;
}

static int file_rename(void *ctx, const char *from, const char *to, struct tm_error *err)
{
    struct sim_process *process = ctx;
    look_at_publishing(process, to);
    step_path(process, 40, from);
    if (process->publishing && strstr(to, "/LATEST") != NULL)
        process->publishing = false;
    if (fails(process, SIM_name_fails, to))
        return io_error(err, "rename", from);
    sim_shows(process->universe, to);
    return sim_disk_rename(disk_of(process), from, to) ? 0 : no_such(err, "rename", from);
}

static int file_unlink(void *ctx, const char *path, struct tm_error *err)
{
    struct sim_process *process = ctx;
    step_path(process, 41, path);
    if (sim_disk_find(disk_of(process), path) < 0)
        return no_such(err, "remove", path);
    if (fails(process, SIM_name_fails, path))
        return io_error(err, "remove", path);
    sim_shows(process->universe, path);
    return sim_disk_unlink(disk_of(process), path) ? 0 : no_such(err, "remove", path);
}

static int file_mkdirs(void *ctx, const char *path, struct tm_error *err)
{
    struct sim_process *process = ctx;
    step_path(process, 42, path);
    if (sim_disk_find(disk_of(process), path) < 0 && fails(process, SIM_name_fails, path))
        return io_error(err, "make", path);
    return sim_disk_mkdirs(disk_of(process), path) >= 0
               ? 0
               : tm_error_set(err, TM_E_EXISTS, "make %s: there is a file", path);
}

static int file_list(void *ctx, const char *path, int (*each)(void *arg, const char *name),
                     void *arg, struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct sim_disk *disk = disk_of(process);
    char *names[NAMES_MAX];
    size_t count = 0;
    int rc = 0;
    step_path(process, 43, path);
    int folder = sim_disk_find(disk, path);
    if (folder < 0 || !disk->inodes[folder].folder)
        return no_such(err, "list", path);
    if (fails(process, SIM_open_fails, path))
        return io_error(err, "list", path);
    for (uint32_t i = 0; i < disk->now.count && count < NAMES_MAX; i++)
        if (disk->now.all[i].folder == folder)
            names[count++] = strdup(disk->now.all[i].name);
    size_t first = count == 0 || process->looks
                       ? 0
                       : sim_below(&process->universe->calls, count); // in no order
    for (size_t i = 0; i < count && rc == 0; i++) {
        char name[SIM_PATH]; // the process may die in it
        snprintf(name, sizeof name, "%s", names[(first + i) % count]);
        rc = each(arg, name);
    }
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    return rc;
}

static int file_remove_folder(void *ctx, const char *path, struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct sim_disk *disk = disk_of(process);
    step_path(process, 44, path);
    int folder = sim_disk_find(disk, path);
    if (folder < 0)
        return no_such(err, "remove", path);
    if (!sim_disk_is_empty(disk, folder))
        return tm_error_set(err, TM_E_IO, "remove %s: it is not empty", path);
    if (fails(process, SIM_name_fails, path))
        return io_error(err, "remove", path);
    return sim_disk_unlink(disk, path) ? 0 : no_such(err, "remove", path);
}

static int file_sync_folder(void *ctx, const char *path, struct tm_error *err)
{
    struct sim_process *process = ctx;
    step_path(process, 45, path);
    int folder = sim_disk_find(disk_of(process), path);
    if (folder < 0)
        return no_such(err, "sync", path);
    if (fails(process, SIM_sync_fails, path))
        return io_error(err, "sync", path);
    sync_names(process, folder);
    return 0;
}

static void fill_info(const struct sim_disk *disk, int number, struct tm_file_info *info)
{
    const struct sim_inode *inode = &disk->inodes[number];
    *info = (struct tm_file_info){.is_directory = inode->folder,
                                  .is_regular = !inode->folder,
                                  .size_bytes = (int64_t)inode->now.size,
                                  .device = 1,
                                  .inode = (uint64_t)number + 1};
}

static int file_stat(void *ctx, const char *path, struct tm_file_info *info, struct tm_error *err)
{
    struct sim_process *process = ctx;
    step_path(process, 46, path);
    int inode = sim_disk_find(disk_of(process), path);
    if (inode < 0)
        return no_such(err, "stat", path);
    fill_info(disk_of(process), inode, info);
    return 0;
}

static int file_stat_fd(void *ctx, int fd, struct tm_file_info *info, struct tm_error *err)
{
    struct sim_process *process = ctx;
    const struct sim_open *open = open_of(process, fd);
    step(process, 47);
    if (open == NULL)
        return tm_error_set(err, TM_E_IO, "descriptor %d is not open", fd);
    fill_info(disk_of(process), open->inode, info);
    return 0;
}

static bool has_locked(const struct sim_process *process, int inode)
{
    for (int fd = 3; fd < SIM_OPEN_MAX && !process->locks_lost; fd++)
        if (process->open[fd].used && process->open[fd].is_lock && process->open[fd].inode == inode)
            return true;
    return false;
}

static int file_lock(void *ctx, const char *path, bool create, int64_t *holder,
                     struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct sim_disk *disk = disk_of(process);
    step_path(process, 48, path);
    int inode = sim_disk_find(disk, path);
    if (inode < 0 && create)
        inode = sim_disk_create(disk, path);
    if (inode < 0)
        return no_such(err, "lock", path);
    for (int i = 0; i < SIM_PROCESSES_AT_ONCE; i++) {
        const struct sim_process *other = process->universe->alive[i];
        if (other == NULL || !has_locked(other, inode))
            continue;
        if (other != process && TM_PLANTED(lock_holds_nothing))
            continue;
        *holder = other == process ? TM_LOCK_OURS : (int64_t)other->number;
        return tm_error_set(err, TM_E_IN_USE, "%s is held by process %u", path, other->number);
    }
    return new_open(process, path, (struct sim_open){.inode = inode, .is_lock = true}, err);
}

// There are no links in this world.
static int file_resolve(void *ctx, const char *path, char *text, size_t size, struct tm_error *err)
{
    step_path(ctx, 49, path);
    if ((size_t)snprintf(text, size, "%s", path) >= size)
        return tm_error_set(err, TM_E_LIMIT, "%s: the path is too long", path);
    return 0;
}

struct globbing {
    const char *pattern;
    size_t fixed; // of its letters: paths begin with these
    char *paths[NAMES_MAX];
    size_t count;
};

static void glob_folder(const struct sim_disk *disk, int folder, const char *prefix,
                        struct globbing *g)
{
    char path[SIM_PATH];
    for (uint32_t i = 0; i < disk->now.count && g->count < NAMES_MAX; i++) {
        const struct sim_name *n = &disk->now.all[i];
        if (n->folder != folder ||
            (size_t)snprintf(path, sizeof path, "%s%s", prefix, n->name) + 2 > sizeof path)
            continue;
        size_t length = strlen(path);
        if (strncmp(path, g->pattern, length < g->fixed ? length : g->fixed) != 0)
            continue;
        if (fnmatch(g->pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0)
            g->paths[g->count++] = strdup(path);
        if (disk->inodes[n->inode].folder) {
            strcat(path, "/");
            glob_folder(disk, n->inode, path, g);
        }
    }
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int file_glob(void *ctx, const char *pattern, int (*add)(void *arg, const char *path),
                     void *arg, struct tm_error *err)
{
    struct sim_process *process = ctx;
    struct globbing g = {.pattern = pattern, .fixed = strcspn(pattern, "*?[\\")};
    (void)err;
    step_path(process, 50, pattern);
    glob_folder(disk_of(process), 0, "", &g);
    qsort(g.paths, g.count, sizeof g.paths[0], compare_paths);
    int rc = 0;
    for (size_t i = 0; i < g.count; i++) {
        rc = rc == 0 ? add(arg, g.paths[i]) : rc;
        free(g.paths[i]);
    }
    return rc;
}

static bool file_is_terminal(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
    return false;
}

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

// --- the whole -----------------------------------------------------------------------------------

void sim_effects(struct sim_process *process, struct tm_fx *fx)
{
    threads_table = tm_single_threads;
    threads_table.parker_wait = parker_wait;
    threads_table.executor_submit = executor_submit;
    sim_memory_init(&process->memory);
    process->single = (struct tm_single){
        .memory = &memory_table,
        .random = process->universe->seed * 1000003 + process->number,
    };
    *fx = (struct tm_fx){.ctx = process,
                         .clock = &clock_table,
                         .random = &random_table,
                         .files = &files_table,
                         .threads = &threads_table,
                         .memory = &memory_table,
                         .states = &sim_states};
}

void sim_effects_end(struct sim_process *process)
{
    sim_heaps_leave(process);
    sim_memory_fini(&process->memory);
    memset(process->open, 0, sizeof process->open);
}
