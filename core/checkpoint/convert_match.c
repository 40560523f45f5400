// What becomes of each field of a layout in another: the first half of a conversion.
#include <stdio.h>
#include <string.h>

#include "core/checkpoint/convert_parts.h"
#include "core/state/collection.h"

static size_t convert_bytes(uint32_t step_capacity)
{
    return sizeof(struct tm_convert) + step_capacity * sizeof(struct tm__convert_step);
}

// --- layouts -------------------------------------------------------------------------------------

// Bytes of what a field's offsets are in.
static uint32_t bytes_around(const struct tm_layout *layout, const struct tm_layout_field *field)
{
    if (field->inside == 0)
        return layout->value_bytes;
    const struct tm_layout_field *items = &layout->fields[field->inside - 1];
    return field->in_head ? items->head_bytes : items->value_bytes;
}

static bool field_is_good(const struct tm_layout *layout, uint32_t i)
{
    const struct tm_layout_field *field = &layout->fields[i];
    static const uint32_t least[TM_LAYOUT_KINDS] = {
        [TM_LAYOUT_BLOB] = sizeof(struct tm_blob),
        [TM_LAYOUT_MAP] = sizeof(struct tm_state_map),
        [TM_LAYOUT_LIST] = sizeof(struct tm_state_list),
        [TM_LAYOUT_ITEMS] = sizeof(struct tm_blob),
    };
    if (field->inside > i || field->kind >= TM_LAYOUT_KINDS || field->bytes < least[field->kind] ||
        (field->inside != 0 && layout->fields[field->inside - 1].kind != TM_LAYOUT_ITEMS) ||
        (field->inside == 0 && field->in_head))
        return false;
    uint32_t around = bytes_around(layout, field);
    if (field->offset > around || field->bytes > around - field->offset)
        return false;
    if (field->present_bit != UINT32_MAX &&
        (field->present_bit >= 64 || around < sizeof(uint64_t) ||
         field->present_at > around - sizeof(uint64_t)))
        return false;
    return field->kind != TM_LAYOUT_ITEMS || field->value_bytes != 0;
}

static int check_layout(const struct tm_layout *layout, struct tm_error *err)
{
    for (uint32_t i = 0; i < layout->field_count; i++)
        if (!field_is_good(layout, i))
            return tm_error_set(err, TM_E_CHECKPOINT,
                                "field %u (\"%s\") of a state's layout cannot be so", i,
                                layout->fields[i].name);
    return 0;
}

// --- matching ------------------------------------------------------------------------------------

static const char *name_of_kind(uint32_t kind)
{
    static const char *const names[TM_LAYOUT_KINDS] = {
        [TM_LAYOUT_BYTES] = "a value of fixed size",
        [TM_LAYOUT_BLOB] = "a value of any size",
        [TM_LAYOUT_MAP] = "a map",
        [TM_LAYOUT_LIST] = "a list",
        [TM_LAYOUT_ITEMS] = "a list of items",
    };
    return names[kind];
}

static bool read_number(const char **at, char end, unsigned *number)
{
    const char *from = *at;
    *number = 0;
    for (; **at >= '0' && **at <= '9' && *number < 1000; ++*at)
        *number = *number * 10 + (unsigned)(**at - '0');
    return *at != from && *(*at)++ == end;
}

static bool read_decimal(const char *type, unsigned *digits, unsigned *scale)
{
    static const char begin[] = "decimal(";
    if (strncmp(type, begin, sizeof begin - 1) != 0)
        return false;
    type += sizeof begin - 1;
    return read_number(&type, ',', digits) && read_number(&type, ')', scale) && *type == 0;
}

// Do fewer digits of the same scale become more?
static bool decimal_widens(const char *from, const char *to)
{
    unsigned a, b, a_scale, b_scale;
    return read_decimal(from, &a, &a_scale) && read_decimal(to, &b, &b_scale) &&
           a_scale == b_scale && a <= b;
}

// Nothing but the type's name changes: each value of the one is one of the other.
static bool value_widens(const char *from, const char *to)
{
    return decimal_widens(from, to) || (strcmp(from, "int") == 0 && strcmp(to, "int64") == 0);
}

