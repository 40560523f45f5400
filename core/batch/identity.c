// Identities of rows: the canonical bytes of some columns, nested ones too. Unlike a key an
// identity may hold nulls, and is read back for people only (identity_json.c): equal values have
// equal bytes and others have not, which is all there is to it. A value is its length or count
// where these can differ, then its parts in order; what can be null has a byte in front that says
// whether it is there.
#include "core/batch/key.h"
#include "core/batch/nested.h"

static int put_value(struct tm_buf *out, struct tm_type type, struct tm_slot slot);

static int put_optional(struct tm_buf *out, bool is_null, struct tm_type type, struct tm_slot slot)
{
    uint8_t present = !is_null;
    int rc = tm_buf_append(out, &present, 1);
    return rc == 0 && present ? put_value(out, type, slot) : rc;
}

static int put_row(struct tm_buf *out, const struct tm_schema *schema, const struct tm_row *row)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < schema->field_count; i++)
        rc = put_optional(out, tm_row_is_null(row, i), schema->fields[i].type,
                          tm_slot_of_row(row, schema->fields[i].offset));
    return rc;
}

static int put_list(struct tm_buf *out, struct tm_type item, const struct tm_list *list)
{
    int rc = tm_buf_append(out, &list->count, sizeof list->count);
    for (uint32_t i = 0; rc == 0 && i < list->count; i++)
        rc = put_optional(out, tm_list_is_null(list, i), item, tm_list_item(list, item, i));
    return rc;
}

static int put_map(struct tm_buf *out, const struct tm_schema *of, const struct tm_map *map)
{
    struct tm_type key = of->fields[0].type, value = of->fields[1].type;
    int rc = tm_buf_append(out, &map->count, sizeof map->count);
    for (uint32_t i = 0; rc == 0 && i < map->count; i++) {
        rc = put_value(out, key, tm_map_key(map, i));
        if (rc == 0)
            rc = put_optional(out, tm_map_is_null(map, i), value, tm_map_value(map, value, i));
    }
    return rc;
}

static int put_double(struct tm_buf *out, double value)
{
    static const uint64_t nan = 0x7ff8000000000000;
    value = value == 0 ? 0 : value; // -0.0 equals 0.0
    return tm_buf_append(out, value != value ? (const void *)&nan : &value, sizeof value);
}

static int put_value(struct tm_buf *out, struct tm_type type, struct tm_slot slot)
{
    uint32_t len;
    switch (type.kind) {
    case TM_TYPE_DOUBLE:
        return put_double(out, tm_slot_double(slot));
    case TM_TYPE_LIST:
        return put_list(out, type.of->fields[0].type, tm_slot_list(slot));
    case TM_TYPE_MAP:
        return put_map(out, type.of, tm_slot_map(slot));
    case TM_TYPE_STRUCT:
        return put_row(out, type.of, tm_slot_struct(slot));
    default:
        break;
    }
    if (!tm_type_is_reference(type))
        return tm_buf_append(out, slot.at, tm_type_slot_bytes(type));
    const uint8_t *bytes = tm_slot_bytes(slot, &len);
    int rc = tm_buf_append(out, &len, sizeof len);
    return rc == 0 ? tm_buf_append(out, bytes, len) : rc;
}

int tm_key_identity(const struct tm_schema *schema, const uint32_t *fields, uint32_t count,
                    const struct tm_row *row, struct tm_buf *out)
{
    size_t start = out->size_bytes;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        const struct tm_field *field = &schema->fields[fields[i]];
        rc = put_optional(out, tm_row_is_null(row, fields[i]), field->type,
                          tm_slot_of_row(row, field->offset));
    }
    return rc == 0 && out->size_bytes - start > UINT32_MAX ? TM_E_LIMIT : rc;
}
