// A manifest from text that is not trusted: the checksum, then every field of every value.
#include <jansson.h>
#include <stdio.h>

#include "core/base/limits.h"
#include "core/checkpoint/index.h"
#include "core/checkpoint/manifest_parts.h"
#include "core/checkpoint/reading.h"

// The first thing that is wrong ends it: what is read after it is empty.
struct reader {
    struct tm_manifest *manifest;
    const char *wrong; // the name of what is wrong; NULL: nothing so far
    bool no_memory;
};

static void fail(struct reader *r, const char *what)
{
    if (r->wrong == NULL)
        r->wrong = what;
}

static const json_t *member(struct reader *r, const json_t *object, const char *key, json_type type)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_typeof(value) != type) {
        fail(r, key);
        return NULL;
    }
    return value;
}

static uint64_t number(struct reader *r, const json_t *object, const char *key, uint64_t min,
                       uint64_t max)
{
    const json_t *value = member(r, object, key, JSON_INTEGER);
    if (value == NULL)
        return min;
    json_int_t n = json_integer_value(value);
    if (n < 0 || (uint64_t)n < min || (uint64_t)n > max) {
        fail(r, key);
        return min;
    }
    return (uint64_t)n;
}

static bool boolean(struct reader *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_boolean(value))
        fail(r, key);
    return json_is_true(value);
}

static uint64_t checksum(struct reader *r, const json_t *object, const char *key)
{
    const json_t *value = member(r, object, key, JSON_STRING);
    uint64_t sum = 0;
    if (value == NULL)
        return 0;
    const char *text = json_string_value(value);
    if (json_string_length(value) != 16 || strspn(text, "0123456789abcdef") != 16)
        fail(r, key);
    else
        sum = strtoull(text, NULL, 16);
    return sum;
}

// --- texts ---------------------------------------------------------------------------------------

