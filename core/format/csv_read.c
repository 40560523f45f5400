// The CSV decoder: from the index of a window of text straight into rows.
//
// A window begins with a record. The records that are whole in it are read; the rest of it begins
// the next window, which is larger when not even one record was whole. A record of which the index
// says that its quotes are wrong, or that has not ended after max_record bytes, costs its first
// line: it is reported, and reading goes on behind that line's end, whatever the quotes said. That
// keeps a stray quote from taking the rest of the file with it.
#include "core/format/csv_read.h"

#include <stdio.h>

#include "core/format/csv_number.h"
#include "core/format/csv_text.h"
#include "core/format/formats.h"
#include "core/format/json_cell.h"
#include "core/format/json_index.h"
#include "core/format/row_fill.h"

enum {
    WINDOW = 4096,           // bytes indexed at once: index and text stay in L1
    INDEX_KEPT = 2 * WINDOW, // a subtask has up to 256 decoders
};

#define ALWAYS_INLINE inline __attribute__((always_inline))

struct call {
    struct tm_batch *batch;
    tm__bad_fn *bad;
    void *arg;
    bool more; // without more input nothing can be done
};

// A window of text. What is in front of `next` was taken.
struct window {
    const uint8_t *text;
    size_t left;           // bytes of input from `text` on
    size_t length;         // of them indexed
    bool at_end;           // no input follows
    bool last;             // nor any that is not indexed
    bool valid;            // the whole records are UTF-8
    bool over;             // a line was taken, not a record: the index is of no more use
    uint32_t *next, *stop; // entries of the whole records
    size_t done;           // bytes taken
};

// --- fields

// Without the carriage return that some systems write, unless it is escaped.
static ALWAYS_INLINE uint32_t trim(const struct tm__csv_decoder *d, const uint8_t *text,
                                   uint32_t start, uint32_t end)
{
    if (TM_LIKELY(end == start || text[end - 1] != '\r'))
        return end;
    uint32_t escapes = 0;
    while (d->options.backslash && end - 1 - escapes > start && text[end - 2 - escapes] == '\\')
        escapes++;
    return end - 1 + (escapes & 1);
}

// The text [p, p + len), in quotes if `quoted`, to the heap. Its end there.
static ALWAYS_INLINE uint8_t *put_string(const struct tm__csv_column *column, uint8_t *row,
                                         uint8_t *heap, const uint8_t *p, uint32_t len,
                                         uint32_t quoted, uint8_t quote, bool backslash)
{
    struct tm_ref ref = {0, 0};
    uint8_t *end = heap;
    if (TM_LIKELY(column->keep != 0)) {
        if (TM_UNLIKELY(backslash))
            end = tm__csv_copy_plain(heap, p + quoted, p + len - quoted, '\\');
        else if (quoted != 0)
            end = tm__csv_copy_quoted(heap, p + 1, p + len - 1, quote);
        else // the index has seen that there are no quotes in it
            end = tm__csv_copy_bare(heap, p, len);
        ref.offset = (uint32_t)(heap - row);
        ref.length = (uint32_t)(end - heap);
    }
    memcpy(row + column->offset, &ref, sizeof ref);
    return end;
}

// The values that records are full of, but for texts: [p, p + len) without quotes, behind `front`
// readable bytes, to its slot. Others are declined.
static ALWAYS_INLINE bool fast_value(struct tm__csv_decoder *d, const struct tm__csv_column *column,
                                     uint8_t *row, const uint8_t *p, uint32_t len, size_t front,
                                     uint8_t point)
{
    uint8_t *slot = row + column->offset;
    uint64_t word;
    int64_t ms;
    switch (column->type.kind) {
    case TM_TYPE_DOUBLE:
        if (!tm__csv_fast_double(p, len, front, point, &word))
            return false;
        break;
    case TM_TYPE_TIMESTAMP:
        if (TM_LIKELY(tm__timestamp_read(&d->times, p, len, &ms)))
            word = (uint64_t)ms;
        else if (!tm__csv_fast_integer(p, len, front, &word))
            return false;
        break;
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
        if (!tm__csv_fast_integer(p, len, front, &word))
            return false;
        break;
    case TM_TYPE_DECIMAL:
        return tm__csv_fast_decimal(p, len, front, point, column->type, column->keep, slot);
    default:
        return false;
    }
    word &= column->keep;
    memcpy(slot, &word, sizeof word);
    return true;
}

