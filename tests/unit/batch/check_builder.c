// The builder: what is put is read back, whatever the order; nothing shows before the end.
#include "core/base/limits.h"
#include "core/batch/wire.h"
#include "tests/unit/batch/support.h"

static struct tm_mem mem;
static struct tm_batch_pool *pool;
static struct tm_schema *schema;
static struct tm_batch *batch;

enum { FLAG, I64, N, X, AMOUNT, NAME, RAW, AT };

static void start(void)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    pool = tm_batch_pool_new(&mem);
    schema = support_schema(&mem);
    batch = tm_batch_acquire(pool, schema);
    // what earlier users left behind must not matter
    memset(batch->data, 0xaa, batch->capacity_bytes);
}

static void finish(void)
{
    struct tm_error err = {0};
    ck_assert_msg(tm_wire_check_rows(schema, NULL, batch->data, batch->size_bytes, batch->row_count,
                                     &err) == 0,
                  "%s", err.message);
    tm_batch_release(batch);
    tm_batch_pool_free(pool);
    tm_schema_unref(schema);
    ck_assert_int_eq(mem.used_bytes, 0);
}

static void text_is(const struct tm_row *row, uint32_t field, const char *expected)
{
    uint32_t len;
    ck_assert(!tm_row_is_null(row, field));
    const char *s = tm_row_string(row, schema->fields[field].offset, &len);
    ck_assert_uint_eq(len, strlen(expected));
    ck_assert_mem_eq(s, expected, len);
}

static void put(struct tm_builder *b, uint32_t field, const char *text)
{
    ck_assert_int_eq(tm_builder_put_bytes(b, field, text, (uint32_t)strlen(text)), 0);
}

START_TEST(values_are_read_back_in_any_order)
{
    start();
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    put(&b, RAW, "\x01\x02");
    tm_builder_put_int(&b, AT, 1234);
    put(&b, NAME, "tide");
    tm_builder_put_decimal(&b, AMOUNT, -1250);
    tm_builder_put_double(&b, X, 0.25);
    tm_builder_put_int(&b, I64, INT64_MIN);
    tm_builder_put_int(&b, FLAG, 1);
    ck_assert_uint_eq(batch->row_count, 0);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ck_assert_uint_eq(batch->row_count, 1);
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_uint_eq(row->size_bytes, batch->size_bytes);
    ck_assert_uint_eq(row->size_bytes, schema->fixed_bytes + 8);
    ck_assert_uint_eq(row->kind, TM_ROW_INSERT);
    ck_assert_uint_eq(row->nulls[0], 1u << N);
    ck_assert_int_eq(tm_row_int(row, schema->fields[FLAG].offset), 1);
    ck_assert_int_eq(tm_row_int(row, schema->fields[I64].offset), INT64_MIN);
    ck_assert_int_eq(tm_row_int(row, schema->fields[N].offset), 0);
    ck_assert(tm_row_double(row, schema->fields[X].offset) == 0.25);
    ck_assert(tm_row_decimal(row, schema->fields[AMOUNT].offset) == -1250);
    ck_assert_int_eq(tm_row_int(row, schema->fields[AT].offset), 1234);
    text_is(row, NAME, "tide");
    text_is(row, RAW, "\x01\x02");
    finish();
}
END_TEST

START_TEST(a_row_without_puts_is_all_null)
{
    start();
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    for (uint32_t i = 0; i < schema->field_count; i++)
        ck_assert(tm_row_is_null(tm_batch_first(batch), i));
    ck_assert_uint_eq(batch->size_bytes, schema->fixed_bytes);
    finish();
}
END_TEST

