// What writing and reading types as text share.
#pragma once

#include <stddef.h>

#include "core/batch/type.h"

enum { TM_TYPE_KINDS = TM_TYPE_ANY + 1 };

extern const char *const tm__type_names[TM_TYPE_KINDS];

// May a struct's field of this name stand without quotes?
static inline bool tm__type_is_plain(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return len != 0;
}
