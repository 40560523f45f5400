// Reading on from a checkpoint: splits of all old subtasks are dealt anew, files that are not in it
// are read as ever, and an input that is not what it was ends the job before it gives a row.
#include "connectors/file/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "connectors/file/source_private.h"
#include "core/base/planted.h"

// A name of the checkpoint.
struct known {
    char *path;
    bool to_be_read; // as one that is not begun
};

struct restore {
    struct tm__files *files;
    const struct tm_node *node;
    struct known *known;
    uint32_t count, capacity;
    struct tm_buf *items; // one behind the other, each behind its size
    struct tm_error *err;
};

static int out_of_memory(const struct restore *r)
{
    return tm_error_set(r->err, TM_E_MEMORY, "out of memory for the positions of '%s'",
                        r->node->name);
}

static int damaged(const struct restore *r)
{
    return tm_error_set(r->err, TM_E_CHECKPOINT,
                        "the checkpoint has a position of '%s' that makes no sense", r->node->name);
}

// --- what the checkpoint says --------------------------------------------------------------------

static int add_known(struct restore *r, const char *path, bool to_be_read)
{
    struct tm_mem *mem = r->files->mem;
    if (r->count == r->capacity) {
        uint32_t capacity = r->capacity == 0 ? 64 : r->capacity * 2;
        struct known *known =
            tm_mem_realloc(mem, r->known, r->capacity * sizeof *known, capacity * sizeof *known);
        if (known == NULL)
            return TM_E_MEMORY;
        r->known = known;
        r->capacity = capacity;
    }
    r->known[r->count] = (struct known){tm_mem_strdup(mem, path), to_be_read};
    return r->known[r->count].path != NULL ? (r->count++, 0) : TM_E_MEMORY;
}

static int take_name(void *arg, enum tm__name_kind kind, const char *path, int64_t begin,
                     int64_t end)
{
    struct restore *r = arg;
    int rc = add_known(r, path, kind == TM__NAME_NOT_BEGUN);
    if (rc == 0 && kind == TM__NAME_READ)
        rc = tm__names_add(&r->files->read, path, begin, end);
    return rc;
}

static int take_names(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                      struct tm_error *err)
{
    struct restore *r = arg;
    (void)old_subtask, (void)err;
    int rc = tm__names_each(r->files->mem, bytes, size, take_name, r);
    return rc == TM_E_CHECKPOINT ? damaged(r) : rc == TM_E_MEMORY ? out_of_memory(r) : rc;
}

static int take_split(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                      struct tm_error *err)
{
    struct restore *r = arg;
    (void)old_subtask, (void)err;
    int rc = tm_buf_append(r->items, &size, sizeof size);
    return rc == 0 && tm_buf_append(r->items, bytes, size) == 0 ? 0 : out_of_memory(r);
}

static int read_positions(struct restore *r)
{
    struct tm__files *files = r->files;
    const uint8_t *p = r->items->data, *end = p + r->items->size_bytes;
    uint32_t count = 0;
    size_t size;
    for (const uint8_t *q = p; q < end; q += sizeof size + size, count++)
        memcpy(&size, q, sizeof size);
    files->positions =
        count == 0 ? NULL : tm_mem_alloc(files->mem, count * sizeof *files->positions);
    if (count != 0 && files->positions == NULL)
        return out_of_memory(r);
    files->position_capacity = count;
    for (; p < end; p += sizeof size + size) {
        memcpy(&size, p, sizeof size);
        if (tm__position_get(&files->positions[files->position_count], p + sizeof size, size) != 0)
            return damaged(r);
        files->position_count++;
    }
    return 0;
}

static int read_checkpoint(struct restore *r, const struct tm_restored *restored)
{
    const struct tm_restored_for who = {.operator_name = r->node->name, .parallelism = 1};
    int rc = tm_restored_items(restored, &who, "splits", take_split, r, r->err);
    if (rc == 0)
        rc = tm_restored_items(restored, &who, "files", take_names, r, r->err);
    return rc == 0 ? read_positions(r) : rc;
}

// --- is the input what it was? -------------------------------------------------------------------

static int changed(const struct restore *r)
{
    tm_error_hint(r->err, TM_FILE_CHANGED_HINT);
    tm_error_where(r->err, "%s", r->node->where);
    return r->err->code;
}

static int64_t start_of(const struct tm__position *p)
{
    return p->resume.state_bytes == 0 ? p->begin
                                      : p->begin - (int64_t)p->head_bytes + p->resume.offset;
}

