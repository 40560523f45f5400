// The life of a job's folder: opened and locked, a checkpoint begun, published or discarded.
#include "core/checkpoint/store.h"

#include <stdio.h>

#include "core/base/check.h"
#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/checkpoint/store_parts.h"

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for the checkpoints of a job");
}

static void free_text(struct tm_mem *mem, char *text)
{
    if (text != NULL)
        tm_mem_free(mem, text, strlen(text) + 1);
}

// --- opening -------------------------------------------------------------------------------------

static int lock(struct tm_store *store, struct tm_error *err)
{
    char path[TM__FULL_PATH];
    int64_t holder = 0;
    int rc = tm__join(path, store->folder, "LOCK", err);
    if (rc != 0)
        return rc;
    store->lock = store->fx->files->lock(store->fx->ctx, path, true, &holder, err);
    if (store->lock >= 0) {
        TM_KILL_POINT(job_locked);
        return 0;
    }
    if (store->lock != TM_E_IN_USE)
        return store->lock;
    if (holder > 0)
        tm_error_set(err, TM_E_JOB_RUNNING, "the job %s runs already: process %lld holds %s",
                     store->job, (long long)holder, path);
    else
        tm_error_set(err, TM_E_JOB_RUNNING, "the job %s runs already: %s process holds %s",
                     store->job, holder == TM_LOCK_OURS ? "this" : "another", path);
    tm_error_hint(err, "stop that one, or give this one another name");
    return TM_E_JOB_RUNNING;
}

// A process that was taken for dead may wake up later, and its lock be worth nothing: on some
// network disks, or because somebody has removed the file. So the file says who has the folder, and
// whoever had it before finds another name there. Nobody needs it behind a crash: it is not synced.
static int take_over(struct tm_store *store, struct tm_error *err)
{
    const struct tm_fx *fx = store->fx;
    char path[TM__FULL_PATH];
    int rc = tm__join(path, store->folder, "LOCK", err);
    int fd = rc != 0 ? rc : fx->files->open(fx->ctx, path, TM_FILE_CREATE, err);
    if (fd < 0)
        return fd;
    snprintf(store->owner, sizeof store->owner, "%08x\n", (unsigned)fx->random->next(fx->ctx));
    rc = fx->files->write_all(fx->ctx, fd, store->owner, strlen(store->owner), NULL, err);
    int closed = fx->files->close(fx->ctx, fd, rc == 0 ? err : NULL);
    return rc != 0 ? rc : closed;
}

int tm_store_check(const struct tm_store *store, struct tm_error *err)
{
    char path[TM__FULL_PATH];
    struct tm_buf text;
    int rc = tm__join(path, store->folder, "LOCK", err);
    if (rc != 0 || TM_PLANTED(owner_not_asked))
        return rc;
    tm_buf_init(&text, store->mem);
    rc = tm__read_file(store->fx, path, sizeof store->owner, &text, err);
    bool ours = rc == 0 && text.size_bytes == strlen(store->owner) &&
                memcmp(text.data, store->owner, text.size_bytes) == 0;
    tm_buf_fini(&text);
    if (rc == TM_E_NOT_FOUND) { // somebody has removed it, and nobody has come since
        if (err != NULL)
            tm_error_clear(err);
        return 0;
    }
    if (rc != 0 || ours)
        return rc;
    tm_error_set(err, TM_E_JOB_RUNNING,
                 "the job %s runs in another process, which has taken over its folder %s",
                 store->job, store->folder);
    tm_error_hint(err, "this one ends and changes nothing any more; locks of files seem to hold "
                       "nothing on that disk: put checkpoints elsewhere, --dir DIR");
    return TM_E_JOB_RUNNING;
}

// What a checkpoint refers to, as far as its manifest can be read.
static int learn(struct tm_store *store, uint64_t checkpoint, struct tm_error *err)
{
    char path[TM__FULL_PATH];
    struct tm_file_info info;
    struct tm_manifest manifest;
    int rc = tm__checkpoint_path(store->folder, checkpoint, "/MANIFEST", path, err);
    if (rc != 0)
        return rc;
    // It had been given up, by a process that may have ended before that would outlast a crash. It
    // must before a file goes that it refers to.
    if (store->fx->files->stat(store->fx->ctx, path, &info, NULL) != 0)
        return tm__sync_parent(store->fx, path, err);
    tm_manifest_init(&manifest, store->mem);
    rc = tm__checkpoint_path(store->folder, checkpoint, "", path, err);
    bool known = rc == 0 && tm_manifest_read(&manifest, store->fx, path, NULL) == 0 &&
                 manifest.checkpoint == checkpoint;
    if (rc == 0)
        rc = tm__refs_add(store, checkpoint, known ? &manifest : NULL, err);
    tm_manifest_fini(&manifest);
    return rc;
}

