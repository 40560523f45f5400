// Messages about broken CSV records: the column, what was found, what is needed, the byte.
#include <stdio.h>

#include "core/format/csv_read.h"
#include "core/format/json_index.h"

enum { SHOWN = 40 }; // bytes of a value in a message

static uint32_t position(const struct tm__csv_record *r, const uint8_t *p)
{
    return (uint32_t)(p - r->text) - r->start;
}

// "field amount", or "field 3" where the file has a column that nobody asked for.
static const char *show_field(const struct tm__csv_decoder *d, uint32_t index,
                              char buf[TM_NAME_MAX + 32])
{
    if (index < d->width && d->columns[index].type.kind != TM_TYPE_UNKNOWN)
        snprintf(buf, TM_NAME_MAX + 32, "field %s", d->columns[index].name);
    else
        snprintf(buf, TM_NAME_MAX + 32, "field %u", index + 1);
    return buf;
}

// A byte for people: 'x', or 0x00.
static const char *show_byte(uint8_t c, char buf[8])
{
    if (c >= 0x20 && c < 0x7F)
        snprintf(buf, 8, "'%c'", c);
    else
        snprintf(buf, 8, "0x%02X", c);
    return buf;
}

int tm__csv_fail_value(struct tm__csv_record *r, const struct tm__csv_column *column, int code,
                       const uint8_t *p, uint32_t len, const char *why)
{
    struct tm__csv_fail *fail = &r->d->fail;
    int shown = len > SHOWN ? SHOWN : (int)len;
    while (shown > 0 && (uint32_t)shown < len && (p[shown] & 0xC0) == 0x80)
        shown--;
    bool bare = len == 0 || *p != '"';
    snprintf(fail->message, sizeof fail->message, "field %s: %s%.*s%s%s %s (byte %u)", column->name,
             bare ? "\"" : "", shown, (const char *)p, len > SHOWN ? "..." : "", bare ? "\"" : "",
             why, position(r, p));
    return fail->code = code;
}

int tm__csv_fail_required(struct tm__csv_record *r)
{
    struct tm__csv_decoder *d = r->d;
    const struct tm_schema *schema = d->schema;
    uint32_t field = 0;
    while (((d->masks.required[field >> 6] & ~r->present[field >> 6]) >> (field & 63) & 1) == 0)
        field++;
    snprintf(d->fail.message, sizeof d->fail.message, "field %s is required and null",
             schema->fields[field].name);
    return d->fail.code = TM_E_REQUIRED;
}

int tm__csv_fail_count(struct tm__csv_record *r, uint32_t fields)
{
    struct tm__csv_decoder *d = r->d;
    bool few = fields < d->width;
    snprintf(d->fail.message, sizeof d->fail.message,
             "the record has %u field%s, %s has %u; the option ragged = \"%s\" %s", fields,
             fields == 1 ? "" : "s", d->options.header ? "the header" : "the schema", d->width,
             few ? "pad" : "truncate", few ? "makes missing fields null" : "drops surplus fields");
    return d->fail.code = TM_E_FIELD_COUNT;
}

int tm__csv_fail_utf8(struct tm__csv_record *r)
{
    struct tm__csv_fail *fail = &r->d->fail;
    uint32_t at = r->start;
    while (at < r->end) {
        uint8_t c = r->text[at];
        uint32_t len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        if (len > r->end - at || !tm__utf8_is_valid(r->text + at, len))
            break;
        at += len;
    }
    snprintf(fail->message, sizeof fail->message, "byte 0x%02X is not valid UTF-8 (byte %u)",
             r->text[at], at - r->start);
    return fail->code = TM_E_BAD_UTF8;
}

int tm__csv_fail_quote(struct tm__csv_record *r, uint32_t fields)
{
    struct tm__csv_decoder *d = r->d;
    const struct tm__csv_index *index = &d->index;
    char name[TM_NAME_MAX + 32], byte[8];
    const char *of = show_field(d, fields, name);
    uint32_t at = index->fault_at - r->start;
    if (index->fault == TM__CSV_QUOTE_INSIDE)
        snprintf(d->fail.message, sizeof d->fail.message,
                 "%s: a quote inside a field that does not begin with one (byte %u)", of, at);
    else
        snprintf(d->fail.message, sizeof d->fail.message,
                 "%s: %s follows the closing quote; a quote inside quotes is %s (byte %u)", of,
                 show_byte(r->text[index->fault_at], byte),
                 d->options.backslash ? "written behind a backslash" : "doubled", at);
    return d->fail.code = TM_E_BAD_CSV;
}

int tm__csv_fail_open(struct tm__csv_record *r, uint32_t fields, uint32_t at, bool too_long)
{
    struct tm__csv_decoder *d = r->d;
    char name[TM_NAME_MAX + 32], limit[64];
    const char *of = show_field(d, fields, name);
    const char *what = d->options.quote != 0 && r->text[at] == d->options.quote
                           ? "the quote is not closed"
                           : "the record does not end";
    if (too_long)
        snprintf(limit, sizeof limit, "within max_record, %zu bytes", d->lines.max_record);
    else
        snprintf(limit, sizeof limit, "before the end of the input");
    snprintf(d->fail.message, sizeof d->fail.message, "%s: %s %s (byte %u)", of, what, limit,
             at - r->start);
    return d->fail.code = TM_E_BAD_CSV;
}
