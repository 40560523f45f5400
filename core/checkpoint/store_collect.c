// What is given up, and when its files may go. A data file stays while a checkpoint that is kept
// refers to it, or one that was kept when one under way began, which may refer to it too.
#include <stdlib.h>

#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/checkpoint/store_parts.h"

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for the files of checkpoints");
}

// --- references ----------------------------------------------------------------------------------

static void free_refs(struct tm_store *store, struct tm__refs *refs)
{
    for (uint32_t i = 0; i < refs->count; i++)
        if (refs->paths[i] != NULL)
            tm_mem_free(store->mem, refs->paths[i], strlen(refs->paths[i]) + 1);
    if (refs->paths != NULL)
        tm_mem_free(store->mem, refs->paths, refs->count * sizeof *refs->paths);
    tm_mem_free(store->mem, refs, sizeof *refs);
}

void tm__refs_drop(struct tm_store *store, uint64_t checkpoint)
{
    struct tm__refs **link = &store->refs;
    while (*link != NULL && (*link)->checkpoint != checkpoint)
        link = &(*link)->next;
    struct tm__refs *found = *link;
    if (found == NULL)
        return;
    *link = found->next;
    free_refs(store, found);
}

// Newest first.
int tm__refs_add(struct tm_store *store, uint64_t checkpoint, const struct tm_manifest *manifest,
                 struct tm_error *err)
{
    struct tm__refs *new = tm_mem_zalloc(store->mem, sizeof *new);
    if (new == NULL)
        return no_memory(err);
    new->checkpoint = checkpoint;
    new->unknown = manifest == NULL;
    if (manifest != NULL && manifest->file_count != 0) {
        new->paths = tm_mem_zalloc(store->mem, manifest->file_count * sizeof *new->paths);
        if (new->paths == NULL) {
            free_refs(store, new);
            return no_memory(err);
        }
        new->count = manifest->file_count;
    }
    for (uint32_t i = 0; i < new->count; i++) {
        new->paths[i] = tm_mem_strdup(store->mem, manifest->files[i].path);
        if (new->paths[i] == NULL) {
            free_refs(store, new);
            return no_memory(err);
        }
    }
    struct tm__refs **link = &store->refs;
    while (*link != NULL && (*link)->checkpoint > checkpoint)
        link = &(*link)->next;
    new->next = *link;
    *link = new;
    return 0;
}

// Was it written so long before that a planted mistake forgets that it is referred to?
static bool is_forgotten(const struct tm__refs *refs, const char *path)
{
    enum { REMEMBERED = 6 };
    return TM_PLANTED(shared_file_removed) &&
           strtoull(path + strlen("chk-"), NULL, 10) + REMEMBERED < refs->checkpoint;
}

static bool is_referred_to(const struct tm_store *store, const char *path)
{
    for (const struct tm__refs *r = store->refs; r != NULL; r = r->next)
        for (uint32_t i = 0; i < r->count; i++)
            if (strcmp(r->paths[i], path) == 0 && !is_forgotten(r, path))
                return true;
    return false;
}

static bool is_kept(const struct tm_store *store, uint64_t checkpoint)
{
    for (const struct tm__refs *r = store->refs; r != NULL; r = r->next)
        if (r->checkpoint == checkpoint && r->retired_at == 0)
            return true;
    return false;
}

// --- giving up -----------------------------------------------------------------------------------

// A checkpoint without a manifest is none. That it has gone lasts before a file of it goes, also
// where all of its folder has been taken away by somebody else.
static int give_up(struct tm_store *store, struct tm__refs *refs, struct tm_error *err)
{
    const struct tm_fx *fx = store->fx;
    char path[TM__FULL_PATH];
    struct tm_file_info info;
    int rc = tm__checkpoint_path(store->folder, refs->checkpoint, "/MANIFEST", path, err);
    if (rc == 0 && fx->files->stat(fx->ctx, path, &info, NULL) == 0)
        rc = fx->files->unlink(fx->ctx, path, err);
    TM_KILL_POINT(manifest_removed);
    if (rc == 0)
        rc = tm__sync_parent(fx, path, err);
    if (rc == TM_E_NOT_FOUND) {
        if (err != NULL)
            tm_error_clear(err);
        rc = fx->files->sync_folder(fx->ctx, store->folder, err);
    }
    if (rc == 0)
        refs->retired_at = ++store->now;
    TM_KILL_POINT(checkpoint_given_up);
    return rc;
}

// All but the newest `retain` good ones, and what is newer than the last of these.
static int give_up_old(struct tm_store *store, struct tm_error *err)
{
    uint32_t good = 0;
    int rc = 0;
    for (struct tm__refs *r = store->refs; r != NULL && rc == 0; r = r->next) {
        if (r->retired_at != 0)
            continue;
        if (good >= store->retain && r->checkpoint < store->latest)
            rc = give_up(store, r, err);
        else
            good += !r->unknown && r->checkpoint <= store->latest;
    }
    return rc;
}

// What is under way since before a checkpoint was given up may refer to what that one refers to.
static void forget_retired(struct tm_store *store)
{
    uint64_t oldest = UINT64_MAX;
    for (const struct tm_pending *p = store->pending; p != NULL; p = p->next)
        if (p->began_at < oldest)
            oldest = p->began_at;
    for (struct tm__refs *r = store->refs, *next; r != NULL; r = next) {
        next = r->next;
        if (r->retired_at != 0 && r->retired_at <= oldest)
            tm__refs_drop(store, r->checkpoint);
    }
}

