// Names in the source, defaults, and whole records: options of columns, for every format.
#include "core/format/columns.h"

#include <string.h>

#include "core/base/text.h"
#include "core/format/json_cell.h"

static const char rename_prefix[] = "rename.", default_prefix[] = "default.",
                  whole_name[] = "whole";

static const char *behind(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(name, prefix, len) == 0 ? name + len : NULL;
}

bool tm__columns_is_option(const char *name)
{
    return behind(name, rename_prefix) != NULL || behind(name, default_prefix) != NULL ||
           strcmp(name, whole_name) == 0;
}

int tm__columns_other_options(struct tm_options *own, struct tm_mem *mem,
                              const struct tm_options *options)
{
    int rc = 0;
    tm_options_init(own, mem);
    for (uint32_t i = 0; rc == 0 && options != NULL && i < options->count; i++) {
        const struct tm_option_value *v = &options->values[i];
        if (!tm__columns_is_option(v->name))
            rc = v->type == TM_OPTION_STRING   ? tm_options_set_string(own, v->name, v->text)
                 : v->type == TM_OPTION_BOOL   ? tm_options_set_bool(own, v->name, v->integer != 0)
                 : v->type == TM_OPTION_DOUBLE ? tm_options_set_double(own, v->name, v->number)
                                               : tm_options_set_int(own, v->name, v->integer);
    }
    return rc;
}

// The visible column of this name.
static int find(const struct tm_schema *schema, const char *option, const char *name,
                uint32_t *field, struct tm_error *err)
{
    int32_t at = tm_schema_find(schema, name, strlen(name));
    if (at >= 0 && (schema->fields[at].flags & TM_FIELD_HIDDEN) == 0) {
        *field = (uint32_t)at;
        return 0;
    }
    const char *names[TM_FIELDS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < schema->field_count; i++)
        if ((schema->fields[i].flags & TM_FIELD_HIDDEN) == 0)
            names[count++] = schema->fields[i].name;
    const char *near = tm_text_nearest(name, names, count);
    tm_error_set(err, TM_E_OPTION, "%s: there is no column \"%s\"", option, name);
    if (near != NULL)
        tm_error_hint(err, "did you mean \"%s\"?", near);
    return TM_E_OPTION;
}

int tm__columns_whole(const struct tm_schema *schema, const struct tm_options *options,
                      int32_t *whole, struct tm_error *err)
{
    uint32_t field = 0, visible = 0;
    const char *name = options == NULL ? NULL : tm_options_text(options, whole_name);
    *whole = -1;
    if (name == NULL)
        return 0;
    int rc = find(schema, whole_name, name, &field, err);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < schema->field_count; i++)
        visible += (schema->fields[i].flags & TM_FIELD_HIDDEN) == 0;
    if (schema->fields[field].type.kind != TM_TYPE_ANY || visible != 1)
        return tm_error_set(err, TM_E_OPTION,
                            "whole: column %s must be of type any, and the only one", name);
    *whole = (int32_t)field;
    return 0;
}

static int set_name(struct tm__columns *c, const char *column, const char *name,
                    struct tm_error *err)
{
    uint32_t field = 0;
    int rc = find(c->schema, "rename", column, &field, err);
    if (rc != 0)
        return rc;
    if (strlen(name) > TM_NAME_MAX)
        return tm_error_set(err, TM_E_OPTION,
                            "rename: the name of column %s has %zu bytes, at most %d are allowed",
                            column, strlen(name), TM_NAME_MAX);
    c->names[field] = name;
    return 0;
}

static int check_names(const struct tm__columns *c, struct tm_error *err)
{
    for (uint32_t i = 0; i < c->schema->field_count; i++) {
        if (c->names[i] == c->schema->fields[i].name)
            continue;
        for (uint32_t k = 0; k < c->schema->field_count; k++)
            if (k != i && strcmp(c->names[i], c->names[k]) == 0)
                return tm_error_set(
                    err, TM_E_OPTION, "rename: columns %s and %s are both \"%s\" in the source",
                    c->schema->fields[k].name, c->schema->fields[i].name, c->names[i]);
    }
    return 0;
}

// --- defaults ------------------------------------------------------------------------------------

// The row of defaults while it is made.
struct maker {
    struct tm__json_cell cell;
    struct tm_batch *batch;
    uint8_t *row, *heap;
};

static int set_default(struct tm__columns *c, struct maker *m, const char *column, const char *text,
                       struct tm_error *err)
{
    uint32_t field = 0;
    int rc = find(c->schema, "default", column, &field, err);
    if (rc != 0)
        return rc;
    if (!tm_text_is_utf8(text, strlen(text)))
        return tm_error_set(err, TM_E_OPTION, "default of column %s: it is not UTF-8", column);
    rc = tm__json_cell_read(&m->cell, m->batch, field, (const uint8_t *)text, strlen(text), 16,
                            &m->row, &m->heap);
    if (rc < 0) {
        char message[TM__FAIL_PATH + TM__FAIL_TEXT];
        m->cell.d.fail.bare = true; // the column is named already
        tm__json_fail_text(&m->cell.d.fail, message, sizeof message);
        tm_error_set(err, rc == TM_E_MEMORY ? rc : TM_E_OPTION, "default of column %s: %s", column,
                     message + strspn(message, ": "));
        tm_error_hint(
            err,
            "a default is a value of the column's type: default = 5, \"text\", true, { 1, 2 }");
        return rc == TM_E_MEMORY ? rc : TM_E_OPTION;
    }
    if (rc == TM__VALUE_OK)
        c->defaulted[field >> 6] |= UINT64_C(1) << (field & 63);
    return 0;
}

