// The JSON Lines decoder: from lines of text straight into rows.
//
// A record is tried quickly first (json_fields.c). What that does not take, a line with an error in
// it most of all, is read again here with care: simdjson's first stage indexes the structure of the
// line and checks UTF-8 and control characters, then the fields are read one after the other, to
// say what is wrong with them.
//
// A row is written in place behind the batch's rows: one check of room for a line bounds all of its
// strings, and a row that fails is simply never counted.
#include "core/format/formats.h"
#include "core/format/json_frame.h"
#include "core/format/json_frames.h"
#include "core/format/json_index.h"
#include "core/format/json_row.h"
#include "core/format/json_token.h"

enum {
    WINDOW = 4096,           // bytes of whole lines that are looked for at once
    INDEX_KEPT = 2 * WINDOW, // a long record's index is not kept: a subtask has up to 256 decoders
};

// The record, of any kind, into the one column that takes it whole: from a copy that ends with a
// line end, as a number may stand alone.
static int read_whole(struct tm__json_record *r)
{
    struct tm__json_decoder *d = r->d;
    uint32_t len = r->place.end;
    d->copy.size_bytes = 0;
    if (tm_buf_reserve(&d->copy, len + 80) != 0)
        return tm__json_fail_room(&d->fail, TM_E_MEMORY);
    memcpy(d->copy.data, r->place.text, len);
    memset(d->copy.data + len, '\n', 80);
    r->place.text = d->copy.data;
    r->end = d->copy.data + len + 1;
    r->numbers = d->copy.data + TM__CHUNK_BYTES;
    const uint8_t *p = tm__json_read_column(r, d->whole, d->copy.data + *r->index);
    if (p == NULL)
        return d->fail.code;
    p = tm__json_skip_space(r, p);
    return p == r->end ? 0
                       : tm__json_fail_structure(&d->fail, &r->place, (uint32_t)(p - d->copy.data),
                                                 "the end of the record");
}

// The fields of an object into the row, one by one, and what is wrong with them.
static int read_carefully(struct tm__json_record *r)
{
    struct tm__json_decoder *d = r->d;
    const uint8_t *text = r->place.text;
    const uint32_t end = r->place.end, *index = r->index;
    struct tm__key_node *node = d->keys.start;
    if (text[*index] != '{')
        return tm__json_fail_root(&d->fail, &r->place, *index);
    index++;
    if (*index < end && text[*index] == '}') {
        r->index = ++index;
    } else {
        for (bool more = true; more;) {
            if (index[3] >= end)
                return tm__json_cut_or_broken(r, index[0], index[1], index[2]);
            if ((node = tm__json_find_key(r, &d->keys, node, index[0], index[1])) == NULL ||
                (index = tm__json_read_field(r, node, index)) == NULL)
                return d->fail.code;
            uint32_t after = *index++;
            more = after < end && text[after] == ',';
            if (after >= end || (!more && text[after] != '}'))
                return tm__json_fail_structure(&d->fail, &r->place, after < end ? after : end,
                                               after < end ? "',' or '}'" : "");
        }
        r->index = index;
    }
    return *index < end ? tm__json_fail_trailing(&d->fail, &r->place, *index) : 0;
}

// --- lines

int tm__json_report(struct tm__json_decoder *d, const uint8_t *line, size_t len,
                    const struct tm__json_call *call)
{
    if (d->fail.code == TM_E_MEMORY)
        return TM_E_MEMORY;
    char message[TM__FAIL_PATH + TM__FAIL_TEXT];
    tm__json_fail_text(&d->fail, message, sizeof message);
    return tm__lines_bad(&d->lines, d->fail.code, message, line, len, call->bad, call->arg);
}

// The record in [r->place.start, r->place.end).
static int read_record(struct tm__json_record *r, struct tm_batch *batch)
{
    struct tm__json_decoder *d = r->d;
    size_t bytes = d->schema->fixed_bytes + d->columns.room + (r->place.end - r->place.start) + 8;
    if (tm_batch_reserve(batch, bytes) != 0)
        return tm__json_fail_index(&d->fail, TM__INDEX_MEMORY, &r->place);
    tm__json_begin_row(r, batch, false);
    r->framed = true;
    r->end = r->place.text + r->place.end;
    r->numbers = r->place.text + TM__CHUNK_BYTES;
    int rc = d->whole != NULL ? read_whole(r) : read_carefully(r);
    return rc != 0 ? rc : tm__json_end_row(r, batch) ? 0 : tm__json_missing(r);
}

int tm__json_read_line(struct tm__json_decoder *d, const uint8_t *p, size_t len,
                       const struct tm__json_call *call)
{
    size_t length = tm__lines_trim(p, len);
    if (length > d->lines.max_record)
        return tm__lines_too_large(&d->lines, p, length, call->bad, call->arg);
    struct tm__json_record r = {.d = d, .place = {.text = p, .end = (uint32_t)len}};
    enum tm__index_result result = tm__json_index_run(d->index, p, len, &r.index);
    if (result != TM__INDEX_OK)
        tm__json_fail_index(&d->fail, (int)result, &r.place);
    else if (*r.index == len || read_record(&r, call->batch) == 0) // white space alone is no record
        return 0;
    return tm__json_report(d, p, len, call);
}

