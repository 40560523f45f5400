// The CSV encoder: rows as records that this engine's decoder, and others that keep to RFC 4180,
// read back as they were.
//
// A field is quoted where it must be: it holds a delimiter, a quote, a line end or an escape, it
// reads like a null text, or it would begin a comment. Nulls are never quoted: that is what tells
// them from texts. Numbers and times hold none of these, unless the dialect takes characters of
// theirs for marks; then they are looked at like texts.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/batch/decimal.h"
#include "core/format/base64.h"
#include "core/format/csv_read.h"
#include "core/format/csv_text.h"
#include "core/format/formats.h"
#include "core/format/json_writer.h"
#include "core/format/number_write.h"

enum {
    ROW_SLACK = 64,
    FIELD_SLACK = 24, // delimiter, quotes, and what copies of 16 bytes write behind a field
};

struct field {
    uint32_t index, offset;
    uint8_t kind, scale;
    const char *name;
    struct tm__time_memo memo; // of a timestamp
};

struct csv_encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm_csv_options options;
    struct field *fields; // visible ones
    uint32_t field_count;
    // Of a changelog: what each kind of row begins with, its delimiter included.
    struct {
        uint8_t length, bytes[15];
    } kinds[TM_ROW_DELETE + 1];
    struct tm_buf header;
    size_t fixed_bound;    // bytes of a row's text without what references point to
    size_t rough_factor;   // at most for each byte of a row, if all that refer refer to all of it
    uint64_t null_lengths; // bit n: some null text has n bytes
    uint8_t escape;        // what stands in front of a byte that needs it; 0: nothing can
    uint8_t marks[4][TM__CHUNK_BYTES]; // delimiter, quote or again the delimiter, line ends
    bool look_at_all; // numbers may hold marks of the dialect, or read like a null text
    bool timestamps_as_ms;
    struct tm__date_cache date;
    const char *reason;          // why the row cannot be written
    struct tm__json_writer json; // of nested values and any
    char text[512];              // of the reason
};

// --- texts

static bool is_mark(const struct csv_encoder *e, uint8_t c)
{
    const struct tm_csv_options *o = &e->options;
    return c == o->delimiter || c == '\n' || c == '\r' || (o->quote != 0 && c == o->quote) ||
           (o->backslash && c == '\\');
}

// Copy len bytes, 16 at a time; true when none of them is a mark. 16 bytes behind may be read and
// written.
static inline bool copy_plain(const struct csv_encoder *e, uint8_t *out, const uint8_t *p,
                              size_t len)
{
    for (size_t i = 0; i < len; i += TM__CHUNK_BYTES) {
        tm__chunk chunk = tm__chunk_load(p + i);
        tm__chunk_store(out + i, chunk);
        uint32_t marks = tm__chunk_equal(chunk, tm__chunk_load(e->marks[0])) |
                         tm__chunk_equal(chunk, tm__chunk_load(e->marks[1])) |
                         tm__chunk_equal(chunk, tm__chunk_load(e->marks[2])) |
                         tm__chunk_equal(chunk, tm__chunk_load(e->marks[3]));
        if (e->options.backslash)
            marks |= tm__chunk_equal(chunk, tm__chunk_fill('\\'));
        if (len - i < TM__CHUNK_BYTES)
            marks &= (1u << (len - i)) - 1;
        if (TM_UNLIKELY(marks != 0))
            return false;
    }
    return true;
}

static uint8_t *put_quoted(const struct csv_encoder *e, uint8_t *out, const uint8_t *p, size_t len)
{
    *out++ = e->options.quote;
    out = tm__csv_copy_escaped(out, p, p + len, e->options.quote, e->escape);
    *out++ = e->options.quote;
    return out;
}

// Where the dialect has no quotes: each mark behind a backslash, if it has that. `begin`: the first
// byte, too, so that the text does not read like something else.
static uint8_t *put_escaped(struct csv_encoder *e, uint8_t *out, const uint8_t *p, size_t len,
                            bool begin)
{
    uint8_t *start = out;
    e->reason = "is the empty text, which reads as null, and there is no quote character";
    if (len == 0)
        return NULL;
    e->reason = "holds a delimiter or line end or reads as null, and there is no quote character";
    if (e->escape == 0)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        if (is_mark(e, p[i]) || (i == 0 && begin))
            *out++ = e->escape;
        *out++ = p[i];
    }
    return tm__csv_is_null(&e->options, start, (size_t)(out - start)) ? NULL : out;
}

