// Where records of CSV begin, seen from the middle of a text. Whether a byte stands inside quotes
// follows from all bytes before it; but what a piece of text does to each state that it can be
// entered in can be found out without them, so pieces can be scanned side by side and put together
// afterwards.
//
// Right for what the reader takes as records, for comments, and for records with a fault, as long
// as those are of one line: behind a fault inside a longer one the reader begins anew at its second
// line, and this at the line behind the fault.
#pragma once

#include "core/base/options.h"

enum { TM_CSV_SCAN_STATES = 9, TM_CSV_SCAN_CLASSES = 7 };
enum { TM_CSV_SCAN_RECORD = 0 }; // the state in front of a record

struct tm_csv_scan {
    uint8_t class_of[256];
    uint8_t next[TM_CSV_SCAN_STATES][TM_CSV_SCAN_CLASSES];
    uint8_t quote, escape, comment, delimiter; // 0: none
    uint32_t skip_lines;
    bool header;
};

// What [p, p + len) does: state i becomes to[i]. Starts as the identity.
struct tm_csv_scan_effect {
    uint8_t to[TM_CSV_SCAN_STATES];
};

// `given`: the options of the format, or NULL.
int tm_csv_scan_init(struct tm_csv_scan *scan, struct tm_mem *mem, const struct tm_options *given,
                     struct tm_error *err) TM_WARN_UNUSED;
void tm_csv_scan_effect_init(struct tm_csv_scan_effect *effect);
// Does a text that ends in this state end inside quotes?
bool tm_csv_scan_is_inside(uint8_t state);
// Add the effect of more text.
void tm_csv_scan_run(const struct tm_csv_scan *scan, struct tm_csv_scan_effect *effect,
                     const uint8_t *p, size_t len);
// The first place in [p, p + len] where a record begins, when *state is the one in front of p; -1:
// none, and *state is the one behind.
int64_t tm_csv_scan_find(const struct tm_csv_scan *scan, uint8_t *state, const uint8_t *p,
                         size_t len);
// Bytes in front of the first record of a file that begins with [p, p + len): lines that are
// skipped, comments and the header. -1: they do not end within it.
int64_t tm_csv_scan_head(const struct tm_csv_scan *scan, const uint8_t *p, size_t len);
