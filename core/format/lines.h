// Records that are lines: where they are in the file, and records that are too long to be held,
// which are skipped over any number of calls. Shared by the decoders of JSON Lines and text.
#pragma once

#include <stdbool.h>

#include "core/format/format.h"

enum { TM__LINES_HEAD = 1024 }; // bytes shown of a record that is too long

typedef int tm__bad_fn(void *arg, const struct tm_bad_record *record);

struct tm__lines {
    size_t max_record;
    int64_t offset; // of the next record
    int64_t line;   // its number, 1-based
    bool skipping;  // inside a record that is too long
    size_t skipped; // bytes of it so far
    uint8_t last;   // the last of them: it may be a carriage return
    size_t head_length;
    uint8_t head[TM__LINES_HEAD];
};

void tm__lines_init(struct tm__lines *lines, size_t max_record);
// Before the first record of a split: a byte order mark, which editors on some systems write, is no
// part of it. *pos is moved behind it. False: it may be one, and more input will tell.
bool tm__lines_begin(struct tm__lines *lines, const uint8_t *p, size_t *pos, size_t len,
                     bool at_end);
// The end (behind a line end, or at `len` when at_end) of a window [pos, end) of whole lines, about
// `want` bytes or one longer line. Returns pos when there is no whole line: more input is needed,
// or the record is too long and `skipping` is set.
size_t tm__lines_window(struct tm__lines *lines, const uint8_t *p, size_t pos, size_t len,
                        bool at_end, size_t want);
// Go on skipping from *pos; reports the record once its end is seen. 0, or the code of `bad`.
int tm__lines_skip(struct tm__lines *lines, const uint8_t *p, size_t *pos, size_t len, bool at_end,
                   tm__bad_fn *bad, void *arg);
// The record at lines->offset is bad: its bytes without the line end.
int tm__lines_bad(const struct tm__lines *lines, int code, const char *message,
                  const uint8_t *bytes, size_t len, tm__bad_fn *bad, void *arg);
int tm__lines_too_large(const struct tm__lines *lines, const uint8_t *bytes, size_t len,
                        tm__bad_fn *bad, void *arg);

// Of a decoder's state (format.h): the number of the next record. `load` takes it from the
// beginning of the state and returns how many bytes that was, or TM_E_CHECKPOINT.
enum { TM__LINES_STATE = 8 };
int tm__lines_save(const struct tm__lines *lines, struct tm_buf *state) TM_WARN_UNUSED;
int tm__lines_load(struct tm__lines *lines, int64_t offset, const uint8_t *state,
                   size_t size) TM_WARN_UNUSED;

// Past one record of `len` bytes, line end included.
static inline void tm__lines_advance(struct tm__lines *lines, size_t len)
{
    lines->offset += (int64_t)len;
    lines->line++;
}

// Length of a line without the carriage return that some systems write.
static inline size_t tm__lines_trim(const uint8_t *line, size_t len)
{
    return len != 0 && line[len - 1] == '\r' ? len - 1 : len;
}
