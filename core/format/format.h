// Formats: bytes to rows and back. A decoder works on one split; an encoder on one sink subtask.
// Neither knows files.
#pragma once

#include "core/base/buf.h"
#include "core/base/options.h"
#include "core/batch/builder.h"
#include "core/format/strangers.h"

// A record that could not be decoded, handed to the source for its on_error.
struct tm_bad_record {
    int code;             // TM_E_BAD_JSON, ...
    char message[512];    // with field and byte position inside the record
    const uint8_t *bytes; // the record as read, without its line end; valid during the call.
                          // Oversize: its first 1,024 bytes
    size_t len;           // its whole length
    int64_t offset;       // of its first byte in the split
    int64_t line;         // 1-based
};

struct tm_decoder;
struct tm_decoder_ops {
    // Decode records from [p, p + len), where at least 64 readable bytes follow p + len; `at_end`:
    // no more bytes follow in this split. Appends rows to `batch` until it is full
    // (tm_batch_is_full) or the input holds no whole record. *used = bytes consumed. A bad record
    // is given to `bad` and decoding goes on if that returns 0, else stops with its code. A record
    // longer than max_record is reported once (TM_E_TOO_LARGE) and skipped, however many calls it
    // spans.
    int (*decode)(struct tm_decoder *d, const uint8_t *p, size_t len, bool at_end,
                  struct tm_batch *batch, size_t *used,
                  int (*bad)(void *arg, const struct tm_bad_record *record), void *arg);
    void (*free)(struct tm_decoder *d);
    // Between two calls: bytes of the split in front of the next record, where one that is too long
    // and not passed over yet counts from its beginning; appended to `state`, what else a new
    // decoder needs to go on there. TM_E_MEMORY.
    int (*save)(const struct tm_decoder *d, int64_t *offset, struct tm_buf *state);
    // Of a new decoder: its input goes on at `offset`. TM_E_CHECKPOINT: the state makes no sense.
    int (*load)(struct tm_decoder *d, int64_t offset, const uint8_t *state, size_t size);
    // Is how the split begins such that none of its records can become a row? 0, or the code with
    // which each of them fails, and *message, which lives as long as the decoder. NULL: nothing of
    // the beginning has to fit.
    int (*unfit)(const struct tm_decoder *d, const char **message);
};
struct tm_decoder {
    const struct tm_decoder_ops *ops;
};

struct tm_encoder;
struct tm_encoder_ops {
    // Append rows [*row, end) of the batch to `out` as whole records, until out holds
    // `limit_bytes`; advances *row (a pointer into the batch). A row that cannot be encoded (NaN)
    // goes to `bad` as above (bytes NULL), and is skipped.
    int (*encode)(struct tm_encoder *e, const struct tm_batch *batch, const struct tm_row **row,
                  struct tm_buf *out, size_t limit_bytes,
                  int (*bad)(void *arg, const struct tm_row *row, int code, const char *message),
                  void *arg);
    void (*free)(struct tm_encoder *e);
    // Append what a file of this format begins with: the header of CSV. Once for each file, in
    // front of its first row, by one of the encoders that write to it; not for a file that is
    // appended to and has something in it. NULL: such files begin with their first row.
    int (*begin)(struct tm_encoder *e, struct tm_buf *out);
    // May records of this encoder follow in a file that begins with [p, p + len), all of it or
    // more than a record? TM_E_SCHEMA says why not, of "the file". NULL: in any. *line_end: what
    // seems to end its lines; changed where the format knows better.
    int (*follows)(struct tm_encoder *e, const uint8_t *p, size_t len, const char **line_end,
                   struct tm_error *err);
};
struct tm_encoder {
    const struct tm_encoder_ops *ops;
};

struct tm_decoder_args {
    struct tm_mem *mem;
    struct tm_schema *schema; // of the rows to build; the decoder takes a reference
    const uint64_t *used; // bitmap: columns some operator reads. Others are checked for their type
                          // and left null. NULL = all
    size_t max_record;
    const struct tm_options *options; // of the format; NULL: its defaults
    // The input is a part of one that was cut at line ends: each record is a line of it.
    bool cut_at_lines;
    // Told of what is no error and may be a mistake (`warns`): a column that no record of the split
    // has; and of what was concluded. The text holds during the call. NULL: nobody asks.
    void (*notice)(void *arg, bool warns, const char *message);
    void *notice_arg;
    struct tm_strangers *strangers; // counts fields that are no columns; outlives the decoder; NULL
};
struct tm_encoder_args {
    struct tm_mem *mem;
    struct tm_schema *schema;
    const uint64_t *left_out;         // bitmap: columns not to write; NULL: none
    bool omit_nulls;                  // option nulls = "omit"
    bool timestamps_as_ms;            // option timestamp = "ms"
    const struct tm_options *options; // of the format; NULL: its defaults
};

// The formats there are. `schema_needed`: a source must declare one; else `schema` gives the fixed
// one ("text": line string).
struct tm_format {
    const char *name;
    const char *suffixes; // " .jsonl .ndjson .json "
    bool schema_needed;
    bool is_lines;                       // each record that is written ends in a line end
    const struct tm_option_def *options; // ends with a NULL name; NULL: the format has none
    // What a table cannot say of them; `options` may be NULL.
    int (*check_options)(struct tm_mem *mem, const struct tm_options *options,
                         struct tm_error *err);
    int (*decoder_new)(const struct tm_decoder_args *args, struct tm_decoder **d,
                       struct tm_error *err);
    int (*encoder_new)(const struct tm_encoder_args *args, struct tm_encoder **e,
                       struct tm_error *err);
};
extern const struct tm_format tm_format_json, tm_format_text, tm_format_csv, tm_format_msgpack,
    tm_format_raw;
const struct tm_format *const *tm_format_all(void);          // NULL-terminated
const struct tm_format *tm_format_find(const char *name);    // NULL: none
const struct tm_format *tm_format_of_path(const char *path); // by suffix; NULL: none
// Are these options ones that the format takes? TM_E_OPTION says what is wrong with which.
int tm_format_check_options(const struct tm_format *format, struct tm_mem *mem,
                            const struct tm_options *options, struct tm_error *err) TM_WARN_UNUSED;

// One row as a JSON object without line end (dead letters, error messages), without the columns
// left out (bitmap; NULL: none). NaN and infinities as strings.
int tm_format_row_json(struct tm_buf *out, const struct tm_schema *schema, const struct tm_row *row,
                       const uint64_t *left_out) TM_WARN_UNUSED;
// Shortest decimal text of a double that reads back the same; not NUL-terminated; buf at least 32
// bytes.
size_t tm_format_double(double value, char *buf);
// A JSON string literal with quotes.
int tm_format_json_string(struct tm_buf *out, const char *p, size_t len) TM_WARN_UNUSED;
