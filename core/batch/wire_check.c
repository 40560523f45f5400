// Rows from outside, checked against their schema so thoroughly that every reader may trust them:
// the invariants are those of row.ffi.h and of the types.
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/batch/any.h"
#include "core/batch/decimal.h"
#include "core/batch/nested.h"
#include "core/batch/wire.h"

// Where the check stands, for messages.
struct place {
    uint32_t row;
    size_t offset; // of the row from the first row
    struct tm_error *err;
};

static int wrong(const struct place *at, size_t in_row, const char *what)
{
    return tm_error_set(at->err, TM_E_CORRUPT, "row %u: %s at offset %zu", at->row, what,
                        at->offset + in_row);
}

static int wrong_field(const struct place *at, const struct tm_field *field, size_t in_row,
                       const char *what)
{
    return tm_error_set(at->err, TM_E_CORRUPT, "row %u: column \"%s\": %s at offset %zu", at->row,
                        field->name, what, at->offset + in_row);
}

// What references count from: a row, a struct, a list or a map.
struct area {
    const uint8_t *base;
    size_t in_row; // where it begins, from the row's start
    size_t size;
    size_t first; // the least a reference may lead to
    size_t end;   // of the bytes that references have led to
};

static int check_nested(const struct place *at, const struct tm_field *field, const uint8_t *bytes,
                        size_t in_row, size_t len);

static int check_null(const struct place *at, const struct tm_field *field, const struct area *in,
                      const uint8_t *slot)
{
    uint64_t words[2] = {0, 0};
    memcpy(words, slot, tm_type_slot_bytes(field->type));
    return (words[0] | words[1]) == 0
               ? 0
               : wrong_field(at, field, in->in_row + (size_t)(slot - in->base),
                             "a null's slot is not zero");
}

// NULL: nothing is wrong. Nested values are another matter.
static const char *wrong_bytes(struct tm_type type, const uint8_t *bytes, uint32_t len)
{
    if (type.kind == TM_TYPE_STRING && !tm_text_is_utf8(bytes, len))
        return "not valid UTF-8";
    return type.kind == TM_TYPE_ANY && !tm_any_is_valid(bytes, len) ? "not valid msgpack" : NULL;
}

static int check_reference(const struct place *at, const struct tm_field *field, struct area *in,
                           const uint8_t *slot)
{
    struct tm_ref ref;
    size_t slot_at = in->in_row + (size_t)(slot - in->base);
    memcpy(&ref, slot, sizeof ref);
    if (ref.offset < in->first || ref.offset > in->size || ref.length > in->size - ref.offset)
        return wrong_field(at, field, slot_at, "a reference outside its row");
    const uint8_t *bytes = in->base + ref.offset;
    const char *what = wrong_bytes(field->type, bytes, ref.length);
    if (what != NULL)
        return wrong_field(at, field, slot_at, what);
    if ((size_t)ref.offset + ref.length > in->end)
        in->end = (size_t)ref.offset + ref.length;
    if (!tm_type_is_nested(field->type))
        return 0;
    return check_nested(at, field, bytes, in->in_row + ref.offset, ref.length);
}

static int check_word(const struct place *at, const struct tm_field *field, size_t in_row,
                      const uint8_t *slot)
{
    int64_t v;
    memcpy(&v, slot, sizeof v);
    if (field->type.kind == TM_TYPE_BOOL && v != 0 && v != 1)
        return wrong_field(at, field, in_row, "a bool that is neither 0 nor 1");
    if (field->type.kind == TM_TYPE_INT && (v > TM_INT_MAX || v < -TM_INT_MAX))
        return wrong_field(at, field, in_row, "an int beyond 2^53");
    return 0;
}

static int check_decimal(const struct place *at, const struct tm_field *field, size_t in_row,
                         const uint8_t *slot)
{
    tm_int128 v, same;
    memcpy(&v, slot, sizeof v);
    if (tm_decimal_rescale(v, field->type.scale, field->type.precision, field->type.scale, &same) !=
        0)
        return wrong_field(at, field, in_row, "a decimal with too many digits");
    return 0;
}

