// What is known of entries of maps before they are asked for, or since they were: of each row of a
// block and each map one entry, that which the row's call will ask for (where a column is the key
// of the map: the analysis of the function says so), or has asked for last. The chunk reads and
// writes such a value without a call of C (lua/codegen/collections.lua).
//
// A value stays where it is as long as the map's structure is the same, in pages that are the
// state's own: others are never known. What the chunk has written is in the entry's own `old` until
// something else changes: then the journal takes it over, as what comes later may move the value.
#include "core/operator/collections_private.h"

#include "core/base/hash.h"

static uint32_t known_count(const struct tm__operator_keyed *keyed)
{
    return TM__OPERATOR_BLOCK * keyed->record.collection_count;
}

int tm__operator_collections_open(struct tm__operator_keyed *keyed)
{
    bool maps = false;
    for (uint32_t n = 0; n < keyed->record.collection_count; n++)
        maps = maps || keyed->record.collections[n].is_map;
    if (!maps)
        return 0;
    keyed->known = tm_mem_zalloc(keyed->mem, known_count(keyed) * sizeof *keyed->known);
    return keyed->known == NULL ? TM_E_MEMORY : 0;
}

void tm__operator_collections_fini(struct tm__operator_keyed *keyed)
{
    if (keyed->known != NULL)
        tm_mem_free(keyed->mem, keyed->known, known_count(keyed) * sizeof *keyed->known);
}

// The key as Lua's numbers are; NaN where the chunk is not to look.
static inline double as_number(const struct tm__operator_collection_spec *spec, const void *bytes)
{
    int64_t i;
    double d;
    switch (spec->ttl_ms != 0 ? (int)TM_TYPE_STRING : (int)spec->key.kind) {
    case TM_TYPE_INT:
    case TM_TYPE_TIMESTAMP:
        memcpy(&i, bytes, sizeof i);
        return (double)i;
    case TM_TYPE_DOUBLE:
        memcpy(&d, bytes, sizeof d);
        return d;
    default:
        return (double)NAN;
    }
}

static inline void forget(struct tm_chain_known *known)
{
    known->key = (double)NAN;
    known->value = NULL;
    known->call = -1;
    known->key_length = TM__KNOWN_NOTHING;
    known->journaled = 0;
}

int tm__operator_know(struct tm__operator_keyed *keyed, const struct tm__operator_collection_at *at,
                      struct tm_chain_known *known, const struct tm_key *key, void *value,
                      uint32_t length)
{
    if (TM_UNLIKELY(keyed->entry->written != NULL)) {
        int rc = tm__operator_keyed_prepare(keyed, 0);
        if (rc != 0)
            return rc;
    }
    forget(known);
    if (key->length > sizeof known->of.text) // its bytes may not stay where they are
        return 0;
    tm__operator_keyed_copy(known->of.text, key->bytes, key->length);
    known->key_length = key->length;
    known->key = as_number(at->spec, known->of.text);
    known->as_of = (int32_t)at->head->map.changes;
    known->value = value;
    known->length = (int32_t)length;
    return 0;
}

// --- ahead ---------------------------------------------------------------------------------------

void tm__operator_collections_ask(const struct tm__operator_keyed *keyed)
{
    for (uint32_t n = 0; n < keyed->record.collection_count; n++)
        for (uint32_t i = 0; i < keyed->block->count; i++) {
            const struct tm__operator_collection_at at = tm__operator_collection_of(keyed, i, n);
            if (!at.spec->is_map) {
                tm_state_list_ask(&at.place, &at.head->list);
                continue;
            }
            tm_state_map_ask(&at.place, &at.head->map);
            forget(tm__operator_known_of(keyed, i, n));
        }
}

// The bytes of a map's key as the chunk gives them. False: there is none.
static inline bool key_of_row(const struct tm_field *field, const struct tm_row *row,
                              uint32_t index, struct tm_chain_known *known, struct tm_key *key)
{
    uint32_t length = tm_type_slot_bytes(field->type);
    const uint8_t *bytes = (const uint8_t *)row + field->offset;
    if (tm_row_is_null(row, index))
        return false;
    if (tm_type_is_reference(field->type))
        bytes = (const uint8_t *)tm_row_string(row, field->offset, &length);
    if (length > sizeof known->of.text) {
        known->of.bytes = bytes;
    } else {
        tm__operator_keyed_copy(known->of.text, bytes, length);
        bytes = known->of.text;
    }
    if (field->type.kind == TM_TYPE_DOUBLE) { // equal numbers have equal bytes
        double d = tm_row_double(row, field->offset);
        uint64_t nan = UINT64_C(0x7ff8000000000000);
        if (isnan(d))
            memcpy(known->of.text, &nan, sizeof nan);
        else if (d == 0)
            memset(known->of.text, 0, sizeof nan);
    }
    *key = (struct tm_key){tm_hash_bytes(bytes, length), bytes, length};
    return true;
}

