// A cut as a data file: segments part by part and key group by key group, then the index of all
// that is needed to restore it.
#include "core/base/check.h"
#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/checkpoint/written_parts.h"
#include "core/state/image.h"

#include <stdio.h>

enum {
    // Files of older checkpoints stay while one segment of them is needed. Once what nobody needs
    // in them is more than all that is needed, and more than this, files that are mostly of the
    // former are given up: their chains begin anew.
    SPARE_BYTES = 16 << 20,
    MOSTLY = 4, // at most a fourth of a file is needed
};

struct writing {
    const struct tm_write_args *args;
    struct tm__out *out;
    struct tm_written *written;
    struct tm_buf image;
    int64_t *files; // by file of the base: its number here, -1: not referred to so far
    bool *sparse;   // by file of the base: to be given up
    uint32_t file_count;
};

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for writing a checkpoint");
}

// --- a segment -----------------------------------------------------------------------------------

static int put_segment(struct writing *w, const void *p, size_t len, struct tm__link *link,
                       struct tm_error *err)
{
    *link = (struct tm__link){
        .offset = w->out->offset, .length = len, .checksum = tm_hash_bytes(p, len)};
    return tm__out_put(w->out, p, len, err);
}

// --- key groups ----------------------------------------------------------------------------------

// A part, and the same one of the base.
struct pair {
    const struct tm__cut_part *now, *before; // `before` NULL: there is none to refer to
    const struct tm__index_part *index;      // of the base
    struct tm__index_part *out;
};

static int take_image(struct writing *w, const struct pair *pair, bool whole, uint32_t group,
                      struct tm_error *err)
{
    w->image.size_bytes = 0;
    int rc = tm_image_write(pair->now->snapshot, whole ? NULL : pair->before->snapshot, group,
                            &w->image);
    if (rc != 0)
        tm_error_set(err, rc, "cannot write the state \"%s\" of %s (key group %u)", pair->now->part,
                     pair->now->operator_name, group);
    return rc;
}

static int begin_chain(struct writing *w, const struct pair *pair, uint32_t group, bool heavy,
                       struct tm_error *err)
{
    struct tm__chain *chain = &pair->out->chains[group - pair->out->first];
    int rc = take_image(w, pair, true, group, err);
    *chain = (struct tm__chain){.heavy = heavy};
    if (rc != 0 || w->image.size_bytes == 0)
        return rc;
    chain->links = tm_arena_alloc(&w->written->index.arena, sizeof *chain->links);
    if (chain->links == NULL)
        return no_memory(err);
    chain->count = 1;
    return put_segment(w, w->image.data, w->image.size_bytes, chain->links, err);
}

// The links of the base's chain, with files as they are numbered here. Room for one link more.
static int copy_chain(struct writing *w, const struct tm__chain *old, struct tm__chain *new,
                      struct tm_error *err)
{
    const struct tm__index *base = &w->args->base->index;
    *new = (struct tm__chain){
        .links = tm_arena_alloc(&w->written->index.arena, (old->count + 1) * sizeof *new->links)};
    if (new->links == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < old->count; i++) {
        const struct tm__link *link = &old->links[i];
        int64_t *file = &w->files[link->file];
        if (*file < 0)
            *file = tm__index_add_file(&w->written->index, base->files[link->file].path,
                                       base->files[link->file].length);
        if (*file < 0)
            return no_memory(err);
        new->links[new->count] = *link;
        new->links[new->count++].file = (uint32_t)*file;
    }
    return 0;
}

static uint64_t differences(const struct tm__chain *chain)
{
    uint64_t bytes = 0;
    for (uint32_t i = 1; i < chain->count; i++)
        bytes += chain->links[i].length;
    return bytes;
}

static bool is_sparse(const struct writing *w, const struct tm__chain *chain)
{
    for (uint32_t i = 0; i < chain->count; i++)
        if (w->sparse[chain->links[i].file])
            return true;
    return false;
}

static int put_group(struct writing *w, const struct pair *pair, uint32_t group,
                     struct tm_error *err)
{
    if (pair->before == NULL)
        return begin_chain(w, pair, group, false, err);
    const struct tm__chain *old = &pair->index->chains[group - pair->index->first];
    if (old->count == 0 || is_sparse(w, old))
        return begin_chain(w, pair, group, false, err);
    if (old->heavy) // so will be the next: most changes, and a difference would be made in vain
        return begin_chain(w, pair, group, false, err);
    int rc = take_image(w, pair, false, group, err);
    if (rc != 0)
        return rc;
    uint64_t more = w->image.size_bytes, whole = old->links[0].length;
    if (more != 0 && (old->count == TM__LINKS_MAX || differences(old) + more > whole))
        return begin_chain(w, pair, group, more > whole / 2, err);
    struct tm__chain *chain = &pair->out->chains[group - pair->out->first];
    rc = copy_chain(w, old, chain, err);
    if (rc != 0 || more == 0)
        return rc;
    return put_segment(w, w->image.data, more, &chain->links[chain->count++], err);
}

