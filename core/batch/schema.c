// Schemas: the layout of a row is decided here and nowhere else.
#include "core/batch/schema.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/base/text.h"

enum { ROW_HEADER_BYTES = 8, FIELD_FLAGS = TM_FIELD_REQUIRED | TM_FIELD_HIDDEN };

// Does what the type holds fit its kind?
static bool fits_kind(struct tm_type type)
{
    const struct tm_schema *of = type.of;
    if (!tm_type_is_nested(type))
        return of == NULL;
    if (of == NULL || of->time_field >= 0)
        return false;
    if (type.kind == TM_TYPE_STRUCT)
        return true;
    if (type.kind == TM_TYPE_LIST)
        return of->field_count == 1;
    uint8_t key = of->fields[0].type.kind;
    return of->field_count == 2 && (of->fields[0].flags & TM_FIELD_REQUIRED) != 0 &&
           (key == TM_TYPE_STRING || key == TM_TYPE_INT || key == TM_TYPE_INT64);
}

static int check_def(const struct tm_field_def *defs, uint32_t i, struct tm_error *err)
{
    char buf[TM_TYPE_TEXT];
    const struct tm_field_def *def = &defs[i];
    size_t len = strnlen(def->name, TM_NAME_MAX + 1);
    if (len == 0)
        return tm_error_set(err, TM_E_SCHEMA, "column %u has an empty name", i + 1);
    if (len > TM_NAME_MAX)
        return tm_error_set(err, TM_E_SCHEMA,
                            "the name of column %u, \"%.32s...\", is longer than %d bytes", i + 1,
                            def->name, TM_NAME_MAX);
    if (!tm_text_is_utf8(def->name, len))
        return tm_error_set(err, TM_E_SCHEMA, "the name of column %u is not valid UTF-8", i + 1);
    if (def->type.kind == TM_TYPE_UNKNOWN || def->type.kind > TM_TYPE_ANY || !fits_kind(def->type))
        return tm_error_set(err, TM_E_SCHEMA, "column \"%s\" has type %s, which no row can hold",
                            def->name, tm_type_text(def->type, buf));
    bool decimal = def->type.kind == TM_TYPE_DECIMAL;
    if (decimal ? def->type.precision < 1 || def->type.precision > TM_DECIMAL_DIGITS ||
                      def->type.scale > def->type.precision
                : def->type.precision != 0 || def->type.scale != 0)
        return tm_error_set(err, TM_E_SCHEMA, "column \"%s\" has an impossible type %s", def->name,
                            tm_type_text(def->type, buf));
    if ((def->flags & ~(uint32_t)FIELD_FLAGS) != 0)
        return tm_error_set(err, TM_E_SCHEMA, "column \"%s\" has unknown flags", def->name);
    return 0;
}

static int check_levels(const struct tm_field_def *defs, uint32_t count, struct tm_error *err)
{
    uint32_t all = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct tm_schema *of = defs[i].type.of;
        all += of != NULL ? of->all_fields : 0;
        if (of != NULL && of->depth + 1 > TM_TYPE_DEPTH_MAX)
            return tm_error_set(err, TM_E_SCHEMA, "column \"%s\" is more than %d levels deep",
                                defs[i].name, TM_TYPE_DEPTH_MAX);
        if (all > TM_TYPE_FIELDS_MAX)
            return tm_error_set(err, TM_E_SCHEMA,
                                "more than %d fields on all levels, at column "
                                "\"%s\"",
                                TM_TYPE_FIELDS_MAX, defs[i].name);
    }
    return 0;
}

// Names are few and schemas are made once: the hash only spares the comparison of bytes.
static int check_names(const struct tm_field_def *defs, uint32_t count, struct tm_error *err)
{
    uint64_t hashes[TM_FIELDS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = tm_hash_bytes(defs[i].name, strlen(defs[i].name));
        for (uint32_t k = 0; k < i; k++) {
            if (hashes[k] == hashes[i] && strcmp(defs[k].name, defs[i].name) == 0)
                return tm_error_set(err, TM_E_SCHEMA, "two columns (%u and %u) are named \"%s\"",
                                    k + 1, i + 1, defs[i].name);
        }
    }
    return 0;
}

static int check_defs(const struct tm_field_def *defs, uint32_t count, int32_t time_field,
                      struct tm_error *err)
{
    if (count == 0)
        return tm_error_set(err, TM_E_SCHEMA, "a schema has at least one column");
    if (count > TM_FIELDS_MAX)
        return tm_error_set(err, TM_E_SCHEMA, "%u columns; a schema has at most %d", count,
                            TM_FIELDS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        int rc = check_def(defs, i, err);
        if (rc != 0)
            return rc;
    }
    int rc = check_levels(defs, count, err);
    if (rc != 0)
        return rc;
    if (time_field < -1 || (time_field >= 0 && (uint32_t)time_field >= count))
        return tm_error_set(err, TM_E_SCHEMA, "the time column's index %d is outside the schema",
                            time_field);
    if (time_field >= 0 && defs[time_field].type.kind != TM_TYPE_TIMESTAMP)
        return tm_error_set(err, TM_E_SCHEMA, "the time column \"%s\" is not a timestamp",
                            defs[time_field].name);
    return check_names(defs, count, err);
}

