// What the fuzz targets of decoders share: any bytes, decoded at once or in two parts, must not be
// read or written where they may not, must give rows that the wire form's checks accept, and the
// same rows and bad records either way. A target defines `pieces` for made-up inputs, includes
// this, and defines LLVMFuzzerTestOneInput.
//
// With libFuzzer: clang -fsanitize=fuzzer,address. Without (TM_FUZZ_MAIN): runs the files that are
// given, or TM_FUZZ_RUNS made-up inputs from a printed seed.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "core/batch/wire.h"
#include "core/format/format.h"
#include "core/loop/real.h"

struct result {
    struct tm_buf rows;
    uint64_t bad_hash, bad_count, row_count;
    uint64_t code_hash; // of the codes alone
};

static struct {
    bool ready;
    struct tm_fx fx;
    struct tm_mem mem;
    struct tm_batch_pool *pool;
    struct tm_schema *flat, *nested;
    struct tm_schema *schema; // of these, the one that is used
    struct tm_options lines;  // of JSON: a record a line
} F;

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void set_up(void)
{
    const struct tm_field_def fields[] = {
        {"a", {.kind = TM_TYPE_INT}, TM_FIELD_REQUIRED},
        {"b", {.kind = TM_TYPE_STRING}, 0},
        {"c", {.kind = TM_TYPE_DOUBLE}, 0},
        {"d", {.kind = TM_TYPE_DECIMAL, .precision = 12, .scale = 3}, 0},
        {"t", {.kind = TM_TYPE_TIMESTAMP}, 0},
        {"i", {.kind = TM_TYPE_INT64}, 0},
        {"y", {.kind = TM_TYPE_BYTES}, 0},
        {"z", {.kind = TM_TYPE_BOOL}, 0},
        {"a_key_longer_than_sixteen", {.kind = TM_TYPE_STRING}, 0}};
    // name, type, flags
    static const struct {
        const char *name, *type;
        uint32_t flags;
    } nested[] = {{"a", "int", 0},
                  {"l", "list(int)", 0},
                  {"s", "struct(a int!,b string,c list(struct(a int,d decimal(12,3))),x any)", 0},
                  {"m", "map(string,list(string!))", 0},
                  {"n", "map(int,double)", 0},
                  {"x", "any", 0},
                  {"b", "string", 0},
                  {"y", "list(bytes)", 0},
                  {"t", "list(timestamp)", 0}};
    struct tm_field_def defs[sizeof nested / sizeof *nested];
    const uint32_t count = sizeof nested / sizeof *nested;
    struct tm_error err = {0};
    check(tm_real_init(&F.fx, &err) == 0, "no effects");
    tm_mem_init(&F.mem, &F.fx, NULL, 0);
    F.pool = tm_batch_pool_new(&F.mem);
    check(tm_schema_new(&F.mem, fields, 9, -1, &F.flat, &err) == 0, "no schema");
    for (uint32_t i = 0; i < count; i++) {
        defs[i] = (struct tm_field_def){.name = nested[i].name, .flags = nested[i].flags};
        check(tm_type_parse(&F.mem, nested[i].type, &defs[i].type, &err) == 0, err.message);
    }
    check(tm_schema_new(&F.mem, defs, count, -1, &F.nested, &err) == 0, "no nested schema");
    for (uint32_t i = 0; i < count; i++)
        tm_type_fini(&defs[i].type);
    F.schema = F.flat;
    tm_options_init(&F.lines, &F.mem);
    check(tm_options_set_string(&F.lines, "layout", "lines") == 0, "no options");
    F.ready = true;
}

static int note_bad(void *arg, const struct tm_bad_record *record)
{
    struct result *result = arg;
    check(record->code < 0 && record->message[0] != 0, "a bad record without a reason");
    uint64_t facts[] = {(uint64_t)record->code, record->len, (uint64_t)record->offset,
                        (uint64_t)record->line};
    for (size_t i = 0; i < 4; i++)
        result->bad_hash = (result->bad_hash ^ facts[i]) * 1099511628211u;
    result->code_hash = (result->code_hash ^ facts[0]) * 1099511628211u;
    result->bad_count++;
    return 0;
}

