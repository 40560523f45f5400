// Fuzz target of the wire decoder: any bytes are refused or give rows that every reader may trust.
// The first byte picks the entry: a schema, a batch, bare rows, or rows made of JSON and changed;
// from 0x80 on the schema has nested types, with 0x40 the head and the checksum are made right, so
// that what lies behind them is reached; with 0x20 partial rows are expected, and rows made of JSON
// become one.
#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/batch/dump.h"
#include "core/batch/wire.h"
#include "core/format/format.h"
#include "core/operator/partial.h"
#include "tests/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tm_fx fx = {.memory = &plain_memory};

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

// --- partial rows --------------------------------------------------------------------------------

enum { VALUE_BYTES = 1024 };

// What a window of rows of all types takes: partial results of every shape.
static struct ends {
    struct tm_schema *output;
    struct tm__operator_aggregates aggregates;
    struct tm__operator_partial partial;
    struct tm_wire_partial wire;
} ends;

static void open_ends(struct tm_mem *mem, const struct tm_schema *input)
{
    static const struct {
        uint8_t kind, field;
        struct tm_type type;
    } all[] = {{TM_AGGREGATE_COUNT, 0, {TM_TYPE_INT, 0, 0, 0}},
               {TM_AGGREGATE_SUM, 1, {TM_TYPE_INT, 0, 0, 0}},
               {TM_AGGREGATE_SUM, 2, {TM_TYPE_INT64, 0, 0, 0}},
               {TM_AGGREGATE_SUM, 4, {TM_TYPE_DECIMAL, 38, 2, 0}},
               {TM_AGGREGATE_AVG, 1, {TM_TYPE_DOUBLE, 0, 0, 0}},
               {TM_AGGREGATE_AVG, 2, {TM_TYPE_DOUBLE, 0, 0, 0}},
               {TM_AGGREGATE_MIN, 0, {TM_TYPE_BOOL, 0, 0, 0}},
               {TM_AGGREGATE_MAX, 1, {TM_TYPE_INT, 0, 0, 0}},
               {TM_AGGREGATE_MIN, 3, {TM_TYPE_DOUBLE, 0, 0, 0}},
               {TM_AGGREGATE_MAX, 3, {TM_TYPE_DOUBLE, 0, 0, 0}},
               {TM_AGGREGATE_MIN, 4, {TM_TYPE_DECIMAL, 20, 2, 0}},
               {TM_AGGREGATE_MAX, 4, {TM_TYPE_DECIMAL, 20, 2, 0}},
               {TM_AGGREGATE_MIN, 7, {TM_TYPE_TIMESTAMP, 0, 0, 0}}};
    enum { COUNT = sizeof all / sizeof all[0] };
    struct tm_field_def defs[COUNT];
    struct tm_aggregate aggregates[COUNT];
    char names[COUNT][8];
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "a%u", i);
        defs[i] = (struct tm_field_def){names[i], all[i].type, 0};
        aggregates[i] = (struct tm_aggregate){
            .kind = all[i].kind, .input_field = i == 0 ? -1 : all[i].field, .output_field = i};
    }
    const struct tm_node node = {
        .kind = TM_NODE_WINDOW, .aggregates = aggregates, .aggregate_count = COUNT};
    ends = (struct ends){0};
    if (tm_schema_new(mem, defs, COUNT, -1, &ends.output, NULL) != 0 ||
        tm__operator_aggregates_init(&ends.aggregates, mem, &node, input, ends.output, NULL) != 0 ||
        tm__operator_partial_init(&ends.partial, &ends.aggregates, input) != 0 ||
        ends.partial.aggregates == NULL || ends.aggregates.value_bytes > VALUE_BYTES)
        abort();
    ends.wire = tm__operator_partial_wire(&ends.partial);
}

static void close_ends(void)
{
    tm__operator_partial_fini(&ends.partial);
    tm__operator_aggregates_fini(&ends.aggregates);
    tm_schema_unref(ends.output);
}

// The batch's rows become one, the first with a tail of all; as a pre-aggregation does it.
static void make_partial(struct tm_batch *batch)
{
    const struct tm_row *first = tm_batch_first(batch);
    uint64_t tail[VALUE_BYTES / 8] = {0};
    uint8_t *to = (uint8_t *)tail;
    uint32_t rows = 0;
    TM_BATCH_EACH(batch, row)
    {
        if (rows == TM_PARTIAL_ROWS || !tm__operator_partial_fits(&ends.partial, row))
            break;
        tm__operator_partial_add(&ends.partial, &to, &row, 1);
        rows++;
    }
    if (rows < 2 || ends.partial.tail_bytes > sizeof tail)
        return;
    batch->row_count = 1;
    batch->size_bytes = first->size_bytes;
    if (tm_batch_reserve(batch, ends.partial.tail_bytes) != 0)
        abort();
    struct tm_row *row = (struct tm_row *)(void *)batch->data;
    memcpy(batch->data + row->size_bytes, to, ends.partial.tail_bytes);
    row->size_bytes += ends.partial.tail_bytes;
    row->kind = TM_ROW_PARTIAL;
    batch->size_bytes = row->size_bytes;
}

