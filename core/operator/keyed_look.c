// Records of keyed states that came from a checkpoint, looked at before a function sees them:
// whatever is in them, nothing is read that is not there, and nothing belongs to two.
#include "core/batch/wire.h"
#include "core/operator/cut.h"
#include "core/operator/keyed.h"
#include "core/state/trust.h"

struct looking {
    const struct tm__operator_keyed *keyed;
    // Of a record, what may be wrong: values that lie elsewhere, and collections.
    struct {
        uint32_t offset;
        struct tm_type type;
    } values[TM_STATES_MAX];
    const struct tm_state_field *collections[TM_STATES_MAX];
    uint32_t value_count, collection_count;
    struct tm_state_trust trust; // of `group`, where there are collections
    uint32_t group;              // UINT32_MAX: none yet
};

// A function reads what is nested without looking. Of a text all bytes can be read.
static const char *wrong_bytes(struct tm__operator_seen *seen, struct tm_type type,
                               const void *bytes, uint32_t length)
{
    const struct tm_field field = {.name = "value", .type = type};
    if (!tm_type_is_reference(type))
        return length == tm_type_slot_bytes(type) ? NULL : "a value of a wrong size";
    if (type.kind != TM_TYPE_ANY && !tm_type_is_nested(type))
        return NULL;
    return tm_wire_check_value(&field, bytes, length, &seen->why) == 0 ? NULL : seen->why.message;
}

static const char *wrong_value(struct tm__operator_seen *seen, struct tm_type type,
                               const uint8_t *slot)
{
    struct tm_blob blob;
    memcpy(&blob, slot, sizeof blob);
    if (blob.length == 0)
        return NULL;
    const void *bytes = tm__operator_seen_blob(seen, &blob);
    return bytes == NULL ? "a value that is nowhere" : wrong_bytes(seen, type, bytes, blob.length);
}

// In front of a value with a time to live stands when it was accessed last.
static const char *wrong_item(struct tm__operator_seen *seen, const struct tm_state_field *state,
                              const struct tm_span *value)
{
    uint32_t head = state->ttl_ms != 0 ? sizeof(double) : 0;
    if (value->length < head)
        return "a value of a wrong size";
    return wrong_bytes(seen, state->type, (const uint8_t *)value->bytes + head,
                       value->length - head);
}

static const char *wrong_map(struct looking *looking, struct tm__operator_seen *seen,
                             const struct tm_state_field *state, const struct tm_state_map *map)
{
    const struct tm_place place = {seen->home.state, seen->home.ns, seen->home.key_group};
    struct tm_state_map_cursor cursor = {0};
    struct tm_key key;
    struct tm_span value;
    if (!tm_state_trust_map(&looking->trust, seen->home.ns, map))
        return "a map that is not whole";
    while (tm_state_map_next(&place, map, &cursor, &key, &value) == 1) {
        const char *wrong = wrong_bytes(seen, state->key, key.bytes, key.length);
        if (wrong == NULL)
            wrong = wrong_item(seen, state, &value);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

static const char *wrong_list(struct looking *looking, struct tm__operator_seen *seen,
                              const struct tm_state_field *state, const struct tm_state_list *list)
{
    const struct tm_place place = {seen->home.state, seen->home.ns, seen->home.key_group};
    struct tm_span values[TM_STATE_LIST_SOME];
    if (!tm_state_trust_list(&looking->trust, seen->home.ns, list))
        return "a list that is not whole";
    for (uint32_t i = 0; i < list->count;) {
        int count = tm_state_list_some(&place, list, i, values, TM_STATE_LIST_SOME);
        if (count <= 0)
            return "a list that is not whole";
        for (int k = 0; k < count; k++) {
            const char *wrong = wrong_item(seen, state, &values[k]);
            if (wrong != NULL)
                return wrong;
        }
        i += (uint32_t)count;
    }
    return NULL;
}

static const char *wrong_collection(struct looking *looking, struct tm__operator_seen *seen,
                                    const struct tm_state_field *state,
                                    const struct tm__operator_collection_spec *spec,
                                    const uint8_t *value)
{
    union {
        struct tm_state_map map;
        struct tm_state_list list;
    } head;
    memcpy(&head, value + spec->offset, TM__OPERATOR_COLLECTION_BYTES);
    return spec->is_map ? wrong_map(looking, seen, state, &head.map)
                        : wrong_list(looking, seen, state, &head.list);
}

// The same walk as that of tm__operator_record_init, which has made sure that there are as few.
static void find_what_may_be_wrong(struct looking *looking)
{
    const struct tm_node *node = looking->keyed->op->node;
    uint32_t at = sizeof(uint64_t);
    for (uint32_t i = 0; i < node->state_count; i++) {
        const struct tm_state_field *state = &node->states[i];
        if (tm__operator_scope_of(state) != looking->keyed->scope)
            continue;
        if (state->kind == TM_STATE_LIST || state->kind == TM_STATE_MAP) {
            looking->collections[looking->collection_count++] = state;
            continue;
        }
        bool accumulates = state->kind == TM_STATE_AGGREGATING;
        uint32_t values = accumulates ? state->type.of->field_count : 1;
        for (uint32_t v = 0; v < values; v++) {
            struct tm_type type = accumulates ? state->type.of->fields[v].type : state->type;
            if (tm_type_is_reference(type)) {
                looking->values[looking->value_count].offset = at;
                looking->values[looking->value_count++].type = type;
            }
            at += tm_type_slot_bytes(type);
        }
        at += state->ttl_ms != 0 ? (uint32_t)sizeof(double) : 0;
    }
}

static void next_group(struct looking *looking, const struct tm__operator_seen *seen)
{
    looking->group = seen->home.key_group;
    tm_state_trust_begin(seen->home.state, looking->group, &looking->trust);
    looking->trust.claims = seen->claims;
}

static const char *wrong(void *arg, struct tm__operator_seen *seen, const void *value)
{
    struct looking *looking = arg;
    const char *why = NULL;
    for (uint32_t i = 0; i < looking->value_count && why == NULL; i++)
        why = wrong_value(seen, looking->values[i].type,
                          (const uint8_t *)value + looking->values[i].offset);
    if (looking->collection_count != 0 && looking->group != seen->home.key_group)
        next_group(looking, seen);
    for (uint32_t i = 0; i < looking->collection_count && why == NULL; i++)
        why = wrong_collection(looking, seen, looking->collections[i],
                               &looking->keyed->record.collections[i], value);
    return why;
}

int tm__operator_keyed_look(const struct tm__operator_keyed *keyed, const char *part,
                            struct tm_state *state, struct tm_error *err)
{
    struct looking looking = {.keyed = keyed, .group = UINT32_MAX};
    find_what_may_be_wrong(&looking);
    const struct tm_key_reader *reader = keyed->scope == TM__SCOPE_KEY ? &keyed->keys.reader : NULL;
    return looking.value_count + looking.collection_count != 0
               ? tm__operator_look_at_state(keyed->op, part, state, reader, wrong, &looking, err)
               : 0;
}
