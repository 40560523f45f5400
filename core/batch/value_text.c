// Values as text, one kind of type after the other.
#include "core/batch/value_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/batch/any.h"
#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"

static int put(struct tm_buf *out, const char *text)
{
    return tm__value_put_plain(out, text);
}

// In front of item i.
static int put_comma(struct tm_buf *out, const struct tm__value_style *style, uint32_t i)
{
    return i == 0 ? 0 : put(out, style->comma);
}

// The shortest text that reads back as the same value.
static int put_double(struct tm_buf *out, const struct tm__value_style *style, double value)
{
    char text[40];
    if (style->not_finite != NULL && !isfinite(value))
        return put(out, style->not_finite);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return put(out, text);
}

// --- any -----------------------------------------------------------------------------------------

static int put_any(struct tm_buf *out, const struct tm__value_style *style, const uint8_t **p,
                   const uint8_t *end);

static int put_any_items(struct tm_buf *out, const struct tm__value_style *style, uint32_t count,
                         const uint8_t **p, const uint8_t *end)
{
    int rc = put(out, style->list[0]);
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        rc = put_comma(out, style, i);
        rc = rc == 0 ? put_any(out, style, p, end) : rc;
    }
    return rc == 0 ? put(out, style->list[1]) : rc;
}

static int put_any_entries(struct tm_buf *out, const struct tm__value_style *style, uint32_t count,
                           const uint8_t **p, const uint8_t *end)
{
    const struct tm__map_style *map = &style->map;
    int rc = put(out, map->open);
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        rc = put_comma(out, style, i);
        rc = rc == 0 ? put(out, map->entry) : rc;
        rc = rc == 0 ? put_any(out, style, p, end) : rc;
        rc = rc == 0 ? put(out, map->is) : rc;
        rc = rc == 0 ? put_any(out, style, p, end) : rc;
        rc = rc == 0 ? put(out, map->end) : rc;
    }
    return rc == 0 ? put(out, map->close) : rc;
}

static int put_any(struct tm_buf *out, const struct tm__value_style *style, const uint8_t **p,
                   const uint8_t *end)
{
    struct tm_any v = tm_any_read(*p, end);
    *p = v.next;
    switch (v.kind) {
    case TM_ANY_NIL:
        return put(out, "null");
    case TM_ANY_BOOL:
        return put(out, v.integer != 0 ? "true" : "false");
    case TM_ANY_INT:
        return tm_buf_printf(out, "%lld", (long long)v.integer);
    case TM_ANY_UINT:
        return tm_buf_printf(out, "%llu", (unsigned long long)v.integer);
    case TM_ANY_DOUBLE:
        return put_double(out, style, v.number);
    case TM_ANY_STRING:
        return style->text(out, v.bytes, v.count);
    case TM_ANY_DECIMAL:
        return tm_buf_append(out, v.bytes, v.count);
    case TM_ANY_ARRAY:
        return put_any_items(out, style, v.count, p, end);
    case TM_ANY_MAP:
        return put_any_entries(out, style, v.count, p, end);
    case TM_ANY_END:
        return put(out, style->no_value);
    default:
        return style->bytes(out, v.bytes, v.count);
    }
}

// --- values of types -----------------------------------------------------------------------------

static int put_struct(struct tm_buf *out, const struct tm__value_style *style,
                      const struct tm_schema *of, const struct tm_row *row)
{
    int rc = put(out, style->fields[0]);
    for (uint32_t i = 0, shown = 0; rc == 0 && i < of->field_count; i++) {
        const struct tm_field *field = &of->fields[i];
        if ((field->flags & TM_FIELD_HIDDEN) != 0) // of a row; structs have none
            continue;
        rc = put_comma(out, style, shown++);
        rc = rc == 0 ? style->name(out, field->name) : rc;
        rc = rc == 0 ? put(out, style->is) : rc;
        if (rc == 0)
            rc = tm__value_put(out, style, field->type, tm_slot_of_row(row, field->offset),
                               tm_row_is_null(row, i));
    }
    return rc == 0 ? put(out, style->fields[1]) : rc;
}

static int put_list(struct tm_buf *out, const struct tm__value_style *style, struct tm_type item,
                    const struct tm_list *list)
{
    int rc = put(out, style->list[0]);
    for (uint32_t i = 0; rc == 0 && i < list->count; i++) {
        rc = put_comma(out, style, i);
        if (rc == 0)
            rc = tm__value_put(out, style, item, tm_list_item(list, item, i),
                               tm_list_is_null(list, i));
    }
    return rc == 0 ? put(out, style->list[1]) : rc;
}

static int put_map(struct tm_buf *out, const struct tm__value_style *style,
                   const struct tm_schema *of, const struct tm_map *entries)
{
    struct tm_type key = of->fields[0].type, value = of->fields[1].type;
    const struct tm__map_style *map = key.kind == TM_TYPE_STRING ? &style->texts : &style->map;
    int rc = put(out, map->open);
    for (uint32_t i = 0; rc == 0 && i < entries->count; i++) {
        rc = put_comma(out, style, i);
        rc = rc == 0 ? put(out, map->entry) : rc;
        rc = rc == 0 ? tm__value_put(out, style, key, tm_map_key(entries, i), false) : rc;
        rc = rc == 0 ? put(out, map->is) : rc;
        if (rc == 0)
            rc = tm__value_put(out, style, value, tm_map_value(entries, value, i),
                               tm_map_is_null(entries, i));
        rc = rc == 0 ? put(out, map->end) : rc;
    }
    return rc == 0 ? put(out, map->close) : rc;
}

static int put_time(struct tm_buf *out, const struct tm__value_style *style, int64_t time_ms)
{
    char text[64];
    int rc = put(out, style->quote);
    rc = rc == 0 ? tm_buf_append(out, text, (size_t)tm_timestamp_format(time_ms, text)) : rc;
    return rc == 0 ? put(out, style->quote) : rc;
}

int tm__value_put(struct tm_buf *out, const struct tm__value_style *style, struct tm_type type,
                  struct tm_slot slot, bool null)
{
    char text[64];
    uint32_t length = 0;
    const uint8_t *bytes;
    if (null)
        return put(out, "null");
    switch (type.kind) {
    case TM_TYPE_BOOL:
        return put(out, tm_slot_int(slot) != 0 ? "true" : "false");
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
        return tm_buf_printf(out, "%lld", (long long)tm_slot_int(slot));
    case TM_TYPE_DOUBLE:
        return put_double(out, style, tm_slot_double(slot));
    case TM_TYPE_DECIMAL:
        length = (uint32_t)tm_decimal_format(tm_slot_decimal(slot), type.scale, text);
        return tm_buf_append(out, text, length);
    case TM_TYPE_TIMESTAMP:
        return put_time(out, style, tm_slot_int(slot));
    case TM_TYPE_LIST:
        return put_list(out, style, type.of->fields[0].type, tm_slot_list(slot));
    case TM_TYPE_MAP:
        return put_map(out, style, type.of, tm_slot_map(slot));
    case TM_TYPE_STRUCT:
        return put_struct(out, style, type.of, tm_slot_struct(slot));
    default:
        bytes = tm_slot_bytes(slot, &length);
        if (type.kind == TM_TYPE_ANY)
            return put_any(out, style, &bytes, bytes + length);
        return type.kind == TM_TYPE_STRING ? style->text(out, bytes, length)
                                           : style->bytes(out, bytes, length);
    }
}
