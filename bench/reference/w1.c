// W1: filter and project, JSON Lines to JSON Lines. The same as bench/jobs/w1.lua. One file after
// the other, since no order between files is asked for.
//   w1 FILE... > OUT
#include "bench/reference/reference.h"

#include <stdio.h>
#include <stdlib.h>

static struct ref_event events[REF_EVENTS_MAX];
static struct ref_writer out;
static char arena[REF_BLOCK_BYTES + REF_PADDING_BYTES];

static inline bool wanted(const struct ref_event *e)
{
    return e->amount >= 250 && !(e->country_length == 2 && memcmp(e->country, "US", 2) == 0);
}

static inline void write_row(const struct ref_event *e)
{
    char *p = out.bytes + out.length;
    p = ref_put_string(REF_PUT(p, "{\"user_id\":\""), e->user, e->user_length);
    p = ref_put_string(REF_PUT(p, "\",\"country\":\""), e->country, e->country_length);
    p = ref_put_double(REF_PUT(p, "\",\"amount\":"), e->amount);
    p = ref_put_string(REF_PUT(p, ",\"note\":\""), e->note, e->note_length);
    p = REF_PUT(p, "\"}\n");
    out.length = (size_t)(p - out.bytes);
    ref_writer_check(&out);
}

int main(int argc, char **argv)
{
    struct ref_decoder *decoder = ref_decoder_new();
    uint64_t bad = 0, rows = 0, kept = 0;
    for (int f = 1; f < argc; f++) {
        struct ref_reader reader;
        if (!ref_reader_open(&reader, argv[f]))
            ref_die("open", argv[f]);
        for (size_t length; (length = ref_reader_next(&reader)) > 0;) {
            size_t count = ref_decode(decoder, reader.block, length, REF_W1, arena, events, &bad);
            rows += count;
            for (size_t i = 0; i < count; i++) {
                if (wanted(&events[i])) {
                    write_row(&events[i]);
                    kept++;
                }
            }
        }
        ref_reader_close(&reader);
    }
    ref_writer_flush(&out);
    ref_decoder_free(decoder);
    fprintf(stderr, "rows %llu kept %llu bad %llu\n", (unsigned long long)rows,
            (unsigned long long)kept, (unsigned long long)bad);
    return bad == 0 ? 0 : 1;
}
