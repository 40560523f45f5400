// Counting distinct values: exactly, in a set; or approximately, in a HyperLogLog sketch.
//
// The set of words (integers, times, doubles in their canonical form) is a table of the values
// themselves; zero, which would be an empty slot, is a flag. The set of texts is a table of slots
// too: a text of up to seven bytes lies in its slot (its length + 1 in the top byte), a longer one
// in an arena behind it, a second blob of {length, bytes}, and its slot holds 24 bits of its hash
// and its offset. Decimals are texts of 16 bytes.
//
// The sketch begins as an exact set of 64-bit hashes. When that would grow beyond the sketch's own
// size it becomes 2^13 registers of a byte: register i keeps the longest run of leading zeros, plus
// one, among the hashes that begin with i. Which of both forms it has, and its registers, follow
// from the set of values alone: not from their order, nor from how partial sketches were merged.
// The estimate is the improved one of O. Ertl (New cardinality estimation algorithms for
// HyperLogLog sketches, 2017), which needs no tables of corrections. Standard error 1.04 /
// sqrt(2^13) = 1.15 %.
#include <math.h>

#include "core/base/hash.h"
#include "core/operator/cut.h"
#include "core/operator/slots.h"

enum { HAS_ZERO = 1, IS_FULL = 2, IS_DENSE = 4 }; // notes
enum {
    REGISTER_BITS = 13,
    REGISTERS = 1 << REGISTER_BITS,
    RANK_MAX = 64 - REGISTER_BITS + 1,
    SPARSE_SLOTS_MAX = REGISTERS / 8, // as many bytes as the registers
    SET_SLOTS_MAX = TM_DISTINCT_BYTES_MAX / 8,
};

struct distinct {
    struct tm__operator_slots set; // dense: its blob is the registers
    struct tm_blob arena;
    uint32_t arena_used;
    uint32_t reserved;
};
_Static_assert(sizeof(struct distinct) == TM__DISTINCT_VALUE_BYTES, "the accumulator in the value");

struct tm_blob *tm__operator_distinct_arena(void *acc)
{
    return &((struct distinct *)acc)->arena;
}

int tm__operator_slots_grow(struct tm__operator_slots *table, const struct tm__operator_home *home,
                            enum tm__operator_slot_kind kind, uint32_t most)
{
    uint32_t capacity = tm__operator_slots_capacity(table);
    uint32_t larger = capacity == 0 ? 2 : capacity * 2;
    if (larger > most)
        return TM_E_LIMIT;
    struct tm_blob blob = {0};
    uint64_t *to = tm_state_blob_zalloc(home->state, home->ns, home->key_group, &blob, larger * 8);
    if (to == NULL)
        return TM_E_MEMORY;
    const uint64_t *from = tm__operator_slots_of(home, table);
    for (uint32_t i = 0; i < capacity; i++) {
        if (from[i] == 0)
            continue;
        uint32_t at = tm__operator_slot_home(kind, tm__operator_slot_key(kind, from[i]), larger);
        while (to[at] != 0)
            at = (at + 1) & (larger - 1);
        to[at] = from[i];
    }
    int rc = tm_state_blob_set(home->state, home->ns, home->key_group, &table->blob, "", 0);
    table->blob = blob;
    return rc; // 0: nothing is allocated for an empty one
}

// --- sets of words -------------------------------------------------------------------------------

// TM_E_LIMIT: it is not there, and more than `most` slots would be needed.
static inline int add_word(struct tm__operator_slots *set, const struct tm__operator_home *home,
                           uint64_t word, uint32_t most)
{
    if (TM_UNLIKELY(word == 0)) {
        set->note |= HAS_ZERO;
        return 0;
    }
    for (;;) {
        uint32_t capacity = tm__operator_slots_capacity(set);
        if (TM_LIKELY(capacity != 0)) {
            uint64_t *slots = tm__operator_slots_edit(home, set);
            if (TM_UNLIKELY(slots == NULL))
                return TM_E_MEMORY;
            uint32_t at = tm__operator_slots_seek(TM__SLOT_WORD, slots, capacity, word);
            if (TM_LIKELY(slots[at] != 0))
                return 0;
            if (TM_LIKELY(tm__operator_slots_has_room(set))) {
                slots[at] = word;
                set->count++;
                return 0;
            }
        }
        int rc = tm__operator_slots_grow(set, home, TM__SLOT_WORD, most);
        if (rc != 0)
            return rc;
    }
}

