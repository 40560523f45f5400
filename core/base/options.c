// Options: values by name, and their check against a table. The messages name the option, what was
// given and what is allowed, so that nobody has to look anything up.
#include "core/base/options.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

static const double exact_integer_max =
    9007199254740992.0; // 2^53: beyond it a double skips integers

void tm_options_init(struct tm_options *o, struct tm_mem *mem)
{
    *o = (struct tm_options){.mem = mem};
}

static void free_string(struct tm_mem *mem, const char *s)
{
    if (s != NULL)
        tm_mem_free(mem, (void *)(uintptr_t)s, strlen(s) + 1);
}

void tm_options_fini(struct tm_options *o)
{
    for (uint32_t i = 0; i < o->count; i++) {
        free_string(o->mem, o->values[i].name);
        free_string(o->mem, o->values[i].text);
    }
    tm_mem_free(o->mem, o->values, o->capacity * sizeof(*o->values));
    tm_options_init(o, o->mem);
}

static struct tm_option_value *find(const struct tm_options *o, const char *name)
{
    for (uint32_t i = 0; i < o->count; i++)
        if (strcmp(o->values[i].name, name) == 0)
            return &o->values[i];
    return NULL;
}

// The value of a name, made if absent, emptied if present. NULL: out of memory.
static struct tm_option_value *slot(struct tm_options *o, const char *name)
{
    struct tm_option_value *v = find(o, name);
    if (v == NULL) {
        if (o->count == o->capacity) {
            uint32_t capacity = o->capacity != 0 ? o->capacity * 2 : 8;
            void *grown =
                tm_mem_realloc(o->mem, o->values, o->capacity * sizeof(*v), capacity * sizeof(*v));
            if (grown == NULL)
                return NULL;
            o->values = grown;
            o->capacity = capacity;
        }
        char *copy = tm_mem_strdup(o->mem, name);
        if (copy == NULL)
            return NULL;
        v = &o->values[o->count++];
        *v = (struct tm_option_value){.name = copy};
    }
    free_string(o->mem, v->text);
    v->text = NULL;
    v->integer = 0;
    v->number = 0;
    return v;
}

int tm_options_set_string(struct tm_options *o, const char *name, const char *text)
{
    char *copy = tm_mem_strdup(o->mem, text);
    if (copy == NULL)
        return TM_E_MEMORY;
    struct tm_option_value *v = slot(o, name);
    if (v == NULL) {
        free_string(o->mem, copy);
        return TM_E_MEMORY;
    }
    v->type = TM_OPTION_STRING;
    v->text = copy;
    return 0;
}

static int set_number(struct tm_options *o, const char *name, enum tm_option_type type,
                      int64_t integer, double number)
{
    struct tm_option_value *v = slot(o, name);
    if (v == NULL)
        return TM_E_MEMORY;
    v->type = type;
    v->integer = integer;
    v->number = number;
    return 0;
}

int tm_options_set_int(struct tm_options *o, const char *name, int64_t value)
{
    return set_number(o, name, TM_OPTION_INT, value, (double)value);
}

int tm_options_set_double(struct tm_options *o, const char *name, double value)
{
    return set_number(o, name, TM_OPTION_DOUBLE, 0, value);
}

static int copy_value(struct tm_options *to, const struct tm_option_value *v)
{
    switch (v->type) {
    case TM_OPTION_STRING:
        return tm_options_set_string(to, v->name, v->text);
    case TM_OPTION_BOOL:
        return tm_options_set_bool(to, v->name, v->integer != 0);
    case TM_OPTION_DOUBLE:
        return tm_options_set_double(to, v->name, v->number);
    default:
        return tm_options_set_int(to, v->name, v->integer);
    }
}

int tm_options_copy(struct tm_options *to, const struct tm_options *from)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < from->count; i++)
        rc = copy_value(to, &from->values[i]);
    return rc;
}

int tm_options_set_bool(struct tm_options *o, const char *name, bool value)
{
    return set_number(o, name, TM_OPTION_BOOL, value ? 1 : 0, value ? 1 : 0);
}

static const char *expected(enum tm_option_type type)
{
    switch (type) {
    case TM_OPTION_STRING:
        return "a string";
    case TM_OPTION_BOOL:
        return "true or false";
    case TM_OPTION_INT:
        return "a whole number";
    case TM_OPTION_DOUBLE:
        return "a number";
    case TM_OPTION_DURATION:
        return "a duration such as \"250ms\", \"5s\", \"10m\", \"1h\", \"1d\", or milliseconds";
    case TM_OPTION_SIZE:
        return "a size such as \"64KB\", \"128MB\", \"1GB\", or bytes";
    }
    return "another type";
}

