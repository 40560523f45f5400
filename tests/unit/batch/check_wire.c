// The wire form: round trips, and everything that is not exactly what was written is refused.
#include "core/batch/wire.h"
#include "tests/unit/batch/support.h"

static struct tm_mem mem;
static struct tm_batch_pool *pool;
static struct tm_schema *schema;
static struct tm_buf wire;

static void start(void)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    pool = tm_batch_pool_new(&mem);
    schema = support_schema(&mem);
    tm_buf_init(&wire, &mem);
}

static void finish(void)
{
    tm_buf_fini(&wire);
    tm_batch_pool_free(pool);
    tm_schema_unref(schema);
    ck_assert_int_eq(mem.used_bytes, 0);
}

static struct tm_batch *random_batch(struct support_random *r, uint64_t rows)
{
    struct tm_batch *batch = tm_batch_acquire(pool, schema);
    ck_assert_ptr_nonnull(batch);
    for (uint64_t i = 0; i < rows; i++)
        support_row(r, batch);
    batch->split = (int32_t)support_below(r, 5) - 1;
    return batch;
}

START_TEST(batches_round_trip_bit_by_bit)
{
    start();
    struct support_random r = support_seed("wire round trip");
    for (int i = 0; i < 300; i++) {
        struct tm_batch *batch = random_batch(&r, support_below(&r, 200)), *back = NULL;
        wire.size_bytes = 0;
        ck_assert_int_eq(tm_buf_append(&wire, "before", 6), 0);
        ck_assert_int_eq(tm_wire_put_batch(&wire, batch), 0);
        size_t end = wire.size_bytes, used = 0;
        ck_assert_int_eq(tm_buf_append(&wire, "after", 5), 0);
        struct tm_error err = {0};
        int rc = tm_wire_get_batch(pool, schema, NULL, wire.data + 6, wire.size_bytes - 6, &used,
                                   &back, &err);
        ck_assert_msg(rc == 0, "%s", err.message);
        ck_assert_uint_eq(used, end - 6);
        ck_assert_uint_eq(back->row_count, batch->row_count);
        ck_assert_uint_eq(back->size_bytes, batch->size_bytes);
        ck_assert_int_eq(back->split, batch->split);
        ck_assert_mem_eq(back->data, batch->data, batch->size_bytes);
        tm_batch_release(batch);
        tm_batch_release(back);
    }
    finish();
}
END_TEST

START_TEST(schemas_round_trip)
{
    start();
    struct tm_schema *back = NULL;
    size_t used = 0;
    ck_assert_int_eq(tm_wire_put_schema(&wire, schema), 0);
    ck_assert_int_eq(tm_buf_append(&wire, "after", 5), 0);
    ck_assert_int_eq(tm_wire_get_schema(&mem, wire.data, wire.size_bytes, &used, &back, NULL), 0);
    ck_assert_uint_eq(used, wire.size_bytes - 5);
    ck_assert(tm_schema_equal(schema, back));
    ck_assert_uint_eq(back->fixed_bytes, schema->fixed_bytes);
    tm_schema_unref(back);
    tm_schema_set_changelog(schema);
    wire.size_bytes = 0;
    ck_assert_int_eq(tm_wire_put_schema(&wire, schema), 0);
    ck_assert_int_eq(tm_wire_get_schema(&mem, wire.data, wire.size_bytes, &used, &back, NULL), 0);
    ck_assert(back->changelog && tm_schema_equal(schema, back));
    tm_schema_unref(back);
    finish();
}
END_TEST

// An exact copy, so that a sanitizer sees a read behind its end.
static int get_exact(const uint8_t *p, size_t len, struct tm_batch **batch, struct tm_schema **s)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);
    if (len != 0)
        memcpy(copy, p, len);
    size_t used;
    int rc = batch != NULL ? tm_wire_get_batch(pool, schema, NULL, copy, len, &used, batch, NULL)
                           : tm_wire_get_schema(&mem, copy, len, &used, s, NULL);
    free(copy);
    return rc;
}

