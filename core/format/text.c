// The text format: one line, one record, one string column. Lines end in \n or \r\n; an empty line
// is a record. The other way a row's column is written and a line end; null is an empty line.
#include "core/format/copy.h"
#include "core/format/csv_block.h"
#include "core/format/formats.h"
#include "core/format/json_index.h"
#include "core/format/single.h"

enum { WINDOW = 16 * 1024 }; // bytes checked for UTF-8 at once

static const struct tm__single_format format = {
    .name = "text", .needed = "string column", .kind = TM_TYPE_STRING, .tail = "\n"};

static int bad_utf8(struct tm__single_decoder *d, const uint8_t *line, size_t len, tm__bad_fn *bad,
                    void *arg)
{
    return tm__lines_bad(&d->lines, TM_E_BAD_UTF8, "the line is not valid UTF-8", line, len, bad,
                         arg);
}

// A line as a row of a schema with one column, for which there is room: what the builder makes of
// it.
static inline void put_line(struct tm_batch *batch, const uint8_t *line, size_t len)
{
    enum { FIXED = sizeof(struct tm_row) + sizeof(struct tm_ref) };
    uint8_t *row = batch->data + batch->size_bytes;
    struct tm_row head = {.size_bytes = (uint32_t)(FIXED + len + 7) & ~7u};
    struct tm_ref ref = {.offset = FIXED, .length = (uint32_t)len};
    memcpy(row, &head, sizeof head);
    memcpy(row + sizeof head, &ref, sizeof ref);
    memset(tm__copy(row + FIXED, line, len), 0, 8); // the padding
    batch->size_bytes += head.size_bytes;
    batch->row_count++;
}

// The lines of [*pos, end), a window, until the batch is full: 64 bytes are looked at at once. Ends
// early, in front of what needs a closer look: bytes that are no UTF-8, a line that is too long.
static int put_lines(struct tm__single_decoder *d, const uint8_t *p, size_t *pos, size_t end,
                     struct tm_batch *batch)
{
    size_t begin = *pos, start = begin;
    int64_t count = 0;
    bool checked = false; // for UTF-8
    int rc = 0;
    for (size_t base = begin; base < end; base += TM__CSV_BLOCK) {
        struct tm__csv_block block = tm__csv_load(p + base);
        uint64_t ends = tm__csv_match(&block, '\n');
        if (TM_UNLIKELY(tm__csv_high(&block) != 0) && !checked &&
            !(checked = tm__utf8_is_valid(p + start, end - start)))
            break;
        for (; ends != 0; ends &= ends - 1) {
            size_t at = base + (size_t)__builtin_ctzll(ends);
            size_t len = tm__lines_trim(p + start, at - start);
            if (TM_UNLIKELY(at >= end || len > d->lines.max_record || tm_batch_is_full(batch)))
                goto out;
            if ((rc = tm_batch_reserve(batch, d->schema->fixed_bytes + len + 8)) != 0)
                goto out;
            put_line(batch, p + start, len);
            count++;
            start = at + 1;
        }
    }
out:
    d->lines.offset += (int64_t)(start - begin);
    d->lines.line += count;
    *pos = start;
    return rc;
}

static int text_decode(struct tm_decoder *base, const uint8_t *p, size_t len, bool at_end,
                       struct tm_batch *batch, size_t *used, tm__bad_fn *bad, void *arg)
{
    struct tm__single_decoder *d = (struct tm__single_decoder *)base;
    size_t pos = 0, window = 0; // the end of what was checked
    bool valid = true;
    int rc = 0;
    bool begun = tm__lines_begin(&d->lines, p, &pos, len, at_end);
    while (rc == 0 && begun && !tm_batch_is_full(batch)) {
        if (d->lines.skipping) {
            rc = tm__lines_skip(&d->lines, p, &pos, len, at_end, bad, arg);
            if (d->lines.skipping)
                break;
            continue;
        }
        if (pos == len)
            break;
        if (pos >= window) {
            window = tm__lines_window(&d->lines, p, pos, len, at_end, WINDOW);
            if (window == pos && d->lines.skipping)
                continue;
            if (window == pos)
                break;
            if (TM_LIKELY(d->plain)) {
                rc = put_lines(d, p, &pos, window, batch);
                if (rc != 0 || pos == window || tm_batch_is_full(batch))
                    continue;
            }
            valid = tm__utf8_is_valid(p + pos, window - pos);
        }
        const uint8_t *line = p + pos, *found = memchr(line, '\n', window - pos);
        size_t length = found != NULL ? (size_t)(found - line) : window - pos;
        size_t text = tm__lines_trim(line, length);
        if (text > d->lines.max_record)
            rc = tm__lines_too_large(&d->lines, line, text, bad, arg);
        else if (!valid && !tm__utf8_is_valid(line, text))
            rc = bad_utf8(d, line, length, bad, arg);
        else
            rc = tm__single_put(d, batch, line, text);
        tm__lines_advance(&d->lines, length + (found != NULL));
        pos += length + (found != NULL);
    }
    *used = pos;
    return rc;
}

static const struct tm_decoder_ops decoder_ops = {.decode = text_decode,
                                                  .free = tm__single_decoder_free,
                                                  .save = tm__single_decoder_save,
                                                  .load = tm__single_decoder_load};

int tm__text_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                         struct tm_error *err)
{
    return tm__single_decoder_new(&format, &decoder_ops, args, decoder, err);
}

int tm__text_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                         struct tm_error *err)
{
    return tm__single_encoder_new(&format, args, encoder, err);
}