static int set_full(struct tm__operator_slots *set, int rc)
{
    if (rc != TM_E_LIMIT)
        return rc;
    set->note |= IS_FULL;
    return 0;
}

static inline int add_exact(struct tm__operator_slots *set, const struct tm__operator_home *home,
                            uint64_t word)
{
    int rc = add_word(set, home, word, SET_SLOTS_MAX);
    return TM_LIKELY(rc == 0) ? 0 : set_full(set, rc);
}

// --- sets of texts -------------------------------------------------------------------------------

// A text of at most seven bytes as its slot.
static inline uint64_t short_slot(const uint8_t *p, uint32_t length)
{
    uint64_t word = 0;
    if (length >= 4) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + length - 4, 4);
        word = low | (uint64_t)high << (length - 4) * 8;
    } else if (length != 0) { // the first, the middle, the last; some are the same byte
        word = p[0] | (uint64_t)p[length / 2] << length / 2 * 8 |
               (uint64_t)p[length - 1] << (length - 1) * 8;
    }
    return word | (uint64_t)(length + 1) << 56;
}

static inline const uint8_t *arena_of(const struct distinct *acc,
                                      const struct tm__operator_home *home)
{
    return tm_state_blob_get(home->state, home->key_group, &acc->arena);
}

static inline bool arena_holds(const uint8_t *arena, uint32_t offset, const void *bytes,
                               uint32_t length)
{
    uint32_t there;
    memcpy(&there, arena + offset, sizeof there);
    return there == length && memcmp(arena + offset + sizeof there, bytes, length) == 0;
}

static int arena_append(struct distinct *acc, const struct tm__operator_home *home,
                        const void *bytes, uint32_t length)
{
    uint64_t needed = (uint64_t)acc->arena_used + sizeof length + length;
    if (needed > TM_DISTINCT_BYTES_MAX)
        return TM_E_LIMIT;
    uint8_t *arena;
    if (needed > acc->arena.length) {
        uint64_t larger = acc->arena.length + (uint64_t)acc->arena.length / 2;
        if (larger < needed)
            larger = needed;
        if (larger > TM_DISTINCT_BYTES_MAX)
            larger = TM_DISTINCT_BYTES_MAX;
        arena = tm_state_blob_extend(home->state, home->ns, home->key_group, &acc->arena,
                                     (uint32_t)larger);
        if (arena == NULL)
            return TM_E_MEMORY;
    } else {
        arena = tm_state_blob_edit(home->state, home->key_group, &acc->arena);
        if (arena == NULL)
            return TM_E_MEMORY;
    }
    memcpy(arena + acc->arena_used, &length, sizeof length);
    memcpy(arena + acc->arena_used + sizeof length, bytes, length);
    acc->arena_used = (uint32_t)needed;
    return 0;
}

// The slot that a text has, or an empty one.
static inline uint32_t seek_text(const struct distinct *acc, const struct tm__operator_home *home,
                                 const uint64_t *slots, uint64_t key, const void *bytes,
                                 uint32_t length)
{
    uint32_t capacity = tm__operator_slots_capacity(&acc->set);
    uint32_t at = tm__operator_slot_home(TM__SLOT_TEXT, key, capacity);
    const uint8_t *arena = arena_of(acc, home);
    for (; slots[at] != 0; at = (at + 1) & (capacity - 1))
        if (slots[at] >> 32 == key && arena_holds(arena, (uint32_t)slots[at], bytes, length))
            break;
    return at;
}

