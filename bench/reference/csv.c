// CSV to CSV: a filter and a computed column. The same as bench/jobs/csv.lua. Files have the header
// that the generator writes; one after the other, since no order between files is asked for.
//   csv FILE... > OUT
#include "bench/reference/reference.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define HEADER "user_id,amount,country,ts,note\n"

static struct ref_event events[REF_EVENTS_MAX];
static struct ref_writer out;
static char arena[REF_BLOCK_BYTES + REF_PADDING_BYTES];

static inline bool wanted(const struct ref_event *e)
{
    return e->amount >= 50 && !(e->country_length == 2 && memcmp(e->country, "US", 2) == 0);
}

static inline void write_row(const struct ref_event *e)
{
    char *p = out.bytes + out.length;
    p = ref_put_csv(p, e->user, e->user_length);
    p = ref_put_csv(REF_PUT(p, ","), e->country, e->country_length);
    p = ref_put_double(REF_PUT(p, ","), e->amount);
    p = ref_put_double(REF_PUT(p, ","), floor(e->amount * 2.9 + 30.5) / 100);
    p = ref_put_timestamp(REF_PUT(p, ","), e->ts_ms);
    p = ref_put_csv(REF_PUT(p, ","), e->note, e->note_length);
    p = REF_PUT(p, "\n");
    out.length = (size_t)(p - out.bytes);
    ref_writer_check(&out);
}

int main(int argc, char **argv)
{
    uint64_t bad = 0, rows = 0, kept = 0;
    out.length = (size_t)(REF_PUT(out.bytes, "user_id,country,amount,fee,ts,note\n") - out.bytes);
    for (int f = 1; f < argc; f++) {
        struct ref_reader reader;
        if (!ref_reader_open(&reader, argv[f]))
            ref_die("open", argv[f]);
        size_t skip = sizeof HEADER - 1;
        for (size_t length; (length = ref_reader_next(&reader)) > 0; skip = 0) {
            errno = EBADMSG;
            if (skip > 0 && (length < skip || memcmp(reader.block, HEADER, skip) != 0))
                ref_die("another header in", argv[f]);
            size_t used, count = ref_decode_csv(reader.block + skip, length - skip, arena, events,
                                                &used, &bad);
            if (used == 0 && length > skip)
                ref_die("quotes without end in", argv[f]);
            reader.used = skip + used; // what is left begins a record that the block cuts
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
    fprintf(stderr, "rows %llu kept %llu bad %llu\n", (unsigned long long)rows,
            (unsigned long long)kept, (unsigned long long)bad);
    return bad == 0 ? 0 : 1;
}
