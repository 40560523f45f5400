// Keys: the general case of taking a key from a row, and putting a key's columns into another one.
#include "core/batch/key.h"

#include "core/batch/type.h"

enum { FAST_NONE = 0, FAST_STRING = 1, FAST_WORD = 2 }; // 1 and 2 are known to tm_key_of_row

static const uint64_t word_zero = 0;
static const uint64_t word_nan = 0x7ff8000000000000;

void tm_key_reader_init(struct tm_key_reader *reader, const struct tm_schema *schema,
                        const struct tm_key_spec *spec)
{
    TM_CHECK(spec->count <= TM_KEY_FIELDS_MAX);
    if (spec->count == 0) { // all rows have the same key, of no bytes
        *reader = (struct tm_key_reader){.schema = schema, .fast = FAST_NONE};
        return;
    }
    for (uint32_t i = 0; i < spec->count; i++)
        TM_CHECK(spec->fields[i] < schema->field_count);
    const struct tm_field *first = &schema->fields[spec->fields[0]];
    *reader = (struct tm_key_reader){.schema = schema,
                                     .spec = *spec,
                                     .fast = FAST_NONE,
                                     .offset = first->offset,
                                     .null_word = spec->fields[0] >> 6};
    for (uint32_t i = 0; i < spec->count; i++)
        reader->null_mask |= (uint64_t)1 << (spec->fields[i] & 63);
    for (uint32_t i = 0; i < spec->count; i++)
        if (spec->fields[i] >> 6 != reader->null_word)
            reader->null_mask = 0;
    if (spec->count != 1)
        return;
    if (tm_type_is_reference(first->type))
        reader->fast = FAST_STRING;
    else if (first->type.kind != TM_TYPE_DECIMAL && first->type.kind != TM_TYPE_DOUBLE)
        reader->fast = FAST_WORD;
}

bool tm_key_has_null_slow(const struct tm_key_reader *reader, const struct tm_row *row)
{
    for (uint32_t i = 0; i < reader->spec.count; i++) {
        if (tm_row_is_null(row, reader->spec.fields[i]))
            return true;
    }
    return false;
}

// The canonical bytes of a fixed slot: equal values have equal bytes.
static const void *fixed_bytes(const struct tm_field *field, const struct tm_row *row)
{
    const uint8_t *slot = (const uint8_t *)row + field->offset;
    if (field->type.kind == TM_TYPE_DOUBLE) {
        double v = tm_row_double(row, field->offset);
        if (v == 0)
            return &word_zero;
        if (v != v)
            return &word_nan;
    }
    return slot;
}

static int append_column(const struct tm_field *field, const struct tm_row *row, struct tm_buf *out)
{
    if (!tm_type_is_reference(field->type))
        return tm_buf_append(out, fixed_bytes(field, row), tm_type_slot_bytes(field->type));
    uint32_t len;
    const char *bytes = tm_row_string(row, field->offset, &len);
    int rc = tm_buf_reserve(out, sizeof len + (size_t)len);
    if (rc == 0)
        rc = tm_buf_append(out, &len, sizeof len);
    return rc == 0 ? tm_buf_append(out, bytes, len) : rc;
}

int tm_key_of_row_slow(const struct tm_key_reader *reader, const struct tm_row *row,
                       struct tm_buf *scratch, struct tm_key *key)
{
    const struct tm_schema *schema = reader->schema;
    if (reader->spec.count == 1) {
        const struct tm_field *field = &schema->fields[reader->spec.fields[0]];
        if (tm_type_is_reference(field->type)) {
            key->bytes = tm_row_string(row, field->offset, &key->length);
        } else {
            key->bytes = fixed_bytes(field, row);
            key->length = tm_type_slot_bytes(field->type);
        }
        key->hash = tm_hash_bytes(key->bytes, key->length);
        return 0;
    }
    scratch->size_bytes = 0;
    for (uint32_t i = 0; i < reader->spec.count; i++) {
        int rc = append_column(&schema->fields[reader->spec.fields[i]], row, scratch);
        if (rc != 0)
            return rc;
    }
    if (scratch->size_bytes > UINT32_MAX)
        return TM_E_LIMIT;
    // Of no column: comparing nothing at an address that is none takes 40 ns where masked loads do
    // it.
    key->bytes = scratch->data != NULL ? (const void *)scratch->data : row;
    key->length = (uint32_t)scratch->size_bytes;
    key->hash = tm_hash_bytes(key->bytes, key->length);
    return 0;
}

// One column from the front of a key's bytes. `alone`: the key has no other column.
static int put_column(struct tm_type type, bool alone, const uint8_t **p, const uint8_t *end,
                      struct tm_builder *b, uint32_t field)
{
    size_t left = (size_t)(end - *p);
    uint32_t len = tm_type_slot_bytes(type);
    if (tm_type_is_reference(type)) {
        if (alone) {
            len = (uint32_t)left;
        } else {
            if (left < sizeof len)
                return TM_E_CORRUPT;
            memcpy(&len, *p, sizeof len);
            *p += sizeof len;
            left -= sizeof len;
        }
        if (left < len)
            return TM_E_CORRUPT;
        int rc = tm_builder_put_bytes(b, field, *p, len);
        *p += len;
        return rc;
    }
    if (left < len)
        return TM_E_CORRUPT;
    if (type.kind == TM_TYPE_DECIMAL) {
        __int128 unscaled;
        memcpy(&unscaled, *p, sizeof unscaled);
        tm_builder_put_decimal(b, field, unscaled);
    } else {
        int64_t word; // doubles too: the bits count
        memcpy(&word, *p, sizeof word);
        tm_builder_put_int(b, field, word);
    }
    *p += len;
    return 0;
}

int tm_key_put(const struct tm_key_reader *reader, const void *bytes, uint32_t length,
               struct tm_builder *b, uint32_t first_field)
{
    const uint8_t *p = bytes, *end = p + length;
    for (uint32_t i = 0; i < reader->spec.count; i++) {
        struct tm_type type = reader->schema->fields[reader->spec.fields[i]].type;
        int rc = put_column(type, reader->spec.count == 1, &p, end, b, first_field + i);
        if (rc != 0)
            return rc;
    }
    return p == end ? 0 : TM_E_CORRUPT;
}