// The record's fields, which end at `ends`, into its row. 0, or the code of d->fail. `narrow`: a
// schema of at most 64 columns, whose bitmap stays in a register. `usual`: a dialect as d->usual
// says, which is known here so that it takes no registers; and the record may have another number
// of fields, which is TM__CSV_DECLINED.
static ALWAYS_INLINE int read_fields(struct tm__csv_record *r, const uint32_t *ends, uint32_t count,
                                     bool narrow, bool usual)
{
    struct tm__csv_decoder *d = r->d;
    const struct tm__csv_column *column = d->columns, *const stop = column + count;
    const uint64_t suspects = d->null_lengths | 1; // what has no bytes is in no quotes either
    const uint8_t quote = usual ? '"' : d->options.quote, delimiter = d->options.delimiter;
    const uint32_t opening = quote == 0 ? UINT32_MAX : quote;
    const bool backslash = usual ? false : d->options.backslash;
    const uint8_t point = usual ? '.' : d->options.decimal;
    const uint8_t *const text = r->text;
    const size_t front = (size_t)(text - r->front);
    uint8_t *row = r->row, *heap = r->heap;
    uint64_t present = 0;
    uint32_t at = r->start;
    for (; column < stop; column++, ends++) {
        const uint8_t *p = text + at;
        uint32_t end = *ends, len = end - at, quoted = *p == opening;
        if (usual && TM_UNLIKELY(text[end] != delimiter) && column + 1 != stop)
            return TM__CSV_DECLINED;
        at = end + 1;
        if (TM_UNLIKELY((suspects >> (len & 63) & 1) != 0)) {
            quoted &= len != 0;
            if (quoted == 0 && tm__csv_is_null(&d->options, p, len))
                continue;
        }
        if (column->type.kind == TM_TYPE_STRING) { // what most fields are
            heap = put_string(column, row, heap, p, len, quoted, quote, backslash);
        } else if (TM_UNLIKELY(!fast_value(d, column, row, p + quoted, len - 2 * quoted,
                                           front + end - quoted, point))) {
            if (column->type.kind == TM_TYPE_UNKNOWN)
                continue;
            r->heap = heap;
            int rc = tm__csv_read_value(r, column, p, len);
            if (rc == TM__CSV_EMPTY)
                continue;
            if (TM_UNLIKELY(rc != 0))
                return rc;
            row = r->row;
            heap = r->heap;
        }
        if (narrow)
            present |= column->bit;
        else
            r->present[column->word] |= column->bit;
    }
    r->heap = heap;
    if (narrow)
        r->present[0] = present;
    return 0;
}

__attribute__((noinline)) static int read_wide(struct tm__csv_record *r, const uint32_t *ends,
                                               uint32_t count)
{
    memset(r->present, 0, r->d->schema->null_words * sizeof *r->present);
    return read_fields(r, ends, count, false, false);
}

