// Fuzz target of the wire decoder: any bytes are refused or give rows that every reader may trust.
// The first byte picks the entry: a schema, a batch, or bare rows without checksum (where the
// fuzzer can get past the sums); from 0x80 on the schema has nested types. Built with clang's
// libFuzzer: cmake --build BUILD --target fuzz_wire
#include <stdlib.h>

#include "core/batch/dump.h"
#include "core/batch/wire.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct tm_mem mem;
    tm_mem_init(&mem, &fx, NULL, 0);
    struct tm_batch_pool *pool = tm_batch_pool_new(&mem);
    struct tm_schema *schema = data[0] >= 0x80 ? nested_types(&mem) : all_types(&mem), *got = NULL;
    struct tm_batch *batch = NULL;
    struct tm_error err;
    size_t used = 0;
    if (data[0] % 3 == 0) {
        if (tm_wire_get_schema(&mem, data + 1, size - 1, &used, &got, &err) == 0)
            tm_schema_unref(got);
    } else if (data[0] % 3 == 1) {
        if (tm_wire_get_batch(pool, schema, data + 1, size - 1, &used, &batch, &err) == 0)
            read_all(&mem, batch);
    } else {
        batch = tm_batch_acquire(pool, schema);
        fuzz_rows(&mem, batch, data + 1, size - 1);
    }
    if (used > size - 1)
        abort();
    tm_batch_release(batch);
    tm_batch_pool_free(pool);
    tm_schema_unref(schema);
    if (mem.used_bytes != 0)
        abort();
    return 0;
}