// --- parts ---------------------------------------------------------------------------------------

// Is it a snapshot of what this part is a snapshot of, as far as can be told?
static void find_base(const struct writing *w, struct pair *pair)
{
    const struct tm__cut_part *now = pair->now;
    if (w->args->base == NULL)
        return;
    pair->index = tm__index_find(&w->args->base->index, now->operator_name, now->part);
    if (pair->index == NULL || pair->index->kind != now->kind ||
        pair->index->max_parallelism != pair->out->max_parallelism ||
        pair->index->first != pair->out->first || pair->index->last != pair->out->last ||
        pair->index->value_bytes != pair->out->value_bytes)
        return;
    pair->before = tm__cut_find(w->args->base_cut, now->operator_name, now->part);
    TM_CHECK(pair->before != NULL);
}

static int put_state(struct writing *w, const struct tm__cut_part *now, struct tm__index_part *out,
                     struct tm_error *err)
{
    struct pair pair = {.now = now, .out = out};
    tm_snapshot_key_groups(now->snapshot, &out->max_parallelism, &out->first, &out->last);
    out->value_bytes = tm_snapshot_value_bytes(now->snapshot);
    TM_CHECK(now->layout == NULL || now->layout->value_bytes == out->value_bytes);
    out->chains = tm_arena_alloc(&w->written->index.arena,
                                 (out->last - out->first + 1) * sizeof *out->chains);
    if (out->chains == NULL)
        return no_memory(err);
    find_base(w, &pair);
    int rc = 0;
    for (uint32_t group = out->first; rc == 0 && group <= out->last; group++)
        rc = put_group(w, &pair, group, err);
    return rc;
}

static int put_part(struct writing *w, uint32_t number, struct tm_error *err)
{
    const struct tm__cut_part *now = &w->args->cut->parts[number];
    struct tm_arena *arena = &w->written->index.arena;
    struct tm__index_part *out = &w->written->index.parts[number];
    *out = (struct tm__index_part){
        .operator_name = tm_arena_strndup(arena, now->operator_name, strlen(now->operator_name)),
        .part = tm_arena_strndup(arena, now->part, strlen(now->part)),
        .kind = now->kind};
    if (out->operator_name == NULL || out->part == NULL)
        return no_memory(err);
    w->written->layouts[number] = NULL;
    if (now->layout != NULL) {
        w->written->layouts[number] = tm__layout_copy(arena, now->layout);
        if (w->written->layouts[number] == NULL)
            return no_memory(err);
    }
    if (now->kind != TM__PART_ITEMS)
        return put_state(w, now, out, err);
    out->item_kind = now->item_kind;
    out->item_count = now->item_count;
    return put_segment(w, now->items.data, now->items.size_bytes, &out->items, err);
}

// --- the file ------------------------------------------------------------------------------------

// Which files of the base are to be given up.
static void find_sparse(struct writing *w, uint64_t *needed)
{
    const struct tm__index *base = &w->args->base->index;
    uint64_t all = 0, all_needed = 0;
    memset(needed, 0, w->file_count * sizeof *needed);
    for (uint32_t i = 0; i < base->part_count; i++) {
        const struct tm__index_part *part = &base->parts[i];
        for (uint32_t g = 0; part->kind != TM__PART_ITEMS && g <= part->last - part->first; g++)
            for (uint32_t k = 0; k < part->chains[g].count; k++)
                needed[part->chains[g].links[k].file] += part->chains[g].links[k].length;
    }
    for (uint32_t i = 0; i < w->file_count; i++) {
        all += base->files[i].length;
        all_needed += needed[i];
    }
    bool spare = all - all_needed > all_needed && all - all_needed > SPARE_BYTES;
    for (uint32_t i = 0; i < w->file_count; i++)
        w->sparse[i] = spare && needed[i] < base->files[i].length / MOSTLY;
}

static int begin(struct writing *w, const char *path, struct tm_error *err)
{
    const struct tm_write_args *args = w->args;
    struct tm_arena *arena = &w->written->index.arena;
    w->file_count = args->base != NULL ? args->base->index.file_count : 0;
    w->files = tm_arena_alloc(arena, w->file_count * sizeof *w->files + 1);
    w->sparse = tm_arena_alloc(arena, w->file_count * sizeof *w->sparse + 1);
    uint64_t *needed = tm_arena_alloc(arena, w->file_count * sizeof *needed + 1);
    w->written->index.parts =
        tm_arena_alloc(arena, (args->cut->part_count + 1) * sizeof *w->written->index.parts);
    w->written->layouts =
        tm_arena_alloc(arena, (args->cut->part_count + 1) * sizeof *w->written->layouts);
    if (w->files == NULL || w->sparse == NULL || needed == NULL ||
        w->written->index.parts == NULL || w->written->layouts == NULL ||
        tm__index_add_file(&w->written->index, path, 0) < 0)
        return no_memory(err);
    for (uint32_t i = 0; i < w->file_count; i++)
        w->files[i] = -1;
    if (args->base != NULL)
        find_sparse(w, needed);
    w->written->index.checkpoint = args->cut->checkpoint;
    w->written->index.chain = args->cut->chain;
    w->written->index.subtask = args->cut->subtask;
    return tm__out_put(w->out, tm__file_head, sizeof tm__file_head, err);
}

