// A field of CSV as a value of its column: any spelling, any length, and what is wrong with it.
// csv_read.c takes the usual fields quickly and calls this for the others.
#include <stdio.h>
#include <strings.h>

#include "core/batch/decimal.h"
#include "core/format/base64.h"
#include "core/format/csv_read.h"
#include "core/format/csv_text.h"
#include "core/format/json_cell.h"
#include "core/format/json_number.h"

enum { SHORT_MAX = 256 }; // bytes of a field with escapes in it that is no string

// A field as it stands in the file, for messages, and its text.
struct field {
    const uint8_t *raw;
    uint32_t raw_length;
    const uint8_t *p;
    size_t len;
};

size_t tm__csv_unescape(const uint8_t *src, const uint8_t *end, uint8_t *dst, uint8_t escape)
{
    return (size_t)(tm__csv_copy_plain(dst, src, end, escape) - dst);
}

bool tm__csv_is_null(const struct tm_csv_options *o, const uint8_t *p, size_t len)
{
    for (uint32_t i = 0; i < o->null_count; i++) {
        if (o->nulls[i].length == len && memcmp(o->nulls[i].bytes, p, len) == 0)
            return true;
    }
    return false;
}

static int fail(struct tm__csv_record *r, const struct tm__csv_column *column,
                const struct field *field, int code, const char *why)
{
    return tm__csv_fail_value(r, column, code, field->raw, field->raw_length, why);
}

static void put_word(const struct tm__csv_record *r, const struct tm__csv_column *column,
                     uint64_t word)
{
    word &= column->keep;
    memcpy(r->row + column->offset, &word, sizeof word);
}

// --- numbers