// The number of a savepoint is nobody else's, also where the next process knows of nothing that
// came behind it: outputs know what they have by numbers, and the savepoint, wherever it lies by
// then, may be begun with. So an empty folder has it, before the savepoint is there; of several the
// highest counts. It also has that of checkpoints that a job goes back behind.
static const char saved[] = ".saved";

static void forget_number(struct tm_store *store, uint64_t checkpoint)
{
    char path[TM__FULL_PATH];
    if (checkpoint != 0 && tm__checkpoint_path(store->folder, checkpoint, saved, path, NULL) == 0)
        (void)tm__remove_tree(store, path, NULL); // else at the next opening
}

static int keep_number(struct tm_store *store, uint64_t checkpoint, struct tm_error *err)
{
    char path[TM__FULL_PATH];
    if (checkpoint <= store->saved)
        return 0;
    int rc = tm__checkpoint_path(store->folder, checkpoint, saved, path, err);
    if (rc == 0)
        rc = store->fx->files->mkdirs(store->fx->ctx, path, err);
    if (rc == 0)
        rc = store->fx->files->sync_folder(store->fx->ctx, store->folder, err);
    if (rc != 0)
        return rc;
    forget_number(store, store->saved);
    store->saved = checkpoint;
    return 0;
}

// Its process may live, and may have renamed it just now.
static int remove_latest_under_way(struct tm_store *store, const char *name, struct tm_error *err)
{
    char path[TM__FULL_PATH];
    int rc = tm__join(path, store->folder, name, err);
    if (rc == 0)
        rc = store->fx->files->unlink(store->fx->ctx, path, err);
    if (rc == TM_E_NOT_FOUND && err != NULL)
        tm_error_clear(err);
    return rc == TM_E_NOT_FOUND ? 0 : rc;
}

static int look_at(struct tm_store *store, const char *name, struct tm_error *err)
{
    char path[TM__FULL_PATH];
    uint64_t checkpoint = tm__checkpoint_of_name(name, "");
    uint64_t number = tm__checkpoint_of_name(name, saved);
    if (number > store->saved)
        store->saved = number;
    if (checkpoint > store->highest)
        store->highest = checkpoint;
    if (checkpoint != 0)
        return learn(store, checkpoint, err);
    if (tm__is_latest_under_way(name))
        return remove_latest_under_way(store, name, err);
    if (!tm__is_attempt(name))
        return 0;
    int rc = tm__join(path, store->folder, name, err);
    if (rc == 0)
        rc = tm__remove_tree(store, path, err);
    TM_KILL_POINT(attempt_removed);
    return rc;
}

static int look_around(struct tm_store *store, struct tm_error *err)
{
    struct tm__path_list names = {0};
    int rc = tm__list(store, store->folder, &names, err);
    for (uint32_t i = 0; i < names.count && rc == 0; i++)
        rc = look_at(store, names.paths[i], err);
    if (rc == 0)
        rc = tm__latest_read(store->fx, store->mem, store->folder, &store->latest, err);
    // A crash before the first LATEST, or somebody has removed it.
    if (rc == 0 && store->latest == 0 && store->refs != NULL)
        store->latest = store->refs->checkpoint;
    // What was found may have been named by a process that was killed before that would outlast a
    // loss of power. Sinks make visible what it owes before LATEST is written anew.
    if (rc == 0)
        rc = store->fx->files->sync_folder(store->fx->ctx, store->folder, err);
    for (uint32_t i = 0; i < names.count && rc == 0; i++)
        if (tm__checkpoint_of_name(names.paths[i], saved) < store->saved)
            forget_number(store, tm__checkpoint_of_name(names.paths[i], saved));
    tm__list_fini(store->mem, &names);
    tm_store_count_from(store, store->latest);
    tm_store_count_from(store, store->saved);
    return rc;
}

int tm_store_open(const struct tm_store_args *args, struct tm_store **store, struct tm_error *err)
{
    *store = NULL;
    struct tm_store *new = tm_mem_zalloc(args->mem, sizeof *new);
    if (new == NULL)
        return no_memory(err);
    new->mem = args->mem;
    new->fx = args->fx;
    new->retain = args->retain != 0 ? args->retain : 1;
    new->lock = -1;
    new->folder = tm_mem_strdup(args->mem, args->folder);
    new->job = tm_mem_strdup(args->mem, args->job);
    int rc = new->folder == NULL || new->job == NULL ? no_memory(err) : 0;
    if (rc == 0)
        rc = tm__make_folder(new->fx, new->folder, err);
    if (rc == 0)
        rc = lock(new, err);
    if (rc == 0)
        rc = take_over(new, err);
    if (rc == 0)
        rc = look_around(new, err);
    if (rc != 0)
        tm_store_close(new);
    else
        *store = new;
    return rc;
}