// As the first field of a record, or of a file, the text is a comment or a byte order mark.
static bool reads_as_begin(const struct csv_encoder *e, const uint8_t *p, size_t len)
{
    return len != 0 && ((e->options.comment != 0 && *p == e->options.comment) ||
                        (len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0));
}

// `first`: of its record. 16 bytes behind the text may be read. NULL: it cannot be written.
static inline uint8_t *put_text(struct csv_encoder *e, uint8_t *out, const uint8_t *p, size_t len,
                                bool first)
{
    const struct tm_csv_options *o = &e->options;
    bool other = ((e->null_lengths >> (len & 63)) & 1) != 0 && tm__csv_is_null(o, p, len);
    if (TM_UNLIKELY(first))
        other = other || reads_as_begin(e, p, len) ||
                (len == 0 && e->field_count == 1 && o->quote != 0); // not an empty line
    if (TM_LIKELY(!other && !o->quote_all) && copy_plain(e, out, p, len))
        return out + len;
    return o->quote != 0 ? put_quoted(e, out, p, len) : put_escaped(e, out, p, len, other);
}

// --- values

static uint8_t *put_decimal_comma(uint8_t *out, uint8_t *end)
{
    uint8_t *point = memchr(out, '.', (size_t)(end - out));
    if (point != NULL)
        *point = ',';
    return end;
}

static inline uint8_t *put_fraction(const struct csv_encoder *e, uint8_t *out, uint8_t *end)
{
    return TM_LIKELY(e->options.decimal == '.') ? end : put_decimal_comma(out, end);
}

static uint8_t *put_double(struct csv_encoder *e, uint8_t *out, double value)
{
    if (TM_UNLIKELY(!isfinite(value))) {
        e->reason = isnan(value) ? "is NaN, which is no number" : "is infinite, which is no number";
        return NULL;
    }
    return put_fraction(e, out, tm__put_double(out, value));
}

// The text of a value that is no string.
static inline uint8_t *put_bare(struct csv_encoder *e, uint8_t *out, struct field *field,
                                const struct tm_row *row)
{
    uint32_t len;
    const char *p;
    switch (field->kind) {
    case TM_TYPE_BOOL: {
        const struct tm_csv_text *text = &e->options.bools[tm_row_int(row, field->offset) != 0];
        memcpy(out, text->bytes, text->length);
        return out + text->length;
    }
    case TM_TYPE_DOUBLE:
        return put_double(e, out, tm_row_double(row, field->offset));
    case TM_TYPE_DECIMAL:
        len = (uint32_t)tm_decimal_format(tm_row_decimal(row, field->offset), field->scale,
                                          (char *)out);
        return put_fraction(e, out, out + len);
    case TM_TYPE_TIMESTAMP:
        if (!e->timestamps_as_ms)
            return tm__put_timestamp(out, tm_row_int(row, field->offset), &e->date, &field->memo);
        return tm__put_integer(out, tm_row_int(row, field->offset));
    case TM_TYPE_BYTES:
        p = tm_row_string(row, field->offset, &len);
        return tm__base64_encode(out, (const uint8_t *)p, len);
    default:
        return tm__put_integer(out, tm_row_int(row, field->offset));
    }
}

// Such a value as a field that may need quotes: its text is made further behind, and brought to its
// place as texts are.
static uint8_t *put_looked_at(struct csv_encoder *e, uint8_t *out, struct field *field,
                              const struct tm_row *row, bool first)
{
    uint32_t len = TM__NUMBER_MAX;
    if (field->kind == TM_TYPE_BYTES) {
        (void)tm_row_string(row, field->offset, &len);
        len = (len + 2) / 3 * 4;
    }
    uint8_t *text = out + 2 * (size_t)len + FIELD_SLACK, *end = put_bare(e, text, field, row);
    return end == NULL ? NULL : put_text(e, out, text, (size_t)(end - text), first);
}