// The window takes each row twice; a partial one that passed the check is refused or added.
static void merge_all(const struct tm_batch *batch)
{
    uint64_t value[VALUE_BYTES / 8] = {0};
    const struct tm__operator_aggregate *culprit;
    for (int times = 0; times < 2; times++) {
        TM_BATCH_EACH(batch, row)
        {
            int rc =
                tm__operator_is_partial(row)
                    ? tm__operator_partial_merge(&ends.partial, value, row, &culprit)
                    : tm__operator_aggregates_add(&ends.aggregates, NULL, value, row, 0, &culprit);
            if (rc != 0 && rc != TM_E_OVERFLOW)
                abort();
        }
    }
}

// --- what passed ---------------------------------------------------------------------------------

// The dump reads every column. `partial` NULL: there are no partial rows.
static void read_all(struct tm_mem *mem, const struct tm_batch *batch,
                     const struct tm_wire_partial *partial)
{
    struct tm_buf out;
    tm_buf_init(&out, mem);
    if (tm_dump_batch(&out, batch, 100) != 0)
        abort();
    tm_buf_fini(&out);
    if (partial != NULL)
        merge_all(batch);
}

static bool passes(const struct tm_batch *batch, size_t size, uint32_t rows,
                   const struct tm_wire_partial *partial)
{
    return tm_wire_check_rows(batch->schema, partial, batch->data, size, rows, NULL) == 0;
}

static void fuzz_rows(struct tm_mem *mem, struct tm_batch *batch,
                      const struct tm_wire_partial *partial, const uint8_t *data, size_t size)
{
    if (tm_batch_reserve(batch, size) != 0)
        return;
    memcpy(batch->data, data, size);
    for (uint32_t rows = 1; rows <= 4; rows++) {
        if (!passes(batch, size, rows, partial))
            continue;
        batch->size_bytes = size;
        batch->row_count = rows;
        read_all(mem, batch, partial);
    }
}

static int refuse(void *arg, const struct tm_bad_record *record)
{
    (void)arg;
    (void)record;
    return 0;
}

// JSON Lines up to a byte 0xFF, then changes of the rows made of them: place (16 bits), new byte.
static void fuzz_changed(struct tm_mem *mem, struct tm_batch *batch,
                         const struct tm_wire_partial *partial, const uint8_t *data, size_t size)
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
    if (partial != NULL)
        make_partial(batch);
    if (!passes(batch, batch->size_bytes, batch->row_count, partial))
        abort();
    for (size_t i = text + 1; batch->size_bytes != 0 && i + 3 <= size; i += 3)
        batch->data[(data[i] | (size_t)data[i + 1] << 8) % batch->size_bytes] = data[i + 2];
    if (passes(batch, batch->size_bytes, batch->row_count, partial))
        read_all(mem, batch, partial);
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
                         const struct tm_wire_partial *partial, const uint8_t *data, size_t size,
                         struct tm_batch **batch)
{
    struct tm_schema *got = NULL, *again = NULL;
    struct tm_error err = {0};
    struct tm_buf out;
    size_t used = 0;
    if (data[0] % 4 == 1) {
        if (tm_wire_get_batch(pool, schema, partial, data + 1, size - 1, &used, batch, &err) == 0)
            read_all(mem, *batch, partial);
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
    const struct tm_wire_partial *partial = NULL;
    if (data[0] < 0x80 && (data[0] & 0x20) != 0) {
        open_ends(&mem, schema);
        partial = &ends.wire;
    }
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    if (data[0] % 4 < 2) {
        if ((data[0] & 0x40) != 0)
            make_right(copy + 1, size - 1, data[0] % 4 == 1, schema);
        if (fuzz_bytes(&mem, pool, schema, partial, copy, size, &batch) > size - 1)
            abort();
    } else {
        batch = tm_batch_acquire(pool, schema);
        (data[0] % 4 == 2 ? fuzz_rows : fuzz_changed)(&mem, batch, partial, copy + 1, size - 1);
    }
    free(copy);
    tm_batch_release(batch);
    tm_batch_pool_free(pool);
    if (partial != NULL)
        close_ends();
    tm_schema_unref(schema);
    if (mem.used_bytes != 0)
        abort();
    return 0;
}
