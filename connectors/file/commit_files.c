// What a commit does to files, each step so that it can be done again from the beginning, whatever
// it had come to.
//
// Many files: record - renames - folders synced.
// One file: record, with its length - appended, synced - record that it is done - staged files
// removed. One that is not there yet, or is replaced, is made under another name and renamed.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connectors/file/claim.h"
#include "connectors/file/commit_private.h"
#include "core/base/kill_point.h"
#include "core/base/planted.h"

enum { COPY_BYTES = 256 * 1024 };

int tm__file_sync_folder(const struct tm_fx *fx, const char *path, struct tm_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    char folder[len + 1];
    memcpy(folder, slash == NULL ? "." : path, len);
    folder[len] = '\0';
    int fd = fx->files->open(fx->ctx, folder, TM_FILE_READ, err);
    if (fd < 0)
        return fd;
    int rc = fx->files->sync(fx->ctx, fd, err);
    (void)fx->files->close(fx->ctx, fd, NULL); // it was only read
    return rc;
}

static int remove_old(const struct tm__commits *c, struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < c->old_count; i++) {
        rc = fx->files->unlink(fx->ctx, c->old[i], err);
        if (rc == TM_E_NOT_FOUND) {
            if (err != NULL)
                tm_error_clear(err);
            rc = 0;
        }
    }
    return rc;
}

static bool is_there(const struct tm__commits *c, const char *path, struct tm_file_info *info)
{
    return c->args.fx->files->stat(c->args.fx->ctx, path, info, NULL) == 0;
}

static int write_record(struct tm__commits *c, const struct tm__commit_record *next,
                        struct tm_error *err)
{
    int rc = c->unrecorded
                 ? 0
                 : tm__commit_record_write(c->args.fx, c->args.mem, c->record_path, next, err);
    if (rc == 0)
        c->record = *next;
    return rc;
}

static int begin_record(struct tm__commits *c, uint64_t checkpoint, struct tm_error *err)
{
    struct tm__commit_record next = c->record;
    next.begun = checkpoint > next.begun ? checkpoint : next.begun;
    int rc = write_record(c, &next, err);
    TM_KILL_POINT(commit_recorded);
    return rc;
}

// --- many files ----------------------------------------------------------------------------------

// Renamed before, and by now perhaps moved on by whoever reads the folder: both are gone then.
static int rename_one(const struct tm__commits *c, const struct tm__prepared *p, bool again,
                      struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    struct tm_file_info info;
    if (!is_there(c, p->staged, &info))
        return again || is_there(c, p->path, &info) ? 0 : tm__commits_missing(c, p, err);
    int rc = fx->files->rename(fx->ctx, p->staged, p->path, err);
    TM_KILL_POINT(part_renamed);
    return rc;
}

static bool is_beside(const char *a, const char *b)
{
    size_t len = (size_t)(strrchr(a, '/') - a);
    return strncmp(a, b, len) == 0 && strrchr(b, '/') == b + len;
}

int tm__commits_rename(struct tm__commits *c, uint64_t checkpoint, struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    uint64_t begun = c->record.begun;
    int rc = begin_record(c, checkpoint, err);
    if (rc == 0)
        rc = remove_old(c, err);
    const struct tm__prepared *before = NULL;
    for (const struct tm__prepared *p = c->pending;
         rc == 0 && p != NULL && p->checkpoint <= checkpoint; before = p, p = p->next) {
        rc = rename_one(c, p, begun >= p->checkpoint, err);
        if (rc == 0 && before != NULL && !is_beside(before->path, p->path))
            rc = tm__file_sync_folder(fx, before->path, err);
    }
    if (rc == 0 && before != NULL)
        rc = tm__file_sync_folder(fx, before->path, err);
    TM_KILL_POINT(parts_synced);
    if (rc == 0)
        c->old_count = 0;
    return rc;
}

// --- one file ------------------------------------------------------------------------------------

// How the commit begins: what is there is measured, once.
static int begin_append(struct tm__commits *c, uint64_t checkpoint, struct tm_error *err)
{
    struct tm_file_info info = {0};
    if (c->record.begun <= c->record.done) {
        bool there = is_there(c, c->path, &info);
        c->record.is_new = c->is_new || !there;
        c->record.from = c->record.is_new ? 0 : info.size_bytes;
        c->record.inode = there ? info.inode : 0;
    }
    return begin_record(c, checkpoint, err);
}

// The file that was to be new has got its name already.
bool tm__commits_is_renamed(const struct tm__commits *c)
{
    struct tm_file_info info;
    return !is_there(c, c->new_path, &info) && is_there(c, c->path, &info) &&
           (c->record.inode == 0 || info.inode != c->record.inode);
}