static char *keep(struct reader *r, const char *text, size_t length)
{
    char *copy = tm_arena_strndup(&r->manifest->arena, text, length);
    if (copy == NULL)
        r->no_memory = true;
    return copy;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *hex_text(struct reader *r, const json_t *object, const char *key)
{
    const json_t *hex = member(r, object, "hex", JSON_STRING);
    const char *digits = json_string_value(hex);
    char *text = hex == NULL ? NULL : keep(r, digits, json_string_length(hex));
    if (text == NULL)
        return "";
    size_t length = strlen(digits) / 2;
    for (size_t i = 0; i < length; i++) {
        int high = digit(digits[2 * i]), low = digit(digits[2 * i + 1]);
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            fail(r, key);
        text[i] = (char)((unsigned)high << 4 | (unsigned)low);
    }
    text[length] = '\0';
    if (strlen(digits) % 2 != 0)
        fail(r, key);
    return text;
}

// At most `max` bytes; never NULL.
static const char *text(struct reader *r, const json_t *object, const char *key, size_t max)
{
    const json_t *value = json_object_get(object, key);
    const char *found = "";
    if (json_is_object(value))
        found = hex_text(r, value, key);
    else if (json_is_string(value))
        found = keep(r, json_string_value(value), json_string_length(value));
    else
        fail(r, key);
    if (found != NULL && strlen(found) > max)
        fail(r, key);
    return found == NULL || strlen(found) > max ? "" : found;
}

static uint32_t one_of(struct reader *r, const json_t *object, const char *key,
                       const char *const *names, uint32_t count)
{
    const json_t *value = member(r, object, key, JSON_STRING);
    for (uint32_t i = 0; i < count && value != NULL; i++)
        if (strcmp(json_string_value(value), names[i]) == 0)
            return i;
    fail(r, key);
    return 0;
}

// --- operators -----------------------------------------------------------------------------------

// 0 where it is not said.
static uint32_t number_if(struct reader *r, const json_t *object, const char *key, uint64_t max)
{
    if (json_object_get(object, key) == NULL)
        return 0;
    return (uint32_t)number(r, object, key, 0, max);
}

// Field `index` of a layout. That it lies in the value, or in what it is inside of, is looked at by
// who uses it (convert.h).
static void get_field(struct reader *r, const json_t *from, uint32_t index,
                      struct tm_layout_field *field)
{
    memset(field, 0, sizeof *field);
    snprintf(field->name, sizeof field->name, "%s", text(r, from, "name", TM_NAME_MAX));
    snprintf(field->type, sizeof field->type, "%s", text(r, from, "type", sizeof field->type - 1));
    field->kind = one_of(r, from, "kind", tm__layout_kinds, TM_LAYOUT_KINDS);
    field->offset = (uint32_t)number(r, from, "offset", 0, UINT32_MAX);
    field->bytes = (uint32_t)number(r, from, "bytes", 0, UINT32_MAX);
    field->present_bit = UINT32_MAX;
    if (json_object_get(from, "present_bit") != NULL)
        field->present_bit = number_if(r, from, "present_bit", 63);
    field->present_at = number_if(r, from, "present_at", UINT32_MAX);
    field->value_bytes = number_if(r, from, "value_bytes", UINT32_MAX);
    field->head_bytes = number_if(r, from, "head_bytes", UINT32_MAX);
    field->inside = number_if(r, from, "inside", index);
    field->in_head = json_is_true(json_object_get(from, "in_head"));
}

static const struct tm_layout *get_layout(struct reader *r, const json_t *from)
{
    const json_t *list = member(r, from, "fields", JSON_ARRAY);
    size_t count = json_array_size(list);
    struct tm_layout *layout = tm_arena_alloc(&r->manifest->arena, sizeof *layout);
    struct tm_layout_field *fields =
        tm_arena_alloc(&r->manifest->arena, (count + 1) * sizeof *fields);
    if (layout == NULL || fields == NULL) {
        r->no_memory = true;
        return NULL;
    }
    *layout =
        (struct tm_layout){.value_bytes = (uint32_t)number(r, from, "value_bytes", 0, UINT32_MAX),
                           .field_count = (uint32_t)count,
                           .fields = fields};
    for (size_t i = 0; i < count; i++)
        get_field(r, json_array_get(list, i), (uint32_t)i, &fields[i]);
    return layout;
}

static void get_part(struct reader *r, const json_t *from, struct tm_manifest_operator *op)
{
    struct tm_manifest_part *part = tm__manifest_new_part(r->manifest, op);
    if (part == NULL) {
        r->no_memory = true;
        return;
    }
    part->name = text(r, from, "name", TM_NAME_MAX);
    part->kind = (enum tm_part_kind)one_of(r, from, "kind", tm_part_kinds, TM_PART_KINDS);
    if (part->kind == TM_PART_ITEMS)
        part->dealt = (enum tm_item_kind)one_of(r, from, "dealt", tm_item_kinds, TM_ITEM_KINDS);
    if (part->kind == TM_PART_STATE && json_object_get(from, "fields") != NULL)
        part->layout = get_layout(r, from);
}

static void get_operators(struct reader *r, const json_t *root)
{
    const json_t *list = member(r, root, "operators", JSON_ARRAY);
    for (size_t i = 0; i < json_array_size(list) && r->wrong == NULL && !r->no_memory; i++) {
        const json_t *from = json_array_get(list, i);
        struct tm_manifest_operator *op = tm__manifest_new_operator(r->manifest);
        if (op == NULL) {
            r->no_memory = true;
            return;
        }
        op->name = text(r, from, "name", TM_NAME_MAX);
        op->kind = text(r, from, "kind", TM_NAME_MAX);
        if (json_object_get(from, "connector") != NULL) // older ones have none
            op->connector = text(r, from, "connector", TM_NAME_MAX);
        op->parallelism = (uint32_t)number(r, from, "parallelism", 1, TM_PARALLELISM_MAX);
        const json_t *parts = member(r, from, "parts", JSON_ARRAY);
        for (size_t k = 0; k < json_array_size(parts) && r->wrong == NULL && !r->no_memory; k++)
            get_part(r, json_array_get(parts, k), op);
    }
}

// --- files ---------------------------------------------------------------------------------------

// A file below the folder, and nothing else: names of letters, digits, '-' and '.', none of which
// begins with '.'.
static bool is_below(const char *path)
{
    bool begins = true;
    for (const char *p = path; *p != '\0'; p++) {
        bool fine = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' ||
                    (!begins && (*p == '.' || *p == '/'));
        if (!fine)
            return false;
        begins = *p == '/';
    }
    return !begins;
}

static void get_files(struct reader *r, const json_t *root)
{
    const json_t *list = member(r, root, "files", JSON_ARRAY);
    for (size_t i = 0; i < json_array_size(list) && r->wrong == NULL && !r->no_memory; i++) {
        const json_t *from = json_array_get(list, i);
        struct tm_manifest_file *file = tm__manifest_new_file(r->manifest);
        if (file == NULL) {
            r->no_memory = true;
            return;
        }
        file->path = text(r, from, "path", TM__PATH_MAX);
        if (!is_below(file->path))
            fail(r, "path");
        file->length = number(r, from, "length", TM__FILE_HEAD_BYTES, INT64_MAX);
        if (json_object_get(from, "index") == NULL)
            continue;
        const json_t *index = member(r, from, "index", JSON_OBJECT);
        file->index_offset = number(r, index, "offset", TM__FILE_HEAD_BYTES, file->length);
        file->index_length = number(r, index, "length", 1, file->length - file->index_offset);
        file->index_checksum = checksum(r, index, "checksum");
    }
}

// --- all of it -----------------------------------------------------------------------------------

static void get_all(struct reader *r, const json_t *root)
{
    struct tm_manifest *m = r->manifest;
    m->job = text(r, root, "job", TM_NAME_MAX);
    m->checkpoint = number(r, root, "checkpoint", 1, INT64_MAX);
    m->attempt = (uint32_t)number(r, root, "attempt", 0, UINT32_MAX);
    m->created_ms = (int64_t)number(r, root, "created_ms", 0, INT64_MAX);
    m->kind =
        (enum tm_checkpoint_kind)one_of(r, root, "kind", tm_checkpoint_kinds, TM_CHECKPOINT_KINDS);
    m->finished = boolean(r, root, "finished");
    m->drained = boolean(r, root, "drained");
    m->max_parallelism = (uint32_t)number(r, root, "max_parallelism", 1, TM_MAX_PARALLELISM);
    if (json_object_get(root, "in_flight_bytes") != NULL)
        m->flight_bytes = number(r, root, "in_flight_bytes", 1, INT64_MAX);
    const json_t *script = member(r, root, "script", JSON_OBJECT);
    m->script_hash = checksum(r, script, "hash");
    m->script = text(r, script, "text", TM_MANIFEST_BYTES_MAX);
    m->types = text(r, root, "types", TM_MANIFEST_BYTES_MAX);
    if (json_object_get(root, "schemas") != NULL)
        m->schemas = text(r, root, "schemas", TM_MANIFEST_BYTES_MAX);
    get_operators(r, root);
    get_files(r, root);
}

static int damaged(const char *path, const char *why, struct tm_error *err)
{
    return tm_error_set(err, TM_E_CHECKPOINT, "%s is damaged: %s", path, why);
}

static int check_version(const char *path, const json_t *root, struct tm_error *err)
{
    const json_t *version = json_object_get(root, TM__VERSION_KEY);
    if (!json_is_integer(version) || json_integer_value(version) < 1)
        return damaged(path, "it does not say of which version it is", err);
    if (json_integer_value(version) <= TM_MANIFEST_VERSION)
        return 0;
    tm_error_set(err, TM_E_CHECKPOINT_VERSION,
                 "%s is of version %lld, and this tidemill (%s) reads up to version %d", path,
                 (long long)json_integer_value(version), TM_VERSION, TM_MANIFEST_VERSION);
    tm_error_hint(err, "a later tidemill wrote it: use that one, or a later one still");
    return TM_E_CHECKPOINT_VERSION;
}

static int decode_root(struct tm_manifest *manifest, const char *path, const json_t *root,
                       struct tm_error *err)
{
    struct reader r = {.manifest = manifest};
    int rc = check_version(path, root, err);
    if (rc != 0)
        return rc;
    get_all(&r, root);
    if (r.no_memory)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for %s", path);
    if (r.wrong != NULL)
        return tm_error_set(err, TM_E_CHECKPOINT, "%s is damaged: \"%s\" is missing or wrong", path,
                            r.wrong);
    return 0;
}

int tm_manifest_decode(struct tm_manifest *manifest, const char *path, const void *bytes,
                       size_t size, struct tm_error *err)
{
    char expected[TM__TRAILER_BYTES + 1];
    if (size <= TM__TRAILER_BYTES)
        return damaged(path, "it is too short", err);
    size_t length = size - TM__TRAILER_BYTES;
    snprintf(expected, sizeof expected, TM__TRAILER,
             (unsigned long long)tm_hash_bytes(bytes, length));
    if (memcmp((const char *)bytes + length, expected, TM__TRAILER_BYTES) != 0)
        return damaged(path, "it does not end with the checksum of what it says", err);
    json_error_t wrong;
    json_t *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &wrong);
    if (root == NULL)
        return damaged(path, wrong.text, err);
    int rc = decode_root(manifest, path, root, err);
    json_decref(root);
    return rc;
}

int tm_manifest_read(struct tm_manifest *manifest, const struct tm_fx *fx, const char *folder,
                     struct tm_error *err)
{
    char path[TM__FULL_PATH];
    struct tm_buf buf;
    int rc = tm__join(path, folder, "MANIFEST", err);
    if (rc != 0)
        return rc;
    tm_buf_init(&buf, manifest->arena.mem);
    rc = tm__read_file(fx, path, TM_MANIFEST_BYTES_MAX, &buf, err);
    if (rc == TM_E_NOT_FOUND)
        rc = tm_error_set(err, TM_E_CHECKPOINT, "%s is no checkpoint: it has no MANIFEST", folder);
    if (rc == 0)
        rc = tm_manifest_decode(manifest, path, buf.data, buf.size_bytes, err);
    tm_buf_fini(&buf);
    return rc;
}
