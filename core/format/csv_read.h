// A CSV decoder and the record that it reads: shared by the walk over records (csv_read.c), the
// header (csv_header.c), the values (csv_value.c) and the messages (csv_fail.c).
#pragma once

#include <string.h>

#include "core/base/limits.h"
#include "core/format/columns.h"
#include "core/format/csv_index.h"
#include "core/format/csv_options.h"
#include "core/format/lines.h"
#include "core/format/row_fill.h"
#include "core/format/timestamp_read.h"

enum {
    TM__CSV_NULL_WORDS = TM_FIELDS_MAX / 64,
    TM__CSV_FAIL_TEXT = 400,
};

// What a column of the file is to the schema.
struct tm__csv_column {
    struct tm_type type; // kind 0: no column of the schema, passed over
    uint32_t offset;     // of the slot
    uint32_t word;       // of its bit in a null bitmap
    uint64_t bit;
    uint64_t keep; // all bits when some operator reads it, else none
    const char *name;
    uint32_t field; // of the schema
};

struct tm__json_cell;

struct tm__csv_fail {
    int code; // 0: nothing is wrong
    char message[TM__CSV_FAIL_TEXT];
};

enum tm__csv_stage { TM__CSV_HEADER, TM__CSV_RECORDS };

struct tm__csv_decoder {
    struct tm_decoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm_csv_options options;
    uint64_t null_lengths; // bit n: some null text has n bytes
    struct tm__csv_index index;
    struct tm__lines lines;
    enum tm__csv_stage stage;
    uint32_t skipped_lines;
    struct tm__csv_column *columns; // of the file, in its order
    uint32_t width;                 // how many; 0: not known yet
    struct tm__csv_fail fail;
    struct tm_buf head;         // the record that names the columns, as it was read
    struct tm__csv_fail header; // why no record can be read, if so
    void (*notice)(void *arg, bool warns, const char *message); // as in tm_decoder_args
    void *notice_arg;
    struct tm_strangers *strangers; // the same
    bool has_strangers;             // the header does
    struct tm__columns columns_of;  // names in the header, defaults
    struct tm__json_cell *cell;     // for nested values and any, which are JSON in their field
    struct tm_buf cell_text;
    struct tm_buf whole_names; // of records that are taken whole: the header's, as msgpack
    struct tm__timestamp_cache times;
    struct tm__row_masks masks;
};

// A record in a window of text. `row` and `heap` are where its row is written and where the next
// string of it goes: there is room for all strings of the record.
struct tm__csv_record {
    struct tm__csv_decoder *d;
    const uint8_t *front; // from here on bytes may be read
    const uint8_t *text;
    uint32_t start, end; // in the text; the end without line end
    uint8_t *row, *heap;
    struct tm_batch *batch;
    uint64_t present[TM__CSV_NULL_WORDS]; // columns that have a value
};

// The field [p, p + len), still in its quotes and no null, as the column's value: to the row,
// unless no operator reads the column. 0; TM__CSV_EMPTY: empty quotes, null in all columns but
// texts; or the code of what is wrong with it, which d->fail says.
enum { TM__CSV_EMPTY = 1 };
int tm__csv_read_value(struct tm__csv_record *r, const struct tm__csv_column *column,
                       const uint8_t *p, uint32_t len);
// [src, end) without its escapes: behind each `escape` a byte stands for itself. Returns the
// length. 16 bytes are read behind the source and written behind the target.
size_t tm__csv_unescape(const uint8_t *src, const uint8_t *end, uint8_t *dst, uint8_t escape);
// The byte that escapes inside fields: a quote before a quote, or the backslash.
static inline uint8_t tm__csv_escape(const struct tm__csv_decoder *d)
{
    return d->options.backslash ? '\\' : d->options.quote;
}
// Is [p, p + len) one of the null texts?
bool tm__csv_is_null(const struct tm_csv_options *o, const uint8_t *p, size_t len);

// For records that are taken whole: the names in the header, the first `count` of which begin at
// `names`; and a record whose fields end at `ends`. TM_E_MEMORY.
int tm__csv_whole_names(struct tm__csv_decoder *d, const char *text, const size_t *names,
                        uint32_t count) TM_WARN_UNUSED;
int tm__csv_read_whole(struct tm__csv_record *r, const uint32_t *ends,
                       uint32_t count) TM_WARN_UNUSED;
// The columns of the file from the record that names them, whose fields end at `ends`: d->header
// says what is wrong with it, if anything. Without a header they are the schema's. TM_E_MEMORY ends
// decoding.
int tm__csv_read_header(struct tm__csv_decoder *d, const uint8_t *text, uint32_t start,
                        uint32_t end, const uint32_t *ends, uint32_t count) TM_WARN_UNUSED;
int tm__csv_columns_of_schema(struct tm__csv_decoder *d) TM_WARN_UNUSED;

// What is wrong, into d->fail; all return its code.
int tm__csv_fail_value(struct tm__csv_record *r, const struct tm__csv_column *column, int code,
                       const uint8_t *p, uint32_t len, const char *why);
int tm__csv_fail_required(struct tm__csv_record *r);
int tm__csv_fail_count(struct tm__csv_record *r, uint32_t fields);
int tm__csv_fail_utf8(struct tm__csv_record *r);
// The record has a quote where none may be, as the index says, behind `fields` whole fields.
int tm__csv_fail_quote(struct tm__csv_record *r, uint32_t fields);
// The field behind `fields` whole ones, which begins at `at`, does not end: within max_record, if
// that is what it is too long for, or before the end of the input.
int tm__csv_fail_open(struct tm__csv_record *r, uint32_t fields, uint32_t at, bool too_long);
