// The table of references, and those that are a few lines: by hand for JSON as in W1, for CSV, and
// lines of text.
#include "bench/codecs/codecs.h"

#include <errno.h>

static struct ref_event events[REF_EVENTS_MAX];

// Blocks of whole lines, as ref_reader gives them.
static size_t whole_lines(const char *p, size_t length)
{
    if (length <= REF_BLOCK_BYTES)
        return length;
    const char *newline = memrchr(p, '\n', REF_BLOCK_BYTES);
    errno = EMSGSIZE;
    if (newline == NULL)
        ref_die("a line is longer than a block in", "codecs");
    return (size_t)(newline + 1 - p);
}

static size_t json_by_hand(const char *p, size_t length, char *arena, bool keep,
                           void (*block)(const struct ref_event *events, size_t count))
{
    static struct ref_decoder *decoder;
    uint64_t bad = 0;
    size_t rows = 0;
    if (decoder == NULL)
        decoder = ref_decoder_new();
    for (size_t n; length > 0; p += n, length -= n) {
        n = whole_lines(p, length);
        size_t count = ref_decode(decoder, p, n, REF_ALL, arena, events, &bad);
        block(events, count);
        rows += count;
        arena += keep ? n : 0;
    }
    errno = EBADMSG;
    if (bad > 0)
        ref_die("read", "JSON");
    return rows;
}

static char *json_encode(char *p, const struct ref_event *e, size_t count)
{
    for (const struct ref_event *end = e + count; e < end; e++) {
        p = ref_put_string(REF_PUT(p, "{\"user_id\":\""), e->user, e->user_length);
        p = ref_put_double(REF_PUT(p, "\",\"amount\":"), e->amount);
        p = ref_put_string(REF_PUT(p, ",\"country\":\""), e->country, e->country_length);
        p = ref_put_int(REF_PUT(p, "\",\"ts\":"), e->ts_ms);
        p = ref_put_string(REF_PUT(p, ",\"note\":\""), e->note, e->note_length);
        p = REF_PUT(p, "\"}\n");
    }
    return p;
}

static size_t csv_decode(const char *p, size_t length, char *arena, bool keep,
                         void (*block)(const struct ref_event *events, size_t count))
{
    uint64_t bad = 0;
    size_t rows = 0;
    for (size_t used; length > 0; p += used, length -= used) {
        size_t n = whole_lines(p, length);
        size_t count = ref_decode_csv(p, n, arena, events, &used, &bad);
        errno = EBADMSG;
        if (bad > 0 || used == 0)
            ref_die("read", "CSV");
        block(events, count);
        rows += count;
        arena += keep ? n : 0;
    }
    return rows;
}

static char *csv_encode(char *p, const struct ref_event *e, size_t count)
{
    for (const struct ref_event *end = e + count; e < end; e++) {
        p = ref_put_csv(p, e->user, e->user_length);
        p = ref_put_double(REF_PUT(p, ","), e->amount);
        p = ref_put_csv(REF_PUT(p, ","), e->country, e->country_length);
        p = ref_put_timestamp(REF_PUT(p, ","), e->ts_ms);
        p = ref_put_csv(REF_PUT(p, ","), e->note, e->note_length);
        *p++ = '\n';
    }
    return p;
}

// Lines as texts of their own, which live on when the block is read into again.
static size_t text_decode(const char *p, size_t length, char *arena, bool keep,
                          void (*block)(const struct ref_event *events, size_t count))
{
    size_t rows = 0;
    for (size_t n; length > 0; p += n, length -= n) {
        char *to = arena;
        size_t count = 0;
        n = whole_lines(p, length);
        errno = EILSEQ;
        if (!ref_is_utf8(p, n))
            ref_die("read", "text");
        for (const char *line = p, *end = p + n, *newline; line < end; line = newline + 1) {
            newline = memchr(line, '\n', (size_t)(end - line));
            if (newline == NULL || count == REF_EVENTS_MAX)
                ref_die("read", "text");
            uint32_t bytes = (uint32_t)(newline - line);
            events[count].note = to;
            events[count++].note_length = bytes;
            to = ref_put_bytes(to, line, bytes);
        }
        block(events, count);
        rows += count;
        arena += keep ? n : 0;
    }
    return rows;
}

// A text with a line break in it would be read as two: it must not be written.
static char *text_encode(char *p, const struct ref_event *e, size_t count)
{
    errno = EILSEQ;
    for (const struct ref_event *end = e + count; e < end; e++) {
        if (memchr(e->note, '\n', e->note_length) != NULL)
            ref_die("write", "a line of text");
        p = ref_put_bytes(p, e->note, e->note_length);
        *p++ = '\n';
    }
    return p;
}

const struct codec codecs[] = {
    {"json", "simdjson on demand", "by hand", true, codec_json_on_demand, json_encode},
    {"json", "by hand on simdjson's index", NULL, false, json_by_hand, NULL},
    {"csv", "by hand", "by hand", true, csv_decode, csv_encode},
    {"msgpack", "msgpack-c", "msgpack-c", true, codec_msgpack_decode, codec_msgpack_encode},
    {"text", "memchr", "memchr, memcpy", true, text_decode, text_encode},
    {0},
};