// A nested value or one of type any: its JSON text, made behind the place of the field.
static uint8_t *put_nested(struct csv_encoder *e, uint8_t *out, struct field *field,
                           const struct tm_row *row, bool first)
{
    struct tm__json_field *json = &e->json.row->fields[field - e->fields];
    struct tm_slot slot = tm_slot_of_row(row, field->offset);
    uint32_t len;
    (void)tm_slot_bytes(slot, &len);
    uint8_t *text = out + 2 * tm__json_bound(&e->json, len) + FIELD_SLACK;
    uint8_t *end = tm__json_put_value(&e->json, text, json, slot);
    if (end != NULL)
        return put_text(e, out, text, (size_t)(end - text), first);
    snprintf(e->text, sizeof e->text, "%.100s%.300s", e->json.fail.path, e->json.fail.message);
    e->reason = e->text + (e->text[0] == ' ');
    return NULL;
}

static inline uint8_t *put_value(struct csv_encoder *e, uint8_t *out, struct field *field,
                                 const struct tm_row *row, bool first)
{
    if (field->kind == TM_TYPE_STRING) {
        uint32_t len;
        const char *p = tm_row_string(row, field->offset, &len);
        return put_text(e, out, (const uint8_t *)p, len, first);
    }
    if (TM_UNLIKELY(field->kind > TM_TYPE_TIMESTAMP))
        return put_nested(e, out, field, row, first);
    // No bytes at all are the empty text.
    if (TM_UNLIKELY(e->look_at_all || field->kind == TM_TYPE_BYTES))
        return put_looked_at(e, out, field, row, first);
    return put_bare(e, out, field, row);
}

// --- rows

static inline uint8_t *put_line_end(const struct csv_encoder *e, uint8_t *out)
{
    if (e->options.crlf)
        *out++ = '\r';
    *out++ = '\n';
    return out;
}

// What a column's text takes at most: bytes for each of those that it refers to, and what is
// written behind it included.
static size_t factor_of(const struct csv_encoder *e, const struct field *field)
{
    switch (field->kind) {
    case TM_TYPE_STRING:
        return 2;
    case TM_TYPE_BYTES: // base64 is 4/3 as long, and may stand there twice, once of double length
        return 4;
    default: // nested values stand there twice, once of double length
        return field->kind > TM_TYPE_TIMESTAMP ? 3 * e->json.factor : 0;
    }
}

static size_t row_bound(const struct csv_encoder *e, const struct tm_row *row)
{
    size_t bound = e->fixed_bound;
    for (uint32_t i = 0; i < e->field_count; i++) {
        const struct field *field = &e->fields[i];
        size_t factor = factor_of(e, field);
        struct tm_ref ref;
        if (factor == 0)
            continue;
        memcpy(&ref, (const uint8_t *)row + field->offset, sizeof ref);
        bound += ref.length * factor;
    }
    return bound;
}

// Room for the row's text. Mostly there is more than any row of its size could take.
static inline int reserve(const struct csv_encoder *e, struct tm_buf *out, const struct tm_row *row)
{
    size_t rough = e->fixed_bound + row->size_bytes * e->rough_factor;
    if (TM_LIKELY(out->capacity_bytes - out->size_bytes >= rough))
        return 0;
    return tm_buf_reserve(out, row_bound(e, row));
}

// NULL: *failed cannot be written, for e->reason.
static inline uint8_t *put_row(struct csv_encoder *e, uint8_t *out, const struct tm_row *row,
                               const struct field **failed)
{
    if (e->schema->changelog) {
        memcpy(out, e->kinds[row->kind].bytes, e->kinds[row->kind].length);
        out += e->kinds[row->kind].length;
    }
    for (uint32_t i = 0; i < e->field_count; i++) {
        struct field *field = &e->fields[i];
        if (i != 0)
            *out++ = e->options.delimiter;
        if (TM_UNLIKELY(tm_row_is_null(row, field->index))) {
            memcpy(out, e->options.nulls[0].bytes, e->options.nulls[0].length);
            out += e->options.nulls[0].length;
        } else if (TM_UNLIKELY((out = put_value(e, out, field, row,
                                                i == 0 && !e->schema->changelog)) == NULL)) {
            *failed = field;
            return NULL;
        }
    }
    return put_line_end(e, out);
}