// The lines in [pos, end) of the text, until the batch is full; *taken: where the next one begins.
static int read_window(struct tm__json_decoder *d, const uint8_t *text, size_t pos, size_t end,
                       const struct tm__json_call *call, size_t *taken)
{
    int rc = 0;
    while (rc == 0 && pos < end && !tm_batch_is_full(call->batch)) {
        size_t next = pos;
        if (TM_LIKELY(text[end - 1] == '\n')) {
            // Some bytes in front of it may be read, so that the first number may be short.
            size_t front = pos < 64 ? pos : 64;
            struct tm__json_record r = {.d = d};
            r.place = (struct tm__json_place){.text = text + pos - front,
                                              .start = (uint32_t)front,
                                              .end = (uint32_t)(end - pos + front)};
            next = pos - front + tm__json_read_records(&r, call->batch);
            d->lines.offset += (int64_t)(next - pos);
            d->lines.line += r.lines;
        }
        if (next < end && !tm_batch_is_full(call->batch)) {
            const uint8_t *found = memchr(text + next, '\n', end - next);
            size_t len = found != NULL ? (size_t)(found - text) - next : end - next;
            pos = next + len + (found != NULL);
            rc = tm__json_read_line(d, text + next, len, call);
            tm__lines_advance(&d->lines, pos - next);
        } else {
            pos = next;
        }
    }
    *taken = pos;
    return rc;
}

// False: more of the text will tell.
static bool settle_layout(struct tm__json_decoder *d, const uint8_t *p, size_t len, bool at_end)
{
    if (TM_LIKELY(d->layout != TM__LAYOUT_GUESS))
        return true;
    if (len != 0 || at_end)
        d->layout =
            (uint8_t)(len == 0 ? TM__LAYOUT_LINES
                               : tm__json_guess_layout(p, p + len, at_end, d->lines.max_record));
    if (d->notice != NULL && d->layout == TM__LAYOUT_ARRAY)
        d->notice(d->notice_arg, false,
                  "read as one array of records, not as a record a line; "
                  "layout = \"array\" says so and layout = \"lines\" forbids it");
    else if (d->notice != NULL && d->layout == TM__LAYOUT_PRETTY)
        d->notice(d->notice_arg, false,
                  "read as records over several lines each; "
                  "layout = \"pretty\" says so and layout = \"lines\" forbids it");
    return d->layout != TM__LAYOUT_GUESS;
}

static enum tm__json_layout layout_of(const struct tm_options *options)
{
    const char *text = options == NULL ? NULL : tm_options_text(options, "layout");
    if (text == NULL || strcmp(text, "guess") == 0)
        return TM__LAYOUT_GUESS;
    return strcmp(text, "array") == 0    ? TM__LAYOUT_ARRAY
           : strcmp(text, "pretty") == 0 ? TM__LAYOUT_PRETTY
                                         : TM__LAYOUT_LINES;
}

static int json_decode(struct tm_decoder *base, const uint8_t *p, size_t len, bool at_end,
                       struct tm_batch *batch, size_t *used, tm__bad_fn *bad, void *arg)
{
    struct tm__json_decoder *d = (struct tm__json_decoder *)base;
    struct tm__json_call call = {.batch = batch, .bad = bad, .arg = arg};
    size_t pos = 0;
    int rc = 0;
    tm__keys_guess(&d->keys);
    bool begun = tm__lines_begin(&d->lines, p, &pos, len, at_end);
    begun = begun && settle_layout(d, p + pos, len - pos, at_end);
    if (begun && d->layout != TM__LAYOUT_LINES) {
        rc = tm__json_decode_frames(d, p, &pos, len, at_end, &call);
        begun = false;
    }
    while (rc == 0 && begun && !tm_batch_is_full(batch)) {
        if (TM_UNLIKELY(d->lines.skipping)) {
            rc = tm__lines_skip(&d->lines, p, &pos, len, at_end, bad, arg);
            if (d->lines.skipping)
                break;
            continue;
        }
        if (pos == len)
            break;
        size_t taken, end = tm__lines_window(&d->lines, p, pos, len, at_end, WINDOW);
        if (end == pos) {
            if (d->lines.skipping)
                continue;
            break;
        }
        rc = read_window(d, p, pos, end, &call, &taken);
        pos = taken;
    }
    tm__json_index_trim(d->index, INDEX_KEPT);
    if (TM_UNLIKELY(!d->has_looked) && batch->row_count != 0 && d->notice != NULL &&
        d->whole == NULL)
        tm__json_notice_absent(d, batch, p, pos);
    *used = pos;
    return rc;
}