// The file that is open.
static int check_open(const struct restore *r, const struct tm__position *p, int fd,
                      struct tm_file_info *info)
{
    const struct tm_fx *fx = r->files->fx;
    bool identical = true;
    int rc = fx->files->stat_fd(fx->ctx, fd, info, r->err);
    if (rc != 0)
        return rc;
    if (!info->is_regular) {
        tm_error_set(r->err, TM_E_INPUT_CHANGED,
                     "%s is no plain file: what was read of it cannot be passed over", p->path);
        return changed(r);
    }
    if (tm__file_packing_of(p->path) == TM_FILE_PLAIN && info->size_bytes < start_of(p)) {
        tm_error_set(r->err, TM_E_INPUT_CHANGED,
                     "%s is shorter than it was: it is read on from byte %" PRId64
                     ", and now has %" PRId64,
                     p->path, start_of(p), info->size_bytes);
        return changed(r);
    }
    rc = tm__file_is_identical(fx, fd, &p->resume.identity, &identical, r->err);
    if (rc == 0 && !identical) {
        bool same =
            info->device == p->resume.identity.device && info->inode == p->resume.identity.inode;
        tm_error_set(r->err, TM_E_INPUT_CHANGED,
                     "%s is %s than the one that was read up to byte %" PRId64
                     ": it begins otherwise",
                     p->path, same ? "written anew, so another" : "another file", start_of(p));
        return changed(r);
    }
    return rc;
}

// `path`: where it is now.
static int check(const struct restore *r, const struct tm__position *p, const char *path,
                 struct tm_file_info *info)
{
    const struct tm_fx *fx = r->files->fx;
    int fd = fx->files->open(fx->ctx, path, TM_FILE_READ, r->err);
    if (fd == TM_E_NOT_FOUND) {
        tm_error_set(r->err, TM_E_INPUT_CHANGED, "%s is gone: it had been read up to byte %" PRId64,
                     p->path, start_of(p));
        return changed(r);
    }
    if (fd < 0)
        return fd;
    int rc = check_open(r, p, fd, info);
    (void)fx->files->close(fx->ctx, fd, NULL);
    return rc;
}

// --- the files that the script means now ---------------------------------------------------------

static int by_listed_path(const void *a, const void *b)
{
    return strcmp(((const struct tm_file_listed *)a)->path,
                  ((const struct tm_file_listed *)b)->path);
}

// The same file, whatever the script calls it now. NULL: it is not among them.
static const struct tm_file_listed *listed_as(const struct restore *r, const char *path,
                                              const struct tm_file_identity *identity)
{
    const struct tm_file_list *list = &r->files->list;
    const struct tm_fx *fx = r->files->fx;
    struct tm_file_listed key = {.path = (char *)(uintptr_t)path};
    struct tm_file_info info = {0};
    const struct tm_file_listed *found =
        list->count == 0 ? NULL
                         : bsearch(&key, list->files, list->count, sizeof key, by_listed_path);
    if (found != NULL)
        return found;
    if (fx->files->stat(fx->ctx, path, &info, NULL) != 0 && identity != NULL) {
        info.device = identity->device;
        info.inode = identity->inode;
    }
    for (uint32_t i = 0; i < list->count && info.inode != 0; i++)
        if (list->files[i].inode == info.inode && list->files[i].device == info.device)
            return &list->files[i];
    return NULL;
}

// It is there, and nobody would read it.
static int not_meant(const struct restore *r, const char *path, const char *what)
{
    tm_error_set(r->err, TM_E_INPUT_CHANGED,
                 "%s %s, and the path of '%s', which is %s now, does not mean it", path, what,
                 r->node->name, r->files->path);
    tm_error_hint(r->err,
                  "go on with the path as it was until it is read, and then change it; or leave "
                  "out what is left of it, and read all that the new path means: --drop-state '%s'",
                  r->node->name);
    tm_error_where(r->err, "%s", r->node->where);
    return TM_E_INPUT_CHANGED;
}

// --- pieces --------------------------------------------------------------------------------------

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct known *)a)->path, ((const struct known *)b)->path);
}

static struct known *find(const struct restore *r, const char *path)
{
    struct known key = {.path = (char *)(uintptr_t)path};
    return r->count == 0 ? NULL : bsearch(&key, r->known, r->count, sizeof key, by_path);
}

