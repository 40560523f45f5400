// Keys: canonical bytes, hashes, and back into rows.
#include <math.h>

#include "core/batch/wire.h"
#include "tests/unit/batch/support.h"

static struct tm_mem mem;
static struct tm_batch_pool *pool;
static struct tm_schema *schema;
static struct tm_batch *batch;
static struct tm_buf scratch;

enum { FLAG, I64, N, X, AMOUNT, NAME, RAW, AT };

static void start(void)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    pool = tm_batch_pool_new(&mem);
    schema = support_schema(&mem);
    batch = tm_batch_acquire(pool, schema);
    tm_buf_init(&scratch, &mem);
}

static void finish(void)
{
    tm_buf_fini(&scratch);
    tm_batch_release(batch);
    tm_batch_pool_free(pool);
    tm_schema_unref(schema);
    ck_assert_int_eq(mem.used_bytes, 0);
}

static struct tm_key_reader reader_of(uint32_t count, const uint32_t *fields)
{
    struct tm_key_spec spec = {.count = count};
    memcpy(spec.fields, fields, count * sizeof *fields);
    struct tm_key_reader reader;
    tm_key_reader_init(&reader, schema, &spec);
    return reader;
}

static struct tm_key key_of(const struct tm_key_reader *reader, const struct tm_row *row)
{
    struct tm_key key, slow;
    ck_assert_int_eq(tm_key_of_row_slow(reader, row, &scratch, &slow), 0);
    ck_assert_int_eq(tm_key_of_row(reader, row, &scratch, &key), 0);
    ck_assert_uint_eq(key.length, slow.length);
    ck_assert_uint_eq(key.hash, slow.hash);
    ck_assert_mem_eq(key.bytes, slow.bytes, key.length);
    ck_assert_uint_eq(key.hash, tm_hash_bytes(key.bytes, key.length));
    return key;
}

static const struct tm_row *row_of(double x, int64_t n, const char *name)
{
    struct tm_builder b;
    size_t at = batch->size_bytes;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    tm_builder_put_double(&b, X, x);
    tm_builder_put_int(&b, N, n);
    tm_builder_put_decimal(&b, AMOUNT, n);
    ck_assert_int_eq(tm_builder_put_bytes(&b, NAME, name, (uint32_t)strlen(name)), 0);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    return (const struct tm_row *)(void *)(batch->data + at);
}

START_TEST(the_key_of_one_string_is_its_bytes)
{
    start();
    struct tm_key_reader reader = reader_of(1, (uint32_t[]){NAME});
    struct tm_key key = key_of(&reader, row_of(0, 0, "user-1"));
    ck_assert_uint_eq(key.length, 6);
    ck_assert_mem_eq(key.bytes, "user-1", 6);
    // in checkpoints and in the exchange: it may never change
    ck_assert_uint_eq(key.hash, 8968379626967066057u);
    key = key_of(&reader, row_of(0, 0, ""));
    ck_assert_uint_eq(key.length, 0);
    finish();
}
END_TEST

START_TEST(the_key_of_one_word_is_eight_bytes)
{
    start();
    struct tm_key_reader reader = reader_of(1, (uint32_t[]){N});
    struct tm_key key = key_of(&reader, row_of(0, 258, ""));
    ck_assert_uint_eq(key.length, 8);
    ck_assert_mem_eq(key.bytes, "\x02\x01\0\0\0\0\0\0", 8);
    ck_assert_uint_eq(key.hash, 16230596361028239159u);
    reader = reader_of(1, (uint32_t[]){AMOUNT});
    key = key_of(&reader, row_of(0, -1, ""));
    ck_assert_uint_eq(key.length, 16);
    finish();
}
END_TEST