// A row behind the batch's last one from the record's fields. 0, or the code of d->fail.
static ALWAYS_INLINE int read_row(struct tm__csv_record *r, const uint32_t *ends, uint32_t count,
                                  struct tm_batch *batch)
{
    struct tm__csv_decoder *d = r->d;
    const struct tm_schema *schema = d->schema;
    size_t room = schema->fixed_bytes + d->columns_of.room + (r->end - r->start) + 8;
    if (TM_UNLIKELY(tm_batch_reserve(batch, room) != 0))
        return d->fail.code = TM_E_MEMORY;
    r->batch = batch;
    r->row = batch->data + batch->size_bytes;
    r->heap = r->row + schema->fixed_bytes;
    int rc = TM_UNLIKELY(d->columns_of.whole >= 0) ? tm__csv_read_whole(r, ends, count)
             : TM_LIKELY(schema->null_words == 1)  ? read_fields(r, ends, count, true, false)
                                                   : read_wide(r, ends, count);
    if (TM_UNLIKELY(rc != 0))
        return rc;
    if (TM_UNLIKELY(tm__columns_has_defaults(&d->columns_of)))
        r->heap = tm__columns_fill(&d->columns_of, r->row, r->heap, r->present);
    if (TM_UNLIKELY(!tm__row_end(batch, r->heap, r->present, &d->masks)))
        return tm__csv_fail_required(r);
    return 0;
}

// --- lines that are no records

// The header cannot be read, and no record without it: all that follow fail as it did.
static void fail_header(struct tm__csv_decoder *d)
{
    d->stage = TM__CSV_RECORDS;
    d->header = d->fail;
    if (d->fail.code == TM_E_TOO_LARGE)
        snprintf(d->header.message, sizeof d->header.message,
                 "the header has more than the %zu bytes that max_record allows",
                 d->lines.max_record);
}

// d->fail says what is wrong with [line, line + len). Out of memory is no fault of the record:
// decoding ends.
static int report(struct tm__csv_decoder *d, const uint8_t *line, size_t len,
                  const struct call *call)
{
    if (d->fail.code == TM_E_MEMORY)
        return TM_E_MEMORY;
    if (d->stage != TM__CSV_RECORDS)
        fail_header(d);
    return tm__lines_bad(&d->lines, d->fail.code, d->fail.message, line, len, call->bad, call->arg);
}

static void fail_large(struct tm__csv_decoder *d, size_t len)
{
    d->fail.code = TM_E_TOO_LARGE;
    snprintf(d->fail.message, sizeof d->fail.message,
             "the record has %zu bytes, max_record allows %zu", len, d->lines.max_record);
}

static void skip_on(struct tm__csv_decoder *d)
{
    fail_large(d, d->lines.max_record + 1);
    if (d->stage != TM__CSV_RECORDS)
        fail_header(d);
    d->lines.skipping = true;
    d->lines.skipped = 0;
    d->lines.head_length = 0;
}

static bool is_comment(const struct tm__csv_decoder *d, const uint8_t *line)
{
    return d->options.comment != 0 && *line == d->options.comment;
}

// What begins at w->done is no record, as d->fail says: its first line goes, which may not have
// arrived as a whole yet.
static int take_line(struct tm__csv_decoder *d, struct window *w, struct call *call)
{
    const uint8_t *line = w->text + w->done;
    size_t there = w->left - w->done;
    const uint8_t *found = memchr(line, '\n', there);
    size_t len = found != NULL ? (size_t)(found - line) : there;
    size_t length = tm__lines_trim(line, len);
    int rc = 0;
    w->over = true;
    if (found == NULL && !w->at_end) {
        call->more = there > d->lines.max_record + 1;
        if (call->more)
            skip_on(d);
        return 0;
    }
    if (!is_comment(d, line)) {
        if (length > d->lines.max_record)
            fail_large(d, length);
        rc = report(d, line, length, call);
    }
    tm__lines_advance(&d->lines, len + (found != NULL));
    w->done += len + (found != NULL);
    return rc;
}

// --- records

static int take_header(struct tm__csv_record *r, const uint32_t *ends, uint32_t count,
                       const struct call *call)
{
    struct tm__csv_decoder *d = r->d;
    const uint8_t *line = r->text + r->start;
    size_t len = r->end - r->start;
    if (!tm__utf8_is_valid(line, len)) {
        tm__csv_fail_utf8(r);
        return report(d, line, len, call);
    }
    int rc = tm__csv_read_header(d, r->text, r->start, r->end, ends, count);
    d->stage = TM__CSV_RECORDS;
    if (rc == 0)
        rc = tm_buf_append(&d->head, line, len);
    if (rc != 0 || d->header.code == 0)
        return rc;
    d->fail = d->header;
    return report(d, line, len, call);
}

