// W2: records per user, told once all input is read; also the reference of reading .gz and .zst.
// The same as bench/jobs/w2.lua. One file after the other, since a count asks for no order.
//   w2 FILE... > OUT
#include "bench/reference/reference.h"
#include "bench/reference/table.h"

#include <stdio.h>

static struct ref_event events[REF_EVENTS_MAX];
static uint64_t hashes[REF_EVENTS_MAX];
static struct ref_writer out;
static char arena[REF_BLOCK_BYTES + REF_PADDING_BYTES];
static struct table users;

static void add(size_t count)
{
    enum { FAR = 16, NEAR = 8 }; // rows ahead: the index is asked for, then the entry
    for (size_t i = 0; i < count; i++) {
        hashes[i] = table_hash(events[i].user, events[i].user_length);
        if (i < FAR)
            table_prefetch(&users, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (i + FAR < count)
            table_prefetch(&users, hashes[i + FAR]);
        if (i + NEAR < count)
            table_prefetch_entry(&users, hashes[i + NEAR]);
        table_upsert(&users, hashes[i], events[i].user, events[i].user_length)->count++;
    }
}

static void write_users(void)
{
    for (uint32_t i = 0; i < users.count; i++) {
        const struct table_entry *e = &users.entries[i];
        char *p = out.bytes + out.length;
        p = ref_put_string(REF_PUT(p, "{\"user_id\":\""), table_key(&users, e), e->key_length);
        p = ref_put_int(REF_PUT(p, "\",\"n\":"), (int64_t)e->count);
        p = REF_PUT(p, "}\n");
        out.length = (size_t)(p - out.bytes);
        ref_writer_check(&out);
    }
}

int main(int argc, char **argv)
{
    struct ref_decoder *decoder = ref_decoder_new();
    uint64_t bad = 0, rows = 0;
    table_init(&users, 1 << 16);
    for (int f = 1; f < argc; f++) {
        struct ref_reader reader;
        if (!ref_reader_open(&reader, argv[f]))
            ref_die("open", argv[f]);
        for (size_t length; (length = ref_reader_next(&reader)) > 0;) {
            size_t count = ref_decode(decoder, reader.block, length, REF_W2, arena, events, &bad);
            rows += count;
            add(count);
        }
        ref_reader_close(&reader);
    }
    write_users();
    ref_writer_flush(&out);
    ref_decoder_free(decoder);
    fprintf(stderr, "rows %llu users %u bad %llu\n", (unsigned long long)rows, users.count,
            (unsigned long long)bad);
    return bad == 0 ? 0 : 1;
}
