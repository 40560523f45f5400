// The dump: what people see of batches, rows and schemas.
#include "core/batch/dump.h"
#include "tests/unit/batch/support.h"

static struct tm_mem mem;
static struct tm_batch_pool *pool;
static struct tm_schema *schema;
static struct tm_batch *batch;
static struct tm_buf out;

static void start(void)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    pool = tm_batch_pool_new(&mem);
    schema = support_schema(&mem);
    batch = tm_batch_acquire(pool, schema);
    tm_buf_init(&out, &mem);
}

static void finish(void)
{
    tm_buf_fini(&out);
    tm_batch_release(batch);
    tm_batch_pool_free(pool);
    tm_schema_unref(schema);
    ck_assert_int_eq(mem.used_bytes, 0);
}

static void out_is(const char *expected)
{
    ck_assert_int_eq(tm_buf_append(&out, "", 1), 0);
    ck_assert_str_eq((const char *)out.data, expected);
    out.size_bytes = 0;
}

static void add(int64_t n, double x, const char *name)
{
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    tm_builder_put_int(&b, 0, 1);
    tm_builder_put_int(&b, 2, n);
    tm_builder_put_double(&b, 3, x);
    tm_builder_put_decimal(&b, 4, n * 10);
    if (name != NULL)
        ck_assert_int_eq(tm_builder_put_bytes(&b, 5, name, (uint32_t)strlen(name)), 0);
    ck_assert_int_eq(tm_builder_put_bytes(&b, 6, "\x01\xff", 2), 0);
    tm_builder_put_int(&b, 7, 0);
    ck_assert_int_eq(tm_builder_end(&b), 0);
}

START_TEST(a_row_reads_like_a_table)
{
    start();
    add(-7, 0.1, "a \"b\"\n\x01");
    ck_assert_int_eq(tm_dump_row(&out, schema, tm_batch_first(batch)), 0);
    out_is("{flag = true, i64 = null, n = -7, x = 0.1, amount = -0.70, "
           "name = \"a \\\"b\\\"\\n\\x01\", raw = 0x01ff, at = 1970-01-01T00:00:00.000Z}");
    finish();
}
END_TEST

START_TEST(columns_are_aligned)
{
    start();
    add(1, 2.5, "m\xc3\xbchle");
    add(123456, -1e100, NULL);
    add(5, 0, "");
    ck_assert_int_eq(tm_dump_batch(&out, batch, 2), 0);
    out_is("flag   i64       n        x    amount  name     raw     at\n"
           "true  null       1      2.5      0.10  \"m\xc3\xbchle\"  0x01ff  "
           "1970-01-01T00:00:00.000Z\n"
           "true  null  123456  -1e+100  12345.60  null     0x01ff  1970-01-01T00:00:00.000Z\n"
           "... 1 more\n");
    finish();
}
END_TEST

START_TEST(long_strings_are_cut_at_40_characters)
{
    start();
    add(1, 1,
        "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
        "012345678901234567890123456789");
    add(1, 1, "01234567890123456789012345678901234567890");
    TM_BATCH_EACH(batch, row)
    {
        ck_assert_int_eq(tm_dump_row(&out, schema, row), 0);
        ck_assert_int_eq(tm_buf_append(&out, "", 1), 0);
        if (row == tm_batch_first(batch))
            ck_assert_ptr_nonnull(strstr((const char *)out.data, "456789\", raw"));
        else
            ck_assert_ptr_nonnull(strstr((const char *)out.data, "3456789\"..., raw"));
        out.size_bytes = 0;
    }
    finish();
}
END_TEST

START_TEST(a_changelog_shows_kinds)
{
    start();
    add(1, 1, "a");
    add(1, 1, "b");
    struct tm_row *row = (struct tm_row *)(void *)batch->data;
    row->kind = TM_ROW_DELETE;
    ck_assert_int_eq(tm_dump_batch(&out, batch, 10), 0);
    ck_assert_int_eq(tm_buf_append(&out, "", 1), 0);
    ck_assert_ptr_nonnull(strstr((const char *)out.data, "\n-D  true"));
    ck_assert_ptr_nonnull(strstr((const char *)out.data, "\n+I  true"));
    finish();
}
END_TEST

START_TEST(an_empty_batch_is_its_header)
{
    start();
    ck_assert_int_eq(tm_dump_batch(&out, batch, 10), 0);
    out_is("flag  i64  n  x  amount  name  raw  at\n");
    finish();
}
END_TEST

START_TEST(a_schema_can_be_pasted_and_hides_hidden_columns)
{
    start();
    struct tm_field_def defs[] = {{"user", support_type("string"), TM_FIELD_REQUIRED},
                                  {"$time", support_type("timestamp"), TM_FIELD_HIDDEN},
                                  {"end", support_type("decimal(10,2)"), 0},
                                  {"a \"b\"", support_type("int"), 0}};
    struct tm_schema *s;
    ck_assert_int_eq(tm_schema_new(&mem, defs, 4, 1, &s, NULL), 0);
    ck_assert_int_eq(tm_dump_schema(&out, s), 0);
    out_is("tm.schema { user = { \"string\", required = true }, [\"end\"] = \"decimal(10,2)\", "
           "[\"a \\\"b\\\"\"] = \"int\" }");
    struct tm_batch *rows = tm_batch_acquire(pool, s);
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, rows), 0);
    tm_builder_put_int(&b, 1, 5);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ck_assert_int_eq(tm_dump_row(&out, s, tm_batch_first(rows)), 0);
    out_is("{user = null, [\"end\"] = null, [\"a \\\"b\\\"\"] = null}");
    tm_batch_release(rows);
    tm_schema_unref(s);
    finish();
}
END_TEST

SUPPORT_MAIN("dump", a_row_reads_like_a_table, columns_are_aligned,
             long_strings_are_cut_at_40_characters, a_changelog_shows_kinds,
             an_empty_batch_is_its_header, a_schema_can_be_pasted_and_hides_hidden_columns)
