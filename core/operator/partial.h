// Partial rows: several rows of one key and slice of time in one, between a pre-aggregation
// (preaggregate.c) and its window. A partial row is the first of its rows, as it was, with kind
// TM_ROW_PARTIAL and a tail behind it: how many rows there are, and what the window's aggregates
// need of them.
//
// A sum in the tail has its least and greatest prefix beside it. So the window knows whether one of
// the rows, added one by one in their order, would have gone out of the sum's range: it fails
// exactly where it would have failed without. In the tail itself nothing overflows: a partial row
// has at most TM_PARTIAL_ROWS rows, sums have the bits for so many, and decimals of more than 35
// digits stay out of it (tm__operator_partial_fits).
#pragma once

#include "core/batch/wire.h"
#include "core/operator/aggregate.h"

struct tm__operator_partial_item;

struct tm__operator_partial {
    const struct tm__operator_aggregates *aggregates; // NULL: there are no partial rows
    struct tm__operator_partial_item *items;
    uint32_t tail_bytes;
    bool wide; // there is a sum of decimals that may have more than 35 digits
};

// For aggregates bound to `input`, which must outlive it. Where they cannot be merged exactly in
// any order it is that of no partial rows. TM_E_MEMORY.
int tm__operator_partial_init(struct tm__operator_partial *partial,
                              const struct tm__operator_aggregates *aggregates,
                              const struct tm_schema *input) TM_WARN_UNUSED;
void tm__operator_partial_fini(struct tm__operator_partial *partial); // also of one all zero

// May the row be one of several? False for one with a very large decimal.
bool tm__operator_partial_fits_wide(const struct tm__operator_partial *partial,
                                    const struct tm_row *row);
static inline bool tm__operator_partial_fits(const struct tm__operator_partial *partial,
                                             const struct tm_row *row)
{
    return TM_LIKELY(!partial->wide) || tm__operator_partial_fits_wide(partial, row);
}
// Adds rows[i] to the tail at tails[i], all-zero before its first row.
void tm__operator_partial_add(const struct tm__operator_partial *partial, uint8_t *const *tails,
                              const struct tm_row *const *rows, uint32_t count);
// Adds a partial row to a key's value. TM_E_OVERFLOW: *culprit says which aggregate one of its rows
// takes out of range; the value is as before.
int tm__operator_partial_merge(const struct tm__operator_partial *partial, void *value,
                               const struct tm_row *row,
                               const struct tm__operator_aggregate **culprit) TM_WARN_UNUSED;
// For reading partial rows from outside (tm_wire_get_batch): whether a tail can have come from rows
// of which its row is the first. One that passes can be merged. `partial`, which has aggregates,
// must outlive it.
struct tm_wire_partial tm__operator_partial_wire(const struct tm__operator_partial *partial);
// A number that differs where tails are made of something else; 0: there are no partial rows. And
// the wire beside it, as an operator says it (struct tm_operator_ops).
uint32_t tm__operator_partial_says(const struct tm__operator_partial *partial,
                                   struct tm_wire_partial *wire);

static inline bool tm__operator_is_partial(const struct tm_row *row)
{
    return TM_UNLIKELY(row->kind == TM_ROW_PARTIAL);
}
// How many rows a tail stands for.
static inline uint64_t tm__operator_tail_rows(const uint8_t *tail)
{
    uint64_t rows;
    memcpy(&rows, tail, sizeof rows);
    return rows;
}
// How many rows a row of a batch stands for.
static inline uint64_t tm__operator_rows_of(const struct tm__operator_partial *partial,
                                            const struct tm_row *row)
{
    return tm__operator_is_partial(row)
               ? tm__operator_tail_rows((const uint8_t *)row + row->size_bytes -
                                        partial->tail_bytes)
               : 1;
}
