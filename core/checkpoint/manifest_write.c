// A manifest as text.
#include "core/base/json_make.h"
#include "core/checkpoint/index.h"
#include "core/checkpoint/manifest_parts.h"

const char *const tm__layout_kinds[TM_LAYOUT_KINDS] = {"bytes", "blob", "map", "list", "items"};

static void set_number(struct tm_json_maker *w, json_t *object, const char *key, uint64_t value)
{
    tm_json_set(w, object, key, json_integer((json_int_t)value));
}

static void set_if(struct tm_json_maker *w, json_t *object, const char *key, uint64_t value)
{
    if (value != 0)
        set_number(w, object, key, value);
}

// Scripts and names may be in any encoding, JSON is in one: other bytes are written as {"hex": ..}.
static json_t *text_of(struct tm_json_maker *w, const char *text)
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
    tm_json_set(w, value, "hex", json_stringn((const char *)hex.data, hex.size_bytes));
    tm_buf_fini(&hex);
    return value;
}

static json_t *checksum_of(uint64_t checksum)
{
    return json_sprintf("%016llx", (unsigned long long)checksum);
}

static json_t *fields_of(struct tm_json_maker *w, const struct tm_layout *layout)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct tm_layout_field *field = &layout->fields[i];
        json_t *one = json_object();
        tm_json_set(w, one, "name", text_of(w, field->name));
        tm_json_set(w, one, "type", text_of(w, field->type));
        tm_json_set(w, one, "kind", json_string(tm__layout_kinds[field->kind]));
        set_number(w, one, "offset", field->offset);
        set_number(w, one, "bytes", field->bytes);
        if (field->present_bit != UINT32_MAX)
            set_number(w, one, "present_bit", field->present_bit);
        set_if(w, one, "present_at", field->present_at);
        set_if(w, one, "value_bytes", field->value_bytes);
        set_if(w, one, "head_bytes", field->head_bytes);
        set_if(w, one, "inside", field->inside);
        if (field->in_head)
            tm_json_set(w, one, "in_head", json_true());
        tm_json_add(w, list, one);
    }
    return list;
}

static json_t *part_of(struct tm_json_maker *w, const struct tm_manifest_part *part)
{
    json_t *one = json_object();
    tm_json_set(w, one, "name", text_of(w, part->name));
    tm_json_set(w, one, "kind", json_string(tm_part_kinds[part->kind]));
    if (part->kind == TM_PART_ITEMS)
        tm_json_set(w, one, "dealt", json_string(tm_item_kinds[part->dealt]));
    if (part->layout != NULL) {
        set_number(w, one, "value_bytes", part->layout->value_bytes);
        tm_json_set(w, one, "fields", fields_of(w, part->layout));
    }
    return one;
}

static json_t *operators_of(struct tm_json_maker *w, const struct tm_manifest *manifest)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < manifest->operator_count; i++) {
        const struct tm_manifest_operator *op = &manifest->operators[i];
        json_t *one = json_object(), *parts = json_array();
        tm_json_set(w, one, "name", text_of(w, op->name));
        tm_json_set(w, one, "kind", text_of(w, op->kind));
        if (op->connector[0] != '\0')
            tm_json_set(w, one, "connector", text_of(w, op->connector));
        set_number(w, one, "parallelism", op->parallelism);
        for (uint32_t k = 0; k < op->part_count; k++)
            tm_json_add(w, parts, part_of(w, &op->parts[k]));
        tm_json_set(w, one, "parts", parts);
        tm_json_add(w, list, one);
    }
    return list;
}

static json_t *files_of(struct tm_json_maker *w, const struct tm_manifest *manifest)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < manifest->file_count; i++) {
        const struct tm_manifest_file *file = &manifest->files[i];
        json_t *one = json_object();
        tm_json_set(w, one, "path", text_of(w, file->path));
        set_number(w, one, "length", file->length);
        if (file->index_length != 0) {
            json_t *index = json_object();
            set_number(w, index, "offset", file->index_offset);
            set_number(w, index, "length", file->index_length);
            tm_json_set(w, index, "checksum", checksum_of(file->index_checksum));
            tm_json_set(w, one, "index", index);
        }
        tm_json_add(w, list, one);
    }
    return list;
}

static json_t *manifest_of(struct tm_json_maker *w, const struct tm_manifest *manifest)
{
    json_t *root = json_object(), *script = json_object();
    set_number(w, root, TM__VERSION_KEY, TM_MANIFEST_VERSION);
    tm_json_set(w, root, "job", text_of(w, manifest->job));
    set_number(w, root, "checkpoint", manifest->checkpoint);
    set_number(w, root, "attempt", manifest->attempt);
    tm_json_set(w, root, "created_ms", json_integer((json_int_t)manifest->created_ms));
    tm_json_set(w, root, "kind", json_string(tm_checkpoint_kinds[manifest->kind]));
    tm_json_set(w, root, "finished", json_boolean(manifest->finished));
    tm_json_set(w, root, "drained", json_boolean(manifest->drained));
    set_number(w, root, "max_parallelism", manifest->max_parallelism);
    set_if(w, root, "in_flight_bytes", manifest->flight_bytes);
    tm_json_set(w, script, "hash", checksum_of(manifest->script_hash));
    tm_json_set(w, script, "text", text_of(w, manifest->script));
    tm_json_set(w, root, "script", script);
    tm_json_set(w, root, "types", text_of(w, manifest->types));
    if (manifest->schemas[0] != '\0')
        tm_json_set(w, root, "schemas", text_of(w, manifest->schemas));
    tm_json_set(w, root, "operators", operators_of(w, manifest));
    tm_json_set(w, root, "files", files_of(w, manifest));
    return root;
}

int tm_manifest_encode(struct tm_manifest *manifest, struct tm_buf *out)
{
    struct tm_json_maker w = {.mem = out->mem};
    size_t begin = out->size_bytes;
    manifest->script_hash = tm_hash_bytes(manifest->script, strlen(manifest->script));
    json_t *root = manifest_of(&w, manifest);
    if (tm_json_print(&w, root, 1, out) != 0)
        return TM_E_MEMORY;
    uint64_t checksum = tm_hash_bytes(out->data + begin, out->size_bytes - begin);
    return tm_buf_printf(out, TM__TRAILER, (unsigned long long)checksum);
}
