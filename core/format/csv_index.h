// Where the fields of CSV text end: every delimiter and line end that is no part of a field, found
// 64 bytes at a time with masks, a bit for each byte.
//
// Each quote turns "inside" on or off, so that the bytes inside quotes are a prefix sum of the
// quotes' bits; a doubled quote turns it off and on again. What that takes on trust is checked with
// masks too: an opening quote stands behind a delimiter, a line end or the quote that has just
// closed, and behind a closing one stands one of these or the other half of a doubled quote. Up to
// the first quote that stands elsewhere the index is right, and there it ends.
#pragma once

#include <stdbool.h>

#include "core/base/mem.h"

struct tm__csv_marks {
    uint8_t delimiter;
    uint8_t quote;  // 0: none
    uint8_t escape; // the byte behind it means nothing; 0: none, a quote is doubled
};

enum tm__csv_fault {
    TM__CSV_NO_FAULT,
    TM__CSV_QUOTE_INSIDE, // a quote inside a field that does not begin with one
    TM__CSV_AFTER_QUOTE,  // something stands behind a closing quote
};

struct tm__csv_index {
    struct tm_mem *mem;
    struct tm__csv_marks marks;
    uint32_t *positions; // ascending
    size_t capacity;
    // Of the last run:
    uint32_t count;
    enum tm__csv_fault fault;
    uint32_t fault_at; // the quote, or the byte behind it
    bool is_ascii;     // up to the last position
    bool open;         // the end of the text lies inside quotes
    bool inner_lines;  // there are line ends that are part of a field
};

void tm__csv_index_init(struct tm__csv_index *index, struct tm_mem *mem,
                        struct tm__csv_marks marks);
void tm__csv_index_fini(struct tm__csv_index *index);
// Index [p, p + len), which begins with a record; 64 bytes behind it must be readable. `last`: no
// text follows, and a record without a line end gets `len` as its end. TM_E_MEMORY.
int tm__csv_index_run(struct tm__csv_index *index, const uint8_t *p, uint32_t len,
                      bool last) TM_WARN_UNUSED;
// The same in the way that needs nothing of the processor.
int tm__csv_index_run_plain(struct tm__csv_index *index, const uint8_t *p, uint32_t len,
                            bool last) TM_WARN_UNUSED;
// Give memory above that for texts of `keep` bytes back.
void tm__csv_index_trim(struct tm__csv_index *index, size_t keep);
