// Values as JSON text: what the JSON encoder, CSV's cells with nested values and messages share.
//
// Everything that does not change from row to row is made once: the text in front of each value,
// the bound of a row's text. Who writes a row reserves that and then writes without checks. Each
// field's text begins with a comma, and the first comma becomes the opening brace.
#pragma once

#include "core/base/arena.h"
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
    uint8_t prefix[TM__PREFIX_SHORT]; // ,"name":
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
    uint32_t count;
    uint32_t *references; // offsets of those that hold one
    uint32_t reference_count;
    size_t bound; // bytes of the text without what references point to
};

struct tm__json_writer {
    struct tm_arena arena;
    struct tm__json_fields *row; // the visible columns
    size_t factor;               // bytes of text at most for a byte that a column refers to
    bool omit_nulls, timestamps_as_ms;
    bool changelog;  // rows begin with their kind, "op"
    bool is_message; // the row may stand outside a batch; NaN and infinities become strings
    struct tm__date_cache date;
    struct tm__json_fail fail; // path and reason of what cannot be written
};

// For rows of `schema`, which must outlive it, without the columns left out (bitmap; NULL: none)
// and the hidden ones. TM_E_MEMORY; tm__json_writer_fini in any case.
int tm__json_writer_init(struct tm__json_writer *w, struct tm_mem *mem,
                         const struct tm_schema *schema, const uint64_t *left_out) TM_WARN_UNUSED;
void tm__json_writer_fini(struct tm__json_writer *w);

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
    const uint32_t *end = of->references + of->reference_count;
    for (const uint32_t *offset = of->references; offset != end; offset++) {
        uint32_t length; // of a tm_ref
        memcpy(&length, (const uint8_t *)row + *offset + offsetof(struct tm_ref, length), 4);
        bound += (size_t)length * w->factor;
    }
    return bound;
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
