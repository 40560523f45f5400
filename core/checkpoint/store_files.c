// Steps on files and folders that the store is made of.
#include <stdio.h>
#include <stdlib.h>

#include "core/checkpoint/store_parts.h"

// Of a path without a slash ".".
static int parent_of(const char *path, char *parent, struct tm_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    if (length >= TM__FULL_PATH)
        return tm_error_set(err, TM_E_LIMIT, "the path of a checkpoint is too long: %s", path);
    if (slash == NULL)
        snprintf(parent, TM__FULL_PATH, ".");
    else if (length == 0)
        snprintf(parent, TM__FULL_PATH, "/");
    else
        snprintf(parent, TM__FULL_PATH, "%.*s", (int)length, path);
    return 0;
}

int tm__sync_parent(const struct tm_fx *fx, const char *path, struct tm_error *err)
{
    char parent[TM__FULL_PATH];
    int rc = parent_of(path, parent, err);
    return rc != 0 ? rc : fx->files->sync_folder(fx->ctx, parent, err);
}

// Its name must last, and those of the folders above it, whoever has made them: a process that was
// killed, or whose disk failed, may have made one and not come to that. One that may not be looked
// at was there.
int tm__make_folder(const struct tm_fx *fx, const char *path, struct tm_error *err)
{
    char folder[TM__FULL_PATH], parent[TM__FULL_PATH];
    int rc = tm__join(folder, path, "", err);
    if (rc == 0)
        rc = fx->files->mkdirs(fx->ctx, path, err);
    if (rc != 0)
        return rc;
    for (size_t length = strlen(folder); length > 1 && folder[length - 1] == '/'; length--)
        folder[length - 1] = '\0';
    while (rc == 0) {
        rc = parent_of(folder, parent, err);
        if (rc == 0)
            rc = fx->files->sync_folder(fx->ctx, parent, err);
        if (strcmp(parent, ".") == 0 || strcmp(parent, "/") == 0 || strcmp(parent, "..") == 0)
            break;
        memcpy(folder, parent, sizeof folder);
    }
    if (rc != TM_E_PERMISSION)
        return rc;
    if (err != NULL)
        tm_error_clear(err);
    return 0;
}

int tm__write_file(const struct tm_fx *fx, const char *path, const void *bytes, size_t size,
                   struct tm_error *err)
{
    int fd = fx->files->open(fx->ctx, path, TM_FILE_CREATE, err);
    if (fd < 0)
        return fd;
    int rc = fx->files->write_all(fx->ctx, fd, bytes, size, NULL, err);
    if (rc == 0)
        rc = fx->files->sync(fx->ctx, fd, err);
    int closed = fx->files->close(fx->ctx, fd, rc == 0 ? err : NULL);
    return rc != 0 ? rc : closed;
}

// --- lists of names ------------------------------------------------------------------------------

int tm__list_add(struct tm_mem *mem, struct tm__path_list *list, const char *path)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
        char **paths = tm_mem_realloc(mem, list->paths, list->capacity * sizeof *paths,
                                      capacity * sizeof *paths);
        if (paths == NULL)
            return TM_E_MEMORY;
        list->paths = paths;
        list->capacity = capacity;
    }
    list->paths[list->count] = tm_mem_strdup(mem, path);
    return list->paths[list->count] == NULL ? TM_E_MEMORY : (list->count++, 0);
}

bool tm__list_has(const struct tm__path_list *list, const char *path)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->paths[i], path) == 0)
            return true;
    return false;
}

void tm__list_fini(struct tm_mem *mem, struct tm__path_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        tm_mem_free(mem, list->paths[i], strlen(list->paths[i]) + 1);
    if (list->paths != NULL)
        tm_mem_free(mem, list->paths, list->capacity * sizeof *list->paths);
    *list = (struct tm__path_list){0};
}

struct listing {
    struct tm_mem *mem;
    struct tm__path_list *list;
};

