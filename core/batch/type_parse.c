// Types from their text: a recursive descent over list(...), map(...), struct(...), bounded in
// depth and in the number of fields.
#include <string.h>

#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/batch/schema.h"
#include "core/batch/type_private.h"

static const char allowed[] = "bool, int, int64, double, decimal(p,s), string, bytes, timestamp, "
                              "list(t), map(k,v), struct(name t, ...), any";

struct reader {
    struct tm_mem *mem;
    const char *text; // all of it, for messages
    const char *p;
    uint32_t fields; // on all levels so far
    uint32_t depth;
    struct tm_error *err;
};

// The fields of the struct that is being read: one array for all that are open, as a stack.
struct fields {
    struct tm_field_def *defs;
    uint32_t count, capacity;
};

static int wrong(struct reader *r, const char *what, const char *hint)
{
    tm_error_set(r->err, TM_E_TYPE, "wrong type \"%.64s\": %s", r->text, what);
    if (hint != NULL)
        tm_error_hint(r->err, "%s", hint);
    return TM_E_TYPE;
}

static void skip_blanks(struct reader *r)
{
    while (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r')
        r->p++;
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (*r->p != c)
        return false;
    r->p++;
    return true;
}

// Reads a number of at most three digits; false when there is none.
static bool read_small(struct reader *r, unsigned *value)
{
    skip_blanks(r);
    const char *digits = r->p;
    unsigned v = 0;
    while (*r->p >= '0' && *r->p <= '9' && r->p - digits < 3)
        v = v * 10 + (unsigned)(*r->p++ - '0');
    *value = v;
    return r->p != digits;
}

static int read_decimal(struct reader *r, struct tm_type *type)
{
    unsigned precision = 0, scale = 0;
    if (!take(r, '(') || !read_small(r, &precision) || !take(r, ',') || !read_small(r, &scale) ||
        !take(r, ')'))
        return wrong(r, "a decimal has its digits and its scale",
                     "write decimal(10,2) for up to 10 digits, 2 of them after the point");
    if (precision < 1 || precision > TM_DECIMAL_DIGITS || scale > precision)
        return tm_error_set(r->err, TM_E_TYPE,
                            "wrong type \"%.64s\": a decimal has 1 to %d digits, and no more after "
                            "the point than in all",
                            r->text, TM_DECIMAL_DIGITS);
    *type = (struct tm_type){TM_TYPE_DECIMAL, (uint8_t)precision, (uint8_t)scale, NULL};
    return 0;
}

static int read_type(struct reader *r, struct tm_type *type);

static int add_field(struct reader *r, struct fields *f, const char *name, struct tm_type type,
                     uint32_t flags)
{
    if (f->count == f->capacity) {
        uint32_t capacity = f->capacity == 0 ? 8 : 2 * f->capacity;
        struct tm_field_def *defs = tm_mem_realloc(r->mem, f->defs, f->capacity * sizeof *f->defs,
                                                   capacity * sizeof *f->defs);
        if (defs == NULL)
            return tm_error_set(r->err, TM_E_MEMORY, "out of memory for a type");
        f->defs = defs;
        f->capacity = capacity;
    }
    f->defs[f->count++] = (struct tm_field_def){name, type, flags};
    if (++r->fields > TM_TYPE_FIELDS_MAX)
        return tm_error_set(r->err, TM_E_TYPE,
                            "wrong type \"%.64s\": it has more than %d fields on all its levels",
                            r->text, TM_TYPE_FIELDS_MAX);
    return 0;
}

// A type and perhaps its "!". On failure the type is given back.
static int read_field_type(struct reader *r, struct fields *f, const char *name, uint32_t flags)
{
    struct tm_type type = {.kind = TM_TYPE_UNKNOWN};
    int rc = read_type(r, &type);
    if (rc != 0)
        return rc;
    if (take(r, '!'))
        flags |= TM_FIELD_REQUIRED;
    rc = add_field(r, f, name, type, flags);
    if (rc != 0 && (f->count == 0 || f->defs[f->count - 1].name != name))
        tm_type_fini(&type); // it has not got into the array
    return rc;
}

// The name of a struct's field: NUL-terminated and owned by the reader's account until free_fields.
static int read_name(struct reader *r, char **name)
{
    skip_blanks(r);
    bool quoted = *r->p == '"';
    const char *start = r->p + (quoted ? 1 : 0), *end = start;
    size_t len = 0;
    if (quoted) {
        while (*end != '\0' && *end != '"') {
            end += *end == '\\' && end[1] != '\0' ? 2 : 1;
            len++;
        }
    } else {
        while (tm__type_is_plain(start, (size_t)(end - start) + 1))
            end++;
        len = (size_t)(end - start);
    }
    if (len == 0 || (quoted && *end != '"'))
        return wrong(r, "a field of a struct has a name and a type",
                     "write struct(street string, \"post code\" int)");
    char *copy = tm_mem_alloc(r->mem, len + 1);
    if (copy == NULL)
        return tm_error_set(r->err, TM_E_MEMORY, "out of memory for a type");
    size_t n = 0;
    for (const char *p = start; p < end; p++)
        copy[n++] = quoted && *p == '\\' ? *++p : *p;
    copy[n] = '\0';
    r->p = end + (quoted ? 1 : 0);
    *name = copy;
    return 0;
}

static int read_struct(struct reader *r, struct fields *f)
{
    do {
        char *name = NULL;
        int rc = read_name(r, &name);
        if (rc == 0)
            rc = read_field_type(r, f, name, 0);
        if (rc != 0) {
            if (name != NULL && (f->count == 0 || f->defs[f->count - 1].name != name))
                tm_mem_free(r->mem, name, strlen(name) + 1);
            return rc;
        }
    } while (take(r, ','));
    return 0;
}

static int read_map(struct reader *r, struct fields *f)
{
    int rc = read_field_type(r, f, "key", TM_FIELD_REQUIRED);
    if (rc != 0)
        return rc;
    uint8_t key = f->defs[0].type.kind;
    if (key != TM_TYPE_STRING && key != TM_TYPE_INT && key != TM_TYPE_INT64)
        return wrong(r, "the keys of a map are string, int or int64", "write map(string,double)");
    if (!take(r, ','))
        return wrong(r, "a map has a type of its keys and one of its values",
                     "write map(string,double)");
    return read_field_type(r, f, "value", 0);
}

static void free_fields(struct reader *r, struct fields *f, bool names)
{
    for (uint32_t i = 0; i < f->count; i++) {
        tm_type_fini(&f->defs[i].type);
        if (names)
            tm_mem_free(r->mem, (char *)(uintptr_t)f->defs[i].name, strlen(f->defs[i].name) + 1);
    }
    tm_mem_free(r->mem, f->defs, f->capacity * sizeof *f->defs);
}

static int read_nested(struct reader *r, struct tm_type *type)
{
    static const char *const hints[] = {"write list(string)", "write map(string,double)",
                                        "write struct(street string,number int)"};
    struct fields f = {NULL, 0, 0};
    struct tm_schema *of = NULL;
    int rc;
    if (!take(r, '('))
        return wrong(r, "what it holds is missing", hints[type->kind - TM_TYPE_LIST]);
    if (++r->depth > TM_TYPE_DEPTH_MAX)
        return tm_error_set(r->err, TM_E_TYPE, "wrong type \"%.64s\": it is more than %d deep",
                            r->text, TM_TYPE_DEPTH_MAX);
    if (type->kind == TM_TYPE_LIST)
        rc = read_field_type(r, &f, "item", 0);
    else if (type->kind == TM_TYPE_MAP)
        rc = read_map(r, &f);
    else
        rc = read_struct(r, &f);
    if (rc == 0 && !take(r, ')'))
        rc = wrong(r, "a closing ) is missing", hints[type->kind - TM_TYPE_LIST]);
    if (rc == 0) {
        rc = tm_schema_new(r->mem, f.defs, f.count, -1, &of, r->err);
        if (rc != 0)
            tm_error_prefix(r->err, "type \"%.64s\"", r->text);
    }
    free_fields(r, &f, type->kind == TM_TYPE_STRUCT);
    r->depth--;
    if (rc == 0)
        type->of = of;
    return rc;
}

static int unknown(struct reader *r, const char *name, size_t len)
{
    char given[65];
    size_t shown = len < sizeof given - 1 ? len : sizeof given - 1;
    memcpy(given, name, shown);
    given[shown] = '\0';
    const char *nearest =
        tm_text_nearest(given, tm__type_names + TM_TYPE_BOOL, TM_TYPE_KINDS - TM_TYPE_BOOL);
    tm_error_set(r->err, TM_E_TYPE, "no type \"%s\"; allowed: %s", given, allowed);
    if (nearest != NULL)
        tm_error_hint(r->err, "did you mean \"%s\"?", nearest);
    return TM_E_TYPE;
}

static int read_type(struct reader *r, struct tm_type *type)
{
    skip_blanks(r);
    const char *name = r->p;
    while ((*r->p >= 'a' && *r->p <= 'z') || (*r->p >= '0' && *r->p <= '9'))
        r->p++;
    size_t len = (size_t)(r->p - name);
    for (unsigned kind = TM_TYPE_BOOL; kind < TM_TYPE_KINDS; kind++) {
        if (strlen(tm__type_names[kind]) != len || memcmp(tm__type_names[kind], name, len) != 0)
            continue;
        *type = tm_type_of_kind((enum tm_type_kind)kind);
        if (kind == TM_TYPE_DECIMAL)
            return read_decimal(r, type);
        return tm_type_is_nested(*type) ? read_nested(r, type) : 0;
    }
    while (*r->p != '\0' && strchr("(),! ", *r->p) == NULL)
        r->p++;
    return unknown(r, name, (size_t)(r->p - name));
}

int tm_type_parse(struct tm_mem *mem, const char *text, struct tm_type *type, struct tm_error *err)
{
    struct reader r = {.mem = mem, .text = text, .p = text, .err = err};
    struct tm_type read = {.kind = TM_TYPE_UNKNOWN};
    if (strcmp(text, "?") == 0) {
        *type = read;
        return 0;
    }
    if (strnlen(text, TM_TYPE_TEXT_MAX + 1) > TM_TYPE_TEXT_MAX)
        return tm_error_set(err, TM_E_TYPE, "a type's text is longer than %d bytes",
                            TM_TYPE_TEXT_MAX);
    int rc = read_type(&r, &read);
    if (rc == 0) {
        skip_blanks(&r);
        if (*r.p != '\0')
            rc = wrong(&r, "something follows it", NULL);
    }
    if (rc != 0) {
        tm_type_fini(&read);
        return rc;
    }
    *type = read;
    return 0;
}