static size_t names_bytes(const struct tm_field_def *defs, uint32_t count)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += strlen(defs[i].name) + 1;
    return bytes;
}

// Chained over the columns, so that order counts. In the wire form: it never changes.
static uint64_t fingerprint_of(const struct tm_schema *schema)
{
    uint64_t h = (uint64_t)(uint32_t)schema->time_field;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        const struct tm_schema *of = field->type.of;
        uint64_t link[4] = {h, tm_hash_bytes(field->name, strlen(field->name)),
                            (uint64_t)field->flags << 32 | (uint64_t)field->type.scale << 16 |
                                (uint64_t)field->type.precision << 8 | field->type.kind,
                            of != NULL ? of->fingerprint : 0};
        h = tm_hash_bytes(link, of != NULL ? sizeof link : 3 * sizeof link[0]);
    }
    if (schema->changelog)
        h = ~h;
    return h;
}

int tm_schema_new(struct tm_mem *mem, const struct tm_field_def *defs, uint32_t count,
                  int32_t time_field, struct tm_schema **schema, struct tm_error *err)
{
    int rc = check_defs(defs, count, time_field, err);
    if (rc != 0)
        return rc;
    size_t head = sizeof(struct tm_schema) + count * sizeof(struct tm_field);
    struct tm_schema *s = tm_mem_alloc(mem, head + names_bytes(defs, count));
    if (s == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a schema of %u columns", count);
    atomic_init(&s->refs, 1);
    s->mem = mem;
    s->field_count = count;
    s->null_words = (count + 63) / 64;
    s->has_references = false;
    s->all_fields = count;
    s->depth = 0;
    s->changelog = false;
    s->time_field = time_field;
    char *name = (char *)s + head;
    uint32_t offset = ROW_HEADER_BYTES + s->null_words * 8;
    for (uint32_t i = 0; i < count; i++) {
        size_t len = strlen(defs[i].name) + 1;
        memcpy(name, defs[i].name, len);
        s->fields[i] = (struct tm_field){name, defs[i].type, defs[i].flags, offset};
        struct tm_schema *of = defs[i].type.of;
        if (of != NULL) {
            tm_schema_ref(of);
            s->all_fields += of->all_fields;
            s->depth = of->depth + 1 > s->depth ? of->depth + 1 : s->depth;
        }
        name += len;
        offset += tm_type_slot_bytes(defs[i].type);
        if (tm_type_is_reference(defs[i].type))
            s->has_references = true;
    }
    s->fixed_bytes = offset;
    s->fingerprint = fingerprint_of(s);
    *schema = s;
    return 0;
}

void tm_schema_set_changelog(struct tm_schema *schema)
{
    schema->changelog = true;
    schema->fingerprint = fingerprint_of(schema);
}

struct tm_schema *tm_schema_ref(struct tm_schema *schema)
{
    // relaxed: whoever copies a reference already holds one
    atomic_fetch_add_explicit(&schema->refs, 1, memory_order_relaxed);
    return schema;
}

void tm_schema_unref(struct tm_schema *schema)
{
    // release pairs with the acquire of the thread that frees: its frees come after all uses
    if (schema == NULL || atomic_fetch_sub_explicit(&schema->refs, 1, memory_order_acq_rel) != 1)
        return;
    size_t size = sizeof(struct tm_schema) + schema->field_count * sizeof(struct tm_field);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        size += strlen(schema->fields[i].name) + 1;
        tm_schema_unref(schema->fields[i].type.of); // as deep as types are nested
    }
    tm_mem_free(schema->mem, schema, size);
}

int32_t tm_schema_find(const struct tm_schema *schema, const char *name, size_t len)
{
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const char *field = schema->fields[i].name;
        if (strlen(field) == len && memcmp(field, name, len) == 0)
            return (int32_t)i;
    }
    return -1;
}

bool tm_schema_equal(const struct tm_schema *a, const struct tm_schema *b)
{
    if (a == b)
        return true;
    if (a->fingerprint != b->fingerprint || a->field_count != b->field_count ||
        a->time_field != b->time_field || a->changelog != b->changelog)
        return false;
    for (uint32_t i = 0; i < a->field_count; i++) {
        if (!tm_type_equal(a->fields[i].type, b->fields[i].type) ||
            a->fields[i].flags != b->fields[i].flags ||
            strcmp(a->fields[i].name, b->fields[i].name) != 0)
            return false;
    }
    return true;
}

bool tm_schema_same_rows(const struct tm_schema *a, const struct tm_schema *b)
{
    if (a == b)
        return true;
    bool same = a->field_count == b->field_count;
    for (uint32_t i = 0; same && i < a->field_count; i++)
        same = tm_type_equal(a->fields[i].type, b->fields[i].type);
    return same;
}
