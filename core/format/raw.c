// The raw format: the whole input is one record, one column of bytes. The other way the column's
// bytes are written one after the other, with nothing between them.
#include "core/format/formats.h"
#include "core/format/single.h"

static const struct tm__single_format format = {.name = "raw",
                                                .needed = "column of bytes",
                                                .kind = TM_TYPE_BYTES,
                                                .also_written = TM_TYPE_STRING,
                                                .tail = ""};

// The input is longer than max_record: its first bytes are kept, to be shown.
static void skip(struct tm__lines *lines, const uint8_t *p, size_t len)
{
    size_t show = TM__LINES_HEAD - lines->head_length;
    show = show < len ? show : len;
    memcpy(lines->head + lines->head_length, p, show);
    lines->head_length += show;
    lines->skipped += len;
    lines->skipping = true;
}

static int raw_decode(struct tm_decoder *base, const uint8_t *p, size_t len, bool at_end,
                      struct tm_batch *batch, size_t *used, tm__bad_fn *bad, void *arg)
{
    struct tm__single_decoder *d = (struct tm__single_decoder *)base;
    struct tm__lines *lines = &d->lines;
    int rc = 0;
    *used = 0;
    if (d->done || tm_batch_is_full(batch))
        return 0;
    if ((lines->skipping || len > lines->max_record) && len != 0) {
        skip(lines, p, len);
        *used = len;
    }
    if (!at_end)
        return 0;
    d->done = true;
    if (lines->skipping)
        return tm__lines_too_large(lines, lines->head, lines->skipped, bad, arg);
    rc = tm__single_put(d, batch, p, len);
    *used = len;
    return rc;
}

static const struct tm_decoder_ops decoder_ops = {.decode = raw_decode,
                                                  .free = tm__single_decoder_free,
                                                  .save = tm__single_decoder_save,
                                                  .load = tm__single_decoder_load};

int tm__raw_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                        struct tm_error *err)
{
    return tm__single_decoder_new(&format, &decoder_ops, args, decoder, err);
}

int tm__raw_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                        struct tm_error *err)
{
    return tm__single_encoder_new(&format, args, encoder, err);
}
