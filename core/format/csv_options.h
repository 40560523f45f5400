// What a user may say of a CSV file: one table of options, and the dialect that it comes to. The
// reader, the writer, the checks of a job's graph and the reference text all take it from here.
#pragma once

#include <stdbool.h>

#include "core/base/options.h"

enum {
    TM_CSV_NULLS_MAX = 16,
    TM_CSV_NULL_BYTES_MAX = 63, // of one null text: lengths are kept as bits of a word
    TM_CSV_BOOL_BYTES_MAX = 31,
};

enum tm_csv_ragged { TM_CSV_RAGGED_PAD = 1, TM_CSV_RAGGED_TRUNCATE = 2 }; // bits; 0: an error

struct tm_csv_text {
    uint8_t length;
    char bytes[TM_CSV_NULL_BYTES_MAX + 1]; // NUL-terminated
};

struct tm_csv_options {
    uint8_t delimiter;
    uint8_t quote;   // 0: fields have no quotes
    uint8_t comment; // 0: there are no comments
    uint8_t decimal; // the point of numbers
    bool backslash;  // the byte behind a backslash stands for itself; else a quote is doubled
    bool header;
    bool trailing_delimiter;
    bool any_bool; // every usual spelling of a bool is read
    bool quote_all, crlf;
    bool any_line_end; // nobody has said which is written
    uint8_t ragged;    // enum tm_csv_ragged
    uint32_t skip_lines;
    uint32_t null_count; // at least 1; the first one is written
    struct tm_csv_text nulls[TM_CSV_NULLS_MAX];
    struct tm_csv_text bools[2]; // false, true
};

// Ends with a NULL name.
extern const struct tm_option_def tm_csv_option_defs[];

// `given`: NULL for the defaults; not changed. TM_E_OPTION, which says what is wrong with which
// option; TM_E_MEMORY.
int tm_csv_options_parse(struct tm_mem *mem, const struct tm_options *given,
                         struct tm_csv_options *options, struct tm_error *err) TM_WARN_UNUSED;