static int csv_encode(struct tm_encoder *base, const struct tm_batch *batch,
                      const struct tm_row **row, struct tm_buf *out, size_t limit_bytes,
                      int (*bad)(void *arg, const struct tm_row *row, int code,
                                 const char *message),
                      void *arg)
{
    struct csv_encoder *e = (struct csv_encoder *)base;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    int rc = 0;
    while (rc == 0 && *row < end && out->size_bytes < limit_bytes) {
        const struct field *failed;
        if ((rc = reserve(e, out, *row)) != 0)
            break;
        uint8_t *p = put_row(e, out->data + out->size_bytes, *row, &failed);
        if (TM_LIKELY(p != NULL)) {
            out->size_bytes = (size_t)(p - out->data);
        } else {
            char message[TM_NAME_MAX + 512 + 32];
            snprintf(message, sizeof message, "field %s %s", failed->name, e->reason);
            rc = bad(arg, *row, TM_E_NOT_ENCODABLE, message);
        }
        *row = tm_row_next(*row);
    }
    return rc;
}

static int csv_begin(struct tm_encoder *base, struct tm_buf *out)
{
    struct csv_encoder *e = (struct csv_encoder *)base;
    return tm_buf_append(out, e->header.data, e->header.size_bytes);
}

static int csv_follows(struct tm_encoder *base, const uint8_t *p, size_t len, const char **line_end,
                       struct tm_error *err)
{
    struct csv_encoder *e = (struct csv_encoder *)base;
    bool crlf = tm__csv_ends_in_crlf(&e->options, p, len);
    *line_end = crlf ? "\r\n" : "\n";
    if (e->options.any_line_end)
        e->options.crlf = crlf; // as the lines that are there
    return tm__csv_follows(&e->options, &e->header, p, len, err);
}

// --- the encoder

static void csv_free(struct tm_encoder *base)
{
    struct csv_encoder *e = (struct csv_encoder *)base;
    tm_mem_free(e->mem, e->fields, e->schema->field_count * sizeof *e->fields);
    tm_buf_fini(&e->header);
    tm__json_writer_fini(&e->json);
    tm_schema_unref(e->schema);
    tm_mem_free(e->mem, e, sizeof *e);
}

static const struct tm_encoder_ops csv_ops = {
    .encode = csv_encode, .free = csv_free, .begin = csv_begin, .follows = csv_follows};

// May this character stand in a number, a time or base64?
static bool in_numbers(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("+-.,:/=", c) != NULL);
}

static bool must_look(const struct csv_encoder *e)
{
    const struct tm_csv_options *o = &e->options;
    bool comma = o->delimiter == ',' && o->decimal == '.'; // the one that numbers never have
    bool look = o->quote_all || (!comma && in_numbers(o->delimiter)) || in_numbers(o->quote) ||
                in_numbers(o->comment);
    for (int i = 0; i < 2; i++) { // texts of bools may be anything
        for (uint8_t at = 0; at < o->bools[i].length; at++)
            look = look || !in_numbers((uint8_t)o->bools[i].bytes[at]);
    }
    for (uint32_t i = 0; i < o->null_count; i++)
        look = look || (o->nulls[i].length != 0 && in_numbers((uint8_t)o->nulls[i].bytes[0]));
    return look;
}

static void add_fields(struct csv_encoder *e, const uint64_t *left_out)
{
    for (uint32_t i = 0; i < e->schema->field_count; i++) {
        const struct tm_field *field = &e->schema->fields[i];
        if ((field->flags & TM_FIELD_HIDDEN) != 0 ||
            (left_out != NULL && (left_out[i >> 6] >> (i & 63) & 1) != 0))
            continue;
        e->fields[e->field_count++] = (struct field){.index = i,
                                                     .offset = field->offset,
                                                     .kind = field->type.kind,
                                                     .scale = field->type.scale,
                                                     .name = field->name};
        // A number may stand there twice, once of double length; or a null text.
        e->fixed_bound += 3 * TM__NUMBER_MAX + 2 * FIELD_SLACK + TM_CSV_NULL_BYTES_MAX + 16;
        e->rough_factor += factor_of(e, &e->fields[e->field_count - 1]);
    }
}

