// What becomes of each field is found out once; then entries go one by one. Nothing that a value
// refers to is followed before it has been looked at (core/state/trust.h).
#include "core/checkpoint/convert.h"

#include <stdio.h>
#include <string.h>

#include "core/checkpoint/value.h"
#include "core/state/image.h"
#include "core/state/trust.h"

enum { TYPE_TEXT = sizeof((struct tm_layout_field *)0)->type };

enum how { COPY, TO_DOUBLE, BLOB, MAP, LIST, ITEMS, MIGRATE };

struct step {
    enum how how;
    const struct tm_layout_field *from, *to;
    uint32_t inside;                // 1 + the step of the items it is in; 0: the value
    struct tm_value_change *change; // of BLOB, and of each value of MAP and LIST; NULL: none
    bool migrates;                  // a function makes it, or each value of MAP and LIST
    char type[TYPE_TEXT];           // of what it makes it of
};

struct tm_convert {
    struct tm_mem *mem;
    const struct tm_layout *from, *to;
    uint32_t step_count, step_capacity;
    struct step steps[];
};

static size_t convert_bytes(uint32_t step_capacity)
{
    return sizeof(struct tm_convert) + step_capacity * sizeof(struct step);
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
static bool widens(const char *from, const char *to)
{
    return decimal_widens(from, to) || (strcmp(from, "int") == 0 && strcmp(to, "int64") == 0);
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
    snprintf(key, TYPE_TEXT, "%.*s", is_map ? (int)(at - begin) : 0, type + begin);
    at += is_map;
    if (at >= length)
        return false;
    snprintf(value, TYPE_TEXT, "%.*s", (int)(length - 1 - at), type + at);
    return true;
}

static int find_values(struct tm_mem *mem, const struct tm_layout_field *from,
                       const struct tm_layout_field *to, struct tm_value_change **change,
                       struct tm_error *err)
{
    char a_key[TYPE_TEXT], a[TYPE_TEXT], b_key[TYPE_TEXT], b[TYPE_TEXT];
    if (strcmp(from->type, to->type) == 0)
        return 0;
    if (!read_collection(from->type, a_key, a) || !read_collection(to->type, b_key, b) ||
        strcmp(a_key, b_key) != 0)
        return TM_E_STATE_TYPE;
    return tm_value_change_new(mem, a, b, change, err);
}

// How a field becomes another: 0; TM_E_STATE_TYPE: not at all, and err says more where more is to
// be said than both types; TM_E_MEMORY.
static int find_how(struct tm_mem *mem, struct step *step, struct tm_error *err)
{
    const struct tm_layout_field *from = step->from, *to = step->to;
    bool same = strcmp(from->type, to->type) == 0;
    if (from->kind != to->kind)
        return TM_E_STATE_TYPE;
    switch ((enum tm_layout_kind)from->kind) {
    case TM_LAYOUT_BYTES:
        step->how = COPY;
        if (from->bytes != to->bytes)
            return TM_E_STATE_TYPE;
        if (same || widens(from->type, to->type))
            return 0;
        step->how = TO_DOUBLE;
        return strcmp(from->type, "int") == 0 && strcmp(to->type, "double") == 0 &&
                       from->bytes == sizeof(int64_t)
                   ? 0
                   : TM_E_STATE_TYPE;
    case TM_LAYOUT_BLOB:
        step->how = BLOB;
        return from->bytes != to->bytes
                   ? TM_E_STATE_TYPE
                   : tm_value_change_new(mem, from->type, to->type, &step->change, err);
    case TM_LAYOUT_MAP:
    case TM_LAYOUT_LIST:
        step->how = from->kind == TM_LAYOUT_MAP ? MAP : LIST;
        return find_values(mem, from, to, &step->change, err);
    case TM_LAYOUT_ITEMS:
        step->how = ITEMS;
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

// Is it for a function of the job to say what becomes of the field? Of values, and of those in
// lists and maps whose keys stay what they are.
static bool find_migration(struct tm_mem *mem, struct step *step)
{
    const struct tm_layout_field *from = step->from, *to = step->to;
    char key[TYPE_TEXT], to_key[TYPE_TEXT], to_type[TYPE_TEXT];
    if (!to->migrates || strcmp(from->type, to->type) == 0)
        return false;
    if (from->kind <= TM_LAYOUT_BLOB && to->kind <= TM_LAYOUT_BLOB) {
        step->how = MIGRATE;
        snprintf(step->type, sizeof step->type, "%s", from->type);
    } else if (from->kind == to->kind && from->kind != TM_LAYOUT_ITEMS &&
               read_collection(from->type, key, step->type) &&
               read_collection(to->type, to_key, to_type) && strcmp(key, to_key) == 0) {
        step->how = from->kind == TM_LAYOUT_MAP ? MAP : LIST;
    } else {
        return false;
    }
    step->migrates = is_type(mem, step->type);
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

// What becomes of a field. TM_E_STATE_TYPE: DIFFERENT, and err says why.
static int match(struct tm_convert *convert, const struct tm_layout_field *to,
                 enum tm_field_change *change, const struct tm_layout_field **found,
                 struct tm_error *err)
{
    *change = TM_FIELD_NEW;
    *found = NULL;
    for (uint32_t i = 0; i < convert->from->field_count; i++) {
        const struct tm_layout_field *from = &convert->from->fields[i];
        struct step step = {.from = from, .to = to};
        if (strcmp(from->name, to->name) != 0 || !find_around(convert, from, to, &step.inside))
            continue;
        *found = from;
        *change = TM_FIELD_DIFFERENT;
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

// --- values --------------------------------------------------------------------------------------

// One old key group on its way.
struct conversion {
    const struct tm_convert *convert;
    const struct tm_migration *migration;
    const struct tm_key *key;
    struct tm_place from, to;
    struct tm_state_trust trust;
    struct tm_buf value; // one that has been made anew
    struct tm_error *err;
};

static int damaged(const struct conversion *c, const struct step *step)
{
    return tm_error_set(c->err, TM_E_CHECKPOINT,
                        "%s of a key of key group %u is damaged: it refers to what is not there",
                        step->from->name[0] == 0 ? "the value" : step->from->name,
                        c->from.key_group);
}

// `rc` of a value's change, with whose value it is.
static int unchanged(const struct conversion *c, const struct step *step, int rc)
{
    return rc == TM_E_MEMORY
               ? rc
               : tm_error_prefix(c->err, "%s of a key of key group %u",
                                 step->from->name[0] == 0 ? "the value" : step->from->name,
                                 c->from.key_group);
}

static int failed(const struct conversion *c, int rc)
{
    return tm_error_set(c->err, rc, "out of memory for keyed state");
}

static bool is_present(const struct tm_layout_field *field, const uint8_t *value)
{
    uint64_t word;
    if (field->present_bit == UINT32_MAX)
        return true;
    memcpy(&word, value + field->present_at, sizeof word);
    return (word >> field->present_bit & 1) != 0;
}

static void set_present(const struct tm_layout_field *field, uint8_t *value)
{
    uint64_t word;
    if (field->present_bit == UINT32_MAX)
        return;
    memcpy(&word, value + field->present_at, sizeof word);
    word |= 1ull << field->present_bit;
    memcpy(value + field->present_at, &word, sizeof word);
}

// A value by a function of the job: 1: it is nothing now.
static int migrate_value(struct conversion *c, const struct step *step, struct tm_span *value)
{
    if (c->migration == NULL)
        return tm_error_set(c->err, TM_E_INTERNAL, "nobody migrates %s", step->to->name);
    int rc = c->migration->migrate(c->migration->arg, step->to, step->type, c->key, value->bytes,
                                   value->length, &value->bytes, &value->length, c->err);
    return rc == 0 && value->bytes == NULL ? 1 : rc;
}

static int migrate_field(struct conversion *c, const struct step *step, const uint8_t *from,
                         uint8_t *to)
{
    struct tm_span value = {from, step->from->bytes};
    struct tm_blob blob, made = {0};
    if (step->from->kind == TM_LAYOUT_BLOB) {
        memcpy(&blob, from, sizeof blob);
        if (!tm_state_trust_blob(&c->trust, c->from.ns, &blob))
            return damaged(c, step);
        value.length = blob.length;
        value.bytes = tm_state_blob_get(c->from.state, c->from.key_group, &blob);
        if (value.bytes == NULL)
            return failed(c, TM_E_MEMORY);
    }
    int rc = migrate_value(c, step, &value);
    if (rc != 0)
        return rc;
    if (step->to->kind == TM_LAYOUT_BYTES) {
        if (value.length != step->to->bytes)
            return tm_error_set(c->err, TM_E_INTERNAL, "%s migrates to %u bytes, not %u",
                                step->to->name, value.length, step->to->bytes);
        memcpy(to, value.bytes, value.length);
        return 0;
    }
    rc =
        tm_state_blob_set(c->to.state, c->to.ns, c->to.key_group, &made, value.bytes, value.length);
    memcpy(to, &made, sizeof made);
    return rc == 0 ? 0 : failed(c, rc);
}

static int convert_blob(struct conversion *c, const struct step *step, const uint8_t *from,
                        uint8_t *to)
{
    struct tm_blob blob, made = {0};
    memcpy(&blob, from, sizeof blob);
    if (!tm_state_trust_blob(&c->trust, c->from.ns, &blob))
        return damaged(c, step);
    struct tm_span value = {.length = blob.length};
    value.bytes = tm_state_blob_get(c->from.state, c->from.key_group, &blob);
    if (value.bytes == NULL)
        return failed(c, TM_E_MEMORY);
    int rc = step->change == NULL ? 0
                                  : tm_value_change_apply(step->change, value.bytes, value.length,
                                                          &value.bytes, &value.length, c->err);
    if (rc != 0)
        return unchanged(c, step, rc);
    rc =
        tm_state_blob_set(c->to.state, c->to.ns, c->to.key_group, &made, value.bytes, value.length);
    if (rc != 0)
        return failed(c, rc);
    memcpy(to, &made, sizeof made);
    size_t more = sizeof made; // behind it: what its owner knows of it
    if (step->from->bytes > more && step->from->bytes == step->to->bytes)
        memcpy(to + more, from + more, step->from->bytes - more);
    return 0;
}

// What stands behind the head of a collection, where both know of times to live.
static void copy_tail(const struct step *step, const uint8_t *from, uint8_t *to, size_t head)
{
    if (step->from->bytes == step->to->bytes && step->from->value_bytes == step->to->value_bytes)
        memcpy(to + head, from + head, step->from->bytes - head);
}

// A value of a map or list: what stands in front of it is left out where the new one has no such
// thing, and nothing where the old one has none; what is behind it is changed. 1: it is left out.
static int change_value(struct conversion *c, const struct step *step, struct tm_span *value)
{
    uint32_t was = step->from->value_bytes, is = step->to->value_bytes;
    if (value->length < was)
        return damaged(c, step);
    if (was == is && step->change == NULL && !step->migrates)
        return 0;
    struct tm_span inner = {(const uint8_t *)value->bytes + was, value->length - was};
    if (step->migrates) {
        int nothing = migrate_value(c, step, &inner);
        if (nothing != 0)
            return nothing;
    }
    int rc = step->change == NULL ? 0
                                  : tm_value_change_apply(step->change, inner.bytes, inner.length,
                                                          &inner.bytes, &inner.length, c->err);
    if (rc != 0)
        return unchanged(c, step, rc);
    c->value.size_bytes = 0;
    if (tm_buf_reserve(&c->value, is + inner.length) != 0)
        return failed(c, TM_E_MEMORY);
    memset(c->value.data, 0, is);
    if (was == is)
        memcpy(c->value.data, value->bytes, is);
    memcpy(c->value.data + is, inner.bytes, inner.length);
    *value = (struct tm_span){c->value.data, is + inner.length};
    return 0;
}

static int convert_map(struct conversion *c, const struct step *step, const uint8_t *from,
                       uint8_t *to)
{
    struct tm_state_map map, made = {0};
    struct tm_state_map_cursor cursor = {0};
    struct tm_key key;
    struct tm_span value;
    int rc;
    memcpy(&map, from, sizeof map);
    if (!tm_state_trust_map(&c->trust, c->from.ns, &map))
        return damaged(c, step);
    while ((rc = tm_state_map_next(&c->from, &map, &cursor, &key, &value)) == 1) {
        rc = change_value(c, step, &value);
        if (rc < 0)
            return rc;
        rc = rc == 1 ? 0 : tm_state_map_put(&c->to, &made, &key, value.bytes, value.length);
        if (rc < 0)
            break;
    }
    if (rc < 0)
        return failed(c, rc);
    memcpy(to, &made, sizeof made);
    copy_tail(step, from, to, sizeof made);
    return 0;
}

static int convert_list(struct conversion *c, const struct step *step, const uint8_t *from,
                        uint8_t *to)
{
    struct tm_state_list list, made = {0};
    struct tm_span values[TM_STATE_LIST_SOME];
    memcpy(&list, from, sizeof list);
    if (!tm_state_trust_list(&c->trust, c->from.ns, &list))
        return damaged(c, step);
    for (uint32_t i = 0; i < list.count;) {
        int count = tm_state_list_some(&c->from, &list, i, values, TM_STATE_LIST_SOME);
        if (count <= 0)
            return failed(c, TM_E_MEMORY);
        for (int k = 0; k < count; k++) {
            int rc = change_value(c, step, &values[k]);
            if (rc < 0)
                return rc;
            rc = rc == 1 ? 0
                         : tm_state_list_append(&c->to, &made, values[k].bytes, values[k].length);
            if (rc != 0)
                return failed(c, rc);
        }
        i += (uint32_t)count;
    }
    memcpy(to, &made, sizeof made);
    copy_tail(step, from, to, sizeof made);
    return 0;
}

static int convert_fields(struct conversion *c, uint32_t inside, bool in_head, const uint8_t *from,
                          uint8_t *to);

// As deep as items are in items.
static int convert_items(struct conversion *c, const struct step *step, const uint8_t *from,
                         uint8_t *to)
{
    const struct tm_layout_field *f = step->from, *t = step->to;
    struct tm_blob blob, made = {0};
    memcpy(&blob, from, sizeof blob);
    if (blob.length == 0)
        return 0;
    if (!tm_state_trust_blob(&c->trust, c->from.ns, &blob) || blob.length < f->head_bytes)
        return damaged(c, step);
    uint64_t count = (blob.length - f->head_bytes) / f->value_bytes;
    uint64_t length = t->head_bytes + count * t->value_bytes;
    if (length > UINT32_MAX / 2)
        return tm_error_set(c->err, TM_E_STATE_TYPE, "%s of a key becomes too large: %llu bytes",
                            t->name, (unsigned long long)length);
    if (length == 0)
        return 0;
    const uint8_t *bytes = tm_state_blob_get(c->from.state, c->from.key_group, &blob);
    uint8_t *items =
        tm_state_blob_zalloc(c->to.state, c->to.ns, c->to.key_group, &made, (uint32_t)length);
    if (bytes == NULL || items == NULL)
        return failed(c, TM_E_MEMORY);
    memcpy(to, &made, sizeof made);
    uint32_t number = (uint32_t)(step - c->convert->steps) + 1;
    int rc = convert_fields(c, number, true, bytes, items);
    bytes += f->head_bytes;
    items += t->head_bytes;
    for (; count > 0 && rc == 0; count--, bytes += f->value_bytes, items += t->value_bytes)
        rc = convert_fields(c, number, false, bytes, items);
    return rc;
}

// 1: it is nothing now.
static int convert_field(struct conversion *c, const struct step *step, const uint8_t *from,
                         uint8_t *to)
{
    switch (step->how) {
    case COPY:
        memcpy(to, from, step->to->bytes);
        return 0;
    case TO_DOUBLE: {
        int64_t number;
        memcpy(&number, from, sizeof number);
        double as_double = (double)number; // of type int: exact
        memcpy(to, &as_double, sizeof as_double);
        return 0;
    }
    case BLOB:
        return convert_blob(c, step, from, to);
    case MAP:
        return convert_map(c, step, from, to);
    case LIST:
        return convert_list(c, step, from, to);
    case ITEMS:
        return convert_items(c, step, from, to);
    case MIGRATE:
        return migrate_field(c, step, from, to);
    }
    return 0;
}

// The fields of a value, of a head or of an item.
static int convert_fields(struct conversion *c, uint32_t inside, bool in_head, const uint8_t *from,
                          uint8_t *to)
{
    const struct tm_convert *convert = c->convert;
    for (uint32_t i = 0; i < convert->step_count; i++) {
        const struct step *step = &convert->steps[i];
        if (step->inside != inside || step->to->in_head != in_head || !is_present(step->from, from))
            continue;
        int rc = convert_field(c, step, from + step->from->offset, to + step->to->offset);
        if (rc < 0)
            return rc;
        if (rc == 0) // else it is nothing now
            set_present(step->to, to);
    }
    return 0;
}

// --- entries -------------------------------------------------------------------------------------

static int convert_entry(struct conversion *c, const struct tm_key *key, const uint8_t *value)
{
    bool created;
    uint8_t *to = tm_state_upsert(c->to.state, c->to.ns, key, &created);
    if (to == NULL)
        return failed(c, TM_E_MEMORY);
    if (!created)
        return tm_error_set(c->err, TM_E_CHECKPOINT, "a key of key group %u is there twice",
                            c->from.key_group);
    c->to.key_group = tm_state_key_group(c->to.state, key->hash);
    c->key = key;
    return convert_fields(c, 0, false, value, to);
}

// Entries come in the order of their slots. Those of a key group go to all that it overlaps,
// evenly.
static int expect_entries(struct conversion *c)
{
    uint32_t old_max, new_max, old_first, old_last, first, last;
    tm_state_key_groups(c->from.state, &old_max, &old_first, &old_last);
    tm_state_key_groups(c->to.state, &new_max, &first, &last);
    uint64_t entries = tm_state_namespace_size(c->from.ns) / (old_last - old_first + 1);
    uint64_t begin = (uint64_t)c->from.key_group * new_max / old_max;
    uint64_t end = (((uint64_t)c->from.key_group + 1) * new_max - 1) / old_max;
    uint64_t each = entries / (end - begin + 1);
    int rc = 0;
    for (uint64_t group = begin; group <= end && rc == 0; group++)
        if (group >= first && group <= last)
            rc = tm_state_expect(c->to.state, c->to.ns, (uint32_t)group,
                                 each < UINT32_MAX ? (uint32_t)each : UINT32_MAX);
    return rc == 0 ? 0 : failed(c, rc);
}

static int convert_table(struct conversion *c)
{
    uint32_t max_parallelism, first, last;
    struct tm_state_cursor cursor;
    struct tm_key key;
    const void *value;
    bool expected = false;
    int rc = 0;
    tm_state_key_groups(c->to.state, &max_parallelism, &first, &last);
    tm_state_iterate(c->from.state, c->from.ns, c->from.key_group, &cursor);
    while (rc == 0 && tm_state_next(&cursor, &key, &value)) {
        uint32_t group = tm_state_key_group(c->to.state, key.hash);
        if (group < first || group > last)
            continue;
        int64_t id = tm_state_namespace_id(c->from.ns);
        if (c->to.ns == NULL)
            c->to.ns = tm_state_namespace_find(c->to.state, id);
        if (c->to.ns == NULL)
            c->to.ns = tm_state_namespace_create(c->to.state, id);
        rc = c->to.ns == NULL ? failed(c, TM_E_MEMORY) : expected ? 0 : expect_entries(c);
        expected = true;
        rc = rc != 0 ? rc : convert_entry(c, &key, value);
    }
    return rc == 0 && cursor.code != 0 ? failed(c, cursor.code) : rc;
}

int tm_convert_state(const struct tm_convert *convert, const struct tm_migration *migration,
                     struct tm_state *from, struct tm_state *to, struct tm_error *err)
{
    uint32_t max_parallelism, first, last;
    int rc = 0;
    tm_state_key_groups(from, &max_parallelism, &first, &last);
    for (uint32_t group = first; group <= last && rc == 0; group++) {
        struct conversion c = {.convert = convert,
                               .migration = migration,
                               .from = {.state = from, .key_group = group},
                               .to = {.state = to},
                               .err = err};
        tm_buf_init(&c.value, convert->mem);
        tm_state_trust_begin(from, group, &c.trust);
        for (c.from.ns = tm_state_namespace_first(from); c.from.ns != NULL && rc == 0;
             c.from.ns = tm_state_namespace_next(c.from.ns)) {
            c.to.ns = NULL;
            rc = convert_table(&c);
        }
        tm_buf_fini(&c.value);
    }
    return rc;
}

// --- timers --------------------------------------------------------------------------------------

struct timer_conversion {
    struct tm_timers *to;
    enum tm_timer_domain domain;
    uint32_t max_parallelism, first, last;
    int rc;
};

static bool add_timer(void *arg, const struct tm_timer *timer)
{
    struct timer_conversion *c = arg;
    uint32_t group = tm_hash_key_group(timer->key.hash, c->max_parallelism);
    if (group >= c->first && group <= c->last)
        c->rc = tm_timers_add(c->to, c->domain, timer);
    return c->rc >= 0;
}

int tm_convert_timers(struct tm_timers *from, struct tm_timers *to, struct tm_error *err)
{
    uint32_t first, last;
    tm_timers_key_groups(from, &first, &last);
    struct timer_conversion c = {.to = to};
    tm_state_key_groups(tm_timers_state(to), &c.max_parallelism, &c.first, &c.last);
    for (int domain = 0; domain < TM_TIMER_DOMAINS; domain++)
        for (uint32_t group = first; group <= last && c.rc >= 0; group++) {
            c.domain = (enum tm_timer_domain)domain;
            tm_timers_walk(from, c.domain, group, add_timer, &c);
        }
    return c.rc < 0 ? tm_error_set(err, c.rc, "a timer cannot be kept") : 0;
}
