// Fuzz target of the wire decoder: any bytes are refused or give rows that every reader may trust.
// The first byte picks the entry: a schema, a batch, bare rows, or rows made of JSON and changed;
// from 0x80 on the schema has nested types, with 0x40 the head and the checksum are made right, so
// that what lies behind them is reached.
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/batch/dump.h"
#include "core/batch/wire.h"
#include "core/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *fuzz_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *fuzz_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    return realloc(p, new_size);
}

static void fuzz_free(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

static const struct tm_fx_memory memory = {fuzz_alloc, fuzz_realloc, fuzz_free};
static const struct tm_fx fx = {.memory = &memory};

static struct tm_schema *all_types(struct tm_mem *mem)
{
    static const struct tm_field_def defs[] = {
        {"flag", {TM_TYPE_BOOL, 0, 0, 0}, 0},       {"n", {TM_TYPE_INT, 0, 0, 0}, 0},
        {"i64", {TM_TYPE_INT64, 0, 0, 0}, 0},       {"x", {TM_TYPE_DOUBLE, 0, 0, 0}, 0},
        {"amount", {TM_TYPE_DECIMAL, 20, 2, 0}, 0}, {"name", {TM_TYPE_STRING, 0, 0, 0}, 0},
        {"raw", {TM_TYPE_BYTES, 0, 0, 0}, 0},       {"at", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0}};
    struct tm_schema *schema = NULL;
    if (tm_schema_new(mem, defs, sizeof defs / sizeof defs[0], 7, &schema, NULL) != 0)
        abort();
    return schema;
}

static struct tm_schema *nested_types(struct tm_mem *mem)
{
    static const char *const texts[] = {"list(int)",
                                        "struct(a int!,b string,c list(any))",
                                        "map(string,list(decimal(20,3)))",
                                        "map(int64,bool)",
                                        "any",
                                        "list(struct(x struct(y bytes),z timestamp))"};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    static const char *const names[COUNT] = {"l", "s", "m", "n", "x", "t"};
    struct tm_field_def defs[COUNT];
    struct tm_schema *schema = NULL;
    for (size_t i = 0; i < COUNT; i++) {
        defs[i] = (struct tm_field_def){.name = names[i]};
        if (tm_type_parse(mem, texts[i], &defs[i].type, NULL) != 0)
            abort();
    }
    if (tm_schema_new(mem, defs, COUNT, -1, &schema, NULL) != 0)
        abort();
    for (size_t i = 0; i < COUNT; i++)
        tm_type_fini(&defs[i].type);
    return schema;
}

// The dump reads every column; a second check must agree with the first.
static void read_all(struct tm_mem *mem, const struct tm_batch *batch)
{
    struct tm_buf out;
    tm_buf_init(&out, mem);
    if (tm_dump_batch(&out, batch, 100) != 0)
        abort();
    tm_buf_fini(&out);
}

static void fuzz_rows(struct tm_mem *mem, struct tm_batch *batch, const uint8_t *data, size_t size)
{
    if (tm_batch_reserve(batch, size) != 0)
        return;
    memcpy(batch->data, data, size);
    for (uint32_t rows = 1; rows <= 4; rows++) {
        if (tm_wire_check_rows(batch->schema, batch->data, size, rows, NULL) != 0)
            continue;
        batch->size_bytes = size;
        batch->row_count = rows;
        read_all(mem, batch);
    }
}

static int refuse(void *arg, const struct tm_bad_record *record)
{
    (void)arg;
    (void)record;
    return 0;
}

// JSON Lines up to a byte 0xFF, then changes of the rows made of them: place (16 bits), new byte.
static void fuzz_changed(struct tm_mem *mem, struct tm_batch *batch, const uint8_t *data,
                         size_t size)
{
    const uint8_t *end = memchr(data, 0xFF, size);
    size_t text = end == NULL ? size : (size_t)(end - data), used;
    uint8_t *copy = calloc(1, text + 64);
    struct tm_decoder *decoder = NULL;
    struct tm_options options;
    tm_options_init(&options, mem);
    memcpy(copy, data, text);
    if (tm_options_set_string(&options, "layout", "lines") != 0 ||
        tm_format_json.decoder_new(
            &(struct tm_decoder_args){
                .mem = mem, .schema = batch->schema, .max_record = 4096, .options = &options},
            &decoder, NULL) != 0 ||
        decoder->ops->decode(decoder, copy, text, true, batch, &used, refuse, NULL) != 0)
        abort();
    decoder->ops->free(decoder);
    tm_options_fini(&options);
    free(copy);
    if (tm_wire_check_rows(batch->schema, batch->data, batch->size_bytes, batch->row_count, NULL) !=
        0)
        abort();
    for (size_t i = text + 1; batch->size_bytes != 0 && i + 3 <= size; i += 3)
        batch->data[(data[i] | (size_t)data[i + 1] << 8) % batch->size_bytes] = data[i + 2];
    if (tm_wire_check_rows(batch->schema, batch->data, batch->size_bytes, batch->row_count, NULL) ==
        0)
        read_all(mem, batch);
}

// The sum, and what stands in the head, are what the decoder wants to see.
static void make_right(uint8_t *p, size_t size, bool is_batch, const struct tm_schema *schema)
{
    const size_t head = is_batch ? 32 : 16, least = head + 8;
    if (size < least)
        return;
    uint32_t all = (uint32_t)size;
    uint64_t rows = size - least;
    memcpy(p, is_batch ? "TMB1" : "TMS1", 4);
    if (is_batch) {
        p[5] = p[6] = p[7] = 0; // few rows
        memcpy(p + 8, &schema->fingerprint, 8);
        memcpy(p + 16, &rows, 8);
        memset(p + 28, 0, 4);
    } else {
        memcpy(p + 4, &all, 4);
        p[9] = p[10] = p[11] = 0; // few columns
    }
    uint64_t sum = tm_hash_bytes(p, size - 8);
    memcpy(p + size - 8, &sum, 8);
}

static size_t fuzz_bytes(struct tm_mem *mem, struct tm_batch_pool *pool, struct tm_schema *schema,
                         const uint8_t *data, size_t size, struct tm_batch **batch)
{
    struct tm_schema *got = NULL, *again = NULL;
    struct tm_error err = {0};
    struct tm_buf out;
    size_t used = 0;
    if (data[0] % 4 == 1) {
        if (tm_wire_get_batch(pool, schema, data + 1, size - 1, &used, batch, &err) == 0)
            read_all(mem, *batch);
    } else if (tm_wire_get_schema(mem, data + 1, size - 1, &used, &got, &err) == 0) {
        // What was taken is written and read as the same.
        tm_buf_init(&out, mem);
        if (tm_wire_put_schema(&out, got) != 0 ||
            tm_wire_get_schema(mem, out.data, out.size_bytes, &used, &again, &err) != 0 ||
            !tm_schema_equal(got, again))
            abort();
        tm_schema_unref(got);
        tm_schema_unref(again);
        tm_buf_fini(&out);
    }
    if (err.code != 0 && err.message[0] == '\0')
        abort();
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct tm_mem mem;
    tm_mem_init(&mem, &fx, NULL, 0);
    struct tm_batch_pool *pool = tm_batch_pool_new(&mem);
    struct tm_schema *schema = data[0] >= 0x80 ? nested_types(&mem) : all_types(&mem);
    struct tm_batch *batch = NULL;
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    if (data[0] % 4 < 2) {
        if ((data[0] & 0x40) != 0)
            make_right(copy + 1, size - 1, data[0] % 4 == 1, schema);
        if (fuzz_bytes(&mem, pool, schema, copy, size, &batch) > size - 1)
            abort();
    } else {
        batch = tm_batch_acquire(pool, schema);
        (data[0] % 4 == 2 ? fuzz_rows : fuzz_changed)(&mem, batch, copy + 1, size - 1);
    }
    free(copy);
    tm_batch_release(batch);
    tm_batch_pool_free(pool);
    tm_schema_unref(schema);
    if (mem.used_bytes != 0)
        abort();
    return 0;
}