// --- files that nothing refers to ----------------------------------------------------------------

struct marking {
    struct tm_store *store;
    struct tm__path_list doubtful; // found so now
};

static int mark_file(struct marking *m, const char *relative, bool *stays, struct tm_error *err)
{
    char path[TM__FULL_PATH];
    *stays = true;
    if (is_referred_to(m->store, relative) || TM_PLANTED(files_stay))
        return 0;
    if (!tm__list_has(&m->store->doubtful, relative))
        return tm__list_add(m->store->mem, &m->doubtful, relative) != 0 ? no_memory(err) : 0;
    int rc = tm__join(path, m->store->folder, relative, err);
    if (rc == 0)
        rc = m->store->fx->files->unlink(m->store->fx->ctx, path, err);
    TM_KILL_POINT(data_removed);
    *stays = rc != 0;
    return rc;
}

static int mark_folder(struct marking *m, uint64_t checkpoint, struct tm_error *err)
{
    char path[TM__FULL_PATH], name[TM__FULL_PATH], relative[TM__FULL_PATH];
    struct tm__path_list names = {0};
    bool empty = !is_kept(m->store, checkpoint), stays = true;
    int rc = tm__checkpoint_path(m->store->folder, checkpoint, "", path, err);
    const char *folder = path + strlen(m->store->folder) + 1;
    if (rc == 0)
        rc = tm__list(m->store, path, &names, err);
    for (uint32_t i = 0; i < names.count && rc == 0; i++) {
        if (strcmp(names.paths[i], "MANIFEST") == 0) {
            empty = false;
            continue;
        }
        rc = tm__join(name, folder, names.paths[i], err);
        memcpy(relative, name, sizeof relative);
        if (rc == 0)
            rc = mark_file(m, relative, &stays, err);
        empty = empty && !stays;
    }
    tm__list_fini(m->store->mem, &names);
    if (rc != 0 || !empty)
        return rc;
    TM_KILL_POINT(folder_empty);
    return m->store->fx->files->remove_folder(m->store->fx->ctx, path, err);
}

static bool something_is_unknown(const struct tm_store *store)
{
    for (const struct tm__refs *r = store->refs; r != NULL; r = r->next)
        if (r->unknown)
            return true;
    return false;
}

static int mark(struct tm_store *store, struct tm_error *err)
{
    struct marking m = {.store = store};
    struct tm__path_list names = {0};
    int rc = tm__list(store, store->folder, &names, err);
    for (uint32_t i = 0; i < names.count && rc == 0; i++) {
        uint64_t checkpoint = tm__checkpoint_of_name(names.paths[i], "");
        if (checkpoint != 0)
            rc = mark_folder(&m, checkpoint, err);
    }
    tm__list_fini(store->mem, &names);
    tm__list_fini(store->mem, &store->doubtful);
    store->doubtful = m.doubtful;
    return rc;
}

int tm_store_collect(struct tm_store *store, struct tm_error *err)
{
    int rc = tm_store_check(store, err);
    if (rc != 0)
        return rc;
    tm__remove_left(store);
    rc = give_up_old(store, err);
    forget_retired(store);
    // What a damaged checkpoint refers to is not known: all stays until that one is given up.
    return rc == 0 && !something_is_unknown(store) ? mark(store, err) : rc;
}

// --- going back ----------------------------------------------------------------------------------

static int remove_newer(struct tm_store *store, const char *name, uint64_t checkpoint,
                        struct tm_error *err)
{
    char path[TM__FULL_PATH];
    uint64_t found = tm__checkpoint_of_name(name, "");
    if (found <= checkpoint)
        return 0;
    int rc = tm__join(path, store->folder, name, err);
    if (rc != 0)
        return rc;
    tm__remove_attempt(store, path);
    TM_KILL_POINT(newer_removed);
    tm__refs_drop(store, found);
    return 0;
}

// The oldest first: where LATEST names none, the newest there is counts, and until it goes as the
// last one it has all that it refers to.
static int give_up_newer(struct tm_store *store, uint64_t checkpoint, struct tm_error *err)
{
    int rc = 0;
    while (rc == 0) {
        struct tm__refs *oldest = NULL;
        for (struct tm__refs *r = store->refs; r != NULL && r->checkpoint > checkpoint; r = r->next)
            oldest = r->retired_at == 0 ? r : oldest;
        if (oldest == NULL)
            return 0;
        rc = give_up(store, oldest, err);
    }
    return rc;
}

// LATEST is written in any case: what it says, and the folder that it names, may have been seen by
// this process before they would outlast a crash, and what follows may not. Files go when no
// checkpoint is left that refers to them; those that cannot be removed are left for another time.
int tm_store_rewind(struct tm_store *store, uint64_t checkpoint, struct tm_error *err)
{
    struct tm__path_list names = {0};
    bool begun;
    TM_KILL_POINT(store_rewinds);
    int rc = tm__latest_prepare(store, checkpoint, err);
    if (rc == 0)
        rc = tm_store_check(store, err);
    if (rc == 0)
        rc = tm__latest_set(store, checkpoint, &begun, err);
    if (rc != 0)
        return rc;
    store->latest = checkpoint;
    rc = give_up_newer(store, checkpoint, err);
    if (rc == 0)
        rc = tm__list(store, store->folder, &names, err);
    for (uint32_t i = 0; i < names.count && rc == 0; i++)
        rc = remove_newer(store, names.paths[i], checkpoint, err);
    tm__list_fini(store->mem, &names);
    return rc;
}