START_TEST(strings_of_every_length_survive)
{
    start();
    char text[300];
    for (int i = 0; i < 300; i++)
        text[i] = (char)('a' + i % 26);
    for (uint32_t len = 0; len < 300; len++) {
        struct tm_builder b;
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        ck_assert_int_eq(tm_builder_put_bytes(&b, NAME, text, len), 0);
        ck_assert_int_eq(tm_builder_put_bytes(&b, RAW, text, 300 - len), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    uint32_t expected = 0;
    TM_BATCH_EACH(batch, row)
    {
        uint32_t len;
        const char *s = tm_row_string(row, schema->fields[NAME].offset, &len);
        ck_assert_uint_eq(len, expected);
        ck_assert_mem_eq(s, text, len);
        s = tm_row_string(row, schema->fields[RAW].offset, &len);
        ck_assert_uint_eq(len, 300 - expected);
        ck_assert_mem_eq(s, text, len);
        expected++;
    }
    ck_assert_uint_eq(expected, 300);
    finish();
}
END_TEST

START_TEST(the_last_put_wins_and_leaves_no_bytes_behind)
{
    start();
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    put(&b, NAME, "first and rather long");
    put(&b, NAME, "second");
    tm_builder_put_int(&b, N, 1);
    tm_builder_put_int(&b, N, 2);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    const struct tm_row *row = tm_batch_first(batch);
    text_is(row, NAME, "second");
    ck_assert_int_eq(tm_row_int(row, schema->fields[N].offset), 2);
    ck_assert_uint_eq(row->size_bytes, schema->fixed_bytes + 8);
    finish();
}
END_TEST

START_TEST(values_put_over_values_keep_their_neighbours)
{
    struct support_random r = support_seed("builder puts");
    static const char *const texts[] = {"", "x", "seven b", "a text of twenty-six bytes"};
    start();
    for (int i = 0; i < 3000; i++) {
        struct tm_builder b;
        const char *now[8] = {0};
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        for (uint64_t k = support_below(&r, 12); k > 0; k--) {
            uint32_t field = support_below(&r, 2) == 0 ? NAME : RAW;
            const char *text = texts[support_below(&r, 4)];
            switch (support_below(&r, 4)) {
            case 0:
                tm_builder_put_null(&b, field);
                text = NULL;
                break;
            case 1: {
                uint8_t *p = tm_builder_reserve_bytes(&b, 100);
                ck_assert_ptr_nonnull(p);
                memset(p, 0xbb, 100);
                memcpy(p, text, strlen(text));
                tm_builder_commit_bytes(&b, field, (uint32_t)strlen(text));
                break;
            }
            default:
                put(&b, field, text);
            }
            now[field] = text;
        }
        size_t at = batch->size_bytes;
        ck_assert_int_eq(tm_builder_end(&b), 0);
        const struct tm_row *row = (const struct tm_row *)(void *)(batch->data + at);
        for (uint32_t field = NAME; field <= RAW; field++) {
            if (now[field] == NULL)
                ck_assert(tm_row_is_null(row, field));
            else
                text_is(row, field, now[field]);
        }
    }
    finish(); // checks the padding of every row
}
END_TEST

START_TEST(a_cancelled_row_never_was)
{
    start();
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    put(&b, NAME, "gone");
    tm_builder_cancel(&b);
    ck_assert_uint_eq(batch->size_bytes, 0);
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ck_assert(tm_row_is_null(tm_batch_first(batch), NAME));
    ck_assert_uint_eq(batch->row_count, 1);
    finish();
}
END_TEST

START_TEST(a_row_moves_along_when_its_batch_grows)
{
    start();
    size_t size = batch->capacity_bytes + 100000;
    char *text = malloc(size);
    memset(text, 'q', size);
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    tm_builder_put_int(&b, N, 7);
    put(&b, RAW, "before");
    ck_assert_int_eq(tm_builder_put_bytes(&b, NAME, text, (uint32_t)size), 0);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    const struct tm_row *row = tm_batch_first(batch);
    uint32_t len;
    const char *s = tm_row_string(row, schema->fields[NAME].offset, &len);
    ck_assert_uint_eq(len, size);
    ck_assert_mem_eq(s, text, size);
    text_is(row, RAW, "before");
    ck_assert_int_eq(tm_row_int(row, schema->fields[N].offset), 7);
    free(text);
    finish();
}
END_TEST

START_TEST(bytes_of_the_same_batch_can_be_put)
{
    start();
    char text[1000];
    memset(text, 'w', sizeof text);
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    ck_assert_int_eq(tm_builder_put_bytes(&b, NAME, text, sizeof text), 0);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    for (int i = 0; i < 200; i++) { // past the capacity: the source moves while it is copied
        const struct tm_row *first = tm_batch_first(batch);
        uint32_t len;
        const char *s = tm_row_string(first, schema->fields[NAME].offset, &len);
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        first = tm_batch_first(batch);
        s = tm_row_string(first, schema->fields[NAME].offset, &len);
        ck_assert_int_eq(tm_builder_put_bytes(&b, RAW, s, len), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    TM_BATCH_EACH(batch, row)
    {
        if (row == tm_batch_first(batch))
            continue;
        uint32_t len;
        const char *s = tm_row_string(row, schema->fields[RAW].offset, &len);
        ck_assert_uint_eq(len, sizeof text);
        ck_assert_mem_eq(s, text, len);
    }
    finish();
}
END_TEST

START_TEST(a_row_beyond_its_limit_is_refused_and_forgotten)
{
    start();
    size_t half = TM_ROW_BYTES_MAX / 2;
    char *text = calloc(1, half);
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    ck_assert_int_eq(tm_builder_put_bytes(&b, NAME, text, (uint32_t)half), 0);
    ck_assert_int_eq(tm_builder_put_bytes(&b, RAW, text, (uint32_t)half), TM_E_LIMIT);
    ck_assert_ptr_null(tm_builder_reserve_bytes(&b, half));
    ck_assert_ptr_null(tm_builder_reserve_bytes(&b, SIZE_MAX));
    tm_builder_cancel(&b);
    ck_assert_uint_eq(batch->row_count, 0);
    free(text);
    finish();
}
END_TEST

START_TEST(wide_rows_mark_exactly_their_columns_null)
{
    for (uint32_t count = 60; count <= 200; count += 4) {
        start();
        char names[200][8];
        struct tm_field_def defs[200];
        for (uint32_t i = 0; i < count; i++) {
            snprintf(names[i], sizeof names[i], "c%u", i);
            defs[i] =
                (struct tm_field_def){names[i], support_type(i % 3 == 0 ? "string" : "int"), 0};
        }
        struct tm_schema *wide;
        ck_assert_int_eq(tm_schema_new(&mem, defs, count, -1, &wide, NULL), 0);
        struct tm_batch *rows = tm_batch_acquire(pool, wide);
        memset(rows->data, 0xaa, rows->capacity_bytes);
        struct tm_builder b;
        ck_assert_int_eq(tm_builder_begin(&b, rows), 0);
        tm_builder_put_int(&b, count - 2 - (count - 2) % 3 + 1, 5);
        ck_assert_int_eq(tm_builder_end(&b), 0);
        ck_assert_int_eq(
            tm_wire_check_rows(wide, NULL, rows->data, rows->size_bytes, rows->row_count, NULL), 0);
        uint32_t set = 0;
        for (uint32_t i = 0; i < count; i++)
            set += !tm_row_is_null(tm_batch_first(rows), i);
        ck_assert_uint_eq(set, 1);
        tm_batch_release(rows);
        tm_schema_unref(wide);
        finish();
    }
}
END_TEST

START_TEST(columns_are_copied_between_schemas)
{
    start();
    struct tm_field_def defs[8];
    for (uint32_t i = 0; i < 8; i++)
        defs[i] = (struct tm_field_def){schema->fields[7 - i].name, schema->fields[7 - i].type, 0};
    struct tm_schema *reversed;
    ck_assert_int_eq(tm_schema_new(&mem, defs, 8, -1, &reversed, NULL), 0);
    struct support_random r = support_seed("builder copy");
    for (int i = 0; i < 200; i++)
        support_row(&r, batch);
    struct tm_batch *there = tm_batch_acquire(pool, reversed),
                    *back = tm_batch_acquire(pool, schema);
    struct tm_builder b;
    TM_BATCH_EACH(batch, row)
    {
        ck_assert_int_eq(tm_builder_begin(&b, there), 0);
        for (uint32_t i = 8; i-- > 0;)
            ck_assert_int_eq(tm_builder_copy(&b, i, row, schema, 7 - i), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    TM_BATCH_EACH(there, turned)
    {
        ck_assert_int_eq(tm_builder_begin(&b, back), 0);
        for (uint32_t i = 0; i < 8; i++)
            ck_assert_int_eq(tm_builder_copy(&b, i, turned, reversed, 7 - i), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    ck_assert_uint_eq(back->size_bytes, batch->size_bytes);
    ck_assert_mem_eq(back->data, batch->data, batch->size_bytes);
    tm_batch_release(there);
    tm_batch_release(back);
    tm_schema_unref(reversed);
    finish();
}
END_TEST

SUPPORT_MAIN("builder", values_are_read_back_in_any_order, a_row_without_puts_is_all_null,
             strings_of_every_length_survive, the_last_put_wins_and_leaves_no_bytes_behind,
             values_put_over_values_keep_their_neighbours, a_cancelled_row_never_was,
             a_row_moves_along_when_its_batch_grows, bytes_of_the_same_batch_can_be_put,
             a_row_beyond_its_limit_is_refused_and_forgotten,
             wide_rows_mark_exactly_their_columns_null, columns_are_copied_between_schemas)
