// The keys of JSON objects: which column a key names, predicted. Records of one source repeat the
// same keys in the same order, so each key remembers which one followed it last; a prediction is
// checked by comparing 16 bytes, and only a wrong one costs a look-up.
#pragma once

#include <stdbool.h>
#include <string.h>

#include "core/batch/schema.h"
#include "core/format/json_chunk.h"

// Keys that name no column and are remembered: of records, and of the structs in them.
enum { TM__KEYS_UNKNOWN = 64, TM__KEYS_UNKNOWN_NESTED = 16, TM__KEYS_UNKNOWN_BYTES = 4096 };
#define TM__KEYS_UNUSUAL UINT32_MAX

// What is known of a key: a column, or one of the first keys that name no column.
// What is asked for each field of a record comes first: one line of the cache.
struct tm__key_node {
    uint8_t pattern[TM__CHUNK_BYTES]; // the beginning of the key with its quotes and the colon
    uint32_t mask; // a bit for each byte of the pattern that counts; others match nothing
    uint32_t span; // of the key with its quotes and the colon
    struct tm__key_node *next; // the one that came after this one
    uint64_t bit;              // of the column in its word of a null bitmap
    // The length that values mostly have, or TM__KEYS_UNUSUAL; how often it was another.
    uint32_t usual, misses;
    uint32_t word;
    uint32_t offset;     // of the column's slot
    struct tm_type type; // kind 0: no column
    bool used;           // is the value stored
    int32_t field;       // -1: no column
    uint32_t length;     // of the name
    const char *name;
    bool required;         // in a nested value: never null
    bool plain;            // of a nested type: json_plain.c reads it
    struct tm__keys *keys; // of a nested type: its fields, as nodes
};

struct tm__keys {
    struct tm_mem *mem;
    struct tm__key_node *nodes; // columns, then unknown keys, then the two below
    uint32_t *table;            // open addressing, node + 1, 0 = empty
    uint32_t table_size;        // a power of two
    uint32_t field_count, unknown_count, unknown_max;
    uint64_t *required;         // bitmap of the fields of a nested type that are never null
    struct tm__key_node *start; // what "follows" it is the first key of an object
    struct tm__key_node *other; // any further unknown key; matches nothing
    char *names;                // of unknown keys; NULL: none yet
    size_t names_used;
};

// The columns of a schema, and below them the fields of nested ones. `names`: what the columns are
// called, which must outlive it; NULL: as in the schema.
int tm__keys_init(struct tm__keys *keys, struct tm_mem *mem, const struct tm_schema *schema,
                  const char *const *names, const uint64_t *used);
void tm__keys_fini(struct tm__keys *keys);
// Begin to guess the lengths of values anew.
void tm__keys_guess(struct tm__keys *keys);
// The node of the key whose text is [p, p + len), escapes included; remembers new unknown keys.
// `scratch` holds len + 16 bytes when the key has escapes. NULL: a bad escape.
struct tm__key_node *tm__keys_find(struct tm__keys *keys, const uint8_t *p, size_t len,
                                   uint8_t *scratch);

// The column or field of this name, or NULL.
struct tm__key_node *tm__keys_find_plain(struct tm__keys *keys, const void *name, size_t len);

// Does the key of this node begin at p, with its quotes and its colon? 16 bytes must be readable;
// the text ends at `end`.
static TM__ALWAYS_INLINE bool tm__key_matches(const struct tm__key_node *node, const uint8_t *p,
                                              const uint8_t *end)
{
    uint32_t equal = tm__chunk_equal(tm__chunk_load(p), tm__chunk_load(node->pattern));
    if (TM_UNLIKELY((~equal & node->mask) != 0))
        return false;
    return TM_LIKELY(node->span <= TM__CHUNK_BYTES) ||
           ((size_t)(end - p) >= node->span && memcmp(p + 1, node->name, node->length) == 0 &&
            memcmp(p + node->span - 2, "\":", 2) == 0);
}

// The same of a key of msgpack, a text in its shortest form. False also for long ones.
static TM__ALWAYS_INLINE bool tm__msgpack_key_matches(const struct tm__key_node *node,
                                                      const uint8_t *p)
{
    uint32_t equal = tm__chunk_equal(tm__chunk_load(p), tm__chunk_load(node->pattern));
    uint32_t name = ((UINT32_C(1) << (node->length & 15)) - 1) << 1; // behind its quote, or head
    return *p == (0xa0 | node->length) && node->length < TM__CHUNK_BYTES && node->field >= 0 &&
           (~equal & name) == 0;
}
