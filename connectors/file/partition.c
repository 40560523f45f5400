// Rows to folders. What stands in a name is bounded: no byte of a value can leave its folder,
// whatever it holds.
#include "connectors/file/partition.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"

enum {
    NAME_BYTES = 200, // of a folder; file systems take 255
    HASH_BYTES = 17,  // "~" and 16 digits
};

static int bad_type(const struct tm_field *field, const char *sink, struct tm_error *err)
{
    char text[TM_TYPE_TEXT];
    int rc = tm_error_set(err, TM_E_TYPE,
                          "sink '%s': partition_by: %s is %s; a folder is named by "
                          "bool, int, int64, decimal, string or timestamp",
                          sink, field->name, tm_type_text(field->type, text));
    tm_error_hint(err, "make a column of it with :assign");
    return rc;
}

static int no_field(const struct tm_schema *schema, const char *name, const char *sink,
                    struct tm_error *err)
{
    const char *names[1024];
    uint32_t count = 0;
    for (uint32_t i = 0; i < schema->field_count && count < 1024; i++)
        if ((schema->fields[i].flags & TM_FIELD_HIDDEN) == 0)
            names[count++] = schema->fields[i].name;
    const char *nearest = tm_text_nearest(name, names, count);
    int rc = tm_error_set(err, TM_E_UNKNOWN_FIELD, "sink '%s': partition_by: there is no field %s",
                          sink, name);
    if (nearest != NULL)
        tm_error_hint(err, "did you mean %s?", nearest);
    return rc;
}

int tm__partition_init(struct tm__partition *partition, const struct tm_schema *schema,
                       const char *columns, const char *sink, struct tm_error *err)
{
    *partition = (struct tm__partition){.schema = schema};
    for (const char *p = columns; p != NULL && *p != '\0';) {
        char name[256];
        size_t len = strcspn(p, "\n");
        snprintf(name, sizeof name, "%.*s", (int)len, p);
        p += len + (p[len] == '\n');
        int32_t index = tm_schema_find(schema, name, strlen(name));
        if (index < 0)
            return no_field(schema, name, sink, err);
        const struct tm_field *field = &schema->fields[index];
        uint8_t kind = field->type.kind;
        if (kind != TM_TYPE_BOOL && kind != TM_TYPE_INT && kind != TM_TYPE_INT64 &&
            kind != TM_TYPE_DECIMAL && kind != TM_TYPE_STRING && kind != TM_TYPE_TIMESTAMP)
            return bad_type(field, sink, err);
        if (partition->count == TM_PARTITION_COLUMNS_MAX)
            return tm_error_set(err, TM_E_LIMIT, "sink '%s': partition_by takes at most %d columns",
                                sink, TM_PARTITION_COLUMNS_MAX);
        partition->columns[partition->count++] = (struct tm__partition_column){
            .field = (uint32_t)index, .offset = field->offset, .type = field->type};
    }
    return 0;
}

int tm__partition_key(const struct tm__partition *partition, const struct tm_row *row,
                      struct tm_buf *key)
{
    int rc = 0;
    key->size_bytes = 0;
    for (uint32_t i = 0; rc == 0 && i < partition->count; i++) {
        const struct tm__partition_column *column = &partition->columns[i];
        uint32_t len = tm_type_slot_bytes(column->type);
        const void *p = (const uint8_t *)row + column->offset;
        if (tm_row_is_null(row, column->field))
            len = UINT32_MAX;
        else if (column->type.kind == TM_TYPE_STRING)
            p = tm_row_string(row, column->offset, &len);
        rc = tm_buf_append(key, &len, sizeof len);
        if (rc == 0 && len != UINT32_MAX)
            rc = tm_buf_append(key, p, len);
    }
    return rc;
}

// --- names

// A value as text; a string stays where it is.
static const char *text_of(const struct tm__partition_column *column, const struct tm_row *row,
                           char *buf, size_t size, uint32_t *len)
{
    switch (column->type.kind) {
    case TM_TYPE_STRING:
        return tm_row_string(row, column->offset, len);
    case TM_TYPE_BOOL:
        *len = (uint32_t)snprintf(buf, size, "%s",
                                  tm_row_int(row, column->offset) != 0 ? "true" : "false");
        return buf;
    case TM_TYPE_DECIMAL:
        *len = (uint32_t)tm_decimal_format(tm_row_decimal(row, column->offset), column->type.scale,
                                           buf);
        return buf;
    case TM_TYPE_TIMESTAMP:
        *len = (uint32_t)tm_timestamp_format(tm_row_int(row, column->offset), buf);
        return buf;
    default:
        *len = (uint32_t)snprintf(buf, size, "%" PRId64, tm_row_int(row, column->offset));
        return buf;
    }
}

// As Hive escapes them; a dot at the beginning would hide a folder.
static bool must_escape(uint8_t c, bool first)
{
    return c < 0x20 || c == 0x7F || strchr("\"#%'*/:=?\\{}[]^", c) != NULL || (first && c == '.');
}

// Append `text` escaped: at most `room` bytes in whole characters. False: not all of it went in.
static bool escape(const char *text, size_t len, uint8_t *out, size_t room, size_t *used)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t at = 0, whole = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        if ((c & 0xC0) != 0x80)
            whole = at;
        bool coded = must_escape(c, i == 0);
        if (at + (coded ? 3 : 1) > room) {
            *used = whole;
            return false;
        }
        out[at++] = coded ? '%' : c;
        if (coded) {
            out[at++] = (uint8_t)digits[c >> 4];
            out[at++] = (uint8_t)digits[c & 15];
        }
    }
    *used = at;
    return true;
}

// "name=value" into `out` of NAME_BYTES; its length. Every text gets a name of its own.
static size_t part_name(const char *name, const char *value, size_t len, uint8_t *out)
{
    size_t used = 0, more = 0, name_room = NAME_BYTES / 2;
    bool whole = escape(name, strlen(name), out, name_room, &used);
    out[used++] = '=';
    whole = escape(value, len, out + used, NAME_BYTES - HASH_BYTES - used, &more) && whole;
    used += more;
    if (!whole) {
        char hash[HASH_BYTES + 1];
        uint64_t both = tm_hash_bytes(name, strlen(name)) * 31 + tm_hash_bytes(value, len);
        snprintf(hash, sizeof hash, "~%016" PRIx64, both);
        memcpy(out + used, hash, HASH_BYTES);
        used += HASH_BYTES;
    }
    return used;
}

int tm__partition_folder(const struct tm__partition *partition, const struct tm_row *row,
                         struct tm_buf *folder)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < partition->count; i++) {
        static const char none[] = "__HIVE_DEFAULT_PARTITION__";
        const struct tm__partition_column *column = &partition->columns[i];
        char buf[64];
        uint8_t name[NAME_BYTES];
        uint32_t len = 0;
        const char *value =
            tm_row_is_null(row, column->field) ? none : text_of(column, row, buf, sizeof buf, &len);
        if (len == 0) {
            value = none;
            len = sizeof none - 1;
        }
        size_t used = part_name(partition->schema->fields[column->field].name, value, len, name);
        rc = tm_buf_append(folder, "/", 1);
        if (rc == 0)
            rc = tm_buf_append(folder, name, used);
    }
    return rc;
}
