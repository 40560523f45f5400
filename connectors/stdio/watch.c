// Rows that are there, for a table that is kept up to date. Where the operator above gives the
// newest row of a key, a row takes the place of the one with the same key: what it grouped by, the
// window's start, the place in a ranking. Other changes (+I -U +U -D) name their row by all of its
// values, and it may be there more than once. Plain rows that nothing grouped are written as they
// come.
#include <stdio.h>

#include "connectors/stdio/table.h"
#include "connectors/stdio/watch_private.h"
#include "core/base/hash.h"
#include "core/base/limits.h"

enum { GROUP_MAX = TM_KEY_FIELDS_MAX + 1, IDENTITY_MAX = GROUP_MAX + 1 };

// Columns of the schema, in their order.
struct columns {
    uint32_t at[IDENTITY_MAX], count;
};

struct watch_encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_watch *watch;
    struct tm_encoder *cells;
    struct tm_schema *schema;
    struct columns identity; // none: all of them
    struct columns group;    // rows that stand together
    struct tm_buf text;      // cells of all shown columns, each ends in NUL
};

struct tm_watch *tm__watch_new(struct tm_mem *mem)
{
    struct tm_watch *watch = tm_mem_zalloc(mem, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->mem = mem;
    pthread_mutex_init(&watch->lock, NULL);
    watch->entries = tm_mem_zalloc(mem, TM_WATCH_ROWS * sizeof *watch->entries);
    watch->slots = tm_mem_zalloc(mem, TM__WATCH_SLOTS * sizeof *watch->slots);
    watch->groups = tm_mem_zalloc(mem, TM__WATCH_SLOTS * sizeof *watch->groups);
    watch->lines = tm_mem_zalloc(mem, TM_WATCH_ROWS * sizeof *watch->lines);
    tm_buf_init(&watch->cell, mem);
    if (watch->entries != NULL && watch->slots != NULL && watch->groups != NULL &&
        watch->lines != NULL)
        return watch;
    tm__watch_free(watch);
    return NULL;
}

void tm__watch_free(struct tm_watch *watch)
{
    if (watch == NULL)
        return;
    for (uint32_t i = 0; watch->entries != NULL && i < TM_WATCH_ROWS; i++)
        tm_mem_free(watch->mem, watch->entries[i].text, watch->entries[i].allocated);
    tm_mem_free(watch->mem, watch->entries, TM_WATCH_ROWS * sizeof *watch->entries);
    tm_mem_free(watch->mem, watch->slots, TM__WATCH_SLOTS * sizeof *watch->slots);
    tm_mem_free(watch->mem, watch->groups, TM__WATCH_SLOTS * sizeof *watch->groups);
    tm_mem_free(watch->mem, watch->lines, TM_WATCH_ROWS * sizeof *watch->lines);
    tm_buf_fini(&watch->cell);
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

// False: the sink's rows have no such column.
static bool add_column(const struct watch_encoder *e, struct columns *columns, const char *name)
{
    int column = column_of(e->schema, name);
    if (column < 0)
        return false;
    uint32_t i = columns->count++;
    for (; i > 0 && columns->at[i - 1] > (uint32_t)column; i--)
        columns->at[i] = columns->at[i - 1];
    columns->at[i] = (uint32_t)column;
    return true;
}

// The operator above that gives the newest row of a key, or a ranking of each; NULL: none.
// Functions and filters in between may keep its columns. *one: a row of it is one row here at most.
static const struct tm_node *grouping(const struct tm_graph *graph, const struct tm_node *node,
                                      bool *one)
{
    *one = true;
    while (node->input_count == 1) {
        node = &graph->nodes[node->inputs[0]];
        switch (node->kind) {
        case TM_NODE_ROLLING:
        case TM_NODE_REDUCE:
        case TM_NODE_WINDOW:
        case TM_NODE_EXTREME:
        case TM_NODE_TOP:
            return node;
        case TM_NODE_FUNCTION:
            *one = *one && strcmp(node->verb, "flat_map") != 0;
            break;
        case TM_NODE_WATERMARK:
        case TM_NODE_ROUTE:
        case TM_NODE_PEEK:
            break;
        default:
            return NULL;
        }
    }
    return NULL;
}

// All of what the operator grouped by, or nothing.
static bool find_group(struct watch_encoder *e, const struct tm_node *group,
                       const struct tm_schema *input)
{
    bool found = true;
    e->group.count = 0;
    for (uint32_t i = 0; i < group->key.count; i++)
        found = found && add_column(e, &e->group, input->fields[group->key.fields[i]].name);
    if (group->kind == TM_NODE_WINDOW)
        found = found && add_column(e, &e->group, "window_start");
    if (!found)
        e->group.count = 0;
    return found && e->group.count != 0;
}

// What rows of a ranking are ordered by: their places, else the column that decides them.
static bool find_order(struct watch_encoder *e, const struct tm_node *top,
                       const struct tm_schema *input, struct tm__watch_order *order)
{
    const struct tm_schema *output = tm_node_schema(top);
    bool has_place = top->rank_field >= 0 && output != NULL;
    int place = has_place ? column_of(e->schema, output->fields[top->rank_field].name) : -1;
    int column = place >= 0 ? place : column_of(e->schema, input->fields[top->field].name);
    *order = (struct tm__watch_order){.is_given = column >= 0,
                                      .column = column < 0 ? 0 : (uint32_t)column,
                                      .descending = place < 0 && top->descending};
    return place >= 0;
}

// Can the rows be kept up to date? `order`: how those of a group stand. *why_not, where an operator
// has grouped them.
static bool find_identity(struct watch_encoder *e, const struct tm_graph *graph,
                          const struct tm_node *sink, struct tm__watch_order *order,
                          const char **why_not)
{
    bool one, has_place = false;
    const struct tm_node *group = grouping(graph, sink, &one);
    const struct tm_schema *input =
        group == NULL ? NULL : tm_node_schema(&graph->nodes[group->inputs[0]]);
    *order = (struct tm__watch_order){.is_given = false};
    e->identity.count = e->group.count = 0;
    if (input == NULL)
        return e->schema->changelog;
    bool has_group = find_group(e, group, input);
    *why_not = !one ? "a flat_map behind the key makes several rows of one"
                    : "not all columns of the key (and window_start) are in the rows";
    if (group->kind == TM_NODE_TOP)
        has_place = find_order(e, group, input, order);
    if (!one || !has_group || (group->kind == TM_NODE_TOP && !has_place))
        return e->schema->changelog || (group->kind == TM_NODE_TOP && one);
    e->identity = e->group;
    return !has_place || add_column(e, &e->identity, e->schema->fields[order->column].name);
}

// --- entries -------------------------------------------------------------------------------------

static bool is_among(const struct columns *columns, uint32_t column)
{
    for (uint32_t i = 0; i < columns->count; i++)
        if (columns->at[i] == column)
            return true;
    return false;
}

// Have the entry and the row in e->text the same identity?
static bool is_same(const struct watch_encoder *e, const struct tm__watch_entry *entry)
{
    const struct tm_watch *watch = e->watch;
    const char *mine = entry->text, *theirs = (const char *)e->text.data;
    if (e->identity.count == 0)
        return entry->size_bytes == e->text.size_bytes &&
               memcmp(mine, theirs, entry->size_bytes) == 0;
    for (uint32_t i = 0; i < watch->shown_count; i++) {
        if (is_among(&e->identity, watch->shown[i]) && strcmp(mine, theirs) != 0)
            return false;
        mine += strlen(mine) + 1;
        theirs += strlen(theirs) + 1;
    }
    return true;
}

// Of the row in e->text.
static uint64_t hash_of(const struct watch_encoder *e, const struct columns *columns)
{
    const struct tm_watch *watch = e->watch;
    const char *cell = (const char *)e->text.data;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < watch->shown_count; i++) {
        size_t size = strlen(cell) + 1;
        if (columns->count == 0 || is_among(columns, watch->shown[i]))
            hash = (hash ^ tm_hash_bytes(cell, size)) * 0x9E3779B97F4A7C15u;
        cell += size;
    }
    return hash ^ hash >> 32;
}

// The slot of the row's entry, or the free one where it belongs.
static uint32_t slot_of(const struct watch_encoder *e, uint64_t hash)
{
    const struct tm_watch *watch = e->watch;
    uint32_t slot = (uint32_t)hash & (TM__WATCH_SLOTS - 1);
    for (; watch->slots[slot] != 0; slot = (slot + 1) & (TM__WATCH_SLOTS - 1)) {
        const struct tm__watch_entry *entry = &watch->entries[watch->slots[slot] - 1];
        if (entry->hash == hash && is_same(e, entry))
            break;
    }
    return slot;
}

// The number of a group: its rows stand where the first of them came, also after they have gone.
static uint32_t number_of(struct tm_watch *watch, uint64_t hash)
{
    uint32_t slot = (uint32_t)hash & (TM__WATCH_SLOTS - 1);
    while (watch->groups[slot].number != 0 && watch->groups[slot].hash != hash)
        slot = (slot + 1) & (TM__WATCH_SLOTS - 1);
    if (watch->groups[slot].number != 0)
        return watch->groups[slot].number;
    if (watch->group_count == TM_WATCH_ROWS)
        return UINT32_MAX; // behind those that are known
    watch->groups[slot].hash = hash;
    return watch->groups[slot].number = ++watch->group_count;
}

static int keep_text(struct tm_watch *watch, struct tm__watch_entry *entry,
                     const struct tm_buf *text)
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

static int add_row(struct watch_encoder *e, uint64_t hash)
{
    struct tm_watch *watch = e->watch;
    uint32_t slot = slot_of(e, hash);
    if (watch->slots[slot] == 0 && watch->count == TM_WATCH_ROWS) {
        watch->rows_without_room++;
        return 0;
    }
    bool is_new = watch->slots[slot] == 0;
    struct tm__watch_entry *entry = &watch->entries[is_new ? watch->count : watch->slots[slot] - 1];
    int rc = keep_text(watch, entry, &e->text);
    if (rc != 0)
        return rc;
    entry->updated = ++watch->updates;
    entry->copies = is_new || e->identity.count != 0 ? 1 : entry->copies + 1;
    if (is_new) {
        entry->hash = hash;
        entry->born = watch->updates;
        entry->group = number_of(watch, e->group.count == 0 ? 0 : hash_of(e, &e->group));
        watch->slots[slot] = ++watch->count;
    }
    return 0;
}

// Frees a slot; those behind it that would not be found any more move up.
static void free_slot(struct tm_watch *watch, uint32_t slot)
{
    const uint32_t mask = TM__WATCH_SLOTS - 1;
    for (uint32_t next = (slot + 1) & mask; watch->slots[next] != 0; next = (next + 1) & mask) {
        uint32_t home = (uint32_t)watch->entries[watch->slots[next] - 1].hash & mask;
        if (((next - home) & mask) < ((next - slot) & mask))
            continue;
        watch->slots[slot] = watch->slots[next];
        slot = next;
    }
    watch->slots[slot] = 0;
}

static void remove_row(struct watch_encoder *e, uint64_t hash)
{
    struct tm_watch *watch = e->watch;
    uint32_t slot = slot_of(e, hash), index = watch->slots[slot] - 1;
    if (watch->slots[slot] == 0 || --watch->entries[index].copies != 0)
        return;
    free_slot(watch, slot);
    uint32_t last = --watch->count;
    if (index == last)
        return;
    // The last entry takes its place.
    struct tm__watch_entry freed = watch->entries[index];
    slot = (uint32_t)watch->entries[last].hash & (TM__WATCH_SLOTS - 1);
    while (watch->slots[slot] != last + 1)
        slot = (slot + 1) & (TM__WATCH_SLOTS - 1);
    watch->slots[slot] = index + 1;
    watch->entries[index] = watch->entries[last];
    watch->entries[last] = freed; // its memory serves the next
}

// --- rows in -------------------------------------------------------------------------------------

static int put_row(struct watch_encoder *e, const struct tm_row *row)
{
    struct tm_watch *watch = e->watch;
    int rc = 0;
    e->text.size_bytes = 0;
    for (uint32_t i = 0; rc == 0 && i < watch->shown_count; i++) {
        const struct tm_buf *cell;
        rc = tm__table_cell(e->cells, row, watch->shown[i], &cell);
        rc = rc != 0 ? rc : tm_buf_append(&e->text, cell->data, cell->size_bytes);
        rc = rc != 0 ? rc : tm_buf_append(&e->text, "", 1);
    }
    if (rc != 0)
        return rc;
    uint64_t hash = hash_of(e, &e->identity);
    pthread_mutex_lock(&watch->lock);
    if (row->kind == TM_ROW_UPDATE_BEFORE || row->kind == TM_ROW_DELETE)
        remove_row(e, hash);
    else
        rc = add_row(e, hash);
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
    tm_buf_fini(&e->text);
    tm_mem_free(e->mem, e, sizeof *e);
}

static const struct tm_encoder_ops watch_ops = {.encode = watch_encode, .free = watch_free};

// The first subtask to come says what is shown; all have the same schema.
static void share_schema(struct tm_watch *watch, struct tm_schema *schema,
                         const struct tm__watch_order *order)
{
    pthread_mutex_lock(&watch->lock);
    if (watch->schema == NULL) {
        watch->schema = tm_schema_ref(schema);
        watch->by = *order;
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
    tm_buf_init(&e->text, ctx->mem);
    struct tm__watch_order order;
    const char *why_not = NULL;
    if (!find_identity(e, ctx->plan->graph, node, &order, &why_not)) {
        char text[256];
        if (why_not != NULL) {
            snprintf(text, sizeof text,
                     "no table is kept up to date, rows are written as they come: %s", why_not);
            tm_task_warn_once(ctx, node, text);
        }
        *encoder = cells;
        tm_schema_unref(e->schema);
        tm_mem_free(ctx->mem, e, sizeof *e);
        return 0;
    }
    share_schema(watch, schema, &order);
    *encoder = &e->base;
    return 0;
}
