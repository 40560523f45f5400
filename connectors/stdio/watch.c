// Rows by key, the newest of each, as lines of a table. What makes the key is what the operator
// above grouped by, and the window's start; rows that nothing grouped have none.
#include "connectors/stdio/watch.h"

#include <pthread.h>
#include <stdlib.h>

#include "connectors/stdio/stdio.h"
#include "connectors/stdio/table.h"
#include "core/base/hash.h"
#include "core/base/limits.h"

enum {
    IDENTITY_MAX = TM_KEY_FIELDS_MAX + 1,
    SLOTS = 4 * TM_WATCH_ROWS, // of the hash table; a power of two
    WIDTH_MAX = 40,
    GAP = 2,
};
_Static_assert((SLOTS & (SLOTS - 1)) == 0, "slots are found by a mask");

struct entry {
    char *text; // cells of all shown columns, each ends in NUL
    uint32_t size_bytes, allocated;
    uint64_t updated; // a number that grows with every row
    uint64_t hash;    // of the key's cells
    bool gone;        // deleted; a row of its key brings it back
};

struct tm_watch {
    struct tm_mem *mem;
    pthread_mutex_t lock; // of all below: subtasks write, the terminal's owner reads
    struct tm_schema *schema;
    uint32_t shown[TM_FIELDS_MAX], shown_count; // columns
    struct entry *entries;                      // TM_WATCH_ROWS
    uint32_t *slots;                            // index of an entry + 1; 0: free
    uint64_t *order;                            // scratch of drawing
    uint32_t count;
    uint64_t updates;
    uint64_t rows_without_room; // of keys past the bound
};

struct watch_encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_watch *watch;
    struct tm_encoder *cells;
    struct tm_schema *schema;
    uint32_t identity[IDENTITY_MAX], identity_count; // columns
    struct tm_buf key, text;
};

struct tm_watch *tm__watch_new(struct tm_mem *mem)
{
    struct tm_watch *watch = tm_mem_zalloc(mem, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->mem = mem;
    pthread_mutex_init(&watch->lock, NULL);
    watch->entries = tm_mem_zalloc(mem, TM_WATCH_ROWS * sizeof *watch->entries);
    watch->slots = tm_mem_zalloc(mem, SLOTS * sizeof *watch->slots);
    watch->order = tm_mem_zalloc(mem, TM_WATCH_ROWS * sizeof *watch->order);
    if (watch->entries != NULL && watch->slots != NULL && watch->order != NULL)
        return watch;
    tm__watch_free(watch);
    return NULL;
}

void tm__watch_free(struct tm_watch *watch)
{
    if (watch == NULL)
        return;
    for (uint32_t i = 0; watch->entries != NULL && i < watch->count; i++)
        tm_mem_free(watch->mem, watch->entries[i].text, watch->entries[i].allocated);
    tm_mem_free(watch->mem, watch->entries, TM_WATCH_ROWS * sizeof *watch->entries);
    tm_mem_free(watch->mem, watch->slots, SLOTS * sizeof *watch->slots);
    tm_mem_free(watch->mem, watch->order, TM_WATCH_ROWS * sizeof *watch->order);
    tm_schema_unref(watch->schema);
    pthread_mutex_destroy(&watch->lock);
    tm_mem_free(watch->mem, watch, sizeof *watch);
}

// --- what a row's key is -------------------------------------------------------------------------

static int column_of(const struct tm_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->field_count; i++)
        if ((schema->fields[i].flags & TM_FIELD_HIDDEN) == 0 &&
            strcmp(schema->fields[i].name, name) == 0)
            return (int)i;
    return -1;
}

// The operator above that gives a row per key; NULL: none. Functions and filters in between may
// keep its columns.
static const struct tm_node *grouping(const struct tm_graph *graph, const struct tm_node *node)
{
    while (node->input_count == 1) {
        node = &graph->nodes[node->inputs[0]];
        if (node->kind == TM_NODE_ROLLING || node->kind == TM_NODE_REDUCE ||
            node->kind == TM_NODE_WINDOW)
            return node;
        if (node->kind == TM_NODE_KEY_BY || node->kind == TM_NODE_UNION)
            return NULL;
    }
    return NULL;
}

