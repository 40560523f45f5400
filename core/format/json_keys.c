// Prediction and look-up of keys.
#include "core/format/json_keys.h"

#include "core/base/hash.h"
#include "core/format/json_index.h"
#include "core/format/json_string.h"

static void match_nothing(struct tm__key_node *node)
{
    node->mask = UINT32_C(1) << TM__CHUNK_BYTES;
}

// Is the name in JSON the same bytes, and right in themselves?
static bool is_plain(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)name[i] < 0x20 || name[i] == '"' || name[i] == '\\')
            return false;
    }
    return tm__utf8_is_valid((const uint8_t *)name, len);
}

static void set_pattern(struct tm__key_node *node)
{
    if (!is_plain(node->name, node->length)) { // always looked up
        match_nothing(node);
        return;
    }
    node->span = node->length + 3;
    for (uint32_t i = 0; i < node->span && i < TM__CHUNK_BYTES; i++) {
        bool inside = i > 0 && i <= node->length;
        node->pattern[i] = inside ? (uint8_t)node->name[i - 1] : i == node->span - 1 ? ':' : '"';
        node->mask |= UINT32_C(1) << i;
    }
}

static uint32_t *slot_of(struct tm__keys *keys, const void *name, size_t len)
{
    uint32_t i = (uint32_t)tm_hash_bytes(name, len) & (keys->table_size - 1);
    while (keys->table[i] != 0) {
        const struct tm__key_node *node = &keys->nodes[keys->table[i] - 1];
        if (node->length == len && memcmp(node->name, name, len) == 0)
            break;
        i = (i + 1) & (keys->table_size - 1);
    }
    return &keys->table[i];
}

static size_t node_count(const struct tm__keys *keys)
{
    return (size_t)keys->field_count + keys->unknown_max + 2;
}

static int init(struct tm__keys *keys, struct tm_mem *mem, const struct tm_schema *schema,
                const char *const *names, const uint64_t *used, uint32_t unknown_max);

// The fields of a nested type, which nodes of their own stand for. A list has one, "item", a map
// "key" and "value": these are no names that anyone looks up.
static int init_nested(struct tm__key_node *node, struct tm_mem *mem)
{
    if (!tm_type_is_nested(node->type))
        return 0;
    node->keys = tm_mem_zalloc(mem, sizeof *node->keys);
    if (node->keys == NULL)
        return TM_E_MEMORY;
    bool is_struct = node->type.kind == TM_TYPE_STRUCT;
    int rc =
        init(node->keys, mem, node->type.of, NULL, NULL, is_struct ? TM__KEYS_UNKNOWN_NESTED : 0);
    if (rc != 0) {
        tm_mem_free(mem, node->keys, sizeof *node->keys);
        node->keys = NULL;
        return rc;
    }
    node->plain = node->type.kind != TM_TYPE_MAP && node->type.of->field_count <= 64;
    for (uint32_t i = 0; i < node->type.of->field_count; i++) {
        const struct tm__key_node *inner = &node->keys->nodes[i];
        node->plain = node->plain && inner->type.kind != TM_TYPE_ANY &&
                      (inner->plain || !tm_type_is_nested(inner->type));
    }
    return 0;
}

static int init_fields(struct tm__keys *keys, const struct tm_schema *schema,
                       const char *const *names, const uint64_t *used)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < keys->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        struct tm__key_node *node = &keys->nodes[i];
        node->field = -1;
        node->next = keys->other;
        if ((field->flags & TM_FIELD_HIDDEN) != 0) {
            match_nothing(node); // the engine's own: no input may set it
            continue;
        }
        node->name = names == NULL ? field->name : names[i];
        node->length = (uint32_t)strlen(node->name);
        node->offset = field->offset;
        node->field = (int32_t)i;
        node->word = i >> 6;
        node->bit = UINT64_C(1) << (i & 63);
        node->type = field->type;
        node->used = used == NULL || ((used[i >> 6] >> (i & 63)) & 1) != 0;
        node->required = (field->flags & TM_FIELD_REQUIRED) != 0;
        keys->required[node->word] |= node->required ? node->bit : 0;
        set_pattern(node);
        *slot_of(keys, node->name, node->length) = i + 1;
        // The first guess is the order of the schema.
        node->next = i + 1 < keys->field_count ? node + 1 : keys->other;
        rc = init_nested(node, keys->mem);
    }
    return rc;
}

