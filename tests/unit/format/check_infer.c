// What a schema says of a sample: types of values that come together, objects that are maps, and
// bounds that no sample passes. Messy inputs as users have them are in
// tests/functional/test_schemas.
#include "core/batch/any_write.h"
#include "core/format/infer.h"
#include "core/format/strangers.h"
#include "tests/unit/format/format_test.h"

static struct world w;
static struct tm_infer *infer;
static struct tm_buf record;

static void open_world(void)
{
    world_open(&w);
    infer = tm_infer_new(&w.mem, NULL);
    tm_buf_init(&record, &w.mem);
}

static void close_world(void)
{
    tm_infer_free(infer);
    tm_buf_fini(&record);
    world_close(&w);
}

static uint8_t *room(size_t more)
{
    ck_assert_int_eq(tm_buf_reserve(&record, more + TM_ANY_HEAD_MAX), 0);
    return record.data + record.size_bytes;
}

static void put_map(uint32_t count)
{
    record.size_bytes = (size_t)(tm_any_put_map_head(room(0), count) - record.data);
}

static void put_array(uint32_t count)
{
    record.size_bytes = (size_t)(tm_any_put_array_head(room(0), count) - record.data);
}

static void put_text(const char *text)
{
    size_t len = strlen(text);
    uint8_t *p = tm_any_put_string_head(room(len), (uint32_t)len);
    memcpy(p, text, len);
    record.size_bytes = (size_t)(p + len - record.data);
}

static void put_int(int64_t v)
{
    record.size_bytes = (size_t)(tm_any_put_int(room(0), v) - record.data);
}

static void put_double(double v)
{
    record.size_bytes = (size_t)(tm_any_put_double(room(0), v) - record.data);
}

static void add(void)
{
    ck_assert_int_eq(tm_infer_add(infer, record.data, (uint32_t)record.size_bytes), 0);
    record.size_bytes = 0;
}

// "a int, b string"
static const char *columns(void)
{
    static char text[65536];
    const struct tm_infer_column *c;
    uint32_t count;
    size_t used = 0;
    ck_assert_int_eq(tm_infer_columns(infer, &c, &count, &w.err), 0);
    for (uint32_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %s", i == 0 ? "" : ", ",
                                 c[i].name, c[i].type);
    return text;
}

// Every type that is inferred is one that a schema can have.
static void types_are_types(void)
{
    const struct tm_infer_column *c;
    uint32_t count;
    ck_assert_int_eq(tm_infer_columns(infer, &c, &count, &w.err), 0);
    for (uint32_t i = 0; i < count; i++) {
        struct tm_type type;
        ck_assert_msg(tm_type_parse(&w.mem, c[i].type, &type, &w.err) == 0, "%s: %s", c[i].name,
                      w.err.message);
        tm_type_fini(&type);
    }
}

// JSON's numbers beyond 38 digits are doubles, and say that they are rounded; small ones are not.
START_TEST(whole_numbers_that_no_decimal_holds_are_noted)
{
    const struct tm_infer_column *c;
    uint32_t count;
    put_map(2), put_text("a"), put_double(1e41), put_text("b"), put_double(0.5), add();
    ck_assert_int_eq(tm_infer_columns(infer, &c, &count, &w.err), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(c[0].type, "double");
    ck_assert_ptr_nonnull(c[0].note);
    ck_assert_str_eq(c[0].note, "whole numbers beyond 2^53 are rounded");
    ck_assert_str_eq(c[1].type, "double");
    ck_assert_ptr_null(c[1].note);
}
END_TEST

START_TEST(numbers_widen)
{
    put_map(1), put_text("a"), put_int(1), add();
    ck_assert_str_eq(columns(), "a int");
    put_map(1), put_text("a"), put_int(-TM_INT_MAX), add();
    ck_assert_str_eq(columns(), "a int");
    put_map(1), put_text("a"), put_int(-TM_INT_MAX - 1), add();
    ck_assert_str_eq(columns(), "a int64");
    put_map(1), put_text("a"), put_double(1e30), add(); // as JSON has it: whole, and beyond 64 bits
    ck_assert_str_eq(columns(), "a decimal(38,0)");
    put_map(1), put_text("a"), put_double(0.5), add();
    ck_assert_str_eq(columns(), "a double");
    put_map(1), put_text("a"), put_text("x"), add();
    ck_assert_str_eq(columns(), "a any");
    ck_assert_uint_eq(tm_infer_records(infer), 6);
}
END_TEST

START_TEST(keys_that_are_no_texts_make_any)
{
    put_map(1), put_text("a"), put_map(1), put_int(5), put_int(6), add();
    ck_assert_str_eq(columns(), "a any");
}
END_TEST

START_TEST(maps_hold_objects_whose_fields_differ)
{
    char key[16];
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put_map(1), put_text("m"), put_map(1), put_text(key), put_map(1);
        put_text(i % 2 == 0 ? "x" : "y"), put_int(1), add();
    }
    ck_assert_str_eq(columns(), "m map(string,struct(x int,y int))");
    ck_assert_str_eq(columns(), "m map(string,struct(x int,y int))"); // asking changes nothing
}
END_TEST

