// See value.h. The new value is written as the only column of a row; its bytes are what that column
// refers to.
#include "core/checkpoint/value.h"

#include <stdio.h>

#include "core/batch/nest.h"
#include "core/batch/nested.h"
#include "core/batch/wire.h"

struct tm_value_change {
    struct tm_mem *mem;
    struct tm_type from, to;  // own their references
    struct tm_schema *schema; // of the row
    struct tm_batch_pool *pool;
    struct tm_batch *batch;
    struct tm_nest nest;
    struct tm_buf aligned; // the old value
};

// --- can it be? ----------------------------------------------------------------------------------

static int cannot(struct tm_type from, struct tm_type to, const char *where, struct tm_error *err)
{
    char a[TM_TYPE_TEXT], b[TM_TYPE_TEXT];
    return tm_error_set(err, TM_E_STATE_TYPE, "%s%stype %s is no type %s", where,
                        where[0] == '\0' ? "" : ": ", tm_type_text(from, a), tm_type_text(to, b));
}

static int check(struct tm_type from, struct tm_type to, const char *where, struct tm_error *err);

// Fields by their names; a new one may be nothing, so it may not be one that must be there.
static int check_struct(struct tm_type from, struct tm_type to, const char *where,
                        struct tm_error *err)
{
    for (uint32_t i = 0; i < to.of->field_count; i++) {
        const struct tm_field *field = &to.of->fields[i];
        int32_t old = tm_schema_find(from.of, field->name, strlen(field->name));
        char path[512];
        snprintf(path, sizeof path, "%.200s%s%.250s", where, where[0] == '\0' ? "" : ".",
                 field->name);
        bool may_be_null = old < 0 || (from.of->fields[old].flags & TM_FIELD_REQUIRED) == 0;
        if ((field->flags & TM_FIELD_REQUIRED) != 0 && may_be_null)
            return tm_error_set(err, TM_E_STATE_TYPE, "%s is required, and %s in the checkpoint",
                                path, old < 0 ? "it is not there" : "may be null");
        int rc = old < 0 ? 0 : check(from.of->fields[old].type, field->type, path, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int check(struct tm_type from, struct tm_type to, const char *where, struct tm_error *err)
{
    if (tm_type_equal(from, to))
        return 0;
    bool same = from.kind == to.kind;
    if ((from.kind == TM_TYPE_INT && (to.kind == TM_TYPE_INT64 || to.kind == TM_TYPE_DOUBLE)) ||
        (from.kind == TM_TYPE_STRING && to.kind == TM_TYPE_BYTES) ||
        (same && from.kind == TM_TYPE_DECIMAL && from.scale == to.scale &&
         from.precision <= to.precision))
        return 0;
    if (same && from.kind == TM_TYPE_STRUCT)
        return check_struct(from, to, where, err);
    if (same && from.kind == TM_TYPE_LIST) {
        bool needs = (to.of->fields[0].flags & ~from.of->fields[0].flags & TM_FIELD_REQUIRED) != 0;
        return needs ? cannot(from, to, where, err)
                     : check(from.of->fields[0].type, to.of->fields[0].type, where, err);
    }
    if (same && from.kind == TM_TYPE_MAP) {
        bool needs = (to.of->fields[1].flags & ~from.of->fields[1].flags & TM_FIELD_REQUIRED) != 0;
        bool keys = tm_type_equal(from.of->fields[0].type, to.of->fields[0].type);
        return needs || !keys ? cannot(from, to, where, err)
                              : check(from.of->fields[1].type, to.of->fields[1].type, where, err);
    }
    return cannot(from, to, where, err);
}

// Are the bytes of the one those of the other?
static bool same_bytes(struct tm_type from, struct tm_type to)
{
    return tm_type_equal(from, to) ||
           (!tm_type_is_nested(from) && from.kind != TM_TYPE_ANY && to.kind != TM_TYPE_DOUBLE);
}

// --- writing -------------------------------------------------------------------------------------

static int put(struct tm_nest *n, uint32_t field, struct tm_type from, struct tm_type to,
               struct tm_slot slot);

static int put_struct(struct tm_nest *n, struct tm_type from, struct tm_type to,
                      const struct tm_row *row)
{
    int rc = 0;
    for (uint32_t i = 0; i < to.of->field_count && rc == 0; i++) {
        const char *name = to.of->fields[i].name;
        int32_t old = tm_schema_find(from.of, name, strlen(name));
        if (old < 0 || tm_row_is_null(row, (uint32_t)old))
            continue; // what is not put is null
        rc = put(n, i, from.of->fields[old].type, to.of->fields[i].type,
                 tm_slot_of_row(row, from.of->fields[old].offset));
    }
    return rc;
}

static int put_list(struct tm_nest *n, struct tm_type from, struct tm_type to,
                    const struct tm_list *list)
{
    struct tm_type item = from.of->fields[0].type;
    int rc = 0;
    for (uint32_t i = 0; i < list->count && rc == 0; i++)
        rc = tm_list_is_null(list, i)
                 ? tm_nest_put_null(n, 0)
                 : put(n, 0, item, to.of->fields[0].type, tm_list_item(list, item, i));
    return rc;
}

static int put_map(struct tm_nest *n, struct tm_type from, struct tm_type to,
                   const struct tm_map *map)
{
    struct tm_type key = from.of->fields[0].type, value = from.of->fields[1].type;
    int rc = 0;
    for (uint32_t i = 0; i < map->count && rc == 0; i++) {
        rc = put(n, 0, key, key, tm_map_key(map, i));
        if (rc == 0)
            rc = tm_map_is_null(map, i)
                     ? tm_nest_put_null(n, 1)
                     : put(n, 1, value, to.of->fields[1].type, tm_map_value(map, value, i));
    }
    return rc;
}

static int put_nested(struct tm_nest *n, uint32_t field, struct tm_type from, struct tm_type to,
                      const void *value)
{
    int rc = tm_nest_open(n, to);
    if (rc != 0)
        return rc;
    rc = from.kind == TM_TYPE_STRUCT ? put_struct(n, from, to, value)
         : from.kind == TM_TYPE_LIST ? put_list(n, from, to, value)
                                     : put_map(n, from, to, value);
    return rc == 0 ? tm_nest_close(n, field) : rc;
}

static uint64_t word_of(struct tm_type from, struct tm_type to, struct tm_slot slot)
{
    uint64_t word;
    memcpy(&word, slot.at, sizeof word);
    if (from.kind == TM_TYPE_INT && to.kind == TM_TYPE_DOUBLE) {
        double number = (double)(int64_t)word; // of type int: exact
        memcpy(&word, &number, sizeof word);
    }
    return word;
}

// A value that stands in another one.
static int put(struct tm_nest *n, uint32_t field, struct tm_type from, struct tm_type to,
               struct tm_slot slot)
{
    uint32_t length;
    if (!tm_type_is_reference(from))
        return from.kind == TM_TYPE_DECIMAL ? tm_nest_put_decimal(n, field, tm_slot_decimal(slot))
                                            : tm_nest_put_word(n, field, word_of(from, to, slot));
    const uint8_t *bytes = tm_slot_bytes(slot, &length);
    if (tm_type_equal(from, to))
        return tm_nest_put_copy(n, field, to, bytes, length);
    return tm_type_is_nested(from) ? put_nested(n, field, from, to, bytes)
                                   : tm_nest_put_bytes(n, field, bytes, length);
}

// --- a change ------------------------------------------------------------------------------------

void tm_value_change_free(struct tm_value_change *change)
{
    if (change == NULL)
        return;
    tm_nest_fini(&change->nest);
    tm_buf_fini(&change->aligned);
    tm_batch_release(change->batch);
    if (change->pool != NULL)
        tm_batch_pool_free(change->pool);
    tm_schema_unref(change->schema);
    tm_type_fini(&change->from);
    tm_type_fini(&change->to);
    tm_mem_free(change->mem, change, sizeof *change);
}

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for a conversion of state");
}

static int make_row(struct tm_value_change *change, struct tm_error *err)
{
    const struct tm_field_def def = {.name = "value", .type = change->to};
    int rc = tm_schema_new(change->mem, &def, 1, -1, &change->schema, err);
    if (rc != 0)
        return rc;
    change->pool = tm_batch_pool_new(change->mem);
    change->batch = change->pool == NULL ? NULL : tm_batch_acquire(change->pool, change->schema);
    return change->batch == NULL ? no_memory(err) : 0;
}

int tm_value_change_new(struct tm_mem *mem, const char *from, const char *to,
                        struct tm_value_change **change, struct tm_error *err)
{
    *change = NULL;
    if (strcmp(from, to) == 0)
        return 0;
    struct tm_value_change *new = tm_mem_zalloc(mem, sizeof *new);
    if (new == NULL)
        return no_memory(err);
    new->mem = mem;
    tm_nest_init(&new->nest, mem);
    tm_buf_init(&new->aligned, mem);
    int rc = tm_type_parse(mem, from, &new->from, err);
    if (rc == 0)
        rc = tm_type_parse(mem, to, &new->to, err);
    if (rc == TM_E_TYPE) // a text that is no type, or was too long to be kept
        rc = tm_error_set(err, TM_E_STATE_TYPE, "type %s is no type %s", from, to);
    if (rc == 0)
        rc = check(new->from, new->to, "", err);
    bool same = rc == 0 && same_bytes(new->from, new->to);
    if (rc == 0 && !same)
        rc = make_row(new, err);
    if (rc == 0 && !same)
        *change = new;
    else
        tm_value_change_free(new);
    return rc;
}

static int failed(int rc, struct tm_error *err)
{
    return tm_error_set(err, rc,
                        rc == TM_E_MEMORY ? "out of memory for a conversion of state"
                                          : "a value becomes too large");
}

int tm_value_change_apply(struct tm_value_change *change, const void *bytes, uint32_t length,
                          const void **changed, uint32_t *changed_length, struct tm_error *err)
{
    const struct tm_field field = {.name = "value", .type = change->from};
    struct tm_builder builder;
    change->aligned.size_bytes = 0;
    if (tm_buf_append(&change->aligned, bytes, length) != 0)
        return no_memory(err);
    const uint8_t *from = change->aligned.data;
    if (tm_wire_check_value(&field, from, length, err) != 0)
        return tm_error_set(err, TM_E_CHECKPOINT, "a value is not of its type");
    struct tm_batch *batch = change->batch;
    batch->row_count = 0;
    batch->size_bytes = 0;
    int rc = tm_builder_begin(&builder, batch);
    if (rc != 0)
        return failed(rc, err);
    if (!tm_type_is_nested(change->from)) {
        uint64_t word = word_of(change->from, change->to, (struct tm_slot){from, from});
        tm_builder_put_int(&builder, 0, (int64_t)word);
    } else {
        tm_nest_begin(&change->nest, &builder);
        rc = put_nested(&change->nest, 0, change->from, change->to, from);
    }
    rc = rc == 0 ? tm_builder_end(&builder) : rc;
    if (rc != 0)
        return failed(rc, err);
    const struct tm_row *row = tm_batch_first(batch);
    struct tm_slot slot = tm_slot_of_row(row, change->schema->fields[0].offset);
    *changed = slot.at;
    *changed_length = tm_type_slot_bytes(change->to);
    if (tm_type_is_reference(change->to))
        *changed = tm_slot_bytes(slot, changed_length);
    return 0;
}
