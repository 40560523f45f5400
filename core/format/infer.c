// Gathering what the records of a sample have, and the types that follow. A tree of places in the
// records, each with a count of the shapes of its values; keys are found in one table for all maps.
#include "core/format/infer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/batch/any.h"
#include "core/batch/type.h"
#include "core/format/any_time.h"
#include "core/format/infer_node.h"

struct tm_infer {
    struct tm_mem *mem;
    struct tm_arena arena;
    bool is_text; // CSV
    struct tm_infer_texts texts;
    struct tm__infer_entry **table;
    uint32_t table_size, entries; // a power of two
    struct tm__infer_node root;
    uint32_t records;
    uint32_t fields; // of the column whose type is made
};

enum { TABLE_MIN = 256 };

struct tm_infer *tm_infer_new(struct tm_mem *mem, const struct tm_infer_texts *texts)
{
    struct tm_infer *infer = tm_mem_zalloc(mem, sizeof *infer);
    if (infer == NULL)
        return NULL;
    infer->mem = mem;
    infer->is_text = texts != NULL;
    if (texts != NULL)
        infer->texts = *texts;
    tm_arena_init(&infer->arena, mem);
    infer->table_size = TABLE_MIN;
    infer->table = tm_mem_zalloc(mem, TABLE_MIN * sizeof(void *));
    if (infer->table == NULL) {
        tm_infer_free(infer);
        return NULL;
    }
    return infer;
}

void tm_infer_free(struct tm_infer *infer)
{
    if (infer == NULL)
        return;
    tm_arena_fini(&infer->arena);
    tm_mem_free(infer->mem, infer->table, infer->table_size * sizeof(void *));
    tm_mem_free(infer->mem, infer, sizeof *infer);
}

uint32_t tm_infer_records(const struct tm_infer *infer)
{
    return infer->records;
}

// --- keys ----------------------------------------------------------------------------------------

static uint32_t slot_of(const struct tm_infer *infer, const struct tm__infer_node *parent,
                        const void *name, uint32_t len)
{
    uint64_t hash = tm_hash_bytes(name, len) ^ ((uintptr_t)parent * UINT64_C(0x9E3779B97F4A7C15));
    return (uint32_t)(hash ^ hash >> 32) & (infer->table_size - 1);
}

static int grow_table(struct tm_infer *infer)
{
    struct tm__infer_entry **old = infer->table;
    uint32_t size = infer->table_size;
    struct tm__infer_entry **table = tm_mem_zalloc(infer->mem, 2 * size * sizeof(void *));
    if (table == NULL)
        return TM_E_MEMORY;
    infer->table = table;
    infer->table_size = 2 * size;
    for (uint32_t i = 0; i < size; i++) {
        for (struct tm__infer_entry *e = old[i], *next; e != NULL; e = next) {
            uint32_t slot = slot_of(infer, e->parent, e->name, e->length);
            next = e->chain;
            e->chain = table[slot];
            table[slot] = e;
        }
    }
    tm_mem_free(infer->mem, old, size * sizeof(void *));
    return 0;
}

// The place of this key in the maps of `parent`; NULL in *found when there are too many to tell
// apart.
static int find_key(struct tm_infer *infer, struct tm__infer_node *parent, const void *name,
                    uint32_t len, struct tm__infer_entry **found)
{
    uint32_t slot = slot_of(infer, parent, name, len);
    struct tm__infer_entry *e = infer->table[slot];
    while (e != NULL &&
           (e->parent != parent || e->length != len || memcmp(e->name, name, len) != 0))
        e = e->chain;
    *found = e;
    if (e != NULL || infer->entries == TM_INFER_NODES_MAX)
        return 0;
    if (infer->entries == infer->table_size) {
        int rc = grow_table(infer);
        if (rc != 0)
            return rc;
        slot = slot_of(infer, parent, name, len);
    }
    e = tm_arena_alloc(&infer->arena, sizeof *e);
    char *text = tm_arena_strndup(&infer->arena, name, len);
    if (e == NULL || text == NULL)
        return TM_E_MEMORY;
    *e = (struct tm__infer_entry){
        .chain = infer->table[slot], .parent = parent, .name = text, .length = len};
    infer->table[slot] = e;
    infer->entries++;
    *(parent->first == NULL ? &parent->first : &parent->last->next) = e;
    parent->last = e;
    parent->children++;
    *found = e;
    return 0;
}

