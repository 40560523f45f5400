// Values as JSON, one kind of type after the other.
#include "core/batch/json_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/text.h"
#include "core/batch/any.h"
#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"

static int put(struct tm_buf *out, const char *text)
{
    return tm_buf_append(out, text, strlen(text));
}

// Bytes that are no UTF-8 become U+FFFD.
int tm_json_put_text(struct tm_buf *out, const void *text, size_t length)
{
    const char *p = text;
    int rc = put(out, "\"");
    for (size_t i = 0, n; rc == 0 && i < length; i += n) {
        unsigned char c = (unsigned char)p[i];
        n = 1;
        if (c == '"' || c == '\\') {
            const char escaped[2] = {'\\', (char)c};
            rc = tm_buf_append(out, escaped, 2);
        } else if (c < 0x20 || c == 0x7f) {
            rc = tm_buf_printf(out, "\\u%04x", c);
        } else {
            while (n < 4 && i + n < length && !tm_text_is_utf8(p + i, n))
                n++;
            bool whole = tm_text_is_utf8(p + i, n);
            n = whole ? n : 1;
            rc = whole ? tm_buf_append(out, p + i, n) : put(out, "\xef\xbf\xbd");
        }
    }
    return rc == 0 ? put(out, "\"") : rc;
}

static int put_hex(struct tm_buf *out, const uint8_t *bytes, uint32_t length)
{
    int rc = put(out, "\"");
    for (uint32_t i = 0; rc == 0 && i < length; i++)
        rc = tm_buf_printf(out, "%02x", bytes[i]);
    return rc == 0 ? put(out, "\"") : rc;
}

// The shortest text that reads back as the same value.
static int put_double(struct tm_buf *out, double value)
{
    char text[40];
    if (!isfinite(value))
        return put(out, "null");
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return put(out, text);
}

static int put_any(struct tm_buf *out, const uint8_t **p, const uint8_t *end)
{
    struct tm_any v = tm_any_read(*p, end);
    int rc = 0;
    *p = v.next;
    switch (v.kind) {
    case TM_ANY_BOOL:
        return put(out, v.integer != 0 ? "true" : "false");
    case TM_ANY_INT:
        return tm_buf_printf(out, "%lld", (long long)v.integer);
    case TM_ANY_UINT:
        return tm_buf_printf(out, "%llu", (unsigned long long)v.integer);
    case TM_ANY_DOUBLE:
        return put_double(out, v.number);
    case TM_ANY_STRING:
        return tm_json_put_text(out, v.bytes, v.count);
    case TM_ANY_DECIMAL:
        return tm_buf_append(out, v.bytes, v.count);
    case TM_ANY_BINARY:
        return put_hex(out, v.bytes, v.count);
    case TM_ANY_ARRAY:
        rc = put(out, "[");
        for (uint32_t i = 0; rc == 0 && i < v.count; i++) {
            rc = put(out, i == 0 ? "" : ",");
            rc = rc == 0 ? put_any(out, p, end) : rc;
        }
        return rc == 0 ? put(out, "]") : rc;
    case TM_ANY_MAP:
        rc = put(out, "[");
        for (uint32_t i = 0; rc == 0 && i < v.count; i++) {
            rc = put(out, i == 0 ? "[" : ",[");
            rc = rc == 0 ? put_any(out, p, end) : rc;
            rc = rc == 0 ? put(out, ",") : rc;
            rc = rc == 0 ? put_any(out, p, end) : rc;
            rc = rc == 0 ? put(out, "]") : rc;
        }
        return rc == 0 ? put(out, "]") : rc;
    default:
        return put(out, "null");
    }
}

static int put_or_null(struct tm_buf *out, struct tm_type type, struct tm_slot slot, bool null)
{
    return null ? put(out, "null") : tm_json_put_value(out, type, slot);
}

static int put_struct(struct tm_buf *out, const struct tm_schema *of, const struct tm_row *row)
{
    int rc = put(out, "{");
    for (uint32_t i = 0; rc == 0 && i < of->field_count; i++) {
        const struct tm_field *field = &of->fields[i];
        rc = put(out, i == 0 ? "" : ",");
        rc = rc == 0 ? tm_json_put_text(out, field->name, strlen(field->name)) : rc;
        rc = rc == 0 ? put(out, ":") : rc;
        if (rc == 0)
            rc = put_or_null(out, field->type, tm_slot_of_row(row, field->offset),
                             tm_row_is_null(row, i));
    }
    return rc == 0 ? put(out, "}") : rc;
}

static int put_list(struct tm_buf *out, struct tm_type item, const struct tm_list *list)
{
    int rc = put(out, "[");
    for (uint32_t i = 0; rc == 0 && i < list->count; i++) {
        rc = put(out, i == 0 ? "" : ",");
        if (rc == 0)
            rc = put_or_null(out, item, tm_list_item(list, item, i), tm_list_is_null(list, i));
    }
    return rc == 0 ? put(out, "]") : rc;
}

static int put_map(struct tm_buf *out, const struct tm_schema *of, const struct tm_map *map)
{
    struct tm_type key = of->fields[0].type, value = of->fields[1].type;
    bool object = key.kind == TM_TYPE_STRING;
    int rc = put(out, object ? "{" : "[");
    for (uint32_t i = 0; rc == 0 && i < map->count; i++) {
        rc = put(out, i == 0 ? "" : ",");
        rc = rc == 0 ? put(out, object ? "" : "[") : rc;
        rc = rc == 0 ? tm_json_put_value(out, key, tm_map_key(map, i)) : rc;
        rc = rc == 0 ? put(out, object ? ":" : ",") : rc;
        if (rc == 0)
            rc = put_or_null(out, value, tm_map_value(map, value, i), tm_map_is_null(map, i));
        rc = rc == 0 ? put(out, object ? "" : "]") : rc;
    }
    return rc == 0 ? put(out, object ? "}" : "]") : rc;
}

int tm_json_put_value(struct tm_buf *out, struct tm_type type, struct tm_slot slot)
{
    char text[64];
    uint32_t length = 0;
    const uint8_t *bytes;
    switch (type.kind) {
    case TM_TYPE_BOOL:
        return put(out, tm_slot_int(slot) != 0 ? "true" : "false");
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
        return tm_buf_printf(out, "%lld", (long long)tm_slot_int(slot));
    case TM_TYPE_DOUBLE:
        return put_double(out, tm_slot_double(slot));
    case TM_TYPE_DECIMAL:
        length = (uint32_t)tm_decimal_format(tm_slot_decimal(slot), type.scale, text);
        return tm_buf_append(out, text, length);
    case TM_TYPE_TIMESTAMP:
        length = (uint32_t)tm_timestamp_format(tm_slot_int(slot), text);
        return tm_json_put_text(out, text, length);
    case TM_TYPE_LIST:
        return put_list(out, type.of->fields[0].type, tm_slot_list(slot));
    case TM_TYPE_MAP:
        return put_map(out, type.of, tm_slot_map(slot));
    case TM_TYPE_STRUCT:
        return put_struct(out, type.of, tm_slot_struct(slot));
    default:
        bytes = tm_slot_bytes(slot, &length);
        if (type.kind == TM_TYPE_ANY)
            return put_any(out, &bytes, bytes + length);
        return type.kind == TM_TYPE_STRING ? tm_json_put_text(out, bytes, length)
                                           : put_hex(out, bytes, length);
    }
}
