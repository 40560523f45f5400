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

static void ask(const struct tm__operator_keyed *keyed, uint32_t n)
{
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

// Equal numbers have equal bytes.
static void even_out(struct tm_chain_known *known)
{
    double d;
    const uint64_t nan = UINT64_C(0x7ff8000000000000);
    memcpy(&d, known->of.text, sizeof d);
    if (isnan(d))
        memcpy(known->of.text, &nan, sizeof nan);
    else if (d == 0)
        memset(known->of.text, 0, sizeof d);
}

// The bytes of a map's key as the chunk gives them.
static inline void key_of_row(const struct tm_field *field, const struct tm_row *row,
                              struct tm_chain_known *known, struct tm_key *key)
{
    uint32_t length = sizeof(uint64_t);
    const uint8_t *bytes = (const uint8_t *)row + field->offset;
    if (tm_type_is_reference(field->type))
        bytes = (const uint8_t *)tm_row_string(row, field->offset, &length);
    else if (TM_UNLIKELY(field->type.kind == TM_TYPE_DECIMAL))
        length = tm_type_slot_bytes(field->type);
    key->length = length;
    key->bytes = bytes;
    if (TM_UNLIKELY(length > sizeof known->of.text)) {
        known->of.bytes = bytes;
        return;
    }
    tm__operator_keyed_copy(known->of.text, bytes, length);
    key->bytes = known->of.text;
    if (field->type.kind == TM_TYPE_DOUBLE)
        even_out(known);
}

// Some of a block's entries under way.
struct search {
    uint32_t count;
    struct tm_state_map_look looks[TM_STATE_LOOK];
    struct tm_chain_known *known[TM_STATE_LOOK];
};

// From row *i on.
static void begin(const struct tm__operator_keyed *keyed, uint32_t n, const struct tm_field *field,
                  uint32_t column, uint32_t *i, struct search *search)
{
    const struct tm__operator_block *block = keyed->block;
    uint32_t offset = keyed->record.collections[n].offset, count = 0;
    bool plain = keyed->record.collections[n].is_fixed;
    for (; *i < block->count && count < TM_STATE_LOOK; ++*i) {
        struct tm_chain_known *known = tm__operator_known_of(keyed, *i, n);
        forget(known);
        if (tm_row_is_null(block->rows[*i], column))
            continue;
        struct tm_state_map_look *look = &search->looks[count];
        search->known[count++] = known;
        look->map = (const void *)(keyed->slots[*i] + offset);
        look->record_hash = block->keys[*i].hash;
        key_of_row(field, block->rows[*i], known, &look->key);
        look->plain = plain && look->key.length == sizeof(uint64_t);
    }
    search->count = count;
    tm_state_map_look_begin(keyed->state, search->looks, count);
}

static void end(const struct tm__operator_collection_spec *spec, struct search *search)
{
    tm_state_map_look(search->looks, search->count);
    for (uint32_t k = 0; k < search->count; k++) {
        const struct tm_state_map_look *look = &search->looks[k];
        struct tm_chain_known *known = search->known[k];
        if (look->told == TM_STATE_UNTOLD)
            continue;
        known->key_length = look->key.length;
        known->key = as_number(spec, known->of.text);
        known->as_of = (int32_t)look->map->changes;
        known->value = look->told == TM_STATE_THERE ? look->value : NULL;
        known->length = (int32_t)look->length;
    }
}

// While the maps of some rows are on their way, entries of those before are found.
static void look_ahead(const struct tm__operator_keyed *keyed, uint32_t n,
                       const struct tm_field *field, uint32_t column)
{
    struct search searches[2];
    uint32_t row = 0, turn = 0;
    begin(keyed, n, field, column, &row, &searches[0]);
    for (; searches[turn].count != 0; turn ^= 1) {
        begin(keyed, n, field, column, &row, &searches[turn ^ 1]);
        end(&keyed->record.collections[n], &searches[turn]);
    }
}

// Keys and values that are words, which are most. Some of a block's rows.
struct words {
    uint32_t count;
    struct tm_chain_known *first; // every so many of them: of the first row
    const struct tm_key *keys;    // of the first row, and so on
    struct tm_state_map_words of;
};

static bool are_words(const struct tm__operator_collection_spec *spec, const struct tm_field *field)
{
    return spec->is_word &&
           (field->type.kind == TM_TYPE_INT || field->type.kind == TM_TYPE_TIMESTAMP);
}

static void begin_words(const struct tm__operator_keyed *keyed, uint32_t n, uint32_t field_offset,
                        uint32_t column, uint32_t from, struct words *words)
{
    const struct tm__operator_block *block = keyed->block;
    uint32_t offset = keyed->record.collections[n].offset, left = block->count - from;
    words->count = left < TM_STATE_LOOK ? left : TM_STATE_LOOK;
    words->first = tm__operator_known_of(keyed, from, n);
    for (uint32_t k = 0; k < words->count; k++) {
        const struct tm_row *row = block->rows[from + k];
        words->of.map[k] =
            tm_row_is_null(row, column) ? NULL : (const void *)(keyed->slots[from + k] + offset);
        memcpy(&words->of.word[k], (const uint8_t *)row + field_offset, sizeof words->of.word[k]);
    }
    words->keys = &block->keys[from];
    tm_state_map_words_begin(keyed->state, &words->of, words->keys, words->count);
}

// `call` and `journaled` are of an earlier call, which says as much as of none.
static void end_words(const struct tm__operator_keyed *keyed, struct words *words)
{
    struct tm_chain_known *known = words->first;
    uint32_t step = keyed->record.collection_count;
    tm_state_map_words_look(&words->of, words->count);
    for (uint32_t k = 0; k < words->count; k++, known += step) {
        if (TM_UNLIKELY((words->of.told >> k & 1) == 0)) {
            forget(known);
            continue;
        }
        uint64_t word = words->of.word[k];
        known->key = (double)(int64_t)word;
        known->value = words->of.value[k];
        known->as_of = (int32_t)words->of.map[k]->changes;
        known->length = sizeof(uint64_t);
        known->key_length = sizeof(uint64_t);
        memcpy(known->of.text, &word, sizeof word);
    }
}

static void look_ahead_words(const struct tm__operator_keyed *keyed, uint32_t n,
                             const struct tm_field *field, uint32_t column)
{
    enum { STEPS = 3 };
    struct words words[STEPS];
    const uint32_t count = keyed->block->count;
    uint32_t begun = 0, aimed = 0, ended = 0;
    for (uint32_t from = 0; ended * TM_STATE_LOOK < count; from += TM_STATE_LOOK) {
        if (from < count)
            begin_words(keyed, n, field->offset, column, from, &words[begun++ % STEPS]);
        if (from >= TM_STATE_LOOK && aimed < begun) {
            struct words *now = &words[aimed++ % STEPS];
            tm_state_map_words_aim(keyed->state, &now->of, now->keys, now->count);
        }
        if (from >= 2 * TM_STATE_LOOK)
            end_words(keyed, &words[ended++ % STEPS]);
    }
}

void tm__operator_collections_ask(const struct tm__operator_keyed *keyed)
{
    const struct tm_schema *ahead = keyed->ahead;
    for (uint32_t n = 0; n < keyed->record.collection_count; n++) {
        int32_t column = ahead == NULL ? -1 : keyed->record.collections[n].ahead;
        const struct tm_field *field = column < 0 ? NULL : &ahead->fields[column];
        bool is_ahead =
            field != NULL && tm_type_equal(keyed->record.collections[n].key, field->type);
        if (is_ahead && are_words(&keyed->record.collections[n], field))
            look_ahead_words(keyed, n, field, (uint32_t)column);
        else if (is_ahead)
            look_ahead(keyed, n, field, (uint32_t)column);
        else
            ask(keyed, n);
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