static int item_of(struct tm_infer *infer, struct tm__infer_node *list)
{
    if (list->item != NULL)
        return 0;
    list->item = tm_arena_alloc(&infer->arena, sizeof *list->item);
    if (list->item == NULL)
        return TM_E_MEMORY;
    memset(list->item, 0, sizeof *list->item);
    return 0;
}

// --- values --------------------------------------------------------------------------------------

static enum tm__shape double_shape(double v)
{
    if (v != rint(v) || !isfinite(v) || fabs(v) < 0x1p64)
        return TM__SHAPE_DOUBLE;
    return fabs(v) < 1e38 ? TM__SHAPE_HUGE : TM__SHAPE_VAST;
}

static enum tm__shape integer_shape(int64_t v)
{
    return v <= TM_INT_MAX && v >= -TM_INT_MAX ? TM__SHAPE_INT : TM__SHAPE_LONG;
}

static enum tm__shape text_shape(const struct tm_infer *infer, const struct tm_any *v)
{
    const char *text = (const char *)v->bytes;
    if (infer->is_text)
        return tm__infer_text_shape(&infer->texts, text, v->count);
    return tm__infer_is_time(text, v->count) ? TM__SHAPE_TIME : TM__SHAPE_STRING;
}

// Of a value that is not null.
static enum tm__shape shape_of(const struct tm_infer *infer, const struct tm_any *v)
{
    int64_t ms;
    switch (v->kind) {
    case TM_ANY_BOOL:
        return TM__SHAPE_BOOL;
    case TM_ANY_INT:
        return integer_shape(v->integer);
    case TM_ANY_UINT:
        return TM__SHAPE_UINT;
    case TM_ANY_DOUBLE:
        return double_shape(v->number);
    case TM_ANY_STRING:
        return text_shape(infer, v);
    case TM_ANY_BINARY:
        return TM__SHAPE_BINARY;
    case TM_ANY_ARRAY:
        return TM__SHAPE_LIST;
    case TM_ANY_MAP:
        return TM__SHAPE_MAP;
    case TM_ANY_EXTENSION:
        return tm__any_time(v, &ms) ? TM__SHAPE_TIME : TM__SHAPE_OTHER;
    default:
        return TM__SHAPE_OTHER;
    }
}

static int add_value(struct tm_infer *infer, struct tm__infer_node *node, const struct tm_any *v,
                     const uint8_t *end, const uint8_t **behind);

static int add_map(struct tm_infer *infer, struct tm__infer_node *node, uint32_t count,
                   const uint8_t *p, const uint8_t *end, const uint8_t **behind)
{
    int rc = 0;
    node->keys += count;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        struct tm_any key = tm_any_read(p, end);
        struct tm__infer_entry *entry = NULL;
        p = key.kind == TM_ANY_STRING ? key.next : tm_any_skip(p, end);
        struct tm_any value = tm_any_read(p, end);
        if (key.kind == TM_ANY_STRING)
            rc = find_key(infer, node, key.bytes, key.count, &entry);
        if (rc == 0 && entry != NULL) {
            rc = add_value(infer, &entry->node, &value, end, &p);
        } else {
            node->counts[TM__SHAPE_OTHER]++;
            p = tm_any_skip(p, end);
        }
    }
    *behind = p;
    return rc;
}

static int add_value(struct tm_infer *infer, struct tm__infer_node *node, const struct tm_any *v,
                     const uint8_t *end, const uint8_t **behind)
{
    *behind = v->next;
    if (v->kind == TM_ANY_NIL)
        return 0;
    node->counts[shape_of(infer, v)]++;
    if (v->kind == TM_ANY_MAP)
        return add_map(infer, node, v->count, v->next, end, behind);
    if (v->kind != TM_ANY_ARRAY)
        return 0;
    int rc = item_of(infer, node);
    for (uint32_t i = 0; rc == 0 && i < v->count; i++) {
        struct tm_any item = tm_any_read(*behind, end);
        rc = add_value(infer, node->item, &item, end, behind);
    }
    return rc;
}