static int make_defaults(struct tm__columns *c, struct maker *m, const uint64_t *used,
                         const struct tm_options *options, struct tm_error *err)
{
    const struct tm_schema *schema = c->schema;
    int rc = 0;
    bool any = false;
    m->row = m->batch->data;
    m->heap = m->row + schema->fixed_bytes;
    memset(m->row, 0, schema->fixed_bytes);
    for (uint32_t i = 0; rc == 0 && i < options->count; i++) {
        const char *column = behind(options->values[i].name, default_prefix);
        if (column == NULL)
            continue;
        rc = options->values[i].type == TM_OPTION_STRING
                 ? set_default(c, m, column, options->values[i].text, err)
                 : tm_error_set(err, TM_E_OPTION, "default of column %s: it must be JSON text",
                                column);
    }
    for (uint32_t i = 0; used != NULL && i < schema->null_words; i++)
        c->defaulted[i] &= used[i];
    for (uint32_t i = 0; i < schema->null_words; i++)
        any = any || c->defaulted[i] != 0;
    if (rc != 0 || !any)
        return rc;
    c->defaults_bytes = (size_t)(m->heap - m->row);
    c->defaults = tm_mem_alloc(c->mem, c->defaults_bytes);
    if (c->defaults == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the defaults of columns");
    memcpy(c->defaults, m->row, c->defaults_bytes);
    c->room = c->defaults_bytes + 8 * (size_t)schema->field_count;
    return 0;
}

static int init_defaults(struct tm__columns *c, const uint64_t *used,
                         const struct tm_options *options, struct tm_error *err)
{
    struct maker m = {.batch = NULL};
    struct tm_batch_pool *pool = tm_batch_pool_new(c->mem);
    int rc = tm__json_cell_init(&m.cell, c->mem, c->schema, c->names, NULL);
    if (pool != NULL)
        m.batch = tm_batch_acquire(pool, c->schema);
    if (rc == 0 && m.batch != NULL && tm_batch_reserve(m.batch, c->schema->fixed_bytes + 64) == 0)
        rc = make_defaults(c, &m, used, options, err);
    else
        rc = tm_error_set(err, TM_E_MEMORY, "out of memory for the defaults of columns");
    tm_batch_release(m.batch);
    if (pool != NULL)
        tm_batch_pool_free(pool);
    tm__json_cell_fini(&m.cell);
    return rc;
}

uint8_t *tm__columns_fill(const struct tm__columns *c, uint8_t *row, uint8_t *heap,
                          uint64_t *present)
{
    for (uint32_t word = 0; word < c->schema->null_words; word++) {
        uint64_t missing = c->defaulted[word] & ~present[word];
        present[word] |= missing;
        for (; missing != 0; missing &= missing - 1) {
            const struct tm_field *field =
                &c->schema->fields[word * 64 + (uint32_t)__builtin_ctzll(missing)];
            struct tm_ref ref;
            memcpy(row + field->offset, c->defaults + field->offset,
                   tm_type_slot_bytes(field->type));
            if (!tm_type_is_reference(field->type))
                continue;
            memcpy(&ref, c->defaults + field->offset, sizeof ref);
            while (tm_type_is_nested(field->type) && (heap - row) % 8 != 0)
                *heap++ = 0;
            memcpy(heap, c->defaults + ref.offset, ref.length);
            ref.offset = (uint32_t)(heap - row);
            memcpy(row + field->offset, &ref, sizeof ref);
            heap += ref.length;
        }
    }
    return heap;
}

// --- all -----------------------------------------------------------------------------------------

int tm__columns_init(struct tm__columns *c, struct tm_mem *mem, struct tm_schema *schema,
                     const uint64_t *used, const struct tm_options *options, struct tm_error *err)
{
    bool has_defaults = false;
    *c = (struct tm__columns){.mem = mem, .schema = schema, .whole = -1};
    c->names = tm_mem_alloc(mem, schema->field_count * sizeof *c->names);
    if (c->names == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the names of columns");
    for (uint32_t i = 0; i < schema->field_count; i++)
        c->names[i] = schema->fields[i].name;
    int rc = tm__columns_whole(schema, options, &c->whole, err);
    for (uint32_t i = 0; rc == 0 && options != NULL && i < options->count; i++) {
        const struct tm_option_value *v = &options->values[i];
        const char *column = behind(v->name, rename_prefix);
        has_defaults = has_defaults || behind(v->name, default_prefix) != NULL;
        if (column == NULL)
            continue;
        rc = v->type == TM_OPTION_STRING
                 ? set_name(c, column, v->text, err)
                 : tm_error_set(err, TM_E_OPTION, "rename of column %s: it must be a name", column);
    }
    if (rc == 0)
        rc = check_names(c, err);
    return rc == 0 && has_defaults ? init_defaults(c, used, options, err) : rc;
}

void tm__columns_fini(struct tm__columns *c)
{
    if (c->mem == NULL)
        return;
    tm_mem_free(c->mem, c->names, c->schema->field_count * sizeof *c->names);
    tm_mem_free(c->mem, c->defaults, c->defaults_bytes);
}