// The columns of the sink's rows that are the key, all of them or none.
static void find_identity(struct watch_encoder *e, const struct tm_graph *graph,
                          const struct tm_node *sink)
{
    const struct tm_node *group = grouping(graph, sink);
    const struct tm_schema *input =
        group == NULL ? NULL : tm_node_schema(&graph->nodes[group->inputs[0]]);
    e->identity_count = 0;
    if (input == NULL)
        return;
    for (uint32_t i = 0; i <= group->key.count; i++) {
        bool is_key = i < group->key.count;
        if (!is_key && group->kind != TM_NODE_WINDOW)
            break;
        int column = column_of(e->schema,
                               is_key ? input->fields[group->key.fields[i]].name : "window_start");
        if (column < 0) {
            e->identity_count = 0;
            return;
        }
        e->identity[e->identity_count++] = (uint32_t)column;
    }
}

// --- rows in -------------------------------------------------------------------------------------

static int append_cell(struct watch_encoder *e, struct tm_buf *out, const struct tm_row *row,
                       uint32_t column)
{
    const struct tm_buf *cell;
    int rc = tm__table_cell(e->cells, row, column, &cell);
    rc = rc != 0 ? rc : tm_buf_append(out, cell->data, cell->size_bytes);
    return rc != 0 ? rc : tm_buf_append(out, "", 1);
}

static bool has_key(const struct watch_encoder *e, const struct entry *entry)
{
    const char *cell = entry->text;
    const char *key = (const char *)e->key.data;
    const struct tm_watch *watch = e->watch;
    // Cells of the key in the order of the columns, as e->key has them.
    for (uint32_t i = 0; i < watch->shown_count; i++) {
        bool is_key = false;
        for (uint32_t k = 0; k < e->identity_count; k++)
            is_key = is_key || e->identity[k] == watch->shown[i];
        if (is_key && strcmp(cell, key) != 0)
            return false;
        key += is_key ? strlen(key) + 1 : 0;
        cell += strlen(cell) + 1;
    }
    return true;
}

// The entry of e->key, a new one where there is none; NULL: no room.
static struct entry *entry_of(struct watch_encoder *e)
{
    struct tm_watch *watch = e->watch;
    uint64_t hash = tm_hash_bytes(e->key.data, e->key.size_bytes);
    uint32_t slot = (uint32_t)hash & (SLOTS - 1);
    for (; watch->slots[slot] != 0; slot = (slot + 1) & (SLOTS - 1)) {
        struct entry *entry = &watch->entries[watch->slots[slot] - 1];
        if (entry->hash == hash && has_key(e, entry))
            return entry;
    }
    if (watch->count == TM_WATCH_ROWS) {
        watch->rows_without_room++;
        return NULL;
    }
    watch->entries[watch->count].hash = hash;
    watch->slots[slot] = ++watch->count;
    return &watch->entries[watch->count - 1];
}

static int keep_text(struct tm_watch *watch, struct entry *entry, const struct tm_buf *text)
{
    if (text->size_bytes > entry->allocated) {
        uint32_t size = (uint32_t)text->size_bytes * 2;
        char *grown = tm_mem_alloc(watch->mem, size);
        if (grown == NULL)
            return TM_E_MEMORY;
        tm_mem_free(watch->mem, entry->text, entry->allocated);
        entry->text = grown;
        entry->allocated = size;
    }
    memcpy(entry->text, text->data, text->size_bytes);
    entry->size_bytes = (uint32_t)text->size_bytes;
    return 0;
}

static int put_row(struct watch_encoder *e, const struct tm_row *row)
{
    struct tm_watch *watch = e->watch;
    int rc = 0;
    if (row->kind == TM_ROW_UPDATE_BEFORE)
        return 0; // the row after it takes its place
    e->key.size_bytes = e->text.size_bytes = 0;
    for (uint32_t i = 0; rc == 0 && i < watch->shown_count; i++) {
        uint32_t column = watch->shown[i];
        rc = append_cell(e, &e->text, row, column);
        for (uint32_t k = 0; rc == 0 && k < e->identity_count; k++)
            if (e->identity[k] == column)
                rc = append_cell(e, &e->key, row, column);
    }
    if (rc != 0)
        return rc;
    pthread_mutex_lock(&watch->lock);
    struct entry *entry = entry_of(e);
    if (entry != NULL) {
        rc = keep_text(watch, entry, &e->text);
        entry->updated = ++watch->updates;
        entry->gone = row->kind == TM_ROW_DELETE;
        if (rc != 0 && entry->text == NULL)
            entry->gone = true;
    }
    pthread_mutex_unlock(&watch->lock);
    return rc;
}

