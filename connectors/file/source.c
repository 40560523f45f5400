// Which files a pattern means, and which subtask reads which: the largest file first to whoever has
// least, so that subtasks end at about the same time. A file that a pattern finds under several
// names (a link "current.jsonl" beside what it means) is read once.
#include "connectors/file/source.h"

#include <stdio.h>
#include <stdlib.h>

#include "connectors/file/file.h"
#include "connectors/file/records.h"
#include "core/base/text.h"

struct input_file {
    char *path;
    int64_t size_bytes;
    bool is_regular;
    uint64_t device, inode;
    uint32_t subtask;
};

struct files {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    struct input_file *files; // in the order of their paths
    uint32_t count, capacity;
    uint64_t max_record;
};

// --- the list ------------------------------------------------------------------------------------

static int add_file(void *arg, const char *path)
{
    struct files *list = arg;
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        struct input_file *files = tm_mem_realloc(
            list->mem, list->files, list->capacity * sizeof *files, capacity * sizeof *files);
        if (files == NULL)
            return TM_E_MEMORY;
        list->files = files;
        list->capacity = capacity;
    }
    struct input_file *file = &list->files[list->count];
    *file = (struct input_file){.path = tm_mem_strdup(list->mem, path)};
    if (file->path == NULL)
        return TM_E_MEMORY;
    list->count++;
    return 0;
}

// It is not meant after all; `close_gaps` takes it off the list.
static void forget_file(struct files *list, struct input_file *file)
{
    if (file->path != NULL)
        tm_mem_free(list->mem, file->path, strlen(file->path) + 1);
    file->path = NULL;
}

static void close_gaps(struct files *list)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->files[i].path != NULL)
            list->files[kept++] = list->files[i];
    list->count = kept;
}

static void free_files(struct files *list)
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

static void hint_folder(struct files *list, const char *path, size_t folder, const char *suffix,
                        struct tm_error *err)
{
    static const char relative[] = "a relative path is relative to the working directory";
    char name[4096];
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

// There is no such file: name it, and the nearest one that is there.
static int not_found(struct files *list, const char *path, bool is_pattern, struct tm_error *err)
{
    struct files there = {.fx = list->fx, .mem = list->mem};
    const char *names[512];
    uint32_t count = 0;
    char pattern[4096];
    size_t folder = folder_length(path);
    const char *suffix = strrchr(path + folder, '.'); // of what is there, files of its kind
    if (suffix == NULL || strpbrk(suffix, "*?[") != NULL)
        suffix = "";
    int rc = is_pattern ? tm_error_set(err, TM_E_NOT_FOUND, "no file matches %s", path)
                        : tm_error_set(err, TM_E_NOT_FOUND, "there is no file %s", path);
    if (strlen(path) + 2 > sizeof pattern)
        return rc;
    snprintf(pattern, sizeof pattern, "%.*s*%s", (int)folder, path, suffix);
    if (list->fx->files->glob(list->fx->ctx, pattern, add_file, &there, NULL) == 0) {
        for (; count < there.count && count < 512; count++)
            names[count] = there.files[count].path + folder;
        const char *nearest = tm_text_nearest(path + folder, names, count);
        if (nearest != NULL)
            tm_error_hint(err, "did you mean %.*s%s?", (int)folder, path, nearest);
        else if (count == 0)
            hint_folder(list, path, folder, suffix, err);
        else
            tm_error_hint(err, "its folder has %s%s%s", names[0], count > 1 ? ", " : "",
                          count > 2   ? "..."
                          : count > 1 ? names[1]
                                      : "");
    }
    free_files(&there);
    return rc;
}

static int by_identity(const void *a, const void *b)
{
    const struct input_file *x = *(struct input_file *const *)a;
    const struct input_file *y = *(struct input_file *const *)b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->inode != y->inode)
        return x->inode < y->inode ? -1 : 1;
    return x < y ? -1 : x > y; // of several names the first stays
}

static bool is_same_file(const struct input_file *a, const struct input_file *b)
{
    return a->device == b->device && a->inode == b->inode && (a->device != 0 || a->inode != 0);
}