int tm_infer_add(struct tm_infer *infer, const uint8_t *record, uint32_t len)
{
    const uint8_t *behind;
    struct tm_any v = tm_any_read(record, record + len);
    infer->records++;
    return add_value(infer, &infer->root, &v, record + len, &behind);
}

// --- types ---------------------------------------------------------------------------------------

// Everything of `from` is also of `to`.
static int merge(struct tm_infer *infer, struct tm__infer_node *to,
                 const struct tm__infer_node *from)
{
    int rc = 0;
    for (int i = 0; i < TM__SHAPES; i++)
        to->counts[i] += from->counts[i];
    to->keys += from->keys;
    if (from->item != NULL && (rc = item_of(infer, to)) == 0)
        rc = merge(infer, to->item, from->item);
    for (const struct tm__infer_entry *e = from->first; rc == 0 && e != NULL; e = e->next) {
        struct tm__infer_entry *entry;
        rc = find_key(infer, to, e->name, e->length, &entry);
        if (rc == 0 && entry == NULL)
            to->counts[TM__SHAPE_OTHER]++;
        else if (rc == 0)
            rc = merge(infer, &entry->node, &e->node);
    }
    return rc;
}

static bool only(const struct tm__infer_node *node, uint32_t shapes)
{
    for (uint32_t i = 0; i < TM__SHAPES; i++)
        if (node->counts[i] != 0 && (shapes >> i & 1) == 0)
            return false;
    return true;
}

static bool is_empty(const struct tm__infer_node *node)
{
    return only(node, 0);
}

enum {
    BOOLS = 1 << TM__SHAPE_BOOL,
    INTS = 1 << TM__SHAPE_INT,
    LONGS = INTS | 1 << TM__SHAPE_LONG,
    UINTS = INTS | 1 << TM__SHAPE_UINT,
    WHOLES = LONGS | UINTS | 1 << TM__SHAPE_HUGE,
    NUMBERS = WHOLES | 1 << TM__SHAPE_VAST | 1 << TM__SHAPE_DOUBLE,
    TIMES = 1 << TM__SHAPE_TIME,
    STRINGS = TIMES | 1 << TM__SHAPE_STRING,
};

// The type of values without parts; NULL when they are of several kinds.
static const char *scalar_type(const struct tm_infer *infer, const struct tm__infer_node *node)
{
    const char *mixed = infer->is_text ? "string" : "any";
    return is_empty(node)                      ? mixed
           : only(node, BOOLS)                 ? "bool"
           : only(node, INTS)                  ? "int"
           : only(node, LONGS)                 ? "int64"
           : only(node, LONGS | UINTS)         ? "decimal(20,0)"
           : only(node, WHOLES)                ? "decimal(38,0)"
           : only(node, NUMBERS)               ? "double"
           : only(node, TIMES)                 ? "timestamp"
           : only(node, STRINGS)               ? "string"
           : only(node, 1 << TM__SHAPE_BINARY) ? "bytes"
                                               : mixed;
}

static int put(struct tm_buf *out, const char *text)
{
    return tm_buf_append(out, text, strlen(text));
}

static int put_type(struct tm_infer *infer, const struct tm__infer_node *node, int depth,
                    struct tm_buf *out);

static bool is_any(const struct tm_buf *out, size_t from)
{
    return out->size_bytes - from == 3 && memcmp(out->data + from, "any", 3) == 0;
}

// Many keys, of which each map has few: names are data, not fields.
static bool has_many_keys(const struct tm__infer_node *node)
{
    return node->children > TM_INFER_MAP_KEYS &&
           node->keys * 2 <= (uint64_t)node->counts[TM__SHAPE_MAP] * node->children;
}

