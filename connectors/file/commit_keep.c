// Savepoints are for keeping: what an output has staged goes into their folder, too. The staged
// files themselves go when the job, begun again, clears away what it left; then they are brought
// back from there.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connectors/file/commit_private.h"
#include "connectors/file/kept_list.h"
#include "core/base/hash.h"
#include "core/base/kill_point.h"

enum { COPY_BYTES = 256 * 1024 };

// FOLDER/staged-HASH: the hash of the path that it has beside the output.
static int kept_path(const struct tm__commits *c, const char *folder, const struct tm__prepared *p,
                     char **path, struct tm_error *err)
{
    size_t size = strlen(folder) + sizeof "/staged-" + 16;
    *path = tm_mem_alloc(c->args.mem, size);
    if (*path == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", c->output);
    snprintf(*path, size, "%s/staged-%016" PRIx64, folder,
             tm_hash_bytes(p->staged, strlen(p->staged)));
    return 0;
}

static void free_path(const struct tm__commits *c, char *path)
{
    if (path != NULL)
        tm_mem_free(c->args.mem, path, strlen(path) + 1);
}

static int copy_bytes(const struct tm__commits *c, int from, int to, struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    int64_t got = 0;
    int rc = 0;
    uint8_t *bytes = tm_mem_alloc(c->args.mem, COPY_BYTES);
    if (bytes == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", c->output);
    while (rc == 0 && (got = fx->files->read(fx->ctx, from, bytes, COPY_BYTES, err)) > 0)
        rc = fx->files->write_all(fx->ctx, to, bytes, (size_t)got, NULL, err);
    tm_mem_free(c->args.mem, bytes, COPY_BYTES);
    rc = got < 0 ? (int)got : rc;
    return rc == 0 ? fx->files->sync(fx->ctx, to, err) : rc;
}

// Durable but for its name.
static int copy_file(const struct tm__commits *c, const char *from, const char *to,
                     struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    int in = fx->files->open(fx->ctx, from, TM_FILE_READ, err);
    if (in < 0)
        return in;
    int out = fx->files->open(fx->ctx, to, TM_FILE_CREATE, err);
    int rc = out < 0 ? out : copy_bytes(c, in, out, err);
    if (out >= 0) {
        int closed = fx->files->close(fx->ctx, out, rc == 0 ? err : NULL);
        rc = rc == 0 ? closed : rc;
    }
    (void)fx->files->close(fx->ctx, in, NULL); // it was only read
    return rc;
}

// From here on the record outlives the job: it alone says whether the output has these rows.
static int note(struct tm__commits *c, struct tm_error *err)
{
    struct tm__commit_record next = c->record;
    if (!c->args.append || next.saved != 0)
        return 0;
    next.saved = 1;
    int rc = tm__commit_record_write(c->args.fx, c->args.mem, c->record_path, &next, err);
    if (rc == 0)
        c->record = next;
    return rc;
}

int tm__commits_keep(struct tm__commits *c, uint64_t checkpoint, const char *folder,
                     struct tm_error *err)
{
    struct tm_buf list;
    bool any = false;
    int rc = 0;
    tm_buf_init(&list, c->args.mem);
    tm__commits_take_given(c);
    for (const struct tm__prepared *p = c->pending; rc == 0 && p != NULL; p = p->next) {
        char *path = NULL;
        if (p->checkpoint > checkpoint)
            continue;
        any = true;
        rc = kept_path(c, folder, p, &path, err);
        if (rc == 0)
            rc = copy_file(c, p->staged, path, err);
        if (rc == 0)
            rc = tm__kept_list_add(&list, strrchr(path, '/') + 1, p->size_bytes, p->hash);
        TM_KILL_POINT(savepoint_staged);
        free_path(c, path);
    }
    if (rc == 0)
        rc = tm__kept_list_write(c->args.fx, &list, folder, c->path, err);
    TM_KILL_POINT(savepoint_listed);
    tm_buf_fini(&list);
    if (rc == 0 && any)
        rc = note(c, err);
    return tm__commits_failed(c, rc, err);
}

// --- back ----------------------------------------------------------------------------------------

int tm__commits_find_kept(struct tm__commits *c, const struct tm_restored *restored,
                          struct tm_error *err)
{
    const char *folder = tm_restored_folder(restored);
    int rc = 0;
    for (struct tm__prepared *p = c->pending; rc == 0 && folder != NULL && p != NULL; p = p->next) {
        struct tm_file_info info;
        const struct tm_fx *fx = c->args.fx;
        rc = kept_path(c, folder, p, &p->kept, err);
        if (rc == 0 && (fx->files->stat(fx->ctx, p->kept, &info, NULL) != 0 ||
                        (uint64_t)info.size_bytes != p->size_bytes)) {
            free_path(c, p->kept);
            p->kept = NULL;
        }
    }
    return rc;
}

int tm__commits_bring_back(struct tm__commits *c, struct tm_error *err)
{
    int rc = 0;
    for (const struct tm__prepared *p = c->pending; rc == 0 && p != NULL; p = p->next) {
        if (!p->comes_back)
            continue;
        rc = copy_file(c, p->kept, p->staged, err);
        if (rc == 0)
            rc = tm__file_sync_folder(c->args.fx, p->staged, err);
    }
    return rc;
}
