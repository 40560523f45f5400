// How an entry of one layout becomes one of another, found out by convert_match.c and done by
// convert.c.
#pragma once

#include "core/checkpoint/convert.h"
#include "core/checkpoint/value.h"

enum tm__convert_how {
    TM__CONVERT_COPY,
    TM__CONVERT_TO_DOUBLE,
    TM__CONVERT_BLOB,
    TM__CONVERT_MAP,
    TM__CONVERT_LIST,
    TM__CONVERT_ITEMS,
    TM__CONVERT_MIGRATE
};

enum { TM__CONVERT_TYPE_TEXT = sizeof((struct tm_layout_field *)0)->type };

struct tm__convert_step {
    enum tm__convert_how how;
    const struct tm_layout_field *from, *to;
    uint32_t inside;                // 1 + the step of the items it is in; 0: the value
    struct tm_value_change *change; // of a blob, and of each value of a map and a list; NULL: none
    bool migrates;                  // a function makes it, or each value of a map and a list
    char type[TM__CONVERT_TYPE_TEXT]; // of what it makes it of
};

struct tm_convert {
    struct tm_mem *mem;
    const struct tm_layout *from, *to;
    uint32_t step_count, step_capacity;
    struct tm__convert_step steps[];
};