// The value as a person would write it in a job.
static void show(const struct tm_option_value *v, char *buf, size_t size)
{
    switch (v->type) {
    case TM_OPTION_BOOL:
        snprintf(buf, size, "%s", v->integer != 0 ? "true" : "false");
        break;
    case TM_OPTION_INT:
        snprintf(buf, size, "%" PRId64, v->integer);
        break;
    case TM_OPTION_DOUBLE:
        snprintf(buf, size, "%.17g", v->number);
        break;
    default:
        snprintf(buf, size, "\"%s\"", v->text);
    }
}

static bool text_to_integer(const char *text, int64_t *out)
{
    const char *digits = *text == '-' ? text + 1 : text;
    if (*digits == '\0' || strlen(digits) > 19 || strspn(digits, "0123456789") != strlen(digits))
        return false;
    int64_t v = 0; // built below zero, where INT64_MIN has room
    for (const char *p = digits; *p != '\0'; p++)
        if (__builtin_mul_overflow(v, (int64_t)10, &v) ||
            __builtin_sub_overflow(v, (int64_t)(*p - '0'), &v))
            return false;
    if (*text != '-' && __builtin_sub_overflow((int64_t)0, v, &v))
        return false;
    *out = v;
    return true;
}

static bool text_to_double(const char *text, double *out)
{
    // strtod would take hexadecimal, "inf", "nan" and leading space: none is an option's value.
    if (*text == '\0' || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    char *end;
    double v = strtod(text, &end);
    if (*end != '\0' || !isfinite(v))
        return false;
    *out = v;
    return true;
}

// Makes integer of a value given as a number, or of the text of a number.
static bool to_integer(const struct tm_option_value *v, int64_t *out)
{
    if (v->type == TM_OPTION_INT) {
        *out = v->integer;
        return true;
    }
    if (v->type == TM_OPTION_DOUBLE) {
        if (!(fabs(v->number) <= exact_integer_max) || v->number != trunc(v->number))
            return false;
        *out = (int64_t)v->number;
        return true;
    }
    return v->type == TM_OPTION_STRING && text_to_integer(v->text, out);
}

static bool to_double(const struct tm_option_value *v, double *out)
{
    if (v->type == TM_OPTION_INT || v->type == TM_OPTION_DOUBLE) {
        *out = v->number;
        return isfinite(v->number);
    }
    return v->type == TM_OPTION_STRING && text_to_double(v->text, out);
}

static bool to_bool(const struct tm_option_value *v, int64_t *out)
{
    if (v->type == TM_OPTION_BOOL)
        *out = v->integer;
    else if (v->type == TM_OPTION_STRING && strcmp(v->text, "true") == 0)
        *out = 1;
    else if (v->type == TM_OPTION_STRING && strcmp(v->text, "false") == 0)
        *out = 0;
    else
        return false;
    return true;
}

// Duration or size.
static bool to_quantity(const struct tm_option_value *v, enum tm_option_type type, int64_t *out)
{
    if (v->type == TM_OPTION_STRING)
        return (type == TM_OPTION_DURATION ? tm_text_duration_ms(v->text, out)
                                           : tm_text_size_bytes(v->text, out)) == 0;
    return to_integer(v, out) && *out >= 0;
}

// Text given for another type stays as `text`: it is what the user wrote.
static bool convert(struct tm_option_value *v, enum tm_option_type type)
{
    bool ok = false;
    if (v->type == type && type != TM_OPTION_DOUBLE)
        return true; // also when checked before
    switch (type) {
    case TM_OPTION_STRING:
        return false;
    case TM_OPTION_BOOL:
        ok = to_bool(v, &v->integer);
        break;
    case TM_OPTION_INT:
        ok = to_integer(v, &v->integer);
        break;
    case TM_OPTION_DOUBLE:
        ok = to_double(v, &v->number);
        break;
    case TM_OPTION_DURATION:
    case TM_OPTION_SIZE:
        ok = to_quantity(v, type, &v->integer);
        break;
    }
    if (ok && type != TM_OPTION_DOUBLE)
        v->number = (double)v->integer;
    if (ok)
        v->type = type;
    return ok;
}

// Is `text` one of "a|b|c"?
static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    for (const char *p = choices;;) {
        const char *bar = strchr(p, '|');
        size_t n = bar != NULL ? (size_t)(bar - p) : strlen(p);
        if (n == len && memcmp(p, text, n) == 0)
            return true;
        if (bar == NULL)
            return false;
        p = bar + 1;
    }
}

enum { LIST_MAX = 1024, NAMES_MAX = 64 };