// What stands in front of the type of a column that has been added up, "sum(" of "sum(int)", where
// the same bytes mean the same of a wider column; 0: it is none of those.
static size_t accumulator_head(const char *type)
{
    static const char *const heads[] = {"sum(", "avg(",   "moments(", "min(",
                                        "max(", "first(", "last("};
    static const char beside[] = "value beside ";
    size_t skipped = strncmp(type, beside, sizeof beside - 1) == 0 ? sizeof beside - 1 : 0;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        if (strncmp(type + skipped, heads[i], strlen(heads[i])) == 0)
            return skipped + strlen(heads[i]);
    return 0;
}

static bool widens(const char *from, const char *to)
{
    char a[TM__CONVERT_TYPE_TEXT], b[TM__CONVERT_TYPE_TEXT];
    size_t head = accumulator_head(from), from_length = strlen(from), to_length = strlen(to);
    if (head == 0)
        return value_widens(from, to);
    if (strncmp(from, to, head) != 0 || from[from_length - 1] != ')' || to[to_length - 1] != ')')
        return false;
    snprintf(a, sizeof a, "%.*s", (int)(from_length - 1 - head), from + head);
    snprintf(b, sizeof b, "%.*s", (int)(to_length - 1 - head), to + head);
    return value_widens(a, b);
}

// "map(string,int)" and "list(int)": what keys and values are, into `key` and `value` of the size
// of a field's type. False: it is something else.
static bool read_collection(const char *type, char *key, char *value)
{
    size_t length = strlen(type), begin = strcspn(type, "(") + 1, at = begin;
    if (begin >= length || type[length - 1] != ')')
        return false;
    bool is_map = strncmp(type, "map(", 4) == 0;
    for (int depth = 0; is_map && at < length; at++) {
        depth += (type[at] == '(') - (type[at] == ')');
        if (type[at] == ',' && depth == 0)
            break;
    }
    snprintf(key, TM__CONVERT_TYPE_TEXT, "%.*s", is_map ? (int)(at - begin) : 0, type + begin);
    at += is_map;
    if (at >= length)
        return false;
    snprintf(value, TM__CONVERT_TYPE_TEXT, "%.*s", (int)(length - 1 - at), type + at);
    return true;
}

static int find_values(struct tm_mem *mem, const struct tm_layout_field *from,
                       const struct tm_layout_field *to, struct tm_value_change **change,
                       struct tm_error *err)
{
    char a_key[TM__CONVERT_TYPE_TEXT], a[TM__CONVERT_TYPE_TEXT], b_key[TM__CONVERT_TYPE_TEXT],
        b[TM__CONVERT_TYPE_TEXT];
    if (strcmp(from->type, to->type) == 0)
        return 0;
    if (!read_collection(from->type, a_key, a) || !read_collection(to->type, b_key, b) ||
        strcmp(a_key, b_key) != 0)
        return TM_E_STATE_TYPE;
    return tm_value_change_new(mem, a, b, change, err);
}

// How a field becomes another: 0; TM_E_STATE_TYPE: not at all, and err says more where more is to
// be said than both types; TM_E_MEMORY.
static int find_how(struct tm_mem *mem, struct tm__convert_step *step, struct tm_error *err)
{
    const struct tm_layout_field *from = step->from, *to = step->to;
    bool same = strcmp(from->type, to->type) == 0;
    if (from->kind != to->kind)
        return TM_E_STATE_TYPE;
    switch ((enum tm_layout_kind)from->kind) {
    case TM_LAYOUT_BYTES:
        step->how = TM__CONVERT_COPY;
        if (from->bytes != to->bytes)
            return TM_E_STATE_TYPE;
        if (same || widens(from->type, to->type))
            return 0;
        step->how = TM__CONVERT_TO_DOUBLE;
        return strcmp(from->type, "int") == 0 && strcmp(to->type, "double") == 0 &&
                       from->bytes == sizeof(int64_t)
                   ? 0
                   : TM_E_STATE_TYPE;
    case TM_LAYOUT_BLOB:
        step->how = TM__CONVERT_BLOB;
        return from->bytes != to->bytes
                   ? TM_E_STATE_TYPE
                   : tm_value_change_new(mem, from->type, to->type, &step->change, err);
    case TM_LAYOUT_MAP:
    case TM_LAYOUT_LIST:
        step->how = from->kind == TM_LAYOUT_MAP ? TM__CONVERT_MAP : TM__CONVERT_LIST;
        return find_values(mem, from, to, &step->change, err);
    case TM_LAYOUT_ITEMS:
        step->how = TM__CONVERT_ITEMS;
        return same ? 0 : TM_E_STATE_TYPE;
    default:
        return TM_E_STATE_TYPE;
    }
}