// The fields that a record of another number than the file's columns has for them, or the code of
// d->fail.
static int fit_count(struct tm__csv_record *r, const uint32_t *ends, uint32_t *count)
{
    struct tm__csv_decoder *d = r->d;
    const struct tm_csv_options *o = &d->options;
    bool few = *count < d->width;
    bool one_more =
        o->trailing_delimiter && *count == d->width + 1 && ends[d->width - 1] + 1 == r->end;
    if (!one_more && (o->ragged & (few ? TM_CSV_RAGGED_PAD : TM_CSV_RAGGED_TRUNCATE)) == 0)
        return tm__csv_fail_count(r, *count);
    if (!few) {
        *count = d->width;
        r->end = ends[d->width - 1];
    }
    return 0;
}

// A record that is whole and not too long.
static ALWAYS_INLINE int take_fields(struct tm__csv_record *r, const struct window *w,
                                     const uint32_t *ends, uint32_t count, const struct call *call)
{
    struct tm__csv_decoder *d = r->d;
    uint32_t end = r->end;
    int rc = 0;
    if (TM_UNLIKELY(end == r->start && count == 1 && d->width != 1))
        return 0; // an empty line; of a file with one column it is a record
    if (TM_UNLIKELY(d->stage != TM__CSV_RECORDS))
        return take_header(r, ends, count, call);
    if (TM_UNLIKELY(d->header.code != 0)) {
        d->fail = d->header;
        rc = d->fail.code;
    } else if (TM_UNLIKELY(!w->valid) &&
               !tm__utf8_is_valid(r->text + r->start, r->end - r->start)) {
        rc = tm__csv_fail_utf8(r);
    } else if (TM_UNLIKELY(count != d->width)) {
        rc = fit_count(r, ends, &count);
    }
    if (TM_LIKELY(rc == 0))
        rc = read_row(r, ends, count, call->batch);
    if (TM_LIKELY(rc == 0))
        return 0;
    return report(d, r->text + r->start, end - r->start, call);
}