// "a|b|c" as `"a", "b", "c"`, and the choice nearest to `given` into `near` (or "").
static void list_choices(const char *choices, const char *given, char list[LIST_MAX],
                         char near[256])
{
    char copy[LIST_MAX];
    const char *names[NAMES_MAX];
    size_t count = 0, at = 0;
    snprintf(copy, sizeof(copy), "%s", choices);
    char *rest = copy;
    for (char *word = strsep(&rest, "|"); word != NULL && count < NAMES_MAX;
         word = strsep(&rest, "|"))
        names[count++] = word;
    list[0] = '\0';
    for (size_t i = 0; i < count && at < LIST_MAX; i++) {
        int n = snprintf(list + at, LIST_MAX - at, "%s\"%s\"", i != 0 ? ", " : "", names[i]);
        at += n > 0 ? (size_t)n : 0;
    }
    const char *nearest = tm_text_nearest(given, names, count);
    snprintf(near, 256, "%s", nearest != NULL ? nearest : "");
}

static int unknown_option(const struct tm_option_def *defs, const char *what, const char *name,
                          struct tm_error *err)
{
    const char *names[NAMES_MAX] = {NULL};
    char list[LIST_MAX] = "";
    size_t count = 0, at = 0;
    for (; count < NAMES_MAX && defs[count].name != NULL; count++) {
        names[count] = defs[count].name;
        if (at < LIST_MAX) {
            int n = snprintf(list + at, LIST_MAX - at, "%s%s", count != 0 ? ", " : "",
                             defs[count].name);
            at += n > 0 ? (size_t)n : 0;
        }
    }
    const char *nearest = tm_text_nearest(name, names, count);
    int rc = tm_error_set(err, TM_E_OPTION, "%s has no option \"%s\"", what, name);
    if (count == 0)
        tm_error_hint(err, "%s takes no options", what);
    else if (nearest != NULL)
        tm_error_hint(err, "did you mean \"%s\"? The options are: %s", nearest, list);
    else
        tm_error_hint(err, "the options are: %s", list);
    return rc;
}

static int check_value(struct tm_option_value *v, const struct tm_option_def *def, const char *what,
                       struct tm_error *err)
{
    char given[512];
    show(v, given, sizeof(given));
    if (!convert(v, def->type)) {
        int rc = tm_error_set(err, TM_E_OPTION, "%s: %s must be %s, not %s", what, def->name,
                              expected(def->type), given);
        if (def->doc != NULL)
            tm_error_hint(err, "%s: %s", def->name, def->doc);
        return rc;
    }
    if (def->choices != NULL && def->type == TM_OPTION_STRING &&
        !is_choice(def->choices, v->text)) {
        char list[LIST_MAX], near[256];
        list_choices(def->choices, v->text, list, near);
        int rc = tm_error_set(err, TM_E_OPTION, "%s: %s must be one of %s, not %s", what, def->name,
                              list, given);
        if (near[0] != '\0')
            tm_error_hint(err, "did you mean \"%s\"?", near);
        return rc;
    }
    return 0;
}

static const struct tm_option_def *def_of(const struct tm_option_def *defs, const char *name)
{
    for (; defs->name != NULL; defs++)
        if (strcmp(defs->name, name) == 0)
            return defs;
    return NULL;
}

int tm_options_check(struct tm_options *o, const struct tm_option_def *defs, const char *what,
                     struct tm_error *err)
{
    for (uint32_t i = 0; i < o->count; i++) {
        const struct tm_option_def *def = def_of(defs, o->values[i].name);
        if (def == NULL)
            return unknown_option(defs, what, o->values[i].name, err);
        int rc = check_value(&o->values[i], def, what, err);
        if (rc != 0)
            return rc;
    }
    for (const struct tm_option_def *def = defs; def->name != NULL; def++) {
        if (find(o, def->name) != NULL)
            continue;
        if (def->required) {
            int rc = tm_error_set(err, TM_E_OPTION, "%s needs the option \"%s\"", what, def->name);
            if (def->doc != NULL)
                tm_error_hint(err, "%s: %s", def->name, def->doc);
            return rc;
        }
        if (def->fallback == NULL)
            continue;
        if (tm_options_set_string(o, def->name, def->fallback) != 0)
            return tm_error_set(err, TM_E_MEMORY, "%s: out of memory for its options", what);
        int rc = check_value(find(o, def->name), def, what, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

const struct tm_option_value *tm_options_get(const struct tm_options *o, const char *name)
{
    return find(o, name);
}

const char *tm_options_text(const struct tm_options *o, const char *name)
{
    const struct tm_option_value *v = find(o, name);
    return v != NULL ? v->text : NULL;
}

int64_t tm_options_integer(const struct tm_options *o, const char *name, int64_t fallback)
{
    const struct tm_option_value *v = find(o, name);
    return v != NULL ? v->integer : fallback;
}

double tm_options_number(const struct tm_options *o, const char *name, double fallback)
{
    const struct tm_option_value *v = find(o, name);
    return v != NULL ? v->number : fallback;
}
