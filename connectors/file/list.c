// Listing files, and what is said when there are none.
#include "connectors/file/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

enum {
    FOLDER_DEPTH_MAX = 32, // folders in folders; a link may lead in a circle
    PATH_BYTES = 4096,
};

void tm__file_list_init(struct tm_file_list *list, const struct tm_fx *fx, struct tm_mem *mem)
{
    *list = (struct tm_file_list){.fx = fx, .mem = mem};
}

static int add_file(void *arg, const char *path)
{
    struct tm_file_list *list = arg;
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        struct tm_file_listed *files = tm_mem_realloc(
            list->mem, list->files, list->capacity * sizeof *files, capacity * sizeof *files);
        if (files == NULL)
            return TM_E_MEMORY;
        list->files = files;
        list->capacity = capacity;
    }
    struct tm_file_listed *file = &list->files[list->count];
    *file = (struct tm_file_listed){.path = tm_mem_strdup(list->mem, path)};
    if (file->path == NULL)
        return TM_E_MEMORY;
    list->count++;
    return 0;
}

// It is not meant after all; `close_gaps` takes it off the list.
static void forget_file(struct tm_file_list *list, struct tm_file_listed *file)
{
    if (file->path != NULL)
        tm_mem_free(list->mem, file->path, strlen(file->path) + 1);
    file->path = NULL;
}

static void close_gaps(struct tm_file_list *list)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->files[i].path != NULL)
            list->files[kept++] = list->files[i];
    list->count = kept;
}

void tm__file_list_fini(struct tm_file_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        forget_file(list, &list->files[i]);
    tm_mem_free(list->mem, list->files, list->capacity * sizeof *list->files);
    list->files = NULL;
    list->count = list->capacity = 0;
}

// Length of the path's folder with its slash; 0: the working directory.
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

static void hint_folder(struct tm_file_list *list, const char *path, size_t folder,
                        const char *suffix, struct tm_error *err)
{
    static const char relative[] = "a relative path is relative to the working directory";
    char name[PATH_BYTES];
    struct tm_file_info info;
    snprintf(name, sizeof name, "%.*s", (int)folder, path);
    if (folder > 1 && strpbrk(name, "*?[") == NULL &&
        list->fx->files->stat(list->fx->ctx, name, &info, NULL) != 0)
        tm_error_hint(err, "there is no folder %s either%s%s", name, path[0] == '/' ? "" : "; ",
                      path[0] == '/' ? "" : relative);
    else
        tm_error_hint(err, "its folder has no file *%s%s%s", suffix, path[0] == '/' ? "" : "; ",
                      path[0] == '/' ? "" : relative);
}

// What stands in the folder of the path and ends in `suffix`.
static int list_beside(struct tm_file_list *there, const char *path, const char *suffix)
{
    char pattern[PATH_BYTES];
    size_t folder = folder_length(path);
    if (strlen(path) + 2 > sizeof pattern)
        return TM_E_LIMIT;
    snprintf(pattern, sizeof pattern, "%.*s*%s", (int)folder, path, suffix);
    return there->fx->files->glob(there->fx->ctx, pattern, add_file, there, NULL);
}

// The name in that list that may have been meant, or NULL.
static const char *nearest_of(const struct tm_file_list *there, const char *path)
{
    const char *names[512];
    size_t folder = folder_length(path);
    uint32_t count = 0;
    for (; count < there->count && count < 512; count++)
        names[count] = there->files[count].path + folder;
    return tm_text_nearest(path + folder, names, count);
}

// The path is a symbolic link to what is not there: say so. False: it is none.
static bool leads_nowhere(const struct tm_file_list *list, const char *path, struct tm_error *err)
{
    char target[PATH_BYTES];
    const struct tm_fx *fx = list->fx;
    if (fx->files->resolve(fx->ctx, path, target, sizeof target, NULL) != 0 ||
        strcmp(path, target) == 0)
        return false;
    tm_error_set(err, TM_E_NOT_FOUND, "%s is a symbolic link that leads nowhere: there is no %s",
                 path, target);
    tm_error_hint(err, "make %s, or the link anew: ln -sfn TARGET %s", target, path);
    return true;
}

// There is no such file: name it, and the nearest one that is there.
static int not_found(struct tm_file_list *list, const char *path, bool is_pattern,
                     struct tm_error *err)
{
    struct tm_file_list alike = {.fx = list->fx, .mem = list->mem}, all = alike;
    size_t folder = folder_length(path);
    if (!is_pattern && leads_nowhere(list, path, err))
        return TM_E_NOT_FOUND;
    const char *suffix = strrchr(path + folder, '.'); // of what is there, files of its kind first
    if (suffix == NULL || strpbrk(suffix, "*?[") != NULL)
        suffix = "";
    int rc = is_pattern ? tm_error_set(err, TM_E_NOT_FOUND, "no file matches %s", path)
                        : tm_error_set(err, TM_E_NOT_FOUND, "there is no file %s", path);
    if (list_beside(&alike, path, suffix) == 0 && list_beside(&all, path, "") == 0) {
        const char *nearest = nearest_of(&alike, path);
        nearest = nearest != NULL ? nearest : nearest_of(&all, path);
        if (nearest != NULL)
            tm_error_hint(err, "did you mean %.*s%s?", (int)folder, path, nearest);
        else if (alike.count == 0)
            hint_folder(list, path, folder, suffix, err);
        else
            tm_error_hint(err, "its folder has %s%s%s", alike.files[0].path + folder,
                          alike.count > 1 ? ", " : "",
                          alike.count > 2   ? "..."
                          : alike.count > 1 ? alike.files[1].path + folder
                                            : "");
    }
    tm__file_list_fini(&alike);
    tm__file_list_fini(&all);
    return rc;
}