static size_t decode_part(struct tm_decoder *d, const uint8_t *p, size_t len, bool at_end,
                          struct result *result)
{
    size_t done = 0, used;
    for (bool full = true; full; done += used) {
        // At the end of an allocation, so that a sanitizer sees a read beyond the 64 bytes.
        uint8_t *copy = malloc(len - done + 64);
        if (len != done)
            memcpy(copy, p + done, len - done);
        memset(copy + len - done, 0xA5, 64);
        struct tm_batch *batch = tm_batch_acquire(F.pool, F.schema);
        struct tm_error err = {0};
        check(d->ops->decode(d, copy, len - done, at_end, batch, &used, note_bad, result) == 0,
              "decode failed");
        check(tm_wire_check_rows(F.schema, NULL, batch->data, batch->size_bytes, batch->row_count,
                                 &err) == 0,
              err.message);
        check(tm_buf_append(&result->rows, batch->data, batch->size_bytes) == 0, "no memory");
        result->row_count += batch->row_count;
        full = tm_batch_is_full(batch);
        tm_batch_release(batch);
        free(copy);
    }
    return done;
}

static struct tm_decoder *begin(const struct tm_format *format, const struct tm_options *options,
                                struct result *result)
{
    struct tm_decoder_args args = {
        .mem = &F.mem, .schema = F.schema, .max_record = 300, .options = options};
    struct tm_decoder *d = NULL;
    *result = (struct result){0};
    tm_buf_init(&result->rows, &F.mem);
    check(format->decoder_new(&args, &d, &(struct tm_error){0}) == 0, "no decoder");
    return d;
}

static void decode(const struct tm_format *format, const struct tm_options *options,
                   const uint8_t *p, size_t len, size_t cut, struct result *result)
{
    struct tm_decoder *d = begin(format, options, result);
    size_t done = decode_part(d, p, cut, false, result);
    done += decode_part(d, p + done, len - done, true, result);
    check(done == len, "bytes are left");
    d->ops->free(d);
}

static void check_rows(const struct result *a, const struct result *b, const char *what)
{
    check(a->row_count == b->row_count && a->rows.size_bytes == b->rows.size_bytes, what);
    check(a->rows.size_bytes == 0 || memcmp(a->rows.data, b->rows.data, a->rows.size_bytes) == 0,
          what);
}

// Twice, whole and in parts. The caller frees *whole.
static void decode_both(const struct tm_format *format, const struct tm_options *options,
                        const uint8_t *p, size_t len, struct result *whole)
{
    struct result parts;
    decode(format, options, p, len, 0, whole);
    decode(format, options, p, len, len == 0 ? 0 : p[0] * len / 256, &parts);
    check_rows(whole, &parts, "other rows in parts");
    check(whole->bad_count == parts.bad_count && whole->bad_hash == parts.bad_hash,
          "other bad records in parts");
    tm_buf_fini(&parts.rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

#ifdef TM_FUZZ_MAIN
// Text made of the target's pieces, right more often than not, then a few bytes changed.
static size_t make(uint8_t *out, size_t max)
{
    size_t len = 0;
    int count = rand() % 60;
    if (rand() % 2 == 0)
        out[len++] = (uint8_t)(0x80 | rand());
    for (int i = 0; i < count; i++) {
        const char *piece = pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)];
        if (len + strlen(piece) < max) {
            memcpy(out + len, piece, strlen(piece));
            len += strlen(piece);
        }
    }
    for (int i = rand() % 4; i > 0 && len != 0; i--)
        out[(size_t)rand() % len] = (uint8_t)rand();
    return len;
}

int main(int argc, char **argv)
{
    static uint8_t bytes[1 << 20];
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        check(f != NULL, argv[i]);
        LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, sizeof bytes, f));
        fclose(f);
    }
    const char *runs = getenv("TM_FUZZ_RUNS"), *seed = getenv("TM_FUZZ_SEED");
    unsigned chosen = seed != NULL ? (unsigned)strtoul(seed, NULL, 10) : 1;
    long count = argc > 1 ? 0 : runs != NULL ? strtol(runs, NULL, 10) : 100000;
    printf("seed %u, %ld runs\n", chosen, count);
    srand(chosen);
    for (long i = 0; i < count; i++)
        LLVMFuzzerTestOneInput(bytes, make(bytes, 4096));
    return 0;
}
#endif
