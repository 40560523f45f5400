// Rows as C and Lua both see them. This file is read by the C compiler and, after stripping lines
// that begin with '#' or
// '//', by ffi.cdef: declarations only.
//
// A row: this header, the null bitmap (uint64_t words, bit i of word i/64 set = column i is null;
// the slot of a null is zero), the slots in column order at schema->fields[i].offset, then
// referenced bytes. A reference's offset counts from the row's start. The row is position
// independent: moving it is memcpy of `size_bytes`, which is a multiple of 8. Slots: bool, int,
// int64, timestamp: int64_t; double: double; decimal: two uint64_t (low, high); others: tm_ref.
//
// Nested values are as position independent as rows: they begin at a multiple of 8 from the row's
// start, their size is a multiple of 8, and what they refer to counts from their own first byte. A
// struct is a tm_row of its fields, kind 0. A list is a tm_list; at `items` a null bitmap of the
// items and their slots; before or behind these the bytes that items refer to. A map is a tm_map;
// at `keys` the slots of the keys, which are never null, in ascending order (numbers by value,
// strings bytewise) and without repetition; at `values` bitmap and slots as of a list.
#pragma once
#include <stdint.h>

struct tm_row {
    uint32_t size_bytes;
    uint8_t kind;
    uint8_t reserved[3];
    uint64_t nulls[1];
};

struct tm_ref {
    uint32_t offset;
    uint32_t length;
};

struct tm_list {
    uint32_t size_bytes;
    uint32_t count;
    uint32_t items;
    uint32_t zero;
};

struct tm_map {
    uint32_t size_bytes;
    uint32_t count;
    uint32_t keys;
    uint32_t values;
};

// The entry of a map with this key, or -1. Keys are texts: `key` and `length`; or numbers.
int32_t tm_map_find_text(const struct tm_map *map, const char *key, uint32_t length);
int32_t tm_map_find_number(const struct tm_map *map, int64_t number);

// 1 or 0: may a column of type string hold these bytes? They are UTF-8.
int tm_row_is_text(const char *bytes, uint32_t length);