static int put_index(struct writing *w, struct tm_error *err)
{
    struct tm_written *written = w->written;
    w->image.size_bytes = 0;
    if (tm__index_encode(&written->index, &w->image) != 0)
        return no_memory(err);
    written->index_offset = w->out->offset;
    written->index_length = w->image.size_bytes;
    written->index_checksum = tm_hash_bytes(w->image.data, w->image.size_bytes);
    int rc = tm__out_put(w->out, w->image.data, w->image.size_bytes, err);
    written->length = w->out->offset;
    written->index.files[0].length = written->length;
    return rc;
}

static int put_all(struct writing *w, struct tm_error *err)
{
    char path[TM__PATH_MAX];
    snprintf(path, sizeof path, "%sc%u-%u.data", w->args->place->name, w->args->cut->chain,
             w->args->cut->subtask);
    int rc = begin(w, path, err);
    for (uint32_t i = 0; rc == 0 && i < w->args->cut->part_count; i++) {
        rc = put_part(w, i, err);
        w->written->index.part_count++;
    }
    if (rc == 0)
        rc = put_index(w, err);
    return rc == 0 ? tm__out_flush(w->out, err) : rc;
}

int tm__cut_write_to(const struct tm_write_args *args, struct tm__out *out,
                     struct tm_written **written, struct tm_error *err)
{
    // A base that is not of an earlier checkpoint was not completed when this one was taken.
    TM_CHECK((args->base == NULL) == (args->base_cut == NULL));
    TM_CHECK(args->base == NULL || (args->base->index.checkpoint == args->base_cut->checkpoint &&
                                    args->base_cut->checkpoint < args->cut->checkpoint));
    struct writing w = {.args = args, .out = out};
    *written = NULL;
    w.written = tm_mem_zalloc(args->mem, sizeof *w.written);
    if (w.written == NULL)
        return no_memory(err);
    w.written->mem = args->mem;
    tm__index_init(&w.written->index, args->mem);
    tm_buf_init(&w.image, args->mem);
    int rc = put_all(&w, err);
    tm_buf_fini(&w.image);
    if (rc != 0)
        tm_written_free(w.written);
    else
        *written = w.written;
    return rc;
}

static int write_file(const struct tm_write_args *args, int fd, struct tm_written **written,
                      struct tm_error *err)
{
    struct tm__out out;
    const struct tm_fx_files *files = args->fx->files;
    TM_KILL_POINT(data_begun);
    tm__out_init(&out, args->mem, args->fx, fd, args->cancel);
    int rc = tm__cut_write_to(args, &out, written, err);
    tm__out_fini(&out);
    TM_KILL_POINT(data_written);
    if (rc == 0 && !TM_PLANTED(data_not_synced))
        rc = files->sync(args->fx->ctx, fd, err);
    TM_KILL_POINT(data_synced);
    int closed = files->close(args->fx->ctx, fd, rc == 0 ? err : NULL);
    return rc != 0 ? rc : closed;
}

int tm_cut_write(const struct tm_write_args *args, struct tm_written **written,
                 struct tm_error *err)
{
    char path[4096];
    const struct tm_fx_files *files = args->fx->files;
    *written = NULL;
    int n = snprintf(path, sizeof path, "%s/c%u-%u.data", args->place->folder, args->cut->chain,
                     args->cut->subtask);
    if (n < 0 || (size_t)n >= sizeof path)
        return tm_error_set(err, TM_E_LIMIT, "the path of a checkpoint is too long: %s", path);
    int fd = files->open(args->fx->ctx, path, TM_FILE_CREATE_NEW, err);
    if (fd < 0)
        return fd;
    int rc = write_file(args, fd, written, err);
    if (rc != 0) {
        tm_written_free(*written);
        *written = NULL;
        (void)files->unlink(args->fx->ctx, path, NULL); // else it goes with its folder
    }
    return rc;
}

// --- what was written ----------------------------------------------------------------------------

void tm_written_free(struct tm_written *written)
{
    if (written == NULL)
        return;
    tm__index_fini(&written->index);
    tm_mem_free(written->mem, written, sizeof *written);
}

uint64_t tm_written_checkpoint(const struct tm_written *written)
{
    return written->index.checkpoint;
}

uint64_t tm_written_bytes(const struct tm_written *written)
{
    return written->length;
}

uint64_t tm_written_flight_bytes(const struct tm_written *written)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < written->index.part_count; i++) {
        const struct tm__index_part *part = &written->index.parts[i];
        if (part->kind == TM__PART_ITEMS && part->item_kind == TM_ITEM_FLIGHT)
            bytes += part->items.length;
    }
    return bytes;
}
