// Rows as an aligned table, for people at a terminal.
#pragma once

#include <stdatomic.h>

#include "connectors/file/writer.h"
#include "core/base/limits.h"
#include "core/format/format.h"

// What the subtasks of a print sink share: columns are as wide as what any of them has seen, and
// whoever writes below a heading that is no longer true writes a new one. Counters and widths only:
// they publish nothing (relaxed), but for the first heading.
struct tm__table {
    bool timestamps_as_ms;
    const struct tm_fx *fx;
    int fd; // the terminal
    struct tm_file_writer *writer;
    _Atomic int heading;     // the first: 0 not yet, 1 being written, 2 on its way
    _Atomic uint32_t layout; // of the last heading
    _Atomic uint32_t lines;  // since then
    _Atomic uint32_t widths[TM_FIELDS_MAX];
    // Which table of the job wrote last: in the job's first.
    _Atomic(const struct tm__table *) own_latest, *latest;
};

// One value as text, without what a terminal would obey; holds until the next.
int tm__table_cell(struct tm_encoder *encoder, const struct tm_row *row, uint32_t column,
                   const struct tm_buf **cell) TM_WARN_UNUSED;
int tm__table_encoder_new(struct tm__table *table, struct tm_mem *mem, struct tm_schema *schema,
                          struct tm_encoder **encoder, struct tm_error *err) TM_WARN_UNUSED;