static void look_some(const struct tm__operator_keyed *keyed,
                      const struct tm__operator_collection_spec *spec,
                      struct tm_state_map_look *looks, struct tm_chain_known **known,
                      uint32_t count)
{
    tm_state_map_look(keyed->state, looks, count);
    for (uint32_t k = 0; k < count; k++) {
        const struct tm_state_map_look *look = &looks[k];
        if (look->told == TM_STATE_UNTOLD)
            continue;
        known[k]->key_length = look->key.length;
        known[k]->key = as_number(spec, known[k]->of.text);
        known[k]->as_of = (int32_t)look->map->changes;
        known[k]->value = look->told == TM_STATE_THERE ? look->value : NULL;
        known[k]->length = (int32_t)look->length;
    }
}

static void look_ahead(const struct tm__operator_keyed *keyed, uint32_t n,
                       const struct tm_schema *input, uint32_t index)
{
    const struct tm__operator_block *block = keyed->block;
    const struct tm__operator_collection_spec *spec = &keyed->record.collections[n];
    struct tm_state_map_look looks[TM_STATE_LOOK];
    struct tm_chain_known *known[TM_STATE_LOOK];
    uint32_t count = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        const struct tm__operator_collection_at at = tm__operator_collection_of(keyed, i, n);
        known[count] = tm__operator_known_of(keyed, i, n);
        if (!key_of_row(&input->fields[index], block->rows[i], index, known[count],
                        &looks[count].key))
            continue;
        looks[count].map = &at.head->map;
        looks[count].key_group = at.place.key_group;
        if (++count == TM_STATE_LOOK) {
            look_some(keyed, spec, looks, known, count);
            count = 0;
        }
    }
    look_some(keyed, spec, looks, known, count);
}

void tm__operator_collections_look(const struct tm__operator_keyed *keyed,
                                   const struct tm_schema *input)
{
    for (uint32_t n = 0; n < keyed->record.collection_count; n++) {
        const struct tm__operator_collection_spec *spec = &keyed->record.collections[n];
        if (spec->ahead >= 0 && tm_type_equal(spec->key, input->fields[spec->ahead].type))
            look_ahead(keyed, n, input, (uint32_t)spec->ahead);
    }
}

// --- what the chunk has written ------------------------------------------------------------------

// The entries of the row of the call, *first of them in `known`. 0: nothing of this state is to be
// done. A context is that of several: each looks after its own.
static uint32_t row_of_written(const struct tm__operator_keyed *keyed,
                               struct tm_chain_known **first)
{
    struct tm_chain_known *written = keyed->entry->written;
    if (written == NULL || keyed->known == NULL || written < keyed->known ||
        written >= keyed->known + known_count(keyed))
        return 0;
    keyed->entry->written = NULL;
    if (written->call != keyed->entry->call)
        return 0;
    uint32_t count = keyed->record.collection_count;
    *first = written - (size_t)(written - keyed->known) % count;
    return count;
}

static bool is_to_take_back(const struct tm__operator_keyed *keyed,
                            const struct tm_chain_known *known)
{
    return known->call == keyed->entry->call && known->journaled == 0;
}

int tm__operator_collections_note_written(struct tm__operator_keyed *keyed)
{
    struct tm_chain_known *written = keyed->entry->written, *first;
    uint32_t count = row_of_written(keyed, &first);
    for (uint32_t n = 0; n < count; n++) {
        struct tm_chain_known *known = &first[n];
        if (!is_to_take_back(keyed, known))
            continue;
        int rc = tm__operator_keyed_prepare(keyed, known->key_length + sizeof known->old);
        if (rc != 0) {
            keyed->entry->written = written; // the call fails: what is not noted is taken back
            return rc;
        }
        const uint8_t *key =
            known->key_length <= sizeof known->of.text ? known->of.text : known->of.bytes;
        struct tm__operator_change change = {
            .kind = TM__CHANGE_MAP_OLD,
            .n = (uint8_t)n,
            .index = (uint32_t)((first - keyed->known) / count),
            .entry.key_length = known->key_length,
            .entry.value_length = sizeof known->old,
        };
        change.entry.bytes = tm__operator_keyed_put_aside(keyed, key, known->key_length);
        (void)tm__operator_keyed_put_aside(keyed, &known->old, sizeof known->old);
        tm__operator_keyed_note(keyed, &change);
        known->journaled = 1;
    }
    return 0;
}

void tm__operator_collections_take_back(struct tm__operator_keyed *keyed)
{
    struct tm_chain_known *first;
    uint32_t count = row_of_written(keyed, &first);
    for (uint32_t n = 0; n < count; n++)
        if (is_to_take_back(keyed, &first[n]))
            *first[n].value = first[n].old;
}
