// Values of type any: one msgpack value each, walked where it lies. Allowed is what records can
// hold: nil, booleans, integers, floats, strings of UTF-8, binaries, arrays and maps, at most
// TM_ANY_DEPTH_MAX deep. Extension types are kept and not looked into. Any thread, no allocation.
//
// msgpack has no decimals. Here they are TM_ANY_DECIMAL_HEAD, the one byte that msgpack never uses,
// a byte with a length, and their text as tm_decimal_format writes it: what comes in as msgpack
// cannot hold one by accident, and what goes out must not hold one (msgpack_write.c makes texts of
// them).
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum tm_any_kind {
    TM_ANY_END = 0, // no value, or not msgpack
    TM_ANY_NIL,
    TM_ANY_BOOL,
    TM_ANY_INT,  // `integer`
    TM_ANY_UINT, // `integer` read as unsigned: beyond int64
    TM_ANY_DOUBLE,
    TM_ANY_STRING,
    TM_ANY_BINARY,
    TM_ANY_ARRAY, // `count` values follow
    TM_ANY_MAP,   // `count` keys and values, in turn
    TM_ANY_EXTENSION,
    TM_ANY_DECIMAL, // `count` bytes of text
};

enum { TM_ANY_DECIMAL_HEAD = 0xc1, TM_ANY_DECIMAL_MAX = 47 }; // bytes of text

struct tm_any {
    enum tm_any_kind kind;
    uint32_t count; // of a container; of the bytes of a string, binary, extension or decimal
    union {
        int64_t integer; // a bool too
        double number;
        const uint8_t *bytes;
    };
    const uint8_t *next; // behind this value's head and bytes: of a container, its first value
};

// Reads the value at p. Never beyond `end`; TM_ANY_END when it is cut short or no msgpack.
struct tm_any tm_any_read(const uint8_t *p, const uint8_t *end);
// Behind the whole value at p, containers included; NULL when it is cut short or too deep.
const uint8_t *tm_any_skip(const uint8_t *p, const uint8_t *end);
// Is this one whole value and nothing else, with texts of UTF-8?
bool tm_any_is_valid(const uint8_t *p, uint32_t len);
