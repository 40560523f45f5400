// What an index holds, and its way to bytes and back.
#include "core/checkpoint/index.h"

#include "core/base/limits.h"
#include "core/checkpoint/varint.h"

const char tm__file_head[TM__FILE_HEAD_BYTES] = {'T', 'M', 'D', 'A', 'T', 'A', '1', '\n'};

void tm__index_init(struct tm__index *index, struct tm_mem *mem)
{
    *index = (struct tm__index){0};
    tm_arena_init(&index->arena, mem);
}

void tm__index_fini(struct tm__index *index)
{
    tm_arena_fini(&index->arena);
}

int64_t tm__index_add_file(struct tm__index *index, const char *path, uint64_t length)
{
    if (index->file_count == index->file_capacity) {
        uint32_t capacity = index->file_capacity == 0 ? 4 : 2 * index->file_capacity;
        struct tm__index_file *files = tm_arena_alloc(&index->arena, capacity * sizeof *files);
        if (files == NULL)
            return TM_E_MEMORY;
        if (index->file_count != 0)
            memcpy(files, index->files, index->file_count * sizeof *files);
        index->files = files;
        index->file_capacity = capacity;
    }
    char *copy = tm_arena_strndup(&index->arena, path, strlen(path));
    if (copy == NULL)
        return TM_E_MEMORY;
    index->files[index->file_count] = (struct tm__index_file){copy, length};
    return index->file_count++;
}

const struct tm__index_part *tm__index_find(const struct tm__index *index,
                                            const char *operator_name, const char *part)
{
    for (uint32_t i = 0; i < index->part_count; i++)
        if (strcmp(index->parts[i].part, part) == 0 &&
            strcmp(index->parts[i].operator_name, operator_name) == 0)
            return &index->parts[i];
    return NULL;
}

// --- to bytes ------------------------------------------------------------------------------------

static int put_text(struct tm_buf *out, const char *text)
{
    size_t length = strlen(text);
    int rc = tm__varint_append(out, length);
    return rc != 0 ? rc : tm_buf_append(out, text, length);
}

// Segments of a file stand in the order of their key groups, so most begin where the one before
// ended: `ends` has that by file.
static int put_link(struct tm_buf *out, const struct tm__link *link, uint64_t *ends)
{
    int rc = tm_buf_reserve(out, 3 * TM__VARINT_BYTES + sizeof link->checksum);
    if (rc != 0)
        return rc;
    uint8_t *p = out->data + out->size_bytes;
    p += tm__varint_put(p, link->file);
    uint64_t gap = link->offset - ends[link->file];
    p += tm__varint_put(p, gap << 1 ^ (0 - (gap >> 63)));
    p += tm__varint_put(p, link->length);
    memcpy(p, &link->checksum, sizeof link->checksum);
    ends[link->file] = link->offset + link->length;
    out->size_bytes = (size_t)(p + sizeof link->checksum - out->data);
    return 0;
}

static int put_chains(struct tm_buf *out, const struct tm__index_part *part, uint64_t *ends)
{
    int rc = 0;
    const uint32_t numbers[] = {part->max_parallelism, part->first, part->last, part->value_bytes};
    for (uint32_t i = 0; rc == 0 && i < sizeof numbers / sizeof *numbers; i++)
        rc = tm__varint_append(out, numbers[i]);
    for (uint32_t i = 0; rc == 0 && i <= part->last - part->first; i++) {
        rc = tm__varint_append(out, part->chains[i].count);
        for (uint32_t k = 0; rc == 0 && k < part->chains[i].count; k++)
            rc = put_link(out, &part->chains[i].links[k], ends);
    }
    return rc;
}

