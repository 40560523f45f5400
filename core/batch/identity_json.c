// Identities of rows (identity.c) as JSON: what stands there is read in the order in which it was
// put.
#include "core/batch/json_value.h"
#include "core/batch/key.h"

static int put(struct tm_buf *out, const char *text)
{
    return tm_buf_append(out, text, strlen(text));
}

static uint32_t take_count(const uint8_t **p)
{
    uint32_t count;
    memcpy(&count, *p, sizeof count);
    *p += sizeof count;
    return count;
}

static int put_value(struct tm_buf *out, struct tm_type type, const uint8_t **p);

static int put_optional(struct tm_buf *out, struct tm_type type, const uint8_t **p)
{
    return *(*p)++ == 0 ? put(out, "null") : put_value(out, type, p);
}

static int put_row(struct tm_buf *out, const struct tm_schema *of, const uint8_t **p)
{
    int rc = put(out, "{");
    for (uint32_t i = 0; rc == 0 && i < of->field_count; i++) {
        const char *name = of->fields[i].name;
        rc = i == 0 ? 0 : put(out, ",");
        rc = rc == 0 ? tm_json_put_text(out, name, strlen(name)) : rc;
        rc = rc == 0 ? put(out, ":") : rc;
        rc = rc == 0 ? put_optional(out, of->fields[i].type, p) : rc;
    }
    return rc == 0 ? put(out, "}") : rc;
}

static int put_list(struct tm_buf *out, struct tm_type item, const uint8_t **p)
{
    uint32_t count = take_count(p);
    int rc = put(out, "[");
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        rc = i == 0 ? 0 : put(out, ",");
        rc = rc == 0 ? put_optional(out, item, p) : rc;
    }
    return rc == 0 ? put(out, "]") : rc;
}

static int put_map(struct tm_buf *out, const struct tm_schema *of, const uint8_t **p)
{
    bool object = of->fields[0].type.kind == TM_TYPE_STRING;
    uint32_t count = take_count(p);
    int rc = put(out, object ? "{" : "[");
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        rc = i == 0 ? 0 : put(out, ",");
        rc = rc == 0 && !object ? put(out, "[") : rc;
        rc = rc == 0 ? put_value(out, of->fields[0].type, p) : rc;
        rc = rc == 0 ? put(out, object ? ":" : ",") : rc;
        rc = rc == 0 ? put_optional(out, of->fields[1].type, p) : rc;
        rc = rc == 0 && !object ? put(out, "]") : rc;
    }
    return rc == 0 ? put(out, object ? "}" : "]") : rc;
}

static int put_value(struct tm_buf *out, struct tm_type type, const uint8_t **p)
{
    struct tm_ref ref = {.offset = 0};
    struct tm_slot slot;
    if (type.kind == TM_TYPE_LIST)
        return put_list(out, type.of->fields[0].type, p);
    if (type.kind == TM_TYPE_MAP)
        return put_map(out, type.of, p);
    if (type.kind == TM_TYPE_STRUCT)
        return put_row(out, type.of, p);
    if (tm_type_is_reference(type)) {
        ref.length = take_count(p);
        slot = (struct tm_slot){*p, (const uint8_t *)&ref};
        *p += ref.length;
    } else {
        slot = (struct tm_slot){*p, *p};
        *p += tm_type_slot_bytes(type);
    }
    return tm_json_put_value(out, type, slot);
}

int tm_json_put_identity(struct tm_buf *out, const struct tm_schema *schema, const uint32_t *fields,
                         uint32_t count, const uint8_t *bytes)
{
    int rc = put(out, "{");
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        const struct tm_field *field = &schema->fields[fields[i]];
        rc = i == 0 ? 0 : put(out, ",");
        rc = rc == 0 ? tm_json_put_text(out, field->name, strlen(field->name)) : rc;
        rc = rc == 0 ? put(out, ":") : rc;
        rc = rc == 0 ? put_optional(out, field->type, &bytes) : rc;
    }
    return rc == 0 ? put(out, "}") : rc;
}