START_TEST(truncation_at_each_length_is_refused)
{
    start();
    struct support_random r = support_seed("wire truncation");
    struct tm_batch *batch = random_batch(&r, 6), *back = NULL;
    struct tm_schema *s = NULL;
    ck_assert_int_eq(tm_wire_put_batch(&wire, batch), 0);
    for (size_t len = 0; len < wire.size_bytes; len++)
        ck_assert_int_eq(get_exact(wire.data, len, &back, NULL), TM_E_CORRUPT);
    ck_assert_int_eq(get_exact(wire.data, wire.size_bytes, &back, NULL), 0);
    tm_batch_release(back);
    wire.size_bytes = 0;
    ck_assert_int_eq(tm_wire_put_schema(&wire, schema), 0);
    for (size_t len = 0; len < wire.size_bytes; len++)
        ck_assert_int_eq(get_exact(wire.data, len, NULL, &s), TM_E_CORRUPT);
    tm_batch_release(batch);
    finish();
}
END_TEST

START_TEST(every_single_damaged_byte_is_found)
{
    start();
    struct support_random r = support_seed("wire damage");
    struct tm_batch *batch = random_batch(&r, 6), *back = NULL;
    struct tm_schema *s = NULL;
    ck_assert_int_eq(tm_wire_put_batch(&wire, batch), 0);
    for (size_t i = 0; i < wire.size_bytes; i++) {
        for (int k = 0; k < 3; k++) {
            uint8_t change =
                k < 2 ? (uint8_t)(k == 0 ? 1 : 0x80) : (uint8_t)(1 + support_below(&r, 255));
            wire.data[i] ^= change;
            ck_assert_int_eq(get_exact(wire.data, wire.size_bytes, &back, NULL), TM_E_CORRUPT);
            wire.data[i] ^= change;
        }
    }
    wire.size_bytes = 0;
    ck_assert_int_eq(tm_wire_put_schema(&wire, schema), 0);
    for (size_t i = 0; i < wire.size_bytes; i++) {
        uint8_t change = (uint8_t)(1 + support_below(&r, 255));
        wire.data[i] ^= change;
        ck_assert_int_eq(get_exact(wire.data, wire.size_bytes, NULL, &s), TM_E_CORRUPT);
        wire.data[i] ^= change;
    }
    tm_batch_release(batch);
    finish();
}
END_TEST

// Reads everything that a reader may read of rows that passed the check.
static uint64_t touch(const struct tm_batch *batch)
{
    uint64_t sum = 0;
    TM_BATCH_EACH(batch, row)
    {
        for (uint32_t i = 0; i < schema->field_count; i++) {
            const struct tm_field *field = &schema->fields[i];
            if (tm_row_is_null(row, i) || !tm_type_is_reference(field->type))
                continue;
            uint32_t len;
            const char *s = tm_row_string(row, field->offset, &len);
            for (uint32_t k = 0; k < len; k++)
                sum += (uint8_t)s[k];
        }
    }
    return sum;
}

START_TEST(damaged_rows_without_a_checksum_are_refused_or_safe_to_read)
{
    start();
    struct support_random r = support_seed("wire rows");
    struct tm_batch *batch = random_batch(&r, 4);
    uint64_t refused = 0, total = 0, sum = 0;
    for (size_t i = 0; i < batch->size_bytes; i++) {
        for (int change = 1; change < 256; change++) {
            batch->data[i] ^= (uint8_t)change;
            if (tm_wire_check_rows(schema, NULL, batch->data, batch->size_bytes, batch->row_count,
                                   NULL) == 0)
                sum += touch(batch);
            else
                refused++;
            total++;
            batch->data[i] ^= (uint8_t)change;
        }
    }
    ck_assert_uint_gt(refused, total / 4);
    ck_assert_uint_gt(sum, 0);
    // several at once
    for (int i = 0; i < 200000; i++) {
        uint8_t before[4];
        size_t at[4];
        for (int k = 0; k < 4; k++) {
            at[k] = support_below(&r, batch->size_bytes);
            before[k] = batch->data[at[k]];
            batch->data[at[k]] = (uint8_t)support_below(&r, 256);
        }
        if (tm_wire_check_rows(schema, NULL, batch->data, batch->size_bytes, batch->row_count,
                               NULL) == 0)
            sum += touch(batch);
        for (int k = 3; k >= 0; k--)
            batch->data[at[k]] = before[k];
    }
    tm_batch_release(batch);
    finish();
}
END_TEST

