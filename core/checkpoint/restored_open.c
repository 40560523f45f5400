// A checkpoint on disk, opened: its manifest, and the index of every data file, each compared with
// its checksum; and that all files are there and as long as they were.
#include <stdio.h>

#include "core/checkpoint/restored_parts.h"
#include "core/checkpoint/store_parts.h"

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for a checkpoint");
}

// --- which one -----------------------------------------------------------------------------------

static bool has_manifest(const struct tm_fx *fx, const char *folder)
{
    char path[TM__FULL_PATH];
    struct tm_file_info info;
    return tm__join(path, folder, "MANIFEST", NULL) == 0 &&
           fx->files->stat(fx->ctx, path, &info, NULL) == 0;
}

struct newest {
    const struct tm_fx *fx;
    const char *folder;
    uint64_t checkpoint;
};

static int look_at(void *arg, const char *name)
{
    struct newest *newest = arg;
    char path[TM__FULL_PATH];
    uint64_t checkpoint = tm__checkpoint_of_name(name, "");
    if (checkpoint > newest->checkpoint &&
        tm__checkpoint_path(newest->folder, checkpoint, "", path, NULL) == 0 &&
        has_manifest(newest->fx, path))
        newest->checkpoint = checkpoint;
    return 0;
}

int tm_restored_newest(struct tm_mem *mem, const struct tm_fx *fx, const char *folder,
                       uint64_t *checkpoint, struct tm_error *err)
{
    struct newest newest = {.fx = fx, .folder = folder};
    int rc = tm__latest_read(fx, mem, folder, checkpoint, err);
    if (rc != 0 || *checkpoint != 0)
        return rc;
    rc = fx->files->list(fx->ctx, folder, look_at, &newest, err);
    *checkpoint = newest.checkpoint;
    if (rc == TM_E_NOT_FOUND) { // then there is none
        if (err != NULL)
            tm_error_clear(err);
        return 0;
    }
    return rc;
}

// The folder of the checkpoint into path[TM__FULL_PATH]; *expected: the number that it must have, 0
// where any will do.
static int find(const struct tm_restored_args *args, char *path, uint64_t *expected,
                struct tm_error *err)
{
    char given[TM__FULL_PATH];
    size_t length = strlen(args->path);
    while (length > 1 && args->path[length - 1] == '/')
        length--;
    if (length >= sizeof given)
        return tm_error_set(err, TM_E_LIMIT, "the path of a checkpoint is too long: %s",
                            args->path);
    snprintf(given, sizeof given, "%.*s", (int)length, args->path);
    *expected = args->checkpoint;
    if (*expected == 0 && has_manifest(args->fx, given)) {
        const char *slash = strrchr(given, '/');
        *expected = tm__checkpoint_of_name(slash != NULL ? slash + 1 : given, "");
        memcpy(path, given, length + 1);
        return 0;
    }
    int rc = 0;
    if (*expected == 0)
        rc = tm_restored_newest(args->mem, args->fx, given, expected, err);
    if (rc == 0 && *expected == 0)
        rc = tm__checkpoint_missing(args->mem, args->fx, given, err);
    return rc == 0 ? tm__checkpoint_path(given, *expected, "", path, err) : rc;
}

// --- the manifest --------------------------------------------------------------------------------

// What paths of files are relative to: the folder of a savepoint, or the one around a checkpoint.
static char *root_of(struct tm_restored *new, const char *path)
{
    char root[TM__FULL_PATH];
    snprintf(root, sizeof root, "%s", path);
    char *slash = strrchr(root, '/');
    if (new->manifest.kind == TM_SAVEPOINT)
        return tm_mem_strdup(new->mem, root);
    if (slash == NULL)
        return tm_mem_strdup(new->mem, ".");
    slash[slash == root] = '\0';
    return tm_mem_strdup(new->mem, root);
}

static int read_manifest(struct tm_restored *new, const struct tm_restored_args *args,
                         const char *path, uint64_t expected, struct tm_error *err)
{
    struct tm_file_info info;
    if (args->fx->files->stat(args->fx->ctx, path, &info, NULL) != 0)
        return tm__checkpoint_missing(args->mem, args->fx, path, err);
    int rc = tm_manifest_read(&new->manifest, args->fx, path, err);
    if (rc != 0)
        return rc;
    if (expected != 0 && new->manifest.checkpoint != expected)
        return tm_error_set(err, TM_E_CHECKPOINT,
                            "%s is damaged: its MANIFEST is of checkpoint %llu", path,
                            (unsigned long long)new->manifest.checkpoint);
    if (args->job != NULL && strcmp(args->job, new->manifest.job) != 0) {
        rc = tm_error_set(err, TM_E_CHECKPOINT_JOB, "%s is a checkpoint of the job %s, not of %s",
                          path, new->manifest.job, args->job);
        tm_error_hint(err, "give this job that name, or begin it from a checkpoint of its own");
        return rc;
    }
    new->checkpoint = new->manifest.checkpoint;
    new->root = root_of(new, path);
    return new->root == NULL ? no_memory(err) : 0;
}