static int init(struct tm__keys *keys, struct tm_mem *mem, const struct tm_schema *schema,
                const char *const *names, const uint64_t *used, uint32_t unknown_max)
{
    *keys = (struct tm__keys){.mem = mem,
                              .field_count = schema->field_count,
                              .table_size = 4,
                              .unknown_max = unknown_max};
    while (keys->table_size < 2 * node_count(keys))
        keys->table_size *= 2;
    keys->nodes = tm_mem_zalloc(mem, node_count(keys) * sizeof *keys->nodes);
    keys->table = tm_mem_zalloc(mem, keys->table_size * sizeof *keys->table);
    keys->required = tm_mem_zalloc(mem, schema->null_words * sizeof *keys->required);
    int rc = keys->nodes == NULL || keys->table == NULL || keys->required == NULL ? TM_E_MEMORY : 0;
    if (rc == 0) {
        keys->start = &keys->nodes[keys->field_count + unknown_max];
        keys->other = keys->start + 1;
        rc = init_fields(keys, schema, names, used);
    }
    if (rc != 0) {
        tm__keys_fini(keys);
        return rc;
    }
    for (struct tm__key_node *node = keys->start; node <= keys->other; node++) {
        match_nothing(node);
        node->field = -1;
        node->next = node == keys->start ? keys->nodes : keys->other;
    }
    return 0;
}

int tm__keys_init(struct tm__keys *keys, struct tm_mem *mem, const struct tm_schema *schema,
                  const char *const *names, const uint64_t *used)
{
    return init(keys, mem, schema, names, used, TM__KEYS_UNKNOWN);
}

void tm__keys_fini(struct tm__keys *keys)
{
    for (uint32_t i = 0; keys->nodes != NULL && i < keys->field_count; i++) {
        struct tm__key_node *node = &keys->nodes[i];
        if (node->keys == NULL)
            continue;
        tm__keys_fini(node->keys);
        tm_mem_free(keys->mem, node->keys, sizeof *node->keys);
    }
    tm_mem_free(keys->mem, keys->nodes, node_count(keys) * sizeof *keys->nodes);
    tm_mem_free(keys->mem, keys->table, keys->table_size * sizeof *keys->table);
    tm_mem_free(keys->mem, keys->required, (keys->field_count + 63) / 64 * sizeof *keys->required);
    tm_mem_free(keys->mem, keys->names, TM__KEYS_UNKNOWN_BYTES);
}

void tm__keys_guess(struct tm__keys *keys)
{
    for (uint32_t i = 0; i < keys->field_count + keys->unknown_count; i++) {
        keys->nodes[i].usual = keys->nodes[i].misses = 0;
        if (keys->nodes[i].keys != NULL)
            tm__keys_guess(keys->nodes[i].keys);
    }
}

static struct tm__key_node *remember_unknown(struct tm__keys *keys, const uint8_t *p, size_t len,
                                             uint32_t *slot)
{
    if (keys->unknown_count == keys->unknown_max || len > TM__KEYS_UNKNOWN_BYTES - keys->names_used)
        return keys->other;
    if (keys->names == NULL &&
        (keys->names = tm_mem_alloc(keys->mem, TM__KEYS_UNKNOWN_BYTES)) == NULL)
        return keys->other; // it is looked up again, that is all
    uint32_t index = keys->field_count + keys->unknown_count++;
    struct tm__key_node *node = &keys->nodes[index];
    char *name = keys->names + keys->names_used;
    memcpy(name, p, len);
    keys->names_used += len;
    node->name = name;
    node->length = (uint32_t)len;
    node->field = -1;
    node->next = keys->other;
    set_pattern(node);
    *slot = index + 1;
    return node;
}

struct tm__key_node *tm__keys_find(struct tm__keys *keys, const uint8_t *p, size_t len,
                                   uint8_t *scratch)
{
    if (memchr(p, '\\', len) != NULL) {
        const uint8_t *at;
        len = tm__json_unescape(p, p + len, scratch, &at);
        if (len == SIZE_MAX)
            return NULL;
        p = scratch;
    }
    uint32_t *slot = slot_of(keys, p, len);
    return *slot != 0 ? &keys->nodes[*slot - 1] : remember_unknown(keys, p, len, slot);
}

struct tm__key_node *tm__keys_find_plain(struct tm__keys *keys, const void *name, size_t len)
{
    uint32_t slot = *slot_of(keys, name, len);
    return slot != 0 && keys->nodes[slot - 1].field >= 0 ? &keys->nodes[slot - 1] : NULL;
}