void tm_store_close(struct tm_store *store)
{
    if (store == NULL)
        return;
    while (store->pending != NULL)
        tm_store_discard(store, store->pending);
    while (store->refs != NULL)
        tm__refs_drop(store, store->refs->checkpoint);
    tm__list_fini(store->mem, &store->doubtful);
    tm__list_fini(store->mem, &store->left);
    if (store->lock >= 0)
        (void)store->fx->files->close(store->fx->ctx, store->lock, NULL);
    free_text(store->mem, store->folder);
    free_text(store->mem, store->job);
    tm_mem_free(store->mem, store, sizeof *store);
}

const char *tm_store_folder(const struct tm_store *store)
{
    return store->folder;
}

uint64_t tm_store_latest(const struct tm_store *store)
{
    return store->latest;
}

uint64_t tm_store_next(const struct tm_store *store)
{
    return store->highest + 1;
}

void tm_store_count_from(struct tm_store *store, uint64_t checkpoint)
{
    store->highest = checkpoint > store->highest ? checkpoint : store->highest;
}

int tm_store_keep_numbers(struct tm_store *store, struct tm_error *err)
{
    int rc = tm_store_check(store, err);
    return rc != 0 ? rc : keep_number(store, store->highest, err);
}

// --- a checkpoint under way ----------------------------------------------------------------------

static void free_pending(struct tm_store *store, struct tm_pending *pending)
{
    struct tm_pending **link = &store->pending;
    while (*link != NULL && *link != pending)
        link = &(*link)->next;
    if (*link != NULL)
        *link = pending->next;
    free_text(store->mem, pending->folder);
    free_text(store->mem, pending->final);
    free_text(store->mem, pending->name);
    tm_mem_free(store->mem, pending, sizeof *pending);
}

static int begin(struct tm_store *store, uint64_t checkpoint, const char *final, const char *name,
                 struct tm_pending **pending, struct tm_error *err)
{
    char folder[TM__FULL_PATH];
    // Its own: another process that has taken this one for dead may have the same number.
    int n = snprintf(folder, sizeof folder, "%s.%.8s.tmp", final, store->owner);
    if (n < 0 || (size_t)n >= sizeof folder)
        return tm_error_set(err, TM_E_LIMIT, "the path of a checkpoint is too long: %s", folder);
    struct tm_pending *new = tm_mem_zalloc(store->mem, sizeof *new);
    if (new == NULL)
        return no_memory(err);
    *new = (struct tm_pending){.checkpoint = checkpoint,
                               .began_at = store->now,
                               .savepoint = name[0] == '\0',
                               .folder = tm_mem_strdup(store->mem, folder),
                               .final = tm_mem_strdup(store->mem, final),
                               .name = tm_mem_strdup(store->mem, name)};
    new->place = (struct tm_checkpoint_place){.folder = new->folder, .name = new->name};
    int rc = new->folder == NULL || new->final == NULL || new->name == NULL ? no_memory(err) : 0;
    if (rc == 0)
        rc = tm__remove_tree(store, folder, err); // an attempt whose removal had failed
    if (rc == 0) // that its name lasts matters once it has its final one
        rc = new->savepoint ? tm__make_folder(store->fx, folder, err)
                            : store->fx->files->mkdirs(store->fx->ctx, folder, err);
    if (rc != 0) {
        free_pending(store, new);
        return rc;
    }
    new->next = store->pending;
    store->pending = new;
    if (checkpoint > store->highest)
        store->highest = checkpoint;
    *pending = new;
    TM_KILL_POINT(checkpoint_begun);
    return 0;
}

int tm_store_begin(struct tm_store *store, uint64_t checkpoint, struct tm_pending **pending,
                   struct tm_error *err)
{
    char final[TM__FULL_PATH], name[64];
    *pending = NULL;
    snprintf(name, sizeof name, "chk-%llu/", (unsigned long long)checkpoint);
    int rc = tm_store_check(store, err);
    if (rc == 0)
        rc = tm__checkpoint_path(store->folder, checkpoint, "", final, err);
    return rc == 0 ? begin(store, checkpoint, final, name, pending, err) : rc;
}

