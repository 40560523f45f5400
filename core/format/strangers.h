// Fields of records that a schema does not have, where somebody wants to know: a schema that was
// inferred may lack what comes later. How many records had such fields, and the names of the first
// of them. One source and thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { TM_STRANGERS_NAMES = 8, TM_STRANGERS_NAME_BYTES = 64 };

struct tm_strangers {
    uint64_t records;
    const void *last; // where the record that was counted last lies; NULL: a new call of decode
    uint32_t name_count;
    char names[TM_STRANGERS_NAMES][TM_STRANGERS_NAME_BYTES]; // cut, NUL-terminated
};

// The record at `record` has this field.
void tm__strangers_add(struct tm_strangers *strangers, const void *record, const void *name,
                       size_t len);
// Only the name; the records are counted otherwise.
void tm__strangers_name(struct tm_strangers *strangers, const void *name, size_t len);
// "a, b, ..." into text; returns text.
const char *tm_strangers_list(const struct tm_strangers *strangers, char *text, size_t size);
