// Blocks of 64 bytes of CSV text as masks, a bit for each byte: many blocks at once, in the widest
// way that this processor has.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { TM__CSV_MASKS = 64 }; // blocks at once: one window of the reader

struct tm__csv_masks {
    uint64_t edges[TM__CSV_MASKS];    // delimiters and line ends
    uint64_t lines[TM__CSV_MASKS];    // line ends
    uint64_t quotes[TM__CSV_MASKS];   // 0: the dialect has none
    uint64_t parities[TM__CSV_MASKS]; // bit i: that of the block's quotes 0 to i
    bool is_ascii;                    // all of it
};

// All of `count` blocks from p on must be readable. A quote of 0 is none.
void tm__csv_masks_run(struct tm__csv_masks *masks, const uint8_t *p, uint32_t count,
                       uint8_t delimiter, uint8_t quote);
// The same in the way that needs nothing of the processor.
void tm__csv_masks_plain(struct tm__csv_masks *masks, const uint8_t *p, uint32_t count,
                         uint8_t delimiter, uint8_t quote);
