// Logical types: slot sizes and the text form that users write ("decimal(10,2)").
#include "core/batch/type.h"

#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/batch/row.ffi.h"

static const char *const type_names[] = {
    [TM_TYPE_UNKNOWN] = "?",     [TM_TYPE_BOOL] = "bool",     [TM_TYPE_INT] = "int",
    [TM_TYPE_INT64] = "int64",   [TM_TYPE_DOUBLE] = "double", [TM_TYPE_DECIMAL] = "decimal",
    [TM_TYPE_STRING] = "string", [TM_TYPE_BYTES] = "bytes",   [TM_TYPE_TIMESTAMP] = "timestamp",
    [TM_TYPE_LIST] = "list",     [TM_TYPE_MAP] = "map",       [TM_TYPE_STRUCT] = "struct",
    [TM_TYPE_ANY] = "any",
};
enum { TYPE_NAMES = sizeof type_names / sizeof type_names[0] };

static const char allowed[] = "bool, int, int64, double, decimal(p,s), string, bytes, timestamp";

uint32_t tm_type_slot_bytes(struct tm_type type)
{
    return type.kind == TM_TYPE_DECIMAL ? 16 : 8;
}

// Reads a number of at most three digits; false when there is none.
static int read_small(const char **p, unsigned *value)
{
    const char *s = *p;
    unsigned v = 0;
    while (*s == ' ')
        s++;
    const char *digits = s;
    while (*s >= '0' && *s <= '9' && s - digits < 3)
        v = v * 10 + (unsigned)(*s++ - '0');
    if (s == digits)
        return 0;
    while (*s == ' ')
        s++;
    *p = s;
    *value = v;
    return 1;
}

static int parse_decimal(const char *text, struct tm_type *type, struct tm_error *err)
{
    const char *p = text + strlen("decimal");
    unsigned precision = 0, scale = 0;
    if (*p++ != '(' || !read_small(&p, &precision) || *p++ != ',' || !read_small(&p, &scale) ||
        *p++ != ')' || *p != '\0') {
        tm_error_set(err, TM_E_TYPE, "wrong type \"%.64s\": a decimal has its digits and its scale",
                     text);
        tm_error_hint(err, "write decimal(10,2) for up to 10 digits, 2 of them after the point");
        return TM_E_TYPE;
    }
    if (precision < 1 || precision > TM_DECIMAL_DIGITS || scale > precision) {
        tm_error_set(err, TM_E_TYPE,
                     "wrong type \"%.64s\": a decimal has 1 to %d digits, and no more after the "
                     "point than in all",
                     text, TM_DECIMAL_DIGITS);
        return TM_E_TYPE;
    }
    *type = (struct tm_type){TM_TYPE_DECIMAL, (uint8_t)precision, (uint8_t)scale, 0};
    return 0;
}

int tm_type_parse(const char *text, struct tm_type *type, struct tm_error *err)
{
    if (strncmp(text, "decimal", 7) == 0 && (text[7] == '(' || text[7] == '\0'))
        return parse_decimal(text, type, err);
    for (unsigned kind = 0; kind < TYPE_NAMES; kind++) {
        if (kind == TM_TYPE_DECIMAL || strcmp(text, type_names[kind]) != 0)
            continue;
        if (kind >= TM_TYPE_LIST)
            return tm_error_set(err, TM_E_TYPE,
                                "type \"%s\" cannot be the type of a column; allowed: %s", text,
                                allowed);
        *type = (struct tm_type){(uint8_t)kind, 0, 0, 0};
        return 0;
    }
    const char *nearest =
        tm_text_nearest(text, type_names + TM_TYPE_BOOL, TM_TYPE_TIMESTAMP - TM_TYPE_BOOL + 1);
    tm_error_set(err, TM_E_TYPE, "no type \"%.64s\"; allowed: %s", text, allowed);
    if (nearest != NULL)
        tm_error_hint(err, "did you mean \"%s\"?", nearest);
    return TM_E_TYPE;
}

const char *tm_type_text(struct tm_type type, char buf[24])
{
    if (type.kind == TM_TYPE_DECIMAL)
        snprintf(buf, 24, "decimal(%u,%u)", (unsigned)type.precision, (unsigned)type.scale);
    else
        snprintf(buf, 24, "%s", type.kind < TYPE_NAMES ? type_names[type.kind] : "invalid");
    return buf;
}

int tm_row_is_text(const char *bytes, uint32_t length)
{
    return tm_text_is_utf8(bytes, length);
}