static int check_value(const struct place *at, const struct tm_field *field, struct area *in,
                       const uint8_t *slot, bool null)
{
    size_t in_row = in->in_row + (size_t)(slot - in->base);
    if (null)
        return check_null(at, field, in, slot);
    if (tm_type_is_reference(field->type))
        return check_reference(at, field, in, slot);
    if (field->type.kind == TM_TYPE_DECIMAL)
        return check_decimal(at, field, in_row, slot);
    return check_word(at, field, in_row, slot);
}

// The columns of a row or of a struct: `in` covers it, its size has been checked.
static int check_columns(const struct place *at, const struct tm_schema *schema, struct area *in)
{
    const struct tm_row *head = (const struct tm_row *)(const void *)in->base;
    uint32_t in_last = schema->field_count & 63;
    if (in_last != 0 && head->nulls[schema->null_words - 1] >> in_last != 0)
        return wrong(at, in->in_row + 8 * (size_t)schema->null_words,
                     "null bits of columns that do not exist");
    in->first = in->end = schema->fixed_bytes;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        int rc = check_value(at, field, in, in->base + field->offset, tm_row_is_null(head, i));
        if (rc != 0)
            return rc;
    }
    // Rows end with their last referenced byte and zeros up to a multiple of 8.
    if (in->size - in->end >= 8)
        return wrong(at, in->in_row + in->end, "bytes that no column refers to");
    for (size_t end = in->end; end < in->size; end++) {
        if (in->base[end] != 0)
            return wrong(at, in->in_row + end, "padding is not zero");
    }
    return 0;
}

static int check_head(const struct place *at, const uint8_t *row, size_t in_row, uint8_t last_kind)
{
    const struct tm_row *head = (const struct tm_row *)(const void *)row;
    if (head->kind > last_kind)
        return wrong(at, in_row + 4,
                     head->kind == TM_ROW_PARTIAL ? "a partial row where there are none"
                                                  : "an unknown kind");
    if (head->reserved[0] != 0 || head->reserved[1] != 0 || head->reserved[2] != 0)
        return wrong(at, in_row + 5, "reserved bytes are not zero");
    return 0;
}

static int check_struct(const struct place *at, const struct tm_field *field, struct area *in)
{
    const struct tm_schema *of = field->type.of;
    uint32_t size = 0;
    if (in->size >= of->fixed_bytes)
        memcpy(&size, in->base, sizeof size);
    if (size != in->size || size == 0)
        return wrong_field(at, field, in->in_row, "a struct of a wrong size");
    if (((const struct tm_row *)(const void *)in->base)->kind != 0)
        return wrong_field(at, field, in->in_row + 4, "a struct with a kind");
    int rc = check_head(at, in->base, in->in_row, TM_ROW_INSERT);
    return rc == 0 ? check_columns(at, of, in) : rc;
}