START_TEST(equal_doubles_have_one_key)
{
    start();
    struct tm_key_reader one = reader_of(1, (uint32_t[]){X});
    struct tm_key_reader two = reader_of(2, (uint32_t[]){X, N});
    double nan_a = (double)NAN, nan_b = -(double)NAN;
    ck_assert_uint_eq(key_of(&one, row_of(0.0, 1, "")).hash,
                      key_of(&one, row_of(-0.0, 1, "")).hash);
    ck_assert_uint_eq(key_of(&two, row_of(0.0, 1, "")).hash,
                      key_of(&two, row_of(-0.0, 1, "")).hash);
    ck_assert_uint_eq(key_of(&one, row_of(nan_a, 1, "")).hash,
                      key_of(&one, row_of(nan_b, 1, "")).hash);
    ck_assert_uint_ne(key_of(&one, row_of(1, 1, "")).hash, key_of(&one, row_of(2, 1, "")).hash);
    ck_assert_uint_eq(key_of(&one, row_of(1, 1, "")).length, 8);
    finish();
}
END_TEST

START_TEST(columns_of_a_key_cannot_flow_into_each_other)
{
    start();
    struct tm_builder b;
    struct tm_key_reader reader = reader_of(2, (uint32_t[]){NAME, RAW});
    uint64_t hashes[2];
    static const char *const pairs[2][2] = {{"ab", "c"}, {"a", "bc"}};
    for (int i = 0; i < 2; i++) {
        size_t at = batch->size_bytes;
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        for (uint32_t k = 0; k < 2; k++)
            ck_assert_int_eq(
                tm_builder_put_bytes(&b, NAME + k, pairs[i][k], (uint32_t)strlen(pairs[i][k])), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
        struct tm_key key = key_of(&reader, (const struct tm_row *)(void *)(batch->data + at));
        ck_assert_uint_eq(key.length, 11);
        hashes[i] = key.hash;
    }
    ck_assert_uint_ne(hashes[0], hashes[1]);
    finish();
}
END_TEST

START_TEST(a_null_in_any_key_column_is_seen)
{
    start();
    const struct tm_row *row = row_of(1, 1, "a");
    struct tm_key_reader with = reader_of(3, (uint32_t[]){X, NAME, RAW});
    struct tm_key_reader without = reader_of(2, (uint32_t[]){X, NAME});
    ck_assert(tm_key_has_null(&with, row));
    ck_assert(!tm_key_has_null(&without, row));
    finish();
}
END_TEST

START_TEST(a_key_gives_its_columns_back)
{
    start();
    struct support_random r = support_seed("key put");
    struct tm_batch *out = tm_batch_acquire(pool, schema);
    struct tm_key_reader all = reader_of(8, (uint32_t[]){0, 1, 2, 3, 4, 5, 6, 7});
    int used = 0;
    while (used < 500) {
        batch->size_bytes = 0;
        batch->row_count = 0;
        support_row(&r, batch);
        const struct tm_row *row = tm_batch_first(batch);
        if (tm_key_has_null(&all, row))
            continue;
        used++;
        out->size_bytes = 0;
        out->row_count = 0;
        struct tm_key key = key_of(&all, row);
        struct tm_builder b;
        ck_assert_int_eq(tm_builder_begin(&b, out), 0);
        ck_assert_int_eq(tm_key_put(&all, key.bytes, key.length, &b, 0), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
        ck_assert_uint_eq(out->size_bytes, batch->size_bytes);
        ck_assert_mem_eq(out->data, batch->data, out->size_bytes);
        // bytes that are cut, anywhere, or too long are refused
        ck_assert_int_eq(tm_builder_begin(&b, out), 0);
        uint32_t cut = (uint32_t)support_below(&r, key.length);
        ck_assert_int_eq(tm_key_put(&all, key.bytes, cut, &b, 0), TM_E_CORRUPT);
        tm_builder_cancel(&b);
    }
    tm_batch_release(out);
    finish();
}
END_TEST

START_TEST(a_key_of_one_string_gives_it_back)
{
    start();
    struct tm_key_reader reader = reader_of(1, (uint32_t[]){NAME});
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    ck_assert_int_eq(tm_key_put(&reader, "user-1", 6, &b, RAW), 0);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    uint32_t len;
    const char *s = tm_row_string(tm_batch_first(batch), schema->fields[RAW].offset, &len);
    ck_assert_uint_eq(len, 6);
    ck_assert_mem_eq(s, "user-1", 6);
    reader = reader_of(1, (uint32_t[]){N});
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    ck_assert_int_eq(tm_key_put(&reader, "\x02\x01\0\0\0\0\0\0!", 9, &b, N), TM_E_CORRUPT);
    tm_builder_cancel(&b);
    finish();
}
END_TEST

START_TEST(identities_are_equal_where_all_columns_are_and_null_is_a_value)
{
    start();
    static const uint32_t fields[] = {X, N, NAME};
    struct tm_buf a, b;
    tm_buf_init(&a, &mem);
    tm_buf_init(&b, &mem);
    struct tm_builder builder;
    size_t at = batch->size_bytes;
    ck_assert_int_eq(tm_builder_begin(&builder, batch), 0);
    tm_builder_put_double(&builder, X, 0.0);
    ck_assert_int_eq(tm_builder_put_bytes(&builder, NAME, "", 0), 0);
    ck_assert_int_eq(tm_builder_end(&builder), 0);
    (void)row_of(-0.0, 7, "x");
    (void)row_of(0.0, 7, "x");
    (void)row_of(0.0, 0, "");
    const struct tm_row *rows[4] = {(const struct tm_row *)(void *)(batch->data + at)};
    for (int i = 1; i < 4; i++)
        rows[i] = tm_row_next(rows[i - 1]);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) {
            a.size_bytes = b.size_bytes = 0;
            ck_assert_int_eq(tm_key_identity(batch->schema, fields, 3, rows[i], &a), 0);
            ck_assert_int_eq(tm_key_identity(batch->schema, fields, 3, rows[k], &b), 0);
            bool equal = a.size_bytes == b.size_bytes && memcmp(a.data, b.data, a.size_bytes) == 0;
            ck_assert_int_eq(equal, i == k || (i % 3 != 0 && k % 3 != 0));
        }
    tm_buf_fini(&a);
    tm_buf_fini(&b);
    finish();
}
END_TEST

// Some words are no bool, no int; some keys are too short or no text.
START_TEST(many_keys_are_checked_as_each_of_them_is)
{
    start();
    struct support_random r = support_seed("many keys");
    static const int64_t edges[] = {
        0,         1,        2, -1, TM_INT_MAX, TM_INT_MAX + 1, -TM_INT_MAX, -TM_INT_MAX - 1,
        INT64_MIN, INT64_MAX};
    enum { EDGES = sizeof edges / sizeof *edges, KEYS = 5 };
    uint32_t refused = 0;
    for (int round = 0; round < 20000; round++) {
        uint32_t fields[] = {(uint32_t)support_below(&r, AT + 1), N};
        struct tm_key_reader reader = reader_of(support_below(&r, 4) == 0 ? 2 : 1, fields);
        int64_t words[KEYS][2];
        struct tm_key keys[KEYS];
        struct tm_error all = {0}, each = {0};
        uint32_t count = (uint32_t)support_below(&r, KEYS + 1);
        int one_by_one = 0;
        for (uint32_t i = 0; i < count; i++) {
            words[i][0] = edges[support_below(&r, support_below(&r, 2) == 0 ? 2 : EDGES)];
            words[i][1] = edges[support_below(&r, 2)];
            uint32_t length = support_below(&r, 20) == 0 ? 7 : reader.spec.count == 2 ? 16 : 8;
            keys[i] = (struct tm_key){0, words[i], length};
            if (one_by_one == 0)
                one_by_one = tm_wire_check_key(&reader, words[i], length, &each);
        }
        ck_assert_int_eq(tm_wire_check_keys(&reader, keys, count, &all), one_by_one);
        ck_assert_str_eq(all.message, each.message);
        refused += one_by_one != 0;
    }
    ck_assert_uint_gt(refused, 1000);
    ck_assert_uint_lt(refused, 19000);
    finish();
}
END_TEST

SUPPORT_MAIN("key", identities_are_equal_where_all_columns_are_and_null_is_a_value,
             the_key_of_one_string_is_its_bytes, the_key_of_one_word_is_eight_bytes,
             equal_doubles_have_one_key, columns_of_a_key_cannot_flow_into_each_other,
             a_null_in_any_key_column_is_seen, a_key_gives_its_columns_back,
             a_key_of_one_string_gives_it_back, many_keys_are_checked_as_each_of_them_is)