static int watch_encode(struct tm_encoder *base, const struct tm_batch *batch,
                        const struct tm_row **row, struct tm_buf *out, size_t limit_bytes,
                        int (*bad)(void *arg, const struct tm_row *row, int code,
                                   const char *message),
                        void *arg)
{
    struct watch_encoder *e = (struct watch_encoder *)base;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    int rc = 0;
    (void)out;
    (void)limit_bytes;
    (void)bad; // people can read any value
    (void)arg;
    for (; rc == 0 && *row < end; *row = tm_row_next(*row))
        rc = put_row(e, *row);
    return rc;
}

static void watch_free(struct tm_encoder *base)
{
    struct watch_encoder *e = (struct watch_encoder *)base;
    e->cells->ops->free(e->cells);
    tm_schema_unref(e->schema);
    tm_buf_fini(&e->key);
    tm_buf_fini(&e->text);
    tm_mem_free(e->mem, e, sizeof *e);
}

static const struct tm_encoder_ops watch_ops = {.encode = watch_encode, .free = watch_free};

// The first subtask to come says what is shown; all have the same schema.
static void share_schema(struct tm_watch *watch, struct tm_schema *schema)
{
    pthread_mutex_lock(&watch->lock);
    if (watch->schema == NULL) {
        watch->schema = tm_schema_ref(schema);
        for (uint32_t i = 0; i < schema->field_count; i++)
            if ((schema->fields[i].flags & TM_FIELD_HIDDEN) == 0)
                watch->shown[watch->shown_count++] = i;
    }
    pthread_mutex_unlock(&watch->lock);
}

int tm__watch_encoder_new(struct tm_watch *watch, struct tm_task_context *ctx,
                          const struct tm_node *node, struct tm_schema *schema,
                          struct tm_encoder *cells, struct tm_encoder **encoder,
                          struct tm_error *err)
{
    struct watch_encoder *e = tm_mem_zalloc(ctx->mem, sizeof *e);
    if (e == NULL) {
        cells->ops->free(cells);
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a table");
    }
    e->base.ops = &watch_ops;
    e->mem = ctx->mem;
    e->watch = watch;
    e->cells = cells;
    e->schema = tm_schema_ref(schema);
    tm_buf_init(&e->key, ctx->mem);
    tm_buf_init(&e->text, ctx->mem);
    find_identity(e, ctx->plan->graph, node);
    if (e->identity_count == 0) {
        *encoder = cells;
        tm_schema_unref(e->schema);
        tm_mem_free(ctx->mem, e, sizeof *e);
        return 0;
    }
    share_schema(watch, schema);
    *encoder = &e->base;
    return 0;
}

// --- lines out -----------------------------------------------------------------------------------

static uint32_t width_of(const char *text)
{
    uint32_t width = 0;
    for (; *text != '\0'; text++)
        width += ((uint8_t)*text & 0xC0) != 0x80;
    return width;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? 1 : *x > *y ? -1 : 0; // the newest first
}

// Entries updated at or after this are drawn: the newest `lines` of those that are there.
static uint64_t oldest_drawn(struct tm_watch *watch, uint32_t lines, uint32_t *there)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < watch->count; i++)
        if (!watch->entries[i].gone)
            watch->order[n++] = watch->entries[i].updated;
    *there = n;
    if (lines >= n)
        return 0;
    qsort(watch->order, n, sizeof *watch->order, compare_numbers);
    return lines == 0 ? UINT64_MAX : watch->order[lines - 1];
}

static bool stands_right(uint8_t kind)
{
    return kind == TM_TYPE_INT || kind == TM_TYPE_INT64 || kind == TM_TYPE_DOUBLE ||
           kind == TM_TYPE_DECIMAL;
}

