// Rows from outside, checked against their schema so thoroughly that every reader may trust them:
// the invariants are those of row.ffi.h and of the types.
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/batch/decimal.h"
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

static int wrong_field(const struct place *at, const struct tm_field *field, const char *what)
{
    return tm_error_set(at->err, TM_E_CORRUPT, "row %u: column \"%s\": %s at offset %zu", at->row,
                        field->name, what, at->offset + field->offset);
}

static int check_null(const struct place *at, const struct tm_field *field, const uint8_t *row)
{
    uint64_t words[2] = {0, 0};
    memcpy(words, row + field->offset, tm_type_slot_bytes(field->type));
    return (words[0] | words[1]) == 0 ? 0 : wrong_field(at, field, "a null's slot is not zero");
}

static int check_reference(const struct place *at, const struct tm_schema *schema,
                           const struct tm_field *field, const uint8_t *row, size_t size,
                           size_t *end)
{
    struct tm_ref ref;
    memcpy(&ref, row + field->offset, sizeof ref);
    if (ref.offset < schema->fixed_bytes || ref.offset > size || ref.length > size - ref.offset)
        return wrong_field(at, field, "a reference outside its row");
    if (field->type.kind == TM_TYPE_STRING && !tm_text_is_utf8(row + ref.offset, ref.length))
        return wrong_field(at, field, "not valid UTF-8");
    if ((size_t)ref.offset + ref.length > *end)
        *end = (size_t)ref.offset + ref.length;
    return 0;
}

static int check_word(const struct place *at, const struct tm_field *field, const uint8_t *row)
{
    int64_t v;
    memcpy(&v, row + field->offset, sizeof v);
    if (field->type.kind == TM_TYPE_BOOL && v != 0 && v != 1)
        return wrong_field(at, field, "a bool that is neither 0 nor 1");
    if (field->type.kind == TM_TYPE_INT && (v > TM_INT_MAX || v < -TM_INT_MAX))
        return wrong_field(at, field, "an int beyond 2^53");
    return 0;
}

static int check_decimal(const struct place *at, const struct tm_field *field, const uint8_t *row)
{
    tm_int128 v, same;
    memcpy(&v, row + field->offset, sizeof v);
    if (tm_decimal_rescale(v, field->type.scale, field->type.precision, field->type.scale, &same) !=
        0)
        return wrong_field(at, field, "a decimal with too many digits");
    return 0;
}

static int check_row(const struct place *at, const struct tm_schema *schema, const uint8_t *row,
                     size_t size)
{
    const struct tm_row *head = (const struct tm_row *)(const void *)row;
    if (head->kind > TM_ROW_DELETE)
        return wrong(at, 4, "an unknown kind");
    if (head->reserved[0] != 0 || head->reserved[1] != 0 || head->reserved[2] != 0)
        return wrong(at, 5, "reserved bytes are not zero");
    uint32_t in_last = schema->field_count & 63;
    if (in_last != 0 && head->nulls[schema->null_words - 1] >> in_last != 0)
        return wrong(at, 8 * (size_t)schema->null_words, "null bits of columns that do not exist");
    size_t end = schema->fixed_bytes;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        int rc;
        if (tm_row_is_null(head, i))
            rc = check_null(at, field, row);
        else if (tm_type_is_reference(field->type))
            rc = check_reference(at, schema, field, row, size, &end);
        else if (field->type.kind == TM_TYPE_DECIMAL)
            rc = check_decimal(at, field, row);
        else
            rc = check_word(at, field, row);
        if (rc != 0)
            return rc;
    }
    // Rows end with their last referenced byte and zeros up to a multiple of 8.
    if (size - end >= 8)
        return wrong(at, end, "bytes that no column refers to");
    for (; end < size; end++) {
        if (row[end] != 0)
            return wrong(at, end, "padding is not zero");
    }
    return 0;
}

int tm_wire_check_rows(const struct tm_schema *schema, const uint8_t *rows, size_t len,
                       uint32_t row_count, struct tm_error *err)
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
        int rc = check_row(&at, schema, row, size);
        if (rc != 0)
            return rc;
        at.offset += size;
    }
    if (at.offset != len)
        return tm_error_set(err, TM_E_CORRUPT, "%zu bytes behind the last row at offset %zu",
                            len - at.offset, at.offset);
    return 0;
}