// As map(string,T); *made: there is such a T.
static int put_map(struct tm_infer *infer, const struct tm__infer_node *node, int depth,
                   struct tm_buf *out, bool *made)
{
    struct tm__infer_node *all = tm_arena_alloc(&infer->arena, sizeof *all);
    int rc = all == NULL ? TM_E_MEMORY : 0;
    if (rc == 0)
        memset(all, 0, sizeof *all);
    for (const struct tm__infer_entry *e = node->first; rc == 0 && e != NULL; e = e->next)
        rc = merge(infer, all, &e->node);
    rc = rc != 0 ? rc : put(out, "map(string,");
    size_t from = out->size_bytes;
    rc = rc != 0 ? rc : put_type(infer, all, depth + 1, out);
    *made = rc == 0 && !is_any(out, from);
    return rc != 0 ? rc : put(out, ")");
}

static bool is_name(const char *p, uint32_t len)
{
    if (len == 0 || len > TM_NAME_MAX)
        return false;
    for (uint32_t i = 0; i < len; i++)
        if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
            return false;
    return true;
}

static int put_field_name(struct tm_buf *out, const struct tm__infer_entry *e)
{
    bool plain = true;
    for (uint32_t i = 0; i < e->length; i++) {
        char c = e->name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        plain = plain && (letter || (i != 0 && c >= '0' && c <= '9'));
    }
    if (plain)
        return tm_buf_append(out, e->name, e->length);
    int rc = put(out, "\"");
    for (uint32_t i = 0; rc == 0 && i < e->length; i++) {
        if (e->name[i] == '"' || e->name[i] == '\\')
            rc = put(out, "\\");
        if (rc == 0)
            rc = tm_buf_append(out, e->name + i, 1);
    }
    return rc != 0 ? rc : put(out, "\"");
}

// As struct(...); *made: a struct can have these fields.
static int put_struct(struct tm_infer *infer, const struct tm__infer_node *node, int depth,
                      struct tm_buf *out, bool *made)
{
    int rc = put(out, "struct(");
    *made = node->first != NULL;
    for (const struct tm__infer_entry *e = node->first; rc == 0 && *made && e != NULL;
         e = e->next) {
        *made = is_name(e->name, e->length) && ++infer->fields < TM_TYPE_FIELDS_MAX / 2;
        rc = e == node->first ? 0 : put(out, ",");
        rc = rc != 0 ? rc : put_field_name(out, e);
        rc = rc != 0 ? rc : put(out, " ");
        rc = rc != 0 ? rc : put_type(infer, &e->node, depth + 1, out);
    }
    return rc != 0 ? rc : put(out, ")");
}

static int put_object(struct tm_infer *infer, const struct tm__infer_node *node, int depth,
                      struct tm_buf *out)
{
    size_t start = out->size_bytes;
    uint32_t fields = infer->fields;
    bool made = false;
    int rc = has_many_keys(node) ? put_map(infer, node, depth, out, &made) : 0;
    if (rc == 0 && !made) {
        out->size_bytes = start;
        infer->fields = fields;
        rc = put_struct(infer, node, depth, out, &made);
    }
    if (rc == 0 && !made) { // names that no struct can have may still be the keys of a map
        out->size_bytes = start;
        infer->fields = fields;
        rc = node->first == NULL ? 0 : put_map(infer, node, depth, out, &made);
    }
    if (rc != 0 || made)
        return rc;
    out->size_bytes = start;
    return put(out, "any");
}

static int put_type(struct tm_infer *infer, const struct tm__infer_node *node, int depth,
                    struct tm_buf *out)
{
    if (is_empty(node))
        return put(out, scalar_type(infer, node));
    if (only(node, 1 << TM__SHAPE_MAP) && depth < TM_TYPE_DEPTH_MAX - 1)
        return put_object(infer, node, depth, out);
    if (!only(node, 1 << TM__SHAPE_LIST) || depth >= TM_TYPE_DEPTH_MAX - 1)
        return put(out, scalar_type(infer, node));
    int rc = put(out, "list(");
    rc = rc != 0 ? rc : put_type(infer, node->item, depth + 1, out);
    return rc != 0 ? rc : put(out, ")");
}

// --- columns -------------------------------------------------------------------------------------

