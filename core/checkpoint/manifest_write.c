// A manifest as text.
#include <jansson.h>

#include "core/checkpoint/index.h"
#include "core/checkpoint/manifest_parts.h"

const char *const tm__layout_kinds[TM_LAYOUT_KINDS] = {"bytes", "blob", "map", "list", "items"};

// jansson answers NULL where memory fails and json_object_set_new refuses a NULL value, so one flag
// carries a failure to the end.
struct writer {
    struct tm_mem *mem;
    bool failed;
};

static void set(struct writer *w, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        w->failed = true;
}

static void add(struct writer *w, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        w->failed = true;
}

static void set_number(struct writer *w, json_t *object, const char *key, uint64_t value)
{
    set(w, object, key, json_integer((json_int_t)value));
}

static void set_if(struct writer *w, json_t *object, const char *key, uint64_t value)
{
    if (value != 0)
        set_number(w, object, key, value);
}

// Scripts and names may be in any encoding, JSON is in one: other bytes are written as {"hex": ..}.
static json_t *text_of(struct writer *w, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    json_t *value = json_string(text);
    if (value != NULL)
        return value;
    struct tm_buf hex;
    size_t length = strlen(text);
    tm_buf_init(&hex, w->mem);
    if (tm_buf_reserve(&hex, 2 * length) != 0)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        hex.data[hex.size_bytes++] = (uint8_t)digits[(uint8_t)text[i] >> 4];
        hex.data[hex.size_bytes++] = (uint8_t)digits[(uint8_t)text[i] & 15];
    }
    value = json_object();
    set(w, value, "hex", json_stringn((const char *)hex.data, hex.size_bytes));
    tm_buf_fini(&hex);
    return value;
}

static json_t *checksum_of(uint64_t checksum)
{
    return json_sprintf("%016llx", (unsigned long long)checksum);
}

static json_t *fields_of(struct writer *w, const struct tm_layout *layout)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct tm_layout_field *field = &layout->fields[i];
        json_t *one = json_object();
        set(w, one, "name", text_of(w, field->name));
        set(w, one, "type", text_of(w, field->type));
        set(w, one, "kind", json_string(tm__layout_kinds[field->kind]));
        set_number(w, one, "offset", field->offset);
        set_number(w, one, "bytes", field->bytes);
        if (field->present_bit != UINT32_MAX)
            set_number(w, one, "present_bit", field->present_bit);
        set_if(w, one, "present_at", field->present_at);
        set_if(w, one, "value_bytes", field->value_bytes);
        set_if(w, one, "head_bytes", field->head_bytes);
        set_if(w, one, "inside", field->inside);
        if (field->in_head)
            set(w, one, "in_head", json_true());
        add(w, list, one);
    }
    return list;
}

static json_t *part_of(struct writer *w, const struct tm_manifest_part *part)
{
    json_t *one = json_object();
    set(w, one, "name", text_of(w, part->name));
    set(w, one, "kind", json_string(tm_part_kinds[part->kind]));
    if (part->kind == TM_PART_ITEMS)
        set(w, one, "dealt", json_string(tm_item_kinds[part->dealt]));
    if (part->layout != NULL) {
        set_number(w, one, "value_bytes", part->layout->value_bytes);
        set(w, one, "fields", fields_of(w, part->layout));
    }
    return one;
}

static json_t *operators_of(struct writer *w, const struct tm_manifest *manifest)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < manifest->operator_count; i++) {
        const struct tm_manifest_operator *op = &manifest->operators[i];
        json_t *one = json_object(), *parts = json_array();
        set(w, one, "name", text_of(w, op->name));
        set(w, one, "kind", text_of(w, op->kind));
        set_number(w, one, "parallelism", op->parallelism);
        for (uint32_t k = 0; k < op->part_count; k++)
            add(w, parts, part_of(w, &op->parts[k]));
        set(w, one, "parts", parts);
        add(w, list, one);
    }
    return list;
}

static json_t *files_of(struct writer *w, const struct tm_manifest *manifest)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < manifest->file_count; i++) {
        const struct tm_manifest_file *file = &manifest->files[i];
        json_t *one = json_object();
        set(w, one, "path", text_of(w, file->path));
        set_number(w, one, "length", file->length);
        if (file->index_length != 0) {
            json_t *index = json_object();
            set_number(w, index, "offset", file->index_offset);
            set_number(w, index, "length", file->index_length);
            set(w, index, "checksum", checksum_of(file->index_checksum));
            set(w, one, "index", index);
        }
        add(w, list, one);
    }
    return list;
}

static json_t *manifest_of(struct writer *w, const struct tm_manifest *manifest)
{
    json_t *root = json_object(), *script = json_object();
    set_number(w, root, TM__VERSION_KEY, TM_MANIFEST_VERSION);
    set(w, root, "job", text_of(w, manifest->job));
    set_number(w, root, "checkpoint", manifest->checkpoint);
    set_number(w, root, "attempt", manifest->attempt);
    set(w, root, "created_ms", json_integer((json_int_t)manifest->created_ms));
    set(w, root, "kind", json_string(tm_checkpoint_kinds[manifest->kind]));
    set(w, root, "finished", json_boolean(manifest->finished));
    set(w, root, "drained", json_boolean(manifest->drained));
    set_number(w, root, "max_parallelism", manifest->max_parallelism);
    set_if(w, root, "in_flight_bytes", manifest->flight_bytes);
    set(w, script, "hash", checksum_of(manifest->script_hash));
    set(w, script, "text", text_of(w, manifest->script));
    set(w, root, "script", script);
    set(w, root, "types", text_of(w, manifest->types));
    if (manifest->schemas[0] != '\0')
        set(w, root, "schemas", text_of(w, manifest->schemas));
    set(w, root, "operators", operators_of(w, manifest));
    set(w, root, "files", files_of(w, manifest));
    return root;
}

static int put(const char *text, size_t length, void *arg)
{
    return tm_buf_append(arg, text, length) == 0 ? 0 : -1;
}

int tm_manifest_encode(struct tm_manifest *manifest, struct tm_buf *out)
{
    struct writer w = {.mem = out->mem};
    size_t begin = out->size_bytes;
    manifest->script_hash = tm_hash_bytes(manifest->script, strlen(manifest->script));
    json_t *root = manifest_of(&w, manifest);
    bool whole = !w.failed && json_dump_callback(root, put, out, JSON_INDENT(1)) == 0;
    json_decref(root);
    if (!whole || tm_buf_append(out, "\n", 1) != 0)
        return TM_E_MEMORY;
    uint64_t checksum = tm_hash_bytes(out->data + begin, out->size_bytes - begin);
    return tm_buf_printf(out, TM__TRAILER, (unsigned long long)checksum);
}
