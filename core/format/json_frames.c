// Decoding JSON whose records are not lines: the items of an array, or values over several lines.
//
// A broken record does not take the others with it: reading goes on at the next line that begins
// with a brace no further in than the broken record's. One that is longer than max_record is passed
// over in the same way, over any number of calls.
#include "core/format/json_frames.h"
#include "core/format/json_frame.h"
#include "core/format/json_index.h"

struct frames {
    struct tm__json_decoder *d;
    const uint8_t *p;
    size_t pos, len;
    bool at_end;
    const struct tm__json_call *call;
};

// The next `bytes` are done; returns the line ends among them.
static int64_t pass(struct frames *f, size_t bytes)
{
    const uint8_t *p = f->p + f->pos, *end = p + bytes;
    int64_t lines = 0;
    f->d->column += bytes;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        lines++;
        f->d->column = (size_t)(end - ++p);
    }
    f->pos += bytes;
    return lines;
}

static void consume(struct frames *f, size_t bytes)
{
    f->d->lines.line += pass(f, bytes);
    f->d->lines.offset += (int64_t)bytes;
}

static size_t space_at(const struct frames *f)
{
    size_t pos = f->pos;
    while (pos < f->len && tm__json_is_space(f->p[pos]))
        pos++;
    return pos - f->pos;
}

static int read_whole(struct frames *f, size_t bytes)
{
    int rc = 0;
    if (!tm__json_read_framed(f->d, f->p + f->pos, bytes, f->call->batch))
        rc = tm__json_read_line(f->d, f->p + f->pos, bytes, f->call);
    consume(f, bytes);
    return rc;
}

// --- records that are broken or too long ---------------------------------------------------------

static int fail_here(struct frames *f, const char *expected, size_t bytes)
{
    struct tm__json_place place = {.text = f->p + f->pos, .end = (uint32_t)(f->len - f->pos)};
    tm__json_fail_structure(&f->d->fail, &place, 0, expected);
    int rc = tm__json_report(f->d, f->p + f->pos, bytes, f->call);
    consume(f, bytes);
    return rc;
}

// The bytes of a broken record without the white space and comma behind it.
static size_t trim(const uint8_t *p, size_t bytes)
{
    while (bytes > 1 && (tm__json_is_space(p[bytes - 1]) || p[bytes - 1] == ','))
        bytes--;
    return bytes;
}

// A record that is passed over, as its bytes come, however many: up to where its brackets close,
// or, where they do not match, to the next line as above.
static int skip_long(struct frames *f)
{
    struct tm__lines *lines = &f->d->lines;
    const uint8_t *p = f->p + f->pos;
    size_t bytes = f->len - f->pos;
    bool over = tm__json_scan_run(&f->d->scan, p, &bytes);
    size_t show = TM__LINES_HEAD - lines->head_length;
    show = show < bytes ? show : bytes;
    memcpy(lines->head + lines->head_length, p, show);
    lines->head_length += show;
    lines->skipped += bytes;
    f->d->skipped_lines += pass(f, bytes);
    if (!over && !f->at_end)
        return 0;
    lines->skipping = false;
    f->d->comma = over && !f->d->scan.broken;
    int rc = tm__lines_too_large(lines, lines->head, lines->skipped, f->call->bad, f->call->arg);
    lines->offset += (int64_t)lines->skipped;
    lines->line += f->d->skipped_lines;
    return rc;
}

static void begin_long(struct frames *f)
{
    f->d->lines.skipping = true;
    f->d->lines.skipped = f->d->lines.head_length = 0;
    f->d->skipped_lines = 0;
    f->d->scan = (struct tm__json_scan){.column = f->d->column};
}

// The record is broken, or the input ends in it: `there` bytes of it may be looked at.
static int broken(struct frames *f, size_t there, bool *more)
{
    const uint8_t *p = f->p + f->pos, *end = p + there;
    const uint8_t *next = tm__json_next_frame(p, end, f->d->column);
    if (next == NULL && there > f->d->lines.max_record) {
        begin_long(f);
        return 0;
    }
    if (next == NULL && !f->at_end) {
        *more = true;
        return 0;
    }
    size_t bytes = next == NULL ? there : (size_t)(next - p);
    int rc = tm__json_read_line(f->d, p, trim(p, bytes), f->call);
    consume(f, bytes);
    f->d->comma = false;
    return rc;
}

// --- records -------------------------------------------------------------------------------------

static int take_record(struct frames *f, bool *more)
{
    struct tm__json_decoder *d = f->d;
    const uint8_t *p = f->p + f->pos, *behind = NULL;
    // A byte more than a record may have: what is behind it must not matter.
    size_t there = f->len - f->pos, most = d->lines.max_record + 1;
    there = there < most ? there : most;
    switch (tm__json_frame_end(p, p + there, &behind)) {
    case TM__FRAME_WHOLE:
        d->comma = true;
        return read_whole(f, (size_t)(behind - p));
    case TM__FRAME_BROKEN:
        return broken(f, there, more);
    default:
        if (there > d->lines.max_record) {
            begin_long(f);
            return 0;
        }
        if (!f->at_end) {
            *more = true;
            return 0;
        }
        if (*p == '{' || *p == '[' || *p == '"')
            return broken(f, there, more);
        d->comma = true;
        return read_whole(f, there);
    }
}

// What stands between the items of an array: true when a record follows.
static bool take_mark(struct frames *f, int *rc)
{
    struct tm__json_decoder *d = f->d;
    uint8_t c = f->p[f->pos];
    if (!d->inside) {
        if (c != '[') {
            *rc = fail_here(f, "the '[' of an array of records", 1);
            return false;
        }
        d->inside = true;
        d->comma = d->want = false;
    } else if (c == ']') {
        d->inside = false;
        if (d->want) {
            *rc = fail_here(f, "a value", 1);
            return false;
        }
    } else if (d->comma && c == ',') {
        d->comma = false;
        d->want = true;
    } else if (d->comma || c == ',') {
        *rc = fail_here(f, c == ',' ? "a value" : "',' or ']'", c == ',' ? 1 : 0);
        d->comma = false;
        return false;
    } else {
        d->want = false;
        return true;
    }
    consume(f, 1);
    return false;
}

int tm__json_decode_frames(struct tm__json_decoder *d, const uint8_t *p, size_t *pos, size_t len,
                           bool at_end, const struct tm__json_call *call)
{
    struct frames f = {.d = d, .p = p, .pos = *pos, .len = len, .at_end = at_end, .call = call};
    bool more = false;
    int rc = 0;
    while (rc == 0 && !more && !tm_batch_is_full(call->batch)) {
        if (d->lines.skipping) {
            rc = skip_long(&f);
            more = d->lines.skipping;
            continue;
        }
        consume(&f, space_at(&f));
        if (f.pos == len)
            break;
        if (d->layout == TM__LAYOUT_PRETTY || take_mark(&f, &rc))
            rc = take_record(&f, &more);
    }
    if (rc == 0 && at_end && f.pos == len && d->layout == TM__LAYOUT_ARRAY && d->inside &&
        !tm_batch_is_full(call->batch)) {
        d->inside = false;
        rc = fail_here(&f, "']'", 0);
    }
    *pos = f.pos;
    return rc;
}
