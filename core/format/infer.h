// What a schema would say of records that nobody has described: the columns and types of a sample.
//
// Records come as values of type any, one map each, as the option `whole` of a decoder gives them.
// The rules, which docs/guide/schemas.md tells users:
//
//   int          whole numbers up to 2^53; int64 beyond; decimal(20,0) and decimal(38,0) beyond
//   that double       numbers of which one has a fraction timestamp    texts that are all ISO 8601
//   dates or times struct       objects; map(string,T) where there are many different keys, no
//   record has most of
//                them, and their values are all of one type T
//   any          values of several kinds, and what is null in every record
//
// CSV has texts alone (`texts`): what they are is decided by all texts of a column together, and
// what is nothing else is a string. A number with zeros in front, as in a postal code, is a text.
#pragma once

#include "core/base/mem.h"

enum {
    TM_INFER_MAP_KEYS = 16,    // an object with more different keys than this may be a map
    TM_INFER_NODES_MAX = 65536 // fields on all levels that are told apart
};

// How CSV spells values.
struct tm_infer_texts {
    char point;           // of numbers
    const char *bools[2]; // false, true
};

struct tm_infer_column {
    const char *name;
    const char *source; // its name in the source, where that cannot name a column; or NULL
    const char *type;   // as text
    const char *note;   // what a reader of the schema should know; or NULL
};

struct tm_infer;

// `texts`: NULL for records whose values have types of their own; its strings are loans. NULL: out
// of memory.
struct tm_infer *tm_infer_new(struct tm_mem *mem,
                              const struct tm_infer_texts *texts) TM_WARN_UNUSED;
void tm_infer_free(struct tm_infer *infer); // NULL is fine
// Looks at a record, one value of type any. TM_E_MEMORY.
int tm_infer_add(struct tm_infer *infer, const uint8_t *record, uint32_t len) TM_WARN_UNUSED;
uint32_t tm_infer_records(const struct tm_infer *infer);
// The columns, in the order in which the records first had them; they belong to `infer`.
// TM_E_SCHEMA: no schema can say it (no fields, too many). TM_E_MEMORY.
int tm_infer_columns(struct tm_infer *infer, const struct tm_infer_column **columns,
                     uint32_t *count, struct tm_error *err) TM_WARN_UNUSED;