static const char *note_of(const struct tm_infer *infer, const struct tm__infer_node *node,
                           const char *type)
{
    if (is_empty(node))
        return "null in the whole sample";
    if (strcmp(type, "double") == 0 && !only(node, INTS | 1 << TM__SHAPE_DOUBLE))
        return "whole numbers beyond 2^53 are rounded";
    if (infer->is_text || strcmp(type, "any") != 0)
        return NULL;
    return only(node, 1 << TM__SHAPE_MAP) ? "objects without a common shape"
                                          : "values of several types";
}

static bool is_taken(const struct tm_infer_column *columns, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(columns[i].name, name) == 0)
            return true;
    return false;
}

// A name for a column whose own cannot be one, and that no column has.
static const char *column_name(struct tm_infer *infer, const struct tm__infer_entry *e,
                               const struct tm_infer_column *columns, uint32_t count)
{
    char name[TM_NAME_MAX + 1], free_name[TM_NAME_MAX + 16];
    uint32_t len = 0;
    for (; len < e->length && len < TM_NAME_MAX - 8; len++) {
        unsigned char c = (unsigned char)e->name[len];
        name[len] = c < 0x20 || c == 0x7f || c >= 0x80 || (len == 0 && c == '$') ? '_' : (char)c;
    }
    if (len == 0)
        name[len++] = '_';
    name[len] = 0;
    snprintf(free_name, sizeof free_name, "%s", name);
    for (uint32_t n = 2; is_taken(columns, count, free_name); n++)
        snprintf(free_name, sizeof free_name, "%s_%u", name, n);
    return tm_arena_strndup(&infer->arena, free_name, strlen(free_name));
}

static int make_column(struct tm_infer *infer, const struct tm__infer_entry *e,
                       struct tm_infer_column *columns, uint32_t count)
{
    struct tm_infer_column *c = &columns[count];
    struct tm_buf text;
    tm_buf_init(&text, infer->mem);
    infer->fields = 0;
    int rc = put_type(infer, &e->node, 0, &text);
    *c = (struct tm_infer_column){.name = e->name};
    if (rc == 0) {
        bool good =
            is_name(e->name, e->length) && e->name[0] != '$' && !is_taken(columns, count, e->name);
        c->source = good ? NULL : e->name;
        c->name = good ? e->name : column_name(infer, e, columns, count);
        c->type = tm_arena_strndup(&infer->arena, (const char *)text.data, text.size_bytes);
        rc = c->name == NULL || c->type == NULL ? TM_E_MEMORY : 0;
    }
    if (rc == 0)
        c->note = note_of(infer, &e->node, c->type);
    tm_buf_fini(&text);
    return rc;
}

// Can the options of a source name it?
static bool can_be_named(const struct tm__infer_entry *e)
{
    return e->length == 0 || (e->length <= TM_NAME_MAX && memchr(e->name, 0, e->length) == NULL);
}

int tm_infer_columns(struct tm_infer *infer, const struct tm_infer_column **out, uint32_t *count,
                     struct tm_error *err)
{
    uint32_t wanted = 0;
    int rc = 0;
    *count = 0;
    for (const struct tm__infer_entry *e = infer->root.first; e != NULL; e = e->next)
        wanted += can_be_named(e);
    if (wanted == 0)
        return tm_error_set(err, TM_E_SCHEMA, "its records have no fields");
    if (wanted > TM_FIELDS_MAX)
        return tm_error_set(err, TM_E_SCHEMA,
                            "its records have %u different fields; a schema has at most %d", wanted,
                            TM_FIELDS_MAX);
    struct tm_infer_column *columns = tm_arena_alloc(&infer->arena, wanted * sizeof *columns);
    rc = columns == NULL ? TM_E_MEMORY : 0;
    for (const struct tm__infer_entry *e = infer->root.first; rc == 0 && e != NULL; e = e->next) {
        if (!can_be_named(e))
            continue;
        rc = make_column(infer, e, columns, *count);
        *count += rc == 0;
    }
    *out = columns;
    return rc == 0 ? 0 : tm_error_set(err, rc, "out of memory for a schema");
}
