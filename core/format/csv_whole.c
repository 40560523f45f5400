// Records of CSV taken whole, into one column of type any: a map from the header's names to texts,
// nil where the field is null. Nobody has said what the texts mean, so they stay texts.
#include "core/batch/any_write.h"
#include "core/format/csv_read.h"

int tm__csv_whole_names(struct tm__csv_decoder *d, const char *text, const size_t *names,
                        uint32_t count)
{
    struct tm_buf *out = &d->whole_names;
    out->size_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t len = names[i + 1] - names[i] - 1;
        if (tm_buf_reserve(out, len + TM_ANY_HEAD_MAX) != 0)
            return TM_E_MEMORY;
        uint8_t *p = out->data + out->size_bytes;
        p = tm_any_put_string_head(p, (uint32_t)len);
        memcpy(p, text + names[i], len);
        out->size_bytes = (size_t)(p + len - out->data);
        d->columns[i].offset = (uint32_t)out->size_bytes; // where its name ends
    }
    return 0;
}

// The field [p, p + len) as a text, or nil.
static uint8_t *put_field(const struct tm__csv_decoder *d, uint8_t *out, const uint8_t *p,
                          uint32_t len)
{
    const struct tm_csv_options *o = &d->options;
    uint8_t head[TM_ANY_HEAD_MAX], escape = tm__csv_escape(d);
    bool quoted = len != 0 && o->quote != 0 && *p == o->quote;
    if (!quoted && tm__csv_is_null(o, p, len))
        return tm_any_put_nil(out);
    p += quoted;
    len -= 2 * quoted;
    // How long it is behind its head is known when it is there.
    uint8_t *text = out + TM_ANY_HEAD_MAX;
    size_t bytes = len;
    if (escape != 0)
        bytes = tm__csv_unescape(p, p + len, text, escape);
    else
        memcpy(text, p, len);
    size_t head_bytes = (size_t)(tm_any_put_string_head(head, (uint32_t)bytes) - head);
    memcpy(out, head, head_bytes);
    memmove(out + head_bytes, text, bytes);
    return out + head_bytes + bytes;
}

int tm__csv_read_whole(struct tm__csv_record *r, const uint32_t *ends, uint32_t count)
{
    struct tm__csv_decoder *d = r->d;
    uint32_t whole = (uint32_t)d->columns_of.whole, at = r->start, name = 0;
    size_t used = (size_t)(r->heap - r->row);
    size_t room =
        d->whole_names.size_bytes + (r->end - r->start) + (size_t)count * TM_ANY_HEAD_MAX + 64;
    if (tm_batch_reserve(r->batch, used + room) != 0)
        return d->fail.code = TM_E_MEMORY;
    r->row = r->batch->data + r->batch->size_bytes;
    uint8_t *start = r->row + used, *out = tm_any_put_map_head(start, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t name_end = d->columns[i].offset;
        memcpy(out, d->whole_names.data + name, name_end - name);
        out += name_end - name;
        name = name_end;
        out = put_field(d, out, r->text + at, (i + 1 < count ? ends[i] : r->end) - at);
        at = ends[i] + 1;
    }
    struct tm_ref ref = {(uint32_t)used, (uint32_t)(out - start)};
    if ((d->masks.used[whole >> 6] >> (whole & 63) & 1) == 0) { // it was checked, that is all
        ref = (struct tm_ref){0, 0};
        out = start;
    }
    memcpy(r->row + d->schema->fields[whole].offset, &ref, sizeof ref);
    r->heap = out;
    memset(r->present, 0, d->schema->null_words * sizeof *r->present);
    r->present[whole >> 6] |= UINT64_C(1) << (whole & 63);
    return 0;
}