static int drop_other_names(struct files *list, struct tm_error *err)
{
    struct input_file **order = tm_mem_alloc(list->mem, (list->count + 1) * sizeof(void *));
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

static int list_files(struct files *list, const char *path, struct tm_error *err)
{
    const struct tm_fx *fx = list->fx;
    struct tm_file_info info;
    // A file may well be called "a[1].jsonl": a pattern is what is no file.
    bool is_file = fx->files->stat(fx->ctx, path, &info, NULL) == 0;
    bool is_pattern = !is_file && strpbrk(path, "*?[") != NULL;
    int rc = 0;
    if (is_file)
        rc = add_file(list, path);
    else if (is_pattern)
        rc = fx->files->glob(fx->ctx, path, add_file, list, err);
    if (rc == TM_E_MEMORY)
        return tm_error_set(err, rc, "out of memory for the files of %s", path);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < list->count; i++) {
        struct input_file *file = &list->files[i];
        rc = fx->files->stat(fx->ctx, file->path, &info, err);
        if (rc != 0)
            return rc;
        if (info.is_directory && is_file) {
            rc = tm_error_set(err, TM_E_OPTION, "%s is a folder", path);
            tm_error_hint(err, "name the files in it: path = \"%s%s*\"", path,
                          path[strlen(path) - 1] == '/' ? "" : "/");
            return rc;
        }
        if (info.is_directory) // a pattern may match folders too: they are not meant
            forget_file(list, file);
        file->size_bytes = info.size_bytes;
        file->is_regular = info.is_regular;
        file->device = info.device;
        file->inode = info.inode;
    }
    close_gaps(list);
    return list->count == 0 ? not_found(list, path, is_pattern, err) : drop_other_names(list, err);
}

// --- dealing -------------------------------------------------------------------------------------

static int by_size(const void *a, const void *b)
{
    const struct input_file *x = *(struct input_file *const *)a;
    const struct input_file *y = *(struct input_file *const *)b;
    if (x->size_bytes != y->size_bytes)
        return x->size_bytes < y->size_bytes ? 1 : -1;
    return x < y ? -1 : x > y; // equal sizes in the order of their paths
}

static int deal(struct files *list, uint32_t parallelism, struct tm_error *err)
{
    struct input_file **order = tm_mem_alloc(list->mem, list->count * sizeof(void *));
    int64_t *load = tm_mem_zalloc(list->mem, parallelism * sizeof *load);
    int rc = order == NULL || load == NULL
                 ? tm_error_set(err, TM_E_MEMORY, "out of memory for a list of files")
                 : 0;
    for (uint32_t i = 0; rc == 0 && i < list->count; i++)
        order[i] = &list->files[i];
    if (rc == 0)
        qsort(order, list->count, sizeof *order, by_size);
    for (uint32_t i = 0; rc == 0 && i < list->count; i++) {
        uint32_t least = 0;
        for (uint32_t s = 1; s < parallelism; s++)
            least = load[s] < load[least] ? s : least;
        order[i]->subtask = least;
        load[least] += order[i]->size_bytes + 1; // empty files are spread too
    }
    tm_mem_free(list->mem, order, list->count * sizeof(void *));
    tm_mem_free(list->mem, load, parallelism * sizeof *load);
    return rc;
}

// --- the connector's functions -------------------------------------------------------------------

int tm__file_source_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                            uint32_t parallelism, void **shared, struct tm_error *err)
{
    struct tm_options options;
    struct files *list = tm_mem_zalloc(mem, sizeof *list);
    if (list == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    list->fx = fx;
    list->mem = mem;
    int rc = tm_file_options(&options, mem, node, tm_connector_file.source_options, "tm.file", err);
    if (rc == 0) {
        list->max_record = (uint64_t)tm_options_integer(&options, "max_record", 0);
        rc = list_files(list, tm_options_text(&options, "path"), err);
    }
    if (rc == 0)
        rc = deal(list, parallelism, err);
    tm_options_fini(&options);
    if (rc != 0) {
        tm__file_source_release(list);
        return rc;
    }
    *shared = list;
    return 0;
}

void tm__file_source_release(void *shared)
{
    struct files *list = shared;
    free_files(list);
    tm_mem_free(list->mem, list, sizeof *list);
}

uint32_t tm__file_source_split_count(const void *shared, uint32_t subtask, uint32_t parallelism)
{
    const struct files *list = shared;
    uint32_t count = 0;
    (void)parallelism;
    for (uint32_t i = 0; i < list->count; i++)
        count += list->files[i].subtask == subtask;
    return count;
}

int tm__file_source_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                        struct tm_source **source, struct tm_error *err)
{
    const struct files *list = shared;
    uint32_t count = tm__file_source_split_count(shared, ctx->subtask, 0), used = 0;
    struct tm_file_input *inputs = tm_mem_alloc(ctx->mem, (count + 1) * sizeof *inputs);
    if (inputs == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct input_file *file = &list->files[i];
        if (file->subtask == ctx->subtask)
            inputs[used++] =
                (struct tm_file_input){.path = file->path, .fd = -1, .poll = !file->is_regular};
    }
    int rc = tm_file_records_new(ctx, node, inputs, count, list->max_record, source, err);
    tm_mem_free(ctx->mem, inputs, (count + 1) * sizeof *inputs);
    return rc;
}
