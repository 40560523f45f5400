// The keys of JSON objects: which column a key names, predicted. Records of one source repeat the
// same keys in the same order, so each key remembers which one followed it last; a prediction is
// checked by comparing at most 16 bytes, and only a wrong one costs a look-up.
#pragma once

#include <stdbool.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/check.h"
#include "core/batch/schema.h"

enum { TM__KEYS_PATTERN = 16, TM__KEYS_UNKNOWN = 64, TM__KEYS_UNKNOWN_BYTES = 256 };

// What is known of a key: a column, or one of the first TM__KEYS_UNKNOWN keys that name no column.
struct tm__key_node {
    // The first 16 bytes of the key with its quotes and the colon, and a bit for each that counts.
    uint8_t pattern[TM__KEYS_PATTERN] __attribute__((aligned(16)));
    uint32_t mask;
    uint32_t offset;           // of the column's slot
    struct tm_type type;       // kind 0: no column
    bool used;                 // is the value stored
    uint64_t keep;             // all bits when it is, else none
    int32_t field;             // -1: no column
    struct tm__key_node *next; // the one that came after this one
    uint64_t bit;              // of the column in its word of a null bitmap
    uint32_t word;
    uint32_t length;
    uint32_t span; // of the key with its quotes, the colon, and the comma or brace behind the value
    const char *name;
};

struct tm__keys {
    struct tm_mem *mem;
    struct tm__key_node *nodes; // columns, then unknown keys, then the two below
    uint32_t *table;            // open addressing, node + 1, 0 = empty
    uint32_t table_size;        // a power of two
    uint32_t field_count, unknown_count;
    struct tm__key_node *start; // what "follows" it is the first key of an object
    struct tm__key_node *other; // any further unknown key; matches nothing
    char *names;                // of unknown keys
    size_t names_used;
};

int tm__keys_init(struct tm__keys *keys, struct tm_mem *mem, const struct tm_schema *schema,
                  const uint64_t *used);
void tm__keys_fini(struct tm__keys *keys);
// The node of the key whose text is [p, p + len), escapes included; remembers new unknown keys.
// `scratch` holds len + 16 bytes when the key has escapes. NULL: a bad escape.
struct tm__key_node *tm__keys_find(struct tm__keys *keys, const uint8_t *p, size_t len,
                                   uint8_t *scratch);

// Is the key whose opening quote is at p, with its colon, this node's? 16 bytes must be readable;
// from p to the colon there are `room` bytes. A key that is apart from its colon does not match.
static inline __attribute__((always_inline)) bool tm__key_matches(const struct tm__key_node *node,
                                                                  const uint8_t *p, size_t room)
{
#ifdef __SSE2__
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i equal = _mm_cmpeq_epi8(bytes, *(const __m128i *)(const void *)node->pattern);
    if ((~(uint32_t)_mm_movemask_epi8(equal) & node->mask) != 0)
        return false;
#else
    for (uint32_t i = 0; i < TM__KEYS_PATTERN; i++) {
        if (((node->mask >> i) & 1) != 0 && p[i] != node->pattern[i])
            return false;
    }
#endif
    return TM_LIKELY(node->length <= TM__KEYS_PATTERN - 3) ||
           (room == node->length + 2 && memcmp(p + 1, node->name, node->length) == 0);
}
