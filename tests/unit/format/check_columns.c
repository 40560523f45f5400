// Options of columns: names in the source, defaults, whole records; for JSON, CSV and msgpack. And
// the raw format, whose record is the whole input.
#include "tests/unit/format/format_test.h"

static struct world w;

static void open_world(void)
{
    world_open(&w);
}

static void close_world(void)
{
    world_close(&w);
}

static void reads(const struct tm_format *format, const char *schema, const char *text,
                  const char *rows)
{
    ck_assert_int_eq(decode_text(&w, format, schema, text, strlen(text)), 0);
    ck_assert_msg(w.bad_count == 0, "%s: %s", text, text_of(&w.bads));
    ck_assert_str_eq(text_of(&w.rows), rows);
}

static void refuses_options(const struct tm_format *format, const char *schema_text, int code,
                            const char *message)
{
    struct tm_schema *schema = make_schema(&w, schema_text);
    struct tm_decoder_args args = {
        .mem = &w.mem, .schema = schema, .max_record = 1000, .options = &w.options};
    struct tm_decoder *d = NULL;
    ck_assert_int_eq(format->decoder_new(&args, &d, &w.err), code);
    ck_assert_msg(strstr(w.err.message, message) != NULL, "%s", w.err.message);
    tm_schema_unref(schema);
}

START_TEST(a_column_may_have_another_name_in_the_source)
{
    set_option(&w, "rename.amount", "amt");
    reads(&tm_format_json, "amount decimal(10,2), b int", "{\"amt\":1.5,\"b\":2,\"amount\":7}\n",
          "{\"amount\":1.50,\"b\":2}\n");
    reads(&tm_format_csv, "amount decimal(10,2), b int", "b,amt,amount\n2,1.5,7\n",
          "{\"amount\":1.50,\"b\":2}\n");
    reads(&tm_format_msgpack, "amount decimal(10,2), b int",
          "\x82\xa3"
          "amt\x05\xa1"
          "b\x02",
          "{\"amount\":5.00,\"b\":2}\n");
    set_option(&w, "rename.b", "amount"); // two may change places
    reads(&tm_format_json, "amount decimal(10,2), b int", "{\"amt\":1.5,\"amount\":7}\n",
          "{\"amount\":1.50,\"b\":7}\n");
}
END_TEST

START_TEST(messages_say_the_name_in_the_source)
{
    set_option(&w, "rename.amount", "amt");
    ck_assert_int_eq(
        decode_text(&w, &tm_format_json, "amount int required", "{\"amt\":\"x\"}\n{}\n", 15), 0);
    ck_assert_str_eq(text_of(&w.bads),
                     "bad_type@0:1: field amt: found a string, needs int (byte 7)\n"
                     "required@12:2: field amt is required and missing\n");
}
END_TEST

START_TEST(a_default_stands_in_for_null_and_missing)
{
    const char *schema = "a int required, b string, c list(int), d any, e int";
    set_option(&w, "default.a", "5");
    set_option(&w, "default.b", "\"x\\u00e9\"");
    set_option(&w, "default.c", "[1, 2]");
    set_option(&w, "default.d", "{\"k\":[true]}");
    const char *all = "{\"a\":5,\"b\":\"x\xc3\xa9\",\"c\":[1,2],\"d\":{\"k\":[true]},\"e\":null}\n";
    reads(&tm_format_json, schema, "{}\n", all);
    reads(&tm_format_json, schema, "{}", all);
    reads(&tm_format_json, schema, "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null}\n",
          all);
    reads(&tm_format_json, schema, "{\"a\":1,\"b\":\"\",\"c\":[],\"d\":0,\"e\":2}\n",
          "{\"a\":1,\"b\":\"\",\"c\":[],\"d\":0,\"e\":2}\n");
    reads(&tm_format_csv, schema, "a,b,e\n,,\n", all);
    reads(&tm_format_csv, schema, "e\n1\n",
          "{\"a\":5,\"b\":\"x\xc3\xa9\",\"c\":[1,2],\"d\":{\"k\":[true]},\"e\":1}\n");
    reads(&tm_format_msgpack, schema, "\x80", all);
    reads(&tm_format_msgpack, schema,
          "\x81\xa1"
          "a\x07",
          "{\"a\":7,\"b\":\"x\xc3\xa9\",\"c\":[1,2],\"d\":{\"k\":[true]},\"e\":null}\n");
}
END_TEST