// --- data files ----------------------------------------------------------------------------------

static int damaged(const struct tm_restored *new, const char *path, const char *why,
                   struct tm_error *err)
{
    return tm_error_set(err, TM_E_CHECKPOINT, "%s/%s is damaged: %s", new->root, path, why);
}

// Of a file that the manifest names. *fd is for the caller to close.
static int open_file(const struct tm_restored *new, const struct tm_manifest_file *file, int *fd,
                     struct tm_error *err)
{
    char path[TM__FULL_PATH];
    struct tm_file_info info;
    int rc = tm__join(path, new->root, file->path, err);
    if (rc != 0)
        return rc;
    *fd = new->fx->files->open(new->fx->ctx, path, TM_FILE_READ, err);
    if (*fd == TM_E_NOT_FOUND)
        return tm_error_set(err, TM_E_CHECKPOINT, "%s is missing", path);
    if (*fd < 0)
        return *fd;
    rc = new->fx->files->stat_fd(new->fx->ctx, *fd, &info, err);
    if (rc == 0 && (info.is_directory || (uint64_t)info.size_bytes != file->length))
        rc = damaged(new, file->path, "it has another length than was written", err);
    return rc;
}

static int check_head(const struct tm_restored *new, int fd, const struct tm_manifest_file *file,
                      struct tm_error *err)
{
    char head[TM__FILE_HEAD_BYTES];
    int rc = tm__read_at(new->fx, fd, file->path, 0, head, sizeof head, err);
    if (rc == 0 && memcmp(head, tm__file_head, sizeof head) != 0)
        rc = damaged(new, file->path, "it is no data file of a checkpoint", err);
    return rc;
}

static const struct tm_manifest_file *file_of(const struct tm_restored *new, const char *path)
{
    for (uint32_t i = 0; i < new->manifest.file_count; i++)
        if (strcmp(new->manifest.files[i].path, path) == 0)
            return &new->manifest.files[i];
    return NULL;
}

static const struct tm_manifest_part *part_of(const struct tm_restored *new,
                                              const struct tm__index_part *part)
{
    const struct tm_manifest_operator *op = tm_manifest_find(&new->manifest, part->operator_name);
    for (uint32_t i = 0; op != NULL && i < op->part_count; i++)
        if (strcmp(op->parts[i].name, part->part) == 0 &&
            (enum tm__part_kind)op->parts[i].kind == part->kind)
            return &op->parts[i];
    return NULL;
}

// Index and manifest were written of one checkpoint: they say the same.
static int compare(struct tm_restored *new, struct tm__data *data,
                   const struct tm_manifest_file *file, struct tm_error *err)
{
    struct tm__index *index = &data->index;
    if (index->checkpoint != new->checkpoint || strcmp(index->files[0].path, file->path) != 0)
        return damaged(new, file->path, "it is of another checkpoint", err);
    for (uint32_t i = 1; i < index->file_count; i++) {
        const struct tm_manifest_file *other = file_of(new, index->files[i].path);
        if (other == NULL || other->length != index->files[i].length)
            return damaged(new, file->path, "it names other files than the manifest", err);
    }
    data->layouts = tm_arena_alloc(&index->arena, (index->part_count + 1) * sizeof *data->layouts);
    if (data->layouts == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < index->part_count; i++) {
        const struct tm_manifest_part *part = part_of(new, &index->parts[i]);
        if (part == NULL ||
            (part->layout != NULL && part->layout->value_bytes != index->parts[i].value_bytes))
            return damaged(new, file->path, "it has other parts than the manifest", err);
        data->layouts[i] = part->layout;
    }
    return 0;
}