// A bitmap at `offset` and the slots behind it.
static int check_items(const struct place *at, const struct tm_field *item, struct area *in,
                       uint32_t count, size_t offset)
{
    size_t words = ((size_t)count + 63) / 64, slot = tm_type_slot_bytes(item->type);
    if (offset % 8 != 0 || offset > in->size || 8 * words > in->size - offset ||
        (uint64_t)count * slot > in->size - offset - 8 * words)
        return wrong_field(at, item, in->in_row, "items outside their list");
    const uint64_t *nulls = (const uint64_t *)(const void *)(in->base + offset);
    if (count % 64 != 0 && nulls[words - 1] >> (count % 64) != 0)
        return wrong_field(at, item, in->in_row + offset, "null bits of items that do not exist");
    const uint8_t *slots = in->base + offset + 8 * words;
    for (uint32_t i = 0; i < count; i++) {
        bool null = (nulls[i >> 6] >> (i & 63)) & 1;
        int rc = check_value(at, item, in, slots + i * slot, null);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int check_list(const struct place *at, const struct tm_field *field, struct area *in)
{
    struct tm_list head;
    if (in->size < sizeof head)
        return wrong_field(at, field, in->in_row, "a list that is cut short");
    memcpy(&head, in->base, sizeof head);
    if (head.size_bytes != in->size || head.zero != 0 || head.items < sizeof head ||
        head.items > in->size)
        return wrong_field(at, field, in->in_row, "a list of a wrong size");
    in->first = in->end = sizeof head;
    return check_items(at, &field->type.of->fields[0], in, head.count, head.items);
}

static int check_map(const struct place *at, const struct tm_field *field, struct area *in)
{
    struct tm_map head;
    const struct tm_field *key = &field->type.of->fields[0];
    if (in->size < sizeof head)
        return wrong_field(at, field, in->in_row, "a map that is cut short");
    memcpy(&head, in->base, sizeof head);
    if (head.size_bytes != in->size || head.keys < sizeof head || head.keys % 8 != 0 ||
        head.keys > in->size || head.values < sizeof head || head.values > in->size ||
        8 * (uint64_t)head.count > in->size - head.keys)
        return wrong_field(at, field, in->in_row, "a map of a wrong size");
    in->first = in->end = sizeof head;
    const struct tm_map *map = (const struct tm_map *)(const void *)in->base;
    for (uint32_t i = 0; i < head.count; i++) {
        int rc = check_value(at, key, in, in->base + head.keys + 8 * (size_t)i, false);
        if (rc != 0)
            return rc;
        if (i != 0 &&
            tm_map_compare(key->type.kind, tm_map_key(map, i - 1), tm_map_key(map, i)) >= 0)
            return wrong_field(at, field, in->in_row, "a map whose keys are not in order");
    }
    return check_items(at, &field->type.of->fields[1], in, head.count, head.values);
}

static int check_nested(const struct place *at, const struct tm_field *field, const uint8_t *bytes,
                        size_t in_row, size_t len)
{
    struct area inner = {.base = bytes, .in_row = in_row, .size = len};
    if (in_row % 8 != 0 || len % 8 != 0)
        return wrong_field(at, field, in_row, "a nested value that is not aligned");
    if (field->type.kind == TM_TYPE_STRUCT)
        return check_struct(at, field, &inner);
    return field->type.kind == TM_TYPE_LIST ? check_list(at, field, &inner)
                                            : check_map(at, field, &inner);
}

// A whole row, whose size has been checked. The tail of a partial one lies behind its columns.
static int check_row(const struct place *at, const struct tm_schema *schema,
                     const struct tm_wire_partial *partial, const struct tm_row *row)
{
    struct area in = {.base = (const uint8_t *)row, .in_row = 0, .size = row->size_bytes};
    bool may_be = partial != NULL && !schema->changelog;
    int rc = check_head(at, in.base, 0, may_be ? TM_ROW_PARTIAL : TM_ROW_DELETE);
    if (rc != 0 || row->kind != TM_ROW_PARTIAL)
        return rc == 0 ? check_columns(at, schema, &in) : rc;
    if (in.size - schema->fixed_bytes < partial->tail_bytes)
        return wrong(at, 0, "a partial row without its tail");
    in.size -= partial->tail_bytes;
    rc = check_columns(at, schema, &in);
    if (rc != 0)
        return rc;
    uint32_t in_tail = 0;
    const char *what = partial->wrong(partial->arg, row, in.base + in.size, &in_tail);
    return what == NULL ? 0 : wrong(at, in.size + in_tail, what);
}

int tm_wire_check_rows(const struct tm_schema *schema, const struct tm_wire_partial *partial,
                       const uint8_t *rows, size_t len, uint32_t row_count, struct tm_error *err)
{
    TM_CHECK(((uintptr_t)rows & 7) == 0);
    struct place at = {0, 0, err};
    for (; at.row < row_count; at.row++) {
        size_t left = len - at.offset;
        const uint8_t *row = rows + at.offset;
        uint32_t size = 0;
        if (left < schema->fixed_bytes)
            return wrong(&at, 0, "cut short");
        memcpy(&size, row, sizeof size);
        if (size < schema->fixed_bytes || size > left || size > TM_ROW_BYTES_MAX || size % 8 != 0)
            return wrong(&at, 0, "a wrong size");
        int rc = check_row(&at, schema, partial, (const struct tm_row *)(const void *)row);
        if (rc != 0)
            return rc;
        at.offset += size;
    }
    if (at.offset != len)
        return tm_error_set(err, TM_E_CORRUPT, "%zu bytes behind the last row at offset %zu",
                            len - at.offset, at.offset);
    return 0;
}

// --- values without a row ------------------------------------------------------------------------

static int check_slot(const struct place *at, const struct tm_field *field, size_t in_row,
                      const uint8_t *slot)
{
    return field->type.kind == TM_TYPE_DECIMAL ? check_decimal(at, field, in_row, slot)
                                               : check_word(at, field, in_row, slot);
}

int tm_wire_check_value(const struct tm_field *field, const void *bytes, uint32_t len,
                        struct tm_error *err)
{
    struct place at = {0, 0, err};
    if (tm_type_is_nested(field->type))
        return check_nested(&at, field, bytes, 0, len);
    if (tm_type_is_reference(field->type)) {
        const char *what =
            len > TM_ROW_BYTES_MAX ? "too long" : wrong_bytes(field->type, bytes, len);
        return what == NULL ? 0 : wrong_field(&at, field, 0, what);
    }
    return len == tm_type_slot_bytes(field->type) ? check_slot(&at, field, 0, bytes)
                                                  : wrong_field(&at, field, 0, "a wrong size");
}

int tm_wire_check_key(const struct tm_key_reader *reader, const void *bytes, uint32_t len,
                      struct tm_error *err)
{
    const uint8_t *p = bytes, *end = p + len;
    struct place at = {0, 0, err};
    const uint32_t count = reader->spec.count;
    for (uint32_t i = 0; i < count; i++) {
        const struct tm_field *field = &reader->schema->fields[reader->spec.fields[i]];
        uint32_t length = tm_type_slot_bytes(field->type);
        bool reference = tm_type_is_reference(field->type);
        if (count == 1) // a column alone is all there is
            return tm_wire_check_value(field, bytes, len, err);
        if (reference && (size_t)(end - p) < sizeof length)
            return wrong_field(&at, field, (size_t)(p - (const uint8_t *)bytes), "cut short");
        if (reference) {
            memcpy(&length, p, sizeof length);
            p += sizeof length;
        }
        if ((size_t)(end - p) < length)
            return wrong_field(&at, field, (size_t)(p - (const uint8_t *)bytes), "cut short");
        const char *what = reference ? wrong_bytes(field->type, p, length) : NULL;
        int rc = what != NULL ? wrong_field(&at, field, (size_t)(p - (const uint8_t *)bytes), what)
                 : reference  ? 0
                              : check_slot(&at, field, (size_t)(p - (const uint8_t *)bytes), p);
        if (rc != 0)
            return rc;
        p += length;
    }
    return p == end ? 0 : wrong(&at, (size_t)(p - (const uint8_t *)bytes), "bytes of no column");
}

// Keys of a word each, without a branch on what they are. False: one of them may be wrong.
static bool are_words(const struct tm_field *field, const struct tm_key *keys, uint32_t count)
{
    const bool is_bool = field->type.kind == TM_TYPE_BOOL, is_int = field->type.kind == TM_TYPE_INT;
    // All from `low` on, `range` of them, are good.
    uint64_t low = is_int ? (uint64_t)-TM_INT_MAX : 0;
    uint64_t range = is_int ? 2 * (uint64_t)TM_INT_MAX : is_bool ? 1 : UINT64_MAX;
    uint32_t good = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word;
        if (keys[i].length != sizeof word)
            return false;
        memcpy(&word, keys[i].bytes, sizeof word);
        good += word - low <= range;
    }
    return good == count;
}

int tm_wire_check_keys(const struct tm_key_reader *reader, const struct tm_key *keys,
                       uint32_t count, struct tm_error *err)
{
    if (reader->spec.count == 1) {
        const struct tm_field *field = &reader->schema->fields[reader->spec.fields[0]];
        if (!tm_type_is_reference(field->type) && field->type.kind != TM_TYPE_DECIMAL &&
            are_words(field, keys, count))
            return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        int rc = tm_wire_check_key(reader, keys[i].bytes, keys[i].length, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}