static bool is_type(struct tm_mem *mem, const char *text)
{
    struct tm_error ignored = {0};
    struct tm_type type;
    if (tm_type_parse(mem, text, &type, &ignored) != 0)
        return false; // it was too long to be kept
    tm_type_fini(&type);
    return true;
}

// Could a function of the job say what becomes of the field? Of values, and of those in lists and
// maps whose keys stay what they are.
static bool find_values_of(struct tm_mem *mem, struct tm__convert_step *step)
{
    const struct tm_layout_field *from = step->from, *to = step->to;
    char key[TM__CONVERT_TYPE_TEXT], to_key[TM__CONVERT_TYPE_TEXT], to_type[TM__CONVERT_TYPE_TEXT];
    if (strcmp(from->type, to->type) == 0)
        return false;
    if (from->kind <= TM_LAYOUT_BLOB && to->kind <= TM_LAYOUT_BLOB) {
        step->how = TM__CONVERT_MIGRATE;
        snprintf(step->type, sizeof step->type, "%s", from->type);
    } else if (from->kind == to->kind && from->kind != TM_LAYOUT_ITEMS &&
               read_collection(from->type, key, step->type) &&
               read_collection(to->type, to_key, to_type) && strcmp(key, to_key) == 0) {
        step->how = from->kind == TM_LAYOUT_MAP ? TM__CONVERT_MAP : TM__CONVERT_LIST;
    } else {
        return false;
    }
    return is_type(mem, step->type);
}

static bool find_migration(struct tm_mem *mem, struct tm__convert_step *step)
{
    step->migrates = step->to->migrates && find_values_of(mem, step);
    return step->migrates;
}

static int mismatch(const struct tm_layout_field *from, const struct tm_layout_field *to,
                    struct tm_error *err)
{
    const char *name = to->name[0] == 0 ? "the value" : to->name;
    char more[300] = ""; // which part of a struct it is
    if (err->code == TM_E_STATE_TYPE && strncmp(err->message, "type ", 5) != 0)
        snprintf(more, sizeof more, ": %.290s", err->message);
    if (from->kind != to->kind && (strcmp(from->type, to->type) == 0))
        return tm_error_set(err, TM_E_STATE_TYPE, "%s is %s (%s) in the checkpoint and %s (%s) now",
                            name, name_of_kind(from->kind), from->type, name_of_kind(to->kind),
                            to->type);
    if (strcmp(from->type, to->type) != 0)
        return tm_error_set(err, TM_E_STATE_TYPE, "%s is of type %s in the checkpoint and %s now%s",
                            name, from->type, to->type, more);
    return tm_error_set(err, TM_E_STATE_TYPE, "%s (%s) takes %u bytes in the checkpoint and %u now",
                        name, to->type, from->bytes, to->bytes);
}

// The step of the items that both fields are in: 1 + its number, 0 for the value. False: none.
static bool find_around(const struct tm_convert *convert, const struct tm_layout_field *from,
                        const struct tm_layout_field *to, uint32_t *inside)
{
    *inside = 0;
    if (from->inside == 0 || to->inside == 0)
        return from->inside == to->inside;
    for (uint32_t i = 0; i < convert->step_count; i++)
        if (convert->steps[i].from == &convert->from->fields[from->inside - 1] &&
            convert->steps[i].to == &convert->to->fields[to->inside - 1]) {
            *inside = i + 1;
            return from->in_head == to->in_head;
        }
    return false;
}

// What becomes of a field. TM_E_STATE_TYPE: DIFFERENT or UNTOLD, and err says why.
static int match(struct tm_convert *convert, const struct tm_layout_field *to,
                 enum tm_field_change *change, const struct tm_layout_field **found,
                 struct tm_error *err)
{
    *change = TM_FIELD_NEW;
    *found = NULL;
    for (uint32_t i = 0; i < convert->from->field_count; i++) {
        const struct tm_layout_field *from = &convert->from->fields[i];
        struct tm__convert_step step = {.from = from, .to = to};
        if (strcmp(from->name, to->name) != 0 || !find_around(convert, from, to, &step.inside))
            continue;
        struct tm__convert_step told = step;
        *found = from;
        *change = find_values_of(convert->mem, &told) ? TM_FIELD_UNTOLD : TM_FIELD_DIFFERENT;
        bool migrates = find_migration(convert->mem, &step);
        int rc = migrates ? 0 : find_how(convert->mem, &step, err);
        if (rc != 0)
            return rc == TM_E_STATE_TYPE ? mismatch(from, to, err) : rc;
        *change = migrates                            ? TM_FIELD_MIGRATED
                  : strcmp(from->type, to->type) == 0 ? TM_FIELD_KEPT
                                                      : TM_FIELD_WIDENED;
        convert->steps[convert->step_count++] = step;
        return 0;
    }
    return 0;
}

