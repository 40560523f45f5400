// A schema: the columns of a row, their types and places. Immutable once built; shared between
// threads by reference count.
#pragma once

#include <stdbool.h>

#include "core/base/mem.h"
#include "core/batch/type.h"

enum {
    TM_FIELD_REQUIRED = 1, // null or missing is an error of the record at the source
    TM_FIELD_HIDDEN = 2,   // the engine's own ("$time", a key computed by a function under reduce):
                           // not encoded, not seen by users
};

struct tm_field {
    const char *name;    // NUL-terminated, owned by the schema
    struct tm_type type; // owns its reference
    uint32_t flags;
    uint32_t offset; // of the slot from the row's start
};

// Layout of a row of this schema (see row.ffi.h): 8 bytes header, null_words * 8 bytes null bitmap,
// slots, then the bytes that references point to, padded to 8.
struct tm_schema {
    _Atomic int refs;
    uint32_t field_count;
    uint32_t null_words;  // ceil(field_count / 64)
    uint32_t fixed_bytes; // header, bitmap and slots
    bool has_references;  // else every row is exactly fixed_bytes
    bool changelog;       // rows have kinds (enum tm_row_kind), and are written with them
    uint32_t all_fields;  // on all levels
    uint32_t depth;       // 0: no nested types
    int32_t time_field;   // the column that is the rows' event time (TIMESTAMP), or -1
    uint64_t
        fingerprint; // hash of names, types, flags, time_field: equal schemas are interchangeable
    struct tm_mem *mem;
    struct tm_field fields[];
};

struct tm_field_def {
    const char *name;
    struct tm_type type;
    uint32_t flags;
};

// Builds a schema with one reference; takes references of its own to what types hold. TM_E_SCHEMA:
// duplicate name, no columns, too many, a name that is empty or too long, a type no row can hold.
// `mem` must outlive it and be safe to free to from any thread (the job's shared account is).
int tm_schema_new(struct tm_mem *mem, const struct tm_field_def *defs, uint32_t count,
                  int32_t time_field, struct tm_schema **schema,
                  struct tm_error *err) TM_WARN_UNUSED;
// Rows of this schema are changes. By its maker, before anyone else has it.
void tm_schema_set_changelog(struct tm_schema *schema);
struct tm_schema *tm_schema_ref(struct tm_schema *schema);
void tm_schema_unref(struct tm_schema *schema); // NULL is fine
int32_t tm_schema_find(const struct tm_schema *schema, const char *name, size_t len); // index or -1
bool tm_schema_equal(const struct tm_schema *a, const struct tm_schema *b);
// Do the two describe the same bytes: the same types in the same order? Names, flags and the time
// column may differ.
bool tm_schema_same_rows(const struct tm_schema *a, const struct tm_schema *b);
