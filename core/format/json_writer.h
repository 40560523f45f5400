// Values as JSON text: what the JSON encoder, CSV's cells with nested values and messages share;
// and what the msgpack encoder knows of its columns.
//
// Everything that does not change from row to row is made once: the text in front of each value,
// the bound of a row's text. Who writes a row reserves that and then writes without checks. Each
// field's text begins with a comma, and the first comma becomes the opening brace.
#pragma once

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/batch/nested.h"
#include "core/format/json_fail.h"
#include "core/format/number_write.h"

enum {
    TM__PREFIX_SHORT = 16,
    TM__ESCAPED_MAX = 6,
    TM__ROW_SLACK = 64 /* and the kind of a change */
};

struct tm__json_fields;

struct tm__json_field {
    uint8_t prefix[TM__PREFIX_SHORT]; // what stands in front of the value: ,"name":
    const uint8_t *long_prefix;       // when it is longer than that
    uint32_t prefix_length;
    uint32_t index, offset;
    struct tm_type type;
    const char *name;
    struct tm__json_fields
        *of;                   // of a nested type: its fields, a list's item, a map's key and value
    struct tm__time_memo memo; // of a timestamp
};

struct tm__json_fields {
    struct tm__json_field *fields;
    uint32_t count, null_words;
    uint32_t *references; // offsets of those that hold one
    uint32_t reference_count;
    size_t bound; // bytes of the text without what references point to
};

// Writes what stands in front of the values of a field, no more than TM__ESCAPED_MAX bytes for each
// of its name's and four; returns the end.
typedef uint8_t *tm__put_prefix_fn(uint8_t *out, const char *name, size_t len);

struct tm__json_writer {
    struct tm_arena arena;
    struct tm__json_fields *row; // the visible columns
    size_t factor;               // bytes of text at most for a byte that a column refers to
    bool omit_nulls, timestamps_as_ms;
    bool changelog;  // rows begin with their kind, "op"
    bool is_message; // the row may stand outside a batch; NaN and infinities become strings
    struct tm__date_cache date;
    struct tm__json_fail fail; // path and reason of what cannot be written
    tm__put_prefix_fn *put_prefix;
};

// For rows of `schema`, which must outlive it, without the columns left out (bitmap; NULL: none)
// and the hidden ones. TM_E_MEMORY; tm__json_writer_fini in any case.
int tm__json_writer_init(struct tm__json_writer *w, struct tm_mem *mem,
                         const struct tm_schema *schema, const uint64_t *left_out) TM_WARN_UNUSED;
// The same with another text in front of values.
int tm__json_writer_init_as(struct tm__json_writer *w, struct tm_mem *mem,
                            const struct tm_schema *schema, const uint64_t *left_out,
                            tm__put_prefix_fn *put_prefix) TM_WARN_UNUSED;
void tm__json_writer_fini(struct tm__json_writer *w);

// Is some column null?
static inline bool tm__json_has_nulls(const struct tm__json_fields *of, const struct tm_row *row)
{
    uint64_t nulls = row->nulls[0];
    for (uint32_t i = 1; i < of->null_words; i++)
        nulls |= row->nulls[i];
    return nulls != 0;
}

static inline uint8_t *tm__json_put_prefix(uint8_t *out, const struct tm__json_field *field)
{
    if (TM_LIKELY(field->prefix_length <= TM__PREFIX_SHORT))
        memcpy(out, field->prefix, TM__PREFIX_SHORT);
    else
        memcpy(out, field->long_prefix, field->prefix_length);
    return out + field->prefix_length;
}

// The bytes that the text of `len` referenced bytes has at most.
static inline size_t tm__json_bound(const struct tm__json_writer *w, uint32_t len)
{
    return (size_t)len * w->factor + TM__NUMBER_MAX;
}
// The bytes that a row's text has at most.
static inline size_t tm__json_row_bound(const struct tm__json_writer *w, const struct tm_row *row)
{
    const struct tm__json_fields *of = w->row;
    size_t bound = of->bound;
    for (uint32_t i = 0; i < of->reference_count; i++) {
        uint32_t length; // of a tm_ref
        memcpy(&length, (const uint8_t *)row + of->references[i] + offsetof(struct tm_ref, length),
               4);
        bound += (size_t)length * w->factor;
    }
    return bound;
}
// Room for the row's text behind what is in `out`. Mostly there is more than a row could take
// whose columns all referred to the whole of it: then they need not be looked at.
static inline int tm__json_reserve_row(const struct tm__json_writer *w, struct tm_buf *out,
                                       const struct tm_row *row)
{
    const struct tm__json_fields *of = w->row;
    size_t rough = of->bound + (size_t)row->size_bytes * of->reference_count * w->factor;
    if (TM_LIKELY(out->capacity_bytes - out->size_bytes >= rough))
        return 0;
    return tm_buf_reserve(out, tm__json_row_bound(w, row));
}
// The row, or the value of a field that is not null, at `out`, where there is room for it; returns
// the end. NULL: it cannot be written, w->fail says why.
uint8_t *tm__json_put_row(struct tm__json_writer *w, uint8_t *out, const struct tm_row *row);
uint8_t *tm__json_put_value(struct tm__json_writer *w, uint8_t *out, struct tm__json_field *field,
                            struct tm_slot slot);
// One msgpack value [p, end).
uint8_t *tm__json_put_any(struct tm__json_writer *w, uint8_t *out, const uint8_t **p,
                          const uint8_t *end);
// Why a double that is no number cannot be written; NULL.
uint8_t *tm__json_put_no_number(struct tm__json_writer *w, uint8_t *out, double number);