static int new_convert(struct tm_mem *mem, const struct tm_layout *from, const struct tm_layout *to,
                       struct tm_convert **convert, struct tm_error *err)
{
    *convert = NULL;
    int rc = check_layout(from, err);
    if (rc == 0)
        rc = check_layout(to, err);
    if (rc != 0)
        return rc;
    *convert = tm_mem_alloc(mem, convert_bytes(to->field_count));
    if (*convert == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a conversion of state");
    **convert =
        (struct tm_convert){.mem = mem, .from = from, .to = to, .step_capacity = to->field_count};
    return 0;
}

int tm_convert_new(struct tm_mem *mem, const struct tm_layout *from, const struct tm_layout *to,
                   struct tm_convert **convert, struct tm_error *err)
{
    enum tm_field_change change;
    const struct tm_layout_field *found;
    int rc = new_convert(mem, from, to, convert, err);
    for (uint32_t i = 0; rc == 0 && i < to->field_count; i++)
        rc = match(*convert, &to->fields[i], &change, &found, err);
    if (rc != 0) {
        tm_convert_free(*convert);
        *convert = NULL;
    }
    return rc;
}

static bool is_used(const struct tm_convert *convert, const struct tm_layout_field *from)
{
    for (uint32_t i = 0; i < convert->step_count; i++)
        if (convert->steps[i].from == from)
            return true;
    return false;
}

static bool has_name(const struct tm_layout *layout, const char *name)
{
    for (uint32_t i = 0; i < layout->field_count; i++)
        if (strcmp(layout->fields[i].name, name) == 0)
            return true;
    return false;
}

static void types_of(const struct tm_layout_field *from, const struct tm_layout_field *to,
                     char text[TM_CONVERT_TEXT])
{
    const char *was = from == NULL ? NULL : from->type, *is = to == NULL ? NULL : to->type;
    if (was != NULL && is != NULL && strcmp(was, is) != 0)
        snprintf(text, TM_CONVERT_TEXT, "%s becomes %s", was, is);
    else
        snprintf(text, TM_CONVERT_TEXT, "%s", was == NULL ? is : was);
}

int tm_convert_describe(struct tm_mem *mem, const struct tm_layout *from,
                        const struct tm_layout *to, tm_convert_each *each, void *arg,
                        struct tm_error *err)
{
    struct tm_convert *convert;
    char text[TM_CONVERT_TEXT];
    int rc = new_convert(mem, from, to, &convert, err);
    for (uint32_t i = 0; rc == 0 && i < to->field_count; i++) {
        const struct tm_layout_field *found;
        enum tm_field_change change;
        struct tm_error why = {0};
        rc = match(convert, &to->fields[i], &change, &found, &why);
        types_of(found, &to->fields[i], text);
        if (rc == TM_E_STATE_TYPE || rc == 0)
            each(arg, found, &to->fields[i], change, rc == 0 ? text : why.message);
        else
            *err = why;
        rc = rc == TM_E_STATE_TYPE ? 0 : rc;
    }
    for (uint32_t i = 0; rc == 0 && i < from->field_count; i++) {
        const struct tm_layout_field *field = &from->fields[i];
        types_of(field, NULL, text);
        if (!is_used(convert, field) && !has_name(to, field->name))
            each(arg, field, NULL, TM_FIELD_GONE, text);
    }
    tm_convert_free(convert);
    return rc;
}

void tm_convert_free(struct tm_convert *convert)
{
    if (convert == NULL)
        return;
    for (uint32_t i = 0; i < convert->step_count; i++)
        tm_value_change_free(convert->steps[i].change);
    tm_mem_free(convert->mem, convert, convert_bytes(convert->step_capacity));
}
