// Logical types: their names, slot sizes, and their text, which core/batch/type_parse.c reads.
#include "core/batch/type.h"

#include <string.h>

#include "core/base/text.h"
#include "core/batch/row.ffi.h"
#include "core/batch/schema.h"
#include "core/batch/type_private.h"

const char *const tm__type_names[TM_TYPE_KINDS] = {
    [TM_TYPE_UNKNOWN] = "?",     [TM_TYPE_BOOL] = "bool",     [TM_TYPE_INT] = "int",
    [TM_TYPE_INT64] = "int64",   [TM_TYPE_DOUBLE] = "double", [TM_TYPE_DECIMAL] = "decimal",
    [TM_TYPE_STRING] = "string", [TM_TYPE_BYTES] = "bytes",   [TM_TYPE_TIMESTAMP] = "timestamp",
    [TM_TYPE_LIST] = "list",     [TM_TYPE_MAP] = "map",       [TM_TYPE_STRUCT] = "struct",
    [TM_TYPE_ANY] = "any",
};

uint32_t tm_type_slot_bytes(struct tm_type type)
{
    return type.kind == TM_TYPE_DECIMAL ? 16 : 8;
}

bool tm__type_same_of(const struct tm_schema *a, const struct tm_schema *b)
{
    return a != NULL && b != NULL && tm_schema_equal(a, b);
}

void tm_type_fini(struct tm_type *type)
{
    tm_schema_unref(type->of);
    *type = tm_type_of_kind(TM_TYPE_UNKNOWN);
}

// Where the text goes: a fixed buffer or a growing one.
struct sink {
    struct tm_buf *out; // or NULL:
    char *text;
    size_t size, used; // `used` counts on when nothing fits any more
    int rc;
};

static void put(struct sink *s, const char *bytes, size_t len)
{
    if (s->out != NULL) {
        s->rc = s->rc == 0 ? tm_buf_append(s->out, bytes, len) : s->rc;
        return;
    }
    for (size_t i = 0; i < len; i++, s->used++)
        if (s->used < s->size)
            s->text[s->used] = bytes[i];
}

static void put_text(struct sink *s, const char *text)
{
    put(s, text, strlen(text));
}

static void put_number(struct sink *s, unsigned n)
{
    char digits[2] = {(char)('0' + n / 10), (char)('0' + n % 10)};
    put(s, n >= 10 ? digits : digits + 1, n >= 10 ? 2 : 1);
}

// A field's name, in quotes where it is no plain name.
static void put_name(struct sink *s, const char *name)
{
    if (tm__type_is_plain(name, strlen(name))) {
        put_text(s, name);
        return;
    }
    put(s, "\"", 1);
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            put(s, "\\", 1);
        put(s, p, 1);
    }
    put(s, "\"", 1);
}

static void put_type(struct sink *s, struct tm_type type)
{
    put_text(s, type.kind < TM_TYPE_KINDS ? tm__type_names[type.kind] : "invalid");
    if (type.kind == TM_TYPE_DECIMAL) {
        put(s, "(", 1);
        put_number(s, type.precision);
        put(s, ",", 1);
        put_number(s, type.scale);
        put(s, ")", 1);
    }
    if (!tm_type_is_nested(type) || type.of == NULL)
        return;
    for (uint32_t i = 0; i < type.of->field_count; i++) {
        const struct tm_field *field = &type.of->fields[i];
        put(s, i == 0 ? "(" : ",", 1);
        if (type.kind == TM_TYPE_STRUCT) {
            put_name(s, field->name);
            put(s, " ", 1);
        }
        put_type(s, field->type);
        bool is_key = type.kind == TM_TYPE_MAP && i == 0;
        if ((field->flags & TM_FIELD_REQUIRED) != 0 && !is_key)
            put(s, "!", 1);
    }
    put(s, ")", 1);
}

int tm_type_put_text(struct tm_buf *out, struct tm_type type)
{
    struct sink s = {.out = out};
    put_type(&s, type);
    return s.rc;
}

const char *tm_type_text(struct tm_type type, char buf[TM_TYPE_TEXT])
{
    struct sink s = {.text = buf, .size = TM_TYPE_TEXT - 1};
    put_type(&s, type);
    if (s.used <= s.size) {
        buf[s.used] = '\0';
        return buf;
    }
    size_t end = s.size - 3;
    while (end > 0 && ((unsigned char)buf[end] & 0xc0) == 0x80) // not within a character
        end--;
    memcpy(buf + end, "...", 4);
    return buf;
}

int tm_row_is_text(const char *bytes, uint32_t length)
{
    return tm_text_is_utf8(bytes, length);
}
