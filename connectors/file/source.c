// Which subtask reads what of the files that a path means: the largest piece first to whoever has
// least, so that subtasks end at about the same time.
#include "connectors/file/source.h"

#include <stdlib.h>

#include "connectors/file/file.h"
#include "connectors/file/source_private.h"

// --- dealing -------------------------------------------------------------------------------------

int tm__file_add_piece(struct tm__files *files, const struct tm__piece *piece)
{
    if (files->count == files->capacity) {
        uint32_t capacity = files->capacity == 0 ? 16 : files->capacity * 2;
        struct tm__piece *pieces = tm_mem_realloc(
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
static int split_file(struct tm__files *files, uint32_t i, const struct tm_node *node,
                      int64_t split, uint32_t parallelism, struct tm_error *err)
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
        rc = tm__file_add_piece(
            files, &(struct tm__piece){.path = file->path,
                                       .is_regular = true,
                                       .begin = begin,
                                       .end = last ? 0 : end,
                                       .size_bytes = end - begin,
                                       .head = begin != 0 ? ranges->head : NULL,
                                       .head_bytes = begin != 0 ? ranges->head_bytes : 0});
    }
    return rc;
}

static int cut_into_pieces(struct tm__files *files, const struct tm_node *node, int64_t split,
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
            rc = tm__file_add_piece(files, &(struct tm__piece){.path = file->path,
                                                               .is_regular = file->is_regular,
                                                               .packing = file->packing,
                                                               .size_bytes = file->size_bytes});
    }
    return rc == TM_E_MEMORY ? tm_error_set(err, rc, "out of memory for a list of files") : rc;
}

static int by_size(const void *a, const void *b)
{
    const struct tm__piece *x = *(struct tm__piece *const *)a;
    const struct tm__piece *y = *(struct tm__piece *const *)b;
    if (x->size_bytes != y->size_bytes)
        return x->size_bytes < y->size_bytes ? 1 : -1;
    return x < y ? -1 : x > y; // equal sizes in their order
}

int tm__file_deal(struct tm__files *files, struct tm_error *err)
{
    uint32_t parallelism = files->parallelism;
    struct tm__piece **order = tm_mem_alloc(files->mem, files->count * sizeof(void *));
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

static int list_pieces(struct tm__files *files, const struct tm_node *node,
                       const struct tm_options *options, uint32_t parallelism, struct tm_error *err)
{
    int64_t split = tm_options_integer(options, "split", 0);
    int rc = split == 0 || tm__file_ranges_can(node->format)
                 ? tm__file_list_fill(&files->list, path_of(options), err)
                 : tm_error_set(err, TM_E_OPTION, "tm.file: files of format %s cannot be split",
                                node->format);
    if (rc == 0)
        rc = cut_into_pieces(files, node, split, parallelism, err);
    return rc == 0 ? tm__file_deal(files, err) : rc;
}

int tm__file_source_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                            uint32_t parallelism, void **shared, struct tm_error *err)
{
    struct tm_options options;
    struct tm__files *files = tm_mem_zalloc(mem, sizeof *files);
    if (files == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    files->fx = fx;
    files->mem = mem;
    files->parallelism = parallelism;
    tm__file_list_init(&files->list, fx, mem);
    tm_buf_init(&files->restored, mem);
    tm__names_init(&files->read, mem, TM__NAME_READ);
    int rc = tm_file_options(&options, mem, node, tm_connector_file.source_options, "tm.file", err);
    if (rc == 0) {
        files->max_record = (uint64_t)tm_options_integer(&options, "max_record", 0);
        files->path = tm_mem_strdup(mem, path_of(&options));
        if (files->path == NULL)
            rc = tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    }
    if (rc == 0)
        rc = tm_options_integer(&options, "follow", 0) != 0
                 ? tm__follow_new(fx, mem, path_of(&options), parallelism, &files->follow, err)
                 : list_pieces(files, node, &options, parallelism, err);
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
    struct tm__files *files = shared;
    if (files->follow != NULL)
        tm__follow_free(files->follow);
    if (files->path != NULL)
        tm_mem_free(files->mem, files->path, strlen(files->path) + 1);
    for (uint32_t i = 0; files->ranges != NULL && i < files->list.count; i++)
        if (files->ranges[i].mem != NULL)
            tm__file_ranges_fini(&files->ranges[i]);
    tm_mem_free(files->mem, files->ranges, files->list.count * sizeof *files->ranges);
    tm__file_list_fini(&files->list);
    tm_buf_fini(&files->restored);
    tm__names_fini(&files->read);
    tm_mem_free(files->mem, files->positions, files->position_capacity * sizeof *files->positions);
    tm_mem_free(files->mem, files->pieces, files->capacity * sizeof *files->pieces);
    tm_mem_free(files->mem, files, sizeof *files);
}

uint32_t tm__file_source_split_count(const void *shared, uint32_t subtask, uint32_t parallelism)
{
    const struct tm__files *files = shared;
    uint32_t count = 0;
    (void)parallelism;
    if (files->follow != NULL)
        return tm__follow_slots();
    for (uint32_t i = 0; i < files->count; i++)
        count += files->pieces[i].subtask == subtask;
    return count;
}

// Which file a range that is not begun is of: when it is read on, that has to be known.
static int identify_range(const struct tm__files *files, struct tm_file_input *input,
                          struct tm_error *err)
{
    const struct tm_fx *fx = files->fx;
    if (input->identity.hashed != 0 || (input->begin == 0 && input->end == 0))
        return 0;
    int fd = fx->files->open(fx->ctx, input->path, TM_FILE_READ, err);
    if (fd < 0)
        return fd;
    int rc = tm__file_identify(fx, fd, 0, &input->identity, err);
    (void)fx->files->close(fx->ctx, fd, NULL);
    return rc;
}

static int add_inputs(const struct tm__files *files, const struct tm_task_context *ctx,
                      struct tm_file_input *inputs, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < files->count; i++) {
        const struct tm__piece *piece = &files->pieces[i];
        if (piece->subtask != ctx->subtask)
            continue;
        *inputs = (struct tm_file_input){.path = piece->path,
                                         .fd = -1,
                                         .poll = !piece->is_regular,
                                         .packing = piece->packing,
                                         .size_bytes = piece->size_bytes,
                                         .begin = piece->begin,
                                         .end = piece->end,
                                         .head = piece->head,
                                         .head_bytes = piece->head_bytes,
                                         .resume = piece->resume,
                                         .identify = ctx->checkpoints && piece->is_regular,
                                         .identity = piece->identity};
        if (ctx->checkpoints && piece->resume == NULL)
            rc = identify_range(files, inputs, err);
        inputs++;
    }
    return rc;
}

int tm__file_source_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                        struct tm_source **source, struct tm_error *err)
{
    const struct tm__files *files = shared;
    if (files->follow != NULL)
        return tm__file_records_follow(ctx, node, tm__follow_look_of(files->follow, ctx->subtask),
                                       files->max_record, source, err);
    uint32_t count = tm__file_source_split_count(shared, ctx->subtask, 0);
    struct tm_file_input *inputs = tm_mem_alloc(ctx->mem, (count + 1) * sizeof *inputs);
    if (inputs == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    int rc = add_inputs(files, ctx, inputs, err);
    if (rc == 0)
        rc =
            tm__file_records_positioned(ctx, node, inputs, count, files->max_record,
                                        ctx->subtask == 0 ? &files->read.bytes : NULL, source, err);
    tm_mem_free(ctx->mem, inputs, (count + 1) * sizeof *inputs);
    return rc;
}