struct copy {
    const struct tm__commits *c;
    int fd;
    int64_t size_bytes; // of the file by now
    uint8_t *bytes;
};

static int copy_rest(struct copy *copy, const struct tm__prepared *p, int from,
                     struct tm_error *err)
{
    const struct tm_fx *fx = copy->c->args.fx;
    uint64_t skip = copy->size_bytes != 0 ? p->head_bytes : 0, left = p->size_bytes - skip;
    struct tm_file_info info;
    int rc = fx->files->stat_fd(fx->ctx, from, &info, err);
    if (rc == 0 && (uint64_t)info.size_bytes != p->size_bytes)
        rc = tm__commits_missing(copy->c, p, err);
    if (rc == 0)
        rc = fx->files->seek(fx->ctx, from, (int64_t)skip, err);
    while (rc == 0 && left != 0) {
        size_t want = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
        int64_t got = fx->files->read(fx->ctx, from, copy->bytes, want, err);
        if (got <= 0)
            return got < 0 ? (int)got : tm__commits_missing(copy->c, p, err);
        rc = fx->files->write_all(fx->ctx, copy->fd, copy->bytes, (size_t)got, NULL, err);
        TM_KILL_POINT(append_torn);
        copy->size_bytes += got;
        left -= (uint64_t)got;
    }
    return rc;
}

static int copy_one(struct copy *copy, const struct tm__prepared *p, struct tm_error *err)
{
    const struct tm_fx *fx = copy->c->args.fx;
    int from = fx->files->open(fx->ctx, p->staged, TM_FILE_READ, err);
    if (from == TM_E_NOT_FOUND)
        return tm__commits_missing(copy->c, p, err);
    if (from < 0)
        return from;
    int rc = copy_rest(copy, p, from, err);
    (void)fx->files->close(fx->ctx, from, NULL);
    return rc;
}

// The last line of what others wrote may have no end; its first line says what ends are.
static int end_last_line(struct copy *copy, struct tm_error *err)
{
    const struct tm__commits *c = copy->c;
    const struct tm_fx *fx = c->args.fx;
    if (!c->foreign || copy->size_bytes == 0)
        return 0;
    int fd = fx->files->open(fx->ctx, c->path, TM_FILE_READ, NULL);
    if (fd < 0) // it may be written and not read
        return 0;
    uint8_t last = '\n';
    int64_t first = fx->files->read(fx->ctx, fd, copy->bytes, COPY_BYTES, err);
    int64_t rc = first < 0 ? first : fx->files->seek(fx->ctx, fd, copy->size_bytes - 1, err);
    rc = rc < 0 ? rc : fx->files->read(fx->ctx, fd, &last, 1, err);
    (void)fx->files->close(fx->ctx, fd, NULL);
    if (rc < 0 || last == '\n')
        return rc < 0 ? (int)rc : 0;
    const uint8_t *end = memchr(copy->bytes, '\n', (size_t)first);
    bool crlf = end != NULL && end > copy->bytes && end[-1] == '\r';
    int told = atomic_load_explicit(&c->line_end, memory_order_relaxed);
    const char *line_end = (told != 0 ? told == 2 : crlf) ? "\r\n" : "\n";
    copy->size_bytes += (int64_t)strlen(line_end);
    return fx->files->write_all(fx->ctx, copy->fd, line_end, strlen(line_end), NULL, err);
}

static int fill(struct copy *copy, uint64_t checkpoint, struct tm_error *err)
{
    const struct tm__commits *c = copy->c;
    const struct tm_fx *fx = c->args.fx;
    struct tm_file_info info;
    int rc = fx->files->stat_fd(fx->ctx, copy->fd, &info, err);
    if (rc == 0 && info.size_bytes > c->record.from &&
        !TM_PLANTED(torn_append_kept)) { // what a commit that was cut short left
        rc = fx->files->truncate(fx->ctx, copy->fd, c->record.from, err);
        TM_KILL_POINT(append_cut);
        info.size_bytes = c->record.from;
    }
    copy->size_bytes = info.size_bytes;
    if (rc == 0 && !c->record.is_new)
        rc = end_last_line(copy, err);
    for (const struct tm__prepared *p = c->pending;
         rc == 0 && p != NULL && p->checkpoint <= checkpoint; p = p->next)
        rc = copy_one(copy, p, err);
    TM_KILL_POINT(append_written);
    rc = rc == 0 ? fx->files->sync(fx->ctx, copy->fd, err) : rc;
    TM_KILL_POINT(append_synced);
    return rc;
}

