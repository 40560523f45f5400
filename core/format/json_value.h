// A JSON record being read, and the general ways through its values. json_fields.c has the fast
// ones and calls these for whatever they do not take; they also find out what is wrong.
#pragma once

#include "core/base/limits.h"
#include "core/batch/nest.h"
#include "core/format/columns.h"
#include "core/format/json_fail.h"
#include "core/format/lines.h"
#include "core/format/row_fill.h"

enum {
    TM__DEPTH_MAX = 1024, // of values that are skipped
    TM__NULL_WORDS_MAX = TM_FIELDS_MAX / 64,
};

struct tm__json_index;

// Where a record ends that is too long to be held: see tm__json_scan_run.
struct tm__json_scan {
    uint64_t is_object[TM__DEPTH_MAX / 64];
    uint32_t depth;
    size_t column, indent; // of the record's beginning in its line; of the line so far
    bool in_string, escaped;
    bool broken, at_line_start, is_word;
};

struct tm__json_decoder {
    struct tm_decoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm__json_index *index;
    struct tm__keys keys;
    struct tm__columns columns;
    const struct tm__key_node *whole; // the column that takes whole records, or NULL
    struct tm_buf copy;               // of a whole record that is read with care
    struct tm__lines lines;
    struct tm__json_fail fail;
    struct tm_builder builder; // of the row, while nested values of it are read
    struct tm_nest nest;
    // Records that are no lines (json_frame.h): the layout; of an array: are we in it, has a record
    // been read and no comma since, a comma and no record since; how far in its line the next
    // byte is; of a record that is passed over how far it is known, and its lines.
    uint8_t layout;
    bool inside, comma, want;
    size_t column;
    struct tm__json_scan scan;
    int64_t skipped_lines;
    void (*notice)(void *arg, bool warns, const char *message); // as in tm_decoder_args
    void *notice_arg;
    bool has_looked;                // for columns that no record has
    struct tm_strangers *strangers; // as in tm_decoder_args
    struct tm_buf any_keys;         // of the objects that are open in a value of type any
    struct tm__row_masks masks;
};

// Tells of columns that seem to be misspelt: the batch's rows were read from [p, p + len).
void tm__json_notice_absent(struct tm__json_decoder *d, const struct tm_batch *batch,
                            const uint8_t *p, size_t len);

// `row` and `heap` are where the row is written and where its next string goes; the room for all
// strings of the record is there.
struct tm__json_record {
    struct tm__json_decoder *d;
    struct tm__json_place place;
    const uint32_t *index; // next entry; behind the record when it was read
    uint8_t *row, *heap;
    struct tm_batch *batch;
    // Of a value that takes a general way: its slot, and from where its reference counts.
    uint8_t *slot, *base;
    uint64_t word[2];                     // that slot, where the real one is not known yet
    uint64_t present[TM__NULL_WORDS_MAX]; // columns that have a value
    uint64_t nulled[TM__NULL_WORDS_MAX];  // columns written as null, for messages
    bool has_gap; // a key came twice: the first value's bytes may stand at the row's end
    bool high;    // it may hold bytes outside ASCII
    bool framed;  // its text is just this record, in which line ends are white space
    // The fast ways: where the text ends, from where on numbers have a chunk in front of their end.
    const uint8_t *end, *numbers;
    struct tm__key_node *node;               // the last key that was looked up
    const struct tm__key_node *nulled_field; // of a struct, the last that is required and was null
    uint32_t lines;                          // read so far
};

// The record has a field that is no column.
static inline void tm__json_stranger(struct tm__json_record *r, const struct tm__key_node *node)
{
    if (TM_UNLIKELY(r->d->strangers != NULL && node->name != NULL))
        tm__strangers_add(r->d->strangers, r->row, node->name, node->length);
}

static inline bool tm__json_is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The end of the token that stands between two entries of the index.
static inline uint32_t tm__json_token_end(const uint8_t *text, uint32_t after)
{
    if (TM_UNLIKELY(text[after - 1] <= ' ')) {
        while (tm__json_is_space(text[after - 1]))
            after--;
    }
    return after;
}

enum tm__json_value { TM__VALUE_OK = 0, TM__VALUE_NULL = 1 };

// The value of a column of any type that is no object or array: the token at `at` of `len` bytes.
// Stores it, unless the column is unused, and notes it in the bitmaps. TM__VALUE_OK,
// TM__VALUE_NULL, or the code of what is wrong.
int tm__json_read_scalar(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                         uint32_t len);
// The same without the bitmaps: to r->slot and r->heap.
int tm__json_read_value(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                        uint32_t len);
// The value at p of a column that is nested or of type any, with the bitmaps: behind it, or NULL,
// and d->fail says why. The batch may grow: r->row and r->heap are others then.
const uint8_t *tm__json_read_column(struct tm__json_record *r, const struct tm__key_node *node,
                                    const uint8_t *p);
// The value at p as msgpack to the end of the row that d->nest writes; behind it, or NULL.
const uint8_t *tm__json_read_any(struct tm__json_record *r, const uint8_t *p);
// The escape at `bad` in a string that ends at `end` is none.
int tm__json_fail_escape(struct tm__json_record *r, uint32_t bad, uint32_t end);
// Records from r->place.start on, as long as all is well with them and the batch is not full;
// counts them in r->lines and returns where the next line begins. The text ends with a line end, at
// r->place.end.
uint32_t tm__json_read_records(struct tm__json_record *r, struct tm_batch *batch);
// The node of a key that was not predicted, or stands apart from its colon; NULL: the record fails.
struct tm__key_node *tm__json_find_key(struct tm__json_record *r, struct tm__keys *keys,
                                       struct tm__key_node *before, uint32_t key, uint32_t colon);
// The value of any kind at entry `index` + 2. Returns the entry behind it, or NULL: the record
// fails. r->present is up to date before and after.
const uint32_t *tm__json_read_field(struct tm__json_record *r, const struct tm__key_node *node,
                                    const uint32_t *index);
// Past an object or array that no column takes, from its entry in the index to the entry behind it.
// They must nest; what is in them is not looked at. NULL: the record fails.
const uint32_t *tm__json_skip(struct tm__json_record *r, const uint32_t *index);
// The record ends within a field: what is wrong with the entries of it that there are?
int tm__json_cut_or_broken(struct tm__json_record *r, uint32_t key, uint32_t colon, uint32_t value);
// A required column has no value: which one?
int tm__json_missing(struct tm__json_record *r);