// One row with a change at `offset`, checked: the message has `word`.
static void refuses(size_t offset, uint64_t value, size_t bytes, const char *word)
{
    struct tm_batch *batch = tm_batch_acquire(pool, schema);
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    for (uint32_t i = 0; i < schema->field_count - 1; i++) {
        if (schema->fields[i].type.kind == TM_TYPE_DECIMAL)
            tm_builder_put_decimal(&b, i, 1);
        else if (tm_type_is_reference(schema->fields[i].type))
            ck_assert_int_eq(tm_builder_put_bytes(&b, i, "abc", 3), 0);
        else
            tm_builder_put_int(&b, i, 1);
    }
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ck_assert_int_eq(tm_wire_check_rows(schema, NULL, batch->data, batch->size_bytes, 1, NULL), 0);
    memcpy(batch->data + offset, &value, bytes);
    struct tm_error err = {0};
    ck_assert_int_eq(tm_wire_check_rows(schema, NULL, batch->data, batch->size_bytes, 1, &err),
                     TM_E_CORRUPT);
    ck_assert_msg(strstr(err.message, word) != NULL, "\"%s\" lacks \"%s\"", err.message, word);
    tm_batch_release(batch);
}

START_TEST(each_rule_of_a_row_is_checked_and_named)
{
    start();
    const struct tm_field *f = schema->fields;
    refuses(0, 8, 4, "size");
    refuses(0, 0, 4, "size");
    refuses(0, 1u << 30, 4, "size");
    refuses(0, schema->fixed_bytes + 1, 4, "size");
    refuses(0, schema->fixed_bytes, 4, "reference outside");
    refuses(4, 4, 1, "partial row where there are none");
    refuses(4, 5, 1, "kind");
    refuses(6, 1, 1, "reserved");
    refuses(8, 1ull << 63, 8, "do not exist");
    refuses(f[7].offset, 1, 8, "null's slot");
    refuses(f[0].offset, 2, 8, "bool");
    refuses(f[2].offset, (1ull << 53) + 1, 8, "2^53");
    refuses(f[4].offset + 8, 1ull << 60, 8, "digits");
    refuses(f[5].offset, 4, 4, "outside");
    refuses(f[5].offset + 4, 100, 4, "outside");
    refuses(f[5].offset, UINT32_MAX, 4, "outside");
    refuses(f[5].offset + 4, UINT32_MAX, 4, "outside");
    refuses(schema->fixed_bytes, 0xff, 1, "UTF-8");
    refuses(schema->fixed_bytes + 6, 1, 1, "padding");
    finish();
}
END_TEST

START_TEST(counts_and_lengths_must_agree)
{
    start();
    struct support_random r = support_seed("wire counts");
    struct tm_batch *batch = random_batch(&r, 3);
    const uint8_t *rows = batch->data;
    size_t len = batch->size_bytes;
    ck_assert_int_eq(tm_wire_check_rows(schema, NULL, rows, len, 3, NULL), 0);
    ck_assert_int_eq(tm_wire_check_rows(schema, NULL, rows, len, 2, NULL), TM_E_CORRUPT);
    ck_assert_int_eq(tm_wire_check_rows(schema, NULL, rows, len, 4, NULL), TM_E_CORRUPT);
    ck_assert_int_eq(tm_wire_check_rows(schema, NULL, rows, len, UINT32_MAX, NULL), TM_E_CORRUPT);
    ck_assert_int_eq(tm_wire_check_rows(schema, NULL, rows, 0, 0, NULL), 0);
    ck_assert_int_eq(tm_wire_check_rows(schema, NULL, rows, 0, 1, NULL), TM_E_CORRUPT);
    tm_batch_release(batch);
    finish();
}
END_TEST

START_TEST(rows_of_another_schema_are_refused)
{
    start();
    struct support_random r = support_seed("wire schema");
    struct tm_field_def def = {"v", support_type("int"), 0};
    struct tm_schema *other;
    ck_assert_int_eq(tm_schema_new(&mem, &def, 1, -1, &other, NULL), 0);
    struct tm_batch *batch = random_batch(&r, 3), *back = NULL;
    ck_assert_int_eq(tm_wire_put_batch(&wire, batch), 0);
    size_t used;
    struct tm_error err = {0};
    ck_assert_int_eq(
        tm_wire_get_batch(pool, other, NULL, wire.data, wire.size_bytes, &used, &back, &err),
        TM_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "another schema"));
    tm_batch_release(batch);
    tm_schema_unref(other);
    finish();
}
END_TEST

SUPPORT_MAIN("wire", batches_round_trip_bit_by_bit, schemas_round_trip,
             truncation_at_each_length_is_refused, every_single_damaged_byte_is_found,
             damaged_rows_without_a_checksum_are_refused_or_safe_to_read,
             each_rule_of_a_row_is_checked_and_named, counts_and_lengths_must_agree,
             rows_of_another_schema_are_refused)
