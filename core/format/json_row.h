// A row that is written in place behind a batch's last: begun, filled by the readers of fields, and
// counted once it is whole.
#pragma once

#include "core/format/json_value.h"
#include "core/format/row_fill.h"

// The room for the row is there. `narrow`: it is known that the schema has at most 64 columns.
static TM__ALWAYS_INLINE void tm__json_begin_row(struct tm__json_record *r, struct tm_batch *batch,
                                                 bool narrow)
{
    const struct tm_schema *schema = r->d->schema;
    uint32_t words = narrow ? 1 : schema->null_words;
    r->batch = batch;
    r->row = batch->data + batch->size_bytes;
    r->heap = r->row + schema->fixed_bytes;
    r->has_gap = false;
    r->nulled[0] = r->present[0] = 0;
    if (TM_UNLIKELY(words != 1)) {
        memset(r->present, 0, words * sizeof *r->present);
        memset(r->nulled, 0, words * sizeof *r->nulled);
    }
}

// Its fields are read: count it, unless a required one is missing.
static TM__ALWAYS_INLINE bool tm__json_end_row(struct tm__json_record *r, struct tm_batch *batch)
{
    const struct tm__json_decoder *d = r->d;
    if (TM_UNLIKELY(r->has_gap))
        r->heap = tm__row_close_gap(d->schema, r->row, r->present, d->masks.used);
    if (TM_UNLIKELY(tm__columns_has_defaults(&d->columns)))
        r->heap = tm__columns_fill(&d->columns, r->row, r->heap, r->present);
    return tm__row_end(batch, r->heap, r->present, &d->masks);
}
