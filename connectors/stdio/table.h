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

// Lines of such a table, for whoever makes them of cells that it has (watch_draw.c).
bool tm__table_stands_right(const struct tm_field *field);
uint32_t tm__table_last(const struct tm_schema *schema); // the last column that is not hidden
// Makes `widths` (by column, as wide as what stands there) narrower until a line is at most `limit`
// columns of the terminal wide (0: no limit), `lead` of them in front of the first cell. Columns
// that are shown: those behind have no room.
uint32_t tm__table_fit(const struct tm_schema *schema, uint32_t lead, uint32_t limit,
                       uint32_t *widths);
// Appends a cell, cut and padded to `wide`, in `color` (an escape sequence, NULL: none). What is in
// `cell` may change. TM_E_MEMORY.
int tm__table_put(struct tm_buf *cell, const struct tm_field *field, uint32_t wide, bool last,
                  const char *color, struct tm_buf *out) TM_WARN_UNUSED;