START_TEST(names_that_no_struct_has_make_a_map_or_any)
{
    put_map(2), put_text("m"), put_map(1), put_text(""), put_int(1);
    put_text("n"), put_map(2), put_text("\n"), put_int(1), put_text("x"), put_text("y"), add();
    ck_assert_str_eq(columns(), "m map(string,int), n any");
}
END_TEST

START_TEST(depth_is_bounded)
{
    put_map(1), put_text("a");
    for (int i = 0; i < 100; i++)
        put_array(1);
    put_int(1), add();
    types_are_types();
    ck_assert_ptr_nonnull(strstr(columns(), "list(any)"));
}
END_TEST

START_TEST(so_are_fields)
{
    char key[16];
    put_map(1), put_text("a"), put_map(5000);
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put_text(key), i % 2 == 0 ? put_int(1) : put_text("x");
    }
    add();
    types_are_types();
    ck_assert_str_eq(columns(), "a any");
}
END_TEST

START_TEST(and_columns)
{
    char key[16];
    const struct tm_infer_column *c;
    uint32_t count;
    put_map(2000);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put_text(key), put_int(1);
    }
    add();
    ck_assert_int_eq(tm_infer_columns(infer, &c, &count, &w.err), TM_E_SCHEMA);
    ck_assert_ptr_nonnull(strstr(w.err.message, "2000 different fields"));
}
END_TEST

START_TEST(and_places)
{
    char key[16];
    for (int r = 0; r < 10; r++) {
        put_map(1), put_text("a"), put_map(10000);
        for (int i = 0; i < 10000; i++) {
            snprintf(key, sizeof key, "k%d", r * 10000 + i);
            put_text(key), put_int(1);
        }
        add();
    }
    types_are_types();
    ck_assert_str_eq(columns(), "a any"); // the last keys were not told apart
}
END_TEST

START_TEST(records_without_fields_have_no_schema)
{
    const struct tm_infer_column *c;
    uint32_t count;
    put_map(0), add();
    put_int(5), add();
    ck_assert_int_eq(tm_infer_columns(infer, &c, &count, &w.err), TM_E_SCHEMA);
}
END_TEST

START_TEST(columns_get_names_that_they_can_have)
{
    static char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    put_map(5), put_text("$t"), put_int(1), put_text("_t"), put_int(1), put_text("a\nb"),
        put_int(1);
    put_text(""), put_int(1), put_text(long_name), put_int(1), add();
    // No name at all is one that can be changed; what no option can name is left out.
    ck_assert_str_eq(columns(), "_t int, _t_2 int, a_b int, _ int");
}
END_TEST