static int add_positions(struct restore *r)
{
    struct tm__files *files = r->files;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < files->position_count; i++) {
        const struct tm__position *p = &files->positions[i];
        const struct tm_file_listed *listed = listed_as(r, p->path, &p->resume.identity);
        const char *path = listed != NULL ? listed->path : p->path;
        struct tm_file_info info;
        rc = check(r, p, path, &info);
        if (rc == 0 && listed == NULL) {
            char what[64];
            snprintf(what, sizeof what, "has been read up to byte %" PRId64, start_of(p));
            rc = not_meant(r, path, what);
        }
        if (rc != 0)
            return rc;
        bool begun = p->resume.state_bytes != 0 && !TM_PLANTED(positions_forgotten);
        enum tm_file_packing packing = tm__file_packing_of(path);
        int64_t end = p->end != 0 ? p->end : info.size_bytes;
        int64_t start = packing == TM_FILE_PLAIN ? start_of(p) : 0;
        rc = tm__file_add_piece(files,
                                &(struct tm__piece){.path = path,
                                                    .is_regular = true,
                                                    .packing = packing,
                                                    .begin = p->begin,
                                                    .end = p->end,
                                                    .size_bytes = end > start ? end - start : 0,
                                                    .head = p->head,
                                                    .head_bytes = p->head_bytes,
                                                    .resume = begun ? &p->resume : NULL,
                                                    .identity = p->resume.identity});
        if (rc == 0)
            rc = add_known(r, path, false);
        if (rc != 0)
            return out_of_memory(r);
    }
    return rc;
}

// Files that nothing has been read of: those that the job knew, and new ones.
static int add_others(struct restore *r, const struct tm__piece *listed, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct known *known = find(r, listed[i].path);
        bool read = known != NULL && !known->to_be_read;
        if (!read && tm__file_add_piece(r->files, &listed[i]) != 0)
            return out_of_memory(r);
    }
    return 0;
}

// A file that was to be read has to be there, and to be meant.
static int check_missing(const struct restore *r)
{
    const struct tm_fx *fx = r->files->fx;
    for (uint32_t i = 0; i < r->count; i++) {
        struct tm_file_info info;
        const char *path = r->known[i].path;
        if (!r->known[i].to_be_read || listed_as(r, path, NULL) != NULL)
            continue;
        if (fx->files->stat(fx->ctx, path, &info, NULL) == 0)
            return not_meant(r, path, "was to be read");
        tm_error_set(r->err, TM_E_INPUT_CHANGED, "%s is gone: it was to be read", path);
        return changed(r);
    }
    return 0;
}

// What was read to its end is not read again under another name.
static int know_read_ones(struct restore *r)
{
    for (uint32_t i = 0, count = r->count; i < count; i++) {
        const struct tm_file_listed *listed =
            r->known[i].to_be_read ? NULL : listed_as(r, r->known[i].path, NULL);
        if (listed != NULL && strcmp(listed->path, r->known[i].path) != 0 &&
            add_known(r, listed->path, false) != 0)
            return out_of_memory(r);
    }
    return 0;
}

static int restore_pieces(struct restore *r)
{
    struct tm__files *files = r->files;
    struct tm__piece *listed = files->pieces;
    uint32_t count = files->count, capacity = files->capacity;
    files->pieces = NULL; // first those that are begun, so that they are opened first
    files->count = files->capacity = 0;
    int rc = know_read_ones(r);
    if (rc == 0)
        rc = add_positions(r);
    if (rc == 0 && r->count != 0)
        qsort(r->known, r->count, sizeof *r->known, by_path);
    if (rc == 0)
        rc = check_missing(r);
    if (rc == 0)
        rc = add_others(r, listed, count);
    tm_mem_free(files->mem, listed, capacity * sizeof *listed);
    return rc == 0 ? tm__file_deal(files, r->err) : rc;
}

int tm__file_source_restore(void *shared, const struct tm_restored *restored,
                            const struct tm_node *node, struct tm_error *err)
{
    struct tm__files *files = shared;
    struct restore r = {.files = files, .node = node, .items = &files->restored, .err = err};
    if (!tm_restored_has(restored, node->name, "splits") &&
        !tm_restored_has(restored, node->name, "files"))
        return 0; // it knows nothing of this source: that is new
    int rc = read_checkpoint(&r, restored);
    if (rc == 0)
        rc = files->follow != NULL
                 ? tm__follow_restore(files->follow, files->positions, files->position_count, err)
                 : restore_pieces(&r);
    if (rc == 0)
        rc = tm__file_positions_load(files, node, err);
    for (uint32_t i = 0; i < r.count; i++)
        tm_mem_free(files->mem, r.known[i].path, strlen(r.known[i].path) + 1);
    tm_mem_free(files->mem, r.known, r.capacity * sizeof *r.known);
    return rc;
}