static void json_free(struct tm_decoder *base)
{
    struct tm__json_decoder *d = (struct tm__json_decoder *)base;
    struct tm_mem *mem = d->mem;
    if (d->index != NULL)
        tm__json_index_free(d->index);
    if (d->keys.mem != NULL)
        tm__keys_fini(&d->keys);
    tm__columns_fini(&d->columns);
    tm_buf_fini(&d->copy);
    tm_nest_fini(&d->nest);
    tm_buf_fini(&d->any_keys);
    tm_schema_unref(d->schema);
    tm_mem_free(mem, d, sizeof *d);
}

// What is kept of records that are no lines: of one that is being passed over, as it was where that
// record begins.
struct json_state {
    uint64_t column;
    uint8_t layout, inside, comma, want;
    uint8_t has_looked, unused[3];
};

static int json_save(const struct tm_decoder *base, int64_t *offset, struct tm_buf *state)
{
    const struct tm__json_decoder *d = (const struct tm__json_decoder *)base;
    struct json_state s = {.column = d->lines.skipping ? d->scan.column : d->column,
                           .layout = d->layout,
                           .inside = d->inside,
                           .comma = d->comma,
                           .want = d->want,
                           .has_looked = d->has_looked};
    *offset = d->lines.offset;
    int rc = tm__lines_save(&d->lines, state);
    return rc == 0 ? tm_buf_append(state, &s, sizeof s) : rc;
}

static int json_load(struct tm_decoder *base, int64_t offset, const uint8_t *state, size_t size)
{
    struct tm__json_decoder *d = (struct tm__json_decoder *)base;
    struct json_state s;
    int rc = tm__lines_load(&d->lines, offset, state, size);
    if (rc < 0 || size != (size_t)rc + sizeof s)
        return TM_E_CHECKPOINT;
    memcpy(&s, state + rc, sizeof s);
    if (s.layout > TM__LAYOUT_PRETTY)
        return TM_E_CHECKPOINT;
    d->layout = s.layout;
    d->inside = s.inside != 0;
    d->comma = s.comma != 0;
    d->want = s.want != 0;
    d->has_looked = s.has_looked != 0;
    d->column = s.column;
    return 0;
}

static const struct tm_decoder_ops json_ops = {
    .decode = json_decode, .free = json_free, .save = json_save, .load = json_load};

int tm__json_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                         struct tm_error *err)
{
    struct tm_schema *schema = args->schema;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].type.kind == TM_TYPE_UNKNOWN)
            return tm_error_set(err, TM_E_SCHEMA, "field %s has no type", schema->fields[i].name);
    }
    enum tm__json_layout layout = layout_of(args->options);
    if (args->cut_at_lines && layout != TM__LAYOUT_GUESS && layout != TM__LAYOUT_LINES)
        return tm_error_set(
            err, TM_E_OPTION,
            "layout = \"%s\" and split: only files with a record a line can be split",
            layout == TM__LAYOUT_ARRAY ? "array" : "pretty");
    struct tm__json_decoder *d = tm_mem_zalloc(args->mem, sizeof *d);
    if (d == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a JSON decoder");
    d->base.ops = &json_ops;
    d->mem = args->mem;
    d->notice = args->notice;
    d->notice_arg = args->notice_arg;
    d->strangers = args->strangers;
    d->layout = (uint8_t)layout;
    if (args->cut_at_lines && d->layout == TM__LAYOUT_GUESS)
        d->layout = TM__LAYOUT_LINES;
    d->schema = tm_schema_ref(args->schema);
    // A row is never longer than its record and the fixed part.
    size_t limit = TM_ROW_BYTES_MAX - 64 - schema->fixed_bytes;
    tm__lines_init(&d->lines, args->max_record < limit ? args->max_record : limit);
    tm__row_masks_init(&d->masks, schema, args->used);
    tm_nest_init(&d->nest, args->mem);
    tm_buf_init(&d->any_keys, args->mem);
    tm_buf_init(&d->copy, args->mem);
    int rc = tm__columns_init(&d->columns, args->mem, schema, args->used, args->options, err);
    if (rc != 0) {
        json_free(&d->base);
        return rc;
    }
    d->index = tm__json_index_new();
    if (d->index == NULL ||
        tm__keys_init(&d->keys, args->mem, schema, d->columns.names, args->used) != 0) {
        d->keys.mem = NULL;
        json_free(&d->base);
        return tm_error_set(err, TM_E_MEMORY, "no memory for a JSON decoder");
    }
    if (d->columns.whole >= 0)
        d->whole = &d->keys.nodes[d->columns.whole];
    *decoder = &d->base;
    return 0;
}

const struct tm_option_def tm__json_option_defs[] = {
    {"layout", TM_OPTION_STRING, false, "guess",
     "how records follow each other: one a line, as the items of one array, or over several lines "
     "each; guessed from the first of them",
     "guess|lines|array|pretty"},
    {.name = NULL},
};