static int by_identity(const void *a, const void *b)
{
    const struct tm_file_listed *x = *(struct tm_file_listed *const *)a;
    const struct tm_file_listed *y = *(struct tm_file_listed *const *)b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->inode != y->inode)
        return x->inode < y->inode ? -1 : 1;
    return x < y ? -1 : x > y; // of several names the first stays
}

static bool is_same_file(const struct tm_file_listed *a, const struct tm_file_listed *b)
{
    return a->device == b->device && a->inode == b->inode && (a->device != 0 || a->inode != 0);
}

static int drop_other_names(struct tm_file_list *list, struct tm_error *err)
{
    struct tm_file_listed **order = tm_mem_alloc(list->mem, (list->count + 1) * sizeof(void *));
    if (order == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a list of files");
    for (uint32_t i = 0; i < list->count; i++)
        order[i] = &list->files[i];
    qsort(order, list->count, sizeof *order, by_identity);
    for (uint32_t i = 1, first = 0; i < list->count; i++) {
        if (is_same_file(order[first], order[i]))
            forget_file(list, order[i]);
        else
            first = i;
    }
    tm_mem_free(list->mem, order, (list->count + 1) * sizeof(void *));
    close_gaps(list);
    return 0;
}

// The path as a pattern that matches nothing else, with "/*" behind it.
static int pattern_of_folder(const char *path, char *pattern, size_t size)
{
    size_t len = 0;
    for (const char *p = path; *p != '\0'; p++) {
        if (len + 5 > size)
            return TM_E_LIMIT;
        if (strchr("*?[]\\", *p) != NULL)
            pattern[len++] = '\\';
        pattern[len++] = *p;
    }
    if (len != 0 && pattern[len - 1] != '/')
        pattern[len++] = '/';
    memcpy(pattern + len, "*", 2);
    return 0;
}

struct walk {
    struct tm_file_list *list;
    int depth;
    struct tm_error *err;
};

static int walk_folder(struct walk *walk, const char *path);

static int add_found(void *arg, const char *path)
{
    struct walk *walk = arg;
    const struct tm_fx *fx = walk->list->fx;
    struct tm_file_info info;
    bool is_there = fx->files->stat(fx->ctx, path, &info, NULL) == 0;
    return is_there && info.is_directory ? walk_folder(walk, path) : add_file(walk->list, path);
}

static int walk_folder(struct walk *walk, const char *path)
{
    const struct tm_fx *fx = walk->list->fx;
    char pattern[PATH_BYTES];
    if (walk->depth == FOLDER_DEPTH_MAX)
        return tm_error_set(walk->err, TM_E_LIMIT, "%s is more than %d folders deep", path,
                            FOLDER_DEPTH_MAX);
    if (pattern_of_folder(path, pattern, sizeof pattern) != 0)
        return tm_error_set(walk->err, TM_E_LIMIT, "the path is too long: %.200s...", path);
    walk->depth++;
    int rc = fx->files->glob(fx->ctx, pattern, add_found, walk, walk->err);
    walk->depth--;
    return rc;
}

static bool is_in_progress(const char *path)
{
    static const char end[] = ".inprogress";
    const char *name = path + folder_length(path);
    size_t len = strlen(name);
    return name[0] == '.' && len > sizeof end && strcmp(name + len - (sizeof end - 1), end) == 0;
}

// What the paths are. Folders that a pattern matches, and outputs in progress, are not meant.
static int look_at_files(struct tm_file_list *list, struct tm_error *err)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct tm_file_listed *file = &list->files[i];
        struct tm_file_info info;
        int rc = list->fx->files->stat(list->fx->ctx, file->path, &info, err);
        if (rc == TM_E_NOT_FOUND && list->forgiving) {
            forget_file(list, file);
            continue;
        }
        if (rc != 0)
            return rc;
        file->size_bytes = info.size_bytes;
        file->is_regular = info.is_regular;
        file->packing = tm__file_packing_of(file->path);
        file->device = info.device;
        file->inode = info.inode;
        if (info.is_directory || (list->is_open_ended && is_in_progress(file->path)))
            forget_file(list, file);
    }
    close_gaps(list);
    return 0;
}

static int empty_folder(const char *path, struct tm_error *err)
{
    int rc = tm_error_set(err, TM_E_NOT_FOUND, "the folder %s has no files", path);
    tm_error_hint(err, "hidden files, whose names begin with a dot, are not read");
    return rc;
}

int tm__file_list_fill(struct tm_file_list *list, const char *path, struct tm_error *err)
{
    const struct tm_fx *fx = list->fx;
    struct tm_file_info info;
    // A file may well be called "a[1].jsonl": a pattern is what is no file.
    bool is_there = fx->files->stat(fx->ctx, path, &info, NULL) == 0;
    bool is_folder = is_there && info.is_directory;
    bool is_pattern = !is_there && strpbrk(path, "*?[") != NULL;
    struct walk walk = {.list = list, .err = err};
    int rc = 0;
    list->is_open_ended = is_folder || is_pattern;
    if (is_folder)
        rc = walk_folder(&walk, path);
    else if (is_there)
        rc = add_file(list, path);
    else if (is_pattern)
        rc = fx->files->glob(fx->ctx, path, add_file, list, err);
    if (rc == TM_E_MEMORY)
        return tm_error_set(err, rc, "out of memory for the files of %s", path);
    if (rc == 0)
        rc = look_at_files(list, err);
    if (rc != 0)
        return rc;
    if (list->count == 0 && list->forgiving)
        return TM_E_NOT_FOUND;
    if (list->count != 0)
        return drop_other_names(list, err);
    return is_folder ? empty_folder(path, err) : not_found(list, path, is_pattern, err);
}
