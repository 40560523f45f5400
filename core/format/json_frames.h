// What the two ways through JSON text, lines and frames, share.
#pragma once

#include "core/format/json_row.h"

struct tm__json_call {
    struct tm_batch *batch;
    tm__bad_fn *bad;
    void *arg;
};

// The text of `len` bytes at p, which is to be one record, with care: a row, or a report.
int tm__json_read_line(struct tm__json_decoder *d, const uint8_t *p, size_t len,
                       const struct tm__json_call *call) TM_WARN_UNUSED;
// d->fail says what is wrong with this record. Out of memory is no fault of it: decoding ends.
int tm__json_report(struct tm__json_decoder *d, const uint8_t *line, size_t len,
                    const struct tm__json_call *call) TM_WARN_UNUSED;
// The same text quickly: false, and nothing is in the batch, where it is not as it should be.
bool tm__json_read_framed(struct tm__json_decoder *d, const uint8_t *p, size_t len,
                          struct tm_batch *batch);
// Records from *pos on, as those of a decoder are that are no lines.
int tm__json_decode_frames(struct tm__json_decoder *d, const uint8_t *p, size_t *pos, size_t len,
                           bool at_end, const struct tm__json_call *call) TM_WARN_UNUSED;
