// Which subtask reads what of the files that a path means: the largest piece first to whoever has
// least, so that subtasks end at about the same time.
#include "connectors/file/source.h"

#include <stdlib.h>

#include "connectors/file/file.h"
#include "connectors/file/list.h"
#include "connectors/file/ranges.h"
#include "connectors/file/records.h"

// What one reader reads: a file or a range of one.
struct piece {
    const struct tm_file_listed *file;
    int64_t begin, end; // end 0: the file's
    int64_t size_bytes;
    const struct tm_file_ranges *ranges; // of its file, when that is split
    uint32_t subtask;
};

struct files {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    struct tm_file_list list;
    struct piece *pieces; // in the order of their paths, and of their places in a file
    uint32_t count, capacity;
    struct tm_file_ranges *ranges; // of each file, when files are split
    uint64_t max_record;
    struct tm_follow *follow; // files that grow, instead of pieces; or NULL
};

// --- dealing -------------------------------------------------------------------------------------

static int add_piece(struct files *files, const struct piece *piece)
{
    if (files->count == files->capacity) {
        uint32_t capacity = files->capacity == 0 ? 16 : files->capacity * 2;
        struct piece *pieces = tm_mem_realloc(
            files->mem, files->pieces, files->capacity * sizeof *pieces, capacity * sizeof *pieces);
        if (pieces == NULL)
            return TM_E_MEMORY;
        files->pieces = pieces;
        files->capacity = capacity;
    }
    files->pieces[files->count++] = *piece;
    return 0;
}

static int cannot_split(const struct tm_file_listed *file, struct tm_error *err)
{
    int rc = tm_error_set(err, TM_E_OPTION, "tm.file: %s cannot be split: it is %s", file->path,
                          file->is_regular ? "compressed" : "no plain file");
    tm_error_hint(err, "leave split out, or unpack it first");
    return rc;
}

// The pieces of one file: its ranges.
static int split_file(struct files *files, uint32_t i, const struct tm_node *node, int64_t split,
                      uint32_t parallelism, struct tm_error *err)
{
    const struct tm_file_listed *file = &files->list.files[i];
    struct tm_file_ranges *ranges = &files->ranges[i];
    if (!file->is_regular || file->packing != TM_FILE_PLAIN)
        return cannot_split(file, err);
    int rc = tm__file_ranges_find(ranges, files->fx, files->mem, node, file->path, file->size_bytes,
                                  split, parallelism, err);
    for (uint32_t r = 0; rc == 0 && r < ranges->count; r++) {
        int64_t begin = ranges->begins[r];
        bool last = r + 1 == ranges->count;
        int64_t end = last ? file->size_bytes : ranges->begins[r + 1];
        rc = add_piece(files, &(struct piece){.file = file,
                                              .begin = begin,
                                              .end = last ? 0 : end,
                                              .size_bytes = end - begin,
                                              .ranges = ranges});
    }
    return rc;
}

static int cut_into_pieces(struct files *files, const struct tm_node *node, int64_t split,
                           uint32_t parallelism, struct tm_error *err)
{
    int rc = 0;
    if (split != 0 && (files->ranges = tm_mem_zalloc(
                           files->mem, files->list.count * sizeof *files->ranges)) == NULL)
        rc = TM_E_MEMORY;
    for (uint32_t i = 0; rc == 0 && i < files->list.count; i++) {
        const struct tm_file_listed *file = &files->list.files[i];
        if (split != 0)
            rc = split_file(files, i, node, split, parallelism, err);
        else
            rc = add_piece(files, &(struct piece){.file = file, .size_bytes = file->size_bytes});
    }
    return rc == TM_E_MEMORY ? tm_error_set(err, rc, "out of memory for a list of files") : rc;
}

static int by_size(const void *a, const void *b)
{
    const struct piece *x = *(struct piece *const *)a;
    const struct piece *y = *(struct piece *const *)b;
    if (x->size_bytes != y->size_bytes)
        return x->size_bytes < y->size_bytes ? 1 : -1;
    return x < y ? -1 : x > y; // equal sizes in their order
}

static int deal(struct files *files, uint32_t parallelism, struct tm_error *err)
{
    struct piece **order = tm_mem_alloc(files->mem, files->count * sizeof(void *));
    int64_t *load = tm_mem_zalloc(files->mem, parallelism * sizeof *load);
    int rc = order == NULL || load == NULL
                 ? tm_error_set(err, TM_E_MEMORY, "out of memory for a list of files")
                 : 0;
    for (uint32_t i = 0; rc == 0 && i < files->count; i++)
        order[i] = &files->pieces[i];
    if (rc == 0)
        qsort(order, files->count, sizeof *order, by_size);
    for (uint32_t i = 0; rc == 0 && i < files->count; i++) {
        uint32_t least = 0;
        for (uint32_t s = 1; s < parallelism; s++)
            least = load[s] < load[least] ? s : least;
        order[i]->subtask = least;
        load[least] += order[i]->size_bytes + 1; // empty files are spread too
    }
    tm_mem_free(files->mem, order, files->count * sizeof(void *));
    tm_mem_free(files->mem, load, parallelism * sizeof *load);
    return rc;
}

