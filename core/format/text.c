// The text format: one line, one record, one string column. Lines end in \n or \r\n; an empty line
// is a record. The other way a row's column is written and a line end; null is an empty line.
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
                                                  .free = tm__single_decoder_free};

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