int tm_store_begin_savepoint(struct tm_store *store, uint64_t checkpoint, const char *path,
                             struct tm_pending **pending, struct tm_error *err)
{
    struct tm_file_info info;
    *pending = NULL;
    if (store->fx->files->stat(store->fx->ctx, path, &info, NULL) == 0) {
        int rc = tm_error_set(err, TM_E_EXISTS, "there is something at %s already", path);
        tm_error_hint(err, "a savepoint gets a folder of its own: name one that is not there");
        return rc;
    }
    return begin(store, checkpoint, path, "", pending, err);
}

const struct tm_checkpoint_place *tm_pending_place(const struct tm_pending *pending)
{
    return &pending->place;
}

void tm_store_discard(struct tm_store *store, struct tm_pending *pending)
{
    if (pending == NULL)
        return;
    char *folder = pending->folder;
    pending->folder = NULL;
    free_pending(store, pending);
    tm__remove_attempt(store, folder);
    free_text(store->mem, folder);
}

// --- publishing ----------------------------------------------------------------------------------

static int write_manifest(struct tm_store *store, const struct tm_pending *pending,
                          struct tm_manifest *manifest, struct tm_error *err)
{
    char path[TM__FULL_PATH];
    struct tm_buf text;
    int rc = tm__join(path, pending->folder, "MANIFEST", err);
    if (rc != 0)
        return rc;
    tm_buf_init(&text, store->mem);
    rc = tm_manifest_encode(manifest, &text) != 0 ? no_memory(err) : 0;
    if (rc == 0)
        rc = tm__write_file(store->fx, path, text.data, text.size_bytes, err);
    tm_buf_fini(&text);
    TM_KILL_POINT(manifest_written);
    return rc;
}

// After the rename it has its name, and `renamed` is set.
static int move(struct tm_store *store, const struct tm_pending *pending, bool *renamed,
                struct tm_error *err)
{
    const struct tm_fx *fx = store->fx;
    int rc = TM_PLANTED(checkpoint_folder_not_synced)
                 ? 0
                 : fx->files->sync_folder(fx->ctx, pending->folder, err);
    if (rc == 0) {
        TM_KILL_POINT(checkpoint_synced);
        *renamed = true; // whatever rename says: it is removed under both names
        rc = fx->files->rename(fx->ctx, pending->folder, pending->final, err);
        TM_KILL_POINT(checkpoint_renamed);
    }
    rc = rc == 0 ? tm__sync_parent(fx, pending->final, err) : rc;
    TM_KILL_POINT(checkpoint_named);
    return rc;
}

// Takes what it refers to into account first: from then on it cannot fail for memory.
static int publish(struct tm_store *store, const struct tm_pending *pending,
                   const struct tm_manifest *manifest, bool *renamed, struct tm_error *err)
{
    bool begun = false;
    int rc = tm__refs_add(store, pending->checkpoint, manifest, err);
    if (rc != 0)
        return rc;
    rc = move(store, pending, renamed, err);
    if (rc == 0)
        rc = tm__latest_set(store, pending->checkpoint, &begun, err);
    if (rc == 0) {
        TM_KILL_POINT(checkpoint_published);
        store->latest = pending->checkpoint;
        return 0;
    }
    if (begun) { // LATEST may name it: it stays whole until another one is published
        *renamed = false;
        return rc;
    }
    tm__refs_drop(store, pending->checkpoint);
    return rc;
}

static int publish_savepoint(struct tm_store *store, const struct tm_pending *pending,
                             bool *renamed, struct tm_error *err)
{
    int rc = keep_number(store, pending->checkpoint, err);
    if (rc == 0)
        rc = move(store, pending, renamed, err);
    if (rc == 0)
        TM_KILL_POINT(savepoint_published);
    return rc;
}

int tm_store_publish(struct tm_store *store, struct tm_pending *pending,
                     struct tm_manifest *manifest, struct tm_error *err)
{
    bool renamed = false;
    // A late one is given up by whoever has published a newer one.
    TM_CHECK(pending->savepoint || pending->checkpoint > store->latest);
    int rc = write_manifest(store, pending, manifest, err);
    if (rc == 0 && !pending->savepoint)
        rc = tm__latest_prepare(store, pending->checkpoint, err);
    if (rc == 0)
        rc = tm_store_check(store, err);
    if (rc == 0)
        rc = pending->savepoint ? publish_savepoint(store, pending, &renamed, err)
                                : publish(store, pending, manifest, &renamed, err);
    if (rc != 0 && renamed && pending->savepoint)
        (void)tm__remove_tree(store, pending->final, NULL); // others may come to have its path
    else if (rc != 0 && renamed && tm_store_check(store, NULL) == 0) // else it is another one's
        tm__remove_attempt(store, pending->final);
    if (rc != 0)
        tm_store_discard(store, pending);
    else
        free_pending(store, pending);
    return rc;
}
