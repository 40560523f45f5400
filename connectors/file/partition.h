// Which folder of an output a row belongs to: "country=FR/day=2026-01-02", as Hive names them.
#pragma once

#include "core/base/buf.h"
#include "core/batch/batch.h"

enum { TM_PARTITION_COLUMNS_MAX = 8 };

struct tm__partition_column {
    uint32_t field, offset;
    struct tm_type type;
};

struct tm__partition {
    const struct tm_schema *schema; // outlives it
    struct tm__partition_column columns[TM_PARTITION_COLUMNS_MAX];
    uint32_t count;
};

// `columns`: their names, one a line; NULL: none, all rows belong together. TM_E_UNKNOWN_FIELD,
// TM_E_TYPE.
int tm__partition_init(struct tm__partition *partition, const struct tm_schema *schema,
                       const char *columns, const char *sink, struct tm_error *err) TM_WARN_UNUSED;
// The row's values as bytes, in place of what `key` holds: equal for rows of one folder, and short
// work. TM_E_MEMORY.
int tm__partition_key(const struct tm__partition *partition, const struct tm_row *row,
                      struct tm_buf *key) TM_WARN_UNUSED;
// Append the folder, with a slash in front of each part; nothing without columns. A null and an
// empty text are __HIVE_DEFAULT_PARTITION__; what could be taken for a part of the path is written
// as %2F; a part that is too long for a name ends in "~" and a hash of the whole. TM_E_MEMORY.
int tm__partition_folder(const struct tm__partition *partition, const struct tm_row *row,
                         struct tm_buf *folder) TM_WARN_UNUSED;
