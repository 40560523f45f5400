// The model of a manifest: how it is put together from what tasks have written.
#include "core/checkpoint/manifest.h"

#include "core/checkpoint/manifest_parts.h"
#include "core/checkpoint/written_parts.h"

const char *const tm_checkpoint_kinds[TM_CHECKPOINT_KINDS] = {"checkpoint", "savepoint", "end"};
const char *const tm_part_kinds[TM_PART_KINDS] = {"state", "timers", "items"};
const char *const tm_item_kinds[TM_ITEM_KINDS] = {"subtask", "split", "copy", "in flight"};

void tm_manifest_init(struct tm_manifest *manifest, struct tm_mem *mem)
{
    *manifest = (struct tm_manifest){
        .job = "", .script = "", .types = "", .schemas = "", .max_parallelism = 1};
    tm_arena_init(&manifest->arena, mem);
}

void tm_manifest_fini(struct tm_manifest *manifest)
{
    tm_arena_fini(&manifest->arena);
}

// A place more in an array of the arena. What was there before is copied: by doubling, so that all
// copies together are as large as the last. NULL: out of memory.
static void *more(struct tm_arena *arena, void **array, uint32_t *count, uint32_t *capacity,
                  size_t size)
{
    if (*count == *capacity) {
        uint32_t new_capacity = *capacity == 0 ? 4 : 2 * *capacity;
        void *new = tm_arena_alloc(arena, new_capacity * size);
        if (new == NULL)
            return NULL;
        if (*count != 0)
            memcpy(new, *array, *count * size);
        *array = new;
        *capacity = new_capacity;
    }
    return (char *)*array + size * (*count)++;
}

struct tm_manifest_operator *tm__manifest_new_operator(struct tm_manifest *m)
{
    struct tm_manifest_operator *new = more(&m->arena, (void **)&m->operators, &m->operator_count,
                                            &m->operator_capacity, sizeof *new);
    if (new != NULL)
        *new = (struct tm_manifest_operator){.name = "", .kind = "", .connector = ""};
    return new;
}

struct tm_manifest_part *tm__manifest_new_part(struct tm_manifest *m,
                                               struct tm_manifest_operator *op)
{
    struct tm_manifest_part *new =
        more(&m->arena, (void **)&op->parts, &op->part_count, &op->part_capacity, sizeof *new);
    if (new != NULL)
        *new = (struct tm_manifest_part){.name = ""};
    return new;
}

struct tm_manifest_file *tm__manifest_new_file(struct tm_manifest *m)
{
    struct tm_manifest_file *new =
        more(&m->arena, (void **)&m->files, &m->file_count, &m->file_capacity, sizeof *new);
    if (new != NULL)
        *new = (struct tm_manifest_file){.path = ""};
    return new;
}

static const char *copy(struct tm_manifest *m, const char *text)
{
    return tm_arena_strndup(&m->arena, text, strlen(text));
}

int tm_manifest_add_operator(struct tm_manifest *manifest, const char *name, const char *kind,
                             const char *connector, uint32_t parallelism)
{
    struct tm_manifest_operator *new = tm__manifest_new_operator(manifest);
    if (new == NULL)
        return TM_E_MEMORY;
    new->name = copy(manifest, name);
    new->kind = copy(manifest, kind);
    new->connector = copy(manifest, connector);
    new->parallelism = parallelism;
    return new->name == NULL || new->kind == NULL || new->connector == NULL ? TM_E_MEMORY : 0;
}

static struct tm_manifest_operator *find(const struct tm_manifest *manifest, const char *name)
{
    for (uint32_t i = 0; i < manifest->operator_count; i++)
        if (strcmp(manifest->operators[i].name, name) == 0)
            return &manifest->operators[i];
    return NULL;
}

const struct tm_manifest_operator *tm_manifest_find(const struct tm_manifest *manifest,
                                                    const char *operator_name)
{
    return find(manifest, operator_name);
}

static bool has_part(const struct tm_manifest_operator *op, const char *name)
{
    for (uint32_t i = 0; i < op->part_count; i++)
        if (strcmp(op->parts[i].name, name) == 0)
            return true;
    return false;
}

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for the manifest of a checkpoint");
}

// Every subtask has it; the first one's is as good as any.
static int add_part(struct tm_manifest *m, const struct tm__index_part *part,
                    const struct tm_layout *layout, struct tm_error *err)
{
    struct tm_manifest_operator *op = find(m, part->operator_name);
    if (op == NULL)
        return tm_error_set(err, TM_E_INTERNAL,
                            "a checkpoint has state of %s, which is no operator",
                            part->operator_name);
    if (has_part(op, part->part))
        return 0;
    struct tm_manifest_part *new = tm__manifest_new_part(m, op);
    if (new == NULL)
        return no_memory(err);
    *new = (struct tm_manifest_part){.name = copy(m, part->part),
                                     .kind = (enum tm_part_kind)part->kind,
                                     .dealt = part->item_kind,
                                     .layout = NULL};
    if (layout != NULL)
        new->layout = tm__layout_copy(&m->arena, layout);
    return new->name == NULL || (layout != NULL && new->layout == NULL) ? no_memory(err) : 0;
}

static bool has_file(const struct tm_manifest *m, const char *path)
{
    for (uint32_t i = 0; i < m->file_count; i++)
        if (strcmp(m->files[i].path, path) == 0)
            return true;
    return false;
}

int tm_manifest_add_written(struct tm_manifest *manifest, const struct tm_written *written,
                            struct tm_error *err)
{
    const struct tm__index *index = &written->index;
    int rc = 0;
    manifest->flight_bytes += tm_written_flight_bytes(written);
    for (uint32_t i = 0; i < index->part_count && rc == 0; i++)
        rc = add_part(manifest, &index->parts[i], written->layouts[i], err);
    for (uint32_t i = 0; i < index->file_count && rc == 0; i++) {
        if (i != 0 && has_file(manifest, index->files[i].path))
            continue;
        struct tm_manifest_file *new = tm__manifest_new_file(manifest);
        if (new == NULL)
            return no_memory(err);
        new->path = copy(manifest, index->files[i].path);
        new->length = index->files[i].length;
        if (i == 0) {
            new->index_offset = written->index_offset;
            new->index_length = written->index_length;
            new->index_checksum = written->index_checksum;
        }
        rc = new->path == NULL ? no_memory(err) : 0;
    }
    return rc;
}