// One line of at most `columns` characters, as one that wraps would be two.
struct line {
    struct tm_buf *out;
    uint32_t used, columns;
};

static int put_text(struct line *line, const char *text, uint32_t width)
{
    size_t length = 0;
    uint32_t shown = 0;
    while (text[length] != '\0' && shown < width && line->used + shown < line->columns) {
        for (length++; ((uint8_t)text[length] & 0xC0) == 0x80;)
            length++;
        shown++;
    }
    line->used += shown;
    return tm_buf_append(line->out, text, length);
}

static int put_spaces(struct line *line, uint32_t count)
{
    int rc = 0;
    for (; rc == 0 && count > 0 && line->used < line->columns; count--, line->used++)
        rc = tm_buf_append(line->out, " ", 1);
    return rc;
}

// The heading (entry NULL) or a row.
static int put_line(const struct tm_watch *watch, const struct entry *entry, const uint32_t *widths,
                    uint32_t columns, struct tm_buf *out)
{
    struct line line = {.out = out, .columns = columns};
    const char *cell = entry == NULL ? NULL : entry->text;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < watch->shown_count; i++) {
        const struct tm_field *field = &watch->schema->fields[watch->shown[i]];
        const char *text = entry == NULL ? field->name : cell;
        uint32_t width = width_of(text), pad = width < widths[i] ? widths[i] - width : 0;
        bool right = stands_right(field->type.kind), last = i + 1 == watch->shown_count;
        rc = right ? put_spaces(&line, pad) : 0;
        rc = rc != 0 ? rc : put_text(&line, text, WIDTH_MAX);
        if (rc == 0 && !last)
            rc = put_spaces(&line, (right ? 0 : pad) + GAP);
        cell = entry == NULL ? NULL : cell + strlen(cell) + 1;
    }
    return rc == 0 ? tm_buf_append(out, "\n", 1) : rc;
}

static void measure(const struct tm_watch *watch, uint64_t oldest, uint32_t *widths)
{
    for (uint32_t i = 0; i < watch->shown_count; i++)
        widths[i] = width_of(watch->schema->fields[watch->shown[i]].name);
    for (uint32_t n = 0; n < watch->count; n++) {
        const struct entry *entry = &watch->entries[n];
        if (entry->gone || entry->updated < oldest)
            continue;
        const char *cell = entry->text;
        for (uint32_t i = 0; i < watch->shown_count; i++, cell += strlen(cell) + 1) {
            uint32_t width = width_of(cell);
            width = width > WIDTH_MAX ? WIDTH_MAX : width;
            widths[i] = widths[i] < width ? width : widths[i];
        }
    }
}

static int draw(struct tm_watch *watch, uint32_t columns, uint32_t rows, struct tm_buf *out,
                uint32_t *lines)
{
    uint32_t widths[TM_FIELDS_MAX], there, drawn = 0;
    uint64_t oldest = oldest_drawn(watch, rows < 2 ? 0 : rows - 2, &there);
    if (there == 0 || rows < 3)
        return 0;
    measure(watch, oldest, widths);
    int rc = put_line(watch, NULL, widths, columns, out);
    for (uint32_t n = 0; rc == 0 && n < watch->count; n++) {
        const struct entry *entry = &watch->entries[n];
        if (entry->gone || entry->updated < oldest)
            continue;
        rc = put_line(watch, entry, widths, columns, out);
        drawn++;
    }
    *lines = drawn + 1;
    if (rc == 0 && (drawn < there || watch->rows_without_room != 0)) {
        rc = tm_buf_printf(out, "... and %u more%s\n", there - drawn,
                           watch->rows_without_room == 0 ? ""
                                                         : ", and keys beyond those that are kept");
        (*lines)++;
    }
    return rc;
}

int tm_watch_draw(struct tm_watch *watch, uint32_t columns, uint32_t rows, struct tm_buf *out,
                  uint32_t *lines)
{
    *lines = 0;
    pthread_mutex_lock(&watch->lock);
    int rc = watch->schema == NULL ? 0 : draw(watch, columns, rows, out, lines);
    pthread_mutex_unlock(&watch->lock);
    return rc;
}
