// Making JSON with jansson: it answers NULL where memory fails, and refuses NULL as a value, so one
// flag carries a failure to the end and nothing in between has to be looked at.
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "core/base/buf.h"

struct tm_json_maker {
    struct tm_mem *mem; // of texts under way
    bool failed;
};

// These take the value over.
static inline void tm_json_set(struct tm_json_maker *maker, json_t *object, const char *key,
                               json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        maker->failed = true;
}

static inline void tm_json_add(struct tm_json_maker *maker, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        maker->failed = true;
}

static inline int tm__json_append(const char *text, size_t length, void *out)
{
    return tm_buf_append((struct tm_buf *)out, text, length) == 0 ? 0 : -1;
}

// Appends the text of a root, which goes with it (NULL: it could not be made). TM_E_MEMORY: that or
// anything of it has failed.
TM_WARN_UNUSED static inline int tm_json_print(const struct tm_json_maker *maker, json_t *root,
                                               int indent, struct tm_buf *out)
{
    bool whole = root != NULL && !maker->failed &&
                 json_dump_callback(root, tm__json_append, out, JSON_INDENT((size_t)indent)) == 0;
    json_decref(root);
    return whole ? tm_buf_append(out, "\n", 1) : TM_E_MEMORY;
}