static int add_name(void *arg, const char *name)
{
    struct listing *listing = arg;
    return tm__list_add(listing->mem, listing->list, name);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Sorted, so that what is done follows from what is there alone.
int tm__list(const struct tm_store *store, const char *path, struct tm__path_list *list,
             struct tm_error *err)
{
    struct listing listing = {store->mem, list};
    int rc = store->fx->files->list(store->fx->ctx, path, add_name, &listing, err);
    if (rc == TM_E_MEMORY)
        return tm_error_set(err, rc, "out of memory for listing %s", path);
    if (rc == 0 && list->count != 0)
        qsort(list->paths, list->count, sizeof *list->paths, by_bytes);
    return rc;
}

static int remove_files(const struct tm_store *store, const char *path,
                        const struct tm__path_list *names, struct tm_error *err)
{
    char file[TM__FULL_PATH];
    int rc = 0;
    for (uint32_t i = 0; i < names->count && rc == 0; i++) { // "MANIFEST" sorts before "c0-0.data"
        rc = tm__join(file, path, names->paths[i], err);
        if (rc == 0)
            rc = store->fx->files->unlink(store->fx->ctx, file, err);
        if (rc == 0 && strcmp(names->paths[i], "MANIFEST") == 0)
            rc = store->fx->files->sync_folder(store->fx->ctx, path, err);
    }
    return rc;
}

int tm__remove_tree(const struct tm_store *store, const char *path, struct tm_error *err)
{
    struct tm__path_list names = {0};
    int rc = tm__list(store, path, &names, err);
    if (rc == TM_E_NOT_FOUND) {
        if (err != NULL)
            tm_error_clear(err);
        return 0;
    }
    if (rc == 0)
        rc = remove_files(store, path, &names, err);
    if (rc == 0)
        rc = store->fx->files->remove_folder(store->fx->ctx, path, err);
    tm__list_fini(store->mem, &names);
    return rc;
}

void tm__remove_attempt(struct tm_store *store, const char *path)
{
    if (tm__remove_tree(store, path, NULL) != 0 && !tm__list_has(&store->left, path) &&
        tm__list_add(store->mem, &store->left, path) != 0)
        return; // without memory the next opening is left
}

static bool is_under_way(const struct tm_store *store, const char *path)
{
    for (const struct tm_pending *p = store->pending; p != NULL; p = p->next)
        if (strcmp(p->folder, path) == 0)
            return true;
    return false;
}

void tm__remove_left(struct tm_store *store)
{
    struct tm__path_list *left = &store->left;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < left->count; i++) {
        char *path = left->paths[i];
        // A savepoint that has been begun again has its path, and has made room for itself.
        if (!is_under_way(store, path) && tm__remove_tree(store, path, NULL) != 0)
            left->paths[kept++] = path;
        else
            tm_mem_free(store->mem, path, strlen(path) + 1);
    }
    left->count = kept;
}

// --- names of checkpoints ------------------------------------------------------------------------

uint64_t tm__checkpoint_of_name(const char *name, const char *suffix)
{
    if (strncmp(name, "chk-", 4) != 0 || name[4] < '1' || name[4] > '9')
        return 0;
    size_t digits = strspn(name + 4, "0123456789");
    if (digits > 18 || strcmp(name + 4 + digits, suffix) != 0)
        return 0;
    return strtoull(name + 4, NULL, 10);
}

bool tm__is_attempt(const char *name)
{
    size_t length = strlen(name);
    return strncmp(name, "chk-", 4) == 0 && name[4] >= '1' && name[4] <= '9' && length > 4 &&
           strcmp(name + length - 4, ".tmp") == 0;
}

int tm__checkpoint_path(const char *folder, uint64_t checkpoint, const char *rest, char *path,
                        struct tm_error *err)
{
    int n = snprintf(path, TM__FULL_PATH, "%s/chk-%llu%s", folder, (unsigned long long)checkpoint,
                     rest);
    if (n < 0 || n >= TM__FULL_PATH)
        return tm_error_set(err, TM_E_LIMIT, "the path of a checkpoint is too long: %s", path);
    return 0;
}