static int add_text(struct distinct *acc, const struct tm__operator_home *home, const void *bytes,
                    uint32_t length)
{
    struct tm__operator_slots *set = &acc->set;
    bool is_long = length > 7;
    uint64_t key = is_long ? (uint64_t)TM__SLOT_LONG << 24 | tm_hash_bytes(bytes, length) >> 40
                           : short_slot(bytes, length);
    for (;;) {
        uint32_t capacity = tm__operator_slots_capacity(set);
        if (TM_LIKELY(capacity != 0)) {
            uint64_t *slots = tm__operator_slots_edit(home, set);
            if (TM_UNLIKELY(slots == NULL))
                return TM_E_MEMORY;
            uint32_t at = is_long ? seek_text(acc, home, slots, key, bytes, length)
                                  : tm__operator_slots_seek(TM__SLOT_WORD, slots, capacity, key);
            if (TM_LIKELY(slots[at] != 0))
                return 0;
            if (TM_LIKELY(tm__operator_slots_has_room(set))) {
                uint64_t slot = is_long ? key << 32 | acc->arena_used : key;
                int rc = is_long ? arena_append(acc, home, bytes, length) : 0;
                if (rc != 0)
                    return set_full(set, rc);
                slots[at] = slot; // where it was: only the arena has moved
                set->count++;
                return 0;
            }
        }
        int rc = tm__operator_slots_grow(set, home, TM__SLOT_TEXT, SET_SLOTS_MAX);
        if (rc != 0)
            return set_full(set, rc);
    }
}

// --- the sketch ----------------------------------------------------------------------------------

