// Values of type any for Lua (see row.ffi.h for the rules of such files): msgpack, walked in C. The
// bytes are trusted: they have been checked where they came from.
#pragma once
#include <stdint.h>

struct tm_any_item {
    int32_t kind;  // enum tm_any_kind
    int32_t count; // values of an array, pairs of a map; bytes of those below
    int64_t integer;
    double number;        // of a double; an integer as the nearest double
    const uint8_t *at;    // where the value begins
    const uint8_t *bytes; // of a string, binary or extension, of a decimal's text
    const uint8_t *next;  // behind its head and bytes: the first value of a container
    const uint8_t *end;   // behind the whole value, containers included
};

// Reads the value at `at`; 0 when there is none before `end`.
int tm_any_item_read(const uint8_t *at, const uint8_t *end, struct tm_any_item *item);
// The value of a map with this key, text or number; 0 when there is none. `map` is what
// tm_any_item_read gave.
int tm_any_item_find(const struct tm_any_item *map, const char *key, uint32_t length,
                     struct tm_any_item *item);
int tm_any_item_find_number(const struct tm_any_item *map, double key, struct tm_any_item *item);