static int write_file(struct tm__commits *c, uint64_t checkpoint, int64_t *size_bytes,
                      struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    bool is_new = c->record.is_new != 0;
    struct copy copy = {.c = c, .bytes = tm_mem_alloc(c->args.mem, COPY_BYTES)};
    if (copy.bytes == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a commit");
    copy.fd = fx->files->open(fx->ctx, is_new ? c->new_path : c->path,
                              is_new ? TM_FILE_CREATE : TM_FILE_APPEND, err);
    int rc = copy.fd < 0 ? copy.fd : 0;
    if (rc == 0) {
        rc = fill(&copy, checkpoint, err);
        if (rc != 0 && !is_new) // no half line, if that can be helped
            (void)fx->files->truncate(fx->ctx, copy.fd, c->record.from, NULL);
        int closed = fx->files->close(fx->ctx, copy.fd, rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : closed;
    }
    tm_mem_free(c->args.mem, copy.bytes, COPY_BYTES);
    if (rc == 0 && is_new) {
        rc = fx->files->rename(fx->ctx, c->new_path, c->path, err);
        TM_KILL_POINT(append_named);
    }
    *size_bytes = copy.size_bytes;
    return rc;
}

// All of a file that is to be new lies in one staged file, which was synced when it was prepared.
static bool is_alone(const struct tm__commits *c, uint64_t checkpoint)
{
    const struct tm__prepared *p = c->pending;
    return c->unrecorded && c->record.is_new &&
           (p->next == NULL || p->next->checkpoint > checkpoint);
}

static int name_alone(const struct tm__commits *c, int64_t *size_bytes, struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    const struct tm__prepared *p = c->pending;
    struct tm_file_info info;
    if (!is_there(c, p->staged, &info) || (uint64_t)info.size_bytes != p->size_bytes)
        return tm__commits_missing(c, p, err);
    int rc = fx->files->rename(fx->ctx, p->staged, c->path, err);
    TM_KILL_POINT(append_named);
    *size_bytes = info.size_bytes;
    return rc;
}

int tm__commits_append(struct tm__commits *c, uint64_t checkpoint, struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    struct tm_file_info info = {0};
    int64_t size_bytes = 0;
    bool again = c->record.begun > c->record.done && c->record.is_new && tm__commits_is_renamed(c);
    TM_KILL_POINT(append_begins);
    int rc = begin_append(c, checkpoint, err);
    if (rc == 0 && again)
        size_bytes = is_there(c, c->path, &info) ? info.size_bytes : 0;
    else if (rc == 0 && is_alone(c, checkpoint))
        rc = name_alone(c, &size_bytes, err);
    else if (rc == 0)
        rc = write_file(c, checkpoint, &size_bytes, err);
    if (rc == 0 && c->record.is_new)
        rc = tm__file_sync_folder(fx, c->path, err);
    if (rc != 0)
        return rc;
    if (c->record.is_new && c->claim < 0) // nobody else may append to it while the job runs
        c->claim = tm__file_claim(fx, c->path, false, c->output, NULL);
    struct tm__commit_record next = c->record;
    next.done = checkpoint;
    next.length = size_bytes;
    rc = write_record(c, &next, err);
    if (rc != 0)
        return rc;
    TM_KILL_POINT(append_done);
    c->is_new = c->foreign = false;
    for (const struct tm__prepared *p = c->pending; p != NULL && p->checkpoint <= checkpoint;
         p = p->next) {
        (void)fx->files->unlink(fx->ctx, p->staged, NULL); // else a later beginning removes it
        TM_KILL_POINT(staged_removed);
    }
    return 0;
}

// --- undone --------------------------------------------------------------------------------------

int tm__commits_cut(const struct tm__commits *c, int64_t size_bytes, struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    struct tm_file_info info;
    int fd = fx->files->open(fx->ctx, c->path, TM_FILE_APPEND, err);
    if (fd < 0)
        return fd;
    int rc = fx->files->stat_fd(fx->ctx, fd, &info, err);
    if (rc == 0 && info.size_bytes > size_bytes) {
        rc = fx->files->truncate(fx->ctx, fd, size_bytes, err);
        TM_KILL_POINT(append_cut);
        rc = rc == 0 ? fx->files->sync(fx->ctx, fd, err) : rc;
    }
    int closed = fx->files->close(fx->ctx, fd, rc == 0 ? err : NULL);
    return rc != 0 ? rc : closed;
}

int tm__commits_cut_back(struct tm__commits *c, struct tm_error *err)
{
    struct tm__commit_record next = c->record;
    bool named = next.is_new != 0 && tm__commits_is_renamed(c);
    int rc = next.is_new != 0 ? 0 : tm__commits_cut(c, c->record.from, err);
    if (rc != 0)
        return rc;
    if (named)
        next.done = next.begun;
    else
        next.begun = next.done;
    return write_record(c, &next, err);
}