static void count_lines(struct tm__csv_decoder *d, const uint8_t *p, size_t len)
{
    const uint8_t *end = p + len;
    for (uint32_t seen = 0; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        d->lines.line += seen++ != 0; // the last one was counted
}

// The record has not ended after max_record bytes: in which of its fields is that? There are
// entries from `ends` on at least that far.
static void fail_long(struct tm__csv_record *r, const uint32_t *ends, uint32_t count)
{
    uint32_t fields = 0, limit = r->start + (uint32_t)r->d->lines.max_record;
    while (fields < count && ends[fields] < limit)
        fields++;
    tm__csv_fail_open(r, fields, fields == 0 ? r->start : ends[fields - 1] + 1, true);
}

// The record at w->done, which is whole: its entries begin at w->next.
static ALWAYS_INLINE int take_record(struct tm__csv_record *r, struct window *w, struct call *call)
{
    struct tm__csv_decoder *d = r->d;
    const uint8_t *text = w->text, delimiter = d->options.delimiter;
    uint32_t *ends = w->next, *entry = ends;
    uint32_t start = (uint32_t)w->done;
    while (entry + 1 < w->stop && text[*entry] == delimiter)
        entry++;
    uint32_t line_end = *entry, count = (uint32_t)(entry - ends) + 1;
    r->start = start;
    r->end = *entry = trim(d, text, start, line_end);
    size_t len = line_end - start + (line_end != w->length); // else the input has no last line end
    bool comment = is_comment(d, text + start) && line_end != start;
    int rc = 0;
    // Quotes in a comment mean nothing: the line ends where it ends.
    if (TM_UNLIKELY(comment && memchr(text + start, '\n', line_end - start) != NULL))
        return take_line(d, w, call);
    if (TM_UNLIKELY(r->end - start > d->lines.max_record && !comment)) {
        fail_long(r, ends, count);
        return take_line(d, w, call);
    }
    if (TM_LIKELY(!comment))
        rc = take_fields(r, w, ends, count, call);
    tm__lines_advance(&d->lines, len);
    if (TM_UNLIKELY(d->index.inner_lines))
        count_lines(d, text + start, len);
    w->done += len;
    w->next = entry + 1;
    return rc;
}

// The record at w->done, if it is as nearly all are: taken with the fewest questions. False: it is
// not, and nothing of it was taken; take_record says what it is. Only where d->usual, with a window
// that is UTF-8, without line ends inside fields, and behind the header.
static ALWAYS_INLINE bool take_usual(struct tm__csv_record *r, struct window *w, struct call *call)
{
    struct tm__csv_decoder *d = r->d;
    const struct tm_schema *schema = d->schema;
    struct tm_batch *batch = call->batch;
    const uint8_t *text = w->text;
    uint32_t *last = w->next + d->width - 1, start = (uint32_t)w->done;
    if (TM_UNLIKELY(last >= w->stop))
        return false;
    // Of a record with fewer fields this is the end of another one: no less room is found for it.
    uint32_t line_end = *last, len = line_end - start;
    size_t room = schema->fixed_bytes + d->columns_of.room + len + 8;
    if (TM_UNLIKELY(line_end == w->length || text[line_end] != '\n' || len == 0 ||
                    len > d->lines.max_record || tm_batch_reserve(batch, room) != 0))
        return false;
    *last = line_end - (text[line_end - 1] == '\r');
    r->start = start;
    r->end = *last;
    r->batch = batch;
    r->row = batch->data + batch->size_bytes;
    r->heap = r->row + schema->fixed_bytes;
    if (TM_UNLIKELY(read_fields(r, w->next, d->width, true, true) != 0 ||
                    !tm__row_end_of(batch, r->heap, r->present, &d->masks, 1))) {
        *last = line_end;
        return false;
    }
    tm__lines_advance(&d->lines, len + 1);
    w->done += len + 1;
    w->next = last + 1;
    return true;
}

// What stands behind the whole records: the beginning of another one, or what is none.
static int take_rest(struct tm__csv_record *r, struct window *w, struct call *call)
{
    struct tm__csv_decoder *d = r->d;
    const struct tm__csv_index *index = &d->index;
    size_t rest = w->length - w->done;
    bool too_long = rest >= d->lines.max_record + 2;
    bool broken =
        index->fault != TM__CSV_NO_FAULT && index->fault_at - w->done < d->lines.max_record;
    if (rest == 0 || (!broken && !too_long && !w->last))
        return 0;
    uint32_t fields = (uint32_t)(index->positions + index->count - w->stop);
    r->start = (uint32_t)w->done;
    if (broken)
        tm__csv_fail_quote(r, fields);
    else if (too_long)
        fail_long(r, w->stop, fields);
    else
        tm__csv_fail_open(r, fields, fields == 0 ? r->start : w->stop[fields - 1] + 1, false);
    return take_line(d, w, call);
}

// --- windows

// Index the text at *w, as much as it takes to have a record in it or to see that there is none.
// Without success call->more is false.
static int index_window(struct tm__csv_decoder *d, struct window *w, struct call *call)
{
    struct tm__csv_index *index = &d->index;
    size_t max = d->lines.max_record, want = WINDOW;
    uint32_t count;
    for (;;) {
        w->length = w->left < want ? w->left : want;
        w->last = w->at_end && w->length == w->left;
        int rc = tm__csv_index_run(index, w->text, (uint32_t)w->length, w->last);
        if (rc != 0)
            return rc;
        for (count = index->count; count != 0; count--) {
            uint32_t at = index->positions[count - 1];
            if (at == w->length || w->text[at] == '\n')
                break;
        }
        if (count != 0 || w->last || w->length >= max + 2 ||
            (index->fault != TM__CSV_NO_FAULT && index->fault_at < max))
            break;
        if (w->length == w->left) {
            call->more = false;
            return 0;
        }
        want = want * 4 < max + 2 ? want * 4 : max + 2;
    }
    w->next = index->positions;
    w->stop = w->next + count;
    w->valid =
        count == 0 || index->is_ascii || tm__utf8_is_valid(w->text, index->positions[count - 1]);
    return 0;
}

static int read_window(struct tm__csv_decoder *d, const uint8_t *p, size_t *pos, size_t len,
                       bool at_end, struct call *call)
{
    struct window w = {.text = p + *pos, .left = len - *pos, .at_end = at_end};
    struct tm__csv_record r = {.d = d, .front = p, .text = w.text};
    int rc = index_window(d, &w, call);
    if (rc != 0 || !call->more)
        return rc;
    bool usual = d->usual && w.valid && !d->index.inner_lines && d->stage == TM__CSV_RECORDS &&
                 d->header.code == 0;
    while (rc == 0 && w.next != w.stop && !w.over && !tm_batch_is_full(call->batch))
        if (TM_UNLIKELY(!usual) || TM_UNLIKELY(!take_usual(&r, &w, call)))
            rc = take_record(&r, &w, call);
    if (rc == 0 && w.next == w.stop && !w.over && !tm_batch_is_full(call->batch))
        rc = take_rest(&r, &w, call);
    *pos += w.done;
    return rc;
}

// The lines that the option skip_lines says, whatever is in them; one may come in many parts.
static void skip_lines(struct tm__csv_decoder *d, const uint8_t *p, size_t *pos, size_t len)
{
    while (*pos < len && d->skipped_lines < d->options.skip_lines) {
        const uint8_t *found = memchr(p + *pos, '\n', len - *pos);
        size_t part = found == NULL ? len - *pos : (size_t)(found - (p + *pos)) + 1;
        *pos += part;
        d->lines.offset += (int64_t)part;
        d->lines.line += found != NULL;
        d->skipped_lines += found != NULL;
    }
}

static int csv_decode(struct tm_decoder *base, const uint8_t *p, size_t len, bool at_end,
                      struct tm_batch *batch, size_t *used, tm__bad_fn *bad, void *arg)
{
    struct tm__csv_decoder *d = (struct tm__csv_decoder *)base;
    struct call call = {.batch = batch, .bad = bad, .arg = arg, .more = true};
    size_t pos = 0;
    uint32_t rows = batch->row_count;
    int rc = 0;
    call.more = tm__lines_begin(&d->lines, p, &pos, len, at_end);
    if (call.more && TM_UNLIKELY(d->skipped_lines < d->options.skip_lines))
        skip_lines(d, p, &pos, len);
    while (rc == 0 && call.more && pos < len && !tm_batch_is_full(batch)) {
        if (TM_LIKELY(!d->lines.skipping)) {
            rc = read_window(d, p, &pos, len, at_end, &call);
            continue;
        }
        rc = tm__lines_skip(&d->lines, p, &pos, len, at_end, bad, arg);
        call.more = !d->lines.skipping;
    }
    // What is skipped up to the end of the input is reported once that is known.
    if (rc == 0 && d->lines.skipping && at_end && pos == len)
        rc = tm__lines_skip(&d->lines, p, &pos, len, at_end, bad, arg);
    tm__csv_index_trim(&d->index, INDEX_KEPT);
    if (TM_UNLIKELY(d->has_strangers))
        d->strangers->records += batch->row_count - rows;
    *used = pos;
    return rc;
}

// --- the decoder

static void csv_free(struct tm_decoder *base)
{
    struct tm__csv_decoder *d = (struct tm__csv_decoder *)base;
    tm__csv_index_fini(&d->index);
    tm__columns_fini(&d->columns_of);
    if (d->cell != NULL) {
        tm__json_cell_fini(d->cell);
        tm_mem_free(d->mem, d->cell, sizeof *d->cell);
    }
    tm_buf_fini(&d->cell_text);
    tm_buf_fini(&d->whole_names);
    tm_buf_fini(&d->head);
    tm_mem_free(d->mem, d->columns, d->width * sizeof *d->columns);
    tm_schema_unref(d->schema);
    tm_mem_free(d->mem, d, sizeof *d);
}

// --- from one decoder to another

// In the state: what has been read of the file's beginning, then the record that names the columns,
// or why it cannot be read.
struct csv_state {
    int64_t failed; // the code of that; 0: what follows is the record
    uint32_t skipped_lines;
    uint8_t stage, unused[3];
};

static int csv_save(const struct tm_decoder *base, int64_t *offset, struct tm_buf *state)
{
    const struct tm__csv_decoder *d = (const struct tm__csv_decoder *)base;
    bool failed = d->head.size_bytes == 0 && d->header.code != 0;
    struct csv_state s = {.failed = failed ? d->header.code : 0,
                          .skipped_lines = d->skipped_lines,
                          .stage = (uint8_t)d->stage};
    *offset = d->lines.offset;
    int rc = tm__lines_save(&d->lines, state);
    if (rc == 0)
        rc = tm_buf_append(state, &s, sizeof s);
    if (rc == 0)
        rc = failed ? tm_buf_append(state, d->header.message, strlen(d->header.message))
                    : tm_buf_append(state, d->head.data, d->head.size_bytes);
    return rc;
}

static int said_before(void *arg, const struct tm_bad_record *record)
{
    (void)arg, (void)record;
    return 0;
}

// The columns of the file, from the record that named them.
static int load_header(struct tm__csv_decoder *d, const uint8_t *text, size_t size)
{
    enum { SLACK = 64 };
    struct call call = {.bad = said_before, .more = true};
    void (*notice)(void *arg, bool warns, const char *message) = d->notice;
    size_t bytes = SLACK + size + 1 + SLACK; // some bytes in front of a record may be read, too
    uint8_t *copy = tm_mem_zalloc(d->mem, bytes);
    if (copy == NULL)
        return TM_E_MEMORY;
    memcpy(copy + SLACK, text, size);
    copy[SLACK + size] = '\n';
    struct window w = {.text = copy + SLACK, .left = size + 1, .at_end = true};
    struct tm__csv_record r = {.d = d, .front = copy, .text = w.text};
    d->notice = NULL;
    int rc = index_window(d, &w, &call);
    if (rc == 0 && w.next != w.stop)
        rc = take_record(&r, &w, &call);
    d->notice = notice;
    tm_mem_free(d->mem, copy, bytes);
    return rc != 0 ? rc : d->stage == TM__CSV_RECORDS ? 0 : TM_E_CHECKPOINT;
}

static int csv_load(struct tm_decoder *base, int64_t offset, const uint8_t *state, size_t size)
{
    struct tm__csv_decoder *d = (struct tm__csv_decoder *)base;
    struct tm__lines lines = d->lines;
    struct csv_state s;
    int rc = tm__lines_load(&lines, offset, state, size);
    if (rc < 0 || size < (size_t)rc + sizeof s)
        return TM_E_CHECKPOINT;
    memcpy(&s, state + rc, sizeof s);
    state += (size_t)rc + sizeof s;
    size -= (size_t)rc + sizeof s;
    if (s.stage > TM__CSV_RECORDS || (s.stage != TM__CSV_RECORDS && size != 0))
        return TM_E_CHECKPOINT;
    rc = 0;
    if (s.failed != 0 && d->options.header) {
        d->header.code = (int)s.failed;
        snprintf(d->header.message, sizeof d->header.message, "%.*s", (int)size,
                 (const char *)state);
        d->stage = TM__CSV_RECORDS;
    } else if (s.stage == TM__CSV_RECORDS && d->options.header) {
        rc = load_header(d, state, size);
    }
    d->lines = lines;
    d->skipped_lines = s.skipped_lines;
    return rc;
}

static int csv_unfit(const struct tm_decoder *base, const char **message)
{
    const struct tm__csv_decoder *d = (const struct tm__csv_decoder *)base;
    *message = d->header.message;
    return d->header.code;
}

static const struct tm_decoder_ops csv_ops = {
    .decode = csv_decode, .free = csv_free, .save = csv_save, .load = csv_load, .unfit = csv_unfit};

// Nested values and any are JSON text in their fields.
static int make_cell(struct tm__csv_decoder *d, const uint64_t *used, struct tm_error *err)
{
    bool needed = false;
    for (uint32_t i = 0; i < d->schema->field_count; i++) {
        if (d->schema->fields[i].type.kind == TM_TYPE_UNKNOWN)
            return tm_error_set(err, TM_E_SCHEMA, "field %s has no type",
                                d->schema->fields[i].name);
        needed = needed || d->schema->fields[i].type.kind > TM_TYPE_TIMESTAMP;
    }
    if (!needed)
        return 0;
    d->cell = tm_mem_zalloc(d->mem, sizeof *d->cell);
    if (d->cell == NULL ||
        tm__json_cell_init(d->cell, d->mem, d->schema, d->columns_of.names, used) != 0)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a CSV decoder");
    return 0;
}

int tm__csv_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                        struct tm_error *err)
{
    struct tm_schema *schema = args->schema;
    struct tm__csv_decoder *d = tm_mem_zalloc(args->mem, sizeof *d);
    if (d == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a CSV decoder");
    d->base.ops = &csv_ops;
    d->mem = args->mem;
    d->schema = tm_schema_ref(schema);
    d->notice = args->notice;
    d->notice_arg = args->notice_arg;
    d->strangers = args->strangers;
    tm_buf_init(&d->cell_text, args->mem);
    tm_buf_init(&d->whole_names, args->mem);
    tm_buf_init(&d->head, args->mem);
    int rc = tm__columns_init(&d->columns_of, args->mem, schema, args->used, args->options, err);
    if (rc == 0)
        rc = make_cell(d, args->used, err);
    if (rc == 0)
        rc = tm_csv_options_parse(args->mem, args->options, &d->options, err);
    if (rc == 0 && d->columns_of.whole >= 0 && !d->options.header)
        rc = tm_error_set(err, TM_E_OPTION,
                          "whole: the names of a record's fields are the header's, and header is "
                          "false");
    // A row is never longer than its record and the fixed part.
    size_t limit = TM_ROW_BYTES_MAX - 64 - schema->fixed_bytes;
    tm__lines_init(&d->lines, args->max_record < limit ? args->max_record : limit);
    struct tm__csv_marks marks = {.delimiter = d->options.delimiter,
                                  .quote = d->options.quote,
                                  .escape = d->options.backslash ? '\\' : 0};
    tm__csv_index_init(&d->index, args->mem, marks);
    tm__row_masks_init(&d->masks, schema, args->used);
    for (uint32_t i = 0; i < d->options.null_count; i++)
        d->null_lengths |= UINT64_C(1) << d->options.nulls[i].length;
    d->stage = d->options.header ? TM__CSV_HEADER : TM__CSV_RECORDS;
    d->usual = rc == 0 && d->options.quote == '"' && !d->options.backslash &&
               d->options.decimal == '.' && d->options.comment == 0 && d->columns_of.whole < 0 &&
               !tm__columns_has_defaults(&d->columns_of) && schema->null_words == 1;
    if (rc == 0 && !d->options.header && tm__csv_columns_of_schema(d) != 0)
        rc = tm_error_set(err, TM_E_MEMORY, "no memory for a CSV decoder");
    if (rc != 0) {
        csv_free(&d->base);
        return rc;
    }
    *decoder = &d->base;
    return 0;
}