static int put_part(struct tm_buf *out, const struct tm__index_part *part, uint64_t *ends)
{
    int rc = tm__varint_append(out, part->kind);
    if (rc == 0)
        rc = put_text(out, part->operator_name);
    if (rc == 0)
        rc = put_text(out, part->part);
    if (rc != 0 || part->kind != TM__PART_ITEMS)
        return rc != 0 ? rc : put_chains(out, part, ends);
    rc = tm__varint_append(out, part->item_kind);
    if (rc == 0)
        rc = tm__varint_append(out, part->item_count);
    return rc != 0 ? rc : put_link(out, &part->items, ends);
}

static int put_all(struct tm_buf *out, const struct tm__index *index, uint64_t *ends)
{
    int rc = tm__varint_append(out, index->checkpoint);
    const uint32_t numbers[] = {index->chain, index->subtask, index->file_count};
    for (uint32_t i = 0; rc == 0 && i < sizeof numbers / sizeof *numbers; i++)
        rc = tm__varint_append(out, numbers[i]);
    for (uint32_t i = 0; rc == 0 && i < index->file_count; i++) {
        rc = put_text(out, index->files[i].path);
        if (rc == 0 && i != 0)
            rc = tm__varint_append(out, index->files[i].length);
        ends[i] = TM__FILE_HEAD_BYTES;
    }
    if (rc == 0)
        rc = tm__varint_append(out, index->part_count);
    for (uint32_t i = 0; rc == 0 && i < index->part_count; i++)
        rc = put_part(out, &index->parts[i], ends);
    return rc;
}

int tm__index_encode(const struct tm__index *index, struct tm_buf *out)
{
    uint64_t *ends = tm_mem_alloc(out->mem, index->file_count * sizeof *ends);
    if (ends == NULL)
        return TM_E_MEMORY;
    int rc = put_all(out, index, ends);
    tm_mem_free(out->mem, ends, index->file_count * sizeof *ends);
    return rc;
}

// --- and back ------------------------------------------------------------------------------------

struct decoding {
    struct tm__reader in;
    struct tm__index *index;
    uint64_t index_offset; // what lies in the first file lies before it
    uint64_t *ends;        // by file
    bool no_memory;
};

static void *take(struct decoding *d, size_t size)
{
    void *p = d->in.bad || d->no_memory ? NULL : tm_arena_alloc(&d->index->arena, size);
    if (p == NULL && !d->in.bad)
        d->no_memory = true;
    return p;
}

// Without a NUL, and not longer than `max`. NULL: bad.
static const char *get_text(struct decoding *d, uint32_t max)
{
    uint64_t length = tm__read_varint(&d->in, max);
    const uint8_t *p = tm__read_bytes(&d->in, length);
    if (p != NULL && memchr(p, '\0', length) != NULL)
        d->in.bad = true;
    char *text = take(d, length + 1);
    if (text == NULL)
        return NULL;
    memcpy(text, p, length);
    text[length] = '\0';
    return text;
}

static void get_link(struct decoding *d, struct tm__link *link)
{
    link->file = (uint32_t)tm__read_varint(&d->in, d->index->file_count - 1);
    uint64_t gap = tm__read_varint(&d->in, UINT64_MAX);
    link->offset = d->ends[link->file] + (gap >> 1 ^ (0 - (gap & 1)));
    link->length = tm__read_varint(&d->in, UINT64_MAX);
    const uint8_t *checksum = tm__read_bytes(&d->in, sizeof link->checksum);
    uint64_t end = link->file == 0 ? d->index_offset : d->index->files[link->file].length;
    if (checksum == NULL || link->offset < TM__FILE_HEAD_BYTES || link->offset > end ||
        link->length > end - link->offset) {
        d->in.bad = true;
        return;
    }
    memcpy(&link->checksum, checksum, sizeof link->checksum);
    d->ends[link->file] = link->offset + link->length;
}