static inline void add_hash(uint8_t *registers, uint64_t hash)
{
    uint8_t *cell = &registers[hash >> (64 - REGISTER_BITS)];
    uint64_t rest = hash << REGISTER_BITS | (uint64_t)1 << (REGISTER_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    if (rank > *cell)
        *cell = rank;
}

static int make_dense(struct distinct *acc, const struct tm__operator_home *home)
{
    struct tm_blob blob = {0};
    uint8_t *registers =
        tm_state_blob_zalloc(home->state, home->ns, home->key_group, &blob, REGISTERS);
    if (registers == NULL)
        return TM_E_MEMORY;
    const uint64_t *slots = tm__operator_slots_of(home, &acc->set);
    for (uint32_t i = 0; i < tm__operator_slots_capacity(&acc->set); i++)
        if (slots[i] != 0)
            add_hash(registers, slots[i]);
    int rc = tm_state_blob_set(home->state, home->ns, home->key_group, &acc->set.blob, "", 0);
    acc->set = (struct tm__operator_slots){.blob = blob, .note = IS_DENSE};
    return rc;
}

// `hash` 0 is taken for 1: one in 2^64.
static inline int sketch_hash(struct distinct *acc, const struct tm__operator_home *home,
                              uint64_t hash)
{
    hash += hash == 0;
    if ((acc->set.note & IS_DENSE) == 0) {
        int rc = add_word(&acc->set, home, hash, SPARSE_SLOTS_MAX);
        if (TM_LIKELY(rc != TM_E_LIMIT))
            return rc;
        rc = make_dense(acc, home);
        if (rc != 0)
            return rc;
    }
    uint8_t *registers = tm_state_blob_edit(home->state, home->key_group, &acc->set.blob);
    if (registers == NULL)
        return TM_E_MEMORY;
    add_hash(registers, hash);
    return 0;
}

static int sketch_merge(struct distinct *to, const struct tm__operator_home *to_home,
                        const struct distinct *from, const struct tm__operator_home *from_home)
{
    const void *bytes = tm_state_blob_get(from_home->state, from_home->key_group, &from->set.blob);
    int rc = 0;
    if ((from->set.note & IS_DENSE) == 0) {
        const uint64_t *slots = bytes;
        for (uint32_t i = 0; i < tm__operator_slots_capacity(&from->set) && rc == 0; i++)
            if (slots[i] != 0)
                rc = sketch_hash(to, to_home, slots[i]);
        return rc;
    }
    if ((to->set.note & IS_DENSE) == 0)
        rc = make_dense(to, to_home);
    if (rc != 0)
        return rc;
    uint8_t *registers = tm_state_blob_edit(to_home->state, to_home->key_group, &to->set.blob);
    if (registers == NULL)
        return TM_E_MEMORY;
    const uint8_t *other = bytes;
    for (uint32_t i = 0; i < REGISTERS; i++)
        registers[i] = registers[i] > other[i] ? registers[i] : other[i];
    return 0;
}

static double sigma(double x)
{
    if (x == 1)
        return INFINITY;
    double y = 1, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

static double tau(double x)
{
    if (x == 0 || x == 1)
        return 0;
    double y = 1, z = 1 - x, before;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}

int64_t tm__operator_distinct_estimate(const struct tm__operator_home *home, const void *value)
{
    const struct distinct *acc = value;
    if ((acc->set.note & IS_DENSE) == 0)
        return acc->set.count;
    const uint8_t *registers = tm_state_blob_get(home->state, home->key_group, &acc->set.blob);
    uint32_t counts[RANK_MAX + 1] = {0};
    for (uint32_t i = 0; i < REGISTERS; i++)
        counts[registers[i]]++;
    const double m = REGISTERS, ln2 = 0.693147180559945309417;
    double z = m * tau(1 - counts[RANK_MAX] / m);
    for (int k = RANK_MAX - 1; k >= 1; k--)
        z = 0.5 * (z + counts[k]);
    z += m * sigma(counts[0] / m);
    return (int64_t)(m * m / (2 * ln2 * z) + 0.5);
}

// --- all of them ---------------------------------------------------------------------------------

// Equal values have equal words.
static inline uint64_t word_of(const struct tm__operator_aggregate *item, const uint8_t *slot)
{
    uint64_t word;
    memcpy(&word, slot, sizeof word);
    if (item->action == TM__DISTINCT_DOUBLE || item->action == TM__SKETCH_DOUBLE) {
        double x;
        memcpy(&x, slot, sizeof x);
        if (x == 0)
            return 0;
        if (x != x)
            return 0x7ff8000000000000u;
    }
    return word;
}

int tm__operator_distinct_add(const struct tm__operator_aggregate *item,
                              const struct tm__operator_home *home, void *value,
                              const uint8_t *slot, const void *bytes, uint32_t length)
{
    struct distinct *acc = value;
    uint64_t word;
    switch (item->action) {
    case TM__DISTINCT_DECIMAL:
        return add_text(acc, home, slot, 16);
    case TM__DISTINCT_BYTES:
        return add_text(acc, home, bytes, length);
    case TM__SKETCH_WORD:
    case TM__SKETCH_DOUBLE:
        word = word_of(item, slot);
        return sketch_hash(acc, home, tm_hash_bytes(&word, sizeof word));
    case TM__SKETCH_DECIMAL:
        return sketch_hash(acc, home, tm_hash_bytes(slot, 16));
    case TM__SKETCH_BYTES:
        return sketch_hash(acc, home, tm_hash_bytes(bytes, length));
    default:
        return add_exact(&acc->set, home, word_of(item, slot));
    }
}

// What a value is looked up by: its word, its short text, its hash. 0: by none of these (a zero, a
// long text).
static inline uint64_t key_of(const struct tm__operator_aggregate *item, const struct tm_row *row)
{
    const uint8_t *slot = (const uint8_t *)row + item->field_offset;
    const void *bytes;
    uint32_t length;
    uint64_t word;
    switch (item->action) {
    case TM__DISTINCT_DECIMAL:
        return 0;
    case TM__DISTINCT_BYTES:
        bytes = tm_row_string(row, item->field_offset, &length);
        return length > 7 ? 0 : short_slot(bytes, length);
    case TM__SKETCH_WORD:
    case TM__SKETCH_DOUBLE:
        word = word_of(item, slot);
        return tm_hash_bytes(&word, sizeof word);
    case TM__SKETCH_DECIMAL:
        return tm_hash_bytes(slot, 16);
    case TM__SKETCH_BYTES:
        bytes = tm_row_string(row, item->field_offset, &length);
        return tm_hash_bytes(bytes, length);
    default:
        return word_of(item, slot);
    }
}

static int add_row(const struct tm__operator_aggregate *item, const struct tm__operator_look *look,
                   const struct tm_row *row)
{
    const void *bytes = NULL;
    uint32_t length = 0;
    if (item->action >= TM__SKETCH_WORD)
        return sketch_hash((struct distinct *)look->table, &look->home, look->key);
    if (item->action == TM__DISTINCT_BYTES)
        bytes = tm_row_string(row, item->field_offset, &length);
    return tm__operator_distinct_add(item, &look->home, look->table,
                                     (const uint8_t *)row + item->field_offset, bytes, length);
}

// A group of rows: see struct tm__operator_look.
static int add_group(const struct tm__operator_aggregate *item, struct tm_state *state,
                     const struct tm__operator_block *block, uint32_t first, uint32_t count)
{
    struct tm__operator_look looks[TM__LOOK_ROWS];
    for (uint32_t i = 0; i < count; i++) {
        struct tm__operator_look *look = &looks[i];
        look->table = NULL;
        if (TM_UNLIKELY(tm_row_is_null(block->rows[first + i], item->field)))
            continue;
        look->table = (void *)((uint8_t *)block->values[first + i] + item->offset);
        look->home =
            (struct tm__operator_home){state, block->namespaces[first + i],
                                       tm_state_key_group(state, block->keys[first + i].hash)};
        look->key = key_of(item, block->rows[first + i]);
        look->at = NULL;
        if ((look->table->note & IS_DENSE) == 0 && look->key != 0)
            tm__operator_look_at(look, TM__SLOT_WORD);
        else if ((look->table->note & IS_DENSE) != 0)
            __builtin_prefetch((const uint8_t *)tm_state_blob_get(state, look->home.key_group,
                                                                  &look->table->blob) +
                                   (look->key >> (64 - REGISTER_BITS)),
                               1);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct tm__operator_look *look = &looks[i];
        if (TM_UNLIKELY(look->table == NULL) ||
            TM_LIKELY(tm__operator_look_holds(look) && *(uint64_t *)look->at == look->key))
            continue; // it is there
        int rc = add_row(item, look, block->rows[first + i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int tm__operator_distinct_add_block(const struct tm__operator_aggregate *item,
                                    struct tm_state *state, const struct tm__operator_block *block)
{
    return tm__operator_look_groups(item, state, block, add_group);
}

// Into an accumulator without values: as it lies.
static int copy_set(struct distinct *to, const struct tm__operator_home *to_home,
                    const struct distinct *from, const struct tm__operator_home *from_home)
{
    int rc = tm_state_blob_set(
        to_home->state, to_home->ns, to_home->key_group, &to->set.blob,
        tm_state_blob_get(from_home->state, from_home->key_group, &from->set.blob),
        from->set.blob.length);
    if (rc == 0)
        rc = tm_state_blob_set(to_home->state, to_home->ns, to_home->key_group, &to->arena,
                               arena_of(from, from_home), from->arena.length);
    if (rc != 0)
        return rc;
    to->set.count = from->set.count;
    to->set.note = from->set.note;
    to->arena_used = from->arena_used;
    return 0;
}

static int merge_text(struct distinct *to, const struct tm__operator_home *to_home, uint64_t slot,
                      const uint8_t *arena)
{
    if (slot >> 56 == TM__SLOT_LONG) {
        uint32_t length, offset = (uint32_t)slot;
        memcpy(&length, arena + offset, sizeof length);
        return add_text(to, to_home, arena + offset + sizeof length, length);
    }
    uint8_t bytes[8]; // little-endian: the text is the low bytes
    memcpy(bytes, &slot, sizeof bytes);
    return add_text(to, to_home, bytes, (uint32_t)(slot >> 56) - 1);
}

int tm__operator_distinct_merge(const struct tm__operator_aggregate *item,
                                const struct tm__operator_home *to_home, void *to_value,
                                const struct tm__operator_home *from_home, const void *from_value)
{
    struct distinct *to = to_value;
    const struct distinct *from = from_value;
    if (to->set.blob.length == 0 && to->set.note == 0)
        return copy_set(to, to_home, from, from_home);
    if (item->action >= TM__SKETCH_WORD)
        return sketch_merge(to, to_home, from, from_home);
    to->set.note |= from->set.note;
    bool texts = item->action == TM__DISTINCT_DECIMAL || item->action == TM__DISTINCT_BYTES;
    const uint64_t *slots = tm__operator_slots_of(from_home, &from->set);
    const uint8_t *arena = arena_of(from, from_home);
    int rc = 0;
    for (uint32_t i = 0; i < tm__operator_slots_capacity(&from->set) && rc == 0; i++)
        if (slots[i] != 0)
            rc = texts ? merge_text(to, to_home, slots[i], arena)
                       : add_exact(&to->set, to_home, slots[i]);
    return rc;
}

int tm__operator_distinct_count(const void *value, int64_t *count)
{
    const struct distinct *acc = value;
    *count = (int64_t)acc->set.count + (acc->set.note & HAS_ZERO);
    return (acc->set.note & IS_FULL) != 0 ? TM_E_OVERFLOW : 0;
}

// --- from outside --------------------------------------------------------------------------------

const char *tm__operator_slots_wrong(const struct tm__operator_slots *table, const uint64_t *slots,
                                     enum tm__operator_slot_kind kind, uint32_t most)
{
    uint32_t capacity = tm__operator_slots_capacity(table), count = 0;
    if (table->blob.length % 8 != 0 || capacity > most || (capacity & (capacity - 1)) != 0 ||
        capacity == 1)
        return "a table of a wrong size";
    for (uint32_t i = 0; i < capacity; i++)
        count += slots[i] != 0;
    if (count != table->count || (count == capacity && capacity != 0))
        return "a table whose count is wrong";
    if (kind == TM__SLOT_TEXT) // several may have one key
        return NULL;
    for (uint32_t i = 0; i < capacity; i++)
        if (slots[i] != 0 && tm__operator_slots_seek(kind, slots, capacity,
                                                     tm__operator_slot_key(kind, slots[i])) != i)
            return "a table with a slot in a wrong place";
    return NULL;
}

static const char *wrong_texts(const struct distinct *acc, const uint64_t *slots,
                               const uint8_t *arena)
{
    if (acc->arena_used > acc->arena.length)
        return "texts of a set beyond their end";
    for (uint32_t i = 0; i < tm__operator_slots_capacity(&acc->set); i++) {
        uint32_t top = (uint32_t)(slots[i] >> 56), offset = (uint32_t)slots[i], length;
        if (slots[i] == 0)
            continue;
        if (top != TM__SLOT_LONG && (top == 0 || top > 8))
            return "a text of a set that is none";
        if (top != TM__SLOT_LONG)
            continue;
        if (acc->arena_used < sizeof length || offset > acc->arena_used - sizeof length)
            return "a text of a set that is nowhere";
        memcpy(&length, arena + offset, sizeof length);
        if (length > acc->arena_used - sizeof length - offset)
            return "a text of a set that is too long";
    }
    return NULL;
}

const char *tm__operator_distinct_wrong(const struct tm__operator_aggregate *item,
                                        struct tm__operator_seen *seen, const void *value)
{
    const struct distinct *acc = value;
    const bool sketch = item->action >= TM__SKETCH_WORD;
    const bool texts = item->action == TM__DISTINCT_DECIMAL || item->action == TM__DISTINCT_BYTES;
    const uint64_t *slots = tm__operator_seen_blob(seen, &acc->set.blob);
    const uint8_t *arena = tm__operator_seen_blob(seen, &acc->arena);
    if (slots == NULL || arena == NULL)
        return "a set that is nowhere";
    if ((acc->set.note & ~(uint32_t)(HAS_ZERO | IS_FULL | IS_DENSE)) != 0 ||
        (!sketch && (acc->set.note & IS_DENSE) != 0))
        return "a set of an unknown kind";
    if ((acc->set.note & IS_DENSE) != 0) {
        const uint8_t *registers = (const void *)slots;
        bool good = acc->set.blob.length == REGISTERS;
        for (uint32_t i = 0; good && i < REGISTERS; i++)
            good = registers[i] <= RANK_MAX;
        return good ? NULL : "a sketch that is none";
    }
    const char *wrong =
        tm__operator_slots_wrong(&acc->set, slots, texts ? TM__SLOT_TEXT : TM__SLOT_WORD,
                                 sketch ? SPARSE_SLOTS_MAX : SET_SLOTS_MAX);
    return wrong == NULL && texts ? wrong_texts(acc, slots, arena) : wrong;
}
