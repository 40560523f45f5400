// Logical types of columns (LUA_API.md "Values").
#pragma once

#include <stdint.h>

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
    TM_TYPE_LIST = 9, // 9-12 have their slot (a reference, as string) and no values yet: validation
                      // refuses them
    TM_TYPE_MAP = 10,
    TM_TYPE_STRUCT = 11,
    TM_TYPE_ANY = 12,
};

#define TM_INT_MAX ((int64_t)1 << 53)

struct tm_type {
    uint8_t kind;      // enum tm_type_kind
    uint8_t precision; // decimal: 1..38
    uint8_t scale;     // decimal: 0..precision
    uint8_t reserved;
};

// Bytes of the slot in the fixed part of a row: 16 for decimal, else 8. Slots are aligned to 8.
uint32_t tm_type_slot_bytes(struct tm_type type);
// Does the slot hold a reference (offset, length) to bytes of the row?
static inline int tm_type_is_reference(struct tm_type type)
{
    return type.kind == TM_TYPE_STRING || type.kind == TM_TYPE_BYTES || type.kind >= TM_TYPE_LIST;
}
static inline int tm_type_equal(struct tm_type a, struct tm_type b)
{
    return a.kind == b.kind && a.precision == b.precision && a.scale == b.scale;
}
// "decimal(10,2)" <-> type. Parse fails with TM_E_TYPE, naming the nearest type and what is
// allowed.
int tm_type_parse(const char *text, struct tm_type *type, struct tm_error *err) TM_WARN_UNUSED;
const char *tm_type_text(struct tm_type type, char buf[24]);