static void get_chains(struct decoding *d, struct tm__index_part *part)
{
    part->max_parallelism = (uint32_t)tm__read_varint(&d->in, TM_MAX_PARALLELISM);
    if (part->max_parallelism == 0)
        d->in.bad = true;
    part->first = (uint32_t)tm__read_varint(&d->in, part->max_parallelism - 1);
    part->last = (uint32_t)tm__read_varint(&d->in, part->max_parallelism - 1);
    part->value_bytes = (uint32_t)tm__read_varint(&d->in, UINT32_MAX);
    if (part->first > part->last)
        d->in.bad = true;
    uint32_t groups = d->in.bad ? 0 : part->last - part->first + 1;
    part->chains = take(d, groups * sizeof *part->chains);
    for (uint32_t i = 0; i < groups && !d->in.bad && !d->no_memory; i++) {
        struct tm__chain *chain = &part->chains[i];
        *chain = (struct tm__chain){.count = (uint32_t)tm__read_varint(&d->in, TM__LINKS_MAX)};
        chain->links = take(d, chain->count * sizeof *chain->links);
        for (uint32_t k = 0; k < chain->count && chain->links != NULL; k++)
            get_link(d, &chain->links[k]);
    }
}

static void get_part(struct decoding *d, struct tm__index_part *part)
{
    *part = (struct tm__index_part){
        .kind = (enum tm__part_kind)tm__read_varint(&d->in, TM__PART_KINDS - 1)};
    part->operator_name = get_text(d, TM_NAME_MAX);
    part->part = get_text(d, TM_NAME_MAX);
    if (part->kind != TM__PART_ITEMS) {
        get_chains(d, part);
        return;
    }
    part->item_kind = (enum tm_item_kind)tm__read_varint(&d->in, TM_ITEM_KINDS - 1);
    part->item_count = tm__read_varint(&d->in, UINT64_MAX);
    get_link(d, &part->items);
}

static void get_files(struct decoding *d, uint64_t length)
{
    uint32_t count = (uint32_t)tm__read_varint(&d->in, TM__FILES_MAX);
    if (count == 0 || count > d->in.left) // each takes a byte or more
        d->in.bad = true;
    for (uint32_t i = 0; i < count && !d->in.bad && !d->no_memory; i++) {
        const char *path = get_text(d, TM__PATH_MAX);
        uint64_t size = i == 0 ? length : tm__read_varint(&d->in, INT64_MAX);
        if (path != NULL && tm__index_add_file(d->index, path, size) < 0)
            d->no_memory = true;
    }
}

static void get_all(struct decoding *d, uint64_t length)
{
    d->index->checkpoint = tm__read_varint(&d->in, UINT64_MAX);
    d->index->chain = (uint32_t)tm__read_varint(&d->in, UINT32_MAX);
    d->index->subtask = (uint32_t)tm__read_varint(&d->in, UINT32_MAX);
    get_files(d, length);
    d->ends = take(d, d->index->file_count * sizeof *d->ends);
    for (uint32_t i = 0; d->ends != NULL && i < d->index->file_count; i++)
        d->ends[i] = TM__FILE_HEAD_BYTES;
    uint32_t count = (uint32_t)tm__read_varint(&d->in, TM__PARTS_MAX);
    if (count > d->in.left)
        d->in.bad = true;
    d->index->parts = take(d, count * sizeof *d->index->parts);
    for (uint32_t i = 0; i < count && !d->in.bad && !d->no_memory; i++) {
        get_part(d, &d->index->parts[i]);
        d->index->part_count++;
    }
    if (d->in.left != 0)
        d->in.bad = true;
}

int tm__index_decode(const void *bytes, size_t size, uint64_t length, uint64_t index_offset,
                     struct tm__index *index, struct tm_error *err)
{
    struct decoding d = {
        .in = {.p = bytes, .left = size}, .index = index, .index_offset = index_offset};
    get_all(&d, length);
    if (d.no_memory)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the index of a checkpoint");
    return d.in.bad ? tm_error_set(err, TM_E_CHECKPOINT, "its index is no index") : 0;
}