// --- the connector's functions -------------------------------------------------------------------

static const char *path_of(const struct tm_options *options)
{
    return tm_options_text(options, "path");
}

static int list_pieces(struct files *files, const struct tm_node *node,
                       const struct tm_options *options, uint32_t parallelism, struct tm_error *err)
{
    int64_t split = tm_options_integer(options, "split", 0);
    int rc = split == 0 || tm__file_ranges_can(node->format)
                 ? tm__file_list_fill(&files->list, path_of(options), err)
                 : tm_error_set(err, TM_E_OPTION, "tm.file: files of format %s cannot be split",
                                node->format);
    if (rc == 0)
        rc = cut_into_pieces(files, node, split, parallelism, err);
    return rc == 0 ? deal(files, parallelism, err) : rc;
}

int tm__file_source_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                            uint32_t parallelism, void **shared, struct tm_error *err)
{
    struct tm_options options;
    struct files *files = tm_mem_zalloc(mem, sizeof *files);
    if (files == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    files->fx = fx;
    files->mem = mem;
    tm__file_list_init(&files->list, fx, mem);
    int rc = tm_file_options(&options, mem, node, tm_connector_file.source_options, "tm.file", err);
    if (rc == 0) {
        files->max_record = (uint64_t)tm_options_integer(&options, "max_record", 0);
        rc = tm_options_integer(&options, "follow", 0) != 0
                 ? tm__follow_new(fx, mem, path_of(&options), parallelism, &files->follow, err)
                 : list_pieces(files, node, &options, parallelism, err);
    }
    tm_options_fini(&options);
    if (rc != 0) {
        tm__file_source_release(files);
        return rc;
    }
    *shared = files;
    return 0;
}

void tm__file_source_release(void *shared)
{
    struct files *files = shared;
    if (files->follow != NULL)
        tm__follow_free(files->follow);
    for (uint32_t i = 0; files->ranges != NULL && i < files->list.count; i++)
        if (files->ranges[i].mem != NULL)
            tm__file_ranges_fini(&files->ranges[i]);
    tm_mem_free(files->mem, files->ranges, files->list.count * sizeof *files->ranges);
    tm__file_list_fini(&files->list);
    tm_mem_free(files->mem, files->pieces, files->capacity * sizeof *files->pieces);
    tm_mem_free(files->mem, files, sizeof *files);
}

uint32_t tm__file_source_split_count(const void *shared, uint32_t subtask, uint32_t parallelism)
{
    const struct files *files = shared;
    uint32_t count = 0;
    (void)parallelism;
    if (files->follow != NULL)
        return tm__follow_slots();
    for (uint32_t i = 0; i < files->count; i++)
        count += files->pieces[i].subtask == subtask;
    return count;
}

int tm__file_source_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                        struct tm_source **source, struct tm_error *err)
{
    const struct files *files = shared;
    if (files->follow != NULL)
        return tm__file_records_follow(ctx, node, tm__follow_look_of(files->follow, ctx->subtask),
                                       files->max_record, source, err);
    uint32_t count = tm__file_source_split_count(shared, ctx->subtask, 0), used = 0;
    struct tm_file_input *inputs = tm_mem_alloc(ctx->mem, (count + 1) * sizeof *inputs);
    if (inputs == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    for (uint32_t i = 0; i < files->count; i++) {
        const struct piece *piece = &files->pieces[i];
        if (piece->subtask == ctx->subtask)
            inputs[used++] = (struct tm_file_input){.path = piece->file->path,
                                                    .fd = -1,
                                                    .poll = !piece->file->is_regular,
                                                    .packing = piece->file->packing,
                                                    .size_bytes = piece->size_bytes,
                                                    .begin = piece->begin,
                                                    .end = piece->end};
        if (piece->subtask == ctx->subtask && piece->begin != 0) {
            inputs[used - 1].head = piece->ranges->head;
            inputs[used - 1].head_bytes = piece->ranges->head_bytes;
        }
    }
    int rc = tm_file_records_new(ctx, node, inputs, count, files->max_record, source, err);
    tm_mem_free(ctx->mem, inputs, (count + 1) * sizeof *inputs);
    return rc;
}
