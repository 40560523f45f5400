// Keys: which columns of a row make its key, the canonical bytes of a key, its hash.
// Canonical bytes: one string or bytes column: its bytes. Otherwise the columns in order: 8 bytes
// little-endian for bool, int, int64, timestamp and double (-0.0 as 0.0, NaN as one NaN), 16 for
// decimal, and for string and bytes a 4-byte length and the bytes. The hash is tm_hash_bytes of
// them (for one 8-byte column too).
#pragma once

#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/batch/builder.h"

enum { TM_KEY_FIELDS_MAX = 16, TM_KEY_INLINE_BYTES = 8 };

struct tm_key_spec {
    uint32_t count;
    uint32_t fields[TM_KEY_FIELDS_MAX]; // column indexes
};

struct tm_key {
    uint64_t hash;
    const void *bytes; // into the row, or into the scratch given to tm_key_of_row
    uint32_t length;
};

// A spec bound to a schema: offsets resolved, the fast cases (one string, one 8-byte column)
// picked.
struct tm_key_reader {
    const struct tm_schema *schema;
    struct tm_key_spec spec;
    int fast; // enum in key.c: one string, one word, general
    uint32_t offset;
    // The null bits of the columns, when they lie in one word; mask 0: in several.
    uint32_t null_word;
    uint64_t null_mask;
};
// Is the key one column of 8 bytes, which is found in the row as it is hashed?
static inline bool tm_key_is_word(const struct tm_key_reader *reader)
{
    return reader->spec.count == 1 && reader->fast == 2;
}
// A spec of no columns gives every row the empty key.
void tm_key_reader_init(struct tm_key_reader *reader, const struct tm_schema *schema,
                        const struct tm_key_spec *spec);
bool tm_key_has_null_slow(const struct tm_key_reader *reader, const struct tm_row *row);
// Is any key column null?
static inline bool tm_key_has_null(const struct tm_key_reader *reader, const struct tm_row *row)
{
    return TM_LIKELY(reader->null_mask != 0)
               ? (row->nulls[reader->null_word] & reader->null_mask) != 0
               : tm_key_has_null_slow(reader, row);
}
// The general case; `scratch` keeps the bytes until the next call.
int tm_key_of_row_slow(const struct tm_key_reader *reader, const struct tm_row *row,
                       struct tm_buf *scratch, struct tm_key *key) TM_WARN_UNUSED;
// Key columns must not be null. One-column keys point into the row (valid as long as it); others
// into scratch.
static inline int tm_key_of_row(const struct tm_key_reader *reader, const struct tm_row *row,
                                struct tm_buf *scratch, struct tm_key *key)
{
    if (TM_LIKELY(reader->fast == 1)) {
        key->bytes = tm_row_string(row, reader->offset, &key->length);
        key->hash = tm_hash_bytes(key->bytes, key->length);
        return 0;
    }
    if (reader->fast == 2) {
        key->bytes = (const uint8_t *)row + reader->offset;
        key->length = 8;
        key->hash = tm_hash_bytes(key->bytes, 8);
        return 0;
    }
    return tm_key_of_row_slow(reader, row, scratch, key);
}
// Append the canonical bytes of these columns to `out`, nulls told apart from values: equal for
// rows that are equal in them. TM_E_MEMORY, TM_E_LIMIT.
int tm_key_identity(const struct tm_schema *schema, const uint32_t *fields, uint32_t count,
                    const struct tm_row *row, struct tm_buf *out) TM_WARN_UNUSED;
// By which a state knows an identity: the key group is that of the row's key, whose hash is given.
static inline uint64_t tm_key_identity_hash(uint64_t key_hash, const void *bytes, size_t length)
{
    return (key_hash & ~(uint64_t)UINT32_MAX) | (uint32_t)tm_hash_bytes(bytes, length);
}
// Write the key's columns into a row being built: column i of the key to field `first_field + i`.
// `reader` gives the types.
int tm_key_put(const struct tm_key_reader *reader, const void *bytes, uint32_t length,
               struct tm_builder *b, uint32_t first_field) TM_WARN_UNUSED;