static bool is_digit(const uint8_t *p, const uint8_t *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static uint8_t *copy_digits(const uint8_t **p, const uint8_t *end, uint8_t *out)
{
    while (is_digit(*p, end))
        *out++ = *(*p)++;
    return out;
}

// The number in JSON's grammar, with a zero byte behind it: without a plus, zeros in front and a
// bare point, with a point for the decimal comma. Returns its length; 0: it is no number. At most
// two bytes longer than it was.
static size_t normalise(const uint8_t *p, size_t len, uint8_t point, uint8_t *out)
{
    const uint8_t *end = p + len, *start = out;
    if (p < end && (*p == '-' || *p == '+')) {
        if (*p == '-')
            *out++ = '-';
        p++;
    }
    bool whole = is_digit(p, end);
    while (is_digit(p, end) && *p == '0' && is_digit(p + 1, end))
        p++;
    if (!whole)
        *out++ = '0';
    out = copy_digits(&p, end, out);
    if (p < end && *p == point) {
        p++;
        if (is_digit(p, end)) {
            *out++ = '.';
            out = copy_digits(&p, end, out);
        } else if (!whole) {
            return 0;
        }
    } else if (!whole) {
        return 0;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        *out++ = *p++;
        if (p < end && (*p == '-' || *p == '+'))
            *out++ = *p++;
        if (!is_digit(p, end))
            return 0;
        out = copy_digits(&p, end, out);
    }
    *out = 0;
    return p == end ? (size_t)(out - start) : 0;
}

// What people write where a number should be.
static int not_a_number(struct tm__csv_record *r, const struct tm__csv_column *column,
                        const struct field *field, const char *needed)
{
    char why[160];
    const char *more = "", *p = (const char *)field->p;
    if ((field->len == 3 && strncasecmp(p, "nan", 3) == 0) ||
        (field->len == 4 && strncasecmp(p, "null", 4) == 0) ||
        (field->len == 2 && strncasecmp(p, "na", 2) == 0))
        more = "; texts that mean null are an option: null = { \"\", ... }";
    else if (r->d->options.decimal == '.' && memchr(p, ',', field->len) != NULL)
        more = "; a decimal comma is an option: decimal = \",\"";
    snprintf(why, sizeof why, "is not %s%s", needed, more);
    return fail(r, column, field, TM_E_BAD_TYPE, why);
}

// The number as text that tm__number_scan takes whole, at the heap if it had to be changed; or 0.
static size_t scan(struct tm__csv_record *r, struct field *field, struct tm__number *number)
{
    uint8_t point = r->d->options.decimal;
    if (field->len == 0)
        return 0;
    if (point == '.' && tm__number_scan(field->p, number) == field->len)
        return field->len;
    size_t len = normalise(field->p, field->len, point, r->heap);
    if (len == 0 || tm__number_scan(r->heap, number) != len)
        return 0;
    field->p = r->heap;
    return field->len = len;
}

static int read_integer(struct tm__csv_record *r, const struct tm__csv_column *column,
                        const struct field *field, const struct tm__number *number)
{
    int64_t v = 0;
    uint8_t kind = column->type.kind;
    enum tm__exact exact = tm__number_to_int64(number, &v);
    if (exact == TM__FRACTION)
        return fail(r, column, field, TM_E_BAD_TYPE,
                    kind == TM_TYPE_TIMESTAMP
                        ? "has a fraction, needs timestamp in whole milliseconds"
                        : "has a fraction, needs a whole number");
    if (kind == TM_TYPE_INT64 && exact == TM__TOO_LARGE)
        return fail(r, column, field, TM_E_BAD_NUMBER, "does not fit int64");
    if (kind != TM_TYPE_INT64 && (exact == TM__TOO_LARGE || v > TM_INT_MAX || v < -TM_INT_MAX))
        return fail(r, column, field, TM_E_BAD_NUMBER,
                    kind == TM_TYPE_INT
                        ? "is beyond 2^53, which int holds exactly; declare it as int64"
                        : "is not a timestamp in milliseconds");
    put_word(r, column, (uint64_t)v);
    return 0;
}

static int read_whole(struct tm__csv_record *r, const struct tm__csv_column *column,
                      struct field *field)
{
    struct tm__number number;
    if (scan(r, field, &number) == 0)
        return not_a_number(r, column, field, "a whole number");
    return read_integer(r, column, field, &number);
}

static int read_double(struct tm__csv_record *r, const struct tm__csv_column *column,
                       struct field *field)
{
    struct tm__number number;
    double v;
    uint64_t word;
    if (scan(r, field, &number) == 0)
        return not_a_number(r, column, field, "a number");
    if (!tm__number_to_double(&number, field->p, field->len, &v))
        return fail(r, column, field, TM_E_BAD_NUMBER, "is beyond the range of double");
    memcpy(&word, &v, sizeof word);
    put_word(r, column, word);
    return 0;
}

static int read_decimal(struct tm__csv_record *r, const struct tm__csv_column *column,
                        struct field *field)
{
    struct tm__number number;
    tm_int128 v = 0;
    if (scan(r, field, &number) == 0)
        return not_a_number(r, column, field, "a decimal number");
    int rc = tm_decimal_parse((const char *)field->p, field->len, column->type.precision,
                              column->type.scale, &v);
    if (rc != 0) {
        char why[128], type[TM_TYPE_TEXT];
        snprintf(why, sizeof why, "does not fit %s%s", tm_type_text(column->type, type),
                 rc == TM_E_OVERFLOW
                     ? ""
                     : ", which has fewer digits behind the point; declare more, or double");
        return fail(r, column, field, TM_E_BAD_NUMBER, why);
    }
    v = column->keep != 0 ? v : 0;
    memcpy(r->row + column->offset, &v, sizeof v);
    return 0;
}

// --- the other types

static int read_timestamp(struct tm__csv_record *r, const struct tm__csv_column *column,
                          struct field *field)
{
    struct tm__number number;
    int64_t ms;
    if (tm_timestamp_parse((const char *)field->p, field->len, &ms) == 0) {
        put_word(r, column, (uint64_t)ms);
        return 0;
    }
    if (scan(r, field, &number) == 0)
        return fail(r, column, field, TM_E_BAD_TIMESTAMP,
                    "is not a time of ISO 8601 or a number of milliseconds");
    return read_integer(r, column, field, &number);
}

static bool is_text(const struct field *field, const char *text, size_t len)
{
    return field->len == len && strncasecmp((const char *)field->p, text, len) == 0;
}

static int read_bool(struct tm__csv_record *r, const struct tm__csv_column *column,
                     const struct field *field)
{
    static const char *const usual[][2] = {{"false", "true"}, {"0", "1"}, {"no", "yes"},
                                           {"f", "t"},        {"n", "y"}, {"off", "on"}};
    const struct tm_csv_options *o = &r->d->options;
    for (uint64_t v = 0; v < 2; v++) {
        bool same = is_text(field, o->bools[v].bytes, o->bools[v].length);
        for (size_t i = 0; o->any_bool && !same && i < sizeof usual / sizeof usual[0]; i++)
            same = is_text(field, usual[i][v], strlen(usual[i][v]));
        if (same) {
            put_word(r, column, v);
            return 0;
        }
    }
    char why[64 + sizeof o->bools];
    if (o->any_bool)
        snprintf(why, sizeof why, "is not a bool: true, 1, yes, false, 0, no, ...");
    else
        snprintf(why, sizeof why, "is not a bool: %s or %s, as the option bools says",
                 o->bools[1].bytes, o->bools[0].bytes);
    return fail(r, column, field, TM_E_BAD_TYPE, why);
}

static void put_reference(struct tm__csv_record *r, const struct tm__csv_column *column,
                          size_t length)
{
    struct tm_ref ref = {.offset = (uint32_t)(r->heap - r->row), .length = (uint32_t)length};
    if (column->keep == 0)
        ref = (struct tm_ref){0, 0};
    memcpy(r->row + column->offset, &ref, sizeof ref);
    r->heap += ref.length;
}

static int read_text(struct tm__csv_record *r, const struct tm__csv_column *column,
                     const struct field *field)
{
    const struct tm__csv_decoder *d = r->d;
    uint8_t escape = tm__csv_escape(d);
    bool is_bytes = column->type.kind == TM_TYPE_BYTES;
    size_t length = 0;
    if (column->keep != 0 || is_bytes) {
        length = field->len;
        if (escape != 0)
            length = tm__csv_unescape(field->p, field->p + length, r->heap, escape);
        else
            memcpy(r->heap, field->p, length);
    }
    if (is_bytes && (length = tm__base64_decode(r->heap, r->heap, length)) == SIZE_MAX)
        return fail(r, column, field, TM_E_BAD_TYPE, "is not base64");
    put_reference(r, column, length);
    return 0;
}

// JSON text in the field.
static int read_nested(struct tm__csv_record *r, const struct tm__csv_column *column,
                       const struct field *field)
{
    struct tm__csv_decoder *d = r->d;
    struct tm_buf *text = &d->cell_text;
    uint8_t escape = tm__csv_escape(d);
    const uint8_t *p = field->p;
    size_t len = field->len;
    if (escape != 0) {
        text->size_bytes = 0;
        if (tm_buf_reserve(text, len + 16) != 0)
            return d->fail.code = TM_E_MEMORY;
        len = tm__csv_unescape(p, p + len, text->data, escape);
        p = text->data;
    }
    size_t more = (size_t)(r->text + r->end - field->raw) + d->columns_of.room + 8;
    int rc = tm__json_cell_read(d->cell, r->batch, column->field, p, len, more, &r->row, &r->heap);
    if (rc >= 0)
        return rc == 0 ? 0 : TM__CSV_EMPTY;
    struct tm__json_fail *fail = &d->cell->d.fail;
    if (fail->bare)
        snprintf(d->fail.message, sizeof d->fail.message, "field %.100s: the JSON in it: %.200s",
                 column->name, fail->message);
    else
        tm__json_fail_text(fail, d->fail.message, sizeof d->fail.message);
    return d->fail.code = rc;
}

int tm__csv_read_value(struct tm__csv_record *r, const struct tm__csv_column *column,
                       const uint8_t *p, uint32_t len)
{
    const struct tm_csv_options *o = &r->d->options;
    struct field field = {.raw = p, .raw_length = len, .p = p, .len = len};
    uint8_t plain[SHORT_MAX + TM__CHUNK_BYTES], escape = tm__csv_escape(r->d);
    if (len != 0 && o->quote != 0 && *p == o->quote) {
        field.p++;
        field.len -= 2;
    }
    if (column->type.kind == TM_TYPE_STRING || column->type.kind == TM_TYPE_BYTES)
        return read_text(r, column, &field);
    if (column->type.kind > TM_TYPE_TIMESTAMP)
        return field.len == 0 ? TM__CSV_EMPTY : read_nested(r, column, &field);
    // An escape in a number: some delimiters are part of numbers, too.
    if (escape != 0 && field.len <= SHORT_MAX && memchr(field.p, escape, field.len) != NULL) {
        field.len = tm__csv_unescape(field.p, field.p + field.len, plain, escape);
        plain[field.len] = 0;
        field.p = plain;
    }
    if (field.p != p && field.len == 0) // some writers quote even what is missing
        return TM__CSV_EMPTY;
    switch (column->type.kind) {
    case TM_TYPE_BOOL:
        return read_bool(r, column, &field);
    case TM_TYPE_DOUBLE:
        return read_double(r, column, &field);
    case TM_TYPE_DECIMAL:
        return read_decimal(r, column, &field);
    case TM_TYPE_TIMESTAMP:
        return read_timestamp(r, column, &field);
    default:
        return read_whole(r, column, &field);
    }
}