static int make_header(struct csv_encoder *e, struct tm_error *err)
{
    uint8_t name[TM_NAME_MAX + 17];
    uint32_t ops = e->schema->changelog ? 1 : 0, count = e->field_count + ops;
    for (uint32_t i = 0; i < count; i++) {
        const char *text = i < ops ? "op" : e->fields[i - ops].name;
        size_t len = strlen(text);
        memcpy(name, text, len);
        if (tm_buf_reserve(&e->header, 2 * len + ROW_SLACK) != 0)
            return tm_error_set(err, TM_E_MEMORY, "no memory for a CSV encoder");
        uint8_t *out = e->header.data + e->header.size_bytes;
        if (i != 0)
            *out++ = e->options.delimiter;
        out = put_text(e, out, name, len, i == 0);
        if (out == NULL)
            return tm_error_set(err, TM_E_SCHEMA, "the name of field %s %s", text, e->reason);
        if (i + 1 == count)
            out = put_line_end(e, out);
        e->header.size_bytes = (size_t)(out - e->header.data);
    }
    return 0;
}

static int make_kinds(struct csv_encoder *e, struct tm_error *err)
{
    for (uint8_t kind = 0; kind <= TM_ROW_DELETE; kind++) {
        uint8_t text[32] = {0}, out[64];
        memcpy(text, tm_row_kind_text(kind), 2);
        uint8_t *end = put_text(e, out, text, 2, true);
        if (end == NULL)
            return tm_error_set(err, TM_E_SCHEMA, "the field op of a change %s", e->reason);
        *end++ = e->options.delimiter;
        e->kinds[kind].length = (uint8_t)(end - out); // quoted and escaped: 7 at most
        memcpy(e->kinds[kind].bytes, out, e->kinds[kind].length);
    }
    return 0;
}

static int check_schema(const struct tm_encoder_args *args, struct tm_error *err)
{
    for (uint32_t i = 0; i < args->schema->field_count; i++) {
        char text[TM_TYPE_TEXT];
        const struct tm_field *field = &args->schema->fields[i];
        if (field->type.kind == TM_TYPE_UNKNOWN)
            return tm_error_set(err, TM_E_SCHEMA, "field %s: %s cannot be written as CSV",
                                field->name, tm_type_text(field->type, text));
    }
    if (!args->omit_nulls)
        return 0;
    return tm_error_set(err, TM_E_OPTION,
                        "nulls cannot be \"omit\": a record of CSV has a place for every column");
}

static int encoder_init(struct csv_encoder *e, const struct tm_encoder_args *args,
                        struct tm_error *err)
{
    *e = (struct csv_encoder){.base.ops = &csv_ops,
                              .mem = args->mem,
                              .schema = tm_schema_ref(args->schema),
                              .fixed_bound = ROW_SLACK,
                              .timestamps_as_ms = args->timestamps_as_ms};
    tm_buf_init(&e->header, args->mem);
    tm__date_cache_init(&e->date);
    int rc = tm__json_writer_init(&e->json, args->mem, args->schema, args->left_out);
    if (rc != 0)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a CSV encoder");
    e->json.timestamps_as_ms = args->timestamps_as_ms;
    rc = tm_csv_options_parse(args->mem, args->options, &e->options, err);
    if (rc != 0)
        return rc;
    e->fields = tm_mem_alloc(args->mem, args->schema->field_count * sizeof *e->fields);
    if (e->fields == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a CSV encoder");
    memset(e->marks[0], e->options.delimiter, TM__CHUNK_BYTES);
    memset(e->marks[1], e->options.quote != 0 ? e->options.quote : e->options.delimiter,
           TM__CHUNK_BYTES);
    memset(e->marks[2], '\n', TM__CHUNK_BYTES);
    memset(e->marks[3], '\r', TM__CHUNK_BYTES);
    e->escape = e->options.backslash ? '\\' : e->options.quote;
    for (uint32_t i = 0; i < e->options.null_count; i++)
        e->null_lengths |= UINT64_C(1) << e->options.nulls[i].length;
    e->look_at_all = must_look(e);
    add_fields(e, args->left_out);
    rc = e->schema->changelog ? make_kinds(e, err) : 0;
    return rc == 0 && e->options.header ? make_header(e, err) : rc;
}

int tm__csv_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                        struct tm_error *err)
{
    int rc = check_schema(args, err);
    if (rc != 0)
        return rc;
    struct csv_encoder *e = tm_mem_zalloc(args->mem, sizeof *e);
    if (e == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a CSV encoder");
    if ((rc = encoder_init(e, args, err)) != 0) {
        csv_free(&e->base);
        return rc;
    }
    *encoder = &e->base;
    return 0;
}