static int read_index(struct tm_restored *new, int fd, const struct tm_manifest_file *file,
                      struct tm__data *data, struct tm_error *err)
{
    struct tm_buf buf;
    tm_buf_init(&buf, new->mem);
    int rc = tm_buf_reserve(&buf, file->index_length) != 0 ? no_memory(err) : 0;
    if (rc == 0)
        rc = tm__read_at(new->fx, fd, file->path, file->index_offset, buf.data, file->index_length,
                         err);
    if (rc == 0 && tm_hash_bytes(buf.data, file->index_length) != file->index_checksum)
        rc = damaged(new, file->path, "its index is not what was written", err);
    if (rc == 0) {
        rc = tm__index_decode(buf.data, file->index_length, file->length, file->index_offset,
                              &data->index, err);
        if (rc == TM_E_CHECKPOINT)
            tm_error_prefix(err, "%s/%s is damaged", new->root, file->path);
    }
    tm_buf_fini(&buf);
    return rc == 0 ? compare(new, data, file, err) : rc;
}

static int add_file(struct tm_restored *new, const struct tm_manifest_file *file,
                    struct tm_error *err)
{
    int fd = -1, rc = open_file(new, file, &fd, err);
    if (rc == 0)
        rc = check_head(new, fd, file, err);
    if (rc == 0 && file->index_length != 0) {
        struct tm__data *data = &new->data[new->data_count++];
        tm__index_init(&data->index, new->mem);
        tm_buf_init(&data->bytes, new->mem);
        rc = read_index(new, fd, file, data, err);
    }
    if (fd >= 0)
        (void)new->fx->files->close(new->fx->ctx, fd, NULL);
    return rc;
}

static int add_files(struct tm_restored *new, struct tm_error *err)
{
    new->data_capacity = new->manifest.file_count;
    new->data = tm_mem_zalloc(new->mem, new->data_capacity * sizeof *new->data + 1);
    int rc = new->data == NULL ? no_memory(err) : 0;
    for (uint32_t i = 0; i < new->manifest.file_count &&rc == 0; i++)
        rc = add_file(new, &new->manifest.files[i], err);
    if (rc != 0)
        return rc;
    tm__restored_sort(new);
    for (uint32_t i = 1; i < new->data_count; i++)
        if (new->data[i].index.chain == new->data[i - 1].index.chain &&new->data[i].index.subtask ==
            new->data[i - 1].index.subtask)
            return damaged(new, new->data[i].index.files[0].path, "it is there twice", err);
    return 0;
}

// Of an image: the second-level cache holds it beside the pages that are made of it.
enum { PIECE_BYTES = 128 * 1024 };

int tm_restored_open(const struct tm_restored_args *args, struct tm_restored **restored,
                     struct tm_error *err)
{
    char path[TM__FULL_PATH];
    uint64_t expected;
    *restored = NULL;
    int rc = find(args, path, &expected, err);
    if (rc != 0)
        return rc;
    struct tm_restored *new = tm_mem_zalloc(args->mem, sizeof *new);
    if (new == NULL)
        return no_memory(err);
    new->mem = args->mem;
    new->fx = args->fx;
    new->piece_bytes = PIECE_BYTES;
    tm_manifest_init(&new->manifest, args->mem);
    rc = read_manifest(new, args, path, expected, err);
    if (rc == 0)
        rc = add_files(new, err);
    if (rc != 0)
        tm_restored_free(new);
    else
        *restored = new;
    return rc;
}

const struct tm_manifest *tm_restored_manifest(const struct tm_restored *restored)
{
    return &restored->manifest;
}

// --- all of it -----------------------------------------------------------------------------------

static int verify_segment(struct tm__reading *reading, const struct tm__data *data,
                          const struct tm__link *link, struct tm_error *err)
{
    struct tm__segment segment;
    int rc = tm__segment_begin(&segment, reading, data, link, err);
    return rc == 0 ? tm__segment_end(&segment, 0, err) : rc;
}

static int verify_data(struct tm__reading *reading, const struct tm__data *data,
                       struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < data->index.part_count && rc == 0; i++) {
        const struct tm__index_part *part = &data->index.parts[i];
        if (part->kind == TM__PART_ITEMS) {
            rc = verify_segment(reading, data, &part->items, err);
            continue;
        }
        for (uint32_t g = 0; g <= part->last - part->first && rc == 0; g++)
            for (uint32_t k = 0; k < part->chains[g].count && rc == 0; k++)
                rc = verify_segment(reading, data, &part->chains[g].links[k], err);
    }
    return rc;
}

int tm_restored_verify(const struct tm_restored *restored, struct tm_error *err)
{
    struct tm__reading reading;
    int rc = 0;
    tm__reading_init(&reading, restored);
    for (uint32_t i = 0; i < restored->data_count && rc == 0; i++)
        rc = verify_data(&reading, &restored->data[i], err);
    tm__reading_fini(&reading);
    return rc;
}
