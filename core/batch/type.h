// Logical types of columns (LUA_API.md "Values").
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/error.h"

// The numbers are in the wire form: never reuse one.
enum tm_type_kind {
    TM_TYPE_UNKNOWN = 0, // settled by the operator's first real row (D2); never in a batch
    TM_TYPE_BOOL = 1,
    TM_TYPE_INT = 2, // int64 storage, |v| <= 2^53, a Lua number
    TM_TYPE_INT64 = 3,
    TM_TYPE_DOUBLE = 4,
    TM_TYPE_DECIMAL = 5, // 128-bit two's complement, scaled by 10^scale
    TM_TYPE_STRING = 6,  // UTF-8
    TM_TYPE_BYTES = 7,
    TM_TYPE_TIMESTAMP = 8, // ms since 1970 UTC, int64
    TM_TYPE_LIST = 9,      // 9-11 are nested: their values are laid out in row.ffi.h
    TM_TYPE_MAP = 10,
    TM_TYPE_STRUCT = 11,
    TM_TYPE_ANY = 12, // one msgpack value
};

#define TM_INT_MAX ((int64_t)1 << 53)

struct tm_schema;

struct tm_type {
    uint8_t kind;      // enum tm_type_kind
    uint8_t precision; // decimal: 1..38
    uint8_t scale;     // decimal: 0..precision
    // Of a nested type: struct: its fields; list: one field "item"; map: "key" (required; string,
    // int or int64) and "value". NULL for all others. Whether a tm_type owns a reference is said
    // where it stands; copies are loans.
    struct tm_schema *of;
};

enum { TM_TYPE_TEXT = 96 }; // bytes of a type's text in messages

static inline struct tm_type tm_type_of_kind(enum tm_type_kind kind)
{
    return (struct tm_type){.kind = (uint8_t)kind};
}
// Bytes of the slot in the fixed part of a row: 16 for decimal, else 8. Slots are aligned to 8.
uint32_t tm_type_slot_bytes(struct tm_type type);
// Is it a list, a map or a struct?
static inline bool tm_type_is_nested(struct tm_type type)
{
    return type.kind >= TM_TYPE_LIST && type.kind <= TM_TYPE_STRUCT;
}
// Does the slot hold a reference (offset, length) to bytes of the row?
static inline bool tm_type_is_reference(struct tm_type type)
{
    return type.kind == TM_TYPE_STRING || type.kind == TM_TYPE_BYTES || type.kind >= TM_TYPE_LIST;
}
bool tm__type_same_of(const struct tm_schema *a, const struct tm_schema *b);
static inline bool tm_type_equal(struct tm_type a, struct tm_type b)
{
    return a.kind == b.kind && a.precision == b.precision && a.scale == b.scale &&
           (a.of == b.of || tm__type_same_of(a.of, b.of));
}

// Types as text, spelled as users write them. `!` marks what is never null:
//   decimal(10,2)   list(string)   map(string,double)   struct(street string!,"post code" int)
// Parse fails with TM_E_TYPE, naming the nearest type and what is allowed. The caller owns the
// reference in `type` and gives it back with tm_type_fini; `mem` as for tm_schema_new.
int tm_type_parse(struct tm_mem *mem, const char *text, struct tm_type *type,
                  struct tm_error *err) TM_WARN_UNUSED;
void tm_type_fini(struct tm_type *type);
// The whole text in its one spelling.
int tm_type_put_text(struct tm_buf *out, struct tm_type type) TM_WARN_UNUSED;
// For messages: cut with "..." where it is long. Returns buf.
const char *tm_type_text(struct tm_type type, char buf[TM_TYPE_TEXT]);