START_TEST(texts_of_csv_are_what_all_of_them_are)
{
    static const struct {
        const char *texts[3], *type;
    } cases[] = {
        {{"1", "2", NULL}, "int"},
        {{"1", "2.5", NULL}, "double"},
        {{"1,5", NULL, NULL}, "string"},
        {{"-0.5", "1e10", "2E-3"}, "double"},
        {{"1e400", NULL, NULL}, "string"},
        {{"1.", NULL, NULL}, "string"},
        {{".5", NULL, NULL}, "string"},
        {{"007", "1", NULL}, "string"},
        {{"0", "-1", NULL}, "int"},
        {{"", "1", NULL}, "string"},
        {{"true", "FALSE", NULL}, "bool"},
        {{"true", "1", NULL}, "string"},
        {{"2024-02-29", "2024-02-29T01:02:03+01:00", NULL}, "timestamp"},
        {{"2024-02-29", "x", NULL}, "string"},
        {{"9007199254740993", NULL, NULL}, "int64"},
        {{"9223372036854775808", NULL, NULL}, "decimal(20,0)"},
        {{"-9223372036854775809", NULL, NULL}, "decimal(38,0)"},
        {{"99999999999999999999999999999999999999", NULL, NULL}, "decimal(38,0)"},
        {{"100000000000000000000000000000000000000", NULL, NULL}, "string"},
    };
    const struct tm_infer_texts texts = {.point = '.', .bools = {"false", "true"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[64];
        tm_infer_free(infer);
        infer = tm_infer_new(&w.mem, &texts);
        for (int k = 0; k < 3 && cases[i].texts[k] != NULL; k++)
            put_map(1), put_text("a"), put_text(cases[i].texts[k]), add();
        snprintf(expected, sizeof expected, "a %s", cases[i].type);
        ck_assert_msg(strcmp(columns(), expected) == 0, "%s: %s, not %s", cases[i].texts[0],
                      columns(), expected);
    }
}
END_TEST

START_TEST(strangers_are_counted_by_record_and_named_once)
{
    struct tm_strangers s = {0};
    char text[64];
    int a = 0, b = 0;
    tm__strangers_add(&s, &a, "foo", 3);
    tm__strangers_add(&s, &a, "bar", 3);
    tm__strangers_add(&s, &b, "foo", 3);
    ck_assert_uint_eq(s.records, 2);
    ck_assert_str_eq(tm_strangers_list(&s, text, sizeof text), "foo, bar");
    for (char c = 'a'; c <= 'z'; c++)
        tm__strangers_name(&s, &c, 1);
    ck_assert_uint_eq(s.name_count, TM_STRANGERS_NAMES);
}
END_TEST

START_TEST(decoders_tell_of_strangers)
{
    static const struct {
        const struct tm_format *format;
        const char *text, *names;
        uint64_t records;
    } cases[] = {
        {&tm_format_json, "{\"a\":1}\n{\"a\":2,\"b\":[1,{\"c\":2}],\"c\":null}\n{\"b\" : 5}\n",
         "b, c", 2},
        {&tm_format_json, "[{\"b\":1},{\"a\":2}]", "b", 1},
        {&tm_format_csv, "a,b\n1,2\n3,4\n", "b", 2},
        {&tm_format_msgpack,
         "\x82\xa1"
         "a\x05\xa1"
         "b\x06\x81\xa1"
         "a\x05",
         "b", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tm_strangers s = {0};
        struct tm_schema *schema = make_schema(&w, "a int");
        struct tm_decoder_args args = {
            .mem = &w.mem, .schema = schema, .max_record = 1000, .strangers = &s};
        struct tm_decoder *d;
        struct tm_batch *batch = tm_batch_acquire(w.pool, schema);
        uint8_t text[256] = {0};
        char names[128];
        size_t len = strlen(cases[i].text), used;
        memcpy(text + 64, cases[i].text, len);
        ck_assert_int_eq(cases[i].format->decoder_new(&args, &d, &w.err), 0);
        ck_assert_int_eq(d->ops->decode(d, text + 64, len, true, batch, &used, NULL, NULL), 0);
        ck_assert_uint_eq(s.records, cases[i].records);
        ck_assert_str_eq(tm_strangers_list(&s, names, sizeof names), cases[i].names);
        d->ops->free(d);
        tm_batch_release(batch);
        tm_schema_unref(schema);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("infer");
    TCase *tcase = tcase_create("infer");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, numbers_widen);
    tcase_add_test(tcase, whole_numbers_that_no_decimal_holds_are_noted);
    tcase_add_test(tcase, keys_that_are_no_texts_make_any);
    tcase_add_test(tcase, maps_hold_objects_whose_fields_differ);
    tcase_add_test(tcase, names_that_no_struct_has_make_a_map_or_any);
    tcase_add_test(tcase, depth_is_bounded);
    tcase_add_test(tcase, so_are_fields);
    tcase_add_test(tcase, and_columns);
    tcase_add_test(tcase, and_places);
    tcase_add_test(tcase, records_without_fields_have_no_schema);
    tcase_add_test(tcase, columns_get_names_that_they_can_have);
    tcase_add_test(tcase, texts_of_csv_are_what_all_of_them_are);
    tcase_add_test(tcase, strangers_are_counted_by_record_and_named_once);
    tcase_add_test(tcase, decoders_tell_of_strangers);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