START_TEST(defaults_of_every_type)
{
    static const char *const types[][3] = {{"bool", "true", "true"},
                                           {"int", "-3", "-3"},
                                           {"int64", "9223372036854775807", "9223372036854775807"},
                                           {"double", "2.5", "2.5"},
                                           {"decimal(10,2)", "1.5", "1.50"},
                                           {"bytes", "\"AAEC\"", "\"AAEC\""},
                                           {"timestamp", "1000", "\"1970-01-01T00:00:01.000Z\""},
                                           {"struct(x int)", "{\"x\":1}", "{\"x\":1}"},
                                           {"map(string,int)", "{}", "{}"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char schema[64], row[128];
        clear_options(&w);
        set_option(&w, "default.a", types[i][1]);
        snprintf(schema, sizeof schema, "a %s", types[i][0]);
        snprintf(row, sizeof row, "{\"a\":%s}\n", types[i][2]);
        reads(&tm_format_json, schema, "{}\n", row);
    }
}
END_TEST

START_TEST(wrong_options_say_what_is_wrong)
{
    set_option(&w, "rename.amuont", "amt");
    refuses_options(&tm_format_json, "amount int", TM_E_OPTION, "there is no column \"amuont\"");
    ck_assert_msg(strstr(w.err.hint, "amount") != NULL, "%s", w.err.hint);
    clear_options(&w);
    set_option(&w, "rename.a", "b");
    refuses_options(&tm_format_csv, "a int, b int", TM_E_OPTION, "both \"b\" in the source");
    clear_options(&w);
    set_option(&w, "default.a", "\"x\"");
    refuses_options(&tm_format_json, "a int", TM_E_OPTION,
                    "default of column a: found a string, needs int (byte 0)");
    clear_options(&w);
    set_option(&w, "default.a", "5 6");
    refuses_options(&tm_format_msgpack, "a int", TM_E_OPTION, "default of column a: ");
    clear_options(&w);
    set_option(&w, "default.a", "[1");
    refuses_options(&tm_format_msgpack, "a list(int)", TM_E_OPTION, "cut short");
    clear_options(&w);
    set_option(&w, "default.a", "\"x");
    refuses_options(&tm_format_msgpack, "a string", TM_E_OPTION, "cut short");
    clear_options(&w);
    set_option(&w, "default.a", "");
    refuses_options(&tm_format_msgpack, "a string", TM_E_OPTION, "default of column a: ");
    clear_options(&w);
    set_option(&w, "whole", "a");
    refuses_options(&tm_format_json, "a int", TM_E_OPTION, "must be of type any");
    refuses_options(&tm_format_json, "a any, b int", TM_E_OPTION, "and the only one");
    clear_options(&w);
    set_option(&w, "layuot", "array");
    ck_assert_int_eq(tm_format_check_options(&tm_format_json, &w.mem, &w.options, &w.err),
                     TM_E_OPTION);
    clear_options(&w);
    set_option(&w, "rename.x", "y");
    ck_assert_int_eq(tm_format_check_options(&tm_format_json, &w.mem, &w.options, &w.err), 0);
    ck_assert_int_eq(tm_format_check_options(&tm_format_csv, &w.mem, &w.options, &w.err), 0);
    ck_assert_int_eq(tm_format_check_options(&tm_format_msgpack, &w.mem, &w.options, &w.err), 0);
    ck_assert_int_eq(tm_format_check_options(&tm_format_text, &w.mem, &w.options, &w.err),
                     TM_E_OPTION);
}
END_TEST

// The rows of a text in one format, written in another.
static void converts(const struct tm_format *from, const struct tm_format *to,
                     const char *schema_text, const char *text, size_t len, const char *want,
                     size_t want_len)
{
    struct tm_schema *schema = make_schema(&w, schema_text);
    struct tm_decoder *d = make_decoder(&w, from, schema, NULL, 1000);
    struct tm_encoder_args args = {.mem = &w.mem, .schema = schema, .options = &w.options};
    struct tm_encoder *e = NULL;
    struct tm_batch *batch = tm_batch_acquire(w.pool, schema);
    struct tm_buf out;
    char padded[1024] = {0};
    size_t used;
    memcpy(padded, text, len);
    tm_buf_init(&out, &w.mem);
    forget(&w);
    ck_assert_int_eq(to->encoder_new(&args, &e, &w.err), 0);
    ck_assert_int_eq(
        d->ops->decode(d, (const uint8_t *)padded, len, true, batch, &used, note_bad, &w), 0);
    ck_assert_msg(w.bad_count == 0, "%s", text_of(&w.bads));
    if (e->ops->begin != NULL)
        ck_assert_int_eq(e->ops->begin(e, &out), 0);
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_int_eq(e->ops->encode(e, batch, &row, &out, SIZE_MAX, NULL, NULL), 0);
    ck_assert_uint_eq(out.size_bytes, want_len);
    if (want_len > 0) // nothing written may have no place
        ck_assert_mem_eq(out.data, want, want_len);
    tm_batch_release(batch);
    d->ops->free(d);
    e->ops->free(e);
    tm_buf_fini(&out);
    tm_schema_unref(schema);
}

START_TEST(whole_records_go_through_a_column_of_any)
{
    const char json[] = "{\"a\":[1,null]}\n5\n\"x\"\nnull\n[]\n";
    const char msgpack[] = "\x81\xa1"
                           "a\x92\x01\xc0\x05\xa1x\xc0\x90";
    set_option(&w, "whole", "record");
    converts(&tm_format_json, &tm_format_json, "record any", json, sizeof json - 1, json,
             sizeof json - 1);
    converts(&tm_format_json, &tm_format_msgpack, "record any", json, sizeof json - 1, msgpack,
             sizeof msgpack - 1);
    converts(&tm_format_msgpack, &tm_format_json, "record any", msgpack, sizeof msgpack - 1, json,
             sizeof json - 1);
}
END_TEST

START_TEST(whole_records_of_csv_are_maps_of_texts)
{
    set_option(&w, "whole", "record");
    reads(&tm_format_csv, "record any", "a,b,\"c d\"\n1,,\"x, \"\"y\"\"\"\n\"\",2,3\n",
          "{\"record\":{\"a\":\"1\",\"b\":null,\"c d\":\"x, \\\"y\\\"\"}}\n"
          "{\"record\":{\"a\":\"\",\"b\":\"2\",\"c d\":\"3\"}}\n");
    set_option(&w, "header", "false");
    refuses_options(&tm_format_csv, "record any", TM_E_OPTION, "header is false");
}
END_TEST

START_TEST(nested_values_are_json_in_fields_of_csv)
{
    const char csv[] = "a,l,s,x\n"
                       "1,[],\"{\"\"n\"\":1,\"\"t\"\":\"\"q\"\"}\",\"[1,\"\"two\"\"]\"\n"
                       "2,\"[1,2]\",,5\n"
                       "3,\"[3,null]\",\"{\"\"n\"\":null,\"\"t\"\":null}\",true\n";
    converts(&tm_format_csv, &tm_format_csv, "a int, l list(int), s struct(n int,t string), x any",
             csv, sizeof csv - 1, csv, sizeof csv - 1);
    reads(&tm_format_csv, "l list(int), b string", "l,b\n,x\nnull,y\n\"\",z\n [1] ,q\n",
          "{\"l\":null,\"b\":\"x\"}\n{\"l\":null,\"b\":\"y\"}\n{\"l\":null,\"b\":\"z\"}\n"
          "{\"l\":[1],\"b\":\"q\"}\n");
    const char *bad = "l\n\"[1,\"\"x\"\"]\"\n[1\n{}\nx\n[1]]\n\"[\"\"\"\n";
    ck_assert_int_eq(decode_text(&w, &tm_format_csv, "l list(int)", bad, strlen(bad)), 0);
    ck_assert_str_eq(
        text_of(&w.bads),
        "bad_type@2:2: field l[2]: found a string, needs int (byte 3)\n"
        "bad_json@14:3: field l: the JSON in it: the record is cut short: no closing bracket (byte "
        "2)\n"
        "bad_type@17:4: field l: found an object, needs list(int) (byte 0)\n"
        "bad_json@20:5: field l: the JSON in it: found 'x' where a value should be (byte 0)\n"
        "bad_json@22:6: field l: the JSON in it: found ']' where the end of the value should be "
        "(byte 3)\n"
        "bad_type@27:7: field l[1]: found a string, needs int (byte 1)\n");
}
END_TEST

START_TEST(raw_takes_the_whole_input_as_one_record)
{
    const char bytes[] = "a\nb\0c\n";
    for (size_t piece = 1; piece <= sizeof bytes; piece++) {
        struct tm_schema *schema = make_schema(&w, "data bytes");
        struct tm_decoder *d = make_decoder(&w, &tm_format_raw, schema, NULL, 1000);
        forget(&w);
        ck_assert_int_eq(decode_pieces(&w, d, schema, bytes, sizeof bytes - 1, piece), 0);
        ck_assert_str_eq(text_of(&w.rows), "{\"data\":\"YQpiAGMK\"}\n");
        d->ops->free(d);
        d = make_decoder(&w, &tm_format_raw, schema, NULL, 3);
        forget(&w);
        ck_assert_int_eq(decode_pieces(&w, d, schema, bytes, sizeof bytes - 1, piece), 0);
        ck_assert_str_eq(text_of(&w.bads),
                         "too_large@0:1: the record has 6 bytes, max_record allows 3\n");
        d->ops->free(d);
        tm_schema_unref(schema);
    }
    converts(&tm_format_raw, &tm_format_raw, "data bytes", bytes, sizeof bytes - 1, bytes,
             sizeof bytes - 1);
    converts(&tm_format_raw, &tm_format_raw, "data bytes", "", 0, "", 0);
    refuses_options(&tm_format_raw, "a int", TM_E_SCHEMA, "needs one column of bytes");
    refuses_options(&tm_format_raw, "a bytes, b bytes", TM_E_SCHEMA, "there are 2");
}
END_TEST

START_TEST(formats_are_found_by_name_and_suffix)
{
    ck_assert_ptr_eq(tm_format_find("msgpack"), &tm_format_msgpack);
    ck_assert_ptr_eq(tm_format_find("raw"), &tm_format_raw);
    ck_assert_ptr_eq(tm_format_of_path("in/a.msgpack"), &tm_format_msgpack);
    ck_assert_ptr_eq(tm_format_of_path("a.mp"), &tm_format_msgpack);
    ck_assert_ptr_eq(tm_format_of_path("a.bin"), NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("columns");
    TCase *test = tcase_create("columns");
    tcase_add_checked_fixture(test, open_world, close_world);
    tcase_add_test(test, a_column_may_have_another_name_in_the_source);
    tcase_add_test(test, messages_say_the_name_in_the_source);
    tcase_add_test(test, a_default_stands_in_for_null_and_missing);
    tcase_add_test(test, defaults_of_every_type);
    tcase_add_test(test, wrong_options_say_what_is_wrong);
    tcase_add_test(test, whole_records_go_through_a_column_of_any);
    tcase_add_test(test, whole_records_of_csv_are_maps_of_texts);
    tcase_add_test(test, nested_values_are_json_in_fields_of_csv);
    tcase_add_test(test, raw_takes_the_whole_input_as_one_record);
    tcase_add_test(test, formats_are_found_by_name_and_suffix);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
