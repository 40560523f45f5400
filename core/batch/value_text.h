// A value as text, in a style: one walk over types and values, for people and for tools that look
// into jobs (dump.h, json_value.h). Not for the data path.
#pragma once

#include "core/base/buf.h"
#include "core/batch/nested.h"

struct tm__map_style {
    const char *open, *entry, *is, *end, *close; // "{[1] = 2}": "{", "[", "] = ", "", "}"
};

struct tm__value_style {
    const char *comma;                 // between items
    const char *list[2];               // around a list
    const char *fields[2], *is;        // around the fields of a struct; behind a name
    struct tm__map_style texts, map;   // a map whose keys are texts; any other
    const char *quote;                 // around a time
    const char *not_finite, *no_value; // NULL: as printf writes it; what no value of `any` is
    int (*name)(struct tm_buf *out, const char *name);
    int (*text)(struct tm_buf *out, const void *text, size_t length);
    int (*bytes)(struct tm_buf *out, const void *bytes, size_t length);
};

// TM_E_MEMORY, or what the style's functions fail with.
int tm__value_put(struct tm_buf *out, const struct tm__value_style *style, struct tm_type type,
                  struct tm_slot slot, bool null) TM_WARN_UNUSED;
static inline int tm__value_put_plain(struct tm_buf *out, const char *text)
{
    return tm_buf_append(out, text, strlen(text));
}
