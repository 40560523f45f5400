// A checkpoint from cuts of this process, through the form that it has in files: for tests.
#include "core/checkpoint/restored_parts.h"
#include "core/checkpoint/written_parts.h"

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for a checkpoint");
}

static const struct tm_layout **keep_layouts(struct tm_arena *arena,
                                             const struct tm_written *written)
{
    uint32_t count = written->index.part_count;
    const struct tm_layout **layouts = tm_arena_alloc(arena, (count + 1) * sizeof *layouts);
    for (uint32_t i = 0; layouts != NULL && i < count; i++) {
        layouts[i] = NULL;
        if (written->layouts[i] == NULL)
            continue;
        layouts[i] = tm__layout_copy(arena, written->layouts[i]);
        if (layouts[i] == NULL)
            return NULL;
    }
    return layouts;
}

// The bytes are read as those of a file are.
static int add_cut(struct tm_restored *restored, const struct tm_cut *cut, struct tm_error *err)
{
    static const struct tm_checkpoint_place nowhere = {.folder = "", .name = ""};
    const struct tm_write_args args = {.mem = restored->mem, .place = &nowhere, .cut = cut};
    struct tm__data *data = &restored->data[restored->data_count++];
    struct tm_written *written;
    struct tm__out out;
    tm__index_init(&data->index, restored->mem);
    tm_buf_init(&data->bytes, restored->mem);
    tm__out_init(&out, restored->mem, NULL, -1, NULL);
    int rc = tm__cut_write_to(&args, &out, &written, err);
    data->bytes = out.buf;
    if (rc != 0)
        return rc;
    rc = tm__index_decode(data->bytes.data + written->index_offset, written->index_length,
                          written->length, written->index_offset, &data->index, err);
    if (rc == 0) {
        data->layouts = keep_layouts(&data->index.arena, written);
        rc = data->layouts == NULL ? no_memory(err) : 0;
    }
    tm_written_free(written);
    return rc;
}

int tm_restored_from_cuts(struct tm_mem *mem, const struct tm_cut *const *cuts, uint32_t count,
                          struct tm_restored **restored, struct tm_error *err)
{
    struct tm_restored *new = tm_mem_zalloc(mem, sizeof *new);
    *restored = NULL;
    if (new == NULL)
        return no_memory(err);
    new->mem = mem;
    tm_manifest_init(&new->manifest, mem);
    new->checkpoint = count != 0 ? tm_cut_checkpoint(cuts[0]) : 0;
    new->manifest.checkpoint = new->checkpoint;
    new->data_capacity = count;
    new->data = tm_mem_zalloc(mem, count * sizeof *new->data + 1);
    int rc = new->data != NULL ? 0 : no_memory(err);
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = add_cut(new, cuts[i], err);
    if (rc != 0) {
        tm_restored_free(new);
        return rc;
    }
    tm__restored_sort(new);
    *restored = new;
    return 0;
}
